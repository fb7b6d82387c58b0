#include "core/base/z85.h"

#include <string.h>

#define BYTES_PER_GROUP 4
#define CHARACTERS_PER_GROUP 5
#define RADIX 85u

static const char CHARACTERS[RADIX + 1] =
    "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWX"
    "YZ.-:+=^!/*?&<>()[]{}@%$#";

void z85_encode(struct bytes bytes, char *text)
{
    ENSURE(bytes.size % BYTES_PER_GROUP == 0);
    for (size_t at = 0; at < bytes.size; at += BYTES_PER_GROUP) {
        uint32_t value = load_u32_be(bytes.data + at);
        for (size_t i = CHARACTERS_PER_GROUP; i > 0; i--) {
            text[i - 1] = CHARACTERS[value % RADIX];
            value /= RADIX;
        }
        text += CHARACTERS_PER_GROUP;
    }
}

/* The value of a group; above 32 bits when it has none. */
static uint64_t value_of(const uint8_t *group)
{
    uint64_t value = 0;

    for (size_t i = 0; i < CHARACTERS_PER_GROUP; i++) {
        const char *found = memchr(CHARACTERS, group[i], RADIX);
        if (found == NULL) {
            return UINT64_MAX;
        }
        value = value * RADIX + (uint64_t)(found - CHARACTERS);
    }
    return value;
}

enum status z85_decode(struct bytes text, uint8_t *bytes)
{
    if (text.size % CHARACTERS_PER_GROUP != 0) {
        return STATUS_MALFORMED;
    }
    for (size_t at = 0; at < text.size; at += CHARACTERS_PER_GROUP) {
        uint64_t value = value_of(text.data + at);
        if (value > UINT32_MAX) {
            return STATUS_MALFORMED;
        }
        store_u32_be(bytes, (uint32_t)value);
        bytes += BYTES_PER_GROUP;
    }
    return STATUS_OK;
}
