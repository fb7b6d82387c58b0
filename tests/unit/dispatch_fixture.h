/*
 * dispatch_fixture.h - the dispatcher in its stage, what allocate says and what clients do.
 */
#ifndef TESTS_UNIT_DISPATCH_FIXTURE_H
#define TESTS_UNIT_DISPATCH_FIXTURE_H

#include "brokers/dispatch/dispatch.h"
#include "brokers/dispatch/subscribers.h"
#include "tests/unit/command_fixture.h"
#include "tests/unit/fake_world.h"

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

static inline void start(struct setup *setup)
{
    dispatch_open(&setup->limits, &setup->dispatch);
    setup->options.state = setup->dispatch;
    EXPECT_OK(fake_world_start(&setup->world, &setup->options, &setup->stage));
}

static inline void open_setup(struct setup *setup)
{
    *setup = (struct setup){
        .upstream = {.head = {.epoch = 1, .oldest = 1}},
        .limits = {.clients_max = 100, .credit_max = 1000, .head_ms = 5000},
        .options = {.role = &dispatch_role, .checkpoint_entries = 1000000},
    };
    fake_world_init(&setup->world);
    start(setup);
}

static inline void crash(struct setup *setup)
{
    stage_close(setup->stage);
    dispatch_close(setup->dispatch);
    EXPECT_EQ(setup->world.parcel_count, 0);
    fake_world_crash(&setup->world);
}

static inline void close_setup(struct setup *setup)
{
    crash(setup);
    fake_world_deinit(&setup->world);
    fake_journal_deinit(&setup->upstream);
    arena_deinit(&setup->arena);
}

static inline void settle(struct setup *setup)
{
    fake_world_settle(&setup->world, setup->stage);
    EXPECT_TEXT(bytes_from_text(setup->world.failure), "");
}

static inline void deliver(struct setup *setup, uint64_t from)
{
    struct buffer stored = {0};

    if (fake_journal_read(&setup->upstream, from, SIZE_MAX, &stored) == STATUS_OK) {
        stage_entries(setup->stage, 0, buffer_view(&stored));
    }
    buffer_deinit(&stored);
}

static inline uint64_t last_seq(const struct setup *setup)
{
    return setup->world.journal.head.last;
}

/* --- What allocate says -------------------------------------------------------------- */

static inline void add_entry(struct setup *setup, uint16_t kind, struct bytes body)
{
    fake_journal_append(&setup->upstream,
                        &(struct entry){.kind = kind, .version = STAGE_VERSION, .body = body});
}

/* Assignment `number` between parties that follow from it. */
static inline void add_assignment(struct setup *setup, uint64_t number, uint64_t state)
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

static inline void add_answer(struct setup *setup, uint64_t number)
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
static inline void furnish(struct setup *setup, uint64_t count)
{
    uint64_t first = setup->upstream.head.last + 1;

    for (uint64_t number = 1; number <= count; number++) {
        add_assignment(setup, number, ASSIGNMENT_PROPOSED);
    }
    deliver(setup, first);
    settle(setup);
}

/* --- What clients say and hear ------------------------------------------------------- */

static inline void say_as(struct setup *setup, const char *user, const char *peer,
                          const struct message *message, const void *record)
{
    struct header header = {.version = 1, .type = bytes_from_text(message->name)};

    stage_message(setup->stage, &(struct client_message){
                                    .peer = bytes_from_text(peer),
                                    .user = bytes_from_text(user),
                                    .header = encoded(&setup->arena, &HEADER, &header),
                                    .body = encoded(&setup->arena, message, record),
                                });
}

static inline void say(struct setup *setup, const char *peer, const struct message *message,
                       const void *record)
{
    say_as(setup, "", peer, message, record);
}

static inline void subscribe(struct setup *setup, const char *peer, uint64_t after, uint64_t credit)
{
    say(setup, peer, &SUBSCRIBE, &(struct subscribe){.after = after, .credit = credit});
}

static inline void give_credit(struct setup *setup, const char *peer, uint64_t count)
{
    say(setup, peer, &CREDIT, &(struct credit){.n = count});
}

/* Whether message `index` went to `peer` and is of this type; then its record. */
static inline bool heard(struct setup *setup, size_t index, const char *peer,
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
static inline uint64_t events_heard(struct setup *setup, const char *peer)
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
static inline size_t count_heard(struct setup *setup, const char *peer,
                                 const struct message *message, void *record)
{
    size_t count = 0;

    for (size_t i = 0; i < setup->world.send_count; i++) {
        count += heard(setup, i, peer, message, record);
    }
    return count;
}

static inline uint64_t figure(struct setup *setup, const char *name)
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

#endif
