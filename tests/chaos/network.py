"""network.py - faults in the kernel's network, where this process has one of its own.

`enter` starts the program again in a network namespace: with root's rights, or as root of a user
namespace. Without either the kernel's network is left alone and these faults are left out.
"""
import os
import shutil
import subprocess
import sys

VARIABLE = "MAILLON_NETWORK"  # "own" inside, "none" where there can be none.
TABLE = "inet", "chaos"


def run(*words):
    return subprocess.run(words, capture_output=True, text=True, check=False).returncode == 0


def enter():
    """Returns in a process with a network of its own if there can be one."""
    if os.environ.get(VARIABLE):
        return
    ways = [["unshare", "-n"], ["unshare", "-rn"]]
    prefix = next((way for way in ways if shutil.which("unshare") and run(*way, "true")), [])
    os.environ[VARIABLE] = "own" if prefix else "none"
    words = [*prefix, sys.executable, *sys.argv]
    os.execvp(words[0], words)


class Network:
    """Rules about the traffic of ports, in a chain that all that comes in has to pass."""

    def __init__(self):
        is_own = os.environ.get(VARIABLE) == "own"
        if is_own:
            run("ip", "link", "set", "lo", "up")
        self.is_there = is_own and all((
            shutil.which("nft"), run("nft", "add", "table", *TABLE),
            run("nft", "add", "chain", *TABLE, "in", "{ type filter hook input priority 0; }")))
        if not self.is_there:
            print("chaos: no network of its own or no nft: loss, partitions and resets by the "
                  "kernel are left out", file=sys.stderr)

    @staticmethod
    def add(*rule):
        assert run("nft", "add", "rule", *TABLE, "in", *rule), rule

    def drop(self, way, port):
        """One way of a port's connections: "dport" what goes to it, "sport" what comes from it."""
        self.add("tcp", way, str(port), "drop")

    def lose(self, percent, port):
        for way in ("dport", "sport"):
            self.add("tcp", way, str(port), "numgen", "random", "mod", "100", "<", str(percent),
                     "drop")

    def reset(self, port):
        """Ends the connections there are; False where the kernel cannot."""
        return run("ss", "-K", "-t", "dport", "=", str(port)) or \
            run("ss", "-K", "-t", "sport", "=", str(port))

    @staticmethod
    def flush():
        assert run("nft", "flush", "chain", *TABLE, "in")
