/*
 * market_rows_test.c - rows of what changed give the market back.
 */
#include "core/match/market_rows.h"

#include "tests/harness.h"

#define SEED_COUNT 20
#define STEP_COUNT 300
#define NAME_COUNT 12
#define ROW_COUNT_MAX 64
#define BASE 40

/* What a journal keeps: one row for each table and number. */
struct rows {
    struct buffer values[MARKET_TABLE_COUNT][ROW_COUNT_MAX];
    size_t put_count;
};

static void put_row(void *context, uint8_t table, struct bytes key, struct bytes value)
{
    struct rows *rows = context;

    EXPECT_TRUE(table > BASE && table < BASE + MARKET_TABLE_COUNT);
    EXPECT_EQ(key.size, 4);
    EXPECT_TRUE(load_u32_be(key.data) < ROW_COUNT_MAX);
    struct buffer *kept = &rows->values[table - BASE][load_u32_be(key.data)];
    kept->size = 0;
    buffer_append(kept, value.data, value.size);
    rows->put_count++;
}

static void rows_deinit(struct rows *rows)
{
    for (size_t thing = 0; thing < MARKET_TABLE_COUNT; thing++) {
        for (size_t number = 0; number < ROW_COUNT_MAX; number++) {
            buffer_deinit(&rows->values[thing][number]);
        }
    }
}

/* What a random command is made of. */
struct draw {
    char names[4][8];
    struct bytes texts[4];
    uint64_t units;
    int64_t day;
};

static void draw_parts(uint64_t *random, struct draw *draw)
{
    for (size_t i = 0; i < COUNT_OF(draw->texts); i++) {
        snprintf(draw->names[i], sizeof draw->names[i], "%u",
                 (unsigned)random_below(random, NAME_COUNT));
        draw->texts[i] = bytes_from_text(draw->names[i]);
    }
    draw->units = 1 + random_below(random, 100);
    draw->day = 18353 + (int64_t)random_below(random, 30);
}

static union command make_thing(uint16_t kind, const struct draw *draw)
{
    const struct bytes *texts = draw->texts;

    switch (kind) {
    case KIND_PARTY_PUT:
        return (union command){.party_put = {.party = texts[0],
                                             .roles = 1,
                                             .region = texts[1],
                                             .lat = PLACE_NONE,
                                             .lon = PLACE_NONE}};
    case KIND_PRODUCT_PUT:
        return (union command){.product_put = {.product = texts[0], .lot = draw->units}};
    case KIND_NEED_PUT:
        return (union command){.need_put = {.need = texts[0],
                                            .party = texts[1],
                                            .product = texts[2],
                                            .quantity = draw->units,
                                            .class_number = 1,
                                            .due = DAY_NONE,
                                            .latest = draw->day}};
    case KIND_OFFER_PUT:
        return (union command){.offer_put = {.offer = texts[0],
                                             .party = texts[1],
                                             .product = texts[2],
                                             .offer_kind = OFFER_STOCK,
                                             .quantity = draw->units,
                                             .from = DAY_NONE,
                                             .to = draw->day}};
    case KIND_CAPACITY_PUT:
        return (union command){.capacity_put = {.offer = texts[0],
                                                .from = DAY_NONE,
                                                .to = DAY_NONE,
                                                .per_day = draw->units,
                                                .source = 1 + draw->units % 3}};
    case KIND_TICK:
        return (union command){.tick = {.now = (uint64_t)(draw->day - 15) * DAY_MS}};
    default:
        return (union command){.id_command = {.id = texts[0]}};
    }
}

static union command make_rule_or_thing(uint16_t kind, const struct draw *draw)
{
    const struct bytes *texts = draw->texts;

    switch (kind) {
    case KIND_SUBSTITUTE_PUT:
        return (union command){.substitute_put = {.substitute = texts[0],
                                                  .product = texts[1],
                                                  .given = texts[2],
                                                  .rank = draw->units,
                                                  .from = draw->day,
                                                  .to = DAY_NONE}};
    case KIND_NORM_PUT:
        return (union command){.norm_put = {.norm = texts[0],
                                            .product = texts[1],
                                            .code = texts[2],
                                            .region = texts[3],
                                            .class_number = 1 + draw->units % 5,
                                            .from = DAY_NONE,
                                            .to = draw->day}};
    case KIND_CERTIFICATE_PUT:
        return (union command){.certificate_put = {.certificate = texts[0],
                                                   .party = texts[1],
                                                   .product = texts[2],
                                                   .code = texts[3],
                                                   .number = texts[0],
                                                   .state = 1 + draw->units % 2,
                                                   .from = draw->day - 9,
                                                   .to = draw->day}};
    case KIND_EXCLUSION_PUT:
        return (union command){.exclusion_put = {.exclusion = texts[0],
                                                 .party = texts[1],
                                                 .other = texts[2],
                                                 .reason = texts[3],
                                                 .from = DAY_NONE,
                                                 .to = DAY_NONE}};
    default:
        return make_thing(kind, draw);
    }
}

static uint16_t draw_kind(uint64_t *random)
{
    static const uint16_t kinds[] = {KIND_PARTY_PUT,       KIND_PRODUCT_PUT,    KIND_NEED_PUT,
                                     KIND_NEED_PUT,        KIND_OFFER_PUT,      KIND_OFFER_PUT,
                                     KIND_OFFER_WITHDRAW,  KIND_NEED_CANCEL,    KIND_TICK,
                                     KIND_CAPACITY_PUT,    KIND_SUBSTITUTE_PUT, KIND_NORM_PUT,
                                     KIND_CERTIFICATE_PUT, KIND_EXCLUSION_PUT};

    return kinds[random_below(random, COUNT_OF(kinds))];
}

static size_t count_of(const struct market *market, enum market_thing thing)
{
    const size_t counts[MARKET_TABLE_COUNT] = {
        [MARKET_PARTY] = market->party_ids.count,
        [MARKET_PRODUCT] = market->product_ids.count,
        [MARKET_NEED] = market->need_ids.count,
        [MARKET_OFFER] = market->offer_ids.count,
        [MARKET_CLOCK] = market->today == DAY_NONE ? 0 : 1,
        [MARKET_RULE] = market->rule_ids.count,
    };
    return counts[thing];
}

/* Rows put so far are those of the market, and of one made from them alone. */
static void check_rows(const struct market *market, const struct rows *rows)
{
    struct market *again = NULL;
    struct buffer row = {0};
    uint8_t key[4];

    market_open(&again);
    for (int thing = MARKET_PARTY; thing <= MARKET_RULE; thing++) {
        for (uint32_t number = 0; number < count_of(market, (enum market_thing)thing); number++) {
            store_u32_be(key, number);
            EXPECT_OK(market_rows_load(again, BASE, (uint8_t)(BASE + thing),
                                       (struct bytes){key, sizeof key},
                                       buffer_view(&rows->values[thing][number])));
        }
    }
    for (int thing = MARKET_PARTY; thing <= MARKET_RULE; thing++) {
        EXPECT_EQ(count_of(again, (enum market_thing)thing),
                  count_of(market, (enum market_thing)thing));
        for (uint32_t number = 0; number < count_of(market, (enum market_thing)thing); number++) {
            const struct buffer *kept = &rows->values[thing][number];
            row.size = 0;
            market_save(market, (enum market_thing)thing, number, &row);
            EXPECT_TRUE(bytes_equal(buffer_view(&row), buffer_view(kept)));
            row.size = 0;
            market_save(again, (enum market_thing)thing, number, &row);
            EXPECT_TRUE(bytes_equal(buffer_view(&row), buffer_view(kept)));
        }
    }
    buffer_deinit(&row);
    market_close(again);
}

static void rows_of_what_changed_give_the_market_back(void)
{
    for (test_seed = 1; test_seed <= SEED_COUNT; test_seed++) {
        struct market *market = NULL;
        struct market_rows dirty = {0};
        struct rows rows = {0};
        uint64_t random = test_seed;

        market_open(&market);
        for (size_t step = 0; step < STEP_COUNT; step++) {
            struct draw draw;
            struct market_change change;
            draw_parts(&random, &draw);
            uint16_t kind = draw_kind(&random);
            union command command = make_rule_or_thing(kind, &draw);
            market_apply(market, kind, &command, random_below(&random, 5) == 0, &change);
            market_rows_note(&dirty, kind, &change);
            if (random_below(&random, 10) == 0) {
                market_rows_save(&dirty, market, BASE, put_row, &rows);
                check_rows(market, &rows);
            }
        }
        market_close(market);
        market_rows_deinit(&dirty);
        rows_deinit(&rows);
    }
    test_seed = 0;
}

static void a_row_is_put_once_however_often_it_changed(void)
{
    struct market_rows dirty = {0};
    struct market *market = NULL;
    struct rows rows = {0};
    struct market_change change;
    union command command = {.product_put = {.product = bytes_from_text("mask")}};

    market_open(&market);
    for (uint64_t lot = 1; lot < 5; lot++) {
        command.product_put.lot = lot;
        market_apply(market, KIND_PRODUCT_PUT, &command, false, &change);
        market_rows_note(&dirty, KIND_PRODUCT_PUT, &change);
    }
    market_rows_save(&dirty, market, BASE, put_row, &rows);
    EXPECT_EQ(rows.put_count, 1);
    market_rows_save(&dirty, market, BASE, put_row, &rows);
    EXPECT_EQ(rows.put_count, 1);
    market_close(market);
    market_rows_deinit(&dirty);
    rows_deinit(&rows);
}

static void a_row_of_no_table_is_corrupt(void)
{
    static const uint8_t key[4];
    struct bytes value = {0};
    struct market *market = NULL;

    market_open(&market);
    EXPECT_STATUS(market_rows_load(market, BASE, BASE, (struct bytes){key, 4}, value),
                  STATUS_CORRUPT);
    EXPECT_STATUS(
        market_rows_load(market, BASE, BASE + MARKET_TABLE_COUNT, (struct bytes){key, 4}, value),
        STATUS_CORRUPT);
    EXPECT_STATUS(
        market_rows_load(market, BASE, BASE + MARKET_PARTY, (struct bytes){key, 3}, value),
        STATUS_CORRUPT);
    EXPECT_STATUS(
        market_rows_load(market, BASE, BASE + MARKET_PARTY, (struct bytes){key, 4}, value),
        STATUS_CORRUPT);
    market_close(market);
}

static const struct test_case cases[] = {
    CASE(rows_of_what_changed_give_the_market_back),
    CASE(a_row_is_put_once_however_often_it_changed),
    CASE(a_row_of_no_table_is_corrupt),
};

int main(int argc, char **argv)
{
    return run_cases(cases, COUNT_OF(cases), argc, argv);
}
