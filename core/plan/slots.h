/*
 * slots.h - which sources of the flow are the days of which offer.
 *
 * An offer has a range of slots. The last one, the tail, holds all days that have no slot of their
 * own, the offer's last day among them; a stock has nothing but a tail. The others form a ring: the
 * slot of a day is the day's remainder, so a slot whose day has passed serves the day that leaves
 * the tail, and no other slot moves.
 *
 *     days 7 to 20, 4 slots:      on day 7   [ 9 | 7 | 8 | 10 to 20 ]
 *                                 on day 8   [ 9 |10 | 8 | 11 to 20 ]
 */
#ifndef CORE_PLAN_SLOTS_H
#define CORE_PLAN_SLOTS_H

#include "core/base/calendar.h"
#include "core/base/memory.h"

#define SLOT_COUNT_MAX 64 /* Of an offer. */
#define SLOT_TOTAL_MAX ((uint32_t)1 << 26)
#define SLOT_NONE UINT32_MAX

struct slot_range {
    uint32_t first; /* Number of a slot. */
    uint32_t count; /* 0: none. */
};

/* Days that an offer has left. Of a stock DAY_NONE twice. */
struct slot_days {
    int32_t first, last;
};

struct slots {        /* Zero is: none taken. */
    uint32_t *owners; /* Of each slot, SLOT_NONE for none. */
    size_t owner_capacity;
    uint32_t end; /* Behind the highest one that is taken. */
    uint32_t used;
    struct slot_range *gaps; /* Ascending, apart, and all below `end`. */
    size_t gap_count, gap_capacity;
};

/* Takes `wanted` slots in a row, the lowest ones there are, for `owner`; only one when that would
 * make more than `total_max`, so that there is always a slot for every offer. One alone comes
 * behind all others: among equals the flow prefers the lower number, so older stocks go first. */
struct slot_range slots_take(struct slots *slots, uint32_t owner, uint32_t wanted,
                             uint32_t total_max);

/* Takes exactly this range again, after a restore. False when some of it is taken or it makes no
 * sense. slots_find_gaps comes after the last one, before anything else. */
bool slots_take_again(struct slots *slots, uint32_t owner, struct slot_range range);
void slots_find_gaps(struct slots *slots);

void slots_release(struct slots *slots, struct slot_range range);
uint32_t slots_owner(const struct slots *slots, uint32_t slot);
void slots_deinit(struct slots *slots);

/* How many slots these days want: one each, at most `count_max`. */
uint32_t slot_count_wanted(struct slot_days days, uint32_t count_max);

/* The days by their order, from 0: places. Place i is the i-th day from `days.first` on; the last
 * place is the tail. */
uint32_t slot_place_count(struct slot_range range, struct slot_days days);
uint32_t slot_at(struct slot_range range, struct slot_days days, uint32_t place);
int32_t slot_first_day(struct slot_range range, struct slot_days days, uint32_t place);
int32_t slot_last_day(struct slot_range range, struct slot_days days, uint32_t place);

/* The place that a slot has, or SLOT_NONE when it serves none of the days. */
uint32_t slot_place(struct slot_range range, struct slot_days days, uint32_t slot);

/* The last place whose days are all up to `day`, SLOT_NONE when there is none. */
uint32_t slot_place_until(struct slot_range range, struct slot_days days, int32_t day);

#endif
