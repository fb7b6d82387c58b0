/*
 * key.c - keys of people and programs.
 */
#include "cli/cli.h"
#include "identity/identity.h"

#include <string.h>
#include <time.h>

#define WEEK_MS ((uint64_t)7 * DAY_MS)
#define PAGE 256

static void tell_key(const struct cli *cli, const char *path, const char *text)
{
    if (cli->is_json) {
        struct buffer line = {0};
        json_open(&line);
        json_text(&line, "file", bytes_from_text(path));
        json_text(&line, "public", bytes_from_text(text));
        json_close(&line);
        printf("%.*s\n", BYTES_ARGS(buffer_view(&line)));
        buffer_deinit(&line);
    } else {
        printf("%s\n", text);
    }
    say(cli, "keep %s to yourself; have %s.pub registered by an admin", path, path);
}

int run_key_new(struct cli *cli)
{
    const char *path = cli->arguments[0];
    char problem[IDENTITY_PROBLEM_SIZE] = "";
    char text[IDENTITY_TEXT_SIZE];
    struct identity *identity = NULL;

    if (identity_make(&identity) != STATUS_OK) {
        return complain(EXIT_STORAGE, "no memory for a key");
    }
    identity_text(identity_public(identity), text);
    enum status status = identity_write(identity, path, problem);
    identity_close(identity);
    if (status != STATUS_OK) {
        return complain(status == STATUS_EXISTS ? EXIT_NO : EXIT_STORAGE, "%s", problem);
    }
    tell_key(cli, path, text);
    return EXIT_DONE;
}

/* --- Commands -------------------------------------------------------------------------- */

/* A key given as text or as a file. */
static int read_key(const char *given, char text[IDENTITY_TEXT_SIZE])
{
    char problem[IDENTITY_PROBLEM_SIZE] = "";
    uint8_t key[IDENTITY_KEY_SIZE];

    if (identity_read_public(given, key, problem) != STATUS_OK) {
        return complain(EXIT_DATA, "%s", problem);
    }
    identity_text(key, text);
    return EXIT_DONE;
}

/* What an option says about a field; a text that is not given leaves it alone. */
static int read_option(const struct message *message, const char *name, const char *value,
                       struct arena *arena, void *record)
{
    const struct field *field = proto_field(message, bytes_from_text(name));

    ENSURE(field != NULL);
    if (value != NULL && proto_from_cell(field, bytes_from_text(value), arena, record,
                                         &(struct refusal){0}) != STATUS_OK) {
        return complain(EXIT_USAGE, "--%s cannot be \"%s\"", name, value);
    }
    return EXIT_DONE;
}

static int register_key(struct cli *cli, const char *text, struct arena *arena)
{
    struct key_register command;

    proto_clear(&KEY_REGISTER, &command);
    command.key = bytes_from_text(text);
    int code = read_option(&KEY_REGISTER, "party", cli->options.party, arena, &command);
    if (code == EXIT_DONE) {
        code = read_option(&KEY_REGISTER, "roles", cli->options.roles, arena, &command);
    }
    if (code == EXIT_DONE) {
        code = read_option(&KEY_REGISTER, "from", cli->options.from, arena, &command);
    }
    if (code == EXIT_DONE) {
        code = read_option(&KEY_REGISTER, "to", cli->options.to, arena, &command);
    }
    return code == EXIT_DONE ? submit_one(cli, &KEY_REGISTER, &command) : code;
}

static int rotate_key(struct cli *cli, const char *text, struct arena *arena)
{
    struct key_rotate command = {
        .key = bytes_from_text(text),
        .until = (uint64_t)time(NULL) * 1000 + WEEK_MS,
    };
    char next[IDENTITY_TEXT_SIZE];
    int code = read_key(cli->arguments[1], next);

    command.next = bytes_from_text(next);
    if (code == EXIT_DONE) {
        code = read_option(&KEY_ROTATE, "until", cli->options.until, arena, &command);
    }
    return code == EXIT_DONE ? submit_one(cli, &KEY_ROTATE, &command) : code;
}

int run_key_command(struct cli *cli)
{
    const char *what = strchr(running->name, ' ') + 1;
    char text[IDENTITY_TEXT_SIZE];
    struct arena arena = {0};
    int code = read_key(cli->arguments[0], text);

    if (code != EXIT_DONE) {
        return code;
    }
    if (strcmp(what, "register") == 0) {
        code = register_key(cli, text, &arena);
    } else if (strcmp(what, "rotate") == 0) {
        code = rotate_key(cli, text, &arena);
    } else if (strcmp(what, "confirm") == 0) {
        code = submit_one(cli, &KEY_CONFIRM, &(struct key_confirm){.key = bytes_from_text(text)});
    } else {
        const char *reason = cli->options.reason == NULL ? "" : cli->options.reason;
        code = submit_one(
            cli, &KEY_REVOKE,
            &(struct key_revoke){.key = bytes_from_text(text), .reason = bytes_from_text(reason)});
    }
    arena_deinit(&arena);
    return code;
}

/* --- List ------------------------------------------------------------------------------ */

static void time_cell(uint64_t time_ms, struct table *table)
{
    char day[DAY_TEXT_SIZE + 1] = "";

    if (time_ms != TIME_NONE) {
        day_to_text((int32_t)(time_ms / DAY_MS), day);
    }
    table_cell(table, "%s", day);
}

static void roles_cell(uint64_t roles, struct table *table)
{
    struct buffer text = {0};

    for (const struct choice *choice = ROLE_CHOICES; choice->name != NULL; choice++) {
        if ((roles & choice->value) != 0) {
            buffer_format(&text, "%s%s", text.size == 0 ? "" : "|", choice->name);
        }
    }
    table_cell(table, "%.*s", BYTES_ARGS(buffer_view(&text)));
    buffer_deinit(&text);
}

static void show_key(struct cli *cli, struct bytes value, struct table *table, struct arena *arena)
{
    struct buffer line = {0};
    struct refusal refusal;
    struct key_row row;

    if (proto_decode(&KEY_ROW, value, arena, &row, &refusal) != STATUS_OK) {
        return;
    }
    if (cli->is_json) {
        proto_to_json(&KEY_ROW, &row, &line);
        printf("%.*s\n", BYTES_ARGS(buffer_view(&line)));
        buffer_deinit(&line);
        return;
    }
    table_cell(table, "%.*s", BYTES_ARGS(row.key));
    table_cell(table, "%.*s", BYTES_ARGS(row.state));
    table_cell(table, "%.*s", BYTES_ARGS(row.party));
    roles_cell(row.roles, table);
    time_cell(row.from, table);
    time_cell(row.to, table);
}

static struct bytes text_or_empty(const char *text)
{
    return text == NULL ? (struct bytes){0} : bytes_from_text(text);
}

int run_key_list(struct cli *cli)
{
    static const char *const heads[] = {"key", "state", "party", "roles", "from", "to"};
    struct lookup request = {.what = bytes_from_text("key"),
                             .party = text_or_empty(cli->options.party),
                             .state = text_or_empty(cli->options.state)};
    uint64_t left = cli->options.limit > 0 ? (uint64_t)cli->options.limit : UINT64_MAX;
    enum maillon_status status = MAILLON_OK;
    struct table table = {.column_count = COUNT_OF(heads)};
    struct arena arena = {0};
    struct rows rows = {0};

    for (size_t i = 0; i < COUNT_OF(heads); i++) {
        table_cell(&table, "%s", heads[i]);
    }
    do {
        request.limit = min_u64(PAGE, left);
        status = role_ask(cli, "gateway", &LOOKUP, &request, &ROWS, &rows, &arena);
        const struct raw_item *items = rows.rows.items;
        for (size_t i = 0; status == MAILLON_OK && i < rows.rows.count; i++) {
            show_key(cli, items[i].value, &table, &arena);
        }
        left -= status == MAILLON_OK ? rows.rows.count : 0;
        request.from = rows.next;
        arena_reset(&arena);
    } while (status == MAILLON_OK && rows.next != 0 && left > 0);
    if (status == MAILLON_OK && !cli->is_json) {
        table_print(&table);
    }
    buffer_deinit(&table.cells);
    arena_deinit(&arena);
    return status == MAILLON_OK
               ? EXIT_DONE
               : complain(exit_of(status), "the gateway in \"%s\" does not answer: %s", cli->data,
                          maillon_status_name(status));
}
