/*
 * affected.h - the open needs whose matches may be others because a rule changed, began or ended.
 *
 * Collected in market->affected_needs while a command is folded.
 */
#ifndef CORE_MATCH_AFFECTED_H
#define CORE_MATCH_AFFECTED_H

#include "core/match/market.h"

/* The needs that the rule is about. */
void affected_add_rule(struct market *market, const struct rule *rule);

/* The needs that goods of `product` may serve. */
void affected_add_product(struct market *market, uint32_t product);

/* Ascending, each once, behind the last command. */
void affected_sort(struct market *market);
void affected_forget(struct market *market);

#endif
