/*
 * verify.c - reads everything and says what does not check.
 *
 * The view of the log is renewed every few thousand entries, which never change, so that a
 * journal in use can be verified without keeping its pages from being used again; the rows
 * take one view. Pages that are wildly damaged can bring LMDB, and so the process, down: who
 * verifies a journal of doubtful origin does it in a child process.
 */
#include "journal/internal.h"

#include "core/base/mutant.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define CHUNK_COUNT 4096

/* LMDB 0.9 keeps two roots, in the first two pages, and takes the one with the higher number.
 * Commit n writes page n % 2, so the numbers differ by one, whenever the power goes; anything else
 * would bring an older state back in silence. A writer beside us may be between the two.
 *
 * Behind 16 bytes of page head: magic, version, address, size of the map, two tables of 48 bytes,
 * last page, number. */
#define ROOT_NUMBER_OFFSET (16 + 4 + 4 + 8 + 8 + 2 * 48 + 8)
#define ROOT_LOOK_COUNT 100
static_assert(sizeof(size_t) == 8, "LMDB stores its numbers as size_t");

static enum status look_at_roots(const struct journal *journal, bool *is_sound)
{
    mdb_filehandle_t file;
    uint8_t stored[2][8];

    ENSURE(mdb_env_get_fd(journal->env, &file) == MDB_SUCCESS);
    for (size_t page = 0; page < 2; page++) {
        off_t at = (off_t)(page * journal->page_size + ROOT_NUMBER_OFFSET);
        if (pread(file, stored[page], sizeof stored[page], at) != sizeof stored[page]) {
            return STATUS_IO;
        }
    }
    uint64_t even = load_u64(stored[0]);
    uint64_t odd = load_u64(stored[1]);
    *is_sound = even % 2 == 0 && odd % 2 == 1 && (even + 1 == odd || odd + 1 == even);
    return STATUS_OK;
}

/* Commit n notes under n which pages it freed, and there is none that frees nothing but the first
 * of a journal or of a copy. So a root's number is the last one in its own list. */
static enum status check_number(struct journal_reader *reader)
{
    MDB_cursor *cursor = NULL;
    MDB_val key;
    uint64_t number = mdb_txn_id(reader->txn);
    int code = mdb_cursor_open(reader->txn, FREE_TABLE, &cursor);
    if (code != MDB_SUCCESS) {
        return status_from_mdb(code);
    }
    code = mdb_cursor_get(cursor, &key, NULL, MDB_LAST);
    bool is_sound = code == MDB_SUCCESS && key.mv_size == 8 && load_u64(key.mv_data) == number;
    is_sound = is_sound || MUTANT(53);
    mdb_cursor_close(cursor);
    return is_sound || (code == MDB_NOTFOUND && number <= 1) ? STATUS_OK : STATUS_CORRUPT;
}

enum status check_roots(struct journal_reader *reader)
{
    bool is_sound = MUTANT(53);
    enum status status = STATUS_OK;

    for (int i = 0; i < ROOT_LOOK_COUNT && status == STATUS_OK && !is_sound; i++) {
        status = look_at_roots(reader->journal, &is_sound);
    }
    if (status == STATUS_OK) {
        status = is_sound ? check_number(reader) : STATUS_CORRUPT;
    }
    return status;
}

static bool key_is(const struct journal_reader *reader, const MDB_val *key, uint64_t seq)
{
    uint8_t wanted[KEY_SIZE];

    encode_key(reader->meta.partition, seq, wanted);
    return key->mv_size == KEY_SIZE && memcmp(key->mv_data, wanted, KEY_SIZE) == 0;
}

enum status check_bounds(struct journal_reader *reader, const char **problem)
{
    const struct journal_head *head = &reader->meta.head;
    MDB_stat stat;
    MDB_val key;

    int code = mdb_stat(reader->txn, reader->journal->log, &stat);
    if (code != MDB_SUCCESS) {
        return status_from_mdb(code);
    }
    if (stat.ms_entries != head->last + 1 - head->oldest) {
        *problem = "gap";
        return STATUS_CORRUPT;
    }
    if (stat.ms_entries == 0) {
        return STATUS_OK;
    }
    if (mdb_cursor_get(reader->cursor, &key, NULL, MDB_FIRST) != MDB_SUCCESS ||
        !key_is(reader, &key, head->oldest) ||
        mdb_cursor_get(reader->cursor, &key, NULL, MDB_LAST) != MDB_SUCCESS ||
        !key_is(reader, &key, head->last)) {
        *problem = "gap";
        return STATUS_CORRUPT;
    }
    return STATUS_OK;
}

/* A fresh view at the same place. What was trimmed meanwhile needs no check any more. */
static enum status renew_view(struct journal_reader *reader)
{
    uint8_t chain[JOURNAL_CHAIN_SIZE];
    bool known = reader->chain_known;

    memcpy(chain, reader->chain, sizeof chain);
    enum status status = journal_seek(reader, reader->seq_next);
    if (status == STATUS_OK) {
        memcpy(reader->chain, chain, sizeof chain);
        reader->chain_known = known;
    }
    return status == STATUS_GAP ? STATUS_OK : status;
}

static enum status verify_entries(struct journal_reader *reader, struct journal_report *report)
{
    const char *problem = "page";
    uint64_t last = reader->meta.head.last;
    enum status status = check_bounds(reader, &problem);
    const char *bounds_problem = status == STATUS_OK ? NULL : problem;

    /* Also when the count is wrong: the entry that is missing is worth a name. */
    status = STATUS_OK;
    while (status == STATUS_OK && reader->seq_next <= last) {
        struct entry entry;
        status = read_entry(reader, &entry, &problem);
        if (status == STATUS_OK && ++report->entry_count % CHUNK_COUNT == 0) {
            status = renew_view(reader);
        }
    }
    if (status != STATUS_OK) {
        report->bad_seq = reader->seq_next;
        snprintf(report->problem, sizeof report->problem, "entry %" PRIu64 ": %s", reader->seq_next,
                 problem);
        return STATUS_CORRUPT;
    }
    if (bounds_problem != NULL) {
        report->bad_seq = last + 1;
        snprintf(report->problem, sizeof report->problem,
                 "the log holds entries that its meta row does not know");
        return STATUS_CORRUPT;
    }
    return STATUS_OK;
}

static void report_row(struct journal_report *report, const MDB_val *key)
{
    const uint8_t *data = key->mv_data;
    size_t size = min_u64(key->mv_size, ROW_KEY_SIZE_MAX);
    size_t used =
        (size_t)snprintf(report->problem, sizeof report->problem,
                         "row of table %u: checksum or place; key ", size > 0 ? data[0] : 0u);

    for (size_t i = 1; i < size && used + 3 < sizeof report->problem; i++) {
        used += (size_t)snprintf(report->problem + used, sizeof report->problem - used, "%02x",
                                 data[i]);
    }
}

/* Rows as a scan meets them. */
struct scan {
    struct journal_reader *reader;
    MDB_val key; /* Of the last one, mv_data NULL for none. */
    MDB_val stored;
};

/* From the root, as whoever looks for the row would go. A cursor would stay in its page. */
static bool is_found_by_key(struct scan *scan)
{
    MDB_val found;

    return mdb_get(scan->reader->txn, scan->reader->journal->rows, &scan->key, &found) ==
               MDB_SUCCESS &&
           found.mv_data == scan->stored.mv_data;
}

/* Keys rise, and those at both ends of a page are found: so all in it are. */
static bool is_in_place(struct scan *scan, const MDB_val *key, const MDB_val *stored)
{
    uint64_t page_size = scan->reader->journal->page_size;
    MDB_val before = scan->key;
    bool is_first = before.mv_data == NULL;
    bool is_same_page =
        !is_first && (uintptr_t)before.mv_data / page_size == (uintptr_t)key->mv_data / page_size;

    if (!is_first && bytes_compare((struct bytes){before.mv_data, before.mv_size},
                                   (struct bytes){key->mv_data, key->mv_size}) >= 0) {
        return false;
    }
    bool is_end_found = is_first || is_same_page || is_found_by_key(scan);
    scan->key = *key;
    scan->stored = *stored;
    return is_end_found && (is_same_page || is_found_by_key(scan));
}

/* One view, so that the rows can be counted: a page that lost its keys shows in the count, and
 * one that keys do not lead to in the search. */
static enum status verify_each_row(struct scan *scan, MDB_cursor *cursor,
                                   struct journal_report *report)
{
    MDB_val key = {0};
    MDB_val stored;
    int code = mdb_cursor_get(cursor, &key, &stored, MDB_FIRST);

    while (code == MDB_SUCCESS) {
        struct bytes value;
        if (decode_row(&key, &stored, &value) != STATUS_OK || !is_in_place(scan, &key, &stored)) {
            report_row(report, &key);
            return STATUS_CORRUPT;
        }
        report->row_count++;
        code = mdb_cursor_get(cursor, &key, &stored, MDB_NEXT);
    }
    if (code == MDB_NOTFOUND && report->row_count > 0 && !is_found_by_key(scan)) {
        report_row(report, &scan->key);
        return STATUS_CORRUPT;
    }
    return code == MDB_NOTFOUND ? STATUS_OK : status_from_mdb(code);
}

enum status check_rows(struct journal_reader *reader, struct journal_report *report)
{
    MDB_cursor *cursor = NULL;
    MDB_stat stat;
    int code = mdb_cursor_open(reader->txn, reader->journal->rows, &cursor);
    if (code != MDB_SUCCESS) {
        return status_from_mdb(code);
    }
    enum status status = verify_each_row(&(struct scan){.reader = reader}, cursor, report);
    mdb_cursor_close(cursor);
    if (status == STATUS_OK) {
        status = status_from_mdb(mdb_stat(reader->txn, reader->journal->rows, &stat));
    }
    if (status == STATUS_OK && stat.ms_entries != report->row_count) {
        snprintf(report->problem, sizeof report->problem, "rows: %zu counted, %" PRIu64 " found",
                 stat.ms_entries, report->row_count);
        status = STATUS_CORRUPT;
    }
    return status;
}

enum status journal_verify(struct journal *journal, struct journal_report *report)
{
    struct journal_reader *reader = NULL;

    *report = (struct journal_report){0};
    enum status status = journal_reader_open(journal, &reader);
    if (status == STATUS_OK) {
        status = check_roots(reader);
    }
    if (status == STATUS_OK) {
        status = verify_entries(reader, report);
    }
    if (status == STATUS_OK) {
        status = renew_view(reader);
    }
    if (status == STATUS_OK) {
        status = check_rows(reader, report);
    }
    if (status != STATUS_OK && report->problem[0] == '\0') {
        snprintf(report->problem, sizeof report->problem, "meta row, roots or pages: %s",
                 status_name(status));
    }
    journal_reader_close(reader);
    return status;
}
