/*
 * dispatch_test.c - the dispatcher in its stage, and clients that follow it.
 */
#include "brokers/dispatch/dispatch.h"

#include "brokers/dispatch/subscribers.h"
#include "tests/unit/command_fixture.h"
#include "tests/unit/fake_world.h"

#define SEED_COUNT 20
#define ACTION_COUNT 400
#define CLIENT_COUNT 6
#define PARTY_COUNT 4
#define NAME_SIZE 16

struct setup {
    struct fake_world world;
    struct fake_journal upstream;
    struct dispatch_options limits;
    struct dispatch *dispatch;
    struct stage_options options;
    struct stage *stage;
    struct arena arena;
};

static void start(struct setup *setup)
{
    dispatch_open(&setup->limits, &setup->dispatch);
    setup->options.state = setup->dispatch;
    EXPECT_OK(fake_world_start(&setup->world, &setup->options, &setup->stage));
}

static void open_setup(struct setup *setup)
{
    *setup = (struct setup){
        .upstream = {.head = {.epoch = 1, .oldest = 1}},
        .limits = {.clients_max = 100, .credit_max = 1000, .head_ms = 5000},
        .options = {.role = &dispatch_role, .checkpoint_entries = 1000000},
    };
    fake_world_init(&setup->world);
    start(setup);
}

static void crash(struct setup *setup)
{
    stage_close(setup->stage);
    dispatch_close(setup->dispatch);
    EXPECT_EQ(setup->world.parcel_count, 0);
    fake_world_crash(&setup->world);
}

static void close_setup(struct setup *setup)
{
    crash(setup);
    fake_world_deinit(&setup->world);
    fake_journal_deinit(&setup->upstream);
    arena_deinit(&setup->arena);
}

static void settle(struct setup *setup)
{
    fake_world_settle(&setup->world, setup->stage);
    EXPECT_TEXT(bytes_from_text(setup->world.failure), "");
}

static void deliver(struct setup *setup, uint64_t from)
{
    struct buffer stored = {0};

    if (fake_journal_read(&setup->upstream, from, SIZE_MAX, &stored) == STATUS_OK) {
        stage_entries(setup->stage, 0, buffer_view(&stored));
    }
    buffer_deinit(&stored);
}

static uint64_t last_seq(const struct setup *setup)
{
    return setup->world.journal.head.last;
}

/* --- What allocate says -------------------------------------------------------------- */

static void add_entry(struct setup *setup, uint16_t kind, struct bytes body)
{
    fake_journal_append(&setup->upstream,
                        &(struct entry){.kind = kind, .version = STAGE_VERSION, .body = body});
}

/* Assignment `number` between parties that follow from it. */
static void add_assignment(struct setup *setup, uint64_t number, uint64_t state)
{
    char texts[5][NAME_SIZE];
    struct assignment_event event;

    snprintf(texts[0], NAME_SIZE, "n%u", (unsigned)number % 7);
    snprintf(texts[1], NAME_SIZE, "o%u", (unsigned)number % 5);
    snprintf(texts[2], NAME_SIZE, "m%u", (unsigned)number % 3);
    snprintf(texts[3], NAME_SIZE, "p%u", (unsigned)number % PARTY_COUNT);
    snprintf(texts[4], NAME_SIZE, "p%u", (unsigned)(number + 1) % PARTY_COUNT);
    proto_clear(&ASSIGNMENT, &event);
    event.assignment = number;
    event.state = state;
    event.need = bytes_from_text(texts[0]);
    event.offer = bytes_from_text(texts[1]);
    event.product = bytes_from_text(texts[2]);
    event.given = bytes_from_text(number % 3 == 0 ? "m9" : "");
    event.requester = bytes_from_text(texts[3]);
    event.offerer = bytes_from_text(texts[4]);
    event.quantity = number;
    event.class_number = 1;
    add_entry(setup, KIND_ASSIGNMENT, encoded(&setup->arena, &ASSIGNMENT, &event));
}

static void add_answer(struct setup *setup, uint64_t number)
{
    static const uint8_t id[SUBMISSION_ID_SIZE];
    struct answer_event event;

    proto_clear(&ANSWER, &event);
    event.id = (struct bytes){id, sizeof id};
    event.assignment = number;
    event.done = true;
    event.code = bytes_from_text("done");
    add_entry(setup, KIND_ANSWER, encoded(&setup->arena, &ANSWER, &event));
}

/* Assignments 1 to `count`, durable. */
static void furnish(struct setup *setup, uint64_t count)
{
    uint64_t first = setup->upstream.head.last + 1;

    for (uint64_t number = 1; number <= count; number++) {
        add_assignment(setup, number, ASSIGNMENT_PROPOSED);
    }
    deliver(setup, first);
    settle(setup);
}

/* --- What clients say and hear ------------------------------------------------------- */

static void say(struct setup *setup, const char *peer, const struct message *message,
                const void *record)
{
    struct header header = {.version = 1, .type = bytes_from_text(message->name)};

    stage_message(setup->stage, &(struct client_message){
                                    .peer = bytes_from_text(peer),
                                    .header = encoded(&setup->arena, &HEADER, &header),
                                    .body = encoded(&setup->arena, message, record),
                                });
}

static void subscribe(struct setup *setup, const char *peer, uint64_t after, uint64_t credit)
{
    say(setup, peer, &SUBSCRIBE, &(struct subscribe){.after = after, .credit = credit});
}

static void give_credit(struct setup *setup, const char *peer, uint64_t count)
{
    say(setup, peer, &CREDIT, &(struct credit){.n = count});
}

/* Whether message `index` went to `peer` and is of this type; then its record. */
static bool heard(struct setup *setup, size_t index, const char *peer,
                  const struct message *message, void *record)
{
    const struct fake_send *sent = &setup->world.sends[index];
    struct refusal refusal;
    struct header header;

    EXPECT_OK(proto_decode(&HEADER, buffer_view(&sent->header), &setup->arena, &header, &refusal));
    if (!bytes_equal(buffer_view(&sent->peer), bytes_from_text(peer)) ||
        !bytes_equal(header.type, bytes_from_text(message->name))) {
        return false;
    }
    EXPECT_OK(proto_decode(message, buffer_view(&sent->body), &setup->arena, record, &refusal));
    return true;
}

/* Events in messages to `peer` so far. */
static uint64_t events_heard(struct setup *setup, const char *peer)
{
    uint64_t count = 0;

    for (size_t i = 0; i < setup->world.send_count; i++) {
        struct event event;
        if (heard(setup, i, peer, &EVENT, &event)) {
            EXPECT_TRUE(event.events.count > 0);
            EXPECT_EQ(event.last, last_seq(setup));
            count += event.events.count;
        }
    }
    return count;
}

/* Messages of a type to `peer`; `record` is that of the last one. */
static size_t count_heard(struct setup *setup, const char *peer, const struct message *message,
                          void *record)
{
    size_t count = 0;

    for (size_t i = 0; i < setup->world.send_count; i++) {
        count += heard(setup, i, peer, message, record);
    }
    return count;
}

static uint64_t figure(struct setup *setup, const char *name)
{
    struct buffer answer = {0};
    struct report report;
    struct refusal refusal;
    uint64_t value = UINT64_MAX;

    stage_report(setup->stage, 1, &answer);
    EXPECT_OK(proto_decode(&REPORT, buffer_view(&answer), &setup->arena, &report, &refusal));
    const struct counter *counters = report.counters.items;
    for (size_t i = 0; i < report.counters.count; i++) {
        if (bytes_equal(counters[i].name, bytes_from_text(name))) {
            value = counters[i].value;
        }
    }
    buffer_deinit(&answer);
    return value;
}

/* --- Credit and heads ---------------------------------------------------------------- */

static void nobody_gets_more_events_than_credit(void)
{
    struct setup setup;

    open_setup(&setup);
    furnish(&setup, 10);
    subscribe(&setup, "ann", 0, 3);
    EXPECT_EQ(events_heard(&setup, "ann"), 3);
    give_credit(&setup, "ann", 2);
    EXPECT_EQ(events_heard(&setup, "ann"), 5);
    furnish(&setup, 2);
    EXPECT_EQ(setup.world.send_count, 2);
    give_credit(&setup, "ann", 100);
    EXPECT_EQ(count_heard(&setup, "ann", &EVENT, &(struct event){0}), 3);
    give_credit(&setup, "bob", 1);
    struct refused refused;
    EXPECT_EQ(count_heard(&setup, "bob", &REFUSED, &refused), 1);
    EXPECT_TEXT(refused.code, "state");
    close_setup(&setup);
}

static void credit_has_a_limit(void)
{
    struct setup setup;

    open_setup(&setup);
    crash(&setup);
    setup.limits.credit_max = 4;
    start(&setup);
    subscribe(&setup, "ann", 0, 1000000);
    for (int i = 0; i < 3; i++) {
        give_credit(&setup, "ann", INT64_MAX);
    }
    furnish(&setup, 10);
    EXPECT_EQ(events_heard(&setup, "ann"), 4);
    close_setup(&setup);
}

static void one_that_has_everything_hears_the_head_now_and_then(void)
{
    struct setup setup;
    struct stream_head head = {0};

    open_setup(&setup);
    furnish(&setup, 5);
    fake_world_pass(&setup.world, setup.stage, 5000);
    subscribe(&setup, "ann", 0, 5);
    EXPECT_EQ(count_heard(&setup, "ann", &STREAM_HEAD, &head), 1);
    EXPECT_EQ(head.seq, 5);
    EXPECT_EQ(head.oldest, 1);
    subscribe(&setup, "bob", 0, 4); /* Lacks one: no head. */
    fake_world_pass(&setup.world, setup.stage, 4999);
    EXPECT_EQ(count_heard(&setup, "ann", &STREAM_HEAD, &head), 1);
    fake_world_pass(&setup.world, setup.stage, 1);
    EXPECT_EQ(count_heard(&setup, "ann", &STREAM_HEAD, &head), 2);
    EXPECT_EQ(count_heard(&setup, "bob", &STREAM_HEAD, &head), 0);
    close_setup(&setup);
}

/* --- Positions that do not fit ------------------------------------------------------- */

static void a_position_beyond_the_end_is_reset(void)
{
    struct setup setup;
    struct reset reset;

    open_setup(&setup);
    furnish(&setup, 5);
    subscribe(&setup, "ann", 6, 10);
    EXPECT_EQ(count_heard(&setup, "ann", &RESET, &reset), 1);
    EXPECT_EQ(reset.oldest, 1);
    EXPECT_EQ(reset.last, 5);
    EXPECT_EQ(figure(&setup, "subscribers"), 0);
    subscribe(&setup, "ann", 5, 10);
    EXPECT_EQ(figure(&setup, "subscribers"), 1);
    subscribe(&setup, "ann", 6, 10); /* Replaces the old one, if only by a reset. */
    EXPECT_EQ(figure(&setup, "subscribers"), 0);
    close_setup(&setup);
}

static void a_position_that_is_no_longer_kept_is_reset(void)
{
    struct setup setup;
    struct reset reset;

    open_setup(&setup);
    crash(&setup);
    setup.options.checkpoint_entries = 10;
    setup.options.keep_entries = 4;
    start(&setup);
    subscribe(&setup, "slow", 0, 2);
    say(&setup, "party", &SUBSCRIBE,
        &(struct subscribe){.credit = 1, .party = bytes_from_text("p1")});
    furnish(&setup, 10); /* Keeps 7 to 10. */
    EXPECT_EQ(events_heard(&setup, "slow"), 2);
    furnish(&setup, 1);
    EXPECT_EQ(count_heard(&setup, "slow", &RESET, &reset), 1);
    EXPECT_EQ(reset.oldest, 7);
    EXPECT_EQ(count_heard(&setup, "party", &RESET, &reset), 1);
    EXPECT_EQ(figure(&setup, "subscribers"), 0);
    subscribe(&setup, "ann", 5, 10);
    EXPECT_EQ(count_heard(&setup, "ann", &RESET, &reset), 1);
    subscribe(&setup, "ann", 6, 10);
    EXPECT_EQ(count_heard(&setup, "ann", &EVENT, &(struct event){0}), 1);
    close_setup(&setup);
}

/* --- Slow and lost clients ----------------------------------------------------------- */

static void a_blocked_subscriber_delays_nobody_and_is_tried_again(void)
{
    struct setup setup;

    open_setup(&setup);
    settle(&setup);
    subscribe(&setup, "slow", 0, 100);
    subscribe(&setup, "ann", 0, 100);
    fake_world_set_peer(&setup.world, "slow", STATUS_AGAIN);
    furnish(&setup, 3);
    EXPECT_EQ(events_heard(&setup, "ann"), 3);
    EXPECT_EQ(events_heard(&setup, "slow"), 0);
    EXPECT_TRUE(setup.world.wake_ms <= setup.world.time_ms + 50);
    fake_world_pass(&setup.world, setup.stage, 50);
    EXPECT_TRUE(setup.world.wake_ms <= setup.world.time_ms + 50);
    fake_world_set_peer(&setup.world, "slow", STATUS_OK);
    fake_world_pass(&setup.world, setup.stage, 50);
    EXPECT_EQ(events_heard(&setup, "slow"), 3);
    EXPECT_EQ(figure(&setup, "blocked"), 2);
    close_setup(&setup);
}

static void events_that_cannot_be_read_are_tried_again_after_a_while(void)
{
    struct setup setup;

    open_setup(&setup);
    furnish(&setup, 3);
    fake_world_pass(&setup.world, setup.stage, 1);
    setup.world.read_status = STATUS_IO;
    subscribe(&setup, "ann", 0, 100);
    EXPECT_EQ(setup.world.wake_ms, setup.world.time_ms + 50);
    setup.world.read_status = STATUS_OK;
    fake_world_pass(&setup.world, setup.stage, 50);
    EXPECT_EQ(events_heard(&setup, "ann"), 3);
    close_setup(&setup);
}

static void one_that_is_gone_loses_its_place(void)
{
    struct setup setup;
    struct refused refused;

    open_setup(&setup);
    crash(&setup);
    setup.limits.clients_max = 2;
    start(&setup);
    subscribe(&setup, "ann", 0, 100);
    subscribe(&setup, "bob", 0, 100);
    subscribe(&setup, "eve", 0, 100);
    EXPECT_EQ(count_heard(&setup, "eve", &REFUSED, &refused), 1);
    EXPECT_TEXT(refused.code, "full");
    EXPECT_TRUE(refused.retry_after_ms > 0);
    subscribe(&setup, "bob", 0, 50); /* Has its place. */
    EXPECT_EQ(count_heard(&setup, "bob", &REFUSED, &refused), 0);
    fake_world_set_peer(&setup.world, "bob", STATUS_NOT_FOUND);
    furnish(&setup, 1);
    EXPECT_EQ(figure(&setup, "subscribers"), 1);
    EXPECT_EQ(figure(&setup, "gone"), 1);
    subscribe(&setup, "eve", 0, 100);
    EXPECT_EQ(events_heard(&setup, "eve"), 1);
    close_setup(&setup);
}

static void messages_that_make_no_sense_are_refused(void)
{
    struct setup setup;
    struct refused refused;
    struct header header = {.version = 2, .type = bytes_from_text("subscribe")};
    struct client_message message = {.peer = bytes_from_text("ann"),
                                     .header = bytes_from_text("?")};

    open_setup(&setup);
    stage_message(setup.stage, &message);
    EXPECT_EQ(count_heard(&setup, "ann", &REFUSED, &refused), 1);
    EXPECT_TEXT(refused.code, "malformed");
    message.header = encoded(&setup.arena, &HEADER, &header);
    stage_message(setup.stage, &message);
    EXPECT_EQ(count_heard(&setup, "ann", &REFUSED, &refused), 2);
    EXPECT_TEXT(refused.code, "version");
    say(&setup, "ann", &TICK, &(struct tick){.now = 1});
    EXPECT_EQ(count_heard(&setup, "ann", &REFUSED, &refused), 3);
    EXPECT_TEXT(refused.code, "unknown");
    close_setup(&setup);
}

/* --- Snapshots ----------------------------------------------------------------------- */

/* Asks page by page; checks that each wanted assignment comes once, and gives how many came. */
static uint64_t read_snapshot(struct setup *setup, struct snapshot request, uint64_t *pages)
{
    uint64_t count = 0;
    uint64_t previous = 0;

    do {
        struct refusal refusal;
        struct rows rows;
        fake_world_forget_sends(&setup->world);
        say(setup, "ann", &SNAPSHOT, &request);
        EXPECT_EQ(setup->world.send_count, 1);
        EXPECT_TRUE(heard(setup, 0, "ann", &ROWS, &rows));
        const struct raw_item *items = rows.rows.items;
        for (size_t i = 0; i < rows.rows.count; i++) {
            struct assignment_event event;
            EXPECT_OK(proto_decode(&ASSIGNMENT, items[i].value, &setup->arena, &event, &refusal));
            EXPECT_TEXT(event.type, "assignment");
            EXPECT_TRUE(event.assignment > previous);
            EXPECT_EQ(event.seq == 0, request.party.size > 0);
            previous = event.assignment;
        }
        EXPECT_TRUE(request.limit == 0 || rows.rows.count <= request.limit);
        count += rows.rows.count;
        request.from = rows.next;
        (*pages)++;
    } while (request.from != 0);
    return count;
}

static void a_snapshot_gives_every_assignment_once_in_pages(void)
{
    struct setup setup;
    uint64_t pages = 0;

    open_setup(&setup);
    furnish(&setup, 600);
    EXPECT_EQ(read_snapshot(&setup, (struct snapshot){0}, &pages), 600);
    EXPECT_TRUE(pages > 1);
    pages = 0;
    EXPECT_EQ(read_snapshot(&setup, (struct snapshot){.limit = 100}, &pages), 600);
    EXPECT_EQ(pages, 6);
    EXPECT_EQ(read_snapshot(&setup, (struct snapshot){.party = bytes_from_text("p1")}, &pages),
              300);
    EXPECT_EQ(read_snapshot(&setup, (struct snapshot){.product = bytes_from_text("m1")}, &pages),
              200);
    EXPECT_EQ(read_snapshot(&setup, (struct snapshot){.assignment = 77}, &pages), 1);
    EXPECT_EQ(read_snapshot(&setup, (struct snapshot){.assignment = 601}, &pages), 0);
    EXPECT_EQ(read_snapshot(&setup, (struct snapshot){.states = 1 << ASSIGNMENT_SHIPPED}, &pages),
              0);
    close_setup(&setup);
}

/* --- Shared messages ----------------------------------------------------------------- */

/* The bodies that `peer` got, one behind the other. */
static struct buffer bodies_of(const struct setup *setup, const char *peer)
{
    struct buffer bodies = {0};

    for (size_t i = 0; i < setup->world.send_count; i++) {
        const struct fake_send *sent = &setup->world.sends[i];
        if (bytes_equal(buffer_view(&sent->peer), bytes_from_text(peer))) {
            buffer_append(&bodies, sent->header.data, sent->header.size);
            buffer_append(&bodies, sent->body.data, sent->body.size);
        }
    }
    return bodies;
}

static void a_shared_message_is_the_one_that_each_would_get(void)
{
    static const char *const peers[] = {"ann", "bob", "eve"};
    struct setup shared;
    struct setup alone;

    open_setup(&shared);
    furnish(&shared, 600);
    for (size_t i = 0; i < COUNT_OF(peers); i++) {
        subscribe(&shared, peers[i], 0, 1000);
    }
    open_setup(&alone);
    furnish(&alone, 600);
    subscribe(&alone, "ann", 0, 1000);
    struct buffer expected = bodies_of(&alone, "ann");
    for (size_t i = 0; i < COUNT_OF(peers); i++) {
        struct buffer bodies = bodies_of(&shared, peers[i]);
        EXPECT_TRUE(bytes_equal(buffer_view(&bodies), buffer_view(&expected)));
        buffer_deinit(&bodies);
    }
    buffer_deinit(&expected);
    close_setup(&shared);
    close_setup(&alone);
}

/* One with little credit gets small messages; others are not made to. */
static void a_message_cut_short_by_credit_is_not_shared(void)
{
    struct setup setup;

    open_setup(&setup);
    furnish(&setup, 100);
    subscribe(&setup, "ann", 0, 1);
    subscribe(&setup, "bob", 0, 1000);
    EXPECT_EQ(count_heard(&setup, "bob", &EVENT, &(struct event){0}), 1);
    EXPECT_EQ(events_heard(&setup, "bob"), 100);
    close_setup(&setup);
}

/* --- Clients over a whole story ------------------------------------------------------ */

struct client {
    char name[NAME_SIZE];
    struct subscribe filter;
    uint64_t granted;       /* Events it may get. */
    uint64_t count;         /* Events it got. */
    uint64_t position;      /* Of the last one. */
    struct buffer received; /* They themselves. */
};

static void choose_filter(uint64_t *random, struct subscribe *filter)
{
    static const char *const parties[PARTY_COUNT] = {"p0", "p1", "p2", "p3"};
    static const char *const products[] = {"m0", "m1", "m2"};
    uint64_t what = random_below(random, 4);

    if (what == 1 || what == 3) {
        filter->party = bytes_from_text(parties[random_below(random, PARTY_COUNT)]);
    }
    if (what == 2 || what == 3) {
        filter->product = bytes_from_text(products[random_below(random, 3)]);
    }
    if (random_below(random, 4) == 0) {
        filter->states = 1 << ASSIGNMENT_PROPOSED;
    }
}

static void reconnect(struct setup *setup, struct client *client, uint64_t credit)
{
    struct subscribe request = client->filter;

    request.after = client->position;
    request.credit = credit;
    client->granted = client->count + credit;
    say(setup, client->name, &SUBSCRIBE, &request);
}

/* The position in an event of either kind. */
static uint64_t position_of(struct setup *setup, struct bytes value)
{
    struct assignment_event assignment;
    struct answer_event answer;
    struct refusal refusal;

    if (proto_decode(&ASSIGNMENT, value, &setup->arena, &assignment, &refusal) == STATUS_OK) {
        return assignment.seq;
    }
    EXPECT_OK(proto_decode(&ANSWER, value, &setup->arena, &answer, &refusal));
    return answer.seq;
}

static void collect(struct setup *setup, struct client *clients)
{
    for (size_t i = 0; i < setup->world.send_count; i++) {
        for (size_t k = 0; k < CLIENT_COUNT; k++) {
            struct client *client = &clients[k];
            struct event event;
            if (!heard(setup, i, client->name, &EVENT, &event)) {
                continue;
            }
            const struct raw_item *items = event.events.items;
            for (size_t at = 0; at < event.events.count; at++) {
                buffer_append(&client->received, items[at].value.data, items[at].value.size);
                EXPECT_TRUE(position_of(setup, items[at].value) > client->position);
                client->position = position_of(setup, items[at].value);
                EXPECT_TRUE(client->position <= event.last);
            }
            client->count += event.events.count;
            EXPECT_TRUE(client->count <= client->granted);
        }
    }
    fake_world_forget_sends(&setup->world);
    arena_reset(&setup->arena);
}

static bool is_of(struct bytes party, const struct assignment_event *event)
{
    return bytes_equal(party, event->requester) || bytes_equal(party, event->offerer);
}

/* What a client must have got in the end, from the own feed alone. */
static struct buffer expected_events(struct setup *setup, const struct subscribe *filter)
{
    static struct assignment_event known[ACTION_COUNT + 1]; /* Views live as long as the arena. */
    struct buffer expected = {0};
    struct refusal refusal;
    uint64_t position = 0;

    for (uint64_t seq = 1; seq <= last_seq(setup); seq++) {
        const struct entry *entry = &setup->world.journal.entries[seq - 1];
        struct answer_event answer = {0};
        struct assignment_event event = {0};
        bool is_assignment = entry->kind == KIND_ASSIGNMENT;
        if (is_assignment) {
            EXPECT_OK(proto_decode(&ASSIGNMENT, entry->body, &setup->arena, &event, &refusal));
            known[event.assignment] = event;
        } else {
            EXPECT_OK(proto_decode(&ANSWER, entry->body, &setup->arena, &answer, &refusal));
            event = known[answer.assignment];
        }
        if (filter->party.size > 0 && !is_of(filter->party, &event)) {
            continue;
        }
        position++;
        bool is_narrow = filter->product.size > 0 || filter->states != 0;
        bool passes = (filter->product.size == 0 || bytes_equal(filter->product, event.product)) &&
                      (filter->states == 0 || (filter->states >> event.state & 1) != 0);
        if (is_narrow && (!is_assignment || !passes)) {
            continue;
        }
        event.seq = answer.seq = filter->party.size > 0 ? position : seq;
        proto_encode(is_assignment ? &ASSIGNMENT : &ANSWER,
                     is_assignment ? (void *)&event : (void *)&answer, &expected);
    }
    return expected;
}

static void add_random_entry(struct setup *setup, uint64_t *random, uint64_t *number_last)
{
    uint64_t number = 1 + random_below(random, *number_last + 1);

    if (random_below(random, 5) == 0) {
        add_entry(setup, KIND_NOTED, (struct bytes){0});
    } else if (number <= *number_last && random_below(random, 3) == 0) {
        add_answer(setup, number);
    } else {
        add_assignment(setup, number, 1 + random_below(random, 4));
        *number_last = max_u64(*number_last, number);
    }
}

static void crash_and_reconnect(struct setup *setup, struct client *clients, uint64_t *random)
{
    collect(setup, clients); /* What was sent arrives. */
    crash(setup);
    start(setup);
    deliver(setup, 1);
    for (size_t i = 0; i < CLIENT_COUNT && stage_is_live(setup->stage); i++) {
        reconnect(setup, &clients[i], random_below(random, 5));
    }
}

static void act(struct setup *setup, struct client *clients, uint64_t *random,
                uint64_t *number_last)
{
    static const enum status moods[] = {STATUS_OK, STATUS_AGAIN, STATUS_NOT_FOUND};
    struct client *client = &clients[random_below(random, CLIENT_COUNT)];
    uint64_t credit = random_below(random, 8);

    switch (random_below(random, 12)) {
    case 0:
        fake_world_set_peer(&setup->world, client->name, moods[random_below(random, 3)]);
        break;
    case 1:
        fake_world_set_peer(&setup->world, client->name, STATUS_OK);
        reconnect(setup, client, credit);
        break;
    case 2:
        client->granted += credit; /* A client without a subscription is refused. */
        give_credit(setup, client->name, credit);
        break;
    case 3:
        fake_world_pass(&setup->world, setup->stage, 60);
        break;
    case 4:
        if (random_below(random, 4) == 0) {
            crash_and_reconnect(setup, clients, random);
        }
        break;
    case 5:
    case 6:
        fake_world_write(&setup->world);
        break;
    case 7:
    case 8:
        fake_world_tell(&setup->world, setup->stage);
        break;
    default:
        add_random_entry(setup, random, number_last);
        deliver(setup, setup->upstream.head.last);
        break;
    }
    collect(setup, clients);
}

static void everyone_gets_every_event_it_wants_once_and_in_order(void)
{
    for (test_seed = 1; test_seed <= SEED_COUNT; test_seed++) {
        struct setup setup;
        struct client clients[CLIENT_COUNT] = {0};
        uint64_t random = test_seed;
        uint64_t number_last = 0;

        open_setup(&setup);
        setup.options.checkpoint_entries = 1 + random_below(&random, 40);
        for (size_t i = 0; i < CLIENT_COUNT; i++) {
            snprintf(clients[i].name, NAME_SIZE, "client %zu", i);
            choose_filter(&random, &clients[i].filter);
        }
        for (size_t i = 0; i < ACTION_COUNT; i++) {
            act(&setup, clients, &random, &number_last);
        }
        deliver(&setup, 1);
        settle(&setup);
        collect(&setup, clients);
        for (size_t i = 0; i < CLIENT_COUNT; i++) {
            fake_world_set_peer(&setup.world, clients[i].name, STATUS_OK);
            reconnect(&setup, &clients[i], 1000);
        }
        collect(&setup, clients);
        for (size_t i = 0; i < CLIENT_COUNT; i++) {
            struct buffer expected = expected_events(&setup, &clients[i].filter);
            EXPECT_TRUE(bytes_equal(buffer_view(&clients[i].received), buffer_view(&expected)));
            buffer_deinit(&expected);
            buffer_deinit(&clients[i].received);
        }
        close_setup(&setup);
    }
    test_seed = 0;
}

static void numbering_goes_on_after_a_restart(void)
{
    struct setup setup;

    open_setup(&setup);
    setup.options.checkpoint_entries = 4;
    for (uint64_t round = 0; round < 6; round++) {
        add_assignment(&setup, round + 1, ASSIGNMENT_PROPOSED);
        add_answer(&setup, round + 1);
        add_entry(&setup, KIND_NOTED, (struct bytes){0});
        deliver(&setup, 3 * round + 1);
        settle(&setup);
        crash(&setup);
        start(&setup);
        deliver(&setup, 1);
        settle(&setup);
        EXPECT_TRUE(stage_is_live(setup.stage));
        EXPECT_EQ(last_seq(&setup), 2 * round + 2);
        EXPECT_EQ(figure(&setup, "known_assignments"), round + 1);
    }
    for (uint64_t seq = 1; seq <= last_seq(&setup); seq++) {
        EXPECT_EQ(position_of(&setup, setup.world.journal.entries[seq - 1].body), seq);
    }
    close_setup(&setup);
}

/* --- The table of subscribers -------------------------------------------------------- */

#define PEER_COUNT 90

static void the_table_of_subscribers_finds_exactly_those_who_are_there(void)
{
    for (test_seed = 1; test_seed <= 10; test_seed++) {
        struct subscribers subscribers = {0};
        uint64_t positions[PEER_COUNT] = {0}; /* By peer; 0: not there. */
        uint64_t random = test_seed;
        size_t count = 0;

        for (uint64_t step = 1; step <= 3000; step++) {
            uint8_t peer = (uint8_t)random_below(&random, PEER_COUNT);
            struct subscriber *found = subscribers_find(&subscribers, (struct bytes){&peer, 1});
            EXPECT_EQ(found == NULL ? 0 : found->position, positions[peer]);
            if (random_below(&random, 2) == 0) {
                count += found == NULL;
                found = subscribers_add(&subscribers, (struct bytes){&peer, 1});
                EXPECT_EQ(found->position, 0);
                found->position = positions[peer] = step;
            } else if (found != NULL) {
                subscribers_remove(&subscribers, found);
                positions[peer] = 0;
                count--;
            }
            EXPECT_EQ(subscribers.live_count, count);
            EXPECT_TRUE(subscribers.count <= PEER_COUNT);
        }
        subscribers_deinit(&subscribers);
    }
    test_seed = 0;
}

static const struct test_case cases[] = {
    CASE(nobody_gets_more_events_than_credit),
    CASE(credit_has_a_limit),
    CASE(one_that_has_everything_hears_the_head_now_and_then),
    CASE(a_position_beyond_the_end_is_reset),
    CASE(a_position_that_is_no_longer_kept_is_reset),
    CASE(a_blocked_subscriber_delays_nobody_and_is_tried_again),
    CASE(events_that_cannot_be_read_are_tried_again_after_a_while),
    CASE(one_that_is_gone_loses_its_place),
    CASE(messages_that_make_no_sense_are_refused),
    CASE(a_snapshot_gives_every_assignment_once_in_pages),
    CASE(a_shared_message_is_the_one_that_each_would_get),
    CASE(a_message_cut_short_by_credit_is_not_shared),
    CASE(everyone_gets_every_event_it_wants_once_and_in_order),
    CASE(numbering_goes_on_after_a_restart),
    CASE(the_table_of_subscribers_finds_exactly_those_who_are_there),
};

int main(int argc, char **argv)
{
    return run_cases(cases, COUNT_OF(cases), argc, argv);
}
