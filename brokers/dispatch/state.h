/*
 * state.h - what the dispatcher knows; for the files of this directory.
 */
#ifndef BROKERS_DISPATCH_STATE_H
#define BROKERS_DISPATCH_STATE_H

#include "brokers/dispatch/dispatch.h"
#include "brokers/dispatch/subscribers.h"
#include "brokers/dispatch/view.h"
#include "core/access/registry.h"

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
    struct registry registry;
    struct dirty_list dirty_keys; /* By number. */
    uint64_t watched;             /* The last intake entry looked at for keys. */
    bool has_new_keys;            /* Since they were handed over. */
    uint64_t now_ms;              /* Of the turn under way: what keys are judged by. */
    uint64_t oldest;              /* Own entries still kept. */
    uint64_t durable;             /* The last own entry that is committed. */
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
        uint64_t events, delivered, messages, blocked, resets, gone, malformed, denied, muted;
    } counters;
};

/* The positions of a stream: that of all when `party` is empty. */
struct stream_span {
    uint64_t oldest; /* First position kept. */
    uint64_t last;
};
struct stream_span dispatch_span(const struct dispatch *dispatch, struct bytes party);

/* keys.c: the keys of the intake feed. */
void dispatch_watch(void *state, const struct entry *entry);
uint64_t dispatch_watched(const void *state);
void dispatch_watch_reached(void *state);
void dispatch_save_keys(struct dispatch *dispatch, uint8_t keys_table, uint8_t watched_table,
                        struct rows_out *rows);
MUST_USE enum status dispatch_load_key(struct dispatch *dispatch, struct bytes key,
                                       struct bytes value);

/* Who speaks as `user` (empty on a local socket): the number of its key. False when nobody is
 * heard under that key now. */
bool dispatch_find_key(const struct dispatch *dispatch, struct bytes user, uint32_t *key);

/* Whether what the key speaks for may follow the stream of `party`, or that of all when it is
 * empty. */
bool dispatch_may_follow(const struct dispatch *dispatch, uint32_t key, struct bytes party);

/* Sends what subscribers may have, in turn, a bounded number of messages; wakes itself for the
 * rest. */
void dispatch_pump(struct dispatch *dispatch);

/* Answers a snapshot. */
void dispatch_snapshot(struct dispatch *dispatch, struct bytes peer, struct bytes request_id,
                       const struct snapshot *request);

#endif
