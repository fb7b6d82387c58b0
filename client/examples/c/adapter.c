/*
 * adapter.c - a factory's adapter: reports what an offer can make a day.
 *
 *     adapter --data DIR --offer ID --per-day UNITS [--number N]
 *     sensor | adapter --data DIR --offer ID        (one figure a line)
 *
 * Each report has a number, higher than the one before: a late one never overwrites a newer.
 * Without --number it is the time in milliseconds, which rises over restarts too.
 *
 *     cc adapter.c $(pkg-config --cflags --libs maillon) -o adapter
 */
#include <getopt.h>
#include <inttypes.h>
#include <maillon.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define PATIENCE_S 60

struct report {
    bool is_answered;
    enum maillon_status status;
};

struct arguments {
    const char *data;
    const char *gateway, *key, *server_key; /* Of a system on another machine. */
    const char *offer;
    const char *per_day; /* NULL: figures come on standard input. */
    uint64_t number;     /* 0: the time. */
};

static void on_answer(const struct maillon_answer *answer, void *user)
{
    struct report *report = user;

    report->is_answered = true;
    report->status = answer->status;
    if (answer->status == MAILLON_OK) {
        printf("accepted %" PRIu64 "\n", answer->position);
        fflush(stdout);
    } else {
        fprintf(stderr, "adapter: %s %s: %s\n", answer->code, answer->field, answer->why);
    }
}

static uint64_t next_number(uint64_t last)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    uint64_t time_ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
    return time_ms > last ? time_ms : last + 1;
}

/* Returns when the gateway has answered. The library asks again, with the same id, until then. */
static enum maillon_status send_report(struct maillon *connection, const char *offer,
                                       uint64_t per_day, uint64_t number)
{
    struct report report = {.is_answered = false};
    uint8_t id[MAILLON_ID_SIZE];
    char json[256], problem[320];
    time_t end = time(NULL) + PATIENCE_S;

    snprintf(json, sizeof json,
             "{\"offer\": \"%.64s\", \"per_day\": %" PRIu64 ", \"source\": \"adapter\","
             " \"number\": %" PRIu64 "}",
             offer, per_day, number);
    maillon_make_id(id);
    enum maillon_status status =
        maillon_submit_json(connection, "capacity.put", id, json, on_answer, &report, problem);
    if (status == MAILLON_DATA) {
        fprintf(stderr, "adapter: %s\n", problem);
    }
    while (status == MAILLON_OK && !report.is_answered) {
        if (time(NULL) >= end) {
            fprintf(stderr, "adapter: no answer in %d s\n", PATIENCE_S);
            /* The answer's place is about to go: end, and let the next start report anew. */
            exit(MAILLON_UNREACHABLE);
        }
        status = maillon_wait(connection, 1000);
    }
    return status == MAILLON_OK ? report.status : status;
}

static bool read_figure(const char *text, uint64_t *figure)
{
    char *end;

    *figure = strtoull(text, &end, 10);
    return text[0] >= '0' && text[0] <= '9' && (*end == '\0' || *end == '\n');
}

static enum maillon_status send_figure(struct maillon *connection,
                                       const struct arguments *arguments, const char *text,
                                       uint64_t number)
{
    uint64_t per_day;

    if (!read_figure(text, &per_day)) {
        fprintf(stderr, "adapter: units a day are a whole number, not %s\n", text);
        return MAILLON_DATA;
    }
    return send_report(connection, arguments->offer, per_day, number);
}

static enum maillon_status send_all(struct maillon *connection, const struct arguments *arguments)
{
    uint64_t number = arguments->number != 0 ? arguments->number : next_number(0);
    enum maillon_status status = MAILLON_OK;
    char line[64];

    if (arguments->per_day != NULL) {
        return send_figure(connection, arguments, arguments->per_day, number);
    }
    while (status == MAILLON_OK && fgets(line, sizeof line, stdin) != NULL) {
        status = send_figure(connection, arguments, line, number);
        number = arguments->number != 0 ? number + 1 : next_number(number);
    }
    return status;
}

static bool read_arguments(int argc, char **argv, struct arguments *arguments)
{
    static const struct option options[] = {
        {"data", required_argument, NULL, 'd'},       {"offer", required_argument, NULL, 'o'},
        {"per-day", required_argument, NULL, 'p'},    {"number", required_argument, NULL, 'n'},
        {"gateway", required_argument, NULL, 'g'},    {"key", required_argument, NULL, 'k'},
        {"server-key", required_argument, NULL, 's'}, {NULL, 0, NULL, 0},
    };

    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (option == 'd') {
            arguments->data = optarg;
        } else if (option == 'o') {
            arguments->offer = optarg;
        } else if (option == 'p') {
            arguments->per_day = optarg;
        } else if (option == 'g') {
            arguments->gateway = optarg;
        } else if (option == 'k') {
            arguments->key = optarg;
        } else if (option == 's') {
            arguments->server_key = optarg;
        } else if (option != 'n' || !read_figure(optarg, &arguments->number)) {
            return false;
        }
    }
    return optind == argc && arguments->offer != NULL &&
           (arguments->data != NULL || arguments->gateway != NULL);
}

int main(int argc, char **argv)
{
    struct arguments arguments = {.number = 0};

    if (!read_arguments(argc, argv, &arguments)) {
        fprintf(stderr,
                "usage: adapter --data DIR --offer ID [--per-day UNITS] [--number N]\n"
                "       adapter --gateway ENDPOINT --key FILE --server-key KEY|FILE --offer ID\n");
        return MAILLON_USAGE;
    }
    char problem[MAILLON_PROBLEM_SIZE] = "";
    struct maillon_options options = {
        .size = sizeof options,
        .data = arguments.gateway == NULL ? arguments.data : NULL,
        .gateway = arguments.gateway,
        .key = arguments.key,
        .server_key = arguments.server_key,
        .problem = problem,
    };
    struct maillon *connection = NULL;
    enum maillon_status status = maillon_open(&options, &connection);
    if (status == MAILLON_OK) {
        status = send_all(connection, &arguments);
    }
    if (status != MAILLON_OK) {
        fprintf(stderr, "adapter: %s\n",
                problem[0] != '\0' ? problem : maillon_status_name(status));
    }
    maillon_close(connection);
    return (int)status;
}
