/*
 * cost.h - the terms of a match that grow with distance and time: shared by the check of a pair and
 * by the bounds of the index, so that a bound never exceeds what it bounds.
 */
#ifndef CORE_MATCH_COST_H
#define CORE_MATCH_COST_H

#include "core/match/match.h"

struct cost_terms {
    uint32_t kilometres;
    uint32_t days_late;
    uint32_t rank; /* Of a substitute. */
    bool other_region, other_country, not_recyclable;
};

/* At most COST_MAX. These are inline because a search asks them of everything that it passes. */
static inline uint32_t cost_of(const struct match_rules *rules, const struct cost_terms *terms)
{
    /* Each product is below 2^62, so the sum fits. */
    uint64_t cost = (uint64_t)rules->per_kilometre * terms->kilometres +
                    (uint64_t)rules->per_day_late * terms->days_late +
                    (terms->other_region ? rules->other_region : 0) +
                    (uint64_t)rules->per_substitute_rank * terms->rank +
                    (terms->other_country ? rules->other_country : 0) +
                    (terms->not_recyclable ? rules->not_recyclable : 0);
    return (uint32_t)min_u64(cost, COST_MAX);
}

/* The day on which goods that leave on day `leaving` arrive; DAY_NONE stays DAY_NONE. Days end with
 * DAY_MAX: what comes later is said to come then, so that it can be told. */
static inline int32_t cost_arrival(int32_t leaving, uint32_t kilometres)
{
    if (leaving == DAY_NONE) {
        return DAY_NONE;
    }
    int64_t days =
        kilometres < KILOMETRES_NEAR ? 0 : (kilometres + KILOMETRES_A_DAY - 1) / KILOMETRES_A_DAY;
    return (int32_t)min_i64(leaving + days, DAY_MAX);
}

/* The day on which goods made on `day` leave; DAY_NONE stays DAY_NONE. */
static inline int32_t cost_leaving(int32_t day, uint32_t lead_days)
{
    return day == DAY_NONE ? DAY_NONE : day + (int32_t)lead_days;
}

/* The later of two days, each put off by its lead days; DAY_NONE counts as no day. */
static inline int32_t cost_later(int32_t left, uint32_t left_lead, int32_t right,
                                 uint32_t right_lead)
{
    int32_t first = cost_leaving(left, left_lead);
    int32_t second = cost_leaving(right, right_lead);
    return first > second ? first : second; /* DAY_NONE lies before every day. */
}

/* How many days after `due` the day `arrival` is. */
static inline uint32_t cost_days_late(int32_t arrival, int32_t due)
{
    return due != DAY_NONE && arrival > due ? (uint32_t)(arrival - due) : 0;
}

/* Which units of the offer make a match: the lot, or the whole need when it is smaller. */
uint64_t cost_units_min(const struct market *market, const struct need *need);

#endif
