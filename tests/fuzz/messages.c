/*
 * messages.c - records of all tables, and the laws of the round trip.
 */
#include "tests/fuzz/messages.h"

#include "proto/text.h"
#include "tests/unit/proto_records.h"

#include <string.h>

#define RECORDS_PER_MESSAGE 3
#define SEED_SIZE_MAX 4096 /* Fuzzers like them small. */

const struct message *fuzz_message(struct bytes name)
{
    for (size_t i = 0; ALL_MESSAGES[i] != NULL; i++) {
        if (bytes_equal(name, bytes_from_text(ALL_MESSAGES[i]->name))) {
            return ALL_MESSAGES[i];
        }
    }
    return NULL;
}

static void write_body(const struct message *message, const void *record, enum fuzz_form form,
                       struct buffer *target)
{
    if (form == FUZZ_PACKED) {
        proto_encode(message, record, target);
    } else {
        proto_to_json(message, record, target);
    }
}

void fuzz_message_seeds(const struct fuzz_sink *sink, enum fuzz_form form)
{
    struct arena arena = {0};
    struct buffer input = {0};

    for (size_t i = 0; ALL_MESSAGES[i] != NULL; i++) {
        const struct message *message = ALL_MESSAGES[i];
        uint64_t random = hash_bytes(message->name, message->name_size);
        for (size_t j = 0; j < RECORDS_PER_MESSAGE; j++) {
            void *record = arena_take(&arena, message->record_size);
            random_record(message, &random, &arena, record);
            input.size = 0;
            buffer_append(&input, message->name, (size_t)message->name_size + 1);
            write_body(message, record, form, &input);
            if (input.size <= SEED_SIZE_MAX) {
                fuzz_give(sink, &input);
            }
            arena_reset(&arena);
        }
    }
    buffer_deinit(&input);
    arena_deinit(&arena);
}

/* A text as it stands in a body. */
static void give_text(const struct fuzz_sink *sink, enum fuzz_form form, const char *text)
{
    struct buffer word = {0};
    size_t size = strlen(text);

    if (form == FUZZ_JSON) {
        buffer_format(&word, "\"%s\":", text);
    } else {
        *buffer_extend(&word, 1) = (uint8_t)(0xa0 | size);
        buffer_append(&word, text, size);
    }
    if (size < 32) {
        fuzz_give(sink, &word);
    }
    buffer_deinit(&word);
}

static void give_field(const struct fuzz_sink *sink, enum fuzz_form form, const struct field *field)
{
    give_text(sink, form, field->name);
    for (size_t i = 0; field->choices != NULL && field->choices[i].name != NULL; i++) {
        give_text(sink, form, field->choices[i].name);
    }
}

void fuzz_message_words(const struct fuzz_sink *sink, enum fuzz_form form)
{
    for (size_t i = 0; ALL_MESSAGES[i] != NULL; i++) {
        const struct message *message = ALL_MESSAGES[i];
        sink->give(sink->context,
                   (struct bytes){(const uint8_t *)message->name, (size_t)message->name_size + 1});
        for (size_t j = 0; j < message->field_count; j++) {
            give_field(sink, form, &message->fields[j]);
        }
    }
}

void fuzz_check_refusal(const struct refusal *refusal)
{
    ENSURE(refusal->code != NULL);
    ENSURE(refusal->code[0] != '\0');
    ENSURE(refusal->why[0] != '\0');
    ENSURE(memchr(refusal->field, '\0', sizeof refusal->field) != NULL);
    ENSURE(memchr(refusal->why, '\0', sizeof refusal->why) != NULL);
    /* It goes to clients as fields that must be plain text. */
    ENSURE(text_classify(bytes_from_text(refusal->field)) == TEXT_PLAIN);
    ENSURE(text_classify(bytes_from_text(refusal->why)) == TEXT_PLAIN);
}

static bool has_raw(const struct message *message)
{
    for (size_t i = 0; i < message->field_count; i++) {
        const struct field *field = &message->fields[i];
        if (field->type == FIELD_RAW || (field->type == FIELD_LIST && has_raw(field->message))) {
            return true;
        }
    }
    return false;
}

static struct bytes encode(const struct message *message, const void *record, struct arena *arena)
{
    struct buffer buffer = {0};

    proto_encode(message, record, &buffer);
    struct bytes copy = arena_copy(arena, buffer_view(&buffer));
    buffer_deinit(&buffer);
    return copy;
}

static void check_bytes(const struct message *message, struct bytes bytes, struct arena *arena)
{
    struct refusal refusal = {0};
    void *back = arena_take(arena, message->record_size);

    ENSURE(proto_is_canonical(bytes));
    ENSURE(proto_decode(message, bytes, arena, back, &refusal) == STATUS_OK);
    ENSURE(bytes_equal(encode(message, back, arena), bytes));
}

/* Bytes and integers beyond 63 bits inside a RAW value come back from JSON as text. */
static void check_json(const struct message *message, const void *record, struct bytes bytes,
                       struct arena *arena)
{
    struct refusal refusal = {0};
    struct buffer first = {0};
    struct buffer second = {0};
    void *back = arena_take(arena, message->record_size);

    proto_to_json(message, record, &first);
    enum status status = proto_from_json(message, buffer_view(&first), arena, back, &refusal);
    if (status == STATUS_OK) {
        proto_to_json(message, back, &second);
        ENSURE(bytes_equal(buffer_view(&first), buffer_view(&second)));
        ENSURE(has_raw(message) || bytes_equal(encode(message, back, arena), bytes));
    } else {
        ENSURE(has_raw(message)); /* As text a RAW value may be too large. */
        fuzz_check_refusal(&refusal);
    }
    buffer_deinit(&first);
    buffer_deinit(&second);
}

void fuzz_check_record(const struct message *message, const void *record, struct arena *arena)
{
    struct refusal refusal = {0};

    ENSURE(proto_check(message, record, &refusal) == STATUS_OK);
    struct bytes bytes = encode(message, record, arena);
    check_bytes(message, bytes, arena);
    check_json(message, record, bytes, arena);
}
