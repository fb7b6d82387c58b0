/*
 * fanout_bench.c - one stream of events to many clients.
 *
 *     ./dev bench fanout [--clients C] [--events E]
 *
 * All roles run; clients (1,000) are raw sockets in one epoll that only counts events, all
 * following the stream of all. Three phases:
 *
 *     single  one need after the other: from its submission, and from the first client that has
 *             its assignment, until the last client has it
 *     burst   E needs at once, live: deliveries a second from the first to the last one
 *     resume  the same clients stop, E needs pass, then all go on at once: dispatch alone works
 *
 * And dispatch's resident memory before there are clients, with them, and after all of it.
 */
#include "proto/cursor.h"
#include "tests/bench/support/system.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define CLIENT_COUNT_MAX 20000
#define SINGLE_COUNT 200
#define ROUND_COUNT 3
#define SECONDS_MAX 300
#define WAIT_SECONDS_MAX 60
#define EVENTS_AT_ONCE 256

struct client {
    struct dealer dealer;
    uint64_t event_count;
};

struct fan {
    struct system system;
    struct bench_world world;
    struct submitter submitter;
    struct client *clients;
    size_t client_count;
    int epoll;
    uint64_t wanted;      /* Events that each client is waited for to have. */
    size_t done_count;    /* Clients that have them. */
    uint64_t first_nanos; /* When the first one came since wait_for_all began; 0: none. */
    uint64_t last_nanos;
    uint64_t message_count;
    uint64_t bytes;
};

static struct bytes encode(const struct message *message, const void *record, struct buffer *target)
{
    target->size = 0;
    proto_encode(message, record, target);
    return buffer_view(target);
}

static void put_record(struct client *client, const struct message *message, const void *record)
{
    struct header header = {.version = PROTO_VERSION, .type = bytes_from_text(message->name)};
    struct buffer head = {0};
    struct buffer body = {0};

    dealer_put(&client->dealer, encode(&HEADER, &header, &head), encode(message, record, &body));
    ENSURE(dealer_flush(&client->dealer));
    buffer_deinit(&head);
    buffer_deinit(&body);
}

/* How many events an "event" message holds: {"last": number, "events": [...]}. */
static uint64_t count_events(struct bytes body)
{
    struct cursor cursor = cursor_over(body);
    struct value value;
    struct bytes key;

    ENSURE(cursor_next(&cursor, &value) == STATUS_OK);
    ENSURE(cursor_key(&cursor, &key) == STATUS_OK);
    ENSURE(cursor_next(&cursor, &value) == STATUS_OK);
    ENSURE(cursor_key(&cursor, &key) == STATUS_OK);
    ENSURE(bytes_equal(key, bytes_from_text("events")));
    ENSURE(cursor_next(&cursor, &value) == STATUS_OK);
    return value.number;
}

static void take_messages(struct fan *fan, struct client *client)
{
    struct bytes header;
    struct bytes body;
    bool was_done = client->event_count >= fan->wanted;

    while (dealer_next(&client->dealer, &header, &body)) {
        if (memmem(header.data, header.size,
                   "\xa5"
                   "event",
                   6) == NULL) {
            continue; /* A head. */
        }
        client->event_count += count_events(body);
        fan->message_count++;
        fan->bytes += body.size;
        fan->last_nanos = bench_nanos();
        fan->first_nanos = fan->first_nanos == 0 ? fan->last_nanos : fan->first_nanos;
    }
    fan->done_count += !was_done && client->event_count >= fan->wanted;
}

static void turn(struct fan *fan)
{
    struct epoll_event events[EVENTS_AT_ONCE];
    int count = epoll_wait(fan->epoll, events, EVENTS_AT_ONCE, 10);

    for (int i = 0; i < count; i++) {
        struct client *client = events[i].data.ptr;
        if (client == NULL) {
            submitter_turn(&fan->submitter, fan->submitter.sent);
        } else if (dealer_read(&client->dealer)) {
            take_messages(fan, client);
        }
    }
}

static void expect_events(struct fan *fan, uint64_t count)
{
    fan->wanted += count;
    fan->done_count = 0;
    fan->first_nanos = 0;
    fan->message_count = 0;
    fan->bytes = 0;
}

static void wait_for_all(struct fan *fan)
{
    uint64_t until = bench_nanos() + WAIT_SECONDS_MAX * 1000000000ull;

    while (fan->done_count < fan->client_count) {
        turn(fan);
        ENSURE(bench_nanos() < until);
    }
}

static void watch(struct fan *fan, int descriptor, struct client *client)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = client};

    ENSURE(epoll_ctl(fan->epoll, EPOLL_CTL_ADD, descriptor, &event) == 0);
}

static void open_fan(struct fan *fan, const char *place, uint64_t window)
{
    fan->world = (struct bench_world){
        .party_count = 200, .product_count = 8, .offer_count = 8, .stock = 1000000000000};
    fan->epoll = epoll_create1(EPOLL_CLOEXEC);
    fan->clients = memory_take(fan->client_count, sizeof *fan->clients);
    system_start(&fan->system, place, NULL);
    submitter_open(&fan->submitter, &fan->system, &fan->world, window);
    system_fill(&fan->submitter.dealer, &fan->world);
    watch(fan, fan->submitter.dealer.descriptor, NULL);
}

static void connect_clients(struct fan *fan, uint64_t credit)
{
    struct subscribe subscribe = {.credit = credit};

    for (size_t i = 0; i < fan->client_count; i++) {
        system_connect(&fan->system, "dispatch", &fan->clients[i].dealer);
        put_record(&fan->clients[i], &SUBSCRIBE, &subscribe);
        watch(fan, fan->clients[i].dealer.descriptor, &fan->clients[i]);
    }
}

static void close_fan(struct fan *fan)
{
    for (size_t i = 0; i < fan->client_count; i++) {
        dealer_close(&fan->clients[i].dealer);
    }
    submitter_close(&fan->submitter);
    system_stop(&fan->system);
    close(fan->epoll);
    free(fan->clients);
}

static void run_singles(struct fan *fan)
{
    static double from_submit[SINGLE_COUNT];
    static double from_first[SINGLE_COUNT];

    for (size_t i = 0; i < SINGLE_COUNT; i++) {
        uint64_t began = bench_nanos();
        expect_events(fan, 1);
        submitter_turn(&fan->submitter, fan->submitter.sent + 1);
        wait_for_all(fan);
        from_submit[i] = (double)(fan->last_nanos - began) / 1e6;
        from_first[i] = (double)(fan->last_nanos - fan->first_nanos) / 1e6;
    }
    double submit = bench_median(from_submit, SINGLE_COUNT);
    double first = bench_median(from_first, SINGLE_COUNT);
    printf("{\"bench\":\"fanout\",\"phase\":\"single\",\"clients\":%zu,\"events\":%d,"
           "\"submit_to_last_p50_ms\":%.2f,\"submit_to_last_p99_ms\":%.2f,"
           "\"first_to_last_p50_ms\":%.2f,\"first_to_last_p99_ms\":%.2f}\n",
           fan->client_count, SINGLE_COUNT, submit, from_submit[SINGLE_COUNT * 99 / 100], first,
           from_first[SINGLE_COUNT * 99 / 100]);
    fflush(stdout);
}

static double print_rate(const struct fan *fan, const char *phase, uint64_t began, uint64_t events,
                         double processor)
{
    double deliveries = (double)events * (double)fan->client_count;
    double rate = deliveries * 1e9 / (double)(fan->last_nanos - began);

    printf("{\"bench\":\"fanout\",\"phase\":\"%s\",\"clients\":%zu,\"events\":%llu,"
           "\"deliveries_per_s\":%.0f,\"messages\":%llu,\"events_a_message\":%.1f,"
           "\"event_bytes\":%.0f,\"processor_us\":%.3f}\n",
           phase, fan->client_count, (unsigned long long)events, rate,
           (unsigned long long)fan->message_count, deliveries / (double)fan->message_count,
           (double)fan->bytes / deliveries, processor * 1e6 / deliveries);
    fflush(stdout);
    return rate;
}

static double run_burst(struct fan *fan, uint64_t events)
{
    pid_t dispatch = system_role(&fan->system, "dispatch");
    double processor = bench_processor_seconds(dispatch);

    expect_events(fan, events);
    submitter_turn(&fan->submitter, fan->submitter.sent + events);
    wait_for_all(fan);
    return print_rate(fan, "burst", fan->first_nanos, events,
                      bench_processor_seconds(dispatch) - processor);
}

static void submit_aside(struct fan *fan, uint64_t events)
{
    submitter_turn(&fan->submitter, fan->submitter.sent + events);
    while (fan->submitter.acked < fan->submitter.sent) {
        turn(fan);
    }
    ENSURE(system_settle(&fan->system, WAIT_SECONDS_MAX));
}

/* The clients have used up their credit; what is new waits in dispatch's journal. */
static double run_resume(struct fan *fan, uint64_t events)
{
    struct credit credit = {.n = events, .ack = fan->wanted};
    pid_t dispatch = system_role(&fan->system, "dispatch");

    submit_aside(fan, events);
    double processor = bench_processor_seconds(dispatch);
    expect_events(fan, events);
    uint64_t began = bench_nanos();
    for (size_t i = 0; i < fan->client_count; i++) {
        put_record(&fan->clients[i], &CREDIT, &credit);
    }
    wait_for_all(fan);
    return print_rate(fan, "resume", began, events, bench_processor_seconds(dispatch) - processor);
}

/* Its own memory alone counts for a client: pages of the journal's file are the cache's. */
static void print_memory(const struct fan *fan, const char *when, uint64_t own_before)
{
    pid_t dispatch = system_role(&fan->system, "dispatch");
    uint64_t own = bench_memory(dispatch, "RssAnon");

    printf("{\"bench\":\"fanout\",\"phase\":\"memory\",\"when\":\"%s\",\"clients\":%zu,"
           "\"resident_mb\":%.1f,\"own_mb\":%.1f,\"own_kilobytes_a_client\":%.1f}\n",
           when, fan->client_count, (double)bench_memory(dispatch, "VmRSS") / 1e6,
           (double)own / 1e6, ((double)own - (double)own_before) / 1e3 / (double)fan->client_count);
    fflush(stdout);
}

static void run(const char *place, size_t client_count, uint64_t events)
{
    static struct fan fan;
    double rates[2][ROUND_COUNT];

    fan.client_count = client_count;
    open_fan(&fan, place, events);
    uint64_t idle = bench_memory(system_role(&fan.system, "dispatch"), "RssAnon");
    connect_clients(&fan, SINGLE_COUNT + ROUND_COUNT * events);
    run_singles(&fan);
    print_memory(&fan, "connected", idle);
    for (size_t i = 0; i < ROUND_COUNT; i++) {
        rates[0][i] = run_burst(&fan, events);
    }
    for (size_t i = 0; i < ROUND_COUNT; i++) {
        rates[1][i] = run_resume(&fan, events);
    }
    print_memory(&fan, "after bursts", idle);
    printf("{\"bench\":\"fanout\",\"phase\":\"medians\",\"burst_per_s\":%.0f,"
           "\"resume_per_s\":%.0f}\n",
           bench_median(rates[0], ROUND_COUNT), bench_median(rates[1], ROUND_COUNT));
    close_fan(&fan);
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"clients", required_argument, NULL, 'c'},
                                            {"events", required_argument, NULL, 'e'},
                                            {NULL, 0, NULL, 0}};
    uint64_t clients = 1000;
    uint64_t events = 2000;

    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (option == 'c') {
            clients = strtoull(optarg, NULL, 10);
        } else if (option == 'e') {
            events = strtoull(optarg, NULL, 10);
        }
        if (option == '?' || clients == 0 || clients > CLIENT_COUNT_MAX || events == 0 ||
            events > 20000) {
            fprintf(stderr, "usage: fanout [--clients C] [--events E]\n");
            return 64;
        }
    }
    run(bench_begin(SECONDS_MAX), clients, events);
    return EXIT_SUCCESS;
}
