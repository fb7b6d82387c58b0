"""Plants one bug after another in the real processes and prints the seed by which chaos finds it.

    mutants.py [SEEDS]    MAILLON_BUILD is a build with -Dmutants=true

Ends with 0 when every bug was found, and the same seeds find nothing without one.
"""
import json
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "system"))
import network  # noqa: E402
from chaos import Round  # noqa: E402
from systems import Apart  # noqa: E402

SECONDS = 6
MUTANTS = {
    "2": "the gateway knows no id again",
    "3": "ids of entries behind the checkpoint are forgotten at a restart",
    "4": "ids of a checkpoint's rows are forgotten at a restart",
    "6": "a submitter's position is one too low after a restart",
    "9": "the cursor is saved one entry too low",
    "10": "a gap in a feed is stepped over",
    "22": "events that a full queue did not take count as sent",
    "27": "the library resumes one event too far",
}


def find(numbers, seeds, net):
    """The seed and the first violation, or nothing."""
    os.environ["MAILLON_MUTANTS"] = numbers
    for seed in seeds:
        try:
            violations = Round(seed, net).run(SECONDS, is_short=True, kind=Apart).violations
        except AssertionError as problem:  # It did not even start, or could not be asked.
            violations = [str(problem)]
        if violations:
            return seed, violations[0]
    return None


def main():
    seeds = int(sys.argv[1]) if len(sys.argv) > 1 else 6
    network.enter()
    net = network.Network()
    found, worst = 0, 1
    for numbers, what in MUTANTS.items():
        result = find(numbers, range(1, seeds + 1), net)
        found += result is not None
        worst = max(worst, result[0]) if result else worst
        print(f"mutant {numbers}: {what}: " +
              (f"seed {result[0]}: {result[1][:200]}" if result else "NOT FOUND"), flush=True)
    innocent = find("", range(1, worst + 1), net) is None
    print(json.dumps({"mutants": len(MUTANTS), "found": found, "worst_seed": worst,
                      "same_seeds_hold_without": innocent}))
    sys.exit(0 if found == len(MUTANTS) and innocent else 1)


main()
