/*
 * number.c - decimal digits to integers, and back.
 */
#include "proto/number.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define DECIMALS 6
#define MICRO 1000000

static bool is_digit(uint8_t byte)
{
    return byte >= '0' && byte <= '9';
}

enum status uint_from_text(struct bytes text, uint64_t *number)
{
    uint64_t value = 0;

    for (size_t i = 0; i < text.size; i++) {
        if (!is_digit(text.data[i]) || !multiply_u64(value, 10, &value) ||
            !add_u64(value, text.data[i] - (uint64_t)'0', &value)) {
            return STATUS_MALFORMED;
        }
    }
    if (text.size == 0) {
        return STATUS_MALFORMED;
    }
    *number = value;
    return STATUS_OK;
}

/* Passes a leading minus. */
static bool take_sign(struct bytes *text)
{
    if (text->size == 0 || text->data[0] != '-') {
        return false;
    }
    text->data++;
    text->size--;
    return true;
}

enum status int_from_text(struct bytes text, int64_t *number)
{
    bool is_negative = take_sign(&text);
    uint64_t value = 0;

    if (uint_from_text(text, &value) != STATUS_OK || value > INT64_MAX) {
        return STATUS_MALFORMED;
    }
    *number = is_negative ? -(int64_t)value : (int64_t)value;
    return STATUS_OK;
}

/* Digits behind the point, as millionths. */
static enum status read_decimals(struct bytes text, uint64_t *millionths)
{
    uint64_t value = 0;

    for (size_t i = 0; i < text.size; i++) {
        if (!is_digit(text.data[i])) {
            return STATUS_MALFORMED;
        }
        value = i < DECIMALS ? value * 10 + (text.data[i] - (uint64_t)'0') : value;
    }
    for (size_t i = text.size; i < DECIMALS; i++) {
        value *= 10;
    }
    *millionths = value + (text.size > DECIMALS && text.data[DECIMALS] >= '5');
    return text.size == 0 ? STATUS_MALFORMED : STATUS_OK;
}

enum status degrees_from_text(struct bytes text, int64_t *micro_degrees)
{
    bool is_negative = take_sign(&text);
    const uint8_t *point = text.size == 0 ? NULL : memchr(text.data, '.', text.size);
    size_t whole_size = point == NULL ? text.size : (size_t)(point - text.data);
    uint64_t whole = 0;
    uint64_t millionths = 0;

    if (uint_from_text((struct bytes){text.data, whole_size}, &whole) != STATUS_OK) {
        return STATUS_MALFORMED;
    }
    if (point != NULL && read_decimals((struct bytes){point + 1, text.size - whole_size - 1},
                                       &millionths) != STATUS_OK) {
        return STATUS_MALFORMED;
    }
    /* Far beyond any bound; kept small so that nothing overflows. */
    int64_t value = (int64_t)(min_u64(whole, 1000) * MICRO + millionths);
    *micro_degrees = is_negative ? -value : value;
    return STATUS_OK;
}

void degrees_to_text(int64_t micro_degrees, char text[DEGREES_TEXT_SIZE])
{
    uint64_t size = micro_degrees < 0 ? 0 - (uint64_t)micro_degrees : (uint64_t)micro_degrees;
    uint64_t decimals = size % MICRO;
    int width = DECIMALS;

    if (decimals == 0) {
        snprintf(text, DEGREES_TEXT_SIZE, "%s%" PRIu64, micro_degrees < 0 ? "-" : "", size / MICRO);
        return;
    }
    for (; decimals % 10 == 0; decimals /= 10) {
        width--;
    }
    snprintf(text, DEGREES_TEXT_SIZE, "%s%" PRIu64 ".%0*" PRIu64, micro_degrees < 0 ? "-" : "",
             size / MICRO, width, decimals);
}
