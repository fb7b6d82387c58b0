/*
 * msgpack_oracle.h - what canonical MessagePack is, told by msgpack-c.
 *
 * What it reads in full, writes back as the same bytes, and has no number with a point, no
 * extension, no key twice, no key but text, no bad UTF-8, not too many keys or levels. It must not
 * see 32-bit counts: those make msgpack_unpack reserve gigabytes.
 */
#ifndef TESTS_UNIT_MSGPACK_ORACLE_H
#define TESTS_UNIT_MSGPACK_ORACLE_H

#include "proto/proto.h"

#include <msgpack.h>
#include <string.h>

static inline bool is_listed_utf8(const msgpack_object_str *text)
{
    const uint8_t *at = (const uint8_t *)text->ptr;

    for (uint32_t i = 0; i < text->size;) {
        uint32_t lead = at[i];
        uint32_t count = lead < 0x80 ? 0 : lead < 0xc0 ? 9 : lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : 3;
        if (lead >= 0xf8 || count == 9 || i + count >= text->size) {
            return false;
        }
        uint32_t point = count == 0 ? lead : lead & (0x3fu >> count);
        for (uint32_t j = 1; j <= count; j++) {
            if ((at[i + j] & 0xc0) != 0x80) {
                return false;
            }
            point = point << 6 | (at[i + j] & 0x3f);
        }
        static const uint32_t least[] = {0, 0x80, 0x800, 0x10000};
        if (point < least[count] || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff)) {
            return false;
        }
        i += count + 1;
    }
    return true;
}

static inline bool is_listed(const msgpack_object *object, uint32_t depth);

static inline bool is_listed_map(const msgpack_object_map *map, uint32_t depth)
{
    if (map->size > PROTO_MAP_COUNT_MAX || depth == PROTO_DEPTH_MAX) {
        return false;
    }
    for (uint32_t i = 0; i < map->size; i++) {
        if (map->ptr[i].key.type != MSGPACK_OBJECT_STR || !is_listed(&map->ptr[i].key, depth + 1) ||
            !is_listed(&map->ptr[i].val, depth + 1)) {
            return false;
        }
        for (uint32_t j = 0; j < i; j++) {
            if (msgpack_object_equal(map->ptr[i].key, map->ptr[j].key)) {
                return false;
            }
        }
    }
    return true;
}

static inline bool is_listed(const msgpack_object *object, uint32_t depth)
{
    switch ((int)object->type) {
    case MSGPACK_OBJECT_STR:
        return is_listed_utf8(&object->via.str);
    case MSGPACK_OBJECT_MAP:
        return is_listed_map(&object->via.map, depth);
    case MSGPACK_OBJECT_ARRAY:
        for (uint32_t i = 0; i < object->via.array.size; i++) {
            if (!is_listed(&object->via.array.ptr[i], depth + 1)) {
                return false;
            }
        }
        return depth < PROTO_DEPTH_MAX;
    case MSGPACK_OBJECT_FLOAT32:
    case MSGPACK_OBJECT_FLOAT64:
    case MSGPACK_OBJECT_EXT:
        return false;
    default:
        return true;
    }
}

static inline bool is_repacked(const msgpack_object *object, struct bytes bytes)
{
    msgpack_sbuffer packed;
    msgpack_packer packer;

    msgpack_sbuffer_init(&packed);
    msgpack_packer_init(&packer, &packed, msgpack_sbuffer_write);
    msgpack_pack_object(&packer, *object);
    bool is_same = packed.size == bytes.size && memcmp(packed.data, bytes.data, bytes.size) == 0;
    msgpack_sbuffer_destroy(&packed);
    return is_same;
}

static inline bool oracle_accepts(struct bytes bytes)
{
    msgpack_zone zone;
    msgpack_object object;
    size_t offset = 0;

    msgpack_zone_init(&zone, 2048);
    int code = msgpack_unpack((const char *)bytes.data, bytes.size, &offset, &zone, &object);
    bool accepts = code == MSGPACK_UNPACK_SUCCESS && offset == bytes.size &&
                   is_listed(&object, 0) && is_repacked(&object, bytes);
    msgpack_zone_destroy(&zone);
    return accepts;
}

#endif
