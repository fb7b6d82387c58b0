/*
 * faults.h - what may go wrong in a run: classes that are on or off, and single strikes.
 *
 * Each class draws from a stream of its own and each strike has a number within its class, so that
 * a failing run can be made smaller by leaving strikes out while the others stay what they were.
 */
#ifndef TESTS_SIM_FAULTS_H
#define TESTS_SIM_FAULTS_H

#include "core/base/memory.h"
#include "tests/sim/draw.h"

enum fault {
    FAULT_LOSS,           /* A message between roles, or to the gateway and back, gets lost. */
    FAULT_DUPLICATE,      /* It comes twice. */
    FAULT_DELAY,          /* It comes late. */
    FAULT_REORDER,        /* It overtakes others. */
    FAULT_GARBLE,         /* A bit of it changes on the way between roles. */
    FAULT_PARTITION,      /* Two do not hear each other for a while, or one not the other. */
    FAULT_BREAK,          /* A client's connection ends. */
    FAULT_CRASH,          /* A role ends at any time. */
    FAULT_CRASH_BEFORE,   /* ... when a batch has been handed over and nothing is written, */
    FAULT_CRASH_INSIDE,   /* ... inside the commit, between append and commit, */
    FAULT_CRASH_AFTER,    /* ... when it is durable and nobody knows. */
    FAULT_CRASH_RECOVERY, /* ... while it recovers. */
    FAULT_AMBIGUOUS,      /* A commit fails, and is durable or not. */
    FAULT_FULL,           /* A commit finds the disk full, */
    FAULT_LOW,            /* ... or intake does, ahead of it. */
    FAULT_FLIP,           /* A bit of a journal changes. */
    FAULT_TAIL,           /* A worker's journal is an older one again. */
    FAULT_PAUSE,          /* A role stands still for a while. */
    FAULT_CLOCK,          /* A role's clock is set. */
    FAULT_SLOW_DISK,      /* A commit takes long. */
    FAULT_SLOW_CLIENT,    /* A client does nothing for a while. */
    FAULT_CLIENT_CRASH,   /* A client forgets what it did not keep. */
    FAULT_CURSOR,         /* A client comes with a position of long ago, of the future. */
    FAULT_SAME_ID,        /* Two clients use one submission id. */
    FAULT_STOP,           /* A role is stopped in order and started again. */
    FAULT_RULES,          /* The gateway starts with another configuration. */
    FAULT_TWIN,           /* A second gateway runs over an older copy of the first one's journal. */
    FAULT_VERSION,        /* A role starts as a newer, or as an older, version of its program. */
    FAULT_COUNT,
};
extern const char *const FAULT_NAMES[FAULT_COUNT];

#define STRIKES_LEFT_OUT_MAX 4096

/* One run: everything that decides it. */
struct scenario {
    uint64_t seed;
    uint64_t fault_mask;  /* Classes that may be on; the seed says which of them are. */
    uint64_t strikes_max; /* In all, then there are none any more. */
    uint32_t client_max;
    uint32_t command_max; /* Of each client. */
    uint32_t *left_out;   /* Strikes by number, ascending; borrowed. */
    size_t left_out_count;
};

/* Everything on, no limits but the seed's. */
struct scenario scenario_of(uint64_t seed);

struct faults {
    const struct scenario *scenario;
    struct draw draws[FAULT_COUNT];
    bool is_on[FAULT_COUNT];
    uint64_t per_million[FAULT_COUNT]; /* Chance of a strike each time one may come. */
    uint64_t interval_us[FAULT_COUNT]; /* For those that come by themselves. */
    uint64_t counts[FAULT_COUNT];
    uint64_t strike_count;
    size_t left_out_next;
    bool is_calm; /* The last phase: nothing goes wrong any more. */
};

void faults_init(struct faults *faults, const struct scenario *scenario);

/* Whether a fault of this class comes now. */
bool fault_strikes(struct faults *faults, enum fault fault);

/* The same for one that has been planned: it comes unless it is left out. */
bool fault_comes(struct faults *faults, enum fault fault);

#endif
