/*
 * harness.h - the test runner: one table of cases per file, one process each.
 *
 * A case is a function without arguments. An expectation that fails names both
 * values and stops the process, so the first failure is the one you see.
 */
#ifndef TESTS_HARNESS_H
#define TESTS_HARNESS_H

#include "core/base/base.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct test_case {
    const char *name;
    void (*run)(void);
};

#define CASE(function)                                                                             \
    {                                                                                              \
#function, function                                                                        \
    }

#define EXPECT_EQ(actual, expected)                                                                \
    expect_eq(__FILE__, __LINE__, #actual, (uint64_t)(actual), (uint64_t)(expected))
#define EXPECT_STATUS(actual, expected)                                                            \
    expect_status(__FILE__, __LINE__, #actual, (actual), (expected))
#define EXPECT_TEXT(actual, expected) expect_text(__FILE__, __LINE__, #actual, (actual), (expected))
#define EXPECT_TRUE(condition) EXPECT_EQ((condition) ? 1 : 0, 1)
#define EXPECT_OK(actual) EXPECT_STATUS(actual, STATUS_OK)

/* What a failure should mention besides the values, such as the seed in use. */
static uint64_t test_seed;

/* The case that runs, for the report of a failure. */
static const char *case_running = "outside of a case";
static size_t case_number;

/* Why the case that runs cannot be judged here; NULL when it can. */
static const char *skip_reason;

static inline _Noreturn void fail_case(void)
{
    printf("not ok %zu - %s\n", case_number, case_running);
    fflush(stdout);
    if (test_seed != 0) {
        fprintf(stderr, "  seed %" PRIu64 "\n", test_seed);
    }
    exit(EXIT_FAILURE);
}

/* For a case that misses something of its surroundings, such as data: it counts as skipped, and
 * returns then. */
static inline void skip_case(const char *reason)
{
    skip_reason = reason;
}

static inline void expect_eq(const char *file, int line, const char *what, uint64_t actual,
                             uint64_t expected)
{
    if (actual != expected) {
        fprintf(stderr, "%s:%d: %s is %" PRIu64 ", not %" PRIu64 "\n", file, line, what, actual,
                expected);
        fail_case();
    }
}

static inline void expect_status(const char *file, int line, const char *what, enum status actual,
                                 enum status expected)
{
    if (actual != expected) {
        fprintf(stderr, "%s:%d: %s: %s, not %s\n", file, line, what, status_name(actual),
                status_name(expected));
        fail_case();
    }
}

static inline void expect_text(const char *file, int line, const char *what, struct bytes actual,
                               const char *expected)
{
    if (!bytes_equal(actual, bytes_from_text(expected))) {
        fprintf(stderr, "%s:%d: %s is \"%.*s\", not \"%s\"\n", file, line, what, BYTES_ARGS(actual),
                expected);
        fail_case();
    }
}

/* SplitMix64: the seeded generator of every property test. */
static inline uint64_t random_next(uint64_t *state)
{
    *state += 0x9e3779b97f4a7c15u;
    return hash_u64(*state);
}

static inline uint64_t random_below(uint64_t *state, uint64_t limit)
{
    return random_next(state) % limit;
}

/* Runs the cases whose name contains argv[1], or all of them, and reports in TAP (Test Anything
 * Protocol 12): a case that fails ends the process, and the plan tells that the rest is missing. */
static inline int run_cases(const struct test_case *cases, size_t count, int argc, char **argv)
{
    size_t chosen = 0;

    for (size_t i = 0; i < count; i++) {
        chosen += argc < 2 || strstr(cases[i].name, argv[1]) != NULL;
    }
    printf("1..%zu\n", chosen);
    chosen = 0;
    for (size_t i = 0; i < count; i++) {
        if (argc < 2 || strstr(cases[i].name, argv[1]) != NULL) {
            case_running = cases[i].name;
            case_number = ++chosen;
            skip_reason = NULL;
            cases[i].run();
            printf("ok %zu - %s%s%s\n", chosen, cases[i].name,
                   skip_reason == NULL ? "" : " # SKIP ", skip_reason == NULL ? "" : skip_reason);
            fflush(stdout);
        }
    }
    return EXIT_SUCCESS;
}

#endif
