/*
 * gateway_fixture.h - the gateway in its stage, in a world that can crash.
 */
#ifndef TESTS_UNIT_GATEWAY_FIXTURE_H
#define TESTS_UNIT_GATEWAY_FIXTURE_H

#include "brokers/gateway/gateway.h"
#include "core/match/market.h"
#include "tests/unit/command_fixture.h"
#include "tests/unit/fake_world.h"

struct setup {
    struct fake_world world;
    struct gateway_options limits;
    struct gateway *gateway;
    struct stage_options options;
    struct stage *stage;
    struct arena arena;
    struct submission commands[COMMANDS_PER_SUBMIT_MAX]; /* Of the submit in the making. */
    size_t command_count;
    uint8_t request; /* Number of the last submit, its id as well. */
};

static inline void start(struct setup *setup)
{
    gateway_open(&setup->limits, &setup->gateway);
    setup->options.state = setup->gateway;
    EXPECT_OK(fake_world_start(&setup->world, &setup->options, &setup->stage));
}

static inline void open_setup(struct setup *setup)
{
    *setup = (struct setup){
        .limits = {.tick_ms = 1000, .ids_max = 1000000, .space_floor = 1000},
        .options = {.role = &gateway_role, .checkpoint_entries = 1000000},
    };
    fake_world_init(&setup->world);
    setup->world.time_ms = (uint64_t)18353 * DAY_MS;
    start(setup);
}

static inline void crash(struct setup *setup)
{
    stage_close(setup->stage);
    gateway_close(setup->gateway);
    fake_world_crash(&setup->world);
}

static inline void restart(struct setup *setup)
{
    crash(setup);
    start(setup);
}

static inline void close_setup(struct setup *setup)
{
    crash(setup);
    EXPECT_EQ(setup->world.parcel_count, 0);
    fake_world_deinit(&setup->world);
    arena_deinit(&setup->arena);
}

static inline void settle(struct setup *setup)
{
    fake_world_settle(&setup->world, setup->stage);
}

static inline struct bytes make_id(struct setup *setup, uint64_t number)
{
    uint8_t id[SUBMISSION_ID_SIZE] = {0};

    store_u64(id, number);
    return arena_copy(&setup->arena, (struct bytes){id, sizeof id});
}

static inline void add_raw(struct setup *setup, uint64_t id, const char *type, struct bytes body)
{
    EXPECT_TRUE(setup->command_count < COMMANDS_PER_SUBMIT_MAX);
    setup->commands[setup->command_count++] =
        (struct submission){.id = make_id(setup, id), .type = bytes_from_text(type), .body = body};
}

static inline void add(struct setup *setup, uint64_t id, const struct message *message,
                       union command command)
{
    add_raw(setup, id, message->name, encoded(&setup->arena, message, &command));
}

static inline void send_frames(struct setup *setup, struct bytes header, struct bytes body)
{
    stage_message(setup->stage, &(struct client_message){
                                    .peer = bytes_from_text("peer"),
                                    .user = {0},
                                    .header = header,
                                    .body = body,
                                });
}

static inline void submit_as(struct setup *setup, const char *user)
{
    uint8_t request = ++setup->request;
    struct header header = {.version = 1, .type = bytes_from_text("submit"), .id = {&request, 1}};
    struct submit submit = {
        .commands = {.items = setup->commands, .count = setup->command_count},
    };
    stage_message(setup->stage, &(struct client_message){
                                    .peer = bytes_from_text("peer"),
                                    .user = bytes_from_text(user),
                                    .header = encoded(&setup->arena, &HEADER, &header),
                                    .body = encoded(&setup->arena, &SUBMIT, &submit),
                                });
    setup->command_count = 0;
}

static inline void submit(struct setup *setup)
{
    submit_as(setup, "");
}

/* The header of the message sent as number `index`. */
static inline struct header sent_header(struct setup *setup, size_t index)
{
    struct refusal refusal;
    struct header header;

    EXPECT_TRUE(index < setup->world.send_count);
    EXPECT_OK(proto_decode(&HEADER, buffer_view(&setup->world.sends[index].header), &setup->arena,
                           &header, &refusal));
    return header;
}

static inline struct answers sent_answers(struct setup *setup, size_t index)
{
    struct refusal refusal;
    struct answers answers;

    EXPECT_TEXT(sent_header(setup, index).type, "answers");
    EXPECT_OK(proto_decode(&ANSWERS, buffer_view(&setup->world.sends[index].body), &setup->arena,
                           &answers, &refusal));
    return answers;
}

/* The only result of the last message. */
static inline struct result last_result(struct setup *setup)
{
    struct answers answers = sent_answers(setup, setup->world.send_count - 1);

    EXPECT_EQ(answers.results.count, 1);
    return *(struct result *)answers.results.items;
}

static inline struct refused last_refused(struct setup *setup)
{
    struct refusal refusal;
    struct refused refused;
    size_t last = setup->world.send_count - 1;

    EXPECT_TEXT(sent_header(setup, last).type, "refused");
    EXPECT_OK(proto_decode(&REFUSED, buffer_view(&setup->world.sends[last].body), &setup->arena,
                           &refused, &refusal));
    return refused;
}

/* Submits one command and gives what became of it. */
static inline struct result take(struct setup *setup, uint64_t id, const struct message *message,
                                 union command command)
{
    add(setup, id, message, command);
    submit(setup);
    settle(setup);
    return last_result(setup);
}

static inline void expect_refused(struct result result, const char *code, const char *field)
{
    EXPECT_TRUE(!result.accepted);
    EXPECT_EQ(result.position, 0);
    EXPECT_EQ(result.chain.size, 0);
    EXPECT_TEXT(result.code, code);
    EXPECT_TEXT(result.field, field);
    EXPECT_TRUE(result.why.size > 0);
}

static inline bool contains(struct bytes text, const char *word)
{
    return memmem(text.data, text.size, word, strlen(word)) != NULL;
}

static inline struct intake intake_at(struct setup *setup, uint64_t seq)
{
    struct intake intake;
    struct refusal refusal;

    EXPECT_OK(proto_decode(&INTAKE, setup->world.journal.entries[seq - 1].body, &setup->arena,
                           &intake, &refusal));
    return intake;
}

static inline uint64_t last_seq(const struct setup *setup)
{
    return setup->world.journal.head.last;
}

/* A party, and a product with limits. */
static inline void furnish(struct setup *setup)
{
    union command product = make_product("mask", 10);

    product.product_put.need_max = 1000;
    product.product_put.offer_max = 5000;
    add(setup, 900001, &PARTY_PUT, make_party("hospital"));
    add(setup, 900002, &PRODUCT_PUT, product);
    submit(setup);
    settle(setup);
    fake_world_forget_sends(&setup->world);
}

/* A registered key's text; `name` is one character. */
static inline const char *key_text(char name)
{
    static char texts[128][KEY_TEXT_SIZE + 1];

    memset(texts[(int)name], name, KEY_TEXT_SIZE);
    return texts[(int)name];
}

static inline union command make_key(char name, const char *party, uint64_t roles)
{
    union command command;

    proto_clear(&KEY_REGISTER, &command);
    command.key_register.key = bytes_from_text(key_text(name));
    command.key_register.party = bytes_from_text(party);
    command.key_register.roles = roles;
    return command;
}

static inline void expect_same(struct result first, struct result again)
{
    EXPECT_EQ(again.accepted, first.accepted);
    EXPECT_EQ(again.position, first.position);
    EXPECT_EQ(again.quarantined, first.quarantined);
    EXPECT_TRUE(bytes_equal(again.id, first.id));
    EXPECT_TRUE(bytes_equal(again.chain, first.chain));
    EXPECT_TRUE(bytes_equal(again.code, first.code));
    EXPECT_TRUE(bytes_equal(again.why, first.why));
}

static inline struct result keep(struct setup *setup, struct result result)
{
    result.chain = arena_copy(&setup->arena, result.chain);
    result.why = arena_copy(&setup->arena, result.why);
    result.id = arena_copy(&setup->arena, result.id);
    return result;
}

#endif
