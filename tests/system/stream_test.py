"""stream_test.py - what the dispatcher promises those who follow."""
import os
import pathlib
import random
import signal
import sys
import time

import zmq

from system import System, new_id, picture, until
from tap import run_cases

NEEDS, OFFERERS, REQUESTERS, PRODUCTS = 3000, 6, 25, 4
STUCK_COUNT = 32
STATES = "proposed|accepted|committed|shipped|received|declined|superseded|cancelled"
GROWTH_MAX = 64 << 20  # Bytes that stuck clients may cost dispatch, together.


def bytes_taken(pid):
    """Memory of its own, without the pages of its journal that it has read."""
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) << 10
    raise AssertionError("no RssAnon")


def needs(prefix, count, seed):
    chance = random.Random(seed)
    return [("need.put", {"need": f"{prefix}{number}", "party": f"h{number % REQUESTERS}",
                          "product": f"x{number % PRODUCTS}", "quantity": chance.randint(1, 50),
                          "class": chance.randint(1, 5)}) for number in range(count)]


def without_seq(event):
    return {key: value for key, value in event.items() if key != "seq"}


class Run:
    """A system that has decided on some needs, and the stream of all."""

    def __init__(self, system):
        self.system = system
        with system.peer("gateway") as gateway:
            gateway.submit_all(
                [("party.put", {"party": f"f{one}", "roles": "offerer"})
                 for one in range(OFFERERS)] +
                [("party.put", {"party": f"h{one}", "roles": "requester"})
                 for one in range(REQUESTERS)] +
                [("product.put", {"product": f"x{one}"}) for one in range(PRODUCTS)])
            gateway.submit_all(
                [("offer.put", {"offer": f"o{one}", "party": f"f{one}",
                                "product": f"x{one % PRODUCTS}", "kind": "stock",
                                "quantity": 100000}) for one in range(OFFERERS)])
            gateway.submit_all(needs("n", NEEDS, 1))
        system.wait_idle()

    def submit(self, commands):
        with self.system.peer("gateway") as gateway:
            gateway.submit_all(commands)

    def answer_some(self):
        """Accepts by both sides, declines, and one by who has no part in it."""
        answers = []
        for number, event in list(picture(self.events()).items())[:90]:
            for party in [event["requester"], event["offerer"]][:number % 3]:
                answers.append(("assignment.accept", {"assignment": number, "party": party}))
            if number % 3 == 0:
                answers.append(("assignment.decline", {"assignment": number, "reason": "price",
                                                       "party": event["offerer"]}))
        self.submit(answers)
        self.submit([("assignment.accept", {"assignment": 1, "party": "f5"})])
        self.system.wait_idle()

    def events(self, **wanted):
        """The stream so far, in order."""
        with self.system.peer("dispatch") as dispatch:
            return dispatch.follow(**wanted)

    def reset(self, **wanted):
        """What a reset says to this subscription; nothing when it is taken."""
        with self.system.peer("dispatch") as dispatch:
            kind, body = dispatch.ask("subscribe", {"credit": 1, **wanted})
            return body if kind == "reset" else None

    def move_everything(self, times):
        """Takes all the units away and gives them back: each time every assignment moves."""
        for turn in range(times):
            self.submit([("capacity.put", {"offer": f"o{one}", "per_day": 100000 * (turn % 2)})
                         for one in range(OFFERERS)])
        return self.system.wait_idle()["roles"]["dispatch"]["last"]


def positions_count_from_one_and_answers_are_told(run):
    run.answer_some()
    events = run.events()
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert {"assignment", "answer"} == {event["t"] for event in events}
    told = {event.get("state", event.get("code")) for event in events}
    assert {"proposed", "accepted", "committed", "declined", "done", "unknown"} <= told, told


def a_snapshot_and_the_stream_behind_it_give_the_same_picture(run):
    with run.system.peer("gateway") as gateway, run.system.peer("dispatch") as dispatch:
        for turn in range(5):
            gateway.submit_all(needs(f"m{turn}-", 200, turn))
            seq, rows = dispatch.rows()  # While it is being decided.
            found = {row["assignment"]: row for row in rows}
            run.system.wait_idle()
            found |= picture(run.events(after=seq))
            assert found == picture(run.events())


def a_filter_passes_exactly_what_it_names(run):
    events = [event for event in run.events() if event["t"] == "assignment"]
    for wanted, is_wanted in (
            ({"product": "x1"}, lambda event: event["product"] == "x1"),
            ({"need": "n7"}, lambda event: event["need"] == "n7"),
            ({"offer": "o2"}, lambda event: event["offer"] == "o2"),
            ({"states": "committed|declined"},
             lambda event: event["state"] in ("committed", "declined")),
            ({"product": "x1", "states": "proposed"},
             lambda event: event["product"] == "x1" and event["state"] == "proposed"),
            ({"need": "nobody-s"}, lambda event: False)):
        expected = [event for event in events if is_wanted(event)]
        assert run.events(**wanted) == expected, wanted
        with run.system.peer("dispatch") as dispatch:
            _, rows = dispatch.rows(**wanted)
        assert rows == [row for row in picture(events).values() if is_wanted(row)], wanted


def a_party_has_a_stream_of_its_own(run):
    events = run.events()
    known = {}
    of_party = {}
    for event in events:
        if event["t"] == "assignment":
            known[event["assignment"]] = (event["requester"], event["offerer"])
        for party in known.get(event["assignment"], ()):
            of_party.setdefault(party, []).append(without_seq(event))
    for party, expected in of_party.items():
        own = run.events(party=party)
        assert [event["seq"] for event in own] == list(range(1, len(own) + 1))
        assert [without_seq(event) for event in own] == expected, party
        half = len(own) // 2
        assert run.events(party=party, after=half) == own[half:]
    assert run.events(party="nobody") == []


def credit_is_never_exceeded(run):
    with run.system.peer("dispatch") as dispatch:
        dispatch.send("subscribe", {"credit": 10})
        seqs = []
        for more in (0, 7, 1, 500, 0, 2**64 - 1):
            dispatch.send("credit", {"n": more, "ack": 2**40})
            expected = min(len(seqs) + more + (10 if not seqs else 0), len(run.events()))
            while len(seqs) < expected:
                kind, body = dispatch.receive(20)
                assert kind == "event", (kind, expected, len(seqs))
                seqs += [event["seq"] for event in body["events"]]
            assert len(seqs) == expected
            kind, body = dispatch.receive(0.1)
            assert kind in (None, "head"), (kind, len(seqs))
        assert seqs == list(range(1, len(seqs) + 1)) and kind == "head"


def a_subscription_replaces_the_one_before(run):
    with run.system.peer("dispatch") as dispatch:
        dispatch.send("subscribe", {"credit": 5})
        assert len(dispatch.receive()[1]["events"]) == 5
        events = dispatch.follow(after=5, product="x2")
        assert events == [event for event in run.events(after=5)
                          if event.get("product") == "x2"]


def one_that_resumes_after_a_kill_misses_nothing(run):
    events, expected = [], run.events()
    for _ in range(4):
        pid = run.system.pids()["dispatch"]
        with run.system.peer("dispatch") as dispatch:
            dispatch.send("subscribe", {"after": len(events), "credit": 1000})
            kind, body = dispatch.receive()
            assert kind == "event"
            events += body["events"]
            os.kill(pid, signal.SIGKILL)
        until(lambda: run.system.pids().get("dispatch", pid) != pid, "dispatch to come back")
    events += run.events(after=len(events))
    assert events == expected


def a_position_beyond_the_end_is_reset(run):
    last = len(run.events())
    assert run.events(after=last) == []
    told = run.reset(after=last + 1)
    assert told["last"] == last and told["why"]
    assert 0 < run.reset(party="h1", after=last)["last"] < last


def stuck_subscriber(run, wanted):
    """Asks for everything and never reads."""
    peer = run.system.peer("dispatch")
    peer.close()
    peer.socket = zmq.Context.instance().socket(zmq.DEALER)
    peer.socket.set(zmq.LINGER, 0)
    peer.socket.set(zmq.RCVHWM, 1)
    peer.socket.connect(f"ipc://{run.system.data}/run/dispatch")
    peer.send("subscribe", {"credit": 65536, **wanted})
    return peer


def stuck_and_slow_subscribers_delay_nobody_and_cost_little(run):
    run.move_everything(2)
    pid = run.system.pids()["dispatch"]
    before = bytes_taken(pid)
    stuck = [stuck_subscriber(run, {"states": STATES} if one % 2 else {})
             for one in range(STUCK_COUNT)]  # One with a filter shares no message with others.
    with run.system.peer("dispatch") as slow, run.system.peer("dispatch") as fast:
        slow.send("subscribe", {"credit": 50})
        fast.send("subscribe", {"credit": 4000})
        last = run.move_everything(12)
        started, count, slow_count = time.monotonic(), 0, 0
        while count < last:
            kind, body = fast.receive(20)
            assert kind in ("event", "head"), (kind, count, last)
            if kind == "event":
                assert body["events"][0]["seq"] == count + 1
                count += len(body["events"])
                fast.send("credit", {"n": len(body["events"]), "ack": count})
            if slow.socket.poll(0) and slow_count < count // 50:
                slow_count += len(slow.receive()[1].get("events", []))
                slow.send("credit", {"n": 50, "ack": slow_count})
        took = time.monotonic() - started
    grown = bytes_taken(pid) - before
    print(f"# {last} events to the fast one in {took:.1f} s beside {STUCK_COUNT} stuck ones; "
          f"dispatch grew by {grown >> 20} MB", flush=True)
    for peer in stuck:
        peer.close()
    assert count == last and slow_count < count
    assert grown < GROWTH_MAX
    assert run.system.pids()["dispatch"] == pid


def what_was_trimmed_is_reset_and_a_snapshot_goes_on(_):
    with System("dispatch.keep_events=500", "journal.checkpoint_entries=300",
                "dispatch.head_seconds=1") as system:
        run = Run(system)
        run.move_everything(2)
        told = until(lambda: run.reset(after=0), "old events to go")
        oldest, last = told["oldest"], told["last"]
        assert last - oldest >= 499
        assert run.reset(after=oldest - 2) and run.reset(party="h1", after=0)
        kept = run.events(after=oldest - 1)
        assert [event["seq"] for event in kept] == list(range(oldest, last + 1))
        with system.peer("dispatch") as dispatch:
            seq, rows = dispatch.rows()
        assert seq == last and len(rows) == rows[-1]["assignment"]
        assert run.events(after=seq) == []
        run.submit(needs("late", 10, 9))
        system.wait_idle()
        assert len(run.events(after=seq)) >= 10


def main():
    random.seed(1)
    with System("dispatch.head_seconds=1", "supervisor.restart_ms_min=5") as system:
        run_cases(positions_count_from_one_and_answers_are_told,
                  a_snapshot_and_the_stream_behind_it_give_the_same_picture,
                  a_filter_passes_exactly_what_it_names, a_party_has_a_stream_of_its_own,
                  credit_is_never_exceeded, a_subscription_replaces_the_one_before,
                  one_that_resumes_after_a_kill_misses_nothing,
                  a_position_beyond_the_end_is_reset,
                  stuck_and_slow_subscribers_delay_nobody_and_cost_little,
                  what_was_trimmed_is_reset_and_a_snapshot_goes_on, given=[Run(system)])


if __name__ == "__main__":
    sys.exit(main())
