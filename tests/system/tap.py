"""The runner of system tests in Python: one function a case, its name a true sentence, TAP out."""
import os
import sys
import traceback

BUILD = os.path.abspath(os.environ.get("MAILLON_BUILD", "build"))
SOURCE = os.path.abspath(os.environ.get("MAILLON_SOURCE", "."))


class Skip(Exception):
    """Raised by a case that misses something of its surroundings, such as data."""


def run_cases(*cases, given=()):
    """Runs the cases whose name contains argv[1], or all, with what is given, and exits."""
    wanted = sys.argv[1] if len(sys.argv) > 1 else ""
    chosen = [case for case in cases if wanted in case.__name__]
    failures = 0
    print(f"1..{len(chosen)}", flush=True)
    for number, case in enumerate(chosen, 1):
        try:
            case(*given)
            print(f"ok {number} - {case.__name__}", flush=True)
        except Skip as reason:
            print(f"ok {number} - {case.__name__} # SKIP {reason}", flush=True)
        except Exception:  # A case fails by whatever it raises; the next one runs all the same.
            failures += 1
            traceback.print_exc()
            print(f"not ok {number} - {case.__name__}", flush=True)
    sys.exit(1 if failures else 0)
