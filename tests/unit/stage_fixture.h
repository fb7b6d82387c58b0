/*
 * stage_fixture.h - a stage with roles that only count, in a world that can crash.
 */
#ifndef TESTS_UNIT_STAGE_FIXTURE_H
#define TESTS_UNIT_STAGE_FIXTURE_H

#include "node/stage.h"
#include "proto/messages.h"
#include "tests/harness.h"
#include "tests/unit/fake_world.h"

#define TALLY_TABLE 2

/* What an upstream entry makes the tally do. */
enum tally_kind {
    TALLY_QUIET = 100, /* Count. */
    TALLY_ONE,         /* Count, and say the sum. */
    TALLY_THREE,       /* Count, and say the sum three times. */
    TALLY_WAIT,        /* Count, and say it when the next entry settles. */
};

struct tally {
    uint64_t sum;
    uint64_t waiting;    /* Entries that wait for one that settles. */
    uint64_t salt;       /* Not zero: a bug, the same entries give others. */
    uint64_t said_count; /* Entries that became durable. */
    uint64_t wake_count, message_count;
    bool has_effects; /* Of the last message. */
};

static inline void say(const struct tally *tally, struct effects *effects)
{
    uint8_t body[8];

    store_u64(body, tally->sum + tally->salt);
    effect_append(effects, TALLY_ONE, (struct bytes){body, sizeof body});
}

static inline void tally_step(void *state, uint32_t upstream, const struct entry *entry,
                              struct effects *effects)
{
    struct tally *tally = state;
    size_t count = entry->kind == TALLY_ONE ? 1 : entry->kind == TALLY_THREE ? 3 : 0;

    EXPECT_EQ(upstream, 0);
    tally->sum = hash_u64(tally->sum + entry->seq) ^ entry->time_ms;
    tally->waiting += entry->kind == TALLY_WAIT;
    if (tally->waiting > 0 && (entry->flags & ENTRY_SETTLES) != 0) {
        tally->waiting = 0;
        count++;
    }
    for (size_t i = 0; i < count; i++) {
        say(tally, effects);
    }
}

static inline bool tally_is_settled(const void *state)
{
    const struct tally *tally = state;
    return tally->waiting == 0;
}

static inline enum status tally_load(void *state, uint8_t table, struct bytes key,
                                     struct bytes value)
{
    struct tally *tally = state;

    EXPECT_EQ(table, TALLY_TABLE);
    EXPECT_TEXT(key, "sum");
    if (value.size != 8) {
        return STATUS_CORRUPT;
    }
    tally->sum = load_u64(value.data);
    return STATUS_OK;
}

static inline enum status tally_loaded(void *state, const struct world *world,
                                       const struct journal_head *head)
{
    (void)state;
    (void)world;
    (void)head;
    return STATUS_OK;
}

static inline void tally_committed(void *state, const struct journal_head *head,
                                   const struct entry *entries, size_t count)
{
    struct tally *tally = state;

    EXPECT_EQ(head->last, entries[count - 1].seq);
    tally->said_count += count;
}

static inline void tally_save(void *state, struct rows_out *rows)
{
    const struct tally *tally = state;
    uint8_t value[8];

    EXPECT_EQ(tally->waiting, 0);
    store_u64(value, tally->sum);
    rows_put(rows, TALLY_TABLE, bytes_from_text("sum"), (struct bytes){value, sizeof value});
}

static inline void tally_report(const void *state, struct report_out *out)
{
    const struct tally *tally = state;
    report_count(out, "said", tally->said_count);
}

/* Says as many entries as the body has bytes. */
static inline void tally_message(void *state, const struct client_message *message,
                                 struct effects *effects)
{
    struct tally *tally = state;

    tally->message_count++;
    tally->has_effects = effects != NULL;
    for (size_t i = 0; effects != NULL && i < message->body.size; i++) {
        tally->sum++;
        say(tally, effects);
    }
}

static inline void tally_wake(void *state, uint64_t now_ms, struct effects *effects)
{
    struct tally *tally = state;

    (void)now_ms;
    (void)effects;
    tally->wake_count++;
}

static inline enum status tally_restore(void *state, const struct entry *entry)
{
    struct tally *tally = state;

    tally->sum++;
    return load_u64(entry->body.data) == tally->sum ? STATUS_OK : STATUS_CORRUPT;
}

static const struct role tally_role = {
    .name = "tally",
    .version = STAGE_VERSION,
    .load = tally_load,
    .loaded = tally_loaded,
    .step = tally_step,
    .is_settled = tally_is_settled,
    .committed = tally_committed,
    .message = tally_message,
    .wake = tally_wake,
    .save = tally_save,
    .report = tally_report,
};

static const struct role source_role = {
    .name = "source",
    .version = STAGE_VERSION,
    .is_source = true,
    .load = tally_load,
    .loaded = tally_loaded,
    .restore = tally_restore,
    .committed = tally_committed,
    .message = tally_message,
    .wake = tally_wake,
    .save = tally_save,
    .report = tally_report,
};

/* A stage, its world and the feed it follows. */
struct setup {
    struct fake_world world;
    struct fake_journal upstream;
    struct tally tally;
    struct stage_options options;
    struct stage *stage;
    uint64_t delivered; /* The last upstream entry that was handed over. */
};

static inline void start(struct setup *setup)
{
    setup->tally = (struct tally){.salt = setup->tally.salt};
    setup->options.state = &setup->tally;
    EXPECT_OK(fake_world_start(&setup->world, &setup->options, &setup->stage));
    setup->delivered = 0;
}

static inline void open_setup(struct setup *setup, const struct role *role)
{
    *setup = (struct setup){
        .upstream = {.head = {.epoch = 7, .oldest = 1}},
        .options = {.role = role, .checkpoint_entries = 1000000},
    };
    fake_world_init(&setup->world);
    setup->world.time_ms = 1000000;
}

static inline void close_setup(struct setup *setup)
{
    stage_close(setup->stage);
    fake_world_deinit(&setup->world);
    fake_journal_deinit(&setup->upstream);
}

static inline void crash(struct setup *setup)
{
    stage_close(setup->stage);
    setup->stage = NULL;
    fake_world_crash(&setup->world);
}

static inline void restart(struct setup *setup)
{
    crash(setup);
    start(setup);
}

static inline void add_upstream(struct setup *setup, uint16_t kind, uint8_t flags)
{
    fake_journal_append(&setup->upstream, &(struct entry){
                                              .time_ms = 5000 + setup->upstream.head.last,
                                              .kind = kind,
                                              .version = STAGE_VERSION,
                                              .flags = flags,
                                          });
}

static inline void add_upstream_times(struct setup *setup, uint16_t kind, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        add_upstream(setup, kind, 0);
    }
}

/* Hands over the upstream entries from `from` to `to` at once. */
static inline void deliver(struct setup *setup, uint64_t from, uint64_t to)
{
    struct buffer stored = {0};

    for (uint64_t seq = from; seq <= to; seq++) {
        entry_store(&setup->upstream.entries[seq - 1], &stored);
    }
    stage_entries(setup->stage, 0, buffer_view(&stored));
    buffer_deinit(&stored);
    setup->delivered = to;
}

static inline void tell_head(struct setup *setup)
{
    stage_upstream_head(setup->stage, 0, &setup->upstream.head, 0);
}

static inline struct entry *own(struct setup *setup, uint64_t seq)
{
    EXPECT_TRUE(seq <= setup->world.journal.head.last);
    return &setup->world.journal.entries[seq - 1];
}

static inline uint64_t last_published(const struct setup *setup)
{
    struct bytes left = buffer_view(&setup->world.published);
    struct entry entry = {0};

    while (left.size > 0) {
        EXPECT_OK(entry_load(&left, &entry));
    }
    return entry.seq;
}

static inline void expect_failure(const struct setup *setup, const char *word)
{
    EXPECT_TRUE(strstr(setup->world.failure, word) != NULL);
    EXPECT_TRUE(stage_is_stopped(setup->stage));
    EXPECT_TRUE(!stage_is_live(setup->stage));
}

static inline bool has_row(const struct setup *setup, const char *key)
{
    for (size_t i = 0; i < setup->world.journal.row_count; i++) {
        if (bytes_equal(buffer_view(&setup->world.journal.rows[i].key), bytes_from_text(key))) {
            return true;
        }
    }
    return false;
}

static inline void submit(struct setup *setup, size_t count)
{
    static const uint8_t body[2000];

    EXPECT_TRUE(count <= sizeof body);
    stage_message(setup->stage, &(struct client_message){.body = {body, count}});
}

#endif
