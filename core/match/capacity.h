/*
 * capacity.h - what an offer can give, from what was put and what was reported since.
 *
 * Reports are kept as stretches of days, ordered and apart. A report replaces the rate of the days
 * that it covers, except where a more trusted source has spoken. A stock is a line of
 * one day: its units are the rate of that day.
 */
#ifndef CORE_MATCH_CAPACITY_H
#define CORE_MATCH_CAPACITY_H

#include "core/match/market.h"

#define CAPACITY_STRETCH_COUNT_MAX 64 /* Per offer; a report beyond it is OUTCOME_STATE. */

struct capacity_stretch {
    int32_t from, to; /* Both included. */
    uint64_t per_day;
    uint8_t source; /* enum capacity_source */
};

struct capacity_reports {
    uint64_t numbers[SOURCE_ADAPTER + 1]; /* The last one of each source; 0 = none. */
    struct capacity_stretch *stretches;
    size_t count;
    size_t capacity;
};

/* OUTCOME_CHANGED when the offer is another one now; OUTCOME_UNCHANGED, OUTCOME_STALE or
 * OUTCOME_STATE when it is as before. */
enum outcome capacity_report(struct offer *offer, const struct capacity_put *put, int32_t today);

/* Counts anew after `offer` was put. `is_declared`: its units changed, which replaces what was
 * declared about them before. */
void capacity_renew(struct offer *offer, int32_t today, bool is_declared);

/* Derives `source` and `source_number`, after a restore. */
void capacity_name_source(struct offer *offer);

/* Room for the reports of `offer`, which then owns it (capacity_release). */
struct capacity_reports *capacity_take(struct offer *offer);
void capacity_release(struct offer *offer);

#endif
