"""bad_input_test.py - whatever is sent, the answer names what is wrong, and nothing changes.

The wrong input is derived from the tables of the protocol, so a new field is tried by itself.
"""
import contextlib
import json
import os
import random
import socket
import subprocess
import sys

import msgpack

from system import BUILD, ROLES, System, new_id
from tap import run_cases

SEED = int(os.environ.get("MAILLON_SEED", "1"))
COMMAND_KINDS = {*range(1, 15), *range(17, 25)}
ID_MAX = 64
KNOWN = {"party": "p", "product": "x", "need": "n", "offer": "o", "given": "g",
         "other": "q", "key": "0" * 40, "next": "1" * 40}
REFERENCES = {
    "need.put": ["party", "product"], "offer.put": ["party", "product"],
    "capacity.put": ["offer"], "need.cancel": ["need"], "need.release": ["need"],
    "offer.withdraw": ["offer"], "offer.release": ["offer"], "assignment.accept": ["party"],
    "assignment.decline": ["party"], "assignment.ship": ["party"], "assignment.receive": ["party"],
    "assignment.cancel": ["party"], "substitute.put": ["product", "given"],
    "norm.put": ["product"], "certificate.put": ["party", "product"],
    "exclusion.put": ["party", "other"], "key.register": ["party"]}
GOOD = {"unsigned integer": 1, "integer": 1, "boolean": True, "day": "2026-01-01", "time": 1,
        "degrees": 1, "map": {}}
WRONG = {"unsigned integer": "1", "integer": "1", "boolean": 1, "text": 1, "binary": "text",
         "day": 1, "time": "soon", "degrees": "north", "choice": 1, "set": 1, "map": 1, "list": 1}
LIMITLESS = 2**63 - 1
EXTENSION = msgpack.ExtType(1, b"x")


def read_tables():
    lines = subprocess.run([f"{BUILD}/proto/maillon-reference", "--json"], capture_output=True,
                           check=True).stdout.splitlines()
    return {table["name"]: table for table in map(json.loads, lines)}


TABLES = read_tables()
COMMANDS = [table for table in TABLES.values() if table["kind"] in COMMAND_KINDS]


def good_value(field):
    if field["name"] in KNOWN:
        return KNOWN[field["name"]]
    if field["type"] in ("choice", "set"):
        return field["choices"][0]
    return GOOD.get(field["type"], "v")


def good_body(table):
    body = {field["name"]: good_value(field) for field in table["fields"] if field["required"]}
    return {**body, "quantity": 5} if table["name"] == "offer.put" else body


def values_out_of_bounds(field):
    """Values that no such field may have, each of the right type."""
    if field["type"] in ("choice", "set"):
        return ["nonsense", field["choices"][0] + "|nonsense", " "]
    if field["type"] == "text":
        too_short = [""] if field["min"] > 0 else []
        return [*too_short, "x" * (field["max"] + 1), "x\n"[-field["max"]:]]
    if field["type"] == "binary":
        return [b"x" * (field["max"] + 1)]
    if field["type"] == "day":
        return ["2026-02-30", "1969-12-31", "10000-01-01", "01/02/2026", "tomorrow"]
    if field["type"] in ("unsigned integer", "degrees", "time"):
        above = [field["max"] + 1] if field["max"] < LIMITLESS else []
        return [field["min"] - 1, *above]
    return []


def wrong_bodies(table):
    """Of one message: bodies with one fault, the code wanted, and the field it must name."""
    base = good_body(table)
    for field in table["fields"]:
        name = field["name"]
        if field["required"]:
            yield {key: base[key] for key in base if key != name}, {"missing"}, name
        for value in (WRONG[field["type"]], [], None):
            yield {**base, name: value}, {"type", "malformed"}, name
        for value in (1.5, EXTENSION):
            yield {**base, name: value}, {"malformed"}, None
        for value in values_out_of_bounds(field):
            yield {**base, name: value}, {"range", "too_large", "type", "missing"}, name


class Run:
    """One small system, and what it said of itself before."""

    def __init__(self, system):
        self.system = system
        with system.peer("gateway") as gateway:
            gateway.submit_all([("party.put", {"party": "p", "roles": "requester"}),
                                ("party.put", {"party": "r", "roles": "offerer"}),
                                ("product.put", {"product": "x"})])
            gateway.submit_all([("need.put", {"need": "n", "party": "p", "product": "x",
                                              "quantity": 5, "class": 1}),
                                ("offer.put", {"offer": "o", "party": "r", "product": "x",
                                               "kind": "stock", "quantity": 9})])
        self.before = system.wait_idle()
        self.pids = system.pids()

    def refusals(self, commands):
        """What the gateway says to commands, none of which it may take."""
        with self.system.peer("gateway") as gateway:
            for name, body in commands:
                kind, answer = gateway.ask("submit", {"commands": [
                    {"id": new_id(), "t": name, "body": body}]})
                if kind == "answers":
                    answer, = answer["results"]
                    assert not answer["accepted"], (name, body)
                else:
                    assert kind == "refused", (kind, answer)
                yield answer

    def answers_to(self, name, frames):
        """What a broker or role says to each message of raw frames."""
        with self.system.peer(name) as peer:
            for message in frames:
                peer.socket.send_multipart(message)
                kind, body = peer.receive(20)
                assert kind is not None, (name, message)
                yield kind, body


def head(kind, **changes):
    return msgpack.packb({"v": 1, "t": kind, "id": b"id", **changes})


def submit_of(*commands):
    return msgpack.packb({"commands": [{"id": new_id(), "t": name, "body": body}
                                       for name, body in commands]})


def path_ends_with(answer, field):
    return field is None or answer.get("field", "").split(".")[-1] == field


def every_wrong_field_of_every_command_is_named(run):
    cases = [(table["name"], *case) for table in COMMANDS for case in wrong_bodies(table)]
    answers = run.refusals([(name, body) for name, body, _, _ in cases])
    for (name, body, codes, field), answer in zip(cases, answers):
        assert answer["code"] in codes and path_ends_with(answer, field), (name, body, answer)
    print(f"# {len(cases)} wrong bodies of {len(COMMANDS)} commands", flush=True)


def every_unknown_reference_is_named(run):
    assert REFERENCES.keys() <= {table["name"] for table in COMMANDS}
    for name, fields in REFERENCES.items():
        for field in fields:
            body = {**good_body(TABLES[name]), field: "nobody"}
            answer, = run.refusals([(name, body)])
            assert (answer["code"], answer["field"]) == ("unknown", field), (name, answer)


def rules_between_fields_are_named(run):
    offer = {"offer": "o2", "party": "p", "product": "x"}
    period = {"from": "2026-02-01", "to": "2026-01-01"}
    cases = [("party.put", {"party": "q", "roles": "offerer", "lat": 1}, "lon"),
             ("need.put", {**good_body(TABLES["need.put"]), "due": "2026-02-01",
                           "latest": "2026-01-01"}, "latest"),
             ("offer.put", {**offer, "kind": "stock"}, "quantity"),
             ("offer.put", {**offer, "kind": "stock", "quantity": 1, "per_day": 1}, "per_day"),
             ("offer.put", {**offer, "kind": "capacity", "per_day": 1}, "from"),
             ("offer.put", {**offer, "kind": "capacity", "per_day": 1, **period}, "to"),
             ("capacity.put", {"offer": "o", "per_day": 1, **period}, "to"),
             ("substitute.put", {"substitute": "s", "product": "x", "given": "x"}, "given"),
             ("substitute.put", {**good_body(TABLES["substitute.put"]), **period}, "to"),
             ("norm.put", {**good_body(TABLES["norm.put"]), **period}, "to"),
             ("certificate.put", {**good_body(TABLES["certificate.put"]), **period}, "to"),
             ("exclusion.put", {**good_body(TABLES["exclusion.put"]), "other": "p"}, "other"),
             ("exclusion.put", {**good_body(TABLES["exclusion.put"]), **period}, "to"),
             ("key.register", {**good_body(TABLES["key.register"]), "party": "local"}, "party"),
             ("key.register", {**good_body(TABLES["key.register"]), "from": 5, "to": 5}, "to"),
             ("key.register", {**good_body(TABLES["key.register"]), "key": "~" * 40}, "key"),
             ("key.rotate", {**good_body(TABLES["key.rotate"]), "next": "#" * 40}, "next")]
    answers = run.refusals([(name, body) for name, body, _ in cases])
    for (name, body, field), answer in zip(cases, answers):
        assert answer["field"] == field, (name, body, answer)


def what_is_no_command_or_too_large_is_refused(run):
    for name in [*(TABLES.keys() - {table["name"] for table in COMMANDS}), "need.putt"]:
        answer, = run.refusals([(name, {"now": 5})])
        assert answer["code"] in ("unknown", "too_large") and path_ends_with(answer, "t"), (
            name, answer)
    large = {**good_body(TABLES["party.put"]), **{f"key{i}": "x" * 200 for i in range(10)}}
    answer, = run.refusals([("party.put", large)])
    assert answer["code"] == "too_large" and answer["field"] == "commands[0].body", answer


def wrong_submits_are_refused_as_a_whole(run):
    good = ("party.put", {"party": "q", "roles": "offerer"})
    body = submit_of(good)
    cases = [([head("submit", v=2), body], "version", "v"),
             ([head("nonsense"), body], "unknown", "t"),
             ([head("tick"), msgpack.packb({"now": 5})], "unknown", "t"),
             ([head("submit"), submit_of(*[good] * 257)], "too_large", "commands"),
             ([head("submit"), submit_of()], "range", "commands"),
             ([head("submit"), b""], "malformed", None),
             ([head("submit"), body + b"\0"], "malformed", None),
             ([head("submit"), b"\xdd\xff\xff\xff\xff"], "malformed", None),
             ([head("submit"), b"\x81\xa8commands\xdd\xff\xff\xff\xff"], "malformed", None),
             ([head("submit"), b"\x81" * 1000], "malformed", None),
             ([b"", body], "malformed", None),
             ([head("submit", id=b"x" * 17), body], "range", "id"),
             ([msgpack.packb({"v": 1, "t": "submit", "id": 5}), body], "type", "id")]
    answers = run.answers_to("gateway", [frames for frames, _, _ in cases])
    for (frames, code, field), (kind, answer) in zip(cases, answers):
        assert kind == "refused" and answer["code"] == code, (frames[0], answer)
        assert path_ends_with(answer, field), (frames[0], answer)


def bytes_cut_short_flipped_or_random_are_refused(run):
    chance = random.Random(SEED)
    # Whatever bit flips, this offer is known to nobody.
    body = submit_of(("capacity.put", {"offer": "y" * ID_MAX, "per_day": 5, "from": "2026-01-01"}))
    frames = [[head("submit"), body[:size]] for size in range(len(body))]
    for _ in range(2000):
        flipped = bytearray(body)
        flipped[chance.randrange(len(body))] ^= 1 << chance.randrange(8)
        frames.append([head("submit"), bytes(flipped)])
        frames.append([head("submit"), chance.randbytes(chance.randrange(100))])
        frames.append([chance.randbytes(chance.randrange(40)), body])
    for message, (kind, answer) in zip(frames, run.answers_to("gateway", frames)):
        if kind == "answers":
            answer, = answer["results"]
            assert not answer["accepted"], message
        else:
            assert kind == "refused", (kind, message)
        assert answer["code"]


def messages_of_other_than_two_frames_are_ignored(run):
    for name in ("gateway", "dispatch", *(f"{role}.control" for role in ROLES)):
        with run.system.peer(name) as peer:
            for count in (1, 3, 4, 5, 50):
                peer.socket.send_multipart([head("status")] * count)
            assert peer.receive(0.05)[0] is None


def frames_beyond_the_limit_end_only_their_connection(run):
    for name in ("gateway", "dispatch", "allocate.control"):
        with run.system.peer(name) as peer:
            peer.socket.send_multipart([head("submit"), b"x" * (64 << 20)])
            peer.receive(0.2)
        with run.system.peer(name) as peer:
            assert peer.ask("nonsense", {})[0] == "refused", name


def bytes_of_another_protocol_reach_no_role(run):
    chance = random.Random(SEED)
    texts = (b"GET / HTTP/1.1\r\n\r\n", b"\xff" + chance.randbytes(300), b"READY=1\n",
             b"\xff\0\0\0\0\0\0\0\1\x7f\3\0NULL" + bytes(60))
    for path in (run.system.data / "run").iterdir():
        kind = socket.SOCK_DGRAM if path.suffix == ".notify" else socket.SOCK_STREAM
        for text in texts if path.is_socket() else ():
            with socket.socket(socket.AF_UNIX, kind) as stream:
                stream.connect(str(path))
                with contextlib.suppress(BrokenPipeError):  # Closed on us: as good.
                    stream.sendall(text)


def a_dispatcher_names_what_is_wrong(run):
    for name in ("subscribe", "snapshot", "credit"):
        cases = list(wrong_bodies(TABLES[name]))
        answers = run.answers_to("dispatch", [[head(name), msgpack.packb(body)]
                                              for body, _, _ in cases])
        for (body, codes, field), (kind, answer) in zip(cases, answers):
            assert kind == "refused" and answer["code"] in codes, (name, body, answer)
            assert path_ends_with(answer, field), (name, body, answer)
    cases = [([head("credit"), msgpack.packb({"n": 1})], "state"),
             ([head("submit"), submit_of()], "unknown"),
             ([head("subscribe", v=9), msgpack.packb({})], "version"),
             ([b"\x81", msgpack.packb({})], "malformed"),
             ([head("subscribe"), b"\xc1"], "malformed")]
    for (_, code), (kind, answer) in zip(
            cases, run.answers_to("dispatch", [frames for frames, _ in cases])):
        assert (kind, answer["code"]) == ("refused", code), answer


def the_largest_numbers_do_no_harm(run):
    most = 2**64 - 1
    with run.system.peer("dispatch") as dispatch:
        assert dispatch.ask("subscribe", {"after": most, "credit": most})[0] == "reset"
        assert dispatch.ask("snapshot", {"from": most})[1]["rows"] == []
        assert dispatch.ask("snapshot", {"assignment": most})[1]["rows"] == []
        assert len(dispatch.follow(credit=most)) == 1
    for role in ROLES:
        with run.system.peer(f"{role}.control") as control:
            kind, page = control.ask("replay", {"from": most, "size_max": most})
            assert kind in ("entries", "refused") and not page.get("data"), page
            assert control.ask("replay", {"from": 0, "size_max": most})[1]["data"]
    with run.system.peer("allocate.control") as control:
        assert control.ask("lookup", {"what": "need", "from": most})[1]["rows"] == []
        assert control.ask("explain", {"assignment": most})[0] == "refused"


def control_sockets_refuse_garbage(run):
    chance = random.Random(SEED)
    for role in ROLES:
        frames = [[head(name), msgpack.packb(body)] for name in ("replay", "lookup", "explain")
                  for body, _, _ in wrong_bodies(TABLES[name])]
        frames += [[head(name), chance.randbytes(chance.randrange(60))] for _ in range(100)
                   for name in ("replay", "lookup", "explain", "nonsense")]
        frames += [[chance.randbytes(chance.randrange(40)), b"\x80"] for _ in range(100)]
        for message, (kind, _) in zip(frames, run.answers_to(f"{role}.control", frames)):
            assert kind == "refused", (role, message, kind)
        frames = [[head("status"), chance.randbytes(20)] for _ in range(20)]
        assert all(kind in ("report", "refused")
                   for kind, _ in run.answers_to(f"{role}.control", frames))


def after_all_that_nothing_changed_and_good_input_is_taken(run):
    stats = run.system.wait_idle()
    assert run.system.pids() == run.pids
    for role in ROLES:
        before, after = run.before["roles"][role], stats["roles"][role]
        assert (before["last"], before["cursor"]) == (after["last"], after["cursor"])
    told = {"refused", "malformed", "delivered", "deliveries", "resets", "gone", "blocked",
            "subscribers", "refused_messages", "undelivered", "roles"}
    assert {name: stats[name] for name in stats.keys() - told} == \
        {name: run.before[name] for name in run.before.keys() - told}
    with run.system.peer("gateway") as gateway:
        gateway.submit_all([("party.put", {"party": "q", "roles": "offerer"})])
    assert run.system.stop() == 0
    run.system.assert_journals_are_good()


def main():
    random.seed(SEED)
    with System() as system:
        run_cases(every_wrong_field_of_every_command_is_named, every_unknown_reference_is_named,
                  rules_between_fields_are_named, what_is_no_command_or_too_large_is_refused,
                  wrong_submits_are_refused_as_a_whole,
                  bytes_cut_short_flipped_or_random_are_refused,
                  messages_of_other_than_two_frames_are_ignored,
                  frames_beyond_the_limit_end_only_their_connection,
                  bytes_of_another_protocol_reach_no_role, a_dispatcher_names_what_is_wrong,
                  the_largest_numbers_do_no_harm, control_sockets_refuse_garbage,
                  after_all_that_nothing_changed_and_good_input_is_taken, given=[Run(system)])


if __name__ == "__main__":
    sys.exit(main())
