/*
 * client.c - programs that submit and follow through the real library.
 *
 * A client keeps on its own disk what it wants to say and how far it has read. When it crashes it
 * loses the rest, and says again what it kept under the same ids.
 */
#include "client/connection.h"
#include "proto/messages.h"
#include "tests/sim/oracle.h"
#include "tests/sim/sim.h"
#include "tests/sim/work.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KNOWN_COUNT 32 /* Assignments that it remembers to answer. */
#define AWAKE_US 100   /* Between two turns when there is more to do. */
#define DOWN_US_MIN 10000
#define DOWN_US_MAX 2000000
#define IDLE_US 500000
#define SAY_AGAIN_PER_MILLION 60000
#define FUTURE 100000 /* So far beyond the end no stream goes. */

struct client {
    struct sim *sim;
    uint32_t number;
    struct maillon *connection; /* NULL while it is down. */
    uint64_t life;
    uint64_t turn_us; /* The turn that is planned, 0 for none. */
    uint64_t silent_until_us;
    uint32_t commands_left;
    uint64_t *again; /* Intents to be said, or said again: number * VARIANT_COUNT + variant. */
    size_t again_count, again_capacity;
    size_t attempt_count;
    struct follow follow;
    bool is_lost; /* Its subscription has ended: it makes another one. */
    struct known_assignment known[KNOWN_COUNT];
    size_t known_count;
};

static void client_subscribe(struct client *client);

/* The library asks for the time without saying who asks. */
static uint64_t clock_ms(void)
{
    return 1000 + sim_running->now_us / 1000;
}

static void push_to_self(struct client *client, uint64_t after_us, enum event_kind kind)
{
    sim_push(client->sim, after_us,
             (struct happening){.kind = kind, .target = client->number, .stamp = client->life});
}

void client_wake(struct client *client, uint64_t after_us)
{
    uint64_t at_us = max_u64(client->sim->now_us + after_us, client->silent_until_us);

    if (client->connection != NULL && (client->turn_us == 0 || at_us < client->turn_us)) {
        client->turn_us = at_us;
        push_to_self(client, at_us - client->sim->now_us, EVENT_TURN);
    }
}

uint32_t client_number(const struct client *client)
{
    return client->number;
}

void client_silence(struct client *client, uint64_t duration_us)
{
    client->silent_until_us = client->sim->now_us + duration_us;
}

/* --- Saying -------------------------------------------------------------------------- */

static void say_later(struct client *client, uint64_t intent, uint32_t variant)
{
    GROW(client->again, client->again_capacity, client->again_count + 1);
    client->again[client->again_count++] = intent * VARIANT_COUNT + variant;
}

static void on_answer(const struct maillon_answer *answer, void *user)
{
    struct attempt *attempt = user;
    struct client *client = attempt->client;
    struct sim *sim = client->sim;
    bool is_over = client->connection == NULL; /* It crashed: nobody hears this. */

    client->attempt_count--;
    if (answer->status == MAILLON_UNREACHABLE || answer->status == MAILLON_TRY_AGAIN) {
        if (draw_below(&sim->client_draw, 4) != 0 && !sim->faults.is_calm) {
            say_later(client, attempt->intent, attempt->variant);
        }
    } else if (!is_over) {
        oracle_answered(sim, attempt, answer);
        if (draw_chance(&sim->client_draw, SAY_AGAIN_PER_MILLION) && !sim->faults.is_calm) {
            say_later(client, attempt->intent, attempt->variant);
        }
    }
    free(attempt);
}

/* False when the window is full. */
static bool say(struct client *client, uint64_t number, uint32_t variant)
{
    const struct intent *intent = work_intent(client->sim, number);
    struct attempt *attempt = memory_take(1, sizeof *attempt);
    const struct message *message = message_by_kind(intent->facts[variant].kind);
    const struct buffer *body = &intent->bodies[variant];

    *attempt = (struct attempt){.client = client, .intent = number, .variant = variant};
    enum maillon_status status = maillon_submit(client->connection, message->name, intent->id,
                                                body->data, body->size, on_answer, attempt);
    if (status == MAILLON_OK) {
        client->attempt_count++;
        client->sim->figures->submissions++;
        return true;
    }
    free(attempt);
    if (status != MAILLON_TRY_AGAIN && status != MAILLON_CONFLICT) {
        sim_violated(client->sim, "the library does not take a %s: %s", message->name,
                     maillon_status_name(status));
    }
    return status == MAILLON_CONFLICT; /* The same id is on its way: it will be said. */
}

static void say_again(struct client *client)
{
    while (client->again_count > 0) {
        uint64_t said = client->again[client->again_count - 1];
        if (!say(client, said / VARIANT_COUNT, (uint32_t)(said % VARIANT_COUNT))) {
            return;
        }
        client->again_count--;
    }
}

/* Somebody else uses the same id, for the same or another command. */
static void share_id(struct client *client, uint64_t intent)
{
    struct sim *sim = client->sim;
    uint32_t other = (uint32_t)draw_below(&sim->client_draw, sim->knobs.client_count);

    if (sim->clients[other]->connection == NULL || !fault_strikes(&sim->faults, FAULT_SAME_ID)) {
        return;
    }
    uint32_t variant = (uint32_t)draw_below(&sim->client_draw, VARIANT_COUNT);
    if (variant > 0 && other == client->number) {
        return; /* Who uses an id for two things can no longer tell the answers apart. */
    }
    if (variant > 0) {
        work_make_variant(sim, intent);
    }
    say_later(sim->clients[other], intent, variant);
}

static void say_new(struct client *client)
{
    static const struct known_assignment none;
    struct sim *sim = client->sim;
    const struct known_assignment *known = &none;

    if (client->known_count > 0) {
        known = &client->known[draw_below(&sim->client_draw, client->known_count)];
    }
    uint64_t intent = work_make(sim, known);
    client->commands_left--;
    if (!say(client, intent, 0)) {
        say_later(client, intent, 0);
    }
    share_id(client, intent);
}

static void act(struct client *client)
{
    struct sim *sim = client->sim;
    uint64_t count = draw_between(&sim->client_draw, 1, sim->knobs.burst_max);
    bool has_more = client->commands_left > 0 || client->again_count > 0;
    uint64_t think_us = has_more ? sim->knobs.think_us : IDLE_US;

    push_to_self(client, draw_between(&sim->client_draw, 1, 2 * think_us), EVENT_ACT);
    if (client->silent_until_us > sim->now_us) {
        return;
    }
    if (sim->faults.is_calm) {
        client->commands_left = 0; /* What has been begun is brought to an end. */
    }
    say_again(client);
    while (count-- > 0 && client->commands_left > 0 && client->again_count == 0) {
        say_new(client);
    }
    if (client->is_lost) {
        client_subscribe(client);
    }
    client_wake(client, 0);
}

/* --- Following ----------------------------------------------------------------------- */

static void remember(struct client *client, const struct maillon_event *event)
{
    struct bytes body = {event->body, event->size};
    struct assignment_event assignment;
    struct arena arena = {0};
    struct refusal refusal;

    if (event->kind == MAILLON_ASSIGNMENT &&
        proto_decode(&ASSIGNMENT, body, &arena, &assignment, &refusal) == STATUS_OK) {
        size_t at = (size_t)assignment.assignment % KNOWN_COUNT;
        client->known_count = max_u64(client->known_count, at + 1);
        client->known[at] = (struct known_assignment){
            .number = assignment.assignment,
            .state = (uint32_t)assignment.state,
            .requester = work_number(assignment.requester, 'P'),
            .offerer = work_number(assignment.offerer, 'P'),
        };
    }
    arena_deinit(&arena);
}

static enum maillon_status on_event(const struct maillon_event *event, void *user)
{
    struct client *client = user;

    oracle_received(client->sim, &client->follow, event);
    client->sim->figures->deliveries += event->kind <= MAILLON_ANSWERED;
    if (event->kind == MAILLON_RESET) {
        client->is_lost = true;
        return MAILLON_OK;
    }
    remember(client, event);
    return MAILLON_OK;
}

/* Of a stream that may be another one: every number is a position in its own. */
static uint64_t position_of_another(struct client *client, struct draw *draw)
{
    struct sim *sim = client->sim;
    const struct client *other = sim->clients[draw_below(draw, sim->knobs.client_count)];

    if (other == NULL || other == client) {
        return client->follow.after; /* At the beginning there are not all of them. */
    }
    sim_seen(sim, SEEN_CURSOR_OF_OTHER);
    return other->follow.after;
}

/* Where it says that it stands: now and then somewhere else. */
static uint64_t choose_position(struct client *client)
{
    struct sim *sim = client->sim;
    struct draw *draw = &sim->faults.draws[FAULT_CURSOR];

    if (client->follow.after == 0 || !fault_strikes(&sim->faults, FAULT_CURSOR)) {
        return client->follow.after;
    }
    if (draw_below(draw, 4) == 0) {
        return client->follow.after + FUTURE;
    }
    if (draw_below(draw, 3) == 0) {
        return position_of_another(client, draw);
    }
    return draw_below(draw, client->follow.after);
}

static void client_subscribe(struct client *client)
{
    struct follow *follow = &client->follow;
    struct maillon_filter filter = {
        .size = sizeof filter,
        .party = follow->party[0] == '\0' ? NULL : follow->party,
        .product = follow->product[0] == '\0' ? NULL : follow->product,
    };

    if (!follow->is_on) {
        return;
    }
    follow->after = choose_position(client);
    follow->was_beyond = follow->after > oracle_stream_last(client->sim, follow);
    follow->asked = follow->after;
    client->is_lost = false;
    ENSURE(maillon_subscribe(client->connection, &filter, follow->after, on_event, client) ==
           MAILLON_OK);
}

/* What it follows, for ever: all, a party's part, or less than that. */
static void choose_stream(struct client *client)
{
    struct sim *sim = client->sim;
    struct follow *follow = &client->follow;

    follow->is_on = draw_below(&sim->client_draw, 8) != 0;
    if (draw_below(&sim->client_draw, 2) == 0) {
        snprintf(follow->party, sizeof follow->party, "P%u",
                 (uint32_t)draw_below(&sim->client_draw, sim->knobs.party_count));
    }
    if (draw_below(&sim->client_draw, 4) == 0) {
        snprintf(follow->product, sizeof follow->product, "A%u",
                 (uint32_t)draw_below(&sim->client_draw, sim->knobs.product_count));
    }
}

/* --- Start, turns, end --------------------------------------------------------------- */

static void start(struct client *client)
{
    struct sim *sim = client->sim;
    char gateway[24];
    char dispatch[24];
    struct maillon_options options = {
        .size = sizeof options,
        .gateway = gateway,
        .dispatch = dispatch,
        .timeout_ms = sim->knobs.timeout_ms,
        .window = sim->knobs.window,
    };

    snprintf(gateway, sizeof gateway, "sim:%u", client->number * 2);
    snprintf(dispatch, sizeof dispatch, "sim:%u", client->number * 2 + 1);
    ENSURE(maillon_open(&options, &client->connection) == MAILLON_OK);
    client->connection->clock_ms = clock_ms;
    client->connection->random = draw_next(&sim->client_draw);
    client->life++;
    client->turn_us = 0;
    client_subscribe(client);
    push_to_self(client, draw_below(&sim->client_draw, sim->knobs.think_us), EVENT_ACT);
    client_wake(client, 0);
}

static void end(struct client *client)
{
    struct maillon *connection = client->connection;

    client->connection = NULL; /* What is called back now was never heard. */
    client->life++;
    maillon_close(connection);
}

void client_open(struct sim *sim, uint32_t number)
{
    struct client *client = memory_take(1, sizeof *client);

    *client = (struct client){
        .sim = sim,
        .number = number,
        .commands_left = sim->knobs.command_count,
    };
    sim->clients[number] = client;
    choose_stream(client);
    start(client);
}

void client_close(struct sim *sim, uint32_t number)
{
    struct client *client = sim->clients[number];

    end(client);
    free(client->again);
    free(client);
    sim->clients[number] = NULL;
}

void client_crash(struct client *client)
{
    struct sim *sim = client->sim;

    if (client->connection != NULL) {
        end(client);
        push_to_self(client, draw_tail(&sim->client_draw, DOWN_US_MIN, DOWN_US_MAX), EVENT_CLIENT);
    }
}

static void take_turn(struct client *client)
{
    client->turn_us = 0;
    enum maillon_status status = maillon_process(client->connection);
    if (status != MAILLON_OK) {
        sim_violated(client->sim, "client %u: %s", client->number, maillon_status_name(status));
    }
    int timeout_ms = maillon_timeout_ms(client->connection);
    if (timeout_ms >= 0) {
        client_wake(client, max_u64((uint64_t)timeout_ms * 1000, AWAKE_US));
    }
}

void client_handle(struct client *client, const struct happening *event)
{
    if (event->stamp != client->life) {
        return;
    }
    if (event->kind == EVENT_CLIENT) {
        start(client);
    } else if (event->kind == EVENT_ACT) {
        act(client);
    } else if (client->turn_us <= client->sim->now_us && client->turn_us != 0) {
        take_turn(client);
    }
}

const char *client_is_busy_with(const struct client *client)
{
    const struct sim *sim = client->sim;
    const struct follow *follow = &client->follow;
    bool are_too_many = sim->knobs.clients_max < sim->knobs.client_count;

    if (client->connection == NULL || client->commands_left > 0 || client->again_count > 0) {
        return "a client has not said everything";
    }
    if (client->attempt_count > 0) {
        return "a client waits for an answer";
    }
    if (follow->is_on && !are_too_many &&
        (client->is_lost || follow->after < oracle_stream_last(sim, follow))) {
        return "a client waits for events";
    }
    return NULL;
}
