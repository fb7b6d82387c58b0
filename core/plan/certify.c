/*
 * certify.c - checks everything from scratch, matches pair by pair.
 */
#include "core/plan/internal.h"

#include <stdlib.h>
#include <string.h>

struct proof {
    const struct plan *plan;
    char *problem; /* May be NULL. */
    int64_t *fixed_of_offer;
    uint64_t live;
    uint64_t received;
    uint64_t promised[CLASS_COUNT + 1];
};

/* Says what does not hold, with the names of the two it is about. */
static bool fail(const struct proof *proof, const char *what, uint32_t need, uint32_t offer)
{
    const struct market *market = proof->plan->market;
    struct buffer text = {0};

    if (proof->problem == NULL) {
        return false;
    }
    buffer_append_text(&text, what);
    if (need != NAME_NONE) {
        buffer_format(&text, ": need %.*s", BYTES_ARGS(names_text(&market->need_ids, need)));
    }
    if (offer != NAME_NONE) {
        buffer_format(&text, ": offer %.*s", BYTES_ARGS(names_text(&market->offer_ids, offer)));
    }
    size_t size = min_u64(text.size, 159);
    memcpy(proof->problem, text.data, size);
    proof->problem[size] = '\0';
    buffer_deinit(&text);
    return false;
}

static bool check_listed(const struct proof *proof, uint32_t need, const struct flow_arc *arc,
                         const struct match *match)
{
    const struct plan *plan = proof->plan;

    if (plan_is_excluded(plan, need, arc->source)) {
        return fail(proof, "a pair that a party closed has an arc", need, arc->source);
    }
    if (match->reason != MATCH_POSSIBLE || match->cost != arc->cost) {
        return fail(proof, "an arc is no match or has another cost", need, arc->source);
    }
    uint32_t number = plan_find_unfixed(plan, need, arc->source);
    int64_t told = number == 0 ? 0 : plan->assignments[number].quantity;
    if (told != arc->units) {
        return fail(proof, "an assignment differs from the flow", need, arc->source);
    }
    return true;
}

static bool check_unlisted(const struct proof *proof, uint32_t need, uint32_t offer,
                           const struct match *match)
{
    const struct plan *plan = proof->plan;

    if (match->reason != MATCH_POSSIBLE || plan_is_excluded(plan, need, offer)) {
        return true;
    }
    if (match->cost < plan->needs[need].bound) {
        return fail(proof, "an offer below the bound has no arc", need, offer);
    }
    if (match->cost + flow_price(plan->flow, offer) < flow_value(plan->flow, need)) {
        return fail(proof, "a match that pays has no arc", need, offer);
    }
    if (plan_offer_rest(plan, offer) > flow_source_used(plan->flow, offer) &&
        flow_sink_wanted(plan->flow, need) > flow_sink_served(plan->flow, need)) {
        return fail(proof, "an offer lies idle that a need would take", need, offer);
    }
    return true;
}

static bool check_offers(const struct proof *proof, uint32_t need, uint32_t given)
{
    const struct plan *plan = proof->plan;
    const struct number_list *offers = &plan->market->products[given].offers;

    for (size_t i = 0; i < offers->count; i++) {
        uint32_t offer = offers->items[i];
        struct match match = match_check(plan->market, &plan->options.rules, need, offer);
        if (!flow_has_arc(plan->flow, need, offer) && !check_unlisted(proof, need, offer, &match)) {
            return false;
        }
    }
    return true;
}

static bool check_matches(const struct proof *proof, uint32_t need)
{
    const struct market *market = proof->plan->market;
    uint32_t given[PRODUCT_GIVEN_MAX];
    size_t count = market_given_products(market, market->needs[need].product, given);

    for (size_t i = 0; i < count; i++) {
        if (!check_offers(proof, need, given[i])) {
            return false;
        }
    }
    return true;
}

static bool check_arcs(const struct proof *proof, uint32_t need)
{
    const struct plan *plan = proof->plan;
    size_t count;
    const struct flow_arc *arcs = flow_arcs(plan->flow, need, &count);

    for (size_t i = 0; i < count; i++) {
        struct match match = match_check(plan->market, &plan->options.rules, need, arcs[i].source);
        if (!check_listed(proof, need, &arcs[i], &match)) {
            return false;
        }
    }
    return true;
}

static bool check_need(struct proof *proof, uint32_t number)
{
    const struct plan *plan = proof->plan;
    const struct need *need = &plan->market->needs[number];
    int64_t fixed = 0;
    int64_t loose = 0;

    for (uint32_t i = plan->needs[number].first; i != 0; i = plan->next[i]) {
        const struct plan_assignment *assignment = &plan->assignments[i];
        bool is_fixed = life_is_fixed(assignment->state);
        bool is_received = assignment->state == ASSIGNMENT_RECEIVED;
        fixed += is_fixed ? assignment->quantity : 0;
        loose += is_fixed ? 0 : assignment->quantity;
        proof->fixed_of_offer[assignment->offer] += is_fixed ? assignment->quantity : 0;
        proof->live += !is_received;
        proof->received += is_received ? (uint64_t)assignment->quantity : 0;
        proof->promised[need->class_number] += is_received ? 0 : (uint64_t)assignment->quantity;
    }
    if (fixed != plan->needs[number].fixed) {
        return fail(proof, "what is fixed differs from the assignments", number, NAME_NONE);
    }
    if (loose != flow_sink_served(plan->flow, number)) {
        return fail(proof, "what is proposed differs from the flow", number, NAME_NONE);
    }
    if (loose > 0 && fixed + loose > (int64_t)need->quantity) {
        return fail(proof, "a need is served beyond its quantity", number, NAME_NONE);
    }
    if (need->state != NEED_OPEN) {
        return loose == 0 || fail(proof, "a need that is not open is served", number, NAME_NONE);
    }
    return check_arcs(proof, number) && check_matches(proof, number);
}

static bool check_offer(const struct proof *proof, uint32_t offer)
{
    const struct plan *plan = proof->plan;

    if (proof->fixed_of_offer[offer] != plan->offers[offer].fixed) {
        return fail(proof, "what is fixed differs from the assignments", NAME_NONE, offer);
    }
    if (flow_source_capacity(plan->flow, offer) != plan_offer_rest(plan, offer)) {
        return fail(proof, "the flow has another capacity", NAME_NONE, offer);
    }
    if (flow_source_used(plan->flow, offer) > plan_offer_rest(plan, offer)) {
        return fail(proof, "more is promised than there is", NAME_NONE, offer);
    }
    return true;
}

static bool check_totals(const struct proof *proof)
{
    const struct plan *plan = proof->plan;
    struct plan_totals counted = {0};

    for (uint32_t i = 0; i < plan->market->need_ids.count; i++) {
        const struct need *need = &plan->market->needs[i];
        counted.quarantined += need->state == NEED_QUARANTINED;
        if (need->state == NEED_OPEN) {
            counted.open_needs++;
            counted.units_wanted += need->quantity;
            counted.class_wanted[need->class_number] += need->quantity;
        }
    }
    for (uint32_t i = 0; i < plan->market->offer_ids.count; i++) {
        counted.quarantined += plan->market->offers[i].state == OFFER_QUARANTINED;
        counted.active_offers += plan->market->offers[i].state == OFFER_ACTIVE;
    }
    counted.assignments = proof->live;
    counted.units_received = proof->received;
    for (size_t i = 1; i <= CLASS_COUNT; i++) {
        counted.class_promised[i] = proof->promised[i];
        counted.units_promised += proof->promised[i];
    }
    return memcmp(&counted, &plan->totals, sizeof counted) == 0 ||
           fail(proof, "the totals differ from the sums", NAME_NONE, NAME_NONE);
}

static bool check_all(struct proof *proof)
{
    const struct market *market = proof->plan->market;

    if (!flow_certify(proof->plan->flow, proof->problem)) {
        return false;
    }
    for (uint32_t need = 0; need < market->need_ids.count; need++) {
        if (!check_need(proof, need)) {
            return false;
        }
    }
    for (uint32_t offer = 0; offer < market->offer_ids.count; offer++) {
        if (!check_offer(proof, offer)) {
            return false;
        }
    }
    return check_totals(proof);
}

bool plan_certify(const struct plan *plan, char problem[160])
{
    struct proof proof = {.plan = plan, .problem = problem};

    proof.fixed_of_offer = memory_take(plan->market->offer_ids.count, sizeof *proof.fixed_of_offer);
    bool is_good = check_all(&proof);
    free(proof.fixed_of_offer);
    return is_good;
}
