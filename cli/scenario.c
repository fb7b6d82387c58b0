/*
 * scenario.c - CSV by libcsv, cells by proto's tables.
 */
#include "cli/scenario.h"

#include "core/base/names.h"

#include <csv.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COLUMN_COUNT_MAX 64
#define CHUNK_SIZE 65536
#define RECORD_SIZE_MAX sizeof(union command)

static const struct {
    const char *file;
    const struct message *message;
} files[] = {
    {"products.csv", &PRODUCT_PUT},
    {"parties.csv", &PARTY_PUT},
    {"substitutes.csv", &SUBSTITUTE_PUT},
    {"norms.csv", &NORM_PUT},
    {"certificates.csv", &CERTIFICATE_PUT},
    {"exclusions.csv", &EXCLUSION_PUT},
    {"offers.csv", &OFFER_PUT},
    {"capacity.csv", &CAPACITY_PUT},
    {"needs.csv", &NEED_PUT},
};

struct reading {
    const char *file;
    const struct message *message;
    const struct scenario_taker *taker;
    int stopped;
    char *problem;
    bool is_header_bad;
    const struct field *columns[COLUMN_COUNT_MAX];
    size_t column_count;
    bool has_header;
    bool has_cells; /* Of the row so far. */
    size_t cell;
    uint64_t line;      /* Where the row starts. */
    uint64_t line_next; /* Where the next one does: quoted cells may hold line breaks. */
    int terminator;     /* That ended the last row; CR LF comes as two. */
    union command record;
    struct refusal refusal;
    bool is_refused;
    struct buffer text;
};

static const struct field *field_of_column(const struct message *message, struct bytes name)
{
    struct bytes suffix = bytes_from_text("_id");
    const struct field *field = proto_field(message, name);

    if (field == NULL && name.size > suffix.size &&
        bytes_equal((struct bytes){name.data + name.size - suffix.size, suffix.size}, suffix)) {
        field = proto_field(message, (struct bytes){name.data, name.size - suffix.size});
    }
    return field;
}

static void refuse_column(struct reading *reading, struct bytes name)
{
    const char *nearest = "";
    uint32_t best = 4;

    for (size_t i = 0; i < reading->message->field_count; i++) {
        const char *known = reading->message->fields[i].name;
        uint32_t distance = text_distance(bytes_from_text(known), name);
        if (distance < best) {
            best = distance;
            nearest = known;
        }
    }
    reading->is_header_bad = true;
    snprintf(reading->problem, 256, "%s: unknown column \"%.*s\"%s%s%s", reading->file,
             (int)min_u64(name.size, 64), (const char *)name.data,
             nearest[0] == '\0' ? "" : "; did you mean \"", nearest,
             nearest[0] == '\0' ? "" : "\"?");
}

static void take_column(struct reading *reading, struct bytes name)
{
    if (reading->column_count == COLUMN_COUNT_MAX) {
        reading->is_header_bad = true;
        snprintf(reading->problem, 256, "%s: more than %d columns", reading->file,
                 COLUMN_COUNT_MAX);
        return;
    }
    const struct field *field = field_of_column(reading->message, name);
    if (field == NULL) {
        refuse_column(reading, name);
        return;
    }
    for (size_t i = 0; i < reading->column_count; i++) {
        if (reading->columns[i] == field) {
            reading->is_header_bad = true;
            snprintf(reading->problem, 256, "%s: column \"%s\" is there twice", reading->file,
                     field->name);
            return;
        }
    }
    reading->columns[reading->column_count++] = field;
}

static void take_value(struct reading *reading, struct bytes cell)
{
    if (reading->cell > 0) {
        buffer_append_text(&reading->text, ",");
    }
    buffer_append(&reading->text, cell.data, cell.size);
    if (reading->cell >= reading->column_count) {
        if (!reading->is_refused && cell.size > 0) {
            reading->is_refused = true;
            reading->refusal = (struct refusal){.code = CODE_MALFORMED,
                                                .why = "more cells than the header has columns"};
        }
    } else if (!reading->is_refused &&
               proto_from_cell(reading->columns[reading->cell], cell, reading->taker->arena,
                               &reading->record, &reading->refusal) != STATUS_OK) {
        reading->is_refused = true;
    }
    reading->cell++;
}

static uint64_t count_breaks(struct bytes cell)
{
    uint64_t count = 0;

    for (size_t i = 0; i < cell.size; i++) {
        count += cell.data[i] == '\n';
    }
    return count;
}

static void on_cell(void *data, size_t size, void *context)
{
    struct reading *reading = context;
    struct bytes cell = {.data = data, .size = size};

    if (reading->stopped != 0 || reading->is_header_bad) {
        return;
    }
    reading->line_next += count_breaks(cell);
    reading->has_cells = true;
    if (!reading->has_header) {
        take_column(reading, cell);
    } else {
        take_value(reading, cell);
    }
}

static void clear_row(struct reading *reading)
{
    reading->text.size = 0;
    reading->cell = 0;
    reading->has_cells = false;
    reading->is_refused = false;
    proto_clear(reading->message, &reading->record);
}

/* Checks what only the whole record can tell, and hands the row over. */
static void finish_row(struct reading *reading)
{
    if (!reading->is_refused &&
        proto_check(reading->message, &reading->record, &reading->refusal) != STATUS_OK) {
        reading->is_refused = true;
    }
    struct scenario_row row = {
        .file = reading->file,
        .line = reading->line,
        .message = reading->message,
        .record = reading->is_refused ? NULL : &reading->record,
        .refusal = reading->is_refused ? &reading->refusal : NULL,
        .text = buffer_view(&reading->text),
    };
    reading->stopped = reading->taker->row(reading->taker->context, &row);
}

/* Also called for blank lines, so that lines are counted as an editor does. */
static void on_row(int terminator, void *context)
{
    struct reading *reading = context;
    bool is_second_half = !reading->has_cells && terminator == '\n' && reading->terminator == '\r';

    reading->terminator = is_second_half ? 0 : terminator;
    if (reading->stopped != 0 || reading->is_header_bad || is_second_half) {
        return;
    }
    reading->line_next++;
    if (reading->has_cells && reading->has_header) {
        finish_row(reading);
    }
    reading->has_header |= reading->has_cells;
    reading->line = reading->line_next;
    clear_row(reading);
}

/* The separator that the header line uses more often. */
static unsigned char find_separator(const char *bytes, size_t size)
{
    size_t commas = 0;
    size_t semicolons = 0;

    for (size_t i = 0; i < size && bytes[i] != '\n'; i++) {
        commas += bytes[i] == ',';
        semicolons += bytes[i] == ';';
    }
    return semicolons > commas ? ';' : ',';
}

static void read_csv(struct reading *reading, FILE *file, char *chunk, size_t size)
{
    struct csv_parser parser;

    ENSURE(csv_init(&parser, CSV_APPEND_NULL | CSV_REPALL_NL) == 0);
    csv_set_delim(&parser, find_separator(chunk, size));
    reading->line = reading->line_next = 1;
    clear_row(reading);
    while (size > 0 && reading->stopped == 0 && !reading->is_header_bad) {
        csv_parse(&parser, chunk, size, on_cell, on_row, reading);
        size = fread(chunk, 1, CHUNK_SIZE, file);
    }
    csv_fini(&parser, on_cell, on_row, reading);
    csv_free(&parser);
}

static void read_json_lines(struct reading *reading, FILE *file, const char *chunk, size_t size)
{
    struct buffer whole = {0};
    char *more = malloc(CHUNK_SIZE);

    ENSURE(more != NULL);
    for (; size > 0; size = fread(more, 1, CHUNK_SIZE, file), chunk = more) {
        buffer_append(&whole, chunk, size);
    }
    size_t start = 0;
    while (start < whole.size && reading->stopped == 0) {
        const uint8_t *end = memchr(whole.data + start, '\n', whole.size - start);
        size_t length = end == NULL ? whole.size - start : (size_t)(end - whole.data) - start;
        struct bytes line = {.data = whole.data + start, .size = length};
        start += length + 1;
        clear_row(reading);
        reading->line++;
        if (line.size == 0 || (line.size == 1 && line.data[0] == '\r')) {
            continue;
        }
        buffer_append(&reading->text, line.data, line.size);
        reading->is_refused = proto_from_json(reading->message, line, reading->taker->arena,
                                              &reading->record, &reading->refusal) != STATUS_OK;
        finish_row(reading);
    }
    buffer_deinit(&whole);
    free(more);
}

/* The first byte that is not blank, 0 when there is none. */
static char first_byte(const char *chunk, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (strchr(" \t\r\n", chunk[i]) == NULL) {
            return chunk[i];
        }
    }
    return '\0';
}

static void read_stream(struct reading *reading, FILE *file)
{
    char *chunk = malloc(CHUNK_SIZE);
    ENSURE(chunk != NULL);
    char *start = chunk;
    size_t size = fread(chunk, 1, CHUNK_SIZE, file);

    if (size >= 3 && memcmp(chunk, "\xef\xbb\xbf", 3) == 0) {
        start += 3;
        size -= 3;
    }
    memmove(chunk, start, size);
    if (first_byte(chunk, size) == '{') {
        read_json_lines(reading, file, chunk, size);
    } else {
        read_csv(reading, file, chunk, size);
    }
    free(chunk);
}

static enum status complain(struct reading *reading, const char *path)
{
    bool is_missing = errno == ENOENT;

    snprintf(reading->problem, 256, "%s: %s", path, strerror(errno));
    return is_missing ? STATUS_NOT_FOUND : STATUS_IO;
}

static enum status read_file(const char *path, struct reading *reading)
{
    bool is_standard = strcmp(path, "-") == 0;
    FILE *file = is_standard ? stdin : fopen(path, "rb");
    enum status status = STATUS_OK;

    if (file == NULL) {
        return complain(reading, path);
    }
    errno = 0;
    read_stream(reading, file);
    if (reading->is_header_bad) {
        status = STATUS_INVALID;
    } else if (ferror(file) != 0) {
        status = complain(reading, path);
    }
    if (!is_standard) {
        fclose(file);
    }
    buffer_deinit(&reading->text);
    return status;
}

enum status scenario_read_file(const char *path, const struct message *message,
                               const struct scenario_taker *taker, int *stopped, char problem[256])
{
    struct reading reading = {.file = path, .message = message, .taker = taker, .problem = problem};
    enum status status = read_file(path, &reading);

    *stopped = reading.stopped;
    return status;
}

enum status scenario_read(const char *directory, const struct scenario_taker *taker, int *stopped,
                          char problem[256])
{
    char path[4096];
    size_t found = 0;

    *stopped = 0;
    for (size_t i = 0; i < COUNT_OF(files) && *stopped == 0; i++) {
        snprintf(path, sizeof path, "%s/%s", directory, files[i].file);
        struct reading reading = {
            .file = files[i].file,
            .message = files[i].message,
            .taker = taker,
            .problem = problem,
        };
        enum status status = read_file(path, &reading);
        *stopped = reading.stopped;
        if (status != STATUS_OK && status != STATUS_NOT_FOUND) {
            return status;
        }
        found += status == STATUS_OK;
    }
    if (found == 0) {
        snprintf(problem, 256, "%s: no products.csv, needs.csv or other file of a scenario in it",
                 directory);
        return STATUS_NOT_FOUND;
    }
    return STATUS_OK;
}

static uint64_t count_lines(const char *path)
{
    char chunk[CHUNK_SIZE];
    uint64_t lines = 0;
    size_t size = 0;
    FILE *file = fopen(path, "rb");

    if (file == NULL) {
        return 0;
    }
    while ((size = fread(chunk, 1, sizeof chunk, file)) > 0) {
        for (size_t i = 0; i < size; i++) {
            lines += chunk[i] == '\n';
        }
    }
    fclose(file);
    return lines > 0 ? lines - 1 : 0;
}

uint64_t scenario_count(const char *directory)
{
    char path[4096];
    uint64_t count = 0;

    for (size_t i = 0; i < COUNT_OF(files); i++) {
        snprintf(path, sizeof path, "%s/%s", directory, files[i].file);
        count += count_lines(path);
    }
    return count;
}
