/*
 * backup.c - a compact copy while the journal is in use, and how much room there is.
 */
#include "journal/internal.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define HELD_SHARE 8                     /* Of the map: so much may wait for a reader, */
#define HELD_MIN ((uint64_t)1024 * 1024) /* or so much, whatever the disk has left. */

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

/* The oldest view, and whose it is. */
struct view {
    size_t number; /* Of the commit it sees. */
    pid_t holder;  /* 0: nobody holds one. */
};

struct free_pages {
    uint64_t count;
    uint64_t held; /* Of them those that the oldest view still sees. */
};

/* LMDB's first table lists pages for use again: by commit a count, and then numbers. */
static enum status count_free_pages(MDB_txn *txn, const struct view *oldest,
                                    struct free_pages *pages)
{
    MDB_cursor *cursor = NULL;
    MDB_val key;
    MDB_val list;
    struct free_pages found = {0};
    int code = mdb_cursor_open(txn, FREE_TABLE, &cursor);
    if (code != MDB_SUCCESS) {
        return status_from_mdb(code);
    }
    while ((code = mdb_cursor_get(cursor, &key, &list, MDB_NEXT)) == MDB_SUCCESS) {
        size_t commit = 0;
        size_t count = 0;
        memcpy(&commit, key.mv_data, key.mv_size < sizeof commit ? 0 : sizeof commit);
        memcpy(&count, list.mv_data, list.mv_size < sizeof count ? 0 : sizeof count);
        found.count += count;
        found.held += oldest->holder != 0 && commit >= oldest->number ? count : 0;
    }
    mdb_cursor_close(cursor);
    *pages = found;
    return code == MDB_NOTFOUND ? STATUS_OK : status_from_mdb(code);
}

/* A line for each reader: process, thread, commit; "-" when it rests. LMDB tells only so. */
static int see_reader(const char *line, void *context)
{
    struct view *oldest = context;
    int process = 0;
    size_t number = 0;

    if (sscanf(line, "%d %*x %zu", &process, &number) == 2 &&
        (oldest->holder == 0 || number < oldest->number)) {
        *oldest = (struct view){.number = number, .holder = process};
    }
    return 0;
}

static enum status count_pages(struct journal *journal, const struct view *oldest,
                               struct free_pages *pages)
{
    MDB_txn *txn = NULL;
    int code = mdb_txn_begin(journal->env, NULL, MDB_RDONLY, &txn);
    if (code != MDB_SUCCESS) {
        return status_from_mdb(code);
    }
    enum status status = count_free_pages(txn, oldest, pages);
    mdb_txn_abort(txn);
    return status;
}

enum status journal_space(struct journal *journal, struct journal_space *space)
{
    MDB_envinfo info;
    mdb_filehandle_t file;
    struct statvfs disk;
    struct view oldest = {0};
    struct free_pages pages = {0};
    int dead = 0;

    enum status status = status_from_mdb(mdb_reader_check(journal->env, &dead));
    if (status != STATUS_OK) {
        return status;
    }
    ENSURE(mdb_env_info(journal->env, &info) == MDB_SUCCESS);
    ENSURE(mdb_env_get_fd(journal->env, &file) == MDB_SUCCESS);
    if (mdb_reader_list(journal->env, see_reader, &oldest) < 0 || fstatvfs(file, &disk) != 0) {
        return STATUS_IO;
    }
    status = count_pages(journal, &oldest, &pages);
    if (status == STATUS_OK) {
        uint64_t page_count = info.me_last_pgno + 1;
        uint64_t seen = oldest.holder == 0 ? info.me_last_txnid : oldest.number;
        *space = (struct journal_space){
            .used = (page_count - min_u64(pages.count, page_count)) * journal->page_size,
            .size_max = info.me_mapsize,
            .disk_free = (uint64_t)disk.f_bavail * disk.f_frsize,
            .held = pages.held * journal->page_size,
            .holder = oldest.holder,
            .oldest_reader_age = info.me_last_txnid - min_u64(seen, info.me_last_txnid),
        };
    }
    return status;
}

/* LMDB has no way to take a view from a living process. */
bool journal_evict(const struct journal_space *space)
{
    uint64_t bearable = min_u64(space->size_max / HELD_SHARE, space->disk_free);

    return space->holder != 0 && space->holder != getpid() &&
           space->held > max_u64(bearable, HELD_MIN) && kill(space->holder, SIGKILL) == 0;
}
