/*
 * decode.c - MessagePack to records, led by the tables.
 *
 * Senders write keys in the table's order, so the field behind the last one found is tried
 * first. A bit for each field tells doubles; keys that no table knows are noted as text.
 */
#include "proto/cursor.h"
#include "proto/field.h"

#include <string.h>

#define FIELD_NONE SIZE_MAX

struct reader {
    struct cursor cursor;
    struct arena *arena;
    struct refusal *refusal;
    const uint8_t *start;
};

static enum status decode_record(struct reader *reader, const struct message *message,
                                 void *record);

/* Tells in the refusal what the cursor found. */
COLD static enum status refuse_bytes(struct reader *reader, const char *field)
{
    return refuse(reader->refusal, CODE_MALFORMED, field, "%s (near byte %zu)",
                  reader->cursor.problem, (size_t)(reader->cursor.at - reader->start));
}

static enum status decode_raw(struct reader *reader, const struct field *field, void *record)
{
    const uint8_t *start = reader->cursor.at;
    struct cursor ahead = reader->cursor;
    struct value value;

    if (cursor_next(&ahead, &value) == STATUS_OK && value.type != VALUE_MAP) {
        return refuse_type(reader->refusal, field);
    }
    if (cursor_skip(&reader->cursor) != STATUS_OK) {
        return refuse_bytes(reader, field->name);
    }
    struct bytes raw = {.data = start, .size = (size_t)(reader->cursor.at - start)};
    return field_set_bytes(field, raw, record, reader->refusal);
}

static enum status decode_uints(struct reader *reader, const struct field *field, uint64_t count,
                                void *record)
{
    enum status status = field_check_count(field, count, reader->refusal);

    if (status != STATUS_OK) {
        return status;
    }
    struct uint_list list = {.count = (size_t)count};
    list.items = count == 0 ? NULL : arena_take(reader->arena, list.count * sizeof *list.items);
    for (size_t i = 0; i < list.count; i++) {
        struct value value;
        if (cursor_next(&reader->cursor, &value) != STATUS_OK) {
            return refuse_bytes(reader, field->name);
        }
        if (value.type != VALUE_UINT) {
            status = refuse_type(reader->refusal, field);
            reader->refusal->field[0] = '\0';
            refusal_enter(reader->refusal, field->name, i);
            return status;
        }
        list.items[i] = value.number;
    }
    *(struct uint_list *)field_slot(field, record) = list;
    return STATUS_OK;
}

/* An item takes at least one byte, and the cursor has checked that `count` bytes are there. */
static enum status decode_list(struct reader *reader, const struct field *field, uint64_t count,
                               void *record)
{
    size_t item_size = field->message->record_size;
    enum status status = field_check_count(field, count, reader->refusal);

    if (status != STATUS_OK) {
        return status;
    }
    struct record_list list = {.count = (size_t)count};
    list.items = count == 0 ? NULL : arena_take(reader->arena, list.count * item_size);
    reader->cursor.depth++;
    for (size_t i = 0; i < list.count; i++) {
        status = decode_record(reader, field->message, (uint8_t *)list.items + i * item_size);
        if (status != STATUS_OK) {
            refusal_enter(reader->refusal, field->name, i);
            return status;
        }
    }
    reader->cursor.depth--;
    *(struct record_list *)field_slot(field, record) = list;
    return STATUS_OK;
}

static enum status decode_integer(struct reader *reader, const struct field *field,
                                  const struct value *value, void *record)
{
    bool is_signed = field->type == FIELD_INT || field->type == FIELD_DEGREES;

    if (value->type == VALUE_UINT && !is_signed) {
        return field_set_uint(field, value->number, record, reader->refusal);
    }
    if (value->type == VALUE_NEGATIVE && !is_signed) {
        /* An integer, and below every bound. */
        return field_set_int(field, INT64_MIN, record, reader->refusal);
    }
    if (value->type == VALUE_UINT) {
        int64_t number = value->number > INT64_MAX ? INT64_MAX : (int64_t)value->number;
        return field_set_int(field, number, record, reader->refusal);
    }
    if (value->type == VALUE_NEGATIVE) {
        return field_set_int(field, (int64_t)value->number, record, reader->refusal);
    }
    return refuse_type(reader->refusal, field);
}

static enum status decode_value(struct reader *reader, const struct field *field,
                                const struct value *value, void *record)
{
    struct refusal *refusal = reader->refusal;

    switch (field->type) {
    case FIELD_UINT:
    case FIELD_TIME:
    case FIELD_INT:
    case FIELD_DEGREES:
        return decode_integer(reader, field, value, record);
    case FIELD_BOOL:
        if (value->type != VALUE_BOOL) {
            break;
        }
        *(bool *)field_slot(field, record) = value->number != 0;
        return STATUS_OK;
    case FIELD_TEXT:
        return value->type == VALUE_TEXT ? field_set_bytes(field, value->bytes, record, refusal)
                                         : refuse_type(refusal, field);
    case FIELD_BIN:
        return value->type == VALUE_BIN ? field_set_bytes(field, value->bytes, record, refusal)
                                        : refuse_type(refusal, field);
    case FIELD_DAY:
    case FIELD_CHOICE:
    case FIELD_SET:
        return value->type == VALUE_TEXT ? field_set_word(field, value->bytes, record, refusal)
                                         : refuse_type(refusal, field);
    case FIELD_UINTS:
        return value->type == VALUE_ARRAY ? decode_uints(reader, field, value->number, record)
                                          : refuse_type(refusal, field);
    case FIELD_LIST:
        return value->type == VALUE_ARRAY ? decode_list(reader, field, value->number, record)
                                          : refuse_type(refusal, field);
    case FIELD_RAW:
        break; /* decode_field passes it on before its head is read. */
    }
    return refuse_type(refusal, field);
}

static enum status decode_field(struct reader *reader, const struct field *field, void *record)
{
    struct value value;

    if (field->type == FIELD_RAW) {
        return decode_raw(reader, field, record);
    }
    if (cursor_next(&reader->cursor, &value) != STATUS_OK) {
        return refuse_bytes(reader, field->name);
    }
    return decode_value(reader, field, &value, record);
}

static bool is_named(const struct field *field, struct bytes key)
{
    return field->name_size == key.size && memcmp(field->name, key.data, key.size) == 0;
}

static inline size_t find_field(const struct message *message, size_t expected, struct bytes key)
{
    for (size_t i = expected; i < message->field_count; i++) {
        if (is_named(&message->fields[i], key)) {
            return i;
        }
    }
    for (size_t i = 0; i < expected; i++) {
        if (is_named(&message->fields[i], key)) {
            return i;
        }
    }
    return FIELD_NONE;
}

/* A key from a later version. Its value must be well formed all the same. */
static enum status pass_unknown(struct reader *reader, struct key_set **unknown, struct bytes key)
{
    if (*unknown == NULL) {
        *unknown = arena_take(reader->arena, sizeof **unknown);
    }
    if (cursor_note_key(&reader->cursor, *unknown, key) != STATUS_OK ||
        cursor_skip(&reader->cursor) != STATUS_OK) {
        return refuse_bytes(reader, "");
    }
    return STATUS_OK;
}

/* Reads `count` pairs; `*seen` gets a bit for each field met. */
static enum status decode_pairs(struct reader *reader, const struct message *message,
                                uint64_t count, void *record, uint64_t *seen)
{
    struct key_set *unknown = NULL;
    size_t expected = 0;

    for (uint64_t i = 0; i < count; i++) {
        struct bytes key;
        if (cursor_key(&reader->cursor, &key) != STATUS_OK) {
            return refuse_bytes(reader, "");
        }
        size_t found = find_field(message, expected, key);
        enum status status = STATUS_OK;
        if (found == FIELD_NONE) {
            status = pass_unknown(reader, &unknown, key);
        } else if ((*seen >> found & 1) != 0) {
            return refuse(reader->refusal, CODE_MALFORMED, message->fields[found].name,
                          "stands twice in one map");
        } else {
            status = decode_field(reader, &message->fields[found], record);
            *seen |= (uint64_t)1 << found;
            expected = found + 1;
        }
        if (status != STATUS_OK) {
            return status;
        }
    }
    return STATUS_OK;
}

static enum status complete_record(struct reader *reader, const struct message *message,
                                   uint64_t seen, void *record)
{
    for (size_t i = 0; i < message->field_count; i++) {
        const struct field *field = &message->fields[i];
        if ((seen >> i & 1) != 0) {
            continue;
        }
        if (field->required) {
            return refuse_missing(reader->refusal, field);
        }
        field_clear(field, record);
    }
    return message->check == NULL ? STATUS_OK : message->check(record, reader->refusal);
}

static enum status decode_record(struct reader *reader, const struct message *message, void *record)
{
    struct value value;
    uint64_t seen = 0;

    if (message->is_bare) {
        return decode_field(reader, &message->fields[0], record);
    }
    if (cursor_next(&reader->cursor, &value) != STATUS_OK) {
        return refuse_bytes(reader, "");
    }
    if (value.type != VALUE_MAP) {
        return refuse(reader->refusal, CODE_MALFORMED, "", "is not a map");
    }
    reader->cursor.depth++;
    enum status status = decode_pairs(reader, message, value.number, record, &seen);
    reader->cursor.depth--;
    return status == STATUS_OK ? complete_record(reader, message, seen, record) : status;
}

enum status proto_decode(const struct message *message, struct bytes body, struct arena *arena,
                         void *record, struct refusal *refusal)
{
    struct reader reader = {
        .cursor = cursor_over(body), .arena = arena, .refusal = refusal, .start = body.data};
    enum status status = decode_record(&reader, message, record);

    if (status == STATUS_OK && reader.cursor.at != reader.cursor.end) {
        return refuse(refusal, CODE_MALFORMED, "", "%zu bytes stand behind the end",
                      (size_t)(reader.cursor.end - reader.cursor.at));
    }
    return status;
}
