#include "core/match/lists.h"

#include <stdlib.h>
#include <string.h>

/* The index of the first item that is not below `number`. */
static size_t find(const struct number_list *list, uint32_t number)
{
    size_t low = 0;
    size_t high = list->count;

    if (high > 0 && list->items[high - 1] < number) {
        return high; /* New things have the highest numbers. */
    }
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (list->items[middle] < number) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

bool list_has(const struct number_list *list, uint32_t number)
{
    size_t index = find(list, number);
    return index < list->count && list->items[index] == number;
}

void list_insert(struct number_list *list, uint32_t number)
{
    size_t index = find(list, number);

    ENSURE(index == list->count || list->items[index] != number);
    GROW(list->items, list->capacity, list->count + 1);
    memmove(list->items + index + 1, list->items + index,
            (list->count - index) * sizeof *list->items);
    list->items[index] = number;
    list->count++;
}

void list_remove(struct number_list *list, uint32_t number)
{
    size_t index = find(list, number);

    ENSURE(index < list->count);
    ENSURE(list->items[index] == number);
    list->count--;
    memmove(list->items + index, list->items + index + 1,
            (list->count - index) * sizeof *list->items);
}

void list_append(struct number_list *list, uint32_t number)
{
    GROW(list->items, list->capacity, list->count + 1);
    list->items[list->count++] = number;
}

void list_deinit(struct number_list *list)
{
    free(list->items);
    *list = (struct number_list){0};
}
