/*
 * reader.c - positions in the journal.
 *
 * A reader keeps one read transaction and one cursor for life and renews them at every seek.
 */
#include "journal/internal.h"

#include "core/base/mutant.h"

#include <stdlib.h>
#include <string.h>

static void stand_at(struct journal_reader *reader, uint64_t seq)
{
    reader->seq_next = seq;
    reader->positioned = false;
    reader->chain_known = seq == reader->meta.head.oldest;
    if (reader->chain_known) {
        memcpy(reader->chain, reader->meta.before, JOURNAL_CHAIN_SIZE);
    }
}

static enum status open_view(struct journal_reader *reader)
{
    const struct journal *journal = reader->journal;
    int code = mdb_txn_begin(journal->env, NULL, MDB_RDONLY, &reader->txn);
    if (code != MDB_SUCCESS) {
        return status_from_mdb(code);
    }
    code = mdb_cursor_open(reader->txn, journal->log, &reader->cursor);
    if (code != MDB_SUCCESS) {
        return status_from_mdb(code);
    }
    return load_meta(reader->txn, journal->meta_table, &reader->meta);
}

enum status journal_reader_open(struct journal *journal, struct journal_reader **reader)
{
    struct journal_reader *opened = memory_take(1, sizeof *opened);

    opened->journal = journal;
    enum status status = open_view(opened);
    if (status != STATUS_OK) {
        journal_reader_close(opened);
        return status;
    }
    stand_at(opened, opened->meta.head.oldest);
    *reader = opened;
    return STATUS_OK;
}

void journal_reader_close(struct journal_reader *reader)
{
    if (reader == NULL) {
        return;
    }
    if (reader->cursor != NULL) {
        mdb_cursor_close(reader->cursor);
    }
    if (reader->txn != NULL) {
        mdb_txn_abort(reader->txn);
    }
    free(reader);
}

void journal_rest(struct journal_reader *reader)
{
    if (!reader->resting) {
        mdb_txn_reset(reader->txn);
        reader->resting = true;
    }
}

enum status journal_seek(struct journal_reader *reader, uint64_t seq)
{
    ENSURE(seq > 0);

    journal_rest(reader);
    int code = mdb_txn_renew(reader->txn);
    if (code != MDB_SUCCESS) {
        return status_from_mdb(code);
    }
    reader->resting = false;
    code = mdb_cursor_renew(reader->txn, reader->cursor);
    enum status status = status_from_mdb(code);
    if (status == STATUS_OK) {
        status = load_meta(reader->txn, reader->journal->meta_table, &reader->meta);
    }
    if (status != STATUS_OK) {
        journal_rest(reader);
        return status;
    }
    stand_at(reader, max_u64(seq, reader->meta.head.oldest));
    return seq < reader->meta.head.oldest ? STATUS_GAP : STATUS_OK;
}

/* The stored value of the next entry, found under the key it must have. */
static enum status fetch(struct journal_reader *reader, MDB_val *value, const char **problem)
{
    ENSURE(!reader->resting);

    if (reader->seq_next > reader->meta.head.last) {
        return STATUS_END;
    }
    uint8_t wanted[KEY_SIZE];
    encode_key(reader->meta.partition, reader->seq_next, wanted);
    MDB_val key = {.mv_size = KEY_SIZE, .mv_data = wanted};
    int code =
        mdb_cursor_get(reader->cursor, &key, value, reader->positioned ? MDB_NEXT : MDB_SET_KEY);
    if (code != MDB_SUCCESS && code != MDB_NOTFOUND) {
        *problem = "page";
        return status_from_mdb(code);
    }
    if (code == MDB_NOTFOUND || key.mv_size != KEY_SIZE ||
        memcmp(key.mv_data, wanted, KEY_SIZE) != 0) {
        *problem = "gap";
        return STATUS_CORRUPT;
    }
    if (value->mv_size < HEAD_SIZE || value->mv_size > HEAD_SIZE + JOURNAL_BODY_SIZE_MAX) {
        *problem = "size";
        return STATUS_CORRUPT;
    }
    return STATUS_OK;
}

static void advance(struct journal_reader *reader, const uint8_t chain[JOURNAL_CHAIN_SIZE])
{
    memcpy(reader->chain, chain, JOURNAL_CHAIN_SIZE);
    reader->chain_known = true;
    reader->positioned = true;
    reader->seq_next++;
}

static bool chain_holds(const struct journal_reader *reader, const struct entry *entry)
{
    if (reader->chain_known && !entry_follows(reader->chain, entry) && !MUTANT(51)) {
        return false;
    }
    return entry->seq != reader->meta.head.last || MUTANT(51) ||
           memcmp(entry->chain, reader->meta.head.chain, JOURNAL_CHAIN_SIZE) == 0;
}

enum status read_entry(struct journal_reader *reader, struct entry *entry, const char **problem)
{
    MDB_val value;
    struct entry read;
    enum status status = fetch(reader, &value, problem);

    if (status != STATUS_OK) {
        reader->positioned = false;
        return status;
    }
    struct bytes stored = {.data = value.mv_data, .size = value.mv_size};
    status = decode_entry(reader->seq_next, stored, &read, problem);
    if (status == STATUS_OK && !chain_holds(reader, &read)) {
        *problem = "chain";
        status = STATUS_CORRUPT;
    }
    if (status != STATUS_OK) {
        reader->positioned = false;
        return status;
    }
    advance(reader, read.chain);
    *entry = read;
    return STATUS_OK;
}

enum status journal_read(struct journal_reader *reader, struct entry *entry)
{
    const char *problem = NULL;

    return read_entry(reader, entry, &problem);
}

enum status journal_read_stored(struct journal_reader *reader, struct buffer *target)
{
    const char *problem = NULL;
    MDB_val value;
    enum status status = fetch(reader, &value, &problem);

    if (status != STATUS_OK) {
        reader->positioned = false;
        return status;
    }
    uint8_t *frame = buffer_extend(target, FRAME_SIZE + value.mv_size);
    store_u32(frame, (uint32_t)(8 + value.mv_size));
    store_u64(frame + 4, reader->seq_next);
    memcpy(frame + FRAME_SIZE, value.mv_data, value.mv_size);
    advance(reader, frame + FRAME_SIZE + HEAD_SIZE - JOURNAL_CHAIN_SIZE);
    return STATUS_OK;
}
