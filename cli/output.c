/*
 * output.c - talk, progress, tables, JSON lines.
 */
#include "cli/cli.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PROGRESS_DELAY_MS 500
#define PROGRESS_STEP_MS 100
#define BAR_WIDTH 30

void say(const struct cli *cli, const char *format, ...)
{
    va_list arguments;

    if (cli->options.quiet != 0) {
        return;
    }
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
}

int complain(int exit_code, const char *format, ...)
{
    va_list arguments;

    fputs("maillon: ", stderr);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    return exit_code;
}

struct bytes decimal(uint64_t number, bool is_negative, char room[DECIMAL_SIZE])
{
    size_t first = DECIMAL_SIZE;

    do {
        room[--first] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    if (is_negative) {
        room[--first] = '-';
    }
    return (struct bytes){.data = (const uint8_t *)room + first, .size = DECIMAL_SIZE - first};
}

const char *group_digits(uint64_t number, char text[32])
{
    char room[DECIMAL_SIZE];
    struct bytes digits = decimal(number, false, room);
    char *at = text;

    for (size_t i = 0; i < digits.size; i++) {
        if (i > 0 && (digits.size - i) % 3 == 0) {
            *at++ = ' ';
        }
        *at++ = (char)digits.data[i];
    }
    *at = '\0';
    return text;
}

/* The library's statuses are the exit codes already. */
int exit_of(enum maillon_status status)
{
    return (int)status;
}

uint64_t clock_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void progress_start(struct progress *progress, const struct cli *cli, const char *what,
                    uint64_t total)
{
    *progress =
        (struct progress){.cli = cli, .what = what, .total = total, .started_ms = clock_ms()};
}

void progress_set(struct progress *progress, uint64_t done)
{
    uint64_t now = clock_ms();
    char bar[BAR_WIDTH + 1];
    char count[32];

    progress->done = done;
    if (!progress->cli->is_terminal || progress->cli->options.quiet != 0 ||
        now < progress->started_ms + PROGRESS_DELAY_MS ||
        now < progress->shown_ms + PROGRESS_STEP_MS) {
        return;
    }
    size_t filled = progress->total == 0
                        ? 0
                        : (size_t)(min_u64(done, progress->total) * BAR_WIDTH / progress->total);
    memset(bar, '.', BAR_WIDTH);
    memset(bar, '#', filled);
    bar[BAR_WIDTH] = '\0';
    uint64_t rate = done * 1000 / (now - progress->started_ms);
    uint64_t left_s = rate == 0 || done >= progress->total ? 0 : (progress->total - done) / rate;
    fprintf(stderr, "\r%s [%s] %s  %llu/s  %llu s left ", progress->what, bar,
            group_digits(done, count), (unsigned long long)rate, (unsigned long long)left_s);
    fflush(stderr);
    progress->shown_ms = now;
}

void progress_end(struct progress *progress)
{
    if (progress->shown_ms != 0) {
        fputs("\r\033[K", stderr);
        fflush(stderr);
    }
}

void table_cell(struct table *table, const char *format, ...)
{
    char cell[512];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(cell, sizeof cell, format, arguments);
    va_end(arguments);
    buffer_append(&table->cells, cell, strlen(cell) + 1);
    table->cell_count++;
}

static size_t width_of(const char *text)
{
    size_t width = 0;

    for (; *text != '\0'; text++) {
        width += ((unsigned char)*text & 0xc0) != 0x80; /* Not the inside of a UTF-8 character. */
    }
    return width;
}

static bool is_number(const char *text)
{
    return *text != '\0' && text[strspn(text, "0123456789 .%-")] == '\0';
}

void table_print(struct table *table)
{
    size_t *widths = memory_take(table->column_count, sizeof *widths);
    const char *cell = (const char *)table->cells.data;

    for (size_t i = 0; i < table->cell_count; i++, cell += strlen(cell) + 1) {
        size_t column = i % table->column_count;
        size_t width = width_of(cell);
        widths[column] = width > widths[column] ? width : widths[column];
    }
    cell = (const char *)table->cells.data;
    for (size_t i = 0; i < table->cell_count; i++, cell += strlen(cell) + 1) {
        size_t column = i % table->column_count;
        int padding = (int)(widths[column] - width_of(cell));
        bool is_last = column + 1 == table->column_count;
        if (is_number(cell)) {
            printf("%*s%s", padding, "", cell);
        } else {
            printf("%s%*s", cell, is_last ? 0 : padding, "");
        }
        fputs(is_last ? "\n" : "  ", stdout);
    }
    free(widths);
    buffer_deinit(&table->cells);
    table->cell_count = 0;
}

void json_open(struct buffer *target)
{
    buffer_append_text(target, "{");
}

static void json_key(struct buffer *target, const char *key)
{
    bool is_first = target->data[target->size - 1] == '{';
    size_t size = strlen(key);
    uint8_t *at = buffer_extend(target, size + (is_first ? 3 : 4));

    if (!is_first) {
        *at++ = ',';
    }
    at[0] = '"';
    memcpy(at + 1, key, size);
    at[size + 1] = '"';
    at[size + 2] = ':';
}

void json_raw(struct buffer *target, const char *key, struct bytes value)
{
    json_key(target, key);
    buffer_append(target, value.data, value.size);
}

void json_uint(struct buffer *target, const char *key, uint64_t value)
{
    char room[DECIMAL_SIZE];

    json_raw(target, key, decimal(value, false, room));
}

static bool is_plain(uint8_t byte)
{
    return byte >= 0x20 && byte != '"' && byte != '\\';
}

static void append_escaped(struct buffer *target, uint8_t byte)
{
    if (byte < 0x20) {
        buffer_format(target, "\\u%04x", byte);
    } else {
        const uint8_t escaped[] = {'\\', byte};
        buffer_append(target, escaped, sizeof escaped);
    }
}

void json_text(struct buffer *target, const char *key, struct bytes value)
{
    size_t first = 0;

    json_key(target, key);
    buffer_append_text(target, "\"");
    while (first < value.size) {
        size_t end = first;
        while (end < value.size && is_plain(value.data[end])) {
            end++;
        }
        buffer_append(target, value.data + first, end - first);
        if (end < value.size) {
            append_escaped(target, value.data[end++]);
        }
        first = end;
    }
    buffer_append_text(target, "\"");
}

void json_close(struct buffer *target)
{
    buffer_append_text(target, "}");
}
