/*
 * round.h - what the plan proposes becomes final at once: for decisions by rounds, offline.
 *
 * What is proposed keeps to lots. It is committed as if both parties had accepted it, and the next
 * settle fits the rest around it.
 */
#ifndef CORE_PLAN_ROUND_H
#define CORE_PLAN_ROUND_H

#include "core/plan/plan.h"

struct plan_decision {
    uint32_t need, offer;
    uint64_t assignment; /* Its number. */
    int64_t units;
    uint32_t cost, kilometres;
    int32_t day;        /* By which it is made; DAY_NONE for a stock. */
    bool fills_need;    /* Nothing is left to serve, */
    bool empties_offer; /* or to give. */
};

struct plan_round {
    struct plan_decision *decisions;
    size_t count;
    size_t capacity;
};

/* Commits what is proposed among `numbers`, assignments that changed since the round before, and
 * fills `round`, which the caller owns (plan_round_deinit), by ascending (need, offer). The plan is
 * settled before and not after. */
void plan_round(struct plan *plan, const uint64_t *numbers, size_t count, struct plan_round *round);
void plan_round_deinit(struct plan_round *round);

#endif
