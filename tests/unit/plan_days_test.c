/*
 * plan_days_test.c - the laws of days: what is made when, what waits, what is late, what
 * commitments keep, and what passing days do.
 */
#include "tests/unit/town.h"

#define KEPT 4
#define DAY 18000
#define NEAR_COST 80 /* From party 1, in the same region. */
#define FAR_COST 436 /* From party 2, in another region and a day away. */

/* Party 0 asks; party 1 is near, party 2 a day away. */
static void open_village(struct town *town, uint32_t slot_count_max)
{
    open_town(town, KEPT, slot_count_max);
    put_party(town, 0, (struct spot){44, 0, "NAQ"});
    put_party(town, 1, (struct spot){44, 1, "NAQ"});
    put_party(town, 2, (struct spot){46, 1, "OCC"});
    put_product(town, 0, 1);
    pass_day(town, DAY);
}

static void want(struct town *town, uint64_t need, uint64_t quantity, int64_t due, int64_t latest)
{
    put_need(
        town,
        &(struct wish){
            .need = need, .quantity = quantity, .class_number = 3, .due = due, .latest = latest});
}

static void make(struct town *town, uint64_t offer, uint64_t party, uint64_t per_day, int64_t from,
                 int64_t to)
{
    put_offer(
        town,
        &(struct gift){.offer = offer, .party = party, .per_day = per_day, .from = from, .to = to});
}

/* The live assignment of a pair. */
static const struct plan_assignment *find(const struct town *town, uint32_t need, uint32_t offer)
{
    static const struct plan_assignment none;
    const struct plan_assignment *found = &none;

    for (uint64_t i = plan_next_of_need(town->plan, need, 0); i != 0;
         i = plan_next_of_need(town->plan, need, i)) {
        if (plan_assignment(town->plan, i)->offer == offer) {
            found = plan_assignment(town->plan, i);
        }
    }
    return found;
}

static void expect_share(const struct town *town, uint32_t need, uint32_t offer, int64_t units,
                         int32_t day)
{
    EXPECT_EQ(find(town, need, offer)->quantity, units);
    EXPECT_EQ(find(town, need, offer)->day, day);
}

static void accept_both(struct town *town, uint64_t assignment, uint64_t offerer)
{
    answer(town, &(struct word){KIND_ASSIGNMENT_ACCEPT, assignment, 0, ""});
    answer(town, &(struct word){KIND_ASSIGNMENT_ACCEPT, assignment, offerer, ""});
}

static uint64_t units_missed(const struct town *town)
{
    struct plan_totals totals;

    plan_totals(town->plan, &totals);
    return totals.units_missed;
}

static void a_need_gets_nothing_that_is_made_after_its_latest_day(void)
{
    struct town town;

    open_village(&town, 64);
    make(&town, 0, 1, 10, DAY, DAY + 9);
    want(&town, 0, 100, DAY + 2, DAY + 2);
    settle(&town);
    expect_share(&town, 0, 0, 30, DAY + 2);
    EXPECT_EQ(find(&town, 0, 0)->arrival, DAY + 2);
    EXPECT_EQ(find(&town, 0, 0)->cost, NEAR_COST);
    close_town(&town);
}

static void lead_days_and_transport_come_before_the_arrival(void)
{
    struct town town;

    open_village(&town, 64);
    put_offer(
        &town,
        &(struct gift){
            .offer = 0, .party = 2, .per_day = 10, .lead_days = 2, .from = DAY, .to = DAY + 9});
    want(&town, 0, 100, DAY + 5, DAY + 5);
    settle(&town);
    expect_share(&town, 0, 0, 30, DAY + 2);
    EXPECT_EQ(find(&town, 0, 0)->arrival, DAY + 5);
    EXPECT_EQ(find(&town, 0, 0)->cost, FAR_COST);
    close_town(&town);
}

static void goods_wait_for_those_who_need_them_later(void)
{
    struct town town;

    open_village(&town, 64);
    make(&town, 0, 1, 10, DAY, DAY + 9);
    want(&town, 0, 60, DAY + 5, DAY + 5);
    want(&town, 1, 10, DAY, DAY);
    settle(&town);
    expect_share(&town, 1, 0, 10, DAY);
    expect_share(&town, 0, 0, 50, DAY + 5);
    close_town(&town);
}

static void each_day_late_costs_and_is_better_than_nothing(void)
{
    struct town town;

    open_village(&town, 64);
    make(&town, 0, 1, 10, DAY, DAY + 9);
    want(&town, 0, 35, DAY, DAY + 2);
    settle(&town);
    expect_share(&town, 0, 0, 30, DAY + 2);
    EXPECT_EQ(find(&town, 0, 0)->cost, NEAR_COST + 2 * 500);
    struct flow_objective objective;
    flow_objective(plan_flow(town.plan), &objective);
    EXPECT_EQ((int64_t)objective.cost, 30 * NEAR_COST + 10 * 500 + 10 * 1000);
    close_town(&town);
}

static void what_is_dearer_and_on_time_comes_before_what_is_late(void)
{
    struct town town;

    open_village(&town, 64);
    make(&town, 0, 1, 10, DAY, DAY + 9);
    make(&town, 1, 2, 10, DAY, DAY + 9);
    want(&town, 0, 40, DAY + 1, DAY + 9);
    settle(&town);
    expect_share(&town, 0, 0, 30, DAY + 2); /* One day late it costs 580, */
    expect_share(&town, 0, 1, 10, DAY);     /* the other 436 on time and 936 late. */
    close_town(&town);
}

static void a_need_without_a_day_leaves_early_days_to_others(void)
{
    struct town town;

    open_village(&town, 64);
    make(&town, 0, 1, 10, DAY, DAY + 9);
    want(&town, 0, 90, DAY_NONE, DAY_NONE);
    want(&town, 1, 10, DAY, DAY);
    settle(&town);
    expect_share(&town, 0, 0, 90, DAY + 9);
    expect_share(&town, 1, 0, 10, DAY);
    close_town(&town);
}

static void days_beyond_the_slots_are_one(void)
{
    struct town town;

    open_village(&town, 4);
    make(&town, 0, 1, 10, DAY, DAY + 9);
    EXPECT_EQ(plan_slot_count(town.plan, 0), 4);
    want(&town, 0, 100, DAY + 5, DAY + 5);
    settle(&town);
    EXPECT_EQ(plan_slot_count(town.plan, 0), 4);
    EXPECT_EQ(plan_slot(town.plan, 0, 3).first, DAY + 3);
    EXPECT_EQ(plan_slot(town.plan, 0, 3).last, DAY + 9);
    EXPECT_EQ(plan_slot(town.plan, 0, 3).capacity, 70);
    expect_share(&town, 0, 0, 30, DAY + 2); /* The last that is told apart. */
    pass_day(&town, DAY + 2);
    settle(&town);
    expect_share(&town, 0, 0, 30, DAY + 4); /* Days 2, 3, 4. */
    pass_day(&town, DAY + 3);
    settle(&town);
    expect_share(&town, 0, 0, 30, DAY + 5);
    pass_day(&town, DAY + 5);
    settle(&town);
    expect_share(&town, 0, 0, 10, DAY + 5);
    EXPECT_TEXT(bytes_from_text(town.tape.last_reason), REASON_DAY);
    pass_day(&town, DAY + 6);
    settle(&town);
    EXPECT_EQ(find(&town, 0, 0)->state, 0);
    EXPECT_EQ(plan_assignment(town.plan, 1)->state, ASSIGNMENT_SUPERSEDED);
    close_town(&town);
}

static void a_longer_offer_gets_more_slots(void)
{
    struct town town;

    open_village(&town, 64);
    make(&town, 0, 1, 10, DAY, DAY + 1);
    want(&town, 0, 100, DAY + 4, DAY + 4);
    settle(&town);
    expect_share(&town, 0, 0, 20, DAY + 1);
    make(&town, 0, 1, 10, DAY, DAY + 9);
    settle(&town);
    expect_share(&town, 0, 0, 50, DAY + 4);
    EXPECT_EQ(plan_slot_count(town.plan, 0), 10);
    make(&town, 0, 1, 10, DAY + 3, DAY + 9);
    settle(&town);
    expect_share(&town, 0, 0, 20, DAY + 4);
    close_town(&town);
}

static void a_report_about_one_day_changes_that_day(void)
{
    struct town town;

    open_village(&town, 64);
    make(&town, 0, 1, 10, DAY, DAY + 9);
    want(&town, 0, 100, DAY + 1, DAY + 1);
    settle(&town);
    expect_share(&town, 0, 0, 20, DAY + 1);
    put_capacity_of(&town, 0, DAY + 2, DAY + 2, 99);
    settle(&town);
    expect_share(&town, 0, 0, 20, DAY + 1);
    put_capacity_of(&town, 0, DAY + 1, DAY + 1, 4);
    settle(&town);
    expect_share(&town, 0, 0, 14, DAY + 1);
    EXPECT_TEXT(bytes_from_text(town.tape.last_reason), REASON_CAPACITY_DROP);
    close_town(&town);
}

static void commitments_are_made_as_late_as_they_may(void)
{
    struct town town;

    open_village(&town, 64);
    make(&town, 0, 1, 10, DAY, DAY + 9);
    want(&town, 0, 15, DAY + 3, DAY + 3);
    settle(&town);
    accept_both(&town, 1, 1);
    settle(&town);
    EXPECT_EQ(plan_slot(town.plan, 0, 0).capacity, 10);
    EXPECT_EQ(plan_slot(town.plan, 0, 1).capacity, 10);
    EXPECT_EQ(plan_slot(town.plan, 0, 2).capacity, 5);
    EXPECT_EQ(plan_slot(town.plan, 0, 3).capacity, 0);
    want(&town, 1, 99, DAY + 1, DAY + 1);
    settle(&town);
    expect_share(&town, 1, 0, 20, DAY + 1);
    close_town(&town);
}

/* A day that nobody uses makes what was committed, and frees the days that were kept for it. */
static void a_day_that_passes_makes_what_is_committed(void)
{
    struct town town;

    open_village(&town, 64);
    make(&town, 0, 1, 10, DAY, DAY + 9);
    want(&town, 0, 15, DAY + 3, DAY + 3);
    settle(&town);
    accept_both(&town, 1, 1);
    settle(&town);
    pass_day(&town, DAY + 1);
    settle(&town);
    EXPECT_EQ(plan_assignment(town.plan, 1)->to_make, 5);
    EXPECT_EQ(plan_slot(town.plan, 0, 2).last, DAY + 3);
    EXPECT_EQ(plan_slot(town.plan, 0, 2).capacity, 5);
    pass_day(&town, DAY + 2);
    settle(&town);
    EXPECT_EQ(plan_assignment(town.plan, 1)->to_make, 0);
    want(&town, 1, 99, DAY + 3, DAY + 3);
    settle(&town);
    expect_share(&town, 1, 0, 20, DAY + 3);
    EXPECT_EQ(units_missed(&town), 0);
    close_town(&town);
}

static void commitments_that_no_longer_fit_stay_and_are_told(void)
{
    struct town town;

    open_village(&town, 64);
    make(&town, 0, 1, 10, DAY, DAY + 9);
    want(&town, 0, 30, DAY + 3, DAY + 3);
    settle(&town);
    accept_both(&town, 1, 1);
    want(&town, 1, 99, DAY + 4, DAY + 4);
    settle(&town);
    expect_share(&town, 1, 0, 20, DAY + 4);
    put_capacity_of(&town, 0, DAY, DAY + 4, 6);
    settle(&town);
    EXPECT_EQ(plan_assignment(town.plan, 1)->state, ASSIGNMENT_COMMITTED);
    EXPECT_EQ(units_missed(&town), 6);
    EXPECT_EQ(find(&town, 1, 0)->state, 0); /* Day 4 makes what day 3 could not. */
    put_capacity_of(&town, 0, DAY, DAY + 4, 20);
    settle(&town);
    EXPECT_EQ(units_missed(&town), 0);
    expect_share(&town, 1, 0, 70, DAY + 4);
    close_town(&town);
}

static void a_cancelled_commitment_frees_its_days(void)
{
    struct town town;

    open_village(&town, 64);
    make(&town, 0, 1, 10, DAY, DAY + 9);
    want(&town, 0, 30, DAY + 2, DAY + 2);
    want(&town, 1, 30, DAY + 2, DAY + 2);
    settle(&town);
    uint64_t number = plan_next_of_need(town.plan, 0, 0);
    int64_t units = plan_assignment(town.plan, number)->quantity;
    accept_both(&town, number, 1);
    settle(&town);
    EXPECT_EQ(find(&town, 1, 0)->quantity, 30 - units);
    answer(&town, &(struct word){KIND_ASSIGNMENT_CANCEL, number, 1, "no_supply"});
    settle(&town);
    expect_share(&town, 1, 0, 30, DAY + 2);
    close_town(&town);
}

static void nobody_commits_to_a_day_that_has_passed(void)
{
    struct town town;

    open_village(&town, 64);
    make(&town, 0, 1, 10, DAY, DAY + 9);
    want(&town, 0, 10, DAY, DAY + 5);
    settle(&town);
    expect_share(&town, 0, 0, 10, DAY);
    pass_day(&town, DAY + 1);
    accept_both(&town, 1, 1);
    settle(&town);
    EXPECT_TEXT(bytes_from_text(town.tape.last_code), "state");
    expect_share(&town, 0, 0, 10, DAY + 1);
    EXPECT_EQ(find(&town, 0, 0)->state, ASSIGNMENT_PROPOSED);
    EXPECT_EQ(town.tape.last.before, 10);
    EXPECT_TEXT(bytes_from_text(town.tape.last_reason), REASON_DAY);
    close_town(&town);
}

/* What was made together for two may be too much once one of them has a commitment. */
static void a_commitment_needs_room_in_its_days(void)
{
    struct town town;

    open_village(&town, 64);
    make(&town, 0, 1, 10, DAY, DAY + 9);
    want(&town, 0, 20, DAY + 1, DAY + 1);
    settle(&town);
    expect_share(&town, 0, 0, 20, DAY + 1);
    put_capacity_of(&town, 0, DAY + 1, DAY + 1, 5);
    accept_both(&town, 1, 1);
    settle(&town);
    EXPECT_TEXT(bytes_from_text(town.tape.last_code), "state");
    expect_share(&town, 0, 0, 15, DAY + 1);
    close_town(&town);
}

static void a_withdrawn_line_gives_its_slots_back(void)
{
    struct town town;

    open_village(&town, 64);
    make(&town, 0, 1, 10, DAY, DAY + 9);
    make(&town, 1, 2, 10, DAY, DAY + 4);
    want(&town, 0, 60, DAY + 9, DAY + 9);
    settle(&town);
    name_one(&town, KIND_OFFER_WITHDRAW, 'o', 0);
    make(&town, 2, 1, 10, DAY, DAY + 6);
    settle(&town);
    EXPECT_EQ(plan_slot_count(town.plan, 0), 0);
    EXPECT_EQ(find(&town, 0, 0)->state, 0);
    expect_share(&town, 0, 2, 60, DAY + 6);
    make(&town, 3, 1, 10, DAY, DAY + 9);
    want(&town, 1, 30, DAY + 9, DAY + 9);
    settle(&town);
    EXPECT_EQ(flow_source_count(plan_flow(town.plan)), 22); /* 10 of them used again. */
    close_town(&town);
}

int main(int argc, char **argv)
{
    static const struct test_case cases[] = {
        CASE(a_need_gets_nothing_that_is_made_after_its_latest_day),
        CASE(lead_days_and_transport_come_before_the_arrival),
        CASE(goods_wait_for_those_who_need_them_later),
        CASE(each_day_late_costs_and_is_better_than_nothing),
        CASE(what_is_dearer_and_on_time_comes_before_what_is_late),
        CASE(a_need_without_a_day_leaves_early_days_to_others),
        CASE(days_beyond_the_slots_are_one),
        CASE(a_longer_offer_gets_more_slots),
        CASE(a_report_about_one_day_changes_that_day),
        CASE(commitments_are_made_as_late_as_they_may),
        CASE(a_day_that_passes_makes_what_is_committed),
        CASE(commitments_that_no_longer_fit_stay_and_are_told),
        CASE(a_cancelled_commitment_frees_its_days),
        CASE(nobody_commits_to_a_day_that_has_passed),
        CASE(a_commitment_needs_room_in_its_days),
        CASE(a_withdrawn_line_gives_its_slots_back),
    };
    return run_cases(cases, COUNT_OF(cases), argc, argv);
}
