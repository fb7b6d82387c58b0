/*
 * arcs.c - brings the flow up to what the market says: capacities, tranches, arcs.
 */
#include "core/plan/internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define LATE_LISTED_MAX 2 /* Arcs of a pair beside the first; prices bring in the others. */

/* Tranche t of class c: higher classes first, inside a class earlier tranches. */
static int64_t tranche_weight(uint8_t class_number, size_t tranche)
{
    int64_t level =
        (CLASS_COUNT - class_number) * TRANCHE_COUNT + (TRANCHE_COUNT - (int64_t)tranche);

    return level * FLOW_WEIGHT_STEP;
}

static_assert(CLASS_COUNT * TRANCHE_COUNT <= FLOW_LEVEL_MAX, "every level has its weight");

/* Where a tranche ends, in units of the need; what is fixed already fills the front. */
static int64_t tranche_end(const struct plan *plan, const struct need *need, size_t tranche)
{
    uint64_t end;

    if (tranche == TRANCHE_COUNT - 1 ||
        !multiply_u64(plan->options.tranche_lots[tranche],
                      plan->market->products[need->product].lot, &end)) {
        return (int64_t)need->quantity;
    }
    return (int64_t)min_u64(end, need->quantity);
}

void plan_tranche_ends(const struct plan *plan, uint32_t number, int64_t ends[PLAN_TRANCHE_COUNT])
{
    for (size_t tranche = 0; tranche < TRANCHE_COUNT; tranche++) {
        ends[tranche] = tranche_end(plan, &plan->market->needs[number], tranche);
    }
}

size_t plan_tranches(const struct plan *plan, uint32_t number,
                     struct flow_tranche tranches[TRANCHE_COUNT])
{
    const struct need *need = &plan->market->needs[number];
    int64_t start = plan->needs[number].fixed;
    size_t count = 0;

    if (need->state != NEED_OPEN) {
        return 0;
    }
    for (size_t tranche = 0; tranche < TRANCHE_COUNT; tranche++) {
        int64_t end = tranche_end(plan, need, tranche);
        if (end > start) {
            tranches[count++] = (struct flow_tranche){
                .units = end - start,
                .weight = tranche_weight(need->class_number, tranche),
            };
            start = end;
        }
    }
    return count;
}

/* Pairs. */

void plan_note_moved(struct plan *plan, uint32_t need, uint32_t offer)
{
    GROW(plan->moved, plan->moved_capacity, plan->moved_count + 1);
    plan->moved[plan->moved_count++] = (uint64_t)need << 32 | offer;
}

static void note_pair(struct plan *plan, uint32_t need, uint32_t offer)
{
    GROW(plan->pairs, plan->pair_capacity, plan->pair_count + 1);
    plan->pairs[plan->pair_count++] = (uint64_t)need << 32 | offer;
}

void plan_list_pair(struct plan *plan, uint32_t need, uint32_t offer, uint32_t cost)
{
    if (plan_is_stock(plan, offer)) {
        flow_set_arc(plan->flow, need, plan->offers[offer].range.first, cost);
    } else {
        note_pair(plan, need, offer); /* Its days are looked at when all is known. */
    }
}

static bool is_of(const struct plan *plan, uint32_t offer, const struct flow_arc *arc)
{
    struct slot_range range = plan->offers[offer].range;

    return arc->source - range.first < range.count;
}

struct plan_share plan_share(const struct plan *plan, uint32_t need, uint32_t offer)
{
    const struct plan_offer *known = &plan->offers[offer];
    struct plan_share share = {.day = DAY_NONE};
    size_t count;

    if (plan_is_stock(plan, offer)) {
        share.units =
            known->range.count == 0 ? 0 : flow_units(plan->flow, need, known->range.first);
        return share;
    }
    const struct flow_arc *arcs = flow_arcs_in_use(plan->flow, need, &count);
    for (size_t i = 0; i < count; i++) {
        if (!is_of(plan, offer, &arcs[i])) {
            continue;
        }
        uint32_t place = slot_place(known->range, known->days, arcs[i].source);
        ENSURE(place != SLOT_NONE);
        int32_t day = plan_day_at(plan, offer, place);
        share.units += arcs[i].units;
        share.day = day > share.day ? day : share.day;
    }
    return share;
}

int64_t plan_pair_units(const struct plan *plan, uint32_t need, uint32_t offer)
{
    return plan_share(plan, need, offer).units;
}

/* Copies them, since changes invalidate what the flow lends. */
static size_t keep_arcs(struct plan *plan, const struct flow_arc *arcs, size_t count)
{
    GROW(plan->work, plan->work_capacity, count);
    if (count > 0) {
        memcpy(plan->work, arcs, count * sizeof *arcs);
    }
    return count;
}

size_t plan_copy_arcs(struct plan *plan, uint32_t need)
{
    size_t count;
    const struct flow_arc *arcs = flow_arcs(plan->flow, need, &count);

    return keep_arcs(plan, arcs, count);
}

void plan_fix(struct plan *plan, uint32_t need, uint32_t offer, int64_t units)
{
    size_t count;
    const struct flow_arc *arcs = flow_arcs_in_use(plan->flow, need, &count);

    count = keep_arcs(plan, arcs, count);
    for (size_t i = 0; i < count && units > 0; i++) {
        int64_t fixed = min_i64(units, plan->work[i].units);
        if (is_of(plan, offer, &plan->work[i])) {
            flow_fix(plan->flow, need, plan->work[i].source, fixed);
            units -= fixed;
        }
    }
}

/* A removed arc takes its flow along. */
static void fit_arc(struct plan *plan, uint32_t need, uint32_t offer,
                    const struct plan_places *places, const struct flow_arc *arc)
{
    const struct plan_offer *known = &plan->offers[offer];
    uint32_t place = slot_place(known->range, known->days, arc->source);

    uint32_t cost;

    if (place == SLOT_NONE || !plan_can_use(plan, need, offer, places, place, &cost)) {
        plan_note_moved(plan, need, offer);
        flow_remove_arc(plan->flow, need, arc->source);
        marks_add(&plan->dirty_shares, need);
        return;
    }
    if (cost != arc->cost) {
        flow_set_arc(plan->flow, need, arc->source, cost);
        marks_add(&plan->dirty_shares, need);
    }
}

/* Lowers the bound where arcs are left out. */
static void lower_bound(struct plan *plan, uint32_t need, uint32_t cost)
{
    plan->needs[need].bound = (uint32_t)min_u64(plan->needs[need].bound, cost);
    marks_add(&plan->pending_needs, need);
    marks_add(&plan->dirty_shares, need);
}

static void add_arc(struct plan *plan, uint32_t need, uint32_t slot, uint32_t cost)
{
    if (!flow_has_arc(plan->flow, need, slot)) {
        flow_set_arc(plan->flow, need, slot, cost);
        marks_add(&plan->dirty_shares, need);
        marks_add(&plan->grown_needs, need);
    }
}

/* Each day for itself. A day of the tail that is better than the tail as a whole comes in by prices
 * once it has a slot of its own. */
static void add_dated_arcs(struct plan *plan, uint32_t need, uint32_t offer,
                           const struct plan_places *places)
{
    uint32_t bound = plan->needs[need].bound;
    uint32_t count = plan_place_count(plan, offer);
    uint32_t whole_tail = UINT32_MAX;
    uint32_t cost;

    for (uint32_t place = places->from; place < places->end; place++) {
        if (!plan_can_use(plan, need, offer, places, place, &cost)) {
            continue;
        }
        if (cost < bound) {
            add_arc(plan, need, plan_slot_at(plan, offer, place), cost);
        }
        whole_tail = place + 1 == count ? cost : whole_tail;
    }
    uint32_t least = count == 0 ? UINT32_MAX : plan_least_in_tail(plan, need, offer);
    if (least < bound && least < whole_tail) {
        lower_bound(plan, need, least);
    }
}

/* Gives the pair the arcs that the bound promises: of late days only the first. */
static void add_arcs(struct plan *plan, uint32_t need, uint32_t offer,
                     const struct plan_places *places)
{
    for (uint32_t place = places->from; place < places->end; place++) {
        uint32_t cost;
        (void)plan_can_use(plan, need, offer, places, place, &cost);
        if (cost >= plan->needs[need].bound) {
            return;
        }
        if (place - places->from > LATE_LISTED_MAX) {
            lower_bound(plan, need, cost);
            return;
        }
        add_arc(plan, need, plan_slot_at(plan, offer, place), cost);
    }
}

/* Brings the arcs of the pair, `count` of the copied ones from `first` on, up to what is possible
 * now. */
static void fit_pair(struct plan *plan, uint32_t need, uint32_t offer, size_t first, size_t count)
{
    struct plan_places places = {0};

    if (plan_need_is_open(plan, need) && plan_offer_is_active(plan, offer)) {
        places = plan_places(plan, need, offer);
    }
    for (size_t i = first; i < first + count; i++) {
        fit_arc(plan, need, offer, &places, &plan->work[i]);
    }
    if (places.is_dated) {
        add_dated_arcs(plan, need, offer, &places);
    } else {
        add_arcs(plan, need, offer, &places);
    }
}

/* All pairs of the need that have arcs. */
static void fit_need(struct plan *plan, uint32_t need)
{
    size_t count = plan_copy_arcs(plan, need);
    size_t first = 0;

    while (first < count) {
        uint32_t offer = slots_owner(&plan->slots, plan->work[first].source);
        size_t end = first + 1;
        ENSURE(offer != SLOT_NONE);
        while (end < count && is_of(plan, offer, &plan->work[end])) {
            end++;
        }
        fit_pair(plan, need, offer, first, end - first);
        first = end;
    }
}

static int compare_pairs(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left;
    uint64_t b = *(const uint64_t *)right;

    return (a > b) - (a < b);
}

static void fit_pairs(struct plan *plan)
{
    size_t count = 0;

    if (plan->pair_count > 1) {
        qsort(plan->pairs, plan->pair_count, sizeof *plan->pairs, compare_pairs);
    }
    for (size_t i = 0; i < plan->pair_count; i++) {
        uint32_t need = (uint32_t)(plan->pairs[i] >> 32);
        uint32_t offer = (uint32_t)plan->pairs[i];
        size_t first = 0;
        if (i > 0 && plan->pairs[i] == plan->pairs[i - 1]) {
            continue;
        }
        if (i == 0 || plan->pairs[i - 1] >> 32 != need) {
            count = plan_copy_arcs(plan, need);
        }
        while (first < count && !is_of(plan, offer, &plan->work[first])) {
            first++;
        }
        size_t end = first;
        while (end < count && is_of(plan, offer, &plan->work[end])) {
            end++;
        }
        if (end > first) {
            plan_note_moved(plan, need, offer); /* Its slots may serve other days. */
        }
        fit_pair(plan, need, offer, first, end - first);
    }
    plan->pair_count = 0;
}

/* Offers. */

/* Notes every pair with an arc to the slot. */
static void note_sinks(struct plan *plan, uint32_t offer, uint32_t slot)
{
    size_t count = flow_sinks(plan->flow, slot, NULL, 0);

    GROW(plan->needs_of, plan->needs_of_capacity, count);
    flow_sinks(plan->flow, slot, plan->needs_of, count);
    for (size_t i = 0; i < count; i++) {
        note_pair(plan, plan->needs_of[i], offer);
    }
}

/* Notes the pairs whose places differ once days have passed: those of slots that serve another
 * day, and those of the last day before the tail, which may use a day that leaves it. */
static void note_turned(struct plan *plan, uint32_t number)
{
    const struct plan_offer *offer = &plan->offers[number];
    struct slot_days days = plan_offer_days(plan, number);
    uint32_t count = plan_place_count(plan, number);

    for (uint32_t i = 0; i < offer->range.count; i++) {
        uint32_t slot = offer->range.first + i;
        uint32_t place = slot_place(offer->range, offer->days, slot);
        uint32_t now = slot_place(offer->range, days, slot);
        bool is_before_tail = place != SLOT_NONE && place + 2 == count;
        bool is_same = place != SLOT_NONE && now != SLOT_NONE &&
                       slot_last_day(offer->range, offer->days, place) ==
                           slot_last_day(offer->range, days, now);
        if (is_before_tail || !is_same) {
            note_sinks(plan, number, slot);
        }
    }
}

static void note_all(struct plan *plan, uint32_t number)
{
    struct slot_range range = plan->offers[number].range;

    for (uint32_t i = 0; i < range.count; i++) {
        note_sinks(plan, number, range.first + i);
    }
}

/* Where a chain is cut, or was, any of its days may be of use to any of its needs. */
static void note_passed_day(struct plan *plan, uint32_t number)
{
    if (plan->offers[number].is_cut || plan_is_cut(plan, number, plan_offer_days(plan, number))) {
        note_all(plan, number);
    } else {
        note_turned(plan, number);
    }
}

/* Other slots, more of them; the pairs are noted. */
static void move_slots(struct plan *plan, uint32_t number)
{
    struct slot_range range = plan->offers[number].range;

    for (uint32_t i = 0; i < range.count; i++) {
        uint32_t slot = range.first + i;
        size_t count = flow_sinks(plan->flow, slot, NULL, 0);
        GROW(plan->needs_of, plan->needs_of_capacity, count);
        flow_sinks(plan->flow, slot, plan->needs_of, count);
        for (size_t j = 0; j < count; j++) {
            plan_note_moved(plan, plan->needs_of[j], number);
            flow_remove_arc(plan->flow, plan->needs_of[j], slot);
            marks_add(&plan->dirty_shares, plan->needs_of[j]);
        }
    }
    plan_release_slots(plan, number);
    plan_take_slots(plan, number);
}

static void note_causes(struct plan *plan, uint32_t number)
{
    struct plan_offer *offer = &plan->offers[number];
    int64_t capacity = plan_capacity(plan, number);

    if (!plan_offer_is_active(plan, number)) {
        offer->causes |= CAUSE_ENDED;
    } else if (capacity > offer->capacity) {
        offer->causes |= CAUSE_RISE;
    } else if (capacity < offer->capacity && !(offer->causes & CAUSE_DAY)) {
        offer->causes |= CAUSE_DROP;
    }
    offer->capacity = capacity;
}

static void sync_offer(struct plan *plan, uint32_t number)
{
    struct plan_offer *offer = &plan->offers[number];

    if (marks_has(&plan->stale_offers, number)) {
        note_all(plan, number);
    } else if (offer->causes & CAUSE_DAY) {
        note_passed_day(plan, number);
    }
    if (offer->range.count > 0 && plan_wants_more_slots(plan, number)) {
        note_all(plan, number);
        move_slots(plan, number);
    }
    plan_set_days(plan, number);
    note_causes(plan, number);
    marks_add(&plan->dirty_fixed, number);
    marks_add(&plan->pending_offers, number); /* Its price may stand while its costs fall. */
}

static bool is_over(const struct plan *plan, uint32_t offer)
{
    uint8_t state = plan->market->offers[offer].state;

    return state == OFFER_WITHDRAWN || state == OFFER_EXPIRED;
}

static void sync_offers(struct plan *plan)
{
    marks_sort(&plan->stale_offers);
    for (size_t i = 0; i < plan->stale_offers.count; i++) {
        marks_add(&plan->touched_offers, plan->stale_offers.items[i]);
    }
    marks_sort(&plan->touched_offers);
    for (size_t i = 0; i < plan->touched_offers.count; i++) {
        sync_offer(plan, plan->touched_offers.items[i]);
    }
    marks_clear(&plan->stale_offers);
}

static void release_slots(struct plan *plan)
{
    for (size_t i = 0; i < plan->touched_offers.count; i++) {
        uint32_t offer = plan->touched_offers.items[i];
        if (is_over(plan, offer) && plan->offers[offer].range.count > 0) {
            plan_release_slots(plan, offer);
        }
    }
}

/* Needs. */

static void sync_need(struct plan *plan, uint32_t number)
{
    struct flow_tranche tranches[TRANCHE_COUNT];
    size_t count = plan_tranches(plan, number, tranches);

    if (!plan_need_is_open(plan, number)) {
        plan->needs[number].causes |= CAUSE_ENDED;
        marks_add(&plan->stale_needs, number);
    }
    flow_set_sink(plan->flow, number, tranches, count);
}

static void sync_needs(struct plan *plan)
{
    marks_sort(&plan->touched_needs);
    for (size_t i = 0; i < plan->touched_needs.count; i++) {
        sync_need(plan, plan->touched_needs.items[i]);
    }
}

static void fit_stale_needs(struct plan *plan)
{
    marks_sort(&plan->stale_needs);
    for (size_t i = 0; i < plan->stale_needs.count; i++) {
        fit_need(plan, plan->stale_needs.items[i]);
    }
    marks_clear(&plan->stale_needs);
}

static void widen_to(struct plan *plan, uint32_t offer, uint32_t asked)
{
    const struct market *market = plan->market;
    const struct number_list *needs = &market->products[asked].needs;

    for (size_t i = 0; i < needs->count; i++) {
        struct match match = match_check(market, &plan->options.rules, needs->items[i], offer);
        if (match.reason == MATCH_POSSIBLE && match.cost < plan->needs[needs->items[i]].bound) {
            note_pair(plan, needs->items[i], offer);
        }
    }
}

/* Gives the offers an arc to every need whose bound says that it has one. */
static void widen(struct plan *plan)
{
    const struct market *market = plan->market;
    uint32_t asked[PRODUCT_ASKED_MAX];

    marks_sort(&plan->wide_offers);
    for (size_t i = 0; i < plan->wide_offers.count; i++) {
        uint32_t offer = plan->wide_offers.items[i];
        size_t count = market_asked_products(market, market->offers[offer].product, asked);
        for (size_t j = 0; plan_offer_is_active(plan, offer) && j < count; j++) {
            widen_to(plan, offer, asked[j]);
        }
        marks_add(&plan->pending_offers, offer);
    }
    marks_clear(&plan->wide_offers);
}

void plan_sync(struct plan *plan)
{
    sync_offers(plan);
    sync_needs(plan);
    fit_stale_needs(plan);
    widen(plan);
    fit_pairs(plan);
    release_slots(plan);
}
