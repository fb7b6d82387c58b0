/*
 * A message's name, a field's name and a cell, each with a zero behind it.
 *
 * What is taken satisfies its field, and written as text again it gives the same value. Integers
 * are compared with the C library's reading of them.
 */
#include "proto/number.h"
#include "tests/fuzz/messages.h"
#include "tests/unit/proto_records.h"

#include <errno.h>

/* The value as a cell; false when it has no such form or is too large for one. */
static bool write_cell(const struct field *field, const void *record, struct buffer *cell)
{
    char room[WORD_SIZE];
    char degrees[DEGREES_TEXT_SIZE];
    char time[TIME_TEXT_SIZE + 1];

    switch (field->type) {
    case FIELD_UINT:
        buffer_format(cell, "%" PRIu64, field_uint(field, record));
        return true;
    case FIELD_INT:
        buffer_format(cell, "%" PRId64, field_int(field, record));
        return true;
    case FIELD_DEGREES:
        degrees_to_text(field_int(field, record), degrees);
        buffer_append_text(cell, degrees);
        return true;
    case FIELD_BOOL:
        buffer_append_text(cell, *(const bool *)field_value(field, record) ? "true" : "false");
        return true;
    case FIELD_TIME:
        time_to_text(field_uint(field, record), time);
        buffer_append_text(cell, time);
        return true;
    case FIELD_TEXT:
        buffer_append(cell, field_bytes(field, record).data, field_bytes(field, record).size);
        return true;
    case FIELD_DAY:
    case FIELD_CHOICE:
    case FIELD_SET: {
        struct bytes word = field_word(field, record, room);
        buffer_append(cell, word.data, word.size);
        return true;
    }
    case FIELD_BIN:
    case FIELD_RAW:
    case FIELD_UINTS:
    case FIELD_LIST:
        return false;
    }
    UNREACHABLE();
}

static void check_value(const struct message *message, const struct field *field,
                        const void *record, struct arena *arena)
{
    struct refusal refusal = {0};
    struct buffer first = {0};
    struct buffer second = {0};
    void *back = arena_take(arena, message->record_size);

    ENSURE(field_check(field, record, &refusal) == STATUS_OK);
    if (write_cell(field, record, &first) && first.size > 0) {
        ENSURE(proto_from_cell(field, buffer_view(&first), arena, back, &refusal) == STATUS_OK);
        ENSURE(write_cell(field, back, &second));
        ENSURE(bytes_equal(buffer_view(&first), buffer_view(&second)));
    }
    buffer_deinit(&first);
    buffer_deinit(&second);
}

/* Digits, as the C library reads them. */
static void check_number(struct bytes cell)
{
    struct buffer text = {0};
    uint64_t number = 0;
    size_t digit_count = 0;

    buffer_append(&text, cell.data, cell.size);
    buffer_append(&text, "", 1);
    digit_count = strspn((const char *)text.data, "0123456789");
    errno = 0;
    uint64_t slow = strtoull((const char *)text.data, NULL, 10);
    bool is_number = cell.size > 0 && digit_count == cell.size && errno == 0;
    ENSURE((uint_from_text(cell, &number) == STATUS_OK) == is_number);
    ENSURE(!is_number || number == slow);
    buffer_deinit(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes cell = {data, size};
    const struct message *message = fuzz_message(fuzz_take_word(&cell));
    struct bytes name = fuzz_take_word(&cell);
    const struct field *field = message == NULL ? NULL : proto_field(message, name);
    struct arena arena = {0};
    struct refusal refusal = {0};

    check_number(cell);
    if (field == NULL) {
        return 0;
    }
    void *record = arena_take(&arena, message->record_size);
    if (proto_from_cell(field, cell, &arena, record, &refusal) != STATUS_OK) {
        fuzz_check_refusal(&refusal);
    } else if (cell.size == 0) {
        ENSURE(field->type == FIELD_BOOL || field_is_absent(field, record));
    } else if (!field_is_absent(field, record)) {
        check_value(message, field, record, &arena);
    }
    arena_deinit(&arena);
    return 0;
}

/* What the writer says of one field of a random record. */
static void give_cell(const struct fuzz_sink *sink, const struct message *message,
                      const struct field *field, struct arena *arena)
{
    uint64_t random = hash_bytes(field->name, field->name_size);
    void *record = arena_take(arena, message->record_size);
    struct buffer input = {0};

    random_record(message, &random, arena, record);
    buffer_append(&input, message->name, (size_t)message->name_size + 1);
    buffer_append(&input, field->name, (size_t)field->name_size + 1);
    if (!field_is_absent(field, record)) {
        (void)write_cell(field, record, &input);
    }
    fuzz_give(sink, &input);
    buffer_deinit(&input);
}

void fuzz_seeds(const struct fuzz_sink *sink)
{
    struct arena arena = {0};

    for (size_t i = 0; ALL_MESSAGES[i] != NULL; i++) {
        for (size_t j = 0; j < ALL_MESSAGES[i]->field_count; j++) {
            give_cell(sink, ALL_MESSAGES[i], &ALL_MESSAGES[i]->fields[j], &arena);
            arena_reset(&arena);
        }
    }
    arena_deinit(&arena);
}

void fuzz_words(const struct fuzz_sink *sink)
{
    static const char *const words[] = {
        "true",    "2020-04-02", "9999-12-31", "18446744073709551615", "-9223372036854775808",
        "44.8378", "-0.0000005", "T23:59:60Z", "offerer|supplier",     "1582-10-10"};

    for (size_t i = 0; ALL_MESSAGES[i] != NULL; i++) {
        fuzz_give_text(sink, ALL_MESSAGES[i]->name);
    }
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        fuzz_give_text(sink, words[i]);
    }
}
