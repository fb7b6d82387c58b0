/*
 * plan_rules_test.c - what a plan does when dated rules begin, end and change.
 */
#include "tests/unit/town.h"

#define KEPT 4
#define DAY 18353 /* 2020-04-01 */

/* A hospital (0) and two workshops; masks (0) and gowns (1). */
static void open_village(struct town *town)
{
    open_town(town, KEPT, 64);
    put_party(town, 0, (struct spot){44, 0, "NAQ"});
    put_party(town, 1, (struct spot){44, 1, "NAQ"});
    put_party(town, 2, (struct spot){44, 2, "NAQ"});
    put_product(town, 0, 1);
    put_product(town, 1, 1);
    pass_day(town, DAY);
}

static void want(struct town *town, uint64_t need, uint64_t quantity, uint64_t class_number)
{
    put_need(town, &(struct wish){.need = need,
                                  .quantity = quantity,
                                  .class_number = class_number,
                                  .due = DAY_NONE,
                                  .latest = DAY_NONE});
}

static void give(struct town *town, uint64_t offer, uint64_t party, uint64_t product)
{
    put_offer(town, &(struct gift){.offer = offer,
                                   .party = party,
                                   .product = product,
                                   .quantity = 10,
                                   .from = DAY_NONE,
                                   .to = DAY_NONE});
}

static void put_norm(struct town *town, int64_t from)
{
    tell(town, KIND_NORM_PUT,
         &(union command){.norm_put = {.norm = bytes_from_text("norm"),
                                       .product = bytes_from_text("g0"),
                                       .code = bytes_from_text("EN 14683"),
                                       .class_number = CLASS_COUNT,
                                       .from = from,
                                       .to = DAY_NONE}},
         false);
}

static void put_certificate(struct town *town, int64_t from, int64_t to,
                            enum certificate_state state)
{
    tell(town, KIND_CERTIFICATE_PUT,
         &(union command){.certificate_put = {.certificate = bytes_from_text("c"),
                                              .party = bytes_from_text("p1"),
                                              .product = bytes_from_text("g0"),
                                              .code = bytes_from_text("EN 14683"),
                                              .state = state,
                                              .from = from,
                                              .to = to}},
         false);
}

static void put_substitute(struct town *town, int64_t to)
{
    tell(town, KIND_SUBSTITUTE_PUT,
         &(union command){.substitute_put = {.substitute = bytes_from_text("s"),
                                             .product = bytes_from_text("g0"),
                                             .given = bytes_from_text("g1"),
                                             .rank = 2,
                                             .from = DAY_NONE,
                                             .to = to}},
         false);
}

static void expect(const struct town *town, uint64_t number, enum assignment_state state,
                   int64_t quantity)
{
    EXPECT_EQ(plan_assignment(town->plan, number)->state, state);
    EXPECT_EQ(plan_assignment(town->plan, number)->quantity, quantity);
}

static void accept_twice(struct town *town, uint64_t assignment, uint64_t offerer)
{
    answer(town, &(struct word){KIND_ASSIGNMENT_ACCEPT, assignment, 0, ""});
    answer(town, &(struct word){KIND_ASSIGNMENT_ACCEPT, assignment, offerer, ""});
}

static uint64_t doubted(const struct town *town)
{
    struct plan_totals totals;

    plan_totals(town->plan, &totals);
    return totals.doubted;
}

static void a_proposal_goes_when_its_certificate_does(void)
{
    struct town town;

    open_village(&town);
    put_norm(&town, DAY_NONE);
    put_certificate(&town, DAY_NONE, DAY_NONE, CERTIFICATE_VALID);
    give(&town, 0, 1, 0);
    want(&town, 0, 6, 2);
    settle(&town);
    expect(&town, 1, ASSIGNMENT_PROPOSED, 6);
    put_certificate(&town, DAY_NONE, DAY_NONE, CERTIFICATE_REVOKED);
    settle(&town);
    expect(&town, 1, ASSIGNMENT_SUPERSEDED, 6);
    EXPECT_TEXT(bytes_from_text(town.tape.last_reason), REASON_RULE_CHANGE);
    close_town(&town);
}

static void a_day_that_passes_ends_and_begins_matches(void)
{
    struct town town;

    open_village(&town);
    put_norm(&town, DAY + 3);
    put_certificate(&town, DAY + 5, DAY_NONE, CERTIFICATE_VALID);
    give(&town, 0, 1, 0);
    want(&town, 0, 6, 2);
    settle(&town);
    expect(&town, 1, ASSIGNMENT_PROPOSED, 6);
    pass_day(&town, DAY + 3);
    settle(&town);
    expect(&town, 1, ASSIGNMENT_SUPERSEDED, 6);
    pass_day(&town, DAY + 4);
    settle(&town);
    EXPECT_EQ(plan_assignment_count(town.plan), 1);
    pass_day(&town, DAY + 5);
    settle(&town);
    expect(&town, 2, ASSIGNMENT_PROPOSED, 6);
    close_town(&town);
}

static void a_substitute_stands_in_until_the_product_itself_comes(void)
{
    struct town town;

    open_village(&town);
    give(&town, 0, 1, 1);
    want(&town, 0, 6, 2);
    settle(&town);
    EXPECT_EQ(plan_assignment_count(town.plan), 0);
    put_substitute(&town, DAY_NONE);
    settle(&town);
    expect(&town, 1, ASSIGNMENT_PROPOSED, 6);
    EXPECT_EQ(plan_assignment(town.plan, 1)->cost,
              200u + plan_assignment(town.plan, 1)->kilometres);
    give(&town, 1, 2, 0); /* 80 km further away, and no substitute. */
    settle(&town);
    expect(&town, 1, ASSIGNMENT_SUPERSEDED, 6);
    expect(&town, 2, ASSIGNMENT_PROPOSED, 6);
    close_town(&town);
}

static void a_commitment_stays_and_its_parties_are_told(void)
{
    struct town town;

    open_village(&town);
    put_norm(&town, DAY_NONE);
    put_certificate(&town, DAY_NONE, DAY + 2, CERTIFICATE_VALID);
    give(&town, 0, 1, 0);
    want(&town, 0, 6, 2);
    settle(&town);
    accept_twice(&town, 1, 1);
    settle(&town);
    expect(&town, 1, ASSIGNMENT_COMMITTED, 6);
    EXPECT_EQ(doubted(&town), 0);
    pass_day(&town, DAY + 3); /* It has not left yet, and the certificate is over. */
    size_t told = town.tape.assignment_count;
    settle(&town);
    expect(&town, 1, ASSIGNMENT_COMMITTED, 6);
    EXPECT_EQ(town.tape.assignment_count, told + 1);
    EXPECT_TEXT(bytes_from_text(town.tape.last_reason), REASON_NOT_ALLOWED);
    EXPECT_EQ(town.tape.last.state, ASSIGNMENT_COMMITTED);
    EXPECT_EQ(doubted(&town), 1);
    pass_day(&town, DAY + 4);
    settle(&town);
    EXPECT_EQ(town.tape.assignment_count, told + 1); /* Once. */
    put_certificate(&town, DAY_NONE, DAY_NONE, CERTIFICATE_VALID);
    settle(&town);
    EXPECT_TEXT(bytes_from_text(town.tape.last_reason), REASON_ALLOWED_AGAIN);
    EXPECT_EQ(doubted(&town), 0);
    put_certificate(&town, DAY_NONE, DAY_NONE, CERTIFICATE_REVOKED);
    settle(&town);
    EXPECT_EQ(doubted(&town), 1);
    answer(&town, &(struct word){KIND_ASSIGNMENT_CANCEL, 1, 0, "certificate_failed"});
    settle(&town);
    expect(&town, 1, ASSIGNMENT_CANCELLED, 6);
    EXPECT_EQ(doubted(&town), 0);
    close_town(&town);
}

static void commitments_of_a_need_that_has_ended_are_told_too(void)
{
    struct town town;

    open_village(&town);
    put_norm(&town, DAY_NONE);
    put_certificate(&town, DAY_NONE, DAY_NONE, CERTIFICATE_VALID);
    give(&town, 0, 1, 0);
    want(&town, 0, 6, 2);
    settle(&town);
    accept_twice(&town, 1, 1);
    tell(&town, KIND_NEED_CANCEL,
         &(union command){.id_command = {.id = names_text(&plan_market(town.plan)->need_ids, 0)}},
         false);
    settle(&town);
    expect(&town, 1, ASSIGNMENT_COMMITTED, 6);
    put_certificate(&town, DAY_NONE, DAY_NONE, CERTIFICATE_REVOKED);
    settle(&town);
    EXPECT_TEXT(bytes_from_text(town.tape.last_reason), REASON_NOT_ALLOWED);
    EXPECT_EQ(doubted(&town), 1);
    close_town(&town);
}

/* Two units a day for eight days; the certificate begins on the fifth. What was made before does
 * not wait for it, and serves whom the norm does not protect. */
static void goods_made_before_a_certificate_do_not_wait_for_it(void)
{
    struct town town;
    struct norm_put norm = {.norm = bytes_from_text("norm"),
                            .product = bytes_from_text("g0"),
                            .code = bytes_from_text("EN 14683"),
                            .class_number = 2,
                            .from = DAY_NONE,
                            .to = DAY_NONE};

    open_village(&town);
    tell(&town, KIND_NORM_PUT, &(union command){.norm_put = norm}, false);
    put_certificate(&town, DAY + 4, DAY_NONE, CERTIFICATE_VALID);
    put_offer(&town,
              &(struct gift){.offer = 0, .party = 1, .per_day = 2, .from = DAY, .to = DAY + 7});
    want(&town, 0, 16, 1);
    settle(&town);
    expect(&town, 1, ASSIGNMENT_PROPOSED, 8);
    want(&town, 1, 16, 5);
    settle(&town);
    expect(&town, 1, ASSIGNMENT_PROPOSED, 8);
    expect(&town, 2, ASSIGNMENT_PROPOSED, 8);
    put_certificate(&town, DAY + 2, DAY_NONE, CERTIFICATE_VALID);
    settle(&town);
    expect(&town, 1, ASSIGNMENT_PROPOSED, 12);
    expect(&town, 2, ASSIGNMENT_PROPOSED, 4);
    put_certificate(&town, DAY + 2, DAY + 3, CERTIFICATE_VALID);
    settle(&town);
    expect(&town, 1, ASSIGNMENT_PROPOSED, 4);
    expect(&town, 2, ASSIGNMENT_PROPOSED, 12);
    close_town(&town);
}

int main(int argc, char **argv)
{
    static const struct test_case cases[] = {
        CASE(a_proposal_goes_when_its_certificate_does),
        CASE(a_day_that_passes_ends_and_begins_matches),
        CASE(a_substitute_stands_in_until_the_product_itself_comes),
        CASE(a_commitment_stays_and_its_parties_are_told),
        CASE(commitments_of_a_need_that_has_ended_are_told_too),
        CASE(goods_made_before_a_certificate_do_not_wait_for_it),
    };

    return run_cases(cases, COUNT_OF(cases), argc, argv);
}
