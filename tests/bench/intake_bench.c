/*
 * intake_bench.c - durable submissions a second at the gateway, beside its two limits.
 *
 *     ./dev bench intake [--seconds S] [--rounds R] [--setting CLIENTSxWINDOW] [--peer] [--curve]
 *
 * One thread drives all clients. A client has at most `window` commands without an answer and
 * packs what it may send into one submit, as libmaillon does; an answer means durable. Rounds of
 * four take turns, so that all meet the machine in the same mood, and medians are told:
 *
 *     acked_per_s          maillond gateway, on a new journal
 *     lmdb_per_s           LMDB alone appends values of the stored size in transactions of the mean
 *                          size that occurred, each on disk
 *     router_per_s         a ZeroMQ ROUTER alone sends every command back, one a message
 *     router_packed_per_s  the same with the gateway's messages
 *
 * `ratio` is acked_per_s over the slower of lmdb_per_s and router_per_s. --peer measures Redis with
 * `appendfsync always` and XADD in the same minutes. --curve
 * measures instead what keys cost: the same clients over ipc and over tcp with CURVE.
 */
#include "tests/bench/intake_curve.h"
#include "tests/bench/support/bench.h"
#include "tests/bench/support/commands.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>
#include <zmq.h>

#define CLIENT_COUNT_MAX 64
#define ROUND_COUNT_MAX 15
#define PARTY_COUNT 200
#define PRODUCT_COUNT 20
#define ENTRY_HEAD_SIZE 64 /* Of a stored entry: journal/format.md. */
#define SECONDS_MAX 300

struct setting {
    unsigned clients;
    unsigned window;
};

static const struct setting SETTINGS[] = {{32, 100}, {50, 1}, {1, 1}, {32, 10}};

struct arguments {
    double seconds;
    unsigned rounds;
    struct setting only; /* No clients: all settings. */
    bool with_peer;
    bool is_curve;
};

struct client {
    struct dealer dealer;
    unsigned room; /* Commands it may send now. */
};

struct drive {
    struct client clients[CLIENT_COUNT_MAX];
    struct setting setting;
    size_t pack_max; /* Commands of a message. */
    struct need_template template;
    int epoll;
    uint64_t sent; /* Commands. */
    uint64_t acked;
    uint64_t messages;
    struct histogram latencies;
};

struct figures {
    double acked;
    double p50;
    double p99;
    double batch; /* Entries a commit. */
    double commit_ms;
    double processor_us; /* Of the gateway, a command. */
    double stored_size;  /* Bytes of an entry. */
    double lmdb;
    double lmdb_commit_ms;
    double router;
    double router_packed;
};

/* --- Driving clients --------------------------------------------------------------------- */

static void send_commands(struct drive *drive, struct client *client, size_t count)
{
    uint8_t id[REQUEST_ID_SIZE];
    uint8_t header[SUBMIT_HEADER_SIZE_MAX];
    uint8_t front[SUBMIT_FRONT_SIZE_MAX];
    struct bytes front_bytes = submit_front(count, front);
    size_t size = drive->template.bytes.size;

    store_u64(id, bench_nanos());
    store_u64(id + 8, count);
    uint8_t *body = dealer_put_room(&client->dealer, submit_header(id, header),
                                    front_bytes.size + count * size);
    memcpy(body, front_bytes.data, front_bytes.size);
    body += front_bytes.size;
    for (size_t i = 0; i < count; i++, body += size) {
        uint64_t number = drive->sent++;
        struct need_numbers numbers = {
            .number = number,
            .party = (uint32_t)(hash_u64(number) % PARTY_COUNT),
            .product = (uint32_t)(number % PRODUCT_COUNT),
            .quantity = (uint16_t)(256 + number % 10000),
            .class_number = (uint8_t)(1 + number % CLASS_COUNT),
        };
        need_write(&drive->template, &numbers, body);
    }
    client->room -= (unsigned)count;
    drive->messages++;
}

static void send_what_may_go(struct drive *drive, struct client *client)
{
    while (client->room > 0) {
        send_commands(drive, client, min_u64(client->room, drive->pack_max));
    }
}

/* The id in a header is its end; it says when the submit left and what was in it. */
static void take_answers(struct drive *drive, struct client *client)
{
    struct bytes header;
    struct bytes body;
    uint64_t now = bench_nanos();

    while (dealer_next(&client->dealer, &header, &body)) {
        ENSURE(header.size > REQUEST_ID_SIZE);
        const uint8_t *id = header.data + header.size - REQUEST_ID_SIZE;
        uint64_t count = load_u64(id + 8);
        histogram_add(&drive->latencies, (now - load_u64(id)) / 1000, count);
        drive->acked += count;
        client->room += (unsigned)count;
    }
}

static void watch(struct drive *drive, struct client *client, bool wants_write)
{
    struct epoll_event event = {.events = EPOLLIN | (wants_write ? EPOLLOUT : 0u),
                                .data.ptr = client};

    if (wants_write != client->dealer.wants_write) {
        client->dealer.wants_write = wants_write;
        ENSURE(epoll_ctl(drive->epoll, EPOLL_CTL_MOD, client->dealer.descriptor, &event) == 0);
    }
}

static void turn(struct drive *drive, bool may_send)
{
    struct epoll_event events[CLIENT_COUNT_MAX];
    int count = epoll_wait(drive->epoll, events, CLIENT_COUNT_MAX, 1000);

    for (int i = 0; i < count; i++) {
        struct client *client = events[i].data.ptr;
        if ((events[i].events & EPOLLIN) != 0 && dealer_read(&client->dealer)) {
            take_answers(drive, client);
        }
        if (may_send) {
            send_what_may_go(drive, client);
        }
        watch(drive, client, !dealer_flush(&client->dealer));
    }
}

static void open_clients(struct drive *drive, const char *path)
{
    drive->epoll = epoll_create1(EPOLL_CLOEXEC);
    for (unsigned i = 0; i < drive->setting.clients; i++) {
        struct client *client = &drive->clients[i];
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = client};
        dealer_open(&client->dealer, path);
        client->room = drive->setting.window;
        ENSURE(epoll_ctl(drive->epoll, EPOLL_CTL_ADD, client->dealer.descriptor, &event) == 0);
    }
}

static void close_clients(struct drive *drive)
{
    for (unsigned i = 0; i < drive->setting.clients; i++) {
        dealer_close(&drive->clients[i].dealer);
    }
    close(drive->epoll);
}

/* Sends for `seconds` at the socket at `path`, then waits for the last answers. Commands
 * acknowledged a second. */
static double run_drive(struct drive *drive, const char *path, double seconds)
{
    open_clients(drive, path);
    uint64_t began = bench_nanos();
    uint64_t until = began + (uint64_t)(seconds * 1e9);
    for (unsigned i = 0; i < drive->setting.clients; i++) {
        send_what_may_go(drive, &drive->clients[i]);
        watch(drive, &drive->clients[i], !dealer_flush(&drive->clients[i].dealer));
    }
    while (bench_nanos() < until) {
        turn(drive, true);
    }
    uint64_t acked = drive->acked;
    double passed = (double)(bench_nanos() - began) / 1e9;
    while (drive->acked < drive->sent) {
        turn(drive, false);
    }
    close_clients(drive);
    return (double)acked / passed;
}

static struct drive *open_drive(struct setting setting, size_t pack_max)
{
    struct drive *drive = memory_take(1, sizeof *drive);

    drive->setting = setting;
    drive->pack_max = pack_max;
    need_template_init(&drive->template);
    return drive;
}

static void close_drive(struct drive *drive)
{
    need_template_deinit(&drive->template);
    free(drive);
}

/* --- The gateway ------------------------------------------------------------------------- */

static void submit_names(const char *path)
{
    struct dealer dealer;
    struct batch_submit batch = {.gateway = &dealer};
    char name[BENCH_NAME_SIZE];

    dealer_open(&dealer, path);
    for (uint32_t i = 0; i < PARTY_COUNT; i++) {
        struct party_put party = {.party = bench_party(i, name),
                                  .roles = ROLE_REQUESTER,
                                  .country = bytes_from_text("FR"),
                                  .lat = PLACE_NONE,
                                  .lon = PLACE_NONE};
        batch_submit_add(&batch, &PARTY_PUT, &party);
    }
    for (uint32_t i = 0; i < PRODUCT_COUNT; i++) {
        struct product_put product = {.product = bench_product(i, name), .lot = 1};
        batch_submit_add(&batch, &PRODUCT_PUT, &product);
    }
    batch_submit_flush(&batch);
    batch_submit_deinit(&batch);
    dealer_close(&dealer);
}

static double metric(const char *data, const char *name)
{
    return bench_metric(data, "gateway", name);
}

static void measure_gateway(const char *data, struct setting setting, double seconds,
                            struct figures *figures)
{
    struct drive *drive = open_drive(setting, COMMANDS_PER_SUBMIT_MAX);
    char path[BENCH_PATH_SIZE + 20];
    pid_t gateway = bench_start(data, "gateway", NULL);

    snprintf(path, sizeof path, "%s/run/gateway", data);
    bench_wait_live(data, "gateway");
    submit_names(path);
    double commits = metric(data, "maillon_commits_total");
    double entries = metric(data, "maillon_entries_total");
    double bytes = metric(data, "maillon_entry_bytes_total");
    double commit_seconds = metric(data, "maillon_commit_seconds_sum");
    double processor = bench_processor_seconds(gateway);
    figures->acked = run_drive(drive, path, seconds);
    processor = bench_processor_seconds(gateway) - processor;
    entries = metric(data, "maillon_entries_total") - entries;
    commits = metric(data, "maillon_commits_total") - commits;
    bytes = metric(data, "maillon_entry_bytes_total") - bytes;
    commit_seconds = metric(data, "maillon_commit_seconds_sum") - commit_seconds;
    ENSURE(entries >= (double)drive->acked);     /* What was acknowledged is in the journal, */
    ENSURE(entries <= (double)drive->acked + 1); /* but for a tick nothing else. */
    bench_stop(gateway);
    bench_remove(data);
    figures->p50 = (double)histogram_at(&drive->latencies, 500) / 1e3;
    figures->p99 = (double)histogram_at(&drive->latencies, 990) / 1e3;
    figures->batch = entries / commits;
    figures->commit_ms = commit_seconds * 1e3 / commits;
    figures->processor_us = processor * 1e6 / (double)drive->acked;
    figures->stored_size = ENTRY_HEAD_SIZE + bytes / entries;
    close_drive(drive);
}

/* --- The limits ------------------------------------------------------------------------ */

/* A ROUTER that sends everything back, until it is killed. */
static int run_echo(const char *endpoint)
{
    void *router = zmq_socket(zmq_ctx_new(), ZMQ_ROUTER);
    zmq_msg_t part;

    zmq_setsockopt(router, ZMQ_SNDHWM, &(int){0}, sizeof(int));
    zmq_setsockopt(router, ZMQ_RCVHWM, &(int){0}, sizeof(int));
    if (zmq_bind(router, endpoint) != 0) {
        return EXIT_FAILURE;
    }
    for (;;) {
        zmq_msg_init(&part);
        if (zmq_msg_recv(&part, router, 0) < 0) {
            return EXIT_FAILURE;
        }
        int flags = zmq_msg_more(&part) ? ZMQ_SNDMORE : 0;
        zmq_msg_send(&part, router, flags);
    }
}

static double measure_echo(const char *place, struct setting setting, size_t pack_max,
                           double seconds)
{
    struct drive *drive = open_drive(setting, pack_max);
    char endpoint[BENCH_PATH_SIZE + 20];

    snprintf(endpoint, sizeof endpoint, "ipc://%s/echo", place);
    pid_t echo = bench_start_self("--echo", endpoint);
    double rate = run_drive(drive, endpoint + strlen("ipc://"), seconds);
    bench_stop(echo);
    close_drive(drive);
    return rate;
}

static void measure(const char *place, struct setting setting, double seconds,
                    struct figures *figures)
{
    char path[BENCH_PATH_SIZE];

    snprintf(path, sizeof path, "%s/data", place);
    measure_gateway(path, setting, seconds, figures);
    snprintf(path, sizeof path, "%s/lmdb", place);
    struct raw_figures raw =
        bench_lmdb(path, (size_t)(figures->batch + 0.5), (size_t)figures->stored_size, seconds / 2);
    figures->lmdb = raw.per_second;
    figures->lmdb_commit_ms = raw.commit_micros / 1e3;
    figures->router = measure_echo(place, setting, 1, seconds / 2);
    figures->router_packed = measure_echo(place, setting, COMMANDS_PER_SUBMIT_MAX, seconds / 2);
}

/* --- The table ---------------------------------------------------------------------------- */

static double median_of(const struct figures *rounds, unsigned count, size_t offset)
{
    double values[ROUND_COUNT_MAX];

    for (unsigned i = 0; i < count; i++) {
        memcpy(&values[i], (const uint8_t *)&rounds[i] + offset, sizeof values[i]);
    }
    return bench_median(values, count);
}

#define MEDIAN(member) median_of(rounds, count, offsetof(struct figures, member))

static void print(struct setting setting, const struct figures *rounds, unsigned count)
{
    double acked[ROUND_COUNT_MAX];

    for (unsigned i = 0; i < count; i++) {
        acked[i] = rounds[i].acked;
    }
    double median = bench_median(acked, count);
    double lmdb = MEDIAN(lmdb);
    double router = MEDIAN(router);
    printf("{\"bench\":\"intake\",\"clients\":%u,\"window\":%u,\"rounds\":%u,\"acked_per_s\":%.0f,"
           "\"acked_min\":%.0f,\"acked_max\":%.0f,\"p50_ms\":%.3f,\"p99_ms\":%.3f,"
           "\"batch_mean\":%.1f,\"commit_ms\":%.3f,\"processor_us\":%.2f,\"entry_bytes\":%.0f,"
           "\"lmdb_per_s\":%.0f,"
           "\"lmdb_commit_ms\":%.3f,\"router_per_s\":%.0f,\"router_packed_per_s\":%.0f,"
           "\"ratio\":%.2f}\n",
           setting.clients, setting.window, count, median, acked[0], acked[count - 1], MEDIAN(p50),
           MEDIAN(p99), MEDIAN(batch), MEDIAN(commit_ms), MEDIAN(processor_us), MEDIAN(stored_size),
           lmdb, MEDIAN(lmdb_commit_ms), router, MEDIAN(router_packed),
           median / (lmdb < router ? lmdb : router));
    fflush(stdout);
}

/* Prints what redis-benchmark says: "command",rps,mean,min,p50,p95,p99,max. */
static void measure_peer(const char *place, unsigned pipeline, unsigned count)
{
    char command[512];
    char line[1024] = "";
    double rate = 0;
    double p50 = 0;
    double p99 = 0;

    snprintf(command, sizeof command,
             "redis-benchmark -s %s/redis -n %u -c 50 -P %u --csv XADD s '*' p %0145d | tail -1",
             place, count, pipeline, 0);
    FILE *output = popen(command, "r");
    ENSURE(output != NULL);
    bool has_line = fgets(line, sizeof line, output) != NULL;
    pclose(output);
    const char *end = has_line ? strstr(line, "\",\"") : NULL;
    if (end != NULL &&
        sscanf(end, "\",\"%lf\",\"%*f\",\"%*f\",\"%lf\",\"%*f\",\"%lf\"", &rate, &p50, &p99) == 3) {
        printf("{\"bench\":\"intake\",\"peer\":\"redis XADD appendfsync always\",\"clients\":50,"
               "\"window\":%u,\"acked_per_s\":%.0f,\"p50_ms\":%.3f,\"p99_ms\":%.3f}\n",
               pipeline, rate, p50, p99);
        fflush(stdout);
    }
}

static void measure_peers(const char *place)
{
    char command[512];

    snprintf(command, sizeof command,
             "cd %s && redis-server --port 0 --unixsocket %s/redis --appendonly yes --appendfsync "
             "always --save '' --daemonize yes >/dev/null && sleep 0.5",
             place, place);
    if (system(command) != 0) {
        fprintf(stderr, "intake: redis-server does not start\n");
        return;
    }
    measure_peer(place, 64, 800000);
    measure_peer(place, 1, 60000);
    snprintf(command, sizeof command, "redis-cli -s %s/redis shutdown nosave", place);
    ENSURE(system(command) == 0);
}

static void run_setting(const char *place, struct setting setting,
                        const struct arguments *arguments)
{
    struct figures rounds[ROUND_COUNT_MAX];

    for (unsigned i = 0; i < arguments->rounds; i++) {
        measure(place, setting, arguments->seconds, &rounds[i]);
    }
    print(setting, rounds, arguments->rounds);
}

static bool read_arguments(int argc, char **argv, struct arguments *arguments)
{
    static const struct option options[] = {
        {"seconds", required_argument, NULL, 's'}, {"rounds", required_argument, NULL, 'r'},
        {"setting", required_argument, NULL, 'c'}, {"peer", no_argument, NULL, 'p'},
        {"curve", no_argument, NULL, 'k'},         {NULL, 0, NULL, 0},
    };

    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (option == 's') {
            arguments->seconds = strtod(optarg, NULL);
        } else if (option == 'r') {
            arguments->rounds = (unsigned)strtoul(optarg, NULL, 10);
        } else if (option == 'p') {
            arguments->with_peer = true;
        } else if (option == 'k') {
            arguments->is_curve = true;
        } else if (option != 'c' || sscanf(optarg, "%ux%u", &arguments->only.clients,
                                           &arguments->only.window) != 2) {
            return false;
        }
    }
    return arguments->rounds > 0 && arguments->rounds <= ROUND_COUNT_MAX &&
           arguments->seconds > 0 && arguments->seconds <= 30 &&
           arguments->only.clients <= CLIENT_COUNT_MAX;
}

int main(int argc, char **argv)
{
    struct arguments arguments = {.seconds = 1.5, .rounds = 3};

    if (argc == 3 && strcmp(argv[1], "--echo") == 0) {
        return run_echo(argv[2]);
    }
    if (!read_arguments(argc, argv, &arguments)) {
        fprintf(stderr,
                "usage: intake [--seconds S] [--rounds R] [--setting CxW] [--peer] [--curve]\n");
        return 64;
    }
    const char *place = bench_begin(SECONDS_MAX);
    if (arguments.is_curve) {
        struct setting one = arguments.only.clients > 0 ? arguments.only : SETTINGS[0];
        intake_curve(place, &(struct curve_setting){.clients = one.clients,
                                                    .window = one.window,
                                                    .rounds = arguments.rounds,
                                                    .seconds = arguments.seconds});
        return EXIT_SUCCESS;
    }
    if (arguments.only.clients > 0) {
        run_setting(place, arguments.only, &arguments);
    } else {
        for (size_t i = 0; i < COUNT_OF(SETTINGS); i++) {
            run_setting(place, SETTINGS[i], &arguments);
        }
    }
    if (arguments.with_peer) {
        measure_peers(place);
    }
    return EXIT_SUCCESS;
}
