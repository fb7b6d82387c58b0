/*
 * market_model_test.c - the market against a naive model that counts days one by one.
 */
#include "tests/unit/market_fixture.h"

#define DAY_COUNT 40 /* Days that the model knows. */
#define PARTY_COUNT 4
#define PRODUCT_COUNT 3
#define THING_COUNT 8 /* Needs, and as many offers. */

/* The model: everything under its id's number, capacity day by day. */

struct model_need {
    bool exists;
    struct need_put put;
    uint64_t party, product;
    enum need_state state;
};

struct model_offer {
    bool exists;
    struct offer_put put;
    uint64_t party, product;
    enum offer_state state;
    uint64_t numbers[SOURCE_ADAPTER + 1];
    uint64_t rates[DAY_COUNT]; /* As reported, where there is a source. */
    uint64_t sources[DAY_COUNT];
    uint64_t capacity;
};

struct model {
    bool parties[PARTY_COUNT];
    bool products[PRODUCT_COUNT];
    struct model_need needs[THING_COUNT];
    struct model_offer offers[THING_COUNT];
    uint64_t now_ms;
    int32_t today; /* Counted from DAY_ONE; -1 before the first tick. */
};

/* Day numbers of the model; a stock's one day is the first. */
static bool counts(const struct model *model, const struct offer_put *put, int32_t day)
{
    if (put->offer_kind == OFFER_STOCK) {
        return day == 0;
    }
    return day + DAY_ONE >= put->from && day + DAY_ONE <= put->to && day >= model->today;
}

static void model_count(const struct model *model, struct model_offer *offer)
{
    offer->capacity = 0;
    for (int32_t day = 0; day < DAY_COUNT; day++) {
        uint64_t base =
            offer->put.offer_kind == OFFER_STOCK ? offer->put.quantity : offer->put.per_day;
        if (!counts(model, &offer->put, day)) {
            offer->sources[day] = 0;
            offer->rates[day] = 0;
        } else {
            offer->capacity += offer->sources[day] != 0 ? offer->rates[day] : base;
        }
    }
}

static enum outcome model_put_need(struct model *model, uint64_t id,
                                   const struct model_need *wanted, bool is_quarantined)
{
    struct model_need *known = &model->needs[id];

    if (!model->parties[wanted->party] || !model->products[wanted->product]) {
        return OUTCOME_UNKNOWN;
    }
    if (known->exists) {
        if (known->party != wanted->party || known->product != wanted->product) {
            return OUTCOME_CONFLICT;
        }
        if (known->state == NEED_CANCELLED || known->state == NEED_EXPIRED) {
            return OUTCOME_STATE;
        }
        if (known->put.quantity == wanted->put.quantity && known->put.due == wanted->put.due &&
            known->put.latest == wanted->put.latest &&
            known->put.class_number == wanted->put.class_number) {
            return OUTCOME_UNCHANGED;
        }
    }
    enum outcome outcome = is_quarantined  ? OUTCOME_QUARANTINED
                           : known->exists ? OUTCOME_CHANGED
                                           : OUTCOME_CREATED;
    *known = *wanted;
    known->exists = true;
    known->state = is_quarantined ? NEED_QUARANTINED : NEED_OPEN;
    return outcome;
}

static enum outcome model_put_offer(struct model *model, uint64_t id,
                                    const struct model_offer *wanted, bool is_quarantined)
{
    struct model_offer *known = &model->offers[id];

    if (!model->parties[wanted->party] || !model->products[wanted->product]) {
        return OUTCOME_UNKNOWN;
    }
    if (!known->exists) {
        *known = *wanted;
        known->exists = true;
        known->state = is_quarantined ? OFFER_QUARANTINED : OFFER_ACTIVE;
        model_count(model, known);
        return is_quarantined ? OUTCOME_QUARANTINED : OUTCOME_CREATED;
    }
    if (known->party != wanted->party || known->product != wanted->product ||
        known->put.offer_kind != wanted->put.offer_kind) {
        return OUTCOME_CONFLICT;
    }
    if (known->state == OFFER_WITHDRAWN || known->state == OFFER_EXPIRED) {
        return OUTCOME_STATE;
    }
    bool is_declared =
        known->put.quantity != wanted->put.quantity || known->put.per_day != wanted->put.per_day;
    if (!is_declared && known->put.from == wanted->put.from && known->put.to == wanted->put.to &&
        known->put.lead_days == wanted->put.lead_days) {
        return OUTCOME_UNCHANGED;
    }
    for (size_t day = 0; is_declared && day < DAY_COUNT; day++) {
        known->sources[day] = known->sources[day] == SOURCE_DECLARED ? 0 : known->sources[day];
    }
    known->put = wanted->put;
    known->state = is_quarantined ? OFFER_QUARANTINED : OFFER_ACTIVE;
    model_count(model, known);
    return is_quarantined ? OUTCOME_QUARANTINED : OUTCOME_CHANGED;
}

static enum outcome model_report(struct model *model, uint64_t id, const struct capacity_put *put)
{
    struct model_offer *known = &model->offers[id];
    struct model_offer wanted = *known;
    bool speaks = false;
    bool is_laid = false;

    if (!known->exists) {
        return OUTCOME_UNKNOWN;
    }
    if (known->state == OFFER_WITHDRAWN || known->state == OFFER_EXPIRED) {
        return OUTCOME_STATE;
    }
    if (put->number != 0 && put->number <= known->numbers[put->source]) {
        return OUTCOME_STALE;
    }
    for (int32_t day = 0; day < DAY_COUNT; day++) {
        bool is_stock = known->put.offer_kind == OFFER_STOCK;
        if (counts(model, &known->put, day) &&
            (is_stock || put->from == DAY_NONE || day + DAY_ONE >= put->from) &&
            (is_stock || put->to == DAY_NONE || day + DAY_ONE <= put->to)) {
            speaks = true;
            if (wanted.sources[day] <= put->source) {
                is_laid = true;
                wanted.sources[day] = put->source;
                wanted.rates[day] = put->per_day;
            }
        }
    }
    if (!is_laid) {
        return speaks ? OUTCOME_STALE : OUTCOME_UNCHANGED;
    }
    model_count(model, &wanted);
    if (put->number == 0 && wanted.capacity == known->capacity &&
        memcmp(wanted.rates, known->rates, sizeof wanted.rates) == 0 &&
        memcmp(wanted.sources, known->sources, sizeof wanted.sources) == 0) {
        return OUTCOME_UNCHANGED;
    }
    wanted.numbers[put->source] = put->number != 0 ? put->number : known->numbers[put->source];
    *known = wanted;
    return OUTCOME_CHANGED;
}

/* Whatever had its last day before today has ended. */
static void model_expire(struct model *model)
{
    for (size_t i = 0; i < THING_COUNT && model->today >= 0; i++) {
        struct model_need *need = &model->needs[i];
        struct model_offer *offer = &model->offers[i];
        if (need->exists && need->state <= NEED_OPEN && need->put.latest != DAY_NONE &&
            need->put.latest < model->today + DAY_ONE) {
            need->state = NEED_EXPIRED;
        }
        if (offer->exists && offer->state <= OFFER_ACTIVE && offer->put.to != DAY_NONE &&
            offer->put.to < model->today + DAY_ONE) {
            offer->state = OFFER_EXPIRED;
        }
    }
}

static enum outcome model_tick(struct model *model, uint64_t now)
{
    if (model->today >= 0 && now <= model->now_ms) {
        return OUTCOME_UNCHANGED;
    }
    model->now_ms = now;
    model->today = day_of(now) - DAY_ONE;
    return OUTCOME_PASSED_ON;
}

static void expect_as_in_model(const struct market *market, const struct model *model)
{
    size_t open = 0;
    size_t active = 0;

    for (uint64_t i = 0; i < THING_COUNT; i++) {
        char id[16];
        uint32_t need = market_find_need(market, numbered(id, 'n', i));
        uint32_t offer = market_find_offer(market, numbered(id, 'o', i));
        EXPECT_EQ(need != NAME_NONE, model->needs[i].exists);
        EXPECT_EQ(offer != NAME_NONE, model->offers[i].exists);
        if (need != NAME_NONE) {
            EXPECT_EQ(market->needs[need].state, model->needs[i].state);
            EXPECT_EQ(market->needs[need].quantity, model->needs[i].put.quantity);
            EXPECT_EQ(market->needs[need].latest, model->needs[i].put.latest);
            open += model->needs[i].state == NEED_OPEN;
        }
        if (offer != NAME_NONE) {
            EXPECT_EQ(market->offers[offer].state, model->offers[i].state);
            EXPECT_EQ(market->offers[offer].capacity, model->offers[i].capacity);
            active += model->offers[i].state == OFFER_ACTIVE;
        }
    }
    for (uint32_t product = 0; product < market->product_ids.count; product++) {
        const struct number_list *needs = &market->products[product].needs;
        const struct number_list *offers = &market->products[product].offers;
        for (size_t i = 0; i < needs->count; i++) {
            EXPECT_TRUE(i == 0 || needs->items[i - 1] < needs->items[i]);
            EXPECT_EQ(market->needs[needs->items[i]].state, NEED_OPEN);
            EXPECT_EQ(market->needs[needs->items[i]].product, product);
        }
        for (size_t i = 0; i < offers->count; i++) {
            EXPECT_TRUE(i == 0 || offers->items[i - 1] < offers->items[i]);
            EXPECT_EQ(market->offers[offers->items[i]].state, OFFER_ACTIVE);
            EXPECT_EQ(market->offers[offers->items[i]].product, product);
        }
        open -= needs->count;
        active -= offers->count;
    }
    EXPECT_EQ(open, 0);
    EXPECT_EQ(active, 0);
}

/* One random command to both. */

struct run {
    struct market *market;
    struct model model;
    uint64_t state;
    uint64_t reached; /* A bit for each outcome. */
};

static int32_t random_day(struct run *run)
{
    return random_below(&run->state, 4) == 0
               ? DAY_NONE
               : DAY_ONE + (int32_t)random_below(&run->state, DAY_COUNT);
}

static void expect_outcome(struct run *run, uint16_t kind, union command command,
                           bool is_quarantined, enum outcome expected)
{
    struct market_change change;

    model_expire(&run->model);
    market_apply(run->market, kind, &command, is_quarantined, &change);
    EXPECT_EQ(change.outcome, expected);
    run->reached |= (uint64_t)1 << expected;
}

static void step_things(struct run *run)
{
    uint64_t party = random_below(&run->state, PARTY_COUNT);
    uint64_t product = random_below(&run->state, PRODUCT_COUNT);
    char id[16];

    if (random_below(&run->state, 2) == 0) {
        bool is_new = !run->model.parties[party];
        run->model.parties[party] = true;
        expect_outcome(run, KIND_PARTY_PUT,
                       (union command){.party_put = {.party = numbered(id, 'p', party),
                                                     .lat = (int64_t)party * 1000000}},
                       false, is_new ? OUTCOME_CREATED : OUTCOME_UNCHANGED);
    } else {
        bool is_new = !run->model.products[product];
        run->model.products[product] = true;
        expect_outcome(run, KIND_PRODUCT_PUT,
                       (union command){.product_put = {.product = numbered(id, 'm', product)}},
                       false, is_new ? OUTCOME_CREATED : OUTCOME_UNCHANGED);
    }
}

static void step_need(struct run *run, uint64_t number, bool is_quarantined)
{
    char text[3][16];
    uint64_t other = random_below(&run->state, 10) == 0;
    struct model_need wanted = {
        .party = (number + other) % PARTY_COUNT,
        .product = number % PRODUCT_COUNT,
        .put = {.quantity = 1 + random_below(&run->state, 2),
                .class_number = 1 + random_below(&run->state, 2),
                .due = DAY_NONE,
                .latest = random_day(run)},
    };

    wanted.put.need = numbered(text[0], 'n', number);
    wanted.put.party = numbered(text[1], 'p', wanted.party);
    wanted.put.product = numbered(text[2], 'm', wanted.product);
    if (run->model.needs[number].exists && random_below(&run->state, 2) == 0) {
        wanted.put.latest = run->model.needs[number].put.latest;
    }
    expect_outcome(run, KIND_NEED_PUT, (union command){.need_put = wanted.put}, is_quarantined,
                   model_put_need(&run->model, number, &wanted, is_quarantined));
}

static void step_offer(struct run *run, uint64_t number, bool is_quarantined)
{
    char text[3][16];
    uint64_t other = random_below(&run->state, 10) == 0;
    struct model_offer wanted = {
        .party = (number + other) % PARTY_COUNT,
        .product = number % PRODUCT_COUNT,
        .put = {.offer_kind = number % 3 == 0 ? OFFER_STOCK : OFFER_CAPACITY,
                .from = random_day(run),
                .to = random_day(run),
                .lead_days = random_below(&run->state, 2)},
    };

    wanted.put.offer = numbered(text[0], 'o', number);
    wanted.put.party = numbered(text[1], 'p', wanted.party);
    wanted.put.product = numbered(text[2], 'm', wanted.product);
    if (wanted.put.offer_kind == OFFER_STOCK) {
        wanted.put.quantity = random_below(&run->state, 3);
    } else {
        wanted.put.per_day = random_below(&run->state, 3);
        wanted.put.from = wanted.put.from == DAY_NONE ? DAY_ONE : wanted.put.from;
        wanted.put.to = wanted.put.to == DAY_NONE ? DAY_ONE + DAY_COUNT - 1 : wanted.put.to;
    }
    expect_outcome(run, KIND_OFFER_PUT, (union command){.offer_put = wanted.put}, is_quarantined,
                   model_put_offer(&run->model, number, &wanted, is_quarantined));
}

static void step_report(struct run *run, uint64_t number)
{
    char id[16];
    struct capacity_put put = {
        .offer = numbered(id, 'o', number),
        .from = random_day(run),
        .to = random_day(run),
        .per_day = random_below(&run->state, 3),
        .source = SOURCE_DECLARED + random_below(&run->state, 3),
        .number = random_below(&run->state, 3) == 0 ? 1 + random_below(&run->state, 30) : 0,
    };

    expect_outcome(run, KIND_CAPACITY_PUT, (union command){.capacity_put = put}, false,
                   model_report(&run->model, number, &put));
}

static void step_need_state(struct run *run, uint64_t number, bool is_release)
{
    char id[16];
    struct model_need *need = &run->model.needs[number];
    enum outcome expected = OUTCOME_STATE;

    if (!need->exists) {
        expected = OUTCOME_UNKNOWN;
    } else if (is_release && need->state == NEED_QUARANTINED) {
        expected = OUTCOME_CHANGED;
        need->state = NEED_OPEN;
    } else if (!is_release && need->state <= NEED_OPEN) {
        expected = OUTCOME_ENDED;
        need->state = NEED_CANCELLED;
    }
    expect_outcome(run, is_release ? KIND_NEED_RELEASE : KIND_NEED_CANCEL,
                   (union command){.id_command = {.id = numbered(id, 'n', number)}}, false,
                   expected);
}

static void step_offer_state(struct run *run, uint64_t number, bool is_release)
{
    char id[16];
    struct model_offer *offer = &run->model.offers[number];
    enum outcome expected = OUTCOME_STATE;

    if (!offer->exists) {
        expected = OUTCOME_UNKNOWN;
    } else if (is_release && offer->state == OFFER_QUARANTINED) {
        expected = OUTCOME_CHANGED;
        offer->state = OFFER_ACTIVE;
    } else if (!is_release && offer->state <= OFFER_ACTIVE) {
        expected = OUTCOME_ENDED;
        offer->state = OFFER_WITHDRAWN;
    }
    expect_outcome(run, is_release ? KIND_OFFER_RELEASE : KIND_OFFER_WITHDRAW,
                   (union command){.id_command = {.id = numbered(id, 'o', number)}}, false,
                   expected);
}

static void step(struct run *run)
{
    uint64_t choice = random_below(&run->state, 100);
    uint64_t number = random_below(&run->state, THING_COUNT);
    bool is_quarantined = random_below(&run->state, 5) == 0;

    if (choice < 10) {
        step_things(run);
    } else if (choice < 30) {
        step_need(run, number, is_quarantined);
    } else if (choice < 50) {
        step_offer(run, number, is_quarantined);
    } else if (choice < 85) {
        step_report(run, number);
    } else if (choice < 90) {
        step_need_state(run, number, choice < 89);
    } else if (choice < 95) {
        step_offer_state(run, number, choice < 94);
    } else {
        uint64_t day = DAY_ONE + random_below(&run->state, 2 + run->state % DAY_COUNT) / 3;
        uint64_t now = day * DAY_MS + random_below(&run->state, DAY_MS);
        expect_outcome(run, KIND_TICK, (union command){.tick = {.now = now}}, false,
                       model_tick(&run->model, now));
    }
    expect_as_in_model(run->market, &run->model);
}

/* Now and then the market is replaced by its own copy, which must go on alike. */
static void the_market_does_what_the_model_does(void)
{
    uint64_t reached = 0;

    for (test_seed = 1; test_seed <= 300; test_seed++) {
        struct run run = {.model = {.today = -1}, .state = test_seed};
        market_open(&run.market);
        for (int i = 0; i < 300; i++) {
            step(&run);
            if (random_below(&run.state, 40) == 0) {
                struct market *restored = copy(run.market);
                expect_same_market(run.market, restored);
                market_close(run.market);
                run.market = restored;
            }
        }
        reached |= run.reached;
        market_close(run.market);
    }
    test_seed = 0;
    for (uint32_t outcome = OUTCOME_CREATED; outcome <= OUTCOME_PASSED_ON; outcome++) {
        EXPECT_TRUE(outcome == OUTCOME_FULL || (reached >> outcome & 1) == 1);
    }
}

int main(int argc, char **argv)
{
    static const struct test_case cases[] = {
        CASE(the_market_does_what_the_model_does),
    };

    return run_cases(cases, COUNT_OF(cases), argc, argv);
}
