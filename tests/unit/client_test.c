/*
 * client_test.c - what libmaillon promises of submissions, opening and the tools.
 */
#include "tests/unit/client_mock.h"

#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#define SIGNAL_COUNT 2000

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

static void gateway_open(struct pair *pair, uint32_t window)
{
    forget_answers();
    pair_open(pair, "gateway", window);
}

/* Submissions. */

static void without_a_descriptor_no_connection_is_opened(void)
{
    struct maillon_options options = {.size = sizeof options, .data = "/tmp"};
    struct maillon *connection = NULL;
    struct rlimit before;
    char type[32];
    void *body = NULL;
    size_t size = 0;

    ENSURE(getrlimit(RLIMIT_NOFILE, &before) == 0);
    ENSURE(setrlimit(RLIMIT_NOFILE, &(struct rlimit){0, before.rlim_max}) == 0);
    enum maillon_status opened = maillon_open(&options, &connection);
    enum maillon_status asked =
        maillon_request("ipc:///tmp/nobody", NULL, "status", NULL, 0, 0, type, &body, &size);
    ENSURE(setrlimit(RLIMIT_NOFILE, &before) == 0);
    EXPECT_EQ(opened, MAILLON_NO_MEMORY);
    EXPECT_EQ(asked, MAILLON_NO_MEMORY);
    EXPECT_TRUE(connection == NULL);
}

static void every_submission_is_answered_once(void)
{
    struct pair pair;
    size_t seen = 0;

    gateway_open(&pair, 0);
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

static volatile sig_atomic_t signal_count;

static void on_alarm(int number)
{
    (void)number;
    signal_count++;
}

/* Calls of the system that a handler interrupts are made again. */
static void a_storm_of_signals_interrupts_nothing(void)
{
    struct sigaction action = {.sa_handler = on_alarm}; /* Without SA_RESTART. */
    struct itimerval often = {.it_interval = {.tv_usec = 200}, .it_value = {.tv_usec = 200}};
    struct itimerval never = {.it_value = {.tv_usec = 0}};
    struct pair pair;

    gateway_open(&pair, 4);
    EXPECT_EQ(sigaction(SIGALRM, &action, NULL), 0);
    EXPECT_EQ(setitimer(ITIMER_REAL, &often, NULL), 0);
    while (signal_count < SIGNAL_COUNT) {
        EXPECT_EQ(maillon_process(pair.connection), MAILLON_OK);
    }
    EXPECT_EQ(setitimer(ITIMER_REAL, &never, NULL), 0);
    pair_close(&pair);
}

static void a_command_arrives_as_it_was_submitted(void)
{
    struct pair pair;
    size_t count;

    gateway_open(&pair, 0);
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

static void a_submit_is_encoded_as_its_table_says(void)
{
    static const size_t sizes[] = {1, 15, 16, 256};
    struct pair pair;
    struct buffer expected = {0};
    struct submit record;
    size_t number = 0;

    gateway_open(&pair, 0);
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        for (size_t k = 0; k < sizes[i]; k++) {
            EXPECT_EQ(submit(pair.connection, ++number), MAILLON_OK);
        }
        await(pair.connection, &pair.mock);
        record.commands.items = (void *)commands_of(&pair.mock, &record.commands.count);
        EXPECT_EQ(record.commands.count, sizes[i]);
        expected.size = 0;
        proto_encode(&SUBMIT, &record, &expected);
        EXPECT_TRUE(bytes_equal(pair.mock.body, buffer_view(&expected)));
    }
    buffer_deinit(&expected);
    pair_close(&pair);
}

static void the_second_answer_to_a_command_is_dropped(void)
{
    struct pair pair;

    gateway_open(&pair, 0);
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

    gateway_open(&pair, 0);
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

    gateway_open(&pair, 0);
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

    gateway_open(&pair, 0);
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

    gateway_open(&pair, 3);
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

    gateway_open(&pair, 0);
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

    gateway_open(&pair, 0);
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

    gateway_open(&pair, 0);
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

    gateway_open(&pair, 0);
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

    gateway_open(&pair, 0);
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

    gateway_open(&pair, 0);
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

    gateway_open(&pair, 1);
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

    gateway_open(&pair, 0);
    EXPECT_EQ(submit(pair.connection, 1), MAILLON_OK);
    await(pair.connection, &pair.mock);
    EXPECT_EQ(submit(pair.connection, 2), MAILLON_OK);
    pair_close(&pair);
    EXPECT_EQ(answered.count, 2);
    EXPECT_EQ(answered.count_by_number[1], 1);
    EXPECT_EQ(answered.last.status, MAILLON_UNREACHABLE);
    maillon_close(NULL);
}

static void a_mad_gateway_is_survived(void)
{
    struct pair pair;
    uint64_t random = test_seed = SEED;

    gateway_open(&pair, 64);
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

/* Opening, and tools. */

static void endpoints_that_cannot_be_used_are_told(void)
{
    struct maillon *connection = NULL;
    char data[200];
    struct maillon_options options = {.size = sizeof options};

    memset(data, 'd', sizeof data);
    size_t size = 107 - strlen("/run/dispatch");
    data[size] = '\0';
    EXPECT_EQ(maillon_open(&options, &connection), MAILLON_USAGE);
    options.gateway = "carrier-pigeon://home";
    EXPECT_EQ(maillon_open(&options, &connection), MAILLON_CONFIG);
    options.gateway = NULL;
    options.data = data;
    EXPECT_EQ(maillon_open(&options, &connection), MAILLON_OK);
    maillon_close(connection);
    data[size] = 'd';
    data[size + 1] = '\0';
    EXPECT_EQ(maillon_open(&options, &connection), MAILLON_CONFIG);
    options.window = MAILLON_WINDOW_MAX + 1;
    EXPECT_EQ(maillon_open(&options, &connection), MAILLON_USAGE);
    options.window = 0;
    options.timeout_ms = (uint32_t)INT_MAX + 1;
    EXPECT_EQ(maillon_open(&options, &connection), MAILLON_USAGE);
    options.size = sizeof options + 1; /* Of a later version, which means something by it. */
    EXPECT_EQ(maillon_open(&options, &connection), MAILLON_USAGE);
    options.size = 0;
    EXPECT_EQ(maillon_open(&options, &connection), MAILLON_USAGE);
    EXPECT_EQ(maillon_open(NULL, &connection), MAILLON_USAGE);
}

static void a_tcp_endpoint_needs_keys(void)
{
    struct maillon *connection = NULL;
    char problem[MAILLON_PROBLEM_SIZE] = "";
    char folder[] = "/tmp/client-XXXXXX";
    char path[64], public_path[64];
    struct identity *identity = NULL;
    struct maillon_options options = {
        .size = sizeof options, .dispatch = "tcp://127.0.0.1:9", .problem = problem};

    EXPECT_EQ(maillon_open(&options, &connection), MAILLON_CONFIG);
    EXPECT_TRUE(strstr(problem, "needs a key") != NULL);
    EXPECT_TRUE(mkdtemp(folder) != NULL);
    snprintf(path, sizeof path, "%s/key", folder);
    snprintf(public_path, sizeof public_path, "%s/key.pub", folder);
    EXPECT_OK(identity_make(&identity));
    EXPECT_OK(identity_write(identity, path, problem));
    options.key = path;
    EXPECT_EQ(maillon_open(&options, &connection), MAILLON_CONFIG);
    EXPECT_TRUE(strstr(problem, "server key") != NULL);
    options.server_key = "/nowhere/server.pub";
    EXPECT_EQ(maillon_open(&options, &connection), MAILLON_CONFIG);
    EXPECT_TRUE(strstr(problem, "/nowhere/server.pub") != NULL);
    options.server_key = public_path;
    EXPECT_EQ(maillon_open(&options, &connection), MAILLON_OK);
    maillon_close(connection);
    EXPECT_EQ(chmod(path, 0644), 0);
    EXPECT_EQ(maillon_open(&options, &connection), MAILLON_CONFIG);
    EXPECT_TRUE(strstr(problem, "chmod 600") != NULL);
    EXPECT_EQ(
        maillon_request(options.dispatch, &options, "snapshot", NULL, 0, 0, problem, NULL, NULL),
        MAILLON_CONFIG);
    EXPECT_EQ(unlink(path), 0);
    EXPECT_EQ(unlink(public_path), 0);
    EXPECT_EQ(rmdir(folder), 0);
    identity_close(identity);
}

static enum maillon_status ignore_event(const struct maillon_event *event, void *user)
{
    (void)event;
    (void)user;
    return MAILLON_OK;
}

static void a_connection_does_only_what_it_has_an_endpoint_for(void)
{
    struct maillon_options options = {.size = sizeof options,
                                      .dispatch = "ipc:///tmp/client-nobody"};
    struct maillon *connection = NULL;

    EXPECT_EQ(maillon_open(&options, &connection), MAILLON_OK);
    EXPECT_EQ(submit(connection, 1), MAILLON_CONFIG);
    EXPECT_EQ(maillon_subscribe(connection, NULL, 0, ignore_event, NULL), MAILLON_OK);
    EXPECT_EQ(maillon_wait(connection, 0), MAILLON_OK);
    maillon_close(connection);

    options =
        (struct maillon_options){.size = sizeof options, .gateway = "ipc:///tmp/client-nobody"};
    EXPECT_EQ(maillon_open(&options, &connection), MAILLON_OK);
    EXPECT_EQ(maillon_subscribe(connection, NULL, 0, ignore_event, NULL), MAILLON_CONFIG);
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
    EXPECT_EQ(maillon_request(mock.endpoint, NULL, "snapshot", NULL, 0, 10000, type, &body, &size),
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

    EXPECT_EQ(maillon_request("ipc:///tmp/client-nobody", NULL, "snapshot", NULL, 0, 30, type,
                              &body, &size),
              MAILLON_UNREACHABLE);
    EXPECT_EQ(maillon_request("nonsense", NULL, "snapshot", NULL, 0, 30, type, &body, &size),
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

static void every_status_has_a_name_of_its_own(void)
{
    static const enum maillon_status statuses[] = {
        MAILLON_OK,        MAILLON_USAGE,          MAILLON_DATA,
        MAILLON_NOT_FOUND, MAILLON_UNREACHABLE,    MAILLON_BUG,
        MAILLON_NO_MEMORY, MAILLON_VERSION,        MAILLON_TRY_AGAIN,
        MAILLON_DENIED,    MAILLON_CONFIG,         MAILLON_CONFLICT,
        MAILLON_GAP,       (enum maillon_status)3,
    };

    for (size_t i = 0; i < COUNT_OF(statuses); i++) {
        for (size_t other = 0; other < i; other++) {
            EXPECT_TRUE(strcmp(maillon_status_name(statuses[i]),
                               maillon_status_name(statuses[other])) != 0);
        }
    }
    EXPECT_TEXT(bytes_from_text(maillon_status_name(MAILLON_OK)), "ok");
    EXPECT_TEXT(bytes_from_text(maillon_status_name((enum maillon_status)3)), "unknown");
    EXPECT_TRUE(strlen(maillon_version()) > 0);
}

int main(int argc, char **argv)
{
    static const struct test_case cases[] = {
        CASE(every_submission_is_answered_once),
        CASE(without_a_descriptor_no_connection_is_opened),
        CASE(a_storm_of_signals_interrupts_nothing),
        CASE(a_command_arrives_as_it_was_submitted),
        CASE(a_submit_is_encoded_as_its_table_says),
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
        CASE(a_mad_gateway_is_survived),
        CASE(endpoints_that_cannot_be_used_are_told),
        CASE(a_tcp_endpoint_needs_keys),
        CASE(a_connection_does_only_what_it_has_an_endpoint_for),
        CASE(a_request_has_its_answer),
        CASE(a_request_that_nobody_answers_is_unreachable),
        CASE(a_body_is_printed_as_json),
        CASE(ids_are_never_the_same),
        CASE(every_status_has_a_name_of_its_own),
    };

    return run_cases(cases, COUNT_OF(cases), argc, argv);
}
