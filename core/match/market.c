/*
 * market.c - the fold: one function for each kind of command, one for each life cycle.
 *
 * A need is in its product's list exactly while it is open, an offer in its product's list and in
 * the candidate index exactly while it is active. Both have a last day in a heap until they end, so
 * a new day costs what ends on it.
 */
#include "core/match/market.h"

#include "core/base/mutant.h"
#include "core/match/affected.h"
#include "core/match/candidates.h"
#include "core/match/capacity.h"
#include "core/match/distance.h"
#include "core/match/lists.h"
#include "core/match/rules.h"
#include "core/match/settle.h"

#include <stdlib.h>

const char *outcome_name(enum outcome outcome)
{
    switch (outcome) {
    case OUTCOME_CREATED:
        return "created";
    case OUTCOME_CHANGED:
        return "changed";
    case OUTCOME_UNCHANGED:
        return "unchanged";
    case OUTCOME_QUARANTINED:
        return "quarantined";
    case OUTCOME_ENDED:
        return "ended";
    case OUTCOME_STALE:
        return "stale";
    case OUTCOME_UNKNOWN:
        return "unknown";
    case OUTCOME_CONFLICT:
        return "conflict";
    case OUTCOME_STATE:
        return "state";
    case OUTCOME_FULL:
        return "full";
    case OUTCOME_PASSED_ON:
        return "passed_on";
    }
    UNREACHABLE();
}

const char *need_state_name(enum need_state state)
{
    switch (state) {
    case NEED_QUARANTINED:
        return "quarantined";
    case NEED_OPEN:
        return "open";
    case NEED_CANCELLED:
        return "cancelled";
    case NEED_EXPIRED:
        return "expired";
    }
    UNREACHABLE();
}

const char *offer_state_name(enum offer_state state)
{
    switch (state) {
    case OFFER_QUARANTINED:
        return "quarantined";
    case OFFER_ACTIVE:
        return "active";
    case OFFER_WITHDRAWN:
        return "withdrawn";
    case OFFER_EXPIRED:
        return "expired";
    }
    UNREACHABLE();
}

void market_open(struct market **market)
{
    struct market *opened = memory_take(1, sizeof *opened);

    opened->today = DAY_NONE;
    candidate_index_open(&opened->index);
    *market = opened;
}

static void release_products(struct market *market)
{
    for (uint32_t product = 0; product < market->product_ids.count; product++) {
        list_deinit(&market->products[product].needs);
        list_deinit(&market->products[product].offers);
        list_deinit(&market->products[product].substitutes);
        list_deinit(&market->products[product].stands_in);
        list_deinit(&market->products[product].norms);
    }
    free(market->products);
}

static void release_offers(struct market *market)
{
    for (uint32_t offer = 0; offer < market->offer_ids.count; offer++) {
        capacity_release(&market->offers[offer]);
    }
    free(market->offers);
}

void market_close(struct market *market)
{
    if (market == NULL) {
        return;
    }
    release_products(market);
    release_offers(market);
    free(market->parties);
    free(market->needs);
    free(market->rules);
    free(market->rule_heads);
    free(market->is_affected);
    names_deinit(&market->rule_ids);
    names_deinit(&market->rule_keys);
    expiry_deinit(&market->rule_turns);
    list_deinit(&market->affected_needs);
    names_deinit(&market->party_ids);
    names_deinit(&market->product_ids);
    names_deinit(&market->need_ids);
    names_deinit(&market->offer_ids);
    names_deinit(&market->texts);
    candidate_index_close(market->index);
    expiry_deinit(&market->need_ends);
    expiry_deinit(&market->offer_ends);
    list_deinit(&market->expired_needs);
    list_deinit(&market->expired_offers);
    free(market);
}

uint32_t market_find_need(const struct market *market, struct bytes id)
{
    return names_find(&market->need_ids, id);
}

uint32_t market_find_offer(const struct market *market, struct bytes id)
{
    return names_find(&market->offer_ids, id);
}

uint32_t market_find_party(const struct market *market, struct bytes id)
{
    return names_find(&market->party_ids, id);
}

uint32_t market_find_product(const struct market *market, struct bytes id)
{
    return names_find(&market->product_ids, id);
}

uint64_t market_offer_capacity(const struct offer *offer)
{
    return offer->capacity;
}

static bool is_above(uint64_t units, uint64_t max)
{
    return max != 0 && units > max;
}

bool market_is_implausible(const struct market *market, uint16_t kind, const union command *command)
{
    if (kind == KIND_NEED_PUT) {
        uint32_t product = market_find_product(market, command->need_put.product);
        return product != NAME_NONE &&
               is_above(command->need_put.quantity, market->products[product].need_max);
    }
    if (kind == KIND_OFFER_PUT) {
        const struct offer_put *put = &command->offer_put;
        uint32_t product = market_find_product(market, put->product);
        return product != NAME_NONE &&
               is_above(max_u64(put->quantity, put->per_day), market->products[product].offer_max);
    }
    if (kind == KIND_CAPACITY_PUT) {
        uint32_t offer = market_find_offer(market, command->capacity_put.offer);
        return offer != NAME_NONE &&
               is_above(command->capacity_put.per_day,
                        market->products[market->offers[offer].product].offer_max);
    }
    return false;
}

static uint32_t text_number(struct market *market, struct bytes text)
{
    return text.size == 0 ? NAME_NONE : names_add(&market->texts, text);
}

/* Days from outside are checked where they come in. */
static int32_t narrow_day(int64_t day)
{
    ENSURE(day == DAY_NONE || (day >= DAY_MIN && day <= DAY_MAX));
    return (int32_t)day;
}

/* Parties and products. */

static bool is_same_party(const struct party *left, const struct party *right)
{
    return left->name == right->name && left->departement == right->departement &&
           left->region == right->region && left->country == right->country &&
           left->roles == right->roles && left->lat == right->lat && left->lon == right->lon;
}

static enum outcome put_party(struct market *market, const struct party_put *put, uint32_t *number)
{
    struct party wanted = {
        .name = names_add(&market->texts, put->name),
        .departement = text_number(market, put->departement),
        .region = text_number(market, put->region),
        .country = text_number(market, put->country),
        .roles = put->roles,
        .lat = (int32_t)put->lat,
        .lon = (int32_t)put->lon,
    };
    *number = market_find_party(market, put->party);
    if (*number == NAME_NONE) {
        *number = settle_party(market, put->party, &wanted);
        return OUTCOME_CREATED;
    }
    if (is_same_party(&market->parties[*number], &wanted)) {
        return OUTCOME_UNCHANGED;
    }
    settle_moved_party(market, *number, &wanted);
    return OUTCOME_CHANGED;
}

static enum outcome put_product(struct market *market, const struct product_put *put,
                                uint32_t *number)
{
    struct product wanted = {
        .family = names_add(&market->texts, put->family),
        .name = names_add(&market->texts, put->name),
        .unit = names_add(&market->texts, put->unit),
        .lot = max_u64(put->lot, 1),
        .need_max = put->need_max,
        .offer_max = put->offer_max,
        .recyclable = put->recyclable,
    };
    *number = market_find_product(market, put->product);
    if (*number == NAME_NONE) {
        *number = settle_product(market, put->product, &wanted);
        return OUTCOME_CREATED;
    }
    struct product *known = &market->products[*number];
    if (known->family == wanted.family && known->name == wanted.name &&
        known->unit == wanted.unit && known->lot == wanted.lot &&
        known->need_max == wanted.need_max && known->offer_max == wanted.offer_max &&
        known->recyclable == wanted.recyclable) {
        return OUTCOME_UNCHANGED;
    }
    bool is_other = known->recyclable != wanted.recyclable;
    wanted.needs = known->needs;
    wanted.offers = known->offers;
    wanted.substitutes = known->substitutes;
    wanted.stands_in = known->stands_in;
    wanted.norms = known->norms;
    *known = wanted;
    if (is_other) {
        affected_add_product(market, *number);
    }
    return OUTCOME_CHANGED;
}

/* Needs. */

static bool is_same_need(const struct need *left, const struct need *right)
{
    return left->quantity == right->quantity && left->due == right->due &&
           left->latest == right->latest && left->class_number == right->class_number;
}

static enum outcome put_need(struct market *market, const struct need_put *put, bool is_quarantined,
                             uint32_t *number)
{
    struct need wanted = {
        .party = market_find_party(market, put->party),
        .product = market_find_product(market, put->product),
        .quantity = put->quantity,
        .due = narrow_day(put->due),
        .latest = narrow_day(put->latest),
        .class_number = (uint8_t)put->class_number,
        .state = is_quarantined ? NEED_QUARANTINED : NEED_OPEN,
    };
    *number = market_find_need(market, put->need);
    if (wanted.party == NAME_NONE || wanted.product == NAME_NONE) {
        return OUTCOME_UNKNOWN;
    }
    if (*number == NAME_NONE) {
        *number = settle_need(market, put->need, &wanted);
        return is_quarantined ? OUTCOME_QUARANTINED : OUTCOME_CREATED;
    }
    const struct need *known = &market->needs[*number];
    if (known->party != wanted.party || known->product != wanted.product) {
        return OUTCOME_CONFLICT;
    }
    if (!settle_need_is_live(known)) {
        return OUTCOME_STATE;
    }
    if (is_same_need(known, &wanted)) {
        return OUTCOME_UNCHANGED;
    }
    settle_changed_need(market, *number, &wanted);
    return is_quarantined ? OUTCOME_QUARANTINED : OUTCOME_CHANGED;
}

static enum outcome cancel_need(struct market *market, struct bytes id, uint32_t *number)
{
    *number = market_find_need(market, id);
    if (*number == NAME_NONE) {
        return OUTCOME_UNKNOWN;
    }
    if (!settle_need_is_live(&market->needs[*number])) {
        return OUTCOME_STATE;
    }
    settle_need_state(market, *number, NEED_CANCELLED);
    return OUTCOME_ENDED;
}

static enum outcome release_need(struct market *market, struct bytes id, uint32_t *number)
{
    *number = market_find_need(market, id);
    if (*number == NAME_NONE) {
        return OUTCOME_UNKNOWN;
    }
    if (market->needs[*number].state != NEED_QUARANTINED) {
        return OUTCOME_STATE;
    }
    settle_need_state(market, *number, NEED_OPEN);
    return OUTCOME_CHANGED;
}

/* Offers. */

static bool is_same_offer(const struct offer *left, const struct offer *right)
{
    return left->quantity == right->quantity && left->per_day == right->per_day &&
           left->from == right->from && left->to == right->to &&
           left->lead_days == right->lead_days;
}

static enum outcome put_offer(struct market *market, const struct offer_put *put,
                              bool is_quarantined, uint32_t *number)
{
    struct offer wanted = {
        .party = market_find_party(market, put->party),
        .product = market_find_product(market, put->product),
        .offer_kind = (uint8_t)put->offer_kind,
        .state = is_quarantined ? OFFER_QUARANTINED : OFFER_ACTIVE,
        .lead_days = (uint32_t)put->lead_days,
        .from = narrow_day(put->from),
        .to = narrow_day(put->to),
        .quantity = put->quantity,
        .per_day = put->per_day,
    };
    ENSURE(put->lead_days <= LEAD_DAYS_MAX);
    *number = market_find_offer(market, put->offer);
    if (wanted.party == NAME_NONE || wanted.product == NAME_NONE) {
        return OUTCOME_UNKNOWN;
    }
    if (*number == NAME_NONE) {
        capacity_renew(&wanted, market->today, true);
        *number = settle_offer(market, put->offer, &wanted);
        return is_quarantined ? OUTCOME_QUARANTINED : OUTCOME_CREATED;
    }
    const struct offer *known = &market->offers[*number];
    if (known->party != wanted.party || known->product != wanted.product ||
        known->offer_kind != wanted.offer_kind) {
        return OUTCOME_CONFLICT;
    }
    if (!settle_offer_is_live(known)) {
        return OUTCOME_STATE;
    }
    if (is_same_offer(known, &wanted)) {
        return OUTCOME_UNCHANGED;
    }
    wanted.reports = known->reports; /* Handed over, as the old content is overwritten. */
    capacity_renew(&wanted, market->today,
                   known->quantity != wanted.quantity || known->per_day != wanted.per_day);
    settle_changed_offer(market, *number, &wanted);
    return is_quarantined ? OUTCOME_QUARANTINED : OUTCOME_CHANGED;
}

static enum outcome put_capacity(struct market *market, const struct capacity_put *put,
                                 bool is_quarantined, uint32_t *number)
{
    *number = market_find_offer(market, put->offer);
    if (*number == NAME_NONE) {
        return OUTCOME_UNKNOWN;
    }
    struct offer wanted = market->offers[*number];
    if (!settle_offer_is_live(&wanted)) {
        return OUTCOME_STATE;
    }
    enum outcome outcome = capacity_report(&wanted, put, market->today);
    if (outcome != OUTCOME_CHANGED) {
        return outcome;
    }
    wanted.state = is_quarantined ? OFFER_QUARANTINED : wanted.state;
    settle_changed_offer(market, *number, &wanted);
    return is_quarantined ? OUTCOME_QUARANTINED : OUTCOME_CHANGED;
}

static enum outcome withdraw_offer(struct market *market, struct bytes id, uint32_t *number)
{
    *number = market_find_offer(market, id);
    if (*number == NAME_NONE) {
        return OUTCOME_UNKNOWN;
    }
    if (!settle_offer_is_live(&market->offers[*number])) {
        return OUTCOME_STATE;
    }
    settle_offer_state(market, *number, OFFER_WITHDRAWN);
    return OUTCOME_ENDED;
}

static enum outcome release_offer(struct market *market, struct bytes id, uint32_t *number)
{
    *number = market_find_offer(market, id);
    if (*number == NAME_NONE) {
        return OUTCOME_UNKNOWN;
    }
    if (market->offers[*number].state != OFFER_QUARANTINED) {
        return OUTCOME_STATE;
    }
    settle_offer_state(market, *number, OFFER_ACTIVE);
    return OUTCOME_CHANGED;
}

static enum outcome advance(struct market *market, const struct tick *tick)
{
    if (market->today != DAY_NONE && tick->now <= market->now_ms) {
        return OUTCOME_UNCHANGED;
    }
    ENSURE(tick->now / DAY_MS <= DAY_MAX);
    int32_t yesterday = market->today;
    market->now_ms = tick->now;
    market->today = day_of(tick->now);
    settle_expired(market); /* First, so that no rule affects what has ended. */
    rules_pass_day(market, yesterday);
    return OUTCOME_PASSED_ON;
}

static enum outcome fold(struct market *market, uint16_t kind, const union command *command,
                         bool is_quarantined, uint32_t *number)
{
    switch ((enum kind)kind) {
    case KIND_PARTY_PUT:
        return put_party(market, &command->party_put, number);
    case KIND_PRODUCT_PUT:
        return put_product(market, &command->product_put, number);
    case KIND_NEED_PUT:
        return put_need(market, &command->need_put, is_quarantined, number);
    case KIND_NEED_CANCEL:
        return cancel_need(market, command->id_command.id, number);
    case KIND_NEED_RELEASE:
        return release_need(market, command->id_command.id, number);
    case KIND_OFFER_PUT:
        return put_offer(market, &command->offer_put, is_quarantined, number);
    case KIND_OFFER_WITHDRAW:
        return withdraw_offer(market, command->id_command.id, number);
    case KIND_OFFER_RELEASE:
        return release_offer(market, command->id_command.id, number);
    case KIND_CAPACITY_PUT:
        return put_capacity(market, &command->capacity_put, is_quarantined, number);
    case KIND_SUBSTITUTE_PUT:
    case KIND_NORM_PUT:
    case KIND_CERTIFICATE_PUT:
    case KIND_EXCLUSION_PUT:
        return rules_put(market, kind, command, number);
    case KIND_ASSIGNMENT_ACCEPT:
    case KIND_ASSIGNMENT_DECLINE:
    case KIND_ASSIGNMENT_SHIP:
    case KIND_ASSIGNMENT_RECEIVE:
    case KIND_ASSIGNMENT_CANCEL:
    case KIND_RULES_PUT:
    case KIND_KEY_REGISTER:
    case KIND_KEY_CONFIRM:
    case KIND_KEY_ROTATE:
    case KIND_KEY_REVOKE:
        return OUTCOME_PASSED_ON;
    case KIND_TICK:
        return advance(market, &command->tick);
    case KIND_NONE:
    case KIND_NOTED:
    case KIND_MATCHES:
    case KIND_ASSIGNMENT:
    case KIND_ANSWER:
    case KIND_LISTED:
        break; /* Feed entries, no commands. */
    }
    UNREACHABLE();
}

void market_apply(struct market *market, uint16_t kind, const union command *command,
                  bool is_quarantined, struct market_change *change)
{
    uint32_t number = NAME_NONE;

    market->expired_needs.count = 0;
    market->expired_offers.count = 0;
    affected_forget(market);
    enum outcome outcome = fold(market, kind, command, is_quarantined, &number);
    if ((kind == KIND_NEED_PUT || kind == KIND_OFFER_PUT) && !MUTANT(38)) {
        settle_expired(market); /* It may have come with its last day behind it. */
    }
    affected_sort(market);
    *change = (struct market_change){
        .outcome = outcome,
        .number = number,
        .expired_needs = market->expired_needs.items,
        .expired_need_count = market->expired_needs.count,
        .expired_offers = market->expired_offers.items,
        .expired_offer_count = market->expired_offers.count,
        .affected_needs = market->affected_needs.items,
        .affected_need_count = market->affected_needs.count,
    };
}
