"""tidy.py - the layer rules let through what the design allows and name what it forbids."""
import pathlib
import sys
import tempfile

from tap import SOURCE, run_cases

sys.path.insert(0, f"{SOURCE}/tests/tidy")
import layers  # noqa: E402  It stands beside what it checks.

RULES = f"{SOURCE}/tests/tidy/layers.txt"


def problems(file, *lines):
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, file)
        path.parent.mkdir(parents=True)
        path.write_text("".join(f"#include {line}\n" for line in lines))
        return list(layers.breaches(folder, [file], RULES))


def what_stands_to_the_left_may_be_included():
    assert not problems("core/plan/plan.c", '"core/base/base.h"', '"core/flow/flow.h"', "<string.h>")
    assert not problems("proto/codec.c", '"core/model/record.h"', "<msgpack.h>", "<time.h>")
    assert not problems("brokers/gateway/gateway.c", '"node/stage.h"', '"journal/journal.h"')
    assert not problems("cli/verify.c", '"journal/journal.h"', '"workers/match/match.h"', "<popt.h>")


def what_stands_to_the_right_is_refused_with_its_line():
    assert problems("core/plan/plan.c", "<string.h>", '"proto/proto.h"') == [
        'core/plan/plan.c:2: core may not include "proto/proto.h"']
    assert problems("journal/journal.c", '"core/model/record.h"')
    assert problems("config/config.c", '"node/world.h"')
    assert problems("client/client.c", '"journal/journal.h"')


def brokers_and_workers_never_include_one_another():
    assert problems("brokers/gateway/gateway.c", '"brokers/dispatch/dispatch.h"')
    assert problems("workers/match/match.c", '"workers/allocate/allocate.h"')
    assert problems("brokers/dispatch/dispatch.c", '"workers/match/match.h"')


def an_outside_library_stays_in_its_home():
    assert problems("node/loop.c", "<lmdb.h>") == ["node/loop.c:1: <lmdb.h> has its home elsewhere"]
    assert not problems("journal/journal.c", "<lmdb.h>")
    assert problems("cli/ls.c", "<zmq.h>") and not problems("client/client.c", "<zmq.h>")
    assert problems("cli/ls.c", "<curl/curl.h>")


def no_outside_type_stands_in_a_header_of_ours():
    assert problems("journal/store.h", "<lmdb.h>") == [
        "journal/store.h:1: <lmdb.h> in a header of ours"]
    assert not problems("journal/store.h", "<stdio.h>")
    assert not problems("journal/internal.h", "<lmdb.h>")
    assert problems("journal/internal.h", "<uv.h>") and problems("node/internal.h", "<uv.h>")


def the_core_knows_no_clock_and_no_output():
    for name in ("<time.h>", "<stdio.h>", "<unistd.h>", "<sys/types.h>"):
        assert problems("core/plan/plan.c", name)
    assert not problems("core/base/base.c", "<stdio.h>")


def a_new_directory_must_be_placed():
    assert problems("console/page.c", "<string.h>") == [
        "console/page.c: its directory is not in layers.txt"]


run_cases(what_stands_to_the_left_may_be_included,
          what_stands_to_the_right_is_refused_with_its_line,
          brokers_and_workers_never_include_one_another, an_outside_library_stays_in_its_home,
          no_outside_type_stands_in_a_header_of_ours, the_core_knows_no_clock_and_no_output,
          a_new_directory_must_be_placed)
