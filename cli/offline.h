/*
 * offline.h - the decision without a daemon: a scenario's rows into a plan.
 *
 * It calls what the workers call, in the same order: market_is_implausible as the gateway does,
 * plan_apply, plan_settle and core/match below them. Matches are not listed beforehand: every need
 * comes with a bound of 0, and the plan brings in each match that pays, which gives the same
 * optimum.
 */
#ifndef CLI_OFFLINE_H
#define CLI_OFFLINE_H

#include "cli/cli.h"
#include "config/config.h"
#include "core/plan/round.h"

struct offline_row {
    uint64_t at_ms; /* 0 when not given, and for parties and products. */
    uint32_t order; /* As read. */
    uint16_t kind;
    union command command; /* Views into the arena. */
};

struct offline {
    struct cli *cli;
    struct config *config;
    struct plan *plan;
    struct offline_row *rows; /* By time of arrival. */
    size_t row_count, row_capacity;
    struct arena arena;
    uint64_t refused;     /* Rows that make no sense. */
    uint64_t quarantined; /* Needs and offers above their product's limit. */
    uint64_t seq;
    uint64_t *changed; /* Assignments that changed since the last round. */
    size_t changed_count, changed_capacity;
};

/* Reads the options and the scenario; says what is wrong. EXIT_DONE or why not. The caller calls
 * offline_close in either case. */
int offline_open(struct offline *offline, struct cli *cli, bool distance_alone);
void offline_close(struct offline *offline);

struct plan_options offline_plan_options(const struct config *config);

/* One command at `time_ms`. */
void offline_apply(struct offline *offline, uint16_t kind, const union command *command,
                   uint64_t time_ms);
void offline_settle(struct offline *offline);

/* "fairness" and the weights in force, as fields of an object. */
void offline_describe(const struct offline *offline, struct buffer *object);

#endif
