/*
 * flow_bench.c - CPU microseconds until the flow is optimal again after a change.
 *
 *     flow_bench [--needs N] [--lines L] [--load X] [--arcs K] [--tranches T] [--seed S]
 *     flow_bench --late 1 [--seed S]
 *
 * The first loads N sinks one by one, each with the K nearest of L sources and heavy-tailed units
 * in five classes, demand X times the capacity; then 10,000 mixed events: sinks go, come back and
 * change their size, sources change their capacity. The second is scarcity at its worst: 17
 * networks of 2,000 sinks, up to 40 arcs each, four tranches, and then 94 sources for each network
 * arrive one by one, with 1 % of the demand. One line of JSON for each phase.
 */
#include "core/flow/flow.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#define EVENT_COUNT 10000
#define CLASS_COUNT 5
#define ARC_MAX 64
#define LATE_NETWORKS 17
#define LATE_SINKS 2000
#define LATE_SOURCES 94
#define LATE_ARCS 40

struct options {
    uint64_t needs;
    uint64_t lines;
    double load;
    uint64_t arcs;
    uint64_t tranches;
    uint64_t seed;
    uint64_t late;
};

struct place {
    double x;
    double y;
};

struct demand {
    struct flow_tranche tranches[FLOW_TRANCHE_COUNT_MAX];
    size_t tranche_count;
    int64_t units;
    uint32_t sources[ARC_MAX];
    uint32_t costs[ARC_MAX];
    size_t arc_count;
};

struct instance {
    struct demand *demands;
    size_t demand_count;
    int64_t *capacities;
    struct place *places;
    size_t source_count;
};

struct times {
    double *items;
    size_t capacity;
    size_t count;
};

static uint64_t random_state;

static uint64_t random_next(void)
{
    random_state += 0x9e3779b97f4a7c15u;
    return hash_u64(random_state);
}

static double random_unit(void)
{
    return ((double)(random_next() >> 11) + 0.5) * 0x1p-53;
}

static double now_us(void)
{
    struct timespec at;

    ENSURE(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &at) == 0);
    return (double)at.tv_sec * 1e6 + (double)at.tv_nsec / 1e3;
}

static void settle_timed(struct flow *flow, struct times *times)
{
    double start = now_us();

    flow_settle(flow);
    GROW(times->items, times->capacity, times->count + 1);
    times->items[times->count++] = now_us() - start;
    flow_clear_changes(flow);
}

static int compare_times(const void *left, const void *right)
{
    double a = *(const double *)left;
    double b = *(const double *)right;

    return a < b ? -1 : a > b;
}

static void print_objective(const struct flow *flow)
{
    struct flow_objective objective;
    int64_t unserved = 0;

    flow_objective(flow, &objective);
    for (size_t i = 0; i <= FLOW_LEVEL_MAX; i++) {
        unserved += objective.unserved[i];
    }
    printf(",\"unserved\":%lld,\"cost\":%lld", (long long)unserved, (long long)objective.cost);
}

static void print_times(const char *phase, const struct options *options, struct times *times,
                        const struct flow *flow)
{
    double sum = 0;
    struct rusage usage;

    qsort(times->items, times->count, sizeof *times->items, compare_times);
    for (size_t i = 0; i < times->count; i++) {
        sum += times->items[i];
    }
    getrusage(RUSAGE_SELF, &usage);
    printf("{\"phase\":\"%s\",\"needs\":%llu,\"lines\":%llu,\"load\":%.2f,\"events\":%zu,"
           "\"total_s\":%.3f,\"mean_us\":%.1f,\"p50_us\":%.1f,\"p99_us\":%.1f,\"max_us\":%.1f,"
           "\"peak_mb\":%ld",
           phase, (unsigned long long)options->needs, (unsigned long long)options->lines,
           options->load, times->count, sum / 1e6, sum / (double)times->count,
           times->items[times->count / 2], times->items[times->count * 99 / 100],
           times->items[times->count - 1], usage.ru_maxrss / 1024);
    if (flow != NULL) {
        print_objective(flow);
    }
    printf("}\n");
    fflush(stdout);
    times->count = 0;
}

/* Cuts units into the tranches 1, 3, 12, rest; or takes them as one. */
static void cut(struct demand *demand, int64_t class, uint64_t tranche_count)
{
    static const int64_t sizes[] = {1, 3, 12, INT64_MAX};
    int64_t left = demand->units;

    for (uint64_t i = 0; i < tranche_count && left > 0; i++) {
        int64_t units = i + 1 == tranche_count ? left : min_i64(left, sizes[i]);
        int64_t level =
            (CLASS_COUNT - class) * (int64_t)tranche_count + (int64_t)(tranche_count - i);
        demand->tranches[demand->tranche_count++] =
            (struct flow_tranche){.units = units, .weight = level * FLOW_WEIGHT_STEP};
        left -= units;
    }
}

struct near {
    double distance;
    uint32_t source;
};

static int compare_near(const void *left, const void *right)
{
    const struct near *a = left;
    const struct near *b = right;

    if (a->distance != b->distance) {
        return a->distance < b->distance ? -1 : 1;
    }
    return a->source < b->source ? -1 : a->source > b->source;
}

/* The nearest `count` of all, kept in order while walking. */
static void connect(struct instance *instance, struct demand *demand, size_t count)
{
    ENSURE(count > 0);
    struct near near[ARC_MAX];
    size_t kept = 0;
    double x = random_unit() * 10000;
    double y = random_unit() * 10000;

    for (uint32_t i = 0; i < instance->source_count; i++) {
        double distance = hypot(instance->places[i].x - x, instance->places[i].y - y);
        if (kept == count && distance >= near[kept - 1].distance) {
            continue;
        }
        size_t at = kept < count ? kept++ : kept - 1;
        for (; at > 0 && near[at - 1].distance > distance; at--) {
            near[at] = near[at - 1];
        }
        near[at] = (struct near){.distance = distance, .source = i};
    }
    qsort(near, kept, sizeof *near, compare_near);
    for (size_t i = 0; i < kept; i++) {
        demand->sources[i] = near[i].source;
        demand->costs[i] = (uint32_t)near[i].distance;
    }
    demand->arc_count = kept;
}

static void draw_instance(struct instance *instance, const struct options *options)
{
    double demand_sum = 0;
    double weight_sum = 0;

    instance->demand_count = options->needs;
    instance->source_count = options->lines;
    instance->demands = memory_take(options->needs, sizeof *instance->demands);
    instance->capacities = memory_take(options->lines, sizeof *instance->capacities);
    instance->places = memory_take(options->lines, sizeof *instance->places);
    double *weights = memory_take(options->lines, sizeof *weights);
    for (size_t i = 0; i < options->lines; i++) {
        instance->places[i] = (struct place){random_unit() * 10000, random_unit() * 10000};
        weights[i] = pow(random_unit(), -0.7);
        weight_sum += weights[i];
    }
    for (size_t i = 0; i < options->needs; i++) {
        struct demand *demand = &instance->demands[i];
        demand->units = (int64_t)fmin(20000, 10 * pow(random_unit(), -0.8));
        demand_sum += (double)demand->units;
        cut(demand, 1 + (int64_t)(random_next() % CLASS_COUNT), options->tranches);
        connect(instance, demand,
                options->late ? 1 + random_next() % options->arcs : options->arcs);
    }
    for (size_t i = 0; i < options->lines; i++) {
        instance->capacities[i] =
            1 + (int64_t)(weights[i] / weight_sum * demand_sum / options->load);
    }
    free(weights);
}

static void free_instance(struct instance *instance)
{
    free(instance->demands);
    free(instance->capacities);
    free(instance->places);
}

static void insert(struct flow *flow, const struct instance *instance, uint32_t sink)
{
    const struct demand *demand = &instance->demands[sink];

    flow_set_sink(flow, sink, demand->tranches, demand->tranche_count);
    for (size_t i = 0; i < demand->arc_count; i++) {
        flow_set_arc(flow, sink, demand->sources[i], demand->costs[i]);
    }
}

static void mixed_event(struct flow *flow, struct instance *instance, uint32_t *away)
{
    uint32_t sink = (uint32_t)(random_next() % instance->demand_count);
    uint32_t source = (uint32_t)(random_next() % instance->source_count);
    struct demand *demand = &instance->demands[sink];
    struct flow_tranche *last = &demand->tranches[demand->tranche_count - 1];

    switch (random_next() % 4) {
    case 0:
        flow_set_sink(flow, *away, instance->demands[*away].tranches,
                      instance->demands[*away].tranche_count);
        flow_set_sink(flow, sink, NULL, 0);
        *away = sink;
        break;
    case 1:
        last->units = 1 + (int64_t)((double)last->units * (0.5 + random_unit()));
        flow_set_sink(flow, sink, demand->tranches, demand->tranche_count);
        break;
    case 2:
        instance->capacities[source] =
            (int64_t)((double)instance->capacities[source] * (0.5 + random_unit()));
        flow_set_source(flow, source, instance->capacities[source]);
        break;
    default:
        flow_remove_arc(flow, sink, demand->sources[0]);
        flow_settle(flow);
        flow_set_arc(flow, sink, demand->sources[0], demand->costs[0]);
        break;
    }
}

static void check(const struct flow *flow)
{
    char problem[160];

    if (!flow_certify(flow, problem)) {
        fprintf(stderr, "%s\n", problem);
        exit(EXIT_FAILURE);
    }
}

static void run_load(const struct options *options)
{
    struct flow *flow;
    struct instance instance = {0};
    struct times times = {0};
    uint32_t away = 0;

    draw_instance(&instance, options);
    flow_open(&flow);
    for (uint32_t i = 0; i < instance.source_count; i++) {
        flow_set_source(flow, i, instance.capacities[i]);
    }
    for (uint32_t i = 0; i < instance.demand_count; i++) {
        insert(flow, &instance, i);
        settle_timed(flow, &times);
    }
    check(flow);
    print_times("load one by one", options, &times, flow);
    for (size_t i = 0; i < EVENT_COUNT; i++) {
        mixed_event(flow, &instance, &away);
        settle_timed(flow, &times);
    }
    check(flow);
    print_times("mixed events", options, &times, flow);
    flow_close(flow);
    flow_open(&flow);
    for (uint32_t i = 0; i < instance.source_count; i++) {
        flow_set_source(flow, i, instance.capacities[i]);
    }
    for (uint32_t i = 0; i < instance.demand_count; i++) {
        if (i != away) {
            insert(flow, &instance, i);
        }
    }
    settle_timed(flow, &times);
    check(flow);
    print_times("bulk load", options, &times, flow);
    flow_close(flow);
    free_instance(&instance);
    free(times.items);
}

/* A source arrives with all its arcs. */
static void arrive(struct flow *flow, const struct instance *instance, uint32_t source)
{
    flow_set_source(flow, source, instance->capacities[source]);
    for (uint32_t i = 0; i < instance->demand_count; i++) {
        const struct demand *demand = &instance->demands[i];
        for (size_t j = 0; j < demand->arc_count; j++) {
            if (demand->sources[j] == source) {
                flow_set_arc(flow, i, source, demand->costs[j]);
            }
        }
    }
}

static void run_late(struct options options)
{
    struct times times = {0};

    options.needs = LATE_SINKS;
    options.lines = LATE_SOURCES;
    options.arcs = LATE_ARCS;
    options.tranches = 4;
    options.load = 100;
    for (size_t i = 0; i < LATE_NETWORKS; i++) {
        struct flow *flow;
        struct instance instance = {0};
        draw_instance(&instance, &options);
        flow_open(&flow);
        for (uint32_t sink = 0; sink < instance.demand_count; sink++) {
            flow_set_sink(flow, sink, instance.demands[sink].tranches,
                          instance.demands[sink].tranche_count);
        }
        flow_settle(flow);
        for (uint32_t source = 0; source < instance.source_count; source++) {
            arrive(flow, &instance, source);
            settle_timed(flow, &times);
        }
        check(flow);
        flow_close(flow);
        free_instance(&instance);
    }
    print_times("late sources", &options, &times, NULL);
    free(times.items);
}

static void read_option(struct options *options, const char *name, const char *value)
{
    struct {
        const char *name;
        uint64_t *number;
    } numbers[] = {{"--needs", &options->needs},       {"--lines", &options->lines},
                   {"--arcs", &options->arcs},         {"--seed", &options->seed},
                   {"--tranches", &options->tranches}, {"--late", &options->late}};

    if (strcmp(name, "--load") == 0) {
        options->load = strtod(value, NULL);
        return;
    }
    for (size_t i = 0; i < COUNT_OF(numbers); i++) {
        if (strcmp(name, numbers[i].name) == 0) {
            *numbers[i].number = strtoull(value, NULL, 10);
            return;
        }
    }
    fprintf(stderr, "flow_bench: unknown option %s\n", name);
    exit(EXIT_FAILURE);
}

int main(int argc, char **argv)
{
    struct options options = {
        .needs = 10000, .lines = 1000, .load = 1.5, .arcs = 24, .tranches = 1, .seed = 1};

    for (int i = 1; i + 1 < argc; i += 2) {
        read_option(&options, argv[i], argv[i + 1]);
    }
    ENSURE(options.arcs <= ARC_MAX);
    ENSURE(options.tranches > 0);
    ENSURE(options.tranches <= 4);
    random_state = options.seed;
    if (options.late) {
        run_late(options);
    } else {
        run_load(&options);
    }
    return EXIT_SUCCESS;
}
