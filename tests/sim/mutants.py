"""Plants one bug after another and prints the seed by which the simulator finds it.

    mutants.py SIM [SEEDS]    SIM is the simulator of a build with -Dmutants=true

Where one check stands behind another, both are planted together: alone neither would show.
Ends with 0 when every bug was found, and the same seeds find nothing without one.
"""
import json
import subprocess
import sys

MUTANTS = {
    "1": "the gateway answers before the commit",
    "2": "the gateway knows no id again",
    "3": "ids of entries behind the checkpoint are forgotten at a restart",
    "4": "ids of a checkpoint's rows are forgotten at a restart",
    "5": "an id for another command counts as repeated",
    "6": "a submitter's position is one too low after a restart",
    "7": "an entry's time follows a clock that was set back",
    "8": "a commit that failed counts as good",
    "9": "the cursor is saved one entry too low",
    "10,36": "a gap in a feed is stepped over, and the chain is not looked at",
    "11,36": "an entry that comes twice is stepped twice, and its chain is not looked at",
    "12": "a checkpoint is taken before all is settled",
    "13,36": "a checkpoint says that it stands for one entry less, and the chain is not looked at",
    "14,15": "closed pairs are lost at a restart, and recovery compares nothing",
    "16": "a commitment can be declined",
    "17": "one side commits both",
    "18": "a cancelled commitment keeps its units",
    "19": "a commitment does not count for its need",
    "20": "a drop of capacity is not believed",
    "21": "an expired need is served on",
    "22": "events that a full queue did not take count as sent",
    "23": "credit is never used up",
    "24": "the offerer is not told",
    "25": "the parties' streams are not in the rows",
    "26": "the library delivers doubles",
    "27": "the library resumes one event too far",
    "28,29": "the library says nothing again, neither after a break nor after a time-out",
    "30,34": "offers of a party that moved are not listed anew, by nobody",
    "31": "entries that recovery needs are trimmed",
    "32": "a tick goes back with the clock",
    "33": "a replay that got lost is not asked for again",
    "35": "a role's time stands still when the clock is set back",
    "36": "a feed that goes on from other entries is followed",
    "37": "what a newer version wrote is read as far as it is understood",
    "38": "what comes with its last day behind it stays open until the next day",
    "39": "less than a lot is told",
}


def find(simulator, numbers, seeds):
    """The seed and the broken promise, or None."""
    planted = ["--mutants", numbers] if numbers else []
    found = subprocess.run([simulator, "--find", str(seeds), *planted],
                           stdout=subprocess.PIPE, text=True, check=False)
    return found.stdout.split(maxsplit=1) if found.returncode == 0 else None


def main():
    simulator, seeds = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 400
    found = 0
    worst = 0
    for numbers, what in MUTANTS.items():
        result = find(simulator, numbers, seeds)
        found += result is not None
        worst = max(worst, int(result[0])) if result else worst
        print(f"mutant {numbers}: {what}: " +
              (f"seed {result[0]}: {result[1].strip()}" if result else "NOT FOUND"), flush=True)
    innocent = find(simulator, None, max(worst, 1)) is None
    print(json.dumps({"mutants": len(MUTANTS), "found": found, "worst_seed": worst,
                      "same_seeds_hold_without": innocent}))
    return 0 if found == len(MUTANTS) and innocent else 1


sys.exit(main())
