/*
 * journal_test.c - the promises of journal/journal.h, through journal/journal.h.
 */
#include "tests/unit/journal_fixture.h"

#include <signal.h>
#include <sys/resource.h>

static void a_new_journal_is_empty_and_has_an_epoch(void)
{
    enter_place();
    struct journal *journal = open_journal("feed");
    struct journal *other = open_journal("other");
    struct journal_head head = journal_head(journal);
    const uint8_t zeroes[JOURNAL_CHAIN_SIZE] = {0};

    EXPECT_TRUE(head.epoch != 0);
    EXPECT_TRUE(head.epoch != journal_head(other).epoch);
    EXPECT_EQ(head.oldest, 1);
    EXPECT_EQ(head.last, 0);
    EXPECT_EQ(memcmp(head.chain, zeroes, sizeof zeroes), 0);
    EXPECT_EQ(read_all(journal, 1), 0);
    journal_close(journal);
    journal_close(other);
    leave_place();
}

static size_t count_names(const char *path)
{
    DIR *directory = opendir(path);
    size_t count = 0;

    ENSURE(directory != NULL);
    for (struct dirent *name = readdir(directory); name != NULL; name = readdir(directory)) {
        count += name->d_name[0] != '.';
    }
    closedir(directory);
    return count;
}

static void making_a_journal_leaves_nothing_beside_it(void)
{
    enter_place();
    ENSURE(mkdir(place_of("prepared"), 0700) == 0);
    journal_close(open_journal("feed"));
    journal_close(open_journal("prepared"));
    journal_close(open_journal("slash/"));
    EXPECT_EQ(count_names(place), 3);

    struct journal_options options = options_of("missing/feed");
    struct journal *journal = NULL;
    EXPECT_STATUS(journal_open(&options, &journal), STATUS_IO);
    leave_place();
}

static void a_place_taken_by_something_else_is_left_alone(void)
{
    enter_place();
    ENSURE(mkdir(place_of("feed"), 0700) == 0);
    ENSURE(mkdir(place_of("feed/inner"), 0700) == 0);
    struct journal_options options = options_of("feed");
    struct journal *journal = NULL;
    EXPECT_STATUS(journal_open(&options, &journal), STATUS_EXISTS);
    EXPECT_EQ(count_names(place), 1);
    EXPECT_EQ(count_names(place_of("feed")), 1);
    leave_place();
}

static void reading_only_makes_nothing(void)
{
    enter_place();
    struct journal_options options = options_of("feed");
    struct journal *journal = NULL;

    options.read_only = true;
    EXPECT_STATUS(journal_open(&options, &journal), STATUS_NOT_FOUND);
    EXPECT_EQ(count_names(place), 0);
    leave_place();
}

/* A path of `size` characters that leads to "feed" in the place. */
static void make_long_path(size_t size, char path[PATH_MAX + 1])
{
    size_t used = (size_t)snprintf(path, PATH_MAX, "%s", place);

    while (used + sizeof "/feed" - 1 < size) {
        path[used++] = '/';
    }
    snprintf(path + used, PATH_MAX + 1 - used, "/feed");
    EXPECT_EQ(strlen(path), size);
}

static void a_path_that_leaves_no_room_for_names_is_refused(void)
{
    /* The last that holds the names made aside, one that holds only the file's, and neither. */
    static const size_t sizes[] = {PATH_MAX - sizeof ".new-XXXXXX" - sizeof "/writer.lock",
                                   PATH_MAX - sizeof "/data.mdb", PATH_MAX - 1};
    char path[PATH_MAX + 1];
    struct journal *journal = NULL;
    struct journal_options options = {.path = path, .size_max = MEGABYTE};

    enter_place();
    for (size_t i = 1; i < COUNT_OF(sizes); i++) {
        make_long_path(sizes[i], path);
        EXPECT_STATUS(journal_open(&options, &journal), STATUS_TOO_LARGE);
        EXPECT_EQ(count_names(place), 0);
    }
    make_long_path(sizes[0], path);
    EXPECT_OK(journal_open(&options, &journal));
    append(journal, 3);
    EXPECT_STATUS(journal_backup(journal, ""), STATUS_TOO_LARGE);
    journal_close(journal);
    leave_place();
}

static void a_journal_and_its_backup_may_be_named_from_where_the_process_stands(void)
{
    char here[PATH_MAX];
    struct journal_options options = {.path = "feed", .size_max = MEGABYTE, .partition = 7};
    struct journal *journal = NULL;

    ENSURE(getcwd(here, sizeof here) != NULL);
    enter_place();
    ENSURE(chdir(place) == 0);
    EXPECT_OK(journal_open(&options, &journal));
    append(journal, 3);
    EXPECT_OK(journal_backup(journal, "copy"));
    journal_close(journal);
    ENSURE(chdir(here) == 0);
    journal = open_journal("copy");
    EXPECT_EQ(read_all(journal, 1), 3);
    journal_close(journal);
    leave_place();
}

static void what_was_never_opened_can_be_closed(void)
{
    journal_abort(NULL);
    journal_reader_close(NULL);
    journal_close(NULL);
}

static void entries_come_back_as_they_were_appended(void)
{
    enter_place();
    struct journal *journal = open_journal("feed");
    for (uint64_t count = 1; count < 400; count = count * 3) {
        append(journal, count);
    }
    uint64_t last = journal_head(journal).last;
    struct journal_head head = journal_head(journal);
    EXPECT_EQ(read_all(journal, 1), last);
    EXPECT_EQ(read_all(journal, last / 2), last);
    journal_close(journal);

    journal = open_journal("feed");
    struct journal_head reopened = journal_head(journal);
    EXPECT_EQ(memcmp(&head, &reopened, sizeof head), 0);
    EXPECT_EQ(read_all(journal, 1), last);
    append(journal, 10);
    EXPECT_EQ(read_all(journal, 1), last + 10);
    journal_close(journal);
    leave_place();
}

static void every_entry_follows_the_one_before(void)
{
    enter_place();
    struct journal *journal = open_journal("feed");
    struct journal_reader *reader = NULL;
    uint8_t chain[JOURNAL_CHAIN_SIZE] = {0};
    struct entry entry;

    append(journal, 100);
    EXPECT_OK(journal_reader_open(journal, &reader));
    for (uint64_t seq = 1; seq <= 100; seq++) {
        EXPECT_OK(journal_read(reader, &entry));
        EXPECT_TRUE(entry_follows(chain, &entry));
        memcpy(chain, entry.chain, sizeof chain);
    }
    EXPECT_STATUS(journal_read(reader, &entry), STATUS_END);
    EXPECT_EQ(memcmp(chain, journal_head(journal).chain, sizeof chain), 0);
    journal_reader_close(reader);
    journal_close(journal);
    leave_place();
}

static void what_is_aborted_leaves_no_trace(void)
{
    enter_place();
    struct journal *journal = open_journal("feed");
    struct journal_transaction *txn = NULL;

    append(journal, 5);
    struct journal_head before = journal_head(journal);
    EXPECT_OK(journal_begin(journal, &txn));
    append_into(txn, 6, 50);
    EXPECT_OK(journal_put_row(txn, 1, bytes_from_text("key"), bytes_from_text("value")));
    journal_abort(txn);
    struct journal_head after = journal_head(journal);
    EXPECT_EQ(memcmp(&before, &after, sizeof before), 0);
    append(journal, 5);
    EXPECT_EQ(read_all(journal, 1), 10);
    journal_close(journal);
    leave_place();
}

static void a_body_beyond_the_limit_is_refused_and_spoils_the_commit(void)
{
    enter_place();
    struct journal *journal = open_journal("feed");
    struct journal_transaction *txn = NULL;
    uint8_t *body = memory_take(JOURNAL_BODY_SIZE_MAX + 1, 1);
    struct entry large = {.body = {.data = body, .size = JOURNAL_BODY_SIZE_MAX}};
    struct entry too_large = {.body = {.data = body, .size = JOURNAL_BODY_SIZE_MAX + 1}};
    size_t count = 0;

    EXPECT_OK(journal_begin(journal, &txn));
    EXPECT_OK(journal_append(txn, &large, 1));
    EXPECT_OK(journal_commit(txn));
    EXPECT_OK(journal_begin(journal, &txn));
    EXPECT_OK(journal_append(txn, &large, 1));
    EXPECT_STATUS(journal_append(txn, &too_large, 1), STATUS_TOO_LARGE);
    EXPECT_STATUS(journal_append(txn, &large, 1), STATUS_TOO_LARGE);
    EXPECT_STATUS(journal_put_row(txn, 1, bytes_from_text("a"), bytes_from_text("b")),
                  STATUS_TOO_LARGE);
    EXPECT_STATUS(journal_delete_row(txn, 1, bytes_from_text("a")), STATUS_TOO_LARGE);
    EXPECT_STATUS(journal_trim(txn, 1, 1, &count), STATUS_TOO_LARGE);
    EXPECT_STATUS(journal_commit(txn), STATUS_TOO_LARGE);
    EXPECT_EQ(journal_head(journal).last, 1);
    free(body);
    journal_close(journal);
    leave_place();
}

static void a_reader_keeps_its_view_until_it_seeks(void)
{
    enter_place();
    struct journal *journal = open_journal("feed");
    struct journal_reader *reader = NULL;
    struct entry entry;

    append(journal, 2);
    EXPECT_OK(journal_reader_open(journal, &reader));
    append(journal, 2);
    EXPECT_OK(journal_read(reader, &entry));
    EXPECT_OK(journal_read(reader, &entry));
    EXPECT_STATUS(journal_read(reader, &entry), STATUS_END);
    EXPECT_STATUS(journal_read(reader, &entry), STATUS_END);
    EXPECT_OK(journal_seek(reader, 3));
    EXPECT_OK(journal_read(reader, &entry));
    EXPECT_EQ(entry.seq, 3);
    journal_rest(reader);
    journal_rest(reader);
    EXPECT_OK(journal_seek(reader, 100));
    EXPECT_STATUS(journal_read(reader, &entry), STATUS_END);
    EXPECT_OK(journal_seek(reader, 1));
    EXPECT_OK(journal_read(reader, &entry));
    EXPECT_EQ(entry.seq, 1);
    journal_reader_close(reader);
    journal_close(journal);
    leave_place();
}

static void the_stored_form_is_that_of_entry_store(void)
{
    enter_place();
    struct journal *journal = open_journal("feed");
    struct journal_reader *reader = NULL;
    struct buffer feed = {0};
    struct buffer stored = {0};
    struct entry entry;

    append(journal, 200);
    EXPECT_OK(journal_reader_open(journal, &reader));
    while (journal_read_stored(reader, &feed) == STATUS_OK) {
    }
    EXPECT_OK(journal_seek(reader, 1));
    while (journal_read(reader, &entry) == STATUS_OK) {
        entry_store(&entry, &stored);
    }
    EXPECT_TRUE(bytes_equal(buffer_view(&feed), buffer_view(&stored)));

    struct bytes rest = buffer_view(&feed);
    for (uint64_t seq = 1; seq <= 200; seq++) {
        EXPECT_OK(entry_load(&rest, &entry));
        EXPECT_EQ(entry.seq, seq);
        EXPECT_TRUE(entry_is_right(&entry));
    }
    EXPECT_STATUS(entry_load(&rest, &entry), STATUS_END);
    buffer_deinit(&feed);
    buffer_deinit(&stored);
    journal_reader_close(reader);
    journal_close(journal);
    leave_place();
}

static void reading_and_reading_stored_can_be_mixed(void)
{
    enter_place();
    struct journal *journal = open_journal("feed");
    struct journal_reader *reader = NULL;
    struct buffer feed = {0};
    struct entry entry;

    append(journal, 30);
    EXPECT_OK(journal_reader_open(journal, &reader));
    for (uint64_t seq = 1; seq <= 30; seq += 2) {
        EXPECT_OK(journal_read_stored(reader, &feed));
        EXPECT_OK(journal_read(reader, &entry));
        EXPECT_EQ(entry.seq, seq + 1);
    }
    buffer_deinit(&feed);
    journal_reader_close(reader);
    journal_close(journal);
    leave_place();
}

static void no_changed_byte_of_a_stored_entry_is_loaded(void)
{
    uint8_t body[BODY_SIZE_MAX];
    struct entry entry = entry_of(3, body);
    struct buffer stored = {0};

    entry_store(&entry, &stored);
    for (size_t at = 0; at < stored.size; at++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            struct bytes bytes = buffer_view(&stored);
            struct entry loaded;
            stored.data[at] ^= (uint8_t)(1u << bit);
            enum status status = entry_load(&bytes, &loaded);
            EXPECT_TRUE(status == STATUS_MALFORMED || status == STATUS_CORRUPT);
            EXPECT_EQ(bytes.size, stored.size);
            stored.data[at] ^= (uint8_t)(1u << bit);
        }
    }
    for (size_t size = 1; size < stored.size; size++) {
        struct bytes bytes = {.data = stored.data, .size = size};
        struct entry loaded;
        EXPECT_STATUS(entry_load(&bytes, &loaded), STATUS_MALFORMED);
    }
    buffer_deinit(&stored);
}

static void the_chain_covers_every_field(void)
{
    uint8_t body[BODY_SIZE_MAX];
    const uint8_t previous[JOURNAL_CHAIN_SIZE] = {1};
    const uint8_t other[JOURNAL_CHAIN_SIZE] = {2};
    const struct entry entry = entry_of(2, body);
    struct entry changed[8];

    for (size_t i = 0; i < COUNT_OF(changed); i++) {
        changed[i] = entry;
        entry_chain(previous, &entry, changed[i].chain);
    }
    EXPECT_TRUE(entry_follows(previous, &changed[0]));
    EXPECT_TRUE(!entry_follows(other, &changed[0]));
    changed[0].seq++;
    changed[1].time_ms++;
    changed[2].kind++;
    changed[3].version++;
    changed[4].flags ^= ENTRY_SETTLES;
    changed[5].cause_first++;
    changed[6].cause_last++;
    changed[7].body.size--;
    for (size_t i = 0; i < COUNT_OF(changed); i++) {
        EXPECT_TRUE(!entry_follows(previous, &changed[i]));
    }
}

static void rows_are_replaced_deleted_and_kept_over_a_restart(void)
{
    enter_place();
    struct journal *journal = open_journal("feed");
    struct journal_transaction *txn = NULL;

    put_row(journal, 1, "a", "first");
    put_row(journal, 1, "a", "second, which is longer");
    put_row(journal, 2, "a", "");
    put_row(journal, 1, "", "of the empty key");
    put_row(journal, 1, "b", "goes");
    EXPECT_OK(journal_begin(journal, &txn));
    EXPECT_OK(journal_delete_row(txn, 1, bytes_from_text("b")));
    EXPECT_OK(journal_delete_row(txn, 1, bytes_from_text("never was")));
    EXPECT_OK(journal_commit(txn));
    journal_close(journal);

    journal = open_journal("feed");
    EXPECT_OK(get_row(journal, 1, "a", "second, which is longer"));
    EXPECT_OK(get_row(journal, 2, "a", ""));
    EXPECT_OK(get_row(journal, 1, "", "of the empty key"));
    EXPECT_STATUS(get_row(journal, 1, "b", ""), STATUS_NOT_FOUND);
    EXPECT_STATUS(get_row(journal, 3, "a", ""), STATUS_NOT_FOUND);
    journal_close(journal);
    leave_place();
}

static void rows_beyond_a_limit_are_refused(void)
{
    enter_place();
    struct journal *journal = open_journal("feed");
    struct journal_transaction *txn = NULL;
    uint8_t *data = memory_take(JOURNAL_ROW_SIZE_MAX + 1, 1);
    struct bytes key = {.data = data, .size = JOURNAL_ROW_KEY_SIZE_MAX};
    struct bytes value = {.data = data, .size = JOURNAL_ROW_SIZE_MAX};

    EXPECT_OK(journal_begin(journal, &txn));
    EXPECT_OK(journal_put_row(txn, 255, key, value));
    EXPECT_OK(journal_commit(txn));
    EXPECT_OK(journal_begin(journal, &txn));
    value.size++;
    EXPECT_STATUS(journal_put_row(txn, 255, key, value), STATUS_TOO_LARGE);
    journal_abort(txn);
    EXPECT_OK(journal_begin(journal, &txn));
    key.size++;
    EXPECT_STATUS(journal_put_row(txn, 255, key, key), STATUS_TOO_LARGE);
    journal_abort(txn);
    free(data);
    journal_close(journal);
    leave_place();
}

struct visit {
    char keys[64];
    size_t count_max;
};

static enum status note_key(void *context, struct bytes key, struct bytes value)
{
    struct visit *visit = context;
    size_t used = strlen(visit->keys);

    EXPECT_TRUE(bytes_equal(key, value));
    snprintf(visit->keys + used, sizeof visit->keys - used, "%.*s,", BYTES_ARGS(key));
    return --visit->count_max == 0 ? STATUS_END : STATUS_OK;
}

static enum status refuse_key(void *context, struct bytes key, struct bytes value)
{
    (void)context;
    (void)key;
    (void)value;
    return STATUS_INVALID;
}

static void rows_are_visited_by_ascending_key_within_their_table(void)
{
    static const char *const keys[] = {"d", "a", "bb", "b", "c"};
    enter_place();
    struct journal *journal = open_journal("feed");
    struct journal_reader *reader = NULL;

    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        put_row(journal, 2, keys[i], keys[i]);
    }
    put_row(journal, 1, "z", "z");
    put_row(journal, 3, "a", "a");
    EXPECT_OK(journal_reader_open(journal, &reader));

    struct visit all = {.count_max = 100};
    EXPECT_OK(journal_each_row(reader, 2, bytes_from_text(""), note_key, &all));
    EXPECT_TEXT(bytes_from_text(all.keys), "a,b,bb,c,d,");
    struct visit some = {.count_max = 2};
    EXPECT_OK(journal_each_row(reader, 2, bytes_from_text("ba"), note_key, &some));
    EXPECT_TEXT(bytes_from_text(some.keys), "bb,c,");
    struct visit none = {.count_max = 100};
    EXPECT_OK(journal_each_row(reader, 9, bytes_from_text(""), note_key, &none));
    EXPECT_TEXT(bytes_from_text(none.keys), "");
    EXPECT_STATUS(journal_each_row(reader, 2, bytes_from_text(""), refuse_key, NULL),
                  STATUS_INVALID);
    journal_reader_close(reader);
    journal_close(journal);
    leave_place();
}

/* Trims up to `upto` in steps of `count_max`. */
static uint64_t trim(struct journal *journal, uint64_t upto, size_t count_max)
{
    uint64_t total = 0;

    for (size_t count = 1; count > 0; total += count) {
        struct journal_transaction *txn = NULL;
        EXPECT_OK(journal_begin(journal, &txn));
        EXPECT_OK(journal_trim(txn, upto, count_max, &count));
        EXPECT_TRUE(count <= count_max);
        EXPECT_OK(journal_commit(txn));
    }
    return total;
}

static void trimming_keeps_the_chain(void)
{
    enter_place();
    struct journal *journal = open_journal("feed");
    struct journal_reader *reader = NULL;
    struct journal_report report;

    append(journal, 300);
    EXPECT_EQ(trim(journal, 100, 7), 100);
    EXPECT_EQ(trim(journal, 50, 7), 0);
    EXPECT_EQ(journal_head(journal).oldest, 101);
    EXPECT_EQ(read_all(journal, 101), 300);
    EXPECT_OK(journal_reader_open(journal, &reader));
    EXPECT_STATUS(journal_seek(reader, 100), STATUS_GAP);
    EXPECT_OK(journal_seek(reader, 101));
    journal_reader_close(reader);
    journal_close(journal);

    journal = open_journal("feed");
    EXPECT_EQ(journal_head(journal).oldest, 101);
    EXPECT_OK(journal_verify(journal, &report));
    EXPECT_EQ(report.entry_count, 200);
    struct journal_head full = journal_head(journal);
    EXPECT_EQ(trim(journal, UINT64_MAX, 1000), 200);
    struct journal_head empty = journal_head(journal);
    EXPECT_EQ(empty.oldest, 301);
    EXPECT_EQ(empty.last, 300);
    EXPECT_EQ(memcmp(empty.chain, full.chain, JOURNAL_CHAIN_SIZE), 0);
    journal_close(journal);

    journal = open_journal("feed");
    append(journal, 10);
    EXPECT_EQ(read_all(journal, 301), 310);
    EXPECT_OK(journal_verify(journal, &report));
    EXPECT_EQ(report.entry_count, 10);
    journal_close(journal);
    leave_place();
}

static void a_full_map_refuses_keeps_what_it_has_and_recovers(void)
{
    enter_place();
    struct journal_options options = options_of("feed");
    struct journal *journal = NULL;
    struct journal_report report;

    options.size_max = MEGABYTE;
    for (uint64_t count = 20; count <= 1000; count *= 7) {
        EXPECT_OK(journal_open(&options, &journal));
        for (int round = 0; round < 3; round++) {
            enum status status = STATUS_OK;
            while (status == STATUS_OK) {
                struct journal_head head = journal_head(journal);
                status = try_append(journal, count);
                EXPECT_EQ(journal_head(journal).last,
                          head.last + (status == STATUS_OK ? count : 0));
            }
            EXPECT_STATUS(status, STATUS_FULL);
            struct journal_head head = journal_head(journal);
            EXPECT_TRUE(head.last >= head.oldest);
            EXPECT_EQ(read_all(journal, head.oldest), head.last);
            EXPECT_TRUE(trim(journal, head.last - 100, 100) > 0);
            EXPECT_OK(try_append(journal, 1));
        }
        EXPECT_OK(journal_verify(journal, &report));
        journal_close(journal);
    }
    leave_place();
}

static void another_partition_is_another_journal(void)
{
    enter_place();
    struct journal_options options = options_of("feed");
    struct journal *journal = open_journal("feed");

    append(journal, 3);
    journal_close(journal);
    options.partition++;
    EXPECT_STATUS(journal_open(&options, &journal), STATUS_INVALID);
    options.read_only = true;
    EXPECT_OK(journal_open(&options, &journal));
    EXPECT_EQ(read_all(journal, 1), 3);
    journal_close(journal);
    leave_place();
}

static void space_is_reserved_ahead_and_counted(void)
{
    enter_place();
    struct journal_options options = options_of("feed");
    struct journal *journal = NULL;
    struct journal_space before;
    struct journal_space after;
    struct stat about;

    options.reserve = 2 * MEGABYTE;
    EXPECT_OK(journal_open(&options, &journal));
    ENSURE(stat(place_of("feed/data.mdb"), &about) == 0);
    EXPECT_TRUE((uint64_t)about.st_blocks * 512 >= 2 * MEGABYTE);
    EXPECT_OK(journal_space(journal, &before));
    for (int i = 0; i < 20; i++) {
        append(journal, 500);
    }
    EXPECT_OK(journal_space(journal, &after));
    ENSURE(stat(place_of("feed/data.mdb"), &about) == 0);
    EXPECT_TRUE(after.used > before.used + 2 * MEGABYTE);
    EXPECT_TRUE((uint64_t)about.st_blocks * 512 >= after.used + MEGABYTE / 2);
    EXPECT_EQ(after.size_max, 64 * MEGABYTE);
    EXPECT_TRUE(after.disk_free > 0);
    trim(journal, 9900, 1000);
    trim(journal, 9901, 1);
    EXPECT_OK(journal_space(journal, &before));
    EXPECT_TRUE(before.used < after.used / 2);
    journal_close(journal);
    leave_place();
}

static void no_room_for_the_reserve_is_full(void)
{
    enter_place();
    struct journal_options options = options_of("feed");
    struct journal *journal = NULL;

    /* A limit on files stands in for a full disk, which other programs would share. */
    struct rlimit limit;
    EXPECT_EQ(getrlimit(RLIMIT_FSIZE, &limit), 0);
    struct rlimit small = {.rlim_cur = 8 * MEGABYTE, .rlim_max = limit.rlim_max};
    signal(SIGXFSZ, SIG_IGN);
    EXPECT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
    options.reserve = 16 * MEGABYTE;
    EXPECT_STATUS(journal_open(&options, &journal), STATUS_FULL);
    EXPECT_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
    options.reserve = 0;
    EXPECT_OK(journal_open(&options, &journal));
    journal_close(journal);
    leave_place();
}

static void the_age_of_the_oldest_view_is_counted(void)
{
    enter_place();
    struct journal *journal = open_journal("feed");
    struct journal_reader *reader = NULL;
    struct journal_space space;

    EXPECT_OK(journal_reader_open(journal, &reader));
    for (int i = 0; i < 5; i++) {
        append(journal, 1);
    }
    EXPECT_OK(journal_space(journal, &space));
    EXPECT_EQ(space.oldest_reader_age, 5);
    journal_rest(reader);
    EXPECT_OK(journal_space(journal, &space));
    EXPECT_EQ(space.oldest_reader_age, 0);
    journal_reader_close(reader);
    journal_close(journal);
    leave_place();
}

static uint64_t mapped_pages(void)
{
    unsigned long mapped = 0;
    FILE *file = fopen("/proc/self/statm", "r");

    ENSURE(file != NULL);
    ENSURE(fscanf(file, "%*u %*u %lu", &mapped) == 1);
    fclose(file);
    return mapped;
}

static void pages_given_back_come_again_when_they_are_read(void)
{
    enter_place();
    struct journal *journal = open_journal("feed");

    for (int i = 0; i < 20; i++) {
        append(journal, 1000);
    }
    EXPECT_EQ(read_all(journal, 1), 20000);
    uint64_t before = mapped_pages();
    journal_release_pages(journal);
    EXPECT_TRUE(mapped_pages() + 100 < before);
    EXPECT_EQ(read_all(journal, 1), 20000);
    append(journal, 10);
    EXPECT_EQ(read_all(journal, 1), 20010);
    journal_close(journal);
    leave_place();
}

int main(int argc, char **argv)
{
    static const struct test_case cases[] = {
        CASE(a_new_journal_is_empty_and_has_an_epoch),
        CASE(making_a_journal_leaves_nothing_beside_it),
        CASE(a_place_taken_by_something_else_is_left_alone),
        CASE(reading_only_makes_nothing),
        CASE(a_path_that_leaves_no_room_for_names_is_refused),
        CASE(a_journal_and_its_backup_may_be_named_from_where_the_process_stands),
        CASE(what_was_never_opened_can_be_closed),
        CASE(entries_come_back_as_they_were_appended),
        CASE(every_entry_follows_the_one_before),
        CASE(what_is_aborted_leaves_no_trace),
        CASE(a_body_beyond_the_limit_is_refused_and_spoils_the_commit),
        CASE(a_reader_keeps_its_view_until_it_seeks),
        CASE(the_stored_form_is_that_of_entry_store),
        CASE(reading_and_reading_stored_can_be_mixed),
        CASE(no_changed_byte_of_a_stored_entry_is_loaded),
        CASE(the_chain_covers_every_field),
        CASE(rows_are_replaced_deleted_and_kept_over_a_restart),
        CASE(rows_beyond_a_limit_are_refused),
        CASE(rows_are_visited_by_ascending_key_within_their_table),
        CASE(trimming_keeps_the_chain),
        CASE(a_full_map_refuses_keeps_what_it_has_and_recovers),
        CASE(another_partition_is_another_journal),
        CASE(space_is_reserved_ahead_and_counted),
        CASE(no_room_for_the_reserve_is_full),
        CASE(the_age_of_the_oldest_view_is_counted),
        CASE(pages_given_back_come_again_when_they_are_read),
    };

    return run_cases(cases, COUNT_OF(cases), argc, argv);
}
