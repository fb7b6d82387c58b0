"""history.py - what clients saw, and what is wrong with it.

A history is what every client wrote down for itself (client.c says how), the gateway's journal
and the whole stream as they are once the faults have stopped. `violations` needs nothing else: it
knows what was promised, and nothing of how the system works.

    receipts     the same id gets the same answer, and nothing good is refused
    journal      every command acknowledged is there once, as it was sent, and no other
    positions    a submitter's are 1, 2, 3 ...; who asked after another's answer comes behind it
    streams      every event once, in order, the same to all, up to the end; a head hides nothing
    outcome      no need over-served, no offer over-promised; what can be served has been
"""
import collections
import json

LIVE = ("proposed", "accepted", "committed", "shipped")
FIRM = ("committed", "shipped", "received")
PLENTY = "plenty"  # Products of which there is more than enough.


class Client:
    """One client's own notes, of all its lives."""

    def __init__(self, name, party=None):
        self.name, self.party = name, party
        self.sent = {}  # By id: time, type, body.
        self.answers = []  # Time, id, status, position, chain, whether it is held back.
        self.stream = []  # ("event", seq, body), ("head", seq), ("start", after).
        self.problems = []
        self.answered = set()
        self.last = 0  # Position of the last event.

    def take(self, line):
        """One line of the client's file."""
        kind, at, rest = line.split(" ", 2)
        getattr(self, f"take_{kind}")(int(at), rest)

    def take_sent(self, at, rest):
        one, kind, body = rest.split(" ", 2)
        self.sent[one] = (at, kind, json.loads(body))

    def take_answer(self, at, rest):
        one, status, position, chain, is_held = rest.split(" ")
        self.answers.append((at, one, status, int(position), chain, is_held == "1"))
        self.answered.add(one)

    def take_event(self, _, rest):
        seq, body = rest.split(" ", 1)
        self.stream.append(("event", int(seq), json.loads(body)))
        self.last = int(seq)

    def take_head(self, _, rest):
        self.stream.append(("head", int(rest)))

    def take_start(self, _, rest):
        self.stream.append(("start", int(rest)))

    def take_broken(self, _, rest):
        self.problems.append(rest)

    def events(self):
        return [(item[1], item[2]) for item in self.stream if item[0] == "event"]


class History:
    """Clients' notes, beside the journal (dictionaries: id, by, position, chain, type, body) and
    the whole stream (events with their seq) as both are at the end."""

    def __init__(self, clients, journal, stream):
        self.clients, self.journal, self.stream = clients, journal, stream

    def violations(self):
        """A line for each, its kind in front."""
        checks = (problems, receipts, journal, positions, order_in_time, streams, parties, outcome)
        return [line for check in checks for line in check(self)]


def problems(history):
    for client in history.clients:
        for what in client.problems:
            yield f"trouble: {client.name}: {what}"


def receipts(history):
    first = {}
    for client in history.clients:
        for _, one, status, position, chain, is_held in client.answers:
            if status != "ok":
                yield f"refused: {client.name}: {one} {client.sent[one][1:]}: {status}"
            elif first.setdefault(one, (position, chain, is_held)) != (position, chain, is_held):
                yield f"changed receipt: {one}: {first[one]}, then {(position, chain, is_held)}"
        for one in client.sent.keys() - client.answered:
            yield f"unanswered: {client.name}: {one}"


def journal(history):
    sent = {one: what for client in history.clients for one, what in client.sent.items()}
    held = collections.defaultdict(list)
    for entry in history.journal:
        held[entry["id"]].append(entry)
        if entry["id"] not in sent:
            yield f"unknown: entry {entry} was never sent"
        elif sent[entry["id"]][1:] != (entry["type"], entry["body"]):
            yield f"changed body: {entry} was sent as {sent[entry['id']]}"
    for one, entries in held.items():
        if len(entries) > 1:
            yield f"twice: {one} took effect {len(entries)} times"
    for client in history.clients:
        for _, one, status, position, chain, _ in client.answers:
            found = [(entry["position"], entry["chain"]) for entry in held.get(one, ())]
            if status == "ok" and (position, chain) not in found:
                yield f"lost: {one} was acknowledged at {position}, the journal has {found}"


def positions(history):
    taken = collections.defaultdict(list)
    for entry in history.journal:
        taken[entry["by"]].append(entry["position"])
    for by, numbers in taken.items():
        if numbers != list(range(1, len(numbers) + 1)):
            wrong = next(at for at, number in enumerate(numbers, 1) if number != at)
            yield f"position: the {wrong}th entry by {by} has position {numbers[wrong - 1]}"


def order_in_time(history):
    """Who sent after somebody had an answer comes behind him."""
    by = {entry["id"]: entry["by"] for entry in history.journal}
    moments = []
    for client in history.clients:
        answered = {}
        for at, one, status, position, *_ in client.answers:
            if status == "ok" and one not in answered:
                answered[one] = position
                moments += [(at, 1, one, position), (client.sent[one][0], 0, one, position)]
    highest = collections.Counter()
    for _, is_answer, one, position in sorted(moments):
        if is_answer:
            highest[by.get(one)] = max(highest[by.get(one)], position)
        elif position <= highest[by.get(one)]:
            yield (f"order: {one} has position {position} and was sent after "
                   f"{highest[by.get(one)]} was answered")


def streams(history):
    """Each client by itself: from where it began, one after the other, and nothing left out."""
    for client in history.clients:
        last = 0
        for item in client.stream:
            kind, seq = item[:2]
            if kind == "start":
                if seq != last:
                    yield f"resumed elsewhere: {client.name} at {seq}, it had {last}"
            elif kind == "head":
                if seq > last:
                    yield f"hidden: {client.name} had {last} when the head was {seq}"
            elif seq <= last:
                yield f"event again: {client.name} got {seq} behind {last}"
            else:
                if seq != last + 1:
                    yield f"event gap: {client.name} got {seq} behind {last}"
                last = seq


def without_seq(event):
    return {key: value for key, value in event.items() if key != "seq"}


def of_party(history, party):
    """The part of the whole stream that concerns a party."""
    known = {}
    for event in history.stream:
        if event["t"] == "assignment":
            known[event["assignment"]] = (event["requester"], event["offerer"])
        if party is None or party in known.get(event["assignment"], ()):
            yield without_seq(event)


def parties(history):
    """All clients of a stream got the same, and all of it."""
    for client in history.clients:
        if not client.stream:
            continue
        whole = list(of_party(history, client.party))
        got = [without_seq(event) for _, event in client.events()]
        for seq, event in client.events():
            if event.get("seq") != seq:
                yield f"event changed: {client.name} got {event} as {seq}"
        for at, (one, other) in enumerate(zip(got, whole), 1):
            if one != other:
                yield f"event changed: {client.name} got {one} as {at}, the stream has {other}"
                break
        if len(got) != len(whole):
            yield f"stream not whole: {client.name} got {len(got)} of {len(whole)} events"


class Outcome:
    """Needs and offers as the commands leave them, in the order of the journal."""

    def __init__(self, history):
        self.needs, self.offers = {}, {}
        self.held = {one for client in history.clients
                     for _, one, *_, is_held in client.answers if is_held}
        for entry in history.journal:
            take = getattr(self, "take_" + entry["type"].replace(".", "_"), None)
            if take:
                take(entry["body"], entry["id"] in self.held)
        self.assignments = {event["assignment"]: event for event in history.stream
                            if event["t"] == "assignment"}

    def take_need_put(self, body, is_held):
        self.needs[body["need"]] = {**body, "held": is_held, "over": False}

    def take_need_cancel(self, body, _):
        if body["need"] in self.needs:
            self.needs[body["need"]]["over"] = True

    def take_offer_put(self, body, is_held):
        self.offers[body["offer"]] = {**body, "held": is_held}

    def take_capacity_put(self, body, _):
        if body["offer"] in self.offers:
            self.offers[body["offer"]]["quantity"] = body["per_day"]

    def units(self, key, states):
        sums = collections.Counter()
        for event in self.assignments.values():
            if event["state"] in states:
                sums[event[key]] += event["quantity"]
        return sums


def outcome(history):
    end = Outcome(history)
    live, firm = end.units("need", (*LIVE, "received")), end.units("need", FIRM)
    for name, need in end.needs.items():
        given = live.pop(name, 0)
        if given > need["quantity"] or (need["held"] and given > 0):
            yield f"over-served: {need} gets {given}"
        if need["over"] and given > firm[name]:
            yield f"served though over: {need} gets {given}, {firm[name]} of them firm"
        if need["product"].startswith(PLENTY) and not need["held"] and not need["over"] and \
                given < need["quantity"]:
            yield f"undecided: {need} gets {given}"
    for name, units in live.items():
        yield f"unknown: {units} units for need {name}, which nobody put"
    given, firm = end.units("offer", (*LIVE, "received")), end.units("offer", FIRM)
    for name, units in given.items():
        offer = end.offers.get(name, {"quantity": 0, "held": False})
        if units > max(offer["quantity"], firm[name]) or (offer["held"] and units > 0):
            yield f"over-promised: {name}, {offer}, gives {units}, {firm[name]} of them firm"
