/*
 * backup.c - a compact copy while the journal is in use, and how much room there is.
 */
#include "journal/internal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

enum status journal_backup(struct journal *journal, const char *path)
{
    struct stat about;
    struct aside aside;

    if (lstat(path, &about) == 0) {
        return STATUS_EXISTS;
    }
    enum status status = aside_make(&aside, path);
    if (status != STATUS_OK) {
        return status;
    }
    status = status_from_mdb(mdb_env_copy2(journal->env, aside.path, MDB_CP_COMPACT));
    if (status == STATUS_OK) {
        status = aside_publish(&aside);
    }
    if (status != STATUS_OK) {
        aside_remove(&aside);
    }
    return status;
}

/* Pages that LMDB keeps for use again: its first table lists them, a count and then numbers. */
static enum status count_free_pages(MDB_txn *txn, uint64_t *count)
{
    MDB_cursor *cursor = NULL;
    MDB_val key;
    MDB_val list;
    uint64_t found = 0;
    int code = mdb_cursor_open(txn, FREE_TABLE, &cursor);
    if (code != MDB_SUCCESS) {
        return status_from_mdb(code);
    }
    while ((code = mdb_cursor_get(cursor, &key, &list, MDB_NEXT)) == MDB_SUCCESS) {
        size_t pages = 0;
        memcpy(&pages, list.mv_data, list.mv_size < sizeof pages ? 0 : sizeof pages);
        found += pages;
    }
    mdb_cursor_close(cursor);
    *count = found;
    return code == MDB_NOTFOUND ? STATUS_OK : status_from_mdb(code);
}

/* A line for each reader: process, thread, transaction; "-" when it rests. LMDB tells only so. */
static int see_reader(const char *line, void *context)
{
    size_t *oldest = context;
    const char *word = strrchr(line, ' ');

    if (word != NULL && word[1] >= '0' && word[1] <= '9') {
        *oldest = min_u64(*oldest, strtoull(word + 1, NULL, 10));
    }
    return 0;
}

static enum status count_used_pages(struct journal *journal, const MDB_envinfo *info,
                                    uint64_t *count)
{
    MDB_txn *txn = NULL;
    uint64_t free_count = 0;
    int code = mdb_txn_begin(journal->env, NULL, MDB_RDONLY, &txn);
    if (code != MDB_SUCCESS) {
        return status_from_mdb(code);
    }
    enum status status = count_free_pages(txn, &free_count);
    mdb_txn_abort(txn);
    if (status == STATUS_OK) {
        *count = info->me_last_pgno + 1 - min_u64(free_count, info->me_last_pgno + 1);
    }
    return status;
}

enum status journal_space(struct journal *journal, struct journal_space *space)
{
    MDB_envinfo info;
    mdb_filehandle_t file;
    struct statvfs disk;
    uint64_t used = 0;
    int dead = 0;

    enum status status = status_from_mdb(mdb_reader_check(journal->env, &dead));
    if (status != STATUS_OK) {
        return status;
    }
    ENSURE(mdb_env_info(journal->env, &info) == MDB_SUCCESS);
    ENSURE(mdb_env_get_fd(journal->env, &file) == MDB_SUCCESS);
    size_t oldest = info.me_last_txnid;
    if (mdb_reader_list(journal->env, see_reader, &oldest) < 0 || fstatvfs(file, &disk) != 0) {
        return STATUS_IO;
    }
    status = count_used_pages(journal, &info, &used);
    if (status == STATUS_OK) {
        *space = (struct journal_space){
            .used = used * journal->page_size,
            .size_max = info.me_mapsize,
            .disk_free = (uint64_t)disk.f_bavail * disk.f_frsize,
            .oldest_reader_age = info.me_last_txnid - oldest,
        };
    }
    return status;
}
