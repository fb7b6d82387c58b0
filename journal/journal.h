/*
 * journal.h - what a process remembers: one feed of entries, and rows, in one file.
 *
 * A feed is a sequence of entries numbered 1, 2, 3, ... without gaps; an entry never
 * changes. Rows are small keyed values that a checkpoint replaces. Both change together
 * in one transaction: all of it is on disk when the commit returns, or none of it.
 *
 * Every entry carries a checksum and a hash over the entry before it, every row a
 * checksum. What does not check is STATUS_CORRUPT and is never handed out as good.
 * format.md describes the bytes.
 *
 * One process opens a journal for writing, and writes from one thread at a time; any
 * thread of it may read through a reader of its own.
 */
#ifndef JOURNAL_JOURNAL_H
#define JOURNAL_JOURNAL_H

#include "core/base/memory.h"

#define JOURNAL_CHAIN_SIZE 32
#define JOURNAL_BODY_SIZE_MAX (16 * 1024)
#define JOURNAL_ROW_KEY_SIZE_MAX 120
#define JOURNAL_ROW_SIZE_MAX (64 * 1024)
#define JOURNAL_UPSTREAM_COUNT_MAX 16

struct journal;             /* An open journal. */
struct journal_transaction; /* The one that writes. */
struct journal_reader;      /* A position in it. */

struct journal_options {
    const char *path;   /* A directory, made when missing (its parent must exist). */
    uint64_t size_max;  /* Size of the map: how far the file may grow, in bytes. */
    uint64_t reserve;   /* Bytes set aside on disk ahead of use (posix_fallocate); 0 for none. */
    uint32_t partition; /* Goes into every key. */
    bool read_only;     /* For verify and replay; never creates. */
};

/* Flags of an entry. */
enum entry_flag {
    ENTRY_SETTLES = 1, /* The last of what one commit of the gateway took in: decide now. */
};

struct entry {
    uint64_t seq;         /* Its number. The journal sets it. */
    uint64_t time_ms;     /* Of the gateway's clock, handed down by every stage. */
    uint16_t kind;        /* What the body is: core/model/record.h. */
    uint8_t version;      /* Of the body's format. */
    uint8_t flags;        /* enum entry_flag. */
    uint64_t cause_first; /* The upstream entries it was decided on; 0 in the intake feed. */
    uint64_t cause_last;
    uint8_t chain[JOURNAL_CHAIN_SIZE]; /* The journal sets it. */
    struct bytes body;
};

struct journal_head {
    uint64_t epoch;  /* Drawn when the journal was made: another one is another journal. */
    uint64_t oldest; /* The first entry kept; last + 1 when there is none. */
    uint64_t last;   /* 0 when empty. */
    uint8_t chain[JOURNAL_CHAIN_SIZE]; /* Of the last entry, also when that is trimmed. */
};

/* Opens, and when missing makes, the journal. The caller owns `*journal`. A process has the same
 * journal open once at a time: LMDB's locks do not stand a second time.
 *
 * Read-only it opens beside a writer in another process, takes size and partition from the file,
 * and leaves the check of the last entries to whoever reads.
 *
 * STATUS_NOT_FOUND  read-only, and there is none
 * STATUS_CORRUPT    the last entries or the meta row do not check
 * STATUS_INVALID    another version of the format, or made for another partition
 * STATUS_FULL       no room on disk for `reserve`
 * STATUS_EXISTS     another process has it open for writing, or the place is taken */
MUST_USE enum status journal_open(const struct journal_options *options, struct journal **journal);
void journal_close(struct journal *journal);

struct journal_head journal_head(const struct journal *journal); /* As of the last commit. */

/* One write transaction at a time, from one thread. Begin, any number of appends and
 * puts, then commit or abort; both end the transaction and release it.
 *
 * After commit returned anything but STATUS_OK or STATUS_FULL its outcome is unknown: the process
 * must end, and the next start finds out. STATUS_FULL (map or disk) changed nothing. */
MUST_USE enum status journal_begin(struct journal *journal, struct journal_transaction **txn);
MUST_USE enum status journal_commit(struct journal_transaction *txn);
void journal_abort(struct journal_transaction *txn);

/* Appends the entries in order and sets `seq` and `chain` of each. Bodies are copied.
 * STATUS_TOO_LARGE for a body above JOURNAL_BODY_SIZE_MAX: abort then. Whatever fails in a
 * transaction, its commit fails with the same status and changes nothing. */
MUST_USE enum status journal_append(struct journal_transaction *txn, struct entry *entries,
                                    size_t count);

/* Rows: `table` is the role's own choice (0 is the journal's). An empty value is fine. */
MUST_USE enum status journal_put_row(struct journal_transaction *txn, uint8_t table,
                                     struct bytes key, struct bytes value);
MUST_USE enum status journal_delete_row(struct journal_transaction *txn, uint8_t table,
                                        struct bytes key); /* STATUS_OK also when there is none. */

/* Forgets entries from the oldest to `upto` (at most the last), at most `count_max` in
 * this transaction. The chain goes on. Sets how many were forgotten. */
MUST_USE enum status journal_trim(struct journal_transaction *txn, uint64_t upto, size_t count_max,
                                  size_t *count);

/* A reader sees the journal as of journal_reader_open or the last journal_seek. Hold it
 * for less than 100 ms between two seeks or journal_rest: an old view keeps pages from being
 * used again. The caller owns `*reader`. */
MUST_USE enum status journal_reader_open(struct journal *journal, struct journal_reader **reader);
void journal_reader_close(struct journal_reader *reader);
void journal_rest(struct journal_reader *reader); /* Gives the view up until the next seek. */

/* Moves to entry `seq` in a fresh view. STATUS_GAP when it was trimmed: the reader then stands at
 * the oldest entry. An entry yet to come is fine. */
MUST_USE enum status journal_seek(struct journal_reader *reader, uint64_t seq);

/* Reads the next entry; its body is borrowed until the next seek, rest or close. Checks
 * checksum and, from the second entry after a seek on, the chain. STATUS_END after the last. */
MUST_USE enum status journal_read(struct journal_reader *reader, struct entry *entry);

/* The stored form of the next entry, with its number in front, as feeds carry it: appended to
 * `target`. STATUS_END after the last. */
MUST_USE enum status journal_read_stored(struct journal_reader *reader, struct buffer *target);

/* One row, in the reader's view; borrowed like a body. STATUS_NOT_FOUND, STATUS_CORRUPT. */
MUST_USE enum status journal_get_row(struct journal_reader *reader, uint8_t table, struct bytes key,
                                     struct bytes *value);

/* Calls `visit` for every row of `table` by ascending key, starting at `from` (empty: the first),
 * until it returns something else than STATUS_OK, which is then returned (STATUS_END stops
 * early and counts as STATUS_OK). */
typedef enum status (*journal_visit)(void *context, struct bytes key, struct bytes value);
MUST_USE enum status journal_each_row(struct journal_reader *reader, uint8_t table,
                                      struct bytes from, journal_visit visit, void *context);

/* The form in which entries are stored and travel: u32 size of what follows, u64 seq, then
 * the stored value. entry_store appends it; entry_load reads one from the front of `*bytes`
 * and moves on, checking the checksum (not the chain: entry_follows does).
 * STATUS_END when `*bytes` is empty, STATUS_MALFORMED or STATUS_CORRUPT. */
void entry_store(const struct entry *entry, struct buffer *target);
MUST_USE enum status entry_load(struct bytes *bytes, struct entry *entry);

/* Sets `chain` to what an entry with these contents must carry after one with chain `previous`. */
void entry_chain(const uint8_t previous[JOURNAL_CHAIN_SIZE], const struct entry *entry,
                 uint8_t chain[JOURNAL_CHAIN_SIZE]);

/* Whether `entry` carries the chain it must after one with chain `previous`; zeroes before the
 * first. */
MUST_USE bool entry_follows(const uint8_t previous[JOURNAL_CHAIN_SIZE], const struct entry *entry);

/* Reads everything: checksum and chain of each entry, numbering, checksum of each row.
 * On STATUS_CORRUPT `report` says where and what. */
struct journal_report {
    uint64_t entry_count;
    uint64_t row_count;
    uint64_t bad_seq;  /* The first entry that does not check, 0 for none. */
    char problem[160]; /* For people; empty when all is well. */
};
MUST_USE enum status journal_verify(struct journal *journal, struct journal_report *report);

/* A compact copy into the directory `path`, which must not exist, while the journal is in
 * use. It is complete and on disk when this returns STATUS_OK. */
MUST_USE enum status journal_backup(struct journal *journal, const char *path);

/* For health: bytes in use, size of the map, bytes that the disk still has. Also forgets readers
 * of processes that died, so it belongs on a timer. */
struct journal_space {
    uint64_t used; /* Without the pages that trimming freed. */
    uint64_t size_max;
    uint64_t disk_free;
    uint64_t held;              /* Pages that are free but for the oldest reader. */
    int holder;                 /* The process of that reader, 0 for none. */
    uint64_t oldest_reader_age; /* In transactions. */
};
MUST_USE enum status journal_space(struct journal *journal, struct journal_space *space);

/* Ends (SIGKILL) the holder when it is another process, and holds back more than an eighth of the
 * map or than the disk has left: a reader that stands still would otherwise fill both. True when
 * it was ended; the next journal_space forgets it. */
bool journal_evict(const struct journal_space *space);

/* Gives the pages of the file that the process has mapped back to the kernel. They stay in its
 * cache and come back when they are read. Any thread may call it at any time. */
void journal_release_pages(struct journal *journal);

#endif
