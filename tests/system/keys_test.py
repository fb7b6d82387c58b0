"""keys_test.py - who comes in over tcp, who is heard there, and for how long.

With MAILLON_FULL=1 the storms have the size that is promised.
"""
import datetime
import os
import pathlib
import resource
import socket
import subprocess
import time

import zmq

from system import System, read_key, until
from tap import BUILD, SOURCE, run_cases

DONE, NO, DATA, DENIED, CONFIG = 0, 1, 65, 77, 78
IS_FULL = "MAILLON_FULL" in os.environ
HANDSHAKE_COUNT = 1500 if IS_FULL else 150
MALFORMED_COUNT = 10000 if IS_FULL else 400
SILENCE_S = 0.4  # As long as nothing should come.
FRAME_SIZE_MAX = 1024 * 1024


def need(name, party="h", **more):
    return "need.put", {"need": name, "party": party, "product": "mask", "quantity": 5, "class": 1,
                        **more}


def furnish(system):
    with system.peer("gateway") as local:
        local.submit_all([("party.put", {"party": "h", "roles": "requester"}),
                          ("party.put", {"party": "f", "roles": "offerer"}),
                          ("product.put", {"product": "mask"})])
        local.submit_all([("offer.put", {"offer": "o1", "party": "f", "product": "mask",
                                         "kind": "stock", "quantity": 1000})])
    system.hospital = system.make_key("h.key", "h", "requester")
    system.factory = system.make_key("f.key", "f", "offerer")
    system.admin = system.data / "keys" / "admin"
    system.server = read_key(system.data / "keys" / "server.pub")["public"]


def is_heard(peer, message=("status", {}), wait_s=5):
    """Whether anything at all comes back."""
    return peer.ask(*message, timeout_s=wait_s)[0] is not None


def code_of(peer, command):
    """How the gateway refuses a command; nothing when it takes it."""
    result = peer.submit(command)[0]
    return None if result["accepted"] else result["code"]


def a_party_submits_and_follows_over_tcp(system):
    with system.remote_peer("gateway", system.hospital) as gateway, \
            system.remote_peer("dispatch", system.hospital) as dispatch:
        assert code_of(gateway, need("n1")) is None
        assert code_of(gateway, need("n2", party="f")) == "denied"
        assert code_of(gateway, need("n2", party="nobody")) == "denied"
        system.wait_idle()
        events = dispatch.follow(party="h")
        assert {event["requester"] for event in events} == {"h"} and len(events) > 0
        for party in ("f", "nobody", ""):
            kind, body = dispatch.ask("subscribe", {"after": 0, "credit": 9, "party": party})
            assert (kind, body["code"]) == ("refused", "denied"), (kind, body)
        _, rows = dispatch.rows(party="h")
        assert len(rows) == 1
        kind, _ = dispatch.ask("snapshot", {"party": "f"})
        assert kind == "refused"


def the_command_line_works_from_another_machine(system):
    flags = ["--data", "/nowhere", "--gateway", system.remote["gateway"], "--dispatch",
             system.remote["dispatch"], "--server-key", system.data / "keys" / "server.pub"]
    def told(key, *words, **options):
        return system.maillon(*words, *flags, "--key", key, **options)
    done = told(system.hospital, "need", "put", "-",
                input='{"need":"c1","party":"h","product":"mask","quantity":3,"class":1}\n')
    assert done.returncode == DONE, done.stderr
    system.wait_idle()
    done = told(system.hospital, "assignment", "ls", "--party", "h", "--need", "c1")
    assert done.returncode == DONE and '"c1"' in done.stdout, done.stderr
    number = done.stdout.split('"assignment":')[1].split(",")[0]
    done = told(system.hospital, "assignment", "accept", number, "--party", "h")
    assert done.returncode == DONE, done.stdout + done.stderr
    done = told(system.hospital, "assignment", "ls")
    assert done.returncode == DENIED, done.stderr
    done = told(system.hospital, "offer", "withdraw", "o1")
    assert done.returncode == DENIED and "denied" not in done.stdout, done.stderr
    assert system.maillon("need", "cancel", "c1", *flags).returncode == CONFIG
    done = told(system.make_key("nobody.key"), "need", "cancel", "c1")
    assert done.returncode == DENIED, done.stderr
    os.chmod(system.factory, 0o644)
    done = told(system.factory, "need", "cancel", "c1")
    os.chmod(system.factory, 0o600)
    assert done.returncode == CONFIG and "chmod 600" in done.stderr


def a_high_role_takes_two(system):
    path = system.folder / "o.key"
    system.json("key", "new", path)
    flags = ["--gateway", system.remote["gateway"], "--key", system.admin, "--server-key",
             system.server]
    def as_admin(*words):
        return system.maillon("key", *words, *flags).returncode
    assert as_admin("register", f"{path}.pub", "--party", "f", "--roles", "operator") == DONE
    assert as_admin("confirm", f"{path}.pub") == DENIED
    with system.remote_peer("gateway", path) as operator:
        assert not is_heard(operator, wait_s=SILENCE_S)
    assert system.maillon("key", "confirm", f"{path}.pub").returncode == DONE
    with system.remote_peer("gateway", path) as operator:
        assert code_of(operator, ("product.put", {"product": "gown"})) is None
    states = {row["key"]: row["state"] for row in system.json("key", "ls", "--party", "f")}
    assert states[read_key(path)["public"]] == "active"
    assert system.maillon("key", "revoke", f"{path}.pub", "--reason", "left").returncode == DONE


def strangers_are_not_heard(system):
    stranger = system.make_key("stranger.key")
    other = read_key(system.make_key("other.key"))["public"]
    before = {role: system.metrics(role) for role in ("gateway", "dispatch")}
    for role in before:
        for key, server in ((None, None), (stranger, None), (system.hospital, other)):
            with system.remote_peer(role, key, server) as peer:
                assert not is_heard(peer, wait_s=SILENCE_S), (role, key, server)
        after = system.metrics(role)
        assert after["messages_received_total"] == before[role]["messages_received_total"]
        assert after["handshakes_unknown_total"] > before[role]["handshakes_unknown_total"]


def a_key_belongs_to_one_party(system):
    done = system.maillon("key", "register", f"{system.hospital}.pub", "--party", "f", "--roles",
                          "offerer")
    assert done.returncode == 80 and "registered before" in done.stderr, done.stderr


def two_connections_with_one_key_are_both_heard(system):
    with system.remote_peer("gateway", system.hospital) as first, \
            system.remote_peer("gateway", system.hospital) as second, \
            system.remote_peer("dispatch", system.hospital) as third, \
            system.remote_peer("dispatch", system.hospital) as fourth:
        assert code_of(first, need("t1")) is None and code_of(second, need("t2")) is None
        system.wait_idle()
        assert third.follow(party="h") == fourth.follow(party="h")


def a_revoked_key_is_dead_within_a_second_on_open_connections(system):
    doomed = system.make_key("doomed.key", "h", "requester")
    with system.remote_peer("gateway", doomed) as gateway, \
            system.remote_peer("dispatch", doomed) as dispatch:
        assert code_of(gateway, need("r1")) is None
        system.wait_idle()
        dispatch.follow(party="h")
        start = time.monotonic()
        assert system.maillon("key", "revoke", f"{doomed}.pub").returncode == DONE
        revoked = time.monotonic()
        kind, body = dispatch.receive(5)
        while kind != "refused":
            kind, body = dispatch.receive(5)
        muted = time.monotonic()
        assert body["code"] == "denied"
        assert code_of(gateway, need("r2")) == "denied"
        refused = time.monotonic()
        print(f"# revoked in {revoked - start:.3f} s, mute after {muted - start:.3f} s, "
              f"refused after {refused - start:.3f} s", flush=True)
        assert muted - revoked < 1 and refused - revoked < 1
        with system.remote_peer("gateway", system.hospital) as other:
            assert code_of(other, need("r3")) is None
        system.wait_idle()
        assert dispatch.receive(SILENCE_S)[0] is None
        assert dispatch.ask("subscribe", {"after": 0, "credit": 9, "party": "h"})[0] == "refused"
    with system.remote_peer("dispatch", doomed) as again:
        assert not is_heard(again, wait_s=SILENCE_S)


def a_routing_id_of_ones_own_gets_nothing(system):
    """A client that takes the routing id of another one would get what is meant for that one."""
    before = system.metrics("dispatch")["messages_unauthenticated_total"]
    with system.remote_peer("dispatch", system.hospital) as victim:
        victim.follow(party="h")
        with system.remote_peer("dispatch", system.factory, routing_id=b"thief") as thief:
            assert not is_heard(thief, ("subscribe", {"after": 0, "credit": 9, "party": "f"}),
                                SILENCE_S)
        assert system.metrics("dispatch")["messages_unauthenticated_total"] == before + 1
        with system.remote_peer("gateway", system.hospital) as gateway:
            assert code_of(gateway, need("s1")) is None
        assert victim.receive()[0] == "event"


def a_rotated_key_ends_when_it_was_said(system):
    old = system.make_key("old.key", "h", "requester")
    new = system.make_key("new.key")
    end = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=2)
    text = end.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
    with system.remote_peer("gateway", old) as before:
        assert code_of(before, need("o1")) is None
        done = system.maillon("key", "rotate", f"{old}.pub", f"{new}.pub", "--until", text)
        assert done.returncode == DONE, done.stderr
        with system.remote_peer("gateway", new) as after:
            assert code_of(before, need("o2")) is None and code_of(after, need("o3")) is None
            until(lambda: code_of(before, need("o2")) == "denied", "the old key to end")
            assert datetime.datetime.now(datetime.timezone.utc) >= end
            assert code_of(after, need("o4")) is None
    with system.remote_peer("gateway", old) as again:
        assert not is_heard(again, wait_s=SILENCE_S)


def a_frame_above_the_limit_costs_its_sender_the_connection(system):
    before = system.metrics("gateway")["messages_received_total"]
    with system.remote_peer("gateway", system.hospital) as big, \
            system.remote_peer("gateway", system.factory) as other:
        big.socket.send_multipart([b"x", b"y" * (FRAME_SIZE_MAX + 1)])
        assert big.receive(SILENCE_S)[0] is None
        assert system.metrics("gateway")["messages_received_total"] == before
        assert code_of(other, need("b1")) == "denied"
        until(lambda: code_of(big, need("b2")) is None, "the sender to be heard again")


def many_handshakes_at_once_all_succeed(system):
    peers = []
    start = time.monotonic()
    for _ in range(HANDSHAKE_COUNT):
        peers.append(system.remote_peer("dispatch", system.hospital))
        peers[-1].send("subscribe", {"after": 0, "credit": 1, "party": "h"})
    for peer in peers:
        assert peer.receive()[0] in ("event", "head")
    print(f"# {HANDSHAKE_COUNT} handshakes and answers in {time.monotonic() - start:.1f} s",
          flush=True)
    for peer in peers:
        peer.close()


def malformed_connections_reach_nobody(system):
    """Bytes of all sorts, plain ZMTP and half a CURVE handshake among them."""
    greeting = b"\xff" + bytes(8) + b"\x7f\x03\x01"
    null = greeting + b"NULL".ljust(20, b"\0") + bytes(32)
    curve = greeting + b"CURVE".ljust(20, b"\0") + bytes(32)
    hello = b"\x04\xc8\x05HELLO" + os.urandom(194)
    ready = b"\x04\x19\x05READY\x0bSocket-Type\0\0\0\x06DEALER"
    message = b"\x01\x01x\x00\x01y"
    sorts = [b"", b"GET / HTTP/1.0\r\n\r\n", os.urandom(300), greeting, null + ready + message,
             curve + hello, curve + message, null[:20], b"\xff" * 64, curve + b"\x06" + b"\xff" * 8]
    roles = ("gateway", "dispatch")
    before = {role: system.metrics(role) for role in roles}
    sent = 0
    for number in range(MALFORMED_COUNT):
        host, port = system.remote[roles[number % 2]].removeprefix("tcp://").split(":")
        with socket.create_connection((host, int(port)), timeout=30) as one:
            bytes_of_sort = sorts[number // 2 % len(sorts)]
            sent += len(bytes_of_sort)
            one.sendall(bytes_of_sort)
    with system.remote_peer("gateway", system.hospital) as gateway, \
            system.remote_peer("dispatch", system.hospital) as dispatch:
        assert code_of(gateway, need("m1")) is None
        assert dispatch.rows(party="h")
    after = {role: system.metrics(role) for role in roles}
    reached = sum(after[role][name] - before[role][name] for role in roles for name in
                  ("messages_received_total", "messages_dropped_total",
                   "messages_unauthenticated_total")) - 2
    print(f"# {MALFORMED_COUNT} connections, {sent} bytes, {reached:.0f} messages of theirs "
          "reached a role", flush=True)
    assert reached == 0


def the_examples_speak_with_keys(system):
    examples = pathlib.Path(SOURCE, "client/examples")
    languages = {"C": (lambda name: [f"{BUILD}/client/{name}"]),
                 "Python": (lambda name: ["/usr/bin/python3", examples / f"python/{name}.py"])}
    if (examples / "node/node_modules/zeromq").exists():
        languages["Node"] = lambda name: ["node", examples / f"node/{name}.mjs"]
    with system.peer("gateway") as local:
        local.submit_all([("offer.put", {"offer": "day", "party": "f", "product": "mask",
                                         "kind": "capacity", "per_day": 10, "from": "2031-01-01",
                                         "to": "2031-02-01"}), need("e1")])
    system.wait_idle()
    keys = ["--key", system.factory, "--server-key"]
    for number, (language, program) in enumerate(languages.items(), 1):
        def run(*words):
            return subprocess.run([*map(str, words)], capture_output=True, text=True, timeout=60,
                                  cwd=system.folder, check=False)
        adapter = [*program("adapter"), "--gateway", system.remote["gateway"], *keys]
        done = run(*adapter, system.server, "--offer", "day", "--per-day", 10 + number, "--number",
                   number)
        assert done.returncode == DONE and "accepted" in done.stdout, (language, done)
        done = run(*adapter, system.server, "--offer", "other", "--per-day", 1, "--number", 9)
        assert done.returncode == DENIED, (language, done)
        console = [*program("console"), "--dispatch", system.remote["dispatch"], *keys,
                   system.data / "keys" / "server.pub", "--cursor", f"cursor-{language}",
                   "--until-idle", "--party"]
        done = run(*console, "f")
        assert done.returncode == DONE and '"offerer":"f"' in done.stdout, (language, done)
        assert run(*console, "h").returncode == DENIED, language
        os.chmod(system.factory, 0o640)
        done = run(*console, "f")
        os.chmod(system.factory, 0o600)
        assert done.returncode == CONFIG and "chmod 600" in done.stderr, (language, done)


def a_restart_knows_the_keys(system):
    pids = system.pids()
    gone = system.make_key("gone.key", "h", "requester")
    assert system.maillon("key", "revoke", f"{gone}.pub").returncode == DONE
    system.stop()
    system.start()
    assert system.pids() != pids
    with system.remote_peer("gateway", system.hospital) as gateway, \
            system.remote_peer("dispatch", system.hospital) as dispatch, \
            system.remote_peer("dispatch", gone) as other:
        assert code_of(gateway, need("z1")) is None
        assert dispatch.rows(party="h")
        assert not is_heard(other, wait_s=SILENCE_S)
    system.wait_idle()
    system.assert_journals_are_good()


def main():
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    zmq.Context.instance().set(zmq.MAX_SOCKETS, HANDSHAKE_COUNT + 100)
    with System(remote=True) as system:
        furnish(system)
        run_cases(a_party_submits_and_follows_over_tcp,
                  the_command_line_works_from_another_machine, a_high_role_takes_two,
                  strangers_are_not_heard, a_key_belongs_to_one_party,
                  two_connections_with_one_key_are_both_heard,
                  a_revoked_key_is_dead_within_a_second_on_open_connections,
                  a_routing_id_of_ones_own_gets_nothing, a_rotated_key_ends_when_it_was_said,
                  a_frame_above_the_limit_costs_its_sender_the_connection,
                  many_handshakes_at_once_all_succeed, malformed_connections_reach_nobody,
                  the_examples_speak_with_keys, a_restart_knows_the_keys, given=[system])


main()
