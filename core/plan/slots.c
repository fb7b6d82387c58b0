#include "core/plan/slots.h"

#include <stdlib.h>
#include <string.h>

static void set_owner(struct slots *slots, struct slot_range range, uint32_t owner)
{
    for (uint32_t i = 0; i < range.count; i++) {
        slots->owners[range.first + i] = owner;
    }
}

static void insert_gap(struct slots *slots, size_t at, struct slot_range gap)
{
    GROW(slots->gaps, slots->gap_capacity, slots->gap_count + 1);
    memmove(&slots->gaps[at + 1], &slots->gaps[at], (slots->gap_count - at) * sizeof gap);
    slots->gaps[at] = gap;
    slots->gap_count++;
}

static void remove_gap(struct slots *slots, size_t at)
{
    slots->gap_count--;
    memmove(&slots->gaps[at], &slots->gaps[at + 1],
            (slots->gap_count - at) * sizeof slots->gaps[0]);
}

/* The first gap behind `slot`, by bisection. */
static size_t gap_behind(const struct slots *slots, uint32_t slot)
{
    size_t low = 0;
    size_t high = slots->gap_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (slots->gaps[middle].first > slot) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return low;
}

static uint32_t take_from_gap(struct slots *slots, size_t at, uint32_t count)
{
    struct slot_range *gap = &slots->gaps[at];
    uint32_t first = gap->first;

    gap->first += count;
    gap->count -= count;
    if (gap->count == 0) {
        remove_gap(slots, at);
    }
    return first;
}

static uint32_t take_from_end(struct slots *slots, uint32_t count)
{
    uint32_t first = slots->end;

    slots->end += count;
    GROW(slots->owners, slots->owner_capacity, slots->end);
    return first;
}

struct slot_range slots_take(struct slots *slots, uint32_t owner, uint32_t wanted,
                             uint32_t total_max)
{
    struct slot_range range = {.count = wanted};
    size_t at = 0;

    ENSURE(wanted > 0);
    if (slots->used >= total_max || wanted > total_max - slots->used) {
        range.count = 1;
    }
    if (range.count == 1) {
        at = slots->gap_count;
    }
    while (at < slots->gap_count && slots->gaps[at].count < range.count) {
        at++;
    }
    range.first = at < slots->gap_count ? take_from_gap(slots, at, range.count)
                                        : take_from_end(slots, range.count);
    slots->used += range.count;
    set_owner(slots, range, owner);
    return range;
}

bool slots_take_again(struct slots *slots, uint32_t owner, struct slot_range range)
{
    uint64_t end = (uint64_t)range.first + range.count;

    if (range.count == 0) {
        return true;
    }
    if (range.count > SLOT_COUNT_MAX || end > 2 * (uint64_t)SLOT_TOTAL_MAX) {
        return false;
    }
    if (end > slots->end) {
        GROW(slots->owners, slots->owner_capacity, end);
        for (; slots->end < end; slots->end++) {
            slots->owners[slots->end] = SLOT_NONE;
        }
    }
    for (uint32_t i = 0; i < range.count; i++) {
        if (slots->owners[range.first + i] != SLOT_NONE) {
            return false;
        }
    }
    slots->used += range.count;
    set_owner(slots, range, owner);
    return true;
}

void slots_find_gaps(struct slots *slots)
{
    slots->gap_count = 0;
    for (uint32_t i = 0; i < slots->end; i++) {
        struct slot_range *last = slots->gap_count == 0 ? NULL : &slots->gaps[slots->gap_count - 1];
        if (slots->owners[i] != SLOT_NONE) {
            continue;
        }
        if (last != NULL && last->first + last->count == i) {
            last->count++;
        } else {
            insert_gap(slots, slots->gap_count, (struct slot_range){.first = i, .count = 1});
        }
    }
}

void slots_release(struct slots *slots, struct slot_range range)
{
    if (range.count == 0) {
        return;
    }
    size_t at = gap_behind(slots, range.first);
    struct slot_range *before = at == 0 ? NULL : &slots->gaps[at - 1];

    set_owner(slots, range, SLOT_NONE);
    slots->used -= range.count;
    if (before != NULL && before->first + before->count == range.first) {
        before->count += range.count;
        at--;
    } else {
        insert_gap(slots, at, range);
    }
    struct slot_range *gap = &slots->gaps[at];
    if (at + 1 < slots->gap_count && gap->first + gap->count == slots->gaps[at + 1].first) {
        gap->count += slots->gaps[at + 1].count;
        remove_gap(slots, at + 1);
    }
    if (gap->first + gap->count == slots->end) {
        slots->end = gap->first;
        slots->gap_count--;
    }
}

uint32_t slots_owner(const struct slots *slots, uint32_t slot)
{
    return slot < slots->end ? slots->owners[slot] : SLOT_NONE;
}

void slots_deinit(struct slots *slots)
{
    free(slots->owners);
    free(slots->gaps);
    *slots = (struct slots){0};
}

/* Days. */

static uint32_t day_count(struct slot_days days)
{
    return days.first > days.last ? 0 : (uint32_t)((int64_t)days.last - days.first + 1);
}

uint32_t slot_count_wanted(struct slot_days days, uint32_t count_max)
{
    return (uint32_t)min_u64(max_u64(day_count(days), 1), count_max);
}

uint32_t slot_place_count(struct slot_range range, struct slot_days days)
{
    return (uint32_t)min_u64(day_count(days), range.count);
}

uint32_t slot_at(struct slot_range range, struct slot_days days, uint32_t place)
{
    ENSURE(place < slot_place_count(range, days));
    if (place + 1 == slot_place_count(range, days)) {
        return range.first + range.count - 1;
    }
    return range.first + (uint32_t)(days.first + (int32_t)place) % (range.count - 1);
}

int32_t slot_first_day(struct slot_range range, struct slot_days days, uint32_t place)
{
    ENSURE(place < slot_place_count(range, days));
    return days.first == DAY_NONE ? DAY_NONE : days.first + (int32_t)place;
}

int32_t slot_last_day(struct slot_range range, struct slot_days days, uint32_t place)
{
    bool is_tail = place + 1 == slot_place_count(range, days);

    return is_tail ? days.last : slot_first_day(range, days, place);
}

uint32_t slot_place(struct slot_range range, struct slot_days days, uint32_t slot)
{
    uint32_t count = slot_place_count(range, days);
    uint32_t index = slot - range.first;

    if (count == 0 || index >= range.count) {
        return SLOT_NONE;
    }
    if (index + 1 == range.count) {
        return count - 1;
    }
    uint32_t turn = range.count - 1;
    uint32_t place = (index + turn - (uint32_t)days.first % turn) % turn;
    return place + 1 < count ? place : SLOT_NONE;
}

uint32_t slot_place_until(struct slot_range range, struct slot_days days, int32_t day)
{
    uint32_t count = slot_place_count(range, days);

    if (count == 0 || day < days.first) {
        return SLOT_NONE;
    }
    if (day >= days.last) {
        return count - 1;
    }
    /* The tail ends too late; without another place there is none. */
    int64_t place = min_i64((int64_t)day - days.first, (int64_t)count - 2);
    return place < 0 ? SLOT_NONE : (uint32_t)place;
}
