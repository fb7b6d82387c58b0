/*
 * field.c - checks and stores the values of fields.
 */
#include "proto/field.h"

#include "proto/text.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define HEXADECIMAL_SIZE_MAX ((size_t)2 * MESSAGE_SIZE_MAX)

enum status refuse(struct refusal *refusal, const char *code, const char *field, const char *why,
                   ...)
{
    va_list arguments;

    refusal->code = code;
    snprintf(refusal->field, sizeof refusal->field, "%s", field);
    va_start(arguments, why);
    vsnprintf(refusal->why, sizeof refusal->why, why, arguments);
    va_end(arguments);
    text_make_plain(refusal->field);
    text_make_plain(refusal->why);
    return strcmp(code, CODE_MALFORMED) == 0 ? STATUS_MALFORMED : STATUS_INVALID;
}

void refusal_enter(struct refusal *refusal, const char *list, size_t index)
{
    char inner[sizeof refusal->field];

    memcpy(inner, refusal->field, sizeof inner);
    snprintf(refusal->field, sizeof refusal->field, "%.30s[%zu]%s%.*s", list, index,
             inner[0] == '\0' ? "" : ".", (int)(sizeof inner - 56), inner);
    text_make_plain(refusal->field);
}

const char *field_type_name(enum field_type type)
{
    switch (type) {
    case FIELD_UINT:
        return "unsigned integer";
    case FIELD_INT:
        return "integer";
    case FIELD_BOOL:
        return "boolean";
    case FIELD_TEXT:
        return "text";
    case FIELD_BIN:
        return "binary";
    case FIELD_DAY:
        return "day";
    case FIELD_TIME:
        return "time";
    case FIELD_DEGREES:
        return "degrees";
    case FIELD_CHOICE:
        return "choice";
    case FIELD_SET:
        return "set";
    case FIELD_RAW:
        return "map";
    case FIELD_UINTS:
        return "list of unsigned integers";
    case FIELD_LIST:
        return "list";
    }
    UNREACHABLE();
}

enum status refuse_type(struct refusal *refusal, const struct field *field)
{
    return refuse(refusal, CODE_TYPE, field->name, "has another type than %s",
                  field_type_name(field->type));
}

enum status refuse_missing(struct refusal *refusal, const struct field *field)
{
    return refuse(refusal, CODE_MISSING, field->name, "is required");
}

/* "a, b, c" of the choices. */
static void list_choices(const struct choice *choices, const char *lead, const char *tail,
                         char text[BOUNDS_TEXT_SIZE])
{
    int size = snprintf(text, BOUNDS_TEXT_SIZE, "%s", lead);

    for (const struct choice *choice = choices; choice->name != NULL; choice++) {
        ENSURE(size < BOUNDS_TEXT_SIZE);
        size += snprintf(text + size, BOUNDS_TEXT_SIZE - (size_t)size, "%s%s",
                         choice == choices ? "" : ", ", choice->name);
    }
    ENSURE(size < BOUNDS_TEXT_SIZE);
    snprintf(text + size, BOUNDS_TEXT_SIZE - (size_t)size, "%s", tail);
}

static void count_bounds(const struct field *field, const char *unit, char text[BOUNDS_TEXT_SIZE])
{
    if (field->min == field->max) {
        snprintf(text, BOUNDS_TEXT_SIZE, "%" PRId64 " %s", field->max, unit);
    } else if (field->min == 0) {
        snprintf(text, BOUNDS_TEXT_SIZE, "at most %" PRId64 " %s", field->max, unit);
    } else {
        snprintf(text, BOUNDS_TEXT_SIZE, "%" PRId64 " to %" PRId64 " %s", field->min, field->max,
                 unit);
    }
}

static void day_bounds(const struct field *field, char text[BOUNDS_TEXT_SIZE])
{
    char first[DAY_TEXT_SIZE + 1];
    char last[DAY_TEXT_SIZE + 1];

    day_to_text((int32_t)field->min, first);
    day_to_text((int32_t)field->max, last);
    snprintf(text, BOUNDS_TEXT_SIZE, "%s to %s", first, last);
}

void field_bounds(const struct field *field, char text[BOUNDS_TEXT_SIZE])
{
    switch (field->type) {
    case FIELD_UINT:
    case FIELD_INT:
        if (field->max == INT64_MAX) {
            snprintf(text, BOUNDS_TEXT_SIZE, "at least %" PRId64, field->min);
        } else {
            snprintf(text, BOUNDS_TEXT_SIZE, "%" PRId64 " to %" PRId64, field->min, field->max);
        }
        return;
    case FIELD_BOOL:
        snprintf(text, BOUNDS_TEXT_SIZE, "true or false");
        return;
    case FIELD_TEXT:
        count_bounds(field, "bytes of text", text);
        return;
    case FIELD_BIN:
    case FIELD_RAW:
        count_bounds(field, "bytes", text);
        return;
    case FIELD_DAY:
        day_bounds(field, text);
        return;
    case FIELD_TIME:
        snprintf(text, BOUNDS_TEXT_SIZE, "1970 to 9999");
        return;
    case FIELD_DEGREES:
        snprintf(text, BOUNDS_TEXT_SIZE, "%" PRId64 " to %" PRId64, field->min / 1000000,
                 field->max / 1000000);
        return;
    case FIELD_CHOICE:
        list_choices(field->choices, "one of ", "", text);
        return;
    case FIELD_SET:
        list_choices(field->choices, "some of ", ", joined by |", text);
        return;
    case FIELD_UINTS:
    case FIELD_LIST:
        count_bounds(field, "items", text);
        return;
    }
    UNREACHABLE();
}

COLD static enum status refuse_bounds(struct refusal *refusal, const char *code,
                                      const struct field *field)
{
    char bounds[BOUNDS_TEXT_SIZE];

    field_bounds(field, bounds);
    return refuse(refusal, code, field->name, "must be %s", bounds);
}

static struct bytes absent_bytes(const struct field *field)
{
    return field->absent_text == NULL ? (struct bytes){0} : bytes_from_text(field->absent_text);
}

void field_clear(const struct field *field, void *record)
{
    void *slot = field_slot(field, record);

    switch (field->type) {
    case FIELD_UINT:
    case FIELD_TIME:
    case FIELD_CHOICE:
    case FIELD_SET:
        *(uint64_t *)slot = (uint64_t)field->absent;
        return;
    case FIELD_INT:
    case FIELD_DAY:
    case FIELD_DEGREES:
        *(int64_t *)slot = field->absent;
        return;
    case FIELD_BOOL:
        *(bool *)slot = field->absent != 0;
        return;
    case FIELD_TEXT:
    case FIELD_BIN:
    case FIELD_RAW:
        *(struct bytes *)slot = absent_bytes(field);
        return;
    case FIELD_UINTS:
        *(struct uint_list *)slot = (struct uint_list){0};
        return;
    case FIELD_LIST:
        *(struct record_list *)slot = (struct record_list){0};
        return;
    }
    UNREACHABLE();
}

bool field_is_absent(const struct field *field, const void *record)
{
    const void *value = field_value(field, record);

    switch (field->type) {
    case FIELD_UINT:
    case FIELD_TIME:
    case FIELD_CHOICE:
    case FIELD_SET:
        return *(const uint64_t *)value == (uint64_t)field->absent;
    case FIELD_INT:
    case FIELD_DAY:
    case FIELD_DEGREES:
        return *(const int64_t *)value == field->absent;
    case FIELD_BOOL:
        return *(const bool *)value == (field->absent != 0);
    case FIELD_TEXT:
    case FIELD_BIN:
    case FIELD_RAW:
        if (field->absent_text == NULL) {
            return ((const struct bytes *)value)->size == 0;
        }
        return bytes_equal(*(const struct bytes *)value, bytes_from_text(field->absent_text));
    case FIELD_UINTS:
        return ((const struct uint_list *)value)->count == 0;
    case FIELD_LIST:
        return ((const struct record_list *)value)->count == 0;
    }
    UNREACHABLE();
}

static bool is_uint_within(const struct field *field, uint64_t value)
{
    return value >= (uint64_t)field->min &&
           (value <= (uint64_t)field->max || field->max == INT64_MAX);
}

static bool is_int_within(const struct field *field, int64_t value)
{
    return value >= field->min && value <= field->max;
}

enum status field_set_uint(const struct field *field, uint64_t value, void *record,
                           struct refusal *refusal)
{
    if (!is_uint_within(field, value)) {
        return refuse_bounds(refusal, CODE_RANGE, field);
    }
    *(uint64_t *)field_slot(field, record) = value;
    return STATUS_OK;
}

enum status field_set_int(const struct field *field, int64_t value, void *record,
                          struct refusal *refusal)
{
    if (!is_int_within(field, value)) {
        return refuse_bounds(refusal, CODE_RANGE, field);
    }
    *(int64_t *)field_slot(field, record) = value;
    return STATUS_OK;
}

/* A body beyond its limit has a code of its own: it may be right in every field. */
static enum status check_bytes(const struct field *field, struct bytes value,
                               struct refusal *refusal)
{
    bool is_text = field->type == FIELD_TEXT;
    enum text_class class = is_text ? text_classify(value) : TEXT_PLAIN;

    if (class == TEXT_BROKEN) {
        return refuse(refusal, CODE_MALFORMED, field->name, "is not UTF-8");
    }
    if (value.size > (uint64_t)field->max && field->type == FIELD_RAW) {
        return refuse_bounds(refusal, CODE_TOO_LARGE, field);
    }
    if (value.size < (uint64_t)field->min || value.size > (uint64_t)field->max) {
        return refuse_bounds(refusal, CODE_RANGE, field);
    }
    if (class == TEXT_CONTROL) {
        return refuse(refusal, CODE_RANGE, field->name, "has control characters");
    }
    return STATUS_OK;
}

enum status field_set_bytes(const struct field *field, struct bytes value, void *record,
                            struct refusal *refusal)
{
    enum status status = check_bytes(field, value, refusal);

    if (status == STATUS_OK) {
        *(struct bytes *)field_slot(field, record) = value;
    }
    return status;
}

static const struct choice *find_choice(const struct choice *choices, struct bytes name)
{
    for (; choices->name != NULL; choices++) {
        if (bytes_equal(name, bytes_from_text(choices->name))) { /* `name` may hold zeroes. */
            return choices;
        }
    }
    return NULL;
}

static struct bytes take_until_bar(struct bytes *rest)
{
    const uint8_t *bar = rest->size == 0 ? NULL : memchr(rest->data, '|', rest->size);
    size_t size = bar == NULL ? rest->size : (size_t)(bar - rest->data);
    size_t passed = bar == NULL ? size : size + 1;
    struct bytes name = {.data = rest->data, .size = size};

    rest->data += passed;
    rest->size -= passed;
    return name;
}

static enum status set_bits(const struct field *field, struct bytes names, void *record,
                            struct refusal *refusal)
{
    uint64_t bits = 0;

    while (names.size > 0) {
        struct bytes name = take_until_bar(&names);
        const struct choice *choice = name.size == 0 ? NULL : find_choice(field->choices, name);
        if (choice == NULL) {
            return refuse_bounds(refusal, CODE_RANGE, field);
        }
        bits |= choice->value;
    }
    if (bits == 0) {
        return refuse_bounds(refusal, CODE_RANGE, field);
    }
    *(uint64_t *)field_slot(field, record) = bits;
    return STATUS_OK;
}

static enum status set_choice(const struct field *field, struct bytes name, void *record,
                              struct refusal *refusal)
{
    const struct choice *choice = name.size == 0 ? NULL : find_choice(field->choices, name);

    if (choice == NULL) {
        return refuse_bounds(refusal, CODE_RANGE, field);
    }
    *(uint64_t *)field_slot(field, record) = choice->value;
    return STATUS_OK;
}

static enum status set_day(const struct field *field, struct bytes text, void *record,
                           struct refusal *refusal)
{
    int32_t day = 0;

    if (day_from_text(text, &day) != STATUS_OK) {
        return refuse(refusal, CODE_RANGE, field->name,
                      "must be a day YYYY-MM-DD from 1970-01-01 on");
    }
    return field_set_int(field, day, record, refusal);
}

enum status field_set_word(const struct field *field, struct bytes word, void *record,
                           struct refusal *refusal)
{
    switch ((int)field->type) {
    case FIELD_DAY:
        return set_day(field, word, record, refusal);
    case FIELD_CHOICE:
        return set_choice(field, word, record, refusal);
    case FIELD_SET:
        return set_bits(field, word, record, refusal);
    }
    UNREACHABLE();
}

enum status field_set_time(const struct field *field, struct bytes text, void *record,
                           struct refusal *refusal)
{
    uint64_t time_ms = 0;

    if (time_from_text(text, &time_ms) != STATUS_OK) {
        return refuse(refusal, CODE_RANGE, field->name,
                      "must be a time such as 2020-04-02T16:27:00Z");
    }
    return field_set_uint(field, time_ms, record, refusal);
}

static int digit_value(uint8_t digit)
{
    if (digit >= '0' && digit <= '9') {
        return digit - '0';
    }
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

enum status field_set_hexadecimal(const struct field *field, struct bytes text, struct arena *arena,
                                  void *record, struct refusal *refusal)
{
    if (text.size > HEXADECIMAL_SIZE_MAX) {
        return refuse_bounds(refusal, CODE_RANGE, field);
    }
    uint8_t *data = arena_take(arena, text.size / 2);
    for (size_t i = 0; i < text.size; i++) {
        int digit = digit_value(text.data[i]);
        if (digit < 0 || text.size % 2 != 0) {
            return refuse(refusal, CODE_RANGE, field->name,
                          "must be pairs of hexadecimal digits 0-9 a-f");
        }
        data[i / 2] = (uint8_t)(data[i / 2] << 4 | digit);
    }
    return field_set_bytes(field, (struct bytes){data, text.size / 2}, record, refusal);
}

enum status field_check_count(const struct field *field, uint64_t count, struct refusal *refusal)
{
    if (count > (uint64_t)field->max) {
        return refuse_bounds(refusal, CODE_TOO_LARGE, field);
    }
    return count < (uint64_t)field->min ? refuse_bounds(refusal, CODE_RANGE, field) : STATUS_OK;
}

static uint64_t all_bits(const struct choice *choices)
{
    uint64_t bits = 0;

    for (; choices->name != NULL; choices++) {
        bits |= choices->value;
    }
    return bits;
}

static const char *choice_name(const struct choice *choices, uint64_t value)
{
    for (; choices->name != NULL; choices++) {
        if (choices->value == value) {
            return choices->name;
        }
    }
    return NULL;
}

static bool is_choice_within(const struct field *field, uint64_t value)
{
    if (field->type == FIELD_CHOICE) {
        return choice_name(field->choices, value) != NULL;
    }
    return value != 0 && (value & ~all_bits(field->choices)) == 0;
}

static enum status check_items(const struct field *field, const struct record_list *list,
                               struct refusal *refusal)
{
    enum status status = field_check_count(field, list->count, refusal);

    for (size_t i = 0; i < list->count && status == STATUS_OK; i++) {
        const uint8_t *item = (const uint8_t *)list->items + i * field->message->record_size;
        status = proto_check(field->message, item, refusal);
        if (status != STATUS_OK) {
            refusal_enter(refusal, field->name, i);
        }
    }
    return status;
}

enum status field_check(const struct field *field, const void *record, struct refusal *refusal)
{
    const void *value = field_value(field, record);
    bool is_within = true;

    switch (field->type) {
    case FIELD_UINT:
    case FIELD_TIME:
        is_within = is_uint_within(field, *(const uint64_t *)value);
        break;
    case FIELD_INT:
    case FIELD_DAY:
    case FIELD_DEGREES:
        is_within = is_int_within(field, *(const int64_t *)value);
        break;
    case FIELD_CHOICE:
    case FIELD_SET:
        is_within = is_choice_within(field, *(const uint64_t *)value);
        break;
    case FIELD_BOOL:
        break;
    case FIELD_TEXT:
    case FIELD_BIN:
    case FIELD_RAW:
        return check_bytes(field, *(const struct bytes *)value, refusal);
    case FIELD_UINTS:
        return field_check_count(field, ((const struct uint_list *)value)->count, refusal);
    case FIELD_LIST:
        return check_items(field, value, refusal);
    }
    return is_within ? STATUS_OK : refuse_bounds(refusal, CODE_RANGE, field);
}

static struct bytes join_bits(const struct field *field, uint64_t bits, char room[WORD_SIZE])
{
    size_t size = 0;

    for (const struct choice *choice = field->choices; choice->name != NULL; choice++) {
        size_t name_size = strlen(choice->name);
        if ((bits & choice->value) != 0) {
            ENSURE(size + 1 + name_size <= WORD_SIZE);
            if (size > 0) {
                room[size++] = '|';
            }
            memcpy(room + size, choice->name, name_size);
            size += name_size;
        }
    }
    return (struct bytes){.data = (const uint8_t *)room, .size = size};
}

struct bytes field_word(const struct field *field, const void *record, char room[WORD_SIZE])
{
    if (field->type == FIELD_DAY) {
        day_to_text((int32_t)field_int(field, record), room);
        return (struct bytes){.data = (const uint8_t *)room, .size = DAY_TEXT_SIZE};
    }
    if (field->type == FIELD_SET) {
        return join_bits(field, field_uint(field, record), room);
    }
    const char *name = choice_name(field->choices, field_uint(field, record));
    ENSURE(name != NULL);
    return bytes_from_text(name);
}
