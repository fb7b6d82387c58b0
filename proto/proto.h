/*
 * proto.h - what is said: one table per message.
 *
 * A table lists a message's fields: name, type, bounds, whether it must be there, since
 * which version. The same table decodes MessagePack and JSON into a record, checks it,
 * encodes it, and prints its reference. A record is a C struct (core/model/record.h or
 * proto/messages.h) whose members the table points at.
 *
 * MessagePack is read with a bounded cursor and only in canonical form: a map with text
 * keys in any order, no key twice, minimal integers, valid UTF-8, depth at most 8, nothing
 * behind the end. Unknown keys are skipped. Writing uses the table's order, so that the
 * same record gives the same bytes.
 */
#ifndef PROTO_PROTO_H
#define PROTO_PROTO_H

#include "core/base/memory.h"

#define PROTO_VERSION 1
#define PROTO_DEPTH_MAX 8
#define PROTO_LIST_COUNT_MAX 65536
#define PROTO_MAP_COUNT_MAX 64 /* Keys of one map, known and unknown. */
#define PROTO_JSON_SIZE_MAX ((size_t)8 * 1024 * 1024)

enum field_type {
    FIELD_UINT,    /* uint64_t between min and max; INT64_MAX stands for no upper bound */
    FIELD_INT,     /* int64_t between min and max */
    FIELD_BOOL,    /* bool */
    FIELD_TEXT,    /* struct bytes, UTF-8 without control characters, min to max bytes */
    FIELD_BIN,     /* struct bytes, min to max bytes; hexadecimal in JSON */
    FIELD_DAY,     /* int64_t, `YYYY-MM-DD` text */
    FIELD_TIME,    /* uint64_t milliseconds UTC; in JSON RFC 3339 text */
    FIELD_DEGREES, /* int64_t micro-degrees; in JSON a decimal number, exact */
    FIELD_CHOICE,  /* uint64_t: the value of one of `choices`; text outside */
    FIELD_SET,     /* uint64_t: bits of `choices`; text outside, names joined by | */
    FIELD_RAW,     /* struct bytes: any one map, kept as it came (bounded, well formed) */
    FIELD_UINTS,   /* struct uint_list: an array of unsigned integers, min to max items */
    FIELD_LIST,    /* struct record_list: an array of `message` records, min to max items */
};

struct uint_list {
    uint64_t *items;
    size_t count;
};

struct record_list {
    void *items; /* `count` records of the list's message, one behind the other. */
    size_t count;
};

struct choice {
    const char *name;
    uint64_t value;
};

struct message;
struct refusal;

struct field {
    const char *name;
    uint8_t name_size;
    uint8_t since; /* Version of the protocol. */
    bool required;
    enum field_type type;
    size_t offset; /* In the record. */
    int64_t min;
    int64_t max;
    int64_t absent;               /* What a number, day or choice becomes when not given. */
    const char *absent_text;      /* What a text becomes when not given; NULL: empty. */
    const struct choice *choices; /* Ends with a NULL name. */
    const struct message *message;
    const char *text; /* One line for the reference. */
};

/* Rules between the fields of a record that each hold alone; the refusal names one of them. */
typedef enum status (*check_fn)(const void *record, struct refusal *refusal);

struct message {
    const char *name; /* "need.put" */
    uint8_t name_size;
    bool is_bare;  /* Its one field stands alone, without a map around it. */
    uint16_t kind; /* enum kind, or 0 for messages that are never journaled */
    size_t record_size;
    const struct field *fields;
    size_t field_count; /* At most 64. */
    check_fn check;     /* Optional. */
    const char *text;
};

/* Why input was refused: code is one of "malformed", "missing", "type", "range", "too_large",
 * "unknown", ... (proto/messages.h lists them); field is its path ("commands[3].quantity"). */
struct refusal {
    const char *code; /* Static text. */
    char field[80];
    char why[240];
};

/* Reads a record. Views point into `body`; lists lie in `arena`. Writes `*record` in full, also
 * fields not given. STATUS_MALFORMED (bytes that are no such message) or STATUS_INVALID
 * (a field breaks its rule); both fill `refusal` and leave `*record` half written. */
MUST_USE enum status proto_decode(const struct message *message, struct bytes body,
                                  struct arena *arena, void *record, struct refusal *refusal);

/* Appends the canonical form. The record must satisfy its table (ENSURE). Fields equal to
 * their `absent` value are left out, unless they are required. */
void proto_encode(const struct message *message, const void *record, struct buffer *target);

/* The same with JSON. Text from JSON is copied into `arena`. Unknown keys are refused with the
 * nearest known one, since JSON is typed by people; null is "not given". Integers beyond
 * INT64_MAX are text, since few readers of JSON keep them. */
MUST_USE enum status proto_from_json(const struct message *message, struct bytes json,
                                     struct arena *arena, void *record, struct refusal *refusal);
void proto_to_json(const struct message *message, const void *record, struct buffer *target);

/* One cell of text as CSV and command lines carry it ("7", "2020-04-02", "offerer|supplier",
 * "44.83"). An empty cell is "not given". */
MUST_USE enum status proto_from_cell(const struct field *field, struct bytes cell,
                                     struct arena *arena, void *record, struct refusal *refusal);
/* Sets every field of the record to its `absent` value; proto_check then says which is missing. */
void proto_clear(const struct message *message, void *record);
/* Whether a record filled cell by cell, or by a program, satisfies its table. */
MUST_USE enum status proto_check(const struct message *message, const void *record,
                                 struct refusal *refusal);

const struct field *proto_field(const struct message *message, struct bytes name);

/* True when `bytes` start with exactly one well-formed, canonical value and end with it. */
bool proto_is_canonical(struct bytes bytes);

/* JSON of any canonical value, for bodies without a table. */
MUST_USE enum status proto_value_to_json(struct bytes body, struct buffer *target);

/* The reference of all messages as Markdown (docs/protocol.md). */
void proto_reference(struct buffer *target);
/* The same tables for programs: one JSON object a line for each message. */
void proto_reference_json(struct buffer *target);

#endif
