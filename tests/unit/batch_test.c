/*
 * batch_test.c - what is solved anew at once is what the changes give one by one.
 */
#include "core/flow/batch.h"

#include "tests/unit/flow_fixture.h"

#include <string.h>

#define INSTANCE_COUNT 2000
#define UNIT_WEIGHT FLOW_WEIGHT_STEP

static void set_sources(struct flow *flow, const struct instance *instance)
{
    for (uint32_t i = 0; i < instance->source_count; i++) {
        flow_set_source(flow, i, instance->capacity[i]);
    }
    for (uint32_t i = 0; i < instance->source_count; i++) {
        flow_set_next(flow, i, instance->next[i]);
    }
}

static void load_sink(struct flow *flow, const struct instance *instance, uint32_t sink)
{
    struct flow_arc arcs[SOURCE_MAX];
    size_t count = 0;

    for (uint32_t i = 0; i < instance->source_count; i++) {
        if (instance->cost[sink][i] != COST_NONE) {
            arcs[count++] = (struct flow_arc){.source = i, .cost = instance->cost[sink][i]};
        }
    }
    flow_set_sink(flow, sink, instance->tranches[sink], instance->tranche_count[sink]);
    flow_add_arcs(flow, sink, arcs, count);
}

static void expect_same_objective(const struct flow *left, const struct flow *right)
{
    struct flow_objective of_left;
    struct flow_objective of_right;

    flow_objective(left, &of_left);
    flow_objective(right, &of_right);
    EXPECT_TRUE(memcmp(of_left.unserved, of_right.unserved, sizeof of_left.unserved) == 0);
    EXPECT_TRUE(of_left.cost == of_right.cost);
}

static void a_batch_gives_the_objective_of_changes_one_by_one(void)
{
    uint64_t random = 1;

    for (size_t i = 0; i < INSTANCE_COUNT; i++) {
        struct instance instance;
        struct flow *one_by_one;
        struct flow *at_once;
        draw_instance(&random, &instance);
        flow_open(&one_by_one);
        flow_open(&at_once);
        set_sources(one_by_one, &instance);
        set_sources(at_once, &instance);
        for (uint32_t sink = 0; sink < instance.sink_count; sink++) {
            load_sink(one_by_one, &instance, sink);
            flow_settle(one_by_one);
            load_sink(at_once, &instance, sink);
        }
        batch_settle(at_once);
        EXPECT_TRUE(flow_certify(at_once, NULL));
        expect_same_objective(at_once, one_by_one);
        flow_close(one_by_one);
        flow_close(at_once);
    }
}

static void arcs_come_between_those_that_a_sink_has(void)
{
    static const struct flow_tranche tranche = {.units = 5, .weight = UNIT_WEIGHT};
    static const struct flow_arc arcs[] = {{.source = 2, .cost = 7},
                                           {.source = 0, .cost = 5},
                                           {.source = 1, .cost = 6},
                                           {.source = 3}};
    struct flow *flow;
    size_t count = 0;

    flow_open(&flow);
    for (uint32_t source = 0; source < COUNT_OF(arcs); source++) {
        flow_set_source(flow, source, source == 3 ? 0 : 2);
    }
    flow_set_sink(flow, 0, &tranche, 1);
    flow_add_arcs(flow, 0, NULL, 0);
    flow_add_arcs(flow, 0, &arcs[0], 1);
    flow_settle(flow);
    EXPECT_EQ(flow_units(flow, 0, 2), 2);
    flow_add_arcs(flow, 0, &arcs[1], 1);
    flow_add_arcs(flow, 0, &arcs[2], 2);
    flow_settle(flow);
    EXPECT_TRUE(flow_certify(flow, NULL));
    const struct flow_arc *known = flow_arcs(flow, 0, &count);
    EXPECT_EQ(count, COUNT_OF(arcs));
    for (uint32_t i = 0; i < count; i++) {
        EXPECT_EQ(known[i].source, i);
    }
    EXPECT_EQ(known[0].units, 2);
    EXPECT_EQ(known[1].units, 2);
    EXPECT_EQ(known[2].units, 1);
    flow_close(flow);
}

/* Nobody asked for the sinks of a source so far. */
static void sinks_of_a_source_are_listed_whatever_happened_before(void)
{
    static const struct flow_tranche tranche = {.units = 2, .weight = UNIT_WEIGHT};
    static const struct flow_arc arcs[] = {{.source = 0, .cost = 7}, {.source = 1, .cost = 5}};
    static const uint32_t wanted[] = {0, 2, 3};
    struct flow *flow;
    uint32_t sinks[4];

    flow_open(&flow);
    flow_set_source(flow, 0, 3);
    flow_set_source(flow, 1, 3);
    for (uint32_t sink = 0; sink < COUNT_OF(sinks); sink++) {
        flow_set_sink(flow, sink, &tranche, 1);
        flow_add_arcs(flow, sink, arcs, sink < 3 ? 2 : 1);
    }
    batch_settle(flow);
    flow_remove_arc(flow, 1, 1);
    flow_set_arc(flow, 3, 1, 4);
    flow_set_arc(flow, 0, 1, 6);
    EXPECT_EQ(flow_sinks(flow, 1, sinks, COUNT_OF(sinks)), COUNT_OF(wanted));
    EXPECT_TRUE(memcmp(sinks, wanted, sizeof wanted) == 0);
    flow_settle(flow);
    EXPECT_TRUE(flow_certify(flow, NULL));
    flow_remove_arc(flow, 2, 1);
    EXPECT_EQ(flow_sinks(flow, 1, sinks, COUNT_OF(sinks)), 2);
    flow_settle(flow);
    EXPECT_TRUE(flow_certify(flow, NULL));
    flow_close(flow);
}

/* Units on every arc. */
static void look_at(const struct flow *flow, int64_t units[SINK_MAX][SOURCE_MAX])
{
    for (uint32_t sink = 0; sink < SINK_MAX; sink++) {
        for (uint32_t source = 0; source < SOURCE_MAX; source++) {
            units[sink][source] = flow_units(flow, sink, source);
        }
    }
}

static void expect_changes(struct flow *flow, int64_t units[SINK_MAX][SOURCE_MAX])
{
    int64_t after[SINK_MAX][SOURCE_MAX];
    size_t count;
    const struct flow_change *changes = flow_changes(flow, &count);

    for (size_t i = 0; i < count; i++) {
        EXPECT_TRUE(changes[i].before != changes[i].after);
        EXPECT_EQ(units[changes[i].sink][changes[i].source], changes[i].before);
        units[changes[i].sink][changes[i].source] = changes[i].after;
    }
    look_at(flow, after);
    EXPECT_TRUE(memcmp(units, after, sizeof after) == 0);
}

static void a_batch_reports_exactly_what_it_changes(void)
{
    uint64_t random = 1;

    for (size_t i = 0; i < INSTANCE_COUNT; i++) {
        struct instance instance;
        int64_t units[SINK_MAX][SOURCE_MAX];
        struct flow *flow;
        draw_instance(&random, &instance);
        flow_open(&flow);
        set_sources(flow, &instance);
        for (uint32_t sink = 0; sink < instance.sink_count; sink++) {
            load_sink(flow, &instance, sink);
        }
        flow_settle(flow);
        flow_clear_changes(flow);
        look_at(flow, units);
        for (uint32_t source = 0; source < instance.source_count; source += 2) {
            flow_set_source(flow, source, (int64_t)random_below(&random, 12));
        }
        batch_settle(flow);
        EXPECT_TRUE(flow_certify(flow, NULL));
        expect_changes(flow, units);
        flow_close(flow);
    }
}

static void set_sinks(struct flow *flow, uint32_t count, int64_t units)
{
    struct flow_tranche tranche = {.units = units, .weight = UNIT_WEIGHT};

    for (uint32_t i = 0; i < count; i++) {
        flow_set_sink(flow, i, &tranche, 1);
    }
}

static void a_batch_pays_when_enough_changed(void)
{
    struct flow *flow;

    flow_open(&flow);
    set_sinks(flow, BATCH_CHANGES_MIN - 1, 1);
    EXPECT_TRUE(!batch_pays(flow));
    set_sinks(flow, BATCH_CHANGES_MIN, 1);
    EXPECT_TRUE(batch_pays(flow));
    set_sinks(flow, BATCH_CHANGES_MIN * BATCH_SHARE + 1, 1);
    flow_settle(flow);
    set_sinks(flow, BATCH_CHANGES_MIN, 2);
    EXPECT_TRUE(!batch_pays(flow));
    set_sinks(flow, BATCH_CHANGES_MIN + 1, 2);
    EXPECT_TRUE(batch_pays(flow));
    flow_settle(flow);
    EXPECT_TRUE(!batch_pays(flow));
    EXPECT_TRUE(flow_certify(flow, NULL));
    flow_close(flow);
}

int main(int argc, char **argv)
{
    static const struct test_case cases[] = {
        CASE(a_batch_gives_the_objective_of_changes_one_by_one),
        CASE(arcs_come_between_those_that_a_sink_has),
        CASE(sinks_of_a_source_are_listed_whatever_happened_before),
        CASE(a_batch_reports_exactly_what_it_changes),
        CASE(a_batch_pays_when_enough_changed),
    };

    return run_cases(cases, COUNT_OF(cases), argc, argv);
}
