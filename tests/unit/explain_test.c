/*
 * explain_test.c - reasons, prices and alternatives against what happens when they are tried.
 */
#include "core/plan/explain.h"
#include "tests/harness.h"

#define NAME_SIZE 24
#define RUN_COUNT 150
#define OFFER_COUNT 6
#define NEED_COUNT 10
#define TODAY 18000

__extension__ typedef __int128 wide;

struct village {
    struct plan *plan;
    uint64_t seq;
};

static void tell(struct village *village, uint16_t kind, const union command *command)
{
    plan_apply(village->plan, &(struct plan_input){.kind = kind,
                                                   .command = command,
                                                   .seq = ++village->seq,
                                                   .time_ms = village->seq});
}

static struct bytes name(char text[NAME_SIZE], char letter, uint64_t number)
{
    snprintf(text, NAME_SIZE, "%c%" PRIu64, letter, number);
    return bytes_from_text(text);
}

static void put_party(struct village *village, uint64_t number, int64_t lat, int64_t lon)
{
    char id[NAME_SIZE];

    tell(village, KIND_PARTY_PUT,
         &(union command){.party_put = {.party = name(id, 'p', number),
                                        .name = bytes_from_text("somebody"),
                                        .roles = ROLE_REQUESTER | ROLE_OFFERER,
                                        .country = bytes_from_text("FR"),
                                        .lat = lat,
                                        .lon = lon}});
}

static void open_village_with(struct village *village, uint64_t lot, uint32_t stability_bonus)
{
    struct plan_options options = plan_options_default();

    *village = (struct village){0};
    options.rules.kept_max = MATCH_KEPT_MAX;
    options.stability_bonus = stability_bonus;
    plan_open(&options, &village->plan);
    tell(village, KIND_TICK, &(union command){.tick = {.now = (uint64_t)TODAY * DAY_MS}});
    tell(village, KIND_PRODUCT_PUT,
         &(union command){.product_put = {.product = bytes_from_text("mask"), .lot = lot}});
    put_party(village, 0, 44000000, 1000000);
    for (uint64_t i = 1; i <= 4; i++) {
        put_party(village, i, 44000000 + (int64_t)i * 900000, 1000000);
    }
}

/* Without a bonus, so that costs are those of matches alone. */
static void open_village(struct village *village, uint64_t lot)
{
    open_village_with(village, lot, 0);
}

struct wish {
    uint64_t party, quantity, class_number;
    int64_t latest, due; /* 0: none. */
};

static void want(struct village *village, uint64_t number, struct wish wish)
{
    char need[NAME_SIZE], party[NAME_SIZE];

    tell(village, KIND_NEED_PUT,
         &(union command){.need_put = {.need = name(need, 'n', number),
                                       .party = name(party, 'p', wish.party),
                                       .product = bytes_from_text("mask"),
                                       .quantity = wish.quantity,
                                       .class_number = wish.class_number,
                                       .due = wish.due == 0 ? DAY_NONE : wish.due,
                                       .latest = wish.latest == 0 ? DAY_NONE : wish.latest,
                                       .at = TIME_NONE}});
}

struct gift {
    uint64_t party, quantity, lead_days;
};

static void give(struct village *village, uint64_t number, struct gift gift)
{
    char offer[NAME_SIZE], party[NAME_SIZE];

    tell(village, KIND_OFFER_PUT,
         &(union command){.offer_put = {.offer = name(offer, 'o', number),
                                        .party = name(party, 'p', gift.party),
                                        .product = bytes_from_text("mask"),
                                        .offer_kind = OFFER_STOCK,
                                        .quantity = gift.quantity,
                                        .lead_days = gift.lead_days,
                                        .from = DAY_NONE,
                                        .to = DAY_NONE,
                                        .at = TIME_NONE}});
}

#define LINE_DAYS 5

/* A line with so many units a day. */
static void give_daily(struct village *village, uint64_t number, struct gift gift)
{
    char offer[NAME_SIZE], party[NAME_SIZE];

    tell(village, KIND_OFFER_PUT,
         &(union command){.offer_put = {.offer = name(offer, 'o', number),
                                        .party = name(party, 'p', gift.party),
                                        .product = bytes_from_text("mask"),
                                        .offer_kind = OFFER_CAPACITY,
                                        .per_day = gift.quantity,
                                        .lead_days = gift.lead_days,
                                        .from = TODAY,
                                        .to = TODAY + LINE_DAYS - 1,
                                        .at = TIME_NONE}});
}

/* One day of it has another capacity. */
static void report_day(struct village *village, uint64_t number, int32_t day, uint64_t units)
{
    char offer[NAME_SIZE];

    tell(village, KIND_CAPACITY_PUT,
         &(union command){.capacity_put = {.offer = name(offer, 'o', number),
                                           .from = day,
                                           .to = day,
                                           .per_day = units,
                                           .source = SOURCE_DECLARED,
                                           .at = TIME_NONE}});
}

static void on_assignment(void *context, const struct assignment_event *event)
{
    (void)context;
    (void)event;
}

static void on_answer(void *context, const struct answer_event *event)
{
    (void)context;
    (void)event;
}

/* With every possible match listed, the flow is the whole problem. */
static void settle(struct village *village)
{
    const struct market *market = plan_market(village->plan);
    char problem[160] = "";

    for (uint32_t need = 0; need < market->need_ids.count; need++) {
        for (uint32_t offer = 0; offer < market->offer_ids.count; offer++) {
            struct match match = match_check(market, plan_rules(village->plan), need, offer);
            if (match.reason == MATCH_POSSIBLE) {
                plan_apply_match(village->plan, need, offer, match.cost, UINT32_MAX);
            }
        }
    }
    plan_settle(village->plan, &(struct plan_listener){NULL, on_assignment, on_answer});
    EXPECT_TRUE(plan_certify(village->plan, problem));
}

static void explain(struct village *village, uint32_t need, struct explain_facts *facts)
{
    settle(village);
    explain_need(village->plan, need, NAME_NONE, facts);
}

static wide objective_of(const struct village *village)
{
    struct flow_objective objective;
    wide sum = 0;

    flow_objective(plan_flow(village->plan), &objective);
    for (int64_t level = 0; level <= FLOW_LEVEL_MAX; level++) {
        sum += (wide)(objective.unserved[level] * level) * FLOW_WEIGHT_STEP;
    }
    return sum + objective.cost;
}

static void a_rank_is_a_class_and_a_tranche(void)
{
    struct explain_rank rank = explain_rank(20 * FLOW_WEIGHT_STEP);
    EXPECT_EQ(rank.class_number, 1);
    EXPECT_EQ(rank.tranche, 1);
    rank = explain_rank(FLOW_WEIGHT_STEP);
    EXPECT_EQ(rank.class_number, 5);
    EXPECT_EQ(rank.tranche, 4);
    EXPECT_EQ(explain_rank(0).class_number, 0);
}

static void a_need_that_misses_nothing_says_so(void)
{
    struct village village;
    struct explain_facts facts;

    open_village(&village, 1);
    give(&village, 0, (struct gift){.party = 1, .quantity = 50});
    give(&village, 1, (struct gift){.party = 2, .quantity = 50});
    want(&village, 0, (struct wish){.quantity = 20, .class_number = 3});
    explain(&village, 0, &facts);
    EXPECT_EQ(facts.verdict.cause, EXPLAIN_SERVED);
    EXPECT_EQ(facts.possible, 2);
    EXPECT_EQ(facts.price_count, 0);
    EXPECT_EQ(facts.instead_of, 0);
    EXPECT_EQ(facts.option_count, 1);
    EXPECT_EQ(facts.options[0].slot.offer, 1);
    EXPECT_EQ(facts.options[0].effect.end, RIPPLE_FREE);
    EXPECT_EQ(facts.options[0].cost, 100);
    EXPECT_EQ(facts.tranche_count, 4);
    EXPECT_EQ(facts.tranches[3].units, 4);
    EXPECT_EQ(facts.tranches[3].served, 4);
    plan_close(village.plan);
}

static void a_higher_class_is_named(void)
{
    struct village village;
    struct explain_facts facts;

    open_village(&village, 1);
    give(&village, 0, (struct gift){.party = 1, .quantity = 10});
    want(&village, 0, (struct wish){.quantity = 10, .class_number = 1});
    want(&village, 1, (struct wish){.quantity = 10, .class_number = 5});
    explain(&village, 1, &facts);
    EXPECT_EQ(facts.verdict.cause, EXPLAIN_CLASS);
    EXPECT_EQ(facts.verdict.offer, 0);
    EXPECT_EQ(facts.verdict.effect.need, 0);
    EXPECT_EQ(facts.verdict.effect.rank.class_number, 1);
    EXPECT_EQ(facts.verdict.effect.rank.tranche, 3);
    EXPECT_EQ(facts.option_count, 1);
    EXPECT_EQ(facts.options[0].effect.need, 0);
    EXPECT_EQ(facts.price_count, 1);
    EXPECT_EQ(facts.prices[0].effect.need, 1);
    EXPECT_EQ(facts.prices[0].effect.rank.class_number, 5);
    EXPECT_EQ(facts.prices[0].effect.rank.tranche, 1);
    EXPECT_EQ(facts.prices[0].effect.cost, 100);
    plan_close(village.plan);
}

static void an_earlier_tranche_of_the_class_is_fairness(void)
{
    struct village village;
    struct explain_facts facts;

    open_village(&village, 1);
    give(&village, 0, (struct gift){.party = 1, .quantity = 2});
    want(&village, 0, (struct wish){.quantity = 10, .class_number = 2});
    want(&village, 1, (struct wish){.quantity = 10, .class_number = 2});
    explain(&village, 1, &facts);
    EXPECT_EQ(facts.verdict.cause, EXPLAIN_FAIRNESS);
    EXPECT_EQ(facts.verdict.effect.rank.tranche, 1);
    EXPECT_EQ(facts.tranches[0].served, 1);
    EXPECT_EQ(facts.tranches[1].served, 0);
    plan_close(village.plan);
}

static void an_equal_need_that_is_nearer_is_cost(void)
{
    struct village village;
    struct explain_facts facts;

    open_village(&village, 1);
    give(&village, 0, (struct gift){.party = 1, .quantity = 1});
    want(&village, 0, (struct wish){.party = 2, .quantity = 1, .class_number = 2});
    want(&village, 1, (struct wish){.party = 4, .quantity = 1, .class_number = 2});
    explain(&village, 1, &facts);
    EXPECT_EQ(facts.verdict.cause, EXPLAIN_COST);
    EXPECT_EQ(facts.verdict.effect.need, 0);
    EXPECT_EQ(facts.options[0].cost, 300 - 100);
    plan_close(village.plan);
}

static void what_moves_costs_its_stability_bonus(void)
{
    struct village village;
    struct explain_facts facts;

    open_village_with(&village, 1, 30);
    give(&village, 0, (struct gift){.party = 1, .quantity = 1});
    give(&village, 1, (struct gift){.party = 3, .quantity = 1});
    want(&village, 0, (struct wish){.party = 2, .quantity = 1, .class_number = 2});
    explain(&village, 0, &facts); /* Its own unit would move. */
    EXPECT_EQ(facts.options[0].cost, 30);
    want(&village, 1, (struct wish){.party = 4, .quantity = 2, .class_number = 2});
    explain(&village, 1, &facts); /* Another need's would, and goes without. */
    EXPECT_EQ(facts.options[0].effect.need, 0);
    EXPECT_EQ(facts.options[0].cost, 300 - 100 + 30);
    plan_close(village.plan);
}

static void who_has_everything_lacks_capacity(void)
{
    struct village village;
    struct explain_facts facts;

    open_village(&village, 1);
    give(&village, 0, (struct gift){.party = 1, .quantity = 7});
    want(&village, 0, (struct wish){.quantity = 10, .class_number = 2});
    explain(&village, 0, &facts);
    EXPECT_EQ(facts.verdict.cause, EXPLAIN_CAPACITY);
    EXPECT_EQ(facts.price_count, 1);
    EXPECT_EQ(facts.prices[0].effect.need, 0);
    plan_close(village.plan);
}

static void accept_for(struct village *village, uint64_t number, uint64_t party)
{
    char id[NAME_SIZE];

    tell(village, KIND_ASSIGNMENT_ACCEPT,
         &(union command){.assignment = {.assignment = number, .party = name(id, 'p', party)}});
}

static void what_is_committed_is_the_fence(void)
{
    struct village village;
    struct explain_facts facts;

    open_village(&village, 1);
    give(&village, 0, (struct gift){.party = 1, .quantity = 7});
    want(&village, 0, (struct wish){.quantity = 7, .class_number = 4});
    settle(&village);
    accept_for(&village, 1, 0);
    accept_for(&village, 1, 1);
    want(&village, 1, (struct wish){.quantity = 10, .class_number = 1});
    explain(&village, 1, &facts);
    EXPECT_EQ(facts.verdict.cause, EXPLAIN_COMMITTED);
    EXPECT_EQ(facts.option_count, 0);
    explain(&village, 0, &facts);
    EXPECT_EQ(facts.verdict.cause, EXPLAIN_SERVED);
    EXPECT_EQ(facts.option_count, 0);
    plan_close(village.plan);
}

static void the_smallest_change_for_each_rule_is_told(void)
{
    struct village village;
    struct explain_facts facts;

    open_village(&village, 20);
    want(&village, 0, (struct wish){.quantity = 50, .class_number = 1, .latest = TODAY + 5});
    explain(&village, 0, &facts);
    EXPECT_EQ(facts.verdict.cause, EXPLAIN_NOT_OFFERED);
    give(&village, 0, (struct gift){.party = 1, .quantity = 100, .lead_days = 12});
    give(&village, 1, (struct gift){.party = 1, .quantity = 100, .lead_days = 8});
    give(&village, 2, (struct gift){.party = 1, .quantity = 8});
    give(&village, 3, (struct gift){.party = 0, .quantity = 100});
    explain(&village, 0, &facts);
    EXPECT_EQ(facts.verdict.cause, EXPLAIN_NOT_POSSIBLE);
    EXPECT_EQ(facts.verdict.reason, MATCH_TOO_LATE);
    EXPECT_EQ(facts.failure_count, 3);
    EXPECT_EQ(facts.failures[0].count, 2);
    EXPECT_EQ(facts.failures[0].nearest, 1);
    EXPECT_EQ(facts.failures[0].why.days, 3);
    EXPECT_EQ(facts.failures[1].reason, MATCH_LOT_UNREACHABLE);
    EXPECT_EQ(facts.failures[1].why.units, 12);
    EXPECT_EQ(facts.failures[2].reason, MATCH_SAME_PARTY);
    want(&village, 0, (struct wish){.quantity = 50, .class_number = 1, .latest = TODAY + 8});
    explain(&village, 0, &facts);
    EXPECT_EQ(facts.verdict.cause, EXPLAIN_SERVED);
    plan_close(village.plan);
}

static void a_need_that_has_ended_has_no_options(void)
{
    struct village village;
    struct explain_facts facts;
    char id[NAME_SIZE];

    open_village(&village, 1);
    give(&village, 0, (struct gift){.party = 1, .quantity = 5});
    want(&village, 0, (struct wish){.quantity = 10, .class_number = 2});
    tell(&village, KIND_NEED_CANCEL,
         &(union command){
             .id_command = {.id = name(id, 'n', 0), .reason = bytes_from_text("withdrawn")}});
    explain(&village, 0, &facts);
    EXPECT_EQ(facts.verdict.cause, EXPLAIN_NOT_OPEN);
    EXPECT_EQ(facts.option_count, 0);
    plan_close(village.plan);
}

/* Stocks and lines by turns; needs with and without days. */
static void draw_village(uint64_t *random, struct village *village,
                         uint64_t quantities[OFFER_COUNT])
{
    open_village(village, 1 + random_below(random, 2));
    for (uint64_t i = 0; i < OFFER_COUNT; i++) {
        bool is_line = i % 2 == 1;
        quantities[i] = 2 + random_below(random, is_line ? 5 : 25);
        struct gift gift = {random_below(random, 5), quantities[i], random_below(random, 2)};
        (is_line ? give_daily : give)(village, i, gift);
    }
    for (uint64_t i = 0; i < NEED_COUNT; i++) {
        int64_t due = TODAY + (int64_t)random_below(random, 6);
        want(village, i,
             (struct wish){.party = random_below(random, 5),
                           .quantity = 2 + random_below(random, 30),
                           .class_number = 1 + random_below(random, CLASS_COUNT),
                           .due = random_below(random, 2) == 0 ? due : 0,
                           .latest = random_below(random, 2) == 0 ? due + 2 : 0});
    }
    settle(village);
}

static int64_t saving_of(const struct explain_price *price)
{
    struct explain_rank rank = price->effect.rank;
    int64_t level = rank.class_number == 0
                        ? 0
                        : (CLASS_COUNT - rank.class_number) * PLAN_TRANCHE_COUNT +
                              PLAN_TRANCHE_COUNT - rank.tranche + 1;

    return level * FLOW_WEIGHT_STEP - price->effect.cost;
}

static void a_price_is_what_one_unit_more_saves(void)
{
    for (test_seed = 1; test_seed <= RUN_COUNT; test_seed++) {
        uint64_t random = test_seed;
        uint64_t quantities[OFFER_COUNT];
        struct village village;
        struct ripples *added;
        struct explain_price price;
        draw_village(&random, &village, quantities);
        uint32_t offer = (uint32_t)random_below(&random, OFFER_COUNT);
        uint32_t place = (uint32_t)random_below(&random, plan_slot_count(village.plan, offer));
        ripples_open(plan_flow(village.plan),
                     &(struct ripple_question){
                         .kind = RIPPLE_ADDED, .still = FLOW_NONE, .spared = FLOW_NONE},
                     &added);
        bool is_scarce = explain_price(village.plan, added, offer, place, &price);
        wide before = objective_of(&village);
        if (offer % 2 == 1) {
            report_day(&village, offer, plan_slot(village.plan, offer, place).last,
                       quantities[offer] + 1);
        } else {
            const struct offer *known = &plan_market(village.plan)->offers[offer];
            give(&village, offer,
                 (struct gift){known->party, quantities[offer] + 1, known->lead_days});
        }
        settle(&village);
        EXPECT_EQ(before - objective_of(&village), is_scarce ? saving_of(&price) : 0);
        ripples_close(added);
        plan_close(village.plan);
    }
}

static void the_day_of_a_line_is_told(void)
{
    struct village village;
    struct explain_facts facts;

    open_village(&village, 1);
    give_daily(&village, 0, (struct gift){.party = 1, .quantity = 4});
    give_daily(&village, 1, (struct gift){.party = 2, .quantity = 4});
    want(&village, 0,
         (struct wish){.quantity = 9, .class_number = 2, .due = TODAY + 2, .latest = TODAY + 3});
    explain(&village, 0, &facts);
    EXPECT_EQ(facts.verdict.cause, EXPLAIN_SERVED);
    EXPECT_EQ(facts.option_count, 1);
    EXPECT_EQ(facts.options[0].slot.offer, 1);
    EXPECT_EQ(facts.options[0].slot.day, TODAY + 1);
    EXPECT_EQ(facts.options[0].match.arrival, TODAY + 2);
    plan_close(village.plan);
}

static void expect_sound(const struct village *village, uint32_t need,
                         const struct explain_facts *facts)
{
    const struct need *asked = &plan_market(village->plan)->needs[need];
    const struct explain_effect *effect = &facts->verdict.effect;
    bool is_missing = plan_need_missing(village->plan, need) > 0;

    EXPECT_EQ(facts->verdict.cause == EXPLAIN_SERVED, !is_missing);
    if (facts->verdict.cause >= EXPLAIN_CLASS && facts->verdict.cause != EXPLAIN_LOT) {
        EXPECT_TRUE(effect->need != need);
        EXPECT_TRUE(plan_pair_units(village->plan, effect->need, effect->slot.offer) > 0);
        EXPECT_TRUE(effect->rank.class_number <= asked->class_number);
        EXPECT_EQ(facts->verdict.cause == EXPLAIN_CLASS,
                  effect->rank.class_number < asked->class_number);
        EXPECT_EQ(facts->verdict.offer, facts->options[0].slot.offer);
    }
    for (size_t i = 0; i < facts->option_count; i++) {
        const struct explain_option *option = &facts->options[i];
        EXPECT_TRUE(option->slot.offer != facts->instead_of);
        EXPECT_EQ(option->match.reason, MATCH_POSSIBLE);
        EXPECT_TRUE(is_missing || option->effect.end == RIPPLE_SINK || option->cost >= 0);
    }
}

static void verdicts_of_one_need_and_of_the_whole_plan_agree(void)
{
    for (test_seed = 1; test_seed <= RUN_COUNT; test_seed++) {
        uint64_t random = test_seed;
        uint64_t quantities[OFFER_COUNT];
        struct village village;
        struct ripples *taken;
        draw_village(&random, &village, quantities);
        ripples_open(plan_flow(village.plan),
                     &(struct ripple_question){.still = FLOW_NONE, .spared = FLOW_NONE}, &taken);
        for (uint32_t need = 0; need < NEED_COUNT; need++) {
            struct explain_facts facts;
            explain_need(village.plan, need, NAME_NONE, &facts);
            expect_sound(&village, need, &facts);
            struct explain_verdict verdict = explain_verdict(village.plan, taken, need);
            EXPECT_EQ(verdict.cause, facts.verdict.cause);
            EXPECT_EQ(verdict.effect.rank.class_number, facts.verdict.effect.rank.class_number);
            EXPECT_EQ(verdict.effect.rank.tranche, facts.verdict.effect.rank.tranche);
        }
        ripples_close(taken);
        plan_close(village.plan);
    }
}

int main(int argc, char **argv)
{
    static const struct test_case cases[] = {
        CASE(a_rank_is_a_class_and_a_tranche),
        CASE(a_need_that_misses_nothing_says_so),
        CASE(a_higher_class_is_named),
        CASE(an_earlier_tranche_of_the_class_is_fairness),
        CASE(an_equal_need_that_is_nearer_is_cost),
        CASE(what_moves_costs_its_stability_bonus),
        CASE(who_has_everything_lacks_capacity),
        CASE(what_is_committed_is_the_fence),
        CASE(the_smallest_change_for_each_rule_is_told),
        CASE(a_need_that_has_ended_has_no_options),
        CASE(a_price_is_what_one_unit_more_saves),
        CASE(the_day_of_a_line_is_told),
        CASE(verdicts_of_one_need_and_of_the_whole_plan_agree),
    };
    return run_cases(cases, COUNT_OF(cases), argc, argv);
}
