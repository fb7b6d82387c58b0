/*
 * batch.c - what one transaction makes durable: entries, rows, what to forget.
 *
 * Bodies, keys and values lie one behind the other in two buffers, so that a batch
 * that was used once allocates nothing any more.
 */
#include "node/batch.h"

#include <stdlib.h>

struct entry *batch_append(struct batch *batch, const struct entry *entry)
{
    GROW(batch->entries, batch->entry_capacity, batch->entry_count + 1);
    GROW(batch->body_starts, batch->body_starts_capacity, batch->entry_count + 1);
    batch->body_starts[batch->entry_count] = batch->bodies.size;
    buffer_append(&batch->bodies, entry->body.data, entry->body.size);

    struct entry *added = &batch->entries[batch->entry_count++];
    *added = *entry;
    return added;
}

void batch_put_row(struct batch *batch, uint8_t table, struct bytes key, struct bytes value)
{
    GROW(batch->rows, batch->row_capacity, batch->row_count + 1);
    struct batch_row *row = &batch->rows[batch->row_count++];
    row->table = table;
    row->key_start = batch->rows_bytes.size;
    row->key_size = key.size;
    buffer_append(&batch->rows_bytes, key.data, key.size);
    row->value_start = batch->rows_bytes.size;
    row->value_size = value.size;
    buffer_append(&batch->rows_bytes, value.data, value.size);
}

struct bytes batch_body(const struct batch *batch, size_t index)
{
    return (struct bytes){
        .data = batch->bodies.data + batch->body_starts[index],
        .size = batch->entries[index].body.size,
    };
}

void batch_cut(struct batch *batch, size_t entry_count)
{
    ENSURE(entry_count <= batch->entry_count);
    if (entry_count < batch->entry_count) {
        batch->bodies.size = batch->body_starts[entry_count];
        batch->entry_count = entry_count;
    }
}

/* A checkpoint's rows are many times what a batch holds otherwise, and seldom: their memory is
 * given back. */
static void release_rows(struct batch *batch)
{
    free(batch->rows);
    batch->rows = NULL;
    batch->row_capacity = 0;
    buffer_deinit(&batch->rows_bytes);
}

void batch_clear(struct batch *batch)
{
    if (batch->is_checkpoint) {
        release_rows(batch);
    }
    batch->entry_count = 0;
    batch->row_count = 0;
    batch->bodies.size = 0;
    batch->rows_bytes.size = 0;
    batch->trim_upto = 0;
    batch->is_checkpoint = false;
}

void batch_deinit(struct batch *batch)
{
    free(batch->entries);
    free(batch->rows);
    free(batch->body_starts);
    buffer_deinit(&batch->bodies);
    buffer_deinit(&batch->rows_bytes);
    *batch = (struct batch){0};
}

static enum status write_rows(const struct batch *batch, struct journal_transaction *txn)
{
    const uint8_t *bytes = batch->rows_bytes.data;
    enum status status = STATUS_OK;

    for (size_t i = 0; i < batch->row_count && status == STATUS_OK; i++) {
        const struct batch_row *row = &batch->rows[i];
        struct bytes key = {.data = bytes + row->key_start, .size = row->key_size};
        struct bytes value = {.data = bytes + row->value_start, .size = row->value_size};
        status = journal_put_row(txn, row->table, key, value);
    }
    return status;
}

static enum status write_all(struct batch *batch, struct journal_transaction *txn)
{
    size_t trimmed = 0;
    enum status status = STATUS_OK;

    if (batch->entry_count > 0) {
        status = journal_append(txn, batch->entries, batch->entry_count);
    }
    if (status == STATUS_OK) {
        status = write_rows(batch, txn);
    }
    if (status == STATUS_OK && batch->trim_upto > 0) {
        status = journal_trim(txn, batch->trim_upto, BATCH_TRIM_COUNT_MAX, &trimmed);
    }
    return status;
}

enum status batch_write(struct batch *batch, struct journal *journal)
{
    struct journal_transaction *txn = NULL;
    uint64_t seq_first = batch->entry_count > 0 ? batch->entries[0].seq : 0;

    /* Only now do the buffers stand still. */
    for (size_t i = 0; i < batch->entry_count; i++) {
        batch->entries[i].body = batch_body(batch, i);
    }
    enum status status = journal_begin(journal, &txn);
    if (status != STATUS_OK) {
        return status;
    }
    status = write_all(batch, txn);
    if (status != STATUS_OK) {
        journal_abort(txn);
        return status;
    }
    ENSURE(batch->entry_count == 0 || batch->entries[0].seq == seq_first);
    return journal_commit(txn);
}
