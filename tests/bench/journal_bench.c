/*
 * journal_bench.c - durable appends a second, beside LMDB given the same bytes.
 *
 *     journal_bench [DIRECTORY [SECONDS]]
 *
 * For each batch size both stores take turns: transactions of that many entries with bodies of 256
 * bytes, each commit on disk, for SECONDS (1) each. One line of JSON for each: what the checksum,
 * the chain and the meta row cost is the difference.
 */
#include "journal/journal.h"

#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define BODY_SIZE 256
#define STORED_SIZE (64 + BODY_SIZE)
#define BATCH_COUNT_MAX 10000
#define MAP_SIZE ((uint64_t)64 << 30)

struct raw {
    MDB_env *env;
    MDB_dbi table;
    uint64_t last;
};

static struct entry entries[BATCH_COUNT_MAX];
static uint8_t bodies[BATCH_COUNT_MAX][STORED_SIZE];

static double now(void)
{
    struct timespec at;

    ENSURE(clock_gettime(CLOCK_MONOTONIC, &at) == 0);
    return (double)at.tv_sec + (double)at.tv_nsec / 1e9;
}

static void append_to_journal(void *store, size_t batch)
{
    struct journal_transaction *txn = NULL;

    ENSURE(journal_begin(store, &txn) == STATUS_OK);
    ENSURE(journal_append(txn, entries, batch) == STATUS_OK);
    ENSURE(journal_commit(txn) == STATUS_OK);
}

static void append_to_lmdb(void *store, size_t batch)
{
    struct raw *raw = store;
    MDB_txn *txn = NULL;
    MDB_cursor *cursor = NULL;

    ENSURE(mdb_txn_begin(raw->env, NULL, 0, &txn) == 0);
    ENSURE(mdb_cursor_open(txn, raw->table, &cursor) == 0);
    for (size_t i = 0; i < batch; i++) {
        uint8_t key_bytes[12] = {0};
        store_u64_be(key_bytes + 4, ++raw->last);
        MDB_val key = {.mv_size = sizeof key_bytes, .mv_data = key_bytes};
        MDB_val value = {.mv_size = STORED_SIZE, .mv_data = bodies[i]};
        ENSURE(mdb_cursor_put(cursor, &key, &value, MDB_APPEND) == 0);
    }
    mdb_cursor_close(cursor);
    ENSURE(mdb_txn_commit(txn) == 0);
}

static void measure(const char *name, void (*append)(void *store, size_t batch), void *store,
                    size_t batch, double seconds)
{
    double start = now();
    double passed = 0;
    uint64_t count = 0;

    while (passed < seconds) {
        append(store, batch);
        count += batch;
        passed = now() - start;
    }
    printf("{\"bench\":\"append\",\"store\":\"%s\",\"batch\":%zu,\"body_size\":%d,\"entries\":%llu,"
           "\"seconds\":%.3f,\"entries_per_second\":%.0f,\"commit_us\":%.1f}\n",
           name, batch, BODY_SIZE, (unsigned long long)count, passed, (double)count / passed,
           passed * 1e6 * (double)batch / (double)count);
    fflush(stdout);
}

static void open_raw(struct raw *raw, const char *path)
{
    MDB_txn *txn = NULL;

    ENSURE(mkdir(path, 0700) == 0);
    ENSURE(mdb_env_create(&raw->env) == 0);
    ENSURE(mdb_env_set_mapsize(raw->env, MAP_SIZE) == 0);
    ENSURE(mdb_env_open(raw->env, path, MDB_NOTLS, 0600) == 0);
    ENSURE(mdb_txn_begin(raw->env, NULL, 0, &txn) == 0);
    ENSURE(mdb_dbi_open(txn, NULL, 0, &raw->table) == 0);
    ENSURE(mdb_txn_commit(txn) == 0);
}

/* Files written to for the first time are slower than those used again, so each batch size
 * starts from new ones. */
static void compare(const char *place, size_t batch, double seconds)
{
    char path[2][600];
    char command[1300];
    struct raw raw = {0};
    struct journal *journal = NULL;

    snprintf(path[0], sizeof path[0], "%s/journal", place);
    snprintf(path[1], sizeof path[1], "%s/lmdb", place);
    const struct journal_options options = {.path = path[0], .size_max = MAP_SIZE};
    ENSURE(journal_open(&options, &journal) == STATUS_OK);
    open_raw(&raw, path[1]);
    for (int turn = 0; turn < 2; turn++) {
        measure("journal", append_to_journal, journal, batch, seconds / 2);
        measure("lmdb", append_to_lmdb, &raw, batch, seconds / 2);
    }
    journal_close(journal);
    mdb_env_close(raw.env);
    snprintf(command, sizeof command, "rm -rf '%s' '%s'", path[0], path[1]);
    ENSURE(system(command) == 0);
}

int main(int argc, char **argv)
{
    static const size_t batches[] = {1, 10, 100, 1000, 10000};
    char place[512];
    double seconds = argc > 2 ? strtod(argv[2], NULL) : 1;

    snprintf(place, sizeof place, "%s/journal-bench-XXXXXX", argc > 1 ? argv[1] : "/tmp");
    ENSURE(mkdtemp(place) != NULL);
    for (size_t i = 0; i < BATCH_COUNT_MAX; i++) {
        for (size_t at = 0; at < STORED_SIZE; at++) {
            bodies[i][at] = (uint8_t)hash_u64(i * STORED_SIZE + at);
        }
        entries[i] = (struct entry){
            .time_ms = i, .kind = 1, .version = 1, .body = {.data = bodies[i], .size = BODY_SIZE}};
    }
    for (size_t i = 0; i < COUNT_OF(batches); i++) {
        compare(place, batches[i], seconds);
    }
    return rmdir(place) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
