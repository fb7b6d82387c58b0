/*
 * expiry.c - a binary heap that knows where each number stands (Williams, 1964).
 */
#include "core/match/expiry.h"

#include <stdlib.h>

static bool is_before(struct expiry_entry left, struct expiry_entry right)
{
    return left.day != right.day ? left.day < right.day : left.number < right.number;
}

static void place(struct expiry *expiry, size_t index, struct expiry_entry entry)
{
    expiry->heap[index] = entry;
    expiry->places[entry.number] = (uint32_t)index + 1;
}

/* Puts `entry` where it belongs, from the hole at `index` up or down. */
static void settle(struct expiry *expiry, size_t index, struct expiry_entry entry)
{
    while (index > 0 && is_before(entry, expiry->heap[(index - 1) / 2])) {
        place(expiry, index, expiry->heap[(index - 1) / 2]);
        index = (index - 1) / 2;
    }
    for (size_t child = 2 * index + 1; child < expiry->count; child = 2 * index + 1) {
        if (child + 1 < expiry->count && is_before(expiry->heap[child + 1], expiry->heap[child])) {
            child++;
        }
        if (is_before(entry, expiry->heap[child])) {
            break;
        }
        place(expiry, index, expiry->heap[child]);
        index = child;
    }
    place(expiry, index, entry);
}

static void remove_at(struct expiry *expiry, size_t index)
{
    expiry->places[expiry->heap[index].number] = 0;
    struct expiry_entry last = expiry->heap[--expiry->count];
    if (index < expiry->count) {
        settle(expiry, index, last);
    }
}

void expiry_set(struct expiry *expiry, uint32_t number, int32_t day)
{
    uint32_t taken = number < expiry->place_capacity ? expiry->places[number] : 0;

    if (day == DAY_NONE) {
        if (taken != 0) {
            remove_at(expiry, taken - 1);
        }
        return;
    }
    if (taken == 0) {
        GROW(expiry->places, expiry->place_capacity, (size_t)number + 1);
        GROW(expiry->heap, expiry->heap_capacity, expiry->count + 1);
        taken = (uint32_t)++expiry->count;
    }
    settle(expiry, taken - 1, (struct expiry_entry){.day = day, .number = number});
}

bool expiry_take(struct expiry *expiry, int32_t today, uint32_t *number)
{
    if (expiry->count == 0 || expiry->heap[0].day >= today) {
        return false;
    }
    *number = expiry->heap[0].number;
    remove_at(expiry, 0);
    return true;
}

void expiry_deinit(struct expiry *expiry)
{
    free(expiry->heap);
    free(expiry->places);
    *expiry = (struct expiry){0};
}
