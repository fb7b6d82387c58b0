/*
 * port_test.c - a ROUTER and a DEALER on one loop.
 */
#include "node/port.h"
#include "proto/messages.h"
#include "tests/harness.h"

#include <signal.h>
#include <sys/time.h>
#include <unistd.h>

#define QUEUE 10 /* Messages that wait on either side. */
#define PATIENCE_MS 20000
#define STEP_MS 5

struct side {
    struct port *port;
    uint64_t count;
    uint64_t last; /* What the last message's body said. */
    size_t frame_count;
    uint8_t peer[64];
    size_t peer_size;
};

struct bench {
    char directory[32];
    char endpoint[64];
    struct loop *loop;
    struct side server;
    struct side client;
    bool (*is_done)(const struct bench *bench);
    uint64_t wanted;
    uint64_t sent;
    uint64_t steps;
};

static void on_message(void *context, const struct port_message *message)
{
    struct side *side = context;
    struct bytes body = message->frames[message->count - 1];

    side->count++;
    side->frame_count = message->count;
    side->peer_size = message->frames[0].size;
    memcpy(side->peer, message->frames[0].data, message->frames[0].size);
    if (body.size == 8) {
        EXPECT_TRUE(side->last < load_u64(body.data));
        side->last = load_u64(body.data);
    }
}

static void open_port(struct bench *bench, enum port_kind kind, struct side *side)
{
    struct port_options options = {
        .kind = kind,
        .endpoint = bench->endpoint,
        .send_count_max = QUEUE,
        .receive_count_max = QUEUE,
        .receive = on_message,
        .context = side,
    };

    EXPECT_OK(port_open(bench->loop, &options, &side->port));
}

static void look(void *context)
{
    struct bench *bench = context;

    EXPECT_TRUE(bench->steps++ < PATIENCE_MS / STEP_MS);
    if (bench->is_done(bench)) {
        loop_stop(bench->loop);
    }
}

static void run_until(struct bench *bench, bool (*is_done)(const struct bench *bench),
                      uint64_t wanted)
{
    struct timer *timer = loop_timer(bench->loop, look, bench);

    bench->is_done = is_done;
    bench->wanted = wanted;
    bench->steps = 0;
    timer_start(timer, 0, STEP_MS);
    loop_run(bench->loop);
    timer_stop(timer);
}

static enum status send_number(struct port *port, struct bytes peer, uint64_t number)
{
    uint8_t body[8];
    struct bytes frames[] = {peer, bytes_from_text("header"), {body, sizeof body}};
    bool has_peer = peer.size > 0;

    store_u64(body, number);
    return port_send(port, frames + !has_peer, 3 - !has_peer);
}

static enum status ask(struct bench *bench, uint64_t number)
{
    return send_number(bench->client.port, (struct bytes){0}, number);
}

static struct bytes peer_of(const struct side *side)
{
    return (struct bytes){side->peer, side->peer_size};
}

static bool has_sent(const struct bench *bench)
{
    return send_number(bench->client.port, (struct bytes){0}, 1) == STATUS_OK;
}

static bool server_has(const struct bench *bench)
{
    return bench->server.count >= bench->wanted;
}

static bool client_has(const struct bench *bench)
{
    return bench->client.count >= bench->wanted;
}

/* Both are connected, and the server has one message. */
static void bench_open(struct bench *bench)
{
    *bench = (struct bench){.directory = "/tmp/maillon-port-XXXXXX"};
    EXPECT_TRUE(mkdtemp(bench->directory) != NULL);
    snprintf(bench->endpoint, sizeof bench->endpoint, "ipc://%s/port", bench->directory);
    EXPECT_OK(loop_open(&bench->loop));
    open_port(bench, PORT_DEALER, &bench->client);
    EXPECT_STATUS(ask(bench, 1), STATUS_AGAIN); /* Nobody is there. */
    open_port(bench, PORT_ROUTER, &bench->server);
    run_until(bench, has_sent, 0);
    bench->sent = 1;
    run_until(bench, server_has, 1);
    EXPECT_EQ(bench->server.frame_count, 3);
}

static void bench_close(struct bench *bench)
{
    port_close(bench->client.port);
    port_close(bench->server.port);
    loop_close(bench->loop);
    EXPECT_EQ(unlink(bench->endpoint + strlen("ipc://")), 0);
    EXPECT_EQ(rmdir(bench->directory), 0);
}

static void an_answer_reaches_the_one_who_asked(void)
{
    struct bench bench;

    bench_open(&bench);
    EXPECT_OK(send_number(bench.server.port, peer_of(&bench.server), 7));
    run_until(&bench, client_has, 1);
    EXPECT_EQ(bench.client.frame_count, 2);
    EXPECT_EQ(bench.client.last, 7);
    bench_close(&bench);
}

static void a_parcel_can_be_sent_many_times(void)
{
    struct bench bench;
    uint8_t body[1000] = {0};

    bench_open(&bench);
    struct parcel *header = parcel_make(bytes_from_text("header"));
    struct parcel *large = parcel_make((struct bytes){body, sizeof body});
    for (int i = 0; i < QUEUE; i++) {
        EXPECT_OK(port_send_parcels(bench.server.port, peer_of(&bench.server), header, large));
    }
    parcel_release(header);
    parcel_release(large);
    run_until(&bench, client_has, QUEUE);
    EXPECT_EQ(port_figures(bench.server.port).sent, QUEUE);
    bench_close(&bench);
}

static void a_peer_that_is_gone_is_not_found(void)
{
    struct bench bench;

    bench_open(&bench);
    EXPECT_STATUS(send_number(bench.server.port, bytes_from_text("nobody"), 1), STATUS_NOT_FOUND);
    EXPECT_OK(send_number(bench.server.port, peer_of(&bench.server), 1));
    EXPECT_EQ(port_figures(bench.server.port).refused, 1);
    bench_close(&bench);
}

/* Sends big messages, so that the system's own buffers fill too. */
static uint64_t fill(struct bench *bench)
{
    static uint8_t body[100000];
    struct bytes frames[] = {peer_of(&bench->server), bytes_from_text("h"), {body, sizeof body}};
    uint64_t sent = 0;

    while (port_send(bench->server.port, frames, 3) == STATUS_OK) {
        sent++;
        EXPECT_TRUE(sent < 10000);
    }
    EXPECT_STATUS(port_send(bench->server.port, frames, 3), STATUS_AGAIN);
    return sent;
}

static void a_peer_that_takes_nothing_holds_back_and_loses_nothing(void)
{
    struct bench bench;

    bench_open(&bench);
    port_pause(bench.client.port);
    uint64_t sent = fill(&bench);
    EXPECT_TRUE(sent >= QUEUE);
    port_resume(bench.client.port);
    run_until(&bench, client_has, sent);
    EXPECT_EQ(bench.client.count, sent);
    EXPECT_OK(send_number(bench.server.port, peer_of(&bench.server), 1));
    bench_close(&bench);
}

static void a_message_of_too_many_frames_is_dropped_alone(void)
{
    struct bench bench;
    struct bytes frames[PORT_FRAME_COUNT_MAX];

    bench_open(&bench);
    for (size_t i = 0; i < COUNT_OF(frames); i++) {
        frames[i] = bytes_from_text("x");
    }
    EXPECT_OK(port_send(bench.client.port, frames, COUNT_OF(frames)));
    EXPECT_OK(ask(&bench, 2));
    run_until(&bench, server_has, 2);
    EXPECT_EQ(port_figures(bench.server.port).dropped, 1);
    EXPECT_EQ(bench.server.last, 2);
    bench_close(&bench);
}

static bool send_on(const struct bench *bench)
{
    struct bench *changed = (struct bench *)(uintptr_t)bench;
    enum status status = STATUS_OK;

    while (bench->sent < bench->wanted && status == STATUS_OK) {
        status = ask(changed, bench->sent + 1);
        changed->sent += status == STATUS_OK;
    }
    EXPECT_TRUE(status == STATUS_OK || status == STATUS_AGAIN);
    return bench->server.count >= bench->wanted;
}

static void many_messages_come_in_order_without_a_stall(void)
{
    struct bench bench;

    bench_open(&bench);
    run_until(&bench, send_on, 3000);
    EXPECT_EQ(bench.server.count, 3000);
    EXPECT_EQ(bench.server.last, 3000);
    bench_close(&bench);
}

static void on_alarm(int number)
{
    (void)number;
}

/* A call that a signal interrupts is made again: half a message would spoil the next one. */
static void a_storm_of_signals_breaks_no_message(void)
{
    struct sigaction action = {.sa_handler = on_alarm}; /* Without SA_RESTART. */
    struct itimerval often = {.it_interval = {.tv_usec = 60}, .it_value = {.tv_usec = 60}};
    struct itimerval never = {.it_value = {.tv_usec = 0}};
    struct bench bench;

    bench_open(&bench);
    EXPECT_EQ(sigaction(SIGALRM, &action, NULL), 0);
    EXPECT_EQ(setitimer(ITIMER_REAL, &often, NULL), 0);
    run_until(&bench, send_on, 8000);
    EXPECT_EQ(setitimer(ITIMER_REAL, &never, NULL), 0);
    EXPECT_EQ(bench.server.count, 8000);
    EXPECT_EQ(bench.server.last, 8000);
    bench_close(&bench);
}

static void an_endpoint_that_cannot_be_is_refused(void)
{
    char endpoint[300];
    struct loop *loop = NULL;
    struct port *port = NULL;
    struct port_options options = {
        .kind = PORT_ROUTER,
        .endpoint = endpoint,
        .send_count_max = QUEUE,
        .receive_count_max = QUEUE,
    };

    EXPECT_OK(loop_open(&loop));
    snprintf(endpoint, sizeof endpoint, "ipc:///tmp/%0200d", 1);
    EXPECT_STATUS(port_open(loop, &options, &port), STATUS_TOO_LARGE);
    snprintf(endpoint, sizeof endpoint, "nonsense");
    EXPECT_STATUS(port_open(loop, &options, &port), STATUS_INVALID);
    loop_close(loop);
}

int main(int argc, char **argv)
{
    static const struct test_case cases[] = {
        CASE(an_answer_reaches_the_one_who_asked),
        CASE(a_parcel_can_be_sent_many_times),
        CASE(a_peer_that_is_gone_is_not_found),
        CASE(a_peer_that_takes_nothing_holds_back_and_loses_nothing),
        CASE(a_message_of_too_many_frames_is_dropped_alone),
        CASE(many_messages_come_in_order_without_a_stall),
        CASE(a_storm_of_signals_breaks_no_message),
        CASE(an_endpoint_that_cannot_be_is_refused),
    };

    return run_cases(cases, COUNT_OF(cases), argc, argv);
}
