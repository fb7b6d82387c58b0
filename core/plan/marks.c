/*
 * marks.c - a byte for each number, and the list of those that are set.
 */
#include "core/plan/marks.h"

#include <stdlib.h>

void marks_add(struct marks *marks, uint32_t number)
{
    GROW(marks->is_in, marks->is_in_capacity, (size_t)number + 1);
    if (marks->is_in[number]) {
        return;
    }
    marks->is_in[number] = 1;
    GROW(marks->items, marks->capacity, marks->count + 1);
    marks->items[marks->count++] = number;
}

bool marks_has(const struct marks *marks, uint32_t number)
{
    return number < marks->is_in_capacity && marks->is_in[number];
}

static int compare_numbers(const void *left, const void *right)
{
    uint32_t a = *(const uint32_t *)left;
    uint32_t b = *(const uint32_t *)right;

    return (a > b) - (a < b);
}

void marks_sort(struct marks *marks)
{
    for (size_t i = 1; i < marks->count; i++) {
        if (marks->items[i] < marks->items[i - 1]) {
            qsort(marks->items, marks->count, sizeof *marks->items, compare_numbers);
            return;
        }
    }
}

void marks_clear(struct marks *marks)
{
    for (size_t i = 0; i < marks->count; i++) {
        marks->is_in[marks->items[i]] = 0;
    }
    marks->count = 0;
}

void marks_deinit(struct marks *marks)
{
    free(marks->items);
    free(marks->is_in);
    *marks = (struct marks){0};
}
