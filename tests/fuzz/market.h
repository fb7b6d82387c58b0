/*
 * market.h - a small market for the seeds of targets that read rows.
 */
#ifndef TESTS_FUZZ_MARKET_H
#define TESTS_FUZZ_MARKET_H

#include "core/match/market.h"
#include "tests/fuzz/fuzz.h"

#define MARKET_COMMAND_COUNT_MAX 32

struct market_command {
    uint16_t kind;
    union command command;
};

/* Parties, products, needs, offers, reports, a tick; borrowed for ever. */
const struct market_command *market_commands(size_t *count);

void market_fill(struct market *market); /* Folds them. */

/* Numbers that rows are full of. */
void market_words(const struct fuzz_sink *sink);

#endif
