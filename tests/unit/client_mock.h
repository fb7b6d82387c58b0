/*
 * client_mock.h - brokers played by a test of libmaillon.
 *
 * A mock is a ROUTER in the same thread: it collects what the client says, and says what the case
 * wants, sense or not. Time is the connection's clock, advanced by hand; waits are on descriptors.
 */
#ifndef TESTS_UNIT_CLIENT_MOCK_H
#define TESTS_UNIT_CLIENT_MOCK_H

#include "client/connection.h"

#include "tests/harness.h"

#include <dirent.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <zmq.h>

#define TURN_COUNT_MAX 2000
#define TURN_MS 5
#define SEED 20200402
#define MESSAGE_COUNT_MAX 4096

static char directory[64];
static void *context;
static uint64_t shift_ms; /* How far the clock was advanced. */

static inline uint64_t shifted_clock_ms(void)
{
    struct timespec now;

    ENSURE(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000 + shift_ms;
}

/* A broker. */

struct mock {
    void *router;
    char endpoint[160];
    uint8_t peer[64]; /* Who spoke last. */
    size_t peer_size;
    struct arena arena;
    struct header header; /* Of the message received last. */
    struct bytes body;
    zmq_msg_t frames[3];
};

static inline void mock_start(struct mock *mock)
{
    int zero = 0;

    mock->router = zmq_socket(context, ZMQ_ROUTER);
    ENSURE(mock->router != NULL);
    zmq_setsockopt(mock->router, ZMQ_LINGER, &zero, sizeof zero);
    ENSURE(zmq_bind(mock->router, mock->endpoint) == 0);
}

/* Waits until the endpoint is free, so that the next start finds it so. */
static inline void mock_stop(struct mock *mock)
{
    ENSURE(zmq_unbind(mock->router, mock->endpoint) == 0);
    ENSURE(zmq_close(mock->router) == 0);
}

static inline void mock_init(struct mock *mock, const char *name)
{
    *mock = (struct mock){0};
    snprintf(mock->endpoint, sizeof mock->endpoint, "ipc://%s/run/%s", directory, name);
    for (size_t i = 0; i < COUNT_OF(mock->frames); i++) {
        zmq_msg_init(&mock->frames[i]);
    }
    mock_start(mock);
}

static inline void mock_deinit(struct mock *mock)
{
    mock_stop(mock);
    arena_deinit(&mock->arena);
    for (size_t i = 0; i < COUNT_OF(mock->frames); i++) {
        zmq_msg_close(&mock->frames[i]);
    }
}

/* Takes the next message in, when there is one. */
static inline bool mock_receive(struct mock *mock)
{
    struct refusal refusal;

    if (zmq_msg_recv(&mock->frames[0], mock->router, ZMQ_DONTWAIT) < 0) {
        return false;
    }
    ENSURE(zmq_msg_recv(&mock->frames[1], mock->router, 0) >= 0);
    ENSURE(zmq_msg_recv(&mock->frames[2], mock->router, 0) >= 0);
    ENSURE(!zmq_msg_more(&mock->frames[2]));
    mock->peer_size = zmq_msg_size(&mock->frames[0]);
    memcpy(mock->peer, zmq_msg_data(&mock->frames[0]), mock->peer_size);
    mock->body = (struct bytes){zmq_msg_data(&mock->frames[2]), zmq_msg_size(&mock->frames[2])};
    arena_reset(&mock->arena);
    struct bytes header = {zmq_msg_data(&mock->frames[1]), zmq_msg_size(&mock->frames[1])};
    EXPECT_OK(proto_decode(&HEADER, header, &mock->arena, &mock->header, &refusal));
    return true;
}

static inline void mock_send_frames(struct mock *mock, struct bytes header, struct bytes body)
{
    zmq_send(mock->router, mock->peer, mock->peer_size, ZMQ_SNDMORE);
    zmq_send(mock->router, header.data, header.size, ZMQ_SNDMORE);
    zmq_send(mock->router, body.data, body.size, 0);
}

static inline void mock_send(struct mock *mock, const struct message *message, const void *record)
{
    struct header header = {
        .version = PROTO_VERSION, .type = bytes_from_text(message->name), .id = mock->header.id};
    struct buffer frames[2] = {0};

    proto_encode(&HEADER, &header, &frames[0]);
    proto_encode(message, record, &frames[1]);
    mock_send_frames(mock, buffer_view(&frames[0]), buffer_view(&frames[1]));
    buffer_deinit(&frames[0]);
    buffer_deinit(&frames[1]);
}

/* A client. */

static inline struct maillon *open_client(uint32_t window)
{
    struct maillon_options options = {.size = sizeof options, .data = directory, .window = window};
    struct maillon *connection = NULL;

    EXPECT_EQ(maillon_open(&options, &connection), MAILLON_OK);
    connection->clock_ms = shifted_clock_ms;
    return connection;
}

/* Lets the client work until the broker has the client's next message. */
static inline void await(struct maillon *connection, struct mock *mock)
{
    for (int i = 0; i < TURN_COUNT_MAX; i++) {
        if (mock_receive(mock)) {
            return;
        }
        maillon_wait(connection, TURN_MS);
    }
    fprintf(stderr, "the broker was told nothing\n");
    fail_case();
}

/* Lets the client work until `*count` has become `expected`. */
static inline void await_count(struct maillon *connection, const size_t *count, size_t expected)
{
    for (int i = 0; i < TURN_COUNT_MAX && *count < expected; i++) {
        maillon_wait(connection, TURN_MS);
    }
    EXPECT_EQ(*count, expected);
}

static inline void enter_directory(void)
{
    char path[96];

    strcpy(directory, "/tmp/client-XXXXXX");
    ENSURE(mkdtemp(directory) != NULL);
    snprintf(path, sizeof path, "%s/run", directory);
    ENSURE(mkdir(path, 0700) == 0);
    context = zmq_ctx_new();
    shift_ms = 0;
}

static inline void leave_directory(void)
{
    char path[400];

    ENSURE(zmq_ctx_term(context) == 0);
    snprintf(path, sizeof path, "%s/run", directory);
    DIR *run = opendir(path);
    ENSURE(run != NULL);
    for (struct dirent *file = readdir(run); file != NULL; file = readdir(run)) {
        snprintf(path, sizeof path, "%s/run/%s", directory, file->d_name);
        unlink(path);
    }
    closedir(run);
    snprintf(path, sizeof path, "%s/run", directory);
    ENSURE(rmdir(path) == 0);
    ENSURE(rmdir(directory) == 0);
}

static inline void make_id(size_t number, uint8_t id[MAILLON_ID_SIZE])
{
    memset(id, 0, MAILLON_ID_SIZE);
    store_u64(id, number);
}

/* A broker and a client of it. */
struct pair {
    struct mock mock;
    struct maillon *connection;
};

static inline void pair_open(struct pair *pair, const char *broker, uint32_t window)
{
    enter_directory();
    mock_init(&pair->mock, broker);
    pair->connection = open_client(window);
}

static inline void pair_close(struct pair *pair)
{
    maillon_close(pair->connection);
    mock_deinit(&pair->mock);
    leave_directory();
}

/* Bytes of a broker gone mad. */

static inline struct bytes event_value(struct arena *arena, const char *type, uint64_t seq)
{
    struct buffer value = {0};
    size_t type_size = strlen(type);

    buffer_append(&value, "\x82\xa1t", 3);
    *buffer_extend(&value, 1) = (uint8_t)(0xa0 | type_size);
    buffer_append(&value, type, type_size);
    buffer_append(&value, "\xa3seq", 4);
    if (seq < 128) {
        *buffer_extend(&value, 1) = (uint8_t)seq;
    } else if (seq < 256) {
        buffer_append(&value, (uint8_t[]){0xcc, (uint8_t)seq}, 2);
    } else {
        buffer_append(&value, (uint8_t[]){0xcd, (uint8_t)(seq >> 8), (uint8_t)seq}, 3);
    }
    struct bytes copy = arena_copy(arena, buffer_view(&value));
    buffer_deinit(&value);
    return copy;
}

static inline struct bytes mutate(struct arena *arena, struct bytes bytes, uint64_t *random)
{
    struct bytes copy = arena_copy(arena, bytes);
    uint8_t *data = (uint8_t *)copy.data;
    size_t change_count = 1 + random_below(random, 4);

    for (size_t i = 0; i < change_count && copy.size > 0; i++) {
        data[random_below(random, copy.size)] = (uint8_t)random_next(random);
    }
    if (random_below(random, 4) == 0) {
        copy.size = random_below(random, copy.size + 1);
    }
    return copy;
}

static inline struct bytes noise(struct arena *arena, uint64_t *random)
{
    size_t size = random_below(random, 200);
    uint8_t *data = arena_take(arena, size);

    for (size_t i = 0; i < size; i++) {
        data[i] = (uint8_t)random_next(random);
    }
    return (struct bytes){.data = data, .size = size};
}

/* Frames that make sense, of the kind the broker speaks. */
static inline void sensible_frames(struct arena *arena, uint64_t *random, struct bytes frames[2])
{
    static const struct message *const types[] = {&ANSWERS, &REFUSED, &EVENT, &STREAM_HEAD, &RESET};
    uint8_t id[SUBMISSION_ID_SIZE];
    make_id(random_below(random, 40), id);
    struct result result = {.id = {id, sizeof id}, .code = bytes_from_text(CODE_RANGE)};
    struct answers answers = {.results = {&result, 1}};
    struct refused refused = {.code = bytes_from_text(CODE_FULL), .retry_after_ms = 5};
    struct raw_item item = {.value = event_value(arena, "assignment", random_below(random, 999))};
    struct event event = {.events = {&item, 1}};
    struct stream_head head = {.seq = random_below(random, 999), .oldest = 1};
    struct reset reset = {.oldest = 3, .last = 4, .why = bytes_from_text("x")};
    const void *const records[] = {&answers, &refused, &event, &head, &reset};
    size_t which = random_below(random, COUNT_OF(types));
    struct header header = {.version = PROTO_VERSION, .type = bytes_from_text(types[which]->name)};
    struct buffer buffers[2] = {0};

    proto_encode(&HEADER, &header, &buffers[0]);
    proto_encode(types[which], records[which], &buffers[1]);
    for (size_t i = 0; i < 2; i++) {
        frames[i] = arena_copy(arena, buffer_view(&buffers[i]));
        buffer_deinit(&buffers[i]);
    }
}

static inline void send_hostile(struct mock *mock, uint64_t *random)
{
    struct arena arena = {0};
    struct bytes frames[2];

    sensible_frames(&arena, random, frames);
    switch (random_below(random, 6)) {
    case 0:
        mock_send_frames(mock, noise(&arena, random), noise(&arena, random));
        break;
    case 1:
        mock_send_frames(mock, frames[0], noise(&arena, random));
        break;
    case 2:
        mock_send_frames(mock, mutate(&arena, frames[0], random), frames[1]);
        break;
    case 3: /* One frame. */
        zmq_send(mock->router, mock->peer, mock->peer_size, ZMQ_SNDMORE);
        zmq_send(mock->router, frames[0].data, frames[0].size, 0);
        break;
    case 4: /* Three. */
        zmq_send(mock->router, mock->peer, mock->peer_size, ZMQ_SNDMORE);
        zmq_send(mock->router, "x", 1, ZMQ_SNDMORE);
        zmq_send(mock->router, frames[0].data, frames[0].size, ZMQ_SNDMORE);
        zmq_send(mock->router, frames[1].data, frames[1].size, 0);
        break;
    default:
        mock_send_frames(mock, frames[0], mutate(&arena, frames[1], random));
        break;
    }
    arena_deinit(&arena);
}

#endif
