/*
 * bring.c - an optimum over all matches from a network that holds few of them.
 *
 * A missing match (need, slot) pays exactly when cost + price(slot) < value(need). Every
 * match of use that is cheaper than the need's bound has an arc, so one that is missing can pay
 * only when
 *
 *     bound + price < value      or, with reach = value - bound,      price < reach
 *
 * Of an offer's slots one has the least price, which stands for them all in the ranking.
 *
 * Only needs whose value rose and offers whose price fell can have come to that since the last
 * settle. For each product, and each that it may stand in for or be replaced by, the candidates of
 * the other side are ranked once, needs by falling reach, offers by rising price, and each walk
 * ends where it can pay no more. The best are added, the flow settles again, until nothing is
 * missing. Then what the flow says counts as told: from there on it moves only for more than the
 * stability bonus. That lowers values and leaves prices, so nothing pays that did not.
 */
#include "core/plan/internal.h"

#include <stdlib.h>
#include <string.h>

#define NEED_MISSING_MAX 8   /* Arcs added to one need in a round. */
#define OFFER_MISSING_MAX 64 /* The same for an offer. */
#define PAIR_MISSING_MAX 4   /* Of these, days of one offer for one need. */

struct best { /* What is kept of the missing matches noted from `first` on. */
    size_t first;
    size_t count_max;
};

static int64_t reach_of(const struct plan *plan, uint32_t need)
{
    uint32_t bound = plan->needs[need].bound;

    return bound == UINT32_MAX ? INT64_MIN : flow_value(plan->flow, need) - (int64_t)bound;
}

static int compare_ranked(const void *left, const void *right)
{
    const struct ranked *a = left;
    const struct ranked *b = right;

    if (a->key != b->key) {
        return a->key < b->key ? -1 : 1;
    }
    return (a->number > b->number) - (a->number < b->number);
}

static int compare_missing(const void *left, const void *right)
{
    const struct missing *a = left;
    const struct missing *b = right;

    if (a->gain != b->gain) {
        return a->gain > b->gain ? -1 : 1;
    }
    if (a->need != b->need) {
        return a->need < b->need ? -1 : 1;
    }
    return (a->slot > b->slot) - (a->slot < b->slot);
}

static int compare_u64(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left;
    uint64_t b = *(const uint64_t *)right;

    return (a > b) - (a < b);
}

static void rank(struct plan *plan, int64_t key, uint32_t number)
{
    GROW(plan->ranked, plan->ranked_capacity, plan->ranked_count + 1);
    plan->ranked[plan->ranked_count++] = (struct ranked){.key = key, .number = number};
}

static void sort_ranked(struct plan *plan)
{
    if (plan->ranked_count > 1) {
        qsort(plan->ranked, plan->ranked_count, sizeof *plan->ranked, compare_ranked);
    }
}

/* Notes a match among those from `first` on, of which only the best `count_max` stay, best first.
 */
static void note_missing(struct plan *plan, const struct missing *missing, const struct best *best)
{
    size_t at = plan->missing_count;

    if (at - best->first == best->count_max) {
        if (compare_missing(missing, &plan->missing[at - 1]) >= 0) {
            return;
        }
        at--;
    } else {
        GROW(plan->missing, plan->missing_capacity, plan->missing_count + 1);
        plan->missing_count++;
    }
    for (; at > best->first && compare_missing(missing, &plan->missing[at - 1]) < 0; at--) {
        plan->missing[at] = plan->missing[at - 1];
    }
    plan->missing[at] = *missing;
}

/* What a match must gain at least to be noted. */
static int64_t gain_wanted(const struct plan *plan, size_t end, const struct best *best)
{
    return end - best->first == best->count_max ? plan->missing[end - 1].gain : 1;
}

/* Notes the days of an offer that have no arc and pay as a list of its own. Later places cost no
 * less, unless rules have dates, and no place has a price below the offer's. */
static void consider_days(struct plan *plan, uint32_t need, uint32_t offer, int64_t gain_min)
{
    struct plan_places places = plan_places(plan, need, offer);
    const struct best best = {.first = plan->missing_count, .count_max = PAIR_MISSING_MAX};
    int64_t value = flow_value(plan->flow, need);
    int64_t reach = value - plan_offer_price(plan, offer);

    for (uint32_t place = places.from; place < places.end; place++) {
        uint32_t slot = plan_slot_at(plan, offer, place);
        uint32_t cost;
        if (!plan_can_use(plan, need, offer, &places, place, &cost)) {
            continue;
        }
        int64_t wanted = max_i64(gain_min, gain_wanted(plan, plan->missing_count, &best));
        if (!places.is_dated && reach - (int64_t)cost < wanted) {
            return;
        }
        int64_t gain = value - flow_price(plan->flow, slot) - (int64_t)cost;
        if (gain > 0 && !flow_has_arc(plan->flow, need, slot)) {
            note_missing(plan,
                         &(struct missing){.need = need, .slot = slot, .cost = cost, .gain = gain},
                         &best);
        }
    }
}

/* Notes the best matches of a need with the days of an offer that have no arc and pay. */
static void consider(struct plan *plan, uint32_t need, uint32_t offer, const struct best *best)
{
    const struct slot_range range = plan->offers[offer].range;
    struct missing found[PAIR_MISSING_MAX];
    size_t first = plan->missing_count;

    if (range.count == 1 && flow_has_arc(plan->flow, need, range.first)) {
        return;
    }
    consider_days(plan, need, offer, gain_wanted(plan, first, best));
    size_t count = plan->missing_count - first;
    if (count > 0) {
        memcpy(found, plan->missing + first, count * sizeof *found);
    }
    plan->missing_count = first;
    for (size_t i = 0; i < count; i++) {
        note_missing(plan, &found[i], best);
    }
}

/* Pending numbers grouped by product: product << 32 | number, ascending. */
static size_t group(struct plan *plan, const struct marks *marks, bool of_needs)
{
    size_t count = 0;

    GROW(plan->grouped, plan->grouped_capacity, marks->count);
    for (size_t i = 0; i < marks->count; i++) {
        uint32_t number = marks->items[i];
        bool is_live =
            of_needs ? plan_need_is_open(plan, number) : plan_offer_is_active(plan, number);
        uint32_t product =
            of_needs ? plan->market->needs[number].product : plan->market->offers[number].product;
        if (is_live) {
            plan->grouped[count++] = (uint64_t)product << 32 | number;
        }
    }
    if (count > 1) {
        qsort(plan->grouped, count, sizeof *plan->grouped, compare_u64);
    }
    return count;
}

/* Calls `look` for each product of the group with its numbers. */
static void each_product(struct plan *plan, size_t count,
                         void (*look)(struct plan *plan, uint32_t product, const uint64_t *numbers,
                                      size_t count))
{
    size_t first = 0;

    while (first < count) {
        uint32_t product = (uint32_t)(plan->grouped[first] >> 32);
        size_t end = first + 1;
        while (end < count && plan->grouped[end] >> 32 == product) {
            end++;
        }
        look(plan, product, plan->grouped + first, end - first);
        first = end;
    }
}

static void widen_price(struct plan *plan, uint32_t product, const uint64_t *numbers, size_t count)
{
    int64_t *price_min = &plan->products[product].price_min;

    for (size_t i = 0; i < count; i++) {
        *price_min = min_i64(*price_min, plan_offer_price(plan, (uint32_t)numbers[i]));
    }
}

static void widen_reach(struct plan *plan, uint32_t product, const uint64_t *numbers, size_t count)
{
    int64_t *reach_max = &plan->products[product].reach_max;

    for (size_t i = 0; i < count; i++) {
        *reach_max = max_i64(*reach_max, reach_of(plan, (uint32_t)numbers[i]));
    }
}

/* The best of the needs' missing matches with goods of `given`. `reach_max`: of the needs. */
static void look_at_offers(struct plan *plan, uint32_t given, int64_t reach_max,
                           const uint64_t *numbers, size_t count)
{
    const struct number_list *offers = &plan->market->products[given].offers;
    struct plan_product *bounds = &plan->products[given];
    int64_t price_min = INT64_MAX;

    if (reach_max <= bounds->price_min) {
        return;
    }
    plan->ranked_count = 0;
    for (size_t i = 0; i < offers->count; i++) {
        int64_t price = plan_offer_price(plan, offers->items[i]);
        price_min = min_i64(price_min, price);
        if (price < reach_max) {
            rank(plan, price, offers->items[i]);
        }
    }
    bounds->price_min = price_min;
    sort_ranked(plan);
    for (size_t i = 0; i < count; i++) {
        uint32_t need = (uint32_t)numbers[i];
        int64_t reach = reach_of(plan, need);
        const struct best best = {.first = plan->missing_count, .count_max = NEED_MISSING_MAX};
        for (size_t j = 0; j < plan->ranked_count && plan->ranked[j].key < reach; j++) {
            consider(plan, need, plan->ranked[j].number, &best);
        }
    }
}

static void look_from_needs(struct plan *plan, uint32_t product, const uint64_t *numbers,
                            size_t count)
{
    uint32_t given[PRODUCT_GIVEN_MAX];
    size_t given_count = market_given_products(plan->market, product, given);
    int64_t reach_max = INT64_MIN;

    for (size_t i = 0; i < count; i++) {
        reach_max = max_i64(reach_max, reach_of(plan, (uint32_t)numbers[i]));
    }
    for (size_t i = 0; i < given_count; i++) {
        look_at_offers(plan, given[i], reach_max, numbers, count);
    }
}

/* The best of the offers' missing matches with needs of `asked`. `price_min`: of the offers. */
static void look_at_needs(struct plan *plan, uint32_t asked, int64_t price_min,
                          const uint64_t *numbers, size_t count)
{
    const struct number_list *needs = &plan->market->products[asked].needs;
    struct plan_product *bounds = &plan->products[asked];
    int64_t reach_max = INT64_MIN;

    if (bounds->reach_max <= price_min) {
        return;
    }
    plan->ranked_count = 0;
    for (size_t i = 0; i < needs->count; i++) {
        int64_t reach = reach_of(plan, needs->items[i]);
        reach_max = max_i64(reach_max, reach);
        if (reach > price_min && !marks_has(&plan->pending_needs, needs->items[i])) {
            rank(plan, -reach, needs->items[i]); /* Pending ones look at all offers themselves. */
        }
    }
    bounds->reach_max = reach_max;
    sort_ranked(plan);
    for (size_t i = 0; i < count; i++) {
        uint32_t offer = (uint32_t)numbers[i];
        int64_t price = plan_offer_price(plan, offer);
        const struct best best = {.first = plan->missing_count, .count_max = OFFER_MISSING_MAX};
        for (size_t j = 0; j < plan->ranked_count && -plan->ranked[j].key > price; j++) {
            consider(plan, plan->ranked[j].number, offer, &best);
        }
    }
}

static void look_from_offers(struct plan *plan, uint32_t product, const uint64_t *numbers,
                             size_t count)
{
    uint32_t asked[PRODUCT_ASKED_MAX];
    size_t asked_count = market_asked_products(plan->market, product, asked);
    int64_t price_min = INT64_MAX;

    for (size_t i = 0; i < count; i++) {
        price_min = min_i64(price_min, plan_offer_price(plan, (uint32_t)numbers[i]));
    }
    for (size_t i = 0; i < asked_count; i++) {
        look_at_needs(plan, asked[i], price_min, numbers, count);
    }
}

/* Adds the missing arcs of one need, from `first` on; returns the first of the next. */
static size_t add_missing(struct plan *plan, size_t first)
{
    uint32_t need = plan->missing[first].need;
    size_t end = first;

    for (; end < plan->missing_count && plan->missing[end].need == need; end++) {
        const struct missing *missing = &plan->missing[end];
        size_t at = end - first;
        GROW(plan->work, plan->work_capacity, at + 1);
        for (; at > 0 && plan->work[at - 1].source > missing->slot; at--) {
            plan->work[at] = plan->work[at - 1];
        }
        plan->work[at] = (struct flow_arc){.source = missing->slot, .cost = missing->cost};
        marks_add(&plan->pending_offers, slots_owner(&plan->slots, missing->slot));
    }
    flow_add_arcs(plan->flow, need, plan->work, end - first);
    marks_add(&plan->dirty_shares, need);
    marks_add(&plan->pending_needs, need);
    marks_add(&plan->grown_needs, need);
    return end;
}

/* Finds what is missing around the pending needs and offers, and adds it. Those that got something
 * are looked at again in the next round, since not all may have been added. */
static bool bring_in(struct plan *plan)
{
    size_t count = group(plan, &plan->pending_offers, false);

    plan->missing_count = 0;
    each_product(plan, count, widen_price);
    count = group(plan, &plan->pending_needs, true);
    each_product(plan, count, widen_reach);
    each_product(plan, count, look_from_needs);
    count = group(plan, &plan->pending_offers, false);
    each_product(plan, count, look_from_offers);
    marks_clear(&plan->pending_needs);
    marks_clear(&plan->pending_offers);
    for (size_t i = 0; i < plan->missing_count;) {
        i = add_missing(plan, i);
    }
    return plan->missing_count > 0;
}

/* Notes what the flow just did. */
static void collect(struct plan *plan)
{
    size_t count;
    const struct flow_change *changes = flow_changes(plan->flow, &count);

    GROW(plan->moved, plan->moved_capacity, plan->moved_count + count);
    for (size_t i = 0; i < count; i++) {
        uint32_t offer = slots_owner(&plan->slots, changes[i].source);
        if (offer != SLOT_NONE) { /* Else the offer is over, and its pairs are noted. */
            plan->moved[plan->moved_count++] = (uint64_t)changes[i].sink << 32 | offer;
        }
    }
    const uint32_t *numbers = flow_dearer_sinks(plan->flow, &count);
    for (size_t i = 0; i < count; i++) {
        marks_add(&plan->pending_needs, numbers[i]);
    }
    numbers = flow_cheaper_sources(plan->flow, &count);
    for (size_t i = 0; i < count; i++) {
        uint32_t offer = slots_owner(&plan->slots, numbers[i]);
        if (offer != SLOT_NONE) {
            marks_add(&plan->pending_offers, offer);
        }
    }
    flow_clear_changes(plan->flow);
}

static int compare_arcs(const void *left, const void *right)
{
    const struct flow_arc *a = left;
    const struct flow_arc *b = right;

    if (a->cost != b->cost) {
        return a->cost < b->cost ? -1 : 1;
    }
    return (a->source > b->source) - (a->source < b->source);
}

/* Whether what is told needs the arc: some of the offer is told that does not flow. */
static bool is_told(const struct plan *plan, uint32_t need, uint32_t source)
{
    return plan->needs[need].first_bend != 0 &&
           plan_bend(plan, need, slots_owner(&plan->slots, source)) > 0;
}

/* A need with twice the arcs that are kept goes back to the cheapest and those that serve it. In a
 * settled flow an arc without units can go without harm; the bound then begins with it. */
static void prune(struct plan *plan, uint32_t need)
{
    size_t count;
    size_t kept_max = plan->options.rules.kept_max;
    const struct flow_arc *arcs = flow_arcs(plan->flow, need, &count);

    if (count <= 2 * kept_max) {
        return;
    }
    GROW(plan->work, plan->work_capacity, count);
    memcpy(plan->work, arcs, count * sizeof *arcs);
    qsort(plan->work, count, sizeof *plan->work, compare_arcs);
    for (size_t i = kept_max; i < count; i++) {
        const struct flow_arc *arc = &plan->work[i];
        if (arc->units == 0 && !is_told(plan, need, arc->source)) {
            flow_remove_arc(plan->flow, need, arc->source);
            plan->needs[need].bound = (uint32_t)min_u64(plan->needs[need].bound, arc->cost);
        }
    }
    int64_t *reach_max = &plan->products[plan->market->needs[need].product].reach_max;
    *reach_max = max_i64(*reach_max, reach_of(plan, need));
    marks_add(&plan->dirty_shares, need);
}

void plan_sort_moved(struct plan *plan)
{
    if (plan->moved_count > 1) {
        qsort(plan->moved, plan->moved_count, sizeof *plan->moved, compare_u64);
    }
}

void plan_optimise(struct plan *plan)
{
    do {
        flow_settle(plan->flow);
        collect(plan);
    } while (bring_in(plan));
    flow_announce(plan->flow);
    marks_clear(&plan->pending_needs);
    marks_clear(&plan->pending_offers);
    for (size_t i = 0; i < plan->grown_needs.count; i++) {
        prune(plan, plan->grown_needs.items[i]);
    }
    plan_sort_moved(plan);
}
