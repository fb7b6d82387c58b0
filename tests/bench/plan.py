"""plan.py - processor seconds of `maillon plan` on a factory network, with ample and with scarce capacity.

    ./dev bench plan [--demands N] [--resources R] [--rounds K] [--seed S]

The model is one that users of planning engines know: an item for each resource, made there or, second choice, on the
next one; 30 minutes a unit, day and night for 60 days; a demand asks 1 to 100 units of one item, due on one of these
days, in one of five classes, all uniform. Without options it plans 10,000 demands on 500 resources (35 % load) and
on 50 (348 %), and prints a line of JSON for each with the range over the rounds.
"""

import argparse
import csv
import datetime
import json
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile

MAILLON = os.path.join(os.environ["MAILLON_BUILD"], "cli", "maillon")
START = datetime.date(2020, 4, 1)
DAYS = 60
UNITS_A_DAY = 48


def write(directory, name, rows):
    with open(os.path.join(directory, name + ".csv"), "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0].keys(), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def day(number):
    return (START + datetime.timedelta(days=number)).isoformat()


def write_scenario(directory, demands, resources, seed):
    """Returns the load in percent."""
    chance = random.Random(seed)
    items = range(resources)
    at = START.isoformat() + "T00:00:00Z"
    write(directory, "products", [
        {"product_id": f"item-{i}", "family": "item", "name": f"Item {i}", "unit": "piece", "lot": 1} for i in items])
    write(directory, "parties", [
        {"party_id": f"{kind}-{i}", "name": f"{kind} {i}", "roles": role, "region": "75"}
        for i in items for kind, role in (("maker", "offerer"), ("buyer", "requester"))])
    write(directory, "substitutes", [
        {"substitute_id": f"second-{i}", "product_id": f"item-{i}", "given_id": f"item-{(i + 1) % resources}",
         "rank": 1} for i in items])
    write(directory, "offers", [
        {"at": at, "offer_id": f"resource-{i}", "party_id": f"maker-{i}", "product_id": f"item-{i}",
         "kind": "capacity", "per_day": UNITS_A_DAY, "from": day(0), "to": day(DAYS), "lead_days": 0} for i in items])
    needs = []
    units = 0
    for number in range(demands):
        item = chance.randrange(resources)
        quantity = chance.randint(1, 100)
        units += quantity
        needs.append({"at": at, "need_id": f"demand-{number}", "party_id": f"buyer-{item}",
                      "product_id": f"item-{item}", "quantity": quantity, "class": chance.randint(1, 5),
                      "due": day(chance.randint(1, DAYS))})
    write(directory, "needs", needs)
    return 100 * units // (resources * UNITS_A_DAY * DAYS)


def plan(directory):
    """One run: processor seconds, and what it printed as totals."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([MAILLON, "plan", directory, "--json"], stdout=subprocess.PIPE, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return seconds, json.loads(done.stdout.rstrip().rsplit(b"\n", 1)[-1])


def measure(demands, resources, rounds, seed):
    with tempfile.TemporaryDirectory(prefix="maillon-plan-") as directory:
        load = write_scenario(directory, demands, resources, seed)
        runs = [plan(directory) for _ in range(rounds)]
    seconds = [run[0] for run in runs]
    totals = runs[0][1]
    print(json.dumps({
        "bench": "plan", "demands": demands, "resources": resources, "load_percent": load, "rounds": rounds,
        "seconds": round(statistics.median(seconds), 3), "least": round(min(seconds), 3),
        "most": round(max(seconds), 3), "wall_ms": totals["milliseconds"], "units": totals["units"],
        "unmet": totals["unmet"], "cost": totals["cost"]}), flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--demands", type=int, default=10000)
    parser.add_argument("--resources", type=int, default=0)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    for resources in [options.resources] if options.resources else [500, 50]:
        measure(options.demands, resources, options.rounds, options.seed)


if __name__ == "__main__":
    sys.exit(main())
