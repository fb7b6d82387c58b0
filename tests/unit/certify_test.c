/*
 * certify_test.c - a plan that is not what it says it is, is never certified.
 *
 * Each case takes a settled plan, tells one lie inside it, and expects that the certificate is
 * refused and names the lie. The truth put back, it is given again.
 */
#include "core/flow/network.h"
#include "core/plan/internal.h"
#include "tests/unit/town.h"

#define TODAY 18000
#define FAR 3   /* An offer that serves nobody, */
#define ENDED 4 /* and one that was withdrawn. */

/* Two needs share stock 1 and line 2; the first has committed to some of the stock. */
static void open_settled(struct town *town)
{
    open_town(town, 8, 64);
    put_party(town, 1, (struct spot){44, 0, "NAQ"});
    put_party(town, 2, (struct spot){44, 1, "NAQ"});
    put_party(town, 3, (struct spot){46, 1, "OCC"});
    put_product(town, 1, 1);
    put_product(town, 2, 1);
    pass_day(town, TODAY);
    put_offer(town, &(struct gift){
                        .offer = 1, .party = 2, .product = 1, .quantity = 30, .from = DAY_NONE});
    put_offer(
        town,
        &(struct gift){
            .offer = 2, .party = 3, .product = 1, .per_day = 5, .from = TODAY, .to = TODAY + 3});
    put_offer(
        town,
        &(struct gift){
            .offer = FAR, .party = 3, .product = 2, .per_day = 5, .from = TODAY, .to = TODAY + 3});
    put_offer(town, &(struct gift){
                        .offer = ENDED, .party = 3, .product = 2, .quantity = 5, .from = DAY_NONE});
    name_one(town, KIND_OFFER_WITHDRAW, 'o', ENDED);
    put_need(town, &(struct wish){.need = 1,
                                  .party = 1,
                                  .product = 1,
                                  .quantity = 10,
                                  .class_number = 1,
                                  .due = DAY_NONE,
                                  .latest = DAY_NONE});
    settle(town);
    answer(town, &(struct word){KIND_ASSIGNMENT_ACCEPT, 1, 1, ""});
    answer(town, &(struct word){KIND_ASSIGNMENT_ACCEPT, 1, 2, ""});
    settle(town);
    put_need(town, &(struct wish){.need = 2,
                                  .party = 1,
                                  .product = 1,
                                  .quantity = 35,
                                  .class_number = 2,
                                  .due = TODAY + 8,
                                  .latest = TODAY + 9});
    settle(town);
    EXPECT_EQ(plan_assignment_count(town->plan), 3);
}

/* The certificate is refused with these words, also to who does not want to know why. */
static void expect_refuted(const struct town *town, const char *words)
{
    char problem[160] = "";

    EXPECT_TRUE(!plan_certify(town->plan, NULL));
    EXPECT_TRUE(!plan_certify(town->plan, problem));
    if (strstr(problem, words) == NULL) {
        EXPECT_TEXT(bytes_from_text(problem), words);
    }
}

static void expect_certified(const struct town *town)
{
    char problem[160] = "";

    if (!plan_certify(town->plan, problem)) {
        EXPECT_TEXT(bytes_from_text(problem), "");
    }
}

static void lie(const struct town *town, int64_t *place, int64_t said, const char *words)
{
    int64_t truth = *place;

    *place = said;
    expect_refuted(town, words);
    *place = truth;
    expect_certified(town);
}

static void lie_in_32(const struct town *town, void *place, uint32_t said, const char *words)
{
    uint32_t *number = place;
    uint32_t truth = *number;

    *number = said;
    expect_refuted(town, words);
    *number = truth;
    expect_certified(town);
}

static void lie_in_8(const struct town *town, uint8_t *place, uint8_t said, const char *words)
{
    uint8_t truth = *place;

    *place = said;
    expect_refuted(town, words);
    *place = truth;
    expect_certified(town);
}

static void a_flow_that_does_not_add_up_is_not_certified(void)
{
    struct town town;
    open_settled(&town);
    struct flow *flow = town.plan->flow;
    struct sink *sink = &flow->sinks[1];
    struct source *source = &flow->sources[sink->shares[0].source];

    EXPECT_TRUE(sink->share_count >= 2);
    lie(&town, &source->used, source->used + 1, "its flow does not add up");
    lie(&town, &source->free, -1, "it gives more than it has");
    lie(&town, &sink->served, sink->served - 1, "sink 1: ");
    lie(&town, &sink->served, 1000, "it gets more than it wants");
    lie(&town, &sink->shares[0].units, -1, "");
    lie_in_32(&town, &sink->shares[0].cost, 9999, "sink 1: ");
    lie_in_32(&town, &sink->shares[0].source, sink->shares[1].source, "");
    close_town(&town);
}

static void prices_that_prove_nothing_are_not_certified(void)
{
    struct town town;
    open_settled(&town);
    struct flow *flow = town.plan->flow;
    const struct sink *sink = &flow->sinks[1];
    uint32_t used = sink->shares[0].source;
    uint32_t idle = town.plan->offers[FAR - 1].range.first;

    lie(&town, &flow->nodes[used].price, -1, "its price is wrong");
    lie(&town, &flow->nodes[idle].price, 7, "its price is wrong");
    lie(&town, &flow->nodes[used].price, INT64_MAX / 4, "");
    lie(&town, &flow->sinks[1].tranches[0].weight, 1, "a unit served is not worth its cost");
    close_town(&town);
}

static void days_that_are_chained_otherwise_are_not_certified(void)
{
    struct town town;
    open_settled(&town);
    struct flow *flow = town.plan->flow;
    struct source *stock = &flow->sources[town.plan->offers[0].range.first];
    struct source *day = &flow->sources[town.plan->offers[1].range.first];

    EXPECT_EQ(stock->next, FLOW_NONE);
    EXPECT_TRUE(day->next != FLOW_NONE);
    stock->waiting++;
    stock->used++;
    expect_refuted(&town, "units wait for nobody");
    stock->waiting--;
    stock->used--;
    lie_in_32(&town, &flow->sources[day->next].previous, FLOW_NONE, "");
    lie_in_32(&town, &day->next, FLOW_NONE, "");
    close_town(&town);
}

static void arcs_that_are_not_where_they_should_be_are_not_certified(void)
{
    struct town town;
    open_settled(&town);
    struct sink *sink = &town.plan->flow->sinks[1];
    struct link truth = sink->links[0];

    EXPECT_TRUE(sink->link_count >= 2);
    sink->links[0].cost++;
    expect_refuted(&town, "an arc is not known at its source");
    sink->links[0] = sink->links[1];
    expect_refuted(&town, "its arcs are not in order");
    sink->links[0] = truth;
    expect_certified(&town);
    close_town(&town);
}

static void assignments_that_are_not_the_flow_are_not_certified(void)
{
    struct town town;
    open_settled(&town);
    struct plan *plan = town.plan;
    struct plan_assignment *committed = &plan->assignments[1];
    struct plan_assignment *first = &plan->assignments[2];
    struct plan_assignment *second = &plan->assignments[3];

    EXPECT_EQ(first->need, second->need);
    EXPECT_EQ(committed->state, ASSIGNMENT_COMMITTED);
    lie(&town, &first->quantity, first->quantity + 1, "what is proposed differs from what is told");
    int64_t one = first->quantity;
    first->quantity = second->quantity + one - 1; /* The sum is the same. */
    second->quantity = 1;
    expect_refuted(&town, "an assignment differs from what is told: need n2: offer o1");
    second->quantity = first->quantity - one + 1;
    first->quantity = one;
    expect_certified(&town);
    lie_in_32(&town, &second->day, (uint32_t)second->day + 1,
              "an assignment has another day than what is told: need n2");
    lie(&town, &committed->quantity, committed->quantity + 1,
        "what is fixed differs from the assignments: need n1");
    lie(&town, &plan->needs[0].fixed, 0, "what is fixed differs from the assignments: need n1");
    lie(&town, &plan->offers[0].fixed, 0, "what is fixed differs from the assignments: offer o1");
    committed->is_in_doubt = true;
    expect_refuted(&town, "a commitment's doubt is not what rules say: need n1");
    committed->is_in_doubt = false;
    expect_certified(&town);
    close_town(&town);
}

static void a_plan_for_another_market_is_not_certified(void)
{
    struct town town;
    open_settled(&town);
    struct plan *plan = town.plan;
    struct need *need = &plan->market->needs[1];
    struct offer *stock = &plan->market->offers[0];
    struct offer *line = &plan->market->offers[1];

    lie_in_8(&town, &need->state, NEED_CANCELLED, "a need that is not open is served: need n2");
    lie_in_8(&town, &stock->state, OFFER_WITHDRAWN, "an arc leads to no day of an offer");
    lie_in_8(&town, &plan->market->offers[ENDED - 1].state, OFFER_ACTIVE, "");
    lie_in_8(&town, &plan->market->offers[FAR - 1].state, OFFER_WITHDRAWN,
             "an offer has no slots, or has them still: offer o3");
    lie_in_32(&town, &need->latest, TODAY - 1, "an arc is no match or has another cost");
    lie_in_32(&town, &line->lead_days, 5, "offer o2");
    uint64_t quantity = need->quantity;
    need->quantity = 1;
    expect_refuted(&town, "a need is served beyond its quantity: need n2");
    need->quantity = quantity;
    quantity = stock->quantity;
    stock->quantity = stock->capacity = quantity - 1;
    expect_refuted(&town, "the flow has another capacity: offer o1");
    stock->quantity = stock->capacity = quantity;
    expect_certified(&town);
    close_town(&town);
}

static void slots_that_serve_other_days_are_not_certified(void)
{
    struct town town;
    open_settled(&town);
    struct plan_offer *far = &town.plan->offers[FAR - 1];

    lie_in_32(&town, &far->days.first, (uint32_t)far->days.first + 1,
              "the slots serve other days: offer o3");
    lie_in_32(&town, &far->days.last, (uint32_t)far->days.last + 1,
              "the slots serve other days: offer o3");
    lie(&town, &far->missed, 2, "what is missed differs from the commitments: offer o3");
    close_town(&town);
}

static void totals_that_are_not_the_sums_are_not_certified(void)
{
    struct town town;
    open_settled(&town);
    struct plan_totals truth = town.plan->totals;

    for (size_t i = 0; i < sizeof truth / sizeof(uint64_t); i++) {
        uint64_t number;
        memcpy(&number, (uint8_t *)&town.plan->totals + i * sizeof number, sizeof number);
        number++;
        memcpy((uint8_t *)&town.plan->totals + i * sizeof number, &number, sizeof number);
        expect_refuted(&town, "the totals differ from the sums");
        town.plan->totals = truth;
    }
    expect_certified(&town);
    close_town(&town);
}

static void a_pair_that_a_party_closed_must_have_no_arc(void)
{
    struct town town;
    open_settled(&town);

    plan_exclude(town.plan, 1, 0);
    expect_refuted(&town, "a pair that a party closed has an arc: need n2: offer o1");
    close_town(&town);
}

int main(int argc, char **argv)
{
    static const struct test_case cases[] = {
        CASE(a_flow_that_does_not_add_up_is_not_certified),
        CASE(prices_that_prove_nothing_are_not_certified),
        CASE(days_that_are_chained_otherwise_are_not_certified),
        CASE(arcs_that_are_not_where_they_should_be_are_not_certified),
        CASE(assignments_that_are_not_the_flow_are_not_certified),
        CASE(a_plan_for_another_market_is_not_certified),
        CASE(slots_that_serve_other_days_are_not_certified),
        CASE(totals_that_are_not_the_sums_are_not_certified),
        CASE(a_pair_that_a_party_closed_must_have_no_arc),
    };

    return run_cases(cases, COUNT_OF(cases), argc, argv);
}
