/*
 * rows_test.c - rows of a market, also damaged ones.
 */
#include "tests/unit/market_fixture.h"

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

int main(int argc, char **argv)
{
    static const struct test_case cases[] = {
        CASE(a_row_that_is_cut_or_too_long_is_corrupt),
        CASE(a_damaged_row_does_no_harm),
        CASE(rows_come_in_order_and_once),
    };

    return run_cases(cases, COUNT_OF(cases), argc, argv);
}
