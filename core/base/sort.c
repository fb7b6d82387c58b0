/*
 * sort.c - radix sort from the lowest digit up. Digits that all keys share are skipped, so small
 * numbers, and large ones that differ in few bits, take one or two passes.
 */
#include "core/base/sort.h"

#include <string.h>

#define DIGIT_BITS 8
#define DIGIT_COUNT (1u << DIGIT_BITS)

static size_t digit_of(uint64_t key, unsigned shift)
{
    return key >> shift & (DIGIT_COUNT - 1);
}

static void sort_by_digit(struct keyed *items, struct keyed *scratch, size_t count, unsigned shift)
{
    size_t starts[DIGIT_COUNT + 1] = {0};

    for (size_t i = 0; i < count; i++) {
        starts[digit_of(items[i].key, shift) + 1]++;
    }
    for (size_t i = 1; i < DIGIT_COUNT; i++) {
        starts[i] += starts[i - 1];
    }
    for (size_t i = 0; i < count; i++) {
        scratch[starts[digit_of(items[i].key, shift)]++] = items[i];
    }
    memcpy(items, scratch, count * sizeof *items);
}

void keyed_sort(struct keyed *items, struct keyed *scratch, size_t count)
{
    uint64_t differing = 0;

    for (size_t i = 1; i < count; i++) {
        differing |= items[i].key ^ items[0].key;
    }
    for (unsigned shift = 0; shift < 64; shift += DIGIT_BITS) {
        if (digit_of(differing, shift) != 0) {
            sort_by_digit(items, scratch, count, shift);
        }
    }
}
