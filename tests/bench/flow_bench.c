/*
 * flow_bench.c - what it costs to keep a flow optimal, beside LEMON's NetworkSimplex.
 *
 *     flow_bench [--needs N] [--lines L] [--products P] [--days D] [--load X] [--seed S]
 *                [--modes events,load,batch,lemon,lemon_split] [--dimacs FILE]
 *     flow_bench --check
 *
 * The networks are those of support/flow_instance.h with 24 arcs a need; load is demand over
 * capacity, and without --load it is 0.8, 1.1 and 2.0 in turn. Every mode runs in a process of its
 * own, so that memory is its own, and prints one line of JSON, `unserved` from class 1 to 5:
 *
 *     lemon, lemon_split   LEMON from the lists of the instance to the solution: one network, or
 *                          each connected component by itself
 *     batch                core/flow, everything set before one settle
 *     load                 core/flow, needs inserted and settled one by one
 *     events               10,000 changes after a batch: needs go and come back, ask for more or
 *                          less, capacities rise and fall
 *
 * Times are processor time, rss_mb is the peak of the whole process, instance included. Every flow
 * has to pass its certificate and the objectives have to be the same, or the program fails. The
 * ratios that matter come last, on standard error. --check compares the generator with known
 * digests, --dimacs writes the network.
 */
#include "core/flow/flow.h"
#include "tests/bench/support/flow_instance.h"
#include "tests/bench/support/flow_lemon.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define EVENT_COUNT 10000
#define DEGREE 24

__extension__ typedef __int128 wide;

enum mode { MODE_LEMON_SPLIT, MODE_LEMON, MODE_BATCH, MODE_LOAD, MODE_EVENTS, MODE_COUNT };

static const char *const mode_names[MODE_COUNT] = {"lemon_split", "lemon", "batch", "load",
                                                   "events"};

struct options {
    struct flow_instance_options instance;
    double load; /* 0: all three. */
    const char *modes;
    const char *dimacs;
};

struct result {
    bool is_there;
    uint64_t count;
    double seconds;
    double mean_us;
    double p50_us;
    double p99_us;
    double max_us;
    double rss_mb;
    struct flow_objective objective;
};

struct times {
    double *items;
    size_t capacity;
    size_t count;
};

/* What events change. */
struct market {
    struct flow *flow;
    const struct flow_instance *instance;
    int64_t *units;
    int64_t *capacities;
    uint32_t away; /* The need that is not in the network. */
    uint64_t random;
};

static uint64_t random_below(struct market *market, uint64_t limit)
{
    market->random += 0x9e3779b97f4a7c15u;
    return hash_u64(market->random) % limit;
}

static double now_us(void)
{
    struct timespec at;

    ENSURE(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &at) == 0);
    return (double)at.tv_sec * 1e6 + (double)at.tv_nsec / 1e3;
}

static void note_time(struct times *times, double start)
{
    GROW(times->items, times->capacity, times->count + 1);
    times->items[times->count++] = now_us() - start;
}

static int compare_times(const void *left, const void *right)
{
    double a = *(const double *)left;
    double b = *(const double *)right;

    return a < b ? -1 : a > b;
}

static void sum_up(struct times *times, struct result *result)
{
    double sum = 0;

    qsort(times->items, times->count, sizeof *times->items, compare_times);
    for (size_t i = 0; i < times->count; i++) {
        sum += times->items[i];
    }
    result->count = times->count;
    result->seconds = sum / 1e6;
    result->mean_us = sum / (double)times->count;
    result->p50_us = times->items[times->count / 2];
    result->p99_us = times->items[times->count * 99 / 100];
    result->max_us = times->items[times->count - 1];
    free(times->items);
}

static void set_slots(struct flow *flow, const struct flow_instance *instance)
{
    for (size_t i = 0; i < instance->slot_count; i++) {
        flow_set_source(flow, (uint32_t)i, instance->capacities[i]);
    }
    for (size_t i = 0; i < instance->slot_count; i++) {
        if (flow_instance_waits(instance, i)) {
            flow_set_next(flow, (uint32_t)i, (uint32_t)i + 1);
        }
    }
}

static struct flow_tranche tranche_of(const struct flow_instance *instance, uint32_t need,
                                      int64_t units)
{
    return (struct flow_tranche){
        .units = units, .weight = flow_instance_level(&instance->needs[need]) * FLOW_WEIGHT_STEP};
}

static void set_units(struct flow *flow, const struct flow_instance *instance, uint32_t need,
                      int64_t units)
{
    struct flow_tranche tranche = tranche_of(instance, need, units);

    flow_set_sink(flow, need, &tranche, 1);
}

static void set_need(struct flow *flow, const struct flow_instance *instance, uint32_t need)
{
    struct flow_tranche tranche = tranche_of(instance, need, instance->needs[need].units);
    struct flow_arc arcs[DEGREE];
    size_t count = 0;

    for (size_t i = flow_instance_arcs_start(instance, need); i < instance->needs[need].arcs_end;
         i++) {
        arcs[count++] =
            (struct flow_arc){.source = instance->arcs[i].slot, .cost = instance->arcs[i].cost};
    }
    flow_set_sink(flow, need, &tranche, 1);
    flow_add_arcs(flow, need, arcs, count);
}

static void conclude(const struct flow *flow, struct result *result)
{
    char problem[160];

    flow_objective(flow, &result->objective);
    if (!flow_certify(flow, problem)) {
        fprintf(stderr, "flow_bench: %s\n", problem);
        exit(EXIT_FAILURE);
    }
}

static struct flow *fill(const struct flow_instance *instance)
{
    struct flow *flow;

    flow_open(&flow);
    set_slots(flow, instance);
    for (uint32_t i = 0; i < instance->need_count; i++) {
        set_need(flow, instance, i);
    }
    flow_settle(flow);
    return flow;
}

static void run_batch(const struct flow_instance *instance, struct result *result)
{
    struct times times = {0};
    double start = now_us();
    struct flow *flow = fill(instance);

    note_time(&times, start);
    sum_up(&times, result);
    conclude(flow, result);
    flow_close(flow);
}

static void run_load(const struct flow_instance *instance, struct result *result)
{
    struct times times = {0};
    struct flow *flow;

    flow_open(&flow);
    set_slots(flow, instance);
    for (uint32_t i = 0; i < instance->need_count; i++) {
        double start = now_us();
        set_need(flow, instance, i);
        flow_settle(flow);
        flow_clear_changes(flow);
        note_time(&times, start);
    }
    sum_up(&times, result);
    conclude(flow, result);
    flow_close(flow);
}

/* Half as much to half as much again. */
static int64_t resize(struct market *market, int64_t units)
{
    return 1 + units * (int64_t)(500 + random_below(market, 1001)) / 1000;
}

static void change_something(struct market *market)
{
    uint32_t need = (uint32_t)random_below(market, market->instance->need_count);
    uint32_t slot = (uint32_t)random_below(market, market->instance->slot_count);

    switch (random_below(market, 4)) {
    case 0:
        if (market->away != need) {
            set_units(market->flow, market->instance, market->away, market->units[market->away]);
            flow_set_sink(market->flow, need, NULL, 0);
            market->away = need;
        }
        break;
    case 1:
    case 2:
        market->units[need] = resize(market, market->units[need]);
        if (market->away != need) {
            set_units(market->flow, market->instance, need, market->units[need]);
        }
        break;
    default:
        market->capacities[slot] = resize(market, market->capacities[slot]);
        flow_set_source(market->flow, slot, market->capacities[slot]);
        break;
    }
}

static void open_market(struct market *market, const struct flow_instance *instance)
{
    *market = (struct market){.instance = instance, .random = 1};
    market->units = memory_take(instance->need_count, sizeof *market->units);
    market->capacities = memory_take(instance->slot_count, sizeof *market->capacities);
    for (size_t i = 0; i < instance->need_count; i++) {
        market->units[i] = instance->needs[i].units;
    }
    memcpy(market->capacities, instance->capacities,
           instance->slot_count * sizeof *market->capacities);
    market->flow = fill(instance);
    flow_set_sink(market->flow, market->away, NULL, 0);
    flow_settle(market->flow);
    flow_clear_changes(market->flow);
}

static void run_events(const struct flow_instance *instance, struct result *result)
{
    struct times times = {0};
    struct market market;

    open_market(&market, instance);
    for (size_t i = 0; i < EVENT_COUNT; i++) {
        double start = now_us();
        change_something(&market);
        flow_settle(market.flow);
        flow_clear_changes(market.flow);
        note_time(&times, start);
    }
    sum_up(&times, result);
    conclude(market.flow, result);
    flow_close(market.flow);
    free(market.units);
    free(market.capacities);
}

static void run_lemon(const struct flow_instance *instance, bool split, struct result *result)
{
    struct times times = {0};
    double start = now_us();

    flow_lemon_solve(instance, split, &result->objective);
    note_time(&times, start);
    sum_up(&times, result);
}

static void run_mode(enum mode mode, const struct flow_instance *instance, struct result *result)
{
    struct rusage usage;

    switch (mode) {
    case MODE_LEMON_SPLIT:
    case MODE_LEMON:
        run_lemon(instance, mode == MODE_LEMON_SPLIT, result);
        break;
    case MODE_BATCH:
        run_batch(instance, result);
        break;
    case MODE_LOAD:
        run_load(instance, result);
        break;
    case MODE_EVENTS:
        run_events(instance, result);
        break;
    case MODE_COUNT:
        UNREACHABLE();
    }
    ENSURE(getrusage(RUSAGE_SELF, &usage) == 0);
    result->rss_mb = (double)usage.ru_maxrss * 1024 / 1e6;
    result->is_there = true;
}

/* In a process of its own. */
static void run_apart(enum mode mode, const struct flow_instance *instance, struct result *result)
{
    int ends[2];
    int status = 0;

    ENSURE(pipe(ends) == 0);
    pid_t child = fork();
    ENSURE(child >= 0);
    if (child == 0) {
        run_mode(mode, instance, result);
        ENSURE(write(ends[1], result, sizeof *result) == (ssize_t)sizeof *result);
        exit(EXIT_SUCCESS);
    }
    close(ends[1]);
    bool arrived = read(ends[0], result, sizeof *result) == (ssize_t)sizeof *result;
    close(ends[0]);
    ENSURE(waitpid(child, &status, 0) == child);
    if (!arrived || status != 0) {
        fprintf(stderr, "flow_bench: %s failed\n", mode_names[mode]);
        exit(EXIT_FAILURE);
    }
}

static void print_cost(wide value)
{
    if (value >= 10) {
        print_cost(value / 10);
    }
    printf("%d", (int)(value % 10));
}

static void print_result(const struct options *options, enum mode mode, const struct result *result)
{
    printf("{\"bench\":\"flow\",\"mode\":\"%s\",\"needs\":%llu,\"lines\":%llu,\"products\":%llu,"
           "\"days\":%llu,\"load\":%.2f,\"seed\":%llu,\"count\":%llu,\"mean_us\":%.1f,"
           "\"p50_us\":%.1f,\"p99_us\":%.1f,\"max_us\":%.1f,\"seconds\":%.4f,\"rss_mb\":%.1f,"
           "\"unserved\":[",
           mode_names[mode], (unsigned long long)options->instance.needs,
           (unsigned long long)options->instance.lines,
           (unsigned long long)options->instance.products,
           (unsigned long long)options->instance.days, options->load,
           (unsigned long long)options->instance.seed, (unsigned long long)result->count,
           result->mean_us, result->p50_us, result->p99_us, result->max_us, result->seconds,
           result->rss_mb);
    for (int level = FLOW_INSTANCE_CLASSES; level > 0; level--) {
        printf("%s%lld", level < FLOW_INSTANCE_CLASSES ? "," : "",
               (long long)result->objective.unserved[level]);
    }
    printf("],\"cost\":");
    print_cost(result->objective.cost);
    printf("}\n");
    fflush(stdout);
}

/* All but events, which leave another network behind. */
static void compare(const struct result results[MODE_COUNT])
{
    const struct result *first = NULL;

    for (enum mode mode = 0; mode < MODE_EVENTS; mode++) {
        const struct flow_objective *objective = &results[mode].objective;
        if (!results[mode].is_there) {
            continue;
        }
        if (first == NULL) {
            first = &results[mode];
        }
        if (objective->cost != first->objective.cost ||
            memcmp(objective->unserved, first->objective.unserved, sizeof objective->unserved) !=
                0) {
            fprintf(stderr, "flow_bench: another objective in mode %s\n", mode_names[mode]);
            exit(EXIT_FAILURE);
        }
    }
}

/* How often `part` goes into `whole`, and the least that is aimed at, if anything. */
static void print_ratio(const char *name, double whole, double part, double aim)
{
    if (part <= 0 || whole <= 0) {
        return;
    }
    fprintf(stderr, "  %-34s %10.1f", name, whole / part);
    if (aim > 0) {
        fprintf(stderr, "  aim %6.0f  %s", aim, whole / part >= aim ? "met" : "missed");
    }
    fprintf(stderr, "\n");
}

static void print_ratios(const struct options *options, const struct result results[MODE_COUNT])
{
    const struct result *events = &results[MODE_EVENTS];
    const struct result *batch = &results[MODE_BATCH];
    double one = results[MODE_LEMON].seconds * 1e6;
    double split = results[MODE_LEMON_SPLIT].seconds * 1e6;
    bool large = options->instance.needs >= 100000;

    fprintf(stderr, "%llu needs, %llu lines, %llu products, %llu days, load %.2f:\n",
            (unsigned long long)options->instance.needs,
            (unsigned long long)options->instance.lines,
            (unsigned long long)options->instance.products,
            (unsigned long long)options->instance.days, options->load);
    print_ratio("lemon over mean event", one, events->mean_us, large ? 10000 : 0);
    print_ratio("lemon_split over mean event", split, events->mean_us, large ? 2000 : 0);
    print_ratio("lemon_split over p50 of events", split, events->p50_us, large ? 0 : 500);
    print_ratio("lemon_split over p99 of events", split, events->p99_us, large ? 200 : 40);
    print_ratio("lemon_split over batch", split, batch->seconds * 1e6, 2);
    print_ratio("memory of lemon_split over batch", results[MODE_LEMON_SPLIT].rss_mb, batch->rss_mb,
                1);
}

static bool is_asked(const struct options *options, enum mode mode)
{
    size_t size = strlen(mode_names[mode]);
    const char *at = options->modes;

    while (at != NULL &&
           (strncmp(at, mode_names[mode], size) != 0 || (at[size] != ',' && at[size] != 0))) {
        at = strchr(at, ',');
        at = at != NULL ? at + 1 : NULL;
    }
    return at != NULL;
}

static void write_dimacs(const struct options *options, const struct flow_instance *instance)
{
    FILE *file = fopen(options->dimacs, "w");

    if (file == NULL) {
        perror(options->dimacs);
        exit(EXIT_FAILURE);
    }
    flow_instance_write_dimacs(instance, FLOW_WEIGHT_STEP, file);
    ENSURE(fclose(file) == 0);
}

static void run(struct options options, double load)
{
    struct flow_instance instance;
    struct result results[MODE_COUNT] = {0};

    options.load = load;
    options.instance.ratio = 1 / load;
    flow_instance_init(&instance, &options.instance);
    if (options.dimacs != NULL) {
        write_dimacs(&options, &instance);
    }
    for (enum mode mode = 0; mode < MODE_COUNT; mode++) {
        if (is_asked(&options, mode)) {
            run_apart(mode, &instance, &results[mode]);
            print_result(&options, mode, &results[mode]);
        }
    }
    flow_instance_deinit(&instance);
    compare(results);
    print_ratios(&options, results);
}

static void refuse(const char *name)
{
    fprintf(stderr,
            "flow_bench: %s: there are --needs N --lines L --products P --days D --load X --seed S"
            " --modes A,B --dimacs FILE, or --check\n",
            name);
    exit(EXIT_FAILURE);
}

static void read_option(struct options *options, const char *name, const char *value)
{
    struct {
        const char *name;
        uint64_t *number;
    } numbers[] = {{"--needs", &options->instance.needs},
                   {"--lines", &options->instance.lines},
                   {"--products", &options->instance.products},
                   {"--days", &options->instance.days},
                   {"--seed", &options->instance.seed}};

    for (size_t i = 0; i < COUNT_OF(numbers); i++) {
        if (strcmp(name, numbers[i].name) == 0) {
            *numbers[i].number = strtoull(value, NULL, 10);
            return;
        }
    }
    if (strcmp(name, "--load") == 0) {
        options->load = strtod(value, NULL);
    } else if (strcmp(name, "--modes") == 0) {
        options->modes = value;
    } else if (strcmp(name, "--dimacs") == 0) {
        options->dimacs = value;
    } else {
        refuse(name);
    }
}

int main(int argc, char **argv)
{
    static const double loads[] = {0.8, 1.1, 2.0};
    struct options options = {.instance = {.needs = 10000,
                                           .lines = 1000,
                                           .products = 10,
                                           .days = 1,
                                           .seed = 1,
                                           .degree_min = DEGREE,
                                           .degree_max = DEGREE},
                              .modes = "events,load,batch,lemon,lemon_split"};

    if (argc == 2 && strcmp(argv[1], "--check") == 0) {
        return flow_instance_check_table() ? EXIT_SUCCESS : EXIT_FAILURE;
    }
    for (int i = 1; i < argc; i += 2) {
        if (i + 1 == argc) {
            refuse(argv[i]);
        }
        read_option(&options, argv[i], argv[i + 1]);
    }
    for (size_t i = 0; i < COUNT_OF(loads); i++) {
        if (options.load <= 0 || i == 0) {
            run(options, options.load > 0 ? options.load : loads[i]);
        }
    }
    return EXIT_SUCCESS;
}
