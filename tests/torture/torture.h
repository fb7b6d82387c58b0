/*
 * torture.h - what images.c, flips.c and calls.c share: a place, children to look, figures.
 */
#ifndef TESTS_TORTURE_TORTURE_H
#define TESTS_TORTURE_TORTURE_H

#include "tests/torture/checker.h"
#include "tests/torture/disk.h"

#include <limits.h>

struct figures {
    uint64_t count[FAULT_COUNT];   /* How often each fault was brought about. */
    uint64_t images;               /* States of the disk after a power cut. */
    uint64_t calls;                /* Runs with a bad call. */
    uint64_t scripts;              /* Seeds that were recorded. */
    uint64_t unused, found, ended; /* Flips: in unused space; refused; by the end of the reader. */
    uint64_t fallen_back;          /* Flips that brought the state of the commit before. */
    uint64_t violations;
};

struct torture {
    const char *programs; /* Directory of workload and recorder. */
    char place[PATH_MAX / 2];
    char left[PATH_MAX];  /* Where images go; emptied for each. */
    char count[PATH_MAX]; /* The recorder's count of calls. */
    enum lie lie;
    bool acknowledges_early; /* Planted: what is begun counts as acknowledged. */
    struct figures figures;
    struct buffer problems; /* The first violations, a line each. */
};

void torture_open(struct torture *torture, const char *programs);
void torture_close(struct torture *torture);
void torture_clear(const char *directory); /* Empties it, or makes it. */

/* Counts a broken promise; the first ones are kept for the report. */
void PRINTF_LIKE(2, 3) torture_violated(struct torture *torture, const char *format, ...);

bool torture_is_over(const struct torture *torture); /* Enough is broken. */

/* Calls `look(context, index, problem)` for each index below `count`, in children, since a
 * damaged file can end who reads it. `told` hears of each how it went: the child's answer, or
 * -signal. */
typedef int (*torture_look)(void *context, unsigned index, char problem[PROBLEM_SIZE]);
typedef void (*torture_told)(void *context, unsigned index, int answer, const char *problem);
void torture_apart(unsigned count, torture_look look, torture_told told, void *context);

/* Runs the workload in torture->left, recorded in `trace` ("TORTURE_FAULT" as `fault`, NULL for
 * none). Gives its exit status, 128 and the signal when one ended it. */
int torture_run(const struct torture *torture, const struct script *script, const char *fault,
                const char *trace);
uint64_t torture_calls(const struct torture *torture); /* How many calls that one made. */

/* images.c: cuts the power after every call of one script. `image_max` bounds the images. */
void torture_cut(struct torture *torture, uint64_t seed, size_t step_count, uint64_t image_max);
/* The same after the calls of a trace, at its end alone. */
void torture_cut_end(struct torture *torture, const struct script *script, const char *trace);

/* calls.c: each fault of a call, at every `stride`-th call of a script. */
void torture_fail_calls(struct torture *torture, uint64_t seed, size_t step_count, uint64_t stride);

/* flips.c: flips one bit of every `stride`-th byte of a small journal. */
void torture_flip(struct torture *torture, uint64_t seed, size_t step_count, uint64_t stride);

/* planted.c: plants one bug after another, those in the journal where the build has them. */
struct planted_figures {
    uint64_t planted;
    uint64_t found;
};
void torture_find_planted(const char *programs, bool has_mutants, struct planted_figures *figures);

#endif
