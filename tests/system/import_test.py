"""import_test.py - a real scenario goes in, is decided, checked, stopped and started again.

Takes minutes: not part of the suite. /usr/bin/python3 tests/system/import_test.py runs it.
"""
import pathlib
import sys

from system import System, live_units, picture
from tap import SOURCE, run_cases

SCENARIO = pathlib.Path(SOURCE, "../shared/data/getusppe").resolve()
FILES = ("products", "parties", "offers", "needs")
NEEDS, OFFERS, QUARANTINED = 31202, 1658, 241
DECIDED_S = 240
FIGURES = ("needs", "open_needs", "offers", "active_offers", "parties", "products", "quarantined",
           "assignments", "units_wanted", "units_promised")


def row_count():
    return sum(len((SCENARIO / f"{name}.csv").read_bytes().splitlines()) - 1 for name in FILES)


class Run:
    """The system, and its figures when everything was decided."""

    def __init__(self, system):
        self.system = system
        self.stats = None


def every_row_is_acknowledged_or_quarantined(run):
    told = run.system.json("import", SCENARIO)[0]
    assert told["rows"] == row_count()
    assert (told["quarantined"], told["refused"]) == (QUARANTINED, 0)
    assert told["accepted"] == told["rows"] - QUARANTINED
    assert not (run.system.folder / "refused.csv").exists()


def everything_is_decided(run):
    stats = run.stats = run.system.wait_idle(DECIDED_S)
    assert (stats["needs"], stats["offers"]) == (NEEDS, OFFERS)
    assert (stats["quarantined"], stats["refused"]) == (QUARANTINED, 0)
    assert 0 < stats["assignments"] and 0 < stats["open_needs"] <= NEEDS
    assert 0 < stats["units_promised"] <= stats["units_wanted"]


def stream_list_and_plan_agree_on_what_is_promised(run):
    events = run.system.json("watch", "--after", 0, "--until-idle")
    assert [event["seq"] for event in events] == list(range(1, run.stats["events"] + 1))
    listed = run.system.json("assignment", "ls")
    assert len(listed) == run.stats["known_assignments"]
    assert live_units(picture(events).values()) == live_units(listed) == \
        run.stats["units_promised"]


def nothing_is_promised_twice(run):
    needs = run.system.json("need", "ls", "--timeout", 60000)
    offers = run.system.json("offer", "ls", "--timeout", 60000)
    assert len(needs) == NEEDS and len(offers) == OFFERS
    assert all(need.get("promised", 0) <= need["quantity"] for need in needs)
    assert all(offer.get("promised", 0) <= offer["capacity"] for offer in offers)
    for rows in (needs, offers):
        assert sum(row.get("promised", 0) for row in rows) == run.stats["units_promised"]


def the_journals_verify_and_replay_to_the_same_bytes(run):
    assert run.system.stop() == 0
    run.system.assert_journals_are_good()


def a_restart_has_the_same_figures_at_once(run):
    stats = run.system.start().stats()
    assert {name: stats[name] for name in FIGURES} == {name: run.stats[name] for name in FIGURES}
    assert run.system.stop() == 0


def main():
    if not SCENARIO.exists():
        print("1..1\nok 1 - the scenario is not there # SKIP no ../shared/data/getusppe")
        return
    with System() as system:
        run_cases(every_row_is_acknowledged_or_quarantined, everything_is_decided,
                  stream_list_and_plan_agree_on_what_is_promised, nothing_is_promised_twice,
                  the_journals_verify_and_replay_to_the_same_bytes,
                  a_restart_has_the_same_figures_at_once, given=[Run(system)])


if __name__ == "__main__":
    sys.exit(main())
