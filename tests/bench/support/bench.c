/*
 * bench.c - what the benchmarks share.
 */
#include "tests/bench/support/bench.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <lmdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CHILD_COUNT_MAX 16
#define WAIT_MS_MAX 10000
#define ARGUMENT_COUNT_MAX 24
#define RAW_COMMIT_COUNT_MAX 100000
#define RAW_MAP_SIZE ((size_t)32 << 30)

static char place[BENCH_PATH_SIZE];
static pid_t children[CHILD_COUNT_MAX];
static pid_t owner; /* Who removes the place: not a child that failed to start. */

static int remove_one(const char *path, const struct stat *about, int kind, struct FTW *walk)
{
    (void)about;
    (void)kind;
    (void)walk;
    return remove(path);
}

void bench_remove(const char *path)
{
    nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void clean(void)
{
    if (getpid() != owner) {
        return;
    }
    for (size_t i = 0; i < CHILD_COUNT_MAX; i++) {
        if (children[i] > 0) {
            kill(children[i], SIGKILL);
            waitpid(children[i], NULL, 0);
        }
    }
    bench_remove(place);
}

static void on_signal(int number)
{
    (void)number;
    clean(); /* Nothing else is under way that could be disturbed: the process ends here. */
    _exit(EXIT_FAILURE);
}

const char *bench_begin(unsigned seconds_max)
{
    const char *parent = getenv("MAILLON_BENCH_PLACE");
    struct rlimit limit;
    struct sigaction action = {.sa_handler = on_signal};
    int size = snprintf(place, sizeof place, "%s/bench-XXXXXX", parent == NULL ? "/tmp" : parent);

    ENSURE(size > 0 && (size_t)size < sizeof place);
    ENSURE(mkdtemp(place) != NULL);
    owner = getpid();
    atexit(clean);
    for (size_t i = 0; i < 5; i++) {
        sigaction((const int[]){SIGINT, SIGTERM, SIGHUP, SIGALRM, SIGABRT}[i], &action, NULL);
    }
    signal(SIGPIPE, SIG_IGN);
    alarm(seconds_max);
    ENSURE(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    limit.rlim_cur = limit.rlim_max;
    ENSURE(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    return place;
}

uint64_t bench_nanos(void)
{
    struct timespec now;

    ENSURE(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void sleep_ms(unsigned milliseconds)
{
    nanosleep(&(struct timespec){.tv_nsec = (long)milliseconds * 1000000}, NULL);
}

/* --- Children ---------------------------------------------------------------------------- */

static pid_t start(const char *path, char *const *arguments)
{
    size_t slot = 0;

    while (slot < CHILD_COUNT_MAX && children[slot] != 0) {
        slot++;
    }
    ENSURE(slot < CHILD_COUNT_MAX);
    pid_t child = fork();
    ENSURE(child >= 0);
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGTERM);
        execv(path, arguments);
        fprintf(stderr, "bench: cannot start %s\n", path);
        _exit(EXIT_FAILURE);
    }
    children[slot] = child;
    return child;
}

pid_t bench_start(const char *data, const char *role, const char *const *more)
{
    const char *build = getenv("MAILLON_BUILD");
    char path[4096];
    const char *arguments[ARGUMENT_COUNT_MAX] = {"maillond", "--data", data, "--log-level", "warn"};
    size_t count = 5;

    snprintf(path, sizeof path, "%s/maillond/maillond", build == NULL ? "build" : build);
    for (; more != NULL && *more != NULL; more++) {
        ENSURE(count < ARGUMENT_COUNT_MAX - 2);
        arguments[count++] = *more;
    }
    arguments[count] = role;
    return start(path, (char *const *)(uintptr_t)arguments);
}

pid_t bench_start_self(const char *first, const char *second)
{
    const char *arguments[] = {"bench", first, second, NULL};
    return start("/proc/self/exe", (char *const *)(uintptr_t)arguments);
}

static bool has_ended(pid_t child)
{
    return waitpid(child, NULL, WNOHANG) != 0;
}

void bench_stop(pid_t child)
{
    kill(child, SIGTERM);
    for (int waited = 0; !has_ended(child); waited += 10) {
        if (waited > 2 * WAIT_MS_MAX) {
            kill(child, SIGKILL);
        }
        sleep_ms(10);
    }
    for (size_t i = 0; i < CHILD_COUNT_MAX; i++) {
        children[i] = children[i] == child ? 0 : children[i];
    }
}

/* --- Figures of the system ----------------------------------------------------------------- */

/* The whole page; false when nobody serves it. */
static bool read_page(const char *path, struct buffer *page)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int size = snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    int page_socket = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    uint8_t piece[4096];
    ssize_t count = 0;

    ENSURE(size > 0 && (size_t)size < sizeof address.sun_path);
    ENSURE(page_socket >= 0);
    page->size = 0;
    if (connect(page_socket, (const struct sockaddr *)&address, sizeof address) == 0) {
        while ((count = read(page_socket, piece, sizeof piece)) > 0) {
            buffer_append(page, piece, (size_t)count);
        }
    }
    close(page_socket);
    buffer_append(page, "", 1);
    return page->size > 1;
}

static bool find_metric(const char *page, const char *role, const char *name, double *value)
{
    char start_of_line[160];
    int size = snprintf(start_of_line, sizeof start_of_line, "\n%s{role=\"%s\"} ", name, role);
    const char *found = strstr(page, start_of_line);

    if (found == NULL) {
        return false;
    }
    *value = strtod(found + size, NULL);
    return true;
}

double bench_metric(const char *data, const char *role, const char *name)
{
    char path[160];
    struct buffer page = {0};
    double value = 0;

    snprintf(path, sizeof path, "%s/run/%s.metrics", data, role);
    for (int waited = 0; !read_page(path, &page); waited += 10) {
        ENSURE(waited < WAIT_MS_MAX);
        sleep_ms(10);
    }
    ENSURE(find_metric((const char *)page.data, role, name, &value));
    buffer_deinit(&page);
    return value;
}

void bench_wait_live(const char *data, const char *role)
{
    for (int waited = 0; bench_metric(data, role, "maillon_live") < 1; waited += 10) {
        ENSURE(waited < WAIT_MS_MAX);
        sleep_ms(10);
    }
}

uint64_t bench_memory(pid_t process, const char *name)
{
    char path[64];
    char line[256];
    uint64_t kilobytes = 0;

    snprintf(path, sizeof path, "/proc/%d/status", (int)process);
    FILE *file = fopen(path, "re");
    ENSURE(file != NULL);
    while (fgets(line, sizeof line, file) != NULL) {
        size_t size = strlen(name);
        if (strncmp(line, name, size) == 0 && line[size] == ':') {
            kilobytes = strtoull(line + size + 1, NULL, 10);
        }
    }
    fclose(file);
    return kilobytes * 1024;
}

double bench_processor_seconds(pid_t process)
{
    char path[64];
    unsigned long user = 0;
    unsigned long kernel = 0;

    snprintf(path, sizeof path, "/proc/%d/stat", (int)process);
    FILE *file = fopen(path, "re");
    ENSURE(file != NULL);
    ENSURE(fscanf(file, "%*d (%*[^)]) %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
                  &kernel) == 2);
    fclose(file);
    return (double)(user + kernel) / (double)sysconf(_SC_CLK_TCK);
}

/* --- Statistics ------------------------------------------------------------------------ */

static int compare_figures(const void *left, const void *right)
{
    double a = *(const double *)left;
    double b = *(const double *)right;
    return (a > b) - (a < b);
}

double bench_median(double *figures, size_t count)
{
    ENSURE(count > 0);
    qsort(figures, count, sizeof *figures, compare_figures);
    return figures[count / 2];
}

/* Below 64 each number has its bucket; above, each power of two has 64. */
static size_t bucket_of(uint64_t micros)
{
    if (micros < 64) {
        return (size_t)micros;
    }
    unsigned shift = (unsigned)(63 - __builtin_clzll(micros)) - 6;
    return ((size_t)shift + 1) * 64 + (size_t)((micros >> shift) - 64);
}

static uint64_t bucket_start(size_t bucket)
{
    return bucket < 64 ? bucket : (64 + bucket % 64) << (bucket / 64 - 1);
}

void histogram_add(struct histogram *histogram, uint64_t micros, uint64_t count)
{
    histogram->counts[bucket_of(micros)] += count;
    histogram->count += count;
    histogram->max = max_u64(histogram->max, micros);
}

uint64_t histogram_at(const struct histogram *histogram, unsigned per_mille)
{
    uint64_t wanted = histogram->count * per_mille / 1000;
    uint64_t sum = 0;

    for (size_t i = 0; i < COUNT_OF(histogram->counts); i++) {
        sum += histogram->counts[i];
        if (sum > wanted) {
            return bucket_start(i);
        }
    }
    return histogram->max;
}

/* --- LMDB alone ------------------------------------------------------------------------ */

static void open_raw(const char *path, MDB_env **env, MDB_dbi *table)
{
    MDB_txn *txn = NULL;

    ENSURE(mkdir(path, 0700) == 0);
    ENSURE(mdb_env_create(env) == 0);
    ENSURE(mdb_env_set_mapsize(*env, RAW_MAP_SIZE) == 0);
    ENSURE(mdb_env_open(*env, path, 0, 0600) == 0);
    ENSURE(mdb_txn_begin(*env, NULL, 0, &txn) == 0);
    ENSURE(mdb_dbi_open(txn, NULL, 0, table) == 0);
    ENSURE(mdb_txn_commit(txn) == 0);
}

static void append_raw(MDB_env *env, MDB_dbi table, uint64_t *last, size_t batch, size_t size)
{
    static uint8_t value_bytes[16384];
    MDB_txn *txn = NULL;
    MDB_cursor *cursor = NULL;

    ENSURE(size <= sizeof value_bytes);
    ENSURE(mdb_txn_begin(env, NULL, 0, &txn) == 0);
    ENSURE(mdb_cursor_open(txn, table, &cursor) == 0);
    for (size_t i = 0; i < batch; i++) {
        uint8_t key_bytes[12] = {0};
        store_u64_be(key_bytes + 4, ++*last);
        store_u64(value_bytes, hash_u64(*last));
        MDB_val key = {.mv_size = sizeof key_bytes, .mv_data = key_bytes};
        MDB_val value = {.mv_size = size, .mv_data = value_bytes};
        ENSURE(mdb_cursor_put(cursor, &key, &value, MDB_APPEND) == 0);
    }
    mdb_cursor_close(cursor);
    ENSURE(mdb_txn_commit(txn) == 0);
}

struct raw_figures bench_lmdb(const char *path, size_t batch, size_t value_size, double seconds)
{
    static double micros[RAW_COMMIT_COUNT_MAX];
    MDB_env *env = NULL;
    MDB_dbi table = 0;
    uint64_t last = 0;
    size_t commits = 0;

    open_raw(path, &env, &table);
    uint64_t began = bench_nanos();
    uint64_t until = began + (uint64_t)(seconds * 1e9);
    uint64_t now = began;
    while (now < until && commits < RAW_COMMIT_COUNT_MAX) {
        append_raw(env, table, &last, max_u64(batch, 1), value_size);
        uint64_t after = bench_nanos();
        micros[commits++] = (double)(after - now) / 1e3;
        now = after;
    }
    mdb_env_close(env);
    bench_remove(path);
    ENSURE(commits > 0);
    return (struct raw_figures){
        .per_second = (double)last * 1e9 / (double)(now - began),
        .commit_micros = bench_median(micros, commits),
    };
}
