/*
 * part.h - the parts of a problem of lots that share no offer and no need: for lots.c.
 */
#ifndef CORE_PLAN_PART_H
#define CORE_PLAN_PART_H

#include "core/plan/lots.h"

#define SMALL_PAIR_COUNT_MAX 32 /* Parts up to this size are searched beyond the first descent. */

struct part {
    struct lots_need *needs;
    size_t need_count;
    int64_t *offers;
    size_t offer_count;
    struct lots_pair *pairs; /* With the part's own indices; by need. */
    uint32_t *origins;       /* Index in the problem. */
    const int64_t *told;     /* Of the problem: by origin; NULL for none. */
    size_t pair_count;
    uint32_t *need_starts;  /* Pairs of need i: need_starts[i] to need_starts[i + 1]. */
    uint32_t *offer_starts; /* The same in `of_offer`, which holds indices of pairs. */
    uint32_t *of_offer;
    bool is_small;
    /* Scratch of searches for paths. */
    uint32_t *queue;   /* Of offers or needs, */
    uint32_t *arrived; /* and the pair by which each was reached. */
};

/* The part of each need and, behind them, of each offer, as the number of one of them. The caller
 * owns it (free). */
uint32_t *part_roots(const struct lots_problem *problem);

/* Room for so many pairs. */
void part_open(struct part *part, size_t pair_count);
void part_close(struct part *part);

/* Adds a pair of the problem, by ascending need. `numbers` maps the problem's offers to the part's,
 * plus 1; 0 is not met so far. */
void part_add(const struct lots_problem *problem, struct part *part, uint32_t *numbers,
              uint32_t origin);

/* After the last one: pairs by offer. */
void part_index_offers(struct part *part);

#endif
