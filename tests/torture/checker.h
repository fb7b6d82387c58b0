/*
 * checker.h - opens what a fault left with the real journal and compares it with what was promised.
 */
#ifndef TESTS_TORTURE_CHECKER_H
#define TESTS_TORTURE_CHECKER_H

#include "tests/torture/script.h"
#include "tests/torture/trace.h"

#define PROBLEM_SIZE 256

/* What the process had said when the fault came. */
struct expectation {
    bool is_opened;
    uint64_t epoch;      /* Of the journal that was opened. */
    size_t acknowledged; /* Steps. */
    size_t begun;        /* Steps, at most one more. */
};

void expectation_take(struct expectation *expectation, const struct record *mark);

/* False when a promise is broken; `problem` then says which. What is in `directory` is used up:
 * the journal is opened for writing, goes on, and is verified again. */
bool check_left(const struct script *script, const struct expectation *expectation,
                const char *directory, char problem[PROBLEM_SIZE]);

/* Reads everything. STATUS_OK when it is what `state` says, STATUS_INVALID with `problem` when
 * something else was handed out as good, STATUS_CORRUPT or another when the journal refused. */
MUST_USE enum status check_contents(struct journal *journal, const struct state *state,
                                    char problem[PROBLEM_SIZE]);

#endif
