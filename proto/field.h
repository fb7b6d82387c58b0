/*
 * field.h - one field of a record: its place, its bounds, its rules.
 *
 * MessagePack, JSON and cells each bring values here; only here are they checked and
 * stored. A refusal names the field alone: who reads a list puts the item in front.
 */
#ifndef PROTO_FIELD_H
#define PROTO_FIELD_H

#include "proto/messages.h"

#define TIME_MAX ((int64_t)(DAY_MAX + 1) * DAY_MS - 1) /* The last millisecond of year 9999. */
#define BOUNDS_TEXT_SIZE 200
#define WORD_SIZE 128 /* Every choice of a set, joined. */

static inline void *field_slot(const struct field *field, void *record)
{
    return (uint8_t *)record + field->offset;
}

static inline const void *field_value(const struct field *field, const void *record)
{
    return (const uint8_t *)record + field->offset;
}

static inline uint64_t field_uint(const struct field *field, const void *record)
{
    return *(const uint64_t *)field_value(field, record);
}

static inline int64_t field_int(const struct field *field, const void *record)
{
    return *(const int64_t *)field_value(field, record);
}

static inline struct bytes field_bytes(const struct field *field, const void *record)
{
    return *(const struct bytes *)field_value(field, record);
}

/* Keeps what is only for refusals out of the way of what is taken. */
#define COLD __attribute__((cold, noinline))

/* Fills `refusal`; STATUS_MALFORMED for CODE_MALFORMED, else STATUS_INVALID. */
COLD enum status refuse(struct refusal *refusal, const char *code, const char *field,
                        const char *why, ...) PRINTF_LIKE(4, 5);
/* Puts "list[index]." in front of the path, for what was found in an item of a list. */
void refusal_enter(struct refusal *refusal, const char *list, size_t index);
COLD enum status refuse_type(struct refusal *refusal, const struct field *field);
COLD enum status refuse_missing(struct refusal *refusal, const struct field *field);

void field_clear(const struct field *field, void *record);
bool field_is_absent(const struct field *field, const void *record);

/* Whether the field is written: it is required, or has another value than its `absent` one. */
static inline bool field_is_written(const struct field *field, const void *record)
{
    return field->required || !field_is_absent(field, record);
}

/* Each checks the value and stores it. */
MUST_USE enum status field_set_uint(const struct field *field, uint64_t value, void *record,
                                    struct refusal *refusal); /* UINT, TIME */
MUST_USE enum status field_set_int(const struct field *field, int64_t value, void *record,
                                   struct refusal *refusal); /* INT, DEGREES, DAY */
MUST_USE enum status field_set_bytes(const struct field *field, struct bytes value, void *record,
                                     struct refusal *refusal); /* TEXT, BIN, RAW */
MUST_USE enum status field_set_word(const struct field *field, struct bytes word, void *record,
                                    struct refusal *refusal); /* DAY, CHOICE, SET as text */
MUST_USE enum status field_set_time(const struct field *field, struct bytes text, void *record,
                                    struct refusal *refusal); /* TIME as RFC 3339 text */
MUST_USE enum status field_set_hexadecimal(const struct field *field, struct bytes text,
                                           struct arena *arena, void *record,
                                           struct refusal *refusal); /* BIN as text */
MUST_USE enum status field_check_count(const struct field *field, uint64_t count,
                                       struct refusal *refusal); /* UINTS, LIST */

/* Checks a stored value that is not absent. */
MUST_USE enum status field_check(const struct field *field, const void *record,
                                 struct refusal *refusal);

/* The text of a DAY, CHOICE or SET; `room` is for texts that must be put together. Borrowed until
 * `room` ends. */
struct bytes field_word(const struct field *field, const void *record, char room[WORD_SIZE]);

/* "1 to 5", "1 to 64 bytes", "one of stock, capacity": for refusals and the reference. */
void field_bounds(const struct field *field, char text[BOUNDS_TEXT_SIZE]);

#endif
