/*
 * storage.c - verify, backup, restore: straight on the files, with or without daemons.
 *
 * A backup copies from the end of the flow to its start, so that every copy is at most as far as
 * the one it reads from; restored together they go on as if the later entries were yet to come.
 */
#include "cli/cli.h"
#include "journal/journal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATH_SIZE 4096
#define MAP_SIZE ((uint64_t)64 << 30)

static enum status open_role(const char *directory, const char *role, struct journal **journal)
{
    char path[PATH_SIZE];
    struct journal_options options = {.path = path, .size_max = MAP_SIZE, .read_only = true};

    snprintf(path, sizeof path, "%s/%s", directory, role);
    return journal_open(&options, journal);
}

/* --- verify --------------------------------------------------------------------------- */

static int verify_role(const struct cli *cli, const char *directory, const char *role)
{
    struct journal *journal = NULL;
    struct journal_report report = {0};
    struct buffer line = {0};

    enum status status = open_role(directory, role, &journal);
    if (status == STATUS_OK) {
        status = journal_verify(journal, &report);
        journal_close(journal);
    } else {
        snprintf(report.problem, sizeof report.problem, "cannot be opened: %s",
                 status == STATUS_INVALID ? "its format is another, by another version"
                                          : status_name(status));
    }
    if (cli->is_json) {
        json_open(&line);
        json_text(&line, "role", bytes_from_text(role));
        json_raw(&line, "good", bytes_from_text(status == STATUS_OK ? "true" : "false"));
        json_uint(&line, "entries", report.entry_count);
        json_uint(&line, "rows", report.row_count);
        json_uint(&line, "bad_seq", report.bad_seq);
        json_text(&line, "problem", bytes_from_text(report.problem));
        json_close(&line);
        printf("%.*s\n", BYTES_ARGS(buffer_view(&line)));
        buffer_deinit(&line);
    } else {
        printf("%-9s %s  %llu entries, %llu rows  %s\n", role,
               status == STATUS_OK ? "good" : "BAD ", (unsigned long long)report.entry_count,
               (unsigned long long)report.row_count, report.problem);
    }
    fflush(stdout);
    return status == STATUS_OK ? EXIT_DONE : EXIT_DATA;
}

/* In a process of its own: pages that are damaged enough end whoever reads them. */
static int verify_apart(const struct cli *cli, const char *directory, const char *role)
{
    int state = 0;
    fflush(stdout);
    pid_t child = fork();

    if (child < 0) {
        return complain(EXIT_STORAGE, "fork: %s", strerror(errno));
    }
    if (child == 0) {
        _exit(verify_role(cli, directory, role));
    }
    while (waitpid(child, &state, 0) < 0 && errno == EINTR) {
    }
    if (WIFSIGNALED(state)) {
        return complain(EXIT_DATA, "%s: reading it ended with signal %d: the file is damaged", role,
                        WTERMSIG(state));
    }
    return WEXITSTATUS(state);
}

int run_verify(struct cli *cli)
{
    const char *directory = cli->argument_count > 0 ? cli->arguments[0] : cli->data;
    int code = EXIT_DONE;

    for (size_t i = 0; i < ROLE_COUNT; i++) {
        int verified = verify_apart(cli, directory, ROLE_NAMES[i]);
        code = code == EXIT_DONE ? verified : code;
    }
    return code;
}

/* --- backup and restore ---------------------------------------------------------------- */

/* Copies all roles from one directory to another, which must not exist yet. */
static int copy_roles(const struct cli *cli, const char *from, const char *to)
{
    char path[PATH_SIZE];

    if (mkdir(to, 0700) != 0) {
        return complain(EXIT_STORAGE, "%s: %s", to, strerror(errno));
    }
    for (size_t i = ROLE_COUNT; i-- > 0;) {
        struct journal *journal = NULL;
        enum status status = open_role(from, ROLE_NAMES[i], &journal);
        snprintf(path, sizeof path, "%s/%s", to, ROLE_NAMES[i]);
        if (status == STATUS_OK) {
            status = journal_backup(journal, path);
            say(cli, "%-9s %llu entries", ROLE_NAMES[i],
                (unsigned long long)journal_head(journal).last);
            journal_close(journal);
        }
        if (status != STATUS_OK) {
            return complain(EXIT_STORAGE, "%s of %s: %s", ROLE_NAMES[i], from, status_name(status));
        }
    }
    return EXIT_DONE;
}

static int verify_quietly(const struct cli *cli, const char *directory)
{
    int code = EXIT_DONE;

    for (size_t i = 0; i < ROLE_COUNT && code == EXIT_DONE; i++) {
        code = verify_apart(cli, directory, ROLE_NAMES[i]);
    }
    return code;
}

int run_backup(struct cli *cli)
{
    int code = copy_roles(cli, cli->data, cli->arguments[0]);

    return code != EXIT_DONE ? code : verify_quietly(cli, cli->arguments[0]);
}

int run_restore(struct cli *cli)
{
    char path[PATH_SIZE];
    struct stat present;

    int code = verify_quietly(cli, cli->arguments[0]);
    if (code != EXIT_DONE) {
        return complain(code, "the backup does not verify: nothing was restored");
    }
    snprintf(path, sizeof path, "%s/gateway", cli->data);
    if (stat(path, &present) == 0) {
        return complain(EXIT_USAGE,
                        "\"%s\" holds a system already: restore into a new directory "
                        "(maillon --data NEW restore %s)",
                        cli->data, cli->arguments[0]);
    }
    if (cli->options.yes == 0 && !isatty(STDIN_FILENO)) {
        return complain(EXIT_USAGE, "restore asks for --yes when nobody can be asked");
    }
    rmdir(cli->data); /* An empty directory is as good as none. */
    return copy_roles(cli, cli->arguments[0], cli->data);
}
