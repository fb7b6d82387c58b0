/*
 * market_fixture.h - a small market, commands for it, and its copy by rows.
 */
#ifndef TESTS_UNIT_MARKET_FIXTURE_H
#define TESTS_UNIT_MARKET_FIXTURE_H

#include "core/match/market.h"
#include "tests/harness.h"

#define DAY_ONE 18353 /* 2020-04-01 */

static inline struct bytes numbered(char text[16], char letter, uint64_t number)
{
    snprintf(text, 16, "%c%" PRIu64, letter, number);
    return bytes_from_text(text);
}

static inline enum outcome apply(struct market *market, uint16_t kind, union command command)
{
    struct market_change change;

    market_apply(market, kind, &command, false, &change);
    return change.outcome;
}

static inline enum outcome apply_quarantined(struct market *market, uint16_t kind,
                                             union command command)
{
    struct market_change change;

    market_apply(market, kind, &command, true, &change);
    return change.outcome;
}

static inline union command by_id(const char *id)
{
    return (union command){.id_command = {.id = bytes_from_text(id)}};
}

static inline union command tick_of(int32_t day)
{
    return (union command){.tick = {.now = (uint64_t)day * DAY_MS}};
}

static const struct party_put hospital = {
    .party = {.data = (const uint8_t *)"hospital", .size = 8},
    .name = {.data = (const uint8_t *)"CHU", .size = 3},
    .region = {.data = (const uint8_t *)"OCC", .size = 3},
    .country = {.data = (const uint8_t *)"FR", .size = 2},
    .roles = ROLE_REQUESTER,
    .lat = 43604700,
    .lon = 1444200,
};
static const struct product_put mask = {
    .product = {.data = (const uint8_t *)"mask", .size = 4},
    .lot = 20,
    .need_max = 1000,
    .offer_max = 5000,
};
static const struct need_put some_need = {
    .need = {.data = (const uint8_t *)"n", .size = 1},
    .party = {.data = (const uint8_t *)"hospital", .size = 8},
    .product = {.data = (const uint8_t *)"mask", .size = 4},
    .quantity = 100,
    .class_number = 1,
    .due = DAY_NONE,
    .latest = DAY_NONE,
};
static const struct offer_put some_stock = {
    .offer = {.data = (const uint8_t *)"s", .size = 1},
    .party = {.data = (const uint8_t *)"hospital", .size = 8},
    .product = {.data = (const uint8_t *)"mask", .size = 4},
    .offer_kind = OFFER_STOCK,
    .quantity = 100,
    .from = DAY_NONE,
    .to = DAY_NONE,
};
static const struct offer_put some_line = {
    .offer = {.data = (const uint8_t *)"l", .size = 1},
    .party = {.data = (const uint8_t *)"hospital", .size = 8},
    .product = {.data = (const uint8_t *)"mask", .size = 4},
    .offer_kind = OFFER_CAPACITY,
    .per_day = 10,
    .from = DAY_ONE,
    .to = DAY_ONE + 9,
};

static inline struct market *open_some(void)
{
    struct market *market;

    market_open(&market);
    EXPECT_EQ(apply(market, KIND_PARTY_PUT, (union command){.party_put = hospital}),
              OUTCOME_CREATED);
    EXPECT_EQ(apply(market, KIND_PRODUCT_PUT, (union command){.product_put = mask}),
              OUTCOME_CREATED);
    EXPECT_EQ(apply(market, KIND_NEED_PUT, (union command){.need_put = some_need}),
              OUTCOME_CREATED);
    EXPECT_EQ(apply(market, KIND_OFFER_PUT, (union command){.offer_put = some_stock}),
              OUTCOME_CREATED);
    EXPECT_EQ(apply(market, KIND_OFFER_PUT, (union command){.offer_put = some_line}),
              OUTCOME_CREATED);
    return market;
}

static inline enum outcome put_need(struct market *market, struct need_put put)
{
    return apply(market, KIND_NEED_PUT, (union command){.need_put = put});
}

static inline enum outcome put_offer(struct market *market, struct offer_put put)
{
    return apply(market, KIND_OFFER_PUT, (union command){.offer_put = put});
}

/* Of the line. */
static inline enum outcome report(struct market *market, struct capacity_put put)
{
    put.offer = bytes_from_text("l");
    put.source = put.source == 0 ? SOURCE_DECLARED : put.source;
    return apply(market, KIND_CAPACITY_PUT, (union command){.capacity_put = put});
}
static inline void copy_rows(const struct market *from, enum market_thing thing, uint32_t count,
                             struct market *to)
{
    struct buffer row = {0};

    for (uint32_t number = 0; number < count; number++) {
        row.size = 0;
        market_save(from, thing, number, &row);
        EXPECT_OK(market_restore(to, thing, number, buffer_view(&row)));
    }
    buffer_deinit(&row);
}

static inline struct market *copy(const struct market *market)
{
    struct market *restored;

    market_open(&restored);
    copy_rows(market, MARKET_PARTY, market->party_ids.count, restored);
    copy_rows(market, MARKET_PRODUCT, market->product_ids.count, restored);
    copy_rows(market, MARKET_NEED, market->need_ids.count, restored);
    copy_rows(market, MARKET_OFFER, market->offer_ids.count, restored);
    copy_rows(market, MARKET_CLOCK, 1, restored);
    copy_rows(market, MARKET_RULE, market->rule_ids.count, restored);
    return restored;
}

static inline void expect_same_rows(const struct market *left, const struct market *right,
                                    enum market_thing thing, uint32_t count)
{
    struct buffer rows[2] = {{0}, {0}};

    for (uint32_t number = 0; number < count; number++) {
        rows[0].size = 0;
        rows[1].size = 0;
        market_save(left, thing, number, &rows[0]);
        market_save(right, thing, number, &rows[1]);
        EXPECT_TRUE(bytes_equal(buffer_view(&rows[0]), buffer_view(&rows[1])));
    }
    buffer_deinit(&rows[0]);
    buffer_deinit(&rows[1]);
}

static inline void expect_same_list(const struct number_list *left, const struct number_list *right)
{
    EXPECT_EQ(left->count, right->count);
    for (size_t i = 0; i < left->count; i++) {
        EXPECT_EQ(left->items[i], right->items[i]);
    }
}

static inline void expect_same_market(const struct market *left, const struct market *right)
{
    EXPECT_EQ(left->party_ids.count, right->party_ids.count);
    EXPECT_EQ(left->product_ids.count, right->product_ids.count);
    EXPECT_EQ(left->need_ids.count, right->need_ids.count);
    EXPECT_EQ(left->offer_ids.count, right->offer_ids.count);
    expect_same_rows(left, right, MARKET_PARTY, left->party_ids.count);
    expect_same_rows(left, right, MARKET_PRODUCT, left->product_ids.count);
    expect_same_rows(left, right, MARKET_NEED, left->need_ids.count);
    expect_same_rows(left, right, MARKET_OFFER, left->offer_ids.count);
    expect_same_rows(left, right, MARKET_CLOCK, 1);
    EXPECT_EQ(left->rule_ids.count, right->rule_ids.count);
    expect_same_rows(left, right, MARKET_RULE, left->rule_ids.count);
    for (uint32_t i = 0; i < left->product_ids.count; i++) {
        expect_same_list(&left->products[i].needs, &right->products[i].needs);
        expect_same_list(&left->products[i].offers, &right->products[i].offers);
        expect_same_list(&left->products[i].substitutes, &right->products[i].substitutes);
        expect_same_list(&left->products[i].stands_in, &right->products[i].stands_in);
        expect_same_list(&left->products[i].norms, &right->products[i].norms);
    }
    for (uint32_t i = 0; i < left->offer_ids.count; i++) {
        EXPECT_EQ(left->offers[i].source, right->offers[i].source);
        EXPECT_EQ(left->offers[i].source_number, right->offers[i].source_number);
        EXPECT_EQ(left->offers[i].previous_offer, right->offers[i].previous_offer);
    }
    EXPECT_EQ(left->need_ends.count, right->need_ends.count);
    EXPECT_EQ(left->offer_ends.count, right->offer_ends.count);
    EXPECT_EQ(left->rule_turns.count, right->rule_turns.count);
}

#endif
