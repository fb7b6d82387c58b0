/*
 * lists.h - ascending lists of numbers, found by halving.
 */
#ifndef CORE_MATCH_LISTS_H
#define CORE_MATCH_LISTS_H

#include "core/match/market.h"

bool list_has(const struct number_list *list, uint32_t number);
void list_insert(struct number_list *list, uint32_t number); /* It is not there yet. */
void list_remove(struct number_list *list, uint32_t number); /* It is there. */
void list_append(struct number_list *list, uint32_t number); /* In any order. */
void list_deinit(struct number_list *list);

#endif
