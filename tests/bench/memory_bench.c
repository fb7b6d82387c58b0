/*
 * memory_bench.c - what every role holds in memory while many needs are open.
 *
 *     ./dev bench memory [--needs N] [--stock UNITS]
 *
 * A thousand parties, 50 products with 200 offers each, and N needs (a million): every list of
 * matches is full. An offer has so many units that every need gets an assignment, the most that
 * there is to remember, unless --stock makes them scarce. One line for each role and one for
 * their sum, after everything has gone through.
 */
#include "tests/bench/support/system.h"

#include <getopt.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#define WINDOW 8192
#define SECONDS_MAX 900
#define SETTLE_SECONDS 600

struct memory {
    uint64_t resident;
    uint64_t own;
    uint64_t mapped;
};

static void print_line(const char *role, uint64_t needs, const struct memory *memory)
{
    printf("{\"bench\":\"memory\",\"role\":\"%s\",\"needs\":%llu,\"resident_mb\":%.1f,"
           "\"own_mb\":%.1f,\"mapped_mb\":%.1f,\"own_bytes_a_need\":%.0f}\n",
           role, (unsigned long long)needs, (double)memory->resident / 1e6,
           (double)memory->own / 1e6, (double)memory->mapped / 1e6,
           (double)memory->own / (double)needs);
    fflush(stdout);
}

static void print_memory(const struct system *system, uint64_t needs)
{
    struct memory sum = {0};

    for (size_t i = 0; i < SYSTEM_ROLE_COUNT; i++) {
        pid_t process = system_role(system, SYSTEM_ROLES[i]);
        struct memory memory = {.resident = bench_memory(process, "VmRSS"),
                                .own = bench_memory(process, "RssAnon"),
                                .mapped = bench_memory(process, "RssFile")};
        print_line(SYSTEM_ROLES[i], needs, &memory);
        sum.resident += memory.resident;
        sum.own += memory.own;
        sum.mapped += memory.mapped;
    }
    print_line("all", needs, &sum);
}

static void submit_all(const struct system *system, const struct bench_world *world, uint64_t needs)
{
    struct submitter submitter;

    submitter_open(&submitter, system, world, WINDOW);
    system_fill(&submitter.dealer, world);
    while (submitter.acked < needs) {
        struct pollfd readable = {.fd = submitter.dealer.descriptor, .events = POLLIN};
        submitter_turn(&submitter, needs);
        ENSURE(poll(&readable, 1, 10) >= 0);
    }
    submitter_close(&submitter);
}

static void run(const char *place, uint64_t needs, uint64_t stock)
{
    const struct bench_world world = {
        .party_count = 1000, .product_count = 50, .offer_count = 200, .stock = stock};
    struct system system;

    system_start(&system, place, NULL);
    uint64_t began = bench_nanos();
    submit_all(&system, &world, needs);
    uint64_t taken = bench_nanos();
    bool is_settled = system_settle(&system, SETTLE_SECONDS);
    uint64_t settled = bench_nanos();
    printf("{\"bench\":\"memory\",\"needs\":%llu,\"taken_in_s\":%.1f,\"settled_s\":%.1f,"
           "\"is_settled\":%s}\n",
           (unsigned long long)needs, (double)(taken - began) / 1e9,
           (double)(settled - began) / 1e9, is_settled ? "true" : "false");
    print_memory(&system, needs);
    system_stop(&system);
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"needs", required_argument, NULL, 'n'},
                                            {"stock", required_argument, NULL, 's'},
                                            {NULL, 0, NULL, 0}};
    uint64_t needs = 1000000;
    uint64_t stock = 1000000;

    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (option == 'n') {
            needs = strtoull(optarg, NULL, 10);
        } else if (option == 's') {
            stock = strtoull(optarg, NULL, 10);
        }
        if (option == '?' || needs == 0 || needs > 10000000 || stock == 0) {
            fprintf(stderr, "usage: memory [--needs N] [--stock UNITS]\n");
            return 64;
        }
    }
    run(bench_begin(SECONDS_MAX), needs, stock);
    return EXIT_SUCCESS;
}
