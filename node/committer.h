/*
 * committer.h - the thread that makes batches durable, so that a slow disk stops nothing else.
 *
 * It owns the write side of the journal: while a committer is open nobody else writes.
 */
#ifndef NODE_COMMITTER_H
#define NODE_COMMITTER_H

#include "node/batch.h"
#include "node/loop.h"

struct commit_result {
    struct batch *batch;
    enum status status; /* As journal_commit. */
    uint64_t micros;    /* How long it took. */
};

typedef void (*committer_done)(void *context, const struct commit_result *result);

struct committer_options {
    struct loop *loop;
    struct journal *journal; /* Borrowed until committer_close. */
    committer_done done;     /* Called on the loop's thread. */
    void *context;
};

struct committer;

/* The caller owns `*committer`. */
MUST_USE enum status committer_open(const struct committer_options *options,
                                    struct committer **committer);

/* Waits for the batch under way, whose result is told to nobody. */
void committer_close(struct committer *committer);

/* Takes a batch; it is the thread's until `done` hands it back. One at a time. */
void committer_commit(struct committer *committer, struct batch *batch);

/* For how long the present batch has been under way; 0 when there is none. */
uint64_t committer_busy_ms(const struct committer *committer);

#endif
