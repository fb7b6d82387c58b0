/*
 * text.c - UTF-8 after RFC 3629, section 4: no overlong forms, no surrogates, nothing
 * above U+10FFFF. Plain ASCII, which is most text, is checked eight bytes at a time.
 */
#include "proto/text.h"

#include <string.h>

#define EVERY_BYTE(value) (0x0101010101010101u * (uint64_t)(value))

/* True when all eight bytes lie between 0x20 and 0x7e. The subtractions borrow only beside a byte
 * that fails anyway, so there is no false "true". */
static bool is_plain_word(uint64_t word)
{
    uint64_t below_space = word - EVERY_BYTE(0x20);
    uint64_t deleted = (word ^ EVERY_BYTE(0x7f)) - EVERY_BYTE(1);

    return ((word | below_space | deleted) & EVERY_BYTE(0x80)) == 0;
}

static bool is_control(uint8_t byte)
{
    return byte < 0x20 || byte == 0x7f;
}

static bool is_continuation(uint8_t byte)
{
    return (byte & 0xc0) == 0x80;
}

/* Bytes of the sequence that `lead` begins; 0 when none begins so. */
static size_t sequence_size(uint8_t lead)
{
    if (lead < 0x80) {
        return 1;
    }
    if (lead < 0xc2 || lead > 0xf4) {
        return 0;
    }
    return lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
}

/* The second byte of some sequences is bounded further than by 80..bf. */
static bool is_second(uint8_t lead, uint8_t second)
{
    switch (lead) {
    case 0xe0:
        return second >= 0xa0 && second <= 0xbf;
    case 0xed:
        return second >= 0x80 && second <= 0x9f;
    case 0xf0:
        return second >= 0x90 && second <= 0xbf;
    case 0xf4:
        return second >= 0x80 && second <= 0x8f;
    default:
        return is_continuation(second);
    }
}

/* Bytes of the sequence at the start of `left` bytes, 0 when it is broken or cut. */
static size_t take_sequence(const uint8_t *at, size_t left)
{
    size_t size = sequence_size(at[0]);

    if (size == 0 || size > left || (size > 1 && !is_second(at[0], at[1]))) {
        return 0;
    }
    for (size_t i = 2; i < size; i++) {
        if (!is_continuation(at[i])) {
            return 0;
        }
    }
    return size;
}

static enum text_class classify_sequences(struct bytes text)
{
    enum text_class class = TEXT_PLAIN;
    size_t i = 0;

    while (i < text.size) {
        uint8_t lead = text.data[i];
        size_t size = take_sequence(text.data + i, text.size - i);
        if (size == 0) {
            return TEXT_BROKEN;
        }
        if (is_control(lead) || (lead == 0xc2 && text.data[i + 1] < 0xa0)) {
            class = TEXT_CONTROL;
        }
        i += size;
    }
    return class;
}

/* Most text: ASCII. The last word overlaps the one before it; shorter text is put into a word of
 * blanks. */
static bool is_plain(struct bytes text)
{
    uint64_t word = EVERY_BYTE(' ');

    if (text.size < sizeof word) {
        for (size_t i = 0; i < text.size; i++) {
            word = word << 8 | text.data[i];
        }
        return is_plain_word(word);
    }
    for (size_t i = 0; i + sizeof word <= text.size; i += sizeof word) {
        memcpy(&word, text.data + i, sizeof word);
        if (!is_plain_word(word)) {
            return false;
        }
    }
    memcpy(&word, text.data + text.size - sizeof word, sizeof word);
    return is_plain_word(word);
}

enum text_class text_classify(struct bytes text)
{
    if (is_plain(text)) {
        return TEXT_PLAIN;
    }
    return classify_sequences(text);
}

void text_make_plain(char *text)
{
    uint8_t *at = (uint8_t *)text;
    size_t left = strlen(text);

    while (left > 0) {
        size_t size = take_sequence(at, left);
        if (size == 0) {
            break;
        }
        if (is_control(at[0])) {
            at[0] = '?';
        } else if (at[0] == 0xc2 && at[1] < 0xa0) {
            memcpy(at, "??", 2);
        }
        at += size;
        left -= size;
    }
    *at = '\0';
}
