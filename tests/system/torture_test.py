"""torture_test.py - daemons whose disk fills, fails, loses power, or whose limits are reached.

    torture_test.py             a short form: the test
    torture_test.py --long      every call, more cuts; prints a line of JSON behind the cases

What was acknowledged is in the journal afterwards, once, whatever happened.
"""
import contextlib
import fcntl
import json
import os
import pathlib
import re
import resource
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time

import msgpack

from system import DEADLINE_S, SMALL, Peer, System, entries_in, new_id, until
from tap import BUILD, Skip, run_cases

IS_LONG = "--long" in sys.argv
RECORDER = f"{BUILD}/tests/torture/librecorder.so"
SHUTDOWN = 0x8004587D  # FS_IOC_SHUTDOWN, _IOR('X', 125, uint32_t): the file system stops,
NO_LOG_FLUSH = 2  # and what is only in memory is lost.
FAULTS = ("eio", "enospc", "short", "kill_before", "kill_after")  # tests/torture/faults.h
CALLS_MAX = 400
ANSWER_S = 1 if not IS_LONG else 2
COUNTS = dict.fromkeys(("daemon_call_faults", "daemon_restarts", "power_cuts", "limits",
                        "backups", "acknowledged", "lost"), 0)


class Ledger:
    """Commands with the answers to them. Unanswered ones are sent again, under their ids."""

    def __init__(self):
        self.waiting, self.accepted, self.refused = {}, {}, {}

    def add(self, count, note=""):
        for _ in range(count):
            one = new_id()
            self.waiting[one] = {"id": one, "t": "party.put", "body": {
                "party": f"p{len(self.accepted) + len(self.waiting)}", "roles": "expert",
                "name": note}}

    def ask(self, peer, timeout_s=ANSWER_S):
        """Sends what waits; false when no answer comes."""
        batch = list(self.waiting.values())[:50]
        kind, body = peer.ask("submit", {"commands": batch}, timeout_s)
        if kind != "answers":
            return False
        for result in body["results"]:
            command = self.waiting.pop(result["id"], None)
            if command is not None:
                (self.accepted if result["accepted"] else self.refused)[result["id"]] = result
        return True

    def give_up(self):
        """What was not answered may be in or out."""
        self.waiting.clear()

    def assert_kept(self, entries):
        found = {}
        for entry in entries:
            intake = msgpack.unpackb(entry["body"])
            if intake["by"] == "local":
                assert intake["id"] not in found, "taken in twice"
                found[intake["id"]] = entry["chain"]
        lost = [one for one, result in self.accepted.items()
                if found.get(one) != result["chain"]]
        COUNTS["acknowledged"] += len(self.accepted)
        COUNTS["lost"] += len(lost)
        assert not lost, f"{len(lost)} of {len(self.accepted)} acknowledged commands are lost"


def run_quietly(*command):
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@contextlib.contextmanager
def mounted(*how):
    """A file system of its own, as `mount` takes it; skipped where nobody may mount."""
    with tempfile.TemporaryDirectory(prefix="disk-") as place:
        if os.geteuid() != 0 or not run_quietly("mount", *how, place):
            raise Skip("file systems cannot be mounted here")
        try:
            yield pathlib.Path(place)
        finally:
            until(lambda: run_quietly("umount", place), "the file system to be unmounted")


# --- One bad call of the gateway ------------------------------------------------------------


class Gateway:
    """The gateway alone, started again whenever it ends."""

    def __init__(self, folder, fault):
        self.folder, self.starts = folder, 0
        self.env = {**os.environ, "LD_PRELOAD": RECORDER, "TORTURE_ROOT": f"{folder}/gateway",
                    "TORTURE_COUNT": f"{folder}/count", "TORTURE_FAULT": fault}
        os.makedirs(f"{folder}/gateway")
        self.process = None
        self.peer = Peer(f"ipc://{folder}/run/gateway")

    def ensure_runs(self):
        if self.process is None or self.process.poll() is not None:
            if self.process is not None:
                assert self.process.returncode in (74, -signal.SIGKILL), self.process.returncode
            self.starts += 1
            self.process = subprocess.Popen(
                [f"{BUILD}/maillond/maillond", "gateway", "--data", self.folder, *words_of(SMALL),
                 "--set", "journal.checkpoint_entries=8", "--set", "gateway.space_floor_mb=0"],
                env=self.env, stderr=subprocess.DEVNULL)

    def calls(self):
        with open(f"{self.folder}/count", "rb") as file:
            return struct.unpack("<Q", file.read(8))[0]

    def entries(self):
        with Peer(f"ipc://{self.folder}/run/gateway.control") as control:
            def page():
                self.ensure_runs()
                kind, body = control.ask("replay", {"from": 1, "size_max": 500000}, ANSWER_S)
                return body if kind == "entries" else None
            return entries_in(until(page, "the feed").get("data", b""))

    def end(self):
        self.peer.close()
        self.process.terminate()
        self.process.wait(DEADLINE_S)


def words_of(settings):
    return [word for setting in settings for word in ("--set", setting)]


def run_gateway_with(fault):
    """Three batches and a checkpoint; gives how many calls it took and how many starts."""
    with tempfile.TemporaryDirectory(prefix="m-") as folder:
        gateway, ledger = Gateway(folder, fault), Ledger()
        try:
            for _ in range(3):
                ledger.add(5)
                while ledger.waiting:
                    gateway.ensure_runs()
                    ledger.ask(gateway.peer)
            ledger.assert_kept(gateway.entries())
            assert not ledger.refused, ledger.refused
            return gateway.calls(), gateway.starts
        finally:
            gateway.end()


def a_bad_call_of_the_gateway_loses_nothing():
    last, starts = run_gateway_with("eio:1000000000")
    assert starts == 1 and 20 < last < CALLS_MAX, (last, starts)
    stride = 1 if IS_LONG else max(1, last // 3)
    for call in range(1, last + 1, stride):
        for fault in FAULTS if IS_LONG else FAULTS[call // stride % len(FAULTS)::3]:
            _, starts = run_gateway_with(f"{fault}:{call}")
            COUNTS["daemon_call_faults"] += 1
            COUNTS["daemon_restarts"] += starts - 1
    assert COUNTS["daemon_restarts"] > 0, "no call was missed"


# --- Full, and room again ---------------------------------------------------------------------


def fill(place, leave):
    """Takes all room but so many bytes."""
    about = os.statvfs(place)
    size = about.f_bavail * about.f_frsize - leave
    with open(place / "ballast", "wb") as file:
        os.posix_fallocate(file.fileno(), 0, size)


def a_disk_below_its_floor_refuses_and_recovers_by_itself():
    with mounted("-t", "tmpfs", "-o", "size=64m", "none") as place, \
            System("gateway.space_floor_mb=8", place=place) as system:
        ledger = Ledger()
        with system.peer("gateway") as peer:
            ledger.add(20)
            ledger.ask(peer, DEADLINE_S)
            fill(place, 4 << 20)

            def refused():
                ledger.add(1)
                ledger.ask(peer, DEADLINE_S)
                return ledger.refused
            answer = next(iter(until(refused, "a refusal").values()))
            assert answer["code"] == "full" and answer["retry_after_ms"] > 0, answer
            assert system.stats()["roles"]["gateway"]["ready"]
            assert system.maillon("party", "ls").returncode == 0
            (place / "ballast").unlink()
            before = len(ledger.accepted)

            def taken():
                ledger.add(1)
                ledger.ask(peer, DEADLINE_S)
                return len(ledger.accepted) > before
            until(taken, "intake to go on")
        system.wait_idle()
        ledger.assert_kept(system.entries("gateway"))
        assert "started again" not in told_by(system)


def told_by(system):
    return pathlib.Path(system.log.name).read_text()


def submit_until_silent(system, ledger, note, rounds=4000):
    """Until the gateway does not answer any more."""
    with system.peer("gateway") as peer:
        for _ in range(rounds):
            ledger.add(50, note)
            if not ledger.ask(peer):
                break
        else:
            raise AssertionError("it never ended")
    ledger.give_up()


def a_commit_without_room_is_retried_later_and_later():
    """Without a floor the gateway takes in until a commit fails; restarts back off meanwhile."""
    with mounted("-t", "tmpfs", "-o", "size=40m", "none") as place, \
            System("gateway.space_floor_mb=0", "supervisor.restart_ms_min=100",
                   "supervisor.restart_ms_max=3200", place=place) as system:
        ledger = Ledger()
        fill(place, 1 << 20)
        submit_until_silent(system, ledger, "x" * 100)
        waits = until(lambda: [waits for waits in [re.findall(
            r'child=gateway exit=74 .*in_ms=(\d+)', told_by(system))] if len(waits) >= 4],
            "some restarts")[0]
        assert waits[:4] == ["100", "200", "400", "800"], waits
        assert system.daemon.poll() is None
        (place / "ballast").unlink()
        until(system.is_ready, "the system to be ready again")
        with system.peer("gateway") as peer:
            ledger.add(10)
            assert ledger.ask(peer, DEADLINE_S)
        system.wait_idle()
        ledger.assert_kept(system.entries("gateway"))
        assert system.stop() == 0
        system.assert_journals_are_good()


def a_reader_that_stands_still_is_ended_before_the_disk_is_full():
    with mounted("-t", "tmpfs", "-o", "size=64m", "none") as place, \
            System("gateway.space_floor_mb=0", place=place) as system:
        ledger = Ledger()
        reader = subprocess.Popen([f"{BUILD}/tests/torture/torture_reader", place / "data/gateway"],
                                  stdout=subprocess.PIPE, text=True)
        assert reader.stdout.readline() == "ready\n"
        reader.send_signal(signal.SIGSTOP)
        fill(place, 6 << 20)
        with system.peer("gateway") as peer:
            def ended():
                ledger.add(2, "r" * 100)
                assert ledger.ask(peer, DEADLINE_S)
                return reader.poll()
            assert until(ended, "the reader to be ended") == -signal.SIGKILL
            reader.stdout.close()
        system.wait_idle()
        ledger.assert_kept(system.entries("gateway"))
        assert "stood still" in told_by(system) and "started again" not in told_by(system)


# --- Limits of the process ---------------------------------------------------------------------


def end_hard(system):
    system.kill()
    system.options = {}


def survives_limit(kind, value, crowd=0):
    """Whatever the limit does to the roles, the next start without it has all that was promised."""
    with System() as system:
        ledger = Ledger()
        with system.peer("gateway") as peer:
            ledger.add(50)
            assert ledger.ask(peer, DEADLINE_S)
            for pid in system.pids().values():
                resource.prlimit(pid, kind, (value, resource.prlimit(pid, kind)[1]))
            others = [system.peer("gateway") for _ in range(crowd)]
            for _ in range(40):
                ledger.add(50, "y" * 100)
                if not ledger.ask(peer):
                    ledger.give_up()
                    break
            for other in others:
                other.close()
        end_hard(system)
        system.start()
        system.wait_idle()
        ledger.assert_kept(system.entries("gateway"))
        COUNTS["limits"] += 1
        return len(ledger.accepted)


def a_file_that_may_not_grow_loses_nothing():
    for size in (1 << 20, 3 << 19) if IS_LONG else (1 << 20,):
        survives_limit(resource.RLIMIT_FSIZE, size)


def descriptors_that_run_out_lose_nothing():
    for count in (8, 40, 64) if IS_LONG else (40,):
        survives_limit(resource.RLIMIT_NOFILE, count, crowd=100)


def a_start_with_few_descriptors_serves_or_ends_with_words():
    for count in range(6, 40, 1 if IS_LONG else 9):
        with tempfile.TemporaryDirectory(prefix="m-") as folder:
            role = subprocess.Popen(
                [f"{BUILD}/maillond/maillond", "gateway", "--data", folder, *words_of(SMALL)],
                stderr=subprocess.PIPE, text=True,
                preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (count, count)))
            told = []
            while not any("msg=live" in line or 'msg="live"' in line for line in told[-1:]):
                told.append(role.stderr.readline())
                if not told[-1]:
                    break
            role.terminate()
            role.communicate(timeout=DEADLINE_S)
            # Where ZeroMQ itself gets none it stops the process.
            assert role.returncode in (0, 71, 74, -signal.SIGABRT), (count, role.returncode)
            assert "".join(told).strip(), f"with {count} descriptors it ended without a word"


def memory_that_runs_out_loses_nothing():
    survives_limit(resource.RLIMIT_AS, 1 << 20)


# --- Power --------------------------------------------------------------------------------------


def cut_power(place):
    descriptor = os.open(place, os.O_RDONLY)
    try:
        fcntl.ioctl(descriptor, SHUTDOWN, struct.pack("I", NO_LOG_FLUSH))
    except OSError as error:
        raise Skip(f"the file system cannot be shut down: {error}") from error
    finally:
        os.close(descriptor)


def run_until_cut(image, batches, ledger):
    with mounted("-o", "loop", image) as place:
        system = System(place=place)
        try:
            system.start()
            ledger_peer = system.peer("gateway")
            for _ in range(batches):
                ledger.add(10, "z" * 60)
                assert ledger.ask(ledger_peer, DEADLINE_S)
            ledger.add(30)
            ledger_peer.send("submit", {"commands": list(ledger.waiting.values())})
            cut_power(place)
            ledger.give_up()
            ledger_peer.close()
        finally:
            system.close()


def check_after_cut(image, ledger):
    with mounted("-o", "loop", image) as place, System(place=place) as system:
        system.wait_idle()
        ledger.assert_kept(system.entries("gateway"))
        assert system.stop() == 0
        system.assert_journals_are_good()


def a_real_file_system_without_power_keeps_what_was_acknowledged():
    with tempfile.TemporaryDirectory(prefix="image-") as folder:
        image = f"{folder}/ext4"
        with open(image, "wb") as file:
            file.truncate(96 << 20)
        if not run_quietly("mkfs.ext4", "-q", "-F", image):
            raise Skip("there is no mkfs.ext4")
        ledger = Ledger()
        for cut in range(12 if IS_LONG else 1):
            run_until_cut(image, 1 + cut % 4, ledger)
            check_after_cut(image, ledger)
            COUNTS["power_cuts"] += 1


# --- Backups -------------------------------------------------------------------------------------


def submit_on(system, ledger, stop):
    with system.peer("gateway") as peer:
        while not stop.is_set():
            ledger.add(20, "b" * 80)
            assert ledger.ask(peer, DEADLINE_S)


def backup_while(system, ledger, name):
    """A backup taken under load holds at least what was acknowledged before it began."""
    known = dict(ledger.accepted)
    done = system.maillon("backup", system.folder / name)
    assert done.returncode == 0, done.stderr
    assert system.maillon("verify", system.folder / name).returncode == 0
    COUNTS["backups"] += 1
    return known


def restored(backup):
    system = System()
    done = system.maillon("restore", backup, "--yes")
    assert done.returncode == 0, done.stderr
    return system


def check_restored(backup, known, live):
    with restored(backup) as system:
        system.wait_idle()
        entries = system.entries("gateway")
        assert entries[:len(entries)] == live[:len(entries)] or \
            entries[:-1] == live[:len(entries) - 1]
        old = Ledger()
        old.accepted = known
        old.assert_kept(entries)
        assert system.stop() == 0
        system.assert_journals_are_good()


def a_backup_under_load_restores_to_a_prefix_of_the_same_bytes():
    with System() as system:
        ledger, stop, known = Ledger(), threading.Event(), []
        thread = threading.Thread(target=submit_on, args=(system, ledger, stop))
        thread.start()
        try:
            until(lambda: len(ledger.accepted) > 200, "some load")
            for number in range(4 if IS_LONG else 2):
                known.append(backup_while(system, ledger, f"backup{number}"))
        finally:
            stop.set()
            thread.join()
        system.wait_idle()
        live = system.entries("gateway")
        ledger.assert_kept(live)
        for number, one in enumerate(known if IS_LONG else known[-1:]):
            name = f"backup{number if IS_LONG else len(known) - 1}"
            check_restored(system.folder / name, one, live)


def main():
    cases = [a_bad_call_of_the_gateway_loses_nothing,
             a_disk_below_its_floor_refuses_and_recovers_by_itself,
             a_commit_without_room_is_retried_later_and_later,
             a_reader_that_stands_still_is_ended_before_the_disk_is_full,
             a_file_that_may_not_grow_loses_nothing,
             descriptors_that_run_out_lose_nothing,
             a_start_with_few_descriptors_serves_or_ends_with_words,
             memory_that_runs_out_loses_nothing,
             a_real_file_system_without_power_keeps_what_was_acknowledged,
             a_backup_under_load_restores_to_a_prefix_of_the_same_bytes]
    sys.argv = [word for word in sys.argv if word != "--long"]
    try:
        run_cases(*cases)
    finally:
        if IS_LONG:
            print(json.dumps(COUNTS), flush=True)


if __name__ == "__main__":
    main()
