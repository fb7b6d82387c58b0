/*
 * cursor.c - the heads of MessagePack values.
 *
 * One byte says what a value is. Up to 0xbf and from 0xe0 on it also holds the number;
 * between them a table says how many bytes of number follow, and the least number that needs
 * so many:
 *
 *     00..7f  integer      80..8f  map      90..9f  array      a0..bf  text
 *     c0..df  the table    e0..ff  integer from -32 to -1
 */
#include "proto/cursor.h"

#include "proto/text.h"

#include <string.h>

struct head {
    enum value_type type;
    uint8_t width;  /* Bytes of the number that follows; 0 for none. */
    bool is_signed; /* The number is a negative integer. */
    const char *problem;
    uint64_t least; /* The least number in this form; for negative ones, the largest. */
};

#define NEGATIVE(value) ((uint64_t)(int64_t)(value))
#define EXTENSION                                                                                  \
    {                                                                                              \
        .problem = "an extension type is not allowed"                                              \
    }
#define REAL                                                                                       \
    {                                                                                              \
        .problem = "a floating-point number is not allowed"                                        \
    }

static const struct head heads[32] = {
    [0x00] = {VALUE_NIL, 0, false, NULL, 0},
    [0x01] = {.problem = "byte 0xc1 begins no value"},
    [0x02] = {VALUE_BOOL, 0, false, NULL, 0},
    [0x03] = {VALUE_BOOL, 0, false, NULL, 0},
    [0x04] = {VALUE_BIN, 1, false, NULL, 0},
    [0x05] = {VALUE_BIN, 2, false, NULL, 1u << 8},
    [0x06] = {VALUE_BIN, 4, false, NULL, 1u << 16},
    [0x07] = EXTENSION,
    [0x08] = EXTENSION,
    [0x09] = EXTENSION,
    [0x0a] = REAL,
    [0x0b] = REAL,
    [0x0c] = {VALUE_UINT, 1, false, NULL, 1u << 7},
    [0x0d] = {VALUE_UINT, 2, false, NULL, 1u << 8},
    [0x0e] = {VALUE_UINT, 4, false, NULL, 1u << 16},
    [0x0f] = {VALUE_UINT, 8, false, NULL, (uint64_t)1 << 32},
    [0x10] = {VALUE_NEGATIVE, 1, true, NULL, NEGATIVE(-33)},
    [0x11] = {VALUE_NEGATIVE, 2, true, NULL, NEGATIVE(INT8_MIN - 1)},
    [0x12] = {VALUE_NEGATIVE, 4, true, NULL, NEGATIVE(INT16_MIN - 1)},
    [0x13] = {VALUE_NEGATIVE, 8, true, NULL, NEGATIVE((int64_t)INT32_MIN - 1)},
    [0x14] = EXTENSION,
    [0x15] = EXTENSION,
    [0x16] = EXTENSION,
    [0x17] = EXTENSION,
    [0x18] = EXTENSION,
    [0x19] = {VALUE_TEXT, 1, false, NULL, 1u << 5},
    [0x1a] = {VALUE_TEXT, 2, false, NULL, 1u << 8},
    [0x1b] = {VALUE_TEXT, 4, false, NULL, 1u << 16},
    [0x1c] = {VALUE_ARRAY, 2, false, NULL, 1u << 4},
    [0x1d] = {VALUE_ARRAY, 4, false, NULL, 1u << 16},
    [0x1e] = {VALUE_MAP, 2, false, NULL, 1u << 4},
    [0x1f] = {VALUE_MAP, 4, false, NULL, 1u << 16},
};

enum status cursor_fail(struct cursor *cursor, const char *problem)
{
    cursor->problem = problem;
    return STATUS_MALFORMED;
}

static size_t bytes_left(const struct cursor *cursor)
{
    return (size_t)(cursor->end - cursor->at);
}

/* A big-endian number; a signed one is extended to 64 bits. */
static uint64_t load_number(const uint8_t *at, uint8_t width, bool is_signed)
{
    uint64_t number = is_signed && (at[0] & 0x80) != 0 ? UINT64_MAX : 0;

    for (uint8_t i = 0; i < width; i++) {
        number = number << 8 | at[i];
    }
    return number;
}

static bool is_shortest(const struct head *head, uint64_t number)
{
    return head->is_signed ? (int64_t)number <= (int64_t)head->least : number >= head->least;
}

/* The bytes 0xc0 to 0xdf, of which `first` is one. */
static enum status read_head(struct cursor *cursor, uint8_t first, struct value *value)
{
    const struct head *head = &heads[first - 0xc0];

    if (head->problem != NULL) {
        return cursor_fail(cursor, head->problem);
    }
    value->type = head->type;
    if (head->width == 0) {
        value->number = first & 1;
        return STATUS_OK;
    }
    if (bytes_left(cursor) < head->width) {
        return cursor_fail(cursor, "a number is cut off");
    }
    value->number = load_number(cursor->at, head->width, head->is_signed);
    cursor->at += head->width;
    if (!is_shortest(head, value->number)) {
        return cursor_fail(cursor, "a number, size or count is not in its shortest form");
    }
    return STATUS_OK;
}

static enum status check_container(struct cursor *cursor, const struct value *value)
{
    bool is_map = value->type == VALUE_MAP;

    if (cursor->depth >= PROTO_DEPTH_MAX) {
        return cursor_fail(cursor, "values are nested too deep");
    }
    if (value->number > bytes_left(cursor) / (is_map ? 2 : 1)) {
        return cursor_fail(cursor, "a list or map promises more items than there are bytes");
    }
    if (is_map && value->number > PROTO_MAP_COUNT_MAX) {
        return cursor_fail(cursor, "a map has more than 64 keys");
    }
    return STATUS_OK;
}

static enum status read_bytes(struct cursor *cursor, struct value *value)
{
    if (value->number > bytes_left(cursor)) {
        return cursor_fail(cursor, "a text or binary value is cut off");
    }
    value->bytes = (struct bytes){.data = cursor->at, .size = (size_t)value->number};
    cursor->at += value->bytes.size;
    return STATUS_OK;
}

/* What follows the head, by its type. */
static enum status finish_value(struct cursor *cursor, struct value *value)
{
    switch (value->type) {
    case VALUE_NIL:
    case VALUE_BOOL:
    case VALUE_UINT:
    case VALUE_NEGATIVE:
        return STATUS_OK;
    case VALUE_TEXT:
    case VALUE_BIN:
        return read_bytes(cursor, value);
    case VALUE_ARRAY:
    case VALUE_MAP:
        return check_container(cursor, value);
    }
    UNREACHABLE();
}

enum status cursor_next(struct cursor *cursor, struct value *value)
{
    if (cursor->at == cursor->end) {
        return cursor_fail(cursor, "the message is cut off");
    }
    uint8_t first = *cursor->at++;
    if (first <= 0x7f || first >= 0xe0) {
        value->type = first <= 0x7f ? VALUE_UINT : VALUE_NEGATIVE;
        value->number = first <= 0x7f ? first : NEGATIVE((int8_t)first);
        return STATUS_OK;
    }
    if (first >= 0xc0) {
        enum status status = read_head(cursor, first, value);
        return status == STATUS_OK ? finish_value(cursor, value) : status;
    }
    if (first >= 0xa0) {
        value->type = VALUE_TEXT;
        value->number = first & 0x1f;
        return read_bytes(cursor, value);
    }
    value->type = first <= 0x8f ? VALUE_MAP : VALUE_ARRAY;
    value->number = first & 0x0f;
    return check_container(cursor, value);
}

enum status cursor_key_slow(struct cursor *cursor, struct bytes *key)
{
    struct value value;
    enum status status = cursor_next(cursor, &value);

    if (status != STATUS_OK) {
        return status;
    }
    if (value.type != VALUE_TEXT) {
        return cursor_fail(cursor, "a key is not text");
    }
    *key = value.bytes;
    return STATUS_OK;
}

/* Different keys seldom share a bit, so that few are compared. */
static uint64_t bit_of(struct bytes key)
{
    if (key.size == 0) {
        return 1;
    }
    unsigned mixed = (unsigned)key.size + 7u * key.data[0] + 31u * key.data[key.size - 1];
    return (uint64_t)1 << (mixed & 63);
}

enum status cursor_note_key(struct cursor *cursor, struct key_set *known, struct bytes key)
{
    ENSURE(known->count < PROTO_MAP_COUNT_MAX);
    if (text_classify(key) == TEXT_BROKEN) {
        return cursor_fail(cursor, "a key is not UTF-8");
    }
    uint64_t bit = bit_of(key);
    for (size_t i = 0; i < known->count && (known->seen & bit) != 0; i++) {
        if (bytes_equal(known->keys[i], key)) {
            return cursor_fail(cursor, "a key stands twice in one map");
        }
    }
    known->keys[known->count++] = key;
    known->seen |= bit;
    return STATUS_OK;
}

static enum status skip_items(struct cursor *cursor, uint64_t count)
{
    enum status status = STATUS_OK;

    cursor->depth++;
    for (uint64_t i = 0; i < count && status == STATUS_OK; i++) {
        status = cursor_skip(cursor);
    }
    cursor->depth--;
    return status;
}

static enum status skip_pairs(struct cursor *cursor, uint64_t count)
{
    struct key_set known = {0};
    enum status status = STATUS_OK;

    cursor->depth++;
    for (uint64_t i = 0; i < count && status == STATUS_OK; i++) {
        struct bytes key;
        status = cursor_key(cursor, &key);
        if (status == STATUS_OK) {
            status = cursor_note_key(cursor, &known, key);
        }
        if (status == STATUS_OK) {
            status = cursor_skip(cursor);
        }
    }
    cursor->depth--;
    return status;
}

/* Recursion ends at PROTO_DEPTH_MAX, which cursor_next watches. */
enum status cursor_skip(struct cursor *cursor)
{
    struct value value;
    enum status status = cursor_next(cursor, &value);

    if (status != STATUS_OK) {
        return status;
    }
    if (value.type == VALUE_TEXT && text_classify(value.bytes) == TEXT_BROKEN) {
        return cursor_fail(cursor, "a text is not UTF-8");
    }
    if (value.type == VALUE_ARRAY) {
        return skip_items(cursor, value.number);
    }
    return value.type == VALUE_MAP ? skip_pairs(cursor, value.number) : STATUS_OK;
}

bool proto_is_canonical(struct bytes bytes)
{
    struct cursor cursor = cursor_over(bytes);

    return cursor_skip(&cursor) == STATUS_OK && cursor.at == cursor.end;
}
