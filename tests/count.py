#!/usr/bin/python3
"""Counts the cases of a test run: prints "PASSED FAILED SKIPPED" from Meson's testlog.json.

A case is one line of TAP; a program that prints none and ends well is one. A case that is skipped has neither passed nor
failed. A program that dies,
or ends before its plan, has at least one failed case, whatever it printed. A run without any case counts as one failure.
"""
import json
import re
import sys


def count(record):
    lines = record.get("stdout", "").splitlines()
    cases = [line for line in lines if re.match(r"(not )?ok\b", line)]
    done = [line for line in cases if not re.search(r"# *(skip|todo)\b", line, re.IGNORECASE)]
    plan = next((int(line[3:].split()[0]) for line in lines if line.startswith("1..")), None)
    failed = sum(line.startswith("not ") for line in done)
    passed = len(done) - failed
    if not cases and plan is None and record.get("result") == "OK":
        return 1, 0, 0
    is_whole = record.get("returncode") == 0 and plan == len(cases)
    if failed == 0 and (not is_whole or record.get("result") not in ("OK", "SKIP")):
        failed = 1
    return passed, failed, len(cases) - len(done)


def main(path):
    try:
        with open(path, encoding="utf-8") as log:
            counts = [count(json.loads(line)) for line in log if line.strip()]
    except OSError:
        counts = []
    print(*(sum(column) for column in zip(*counts)) if counts else (0, 1, 0))


main(sys.argv[1])
