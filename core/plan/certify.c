/*
 * certify.c - checks everything from scratch, matches pair by pair.
 */
#include "core/match/rules.h"
#include "core/plan/internal.h"

#include <stdlib.h>
#include <string.h>

struct proof {
    const struct plan *plan;
    char *problem; /* May be NULL. */
    int64_t *fixed_of_offer;
    uint64_t live;
    uint64_t received;
    uint64_t doubted;
    uint64_t missed;
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

/* What the assignments of a need say of an offer, against the flow and what lots make of it. */
static bool check_told(const struct proof *proof, uint32_t need, uint32_t offer)
{
    const struct plan *plan = proof->plan;
    uint32_t number = plan_find_unfixed(plan, need, offer);
    struct plan_share told = plan_told(plan, need, offer);

    if ((number == 0 ? 0 : plan->assignments[number].quantity) != told.units) {
        return fail(proof, "an assignment differs from what is told", need, offer);
    }
    if (number != 0 && plan->assignments[number].day != told.day) {
        return fail(proof, "an assignment has another day than what is told", need, offer);
    }
    if (number != 0 && plan_match_on(plan, need, offer, told.day).reason != MATCH_POSSIBLE) {
        return fail(proof, "what is told is no match", need, offer);
    }
    return true;
}

/* Lots: none is told less, and none lies idle that a need could be told. */
static bool check_lots(const struct proof *proof, uint32_t need)
{
    const struct plan *plan = proof->plan;
    uint32_t idle = plan->bend_count == 0 ? NAME_NONE : plan_find_idle(plan, need);

    if (!plan_is_lotted(plan, need)) {
        return fail(proof, "less than a lot is told", need, NAME_NONE);
    }
    return idle == NAME_NONE || fail(proof, "a lot lies idle that a need would take", need, idle);
}

/* One slot of an offer, at `place`; `match` is that of its last day. */
struct claim {
    uint32_t need, offer, place, slot;
    bool is_of_use; /* For the plan: no later one is on time as well. */
    struct match match;
};

static bool check_listed(const struct proof *proof, const struct claim *claim)
{
    const struct plan *plan = proof->plan;
    size_t count;
    const struct flow_arc *arcs = flow_arcs(plan->flow, claim->need, &count);

    while (arcs->source != claim->slot) {
        arcs++;
    }
    if (plan_is_excluded(plan, claim->need, claim->offer)) {
        return fail(proof, "a pair that a party closed has an arc", claim->need, claim->offer);
    }
    if (claim->match.reason != MATCH_POSSIBLE || claim->match.cost != arcs->cost) {
        return fail(proof, "an arc is no match or has another cost", claim->need, claim->offer);
    }
    if (!claim->is_of_use) {
        return fail(proof, "an arc has a later one beside it", claim->need, claim->offer);
    }
    return true;
}

static bool check_unlisted(const struct proof *proof, const struct claim *claim)
{
    const struct plan *plan = proof->plan;
    const struct flow *flow = plan->flow;

    if (claim->match.reason != MATCH_POSSIBLE ||
        plan_is_excluded(plan, claim->need, claim->offer)) {
        return true;
    }
    if (claim->is_of_use && claim->match.cost < plan->needs[claim->need].bound) {
        return fail(proof, "an offer below the bound has no arc", claim->need, claim->offer);
    }
    if (claim->match.cost + flow_price(flow, claim->slot) < flow_value(flow, claim->need)) {
        return fail(proof, "a match that pays has no arc", claim->need, claim->offer);
    }
    if (flow_source_capacity(flow, claim->slot) > flow_source_used(flow, claim->slot) &&
        flow_sink_wanted(flow, claim->need) > flow_sink_served(flow, claim->need)) {
        return fail(proof, "an offer lies idle that a need would take", claim->need, claim->offer);
    }
    return true;
}

static bool check_pair(const struct proof *proof, uint32_t need, uint32_t offer)
{
    const struct plan *plan = proof->plan;
    uint32_t count = plan_place_count(plan, offer);

    for (uint32_t place = 0; place < count; place++) {
        struct claim claim = {
            .need = need,
            .offer = offer,
            .place = place,
            .slot = plan_slot_at(plan, offer, place),
            .match = plan_match_at(plan, need, offer, place),
        };
        claim.is_of_use = plan_is_of_use(plan, need, offer, place, &claim.match);
        if (flow_has_arc(plan->flow, need, claim.slot) ? !check_listed(proof, &claim)
                                                       : !check_unlisted(proof, &claim)) {
            return false;
        }
    }
    return check_told(proof, need, offer);
}

static bool check_offers(const struct proof *proof, uint32_t need, uint32_t given)
{
    const struct plan *plan = proof->plan;
    const struct number_list *offers = &plan->market->products[given].offers;

    for (size_t i = 0; i < offers->count; i++) {
        if (!check_pair(proof, need, offers->items[i])) {
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

/* No arc leads anywhere else, and what flows has been announced. */
static bool check_arcs(const struct proof *proof, uint32_t need)
{
    const struct plan *plan = proof->plan;
    size_t count;
    const struct flow_arc *arcs = flow_arcs(plan->flow, need, &count);

    for (size_t i = 0; i < count; i++) {
        uint32_t offer = slots_owner(&plan->slots, arcs[i].source);
        if (offer == SLOT_NONE || !plan_offer_is_active(plan, offer) ||
            rules_least_rank(plan->market, plan->market->needs[need].product,
                             plan->market->offers[offer].product) == UINT32_MAX ||
            slot_place(plan->offers[offer].range, plan->offers[offer].days, arcs[i].source) ==
                SLOT_NONE) {
            return fail(proof, "an arc leads to no day of an offer", need, NAME_NONE);
        }
        if (flow_announced(plan->flow, need, arcs[i].source) != arcs[i].units) {
            return fail(proof, "what flows is not what was announced", need, offer);
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
        proof->doubted += assignment->is_in_doubt;
        if (need->state == NEED_OPEN &&
            plan_is_doubtful(plan, assignment) != assignment->is_in_doubt) {
            return fail(proof, "a commitment's doubt is not what rules say", number, NAME_NONE);
        }
        proof->live += !is_received;
        proof->received += is_received ? (uint64_t)assignment->quantity : 0;
        proof->promised[need->class_number] += is_received ? 0 : (uint64_t)assignment->quantity;
    }
    if (fixed != plan->needs[number].fixed) {
        return fail(proof, "what is fixed differs from the assignments", number, NAME_NONE);
    }
    if (loose != plan_told_units(plan, number)) {
        return fail(proof, "what is proposed differs from what is told", number, NAME_NONE);
    }
    if (loose > 0 && fixed + loose > (int64_t)need->quantity) {
        return fail(proof, "a need is served beyond its quantity", number, NAME_NONE);
    }
    if (need->state != NEED_OPEN) {
        return loose == 0 || fail(proof, "a need that is not open is served", number, NAME_NONE);
    }
    return check_arcs(proof, number) && check_matches(proof, number) && check_lots(proof, number);
}

/* Days, chain and capacities of the slots are what follows from the market and the commitments. */
static bool check_slots(const struct proof *proof, uint32_t number)
{
    const struct plan *plan = proof->plan;
    const struct plan_offer *offer = &plan->offers[number];
    struct slot_days days = plan_offer_days(plan, number);
    int64_t capacities[SLOT_COUNT_MAX] = {0};

    if (offer->days.first != days.first || offer->days.last != days.last) {
        return fail(proof, "the slots serve other days", NAME_NONE, number);
    }
    if (plan_capacities(plan, number, capacities) != offer->missed) {
        return fail(proof, "what is missed differs from the commitments", NAME_NONE, number);
    }
    for (uint32_t i = 0; i < offer->range.count; i++) {
        uint32_t slot = offer->range.first + i;
        uint32_t place = slot_place(offer->range, days, slot);
        if (slots_owner(&plan->slots, slot) != number) {
            return fail(proof, "a slot has another owner", NAME_NONE, number);
        }
        if (flow_source_capacity(plan->flow, slot) != capacities[i]) {
            return fail(proof, "the flow has another capacity", NAME_NONE, number);
        }
        if (flow_source_used(plan->flow, slot) > capacities[i]) {
            return fail(proof, "more is promised than there is", NAME_NONE, number);
        }
        if (flow_next(plan->flow, slot) !=
            (place == SLOT_NONE ? FLOW_NONE : plan_follows(plan, number, place))) {
            return fail(proof, "the days are chained otherwise", NAME_NONE, number);
        }
    }
    return true;
}

static bool check_offer(struct proof *proof, uint32_t number)
{
    const struct plan *plan = proof->plan;
    const struct plan_offer *offer = &plan->offers[number];
    uint8_t state = plan->market->offers[number].state;
    bool is_over = state == OFFER_WITHDRAWN || state == OFFER_EXPIRED;

    proof->missed += (uint64_t)offer->missed;
    if (proof->fixed_of_offer[number] != offer->fixed) {
        return fail(proof, "what is fixed differs from the assignments", NAME_NONE, number);
    }
    if ((offer->range.count == 0) != is_over) {
        return fail(proof, "an offer has no slots, or has them still", NAME_NONE, number);
    }
    if (!plan_told_fits(plan, number)) {
        return fail(proof, "more is told than can be made", NAME_NONE, number);
    }
    return is_over || check_slots(proof, number);
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
    counted.doubted = proof->doubted;
    counted.units_missed = proof->missed;
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
