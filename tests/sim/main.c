/*
 * main.c - runs seeds and says in one line of JSON what happened.
 */
#include "tests/sim/oracle.h"
#include "tests/sim/sim.h"
#include "tests/sim/work.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
    static struct figures figures;
    static uint64_t seen[SITUATION_COUNT];
    uint64_t first = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
    uint64_t count = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
    double start = seconds();
    uint64_t events = 0;

    for (uint64_t seed = first; seed < first + count; seed++) {
        struct scenario scenario = scenario_of(seed);
        struct outcome_of_run outcome;
        run_scenario(&scenario, argc > 3, &figures, seen, &outcome);
        events += outcome.event_count;
        if (!outcome.is_good) {
            printf("seed %llu: %s\n", (unsigned long long)seed, outcome.problem);
        }
    }
    for (size_t i = 0; i < SITUATION_COUNT; i++) {
        printf("%s %llu  ", SITUATION_NAMES[i], (unsigned long long)seen[i]);
    }
    printf("\n%llu events in %.2f s, simulated %.0f s, %llu entries %llu commits %llu submissions %llu answers %llu deliveries\n", (unsigned long long)events, seconds() - start, (double)figures.simulated_us / 1e6,
    (unsigned long long)figures.entries,
    (unsigned long long)figures.commits,(unsigned long long)figures.submissions,(unsigned long long)figures.answers,(unsigned long long)figures.deliveries);
    return 0;
}
