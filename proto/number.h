/*
 * number.h - numbers that people type, exactly: no floating point on the way.
 */
#ifndef PROTO_NUMBER_H
#define PROTO_NUMBER_H

#include "core/base/base.h"

#define DEGREES_TEXT_SIZE 24

/* Digits alone, up to UINT64_MAX; STATUS_MALFORMED else. */
MUST_USE enum status uint_from_text(struct bytes text, uint64_t *number);

/* Digits with an optional sign; STATUS_MALFORMED else. */
MUST_USE enum status int_from_text(struct bytes text, int64_t *number);

/* `-1.5`, `44.83779`: micro-degrees, rounded half away from zero behind the sixth decimal.
 * STATUS_MALFORMED else. */
MUST_USE enum status degrees_from_text(struct bytes text, int64_t *micro_degrees);

/* The shortest decimal that reads back the same. */
void degrees_to_text(int64_t micro_degrees, char text[DEGREES_TEXT_SIZE]);

#endif
