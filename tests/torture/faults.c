#include "tests/torture/faults.h"

#include <string.h>

const struct fault_kind FAULTS[FAULT_COUNT] = {
    [FAULT_LOSE_ALL] = {"lose_all", "no call that no sync covers", 1},
    [FAULT_KEEP_ALL] = {"keep_all", "all of them", 1},
    [FAULT_KEEP_FIRST] = {"keep_first", "the first alone", 1},
    [FAULT_KEEP_LAST] = {"keep_last", "the last alone, ahead of those before it", 1},
    [FAULT_LOSE_LAST] = {"lose_last", "all but the last", 1},
    [FAULT_LOSE_ONE] = {"lose_one", "all but one", 1},
    [FAULT_PREFIX] = {"prefix", "the first ones, in order", 1},
    [FAULT_SUBSET] = {"subset", "any of them; every subset where there are few", 4},
    [FAULT_TORN_LAST] = {"torn_last", "all, of the last write only the first sectors", 2},
    [FAULT_TORN] = {"torn", "any of them, and of writes any sectors of 512 bytes", 4},
    [FAULT_ZEROES] = {"zeroes", "the sizes of files, of their new bytes only some sectors", 1},
    [FAULT_GARBAGE] = {"garbage", "the same, with old bytes of others in between", 1},
    [FAULT_EIO] = {"eio", "the call fails with EIO", 1},
    [FAULT_ENOSPC] = {"enospc", "the call fails with ENOSPC", 1},
    [FAULT_SHORT] = {"short", "a write takes half of its bytes", 1},
    [FAULT_BROKEN] = {"broken", "the call and all after it fail with EIO", 1},
    [FAULT_FULL] = {"full", "whatever takes room fails with ENOSPC from here on", 1},
    [FAULT_KILL_BEFORE] = {"kill_before", "the process is killed before the call", 1},
    [FAULT_KILL_AFTER] = {"kill_after", "the process is killed after the call", 1},
    [FAULT_FLIP] = {"flip", "one bit of a file at rest", 1},
};

enum fault fault_find(const char *name)
{
    enum fault fault = 0;

    while (fault < FAULT_COUNT && strcmp(FAULTS[fault].name, name) != 0) {
        fault++;
    }
    return fault;
}
