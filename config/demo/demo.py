#!/usr/bin/python3
"""The demo: two regions, 478 parties, a factory that loses half its capacity; live, in a minute.

Starts maillond in a directory of its own, imports the scenario with today as its first day, follows
the assignments, cuts the capacity of the factory that carries most, tells what moved and why, and
leaves nothing behind.
"""
import argparse
import collections
import datetime
import json
import pathlib
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

import make

START_SECONDS = 30  # For the daemon to come up.
QUIET_SECONDS = 2  # Without an event the plan is taken to be at rest ...
SETTLE_SECONDS = 60  # ... and after this long it is taken as it is.
SAMPLE_COUNT = 8  # Events shown one by one; then every COUNTER_STEP-th as a number.
COUNTER_STEP = 500
MOVED_COUNT = 14  # Moves shown after the drop.
LIVE = ("proposed", "accepted", "committed", "shipped", "received")


def say(text=""):
    print(text, flush=True)


def title(text):
    say(f"\n== {text}")


class Trouble(Exception):
    """The demo cannot go on; the text says why."""


def objects(text):
    """JSON as commands print it: one object a line, or one list."""
    if text.lstrip().startswith("["):
        return json.loads(text)
    return [json.loads(line) for line in text.splitlines() if line.strip()]


class System:
    """maillond in a directory of its own, and the maillon command for it."""

    def __init__(self, build, folder):
        self.command = [find(build, "maillon"), "--data", str(folder / "data")]
        self.log = open(folder / "log", "w+", encoding="utf-8")
        self.daemon = subprocess.Popen(
            [find(build, "maillond"), "--data", str(folder / "data")], stdout=self.log,
            stderr=self.log)

    def run(self, *arguments, text=None):
        done = subprocess.run(self.command + list(arguments), input=text, capture_output=True,
                              text=True, check=False, timeout=120)
        if done.returncode != 0:
            raise Trouble(f"maillon {' '.join(arguments)} exits with {done.returncode}: "
                          f"{(done.stderr or done.stdout).strip()[-800:]}")
        return done.stdout

    def follow(self):
        return subprocess.Popen(self.command + ["watch", "--after", "0", "--json"], text=True,
                                stdout=subprocess.PIPE, stderr=self.log)

    def wait_until_ready(self):
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self.daemon.poll() is not None:
                raise Trouble(f"maillond ends with {self.daemon.returncode}")
            check = subprocess.run(self.command + ["check"], capture_output=True, check=False)
            if check.returncode == 0:
                return
            time.sleep(0.1)
        raise Trouble(f"maillond is not ready after {START_SECONDS} seconds")

    def stop(self):
        self.daemon.terminate()
        try:
            self.daemon.wait(20)
        except subprocess.TimeoutExpired:
            self.daemon.kill()
            self.daemon.wait()

    def log_tail(self):
        self.log.flush()
        self.log.seek(0)
        return "".join(self.log.readlines()[-15:])


def find(build, name):
    """The program where the build put it."""
    for place in (f"cli/{name}", f"maillond/{name}", name):
        if (build / place).is_file():
            return str(build / place)
    raise Trouble(f"{name} is not in {build}; build it with ./dev build")


class Stream:
    """The events of `maillon watch`, read on a thread; the first are shown as they come."""

    def __init__(self, process, show):
        self.process, self.show = process, show
        self.events, self.arrived = [], queue.Queue()
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def read(self):
        for line in self.process.stdout:
            self.arrived.put(json.loads(line))

    def settle(self):
        """Takes events in until some have come and then none for a while; returns the new ones."""
        first = len(self.events)
        deadline = time.monotonic() + SETTLE_SECONDS
        while time.monotonic() < deadline:
            try:
                event = self.arrived.get(timeout=QUIET_SECONDS)
            except queue.Empty:
                if len(self.events) > first:
                    break
                continue
            if "assignment" in event and "need" in event:
                self.events.append(event)
                self.show(len(self.events), event)
        if len(self.events) == first:
            raise Trouble(f"no assignment changed within {SETTLE_SECONDS} seconds")
        return self.events[first:]

    def close(self):
        self.process.terminate()
        self.process.wait()
        self.thread.join(5)


class Scenario:
    """Names and numbers of what was imported, to tell the story with."""

    def __init__(self, tables):
        self.parties = {party["party_id"]: party for party in tables["parties"]}
        self.products = {product["product_id"]: product for product in tables["products"]}
        self.offers = {offer["offer_id"]: offer for offer in tables["offers"]}
        self.needs = {need["need_id"]: need for need in tables["needs"]
                      if need["quantity"] <= self.products[need["product_id"]]["need_max"]}

    def party(self, party_id):
        party = self.parties[party_id]
        return f"{party['name']} ({party['departement']})"

    def line(self, event):
        before, after = event.get("before", 0), event["quantity"]
        if event["state"] not in LIVE:
            before, after = after, 0
        return (f"  {event['product']:<16} {after - before:>+8,}  {self.party(event['offerer']):<32} -> "
                f"{self.party(event['requester']):<34} {event.get('reason', '')}")


def live_assignments(system):
    return [row for row in objects(system.run("assignment", "ls", "--json"))
            if row["state"] in LIVE and row["quantity"] > 0]


def choose_factory(scenario, rows):
    """The capacity with the largest share of all that is promised of its product."""
    promised, total = collections.Counter(), collections.Counter()
    for row in rows:
        promised[row["offer"]] += row["quantity"]
        total[row["product"]] += row["quantity"]
    factories = [offer for offer in promised if scenario.offers[offer]["kind"] == "capacity"]
    if not factories:
        raise Trouble("no capacity is promised to anyone")
    largest = max(factories, key=lambda offer: (
        promised[offer] * 10**6 // total[scenario.offers[offer]["product_id"]], offer))
    return largest, promised[largest], total[scenario.offers[largest]["product_id"]]


def cut_capacity(system, scenario, offer_id):
    offer = scenario.offers[offer_id]
    report = {"offer": offer_id, "per_day": offer["per_day"] // 2, "source": "operator",
              "from": offer["from"], "to": offer["to"]}
    system.run("capacity", "put", "-", text=json.dumps(report) + "\n")
    return report["per_day"]


def percent(part, whole):
    return f"{100 * part // whole:>4} %" if whole else "   - "


def tell_filled(scenario, rows):
    """What is promised of what is wanted, by product and class, in percent of units."""
    wanted, given = collections.Counter(), collections.Counter()
    for need in scenario.needs.values():
        wanted[need["product_id"], need["class"]] += need["quantity"]
    for row in rows:
        given[row["product"], row["class"]] += row["quantity"]
    say(f"  {'filled':<18}{'wanted':>10}{'promised':>10}   all   " +
        "  ".join(f"class {number}" for number in range(1, 6)))
    for product in scenario.products:
        cells = [(given[product, number], wanted[product, number]) for number in range(1, 6)]
        part, whole = (sum(column) for column in zip(*cells))
        say(f"  {product:<18}{whole:>10,}{part:>10,} {percent(part, whole)}  " +
            "  ".join(f"{percent(*cell):>7}" for cell in cells))


def tell_summary(system, scenario, rows):
    units = sum(row["quantity"] for row in rows)
    unit_kilometres = sum(row["quantity"] * row.get("kilometres", 0) for row in rows)
    say(f"  {len(rows):,} assignments of {units:,} units; {unit_kilometres // max(1, units)} km "
        f"a unit on the mean")
    requesters = sum(party["roles"] == "requester" for party in scenario.parties.values())
    say(f"  {len({row['requester'] for row in rows})} of {requesters} requesters served by "
        f"{len({row['offerer'] for row in rows})} of {len(scenario.parties) - requesters} firms")
    stats = objects(system.run("stats", "--json"))[0]
    say("  " + ", ".join(f"{name} at entry {role['last']:,}"
                          for name, role in stats["roles"].items()))


def show_sample(scenario):
    def show(count, event):
        if count <= SAMPLE_COUNT:
            say(scenario.line(event))
        elif count % COUNTER_STEP == 0:
            say(f"  ... {count:,} events")
    return show


def play(system, scenario, folder):
    title("starting maillond")
    system.wait_until_ready()
    title(f"importing {len(scenario.parties)} parties, {len(scenario.needs)} needs, "
          f"{len(scenario.offers)} offers; assignments as they come")
    stream = Stream(system.follow(), show_sample(scenario))
    try:
        system.run("import", str(folder / "scenario"))
        stream.settle()
        say(f"  {len(stream.events):,} events in all")
        rows = live_assignments(system)
        tell_filled(scenario, rows)

        offer_id, promised, total = choose_factory(scenario, rows)
        offer = scenario.offers[offer_id]
        stream.show = lambda count, event: None
        title(f"{scenario.party(offer['party_id'])} carries {100 * promised // total} % of all "
              f"{offer['product_id']} promised, and loses half its capacity")
        per_day = cut_capacity(system, scenario, offer_id)
        moved = stream.settle()
        say(f"  {offer['per_day']:,} -> {per_day:,} a day; {len(moved)} assignments change:")
        for event in moved[:MOVED_COUNT]:
            say(scenario.line(event))
        if len(moved) > MOVED_COUNT:
            say(f"  ... and {len(moved) - MOVED_COUNT} more")
    finally:
        stream.close()

    title("where it stands")
    rows = live_assignments(system)
    tell_filled(scenario, rows)
    tell_summary(system, scenario, rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default="build", type=pathlib.Path, help="build directory")
    parser.add_argument("--keep", action="store_true", help="leave the directory behind")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="maillon-demo-"))
    tables = make.make(datetime.datetime.now(datetime.timezone.utc).date())
    make.write(tables, folder / "scenario")
    system = None
    try:
        system = System(options.build.resolve(), folder)
        play(system, Scenario(tables), folder)
        title("done")
        return 0
    except (Trouble, subprocess.TimeoutExpired, KeyboardInterrupt) as trouble:
        say(f"\nthe demo stops: {trouble or 'interrupted'}")
        if system is not None:
            say(system.log_tail())
        return 1
    finally:
        if system is not None:
            system.stop()
        if not options.keep:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
