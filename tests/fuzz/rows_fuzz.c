/*
 * Rows of a market: a byte for the kind of thing, a byte for the number (255: the next one), and
 * the row.
 *
 * A row that is taken is saved as the same bytes, and what was taken can be worked with: every pair
 * is checked, candidates are searched and agree with the pairs, a day passes.
 */
#include "core/match/match.h"
#include "tests/fuzz/market.h"

#include <stdlib.h>

#define ROW_COUNT_MAX 64

static const struct match_rules rules = {.per_kilometre = 1,
                                         .other_region = 200,
                                         .other_country = 2000,
                                         .per_day_late = 500,
                                         .kept_max = 4};

static uint32_t count_of(const struct market *market, enum market_thing thing)
{
    switch (thing) {
    case MARKET_PARTY:
        return market->party_ids.count;
    case MARKET_PRODUCT:
        return market->product_ids.count;
    case MARKET_NEED:
        return market->need_ids.count;
    case MARKET_OFFER:
        return market->offer_ids.count;
    case MARKET_RULE:
        return market->rule_ids.count;
    case MARKET_CLOCK:
        return 0;
    }
    UNREACHABLE();
}

static void restore(struct market *market, struct bytes *input)
{
    enum market_thing thing =
        (enum market_thing)(MARKET_PARTY + fuzz_take_below(input, MARKET_RULE));
    uint32_t number = fuzz_take_u8(input);
    struct bytes row = fuzz_take_block(input);
    struct buffer saved = {0};

    number = number == UINT8_MAX ? count_of(market, thing) : number;
    if (market_restore(market, thing, number, row) == STATUS_OK) {
        market_save(market, thing, number, &saved);
        ENSURE(bytes_equal(buffer_view(&saved), row));
    }
    buffer_deinit(&saved);
}

/* The best of all pairs, the slow way. */
static uint32_t least_cost(const struct market *market, uint32_t need)
{
    uint32_t least = UINT32_MAX;

    for (uint32_t offer = 0; offer < market->offer_ids.count; offer++) {
        struct match match = match_check(market, &rules, need, offer);
        if (match.reason == MATCH_POSSIBLE) {
            ENSURE(match.cost <= COST_MAX);
            ENSURE(match.arrival == DAY_NONE || (match.arrival >= 0 && match.arrival <= DAY_MAX));
            least = (uint32_t)min_u64(least, match.cost);
        }
    }
    return least;
}

static void check_needs(const struct market *market)
{
    struct candidate candidates[MATCH_KEPT_MAX];
    uint32_t bound = 0;

    for (uint32_t need = 0; need < market->need_ids.count; need++) {
        uint32_t least = least_cost(market, need);
        if (market->needs[need].state == NEED_OPEN) {
            size_t count = match_candidates(market, &rules, need, candidates, &bound);
            ENSURE(count == 0 ? least == UINT32_MAX : candidates[0].cost == least);
        }
    }
}

static void pass_days(struct market *market)
{
    struct market_change change;
    union command command = {.tick = {.now = market->now_ms}};

    for (size_t i = 0; i < 3; i++) {
        command.tick.now =
            min_u64(command.tick.now + 400 * (uint64_t)DAY_MS, (uint64_t)DAY_MAX * DAY_MS);
        market_apply(market, KIND_TICK, &command, false, &change);
    }
    command.tick.now = (uint64_t)DAY_MAX * DAY_MS;
    market_apply(market, KIND_TICK, &command, false, &change);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes input = {data, size};
    struct market *market = NULL;

    market_open(&market);
    for (size_t i = 0; i < ROW_COUNT_MAX && input.size > 0; i++) {
        restore(market, &input);
    }
    check_needs(market);
    pass_days(market);
    check_needs(market);
    market_close(market);
    return 0;
}

static void put_rows(const struct market *market, enum market_thing thing, struct buffer *input)
{
    uint32_t count = thing == MARKET_CLOCK ? 1 : count_of(market, thing);

    for (uint32_t number = 0; number < count; number++) {
        struct buffer row = {0};
        market_save(market, thing, number, &row);
        *buffer_extend(input, 1) = (uint8_t)(thing - MARKET_PARTY);
        *buffer_extend(input, 1) = UINT8_MAX;
        fuzz_put_block(input, buffer_view(&row));
        buffer_deinit(&row);
    }
}

/* A small market, and each kind of thing that needs no other alone. */
void fuzz_seeds(const struct fuzz_sink *sink)
{
    struct market *market = NULL;
    struct buffer input = {0};

    market_open(&market);
    market_fill(market);
    for (enum market_thing thing = MARKET_PARTY; thing <= MARKET_RULE; thing++) {
        put_rows(market, thing, &input);
        fuzz_give(sink, &input);
    }
    input.size = 0;
    put_rows(market, MARKET_CLOCK, &input);
    fuzz_give(sink, &input);
    market_close(market);
    buffer_deinit(&input);
}

void fuzz_words(const struct fuzz_sink *sink)
{
    market_words(sink);
}
