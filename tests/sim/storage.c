#include "tests/sim/storage.h"

#include <stdlib.h>
#include <string.h>

void storage_init(struct storage *storage, uint64_t epoch)
{
    *storage = (struct storage){.head = {.epoch = epoch, .oldest = 1}};
    GROW(storage->starts, storage->starts_capacity, 1);
}

static void clear_rows(struct storage_rows *rows)
{
    for (size_t i = 0; i < rows->count; i++) {
        buffer_deinit(&rows->items[i].value);
    }
    free(rows->items);
    *rows = (struct storage_rows){0};
}

void storage_deinit(struct storage *storage)
{
    clear_rows(&storage->rows);
    clear_rows(&storage->older.rows);
    buffer_deinit(&storage->log);
    free(storage->starts);
    *storage = (struct storage){0};
}

/* --- Rows ---------------------------------------------------------------------------- */

static int compare_row(const struct storage_row *row, uint8_t table, struct bytes key)
{
    if (row->table != table) {
        return row->table < table ? -1 : 1;
    }
    return bytes_compare((struct bytes){row->key, row->key_size}, key);
}

/* The first row that is not before the key. */
static size_t find_place(const struct storage_rows *rows, uint8_t table, struct bytes key)
{
    size_t low = 0;
    size_t high = rows->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare_row(&rows->items[middle], table, key) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static void put_row(struct storage_rows *rows, uint8_t table, struct bytes key, struct bytes value)
{
    size_t at = find_place(rows, table, key);

    ENSURE(key.size <= JOURNAL_ROW_KEY_SIZE_MAX);
    ENSURE(value.size <= JOURNAL_ROW_SIZE_MAX);
    if (at == rows->count || compare_row(&rows->items[at], table, key) != 0) {
        GROW(rows->items, rows->capacity, rows->count + 1);
        memmove(&rows->items[at + 1], &rows->items[at], (rows->count - at) * sizeof *rows->items);
        rows->count++;
        rows->items[at] = (struct storage_row){.table = table, .key_size = (uint8_t)key.size};
        if (key.size > 0) {
            memcpy(rows->items[at].key, key.data, key.size);
        }
    }
    rows->items[at].value.size = 0;
    buffer_append(&rows->items[at].value, value.data, value.size);
}

const struct storage_row *storage_find(const struct storage *storage, uint8_t table,
                                       struct bytes key)
{
    size_t at = find_place(&storage->rows, table, key);
    bool is_there =
        at < storage->rows.count && compare_row(&storage->rows.items[at], table, key) == 0;

    return is_there ? &storage->rows.items[at] : NULL;
}

static void copy_rows(struct storage_rows *target, const struct storage_rows *source)
{
    clear_rows(target);
    GROW(target->items, target->capacity, source->count);
    for (size_t i = 0; i < source->count; i++) {
        target->items[i] = source->items[i];
        target->items[i].value = (struct buffer){0};
        buffer_append(&target->items[i].value, source->items[i].value.data,
                      source->items[i].value.size);
    }
    target->count = source->count;
}

/* --- Entries ------------------------------------------------------------------------- */

static void append(struct storage *storage, struct entry *entry)
{
    ENSURE(entry->seq == storage->head.last + 1);
    entry_chain(storage->head.chain, entry, entry->chain);
    storage->log.size = storage->starts[storage->head.last]; /* Behind it may be a lost tail. */
    entry_store(entry, &storage->log);
    storage->head.last++;
    memcpy(storage->head.chain, entry->chain, sizeof entry->chain);
    GROW(storage->starts, storage->starts_capacity, (size_t)storage->head.last + 1);
    storage->starts[storage->head.last] = storage->log.size;
}

void storage_write(struct storage *storage, struct batch *batch)
{
    for (size_t i = 0; i < batch->entry_count; i++) {
        batch->entries[i].body = batch_body(batch, i);
        append(storage, &batch->entries[i]);
    }
    for (size_t i = 0; i < batch->row_count; i++) {
        const struct batch_row *row = &batch->rows[i];
        struct bytes key = {batch->rows_bytes.data + row->key_start, row->key_size};
        struct bytes value = {batch->rows_bytes.data + row->value_start, row->value_size};
        put_row(&storage->rows, row->table, key, value);
    }
    ENSURE(batch->trim_upto <= storage->head.last);
    ENSURE(batch->trim_upto < storage->head.oldest + BATCH_TRIM_COUNT_MAX);
    storage->head.oldest = max_u64(storage->head.oldest, batch->trim_upto + 1);
}

struct bytes storage_entry(const struct storage *storage, uint64_t seq)
{
    size_t start = storage->starts[seq - 1];

    return (struct bytes){storage->log.data + start, storage->starts[seq] - start};
}

enum status storage_read(const struct storage *storage, uint64_t from, size_t size_max,
                         struct buffer *stored)
{
    size_t size_before = stored->size;
    struct entry entry;

    if (from < storage->head.oldest) {
        return STATUS_GAP;
    }
    if (from > storage->head.last) {
        return STATUS_END;
    }
    for (; from <= storage->head.last && stored->size - size_before < size_max; from++) {
        struct bytes next = storage_entry(storage, from);
        struct bytes checked = next;
        if (storage->flipped_bits != 0 && entry_load(&checked, &entry) != STATUS_OK) {
            return STATUS_CORRUPT;
        }
        buffer_append(stored, next.data, next.size);
    }
    return STATUS_OK;
}

/* --- What may befall it -------------------------------------------------------------- */

void storage_keep(struct storage *storage)
{
    storage->older.is_kept = true;
    storage->older.head = storage->head;
    copy_rows(&storage->older.rows, &storage->rows);
}

void storage_copy(struct storage *target, const struct storage *source)
{
    size_t count = (size_t)source->head.last + 1;

    *target = *source;
    target->rows = target->older.rows = (struct storage_rows){0};
    copy_rows(&target->rows, &source->rows);
    copy_rows(&target->older.rows, &source->older.rows);
    target->log = (struct buffer){0};
    buffer_append(&target->log, source->log.data, source->log.size);
    target->starts = NULL;
    target->starts_capacity = 0;
    GROW(target->starts, target->starts_capacity, count);
    ENSURE(target->starts != NULL);
    memcpy(target->starts, source->starts, count * sizeof *target->starts);
}

bool storage_fall_back(struct storage *storage)
{
    bool is_older = storage->older.is_kept && storage->older.head.last < storage->head.last;

    if (is_older) {
        storage->head = storage->older.head;
        copy_rows(&storage->rows, &storage->older.rows);
    }
    return is_older;
}

bool storage_flip(struct storage *storage, struct draw *draw)
{
    uint64_t kept = storage->head.last + 1 - storage->head.oldest;

    if (kept == 0 || storage->flipped_bits != 0) {
        return false;
    }
    struct bytes entry = storage_entry(storage, storage->head.oldest + draw_below(draw, kept));
    storage->flipped_at =
        (size_t)(entry.data - storage->log.data) + (size_t)draw_between(draw, 4, entry.size - 1);
    storage->flipped_bits = (uint8_t)(1u << draw_below(draw, 8));
    storage->log.data[storage->flipped_at] ^= storage->flipped_bits;
    return true;
}

void storage_repair(struct storage *storage)
{
    if (storage->flipped_bits != 0) {
        storage->log.data[storage->flipped_at] ^= storage->flipped_bits;
        storage->flipped_bits = 0;
    }
}
