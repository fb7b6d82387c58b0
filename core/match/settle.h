/*
 * settle.h - where the market's things are put, moved and ended: records, lists, heaps and the
 * candidate index together, so that they always agree. Used by the fold and by the restore.
 */
#ifndef CORE_MATCH_SETTLE_H
#define CORE_MATCH_SETTLE_H

#include "core/match/market.h"

/* A new one under the next number, which is returned. Derived fields are filled in; an offer's
 * reports are taken. */
uint32_t settle_party(struct market *market, struct bytes id, const struct party *party);
uint32_t settle_product(struct market *market, struct bytes id, const struct product *product);
uint32_t settle_need(struct market *market, struct bytes id, const struct need *need);
uint32_t settle_offer(struct market *market, struct bytes id, const struct offer *offer);

/* New content for a known one; needs and offers are live and stay so. */
void settle_moved_party(struct market *market, uint32_t number, const struct party *party);
void settle_changed_need(struct market *market, uint32_t number, const struct need *need);
void settle_changed_offer(struct market *market, uint32_t number, const struct offer *offer);

/* The moves of the life cycles. */
bool settle_need_is_live(const struct need *need);
bool settle_offer_is_live(const struct offer *offer);
void settle_need_state(struct market *market, uint32_t number, enum need_state state);
void settle_offer_state(struct market *market, uint32_t number, enum offer_state state);

/* Ends what had its last day before market->today; lists it in expired_needs and expired_offers. */
void settle_expired(struct market *market);

#endif
