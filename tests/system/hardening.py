"""hardening.py - what is built is hardened as the flags ask: seen in the programs, not the flags."""
import json
import pathlib
import platform
import subprocess

from tap import BUILD, run_cases

PROGRAMS = [f"{BUILD}/maillond/maillond", f"{BUILD}/cli/maillon"]
BINARIES = [*PROGRAMS, f"{BUILD}/client/libmaillon.so"]


def readelf(*arguments):
    return subprocess.run(["readelf", "--wide", *arguments], capture_output=True, text=True,
                          check=True).stdout


def segments(file, kind):
    """The rights of a file's segments of a kind, in order: "R", "RE", "RW"."""
    lines = [line.split() for line in readelf("--segments", file).splitlines()]
    return ["".join(words[6:-1]) for words in lines if words[:1] == [kind]]


def imports(file):
    return readelf("--dyn-syms", file)


def programs_stand_at_no_fixed_address():
    for file in PROGRAMS:
        assert "DYN (Position-Independent Executable file)" in readelf("--file-header", file), file


def every_address_is_bound_at_start_and_read_only_from_then_on():
    for file in BINARIES:
        assert "NOW" in readelf("--dynamic", file), file
        assert segments(file, "GNU_RELRO") == ["R"], file


def nothing_can_be_written_and_run():
    for file in BINARIES:
        assert segments(file, "GNU_STACK") == ["RW"], file
        assert not any("W" in rights and "E" in rights for rights in segments(file, "LOAD")), file


def only_code_can_be_run():
    for file in BINARIES:
        assert segments(file, "LOAD") == ["R", "RE", "R", "RW"], file


def the_stack_and_the_buffers_are_guarded():
    for file in BINARIES:
        assert "__stack_chk_fail@" in imports(file), file
        assert "__snprintf_chk@" in imports(file), file


def jumps_land_where_they_may():
    if platform.machine() != "x86_64":
        return
    # Debian's start files carry no such mark, so that no program has it: the objects tell.
    for folder in ("maillond/maillond.p", "cli/maillon.p"):
        for file in pathlib.Path(BUILD, folder).glob("*.o"):
            assert "IBT, SHSTK" in readelf("--notes", str(file)), file


def what_leaves_no_trace_is_asked_of_every_file():
    commands = json.loads(pathlib.Path(BUILD, "compile_commands.json").read_text())
    for entry in commands:
        for flag in ("-D_FORTIFY_SOURCE=3", "-fstack-clash-protection",
                     "-ftrivial-auto-var-init=zero", "-fno-delete-null-pointer-checks",
                     "-fno-strict-overflow", "-Werror=format-security"):
            assert entry["file"].endswith(".cc") or flag in entry["command"], (entry["file"], flag)


run_cases(programs_stand_at_no_fixed_address,
          every_address_is_bound_at_start_and_read_only_from_then_on,
          nothing_can_be_written_and_run, only_code_can_be_run,
          the_stack_and_the_buffers_are_guarded, jumps_land_where_they_may,
          what_leaves_no_trace_is_asked_of_every_file)
