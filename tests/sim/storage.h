/*
 * storage.h - a journal in memory: what a commit made durable, and what may befall it.
 *
 * Entries lie in stored form, with the real checksums and chain, so that a changed bit is found by
 * the code that finds it in production.
 */
#ifndef TESTS_SIM_STORAGE_H
#define TESTS_SIM_STORAGE_H

#include "node/batch.h"
#include "tests/sim/draw.h"

struct storage_row {
    uint8_t table;
    uint8_t key_size;
    uint8_t key[JOURNAL_ROW_KEY_SIZE_MAX];
    struct buffer value;
};

struct storage_rows { /* By table and key. */
    struct storage_row *items;
    size_t count, capacity;
};

struct storage {
    struct journal_head head;
    struct buffer log;
    size_t *starts; /* Of entry i at i - 1, in `log`; one more than there are. */
    size_t starts_capacity;
    struct storage_rows rows;
    struct { /* An older state of it, when `is_kept`. */
        bool is_kept;
        struct journal_head head;
        struct storage_rows rows;
    } older;
    size_t flipped_at; /* Byte of the log, when `flipped_bits` is not 0. */
    uint8_t flipped_bits;
};

void storage_init(struct storage *storage, uint64_t epoch);
void storage_deinit(struct storage *storage);

/* A whole batch, as batch_write does. */
void storage_write(struct storage *storage, struct batch *batch);

/* As the world's read. STATUS_CORRUPT when an entry does not check. */
MUST_USE enum status storage_read(const struct storage *storage, uint64_t from, size_t size_max,
                                  struct buffer *stored);

/* Entry `seq` in stored form; borrowed until the next write. */
struct bytes storage_entry(const struct storage *storage, uint64_t seq);
const struct storage_row *storage_find(const struct storage *storage, uint8_t table,
                                       struct bytes key); /* NULL when there is none. */

/* Keeps the present state, to come back to it: false when there is none. */
void storage_keep(struct storage *storage);
bool storage_fall_back(struct storage *storage);

/* A copy of its own, which the caller owns. */
void storage_copy(struct storage *target, const struct storage *source);

/* Changes a bit of an entry that is kept. False when there is none. */
bool storage_flip(struct storage *storage, struct draw *draw);
void storage_repair(struct storage *storage);

#endif
