/*
 * market_test.c - what becomes of each command, against a naive model that counts days one by one.
 */
#include "core/match/capacity.h"
#include "core/match/market.h"
#include "tests/harness.h"

#define DAY_ONE 18353 /* 2020-04-01 */
#define DAY_COUNT 40  /* Days that the model knows. */
#define PARTY_COUNT 4
#define PRODUCT_COUNT 3
#define THING_COUNT 8 /* Needs, and as many offers. */

static struct bytes numbered(char text[16], char letter, uint64_t number)
{
    snprintf(text, 16, "%c%" PRIu64, letter, number);
    return bytes_from_text(text);
}

static enum outcome apply(struct market *market, uint16_t kind, union command command)
{
    struct market_change change;

    market_apply(market, kind, &command, false, &change);
    return change.outcome;
}

static enum outcome apply_quarantined(struct market *market, uint16_t kind, union command command)
{
    struct market_change change;

    market_apply(market, kind, &command, true, &change);
    return change.outcome;
}

static union command by_id(const char *id)
{
    return (union command){.id_command = {.id = bytes_from_text(id)}};
}

static union command tick_of(int32_t day)
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

static struct market *open_some(void)
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

static enum outcome put_need(struct market *market, struct need_put put)
{
    return apply(market, KIND_NEED_PUT, (union command){.need_put = put});
}

static enum outcome put_offer(struct market *market, struct offer_put put)
{
    return apply(market, KIND_OFFER_PUT, (union command){.offer_put = put});
}

static void every_outcome_and_state_has_a_name_of_its_own(void)
{
    for (int left = OUTCOME_CREATED; left <= OUTCOME_PASSED_ON; left++) {
        for (int right = OUTCOME_CREATED; right < left; right++) {
            EXPECT_TRUE(
                strcmp(outcome_name((enum outcome)left), outcome_name((enum outcome)right)) != 0);
        }
    }
    for (int left = NEED_QUARANTINED; left <= NEED_EXPIRED; left++) {
        for (int right = NEED_QUARANTINED; right < left; right++) {
            EXPECT_TRUE(strcmp(need_state_name((enum need_state)left),
                               need_state_name((enum need_state)right)) != 0);
            EXPECT_TRUE(strcmp(offer_state_name((enum offer_state)left),
                               offer_state_name((enum offer_state)right)) != 0);
        }
    }
}

static void a_put_of_a_known_party_or_product_changes_it(void)
{
    struct market *market = open_some();
    struct party_put party = hospital;
    struct product_put product = mask;

    EXPECT_EQ(apply(market, KIND_PARTY_PUT, (union command){.party_put = party}),
              OUTCOME_UNCHANGED);
    party.region = bytes_from_text("NAQ");
    EXPECT_EQ(apply(market, KIND_PARTY_PUT, (union command){.party_put = party}), OUTCOME_CHANGED);
    EXPECT_TEXT(names_text(&market->texts, market->parties[0].region), "NAQ");
    EXPECT_EQ(market->parties[0].departement, NAME_NONE);
    EXPECT_EQ(apply(market, KIND_PRODUCT_PUT, (union command){.product_put = product}),
              OUTCOME_UNCHANGED);
    product.lot = 50;
    EXPECT_EQ(apply(market, KIND_PRODUCT_PUT, (union command){.product_put = product}),
              OUTCOME_CHANGED);
    EXPECT_EQ(market->products[0].lot, 50);
    EXPECT_EQ(market->products[0].needs.count, 1);
    EXPECT_EQ(market->products[0].offers.count, 2);
    market_close(market);
}

static void a_need_keeps_its_party_and_product(void)
{
    struct market *market = open_some();
    struct party_put party = hospital;
    struct product_put product = mask;
    struct need_put put = some_need;

    party.party = bytes_from_text("other");
    product.product = bytes_from_text("gown");
    apply(market, KIND_PARTY_PUT, (union command){.party_put = party});
    apply(market, KIND_PRODUCT_PUT, (union command){.product_put = product});
    put.quantity = 200;
    put.party = bytes_from_text("other");
    EXPECT_EQ(put_need(market, put), OUTCOME_CONFLICT);
    put.party = bytes_from_text("nobody");
    EXPECT_EQ(put_need(market, put), OUTCOME_UNKNOWN);
    put = some_need;
    put.product = bytes_from_text("gown");
    EXPECT_EQ(put_need(market, put), OUTCOME_CONFLICT);
    put.product = bytes_from_text("nothing");
    EXPECT_EQ(put_need(market, put), OUTCOME_UNKNOWN);
    EXPECT_EQ(market->needs[0].quantity, 100);
    EXPECT_EQ(market->need_ids.count, 1);
    market_close(market);
}

static void an_offer_keeps_its_party_product_and_kind(void)
{
    struct market *market = open_some();
    struct party_put party = hospital;
    struct offer_put put = some_stock;

    party.party = bytes_from_text("other");
    apply(market, KIND_PARTY_PUT, (union command){.party_put = party});
    put.party = party.party;
    EXPECT_EQ(put_offer(market, put), OUTCOME_CONFLICT);
    put = some_stock;
    put.offer_kind = OFFER_CAPACITY;
    EXPECT_EQ(put_offer(market, put), OUTCOME_CONFLICT);
    put.product = bytes_from_text("nothing");
    EXPECT_EQ(put_offer(market, put), OUTCOME_UNKNOWN);
    put = some_stock;
    EXPECT_EQ(put_offer(market, put), OUTCOME_UNCHANGED);
    put.quantity = 40;
    EXPECT_EQ(put_offer(market, put), OUTCOME_CHANGED);
    EXPECT_EQ(market_offer_capacity(&market->offers[0]), 40);
    market_close(market);
}

static void what_has_ended_stays_as_it_is(void)
{
    struct market *market = open_some();
    struct need_put need = some_need;

    EXPECT_EQ(apply(market, KIND_NEED_CANCEL, by_id("n")), OUTCOME_ENDED);
    need.quantity = 7;
    EXPECT_EQ(put_need(market, need), OUTCOME_STATE);
    EXPECT_EQ(put_need(market, some_need), OUTCOME_STATE);
    EXPECT_EQ(apply(market, KIND_NEED_CANCEL, by_id("n")), OUTCOME_STATE);
    EXPECT_EQ(apply(market, KIND_NEED_RELEASE, by_id("n")), OUTCOME_STATE);
    EXPECT_EQ(market->products[0].needs.count, 0);

    EXPECT_EQ(apply(market, KIND_OFFER_WITHDRAW, by_id("l")), OUTCOME_ENDED);
    EXPECT_EQ(put_offer(market, some_line), OUTCOME_STATE);
    EXPECT_EQ(apply(market, KIND_OFFER_WITHDRAW, by_id("l")), OUTCOME_STATE);
    EXPECT_EQ(apply(market, KIND_OFFER_RELEASE, by_id("l")), OUTCOME_STATE);
    EXPECT_EQ(apply(market, KIND_CAPACITY_PUT,
                    (union command){
                        .capacity_put = {.offer = bytes_from_text("l"), .source = SOURCE_ADAPTER}}),
              OUTCOME_STATE);
    EXPECT_EQ(market->products[0].offers.count, 1);
    market_close(market);
}

static void what_nobody_knows_is_unknown(void)
{
    static const uint16_t kinds[] = {KIND_NEED_CANCEL, KIND_NEED_RELEASE, KIND_OFFER_WITHDRAW,
                                     KIND_OFFER_RELEASE};
    struct market *market = open_some();

    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        EXPECT_EQ(apply(market, kinds[i], by_id("x")), OUTCOME_UNKNOWN);
    }
    EXPECT_EQ(apply(market, KIND_CAPACITY_PUT,
                    (union command){.capacity_put = {.offer = bytes_from_text("x"),
                                                     .source = SOURCE_DECLARED}}),
              OUTCOME_UNKNOWN);
    EXPECT_EQ(market_find_need(market, bytes_from_text("x")), NAME_NONE);
    EXPECT_EQ(market_find_offer(market, bytes_from_text("x")), NAME_NONE);
    EXPECT_EQ(market_find_party(market, bytes_from_text("x")), NAME_NONE);
    EXPECT_EQ(market_find_product(market, bytes_from_text("x")), NAME_NONE);
    market_close(market);
}

static void answers_are_passed_on(void)
{
    struct market *market = open_some();

    for (uint16_t kind = KIND_ASSIGNMENT_ACCEPT; kind <= KIND_ASSIGNMENT_CANCEL; kind++) {
        EXPECT_EQ(apply(market, kind, (union command){.assignment = {.assignment = 1}}),
                  OUTCOME_PASSED_ON);
    }
    market_close(market);
}

static void an_implausible_quantity_is_quarantined_until_released(void)
{
    struct market *market = open_some();
    union command need = {.need_put = some_need};
    union command offer = {.offer_put = some_line};

    need.need_put.quantity = 1001;
    EXPECT_TRUE(market_is_implausible(market, KIND_NEED_PUT, &need));
    EXPECT_EQ(apply_quarantined(market, KIND_NEED_PUT, need), OUTCOME_QUARANTINED);
    EXPECT_EQ(market->needs[0].state, NEED_QUARANTINED);
    EXPECT_EQ(market->products[0].needs.count, 0);
    EXPECT_EQ(apply_quarantined(market, KIND_NEED_PUT, need), OUTCOME_UNCHANGED);
    EXPECT_EQ(apply(market, KIND_NEED_RELEASE, by_id("n")), OUTCOME_CHANGED);
    EXPECT_EQ(apply(market, KIND_NEED_RELEASE, by_id("n")), OUTCOME_STATE);
    EXPECT_EQ(market->products[0].needs.count, 1);

    need.need_put.need = bytes_from_text("n2");
    EXPECT_EQ(apply_quarantined(market, KIND_NEED_PUT, need), OUTCOME_QUARANTINED);
    need.need_put.quantity = 1000;
    EXPECT_TRUE(!market_is_implausible(market, KIND_NEED_PUT, &need));
    EXPECT_EQ(apply(market, KIND_NEED_PUT, need), OUTCOME_CHANGED);
    EXPECT_EQ(market->needs[1].state, NEED_OPEN);

    offer.offer_put.per_day = 5001;
    EXPECT_TRUE(market_is_implausible(market, KIND_OFFER_PUT, &offer));
    EXPECT_EQ(apply_quarantined(market, KIND_OFFER_PUT, offer), OUTCOME_QUARANTINED);
    EXPECT_EQ(market->products[0].offers.count, 1);
    EXPECT_EQ(apply(market, KIND_OFFER_RELEASE, by_id("l")), OUTCOME_CHANGED);
    EXPECT_EQ(apply(market, KIND_OFFER_RELEASE, by_id("l")), OUTCOME_STATE);
    EXPECT_EQ(market->products[0].offers.count, 2);
    market_close(market);
}

static void a_product_without_limits_finds_nothing_implausible(void)
{
    struct market *market = open_some();
    struct product_put product = mask;
    union command need = {.need_put = some_need};

    product.need_max = 0;
    apply(market, KIND_PRODUCT_PUT, (union command){.product_put = product});
    need.need_put.quantity = QUANTITY_MAX;
    EXPECT_TRUE(!market_is_implausible(market, KIND_NEED_PUT, &need));
    need.need_put.product = bytes_from_text("nothing");
    EXPECT_TRUE(!market_is_implausible(market, KIND_NEED_PUT, &need));
    market_close(market);
}

static void time_never_goes_back(void)
{
    struct market *market = open_some();

    EXPECT_EQ(market->today, DAY_NONE);
    EXPECT_EQ(apply(market, KIND_TICK, tick_of(DAY_ONE)), OUTCOME_PASSED_ON);
    EXPECT_EQ(apply(market, KIND_TICK, tick_of(DAY_ONE)), OUTCOME_UNCHANGED);
    EXPECT_EQ(apply(market, KIND_TICK, tick_of(DAY_ONE - 1)), OUTCOME_UNCHANGED);
    EXPECT_EQ(market->today, DAY_ONE);
    EXPECT_EQ(market->now_ms, (uint64_t)DAY_ONE * DAY_MS);
    market_close(market);
}

static void what_comes_with_its_last_day_behind_it_ends_at_once(void)
{
    struct market *market = open_some();
    struct need_put need = some_need;
    struct offer_put offer = some_stock;
    struct market_change change;
    union command command = tick_of(DAY_ONE + 3);

    market_apply(market, KIND_TICK, &command, false, &change);
    need.need = bytes_from_text("late");
    need.latest = DAY_ONE + 2;
    command.need_put = need;
    market_apply(market, KIND_NEED_PUT, &command, true, &change);
    EXPECT_EQ(change.expired_need_count, 1);
    EXPECT_EQ(change.expired_needs[0], change.number);
    EXPECT_EQ(market->needs[change.number].state, NEED_EXPIRED);
    EXPECT_EQ(put_need(market, need), OUTCOME_STATE);

    offer.offer = bytes_from_text("late");
    offer.from = DAY_ONE;
    offer.to = DAY_ONE + 3; /* Today is not past. */
    EXPECT_EQ(put_offer(market, offer), OUTCOME_CREATED);
    uint32_t number = market_find_offer(market, offer.offer);
    EXPECT_EQ(market->offers[number].state, OFFER_ACTIVE);
    offer.to = DAY_ONE + 2;
    command.offer_put = offer;
    market_apply(market, KIND_OFFER_PUT, &command, false, &change);
    EXPECT_EQ(change.outcome, OUTCOME_CHANGED);
    EXPECT_EQ(change.expired_offer_count, 1);
    EXPECT_EQ(market->offers[number].state, OFFER_EXPIRED);
    market_close(market);
}

static void a_passed_day_ends_what_it_was_the_last_of(void)
{
    struct market *market = open_some();
    struct need_put need = some_need;
    struct market_change change;
    union command tick = tick_of(DAY_ONE + 2);

    for (int i = 0; i < 6; i++) {
        char id[16];
        need.need = numbered(id, 'x', (uint64_t)i);
        need.latest = DAY_ONE + 5 - i;
        EXPECT_EQ(put_need(market, need), OUTCOME_CREATED);
    }
    market_apply(market, KIND_TICK, &tick, false, &change);
    EXPECT_EQ(change.outcome, OUTCOME_PASSED_ON);
    EXPECT_EQ(change.expired_need_count, 2);
    EXPECT_EQ(change.expired_needs[0], 6); /* By day, then by number. */
    EXPECT_EQ(change.expired_needs[1], 5);
    EXPECT_EQ(change.expired_offer_count, 0);
    EXPECT_EQ(market->needs[6].state, NEED_EXPIRED);
    EXPECT_EQ(market->products[0].needs.count, 5);

    tick = tick_of(DAY_ONE + 10);
    market_apply(market, KIND_TICK, &tick, false, &change);
    EXPECT_EQ(change.expired_need_count, 4);
    EXPECT_EQ(change.expired_offer_count, 1);
    EXPECT_EQ(market->offers[change.expired_offers[0]].state, OFFER_EXPIRED);
    EXPECT_EQ(market->products[0].needs.count, 1);
    EXPECT_EQ(market->products[0].offers.count, 1);
    market_close(market);
}

/* Capacity. */

static enum outcome report(struct market *market, struct capacity_put put)
{
    put.offer = bytes_from_text("l");
    put.source = put.source == 0 ? SOURCE_DECLARED : put.source;
    return apply(market, KIND_CAPACITY_PUT, (union command){.capacity_put = put});
}

static uint64_t line_capacity(const struct market *market)
{
    return market_offer_capacity(&market->offers[1]);
}

static void a_report_replaces_the_rate_of_its_days(void)
{
    struct market *market = open_some();

    EXPECT_EQ(line_capacity(market), 100);
    EXPECT_EQ(report(market, (struct capacity_put){.from = DAY_ONE + 2, .to = DAY_ONE + 4}),
              OUTCOME_CHANGED);
    EXPECT_EQ(line_capacity(market), 70);
    EXPECT_EQ(
        report(market, (struct capacity_put){.from = DAY_ONE + 4, .to = DAY_NONE, .per_day = 20}),
        OUTCOME_CHANGED);
    EXPECT_EQ(line_capacity(market), 4 * 10 - 2 * 10 + 6 * 20);
    EXPECT_EQ(
        report(market, (struct capacity_put){.from = DAY_ONE + 4, .to = DAY_NONE, .per_day = 20}),
        OUTCOME_UNCHANGED);
    EXPECT_EQ(report(market, (struct capacity_put){.from = DAY_NONE, .to = DAY_NONE, .per_day = 1}),
              OUTCOME_CHANGED);
    EXPECT_EQ(line_capacity(market), 10);
    EXPECT_EQ(report(market,
                     (struct capacity_put){.from = DAY_ONE + 10, .to = DAY_ONE + 20, .per_day = 1}),
              OUTCOME_UNCHANGED);
    market_close(market);
}

static void each_day_has_its_own_capacity(void)
{
    struct market *market = open_some();
    const struct offer *line = &market->offers[1];
    uint64_t sum = 0;

    EXPECT_EQ(report(market, (struct capacity_put){.from = DAY_ONE + 2, .to = DAY_ONE + 4}),
              OUTCOME_CHANGED);
    EXPECT_EQ(
        report(market, (struct capacity_put){.from = DAY_ONE + 4, .to = DAY_ONE + 5, .per_day = 7}),
        OUTCOME_CHANGED);
    EXPECT_EQ(market_capacity_on(line, DAY_ONE - 1), 0);
    EXPECT_EQ(market_capacity_on(line, DAY_ONE), 10);
    EXPECT_EQ(market_capacity_on(line, DAY_ONE + 2), 0);
    EXPECT_EQ(market_capacity_on(line, DAY_ONE + 4), 7);
    EXPECT_EQ(market_capacity_on(line, DAY_ONE + 9), 10);
    EXPECT_EQ(market_capacity_on(line, DAY_ONE + 10), 0);
    for (int32_t day = DAY_ONE; day < DAY_ONE + 10; day++) {
        sum += market_capacity_on(line, day);
        EXPECT_EQ(market_capacity_between(line, DAY_ONE, day), sum);
    }
    EXPECT_EQ(market_capacity_between(line, DAY_ONE - 9, DAY_ONE + 99), line_capacity(market));
    EXPECT_EQ(market_capacity_between(line, DAY_ONE + 5, DAY_ONE + 4), 0);
    EXPECT_EQ(market_capacity_on(&market->offers[0], DAY_ONE + 99), 100);
    market_close(market);
}

static void an_older_report_never_overwrites_a_newer_one(void)
{
    struct market *market = open_some();
    struct capacity_put put = {.from = DAY_NONE, .to = DAY_NONE, .per_day = 5, .number = 7};

    EXPECT_EQ(report(market, put), OUTCOME_CHANGED);
    put.per_day = 6;
    EXPECT_EQ(report(market, put), OUTCOME_STALE);
    put.number = 6;
    EXPECT_EQ(report(market, put), OUTCOME_STALE);
    EXPECT_EQ(line_capacity(market), 50);
    put.source = SOURCE_OPERATOR; /* Each source has its own numbers. */
    EXPECT_EQ(report(market, put), OUTCOME_CHANGED);
    EXPECT_EQ(line_capacity(market), 60);
    EXPECT_EQ(market->offers[1].source, SOURCE_OPERATOR);
    EXPECT_EQ(market->offers[1].source_number, 6);
    put.source = SOURCE_DECLARED;
    put.number = 8;
    EXPECT_EQ(report(market, put), OUTCOME_STALE);
    market_close(market);
}

static void a_less_trusted_source_fills_only_the_days_left(void)
{
    struct market *market = open_some();

    EXPECT_EQ(report(market, (struct capacity_put){.from = DAY_ONE + 3,
                                                   .to = DAY_ONE + 5,
                                                   .per_day = 100,
                                                   .source = SOURCE_ADAPTER}),
              OUTCOME_CHANGED);
    EXPECT_EQ(report(market, (struct capacity_put){.from = DAY_ONE + 4,
                                                   .to = DAY_ONE + 5,
                                                   .per_day = 1,
                                                   .source = SOURCE_OPERATOR}),
              OUTCOME_STALE);
    EXPECT_EQ(report(market, (struct capacity_put){.from = DAY_NONE,
                                                   .to = DAY_NONE,
                                                   .per_day = 1,
                                                   .source = SOURCE_OPERATOR}),
              OUTCOME_CHANGED);
    EXPECT_EQ(line_capacity(market), 307);
    market_close(market);
}

static void a_put_drops_what_was_declared_and_keeps_what_is_trusted_more(void)
{
    struct market *market = open_some();
    struct offer_put put = some_line;

    report(market, (struct capacity_put){.from = DAY_ONE, .to = DAY_ONE, .per_day = 1});
    report(market,
           (struct capacity_put){
               .from = DAY_ONE + 1, .to = DAY_ONE + 1, .per_day = 2, .source = SOURCE_ADAPTER});
    EXPECT_EQ(line_capacity(market), 83);
    put.lead_days = 3;
    EXPECT_EQ(put_offer(market, put), OUTCOME_CHANGED);
    EXPECT_EQ(line_capacity(market), 83);
    put.per_day = 20;
    EXPECT_EQ(put_offer(market, put), OUTCOME_CHANGED);
    EXPECT_EQ(line_capacity(market), 182);
    market_close(market);
}

static void days_that_have_passed_give_nothing_at_the_next_change(void)
{
    struct market *market = open_some();
    struct offer_put put = some_line;

    apply(market, KIND_TICK, tick_of(DAY_ONE + 4));
    EXPECT_EQ(line_capacity(market), 100);
    EXPECT_EQ(report(market, (struct capacity_put){.from = DAY_ONE, .to = DAY_ONE + 3}),
              OUTCOME_UNCHANGED);
    EXPECT_EQ(
        report(market, (struct capacity_put){.from = DAY_ONE, .to = DAY_ONE + 4, .per_day = 1}),
        OUTCOME_CHANGED);
    EXPECT_EQ(line_capacity(market), 51);
    put.per_day = 20;
    EXPECT_EQ(put_offer(market, put), OUTCOME_CHANGED);
    EXPECT_EQ(line_capacity(market), 120);
    market_close(market);
}

static void a_report_sets_the_units_of_a_stock(void)
{
    struct market *market = open_some();
    union command command = {.capacity_put = {.offer = bytes_from_text("s"),
                                              .from = DAY_NONE,
                                              .to = DAY_NONE,
                                              .per_day = 33,
                                              .source = SOURCE_OPERATOR}};

    EXPECT_EQ(apply(market, KIND_CAPACITY_PUT, command), OUTCOME_CHANGED);
    EXPECT_EQ(market_offer_capacity(&market->offers[0]), 33);
    command.capacity_put.source = SOURCE_DECLARED;
    EXPECT_EQ(apply(market, KIND_CAPACITY_PUT, command), OUTCOME_STALE);
    command.capacity_put.source = SOURCE_ADAPTER;
    command.capacity_put.per_day = 0;
    EXPECT_EQ(apply(market, KIND_CAPACITY_PUT, command), OUTCOME_CHANGED);
    EXPECT_EQ(market_offer_capacity(&market->offers[0]), 0);
    market_close(market);
}

static void an_implausible_report_quarantines_its_offer(void)
{
    struct market *market = open_some();
    union command command = {.capacity_put = {.offer = bytes_from_text("l"),
                                              .from = DAY_NONE,
                                              .to = DAY_NONE,
                                              .per_day = 5001,
                                              .source = SOURCE_OPERATOR}};

    EXPECT_TRUE(market_is_implausible(market, KIND_CAPACITY_PUT, &command));
    EXPECT_EQ(apply_quarantined(market, KIND_CAPACITY_PUT, command), OUTCOME_QUARANTINED);
    EXPECT_EQ(market->offers[1].state, OFFER_QUARANTINED);
    EXPECT_EQ(market->products[0].offers.count, 1);
    market_close(market);
}

static void capacity_saturates_at_its_limit(void)
{
    struct market *market = open_some();
    struct offer_put put = some_line;

    put.per_day = QUANTITY_MAX;
    put.to = DAY_MAX;
    EXPECT_EQ(put_offer(market, put), OUTCOME_CHANGED);
    EXPECT_EQ(line_capacity(market), QUANTITY_MAX);
    put.from = DAY_NONE; /* Without a period there is no capacity. */
    EXPECT_EQ(put_offer(market, put), OUTCOME_CHANGED);
    EXPECT_EQ(line_capacity(market), 0);
    market_close(market);
}

static void an_offer_holds_so_many_reports_and_no_more(void)
{
    struct market *market = open_some();
    struct offer_put put = some_line;
    struct capacity_put one = {.per_day = 1};

    put.to = DAY_ONE + 999;
    put_offer(market, put);
    for (int32_t i = 0; i < CAPACITY_STRETCH_COUNT_MAX; i++) {
        one.from = DAY_ONE + 2 * i;
        one.to = one.from;
        EXPECT_EQ(report(market, one), OUTCOME_CHANGED);
    }
    uint64_t units = line_capacity(market);
    one.from = one.to = DAY_ONE + 500;
    EXPECT_EQ(report(market, one), OUTCOME_STATE);
    EXPECT_EQ(line_capacity(market), units);
    one.from = DAY_ONE + 1; /* Closing a gap makes room. */
    one.to = DAY_ONE + 1;
    EXPECT_EQ(report(market, one), OUTCOME_CHANGED);
    one.from = one.to = DAY_ONE + 500;
    EXPECT_EQ(report(market, one), OUTCOME_CHANGED);
    market_close(market);
}

/* Rows. */

static void copy_rows(const struct market *from, enum market_thing thing, uint32_t count,
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

static struct market *copy(const struct market *market)
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

static void expect_same_rows(const struct market *left, const struct market *right,
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

static void expect_same_list(const struct number_list *left, const struct number_list *right)
{
    EXPECT_EQ(left->count, right->count);
    for (size_t i = 0; i < left->count; i++) {
        EXPECT_EQ(left->items[i], right->items[i]);
    }
}

static void expect_same_market(const struct market *left, const struct market *right)
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

static struct market *open_with_all_rows(void)
{
    struct market *market = open_some();

    apply(market, KIND_TICK, tick_of(DAY_ONE));
    report(market, (struct capacity_put){.from = DAY_ONE, .to = DAY_ONE, .per_day = 1});
    report(market, (struct capacity_put){.from = DAY_ONE + 2,
                                         .to = DAY_ONE + 3,
                                         .per_day = 2,
                                         .source = SOURCE_ADAPTER,
                                         .number = 9});
    apply(market, KIND_NORM_PUT,
          (union command){.norm_put = {.norm = bytes_from_text("n"),
                                       .product = mask.product,
                                       .code = bytes_from_text("EN 1"),
                                       .class_number = 2,
                                       .from = DAY_ONE - 1,
                                       .to = DAY_ONE + 3}});
    return market;
}

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
    case MARKET_CLOCK:
        return 1;
    case MARKET_RULE:
        return market->rule_ids.count;
    }
    UNREACHABLE();
}

static void a_row_that_is_cut_or_too_long_is_corrupt(void)
{
    struct market *market = open_with_all_rows();
    struct buffer row = {0};

    for (int thing = MARKET_PARTY; thing <= MARKET_RULE; thing++) {
        struct market *target = copy(market);
        uint32_t number = count_of(market, (enum market_thing)thing);
        row.size = 0;
        market_save(market, (enum market_thing)thing, number - 1, &row);
        if (thing != MARKET_CLOCK) {
            row.data[3] = '~'; /* An id that is new. */
        } else {
            number = 0;
        }
        for (size_t size = 0; size < row.size; size++) {
            struct bytes cut = {.data = row.data, .size = size};
            EXPECT_STATUS(market_restore(target, (enum market_thing)thing, number, cut),
                          STATUS_CORRUPT);
        }
        buffer_append_text(&row, "!");
        EXPECT_STATUS(market_restore(target, (enum market_thing)thing, number, buffer_view(&row)),
                      STATUS_CORRUPT);
        expect_same_market(market, target);
        row.size--;
        EXPECT_OK(market_restore(target, (enum market_thing)thing, number, buffer_view(&row)));
        market_close(target);
    }
    buffer_deinit(&row);
    market_close(market);
}

/* Whatever a disk makes of a row, restoring it gives a status and no broken invariant. */
static void a_damaged_row_does_no_harm(void)
{
    struct market *market = open_with_all_rows();
    struct buffer row = {0};
    uint64_t state = 5;

    for (test_seed = 1; test_seed <= 20000; test_seed++) {
        enum market_thing thing = (enum market_thing)(1 + random_below(&state, 6));
        struct market *target;
        market_open(&target);
        for (int known = MARKET_PARTY; known < (int)thing; known++) {
            copy_rows(market, (enum market_thing)known, count_of(market, (enum market_thing)known),
                      target);
        }
        row.size = 0;
        market_save(market, thing, 0, &row);
        row.data[random_below(&state, row.size)] ^= (uint8_t)(1u << random_below(&state, 8));
        enum status status = market_restore(target, thing, 0, buffer_view(&row));
        EXPECT_TRUE(status == STATUS_OK || status == STATUS_CORRUPT);
        market_close(target);
    }
    test_seed = 0;
    buffer_deinit(&row);
    market_close(market);
}

static void rows_come_in_order_and_once(void)
{
    struct market *market = open_some();
    struct market *target;
    struct buffer row = {0};

    market_open(&target);
    market_save(market, MARKET_NEED, 0, &row);
    EXPECT_STATUS(market_restore(target, MARKET_NEED, 0, buffer_view(&row)), STATUS_CORRUPT);
    row.size = 0;
    market_save(market, MARKET_PARTY, 0, &row);
    EXPECT_STATUS(market_restore(target, MARKET_PARTY, 1, buffer_view(&row)), STATUS_CORRUPT);
    EXPECT_OK(market_restore(target, MARKET_PARTY, 0, buffer_view(&row)));
    EXPECT_STATUS(market_restore(target, MARKET_PARTY, 0, buffer_view(&row)), STATUS_CORRUPT);
    EXPECT_STATUS(market_restore(target, MARKET_PARTY, 1, buffer_view(&row)), STATUS_CORRUPT);
    buffer_deinit(&row);
    market_close(target);
    market_close(market);
}

/* The model: everything under its id's number, capacity day by day. */

struct model_need {
    bool exists;
    struct need_put put;
    uint64_t party, product;
    enum need_state state;
};

struct model_offer {
    bool exists;
    struct offer_put put;
    uint64_t party, product;
    enum offer_state state;
    uint64_t numbers[SOURCE_ADAPTER + 1];
    uint64_t rates[DAY_COUNT]; /* As reported, where there is a source. */
    uint64_t sources[DAY_COUNT];
    uint64_t capacity;
};

struct model {
    bool parties[PARTY_COUNT];
    bool products[PRODUCT_COUNT];
    struct model_need needs[THING_COUNT];
    struct model_offer offers[THING_COUNT];
    uint64_t now_ms;
    int32_t today; /* Counted from DAY_ONE; -1 before the first tick. */
};

/* Day numbers of the model; a stock's one day is the first. */
static bool counts(const struct model *model, const struct offer_put *put, int32_t day)
{
    if (put->offer_kind == OFFER_STOCK) {
        return day == 0;
    }
    return day + DAY_ONE >= put->from && day + DAY_ONE <= put->to && day >= model->today;
}

static void model_count(const struct model *model, struct model_offer *offer)
{
    offer->capacity = 0;
    for (int32_t day = 0; day < DAY_COUNT; day++) {
        uint64_t base =
            offer->put.offer_kind == OFFER_STOCK ? offer->put.quantity : offer->put.per_day;
        if (!counts(model, &offer->put, day)) {
            offer->sources[day] = 0;
            offer->rates[day] = 0;
        } else {
            offer->capacity += offer->sources[day] != 0 ? offer->rates[day] : base;
        }
    }
}

static enum outcome model_put_need(struct model *model, uint64_t id,
                                   const struct model_need *wanted, bool is_quarantined)
{
    struct model_need *known = &model->needs[id];

    if (!model->parties[wanted->party] || !model->products[wanted->product]) {
        return OUTCOME_UNKNOWN;
    }
    if (known->exists) {
        if (known->party != wanted->party || known->product != wanted->product) {
            return OUTCOME_CONFLICT;
        }
        if (known->state == NEED_CANCELLED || known->state == NEED_EXPIRED) {
            return OUTCOME_STATE;
        }
        if (known->put.quantity == wanted->put.quantity && known->put.due == wanted->put.due &&
            known->put.latest == wanted->put.latest &&
            known->put.class_number == wanted->put.class_number) {
            return OUTCOME_UNCHANGED;
        }
    }
    enum outcome outcome = is_quarantined  ? OUTCOME_QUARANTINED
                           : known->exists ? OUTCOME_CHANGED
                                           : OUTCOME_CREATED;
    *known = *wanted;
    known->exists = true;
    known->state = is_quarantined ? NEED_QUARANTINED : NEED_OPEN;
    return outcome;
}

static enum outcome model_put_offer(struct model *model, uint64_t id,
                                    const struct model_offer *wanted, bool is_quarantined)
{
    struct model_offer *known = &model->offers[id];

    if (!model->parties[wanted->party] || !model->products[wanted->product]) {
        return OUTCOME_UNKNOWN;
    }
    if (!known->exists) {
        *known = *wanted;
        known->exists = true;
        known->state = is_quarantined ? OFFER_QUARANTINED : OFFER_ACTIVE;
        model_count(model, known);
        return is_quarantined ? OUTCOME_QUARANTINED : OUTCOME_CREATED;
    }
    if (known->party != wanted->party || known->product != wanted->product ||
        known->put.offer_kind != wanted->put.offer_kind) {
        return OUTCOME_CONFLICT;
    }
    if (known->state == OFFER_WITHDRAWN || known->state == OFFER_EXPIRED) {
        return OUTCOME_STATE;
    }
    bool is_declared =
        known->put.quantity != wanted->put.quantity || known->put.per_day != wanted->put.per_day;
    if (!is_declared && known->put.from == wanted->put.from && known->put.to == wanted->put.to &&
        known->put.lead_days == wanted->put.lead_days) {
        return OUTCOME_UNCHANGED;
    }
    for (size_t day = 0; is_declared && day < DAY_COUNT; day++) {
        known->sources[day] = known->sources[day] == SOURCE_DECLARED ? 0 : known->sources[day];
    }
    known->put = wanted->put;
    known->state = is_quarantined ? OFFER_QUARANTINED : OFFER_ACTIVE;
    model_count(model, known);
    return is_quarantined ? OUTCOME_QUARANTINED : OUTCOME_CHANGED;
}

static enum outcome model_report(struct model *model, uint64_t id, const struct capacity_put *put)
{
    struct model_offer *known = &model->offers[id];
    struct model_offer wanted = *known;
    bool speaks = false;
    bool is_laid = false;

    if (!known->exists) {
        return OUTCOME_UNKNOWN;
    }
    if (known->state == OFFER_WITHDRAWN || known->state == OFFER_EXPIRED) {
        return OUTCOME_STATE;
    }
    if (put->number != 0 && put->number <= known->numbers[put->source]) {
        return OUTCOME_STALE;
    }
    for (int32_t day = 0; day < DAY_COUNT; day++) {
        bool is_stock = known->put.offer_kind == OFFER_STOCK;
        if (counts(model, &known->put, day) &&
            (is_stock || put->from == DAY_NONE || day + DAY_ONE >= put->from) &&
            (is_stock || put->to == DAY_NONE || day + DAY_ONE <= put->to)) {
            speaks = true;
            if (wanted.sources[day] <= put->source) {
                is_laid = true;
                wanted.sources[day] = put->source;
                wanted.rates[day] = put->per_day;
            }
        }
    }
    if (!is_laid) {
        return speaks ? OUTCOME_STALE : OUTCOME_UNCHANGED;
    }
    model_count(model, &wanted);
    if (put->number == 0 && wanted.capacity == known->capacity &&
        memcmp(wanted.rates, known->rates, sizeof wanted.rates) == 0 &&
        memcmp(wanted.sources, known->sources, sizeof wanted.sources) == 0) {
        return OUTCOME_UNCHANGED;
    }
    wanted.numbers[put->source] = put->number != 0 ? put->number : known->numbers[put->source];
    *known = wanted;
    return OUTCOME_CHANGED;
}

/* Whatever had its last day before today has ended. */
static void model_expire(struct model *model)
{
    for (size_t i = 0; i < THING_COUNT && model->today >= 0; i++) {
        struct model_need *need = &model->needs[i];
        struct model_offer *offer = &model->offers[i];
        if (need->exists && need->state <= NEED_OPEN && need->put.latest != DAY_NONE &&
            need->put.latest < model->today + DAY_ONE) {
            need->state = NEED_EXPIRED;
        }
        if (offer->exists && offer->state <= OFFER_ACTIVE && offer->put.to != DAY_NONE &&
            offer->put.to < model->today + DAY_ONE) {
            offer->state = OFFER_EXPIRED;
        }
    }
}

static enum outcome model_tick(struct model *model, uint64_t now)
{
    if (model->today >= 0 && now <= model->now_ms) {
        return OUTCOME_UNCHANGED;
    }
    model->now_ms = now;
    model->today = day_of(now) - DAY_ONE;
    return OUTCOME_PASSED_ON;
}

static void expect_as_in_model(const struct market *market, const struct model *model)
{
    size_t open = 0;
    size_t active = 0;

    for (uint64_t i = 0; i < THING_COUNT; i++) {
        char id[16];
        uint32_t need = market_find_need(market, numbered(id, 'n', i));
        uint32_t offer = market_find_offer(market, numbered(id, 'o', i));
        EXPECT_EQ(need != NAME_NONE, model->needs[i].exists);
        EXPECT_EQ(offer != NAME_NONE, model->offers[i].exists);
        if (need != NAME_NONE) {
            EXPECT_EQ(market->needs[need].state, model->needs[i].state);
            EXPECT_EQ(market->needs[need].quantity, model->needs[i].put.quantity);
            EXPECT_EQ(market->needs[need].latest, model->needs[i].put.latest);
            open += model->needs[i].state == NEED_OPEN;
        }
        if (offer != NAME_NONE) {
            EXPECT_EQ(market->offers[offer].state, model->offers[i].state);
            EXPECT_EQ(market->offers[offer].capacity, model->offers[i].capacity);
            active += model->offers[i].state == OFFER_ACTIVE;
        }
    }
    for (uint32_t product = 0; product < market->product_ids.count; product++) {
        const struct number_list *needs = &market->products[product].needs;
        const struct number_list *offers = &market->products[product].offers;
        for (size_t i = 0; i < needs->count; i++) {
            EXPECT_TRUE(i == 0 || needs->items[i - 1] < needs->items[i]);
            EXPECT_EQ(market->needs[needs->items[i]].state, NEED_OPEN);
            EXPECT_EQ(market->needs[needs->items[i]].product, product);
        }
        for (size_t i = 0; i < offers->count; i++) {
            EXPECT_TRUE(i == 0 || offers->items[i - 1] < offers->items[i]);
            EXPECT_EQ(market->offers[offers->items[i]].state, OFFER_ACTIVE);
            EXPECT_EQ(market->offers[offers->items[i]].product, product);
        }
        open -= needs->count;
        active -= offers->count;
    }
    EXPECT_EQ(open, 0);
    EXPECT_EQ(active, 0);
}

/* One random command to both. */

struct run {
    struct market *market;
    struct model model;
    uint64_t state;
    uint64_t reached; /* A bit for each outcome. */
};

static int32_t random_day(struct run *run)
{
    return random_below(&run->state, 4) == 0
               ? DAY_NONE
               : DAY_ONE + (int32_t)random_below(&run->state, DAY_COUNT);
}

static void expect_outcome(struct run *run, uint16_t kind, union command command,
                           bool is_quarantined, enum outcome expected)
{
    struct market_change change;

    model_expire(&run->model);
    market_apply(run->market, kind, &command, is_quarantined, &change);
    EXPECT_EQ(change.outcome, expected);
    run->reached |= (uint64_t)1 << expected;
}

static void step_things(struct run *run)
{
    uint64_t party = random_below(&run->state, PARTY_COUNT);
    uint64_t product = random_below(&run->state, PRODUCT_COUNT);
    char id[16];

    if (random_below(&run->state, 2) == 0) {
        bool is_new = !run->model.parties[party];
        run->model.parties[party] = true;
        expect_outcome(run, KIND_PARTY_PUT,
                       (union command){.party_put = {.party = numbered(id, 'p', party),
                                                     .lat = (int64_t)party * 1000000}},
                       false, is_new ? OUTCOME_CREATED : OUTCOME_UNCHANGED);
    } else {
        bool is_new = !run->model.products[product];
        run->model.products[product] = true;
        expect_outcome(run, KIND_PRODUCT_PUT,
                       (union command){.product_put = {.product = numbered(id, 'm', product)}},
                       false, is_new ? OUTCOME_CREATED : OUTCOME_UNCHANGED);
    }
}

static void step_need(struct run *run, uint64_t number, bool is_quarantined)
{
    char text[3][16];
    uint64_t other = random_below(&run->state, 10) == 0;
    struct model_need wanted = {
        .party = (number + other) % PARTY_COUNT,
        .product = number % PRODUCT_COUNT,
        .put = {.quantity = 1 + random_below(&run->state, 2),
                .class_number = 1 + random_below(&run->state, 2),
                .due = DAY_NONE,
                .latest = random_day(run)},
    };

    wanted.put.need = numbered(text[0], 'n', number);
    wanted.put.party = numbered(text[1], 'p', wanted.party);
    wanted.put.product = numbered(text[2], 'm', wanted.product);
    if (run->model.needs[number].exists && random_below(&run->state, 2) == 0) {
        wanted.put.latest = run->model.needs[number].put.latest;
    }
    expect_outcome(run, KIND_NEED_PUT, (union command){.need_put = wanted.put}, is_quarantined,
                   model_put_need(&run->model, number, &wanted, is_quarantined));
}

static void step_offer(struct run *run, uint64_t number, bool is_quarantined)
{
    char text[3][16];
    uint64_t other = random_below(&run->state, 10) == 0;
    struct model_offer wanted = {
        .party = (number + other) % PARTY_COUNT,
        .product = number % PRODUCT_COUNT,
        .put = {.offer_kind = number % 3 == 0 ? OFFER_STOCK : OFFER_CAPACITY,
                .from = random_day(run),
                .to = random_day(run),
                .lead_days = random_below(&run->state, 2)},
    };

    wanted.put.offer = numbered(text[0], 'o', number);
    wanted.put.party = numbered(text[1], 'p', wanted.party);
    wanted.put.product = numbered(text[2], 'm', wanted.product);
    if (wanted.put.offer_kind == OFFER_STOCK) {
        wanted.put.quantity = random_below(&run->state, 3);
    } else {
        wanted.put.per_day = random_below(&run->state, 3);
        wanted.put.from = wanted.put.from == DAY_NONE ? DAY_ONE : wanted.put.from;
        wanted.put.to = wanted.put.to == DAY_NONE ? DAY_ONE + DAY_COUNT - 1 : wanted.put.to;
    }
    expect_outcome(run, KIND_OFFER_PUT, (union command){.offer_put = wanted.put}, is_quarantined,
                   model_put_offer(&run->model, number, &wanted, is_quarantined));
}

static void step_report(struct run *run, uint64_t number)
{
    char id[16];
    struct capacity_put put = {
        .offer = numbered(id, 'o', number),
        .from = random_day(run),
        .to = random_day(run),
        .per_day = random_below(&run->state, 3),
        .source = SOURCE_DECLARED + random_below(&run->state, 3),
        .number = random_below(&run->state, 3) == 0 ? 1 + random_below(&run->state, 30) : 0,
    };

    expect_outcome(run, KIND_CAPACITY_PUT, (union command){.capacity_put = put}, false,
                   model_report(&run->model, number, &put));
}

static void step_need_state(struct run *run, uint64_t number, bool is_release)
{
    char id[16];
    struct model_need *need = &run->model.needs[number];
    enum outcome expected = OUTCOME_STATE;

    if (!need->exists) {
        expected = OUTCOME_UNKNOWN;
    } else if (is_release && need->state == NEED_QUARANTINED) {
        expected = OUTCOME_CHANGED;
        need->state = NEED_OPEN;
    } else if (!is_release && need->state <= NEED_OPEN) {
        expected = OUTCOME_ENDED;
        need->state = NEED_CANCELLED;
    }
    expect_outcome(run, is_release ? KIND_NEED_RELEASE : KIND_NEED_CANCEL,
                   (union command){.id_command = {.id = numbered(id, 'n', number)}}, false,
                   expected);
}

static void step_offer_state(struct run *run, uint64_t number, bool is_release)
{
    char id[16];
    struct model_offer *offer = &run->model.offers[number];
    enum outcome expected = OUTCOME_STATE;

    if (!offer->exists) {
        expected = OUTCOME_UNKNOWN;
    } else if (is_release && offer->state == OFFER_QUARANTINED) {
        expected = OUTCOME_CHANGED;
        offer->state = OFFER_ACTIVE;
    } else if (!is_release && offer->state <= OFFER_ACTIVE) {
        expected = OUTCOME_ENDED;
        offer->state = OFFER_WITHDRAWN;
    }
    expect_outcome(run, is_release ? KIND_OFFER_RELEASE : KIND_OFFER_WITHDRAW,
                   (union command){.id_command = {.id = numbered(id, 'o', number)}}, false,
                   expected);
}

static void step(struct run *run)
{
    uint64_t choice = random_below(&run->state, 100);
    uint64_t number = random_below(&run->state, THING_COUNT);
    bool is_quarantined = random_below(&run->state, 5) == 0;

    if (choice < 10) {
        step_things(run);
    } else if (choice < 30) {
        step_need(run, number, is_quarantined);
    } else if (choice < 50) {
        step_offer(run, number, is_quarantined);
    } else if (choice < 85) {
        step_report(run, number);
    } else if (choice < 90) {
        step_need_state(run, number, choice < 89);
    } else if (choice < 95) {
        step_offer_state(run, number, choice < 94);
    } else {
        uint64_t day = DAY_ONE + random_below(&run->state, 2 + run->state % DAY_COUNT) / 3;
        uint64_t now = day * DAY_MS + random_below(&run->state, DAY_MS);
        expect_outcome(run, KIND_TICK, (union command){.tick = {.now = now}}, false,
                       model_tick(&run->model, now));
    }
    expect_as_in_model(run->market, &run->model);
}

/* Now and then the market is replaced by its own copy, which must go on alike. */
static void the_market_does_what_the_model_does(void)
{
    uint64_t reached = 0;

    for (test_seed = 1; test_seed <= 300; test_seed++) {
        struct run run = {.model = {.today = -1}, .state = test_seed};
        market_open(&run.market);
        for (int i = 0; i < 300; i++) {
            step(&run);
            if (random_below(&run.state, 40) == 0) {
                struct market *restored = copy(run.market);
                expect_same_market(run.market, restored);
                market_close(run.market);
                run.market = restored;
            }
        }
        reached |= run.reached;
        market_close(run.market);
    }
    test_seed = 0;
    for (uint32_t outcome = OUTCOME_CREATED; outcome <= OUTCOME_PASSED_ON; outcome++) {
        EXPECT_TRUE(outcome == OUTCOME_FULL || (reached >> outcome & 1) == 1);
    }
}

static void thousands_that_end_on_one_day_end_at_once(void)
{
    struct market *market = open_some();
    struct need_put need = some_need;
    struct market_change change;
    union command tick = tick_of(DAY_ONE + 1);
    char id[16];

    for (uint64_t i = 0; i < 50000; i++) {
        need.need = numbered(id, 'x', i);
        need.latest = i % 2 == 0 ? DAY_ONE : DAY_ONE + 1;
        EXPECT_EQ(put_need(market, need), OUTCOME_CREATED);
    }
    market_apply(market, KIND_TICK, &tick, false, &change);
    EXPECT_EQ(change.expired_need_count, 25000);
    EXPECT_EQ(market->products[0].needs.count, 25001);
    market_close(market);
}

int main(int argc, char **argv)
{
    static const struct test_case cases[] = {
        CASE(every_outcome_and_state_has_a_name_of_its_own),
        CASE(a_put_of_a_known_party_or_product_changes_it),
        CASE(a_need_keeps_its_party_and_product),
        CASE(an_offer_keeps_its_party_product_and_kind),
        CASE(what_has_ended_stays_as_it_is),
        CASE(what_nobody_knows_is_unknown),
        CASE(answers_are_passed_on),
        CASE(an_implausible_quantity_is_quarantined_until_released),
        CASE(a_product_without_limits_finds_nothing_implausible),
        CASE(time_never_goes_back),
        CASE(a_passed_day_ends_what_it_was_the_last_of),
        CASE(what_comes_with_its_last_day_behind_it_ends_at_once),
        CASE(a_report_replaces_the_rate_of_its_days),
        CASE(each_day_has_its_own_capacity),
        CASE(an_older_report_never_overwrites_a_newer_one),
        CASE(a_less_trusted_source_fills_only_the_days_left),
        CASE(a_put_drops_what_was_declared_and_keeps_what_is_trusted_more),
        CASE(days_that_have_passed_give_nothing_at_the_next_change),
        CASE(a_report_sets_the_units_of_a_stock),
        CASE(an_implausible_report_quarantines_its_offer),
        CASE(capacity_saturates_at_its_limit),
        CASE(an_offer_holds_so_many_reports_and_no_more),
        CASE(a_row_that_is_cut_or_too_long_is_corrupt),
        CASE(a_damaged_row_does_no_harm),
        CASE(rows_come_in_order_and_once),
        CASE(the_market_does_what_the_model_does),
        CASE(thousands_that_end_on_one_day_end_at_once),
    };

    return run_cases(cases, COUNT_OF(cases), argc, argv);
}
