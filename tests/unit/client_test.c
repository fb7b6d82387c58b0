/*
 * client_test.c - what libmaillon promises, against brokers played by this file.
 *
 * A mock is a ROUTER in the same thread: it collects what the client says, and says what the case
 * wants. Time is the connection's clock, advanced by hand; waits are on descriptors.
 */
#include "client/connection.h"

#include "tests/harness.h"

#include <dirent.h>
#include <poll.h>
#include <pthread.h>
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

static uint64_t shifted_clock_ms(void)
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

static void mock_start(struct mock *mock)
{
    int zero = 0;

    mock->router = zmq_socket(context, ZMQ_ROUTER);
    ENSURE(mock->router != NULL);
    zmq_setsockopt(mock->router, ZMQ_LINGER, &zero, sizeof zero);
    ENSURE(zmq_bind(mock->router, mock->endpoint) == 0);
}

/* Waits until the endpoint is free, so that the next start finds it so. */
static void mock_stop(struct mock *mock)
{
    ENSURE(zmq_unbind(mock->router, mock->endpoint) == 0);
    ENSURE(zmq_close(mock->router) == 0);
}

static void mock_init(struct mock *mock, const char *name)
{
    *mock = (struct mock){0};
    snprintf(mock->endpoint, sizeof mock->endpoint, "ipc://%s/run/%s", directory, name);
    for (size_t i = 0; i < COUNT_OF(mock->frames); i++) {
        zmq_msg_init(&mock->frames[i]);
    }
    mock_start(mock);
}

static void mock_deinit(struct mock *mock)
{
    mock_stop(mock);
    arena_deinit(&mock->arena);
    for (size_t i = 0; i < COUNT_OF(mock->frames); i++) {
        zmq_msg_close(&mock->frames[i]);
    }
}

/* Takes the next message in, when there is one. */
static bool mock_receive(struct mock *mock)
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

static void mock_send_frames(struct mock *mock, struct bytes header, struct bytes body)
{
    zmq_send(mock->router, mock->peer, mock->peer_size, ZMQ_SNDMORE);
    zmq_send(mock->router, header.data, header.size, ZMQ_SNDMORE);
    zmq_send(mock->router, body.data, body.size, 0);
}

static void mock_send(struct mock *mock, const struct message *message, const void *record)
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

static struct maillon *open_client(uint32_t window)
{
    struct maillon_options options = {.size = sizeof options, .data = directory, .window = window};
    struct maillon *connection = NULL;

    EXPECT_EQ(maillon_open(&options, &connection), MAILLON_OK);
    connection->clock_ms = shifted_clock_ms;
    return connection;
}

/* Lets the client work until the broker has the client's next message. */
static void await(struct maillon *connection, struct mock *mock)
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
static void await_count(struct maillon *connection, const size_t *count, size_t expected)
{
    for (int i = 0; i < TURN_COUNT_MAX && *count < expected; i++) {
        maillon_wait(connection, TURN_MS);
    }
    EXPECT_EQ(*count, expected);
}

static void enter_directory(void)
{
    char path[96];

    strcpy(directory, "/tmp/client-XXXXXX");
    ENSURE(mkdtemp(directory) != NULL);
    snprintf(path, sizeof path, "%s/run", directory);
    ENSURE(mkdir(path, 0700) == 0);
    context = zmq_ctx_new();
    shift_ms = 0;
}

static void leave_directory(void)
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

/* What came back. */

static struct {
    size_t count;
    struct maillon_answer last;
    char code[32], field[96], why[256];
    size_t count_by_number[MESSAGE_COUNT_MAX];
} answered;

static void on_answer(const struct maillon_answer *answer, void *user)
{
    answered.count++;
    answered.last = *answer;
    snprintf(answered.code, sizeof answered.code, "%s", answer->code);
    snprintf(answered.field, sizeof answered.field, "%s", answer->field);
    snprintf(answered.why, sizeof answered.why, "%s", answer->why);
    answered.count_by_number[(uintptr_t)user]++;
}

static void forget_answers(void)
{
    memset(&answered, 0, sizeof answered);
}

static void make_id(size_t number, uint8_t id[MAILLON_ID_SIZE])
{
    memset(id, 0, MAILLON_ID_SIZE);
    store_u64(id, number);
}

static const uint8_t body_of_cancel[] = {0x81, 0xa4, 'n', 'e', 'e', 'd', 0xa1, 'a'};

static enum maillon_status submit(struct maillon *connection, size_t number)
{
    uint8_t id[MAILLON_ID_SIZE];

    make_id(number, id);
    return maillon_submit(connection, "need.cancel", id, body_of_cancel, sizeof body_of_cancel,
                          on_answer, (void *)(uintptr_t)number);
}

static const struct submission *commands_of(struct mock *mock, size_t *count)
{
    struct submit submit_record;
    struct refusal refusal;

    EXPECT_TEXT(mock->header.type, "submit");
    EXPECT_OK(proto_decode(&SUBMIT, mock->body, &mock->arena, &submit_record, &refusal));
    *count = submit_record.commands.count;
    return submit_record.commands.items;
}

static const uint8_t chain[CHAIN_SIZE] = {1, 2, 3};

/* Accepts every command of the message received last; positions are the ids' numbers. */
static size_t accept_all(struct mock *mock)
{
    size_t count;
    const struct submission *commands = commands_of(mock, &count);
    struct result *results = arena_take(&mock->arena, count * sizeof *results);

    for (size_t i = 0; i < count; i++) {
        results[i] = (struct result){.id = commands[i].id,
                                     .accepted = true,
                                     .position = load_u64(commands[i].id.data),
                                     .chain = {chain, sizeof chain}};
    }
    struct answers answers = {.results = {results, count}};
    mock_send(mock, &ANSWERS, &answers);
    return count;
}

static void refuse_all(struct mock *mock, const char *code, uint64_t retry_after_ms)
{
    size_t count;
    const struct submission *commands = commands_of(mock, &count);
    struct result *results = arena_take(&mock->arena, count * sizeof *results);

    for (size_t i = 0; i < count; i++) {
        results[i] = (struct result){.id = commands[i].id,
                                     .code = bytes_from_text(code),
                                     .field = bytes_from_text("need"),
                                     .why = bytes_from_text("no such need"),
                                     .retry_after_ms = retry_after_ms};
    }
    struct answers answers = {.results = {results, count}};
    mock_send(mock, &ANSWERS, &answers);
}

/* A gateway and a client of it. */
struct pair {
    struct mock mock;
    struct maillon *connection;
};

static void pair_open(struct pair *pair, const char *broker, uint32_t window)
{
    enter_directory();
    forget_answers();
    mock_init(&pair->mock, broker);
    pair->connection = open_client(window);
}

static void pair_close(struct pair *pair)
{
    maillon_close(pair->connection);
    mock_deinit(&pair->mock);
    leave_directory();
}

/* Submissions. */

static void every_submission_is_answered_once(void)
{
    struct pair pair;
    size_t seen = 0;

    pair_open(&pair, "gateway", 0);
    for (size_t number = 1; number <= 600; number++) {
        EXPECT_EQ(submit(pair.connection, number), MAILLON_OK);
    }
    EXPECT_EQ(maillon_unanswered(pair.connection), 600);
    for (size_t expected = 256; seen < 600; expected = 600 - seen) {
        await(pair.connection, &pair.mock);
        size_t count = accept_all(&pair.mock);
        EXPECT_EQ(count, expected > 256 ? 256 : expected);
        seen += count;
    }
    await_count(pair.connection, &answered.count, 600);
    EXPECT_EQ(maillon_unanswered(pair.connection), 0);
    for (size_t number = 1; number <= 600; number++) {
        EXPECT_EQ(answered.count_by_number[number], 1);
    }
    EXPECT_EQ(answered.last.status, MAILLON_OK);
    EXPECT_EQ(answered.last.position, 600);
    EXPECT_EQ(memcmp(answered.last.chain, chain, sizeof chain), 0);
    EXPECT_EQ(strlen(answered.last.code), 0);
    pair_close(&pair);
}

static void a_command_arrives_as_it_was_submitted(void)
{
    struct pair pair;
    size_t count;

    pair_open(&pair, "gateway", 0);
    EXPECT_EQ(submit(pair.connection, 7), MAILLON_OK);
    await(pair.connection, &pair.mock);
    const struct submission *commands = commands_of(&pair.mock, &count);
    EXPECT_EQ(count, 1);
    EXPECT_EQ(load_u64(commands[0].id.data), 7);
    EXPECT_TEXT(commands[0].type, "need.cancel");
    EXPECT_EQ(commands[0].body.size, sizeof body_of_cancel);
    EXPECT_EQ(memcmp(commands[0].body.data, body_of_cancel, sizeof body_of_cancel), 0);
    pair_close(&pair);
}

static void the_second_answer_to_a_command_is_dropped(void)
{
    struct pair pair;

    pair_open(&pair, "gateway", 0);
    EXPECT_EQ(submit(pair.connection, 1), MAILLON_OK);
    await(pair.connection, &pair.mock);
    accept_all(&pair.mock);
    accept_all(&pair.mock);
    await_count(pair.connection, &answered.count, 1);
    EXPECT_EQ(submit(pair.connection, 2), MAILLON_OK);
    await(pair.connection, &pair.mock);
    accept_all(&pair.mock);
    await_count(pair.connection, &answered.count, 2);
    EXPECT_EQ(answered.count_by_number[1], 1);
    EXPECT_EQ(pair.connection->nonsense_count, 0);
    pair_close(&pair);
}

static void without_an_answer_a_command_is_sent_again_with_its_id(void)
{
    struct pair pair;
    size_t count;

    pair_open(&pair, "gateway", 0);
    EXPECT_EQ(submit(pair.connection, 5), MAILLON_OK);
    for (int i = 0; i < 3; i++) {
        await(pair.connection, &pair.mock);
        EXPECT_EQ(load_u64(commands_of(&pair.mock, &count)[0].id.data), 5);
        EXPECT_EQ(count, 1);
        shift_ms += 5000;
        EXPECT_EQ(maillon_timeout_ms(pair.connection), 0);
    }
    accept_all(&pair.mock);
    await_count(pair.connection, &answered.count, 1);
    EXPECT_EQ(answered.last.status, MAILLON_OK);
    pair_close(&pair);
}

static void after_a_restart_the_unanswered_come_again_in_order(void)
{
    struct pair pair;
    size_t count;

    pair_open(&pair, "gateway", 0);
    for (size_t number = 1; number <= 300; number++) {
        EXPECT_EQ(submit(pair.connection, number), MAILLON_OK);
    }
    await(pair.connection, &pair.mock);
    await(pair.connection, &pair.mock);
    EXPECT_EQ(submit(pair.connection, 301), MAILLON_OK);
    mock_stop(&pair.mock);
    mock_start(&pair.mock);
    for (size_t expected = 1; expected <= 301;) {
        await(pair.connection, &pair.mock);
        const struct submission *commands = commands_of(&pair.mock, &count);
        for (size_t i = 0; i < count; i++) {
            EXPECT_EQ(load_u64(commands[i].id.data), expected++);
        }
        accept_all(&pair.mock);
    }
    await_count(pair.connection, &answered.count, 301);
    EXPECT_EQ(answered.count_by_number[1], 1);
    pair_close(&pair);
}

static void what_was_submitted_before_the_gateway_started_arrives(void)
{
    struct pair pair;

    pair_open(&pair, "gateway", 0);
    mock_stop(&pair.mock);
    EXPECT_EQ(submit(pair.connection, 1), MAILLON_OK);
    maillon_wait(pair.connection, TURN_MS);
    mock_start(&pair.mock);
    await(pair.connection, &pair.mock);
    accept_all(&pair.mock);
    await_count(pair.connection, &answered.count, 1);
    pair_close(&pair);
}

static void a_full_window_says_try_again(void)
{
    struct pair pair;

    pair_open(&pair, "gateway", 3);
    for (size_t number = 1; number <= 3; number++) {
        EXPECT_EQ(submit(pair.connection, number), MAILLON_OK);
    }
    EXPECT_EQ(submit(pair.connection, 4), MAILLON_TRY_AGAIN);
    await(pair.connection, &pair.mock);
    accept_all(&pair.mock);
    await_count(pair.connection, &answered.count, 3);
    EXPECT_EQ(submit(pair.connection, 4), MAILLON_OK);
    pair_close(&pair);
}

static void each_refusal_has_its_status(void)
{
    static const struct {
        const char *code;
        enum maillon_status status;
    } table[] = {
        {CODE_MALFORMED, MAILLON_DATA},    {CODE_MISSING, MAILLON_DATA},
        {CODE_TYPE, MAILLON_DATA},         {CODE_RANGE, MAILLON_DATA},
        {CODE_TOO_LARGE, MAILLON_DATA},    {CODE_STATE, MAILLON_DATA},
        {CODE_UNKNOWN, MAILLON_NOT_FOUND}, {CODE_CONFLICT, MAILLON_CONFLICT},
        {CODE_DENIED, MAILLON_DENIED},     {CODE_VERSION, MAILLON_VERSION},
    };
    struct pair pair;

    pair_open(&pair, "gateway", 0);
    for (size_t i = 0; i < COUNT_OF(table); i++) {
        EXPECT_EQ(submit(pair.connection, i), MAILLON_OK);
        await(pair.connection, &pair.mock);
        refuse_all(&pair.mock, table[i].code, 0);
        await_count(pair.connection, &answered.count, i + 1);
        EXPECT_EQ(answered.last.status, table[i].status);
        EXPECT_TEXT(bytes_from_text(answered.code), table[i].code);
        EXPECT_TEXT(bytes_from_text(answered.field), "need");
        EXPECT_TEXT(bytes_from_text(answered.why), "no such need");
    }
    pair_close(&pair);
}

static void a_full_gateway_is_asked_again_after_its_hint(void)
{
    struct pair pair;

    pair_open(&pair, "gateway", 0);
    EXPECT_EQ(submit(pair.connection, 1), MAILLON_OK);
    await(pair.connection, &pair.mock);
    refuse_all(&pair.mock, CODE_FULL, 3000);
    for (int i = 0; i < TURN_COUNT_MAX && pair.connection->submissions.later_due_ms == NO_DEADLINE;
         i++) {
        maillon_wait(pair.connection, TURN_MS);
    }
    EXPECT_EQ(answered.count, 0);
    EXPECT_TRUE(maillon_timeout_ms(pair.connection) > 2000);
    shift_ms += 4500;
    await(pair.connection, &pair.mock);
    accept_all(&pair.mock);
    await_count(pair.connection, &answered.count, 1);
    EXPECT_EQ(answered.last.status, MAILLON_OK);
    pair_close(&pair);
}

static void a_gateway_that_stays_full_is_told_of_after_ten_times(void)
{
    struct pair pair;

    pair_open(&pair, "gateway", 0);
    EXPECT_EQ(submit(pair.connection, 1), MAILLON_OK);
    for (int i = 0; i <= FULL_COUNT_MAX; i++) {
        EXPECT_EQ(answered.count, 0);
        await(pair.connection, &pair.mock);
        refuse_all(&pair.mock, CODE_FULL, 10);
    }
    await_count(pair.connection, &answered.count, 1);
    EXPECT_EQ(answered.last.status, MAILLON_TRY_AGAIN);
    EXPECT_EQ(answered.last.retry_after_ms, 10);
    pair_close(&pair);
}

static void a_message_refused_as_a_whole_ends_its_commands_alone(void)
{
    struct pair pair;
    struct refused refused = {.code = bytes_from_text(CODE_DENIED),
                              .why = bytes_from_text("not you")};

    pair_open(&pair, "gateway", 0);
    for (size_t number = 1; number <= 300; number++) {
        EXPECT_EQ(submit(pair.connection, number), MAILLON_OK);
    }
    await(pair.connection, &pair.mock);
    mock_send(&pair.mock, &REFUSED, &refused);
    await_count(pair.connection, &answered.count, 256);
    EXPECT_EQ(answered.last.status, MAILLON_DENIED);
    EXPECT_EQ(answered.count_by_number[256], 1);
    EXPECT_EQ(answered.count_by_number[257], 0);
    await(pair.connection, &pair.mock);
    EXPECT_EQ(accept_all(&pair.mock), 44);
    await_count(pair.connection, &answered.count, 300);
    pair_close(&pair);
}

static void nothing_is_sent_of_a_body_that_is_no_command(void)
{
    static const uint8_t text[] = {0xa1, 'a'};
    static const uint8_t cut[] = {0x81, 0xa1, 'a'};
    static uint8_t large[COMMAND_SIZE_MAX + 1] = {0x81, 0xa1, 'a', 0xc5, 0x07, 0xca};
    struct pair pair;
    uint8_t id[MAILLON_ID_SIZE] = {1};
    char problem[320];

    pair_open(&pair, "gateway", 0);
    struct maillon *connection = pair.connection;
    EXPECT_EQ(maillon_submit(connection, "need.put", id, text, sizeof text, on_answer, NULL),
              MAILLON_DATA);
    EXPECT_EQ(maillon_submit(connection, "need.put", id, cut, sizeof cut, on_answer, NULL),
              MAILLON_DATA);
    EXPECT_EQ(maillon_submit(connection, "need.put", id, large, sizeof large, on_answer, NULL),
              MAILLON_DATA);
    EXPECT_EQ(maillon_submit(connection, "tick", id, body_of_cancel, sizeof body_of_cancel,
                             on_answer, NULL),
              MAILLON_DATA);
    EXPECT_EQ(maillon_submit_json(connection, "need.cancel", id, "{\"nead\": \"a\"}", on_answer,
                                  NULL, problem),
              MAILLON_DATA);
    EXPECT_TRUE(strstr(problem, "nead") != NULL);
    EXPECT_EQ(maillon_submit_json(connection, "need.cancle", id, "{}", on_answer, NULL, problem),
              MAILLON_DATA);
    EXPECT_TRUE(strstr(problem, "need.cancle") != NULL);
    EXPECT_EQ(maillon_unanswered(connection), 0);
    pair_close(&pair);
}

static void an_id_is_free_again_once_it_is_answered(void)
{
    struct pair pair;

    pair_open(&pair, "gateway", 0);
    EXPECT_EQ(submit(pair.connection, 1), MAILLON_OK);
    EXPECT_EQ(submit(pair.connection, 1), MAILLON_CONFLICT);
    await(pair.connection, &pair.mock);
    accept_all(&pair.mock);
    await_count(pair.connection, &answered.count, 1);
    EXPECT_EQ(submit(pair.connection, 1), MAILLON_OK);
    pair_close(&pair);
}

static struct maillon *submitting;

static void submit_again(const struct maillon_answer *answer, void *user)
{
    size_t number = (uintptr_t)user;
    uint8_t id[MAILLON_ID_SIZE];

    answered.count++;
    EXPECT_EQ(maillon_process(submitting), MAILLON_USAGE);
    if (number < 1000 && answer->status == MAILLON_OK) {
        make_id(number + 1, id);
        EXPECT_EQ(maillon_submit(submitting, "need.cancel", id, body_of_cancel,
                                 sizeof body_of_cancel, submit_again,
                                 (void *)(uintptr_t)(number + 1)),
                  MAILLON_OK);
    }
}

static void a_callback_may_submit(void)
{
    struct pair pair;
    uint8_t id[MAILLON_ID_SIZE];

    pair_open(&pair, "gateway", 1);
    submitting = pair.connection;
    make_id(990, id);
    EXPECT_EQ(maillon_submit(submitting, "need.cancel", id, body_of_cancel, sizeof body_of_cancel,
                             submit_again, (void *)(uintptr_t)990),
              MAILLON_OK);
    for (int i = 0; i < 11; i++) {
        await(pair.connection, &pair.mock);
        accept_all(&pair.mock);
    }
    await_count(pair.connection, &answered.count, 11);
    pair_close(&pair);
}

static void closing_calls_back_what_has_no_answer(void)
{
    struct pair pair;

    pair_open(&pair, "gateway", 0);
    EXPECT_EQ(submit(pair.connection, 1), MAILLON_OK);
    await(pair.connection, &pair.mock);
    EXPECT_EQ(submit(pair.connection, 2), MAILLON_OK);
    pair_close(&pair);
    EXPECT_EQ(answered.count, 2);
    EXPECT_EQ(answered.count_by_number[1], 1);
    EXPECT_EQ(answered.last.status, MAILLON_UNREACHABLE);
    maillon_close(NULL);
}

/* The stream. */

static struct {
    size_t count; /* Of events with a body. */
    size_t head_count, reset_count;
    uint64_t seqs[MESSAGE_COUNT_MAX];
    uint64_t news_seq;
    uint64_t stop_at; /* This event is not done with. */
    enum maillon_event_kind kind;
} received;

static enum maillon_status on_event(const struct maillon_event *event, void *user)
{
    (void)user;
    received.kind = event->kind;
    if (event->kind == MAILLON_HEAD || event->kind == MAILLON_RESET) {
        received.head_count += event->kind == MAILLON_HEAD;
        received.reset_count += event->kind == MAILLON_RESET;
        received.news_seq = event->seq;
        return MAILLON_OK;
    }
    if (event->seq == received.stop_at) {
        return MAILLON_TRY_AGAIN;
    }
    received.seqs[received.count++] = event->seq;
    return MAILLON_OK;
}

static struct bytes event_value(struct arena *arena, const char *type, uint64_t seq)
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

/* Events with these positions in one message; kinds take turns. */
static void send_events(struct mock *mock, const uint64_t *seqs, size_t count)
{
    struct arena arena = {0};
    struct raw_item *items = arena_take(&arena, count * sizeof *items);

    for (size_t i = 0; i < count; i++) {
        items[i].value = event_value(&arena, seqs[i] % 2 == 0 ? "answer" : "assignment", seqs[i]);
    }
    struct event event = {.events = {items, count}};
    mock_send(mock, &EVENT, &event);
    arena_deinit(&arena);
}

static void send_head(struct mock *mock, uint64_t seq)
{
    struct stream_head head = {.seq = seq, .oldest = 1};

    mock_send(mock, &STREAM_HEAD, &head);
}

static struct subscribe subscription_of(struct mock *mock)
{
    struct subscribe subscribe;
    struct refusal refusal;

    EXPECT_TEXT(mock->header.type, "subscribe");
    EXPECT_OK(proto_decode(&SUBSCRIBE, mock->body, &mock->arena, &subscribe, &refusal));
    return subscribe;
}

static struct credit credit_of(struct mock *mock)
{
    struct credit credit;
    struct refusal refusal;

    EXPECT_TEXT(mock->header.type, "credit");
    EXPECT_OK(proto_decode(&CREDIT, mock->body, &mock->arena, &credit, &refusal));
    return credit;
}

/* A dispatcher and a client that has subscribed to it. */
static void stream_open(struct pair *pair, uint64_t after)
{
    memset(&received, 0, sizeof received);
    pair_open(pair, "dispatch", 0);
    EXPECT_EQ(maillon_subscribe(pair->connection, NULL, after, on_event, NULL), MAILLON_OK);
    await(pair->connection, &pair->mock);
    EXPECT_EQ(subscription_of(&pair->mock).after, after);
}

/* Credit may come first, as events are done with. */
static void await_subscription(struct pair *pair)
{
    do {
        await(pair->connection, &pair->mock);
    } while (bytes_equal(pair->mock.header.type, bytes_from_text("credit")));
    EXPECT_TEXT(pair->mock.header.type, "subscribe");
}

static void events_come_in_order_each_once(void)
{
    static const uint64_t first[] = {5, 6, 9}, second[] = {6, 9, 12, 11, 300};
    static const uint64_t expected[] = {5, 6, 9, 12, 300};
    struct pair pair;

    stream_open(&pair, 3);
    send_events(&pair.mock, first, COUNT_OF(first));
    send_events(&pair.mock, second, COUNT_OF(second));
    send_head(&pair.mock, 310);
    await_count(pair.connection, &received.head_count, 1);
    EXPECT_EQ(received.count, COUNT_OF(expected));
    EXPECT_EQ(memcmp(received.seqs, expected, sizeof expected), 0);
    EXPECT_EQ(received.news_seq, 310);
    pair_close(&pair);
}

static void a_filter_is_told_to_the_dispatcher(void)
{
    struct pair pair;
    struct maillon_filter filter = {.size = sizeof filter, .party = "chu-1", .offer = "o-7"};
    struct maillon_filter empty = {.size = sizeof empty, .need = ""};

    stream_open(&pair, 0);
    EXPECT_EQ(maillon_subscribe(pair.connection, &filter, 17, on_event, NULL), MAILLON_OK);
    await(pair.connection, &pair.mock);
    struct subscribe subscribe = subscription_of(&pair.mock);
    EXPECT_EQ(subscribe.after, 17);
    EXPECT_TEXT(subscribe.party, "chu-1");
    EXPECT_TEXT(subscribe.product, "");
    EXPECT_TEXT(subscribe.offer, "o-7");
    EXPECT_EQ(maillon_subscribe(pair.connection, &empty, 0, on_event, NULL), MAILLON_USAGE);
    pair_close(&pair);
}

static void credit_comes_back_as_events_are_done_with(void)
{
    struct pair pair;
    uint64_t seqs[EVENTS_PER_MESSAGE_MAX];
    uint64_t given = 0;
    uint64_t seq = 0;

    stream_open(&pair, 0);
    for (size_t message = 0; message < 4; message++) {
        for (size_t i = 0; i < COUNT_OF(seqs); i++) {
            seqs[i] = ++seq;
        }
        send_events(&pair.mock, seqs, COUNT_OF(seqs));
    }
    while (given < EVENT_CREDIT) {
        await(pair.connection, &pair.mock);
        struct credit credit = credit_of(&pair.mock);
        given += credit.n;
        EXPECT_EQ(credit.ack, given);
    }
    EXPECT_EQ(given, EVENT_CREDIT);
    pair_close(&pair);
}

static void the_descriptor_tells_until_all_is_taken_in(void)
{
    struct pair pair;
    size_t total = 3 * MESSAGES_PER_TURN_MAX;

    stream_open(&pair, 0);
    for (uint64_t seq = 1; seq <= total; seq++) {
        send_events(&pair.mock, &seq, 1);
    }
    while (received.count < total) {
        struct pollfd descriptor = {.fd = maillon_fd(pair.connection), .events = POLLIN};
        EXPECT_EQ(poll(&descriptor, 1, TURN_MS * TURN_COUNT_MAX), 1);
        EXPECT_EQ(maillon_process(pair.connection), MAILLON_OK);
    }
    EXPECT_EQ(received.seqs[total - 1], total);
    pair_close(&pair);
}

static void after_a_restart_the_stream_goes_on_behind_the_last_event(void)
{
    static const uint64_t before[] = {1, 2, 3}, after[] = {3, 4};
    struct pair pair;

    stream_open(&pair, 0);
    send_events(&pair.mock, before, COUNT_OF(before));
    await_count(pair.connection, &received.count, 3);
    mock_stop(&pair.mock);
    mock_start(&pair.mock);
    await_subscription(&pair);
    EXPECT_EQ(subscription_of(&pair.mock).after, 3);
    send_events(&pair.mock, after, COUNT_OF(after));
    await_count(pair.connection, &received.count, 4);
    EXPECT_EQ(received.seqs[3], 4);
    pair_close(&pair);
}

static void silence_makes_the_subscription_anew(void)
{
    static const uint64_t seqs[] = {8};
    struct pair pair;

    stream_open(&pair, 7);
    send_events(&pair.mock, seqs, COUNT_OF(seqs));
    await_count(pair.connection, &received.count, 1);
    await(pair.connection, &pair.mock);
    EXPECT_EQ(credit_of(&pair.mock).n, 1);
    EXPECT_TRUE(maillon_timeout_ms(pair.connection) > 0);
    shift_ms += SILENCE_MS;
    EXPECT_EQ(maillon_timeout_ms(pair.connection), 0);
    await(pair.connection, &pair.mock);
    EXPECT_EQ(subscription_of(&pair.mock).after, 8);
    pair_close(&pair);
}

static void a_reset_is_told_and_ends_the_subscription(void)
{
    static const uint64_t seqs[] = {100};
    struct reset reset = {.oldest = 50, .last = 90, .why = bytes_from_text("trimmed")};
    struct pair pair;

    stream_open(&pair, 7);
    mock_send(&pair.mock, &RESET, &reset);
    send_events(&pair.mock, seqs, COUNT_OF(seqs));
    await_count(pair.connection, &received.reset_count, 1);
    EXPECT_EQ(received.news_seq, 49);
    EXPECT_EQ(maillon_subscribe(pair.connection, NULL, 49, on_event, NULL), MAILLON_OK);
    await(pair.connection, &pair.mock);
    EXPECT_EQ(subscription_of(&pair.mock).after, 49);
    EXPECT_EQ(received.count, 0);
    pair_close(&pair);
}

static void an_event_not_done_with_comes_again_with_the_next_subscription(void)
{
    static const uint64_t seqs[] = {1, 2, 3, 4};
    struct pair pair;

    stream_open(&pair, 0);
    received.stop_at = 3;
    send_events(&pair.mock, seqs, COUNT_OF(seqs));
    send_head(&pair.mock, 4);
    await_count(pair.connection, &received.count, 2);
    received.stop_at = 0;
    EXPECT_EQ(maillon_subscribe(pair.connection, NULL, 2, on_event, NULL), MAILLON_OK);
    await(pair.connection, &pair.mock);
    EXPECT_EQ(subscription_of(&pair.mock).after, 2);
    EXPECT_EQ(received.head_count, 0);
    send_events(&pair.mock, seqs, COUNT_OF(seqs));
    await_count(pair.connection, &received.count, 4);
    EXPECT_EQ(received.seqs[2], 3);
    pair_close(&pair);
}

static void an_event_of_a_later_version_is_passed_over(void)
{
    static const uint64_t seqs[] = {4};
    struct pair pair;
    struct arena arena = {0};
    struct raw_item item = {.value = event_value(&arena, "novelty", 3)};
    struct event event = {.events = {&item, 1}};

    stream_open(&pair, 0);
    mock_send(&pair.mock, &EVENT, &event);
    send_events(&pair.mock, seqs, COUNT_OF(seqs));
    await_count(pair.connection, &received.count, 1);
    EXPECT_EQ(received.seqs[0], 4);
    EXPECT_EQ(received.kind, MAILLON_ANSWERED);
    arena_deinit(&arena);
    pair_close(&pair);
}

static void a_refused_subscription_is_the_status_of_a_turn(void)
{
    struct refused refused = {.code = bytes_from_text(CODE_DENIED)};
    enum maillon_status status = MAILLON_OK;
    struct pair pair;

    stream_open(&pair, 0);
    mock_send(&pair.mock, &REFUSED, &refused);
    for (int i = 0; i < TURN_COUNT_MAX && status == MAILLON_OK; i++) {
        status = maillon_wait(pair.connection, TURN_MS);
    }
    EXPECT_EQ(status, MAILLON_DENIED);
    EXPECT_EQ(maillon_wait(pair.connection, 0), MAILLON_OK);
    pair_close(&pair);
}

static void a_full_dispatcher_is_asked_again_after_its_hint(void)
{
    struct refused refused = {.code = bytes_from_text(CODE_FULL), .retry_after_ms = 20};
    struct pair pair;

    stream_open(&pair, 6);
    mock_send(&pair.mock, &REFUSED, &refused);
    await(pair.connection, &pair.mock);
    EXPECT_EQ(subscription_of(&pair.mock).after, 6);
    pair_close(&pair);
}

/* Hostile brokers. */

static struct bytes mutate(struct arena *arena, struct bytes bytes, uint64_t *random)
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

static struct bytes noise(struct arena *arena, uint64_t *random)
{
    size_t size = random_below(random, 200);
    uint8_t *data = arena_take(arena, size);

    for (size_t i = 0; i < size; i++) {
        data[i] = (uint8_t)random_next(random);
    }
    return (struct bytes){.data = data, .size = size};
}

/* Frames that make sense, of the kind the broker speaks. */
static void sensible_frames(struct arena *arena, uint64_t *random, struct bytes frames[2])
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

static void send_hostile(struct mock *mock, uint64_t *random)
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

static void a_mad_gateway_is_survived(void)
{
    struct pair pair;
    uint64_t random = test_seed = SEED;

    pair_open(&pair, "gateway", 64);
    for (size_t number = 0; number < 32; number++) {
        EXPECT_EQ(submit(pair.connection, number), MAILLON_OK);
    }
    await(pair.connection, &pair.mock);
    for (int i = 0; i < 20000; i++) {
        send_hostile(&pair.mock, &random);
        if (i % 100 == 0) {
            maillon_wait(pair.connection, 0);
        }
    }
    while (mock_receive(&pair.mock)) {
    }
    EXPECT_EQ(submit(pair.connection, 1000), MAILLON_OK);
    for (int i = 0; i < TURN_COUNT_MAX && answered.count_by_number[1000] == 0; i++) {
        maillon_wait(pair.connection, TURN_MS);
        while (mock_receive(&pair.mock)) {
            accept_all(&pair.mock);
        }
    }
    EXPECT_EQ(answered.count_by_number[1000], 1);
    for (size_t number = 0; number < 32; number++) {
        EXPECT_TRUE(answered.count_by_number[number] <= 1);
    }
    EXPECT_TRUE(pair.connection->nonsense_count > 1000);
    test_seed = 0;
    pair_close(&pair);
}

static enum maillon_status count_event(const struct maillon_event *event, void *user)
{
    uint64_t *last = user;

    if (event->kind == MAILLON_ASSIGNMENT || event->kind == MAILLON_ANSWERED) {
        EXPECT_TRUE(event->seq > *last);
        *last = event->seq;
        received.count++;
    }
    return MAILLON_OK;
}

static void a_mad_dispatcher_is_survived(void)
{
    struct pair pair;
    uint64_t random = test_seed = SEED + 1;
    uint64_t last = 0;

    stream_open(&pair, 0);
    for (int round = 0; round < 200; round++) {
        for (int i = 0; i < 50; i++) {
            send_hostile(&pair.mock, &random);
        }
        for (int i = 0; i < 3; i++) { /* Some of it, if not all. */
            maillon_wait(pair.connection, TURN_MS);
        }
        EXPECT_EQ(maillon_subscribe(pair.connection, NULL, 0, on_event, NULL), MAILLON_OK);
        await_subscription(&pair);
        received.count = 0;
    }
    last = 0;
    received.count = 0;
    EXPECT_EQ(maillon_subscribe(pair.connection, NULL, 0, count_event, &last), MAILLON_OK);
    await_subscription(&pair);
    send_events(&pair.mock, (const uint64_t[]){1, 2}, 2);
    await_count(pair.connection, &received.count, 2);
    EXPECT_TRUE(pair.connection->nonsense_count > 1000);
    test_seed = 0;
    pair_close(&pair);
}

/* Opening, and tools. */

static void endpoints_that_cannot_be_used_are_told(void)
{
    struct maillon *connection = NULL;
    char data[200];
    struct maillon_options options = {.size = sizeof options};

    memset(data, 'd', sizeof data);
    data[107 - strlen("/run/dispatch")] = '\0';
    EXPECT_EQ(maillon_open(&options, &connection), MAILLON_USAGE);
    options.gateway = "carrier-pigeon://home";
    EXPECT_EQ(maillon_open(&options, &connection), MAILLON_CONFIG);
    options.gateway = NULL;
    options.data = data;
    EXPECT_EQ(maillon_open(&options, &connection), MAILLON_OK);
    maillon_close(connection);
    data[strlen(data)] = 'd';
    EXPECT_EQ(maillon_open(&options, &connection), MAILLON_CONFIG);
    options.window = MAILLON_WINDOW_MAX + 1;
    EXPECT_EQ(maillon_open(&options, &connection), MAILLON_USAGE);
    options.size = 0;
    EXPECT_EQ(maillon_open(&options, &connection), MAILLON_USAGE);
}

static void a_connection_does_only_what_it_has_an_endpoint_for(void)
{
    struct maillon_options options = {.size = sizeof options, .dispatch = "tcp://127.0.0.1:9"};
    struct maillon *connection = NULL;

    EXPECT_EQ(maillon_open(&options, &connection), MAILLON_OK);
    EXPECT_EQ(submit(connection, 1), MAILLON_CONFIG);
    EXPECT_EQ(maillon_subscribe(connection, NULL, 0, on_event, NULL), MAILLON_OK);
    EXPECT_EQ(maillon_wait(connection, 0), MAILLON_OK);
    maillon_close(connection);
}

static void *serve_one_request(void *argument)
{
    struct mock *mock = argument;
    struct rows rows = {.seq = 77};

    zmq_pollitem_t item = {.socket = mock->router, .events = ZMQ_POLLIN};
    zmq_poll(&item, 1, TURN_MS * TURN_COUNT_MAX);
    if (mock_receive(mock)) {
        struct bytes id = mock->header.id;
        mock->header.id = (struct bytes){0};
        mock_send(mock, &ROWS, &rows); /* Meant for somebody else. */
        mock->header.id = id;
        mock_send(mock, &ROWS, &rows);
    }
    return NULL;
}

static void a_request_has_its_answer(void)
{
    struct mock mock;
    pthread_t thread;
    char type[32];
    void *body = NULL;
    size_t size = 0;
    struct rows rows;
    struct refusal refusal;
    struct arena arena = {0};

    enter_directory();
    mock_init(&mock, "dispatch");
    ENSURE(pthread_create(&thread, NULL, serve_one_request, &mock) == 0);
    EXPECT_EQ(maillon_request(mock.endpoint, "snapshot", NULL, 0, 10000, type, &body, &size),
              MAILLON_OK);
    ENSURE(pthread_join(thread, NULL) == 0);
    EXPECT_TEXT(bytes_from_text(type), "rows");
    EXPECT_OK(proto_decode(&ROWS, (struct bytes){body, size}, &arena, &rows, &refusal));
    EXPECT_EQ(rows.seq, 77);
    free(body);
    arena_deinit(&arena);
    mock_deinit(&mock);
    leave_directory();
}

static void a_request_that_nobody_answers_is_unreachable(void)
{
    char type[32];
    void *body = NULL;
    size_t size = 0;

    EXPECT_EQ(
        maillon_request("ipc:///tmp/client-nobody", "snapshot", NULL, 0, 30, type, &body, &size),
        MAILLON_UNREACHABLE);
    EXPECT_EQ(maillon_request("nonsense", "snapshot", NULL, 0, 30, type, &body, &size),
              MAILLON_CONFIG);
}

static void a_body_is_printed_as_json(void)
{
    char *json = NULL;

    EXPECT_EQ(maillon_to_json(body_of_cancel, sizeof body_of_cancel, &json), MAILLON_OK);
    EXPECT_TEXT(bytes_from_text(json), "{\"need\":\"a\"}");
    free(json);
    EXPECT_EQ(maillon_to_json("\x81\xa1", 2, &json), MAILLON_DATA);
}

static void ids_are_never_the_same(void)
{
    uint8_t left[MAILLON_ID_SIZE], right[MAILLON_ID_SIZE];

    maillon_make_id(left);
    maillon_make_id(right);
    EXPECT_TRUE(memcmp(left, right, sizeof left) != 0);
}

static void every_status_has_a_name(void)
{
    EXPECT_TEXT(bytes_from_text(maillon_status_name(MAILLON_OK)), "ok");
    EXPECT_TEXT(bytes_from_text(maillon_status_name(MAILLON_GAP)), "gap");
    EXPECT_TEXT(bytes_from_text(maillon_status_name((enum maillon_status)3)), "unknown");
    EXPECT_TRUE(strlen(maillon_version()) > 0);
}

int main(int argc, char **argv)
{
    static const struct test_case cases[] = {
        CASE(every_submission_is_answered_once),
        CASE(a_command_arrives_as_it_was_submitted),
        CASE(the_second_answer_to_a_command_is_dropped),
        CASE(without_an_answer_a_command_is_sent_again_with_its_id),
        CASE(after_a_restart_the_unanswered_come_again_in_order),
        CASE(what_was_submitted_before_the_gateway_started_arrives),
        CASE(a_full_window_says_try_again),
        CASE(each_refusal_has_its_status),
        CASE(a_full_gateway_is_asked_again_after_its_hint),
        CASE(a_gateway_that_stays_full_is_told_of_after_ten_times),
        CASE(a_message_refused_as_a_whole_ends_its_commands_alone),
        CASE(nothing_is_sent_of_a_body_that_is_no_command),
        CASE(an_id_is_free_again_once_it_is_answered),
        CASE(a_callback_may_submit),
        CASE(closing_calls_back_what_has_no_answer),
        CASE(events_come_in_order_each_once),
        CASE(a_filter_is_told_to_the_dispatcher),
        CASE(credit_comes_back_as_events_are_done_with),
        CASE(the_descriptor_tells_until_all_is_taken_in),
        CASE(after_a_restart_the_stream_goes_on_behind_the_last_event),
        CASE(silence_makes_the_subscription_anew),
        CASE(a_reset_is_told_and_ends_the_subscription),
        CASE(an_event_not_done_with_comes_again_with_the_next_subscription),
        CASE(an_event_of_a_later_version_is_passed_over),
        CASE(a_refused_subscription_is_the_status_of_a_turn),
        CASE(a_full_dispatcher_is_asked_again_after_its_hint),
        CASE(a_mad_gateway_is_survived),
        CASE(a_mad_dispatcher_is_survived),
        CASE(endpoints_that_cannot_be_used_are_told),
        CASE(a_connection_does_only_what_it_has_an_endpoint_for),
        CASE(a_request_has_its_answer),
        CASE(a_request_that_nobody_answers_is_unreachable),
        CASE(a_body_is_printed_as_json),
        CASE(ids_are_never_the_same),
        CASE(every_status_has_a_name),
    };

    return run_cases(cases, COUNT_OF(cases), argc, argv);
}
