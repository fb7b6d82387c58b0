#!/usr/bin/python3
"""The examples in C, Python and Node behave alike, against a live system.

Reports in TAP. MAILLON_BUILD is the build directory ("build"). With MAILLON_MOCK=1 the system is
tests/system/mock.py, to try the examples without a daemon.
"""
import datetime
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import msgpack
import zmq

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("MAILLON_BUILD", ROOT / "build")).resolve()
EXAMPLES = ROOT / "client" / "examples"
IS_MOCK = os.environ.get("MAILLON_MOCK") == "1"
DEADLINE_S = 60
STEP_S = 0.02
NOT_FOUND, USAGE, DATA = 66, 64, 65

LANGUAGES = {
    "C": {"adapter": [BUILD / "client" / "adapter"], "console": [BUILD / "client" / "console"]},
    "Python": {name: ["/usr/bin/python3", EXAMPLES / "python" / f"{name}.py"]
               for name in ("adapter", "console")},
    "Node": {name: ["node", EXAMPLES / "node" / f"{name}.mjs"] for name in ("adapter", "console")},
}


def until(condition, what):
    """Polls until the condition gives something; fails after the deadline."""
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        result = condition()
        if result:
            return result
        time.sleep(STEP_S)
    raise AssertionError(f"waited {DEADLINE_S} s for {what}")


def expect_equal(actual, expected, what):
    assert actual == expected, f"{what}: {actual!r}, not {expected!r}"


class System:
    """A maillond with its data in a directory of its own."""

    def __init__(self, data):
        self.data = data
        self.log = open(data.parent / "daemon.log", "w")
        command = ["/usr/bin/python3", ROOT / "tests/system/mock.py"] if IS_MOCK else [
            BUILD / "maillond" / "maillond"]
        self.process = subprocess.Popen([*command, "--data", data], stdout=self.log,
                                        stderr=self.log, start_new_session=True)
        until(self.is_ready, "the system to be ready")

    def is_ready(self):
        assert self.process.poll() is None, f"the daemon ended with {self.process.returncode}"
        if IS_MOCK:
            return (self.data / "run" / "dispatch").exists()
        return subprocess.run([BUILD / "cli" / "maillon", "--data", self.data, "check"],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                              check=False).returncode == 0

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(DEADLINE_S)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self.log.close()


class Client:
    """Speaks the protocol, as short as can be."""

    def __init__(self, data):
        self.data = data

    def connect(self, broker):
        socket = zmq.Context.instance().socket(zmq.DEALER)
        socket.set(zmq.LINGER, 0)
        socket.connect(f"ipc://{self.data}/run/{broker}")
        return socket

    @staticmethod
    def ask(socket, kind, body, timeout_s=5):
        header = {"v": 1, "t": kind, "id": os.urandom(16)}
        socket.send_multipart([msgpack.packb(header), msgpack.packb(body)])
        if not socket.poll(timeout_s * 1000):
            return None, {}
        header, body = (msgpack.unpackb(frame) for frame in socket.recv_multipart())
        return header["t"], body

    def submit(self, kind, body):
        """Until it is accepted: what it refers to may not have come round to the gateway yet."""
        with self.connect("gateway") as socket:
            command = {"id": os.urandom(16), "t": kind, "body": body}

            def is_accepted():
                _, answer = self.ask(socket, "submit", {"commands": [command]})
                results = [one for one in answer.get("results", [])
                           if one["id"] == command["id"]]
                codes = {one.get("code") for one in results} - {None, "", "unknown", "full"}
                assert not codes, f"{kind} {body} is refused: {results}"
                return results and results[0]["accepted"]

            until(is_accepted, f"{kind} to be accepted")

    def events(self):
        """Everything up to the first head."""
        events = []
        with self.connect("dispatch") as socket:
            kind, body = self.ask(socket, "subscribe", {"after": 0, "credit": 65536})
            while kind == "event":
                events += body["events"]
                assert socket.poll(DEADLINE_S * 1000), "no head came"
                header, body = (msgpack.unpackb(frame) for frame in socket.recv_multipart())
                kind = header["t"]
            return events if kind == "head" else []

    def await_needs(self, needs):
        """Until each of the needs has an assignment."""
        def are_served():
            return needs <= {event.get("need") for event in self.events()}
        until(are_served, f"{len(needs)} needs to be served")


def fill(client):
    """Two parties, a product, and an offer that is enough for all needs of this test."""
    today = datetime.date.today()
    client.submit("party.put", {"party": "factory", "roles": "offerer"})
    client.submit("party.put", {"party": "hospital", "roles": "requester"})
    client.submit("product.put", {"product": "mask", "name": "Masque", "lot": 10})
    for language in LANGUAGES:
        client.submit("offer.put", {
            "offer": f"line-{language}", "party": "factory", "product": "mask",
            "kind": "capacity", "per_day": 1000, "from": today.isoformat(),
            "to": (today + datetime.timedelta(days=60)).isoformat()})


def put_needs(client, prefix, count):
    names = {f"{prefix}-{number}" for number in range(count)}
    for name in sorted(names):
        client.submit("need.put", {"need": name, "party": "hospital", "product": "mask",
                                   "quantity": 50, "class": 2})
    client.await_needs(names)


class Example:
    """The two programs of one language."""

    def __init__(self, language, system, directory):
        self.commands = LANGUAGES[language]
        self.offer = f"line-{language}"
        self.data = system.data
        self.directory = directory / language
        self.directory.mkdir()
        assert language != "Node" or (EXAMPLES / "node" / "node_modules").exists(), \
            "Node's packages are missing: run ./dev setup"

    def run(self, name, *arguments, text=None):
        return subprocess.run([*self.commands[name], "--data", self.data, *arguments], input=text,
                              capture_output=True, text=True, timeout=DEADLINE_S, check=False,
                              cwd=self.directory)

    def report(self, *arguments, text=None):
        """Positions that the adapter's reports were accepted at."""
        done = self.run("adapter", "--offer", self.offer, *arguments, text=text)
        expect_equal(done.returncode, 0, f"adapter's exit code ({done.stderr.strip()})")
        words = [line.split() for line in done.stdout.splitlines()]
        assert all(len(line) == 2 and line[0] == "accepted" for line in words), done.stdout
        return [int(line[1]) for line in words]

    def watch(self, cursor):
        """Events up to the head, as the console prints them."""
        done = self.run("console", "--cursor", cursor, "--until-idle")
        expect_equal(done.returncode, 0, f"console's exit code ({done.stderr.strip()})")
        return [json.loads(line) for line in done.stdout.splitlines()]


def adapter_reports_are_accepted(example, _client):
    positions = example.report("--per-day", "900", "--number", "1")
    expect_equal(len(positions), 1, "answers")
    positions += example.report(text="910\n920\n")
    expect_equal(len(positions), 3, "answers")
    assert positions == sorted(set(positions)), f"positions {positions} do not rise"


def adapter_exit_codes_tell_what_was_wrong(example, _client):
    done = example.run("adapter", "--offer", "nobody-s", "--per-day", "5")
    expect_equal(done.returncode, NOT_FOUND, f"exit code ({done.stderr.strip()})")
    done = example.run("adapter", "--offer", example.offer, "--per-day", "many")
    expect_equal(done.returncode, DATA, f"exit code ({done.stderr.strip()})")
    done = example.run("adapter", "--per-day", "5")
    expect_equal(done.returncode, USAGE, f"exit code ({done.stderr.strip()})")
    done = example.run("console", "--what")
    expect_equal(done.returncode, USAGE, f"exit code ({done.stderr.strip()})")


def console_prints_every_event(example, client):
    printed = example.watch("all")
    told = [event for event in client.events() if event["seq"] <= printed[-1]["seq"]]
    expect_equal(printed, json.loads(json.dumps(told, default=bytes.hex)), "events printed")
    for event in printed:
        wanted = {"seq", "assignment", "state", "need", "offer", "quantity"}
        assert event["t"] != "assignment" or wanted <= event.keys(), f"{event} lacks fields"
    expect_equal(example.watch("all"), [], "events printed twice")


def seqs_in(path):
    lines = path.read_text().splitlines() if path.exists() else []
    return [json.loads(line)["seq"] for line in lines]


def console_killed_and_restarted_goes_on(example, client):
    output, cursor = example.directory / "lines", example.directory / "cursor"
    with open(output, "a") as file:
        process = subprocess.Popen(
            [*example.commands["console"], "--data", example.data, "--cursor", cursor],
            stdout=file, cwd=example.directory)
        last = client.events()[-1]["seq"]
        # Killed behind a batch: what was printed is what the cursor says.
        until(lambda: cursor.exists() and int(cursor.read_text() or 0) >= last, "the cursor")
        process.kill()
        process.wait()
    put_needs(client, f"again-{example.directory.name}", 3)
    last = client.events()[-1]["seq"]
    with open(output, "a") as file:
        process = subprocess.Popen(
            [*example.commands["console"], "--data", example.data, "--cursor", cursor],
            stdout=file, cwd=example.directory)
        until(lambda: int(cursor.read_text() or 0) >= last, "the cursor")
        process.terminate()
        process.wait()
    seqs = seqs_in(output)
    expected = [event["seq"] for event in client.events() if event["seq"] <= seqs[-1]]
    expect_equal(seqs, expected, "positions over a restart")


CASES = [adapter_reports_are_accepted, adapter_exit_codes_tell_what_was_wrong,
         console_prints_every_event, console_killed_and_restarted_goes_on]


def run_case(number, case, language, system, client, directory):
    name = f"{language} {case.__name__.replace('_', ' ')}"
    try:
        path = pathlib.Path(tempfile.mkdtemp(dir=directory))
        case(Example(language, system, path), client)
        print(f"ok {number} - {name}", flush=True)
        return True
    except (AssertionError, OSError, subprocess.TimeoutExpired) as problem:
        print(f"not ok {number} - {name}", flush=True)
        print("".join(f"# {line}\n" for line in str(problem).splitlines()), end="", flush=True)
        return False


def main():
    directory = pathlib.Path(tempfile.mkdtemp(prefix="languages-"))
    (directory / "data").mkdir(mode=0o700)
    runs = [(case, language) for case in CASES for language in LANGUAGES]
    print(f"1..{len(runs)}", flush=True)
    system = System(directory / "data")
    try:
        client = Client(system.data)
        fill(client)
        put_needs(client, "need", 20)
        passed = [run_case(number, case, language, system, client, directory)
                  for number, (case, language) in enumerate(runs, 1)]
    finally:
        system.stop()
    if not all(passed):
        print(f"# the daemon's log: {directory / 'daemon.log'}")
        return 1
    shutil.rmtree(directory)
    return 0


if __name__ == "__main__":
    sys.exit(main())
