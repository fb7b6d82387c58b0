/*
 * ripple.h - what one unit more or less of a source would set off, exactly, before it happens.
 *
 * A unit taken from a source is made up for by sinks that move from one source to another, until a
 * source has a unit left or a sink gives one up. A unit added lets sinks move the other way, until
 * a sink takes it. Such a sequence of moves is a ripple; here are the cheapest ones, for all
 * sources that were asked for at once. They say what no price alone can: who would lose or gain,
 * and by how much the objective changes for the next unit in either direction (a price lies
 * anywhere between the two).
 *
 * The flow is settled and stays as it is; the ripples keep nothing of it.
 */
#ifndef CORE_FLOW_RIPPLE_H
#define CORE_FLOW_RIPPLE_H

#include "core/flow/flow.h"

enum ripple_kind {
    RIPPLE_TAKEN, /* The source has one unit less. */
    RIPPLE_ADDED, /* It has one unit more. */
};

enum ripple_end {
    RIPPLE_IMPOSSIBLE, /* Nobody can give a unit up. */
    RIPPLE_FREE,       /* Taken: `source` has a unit left. Added: it keeps one, nobody wants it. */
    RIPPLE_SINK,       /* `sink` has one unit less, or more, of `source`. */
    RIPPLE_SPARED,     /* The unit spared at `source`, see below. */
};

/* The objective changes by weight + cost when a unit is taken, by cost - weight when it is added.
 */
struct ripple {
    enum ripple_end end;
    uint32_t source;
    uint32_t sink;
    int64_t weight; /* Of the unit lost or won; 0 unless a sink is the end. */
    int64_t cost;   /* Of all moves, what is paid less what is saved; may be negative. */
};

/* A unit of `sink` comes from `to` instead of `from`. With FLOW_NONE a unit waits: one that `from`
 * lacks comes out of what waited, or one more of `to` waits, or does so no longer. */
struct ripple_move {
    uint32_t sink;
    uint32_t from;
    uint32_t to;
};

struct ripple_question {
    enum ripple_kind kind;
    const uint32_t *sources; /* Whose ripples are wanted; NULL: everybody's. */
    size_t source_count;
    uint32_t still; /* A sink whose flow stays as it is, or FLOW_NONE. */
    /* Taken: this source, unless FLOW_NONE, has one unit to spare, and using it forgoes `worth`:
     * what an added unit would save there. Counted neither in weight nor in cost. */
    uint32_t spared;
    int64_t worth;
};

struct ripples;

/* The caller owns `*ripples`. Takes time in proportion to the arcs that ripples can run along. */
void ripples_open(struct flow *flow, const struct ripple_question *question,
                  struct ripples **ripples);
void ripples_close(struct ripples *ripples);

/* The cheapest ripple of the source. One that ends at the sink `other_than` does not count: to take
 * a unit from the one who asks for it is no answer. FLOW_NONE: every end counts. */
struct ripple ripples_get(const struct ripples *ripples, uint32_t source, uint32_t other_than);

/* Writes its moves from `source` on, at most `room`; returns how many there are. */
size_t ripples_moves(const struct ripples *ripples, uint32_t source, uint32_t other_than,
                     struct ripple_move *moves, size_t room);

#endif
