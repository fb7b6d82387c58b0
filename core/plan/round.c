/*
 * round.c - from proposals to commitments, past the repair of lots.
 *
 * The repair sees the needs that were proposed something, with all their listed matches, and where
 * an offer was cut into fragments the needs smaller than a lot that those could complete. Products
 * without a lot have nothing to repair: their proposals are committed as they are.
 */
#include "core/plan/round.h"

#include "core/plan/internal.h"
#include "core/plan/lots.h"

#include <stdlib.h>

#define BOTH_ACCEPTED (1u << MOVER_REQUESTER | 1u << MOVER_OFFERER)

/* The problem of one product, with what its indices stand for. */
struct repair {
    uint32_t *need_numbers; /* By index; the offers' come from `offer_index`. */
    uint32_t *offer_numbers;
    struct lots_need *needs;
    int64_t *offers;
    struct lots_pair *pairs;
    uint32_t *offer_index; /* By number: index + 1, or 0. */
    size_t need_count, offer_count, pair_count;
    size_t need_number_capacity, offer_number_capacity, need_capacity, offer_capacity;
    size_t pair_capacity, offer_index_capacity;
};

static void add_decision(struct plan_round *round, uint32_t need, uint32_t offer, int64_t units)
{
    GROW(round->decisions, round->capacity, round->count + 1);
    round->decisions[round->count++] =
        (struct plan_decision){.need = need, .offer = offer, .units = units};
}

static int compare_decisions(const void *left, const void *right)
{
    const struct plan_decision *a = left;
    const struct plan_decision *b = right;

    if (a->need != b->need) {
        return a->need < b->need ? -1 : 1;
    }
    return (a->offer > b->offer) - (a->offer < b->offer);
}

/* What is still proposed, each pair once. */
static void gather(const struct plan *plan, const uint64_t *numbers, size_t count,
                   struct plan_round *round)
{
    size_t kept = 0;

    round->count = 0;
    for (size_t i = 0; i < count; i++) {
        const struct plan_assignment *assignment = plan_assignment(plan, numbers[i]);
        bool is_open =
            assignment->state == ASSIGNMENT_PROPOSED || assignment->state == ASSIGNMENT_ACCEPTED;
        if (is_open) {
            add_decision(round, assignment->need, assignment->offer, assignment->quantity);
        }
    }
    if (round->count > 1) {
        qsort(round->decisions, round->count, sizeof *round->decisions, compare_decisions);
    }
    for (size_t i = 0; i < round->count; i++) {
        if (kept == 0 ||
            compare_decisions(&round->decisions[kept - 1], &round->decisions[i]) != 0) {
            round->decisions[kept++] = round->decisions[i];
        }
    }
    round->count = kept;
}

/* The repair. */

static uint32_t offer_index(const struct plan *plan, struct repair *repair, uint32_t offer)
{
    GROW(repair->offer_index, repair->offer_index_capacity, plan->market->offer_ids.count);
    if (repair->offer_index[offer] == 0) {
        GROW(repair->offer_numbers, repair->offer_number_capacity, repair->offer_count + 1);
        GROW(repair->offers, repair->offer_capacity, repair->offer_count + 1);
        repair->offer_numbers[repair->offer_count] = offer;
        repair->offers[repair->offer_count++] = plan_offer_rest(plan, offer);
        repair->offer_index[offer] = (uint32_t)repair->offer_count;
    }
    return repair->offer_index[offer] - 1;
}

static bool has_rest(const struct plan *plan, const struct repair *repair, uint32_t offer)
{
    bool is_known = offer < repair->offer_index_capacity && repair->offer_index[offer] != 0;

    return is_known || plan_offer_rest(plan, offer) > 0;
}

static void add_need(struct plan *plan, struct repair *repair, uint32_t number)
{
    const struct need *need = &plan->market->needs[number];
    uint32_t index = (uint32_t)repair->need_count;
    size_t count;
    const struct flow_arc *arcs = flow_arcs(plan->flow, number, &count);

    GROW(repair->needs, repair->need_capacity, repair->need_count + 1);
    GROW(repair->need_numbers, repair->need_number_capacity, repair->need_count + 1);
    GROW(repair->pairs, repair->pair_capacity, repair->pair_count + count);
    repair->need_numbers[repair->need_count] = number;
    repair->needs[repair->need_count++] = (struct lots_need){
        .rest = (int64_t)need->quantity - plan->needs[number].fixed,
        .lot = (int64_t)plan->market->products[need->product].lot,
        .class_number = need->class_number,
    };
    for (size_t i = 0; i < count; i++) {
        uint32_t offer = slots_owner(&plan->slots, arcs[i].source);
        struct lots_pair pair = {.need = index, .cost = arcs[i].cost, .units = arcs[i].units};
        while (i + 1 < count && slots_owner(&plan->slots, arcs[i + 1].source) == offer) {
            pair.units += arcs[++i].units; /* Another day of it. */
        }
        if (has_rest(plan, repair, offer)) {
            pair.offer = offer_index(plan, repair, offer);
            repair->pairs[repair->pair_count++] = pair;
        }
    }
}

/* Needs of higher classes choose first. */
static int compare_needs(const void *left, const void *right, void *context)
{
    const struct plan *plan = context;
    uint32_t a = *(const uint32_t *)left;
    uint32_t b = *(const uint32_t *)right;
    uint8_t class_of_a = plan->market->needs[a].class_number;
    uint8_t class_of_b = plan->market->needs[b].class_number;

    if (class_of_a != class_of_b) {
        return class_of_a < class_of_b ? -1 : 1;
    }
    return (a > b) - (a < b);
}

/* Marks the offers that a need gets less than a lot from. */
static void mark_fragmented(const struct repair *repair, struct marks *offers)
{
    ENSURE(repair->pair_count == 0 || repair->offer_numbers != NULL);
    for (size_t i = 0; i < repair->pair_count; i++) {
        const struct lots_pair *pair = &repair->pairs[i];
        if (pair->units > 0 && pair->units < repair->needs[pair->need].lot) {
            marks_add(offers, repair->offer_numbers[pair->offer]);
        }
    }
}

/* Adds a need that nothing was proposed to, with those of the offers that could complete it. */
static void add_small_need(struct plan *plan, struct repair *repair, uint32_t number,
                           const struct marks *offers)
{
    const struct need *need = &plan->market->needs[number];
    int64_t rest = (int64_t)need->quantity - plan->needs[number].fixed;
    int64_t lot = (int64_t)plan->market->products[need->product].lot;
    size_t pair_count = repair->pair_count;

    if (rest <= 0 || rest >= lot || flow_sink_served(plan->flow, number) > 0) {
        return;
    }
    for (size_t i = 0; i < offers->count; i++) {
        uint32_t offer = offers->items[i];
        if (plan_is_excluded(plan, number, offer)) {
            continue;
        }
        struct match match = match_check(plan->market, &plan->options.rules, number, offer);
        if (match.reason == MATCH_POSSIBLE && plan_first_use(plan, number, offer) != SLOT_NONE) {
            GROW(repair->pairs, repair->pair_capacity, pair_count + 1);
            repair->pairs[pair_count++] = (struct lots_pair){
                .need = (uint32_t)repair->need_count,
                .offer = offer_index(plan, repair, offer),
                .cost = match.cost,
            };
        }
    }
    if (pair_count > repair->pair_count) {
        GROW(repair->needs, repair->need_capacity, repair->need_count + 1);
        GROW(repair->need_numbers, repair->need_number_capacity, repair->need_count + 1);
        repair->need_numbers[repair->need_count] = number;
        repair->needs[repair->need_count++] =
            (struct lots_need){.rest = rest, .lot = lot, .class_number = need->class_number};
        repair->pair_count = pair_count;
    }
}

static void add_small_needs(struct plan *plan, struct repair *repair)
{
    struct marks offers = {0};
    struct marks products = {0};

    mark_fragmented(repair, &offers);
    marks_sort(&offers);
    for (size_t i = 0; i < offers.count; i++) {
        uint32_t asked[PRODUCT_ASKED_MAX];
        size_t count = market_asked_products(plan->market,
                                             plan->market->offers[offers.items[i]].product, asked);
        for (size_t j = 0; j < count; j++) {
            marks_add(&products, asked[j]);
        }
    }
    marks_sort(&products);
    for (size_t i = 0; i < products.count; i++) {
        const struct number_list *needs = &plan->market->products[products.items[i]].needs;
        for (size_t j = 0; j < needs->count; j++) {
            add_small_need(plan, repair, needs->items[j], &offers);
        }
    }
    marks_deinit(&offers);
    marks_deinit(&products);
}

static bool has_lot(const struct plan *plan, uint32_t need)
{
    return plan->market->products[plan->market->needs[need].product].lot > 1;
}

/* Poses the problem of all needs whose products have lots, and takes their proposals out of the
 * round. */
static void pose(struct plan *plan, struct plan_round *round, struct repair *repair)
{
    uint32_t *needs = memory_take(round->count + 1, sizeof *needs);
    size_t need_count = 0;
    size_t kept = 0;

    for (size_t i = 0; i < round->count; i++) {
        uint32_t need = round->decisions[i].need;
        if (!has_lot(plan, need)) {
            round->decisions[kept++] = round->decisions[i];
        } else if (need_count == 0 || needs[need_count - 1] != need) {
            needs[need_count++] = need;
        }
    }
    round->count = kept;
    qsort_r(needs, need_count, sizeof *needs, compare_needs, plan);
    for (size_t i = 0; i < need_count; i++) {
        add_need(plan, repair, needs[i]);
    }
    add_small_needs(plan, repair);
    free(needs);
}

static void keep_to_lots(struct plan *plan, struct plan_round *round)
{
    struct repair repair = {0};

    pose(plan, round, &repair);
    if (repair.need_count > 0) {
        const struct lots_problem problem = {
            .needs = repair.needs,
            .need_count = repair.need_count,
            .offers = repair.offers,
            .offer_count = repair.offer_count,
            .pairs = repair.pairs,
            .pair_count = repair.pair_count,
        };
        round->fragments = lots_count_fragments(&problem);
        lots_repair(&problem);
        for (size_t i = 0; i < repair.pair_count; i++) {
            const struct lots_pair *pair = &repair.pairs[i];
            if (pair->units > 0) {
                add_decision(round, repair.need_numbers[pair->need],
                             repair.offer_numbers[pair->offer], pair->units);
            }
        }
        if (round->count > 1) {
            qsort(round->decisions, round->count, sizeof *round->decisions, compare_decisions);
        }
    }
    free(repair.need_numbers);
    free(repair.offer_numbers);
    free(repair.needs);
    free(repair.offers);
    free(repair.pairs);
    free(repair.offer_index);
}

/* Committing. */

/* The day by which a pair's goods are made: as proposed, or else the last that is on time. */
static int32_t day_made(const struct plan *plan, const struct plan_decision *decision)
{
    struct plan_share share = plan_share(plan, decision->need, decision->offer);

    if (share.units > 0 || plan_is_stock(plan, decision->offer)) {
        return share.day;
    }
    uint32_t place = plan_first_use(plan, decision->need, decision->offer);
    ENSURE(place != SLOT_NONE);
    return plan_day_at(plan, decision->offer, place);
}

static uint32_t find_or_add(struct plan *plan, const struct plan_decision *decision)
{
    uint32_t number = plan_find_unfixed(plan, decision->need, decision->offer);

    if (number == 0) {
        struct plan_assignment assignment = {
            .need = decision->need, .offer = decision->offer, .day = decision->day};
        plan_fill_match(plan, &assignment);
        plan->totals.assignments++;
        number = plan_add_assignment(plan, &assignment);
    }
    return number;
}

/* The repair of lots knows no days: what it moved may not fit into those of an offer. Units that
 * can be had; 0 when that is less than a lot and not all the need wants. */
static int64_t units_in_time(const struct plan *plan, const struct plan_decision *decision)
{
    const struct need *need = &plan->market->needs[decision->need];
    int64_t lot = (int64_t)plan->market->products[need->product].lot;
    int64_t rest = (int64_t)need->quantity - plan->needs[decision->need].fixed;

    if (plan_is_stock(plan, decision->offer)) {
        return decision->units;
    }
    int64_t units = min_i64(decision->units, plan_room(plan, decision->offer, decision->day));
    return units >= lot || units == rest ? units : 0;
}

static void commit(struct plan *plan, struct plan_decision *decision)
{
    uint32_t number = find_or_add(plan, decision);
    struct plan_assignment *assignment = &plan->assignments[number];

    plan_count_promised(plan, decision->need, decision->units - assignment->quantity);
    assignment->quantity = decision->units;
    assignment->state = ASSIGNMENT_COMMITTED;
    assignment->accepted_by = BOTH_ACCEPTED;
    plan_commit(plan, number);
    marks_add(&plan->dirty_shares, decision->need);
    marks_add(&plan->dirty_assignments, number);
    decision->assignment = number;
    decision->cost = assignment->cost;
    decision->kilometres = assignment->kilometres;
}

/* Commits what can be had, in order; the rest leaves the round. */
static void commit_all(struct plan *plan, struct plan_round *round)
{
    size_t kept = 0;

    for (size_t i = 0; i < round->count; i++) {
        struct plan_decision decision = round->decisions[i];
        decision.day = day_made(plan, &decision);
        decision.units = units_in_time(plan, &decision);
        if (decision.units > 0) {
            commit(plan, &decision);
            round->decisions[kept++] = decision;
        }
    }
    round->count = kept;
}

void plan_round(struct plan *plan, const uint64_t *numbers, size_t count, struct plan_round *round)
{
    ENSURE(plan->is_settled);
    round->fragments = 0;
    gather(plan, numbers, count, round);
    keep_to_lots(plan, round);
    commit_all(plan, round);
    for (size_t i = 0; i < round->count; i++) {
        struct plan_decision *decision = &round->decisions[i];
        decision->fills_need = plan->needs[decision->need].fixed ==
                               (int64_t)plan->market->needs[decision->need].quantity;
        decision->empties_offer = plan_offer_rest(plan, decision->offer) == 0;
    }
    plan->is_settled = round->count == 0;
}

void plan_round_deinit(struct plan_round *round)
{
    free(round->decisions);
    *round = (struct plan_round){0};
}
