/*
 * metrics.h - what a process counts, as text that Prometheus reads.
 */
#ifndef NODE_METRICS_H
#define NODE_METRICS_H

#include "core/base/memory.h"

#define COMMIT_BUCKET_COUNT 12

struct report; /* proto/messages.h */

struct metrics {
    uint64_t messages_received; /* From clients. */
    uint64_t messages_sent;     /* To clients. */
    uint64_t messages_refused;  /* A client's queue was full, or it was gone. */
    uint64_t messages_dropped;  /* Had too many frames. */
    uint64_t messages_unauthenticated;
    uint64_t handshakes_accepted, handshakes_unknown, handshakes_expired, handshakes_revoked;
    uint64_t handshakes_early;
    uint64_t handshakes_malformed;
    uint64_t control_requests;
    uint64_t published_bytes;
    uint64_t commits;
    uint64_t entries; /* Committed. */
    uint64_t bytes;   /* Bodies of them. */
    uint64_t asks;
    uint64_t replays;
    uint64_t live_bytes;
    uint64_t replay_bytes;
    uint64_t malformed;
    uint64_t space_used;
    uint64_t space_free;
    uint64_t disk_free;
    uint64_t reader_age;
    uint64_t memory; /* Resident bytes. */
    uint64_t commit_micros;
    uint64_t commit_buckets[COMMIT_BUCKET_COUNT]; /* Of the bounds in metrics.c, and beyond. */
};

void metrics_count_commit(struct metrics *metrics, uint64_t micros, uint64_t entries,
                          uint64_t bytes);

/* Appends everything in the text format of Prometheus, labelled with the report's role. */
void metrics_render(const struct metrics *metrics, const struct report *report,
                    struct buffer *target);

#endif
