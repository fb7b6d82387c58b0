/*
 * main.c - runs seeds, and says in one line of JSON what happened.
 *
 *     sim --seconds N [--first SEED]   seeds from the first on, for so long
 *     sim --seeds N   [--first SEED]   so many seeds
 *     sim --seed N    [--trace]        one seed, every event when traced
 *     sim --shrink N DIRECTORY         makes a failing seed small and keeps it as a file there
 *     sim --file FILE [--trace]        a run kept in a file
 *     sim --find N    [--first SEED]   the first of so many seeds that breaks a promise
 *     sim --test DIRECTORY             what ./dev test runs; TAP
 *
 * With --mutants N,M in a build with planted bugs, these bugs are there. Ends with 0 when every
 * promise held, 1 when one was broken or a long run did not meet all it must (with --find, when
 * none was broken), 64 for wrong usage.
 */
#include "core/base/mutant.h"
#include "tests/sim/oracle.h"
#include "tests/sim/shrink.h"
#include "tests/sim/sim.h"
#include "tests/sim/work.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define USAGE 64
#define LONG_RUN_EVENTS 5000000 /* From here on every situation must have been met. */
#define TEST_SEEDS 300
#define PATH_SIZE 4096
#define TOLD_PROBLEMS_MAX 20

struct options {
    const char *mode; /* The option that says what to do. */
    uint64_t number;
    uint64_t first;
    const char *path;
    bool is_tracing;
};

struct campaign {
    struct figures figures;
    uint64_t seen[SITUATION_COUNT];
    uint64_t faults[FAULT_COUNT];
    uint64_t seeds, events, violations, hash;
    double seconds;
};

static double now_seconds(void)
{
    struct timespec now;

    ENSURE(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static unsigned long long wide(uint64_t number)
{
    return (unsigned long long)number;
}

/* --- Campaigns
 * --------------------------------------------------------------------------------------- */

static void run_one(struct campaign *campaign, const struct scenario *scenario, bool is_tracing)
{
    struct outcome_of_run outcome;

    run_scenario(scenario, is_tracing, &campaign->figures, campaign->seen, &outcome);
    campaign->seeds++;
    campaign->events += outcome.event_count;
    campaign->hash = hash_u64(campaign->hash ^ outcome.trace);
    for (size_t i = 0; i < FAULT_COUNT; i++) {
        campaign->faults[i] += outcome.fault_counts[i];
    }
    if (!outcome.is_good) {
        campaign->violations++;
        if (campaign->violations <= TOLD_PROBLEMS_MAX) {
            fprintf(stderr, "sim: seed %llu: %s\n", wide(scenario->seed), outcome.problem);
        }
    }
}

static void run_seeds(struct campaign *campaign, uint64_t first, uint64_t count, double seconds)
{
    double start = now_seconds();

    for (uint64_t seed = first; seed - first < count && now_seconds() - start < seconds; seed++) {
        struct scenario scenario = scenario_of(seed);
        run_one(campaign, &scenario, false);
    }
    campaign->seconds = now_seconds() - start;
}

static const char *missing_situation(const struct campaign *campaign)
{
    for (size_t i = 0; i < SITUATION_COUNT; i++) {
        if (campaign->seen[i] == 0) {
            return SITUATION_NAMES[i];
        }
    }
    return NULL;
}

static void print_numbers(const char *name, const char *const *names, const uint64_t *numbers,
                          size_t count)
{
    printf(", \"%s\": {", name);
    for (size_t i = 0; i < count; i++) {
        printf("%s\"%s\": %llu", i == 0 ? "" : ", ", names[i], wide(numbers[i]));
    }
    printf("}");
}

static void print_campaign(const struct campaign *campaign, uint64_t first)
{
    double simulated = (double)campaign->figures.simulated_us / 1e6;

    printf("{\"events\": %llu, \"seeds\": %llu, \"first_seed\": %llu, \"crashes\": %llu",
           wide(campaign->events), wide(campaign->seeds), wide(first),
           wide(campaign->figures.crashes));
    print_numbers("faults", FAULT_NAMES, campaign->faults, FAULT_COUNT);
    print_numbers("situations", SITUATION_NAMES, campaign->seen, SITUATION_COUNT);
    printf(", \"timer_events\": %llu, \"commits\": %llu, \"entries\": %llu, \"submissions\": %llu"
           ", \"deliveries\": %llu, \"audits\": %llu",
           wide(campaign->figures.events[EVENT_TICK] + campaign->figures.events[EVENT_WAKE]),
           wide(campaign->figures.commits), wide(campaign->figures.entries),
           wide(campaign->figures.submissions), wide(campaign->figures.deliveries),
           wide(campaign->figures.audits));
    printf(", \"violations\": %llu, \"seconds\": %.1f, \"simulated_seconds\": %.0f"
           ", \"ratio\": %.0f, \"hash\": \"%016llx\"}\n",
           wide(campaign->violations), campaign->seconds, simulated,
           simulated / (campaign->seconds > 0 ? campaign->seconds : 1), wide(campaign->hash));
}

static int run_campaign(const struct options *options, uint64_t count, double seconds)
{
    static struct campaign campaign;

    run_seeds(&campaign, options->first, count, seconds);
    print_campaign(&campaign, options->first);
    const char *missing = missing_situation(&campaign);
    if (campaign.events >= LONG_RUN_EVENTS && missing != NULL) {
        fprintf(stderr, "sim: a run this long must have met \"%s\"\n", missing);
        return EXIT_FAILURE;
    }
    return campaign.violations == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int run_scenario_alone(const struct options *options, const struct scenario *scenario)
{
    static struct campaign campaign;
    double start = now_seconds();

    run_one(&campaign, scenario, options->is_tracing);
    campaign.seconds = now_seconds() - start;
    print_campaign(&campaign, scenario->seed);
    return campaign.violations == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int find_seed(const struct options *options)
{
    for (uint64_t i = 0; i < options->number; i++) {
        struct scenario scenario = scenario_of(options->first + i);
        struct outcome_of_run outcome;
        run_apart(&scenario, &outcome);
        if (!outcome.is_good) {
            printf("%llu %s\n", wide(scenario.seed), outcome.problem);
            return EXIT_SUCCESS;
        }
    }
    return EXIT_FAILURE;
}

static int shrink_seed(const struct options *options)
{
    char path[PATH_SIZE];
    struct scenario scenario = scenario_of(options->number);
    struct outcome_of_run outcome;

    run_apart(&scenario, &outcome);
    if (outcome.is_good) {
        fprintf(stderr, "sim: seed %llu breaks no promise\n", wide(options->number));
        return EXIT_FAILURE;
    }
    shrink(&scenario, outcome.problem);
    snprintf(path, sizeof path, "%s/seed-%llu.txt", options->path, wide(options->number));
    bool is_kept = scenario_write(&scenario, outcome.problem, path);
    printf("%s: %s\n", path, outcome.problem);
    free(scenario.left_out);
    return is_kept ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int run_file(const struct options *options)
{
    struct scenario scenario;

    if (!scenario_read(options->path, &scenario)) {
        fprintf(stderr, "sim: %s: no such run\n", options->path);
        return USAGE;
    }
    int code = run_scenario_alone(options, &scenario);
    free(scenario.left_out);
    return code;
}

/* --- The test
 * ------------------------------------------------------------------------------------------ */

static bool tell_case(int number, bool is_good, const char *name)
{
    printf("%sok %d - %s\n", is_good ? "" : "not ", number, name);
    fflush(stdout);
    return is_good;
}

static bool is_every_command_taught(void)
{
    const char *unsaid = work_missing_kind();
    const char *unmodelled = oracle_missing_kind();

    if (unsaid != NULL) {
        fprintf(stderr, "sim: no generator in work.c says \"%s\"\n", unsaid);
    }
    if (unmodelled != NULL) {
        fprintf(stderr, "sim: the model in oracle_plan.c does not know \"%s\"\n", unmodelled);
    }
    return unsaid == NULL && unmodelled == NULL;
}

static bool is_repeatable(void)
{
    static struct campaign runs[2];

    run_seeds(&runs[0], 1, 10, 1e9);
    run_seeds(&runs[1], 1, 10, 1e9);
    return runs[0].hash == runs[1].hash;
}

static bool are_kept_runs_good(const char *directory)
{
    static struct campaign campaign;
    DIR *listing = opendir(directory);
    bool is_good = listing != NULL;
    char path[PATH_SIZE];

    for (struct dirent *file = is_good ? readdir(listing) : NULL; file != NULL;
         file = readdir(listing)) {
        struct scenario scenario;
        snprintf(path, sizeof path, "%s/%s", directory, file->d_name);
        if (strstr(file->d_name, ".txt") == NULL) {
            continue;
        }
        is_good = scenario_read(path, &scenario) && is_good;
        run_one(&campaign, &scenario, false);
        free(scenario.left_out);
    }
    if (listing != NULL) {
        closedir(listing);
    }
    return is_good && campaign.violations == 0;
}

static int run_test(const char *directory)
{
    static struct campaign campaign;
    bool is_good = true;

    printf("1..5\n");
    is_good &= tell_case(1, is_every_command_taught(), "every_command_is_known_to_the_simulator");
    is_good &= tell_case(2, is_repeatable(), "the_same_seed_gives_the_same_run");
    is_good &= tell_case(3, are_kept_runs_good(directory), "runs_that_once_failed_hold");
    run_seeds(&campaign, 1, TEST_SEEDS, 1e9);
    is_good &= tell_case(4, campaign.violations == 0, "every_promise_holds_under_faults");
    const char *missing = missing_situation(&campaign);
    if (missing != NULL) {
        fprintf(stderr, "sim: \"%s\" was never met\n", missing);
    }
    is_good &= tell_case(5, missing == NULL, "the_runs_meet_every_situation_they_must");
    return is_good ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* --- The command line
 * ----------------------------------------------------------------------------------- */

static int complain(void)
{
    fprintf(stderr, "usage: sim --seconds N | --seeds N | --seed N | --find N |"
                    " --shrink N DIRECTORY | --file FILE | --test DIRECTORY [--first SEED] "
                    "[--trace] [--mutants N,M]\n");
    return USAGE;
}

static bool plant(const char *numbers)
{
    bool is_possible = false;
    char *rest = NULL;

    for (; numbers != NULL && *numbers != '\0'; numbers = *rest == ',' ? rest + 1 : rest) {
        is_possible = mutant_plant((unsigned)strtoul(numbers, &rest, 10));
        if (rest == numbers || !is_possible) {
            return false;
        }
    }
    return is_possible;
}

static bool read_options(int argc, char **argv, struct options *options)
{
    *options = (struct options){.first = 1};
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        if (strcmp(argv[i], "--trace") == 0) {
            options->is_tracing = true;
        } else if (strcmp(argv[i], "--first") == 0) {
            options->first = strtoull(value, NULL, 10);
            i++;
        } else if (strcmp(argv[i], "--mutants") == 0) {
            if (!plant(value)) {
                return false;
            }
            i++;
        } else if (options->mode == NULL) {
            options->mode = argv[i];
            options->number = strtoull(value, NULL, 10);
            options->path = value;
            i++;
            if (strcmp(options->mode, "--shrink") == 0) {
                options->path = i + 1 < argc ? argv[i + 1] : ".";
                i++;
            }
        } else {
            return false;
        }
    }
    return options->mode != NULL;
}

int main(int argc, char **argv)
{
    struct options options;

    if (!read_options(argc, argv, &options)) {
        return complain();
    }
    if (strcmp(options.mode, "--seconds") == 0) {
        return run_campaign(&options, UINT64_MAX, (double)options.number);
    }
    if (strcmp(options.mode, "--seeds") == 0) {
        return run_campaign(&options, options.number, 1e9);
    }
    if (strcmp(options.mode, "--seed") == 0) {
        struct scenario scenario = scenario_of(options.number);
        return run_scenario_alone(&options, &scenario);
    }
    if (strcmp(options.mode, "--find") == 0) {
        return find_seed(&options);
    }
    if (strcmp(options.mode, "--shrink") == 0) {
        return shrink_seed(&options);
    }
    if (strcmp(options.mode, "--file") == 0) {
        return run_file(&options);
    }
    return strcmp(options.mode, "--test") == 0 ? run_test(options.path) : complain();
}
