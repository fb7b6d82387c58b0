/*
 * gateway_keys_test.c - who speaks to the gateway, and what it may say.
 */
#include "tests/unit/gateway_fixture.h"

#define HOUR_MS ((uint64_t)3600 * 1000)

/* Parties h and f with the keys 'h' and 'f', and operator 'o' of party h. */
static void open_with_keys(struct setup *setup)
{
    open_setup(setup);
    furnish(setup);
    add(setup, 900101, &PARTY_PUT, make_party("h"));
    add(setup, 900102, &PARTY_PUT, make_party("f"));
    add(setup, 900103, &KEY_REGISTER, make_key('h', "h", ROLE_REQUESTER));
    add(setup, 900104, &KEY_REGISTER, make_key('f', "f", ROLE_OFFERER));
    submit(setup);
    settle(setup);
    fake_world_forget_sends(&setup->world);
}

static struct result take_as(struct setup *setup, char key, uint64_t id,
                             const struct message *message, union command command)
{
    add(setup, id, message, command);
    submit_as(setup, key == '\0' ? "" : key_text(key));
    settle(setup);
    return last_result(setup);
}

static union command revocation(char name)
{
    return (union command){.key_revoke = {.key = bytes_from_text(key_text(name))}};
}

static void a_party_speaks_for_itself_alone(void)
{
    struct setup setup;

    open_with_keys(&setup);
    EXPECT_TRUE(take_as(&setup, 'h', 1, &NEED_PUT, make_need("n1", "h", "mask", 5)).accepted);
    struct intake intake = intake_at(&setup, last_seq(&setup));
    EXPECT_TEXT(intake.by, "h");
    EXPECT_EQ(intake.key, 1);
    expect_refused(take_as(&setup, 'h', 2, &NEED_PUT, make_need("n2", "f", "mask", 5)), "denied",
                   "");
    expect_refused(take_as(&setup, 'h', 3, &NEED_PUT, make_need("n2", "nobody", "mask", 5)),
                   "denied", "");
    expect_refused(take_as(&setup, 'f', 4, &NEED_PUT, make_need("n2", "f", "mask", 5)), "denied",
                   "");
    EXPECT_TRUE(take_as(&setup, 'f', 5, &OFFER_PUT, make_stock("o1", "f", "mask", 5)).accepted);
    EXPECT_TRUE(take_as(&setup, '\0', 6, &NEED_PUT, make_need("n2", "f", "mask", 5)).accepted);
    close_setup(&setup);
}

/* The same answer for what another one has and for what does not exist. */
static void what_is_not_yours_looks_like_what_is_not_there(void)
{
    struct setup setup;
    union command mine = {.id_command = {.id = bytes_from_text("n1")}};
    union command none = {.id_command = {.id = bytes_from_text("n9")}};

    open_with_keys(&setup);
    EXPECT_TRUE(take_as(&setup, 'h', 1, &NEED_PUT, make_need("n1", "h", "mask", 5)).accepted);
    add(&setup, 2, &NEED_CANCEL, mine);
    add(&setup, 3, &NEED_CANCEL, none);
    submit_as(&setup, key_text('f'));
    settle(&setup);
    struct answers answers = sent_answers(&setup, setup.world.send_count - 1);
    const struct result *results = answers.results.items;
    expect_refused(results[0], "denied", "");
    expect_refused(results[1], "denied", "");
    EXPECT_TRUE(bytes_equal(results[0].why, results[1].why));
    EXPECT_TRUE(take_as(&setup, 'h', 4, &NEED_CANCEL, mine).accepted);
    close_setup(&setup);
}

static void another_ones_need_is_not_put_again(void)
{
    struct setup setup;

    open_with_keys(&setup);
    EXPECT_TRUE(take_as(&setup, '\0', 1, &NEED_PUT, make_need("n1", "f", "mask", 5)).accepted);
    expect_refused(take_as(&setup, 'h', 2, &NEED_PUT, make_need("n1", "h", "mask", 5)), "denied",
                   "");
    close_setup(&setup);
}

static void an_unknown_key_is_not_heard(void)
{
    struct setup setup;

    open_with_keys(&setup);
    expect_refused(take_as(&setup, 'x', 1, &NEED_PUT, make_need("n1", "h", "mask", 5)), "denied",
                   "");
    expect_refused(take_as(&setup, 'x', 2, &KEY_REGISTER, make_key('y', "h", ROLE_REQUESTER)),
                   "denied", "");
    close_setup(&setup);
}

/* Also inside one message: each command is judged by what is known then. */
static void a_revoked_key_is_not_heard_any_more(void)
{
    struct setup setup;

    open_with_keys(&setup);
    add(&setup, 1, &NEED_PUT, make_need("n1", "h", "mask", 5));
    add(&setup, 2, &KEY_REVOKE, revocation('h'));
    add(&setup, 3, &NEED_PUT, make_need("n3", "h", "mask", 5));
    submit_as(&setup, key_text('h'));
    settle(&setup);
    struct answers answers = sent_answers(&setup, setup.world.send_count - 1);
    const struct result *results = answers.results.items;
    EXPECT_TRUE(results[0].accepted);
    EXPECT_TRUE(results[1].accepted);
    expect_refused(results[2], "denied", "");
    restart(&setup);
    settle(&setup);
    expect_refused(take_as(&setup, 'h', 4, &NEED_PUT, make_need("n4", "h", "mask", 5)), "denied",
                   "");
    close_setup(&setup);
}

static void a_key_is_heard_in_its_time(void)
{
    struct setup setup;
    union command key = make_key('g', "h", ROLE_REQUESTER);

    open_with_keys(&setup);
    key.key_register.from = setup.world.time_ms + HOUR_MS;
    key.key_register.to = setup.world.time_ms + 2 * HOUR_MS;
    EXPECT_TRUE(take_as(&setup, '\0', 1, &KEY_REGISTER, key).accepted);
    expect_refused(take_as(&setup, 'g', 2, &NEED_PUT, make_need("n1", "h", "mask", 5)), "denied",
                   "");
    setup.world.time_ms += HOUR_MS;
    EXPECT_TRUE(take_as(&setup, 'g', 3, &NEED_PUT, make_need("n1", "h", "mask", 5)).accepted);
    setup.world.time_ms += HOUR_MS;
    expect_refused(take_as(&setup, 'g', 4, &NEED_PUT, make_need("n1", "h", "mask", 6)), "denied",
                   "");
    close_setup(&setup);
}

static void the_first_admin_comes_from_the_configuration_once(void)
{
    struct setup setup;

    open_setup(&setup);
    crash(&setup);
    memcpy(setup.limits.first_admin, key_text('A'), KEY_TEXT_SIZE + 1);
    for (int i = 0; i < 2; i++) {
        start(&setup);
        settle(&setup);
        uint64_t entries = last_seq(&setup);
        add(&setup, 1, &PARTY_PUT, make_party("h"));
        submit(&setup);
        settle(&setup);
        EXPECT_EQ(
            take_as(&setup, 'A', 2, &KEY_REGISTER, make_key('h', "h", ROLE_REQUESTER)).accepted,
            true);
        EXPECT_EQ(last_seq(&setup), entries + (i == 0 ? 2 : 0)); /* The same ids again. */
        crash(&setup);
    }
    start(&setup);
    close_setup(&setup);
}

static void a_high_role_needs_another_admin(void)
{
    struct setup setup;
    union command confirmation = {.key_confirm = {.key = bytes_from_text(key_text('o'))}};

    open_with_keys(&setup);
    EXPECT_TRUE(take_as(&setup, '\0', 1, &KEY_REGISTER, make_key('A', "h", ROLE_ADMIN)).accepted);
    expect_refused(take_as(&setup, '\0', 2, &KEY_CONFIRM,
                           (union command){.key_confirm = {bytes_from_text(key_text('A'))}}),
                   "denied", "key");
    expect_refused(take_as(&setup, 'A', 3, &PARTY_PUT, make_party("h")), "denied", "");
    close_setup(&setup);

    open_with_keys(&setup);
    crash(&setup);
    memcpy(setup.limits.first_admin, key_text('A'), KEY_TEXT_SIZE + 1);
    start(&setup);
    settle(&setup);
    EXPECT_TRUE(take_as(&setup, 'A', 1, &KEY_REGISTER, make_key('o', "h", ROLE_OPERATOR)).accepted);
    expect_refused(take_as(&setup, 'o', 2, &PRODUCT_PUT, make_product("gown", 1)), "denied", "");
    expect_refused(take_as(&setup, 'A', 3, &KEY_CONFIRM, confirmation), "denied", "key");
    EXPECT_TRUE(take_as(&setup, '\0', 4, &KEY_CONFIRM, confirmation).accepted);
    EXPECT_TRUE(take_as(&setup, 'o', 5, &PRODUCT_PUT, make_product("gown", 1)).accepted);
    expect_refused(take_as(&setup, 'A', 6, &PRODUCT_PUT, make_product("gown", 2)), "denied", "");
    close_setup(&setup);
}

static void another_ones_submission_id_is_a_conflict(void)
{
    struct setup setup;
    union command need = make_need("n1", "h", "mask", 5);

    open_with_keys(&setup);
    EXPECT_TRUE(take_as(&setup, 'h', 1, &NEED_PUT, need).accepted);
    EXPECT_TRUE(take_as(&setup, 'h', 1, &NEED_PUT, need).accepted);
    expect_refused(take_as(&setup, 'f', 1, &NEED_PUT, need), "conflict", "id");
    expect_refused(take_as(&setup, '\0', 1, &NEED_PUT, need), "conflict", "id");
    close_setup(&setup);
}

/* Refusals about keys name the field. */
static void a_command_about_keys_without_effect_is_refused(void)
{
    struct setup setup;
    union command rotation = {.key_rotate = {.key = bytes_from_text(key_text('h')),
                                             .next = bytes_from_text(key_text('f')),
                                             .until = 1}};

    open_with_keys(&setup);
    uint64_t entries = last_seq(&setup);
    expect_refused(take_as(&setup, '\0', 1, &KEY_REGISTER, make_key('h', "h", ROLE_REQUESTER)),
                   "conflict", "key");
    expect_refused(take_as(&setup, '\0', 2, &KEY_REGISTER, make_key('z', "who", ROLE_REQUESTER)),
                   "unknown", "party");
    expect_refused(take_as(&setup, '\0', 3, &KEY_REVOKE, revocation('z')), "unknown", "key");
    expect_refused(take_as(&setup, '\0', 4, &KEY_ROTATE, rotation), "conflict", "key");
    expect_refused(take_as(&setup, 'h', 5, &KEY_REVOKE, revocation('f')), "denied", "");
    expect_refused(take_as(&setup, 'h', 6, &KEY_REVOKE, revocation('z')), "denied", "");
    expect_refused(take_as(&setup, 'h', 7, &KEY_REGISTER, make_key('z', "h", ROLE_REQUESTER)),
                   "denied", "");
    EXPECT_TRUE(last_seq(&setup) <= entries + 1); /* A tick at most. */
    close_setup(&setup);
}

/* By replay of entries, and from rows. */
static void a_restart_knows_the_same_keys(void)
{
    struct setup setup;
    union command rotation = {.key_rotate = {.key = bytes_from_text(key_text('h')),
                                             .next = bytes_from_text(key_text('i')),
                                             .until = (uint64_t)DAY_MAX * DAY_MS}};

    for (size_t checkpoint = 1; checkpoint <= 1000; checkpoint += 333) {
        open_setup(&setup);
        crash(&setup);
        setup.options.checkpoint_entries = checkpoint;
        start(&setup);
        furnish(&setup);
        EXPECT_TRUE(
            take_as(&setup, '\0', 1, &KEY_REGISTER, make_key('h', "hospital", ROLE_REQUESTER))
                .accepted);
        EXPECT_TRUE(take_as(&setup, 'h', 2, &KEY_ROTATE, rotation).accepted);
        restart(&setup);
        settle(&setup);
        EXPECT_TRUE(
            take_as(&setup, 'i', 3, &NEED_PUT, make_need("n1", "hospital", "mask", 5)).accepted);
        EXPECT_TRUE(take_as(&setup, '\0', 4, &KEY_REVOKE, revocation('h')).accepted);
        restart(&setup);
        settle(&setup);
        expect_refused(take_as(&setup, 'i', 5, &NEED_PUT, make_need("n2", "hospital", "mask", 5)),
                       "denied", "");
        close_setup(&setup);
    }
}

static void keys_are_looked_up(void)
{
    struct setup setup;
    struct lookup request = {.what = bytes_from_text("key"), .party = bytes_from_text("f")};
    struct buffer answer = {0};
    const char *type = NULL;
    struct refusal refusal;
    struct rows rows;
    struct key_row row;

    open_with_keys(&setup);
    EXPECT_OK(stage_control(setup.stage, bytes_from_text("lookup"),
                            encoded(&setup.arena, &LOOKUP, &request), &type, &answer));
    EXPECT_TEXT(bytes_from_text(type), "rows");
    EXPECT_OK(proto_decode(&ROWS, buffer_view(&answer), &setup.arena, &rows, &refusal));
    EXPECT_EQ(rows.rows.count, 1);
    const struct raw_item *items = rows.rows.items;
    EXPECT_OK(proto_decode(&KEY_ROW, items[0].value, &setup.arena, &row, &refusal));
    EXPECT_TEXT(row.key, key_text('f'));
    EXPECT_TEXT(row.state, "active");
    EXPECT_EQ(row.number, 2);
    request.what = bytes_from_text("need");
    EXPECT_STATUS(stage_control(setup.stage, bytes_from_text("lookup"),
                                encoded(&setup.arena, &LOOKUP, &request), &type, &answer),
                  STATUS_NOT_FOUND);
    buffer_deinit(&answer);
    close_setup(&setup);
}

static const struct test_case cases[] = {
    CASE(a_party_speaks_for_itself_alone),
    CASE(what_is_not_yours_looks_like_what_is_not_there),
    CASE(another_ones_need_is_not_put_again),
    CASE(an_unknown_key_is_not_heard),
    CASE(a_revoked_key_is_not_heard_any_more),
    CASE(a_key_is_heard_in_its_time),
    CASE(the_first_admin_comes_from_the_configuration_once),
    CASE(a_high_role_needs_another_admin),
    CASE(another_ones_submission_id_is_a_conflict),
    CASE(a_command_about_keys_without_effect_is_refused),
    CASE(a_restart_knows_the_same_keys),
    CASE(keys_are_looked_up),
};

int main(int argc, char **argv)
{
    return run_cases(cases, COUNT_OF(cases), argc, argv);
}
