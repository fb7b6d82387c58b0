/*
 * stage_recovery_test.c - a stage that crashes, starts again and stops; sources among them.
 */
#include "node/stage.h"

#include "tests/unit/stage_fixture.h"

#define UPSTREAM_COUNT 40 /* Entries of a seeded run. */
#define ACTION_COUNT 40   /* What happens to it. */
#define RUN_COUNT 12      /* Seeds. */

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
    uint8_t value[16 + JOURNAL_CHAIN_SIZE] = {0};

    open_setup(&setup, &tally_role);
    setup.options.world = &setup.world.world;
    setup.options.state = &setup.tally;
    EXPECT_OK(stage_open(&setup.options, &stage));
    EXPECT_STATUS(stage_load_row(stage, STAGE_ROW_TABLE, bytes_from_text("cursor"),
                                 (struct bytes){value, sizeof value - 1}),
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

static const struct test_case cases[] = {
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
};

int main(int argc, char **argv)
{
    return run_cases(cases, COUNT_OF(cases), argc, argv);
}
