/*
 * rows.c - small keyed values.
 *
 * The key is the table's number and the row's key; the value is a CRC-32C over both and the
 * value, then the value. So an intact value found under the wrong key is caught too.
 */
#include "journal/internal.h"

#include "core/base/mutant.h"

#include <string.h>

struct row_key {
    uint8_t bytes[ROW_KEY_SIZE_MAX];
    size_t size;
};

static struct row_key row_key_of(uint8_t table, struct bytes key)
{
    ENSURE(table != 0);
    ENSURE(key.size <= JOURNAL_ROW_KEY_SIZE_MAX);

    struct row_key made = {.size = 1 + key.size};
    made.bytes[0] = table;
    if (key.size > 0) {
        memcpy(made.bytes + 1, key.data, key.size);
    }
    return made;
}

static uint32_t checksum_of(const void *key, size_t key_size, const uint8_t *value, size_t size)
{
    return checksum(checksum(0, key, key_size), value, size);
}

enum status journal_put_row(struct journal_transaction *txn, uint8_t table, struct bytes key,
                            struct bytes value)
{
    if (key.size > JOURNAL_ROW_KEY_SIZE_MAX || value.size > JOURNAL_ROW_SIZE_MAX) {
        return fail_transaction(txn, STATUS_TOO_LARGE);
    }
    enum status status = prepare_growth(txn);
    if (status != STATUS_OK) {
        return status;
    }
    struct row_key made = row_key_of(table, key);
    MDB_val at = {.mv_size = made.size, .mv_data = made.bytes};
    MDB_val stored = {.mv_size = ROW_HEAD_SIZE + value.size};
    int code = mdb_put(txn->txn, txn->journal->rows, &at, &stored, MDB_RESERVE);
    if (code != MDB_SUCCESS) {
        return fail_transaction(txn, status_from_mdb(code));
    }
    uint8_t *target = stored.mv_data;
    store_u32(target, checksum_of(made.bytes, made.size, value.data, value.size));
    if (value.size > 0) {
        memcpy(target + ROW_HEAD_SIZE, value.data, value.size);
    }
    return STATUS_OK;
}

enum status journal_delete_row(struct journal_transaction *txn, uint8_t table, struct bytes key)
{
    if (txn->failed != STATUS_OK) {
        return txn->failed;
    }
    struct row_key made = row_key_of(table, key);
    MDB_val at = {.mv_size = made.size, .mv_data = made.bytes};
    int code = mdb_del(txn->txn, txn->journal->rows, &at, NULL);
    return code == MDB_NOTFOUND ? STATUS_OK : fail_transaction(txn, status_from_mdb(code));
}

enum status decode_row(const MDB_val *key, const MDB_val *stored, struct bytes *value)
{
    const uint8_t *data = stored->mv_data;

    if (key->mv_size < 1 || key->mv_size > ROW_KEY_SIZE_MAX || stored->mv_size < ROW_HEAD_SIZE ||
        stored->mv_size > ROW_HEAD_SIZE + JOURNAL_ROW_SIZE_MAX) {
        return STATUS_CORRUPT;
    }
    struct bytes found = {.data = data + ROW_HEAD_SIZE, .size = stored->mv_size - ROW_HEAD_SIZE};
    if (load_u32(data) != checksum_of(key->mv_data, key->mv_size, found.data, found.size) &&
        !MUTANT(52)) {
        return STATUS_CORRUPT;
    }
    *value = found;
    return STATUS_OK;
}

enum status journal_get_row(struct journal_reader *reader, uint8_t table, struct bytes key,
                            struct bytes *value)
{
    ENSURE(!reader->resting);

    struct row_key made = row_key_of(table, key);
    MDB_val at = {.mv_size = made.size, .mv_data = made.bytes};
    MDB_val stored;
    int code = mdb_get(reader->txn, reader->journal->rows, &at, &stored);
    return code == MDB_SUCCESS ? decode_row(&at, &stored, value) : status_from_mdb(code);
}

static enum status visit_rows(MDB_cursor *cursor, const struct row_key *from, journal_visit visit,
                              void *context)
{
    MDB_val key = {.mv_size = from->size, .mv_data = (void *)(uintptr_t)from->bytes};
    MDB_val stored;
    int code = mdb_cursor_get(cursor, &key, &stored, MDB_SET_RANGE);

    while (code == MDB_SUCCESS) {
        const uint8_t *found = key.mv_data;
        struct bytes value;
        enum status status = decode_row(&key, &stored, &value);
        if (status == STATUS_OK && found[0] != from->bytes[0]) {
            return STATUS_OK; /* Another table begins, and its key is what was written. */
        }
        if (status == STATUS_OK) {
            status =
                visit(context, (struct bytes){.data = found + 1, .size = key.mv_size - 1}, value);
        }
        if (status != STATUS_OK) {
            return status == STATUS_END ? STATUS_OK : status;
        }
        code = mdb_cursor_get(cursor, &key, &stored, MDB_NEXT);
    }
    return code == MDB_NOTFOUND ? STATUS_OK : status_from_mdb(code);
}

enum status journal_each_row(struct journal_reader *reader, uint8_t table, struct bytes from,
                             journal_visit visit, void *context)
{
    ENSURE(!reader->resting);

    struct row_key start = row_key_of(table, from);
    MDB_cursor *cursor = NULL;
    int code = mdb_cursor_open(reader->txn, reader->journal->rows, &cursor);
    if (code != MDB_SUCCESS) {
        return status_from_mdb(code);
    }
    enum status status = visit_rows(cursor, &start, visit, context);
    mdb_cursor_close(cursor);
    return status;
}
