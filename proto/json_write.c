/*
 * json_write.c - records and canonical values as JSON, on one line, without blanks.
 *
 * Keys come in the table's order, so the same record gives the same line.
 */
#include "proto/cursor.h"
#include "proto/field.h"
#include "proto/number.h"

#include <inttypes.h>

static void write_record(const struct message *message, const void *record, struct buffer *target);

/* JSON wants quotes, backslashes and C0 escaped; C1 and DEL are escaped for terminals. */
static void write_text(struct bytes text, struct buffer *target)
{
    buffer_append_text(target, "\"");
    for (size_t i = 0; i < text.size; i++) {
        uint8_t byte = text.data[i];
        if (byte == '"' || byte == '\\') {
            buffer_format(target, "\\%c", byte);
        } else if (byte < 0x20 || byte == 0x7f) {
            buffer_format(target, "\\u%04x", byte);
        } else if (byte == 0xc2 && i + 1 < text.size && text.data[i + 1] < 0xa0) {
            buffer_format(target, "\\u%04x", text.data[++i]);
        } else {
            buffer_append(target, &byte, 1);
        }
    }
    buffer_append_text(target, "\"");
}

static void write_hexadecimal(struct bytes data, struct buffer *target)
{
    static const char digits[] = "0123456789abcdef";
    uint8_t *room = buffer_extend(target, data.size * 2 + 2);

    room[0] = '"';
    for (size_t i = 0; i < data.size; i++) {
        room[1 + 2 * i] = (uint8_t)digits[data.data[i] >> 4];
        room[2 + 2 * i] = (uint8_t)digits[data.data[i] & 15];
    }
    room[1 + 2 * data.size] = '"';
}

static void write_uint(uint64_t number, struct buffer *target)
{
    const char *quote = number > INT64_MAX ? "\"" : "";

    buffer_format(target, "%s%" PRIu64 "%s", quote, number, quote);
}

/* A canonical value, one level at a time; recursion ends at PROTO_DEPTH_MAX. */
static void write_value(struct cursor *cursor, struct buffer *target);

static void write_items(struct cursor *cursor, uint64_t count, struct buffer *target)
{
    buffer_append_text(target, "[");
    for (uint64_t i = 0; i < count; i++) {
        buffer_append_text(target, i == 0 ? "" : ",");
        write_value(cursor, target);
    }
    buffer_append_text(target, "]");
}

static void write_pairs(struct cursor *cursor, uint64_t count, struct buffer *target)
{
    buffer_append_text(target, "{");
    for (uint64_t i = 0; i < count; i++) {
        buffer_append_text(target, i == 0 ? "" : ",");
        write_value(cursor, target);
        buffer_append_text(target, ":");
        write_value(cursor, target);
    }
    buffer_append_text(target, "}");
}

static void write_value(struct cursor *cursor, struct buffer *target)
{
    struct value value;

    ENSURE(cursor_next(cursor, &value) == STATUS_OK);
    switch (value.type) {
    case VALUE_NIL:
        buffer_append_text(target, "null");
        return;
    case VALUE_BOOL:
        buffer_append_text(target, value.number != 0 ? "true" : "false");
        return;
    case VALUE_UINT:
        write_uint(value.number, target);
        return;
    case VALUE_NEGATIVE:
        buffer_format(target, "%" PRId64, (int64_t)value.number);
        return;
    case VALUE_TEXT:
        write_text(value.bytes, target);
        return;
    case VALUE_BIN:
        write_hexadecimal(value.bytes, target);
        return;
    case VALUE_ARRAY:
        write_items(cursor, value.number, target);
        return;
    case VALUE_MAP:
        write_pairs(cursor, value.number, target);
        return;
    }
    UNREACHABLE();
}

enum status proto_value_to_json(struct bytes body, struct buffer *target)
{
    struct cursor cursor = cursor_over(body);

    if (!proto_is_canonical(body)) {
        return STATUS_MALFORMED;
    }
    write_value(&cursor, target);
    return STATUS_OK;
}

static void write_time(uint64_t time_ms, struct buffer *target)
{
    char text[TIME_TEXT_SIZE + 1];

    time_to_text(time_ms, text);
    write_text(bytes_from_text(text), target);
}

static void write_degrees(int64_t micro_degrees, struct buffer *target)
{
    char text[DEGREES_TEXT_SIZE];

    degrees_to_text(micro_degrees, text);
    buffer_append_text(target, text);
}

static void write_uints(const struct uint_list *list, struct buffer *target)
{
    buffer_append_text(target, "[");
    for (size_t i = 0; i < list->count; i++) {
        buffer_append_text(target, i == 0 ? "" : ",");
        write_uint(list->items[i], target);
    }
    buffer_append_text(target, "]");
}

static void write_list(const struct message *message, const struct record_list *list,
                       struct buffer *target)
{
    buffer_append_text(target, "[");
    for (size_t i = 0; i < list->count; i++) {
        buffer_append_text(target, i == 0 ? "" : ",");
        write_record(message, (const uint8_t *)list->items + i * message->record_size, target);
    }
    buffer_append_text(target, "]");
}

static void write_field(const struct field *field, const void *record, struct buffer *target)
{
    char room[WORD_SIZE];

    switch (field->type) {
    case FIELD_UINT:
        write_uint(field_uint(field, record), target);
        return;
    case FIELD_INT:
        buffer_format(target, "%" PRId64, field_int(field, record));
        return;
    case FIELD_BOOL:
        buffer_append_text(target, *(const bool *)field_value(field, record) ? "true" : "false");
        return;
    case FIELD_TEXT:
        write_text(field_bytes(field, record), target);
        return;
    case FIELD_BIN:
        write_hexadecimal(field_bytes(field, record), target);
        return;
    case FIELD_DAY:
    case FIELD_CHOICE:
    case FIELD_SET:
        write_text(field_word(field, record, room), target);
        return;
    case FIELD_TIME:
        write_time(field_uint(field, record), target);
        return;
    case FIELD_DEGREES:
        write_degrees(field_int(field, record), target);
        return;
    case FIELD_RAW:
        ENSURE(proto_value_to_json(field_bytes(field, record), target) == STATUS_OK);
        return;
    case FIELD_UINTS:
        write_uints(field_value(field, record), target);
        return;
    case FIELD_LIST:
        write_list(field->message, field_value(field, record), target);
        return;
    }
    UNREACHABLE();
}

static void write_record(const struct message *message, const void *record, struct buffer *target)
{
    const char *lead = "";

    if (message->is_bare) {
        write_field(&message->fields[0], record, target);
        return;
    }
    buffer_append_text(target, "{");
    for (size_t i = 0; i < message->field_count; i++) {
        const struct field *field = &message->fields[i];
        if (field_is_written(field, record)) {
            buffer_format(target, "%s\"%s\":", lead, field->name);
            write_field(field, record, target);
            lead = ",";
        }
    }
    buffer_append_text(target, "}");
}

void proto_to_json(const struct message *message, const void *record, struct buffer *target)
{
    struct refusal refusal;

    ENSURE(proto_check(message, record, &refusal) == STATUS_OK);
    write_record(message, record, target);
}
