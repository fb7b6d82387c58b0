#!/usr/bin/python3
"""A factory's adapter: reports what an offer can make a day.

    adapter.py --data DIR --offer ID --per-day UNITS [--number N]
    sensor | adapter.py --data DIR --offer ID        (one figure a line)

From another machine, with a key that an admin registered:

    adapter.py --gateway tcp://HOST:PORT --key FILE --server-key KEY|FILE --offer ID ...

Each report has a number, higher than the one before: a late one never overwrites a newer.
Without --number it is the time in milliseconds, which rises over restarts too.

Needs python3-zmq and python3-msgpack.
"""
import argparse
import os
import pathlib
import sys
import time

import msgpack
import zmq

RESEND_S = 5
PATIENCE_S = 60
EXITS = {"unknown": 66, "full": 75, "version": 76, "denied": 77, "conflict": 80}
DATA, USAGE, UNREACHABLE, CONFIG = 65, 64, 69, 78


def fail(status, message):
    print(f"adapter: {message}", file=sys.stderr)
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


def connect(arguments):
    gateway = zmq.Context.instance().socket(zmq.DEALER)
    gateway.set(zmq.LINGER, 0)
    gateway.set(zmq.HEARTBEAT_IVL, 2000)
    gateway.set(zmq.HEARTBEAT_TIMEOUT, 6000)
    endpoint = arguments.gateway or f"ipc://{arguments.data}/run/gateway"
    if endpoint.startswith("tcp://"):
        use_keys(gateway, arguments)
    gateway.connect(endpoint)
    return gateway


def receive_result(gateway, submission, timeout_s):
    """The result of this submission, or None when it does not come in time."""
    deadline = time.monotonic() + timeout_s
    while gateway.poll(max(0, deadline - time.monotonic()) * 1000):
        header, body = (msgpack.unpackb(frame) for frame in gateway.recv_multipart())
        if header["t"] == "refused":  # The message as a whole.
            return {"accepted": False, **body}
        for result in body.get("results", []):
            if result["id"] == submission:
                return result
    return None


def submit(gateway, kind, body):
    """Submits one command; returns its position. Asks again, with the same id, until answered."""
    submission = os.urandom(16)  # The same id takes effect once, however often it is sent.
    header = msgpack.packb({"v": 1, "t": "submit", "id": submission})
    message = msgpack.packb({"commands": [{"id": submission, "t": kind, "body": body}]})
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        gateway.send_multipart([header, message])
        result = receive_result(gateway, submission, RESEND_S)
        if result is None:
            continue
        if result["accepted"]:
            return result["position"]
        if result["code"] != "full":
            fail(EXITS.get(result["code"], DATA),
                 f'{result["code"]} {result.get("field", "")}: {result.get("why", "")}')
        time.sleep(min(result.get("retry_after_ms", 1000), 5000) / 1000)
    fail(UNREACHABLE, f"no answer in {PATIENCE_S} s")


def figure(text):
    if not text.strip().isdecimal():
        fail(DATA, f"units a day are a whole number, not {text.strip()}")
    return int(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], exit_on_error=False)
    parser.add_argument("--data")
    parser.add_argument("--gateway")
    parser.add_argument("--key")
    parser.add_argument("--server-key")
    parser.add_argument("--offer", required=True)
    parser.add_argument("--per-day")
    parser.add_argument("--number", type=int)
    parser.error = lambda message: fail(USAGE, message)
    arguments = parser.parse_args()
    if arguments.data is None and arguments.gateway is None:
        fail(USAGE, "--data DIR or --gateway ENDPOINT is needed")

    gateway = connect(arguments)
    number = arguments.number or 0
    for text in sys.stdin if arguments.per_day is None else [arguments.per_day]:
        if arguments.number is None:
            number = max(number + 1, time.time_ns() // 1_000_000)
        position = submit(gateway, "capacity.put", {
            "offer": arguments.offer, "per_day": figure(text), "source": "adapter",
            "number": number})
        print("accepted", position, flush=True)
        number += 1


if __name__ == "__main__":
    main()
