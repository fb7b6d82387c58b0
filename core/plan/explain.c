/*
 * explain.c - questions to the ripples, and what their answers mean for a need.
 *
 * Every possible offer t of the need costs it c + loss(t), its own cost and what its ripple takes
 * from the others. The least of them is why the need gets no more: the level of the unit that would
 * be lost there is at least the level of the unit that would be won, or the plan were not optimal.
 */
#include "core/plan/explain.h"

#include "core/plan/internal.h"

#include <stdlib.h>

#define TOTAL_NONE INT64_MAX
#define MOVE_COUNT_MAX 64 /* Of a ripple that are counted. */

/* A slot of a possible offer, of use for the need. */
struct choice {
    uint32_t source;
    uint32_t offer;
    uint32_t cost; /* Of a unit. */
    int64_t total; /* What a unit of it costs the plan; TOTAL_NONE: it has none. */
};

struct choices {
    struct choice *items;
    size_t capacity;
    size_t count;
};

struct inquiry {
    struct plan *plan;
    uint32_t need;
    uint32_t *offers; /* Possible ones: `facts->possible`. */
    size_t offer_capacity;
    struct choices choices;
    struct explain_facts *facts;
};

const char *explain_cause_name(enum explain_cause cause)
{
    switch (cause) {
    case EXPLAIN_SERVED:
        return "served";
    case EXPLAIN_NOT_OPEN:
        return "not_open";
    case EXPLAIN_NOT_OFFERED:
        return "not_offered";
    case EXPLAIN_NOT_POSSIBLE:
        return "not_possible";
    case EXPLAIN_COMMITTED:
        return "committed";
    case EXPLAIN_CAPACITY:
        return "capacity";
    case EXPLAIN_CLASS:
        return "scarce_class";
    case EXPLAIN_FAIRNESS:
        return "scarce_fairness";
    case EXPLAIN_COST:
        return "scarce_cost";
    case EXPLAIN_LOT:
        return "lot";
    }
    UNREACHABLE();
}

const char *explain_rule_name(enum match_reason reason)
{
    return reason == MATCH_POSSIBLE ? "closed_by_party" : match_reason_name(reason);
}

struct explain_rank explain_rank(int64_t weight)
{
    int64_t level = weight / FLOW_WEIGHT_STEP;

    if (level <= 0) {
        return (struct explain_rank){0};
    }
    return (struct explain_rank){
        .class_number = (uint8_t)(CLASS_COUNT - (level - 1) / PLAN_TRANCHE_COUNT),
        .tranche = (uint8_t)(PLAN_TRANCHE_COUNT - (level - 1) % PLAN_TRANCHE_COUNT),
    };
}

/* Which offer a source of the flow is of, and which day of it. */
static struct explain_slot slot_of(const struct plan *plan, uint32_t source)
{
    struct explain_slot slot = {.offer = slots_owner(&plan->slots, source), .day = DAY_NONE};

    ENSURE(slot.offer != SLOT_NONE);
    if (!plan_is_stock(plan, slot.offer)) {
        const struct plan_offer *offer = &plan->offers[slot.offer];
        uint32_t place = slot_place(offer->range, offer->days, source);
        ENSURE(place != SLOT_NONE);
        slot.day = plan_day_at(plan, slot.offer, place);
    }
    return slot;
}

/* Steps of a ripple at which a need moves; at others a unit waits. */
static uint32_t count_movers(const struct ripples *ripples, uint32_t source, uint32_t other_than)
{
    struct ripple_move moves[MOVE_COUNT_MAX];
    size_t count = ripples_moves(ripples, source, other_than, moves, COUNT_OF(moves));
    uint32_t movers = 0;

    for (size_t i = 0; i < count && i < COUNT_OF(moves); i++) {
        movers += moves[i].sink != FLOW_NONE;
    }
    return movers;
}

static struct explain_effect effect_of(const struct plan *plan, const struct ripples *ripples,
                                       uint32_t source, uint32_t other_than)
{
    struct ripple ripple = ripples_get(ripples, source, other_than);

    return (struct explain_effect){
        .end = ripple.end,
        .slot = slot_of(plan, ripple.source),
        .need = ripple.end == RIPPLE_SINK ? ripple.sink : NAME_NONE,
        .rank = explain_rank(ripple.weight),
        .cost = ripple.cost,
        .moves = count_movers(ripples, source, other_than),
    };
}

/* The offers of a need's product, possible or not. */

/* Fewer days or units are nearer, and of rules that pass on some day the earlier one. */
static bool is_nearer(const struct match_why *left, const struct match_why *right)
{
    if (left->days != right->days) {
        return left->days < right->days;
    }
    if (left->units != right->units) {
        return left->units < right->units;
    }
    return left->day != DAY_NONE && (right->day == DAY_NONE || left->day < right->day);
}

static void count_failure(const struct inquiry *inquiry, uint32_t offer, enum match_reason reason)
{
    struct explain_facts *facts = inquiry->facts;
    const struct plan *plan = inquiry->plan;
    struct match_why why = match_why_not(plan->market, plan_rules(plan), inquiry->need, offer);
    struct explain_failure *known = facts->failures;

    while (known < facts->failures + facts->failure_count && known->reason != reason) {
        known++;
    }
    if (known == facts->failures + facts->failure_count) {
        ENSURE(facts->failure_count < EXPLAIN_FAILURE_COUNT);
        facts->failure_count++;
        *known = (struct explain_failure){.reason = reason, .nearest = offer, .why = why};
    } else if (is_nearer(&why, &known->why)) {
        known->nearest = offer;
        known->why = why;
    }
    known->count++;
}

static int compare_failures(const void *left, const void *right)
{
    const struct explain_failure *a = left;
    const struct explain_failure *b = right;

    if (a->count != b->count) {
        return a->count > b->count ? -1 : 1;
    }
    return (a->reason > b->reason) - (a->reason < b->reason);
}

/* The days of a possible offer that are of use to the need. */
static void add_choices(struct inquiry *inquiry, uint32_t offer)
{
    struct plan_places places = plan_places(inquiry->plan, inquiry->need, offer);
    struct choices *choices = &inquiry->choices;
    uint32_t cost;

    for (uint32_t place = places.from; place < places.end; place++) {
        if (plan_can_use(inquiry->plan, inquiry->need, offer, &places, place, &cost)) {
            GROW(choices->items, choices->capacity, choices->count + 1);
            choices->items[choices->count++] = (struct choice){
                .source = plan_slot_at(inquiry->plan, offer, place), .offer = offer, .cost = cost};
        }
    }
}

static void look_at_offer(struct inquiry *inquiry, uint32_t offer)
{
    const struct plan *plan = inquiry->plan;
    struct match match = match_check(plan->market, plan_rules(plan), inquiry->need, offer);

    if (match.reason == MATCH_POSSIBLE && !plan_is_excluded(plan, inquiry->need, offer)) {
        GROW(inquiry->offers, inquiry->offer_capacity, (size_t)inquiry->facts->possible + 1);
        inquiry->offers[inquiry->facts->possible++] = offer;
    } else {
        count_failure(inquiry, offer, match.reason);
    }
}

/* Sorts the offers of the need's product and of its substitutes into possible ones and failures.
 * The caller frees the offers. */
static void look_at_offers(struct inquiry *inquiry)
{
    const struct market *market = inquiry->plan->market;
    struct explain_facts *facts = inquiry->facts;
    uint32_t given[PRODUCT_GIVEN_MAX];
    size_t given_count = market_given_products(market, market->needs[inquiry->need].product, given);

    for (size_t i = 0; i < given_count; i++) {
        const struct number_list *offers = &market->products[given[i]].offers;
        for (size_t j = 0; j < offers->count; j++) {
            look_at_offer(inquiry, offers->items[j]);
        }
    }
    if (facts->failure_count > 1) {
        qsort(facts->failures, facts->failure_count, sizeof *facts->failures, compare_failures);
    }
}

/* Why not more. */

static enum explain_cause cause_of(struct explain_rank own, const struct explain_effect *effect)
{
    if (effect->end != RIPPLE_SINK) {
        return EXPLAIN_LOT; /* A unit is left, and the optimum would have given it. */
    }
    if (effect->rank.class_number != own.class_number) {
        return EXPLAIN_CLASS;
    }
    return effect->rank.tranche != own.tranche ? EXPLAIN_FAIRNESS : EXPLAIN_COST;
}

static int64_t total_of(const struct ripples *taken, const struct choice *choice, uint32_t need)
{
    struct ripple ripple = ripples_get(taken, choice->source, need);

    return ripple.end == RIPPLE_IMPOSSIBLE ? TOTAL_NONE
                                           : choice->cost + ripple.weight + ripple.cost;
}

/* Of the first unit that it misses. */
static struct explain_rank next_rank(const struct inquiry *inquiry)
{
    int64_t ends[PLAN_TRANCHE_COUNT];
    int64_t served = plan_need_promised(inquiry->plan, inquiry->need);
    uint8_t tranche = 0;

    plan_tranche_ends(inquiry->plan, inquiry->need, ends);
    while (tranche < PLAN_TRANCHE_COUNT - 1 && ends[tranche] <= served) {
        tranche++;
    }
    return (struct explain_rank){
        .class_number = plan_market(inquiry->plan)->needs[inquiry->need].class_number,
        .tranche = (uint8_t)(tranche + 1),
    };
}

/* Puts a cheaper day of the offer in the place of `best`. A unit taken costs the plan the price of
 * its slot or more; of later places none is cheaper itself, unless rules have dates, and none has a
 * price below the offer's. */
static void weigh_places(const struct inquiry *inquiry, const struct ripples *taken, uint32_t offer,
                         struct choice *best)
{
    const struct plan *plan = inquiry->plan;
    struct plan_places places = plan_places(plan, inquiry->need, offer);
    int64_t price = plan_offer_price(plan, offer);
    uint32_t cost;

    for (uint32_t place = places.from; place < places.end; place++) {
        if (!plan_can_use(plan, inquiry->need, offer, &places, place, &cost)) {
            continue;
        }
        if (!places.is_dated && cost + price >= best->total) {
            return;
        }
        struct choice choice = {
            .source = plan_slot_at(plan, offer, place), .offer = offer, .cost = cost};
        choice.total = total_of(taken, &choice, inquiry->need);
        if (choice.total < best->total) {
            *best = choice;
        }
    }
}

static bool has_units(const struct inquiry *inquiry)
{
    bool has_some = false;

    for (uint32_t i = 0; i < inquiry->facts->possible; i++) {
        has_some = has_some || plan_offer_rest(inquiry->plan, inquiry->offers[i]) > 0;
    }
    return has_some;
}

static struct explain_verdict judge_scarce(const struct inquiry *inquiry,
                                           const struct ripples *taken)
{
    struct choice best = {.total = TOTAL_NONE};

    for (uint32_t i = 0; i < inquiry->facts->possible; i++) {
        weigh_places(inquiry, taken, inquiry->offers[i], &best);
    }
    if (best.total == TOTAL_NONE) {
        return (struct explain_verdict){
            .cause = has_units(inquiry) ? EXPLAIN_CAPACITY : EXPLAIN_COMMITTED,
            .offer = NAME_NONE,
        };
    }
    struct explain_effect effect = effect_of(inquiry->plan, taken, best.source, inquiry->need);
    return (struct explain_verdict){
        .cause = cause_of(next_rank(inquiry), &effect),
        .offer = best.offer,
        .effect = effect,
    };
}

static bool is_open(const struct plan *plan, uint32_t need)
{
    return plan->market->needs[need].state == NEED_OPEN;
}

static bool is_served(const struct plan *plan, uint32_t need)
{
    return is_open(plan, need) && plan_need_missing(plan, need) == 0;
}

/* Whether the optimum gives it units that would be told if there were no lots. */
static bool lacks_lot(const struct plan *plan, uint32_t need)
{
    return plan_told_units(plan, need) < flow_sink_served(plan_flow(plan), need);
}

static struct explain_verdict judge(const struct inquiry *inquiry, const struct ripples *taken)
{
    const struct explain_facts *facts = inquiry->facts;
    struct explain_verdict verdict = {.cause = EXPLAIN_SERVED, .offer = NAME_NONE};

    if (!is_open(inquiry->plan, inquiry->need)) {
        verdict.cause = EXPLAIN_NOT_OPEN;
    } else if (is_served(inquiry->plan, inquiry->need)) {
        verdict.cause = EXPLAIN_SERVED;
    } else if (lacks_lot(inquiry->plan, inquiry->need)) {
        verdict.cause = EXPLAIN_LOT;
    } else if (facts->possible > 0) {
        verdict = judge_scarce(inquiry, taken);
    } else if (facts->failure_count > 0) {
        verdict.cause = EXPLAIN_NOT_POSSIBLE;
        verdict.reason = facts->failures[0].reason;
    } else {
        verdict.cause = EXPLAIN_NOT_OFFERED;
    }
    return verdict;
}

/* Ripples of some of the plan's slots. */

struct sources {
    uint32_t *items;
    size_t capacity;
    size_t count;
};

static struct ripples *open_ripples(const struct plan *plan, enum ripple_kind kind,
                                    struct sources *sources)
{
    struct ripples *ripples;

    GROW(sources->items, sources->capacity, sources->count + 1); /* None are not all. */
    ripples_open(plan_flow(plan),
                 &(struct ripple_question){.kind = kind,
                                           .sources = sources->items,
                                           .source_count = sources->count,
                                           .still = FLOW_NONE,
                                           .spared = FLOW_NONE},
                 &ripples);
    free(sources->items);
    return ripples;
}

/* The offer's slots, but those that have no price where only scarce ones are meant. */
static void add_slots(const struct plan *plan, uint32_t offer, bool is_scarce_only,
                      struct sources *sources)
{
    uint32_t count = plan_slot_count(plan, offer);

    GROW(sources->items, sources->capacity, sources->count + count);
    for (uint32_t place = 0; place < count; place++) {
        uint32_t source = plan_slot_at(plan, offer, place);
        if (!is_scarce_only || flow_price(plan_flow(plan), source) > 0) {
            sources->items[sources->count++] = source;
        }
    }
}

struct ripples *explain_added(const struct plan *plan)
{
    struct sources sources = {0};

    for (uint32_t offer = 0; offer < plan->market->offer_ids.count; offer++) {
        add_slots(plan, offer, true, &sources);
    }
    return open_ripples(plan, RIPPLE_ADDED, &sources);
}

struct ripples *explain_taken(const struct plan *plan)
{
    const struct market *market = plan->market;
    struct sources sources = {0};
    struct marks products = {0};

    for (uint32_t need = 0; need < market->need_ids.count; need++) {
        uint32_t given[PRODUCT_GIVEN_MAX];
        bool is_missing = is_open(plan, need) && !is_served(plan, need);
        size_t count =
            is_missing ? market_given_products(market, market->needs[need].product, given) : 0;
        for (size_t i = 0; i < count; i++) {
            marks_add(&products, given[i]);
        }
    }
    for (size_t i = 0; i < products.count; i++) {
        const struct number_list *offers = &market->products[products.items[i]].offers;
        for (size_t j = 0; j < offers->count; j++) {
            add_slots(plan, offers->items[j], false, &sources);
        }
    }
    marks_deinit(&products);
    return open_ripples(plan, RIPPLE_TAKEN, &sources);
}

struct explain_verdict explain_verdict(struct plan *plan, const struct ripples *taken,
                                       uint32_t need)
{
    struct explain_facts facts = {0};
    struct inquiry inquiry = {.plan = plan, .need = need, .facts = &facts};

    if (is_served(plan, need)) {
        return (struct explain_verdict){.cause = EXPLAIN_SERVED, .offer = NAME_NONE};
    }
    look_at_offers(&inquiry);
    struct explain_verdict verdict = judge(&inquiry, taken);
    free(inquiry.offers);
    return verdict;
}

/* Options. */

static int compare_choices(const void *left, const void *right)
{
    const struct choice *a = left;
    const struct choice *b = right;

    if (a->total != b->total) {
        return a->total < b->total ? -1 : 1;
    }
    return (a->source > b->source) - (a->source < b->source);
}

static struct ripples *ask(const struct inquiry *inquiry, enum ripple_kind kind, uint32_t still,
                           uint32_t spared, int64_t worth)
{
    uint32_t *sources = memory_take(inquiry->choices.count + 1, sizeof *sources);
    struct ripples *ripples;

    for (size_t i = 0; i < inquiry->choices.count; i++) {
        sources[i] = inquiry->choices.items[i].source;
    }
    ripples_open(plan_flow(inquiry->plan),
                 &(struct ripple_question){.kind = kind,
                                           .sources = sources,
                                           .source_count = inquiry->choices.count,
                                           .still = still,
                                           .spared = spared,
                                           .worth = worth},
                 &ripples);
    free(sources);
    return ripples;
}

static bool serves(const struct inquiry *inquiry, const struct choice *choice)
{
    return flow_units(plan_flow(inquiry->plan), inquiry->need, choice->source) > 0;
}

/* The one that costs the need most among those that serve it, of `offer` unless NAME_NONE: what is
 * first to be replaced. FLOW_NONE in `source` when there is none. */
static struct choice dearest_choice(const struct inquiry *inquiry, uint32_t offer)
{
    struct choice dearest = {.source = FLOW_NONE};

    for (size_t i = 0; i < inquiry->choices.count; i++) {
        const struct choice *choice = &inquiry->choices.items[i];
        bool is_meant = offer == NAME_NONE || offer == choice->offer;
        if (is_meant && serves(inquiry, choice) &&
            (dearest.source == FLOW_NONE || choice->cost > dearest.cost)) {
            dearest = *choice;
        }
    }
    return dearest;
}

static bool is_option(const struct explain_facts *facts, uint32_t offer)
{
    for (size_t i = 0; i < facts->option_count; i++) {
        if (facts->options[i].slot.offer == offer) {
            return true;
        }
    }
    return false;
}

static void add_option(struct inquiry *inquiry, const struct ripples *taken,
                       const struct choice *choice, int64_t spared_cost)
{
    struct explain_facts *facts = inquiry->facts;
    struct explain_slot slot = slot_of(inquiry->plan, choice->source);
    struct explain_effect effect = effect_of(inquiry->plan, taken, choice->source, FLOW_NONE);
    int64_t freed = effect.end == RIPPLE_SPARED ? 0 : facts->freed.cost;

    facts->options[facts->option_count++] = (struct explain_option){
        .slot = slot,
        .match = plan_match_on(inquiry->plan, inquiry->need, slot.offer, slot.day),
        .effect = effect,
        .cost = choice->cost - spared_cost + effect.cost + freed,
    };
}

/* What is saved where the unit came from: it has been told, and loses its bonus. */
static int64_t saved_by(const struct plan *plan, const struct choice *spared)
{
    return spared->source == FLOW_NONE
               ? 0
               : (int64_t)spared->cost - (int64_t)plan->options.stability_bonus;
}

/* The best day of each of the best offers, but the one whose unit is `spared`. */
static void fill_options(struct inquiry *inquiry, const struct ripples *taken,
                         const struct choice *spared)
{
    struct explain_facts *facts = inquiry->facts;
    struct choices *choices = &inquiry->choices;

    for (size_t i = 0; i < choices->count; i++) {
        choices->items[i].total = total_of(taken, &choices->items[i], FLOW_NONE);
    }
    if (choices->count > 1) {
        qsort(choices->items, choices->count, sizeof *choices->items, compare_choices);
    }
    for (size_t i = 0; i < choices->count && facts->option_count < EXPLAIN_OPTION_COUNT; i++) {
        const struct choice *choice = &choices->items[i];
        bool is_new = choice->offer != facts->instead_of && !is_option(facts, choice->offer);
        if (choice->total != TOTAL_NONE && is_new) {
            add_option(inquiry, taken, choice, saved_by(inquiry->plan, spared));
        }
    }
}

/* One of its units comes from elsewhere, and the one it had is free for others. */
static void find_options_instead(struct inquiry *inquiry, const struct choice *spared)
{
    struct ripples *added = ask(inquiry, RIPPLE_ADDED, inquiry->need, FLOW_NONE, 0);
    struct ripple gain = ripples_get(added, spared->source, FLOW_NONE);

    inquiry->facts->instead_of = spared->offer;
    inquiry->facts->freed = effect_of(inquiry->plan, added, spared->source, FLOW_NONE);
    ripples_close(added);
    struct ripples *taken =
        ask(inquiry, RIPPLE_TAKEN, inquiry->need, spared->source, gain.weight - gain.cost);
    fill_options(inquiry, taken, spared);
    ripples_close(taken);
}

/* Prices. */

static bool price_slot(const struct plan *plan, const struct ripples *added, uint32_t source,
                       struct explain_price *price)
{
    struct explain_effect effect = effect_of(plan, added, source, FLOW_NONE);

    if (effect.end == RIPPLE_FREE && effect.cost == 0) {
        return false;
    }
    *price = (struct explain_price){.slot = slot_of(plan, source), .effect = effect};
    return true;
}

bool explain_price(const struct plan *plan, const struct ripples *added, uint32_t offer,
                   uint32_t place, struct explain_price *price)
{
    uint32_t source = plan_slot_at(plan, offer, place);

    /* One unit more never saves more than the price. */
    return flow_price(plan_flow(plan), source) > 0 && price_slot(plan, added, source, price);
}

static bool is_option_slot(const struct inquiry *inquiry, uint32_t source)
{
    struct explain_slot slot = slot_of(inquiry->plan, source);

    for (size_t i = 0; i < inquiry->facts->option_count; i++) {
        const struct explain_slot *other = &inquiry->facts->options[i].slot;
        if (other->offer == slot.offer && other->day == slot.day) {
            return true;
        }
    }
    return false;
}

/* Of the slots that serve the need or could; choices are best first. */
static void find_prices(struct inquiry *inquiry)
{
    struct explain_facts *facts = inquiry->facts;
    struct ripples *added = ask(inquiry, RIPPLE_ADDED, FLOW_NONE, FLOW_NONE, 0);
    size_t count = inquiry->choices.count;

    for (size_t i = 0; i < count && facts->price_count < EXPLAIN_PRICE_COUNT; i++) {
        const struct choice *choice = &inquiry->choices.items[i];
        struct explain_price *price = &facts->prices[facts->price_count];
        if ((serves(inquiry, choice) || is_option_slot(inquiry, choice->source)) &&
            price_slot(inquiry->plan, added, choice->source, price)) {
            facts->price_count++;
        }
    }
    ripples_close(added);
}

static void find_tranches(struct inquiry *inquiry)
{
    struct explain_facts *facts = inquiry->facts;
    int64_t ends[PLAN_TRANCHE_COUNT];
    int64_t served = plan_need_promised(inquiry->plan, inquiry->need);
    int64_t start = 0;

    plan_tranche_ends(inquiry->plan, inquiry->need, ends);
    for (uint8_t i = 0; i < PLAN_TRANCHE_COUNT; i++) {
        if (ends[i] > start) {
            facts->tranches[facts->tranche_count++] = (struct explain_tranche){
                .number = (uint8_t)(i + 1),
                .units = ends[i] - start,
                .served = max_i64(0, min_i64(served, ends[i]) - start),
            };
            start = ends[i];
        }
    }
}

/* One unit more for the need, all it has stays as it is: why it gets none, and what it would
 * displace. */
static void find_more(struct inquiry *inquiry, bool wants_options)
{
    struct ripples *taken = ask(inquiry, RIPPLE_TAKEN, inquiry->need, FLOW_NONE, 0);

    inquiry->facts->verdict = judge(inquiry, taken);
    if (wants_options && inquiry->facts->verdict.cause > EXPLAIN_NOT_OPEN) {
        fill_options(inquiry, taken, &(struct choice){.source = FLOW_NONE});
    }
    ripples_close(taken);
}

void explain_need(struct plan *plan, uint32_t need, uint32_t instead_of,
                  struct explain_facts *facts)
{
    struct inquiry inquiry = {.plan = plan, .need = need, .facts = facts};

    ENSURE(plan_is_settled(plan));
    *facts = (struct explain_facts){.instead_of = NAME_NONE};
    look_at_offers(&inquiry);
    ENSURE(facts->possible == 0 || inquiry.offers != NULL);
    for (uint32_t i = 0; i < facts->possible; i++) {
        add_choices(&inquiry, inquiry.offers[i]);
    }
    find_tranches(&inquiry);
    find_more(&inquiry, instead_of == NAME_NONE);
    if (instead_of != NAME_NONE || facts->verdict.cause == EXPLAIN_SERVED) {
        struct choice spared = dearest_choice(&inquiry, instead_of);
        if (spared.source != FLOW_NONE) {
            find_options_instead(&inquiry, &spared);
        }
    }
    find_prices(&inquiry);
    free(inquiry.offers);
    free(inquiry.choices.items);
}
