/*
 * cursor.h - reads MessagePack value by value, within bounds, in canonical form only.
 *
 * The cursor believes nothing: a size or count must be covered by bytes that are there, an
 * integer, size or count must use its shortest form, containers nest at most
 * PROTO_DEPTH_MAX deep, and floats and extensions are refused. It allocates nothing.
 */
#ifndef PROTO_CURSOR_H
#define PROTO_CURSOR_H

#include "proto/proto.h"

enum value_type {
    VALUE_NIL,
    VALUE_BOOL,     /* number: 0 or 1 */
    VALUE_UINT,     /* number */
    VALUE_NEGATIVE, /* number: two's complement */
    VALUE_TEXT,     /* bytes; whether they are UTF-8 is the reader's matter */
    VALUE_BIN,      /* bytes */
    VALUE_ARRAY,    /* number: count of items that follow */
    VALUE_MAP,      /* number: count of pairs that follow */
};

struct value {
    enum value_type type;
    uint64_t number;
    struct bytes bytes; /* Borrowed from what the cursor reads. */
};

struct cursor {
    const uint8_t *at;
    const uint8_t *end;
    uint32_t depth;      /* Containers entered and not left; who reads their items counts. */
    const char *problem; /* Why the bytes are malformed. */
};

/* Keys of one map that were read. */
struct key_set {
    size_t count;
    uint64_t seen; /* A bit for each key, by its size and both its ends. */
    struct bytes keys[PROTO_MAP_COUNT_MAX];
};

static inline struct cursor cursor_over(struct bytes bytes)
{
    return (struct cursor){.at = bytes.data,
                           .end = bytes.size == 0 ? bytes.data : bytes.data + bytes.size};
}

/* Reads one value; of a container its head alone. STATUS_MALFORMED sets `problem`. */
MUST_USE enum status cursor_next(struct cursor *cursor, struct value *value);

/* Reads a map's key: text. The second is for keys of more than 31 bytes and for what is no key. */
MUST_USE enum status cursor_key_slow(struct cursor *cursor, struct bytes *key);
static inline MUST_USE enum status cursor_key(struct cursor *cursor, struct bytes *key)
{
    size_t left = (size_t)(cursor->end - cursor->at);
    size_t size = left == 0 ? left : (size_t)cursor->at[0] - 0xa0; /* Huge for other types. */

    if (size >= 32 || size >= left) {
        return cursor_key_slow(cursor, key);
    }
    *key = (struct bytes){.data = cursor->at + 1, .size = size};
    cursor->at += size + 1;
    return STATUS_OK;
}

/* Passes one value with all that is in it, and checks it in full. */
MUST_USE enum status cursor_skip(struct cursor *cursor);

/* Adds a key to those of its map, and checks that it is UTF-8 and new. */
MUST_USE enum status cursor_note_key(struct cursor *cursor, struct key_set *known,
                                     struct bytes key);

/* Notes the problem and returns STATUS_MALFORMED. */
__attribute__((cold, noinline)) enum status cursor_fail(struct cursor *cursor, const char *problem);

#endif
