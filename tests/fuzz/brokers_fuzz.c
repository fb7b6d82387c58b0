/*
 * Bytes as what clients send to the gateway and the dispatcher, in their stages: frames that make
 * sense, frames that do not, and crashes in between.
 *
 * Whatever is said, the roles go on; what they say decodes, a submit gets as many results as it has
 * commands, what was accepted is in the journal exactly once and still there after a crash.
 */
#include "brokers/dispatch/dispatch.h"
#include "brokers/gateway/gateway.h"
#include "tests/fuzz/messages.h"
#include "tests/unit/fake_world.h"
#include "tests/unit/proto_records.h"

#include <string.h>

#define STEP_COUNT_MAX 48
#define ASSIGNMENT_COUNT 5
#define TODAY 18353
#define ID_COUNT 16
#define COMMAND_COUNT_MAX 4

enum op { OP_RAW, OP_BODY, OP_SUBMIT, OP_COMMIT, OP_TIME, OP_CRASH, OP_COUNT };

struct broker {
    struct fake_world world;
    struct stage_options options;
    struct stage *stage;
};

struct house {
    struct broker gateway, dispatch;
    struct gateway *gateway_state;
    struct dispatch *dispatch_state;
    struct fake_journal upstream; /* Of the dispatcher. */
    struct arena arena;
    bool is_accepted[ID_COUNT];
};

/* What the roles say. */

static void note_results(struct house *house, const struct answers *answers)
{
    const struct result *results = answers->results.items;

    for (size_t i = 0; i < answers->results.count; i++) {
        if (results[i].accepted) {
            ENSURE(results[i].position > 0);
            ENSURE(results[i].id.size == SUBMISSION_ID_SIZE);
            house->is_accepted[results[i].id.data[0] % ID_COUNT] |= results[i].id.data[1] == 'f';
        }
    }
}

static void check_send(struct house *house, const struct fake_send *send)
{
    struct refusal refusal = {0};
    struct header header;

    ENSURE(proto_decode(&HEADER, buffer_view(&send->header), &house->arena, &header, &refusal) ==
           STATUS_OK);
    const struct message *message = fuzz_message(header.type);
    ENSURE(message != NULL);
    void *record = arena_take(&house->arena, message->record_size);
    ENSURE(proto_decode(message, buffer_view(&send->body), &house->arena, record, &refusal) ==
           STATUS_OK);
    if (message == &ANSWERS) {
        note_results(house, record);
    }
}

static void check_sends(struct house *house, struct broker *broker)
{
    ENSURE(broker->world.failure[0] == '\0');
    for (size_t i = 0; i < broker->world.send_count; i++) {
        check_send(house, &broker->world.sends[i]);
    }
    fake_world_forget_sends(&broker->world);
}

/* Submissions of ours in the journal, each once, and every accepted one. */
static void check_intake(struct house *house)
{
    const struct fake_journal *journal = &house->gateway.world.journal;
    size_t counts[ID_COUNT] = {0};

    for (uint64_t seq = 1; seq <= journal->head.last; seq++) {
        struct refusal refusal = {0};
        struct intake intake;
        ENSURE(proto_decode(&INTAKE, journal->entries[seq - 1].body, &house->arena, &intake,
                            &refusal) == STATUS_OK);
        if (intake.id.size == SUBMISSION_ID_SIZE && intake.id.data[1] == 'f') {
            counts[intake.id.data[0] % ID_COUNT]++;
        }
    }
    for (size_t i = 0; i < ID_COUNT; i++) {
        ENSURE(counts[i] <= 1);
        ENSURE(counts[i] == 1 || !house->is_accepted[i]);
    }
}

/* Starting and stopping. */

static void start_gateway(struct house *house)
{
    static const struct gateway_options limits = {
        .tick_ms = 60000, .ids_max = 1000, .space_floor = 1000};

    gateway_open(&limits, &house->gateway_state);
    house->gateway.options.state = house->gateway_state;
    ENSURE(fake_world_start(&house->gateway.world, &house->gateway.options,
                            &house->gateway.stage) == STATUS_OK);
    fake_world_settle(&house->gateway.world, house->gateway.stage);
}

static void start_dispatch(struct house *house)
{
    static const struct dispatch_options limits = {
        .clients_max = 3, .credit_max = 100, .head_ms = 5000};
    struct buffer stored = {0};

    dispatch_open(&limits, &house->dispatch_state);
    house->dispatch.options.state = house->dispatch_state;
    ENSURE(fake_world_start(&house->dispatch.world, &house->dispatch.options,
                            &house->dispatch.stage) == STATUS_OK);
    stage_upstream_head(house->dispatch.stage, 0, &house->upstream.head, 0);
    ENSURE(fake_journal_read(&house->upstream, 1, SIZE_MAX, &stored) == STATUS_OK);
    stage_entries(house->dispatch.stage, 0, buffer_view(&stored));
    buffer_deinit(&stored);
    fake_world_settle(&house->dispatch.world, house->dispatch.stage);
}

static void stop(struct house *house)
{
    stage_close(house->gateway.stage);
    gateway_close(house->gateway_state);
    fake_world_crash(&house->gateway.world);
    stage_close(house->dispatch.stage);
    dispatch_close(house->dispatch_state);
    fake_world_crash(&house->dispatch.world);
    ENSURE(house->dispatch.world.parcel_count == 0);
}

static void restart(struct house *house)
{
    stop(house);
    start_gateway(house);
    start_dispatch(house);
}

static void fill_upstream(struct house *house)
{
    uint64_t random = 7;

    house->upstream.head = (struct journal_head){.epoch = 1, .oldest = 1};
    for (uint64_t i = 1; i <= ASSIGNMENT_COUNT; i++) {
        struct assignment_event event;
        struct buffer body = {0};
        random_record(&ASSIGNMENT, &random, &house->arena, &event);
        event.type = (struct bytes){0};
        event.seq = 0;
        event.assignment = i;
        event.requester = bytes_from_text(i % 2 == 0 ? "party0" : "party1");
        proto_encode(&ASSIGNMENT, &event, &body);
        fake_journal_append(&house->upstream, &(struct entry){.time_ms = i,
                                                              .kind = KIND_ASSIGNMENT,
                                                              .version = STAGE_VERSION,
                                                              .body = buffer_view(&body)});
        buffer_deinit(&body);
    }
}

static void open_house(struct house *house)
{
    *house = (struct house){
        .gateway.options = {.role = &gateway_role, .checkpoint_entries = 8},
        .dispatch.options = {.role = &dispatch_role, .checkpoint_entries = 8},
    };
    fake_world_init(&house->gateway.world);
    fake_world_init(&house->dispatch.world);
    house->gateway.world.time_ms = (uint64_t)TODAY * DAY_MS;
    house->dispatch.world.time_ms = (uint64_t)TODAY * DAY_MS;
    fill_upstream(house);
    start_gateway(house);
    start_dispatch(house);
}

static void close_house(struct house *house)
{
    stop(house);
    fake_world_deinit(&house->gateway.world);
    fake_world_deinit(&house->dispatch.world);
    fake_journal_deinit(&house->upstream);
    arena_deinit(&house->arena);
}

/* What clients send. */

static struct broker *pick_broker(struct house *house, struct bytes *input)
{
    return fuzz_take_below(input, 2) == 0 ? &house->gateway : &house->dispatch;
}

static void send(struct broker *broker, struct bytes *input, struct bytes header, struct bytes body)
{
    static const char *const peers[] = {"peer0", "peer1", "peer2", "peer3"};
    const char *peer = peers[fuzz_take_below(input, COUNT_OF(peers))];

    stage_message(broker->stage, &(struct client_message){.peer = bytes_from_text(peer),
                                                          .user = bytes_from_text("ann"),
                                                          .header = header,
                                                          .body = body});
}

static struct bytes encode(struct house *house, const struct message *message, const void *record)
{
    struct buffer buffer = {0};

    proto_encode(message, record, &buffer);
    struct bytes copy = arena_copy(&house->arena, buffer_view(&buffer));
    buffer_deinit(&buffer);
    return copy;
}

static void send_as(struct house *house, struct broker *broker, const struct message *message,
                    struct bytes body, struct bytes *input)
{
    const struct header header = {.version = PROTO_VERSION,
                                  .type = bytes_from_text(message->name),
                                  .id = fuzz_take(input, 1)};

    send(broker, input, encode(house, &HEADER, &header), body);
}

static void send_raw(struct house *house, struct bytes *input)
{
    struct bytes header = fuzz_take_block(input);
    struct bytes body = fuzz_take_block(input);

    send(pick_broker(house, input), input, header, body);
}

/* A header that makes sense over any body. */
static void send_body(struct house *house, struct bytes *input)
{
    static const struct message *const types[] = {&SUBMIT, &SUBSCRIBE, &CREDIT, &SNAPSHOT, &LOOKUP};
    const struct message *message = types[fuzz_take_below(input, COUNT_OF(types))];
    struct bytes body = fuzz_take_block(input);

    send_as(house, message == &SUBMIT ? &house->gateway : &house->dispatch, message, body, input);
}

static size_t count_messages(void)
{
    size_t count = 0;

    while (ALL_MESSAGES[count] != NULL) {
        count++;
    }
    return count;
}

/* Commands of any name over any map; the message is sent when its table takes it. */
static void send_submit(struct house *house, struct bytes *input)
{
    struct submission commands[COMMAND_COUNT_MAX];
    size_t count = 1 + fuzz_take_below(input, COMMAND_COUNT_MAX);
    struct submit submit = {.commands = {commands, count}};
    struct refusal refusal = {0};

    for (size_t i = 0; i < count; i++) {
        uint8_t *id = arena_take(&house->arena, SUBMISSION_ID_SIZE);
        id[0] = (uint8_t)fuzz_take_below(input, ID_COUNT);
        id[1] = 'f';
        const char *name = ALL_MESSAGES[fuzz_take_below(input, count_messages())]->name;
        commands[i] = (struct submission){.id = {id, SUBMISSION_ID_SIZE},
                                          .type = bytes_from_text(name),
                                          .body = fuzz_take_block(input)};
    }
    if (proto_check(&SUBMIT, &submit, &refusal) == STATUS_OK) {
        struct bytes body = encode(house, &SUBMIT, &submit);
        send_as(house, &house->gateway, &SUBMIT, body, input);
    }
}

static void commit(struct house *house)
{
    fake_world_settle(&house->gateway.world, house->gateway.stage);
    fake_world_settle(&house->dispatch.world, house->dispatch.stage);
}

static void take_step(struct house *house, struct bytes *input)
{
    switch ((enum op)fuzz_take_below(input, OP_COUNT)) {
    case OP_RAW:
        send_raw(house, input);
        return;
    case OP_BODY:
        send_body(house, input);
        return;
    case OP_SUBMIT:
        send_submit(house, input);
        return;
    case OP_COMMIT:
        commit(house);
        return;
    case OP_TIME: {
        uint64_t duration_ms = fuzz_take_u8(input) * (uint64_t)1000;
        fake_world_pass(&house->gateway.world, house->gateway.stage, duration_ms);
        fake_world_pass(&house->dispatch.world, house->dispatch.stage, duration_ms);
        return;
    }
    case OP_CRASH:
        (void)(fuzz_take_below(input, 2) == 0 && fake_world_write(&house->gateway.world));
        restart(house);
        return;
    case OP_COUNT:
        break;
    }
    UNREACHABLE();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes input = {data, size};
    struct house house;

    open_house(&house);
    for (size_t i = 0; i < STEP_COUNT_MAX && input.size > 0; i++) {
        take_step(&house, &input);
        check_sends(&house, &house.gateway);
        check_sends(&house, &house.dispatch);
        arena_reset(&house.arena);
    }
    commit(&house);
    check_sends(&house, &house.gateway);
    check_intake(&house);
    close_house(&house);
    return 0;
}

/* Seeds: every command, what clients ask, and some of both. */

static void put_submit(struct buffer *input, size_t index, struct bytes body)
{
    uint8_t *at = buffer_extend(input, 4);

    at[0] = OP_SUBMIT;
    at[1] = 0;
    at[2] = (uint8_t)index % ID_COUNT;
    at[3] = (uint8_t)index;
    fuzz_put_block(input, body);
    buffer_append(input, "7\0", 2);
    *buffer_extend(input, 1) = OP_COMMIT;
}

static void put_body(struct buffer *input, uint8_t which, struct bytes body)
{
    *buffer_extend(input, 1) = OP_BODY;
    *buffer_extend(input, 1) = which;
    fuzz_put_block(input, body);
    buffer_append(input, "8\1", 2);
}

void fuzz_seeds(const struct fuzz_sink *sink)
{
    static const struct message *const asked[] = {&SUBMIT, &SUBSCRIBE, &CREDIT, &SNAPSHOT};
    struct arena arena = {0};
    struct buffer all = {0};
    uint64_t random = 5;

    for (size_t i = 0; ALL_MESSAGES[i] != NULL; i++) {
        const struct message *message = ALL_MESSAGES[i];
        struct buffer body = {0};
        struct buffer input = {0};
        void *record = arena_take(&arena, message->record_size);
        random_record(message, &random, &arena, record);
        proto_encode(message, record, &body);
        if (message_by_name(bytes_from_text(message->name)) == message) {
            put_submit(&input, i, buffer_view(&body));
        }
        for (size_t j = 0; j < COUNT_OF(asked); j++) {
            if (asked[j] == message && body.size < 2000) {
                put_body(&input, (uint8_t)j, buffer_view(&body));
            }
        }
        if (input.size > 0) {
            fuzz_give(sink, &input);
            buffer_append(&all, input.data, input.size);
        }
        buffer_deinit(&body);
        buffer_deinit(&input);
    }
    *buffer_extend(&all, 1) = OP_CRASH;
    fuzz_give(sink, &all);
    buffer_deinit(&all);
    arena_deinit(&arena);
}

void fuzz_words(const struct fuzz_sink *sink)
{
    fuzz_message_words(sink, FUZZ_PACKED);
}
