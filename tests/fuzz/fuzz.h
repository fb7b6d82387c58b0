/*
 * fuzz.h - what a fuzz target is: bytes in, promises checked, the process stopped when one breaks.
 *
 * A target is one file NAME_fuzz.c with the three functions below. Linked with driver.c it is a
 * test: every seed, every file of corpus/NAME and some thousand seeded mutations of both. Linked
 * with libFuzzer or AFL++ it is what `./dev fuzz NAME` runs. What a fuzzer finds stays in
 * corpus/NAME.
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include "core/base/memory.h"

struct fuzz_sink {
    void *context;
    void (*give)(void *context, struct bytes bytes); /* Copies. */
};

/* Checks the promises over one input. Returns 0. The name is libFuzzer's. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Inputs that make sense, always the same ones. */
void fuzz_seeds(const struct fuzz_sink *sink);

/* Words that inputs are made of, for mutations and dictionaries. */
void fuzz_words(const struct fuzz_sink *sink);

static inline void fuzz_give(const struct fuzz_sink *sink, const struct buffer *buffer)
{
    sink->give(sink->context, buffer_view(buffer));
}

static inline void fuzz_give_text(const struct fuzz_sink *sink, const char *text)
{
    sink->give(sink->context, bytes_from_text(text));
}

/* Reads an input from its front; zeroes behind the end. */
static inline uint8_t fuzz_take_u8(struct bytes *input)
{
    if (input->size == 0) {
        return 0;
    }
    input->size--;
    return *input->data++;
}

static inline uint64_t fuzz_take_below(struct bytes *input, uint64_t limit)
{
    uint64_t value = fuzz_take_u8(input);

    if (limit > UINT8_MAX + 1) {
        value = value << 8 | fuzz_take_u8(input);
    }
    return value % limit;
}

/* At most `size` bytes. */
static inline struct bytes fuzz_take(struct bytes *input, size_t size)
{
    struct bytes taken = {.data = input->data, .size = min_u64(size, input->size)};

    if (taken.size > 0) {
        input->data += taken.size;
        input->size -= taken.size;
    }
    return taken;
}

/* Bytes up to a zero, which is passed over; all that is left when there is none. */
static inline struct bytes fuzz_take_word(struct bytes *input)
{
    size_t size = 0;

    while (size < input->size && input->data[size] != 0) {
        size++;
    }
    struct bytes word = fuzz_take(input, size);
    (void)fuzz_take(input, 1);
    return word;
}

/* A size (two bytes, big-endian) and as many bytes, as far as they go. */
static inline struct bytes fuzz_take_block(struct bytes *input)
{
    size_t high = fuzz_take_u8(input);
    size_t low = fuzz_take_u8(input);

    return fuzz_take(input, high << 8 | low);
}

static inline void fuzz_put_block(struct buffer *input, struct bytes block)
{
    uint8_t *size = buffer_extend(input, 2);

    size[0] = (uint8_t)(block.size >> 8);
    size[1] = (uint8_t)block.size;
    buffer_append(input, block.data, block.size);
}

#endif
