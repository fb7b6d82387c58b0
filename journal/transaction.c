/*
 * transaction.c - the one that writes: append, trim, commit.
 *
 * Number and chain of the last entry are kept in memory, so an append touches the log alone:
 * the store hands out room in its page and the entry is encoded there. Meta is written once,
 * at the commit.
 *
 * A store with no free page cannot even delete. So a commit that adds something is refused
 * when it would leave fewer free pages than a trim needs.
 */
#include "journal/internal.h"

#include "core/base/mutant.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define TRIM_PAGE_COUNT 256 /* Kept free for trimming, or an eighth of a small map. */

struct journal_head journal_head(const struct journal *journal)
{
    /* A lock is taken also to look; nothing that the caller can see changes. */
    pthread_mutex_t *lock = (pthread_mutex_t *)(uintptr_t)&journal->meta_lock;

    ENSURE(pthread_mutex_lock(lock) == 0);
    struct journal_head head = journal->meta.head;
    ENSURE(pthread_mutex_unlock(lock) == 0);
    return head;
}

/* Keeps at least half of `reserve` on disk ahead of what is in use, and sets aside the whole of
 * it again when there is less. */
enum status reserve_ahead(struct journal *journal)
{
    if (journal->reserve == 0) {
        return STATUS_OK;
    }
    MDB_envinfo info;
    mdb_filehandle_t file;
    ENSURE(mdb_env_info(journal->env, &info) == MDB_SUCCESS);
    uint64_t used = (info.me_last_pgno + 1) * journal->page_size;
    uint64_t size_max = journal->page_count_max * journal->page_size;
    if (min_u64(used + journal->reserve / 2, size_max) <= journal->reserved) {
        return STATUS_OK;
    }
    uint64_t wanted = min_u64(used + journal->reserve, size_max);
    ENSURE(mdb_env_get_fd(journal->env, &file) == MDB_SUCCESS);
    int code = posix_fallocate(file, (off_t)journal->reserved, (off_t)(wanted - journal->reserved));
    if (code != 0) {
        return code == ENOSPC || code == EDQUOT || code == EFBIG ? STATUS_FULL : STATUS_IO;
    }
    journal->reserved = wanted;
    return STATUS_OK;
}

enum status journal_begin(struct journal *journal, struct journal_transaction **txn)
{
    ENSURE(!journal->read_only);
    ENSURE(!journal->writing);

    if (journal->broken) {
        return STATUS_IO;
    }
    struct journal_transaction *begun = &journal->transaction;
    *begun = (struct journal_transaction){.journal = journal, .meta = journal->meta};
    int code = mdb_txn_begin(journal->env, NULL, 0, &begun->txn);
    if (code == MDB_SUCCESS) {
        code = mdb_cursor_open(begun->txn, journal->log, &begun->cursor);
    }
    if (code != MDB_SUCCESS) {
        if (begun->txn != NULL) {
            mdb_txn_abort(begun->txn);
        }
        return status_from_mdb(code);
    }
    journal->writing = true;
    *txn = begun;
    return STATUS_OK;
}

void journal_abort(struct journal_transaction *txn)
{
    if (txn == NULL) {
        return;
    }
    ENSURE(txn->journal->writing);
    mdb_cursor_close(txn->cursor);
    mdb_txn_abort(txn->txn);
    txn->journal->writing = false;
    if (txn->failed == STATUS_IO) {
        txn->journal->broken = true;
    }
}

enum status fail_transaction(struct journal_transaction *txn, enum status status)
{
    if (txn->failed == STATUS_OK) {
        txn->failed = status;
    }
    return status;
}

enum status prepare_growth(struct journal_transaction *txn)
{
    if (txn->grew || txn->failed != STATUS_OK) {
        return txn->failed;
    }
    txn->grew = true;
    return fail_transaction(txn, reserve_ahead(txn->journal));
}

static enum status append_entry(struct journal_transaction *txn, struct entry *entry)
{
    if (entry->body.size > JOURNAL_BODY_SIZE_MAX) {
        return STATUS_TOO_LARGE;
    }
    struct journal_head *head = &txn->meta.head;
    uint8_t key_bytes[KEY_SIZE];
    encode_key(txn->meta.partition, head->last + 1, key_bytes);
    MDB_val key = {.mv_size = KEY_SIZE, .mv_data = key_bytes};
    MDB_val value = {.mv_size = HEAD_SIZE + entry->body.size};
    int code = mdb_cursor_put(txn->cursor, &key, &value, MDB_APPEND | MDB_RESERVE);
    if (code != MDB_SUCCESS) {
        return status_from_mdb(code);
    }
    entry->seq = head->last + 1;
    entry_chain(head->chain, entry, entry->chain);
    encode_entry(entry, value.mv_data);
    head->last = entry->seq;
    memcpy(head->chain, entry->chain, JOURNAL_CHAIN_SIZE);
    return STATUS_OK;
}

enum status journal_append(struct journal_transaction *txn, struct entry *entries, size_t count)
{
    enum status status = prepare_growth(txn);

    txn->meta_changed = true;
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        status = append_entry(txn, &entries[i]);
    }
    return fail_transaction(txn, status);
}

/* Deletes the entry the cursor stands on, which must be the oldest. */
static enum status trim_entry(struct journal_transaction *txn, const MDB_val *key,
                              const MDB_val *value)
{
    uint64_t seq = txn->meta.head.oldest;
    uint8_t expected[KEY_SIZE];
    const char *problem = NULL;
    struct entry entry;
    struct bytes stored = {.data = value->mv_data, .size = value->mv_size};

    encode_key(txn->meta.partition, seq, expected);
    if (key->mv_size != KEY_SIZE || memcmp(key->mv_data, expected, KEY_SIZE) != 0) {
        return STATUS_CORRUPT;
    }
    enum status status = decode_entry(seq, stored, &entry, &problem);
    if (status == STATUS_OK) {
        memcpy(txn->meta.before, entry.chain, JOURNAL_CHAIN_SIZE);
        txn->meta.head.oldest = seq + 1;
        status = status_from_mdb(mdb_cursor_del(txn->cursor, 0));
    }
    return status;
}

enum status journal_trim(struct journal_transaction *txn, uint64_t upto, size_t count_max,
                         size_t *count)
{
    uint64_t last = min_u64(upto, txn->meta.head.last);
    enum status status = txn->failed;
    MDB_cursor_op next = MDB_FIRST;
    size_t trimmed = 0;

    while (status == STATUS_OK && trimmed < count_max && txn->meta.head.oldest <= last) {
        MDB_val key;
        MDB_val value;
        int code = mdb_cursor_get(txn->cursor, &key, &value, next);
        status = code == MDB_NOTFOUND ? STATUS_CORRUPT : status_from_mdb(code);
        if (status == STATUS_OK) {
            status = trim_entry(txn, &key, &value);
            txn->meta_changed = true;
            trimmed++;
        }
        next = MDB_NEXT;
    }
    if (status == STATUS_OK) {
        *count = trimmed;
    }
    return fail_transaction(txn, status);
}

/* Counts the pages that the trees hold as of this transaction; the rest of the map is free, or
 * will be when the readers of today are gone. */
static enum status check_room(struct journal_transaction *txn)
{
    const struct journal *journal = txn->journal;
    const MDB_dbi tables[] = {FREE_TABLE, ROOT_TABLE, journal->log, journal->rows,
                              journal->meta_table};
    uint64_t kept = min_u64(TRIM_PAGE_COUNT, journal->page_count_max / 8);
    uint64_t used = 2; /* LMDB's two meta pages. */

    for (size_t i = 0; i < COUNT_OF(tables); i++) {
        MDB_stat stat;
        int code = mdb_stat(txn->txn, tables[i], &stat);
        if (code != MDB_SUCCESS) {
            return status_from_mdb(code);
        }
        used += stat.ms_branch_pages + stat.ms_leaf_pages + stat.ms_overflow_pages;
    }
    return used + kept > journal->page_count_max ? STATUS_FULL : STATUS_OK;
}

static enum status finish_transaction(struct journal_transaction *txn)
{
    struct journal *journal = txn->journal;
    enum status status = txn->failed;

    if (status == STATUS_OK && txn->meta_changed) {
        status = save_meta(txn->txn, journal->meta_table, &txn->meta);
    }
    if (status == STATUS_OK && txn->grew) {
        status = check_room(txn);
    }
    return fail_transaction(txn, status);
}

/* LMDB finds a full map before it writes the first page. Any other failure of its commit may
 * come after the pages, or even the new root, reached the disk. */
enum status journal_commit(struct journal_transaction *txn)
{
    struct journal *journal = txn->journal;
    enum status status = finish_transaction(txn);

    if (status != STATUS_OK) {
        journal_abort(txn);
        return status;
    }
    mdb_cursor_close(txn->cursor);
    int code = mdb_txn_commit(txn->txn);
    journal->writing = false;
    if (code == MDB_MAP_FULL) {
        return STATUS_FULL;
    }
    if (code != MDB_SUCCESS && !MUTANT(50)) {
        journal->broken = true;
        return STATUS_IO;
    }
    ENSURE(pthread_mutex_lock(&journal->meta_lock) == 0);
    journal->meta = txn->meta;
    ENSURE(pthread_mutex_unlock(&journal->meta_lock) == 0);
    return STATUS_OK;
}
