/*
 * names.c - a hash table over one text buffer.
 *
 * Slots are probed in a line (Knuth, TAOCP 3, 6.4, algorithm L) and doubled at
 * two thirds full. Names are never removed.
 */
#include "core/base/names.h"

#include <stdlib.h>
#include <string.h>

#define SLOT_COUNT_MIN 64
#define DISTANCE_SIZE_MAX 64
#define HASH_HALF 0xffffffff00000000u

struct bytes names_text(const struct names *names, uint32_t number)
{
    ENSURE(number < names->count);
    size_t start = number == 0 ? 0 : names->ends[number - 1];
    return (struct bytes){.data = names->text.data + start, .size = names->ends[number] - start};
}

static uint32_t number_in(uint64_t slot)
{
    return (uint32_t)slot - 1;
}

static uint64_t make_slot(uint64_t hash, uint32_t number)
{
    return (hash & HASH_HALF) | (number + 1);
}

/* The slot that holds `name`, or the free one where it belongs. Texts are read only when half of
 * their hash is the same: each would be a cache miss. */
static size_t find_slot(const struct names *names, struct bytes name, uint64_t hash)
{
    size_t mask = names->slot_count - 1;
    size_t at = (size_t)hash & mask;

    for (uint64_t slot = names->slots[at]; slot != 0; slot = names->slots[at]) {
        if (((slot ^ hash) & HASH_HALF) == 0 &&
            bytes_equal(names_text(names, number_in(slot)), name)) {
            break;
        }
        at = (at + 1) & mask;
    }
    return at;
}

static void grow_slots(struct names *names)
{
    size_t count = names->slot_count == 0 ? SLOT_COUNT_MIN : names->slot_count * 2;

    free(names->slots);
    names->slots = memory_take(count, sizeof *names->slots);
    names->slot_count = count;
    for (uint32_t number = 0; number < names->count; number++) {
        struct bytes name = names_text(names, number);
        uint64_t hash = hash_bytes(name.data, name.size);
        names->slots[find_slot(names, name, hash)] = make_slot(hash, number);
    }
}

uint32_t names_find(const struct names *names, struct bytes name)
{
    if (names->count == 0) {
        return NAME_NONE;
    }
    uint64_t hash = hash_bytes(name.data, name.size);
    uint64_t slot = names->slots[find_slot(names, name, hash)];
    return slot == 0 ? NAME_NONE : number_in(slot);
}

uint32_t names_add(struct names *names, struct bytes name)
{
    if ((size_t)names->count * 3 >= names->slot_count * 2) {
        grow_slots(names);
    }
    uint64_t hash = hash_bytes(name.data, name.size);
    size_t at = find_slot(names, name, hash);
    if (names->slots[at] != 0) {
        return number_in(names->slots[at]);
    }
    ENSURE(names->count < NAME_NONE - 1);
    buffer_append(&names->text, name.data, name.size);
    GROW(names->ends, names->ends_capacity, (size_t)names->count + 1);
    ENSURE(names->text.size <= UINT32_MAX);
    names->ends[names->count] = (uint32_t)names->text.size;
    names->slots[at] = make_slot(hash, names->count);
    return names->count++;
}

static uint32_t least(uint32_t a, uint32_t b, uint32_t c)
{
    uint32_t ab = a < b ? a : b;
    return ab < c ? ab : c;
}

/* Optimal string alignment distance, three rows of the table at a time. */
uint32_t text_distance(struct bytes left, struct bytes right)
{
    uint32_t rows[3][DISTANCE_SIZE_MAX + 1];

    if (left.size > DISTANCE_SIZE_MAX || right.size > DISTANCE_SIZE_MAX) {
        return UINT32_MAX;
    }
    for (uint32_t j = 0; j <= right.size; j++) {
        rows[0][j] = j;
    }
    for (uint32_t i = 1; i <= left.size; i++) {
        uint32_t *row = rows[i % 3];
        const uint32_t *above = rows[(i - 1) % 3];
        row[0] = i;
        for (uint32_t j = 1; j <= right.size; j++) {
            uint32_t change = left.data[i - 1] == right.data[j - 1] ? 0 : 1;
            row[j] = least(above[j] + 1, row[j - 1] + 1, above[j - 1] + change);
            if (i > 1 && j > 1 && left.data[i - 1] == right.data[j - 2] &&
                left.data[i - 2] == right.data[j - 1]) {
                row[j] = least(row[j], rows[(i - 2) % 3][j - 2] + 1, UINT32_MAX);
            }
        }
    }
    return rows[left.size % 3][right.size];
}

uint32_t names_nearest(const struct names *names, struct bytes name, uint32_t distance_max)
{
    uint32_t nearest = NAME_NONE;
    uint32_t best = distance_max + 1;

    for (uint32_t number = 0; number < names->count && best > 0; number++) {
        struct bytes known = names_text(names, number);
        size_t gap = known.size > name.size ? known.size - name.size : name.size - known.size;
        if (gap >= best) {
            continue;
        }
        uint32_t distance = text_distance(known, name);
        if (distance < best) {
            best = distance;
            nearest = number;
        }
    }
    return nearest;
}

void names_deinit(struct names *names)
{
    buffer_deinit(&names->text);
    free(names->ends);
    free(names->slots);
    *names = (struct names){0};
}
