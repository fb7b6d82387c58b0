/*
 * explain.c - what a need gets and why, which offers come into question, why not another.
 */
#include "cli/cli.h"
#include "workers/allocate/tables.h"

#include <stdlib.h>
#include <string.h>

static bool is_number(const char *text)
{
    return text[0] != '\0' && text[strspn(text, "0123456789")] == '\0';
}

static void print_need(const struct need_row *need)
{
    char quantity[32], promised[32], unserved[32];

    printf("need %.*s  %.*s  %s %.*s for %.*s, class %llu\n", BYTES_ARGS(need->need),
           BYTES_ARGS(need->state), group_digits(need->quantity, quantity),
           BYTES_ARGS(need->product), BYTES_ARGS(need->party),
           (unsigned long long)need->class_number);
    printf("promised %s, unserved %s\n", group_digits(need->promised, promised),
           group_digits(need->unserved, unserved));
}

static void print_shares(const struct record_list *list, const char *head)
{
    const struct share_row *rows = list->items;

    if (list->count > 0) {
        printf("%s\n", head);
    }
    for (size_t i = 0; i < list->count; i++) {
        char quantity[32];
        printf("  #%llu  %-10s %s from %.*s (offer %.*s), %llu km\n",
               (unsigned long long)rows[i].assignment,
               assignment_state_name((enum assignment_state)rows[i].state),
               group_digits(rows[i].quantity, quantity), BYTES_ARGS(rows[i].party),
               BYTES_ARGS(rows[i].offer), (unsigned long long)rows[i].kilometres);
    }
}

/* What would have to change, behind the reason. */
static void append_change(const struct pair_row *pair, struct buffer *text)
{
    char day[DAY_TEXT_SIZE + 1];

    if (pair->code.size > 0) {
        buffer_format(text, " %.*s", BYTES_ARGS(pair->code));
    } else if (pair->rule.size > 0) {
        buffer_format(text, " %.*s", BYTES_ARGS(pair->rule));
    }
    if (pair->ended != DAY_NONE) {
        day_to_text((int32_t)pair->ended, day);
        buffer_format(text, " until %s", day);
    }
    if (pair->day != DAY_NONE) {
        day_to_text((int32_t)pair->day, day);
        buffer_format(text, " possible from %s", day);
    }
    if (pair->days_missing > 0) {
        buffer_format(text, " by %llu days", (unsigned long long)pair->days_missing);
    }
    if (pair->units_missing > 0) {
        buffer_format(text, " by %llu units", (unsigned long long)pair->units_missing);
    }
}

static void print_pairs(const struct record_list *list)
{
    struct table table = {.column_count = 8};
    static const char *const heads[] = {"offer", "party",    "possible?", "cost a unit",
                                        "km",    "capacity", "promised",  "gives here"};
    const struct pair_row *rows = list->items;

    if (list->count == 0) {
        printf("no offer comes into question\n");
        return;
    }
    for (size_t i = 0; i < COUNT_OF(heads); i++) {
        table_cell(&table, "%s", heads[i]);
    }
    for (size_t i = 0; i < list->count; i++) {
        table_cell(&table, "%.*s", BYTES_ARGS(rows[i].offer));
        table_cell(&table, "%.*s", BYTES_ARGS(rows[i].party));
        struct buffer reason = {0};
        buffer_append(&reason, rows[i].reason.data, rows[i].reason.size);
        append_change(&rows[i], &reason);
        table_cell(&table, "%.*s", BYTES_ARGS(buffer_view(&reason)));
        buffer_deinit(&reason);
        table_cell(&table, "%llu", (unsigned long long)rows[i].cost);
        table_cell(&table, "%llu", (unsigned long long)rows[i].kilometres);
        table_cell(&table, "%llu", (unsigned long long)rows[i].capacity);
        table_cell(&table, "%llu", (unsigned long long)rows[i].promised);
        table_cell(&table, "%llu", (unsigned long long)rows[i].given);
    }
    table_print(&table);
}

static void print_text(const struct explained *explained)
{
    if (explained->need.count > 0) {
        print_need(explained->need.items);
    }
    print_shares(&explained->answered, "assignment");
    print_shares(&explained->shares, "it gets");
    printf("%llu offers are possible", (unsigned long long)explained->possible);
    if (explained->rank > 0) {
        printf("; this one is number %llu by cost", (unsigned long long)explained->rank);
    }
    printf("\n");
    print_pairs(&explained->pairs);
}

int run_explain(struct cli *cli)
{
    struct explain request = {0};
    struct explanation answer;
    struct explained explained;
    struct arena arena = {0};
    struct refusal refusal;
    struct buffer line = {0};

    if (is_number(cli->arguments[0])) {
        request.assignment = strtoull(cli->arguments[0], NULL, 10);
    } else {
        request.need = bytes_from_text(cli->arguments[0]);
    }
    if (cli->argument_count > 1) {
        request.offer = bytes_from_text(cli->arguments[1]);
    }
    enum maillon_status status =
        role_ask(cli, "allocate", &EXPLAIN, &request, &EXPLANATION, &answer, &arena);
    int code = EXIT_DONE;
    if (status == MAILLON_NOT_FOUND) {
        code = complain(EXIT_NOT_FOUND, "nothing known of \"%s\"", cli->arguments[0]);
    } else if (status != MAILLON_OK) {
        code = complain(exit_of(status), "the allocate role in \"%s\" does not answer: %s",
                        cli->data, maillon_status_name(status));
    } else if (cli->is_json && proto_value_to_json(answer.body, &line) == STATUS_OK) {
        printf("%.*s\n", BYTES_ARGS(buffer_view(&line)));
    } else if (proto_decode(&EXPLAINED, answer.body, &arena, &explained, &refusal) == STATUS_OK) {
        print_text(&explained);
    } else {
        code = complain(EXIT_BUG, "an explanation that does not decode: %s", refusal.why);
    }
    buffer_deinit(&line);
    arena_deinit(&arena);
    return code;
}
