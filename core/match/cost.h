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

/* At most COST_MAX. */
uint32_t cost_of(const struct match_rules *rules, const struct cost_terms *terms);

/* The day on which goods that leave on day `leaving` arrive; DAY_NONE stays DAY_NONE. Days end with
 * DAY_MAX: what comes later is said to come then, so that it can be told. */
int32_t cost_arrival(int32_t leaving, uint32_t kilometres);

/* The day on which goods made on `day` leave; DAY_NONE stays DAY_NONE. */
int32_t cost_leaving(int32_t day, uint32_t lead_days);

/* The later of two days, each put off by its lead days; DAY_NONE counts as no day. */
int32_t cost_later(int32_t left, uint32_t left_lead, int32_t right, uint32_t right_lead);

/* How many days after `due` the day `arrival` is. */
uint32_t cost_days_late(int32_t arrival, int32_t due);

/* Which units of the offer make a match: the lot, or the whole need when it is smaller. */
uint64_t cost_units_min(const struct market *market, const struct need *need);

#endif
