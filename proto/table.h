/*
 * table.h - how the tables of messages are written down.
 *
 * These are macros because a table is data that the compiler checks: a member whose C type is
 * not the field type's does not compile.
 */
#ifndef PROTO_TABLE_H
#define PROTO_TABLE_H

#include "proto/field.h"

/* The member's offset; the comparison of pointers warns when the types differ. */
#define MEMBER(record, member, ctype)                                                              \
    .offset = offsetof(struct record, member) +                                                    \
              0 * sizeof(&((struct record *)NULL)->member == (ctype *)NULL)

#define FIELD(key, kind, record, member, ctype, ...)                                               \
    {                                                                                              \
        .name = key, .name_size = sizeof key - 1, .since = 1, .type = kind,                        \
        MEMBER(record, member, ctype), __VA_ARGS__                                                 \
    }

#define UINT(record, member, key, least, most, ...)                                                \
    FIELD(key, FIELD_UINT, record, member, uint64_t, .min = least, .max = most, __VA_ARGS__)
#define FLAG(record, member, key, ...)                                                             \
    FIELD(key, FIELD_BOOL, record, member, bool, .max = 1, __VA_ARGS__)
#define TEXT(record, member, key, least, most, ...)                                                \
    FIELD(key, FIELD_TEXT, record, member, struct bytes, .min = least, .max = most, __VA_ARGS__)
#define ID(record, member, key, ...)                                                               \
    TEXT(record, member, key, 1, ID_SIZE_MAX, .required = true, __VA_ARGS__)
#define FILTER(record, member, key, ...) TEXT(record, member, key, 0, ID_SIZE_MAX, __VA_ARGS__)
#define BIN(record, member, key, least, most, ...)                                                 \
    FIELD(key, FIELD_BIN, record, member, struct bytes, .min = least, .max = most, __VA_ARGS__)
#define DAY(record, member, key, ...)                                                              \
    FIELD(key, FIELD_DAY, record, member, int64_t, .min = DAY_MIN, .max = DAY_MAX,                 \
          .absent = DAY_NONE, __VA_ARGS__)
/* TIME_NONE is -1 in an int64_t. */
#define TIME(record, member, key, ...)                                                             \
    FIELD(key, FIELD_TIME, record, member, uint64_t, .max = TIME_MAX, .absent = -1, __VA_ARGS__)
#define DEGREES(record, member, key, bound, ...)                                                   \
    FIELD(key, FIELD_DEGREES, record, member, int64_t, .min = -(bound)*1000000,                    \
          .max = (bound)*1000000, .absent = PLACE_NONE, __VA_ARGS__)
#define CHOICE(record, member, key, list, ...)                                                     \
    FIELD(key, FIELD_CHOICE, record, member, uint64_t, .choices = list, __VA_ARGS__)
#define SET(record, member, key, list, ...)                                                        \
    FIELD(key, FIELD_SET, record, member, uint64_t, .choices = list, __VA_ARGS__)
#define RAW(record, member, key, most, ...)                                                        \
    FIELD(key, FIELD_RAW, record, member, struct bytes, .max = most, __VA_ARGS__)
#define UINTS(record, member, key, ...)                                                            \
    FIELD(key, FIELD_UINTS, record, member, struct uint_list, .max = PROTO_LIST_COUNT_MAX,         \
          __VA_ARGS__)
#define LIST(record, member, key, item, least, most, ...)                                          \
    FIELD(key, FIELD_LIST, record, member, struct record_list, .message = &(item), .min = least,   \
          .max = most, .required = true, __VA_ARGS__)

#define MESSAGE(key, record, table, ...)                                                           \
    {                                                                                              \
        .name = key, .name_size = sizeof key - 1, .record_size = sizeof(struct record),            \
        .fields = table, .field_count = COUNT_OF(table), __VA_ARGS__                               \
    }

/* Of enum assignment_state; defined beside the commands. */
extern const struct choice ASSIGNMENT_STATE_BITS[];

/* Every message, in the order of the reference; ends with NULL. */
extern const struct message *const ALL_MESSAGES[];

#endif
