/*
 * import.c - import a folder, or put one file: every row acknowledged, quarantined or refused.
 *
 * Refused rows go to a CSV file with their line, the field, the reason and what to do. That file is
 * made when the first row is refused.
 */
#include "cli/cli.h"
#include "cli/scenario.h"

#include <stdlib.h>
#include <string.h>

#define REFUSED_DEFAULT "refused.csv"
#define SHOWN_COUNT_MAX 10

/* A row on its way, so that its answer finds the line. */
struct place {
    const char *file;
    uint64_t line;
    struct bytes text; /* Owned. */
};

struct import {
    struct cli *cli;
    struct submitter submitter;
    struct progress progress;
    struct place *places; /* By tag. */
    size_t place_count, place_capacity;
    uint64_t rows, accepted, quarantined, refused;
    FILE *refused_file;
    const char *refused_path;
    struct arena arena; /* What the row at work views. */
    struct buffer body;
    int problem; /* Exit code when something went wrong on the way. */
};

static void write_cell(FILE *file, struct bytes cell, char end)
{
    fputc('"', file);
    for (size_t i = 0; i < cell.size; i++) {
        if (cell.data[i] == '"') {
            fputc('"', file);
        }
        fputc(cell.data[i], file);
    }
    fputc('"', file);
    fputc(end, file);
}

static void write_refused(struct import *import, const struct place *place, const char *code,
                          const char *field, const char *why)
{
    import->refused++;
    if (import->refused_file == NULL) {
        import->refused_file = fopen(import->refused_path, "w");
        if (import->refused_file == NULL) {
            import->problem = complain(EXIT_STORAGE, "cannot write %s", import->refused_path);
            return;
        }
        fputs("file,line,field,code,why,row\n", import->refused_file);
    }
    fprintf(import->refused_file, "%s,%llu,%s,%s,", place->file, (unsigned long long)place->line,
            field, code);
    write_cell(import->refused_file, bytes_from_text(why), ',');
    write_cell(import->refused_file, place->text, '\n');
    if (import->refused <= SHOWN_COUNT_MAX) {
        progress_end(&import->progress);
        say(import->cli, "  %s row %llu  %s  %s", place->file, (unsigned long long)place->line,
            field[0] == '\0' ? code : field, why);
    }
}

static void release_place(struct place *place)
{
    free((void *)(uintptr_t)place->text.data);
    place->text = (struct bytes){0};
}

static void on_answer(void *context, uint64_t tag, const struct maillon_answer *answer)
{
    struct import *import = context;
    struct place *place = &import->places[tag];

    if (answer->status == MAILLON_OK) {
        import->accepted += answer->is_quarantined == 0;
        import->quarantined += answer->is_quarantined != 0;
    } else {
        write_refused(import, place, answer->code, answer->field, answer->why);
    }
    release_place(place);
    progress_set(&import->progress, import->accepted + import->quarantined + import->refused);
}

static int send_row(struct import *import, const struct scenario_row *row, uint64_t tag)
{
    import->body.size = 0;
    proto_encode(row->message, row->record, &import->body);
    return submitter_send(&import->submitter, row->message, buffer_view(&import->body), tag);
}

static int take_row(struct import *import, const struct scenario_row *row)
{
    uint8_t *copy = memory_take(row->text.size + 1, 1);

    memcpy(copy, row->text.data, row->text.size);
    GROW(import->places, import->place_capacity, import->place_count + 1);
    struct place *place = &import->places[import->place_count++];
    *place = (struct place){.file = row->file, .line = row->line, .text = {copy, row->text.size}};
    import->rows++;
    if (row->refusal != NULL) {
        write_refused(import, place, row->refusal->code, row->refusal->field, row->refusal->why);
        release_place(place);
        return import->problem;
    }
    if (import->cli->options.dry_run != 0) {
        import->accepted++;
        release_place(place);
        return import->problem;
    }
    int code = send_row(import, row, import->place_count - 1);
    return code != EXIT_DONE ? code : import->problem;
}

static int on_row(void *context, const struct scenario_row *row)
{
    struct import *import = context;
    int code = take_row(import, row);

    arena_reset(&import->arena);
    return code;
}

static struct scenario_taker taker_of(struct import *import)
{
    return (struct scenario_taker){.row = on_row, .context = import, .arena = &import->arena};
}

static void print_summary(struct import *import, uint64_t started_ms)
{
    char rows[32], accepted[32], quarantined[32], refused[32];
    uint64_t elapsed_ms = clock_ms() - started_ms;

    if (import->cli->is_json) {
        struct buffer line = {0};
        json_open(&line);
        json_uint(&line, "rows", import->rows);
        json_uint(&line, "accepted", import->accepted);
        json_uint(&line, "quarantined", import->quarantined);
        json_uint(&line, "refused", import->refused);
        json_uint(&line, "milliseconds", elapsed_ms);
        if (import->refused_file != NULL) {
            json_text(&line, "refused_file", bytes_from_text(import->refused_path));
        }
        json_close(&line);
        printf("%.*s\n", BYTES_ARGS(buffer_view(&line)));
        buffer_deinit(&line);
        return;
    }
    printf("%s rows: %s %s, %s quarantined, %s refused\n", group_digits(import->rows, rows),
           group_digits(import->accepted, accepted),
           import->cli->options.dry_run != 0 ? "fine" : "accepted",
           group_digits(import->quarantined, quarantined), group_digits(import->refused, refused));
    if (import->refused_file != NULL) {
        printf("refused rows are in %s\n", import->refused_path);
    }
}

static int open_import(struct cli *cli, struct import *import, uint64_t total)
{
    *import = (struct import){
        .cli = cli,
        .refused_path = cli->options.refused != NULL ? cli->options.refused : REFUSED_DEFAULT,
    };
    on_interrupt_stop();
    progress_start(&import->progress, cli, "import", total);
    if (cli->options.dry_run != 0) {
        return EXIT_DONE;
    }
    return submitter_open(cli, &import->submitter, on_answer, import);
}

/* Waits for the answers, tells, cleans up; gives the exit code. */
static int close_import(struct import *import, enum status status, int stopped, const char *problem,
                        uint64_t started_ms)
{
    int code = stopped;

    if (import->submitter.connection != NULL) {
        int finished = submitter_finish(&import->submitter);
        code = code != EXIT_DONE ? code : finished;
        import->problem = code; /* What is called back from here on was not answered. */
        submitter_close(&import->submitter);
    }
    progress_end(&import->progress);
    if (status != STATUS_OK) {
        code = complain(status == STATUS_NOT_FOUND ? EXIT_NOT_FOUND : EXIT_DATA, "%s", problem);
    }
    print_summary(import, started_ms);
    if (import->refused_file != NULL) {
        fclose(import->refused_file);
    }
    free(import->places);
    arena_deinit(&import->arena);
    buffer_deinit(&import->body);
    return code != EXIT_DONE ? code : import->refused > 0 ? EXIT_DATA : EXIT_DONE;
}

int run_import(struct cli *cli)
{
    struct import import;
    char problem[256] = "";
    int stopped = 0;
    uint64_t started_ms = clock_ms();
    const char *directory = cli->arguments[0];

    int code = open_import(cli, &import, scenario_count(directory));
    if (code != EXIT_DONE) {
        return code;
    }
    struct scenario_taker taker = taker_of(&import);
    enum status status = scenario_read(directory, &taker, &stopped, problem);
    return close_import(&import, status, stopped, problem, started_ms);
}

static const struct message *message_of_verb(void)
{
    char name[64];

    snprintf(name, sizeof name, "%s", running->name);
    *strchr(name, ' ') = '.';
    return message_by_name(bytes_from_text(name));
}

int run_put(struct cli *cli)
{
    struct import import;
    char problem[256] = "";
    int stopped = 0;
    uint64_t started_ms = clock_ms();

    int code = open_import(cli, &import, 0);
    if (code != EXIT_DONE) {
        return code;
    }
    struct scenario_taker taker = taker_of(&import);
    enum status status =
        scenario_read_file(cli->arguments[0], message_of_verb(), &taker, &stopped, problem);
    return close_import(&import, status, stopped, problem, started_ms);
}
