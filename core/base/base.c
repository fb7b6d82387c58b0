/*
 * base.c - statuses, bytes, checksums.
 *
 * The checksum reads eight bytes a turn: by the processor's own instruction where there is
 * one (SSE 4.2), else through eight tables ("slicing by 8", Kounavis and Berry, 2005), built
 * once from the polynomial.
 */
#include "core/base/base.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define POLYNOMIAL 0x82f63b78u

const char *status_name(enum status status)
{
    switch (status) {
    case STATUS_OK:
        return "ok";
    case STATUS_END:
        return "end";
    case STATUS_NOT_FOUND:
        return "not found";
    case STATUS_EXISTS:
        return "exists already";
    case STATUS_TOO_LARGE:
        return "too large";
    case STATUS_FULL:
        return "full";
    case STATUS_AGAIN:
        return "try again";
    case STATUS_MALFORMED:
        return "malformed";
    case STATUS_INVALID:
        return "invalid";
    case STATUS_CORRUPT:
        return "corrupt";
    case STATUS_GAP:
        return "no longer kept";
    case STATUS_IO:
        return "i/o error";
    case STATUS_NO_MEMORY:
        return "out of memory";
    }
    UNREACHABLE();
}

_Noreturn void ensure_failed(const char *condition, const char *file, int line)
{
    fprintf(stderr, "%s:%d: invariant broken: %s\n", file, line, condition);
    abort();
}

struct bytes bytes_from_text(const char *text)
{
    return (struct bytes){.data = (const uint8_t *)text, .size = strlen(text)};
}

bool bytes_equal(struct bytes left, struct bytes right)
{
    return left.size == right.size &&
           (left.size == 0 || memcmp(left.data, right.data, left.size) == 0);
}

int bytes_compare(struct bytes left, struct bytes right)
{
    size_t size = left.size < right.size ? left.size : right.size;
    int order = size == 0 ? 0 : memcmp(left.data, right.data, size);

    if (order != 0) {
        return order;
    }
    return (left.size > right.size) - (left.size < right.size);
}

/* Filled before main, so that threads only ever read it. */
static uint32_t crc_tables[8][256];

__attribute__((constructor)) static void build_crc_tables(void)
{
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t crc = byte;
        for (int bit = 0; bit < 8; bit++) {
            crc = (crc >> 1) ^ (POLYNOMIAL & (0u - (crc & 1u)));
        }
        crc_tables[0][byte] = crc;
    }
    for (int table = 1; table < 8; table++) {
        for (uint32_t byte = 0; byte < 256; byte++) {
            uint32_t crc = crc_tables[table - 1][byte];
            crc_tables[table][byte] = (crc >> 8) ^ crc_tables[0][crc & 0xff];
        }
    }
}

uint32_t checksum_by_tables(uint32_t seed, const void *data, size_t size)
{
    const uint8_t *byte = data;
    uint32_t crc = ~seed;

    for (; size >= 8; size -= 8, byte += 8) {
        uint64_t word = load_u64(byte) ^ crc;
        crc = crc_tables[7][word & 0xff] ^ crc_tables[6][(word >> 8) & 0xff] ^
              crc_tables[5][(word >> 16) & 0xff] ^ crc_tables[4][(word >> 24) & 0xff] ^
              crc_tables[3][(word >> 32) & 0xff] ^ crc_tables[2][(word >> 40) & 0xff] ^
              crc_tables[1][(word >> 48) & 0xff] ^ crc_tables[0][word >> 56];
    }
    for (; size > 0; size--, byte++) {
        crc = (crc >> 8) ^ crc_tables[0][(crc ^ *byte) & 0xff];
    }
    return ~crc;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint32_t
checksum_by_instruction(uint32_t seed, const uint8_t *byte, size_t size)
{
    uint64_t crc = ~seed;

    for (; size >= 8; size -= 8, byte += 8) {
        crc = __builtin_ia32_crc32di(crc, load_u64(byte));
    }
    for (; size > 0; size--, byte++) {
        crc = __builtin_ia32_crc32qi((uint32_t)crc, *byte);
    }
    return ~(uint32_t)crc;
}

uint32_t checksum(uint32_t seed, const void *data, size_t size)
{
    return __builtin_cpu_supports("sse4.2") ? checksum_by_instruction(seed, data, size)
                                            : checksum_by_tables(seed, data, size);
}
#else
uint32_t checksum(uint32_t seed, const void *data, size_t size)
{
    return checksum_by_tables(seed, data, size);
}
#endif

/* The finaliser of SplitMix64 (Steele, Lea and Flood, 2014). */
uint64_t hash_u64(uint64_t value)
{
    value += 0x9e3779b97f4a7c15u;
    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9u;
    value = (value ^ (value >> 27)) * 0x94d049bb133111ebu;
    return value ^ (value >> 31);
}

uint64_t hash_bytes(const void *data, size_t size)
{
    const uint8_t *byte = data;
    uint64_t hash = hash_u64(size);

    for (; size >= 8; size -= 8, byte += 8) {
        hash = hash_u64(hash ^ load_u64(byte));
    }
    uint64_t tail = 0;
    for (size_t i = 0; i < size; i++) {
        tail |= (uint64_t)byte[i] << (8 * i);
    }
    return size == 0 ? hash : hash_u64(hash ^ tail);
}

/* One move each, swapped where the machine's order is the other one. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define LITTLE(value, bits) (value)
#define BIG(value, bits) __builtin_bswap##bits(value)
#else
#define LITTLE(value, bits) __builtin_bswap##bits(value)
#define BIG(value, bits) (value)
#endif
#define STORE(name, bits, order)                                                                   \
    void name(uint8_t *target, uint##bits##_t value)                                               \
    {                                                                                              \
        uint##bits##_t ordered = order(value, bits);                                               \
        memcpy(target, &ordered, sizeof ordered);                                                  \
    }
#define LOAD(name, bits, order)                                                                    \
    uint##bits##_t name(const uint8_t *source)                                                     \
    {                                                                                              \
        uint##bits##_t ordered;                                                                    \
        memcpy(&ordered, source, sizeof ordered);                                                  \
        return order(ordered, bits);                                                               \
    }

STORE(store_u16, 16, LITTLE)
STORE(store_u32, 32, LITTLE)
STORE(store_u64, 64, LITTLE)
STORE(store_u32_be, 32, BIG)
STORE(store_u64_be, 64, BIG)
LOAD(load_u16, 16, LITTLE)
LOAD(load_u32, 32, LITTLE)
LOAD(load_u64, 64, LITTLE)
LOAD(load_u32_be, 32, BIG)
LOAD(load_u64_be, 64, BIG)
