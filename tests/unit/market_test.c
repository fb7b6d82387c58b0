/*
 * market_test.c - what becomes of each command.
 */
#include "tests/unit/market_fixture.h"

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
        CASE(thousands_that_end_on_one_day_end_at_once),
    };

    return run_cases(cases, COUNT_OF(cases), argc, argv);
}
