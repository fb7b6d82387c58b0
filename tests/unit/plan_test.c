/*
 * The order of aims as laws over seeded histories: whatever is put, changed, answered and
 * ended, after every settle the plan is proved optimal over all matches, and one that was saved
 * and loaded on the way tells the same events, byte for byte.
 */
#include "tests/unit/town.h"

#define PARTY_COUNT 12
#define PRODUCT_COUNT 2
#define HISTORY_COUNT 10 /* Twice each count of slots. */
#define STEP_COUNT 330
#define KEPT_FEW 4
#define KEPT_ALL MATCH_KEPT_MAX

/* Histories. */

struct history {
    uint64_t seed;
    uint64_t need_count, offer_count, step;
    bool has_answers;
    bool is_unstable; /* No bonus, so that the past does not count. */
};

#define FIRST_DAY 18000

/* From all days of an offer in one, over few, to one for each. */
static uint32_t slot_count_of(uint64_t seed)
{
    static const uint32_t counts[] = {64, 3, 1, 2, 5};

    return counts[seed % COUNT_OF(counts)];
}

static uint64_t draw(struct history *history, uint64_t limit)
{
    return random_below(&history->seed, limit);
}

static void put_random_party(struct town *town, struct history *history, uint64_t number)
{
    static const char *const regions[] = {"NAQ", "OCC", ""};

    put_party(town, number,
              (struct spot){.lat = 43 + (int64_t)draw(history, 6),
                            .lon = (int64_t)draw(history, 6) - 1,
                            .region = regions[draw(history, COUNT_OF(regions))]});
}

static void put_random_need(struct town *town, struct history *history, uint64_t need)
{
    int64_t today = FIRST_DAY + (int64_t)history->step / 20;
    int64_t due = draw(history, 2) ? DAY_NONE : today + (int64_t)draw(history, 6);

    put_need(town, &(struct wish){.need = need,
                                  .party = need % PARTY_COUNT,
                                  .product = need / 3 % PRODUCT_COUNT,
                                  .quantity = 1 + draw(history, 60),
                                  .class_number = 1 + draw(history, CLASS_COUNT),
                                  .due = due,
                                  .latest = draw(history, 3)
                                                ? DAY_NONE
                                                : max_i64(due, today) + (int64_t)draw(history, 8),
                                  .is_quarantined = draw(history, 20) == 0});
}

static void put_random_stock(struct town *town, struct history *history, uint64_t offer)
{
    int64_t today = FIRST_DAY + (int64_t)history->step / 20;

    put_offer(town, &(struct gift){.offer = offer,
                                   .party = (offer * 5 + 1) % PARTY_COUNT,
                                   .product = offer / 2 % PRODUCT_COUNT,
                                   .quantity = draw(history, 80),
                                   .lead_days = draw(history, 4),
                                   .from = draw(history, 2) ? DAY_NONE
                                                            : today + (int64_t)draw(history, 5),
                                   .is_quarantined = draw(history, 20) == 0});
}

static void put_random_line(struct town *town, struct history *history, uint64_t offer)
{
    int64_t from = FIRST_DAY + (int64_t)history->step / 20 + (int64_t)draw(history, 6) - 2;

    put_offer(town, &(struct gift){.offer = offer,
                                   .party = (offer * 5 + 1) % PARTY_COUNT,
                                   .product = offer / 2 % PRODUCT_COUNT,
                                   .per_day = 1 + draw(history, 20),
                                   .lead_days = draw(history, 4),
                                   .from = from,
                                   .to = from + (int64_t)draw(history, 12),
                                   .is_quarantined = draw(history, 20) == 0});
}

static void put_random_offer(struct town *town, struct history *history, uint64_t offer)
{
    if (offer % 3 == 0) {
        put_random_stock(town, history, offer);
    } else {
        put_random_line(town, history, offer);
    }
}

static void put_random_capacity(struct town *town, struct history *history, uint64_t offer)
{
    int64_t today = FIRST_DAY + (int64_t)history->step / 20;

    if (offer % 3 == 0 || draw(history, 3) == 0) {
        put_capacity(town, offer, draw(history, offer % 3 == 0 ? 80 : 20));
    } else {
        int64_t from = today + (int64_t)draw(history, 6) - 1;
        put_capacity_of(town, offer, from, from + (int64_t)draw(history, 5), draw(history, 30));
    }
}

static void answer_at_random(struct town *town, struct history *history)
{
    uint64_t count = plan_assignment_count(town->plan);
    uint64_t number = draw(history, count + 2);
    const struct plan_assignment *assignment = plan_assignment(town->plan, number);
    const struct market *market = plan_market(town->plan);
    uint64_t party = draw(history, PARTY_COUNT);

    if (assignment->state != 0 && draw(history, 8) != 0) {
        party = draw(history, 2) ? market->needs[assignment->need].party
                                 : market->offers[assignment->offer].party;
    }
    uint64_t choice = draw(history, 10);
    uint16_t kind = choice < 5   ? KIND_ASSIGNMENT_ACCEPT
                    : choice < 6 ? KIND_ASSIGNMENT_DECLINE
                    : choice < 7 ? KIND_ASSIGNMENT_SHIP
                    : choice < 9 ? KIND_ASSIGNMENT_RECEIVE
                                 : KIND_ASSIGNMENT_CANCEL;
    bool wants_reason = kind == KIND_ASSIGNMENT_DECLINE || kind == KIND_ASSIGNMENT_CANCEL;
    answer(town, &(struct word){kind, number, party, wants_reason ? "price" : ""});
}

static uint64_t draw_bonus(struct history *history)
{
    static const uint64_t bonuses[] = {0, 1, 50, FLOW_COST_MAX};

    return bonuses[draw(history, COUNT_OF(bonuses))];
}

/* Other weights; the tranches stay those that the laws below speak of. */
static void put_random_rules(struct town *town, struct history *history)
{
    uint64_t bonus = draw_bonus(history);

    tell(town, KIND_RULES_PUT,
         &(union command){.rules_put = {.per_kilometre = draw(history, 4),
                                        .other_region = draw(history, 300),
                                        .other_country = draw(history, 3000),
                                        .per_day_late = draw(history, 600),
                                        .stability_bonus = history->is_unstable ? 0 : bonus,
                                        .kept_max = town->rules.kept_max,
                                        .tranche_1 = 1,
                                        .tranche_2 = 4,
                                        .tranche_3 = 16}},
         false);
}

/* Half of them have days that come while the history goes on. */
static void put_random_rule(struct town *town, struct history *history)
{
    static const uint16_t kinds[] = {KIND_SUBSTITUTE_PUT, KIND_NORM_PUT, KIND_CERTIFICATE_PUT,
                                     KIND_CERTIFICATE_PUT, KIND_EXCLUSION_PUT};
    static const char *const regions[] = {"NAQ", "OCC", ""};
    uint16_t kind = kinds[draw(history, COUNT_OF(kinds))];
    int64_t today = FIRST_DAY + (int64_t)history->step / 20;
    int64_t from = draw(history, 2) ? DAY_NONE : today + (int64_t)draw(history, 9) - 4;
    int64_t to = draw(history, 2) ? DAY_NONE : max_i64(from, today - 3) + (int64_t)draw(history, 8);
    uint64_t number = draw(history, 12);
    char id[ID_TEXT_SIZE], first[ID_TEXT_SIZE], second[ID_TEXT_SIZE];
    struct bytes rule = id_text(id, 'r', number);
    struct bytes product = id_text(first, 'g', number % PRODUCT_COUNT);
    struct bytes party = id_text(second, 'p', number % PARTY_COUNT);
    union command command = {0};

    if (kind == KIND_SUBSTITUTE_PUT) {
        struct bytes given = id_text(second, 'g', (number + 1) % PRODUCT_COUNT);
        command.substitute_put = (struct substitute_put){.substitute = rule,
                                                         .product = product,
                                                         .given = given,
                                                         .rank = 1 + draw(history, 3),
                                                         .from = from,
                                                         .to = to};
    } else if (kind == KIND_NORM_PUT) {
        command.norm_put =
            (struct norm_put){.norm = rule,
                              .product = product,
                              .code = bytes_from_text("EN 1"),
                              .region = bytes_from_text(regions[draw(history, COUNT_OF(regions))]),
                              .class_number = 1 + draw(history, CLASS_COUNT),
                              .from = from,
                              .to = to};
    } else if (kind == KIND_CERTIFICATE_PUT) {
        command.certificate_put = (struct certificate_put){
            .certificate = rule,
            .party = party,
            .product = product,
            .code = bytes_from_text("EN 1"),
            .state = draw(history, 6) == 0 ? CERTIFICATE_REVOKED : CERTIFICATE_VALID,
            .from = from,
            .to = to};
    } else {
        char third[ID_TEXT_SIZE];
        command.exclusion_put =
            (struct exclusion_put){.exclusion = rule,
                                   .party = party,
                                   .other = id_text(third, 'p', (number * 3 + 1) % PARTY_COUNT),
                                   .reason = bytes_from_text("conflict"),
                                   .from = from,
                                   .to = to};
        tell(town, kind, &command, false);
        return;
    }
    tell(town, kind, &command, false);
}

static void change_at_random(struct town *town, struct history *history)
{
    uint64_t need = draw(history, history->need_count + 1);
    uint64_t offer = draw(history, history->offer_count + 1);

    switch (draw(history, 16)) {
    case 0:
    case 1:
        put_random_need(town, history, min_u64(need, NEED_COUNT_MAX - 1));
        history->need_count = max_u64(history->need_count, need + 1);
        return;
    case 2:
        name_one(town, KIND_NEED_CANCEL, 'n', need);
        return;
    case 3:
        name_one(town, KIND_NEED_RELEASE, 'n', need);
        name_one(town, KIND_OFFER_RELEASE, 'o', offer);
        return;
    case 4:
    case 5:
        put_random_offer(town, history, min_u64(offer, OFFER_COUNT_MAX - 1));
        history->offer_count = max_u64(history->offer_count, offer + 1);
        return;
    case 6:
        name_one(town, KIND_OFFER_WITHDRAW, 'o', offer);
        return;
    case 7:
        put_random_party(town, history, draw(history, PARTY_COUNT));
        return;
    case 13:
    case 14:
    case 15:
        put_random_rule(town, history);
        return;
    case 12:
        put_random_rules(town, history);
        return;
    case 8:
        put_product(town, draw(history, PRODUCT_COUNT), 1 + draw(history, 6));
        return;
    default:
        put_random_capacity(town, history, offer);
    }
}

/* One command, the same for all towns that share seed and past. */
static void step(struct town *town, struct history *history)
{
    uint64_t choice = draw(history, 20);

    history->step++;
    if (history->step % 20 == 0) {
        pass_day(town, FIRST_DAY + (int32_t)(history->step / 20));
    } else if (choice < 6 && history->need_count < NEED_COUNT_MAX) {
        put_random_need(town, history, history->need_count++);
    } else if (choice < 9 && history->offer_count < OFFER_COUNT_MAX) {
        put_random_offer(town, history, history->offer_count++);
    } else if (choice < 14 && history->has_answers) {
        answer_at_random(town, history);
    } else {
        change_at_random(town, history);
    }
}

static void begin(struct town *town, struct history *history)
{
    for (uint64_t i = 0; i < PARTY_COUNT; i++) {
        put_random_party(town, history, i);
    }
    for (uint64_t i = 0; i < PRODUCT_COUNT; i++) {
        put_product(town, i, 1 + 2 * i);
    }
}

static bool is_time_to_settle(const struct history *history)
{
    return history->step % 7 != 3 && history->step % 7 != 4;
}

/* Laws, from what the plan shows. */

/* The level (class, tranche) of the unit behind the first `units` of a need; 0 behind the last. */
static int64_t level_behind(const struct market *market, uint32_t need_number, int64_t units)
{
    static const uint64_t lots[] = {1, 4, 16, UINT32_MAX};
    const struct need *need = &market->needs[need_number];
    uint64_t lot = market->products[need->product].lot;
    int64_t tranche = 0;

    if (units >= (int64_t)need->quantity) {
        return 0;
    }
    while ((int64_t)(lots[tranche] * lot) <= units) {
        tranche++;
    }
    return (CLASS_COUNT - need->class_number) * 4 + (4 - tranche);
}

static bool is_possible_on(const struct plan *plan, const struct market *market, uint32_t need,
                           uint32_t offer, int32_t day)
{
    struct match match = match_check_on(market, plan_rules(plan), need, offer, day);

    return match.reason == MATCH_POSSIBLE && !plan_is_excluded(plan, need, offer);
}

/* With goods of the slot whose last day is `day`, whichever of its days they are of; DAY_NONE of a
 * stock. */
static bool can_serve(const struct plan *plan, const struct market *market, uint32_t need,
                      uint32_t offer, int32_t day)
{
    if (day == DAY_NONE) {
        return is_possible_on(plan, market, need, offer, match_first_day(market, offer));
    }
    for (uint32_t place = 0; place < plan_slot_count(plan, offer); place++) {
        struct plan_slot slot = plan_slot(plan, offer, place);
        for (int32_t i = slot.first; slot.last == day && i < day; i++) {
            if (!is_possible_on(plan, market, need, offer, i)) {
                return false;
            }
        }
    }
    return is_possible_on(plan, market, need, offer, day);
}

/* Idle goods of a day. */
static void expect_nobody_wants(struct town *town, uint32_t offer, int32_t day)
{
    const struct market *market = plan_market(town->plan);
    const struct flow *flow = plan_flow(town->plan);

    for (uint32_t need = 0; need < market->need_ids.count; need++) {
        EXPECT_TRUE(flow_sink_served(flow, need) == flow_sink_wanted(flow, need) ||
                    !can_serve(town->plan, market, need, offer, day));
    }
}

/* Fixed and flowing: what the order of aims is about. What is told keeps to lots beside it. */
static int64_t flowing_to(const struct plan *plan, uint32_t need)
{
    int64_t units = flow_sink_served(plan_flow(plan), need);

    for (uint64_t i = plan_next_of_need(plan, need, 0); i != 0;
         i = plan_next_of_need(plan, need, i)) {
        const struct plan_assignment *assignment = plan_assignment(plan, i);
        units += life_is_fixed(assignment->state) ? assignment->quantity : 0;
    }
    return units;
}

/* What a need would like more than another has: no unit of it is given to the other. */
static void expect_no_envy(struct town *town)
{
    const struct market *market = plan_market(town->plan);

    for (uint64_t i = 1; i <= plan_assignment_count(town->plan); i++) {
        const struct plan_assignment *given = plan_assignment(town->plan, i);
        if ((given->state != ASSIGNMENT_PROPOSED && given->state != ASSIGNMENT_ACCEPTED) ||
            plan_pair_units(town->plan, given->need, given->offer) == 0) {
            continue;
        }
        int64_t last = level_behind(market, given->need, flowing_to(town->plan, given->need) - 1);
        for (uint32_t other = 0; other < market->need_ids.count; other++) {
            if (market->needs[other].state != NEED_OPEN) {
                continue;
            }
            int64_t missed = level_behind(market, other, flowing_to(town->plan, other));
            if (missed > last) {
                EXPECT_TRUE(!can_serve(town->plan, market, other, given->offer, given->day));
            }
        }
    }
    for (uint32_t offer = 0; offer < market->offer_ids.count; offer++) {
        for (uint32_t place = 0; place < plan_slot_count(town->plan, offer); place++) {
            struct plan_slot slot = plan_slot(town->plan, offer, place);
            if (slot.used < slot.capacity) {
                expect_nobody_wants(town, offer, slot.last);
            }
        }
    }
}

static void the_order_of_aims_holds_after_every_settle(void)
{
    for (uint64_t seed = 1; seed <= HISTORY_COUNT; seed++) {
        struct town town;
        struct history history = {.seed = seed, .has_answers = true};

        test_seed = seed;
        open_town(&town, seed % 2 ? KEPT_FEW : 2, slot_count_of(seed));
        begin(&town, &history);
        while (history.step < STEP_COUNT) {
            step(&town, &history);
            if (is_time_to_settle(&history)) {
                settle(&town);
                expect_no_envy(&town);
            }
        }
        EXPECT_TRUE(town.tape.assignment_count > 50);
        close_town(&town);
    }
    test_seed = 0;
}

/* Returns by how much the left one is dearer. */
static int64_t expect_same_unserved(const struct town *left, const struct town *right)
{
    struct flow_objective one;
    struct flow_objective other;

    flow_objective(plan_flow(left->plan), &one);
    flow_objective(plan_flow(right->plan), &other);
    for (size_t i = 0; i <= FLOW_LEVEL_MAX; i++) {
        EXPECT_EQ(one.unserved[i], other.unserved[i]);
    }
    return (int64_t)(one.cost - other.cost);
}

/* Among equals the two may choose otherwise, and a bonus would hold them to it. */
static void open_unstable(struct town *town, uint32_t kept_max, uint32_t slot_count_max)
{
    struct plan_options options = plan_options_default();

    options.rules.kept_max = kept_max;
    options.slot_count_max = slot_count_max;
    options.stability_bonus = 0;
    open_town_with(town, &options);
}

static void few_listed_matches_give_the_same_optimum_as_all(void)
{
    for (uint64_t seed = 1; seed <= HISTORY_COUNT; seed++) {
        struct town few;
        struct town all;
        struct history history = {.seed = seed, .is_unstable = true};
        struct history same = history;

        test_seed = seed;
        open_unstable(&few, KEPT_FEW, slot_count_of(seed));
        open_unstable(&all, KEPT_ALL, slot_count_of(seed));
        begin(&few, &history);
        begin(&all, &same);
        while (history.step < STEP_COUNT) {
            step(&few, &history);
            step(&all, &same);
            if (is_time_to_settle(&history)) {
                settle(&few);
                settle(&all);
                EXPECT_EQ(expect_same_unserved(&few, &all), 0);
            }
        }
        close_town(&few);
        close_town(&all);
    }
    test_seed = 0;
}

static void classes_and_tranches_come_before_the_stability_bonus(void)
{
    for (uint64_t seed = 1; seed <= HISTORY_COUNT; seed++) {
        struct town stable;
        struct town unstable;
        struct history history = {.seed = seed};
        struct history same = {.seed = seed, .is_unstable = true};

        test_seed = seed;
        open_town(&stable, KEPT_FEW, slot_count_of(seed));
        open_unstable(&unstable, KEPT_FEW, slot_count_of(seed));
        begin(&stable, &history);
        begin(&unstable, &same);
        while (history.step < STEP_COUNT) {
            step(&stable, &history);
            step(&unstable, &same);
            if (is_time_to_settle(&history)) {
                settle(&stable);
                settle(&unstable);
                EXPECT_TRUE(expect_same_unserved(&stable, &unstable) >= 0);
            }
        }
        EXPECT_TRUE(stable.tape.assignment_count < unstable.tape.assignment_count);
        close_town(&stable);
        close_town(&unstable);
    }
    test_seed = 0;
}

static struct shelf shelf;

/* A second town whose plan comes from the rows, and that knows what the first one knows. */
static void reopen(const struct town *town, struct town *again)
{
    struct plan_options options = plan_options_default();

    *again = *town;
    again->tape = (struct tape){0};
    options.rules = town->rules;
    options.stability_bonus = 7; /* The rows know better. */
    plan_open(&options, &again->plan);
    EXPECT_OK(load_shelf(again->plan, &shelf));
    EXPECT_TRUE(plan_certify(again->plan, NULL));
}

static void run_on(struct town *town, struct history history, uint64_t upto)
{
    town->tape.text.size = 0;
    while (history.step < upto) {
        step(town, &history);
        if (is_time_to_settle(&history)) {
            settle(town);
        }
    }
}

/* The scout of the first is used up by running on, so the second gets one made from the same
 * commands: the whole past, told to a third town that nobody else looks at. */
static void replay_scout(struct town *again, uint64_t seed, uint64_t upto)
{
    struct town past;
    struct history history = {.seed = seed, .has_answers = true};

    open_town(&past, again->rules.kept_max, slot_count_of(seed));
    begin(&past, &history);
    run_on(&past, history, upto);
    again->scout = past.scout;
    plan_close(past.plan);
    buffer_deinit(&past.tape.text);
}

static void a_restored_plan_goes_on_byte_for_byte(void)
{
    for (uint64_t seed = 1; seed <= HISTORY_COUNT; seed++) {
        struct town town;
        struct town again;
        struct history history = {.seed = seed, .has_answers = true};
        uint64_t stop = 80 + seed % 5 * 7; /* A step that settles. */

        test_seed = seed;
        stop += stop % 7 == 3 ? 2 : stop % 7 == 4;
        open_town(&town, KEPT_FEW, slot_count_of(seed));
        begin(&town, &history);
        while (history.step < stop) {
            step(&town, &history);
            if (is_time_to_settle(&history)) {
                settle(&town);
                if (history.step % 3 == 0) {
                    plan_save(town.plan, put_row, &shelf);
                }
            }
        }
        plan_save(town.plan, put_row, &shelf);
        reopen(&town, &again);
        replay_scout(&again, seed, stop);
        run_on(&town, history, STEP_COUNT);
        run_on(&again, history, STEP_COUNT);
        EXPECT_TRUE(town.tape.text.size > 0);
        EXPECT_TRUE(bytes_equal(buffer_view(&town.tape.text), buffer_view(&again.tape.text)));
        struct plan_totals left;
        struct plan_totals right;
        plan_totals(town.plan, &left);
        plan_totals(again.plan, &right);
        EXPECT_EQ(memcmp(&left, &right, sizeof left), 0);
        clear_shelf(&shelf);
        close_town(&town);
        close_town(&again);
    }
    test_seed = 0;
}

/* Small cases. Party 0 asks, parties 1 and 2 give; all within reach. */

static void open_village(struct town *town)
{
    open_town(town, KEPT_FEW, 64);
    put_party(town, 0, (struct spot){44, 0, "NAQ"});
    put_party(town, 1, (struct spot){44, 1, "NAQ"});
    put_party(town, 2, (struct spot){46, 1, "OCC"});
    put_product(town, 0, 1);
}

static void want(struct town *town, uint64_t need, uint64_t quantity, uint64_t class_number)
{
    put_need(town, &(struct wish){.need = need,
                                  .quantity = quantity,
                                  .class_number = class_number,
                                  .due = DAY_NONE,
                                  .latest = DAY_NONE});
}

static void give(struct town *town, uint64_t offer, uint64_t party, uint64_t quantity)
{
    put_offer(town, &(struct gift){
                        .offer = offer, .party = party, .quantity = quantity, .from = DAY_NONE});
}

static void expect_assignment(const struct town *town, uint64_t number, enum assignment_state state,
                              int64_t quantity)
{
    EXPECT_EQ(plan_assignment(town->plan, number)->state, state);
    EXPECT_EQ(plan_assignment(town->plan, number)->quantity, quantity);
}

static void expect_reason(const struct town *town, const char *reason)
{
    EXPECT_TEXT(bytes_from_text(town->tape.last_reason), reason);
}

static void a_higher_class_displaces_a_lower_one(void)
{
    struct town town;

    open_village(&town);
    give(&town, 0, 1, 10);
    want(&town, 0, 10, 4);
    settle(&town);
    expect_assignment(&town, 1, ASSIGNMENT_PROPOSED, 10);
    expect_reason(&town, REASON_NEW);
    want(&town, 1, 7, 1);
    town.tape.text.size = 0;
    settle(&town);
    expect_assignment(&town, 1, ASSIGNMENT_PROPOSED, 3);
    expect_assignment(&town, 2, ASSIGNMENT_PROPOSED, 7);
    EXPECT_TRUE(strstr((const char *)town.tape.text.data, REASON_DISPLACED) != NULL);
    close_town(&town);
}

static void first_tranches_come_before_second_ones(void)
{
    struct town town;

    open_village(&town);
    give(&town, 0, 1, 5);
    want(&town, 0, 100, 3);
    want(&town, 1, 1, 3);
    want(&town, 2, 1, 3);
    settle(&town);
    EXPECT_EQ(plan_need_promised(town.plan, 0), 3);
    EXPECT_EQ(plan_need_promised(town.plan, 1), 1);
    EXPECT_EQ(plan_need_promised(town.plan, 2), 1);
    close_town(&town);
}

static void accept_twice(struct town *town, uint64_t assignment, uint64_t offerer)
{
    answer(town, &(struct word){KIND_ASSIGNMENT_ACCEPT, assignment, 0, ""});
    answer(town, &(struct word){KIND_ASSIGNMENT_ACCEPT, assignment, offerer, ""});
}

static void commitments_stay_whatever_comes(void)
{
    struct town town;

    open_village(&town);
    give(&town, 0, 1, 10);
    want(&town, 0, 10, 5);
    settle(&town);
    accept_twice(&town, 1, 1);
    settle(&town);
    expect_assignment(&town, 1, ASSIGNMENT_COMMITTED, 10);
    want(&town, 1, 10, 1);
    settle(&town);
    put_capacity(&town, 0, 2);
    settle(&town);
    name_one(&town, KIND_OFFER_WITHDRAW, 'o', 0);
    settle(&town);
    name_one(&town, KIND_NEED_CANCEL, 'n', 0);
    settle(&town);
    expect_assignment(&town, 1, ASSIGNMENT_COMMITTED, 10);
    EXPECT_EQ(plan_need_promised(town.plan, 1), 0);
    answer(&town, &(struct word){KIND_ASSIGNMENT_SHIP, 1, 1, ""});
    answer(&town, &(struct word){KIND_ASSIGNMENT_RECEIVE, 1, 0, ""});
    settle(&town);
    expect_assignment(&town, 1, ASSIGNMENT_RECEIVED, 10);
    struct plan_totals totals;
    plan_totals(town.plan, &totals);
    EXPECT_EQ(totals.units_received, 10);
    EXPECT_EQ(totals.units_promised, 0);
    close_town(&town);
}

static void what_is_committed_fills_the_first_tranches(void)
{
    struct town town;

    open_village(&town);
    give(&town, 0, 1, 4);
    want(&town, 0, 50, 3);
    settle(&town);
    accept_twice(&town, 1, 1);
    settle(&town);
    want(&town, 1, 50, 3);
    give(&town, 1, 1, 4);
    settle(&town);
    EXPECT_EQ(plan_need_promised(town.plan, 0), 4);
    EXPECT_EQ(plan_need_promised(town.plan, 1), 4);
    close_town(&town);
}

static void capacity_reports_say_so_in_the_reason(void)
{
    struct town town;

    open_village(&town);
    give(&town, 0, 1, 10);
    want(&town, 0, 20, 3);
    settle(&town);
    put_capacity(&town, 0, 6);
    settle(&town);
    expect_assignment(&town, 1, ASSIGNMENT_PROPOSED, 6);
    expect_reason(&town, REASON_CAPACITY_DROP);
    EXPECT_EQ(town.tape.last.before, 10);
    put_capacity(&town, 0, 9);
    settle(&town);
    expect_assignment(&town, 1, ASSIGNMENT_PROPOSED, 9);
    expect_reason(&town, REASON_CAPACITY_RISE);
    name_one(&town, KIND_OFFER_WITHDRAW, 'o', 0);
    settle(&town);
    expect_assignment(&town, 1, ASSIGNMENT_SUPERSEDED, 9);
    expect_reason(&town, REASON_OFFER_ENDED);
    close_town(&town);
}

static void ends_and_changes_of_needs_say_so_in_the_reason(void)
{
    struct town town;

    open_village(&town);
    give(&town, 0, 1, 10);
    want(&town, 0, 10, 3);
    settle(&town);
    answer(&town, &(struct word){KIND_ASSIGNMENT_ACCEPT, 1, 0, ""});
    settle(&town);
    expect_assignment(&town, 1, ASSIGNMENT_ACCEPTED, 10);
    want(&town, 0, 8, 3);
    settle(&town);
    expect_assignment(&town, 1, ASSIGNMENT_PROPOSED, 8);
    expect_reason(&town, REASON_NEED_CHANGED);
    EXPECT_EQ(plan_assignment(town.plan, 1)->accepted_by, 0);
    name_one(&town, KIND_NEED_CANCEL, 'n', 0);
    settle(&town);
    expect_assignment(&town, 1, ASSIGNMENT_SUPERSEDED, 8);
    expect_reason(&town, REASON_NEED_ENDED);
    close_town(&town);
}

static void a_nearer_offer_gives_a_better_plan(void)
{
    struct town town;

    open_village(&town);
    give(&town, 0, 2, 10);
    want(&town, 0, 10, 3);
    settle(&town);
    give(&town, 1, 1, 10);
    town.tape.text.size = 0;
    settle(&town);
    expect_assignment(&town, 1, ASSIGNMENT_SUPERSEDED, 10);
    expect_assignment(&town, 2, ASSIGNMENT_PROPOSED, 10);
    EXPECT_TRUE(strstr((const char *)town.tape.text.data, REASON_BETTER) != NULL);
    close_town(&town);
}

static void put_bonus(struct town *town, uint64_t bonus)
{
    tell(town, KIND_RULES_PUT,
         &(union command){.rules_put = {.per_kilometre = 1,
                                        .other_region = 200,
                                        .stability_bonus = bonus,
                                        .kept_max = KEPT_FEW,
                                        .tranche_1 = 1,
                                        .tranche_2 = 4,
                                        .tranche_3 = 16}},
         false);
}

static uint64_t cost_between(const struct town *town, uint32_t need, uint32_t offer)
{
    return match_check(plan_market(town->plan), plan_rules(town->plan), need, offer).cost;
}

static void what_has_been_told_moves_only_for_more_than_the_bonus(void)
{
    struct town town;

    open_village(&town);
    put_bonus(&town, 1000);
    give(&town, 0, 2, 10);
    want(&town, 0, 10, 3);
    settle(&town);
    give(&town, 1, 1, 6);
    settle(&town);
    uint64_t gain = cost_between(&town, 0, 0) - cost_between(&town, 0, 1);
    put_bonus(&town, gain);
    settle(&town);
    EXPECT_EQ(town.tape.assignment_count, 1);
    expect_assignment(&town, 1, ASSIGNMENT_PROPOSED, 10);
    put_bonus(&town, gain - 1);
    settle(&town);
    expect_assignment(&town, 1, ASSIGNMENT_PROPOSED, 4);
    expect_assignment(&town, 2, ASSIGNMENT_PROPOSED, 6);
    put_bonus(&town, gain + 1); /* And what moved has been told in its turn. */
    put_capacity(&town, 1, 10);
    settle(&town);
    expect_assignment(&town, 1, ASSIGNMENT_PROPOSED, 4);
    expect_assignment(&town, 2, ASSIGNMENT_PROPOSED, 6);
    close_town(&town);
}

static void a_declined_pair_is_never_proposed_again(void)
{
    struct town town;

    open_village(&town);
    give(&town, 0, 1, 10);
    give(&town, 1, 2, 10);
    want(&town, 0, 10, 3);
    settle(&town);
    answer(&town, &(struct word){KIND_ASSIGNMENT_DECLINE, 1, 0, "prefers_different"});
    settle(&town);
    expect_assignment(&town, 1, ASSIGNMENT_DECLINED, 10);
    expect_assignment(&town, 2, ASSIGNMENT_PROPOSED, 10);
    expect_reason(&town, REASON_DECLINED_BY);
    EXPECT_TRUE(plan_is_excluded(town.plan, 0, 0));
    accept_twice(&town, 2, 2);
    settle(&town);
    answer(&town, &(struct word){KIND_ASSIGNMENT_CANCEL, 2, 2, "no_supply"});
    settle(&town);
    expect_assignment(&town, 2, ASSIGNMENT_CANCELLED, 10);
    want(&town, 0, 12, 1);
    settle(&town);
    EXPECT_EQ(plan_assignment_count(town.plan), 2);
    EXPECT_EQ(plan_need_promised(town.plan, 0), 0);
    close_town(&town);
}

static void expect_refused(struct town *town, struct word word, const char *code)
{
    size_t told = town->tape.assignment_count;

    answer(town, &word);
    settle(town);
    EXPECT_TEXT(bytes_from_text(town->tape.last_code), code);
    EXPECT_EQ(town->tape.assignment_count, told);
}

static void every_refusal_has_its_answer(void)
{
    struct town town;
    char not_yours[sizeof town.tape.last_why];

    open_village(&town);
    give(&town, 0, 1, 10);
    want(&town, 0, 10, 3);
    settle(&town);
    expect_refused(&town, (struct word){KIND_ASSIGNMENT_ACCEPT, 99, 0, ""}, "unknown");
    memcpy(not_yours, town.tape.last_why, sizeof not_yours);
    expect_refused(&town, (struct word){KIND_ASSIGNMENT_ACCEPT, 1, 2, ""}, "unknown");
    EXPECT_TEXT(bytes_from_text(town.tape.last_why), not_yours);
    expect_refused(&town, (struct word){KIND_ASSIGNMENT_ACCEPT, 1, 77, ""}, "unknown");
    expect_refused(&town, (struct word){KIND_ASSIGNMENT_DECLINE, 1, 0, "mood"}, "range");
    expect_refused(&town, (struct word){KIND_ASSIGNMENT_CANCEL, 1, 0, ""}, "range");
    expect_refused(&town, (struct word){KIND_ASSIGNMENT_SHIP, 1, 1, ""}, "state");
    answer(&town, &(struct word){KIND_ASSIGNMENT_ACCEPT, 1, 0, ""});
    settle(&town);
    EXPECT_TEXT(bytes_from_text(town.tape.last_code), "done");
    EXPECT_TEXT(bytes_from_text(town.tape.last_why), "");
    expect_refused(&town, (struct word){KIND_ASSIGNMENT_ACCEPT, 1, 0, ""}, "state");
    close_town(&town);
}

static void nobody_commits_to_what_ended_in_the_same_moment(void)
{
    struct town town;

    open_village(&town);
    give(&town, 0, 1, 10);
    want(&town, 0, 10, 3);
    settle(&town);
    name_one(&town, KIND_OFFER_WITHDRAW, 'o', 0);
    accept_twice(&town, 1, 1);
    settle(&town);
    expect_assignment(&town, 1, ASSIGNMENT_SUPERSEDED, 10);
    EXPECT_TEXT(bytes_from_text(town.tape.last_code), "state");
    close_town(&town);
}

static void rows_that_make_no_sense_are_corrupt(void)
{
    struct town town;
    struct plan_options options = plan_options_default();
    struct plan *plan;

    open_village(&town);
    give(&town, 0, 1, 10);
    want(&town, 0, 10, 3);
    settle(&town);
    plan_save(town.plan, put_row, &shelf);

    plan_open(&options, &plan); /* The rules in force are among the rows. */
    EXPECT_OK(load_shelf(plan, &shelf));
    EXPECT_EQ(plan_rules(plan)->kept_max, town.rules.kept_max);
    plan_close(plan);

    for (size_t i = 0; i < shelf.count; i++) {
        shelf.rows[i].value.size--;
        plan_open(&options, &plan);
        EXPECT_STATUS(load_shelf(plan, &shelf), STATUS_CORRUPT);
        plan_close(plan);
        shelf.rows[i].value.size++;
    }
    uint8_t *bonus = (uint8_t *)shelf.rows[1].value.data + 44; /* Behind eleven options. */
    EXPECT_EQ(load_u32(bonus), 50);
    store_u32(bonus, (uint32_t)FLOW_COST_MAX + 1);
    plan_open(&options, &plan);
    EXPECT_STATUS(load_shelf(plan, &shelf), STATUS_CORRUPT);
    plan_close(plan);
    store_u32(bonus, 50);

    size_t last = shelf.count - 1; /* The assignment: one unit more than the flow. */
    shelf.rows[last].value.data[shelf.rows[last].value.size - 20]++;
    plan_open(&options, &plan);
    EXPECT_STATUS(load_shelf(plan, &shelf), STATUS_CORRUPT);
    plan_close(plan);
    clear_shelf(&shelf);
    close_town(&town);
}

static void a_plan_is_settled_until_something_comes(void)
{
    struct town town;

    open_town(&town, KEPT_FEW, 64);
    EXPECT_TRUE(plan_is_settled(town.plan));
    put_product(&town, 0, 1);
    EXPECT_TRUE(!plan_is_settled(town.plan));
    settle(&town);
    EXPECT_TRUE(plan_is_settled(town.plan));
    EXPECT_EQ(town.tape.text.size, 0);
    close_town(&town);
}

int main(int argc, char **argv)
{
    static const struct test_case cases[] = {
        CASE(a_plan_is_settled_until_something_comes),
        CASE(a_higher_class_displaces_a_lower_one),
        CASE(first_tranches_come_before_second_ones),
        CASE(commitments_stay_whatever_comes),
        CASE(what_is_committed_fills_the_first_tranches),
        CASE(capacity_reports_say_so_in_the_reason),
        CASE(ends_and_changes_of_needs_say_so_in_the_reason),
        CASE(a_nearer_offer_gives_a_better_plan),
        CASE(what_has_been_told_moves_only_for_more_than_the_bonus),
        CASE(a_declined_pair_is_never_proposed_again),
        CASE(every_refusal_has_its_answer),
        CASE(nobody_commits_to_what_ended_in_the_same_moment),
        CASE(rows_that_make_no_sense_are_corrupt),
        CASE(the_order_of_aims_holds_after_every_settle),
        CASE(few_listed_matches_give_the_same_optimum_as_all),
        CASE(classes_and_tranches_come_before_the_stability_bonus),
        CASE(a_restored_plan_goes_on_byte_for_byte),
    };
    return run_cases(cases, COUNT_OF(cases), argc, argv);
}
