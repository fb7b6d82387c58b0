"""Memory that runs out at the n-th call: processes end with a message, never with damage.

    memory_test.py                          a sample, in bounded time: the test
    memory_test.py --every SECONDS [NAME]   every call in turn of each unit test, or of NAME's

A program that got no memory may succeed all the same, fail with words, or stop with words. It must
not crash, hang, or be silent. What its journal acknowledged is there afterwards.
"""
import os
import random
import signal
import subprocess
import sys
import tempfile
import time

from tap import BUILD, run_cases

SHIM = f"{BUILD}/tests/libfail_memory.so"
JOURNAL = f"{BUILD}/tests/memory_journal"
CLIENT = f"{BUILD}/tests/memory_client"
# Quick ones, that clean up or keep to TMPDIR; the rest waits on sockets of libraries that abort.
PROGRAMS = ["allocate", "base", "config", "dispatch", "flow", "gateway", "ids", "journal", "life",
            "log", "lots", "market", "market_rows", "match", "match_worker", "metrics", "plan",
            "proto", "proto_json", "scenario", "stage", "stage_recovery"]
SAMPLES = 3
CALL_MAX = 3000
RUN_SECONDS = 60
FOLDER = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # Nobody cuts the power here.
ENTRY_COUNT = 12
BAD_SIGNALS = (signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGKILL)


def run(command, folder, at=0, after=False, own=False, count_file=None):
    env = {**os.environ, "LD_PRELOAD": SHIM, "FAIL_MEMORY_AT": str(at), "TMPDIR": folder}
    if own:
        env["FAIL_MEMORY_OWN"] = "1"
    if after:
        env["FAIL_MEMORY_AFTER"] = "1"
    if count_file:
        env["FAIL_MEMORY_COUNT"] = count_file
    return subprocess.run(command, env=env, cwd=folder, capture_output=True, text=True,
                          errors="replace", timeout=RUN_SECONDS, check=False)


def count_calls(command, folder):
    count_file = os.path.join(folder, "count")
    done = run(command, folder, count_file=count_file)
    assert done.returncode == 0, f"{command}: {done.returncode}\n{done.stderr}"
    with open(count_file, encoding="ascii") as file:
        return int(file.read())


def expect_an_end_with_words(done, what):
    assert -done.returncode not in BAD_SIGNALS, f"{what}: signal {-done.returncode}\n{done.stderr}"
    if done.returncode != 0:
        assert done.returncode in (1, -signal.SIGABRT), f"{what}: ended with {done.returncode}"
        assert done.stderr.strip(), f"{what}: ended without a word"


def sample(seed):
    """The first calls, and some more over all orders of magnitude."""
    draw = random.Random(seed)
    return sorted({1, 2, 3} | {int(CALL_MAX ** draw.random()) for _ in range(SAMPLES)})


def fail_in(name, calls, deadline=None):
    command = [f"{BUILD}/tests/{name}_test"]
    done_count = 0
    for call in calls:
        if deadline and time.monotonic() > deadline:
            break
        with tempfile.TemporaryDirectory(dir=FOLDER) as folder:
            after = call % 2 == 0
            what = f"{name}_test, call {call}{' and after' if after else ''}"
            expect_an_end_with_words(run(command, folder, call, after), what)
        done_count += 1
    return done_count


def calls_of(name):
    with tempfile.TemporaryDirectory(dir=FOLDER) as folder:
        return count_calls([f"{BUILD}/tests/{name}_test"], folder)


def a_unit_test_without_memory_ends_with_words():
    for name in PROGRAMS:
        fail_in(name, sample(name))


def write_without_memory(at, after):
    """Returns how many entries were acknowledged, and how many are there."""
    with tempfile.TemporaryDirectory(dir=FOLDER) as folder:
        path = os.path.join(folder, "feed")
        done = run([JOURNAL, "write", path, str(ENTRY_COUNT)], folder, at, after)
        expect_an_end_with_words(done, f"journal, call {at}")
        acknowledged = sum(line.isdigit() for line in done.stdout.split("\n"))
        check = subprocess.run([JOURNAL, "check", path], capture_output=True, text=True, check=False)
        assert check.returncode == 0, f"call {at}: {check.stderr}"
        return acknowledged, int(check.stdout)


def what_was_acknowledged_is_there_whichever_call_fails():
    with tempfile.TemporaryDirectory(dir=FOLDER) as folder:
        path = os.path.join(folder, "feed")
        count = count_calls([JOURNAL, "write", path, str(ENTRY_COUNT)], folder)
    partial = 0
    for call in range(1, count + 1):
        for after in (False, True):
            acknowledged, there = write_without_memory(call, after)
            assert acknowledged <= there <= acknowledged + 1, (call, acknowledged, there)
            partial += 0 < there < ENTRY_COUNT
    assert partial > 0, "no run ended in the middle"


def open_without_memory(at):
    with tempfile.TemporaryDirectory(dir=FOLDER) as folder:
        done = run([CLIENT, folder], folder, at, own=True)
    assert done.returncode == 0, f"client, call {at}: {done.returncode} {done.stderr}"
    return done.stdout


def a_client_is_told_that_there_is_no_memory():
    """By the library. Where ZeroMQ itself gets none it stops the process."""
    told = 0
    while (said := open_without_memory(told + 1)) == "no memory\n":
        told += 1
    assert said == "not reached\n", said
    assert told >= 6, told  # The handle, slots, index, two links, a body.


def fail_everywhere(seconds, names):
    deadline = time.monotonic() + seconds
    for name in names:
        count = calls_of(name)
        done = fail_in(name, range(1, count + 1), deadline)
        print(f"{name}: {done} of {count} calls", flush=True)


if len(sys.argv) > 2 and sys.argv[1] == "--every":
    fail_everywhere(float(sys.argv[2]), sys.argv[3:] or PROGRAMS)
else:
    run_cases(a_unit_test_without_memory_ends_with_words,
              what_was_acknowledged_is_there_whichever_call_fails,
              a_client_is_told_that_there_is_no_memory)
