/*
 * client_failing_test.c - a system that has no memory or no descriptor left: whichever call fails,
 * the client is told, holds nothing, and can try again.
 *
 * The linker puts a function of this file in front of each such call (`--wrap`, tests/meson.build).
 * Buffers of core/base are left alone: without memory they stop the process.
 */
#include "client/connection.h"
#include "tests/harness.h"

#include <errno.h>
#include <limits.h>
#include <zmq.h>

#define NAME_COUNT 8 /* Of the calls that are wrapped. */

static const char need[] = "\x81\xa4need\xa1n";
static const char nobody[] = "ipc:///nowhere/run/nobody";

static uint64_t call_count; /* Since the failure was planned. */
static uint64_t call_failing;
static bool has_failed;
static bool is_submitting;                   /* Elsewhere it is a buffer that grows. */
static const char *failed_names[NAME_COUNT]; /* Each that ever failed. */
static size_t failed_name_count;

static void note_failure(const char *name)
{
    has_failed = true;
    for (size_t i = 0; i < failed_name_count; i++) {
        if (strcmp(failed_names[i], name) == 0) {
            return;
        }
    }
    ENSURE(failed_name_count < NAME_COUNT);
    failed_names[failed_name_count++] = name;
}

static bool must_fail(const char *name)
{
    if (call_failing == 0 || ++call_count != call_failing) {
        return false;
    }
    errno = ENOMEM;
    note_failure(name);
    return true;
}

#define WRAP(type, bad, name, parameters, arguments)                                               \
    type __real_##name parameters;                                                                 \
    type __wrap_##name parameters;                                                                 \
    type __wrap_##name parameters                                                                  \
    {                                                                                              \
        return must_fail(#name) ? (bad) : __real_##name arguments;                                 \
    }

/* NOLINTBEGIN(bugprone-reserved-identifier, bugprone-macro-parentheses): the linker's names. */
WRAP(void *, NULL, calloc, (size_t count, size_t size), (count, size))
WRAP(char *, NULL, strdup, (const char *text), (text))
WRAP(int, -1, epoll_create1, (int flags), (flags))
WRAP(int, -1, eventfd, (unsigned count, int flags), (count, flags))
WRAP(void *, NULL, zmq_ctx_new, (void), ())
WRAP(void *, NULL, zmq_socket, (void *context, int type), (context, type))

void *__real_realloc(void *memory, size_t size);
void *__wrap_realloc(void *memory, size_t size);
void *__wrap_realloc(void *memory, size_t size)
{
    return is_submitting && must_fail("realloc") ? NULL : __real_realloc(memory, size);
}

/* Ending the monitor, by no address, takes nothing and cannot fail. */
int __real_zmq_socket_monitor(void *socket, const char *address, int events);
int __wrap_zmq_socket_monitor(void *socket, const char *address, int events);
int __wrap_zmq_socket_monitor(void *socket, const char *address, int events)
{
    bool fails = address != NULL && must_fail("zmq_socket_monitor");

    return fails ? -1 : __real_zmq_socket_monitor(socket, address, events);
}
/* NOLINTEND(bugprone-reserved-identifier, bugprone-macro-parentheses) */

/* A broker that is not there: connecting goes on behind the client's back. */
static struct maillon_options options_of_nobody(void)
{
    return (struct maillon_options){
        .size = sizeof(struct maillon_options), .gateway = nobody, .dispatch = nobody, .window = 4};
}

static enum maillon_status open_and_close(void)
{
    struct maillon_options options = options_of_nobody();
    struct maillon *connection = NULL;
    enum maillon_status status = maillon_open(&options, &connection);

    EXPECT_EQ(connection != NULL, status == MAILLON_OK);
    maillon_close(connection);
    return status;
}

/* Nobody answers: it fails either way, with one status or the other. */
static enum maillon_status request_nobody(void)
{
    char type[32];
    void *body = NULL;
    size_t size = 0;
    enum maillon_status status =
        maillon_request(nobody, NULL, "ping", NULL, 0, 0, type, &body, &size);

    EXPECT_TRUE(body == NULL);
    return status;
}

/* Lets each call fail in turn, until none is left; `good` is how it goes then. */
static void fail_each_call(enum maillon_status (*act)(void), enum maillon_status good)
{
    has_failed = true;
    for (uint64_t number = 1; has_failed; number++) {
        test_seed = number;
        has_failed = false;
        call_count = 0;
        call_failing = number;
        enum maillon_status status = act();
        call_failing = 0;
        EXPECT_EQ(status, has_failed ? MAILLON_NO_MEMORY : good);
        EXPECT_TRUE(has_failed || number > 4);
    }
    test_seed = 0;
}

static void a_connection_that_cannot_be_made_is_told_and_leaves_nothing(void)
{
    fail_each_call(open_and_close, MAILLON_OK);
}

static void a_request_that_cannot_be_made_is_told_and_leaves_nothing(void)
{
    fail_each_call(request_nobody, MAILLON_UNREACHABLE);
}

static void count_answer(const struct maillon_answer *answer, void *user)
{
    size_t *count = user;

    EXPECT_EQ(answer->status, MAILLON_UNREACHABLE);
    (*count)++;
}

static void a_command_without_memory_for_its_body_is_refused_and_can_come_again(void)
{
    struct maillon_options options = options_of_nobody();
    const uint8_t id[MAILLON_ID_SIZE] = {1};
    struct maillon *connection = NULL;
    size_t count = 0;

    EXPECT_EQ(maillon_open(&options, &connection), MAILLON_OK);
    call_count = 0;
    call_failing = 1;
    is_submitting = true;
    EXPECT_EQ(
        maillon_submit(connection, "need.put", id, need, sizeof need - 1, count_answer, &count),
        MAILLON_NO_MEMORY);
    call_failing = 0;
    is_submitting = false;
    EXPECT_EQ(maillon_unanswered(connection), 0);
    EXPECT_EQ(
        maillon_submit(connection, "need.put", id, need, sizeof need - 1, count_answer, &count),
        MAILLON_OK);
    EXPECT_EQ(maillon_unanswered(connection), 1);
    maillon_close(connection);
    EXPECT_EQ(count, 1);
}

static void each_call_that_takes_memory_or_a_descriptor_has_failed_once(void)
{
    EXPECT_EQ(failed_name_count, NAME_COUNT); /* Else one of them is not wrapped any more. */
}

int main(int argc, char **argv)
{
    static const struct test_case cases[] = {
        CASE(a_connection_that_cannot_be_made_is_told_and_leaves_nothing),
        CASE(a_request_that_cannot_be_made_is_told_and_leaves_nothing),
        CASE(a_command_without_memory_for_its_body_is_refused_and_can_come_again),
        CASE(each_call_that_takes_memory_or_a_descriptor_has_failed_once),
    };

    return run_cases(cases, COUNT_OF(cases), argc, argv);
}
