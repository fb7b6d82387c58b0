/*
 * process.c - the real world of a role.
 *
 *     clients ──▶ port ──▶ stage_message ──┐                        ┌──▶ feed ──▶ followers
 *     upstream ─▶ follower ▶ stage_entries ┼▶ stage ▶ committer ────┤
 *     operators ▶ control ─▶ stage_control ┘          (own thread)  └──▶ answers
 *
 * The loop's thread does everything but commits. A process ends in one way: it notes
 * its exit code and stops the loop; from then on the world is deaf and dumb, and what was
 * opened is closed in the reverse order.
 */
#include "node/process.h"

#include "node/clock.h"
#include "node/committer.h"
#include "node/control.h"
#include "node/feed.h"
#include "node/log.h"
#include "node/metrics.h"
#include "node/page.h"
#include "node/port.h"
#include "node/socket_path.h"
#include "node/watch.h"
#include "node/zap.h"
#include "proto/messages.h"

#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <systemd/sd-daemon.h>
#include <time.h>
#include <unistd.h>

#define TICK_MS 50
#define SPACE_MS 1000
#define SLOW_COMMIT_MS 5000   /* Worth a line in the log. */
#define STUCK_COMMIT_MS 60000 /* No longer alive, for a watchdog. */
#define SLEEP_MS_MAX 60000    /* The clock may be set while a timer runs. */
#define DRAIN_MS_MAX 1000
#define CLIENT_RECEIVE_COUNT_MAX 256
#define SPACE_WARN_PERCENT 70
#define MAPPED_SIZE_MAX ((uint64_t)24 * 1024 * 1024) /* Of files, the program itself included. */

struct process {
    struct process_options options;
    struct world world;
    struct loop *loop;
    struct journal *journal;
    struct journal_reader *reader;
    struct stage *stage;
    struct committer *committer;
    struct feed *feed;
    struct follower *follower;
    struct follower *watcher; /* NULL when the role watches nothing. */
    struct watch watch;
    struct zap *zap; /* NULL without keys. */
    struct port *clients;
    struct control *control;
    struct timer *tick;
    struct timer *wake;
    uint64_t wake_ms; /* The earliest wish; TIME_NONE for none. */
    struct clock clock;
    struct journal_space space;
    uint64_t space_asked_ms;
    bool is_over;
    int exit_code;
    bool was_live;
    bool is_slow_told;
    uint64_t stopping_ms; /* When it began, 0 before. */
    uint64_t drained;     /* Messages received at the last look while stopping. */
    bool is_drained;
    uint64_t watchdog_ms; /* Between two signs of life, 0: nobody waits for them. */
    uint64_t watchdog_sent_ms;
    uint64_t malformed_count; /* Messages of clients that are not two frames. */
    struct metrics metrics;
    struct arena arena;
    struct buffer answer;
};

/* The first reason is the one that counts. */
static void end(struct process *process, int exit_code)
{
    if (!process->is_over) {
        process->is_over = true;
        process->exit_code = exit_code;
        loop_stop(process->loop);
    }
}

/* Clients' messages wait in their socket while the stage has no room. */
static void pace(struct process *process)
{
    if (process->clients == NULL) {
        return;
    }
    if (stage_takes_messages(process->stage) && !process->is_over) {
        port_resume(process->clients);
    } else {
        port_pause(process->clients);
    }
}

/* --- The world as the stage and the role see it ---------------------------------------- */

static uint64_t system_ms(clockid_t which)
{
    struct timespec now;

    clock_gettime(which, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static uint64_t world_now_ms(void *context)
{
    struct process *process = context;

    return clock_now_ms(&process->clock, system_ms(CLOCK_REALTIME), system_ms(CLOCK_MONOTONIC));
}

static uint64_t space_free(const struct journal_space *space)
{
    uint64_t map_free = space->size_max > space->used ? space->size_max - space->used : 0;
    return min_u64(map_free, space->disk_free);
}

static uint64_t world_space_free(void *context)
{
    const struct process *process = context;
    return space_free(&process->space);
}

static enum status world_send(void *context, struct bytes peer, struct bytes header,
                              struct bytes body)
{
    struct process *process = context;
    struct bytes frames[] = {peer, header, body};

    if (process->is_over || process->clients == NULL) {
        return STATUS_NOT_FOUND;
    }
    return port_send(process->clients, frames, COUNT_OF(frames));
}

static enum status world_send_parcel(void *context, struct bytes peer, struct parcel *header,
                                     struct parcel *body)
{
    struct process *process = context;

    if (process->is_over || process->clients == NULL) {
        return STATUS_NOT_FOUND;
    }
    return port_send_parcels(process->clients, peer, header, body);
}

static struct parcel *world_parcel_make(void *context, struct bytes bytes)
{
    (void)context;
    return parcel_make(bytes);
}

static void world_parcel_release(void *context, struct parcel *parcel)
{
    (void)context;
    parcel_release(parcel);
}

static void world_admit(void *context, const struct registry *registry)
{
    struct process *process = context;

    if (process->zap != NULL && !process->is_over) {
        zap_admit(process->zap, registry);
    }
}

static void world_wake_at(void *context, uint64_t time_ms)
{
    struct process *process = context;

    if (time_ms < process->wake_ms) {
        uint64_t now = world_now_ms(process);
        process->wake_ms = time_ms;
        timer_start(process->wake, time_ms > now ? min_u64(time_ms - now, SLEEP_MS_MAX) : 0, 0);
    }
}

static void world_commit(void *context, struct batch *batch)
{
    struct process *process = context;

    if (!process->is_over) {
        committer_commit(process->committer, batch);
    }
}

static enum status world_read(void *context, uint64_t from, size_t size_max, struct buffer *stored)
{
    struct process *process = context;
    size_t size_before = stored->size;
    enum status status = journal_seek(process->reader, from);

    while (status == STATUS_OK && stored->size - size_before < size_max) {
        status = journal_read_stored(process->reader, stored);
    }
    journal_rest(process->reader);
    return status == STATUS_END && stored->size > size_before ? STATUS_OK : status;
}

static void world_publish(void *context, struct bytes stored)
{
    struct process *process = context;

    if (!process->is_over) {
        process->metrics.published_bytes += stored.size;
        feed_publish(process->feed, stored);
    }
}

static void world_ask(void *context, uint32_t upstream, uint64_t from)
{
    struct process *process = context;

    struct follower *asked = upstream == WATCH_UPSTREAM ? process->watcher : process->follower;

    ENSURE(asked != NULL);
    if (!process->is_over) {
        follower_ask(asked, from);
    }
}

static void world_fail(void *context, const char *message)
{
    struct process *process = context;

    log_error("the role cannot go on", LOG_TEXT("why", message),
              LOG_TEXT("journal", process->options.journal_path));
    end(process, PROCESS_FAILED);
}

static void init_world(struct process *process)
{
    process->world = (struct world){
        .context = process,
        .now_ms = world_now_ms,
        .space_free = world_space_free,
        .send = world_send,
        .send_parcel = world_send_parcel,
        .parcel_make = world_parcel_make,
        .parcel_release = world_parcel_release,
        .admit = world_admit,
        .wake_at = world_wake_at,
        .commit = world_commit,
        .read = world_read,
        .publish = world_publish,
        .ask = world_ask,
        .fail = world_fail,
    };
}

/* --- What comes in ----------------------------------------------------------------------- */

static void on_client(void *context, const struct port_message *message)
{
    struct process *process = context;

    if (process->is_over) {
        return;
    }
    if (message->count != 3) {
        process->malformed_count++;
        return;
    }
    struct client_message client = {
        .peer = message->frames[0],
        .user = message->user,
        .header = message->frames[1],
        .body = message->frames[2],
    };
    stage_message(process->stage, &client);
    pace(process);
}

static void on_upstream_head(void *context, const struct journal_head *head, uint64_t from)
{
    struct process *process = context;

    if (!process->is_over) {
        stage_upstream_head(process->stage, 0, head, from);
    }
}

static void on_upstream_entries(void *context, struct bytes stored)
{
    struct process *process = context;

    if (!process->is_over) {
        stage_entries(process->stage, 0, stored);
        pace(process);
    }
}

static void on_watched_head(void *context, const struct journal_head *head, uint64_t from)
{
    struct process *process = context;

    (void)from;
    if (!process->is_over) {
        watch_head(&process->watch, head);
    }
}

static void on_watched_entries(void *context, struct bytes stored)
{
    struct process *process = context;

    if (!process->is_over) {
        watch_entries(&process->watch, stored);
    }
}

static void on_committed(void *context, const struct commit_result *result)
{
    struct process *process = context;

    if (process->is_over) {
        return;
    }
    if (result->status == STATUS_OK) {
        metrics_count_commit(&process->metrics, result->micros, result->batch->entry_count,
                             result->batch->bodies.size);
        process->is_slow_told = false;
    } else {
        log_error("a commit failed", LOG_STATUS(result->status),
                  LOG_UINT("entries", result->batch->entry_count));
        end(process, PROCESS_IO); /* Ahead of the stage, which fails too. */
    }
    stage_committed(process->stage, result->batch, result->status);
    pace(process);
}

static void on_wake(void *context)
{
    struct process *process = context;
    uint64_t now = world_now_ms(process);
    uint64_t wish = process->wake_ms;

    process->wake_ms = TIME_NONE;
    if (process->is_over) {
        return;
    }
    if (now >= wish) {
        stage_wake(process->stage, now);
    } else {
        world_wake_at(process, wish);
    }
}

/* --- Figures --------------------------------------------------------- */

struct memory {
    uint64_t resident; /* Bytes in all. */
    uint64_t mapped;   /* Of them pages of files. */
};

static struct memory memory_of_process(void)
{
    unsigned long resident = 0;
    unsigned long mapped = 0;
    uint64_t page_size = (uint64_t)sysconf(_SC_PAGESIZE);
    FILE *file = fopen("/proc/self/statm", "re");

    if (file != NULL) {
        if (fscanf(file, "%*u %lu %lu", &resident, &mapped) != 2) {
            resident = 0;
            mapped = 0;
        }
        fclose(file);
    }
    return (struct memory){.resident = resident * page_size, .mapped = mapped * page_size};
}

static void collect_metrics(struct process *process)
{
    struct metrics *metrics = &process->metrics;
    struct port_figures clients = port_figures(process->clients);
    struct follower_figures upstream = follower_figures(process->follower);
    struct zap_figures handshakes = zap_figures(process->zap);

    metrics->messages_received = clients.received;
    metrics->messages_sent = clients.sent;
    metrics->messages_refused = clients.refused;
    metrics->messages_dropped = clients.dropped + process->malformed_count;
    metrics->messages_unauthenticated = clients.unauthenticated;
    metrics->handshakes_accepted = handshakes.accepted;
    metrics->handshakes_unknown = handshakes.unknown;
    metrics->handshakes_expired = handshakes.expired;
    metrics->handshakes_revoked = handshakes.revoked;
    metrics->handshakes_early = handshakes.early;
    metrics->handshakes_malformed = handshakes.malformed;
    metrics->control_requests = control_requests(process->control);
    metrics->asks = upstream.asks;
    metrics->replays = upstream.replays;
    metrics->live_bytes = upstream.live_bytes;
    metrics->replay_bytes = upstream.replay_bytes;
    metrics->malformed = upstream.malformed;
    metrics->space_used = process->space.used;
    metrics->space_free = space_free(&process->space);
    metrics->disk_free = process->space.disk_free;
    metrics->reader_age = process->space.oldest_reader_age;
    metrics->memory = memory_of_process().resident;
}

static void render_metrics(void *context, struct buffer *target)
{
    struct process *process = context;
    struct report report;
    struct refusal refusal;

    arena_reset(&process->arena);
    process->answer.size = 0;
    stage_report(process->stage, (uint64_t)getpid(), &process->answer);
    ENSURE(proto_decode(&REPORT, buffer_view(&process->answer), &process->arena, &report,
                        &refusal) == STATUS_OK);
    collect_metrics(process);
    metrics_render(&process->metrics, &report, target);
}

/* --- The tick ------------------------------------------------------------------------------ */

static void look_at_space(struct process *process)
{
    uint64_t now = loop_now_ms(process->loop);

    if (process->space.size_max > 0 && now - process->space_asked_ms < SPACE_MS) {
        return;
    }
    process->space_asked_ms = now;
    if (memory_of_process().mapped > MAPPED_SIZE_MAX) {
        journal_release_pages(process->journal);
    }
    enum status status = journal_space(process->journal, &process->space);
    if (status != STATUS_OK) {
        log_warn("the journal's space is not known", LOG_STATUS(status));
        return;
    }
    if (journal_evict(&process->space)) {
        log_warn("a reader of the journal stood still and held room back: it was ended",
                 LOG_INT("pid", process->space.holder), LOG_UINT("held", process->space.held));
    }
    if (process->space.used / SPACE_WARN_PERCENT > process->space.size_max / 100) {
        log_warn("the journal is filling up: enlarge journal.map_size_gb or keep fewer entries",
                 LOG_UINT("used", process->space.used),
                 LOG_UINT("size_max", process->space.size_max));
    }
}

static void look_at_commit(struct process *process)
{
    uint64_t busy_ms = committer_busy_ms(process->committer);

    if (busy_ms >= SLOW_COMMIT_MS && !process->is_slow_told) {
        process->is_slow_told = true;
        log_warn("a commit is slow", LOG_UINT("ms", busy_ms));
    }
}

/* Proof of life: the loop turns and the disk answers. */
static void tell_watchdog(struct process *process)
{
    uint64_t now = loop_now_ms(process->loop);

    if (process->watchdog_ms > 0 && now - process->watchdog_sent_ms >= process->watchdog_ms &&
        committer_busy_ms(process->committer) < STUCK_COMMIT_MS) {
        process->watchdog_sent_ms = now;
        sd_notify(0, "WATCHDOG=1");
    }
}

static void tell_live(struct process *process)
{
    if (!process->was_live && stage_is_live(process->stage)) {
        process->was_live = true;
        struct journal_head head = stage_head(process->stage);
        log_info("live", LOG_UINT("seq", head.last), LOG_UINT("pid", getpid()));
        sd_notifyf(0, "READY=1\nSTATUS=live; seq %llu", (unsigned long long)head.last);
    }
}

/* Stopping goes: what clients sent is taken in until a tick brings nothing more, or for a
 * second; the last checkpoint; the end, where closing the ports lets the last answers leave.
 * The clients' port stays bound until then: to unbind it ends its connections too, and answers
 * with them. */
static void go_on_stopping(struct process *process)
{
    uint64_t received = port_figures(process->clients).received;
    bool is_late = loop_now_ms(process->loop) - process->stopping_ms >= DRAIN_MS_MAX;

    if (!process->is_drained && (received == process->drained || is_late)) {
        process->is_drained = true;
        stage_stop(process->stage);
        pace(process);
    }
    process->drained = received;
    if (process->is_drained && stage_is_stopped(process->stage)) {
        end(process, PROCESS_DONE);
    }
}

static void on_tick(void *context)
{
    struct process *process = context;
    struct journal_head head = stage_head(process->stage);

    if (process->is_over) {
        return;
    }
    look_at_space(process);
    look_at_commit(process);
    stage_timer(process->stage, world_now_ms(process));
    if (process->follower != NULL) {
        follower_tick(process->follower);
    }
    if (process->watcher != NULL) {
        watch_timer(&process->watch);
        follower_tick(process->watcher);
    }
    feed_tell_head(process->feed, &head);
    tell_live(process);
    tell_watchdog(process);
    if (process->stopping_ms != 0) {
        go_on_stopping(process);
    }
    pace(process);
}

static void on_signal(void *context, int number)
{
    struct process *process = context;

    if (number == SIGHUP) {
        if (process->options.reload != NULL) {
            process->options.reload(process->options.reload_context);
        }
        return;
    }
    if (process->stopping_ms == 0) {
        log_info("stopping", LOG_TEXT("signal", number == SIGINT ? "INT" : "TERM"));
        sd_notify(0, "STOPPING=1");
        process->stopping_ms = loop_now_ms(process->loop);
        process->drained = port_figures(process->clients).received;
    }
}

/* --- Start and end --------------------------------------------------------------------------- */

static int exit_of(enum status status)
{
    switch (status) {
    case STATUS_OK:
        return PROCESS_DONE;
    case STATUS_CORRUPT:
    case STATUS_MALFORMED:
    case STATUS_GAP:
        return PROCESS_BAD_DATA;
    case STATUS_EXISTS:
    case STATUS_AGAIN:
        return PROCESS_AGAIN;
    case STATUS_TOO_LARGE:
    case STATUS_INVALID:
        return PROCESS_CONFIG;
    case STATUS_NO_MEMORY:
        return PROCESS_OS;
    case STATUS_FULL:
    case STATUS_IO:
    case STATUS_END:
    case STATUS_NOT_FOUND:
        return PROCESS_IO;
    }
    UNREACHABLE();
}

static const char *journal_advice(enum status status)
{
    if (status == STATUS_INVALID) {
        return "its format is another: another version wrote it, or it is another partition's";
    }
    switch (exit_of(status)) {
    case PROCESS_BAD_DATA:
        return "it is damaged: run 'maillon verify', then restore a backup";
    case PROCESS_AGAIN:
        return "another process has it open: is the role running already?";
    default:
        return "make room, or look at the disk and the directory's owner";
    }
}

static enum status open_journal(struct process *process)
{
    const struct process_options *options = &process->options;
    struct journal_options journal = {
        .path = options->journal_path,
        .size_max = options->journal_size_max,
        .reserve = options->journal_reserve,
        .partition = options->partition,
    };
    enum status status = journal_open(&journal, &process->journal);

    if (status == STATUS_OK) {
        status = journal_reader_open(process->journal, &process->reader);
    }
    if (status != STATUS_OK) {
        log_error("the journal does not open", LOG_TEXT("path", options->journal_path),
                  LOG_STATUS(status), LOG_TEXT("advice", journal_advice(status)));
    }
    return status;
}

struct table_visit {
    struct stage *stage;
    uint8_t table;
};

static enum status load_row(void *context, struct bytes key, struct bytes value)
{
    const struct table_visit *visit = context;
    return stage_load_row(visit->stage, visit->table, key, value);
}

static enum status load_rows(struct process *process)
{
    enum status status = STATUS_OK;

    for (unsigned table = STAGE_ROW_TABLE; table <= UINT8_MAX && status == STATUS_OK; table++) {
        struct table_visit visit = {.stage = process->stage, .table = (uint8_t)table};
        status =
            journal_each_row(process->reader, visit.table, (struct bytes){0}, load_row, &visit);
    }
    journal_rest(process->reader);
    return status;
}

static enum status open_stage(struct process *process)
{
    struct stage_options options = {
        .role = process->options.role,
        .state = process->options.state,
        .world = &process->world,
        .checkpoint_entries = process->options.checkpoint_entries,
        .keep_entries = process->options.keep_entries,
    };
    enum status status = stage_open(&options, &process->stage);

    if (status == STATUS_OK) {
        status = load_rows(process);
    }
    if (status != STATUS_OK) {
        log_error("the journal's rows do not load", LOG_TEXT("path", process->options.journal_path),
                  LOG_STATUS(status), LOG_TEXT("advice", journal_advice(status)));
    }
    return status;
}

/* Without a doorkeeper nobody would come in any more: better to start again. */
static void on_zap_failed(void *context)
{
    log_error("the doorkeeper of the client socket failed");
    end(context, PROCESS_FAILED);
}

static enum status open_clients(struct process *process)
{
    int wanted = process->options.role->client_send_count_max;
    struct port_options options = {
        .kind = PORT_ROUTER,
        .endpoint = process->options.client_endpoint,
        .send_count_max = wanted > 0 ? wanted : CLIENT_SEND_COUNT_MAX,
        .receive_count_max = CLIENT_RECEIVE_COUNT_MAX,
        .receive = on_client,
        .context = process,
        .remote = process->options.remote_endpoint,
    };

    if (options.endpoint == NULL) {
        return STATUS_OK;
    }
    enum status status = STATUS_OK;
    if (process->options.identity != NULL) {
        options.secret = identity_secret(process->options.identity);
        status = zap_open(process->loop, on_zap_failed, process, &process->zap);
    }
    if (status == STATUS_OK) {
        status = port_open(process->loop, &options, &process->clients);
    }
    if (status == STATUS_OK && options.remote != NULL) {
        char endpoint[PORT_ENDPOINT_SIZE];
        port_bound(process->clients, endpoint);
        log_info("listening", LOG_TEXT("endpoint", endpoint));
    }
    identity_close(process->options.identity); /* The socket has what it needs. */
    process->options.identity = NULL;
    if (status == STATUS_OK) {
        port_pause(process->clients); /* Until the stage is live. */
    }
    return status;
}

static enum status open_control(struct process *process)
{
    struct control_options options = {
        .loop = process->loop,
        .run_path = process->options.run_path,
        .role = process->options.role->name,
        .stage = process->stage,
    };

    return control_open(&options, &process->control);
}

static enum status open_feeds(struct process *process)
{
    struct feed_options options = {
        .loop = process->loop,
        .run_path = process->options.run_path,
        .role = process->options.role->name,
        .partition = process->options.partition,
    };
    struct follower_events events = {
        .context = process,
        .head = on_upstream_head,
        .entries = on_upstream_entries,
    };
    struct follower_events watched_events = {
        .context = process,
        .head = on_watched_head,
        .entries = on_watched_entries,
    };
    enum status status = feed_open(&options, &process->feed);

    if (status == STATUS_OK && process->options.upstream != NULL) {
        options.role = process->options.upstream;
        status = follower_open(&options, &events, &process->follower);
    }
    if (status == STATUS_OK && process->options.watched != NULL) {
        options.role = process->options.watched;
        watch_start(&process->watch, process->options.role, process->options.state,
                    &process->world);
        status = follower_open(&options, &watched_events, &process->watcher);
    }
    return status;
}

static enum status open_page(struct process *process)
{
    char path[SOCKET_PATH_SIZE];
    enum status status =
        socket_path(process->options.run_path, process->options.role->name, "metrics", path);

    return status == STATUS_OK ? page_serve(process->loop, path, render_metrics, process) : status;
}

static enum status open_sockets(struct process *process)
{
    enum status status = open_feeds(process);

    if (status == STATUS_OK) {
        status = open_control(process);
    }
    if (status == STATUS_OK) {
        status = open_page(process);
    }
    if (status == STATUS_OK) {
        status = open_clients(process);
    }
    if (status != STATUS_OK) {
        log_error("a socket does not open", LOG_STATUS(status),
                  LOG_TEXT("run", process->options.run_path),
                  LOG_TEXT("clients", process->options.client_endpoint == NULL
                                          ? ""
                                          : process->options.client_endpoint));
    }
    return status;
}

static enum status begin(struct process *process)
{
    struct committer_options options = {
        .loop = process->loop,
        .journal = process->journal,
        .done = on_committed,
        .context = process,
    };
    struct journal_head head = journal_head(process->journal);
    enum status status = committer_open(&options, &process->committer);

    if (status != STATUS_OK) {
        return status;
    }
    look_at_space(process);
    log_info("starting", LOG_UINT("seq", head.last), LOG_TEXT("version", PROJECT_VERSION));
    status = stage_begin(process->stage, &head);
    if (status != STATUS_OK) {
        log_error("what the journal holds makes no sense to the role", LOG_STATUS(status),
                  LOG_TEXT("advice", journal_advice(status)));
    }
    return status;
}

static void init_loop_parts(struct process *process)
{
    uint64_t watchdog_micros = 0;

    process->tick = loop_timer(process->loop, on_tick, process);
    process->wake = loop_timer(process->loop, on_wake, process);
    loop_on_signal(process->loop, SIGTERM, on_signal, process);
    loop_on_signal(process->loop, SIGINT, on_signal, process);
    loop_on_signal(process->loop, SIGHUP, on_signal, process);
    if (sd_watchdog_enabled(0, &watchdog_micros) > 0) {
        process->watchdog_ms = max_u64(watchdog_micros / 3000, 1);
    }
}

static enum status start(struct process *process)
{
    init_loop_parts(process);
    enum status status = open_journal(process);

    if (status == STATUS_OK) {
        status = open_stage(process);
    }
    if (status == STATUS_OK) {
        status = open_sockets(process);
    }
    if (status == STATUS_OK) {
        status = begin(process);
    }
    if (status == STATUS_OK) {
        timer_start(process->tick, 0, TICK_MS);
    }
    return status;
}

/* The commit thread goes first: it writes to the journal and reads the stage's batch. */
static void close_role(const struct process_options *options)
{
    if (options->role->close != NULL) {
        options->role->close(options->state);
    }
}

static void close_all(struct process *process)
{
    committer_close(process->committer);
    port_close(process->clients);
    zap_close(process->zap);
    identity_close(process->options.identity);
    control_close(process->control);
    follower_close(process->follower);
    follower_close(process->watcher);
    feed_close(process->feed);
    stage_close(process->stage);
    close_role(&process->options); /* It gives back what it had from the world. */
    journal_reader_close(process->reader);
    journal_close(process->journal);
    buffer_deinit(&process->answer);
    arena_deinit(&process->arena);
    loop_close(process->loop);
}

int process_run(const struct process_options *options)
{
    struct process process = {.options = *options, .wake_ms = TIME_NONE};

    signal(SIGPIPE, SIG_IGN);
    prctl(PR_SET_NAME, "maillond"); /* Not "exe", as the supervisor had to call it. */
    init_world(&process);
    enum status status = loop_open(&process.loop);
    if (status != STATUS_OK) {
        log_error("the loop does not start", LOG_STATUS(status));
        close_role(options);
        return PROCESS_OS;
    }
    status = start(&process);
    if (status == STATUS_OK) {
        loop_run(process.loop);
    } else {
        end(&process, exit_of(status));
    }
    close_all(&process);
    log_info("stopped", LOG_INT("exit", process.exit_code));
    return process.exit_code;
}
