/*
 * state.h - what the dispatcher knows; for the files of this directory.
 */
#ifndef BROKERS_DISPATCH_STATE_H
#define BROKERS_DISPATCH_STATE_H

#include "brokers/dispatch/dispatch.h"
#include "brokers/dispatch/subscribers.h"
#include "brokers/dispatch/view.h"

#define CHUNK_COUNT 16

/* An "event" message of the stream of all without a filter, shared by all who stand at its start.
 */
struct chunk {
    uint64_t first; /* 0: unused. */
    uint64_t last;
    uint64_t stream_last; /* That of the stream when it was made: the message tells it. */
    struct parcel *body;
};

struct dispatch {
    struct dispatch_options options;
    const struct world *world;
    struct view view;
    struct subscribers subscribers;
    uint64_t oldest;  /* Own entries still kept. */
    uint64_t durable; /* The last own entry that is committed. */
    uint64_t next_head_ms;
    bool has_blocked; /* Some subscriber's queue was full since the last wake. */
    size_t pump_at;   /* The subscriber to go on with. */
    struct chunk chunks[CHUNK_COUNT];
    size_t chunk_next;
    struct parcel *event_header;
    struct arena arena;
    struct buffer stored;
    struct buffer scratch;
    struct {
        uint64_t events, delivered, messages, blocked, resets, gone, malformed;
    } counters;
};

/* The positions of a stream: that of all when `party` is empty. */
struct stream_span {
    uint64_t oldest; /* First position kept. */
    uint64_t last;
};
struct stream_span dispatch_span(const struct dispatch *dispatch, struct bytes party);

/* Sends what subscribers may have, in turn, a bounded number of messages; wakes itself for the
 * rest. */
void dispatch_pump(struct dispatch *dispatch);

/* Answers a snapshot. */
void dispatch_snapshot(struct dispatch *dispatch, struct bytes peer, struct bytes request_id,
                       const struct snapshot *request);

#endif
