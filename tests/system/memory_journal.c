/*
 * memory_journal.c - for memory_test.py: a journal that is written while memory runs out.
 *
 *     memory_journal write DIRECTORY COUNT   appends entries, says each number when it is durable
 *     memory_journal check DIRECTORY         verifies, reads all, says the last number
 */
#include "tests/unit/journal_fixture.h"

static struct journal *open_in(const char *path)
{
    struct journal_options options = {.path = path, .size_max = 4 * MEGABYTE, .partition = 7};
    struct journal *journal = NULL;
    enum status status = journal_open(&options, &journal);

    if (status != STATUS_OK) {
        fprintf(stderr, "journal_open: %s\n", status_name(status));
        exit(EXIT_FAILURE);
    }
    return journal;
}

static void say(uint64_t number)
{
    char text[32];
    int size = snprintf(text, sizeof text, "%" PRIu64 "\n", number);

    ENSURE(write(STDOUT_FILENO, text, (size_t)size) == size);
}

static int write_journal(const char *path, uint64_t count)
{
    struct journal *journal = open_in(path);

    for (uint64_t i = 0; i < count; i++) {
        enum status status = try_append(journal, 1);
        if (status != STATUS_OK) {
            fprintf(stderr, "append: %s\n", status_name(status));
            return EXIT_FAILURE; /* As a process must, without touching the journal again. */
        }
        say(journal_head(journal).last);
    }
    journal_close(journal);
    return EXIT_SUCCESS;
}

static int check_journal(const char *path)
{
    struct journal *journal = open_in(path);
    struct journal_report report;

    if (journal_verify(journal, &report) != STATUS_OK) {
        fprintf(stderr, "verify: %s\n", report.problem);
        return EXIT_FAILURE;
    }
    uint64_t last = journal_head(journal).last;
    EXPECT_EQ(report.entry_count, last);
    EXPECT_EQ(last == 0 ? 0 : read_all(journal, 1), last);
    say(last);
    journal_close(journal);
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], "write") == 0) {
        return write_journal(argv[2], strtoull(argv[3], NULL, 10));
    }
    if (argc == 3 && strcmp(argv[1], "check") == 0) {
        return check_journal(argv[2]);
    }
    return 64;
}
