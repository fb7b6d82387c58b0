/*
 * draw.h - chance, from a seed: SplitMix64 (Steele, Lea and Flood, 2014).
 *
 * Every part of a run draws from a stream of its own, so that one more draw in one part leaves
 * the others as they were.
 */
#ifndef TESTS_SIM_DRAW_H
#define TESTS_SIM_DRAW_H

#include <stdbool.h>
#include <stdint.h>

struct draw {
    uint64_t state;
};

static inline uint64_t draw_next(struct draw *draw)
{
    uint64_t value = draw->state += 0x9e3779b97f4a7c15u;

    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9u;
    value = (value ^ (value >> 27)) * 0x94d049bb133111ebu;
    return value ^ (value >> 31);
}

/* A stream of its own for part number `part` of run `seed`. */
static inline struct draw draw_of(uint64_t seed, uint64_t part)
{
    struct draw draw = {.state = seed * 0xd1342543de82ef95u + part * 0xaf251af3b0f025b5u};

    draw.state = draw_next(&draw);
    return draw;
}

/* Below `bound`, which is at least 1. */
static inline uint64_t draw_below(struct draw *draw, uint64_t bound)
{
    return draw_next(draw) % bound;
}

/* Between `low` and `high`, both included. */
static inline uint64_t draw_between(struct draw *draw, uint64_t low, uint64_t high)
{
    return low + draw_below(draw, high - low + 1);
}

static inline bool draw_chance(struct draw *draw, uint64_t per_million)
{
    return draw_below(draw, 1000000) < per_million;
}

/* Between `low` (at least 1) and `high` with a heavy tail: every doubling is as likely as the
 * next. */
static inline uint64_t draw_tail(struct draw *draw, uint64_t low, uint64_t high)
{
    uint64_t top = low;

    while (top < high && draw_below(draw, 3) != 0) {
        top *= 2;
    }
    return draw_between(draw, low, top < high ? top : high);
}

#endif
