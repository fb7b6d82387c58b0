/*
 * marks.h - a set of numbers that is filled, walked in order and emptied again and again.
 *
 * Zero is an empty set. Emptying costs what was in it, not what could be.
 */
#ifndef CORE_PLAN_MARKS_H
#define CORE_PLAN_MARKS_H

#include "core/base/memory.h"

struct marks {
    uint32_t *items; /* In the order of adding, ascending after marks_sort. */
    size_t count;
    size_t capacity;
    uint8_t *is_in;
    size_t is_in_capacity;
};

void marks_add(struct marks *marks, uint32_t number);
bool marks_has(const struct marks *marks, uint32_t number);
void marks_sort(struct marks *marks);
void marks_clear(struct marks *marks);
void marks_deinit(struct marks *marks);

#endif
