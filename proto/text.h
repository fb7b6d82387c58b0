/*
 * text.h - what kind of text some bytes are.
 *
 * Text that arrives is UTF-8 (RFC 3629). Text in a field has no control characters either:
 * whatever was accepted can be printed on a terminal or into a CSV file as it is.
 */
#ifndef PROTO_TEXT_H
#define PROTO_TEXT_H

#include "core/base/base.h"

enum text_class {
    TEXT_PLAIN,
    TEXT_CONTROL, /* UTF-8, with control characters (C0, DEL, C1). */
    TEXT_BROKEN,  /* Not UTF-8. */
};

enum text_class text_classify(struct bytes text);

/* Makes `text` plain in place: '?' for control characters, an end that is cut gone. It must be the
 * beginning of UTF-8 text. */
void text_make_plain(char *text);

#endif
