"""cli_test.py - every verb of maillon, its exit status and what it prints."""
import csv
import json
import shutil
import sys

from system import ROLES, System
from tap import run_cases

DONE, NO, USAGE, DATA, NOT_FOUND = 0, 1, 64, 65, 66
UNREACHABLE, STORAGE, CONFIG, GAP = 69, 74, 78, 81
PARTIES = "party_id,roles\nh,requester\nf,offerer\n"
PRODUCTS = "product_id,need_max,offer_max\nmask,1000,\ngown,,700\n"
OFFERS = "offer_id,party_id,product_id,kind,quantity\no1,f,mask,stock,500\no2,f,gown,stock,701\n"
NEEDS = [{"need": f"n{number}", "party": "h", "product": "mask", "quantity": quantity,
          "class": 1} for number, quantity in ((1, 100), (2, 50), (3, 5000))]


def expect(done, status, *words):
    """The verb ended with this status and said these words, on either stream."""
    told = done.stdout + done.stderr
    assert done.returncode == status, (done.args, done.returncode, told)
    assert all(word in told for word in words), (words, told)


def put(system, thing, text, *arguments):
    return system.json(thing, "put", "-", *arguments, input=text)[0]


def rows_come_in_from_csv_and_json_lines(system):
    (system.folder / "parties.csv").write_text(PARTIES)
    assert system.json("party", "put", "parties.csv")[0]["accepted"] == 2
    assert put(system, "product", PRODUCTS)["accepted"] == 2
    told = put(system, "offer", OFFERS.replace(",", ";"))
    assert (told["accepted"], told["quarantined"]) == (1, 1)
    told = put(system, "need", "".join(json.dumps(need) + "\n" for need in NEEDS))
    assert (told["accepted"], told["quarantined"]) == (2, 1)
    assert put(system, "capacity", '{"offer":"o1","per_day":400}\n')["accepted"] == 1
    system.wait_idle()


def refused_rows_are_told_by_line_field_and_reason(system):
    text = ("need_id,party_id,product_id,quantity,class,due\nn7,h,mask,5,1,2026-99-01\n"
            "n8,h,maks,5,1,\nn9,h,mask,0,1,\n")
    expect(system.maillon("need", "put", "-", input=text), DATA, '"refused":3')
    with open(system.folder / "refused.csv", encoding="utf-8", newline="") as file:
        rows = {int(row["line"]): row for row in csv.DictReader(file)}
    assert {line: (row["field"], row["code"]) for line, row in rows.items()} == \
        {2: ("due", "range"), 3: ("product", "unknown"), 4: ("quantity", "range")}
    assert 'did you mean "mask"' in rows[3]["why"] and rows[3]["row"] == "n8,h,maks,5,1,"
    expect(system.maillon("need", "put", "-", input="need_id,partie\nn7,h\n"), DATA,
           'unknown column "partie"', 'did you mean "party"')
    expect(system.maillon("need", "put", "-", "--refused", "other.csv",
                          input='{"need":"n7","quantty":1}\n'), DATA, "quantity")
    assert (system.folder / "other.csv").exists()


def a_dry_run_submits_nothing(system):
    before = system.stats()["roles"]["gateway"]["last"]
    text = "party_id,roles\nz,expert\n"
    assert put(system, "party", text, "--dry-run")["accepted"] == 1
    (system.folder / "scenario").mkdir()
    (system.folder / "scenario/parties.csv").write_text(text)
    assert system.json("import", "scenario", "--dry-run")[0]["rows"] == 1
    assert system.stats()["roles"]["gateway"]["last"] == before
    assert system.json("import", "scenario")[0]["accepted"] == 1
    expect(system.maillon("import", "nowhere"), NOT_FOUND)


def things_are_shown_one_a_line_without_tables_when_piped(system):
    system.wait_idle()
    for thing, first, count in (("party", "h", 3), ("product", "mask", 2), ("offer", "o1", 2),
                                ("need", "n1", 3)):
        plain = system.maillon(thing, "ls")
        rows = [json.loads(line) for line in plain.stdout.splitlines()]
        assert len(rows) == count and rows == system.json(thing, "ls")
        assert rows[0][thing] == first and rows[:1] == system.json(thing, "get", first)
        assert len(system.json(thing, "ls", "--limit", 1)) == 1
        expect(system.maillon(thing, "get", "nobody"), NOT_FOUND)
    for verb in (("stats",), ("check",), ("assignment", "ls"), ("explain", "n1"),
                 ("watch", "--until-idle")):
        assert all(json.loads(line) for line in system.maillon(*verb).stdout.splitlines())


def quarantined_rows_are_released_and_rows_are_ended(system):
    states = {need["need"]: need["state"] for need in system.json("need", "ls")}
    assert states["n3"] == "quarantined"
    for verb in (("need", "release", "n3"), ("offer", "release", "o2")):
        assert system.json(*verb)[0]["accepted"]
        expect(system.maillon(*verb), DATA, "state")
    assert system.json("need", "cancel", "n3", "--reason", "duplicate")[0]["accepted"]
    assert system.json("offer", "withdraw", "o2")[0]["accepted"]
    expect(system.maillon("need", "cancel", "n99"), NOT_FOUND, "did you mean")
    system.wait_idle()
    assert system.json("offer", "get", "o2")[0]["state"] == "withdrawn"


def state_of(system, number):
    return system.json("assignment", "get", number)[0]["state"]


def an_assignment_goes_its_way_by_the_answers_of_both(system):
    first, second = (system.json("assignment", "ls", "--need", need)[0]["assignment"]
                     for need in ("n1", "n2"))

    def answer(verb, number, party, *more):
        return system.maillon("assignment", verb, number, "--party", party, *more)
    expect(answer("accept", first, "h"), DONE)
    assert state_of(system, first) == "accepted"
    expect(answer("accept", first, "h"), NO, "state")
    expect(answer("accept", first, "z"), NOT_FOUND)
    expect(answer("accept", first, "f"), DONE)
    assert state_of(system, first) == "committed"
    expect(answer("ship", first, "f"), DONE)
    expect(answer("receive", first, "h"), DONE)
    assert state_of(system, first) == "received"
    expect(answer("cancel", first, "f", "--reason", "price"), NO)
    expect(answer("decline", second, "f"), DATA, "--reason")
    expect(answer("decline", second, "f", "--reason", "mood"), DATA, "reason: one of no_supply")
    expect(answer("decline", second, "f", "--reason", "price"), DONE)
    assert state_of(system, second) == "declined"
    expect(system.maillon("assignment", "accept", first), DATA, "--party")
    expect(system.maillon("assignment", "accept", 999, "--party", "h"), NOT_FOUND)
    expect(system.maillon("assignment", "get", 999), NOT_FOUND)
    expect(system.maillon("assignment", "get", "x"), USAGE)
    expect(system.maillon("assignment", "ls", "--state", "nope"), USAGE, "committed")


def decisions_are_explained_and_followed(system):
    number = system.json("assignment", "ls", "--need", "n1")[0]["assignment"]
    for what in (("n1",), (number,), ("n2", "o1")):
        assert system.json("explain", *what)[0]["need"]
    expect(system.maillon("explain", "nothing"), NOT_FOUND)
    events = system.json("watch", "--until-idle")
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert system.json("watch", "--until-idle", "--after", 3) == events[3:]
    of_need = system.json("watch", "--until-idle", "--need", "n2")
    assert {event["need"] for event in of_need} == {"n2"}
    expect(system.maillon("watch", "--until-idle", "--after", 9999), GAP)
    expect(system.maillon("watch", "--after", "-1"), USAGE)


def a_running_system_is_backed_up_and_restored_elsewhere(system):
    stats = system.wait_idle()
    expect(system.maillon("backup", "backup"), DONE)
    expect(system.maillon("backup", "backup"), STORAGE)
    assert [role["role"] for role in system.json("verify", "backup")] == list(ROLES)
    expect(system.maillon("restore", "backup", "--yes"), USAGE, "holds a system already")
    with System() as other:
        assert other.stop() == 0
        other.data = other.folder / "restored"
        expect(other.maillon("restore", system.folder / "backup"), USAGE, "--yes")
        expect(other.maillon("restore", system.folder / "backup", "--yes"), DONE)
        again = other.start().wait_idle()
        for name in ("needs", "offers", "parties", "assignments", "units_promised",
                     "units_received", "events"):
            assert again[name] == stats[name], name
        assert other.json("assignment", "ls") == system.json("assignment", "ls")
        assert other.stop() == 0
        other.assert_journals_are_good()


def the_intake_journal_alone_gives_everything_again(system):
    events = system.json("watch", "--after", "0", "--until-idle")
    with System() as other:
        assert other.stop() == 0
        other.data = other.folder / "made-again"
        expect(system.maillon("backup", "last"), DONE)
        expect(other.maillon("restore", system.folder / "last", "--yes"), DONE)
        for role in ROLES[1:]:
            shutil.rmtree(other.data / role)
        other.start().wait_idle()
        assert other.json("watch", "--after", "0", "--until-idle") == events
        assert other.stop() == 0
        other.assert_journals_are_good()


def the_configuration_is_checked_with_its_place(system):
    expect(system.maillon("config", "show"), DONE, "tick_seconds: 60")
    expect(system.maillon("config", "check"), DONE)
    (system.folder / "bad.yaml").write_text("gateway:\n  tick_second: 5\n")
    expect(system.maillon("config", "check", "bad.yaml"), CONFIG, "bad.yaml:2:3:",
           'did you mean "tick_seconds"')
    expect(system.maillon("stats", "--config", "bad.yaml"), DONE)
    expect(system.maillon("config", "check", "none.yaml"), CONFIG)


def a_key_pair_is_made_once_and_its_secret_is_for_its_owner(system):
    path = system.folder / "mine"
    told = system.json("key", "new", path)[0]
    assert len(told["public"]) == 40 and f"public {told['public']}\n" in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600 and (system.folder / "mine.pub").exists()
    expect(system.maillon("key", "new", path), NO, "File exists")
    assert f"public {told['public']}\n" in path.read_text()
    expect(system.maillon("key", "new", "nowhere/key"), STORAGE, "nowhere/key")


def usage_is_told(system):
    assert json.loads(system.maillon("version", "--json").stdout)["protocol"] == 1
    verbs = [line.split("  ")[1] for line in system.maillon("help").stdout.splitlines()
             if line.startswith("  ") and not line.startswith(("  maillon", "  --"))]
    assert len(verbs) > 30
    for verb in verbs:
        words = [word for word in verb.split() if word.islower()]
        expect(system.maillon("help", *words), DONE, f"maillon {' '.join(words)}")
    for wrong in (("nonsense",), ("need",), ("need", "ls", "--nonsense"), ("need", "get"),
                  ("help", "nonsense")):
        expect(system.maillon(*wrong), USAGE)
    expect(system.maillon("stat"), USAGE, 'did you mean "stats"')


def a_stopped_system_is_unreachable_and_its_journals_are_read(system):
    expect(system.maillon("check", "--format", "nagios"), DONE, "OK - 4 of 4")
    assert system.stop() == 0
    soon = ("--timeout", 200)
    expect(system.maillon("check", *soon), UNREACHABLE)
    expect(system.maillon("check", "--format", "nagios", *soon), 2, "CRITICAL")
    for verb in (("stats",), ("need", "ls"), ("assignment", "ls"), ("explain", "n1"),
                 ("watch", "--until-idle")):
        expect(system.maillon(*verb, *soon), UNREACHABLE)
    system.assert_journals_are_good()
    (system.folder / "empty").mkdir()
    expect(system.maillon("verify", "empty"), DATA)


def main():
    with System() as system:
        run_cases(rows_come_in_from_csv_and_json_lines,
                  refused_rows_are_told_by_line_field_and_reason, a_dry_run_submits_nothing,
                  things_are_shown_one_a_line_without_tables_when_piped,
                  quarantined_rows_are_released_and_rows_are_ended,
                  an_assignment_goes_its_way_by_the_answers_of_both,
                  decisions_are_explained_and_followed,
                  a_running_system_is_backed_up_and_restored_elsewhere,
                  the_intake_journal_alone_gives_everything_again,
                  the_configuration_is_checked_with_its_place,
                  a_key_pair_is_made_once_and_its_secret_is_for_its_owner, usage_is_told,
                  a_stopped_system_is_unreachable_and_its_journals_are_read, given=[system])


if __name__ == "__main__":
    sys.exit(main())
