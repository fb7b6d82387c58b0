/*
 * sort.h - sorting many things by one number, in time proportional to their count.
 */
#ifndef CORE_BASE_SORT_H
#define CORE_BASE_SORT_H

#include "core/base/base.h"

struct keyed { /* Something known by a number. */
    uint64_t key;
    uint32_t number;
};

/* By ascending key; of equal keys the one that stood first stays first. `scratch` has room for as
 * many and is left with anything. */
void keyed_sort(struct keyed *items, struct keyed *scratch, size_t count);

#endif
