"""terminal_test.py - what maillon shows to people: at a terminal, tables and lines instead of JSON."""
import errno
import json
import os
import pathlib
import pty
import subprocess
import sys

from system import ROLES, System
from tap import BUILD, SOURCE, run_cases

DONE, USAGE, DATA, UNREACHABLE = 0, 64, 65, 69
DEMO = pathlib.Path(SOURCE, "config/demo")
PARTIES = "party_id,roles,name\nhôpital,requester,CHU\nf,offerer,Fab\n"
PRODUCTS = "product_id,name,need_max\nmask,Masque,1000000\n"
OFFERS = "offer_id,party_id,product_id,kind,quantity\no1,f,mask,stock,1234567\n"
NEEDS = ("need_id,party_id,product_id,quantity,class\nn1,hôpital,mask,60000,1\n"
         "n2,hôpital,mask,50,2\nn3,hôpital,mask,70,3\n")
IMPORT_COUNT, IMPORT_COUNT_MAX = 15000, 240000
NO_ROLE = ("--timeout", 200)


class Shown:
    """What a verb put on the terminal, and how it ended."""

    def __init__(self, system, *arguments, text=None, env=None):
        here, there = pty.openpty()
        process = subprocess.Popen(
            [f"{BUILD}/cli/maillon", "--data", system.data, *map(str, arguments)],
            stdin=subprocess.PIPE, stdout=there, stderr=there, cwd=system.folder,
            env={**os.environ, **(env or {})})
        os.close(there)
        process.stdin.write((text or "").encode())
        process.stdin.close()
        self.text = self.read_all(here)
        os.close(here)
        self.status = process.wait()
        self.lines = self.text.splitlines()

    @staticmethod
    def read_all(terminal):
        parts = []
        while True:
            try:
                part = os.read(terminal, 65536)
            except OSError as error:
                assert error.errno == errno.EIO, error
                part = b""
            if not part:
                return b"".join(parts).decode().replace("\r\n", "\n")
            parts.append(part)

    def expect(self, status, *words):
        assert self.status == status, (self.status, self.text)
        assert all(word in self.text for word in words), (words, self.text)
        return self


def show(system, *words, status=DONE, text=None):
    """One verb at a terminal, which never shows JSON there."""
    shown = Shown(system, *words, text=text).expect(status)
    assert not any(line.startswith("{") for line in shown.lines), shown.text
    return shown


def what_was_taken_in_is_told_in_words(system):
    for thing, text in (("party", PARTIES), ("product", PRODUCTS), ("offer", OFFERS),
                        ("need", NEEDS)):
        count = text.count("\n") - 1
        show(system, thing, "put", "-", text=text).expect(DONE, str(count), "accepted")
    bad = "need_id,party_id,product_id,quantity,class\nn9,hôpital,maske,5,1\n"
    show(system, "need", "put", "-", text=bad, status=DATA).expect(DATA, 'did you mean "mask"')
    show(system, "need", "put", "-", "--dry-run", text=NEEDS).expect(DONE, "3")
    system.wait_idle()


def things_are_listed_in_columns_under_their_heads(system):
    for thing, count in (("party", 2), ("product", 1), ("offer", 1), ("need", 3)):
        lines = [line for line in show(system, thing, "ls").lines if line]
        heads = lines[0].split()
        assert heads[0] == thing and len(heads) > 2, lines
        assert len(lines) >= 1 + count, lines
    heads, *rows = show(system, "party", "ls").lines
    for row, name in zip(rows, ("CHU", "Fab")):
        assert row.index(name) == heads.index("name"), (heads, row)  # Also behind an accent.
    assert len(show(system, "need", "ls", "--limit", 1).lines) < len(
        show(system, "need", "ls").lines)
    for thing in ("substitute", "norm", "certificate", "exclusion"):
        show(system, thing, "ls")


def one_thing_is_shown_field_by_field(system):
    for thing, name, word in (("party", "hôpital", "CHU"), ("product", "mask", "Masque"),
                              ("offer", "o1", "mask"), ("need", "n1", "60")):
        show(system, thing, "get", name).expect(DONE, name, word)
    Shown(system, "need", "get", "nobody").expect(66)


def assignments_are_listed_and_followed_line_by_line(system):
    listed = show(system, "assignment", "ls").expect(DONE, "n1", "60000")
    assert listed.lines[0].split()[0] == "number", listed.lines
    number = system.json("assignment", "ls", "--need", "n1")[0]["assignment"]
    show(system, "assignment", "get", number).expect(DONE, "n1")
    for verb, party in (("accept", "hôpital"), ("accept", "f"), ("ship", "f")):
        show(system, "assignment", verb, number, "--party", party)
    show(system, "assignment", "ls", "--state", "shipped").expect(DONE, "shipped")
    watched = show(system, "watch", "--until-idle").expect(DONE, "60 000 mask", "shipped",
                                                           "f -> hôpital")
    assert any(line.split()[1:] == ["answer", f"#{number}", "done"] for line in watched.lines)
    show(system, "watch", "--until-idle", "--party", "nobody")


def reasons_are_sentences_in_the_language_asked_for(system):
    english = show(system, "explain", "n1").text
    french = show(system, "explain", "n1", "--lang", "fr").text
    assert english != french and "n1" in english and "n1" in french
    show(system, "explain", "n2", "o1").expect(DONE, "n2", "o1")
    Shown(system, "explain", "nothing").expect(66)


def the_state_of_the_system_is_a_table_of_its_roles(system):
    for verb in ("stats", "check"):
        shown = show(system, verb)
        assert [line.split()[0] for line in shown.lines[1:5]] == list(ROLES), shown.text
    Shown(system, "check", "--format", "json").expect(DONE)
    assert show(system, "check", "--format", "nagios").lines == ["OK - 4 of 4 roles ready"]
    for line, role in zip(show(system, "verify").lines, ROLES):
        assert line.split()[:2] == [role, "good"], line
    show(system, "version").expect(DONE, "protocol")
    show(system, "config", "show").expect(DONE, "tick_seconds")
    show(system, "config", "check").expect(DONE, "good")


def a_copy_is_made_verified_and_replayed_before_the_eyes_of_who_asks(system):
    copied = show(system, "backup", "copy")
    assert [line.split()[0] for line in copied.lines[:4]] == list(reversed(ROLES)), copied.text
    Shown(system, "backup", "copy").expect(74, "copy")
    show(system, "verify", "copy").expect(DONE, "good")
    show(system, "replay", "copy").expect(DONE)
    assert not show(system, "backup", "quiet", "--quiet").text.startswith("dispatch")


def a_damaged_copy_is_shown_as_bad_and_not_restored(system):
    data = system.folder / "copy/match/data.mdb"
    stored = bytearray(data.read_bytes())
    for at in range(8192, len(stored), 512):
        stored[at + 300:at + 310] = bytes(byte ^ 0xff for byte in stored[at + 300:at + 310])
    data.write_bytes(stored)
    Shown(system, "verify", "copy").expect(DATA, "match")
    Shown(system, "restore", "copy", "--yes").expect(DATA, "nothing was restored")
    assert Shown(system, "replay", "copy").status not in (DONE, USAGE)
    assert Shown(system, "replay", "nowhere").status not in (DONE, USAGE)


def a_scenario_is_planned_in_tables(system):
    shown = show(system, "plan", DEMO, "--limit", 5)
    assert len(shown.lines) > 10, shown.text
    show(system, "plan", DEMO, "--limit", 5, "--check")
    show(system, "backtest", DEMO, "--every", "7d").expect(DONE)
    Shown(system, "backtest", DEMO, "--every", "7w").expect(USAGE)


def a_long_import_shows_how_far_it_is_and_a_quiet_one_does_not(system):
    shown, count = None, IMPORT_COUNT  # A quick machine needs more until there is something to show.
    while shown is None or "left" not in shown.text and count < IMPORT_COUNT_MAX:
        count *= 2
        rows = ["party_id,roles\n"] + [f"p{number},expert\n" for number in range(count)]
        shown = Shown(system, "party", "put", "-", text="".join(rows)).expect(DONE, "accepted")
    assert "/s" in shown.text and "left" in shown.text, shown.text[:400]
    quiet = Shown(system, "party", "put", "-", "--quiet", text="".join(rows)).expect(DONE)
    assert "left" not in quiet.text, quiet.text[:400]
    system.wait_idle()


def what_cannot_be_reached_is_told_in_one_line(system):
    assert system.stop() == 0
    for verb in (("need", "ls"), ("need", "get", "n1"), ("assignment", "ls"), ("watch", "--until-idle"),
                 ("explain", "n1"), ("assignment", "ship", 1, "--party", "f")):
        shown = Shown(system, *verb, *NO_ROLE)
        assert shown.status == UNREACHABLE, (verb, shown.text)
        assert len(shown.lines) == 1 and shown.lines[0].startswith("maillon: "), shown.text
    Shown(system, "stats", *NO_ROLE).expect(UNREACHABLE, "unreachable", "is maillond running?")
    show(system, "replay").expect(DONE)
    assert json.loads(system.maillon("verify").stdout.splitlines()[0])["good"]


def main():
    with System() as system:
        run_cases(what_was_taken_in_is_told_in_words, things_are_listed_in_columns_under_their_heads,
                  one_thing_is_shown_field_by_field,
                  assignments_are_listed_and_followed_line_by_line,
                  reasons_are_sentences_in_the_language_asked_for,
                  the_state_of_the_system_is_a_table_of_its_roles,
                  a_copy_is_made_verified_and_replayed_before_the_eyes_of_who_asks,
                  a_damaged_copy_is_shown_as_bad_and_not_restored,
                  a_scenario_is_planned_in_tables,
                  a_long_import_shows_how_far_it_is_and_a_quiet_one_does_not,
                  what_cannot_be_reached_is_told_in_one_line, given=[system])


if __name__ == "__main__":
    sys.exit(main())
