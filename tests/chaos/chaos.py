#!/usr/bin/python3
"""chaos.py - the real processes under kills, pauses and a bad network, while clients work.

    chaos.py --seconds N [--seed S] [--keep DIR]

In rounds: a fresh system, a seed that draws which faults there are and when they strike, clients
that write down what they saw (client.c), then calm: everything said has to be answered, decided
and told within a bounded time. What the clients saw is compared with what is stored (history.py).
Prints a line of JSON. With --keep the notes and the log of a round that broke something are left
in DIR.
"""
import argparse
import collections
import heapq
import itertools
import json
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "system"))
import msgpack  # noqa: E402  What the system tests have in common stands there.

import network  # noqa: E402
from history import Client, History  # noqa: E402
from proxy import BACK, TOWARDS, Proxy  # noqa: E402
from system import ROLES, new_id, until  # noqa: E402
from systems import Apart, Supervised, url  # noqa: E402
from tap import BUILD  # noqa: E402

ROUND_S = 20  # Of faults; the calm behind them comes on top.
CALM_S = 60  # Within which everything must be decided.
SLOW_S = 15  # Worth a line.
STEP_S = 0.005
PER_SECOND = 100  # Commands of each client.
CLIENTS = (("anna", ""), ("bert", ""), ("carl", "carl"), ("dora", "dora"))  # And whose stream.
SETUP = "setup"
KINDS = {1: "party.put", 2: "product.put", 3: "need.put", 4: "need.cancel", 6: "offer.put",
         9: "capacity.put", 10: "assignment.accept", 11: "assignment.decline"}


def micros():
    return time.monotonic_ns() // 1000


class ClientProcess:
    """A client of the library, in as many lives as it takes, and its notes."""

    def __init__(self, system, name, party, seed):
        self.notes = Client(name, party or None)
        self.path = system.folder / f"{name}.notes"
        self.words = [f"{BUILD}/tests/chaos/chaos_client", name, party, str(seed), str(PER_SECOND),
                      url(system.fronts["gateway"]), url(system.fronts["dispatch"]), self.path,
                      system.client_key, system.data / "keys" / "server.pub"]
        self.log, self.process, self.read_to = system.log, None, 0
        self.start()

    def start(self):
        if self.process is None or self.process.poll() is not None:
            self.process = subprocess.Popen(self.words, stdout=self.log, stderr=self.log)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def read(self):
        """Takes in what was written since; gives the notes."""
        if self.path.exists():
            with open(self.path, "rb") as file:
                file.seek(self.read_to)
                for line in file:
                    if not line.endswith(b"\n"):
                        break  # Still being written, or cut short by a kill.
                    self.read_to += len(line)
                    self.notes.take(line.decode().rstrip("\n"))
        return self.notes

    def has_all_answers(self):
        """What it has sent is answered, and it will send nothing new."""
        code = self.process.poll()
        assert code is None, f"{self.notes.name} ended with {code}"
        self.process.send_signal(signal.SIGUSR1)  # Again and again: it may have begun just now.
        notes = self.read()
        return len(notes.answered) == len(notes.sent)


class Nemesis:
    """Strikes now and then with one of the faults that this seed has drawn."""

    def __init__(self, system, clients, net, chance, counts):
        self.system, self.clients, self.net = system, clients, net
        self.chance, self.counts = chance, counts
        self.later, self.number = [], itertools.count()
        kinds = [self.kill, self.stop, self.pause, self.kill_in_recovery, self.end_everything,
                 self.kill_client, self.pause_client, self.delay, self.stall, self.throttle,
                 self.cut, self.cut_at, self.forget, self.refuse]
        if net.is_there:
            kinds += [self.partition, self.lose, self.reset]
        drawn = [kind for kind in kinds if chance.random() < 0.6]
        self.kinds = drawn or kinds

    def run(self, seconds, is_short):
        self.long_s = 1.5 if is_short else 9
        end, strike_at = time.monotonic() + seconds, 0
        while (now := time.monotonic()) < end:
            while self.later and self.later[0][0] <= now:
                heapq.heappop(self.later)[2]()
            if now >= strike_at:
                self.chance.choice(self.kinds)()
                strike_at = now + self.chance.uniform(0.02, 0.7)
            time.sleep(STEP_S)
        self.heal()

    def heal(self):
        for link in self.system.links:
            link.heal()
        if self.net.is_there:
            self.net.flush()
        self.system.go_on()
        for client in self.clients:
            client.start()
            client.process.send_signal(signal.SIGCONT)

    def after(self, seconds, action):
        heapq.heappush(self.later, (time.monotonic() + seconds, next(self.number), action))

    def duration(self):
        """Mostly short, now and then beyond all heartbeats."""
        return self.chance.uniform(0.02, self.chance.choice([0.2, 1, self.long_s]))

    def role(self):
        return self.chance.choice(ROLES)

    def end(self, role, number, what):
        if self.system.end(role, number):
            self.counts[what] += 1
            self.after(self.chance.uniform(0, 0.8), lambda: self.restart(role))

    def restart(self, role):
        self.counts["restarts"] += 1
        self.system.start_role(role)

    def kill(self):
        self.end(self.role(), signal.SIGKILL, "kills")

    def stop(self):
        self.end(self.role(), signal.SIGTERM, "stops")

    def pause(self):
        role = self.role()
        if self.system.signal(role, signal.SIGSTOP):
            self.counts["pauses"] += 1
            self.after(self.duration(), lambda: self.system.signal(role, signal.SIGCONT))

    def kill_in_recovery(self):
        role = self.role()
        self.end(role, signal.SIGKILL, "kills")
        for turn in range(1, 4):
            self.after(turn * self.chance.uniform(0.01, 0.05), lambda: self.restart(role))
            self.after(turn * self.chance.uniform(0.02, 0.1),
                       lambda: self.end(role, signal.SIGKILL, "kills"))

    def end_everything(self):
        if self.chance.random() < 0.7:
            return  # Not as often as the others.
        is_orderly = self.chance.random() < 0.5
        self.counts["stops" if is_orderly else "kills"] += len(ROLES)
        self.system.end_all(is_orderly)
        self.after(self.chance.uniform(0, 0.5), self.restart_all)

    def restart_all(self):
        self.counts["restarts"] += len(ROLES)
        self.system.start_all()

    def kill_client(self):
        client = self.chance.choice(self.clients)
        client.kill()
        self.counts["client_kills"] += 1
        self.after(self.chance.uniform(0, 0.5), client.start)

    def pause_client(self):
        client = self.chance.choice(self.clients)
        client.process.send_signal(signal.SIGSTOP)
        self.counts["client_pauses"] += 1
        self.after(self.duration(), lambda: client.process.send_signal(signal.SIGCONT))

    def spoil(self, what, field, value):
        """A fault of a link, for some time."""
        link = self.chance.choice(self.system.links)
        setattr(link, field, value)
        self.counts[what] += 1
        self.after(self.duration(), link.heal)

    def delay(self):
        self.spoil("delays", "delay_s", self.chance.uniform(0.001, 0.3))

    def stall(self):
        self.spoil("stalls", "is_stalled", True)

    def throttle(self):
        self.spoil("throttles", "bytes_per_s", self.chance.randrange(2000, 200000))

    def refuse(self):
        self.spoil("refusals", "is_refusing", True)

    def cut_at(self):
        self.spoil("cuts", "cut_after", self.chance.randrange(5000))

    def cut(self):
        self.counts["cuts"] += 1
        self.system.proxy.call(self.chance.choice(self.system.links).cut())

    def forget(self):
        """Only what clients use: nobody loses bytes between two processes of one machine."""
        link = self.chance.choice(self.system.links[:2])
        ways = self.chance.choice([[TOWARDS], [BACK], [TOWARDS, BACK]])
        self.counts["half_open"] += 1
        self.system.proxy.call(link.forget(ways))

    def partition(self):
        self.counts["partitions"] += 1
        for port in self.chance.sample(self.system.ports(), self.chance.choice([1, 1, 4])):
            self.net.drop(self.chance.choice(["dport", "sport"]), port)
        self.after(self.duration(), self.net.flush)

    def lose(self):
        self.counts["losses"] += 1
        self.net.lose(self.chance.randint(1, 30), self.chance.choice(self.system.ports()))
        self.after(self.duration(), self.net.flush)

    def reset(self):
        self.counts["resets"] += self.net.reset(self.chance.choice(self.system.ports()))


class Round:
    """One system, its clients, faults, and what was left of it."""

    def __init__(self, seed, net):
        self.seed, self.net = seed, net
        self.chance = random.Random(seed)
        self.counts = collections.Counter()
        self.violations = []
        self.liveness_s = 0.0
        random.seed(seed)

    def run(self, seconds, is_short=False, kind=None, keep=None):
        kind = kind or self.chance.choice([Apart, Supervised])
        with Proxy() as proxy, kind(proxy) as system:
            clients = []
            try:
                setup = set_up(system)
                clients = [ClientProcess(system, name, party, self.seed * 10 + number)
                           for number, (name, party) in enumerate(CLIENTS)]
                Nemesis(system, clients, self.net, self.chance, self.counts).run(seconds, is_short)
                self.look(system, clients, setup)
            finally:
                for client in clients:
                    client.kill()
            if self.violations and keep:
                shutil.copytree(system.folder, f"{keep}/{self.seed}", symlinks=True,
                                ignore=shutil.ignore_patterns("*.mdb", "*.feed", "*.control",
                                                              "*.metrics", "*.notify"))
        return self

    def look(self, system, clients, setup):
        """Waits for the calm, and for all that must have come with it."""
        started, came = time.monotonic(), []
        try:
            for what in settle(system, clients):
                came.append(f"{what} {time.monotonic() - started:.1f} s")
        except AssertionError as problem:
            stats = system.maillon("stats", "--json").stdout
            self.violations.append(f"not live: {problem}: {stats}")
        self.liveness_s = time.monotonic() - started
        if self.liveness_s > SLOW_S:
            print(f"chaos: seed {self.seed}: a slow calm: {', '.join(came)}", file=sys.stderr)
        notes = [setup, *(client.read() for client in clients)]
        if not self.violations:
            history = History(notes, journal_of(system), stream_of(system))
            self.violations += history.violations()
            self.end(system, clients)
        self.violations += [f"trouble: {line}" for line in system.troubles()]
        self.counts["submitted"] = sum(len(one.sent) for one in notes)
        self.counts["acknowledged"] = sum(len(one.answered) for one in notes)
        self.counts["events"] = sum(len(one.events()) for one in notes)

    def end(self, system, clients):
        for client in clients:
            client.process.terminate()
            code = client.process.wait(CALM_S)
            if code != 0:
                self.violations.append(f"trouble: {client.notes.name} ended with {code}")
        code = system.stop()
        if code != 0:
            self.violations.append(f"trouble: the system ended with {code}")
        try:
            system.assert_journals_are_good()
        except AssertionError as problem:
            self.violations.append(f"journals: {problem}")


def set_up(system):
    """What all clients refer to, as a client that has no faults, and their key. Gives its notes."""
    commands = [("party.put", {"party": name, "roles": "requester|offerer"})
                for name in ("depot", *(name for name, _ in CLIENTS))]
    products = [*(f"plenty{number}" for number in range(4)),
                *(f"scarce{number}" for number in range(2))]
    commands += [("product.put", {"product": name, "need_max": 990}) for name in products]
    commands += [("offer.put", {"offer": f"depot-{name}", "party": "depot", "product": name,
                                "kind": "stock", "quantity": 10**9})
                 for name in products if name.startswith("plenty")]
    notes = Client(SETUP)
    with system.peer("gateway") as gateway:
        for name, body in commands:
            one = new_id()
            notes.sent[one.hex()] = (micros(), name, body)
            kind, answer = gateway.ask("submit",
                                       {"commands": [{"id": one, "t": name, "body": body}]})
            assert kind == "answers", (kind, answer)
            result = answer["results"][0]
            notes.answers.append((micros(), one.hex(), "ok" if result["accepted"] else "refused",
                                  result["position"], result["chain"].hex(), False))
            notes.answered.add(one.hex())
    system.client_key = system.make_operator("clients.key", "depot")
    return notes


def last_position(system, party):
    """Of a stream: what a reset says to one who asks for more than there is."""
    with system.peer("dispatch") as dispatch:
        kind, body = dispatch.ask("subscribe", {"after": 2**62, "credit": 1,
                                                **({"party": party} if party else {})})
        assert kind == "reset", (kind, body)
        return body.get("last", 0)


def settle(system, clients):
    """Waits until everything is answered, decided and told; gives what has come so far."""
    end = time.monotonic() + CALM_S

    def left():
        return max(end - time.monotonic(), 0)

    until(system.is_ready, "every role to serve", left())
    yield "roles"
    until(lambda: all([client.has_all_answers() for client in clients]), "all answers", left())
    yield "answers"
    system.wait_idle(left())
    yield "decisions"
    for client in clients:
        last = last_position(system, client.notes.party)
        until(lambda: client.read().last >= last, f"{client.notes.name} to have {last} events",
              left())
    yield "events"


def journal_of(system):
    """The commands in the gateway's journal, as the checker wants them."""
    found = []
    for entry in system.entries("gateway"):
        intake = msgpack.unpackb(entry["body"])
        if entry["kind"] in KINDS:
            found.append({"id": intake["id"].hex(), "by": intake["by"], "position": intake["n"],
                          "chain": entry["chain"].hex(), "type": KINDS[entry["kind"]],
                          "body": intake["body"]})
    return found


def stream_of(system):
    """The whole stream, as the clients' library prints it."""
    with system.peer("dispatch") as dispatch:
        return [{key: value.hex() if isinstance(value, bytes) else value
                 for key, value in event.items()} for event in dispatch.follow()]


def report(rounds, seconds, first_seed):
    counts = sum((one.counts for one in rounds), collections.Counter())
    names = ("kills", "stops", "pauses", "restarts", "partitions", "losses", "resets", "cuts",
             "delays", "stalls", "throttles", "refusals", "half_open", "client_kills",
             "client_pauses", "submitted", "acknowledged", "events")
    return {"seconds": round(seconds, 1), "seeds": [first_seed, first_seed + len(rounds) - 1],
            **{name: counts[name] for name in names},
            "violations": sum(len(one.violations) for one in rounds),
            "liveness_seconds": round(max(one.liveness_s for one in rounds), 1)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", metavar="DIR")
    options = parser.parse_args()
    network.enter()
    net = network.Network()
    started, rounds = time.monotonic(), []
    while not rounds or time.monotonic() - started < options.seconds:
        left = options.seconds - (time.monotonic() - started)
        one = Round(options.seed + len(rounds), net)
        rounds.append(one.run(max(min(ROUND_S, left), 5), keep=options.keep))
        for line in one.violations[:20]:
            print(f"chaos: seed {one.seed}: {line}", file=sys.stderr)
    print(json.dumps(report(rounds, time.monotonic() - started, options.seed)))
    sys.exit(1 if any(one.violations for one in rounds) else 0)


if __name__ == "__main__":
    main()
