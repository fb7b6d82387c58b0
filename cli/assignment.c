/*
 * assignment.c - ls and get from the dispatcher's view; accept, decline, ship, receive, cancel.
 *
 * The gateway makes an answer durable; what becomes of it the allocate role decides, and the
 * stream tells. So the command listens first, then submits, and ends with that event.
 */
#include "cli/cli.h"

#include <stdlib.h>
#include <string.h>

#define WAIT_MS 100

static struct bytes text_or_empty(const char *text)
{
    return text == NULL ? (struct bytes){0} : bytes_from_text(text);
}

static void add_cells(struct table *table, const struct assignment_event *event)
{
    table_cell(table, "%llu", (unsigned long long)event->assignment);
    table_cell(table, "%s", assignment_state_name((enum assignment_state)event->state));
    table_cell(table, "%llu", (unsigned long long)event->quantity);
    table_cell(table, "%.*s", BYTES_ARGS(event->product));
    table_cell(table, "%.*s", BYTES_ARGS(event->offerer));
    table_cell(table, "%.*s", BYTES_ARGS(event->requester));
    table_cell(table, "%.*s", BYTES_ARGS(event->need));
    table_cell(table, "%.*s", BYTES_ARGS(event->offer));
    table_cell(table, "%llu", (unsigned long long)event->kilometres);
    table_cell(table, "%.*s", BYTES_ARGS(event->reason));
}

static void start_table(struct table *table)
{
    static const char *const heads[] = {"number",    "state", "quantity", "product", "offerer",
                                        "requester", "need",  "offer",    "km",      "reason"};

    table->column_count = COUNT_OF(heads);
    for (size_t i = 0; i < COUNT_OF(heads); i++) {
        table_cell(table, "%s", heads[i]);
    }
}

static void show(const struct cli *cli, struct bytes value, struct table *table,
                 struct arena *arena)
{
    struct assignment_event event;
    struct refusal refusal;
    struct buffer line = {0};

    if (cli->is_json) {
        if (proto_value_to_json(value, &line) == STATUS_OK) {
            printf("%.*s\n", BYTES_ARGS(buffer_view(&line)));
        }
        buffer_deinit(&line);
    } else if (proto_decode(&ASSIGNMENT, value, arena, &event, &refusal) == STATUS_OK) {
        add_cells(table, &event);
    }
}

/* Pages of a snapshot; gives how many rows were shown. */
static int list(struct cli *cli, struct snapshot *request, uint64_t limit, uint64_t *shown)
{
    struct table table = {0};
    struct arena arena = {0};
    struct rows rows;

    *shown = 0;
    start_table(&table);
    do {
        request->limit = limit == 0 ? 0 : limit - *shown;
        enum maillon_status status =
            role_ask(cli, "dispatch", &SNAPSHOT, request, &ROWS, &rows, &arena);
        if (status != MAILLON_OK) {
            arena_deinit(&arena);
            buffer_deinit(&table.cells);
            return complain(exit_of(status), "the dispatcher in \"%s\" does not answer: %s",
                            cli->data, maillon_status_name(status));
        }
        const struct raw_item *items = rows.rows.items;
        for (size_t i = 0; i < rows.rows.count; i++, (*shown)++) {
            show(cli, items[i].value, &table, &arena);
        }
        request->from = rows.next;
        arena_reset(&arena);
    } while (rows.next != 0 && (limit == 0 || *shown < limit) && !is_interrupted());
    if (!cli->is_json && *shown > 0) {
        table_print(&table);
    } else {
        buffer_deinit(&table.cells);
    }
    arena_deinit(&arena);
    return EXIT_DONE;
}

/* The bit of a state's name; all when none is given, 0 when there is no such state. */
static bool states_of(const char *name, uint64_t *states)
{
    *states = 0;
    if (name == NULL) {
        return true;
    }
    for (int state = ASSIGNMENT_PROPOSED; state <= ASSIGNMENT_CANCELLED; state++) {
        if (strcmp(assignment_state_name((enum assignment_state)state), name) == 0) {
            *states = (uint64_t)1 << state;
            return true;
        }
    }
    return false;
}

int run_assignment_list(struct cli *cli)
{
    uint64_t shown = 0;
    struct snapshot request = {
        .party = text_or_empty(cli->options.party),
        .product = text_or_empty(cli->options.product),
        .need = text_or_empty(cli->options.need),
        .offer = text_or_empty(cli->options.offer),
    };

    if (!states_of(cli->options.state, &request.states)) {
        return complain(EXIT_USAGE,
                        "no state \"%s\": proposed, accepted, committed, shipped, "
                        "received, declined, superseded, cancelled",
                        cli->options.state);
    }
    on_interrupt_stop();
    return list(cli, &request, cli->options.limit > 0 ? (uint64_t)cli->options.limit : 0, &shown);
}

static bool read_number(const char *text, uint64_t *number)
{
    char *end = NULL;

    if (text[0] < '0' || text[0] > '9') {
        return false;
    }
    *number = strtoull(text, &end, 10);
    return *end == '\0' && *number > 0;
}

int run_assignment_get(struct cli *cli)
{
    struct snapshot request = {0};
    uint64_t shown = 0;

    if (!read_number(cli->arguments[0], &request.assignment)) {
        return complain(EXIT_USAGE, "\"%s\" is no assignment number", cli->arguments[0]);
    }
    int code = list(cli, &request, 1, &shown);
    return code != EXIT_DONE ? code
           : shown == 1      ? EXIT_DONE
                             : complain(EXIT_NOT_FOUND, "not found");
}

/* --- Answers of people ---------------------------------------------------------------- */

struct answering {
    struct cli *cli;
    uint8_t id[MAILLON_ID_SIZE];
    bool is_listening; /* The stream stands at its end: the event cannot be missed. */
    bool is_done;
    int code;
};

static void on_accepted(const struct maillon_answer *answer, void *user)
{
    struct answering *answering = user;

    if (answer->status != MAILLON_OK) {
        answering->is_done = true;
        answering->code = complain(exit_of(answer->status), "%s%s%s", answer->field,
                                   answer->field[0] == '\0' ? "" : ": ", answer->why);
    }
}

static void take_verdict(struct answering *answering, const struct answer_event *event)
{
    answering->is_done = true;
    if (event->done) {
        printf(answering->cli->is_json ? "{\"done\":true,\"assignment\":%llu}\n"
                                       : "done, assignment %llu\n",
               (unsigned long long)event->assignment);
        return;
    }
    bool is_unknown = bytes_equal(event->code, bytes_from_text(CODE_UNKNOWN));
    answering->code = complain(is_unknown ? EXIT_NOT_FOUND : EXIT_NO, "%.*s: %.*s",
                               BYTES_ARGS(event->code), BYTES_ARGS(event->why));
}

static enum maillon_status on_event(const struct maillon_event *event, void *user)
{
    struct answering *answering = user;
    struct answer_event answer;
    struct refusal refusal;
    struct arena arena = {0};
    struct bytes body = {.data = event->body, .size = event->size};

    if (event->kind == MAILLON_HEAD) {
        answering->is_listening = true;
    } else if (event->kind == MAILLON_ANSWERED &&
               proto_decode(&ANSWER, body, &arena, &answer, &refusal) == STATUS_OK &&
               bytes_equal(answer.id, (struct bytes){answering->id, MAILLON_ID_SIZE})) {
        take_verdict(answering, &answer);
    }
    arena_deinit(&arena);
    return MAILLON_OK;
}

/* Processes until `*flag` or the time-out. */
static int wait_for(struct cli *cli, struct maillon *connection, const bool *flag)
{
    uint64_t end = clock_ms() + (uint64_t)cli->options.timeout_ms;

    while (!*flag && clock_ms() < end && !is_interrupted()) {
        enum maillon_status status = maillon_wait(connection, WAIT_MS);
        if (status != MAILLON_OK) {
            return complain(exit_of(status), "%s", maillon_status_name(status));
        }
    }
    if (is_interrupted()) {
        return EXIT_INTERRUPTED;
    }
    return *flag ? EXIT_DONE
                 : complain(EXIT_UNREACHABLE, "no answer in time; it may still take effect: "
                                              "maillon assignment get shows");
}

static int submit_and_wait(struct answering *answering, struct maillon *connection,
                           const struct message *message, struct bytes body)
{
    bool is_remote = answering->cli->options.dispatch != NULL;
    const char *party = is_remote ? answering->cli->options.party : NULL;
    struct maillon_filter filter = {.size = sizeof filter, .party = party};
    struct snapshot request = {.limit = 1, .party = text_or_empty(party)};
    struct arena arena = {0};
    struct rows rows;

    /* With a key one follows one's own party's stream alone. */
    enum maillon_status status =
        role_ask(answering->cli, "dispatch", &SNAPSHOT, &request, &ROWS, &rows, &arena);
    arena_deinit(&arena);
    if (status == MAILLON_OK) {
        status = maillon_subscribe(connection, &filter, rows.seq, on_event, answering);
    }
    if (status != MAILLON_OK) {
        return complain(exit_of(status), "the dispatcher does not answer: %s",
                        maillon_status_name(status));
    }
    int code = wait_for(answering->cli, connection, &answering->is_listening);
    if (code != EXIT_DONE) {
        return code;
    }
    maillon_make_id(answering->id);
    status = maillon_submit(connection, message->name, answering->id, body.data, body.size,
                            on_accepted, answering);
    if (status != MAILLON_OK) {
        return complain(exit_of(status), "%s", maillon_status_name(status));
    }
    code = wait_for(answering->cli, connection, &answering->is_done);
    return code != EXIT_DONE ? code : answering->code;
}

int run_assignment_answer(struct cli *cli)
{
    struct assignment_command command = {
        .party = text_or_empty(cli->options.party),
        .reason = text_or_empty(cli->options.reason),
    };
    struct answering answering = {.cli = cli};
    struct maillon *connection = NULL;
    struct buffer body = {0};
    struct refusal refusal;
    char name[64];

    snprintf(name, sizeof name, "%s", running->name);
    *strchr(name, ' ') = '.';
    const struct message *message = message_by_name(bytes_from_text(name));
    ENSURE(message != NULL);
    if (!read_number(cli->arguments[0], &command.assignment)) {
        return complain(EXIT_USAGE, "\"%s\" is no assignment number", cli->arguments[0]);
    }
    if (proto_check(message, &command, &refusal) != STATUS_OK) {
        return complain(EXIT_DATA, "--%s: %s", refusal.field, refusal.why);
    }
    on_interrupt_stop();
    int code = connection_open(cli, 0, &connection);
    if (code != EXIT_DONE) {
        return code;
    }
    proto_encode(message, &command, &body);
    code = submit_and_wait(&answering, connection, message, buffer_view(&body));
    buffer_deinit(&body);
    maillon_close(connection);
    return code;
}
