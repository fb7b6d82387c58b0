/*
 * watch.c - follows assignments: one event a line, resumable by position.
 */
#include "cli/cli.h"

#include <stdlib.h>
#include <string.h>

#define WAIT_MS 200

struct watch {
    struct cli *cli;
    uint64_t last;   /* Position of the last event shown, or of the head. */
    uint64_t target; /* End at the first head from there on; UINT64_MAX: never. */
    uint64_t shown;
    enum maillon_status status;
    bool is_done;
};

static void print_line(const struct assignment_event *event)
{
    char quantity[32];
    char before[32] = "";

    if (event->before > 0 && event->before != event->quantity) {
        char digits[32];
        snprintf(before, sizeof before, " (was %s)", group_digits(event->before, digits));
    }
    printf("%8llu  %-10s #%llu  %s %.*s%s  %.*s -> %.*s  need %.*s  offer %.*s  %llu km  %.*s\n",
           (unsigned long long)event->seq,
           assignment_state_name((enum assignment_state)event->state),
           (unsigned long long)event->assignment, group_digits(event->quantity, quantity),
           BYTES_ARGS(event->product), before, BYTES_ARGS(event->offerer),
           BYTES_ARGS(event->requester), BYTES_ARGS(event->need), BYTES_ARGS(event->offer),
           (unsigned long long)event->kilometres, BYTES_ARGS(event->reason));
}

static void print_answer(const struct answer_event *event)
{
    printf("%8llu  answer     #%llu  %.*s%s%.*s\n", (unsigned long long)event->seq,
           (unsigned long long)event->assignment, BYTES_ARGS(event->code),
           event->why.size == 0 ? "" : ": ", BYTES_ARGS(event->why));
}

/* An event that does not decode is of a later version: its JSON is all there is to show. */
static bool print_in_words(const struct maillon_event *event, struct arena *arena)
{
    struct bytes body = {.data = event->body, .size = event->size};
    struct assignment_event assignment;
    struct answer_event answer;
    struct refusal refusal;

    if (event->kind == MAILLON_ASSIGNMENT) {
        bool is_read = proto_decode(&ASSIGNMENT, body, arena, &assignment, &refusal) == STATUS_OK;
        if (is_read) {
            print_line(&assignment);
        }
        return is_read;
    }
    bool is_read = proto_decode(&ANSWER, body, arena, &answer, &refusal) == STATUS_OK;
    if (is_read) {
        print_answer(&answer);
    }
    return is_read;
}

static void print_event(const struct watch *watch, const struct maillon_event *event)
{
    struct arena arena = {0};
    char *json = NULL;

    bool is_printed = !watch->cli->is_json && print_in_words(event, &arena);
    if (!is_printed && maillon_to_json(event->body, event->size, &json) == MAILLON_OK) {
        puts(json);
        free(json);
    }
    arena_deinit(&arena);
}

static enum maillon_status on_event(const struct maillon_event *event, void *user)
{
    struct watch *watch = user;

    switch (event->kind) {
    case MAILLON_ASSIGNMENT:
    case MAILLON_ANSWERED:
        print_event(watch, event);
        watch->shown++;
        break;
    case MAILLON_HEAD:
        watch->is_done = event->seq >= watch->target;
        break;
    case MAILLON_RESET:
        watch->status = MAILLON_GAP;
        return MAILLON_GAP;
    }
    watch->last = event->seq;
    return MAILLON_OK;
}

static int follow(struct cli *cli, struct maillon *connection, struct watch *watch)
{
    struct maillon_filter filter = {
        .size = sizeof filter,
        .party = cli->options.party,
        .product = cli->options.product,
        .need = cli->options.need,
        .offer = cli->options.offer,
    };
    enum maillon_status status =
        maillon_subscribe(connection, &filter, (uint64_t)cli->options.after, on_event, watch);
    while (status == MAILLON_OK && watch->status == MAILLON_OK && !watch->is_done &&
           !is_interrupted()) {
        status = maillon_wait(connection, WAIT_MS);
        fflush(stdout);
    }
    if (is_interrupted()) {
        say(cli, "^C  resume with: maillon watch --after %llu", (unsigned long long)watch->last);
        return EXIT_INTERRUPTED;
    }
    if (watch->status == MAILLON_GAP) {
        return complain((int)MAILLON_GAP,
                        "events behind position %lld are no longer kept, or lie "
                        "beyond the end; see maillon assignment ls",
                        cli->options.after);
    }
    return status == MAILLON_OK ? EXIT_DONE
                                : complain(exit_of(status), "%s", maillon_status_name(status));
}

int run_watch(struct cli *cli)
{
    struct watch watch = {.cli = cli, .last = (uint64_t)cli->options.after, .target = UINT64_MAX};
    struct maillon *connection = NULL;

    if (cli->options.after < 0) {
        return complain(EXIT_USAGE, "--after counts from 0");
    }
    on_interrupt_stop();
    if (cli->options.until_idle != 0) {
        /* A party's own stream ends elsewhere; its head message says where. */
        enum maillon_status status = wait_until_idle(cli, &watch.target);
        if (status != MAILLON_OK) {
            return is_interrupted() ? EXIT_INTERRUPTED
                                    : complain(exit_of(status), "the roles do not answer: %s",
                                               maillon_status_name(status));
        }
        watch.target = cli->options.party != NULL ? 0 : watch.target;
    }
    int code = connection_open(cli, 0, &connection);
    if (code != EXIT_DONE) {
        return code;
    }
    code = follow(cli, connection, &watch);
    maillon_close(connection);
    return code;
}
