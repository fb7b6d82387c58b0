/*
 * flow_instance.c - draws the networks.
 *
 * The generator is xoshiro256** (Blackman and Vigna, 2018), seeded by splitmix64. Draws come in
 * the order of the code; what only several days need has a generator of its own, so that a
 * network of one day is the same without it.
 */
#include "tests/bench/support/flow_instance.h"

#include "core/base/memory.h"

#include <math.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define CITY_COUNT 100
#define CITY_SPREAD 25.0
#define MAP_SIDE 1000.0
#define UNITS_MAX 20000
#define DISTANCE_A_DAY 300.0F
#define PI 3.14159265358979323846

struct random {
    uint64_t words[4];
};

struct place {
    double x;
    double y;
};

struct cities {
    struct place places[CITY_COUNT];
    double weights[CITY_COUNT]; /* Summed up. */
};

struct line {
    struct place place;
    double weight;
};

struct near {
    float distance;
    uint32_t line;
};

struct draw {
    struct random random;
    struct random days;
    struct cities cities;
    struct line *lines;
    struct near *near;
    double *demand; /* By product. */
    const struct flow_instance_options *options;
    struct flow_instance *instance;
};

static uint64_t rotate_left(uint64_t value, int bits)
{
    return (value << bits) | (value >> (64 - bits));
}

static void random_init(struct random *random, uint64_t seed)
{
    for (size_t i = 0; i < COUNT_OF(random->words); i++) {
        seed += 0x9e3779b97f4a7c15u;
        uint64_t word = (seed ^ (seed >> 30)) * 0xbf58476d1ce4e5b9u;
        word = (word ^ (word >> 27)) * 0x94d049bb133111ebu;
        random->words[i] = word ^ (word >> 31);
    }
}

static uint64_t random_next(struct random *random)
{
    uint64_t *words = random->words;
    uint64_t next = rotate_left(words[1] * 5, 7) * 9;
    uint64_t shifted = words[1] << 17;

    words[2] ^= words[0];
    words[3] ^= words[1];
    words[1] ^= words[2];
    words[0] ^= words[3];
    words[2] ^= shifted;
    words[3] = rotate_left(words[3], 45);
    return next;
}

static double draw_unit(struct random *random)
{
    return (double)(random_next(random) >> 11) * 0x1p-53;
}

static double draw_normal(struct random *random)
{
    double radius = sqrt(-2 * log(draw_unit(random) + 1e-300));

    return radius * cos(2 * PI * draw_unit(random));
}

static void draw_cities(struct random *random, struct cities *cities)
{
    double sum = 0;

    for (size_t i = 0; i < CITY_COUNT; i++) {
        cities->places[i].x = MAP_SIDE * draw_unit(random);
        cities->places[i].y = MAP_SIDE * draw_unit(random);
        sum += 1.0 / (double)(i + 1);
        cities->weights[i] = sum;
    }
}

static struct place draw_place(struct random *random, const struct cities *cities)
{
    double at = draw_unit(random) * cities->weights[CITY_COUNT - 1];
    size_t city = 0;

    while (cities->weights[city] < at) {
        city++;
    }
    struct place place = cities->places[city];
    place.x += CITY_SPREAD * draw_normal(random);
    place.y += CITY_SPREAD * draw_normal(random);
    return place;
}

static uint8_t draw_rank(struct random *random)
{
    static const double bounds[] = {0.05, 0.15, 0.35, 0.65};
    double at = draw_unit(random);
    uint8_t rank = 1;

    while (rank <= COUNT_OF(bounds) && at >= bounds[rank - 1]) {
        rank++;
    }
    return rank;
}

static bool is_nearer(struct near left, struct near right)
{
    return left.distance < right.distance ||
           (left.distance == right.distance && left.line < right.line);
}

/* The nearest `count` lines of the product, in order; returns how many there are. */
static size_t find_near(const struct draw *draw, struct place place, size_t product, size_t count)
{
    size_t kept = 0;

    for (size_t i = product; i < draw->options->lines; i += draw->options->products) {
        double x = draw->lines[i].place.x - place.x;
        double y = draw->lines[i].place.y - place.y;
        struct near near = {.distance = (float)sqrt(x * x + y * y), .line = (uint32_t)i};
        if (kept == count && !is_nearer(near, draw->near[kept - 1])) {
            continue;
        }
        size_t at = kept < count ? kept++ : kept - 1;
        for (; at > 0 && is_nearer(near, draw->near[at - 1]); at--) {
            draw->near[at] = draw->near[at - 1];
        }
        draw->near[at] = near;
    }
    return kept;
}

/* The last of the line's days from which goods are there on the day due. */
static uint32_t slot_in_time(const struct draw *draw, struct near near, uint64_t due)
{
    uint64_t travel = (uint64_t)(near.distance / DISTANCE_A_DAY);
    uint64_t day = due > travel ? due - travel : 0;

    return (uint32_t)(near.line * draw->options->days + day);
}

static void draw_need(struct draw *draw, struct flow_instance_need *need, size_t arcs_start)
{
    const struct flow_instance_options *options = draw->options;
    struct random *random = &draw->random;
    struct place place = draw_place(random, &draw->cities);
    size_t product = (size_t)(draw_unit(random) * (double)options->products);
    double units = floor(10 * pow(1 - draw_unit(random), -1 / 1.2));

    need->units = units < UNITS_MAX ? (int64_t)units : UNITS_MAX;
    need->rank = draw_rank(random);
    double choices = (double)(options->degree_max - options->degree_min + 1);
    size_t degree = options->degree_min + (size_t)(draw_unit(random) * choices);
    uint64_t due = (uint64_t)(draw_unit(&draw->days) * (double)options->days);
    degree = find_near(draw, place, product, degree);
    for (size_t i = 0; i < degree; i++) {
        draw->instance->arcs[arcs_start + i] =
            (struct flow_instance_arc){.slot = slot_in_time(draw, draw->near[i], due),
                                       .cost = 1 + (uint32_t)(10.0F * draw->near[i].distance)};
    }
    need->arcs_end = arcs_start + degree;
    draw->demand[product] += (double)need->units;
}

/* A line's capacity, evenly over its days. */
static void set_capacities(const struct draw *draw)
{
    const struct flow_instance_options *options = draw->options;
    double *weights = memory_take(options->products, sizeof *weights);

    for (size_t i = 0; i < options->lines; i++) {
        weights[i % options->products] += draw->lines[i].weight;
    }
    for (size_t i = 0; i < options->lines; i++) {
        size_t product = i % options->products;
        int64_t units = (int64_t)(draw->demand[product] * options->ratio * draw->lines[i].weight /
                                  weights[product]);
        int64_t days = (int64_t)options->days;
        units = units > 0 ? units : 1;
        for (int64_t day = 0; day < days; day++) {
            draw->instance->capacities[(int64_t)i * days + day] =
                units * (day + 1) / days - units * day / days;
        }
    }
    free(weights);
}

static void draw_instance(struct draw *draw)
{
    size_t arcs = 0;

    random_init(&draw->random, draw->options->seed);
    random_init(&draw->days, ~draw->options->seed);
    draw_cities(&draw->random, &draw->cities);
    for (size_t i = 0; i < draw->options->lines; i++) {
        draw->lines[i].place = draw_place(&draw->random, &draw->cities);
        draw->lines[i].weight = exp(draw_normal(&draw->random));
    }
    for (size_t i = 0; i < draw->instance->need_count; i++) {
        draw_need(draw, &draw->instance->needs[i], arcs);
        arcs = draw->instance->needs[i].arcs_end;
    }
    set_capacities(draw);
}

static void draw_into(struct flow_instance *instance, const struct flow_instance_options *options)
{
    struct draw draw = {.options = options, .instance = instance};

    ENSURE(options->needs > 0);
    ENSURE(options->products > 0);
    ENSURE(options->days > 0);
    ENSURE(options->lines >= options->products);
    ENSURE(options->lines * options->days < UINT32_MAX);
    ENSURE(options->degree_min > 0);
    ENSURE(options->degree_max >= options->degree_min);
    instance->days = options->days;
    instance->slot_count = options->lines * options->days;
    instance->need_count = options->needs;
    instance->capacities = memory_take(instance->slot_count, sizeof *instance->capacities);
    instance->needs = memory_take(instance->need_count, sizeof *instance->needs);
    instance->arcs =
        memory_take(instance->need_count * options->degree_max, sizeof *instance->arcs);
    draw.lines = memory_take(options->lines, sizeof *draw.lines);
    draw.near = memory_take(options->degree_max, sizeof *draw.near);
    draw.demand = memory_take(options->products, sizeof *draw.demand);
    draw_instance(&draw);
    free(draw.lines);
    free(draw.near);
    free(draw.demand);
}

static int compare_arcs(const void *left, const void *right)
{
    const struct flow_instance_arc *a = left;
    const struct flow_instance_arc *b = right;

    return a->slot < b->slot ? -1 : a->slot > b->slot;
}

void flow_instance_init(struct flow_instance *instance, const struct flow_instance_options *options)
{
    draw_into(instance, options);
    for (size_t i = 0; i < instance->need_count; i++) {
        size_t start = flow_instance_arcs_start(instance, i);
        qsort(&instance->arcs[start], instance->needs[i].arcs_end - start, sizeof *instance->arcs,
              compare_arcs);
    }
}

void flow_instance_deinit(struct flow_instance *instance)
{
    free(instance->capacities);
    free(instance->needs);
    free(instance->arcs);
    *instance = (struct flow_instance){0};
}

static int64_t sum_capacities(const struct flow_instance *instance)
{
    int64_t sum = 0;

    for (size_t i = 0; i < instance->slot_count; i++) {
        sum += instance->capacities[i];
    }
    return sum;
}

static int64_t sum_units(const struct flow_instance *instance)
{
    int64_t sum = 0;

    for (size_t i = 0; i < instance->need_count; i++) {
        sum += instance->needs[i].units;
    }
    return sum;
}

static void write_nodes(const struct flow_instance *instance, FILE *file)
{
    for (size_t i = 0; i < instance->slot_count; i++) {
        fprintf(file, "n %zu %lld\n", i + 1, (long long)instance->capacities[i]);
    }
    for (size_t i = 0; i < instance->need_count; i++) {
        fprintf(file, "n %zu %lld\n", instance->slot_count + i + 1,
                -(long long)instance->needs[i].units);
    }
    fprintf(file, "n %zu %lld\n", instance->slot_count + instance->need_count + 1,
            (long long)(sum_units(instance) - sum_capacities(instance)));
}

void flow_instance_write_dimacs(const struct flow_instance *instance, int64_t weight_step,
                                FILE *file)
{
    size_t hub = instance->slot_count + instance->need_count + 1;
    size_t arc_count = instance->needs[instance->need_count - 1].arcs_end;
    long long all = sum_capacities(instance);

    fprintf(file, "p min %zu %zu\n", hub, arc_count + instance->need_count + instance->slot_count);
    write_nodes(instance, file);
    for (size_t i = 0; i < instance->slot_count; i++) {
        size_t to = flow_instance_waits(instance, i) ? i + 2 : hub;
        fprintf(file, "a %zu %zu 0 %lld 0\n", i + 1, to, all);
    }
    for (size_t i = 0; i < instance->need_count; i++) {
        const struct flow_instance_need *need = &instance->needs[i];
        size_t node = instance->slot_count + i + 1;
        fprintf(file, "a %zu %zu 0 %lld %lld\n", hub, node, (long long)need->units,
                (long long)(flow_instance_level(need) * weight_step));
        for (size_t j = flow_instance_arcs_start(instance, i); j < need->arcs_end; j++) {
            fprintf(file, "a %u %zu 0 %lld %u\n", instance->arcs[j].slot + 1, node,
                    (long long)need->units, instance->arcs[j].cost);
        }
    }
}

static void hash_u32_le(crypto_hash_sha256_state *hash, uint32_t value)
{
    uint8_t bytes[4];

    store_u32(bytes, value);
    crypto_hash_sha256_update(hash, bytes, sizeof bytes);
}

static void hash_u64_le(crypto_hash_sha256_state *hash, uint64_t value)
{
    uint8_t bytes[8];

    store_u64(bytes, value);
    crypto_hash_sha256_update(hash, bytes, sizeof bytes);
}

/* The first eight bytes of the SHA-256 of counts, capacities and needs. */
static uint64_t digest(const struct flow_instance *instance)
{
    crypto_hash_sha256_state hash;
    uint8_t result[crypto_hash_sha256_BYTES];
    size_t arc_count = instance->needs[instance->need_count - 1].arcs_end;

    crypto_hash_sha256_init(&hash);
    hash_u64_le(&hash, instance->slot_count);
    hash_u64_le(&hash, instance->need_count);
    hash_u64_le(&hash, arc_count);
    for (size_t i = 0; i < instance->slot_count; i++) {
        hash_u64_le(&hash, (uint64_t)instance->capacities[i]);
    }
    for (size_t i = 0; i < instance->need_count; i++) {
        hash_u64_le(&hash, (uint64_t)instance->needs[i].units);
    }
    for (size_t i = 0; i < instance->need_count; i++) {
        crypto_hash_sha256_update(&hash, &instance->needs[i].rank, 1);
    }
    for (size_t i = 0; i <= instance->need_count; i++) {
        hash_u64_le(&hash, flow_instance_arcs_start(instance, i));
    }
    for (size_t i = 0; i < arc_count; i++) {
        hash_u32_le(&hash, instance->arcs[i].slot);
    }
    for (size_t i = 0; i < arc_count; i++) {
        hash_u32_le(&hash, instance->arcs[i].cost);
    }
    crypto_hash_sha256_final(&hash, result);
    return load_u64_be(result);
}

bool flow_instance_check_table(void)
{
    static const struct {
        uint32_t needs;
        uint32_t lines;
        uint32_t products;
        double ratio;
        uint64_t digest;
    } rows[] = {{1000, 100, 2, 0.9, 0x1aa1e9f25bf4f61d},
                {10000, 1000, 10, 0.9, 0xd1d12b401f85e80c},
                {100000, 5000, 20, 0.9, 0x91593ad8f3b484e0},
                {100000, 5000, 20, 0.5, 0xb4596607721d1b5c},
                {1000000, 10000, 20, 0.9, 0xb7c1f33570f71162}};
    bool fine = true;

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct flow_instance instance;
        struct flow_instance_options options = {.needs = rows[i].needs,
                                                .lines = rows[i].lines,
                                                .products = rows[i].products,
                                                .days = 1,
                                                .ratio = rows[i].ratio,
                                                .seed = 1,
                                                .degree_min = 20,
                                                .degree_max = 50};
        draw_into(&instance, &options);
        uint64_t found = digest(&instance);
        printf("%u x %u, ratio %.1f: %016llx%s\n", rows[i].needs, rows[i].lines, rows[i].ratio,
               (unsigned long long)found, found == rows[i].digest ? "" : ", not as known");
        fine = fine && found == rows[i].digest;
        flow_instance_deinit(&instance);
    }
    return fine;
}
