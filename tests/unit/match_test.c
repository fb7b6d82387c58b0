/*
 * match_test.c - rules, costs and the best offers, against a scan over all of them.
 */
#include "core/match/match.h"
#include "tests/harness.h"

#define KEPT_MAX 40
#define DAY_ONE 18353 /* 2020-04-01 */

static const struct match_rules plain = {
    .per_kilometre = 1,
    .other_region = 200,
    .other_country = 2000,
    .per_day_late = 500,
    .kept_max = 32,
};

static struct bytes numbered(char text[16], char letter, uint64_t number)
{
    snprintf(text, 16, "%c%" PRIu64, letter, number);
    return bytes_from_text(text);
}

static struct market_change apply(struct market *market, uint16_t kind, union command command)
{
    struct market_change change;

    market_apply(market, kind, &command, false, &change);
    return change;
}

static void tick(struct market *market, int32_t day)
{
    apply(market, KIND_TICK, (union command){.tick = {.now = (uint64_t)day * DAY_MS}});
}

static void put_product(struct market *market, const char *id, uint64_t lot)
{
    apply(market, KIND_PRODUCT_PUT,
          (union command){.product_put = {.product = bytes_from_text(id), .lot = lot}});
}

struct home {
    const char *region, *country;
    int32_t lat, lon;
};

static uint32_t put_party(struct market *market, struct bytes id, struct home home)
{
    return apply(market, KIND_PARTY_PUT,
                 (union command){.party_put = {.party = id,
                                               .roles = ROLE_REQUESTER | ROLE_OFFERER,
                                               .region = bytes_from_text(home.region),
                                               .country = bytes_from_text(home.country),
                                               .lat = home.lat,
                                               .lon = home.lon}})
        .number;
}

static const struct home paris = {"IDF", "FR", 48856600, 2352200};
static const struct home toulouse = {"OCC", "FR", 43604700, 1444200};
static const struct home geneva = {"GE", "CH", 46204400, 6143200};
static const struct home nowhere = {"", "", PLACE_NONE, PLACE_NONE};

/* A need of 100 masks in Paris and an offer of 1,000 in Toulouse, on DAY_ONE. */
struct pair {
    struct market *market;
    struct need_put need;
    struct offer_put offer;
};

static struct pair pair_open(void)
{
    struct pair pair = {
        .need = {.need = bytes_from_text("n"),
                 .party = bytes_from_text("hospital"),
                 .product = bytes_from_text("mask"),
                 .quantity = 100,
                 .class_number = 1,
                 .due = DAY_NONE,
                 .latest = DAY_NONE,
                 .at = TIME_NONE},
        .offer = {.offer = bytes_from_text("o"),
                  .party = bytes_from_text("workshop"),
                  .product = bytes_from_text("mask"),
                  .offer_kind = OFFER_STOCK,
                  .quantity = 1000,
                  .from = DAY_NONE,
                  .to = DAY_NONE,
                  .at = TIME_NONE},
    };

    market_open(&pair.market);
    put_party(pair.market, bytes_from_text("hospital"), paris);
    put_party(pair.market, bytes_from_text("workshop"), toulouse);
    put_product(pair.market, "mask", 20);
    put_product(pair.market, "gown", 20);
    tick(pair.market, DAY_ONE);
    return pair;
}

/* Puts both, checks them and closes the market. */
static struct match pair_check(struct pair *pair)
{
    uint32_t need =
        apply(pair->market, KIND_NEED_PUT, (union command){.need_put = pair->need}).number;
    uint32_t offer =
        apply(pair->market, KIND_OFFER_PUT, (union command){.offer_put = pair->offer}).number;
    struct match match = match_check(pair->market, &plain, need, offer);

    market_close(pair->market);
    return match;
}

static void a_pair_that_keeps_every_rule_is_possible(void)
{
    struct pair pair = pair_open();
    struct match match = pair_check(&pair);

    EXPECT_EQ(match.reason, MATCH_POSSIBLE);
    EXPECT_EQ(match.kilometres, 588);
    EXPECT_TRUE(match.other_region);
    EXPECT_TRUE(!match.other_country);
    EXPECT_EQ(match.arrival, DAY_ONE + 1);
    EXPECT_EQ(match.days_late, 0);
    EXPECT_EQ(match.cost, 588 + 200);
}

static void goods_of_each_day_arrive_later_and_cost_more_once_late(void)
{
    struct pair pair = pair_open();

    pair.need.due = DAY_ONE + 5;
    pair.need.latest = DAY_ONE + 7;
    pair.offer.offer_kind = OFFER_CAPACITY;
    pair.offer.quantity = 0;
    pair.offer.per_day = 20;
    pair.offer.from = DAY_ONE + 1;
    pair.offer.to = DAY_ONE + 30;
    pair.offer.lead_days = 2;
    apply(pair.market, KIND_NEED_PUT, (union command){.need_put = pair.need});
    apply(pair.market, KIND_OFFER_PUT, (union command){.offer_put = pair.offer});
    struct match_days days = match_days(pair.market, 0, 0);
    EXPECT_EQ(days.on_time, DAY_ONE + 2); /* 2 days of lead and 1 on the road. */
    EXPECT_EQ(days.latest, DAY_ONE + 4);
    EXPECT_EQ(match_first_day(pair.market, 0), DAY_ONE + 1);
    for (int32_t day = DAY_ONE + 1; day <= DAY_ONE + 6; day++) {
        struct match match = match_check_on(pair.market, &plain, 0, 0, day);
        uint32_t late = day > days.on_time ? (uint32_t)(day - days.on_time) : 0;
        EXPECT_EQ(match.reason, day <= days.latest ? MATCH_POSSIBLE : MATCH_TOO_LATE);
        EXPECT_EQ(match.arrival, day + 3);
        EXPECT_EQ(match.days_late, late);
        EXPECT_EQ(match.cost, 588 + 200 + 500 * late);
    }
    struct match best = match_check(pair.market, &plain, 0, 0);
    EXPECT_EQ(best.arrival, DAY_ONE + 4);
    EXPECT_EQ(best.days_late, 0);
    tick(pair.market, DAY_ONE + 3);
    EXPECT_EQ(match_first_day(pair.market, 0), DAY_ONE + 3);
    EXPECT_EQ(match_check(pair.market, &plain, 0, 0).days_late, 1);
    market_close(pair.market);
}

static void without_days_goods_of_any_day_are_on_time(void)
{
    struct pair pair = pair_open();

    apply(pair.market, KIND_NEED_PUT, (union command){.need_put = pair.need});
    apply(pair.market, KIND_OFFER_PUT, (union command){.offer_put = pair.offer});
    struct match_days days = match_days(pair.market, 0, 0);
    EXPECT_EQ(days.on_time, DAY_MAX);
    EXPECT_EQ(days.latest, DAY_MAX);
    EXPECT_EQ(match_check_on(pair.market, &plain, 0, 0, DAY_ONE + 900).cost, 588 + 200);
    pair.need.latest = DAY_ONE + 9;
    apply(pair.market, KIND_NEED_PUT, (union command){.need_put = pair.need});
    days = match_days(pair.market, 0, 0);
    EXPECT_EQ(days.on_time, DAY_ONE + 8); /* Before `latest` nothing is late. */
    EXPECT_EQ(days.latest, DAY_ONE + 8);
    market_close(pair.market);
}

static void each_rule_names_its_reason(void)
{
    static const uint64_t ended = (uint64_t)(DAY_ONE + 9) * DAY_MS;
    union command command;
    struct market_change change;

    struct pair pair = pair_open();
    command.need_put = pair.need;
    market_apply(pair.market, KIND_NEED_PUT, &command, true, &change);
    EXPECT_EQ(pair_check(&pair).reason, MATCH_NEED_NOT_OPEN);

    pair = pair_open();
    pair.offer.to = DAY_ONE + 8;
    apply(pair.market, KIND_OFFER_PUT, (union command){.offer_put = pair.offer});
    apply(pair.market, KIND_TICK, (union command){.tick = {.now = ended}});
    EXPECT_EQ(pair_check(&pair).reason, MATCH_OFFER_NOT_ACTIVE);

    pair = pair_open();
    pair.offer.product = bytes_from_text("gown");
    EXPECT_EQ(pair_check(&pair).reason, MATCH_OTHER_PRODUCT);

    pair = pair_open();
    pair.offer.quantity = 0;
    EXPECT_EQ(pair_check(&pair).reason, MATCH_NO_CAPACITY);

    pair = pair_open();
    pair.offer.quantity = 19;
    EXPECT_EQ(pair_check(&pair).reason, MATCH_LOT_UNREACHABLE);

    pair = pair_open();
    pair.need.latest = DAY_ONE;
    EXPECT_EQ(pair_check(&pair).reason, MATCH_TOO_LATE);

    pair = pair_open();
    pair.offer.party = pair.need.party;
    EXPECT_EQ(pair_check(&pair).reason, MATCH_SAME_PARTY);
}

static void every_reason_has_a_name_of_its_own(void)
{
    for (int left = MATCH_POSSIBLE; left <= MATCH_SAME_PARTY; left++) {
        for (int right = MATCH_POSSIBLE; right < left; right++) {
            EXPECT_TRUE(strcmp(match_reason_name((enum match_reason)left),
                               match_reason_name((enum match_reason)right)) != 0);
        }
    }
}

static void less_than_a_lot_is_enough_for_the_whole_need(void)
{
    struct pair pair = pair_open();
    pair.need.quantity = 7;
    pair.offer.quantity = 7;
    EXPECT_EQ(pair_check(&pair).reason, MATCH_POSSIBLE);

    pair = pair_open();
    pair.need.quantity = 8;
    pair.offer.quantity = 7;
    EXPECT_EQ(pair_check(&pair).reason, MATCH_LOT_UNREACHABLE);
}

static void a_day_late_costs_its_weight(void)
{
    struct pair pair = pair_open();
    pair.need.due = DAY_ONE;
    pair.need.latest = DAY_ONE + 6;
    pair.offer.lead_days = 2;
    pair.offer.from = DAY_ONE + 3;
    struct match match = pair_check(&pair);

    EXPECT_EQ(match.reason, MATCH_POSSIBLE);
    EXPECT_EQ(match.arrival, DAY_ONE + 6);
    EXPECT_EQ(match.days_late, 6);
    EXPECT_EQ(match.cost, 588 + 200 + 6 * 500);
}

static void another_country_costs_its_weight(void)
{
    struct pair pair = pair_open();
    put_party(pair.market, bytes_from_text("workshop"), geneva);
    struct match match = pair_check(&pair);

    EXPECT_TRUE(match.other_country);
    EXPECT_EQ(match.kilometres, 410);
    EXPECT_EQ(match.cost, 410 + 200 + 2000);
}

static void what_is_not_known_of_a_party_is_not_charged(void)
{
    struct pair pair = pair_open();
    put_party(pair.market, bytes_from_text("workshop"), nowhere);
    struct match match = pair_check(&pair);

    EXPECT_TRUE(!match.other_region);
    EXPECT_TRUE(!match.other_country);
    EXPECT_EQ(match.cost, KILOMETRES_UNKNOWN);
}

static void near_goods_arrive_on_the_day_they_leave(void)
{
    struct pair pair = pair_open();
    put_party(pair.market, bytes_from_text("workshop"), paris);
    EXPECT_EQ(pair_check(&pair).arrival, DAY_ONE);

    pair = pair_open(); /* 149.6 kilometres to the south: 150 rounded. */
    put_party(pair.market, bytes_from_text("workshop"),
              (struct home){"IDF", "FR", 48856600 - 1345400, 2352200});
    EXPECT_EQ(pair_check(&pair).arrival, DAY_ONE + 1);
}

static void goods_of_the_last_day_arrive_on_it(void)
{
    struct pair pair = pair_open();
    pair.offer.from = DAY_MAX;
    pair.offer.lead_days = LEAD_DAYS_MAX;
    struct match match = pair_check(&pair);

    EXPECT_EQ(match.reason, MATCH_POSSIBLE);
    EXPECT_EQ(match.arrival, DAY_MAX);
}

static void without_a_clock_only_an_offers_first_day_counts(void)
{
    struct pair pair = pair_open();
    struct market *later = pair.market;
    market_open(&pair.market);
    put_party(pair.market, bytes_from_text("hospital"), paris);
    put_party(pair.market, bytes_from_text("workshop"), toulouse);
    put_product(pair.market, "mask", 20);
    pair.need.latest = DAY_ONE;
    struct pair dated = {.market = later, .need = pair.need, .offer = pair.offer};
    struct match match = pair_check(&pair);
    EXPECT_EQ(match.reason, MATCH_POSSIBLE);
    EXPECT_EQ(match.arrival, DAY_NONE);

    dated.offer.from = DAY_ONE - 10;
    EXPECT_EQ(pair_check(&dated).arrival, DAY_ONE + 1);
}

static void a_cost_never_exceeds_its_limit(void)
{
    struct pair pair = pair_open();
    pair.need.due = DAY_ONE;
    pair.offer.from = DAY_MAX - 2;
    EXPECT_EQ(pair_check(&pair).cost, COST_MAX);
}

/* Candidates. */

static size_t scan(const struct market *market, const struct match_rules *rules, uint32_t need,
                   struct candidate *best, uint32_t *bound)
{
    const struct number_list *offers = &market->products[market->needs[need].product].offers;
    struct candidate *all = memory_take(offers->count + 1, sizeof *all);
    size_t count = 0;

    for (size_t i = 0; i < offers->count; i++) {
        struct match match = match_check(market, rules, need, offers->items[i]);
        if (match.reason != MATCH_POSSIBLE) {
            continue;
        }
        size_t at = count++;
        for (; at > 0 && all[at - 1].cost > match.cost; at--) {
            all[at] = all[at - 1];
        }
        all[at] = (struct candidate){.offer = offers->items[i], .cost = match.cost};
    }
    size_t kept = count < rules->kept_max ? count : rules->kept_max;
    memcpy(best, all, kept * sizeof *all);
    *bound = count > kept ? all[kept].cost : UINT32_MAX;
    free(all);
    return kept;
}

static void expect_same_as_scan(const struct market *market, const struct match_rules *rules,
                                uint32_t need)
{
    struct candidate expected[KEPT_MAX];
    struct candidate found[KEPT_MAX];
    uint32_t expected_bound = 0;
    uint32_t bound = 0;
    size_t count = scan(market, rules, need, expected, &expected_bound);

    EXPECT_EQ(match_candidates(market, rules, need, found, &bound), count);
    EXPECT_EQ(bound, expected_bound);
    for (size_t i = 0; i < count; i++) {
        EXPECT_EQ(found[i].cost, expected[i].cost);
        EXPECT_EQ(found[i].offer, expected[i].offer);
    }
}

/* Where parties live: all over the world, in France, in three towns, about the date line, at the
 * poles; some have no place. */
static struct home random_home(uint64_t *state, uint64_t world)
{
    static const struct home *const towns[] = {&paris, &toulouse, &geneva};
    static const char *const regions[] = {"", "IDF", "OCC", "NAQ", "BRE"};
    static const char *const countries[] = {"FR", "FR", "FR", "CH", ""};
    struct home home = {regions[random_below(state, 5)], countries[random_below(state, 5)], 0, 0};

    switch (world) {
    case 0:
        home.lat = (int32_t)random_below(state, 180000001) - 90000000;
        home.lon = (int32_t)random_below(state, 360000001) - 180000000;
        break;
    case 1:
        home.lat = 43000000 + (int32_t)random_below(state, 8000000);
        home.lon = -4000000 + (int32_t)random_below(state, 11000000);
        break;
    case 2:
        home = *towns[random_below(state, 3)];
        break;
    case 3:
        home.lat = (int32_t)random_below(state, 20000000) - 10000000;
        home.lon = random_below(state, 2) == 0 ? 180000000 - (int32_t)random_below(state, 5000000)
                                               : -180000000 + (int32_t)random_below(state, 5000000);
        break;
    default:
        home.lat = (int32_t)random_below(state, 2) * 180000000 - 90000000;
        home.lon = (int32_t)random_below(state, 360000001) - 180000000;
        break;
    }
    if (random_below(state, 10) == 0) {
        home.lat = PLACE_NONE;
    }
    return home;
}

static int32_t random_day(uint64_t *state)
{
    return random_below(state, 2) == 0 ? DAY_NONE : DAY_ONE + (int32_t)random_below(state, 12);
}

static void put_random_offer(struct market *market, uint64_t *state, uint64_t offers,
                             uint64_t parties)
{
    char id[16];
    char party[16];
    char product[16];
    uint64_t number = random_below(state, offers);

    apply(market, KIND_OFFER_PUT,
          (union command){.offer_put = {.offer = numbered(id, 'o', number),
                                        .party = numbered(party, 'p', number % parties),
                                        .product = numbered(product, 'm', number % 2),
                                        .offer_kind = OFFER_STOCK,
                                        .quantity = random_below(state, 60),
                                        .from = random_day(state),
                                        .to = random_day(state),
                                        .lead_days = random_below(state, 4)}});
}

static uint32_t put_random_need(struct market *market, uint64_t *state, uint64_t number,
                                uint64_t parties)
{
    char id[16];
    char party[16];
    char product[16];
    int32_t due = random_day(state);

    return apply(
               market, KIND_NEED_PUT,
               (union command){
                   .need_put = {.need = numbered(id, 'n', number),
                                .party = numbered(party, 'p', random_below(state, parties)),
                                .product = numbered(product, 'm', random_below(state, 2)),
                                .quantity = 1 + random_below(state, 40),
                                .class_number = 1,
                                .due = due,
                                .latest = due == DAY_NONE ? random_day(state)
                                                          : due + (int32_t)random_below(state, 6)}})
        .number;
}

/* Offers come, change, go and move while needs look for them. */
static void check_random_market(uint64_t seed)
{
    uint64_t state = seed;
    uint64_t world = random_below(&state, 5);
    uint64_t parties = 2 + random_below(&state, 60);
    uint64_t offers = 1 + random_below(&state, 300);
    struct match_rules rules = plain;
    struct market *market;
    char id[16];

    rules.kept_max = (uint32_t)random_below(&state, KEPT_MAX + 1);
    rules.per_day_late = (uint32_t)random_below(&state, 3) * 250;
    market_open(&market);
    put_product(market, "m0", 20);
    put_product(market, "m1", 1);
    for (uint64_t i = 0; i < parties; i++) {
        put_party(market, numbered(id, 'p', i), random_home(&state, world));
    }
    for (uint64_t step = 0; step < 600; step++) {
        uint64_t choice = random_below(&state, 40);
        if (choice == 0) {
            tick(market, DAY_ONE + (int32_t)(step / 100));
        } else if (choice < 3) {
            put_party(market, numbered(id, 'p', random_below(&state, parties)),
                      random_home(&state, world));
        } else if (choice < 5) {
            apply(market, KIND_OFFER_WITHDRAW,
                  (union command){
                      .id_command = {.id = numbered(id, 'o', random_below(&state, offers))}});
        } else if (choice < 35) {
            put_random_offer(market, &state, offers, parties);
        } else {
            expect_same_as_scan(market, &rules, put_random_need(market, &state, step, parties));
        }
    }
    market_close(market);
}

static void candidates_equal_a_scan_over_all_offers(void)
{
    for (test_seed = 1; test_seed <= 400; test_seed++) {
        check_random_market(test_seed);
    }
    test_seed = 0;
}

static void a_need_that_is_not_open_has_no_candidates(void)
{
    struct pair pair = pair_open();
    struct candidate candidates[KEPT_MAX];
    uint32_t bound = 0;
    uint32_t need =
        apply(pair.market, KIND_NEED_PUT, (union command){.need_put = pair.need}).number;

    EXPECT_EQ(match_candidates(pair.market, &plain, need, candidates, &bound), 0);
    EXPECT_EQ(bound, UINT32_MAX);
    apply(pair.market, KIND_OFFER_PUT, (union command){.offer_put = pair.offer});
    EXPECT_EQ(match_candidates(pair.market, &plain, need, candidates, &bound), 1);
    apply(pair.market, KIND_NEED_CANCEL, (union command){.id_command = {.id = pair.need.need}});
    EXPECT_EQ(match_candidates(pair.market, &plain, need, candidates, &bound), 0);
    EXPECT_EQ(bound, UINT32_MAX);
    market_close(pair.market);
}

/* The same parties, needs and offers, put in two orders, give each pair the same match. */
static void a_match_does_not_depend_on_the_order_of_arrival(void)
{
    for (test_seed = 1; test_seed <= 50; test_seed++) {
        struct market *markets[2];
        for (int backwards = 0; backwards < 2; backwards++) {
            market_open(&markets[backwards]);
            tick(markets[backwards], DAY_ONE);
            put_product(markets[backwards], backwards ? "m1" : "m0", 5);
            put_product(markets[backwards], backwards ? "m0" : "m1", 5);
            for (uint64_t step = 0; step < 60; step++) {
                uint64_t i = (backwards ? 59 - step : step) % 20;
                uint64_t state = test_seed * 1000 + i;
                char id[16];
                put_party(markets[backwards], numbered(id, 'p', i), random_home(&state, 1));
            }
            for (uint64_t step = 0; step < 20; step++) {
                uint64_t i = backwards ? 19 - step : step;
                uint64_t state = test_seed * 1000 + i;
                char text[3][16];
                struct offer_put offer = {.offer = numbered(text[0], 'o', i),
                                          .party = numbered(text[1], 'p', i),
                                          .product = numbered(text[2], 'm', i % 2),
                                          .offer_kind = OFFER_STOCK,
                                          .quantity = random_below(&state, 10),
                                          .from = random_day(&state),
                                          .to = DAY_NONE};
                apply(markets[backwards], KIND_OFFER_PUT, (union command){.offer_put = offer});
                put_random_need(markets[backwards], &state, i, 20);
            }
        }
        for (uint64_t pair = 0; pair < 400; pair++) {
            struct match match[2];
            char need[16];
            char offer[16];
            numbered(need, 'n', pair / 20);
            numbered(offer, 'o', pair % 20);
            for (int i = 0; i < 2; i++) {
                match[i] = match_check(markets[i], &plain,
                                       market_find_need(markets[i], bytes_from_text(need)),
                                       market_find_offer(markets[i], bytes_from_text(offer)));
            }
            EXPECT_EQ(match[0].reason, match[1].reason);
            EXPECT_EQ(match[0].cost, match[1].cost);
            EXPECT_EQ(match[0].arrival, match[1].arrival);
        }
        market_close(markets[0]);
        market_close(markets[1]);
    }
    test_seed = 0;
}

int main(int argc, char **argv)
{
    static const struct test_case cases[] = {
        CASE(a_pair_that_keeps_every_rule_is_possible),
        CASE(goods_of_each_day_arrive_later_and_cost_more_once_late),
        CASE(without_days_goods_of_any_day_are_on_time),
        CASE(each_rule_names_its_reason),
        CASE(every_reason_has_a_name_of_its_own),
        CASE(less_than_a_lot_is_enough_for_the_whole_need),
        CASE(a_day_late_costs_its_weight),
        CASE(another_country_costs_its_weight),
        CASE(what_is_not_known_of_a_party_is_not_charged),
        CASE(near_goods_arrive_on_the_day_they_leave),
        CASE(goods_of_the_last_day_arrive_on_it),
        CASE(without_a_clock_only_an_offers_first_day_counts),
        CASE(a_cost_never_exceeds_its_limit),
        CASE(candidates_equal_a_scan_over_all_offers),
        CASE(a_need_that_is_not_open_has_no_candidates),
        CASE(a_match_does_not_depend_on_the_order_of_arrival),
    };

    return run_cases(cases, COUNT_OF(cases), argc, argv);
}
