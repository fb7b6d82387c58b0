/*
 * ripple_test.c - what ripples foretell, against what happens when it is done.
 */
#include "core/flow/ripple.h"
#include "tests/harness.h"

#define SOURCE_MAX 7
#define SINK_MAX 10
#define TRANCHE_MAX 3
#define RUN_COUNT 1500
#define MOVE_MAX 32
#define ASKER_LEVEL (FLOW_LEVEL_MAX - 1) /* Above all that are drawn. */

__extension__ typedef __int128 wide;

struct instance {
    uint32_t source_count, sink_count;
    struct flow *flow;
};

static void draw_sink(uint64_t *random, struct instance *instance, uint32_t sink)
{
    static const uint64_t ranges[] = {2, 10, 1000, FLOW_COST_MAX};
    uint64_t range = ranges[random_below(random, COUNT_OF(ranges))];
    struct flow_tranche tranches[TRANCHE_MAX];
    int64_t level = 1 + (int64_t)random_below(random, 5);
    size_t count = 0;

    for (uint32_t source = 0; source < instance->source_count; source++) {
        if (random_below(random, 3) > 0) {
            flow_set_arc(instance->flow, sink, source, (uint32_t)random_below(random, range));
        }
    }
    for (; count < random_below(random, TRANCHE_MAX + 1) && level > 0; level--) {
        tranches[count++] = (struct flow_tranche){.units = (int64_t)random_below(random, 5),
                                                  .weight = level * FLOW_WEIGHT_STEP};
    }
    flow_set_sink(instance->flow, sink, tranches, count);
}

/* Some sinks come late, so that prices lie between what the two ripples of a source say. */
static void draw_instance(uint64_t seed, struct instance *instance)
{
    uint64_t random = seed;

    *instance = (struct instance){
        .source_count = 1 + (uint32_t)random_below(&random, SOURCE_MAX),
        .sink_count = 1 + (uint32_t)random_below(&random, SINK_MAX),
    };
    flow_open(&instance->flow);
    flow_set_bonus(instance->flow, seed % 2 == 0 ? 0 : (uint32_t)random_below(&random, 60));
    for (uint32_t source = 0; source < instance->source_count; source++) {
        flow_set_source(instance->flow, source, (int64_t)random_below(&random, 9));
        if (source > 0 && random_below(&random, 3) == 0) {
            flow_set_next(instance->flow, source - 1, source);
        }
    }
    for (uint32_t sink = 0; sink < instance->sink_count; sink++) {
        draw_sink(&random, instance, sink);
        if (random_below(&random, 3) == 0) {
            flow_settle(instance->flow);
            flow_announce(instance->flow);
        }
    }
    ENSURE(instance->sink_count > 0);
    flow_set_sink(instance->flow, (uint32_t)random_below(&random, instance->sink_count), NULL, 0);
    flow_settle(instance->flow);
}

static wide objective_of(struct instance *instance)
{
    struct flow_objective objective;
    wide sum = 0;

    flow_settle(instance->flow);
    EXPECT_TRUE(flow_certify(instance->flow, NULL));
    flow_objective(instance->flow, &objective);
    for (int64_t level = 0; level <= FLOW_LEVEL_MAX; level++) {
        sum += (wide)(objective.unserved[level] * level) * FLOW_WEIGHT_STEP;
    }
    return sum + objective.cost - objective.bonus;
}

static void add_capacity(struct instance *instance, uint32_t source, int64_t units)
{
    flow_set_source(instance->flow, source, flow_source_capacity(instance->flow, source) + units);
}

/* Somebody who comes before all others takes a unit of the source. False when there is none. */
static bool take_unit(struct instance *instance, uint32_t source)
{
    uint32_t asker = instance->sink_count;

    flow_set_arc(instance->flow, asker, source, 0);
    flow_set_sink(instance->flow, asker,
                  &(struct flow_tranche){.units = 1, .weight = ASKER_LEVEL * FLOW_WEIGHT_STEP}, 1);
    flow_settle(instance->flow);
    return flow_sink_served(instance->flow, asker) == 1;
}

static void give_back(struct instance *instance, uint32_t source)
{
    flow_set_sink(instance->flow, instance->sink_count, NULL, 0);
    flow_remove_arc(instance->flow, instance->sink_count, source);
}

static struct ripples *open_all(const struct instance *instance, enum ripple_kind kind)
{
    struct ripples *ripples;

    ripples_open(instance->flow,
                 &(struct ripple_question){.kind = kind, .still = FLOW_NONE, .spared = FLOW_NONE},
                 &ripples);
    return ripples;
}

static uint32_t cost_of(struct flow *flow, uint32_t sink, uint32_t source)
{
    size_t count;
    const struct flow_arc *arcs = flow_arcs(flow, sink, &count);

    for (size_t i = 0; i < count; i++) {
        if (arcs[i].source == source) {
            return arcs[i].cost;
        }
    }
    EXPECT_TRUE(false);
    return 0;
}

/* `from` gets a unit of `to`: it follows it, or takes back what waits for it. */
static void expect_wait(const struct flow *flow, const struct ripple_move *move)
{
    EXPECT_TRUE(flow_next(flow, move->to) == move->from ||
                (flow_next(flow, move->from) == move->to && flow_waiting(flow, move->from) > 0));
}

/* The moves lead from the source to the end, each can be made, and their costs add up. */
static void expect_moves(const struct instance *instance, const struct ripples *ripples,
                         uint32_t source, enum ripple_kind kind)
{
    struct ripple ripple = ripples_get(ripples, source, FLOW_NONE);
    struct ripple_move moves[MOVE_MAX];
    size_t count = ripples_moves(ripples, source, FLOW_NONE, moves, MOVE_MAX);
    int64_t sum = 0;

    EXPECT_TRUE(count <= MOVE_MAX);
    for (size_t i = 0; i < count; i++) {
        EXPECT_EQ(kind == RIPPLE_TAKEN ? moves[i].from : moves[i].to, source);
        if (moves[i].sink == FLOW_NONE) {
            expect_wait(instance->flow, &moves[i]);
        } else {
            EXPECT_TRUE(flow_units(instance->flow, moves[i].sink, moves[i].from) > 0);
            sum += cost_of(instance->flow, moves[i].sink, moves[i].to);
            sum -= cost_of(instance->flow, moves[i].sink, moves[i].from);
        }
        source = kind == RIPPLE_TAKEN ? moves[i].to : moves[i].from;
    }
    EXPECT_EQ(ripple.source, source);
    if (ripple.end == RIPPLE_SINK) {
        int64_t last = cost_of(instance->flow, ripple.sink, source);
        sum += kind == RIPPLE_TAKEN ? -last : last;
        EXPECT_TRUE(kind == RIPPLE_ADDED || flow_units(instance->flow, ripple.sink, source) > 0);
    } else {
        EXPECT_EQ(ripple.weight, 0);
    }
    EXPECT_TRUE(test_seed % 2 == 1 || ripple.cost == sum); /* A bonus counts as well. */
}

static void a_unit_taken_costs_what_its_ripple_says(void)
{
    for (test_seed = 1; test_seed <= RUN_COUNT; test_seed++) {
        struct instance instance;
        draw_instance(test_seed, &instance);
        for (uint32_t source = 0; source < instance.source_count; source++) {
            struct ripples *ripples = open_all(&instance, RIPPLE_TAKEN);
            struct ripple ripple = ripples_get(ripples, source, FLOW_NONE);
            wide before = objective_of(&instance);
            bool is_possible = ripple.end != RIPPLE_IMPOSSIBLE;
            if (is_possible) {
                expect_moves(&instance, ripples, source, RIPPLE_TAKEN);
                EXPECT_TRUE(flow_price(instance.flow, source) <= ripple.weight + ripple.cost);
            }
            EXPECT_EQ(take_unit(&instance, source), is_possible);
            if (is_possible) {
                EXPECT_EQ(objective_of(&instance) - before, ripple.weight + ripple.cost);
            }
            give_back(&instance, source);
            EXPECT_TRUE(objective_of(&instance) == before);
            ripples_close(ripples);
        }
        flow_close(instance.flow);
    }
}

static void a_unit_added_saves_what_its_ripple_says(void)
{
    for (test_seed = 1; test_seed <= RUN_COUNT; test_seed++) {
        struct instance instance;
        draw_instance(test_seed, &instance);
        for (uint32_t source = 0; source < instance.source_count; source++) {
            struct ripples *ripples = open_all(&instance, RIPPLE_ADDED);
            struct ripple ripple = ripples_get(ripples, source, FLOW_NONE);
            wide before = objective_of(&instance);
            expect_moves(&instance, ripples, source, RIPPLE_ADDED);
            EXPECT_TRUE(flow_price(instance.flow, source) >= ripple.weight - ripple.cost);
            add_capacity(&instance, source, 1);
            EXPECT_EQ(before - objective_of(&instance), ripple.weight - ripple.cost);
            add_capacity(&instance, source, -1);
            EXPECT_TRUE(objective_of(&instance) == before);
            ripples_close(ripples);
        }
        flow_close(instance.flow);
    }
}

/* What the sink has from each source goes to somebody else who wants it from there above all. */
static void freeze(struct instance *instance, uint32_t sink)
{
    for (uint32_t source = 0; source < instance->source_count; source++) {
        struct flow_tranche tranche = {.weight = FLOW_LEVEL_MAX * FLOW_WEIGHT_STEP};
        uint32_t heir = instance->sink_count + 1 + source;
        tranche.units = flow_units(instance->flow, sink, source);
        flow_set_arc(instance->flow, heir, source, 0);
        flow_set_sink(instance->flow, heir, &tranche, 1);
    }
    flow_set_sink(instance->flow, sink, NULL, 0);
}

static void a_sink_that_stands_still_has_no_part_in_ripples(void)
{
    for (test_seed = 1; test_seed <= RUN_COUNT; test_seed++) {
        uint64_t random = test_seed;
        struct instance instance;
        struct ripples *ripples;
        draw_instance(test_seed, &instance);
        uint32_t still = (uint32_t)random_below(&random, instance.sink_count);
        uint32_t source = (uint32_t)random_below(&random, instance.source_count);
        ripples_open(
            instance.flow,
            &(struct ripple_question){
                .sources = &source, .source_count = 1, .still = still, .spared = FLOW_NONE},
            &ripples);
        struct ripple ripple = ripples_get(ripples, source, FLOW_NONE);
        freeze(&instance, still);
        wide before = objective_of(&instance);
        EXPECT_EQ(take_unit(&instance, source), ripple.end != RIPPLE_IMPOSSIBLE);
        if (ripple.end != RIPPLE_IMPOSSIBLE) {
            EXPECT_EQ(objective_of(&instance) - before, ripple.weight + ripple.cost);
        }
        ripples_close(ripples);
        flow_close(instance.flow);
    }
}

/* What a sink's unit costs from another source, when the one it comes from gets it back. */
static int64_t worth_of(const struct instance *instance, uint32_t spared, uint32_t still)
{
    struct ripples *ripples;

    ripples_open(instance->flow,
                 &(struct ripple_question){.kind = RIPPLE_ADDED,
                                           .sources = &spared,
                                           .source_count = 1,
                                           .still = still,
                                           .spared = FLOW_NONE},
                 &ripples);
    struct ripple ripple = ripples_get(ripples, spared, FLOW_NONE);
    ripples_close(ripples);
    return ripple.weight - ripple.cost;
}

static void a_unit_to_spare_is_used_when_that_costs_less(void)
{
    for (test_seed = 1; test_seed <= RUN_COUNT; test_seed++) {
        uint64_t random = test_seed;
        struct instance instance;
        struct ripples *ripples;
        draw_instance(test_seed, &instance);
        uint32_t still = (uint32_t)random_below(&random, instance.sink_count);
        uint32_t source = (uint32_t)random_below(&random, instance.source_count);
        uint32_t spared = (uint32_t)random_below(&random, instance.source_count);
        int64_t worth = worth_of(&instance, spared, still);
        ripples_open(instance.flow,
                     &(struct ripple_question){.sources = &source,
                                               .source_count = 1,
                                               .still = still,
                                               .spared = spared,
                                               .worth = worth},
                     &ripples);
        struct ripple ripple = ripples_get(ripples, source, FLOW_NONE);
        freeze(&instance, still);
        wide before = objective_of(&instance);
        add_capacity(&instance, spared, 1);
        if (ripple.end != RIPPLE_IMPOSSIBLE) {
            EXPECT_TRUE(take_unit(&instance, source));
            EXPECT_EQ(objective_of(&instance) - before,
                      ripple.weight + ripple.cost - (ripple.end == RIPPLE_SPARED ? 0 : worth));
        }
        ripples_close(ripples);
        flow_close(instance.flow);
    }
}

static void a_unit_more_for_a_sink_costs_its_cheapest_ripple(void)
{
    for (test_seed = 1; test_seed <= RUN_COUNT; test_seed++) {
        struct instance instance;
        draw_instance(test_seed, &instance);
        uint32_t asker = instance.sink_count;
        struct ripples *ripples = open_all(&instance, RIPPLE_TAKEN);
        int64_t cheapest = INT64_MAX;
        uint64_t random = test_seed;
        for (uint32_t source = 0; source < instance.source_count; source++) {
            struct ripple ripple = ripples_get(ripples, source, FLOW_NONE);
            uint32_t cost = (uint32_t)random_below(&random, 1000);
            flow_set_arc(instance.flow, asker, source, cost);
            if (ripple.end != RIPPLE_IMPOSSIBLE) {
                cheapest = min_i64(cheapest, cost + ripple.weight + ripple.cost);
            }
        }
        wide before = objective_of(&instance);
        if (cheapest != INT64_MAX) {
            flow_set_sink(
                instance.flow, asker,
                &(struct flow_tranche){.units = 1, .weight = FLOW_LEVEL_MAX * FLOW_WEIGHT_STEP}, 1);
            EXPECT_EQ(objective_of(&instance) - before, cheapest);
        }
        ripples_close(ripples);
        flow_close(instance.flow);
    }
}

/* Asked without the one who asks as an end, the cheapest of its sources says the same as when it
 * stands still; without a bonus, which its own moves would change. */
static void who_asks_is_no_end(void)
{
    for (test_seed = 2; test_seed <= RUN_COUNT; test_seed += 2) {
        uint64_t random = test_seed;
        struct instance instance;
        struct ripples *apart;
        size_t count;
        draw_instance(test_seed, &instance);
        uint32_t asker = (uint32_t)random_below(&random, instance.sink_count);
        struct ripples *ripples = open_all(&instance, RIPPLE_TAKEN);
        ripples_open(instance.flow, &(struct ripple_question){.still = asker, .spared = FLOW_NONE},
                     &apart);
        const struct flow_arc *arcs = flow_arcs(instance.flow, asker, &count);
        int64_t least = INT64_MAX;
        int64_t least_apart = INT64_MAX;
        for (size_t i = 0; i < count; i++) {
            struct ripple ripple = ripples_get(ripples, arcs[i].source, asker);
            EXPECT_TRUE(ripple.end != RIPPLE_SINK || ripple.sink != asker);
            if (ripple.end != RIPPLE_IMPOSSIBLE) {
                least = min_i64(least, arcs[i].cost + ripple.weight + ripple.cost);
            }
            ripple = ripples_get(apart, arcs[i].source, FLOW_NONE);
            if (ripple.end != RIPPLE_IMPOSSIBLE) {
                least_apart = min_i64(least_apart, arcs[i].cost + ripple.weight + ripple.cost);
            }
        }
        EXPECT_EQ(least, least_apart);
        ripples_close(ripples);
        ripples_close(apart);
        flow_close(instance.flow);
    }
}

static void a_source_nobody_knows_has_no_ripple(void)
{
    struct instance instance;

    draw_instance(1, &instance);
    struct ripples *ripples = open_all(&instance, RIPPLE_TAKEN);
    EXPECT_EQ(ripples_get(ripples, 1000, FLOW_NONE).end, RIPPLE_IMPOSSIBLE);
    EXPECT_EQ(ripples_moves(ripples, 1000, FLOW_NONE, NULL, 0), 0);
    ripples_close(ripples);
    ripples_close(NULL);
    flow_close(instance.flow);
}

int main(int argc, char **argv)
{
    static const struct test_case cases[] = {
        CASE(a_unit_taken_costs_what_its_ripple_says),
        CASE(a_unit_added_saves_what_its_ripple_says),
        CASE(a_sink_that_stands_still_has_no_part_in_ripples),
        CASE(a_unit_to_spare_is_used_when_that_costs_less),
        CASE(a_unit_more_for_a_sink_costs_its_cheapest_ripple),
        CASE(who_asks_is_no_end),
        CASE(a_source_nobody_knows_has_no_ripple),
    };
    return run_cases(cases, COUNT_OF(cases), argc, argv);
}
