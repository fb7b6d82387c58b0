/*
 * plan.c - folds commands: the market changes at once, the flow at the next settle.
 */
#include "core/plan/internal.h"

#include "core/base/mutant.h"

#include <stdlib.h>
#include <string.h>

struct plan_options plan_options_default(void)
{
    return (struct plan_options){.rules = match_rules_default(),
                                 .tranche_lots = {1, 4, 16},
                                 .slot_count_max = SLOT_COUNT_MAX,
                                 .stability_bonus = 50};
}

void plan_open(const struct plan_options *options, struct plan **plan)
{
    struct plan *opened = memory_take(1, sizeof *opened);

    ENSURE(options->rules.kept_max <= MATCH_KEPT_MAX);
    ENSURE(options->slot_count_max >= 1);
    ENSURE(options->slot_count_max <= SLOT_COUNT_MAX);
    opened->options = *options;
    market_open(&opened->market);
    flow_open(&opened->flow);
    flow_set_bonus(opened->flow, options->stability_bonus);
    opened->day_work = memory_take(1, sizeof *opened->day_work);
    plan_keep_open(opened);
    opened->is_settled = true;
    *plan = opened;
}

void plan_close(struct plan *plan)
{
    if (plan == NULL) {
        return;
    }
    struct marks *marks[] = {
        &plan->touched_needs,  &plan->touched_offers,    &plan->stale_needs,
        &plan->stale_offers,   &plan->wide_offers,       &plan->pending_needs,
        &plan->pending_offers, &plan->dirty_parties,     &plan->dirty_products,
        &plan->dirty_needs,    &plan->dirty_offers,      &plan->dirty_shares,
        &plan->dirty_fixed,    &plan->dirty_assignments, &plan->grown_needs,
        &plan->dirty_rules,
    };
    struct day_work *work = plan->day_work;
    void *owned[] = {
        plan->needs,       plan->offers,      plan->products, plan->assignments, plan->next,
        plan->exclusions,  plan->bends,       plan->answers,  plan->moved,       plan->missing,
        plan->ranked,      plan->grouped,     plan->work,     plan->needs_of,    plan->pairs,
        plan->saved_slots, plan->next_booked, work->bookings, work->spans,       work,
    };
    for (size_t i = 0; i < COUNT_OF(marks); i++) {
        marks_deinit(marks[i]);
    }
    for (size_t i = 0; i < COUNT_OF(owned); i++) {
        free(owned[i]);
    }
    plan_keep_close(plan);
    arena_deinit(&plan->arena);
    slots_deinit(&plan->slots);
    flow_close(plan->flow);
    market_close(plan->market);
    free(plan);
}

struct market *plan_market(struct plan *plan)
{
    return plan->market;
}

struct flow *plan_flow(const struct plan *plan)
{
    return plan->flow;
}

const struct match_rules *plan_rules(const struct plan *plan)
{
    return &plan->options.rules;
}

bool plan_is_settled(const struct plan *plan)
{
    return plan->is_settled;
}

bool plan_need_is_open(const struct plan *plan, uint32_t need)
{
    return plan->market->needs[need].state == NEED_OPEN;
}

bool plan_offer_is_active(const struct plan *plan, uint32_t offer)
{
    return plan->market->offers[offer].state == OFFER_ACTIVE;
}

void plan_grow(struct plan *plan)
{
    const struct market *market = plan->market;

    GROW(plan->needs, plan->need_capacity, market->need_ids.count);
    GROW(plan->offers, plan->offer_capacity, market->offer_ids.count);
    GROW(plan->products, plan->product_capacity, market->product_ids.count);
}

/* Totals. A need is taken out as it was counted and put in as it is now. */

static void count_need(struct plan *plan, const struct plan_need *need, int64_t sign, int64_t live)
{
    struct plan_totals *totals = &plan->totals;
    uint64_t units = (uint64_t)(sign * need->counted_units);

    if (need->counted_state == 0) {
        return; /* Not counted so far. */
    }
    totals->quarantined += (uint64_t)(need->counted_state == NEED_QUARANTINED ? sign : 0);
    if (need->counted_state == NEED_OPEN) {
        totals->open_needs += (uint64_t)sign;
        totals->units_wanted += units;
        totals->class_wanted[need->counted_class] += units;
    }
    totals->class_promised[need->counted_class] += (uint64_t)(sign * live);
}

void plan_count_need(struct plan *plan, uint32_t number)
{
    const struct need *known = &plan->market->needs[number];
    struct plan_need *need = &plan->needs[number];
    int64_t live = plan_live_units(plan, number);

    count_need(plan, need, -1, live);
    need->counted_state = known->state;
    need->counted_class = known->class_number;
    need->counted_units = (int64_t)known->quantity;
    count_need(plan, need, 1, live);
}

void plan_count_offer(struct plan *plan, uint32_t number)
{
    struct plan_offer *offer = &plan->offers[number];
    struct plan_totals *totals = &plan->totals;

    totals->active_offers -= offer->counted_state == OFFER_ACTIVE;
    totals->quarantined -= offer->counted_state == OFFER_QUARANTINED;
    offer->counted_state = plan->market->offers[number].state;
    totals->active_offers += offer->counted_state == OFFER_ACTIVE;
    totals->quarantined += offer->counted_state == OFFER_QUARANTINED;
}

void plan_count_promised(struct plan *plan, uint32_t need, int64_t units)
{
    plan->totals.units_promised += (uint64_t)units;
    plan->totals.class_promised[plan->needs[need].counted_class] += (uint64_t)units;
}

void plan_totals(const struct plan *plan, struct plan_totals *totals)
{
    *totals = plan->totals;
    totals->needs = plan->market->need_ids.count;
    totals->offers = plan->market->offer_ids.count;
    totals->parties = plan->market->party_ids.count;
    totals->products = plan->market->product_ids.count;
    totals->slots = plan->slots.used;
}

/* Folding. */

static bool outcome_has_effect(enum outcome outcome)
{
    switch (outcome) {
    case OUTCOME_CREATED:
    case OUTCOME_CHANGED:
    case OUTCOME_QUARANTINED:
    case OUTCOME_ENDED:
        return true;
    case OUTCOME_UNCHANGED:
    case OUTCOME_STALE:
    case OUTCOME_UNKNOWN:
    case OUTCOME_CONFLICT:
    case OUTCOME_STATE:
    case OUTCOME_FULL:
    case OUTCOME_PASSED_ON:
        return false;
    }
    UNREACHABLE();
}

static void touch_need(struct plan *plan, uint32_t need, uint8_t cause)
{
    plan->needs[need].causes |= cause;
    plan_count_need(plan, need);
    marks_add(&plan->touched_needs, need);
    marks_add(&plan->dirty_needs, need);
    marks_add(&plan->dirty_shares, need);
}

static void touch_offer(struct plan *plan, uint32_t offer, uint8_t cause)
{
    plan->offers[offer].causes |= cause;
    plan_count_offer(plan, offer);
    marks_add(&plan->touched_offers, offer);
    marks_add(&plan->dirty_offers, offer);
    marks_add(&plan->dirty_fixed, offer);
}

/* Its best offers are others now: the search that the match worker makes at the same entry. */
static void list_anew(struct plan *plan, uint32_t need)
{
    struct candidate candidates[MATCH_KEPT_MAX];
    size_t count = match_candidates(plan->market, &plan->options.rules, need, candidates,
                                    &plan->needs[need].bound);

    for (size_t i = 0; i < count; i++) {
        if (!plan_is_excluded(plan, need, candidates[i].offer)) {
            plan_list_pair(plan, need, candidates[i].offer, candidates[i].cost);
        }
    }
    marks_add(&plan->stale_needs, need);
    marks_add(&plan->pending_needs, need);
    marks_add(&plan->dirty_shares, need);
}

/* When as many are listed as are kept, those behind cost at least as much as the last one; this
 * stays true when offers come later that are not among the best. */
static uint32_t bound_of(const struct plan *plan, const struct plan_input *input)
{
    size_t count = input->candidate_count;

    if (count == 0 || count < plan->options.rules.kept_max) {
        return input->bound;
    }
    return (uint32_t)min_u64(input->bound, input->candidates[count - 1].cost);
}

static void list_candidates(struct plan *plan, const struct plan_input *input, uint32_t need)
{
    plan->needs[need].bound = bound_of(plan, input);
    for (size_t i = 0; i < input->candidate_count; i++) {
        const struct candidate *candidate = &input->candidates[i];
        if (!plan_is_excluded(plan, need, candidate->offer)) {
            plan_list_pair(plan, need, candidate->offer, candidate->cost);
        }
    }
    marks_add(&plan->stale_needs, need);
    marks_add(&plan->pending_needs, need);
    marks_add(&plan->grown_needs, need);
    marks_add(&plan->dirty_shares, need);
}

static void fold_need(struct plan *plan, const struct plan_input *input, uint32_t need,
                      uint8_t cause)
{
    if (cause & CAUSE_NEW) {
        flow_set_sink(plan->flow, need, NULL, 0);
    }
    if (plan_need_is_open(plan, need)) {
        list_candidates(plan, input, need);
    }
    touch_need(plan, need, cause);
}

void plan_apply_match(struct plan *plan, uint32_t need, uint32_t offer, uint32_t cost,
                      uint32_t bound)
{
    plan->is_settled = false;
    if (!plan_need_is_open(plan, need)) {
        return;
    }
    if (!plan_is_excluded(plan, need, offer)) {
        plan_list_pair(plan, need, offer, cost);
    }
    plan->needs[need].bound = (uint32_t)min_u64(plan->needs[need].bound, bound);
    marks_add(&plan->stale_needs, need);
    marks_add(&plan->pending_needs, need);
    marks_add(&plan->grown_needs, need);
    marks_add(&plan->dirty_shares, need);
}

void plan_apply_listed(struct plan *plan, uint32_t need, const struct candidate *candidates,
                       size_t candidate_count, uint32_t bound)
{
    const struct plan_input input = {
        .bound = bound, .candidates = candidates, .candidate_count = candidate_count};

    plan->is_settled = false;
    if (plan_need_is_open(plan, need)) {
        list_candidates(plan, &input, need);
    }
}

/* Whether arcs of the offer may have become impossible or have another cost. Capacity alone
 * matters to a match only around a lot. */
static bool offer_arcs_are_stale(const struct plan *plan, const struct offer *before,
                                 const struct offer *now)
{
    const struct market *market = plan->market;
    uint32_t asked[PRODUCT_ASKED_MAX];
    size_t count = market_asked_products(market, now->product, asked);
    uint64_t lot = 0;

    for (size_t i = 0; i < count; i++) {
        lot = max_u64(lot, market->products[asked[i]].lot);
    }
    if (before->state != now->state || before->from != now->from || before->to != now->to ||
        before->lead_days != now->lead_days) {
        return true;
    }
    return before->capacity != now->capacity && (before->capacity < lot || now->capacity < lot);
}

static void fold_offer(struct plan *plan, const struct offer *before, uint32_t offer, uint8_t cause)
{
    const struct offer *known = &plan->market->offers[offer];

    if (MUTANT(20) && before->capacity > known->capacity) {
        return;
    }
    if (plan_is_stock(plan, offer)) {
        plan->stock_lead_max = (uint32_t)max_u64(plan->stock_lead_max, known->lead_days);
    }
    if (cause & CAUSE_NEW) {
        plan_take_slots(plan, offer);
    } else if (offer_arcs_are_stale(plan, before, known)) {
        marks_add(&plan->stale_offers, offer);
    }
    touch_offer(plan, offer, cause);
}

/* A party that moves changes the cost of all it asks and gives. Rare, so it may look at all. */
static void fold_party(struct plan *plan, const struct party *before, uint32_t number)
{
    const struct market *market = plan->market;
    const struct party *now = &market->parties[number];

    marks_add(&plan->dirty_parties, number);
    /* The match worker looks for these needs' bounds anew, whatever changed. */
    for (uint32_t need = 0; need < market->need_ids.count; need++) {
        if (market->needs[need].party == number && plan_need_is_open(plan, need)) {
            list_anew(plan, need);
            marks_add(&plan->touched_needs, need); /* Norms hold for some regions. */
        }
    }
    bool is_there = before->lat == now->lat && before->lon == now->lon &&
                    before->region == now->region && before->country == now->country;
    if (is_there || MUTANT(34)) {
        return;
    }
    for (uint32_t offer = 0; offer < market->offer_ids.count; offer++) {
        if (market->offers[offer].party == number && plan_offer_is_active(plan, offer)) {
            marks_add(&plan->stale_offers, offer);
            marks_add(&plan->wide_offers, offer);
        }
    }
}

static void widen_small_offers(struct plan *plan, uint32_t product, uint64_t lot)
{
    const struct number_list *offers = &plan->market->products[product].offers;

    for (size_t i = 0; i < offers->count; i++) {
        if (plan->market->offers[offers->items[i]].capacity < lot) {
            marks_add(&plan->wide_offers, offers->items[i]);
        }
    }
}

/* Another lot cuts the tranches anew, and lets small offers match or not. */
static void fold_product(struct plan *plan, uint64_t lot_before, uint32_t number)
{
    const struct product *product = &plan->market->products[number];
    uint64_t lot_max = max_u64(lot_before, product->lot);
    uint32_t given[PRODUCT_GIVEN_MAX];
    size_t given_count = market_given_products(plan->market, number, given);

    marks_add(&plan->dirty_products, number);
    if (lot_before == product->lot) {
        return;
    }
    for (size_t i = 0; i < product->needs.count; i++) {
        marks_add(&plan->stale_needs, product->needs.items[i]);
        touch_need(plan, product->needs.items[i], 0);
    }
    for (size_t i = 0; i < given_count; i++) {
        widen_small_offers(plan, given[i], lot_max);
    }
}

/* No goods are longer on the way, anywhere. */
#define TRANSPORT_DAYS_MAX (20016 / KILOMETRES_A_DAY + 1)

/* A stock that has not left yet arrives a day later with every day that passes: costs rise and
 * matches end, none begins, so bounds stay true. Only what could be late now can have changed. */
static bool is_near(const struct plan *plan, const struct need *need)
{
    int64_t reach = (int64_t)plan->market->today + plan->stock_lead_max + TRANSPORT_DAYS_MAX;

    return (need->due != DAY_NONE && need->due < reach) ||
           (need->latest != DAY_NONE && need->latest < reach);
}

/* The days since `before` have passed: they made what was committed, and their slots serve others.
 */
static void fold_day(struct plan *plan, int32_t before)
{
    const struct market *market = plan->market;

    for (uint32_t need = 0; need < market->need_ids.count; need++) {
        if (plan_need_is_open(plan, need) && is_near(plan, &market->needs[need])) {
            marks_add(&plan->stale_needs, need);
        }
    }
    for (uint32_t i = 0; i < market->offer_ids.count; i++) {
        const struct plan_offer *offer = &plan->offers[i];
        if (offer->first_booked != 0 && before != DAY_NONE) {
            plan_make(plan, i, before);
        }
        if (offer->range.count > 0 && offer->days.first != plan_offer_days(plan, i).first) {
            touch_offer(plan, i, CAUSE_DAY);
        }
    }
}

/* Other weights: every cost and every tranche anew. Rare, so it may look at all. */
static void fold_rules(struct plan *plan, const struct rules_put *command)
{
    plan->options = (struct plan_options){
        .rules = match_rules_from(command),
        .tranche_lots = {(uint32_t)command->tranche_1, (uint32_t)command->tranche_2,
                         (uint32_t)command->tranche_3},
        .slot_count_max = plan->options.slot_count_max,
        .stability_bonus = (uint32_t)command->stability_bonus,
    };
    flow_set_bonus(plan->flow, plan->options.stability_bonus);
    for (uint32_t need = 0; need < plan->market->need_ids.count; need++) {
        if (plan_need_is_open(plan, need)) {
            list_anew(plan, need);
            touch_need(plan, need, CAUSE_CHANGED);
        }
    }
}

/* What the market knew of the thing a command is about. */
struct before {
    struct party party;
    struct offer offer;
    uint64_t lot;
};

static struct bytes offer_id_of(const struct plan_input *input)
{
    const union command *command = input->command;

    if (input->kind == KIND_OFFER_PUT) {
        return command->offer_put.offer;
    }
    return input->kind == KIND_CAPACITY_PUT ? command->capacity_put.offer : command->id_command.id;
}

static void look_before(const struct plan *plan, const struct plan_input *input,
                        struct before *before)
{
    const struct market *market = plan->market;
    uint32_t number;

    *before = (struct before){0};
    switch (input->kind) {
    case KIND_PARTY_PUT:
        number = market_find_party(market, input->command->party_put.party);
        if (number != NAME_NONE) {
            before->party = market->parties[number];
        }
        return;
    case KIND_PRODUCT_PUT:
        number = market_find_product(market, input->command->product_put.product);
        if (number != NAME_NONE) {
            before->lot = market->products[number].lot;
        }
        return;
    case KIND_OFFER_PUT:
    case KIND_CAPACITY_PUT:
    case KIND_OFFER_WITHDRAW:
    case KIND_OFFER_RELEASE:
        number = market_find_offer(market, offer_id_of(input));
        if (number != NAME_NONE) {
            before->offer = market->offers[number];
        }
        return;
    }
}

/* Goods of other days may wait, or wait no more. */
static void part_anew(struct plan *plan, uint32_t offer)
{
    if (plan->offers[offer].range.count > 1) {
        marks_add(&plan->stale_offers, offer);
    }
}

static void part_party(struct plan *plan, uint32_t party, uint32_t product)
{
    const struct market *market = plan->market;

    for (uint32_t offer = market->parties[party].last_offer; offer != NAME_NONE;
         offer = market->offers[offer].previous_offer) {
        if (product == NAME_NONE || market->offers[offer].product == product) {
            part_anew(plan, offer);
        }
    }
}

static void part_product(struct plan *plan, uint32_t product)
{
    const struct market *market = plan->market;

    for (uint32_t offer = 0; offer < market->offer_ids.count; offer++) {
        if (market->offers[offer].product == product) {
            part_anew(plan, offer);
        }
    }
}

/* The needs it is about: fold_affected. */
static void fold_rule(struct plan *plan, uint32_t number)
{
    const struct rule *rule = &plan->market->rules[number];

    marks_add(&plan->dirty_rules, number);
    switch ((enum rule_kind)rule->kind) {
    case RULE_SUBSTITUTE:
        part_product(plan, rule->given);
        return;
    case RULE_NORM:
        part_product(plan, rule->product);
        return;
    case RULE_CERTIFICATE:
        part_party(plan, rule->party, rule->product);
        return;
    case RULE_EXCLUSION:
        part_party(plan, rule->party, NAME_NONE);
        part_party(plan, rule->other, NAME_NONE);
        return;
    }
    UNREACHABLE();
}

static void fold_change(struct plan *plan, const struct plan_input *input,
                        const struct before *before, const struct market_change *change,
                        bool is_new)
{
    uint32_t number = change->number;
    uint8_t cause = is_new ? CAUSE_NEW : CAUSE_CHANGED;

    switch (input->kind) {
    case KIND_PARTY_PUT:
        plan->has_new_rules = true; /* A norm may be for where it is now. */
        fold_party(plan, is_new ? &plan->market->parties[number] : &before->party, number);
        return;
    case KIND_PRODUCT_PUT:
        fold_product(plan, is_new ? plan->market->products[number].lot : before->lot, number);
        return;
    case KIND_NEED_PUT:
    case KIND_NEED_CANCEL:
    case KIND_NEED_RELEASE:
        fold_need(plan, input, number, cause);
        return;
    case KIND_OFFER_PUT:
    case KIND_CAPACITY_PUT:
    case KIND_OFFER_WITHDRAW:
    case KIND_OFFER_RELEASE:
        fold_offer(plan, &before->offer, number, cause);
        return;
    case KIND_SUBSTITUTE_PUT:
    case KIND_NORM_PUT:
    case KIND_CERTIFICATE_PUT:
    case KIND_EXCLUSION_PUT:
        plan->has_new_rules = true;
        fold_rule(plan, number);
        return;
    }
}

/* Rules of theirs changed, began or ended: nothing is known about what is not listed, until they
 * are listed anew. */
static void fold_affected(struct plan *plan, uint32_t need)
{
    plan->needs[need].bound = 0;
    marks_add(&plan->stale_needs, need);
    marks_add(&plan->pending_needs, need);
    touch_need(plan, need, CAUSE_RULE);
}

static void fold_market(struct plan *plan, const struct plan_input *input)
{
    struct before before;
    struct market_change change;
    int32_t today = plan->market->today;
    size_t known = (size_t)plan->market->party_ids.count + plan->market->product_ids.count +
                   plan->market->need_ids.count + plan->market->offer_ids.count;

    look_before(plan, input, &before);
    market_apply(plan->market, input->kind, input->command, input->is_quarantined, &change);
    plan_grow(plan);
    if (change.number != NAME_NONE && outcome_has_effect(change.outcome)) {
        size_t known_now = (size_t)plan->market->party_ids.count + plan->market->product_ids.count +
                           plan->market->need_ids.count + plan->market->offer_ids.count;
        fold_change(plan, input, &before, &change, known_now > known);
    } else if (input->candidate_count > 0 && plan_need_is_open(plan, change.number)) {
        list_candidates(plan, input, change.number); /* Put again, and looked up again. */
    }
    if (plan->market->today != today) {
        fold_day(plan, today);
        plan->has_new_rules = true;
    }
    for (size_t i = 0; i < change.affected_need_count; i++) {
        fold_affected(plan, change.affected_needs[i]);
    }
    for (size_t i = 0; i < change.expired_need_count && !MUTANT(21); i++) {
        touch_need(plan, change.expired_needs[i], CAUSE_CHANGED);
    }
    for (size_t i = 0; i < change.expired_offer_count; i++) {
        marks_add(&plan->stale_offers, change.expired_offers[i]);
        touch_offer(plan, change.expired_offers[i], CAUSE_CHANGED);
    }
}

void plan_apply(struct plan *plan, const struct plan_input *input)
{
    plan->seq = input->seq;
    plan->time_ms = input->time_ms;
    plan->is_settled = false;
    if (input->kind >= KIND_ASSIGNMENT_ACCEPT && input->kind <= KIND_ASSIGNMENT_CANCEL) {
        plan_answer(plan, input);
        return;
    }
    if (input->kind == KIND_RULES_PUT) {
        fold_rules(plan, &input->command->rules_put);
        return;
    }
    fold_market(plan, input);
}

static void forget_causes(struct plan *plan)
{
    for (size_t i = 0; i < plan->touched_needs.count; i++) {
        plan->needs[plan->touched_needs.items[i]].causes = 0;
    }
    for (size_t i = 0; i < plan->touched_offers.count; i++) {
        plan->offers[plan->touched_offers.items[i]].causes = 0;
    }
    marks_clear(&plan->touched_needs);
    marks_clear(&plan->touched_offers);
}

void plan_settle(struct plan *plan, const struct plan_listener *listener)
{
    plan_sync(plan);
    plan_optimise(plan);
    plan_keep_to_lots(plan);
    marks_clear(&plan->grown_needs);
    plan_tell(plan, listener);
    plan_tell_doubts(plan, listener);
    plan->has_new_rules = false;
    forget_causes(plan);
    arena_reset(&plan->arena);
    plan->is_settled = true;
}
