/*
 * base.h - what every file may rely on: statuses, byte views, invariants.
 */
#ifndef CORE_BASE_BASE_H
#define CORE_BASE_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MUST_USE __attribute__((warn_unused_result))
#define PRINTF_LIKE(at, first) __attribute__((format(printf, at, first)))
#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])

/* How a call went. Zero is success; every other value has one meaning. */
enum status {
    STATUS_OK = 0,
    STATUS_END,       /* Nothing further to read. Not a failure. */
    STATUS_NOT_FOUND, /* No such thing. */
    STATUS_EXISTS,    /* The place is taken by something else. */
    STATUS_TOO_LARGE, /* Beyond a limit of ours. */
    STATUS_FULL,      /* A store or a queue has no room. */
    STATUS_AGAIN,     /* Not now; the same call may work later. */
    STATUS_MALFORMED, /* Input from outside does not parse. */
    STATUS_INVALID,   /* Input from outside parses and breaks a rule. */
    STATUS_CORRUPT,   /* Our own stored data does not check. */
    STATUS_GAP,       /* What was asked for is no longer kept. */
    STATUS_IO,        /* The operating system refused. */
    STATUS_NO_MEMORY,
};

const char *status_name(enum status status);

/* Bytes that belong to someone else. Whoever hands them out says until when
 * they stay valid. Text is bytes too: UTF-8, no terminator. */
struct bytes {
    const uint8_t *data;
    size_t size;
};

struct bytes bytes_from_text(const char *text); /* Borrows `text`, without its terminator. */
bool bytes_equal(struct bytes left, struct bytes right);
int bytes_compare(struct bytes left, struct bytes right); /* Bytewise, a prefix comes first. */

/* For printf: printf("%.*s", BYTES_ARGS(view)). */
#define BYTES_ARGS(view) (int)(view).size, (const char *)(view).data

/* Stops the process when an invariant does not hold. Never compiled out, so
 * never use it to check input from outside. */
#define ENSURE(condition)                                                                          \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            ensure_failed(#condition, __FILE__, __LINE__);                                         \
        }                                                                                          \
    } while (0)

#define UNREACHABLE() ensure_failed("unreachable", __FILE__, __LINE__)

_Noreturn void ensure_failed(const char *condition, const char *file, int line);

/* CRC-32C (Castagnoli, RFC 3720 appendix B.4), continued from `seed`. */
uint32_t checksum(uint32_t seed, const void *data, size_t size);
uint32_t checksum_by_tables(uint32_t seed, const void *data, size_t size); /* The same, slower. */

/* A 64-bit hash for tables. Not for integrity, and not for order: its values may
 * change with a version, so no result may depend on them. */
uint64_t hash_bytes(const void *data, size_t size);
uint64_t hash_u64(uint64_t value);

/* Little-endian, for what we store; big-endian, for keys that sort. */
void store_u16(uint8_t *target, uint16_t value);
void store_u32(uint8_t *target, uint32_t value);
void store_u64(uint8_t *target, uint64_t value);
uint16_t load_u16(const uint8_t *source);
uint32_t load_u32(const uint8_t *source);
uint64_t load_u64(const uint8_t *source);
void store_u32_be(uint8_t *target, uint32_t value);
void store_u64_be(uint8_t *target, uint64_t value);
uint32_t load_u32_be(const uint8_t *source);
uint64_t load_u64_be(const uint8_t *source);

/* Checked arithmetic on outside numbers: true and `*result` set when it fits. */
static inline MUST_USE bool add_u64(uint64_t left, uint64_t right, uint64_t *result)
{
    return !__builtin_add_overflow(left, right, result);
}

static inline MUST_USE bool multiply_u64(uint64_t left, uint64_t right, uint64_t *result)
{
    return !__builtin_mul_overflow(left, right, result);
}

static inline uint64_t min_u64(uint64_t left, uint64_t right)
{
    return left < right ? left : right;
}

static inline uint64_t max_u64(uint64_t left, uint64_t right)
{
    return left > right ? left : right;
}

static inline int64_t min_i64(int64_t left, int64_t right)
{
    return left < right ? left : right;
}

static inline int64_t max_i64(int64_t left, int64_t right)
{
    return left > right ? left : right;
}

#endif
