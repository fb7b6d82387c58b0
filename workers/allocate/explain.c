/*
 * explain.c - why a need gets what it gets, and why not something else.
 */
#include "workers/allocate/facts.h"

#include "core/plan/explain.h"

#include <stdlib.h>
#include <string.h>

#define CANDIDATES_MAX 10
#define SETTLING "the plan is being settled; ask again"

struct ranked_offer {
    bool is_impossible;
    uint32_t cost;
    uint32_t offer;
};

static int compare_offers(const void *left, const void *right)
{
    const struct ranked_offer *a = left;
    const struct ranked_offer *b = right;

    if (a->is_impossible != b->is_impossible) {
        return a->is_impossible ? 1 : -1;
    }
    if (a->cost != b->cost) {
        return a->cost < b->cost ? -1 : 1;
    }
    return (a->offer > b->offer) - (a->offer < b->offer);
}

static void rank_product(struct allocate *allocate, uint32_t need, uint32_t product,
                         struct ranked_offer *ranked)
{
    const struct market *market = plan_market(allocate->plan);
    const struct number_list *offers = &market->products[product].offers;

    for (size_t i = 0; i < offers->count; i++) {
        struct match match =
            match_check(market, plan_rules(allocate->plan), need, offers->items[i]);
        ranked[i] = (struct ranked_offer){
            .is_impossible = match.reason != MATCH_POSSIBLE ||
                             plan_is_excluded(allocate->plan, need, offers->items[i]),
            .cost = match.cost,
            .offer = offers->items[i],
        };
    }
}

/* Every active offer of the need's product and of its substitutes: possible ones by cost, then the
 * others. */
static struct ranked_offer *rank_offers(struct allocate *allocate, uint32_t need, size_t *count)
{
    const struct market *market = plan_market(allocate->plan);
    uint32_t given[PRODUCT_GIVEN_MAX];
    size_t given_count = market_given_products(market, market->needs[need].product, given);
    size_t total = 0;

    for (size_t i = 0; i < given_count; i++) {
        total += market->products[given[i]].offers.count;
    }
    struct ranked_offer *ranked = arena_take(&allocate->arena, total * sizeof *ranked);
    *count = 0;
    for (size_t i = 0; i < given_count; i++) {
        rank_product(allocate, need, given[i], ranked + *count);
        *count += market->products[given[i]].offers.count;
    }
    if (*count > 1) {
        qsort(ranked, *count, sizeof *ranked, compare_offers);
    }
    return ranked;
}

static int compare_shares(const void *left, const void *right)
{
    const struct share_row *a = left;
    const struct share_row *b = right;

    return (a->assignment > b->assignment) - (a->assignment < b->assignment);
}

static struct record_list list_shares(struct allocate *allocate, uint32_t need)
{
    const struct plan *plan = allocate->plan;
    size_t count = 0;

    for (uint64_t i = plan_next_of_need(plan, need, 0); i != 0;
         i = plan_next_of_need(plan, need, i)) {
        count++;
    }
    struct share_row *shares = arena_take(&allocate->arena, count * sizeof *shares);
    count = 0;
    for (uint64_t i = plan_next_of_need(plan, need, 0); i != 0;
         i = plan_next_of_need(plan, need, i)) {
        shares[count++] = share_facts(allocate, i);
    }
    if (count > 1) {
        qsort(shares, count, sizeof *shares, compare_shares);
    }
    return (struct record_list){.items = shares, .count = count};
}

/* The facts of core/plan/explain.h as rows. */

static struct bytes offer_id(const struct allocate *allocate, uint32_t offer)
{
    return offer == NAME_NONE ? (struct bytes){0}
                              : names_text(&plan_market(allocate->plan)->offer_ids, offer);
}

static const char *end_name(enum ripple_end end)
{
    switch (end) {
    case RIPPLE_IMPOSSIBLE:
        return "nothing";
    case RIPPLE_FREE:
        return "free";
    case RIPPLE_SINK:
        return "need";
    case RIPPLE_SPARED:
        return "swap";
    }
    UNREACHABLE();
}

static struct record_list effect_row(struct allocate *allocate, const struct explain_effect *effect)
{
    const struct market *market = plan_market(allocate->plan);
    struct effect_row *row = arena_take(&allocate->arena, sizeof *row);

    *row = (struct effect_row){
        .end = bytes_from_text(end_name(effect->end)),
        .offer = offer_id(allocate, effect->slot.offer),
        .class_number = effect->rank.class_number,
        .tranche = effect->rank.tranche,
        .cost = effect->cost,
        .moves = effect->moves,
    };
    if (effect->need != NAME_NONE) {
        row->need = names_text(&market->need_ids, effect->need);
        row->party = names_text(&market->party_ids, market->needs[effect->need].party);
    }
    return (struct record_list){.items = row, .count = 1};
}

static struct record_list option_rows(struct allocate *allocate, const struct explain_facts *facts)
{
    const struct market *market = plan_market(allocate->plan);
    struct option_row *rows = arena_take(&allocate->arena, sizeof *rows * EXPLAIN_OPTION_COUNT);

    for (size_t i = 0; i < facts->option_count; i++) {
        const struct explain_option *option = &facts->options[i];
        rows[i] = (struct option_row){
            .offer = offer_id(allocate, option->slot.offer),
            .party = names_text(&market->party_ids, market->offers[option->slot.offer].party),
            .cost = option->match.cost,
            .kilometres = option->match.kilometres,
            .made = option->slot.day,
            .arrival = option->match.arrival,
            .plan_cost = option->cost,
            .effect = effect_row(allocate, &option->effect),
        };
    }
    return (struct record_list){.items = rows, .count = facts->option_count};
}

static struct record_list price_rows(struct allocate *allocate, const struct explain_facts *facts)
{
    struct price_row *rows = arena_take(&allocate->arena, sizeof *rows * EXPLAIN_PRICE_COUNT);

    for (size_t i = 0; i < facts->price_count; i++) {
        rows[i] = (struct price_row){
            .offer = offer_id(allocate, facts->prices[i].slot.offer),
            .made = facts->prices[i].slot.day,
            .effect = effect_row(allocate, &facts->prices[i].effect),
        };
    }
    return (struct record_list){.items = rows, .count = facts->price_count};
}

static struct record_list tranche_rows(struct allocate *allocate, const struct explain_facts *facts)
{
    struct tranche_row *rows = arena_take(&allocate->arena, sizeof *rows * PLAN_TRANCHE_COUNT);

    for (size_t i = 0; i < facts->tranche_count; i++) {
        rows[i] = (struct tranche_row){
            .tranche = facts->tranches[i].number,
            .units = (uint64_t)facts->tranches[i].units,
            .served = (uint64_t)facts->tranches[i].served,
        };
    }
    return (struct record_list){.items = rows, .count = facts->tranche_count};
}

static struct failure_row failure_row(const struct allocate *allocate,
                                      const struct explain_failure *failure)
{
    const struct market *market = plan_market(allocate->plan);
    uint32_t rule = failure->why.rule;
    struct failure_row row = {
        .reason = bytes_from_text(explain_rule_name(failure->reason)),
        .offers = failure->count,
        .nearest = offer_id(allocate, failure->nearest),
        .days = failure->why.days,
        .units = failure->why.units,
        .from = failure->why.day,
    };

    if (rule != NAME_NONE) {
        uint32_t code = market->rules[rule].code;
        row.rule = market_rule_id(market, rule);
        row.code = code == NAME_NONE ? (struct bytes){0} : names_text(&market->texts, code);
    }
    return row;
}

static struct record_list failure_rows(struct allocate *allocate, const struct explain_facts *facts)
{
    struct failure_row *rows = arena_take(&allocate->arena, sizeof *rows * EXPLAIN_FAILURE_COUNT);

    for (size_t i = 0; i < facts->failure_count; i++) {
        rows[i] = failure_row(allocate, &facts->failures[i]);
    }
    return (struct record_list){.items = rows, .count = facts->failure_count};
}

static void fill_facts(struct allocate *allocate, const struct explain_facts *facts,
                       struct explained *explained)
{
    const struct explain_verdict *verdict = &facts->verdict;

    explained->cause = bytes_from_text(explain_cause_name(verdict->cause));
    if (verdict->cause == EXPLAIN_NOT_POSSIBLE) {
        explained->rule = bytes_from_text(explain_rule_name(verdict->reason));
    }
    if (verdict->offer != NAME_NONE) {
        explained->displaced = effect_row(allocate, &verdict->effect);
        explained->scarce = offer_id(allocate, verdict->offer);
    }
    explained->tranches = tranche_rows(allocate, facts);
    explained->failures = failure_rows(allocate, facts);
    explained->alternatives = option_rows(allocate, facts);
    explained->prices = price_rows(allocate, facts);
    explained->instead_of = offer_id(allocate, facts->instead_of);
    if (facts->instead_of != NAME_NONE) {
        explained->freed = effect_row(allocate, &facts->freed);
    }
}

/* The need's own part of every explanation, and its offers by cost. `instead_of`: the offer that
 * alternatives are compared with, NAME_NONE when none is asked for. */
static const struct ranked_offer *explain_need_row(struct allocate *allocate, uint32_t need,
                                                   uint32_t instead_of, size_t *count,
                                                   struct explained *explained)
{
    struct need_row *row = arena_take(&allocate->arena, sizeof *row);
    struct explain_facts facts;

    *row = need_facts(allocate, need);
    explained->need = (struct record_list){.items = row, .count = 1};
    explained->shares = list_shares(allocate, need);
    explain_need(allocate->plan, need, instead_of, &facts);
    fill_facts(allocate, &facts, explained);
    explained->possible = facts.possible;
    return rank_offers(allocate, need, count);
}

static void answer_need(struct allocate *allocate, uint32_t need, struct explained *explained)
{
    size_t count;
    const struct ranked_offer *ranked =
        explain_need_row(allocate, need, NAME_NONE, &count, explained);
    struct pair_row *pairs = arena_take(&allocate->arena, CANDIDATES_MAX * sizeof *pairs);

    explained->t = bytes_from_text("need");
    for (size_t i = 0; i < count && i < CANDIDATES_MAX; i++) {
        pairs[i] = pair_facts(allocate, need, ranked[i].offer);
    }
    explained->pairs =
        (struct record_list){.items = pairs, .count = min_u64(count, CANDIDATES_MAX)};
}

/* Rules are checked in the order of their reasons, up to the first one that fails; that no party
 * has closed the pair comes last. */
static struct record_list rule_rows(struct allocate *allocate, uint32_t need, uint32_t offer)
{
    struct rule_row *rows = arena_take(&allocate->arena, (MATCH_REASON_LAST + 1) * sizeof *rows);
    struct match match =
        match_check(plan_market(allocate->plan), plan_rules(allocate->plan), need, offer);
    int last = match.reason == MATCH_POSSIBLE ? MATCH_REASON_LAST : (int)match.reason;
    size_t count = 0;

    for (int i = MATCH_POSSIBLE + 1; i <= last; i++) {
        rows[count++] = (struct rule_row){
            .rule = bytes_from_text(explain_rule_name((enum match_reason)i)),
            .holds = i != (int)match.reason,
        };
    }
    if (match.reason == MATCH_POSSIBLE) {
        rows[count++] = (struct rule_row){
            .rule = bytes_from_text(explain_rule_name(MATCH_POSSIBLE)),
            .holds = !plan_is_excluded(allocate->plan, need, offer),
        };
    }
    return (struct record_list){.items = rows, .count = count};
}

static void answer_pair(struct allocate *allocate, uint32_t need, uint32_t offer,
                        uint32_t instead_of, struct explained *explained)
{
    struct pair_row *pair = arena_take(&allocate->arena, sizeof *pair);
    size_t count;
    const struct ranked_offer *ranked =
        explain_need_row(allocate, need, instead_of, &count, explained);

    *pair = pair_facts(allocate, need, offer);
    explained->t = bytes_from_text("pair");
    explained->pairs = (struct record_list){.items = pair, .count = 1};
    explained->rules = rule_rows(allocate, need, offer);
    for (size_t i = 0; i < count && !ranked[i].is_impossible; i++) {
        if (ranked[i].offer == offer) {
            explained->rank = i + 1;
        }
    }
}

static void answer_assignment(struct allocate *allocate, uint64_t number,
                              struct explained *explained)
{
    const struct plan_assignment *assignment = plan_assignment(allocate->plan, number);
    struct share_row *share = arena_take(&allocate->arena, sizeof *share);

    /* What the plan has moved has no unit that others could stand in for. */
    bool is_gone = life_is_final(assignment->state) && !life_is_fixed(assignment->state);
    answer_pair(allocate, assignment->need, assignment->offer,
                is_gone ? NAME_NONE : assignment->offer, explained);
    *share = share_facts(allocate, number);
    explained->t = bytes_from_text("assignment");
    explained->answered = (struct record_list){.items = share, .count = 1};
}

/* Between the entries of a burst prices do not belong to the flow yet. */
static enum status refuse_unsettled(struct refusal *refusal)
{
    *refusal = (struct refusal){.code = CODE_FULL};
    memcpy(refusal->why, SETTLING, sizeof SETTLING);
    return STATUS_INVALID;
}

static enum status refuse_unknown(struct refusal *refusal, const char *field, const char *why)
{
    *refusal = (struct refusal){.code = CODE_UNKNOWN};
    memcpy(refusal->field, field, strlen(field) + 1);
    memcpy(refusal->why, why, strlen(why) + 1);
    return STATUS_INVALID;
}

static enum status explain_request(struct allocate *allocate, const struct explain *request,
                                   struct explained *explained, struct refusal *refusal)
{
    const struct market *market = plan_market(allocate->plan);

    if (!plan_is_settled(allocate->plan)) {
        return refuse_unsettled(refusal);
    }
    if (request->assignment != 0) {
        if (plan_assignment(allocate->plan, request->assignment)->state == 0) {
            return refuse_unknown(refusal, "assignment", "no such assignment");
        }
        answer_assignment(allocate, request->assignment, explained);
        return STATUS_OK;
    }
    uint32_t need = market_find_need(market, request->need);
    if (need == NAME_NONE) {
        return refuse_unknown(refusal, "need", "no such need");
    }
    if (request->offer.size == 0) {
        answer_need(allocate, need, explained);
        return STATUS_OK;
    }
    uint32_t offer = market_find_offer(market, request->offer);
    if (offer == NAME_NONE) {
        return refuse_unknown(refusal, "offer", "no such offer");
    }
    answer_pair(allocate, need, offer, NAME_NONE, explained);
    return STATUS_OK;
}

enum status allocate_explain(struct allocate *allocate, struct bytes body, struct buffer *answer,
                             struct refusal *refusal)
{
    struct explain request;
    struct explained explained = {0};
    enum status status = proto_decode(&EXPLAIN, body, &allocate->arena, &request, refusal);

    if (status == STATUS_OK) {
        status = explain_request(allocate, &request, &explained, refusal);
    }
    if (status != STATUS_OK) {
        return status;
    }
    allocate->body.size = 0;
    proto_encode(&EXPLAINED, &explained, &allocate->body);
    proto_encode(&EXPLANATION, &(struct explanation){.body = buffer_view(&allocate->body)}, answer);
    return STATUS_OK;
}
