/*
 * A message's name, a zero, a body in JSON, as people type it.
 *
 * What is taken satisfies its table; its bytes and its JSON lead back to the same record.
 */
#include "tests/fuzz/messages.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes json = {data, size};
    const struct message *message = fuzz_message(fuzz_take_word(&json));
    struct arena arena = {0};
    struct refusal refusal = {0};

    if (message == NULL) {
        return 0;
    }
    void *record = arena_take(&arena, message->record_size);
    if (proto_from_json(message, json, &arena, record, &refusal) == STATUS_OK) {
        fuzz_check_record(message, record, &arena);
    } else {
        fuzz_check_refusal(&refusal);
    }
    arena_deinit(&arena);
    return 0;
}

void fuzz_seeds(const struct fuzz_sink *sink)
{
    fuzz_message_seeds(sink, FUZZ_JSON);
}

void fuzz_words(const struct fuzz_sink *sink)
{
    fuzz_message_words(sink, FUZZ_JSON);
    fuzz_give_text(sink, "null");
    fuzz_give_text(sink, "\\u0000");
    fuzz_give_text(sink, "1e300");
    fuzz_give_text(sink, "9223372036854775808");
}
