/*
 * arcs.c - brings the flow up to what the market says: capacities, tranches, arcs.
 */
#include "core/plan/internal.h"

#include <assert.h>
#include <string.h>

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

static int64_t capacity_of(const struct plan *plan, uint32_t offer)
{
    return plan_offer_is_active(plan, offer) ? (int64_t)plan->market->offers[offer].capacity : 0;
}

int64_t plan_offer_rest(const struct plan *plan, uint32_t offer)
{
    return max_i64(0, capacity_of(plan, offer) - plan->offers[offer].fixed);
}

static void sync_offer(struct plan *plan, uint32_t number)
{
    struct plan_offer *offer = &plan->offers[number];
    int64_t capacity = capacity_of(plan, number);

    if (!plan_offer_is_active(plan, number)) {
        offer->causes |= CAUSE_ENDED;
    } else if (capacity > offer->capacity) {
        offer->causes |= CAUSE_RISE;
    } else if (capacity < offer->capacity) {
        offer->causes |= CAUSE_DROP;
    }
    offer->capacity = capacity;
    flow_set_source(plan->flow, number, plan_offer_rest(plan, number));
    marks_add(&plan->pending_offers, number); /* Its price may stand while its costs fall. */
}

static void note_moved(struct plan *plan, uint32_t need, uint32_t offer)
{
    GROW(plan->moved, plan->moved_capacity, plan->moved_count + 1);
    plan->moved[plan->moved_count++] = (uint64_t)need << 32 | offer;
}

/* Sets or removes what differs, of all arcs or, unless NAME_NONE, the one to `only`. A removed arc
 * takes its flow along. */
static void check_arcs(struct plan *plan, uint32_t need, uint32_t only)
{
    size_t count;
    const struct flow_arc *arcs = flow_arcs(plan->flow, need, &count);

    GROW(plan->work, plan->work_capacity, count);
    if (count > 0) {
        memcpy(plan->work, arcs, count * sizeof *arcs);
    }
    for (size_t i = 0; i < count; i++) {
        uint32_t offer = plan->work[i].source;
        if (only != NAME_NONE && only != offer) {
            continue;
        }
        struct match match = match_check(plan->market, &plan->options.rules, need, offer);
        if (match.reason != MATCH_POSSIBLE || plan_is_excluded(plan, need, offer)) {
            note_moved(plan, need, offer);
            flow_remove_arc(plan->flow, need, offer);
        } else if (match.cost != plan->work[i].cost) {
            flow_set_arc(plan->flow, need, offer, match.cost);
        } else {
            continue;
        }
        marks_add(&plan->dirty_shares, need);
    }
}

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

static void check_stale_offers(struct plan *plan)
{
    marks_sort(&plan->stale_offers);
    for (size_t i = 0; i < plan->stale_offers.count; i++) {
        uint32_t offer = plan->stale_offers.items[i];
        size_t count = flow_sinks(plan->flow, offer, NULL, 0);
        GROW(plan->needs_of, plan->needs_of_capacity, count);
        flow_sinks(plan->flow, offer, plan->needs_of, count);
        for (size_t j = 0; j < count; j++) {
            check_arcs(plan, plan->needs_of[j], offer);
        }
    }
    marks_clear(&plan->stale_offers);
}

static void check_stale_needs(struct plan *plan)
{
    marks_sort(&plan->stale_needs);
    for (size_t i = 0; i < plan->stale_needs.count; i++) {
        check_arcs(plan, plan->stale_needs.items[i], NAME_NONE);
    }
    marks_clear(&plan->stale_needs);
}

/* Gives the offer an arc to every need whose bound says that it has one. */
static void widen_to(struct plan *plan, uint32_t offer, uint32_t asked)
{
    const struct market *market = plan->market;
    const struct number_list *needs = &market->products[asked].needs;

    for (size_t i = 0; i < needs->count; i++) {
        uint32_t need = needs->items[i];
        struct match match = match_check(market, &plan->options.rules, need, offer);
        if (match.reason == MATCH_POSSIBLE && match.cost < plan->needs[need].bound &&
            !plan_is_excluded(plan, need, offer)) {
            flow_set_arc(plan->flow, need, offer, match.cost);
            marks_add(&plan->dirty_shares, need);
            marks_add(&plan->grown_needs, need);
        }
    }
}

static void widen(struct plan *plan, uint32_t offer)
{
    uint32_t asked[PRODUCT_ASKED_MAX];
    size_t count = market_asked_products(plan->market, plan->market->offers[offer].product, asked);

    for (size_t i = 0; plan_offer_is_active(plan, offer) && i < count; i++) {
        widen_to(plan, offer, asked[i]);
    }
}

void plan_sync(struct plan *plan)
{
    marks_sort(&plan->touched_offers);
    for (size_t i = 0; i < plan->touched_offers.count; i++) {
        sync_offer(plan, plan->touched_offers.items[i]);
    }
    marks_sort(&plan->touched_needs);
    for (size_t i = 0; i < plan->touched_needs.count; i++) {
        sync_need(plan, plan->touched_needs.items[i]);
    }
    check_stale_offers(plan);
    check_stale_needs(plan);
    marks_sort(&plan->wide_offers);
    for (size_t i = 0; i < plan->wide_offers.count; i++) {
        widen(plan, plan->wide_offers.items[i]);
        marks_add(&plan->pending_offers, plan->wide_offers.items[i]);
    }
    marks_clear(&plan->wide_offers);
}
