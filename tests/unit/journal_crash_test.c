/*
 * journal_crash_test.c - more than one process, threads beside the writer, and sudden ends.
 */
#include "tests/unit/journal_fixture.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/resource.h>

#define KILL_COUNT 50

static void a_second_writer_is_refused_and_a_dead_one_is_not_in_the_way(void)
{
    enter_place();
    struct journal_options options = options_of("feed");
    struct journal *journal = NULL;
    int ready[2];
    uint8_t byte = 0;

    ENSURE(pipe(ready) == 0);
    pid_t child = fork();
    if (child == 0) {
        EXPECT_OK(journal_open(&options, &journal));
        append(journal, 3);
        ENSURE(write(ready[1], "r", 1) == 1);
        pause();
        _exit(1);
    }
    ENSURE(read(ready[0], &byte, 1) == 1);
    EXPECT_STATUS(journal_open(&options, &journal), STATUS_EXISTS);
    kill(child, SIGKILL);
    EXPECT_EQ(wait_for(child), 128 + SIGKILL);
    EXPECT_OK(journal_open(&options, &journal));
    EXPECT_EQ(read_all(journal, 1), 3);

    struct journal *second = NULL;
    EXPECT_STATUS(journal_open(&options, &second), STATUS_EXISTS);
    append(journal, 1);
    journal_close(journal);
    close(ready[0]);
    close(ready[1]);
    leave_place();
}

/* Appends batches until killed, and tells after each commit how far it came. */
static _Noreturn void append_until_killed(int tell, uint64_t seed)
{
    struct journal *journal = open_journal("feed");

    for (;;) {
        append(journal, 1 + random_below(&seed, 40));
        uint64_t last = journal_head(journal).last;
        ENSURE(write(tell, &last, sizeof last) == sizeof last);
    }
}

static uint64_t kill_after(uint64_t acknowledgement_count, uint64_t seed)
{
    uint64_t last = 0;
    int pipes[2];

    ENSURE(pipe(pipes) == 0);
    pid_t child = fork();
    if (child == 0) {
        close(pipes[0]);
        append_until_killed(pipes[1], seed);
    }
    close(pipes[1]);
    for (uint64_t i = 0; i < acknowledgement_count; i++) {
        ENSURE(read(pipes[0], &last, sizeof last) == sizeof last);
    }
    kill(child, SIGKILL);
    EXPECT_EQ(wait_for(child), 128 + SIGKILL);
    for (uint64_t later = 0; read(pipes[0], &later, sizeof later) == sizeof later;) {
        last = later;
    }
    close(pipes[0]);
    return last;
}

static void what_was_acknowledged_survives_every_kill(void)
{
    uint64_t seed = 20240607;

    test_seed = seed;
    enter_place();
    for (int i = 0; i < KILL_COUNT; i++) {
        uint64_t acknowledged = kill_after(1 + random_below(&seed, 6), random_next(&seed));
        struct journal *journal = open_journal("feed");
        EXPECT_TRUE(read_all(journal, 1) >= acknowledged);
        append(journal, 1);
        journal_close(journal);
    }
    test_seed = 0;
    leave_place();
}

/* Lets the file grow no further, as a disk without room would. The commit must not pretend. */
static _Noreturn void append_beyond_the_disk(void)
{
    const struct rlimit limit = {.rlim_cur = 256 * 1024, .rlim_max = 256 * 1024};
    struct journal *journal = open_journal("feed");
    struct journal_transaction *txn = NULL;
    enum status status = STATUS_OK;

    signal(SIGXFSZ, SIG_IGN);
    ENSURE(setrlimit(RLIMIT_FSIZE, &limit) == 0);
    while (status == STATUS_OK) {
        struct journal_head head = journal_head(journal);
        ENSURE(pwrite(STDOUT_FILENO, &head.last, sizeof head.last, 0) == sizeof head.last);
        status = try_append(journal, 10);
    }
    EXPECT_STATUS(status, STATUS_IO);
    EXPECT_STATUS(journal_begin(journal, &txn), STATUS_IO);
    EXPECT_STATUS(journal_begin(journal, &txn), STATUS_IO);
    journal_close(journal);
    _exit(0);
}

static void after_a_failed_commit_nothing_is_written_until_the_next_start(void)
{
    enter_place();
    uint64_t last = 0;

    fflush(stdout);
    int told = open(place_of("told"), O_RDWR | O_CREAT, 0600);
    pid_t child = fork();
    if (child == 0) {
        dup2(told, STDOUT_FILENO);
        append_beyond_the_disk();
    }
    EXPECT_EQ(wait_for(child), 0);
    ENSURE(pread(told, &last, sizeof last, 0) == sizeof last);
    EXPECT_TRUE(last > 100);
    close(told);
    struct journal *journal = open_journal("feed");
    EXPECT_EQ(read_all(journal, 1), last);
    append(journal, 1000);
    journal_close(journal);
    leave_place();
}

struct writer {
    struct journal *journal;
    atomic_bool stop;
    atomic_uint_fast64_t last;
};

static void *write_on(void *context)
{
    struct writer *writer = context;

    while (!atomic_load(&writer->stop)) {
        append(writer->journal, 20);
        atomic_store(&writer->last, journal_head(writer->journal).last);
    }
    return NULL;
}

static void check_backup(const char *name, uint64_t last_min, uint64_t last_max)
{
    struct journal_options options = options_of(name);
    struct journal *copy = NULL;
    struct journal_report report;

    options.read_only = true;
    EXPECT_OK(journal_open(&options, &copy));
    EXPECT_OK(journal_verify(copy, &report));
    uint64_t last = read_all(copy, 1);
    EXPECT_TRUE(last >= last_min);
    EXPECT_TRUE(last <= last_max);
    EXPECT_OK(get_row(copy, 1, "row", "value"));
    journal_close(copy);
}

static void a_backup_beside_a_writer_is_a_prefix(void)
{
    enter_place();
    struct writer writer = {.journal = open_journal("feed")};
    pthread_t thread;

    put_row(writer.journal, 1, "row", "value");
    ENSURE(pthread_create(&thread, NULL, write_on, &writer) == 0);
    while (atomic_load(&writer.last) < 200) {
    }
    for (int i = 0; i < 5; i++) {
        char name[32];
        snprintf(name, sizeof name, "backup%d", i);
        uint64_t before = atomic_load(&writer.last);
        EXPECT_OK(journal_backup(writer.journal, place_of(name)));
        EXPECT_STATUS(journal_backup(writer.journal, place_of(name)), STATUS_EXISTS);
        check_backup(name, before, journal_head(writer.journal).last + 20);
    }
    atomic_store(&writer.stop, true);
    pthread_join(thread, NULL);
    EXPECT_EQ(read_all(writer.journal, 1), journal_head(writer.journal).last);
    journal_close(writer.journal);
    leave_place();
}

static void another_process_backs_up_beside_the_writer(void)
{
    enter_place();
    uint64_t last = 0;
    int pipes[2];

    ENSURE(pipe(pipes) == 0);
    pid_t child = fork();
    if (child == 0) {
        append_until_killed(pipes[1], 5);
    }
    ENSURE(read(pipes[0], &last, sizeof last) == sizeof last);
    struct journal_options options = options_of("feed");
    struct journal *journal = NULL;
    struct journal_report report;
    options.read_only = true;
    EXPECT_OK(journal_open(&options, &journal));
    EXPECT_OK(journal_verify(journal, &report));
    EXPECT_TRUE(report.entry_count >= last);
    EXPECT_OK(journal_backup(journal, place_of("copy")));
    journal_close(journal);
    kill(child, SIGKILL);
    EXPECT_EQ(wait_for(child), 128 + SIGKILL);
    close(pipes[0]);
    close(pipes[1]);
    journal = open_journal("copy");
    EXPECT_TRUE(read_all(journal, 1) >= last);
    append(journal, 5);
    journal_close(journal);
    leave_place();
}

/* Opens a view, says so, and stands still as a process does that somebody stopped. */
static pid_t start_paused_reader(const char *name)
{
    struct journal_options options = options_of(name);
    struct journal *journal = NULL;
    struct journal_reader *reader = NULL;
    int how = 0;

    options.read_only = true;
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        EXPECT_OK(journal_open(&options, &journal));
        EXPECT_OK(journal_reader_open(journal, &reader));
        raise(SIGSTOP);
        _exit(0);
    }
    ENSURE(waitpid(child, &how, WUNTRACED) == child && WIFSTOPPED(how));
    return child;
}

/* Replaces one large row again and again. Gives how often a reader was ended for it. */
static size_t replace_row(struct journal *journal, size_t count)
{
    static char value[JOURNAL_ROW_SIZE_MAX];
    struct journal_space space;
    size_t evicted = 0;

    memset(value, 'v', sizeof value - 1);
    for (size_t i = 0; i < count; i++) {
        put_row(journal, 1, "row", value);
        if (i % 20 == 19) {
            EXPECT_OK(journal_space(journal, &space));
            evicted += journal_evict(&space);
        }
    }
    return evicted;
}

static void a_reader_that_stands_still_does_not_fill_the_file(void)
{
    enter_place();
    struct journal_options options = options_of("feed");
    struct journal *journal = NULL;
    struct stat about;

    options.size_max = 16 * MEGABYTE;
    put_row((journal = open_journal("feed")), 1, "row", "value");
    journal_close(journal);
    /* It forks without the writer's map, which is not for two processes. */
    pid_t reader = start_paused_reader("feed");
    EXPECT_OK(journal_open(&options, &journal));
    EXPECT_EQ(replace_row(journal, 600), 1);
    EXPECT_EQ(wait_for(reader), 128 + SIGKILL);
    ENSURE(stat(place_of("feed/data.mdb"), &about) == 0);
    EXPECT_TRUE((uint64_t)about.st_size < 8 * MEGABYTE);
    EXPECT_EQ(replace_row(journal, 20), 0);
    journal_close(journal);
    leave_place();
}

static void a_reader_in_this_process_is_never_ended(void)
{
    enter_place();
    struct journal *journal = open_journal("feed");
    struct journal_reader *reader = NULL;
    struct journal_space space;

    EXPECT_OK(journal_reader_open(journal, &reader));
    EXPECT_EQ(replace_row(journal, 40), 0);
    EXPECT_OK(journal_space(journal, &space));
    EXPECT_EQ(space.holder, getpid());
    EXPECT_TRUE(space.held > MEGABYTE);
    space.disk_free = 0;
    EXPECT_TRUE(!journal_evict(&space));
    journal_reader_close(reader);
    journal_close(journal);
    leave_place();
}

int main(int argc, char **argv)
{
    static const struct test_case cases[] = {
        CASE(a_second_writer_is_refused_and_a_dead_one_is_not_in_the_way),
        CASE(what_was_acknowledged_survives_every_kill),
        CASE(after_a_failed_commit_nothing_is_written_until_the_next_start),
        CASE(a_backup_beside_a_writer_is_a_prefix),
        CASE(another_process_backs_up_beside_the_writer),
        CASE(a_reader_that_stands_still_does_not_fill_the_file),
        CASE(a_reader_in_this_process_is_never_ended),
    };

    return run_cases(cases, COUNT_OF(cases), argc, argv);
}
