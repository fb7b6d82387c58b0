/*
 * json_read.c - JSON to records, by jansson, led by the same tables.
 *
 * Jansson's tree is built and released here; whatever a record keeps is copied into the
 * arena first.
 */
#include "core/base/names.h"
#include "proto/field.h"
#include "proto/number.h"

#include <jansson.h>
#include <msgpack.h>
#include <string.h>

#define SUGGESTION_DISTANCE_MAX 3
#define MICRO 1000000

struct reader {
    struct arena *arena;
    struct refusal *refusal;
};

static enum status read_record(struct reader *reader, const struct message *message,
                               const json_t *json, void *record);

static struct bytes text_of(const json_t *json)
{
    return (struct bytes){.data = (const uint8_t *)json_string_value(json),
                          .size = json_string_length(json)};
}

/* An integer, or digits as text: what JSON readers elsewhere would round is sent so. */
static enum status read_uint(struct reader *reader, const struct field *field, const json_t *json,
                             uint64_t *number)
{
    if (json_is_string(json) && uint_from_text(text_of(json), number) == STATUS_OK) {
        return STATUS_OK;
    }
    if (!json_is_integer(json)) {
        return refuse_type(reader->refusal, field);
    }
    if (json_integer_value(json) < 0) {
        return refuse(reader->refusal, CODE_RANGE, field->name, "must not be negative");
    }
    *number = (uint64_t)json_integer_value(json);
    return STATUS_OK;
}

static enum status set_uint(struct reader *reader, const struct field *field, const json_t *json,
                            void *record)
{
    uint64_t number = 0;
    enum status status = read_uint(reader, field, json, &number);

    return status == STATUS_OK ? field_set_uint(field, number, record, reader->refusal) : status;
}

/* A double holds six decimals of 180 degrees with room to spare, so rounding gives the integer that
 * was meant; numbers beyond any bound are cut so that they fit it. */
static int64_t micro_degrees_of(double degrees)
{
    double bounded = degrees > 1000 ? 1000 : degrees < -1000 ? -1000 : degrees;

    return (int64_t)(bounded * MICRO + (bounded < 0 ? -0.5 : 0.5));
}

static enum status set_degrees(struct reader *reader, const struct field *field, const json_t *json,
                               void *record)
{
    if (!json_is_number(json)) {
        return refuse_type(reader->refusal, field);
    }
    return field_set_int(field, micro_degrees_of(json_number_value(json)), record, reader->refusal);
}

static enum status set_time(struct reader *reader, const struct field *field, const json_t *json,
                            void *record)
{
    if (json_is_string(json)) {
        return field_set_time(field, text_of(json), record, reader->refusal);
    }
    return set_uint(reader, field, json, record);
}

static int append_packed(void *target, const char *data, size_t size)
{
    buffer_append(target, data, size);
    return 0;
}

static bool pack_value(msgpack_packer *packer, const json_t *json);

static bool pack_object(msgpack_packer *packer, const json_t *json)
{
    const char *key = NULL;
    json_t *value = NULL;

    msgpack_pack_map(packer, json_object_size(json));
    json_object_foreach((json_t *)json, key, value)
    {
        msgpack_pack_str_with_body(packer, key, strlen(key));
        if (!pack_value(packer, value)) {
            return false;
        }
    }
    return true;
}

static bool pack_array(msgpack_packer *packer, const json_t *json)
{
    msgpack_pack_array(packer, json_array_size(json));
    for (size_t i = 0; i < json_array_size(json); i++) {
        if (!pack_value(packer, json_array_get(json, i))) {
            return false;
        }
    }
    return true;
}

/* False when the value has no canonical form: a number with a point. */
static bool pack_value(msgpack_packer *packer, const json_t *json)
{
    switch (json_typeof(json)) {
    case JSON_OBJECT:
        return pack_object(packer, json);
    case JSON_ARRAY:
        return pack_array(packer, json);
    case JSON_STRING:
        return msgpack_pack_str_with_body(packer, json_string_value(json),
                                          json_string_length(json)) == 0;
    case JSON_INTEGER:
        return msgpack_pack_int64(packer, json_integer_value(json)) == 0;
    case JSON_REAL:
        return false;
    case JSON_TRUE:
        return msgpack_pack_true(packer) == 0;
    case JSON_FALSE:
        return msgpack_pack_false(packer) == 0;
    case JSON_NULL:
        return msgpack_pack_nil(packer) == 0;
    }
    UNREACHABLE();
}

static enum status set_raw(struct reader *reader, const struct field *field, const json_t *json,
                           void *record)
{
    struct buffer packed = {0};
    msgpack_packer packer;

    if (!json_is_object(json)) {
        return refuse_type(reader->refusal, field);
    }
    msgpack_packer_init(&packer, &packed, append_packed);
    bool is_packed = pack_object(&packer, json) && proto_is_canonical(buffer_view(&packed));
    struct bytes raw = arena_copy(reader->arena, buffer_view(&packed));
    buffer_deinit(&packed);
    if (!is_packed) {
        return refuse(reader->refusal, CODE_TYPE, field->name,
                      "has a number with a point, too many keys or too many levels");
    }
    return field_set_bytes(field, raw, record, reader->refusal);
}

static enum status set_uints(struct reader *reader, const struct field *field, const json_t *json,
                             void *record)
{
    struct uint_list list = {.count = json_array_size(json)};
    enum status status = field_check_count(field, list.count, reader->refusal);

    if (status != STATUS_OK || list.count == 0) {
        return status;
    }
    list.items = arena_take(reader->arena, list.count * sizeof *list.items);
    for (size_t i = 0; i < list.count; i++) {
        status = read_uint(reader, field, json_array_get(json, i), &list.items[i]);
        if (status != STATUS_OK) {
            reader->refusal->field[0] = '\0';
            refusal_enter(reader->refusal, field->name, i);
            return status;
        }
    }
    *(struct uint_list *)field_slot(field, record) = list;
    return STATUS_OK;
}

static enum status set_list(struct reader *reader, const struct field *field, const json_t *json,
                            void *record)
{
    size_t item_size = field->message->record_size;
    struct record_list list = {.count = json_array_size(json)};
    enum status status = field_check_count(field, list.count, reader->refusal);

    if (status != STATUS_OK || list.count == 0) {
        return status;
    }
    list.items = arena_take(reader->arena, list.count * item_size);
    for (size_t i = 0; i < list.count; i++) {
        status = read_record(reader, field->message, json_array_get(json, i),
                             (uint8_t *)list.items + i * item_size);
        if (status != STATUS_OK) {
            refusal_enter(reader->refusal, field->name, i);
            return status;
        }
    }
    *(struct record_list *)field_slot(field, record) = list;
    return STATUS_OK;
}

/* Fields that are text in JSON, whatever they are in the record. */
static enum status set_text(struct reader *reader, const struct field *field, const json_t *json,
                            void *record)
{
    if (!json_is_string(json)) {
        return refuse_type(reader->refusal, field);
    }
    struct bytes text = text_of(json);
    if (field->type == FIELD_TEXT) {
        return field_set_bytes(field, arena_copy(reader->arena, text), record, reader->refusal);
    }
    if (field->type == FIELD_BIN) {
        return field_set_hexadecimal(field, text, reader->arena, record, reader->refusal);
    }
    return field_set_word(field, text, record, reader->refusal);
}

static enum status read_field(struct reader *reader, const struct field *field, const json_t *json,
                              void *record)
{
    switch (field->type) {
    case FIELD_UINT:
        return set_uint(reader, field, json, record);
    case FIELD_INT:
        return json_is_integer(json)
                   ? field_set_int(field, json_integer_value(json), record, reader->refusal)
                   : refuse_type(reader->refusal, field);
    case FIELD_BOOL:
        if (!json_is_boolean(json)) {
            return refuse_type(reader->refusal, field);
        }
        *(bool *)field_slot(field, record) = json_is_true(json);
        return STATUS_OK;
    case FIELD_TEXT:
    case FIELD_BIN:
    case FIELD_DAY:
    case FIELD_CHOICE:
    case FIELD_SET:
        return set_text(reader, field, json, record);
    case FIELD_TIME:
        return set_time(reader, field, json, record);
    case FIELD_DEGREES:
        return set_degrees(reader, field, json, record);
    case FIELD_RAW:
        return set_raw(reader, field, json, record);
    case FIELD_UINTS:
        return json_is_array(json) ? set_uints(reader, field, json, record)
                                   : refuse_type(reader->refusal, field);
    case FIELD_LIST:
        return json_is_array(json) ? set_list(reader, field, json, record)
                                   : refuse_type(reader->refusal, field);
    }
    UNREACHABLE();
}

static const struct field *nearest_field(const struct message *message, struct bytes key)
{
    const struct field *nearest = NULL;
    uint32_t best = SUGGESTION_DISTANCE_MAX + 1;

    for (size_t i = 0; i < message->field_count; i++) {
        const struct field *field = &message->fields[i];
        uint32_t distance = text_distance(bytes_from_text(field->name), key);
        if (distance < best && distance < key.size) {
            best = distance;
            nearest = field;
        }
    }
    return nearest;
}

static enum status refuse_key(struct reader *reader, const struct message *message, const char *key)
{
    const struct field *nearest = nearest_field(message, bytes_from_text(key));

    if (nearest == NULL) {
        return refuse(reader->refusal, CODE_UNKNOWN, key, "%s has no such key", message->name);
    }
    return refuse(reader->refusal, CODE_UNKNOWN, key, "did you mean %s?", nearest->name);
}

/* First of all: a required field may be "missing" only because its key has a slip. */
static enum status check_keys(struct reader *reader, const struct message *message,
                              const json_t *json)
{
    const char *key = NULL;
    json_t *value = NULL;

    json_object_foreach((json_t *)json, key, value)
    {
        if (proto_field(message, bytes_from_text(key)) == NULL) {
            return refuse_key(reader, message, key);
        }
    }
    return STATUS_OK;
}

static enum status read_fields(struct reader *reader, const struct message *message,
                               const json_t *json, void *record)
{
    for (size_t i = 0; i < message->field_count; i++) {
        const struct field *field = &message->fields[i];
        const json_t *value = json_object_get(json, field->name);
        if (value == NULL || json_is_null(value)) {
            if (field->required) {
                return refuse_missing(reader->refusal, field);
            }
            continue;
        }
        enum status status = read_field(reader, field, value, record);
        if (status != STATUS_OK) {
            return status;
        }
    }
    return message->check == NULL ? STATUS_OK : message->check(record, reader->refusal);
}

static enum status read_record(struct reader *reader, const struct message *message,
                               const json_t *json, void *record)
{
    if (message->is_bare) {
        return read_field(reader, &message->fields[0], json, record);
    }
    if (!json_is_object(json)) {
        return refuse(reader->refusal, CODE_MALFORMED, "", "is not an object");
    }
    proto_clear(message, record);
    enum status status = check_keys(reader, message, json);
    return status == STATUS_OK ? read_fields(reader, message, json, record) : status;
}

enum status proto_from_json(const struct message *message, struct bytes json, struct arena *arena,
                            void *record, struct refusal *refusal)
{
    struct reader reader = {.arena = arena, .refusal = refusal};
    json_error_t problem;

    if (json.size > PROTO_JSON_SIZE_MAX) {
        return refuse(refusal, CODE_TOO_LARGE, "", "is larger than %zu bytes", PROTO_JSON_SIZE_MAX);
    }
    json_t *tree = json_loadb((const char *)json.data, json.size, JSON_REJECT_DUPLICATES, &problem);
    if (tree == NULL) {
        return refuse(refusal, CODE_MALFORMED, "", "line %d, column %d: %s", problem.line,
                      problem.column, problem.text);
    }
    enum status status = read_record(&reader, message, tree, record);
    json_decref(tree);
    return status;
}
