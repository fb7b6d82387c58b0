"""system.py - a system to test: started in a folder of its own, spoken to as clients do."""
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time

import msgpack
import zmq

from tap import BUILD

ROLES = ("gateway", "match", "allocate", "dispatch")
LIVE_STATES = ("proposed", "accepted", "committed", "shipped")
SMALL = ("journal.map_size_gb=1", "journal.reserve_mb=1", "gateway.tick_seconds=86400")
DEADLINE_S = int(os.environ.get("MAILLON_DEADLINE_S", "60"))  # Longer under watch.
STEP_S = 0.01
ENTRY_HEAD = struct.Struct("<IQIHBBQQQ32s")  # journal/format.md, "The form that travels".


def until(condition, what, deadline_s=DEADLINE_S):
    """Polls until the condition gives something, and returns it."""
    end = time.monotonic() + deadline_s
    while time.monotonic() < end:
        result = condition()
        if result:
            return result
        time.sleep(STEP_S)
    raise AssertionError(f"waited {deadline_s} s for {what}")


def new_id():
    return random.randbytes(16)


def free_port():
    """A port of this machine that nobody uses now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def read_key(path):
    """The lines of a key file: "public" and, of a secret file, "secret"."""
    lines = pathlib.Path(path).read_text().splitlines()
    return dict(line.split() for line in lines if not line.startswith("#"))


class System:
    """A supervised maillond. Used as a context, it is ended and its folder removed. With `remote` it
    has keys, and gateway and dispatcher listen on tcp too."""

    def __init__(self, *settings, remote=False, place=None, **options):
        """Data lie in `place` when given; options are those of the process."""
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="maillon-"))
        self.data = pathlib.Path(place or self.folder) / "data"
        self.options = options
        self.remote = {role: f"tcp://127.0.0.1:{free_port()}" for role in ("gateway", "dispatch")}
        if remote:
            self.init_keys()
            settings += tuple(f"{role}.endpoint={self.remote[role]}" for role in self.remote)
        self.settings = [word for setting in (*SMALL, *settings) for word in ("--set", setting)]
        self.log = open(self.folder / "log", "a+")
        self.daemon = None

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.close()
            raise

    def __exit__(self, kind, *_):
        if kind not in (None, SystemExit):
            self.log.seek(0)
            print("".join(f"# {line}" for line in self.log.readlines()[-20:]), flush=True)
        self.close()

    def close(self):
        self.kill()
        self.log.close()
        shutil.rmtree(self.folder)

    def start(self):
        self.begin()
        until(self.is_ready, "the system to be ready")
        return self

    def begin(self):
        """Starts it without waiting until it is ready."""
        self.daemon = subprocess.Popen(
            [f"{BUILD}/maillond/maillond", "--data", self.data, "--log-level", "warn",
             *self.settings], stdout=self.log, stderr=self.log, **self.options)

    def is_ready(self):
        assert self.daemon.poll() is None, f"maillond ended with {self.daemon.returncode}"
        return self.maillon("check").returncode == 0

    def stop(self):
        """Ends it in order; gives the exit status."""
        self.daemon.send_signal(signal.SIGTERM)
        return self.daemon.wait(DEADLINE_S)

    def kill(self):
        """Ends what still runs: first the supervisor, so that it starts nothing again."""
        if self.daemon is None or self.daemon.poll() is not None:
            return
        self.daemon.send_signal(signal.SIGSTOP)
        roles = self.pids()
        self.daemon.kill()
        self.daemon.wait()
        for pid in roles.values():
            os.kill(pid, signal.SIGKILL)

    def pids(self):
        """Process ids of the roles, as the kernel knows them: also of those not ready yet."""
        try:
            children = pathlib.Path(
                f"/proc/{self.daemon.pid}/task/{self.daemon.pid}/children").read_text().split()
            words = {int(pid): pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
                     for pid in children}
        except (FileNotFoundError, ProcessLookupError):
            return {}  # One ended while we looked.
        return {role: pid for pid, line in words.items() for role in ROLES
                if role.encode() in line[1:2]}

    def maillon(self, *arguments, **options):
        """Runs the command; gives its exit status, output and talk."""
        return subprocess.run(
            [f"{BUILD}/cli/maillon", "--data", self.data, *map(str, arguments)],
            capture_output=True, text=True, timeout=5 * DEADLINE_S, check=False,
            cwd=self.folder, **options)

    def json(self, *arguments, **options):
        """The objects that a verb prints; it must succeed."""
        done = self.maillon(*arguments, "--json", **options)
        assert done.returncode == 0, f"{arguments}: {done.returncode}: {done.stderr}{done.stdout}"
        return [json.loads(line) for line in done.stdout.splitlines()]

    def stats(self):
        return self.json("stats")[0]

    def wait_idle(self, deadline_s=DEADLINE_S):
        """Until every role has taken in what the one before it had; gives the figures."""
        def idle():
            stats = self.stats()
            roles = [stats["roles"][role] for role in ROLES]
            is_idle = all(role["ready"] for role in roles) and all(
                after["cursor"] >= before["last"] for before, after in zip(roles, roles[1:]))
            return stats if is_idle else None
        return until(idle, "the system to be idle", deadline_s)

    def peer(self, name):
        """A connection: "gateway", "dispatch", or a role's "match.control"."""
        return Peer(f"ipc://{self.data}/run/{name}")

    def remote_peer(self, role, key, server_key=None, **options):
        """A connection over tcp with the key pair of a file, or with none."""
        server = server_key or read_key(self.data / "keys" / "server.pub")["public"]
        return Peer(self.remote[role], key=key and read_key(key), server_key=server, **options)

    def init_keys(self):
        """The key pairs of the server and of the first admin."""
        subprocess.run([f"{BUILD}/maillond/maillond", "init", self.data], check=True,
                       capture_output=True)

    def make_operator(self, name, party):
        """A new key file, registered by the admin and confirmed here; gives its path."""
        path = self.make_key(name)
        self.json("key", "register", f"{path}.pub", "--party", party, "--roles", "operator",
                  "--gateway", self.remote["gateway"], "--key", self.data / "keys" / "admin",
                  "--server-key", self.data / "keys" / "server.pub")
        self.json("key", "confirm", f"{path}.pub")
        return path

    def make_key(self, name, party=None, roles=None, *more):
        """A new key file, registered when it has a party; gives its path."""
        path = self.folder / name
        self.json("key", "new", path)
        if party:
            self.json("key", "register", f"{path}.pub", "--party", party, "--roles", roles, *more)
        return path

    def metrics(self, role):
        """The figures of a role, by name."""
        with socket.socket(socket.AF_UNIX) as one:
            one.connect(f"{self.data}/run/{role}.metrics")
            page = b"".join(iter(lambda: one.recv(65536), b"")).decode()
        lines = [line.rsplit(" ", 1) for line in page.splitlines() if line.startswith("maillon_")]
        return {name.split("{")[0].removeprefix("maillon_"): float(value)
                for name, value in lines if "name=" not in name}

    def entries(self, role):
        """Every entry of the role's feed, as its control socket replays it."""
        entries = []
        with self.peer(f"{role}.control") as control:
            while True:
                kind, page = control.ask("replay", {"from": len(entries) + 1, "size_max": 500000})
                assert kind == "entries", (kind, page)
                entries += entries_in(page.get("data", b""))
                if len(entries) >= page.get("last", 0):
                    return entries

    def assert_journals_are_good(self):
        """Every byte verifies, and deciding everything again gives the same feeds."""
        for verb in ("verify", "replay"):
            done = self.maillon(verb)
            assert done.returncode == 0, f"{verb}: {done.stdout}{done.stderr}"


def entries_in(data):
    """The entries of a page: number, kind, chain and body."""
    entries, at = [], 0
    while at < len(data):
        size, number, _, kind, _, _, _, _, _, chain = ENTRY_HEAD.unpack_from(data, at)
        body = data[at + ENTRY_HEAD.size:at + 4 + size]
        entries.append({"seq": number, "kind": kind, "chain": chain, "body": body})
        at += 4 + size
    return entries


class Peer:
    """A DEALER socket that speaks the protocol."""

    def __init__(self, endpoint, key=None, server_key=None, routing_id=None):
        self.socket = zmq.Context.instance().socket(zmq.DEALER)
        self.socket.set(zmq.LINGER, 0)
        self.socket.set(zmq.RECONNECT_IVL, 5)
        if routing_id:
            self.socket.set(zmq.ROUTING_ID, routing_id)
        if key:
            self.socket.set(zmq.RECONNECT_IVL, 100)  # As the library does: a storm passes sooner.
            self.socket.set(zmq.RECONNECT_IVL_MAX, 2000)
            self.socket.curve_serverkey = server_key.encode()
            self.socket.curve_publickey = key["public"].encode()
            self.socket.curve_secretkey = key["secret"].encode()
        self.socket.connect(endpoint)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send(self, kind, body):
        header = {"v": 1, "t": kind, "id": new_id()}
        self.socket.send_multipart([msgpack.packb(header), msgpack.packb(body)])
        return header["id"]

    def receive(self, timeout_s=DEADLINE_S):
        """The next message's name and body; nothing when none comes in time."""
        if not self.socket.poll(int(timeout_s * 1000)):
            return None, {}
        header, body = (msgpack.unpackb(frame) for frame in self.socket.recv_multipart())
        return header["t"], body

    def ask(self, kind, body, timeout_s=DEADLINE_S):
        self.send(kind, body)
        return self.receive(timeout_s)

    def submit(self, *commands):
        """Submits pairs of name and body; gives the results."""
        kind, body = self.ask("submit", {"commands": [
            {"id": new_id(), "t": name, "body": fields} for name, fields in commands]})
        assert kind == "answers", (kind, body)
        return body["results"]

    def submit_all(self, commands):
        """Submits any number of commands, each of which must be accepted."""
        for at in range(0, len(commands), 256):
            for result in self.submit(*commands[at:at + 256]):
                assert result["accepted"], result

    def rows(self, **wanted):
        """A whole snapshot: the position that the rows stand for, and the rows."""
        rows, start, seq = [], 0, None
        while start is not None:
            kind, page = self.ask("snapshot", {**wanted, "from": start})
            assert kind == "rows", (kind, page)
            seq = page.get("seq", 0) if seq is None else seq
            rows += page["rows"]
            start = page.get("next") or None
        return seq, rows

    def follow(self, after=0, credit=65536, **wanted):
        """Subscribes, and reads up to the first head; gives the events."""
        events = []
        kind, body = self.ask("subscribe", {"after": after, "credit": credit, **wanted})
        while kind == "event":
            events += body["events"]
            self.send("credit", {"n": len(body["events"]), "ack": events[-1]["seq"]})
            kind, body = self.receive()
        assert kind == "head", (kind, body)
        return events


def picture(events):
    """Assignments as the events leave them, by number."""
    return {event["assignment"]: event for event in events if event["t"] == "assignment"}


def live_units(assignments):
    return sum(one["quantity"] for one in assignments if one["state"] in LIVE_STATES)
