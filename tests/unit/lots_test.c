/*
 * lots_test.c - lots against every possibility, on cases that are small enough to try them all.
 */
#include "core/plan/lots.h"
#include "core/model/record.h"
#include "tests/harness.h"

#define SIDE_MAX 3
#define CASE_COUNT 3000

struct instance {
    struct lots_need needs[SIDE_MAX];
    int64_t offers[SIDE_MAX];
    struct lots_pair pairs[SIDE_MAX * SIDE_MAX];
    struct lots_problem problem;
};

struct shape {
    uint64_t side_max, units_max, lot_max;
};

/* A random problem; what is proposed is what each pair finds free in turn. */
static void make(uint64_t *random, const struct shape *shape, struct instance *instance)
{
    size_t need_count = 1 + random_below(random, shape->side_max);
    size_t offer_count = 1 + random_below(random, shape->side_max);
    int64_t lot = 2 + (int64_t)random_below(random, shape->lot_max - 1);
    int64_t wanted[SIDE_MAX];
    int64_t spare[SIDE_MAX];
    size_t pair_count = 0;

    for (size_t i = 0; i < need_count; i++) {
        wanted[i] = 1 + (int64_t)random_below(random, shape->units_max);
        instance->needs[i] = (struct lots_need){.rest = wanted[i], .lot = lot, .class_number = 3};
    }
    for (size_t i = 0; i < offer_count; i++) {
        spare[i] = 1 + (int64_t)random_below(random, shape->units_max);
        instance->offers[i] = spare[i];
    }
    for (uint32_t need = 0; need < need_count; need++) {
        for (uint32_t offer = 0; offer < offer_count; offer++) {
            if (random_below(random, 5) == 0) {
                continue;
            }
            int64_t units = min_i64(wanted[need], spare[offer]);
            wanted[need] -= units;
            spare[offer] -= units;
            instance->pairs[pair_count++] = (struct lots_pair){
                .need = need,
                .offer = offer,
                .cost = (uint32_t)random_below(random, 100),
                .units = units,
            };
        }
    }
    instance->problem = (struct lots_problem){
        .needs = instance->needs,
        .need_count = need_count,
        .offers = instance->offers,
        .offer_count = offer_count,
        .pairs = instance->pairs,
        .pair_count = pair_count,
    };
}

static int64_t units_of(const struct lots_problem *problem)
{
    int64_t units = 0;

    for (size_t i = 0; i < problem->pair_count; i++) {
        units += problem->pairs[i].units;
    }
    return units;
}

/* Tries every number of units for every pair from `at` on. */
static void try_all(struct instance *instance, size_t at, int64_t wanted[SIDE_MAX],
                    int64_t spare[SIDE_MAX], int64_t *best)
{
    if (at == instance->problem.pair_count) {
        int64_t units = units_of(&instance->problem);
        if (units > *best && lots_count_fragments(&instance->problem) == 0) {
            *best = units;
        }
        return;
    }
    struct lots_pair *pair = &instance->pairs[at];
    int64_t most = min_i64(wanted[pair->need], spare[pair->offer]);
    for (pair->units = most; pair->units >= 0; pair->units--) {
        int64_t units = pair->units;
        wanted[pair->need] -= units;
        spare[pair->offer] -= units;
        try_all(instance, at + 1, wanted, spare, best);
        wanted[pair->need] += units;
        spare[pair->offer] += units;
    }
}

static int64_t best_of_all(const struct instance *instance)
{
    struct instance copy = *instance;
    int64_t wanted[SIDE_MAX];
    int64_t spare[SIDE_MAX];
    int64_t best = 0;

    copy.problem.pairs = copy.pairs;
    for (size_t i = 0; i < SIDE_MAX; i++) {
        wanted[i] = instance->needs[i].rest;
        spare[i] = instance->offers[i];
    }
    try_all(&copy, 0, wanted, spare, &best);
    return best;
}

static void expect_sound(const struct instance *instance)
{
    int64_t given[SIDE_MAX] = {0};
    int64_t taken[SIDE_MAX] = {0};

    for (size_t i = 0; i < instance->problem.pair_count; i++) {
        const struct lots_pair *pair = &instance->pairs[i];
        EXPECT_TRUE(pair->units >= 0);
        given[pair->need] += pair->units;
        taken[pair->offer] += pair->units;
    }
    for (size_t i = 0; i < instance->problem.need_count; i++) {
        EXPECT_TRUE(given[i] <= instance->needs[i].rest);
    }
    for (size_t i = 0; i < instance->problem.offer_count; i++) {
        EXPECT_TRUE(taken[i] <= instance->offers[i]);
    }
    EXPECT_EQ(lots_count_fragments(&instance->problem), 0);
}

/* Within 1 % of the best in units on every case, and equal on at least 95 %. */
static void compare_with_all(const struct shape *shape, uint64_t seed, size_t case_count)
{
    size_t equal_count = 0;

    for (size_t i = 0; i < case_count; i++) {
        struct instance instance = {0};
        uint64_t random = seed + i;
        test_seed = seed + i;
        make(&random, shape, &instance);
        instance.problem.pairs = instance.pairs;
        int64_t best = best_of_all(&instance);
        lots_repair(&instance.problem);
        expect_sound(&instance);
        int64_t units = units_of(&instance.problem);
        EXPECT_TRUE(units * 100 >= best * 99);
        equal_count += units == best;
    }
    EXPECT_TRUE(equal_count * 100 >= case_count * 95);
}

static void tiny_problems_get_the_most_units_that_lots_allow(void)
{
    compare_with_all(&(struct shape){.side_max = 3, .units_max = 5, .lot_max = 4}, 1, CASE_COUNT);
}

static void two_by_two_with_larger_lots_get_the_most_units(void)
{
    compare_with_all(&(struct shape){.side_max = 2, .units_max = 40, .lot_max = 20}, 100000, 200);
}

static void what_keeps_to_lots_stays_as_it_is(void)
{
    for (uint64_t seed = 1; seed <= CASE_COUNT; seed++) {
        struct instance instance = {0};
        uint64_t random = seed;
        test_seed = seed;
        make(&random, &(struct shape){.side_max = 3, .units_max = 9, .lot_max = 4}, &instance);
        instance.problem.pairs = instance.pairs;
        lots_repair(&instance.problem);
        struct instance again = instance;
        again.problem.pairs = again.pairs;
        lots_repair(&again.problem);
        for (size_t i = 0; i < instance.problem.pair_count; i++) {
            EXPECT_EQ(again.pairs[i].units, instance.pairs[i].units);
        }
    }
}

/* A part that is too large for the search keeps to lots all the same. */
static void large_problems_have_no_fragments_left(void)
{
    enum { NEED_COUNT = 300, OFFER_COUNT = 40, LOT = 20 };
    static struct lots_need needs[NEED_COUNT];
    static int64_t offers[OFFER_COUNT], spare[OFFER_COUNT];
    static struct lots_pair pairs[NEED_COUNT * OFFER_COUNT];
    uint64_t random = 7;
    size_t pair_count = 0;
    int64_t before = 0;

    for (size_t i = 0; i < OFFER_COUNT; i++) {
        spare[i] = offers[i] = 1 + (int64_t)random_below(&random, 150);
    }
    for (uint32_t i = 0; i < NEED_COUNT; i++) {
        needs[i] = (struct lots_need){1 + (int64_t)random_below(&random, 60), LOT, 3};
        int64_t wanted = min_i64(needs[i].rest, LOT);
        for (uint32_t j = 0; j < OFFER_COUNT; j++) {
            int64_t units = min_i64(wanted, spare[j]);
            pairs[pair_count++] = (struct lots_pair){.need = i, .offer = j, .units = units};
            wanted -= units;
            spare[j] -= units;
            before += units;
        }
    }
    const struct lots_problem problem = {needs, NEED_COUNT, offers, OFFER_COUNT,
                                         pairs, pair_count, NULL};
    EXPECT_TRUE(lots_count_fragments(&problem) > 0);
    lots_repair(&problem);
    EXPECT_EQ(lots_count_fragments(&problem), 0);
    EXPECT_TRUE(units_of(&problem) * 100 >= before * 95);
}

static void a_higher_class_keeps_its_lot(void)
{
    const struct lots_need needs[] = {{100, 20, 4}, {100, 20, 2}};
    const int64_t offers[] = {35};
    struct lots_pair pairs[] = {{.need = 0, .units = 18}, {.need = 1, .units = 17}};
    const struct lots_problem problem = {needs, 2, offers, 1, pairs, 2, NULL};

    lots_repair(&problem);
    EXPECT_EQ(pairs[1].units, 35);
    EXPECT_EQ(pairs[0].units, 0);
}

int main(int argc, char **argv)
{
    static const struct test_case cases[] = {
        CASE(tiny_problems_get_the_most_units_that_lots_allow),
        CASE(two_by_two_with_larger_lots_get_the_most_units),
        CASE(what_keeps_to_lots_stays_as_it_is),
        CASE(large_problems_have_no_fragments_left),
        CASE(a_higher_class_keeps_its_lot),
    };

    return run_cases(cases, COUNT_OF(cases), argc, argv);
}
