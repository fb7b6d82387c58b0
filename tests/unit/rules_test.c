/*
 * rules_test.c - dated rules: each by itself, then all at random against a naive reading of them.
 */
#include "core/match/rules.h"

#include "core/match/match.h"
#include "tests/harness.h"

#define DAY_ONE 18353 /* 2020-04-01 */
#define SEED_COUNT 150
#define STEP_COUNT 160
#define PARTY_COUNT 5
#define PRODUCT_COUNT 4
#define NEED_COUNT 10
#define OFFER_COUNT 14
#define KEPT_MAX 6

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

static struct market_change tick(struct market *market, int32_t day)
{
    return apply(market, KIND_TICK, (union command){.tick = {.now = (uint64_t)day * DAY_MS}});
}

static void put_party(struct market *market, const char *id, const char *region)
{
    apply(market, KIND_PARTY_PUT,
          (union command){.party_put = {.party = bytes_from_text(id),
                                        .roles = ROLE_REQUESTER,
                                        .region = bytes_from_text(region),
                                        .country = bytes_from_text("FR"),
                                        .lat = PLACE_NONE,
                                        .lon = PLACE_NONE}});
}

static struct market_change put_product(struct market *market, const char *id, bool recyclable)
{
    return apply(
        market, KIND_PRODUCT_PUT,
        (union command){
            .product_put = {.product = bytes_from_text(id), .lot = 1, .recyclable = recyclable}});
}

static uint32_t put_need(struct market *market, const char *id, const char *party,
                         const char *product, uint64_t class_number)
{
    return apply(market, KIND_NEED_PUT,
                 (union command){.need_put = {.need = bytes_from_text(id),
                                              .party = bytes_from_text(party),
                                              .product = bytes_from_text(product),
                                              .quantity = 10,
                                              .class_number = class_number,
                                              .due = DAY_NONE,
                                              .latest = DAY_NONE}})
        .number;
}

static uint32_t put_stock(struct market *market, const char *id, const char *party,
                          const char *product, uint64_t quantity)
{
    return apply(market, KIND_OFFER_PUT,
                 (union command){.offer_put = {.offer = bytes_from_text(id),
                                               .party = bytes_from_text(party),
                                               .product = bytes_from_text(product),
                                               .offer_kind = OFFER_STOCK,
                                               .quantity = quantity,
                                               .from = DAY_NONE,
                                               .to = DAY_NONE}})
        .number;
}

/* One need of masks by a hospital (0), a stock of them by a workshop (0) and of gowns (1). */
static struct market *open_some(void)
{
    struct market *market;

    market_open(&market);
    put_party(market, "hospital", "OCC");
    put_party(market, "workshop", "OCC");
    put_product(market, "mask", true);
    put_product(market, "gown", true);
    tick(market, DAY_ONE);
    put_need(market, "n", "hospital", "mask", 2);
    put_stock(market, "o", "workshop", "mask", 50);
    put_stock(market, "g", "workshop", "gown", 50);
    return market;
}

static struct match check(const struct market *market, uint32_t offer)
{
    struct match_rules rules = match_rules_default();
    return match_check(market, &rules, 0, offer);
}

static struct match_why why_not(const struct market *market, uint32_t offer)
{
    struct match_rules rules = match_rules_default();
    return match_why_not(market, &rules, 0, offer);
}

static struct market_change put_substitute(struct market *market, const char *id, uint64_t rank,
                                           int64_t from, int64_t to)
{
    return apply(market, KIND_SUBSTITUTE_PUT,
                 (union command){.substitute_put = {.substitute = bytes_from_text(id),
                                                    .product = bytes_from_text("mask"),
                                                    .given = bytes_from_text("gown"),
                                                    .rank = rank,
                                                    .from = from,
                                                    .to = to}});
}

static struct norm_put some_norm(void)
{
    return (struct norm_put){.norm = bytes_from_text("norm"),
                             .product = bytes_from_text("mask"),
                             .code = bytes_from_text("EN 14683"),
                             .class_number = CLASS_COUNT,
                             .from = DAY_NONE,
                             .to = DAY_NONE};
}

static struct market_change put_norm(struct market *market, struct norm_put put)
{
    return apply(market, KIND_NORM_PUT, (union command){.norm_put = put});
}

static struct market_change put_certificate(struct market *market, const char *id, int64_t from,
                                            int64_t to, enum certificate_state state)
{
    return apply(market, KIND_CERTIFICATE_PUT,
                 (union command){.certificate_put = {.certificate = bytes_from_text(id),
                                                     .party = bytes_from_text("workshop"),
                                                     .product = bytes_from_text("mask"),
                                                     .code = bytes_from_text("EN 14683"),
                                                     .state = state,
                                                     .from = from,
                                                     .to = to}});
}

static struct market_change put_exclusion(struct market *market, int64_t from, int64_t to)
{
    return apply(market, KIND_EXCLUSION_PUT,
                 (union command){.exclusion_put = {.exclusion = bytes_from_text("x"),
                                                   .party = bytes_from_text("hospital"),
                                                   .other = bytes_from_text("workshop"),
                                                   .reason = bytes_from_text("conflict"),
                                                   .from = from,
                                                   .to = to}});
}

static void a_substitute_serves_while_it_is_accepted_and_costs_its_rank(void)
{
    struct market *market = open_some();
    uint32_t plain = check(market, 0).cost;

    EXPECT_EQ(check(market, 1).reason, MATCH_OTHER_PRODUCT);
    EXPECT_EQ(why_not(market, 1).reason, MATCH_OTHER_PRODUCT);
    put_substitute(market, "s", 2, DAY_ONE + 3, DAY_ONE + 5);
    EXPECT_EQ(check(market, 1).reason, MATCH_SUBSTITUTE_NOT_IN_FORCE);
    EXPECT_EQ(why_not(market, 1).day, DAY_ONE + 3);
    EXPECT_EQ(why_not(market, 1).ended, DAY_NONE);
    for (int32_t day = DAY_ONE + 3; day <= DAY_ONE + 5; day++) {
        tick(market, day);
        EXPECT_EQ(check(market, 1).reason, MATCH_POSSIBLE);
        EXPECT_EQ(check(market, 1).rank, 2);
        EXPECT_EQ(check(market, 1).cost, plain + 200);
    }
    put_substitute(market, "t", 1, DAY_NONE, DAY_ONE + 5); /* The better of two counts. */
    EXPECT_EQ(check(market, 1).cost, plain + 100);
    tick(market, DAY_ONE + 6);
    EXPECT_EQ(check(market, 1).reason, MATCH_SUBSTITUTE_NOT_IN_FORCE);
    EXPECT_EQ(why_not(market, 1).day, DAY_NONE);
    EXPECT_EQ(why_not(market, 1).ended, DAY_ONE + 5);
    EXPECT_EQ(check(market, 0).cost, plain);
    market_close(market);
}

static void what_is_not_recyclable_costs_more_where_something_else_is(void)
{
    struct market *market = open_some();
    uint32_t plain = check(market, 0).cost;

    put_product(market, "mask", false);
    EXPECT_TRUE(!check(market, 0).not_recyclable);
    put_substitute(market, "s", 1, DAY_ONE + 1, DAY_NONE);
    EXPECT_EQ(check(market, 0).cost, plain); /* Not yet. */
    tick(market, DAY_ONE + 1);
    EXPECT_TRUE(check(market, 0).not_recyclable);
    EXPECT_EQ(check(market, 0).cost, plain + 20);
    EXPECT_EQ(check(market, 1).cost, plain + 100);
    put_product(market, "gown", false);
    EXPECT_EQ(check(market, 0).cost, plain);
    put_product(market, "mask", true);
    EXPECT_EQ(check(market, 1).cost, plain + 120);
    market_close(market);
}

static void a_norm_wants_a_certificate_that_is_valid_that_day(void)
{
    struct market *market = open_some();

    put_norm(market, some_norm());
    EXPECT_EQ(check(market, 0).reason, MATCH_CERTIFICATE_MISSING);
    EXPECT_EQ(why_not(market, 0).rule, 0);
    put_certificate(market, "c", DAY_ONE + 2, DAY_ONE + 4, CERTIFICATE_REVOKED);
    EXPECT_EQ(check(market, 0).reason, MATCH_CERTIFICATE_REVOKED);
    put_certificate(market, "c", DAY_ONE + 2, DAY_ONE + 4, CERTIFICATE_VALID);
    EXPECT_EQ(check(market, 0).reason, MATCH_CERTIFICATE_NOT_YET);
    EXPECT_EQ(why_not(market, 0).day, DAY_ONE + 2);
    tick(market, DAY_ONE + 2);
    EXPECT_EQ(check(market, 0).reason, MATCH_POSSIBLE);
    tick(market, DAY_ONE + 4);
    EXPECT_EQ(check(market, 0).reason, MATCH_POSSIBLE);
    tick(market, DAY_ONE + 5);
    EXPECT_EQ(check(market, 0).reason, MATCH_CERTIFICATE_EXPIRED);
    EXPECT_EQ(why_not(market, 0).ended, DAY_ONE + 4);
    EXPECT_EQ(why_not(market, 0).day, DAY_NONE);
    put_certificate(market, "d", DAY_NONE, DAY_NONE, CERTIFICATE_VALID);
    EXPECT_EQ(check(market, 0).reason, MATCH_POSSIBLE);
    market_close(market);
}

static void a_norm_holds_where_and_for_whom_it_says(void)
{
    struct market *market = open_some();
    struct norm_put norm = some_norm();

    norm.class_number = 1; /* The need is of class 2. */
    put_norm(market, norm);
    EXPECT_EQ(check(market, 0).reason, MATCH_POSSIBLE);
    norm.class_number = 2;
    put_norm(market, norm);
    EXPECT_EQ(check(market, 0).reason, MATCH_CERTIFICATE_MISSING);
    norm.region = bytes_from_text("NAQ");
    put_norm(market, norm);
    EXPECT_EQ(check(market, 0).reason, MATCH_POSSIBLE);
    norm.region = bytes_from_text("OCC");
    norm.country = bytes_from_text("CH");
    put_norm(market, norm);
    EXPECT_EQ(check(market, 0).reason, MATCH_POSSIBLE);
    norm.country = bytes_from_text("FR");
    put_norm(market, norm);
    EXPECT_EQ(check(market, 0).reason, MATCH_CERTIFICATE_MISSING);
    norm.to = DAY_ONE;
    put_norm(market, norm);
    tick(market, DAY_ONE + 1);
    EXPECT_EQ(check(market, 0).reason, MATCH_POSSIBLE);
    market_close(market);
}

static void parties_that_exclude_each_other_get_nothing_together(void)
{
    struct market *market = open_some();

    put_exclusion(market, DAY_ONE + 1, DAY_ONE + 2);
    EXPECT_EQ(check(market, 0).reason, MATCH_POSSIBLE);
    tick(market, DAY_ONE + 1);
    EXPECT_EQ(check(market, 0).reason, MATCH_EXCLUDED);
    EXPECT_EQ(why_not(market, 0).day, DAY_ONE + 3);
    tick(market, DAY_ONE + 3);
    EXPECT_EQ(check(market, 0).reason, MATCH_POSSIBLE);
    put_exclusion(market, DAY_NONE, DAY_NONE);
    EXPECT_EQ(check(market, 0).reason, MATCH_EXCLUDED);
    EXPECT_EQ(why_not(market, 0).day, DAY_NONE);
    market_close(market);
}

static void a_why_says_how_much_is_missing(void)
{
    struct market *market = open_some();

    EXPECT_EQ(why_not(market, 0).reason, MATCH_POSSIBLE);
    apply(market, KIND_PRODUCT_PUT,
          (union command){
              .product_put = {.product = bytes_from_text("mask"), .lot = 8, .recyclable = true}});
    put_stock(market, "o", "workshop", "mask", 5);
    EXPECT_EQ(why_not(market, 0).reason, MATCH_LOT_UNREACHABLE);
    EXPECT_EQ(why_not(market, 0).units, 3);
    apply(market, KIND_CAPACITY_PUT,
          (union command){.capacity_put = {.offer = bytes_from_text("o"),
                                           .from = DAY_NONE,
                                           .to = DAY_NONE,
                                           .source = SOURCE_DECLARED}});
    EXPECT_EQ(why_not(market, 0).reason, MATCH_NO_CAPACITY);
    EXPECT_EQ(why_not(market, 0).units, 8);
    put_stock(market, "late", "workshop", "mask", 50);
    apply(market, KIND_OFFER_PUT,
          (union command){.offer_put = {.offer = bytes_from_text("late"),
                                        .party = bytes_from_text("workshop"),
                                        .product = bytes_from_text("mask"),
                                        .offer_kind = OFFER_STOCK,
                                        .quantity = 50,
                                        .lead_days = 9,
                                        .from = DAY_NONE,
                                        .to = DAY_NONE}});
    apply(market, KIND_NEED_PUT,
          (union command){.need_put = {.need = bytes_from_text("n"),
                                       .party = bytes_from_text("hospital"),
                                       .product = bytes_from_text("mask"),
                                       .quantity = 10,
                                       .class_number = 2,
                                       .due = DAY_NONE,
                                       .latest = DAY_ONE + 6}});
    EXPECT_EQ(why_not(market, 2).reason, MATCH_TOO_LATE);
    EXPECT_EQ(why_not(market, 2).days, 4); /* Nine days of lead, one on the road. */
    market_close(market);
}

static void a_capacity_waits_for_its_first_good_day(void)
{
    struct market *market = open_some();
    struct match_rules rules = match_rules_default();

    uint32_t line = apply(market, KIND_OFFER_PUT,
                          (union command){.offer_put = {.offer = bytes_from_text("line"),
                                                        .party = bytes_from_text("workshop"),
                                                        .product = bytes_from_text("mask"),
                                                        .offer_kind = OFFER_CAPACITY,
                                                        .per_day = 5,
                                                        .from = DAY_ONE,
                                                        .to = DAY_ONE + 9}})
                        .number;
    int32_t arrival = check(market, line).arrival;
    put_norm(market, some_norm());
    put_certificate(market, "c", DAY_ONE + 4, DAY_ONE + 6, CERTIFICATE_VALID);
    EXPECT_EQ(check(market, line).reason, MATCH_POSSIBLE);
    EXPECT_EQ(check(market, line).arrival, arrival + 4);
    EXPECT_EQ(check(market, 0).reason, MATCH_CERTIFICATE_NOT_YET); /* A stock is made already. */
    EXPECT_EQ(match_check_on(market, &rules, 0, line, DAY_ONE + 3).reason,
              MATCH_CERTIFICATE_NOT_YET);
    EXPECT_EQ(match_check_on(market, &rules, 0, line, DAY_ONE + 7).reason,
              MATCH_CERTIFICATE_EXPIRED);
    EXPECT_TRUE(market_chain_is_cut(market, line, DAY_ONE + 4));
    EXPECT_TRUE(!market_chain_is_cut(market, line, DAY_ONE + 7)); /* Goods made in time may wait. */
    tick(market, DAY_ONE + 7);
    EXPECT_EQ(check(market, line).reason, MATCH_CERTIFICATE_EXPIRED);
    put_certificate(market, "c", DAY_ONE + 10, DAY_NONE, CERTIFICATE_VALID); /* A day too late. */
    EXPECT_EQ(check(market, line).reason, MATCH_CERTIFICATE_NOT_YET);
    market_close(market);
}

static void a_put_changes_a_rule_and_what_it_is_about_stays(void)
{
    struct market *market = open_some();
    struct norm_put norm = some_norm();

    EXPECT_EQ(put_norm(market, norm).outcome, OUTCOME_CREATED);
    EXPECT_EQ(put_norm(market, norm).outcome, OUTCOME_UNCHANGED);
    norm.to = DAY_ONE + 9;
    EXPECT_EQ(put_norm(market, norm).outcome, OUTCOME_CHANGED);
    EXPECT_EQ(market->rule_ids.count, 1);
    norm.code = bytes_from_text("EN 149");
    EXPECT_EQ(put_norm(market, norm).outcome, OUTCOME_CONFLICT);
    norm.product = bytes_from_text("nothing");
    EXPECT_EQ(put_norm(market, norm).outcome, OUTCOME_UNKNOWN);
    EXPECT_EQ(put_certificate(market, "norm", DAY_NONE, DAY_NONE, CERTIFICATE_VALID).outcome,
              OUTCOME_CREATED); /* The same id of another kind. */
    EXPECT_EQ(market_find_rule(market, RULE_NORM, bytes_from_text("norm")), 0);
    EXPECT_EQ(market_find_rule(market, RULE_CERTIFICATE, bytes_from_text("norm")), 1);
    EXPECT_EQ(market_find_rule(market, RULE_EXCLUSION, bytes_from_text("norm")), NAME_NONE);
    EXPECT_TRUE(bytes_equal(market_rule_id(market, 1), bytes_from_text("norm")));
    market_close(market);
}

static void a_product_or_party_with_as_many_as_it_may_have_is_full(void)
{
    struct market *market = open_some();
    char id[16];

    for (uint64_t i = 0; i < PRODUCT_NORM_MAX; i++) {
        struct norm_put norm = some_norm();
        norm.norm = numbered(id, 'r', i);
        EXPECT_EQ(put_norm(market, norm).outcome, OUTCOME_CREATED);
    }
    EXPECT_EQ(put_norm(market, some_norm()).outcome, OUTCOME_FULL);
    for (uint64_t i = 0; i < PRODUCT_GIVEN_MAX - 1; i++) {
        numbered(id, 's', i);
        EXPECT_EQ(put_substitute(market, id, 1, DAY_NONE, DAY_NONE).outcome, OUTCOME_CREATED);
    }
    EXPECT_EQ(put_substitute(market, "s", 1, DAY_NONE, DAY_NONE).outcome, OUTCOME_FULL);
    for (uint64_t i = 0; i <= PARTY_EXCLUSION_MAX; i++) {
        put_party(market, "other", "");
        union command command = {.exclusion_put = {.exclusion = numbered(id, 'x', i),
                                                   .party = bytes_from_text("other"),
                                                   .other = bytes_from_text("hospital"),
                                                   .from = DAY_NONE,
                                                   .to = DAY_NONE}};
        EXPECT_EQ(apply(market, KIND_EXCLUSION_PUT, command).outcome,
                  i < PARTY_EXCLUSION_MAX ? OUTCOME_CREATED : OUTCOME_FULL);
    }
    market_close(market);
}

static void a_product_stands_in_for_no_more_than_its_limit(void)
{
    struct market *market = open_some();
    char ids[2][16];

    for (uint64_t i = 0; i < PRODUCT_ASKED_MAX; i++) {
        numbered(ids[0], 'a', i);
        put_product(market, ids[0], true);
        union command command = {.substitute_put = {.substitute = numbered(ids[1], 's', i),
                                                    .product = bytes_from_text(ids[0]),
                                                    .given = bytes_from_text("gown"),
                                                    .rank = 1,
                                                    .from = DAY_NONE,
                                                    .to = DAY_NONE}};
        EXPECT_EQ(apply(market, KIND_SUBSTITUTE_PUT, command).outcome,
                  i < PRODUCT_ASKED_MAX - 1 ? OUTCOME_CREATED : OUTCOME_FULL);
    }
    market_close(market);
}

/* Only the needs that a rule is about. */

static void expect_affected(const struct market_change *change, size_t count, uint32_t first)
{
    EXPECT_EQ(change->affected_need_count, count);
    for (size_t i = 0; i < count && i < change->affected_need_count; i++) {
        EXPECT_EQ(change->affected_needs[i], first + i);
    }
}

static void a_change_affects_the_needs_it_is_about_and_no_other(void)
{
    struct market *market = open_some();
    struct market_change change;
    char id[16];

    put_party(market, "clinic", "NAQ");
    for (uint64_t i = 0; i < 100; i++) { /* Numbers 1 to 100. */
        put_need(market, numbered(id, 'g', i).data == NULL ? "" : id, "clinic", "gown", 3);
    }
    struct norm_put norm = some_norm();
    change = put_norm(market, norm);
    expect_affected(&change, 1, 0);
    change = put_certificate(market, "c", DAY_NONE, DAY_ONE + 2, CERTIFICATE_VALID);
    expect_affected(&change, 1, 0);
    change = put_substitute(market, "s", 1, DAY_ONE + 1, DAY_NONE);
    expect_affected(&change, 1, 0);
    change = tick(market, DAY_ONE + 1); /* The substitute begins. */
    expect_affected(&change, 1, 0);
    change = tick(market, DAY_ONE + 2);
    expect_affected(&change, 0, 0);
    change = tick(market, DAY_ONE + 3); /* The certificate is over. */
    expect_affected(&change, 1, 0);
    norm = some_norm();
    norm.norm = bytes_from_text("gowns");
    norm.product = bytes_from_text("gown");
    norm.region = bytes_from_text("NAQ");
    change = put_norm(market, norm);
    expect_affected(&change, 100, 1);
    change = put_exclusion(market, DAY_NONE, DAY_NONE);
    expect_affected(&change, 1, 0);
    change = put_product(market, "gown", false);
    expect_affected(&change, 101, 0);
    norm.norm = bytes_from_text("past");
    norm.from = DAY_ONE;
    norm.to = DAY_ONE + 1;
    change = put_norm(market, norm); /* It is over already. */
    expect_affected(&change, 0, 0);
    market_close(market);
}

/* Everything at random. */

static int64_t random_day(uint64_t *state)
{
    return random_below(state, 2) ? DAY_NONE : DAY_ONE + (int64_t)random_below(state, 14);
}

static int64_t random_end(uint64_t *state, int64_t from)
{
    return random_below(state, 2) ? DAY_NONE
                                  : max_i64(from, DAY_ONE) + (int64_t)random_below(state, 6);
}

static void put_random_rule(uint64_t *state, uint16_t *kind, union command *command,
                            char ids[4][16])
{
    static const uint16_t kinds[] = {KIND_SUBSTITUTE_PUT, KIND_NORM_PUT, KIND_CERTIFICATE_PUT,
                                     KIND_CERTIFICATE_PUT, KIND_EXCLUSION_PUT};
    static const char *const places[] = {"OCC", "NAQ", ""};
    uint64_t number = random_below(state, 14);
    int64_t from = random_day(state);
    int64_t to = random_end(state, from);
    struct bytes id = numbered(ids[0], 'r', number);
    struct bytes product = numbered(ids[1], 'm', number % PRODUCT_COUNT);
    struct bytes party = numbered(ids[2], 'p', number % PARTY_COUNT);
    struct bytes code = bytes_from_text(number % 3 == 0 ? "EN 1" : "EN 2");

    *kind = kinds[random_below(state, COUNT_OF(kinds))];
    switch (*kind) {
    case KIND_SUBSTITUTE_PUT:
        command->substitute_put = (struct substitute_put){
            .substitute = id,
            .product = product,
            .given = numbered(ids[3], 'm', (number / 2 + 1) % PRODUCT_COUNT),
            .rank = 1 + random_below(state, 4),
            .from = from,
            .to = to};
        return;
    case KIND_NORM_PUT:
        command->norm_put =
            (struct norm_put){.norm = id,
                              .product = product,
                              .code = code,
                              .region = bytes_from_text(places[random_below(state, 3)]),
                              .class_number = 1 + random_below(state, CLASS_COUNT),
                              .from = from,
                              .to = to};
        return;
    case KIND_CERTIFICATE_PUT:
        command->certificate_put = (struct certificate_put){
            .certificate = id,
            .party = party,
            .product = product,
            .code = code,
            .state = random_below(state, 5) == 0 ? CERTIFICATE_REVOKED : CERTIFICATE_VALID,
            .from = from,
            .to = to};
        return;
    default:
        command->exclusion_put =
            (struct exclusion_put){.exclusion = id,
                                   .party = party,
                                   .other = numbered(ids[3], 'p', (number * 3 + 1) % PARTY_COUNT),
                                   .from = from,
                                   .to = to};
        return;
    }
}

static void fill_market(struct market *market, uint64_t *state)
{
    static const char *const places[] = {"OCC", "NAQ", ""};
    char id[16], party[16], product[16];

    for (uint64_t i = 0; i < PARTY_COUNT; i++) {
        numbered(id, 'p', i);
        put_party(market, id, places[random_below(state, 3)]);
    }
    for (uint64_t i = 0; i < PRODUCT_COUNT; i++) {
        numbered(id, 'm', i);
        put_product(market, id, random_below(state, 2) == 0);
    }
    for (uint64_t i = 0; i < NEED_COUNT; i++) {
        numbered(id, 'n', i);
        numbered(party, 'p', random_below(state, PARTY_COUNT));
        numbered(product, 'm', random_below(state, PRODUCT_COUNT));
        put_need(market, id, party, product, 1 + random_below(state, CLASS_COUNT));
    }
}

static void put_random_offer(struct market *market, uint64_t *state)
{
    char id[16], party[16], product[16];
    uint64_t number = random_below(state, OFFER_COUNT);
    bool is_stock = number % 2 == 0;
    int64_t from = is_stock ? random_day(state) : DAY_ONE + (int64_t)random_below(state, 10);

    apply(market, KIND_OFFER_PUT,
          (union command){
              .offer_put = {.offer = numbered(id, 'o', number),
                            .party = numbered(party, 'p', number % PARTY_COUNT),
                            .product = numbered(product, 'm', number % PRODUCT_COUNT),
                            .offer_kind = is_stock ? OFFER_STOCK : OFFER_CAPACITY,
                            .quantity = is_stock ? 20 : 0,
                            .per_day = is_stock ? 0 : 5,
                            .from = from,
                            .to = is_stock ? DAY_NONE : from + (int64_t)random_below(state, 9)}});
}

/* The rules read one by one, as they are written down in the design. */
static bool naive_in_force(const struct rule *rule, int32_t day)
{
    bool has_begun = rule->from == DAY_NONE || day >= rule->from;
    bool has_not_ended = rule->to == DAY_NONE || day <= rule->to;
    return day == DAY_NONE ? !rule->is_revoked : has_begun && has_not_ended && !rule->is_revoked;
}

static bool naive_is_certified(const struct market *market, const struct rule *norm,
                               const struct offer *offer, int32_t day)
{
    for (uint32_t i = 0; i < market->rule_ids.count; i++) {
        const struct rule *rule = &market->rules[i];
        if (rule->kind == RULE_CERTIFICATE && rule->party == offer->party &&
            rule->product == offer->product && rule->code == norm->code &&
            naive_in_force(rule, day)) {
            return true;
        }
    }
    return false;
}

/* Whether the rules let goods of `day` pass, and the part of their cost that comes from rules. */
static bool naive_check(const struct market *market, const struct need *need,
                        const struct offer *offer, int32_t day, uint32_t *cost)
{
    const struct party *requester = &market->parties[need->party];
    bool is_accepted = need->product == offer->product;
    bool is_other_recyclable = market->products[need->product].recyclable;
    uint32_t rank = is_accepted ? 0 : UINT32_MAX;

    for (uint32_t i = 0; i < market->rule_ids.count; i++) {
        const struct rule *rule = &market->rules[i];
        if (!naive_in_force(rule, day)) {
            continue;
        }
        if (rule->kind == RULE_SUBSTITUTE && rule->product == need->product) {
            is_other_recyclable |= market->products[rule->given].recyclable;
            if (rule->given == offer->product && need->product != offer->product) {
                is_accepted = true;
                rank = (uint32_t)min_u64(rank, rule->rank);
            }
        }
        bool is_pair = (rule->party == need->party && rule->other == offer->party) ||
                       (rule->other == need->party && rule->party == offer->party);
        if (rule->kind == RULE_EXCLUSION && is_pair) {
            return false;
        }
        bool is_here = rule->region == NAME_NONE || rule->region == requester->region;
        if (rule->kind == RULE_NORM && rule->product == offer->product && is_here &&
            need->class_number <= rule->class_number &&
            !naive_is_certified(market, rule, offer, day)) {
            return false;
        }
    }
    bool is_dearer = !market->products[offer->product].recyclable && is_other_recyclable;
    *cost = rank * 100 + (is_dearer ? 20 : 0);
    return is_accepted;
}

static void check_pair(const struct market *market, const struct match_rules *rules, uint32_t need,
                       uint32_t offer)
{
    const struct need *asked = &market->needs[need];
    const struct offer *given = &market->offers[offer];
    int32_t first = match_first_day(market, offer);
    int32_t last = given->offer_kind == OFFER_CAPACITY ? given->to : first;
    struct match best = match_check(market, rules, need, offer);
    bool is_possible = false;
    uint32_t least = 0;
    int32_t arrival = DAY_NONE;

    for (int32_t day = first; day <= last; day++) {
        uint32_t cost = 0;
        struct match match = match_check_on(market, rules, need, offer, day);
        bool passes = naive_check(market, asked, given, day, &cost) && asked->party != given->party;
        EXPECT_EQ(match.reason == MATCH_POSSIBLE, passes);
        if (passes) {
            uint32_t region = match.other_region ? 200 : 0;
            EXPECT_EQ(match.cost, KILOMETRES_UNKNOWN + region + cost);
        }
        if (passes && (!is_possible || match.cost < least)) {
            is_possible = true;
            least = match.cost;
            arrival = match.arrival;
        }
        uint32_t ignored;
        bool was_good = day > first && naive_check(market, asked, given, day - 1, &ignored);
        if (day > first && passes && !was_good) {
            EXPECT_TRUE(market_chain_is_cut(market, offer, day));
        }
    }
    EXPECT_EQ(best.reason == MATCH_POSSIBLE, is_possible);
    if (is_possible) {
        EXPECT_EQ(best.cost, least);
        EXPECT_EQ(best.arrival, arrival);
    }
    struct match_why why = match_why_not(market, rules, need, offer);
    EXPECT_EQ(why.reason, best.reason);
}

static void check_candidates(const struct market *market, const struct match_rules *rules,
                             uint32_t need)
{
    struct candidate found[KEPT_MAX] = {0}, all[OFFER_COUNT] = {0};
    uint32_t bound = 0;
    size_t count = 0;

    for (uint32_t offer = 0; offer < market->offer_ids.count; offer++) {
        struct match match = match_check(market, rules, need, offer);
        if (match.reason != MATCH_POSSIBLE) {
            continue;
        }
        size_t at = count++;
        for (; at > 0 && all[at - 1].cost > match.cost; at--) {
            all[at] = all[at - 1];
        }
        all[at] = (struct candidate){.offer = offer, .cost = match.cost};
    }
    EXPECT_EQ(match_candidates(market, rules, need, found, &bound), min_u64(count, KEPT_MAX));
    for (size_t i = 0; i < min_u64(count, KEPT_MAX); i++) {
        EXPECT_EQ(found[i].offer, all[i].offer);
        EXPECT_EQ(found[i].cost, all[i].cost);
    }
    EXPECT_EQ(bound, count > KEPT_MAX ? all[KEPT_MAX].cost : UINT32_MAX);
}

static void keep_matches(const struct market *market, const struct match_rules *rules,
                         uint32_t costs[NEED_COUNT][OFFER_COUNT])
{
    for (uint32_t need = 0; need < market->need_ids.count; need++) {
        for (uint32_t offer = 0; offer < market->offer_ids.count; offer++) {
            struct match match = match_check(market, rules, need, offer);
            costs[need][offer] = match.reason == MATCH_POSSIBLE ? match.cost : UINT32_MAX;
        }
    }
}

/* Needs have no days, so that only rules change what a match is when a day passes. */
static void expect_affected_is_enough(const struct market *market, const struct match_rules *rules,
                                      uint32_t before[NEED_COUNT][OFFER_COUNT],
                                      const struct market_change *change)
{
    uint32_t after[NEED_COUNT][OFFER_COUNT];
    bool is_affected[NEED_COUNT] = {false};

    keep_matches(market, rules, after);
    for (size_t i = 0; i < change->affected_need_count; i++) {
        EXPECT_TRUE(i == 0 || change->affected_needs[i] > change->affected_needs[i - 1]);
        is_affected[change->affected_needs[i]] = true;
    }
    for (uint32_t need = 0; need < market->need_ids.count; need++) {
        for (uint32_t offer = 0; offer < market->offer_ids.count; offer++) {
            bool is_gone = market->offers[offer].state != OFFER_ACTIVE;
            if (!is_affected[need] && !is_gone && before[need][offer] != after[need][offer]) {
                EXPECT_EQ(after[need][offer], before[need][offer]);
            }
        }
    }
}

static void run_at_random(uint64_t seed)
{
    struct match_rules rules = match_rules_default();
    uint32_t before[NEED_COUNT][OFFER_COUNT];
    struct market *market;
    uint64_t state = seed;
    int32_t today = DAY_ONE;
    char ids[4][16];

    rules.kept_max = KEPT_MAX;
    market_open(&market);
    fill_market(market, &state);
    for (uint64_t step = 0; step < STEP_COUNT; step++) {
        uint64_t choice = random_below(&state, 12);
        union command command = {0};
        uint16_t kind = KIND_TICK;
        if (choice < 4) {
            put_random_offer(market, &state);
            continue;
        }
        if (choice == 4) {
            command.tick.now = (uint64_t)(today += (int32_t)random_below(&state, 2)) * DAY_MS;
        } else if (choice == 5) {
            kind = KIND_PRODUCT_PUT;
            command.product_put = (struct product_put){
                .product = numbered(ids[0], 'm', random_below(&state, PRODUCT_COUNT)),
                .lot = 1,
                .recyclable = random_below(&state, 2) == 0};
        } else {
            put_random_rule(&state, &kind, &command, ids);
        }
        keep_matches(market, &rules, before);
        struct market_change change = apply(market, kind, command);
        expect_affected_is_enough(market, &rules, before, &change);
        for (uint32_t need = 0; need < market->need_ids.count; need++) {
            check_candidates(market, &rules, need);
            for (uint32_t offer = 0; offer < market->offer_ids.count && step % 8 == 0; offer++) {
                if (market->offers[offer].state == OFFER_ACTIVE) {
                    check_pair(market, &rules, need, offer);
                }
            }
        }
    }
    market_close(market);
}

static void rules_at_random_are_those_of_a_naive_reading(void)
{
    for (test_seed = 1; test_seed <= SEED_COUNT; test_seed++) {
        run_at_random(test_seed);
    }
    test_seed = 0;
}

int main(int argc, char **argv)
{
    static const struct test_case cases[] = {
        CASE(a_substitute_serves_while_it_is_accepted_and_costs_its_rank),
        CASE(what_is_not_recyclable_costs_more_where_something_else_is),
        CASE(a_norm_wants_a_certificate_that_is_valid_that_day),
        CASE(a_norm_holds_where_and_for_whom_it_says),
        CASE(parties_that_exclude_each_other_get_nothing_together),
        CASE(a_why_says_how_much_is_missing),
        CASE(a_capacity_waits_for_its_first_good_day),
        CASE(a_put_changes_a_rule_and_what_it_is_about_stays),
        CASE(a_product_or_party_with_as_many_as_it_may_have_is_full),
        CASE(a_product_stands_in_for_no_more_than_its_limit),
        CASE(a_change_affects_the_needs_it_is_about_and_no_other),
        CASE(rules_at_random_are_those_of_a_naive_reading),
    };

    return run_cases(cases, COUNT_OF(cases), argc, argv);
}
