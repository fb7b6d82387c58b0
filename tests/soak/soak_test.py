"""soak_test.py - the scoreboard says what the lines of a run say, and nothing else."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "system"))
import soak  # noqa: E402
from tap import SOURCE, run_cases  # noqa: E402

ABOUT = {"part": "soak", "commit": "abcdef0123", "day": "2026-01-02", "cores": 2, "memory_gb": 24}
SIM = {"part": "sim", "exit": 0, "took_seconds": 61, "events": 1234567, "seconds": 60.2,
       "seeds": 417, "first_seed": 9, "crashes": 5270, "ratio": 314, "violations": 0,
       "faults": {"loss": 3, "delay": 1, "stop": 0}}
CHAOS = {"part": "chaos", "exit": 1, "took_seconds": 40, "seconds": 38.9, "seeds": [3, 4],
         "kills": 11, "stops": 12, "pauses": 13, "partitions": 14, "losses": 15, "resets": 16,
         "cuts": 17, "stalls": 18, "throttles": 19, "delays": 20, "half_open": 21,
         "acknowledged": 2200, "events": 2300, "violations": 24, "liveness_seconds": 2.5}
FUZZ = [{"part": "fuzz", "exit": 0, "took_seconds": 5, "runs": 1000, "target": "cell",
         "seconds": 4},
        {"part": "fuzz", "exit": 1, "took_seconds": 6, "runs": 500, "target": "json",
         "seconds": 4}]


def every_figure_is_that_of_its_line():
    text = soak.scoreboard([ABOUT, SIM, CHAOS, *FUZZ])
    for words in ("Commit abcdef0123, 2026-01-02, 2 cores and 24 GB", "112 s in all",
                  "1,234,567 in 60 s, 417 seeds from 9", "| 5,270 |", "| 314 |", "| 2 |",
                  "11, 12, 13 in 39 s, seeds 3 to 4", "14, 15, 16", "17, 18, 19, 20, 21",
                  "24 of 2,200 commands and 2,300 events", "within 2.5 s",
                  "1,500 for 2 targets, 8 s; broken: json", "**Failed: chaos, fuzz.**"):
        assert words in text, (words, text)


def a_part_that_did_not_run_has_no_row():
    text = soak.scoreboard([ABOUT, SIM])
    assert "Nothing failed." in text
    for words in ("killed", "planted", "power-cut", "bad inputs"):
        assert words not in text, text


def a_part_that_ended_without_figures_is_told_as_failed():
    text = soak.scoreboard([ABOUT, {"part": "chaos", "exit": 1, "took_seconds": 3}])
    assert "**Failed: chaos.**" in text and "killed" not in text


def only_what_stands_between_the_marks_is_replaced():
    page = "before\n" + soak.MARKS[0] + "old\n" + soak.MARKS[1] + "after\n"
    assert soak.replace_between(page, "new\n") == \
        "before\n" + soak.MARKS[0] + "new\n" + soak.MARKS[1] + "after\n"
    page = pathlib.Path(SOURCE, "docs/reliability.md").read_text(encoding="utf-8")
    assert "x\n" + soak.MARKS[1] in soak.replace_between(page, "x\n")


def the_time_is_divided_by_the_table():
    assert sum(soak.SHARES.values()) == 100
    assert soak.divide(1000, soak.SHARES) == {"sim": 400, "chaos": 300, "torture": 150,
                                              "fuzz": 150}
    assert soak.divide(850, ["sim", "chaos", "fuzz"]) == {"sim": 400, "chaos": 300, "fuzz": 150}


def the_last_object_of_an_output_is_its_line():
    assert soak.last_object('words\n{"a": 1}\n{"b": 2}\nmore\n') == {"b": 2}
    assert soak.last_object("no line {at all}\n{broken\n") is None
    assert soak.fuzz_figures("stat::number_of_executed_units: 123\n") == {"runs": 123}


run_cases(every_figure_is_that_of_its_line, a_part_that_did_not_run_has_no_row,
          a_part_that_ended_without_figures_is_told_as_failed,
          only_what_stands_between_the_marks_is_replaced, the_time_is_divided_by_the_table,
          the_last_object_of_an_output_is_its_line)
