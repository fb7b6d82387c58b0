#!/usr/bin/python3
"""Follow assignments: one JSON line an event.

    console.py --data DIR [--party ID] [--cursor FILE] [--until-idle]

From another machine, with a key that an admin registered for the party:

    console.py --dispatch tcp://HOST:PORT --key FILE --server-key KEY|FILE --party ID

The position of the last event printed is kept in FILE ("console.cursor"), so the next start goes
on behind it. --until-idle ends when everything there is has been printed.

Needs python3-zmq and python3-msgpack.
"""
import argparse
import json
import os
import pathlib
import sys

import msgpack
import zmq
from zmq.utils.monitor import recv_monitor_message

CREDIT = 1024  # Events that may be on their way.
SILENCE_MS = 15000  # Three heads missed.
EXITS = {"unknown": 66, "full": 75, "version": 76, "denied": 77, "conflict": 80}
DATA, USAGE, CONFIG, GAP = 65, 64, 78, 81


def fail(status, message):
    print(f"console: {message}", file=sys.stderr)
    sys.exit(status)


def read_key(path):
    """The lines "public KEY" and "secret KEY" of a key file; a public key may stand for itself."""
    if not os.path.exists(path) and len(path) == 40:
        return {"public": path}
    if "secret " in (text := pathlib.Path(path).read_text()) and os.stat(path).st_mode & 0o077:
        fail(CONFIG, f"{path}: others may have read the secret; run chmod 600")
    return dict(line.split() for line in text.splitlines() if not line.startswith("#"))


def use_keys(socket, arguments):
    if arguments.key is None or arguments.server_key is None:
        fail(CONFIG, "a tcp endpoint needs --key and --server-key")
    key = read_key(arguments.key)
    socket.curve_serverkey = read_key(arguments.server_key)["public"].encode()
    socket.curve_publickey = key["public"].encode()
    socket.curve_secretkey = key["secret"].encode()


class Console:
    def __init__(self, arguments):
        self.cursor = cursor = arguments.cursor
        self.party = {"party": arguments.party} if arguments.party else {}
        self.seq = int(cursor.read_text()) if cursor.exists() else 0
        self.dispatch = zmq.Context.instance().socket(zmq.DEALER)
        self.dispatch.set(zmq.LINGER, 0)
        self.dispatch.set(zmq.IMMEDIATE, 1)  # Nothing piles up for a dispatcher that is away.
        self.dispatch.set(zmq.HEARTBEAT_IVL, 2000)
        self.dispatch.set(zmq.HEARTBEAT_TIMEOUT, 6000)
        self.monitor = self.dispatch.get_monitor_socket(zmq.EVENT_HANDSHAKE_SUCCEEDED)
        endpoint = arguments.dispatch or f"ipc://{arguments.data}/run/dispatch"
        if endpoint.startswith("tcp://"):
            use_keys(self.dispatch, arguments)
        self.dispatch.connect(endpoint)

    def tell(self, kind, body):
        frames = [msgpack.packb({"v": 1, "t": kind, "id": os.urandom(16)}), msgpack.packb(body)]
        try:
            self.dispatch.send_multipart(frames, zmq.NOBLOCK)
        except zmq.Again:
            pass  # Not connected any more: the next connection subscribes anew.

    def subscribe(self):
        self.tell("subscribe", {"after": self.seq, "credit": CREDIT, **self.party})

    def take_events(self, events):
        for event in events:
            if event["seq"] > self.seq:  # Else it is a double.
                print(json.dumps(event, default=bytes.hex, ensure_ascii=False,
                                 separators=(",", ":")))
                self.seq = event["seq"]
        sys.stdout.flush()
        self.store_cursor()  # Printed first: what a crash cuts short is printed again.
        self.tell("credit", {"n": len(events), "ack": self.seq})

    def store_cursor(self):
        temporary = self.cursor.with_name(self.cursor.name + ".new")
        temporary.write_text(f"{self.seq}\n")
        temporary.replace(self.cursor)  # An old or a new cursor is there, never half of one.

    def follow(self, until_idle):
        poller = zmq.Poller()
        poller.register(self.dispatch, zmq.POLLIN)
        poller.register(self.monitor, zmq.POLLIN)
        while True:
            ready = dict(poller.poll(SILENCE_MS))
            if not ready:
                self.subscribe()
            if self.monitor in ready:
                recv_monitor_message(self.monitor)
                self.subscribe()  # Every connection needs it, the first and those after a break.
            if self.dispatch not in ready:
                continue
            header, body = (msgpack.unpackb(frame) for frame in self.dispatch.recv_multipart())
            if header["t"] == "event":
                self.take_events(body["events"])
            elif header["t"] == "head" and until_idle:
                return
            elif header["t"] == "reset":
                fail(GAP, f'events before {body.get("oldest", 0)} are no longer kept')
            elif header["t"] == "refused" and body["code"] != "full":
                fail(EXITS.get(body["code"], DATA), body.get("why", body["code"]))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data")
    parser.add_argument("--dispatch")
    parser.add_argument("--party")
    parser.add_argument("--key")
    parser.add_argument("--server-key")
    parser.add_argument("--cursor", type=pathlib.Path, default=pathlib.Path("console.cursor"))
    parser.add_argument("--until-idle", action="store_true")
    parser.error = lambda message: fail(USAGE, message)
    arguments = parser.parse_args()
    if arguments.data is None and arguments.dispatch is None:
        fail(USAGE, "--data DIR or --dispatch ENDPOINT is needed")
    try:
        Console(arguments).follow(arguments.until_idle)
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
