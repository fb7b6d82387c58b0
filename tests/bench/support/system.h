/*
 * system.h - all roles under maillond, and what a benchmark asks of them.
 */
#ifndef TESTS_BENCH_SUPPORT_SYSTEM_H
#define TESTS_BENCH_SUPPORT_SYSTEM_H

#include "tests/bench/support/bench.h"
#include "tests/bench/support/commands.h"

#define SYSTEM_ROLE_COUNT 4
extern const char *const SYSTEM_ROLES[SYSTEM_ROLE_COUNT]; /* In the order entries pass them. */

struct system {
    char data[BENCH_PATH_SIZE + 8];
    pid_t supervisor;
};

/* Starts everything in the place and waits until all roles are live. */
void system_start(struct system *system, const char *place, const char *const *arguments);
void system_stop(struct system *system);

void system_connect(const struct system *system, const char *broker, struct dealer *dealer);
pid_t system_role(const struct system *system, const char *role);

/* Waits until every role has taken in all that is durable before it. False after `seconds_max`. */
bool system_settle(const struct system *system, double seconds_max);

/* The world that the needs live in: parties at places all over France, products, and offers of
 * each, with a stock of so many units. */
struct bench_world {
    uint32_t party_count;
    uint32_t product_count;
    uint32_t offer_count; /* For each product. */
    uint64_t stock;       /* Units of an offer. */
};
void system_fill(struct dealer *gateway, const struct bench_world *world);

/* Need number `number` in that world. */
struct need_numbers world_need(const struct bench_world *world, uint64_t number);

/* A client that keeps at most `window` needs unanswered. */
struct submitter {
    struct dealer dealer;
    struct need_template template;
    const struct bench_world *world;
    uint64_t window;
    uint64_t sent; /* Needs; also the number of the next one. */
    uint64_t acked;
};
void submitter_open(struct submitter *submitter, const struct system *system,
                    const struct bench_world *world, uint64_t window);
void submitter_close(struct submitter *submitter);

/* Sends what the window lets go, up to need number `limit`; takes what has come. Never waits. */
void submitter_turn(struct submitter *submitter, uint64_t limit);

#endif
