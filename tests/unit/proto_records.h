/*
 * proto_records.h - seeded random records of any message.
 */
#ifndef TESTS_UNIT_PROTO_RECORDS_H
#define TESTS_UNIT_PROTO_RECORDS_H

#include "core/base/z85.h"
#include "proto/table.h"
#include "tests/harness.h"

#define TRY_COUNT_MAX 10000

static inline void random_record(const struct message *message, uint64_t *random,
                                 struct arena *arena, void *record);

static inline uint64_t random_between(uint64_t *random, uint64_t min, uint64_t max)
{
    switch (random_below(random, 4)) {
    case 0:
        return min;
    case 1:
        return max;
    case 2:
        return min + random_below(random, min_u64(max - min, 300) + 1);
    default:
        return max - min == UINT64_MAX ? random_next(random)
                                       : min + random_below(random, max - min + 1);
    }
}

static inline struct bytes random_bytes(uint64_t *random, struct arena *arena, size_t size)
{
    uint8_t *data = arena_take(arena, size + 1);

    for (size_t i = 0; i < size; i++) {
        data[i] = (uint8_t)random_next(random);
    }
    return (struct bytes){data, size};
}

/* Printable, with characters of one to four bytes. */
static inline struct bytes random_text(uint64_t *random, struct arena *arena, size_t size)
{
    static const char *const wide[] = {"\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\xb7"};
    uint8_t *data = arena_take(arena, size + 1);
    size_t at = 0;

    while (at < size) {
        const char *next = wide[random_below(random, COUNT_OF(wide))];
        size_t next_size = strlen(next);
        if (random_below(random, 8) != 0 || at + next_size > size) {
            data[at++] = (uint8_t)(' ' + random_below(random, 0x5f));
        } else {
            memcpy(data + at, next, next_size);
            at += next_size;
        }
    }
    return (struct bytes){data, size};
}

static inline struct bytes random_raw(uint64_t *random, struct arena *arena)
{
    static const struct message *const inner[] = {&NEED_PUT, &ASSIGNMENT_ACCEPT, &CREDIT, &REPORT};
    const struct message *message = inner[random_below(random, COUNT_OF(inner))];
    void *record = arena_take(arena, message->record_size);
    struct buffer bytes = {0};

    random_record(message, random, arena, record);
    proto_encode(message, record, &bytes);
    struct bytes copy = arena_copy(arena, buffer_view(&bytes));
    buffer_deinit(&bytes);
    return copy;
}

static inline void random_lists(const struct field *field, uint64_t *random, struct arena *arena,
                                void *slot)
{
    size_t min = (size_t)field->min;
    size_t count = min + (size_t)random_below(random, min_u64((uint64_t)field->max - min, 3) + 1);

    if (field->type == FIELD_UINTS) {
        struct uint_list list = {arena_take(arena, count * sizeof(uint64_t)), count};
        for (size_t i = 0; i < count; i++) {
            list.items[i] = random_between(random, 0, UINT64_MAX);
        }
        *(struct uint_list *)slot = list;
        return;
    }
    size_t size = field->message->record_size;
    struct record_list list = {arena_take(arena, count * size), count};
    for (size_t i = 0; i < count; i++) {
        random_record(field->message, random, arena, (uint8_t *)list.items + i * size);
    }
    *(struct record_list *)slot = list;
}

static inline uint64_t random_choice(const struct field *field, uint64_t *random)
{
    size_t count = 0;

    while (field->choices[count].name != NULL) {
        count++;
    }
    uint64_t value = field->choices[random_below(random, count)].value;
    uint64_t other = field->choices[random_below(random, count)].value;
    return field->type == FIELD_SET ? value | other : value;
}

/* Text of that very size is a public key. */
static inline struct bytes random_key(uint64_t *random, struct arena *arena)
{
    uint8_t bytes[KEY_TEXT_SIZE / 5 * 4];
    char *text = arena_take(arena, KEY_TEXT_SIZE);

    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)random_next(random);
    }
    z85_encode((struct bytes){bytes, sizeof bytes}, text);
    return (struct bytes){(const uint8_t *)text, KEY_TEXT_SIZE};
}

static inline void random_field(const struct field *field, uint64_t *random, struct arena *arena,
                                void *record)
{
    void *slot = field_slot(field, record);
    uint64_t min = (uint64_t)field->min;
    uint64_t max = (uint64_t)field->max;

    switch (field->type) {
    case FIELD_UINT:
    case FIELD_TIME:
        *(uint64_t *)slot = random_between(random, min, max == INT64_MAX ? UINT64_MAX : max);
        return;
    case FIELD_INT:
    case FIELD_DAY:
    case FIELD_DEGREES:
        *(int64_t *)slot = field->min + (int64_t)random_between(random, 0, max - min);
        return;
    case FIELD_BOOL:
        *(bool *)slot = random_below(random, 2) == 1;
        return;
    case FIELD_TEXT:
        if (min == KEY_TEXT_SIZE && max == KEY_TEXT_SIZE) {
            *(struct bytes *)slot = random_key(random, arena);
            return;
        }
        *(struct bytes *)slot =
            random_text(random, arena, (size_t)random_between(random, min, min_u64(max, 70)));
        return;
    case FIELD_BIN:
        *(struct bytes *)slot =
            random_bytes(random, arena, (size_t)random_between(random, min, min_u64(max, 300)));
        return;
    case FIELD_CHOICE:
    case FIELD_SET:
        *(uint64_t *)slot = random_choice(field, random);
        return;
    case FIELD_RAW:
        *(struct bytes *)slot = random_raw(random, arena);
        return;
    case FIELD_UINTS:
    case FIELD_LIST:
        random_lists(field, random, arena, slot);
        return;
    }
}

/* A record that satisfies its table; rules between fields are met by trying again. */
static inline void random_record(const struct message *message, uint64_t *random,
                                 struct arena *arena, void *record)
{
    struct refusal refusal;

    for (uint32_t try = 0; try < TRY_COUNT_MAX; try++) {
        proto_clear(message, record);
        for (size_t i = 0; i < message->field_count; i++) {
            if (message->fields[i].required || random_below(random, 3) > 0) {
                random_field(&message->fields[i], random, arena, record);
            }
        }
        if (proto_check(message, record, &refusal) == STATUS_OK) {
            return;
        }
    }
    fail_case();
}

#endif
