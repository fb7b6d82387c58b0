/*
 * expiry.h - which numbered things end first.
 *
 * A thing has at most one last day. They come out by ascending (day, number), whatever the order
 * they were set in.
 */
#ifndef CORE_MATCH_EXPIRY_H
#define CORE_MATCH_EXPIRY_H

#include "core/base/calendar.h"
#include "core/base/memory.h"

struct expiry_entry {
    int32_t day;
    uint32_t number;
};

struct expiry { /* Zero is an empty one. */
    struct expiry_entry *heap;
    size_t count;
    size_t heap_capacity;
    uint32_t *places; /* By number: index in the heap + 1, or 0. */
    size_t place_capacity;
};

/* Sets, moves, or with DAY_NONE removes the last day of `number`. */
void expiry_set(struct expiry *expiry, uint32_t number, int32_t day);

/* Takes out the first one whose last day is before `today`, if there is one. */
bool expiry_take(struct expiry *expiry, int32_t today, uint32_t *number);

void expiry_deinit(struct expiry *expiry);

#endif
