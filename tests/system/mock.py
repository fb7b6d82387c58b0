#!/usr/bin/python3
"""A gateway and a dispatcher without a plan, to try clients against: mock.py --data DIR.

Every command is accepted when its offer is known. Every need becomes one assignment from the
latest offer. Nothing is kept on disk.
"""
import argparse
import hashlib
import pathlib

import msgpack
import zmq


class Mock:
    def __init__(self, data):
        run = pathlib.Path(data, "run")
        run.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.gateway, self.dispatch = (self.bind(run / name) for name in ("gateway", "dispatch"))
        self.results, self.offers, self.events = {}, {}, []
        self.readers = {}  # Peer: position and credit.

    @staticmethod
    def bind(path):
        socket = zmq.Context.instance().socket(zmq.ROUTER)
        socket.bind(f"ipc://{path}")
        return socket

    @staticmethod
    def send(socket, peer, kind, request_id, body):
        header = {"v": 1, "t": kind, "id": request_id}
        socket.send_multipart([peer, msgpack.packb(header), msgpack.packb(body)])

    def decide(self, command):
        body = command["body"]
        if command["t"] == "offer.put":
            self.offers[body["offer"]] = body
        if command["t"] == "capacity.put" and body["offer"] not in self.offers:
            return {"accepted": False, "code": "unknown", "field": "offer", "why": "no such offer"}
        if command["t"] == "need.put":
            offer = list(self.offers.values())[-1]
            number = len(self.events) + 1
            self.events.append({
                "t": "assignment", "seq": number, "assignment": number, "state": "proposed",
                "need": body["need"], "offer": offer["offer"], "product": body["product"],
                "requester": body["party"], "offerer": offer["party"],
                "quantity": body["quantity"], "class": body["class"]})
        return {"accepted": True, "position": len(self.results) + 1,
                "chain": hashlib.blake2b(command["id"], digest_size=32).digest()}

    def take_submit(self, peer, header, body):
        for command in body["commands"]:
            if command["id"] not in self.results:
                self.results[command["id"]] = self.decide(command)
        results = [{"id": command["id"], **self.results[command["id"]]}
                   for command in body["commands"]]
        self.send(self.gateway, peer, "answers", header["id"], {"results": results})

    def take_dispatch(self, peer, header, body):
        if header["t"] == "subscribe":
            self.readers[peer] = [body.get("after", 0), body["credit"]]
            self.serve(peer, has_news=True)
        elif header["t"] == "credit":
            self.readers[peer][1] += body["n"]

    def serve(self, peer, has_news=False):
        seq, credit = self.readers[peer]
        events = self.events[seq:seq + min(credit, 256)]
        if events:
            self.send(self.dispatch, peer, "event", b"", {"events": events})
            self.readers[peer] = [events[-1]["seq"], credit - len(events)]
            has_news = True
        if has_news and self.readers[peer][0] == len(self.events):
            self.send(self.dispatch, peer, "head", b"", {"seq": len(self.events), "oldest": 1})

    def run(self):
        poller = zmq.Poller()
        poller.register(self.gateway, zmq.POLLIN)
        poller.register(self.dispatch, zmq.POLLIN)
        take = {self.gateway: self.take_submit, self.dispatch: self.take_dispatch}
        while True:
            for socket, _ in poller.poll():
                peer, header, body = socket.recv_multipart()
                take[socket](peer, msgpack.unpackb(header), msgpack.unpackb(body))
            for peer in self.readers:
                self.serve(peer)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True)
    Mock(parser.parse_args().data).run()
