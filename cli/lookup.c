/*
 * lookup.c - get, ls, cancel, withdraw, release: needs, offers, parties, products, dated rules.
 */
#include "cli/cli.h"
#include "workers/allocate/tables.h"

#include <stdlib.h>
#include <string.h>

#define PAGE 256

/* "need", "offer" ...: the first word of the verb that runs. */
static struct bytes thing_of_verb(void)
{
    return (struct bytes){(const uint8_t *)running->name, strcspn(running->name, " ")};
}

static int complain_answer(const struct cli *cli, enum maillon_status status)
{
    if (status == MAILLON_NOT_FOUND) {
        return complain(EXIT_NOT_FOUND, "not found");
    }
    return complain(exit_of(status), "the allocate role in \"%s\" does not answer: %s", cli->data,
                    maillon_status_name(status));
}

static void need_cells(const struct need_row *row, struct table *table)
{
    table_cell(table, "%.*s", BYTES_ARGS(row->need));
    table_cell(table, "%.*s", BYTES_ARGS(row->state));
    table_cell(table, "%.*s", BYTES_ARGS(row->party));
    table_cell(table, "%.*s", BYTES_ARGS(row->product));
    table_cell(table, "%llu", (unsigned long long)row->class_number);
    table_cell(table, "%llu", (unsigned long long)row->quantity);
    table_cell(table, "%llu", (unsigned long long)row->promised);
}

static void offer_cells(const struct offer_row *row, struct table *table)
{
    table_cell(table, "%.*s", BYTES_ARGS(row->offer));
    table_cell(table, "%.*s", BYTES_ARGS(row->state));
    table_cell(table, "%.*s", BYTES_ARGS(row->party));
    table_cell(table, "%.*s", BYTES_ARGS(row->product));
    table_cell(table, "%.*s", BYTES_ARGS(row->kind));
    table_cell(table, "%llu", (unsigned long long)row->capacity);
    table_cell(table, "%llu", (unsigned long long)row->promised);
}

static void party_cells(const struct party_row *row, struct table *table)
{
    table_cell(table, "%.*s", BYTES_ARGS(row->party));
    table_cell(table, "%.*s", BYTES_ARGS(row->name));
    table_cell(table, "%.*s", BYTES_ARGS(row->departement));
    table_cell(table, "%.*s", BYTES_ARGS(row->region));
}

static void product_cells(const struct product_row *row, struct table *table)
{
    table_cell(table, "%.*s", BYTES_ARGS(row->product));
    table_cell(table, "%.*s", BYTES_ARGS(row->name));
    table_cell(table, "%.*s", BYTES_ARGS(row->unit));
    table_cell(table, "%llu", (unsigned long long)row->lot);
    table_cell(table, "%llu", (unsigned long long)row->open_needs);
    table_cell(table, "%llu", (unsigned long long)row->active_offers);
}

static void day_cell(int64_t day, struct table *table)
{
    char text[DAY_TEXT_SIZE + 1] = "";

    if (day != DAY_NONE) {
        day_to_text((int32_t)day, text);
    }
    table_cell(table, "%s", text);
}

static void dated_cells(const struct dated_row *row, struct table *table)
{
    table_cell(table, "%.*s", BYTES_ARGS(row->id));
    table_cell(table, "%.*s", BYTES_ARGS(row->state));
    if (row->rank > 0) {
        table_cell(table, "%.*s", BYTES_ARGS(row->product));
        table_cell(table, "%.*s", BYTES_ARGS(row->given));
        table_cell(table, "%llu", (unsigned long long)row->rank);
    } else if (row->class_number > 0) {
        table_cell(table, "%.*s", BYTES_ARGS(row->product));
        table_cell(table, "%.*s", BYTES_ARGS(row->code));
        table_cell(table, "%llu", (unsigned long long)row->class_number);
        table_cell(table, "%.*s", BYTES_ARGS(row->country));
        table_cell(table, "%.*s", BYTES_ARGS(row->region));
    } else if (row->other.size > 0) {
        table_cell(table, "%.*s", BYTES_ARGS(row->party));
        table_cell(table, "%.*s", BYTES_ARGS(row->other));
        table_cell(table, "%.*s", BYTES_ARGS(row->reason));
    } else {
        table_cell(table, "%.*s", BYTES_ARGS(row->party));
        table_cell(table, "%.*s", BYTES_ARGS(row->product));
        table_cell(table, "%.*s", BYTES_ARGS(row->code));
        table_cell(table, "%.*s", BYTES_ARGS(row->number));
    }
    day_cell(row->from, table);
    day_cell(row->to, table);
}

/* What people see of each kind of thing. */
static const struct look {
    const char *thing;
    const struct message *message;
    const char *heads[10];
} looks[] = {
    {"need", &NEED_ROW, {"need", "state", "party", "product", "class", "quantity", "promised"}},
    {"offer", &OFFER_ROW, {"offer", "state", "party", "product", "kind", "capacity", "promised"}},
    {"party", &PARTY_ROW, {"party", "name", "departement", "region"}},
    {"product", &PRODUCT_ROW, {"product", "name", "unit", "lot", "open needs", "active offers"}},
    {"substitute", &DATED_ROW, {"substitute", "state", "product", "given", "rank", "from", "to"}},
    {"norm",
     &DATED_ROW,
     {"norm", "state", "product", "code", "class", "country", "region", "from", "to"}},
    {"certificate",
     &DATED_ROW,
     {"certificate", "state", "party", "product", "code", "number", "from", "to"}},
    {"exclusion", &DATED_ROW, {"exclusion", "state", "party", "other", "reason", "from", "to"}},
};

static const struct look *look_of(struct bytes thing)
{
    for (size_t i = 0; i < COUNT_OF(looks); i++) {
        if (bytes_equal(bytes_from_text(looks[i].thing), thing)) {
            return &looks[i];
        }
    }
    UNREACHABLE();
}

static void start_table(const struct look *look, struct table *table)
{
    for (size_t i = 0; look->heads[i] != NULL; i++) {
        table_cell(table, "%s", look->heads[i]);
        table->column_count++;
    }
}

static void add_row(const struct look *look, struct bytes value, struct table *table,
                    struct arena *arena)
{
    union {
        struct need_row need;
        struct offer_row offer;
        struct party_row party;
        struct product_row product;
        struct dated_row dated;
    } row;
    struct refusal refusal;

    if (proto_decode(look->message, value, arena, &row, &refusal) != STATUS_OK) {
        return;
    }
    if (look->message == &NEED_ROW) {
        need_cells(&row.need, table);
    } else if (look->message == &OFFER_ROW) {
        offer_cells(&row.offer, table);
    } else if (look->message == &PARTY_ROW) {
        party_cells(&row.party, table);
    } else if (look->message == &DATED_ROW) {
        dated_cells(&row.dated, table);
    } else {
        product_cells(&row.product, table);
    }
}

static void print_json(struct bytes value)
{
    struct buffer line = {0};

    if (proto_value_to_json(value, &line) == STATUS_OK) {
        printf("%.*s\n", BYTES_ARGS(buffer_view(&line)));
    }
    buffer_deinit(&line);
}

static struct bytes text_or_empty(const char *text)
{
    return text == NULL ? (struct bytes){0} : bytes_from_text(text);
}

/* Page by page; `limit` 0 for all. */
static int list(struct cli *cli, struct lookup *request, uint64_t limit)
{
    const struct look *look = look_of(request->what);
    struct table table = {0};
    struct arena arena = {0};
    uint64_t shown = 0;
    struct rows rows;

    start_table(look, &table);
    do {
        request->limit = limit == 0 ? PAGE : min_u64(PAGE, limit - shown);
        enum maillon_status status =
            role_ask(cli, "allocate", &LOOKUP, request, &ROWS, &rows, &arena);
        if (status != MAILLON_OK) {
            arena_deinit(&arena);
            buffer_deinit(&table.cells);
            return complain_answer(cli, status);
        }
        const struct raw_item *items = rows.rows.items;
        for (size_t i = 0; i < rows.rows.count; i++, shown++) {
            if (cli->is_json) {
                print_json(items[i].value);
            } else {
                add_row(look, items[i].value, &table, &arena);
            }
        }
        request->from = rows.next;
        arena_reset(&arena);
    } while (rows.next != 0 && (limit == 0 || shown < limit) && !is_interrupted());
    if (!cli->is_json) {
        table_print(&table);
    }
    buffer_deinit(&table.cells);
    arena_deinit(&arena);
    return EXIT_DONE;
}

int run_list(struct cli *cli)
{
    struct lookup request = {
        .what = thing_of_verb(),
        .party = text_or_empty(cli->options.party),
        .product = text_or_empty(cli->options.product),
        .state = text_or_empty(cli->options.state),
    };

    on_interrupt_stop();
    return list(cli, &request, cli->options.limit > 0 ? (uint64_t)cli->options.limit : 0);
}

int run_get(struct cli *cli)
{
    struct lookup request = {
        .what = thing_of_verb(),
        .id = bytes_from_text(cli->arguments[0]),
        .limit = 1,
    };
    struct arena arena = {0};
    struct rows rows;
    enum maillon_status status = role_ask(cli, "allocate", &LOOKUP, &request, &ROWS, &rows, &arena);
    if (status == MAILLON_OK && rows.rows.count == 0) {
        status = MAILLON_NOT_FOUND;
    }
    arena_deinit(&arena);
    return status == MAILLON_OK ? list(cli, &request, 1) : complain_answer(cli, status);
}

/* --- One command, answered ------------------------------------------------------------ */

static const struct message *ending_of_verb(void)
{
    static const struct message *const endings[] = {&NEED_CANCEL, &NEED_RELEASE, &OFFER_WITHDRAW,
                                                    &OFFER_RELEASE};
    char name[64];

    snprintf(name, sizeof name, "%s", running->name);
    *strchr(name, ' ') = '.';
    for (size_t i = 0; i < COUNT_OF(endings); i++) {
        if (strcmp(endings[i]->name, name) == 0) {
            return endings[i];
        }
    }
    UNREACHABLE();
}

int run_end(struct cli *cli)
{
    struct id_command command = {
        .id = bytes_from_text(cli->arguments[0]),
        .reason = text_or_empty(cli->options.reason),
    };
    return submit_one(cli, ending_of_verb(), &command);
}
