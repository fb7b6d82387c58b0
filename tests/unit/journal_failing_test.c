/*
 * journal_failing_test.c - whichever call of LMDB or of the system fails, whoever asked is told,
 * and what was acknowledged is there afterwards.
 *
 * The linker puts a function of this file in front of each call that the journal makes (`--wrap`,
 * tests/meson.build). Every one counts, and the call whose turn it is fails. So a short life of a
 * journal is lived again and again, each time with the next call failing, in each way that matters.
 */
#include "tests/unit/journal_fixture.h"

#include <errno.h>
#include <glob.h>
#include <lmdb.h>
#include <sys/statvfs.h>

#define LIFE_NAME_COUNT 29 /* All that are wrapped but those of journal_release_pages. */

/* What a call that fails answers. */
struct failure {
    int mdb_code;        /* From LMDB, */
    int system_code;     /* and in errno from the system. */
    bool is_done_anyway; /* A commit that fails was carried out all the same. */
};

static uint64_t call_count; /* Since the failure was planned. */
static uint64_t call_failing;
static struct failure planned;
static const char *failed_name;      /* The call that failed, when one did. */
static const char *failed_names[64]; /* Each one that ever did. */
static size_t failed_name_count;
static void (*before_rename)(void);

static void note_failure(const char *name)
{
    failed_name = name;
    for (size_t i = 0; i < failed_name_count; i++) {
        if (strcmp(failed_names[i], name) == 0) {
            return;
        }
    }
    failed_names[failed_name_count++] = name;
}

static bool must_fail(const char *name)
{
    if (++call_count != call_failing) {
        return false;
    }
    note_failure(name);
    errno = planned.system_code;
    return true;
}

/* A call of LMDB: WRAP_MDB(name, types and names of the parameters, the names alone). */
#define WRAP_MDB(name, parameters, arguments)                                                      \
    int __real_##name parameters;                                                                  \
    int __wrap_##name parameters;                                                                  \
    int __wrap_##name parameters                                                                   \
    {                                                                                              \
        return must_fail(#name) ? planned.mdb_code : __real_##name arguments;                      \
    }

/* A call of the system, which returns `bad` when it fails. Names end in 64 where Meson, by
 * _FILE_OFFSET_BITS, lets the C library's headers say so. */
#define WRAP_SYSTEM(type, bad, name, parameters, arguments)                                        \
    type __real_##name parameters;                                                                 \
    type __wrap_##name parameters;                                                                 \
    type __wrap_##name parameters                                                                  \
    {                                                                                              \
        return must_fail(#name) ? (bad) : __real_##name arguments;                                 \
    }

/* NOLINTBEGIN(bugprone-reserved-identifier, bugprone-macro-parentheses): the linker's names. */
WRAP_MDB(mdb_env_create, (MDB_env * *env), (env))
WRAP_MDB(mdb_env_set_maxdbs, (MDB_env * env, MDB_dbi count), (env, count))
WRAP_MDB(mdb_env_set_mapsize, (MDB_env * env, size_t size), (env, size))
WRAP_MDB(mdb_env_open, (MDB_env * env, const char *path, unsigned flags, mdb_mode_t mode),
         (env, path, flags, mode))
WRAP_MDB(mdb_env_copy2, (MDB_env * env, const char *path, unsigned flags), (env, path, flags))
WRAP_MDB(mdb_reader_check, (MDB_env * env, int *dead), (env, dead))
WRAP_MDB(mdb_txn_begin, (MDB_env * env, MDB_txn *parent, unsigned flags, MDB_txn **txn),
         (env, parent, flags, txn))
WRAP_MDB(mdb_txn_renew, (MDB_txn * txn), (txn))
WRAP_MDB(mdb_dbi_open, (MDB_txn * txn, const char *name, unsigned flags, MDB_dbi *table),
         (txn, name, flags, table))
WRAP_MDB(mdb_stat, (MDB_txn * txn, MDB_dbi table, MDB_stat *stat), (txn, table, stat))
WRAP_MDB(mdb_get, (MDB_txn * txn, MDB_dbi table, MDB_val *key, MDB_val *value),
         (txn, table, key, value))
WRAP_MDB(mdb_put, (MDB_txn * txn, MDB_dbi table, MDB_val *key, MDB_val *value, unsigned flags),
         (txn, table, key, value, flags))
WRAP_MDB(mdb_del, (MDB_txn * txn, MDB_dbi table, MDB_val *key, MDB_val *value),
         (txn, table, key, value))
WRAP_MDB(mdb_cursor_open, (MDB_txn * txn, MDB_dbi table, MDB_cursor **cursor), (txn, table, cursor))
WRAP_MDB(mdb_cursor_renew, (MDB_txn * txn, MDB_cursor *cursor), (txn, cursor))
WRAP_MDB(mdb_cursor_get, (MDB_cursor * cursor, MDB_val *key, MDB_val *value, MDB_cursor_op move),
         (cursor, key, value, move))
WRAP_MDB(mdb_cursor_put, (MDB_cursor * cursor, MDB_val *key, MDB_val *value, unsigned flags),
         (cursor, key, value, flags))
WRAP_MDB(mdb_cursor_del, (MDB_cursor * cursor, unsigned flags), (cursor, flags))

WRAP_SYSTEM(char *, NULL, mkdtemp, (char *path), (path))
WRAP_SYSTEM(int, -1, chmod, (const char *path, mode_t mode), (path, mode))
WRAP_SYSTEM(int, -1, open64, (const char *path, int flags, mode_t mode), (path, flags, mode))
WRAP_SYSTEM(int, -1, fsync, (int descriptor), (descriptor))
WRAP_SYSTEM(int, -1, flock, (int descriptor, int how), (descriptor, how))
WRAP_SYSTEM(int, -1, stat64, (const char *path, struct stat *about), (path, about))
WRAP_SYSTEM(int, -1, fstat64, (int descriptor, struct stat *about), (descriptor, about))
WRAP_SYSTEM(int, -1, fstatvfs64, (int descriptor, struct statvfs *about), (descriptor, about))
WRAP_SYSTEM(FILE *, NULL, fopen64, (const char *path, const char *how), (path, how))
WRAP_SYSTEM(int, errno, posix_fallocate64, (int descriptor, off_t at, off_t size),
            (descriptor, at, size))

int __real_mdb_reader_list(MDB_env *env, MDB_msg_func *see, void *context);
int __wrap_mdb_reader_list(MDB_env *env, MDB_msg_func *see, void *context);
int __wrap_mdb_reader_list(MDB_env *env, MDB_msg_func *see, void *context)
{
    return must_fail("mdb_reader_list") ? -1 : __real_mdb_reader_list(env, see, context);
}

int __real_mdb_txn_commit(MDB_txn *txn);
int __wrap_mdb_txn_commit(MDB_txn *txn);
int __wrap_mdb_txn_commit(MDB_txn *txn)
{
    if (!must_fail("mdb_txn_commit")) {
        return __real_mdb_txn_commit(txn);
    }
    if (planned.is_done_anyway) {
        ENSURE(__real_mdb_txn_commit(txn) == 0);
    } else {
        mdb_txn_abort(txn);
    }
    return planned.mdb_code;
}

int __real_rename(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to)
{
    if (before_rename != NULL) {
        void (*act)(void) = before_rename;
        before_rename = NULL;
        act();
    }
    return must_fail("rename") ? -1 : __real_rename(from, to);
}
/* NOLINTEND(bugprone-reserved-identifier, bugprone-macro-parentheses) */

static void fail_call(uint64_t number, struct failure failure)
{
    call_count = 0;
    call_failing = number;
    planned = failure;
    failed_name = NULL;
}

static void fail_nothing(void)
{
    call_failing = 0;
}

/* What a life acknowledged, and how it ended. */
struct life {
    enum status status; /* The first that was not STATUS_OK. */
    uint64_t last;      /* The last entry that was acknowledged, */
    uint64_t trimmed;   /* up to which some were forgotten, */
    uint64_t last_max;  /* and which there may be at most. */
    bool has_row;
};

static struct journal_options small_options(void)
{
    struct journal_options options = options_of("feed");

    options.size_max = MEGABYTE;
    options.reserve = 64 * 1024;
    return options;
}

static enum status commit_or_abort(struct journal_transaction *txn, enum status status)
{
    if (status != STATUS_OK) {
        journal_abort(txn);
        return status;
    }
    return journal_commit(txn);
}

static enum status write_some(struct journal *journal, struct life *life)
{
    struct journal_transaction *txn = NULL;
    enum status status = journal_begin(journal, &txn);

    if (status != STATUS_OK) {
        return status;
    }
    life->last_max = life->last + 4;
    for (uint64_t seq = life->last + 1; status == STATUS_OK && seq <= life->last_max; seq++) {
        uint8_t body[BODY_SIZE_MAX];
        struct entry entry = entry_of(seq, body);
        status = journal_append(txn, &entry, 1);
    }
    if (status == STATUS_OK) {
        status = journal_put_row(txn, 1, bytes_from_text("key"), bytes_from_text("value"));
    }
    status = commit_or_abort(txn, status);
    life->last = status == STATUS_OK ? life->last_max : life->last;
    life->has_row |= status == STATUS_OK;
    return status;
}

/* Forgets an entry, and takes a row away that was never there. */
static enum status forget_some(struct journal *journal, struct life *life)
{
    struct journal_transaction *txn = NULL;
    size_t count = 0;
    enum status status = journal_begin(journal, &txn);

    if (status != STATUS_OK) {
        return status;
    }
    life->trimmed++; /* Or not, when this fails. */
    status = journal_trim(txn, life->trimmed, 1, &count);
    if (status == STATUS_OK) {
        status = journal_delete_row(txn, 1, bytes_from_text("no key"));
    }
    return commit_or_abort(txn, status);
}

static enum status see_row(void *context, struct bytes key, struct bytes value)
{
    (void)context;
    EXPECT_TEXT(key, "key");
    EXPECT_TEXT(value, "value");
    return STATUS_OK;
}

static enum status read_entries(struct journal_reader *reader)
{
    struct entry entry;
    enum status status = journal_seek(reader, 2);

    while (status == STATUS_OK) {
        status = journal_read(reader, &entry);
        EXPECT_TRUE(status != STATUS_OK || entry_is_right(&entry));
    }
    return status == STATUS_END ? STATUS_OK : status;
}

static enum status read_stored(struct journal_reader *reader)
{
    struct buffer stored = {0};
    enum status status = journal_seek(reader, 2);

    while (status == STATUS_OK) {
        status = journal_read_stored(reader, &stored);
    }
    buffer_deinit(&stored);
    return status == STATUS_END ? STATUS_OK : status;
}

static enum status read_rows(struct journal_reader *reader)
{
    struct bytes value;
    enum status status = journal_get_row(reader, 1, bytes_from_text("key"), &value);

    if (status == STATUS_OK) {
        EXPECT_TEXT(value, "value");
        status = journal_each_row(reader, 1, bytes_from_text(""), see_row, NULL);
    }
    return status;
}

static enum status read_some(struct journal *journal)
{
    static enum status (*const ways[])(struct journal_reader *) = {read_entries, read_stored,
                                                                   read_rows};
    struct journal_reader *reader = NULL;
    enum status status = journal_reader_open(journal, &reader);

    for (size_t i = 0; i < COUNT_OF(ways) && status == STATUS_OK; i++) {
        status = ways[i](reader);
    }
    if (status == STATUS_OK) {
        journal_reader_close(reader);
        return STATUS_OK;
    }
    journal_reader_close(reader);
    return status;
}

static enum status look_after(struct journal *journal)
{
    struct journal_report report;
    struct journal_space space;
    enum status status = journal_verify(journal, &report);

    EXPECT_EQ(status == STATUS_OK, report.problem[0] == '\0');
    if (status == STATUS_OK) {
        status = journal_space(journal, &space);
    }
    if (status == STATUS_OK) {
        status = journal_backup(journal, place_of("copy"));
    }
    return status;
}

static enum status live_on(struct journal *journal, struct life *life)
{
    enum status status = write_some(journal, life);

    if (status == STATUS_OK) {
        status = write_some(journal, life);
    }
    if (status == STATUS_OK) {
        status = read_some(journal);
    }
    if (status == STATUS_OK) {
        status = forget_some(journal, life);
    }
    return status == STATUS_OK ? look_after(journal) : status;
}

static struct life live(void)
{
    struct journal_options options = small_options();
    struct journal *journal = NULL;
    struct life life = {.status = journal_open(&options, &journal)};

    if (life.status == STATUS_OK) {
        life.status = live_on(journal, &life);
        journal_close(journal);
    }
    return life;
}

/* What a life acknowledged is there, all of it checks, and the journal goes on. */
static void expect_nothing_lost(const struct life *life)
{
    struct journal_options options = small_options();
    struct journal_report report;
    struct journal *journal = NULL;

    EXPECT_OK(journal_open(&options, &journal));
    struct journal_head head = journal_head(journal);
    EXPECT_TRUE(head.last >= life->last && head.last <= max_u64(life->last, life->last_max));
    EXPECT_TRUE(head.oldest <= life->trimmed + 1);
    EXPECT_OK(journal_verify(journal, &report));
    EXPECT_EQ(read_all(journal, head.oldest), head.last);
    EXPECT_STATUS(get_row(journal, 1, "key", "value"),
                  life->has_row || head.last > 0 ? STATUS_OK : STATUS_NOT_FOUND);
    append(journal, 1);
    journal_close(journal);
}

static void expect_nothing_half_made(void)
{
    glob_t found = {0};

    EXPECT_EQ(glob(place_of("*.new-*"), 0, NULL, &found), GLOB_NOMATCH);
    globfree(&found);
}

/* Every call of the life fails in turn. Returns how many there are. */
static uint64_t fail_each_call(struct failure failure)
{
    for (uint64_t number = 1;; number++) {
        enter_place();
        test_seed = number;
        fail_call(number, failure);
        struct life life = live();
        fail_nothing();
        if (failed_name != NULL && life.status == STATUS_OK) {
            fprintf(stderr, "call %" PRIu64 " of %s failed, and nobody was told\n", number,
                    failed_name);
        }
        EXPECT_EQ(failed_name == NULL, life.status == STATUS_OK);
        expect_nothing_half_made();
        expect_nothing_lost(&life);
        leave_place();
        test_seed = 0;
        if (failed_name == NULL) {
            return number - 1;
        }
    }
}

static void a_call_that_fails_is_told_and_loses_nothing(void)
{
    uint64_t count = fail_each_call((struct failure){.mdb_code = EIO, .system_code = EIO});

    printf("# %" PRIu64 " calls of %zu functions\n", count, failed_name_count);
    EXPECT_EQ(failed_name_count, LIFE_NAME_COUNT); /* Else one of them is not wrapped any more. */
}

static void a_commit_that_fails_may_have_happened(void)
{
    fail_each_call((struct failure){.mdb_code = EIO, .system_code = EIO, .is_done_anyway = true});
}

static void no_room_is_told_at_each_call_and_loses_nothing(void)
{
    fail_each_call((struct failure){.mdb_code = MDB_MAP_FULL, .system_code = ENOSPC});
}

static void after_a_commit_that_failed_nothing_is_written_any_more(void)
{
    struct life life = {0};

    enter_place();
    struct journal *journal = open_journal("feed");
    EXPECT_OK(write_some(journal, &life));
    bool is_commit = false;
    for (uint64_t number = 1; !is_commit; number++) {
        fail_call(number, (struct failure){.mdb_code = ENOSPC});
        enum status status = write_some(journal, &life);
        is_commit = strcmp(failed_name, "mdb_txn_commit") == 0;
        EXPECT_STATUS(status, is_commit ? STATUS_IO : STATUS_FULL);
    }
    fail_nothing();
    EXPECT_STATUS(write_some(journal, &life), STATUS_IO);
    EXPECT_STATUS(write_some(journal, &life), STATUS_IO);
    EXPECT_OK(read_some(journal));
    journal_close(journal);
    leave_place();
}

static void each_code_of_lmdb_becomes_what_can_be_done_about_it(void)
{
    static const struct {
        int code;
        enum status status;
    } cases[] = {
        {MDB_NOTFOUND, STATUS_NOT_FOUND},
        {ENOENT, STATUS_NOT_FOUND},
        {MDB_MAP_FULL, STATUS_FULL},
        {ENOSPC, STATUS_FULL},
        {EDQUOT, STATUS_FULL},
        {MDB_READERS_FULL, STATUS_AGAIN},
        {MDB_KEYEXIST, STATUS_CORRUPT},
        {MDB_CORRUPTED, STATUS_CORRUPT},
        {MDB_PAGE_NOTFOUND, STATUS_CORRUPT},
        {MDB_INVALID, STATUS_CORRUPT},
        {MDB_INCOMPATIBLE, STATUS_CORRUPT},
        {MDB_VERSION_MISMATCH, STATUS_CORRUPT},
        {MDB_CURSOR_FULL, STATUS_CORRUPT},
        {ENOMEM, STATUS_NO_MEMORY},
        {MDB_PANIC, STATUS_IO},
        {EIO, STATUS_IO},
    };
    struct journal_options options;
    struct journal *journal = NULL;

    enter_place();
    options = small_options();
    journal_close(open_journal("feed"));
    options.read_only = true;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        fail_call(2,
                  (struct failure){.mdb_code = cases[i].code}); /* After it looked for the file. */
        enum status status = journal_open(&options, &journal);
        fail_nothing();
        EXPECT_TEXT(bytes_from_text(failed_name), "mdb_env_create");
        EXPECT_STATUS(status, cases[i].status);
    }
    leave_place();
}

static void make_the_same_journal(void)
{
    journal_close(open_journal("feed"));
}

static void a_journal_that_another_process_made_meanwhile_is_as_good(void)
{
    enter_place();
    before_rename = make_the_same_journal;
    struct journal *journal = open_journal("feed");

    EXPECT_TRUE(before_rename == NULL);
    expect_nothing_half_made();
    append(journal, 3);
    journal_close(journal);
    leave_place();
}

static void take_the_place(void)
{
    ENSURE(mkdir(place_of("copy"), 0700) == 0 && mkdir(place_of("copy/inner"), 0700) == 0);
}

static void a_place_that_is_taken_meanwhile_gets_no_backup(void)
{
    enter_place();
    struct journal *journal = open_journal("feed");

    before_rename = take_the_place;
    EXPECT_STATUS(journal_backup(journal, place_of("copy")), STATUS_EXISTS);
    expect_nothing_half_made();
    journal_close(journal);
    leave_place();
}

static void pages_that_the_system_does_not_tell_are_kept(void)
{
    enter_place();
    struct journal *journal = open_journal("feed");

    append(journal, 100);
    for (uint64_t number = 1; number <= 2; number++) {
        fail_call(number, (struct failure){.system_code = EMFILE});
        journal_release_pages(journal);
        fail_nothing();
        EXPECT_TEXT(bytes_from_text(failed_name), number == 1 ? "fopen64" : "fstat64");
    }
    EXPECT_EQ(read_all(journal, 1), 100);
    journal_close(journal);
    leave_place();
}

int main(int argc, char **argv)
{
    /* Nobody cuts the power here, so memory is as good as a disk, and quicker. */
    if (access("/dev/shm", W_OK) == 0) {
        setenv("TMPDIR", "/dev/shm", 0);
    }
    static const struct test_case cases[] = {
        CASE(a_call_that_fails_is_told_and_loses_nothing),
        CASE(a_commit_that_fails_may_have_happened),
        CASE(no_room_is_told_at_each_call_and_loses_nothing),
        CASE(after_a_commit_that_failed_nothing_is_written_any_more),
        CASE(each_code_of_lmdb_becomes_what_can_be_done_about_it),
        CASE(a_journal_that_another_process_made_meanwhile_is_as_good),
        CASE(a_place_that_is_taken_meanwhile_gets_no_backup),
        CASE(pages_that_the_system_does_not_tell_are_kept),
    };

    return run_cases(cases, COUNT_OF(cases), argc, argv);
}
