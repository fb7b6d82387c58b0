/*
 * pipeline_bench.c - the whole system: from a need submitted to its assignment at a client.
 *
 *     ./dev bench pipeline [--needs N] [--seconds S] [--rate R]
 *
 * First N needs as fast as a window of 1,000 lets them in: needs a second until the last one has
 * its first assignment at a subscribed client. Then for S seconds a tenth of that, or R a second,
 * each need at its time whatever came of the others: the time from there to its assignment, also in
 * commits: how long LMDB alone takes for one entry of 256 bytes, in the median before and after.
 * Four roles commit one after the other, so four commits are the floor.
 */
#include "tests/bench/support/system.h"

#include <getopt.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WINDOW 1000
#define EVENTS_AHEAD 65536
#define EVENTS_AGAIN 16384
#define ENTRY_SIZE 256
#define SECONDS_MAX 300
#define QUIET_MS_MAX 20000 /* So long without an event and the rest will not come. */

struct follower {
    struct dealer dealer;
    uint64_t *sent_nanos; /* By need; 0 when it has been assigned. */
    uint64_t need_count;  /* Beyond it nothing is known. */
    uint64_t assigned;    /* Needs with an assignment. */
    uint64_t event_count;
    uint64_t taken; /* Events since the last credit. */
    uint64_t position;
    uint64_t last_nanos; /* When the last one was assigned. */
    struct histogram latencies;
    struct arena arena;
    struct buffer scratch;
};

static struct bytes make_header(const char *type, struct buffer *target)
{
    struct header header = {.version = PROTO_VERSION, .type = bytes_from_text(type)};

    target->size = 0;
    proto_encode(&HEADER, &header, target);
    return buffer_view(target);
}

static void send_record(struct follower *follower, const struct message *message,
                        const void *record)
{
    struct buffer header = {0};

    follower->scratch.size = 0;
    proto_encode(message, record, &follower->scratch);
    dealer_put(&follower->dealer, make_header(message->name, &header),
               buffer_view(&follower->scratch));
    dealer_flush(&follower->dealer);
    buffer_deinit(&header);
}

static uint64_t number_of(struct bytes need)
{
    char text[17] = "";

    ENSURE(need.size == strlen("need-") + 16);
    memcpy(text, need.data + strlen("need-"), 16);
    return strtoull(text, NULL, 16);
}

static void take_event(struct follower *follower, struct bytes value)
{
    struct assignment_event event;
    struct refusal refusal;

    ENSURE(proto_decode(&ASSIGNMENT, value, &follower->arena, &event, &refusal) == STATUS_OK);
    uint64_t number = number_of(event.need);
    follower->position = event.seq;
    follower->event_count++;
    if (number < follower->need_count && follower->sent_nanos[number] != 0) {
        follower->last_nanos = bench_nanos();
        histogram_add(&follower->latencies,
                      (follower->last_nanos - follower->sent_nanos[number]) / 1000, 1);
        follower->sent_nanos[number] = 0;
        follower->assigned++;
    }
}

static void take_message(struct follower *follower, struct bytes body)
{
    struct event event;
    struct refusal refusal;

    arena_reset(&follower->arena);
    if (proto_decode(&EVENT, body, &follower->arena, &event, &refusal) != STATUS_OK) {
        return; /* A head, or another message without events. */
    }
    const struct raw_item *items = event.events.items;
    for (size_t i = 0; i < event.events.count; i++) {
        take_event(follower, items[i].value);
    }
    follower->taken += event.events.count;
    if (follower->taken >= EVENTS_AGAIN) {
        struct credit credit = {.n = follower->taken, .ack = follower->position};
        send_record(follower, &CREDIT, &credit);
        follower->taken = 0;
    }
}

static void follower_turn(struct follower *follower)
{
    struct bytes header;
    struct bytes body;

    if (dealer_read(&follower->dealer)) {
        while (dealer_next(&follower->dealer, &header, &body)) {
            take_message(follower, body);
        }
    }
}

static void follower_open(struct follower *follower, const struct system *system,
                          uint64_t need_count)
{
    struct subscribe subscribe = {.credit = EVENTS_AHEAD};

    follower->sent_nanos = memory_take(need_count, sizeof *follower->sent_nanos);
    follower->need_count = need_count;
    system_connect(system, "dispatch", &follower->dealer);
    send_record(follower, &SUBSCRIBE, &subscribe);
}

static void follower_close(struct follower *follower)
{
    dealer_close(&follower->dealer);
    free(follower->sent_nanos);
    arena_deinit(&follower->arena);
    buffer_deinit(&follower->scratch);
}

static void wait_for_either(const struct submitter *submitter, const struct follower *follower,
                            uint64_t nanos)
{
    struct pollfd descriptors[] = {{.fd = submitter->dealer.descriptor, .events = POLLIN},
                                   {.fd = follower->dealer.descriptor, .events = POLLIN}};
    struct timespec timeout = {.tv_nsec = (long)min_u64(nanos, 10000000)};

    ENSURE(ppoll(descriptors, COUNT_OF(descriptors), &timeout, NULL) >= 0);
}

/* Sends what is due up to need `limit` and notes when. */
static void send_due(struct submitter *submitter, struct follower *follower, uint64_t limit,
                     uint64_t nanos)
{
    uint64_t before = submitter->sent;

    submitter_turn(submitter, limit);
    for (uint64_t i = before; i < submitter->sent; i++) {
        follower->sent_nanos[i] = nanos;
    }
}

static void drain(struct submitter *submitter, struct follower *follower, uint64_t wanted)
{
    uint64_t quiet_since = bench_nanos();

    while (follower->assigned < wanted && bench_nanos() - quiet_since < QUIET_MS_MAX * 1000000ull) {
        uint64_t before = follower->assigned;
        wait_for_either(submitter, follower, 10000000);
        submitter_turn(submitter, submitter->sent);
        follower_turn(follower);
        quiet_since = follower->assigned > before ? bench_nanos() : quiet_since;
    }
    ENSURE(follower->assigned == wanted);
}

/* Needs a second, from the first submit to the last assignment. */
static double run_fast(struct submitter *submitter, struct follower *follower, uint64_t count)
{
    uint64_t began = bench_nanos();

    while (submitter->sent < count) {
        send_due(submitter, follower, count, bench_nanos());
        follower_turn(follower);
        wait_for_either(submitter, follower, 1000000);
    }
    drain(submitter, follower, count);
    return (double)count * 1e9 / (double)(follower->last_nanos - began);
}

/* `count` more needs, `rate` a second. */
static void run_paced(struct submitter *submitter, struct follower *follower, uint64_t count,
                      double rate)
{
    uint64_t first = submitter->sent;
    uint64_t began = bench_nanos();

    memset(&follower->latencies, 0, sizeof follower->latencies);
    while (submitter->sent < first + count) {
        uint64_t due = began + (uint64_t)((double)(submitter->sent - first) * 1e9 / rate);
        uint64_t now = bench_nanos();
        if (now >= due) {
            send_due(submitter, follower, submitter->sent + 1, due);
        } else {
            wait_for_either(submitter, follower, due - now);
            submitter_turn(submitter, submitter->sent);
        }
        follower_turn(follower);
    }
    drain(submitter, follower, first + count);
}

/* Seconds of commits and how many, of each role, up to now. */
struct commit_sums {
    double seconds[SYSTEM_ROLE_COUNT];
    double counts[SYSTEM_ROLE_COUNT];
};

static struct commit_sums read_commits(const struct system *system)
{
    struct commit_sums sums;

    for (size_t i = 0; i < SYSTEM_ROLE_COUNT; i++) {
        sums.seconds[i] = bench_metric(system->data, SYSTEM_ROLES[i], "maillon_commit_seconds_sum");
        sums.counts[i] =
            bench_metric(system->data, SYSTEM_ROLES[i], "maillon_commit_seconds_count");
    }
    return sums;
}

/* What the roles' own commits took in the mean while needs were paced, one after the other. */
static void print_commits(const struct commit_sums *before, const struct commit_sums *after)
{
    double sum = 0;

    printf("{\"bench\":\"pipeline\",\"phase\":\"commits while paced\"");
    for (size_t i = 0; i < SYSTEM_ROLE_COUNT; i++) {
        double mean =
            (after->seconds[i] - before->seconds[i]) * 1e3 / (after->counts[i] - before->counts[i]);
        sum += mean;
        printf(",\"%s_ms\":%.3f", SYSTEM_ROLES[i], mean);
    }
    printf(",\"sum_ms\":%.3f}\n", sum);
}

static double commit_micros(const char *place)
{
    char path[BENCH_PATH_SIZE + 8];

    snprintf(path, sizeof path, "%s/lmdb", place);
    return bench_lmdb(path, 1, ENTRY_SIZE, 1.0).commit_micros;
}

static void print_latency(const struct follower *follower, uint64_t count, double rate,
                          const double commits[2])
{
    const struct histogram *latencies = &follower->latencies;
    double commit = (commits[0] + commits[1]) / 2;
    double p50 = (double)histogram_at(latencies, 500);

    printf("{\"bench\":\"pipeline\",\"phase\":\"paced\",\"needs\":%llu,\"needs_per_s\":%.0f,"
           "\"p50_ms\":%.3f,\"p90_ms\":%.3f,\"p99_ms\":%.3f,\"max_ms\":%.3f,"
           "\"commit_before_ms\":%.3f,\"commit_after_ms\":%.3f,\"p50_commits\":%.1f,"
           "\"p90_commits\":%.1f,\"p99_commits\":%.1f,\"max_commits\":%.1f}\n",
           (unsigned long long)count, rate, p50 / 1e3, (double)histogram_at(latencies, 900) / 1e3,
           (double)histogram_at(latencies, 990) / 1e3, (double)latencies->max / 1e3,
           commits[0] / 1e3, commits[1] / 1e3, p50 / commit,
           (double)histogram_at(latencies, 900) / commit,
           (double)histogram_at(latencies, 990) / commit, (double)latencies->max / commit);
}

static void run(const char *place, uint64_t count, double seconds, double wanted)
{
    static const struct bench_world world = {
        .party_count = 1000, .product_count = 8, .offer_count = 100, .stock = 1000000};
    static struct follower follower;
    struct system system;
    struct submitter submitter;

    system_start(&system, place, NULL);
    submitter_open(&submitter, &system, &world, WINDOW);
    system_fill(&submitter.dealer, &world);
    follower_open(&follower, &system, count + (uint64_t)(seconds * 100000) + 1);
    double rate = run_fast(&submitter, &follower, count);
    printf("{\"bench\":\"pipeline\",\"phase\":\"fast\",\"needs\":%llu,\"window\":%d,"
           "\"needs_per_s\":%.0f,\"events\":%llu,\"p50_ms\":%.3f,\"p99_ms\":%.3f}\n",
           (unsigned long long)count, WINDOW, rate, (unsigned long long)follower.event_count,
           (double)histogram_at(&follower.latencies, 500) / 1e3,
           (double)histogram_at(&follower.latencies, 990) / 1e3);
    fflush(stdout);
    double paced = wanted > 0 ? wanted : rate / 10;
    ENSURE(paced * seconds <= (double)(follower.need_count - count));
    uint64_t paced_count = (uint64_t)(paced * seconds);
    double commits[2] = {commit_micros(place), 0};
    struct commit_sums before = read_commits(&system);
    run_paced(&submitter, &follower, paced_count, paced);
    struct commit_sums after = read_commits(&system);
    commits[1] = commit_micros(place);
    print_commits(&before, &after);
    print_latency(&follower, paced_count, paced, commits);
    follower_close(&follower);
    submitter_close(&submitter);
    system_stop(&system);
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"needs", required_argument, NULL, 'n'},
                                            {"seconds", required_argument, NULL, 's'},
                                            {"rate", required_argument, NULL, 'r'},
                                            {NULL, 0, NULL, 0}};
    uint64_t count = 50000;
    double seconds = 5;
    double rate = 0;

    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (option == 'n') {
            count = strtoull(optarg, NULL, 10);
        } else if (option == 's') {
            seconds = strtod(optarg, NULL);
        } else if (option == 'r') {
            rate = strtod(optarg, NULL);
        }
        if (option == '?' || count == 0 || count > 10000000 || !(seconds > 0 && seconds <= 60)) {
            fprintf(stderr, "usage: pipeline [--needs N] [--seconds S] [--rate R]\n");
            return 64;
        }
    }
    run(bench_begin(SECONDS_MAX), count, seconds, rate);
    return EXIT_SUCCESS;
}
