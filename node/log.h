/*
 * log.h - what operators read: one line an event on standard error.
 *
 *     log_warn("commit is slow", LOG_UINT("seq", seq), LOG_TEXT("path", path));
 *
 * gives, as logfmt or as JSON,
 *
 *     time=2026-03-01T10:00:00.000Z level=warn role=gateway msg="commit is slow" seq=7 path=x
 *
 * A message is a fixed text: what varies is in the fields. The same message more than
 * LOG_REPEATS_MAX times in a second is held back, and the next line that passes says how
 * many were. Nothing is allocated. Only the loop's thread logs.
 */
#ifndef NODE_LOG_H
#define NODE_LOG_H

#include "core/base/base.h"

#define LOG_REPEATS_MAX 10
#define LOG_LINE_SIZE_MAX 2048 /* What is longer is cut. */

enum log_level {
    LEVEL_DEBUG,
    LEVEL_INFO,
    LEVEL_WARN,
    LEVEL_ERROR,
};

enum log_format {
    FORMAT_LOGFMT,
    FORMAT_JSON,
};

struct log_field {
    const char *key; /* NULL: the last. */
    enum {
        LOG_FIELD_UINT,
        LOG_FIELD_INT,
        LOG_FIELD_TEXT,
    } type;
    uint64_t number;
    struct bytes text;
};

#define LOG_UINT(name, value)                                                                      \
    ((struct log_field){.key = (name), .type = LOG_FIELD_UINT, .number = (uint64_t)(value)})
#define LOG_INT(name, value)                                                                       \
    ((struct log_field){.key = (name), .type = LOG_FIELD_INT, .number = (uint64_t)(value)})
#define LOG_TEXT(name, value)                                                                      \
    ((struct log_field){.key = (name), .type = LOG_FIELD_TEXT, .text = bytes_from_text(value)})
#define LOG_BYTES(name, value)                                                                     \
    ((struct log_field){.key = (name), .type = LOG_FIELD_TEXT, .text = (value)})
#define LOG_STATUS(value) LOG_TEXT("status", status_name(value))

#define LOG_AT(level, message, ...)                                                                \
    log_write((level), (message), (const struct log_field[]){__VA_ARGS__})
#define LOG_LAST ((struct log_field){.key = NULL})
#define log_debug(...) LOG_AT(LEVEL_DEBUG, __VA_ARGS__, LOG_LAST)
#define log_info(...) LOG_AT(LEVEL_INFO, __VA_ARGS__, LOG_LAST)
#define log_warn(...) LOG_AT(LEVEL_WARN, __VA_ARGS__, LOG_LAST)
#define log_error(...) LOG_AT(LEVEL_ERROR, __VA_ARGS__, LOG_LAST)

/* How this process logs, from here on. `role` is borrowed for good. Before the first call:
 * level info, logfmt, no role. Under systemd each line starts with its priority, "<4>". */
void log_init(const char *role, enum log_level level, enum log_format format);
void log_set_level(enum log_level level);

/* "debug", "info", "warn", "error"; "logfmt", "json". STATUS_INVALID else. */
MUST_USE enum status log_level_from_text(const char *text, enum log_level *level);
MUST_USE enum status log_format_from_text(const char *text, enum log_format *format);

/* `message` is a literal. `fields` end with one that has no key. */
void log_write(enum log_level level, const char *message, const struct log_field *fields);

/* One line as log_write would write it, with its newline; returns its size. For tests, too. */
struct log_line {
    enum log_level level;
    enum log_format format;
    uint64_t time_ms;
    const char *role; /* NULL for none. */
    const char *message;
    const struct log_field *fields;
    uint64_t held_back; /* Lines with the same message that were left out before it. */
    bool has_priority;
};
size_t log_render(const struct log_line *source, char text[LOG_LINE_SIZE_MAX]);

/* True when a line with this message may go at `time_ms`; then `*held_back` tells how many did
 * not since the last one that did. */
bool log_passes(const char *message, uint64_t time_ms, uint64_t *held_back);

#endif
