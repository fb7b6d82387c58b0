/*
 * batch.h - what one transaction makes durable: entries, rows, what to forget.
 */
#ifndef NODE_BATCH_H
#define NODE_BATCH_H

#include "journal/journal.h"

#define BATCH_TRIM_COUNT_MAX 20000 /* More than a batch appends, so that trimming keeps up. */

struct batch_row {
    uint8_t table;
    size_t key_start; /* In `rows_bytes`. */
    size_t key_size;
    size_t value_start;
    size_t value_size;
};

/* Zero is an empty batch. */
struct batch {
    struct entry *entries;
    size_t entry_count;
    size_t entry_capacity;
    size_t *body_starts; /* In `bodies`. */
    size_t body_starts_capacity;
    struct buffer bodies;
    struct batch_row *rows;
    size_t row_count;
    size_t row_capacity;
    struct buffer rows_bytes;
    uint64_t trim_upto; /* 0: nothing to forget; at most BATCH_TRIM_COUNT_MAX entries on. */
    bool is_checkpoint;
};

/* Adds an entry and copies its body. The result is borrowed until the next append. */
struct entry *batch_append(struct batch *batch, const struct entry *entry);
void batch_put_row(struct batch *batch, uint8_t table, struct bytes key, struct bytes value);

/* Borrowed until the next append. */
struct bytes batch_body(const struct batch *batch, size_t index);

/* Forgets the entries from `entry_count` on. */
void batch_cut(struct batch *batch, size_t entry_count);
void batch_clear(struct batch *batch); /* Keeps its memory, but that of a checkpoint's rows. */
void batch_deinit(struct batch *batch);

/* Writes a batch into a journal: what a world's commit does on its thread. Sets the body views
 * and the chain of the entries. Statuses as journal_commit. */
MUST_USE enum status batch_write(struct batch *batch, struct journal *journal);

#endif
