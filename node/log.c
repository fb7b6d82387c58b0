/*
 * log.c - lines into a buffer on the stack, one write each.
 *
 * Repeats are held back by a small table: a message's address picks its slot, and a
 * message that meets another one's slot takes it over. The worst case is a line too many.
 */
#include "node/log.h"

#include "core/base/calendar.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SLOT_COUNT 64
#define WINDOW_MS 1000
#define TAIL_SIZE 8  /* Room kept for what ends a line. */
#define PAIR_SIZE 32 /* A number, and what stands around a key. */

struct slot {
    const char *message;
    uint64_t window_ms; /* When the present second began. */
    uint32_t count;     /* Lines that passed in it. */
    uint64_t held_back;
};

static struct {
    const char *role;
    enum log_level level;
    enum log_format format;
    bool has_priority;
} settings = {.level = LEVEL_INFO};

static struct slot slots[SLOT_COUNT];

static const char *const LEVEL_NAMES[] = {"debug", "info", "warn", "error"};
static const char LEVEL_PRIORITIES[] = {'7', '6', '4', '3'}; /* Of syslog. */

void log_init(const char *role, enum log_level level, enum log_format format)
{
    settings.role = role;
    settings.level = level;
    settings.format = format;
    settings.has_priority = getenv("JOURNAL_STREAM") != NULL;
}

void log_set_level(enum log_level level)
{
    settings.level = level;
}

enum status log_level_from_text(const char *text, enum log_level *level)
{
    for (size_t i = 0; i < COUNT_OF(LEVEL_NAMES); i++) {
        if (strcmp(text, LEVEL_NAMES[i]) == 0) {
            *level = (enum log_level)i;
            return STATUS_OK;
        }
    }
    return STATUS_INVALID;
}

enum status log_format_from_text(const char *text, enum log_format *format)
{
    if (strcmp(text, "logfmt") == 0) {
        *format = FORMAT_LOGFMT;
        return STATUS_OK;
    }
    if (strcmp(text, "json") == 0) {
        *format = FORMAT_JSON;
        return STATUS_OK;
    }
    return STATUS_INVALID;
}

/* A line that grows up to its limit; what does not fit is left out. */
struct line {
    char *text;
    size_t size;
    enum log_format format;
};

/* Closing quotes may reach into the tail. */
static size_t room(const struct line *line)
{
    size_t size_max = LOG_LINE_SIZE_MAX - TAIL_SIZE;
    return line->size < size_max ? size_max - line->size : 0;
}

static bool add(struct line *line, const char *data, size_t size)
{
    if (size > room(line)) {
        return false;
    }
    memcpy(line->text + line->size, data, size);
    line->size += size;
    return true;
}

static bool add_text(struct line *line, const char *text)
{
    return add(line, text, strlen(text));
}

/* Escapes as JSON does, which logfmt readers understand too. */
static void add_quoted(struct line *line, struct bytes text)
{
    bool fits = add(line, "\"", 1);

    for (size_t i = 0; i < text.size && fits; i++) {
        char character = (char)text.data[i];
        char escaped[8] = {character};
        if (character == '"' || character == '\\') {
            snprintf(escaped, sizeof escaped, "\\%c", character);
        } else if (text.data[i] < 0x20 || text.data[i] == 0x7f) {
            snprintf(escaped, sizeof escaped, "\\u%04x", text.data[i]);
        }
        fits = add_text(line, escaped);
    }
    line->text[line->size++] = '"'; /* The tail has room for it. */
}

static bool is_plain(struct bytes text)
{
    for (size_t i = 0; i < text.size; i++) {
        uint8_t character = text.data[i];
        if (character <= ' ' || character == '"' || character == '=' || character == '\\' ||
            character >= 0x7f) {
            return false;
        }
    }
    return text.size > 0;
}

static void add_key(struct line *line, const char *key)
{
    bool is_first =
        line->size == 0 || line->text[line->size - 1] == '{' || line->text[line->size - 1] == '>';

    if (line->format == FORMAT_JSON) {
        add_text(line, is_first ? "\"" : ",\"");
        add_text(line, key);
        add_text(line, "\":");
    } else {
        add_text(line, is_first ? "" : " ");
        add_text(line, key);
        add_text(line, "=");
    }
}

/* A pair that does not fit as a whole but for a cut text is left out. */
static bool has_room(const struct line *line, const char *key)
{
    return strlen(key) + PAIR_SIZE < room(line);
}

static void add_text_pair(struct line *line, const char *key, struct bytes text)
{
    if (!has_room(line, key)) {
        return;
    }
    add_key(line, key);
    if (line->format == FORMAT_LOGFMT && is_plain(text) &&
        add(line, (const char *)text.data, text.size)) {
        return;
    }
    add_quoted(line, text);
}

static void add_number_pair(struct line *line, const char *key, bool is_signed, uint64_t number)
{
    char text[24];

    if (!has_room(line, key)) {
        return;
    }
    add_key(line, key);
    if (is_signed) {
        snprintf(text, sizeof text, "%" PRId64, (int64_t)number);
    } else {
        snprintf(text, sizeof text, "%" PRIu64, number);
    }
    add_text(line, text);
}

static void add_field(struct line *line, const struct log_field *field)
{
    switch (field->type) {
    case LOG_FIELD_UINT:
        add_number_pair(line, field->key, false, field->number);
        return;
    case LOG_FIELD_INT:
        add_number_pair(line, field->key, true, field->number);
        return;
    case LOG_FIELD_TEXT:
        add_text_pair(line, field->key, field->text);
        return;
    }
    UNREACHABLE();
}

size_t log_render(const struct log_line *source, char text[LOG_LINE_SIZE_MAX])
{
    struct line line = {.text = text, .format = source->format};
    char time_text[TIME_TEXT_SIZE + 1];

    if (source->has_priority) {
        char priority[] = {'<', LEVEL_PRIORITIES[source->level], '>'};
        add(&line, priority, sizeof priority);
    }
    if (source->format == FORMAT_JSON) {
        add_text(&line, "{");
    }
    time_to_text(source->time_ms, time_text);
    add_text_pair(&line, "time", bytes_from_text(time_text));
    add_text_pair(&line, "level", bytes_from_text(LEVEL_NAMES[source->level]));
    if (source->role != NULL) {
        add_text_pair(&line, "role", bytes_from_text(source->role));
    }
    add_key(&line, "msg");
    add_quoted(&line, bytes_from_text(source->message));
    for (const struct log_field *field = source->fields; field->key != NULL; field++) {
        add_field(&line, field);
    }
    if (source->held_back > 0) {
        add_number_pair(&line, "held_back", false, source->held_back);
    }
    if (source->format == FORMAT_JSON) {
        text[line.size++] = '}';
    }
    text[line.size++] = '\n';
    return line.size;
}

bool log_passes(const char *message, uint64_t time_ms, uint64_t *held_back)
{
    struct slot *slot = &slots[hash_u64((uint64_t)(uintptr_t)message) % SLOT_COUNT];

    if (slot->message != message) {
        *slot = (struct slot){.message = message, .window_ms = time_ms};
    }
    if (time_ms - slot->window_ms >= WINDOW_MS) {
        slot->window_ms = time_ms;
        slot->count = 0;
    }
    if (slot->count == LOG_REPEATS_MAX) {
        slot->held_back++;
        return false;
    }
    slot->count++;
    *held_back = slot->held_back;
    slot->held_back = 0;
    return true;
}

static uint64_t clock_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void log_write(enum log_level level, const char *message, const struct log_field *fields)
{
    char text[LOG_LINE_SIZE_MAX];
    struct log_line line = {
        .level = level,
        .format = settings.format,
        .role = settings.role,
        .message = message,
        .fields = fields,
        .has_priority = settings.has_priority,
    };

    if (level < settings.level) {
        return;
    }
    line.time_ms = clock_ms();
    if (log_passes(message, line.time_ms, &line.held_back)) {
        /* A log that cannot be written is no reason to stop. */
        ssize_t ignored = write(STDERR_FILENO, text, log_render(&line, text));
        (void)ignored;
    }
}
