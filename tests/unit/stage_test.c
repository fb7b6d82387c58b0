/*
 * stage_test.c - what a stage takes in, commits and tells.
 */
#include "node/stage.h"

#include "tests/unit/stage_fixture.h"

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

static void expect_asked(const struct setup *setup, uint64_t count, uint64_t from)
{
    EXPECT_EQ(setup->world.ask_count, count);
    EXPECT_EQ(setup->world.asked, from);
}

static void an_upstream_that_stays_shorter_ends_the_stage(void)
{
    struct setup setup;

    open_setup(&setup, &tally_role);
    add_upstream_times(&setup, TALLY_ONE, 3);
    start(&setup);
    deliver(&setup, 1, 3);
    struct journal_head shorter = setup.upstream.head;
    shorter.last = 2;
    stage_upstream_head(setup.stage, 0, &shorter, 4);
    EXPECT_TRUE(stage_is_live(setup.stage));
    fake_world_pass(&setup.world, setup.stage, 2000);
    tell_head(&setup);
    stage_upstream_head(setup.stage, 0, &shorter, 4);
    EXPECT_TRUE(stage_is_live(setup.stage));
    fake_world_pass(&setup.world, setup.stage, 1000);
    stage_upstream_head(setup.stage, 0, &shorter, 4);
    expect_failure(&setup, "shorter");
    close_setup(&setup);
}

/* A process that was stopped finds heads of long ago in its socket. */
static void a_head_that_is_late_by_any_time_ends_nothing_and_is_asked_about(void)
{
    struct setup setup;

    open_setup(&setup, &tally_role);
    add_upstream_times(&setup, TALLY_ONE, 3);
    start(&setup);
    deliver(&setup, 1, 3);
    struct journal_head late = setup.upstream.head;
    late.last = 1;
    uint64_t before = setup.world.ask_count;
    stage_upstream_head(setup.stage, 0, &late, 0);
    expect_asked(&setup, before + 1, 4);
    fake_world_pass(&setup.world, setup.stage, 5000);
    stage_upstream_head(setup.stage, 0, &late, 0);
    expect_asked(&setup, before + 2, 4);
    stage_upstream_head(setup.stage, 0, &late, 2); /* An answer of long ago. */
    fake_world_pass(&setup.world, setup.stage, 5000);
    stage_upstream_head(setup.stage, 0, &late, 2);
    EXPECT_TRUE(stage_is_live(setup.stage));
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
    stage_upstream_head(setup.stage, 0, &shorter, 0);
    fake_world_pass(&setup.world, setup.stage, 1000);
    stage_upstream_head(setup.stage, 0, &shorter, 0);
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

/* Everything the upstream feed says from entry `from` on is said otherwise: it keeps its epoch. */
static void branch_upstream(struct setup *setup, uint64_t from)
{
    uint8_t *chain = setup->upstream.head.chain;
    static const uint8_t zeroes[JOURNAL_CHAIN_SIZE];

    memcpy(chain, from == 1 ? zeroes : setup->upstream.entries[from - 2].chain, sizeof zeroes);
    for (uint64_t seq = from; seq <= setup->upstream.head.last; seq++) {
        struct entry *entry = &setup->upstream.entries[seq - 1];
        entry->time_ms++;
        entry_chain(chain, entry, entry->chain);
        memcpy(chain, entry->chain, sizeof entry->chain);
    }
}

static void an_upstream_that_went_on_from_other_entries_ends_the_stage(void)
{
    struct setup setup;

    open_setup(&setup, &tally_role);
    add_upstream_times(&setup, TALLY_ONE, 6);
    start(&setup);
    deliver(&setup, 1, 3);
    fake_world_settle(&setup.world, setup.stage);
    branch_upstream(&setup, 3);
    deliver(&setup, 2, 3); /* Taken in before: nobody looks at it. */
    EXPECT_TRUE(stage_is_live(setup.stage));
    deliver(&setup, 4, 6);
    expect_failure(&setup, "other entries");
    EXPECT_EQ(stage_head(setup.stage).last, 3);
    close_setup(&setup);
}

static void a_branch_is_found_behind_the_checkpoint_and_behind_the_cursor(void)
{
    for (uint64_t from = 1; from <= 5; from++) {
        struct setup setup;
        open_setup(&setup, &tally_role);
        setup.options.checkpoint_entries = 3;
        add_upstream_times(&setup, TALLY_QUIET, 6);
        start(&setup);
        deliver(&setup, 1, 3);
        fake_world_pass(&setup.world, setup.stage, 1000);
        fake_world_settle(&setup.world, setup.stage);
        deliver(&setup, 4, 4);
        fake_world_pass(&setup.world, setup.stage, 1000);
        fake_world_settle(&setup.world, setup.stage);
        EXPECT_TRUE(has_row(&setup, "checkpoint"));
        branch_upstream(&setup, from);
        restart(&setup);
        EXPECT_EQ(setup.world.asked, 4);
        deliver(&setup, 4, 6);
        if (from <= 4) {
            expect_failure(&setup, "other entries");
        } else {
            EXPECT_TRUE(stage_is_live(setup.stage));
        }
        close_setup(&setup);
    }
}

/* --- Versions ------------------------------------------------------------------------ */

static void an_upstream_entry_of_a_newer_version_ends_the_stage(void)
{
    struct setup setup;

    open_setup(&setup, &tally_role);
    add_upstream_times(&setup, TALLY_ONE, 3);
    setup.upstream.entries[2].version++;
    branch_upstream(&setup, 3);
    start(&setup);
    deliver(&setup, 1, 3);
    expect_failure(&setup, "newer version");
    EXPECT_TRUE(setup.world.pending == NULL);
    close_setup(&setup);
}

/* With what a newer program left: own entries behind the checkpoint, or rows. */
static void an_older_program_does_not_read_what_a_newer_one_wrote(const struct role *role,
                                                                  size_t checkpoint_entries)
{
    struct role newer = *role;
    struct setup setup;

    newer.version++;
    open_setup(&setup, &newer);
    setup.options.checkpoint_entries = checkpoint_entries;
    add_upstream_times(&setup, TALLY_ONE, 3);
    start(&setup);
    if (role->is_source) {
        submit(&setup, 3);
    } else {
        deliver(&setup, 1, 3);
    }
    fake_world_settle(&setup.world, setup.stage);
    EXPECT_EQ(own(&setup, 1)->version, newer.version);
    setup.options.role = role;
    restart(&setup);
    if (!role->is_source && checkpoint_entries > 3) {
        deliver(&setup, 1, 3);
    }
    expect_failure(&setup, "newer version");
    EXPECT_TRUE(setup.world.pending == NULL);
    setup.options.role = &newer;
    restart(&setup);
    if (!role->is_source) {
        deliver(&setup, 1, 3);
    }
    EXPECT_TRUE(stage_is_live(setup.stage));
    close_setup(&setup);
}

static void rows_of_a_newer_version_end_the_stage(void)
{
    an_older_program_does_not_read_what_a_newer_one_wrote(&tally_role, 1);
    an_older_program_does_not_read_what_a_newer_one_wrote(&source_role, 1);
}

static void own_entries_of_a_newer_version_end_the_stage(void)
{
    an_older_program_does_not_read_what_a_newer_one_wrote(&tally_role, 1000);
    an_older_program_does_not_read_what_a_newer_one_wrote(&source_role, 1000);
}

static void entries_and_rows_of_an_older_version_are_read(void)
{
    struct setup setup;
    struct role newer = tally_role;

    newer.version++;
    open_setup(&setup, &tally_role);
    setup.options.checkpoint_entries = 2;
    add_upstream_times(&setup, TALLY_ONE, 5);
    start(&setup);
    deliver(&setup, 1, 2);
    fake_world_settle(&setup.world, setup.stage);
    deliver(&setup, 3, 3);
    fake_world_settle(&setup.world, setup.stage);
    setup.options.role = &newer;
    restart(&setup);
    deliver(&setup, 3, 5);
    fake_world_settle(&setup.world, setup.stage);
    EXPECT_TRUE(stage_is_live(setup.stage));
    EXPECT_EQ(own(&setup, 3)->version, tally_role.version);
    EXPECT_EQ(own(&setup, 4)->version, newer.version);
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
    CASE(a_head_that_is_late_by_any_time_ends_nothing_and_is_asked_about),
    CASE(an_upstream_behind_the_cursor_is_noticed_while_recovering),
    CASE(an_upstream_that_forgot_what_is_needed_ends_the_stage),
    CASE(an_upstream_that_went_on_from_other_entries_ends_the_stage),
    CASE(a_branch_is_found_behind_the_checkpoint_and_behind_the_cursor),
    CASE(an_upstream_entry_of_a_newer_version_ends_the_stage),
    CASE(rows_of_a_newer_version_end_the_stage),
    CASE(own_entries_of_a_newer_version_end_the_stage),
    CASE(entries_and_rows_of_an_older_version_are_read),
    CASE(a_cause_is_what_was_not_decided_before),
    CASE(a_checkpoint_waits_until_all_is_settled),
    CASE(a_cursor_that_moved_in_silence_is_saved_after_a_second),
    CASE(own_entries_are_forgotten_only_behind_the_checkpoint),
    CASE(trimming_goes_on_with_the_batches_behind_the_checkpoint),
    CASE(a_replay_gives_durable_entries_and_the_head),
    CASE(a_control_request_that_nobody_knows_is_not_found),
    CASE(a_report_tells_state_cursor_and_lag),
    CASE(the_cursor_told_is_that_of_a_commit_that_succeeded),
};

int main(int argc, char **argv)
{
    return run_cases(cases, COUNT_OF(cases), argc, argv);
}
