/*
 * internal.h - what the files of the journal share. Nobody else includes it.
 */
#ifndef JOURNAL_INTERNAL_H
#define JOURNAL_INTERNAL_H

#include "journal/journal.h"

#include <assert.h>
#include <limits.h>
#include <lmdb.h>
#include <pthread.h>

#define FORMAT_VERSION 2
#define KEY_SIZE 12   /* Of the log: partition and number, big-endian. */
#define HEAD_SIZE 64  /* What stands before the body of a stored entry. */
#define FRAME_SIZE 12 /* Size and number, in front of a value that travels. */
#define META_SIZE 112
#define ROW_KEY_SIZE_MAX (1 + JOURNAL_ROW_KEY_SIZE_MAX)
#define ROW_HEAD_SIZE 4
#define FREE_TABLE 0 /* LMDB's own tables: pages to use again, */
#define ROOT_TABLE 1 /* and the tables by name. */

/* The one row of the table "meta": where the feed begins and ends. */
struct meta {
    uint32_t partition;
    struct journal_head head;
    uint8_t before[JOURNAL_CHAIN_SIZE]; /* The chain that entry `head.oldest` goes on from. */
};

struct journal_transaction {
    struct journal *journal;
    MDB_txn *txn;
    MDB_cursor *cursor; /* On the log. */
    struct meta meta;   /* As it will be when this commits. */
    enum status failed; /* The first failure: what failed once must not be committed. */
    bool meta_changed;
    bool grew; /* Appended or put something, so it must leave room for a trim. */
};

struct journal {
    MDB_env *env;
    MDB_dbi log;
    MDB_dbi rows;
    MDB_dbi meta_table;
    int writer_lock; /* A descriptor that holds the lock, or -1. */
    bool read_only;
    bool broken; /* A storage error: nothing is written any more. */
    bool writing;
    uint64_t reserve;
    uint64_t reserved; /* Size of the file that is certainly on disk. */
    uint64_t page_size;
    uint64_t page_count_max;
    struct journal_transaction transaction;
    struct meta meta;          /* As of the last commit. */
    pthread_mutex_t meta_lock; /* Any thread may ask for the head while one commits. */
};

struct journal_reader {
    struct journal *journal;
    MDB_txn *txn;
    MDB_cursor *cursor; /* On the log. */
    struct meta meta;   /* In this view. */
    uint64_t seq_next;
    uint8_t chain[JOURNAL_CHAIN_SIZE]; /* Of entry `seq_next` - 1, when known. */
    bool chain_known;
    bool positioned; /* The cursor stands on entry `seq_next` - 1. */
    bool resting;
};

enum status status_from_mdb(int code);

/* entry.c: the stored value. encode_entry fills HEAD_SIZE + body bytes at `value`; decode_entry
 * checks size and checksum and says by `*problem` what does not check. */
void encode_entry(const struct entry *entry, uint8_t *value);
MUST_USE enum status decode_entry(uint64_t seq, struct bytes value, struct entry *entry,
                                  const char **problem);

/* meta.c: the one row of meta, and keys. */
void encode_key(uint32_t partition, uint64_t seq, uint8_t key[KEY_SIZE]);
MUST_USE enum status load_meta(MDB_txn *txn, MDB_dbi table, struct meta *meta);
MUST_USE enum status save_meta(MDB_txn *txn, MDB_dbi table, const struct meta *meta);

/* transaction.c: room on disk; the first thing to do before adding; notes the first failure and
 * returns `status`. */
MUST_USE enum status reserve_ahead(struct journal *journal);
MUST_USE enum status prepare_growth(struct journal_transaction *txn);
enum status fail_transaction(struct journal_transaction *txn, enum status status);

/* reader.c: journal_read that also says what does not check. */
MUST_USE enum status read_entry(struct journal_reader *reader, struct entry *entry,
                                const char **problem);

/* rows.c: splits a stored row and checks it. */
MUST_USE enum status decode_row(const MDB_val *key, const MDB_val *stored, struct bytes *value);

/* verify.c: the log holds what meta says, no more and no less, by count and by both ends. */
MUST_USE enum status check_bounds(struct journal_reader *reader, const char **problem);

/* verify.c: every row checks, is found by its key, and is counted; `report` says what is not. */
MUST_USE enum status check_rows(struct journal_reader *reader, struct journal_report *report);

/* verify.c: the root in view is the newest one, whole. */
MUST_USE enum status check_roots(struct journal_reader *reader);

/* aside.c: a directory is made beside its place and moved there when it is complete and on disk,
 * so that a half made one is never found. */
struct aside {
    char path[PATH_MAX];
    char target[PATH_MAX];
};
MUST_USE enum status aside_make(struct aside *aside, const char *target);
MUST_USE enum status aside_publish(const struct aside *aside); /* STATUS_EXISTS: place taken. */
void aside_remove(const struct aside *aside);
MUST_USE enum status data_path(char path[PATH_MAX], const char *directory, const char *name);

#endif
