/*
 * Bytes as changes to a small journal behind its back, through LMDB's own calls.
 *
 * Whatever was changed, opening or verifying tells, but for rows that are gone as a whole, which
 * nothing counts. What is read without complaint is what was written. A journal that was changed
 * back, or not at all, is well. LMDB's own pages stay whole: what damage to them does is for the
 * tests that work in child processes.
 */
#include "journal/journal.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/place.h"

#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define ENTRY_COUNT 10
#define TRIMMED_COUNT 2
#define ROW_COUNT 4
#define HEAD_SIZE 64
#define STEP_COUNT_MAX 12
#define FILE_SIZE_MAX ((size_t)1024 * 1024)
#define ITEM_COUNT_MAX 64
#define ITEM_SIZE_MAX 600
#define TABLE_COUNT 3
#define ROW_TABLE 1 /* In the order of the names below. */
#define META_TABLE 2

static const char *const table_names[TABLE_COUNT] = {"log", "rows", "meta"};

enum change {
    CHANGE_FLIP,
    CHANGE_DELETE,
    CHANGE_COPY,
    CHANGE_CUT,
    CHANGE_ADD,
    CHANGE_SEAL,
    CHANGE_COUNT
};

struct store {
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi tables[TABLE_COUNT];
};

struct item {
    uint8_t table, key_size;
    uint8_t key[128];
    uint8_t value[ITEM_SIZE_MAX];
    size_t value_size;
};

/* The journal as it was made. */
static struct {
    char directory[PLACE_PATH_SIZE];
    char file[PLACE_PATH_SIZE + 16];
    uint8_t *bytes;
    size_t size;
    struct item items[ITEM_COUNT_MAX];
    size_t item_count;
} original;

/* Making it, once. */

static void append_entries(struct journal *journal)
{
    struct journal_transaction *txn = NULL;
    uint8_t body[300];
    size_t trimmed = 0;

    ENSURE(journal_begin(journal, &txn) == STATUS_OK);
    for (uint64_t i = 1; i <= ENTRY_COUNT; i++) {
        memset(body, (int)i, sizeof body);
        struct entry entry = {
            .time_ms = i, .kind = (uint16_t)i, .version = 1, .body = {body, i * 29 % sizeof body}};
        ENSURE(journal_append(txn, &entry, 1) == STATUS_OK);
    }
    ENSURE(journal_trim(txn, TRIMMED_COUNT, TRIMMED_COUNT, &trimmed) == STATUS_OK);
    for (uint8_t i = 0; i < ROW_COUNT; i++) {
        struct bytes key = {(const uint8_t *)"rows", (size_t)i + 1};
        ENSURE(journal_put_row(txn, (uint8_t)(1 + i / 2), key, (struct bytes){body, i * 7u}) ==
               STATUS_OK);
    }
    ENSURE(journal_commit(txn) == STATUS_OK);
}

static void open_store(struct store *store, unsigned flags)
{
    ENSURE(mdb_env_create(&store->env) == 0);
    ENSURE(mdb_env_set_maxdbs(store->env, TABLE_COUNT) == 0);
    ENSURE(mdb_env_open(store->env, original.directory, MDB_NOTLS | MDB_NOSYNC | MDB_NOLOCK,
                        0600) == 0);
    ENSURE(mdb_txn_begin(store->env, NULL, flags, &store->txn) == 0);
    for (size_t i = 0; i < TABLE_COUNT; i++) {
        ENSURE(mdb_dbi_open(store->txn, table_names[i], 0, &store->tables[i]) == 0);
    }
}

static void close_store(struct store *store)
{
    ENSURE(mdb_txn_commit(store->txn) == 0);
    mdb_env_close(store->env);
}

static void keep_item(uint8_t table, const MDB_val *key, const MDB_val *value, struct item *item)
{
    ENSURE(key->mv_size <= sizeof item->key);
    ENSURE(value->mv_size <= sizeof item->value);
    *item = (struct item){
        .table = table, .key_size = (uint8_t)key->mv_size, .value_size = value->mv_size};
    memcpy(item->key, key->mv_data, key->mv_size);
    memcpy(item->value, value->mv_data, value->mv_size);
}

/* Every item of every table; returns how many. */
static size_t list_items(struct store *store, struct item items[ITEM_COUNT_MAX])
{
    size_t count = 0;

    for (uint8_t table = 0; table < TABLE_COUNT; table++) {
        MDB_cursor *cursor = NULL;
        MDB_val key, value;
        ENSURE(mdb_cursor_open(store->txn, store->tables[table], &cursor) == 0);
        while (mdb_cursor_get(cursor, &key, &value, MDB_NEXT) == 0) {
            ENSURE(count < ITEM_COUNT_MAX);
            keep_item(table, &key, &value, &items[count++]);
        }
        mdb_cursor_close(cursor);
    }
    return count;
}

static struct journal_options options(bool read_only)
{
    return (struct journal_options){.path = original.directory,
                                    .size_max = FILE_SIZE_MAX,
                                    .partition = 7,
                                    .read_only = read_only};
}

static void read_original(void)
{
    FILE *file = fopen(original.file, "rbe");

    ENSURE(file != NULL);
    original.bytes = memory_take(FILE_SIZE_MAX, 1);
    original.size = fread(original.bytes, 1, FILE_SIZE_MAX, file);
    ENSURE(original.size > 0 && original.size < FILE_SIZE_MAX);
    fclose(file);
}

static void make_original(void)
{
    struct journal_options made = options(false);
    struct journal *journal = NULL;
    struct store store;

    place_path("feed", original.directory);
    snprintf(original.file, sizeof original.file, "%s/data.mdb", original.directory);
    ENSURE(journal_open(&made, &journal) == STATUS_OK);
    append_entries(journal);
    journal_close(journal);
    read_original();
    open_store(&store, MDB_RDONLY);
    original.item_count = list_items(&store, original.items);
    close_store(&store);
}

/* Changing it. */

static void put_item(struct store *store, const struct item *item)
{
    MDB_val key = {item->key_size, (void *)(uintptr_t)item->key};
    MDB_val value = {item->value_size, (void *)(uintptr_t)item->value};

    ENSURE(mdb_put(store->txn, store->tables[item->table], &key, &value, 0) == 0);
}

static void delete_item(struct store *store, const struct item *item)
{
    MDB_val key = {item->key_size, (void *)(uintptr_t)item->key};

    ENSURE(mdb_del(store->txn, store->tables[item->table], &key, NULL) == 0);
}

/* The checksum of an entry, made right by someone who knows the format. */
static void seal_entry(struct item *item)
{
    uint8_t number[8];

    if (item->table == 0 && item->value_size >= HEAD_SIZE) {
        store_u64(number, load_u64_be(item->key + 4));
        uint32_t sum = checksum(0, number, sizeof number);
        store_u32(item->value, checksum(sum, item->value + 4, item->value_size - 4));
    }
}

static void flip(struct item *item, struct bytes *input)
{
    size_t at = fuzz_take_below(input, 1 + UINT16_MAX);

    if (item->value_size > 0) {
        item->value[at % item->value_size] ^= (uint8_t)(1u << fuzz_take_below(input, 8));
    }
}

/* Of a log that is not the last: one more, or one less, at either end or in between. */
static void add_item(struct item *item, struct bytes *input)
{
    size_t at = item->key_size - 1u;

    item->key[at] = (uint8_t)(item->key[at] + fuzz_take_below(input, 16) + 1);
}

static void change_store(struct store *store, struct bytes *input)
{
    static struct item items[ITEM_COUNT_MAX];
    size_t count = list_items(store, items);

    if (count == 0) {
        return;
    }
    enum change change = (enum change)fuzz_take_below(input, CHANGE_COUNT);
    struct item *item = &items[fuzz_take_below(input, count)];
    const struct item *other = &items[fuzz_take_below(input, count)];
    switch (change) {
    case CHANGE_FLIP:
        flip(item, input);
        break;
    case CHANGE_DELETE:
        delete_item(store, item);
        return;
    case CHANGE_COPY:
        memcpy(item->value, other->value, other->value_size);
        item->value_size = other->value_size;
        break;
    case CHANGE_CUT:
        item->value_size = min_u64(item->value_size, fuzz_take_below(input, ITEM_SIZE_MAX));
        break;
    case CHANGE_ADD:
        add_item(item, input);
        break;
    case CHANGE_SEAL:
        flip(item, input);
        seal_entry(item);
        break;
    case CHANGE_COUNT:
        UNREACHABLE();
    }
    put_item(store, item);
}

/* Looking at it. */

static bool is_same_item(const struct item *left, const struct item *right)
{
    return left->table == right->table && left->key_size == right->key_size &&
           memcmp(left->key, right->key, left->key_size) == 0 &&
           left->value_size == right->value_size &&
           memcmp(left->value, right->value, left->value_size) == 0;
}

static bool is_among(const struct item *item, const struct item *items, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (is_same_item(item, &items[i])) {
            return true;
        }
    }
    return false;
}

/* True when something is there that was not, or is gone and is no row. What "meta" holds beside its
 * one row is never read. */
static bool must_be_found(const struct item *items, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (items[i].table != META_TABLE &&
            !is_among(&items[i], original.items, original.item_count)) {
            return true;
        }
    }
    for (size_t i = 0; i < original.item_count; i++) {
        if (original.items[i].table != ROW_TABLE && !is_among(&original.items[i], items, count)) {
            return true;
        }
    }
    return false;
}

static bool is_original(const struct entry *entry)
{
    uint8_t body[300];

    memset(body, (int)entry->seq, sizeof body);
    return entry->seq > TRIMMED_COUNT && entry->seq <= ENTRY_COUNT &&
           entry->time_ms == entry->seq && entry->kind == entry->seq && entry->version == 1 &&
           bytes_equal(entry->body, (struct bytes){body, entry->seq * 29 % sizeof body});
}

/* A sealed entry passes its checksum; only the chain of the one before tells. So the reader stands
 * on the oldest, and what it could not compare yet is not looked at. */
static void check_reading(struct journal *journal, bool has_seals)
{
    struct journal_reader *reader = NULL;
    struct entry entry;

    if (has_seals || journal_reader_open(journal, &reader) != STATUS_OK) {
        return;
    }
    enum status status = journal_seek(reader, TRIMMED_COUNT + 1);
    while (status == STATUS_OK) {
        status = journal_read(reader, &entry);
        ENSURE(status != STATUS_OK || is_original(&entry));
    }
    journal_reader_close(reader);
}

static enum status look(struct journal_report *report, bool has_seals)
{
    struct journal_options opened = options(true);
    struct journal *journal = NULL;
    enum status status = journal_open(&opened, &journal);

    if (status != STATUS_OK) {
        return status;
    }
    status = journal_verify(journal, report);
    ENSURE((status == STATUS_OK) == (report->problem[0] == '\0'));
    check_reading(journal, has_seals);
    journal_close(journal);
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct item items[ITEM_COUNT_MAX];
    struct bytes input = {data, size};
    struct journal_report report = {0};
    struct store store;
    bool has_seals = size > 0 && memchr(data, CHANGE_SEAL, size) != NULL;

    if (original.item_count == 0) {
        make_original();
    }
    place_write(original.file, (struct bytes){original.bytes, original.size});
    open_store(&store, 0);
    for (size_t i = 0; i < STEP_COUNT_MAX && input.size > 0; i++) {
        change_store(&store, &input);
    }
    size_t count = list_items(&store, items);
    bool must_find = must_be_found(items, count);
    close_store(&store);
    enum status status = look(&report, has_seals);
    ENSURE(status == STATUS_OK || status == STATUS_CORRUPT || status == STATUS_INVALID);
    ENSURE(!must_find || status != STATUS_OK);
    ENSURE(must_find || status == STATUS_OK);
    return 0;
}

/* One change of each kind to each item. */
void fuzz_seeds(const struct fuzz_sink *sink)
{
    for (unsigned change = 0; change < CHANGE_COUNT; change++) {
        for (unsigned item = 0; item <= ENTRY_COUNT - TRIMMED_COUNT + ROW_COUNT; item++) {
            const uint8_t input[] = {
                (uint8_t)change, (uint8_t)item, (uint8_t)(item + 1), 0, (uint8_t)(item * 9), 3};
            sink->give(sink->context, (struct bytes){input, sizeof input});
        }
    }
    sink->give(sink->context, (struct bytes){(const uint8_t *)"", 0});
}

void fuzz_words(const struct fuzz_sink *sink)
{
    (void)sink;
}
