/*
 * explain.c - why a need gets what it gets, and why not something else.
 */
#include "workers/allocate/facts.h"

#include <stdlib.h>
#include <string.h>

#define CANDIDATES_MAX 10

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

/* The need's own part of every explanation, and how many offers are possible for it. */
static void explain_need(struct allocate *allocate, uint32_t need, struct explained *explained)
{
    struct need_row *row = arena_take(&allocate->arena, sizeof *row);
    size_t count;
    const struct ranked_offer *ranked = rank_offers(allocate, need, &count);
    struct pair_row *pairs = arena_take(&allocate->arena, CANDIDATES_MAX * sizeof *pairs);

    *row = need_facts(allocate, need);
    explained->t = bytes_from_text("need");
    explained->need = (struct record_list){.items = row, .count = 1};
    explained->shares = list_shares(allocate, need);
    for (size_t i = 0; i < count; i++) {
        explained->possible += !ranked[i].is_impossible;
        if (i < CANDIDATES_MAX) {
            pairs[i] = pair_facts(allocate, need, ranked[i].offer);
        }
    }
    explained->pairs =
        (struct record_list){.items = pairs, .count = min_u64(count, CANDIDATES_MAX)};
}

static void explain_pair(struct allocate *allocate, uint32_t need, uint32_t offer,
                         struct explained *explained)
{
    struct pair_row *pair = arena_take(&allocate->arena, sizeof *pair);

    explain_need(allocate, need, explained);
    *pair = pair_facts(allocate, need, offer);
    explained->t = bytes_from_text("pair");
    explained->pairs = (struct record_list){.items = pair, .count = 1};
}

static void explain_assignment(struct allocate *allocate, uint64_t number,
                               struct explained *explained)
{
    const struct plan_assignment *assignment = plan_assignment(allocate->plan, number);
    struct share_row *share = arena_take(&allocate->arena, sizeof *share);
    size_t count;
    const struct ranked_offer *ranked = rank_offers(allocate, assignment->need, &count);

    explain_pair(allocate, assignment->need, assignment->offer, explained);
    *share = share_facts(allocate, number);
    explained->t = bytes_from_text("assignment");
    explained->answered = (struct record_list){.items = share, .count = 1};
    for (size_t i = 0; i < count && !ranked[i].is_impossible; i++) {
        if (ranked[i].offer == assignment->offer) {
            explained->rank = i + 1;
        }
    }
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

    if (request->assignment != 0) {
        if (plan_assignment(allocate->plan, request->assignment)->state == 0) {
            return refuse_unknown(refusal, "assignment", "no such assignment");
        }
        explain_assignment(allocate, request->assignment, explained);
        return STATUS_OK;
    }
    uint32_t need = market_find_need(market, request->need);
    if (need == NAME_NONE) {
        return refuse_unknown(refusal, "need", "no such need");
    }
    if (request->offer.size == 0) {
        explain_need(allocate, need, explained);
        return STATUS_OK;
    }
    uint32_t offer = market_find_offer(market, request->offer);
    if (offer == NAME_NONE) {
        return refuse_unknown(refusal, "offer", "no such offer");
    }
    explain_pair(allocate, need, offer, explained);
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
