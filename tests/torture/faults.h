/*
 * faults.h - the one table of what storage is put through.
 */
#ifndef TESTS_TORTURE_FAULTS_H
#define TESTS_TORTURE_FAULTS_H

#include <stdbool.h>

enum fault {
    /* The power goes: which of the calls that no sync covers did the disk keep? */
    FAULT_LOSE_ALL,
    FAULT_KEEP_ALL,
    FAULT_KEEP_FIRST,
    FAULT_KEEP_LAST,
    FAULT_LOSE_LAST,
    FAULT_LOSE_ONE,
    FAULT_PREFIX,
    FAULT_SUBSET,
    FAULT_TORN_LAST,
    FAULT_TORN,
    FAULT_ZEROES,
    FAULT_GARBAGE,
    /* The n-th call of a process on its files. */
    FAULT_EIO,
    FAULT_ENOSPC,
    FAULT_SHORT,
    FAULT_BROKEN,
    FAULT_FULL,
    FAULT_KILL_BEFORE,
    FAULT_KILL_AFTER,
    /* The medium. */
    FAULT_FLIP,
    FAULT_COUNT,
};

#define FAULT_POWER_FIRST FAULT_LOSE_ALL
#define FAULT_POWER_END FAULT_EIO
#define FAULT_CALL_FIRST FAULT_EIO
#define FAULT_CALL_END FAULT_FLIP

struct fault_kind {
    const char *name;
    const char *what;
    unsigned draws; /* How often it is tried at one place: more where chance decides. */
};

extern const struct fault_kind FAULTS[FAULT_COUNT];

/* FAULT_COUNT when no fault has this name. */
enum fault fault_find(const char *name);

#endif
