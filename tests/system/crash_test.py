"""crash_test.py - roles are killed at any moment, and nothing is lost, doubled or changed."""
import os
import random
import signal
import sys
import time

import msgpack

from system import LIVE_STATES, ROLES, System, live_units, new_id, picture, until
from tap import run_cases

SEED = int(os.environ.get("MAILLON_SEED", "1"))
COMMANDS = 20000
KILLS_EACH = 7
BATCH, BATCHES_OUT = 64, 8
PARTIES, PRODUCTS = 60, 100
PATIENCE_S = 5  # An answer that takes longer is asked for again.


class Commands:
    """Commands that refer only to what was accepted, so that each of them is good."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.made = 0
        self.needs, self.offers, self.assignments = [], [], {}

    def next(self):
        """Name and body of the next command."""
        number = self.made
        self.made += 1
        if number < PARTIES:
            return "party.put", {"party": f"p{number}", "roles": "requester|offerer"}
        if number < PARTIES + PRODUCTS:
            return "product.put", {"product": f"x{number - PARTIES}", "lot": 5, "need_max": 990}
        makers = ((self.need, 55), (self.offer, 15), (self.capacity, 10), (self.answer, 15),
                  (self.end, 5))
        maker = self.random.choices([maker for maker, _ in makers], [many for _, many in makers])
        return maker[0](number) or self.need(number)

    def common(self):
        return {"party": f"p{self.random.randrange(PARTIES)}",
                "product": f"x{self.random.randrange(PRODUCTS)}"}

    def need(self, number):
        return "need.put", {"need": f"n{number}", **self.common(),
                            "quantity": self.random.randint(1, 1000),
                            "class": self.random.randint(1, 5)}

    def offer(self, number):
        return "offer.put", {"offer": f"o{number}", **self.common(), "kind": "stock",
                             "quantity": self.random.randint(1, 3000)}

    def capacity(self, _):
        return self.offers and ("capacity.put", {
            "offer": self.random.choice(self.offers), "per_day": self.random.randint(0, 3000)})

    def answer(self, _):
        if not self.assignments:
            return None
        number, event = self.assignments.popitem()
        party = self.random.choice([event["requester"], event["offerer"]])
        if self.random.random() < 0.3:
            return "assignment.decline", {"assignment": number, "party": party, "reason": "price"}
        return "assignment.accept", {"assignment": number, "party": party}

    def end(self, _):
        if self.offers and self.random.random() < 0.2:
            place = self.random.randrange(len(self.offers))
            return "offer.withdraw", {"offer": self.offers.pop(place)}
        if self.needs:
            return "need.cancel", {"need": self.needs.pop(self.random.randrange(len(self.needs)))}
        return None

    def accepted(self, name, body):
        if name == "need.put":
            self.needs.append(body["need"])
        elif name == "offer.put":
            self.offers.append(body["offer"])


class Submitter:
    """Keeps a few batches on their way, and sends again what was not answered."""

    def __init__(self, system, commands):
        self.system, self.commands = system, commands
        self.peer = system.peer("gateway")
        self.allowed = BATCH  # How many commands may be made by now.
        self.waiting = {}  # Batches by the id of their first command.
        self.sent_at = {}
        self.results = {}  # The first answer to each id.
        self.bodies = {}

    def is_done(self):
        return len(self.results) >= COMMANDS and not self.waiting

    def send(self, key):
        self.peer.send("submit", {"commands": self.waiting[key]})
        self.sent_at[key] = time.monotonic()

    def reconnect(self):
        self.peer.close()
        self.peer = self.system.peer("gateway")
        for key in self.waiting:
            self.send(key)

    def fill(self):
        # Parties and products have to be known before something refers to them.
        out_max = BATCHES_OUT if len(self.results) >= PARTIES + PRODUCTS else 1
        while len(self.waiting) < out_max and len(self.bodies) < self.allowed:
            self.send_new(min(BATCH, self.allowed - len(self.bodies)))

    def send_new(self, count):
        batch = []
        for _ in range(count):
            name, body = self.commands.next()
            batch.append({"id": new_id(), "t": name, "body": body})
            self.bodies[batch[-1]["id"]] = (name, body)
        self.waiting[batch[0]["id"]] = batch
        self.send(batch[0]["id"])

    def turn(self):
        """Sends what may go out and takes the answers that are here."""
        self.fill()
        for key, sent_at in self.sent_at.items():
            if time.monotonic() > sent_at + PATIENCE_S:
                self.send(key)
        kind, body = self.peer.receive(0.002)
        if kind is not None:
            assert kind == "answers", (kind, body)
            self.take(body["results"])

    def take(self, results):
        for result in results:
            assert result["accepted"], (self.bodies[result["id"]], result)
            if result["id"] not in self.results:
                self.results[result["id"]] = result
                self.commands.accepted(*self.bodies[result["id"]])
            assert same_receipt(result, self.results[result["id"]])
        self.waiting.pop(results[0]["id"], None)
        self.sent_at.pop(results[0]["id"], None)


def same_receipt(one, other):
    return all(one[key] == other[key] for key in ("accepted", "position", "chain"))


class Stream:
    """Follows all assignments, and comes back with its position after every loss."""

    def __init__(self, system, commands):
        self.system, self.commands = system, commands
        self.events = []
        self.resumed = -1
        self.peer = None
        self.resume()

    def resume(self):
        if self.peer is not None:
            self.peer.close()
        self.peer = self.system.peer("dispatch")
        self.peer.send("subscribe", {"after": len(self.events), "credit": 2000})
        self.heard_at = time.monotonic()
        self.resumed += 1

    def drain(self):
        """Takes what is here; gives the position."""
        while self.turn():
            pass
        return len(self.events)

    def turn(self):
        kind, body = self.peer.receive(0)
        if kind is None:
            if time.monotonic() > self.heard_at + PATIENCE_S:
                self.resume()
            return False
        assert kind in ("event", "head"), (kind, body)
        self.heard_at = time.monotonic()
        if kind == "event":
            for event in body["events"]:
                assert event["seq"] == len(self.events) + 1, (event, len(self.events))
                self.events.append(event)
                if event.get("state") == "proposed":
                    self.commands.assignments[event["assignment"]] = event
            self.peer.send("credit", {"n": len(body["events"]), "ack": len(self.events)})
        return True


class Killer:
    """Ends roles at random moments; every third time again while it recovers."""

    def __init__(self, system, submitter, stream):
        self.system, self.submitter, self.stream = system, submitter, stream
        self.random = random.Random(SEED + 1)
        self.victims = list(ROLES) * KILLS_EACH
        self.random.shuffle(self.victims)
        self.killed = dict.fromkeys(ROLES, 0)
        self.in_recovery = 0
        self.plan_next()

    def plan_next(self):
        """The next one falls somewhere in the next share of commands."""
        share = COMMANDS // (KILLS_EACH * len(ROLES))
        done = COMMANDS - share * len(self.victims)
        self.submitter.allowed = done if self.victims else COMMANDS
        self.due = done - self.random.randrange(share)
        self.due_s = time.monotonic() + self.random.uniform(0, 0.3)

    def turn(self):
        if not self.victims or len(self.submitter.results) < self.due or \
                time.monotonic() < self.due_s:
            return
        role = self.victims.pop()
        self.kill(role)
        if len(self.victims) % 3 == 0:
            until(lambda: role in self.system.pids(), f"{role} to be started again")
            time.sleep(self.random.uniform(0, 0.02))  # Some way into the recovery.
            self.in_recovery += 1
            self.kill(role)
        self.plan_next()

    def kill(self, role):
        pid = until(lambda: self.system.pids().get(role), f"{role} to be there")
        os.kill(pid, signal.SIGKILL)
        until(lambda: self.system.pids().get(role) != pid, f"{role} to be gone")
        self.killed[role] += 1
        if role == "gateway":
            self.submitter.reconnect()
        elif role == "dispatch":
            self.stream.resume()


class Run:
    """One system, one client, and many ends of its roles."""

    def __init__(self, system):
        self.system = system
        self.commands = Commands(SEED)
        self.submitter = Submitter(system, self.commands)
        self.stream = Stream(system, self.commands)
        self.killer = Killer(system, self.submitter, self.stream)

    def submit_while_roles_die(self):
        while not self.submitter.is_done() or self.killer.victims:
            self.submitter.turn()
            self.stream.drain()
            self.killer.turn()
        self.stats = self.system.wait_idle()
        until(lambda: self.stream.drain() >= self.stats["roles"]["dispatch"]["last"],
              "the rest of the stream")


def all_is_answered_while_each_role_is_killed_again_and_again(run):
    run.submit_while_roles_die()
    killer = run.killer
    print(f"# seed {SEED}: killed {killer.killed}, {killer.in_recovery} of them while recovering; "
          f"resumed {run.stream.resumed} times, {len(run.stream.events)} events", flush=True)
    assert all(many >= KILLS_EACH for many in killer.killed.values())


def what_is_sent_again_gets_the_same_receipt_or_a_conflict(run):
    sample = random.Random(SEED).sample(sorted(run.submitter.results), 300)
    with run.system.peer("gateway") as gateway:
        for start in range(0, len(sample), 100):
            ids = sample[start:start + 100]
            again = [{"id": one, "t": name, "body": body}
                     for one in ids for name, body in [run.submitter.bodies[one]]]
            _, answers = gateway.ask("submit", {"commands": again})
            for one, result in zip(ids, answers["results"]):
                assert same_receipt(result, run.submitter.results[one]), result
            other = [{"id": one, "t": "party.put", "body": {"party": "p0", "roles": "expert"}}
                     for one in ids]
            _, answers = gateway.ask("submit", {"commands": other})
            assert all(not result["accepted"] and result["code"] == "conflict"
                       for result in answers["results"])


def every_acknowledged_command_is_in_the_intake_once_and_in_order(run):
    found = {}
    for seq, entry in enumerate(run.system.entries("gateway"), 1):
        assert entry["seq"] == seq
        intake = msgpack.unpackb(entry["body"])
        if intake["by"] == "local":
            assert intake["id"] not in found
            assert intake["n"] == len(found) + 1
            found[intake["id"]] = {**intake, "chain": entry["chain"]}
    assert len(found) == COMMANDS == len(run.submitter.results)
    for one, result in run.submitter.results.items():
        assert found[one]["body"] == run.submitter.bodies[one][1]
        assert (found[one]["n"], found[one]["chain"]) == (result["position"], result["chain"])


def the_resumed_stream_is_the_whole_stream(run):
    with run.system.peer("dispatch") as dispatch:
        assert dispatch.follow() == run.stream.events
    assert len(run.stream.events) == run.stats["events"] > 1000


def stream_list_and_plan_agree_on_what_is_promised(run):
    streamed = picture(run.stream.events)
    listed = run.system.json("assignment", "ls")
    assert {one["assignment"]: one["state"] for one in listed} == \
        {number: event["state"] for number, event in streamed.items()}
    assert live_units(streamed.values()) == live_units(listed) == run.stats["units_promised"] > 0
    live = [event for event in streamed.values() if event["state"] in LIVE_STATES]
    assert len(live) == run.stats["assignments"]


def the_journals_verify_and_replay_to_the_same_bytes(run):
    assert run.system.stop() == 0
    run.system.assert_journals_are_good()


def main():
    random.seed(SEED)
    with System("journal.checkpoint_entries=700", "supervisor.restart_ms_min=5",
                "supervisor.restart_ms_max=40", "dispatch.head_seconds=1") as system:
        run_cases(all_is_answered_while_each_role_is_killed_again_and_again,
                  what_is_sent_again_gets_the_same_receipt_or_a_conflict,
                  every_acknowledged_command_is_in_the_intake_once_and_in_order,
                  the_resumed_stream_is_the_whole_stream,
                  stream_list_and_plan_agree_on_what_is_promised,
                  the_journals_verify_and_replay_to_the_same_bytes, given=[Run(system)])


if __name__ == "__main__":
    sys.exit(main())
