/*
 * flow_lemon.h - the networks of flow_instance.h solved with LEMON's NetworkSimplex, to compare
 * core/flow with.
 */
#ifndef TESTS_BENCH_SUPPORT_FLOW_LEMON_H
#define TESTS_BENCH_SUPPORT_FLOW_LEMON_H

#include "core/flow/flow.h"
#include "tests/bench/support/flow_instance.h"

/* Solves it as one network or, when `split`, each connected component by itself. Stops the process
 * when LEMON finds no solution. */
void flow_lemon_solve(const struct flow_instance *instance, bool split,
                      struct flow_objective *objective);

#endif
