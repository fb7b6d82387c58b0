/*
 * lots.h - no assignment smaller than a lot, unless it completes its need (design 5.2).
 *
 * The flow knows no lots: it may cut an offer into pieces too small to ship. The repair takes a
 * proposed set of assignments and gives one that keeps to lots: a fragment grows to a lot, is moved
 * to an offer that serves the need already, completes its need, or is given up and its units are
 * offered again. It gives as many units as it finds a way to, higher classes first. A pure function
 * of its arguments.
 */
#ifndef CORE_PLAN_LOTS_H
#define CORE_PLAN_LOTS_H

#include "core/base/memory.h"

struct lots_need {
    int64_t rest; /* Units it may get, what is proposed included. */
    int64_t lot;  /* At least 1. */
    uint8_t class_number;
};

struct lots_pair {        /* A match. */
    uint32_t need, offer; /* Indices of the problem. */
    uint32_t cost;
    int64_t units; /* In: what is proposed, or 0. Out: what is given. */
};

struct lots_problem {
    const struct lots_need *needs;
    size_t need_count;
    const int64_t *offers; /* Units that each may give, what is proposed included. */
    size_t offer_count;
    struct lots_pair *pairs; /* By ascending need. */
    size_t pair_count;
    const int64_t *told; /* By pair: what people know. Among equals it stays; NULL for none. */
};

/* Afterwards every need has at most one assignment smaller than its lot, and only when it gets all
 * its rest. Units are at most what offers have and needs want. */
void lots_repair(const struct lots_problem *problem);

/* How many assignments are too small. */
size_t lots_count_fragments(const struct lots_problem *problem);

#endif
