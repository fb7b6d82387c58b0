/*
 * dispatch_keys_test.c - who may follow what, as keys come and go.
 */
#include "core/access/registry.h"
#include "node/watch.h"
#include "tests/unit/dispatch_fixture.h"

#define SEED_COUNT 50

/* A dispatcher and the intake feed that it watches. */
struct watching {
    struct setup setup;
    struct fake_journal intake;
    struct watch watch;
};

static const char *key_text(char name)
{
    static char texts[128][KEY_TEXT_SIZE + 1];

    memset(texts[(int)name], name, KEY_TEXT_SIZE);
    return texts[(int)name];
}

static void start_watch(struct watching *watching)
{
    watch_start(&watching->watch, &dispatch_role, watching->setup.dispatch,
                &watching->setup.world.world);
}

static void open_watching(struct watching *watching)
{
    *watching = (struct watching){.intake = {.head = {.epoch = 1, .oldest = 1}}};
    open_setup(&watching->setup);
    start_watch(watching);
}

static void close_watching(struct watching *watching)
{
    close_setup(&watching->setup);
    fake_journal_deinit(&watching->intake);
}

/* Adds a command to the intake feed. */
static void add_command_by(struct watching *watching, const char *by, const struct message *message,
                           union command command)
{
    struct arena *arena = &watching->setup.arena;
    struct intake intake = {.by = bytes_from_text(by),
                            .position = watching->intake.head.last + 1,
                            .body = encoded(arena, message, &command)};

    fake_journal_append(&watching->intake,
                        &(struct entry){.kind = message->kind,
                                        .version = PROTO_VERSION,
                                        .body = encoded(arena, &INTAKE, &intake)});
}

static void add_command(struct watching *watching, const struct message *message,
                        union command command)
{
    add_command_by(watching, BY_LOCAL, message, command);
}

static void add_key(struct watching *watching, char name, const char *party, uint64_t roles,
                    uint64_t to)
{
    add_command(watching, &KEY_REGISTER,
                (union command){.key_register = {.key = bytes_from_text(key_text(name)),
                                                 .party = bytes_from_text(party),
                                                 .roles = roles,
                                                 .from = TIME_NONE,
                                                 .to = to}});
}

static void add_revocation(struct watching *watching, char name)
{
    add_command(watching, &KEY_REVOKE,
                (union command){.key_revoke = {.key = bytes_from_text(key_text(name))}});
}

/* What the feed has from `from` on arrives. */
static void hand_over(struct watching *watching, uint64_t from)
{
    struct buffer stored = {0};

    if (fake_journal_read(&watching->intake, from, SIZE_MAX, &stored) == STATUS_OK) {
        watch_entries(&watching->watch, buffer_view(&stored));
    }
    watch_head(&watching->watch, &watching->intake.head);
    buffer_deinit(&stored);
}

static void follow(struct watching *watching, char key, const char *party, uint64_t credit)
{
    char peer[] = {key, '\0'};

    say_as(&watching->setup, key_text(key), peer, &SUBSCRIBE,
           &(struct subscribe){.credit = credit, .party = bytes_from_text(party)});
}

static size_t refusals(struct watching *watching, const char *peer)
{
    struct refused refused;

    return count_heard(&watching->setup, peer, &REFUSED, &refused);
}

static size_t messages_heard(struct watching *watching, const char *peer)
{
    return count_heard(&watching->setup, peer, &EVENT, &(struct event){0});
}

static void a_party_follows_its_own_stream_alone(void)
{
    static const char *const others[] = {"p1", "nobody", ""};
    struct watching watching;
    struct refused first, refused;

    open_watching(&watching);
    furnish(&watching.setup, 8);
    add_key(&watching, 'a', "p0", ROLE_REQUESTER, TIME_NONE);
    hand_over(&watching, 1);
    follow(&watching, 'a', "p0", 100);
    EXPECT_EQ(messages_heard(&watching, "a"), 1);
    for (size_t i = 0; i < COUNT_OF(others); i++) {
        fake_world_forget_sends(&watching.setup.world);
        follow(&watching, 'a', others[i], 100);
        EXPECT_EQ(count_heard(&watching.setup, "a", &REFUSED, &refused), 1);
        EXPECT_TEXT(refused.code, "denied");
        first = i == 0 ? refused : first;
        EXPECT_TRUE(bytes_equal(first.why, refused.why));
    }
    say_as(&watching.setup, key_text('a'), "a", &SNAPSHOT,
           &(struct snapshot){.party = bytes_from_text("p1")});
    EXPECT_EQ(refusals(&watching, "a"), 2);
    close_watching(&watching);
}

static void an_operator_follows_everything(void)
{
    struct watching watching;

    open_watching(&watching);
    furnish(&watching.setup, 8);
    add_key(&watching, 'o', "p0", ROLE_OPERATOR, TIME_NONE);
    hand_over(&watching, 1);
    follow(&watching, 'o', "", 100);
    EXPECT_EQ(refusals(&watching, "o"), 1); /* Nobody confirmed the key so far. */
    add_command_by(&watching, BY_GATEWAY, &KEY_CONFIRM,
                   (union command){.key_confirm = {.key = bytes_from_text(key_text('o'))}});
    hand_over(&watching, 2);
    follow(&watching, 'o', "", 100);
    EXPECT_EQ(messages_heard(&watching, "o"), 1);
    close_watching(&watching);
}

static void a_revoked_key_hears_no_more(void)
{
    struct watching watching;
    struct refused refused;

    open_watching(&watching);
    furnish(&watching.setup, 4);
    add_key(&watching, 'a', "p0", ROLE_REQUESTER, TIME_NONE);
    add_key(&watching, 'b', "p0", ROLE_REQUESTER, TIME_NONE);
    hand_over(&watching, 1);
    follow(&watching, 'a', "p0", 100);
    follow(&watching, 'b', "p0", 100);
    fake_world_forget_sends(&watching.setup.world);
    add_revocation(&watching, 'a');
    hand_over(&watching, 3);
    EXPECT_EQ(count_heard(&watching.setup, "a", &REFUSED, &refused), 1);
    EXPECT_TEXT(refused.code, "denied");
    add_assignment(&watching.setup, 20, ASSIGNMENT_PROPOSED); /* Of p0. */
    deliver(&watching.setup, 5);
    settle(&watching.setup);
    EXPECT_EQ(messages_heard(&watching, "a"), 0);
    EXPECT_EQ(messages_heard(&watching, "b"), 1);
    EXPECT_EQ(figure(&watching.setup, "muted"), 1);
    follow(&watching, 'a', "p0", 100);
    EXPECT_EQ(refusals(&watching, "a"), 2);
    close_watching(&watching);
}

static void a_key_that_ends_hears_no_more(void)
{
    struct watching watching;

    open_watching(&watching);
    furnish(&watching.setup, 4);
    add_key(&watching, 'a', "p0", ROLE_REQUESTER, watching.setup.world.time_ms + 60000);
    hand_over(&watching, 1);
    follow(&watching, 'a', "p0", 100);
    fake_world_forget_sends(&watching.setup.world);
    watching.setup.world.time_ms += 60000;
    add_assignment(&watching.setup, 20, ASSIGNMENT_PROPOSED);
    deliver(&watching.setup, 5);
    settle(&watching.setup);
    EXPECT_EQ(messages_heard(&watching, "a"), 0);
    EXPECT_EQ(refusals(&watching, "a"), 1);
    close_watching(&watching);
}

/* Who comes under the routing id of another one gets nothing that was meant for that one. */
static void a_routing_id_under_another_key_ends_the_subscription(void)
{
    struct watching watching;

    open_watching(&watching);
    furnish(&watching.setup, 4);
    add_key(&watching, 'a', "p0", ROLE_REQUESTER, TIME_NONE);
    add_key(&watching, 'b', "p2", ROLE_REQUESTER, TIME_NONE);
    hand_over(&watching, 1);
    follow(&watching, 'a', "p0", 100);
    fake_world_forget_sends(&watching.setup.world);
    say_as(&watching.setup, key_text('b'), "a", &CREDIT, &(struct credit){.n = 100});
    EXPECT_EQ(refusals(&watching, "a"), 1);
    add_assignment(&watching.setup, 20, ASSIGNMENT_PROPOSED);
    deliver(&watching.setup, 5);
    settle(&watching.setup);
    EXPECT_EQ(messages_heard(&watching, "a"), 0);
    close_watching(&watching);
}

static void a_restart_goes_on_behind_the_last_checkpoint(void)
{
    struct watching watching;

    open_watching(&watching);
    watching.setup.options.checkpoint_entries = 1;
    crash(&watching.setup);
    start(&watching.setup);
    start_watch(&watching);
    add_key(&watching, 'a', "p0", ROLE_REQUESTER, TIME_NONE);
    hand_over(&watching, 1);
    furnish(&watching.setup, 4); /* A checkpoint. */
    EXPECT_EQ(dispatch_role.watched(watching.setup.dispatch), 1);
    add_revocation(&watching, 'a');
    hand_over(&watching, 2);
    crash(&watching.setup);
    start(&watching.setup);
    settle(&watching.setup);
    start_watch(&watching);
    EXPECT_EQ(watching.watch.next, 2);
    hand_over(&watching, 2);
    follow(&watching, 'a', "p0", 100);
    EXPECT_EQ(messages_heard(&watching, "a"), 0);
    EXPECT_EQ(refusals(&watching, "a"), 1);
    close_watching(&watching);
}

/* Lost, doubled and late pieces of the feed: everything is taken once and in order. */
static void the_feed_is_watched_once_and_in_order(void)
{
    for (uint64_t seed = 1; seed <= SEED_COUNT; seed++) {
        struct watching watching;
        uint64_t random = test_seed = seed;

        open_watching(&watching);
        for (int name = 'a'; name <= 'z'; name++) {
            add_key(&watching, (char)name, "p0", ROLE_REQUESTER, TIME_NONE);
            if (random_below(&random, 3) != 0) {
                hand_over(&watching, random_below(&random, watching.intake.head.last) + 1);
            }
        }
        for (int tries = 0; dispatch_role.watched(watching.setup.dispatch) < 26; tries++) {
            EXPECT_TRUE(tries < 100);
            hand_over(&watching, dispatch_role.watched(watching.setup.dispatch) + 1);
        }
        EXPECT_EQ(figure(&watching.setup, "keys"), 26);
        EXPECT_TEXT(bytes_from_text(watching.setup.world.failure), "");
        close_watching(&watching);
    }
    test_seed = 0;
}

static const struct test_case cases[] = {
    CASE(a_party_follows_its_own_stream_alone),
    CASE(an_operator_follows_everything),
    CASE(a_revoked_key_hears_no_more),
    CASE(a_key_that_ends_hears_no_more),
    CASE(a_routing_id_under_another_key_ends_the_subscription),
    CASE(a_restart_goes_on_behind_the_last_checkpoint),
    CASE(the_feed_is_watched_once_and_in_order),
};

int main(int argc, char **argv)
{
    return run_cases(cases, COUNT_OF(cases), argc, argv);
}
