/*
 * main.c - tortures the journal, and says in one line of JSON what happened.
 *
 *     torture [--seed N] --images N     power cuts, seed after seed, until there are so many images
 *     torture [--seed N] --seconds N    the same for so long
 *     torture [--seed N] --flips [STRIDE]   a bit of every byte of a journal
 *     torture [--seed N] --calls [STRIDE]   every call of a script, in every bad way
 *     torture --planted                 plants bugs, each of which must be found
 *     torture --test                    a short form of all; TAP
 *
 * Ends with 0 when every promise held, 1 when one was broken, 64 for wrong usage.
 */
#include "tests/torture/torture.h"

#include "core/base/mutant.h"
#include "tests/harness.h"

#include <libgen.h>
#include <time.h>
#include <unistd.h>

#define USAGE 64
#define STEP_COUNT 24
#define SHORT_STEP_COUNT 16
#define FLIP_STEP_COUNT 3
#define FLIP_SEED 2
#define CALL_SEED 3 /* One with a reserve, a copy and a new start. */

static char programs[PATH_MAX];

static uint64_t seconds_now(void)
{
    struct timespec now;

    ENSURE(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
    return (uint64_t)now.tv_sec;
}

/* --- Figures ------------------------------------------------------------------------------ */

static unsigned long long wide(uint64_t number)
{
    return number;
}

static void print_figures(const struct torture *torture)
{
    const struct figures *figures = &torture->figures;

    printf("{\"images\":%llu,\"scripts\":%llu,\"call_faults\":%llu,\"flips\":%llu,"
           "\"flips_unused\":%llu,\"flips_found\":%llu,\"flips_ended\":%llu,"
           "\"flips_fallen_back\":%llu,\"faults\":{",
           wide(figures->images), wide(figures->scripts), wide(figures->calls),
           wide(figures->count[FAULT_FLIP]), wide(figures->unused), wide(figures->found),
           wide(figures->ended), wide(figures->fallen_back));
    for (enum fault fault = 0; fault < FAULT_COUNT; fault++) {
        printf("%s\"%s\":%llu", fault == 0 ? "" : ",", FAULTS[fault].name,
               wide(figures->count[fault]));
    }
    printf("},\"violations\":%llu}\n", wide(figures->violations));
    fprintf(stderr, "%.*s", BYTES_ARGS(buffer_view(&torture->problems)));
}

/* --- What there is to do -------------------------------------------------------------------- */

static void cut_images(struct torture *torture, uint64_t seed, uint64_t image_max)
{
    while (torture->figures.images < image_max && !torture_is_over(torture)) {
        torture_cut(torture, seed++, STEP_COUNT, image_max);
    }
}

static void cut_seconds(struct torture *torture, uint64_t seed, uint64_t seconds)
{
    uint64_t end = seconds_now() + seconds;

    while (seconds_now() < end && !torture_is_over(torture)) {
        torture_cut(torture, seed++, STEP_COUNT, UINT64_MAX);
    }
}

static int finish(struct torture *torture)
{
    print_figures(torture);
    int code = torture->figures.violations == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
    torture_close(torture);
    return code;
}

/* --- ./dev test --------------------------------------------------------------------------- */

#define TEST_IMAGES 5000
#define TEST_FLIP_STRIDE 29
#define TEST_CALL_STRIDE 9

static struct torture torture;

static void expect_held(void)
{
    fprintf(stderr, "%.*s", BYTES_ARGS(buffer_view(&torture.problems)));
    EXPECT_EQ(torture.figures.violations, 0);
    torture_close(&torture);
}

static void nothing_acknowledged_is_lost_wherever_the_power_goes(void)
{
    torture_open(&torture, programs);
    cut_images(&torture, 1, TEST_IMAGES);
    EXPECT_TRUE(torture.figures.images >= TEST_IMAGES);
    expect_held();
}

static void every_flipped_bit_is_in_unused_space_or_found(void)
{
    torture_open(&torture, programs);
    torture_flip(&torture, FLIP_SEED, FLIP_STEP_COUNT, TEST_FLIP_STRIDE);
    EXPECT_TRUE(torture.figures.found > 100);
    EXPECT_TRUE(torture.figures.unused > 100);
    expect_held();
}

static void a_bad_call_loses_nothing_wherever_it_comes(void)
{
    torture_open(&torture, programs);
    torture_fail_calls(&torture, CALL_SEED, SHORT_STEP_COUNT, TEST_CALL_STRIDE);
    EXPECT_TRUE(torture.figures.calls > 100);
    expect_held();
}

static void each_lie_of_a_disk_is_found(void)
{
    struct planted_figures figures;

    torture_find_planted(programs, false, &figures);
    EXPECT_TRUE(figures.planted > 0);
    EXPECT_EQ(figures.found, figures.planted);
}

static int run_test(char **argv)
{
    static const struct test_case cases[] = {
        CASE(nothing_acknowledged_is_lost_wherever_the_power_goes),
        CASE(every_flipped_bit_is_in_unused_space_or_found),
        CASE(a_bad_call_loses_nothing_wherever_it_comes),
        CASE(each_lie_of_a_disk_is_found),
    };

    return run_cases(cases, COUNT_OF(cases), 1, argv);
}

/* --- The command line ------------------------------------------------------------------------ */

static uint64_t number_or(const char *text, uint64_t otherwise)
{
    return text == NULL ? otherwise : strtoull(text, NULL, 10);
}

static int run_planted(void)
{
    struct planted_figures figures;

    torture_find_planted(programs, mutant_plant(0), &figures);
    printf("{\"planted\":%llu,\"planted_found\":%llu}\n", wide(figures.planted),
           wide(figures.found));
    return figures.found == figures.planted ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int run(const char *mode, const char *number, uint64_t seed)
{
    torture_open(&torture, programs);
    if (strcmp(mode, "--images") == 0 && number != NULL) {
        cut_images(&torture, seed, number_or(number, 0));
    } else if (strcmp(mode, "--seconds") == 0 && number != NULL) {
        cut_seconds(&torture, seed, number_or(number, 0));
    } else if (strcmp(mode, "--flips") == 0) {
        torture_flip(&torture, FLIP_SEED, FLIP_STEP_COUNT, number_or(number, 1));
    } else if (strcmp(mode, "--calls") == 0) {
        torture_fail_calls(&torture, CALL_SEED, SHORT_STEP_COUNT, number_or(number, 1));
    } else {
        torture_close(&torture);
        return USAGE;
    }
    return finish(&torture);
}

int main(int argc, char **argv)
{
    uint64_t seed = 1;

    ENSURE(readlink("/proc/self/exe", programs, sizeof programs - 1) > 0);
    dirname(programs);
    if (argc > 3 && strcmp(argv[1], "--seed") == 0) {
        seed = number_or(argv[2], 1);
        argc -= 2;
        argv += 2;
    }
    if (argc > 1 && strcmp(argv[1], "--test") == 0) {
        return run_test(argv);
    }
    if (argc > 1 && strcmp(argv[1], "--planted") == 0) {
        return run_planted();
    }
    return argc > 1 ? run(argv[1], argc > 2 ? argv[2] : NULL, seed) : USAGE;
}
