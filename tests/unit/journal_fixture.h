/*
 * journal_fixture.h - journals in temporary directories, and entries that follow from their number.
 */
#ifndef TESTS_UNIT_JOURNAL_FIXTURE_H
#define TESTS_UNIT_JOURNAL_FIXTURE_H

#include "journal/journal.h"
#include "tests/harness.h"

#include <dirent.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define MEGABYTE ((uint64_t)1024 * 1024)
#define BODY_SIZE_MAX 600 /* Of the entries made here. */

static char place[PATH_MAX - 256]; /* The temporary directory of the case. */

static inline void remove_tree(const char *path)
{
    char command[PATH_MAX + 16];

    snprintf(command, sizeof command, "rm -rf '%s'", path);
    ENSURE(system(command) == 0);
}

static inline void enter_place(void)
{
    const char *parent = getenv("TMPDIR");

    snprintf(place, sizeof place, "%s/journal-test-XXXXXX", parent == NULL ? "/tmp" : parent);
    ENSURE(mkdtemp(place) != NULL);
}

static inline void leave_place(void)
{
    remove_tree(place);
}

/* A path in the place; valid until the eighth call after this one. */
static inline const char *place_of(const char *name)
{
    static char paths[8][PATH_MAX];
    static size_t turn;
    char *path = paths[turn++ % COUNT_OF(paths)];

    snprintf(path, PATH_MAX, "%s/%s", place, name);
    return path;
}

static inline struct journal_options options_of(const char *name)
{
    return (struct journal_options){
        .path = place_of(name), .size_max = 64 * MEGABYTE, .partition = 7};
}

static inline struct journal *open_journal(const char *name)
{
    struct journal_options options = options_of(name);
    struct journal *journal = NULL;

    EXPECT_OK(journal_open(&options, &journal));
    return journal;
}

/* Entry `seq` of every test journal, without its chain. The body is borrowed from `body`. */
static inline struct entry entry_of(uint64_t seq, uint8_t body[BODY_SIZE_MAX])
{
    uint64_t state = seq;
    size_t size = random_below(&state, BODY_SIZE_MAX + 1);

    for (size_t i = 0; i < size; i++) {
        body[i] = (uint8_t)random_next(&state);
    }
    return (struct entry){
        .seq = seq,
        .time_ms = random_next(&state),
        .kind = (uint16_t)random_next(&state),
        .version = (uint8_t)random_next(&state),
        .flags = (uint8_t)random_below(&state, 2),
        .cause_first = random_next(&state),
        .cause_last = random_next(&state),
        .body = {.data = body, .size = size},
    };
}

static inline bool entry_is_right(const struct entry *entry)
{
    uint8_t body[BODY_SIZE_MAX];
    struct entry wanted = entry_of(entry->seq, body);

    return entry->time_ms == wanted.time_ms && entry->kind == wanted.kind &&
           entry->version == wanted.version && entry->flags == wanted.flags &&
           entry->cause_first == wanted.cause_first && entry->cause_last == wanted.cause_last &&
           bytes_equal(entry->body, wanted.body);
}

static inline void append_into(struct journal_transaction *txn, uint64_t from, uint64_t count)
{
    for (uint64_t seq = from; seq < from + count; seq++) {
        uint8_t body[BODY_SIZE_MAX];
        struct entry entry = entry_of(seq, body);
        EXPECT_OK(journal_append(txn, &entry, 1));
        EXPECT_EQ(entry.seq, seq);
    }
}

/* Appends the next `count` entries in one transaction. */
static inline void append(struct journal *journal, uint64_t count)
{
    struct journal_transaction *txn = NULL;

    EXPECT_OK(journal_begin(journal, &txn));
    append_into(txn, journal_head(journal).last + 1, count);
    EXPECT_OK(journal_commit(txn));
}

/* Appends one transaction of `count` entries; STATUS_FULL from either call is the answer. */
static inline enum status try_append(struct journal *journal, uint64_t count)
{
    struct journal_transaction *txn = NULL;
    uint64_t seq = journal_head(journal).last;
    enum status status = STATUS_OK;

    EXPECT_OK(journal_begin(journal, &txn));
    for (uint64_t i = 0; i < count && status == STATUS_OK; i++) {
        uint8_t body[BODY_SIZE_MAX];
        struct entry entry = entry_of(++seq, body);
        status = journal_append(txn, &entry, 1);
    }
    if (status != STATUS_OK) {
        journal_abort(txn);
        return status;
    }
    return journal_commit(txn);
}

/* Reads from `from` to the end; every entry must be the right one. Returns the last number. */
static inline uint64_t read_all(struct journal *journal, uint64_t from)
{
    struct journal_reader *reader = NULL;
    struct entry entry = {.seq = from - 1};
    enum status status = STATUS_OK;

    EXPECT_OK(journal_reader_open(journal, &reader));
    EXPECT_OK(journal_seek(reader, from));
    for (uint64_t seq = from; (status = journal_read(reader, &entry)) == STATUS_OK; seq++) {
        EXPECT_EQ(entry.seq, seq);
        EXPECT_TRUE(entry_is_right(&entry));
    }
    EXPECT_STATUS(status, STATUS_END);
    uint64_t last = entry.seq;
    journal_reader_close(reader);
    return last;
}

static inline void put_row(struct journal *journal, uint8_t table, const char *key,
                           const char *value)
{
    struct journal_transaction *txn = NULL;

    EXPECT_OK(journal_begin(journal, &txn));
    EXPECT_OK(journal_put_row(txn, table, bytes_from_text(key), bytes_from_text(value)));
    EXPECT_OK(journal_commit(txn));
}

/* A row in a view of its own; when there is one it must have `value`. */
static inline enum status get_row(struct journal *journal, uint8_t table, const char *key,
                                  const char *value)
{
    struct journal_reader *reader = NULL;
    struct bytes found;

    EXPECT_OK(journal_reader_open(journal, &reader));
    enum status status = journal_get_row(reader, table, bytes_from_text(key), &found);
    if (status == STATUS_OK) {
        EXPECT_TEXT(found, value);
    }
    journal_reader_close(reader);
    return status;
}

/* How a child process ended: its exit code, or 128 and the signal. */
static inline int wait_for(pid_t child)
{
    int how = 0;

    ENSURE(waitpid(child, &how, 0) == child);
    return WIFSIGNALED(how) ? 128 + WTERMSIG(how) : WEXITSTATUS(how);
}

#endif
