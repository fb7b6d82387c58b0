/*
 * flow_test.c - the exact flow, by its laws, against a slow and plain solver.
 */
#include "tests/unit/flow_fixture.h"

#define RUN_COUNT 1500
#define EVENT_COUNT 40

static void expect_same_objective(const struct flow_objective *actual,
                                  const struct flow_objective *expected)
{
    for (size_t i = 0; i <= FLOW_LEVEL_MAX; i++) {
        EXPECT_EQ(actual->unserved[i], expected->unserved[i]);
    }
    EXPECT_EQ(actual->cost - actual->bonus, expected->cost - expected->bonus);
}

static void expect_optimal(struct flow *flow, const struct instance *instance)
{
    char problem[160] = "";
    struct flow_objective actual;
    struct flow_objective expected;

    if (!flow_certify(flow, problem)) {
        fprintf(stderr, "%s\n", problem);
        fail_case();
    }
    flow_objective(flow, &actual);
    solve_plainly(instance, &expected);
    expect_same_objective(&actual, &expected);
}

static void set_sink(struct flow *flow, const struct instance *instance, uint32_t sink)
{
    flow_set_sink(flow, sink, instance->tranches[sink], instance->tranche_count[sink]);
}

static void set_arcs(struct flow *flow, const struct instance *instance, uint32_t sink)
{
    for (uint32_t source = 0; source < instance->source_count; source++) {
        if (instance->cost[sink][source] != COST_NONE) {
            flow_set_arc(flow, sink, source, instance->cost[sink][source]);
        }
    }
}

static void load_all(struct flow *flow, const struct instance *instance)
{
    for (uint32_t source = 0; source < instance->source_count; source++) {
        flow_set_source(flow, source, instance->capacity[source]);
        flow_set_next(flow, source, instance->next[source]);
    }
    for (uint32_t sink = 0; sink < instance->sink_count; sink++) {
        set_arcs(flow, instance, sink);
        set_sink(flow, instance, sink);
    }
}

/* A change of the instance, told to every flow of `flows`. */
struct flows {
    struct flow *items[2];
    size_t count;
};

static void change_source(uint64_t *random, struct instance *instance, struct flows *flows)
{
    uint32_t source = (uint32_t)random_below(random, instance->source_count);

    instance->capacity[source] =
        random_below(random, 4) == 0 ? 0 : (int64_t)random_below(random, 15);
    for (size_t i = 0; i < flows->count; i++) {
        flow_set_source(flows->items[i], source, instance->capacity[source]);
    }
}

static void change_sink(uint64_t *random, struct instance *instance, struct flows *flows)
{
    uint32_t sink = (uint32_t)random_below(random, instance->sink_count);

    draw_tranches(random, instance, sink);
    for (size_t i = 0; i < flows->count; i++) {
        set_sink(flows->items[i], instance, sink);
    }
}

static void change_arc(uint64_t *random, struct instance *instance, struct flows *flows)
{
    uint32_t sink = (uint32_t)random_below(random, instance->sink_count);
    uint32_t source = (uint32_t)random_below(random, instance->source_count);

    instance->cost[sink][source] =
        random_below(random, 3) == 0 ? COST_NONE : draw_cost(random, instance);
    for (size_t i = 0; i < flows->count; i++) {
        if (instance->cost[sink][source] == COST_NONE) {
            flow_remove_arc(flows->items[i], sink, source);
        } else {
            flow_set_arc(flows->items[i], sink, source, instance->cost[sink][source]);
        }
        EXPECT_EQ(flow_has_arc(flows->items[i], sink, source),
                  instance->cost[sink][source] != COST_NONE);
    }
}

static void change_next(uint64_t *random, struct instance *instance, struct flows *flows)
{
    uint32_t source = (uint32_t)random_below(random, instance->source_count);

    draw_next(random, instance, source);
    for (size_t i = 0; i < flows->count; i++) {
        flow_set_next(flows->items[i], source, instance->next[source]);
        EXPECT_EQ(flow_next(flows->items[i], source), instance->next[source]);
    }
}

static int64_t read_capacities(const struct flow *flow, struct instance *instance)
{
    int64_t sum = 0;

    for (uint32_t i = 0; i < instance->source_count; i++) {
        EXPECT_TRUE(flow_source_capacity(flow, i) <= instance->capacity[i]);
        instance->capacity[i] = flow_source_capacity(flow, i);
        sum += instance->capacity[i];
    }
    return sum;
}

/* Units on the arc now, of which some are fixed. */
static void change_fix(uint64_t *random, struct instance *instance, struct flows *flows)
{
    uint32_t sink = (uint32_t)random_below(random, instance->sink_count);
    uint32_t source = (uint32_t)random_below(random, instance->source_count);
    int64_t on_arc = flow_units(flows->items[0], sink, source);
    int64_t units = (int64_t)random_below(random, (uint64_t)on_arc + 1);
    bool is_settled = flow_certify(flows->items[0], NULL);
    int64_t capacity = read_capacities(flows->items[0], instance);

    for (size_t i = 0; i < flows->count; i++) {
        flow_fix(flows->items[i], sink, source, units);
    }
    int64_t left = read_capacities(flows->items[0], instance);
    EXPECT_TRUE(is_settled ? left == capacity - units : left >= capacity - units);
    for (size_t i = 0; i < instance->tranche_count[sink]; i++) {
        int64_t taken = min_i64(units, instance->tranches[sink][i].units);
        instance->tranches[sink][i].units -= taken;
        units -= taken;
    }
}

static void change_something(uint64_t *random, struct instance *instance, struct flows *flows)
{
    static void (*const changes[])(uint64_t *, struct instance *, struct flows *) = {
        change_source, change_sink, change_sink, change_arc, change_arc, change_next};

    changes[random_below(random, COUNT_OF(changes))](random, instance, flows);
}

static void settle(struct flows *flows)
{
    for (size_t i = 0; i < flows->count; i++) {
        flow_settle(flows->items[i]);
    }
}

static void every_settle_is_optimal(void)
{
    for (test_seed = 1; test_seed <= RUN_COUNT; test_seed++) {
        uint64_t random = test_seed;
        struct instance instance;
        struct flows flows = {.count = 1};

        draw_instance(&random, &instance);
        flow_open(&flows.items[0]);
        load_all(flows.items[0], &instance);
        flow_settle(flows.items[0]);
        expect_optimal(flows.items[0], &instance);
        for (size_t i = 0; i < EVENT_COUNT; i++) {
            for (size_t j = random_below(&random, 4) + 1; j > 0; j--) {
                change_something(&random, &instance, &flows);
            }
            flow_settle(flows.items[0]);
            expect_optimal(flows.items[0], &instance);
            change_fix(&random, &instance, &flows);
            expect_optimal(flows.items[0], &instance);
        }
        flow_close(flows.items[0]);
    }
}

static void the_order_of_insertion_does_not_change_the_objective(void)
{
    for (test_seed = 1; test_seed <= RUN_COUNT; test_seed++) {
        uint64_t random = test_seed;
        struct instance instance;
        struct flow *flow;
        uint32_t order[SOURCE_MAX + SINK_MAX] = {0};

        draw_instance(&random, &instance);
        flow_open(&flow);
        uint32_t count = instance.source_count + instance.sink_count;
        for (uint32_t i = 0; i < count; i++) {
            uint32_t at = (uint32_t)random_below(&random, i + 1);
            order[i] = order[at];
            order[at] = i;
        }
        for (uint32_t i = 0; i < count; i++) {
            if (order[i] < instance.source_count) {
                flow_set_source(flow, order[i], instance.capacity[order[i]]);
                flow_set_next(flow, order[i], instance.next[order[i]]);
            } else {
                set_sink(flow, &instance, order[i] - instance.source_count);
                set_arcs(flow, &instance, order[i] - instance.source_count);
            }
            flow_settle(flow);
            EXPECT_TRUE(flow_certify(flow, NULL));
        }
        expect_optimal(flow, &instance);
        flow_close(flow);
    }
}

static void a_source_that_arrives_after_its_sinks_is_put_to_use(void)
{
    for (test_seed = 1; test_seed <= RUN_COUNT; test_seed++) {
        uint64_t random = test_seed;
        struct instance instance;
        struct flow *flow;

        draw_instance(&random, &instance);
        flow_open(&flow);
        for (uint32_t sink = 0; sink < instance.sink_count; sink++) {
            set_sink(flow, &instance, sink);
        }
        flow_settle(flow);
        for (uint32_t source = 0; source < instance.source_count; source++) {
            flow_set_source(flow, source, instance.capacity[source]);
            flow_set_next(flow, source, instance.next[source]);
            for (uint32_t sink = 0; sink < instance.sink_count; sink++) {
                if (instance.cost[sink][source] != COST_NONE) {
                    flow_set_arc(flow, sink, source, instance.cost[sink][source]);
                }
            }
            flow_settle(flow);
            EXPECT_TRUE(flow_certify(flow, NULL));
        }
        expect_optimal(flow, &instance);
        flow_close(flow);
    }
}

static void deleting_what_was_inserted_gives_the_objective_back(void)
{
    for (test_seed = 1; test_seed <= RUN_COUNT; test_seed++) {
        uint64_t random = test_seed;
        struct instance instance;
        struct flow *flow;
        struct flow_objective before;
        struct flow_objective after;

        draw_instance(&random, &instance);
        uint32_t sink = (uint32_t)random_below(&random, instance.sink_count);
        struct instance without = instance;
        without.tranche_count[sink] = 0;
        flow_open(&flow);
        load_all(flow, &without);
        flow_settle(flow);
        flow_objective(flow, &before);
        set_sink(flow, &instance, sink);
        flow_settle(flow);
        expect_optimal(flow, &instance);
        flow_set_sink(flow, sink, NULL, 0);
        flow_settle(flow);
        flow_objective(flow, &after);
        expect_same_objective(&after, &before);
        flow_close(flow);
    }
}

/* A new flow from what the old one answers. */
static struct flow *copy_flow(struct flow *flow, const struct instance *instance)
{
    struct flow *copy;

    flow_open(&copy);
    for (uint32_t source = 0; source < flow_source_count(flow); source++) {
        flow_restore_source(copy, source, flow_source_capacity(flow, source),
                            flow_price(flow, source));
        if (flow_next(flow, source) != FLOW_NONE) {
            flow_restore_waiting(copy, source, flow_next(flow, source), flow_waiting(flow, source));
        }
    }
    for (uint32_t sink = 0; sink < flow_sink_count(flow); sink++) {
        size_t count = 0;
        const struct flow_arc *arcs = flow_arcs(flow, sink, &count);
        flow_restore_sink(copy, sink, instance->tranches[sink], instance->tranche_count[sink], arcs,
                          count);
    }
    EXPECT_TRUE(flow_certify(copy, NULL));
    return copy;
}

static void expect_same_flow(struct flow *left, struct flow *right)
{
    size_t left_count = 0;
    size_t right_count = 0;
    const struct flow_change *left_changes = flow_changes(left, &left_count);
    const struct flow_change *right_changes = flow_changes(right, &right_count);

    EXPECT_EQ(left_count, right_count);
    for (size_t i = 0; i < left_count; i++) {
        EXPECT_EQ(left_changes[i].sink, right_changes[i].sink);
        EXPECT_EQ(left_changes[i].source, right_changes[i].source);
        EXPECT_EQ(left_changes[i].before, right_changes[i].before);
        EXPECT_EQ(left_changes[i].after, right_changes[i].after);
    }
    for (uint32_t source = 0; source < SOURCE_MAX; source++) {
        EXPECT_EQ(flow_price(left, source), flow_price(right, source));
        EXPECT_EQ(flow_next(left, source), flow_next(right, source));
        EXPECT_EQ(flow_waiting(left, source), flow_waiting(right, source));
        EXPECT_EQ(flow_source_capacity(left, source), flow_source_capacity(right, source));
        for (uint32_t sink = 0; sink < SINK_MAX; sink++) {
            EXPECT_EQ(flow_units(left, sink, source), flow_units(right, sink, source));
        }
    }
}

static void a_restored_flow_goes_on_like_the_original(void)
{
    for (test_seed = 1; test_seed <= RUN_COUNT; test_seed++) {
        uint64_t random = test_seed;
        struct instance instance;
        struct flows flows = {.count = 2};

        draw_instance(&random, &instance);
        flow_open(&flows.items[0]);
        load_all(flows.items[0], &instance);
        flow_settle(flows.items[0]);
        flow_clear_changes(flows.items[0]);
        flows.items[1] = copy_flow(flows.items[0], &instance);
        for (size_t i = 0; i < EVENT_COUNT; i++) {
            change_something(&random, &instance, &flows);
            change_something(&random, &instance, &flows);
            change_fix(&random, &instance, &flows);
            settle(&flows);
            expect_same_flow(flows.items[0], flows.items[1]);
            flow_clear_changes(flows.items[0]);
            flow_clear_changes(flows.items[1]);
            if (random_below(&random, 8) == 0) {
                flow_close(flows.items[1]);
                flows.items[1] = copy_flow(flows.items[0], &instance);
            }
        }
        flow_close(flows.items[0]);
        flow_close(flows.items[1]);
    }
}

static void the_order_of_calls_between_settles_does_not_matter(void)
{
    for (test_seed = 1; test_seed <= RUN_COUNT; test_seed++) {
        uint64_t random = test_seed;
        struct instance instance;
        struct flow *forwards;
        struct flow *backwards;

        draw_instance(&random, &instance);
        flow_open(&forwards);
        flow_open(&backwards);
        load_all(forwards, &instance);
        for (uint32_t sink = instance.sink_count; sink-- > 0;) {
            set_sink(backwards, &instance, sink);
            for (uint32_t source = instance.source_count; source-- > 0;) {
                if (instance.cost[sink][source] != COST_NONE) {
                    flow_set_arc(backwards, sink, source, instance.cost[sink][source]);
                }
            }
        }
        for (uint32_t source = instance.source_count; source-- > 0;) {
            flow_set_next(backwards, source, instance.next[source]);
            flow_set_source(backwards, source, instance.capacity[source]);
        }
        flow_settle(forwards);
        flow_settle(backwards);
        expect_same_flow(forwards, backwards);
        flow_close(forwards);
        flow_close(backwards);
    }
}

struct view { /* What can be seen of a flow from outside. */
    int64_t units[SINK_MAX][SOURCE_MAX];
    int64_t price[SOURCE_MAX];
    int64_t value[SINK_MAX];
    int64_t capacity[SOURCE_MAX];
    bool follows[SOURCE_MAX];
};

static void look_at(struct flow *flow, struct view *view)
{
    *view = (struct view){0};
    for (uint32_t sink = 0; sink < SINK_MAX; sink++) {
        view->value[sink] = flow_value(flow, sink);
        for (uint32_t source = 0; source < SOURCE_MAX; source++) {
            view->units[sink][source] = flow_units(flow, sink, source);
        }
    }
    for (uint32_t source = 0; source < SOURCE_MAX; source++) {
        view->price[source] = flow_price(flow, source);
        view->capacity[source] = flow_source_capacity(flow, source);
        if (flow_next(flow, source) != FLOW_NONE) {
            view->follows[flow_next(flow, source)] = true;
        }
    }
}

static void expect_exact_changes(struct flow *flow, const struct view *before,
                                 const struct view *after)
{
    size_t count = 0;
    size_t at = 0;
    const struct flow_change *changes = flow_changes(flow, &count);

    for (uint32_t sink = 0; sink < SINK_MAX; sink++) {
        for (uint32_t source = 0; source < SOURCE_MAX; source++) {
            if (before->units[sink][source] == after->units[sink][source]) {
                continue;
            }
            EXPECT_TRUE(at < count);
            EXPECT_EQ(changes[at].sink, sink);
            EXPECT_EQ(changes[at].source, source);
            EXPECT_EQ(changes[at].before, before->units[sink][source]);
            EXPECT_EQ(changes[at].after, after->units[sink][source]);
            at++;
        }
    }
    EXPECT_EQ(at, count);
}

static bool contains(const uint32_t *numbers, size_t count, uint32_t number)
{
    for (size_t i = 0; i < count; i++) {
        if (numbers[i] == number) {
            return true;
        }
    }
    return false;
}

static void expect_all_news(struct flow *flow, const struct view *before, const struct view *after)
{
    size_t count = 0;
    const uint32_t *numbers = flow_cheaper_sources(flow, &count);

    for (uint32_t source = 0; source < SOURCE_MAX; source++) {
        bool cheaper = after->price[source] < before->price[source] ||
                       after->capacity[source] > before->capacity[source] ||
                       (after->follows[source] && !before->follows[source]);
        EXPECT_TRUE(!cheaper || contains(numbers, count, source));
    }
    numbers = flow_dearer_sinks(flow, &count);
    for (uint32_t sink = 0; sink < SINK_MAX; sink++) {
        bool dearer = after->value[sink] > before->value[sink];
        EXPECT_TRUE(!dearer || contains(numbers, count, sink));
    }
}

static void changes_are_exactly_the_difference(void)
{
    for (test_seed = 1; test_seed <= RUN_COUNT; test_seed++) {
        uint64_t random = test_seed;
        struct instance instance;
        struct flows flows = {.count = 1};
        struct view before;
        struct view after;

        draw_instance(&random, &instance);
        flow_open(&flows.items[0]);
        look_at(flows.items[0], &before);
        load_all(flows.items[0], &instance);
        flow_set_bonus(flows.items[0], draw_bonus(&random, &instance));
        for (size_t i = 0; i < EVENT_COUNT; i++) {
            flow_settle(flows.items[0]);
            if (random_below(&random, 3) > 0) {
                look_at(flows.items[0], &after);
                expect_exact_changes(flows.items[0], &before, &after);
                expect_all_news(flows.items[0], &before, &after);
                flow_clear_changes(flows.items[0]);
                before = after;
            }
            if (random_below(&random, 2) == 0) {
                flow_announce(flows.items[0]);
            }
            change_something(&random, &instance, &flows);
            change_something(&random, &instance, &flows);
        }
        flow_close(flows.items[0]);
    }
}

/* Prices say where a missing arc cannot help. */
static void an_arc_at_no_less_than_the_value_changes_nothing(void)
{
    for (test_seed = 1; test_seed <= RUN_COUNT; test_seed++) {
        uint64_t random = test_seed;
        struct instance instance;
        struct flow *flow;
        struct flow_objective before;
        struct flow_objective after;

        draw_instance(&random, &instance);
        flow_open(&flow);
        struct flows flows = {.items = {flow}, .count = 1};
        load_all(flow, &instance);
        flow_set_bonus(flow, draw_bonus(&random, &instance));
        flow_settle(flow);
        flow_announce(flow);
        change_something(&random, &instance, &flows);
        flow_settle(flow);
        flow_objective(flow, &before);
        for (uint32_t sink = 0; sink < instance.sink_count; sink++) {
            for (uint32_t source = 0; source < instance.source_count; source++) {
                int64_t least = flow_value(flow, sink) - flow_price(flow, source);
                if (instance.cost[sink][source] == COST_NONE && least <= FLOW_COST_MAX) {
                    flow_set_arc(flow, sink, source, (uint32_t)max_i64(0, least));
                }
            }
        }
        flow_settle(flow);
        flow_objective(flow, &after);
        expect_same_objective(&after, &before);
        flow_close(flow);
    }
}

static void units_wait_for_a_day_that_lacks_them(void)
{
    struct flow *flow;
    struct flow_tranche tranche = {.units = 9, .weight = FLOW_WEIGHT_STEP};

    flow_open(&flow);
    for (uint32_t day = 0; day < 3; day++) {
        flow_set_source(flow, day, 2 + day);
        flow_set_next(flow, day, day < 2 ? day + 1 : FLOW_NONE);
    }
    flow_set_arc(flow, 0, 2, 5);
    flow_set_sink(flow, 0, &tranche, 1);
    flow_settle(flow);
    EXPECT_TRUE(flow_certify(flow, NULL));
    EXPECT_EQ(flow_sink_served(flow, 0), 9);
    EXPECT_EQ(flow_waiting(flow, 0), 2);
    EXPECT_EQ(flow_waiting(flow, 1), 5);
    EXPECT_EQ(flow_source_used(flow, 2), 4);
    EXPECT_EQ(flow_waiting(flow, 2), 0);
    flow_fix(flow, 0, 2, 8);
    EXPECT_TRUE(flow_certify(flow, NULL));
    EXPECT_EQ(flow_source_capacity(flow, 2), 0);
    EXPECT_EQ(flow_source_capacity(flow, 1), 0);
    EXPECT_EQ(flow_source_capacity(flow, 0), 1);
    flow_set_next(flow, 0, FLOW_NONE);
    flow_settle(flow);
    EXPECT_TRUE(flow_certify(flow, NULL));
    EXPECT_EQ(flow_sink_served(flow, 0), 0);
    EXPECT_EQ(flow_waiting(flow, 0), 0);
    EXPECT_EQ(flow_waiting(flow, 9), 0);
    EXPECT_EQ(flow_next(flow, 0), FLOW_NONE);
    flow_close(flow);
}

/* A sink of 10 units, 4 from a near source and 6 from a far one, of which some have been announced;
 * then the near one gets more. */
static struct flow *open_announced(uint32_t far_cost, uint32_t bonus)
{
    struct flow *flow;
    struct flow_tranche tranche = {.units = 10, .weight = FLOW_WEIGHT_STEP};

    flow_open(&flow);
    flow_set_bonus(flow, bonus);
    flow_set_source(flow, 0, 4);
    flow_set_source(flow, 1, 20);
    flow_set_arc(flow, 0, 0, 100);
    flow_set_arc(flow, 0, 1, far_cost);
    flow_set_sink(flow, 0, &tranche, 1);
    flow_settle(flow);
    EXPECT_EQ(flow_announced(flow, 0, 1), 0);
    flow_announce(flow);
    EXPECT_EQ(flow_announced(flow, 0, 0), 4);
    EXPECT_EQ(flow_announced(flow, 0, 1), 6);
    flow_set_source(flow, 0, 7);
    flow_settle(flow);
    EXPECT_TRUE(flow_certify(flow, NULL));
    return flow;
}

static void what_is_announced_moves_only_for_more_than_the_bonus(void)
{
    struct flow_objective objective;
    struct flow *flow = open_announced(149, 50);

    EXPECT_EQ(flow_units(flow, 0, 1), 6);
    EXPECT_EQ(flow_price(flow, 0), 0);
    EXPECT_EQ(flow_value(flow, 0), 99);
    flow_objective(flow, &objective);
    EXPECT_EQ(objective.cost, 4 * 100 + 6 * 149);
    EXPECT_EQ(objective.bonus, 10 * 50);
    flow_close(flow);
    flow = open_announced(151, 50);
    EXPECT_EQ(flow_units(flow, 0, 1), 3);
    EXPECT_EQ(flow_announced(flow, 0, 1), 6);
    flow_set_source(flow, 0, 4);
    flow_settle(flow);
    EXPECT_EQ(flow_units(flow, 0, 1), 6);
    flow_close(flow);
    flow = open_announced(149, 0);
    EXPECT_EQ(flow_units(flow, 0, 1), 3);
    flow_close(flow);
}

static void a_bonus_is_no_reason_to_serve_the_lower_level(void)
{
    struct flow *flow = open_announced(FLOW_COST_MAX, FLOW_COST_MAX);
    struct flow_tranche tranche = {.units = 25, .weight = 2 * FLOW_WEIGHT_STEP};

    flow_set_arc(flow, 1, 1, FLOW_COST_MAX);
    flow_set_arc(flow, 1, 0, FLOW_COST_MAX);
    flow_set_sink(flow, 1, &tranche, 1);
    flow_settle(flow);
    EXPECT_TRUE(flow_certify(flow, NULL));
    EXPECT_EQ(flow_sink_served(flow, 1), 25);
    EXPECT_EQ(flow_sink_served(flow, 0), 2);
    flow_announce(flow);
    EXPECT_EQ(flow_announced(flow, 0, 0) + flow_announced(flow, 0, 1), 2);
    flow_remove_arc(flow, 1, 1);
    EXPECT_EQ(flow_announced(flow, 1, 1), 0);
    flow_set_sink(flow, 0, NULL, 0);
    flow_settle(flow);
    EXPECT_TRUE(flow_certify(flow, NULL));
    EXPECT_EQ(flow_sink_served(flow, 0), 0);
    EXPECT_EQ(flow_sink_served(flow, 1), 7);
    EXPECT_EQ(flow_announced(flow, 9, 0), 0);
    flow_close(flow);
}

static void a_certificate_is_refused_when_something_is_wrong(void)
{
    struct flow *flow;
    struct flow_tranche tranche = {.units = 5, .weight = FLOW_WEIGHT_STEP};
    char problem[160] = "";

    flow_open(&flow);
    flow_set_source(flow, 0, 5);
    flow_set_sink(flow, 0, &tranche, 1);
    flow_set_arc(flow, 0, 0, 7);
    EXPECT_TRUE(!flow_certify(flow, problem));
    EXPECT_TEXT(bytes_from_text(problem), "sink 0: an arc would be cheaper");
    flow_settle(flow);
    EXPECT_TRUE(flow_certify(flow, problem));
    EXPECT_EQ(flow_units(flow, 0, 0), 5);
    EXPECT_EQ(flow_sink_served(flow, 0), 5);
    EXPECT_EQ(flow_sink_wanted(flow, 0), 5);
    EXPECT_EQ(flow_source_used(flow, 0), 5);
    flow_set_source(flow, 0, 3);
    EXPECT_TRUE(!flow_certify(flow, problem));
    EXPECT_TEXT(bytes_from_text(problem), "source 0: it gives more than it has");
    flow_settle(flow);
    EXPECT_TRUE(flow_certify(flow, problem));
    EXPECT_EQ(flow_price(flow, 0), FLOW_WEIGHT_STEP - 7);
    EXPECT_EQ(flow_value(flow, 0), FLOW_WEIGHT_STEP);
    flow_close(flow);
    flow_close(NULL);
}

static void the_largest_numbers_do_not_overflow(void)
{
    struct flow *flow;
    struct flow_tranche tranches[] = {
        {.units = FLOW_UNITS_MAX, .weight = FLOW_LEVEL_MAX * FLOW_WEIGHT_STEP},
        {.units = FLOW_UNITS_MAX, .weight = FLOW_WEIGHT_STEP},
    };

    flow_open(&flow);
    for (uint32_t i = 0; i < 3; i++) {
        flow_set_source(flow, i, i == 0 ? FLOW_UNITS_MAX : FLOW_UNITS_MAX / 2);
        flow_set_sink(flow, i, tranches, 2);
        for (uint32_t j = 0; j <= i; j++) {
            flow_set_arc(flow, i, j, FLOW_COST_MAX);
        }
    }
    flow_settle(flow);
    EXPECT_TRUE(flow_certify(flow, NULL));
    flow_set_source(flow, 0, 1);
    flow_set_source(flow, 2, FLOW_UNITS_MAX);
    flow_set_next(flow, 2, 1);
    flow_set_next(flow, 1, 0);
    flow_announce(flow);
    flow_set_bonus(flow, FLOW_COST_MAX);
    flow_settle(flow);
    EXPECT_TRUE(flow_certify(flow, NULL));
    flow_close(flow);
}

int main(int argc, char **argv)
{
    static const struct test_case cases[] = {
        CASE(every_settle_is_optimal),
        CASE(the_order_of_insertion_does_not_change_the_objective),
        CASE(a_source_that_arrives_after_its_sinks_is_put_to_use),
        CASE(deleting_what_was_inserted_gives_the_objective_back),
        CASE(a_restored_flow_goes_on_like_the_original),
        CASE(the_order_of_calls_between_settles_does_not_matter),
        CASE(changes_are_exactly_the_difference),
        CASE(an_arc_at_no_less_than_the_value_changes_nothing),
        CASE(units_wait_for_a_day_that_lacks_them),
        CASE(what_is_announced_moves_only_for_more_than_the_bonus),
        CASE(a_bonus_is_no_reason_to_serve_the_lower_level),
        CASE(a_certificate_is_refused_when_something_is_wrong),
        CASE(the_largest_numbers_do_not_overflow),
    };

    return run_cases(cases, COUNT_OF(cases), argc, argv);
}
