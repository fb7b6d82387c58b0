"""chaos_test.py - a short run of chaos, roles apart and supervised; and the proxy's faults."""
import os
import pathlib
import socket
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "system"))
import network  # noqa: E402
from chaos import Round  # noqa: E402
from proxy import TOWARDS, Proxy  # noqa: E402
from systems import Apart, Supervised  # noqa: E402
from tap import run_cases  # noqa: E402

SEED = int(os.environ.get("MAILLON_SEED", "1"))
SECONDS = 5


def expect_nothing_broken(seed, kind):
    one = Round(seed, NET).run(SECONDS, is_short=True, kind=kind)
    print(f"# seed {seed}, calm after {one.liveness_s:.1f} s: {dict(one.counts)}", flush=True)
    assert not one.violations, one.violations[:5]
    assert one.counts["events"] > 0 and one.counts["acknowledged"] == one.counts["submitted"]
    assert one.counts["kills"] + one.counts["stops"] + one.counts["cuts"] > 0


def nothing_is_lost_while_roles_apart_and_what_joins_them_fail():
    expect_nothing_broken(SEED, Apart)


def nothing_is_lost_while_supervised_roles_and_the_supervisor_fail():
    expect_nothing_broken(SEED + 1, Supervised)


class Wire:
    """A link from us to ourselves."""

    def __init__(self, proxy, folder):
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(f"{folder}/behind")
        self.listener.listen()
        self.link, _ = proxy.open("link", f"{folder}/front", f"{folder}/behind")
        self.folder = folder

    def connect(self):
        near = socket.socket(socket.AF_UNIX)
        near.settimeout(20)
        near.connect(f"{self.folder}/front")
        far, _ = self.listener.accept()
        far.settimeout(20)
        return near, far


def received(end):
    """All until the other side is gone."""
    parts = []
    try:
        while part := end.recv(65536):
            parts.append(part)
    except ConnectionError:
        pass
    return b"".join(parts)


def hears_nothing(end):
    end.settimeout(0.1)
    try:
        return end.recv(9) is None
    except TimeoutError:
        return True
    finally:
        end.settimeout(20)


def on_a_wire(case):
    def run():
        with Proxy() as proxy, tempfile.TemporaryDirectory(prefix="maillon-") as folder:
            wire = Wire(proxy, folder)
            with wire.listener:
                near, far = wire.connect()
                with near, far:
                    case(proxy, wire, near, far)
    run.__name__ = case.__name__
    return run


@on_a_wire
def what_is_sent_arrives_both_ways(_, __, near, far):
    near.sendall(b"there")
    assert far.recv(9) == b"there"
    far.sendall(b"and back")
    assert near.recv(9) == b"and back"


@on_a_wire
def a_cut_ends_both_sides_at_the_byte(_, wire, near, far):
    wire.link.cut_after = 7
    near.sendall(b"seven by" + b"tes and more")
    assert received(far) == b"seven b"
    assert received(near) == b""


@on_a_wire
def a_stall_holds_bytes_until_it_ends(_, wire, near, far):
    wire.link.is_stalled = True
    near.sendall(b"late")
    assert hears_nothing(far)
    wire.link.heal()
    assert far.recv(9) == b"late"


@on_a_wire
def a_half_open_connection_swallows_one_way_and_tells_nobody(proxy, wire, near, far):
    near.sendall(b"first")
    assert far.recv(9) == b"first"
    proxy.call(wire.link.forget([TOWARDS]))
    near.sendall(b"lost")
    far.sendall(b"still there")
    assert near.recv(20) == b"still there"
    near.close()
    assert hears_nothing(far)


def main():
    run_cases(what_is_sent_arrives_both_ways, a_cut_ends_both_sides_at_the_byte,
              a_stall_holds_bytes_until_it_ends,
              a_half_open_connection_swallows_one_way_and_tells_nobody,
              nothing_is_lost_while_roles_apart_and_what_joins_them_fail,
              nothing_is_lost_while_supervised_roles_and_the_supervisor_fail)


if __name__ == "__main__":
    network.enter()
    NET = network.Network()
    main()
