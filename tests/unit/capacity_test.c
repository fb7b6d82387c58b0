/*
 * capacity_test.c - what reports make of what an offer can give.
 */
#include "core/match/capacity.h"
#include "tests/unit/market_fixture.h"

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

int main(int argc, char **argv)
{
    static const struct test_case cases[] = {
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
    };

    return run_cases(cases, COUNT_OF(cases), argc, argv);
}
