/*
 * names.h - text ids as small numbers, and back.
 *
 * A name gets the next number, from 0, the first time it is added. Numbers depend
 * on the order of adding alone, so the same entries give the same numbers.
 */
#ifndef CORE_BASE_NAMES_H
#define CORE_BASE_NAMES_H

#include "core/base/memory.h"

#define NAME_NONE UINT32_MAX

struct names {
    struct buffer text; /* Every name, one behind the other. */
    uint32_t *ends;     /* Where name i ends in `text`, which holds less than 4 GB. */
    size_t ends_capacity;
    uint32_t count;
    uint64_t *slots; /* Open addressing: half of the hash, then number + 1; or 0. */
    size_t slot_count;
};

/* The number of `name`, or NAME_NONE. */
uint32_t names_find(const struct names *names, struct bytes name);

/* The number of `name`, added when it is new (then it equals the old count). */
uint32_t names_add(struct names *names, struct bytes name);

/* Borrowed until the next names_add. */
struct bytes names_text(const struct names *names, uint32_t number);

/* The known name that is nearest to `name` by edits (insert, drop, change, swap), when
 * at most `distance_max` apart; else NAME_NONE. Slow: for error messages. */
uint32_t names_nearest(const struct names *names, struct bytes name, uint32_t distance_max);

/* Edits between two texts; texts beyond 64 bytes count as far apart (UINT32_MAX). */
uint32_t text_distance(struct bytes left, struct bytes right);

void names_deinit(struct names *names);

#endif
