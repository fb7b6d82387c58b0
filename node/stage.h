/*
 * stage.h - a role as a stage: upstream entries in, one transaction, own entries out.
 *
 * A role decides with pure functions (struct role); the stage does the rest, for every
 * role alike. It takes upstream entries in order, whatever the sockets lost; lets the role
 * step; collects the role's new entries with the upstream cursor into a batch; has the world
 * commit it; and only then publishes and lets the role answer. A batch is whatever came
 * while the last one was committed.
 *
 * Now and then a batch is a checkpoint: it also holds the rows that the role changed. After a
 * restart the rows are loaded, and the entries between checkpoint and cursor are
 * stepped again in silence; what comes out must equal the own feed, byte by byte.
 *
 * An upstream entry must follow the one stepped before it by its chain, and be of a version that
 * the role knows; so must the own rows. Anything else ends the stage with a message: it does not
 * guess.
 *
 * The stage touches nothing but its world: it runs in the simulator unchanged.
 */
#ifndef NODE_STAGE_H
#define NODE_STAGE_H

#include "node/batch.h"
#include "node/world.h"

#define STAGE_UPSTREAM_COUNT_MAX 1 /* Every role reads one feed, or none. */
#define STAGE_BATCH_ENTRY_COUNT_MAX 16384
#define STAGE_BATCH_SIZE_MAX ((size_t)8 * 1024 * 1024)
#define STAGE_ROW_TABLE 1 /* The stage's own rows; roles use tables from 2 on. */

/* Version of what roles write to their journals. It rises with every new kind, field or row that a
 * program which does not know it must not skip: an older program that meets it stops. */
#define STAGE_VERSION 1

struct stage;
struct effects; /* What a step wants done; valid during the step. */

/* Appends an entry to the own feed. The body is copied. Time and cause are the stage's matter. */
void effect_append(struct effects *effects, uint16_t kind, struct bytes body);

/* The number that the next appended entry will have. */
uint64_t effect_next_seq(const struct effects *effects);

/* Rows of a checkpoint. Keys and values are copied. */
struct rows_out;
void rows_put(struct rows_out *rows, uint8_t table, struct bytes key, struct bytes value);

struct client_message {
    struct bytes peer;   /* Where answers go: a routing id, at most PEER_SIZE_MAX bytes. */
    struct bytes user;   /* Who it is, as far as the transport knows; empty on local sockets. */
    struct bytes header; /* All borrowed during the call. */
    struct bytes body;
};

struct report_out; /* Collects a role's figures: report_count(out, "needs", 12). */
void report_count(struct report_out *out, const char *name, uint64_t value);

#define CLIENT_SEND_COUNT_MAX 256

/* A role. Functions marked optional may be NULL. `state` is the role's own. */
struct role {
    const char *name;
    uint8_t version;           /* Of the entries and rows it writes. It reads older ones too. */
    bool is_source;            /* Its own feed comes from clients, not from an upstream feed. */
    int client_send_count_max; /* Messages that wait for one client; 0: CLIENT_SEND_COUNT_MAX. */

    /* Start: every row of the role's tables, by ascending key; then started, with the world that
     * the role may keep. Rows that make no sense are STATUS_CORRUPT. */
    enum status (*load)(void *state, uint8_t table, struct bytes key, struct bytes value);
    enum status (*loaded)(void *state, const struct world *world, const struct journal_head *head);

    /* One upstream entry. Pure: same state and entry, same effects. `upstream` is its feed's
     * number. */
    void (*step)(void *state, uint32_t upstream, const struct entry *entry,
                 struct effects *effects);

    /* Whether everything stepped so far has been decided. A checkpoint and a cause range end only
     * where it is. Optional: always. */
    bool (*is_settled)(const void *state);

    /* For sources: an own entry, met again at a restart behind the checkpoint. */
    enum status (*restore)(void *state, const struct entry *entry);

    /* Optional: own entries became durable; `head` is that of the own feed now. Here answers are
     * sent. */
    void (*committed)(void *state, const struct journal_head *head, const struct entry *entries,
                      size_t count);

    /* Optional: a message from a client. `effects` is NULL unless the role is a source. */
    void (*message)(void *state, const struct client_message *message, struct effects *effects);

    /* Optional: the stage went live, or the time asked for by wake_at has come. `effects` as in
     * `message`. */
    void (*wake)(void *state, uint64_t now_ms, struct effects *effects);

    /* Optional, all three: a feed beside the upstream one (node/watch.h). One entry of it; the last
     * one that the state holds; everything that is known of has been taken. */
    void (*watch)(void *state, const struct entry *entry);
    uint64_t (*watched)(const void *state);
    void (*watch_reached)(void *state);

    /* A checkpoint: the rows that changed since the last one. */
    void (*save)(void *state, struct rows_out *rows);

    /* Optional: figures for `status` and metrics. */
    void (*report)(const void *state, struct report_out *out);

    /* Optional: a request on the control socket that the stage does not know. Appends the answer's
     * type and body; STATUS_NOT_FOUND when the role does not know it either. */
    enum status (*control)(void *state, struct bytes type, struct bytes body,
                           const char **answer_type, struct buffer *answer);

    /* Optional: gives the state back, for whoever made it. A stage never does. */
    void (*close)(void *state);
};

struct stage_options {
    const struct role *role;
    void *state;
    const struct world *world;
    size_t checkpoint_entries; /* A checkpoint after this many entries taken in (or, for a source,
                                  appended). */
    uint64_t keep_entries;     /* Own entries kept behind the last checkpoint; 0 for all. */
};

/* The caller owns `*stage`. */
MUST_USE enum status stage_open(const struct stage_options *options, struct stage **stage);
void stage_close(struct stage *stage);

/* Start, in this order: every row (also the stage's own), by ascending table, then begin with the
 * head of the own feed. Rows of a newer version end the stage through world->fail; both functions
 * are STATUS_OK then. Recovery then runs by itself through world->read and world->ask. */
MUST_USE enum status stage_load_row(struct stage *stage, uint8_t table, struct bytes key,
                                    struct bytes value);
MUST_USE enum status stage_begin(struct stage *stage, const struct journal_head *head);

/* What the world tells a stage. `stored` is entries in stored form, in ascending order. */
void stage_entries(struct stage *stage, uint32_t upstream, struct bytes stored);
/* `from`: the head came with the answer to world->ask for this entry; 0: it came by itself. */
void stage_upstream_head(struct stage *stage, uint32_t upstream, const struct journal_head *head,
                         uint64_t from);
void stage_message(struct stage *stage, const struct client_message *message);
void stage_committed(struct stage *stage, struct batch *batch, enum status status);
void stage_timer(struct stage *stage, uint64_t now_ms); /* At least every 100 ms. */
void stage_wake(struct stage *stage, uint64_t now_ms);

/* False while a batch is full: leave client messages in their socket until it is true again. */
bool stage_takes_messages(const struct stage *stage);

/* Appends the body of a "report" about the stage and its role. */
void stage_report(const struct stage *stage, uint64_t process_id, struct buffer *answer);

/* Answers a control request ("replay", or one of the role's): see proto/messages.h.
 * STATUS_NOT_FOUND when nobody knows it, a status of the decoder when its body is wrong. */
enum status stage_control(struct stage *stage, struct bytes type, struct bytes body,
                          const char **answer_type, struct buffer *answer);

/* No more messages; a last checkpoint is committed. stage_is_stopped tells when it is done. */
void stage_stop(struct stage *stage);
bool stage_is_stopped(const struct stage *stage);
bool stage_is_live(const struct stage *stage); /* Recovered: it serves. */

struct journal_head stage_head(const struct stage *stage);

#endif
