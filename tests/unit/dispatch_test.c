/*
 * dispatch_test.c - what the dispatcher says to clients that follow it.
 */
#include "tests/unit/dispatch_fixture.h"

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
};

int main(int argc, char **argv)
{
    return run_cases(cases, COUNT_OF(cases), argc, argv);
}
