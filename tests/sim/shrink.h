/*
 * shrink.h - a failing run made small, and small runs kept in files.
 *
 * A file holds what decides a run, one word and its value a line:
 *
 *     # what it showed
 *     seed 42
 *     faults loss,crash        the classes that may be on
 *     strikes 17               faults in all
 *     clients 2
 *     commands 9               of each client
 *     without 3,5,11           strikes left out
 */
#ifndef TESTS_SIM_SHRINK_H
#define TESTS_SIM_SHRINK_H

#include "tests/sim/sim.h"

/* A run in a process of its own: one that breaks a promise may leave anything behind, or never
 * end. */
void run_apart(const struct scenario *scenario, struct outcome_of_run *outcome);

/* Makes `*scenario`, which fails with `problem`, smaller as long as it fails the same way. The
 * caller owns `scenario->left_out` (free). */
void shrink(struct scenario *scenario, const char *problem);

MUST_USE bool scenario_write(const struct scenario *scenario, const char *problem,
                             const char *path);
MUST_USE bool scenario_read(const char *path, struct scenario *scenario);

#endif
