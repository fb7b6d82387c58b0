/*
 * metrics.c - what a process counts, as text that Prometheus reads.
 *
 * One table says for each figure its name, help, type and place; the histogram of commit
 * times and the role's own figures follow.
 */
#include "node/metrics.h"

#include "proto/messages.h"

#include <inttypes.h>

struct metric {
    const char *name;
    const char *help;
    bool is_counter;
    size_t offset; /* In struct metrics. */
};

#define COUNTER(name, member, help)                                                                \
    {                                                                                              \
        name, help, true, offsetof(struct metrics, member)                                         \
    }
#define GAUGE(name, member, help)                                                                  \
    {                                                                                              \
        name, help, false, offsetof(struct metrics, member)                                        \
    }

static const struct metric METRICS[] = {
    COUNTER("messages_received_total", messages_received, "Messages that came from clients."),
    COUNTER("messages_sent_total", messages_sent, "Messages sent to clients."),
    COUNTER("messages_refused_total", messages_refused,
            "Messages to clients that were slow or gone."),
    COUNTER("messages_dropped_total", messages_dropped,
            "Messages of clients that are not two frames."),
    COUNTER("messages_unauthenticated_total", messages_unauthenticated,
            "Messages dropped because nobody is known to have sent them."),
    COUNTER("handshakes_accepted_total", handshakes_accepted, "Connections with a good key."),
    COUNTER("handshakes_unknown_total", handshakes_unknown, "Refused: no such key."),
    COUNTER("handshakes_expired_total", handshakes_expired,
            "Refused: the key is not valid at this time, or not confirmed."),
    COUNTER("handshakes_revoked_total", handshakes_revoked, "Refused: the key was revoked."),
    COUNTER("handshakes_early_total", handshakes_early,
            "Told to come again: the role does not know the keys yet."),
    COUNTER("handshakes_malformed_total", handshakes_malformed, "Refused: no key at all."),
    COUNTER("control_requests_total", control_requests, "Requests on the control socket."),
    COUNTER("published_bytes_total", published_bytes, "Bytes of entries published."),
    COUNTER("commits_total", commits, "Transactions made durable."),
    COUNTER("entries_total", entries, "Entries made durable."),
    COUNTER("entry_bytes_total", bytes, "Bytes of the bodies of entries made durable."),
    COUNTER("asks_total", asks, "Replays asked of upstream."),
    COUNTER("replays_total", replays, "Replays that came from upstream."),
    COUNTER("upstream_live_bytes_total", live_bytes, "Bytes of entries that came by the feed."),
    COUNTER("upstream_replay_bytes_total", replay_bytes, "Bytes of entries that came by replay."),
    COUNTER("malformed_total", malformed, "Messages between roles that made no sense."),
    GAUGE("journal_used_bytes", space_used, "Bytes of the journal in use."),
    GAUGE("journal_free_bytes", space_free, "Bytes that may be written before intake is refused."),
    GAUGE("disk_free_bytes", disk_free, "Bytes that the journal's disk still has."),
    GAUGE("journal_reader_age", reader_age, "Transactions since the oldest reader's view."),
    GAUGE("memory_bytes", memory, "Resident memory."),
};

static const uint64_t BUCKET_MICROS[COMMIT_BUCKET_COUNT - 1] = {
    250, 500, 1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 1000000,
};

void metrics_count_commit(struct metrics *metrics, uint64_t micros, uint64_t entries,
                          uint64_t bytes)
{
    size_t bucket = 0;

    while (bucket < COMMIT_BUCKET_COUNT - 1 && micros > BUCKET_MICROS[bucket]) {
        bucket++;
    }
    metrics->commit_buckets[bucket]++;
    metrics->commit_micros += micros;
    metrics->commits++;
    metrics->entries += entries;
    metrics->bytes += bytes;
}

static void add_head(struct buffer *target, const char *name, const char *help, const char *type)
{
    buffer_format(target, "# HELP maillon_%s %s\n# TYPE maillon_%s %s\n", name, help, name, type);
}

static void add_number(struct buffer *target, const char *name, const char *help, bool is_counter,
                       struct bytes role, uint64_t value)
{
    add_head(target, name, help, is_counter ? "counter" : "gauge");
    buffer_format(target, "maillon_%s{role=\"%.*s\"} %" PRIu64 "\n", name, BYTES_ARGS(role), value);
}

/* Micros as seconds, exactly: "0.00025". */
static void add_seconds(struct buffer *target, uint64_t micros)
{
    buffer_format(target, "%" PRIu64 ".%06" PRIu64, micros / 1000000, micros % 1000000);
}

static void add_histogram(const struct metrics *metrics, struct bytes role, struct buffer *target)
{
    uint64_t sum = 0;

    add_head(target, "commit_seconds", "Time that transactions took.", "histogram");
    for (size_t i = 0; i < COMMIT_BUCKET_COUNT; i++) {
        sum += metrics->commit_buckets[i];
        buffer_format(target, "maillon_commit_seconds_bucket{role=\"%.*s\",le=\"",
                      BYTES_ARGS(role));
        if (i < COMMIT_BUCKET_COUNT - 1) {
            add_seconds(target, BUCKET_MICROS[i]);
        } else {
            buffer_append_text(target, "+Inf");
        }
        buffer_format(target, "\"} %" PRIu64 "\n", sum);
    }
    buffer_format(target, "maillon_commit_seconds_sum{role=\"%.*s\"} ", BYTES_ARGS(role));
    add_seconds(target, metrics->commit_micros);
    buffer_format(target, "\nmaillon_commit_seconds_count{role=\"%.*s\"} %" PRIu64 "\n",
                  BYTES_ARGS(role), sum);
}

static void add_role(const struct report *report, struct buffer *target)
{
    const struct counter *counters = report->counters.items;

    if (report->counters.count == 0) {
        return;
    }
    add_head(target, "role_figure", "What the role counts, by name.", "gauge");
    for (size_t i = 0; i < report->counters.count; i++) {
        buffer_format(target, "maillon_role_figure{role=\"%.*s\",name=\"%.*s\"} %" PRIu64 "\n",
                      BYTES_ARGS(report->role), BYTES_ARGS(counters[i].name), counters[i].value);
    }
}

void metrics_render(const struct metrics *metrics, const struct report *report,
                    struct buffer *target)
{
    struct bytes role = report->role;

    add_number(target, "live", "1 when the role serves.", false, role, report->ready);
    add_number(target, "log_seq", "The last entry of the role's feed.", false, role, report->last);
    add_number(target, "cursor_seq", "The last upstream entry taken in.", false, role,
               report->cursor);
    add_number(target, "lag_entries", "Upstream entries known of and not taken in.", false, role,
               report->lag);
    for (size_t i = 0; i < COUNT_OF(METRICS); i++) {
        const uint8_t *place = (const uint8_t *)metrics + METRICS[i].offset;
        add_number(target, METRICS[i].name, METRICS[i].help, METRICS[i].is_counter, role,
                   *(const uint64_t *)(const void *)place);
    }
    add_histogram(metrics, role, target);
    add_role(report, target);
}
