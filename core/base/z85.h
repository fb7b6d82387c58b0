/*
 * z85.h - bytes as text that people can copy: ZeroMQ RFC 32.
 *
 * Four bytes are five characters. Every text has one meaning and every meaning one text.
 */
#ifndef CORE_BASE_Z85_H
#define CORE_BASE_Z85_H

#include "core/base/base.h"

/* Writes bytes.size / 4 * 5 characters, without a terminator. The size must be a multiple of 4. */
void z85_encode(struct bytes bytes, char *text);

/* Writes text.size / 5 * 4 bytes. STATUS_MALFORMED when the text is no Z85. */
MUST_USE enum status z85_decode(struct bytes text, uint8_t *bytes);

#endif
