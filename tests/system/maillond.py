"""maillond.py - what maillond's command line promises, with roles that only count."""
import os
import pathlib
import signal
import subprocess
import tempfile

from tap import BUILD, run_cases

MAILLOND = f"{BUILD}/tests/maillond_stub"
SMALL = ["--set", "journal.map_size_gb=1", "--set", "journal.reserve_mb=1"]


def run(*arguments, **options):
    return subprocess.run([MAILLOND, *arguments], capture_output=True, text=True, timeout=30,
                          check=False, **options)


def in_folder(case):
    def run_in_folder():
        with tempfile.TemporaryDirectory(prefix="maillond-") as folder:
            case(folder)
    run_in_folder.__name__ = case.__name__
    return run_in_folder


def start(data, *arguments):
    daemon = subprocess.Popen([MAILLOND, "--data", data, *SMALL, *arguments],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    return daemon, daemon.stdout.readline()


def stop(daemon, number=signal.SIGTERM):
    daemon.send_signal(number)
    _, log = daemon.communicate(timeout=30)
    return daemon.returncode, log


def the_version_is_told():
    answer = run("--version")
    assert answer.returncode == 0 and answer.stdout.startswith("maillond ")


def an_unknown_option_is_a_usage_error():
    assert run("--nonsense").returncode == 64
    assert run("gateway", "match").returncode == 64
    assert run("--set", "log.level").returncode == 64


@in_folder
def an_unknown_role_is_a_usage_error(folder):
    answer = run("gatway", "--data", f"{folder}/data")
    assert answer.returncode == 64 and "gatway" in answer.stderr


@in_folder
def init_makes_the_keys_of_a_system_once(folder):
    data = pathlib.Path(folder, "data")
    answer = run("init", str(data))
    assert answer.returncode == 0 and "server.pub" in answer.stdout, answer.stderr
    files = {file.name: file.stat().st_mode & 0o777 for file in (data / "keys").iterdir()}
    assert files == {"server": 0o600, "server.pub": 0o644, "admin": 0o600, "admin.pub": 0o644}
    before = {name: (data / "keys" / name).read_bytes() for name in files}
    again = run("init", str(data))
    assert again.returncode == 78 and "File exists" in again.stderr
    (data / "keys" / "server").unlink()
    (data / "keys" / "server.pub").unlink()
    assert run("init", str(data)).returncode == 78
    left = {file.name: file.read_bytes() for file in (data / "keys").iterdir()}
    assert left == {name: before[name] for name in ("admin", "admin.pub")}


@in_folder
def an_endpoint_for_other_machines_needs_a_key(folder):
    data = f"{folder}/data"
    for key in ("gateway.endpoint", "dispatch.endpoint"):
        settings = ["--data", data, *SMALL, "--set", f"{key}=tcp://127.0.0.1:1"]
        for more in (["--check-config"], [], ["gateway"]):
            answer = run(*settings, *more)
            assert answer.returncode == 78, answer
            for word in (key, "keys.server", "maillond init", "keys/server"):
                assert word in answer.stderr, (word, answer.stderr)
    assert run("init", data).returncode == 0
    assert run(*settings, "--check-config").returncode == 0
    os.chmod(f"{data}/keys/server", 0o640)
    answer = run(*settings, "--check-config")
    assert answer.returncode == 78 and "chmod 600" in answer.stderr


def a_wrong_configuration_is_refused_by_key():
    answer = run("--set", "log.levle=info", "--check-config")
    assert answer.returncode == 78 and 'did you mean "level"' in answer.stderr


def flags_show_in_the_checked_configuration():
    answer = run("--check-config", "--log-level", "debug", "--data", "elsewhere")
    assert answer.returncode == 0
    assert "debug" in answer.stdout and "elsewhere" in answer.stdout


def a_path_too_long_for_sockets_is_refused():
    answer = run("--data", "/tmp/" + "x" * 100)
    assert answer.returncode == 78 and "too long" in answer.stderr
    assert not os.path.exists("/tmp/" + "x" * 100)


@in_folder
def an_open_run_directory_is_refused(folder):
    os.mkdir(f"{folder}/run", 0o700)
    os.chmod(f"{folder}/run", 0o755)
    answer = run("--data", folder)
    assert answer.returncode == 78 and "0700" in answer.stderr


@in_folder
def all_roles_start_and_stop_in_order(folder):
    data = f"{folder}/data"
    daemon, line = start(data)
    assert "is ready" in line
    assert os.stat(f"{data}/run").st_mode & 0o777 == 0o700
    code, log = stop(daemon)
    assert code == 0, log
    ended = [line.split("role=")[1].split()[0] for line in log.splitlines() if "stopped" in line]
    assert ended == ["gateway", "match", "allocate", "dispatch", "supervisor"], log


@in_folder
def one_role_runs_alone_and_ends_on_interrupt(folder):
    daemon = subprocess.Popen([MAILLOND, "gateway", "--data", folder, *SMALL],
                              stderr=subprocess.PIPE, text=True)
    while "msg=\"live\"" not in daemon.stderr.readline():
        pass
    code, _ = stop(daemon, signal.SIGINT)
    assert code == 0


@in_folder
def a_damaged_journal_stops_everything_with_its_code(folder):
    daemon, _ = start(folder)
    assert stop(daemon)[0] == 0
    for path in pathlib.Path(folder, "match").glob("*.mdb"):
        if "lock" not in path.name:
            path.write_bytes(b"\x55" * path.stat().st_size)
    daemon = subprocess.Popen([MAILLOND, "--data", folder, *SMALL], stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, text=True)
    _, log = daemon.communicate(timeout=30)
    assert daemon.returncode == 65, log
    assert "damaged" in log


def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc ^ 0xffffffff


def lower_format(path):
    """Makes of a journal one of the format before: journal/format.md, "Table meta"."""
    store = bytearray(path.read_bytes())
    at = store.find(b"feed")
    count = 0
    while at >= 0:
        start, end = at + 4, at + 4 + 112
        if crc32c(store[start + 4:end]) == int.from_bytes(store[start:start + 4], "little"):
            store[start + 4] -= 1
            store[start:start + 4] = crc32c(store[start + 4:end]).to_bytes(4, "little")
            count += 1
        at = store.find(b"feed", at + 1)
    path.write_bytes(store)
    return count


@in_folder
def a_journal_of_another_format_is_refused_as_such(folder):
    daemon, _ = start(folder)
    assert stop(daemon)[0] == 0
    assert lower_format(pathlib.Path(folder, "match", "data.mdb")) > 0
    answer = run("match", "--data", folder, *SMALL)
    assert answer.returncode == 78 and "format is another" in answer.stderr, answer
    verified = subprocess.run([f"{BUILD}/cli/maillon", "verify", folder], capture_output=True,
                              text=True, timeout=30, check=False)
    assert verified.returncode != 0 and "format is another" in verified.stdout, verified


run_cases(the_version_is_told, an_unknown_option_is_a_usage_error, an_unknown_role_is_a_usage_error,
          init_makes_the_keys_of_a_system_once, an_endpoint_for_other_machines_needs_a_key,
          a_wrong_configuration_is_refused_by_key, flags_show_in_the_checked_configuration,
          a_path_too_long_for_sockets_is_refused, an_open_run_directory_is_refused,
          all_roles_start_and_stop_in_order, one_role_runs_alone_and_ends_on_interrupt,
          a_damaged_journal_stops_everything_with_its_code,
          a_journal_of_another_format_is_refused_as_such)
