"""count.py - the summary counts every case, and a program that dies as a failure."""
import json
import pathlib
import subprocess
import sys
import tempfile

from tap import SOURCE, run_cases


def counts(*records):
    with tempfile.TemporaryDirectory() as folder:
        log = pathlib.Path(folder, "testlog.json")
        log.write_text("".join(json.dumps(record) + "\n" for record in records))
        answer = subprocess.run([sys.executable, f"{SOURCE}/tests/count.py", log],
                                capture_output=True, text=True, check=True).stdout
    return tuple(map(int, answer.split()))


def record(stdout, result="OK", returncode=0):
    return {"stdout": stdout, "result": result, "returncode": returncode}


def cases_of_all_programs_are_added():
    two, one = record("1..2\nok 1 - a\nok 2 - b\n"), record("1..1\nok 1 - c\n")
    assert counts(two, one) == (3, 0, 0)


def a_case_that_fails_is_counted_once():
    log = record("1..2\nok 1 - a\nnot ok 2 - b\n", "FAIL", 1)
    assert counts(log) == (1, 1, 0)


def a_program_that_dies_counts_as_failed():
    assert counts(record("1..3\nok 1 - a\n", "ERROR", -6)) == (1, 1, 0)
    assert counts(record("", "ERROR", 127)) == (0, 1, 0)
    assert counts(record("1..1\n", "TIMEOUT", -15)) == (0, 1, 0)


def a_plan_that_is_not_reached_counts_as_failed():
    assert counts(record("1..2\nok 1 - a\n")) == (1, 1, 0)


def a_program_without_cases_counts_as_one():
    assert counts(record("2000 networks agree\n")) == (1, 0, 0)
    assert counts(record("network 7 differs\n", "FAIL", 1)) == (0, 1, 0)


def a_skipped_case_is_counted_apart():
    assert counts(record("1..2\nok 1 - a\nok 2 - b # SKIP no tool\n")) == (1, 0, 1)


def a_case_that_raises_skip_is_skipped():
    program = "from tap import Skip, run_cases\ndef case():\n    raise Skip('no tool')\nrun_cases(case)\n"
    answer = subprocess.run([sys.executable, "-c", program], cwd=f"{SOURCE}/tests/system",
                            capture_output=True, text=True, check=True).stdout
    assert answer == "1..1\nok 1 - case # SKIP no tool\n", answer
    assert counts(record(answer)) == (0, 0, 1)


def no_run_at_all_is_a_failure():
    assert counts() == (0, 1, 0)


run_cases(cases_of_all_programs_are_added, a_case_that_fails_is_counted_once,
          a_program_that_dies_counts_as_failed, a_plan_that_is_not_reached_counts_as_failed,
          a_program_without_cases_counts_as_one, a_skipped_case_is_counted_apart,
          a_case_that_raises_skip_is_skipped, no_run_at_all_is_a_failure)
