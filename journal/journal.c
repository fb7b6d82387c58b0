/*
 * journal.c - opening and closing.
 *
 * A journal is a directory with one LMDB environment, in LMDB's safest mode:
 *
 *     data.mdb     the tables "log", "rows" and "meta"; format.md describes them
 *     lock.mdb     LMDB's table of readers
 *     writer.lock  locked (flock) by the process that has it open for writing
 *
 * LMDB's own locks go when any descriptor of its files is closed in the process, so the one
 * writer is kept by a file of ours, and the data file is only reached through LMDB's descriptor.
 */
#include "journal/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MODE 0640
#define TABLE_COUNT 3
#define TAIL_COUNT 1000 /* Entries checked at every start. */
#define WEAK_FLAGS (MDB_NOSYNC | MDB_NOMETASYNC | MDB_MAPASYNC | MDB_WRITEMAP | MDB_NOLOCK)

enum status status_from_mdb(int code)
{
    switch (code) {
    case MDB_SUCCESS:
        return STATUS_OK;
    case MDB_NOTFOUND:
        return STATUS_NOT_FOUND;
    case MDB_MAP_FULL:
    case ENOSPC:
    case EDQUOT:
        return STATUS_FULL;
    case MDB_READERS_FULL:
        return STATUS_AGAIN;
    case MDB_KEYEXIST: /* MDB_APPEND: the log goes beyond what meta says. */
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_INVALID:
    case MDB_VERSION_MISMATCH:
    case MDB_INCOMPATIBLE:
    case MDB_CURSOR_FULL:
        return STATUS_CORRUPT;
    case ENOENT:
        return STATUS_NOT_FOUND;
    case ENOMEM:
        return STATUS_NO_MEMORY;
    default:
        return STATUS_IO;
    }
}

/* Tables, and a meta row that says: empty. Closes what it opened. */
static enum status fill_store(MDB_env *env, const char *path, uint32_t partition)
{
    static const char *const names[TABLE_COUNT] = {"log", "rows", "meta"};
    struct meta meta = {.partition = partition, .head.oldest = 1};
    MDB_dbi tables[TABLE_COUNT];
    MDB_txn *txn = NULL;

    while (meta.head.epoch == 0) {
        randombytes_buf(&meta.head.epoch, sizeof meta.head.epoch);
    }
    int code = mdb_env_set_maxdbs(env, TABLE_COUNT);
    if (code == MDB_SUCCESS) {
        code = mdb_env_open(env, path, MDB_NOTLS, FILE_MODE);
    }
    if (code == MDB_SUCCESS) {
        code = mdb_txn_begin(env, NULL, 0, &txn);
    }
    for (size_t i = 0; i < TABLE_COUNT && code == MDB_SUCCESS; i++) {
        code = mdb_dbi_open(txn, names[i], MDB_CREATE, &tables[i]);
    }
    enum status status = status_from_mdb(code);
    if (status == STATUS_OK) {
        status = save_meta(txn, tables[2], &meta);
    }
    if (status != STATUS_OK) {
        mdb_txn_abort(txn);
        return status;
    }
    return status_from_mdb(mdb_txn_commit(txn));
}

/* LMDB writes its first two meta pages without a flush, the one state that it cannot recover
 * from, so a new journal is made aside. Another process that made it meanwhile is as good. */
static enum status make_store(const struct journal_options *options)
{
    struct aside aside;
    enum status status = aside_make(&aside, options->path);
    if (status != STATUS_OK) {
        return status;
    }
    MDB_env *env = NULL;
    status = status_from_mdb(mdb_env_create(&env));
    if (status == STATUS_OK) {
        status = fill_store(env, aside.path, options->partition);
        mdb_env_close(env);
    }
    if (status == STATUS_OK) {
        status = aside_publish(&aside);
    }
    if (status != STATUS_OK) {
        aside_remove(&aside);
    }
    return status;
}

static enum status ensure_made(const struct journal_options *options)
{
    char path[PATH_MAX];
    struct stat about;
    enum status status = data_path(path, options->path, "data.mdb");

    if (status != STATUS_OK || stat(path, &about) == 0) {
        return status;
    }
    if (errno != ENOENT) {
        return STATUS_IO;
    }
    if (options->read_only) {
        return STATUS_NOT_FOUND;
    }
    status = make_store(options);
    return status == STATUS_EXISTS && stat(path, &about) == 0 ? STATUS_OK : status;
}

/* The lock belongs to the open file, so it also keeps this process from opening twice. */
static enum status lock_writer(struct journal *journal, const char *directory)
{
    char path[PATH_MAX];
    enum status status = data_path(path, directory, "writer.lock");

    if (status != STATUS_OK) {
        return status;
    }
    journal->writer_lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, FILE_MODE);
    if (journal->writer_lock < 0) {
        return status_from_mdb(errno);
    }
    if (flock(journal->writer_lock, LOCK_EX | LOCK_NB) != 0) {
        return errno == EWOULDBLOCK ? STATUS_EXISTS : STATUS_IO;
    }
    return STATUS_OK;
}

/* A read-only environment takes the size of the map from the file. On a read-only medium, and
 * only there, LMDB does without its lock file: nobody can be writing then. */
static enum status open_store(struct journal *journal, const struct journal_options *options)
{
    unsigned flags = MDB_NOTLS | (options->read_only ? MDB_RDONLY : 0);
    unsigned flags_set = 0;
    long page_size = sysconf(_SC_PAGESIZE);

    int code = mdb_env_create(&journal->env);
    if (code == MDB_SUCCESS) {
        code = mdb_env_set_maxdbs(journal->env, TABLE_COUNT);
    }
    if (code == MDB_SUCCESS && !options->read_only) {
        code = mdb_env_set_mapsize(journal->env,
                                   options->size_max / (uint64_t)page_size * (uint64_t)page_size);
    }
    if (code == MDB_SUCCESS) {
        code = mdb_env_open(journal->env, options->path, flags, FILE_MODE);
    }
    if (code != MDB_SUCCESS) {
        return status_from_mdb(code);
    }
    ENSURE(mdb_env_get_flags(journal->env, &flags_set) == 0);
    ENSURE((flags_set & WEAK_FLAGS) == 0);
    return STATUS_OK;
}

static enum status open_tables(struct journal *journal)
{
    MDB_txn *txn = NULL;
    int code = mdb_txn_begin(journal->env, NULL, MDB_RDONLY, &txn);
    if (code != MDB_SUCCESS) {
        return status_from_mdb(code);
    }
    code = mdb_dbi_open(txn, "log", 0, &journal->log);
    if (code == MDB_SUCCESS) {
        code = mdb_dbi_open(txn, "rows", 0, &journal->rows);
    }
    if (code == MDB_SUCCESS) {
        code = mdb_dbi_open(txn, "meta", 0, &journal->meta_table);
    }
    enum status status = code == MDB_NOTFOUND ? STATUS_CORRUPT : status_from_mdb(code);
    if (status == STATUS_OK) {
        status = load_meta(txn, journal->meta_table, &journal->meta);
    }
    if (status != STATUS_OK) {
        mdb_txn_abort(txn);
        return status;
    }
    return status_from_mdb(mdb_txn_commit(txn)); /* Handles live on from a commit only. */
}

static void measure_store(struct journal *journal)
{
    MDB_envinfo info;
    MDB_stat stat;

    ENSURE(mdb_env_info(journal->env, &info) == MDB_SUCCESS);
    ENSURE(mdb_env_stat(journal->env, &stat) == MDB_SUCCESS);
    journal->page_size = stat.ms_psize;
    journal->page_count_max = info.me_mapsize / stat.ms_psize;
}

static enum status check_tail(struct journal_reader *reader)
{
    const char *problem = NULL;
    struct entry entry;
    enum status status = check_bounds(reader, &problem);

    if (status == STATUS_OK) {
        uint64_t last = reader->meta.head.last;
        uint64_t from = last > TAIL_COUNT ? last - TAIL_COUNT + 1 : 1;
        status = journal_seek(reader, max_u64(from, reader->meta.head.oldest));
    }
    while (status == STATUS_OK) {
        status = journal_read(reader, &entry);
    }
    return status == STATUS_END ? STATUS_OK : status;
}

/* What a process is about to rely on: the roots, the end of the feed, every row. */
static enum status check_stored(struct journal *journal)
{
    struct journal_reader *reader = NULL;
    struct journal_report report = {0};
    enum status status = journal_reader_open(journal, &reader);

    if (status == STATUS_OK) {
        status = check_roots(reader);
    }
    if (status == STATUS_OK) {
        status = check_tail(reader);
    }
    if (status == STATUS_OK) {
        status = check_rows(reader, &report);
    }
    journal_reader_close(reader);
    return status;
}

/* What a storage error left behind is found out here: readers that died are forgotten, room
 * is set aside, and one durable commit shows that the disk takes it. */
static enum status prepare_writing(struct journal *journal)
{
    struct journal_transaction *txn = NULL;
    int dead = 0;
    enum status status = status_from_mdb(mdb_reader_check(journal->env, &dead));

    if (status == STATUS_OK) {
        status = reserve_ahead(journal);
    }
    if (status == STATUS_OK) {
        status = journal_begin(journal, &txn);
    }
    if (status == STATUS_OK) {
        txn->meta_changed = true;
        status = journal_commit(txn);
    }
    return status;
}

static enum status open_all(struct journal *journal, const struct journal_options *options)
{
    enum status status = options->read_only ? STATUS_OK : lock_writer(journal, options->path);

    if (status == STATUS_OK) {
        status = open_store(journal, options);
    }
    if (status == STATUS_OK) {
        status = open_tables(journal);
    }
    if (status == STATUS_OK && !options->read_only &&
        journal->meta.partition != options->partition) {
        status = STATUS_INVALID;
    }
    if (status != STATUS_OK) {
        return status;
    }
    measure_store(journal);
    if (options->read_only) {
        return STATUS_OK; /* Damage must not keep journal_verify from telling where it is. */
    }
    status = check_stored(journal);
    return status == STATUS_OK ? prepare_writing(journal) : status;
}

enum status journal_open(const struct journal_options *options, struct journal **journal)
{
    ENSURE(options->path != NULL);
    ENSURE(options->size_max > 0 || options->read_only);
    ENSURE(sodium_init() >= 0);

    enum status status = ensure_made(options);
    if (status != STATUS_OK) {
        return status;
    }
    struct journal *opened = memory_take(1, sizeof *opened);
    opened->writer_lock = -1;
    opened->read_only = options->read_only;
    opened->reserve = options->reserve;
    ENSURE(pthread_mutex_init(&opened->meta_lock, NULL) == 0);
    status = open_all(opened, options);
    if (status != STATUS_OK) {
        journal_close(opened);
        return status;
    }
    *journal = opened;
    return STATUS_OK;
}

void journal_close(struct journal *journal)
{
    if (journal == NULL) {
        return;
    }
    ENSURE(!journal->writing);
    if (journal->env != NULL) {
        mdb_env_close(journal->env);
    }
    if (journal->writer_lock >= 0) {
        close(journal->writer_lock);
    }
    pthread_mutex_destroy(&journal->meta_lock);
    free(journal);
}
