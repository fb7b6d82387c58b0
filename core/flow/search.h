/*
 * search.h - what the two searches have in common: keys, the heap, the marks of reached sources.
 *
 * A key is a distance and, below it, the number of steps of the shortest way there. Keys compare
 * as plain integers, so among ways of equal cost the one that disturbs the fewest wins, and the
 * steps give the levels along which units are then pushed (as in Dinic's algorithm).
 */
#ifndef CORE_FLOW_SEARCH_H
#define CORE_FLOW_SEARCH_H

#include "core/flow/network.h"

#define STEP_BITS 16
#define STEP_MAX (((int64_t)1 << STEP_BITS) - 1)

/* Weights are below 2^45, and so are prices and distances: their sums shifted stay below 2^63. */
static_assert(FLOW_WEIGHT_STEP * FLOW_LEVEL_MAX <= (int64_t)1 << 44, "keys do not overflow");

static inline int64_t key_of(int64_t distance)
{
    return distance * (STEP_MAX + 1);
}

static inline int64_t key_distance(int64_t key)
{
    return key >> STEP_BITS;
}

static inline int64_t key_steps(int64_t key)
{
    return key & STEP_MAX;
}

/* One step further at no cost. Beyond STEP_MAX steps only the levels lose their sense, not the
 * distances. */
static inline int64_t key_next(int64_t key)
{
    return key_steps(key) < STEP_MAX ? key + 1 : key;
}

/* Where chains may end, as far as a search knows. */
struct ends {
    int64_t best;   /* Key of the nearest. */
    int64_t limit;  /* Keys beyond cannot matter. */
    uint32_t count; /* Ends seen at that distance. With a single one, looking for a second path
                     * before the next search seldom pays. */
};

static inline struct ends ends_below(int64_t key)
{
    return (struct ends){.best = key, .limit = key - 1};
}

static inline void note_end(struct ends *ends, int64_t key)
{
    if (key > ends->limit) {
        return;
    }
    ends->count = key_distance(key) < key_distance(ends->best) ? 1 : ends->count + 1;
    if (key < ends->best) {
        ends->best = key;
        ends->limit = key | STEP_MAX;
    }
}

/* Whether a key is shorter than the node's and within the limit: one comparison, since a search
 * makes more than a thousand that mostly fail. */
static inline bool is_shorter(int64_t key, const struct node *node, int64_t limit)
{
    return key <= min_i64(node->key - 1, limit);
}

/* Notes a shorter way to `source`. The caller has compared the keys. */
void search_reach(struct flow *flow, uint32_t source, int64_t key);
/* Takes the nearest source not expanded yet, when its key is below `limit`. */
bool search_next(struct flow *flow, int64_t limit, uint32_t *source);
/* Forgets the marks. */
void search_end(struct flow *flow);

struct step *path_push(struct flow *flow, uint32_t source);

/* How many units a step of a path has room for, and the step: through the sink, which takes from
 * the source that gives more and not from the one that gives less, or along a waiting arc. */
int64_t step_room(const struct flow *flow, uint32_t sink, uint32_t more, uint32_t less);
void step_move(struct flow *flow, uint32_t sink, uint32_t more, uint32_t less, int64_t units);

/* Whether a chain may go on from one source to the other, when there is no slack in between. */
static inline bool is_one_further(const struct node *node, const struct node *next)
{
    return next->key != KEY_NONE && key_steps(next->key) == key_steps(node->key) + 1;
}

enum found { FOUND_NOTHING, FOUND_SOURCE, FOUND_END };

#endif
