/*
 * node_failing_test.c - what the loop, the ports and the pages promise when libuv or ZeroMQ fail.
 *
 * The linker puts a function of this file in front of each call that may fail (`--wrap`,
 * tests/meson.build).
 */
#include "node/page.h"
#include "node/port.h"
#include "tests/harness.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <uv.h>
#include <zmq.h>

#define PATIENCE_MS 20000
#define STEP_MS 5
#define MESSAGE_COUNT 20
#define PAGE_TEXT "all is well\n"

static const char *failing; /* The function that fails, */
static uint64_t fail_every; /* at every so many calls, */
static int failing_errno;   /* and this is what it says. */
static uint64_t call_count;
static uint64_t failure_count;

static bool must_fail(const char *name)
{
    if (failing == NULL || strcmp(failing, name) != 0 || ++call_count % fail_every != 0) {
        return false;
    }
    failure_count++;
    errno = failing_errno;
    return true;
}

static void fail(const char *name, uint64_t every, int code)
{
    failing = name;
    fail_every = every;
    failing_errno = code;
    call_count = 0;
    failure_count = 0;
}

static void fail_nothing(void)
{
    failing = NULL;
}

#define WRAP(type, bad, name, parameters, arguments)                                               \
    type __real_##name parameters;                                                                 \
    type __wrap_##name parameters;                                                                 \
    type __wrap_##name parameters                                                                  \
    {                                                                                              \
        return must_fail(#name) ? (bad) : __real_##name arguments;                                 \
    }

/* NOLINTBEGIN(bugprone-reserved-identifier, bugprone-macro-parentheses): the linker's names. */
WRAP(int, UV_ENOMEM, uv_loop_init, (uv_loop_t * loop), (loop))
WRAP(int, UV_EPIPE, uv_write,
     (uv_write_t * request, uv_stream_t *stream, const uv_buf_t parts[], unsigned count,
      uv_write_cb callback),
     (request, stream, parts, count, callback))
WRAP(void *, NULL, zmq_ctx_new, (void), ())
WRAP(void *, NULL, zmq_socket, (void *context, int type), (context, type))
WRAP(int, -1, zmq_getsockopt, (void *socket, int option, void *value, size_t *size),
     (socket, option, value, size))
WRAP(int, -1, zmq_msg_recv, (zmq_msg_t * message, void *socket, int flags),
     (message, socket, flags))
WRAP(int, -1, zmq_ctx_term, (void *context), (context))

/* The connection is taken off the queue also when that fails; closing the handle closes it. */
int __real_uv_accept(uv_stream_t *server, uv_stream_t *client);
int __wrap_uv_accept(uv_stream_t *server, uv_stream_t *client);
int __wrap_uv_accept(uv_stream_t *server, uv_stream_t *client)
{
    int code = __real_uv_accept(server, client);

    return must_fail("uv_accept") ? UV_ENOBUFS : code;
}
/* NOLINTEND(bugprone-reserved-identifier, bugprone-macro-parentheses) */

static void a_loop_that_cannot_be_made_is_told(void)
{
    static const char *const names[] = {"uv_loop_init", "zmq_ctx_new"};
    struct loop *loop = NULL;

    for (size_t i = 0; i < COUNT_OF(names); i++) {
        fail(names[i], 1, ENOMEM);
        EXPECT_STATUS(loop_open(&loop), STATUS_IO);
        fail_nothing();
        EXPECT_TRUE(loop == NULL);
        EXPECT_EQ(failure_count, 1);
    }
}

static void ignore(void *context, const struct port_message *message)
{
    (void)context;
    (void)message;
}

static void a_port_without_a_socket_is_told(void)
{
    struct port_options options = {.kind = PORT_DEALER,
                                   .endpoint = "tcp://127.0.0.1:9",
                                   .send_count_max = 1,
                                   .receive_count_max = 1,
                                   .receive = ignore};
    struct loop *loop = NULL;
    struct port *port = NULL;

    EXPECT_OK(loop_open(&loop));
    fail("zmq_socket", 1, EMFILE);
    EXPECT_STATUS(port_open(loop, &options, &port), STATUS_IO);
    fail_nothing();
    EXPECT_TRUE(port == NULL);
    EXPECT_OK(port_open(loop, &options, &port));
    port_close(port);
    loop_close(loop);
}

/* A server that was told some numbers, or a page that was read some times. */
struct bench {
    char directory[32];
    char endpoint[64];
    struct loop *loop;
    struct port *server, *client;
    uint64_t sent, received;
    uint64_t steps;
};

static void on_number(void *context, const struct port_message *message)
{
    struct bench *bench = context;

    EXPECT_EQ(message->count, 3);
    EXPECT_EQ(load_u64(message->frames[2].data), bench->received + 1);
    bench->received++;
}

static void bench_open(struct bench *bench)
{
    *bench = (struct bench){.directory = "/tmp/maillon-node-XXXXXX"};
    EXPECT_TRUE(mkdtemp(bench->directory) != NULL);
    snprintf(bench->endpoint, sizeof bench->endpoint, "ipc://%s/port", bench->directory);
    EXPECT_OK(loop_open(&bench->loop));
}

static void bench_close(struct bench *bench)
{
    port_close(bench->client);
    port_close(bench->server);
    loop_close(bench->loop);
    unlink(bench->endpoint + strlen("ipc://"));
    EXPECT_EQ(rmdir(bench->directory), 0);
}

static void open_port(struct bench *bench, enum port_kind kind, struct port **port)
{
    struct port_options options = {.kind = kind,
                                   .endpoint = bench->endpoint,
                                   .send_count_max = MESSAGE_COUNT,
                                   .receive_count_max = MESSAGE_COUNT,
                                   .receive = kind == PORT_ROUTER ? on_number : ignore,
                                   .context = bench};

    EXPECT_OK(port_open(bench->loop, &options, port));
}

static void send_number(void *context)
{
    struct bench *bench = context;
    uint8_t number[8];
    struct bytes frames[] = {bytes_from_text("header"), {number, sizeof number}};

    EXPECT_TRUE(bench->steps++ < PATIENCE_MS / STEP_MS);
    store_u64(number, bench->sent + 1);
    bench->sent += bench->sent < MESSAGE_COUNT &&
                   port_send(bench->client, frames, COUNT_OF(frames)) == STATUS_OK;
    if (bench->received == MESSAGE_COUNT) {
        loop_stop(bench->loop);
    }
}

static void run(struct bench *bench, loop_callback step)
{
    struct timer *timer = loop_timer(bench->loop, step, bench);

    timer_start(timer, 0, STEP_MS);
    loop_run(bench->loop);
    timer_stop(timer);
}

static void signals_between_two_calls_lose_no_message(void)
{
    static const char *const names[] = {"zmq_getsockopt", "zmq_msg_recv", "zmq_ctx_term"};

    for (size_t i = 0; i < COUNT_OF(names); i++) {
        struct bench bench;
        bench_open(&bench);
        open_port(&bench, PORT_ROUTER, &bench.server);
        open_port(&bench, PORT_DEALER, &bench.client);
        fail(names[i], 2, EINTR);
        call_count = i == 2; /* It is called once: that call fails. */
        run(&bench, send_number);
        EXPECT_EQ(bench.sent, MESSAGE_COUNT);
        bench_close(&bench);
        fail_nothing();
        EXPECT_TRUE(failure_count > 0);
    }
}

/* A page, and a case that reads it over and over. */
struct reading {
    struct bench bench;
    int descriptor;
    char text[64];
    size_t size;
};

static void render(void *context, struct buffer *target)
{
    (void)context;
    buffer_append_text(target, PAGE_TEXT);
}

static void connect_to_page(struct reading *reading)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    snprintf(address.sun_path, sizeof address.sun_path, "%s",
             reading->bench.endpoint + strlen("ipc://"));
    reading->size = 0;
    reading->descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    EXPECT_TRUE(reading->descriptor >= 0);
    EXPECT_EQ(connect(reading->descriptor, (struct sockaddr *)&address, sizeof address), 0);
}

/* Until the other side hangs up. */
static void read_page(void *context)
{
    struct reading *reading = context;
    ssize_t size = read(reading->descriptor, reading->text + reading->size,
                        sizeof reading->text - 1 - reading->size);

    EXPECT_TRUE(reading->bench.steps++ < PATIENCE_MS / STEP_MS);
    if (size > 0) {
        reading->size += (size_t)size;
    } else if (size == 0 || errno != EAGAIN) {
        loop_stop(reading->bench.loop);
    }
}

static void a_reader_of_a_page_who_cannot_be_served_is_hung_up_on_and_the_next_is_served(void)
{
    static const char *const names[] = {"uv_accept", "uv_write", NULL};
    struct reading reading = {0};

    bench_open(&reading.bench);
    const char *path = reading.bench.endpoint + strlen("ipc://");
    EXPECT_OK(page_serve(reading.bench.loop, path, render, NULL));
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        connect_to_page(&reading);
        fail(names[i], 1, 0);
        struct timer *timer = loop_timer(reading.bench.loop, read_page, &reading);
        timer_start(timer, 0, STEP_MS);
        loop_run(reading.bench.loop);
        timer_stop(timer);
        fail_nothing();
        close(reading.descriptor);
        EXPECT_TEXT(((struct bytes){(const uint8_t *)reading.text, reading.size}),
                    names[i] == NULL ? PAGE_TEXT : "");
    }
    bench_close(&reading.bench);
}

/* So many do not read that the first is cut off; the last is served all the same. */
static void readers_who_only_wait_keep_nobody_from_a_page(void)
{
    struct reading readings[12] = {0};
    struct reading *last = &readings[COUNT_OF(readings) - 1];
    struct bench bench;

    bench_open(&bench);
    EXPECT_OK(page_serve(bench.loop, bench.endpoint + strlen("ipc://"), render, NULL));
    for (size_t i = 0; i < COUNT_OF(readings); i++) {
        readings[i].bench = bench;
        connect_to_page(&readings[i]);
    }
    struct timer *timer = loop_timer(bench.loop, read_page, last);
    timer_start(timer, 0, STEP_MS);
    loop_run(bench.loop);
    timer_stop(timer);
    EXPECT_TEXT(((struct bytes){(const uint8_t *)last->text, last->size}), PAGE_TEXT);
    for (size_t i = 0; i < COUNT_OF(readings); i++) {
        close(readings[i].descriptor);
    }
    bench_close(&bench);
}

static void a_page_without_a_place_is_told(void)
{
    struct loop *loop = NULL;

    EXPECT_OK(loop_open(&loop));
    EXPECT_STATUS(page_serve(loop, "/nowhere/page", render, NULL), STATUS_IO);
    loop_close(loop);
}

int main(int argc, char **argv)
{
    static const struct test_case cases[] = {
        CASE(a_loop_that_cannot_be_made_is_told),
        CASE(a_port_without_a_socket_is_told),
        CASE(signals_between_two_calls_lose_no_message),
        CASE(a_reader_of_a_page_who_cannot_be_served_is_hung_up_on_and_the_next_is_served),
        CASE(readers_who_only_wait_keep_nobody_from_a_page),
        CASE(a_page_without_a_place_is_told),
    };

    return run_cases(cases, COUNT_OF(cases), argc, argv);
}
