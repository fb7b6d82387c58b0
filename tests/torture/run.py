"""Storage torture, the long form, and one line of JSON about it; `./dev torture` runs it.

    run.py BUILD [--images N | --seconds N] [--seed N]

Power cuts go on until there are so many images, or for so long; everything else runs once. Ends with
0 when every promise held and every planted lie was found.
"""
import argparse
import json
import os
import pathlib
import resource
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]


def last_object(text):
    """The last line that is JSON; nothing when there is none."""
    lines = [line for line in text.splitlines() if line.startswith("{")]
    return json.loads(lines[-1]) if lines else {}


def run_part(totals, *command, **options):
    """Runs one part, adds up its figures and counts it as violated when it says so without one."""
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False, **options)
    figures = last_object(done.stdout)
    for name, value in figures.items():
        if isinstance(value, dict):
            for inner, count in value.items():
                totals[name][inner] = totals[name].get(inner, 0) + count
        else:
            totals[name] = totals.get(name, 0) + value
    if done.returncode != 0 and figures.get("violations", 0) == 0:
        totals["violations"] += 1
    return done.stdout


def count_cases(totals, said):
    for line in said.splitlines():
        if line.startswith(("ok", "not ok")):
            kind = "skipped" if "# SKIP" in line else "passed" if line.startswith("ok") else "failed"
            totals[f"daemon_cases_{kind}"] = totals.get(f"daemon_cases_{kind}", 0) + 1
            print(line, file=sys.stderr)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build")
    parser.add_argument("--images", type=int, default=100000)
    parser.add_argument("--seconds", type=int)
    parser.add_argument("--seed", default="1")
    options = parser.parse_args()
    totals = {"faults": {}, "violations": 0}
    torture = f"{options.build}/tests/torture/torture"
    bound = ["--seconds", str(options.seconds)] if options.seconds else \
        ["--images", str(options.images)]

    run_part(totals, torture, "--seed", options.seed, *bound)
    run_part(totals, torture, "--flips")
    run_part(totals, torture, "--calls")
    run_part(totals, torture, "--planted")
    count_cases(totals, run_part(
        totals, sys.executable, ROOT / "tests/system/torture_test.py", "--long",
        env={**os.environ, "MAILLON_BUILD": options.build, "MAILLON_SOURCE": str(ROOT)}))
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    totals["cpu_seconds"] = round(used.ru_utime + used.ru_stime)
    print(json.dumps(totals))
    sys.exit(0 if totals["violations"] == 0 else 1)


main()
