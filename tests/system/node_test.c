/*
 * node_test.c - two real processes, a source and a follower, under kill -9 and lost messages.
 *
 * This program is also the processes it starts: "node_test ROLE DIR" runs a role,
 * "node_test supervise DIR" both of them under a supervisor.
 *
 * The source appends numbered messages of its one client and answers with the last number
 * that is durable. The follower repeats every entry in its own feed, and stops when one is
 * missing or comes twice.
 */
#include "journal/journal.h"
#include "node/process.h"
#include "node/supervisor.h"
#include "proto/messages.h"
#include "tests/harness.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <zmq.h>

#define KIND_TEST 100
#define TABLE_TEST 2
#define PATH_SIZE 512
#define WINDOW 256     /* Messages on their way. */
#define SILENCE_MS 300 /* Then the client sends again what was not answered. */
#define PATIENCE_MS 20000
#define MAP_SIZE_VARIABLE "TEST_MAP_SIZE" /* Of the journals of roles that are started. */
#define NEWER_VARIABLE "TEST_NEWER"       /* Set: roles are started as a newer version. */

/* --- The two roles ----------------------------------------------------------------------- */

struct tally {
    const struct world *world;
    uint64_t taken;
    uint64_t durable;
    uint8_t peer[PEER_SIZE_MAX];
    size_t peer_size;
};

static const struct bytes row_key = {(const uint8_t *)"taken", 5};

static enum status tally_load(void *state, uint8_t table, struct bytes key, struct bytes value)
{
    struct tally *tally = state;

    if (table != TABLE_TEST || !bytes_equal(key, row_key) || value.size != 8) {
        return STATUS_CORRUPT;
    }
    tally->taken = load_u64(value.data);
    return STATUS_OK;
}

static enum status tally_loaded(void *state, const struct world *world,
                                const struct journal_head *head)
{
    struct tally *tally = state;

    tally->world = world;
    tally->durable = head->last;
    return STATUS_OK;
}

static void tally_save(void *state, struct rows_out *rows)
{
    const struct tally *tally = state;
    uint8_t value[8];

    store_u64(value, tally->taken);
    rows_put(rows, TABLE_TEST, row_key, (struct bytes){value, sizeof value});
}

static void tally_report(const void *state, struct report_out *out)
{
    report_count(out, "taken", ((const struct tally *)state)->taken);
}

static void answer(const struct tally *tally)
{
    uint8_t body[8];
    struct bytes peer = {tally->peer, tally->peer_size};

    store_u64(body, tally->durable);
    enum status ignored = tally->world->send(tally->world->context, peer, bytes_from_text("ack"),
                                             (struct bytes){body, sizeof body});
    (void)ignored;
}

static void source_message(void *state, const struct client_message *message,
                           struct effects *effects)
{
    struct tally *tally = state;
    uint64_t number = load_u64(message->body.data);

    memcpy(tally->peer, message->peer.data, message->peer.size);
    tally->peer_size = message->peer.size;
    if (number == tally->taken + 1) {
        effect_append(effects, KIND_TEST, message->body);
        tally->taken = number;
    } else if (number <= tally->durable) {
        answer(tally);
    }
}

static void source_committed(void *state, const struct journal_head *head,
                             const struct entry *entries, size_t count)
{
    struct tally *tally = state;

    (void)entries;
    (void)count;
    tally->durable = head->last;
    answer(tally);
}

static enum status source_restore(void *state, const struct entry *entry)
{
    struct tally *tally = state;

    if (load_u64(entry->body.data) != ++tally->taken) {
        return STATUS_CORRUPT;
    }
    return STATUS_OK;
}

static void follower_step(void *state, uint32_t upstream, const struct entry *entry,
                          struct effects *effects)
{
    struct tally *tally = state;

    ENSURE(upstream == 0);
    ENSURE(load_u64(entry->body.data) == tally->taken + 1);
    tally->taken++;
    effect_append(effects, KIND_TEST, entry->body);
}

static const struct role source_role = {
    .name = "source",
    .version = STAGE_VERSION,
    .is_source = true,
    .load = tally_load,
    .loaded = tally_loaded,
    .restore = source_restore,
    .committed = source_committed,
    .message = source_message,
    .save = tally_save,
    .report = tally_report,
};

static const struct role follower_role = {
    .name = "follower",
    .version = STAGE_VERSION,
    .load = tally_load,
    .loaded = tally_loaded,
    .step = follower_step,
    .save = tally_save,
    .report = tally_report,
};

static int run_role(const char *name, const char *directory)
{
    bool is_source = strcmp(name, "source") == 0;
    const char *map_size = getenv(MAP_SIZE_VARIABLE);
    struct tally tally = {.taken = 0};
    char journal_path[PATH_SIZE];
    char endpoint[PATH_SIZE];

    snprintf(journal_path, sizeof journal_path, "%s/%s", directory, name);
    snprintf(endpoint, sizeof endpoint, "ipc://%s/clients", directory);
    struct role role = is_source ? source_role : follower_role;
    role.version = (uint8_t)(role.version + (getenv(NEWER_VARIABLE) != NULL));
    supervisor_bind_child();
    return process_run(&(struct process_options){
        .role = &role,
        .state = &tally,
        .journal_path = journal_path,
        .run_path = directory,
        .client_endpoint = is_source ? endpoint : NULL,
        .upstream = is_source ? NULL : "source",
        .journal_size_max = map_size != NULL ? strtoull(map_size, NULL, 10) : (uint64_t)1 << 30,
        .checkpoint_entries = 700,
    });
}

static void print_ready(void *context)
{
    (void)context;
    printf("ready\n");
    fflush(stdout);
}

static int run_supervisor(char *program, char *directory)
{
    static const char *const roles[] = {"source", "follower"};
    char *arguments[] = {program, directory, NULL};

    return supervisor_run(&(struct supervisor_options){
        .roles = roles,
        .role_count = COUNT_OF(roles),
        .arguments = arguments,
        .run_path = directory,
        .restart_ms_min = 20,
        .restart_ms_max = 200,
        .stop_seconds = 5,
        .ready = print_ready,
    });
}

/* --- The bench: a directory, processes, a client ------------------------------------------- */

struct bench {
    char directory[64];
    void *context;
    void *client;
    uint64_t sent;
    uint64_t acked;
};

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void set_int(void *socket, int option, int value)
{
    EXPECT_EQ(zmq_setsockopt(socket, option, &value, sizeof value), 0);
}

static void *connect_to(const struct bench *bench, const char *name)
{
    char endpoint[PATH_SIZE];
    void *socket = zmq_socket(bench->context, ZMQ_DEALER);

    snprintf(endpoint, sizeof endpoint, "ipc://%s/%s", bench->directory, name);
    set_int(socket, ZMQ_LINGER, 0);
    set_int(socket, ZMQ_RECONNECT_IVL, 10);
    set_int(socket, ZMQ_RECONNECT_IVL_MAX, 50);
    set_int(socket, ZMQ_SNDTIMEO, 100);
    EXPECT_EQ(zmq_connect(socket, endpoint), 0);
    return socket;
}

static void bench_open(struct bench *bench)
{
    *bench = (struct bench){.directory = "/tmp/maillon-node-XXXXXX"};
    EXPECT_TRUE(mkdtemp(bench->directory) != NULL);
    bench->context = zmq_ctx_new();
    bench->client = connect_to(bench, "clients");
}

static int remove_one(const char *path, const struct stat *stat, int type, struct FTW *walk)
{
    (void)stat;
    (void)type;
    (void)walk;
    return remove(path);
}

static void bench_close(struct bench *bench)
{
    zmq_close(bench->client);
    zmq_ctx_term(bench->context);
    EXPECT_EQ(nftw(bench->directory, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

/* Starts this program again; with `output`, its standard output comes out there. */
static pid_t start(const struct bench *bench, const char *what, int *output)
{
    int ends[2] = {-1, -1};

    EXPECT_TRUE(output == NULL || pipe2(ends, O_CLOEXEC) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        dup2(output == NULL ? STDERR_FILENO : ends[1], STDOUT_FILENO);
        if (getenv("TEST_LOG") == NULL) {
            dup2(open("/dev/null", O_WRONLY | O_CLOEXEC), STDERR_FILENO);
        }
        execl("/proc/self/exe", "node_test", what, bench->directory, (char *)NULL);
        _exit(127);
    }
    if (output != NULL) {
        close(ends[1]);
        *output = ends[0];
    }
    return pid;
}

static int wait_for(pid_t pid)
{
    int status = 0;

    EXPECT_EQ(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static int stop(pid_t pid)
{
    kill(pid, SIGTERM);
    return wait_for(pid);
}

static void kill_hard(pid_t pid)
{
    kill(pid, SIGKILL);
    EXPECT_EQ(wait_for(pid), 1000 + SIGKILL);
}

static bool is_readable(void *socket, long timeout_ms)
{
    zmq_pollitem_t item = {.socket = socket, .events = ZMQ_POLLIN};
    return zmq_poll(&item, 1, timeout_ms) > 0;
}

static void send_number(struct bench *bench, uint64_t number)
{
    uint8_t body[8];

    store_u64(body, number);
    if (zmq_send(bench->client, "put", 3, ZMQ_SNDMORE) == 3) {
        zmq_send(bench->client, body, sizeof body, 0);
    }
}

/* Takes the answers that are there, waiting at most `timeout_ms` for the first. */
static bool take_answers(struct bench *bench, long timeout_ms)
{
    uint8_t frame[64];
    bool has_one = false;

    while (is_readable(bench->client, has_one ? 0 : timeout_ms)) {
        zmq_recv(bench->client, frame, sizeof frame, 0);
        EXPECT_EQ(zmq_recv(bench->client, frame, sizeof frame, 0), 8);
        uint64_t number = load_u64(frame);
        bench->acked = number > bench->acked ? number : bench->acked;
        has_one = true;
    }
    return has_one;
}

/* Sends on until `until` is answered, from the first unanswered again after a silence. */
static void pump(struct bench *bench, uint64_t until, uint64_t last)
{
    int64_t deadline = now_ms() + PATIENCE_MS;

    while (bench->acked < until) {
        EXPECT_TRUE(now_ms() < deadline);
        while (bench->sent < last && bench->sent < bench->acked + WINDOW) {
            send_number(bench, ++bench->sent);
        }
        if (!take_answers(bench, SILENCE_MS)) {
            bench->sent = bench->acked;
        }
    }
}

/* One answer to a control request "status" on a socket to a role's control port; false when none
 * came in time. */
static bool ask_status(void *socket, struct report *report)
{
    static uint8_t body[65536];
    static struct arena arena;
    struct buffer header = {0};
    struct header request = {.version = PROTO_VERSION, .type = bytes_from_text(STATUS.name)};
    struct refusal refusal;

    proto_encode(&HEADER, &request, &header);
    bool is_sent = zmq_send(socket, header.data, header.size, ZMQ_SNDMORE) > 0;
    is_sent = is_sent && zmq_send(socket, "\x80", 1, 0) == 1;
    buffer_deinit(&header);
    if (!is_sent || !is_readable(socket, 1000)) {
        return false;
    }
    zmq_recv(socket, body, sizeof body, 0);
    int size = zmq_recv(socket, body, sizeof body, 0);
    arena_reset(&arena);
    EXPECT_OK(proto_decode(&REPORT, (struct bytes){body, (size_t)size}, &arena, report, &refusal));
    return true;
}

/* Asks until `role` says that its feed has `last` entries, or more, and that it serves. */
static struct report wait_until(const struct bench *bench, const char *role, uint64_t last)
{
    struct report report = {0};
    int64_t deadline = now_ms() + PATIENCE_MS;
    char name[64];

    snprintf(name, sizeof name, "%s.control", role);
    void *socket = connect_to(bench, name);
    while (!ask_status(socket, &report) || !report.ready || report.last < last) {
        if (now_ms() >= deadline) { /* What it said last, if it is there at all. */
            fprintf(stderr, "  %s: %s, last %" PRIu64 ", cursor %" PRIu64 ", lag %" PRIu64 "\n",
                    role, report.ready ? "ready" : "not ready", report.last, report.cursor,
                    report.lag);
        }
        EXPECT_TRUE(now_ms() < deadline);
    }
    zmq_close(socket);
    return report;
}

/* The feed of a role that does not run holds 1 to `count`, once each and in order. */
static void expect_feed(const struct bench *bench, const char *role, uint64_t count)
{
    char path[PATH_SIZE];
    struct journal *journal = NULL;
    struct journal_reader *reader = NULL;
    struct journal_report report;
    struct entry entry;

    snprintf(path, sizeof path, "%s/%s", bench->directory, role);
    EXPECT_OK(journal_open(
        &(struct journal_options){.path = path, .size_max = (uint64_t)1 << 30, .read_only = true},
        &journal));
    EXPECT_OK(journal_verify(journal, &report));
    EXPECT_EQ(report.entry_count, count);
    EXPECT_OK(journal_reader_open(journal, &reader));
    EXPECT_OK(journal_seek(reader, 1));
    for (uint64_t i = 1; i <= count; i++) {
        EXPECT_OK(journal_read(reader, &entry));
        EXPECT_EQ(entry.seq, i);
        EXPECT_EQ(load_u64(entry.body.data), i);
    }
    EXPECT_STATUS(journal_read(reader, &entry), STATUS_END);
    journal_reader_close(reader);
    journal_close(journal);
}

/* --- Cases ----------------------------------------------------------------------------------- */

static void what_the_feed_loses_is_replayed(void)
{
    struct bench bench;

    bench_open(&bench);
    pid_t source = start(&bench, "source", NULL);
    pump(&bench, 3000, 3000); /* Nobody hears these. */
    pid_t follower = start(&bench, "follower", NULL);
    wait_until(&bench, "follower", 3000);
    kill(follower, SIGSTOP); /* Nor, beyond the limits of the sockets, these. */
    pump(&bench, 10000, 10000);
    kill(follower, SIGCONT);
    wait_until(&bench, "follower", 10000);
    EXPECT_EQ(stop(follower), 0);
    EXPECT_EQ(stop(source), 0);
    expect_feed(&bench, "source", 10000);
    expect_feed(&bench, "follower", 10000);
    bench_close(&bench);
}

static void kills_lose_nothing_and_double_nothing(void)
{
    struct bench bench;
    uint64_t random = test_seed = 7;

    bench_open(&bench);
    pid_t follower = start(&bench, "follower", NULL);
    pid_t source = start(&bench, "source", NULL);
    while (bench.acked < 9500) {
        pump(&bench, min_u64(bench.acked + 1 + random_below(&random, 1000), 10000), 10000);
        if (random_below(&random, 2) == 0) {
            kill_hard(source);
            source = start(&bench, "source", NULL);
        } else {
            kill_hard(follower);
            follower = start(&bench, "follower", NULL);
        }
    }
    pump(&bench, 10000, 10000);
    wait_until(&bench, "source", 10000);
    wait_until(&bench, "follower", 10000);
    EXPECT_EQ(stop(source), 0);
    EXPECT_EQ(stop(follower), 0);
    expect_feed(&bench, "source", 10000);
    expect_feed(&bench, "follower", 10000);
    test_seed = 0;
    bench_close(&bench);
}

static void a_stop_commits_and_answers_what_was_taken(void)
{
    struct bench bench;

    bench_open(&bench);
    pid_t source = start(&bench, "source", NULL);
    pump(&bench, 1, 1);
    for (bench.sent = 1; bench.sent < 2000;) {
        send_number(&bench, ++bench.sent);
    }
    EXPECT_EQ(stop(source), 0);
    while (take_answers(&bench, SILENCE_MS)) {
    }
    EXPECT_TRUE(bench.acked > 1);
    expect_feed(&bench, "source", bench.acked);
    bench_close(&bench);
}

static void a_journal_has_one_process(void)
{
    struct bench bench;

    bench_open(&bench);
    pid_t source = start(&bench, "source", NULL);
    pump(&bench, 10, 10);
    EXPECT_EQ(wait_for(start(&bench, "source", NULL)), PROCESS_AGAIN);
    pump(&bench, 20, 20);
    EXPECT_EQ(stop(source), 0);
    bench_close(&bench);
}

/* A source over a copy goes on under numbers that the follower has taken in. */
static void a_second_source_over_a_copy_is_not_followed(void)
{
    struct bench bench;
    struct journal *journal = NULL;
    char path[PATH_SIZE];
    char copy[PATH_SIZE];

    bench_open(&bench);
    snprintf(path, sizeof path, "%s/source", bench.directory);
    snprintf(copy, sizeof copy, "%s/copy", bench.directory);
    pid_t source = start(&bench, "source", NULL);
    pump(&bench, 10, 10);
    EXPECT_OK(journal_open(
        &(struct journal_options){.path = path, .size_max = (uint64_t)1 << 30, .read_only = true},
        &journal));
    EXPECT_OK(journal_backup(journal, copy));
    journal_close(journal);
    pid_t follower = start(&bench, "follower", NULL);
    pump(&bench, 20, 20);
    wait_until(&bench, "follower", 20);
    EXPECT_EQ(stop(source), 0);
    EXPECT_EQ(stop(follower), 0);
    EXPECT_EQ(nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
    EXPECT_EQ(rename(copy, path), 0);

    source = start(&bench, "source", NULL);
    bench.sent = bench.acked = 10;
    pump(&bench, 30, 30);
    EXPECT_EQ(wait_for(start(&bench, "follower", NULL)), PROCESS_FAILED);
    EXPECT_EQ(stop(source), 0);
    expect_feed(&bench, "follower", 20);
    bench_close(&bench);
}

static void an_older_program_stops_in_front_of_what_a_newer_one_wrote(void)
{
    struct bench bench;

    bench_open(&bench);
    setenv(NEWER_VARIABLE, "1", 1);
    pid_t source = start(&bench, "source", NULL);
    unsetenv(NEWER_VARIABLE);
    pump(&bench, 10, 10);
    EXPECT_EQ(wait_for(start(&bench, "follower", NULL)), PROCESS_FAILED);
    EXPECT_EQ(stop(source), 0); /* A checkpoint: rows as well. */
    EXPECT_EQ(wait_for(start(&bench, "source", NULL)), PROCESS_FAILED);
    expect_feed(&bench, "source", 10);
    expect_feed(&bench, "follower", 0);
    bench_close(&bench);
}

/* A role that has no floor of its own meets the end of its map. */
static void a_full_journal_ends_the_process_and_keeps_what_was_answered(void)
{
    struct bench bench;

    bench_open(&bench);
    setenv(MAP_SIZE_VARIABLE, "1048576", 1);
    pid_t source = start(&bench, "source", NULL);
    unsetenv(MAP_SIZE_VARIABLE);
    int status = 0;
    while (waitpid(source, &status, WNOHANG) == 0) {
        EXPECT_TRUE(bench.acked < 100000);
        if (bench.sent < bench.acked + WINDOW) {
            send_number(&bench, ++bench.sent);
        }
        take_answers(&bench, bench.sent < bench.acked + WINDOW ? 0 : 10);
    }
    EXPECT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), PROCESS_IO);
    take_answers(&bench, SILENCE_MS);
    EXPECT_TRUE(bench.acked > 0);
    expect_feed(&bench, "source", bench.acked);
    bench_close(&bench);
}

static void the_metrics_socket_tells_the_figures(void)
{
    struct bench bench;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char text[32768];
    size_t size = 0;
    ssize_t part = 0;

    bench_open(&bench);
    pid_t source = start(&bench, "source", NULL);
    pump(&bench, 50, 50);
    snprintf(address.sun_path, sizeof address.sun_path, "%s/source.metrics", bench.directory);
    int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    EXPECT_EQ(connect(descriptor, (struct sockaddr *)&address, sizeof address), 0);
    while ((part = read(descriptor, text + size, sizeof text - 1 - size)) > 0) {
        size += (size_t)part;
    }
    text[size] = '\0';
    close(descriptor);
    EXPECT_TRUE(strstr(text, "maillon_log_seq{role=\"source\"} 50\n") != NULL);
    EXPECT_TRUE(strstr(text, "maillon_live{role=\"source\"} 1\n") != NULL);
    const char *received = strstr(text, "maillon_messages_received_total{role=\"source\"} ");
    EXPECT_TRUE(received != NULL);
    EXPECT_TRUE(strtoull(strchr(received, ' '), NULL, 10) >= 50); /* Some may have come twice. */
    EXPECT_TRUE(strstr(text, "maillon_role_figure{role=\"source\",name=\"taken\"} 50\n") != NULL);
    EXPECT_EQ(stop(source), 0);
    bench_close(&bench);
}

static void expect_ready(int output)
{
    char line[16] = "";
    struct pollfd item = {.fd = output, .events = POLLIN};

    EXPECT_EQ(poll(&item, 1, PATIENCE_MS), 1);
    EXPECT_EQ(read(output, line, sizeof line - 1), 6);
    EXPECT_TRUE(strcmp(line, "ready\n") == 0);
    close(output);
}

static void a_supervisor_restarts_what_dies_and_stops_in_order(void)
{
    struct bench bench;
    int output = -1;

    bench_open(&bench);
    pid_t supervisor = start(&bench, "supervise", &output);
    expect_ready(output);
    pump(&bench, 100, 100);
    uint64_t pid = wait_until(&bench, "follower", 100).pid;
    kill((pid_t)pid, SIGKILL);
    pump(&bench, 200, 200);
    EXPECT_TRUE(wait_until(&bench, "follower", 200).pid != pid);
    EXPECT_EQ(stop(supervisor), 0);
    expect_feed(&bench, "source", 200);
    expect_feed(&bench, "follower", 200);
    bench_close(&bench);
}

static void wait_until_gone(uint64_t pid)
{
    int64_t deadline = now_ms() + PATIENCE_MS;

    while (kill((pid_t)pid, 0) == 0 || errno != ESRCH) {
        EXPECT_TRUE(now_ms() < deadline);
        poll(NULL, 0, 5);
    }
}

static void roles_end_with_their_supervisor(void)
{
    struct bench bench;
    int output = -1;

    bench_open(&bench);
    prctl(PR_SET_CHILD_SUBREAPER, 0);
    pid_t supervisor = start(&bench, "supervise", &output);
    expect_ready(output);
    uint64_t source = wait_until(&bench, "source", 0).pid;
    uint64_t follower = wait_until(&bench, "follower", 0).pid;
    kill_hard(supervisor);
    wait_until_gone(source);
    wait_until_gone(follower);
    bench_close(&bench);
}

int main(int argc, char **argv)
{
    static const struct test_case cases[] = {
        CASE(what_the_feed_loses_is_replayed),
        CASE(kills_lose_nothing_and_double_nothing),
        CASE(a_stop_commits_and_answers_what_was_taken),
        CASE(a_journal_has_one_process),
        CASE(a_second_source_over_a_copy_is_not_followed),
        CASE(an_older_program_stops_in_front_of_what_a_newer_one_wrote),
        CASE(a_full_journal_ends_the_process_and_keeps_what_was_answered),
        CASE(the_metrics_socket_tells_the_figures),
        CASE(a_supervisor_restarts_what_dies_and_stops_in_order),
        CASE(roles_end_with_their_supervisor),
    };

    if (argc == 3) {
        return strcmp(argv[1], "supervise") == 0 ? run_supervisor(argv[0], argv[2])
                                                 : run_role(argv[1], argv[2]);
    }
    return run_cases(cases, COUNT_OF(cases), argc, argv);
}
