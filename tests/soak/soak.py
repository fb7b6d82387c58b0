#!/usr/bin/python3
"""soak.py - all that searches for broken promises, for long, and the scoreboard at the end.

    soak.py MINUTES [--lines FILE] [--page FILE]

Runs each part with its share of the time, one after the other, and keeps the line of JSON that each
prints in FILE (build/soak.jsonl). The scoreboard between the two marks of the page
(docs/reliability.md) is made of these lines and nothing else; beside each figure stands what others
reach or aim at, with its source.
"""
import argparse
import json
import os
import pathlib
import re
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
SHARES = {"sim": 40, "chaos": 30, "torture": 15, "fuzz": 15}  # Percent of the time.
MARKS = "<!-- soak: begin -->\n", "<!-- soak: end -->\n"
ACCEPTED_AT = "https://jepsen.io/analyses/nats-2.12.1"
VOPR = "https://github.com/tigerbeetle/tigerbeetle/blob/main/docs/internals/vopr.md"
FOUNDATION = "https://apple.github.io/foundationdb/testing.html"
ETCD = "https://github.com/etcd-io/etcd/tree/main/tests/robustness"
SQLITE = "https://sqlite.org/testing.html"


def dev(*words):
    return [str(ROOT / "dev"), *map(str, words)]


def targets():
    return subprocess.run(dev("fuzz"), capture_output=True, text=True, check=True).stdout.split()


def has_torture():
    return re.search(r"^  torture ", subprocess.run(dev("help"), capture_output=True, text=True,
                                                    check=True).stdout, re.MULTILINE) is not None


def divide(seconds, parts):
    """Seconds of each part. What is not there leaves its share to the others."""
    whole = sum(SHARES[part] for part in parts)
    return {part: max(int(seconds * SHARES[part] / whole), 1) for part in parts}


def last_object(text):
    """The last line that is a JSON object; nothing when there is none."""
    for line in reversed(text.splitlines()):
        if line.startswith("{"):
            try:
                return json.loads(line)
            except ValueError:
                continue
    return None


def run(part, words, read=last_object):
    """One part; gives its line. What it says besides goes to standard error."""
    print(f"soak: {' '.join(words)}", file=sys.stderr, flush=True)
    started = time.monotonic()
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    figures = read(done.stdout + done.stderr) or {}
    if done.returncode != 0:
        print(done.stdout[-2000:] + done.stderr[-4000:], file=sys.stderr, flush=True)
    return {"part": part, "exit": done.returncode,
            "took_seconds": round(time.monotonic() - started), **figures}


def fuzz_figures(text):
    found = re.search(r"number_of_executed_units: (\d+)", text)
    return {"runs": int(found[1])} if found else {}


def soak(minutes, seed):
    """The lines of all parts, as they end."""
    parts = [part for part in SHARES if part != "torture" or has_torture()]
    seconds = divide(minutes * 60, parts)
    yield run("mutants", dev("sim", "--mutants"))
    for part in parts:
        if part == "fuzz":
            names = targets()
            for name in names:
                each_s = max(seconds[part] // len(names), 1)
                yield {**run(part, dev("fuzz", name, each_s), fuzz_figures), "target": name,
                       "seconds": each_s}
        else:
            first = {"sim": ["--first", seed], "chaos": ["--seed", seed]}
            yield run(part, dev(part, "--seconds", seconds[part], *first.get(part, [])))


def header():
    """Where and of what the figures are."""
    def git(*words):
        return subprocess.run(["git", "-C", ROOT, *words], capture_output=True, text=True,
                              check=False).stdout.strip()
    changed = git("status", "--porcelain", "--untracked-files=no")
    kilobytes = int(re.search(r"MemTotal:\s+(\d+)", pathlib.Path("/proc/meminfo").read_text())[1])
    return {"part": "soak", "commit": git("rev-parse", "--short=10", "HEAD") +
            (" with changes" if changed else ""), "day": time.strftime("%Y-%m-%d", time.gmtime()),
            "cores": os.cpu_count(), "memory_gb": round(kilobytes / 2**20)}


def number(value):
    return f"{value:,}"


class Lines:
    """The lines by part; a row is made only of those that are there."""

    def __init__(self, lines):
        self.by_part = {}
        for line in lines:
            self.by_part.setdefault(line["part"], []).append(line)

    def get(self, part):
        """The part's line when it has figures."""
        line = self.by_part.get(part, [{}])[-1]
        return line if len(line) > 3 else None


def sim_rows(sim):
    yield ("simulated events", f"{number(sim['events'])} in {number(round(sim['seconds']))} s, "
           f"{number(sim['seeds'])} seeds from {sim['first_seed']}",
           f"[FoundationDB]({FOUNDATION}): tens of thousands of runs a night")
    yield ("simulated crashes of roles", number(sim["crashes"]),
           f"[TigerBeetle]({VOPR}): 1,024 cores day and night")
    yield ("simulated to real time", number(sim["ratio"]), f"[TigerBeetle]({VOPR}): 1,000")
    yield ("kinds of faults in the simulator", number(sum(many > 0 for many in
                                                         sim["faults"].values())),
           f"[etcd]({ETCD}): 41 failpoints")
    yield ("broken promises in the simulator", number(sim["violations"]), "")


def mutants_rows(mutants):
    yield ("planted bugs that the simulator finds", f"{mutants['found']} of {mutants['mutants']}, "
           f"the last by seed {mutants['worst_seed']}",
           f"[etcd]({ETCD}): a table of known bugs; TigerBeetle: a canary")


def chaos_rows(chaos):
    first, last = chaos["seeds"]
    yield ("real processes killed, stopped, paused",
           f"{number(chaos['kills'])}, {number(chaos['stops'])}, {number(chaos['pauses'])} in "
           f"{number(round(chaos['seconds']))} s, seeds {first} to {last}", "")
    yield ("partitions, losses and resets by the kernel", ", ".join(
        number(chaos[name]) for name in ("partitions", "losses", "resets")), "")
    yield ("connections cut, stalled, throttled, delayed, half open", ", ".join(
        number(chaos[name]) for name in ("cuts", "stalls", "throttles", "delays", "half_open")), "")
    yield ("acknowledged commands lost, doubled or changed, events out of order",
           f"{number(chaos['violations'])} of {number(chaos['acknowledged'])} commands and "
           f"{number(chaos['events'])} events",
           f"[Jepsen on NATS 2.12.1]({ACCEPTED_AT}): 131,418 of 930,005 lost")
    yield ("everything decided and told after the faults", f"within {chaos['liveness_seconds']} s",
           f"[TigerBeetle]({VOPR}): 10 million ticks of its simulator")


def torture_rows(torture):
    if "images" in torture:
        yield ("power-cut images with a broken promise",
               f"{number(torture['violations'])} of {number(torture['images'])}",
               "ALICE (OSDI 2014): 60 vulnerabilities in 11 applications")
    if torture.get("flips"):
        yield ("flipped bits", f"{number(torture['flips'])}, of them found "
               f"{number(torture['flips_found'])}; the rest without effect, or the process ended",
               f"[Jepsen on NATS 2.12.1]({ACCEPTED_AT}): 679,153 of 1,367,069 lost")


def fuzz_rows(lines):
    runs = sum(line.get("runs", 0) for line in lines)
    failed = sorted(line["target"] for line in lines if line["exit"] != 0)
    yield ("bad inputs", f"{number(runs)} for {len(lines)} targets, "
           f"{sum(line['seconds'] for line in lines)} s; "
           + (f"broken: {', '.join(failed)}" if failed else "none broken"),
           f"[SQLite]({SQLITE}): 10^9 a day")


def scoreboard(lines):
    """The text between the marks."""
    known = Lines(lines)
    about = known.by_part["soak"][0]
    rows = []
    for part, make in (("sim", sim_rows), ("mutants", mutants_rows), ("chaos", chaos_rows),
                       ("torture", torture_rows)):
        if known.get(part):
            rows += make(known.get(part))
    if known.by_part.get("fuzz"):
        rows += fuzz_rows(known.by_part["fuzz"])
    failed = [line["part"] for line in lines if line.get("exit")]
    text = (f"Commit {about['commit']}, {about['day']}, {about['cores']} cores and "
            f"{about['memory_gb']} GB of memory, "
            f"{number(sum(line.get('took_seconds', 0) for line in lines))} s in all. "
            + (f"**Failed: {', '.join(failed)}.**" if failed else "Nothing failed.") + "\n\n")
    return text + "| figure | here | beside |\n| --- | --- | --- |\n" + "".join(
        f"| {what} | {here} | {beside} |\n" for what, here, beside in rows)


def replace_between(page, text):
    """The page with what stands between its marks replaced."""
    begin, end = MARKS
    before, rest = page.split(begin)
    _, after = rest.split(end)
    return before + begin + text + end + after


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("minutes", type=float)
    parser.add_argument("--seed", type=int, default=1000)
    parser.add_argument("--lines", type=pathlib.Path, default=ROOT / "build/soak.jsonl")
    parser.add_argument("--page", type=pathlib.Path, default=ROOT / "docs/reliability.md")
    options = parser.parse_args()
    lines = [header()]
    with open(options.lines, "w", encoding="utf-8") as file:
        print(json.dumps(lines[0]), file=file, flush=True)
        for line in soak(options.minutes, options.seed):
            lines.append(line)
            print(json.dumps(line), file=file, flush=True)
    page = options.page.read_text(encoding="utf-8")
    options.page.write_text(replace_between(page, scoreboard(lines)), encoding="utf-8")
    print(scoreboard(lines), end="")
    sys.exit(1 if any(line.get("exit") for line in lines) else 0)


if __name__ == "__main__":
    main()
