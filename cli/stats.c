/*
 * stats.c - stats and check: what the roles say of themselves, in one object.
 */
#include "cli/cli.h"

#include <string.h>

#define TIMEOUT_NEXT_MS 500 /* For each role behind one that did not answer in time. */

struct system_report {
    struct report reports[ROLE_COUNT];
    bool is_there[ROLE_COUNT];
    struct arena arena;
};

static void collect(struct cli *cli, struct system_report *all)
{
    for (size_t i = 0; i < ROLE_COUNT; i++) {
        all->is_there[i] =
            role_report(cli, ROLE_NAMES[i], &all->reports[i], &all->arena) == MAILLON_OK;
        if (!all->is_there[i] && cli->options.timeout_ms > TIMEOUT_NEXT_MS) {
            cli->options.timeout_ms = TIMEOUT_NEXT_MS; /* The others have had their time, too. */
        }
    }
}

static void role_json(const struct system_report *all, size_t i, struct buffer *target)
{
    const struct report *report = &all->reports[i];

    json_open(target);
    json_raw(target, "ready",
             bytes_from_text(all->is_there[i] && report->ready ? "true" : "false"));
    json_text(target, "state", all->is_there[i] ? report->state : bytes_from_text("unreachable"));
    if (all->is_there[i]) {
        json_uint(target, "pid", report->pid);
        json_uint(target, "last", report->last);
        json_uint(target, "cursor", report->cursor);
        json_uint(target, "lag", report->lag);
    }
    json_close(target);
}

static void print_json(const struct system_report *all)
{
    struct buffer line = {0};
    struct buffer roles = {0};

    json_open(&line);
    for (size_t i = 0; i < ROLE_COUNT; i++) {
        const struct counter *counters = all->reports[i].counters.items;
        for (size_t j = 0; all->is_there[i] && j < all->reports[i].counters.count; j++) {
            char name[64];
            snprintf(name, sizeof name, "%.*s", BYTES_ARGS(counters[j].name));
            json_uint(&line, name, counters[j].value);
        }
    }
    json_open(&roles);
    for (size_t i = 0; i < ROLE_COUNT; i++) {
        struct buffer role = {0};
        role_json(all, i, &role);
        json_raw(&roles, ROLE_NAMES[i], buffer_view(&role));
        buffer_deinit(&role);
    }
    json_close(&roles);
    json_raw(&line, "roles", buffer_view(&roles));
    json_close(&line);
    printf("%.*s\n", BYTES_ARGS(buffer_view(&line)));
    buffer_deinit(&line);
    buffer_deinit(&roles);
}

static void print_roles(const struct system_report *all)
{
    struct table table = {.column_count = 6};
    static const char *const heads[] = {"role", "state", "pid", "last", "cursor", "lag"};

    for (size_t i = 0; i < COUNT_OF(heads); i++) {
        table_cell(&table, "%s", heads[i]);
    }
    for (size_t i = 0; i < ROLE_COUNT; i++) {
        const struct report *report = &all->reports[i];
        bool is_there = all->is_there[i];
        table_cell(&table, "%s", ROLE_NAMES[i]);
        table_cell(&table, "%.*s", is_there ? (int)report->state.size : 11,
                   is_there ? (const char *)report->state.data : "unreachable");
        table_cell(&table, "%llu", is_there ? (unsigned long long)report->pid : 0);
        table_cell(&table, "%llu", is_there ? (unsigned long long)report->last : 0);
        table_cell(&table, "%llu", is_there ? (unsigned long long)report->cursor : 0);
        table_cell(&table, "%llu", is_there ? (unsigned long long)report->lag : 0);
    }
    table_print(&table);
}

static void print_counters(const struct system_report *all)
{
    struct table table = {.column_count = 3};

    table_cell(&table, "role");
    table_cell(&table, "figure");
    table_cell(&table, "value");
    for (size_t i = 0; i < ROLE_COUNT; i++) {
        const struct counter *counters = all->reports[i].counters.items;
        for (size_t j = 0; all->is_there[i] && j < all->reports[i].counters.count; j++) {
            char value[32];
            table_cell(&table, "%s", ROLE_NAMES[i]);
            table_cell(&table, "%.*s", BYTES_ARGS(counters[j].name));
            table_cell(&table, "%s", group_digits(counters[j].value, value));
        }
    }
    table_print(&table);
}

int run_stats(struct cli *cli)
{
    struct system_report all = {0};
    bool is_any = false;

    collect(cli, &all);
    for (size_t i = 0; i < ROLE_COUNT; i++) {
        is_any |= all.is_there[i];
    }
    if (cli->is_json) {
        print_json(&all);
    } else {
        print_roles(&all);
        puts("");
        print_counters(&all);
    }
    arena_deinit(&all.arena);
    return is_any ? EXIT_DONE
                  : complain(EXIT_UNREACHABLE, "no role answers in \"%s\": is maillond running?",
                             cli->data);
}

int run_check(struct cli *cli)
{
    struct system_report all = {0};
    const char *format = cli->options.format;
    size_t ready = 0;

    collect(cli, &all);
    for (size_t i = 0; i < ROLE_COUNT; i++) {
        ready += all.is_there[i] && all.reports[i].ready;
    }
    bool is_nagios = format != NULL && strcmp(format, "nagios") == 0;
    if (is_nagios) {
        printf("%s - %zu of %d roles ready\n", ready == ROLE_COUNT ? "OK" : "CRITICAL", ready,
               ROLE_COUNT);
    } else if (cli->is_json && (format == NULL || strcmp(format, "json") == 0)) {
        print_json(&all);
    } else {
        print_roles(&all);
    }
    arena_deinit(&all.arena);
    if (ready == ROLE_COUNT) {
        return EXIT_DONE;
    }
    return is_nagios ? 2 : ready == 0 ? EXIT_UNREACHABLE : EXIT_NO;
}
