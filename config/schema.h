/*
 * schema.h - the keys as the YAML library wants them: text in, text out.
 */
#ifndef CONFIG_SCHEMA_H
#define CONFIG_SCHEMA_H

#include "config/keys.h"

/* The value of each key as text, NULL where it is not given. */
struct key_texts {
    char *of[CONFIG_KEY_COUNT];
};

/* Reads a YAML document. The caller owns `*texts` (schema_free), NULL when the document gives
 * nothing. STATUS_MALFORMED when it is not what the keys allow. */
MUST_USE enum status schema_read(struct bytes yaml, struct key_texts **texts);
void schema_free(struct key_texts *texts);

/* Appends a YAML document. */
void schema_write(const struct key_texts *texts, struct buffer *yaml);

#endif
