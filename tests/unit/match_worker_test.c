/*
 * match_worker_test.c - the match worker in its stage; a reader of its feed checks the promise.
 *
 * The reader folds the feed as allocate does: the commands into a market, the matches into a table.
 * What the feed promises is then checked against match_check over all pairs.
 */
#include "workers/match/worker.h"

#include "tests/unit/command_fixture.h"
#include "tests/unit/fake_world.h"

#define SEED_COUNT 12
#define STEP_COUNT 160
#define PARTY_COUNT 4
#define PRODUCT_COUNT 2
#define THING_COUNT 24 /* Needs, and offers. */
#define FIRST_DAY 18353

struct setup {
    struct fake_world world;
    struct fake_journal upstream;
    struct match_rules rules;
    struct match_worker *worker;
    struct stage_options options;
    struct stage *stage;
    struct arena arena;
};

static void start(struct setup *setup)
{
    match_worker_open(&setup->rules, &setup->worker);
    setup->options.state = setup->worker;
    EXPECT_OK(fake_world_start(&setup->world, &setup->options, &setup->stage));
}

static void open_setup(struct setup *setup, uint32_t kept_max)
{
    *setup = (struct setup){
        .upstream = {.head = {.epoch = 1, .oldest = 1}},
        .rules = match_rules_default(),
        .options = {.role = &match_role, .checkpoint_entries = 1000000000},
    };
    setup->rules.kept_max = kept_max;
    fake_world_init(&setup->world);
    start(setup);
}

static void crash(struct setup *setup)
{
    stage_close(setup->stage);
    match_worker_close(setup->worker);
    fake_world_crash(&setup->world);
}

static void close_setup(struct setup *setup)
{
    crash(setup);
    fake_world_deinit(&setup->world);
    fake_journal_deinit(&setup->upstream);
    arena_deinit(&setup->arena);
}

/* Adds a command to the intake feed, as the gateway would. */
static void add(struct setup *setup, const struct message *message, union command command)
{
    struct intake intake = {
        .by = bytes_from_text("ann"),
        .position = 1,
        .body = encoded(&setup->arena, message, &command),
    };
    fake_journal_append(&setup->upstream, &(struct entry){
                                              .kind = message->kind,
                                              .version = STAGE_VERSION,
                                              .flags = ENTRY_SETTLES,
                                              .body = encoded(&setup->arena, &INTAKE, &intake),
                                          });
    arena_reset(&setup->arena);
}

/* Hands over everything from `from` on. */
static void deliver(struct setup *setup, uint64_t from)
{
    struct buffer stored = {0};

    if (fake_journal_read(&setup->upstream, from, SIZE_MAX, &stored) == STATUS_OK) {
        stage_entries(setup->stage, 0, buffer_view(&stored));
    }
    buffer_deinit(&stored);
}

static void settle(struct setup *setup)
{
    deliver(setup, 1);
    fake_world_settle(&setup->world, setup->stage);
    EXPECT_TEXT(bytes_from_text(setup->world.failure), "");
}

/* --- The reader ---------------------------------------------------------------------- */

struct reader {
    struct market *market;
    struct match_rules *rules;
    bool is_listed[THING_COUNT][THING_COUNT]; /* By need and offer. */
    uint32_t bounds[THING_COUNT];
    uint64_t next;                 /* The entry to read next. */
    uint64_t noted;                /* Intake entries that came out again. */
    uint64_t matches;              /* Entries of matches. */
    uint64_t listed;               /* Needs listed anew. */
    bool is_affected[THING_COUNT]; /* By the last entry, and not listed so far. */
};

static void list(struct reader *reader, uint64_t need, uint64_t offer, uint64_t cost)
{
    struct match match =
        match_check(reader->market, reader->rules, (uint32_t)need, (uint32_t)offer);

    EXPECT_EQ(match.reason, MATCH_POSSIBLE);
    EXPECT_EQ(match.cost, cost);
    reader->is_listed[need][offer] = true;
}

/* The search that whoever reads the feed makes when all costs of a party's needs (NAME_NONE: of all
 * needs) may be others. */
static void search_needs(struct reader *reader, uint32_t party)
{
    struct candidate candidates[MATCH_KEPT_MAX];

    for (uint32_t need = 0; need < reader->market->need_ids.count; need++) {
        const struct need *known = &reader->market->needs[need];
        if (known->state == NEED_OPEN && (party == NAME_NONE || known->party == party)) {
            size_t count = match_candidates(reader->market, reader->rules, need, candidates,
                                            &reader->bounds[need]);
            for (size_t i = 0; i < count; i++) {
                reader->is_listed[need][candidates[i].offer] = true;
            }
        }
    }
}

static void read_noted(struct reader *reader, const struct entry *entry, struct arena *arena)
{
    const struct message *message = NULL;
    struct refusal refusal;
    struct noted noted;
    union command command;
    struct market_change change;

    EXPECT_OK(proto_decode(&NOTED, entry->body, arena, &noted, &refusal));
    reader->noted++;
    EXPECT_EQ(entry->cause_first, reader->noted);
    EXPECT_EQ(entry->cause_last, reader->noted);
    message = message_by_kind((uint16_t)noted.kind);
    EXPECT_OK(proto_decode(message, noted.body, arena, &command, &refusal));
    market_apply(reader->market, message->kind, &command, noted.quarantined, &change);
    EXPECT_TEXT(noted.outcome, outcome_name(change.outcome));
    EXPECT_EQ(noted.number, change.number == NAME_NONE ? 0 : change.number);
    if (message->kind == KIND_RULES_PUT) {
        *reader->rules = match_rules_from(&command.rules_put);
        search_needs(reader, NAME_NONE);
    } else if (message->kind == KIND_PARTY_PUT && change.outcome == OUTCOME_CHANGED) {
        search_needs(reader, change.number);
    }
    for (size_t i = 0; i < change.affected_need_count; i++) {
        reader->is_affected[change.affected_needs[i]] = true;
    }
    bool is_put = change.outcome == OUTCOME_CREATED || change.outcome == OUTCOME_CHANGED;
    if (message->kind == KIND_NEED_PUT && is_put) {
        reader->bounds[noted.number] = (uint32_t)noted.bound;
    }
    for (size_t i = 0; i < noted.matches.count; i += 2) {
        list(reader, noted.number, noted.matches.items[i], noted.matches.items[i + 1]);
    }
}

static void read_matches(struct reader *reader, const struct entry *entry, struct arena *arena)
{
    struct refusal refusal;
    struct matches matches;

    EXPECT_EQ(entry->kind, KIND_MATCHES);
    EXPECT_EQ(entry->cause_last, reader->noted); /* Behind the entry it belongs to. */
    EXPECT_OK(proto_decode(&MATCHES, entry->body, arena, &matches, &refusal));
    reader->matches++;
    for (size_t i = 0; i < matches.needs.count; i += 3) {
        const uint64_t *item = &matches.needs.items[i];
        list(reader, item[0], matches.offer, item[1]);
        EXPECT_TRUE(item[2] <= reader->bounds[item[0]]);
        reader->bounds[item[0]] = (uint32_t)item[2];
    }
}

/* A need that is affected is listed once, and no other. */
static void read_listed(struct reader *reader, const struct entry *entry, struct arena *arena)
{
    struct refusal refusal;
    struct listed listed;

    EXPECT_EQ(entry->cause_last, reader->noted);
    EXPECT_OK(proto_decode(&LISTED, entry->body, arena, &listed, &refusal));
    EXPECT_TRUE(reader->is_affected[listed.need]);
    reader->is_affected[listed.need] = false;
    reader->listed++;
    reader->bounds[listed.need] = (uint32_t)listed.bound;
    for (size_t i = 0; i < listed.matches.count; i += 2) {
        list(reader, listed.need, listed.matches.items[i], listed.matches.items[i + 1]);
    }
}

/* Every possible offer that costs less than a need's bound has been listed for it. What was
 * listed and became impossible counts no more. */
static void check_promise(struct reader *reader)
{
    for (size_t need = 0; need < THING_COUNT; need++) {
        EXPECT_TRUE(!reader->is_affected[need]);
    }
    for (uint32_t need = 0; need < reader->market->need_ids.count; need++) {
        for (uint32_t offer = 0; offer < reader->market->offer_ids.count; offer++) {
            struct match match = match_check(reader->market, reader->rules, need, offer);
            bool is_possible = match.reason == MATCH_POSSIBLE;
            reader->is_listed[need][offer] &= is_possible;
            if (is_possible && match.cost < reader->bounds[need]) {
                EXPECT_TRUE(reader->is_listed[need][offer]);
            }
        }
    }
}

/* Reads what became durable; checks behind the last entry of each intake entry. */
static void read_feed(struct setup *setup, struct reader *reader)
{
    const struct fake_journal *feed = &setup->world.journal;

    for (; reader->next <= feed->head.last; reader->next++) {
        const struct entry *entry = &feed->entries[reader->next - 1];
        if (entry->kind == KIND_NOTED) {
            read_noted(reader, entry, &setup->arena);
        } else if (entry->kind == KIND_LISTED) {
            read_listed(reader, entry, &setup->arena);
        } else {
            read_matches(reader, entry, &setup->arena);
        }
        bool is_last = reader->next == feed->head.last || entry[1].kind == KIND_NOTED;
        if (is_last) {
            check_promise(reader);
        }
        arena_reset(&setup->arena);
    }
}

static uint64_t counter_of(struct setup *setup, const char *name)
{
    struct buffer answer = {0};
    struct refusal refusal;
    struct report report;
    uint64_t value = 0;

    stage_report(setup->stage, 1, &answer);
    EXPECT_OK(proto_decode(&REPORT, buffer_view(&answer), &setup->arena, &report, &refusal));
    const struct counter *counters = report.counters.items;
    for (size_t i = 0; i < report.counters.count; i++) {
        value = bytes_equal(counters[i].name, bytes_from_text(name)) ? counters[i].value : value;
    }
    buffer_deinit(&answer);
    arena_reset(&setup->arena);
    return value;
}

/* --- Seeded sequences ---------------------------------------------------------------- */

static union command random_party(uint64_t *random, char name[8], uint64_t number)
{
    static const int64_t latitudes[] = {48856600, 43604700, 46204400};
    static const int64_t longitudes[] = {2352200, 1444200, 6143200};
    static const char *const regions[] = {"IDF", "OCC", ""};
    size_t place = random_below(random, 3);

    snprintf(name, 8, "p%u", (unsigned)number);
    union command command = make_party(name);
    if (random_below(random, 4) > 0) {
        command.party_put.lat = latitudes[place];
        command.party_put.lon = longitudes[place];
    }
    command.party_put.region = bytes_from_text(regions[random_below(random, 3)]);
    command.party_put.name = bytes_from_text(random_below(random, 2) == 0 ? "one" : "other");
    return command;
}

/* A need or offer keeps its party and product: both follow from its number. */
struct pick {
    char name[8], party[8], product[8];
};

static struct pick pick_thing(uint64_t *random, char letter)
{
    unsigned number = (unsigned)random_below(random, THING_COUNT);
    struct pick pick;

    snprintf(pick.name, sizeof pick.name, "%c%u", letter, number);
    snprintf(pick.party, sizeof pick.party, "p%u", (number + (letter == 'n')) % PARTY_COUNT);
    snprintf(pick.product, sizeof pick.product, "m%u", number / 3 % PRODUCT_COUNT);
    return pick;
}

static void add_random_need(struct setup *setup, uint64_t *random)
{
    struct pick pick = pick_thing(random, 'n');
    union command command =
        make_need(pick.name, pick.party, pick.product, 1 + random_below(random, 40));

    if (random_below(random, 2) == 0) {
        command.need_put.due = FIRST_DAY + (int64_t)random_below(random, 20);
        command.need_put.latest = command.need_put.due + (int64_t)random_below(random, 20);
    }
    add(setup, &NEED_PUT, command);
}

static void add_random_offer(struct setup *setup, uint64_t *random)
{
    struct pick pick = pick_thing(random, 'o');
    union command command =
        make_stock(pick.name, pick.party, pick.product, 1 + random_below(random, 40));

    if (random_below(random, 2) == 0) {
        command.offer_put.from = FIRST_DAY + (int64_t)random_below(random, 15);
    }
    command.offer_put.lead_days = random_below(random, 8);
    add(setup, &OFFER_PUT, command);
}

static void add_random_change(struct setup *setup, uint64_t *random)
{
    static const struct message *const messages[] = {&NEED_CANCEL, &OFFER_WITHDRAW};
    size_t which = random_below(random, 2);
    char name[8];

    snprintf(name, sizeof name, "%c%u", "no"[which], (unsigned)random_below(random, THING_COUNT));
    if (which == 1 && random_below(random, 2) == 0) {
        add(setup, &CAPACITY_PUT, make_capacity(name, random_below(random, 40)));
    } else {
        add(setup, messages[which], make_id_command(name));
    }
}

static void add_random_rule(struct setup *setup, uint64_t *random, uint64_t now_ms)
{
    static const char *const regions[] = {"IDF", "OCC", ""};
    unsigned number = (unsigned)random_below(random, 8);
    int64_t from =
        random_below(random, 2) == 0 ? DAY_NONE : day_of(now_ms) + (int64_t)random_below(random, 5);
    int64_t to = random_below(random, 2) == 0
                     ? DAY_NONE
                     : max_i64(from, day_of(now_ms)) + (int64_t)random_below(random, 4);
    char id[8], party[8], other[8], product[8], given[8];
    union command command = {0};

    snprintf(id, sizeof id, "r%u", number);
    snprintf(party, sizeof party, "p%u", number % PARTY_COUNT);
    snprintf(other, sizeof other, "p%u", (number + 1) % PARTY_COUNT);
    snprintf(product, sizeof product, "m%u", number % PRODUCT_COUNT);
    snprintf(given, sizeof given, "m%u", (number + 1) % PRODUCT_COUNT);
    switch (random_below(random, 5)) {
    case 0:
        command.substitute_put = (struct substitute_put){.substitute = bytes_from_text(id),
                                                         .product = bytes_from_text(product),
                                                         .given = bytes_from_text(given),
                                                         .rank = 1 + random_below(random, 3),
                                                         .from = from,
                                                         .to = to};
        add(setup, &SUBSTITUTE_PUT, command);
        return;
    case 1:
        command.norm_put =
            (struct norm_put){.norm = bytes_from_text(id),
                              .product = bytes_from_text(product),
                              .code = bytes_from_text("EN 1"),
                              .region = bytes_from_text(regions[random_below(random, 3)]),
                              .class_number = CLASS_COUNT,
                              .from = from,
                              .to = to};
        add(setup, &NORM_PUT, command);
        return;
    case 2:
        command.exclusion_put = (struct exclusion_put){.exclusion = bytes_from_text(id),
                                                       .party = bytes_from_text(party),
                                                       .other = bytes_from_text(other),
                                                       .reason = bytes_from_text("conflict"),
                                                       .from = from,
                                                       .to = to};
        add(setup, &EXCLUSION_PUT, command);
        return;
    default:
        command.certificate_put =
            (struct certificate_put){.certificate = bytes_from_text(id),
                                     .party = bytes_from_text(party),
                                     .product = bytes_from_text(product),
                                     .code = bytes_from_text("EN 1"),
                                     .state = 1 + (random_below(random, 6) == 0),
                                     .from = from,
                                     .to = to};
        add(setup, &CERTIFICATE_PUT, command);
    }
}

static void add_random(struct setup *setup, uint64_t *random, uint64_t *now_ms)
{
    char name[8];

    switch (random_below(random, 15)) {
    case 0:
        add(setup, &PARTY_PUT, random_party(random, name, random_below(random, PARTY_COUNT)));
        break;
    case 1:
        snprintf(name, sizeof name, "m%u", (unsigned)random_below(random, PRODUCT_COUNT));
        add(setup, &PRODUCT_PUT, make_product(name, 1 + random_below(random, 20)));
        break;
    case 2:
        *now_ms += random_below(random, 2) * DAY_MS + 1;
        add(setup, &TICK, (union command){.tick = {.now = *now_ms}});
        break;
    case 3:
    case 4:
        add_random_change(setup, random);
        break;
    case 5:
    case 6:
    case 7:
        add_random_need(setup, random);
        break;
    case 8:
    case 9:
    case 10:
        add_random_rule(setup, random, *now_ms);
        break;
    default:
        add_random_offer(setup, random);
        break;
    }
}

static union command random_rules(uint64_t *random)
{
    union command command = {0};

    command.rules_put.per_kilometre = random_below(random, 3);
    command.rules_put.other_region = random_below(random, 500);
    command.rules_put.per_day_late = random_below(random, 500);
    command.rules_put.kept_max = 1 + random_below(random, 6);
    command.rules_put.other_country = random_below(random, 3000);
    return command;
}

static void fill_upstream(struct setup *setup, uint64_t *random)
{
    uint64_t now_ms = (uint64_t)FIRST_DAY * DAY_MS;
    char name[8];

    for (unsigned i = 0; i < PARTY_COUNT; i++) {
        add(setup, &PARTY_PUT, random_party(random, name, i));
    }
    for (unsigned i = 0; i < PRODUCT_COUNT; i++) {
        snprintf(name, sizeof name, "m%u", i);
        add(setup, &PRODUCT_PUT, make_product(name, 1 + random_below(random, 20)));
    }
    for (size_t i = 0; i < STEP_COUNT; i++) {
        if (random_below(random, 40) == 0) {
            add(setup, &RULES_PUT, random_rules(random));
        }
        add_random(setup, random, &now_ms);
    }
}

static void every_offer_cheaper_than_a_needs_bound_has_been_listed(void)
{
    for (test_seed = 1; test_seed <= 4 * SEED_COUNT; test_seed++) {
        struct setup setup;
        struct match_rules rules;
        struct reader reader = {.next = 1, .rules = &rules};
        uint64_t random = test_seed;

        open_setup(&setup, 1 + (uint32_t)random_below(&random, 6));
        fill_upstream(&setup, &random);
        settle(&setup);
        market_open(&reader.market);
        rules = setup.rules;
        read_feed(&setup, &reader);
        EXPECT_EQ(reader.noted, setup.upstream.head.last);
        EXPECT_TRUE(reader.matches > 0);
        EXPECT_TRUE(reader.listed > 0);
        EXPECT_TRUE(counter_of(&setup, "rematched") >= reader.listed);
        market_close(reader.market);
        close_setup(&setup);
    }
    test_seed = 0;
}

/* The own feed of a seed, with a crash and a restart now and then. */
static struct buffer run(uint64_t seed, bool crashes)
{
    struct setup setup;
    struct buffer feed = {0};
    uint64_t random = seed;

    open_setup(&setup, 1 + (uint32_t)random_below(&random, 6));
    fill_upstream(&setup, &random);
    setup.options.checkpoint_entries = 1 + random_below(&random, 60);
    for (uint64_t i = 0; crashes && i < 40; i++) {
        uint64_t from = 1 + random_below(&random, setup.upstream.head.last);
        deliver(&setup,
                random_below(&random, 2) == 0 && setup.world.asked > 0 ? setup.world.asked : from);
        if (random_below(&random, 2) == 0 && fake_world_write(&setup.world) &&
            random_below(&random, 2) == 0) {
            fake_world_tell(&setup.world, setup.stage);
        }
        if (random_below(&random, 3) == 0) {
            crash(&setup);
            start(&setup);
        }
    }
    settle(&setup);
    settle(&setup);
    EXPECT_OK(fake_journal_read(&setup.world.journal, 1, SIZE_MAX, &feed));
    close_setup(&setup);
    return feed;
}

static void a_restart_at_any_point_gives_the_same_feed(void)
{
    for (test_seed = 1; test_seed <= SEED_COUNT; test_seed++) {
        struct buffer expected = run(test_seed, false);
        struct buffer feed = run(test_seed, true);
        EXPECT_TRUE(bytes_equal(buffer_view(&feed), buffer_view(&expected)));
        buffer_deinit(&expected);
        buffer_deinit(&feed);
    }
    test_seed = 0;
}

/* --- Single laws --------------------------------------------------------------------- */

static uint64_t last_seq(const struct setup *setup)
{
    return setup->world.journal.head.last;
}

static void a_name_alone_lists_nothing_again(void)
{
    struct setup setup;
    union command party = make_party("p0");

    open_setup(&setup, 4);
    add(&setup, &PARTY_PUT, party);
    add(&setup, &PARTY_PUT, make_party("p1"));
    add(&setup, &PRODUCT_PUT, make_product("m0", 1));
    add(&setup, &OFFER_PUT, make_stock("o0", "p0", "m0", 5));
    add(&setup, &NEED_PUT, make_need("n0", "p1", "m0", 5));
    settle(&setup);
    uint64_t last = last_seq(&setup);
    party.party_put.name = bytes_from_text("Workshop");
    add(&setup, &PARTY_PUT, party);
    settle(&setup);
    EXPECT_EQ(last_seq(&setup), last + 1);
    party.party_put.region = bytes_from_text("IDF");
    add(&setup, &PARTY_PUT, party);
    settle(&setup);
    EXPECT_EQ(last_seq(&setup), last + 2 + 1);
    close_setup(&setup);
}

static void a_smaller_lot_lists_what_became_possible(void)
{
    struct setup setup;

    open_setup(&setup, 4);
    add(&setup, &PARTY_PUT, make_party("p0"));
    add(&setup, &PARTY_PUT, make_party("p1"));
    add(&setup, &PRODUCT_PUT, make_product("m0", 10));
    add(&setup, &OFFER_PUT, make_stock("o0", "p0", "m0", 5));
    add(&setup, &NEED_PUT, make_need("n0", "p1", "m0", 20));
    settle(&setup);
    uint64_t last = last_seq(&setup);
    add(&setup, &PRODUCT_PUT, make_product("m0", 5));
    settle(&setup);
    EXPECT_EQ(last_seq(&setup), last + 2);
    EXPECT_EQ(setup.world.journal.entries[last + 1].kind, KIND_MATCHES);
    close_setup(&setup);
}

/* 40 needs of one product, 3 of another; only those that a rule is about are listed anew. */
static void a_rule_change_lists_the_affected_needs_alone(void)
{
    struct setup setup;
    char name[8];
    union command norm = {.norm_put = {.norm = bytes_from_text("r"),
                                       .product = bytes_from_text("m1"),
                                       .code = bytes_from_text("EN 1"),
                                       .class_number = CLASS_COUNT,
                                       .from = DAY_NONE,
                                       .to = FIRST_DAY + 4}};

    open_setup(&setup, 4);
    add(&setup, &PARTY_PUT, make_party("p0"));
    add(&setup, &PARTY_PUT, make_party("p1"));
    add(&setup, &PRODUCT_PUT, make_product("m0", 1));
    add(&setup, &PRODUCT_PUT, make_product("m1", 1));
    add(&setup, &OFFER_PUT, make_stock("o0", "p0", "m0", 5));
    add(&setup, &OFFER_PUT, make_stock("o1", "p0", "m1", 5));
    for (unsigned i = 0; i < 43; i++) {
        snprintf(name, sizeof name, "n%u", i);
        add(&setup, &NEED_PUT, make_need(name, "p1", i < 40 ? "m0" : "m1", 5));
    }
    add(&setup, &TICK, (union command){.tick = {.now = (uint64_t)FIRST_DAY * DAY_MS}});
    settle(&setup);
    EXPECT_EQ(counter_of(&setup, "rematched"), 0);
    add(&setup, &NORM_PUT, norm);
    settle(&setup);
    EXPECT_EQ(counter_of(&setup, "rematched"), 3);
    union command certificate = {.certificate_put = {.certificate = bytes_from_text("c"),
                                                     .party = bytes_from_text("p0"),
                                                     .product = bytes_from_text("m1"),
                                                     .code = bytes_from_text("EN 1"),
                                                     .state = CERTIFICATE_VALID,
                                                     .from = DAY_NONE,
                                                     .to = FIRST_DAY + 1}};
    add(&setup, &CERTIFICATE_PUT, certificate);
    settle(&setup);
    EXPECT_EQ(counter_of(&setup, "rematched"), 6);
    add(&setup, &TICK, (union command){.tick = {.now = (uint64_t)(FIRST_DAY + 1) * DAY_MS}});
    settle(&setup);
    EXPECT_EQ(counter_of(&setup, "rematched"), 6); /* Nothing begins or ends. */
    add(&setup, &TICK, (union command){.tick = {.now = (uint64_t)(FIRST_DAY + 2) * DAY_MS}});
    settle(&setup);
    EXPECT_EQ(counter_of(&setup, "rematched"), 9); /* The certificate is over, */
    add(&setup, &TICK, (union command){.tick = {.now = (uint64_t)(FIRST_DAY + 5) * DAY_MS}});
    settle(&setup);
    EXPECT_EQ(counter_of(&setup, "rematched"), 12); /* and then the norm. */
    close_setup(&setup);
}

/* Numbers, costs and bounds are as wide as they come: five bytes each. */
static void a_big_fan_out_is_split_into_entries_below_2000_bytes(void)
{
    const uint64_t need_count = UINT16_MAX + 2000;
    struct setup setup;
    uint64_t listed = 0;

    open_setup(&setup, 4);
    crash(&setup);
    setup.rules.per_kilometre = 1000;
    start(&setup);
    add(&setup, &PARTY_PUT, make_party("p0"));
    add(&setup, &PARTY_PUT, make_party("p1"));
    add(&setup, &PRODUCT_PUT, make_product("m0", 1));
    for (uint64_t i = 0; i < need_count; i++) {
        char name[16];
        snprintf(name, sizeof name, "n%" PRIu64, i);
        add(&setup, &NEED_PUT, make_need(name, "p1", "m0", 5));
    }
    for (uint64_t from = 1; from <= setup.upstream.head.last; from = last_seq(&setup) + 1) {
        deliver(&setup, from);
        fake_world_settle(&setup.world, setup.stage);
    }
    add(&setup, &OFFER_PUT, make_stock("o0", "p0", "m0", 5));
    deliver(&setup, setup.upstream.head.last);
    fake_world_settle(&setup.world, setup.stage);
    for (uint64_t seq = need_count + 5; seq <= last_seq(&setup); seq++) {
        const struct entry *entry = &setup.world.journal.entries[seq - 1];
        struct refusal refusal;
        struct matches matches;
        EXPECT_TRUE(entry->body.size < 2000);
        EXPECT_OK(proto_decode(&MATCHES, entry->body, &setup.arena, &matches, &refusal));
        EXPECT_EQ(matches.needs.items[0], listed);
        EXPECT_TRUE(matches.needs.items[1] > UINT16_MAX);
        listed += matches.needs.count / 3;
    }
    EXPECT_EQ(listed, need_count);
    close_setup(&setup);
}

static const struct test_case cases[] = {
    CASE(every_offer_cheaper_than_a_needs_bound_has_been_listed),
    CASE(a_restart_at_any_point_gives_the_same_feed),
    CASE(a_name_alone_lists_nothing_again),
    CASE(a_smaller_lot_lists_what_became_possible),
    CASE(a_rule_change_lists_the_affected_needs_alone),
    CASE(a_big_fan_out_is_split_into_entries_below_2000_bytes),
};

int main(int argc, char **argv)
{
    return run_cases(cases, COUNT_OF(cases), argc, argv);
}
