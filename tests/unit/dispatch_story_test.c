/*
 * dispatch_story_test.c - clients that follow a whole story, through crashes.
 */
#include "tests/unit/dispatch_fixture.h"

#define SEED_COUNT 20
#define ACTION_COUNT 400
#define CLIENT_COUNT 6

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

static const struct test_case cases[] = {
    CASE(everyone_gets_every_event_it_wants_once_and_in_order),
    CASE(numbering_goes_on_after_a_restart),
};

int main(int argc, char **argv)
{
    return run_cases(cases, COUNT_OF(cases), argc, argv);
}
