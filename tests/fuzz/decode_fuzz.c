/*
 * A message's name, a zero, a body in MessagePack: every decoder that the tables make.
 *
 * What is taken is canonical, also to msgpack-c; it satisfies its table; its bytes and its JSON
 * lead back to the same record. What is not taken is refused in words that can be sent.
 */
#include "tests/fuzz/messages.h"
#include "tests/unit/msgpack_oracle.h"

/* Counts of 32 bits, which msgpack-c believes. */
static bool is_safe_for_oracle(struct bytes body)
{
    return body.size > 0 && memchr(body.data, 0xdd, body.size) == NULL &&
           memchr(body.data, 0xdf, body.size) == NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes body = {data, size};
    const struct message *message = fuzz_message(fuzz_take_word(&body));
    struct arena arena = {0};
    struct refusal refusal = {0};

    if (message == NULL) {
        return 0;
    }
    void *record = arena_take(&arena, message->record_size);
    if (proto_decode(message, body, &arena, record, &refusal) == STATUS_OK) {
        ENSURE(proto_is_canonical(body));
        ENSURE(!is_safe_for_oracle(body) || oracle_accepts(body));
        fuzz_check_record(message, record, &arena);
    } else {
        fuzz_check_refusal(&refusal);
    }
    arena_deinit(&arena);
    return 0;
}

void fuzz_seeds(const struct fuzz_sink *sink)
{
    fuzz_message_seeds(sink, FUZZ_PACKED);
}

void fuzz_words(const struct fuzz_sink *sink)
{
    fuzz_message_words(sink, FUZZ_PACKED);
}
