/*
 * console.c - follows assignments: one JSON line an event.
 *
 *     console --data DIR [--cursor FILE] [--until-idle]
 *
 * The position of the last event printed is kept in FILE ("console.cursor"), so the next start goes
 * on behind it. --until-idle ends when everything there is has been printed.
 *
 *     cc console.c $(pkg-config --cflags --libs maillon) -o console
 */
#include <getopt.h>
#include <inttypes.h>
#include <maillon.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

struct console {
    const char *data;
    const char *dispatch, *key, *server_key; /* Of a system on another machine. */
    const char *party;
    const char *cursor_path;
    bool is_until_idle;
    bool is_idle;
    bool is_reset;
    uint64_t seq; /* Of the last event printed. */
};

static volatile sig_atomic_t is_interrupted;

static void on_signal(int number)
{
    (void)number;
    is_interrupted = 1;
}

static enum maillon_status on_event(const struct maillon_event *event, void *user)
{
    struct console *console = user;
    char *json = NULL;

    if (event->kind == MAILLON_HEAD) {
        console->is_idle = true;
        return MAILLON_OK;
    }
    if (event->kind == MAILLON_RESET) {
        fprintf(stderr, "console: events up to %" PRIu64 " are no longer kept\n", event->seq);
        console->is_reset = true;
        return MAILLON_OK;
    }
    if (maillon_to_json(event->body, event->size, &json) != MAILLON_OK) {
        return MAILLON_DATA;
    }
    puts(json);
    free(json);
    console->seq = event->seq;
    return MAILLON_OK;
}

static uint64_t load_cursor(const char *path)
{
    uint64_t seq = 0;
    FILE *file = fopen(path, "r");

    if (file != NULL) {
        if (fscanf(file, "%" SCNu64, &seq) != 1) {
            seq = 0;
        }
        fclose(file);
    }
    return seq;
}

/* Replaces the file whole: whenever the machine stops, an old or a new cursor is there. */
static bool store_cursor(const char *path, uint64_t seq)
{
    char temporary[4096];

    snprintf(temporary, sizeof temporary, "%s.new", path);
    FILE *file = fopen(temporary, "w");
    if (file == NULL) {
        return false;
    }
    bool is_written = fprintf(file, "%" PRIu64 "\n", seq) > 0;
    is_written = fclose(file) == 0 && is_written;
    return is_written && rename(temporary, path) == 0;
}

static enum maillon_status follow(struct maillon *connection, struct console *console)
{
    uint64_t stored = load_cursor(console->cursor_path);
    struct maillon_filter filter = {.size = sizeof filter, .party = console->party};
    enum maillon_status status = maillon_subscribe(connection, &filter, stored, on_event, console);

    console->seq = stored;
    while (status == MAILLON_OK && !is_interrupted && !console->is_reset &&
           !(console->is_until_idle && console->is_idle)) {
        status = maillon_wait(connection, -1);
        /* Printed first, then remembered: what a crash cuts short is printed again. */
        if (console->seq != stored) {
            if (fflush(stdout) != 0 || !store_cursor(console->cursor_path, console->seq)) {
                perror(console->cursor_path);
                return MAILLON_CONFIG;
            }
            stored = console->seq;
        }
    }
    return console->is_reset ? MAILLON_GAP : status;
}

static bool read_arguments(int argc, char **argv, struct console *console)
{
    static const struct option options[] = {
        {"data", required_argument, NULL, 'd'},       {"cursor", required_argument, NULL, 'c'},
        {"until-idle", no_argument, NULL, 'u'},       {"dispatch", required_argument, NULL, 'e'},
        {"party", required_argument, NULL, 'p'},      {"key", required_argument, NULL, 'k'},
        {"server-key", required_argument, NULL, 's'}, {NULL, 0, NULL, 0},
    };

    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (option == 'd') {
            console->data = optarg;
        } else if (option == 'e') {
            console->dispatch = optarg;
        } else if (option == 'p') {
            console->party = optarg;
        } else if (option == 'k') {
            console->key = optarg;
        } else if (option == 's') {
            console->server_key = optarg;
        } else if (option == 'c') {
            console->cursor_path = optarg;
        } else if (option == 'u') {
            console->is_until_idle = true;
        } else {
            return false;
        }
    }
    return optind == argc && (console->data != NULL || console->dispatch != NULL);
}

int main(int argc, char **argv)
{
    struct console console = {.cursor_path = "console.cursor"};
    struct sigaction action = {.sa_handler = on_signal}; /* Without SA_RESTART: ends a wait. */

    if (!read_arguments(argc, argv, &console)) {
        fprintf(stderr,
                "usage: console --data DIR [--party ID] [--cursor FILE] [--until-idle]\n"
                "       console --dispatch ENDPOINT --key FILE --server-key KEY|FILE --party ID\n");
        return MAILLON_USAGE;
    }
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    char problem[MAILLON_PROBLEM_SIZE] = "";
    struct maillon_options options = {
        .size = sizeof options,
        .data = console.dispatch == NULL ? console.data : NULL,
        .dispatch = console.dispatch,
        .key = console.key,
        .server_key = console.server_key,
        .problem = problem,
    };
    struct maillon *connection = NULL;
    enum maillon_status status = maillon_open(&options, &connection);
    if (status == MAILLON_OK) {
        status = follow(connection, &console);
    }
    if (status != MAILLON_OK) {
        fprintf(stderr, "console: %s\n",
                problem[0] != '\0' ? problem : maillon_status_name(status));
    }
    maillon_close(connection);
    return (int)status;
}
