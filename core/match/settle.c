#include "core/match/settle.h"

#include "core/match/candidates.h"
#include "core/match/distance.h"
#include "core/match/lists.h"
#include "core/match/rules.h"

#define BIT(state) (1u << (state))

/* The states that each state may be left for. */
static const uint8_t need_moves[] = {
    [NEED_QUARANTINED] = BIT(NEED_OPEN) | BIT(NEED_CANCELLED) | BIT(NEED_EXPIRED),
    [NEED_OPEN] = BIT(NEED_QUARANTINED) | BIT(NEED_CANCELLED) | BIT(NEED_EXPIRED),
    [NEED_CANCELLED] = 0,
    [NEED_EXPIRED] = 0,
};
static const uint8_t offer_moves[] = {
    [OFFER_QUARANTINED] = BIT(OFFER_ACTIVE) | BIT(OFFER_WITHDRAWN) | BIT(OFFER_EXPIRED),
    [OFFER_ACTIVE] = BIT(OFFER_QUARANTINED) | BIT(OFFER_WITHDRAWN) | BIT(OFFER_EXPIRED),
    [OFFER_WITHDRAWN] = 0,
    [OFFER_EXPIRED] = 0,
};

bool settle_need_is_live(const struct need *need)
{
    return need_moves[need->state] != 0;
}

bool settle_offer_is_live(const struct offer *offer)
{
    return offer_moves[offer->state] != 0;
}

/* Parties and products. */

uint32_t settle_party(struct market *market, struct bytes id, const struct party *party)
{
    uint32_t number = names_add(&market->party_ids, id);

    ENSURE(number < MARKET_PARTY_COUNT_MAX);
    GROW(market->parties, market->party_capacity, (size_t)number + 1);
    market->parties[number] = *party;
    market->parties[number].place = place_from_degrees(party->lat, party->lon);
    market->parties[number].last_offer = NAME_NONE;
    market->parties[number].last_exclusion = NAME_NONE;
    return number;
}

/* The index finds offers by the place of their party, so they leave it while the party moves. */
void settle_moved_party(struct market *market, uint32_t number, const struct party *party)
{
    uint32_t last = market->parties[number].last_offer;
    uint32_t last_exclusion = market->parties[number].last_exclusion;

    for (uint32_t i = last; i != NAME_NONE; i = market->offers[i].previous_offer) {
        if (market->offers[i].state == OFFER_ACTIVE) {
            candidate_index_remove(market, i);
        }
    }
    market->parties[number] = *party;
    market->parties[number].place = place_from_degrees(party->lat, party->lon);
    market->parties[number].last_offer = last;
    market->parties[number].last_exclusion = last_exclusion;
    for (uint32_t i = last; i != NAME_NONE; i = market->offers[i].previous_offer) {
        if (market->offers[i].state == OFFER_ACTIVE) {
            candidate_index_add(market, i);
        }
    }
}

uint32_t settle_product(struct market *market, struct bytes id, const struct product *product)
{
    uint32_t number = names_add(&market->product_ids, id);

    ENSURE(number < MARKET_PRODUCT_COUNT_MAX);
    GROW(market->products, market->product_capacity, (size_t)number + 1);
    market->products[number] = *product;
    return number;
}

/* Needs. */

uint32_t settle_need(struct market *market, struct bytes id, const struct need *need)
{
    uint32_t number = names_add(&market->need_ids, id);

    ENSURE(number < MARKET_NEED_COUNT_MAX);
    GROW(market->needs, market->need_capacity, (size_t)number + 1);
    market->needs[number] = *need;
    if (need->state == NEED_OPEN) {
        list_insert(&market->products[need->product].needs, number);
    }
    expiry_set(&market->need_ends, number, settle_need_is_live(need) ? need->latest : DAY_NONE);
    return number;
}

void settle_need_state(struct market *market, uint32_t number, enum need_state state)
{
    struct need *need = &market->needs[number];
    struct number_list *list = &market->products[need->product].needs;

    ENSURE((need_moves[need->state] & BIT(state)) != 0);
    if (need->state == NEED_OPEN) {
        list_remove(list, number);
    }
    need->state = (uint8_t)state;
    if (need->state == NEED_OPEN) {
        list_insert(list, number);
    }
    if (!settle_need_is_live(need)) {
        expiry_set(&market->need_ends, number, DAY_NONE);
    }
}

void settle_changed_need(struct market *market, uint32_t number, const struct need *need)
{
    uint8_t state = market->needs[number].state;

    market->needs[number] = *need;
    market->needs[number].state = state;
    expiry_set(&market->need_ends, number, need->latest);
    if (state != need->state) {
        settle_need_state(market, number, need->state);
    }
}

/* Offers. */

uint32_t settle_offer(struct market *market, struct bytes id, const struct offer *offer)
{
    uint32_t number = names_add(&market->offer_ids, id);
    struct party *party = &market->parties[offer->party];

    ENSURE(number < MARKET_OFFER_COUNT_MAX);
    GROW(market->offers, market->offer_capacity, (size_t)number + 1);
    market->offers[number] = *offer;
    market->offers[number].previous_offer = party->last_offer;
    party->last_offer = number;
    if (offer->state == OFFER_ACTIVE) {
        list_insert(&market->products[offer->product].offers, number);
        candidate_index_add(market, number);
    }
    expiry_set(&market->offer_ends, number, settle_offer_is_live(offer) ? offer->to : DAY_NONE);
    return number;
}

void settle_offer_state(struct market *market, uint32_t number, enum offer_state state)
{
    struct offer *offer = &market->offers[number];
    struct number_list *list = &market->products[offer->product].offers;

    ENSURE((offer_moves[offer->state] & BIT(state)) != 0);
    if (offer->state == OFFER_ACTIVE) {
        list_remove(list, number);
        candidate_index_remove(market, number);
    }
    offer->state = (uint8_t)state;
    if (offer->state == OFFER_ACTIVE) {
        list_insert(list, number);
        candidate_index_add(market, number);
    }
    if (!settle_offer_is_live(offer)) {
        expiry_set(&market->offer_ends, number, DAY_NONE);
    }
}

void settle_changed_offer(struct market *market, uint32_t number, const struct offer *offer)
{
    struct offer *known = &market->offers[number];
    uint8_t state = known->state;
    uint32_t previous = known->previous_offer;

    if (state == OFFER_ACTIVE) {
        candidate_index_remove(market, number);
    }
    *known = *offer;
    known->state = state;
    known->previous_offer = previous;
    if (state == OFFER_ACTIVE) {
        candidate_index_add(market, number);
    }
    expiry_set(&market->offer_ends, number, known->to);
    if (state != offer->state) {
        settle_offer_state(market, number, offer->state);
    }
}

/* Days. */

/* Drops every need that is no longer open from a product's list, in one pass: on a bad
 * day thousands end together. */
static void sweep_needs(const struct market *market, struct number_list *list)
{
    size_t kept = 0;

    for (size_t i = 0; i < list->count; i++) {
        if (market->needs[list->items[i]].state == NEED_OPEN) {
            list->items[kept++] = list->items[i];
        }
    }
    list->count = kept;
}

static void sweep_offers(const struct market *market, struct number_list *list)
{
    size_t kept = 0;

    for (size_t i = 0; i < list->count; i++) {
        if (market->offers[list->items[i]].state == OFFER_ACTIVE) {
            list->items[kept++] = list->items[i];
        }
    }
    list->count = kept;
}

static void expire_needs(struct market *market)
{
    struct number_list *expired = &market->expired_needs;
    uint32_t number = 0;

    while (expiry_take(&market->need_ends, market->today, &number)) {
        ENSURE((need_moves[market->needs[number].state] & BIT(NEED_EXPIRED)) != 0);
        market->needs[number].state = NEED_EXPIRED;
        list_append(expired, number);
    }
    for (size_t i = 0; i < expired->count; i++) {
        struct number_list *list =
            &market->products[market->needs[expired->items[i]].product].needs;
        if (list_has(list, expired->items[i])) {
            sweep_needs(market, list);
        }
    }
}

static void expire_offers(struct market *market)
{
    struct number_list *expired = &market->expired_offers;
    uint32_t number = 0;

    while (expiry_take(&market->offer_ends, market->today, &number)) {
        struct offer *offer = &market->offers[number];
        ENSURE((offer_moves[offer->state] & BIT(OFFER_EXPIRED)) != 0);
        if (offer->state == OFFER_ACTIVE) {
            candidate_index_remove(market, number);
        }
        offer->state = OFFER_EXPIRED;
        list_append(expired, number);
    }
    for (size_t i = 0; i < expired->count; i++) {
        struct number_list *list =
            &market->products[market->offers[expired->items[i]].product].offers;
        if (list_has(list, expired->items[i])) {
            sweep_offers(market, list);
        }
    }
}

void settle_expired(struct market *market)
{
    expire_needs(market);
    expire_offers(market);
}
