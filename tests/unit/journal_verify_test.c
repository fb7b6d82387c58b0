/*
 * journal_verify_test.c - what is changed behind the journal's back is found, and never handed
 * out as good.
 */
#include "tests/unit/journal_fixture.h"

#include <fcntl.h>
#include <lmdb.h>

#define ENTRY_COUNT 8
#define ROW_COUNT 3
#define FLIP_COUNT 1500
#define ROOT_NUMBER_OFFSET 144 /* In each of the two first pages: which commit it is of. */
#define PAGE_SIZE 4096

/* The store of the closed journal "feed", opened past the journal. */
struct store {
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi table;
};

static struct store open_behind(const char *table)
{
    struct store store = {0};

    ENSURE(mdb_env_create(&store.env) == 0);
    ENSURE(mdb_env_set_maxdbs(store.env, 3) == 0);
    ENSURE(mdb_env_open(store.env, place_of("feed"), MDB_NOTLS | MDB_NOSYNC, 0600) == 0);
    ENSURE(mdb_txn_begin(store.env, NULL, 0, &store.txn) == 0);
    ENSURE(mdb_dbi_open(store.txn, table, 0, &store.table) == 0);
    return store;
}

static void close_behind(struct store *store)
{
    ENSURE(mdb_txn_commit(store->txn) == 0);
    mdb_env_close(store->env);
}

struct item {
    uint8_t key[128];
    size_t key_size;
    uint8_t value[2048];
    size_t value_size;
};

/* Item `index` of the table; false when there are fewer. */
static bool get_item(const char *table, size_t index, struct item *item)
{
    struct store store = open_behind(table);
    MDB_cursor *cursor = NULL;
    MDB_val key;
    MDB_val value;

    ENSURE(mdb_cursor_open(store.txn, store.table, &cursor) == 0);
    int code = mdb_cursor_get(cursor, &key, &value, MDB_FIRST);
    for (size_t i = 0; i < index && code == 0; i++) {
        code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
    }
    if (code == 0) {
        ENSURE(key.mv_size <= sizeof item->key && value.mv_size <= sizeof item->value);
        item->key_size = key.mv_size;
        item->value_size = value.mv_size;
        memcpy(item->key, key.mv_data, key.mv_size);
        memcpy(item->value, value.mv_data, value.mv_size);
    }
    mdb_cursor_close(cursor);
    close_behind(&store);
    return code == 0;
}

static void put_item(const char *table, const struct item *item)
{
    struct store store = open_behind(table);
    MDB_val key = {.mv_size = item->key_size, .mv_data = (void *)(uintptr_t)item->key};
    MDB_val value = {.mv_size = item->value_size, .mv_data = (void *)(uintptr_t)item->value};

    ENSURE(mdb_put(store.txn, store.table, &key, &value, 0) == 0);
    close_behind(&store);
}

static void delete_item(const char *table, const struct item *item)
{
    struct store store = open_behind(table);
    MDB_val key = {.mv_size = item->key_size, .mv_data = (void *)(uintptr_t)item->key};

    ENSURE(mdb_del(store.txn, store.table, &key, NULL) == 0);
    close_behind(&store);
}

/* Makes the checksum of a stored entry right again, as someone would who knows the format. */
static void seal_item(struct item *item)
{
    uint8_t number[8];

    store_u64(number, load_u64_be(item->key + 4));
    uint32_t sum = checksum(0, number, sizeof number);
    store_u32(item->value, checksum(sum, item->value + 4, item->value_size - 4));
}

static void make_feed(void)
{
    struct journal *journal = open_journal("feed");

    for (size_t i = 0; i < ENTRY_COUNT; i++) {
        append(journal, 1);
    }
    put_row(journal, 1, "one", "first value");
    put_row(journal, 1, "two", "");
    put_row(journal, 2, "one", "third value");
    journal_close(journal);
}

/* What reading everything says, also when the journal does not even open. */
static enum status verify_feed(struct journal_report *report)
{
    struct journal_options options = options_of("feed");
    struct journal *journal = NULL;

    *report = (struct journal_report){0};
    options.read_only = true;
    enum status status = journal_open(&options, &journal);
    if (status == STATUS_OK) {
        status = journal_verify(journal, report);
        journal_close(journal);
    }
    return status;
}

static void an_intact_journal_verifies(void)
{
    enter_place();
    struct journal_report report;

    make_feed();
    EXPECT_OK(verify_feed(&report));
    EXPECT_EQ(report.entry_count, ENTRY_COUNT);
    EXPECT_EQ(report.row_count, ROW_COUNT);
    EXPECT_EQ(report.bad_seq, 0);
    EXPECT_TEXT(bytes_from_text(report.problem), "");
    leave_place();
}

static void every_changed_byte_of_every_stored_value_is_found(void)
{
    static const char *const tables[] = {"log", "rows", "meta"};
    enter_place();
    struct journal_report report;
    struct item item;

    make_feed();
    for (size_t table = 0; table < COUNT_OF(tables); table++) {
        for (size_t index = 0; get_item(tables[table], index, &item); index++) {
            for (size_t at = 0; at < item.value_size; at++) {
                item.value[at] ^= (uint8_t)(1u << (at % 8));
                put_item(tables[table], &item);
                EXPECT_STATUS(verify_feed(&report), STATUS_CORRUPT);
                item.value[at] ^= (uint8_t)(1u << (at % 8));
            }
            put_item(tables[table], &item);
            EXPECT_OK(verify_feed(&report));
        }
    }
    leave_place();
}

static void a_changed_entry_with_a_right_checksum_breaks_the_chain(void)
{
    enter_place();
    struct journal_report report;
    struct item item;

    make_feed();
    for (size_t index = 0; get_item("log", index, &item); index++) {
        const struct item intact = item;
        for (size_t at = 4; at < item.value_size; at++) {
            item = intact;
            item.value[at] ^= (uint8_t)(1u << (at % 8));
            seal_item(&item);
            put_item("log", &item);
            EXPECT_STATUS(verify_feed(&report), STATUS_CORRUPT);
            EXPECT_EQ(report.bad_seq, index + 1);
        }
        put_item("log", &intact);
        EXPECT_OK(verify_feed(&report));
    }
    leave_place();
}

static void the_report_names_the_first_bad_entry_and_what_is_wrong(void)
{
    enter_place();
    struct journal *journal = open_journal("feed");
    struct journal_report report;
    struct item item;

    append(journal, 1500);
    journal_close(journal);
    ENSURE(get_item("log", 99, &item));
    const struct item intact = item;

    item.value[70] ^= 1;
    put_item("log", &item);
    EXPECT_STATUS(verify_feed(&report), STATUS_CORRUPT);
    EXPECT_EQ(report.bad_seq, 100);
    EXPECT_EQ(report.entry_count, 99);
    EXPECT_TEXT(bytes_from_text(report.problem), "entry 100: checksum");

    seal_item(&item);
    put_item("log", &item);
    EXPECT_STATUS(verify_feed(&report), STATUS_CORRUPT);
    EXPECT_EQ(report.bad_seq, 100);
    EXPECT_TEXT(bytes_from_text(report.problem), "entry 100: chain");

    item = intact;
    item.value_size = 63;
    put_item("log", &item);
    EXPECT_STATUS(verify_feed(&report), STATUS_CORRUPT);
    EXPECT_TEXT(bytes_from_text(report.problem), "entry 100: size");
    put_item("log", &intact);
    EXPECT_OK(verify_feed(&report));
    leave_place();
}

static void a_reader_stops_before_the_bad_entry(void)
{
    enter_place();
    struct journal *journal = open_journal("feed");
    struct journal_reader *reader = NULL;
    struct item item;
    struct entry entry;

    append(journal, 1500);
    journal_close(journal);
    ENSURE(get_item("log", 99, &item));
    item.value[item.value_size - 1] ^= 1;
    put_item("log", &item);
    journal = open_journal("feed");
    EXPECT_OK(journal_reader_open(journal, &reader));
    for (uint64_t seq = 1; seq < 100; seq++) {
        EXPECT_OK(journal_read(reader, &entry));
    }
    EXPECT_STATUS(journal_read(reader, &entry), STATUS_CORRUPT);
    EXPECT_STATUS(journal_read(reader, &entry), STATUS_CORRUPT);
    EXPECT_EQ(entry.seq, 99);
    EXPECT_OK(journal_seek(reader, 101));
    EXPECT_OK(journal_read(reader, &entry));
    EXPECT_TRUE(entry_is_right(&entry));
    journal_reader_close(reader);
    journal_close(journal);
    leave_place();
}

static void a_missing_entry_is_named_wherever_it_stood(void)
{
    enter_place();
    struct journal_report report;
    struct item item;

    make_feed();
    for (size_t index = 0; index < ENTRY_COUNT; index++) {
        char problem[32];
        snprintf(problem, sizeof problem, "entry %zu: gap", index + 1);
        ENSURE(get_item("log", index, &item));
        delete_item("log", &item);
        EXPECT_STATUS(verify_feed(&report), STATUS_CORRUPT);
        EXPECT_EQ(report.bad_seq, index + 1);
        EXPECT_TEXT(bytes_from_text(report.problem), problem);
        put_item("log", &item);
        EXPECT_OK(verify_feed(&report));
    }
    leave_place();
}

static void a_damaged_tail_is_not_opened_for_writing(void)
{
    enter_place();
    struct journal_options options = options_of("feed");
    struct journal *journal = NULL;
    struct item item;

    make_feed();
    for (size_t index = 0; index < ENTRY_COUNT; index++) {
        ENSURE(get_item("log", index, &item));
        const struct item intact = item;
        delete_item("log", &item);
        EXPECT_STATUS(journal_open(&options, &journal), STATUS_CORRUPT);
        item.value[5] ^= 1;
        put_item("log", &item);
        EXPECT_STATUS(journal_open(&options, &journal), STATUS_CORRUPT);
        put_item("log", &intact);
    }
    journal_close(open_journal("feed"));
    leave_place();
}

static void an_inserted_entry_is_found(void)
{
    static const uint64_t places[] = {0, ENTRY_COUNT + 1, ENTRY_COUNT + 9, UINT64_MAX};
    enter_place();
    struct journal_report report;
    struct item item;

    make_feed();
    for (size_t i = 0; i < COUNT_OF(places); i++) {
        for (uint32_t partition = 6; partition <= 8; partition++) {
            ENSURE(get_item("log", 3, &item));
            store_u32_be(item.key, partition);
            store_u64_be(item.key + 4, places[i]);
            seal_item(&item);
            put_item("log", &item);
            EXPECT_STATUS(verify_feed(&report), STATUS_CORRUPT);
            delete_item("log", &item);
            EXPECT_OK(verify_feed(&report));
        }
    }
    leave_place();
}

static void exchanged_entries_and_rows_are_found(void)
{
    static const char *const tables[] = {"log", "rows"};
    enter_place();
    struct journal_report report;

    make_feed();
    for (size_t i = 0; i < COUNT_OF(tables); i++) {
        struct item first;
        struct item second;
        ENSURE(get_item(tables[i], 0, &first) && get_item(tables[i], 1, &second));
        struct item moved = first;
        memcpy(moved.value, second.value, second.value_size);
        moved.value_size = second.value_size;
        put_item(tables[i], &moved);
        EXPECT_STATUS(verify_feed(&report), STATUS_CORRUPT);
        put_item(tables[i], &first);
        EXPECT_OK(verify_feed(&report));
    }
    leave_place();
}

/* From entry `from` on, rewrites kind, chain and checksum as if it had always been so. */
static void rewrite_history(uint64_t from)
{
    uint8_t chain[JOURNAL_CHAIN_SIZE] = {0};
    struct item item;

    for (size_t index = 0; get_item("log", index, &item); index++) {
        struct entry entry = {.seq = index + 1};
        if (entry.seq >= from) {
            item.value[4] ^= entry.seq == from;
            entry.kind = load_u16(item.value + 4);
            entry.version = item.value[6];
            entry.flags = item.value[7];
            entry.time_ms = load_u64(item.value + 8);
            entry.cause_first = load_u64(item.value + 16);
            entry.cause_last = load_u64(item.value + 24);
            entry.body = (struct bytes){.data = item.value + 64, .size = item.value_size - 64};
            entry_chain(chain, &entry, item.value + 32);
            seal_item(&item);
            put_item("log", &item);
        }
        memcpy(chain, item.value + 32, sizeof chain);
    }
}

static void a_rewritten_history_does_not_end_in_the_same_chain(void)
{
    enter_place();
    struct journal_report report;

    make_feed();
    rewrite_history(3);
    EXPECT_STATUS(verify_feed(&report), STATUS_CORRUPT);
    rewrite_history(3);
    EXPECT_OK(verify_feed(&report));
    leave_place();
}

static void another_version_of_the_format_is_refused(void)
{
    enter_place();
    struct journal_report report;
    struct item item;

    make_feed();
    ENSURE(get_item("meta", 0, &item));
    item.value[4]++;
    item.value_size += 10;
    store_u32(item.value, checksum(0, item.value + 4, item.value_size - 4));
    put_item("meta", &item);
    EXPECT_STATUS(verify_feed(&report), STATUS_INVALID);
    leave_place();
}

/* Changes the intact meta row, makes its checksum right again, and expects `status`. */
static void expect_meta(const struct item *intact, size_t at, uint64_t number, size_t size,
                        enum status status)
{
    struct journal_report report;
    struct item item = *intact;

    store_u64(item.value + at, number);
    item.value_size = size;
    store_u32(item.value, checksum(0, item.value + 4, size - 4));
    put_item("meta", &item);
    EXPECT_STATUS(verify_feed(&report), status);
    put_item("meta", intact);
}

static void a_meta_row_that_makes_no_sense_is_found_although_its_checksum_is_right(void)
{
    enum { EPOCH = 8, OLDEST = 24, LAST = 32 };
    enter_place();
    struct item intact;

    make_feed();
    ENSURE(get_item("meta", 0, &intact));
    size_t size = intact.value_size;
    expect_meta(&intact, EPOCH, 0, size, STATUS_CORRUPT);
    expect_meta(&intact, OLDEST, 0, size, STATUS_CORRUPT);
    expect_meta(&intact, OLDEST, ENTRY_COUNT + 2, size, STATUS_CORRUPT);
    expect_meta(&intact, OLDEST, ENTRY_COUNT + 1, size, STATUS_CORRUPT); /* Another chain before. */
    expect_meta(&intact, LAST, UINT64_MAX, size, STATUS_CORRUPT);
    expect_meta(&intact, EPOCH, 5, size - 1, STATUS_CORRUPT);
    expect_meta(&intact, EPOCH, 5, size + 1, STATUS_CORRUPT);
    expect_meta(&intact, EPOCH, 5, size, STATUS_OK);
    delete_item("meta", &intact);
    struct journal_report report;
    EXPECT_STATUS(verify_feed(&report), STATUS_CORRUPT);
    leave_place();
}

static void a_store_without_our_tables_is_no_journal(void)
{
    enter_place();
    struct journal_options options = options_of("feed");
    struct journal *journal = NULL;
    MDB_env *env = NULL;

    ENSURE(mkdir(place_of("feed"), 0700) == 0);
    ENSURE(mdb_env_create(&env) == 0);
    ENSURE(mdb_env_open(env, place_of("feed"), MDB_NOTLS, 0600) == 0);
    mdb_env_close(env);
    EXPECT_STATUS(journal_open(&options, &journal), STATUS_CORRUPT);
    options.read_only = true;
    EXPECT_STATUS(journal_open(&options, &journal), STATUS_CORRUPT);
    leave_place();
}

static enum status count_row(void *context, struct bytes key, struct bytes value)
{
    size_t *count = context;

    (void)key;
    (void)value;
    (*count)++;
    return STATUS_OK;
}

/* The statuses of all that reads rows, once row `item` of table 1 is there. */
static void expect_bad_row(const struct item *item)
{
    size_t count = 0;
    struct journal_report report;
    struct journal_reader *reader = NULL;
    struct bytes value;
    struct bytes key = {.data = item->key + 1, .size = item->key_size - 1};

    struct journal_options options = options_of("feed");
    struct journal *journal = NULL;

    put_item("rows", item);
    EXPECT_STATUS(journal_open(&options, &journal), STATUS_CORRUPT);
    options.read_only = true;
    EXPECT_OK(journal_open(&options, &journal));
    EXPECT_OK(journal_reader_open(journal, &reader));
    if (key.size <= JOURNAL_ROW_KEY_SIZE_MAX) {
        EXPECT_STATUS(journal_get_row(reader, 1, key, &value), STATUS_CORRUPT);
    }
    EXPECT_STATUS(journal_each_row(reader, 1, bytes_from_text(""), count_row, &count),
                  STATUS_CORRUPT);
    EXPECT_STATUS(journal_verify(journal, &report), STATUS_CORRUPT);
    EXPECT_TRUE(strstr(report.problem, "row of table 1: checksum or place; key 6b") != NULL);
    journal_reader_close(reader);
    journal_close(journal);
    delete_item("rows", item);
}

static void a_row_of_a_size_that_none_has_is_found(void)
{
    static struct item item;
    enter_place();

    make_feed();
    item = (struct item){.key = "\001k", .key_size = 2, .value_size = 3};
    expect_bad_row(&item);
    item.value_size = 0;
    expect_bad_row(&item);
    memset(item.key + 2, 'k', JOURNAL_ROW_KEY_SIZE_MAX);
    item.key_size = 2 + JOURNAL_ROW_KEY_SIZE_MAX;
    item.value_size = 20;
    expect_bad_row(&item);
    item.key_size--; /* The longest key there is: the report shows as much of it as fits. */
    expect_bad_row(&item);
    leave_place();
}

static void a_value_larger_than_any_is_found_and_not_passed_on(void)
{
    static const char *const tables[] = {"log", "rows", "meta"};
    const size_t size = JOURNAL_ROW_SIZE_MAX + 5;
    uint8_t *zeroes = memory_take(size, 1);
    enter_place();

    for (size_t i = 0; i < COUNT_OF(tables); i++) {
        struct journal_report report;
        struct item item;
        make_feed();
        ENSURE(get_item(tables[i], 0, &item));
        struct store store = open_behind(tables[i]);
        MDB_val key = {.mv_size = item.key_size, .mv_data = item.key};
        MDB_val value = {.mv_size = size, .mv_data = zeroes};
        ENSURE(mdb_put(store.txn, store.table, &key, &value, 0) == 0);
        close_behind(&store);
        EXPECT_STATUS(verify_feed(&report), STATUS_CORRUPT);
        remove_tree(place_of("feed"));
    }
    free(zeroes);
    leave_place();
}

/* The count is right, and what stands there has another key. */
static void an_entry_under_a_key_of_another_size_is_a_gap(void)
{
    static const size_t indices[] = {0, 3, ENTRY_COUNT - 1};
    enter_place();
    struct journal_report report;

    make_feed();
    for (size_t i = 0; i < COUNT_OF(indices); i++) {
        struct item intact;
        ENSURE(get_item("log", indices[i], &intact));
        struct item longer = intact;
        longer.key_size++;
        delete_item("log", &intact);
        put_item("log", &longer);
        EXPECT_STATUS(verify_feed(&report), STATUS_CORRUPT);
        EXPECT_EQ(report.bad_seq, indices[i] + 1);
        delete_item("log", &longer);
        put_item("log", &intact);
        EXPECT_OK(verify_feed(&report));
    }
    leave_place();
}

static void a_damaged_entry_is_neither_passed_on_nor_trimmed(void)
{
    enter_place();
    struct journal *journal = open_journal("feed");
    struct journal_transaction *txn = NULL;
    struct journal_reader *reader = NULL;
    struct buffer stored = {0};
    size_t count = 0;
    struct item item;

    append(journal, 1500);
    journal_close(journal);
    ENSURE(get_item("log", 2, &item));
    item.value_size = 63; /* No room for its head. */
    put_item("log", &item);
    journal = open_journal("feed");
    EXPECT_OK(journal_reader_open(journal, &reader));
    EXPECT_OK(journal_read_stored(reader, &stored));
    EXPECT_OK(journal_read_stored(reader, &stored));
    EXPECT_STATUS(journal_read_stored(reader, &stored), STATUS_CORRUPT);
    EXPECT_OK(journal_begin(journal, &txn));
    EXPECT_STATUS(journal_trim(txn, 10, 10, &count), STATUS_CORRUPT);
    EXPECT_STATUS(journal_commit(txn), STATUS_CORRUPT);
    EXPECT_EQ(journal_head(journal).oldest, 1);
    buffer_deinit(&stored);
    journal_reader_close(reader);
    journal_close(journal);
    leave_place();
}

static void expect_hex(const uint8_t *data, size_t size, const char *expected)
{
    char text[2048] = {0};

    ENSURE(2 * size < sizeof text);
    for (size_t i = 0; i < size; i++) {
        snprintf(text + 2 * i, 3, "%02x", data[i]);
    }
    EXPECT_TEXT(bytes_from_text(text), expected);
}

static void make_example(void)
{
    struct journal *journal = open_journal("feed");
    struct journal_transaction *txn = NULL;
    struct entry entries[] = {
        {.time_ms = 1700000000000u,
         .kind = 3,
         .version = 1,
         .flags = ENTRY_SETTLES,
         .body = bytes_from_text("hello")},
        {.time_ms = 1700000000250u, .kind = 3, .version = 1, .cause_first = 4, .cause_last = 9},
    };

    EXPECT_OK(journal_begin(journal, &txn));
    EXPECT_OK(journal_append(txn, entries, COUNT_OF(entries)));
    EXPECT_OK(journal_put_row(txn, 1, bytes_from_text("key"), bytes_from_text("value")));
    EXPECT_OK(journal_commit(txn));
    journal_close(journal);
}

/* The worked example of journal/format.md. */
static void the_bytes_on_disk_are_those_of_the_format(void)
{
    enter_place();
    struct item item;

    make_example();
    ENSURE(get_item("log", 0, &item));
    expect_hex(item.key, item.key_size, "000000070000000000000001");
    expect_hex(item.value, item.value_size,
               "6e074406030001010068e5cf8b01000000000000000000000000000000000000"
               "2bc8162c967f34c61e9a3adb1e3d2e7200694c3228ef00f772d78e4559c17a36"
               "68656c6c6f");
    ENSURE(get_item("log", 1, &item));
    expect_hex(item.key, item.key_size, "000000070000000000000002");
    expect_hex(item.value, item.value_size,
               "b2314bda03000100fa68e5cf8b01000004000000000000000900000000000000"
               "15d9df3f324c76354123aede12344c3edfa668235a2583c7f8105e06e6f25e6e");
    ENSURE(get_item("rows", 0, &item));
    expect_hex(item.key, item.key_size, "016b6579");
    expect_hex(item.value, item.value_size, "2585f32b76616c7565");
    ENSURE(get_item("meta", 0, &item));
    expect_hex(item.key, item.key_size, "66656564");
    EXPECT_EQ(load_u32(item.value), checksum(0, item.value + 4, item.value_size - 4));
    store_u64(item.value + 8, 0x1122334455667788u); /* The epoch differs with every journal. */
    store_u32(item.value, checksum(0, item.value + 4, item.value_size - 4));
    expect_hex(item.value, item.value_size,
               "92b92b0f02000000887766554433221107000000000000000100000000000000"
               "0200000000000000000000000000000000000000000000000000000000000000"
               "0000000000000000000000000000000015d9df3f324c76354123aede12344c3e"
               "dfa668235a2583c7f8105e06e6f25e6e");
    leave_place();
}

enum outcome {
    OUTCOME_HARMLESS,
    OUTCOME_DETECTED,
    OUTCOME_OLDER, /* All that is there is right, and the newest commit is not there. */
    OUTCOME_WRONG,
    OUTCOME_COUNT,
};

/* Reads everything, each way, and compares it with what was written. */
static enum outcome judge(uint64_t last, uint64_t row_count)
{
    /* They stay open: the process ends with its verdict. */
    static struct journal *journal;
    static struct journal_reader *reader;
    struct journal_options options = options_of("damaged");
    struct journal_report report;
    struct entry entry;
    uint64_t seq = 1;

    options.read_only = true;
    if (journal_open(&options, &journal) != STATUS_OK ||
        journal_reader_open(journal, &reader) != STATUS_OK) {
        return OUTCOME_DETECTED;
    }
    enum status status = STATUS_OK;
    while ((status = journal_read(reader, &entry)) == STATUS_OK) {
        if (entry.seq != seq++ || !entry_is_right(&entry)) {
            return OUTCOME_WRONG;
        }
    }
    if (status != STATUS_END || journal_verify(journal, &report) != STATUS_OK) {
        return OUTCOME_DETECTED;
    }
    return seq == last + 1 && report.row_count == row_count ? OUTCOME_HARMLESS : OUTCOME_OLDER;
}

static int judge_in_child(uint64_t last, uint64_t row_count)
{
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        int silence = open("/dev/null", O_WRONLY);
        dup2(silence, STDERR_FILENO);
        alarm(20);
        _exit((int)judge(last, row_count));
    }
    return wait_for(child);
}

static uint8_t *read_file(const char *path, size_t *size)
{
    struct stat about;
    int file = open(path, O_RDONLY);

    ENSURE(file >= 0 && fstat(file, &about) == 0);
    *size = (size_t)about.st_size;
    uint8_t *data = memory_take(*size, 1);
    ENSURE(read(file, data, *size) == (ssize_t)*size);
    close(file);
    return data;
}

static void make_damaged(const uint8_t *data, size_t size)
{
    ENSURE(mkdir(place_of("damaged"), 0700) == 0);
    int file = open(place_of("damaged/data.mdb"), O_WRONLY | O_CREAT, 0600);
    ENSURE(file >= 0 && write(file, data, size) == (ssize_t)size);
    close(file);
}

static void no_flipped_bit_of_the_file_yields_a_wrong_entry(void)
{
    uint64_t seed = 7;
    uint64_t counts[OUTCOME_COUNT] = {0};
    uint64_t died = 0;
    size_t size = 0;

    test_seed = seed;
    enter_place();
    make_feed();
    struct journal *journal = open_journal("feed");
    append(journal, 40);
    journal_close(journal);
    uint8_t *data = read_file(place_of("feed/data.mdb"), &size);
    make_damaged(data, size);
    EXPECT_EQ(judge_in_child(ENTRY_COUNT + 40, ROW_COUNT), OUTCOME_HARMLESS);
    int file = open(place_of("damaged/data.mdb"), O_WRONLY);
    for (int i = 0; i < FLIP_COUNT; i++) {
        /* Every other flip in the head of a page, where it does LMDB the most harm. */
        uint64_t at = random_below(&seed, size);
        at = i % 2 == 0 ? at : at / 4096 * 4096 + random_below(&seed, 160);
        uint8_t flipped = (uint8_t)(data[at] ^ (1u << random_below(&seed, 8)));
        ENSURE(pwrite(file, &flipped, 1, (off_t)at) == 1);
        int outcome = judge_in_child(ENTRY_COUNT + 40, ROW_COUNT);
        EXPECT_TRUE(outcome != OUTCOME_WRONG);
        EXPECT_TRUE(outcome != OUTCOME_OLDER);
        died += outcome >= 128;
        counts[outcome >= 128 ? OUTCOME_WRONG : outcome]++;
        ENSURE(pwrite(file, &data[at], 1, (off_t)at) == 1);
    }
    close(file);
    printf("# %" PRIu64 " harmless, %" PRIu64 " detected, %" PRIu64 " died, %" PRIu64
           " older, 0 wrong\n",
           counts[OUTCOME_HARMLESS], counts[OUTCOME_DETECTED], died, counts[OUTCOME_OLDER]);
    EXPECT_TRUE(counts[OUTCOME_DETECTED] > 0);
    free(data);
    test_seed = 0;
    leave_place();
}

/* Writes the damaged bytes over the journal "feed", which must then be refused by everybody. */
static void expect_refused(const uint8_t *data, size_t size)
{
    struct journal_options options = options_of("feed");
    struct journal *journal = NULL;
    struct journal_report report;
    int file = open(place_of("feed/data.mdb"), O_WRONLY);

    ENSURE(file >= 0 && pwrite(file, data, size, 0) == (ssize_t)size);
    close(file);
    EXPECT_STATUS(journal_open(&options, &journal), STATUS_CORRUPT);
    EXPECT_STATUS(verify_feed(&report), STATUS_CORRUPT);
    EXPECT_TRUE(report.problem[0] != '\0');
}

static enum status skip_row(void *context, struct bytes key, struct bytes value)
{
    (void)context;
    (void)key;
    (void)value;
    return STATUS_OK;
}

static void a_root_of_another_commit_is_not_taken_in_silence(void)
{
    enter_place();
    size_t size = 0;

    make_feed();
    uint8_t *data = read_file(place_of("feed/data.mdb"), &size);
    for (size_t bit = 0; bit < 2 * 64; bit++) {
        size_t at = bit / 64 * PAGE_SIZE + ROOT_NUMBER_OFFSET + bit % 64 / 8;
        data[at] ^= (uint8_t)(1u << bit % 8);
        expect_refused(data, size);
        data[at] ^= (uint8_t)(1u << bit % 8);
    }
    free(data);
    leave_place();
}

/* Otherwise a role would start with fewer rows than it saved. */
static void rows_behind_a_damaged_key_are_not_left_out_in_silence(void)
{
    static const char key[] = "\001two";
    enter_place();
    size_t size = 0;
    size_t found = 0;

    make_feed();
    uint8_t *data = read_file(place_of("feed/data.mdb"), &size);
    for (size_t at = 0; at + sizeof key <= size; at++) {
        if (memcmp(data + at, key, sizeof key - 1) == 0) {
            data[at] = 2;
            found++;
        }
    }
    EXPECT_TRUE(found > 0);
    expect_refused(data, size);
    struct journal_options options = options_of("feed");
    struct journal *journal = NULL;
    struct journal_reader *reader = NULL;
    options.read_only = true;
    EXPECT_OK(journal_open(&options, &journal));
    EXPECT_OK(journal_reader_open(journal, &reader));
    EXPECT_STATUS(journal_each_row(reader, 1, (struct bytes){0}, skip_row, NULL), STATUS_CORRUPT);
    journal_reader_close(reader);
    journal_close(journal);
    free(data);
    leave_place();
}

int main(int argc, char **argv)
{
    static const struct test_case cases[] = {
        CASE(an_intact_journal_verifies),
        CASE(every_changed_byte_of_every_stored_value_is_found),
        CASE(a_changed_entry_with_a_right_checksum_breaks_the_chain),
        CASE(the_report_names_the_first_bad_entry_and_what_is_wrong),
        CASE(a_reader_stops_before_the_bad_entry),
        CASE(a_missing_entry_is_named_wherever_it_stood),
        CASE(a_damaged_tail_is_not_opened_for_writing),
        CASE(an_inserted_entry_is_found),
        CASE(exchanged_entries_and_rows_are_found),
        CASE(a_rewritten_history_does_not_end_in_the_same_chain),
        CASE(another_version_of_the_format_is_refused),
        CASE(a_meta_row_that_makes_no_sense_is_found_although_its_checksum_is_right),
        CASE(a_store_without_our_tables_is_no_journal),
        CASE(a_row_of_a_size_that_none_has_is_found),
        CASE(a_value_larger_than_any_is_found_and_not_passed_on),
        CASE(an_entry_under_a_key_of_another_size_is_a_gap),
        CASE(a_damaged_entry_is_neither_passed_on_nor_trimmed),
        CASE(the_bytes_on_disk_are_those_of_the_format),
        CASE(no_flipped_bit_of_the_file_yields_a_wrong_entry),
        CASE(a_root_of_another_commit_is_not_taken_in_silence),
        CASE(rows_behind_a_damaged_key_are_not_left_out_in_silence),
    };

    return run_cases(cases, COUNT_OF(cases), argc, argv);
}
