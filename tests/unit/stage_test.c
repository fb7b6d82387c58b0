/*
 * stage_test.c - a stage with roles that only count, in a world that can crash.
 */
#include "node/stage.h"

#include "proto/messages.h"
#include "tests/harness.h"
#include "tests/unit/fake_world.h"

#define TALLY_TABLE 2
#define UPSTREAM_COUNT 40 /* Entries of a seeded run. */
#define ACTION_COUNT 40   /* What happens to it. */
#define RUN_COUNT 12      /* Seeds. */

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

static void say(const struct tally *tally, struct effects *effects)
{
    uint8_t body[8];

    store_u64(body, tally->sum + tally->salt);
    effect_append(effects, TALLY_ONE, (struct bytes){body, sizeof body});
}

static void tally_step(void *state, uint32_t upstream, const struct entry *entry,
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

static bool tally_is_settled(const void *state)
{
    const struct tally *tally = state;
    return tally->waiting == 0;
}

static enum status tally_load(void *state, uint8_t table, struct bytes key, struct bytes value)
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

static enum status tally_loaded(void *state, const struct world *world,
                                const struct journal_head *head)
{
    (void)state;
    (void)world;
    (void)head;
    return STATUS_OK;
}

static void tally_committed(void *state, const struct journal_head *head,
                            const struct entry *entries, size_t count)
{
    struct tally *tally = state;

    EXPECT_EQ(head->last, entries[count - 1].seq);
    tally->said_count += count;
}

static void tally_save(void *state, struct rows_out *rows)
{
    const struct tally *tally = state;
    uint8_t value[8];

    EXPECT_EQ(tally->waiting, 0);
    store_u64(value, tally->sum);
    rows_put(rows, TALLY_TABLE, bytes_from_text("sum"), (struct bytes){value, sizeof value});
}

static void tally_report(const void *state, struct report_out *out)
{
    const struct tally *tally = state;
    report_count(out, "said", tally->said_count);
}

/* Says as many entries as the body has bytes. */
static void tally_message(void *state, const struct client_message *message,
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

static void tally_wake(void *state, uint64_t now_ms, struct effects *effects)
{
    struct tally *tally = state;

    (void)now_ms;
    (void)effects;
    tally->wake_count++;
}

static enum status tally_restore(void *state, const struct entry *entry)
{
    struct tally *tally = state;

    tally->sum++;
    return load_u64(entry->body.data) == tally->sum ? STATUS_OK : STATUS_CORRUPT;
}

static const struct role tally_role = {
    .name = "tally",
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

static void start(struct setup *setup)
{
    setup->tally = (struct tally){.salt = setup->tally.salt};
    setup->options.state = &setup->tally;
    EXPECT_OK(fake_world_start(&setup->world, &setup->options, &setup->stage));
    setup->delivered = 0;
}

static void open_setup(struct setup *setup, const struct role *role)
{
    *setup = (struct setup){
        .upstream = {.head = {.epoch = 7, .oldest = 1}},
        .options = {.role = role, .checkpoint_entries = 1000000},
    };
    fake_world_init(&setup->world);
    setup->world.time_ms = 1000000;
}

static void close_setup(struct setup *setup)
{
    stage_close(setup->stage);
    fake_world_deinit(&setup->world);
    fake_journal_deinit(&setup->upstream);
}

static void crash(struct setup *setup)
{
    stage_close(setup->stage);
    setup->stage = NULL;
    fake_world_crash(&setup->world);
}

static void restart(struct setup *setup)
{
    crash(setup);
    start(setup);
}

static void add_upstream(struct setup *setup, uint16_t kind, uint8_t flags)
{
    fake_journal_append(&setup->upstream, &(struct entry){
                                              .time_ms = 5000 + setup->upstream.head.last,
                                              .kind = kind,
                                              .version = PROTO_VERSION,
                                              .flags = flags,
                                          });
}

static void add_upstream_times(struct setup *setup, uint16_t kind, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        add_upstream(setup, kind, 0);
    }
}

/* Hands over the upstream entries from `from` to `to` at once. */
static void deliver(struct setup *setup, uint64_t from, uint64_t to)
{
    struct buffer stored = {0};

    for (uint64_t seq = from; seq <= to; seq++) {
        entry_store(&setup->upstream.entries[seq - 1], &stored);
    }
    stage_entries(setup->stage, 0, buffer_view(&stored));
    buffer_deinit(&stored);
    setup->delivered = to;
}

static void tell_head(struct setup *setup)
{
    stage_upstream_head(setup->stage, 0, &setup->upstream.head);
}

static struct entry *own(struct setup *setup, uint64_t seq)
{
    EXPECT_TRUE(seq <= setup->world.journal.head.last);
    return &setup->world.journal.entries[seq - 1];
}

static uint64_t last_published(const struct setup *setup)
{
    struct bytes left = buffer_view(&setup->world.published);
    struct entry entry = {0};

    while (left.size > 0) {
        EXPECT_OK(entry_load(&left, &entry));
    }
    return entry.seq;
}

static void expect_failure(const struct setup *setup, const char *word)
{
    EXPECT_TRUE(strstr(setup->world.failure, word) != NULL);
    EXPECT_TRUE(stage_is_stopped(setup->stage));
    EXPECT_TRUE(!stage_is_live(setup->stage));
}

static bool has_row(const struct setup *setup, const char *key)
{
    for (size_t i = 0; i < setup->world.journal.row_count; i++) {
        if (bytes_equal(buffer_view(&setup->world.journal.rows[i].key), bytes_from_text(key))) {
            return true;
        }
    }
    return false;
}

/* --- Batches ------------------------------------------------------------------------- */

static void a_batch_is_what_came_while_the_last_one_was_committed(void)
{
    struct setup setup;

    open_setup(&setup, &tally_role);
    add_upstream_times(&setup, TALLY_ONE, 6);
    start(&setup);
    deliver(&setup, 1, 1);
    deliver(&setup, 2, 3);
    deliver(&setup, 4, 5);
    EXPECT_EQ(setup.world.pending->entry_count, 1);
    EXPECT_TRUE(fake_world_write(&setup.world));
    EXPECT_TRUE(fake_world_tell(&setup.world, setup.stage));
    EXPECT_EQ(setup.world.pending->entry_count, 4);
    deliver(&setup, 6, 6);
    EXPECT_EQ(setup.world.pending->entry_count, 4);
    fake_world_settle(&setup.world, setup.stage);
    EXPECT_EQ(stage_head(setup.stage).last, 6);
    close_setup(&setup);
}

static void nothing_is_published_or_answered_before_its_commit(void)
{
    struct setup setup;

    open_setup(&setup, &tally_role);
    add_upstream_times(&setup, TALLY_THREE, 2);
    start(&setup);
    deliver(&setup, 1, 2);
    EXPECT_TRUE(fake_world_write(&setup.world));
    EXPECT_EQ(last_published(&setup), 0);
    EXPECT_EQ(setup.tally.said_count, 0);
    EXPECT_TRUE(fake_world_tell(&setup.world, setup.stage));
    EXPECT_EQ(last_published(&setup), 6);
    EXPECT_EQ(setup.tally.said_count, 6);

    struct buffer durable = {0};
    EXPECT_OK(fake_journal_read(&setup.world.journal, 1, SIZE_MAX, &durable));
    EXPECT_TRUE(bytes_equal(buffer_view(&durable), buffer_view(&setup.world.published)));
    buffer_deinit(&durable);
    close_setup(&setup);
}

static void a_full_batch_leaves_entries_and_asks_for_them_later(void)
{
    const uint64_t count = 2 * STAGE_BATCH_ENTRY_COUNT_MAX;
    struct setup setup;

    open_setup(&setup, &tally_role);
    add_upstream_times(&setup, TALLY_ONE, count);
    start(&setup);
    deliver(&setup, 1, 1);
    deliver(&setup, 2, count - 10);
    EXPECT_TRUE(!stage_takes_messages(setup.stage));
    deliver(&setup, count - 9, count);
    EXPECT_EQ(setup.world.ask_count, 0);
    fake_world_settle(&setup.world, setup.stage);
    EXPECT_TRUE(stage_takes_messages(setup.stage));
    EXPECT_EQ(stage_head(setup.stage).last, count - 10);
    EXPECT_EQ(setup.world.ask_count, 1);
    EXPECT_EQ(setup.world.asked, count - 9);
    deliver(&setup, count - 9, count);
    fake_world_settle(&setup.world, setup.stage);
    EXPECT_EQ(stage_head(setup.stage).last, count);
    close_setup(&setup);
}

static void a_failed_commit_ends_the_stage(void)
{
    struct setup setup;

    open_setup(&setup, &tally_role);
    add_upstream_times(&setup, TALLY_ONE, 1);
    start(&setup);
    deliver(&setup, 1, 1);
    struct batch *batch = setup.world.pending;
    setup.world.pending = NULL;
    stage_committed(setup.stage, batch, STATUS_FULL);
    expect_failure(&setup, "full");
    EXPECT_EQ(setup.tally.said_count, 0);
    EXPECT_EQ(setup.world.published.size, 0);
    close_setup(&setup);
}

/* --- The way upstream ---------------------------------------------------------------- */

static void a_gap_is_asked_for_once_and_again_after_a_second(void)
{
    struct setup setup;

    open_setup(&setup, &tally_role);
    add_upstream_times(&setup, TALLY_ONE, 5);
    start(&setup);
    deliver(&setup, 1, 1);
    deliver(&setup, 3, 3);
    EXPECT_EQ(setup.world.ask_count, 1);
    EXPECT_EQ(setup.world.asked, 2);
    deliver(&setup, 4, 4);
    fake_world_pass(&setup.world, setup.stage, 999);
    EXPECT_EQ(setup.world.ask_count, 1);
    fake_world_pass(&setup.world, setup.stage, 1);
    EXPECT_EQ(setup.world.ask_count, 2);
    EXPECT_EQ(setup.world.asked, 2);
    deliver(&setup, 2, 4);
    tell_head(&setup);
    fake_world_pass(&setup.world, setup.stage, 0);
    EXPECT_EQ(setup.world.ask_count, 3); /* The head tells of entry 5. */
    EXPECT_EQ(setup.world.asked, 5);
    deliver(&setup, 5, 5);
    fake_world_settle(&setup.world, setup.stage);
    fake_world_pass(&setup.world, setup.stage, 5000);
    EXPECT_EQ(setup.world.ask_count, 3);
    EXPECT_EQ(stage_head(setup.stage).last, 5);
    close_setup(&setup);
}

static void entries_that_come_twice_are_stepped_once(void)
{
    struct setup setup;

    open_setup(&setup, &tally_role);
    add_upstream_times(&setup, TALLY_ONE, 4);
    start(&setup);
    deliver(&setup, 1, 2);
    deliver(&setup, 1, 3);
    deliver(&setup, 2, 2);
    deliver(&setup, 1, 4);
    fake_world_settle(&setup.world, setup.stage);
    EXPECT_EQ(stage_head(setup.stage).last, 4);
    EXPECT_EQ(setup.world.ask_count, 0);
    close_setup(&setup);
}

static void bytes_that_do_not_check_are_asked_for_again(void)
{
    struct setup setup;
    struct buffer stored = {0};

    open_setup(&setup, &tally_role);
    add_upstream_times(&setup, TALLY_ONE, 2);
    start(&setup);
    EXPECT_OK(fake_journal_read(&setup.upstream, 1, SIZE_MAX, &stored));
    stored.data[stored.size - 1] ^= 1;
    stage_entries(setup.stage, 0, buffer_view(&stored));
    buffer_deinit(&stored);
    tell_head(&setup);
    fake_world_pass(&setup.world, setup.stage, 50);
    EXPECT_EQ(setup.world.asked, 2);
    close_setup(&setup);
}

static void another_upstream_epoch_ends_the_stage(void)
{
    struct setup setup;

    open_setup(&setup, &tally_role);
    add_upstream_times(&setup, TALLY_ONE, 2);
    start(&setup);
    tell_head(&setup);
    deliver(&setup, 1, 2);
    fake_world_settle(&setup.world, setup.stage);
    restart(&setup);
    setup.upstream.head.epoch = 8;
    tell_head(&setup);
    expect_failure(&setup, "another one");
    close_setup(&setup);
}

/* A head that another socket's entries overtook is late, not wrong: it counts when it stays. */
static void an_upstream_that_stays_shorter_ends_the_stage(void)
{
    struct setup setup;

    open_setup(&setup, &tally_role);
    add_upstream_times(&setup, TALLY_ONE, 3);
    start(&setup);
    deliver(&setup, 1, 3);
    struct journal_head shorter = setup.upstream.head;
    shorter.last = 2;
    stage_upstream_head(setup.stage, 0, &shorter);
    EXPECT_TRUE(stage_is_live(setup.stage));
    fake_world_pass(&setup.world, setup.stage, 2000);
    tell_head(&setup);
    stage_upstream_head(setup.stage, 0, &shorter);
    EXPECT_TRUE(stage_is_live(setup.stage));
    fake_world_pass(&setup.world, setup.stage, 1000);
    stage_upstream_head(setup.stage, 0, &shorter);
    expect_failure(&setup, "shorter");
    close_setup(&setup);
}

static void an_upstream_behind_the_cursor_is_noticed_while_recovering(void)
{
    struct setup setup;

    open_setup(&setup, &tally_role);
    add_upstream_times(&setup, TALLY_ONE, 3);
    start(&setup);
    deliver(&setup, 1, 3);
    fake_world_settle(&setup.world, setup.stage);
    restart(&setup);
    struct journal_head shorter = setup.upstream.head;
    shorter.last = 2;
    stage_upstream_head(setup.stage, 0, &shorter);
    fake_world_pass(&setup.world, setup.stage, 1000);
    stage_upstream_head(setup.stage, 0, &shorter);
    expect_failure(&setup, "shorter");
    close_setup(&setup);
}

static void an_upstream_that_forgot_what_is_needed_ends_the_stage(void)
{
    struct setup setup;

    open_setup(&setup, &tally_role);
    add_upstream_times(&setup, TALLY_ONE, 4);
    start(&setup);
    deliver(&setup, 1, 2);
    fake_journal_trim(&setup.upstream, 2);
    tell_head(&setup);
    EXPECT_TRUE(stage_is_live(setup.stage));
    fake_journal_trim(&setup.upstream, 3);
    tell_head(&setup);
    expect_failure(&setup, "no longer keeps");
    close_setup(&setup);
}

/* --- Causes and checkpoints ---------------------------------------------------------- */

static void a_cause_is_what_was_not_decided_before(void)
{
    struct setup setup;

    open_setup(&setup, &tally_role);
    add_upstream(&setup, TALLY_ONE, 0);
    add_upstream(&setup, TALLY_QUIET, 0);
    add_upstream(&setup, TALLY_WAIT, 0);
    add_upstream(&setup, TALLY_QUIET, 0);
    add_upstream(&setup, TALLY_QUIET, ENTRY_SETTLES);
    add_upstream(&setup, TALLY_ONE, 0);
    start(&setup);
    deliver(&setup, 1, 6);
    fake_world_settle(&setup.world, setup.stage);
    EXPECT_EQ(stage_head(setup.stage).last, 3);
    static const uint64_t causes[][2] = {{1, 1}, {3, 5}, {6, 6}};
    for (size_t i = 0; i < COUNT_OF(causes); i++) {
        EXPECT_EQ(own(&setup, i + 1)->cause_first, causes[i][0]);
        EXPECT_EQ(own(&setup, i + 1)->cause_last, causes[i][1]);
        EXPECT_EQ(own(&setup, i + 1)->time_ms, 5000 + causes[i][1] - 1);
    }
    EXPECT_EQ(own(&setup, 1)->flags, 0);
    EXPECT_EQ(own(&setup, 2)->flags, ENTRY_SETTLES);
    close_setup(&setup);
}

static void a_checkpoint_waits_until_all_is_settled(void)
{
    struct setup setup;

    open_setup(&setup, &tally_role);
    setup.options.checkpoint_entries = 2;
    add_upstream(&setup, TALLY_ONE, 0);
    add_upstream(&setup, TALLY_WAIT, 0);
    add_upstream(&setup, TALLY_ONE, 0);
    add_upstream(&setup, TALLY_QUIET, ENTRY_SETTLES);
    start(&setup);
    deliver(&setup, 1, 1);
    fake_world_settle(&setup.world, setup.stage);
    EXPECT_TRUE(has_row(&setup, "cursor"));
    EXPECT_TRUE(!has_row(&setup, "checkpoint"));
    deliver(&setup, 2, 3);
    fake_world_settle(&setup.world, setup.stage);
    EXPECT_TRUE(!has_row(&setup, "checkpoint"));
    deliver(&setup, 4, 4);
    fake_world_settle(&setup.world, setup.stage);
    EXPECT_TRUE(has_row(&setup, "checkpoint"));
    EXPECT_TRUE(has_row(&setup, "sum"));
    close_setup(&setup);
}

static void a_cursor_that_moved_in_silence_is_saved_after_a_second(void)
{
    struct setup setup;

    open_setup(&setup, &tally_role);
    add_upstream_times(&setup, TALLY_QUIET, 3);
    start(&setup);
    deliver(&setup, 1, 3);
    EXPECT_TRUE(setup.world.pending == NULL);
    fake_world_pass(&setup.world, setup.stage, 1000);
    EXPECT_TRUE(setup.world.pending != NULL);
    EXPECT_EQ(setup.world.pending->entry_count, 0);
    fake_world_settle(&setup.world, setup.stage);
    fake_world_pass(&setup.world, setup.stage, 1000);
    EXPECT_TRUE(setup.world.pending == NULL);
    close_setup(&setup);
}

static void own_entries_are_forgotten_only_behind_the_checkpoint(void)
{
    struct setup setup;

    open_setup(&setup, &tally_role);
    setup.options.checkpoint_entries = 10;
    setup.options.keep_entries = 3;
    add_upstream_times(&setup, TALLY_ONE, 25);
    start(&setup);
    for (uint64_t seq = 1; seq <= 25; seq++) {
        deliver(&setup, seq, seq);
        fake_world_settle(&setup.world, setup.stage);
        uint64_t checkpoint = seq / 10 * 10;
        EXPECT_EQ(setup.world.journal.head.oldest, checkpoint > 3 ? checkpoint - 3 + 1 : 1);
        EXPECT_EQ(stage_head(setup.stage).oldest, setup.world.journal.head.oldest);
    }
    restart(&setup);
    deliver(&setup, 21, 25);
    EXPECT_TRUE(stage_is_live(setup.stage));
    close_setup(&setup);
}

static void trimming_goes_on_with_the_batches_behind_the_checkpoint(void)
{
    const uint64_t count = BATCH_TRIM_COUNT_MAX + 5000;
    struct setup setup;

    open_setup(&setup, &tally_role);
    setup.options.checkpoint_entries = count;
    setup.options.keep_entries = 10;
    add_upstream_times(&setup, TALLY_ONE, count + 1);
    start(&setup);
    deliver(&setup, 1, count / 2);
    fake_world_settle(&setup.world, setup.stage);
    deliver(&setup, count / 2 + 1, count);
    fake_world_settle(&setup.world, setup.stage);
    EXPECT_TRUE(setup.world.journal.head.oldest <= BATCH_TRIM_COUNT_MAX + 1);
    for (int i = 0; i < 2; i++) {
        deliver(&setup, count + 1, count + 1);
        fake_world_pass(&setup.world, setup.stage, 1000);
        fake_world_settle(&setup.world, setup.stage);
    }
    EXPECT_EQ(setup.world.journal.head.oldest, count - 10 + 1);
    EXPECT_EQ(stage_head(setup.stage).oldest, count - 10 + 1);
    close_setup(&setup);
}

/* --- Recovery ------------------------------------------------------------------------ */

static void fill_upstream(struct setup *setup, uint64_t *random)
{
    static const uint16_t kinds[] = {TALLY_QUIET, TALLY_ONE, TALLY_THREE, TALLY_WAIT};

    for (size_t i = 0; i < UPSTREAM_COUNT; i++) {
        bool settles = random_below(random, 3) == 0 || i + 1 == UPSTREAM_COUNT;
        add_upstream(setup, kinds[random_below(random, COUNT_OF(kinds))],
                     settles ? ENTRY_SETTLES : 0);
    }
}

/* One thing that may happen to a stage at any time. */
static void act(struct setup *setup, uint64_t *random)
{
    uint64_t last = setup->upstream.head.last;
    uint64_t from = 0;

    switch (random_below(random, 6)) {
    case 0:
    case 1: /* What comes next, */
        from = min_u64(setup->delivered + 1, last);
        deliver(setup, from, min_u64(last, from + random_below(random, 6)));
        break;
    case 2: /* what was asked for, or something else. */
        from = setup->world.ask_count > 0 ? setup->world.asked : 1 + random_below(random, last);
        from = min_u64(from, last);
        deliver(setup, from, min_u64(last, from + random_below(random, 10)));
        break;
    case 3:
        fake_world_write(&setup->world);
        break;
    case 4:
        fake_world_tell(&setup->world, setup->stage);
        break;
    case 5:
        fake_world_pass(&setup->world, setup->stage, 400);
        break;
    }
    EXPECT_TRUE(last_published(setup) <= setup->world.journal.head.last);
    EXPECT_TEXT(bytes_from_text(setup->world.failure), "");
}

/* Runs to the end and gives the own feed. */
static struct buffer finish(struct setup *setup)
{
    struct buffer feed = {0};

    for (int i = 0; i < 2; i++) {
        deliver(setup, 1, setup->upstream.head.last);
        fake_world_settle(&setup->world, setup->stage);
    }
    EXPECT_TRUE(stage_is_live(setup->stage));
    EXPECT_OK(fake_journal_read(&setup->world.journal, 1, SIZE_MAX, &feed));
    return feed;
}

/* Runs a seed, with crashes before the actions `first` and `second`. */
static struct buffer run(uint64_t seed, size_t first, size_t second)
{
    struct setup setup;
    uint64_t random = seed;

    open_setup(&setup, &tally_role);
    fill_upstream(&setup, &random);
    setup.options.checkpoint_entries = 1 + random_below(&random, 15);
    start(&setup);
    for (size_t i = 0; i < ACTION_COUNT; i++) {
        if (i == first || i == second) {
            restart(&setup);
        }
        act(&setup, &random);
    }
    struct buffer feed = finish(&setup);
    close_setup(&setup);
    return feed;
}

static void a_crash_at_any_point_gives_the_same_feed(void)
{
    for (test_seed = 1; test_seed <= RUN_COUNT; test_seed++) {
        struct buffer expected = run(test_seed, SIZE_MAX, SIZE_MAX);
        for (size_t first = 0; first < ACTION_COUNT; first++) {
            for (size_t second = first; second < ACTION_COUNT; second += 1 + second % 3) {
                struct buffer feed = run(test_seed, first, second);
                EXPECT_TRUE(bytes_equal(buffer_view(&feed), buffer_view(&expected)));
                buffer_deinit(&feed);
            }
        }
        buffer_deinit(&expected);
    }
    test_seed = 0;
}

static void nothing_is_committed_or_published_while_recovering(void)
{
    struct setup setup;

    open_setup(&setup, &tally_role);
    add_upstream_times(&setup, TALLY_ONE, 6);
    start(&setup);
    deliver(&setup, 1, 4);
    fake_world_settle(&setup.world, setup.stage);
    restart(&setup);
    EXPECT_EQ(setup.world.asked, 1);
    EXPECT_TRUE(!stage_takes_messages(setup.stage));
    deliver(&setup, 1, 3);
    fake_world_pass(&setup.world, setup.stage, 5000);
    EXPECT_TRUE(setup.world.pending == NULL);
    EXPECT_EQ(setup.tally.wake_count, 0);
    deliver(&setup, 4, 6);
    EXPECT_TRUE(stage_is_live(setup.stage));
    EXPECT_EQ(setup.tally.wake_count, 1);
    EXPECT_EQ(setup.world.pending->entry_count, 2);
    close_setup(&setup);
}

static void a_role_that_decides_otherwise_is_caught(void)
{
    struct setup setup;

    open_setup(&setup, &tally_role);
    add_upstream_times(&setup, TALLY_ONE, 3);
    start(&setup);
    deliver(&setup, 1, 3);
    fake_world_settle(&setup.world, setup.stage);
    setup.tally.salt = 1;
    restart(&setup);
    deliver(&setup, 1, 3);
    expect_failure(&setup, "other entries");
    close_setup(&setup);
}

static void a_role_that_says_less_is_caught(void)
{
    struct setup setup;

    open_setup(&setup, &tally_role);
    add_upstream_times(&setup, TALLY_ONE, 3);
    start(&setup);
    deliver(&setup, 1, 3);
    fake_world_settle(&setup.world, setup.stage);
    fake_journal_append(&setup.world.journal, own(&setup, 3));
    restart(&setup);
    deliver(&setup, 1, 3);
    expect_failure(&setup, "fewer entries");
    close_setup(&setup);
}

static void own_rows_that_make_no_sense_are_corrupt(void)
{
    struct setup setup;
    struct stage *stage = NULL;
    uint8_t value[16] = {0};

    open_setup(&setup, &tally_role);
    setup.options.world = &setup.world.world;
    setup.options.state = &setup.tally;
    EXPECT_OK(stage_open(&setup.options, &stage));
    EXPECT_STATUS(stage_load_row(stage, STAGE_ROW_TABLE, bytes_from_text("cursor"),
                                 (struct bytes){value, 15}),
                  STATUS_CORRUPT);
    EXPECT_STATUS(stage_load_row(stage, STAGE_ROW_TABLE, bytes_from_text("other"),
                                 (struct bytes){value, sizeof value}),
                  STATUS_CORRUPT);
    EXPECT_STATUS(
        stage_load_row(stage, TALLY_TABLE, bytes_from_text("sum"), (struct bytes){value, 7}),
        STATUS_CORRUPT);
    store_u64(value, 5); /* A checkpoint behind the end of the feed. */
    EXPECT_OK(stage_load_row(stage, STAGE_ROW_TABLE, bytes_from_text("checkpoint"),
                             (struct bytes){value, sizeof value}));
    EXPECT_STATUS(stage_begin(stage, &setup.world.journal.head), STATUS_CORRUPT);
    stage_close(stage);
    close_setup(&setup);
}

/* --- Sources ------------------------------------------------------------------------- */

static void submit(struct setup *setup, size_t count)
{
    static const uint8_t body[2000];

    EXPECT_TRUE(count <= sizeof body);
    stage_message(setup->stage, &(struct client_message){.body = {body, count}});
}

static void the_last_entry_of_a_sources_batch_settles(void)
{
    struct setup setup;

    open_setup(&setup, &source_role);
    start(&setup);
    submit(&setup, 3);
    submit(&setup, 2);
    submit(&setup, 5);
    fake_world_settle(&setup.world, setup.stage);
    for (uint64_t seq = 1; seq <= 10; seq++) {
        EXPECT_EQ(own(&setup, seq)->flags, seq == 3 || seq == 10 ? ENTRY_SETTLES : 0);
        EXPECT_EQ(own(&setup, seq)->time_ms, setup.world.time_ms);
        EXPECT_EQ(own(&setup, seq)->cause_last, 0);
    }
    close_setup(&setup);
}

static void a_source_settles_at_least_every_256_entries(void)
{
    struct setup setup;

    open_setup(&setup, &source_role);
    start(&setup);
    for (int i = 0; i < 2; i++) {
        submit(&setup, 5);
        submit(&setup, 600);
        submit(&setup, 1100);
        fake_world_settle(&setup.world, setup.stage);
        restart(&setup);
    }
    uint64_t settled = 0;
    for (uint64_t seq = 1; seq <= 2 * 1705; seq++) {
        EXPECT_TRUE(seq - settled <= 256);
        bool is_end = seq % 1705 == 5 || seq % 1705 == 0;
        bool settles = (own(&setup, seq)->flags & ENTRY_SETTLES) != 0;
        EXPECT_EQ(settles, is_end || seq - settled == 256);
        settled = settles ? seq : settled;
    }
    close_setup(&setup);
}

static void a_source_meets_its_own_entries_again(void)
{
    for (test_seed = 1; test_seed <= RUN_COUNT; test_seed++) {
        struct setup setup;
        uint64_t random = test_seed;

        open_setup(&setup, &source_role);
        setup.options.checkpoint_entries = 1 + random_below(&random, 30);
        start(&setup);
        for (int i = 0; i < 60; i++) {
            switch (random_below(&random, 4)) {
            case 0:
                submit(&setup, random_below(&random, 8));
                break;
            case 1:
                fake_world_write(&setup.world);
                break;
            case 2:
                fake_world_tell(&setup.world, setup.stage);
                break;
            case 3:
                restart(&setup);
                EXPECT_EQ(setup.tally.sum, setup.world.journal.head.last);
                break;
            }
            EXPECT_TRUE(last_published(&setup) <= setup.world.journal.head.last);
        }
        close_setup(&setup);
    }
    test_seed = 0;
}

static void only_a_source_gets_effects_with_a_message(void)
{
    struct setup setup;

    open_setup(&setup, &source_role);
    start(&setup);
    submit(&setup, 1);
    EXPECT_TRUE(setup.tally.has_effects);
    close_setup(&setup);
    open_setup(&setup, &tally_role);
    start(&setup);
    submit(&setup, 1);
    EXPECT_EQ(setup.tally.message_count, 1);
    EXPECT_TRUE(!setup.tally.has_effects);
    close_setup(&setup);
}

/* --- Stopping ------------------------------------------------------------------------ */

static void stopping_commits_a_last_checkpoint(void)
{
    struct setup setup;

    open_setup(&setup, &tally_role);
    add_upstream_times(&setup, TALLY_ONE, 3);
    start(&setup);
    deliver(&setup, 1, 2);
    deliver(&setup, 3, 3);
    stage_stop(setup.stage);
    stage_stop(setup.stage); /* Asking twice hurries nothing. */
    EXPECT_TRUE(!stage_is_stopped(setup.stage));
    EXPECT_TRUE(!stage_takes_messages(setup.stage));
    submit(&setup, 1);
    EXPECT_EQ(setup.tally.message_count, 0);
    fake_world_settle(&setup.world, setup.stage);
    EXPECT_TRUE(stage_is_stopped(setup.stage));
    EXPECT_EQ(stage_head(setup.stage).last, 3);
    restart(&setup);
    EXPECT_TRUE(stage_is_live(setup.stage)); /* Nothing to step again. */
    stage_stop(setup.stage);
    EXPECT_TRUE(stage_is_stopped(setup.stage));
    close_setup(&setup);
}

static void stopping_does_not_wait_for_what_is_not_settled(void)
{
    struct setup setup;

    open_setup(&setup, &tally_role);
    add_upstream(&setup, TALLY_ONE, 0);
    add_upstream(&setup, TALLY_WAIT, 0);
    add_upstream(&setup, TALLY_QUIET, ENTRY_SETTLES);
    start(&setup);
    deliver(&setup, 1, 2);
    stage_stop(setup.stage);
    fake_world_settle(&setup.world, setup.stage);
    EXPECT_TRUE(stage_is_stopped(setup.stage));
    EXPECT_TRUE(!has_row(&setup, "checkpoint"));
    restart(&setup);
    EXPECT_EQ(setup.world.asked, 1);
    deliver(&setup, 1, 3);
    fake_world_settle(&setup.world, setup.stage);
    EXPECT_EQ(own(&setup, 2)->cause_first, 2);
    EXPECT_EQ(own(&setup, 2)->cause_last, 3);
    close_setup(&setup);
}

static void a_stage_stops_at_once_while_recovering(void)
{
    struct setup setup;

    open_setup(&setup, &tally_role);
    add_upstream_times(&setup, TALLY_ONE, 3);
    start(&setup);
    deliver(&setup, 1, 3);
    fake_world_settle(&setup.world, setup.stage);
    restart(&setup);
    deliver(&setup, 1, 2);
    stage_stop(setup.stage);
    EXPECT_TRUE(stage_is_stopped(setup.stage));
    EXPECT_TRUE(setup.world.pending == NULL);
    close_setup(&setup);
}

/* --- The control socket -------------------------------------------------------------- */

static enum status ask_replay(struct setup *setup, struct replay replay, struct arena *arena,
                              struct buffer *answer, struct entries *entries)
{
    struct buffer body = {0};
    struct refusal refusal;
    const char *type = NULL;

    proto_encode(&REPLAY, &replay, &body);
    answer->size = 0;
    enum status status =
        stage_control(setup->stage, bytes_from_text("replay"), buffer_view(&body), &type, answer);
    buffer_deinit(&body);
    if (status == STATUS_OK) {
        EXPECT_TEXT(bytes_from_text(type), "entries");
        EXPECT_OK(proto_decode(&ENTRIES, buffer_view(answer), arena, entries, &refusal));
    }
    return status;
}

static void a_replay_gives_durable_entries_and_the_head(void)
{
    struct setup setup;
    struct arena arena = {0};
    struct buffer answer = {0};
    struct buffer durable = {0};
    struct entries entries;

    open_setup(&setup, &source_role);
    start(&setup);
    submit(&setup, 10);
    fake_world_settle(&setup.world, setup.stage);
    submit(&setup, 1); /* Not durable. */
    EXPECT_OK(ask_replay(&setup, (struct replay){.from = 3, .size_max = 100000}, &arena, &answer,
                         &entries));
    EXPECT_OK(fake_journal_read(&setup.world.journal, 3, SIZE_MAX, &durable));
    EXPECT_TRUE(bytes_equal(entries.data, buffer_view(&durable)));
    EXPECT_EQ(entries.epoch, setup.world.journal.head.epoch);
    EXPECT_EQ(entries.oldest, 1);
    EXPECT_EQ(entries.last, 10);
    EXPECT_OK(ask_replay(&setup, (struct replay){.from = 11, .size_max = 100000}, &arena, &answer,
                         &entries));
    EXPECT_EQ(entries.data.size, 0);
    EXPECT_OK(
        ask_replay(&setup, (struct replay){.from = 0, .size_max = 1}, &arena, &answer, &entries));
    EXPECT_EQ(entries.data.size, durable.size / 8);
    buffer_deinit(&durable);
    buffer_deinit(&answer);
    arena_deinit(&arena);
    close_setup(&setup);
}

static void a_control_request_that_nobody_knows_is_not_found(void)
{
    struct setup setup;
    struct buffer answer = {0};
    const char *type = NULL;

    open_setup(&setup, &source_role);
    start(&setup);
    EXPECT_STATUS(
        stage_control(setup.stage, bytes_from_text("dance"), (struct bytes){0}, &type, &answer),
        STATUS_NOT_FOUND);
    EXPECT_STATUS(
        stage_control(setup.stage, bytes_from_text("replay"), bytes_from_text("?"), &type, &answer),
        STATUS_MALFORMED);
    EXPECT_EQ(answer.size, 0);
    close_setup(&setup);
}

static struct report read_report(struct setup *setup, struct arena *arena, struct buffer *answer)
{
    struct report report;
    struct refusal refusal;

    answer->size = 0;
    stage_report(setup->stage, 4711, answer);
    EXPECT_OK(proto_decode(&REPORT, buffer_view(answer), arena, &report, &refusal));
    return report;
}

static void a_report_tells_state_cursor_and_lag(void)
{
    struct setup setup;
    struct arena arena = {0};
    struct buffer answer = {0};

    open_setup(&setup, &tally_role);
    add_upstream_times(&setup, TALLY_THREE, 9);
    start(&setup);
    deliver(&setup, 1, 2);
    tell_head(&setup);
    struct report report = read_report(&setup, &arena, &answer);
    EXPECT_TEXT(report.role, "tally");
    EXPECT_TRUE(report.ready);
    EXPECT_TEXT(report.state, "live");
    EXPECT_EQ(report.pid, 4711);
    EXPECT_EQ(report.last, 0); /* Stepped, not durable. */
    EXPECT_EQ(report.cursor, 0);
    EXPECT_EQ(report.lag, 7);
    fake_world_settle(&setup.world, setup.stage);
    report = read_report(&setup, &arena, &answer);
    const struct counter *counters = report.counters.items;
    EXPECT_EQ(report.last, 6);
    EXPECT_EQ(report.cursor, 2);
    EXPECT_EQ(report.counters.count, 1);
    EXPECT_TEXT(counters[0].name, "said");
    EXPECT_EQ(counters[0].value, 6);
    restart(&setup);
    report = read_report(&setup, &arena, &answer);
    EXPECT_TEXT(report.state, "recovering");
    EXPECT_TRUE(!report.ready);
    buffer_deinit(&answer);
    arena_deinit(&arena);
    close_setup(&setup);
}

static void the_cursor_told_is_that_of_a_commit_that_succeeded(void)
{
    struct setup setup;
    struct arena arena = {0};
    struct buffer answer = {0};

    open_setup(&setup, &tally_role);
    add_upstream_times(&setup, TALLY_ONE, 2);
    start(&setup);
    deliver(&setup, 1, 2);
    struct batch *batch = setup.world.pending;
    setup.world.pending = NULL;
    stage_committed(setup.stage, batch, STATUS_IO);
    struct report report = read_report(&setup, &arena, &answer);
    EXPECT_TEXT(report.state, "failed");
    EXPECT_EQ(report.cursor, 0);
    buffer_deinit(&answer);
    arena_deinit(&arena);
    close_setup(&setup);
}

static const struct test_case cases[] = {
    CASE(a_batch_is_what_came_while_the_last_one_was_committed),
    CASE(nothing_is_published_or_answered_before_its_commit),
    CASE(a_full_batch_leaves_entries_and_asks_for_them_later),
    CASE(a_failed_commit_ends_the_stage),
    CASE(a_gap_is_asked_for_once_and_again_after_a_second),
    CASE(entries_that_come_twice_are_stepped_once),
    CASE(bytes_that_do_not_check_are_asked_for_again),
    CASE(another_upstream_epoch_ends_the_stage),
    CASE(an_upstream_that_stays_shorter_ends_the_stage),
    CASE(an_upstream_behind_the_cursor_is_noticed_while_recovering),
    CASE(an_upstream_that_forgot_what_is_needed_ends_the_stage),
    CASE(a_cause_is_what_was_not_decided_before),
    CASE(a_checkpoint_waits_until_all_is_settled),
    CASE(a_cursor_that_moved_in_silence_is_saved_after_a_second),
    CASE(own_entries_are_forgotten_only_behind_the_checkpoint),
    CASE(trimming_goes_on_with_the_batches_behind_the_checkpoint),
    CASE(a_crash_at_any_point_gives_the_same_feed),
    CASE(nothing_is_committed_or_published_while_recovering),
    CASE(a_role_that_decides_otherwise_is_caught),
    CASE(a_role_that_says_less_is_caught),
    CASE(own_rows_that_make_no_sense_are_corrupt),
    CASE(the_last_entry_of_a_sources_batch_settles),
    CASE(a_source_settles_at_least_every_256_entries),
    CASE(a_source_meets_its_own_entries_again),
    CASE(only_a_source_gets_effects_with_a_message),
    CASE(stopping_commits_a_last_checkpoint),
    CASE(stopping_does_not_wait_for_what_is_not_settled),
    CASE(a_stage_stops_at_once_while_recovering),
    CASE(a_replay_gives_durable_entries_and_the_head),
    CASE(a_control_request_that_nobody_knows_is_not_found),
    CASE(a_report_tells_state_cursor_and_lag),
    CASE(the_cursor_told_is_that_of_a_commit_that_succeeded),
};

int main(int argc, char **argv)
{
    return run_cases(cases, COUNT_OF(cases), argc, argv);
}
