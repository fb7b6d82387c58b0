/*
 * Any bytes as one value: the bounded cursor and msgpack-c must agree on what is canonical, and
 * exactly that can be printed as JSON, which jansson reads.
 */
#include "tests/fuzz/messages.h"
#include "tests/unit/msgpack_oracle.h"

#include <jansson.h>

static void check_json(struct bytes value)
{
    struct buffer json = {0};

    ENSURE(proto_value_to_json(value, &json) == STATUS_OK);
    if (memmem(json.data, json.size, "\\u0000", 6) == NULL) { /* In a key jansson refuses it. */
        json_t *read = json_loadb((const char *)json.data, json.size,
                                  JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, NULL);
        ENSURE(read != NULL);
        json_decref(read);
    }
    buffer_deinit(&json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes value = {data, size};
    struct buffer json = {0};
    bool is_canonical = proto_is_canonical(value);

    if (size > 0 && memchr(data, 0xdd, size) == NULL && memchr(data, 0xdf, size) == NULL) {
        ENSURE(is_canonical == oracle_accepts(value));
    }
    if (is_canonical) {
        check_json(value);
    } else {
        ENSURE(proto_value_to_json(value, &json) == STATUS_MALFORMED);
        ENSURE(json.size == 0);
    }
    return 0;
}

struct body_sink {
    const struct fuzz_sink *sink;
};

static void give_body(void *context, struct bytes input)
{
    const struct body_sink *bodies = context;

    (void)fuzz_take_word(&input);
    bodies->sink->give(bodies->sink->context, input);
}

void fuzz_seeds(const struct fuzz_sink *sink)
{
    struct body_sink bodies = {sink};
    const struct fuzz_sink inner = {&bodies, give_body};

    fuzz_message_seeds(&inner, FUZZ_PACKED);
}

void fuzz_words(const struct fuzz_sink *sink)
{
    fuzz_message_words(sink, FUZZ_PACKED);
}
