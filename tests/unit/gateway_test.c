/*
 * gateway_test.c - what the gateway answers to each command and journals.
 */
#include "tests/unit/gateway_fixture.h"

/* --- Answers ------------------------------------------------------------------------- */

static void an_answer_leaves_after_the_commit(void)
{
    struct setup setup;

    open_setup(&setup);
    settle(&setup); /* The first tick. */
    add(&setup, 1, &PARTY_PUT, make_party("hospital"));
    submit(&setup);
    EXPECT_TRUE(fake_world_write(&setup.world));
    EXPECT_EQ(setup.world.send_count, 0);
    EXPECT_TRUE(fake_world_tell(&setup.world, setup.stage));
    struct result result = last_result(&setup);
    EXPECT_TRUE(result.accepted);
    EXPECT_EQ(result.position, 1);
    EXPECT_TRUE(bytes_equal(result.id, make_id(&setup, 1)));
    EXPECT_TRUE(bytes_equal(result.chain,
                            (struct bytes){setup.world.journal.head.chain, JOURNAL_CHAIN_SIZE}));
    close_setup(&setup);
}

static void answers_come_in_the_order_of_the_submits(void)
{
    struct setup setup;

    open_setup(&setup);
    settle(&setup);
    furnish(&setup);
    for (uint64_t id = 1; id <= 9; id++) { /* Refused ones wait for their turn too. */
        add(&setup, id, &NEED_PUT, make_need("n", id % 3 == 0 ? "nobody" : "hospital", "mask", id));
        submit(&setup);
        if (id == 4) {
            EXPECT_TRUE(fake_world_write(&setup.world));
        }
        if (id == 6) {
            EXPECT_TRUE(fake_world_tell(&setup.world, setup.stage));
        }
    }
    settle(&setup);
    EXPECT_EQ(setup.world.send_count, 9);
    for (size_t i = 0; i < 9; i++) {
        EXPECT_EQ(sent_header(&setup, i).id.data[0], 2 + i); /* Behind that of furnish. */
        struct result *result = sent_answers(&setup, i).results.items;
        EXPECT_EQ(result->accepted, (i + 1) % 3 != 0);
    }
    close_setup(&setup);
}

static void what_needs_no_commit_is_answered_at_once(void)
{
    struct setup setup;

    open_setup(&setup);
    settle(&setup);
    add(&setup, 1, &NEED_CANCEL, make_id_command("nothing"));
    submit(&setup);
    EXPECT_EQ(setup.world.send_count, 1);
    expect_refused(last_result(&setup), "unknown", "need");
    EXPECT_TRUE(setup.world.pending == NULL);
    close_setup(&setup);
}

static void results_stand_in_the_order_of_the_commands(void)
{
    struct setup setup;

    open_setup(&setup);
    add(&setup, 1, &NEED_PUT, make_need("n", "hospital", "mask", 5));
    add(&setup, 2, &PARTY_PUT, make_party("hospital"));
    add(&setup, 3, &PRODUCT_PUT, make_product("mask", 1));
    add(&setup, 4, &NEED_PUT, make_need("n", "hospital", "mask", 5));
    submit(&setup);
    settle(&setup);
    const struct result *results = sent_answers(&setup, 0).results.items;
    expect_refused(results[0], "unknown", "party");
    for (uint64_t i = 1; i < 4; i++) {
        EXPECT_TRUE(results[i].accepted);
        EXPECT_EQ(results[i].position, i);
        EXPECT_TRUE(bytes_equal(results[i].id, make_id(&setup, i + 1)));
    }
    close_setup(&setup);
}

static void each_submitter_has_its_own_positions(void)
{
    static const char *const parties[] = {"ann", "bob", "ann", "", "bob", ""};
    static const uint64_t positions[] = {1, 1, 2, 5, 2, 6}; /* Four make the others known. */
    struct setup setup;

    open_setup(&setup);
    setup.options.checkpoint_entries = 3;
    add(&setup, 100, &PARTY_PUT, make_party("ann"));
    add(&setup, 101, &PARTY_PUT, make_party("bob"));
    add(&setup, 102, &KEY_REGISTER, make_key('a', "ann", ROLE_REQUESTER));
    add(&setup, 103, &KEY_REGISTER, make_key('b', "bob", ROLE_REQUESTER));
    submit(&setup);
    settle(&setup);
    for (size_t i = 0; i < COUNT_OF(parties); i++) {
        const char *party = parties[i][0] == '\0' ? "hospital" : parties[i];
        add(&setup, i + 1, &PARTY_PUT, make_party(party));
        submit_as(&setup, parties[i][0] == '\0' ? "" : key_text(parties[i][0]));
        settle(&setup);
        EXPECT_EQ(last_result(&setup).position, positions[i]);
        EXPECT_TEXT(intake_at(&setup, last_seq(&setup)).by,
                    parties[i][0] == '\0' ? "local" : parties[i]);
        restart(&setup);
        settle(&setup);
    }
    close_setup(&setup);
}

/* --- The same id --------------------------------------------------------------------- */

static void the_same_id_and_body_get_the_same_answer_for_ever(void)
{
    static const uint64_t quantities[] = {10, 5000}; /* The second one is held back. */

    for (size_t i = 0; i < COUNT_OF(quantities); i++) {
        union command need = make_need("n", "hospital", "mask", quantities[i]);
        struct setup setup;

        open_setup(&setup);
        furnish(&setup);
        add(&setup, 7, &NEED_PUT, need);
        submit(&setup);
        add(&setup, 7, &NEED_PUT, need);
        submit(&setup); /* Before the commit of the first. */
        EXPECT_EQ(setup.world.send_count, 0);
        settle(&setup);
        EXPECT_EQ(setup.world.send_count, 2);
        uint64_t last = last_seq(&setup);
        const struct result *results = sent_answers(&setup, 0).results.items;
        struct result first = keep(&setup, results[0]);
        EXPECT_EQ(first.quarantined, i == 1);
        expect_same(first, last_result(&setup));
        expect_same(first, take(&setup, 7, &NEED_PUT, need));
        restart(&setup); /* Without a checkpoint, */
        settle(&setup);
        expect_same(first, take(&setup, 7, &NEED_PUT, need));
        stage_stop(setup.stage);
        settle(&setup);
        restart(&setup); /* with one. */
        settle(&setup);
        expect_same(first, take(&setup, 7, &NEED_PUT, need));
        for (uint64_t seq = last + 1; seq <= last_seq(&setup); seq++) {
            EXPECT_EQ(setup.world.journal.entries[seq - 1].kind, KIND_TICK);
        }
        close_setup(&setup);
    }
}

static void the_same_id_with_another_body_is_a_conflict(void)
{
    struct setup setup;

    open_setup(&setup);
    furnish(&setup);
    EXPECT_TRUE(take(&setup, 7, &NEED_PUT, make_need("n", "hospital", "mask", 10)).accepted);
    expect_refused(take(&setup, 7, &NEED_PUT, make_need("n", "hospital", "mask", 11)), "conflict",
                   "id");
    expect_refused(take(&setup, 7, &NEED_CANCEL, make_id_command("n")), "conflict", "id");
    add(&setup, 8, &NEED_PUT, make_need("m", "hospital", "mask", 10));
    add(&setup, 8, &NEED_PUT, make_need("m", "hospital", "mask", 11));
    submit(&setup);
    settle(&setup);
    const struct result *results = sent_answers(&setup, setup.world.send_count - 1).results.items;
    EXPECT_TRUE(results[0].accepted);
    expect_refused(results[1], "conflict", "id");
    close_setup(&setup);
}

static void a_refused_id_may_be_used_again(void)
{
    struct setup setup;

    open_setup(&setup);
    expect_refused(take(&setup, 7, &NEED_PUT, make_need("n", "hospital", "mask", 10)), "unknown",
                   "party");
    furnish(&setup);
    EXPECT_TRUE(take(&setup, 7, &NEED_PUT, make_need("n", "hospital", "mask", 10)).accepted);
    close_setup(&setup);
}

/* --- Judging ------------------------------------------------------------------------- */

static void an_unknown_reference_names_its_field_and_the_nearest_id(void)
{
    struct setup setup;

    open_setup(&setup);
    furnish(&setup);
    struct result result = take(&setup, 1, &NEED_PUT, make_need("n", "hospitel", "mask", 1));
    expect_refused(result, "unknown", "party");
    EXPECT_TRUE(contains(result.why, "did you mean \"hospital\""));
    result = take(&setup, 2, &NEED_PUT, make_need("n", "hospital", "maks", 1));
    expect_refused(result, "unknown", "product");
    EXPECT_TRUE(contains(result.why, "did you mean \"mask\""));
    result = take(&setup, 3, &OFFER_PUT, make_stock("o", "hospital", "ventilator", 1));
    expect_refused(result, "unknown", "product");
    EXPECT_TRUE(!contains(result.why, "did you mean"));
    expect_refused(take(&setup, 4, &CAPACITY_PUT, make_capacity("o", 1)), "unknown", "offer");
    expect_refused(take(&setup, 5, &OFFER_WITHDRAW, make_id_command("o")), "unknown", "offer");
    expect_refused(take(&setup, 6, &NEED_RELEASE, make_id_command("n")), "unknown", "need");
    close_setup(&setup);
}

static union command make_norm(const char *norm, const char *product)
{
    union command command;

    proto_clear(&NORM_PUT, &command);
    command.norm_put.norm = bytes_from_text(norm);
    command.norm_put.product = bytes_from_text(product);
    command.norm_put.code = bytes_from_text("EN 14683");
    return command;
}

static void a_dated_rule_names_things_that_are_known(void)
{
    struct setup setup;
    union command command;

    open_setup(&setup);
    furnish(&setup);
    expect_refused(take(&setup, 1, &NORM_PUT, make_norm("r", "maks")), "unknown", "product");
    proto_clear(&SUBSTITUTE_PUT, &command);
    command.substitute_put.substitute = bytes_from_text("s");
    command.substitute_put.product = bytes_from_text("mask");
    command.substitute_put.given = bytes_from_text("gown");
    expect_refused(take(&setup, 2, &SUBSTITUTE_PUT, command), "unknown", "given");
    proto_clear(&CERTIFICATE_PUT, &command);
    command.certificate_put.certificate = bytes_from_text("c");
    command.certificate_put.party = bytes_from_text("nobody");
    command.certificate_put.product = bytes_from_text("mask");
    command.certificate_put.code = bytes_from_text("EN 14683");
    expect_refused(take(&setup, 3, &CERTIFICATE_PUT, command), "unknown", "party");
    command.certificate_put.party = bytes_from_text("hospital");
    EXPECT_TRUE(take(&setup, 4, &CERTIFICATE_PUT, command).accepted);
    command.certificate_put.code = bytes_from_text("EN 149");
    expect_refused(take(&setup, 5, &CERTIFICATE_PUT, command), "conflict", "product");
    proto_clear(&EXCLUSION_PUT, &command);
    command.exclusion_put.exclusion = bytes_from_text("x");
    command.exclusion_put.party = bytes_from_text("hospital");
    command.exclusion_put.other = bytes_from_text("nobody");
    command.exclusion_put.reason = bytes_from_text("conflict");
    expect_refused(take(&setup, 6, &EXCLUSION_PUT, command), "unknown", "other");
    close_setup(&setup);
}

static void a_norm_more_than_a_product_may_have_is_full(void)
{
    struct setup setup;
    char name[16];

    open_setup(&setup);
    furnish(&setup);
    for (uint64_t i = 0; i < PRODUCT_NORM_MAX; i++) {
        snprintf(name, sizeof name, "r%" PRIu64, i);
        EXPECT_TRUE(take(&setup, 1 + i, &NORM_PUT, make_norm(name, "mask")).accepted);
    }
    expect_refused(take(&setup, 100, &NORM_PUT, make_norm("one more", "mask")), "full", "");
    EXPECT_TRUE(take(&setup, 101, &NORM_PUT, make_norm("r0", "mask")).accepted); /* Known. */
    close_setup(&setup);
}

static void a_command_that_breaks_a_rule_is_refused_with_its_field(void)
{
    struct setup setup;

    open_setup(&setup);
    furnish(&setup);
    EXPECT_TRUE(take(&setup, 1, &NEED_PUT, make_need("n", "hospital", "mask", 10)).accepted);
    EXPECT_TRUE(take(&setup, 2, &PARTY_PUT, make_party("clinic")).accepted);
    expect_refused(take(&setup, 3, &NEED_PUT, make_need("n", "clinic", "mask", 10)), "conflict",
                   "product");
    EXPECT_TRUE(take(&setup, 4, &NEED_CANCEL, make_id_command("n")).accepted);
    expect_refused(take(&setup, 5, &NEED_CANCEL, make_id_command("n")), "state", "");
    add_raw(&setup, 6, "tick", encoded(&setup.arena, &TICK, &(struct tick){.now = 1}));
    submit(&setup);
    expect_refused(last_result(&setup), "unknown", "t");
    static const uint8_t empty_map[] = {0x80};
    add_raw(&setup, 7, "need.put", (struct bytes){empty_map, sizeof empty_map});
    submit(&setup);
    EXPECT_TEXT(last_result(&setup).code, "missing");
    close_setup(&setup);
}

static void what_is_implausible_is_taken_and_held_back(void)
{
    struct setup setup;

    open_setup(&setup);
    furnish(&setup);
    struct result result = take(&setup, 1, &NEED_PUT, make_need("n", "hospital", "mask", 1001));
    EXPECT_TRUE(result.accepted);
    EXPECT_TRUE(result.quarantined);
    EXPECT_TRUE(contains(result.why, "need_max"));
    EXPECT_TRUE(intake_at(&setup, last_seq(&setup)).quarantined);
    result = take(&setup, 2, &OFFER_PUT, make_stock("o", "hospital", "mask", 5001));
    EXPECT_TRUE(result.quarantined);
    EXPECT_TRUE(contains(result.why, "offer_max"));
    EXPECT_TRUE(
        !take(&setup, 3, &OFFER_PUT, make_stock("o", "hospital", "mask", 5000)).quarantined);
    result = take(&setup, 4, &CAPACITY_PUT, make_capacity("o", 5001));
    EXPECT_TRUE(result.accepted);
    EXPECT_TRUE(result.quarantined);
    EXPECT_TRUE(contains(result.why, "offer_max"));
    close_setup(&setup);
}

static void what_was_released_is_not_held_back_when_it_is_put_again(void)
{
    struct setup setup;
    union command need = make_need("n", "hospital", "mask", 1001);

    open_setup(&setup);
    furnish(&setup);
    EXPECT_TRUE(take(&setup, 1, &NEED_PUT, need).quarantined);
    EXPECT_TRUE(take(&setup, 2, &NEED_PUT, need).quarantined);
    EXPECT_TRUE(take(&setup, 3, &NEED_RELEASE, make_id_command("n")).accepted);
    struct result result = take(&setup, 4, &NEED_PUT, need);
    EXPECT_TRUE(result.accepted);
    EXPECT_TRUE(!result.quarantined);
    close_setup(&setup);
}

/* --- Limits -------------------------------------------------------------------------- */

static void below_the_floor_of_space_commands_are_refused_until_there_is_more(void)
{
    struct setup setup;

    open_setup(&setup);
    settle(&setup);
    furnish(&setup);
    uint64_t last = last_seq(&setup);
    setup.world.space = 999;
    struct result result = take(&setup, 1, &PARTY_PUT, make_party("clinic"));
    expect_refused(result, "full", "");
    EXPECT_TRUE(result.retry_after_ms > 0);
    fake_world_pass(&setup.world, setup.stage, 1000);
    EXPECT_TRUE(setup.world.pending == NULL); /* No tick either. */
    EXPECT_TRUE(take(&setup, 900001, &PARTY_PUT, make_party("hospital")).accepted); /* A repeat. */
    EXPECT_EQ(last_seq(&setup), last);
    setup.world.space = 1000;
    EXPECT_TRUE(take(&setup, 1, &PARTY_PUT, make_party("clinic")).accepted);
    fake_world_pass(&setup.world, setup.stage, 1000);
    EXPECT_TRUE(setup.world.pending != NULL);
    close_setup(&setup);
}

static void beyond_the_limit_of_ids_commands_are_refused(void)
{
    struct setup setup;

    open_setup(&setup);
    crash(&setup);
    setup.limits.ids_max = 5;
    start(&setup);
    settle(&setup);
    uint64_t accepted = 0;
    for (uint64_t id = 1; id <= 10; id++) {
        add(&setup, id, &PARTY_PUT, make_party("hospital"));
    }
    submit(&setup);
    settle(&setup);
    const struct result *results = sent_answers(&setup, 0).results.items;
    for (size_t i = 0; i < 10; i++) {
        accepted += results[i].accepted;
        if (!results[i].accepted) {
            expect_refused(results[i], "full", "");
            EXPECT_TRUE(results[i].retry_after_ms > 0);
        }
    }
    EXPECT_TRUE(accepted > 0);
    EXPECT_TRUE(accepted <= 5);
    EXPECT_TRUE(last_seq(&setup) <= 5);
    crash(&setup);
    setup.limits.ids_max = 1000;
    start(&setup);
    settle(&setup);
    EXPECT_TRUE(take(&setup, 10, &PARTY_PUT, make_party("hospital")).accepted);
    close_setup(&setup);
}

static void an_entry_that_cannot_be_read_is_no_conflict(void)
{
    struct setup setup;

    open_setup(&setup);
    furnish(&setup);
    EXPECT_TRUE(take(&setup, 7, &PARTY_PUT, make_party("clinic")).accepted);
    fake_journal_trim(&setup.world.journal, last_seq(&setup));
    struct result result = take(&setup, 7, &PARTY_PUT, make_party("clinic"));
    EXPECT_TRUE(!result.accepted);
    EXPECT_TRUE(!bytes_equal(result.code, bytes_from_text("conflict")));
    close_setup(&setup);
}

/* --- Time ---------------------------------------------------------------------------- */

static struct tick tick_at(struct setup *setup, uint64_t seq)
{
    struct tick tick;
    struct refusal refusal;

    EXPECT_EQ(setup->world.journal.entries[seq - 1].kind, KIND_TICK);
    EXPECT_OK(proto_decode(&TICK, intake_at(setup, seq).body, &setup->arena, &tick, &refusal));
    return tick;
}

static void a_tick_comes_every_tick_ms(void)
{
    struct setup setup;

    open_setup(&setup);
    uint64_t begin = setup.world.time_ms;
    settle(&setup);
    EXPECT_EQ(tick_at(&setup, 1).now, begin);
    for (uint64_t i = 1; i <= 10; i++) {
        EXPECT_EQ(setup.world.wake_ms, begin + 1000 * i);
        fake_world_pass(&setup.world, setup.stage, 999);
        EXPECT_TRUE(setup.world.pending == NULL);
        fake_world_pass(&setup.world, setup.stage, 1);
        settle(&setup);
        EXPECT_EQ(last_seq(&setup), 1 + i);
        EXPECT_EQ(tick_at(&setup, 1 + i).now, begin + 1000 * i);
    }
    close_setup(&setup);
}

static void time_never_goes_back_when_the_clock_does(void)
{
    struct setup setup;

    open_setup(&setup);
    settle(&setup);
    uint64_t begin = setup.world.time_ms;
    for (int i = 0; i < 4; i++) {
        crash(&setup);
        setup.world.time_ms = begin - 5000;
        start(&setup);
        EXPECT_TRUE(take(&setup, 1 + (uint64_t)i, &PARTY_PUT, make_party("hospital")).accepted);
        if (i == 1) {
            stage_stop(setup.stage);
            settle(&setup);
        }
    }
    for (uint64_t seq = 2; seq <= last_seq(&setup); seq++) {
        const struct entry *entry = &setup.world.journal.entries[seq - 1];
        EXPECT_TRUE(entry->time_ms >= entry[-1].time_ms);
        EXPECT_TRUE(entry->kind != KIND_TICK || tick_at(&setup, seq).now >= begin);
    }
    close_setup(&setup);
}

static void rules_are_journaled_when_they_are_others(void)
{
    struct setup setup;

    open_setup(&setup);
    for (int i = 0; i < 3; i++) { /* Weights and tranches of 0 are rules as well. */
        settle(&setup);
        crash(&setup);
        setup.limits.rules = (struct rules_put){.kept_max = i == 0 ? 8 : 9};
        setup.options.checkpoint_entries = 1;
        start(&setup);
        settle(&setup);
        uint64_t last = last_seq(&setup);
        EXPECT_EQ(setup.world.journal.entries[last - 2].kind, i == 2 ? KIND_TICK : KIND_RULES_PUT);
        EXPECT_EQ(setup.world.journal.entries[last - 1].kind, KIND_TICK);
    }
    close_setup(&setup);
}

/* --- Messages that make no sense ----------------------------------------------------- */

static void a_message_that_makes_no_sense_is_refused(void)
{
    struct setup setup;
    struct header header = {.version = 1, .type = bytes_from_text("submit")};

    open_setup(&setup);
    settle(&setup);
    uint64_t last = last_seq(&setup);
    send_frames(&setup, bytes_from_text("?"), bytes_from_text("?"));
    EXPECT_TEXT(last_refused(&setup).code, "malformed");
    send_frames(&setup, encoded(&setup.arena, &HEADER, &header), bytes_from_text("?"));
    EXPECT_TEXT(last_refused(&setup).code, "malformed");
    header.version = 2;
    send_frames(&setup, encoded(&setup.arena, &HEADER, &header), bytes_from_text("?"));
    EXPECT_TEXT(last_refused(&setup).code, "version");
    EXPECT_TEXT(last_refused(&setup).field, "v");
    header =
        (struct header){.version = 1, .type = bytes_from_text("dance"), .id = {(void *)"x", 1}};
    send_frames(&setup, encoded(&setup.arena, &HEADER, &header), bytes_from_text("?"));
    EXPECT_TEXT(last_refused(&setup).code, "unknown");
    EXPECT_TEXT(last_refused(&setup).field, "t");
    EXPECT_TEXT(sent_header(&setup, setup.world.send_count - 1).id, "x");
    settle(&setup);
    EXPECT_EQ(last_seq(&setup), last);
    close_setup(&setup);
}

static void a_client_that_is_gone_delays_nobody(void)
{
    struct setup setup;

    open_setup(&setup);
    furnish(&setup);
    fake_world_set_peer(&setup.world, "peer", STATUS_NOT_FOUND);
    add(&setup, 1, &PARTY_PUT, make_party("clinic"));
    submit(&setup);
    settle(&setup);
    fake_world_set_peer(&setup.world, "peer", STATUS_OK);
    EXPECT_EQ(setup.world.send_count, 0);
    EXPECT_EQ(take(&setup, 1, &PARTY_PUT, make_party("clinic")).position, 3);
    close_setup(&setup);
}

static const struct test_case cases[] = {
    CASE(an_answer_leaves_after_the_commit),
    CASE(answers_come_in_the_order_of_the_submits),
    CASE(what_needs_no_commit_is_answered_at_once),
    CASE(results_stand_in_the_order_of_the_commands),
    CASE(each_submitter_has_its_own_positions),
    CASE(the_same_id_and_body_get_the_same_answer_for_ever),
    CASE(the_same_id_with_another_body_is_a_conflict),
    CASE(a_refused_id_may_be_used_again),
    CASE(an_unknown_reference_names_its_field_and_the_nearest_id),
    CASE(a_dated_rule_names_things_that_are_known),
    CASE(a_norm_more_than_a_product_may_have_is_full),
    CASE(a_command_that_breaks_a_rule_is_refused_with_its_field),
    CASE(what_is_implausible_is_taken_and_held_back),
    CASE(what_was_released_is_not_held_back_when_it_is_put_again),
    CASE(below_the_floor_of_space_commands_are_refused_until_there_is_more),
    CASE(beyond_the_limit_of_ids_commands_are_refused),
    CASE(an_entry_that_cannot_be_read_is_no_conflict),
    CASE(a_tick_comes_every_tick_ms),
    CASE(time_never_goes_back_when_the_clock_does),
    CASE(rules_are_journaled_when_they_are_others),
    CASE(a_message_that_makes_no_sense_is_refused),
    CASE(a_client_that_is_gone_delays_nobody),
};

int main(int argc, char **argv)
{
    return run_cases(cases, COUNT_OF(cases), argc, argv);
}
