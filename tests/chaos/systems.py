"""systems.py - maillond to break: its roles apart, each behind a proxy, or under the supervisor."""
import os
import random
import re
import signal
import socket
import subprocess

from system import ROLES, System, until
from tap import BUILD

SETTINGS = ("gateway.tick_seconds=1", "journal.checkpoint_entries=300",
            "supervisor.restart_ms_min=5", "supervisor.restart_ms_max=200",
            "dispatch.head_seconds=1")
FOLLOWED = [*zip(ROLES[1:], ROLES), ("dispatch", "gateway")]  # Who looks to whom.


def free_address():
    """A host and port of this machine, on a loopback host where nobody else is likely to be."""
    host = f"127.{random.randrange(1, 255)}.{random.randrange(1, 255)}.{random.randrange(1, 255)}"
    with socket.socket() as probe:
        probe.bind((host, 0))
        return probe.getsockname()


def url(address):
    return f"tcp://{address[0]}:{address[1]}"


class Broken(System):
    """What both have in common: brokers on TCP, a client's way to each through the proxy."""

    def __init__(self, proxy):
        self.addresses = {broker: free_address() for broker in ("gateway", "dispatch")}
        super().__init__(*SETTINGS, *(f"{broker}.endpoint={url(address)}"
                                      for broker, address in self.addresses.items()))
        self.remote = {broker: url(address) for broker, address in self.addresses.items()}
        self.init_keys()
        self.proxy, self.links, self.fronts = proxy, [], {}
        for broker, address in self.addresses.items():
            link, front = proxy.open(broker, ("127.0.0.1", 0), address)
            self.links.append(link)
            self.fronts[broker] = front[:2]

    def ports(self):
        return [address[1] for address in (*self.addresses.values(), *self.fronts.values())]

    def signal(self, role, number):
        """False when it is not there."""
        pid = self.pids().get(role)
        try:
            if pid:
                os.kill(pid, number)
        except ProcessLookupError:
            return False
        return pid is not None

    def go_on(self):
        """Nobody is paused any more, and everybody runs again."""
        for role in ROLES:
            self.signal(role, signal.SIGCONT)


class Supervised(Broken):
    """One maillond that keeps its roles alive."""

    def __init__(self, proxy):
        super().__init__(proxy)
        self.codes = []  # Of its orderly ends.

    def end(self, role, number):
        return self.signal(role, number)

    def start_role(self, role):
        pass  # The supervisor does.

    def end_all(self, is_orderly):
        """The supervisor itself, and everything with it."""
        if is_orderly:
            self.go_on()
            self.codes.append(self.stop())
        self.kill()

    def start_all(self):
        if self.daemon.poll() is not None:
            self.begin()

    def go_on(self):
        super().go_on()
        self.start_all()

    def troubles(self):
        """Ends of roles that were nobody's doing."""
        self.log.seek(0)
        for line in self.log:
            ended = re.search(r"a role (ended.* exit=[1-9]\d* signal=0|cannot run)", line)
            if ended:
                yield line.strip()
        yield from (f"the supervisor ended with {code}" for code in self.codes if code != 0)


class Apart(Broken):
    """A process and a directory for each role. Where a role looks for the one before it, the proxy
    listens; one more directory shows all of them to the maillon command."""

    def __init__(self, proxy):
        super().__init__(proxy)
        self.roles, self.leaving, self.ended = {}, [], []
        (self.data / "run").mkdir(parents=True)
        for role in ROLES:
            (self.folder / role / "run").mkdir(parents=True, mode=0o700)
            (self.folder / role / "keys").symlink_to(self.data / "keys")
            (self.data / role).symlink_to(self.folder / role / role)
            for what in ("control", "feed", "metrics"):
                (self.data / "run" / f"{role}.{what}").symlink_to(self.socket(role, role, what))
        for broker in self.addresses:
            (self.data / "run" / broker).symlink_to(self.folder / broker / "run" / broker)
        for role, before in FOLLOWED:
            for what in ("control", "feed"):
                link, _ = proxy.open(f"{before}.{what} of {role}", self.socket(role, before, what),
                                     self.socket(before, before, what))
                self.links.append(link)

    def socket(self, folder, role, what):
        return str(self.folder / folder / "run" / f"{role}.{what}")

    def start(self):
        self.start_all()
        until(self.is_ready, "the roles to be ready")
        return self

    def is_ready(self):
        return self.maillon("check").returncode == 0

    def start_role(self, role):
        process = self.roles.get(role)
        if process is None or process.poll() is not None:
            self.reap()
            self.roles[role] = subprocess.Popen(
                [f"{BUILD}/maillond/maillond", role, "--data", self.folder / role, "--log-level",
                 "warn", *self.settings], stdout=self.log, stderr=self.log)

    def reap(self):
        """Takes note of who ended, and how."""
        for role, process in list(self.roles.items()):
            if process.poll() is not None:
                self.ended.append((role, process.returncode))
                del self.roles[role]

    def pids(self):
        self.reap()
        return {role: process.pid for role, process in self.roles.items()}

    def end(self, role, number):
        """Its journal is free when this returns from a kill."""
        is_there = self.signal(role, number)
        if is_there and number == signal.SIGTERM:
            self.leaving.append(self.roles[role])
        if is_there and number == signal.SIGKILL:
            self.roles[role].wait()
        return is_there

    def end_all(self, is_orderly):
        for role in random.sample(ROLES, len(ROLES)):
            self.end(role, signal.SIGTERM if is_orderly else signal.SIGKILL)

    def start_all(self):
        for role in random.sample(ROLES, len(ROLES)):
            self.start_role(role)

    def go_on(self):
        super().go_on()
        for process in self.leaving:
            process.wait(60)
        self.leaving.clear()
        self.start_all()

    def stop(self):
        """In order; gives the worst exit status."""
        codes = []
        for role in ROLES:
            self.roles[role].send_signal(signal.SIGTERM)
            codes.append(self.roles[role].wait(60))
        return max(map(abs, codes))

    def kill(self):
        for process in self.roles.values():
            process.kill()
            process.wait()

    def troubles(self):
        self.reap()
        for role, code in self.ended:
            if code not in (0, -signal.SIGKILL, -signal.SIGTERM):  # Told before it was listening.
                yield f"{role} ended with {code}"
