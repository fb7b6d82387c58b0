/*
 * rules.h - the dated rules of a market: what may stand in for what, which norms goods must be
 * certified for, who is certified, who shall not deal with whom (design 5.1).
 *
 * Every rule is judged on the day that goods are made on. A day that is not known (DAY_NONE, before
 * the first tick) lies within every period.
 */
#ifndef CORE_MATCH_RULES_H
#define CORE_MATCH_RULES_H

#include "core/match/market.h"

/* Folds substitute.put, norm.put, certificate.put, exclusion.put. The needs whose matches may be
 * others now are affected (core/match/affected.h). */
enum outcome rules_put(struct market *market, uint16_t kind, const union command *command,
                       uint32_t *number);

/* A new rule under the next number, which is returned; derived fields are filled in. */
uint32_t rules_add(struct market *market, struct bytes id, const struct rule *rule);

/* False when it names something nobody knows; when a product of it has as many as it may. */
bool rules_is_whole(const struct rule *rule);
bool rules_have_room(const struct market *market, const struct rule *rule);

/* Affects the needs of every rule that begins or ends when `yesterday` becomes market->today. */
void rules_pass_day(struct market *market, int32_t yesterday);

bool rule_is_in_force(const struct rule *rule, int32_t day);

/* Whether a norm is about a need: its class, and where it is asked for. */
bool rule_is_in_scope(const struct market *market, const struct rule *norm,
                      const struct need *need);

/* The best rule by which `given` may stand in for `asked` on `day`, NAME_NONE for none. */
uint32_t rules_substitute(const struct market *market, uint32_t asked, uint32_t given, int32_t day);

/* The least rank at which `given` may stand in today or later, UINT32_MAX when it may not; 0 for
 * the product itself. */
uint32_t rules_least_rank(const struct market *market, uint32_t asked, uint32_t given);

/* True when `given` is not recyclable and what else may serve on `day` is. */
bool rules_prefer_recyclable(const struct market *market, uint32_t asked, uint32_t given,
                             int32_t day);

/* The rule that keeps two parties apart on `day`, NAME_NONE for none. */
uint32_t rules_exclusion(const struct market *market, uint32_t left, uint32_t right, int32_t day);

/* The first norm in force on `day` that goods of `offer` for `need` are not certified for;
 * NAME_NONE when they are for all. */
uint32_t rules_norm_missed(const struct market *market, const struct need *need,
                           const struct offer *offer, int32_t day);

/* Whether product, parties and norms allow goods of that day: the rules of a match that have days.
 */
bool rules_allow(const struct market *market, const struct need *need, const struct offer *offer,
                 int32_t day);

/* The newest certificate of a party for a norm, then the next older one; NAME_NONE at the end. */
uint32_t rules_certificate(const struct market *market, const struct rule *norm, uint32_t party);

/* The first day behind `day` on which a rule about the pair begins or is over; DAY_NONE for none.
 */
int32_t rules_next_turn(const struct market *market, const struct need *need,
                        const struct offer *offer, int32_t day);

/* For the index: a bit for each norm of the offer's product that its party is certified for on any
 * day from today on, and those that goods of `product` for `need` need on every day from today on.
 */
uint32_t rules_certified(const struct market *market, const struct offer *offer);
uint32_t rules_needed(const struct market *market, const struct need *need, uint32_t product);

#endif
