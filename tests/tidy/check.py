#!/usr/bin/python3
"""Everything besides the tests that must hold; `./dev check` runs it.

Each check prints one line, `ok` or `FAILED`, and under it what is wrong. The counts go to a file.
Work that did not change since it last passed is not done again: clang-tidy leaves a stamp for
each file, named by a hash of all that it read.
"""
import argparse
import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import layers

ROOT = pathlib.Path(__file__).resolve().parents[2]
JOBS = 2
COMPILE = ["-fsyntax-only", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-pedantic", "-I."]


def run(*command, env=None):
    """What a command that failed printed; "" when it went well."""
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False,
                          env={**os.environ, **(env or {})})
    return "" if done.returncode == 0 else (done.stdout + done.stderr or f"{command[0]} failed")


def tracked(*patterns):
    """Files of the project, also new ones that are not ignored."""
    listed = subprocess.run(["git", "-c", "safe.directory=*", "ls-files", "-co",
                             "--exclude-standard", "--", *patterns],
                            cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [file for file in sorted(set(listed.split("\n"))) if file and (ROOT / file).is_file()]


def each(function, items):
    """What the function says about each item, two at a time, in order, without the silent."""
    with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
        return "\n".join(filter(None, pool.map(function, items)))


def format_is_kept():
    return run("clang-format", "--dry-run", "-Werror", *tracked("*.c", "*.h"))


def layers_are_kept():
    return "\n".join(layers.breaches(ROOT, tracked("*.c", "*.h")))


def headers_compile_alone():
    def check(header):
        problem = ""
        for compiler in ("gcc", "clang"):
            problem += run(compiler, "-std=c11", *COMPILE, "-xc", "-include", header, "/dev/null")
        return problem

    return each(check, tracked("*.h"))


def client_header_compiles_as_cpp():
    return "\n".join(filter(None, (
        run(compiler, "-std=c++11", *COMPILE, "-xc++", "-include", "client/maillon.h", "/dev/null")
        for compiler in ("g++", "clang++"))))


def clang_builds_without_warnings():
    if not (ROOT / "build-clang/build.ninja").exists():
        problem = run("meson", "setup", "build-clang", env={"CC": "clang", "CXX": "clang++"})
        if problem:
            return problem
    return run("ninja", "-C", "build-clang", f"-j{JOBS}", "--quiet")


def stamp_of(file, command, settings):
    """Names everything that decides what clang-tidy says about a file."""
    digest = hashlib.sha256(settings + command.encode())
    for name in layers.with_all_below(ROOT, file):
        digest.update(name.encode() + b"\0" + (ROOT / name).read_bytes())
    return ROOT / "build-clang/tidy" / digest.hexdigest()


def static_analysis_finds_nothing():
    database = ROOT / "build-clang/compile_commands.json"
    if not database.exists():
        return "no compile_commands.json: the build with clang failed"
    (ROOT / "build-clang/tidy").mkdir(exist_ok=True)
    settings = b"".join((ROOT / name).read_bytes() for name in tracked("*.clang-tidy"))

    def check(item):
        file, command = item
        stamp = stamp_of(file, command, settings)
        if stamp.exists():
            return ""
        problem = run("clang-tidy", "--quiet", "-p", "build-clang", file)
        if not problem:
            stamp.touch()
        return re.sub(r"^\d+ warnings? .*\n|^Suppressed .*\n|^Use -header.*\n", "", problem,
                      flags=re.MULTILINE)

    commands = {}
    for entry in json.loads(database.read_text()):
        path = pathlib.Path(entry["directory"], entry["file"]).resolve()
        if path.suffix == ".c" and ROOT in path.parents:
            commands[str(path.relative_to(ROOT))] = entry["command"]
    return each(check, sorted(commands.items()))


def links_of_documents_lead_somewhere():
    problems = []
    for page in tracked("*.md"):
        text = re.sub(r"```.*?```", "", (ROOT / page).read_text(), flags=re.DOTALL)
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text):
            if not re.match(r"[a-z]+:", target) and not (ROOT / page).parent.joinpath(target).exists():
                problems.append(f"{page}: nothing at {target}")
    return "\n".join(problems)


def scripts_parse():
    problems = [run("bash", "-n", file) for file in tracked("dev", ".ci/run", "*.sh")]
    with tempfile.TemporaryDirectory() as cache:
        problems += [run(sys.executable, "-X", f"pycache_prefix={cache}", "-m", "py_compile", file)
                     for file in tracked("*.py")]
    return "\n".join(filter(None, problems))


CHECKS = [format_is_kept, layers_are_kept, headers_compile_alone, client_header_compiles_as_cpp,
          clang_builds_without_warnings, static_analysis_finds_nothing,
          links_of_documents_lead_somewhere, scripts_parse]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--counts", help="file for the numbers passed and failed")
    options = parser.parse_args()
    failed = 0
    for check in CHECKS:
        problem = check().strip()
        failed += bool(problem)
        print("FAILED" if problem else "ok    ", check.__name__, flush=True)
        if problem:
            print("  " + problem.replace("\n", "\n  "), flush=True)
    if options.counts:
        pathlib.Path(options.counts).write_text(f"{len(CHECKS) - failed} {failed}\n")
    sys.exit(1 if failed else 0)


main()
