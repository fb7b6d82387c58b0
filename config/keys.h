/*
 * keys.h - every key of the configuration: its place, its default and its bounds.
 *
 * The table is the one truth: file, environment, flags, sample and documents follow it.
 * Values arrive as text from all of them and are read in one place.
 */
#ifndef CONFIG_KEYS_H
#define CONFIG_KEYS_H

#include "config/config.h"
#include "core/base/memory.h"

#define CONFIG_KEY_COUNT 35
#define CONFIG_PATH_SIZE 64 /* "section.name" with its terminator. */

enum key_type { KEY_TEXT, KEY_NUMBER, KEY_CHOICE, KEY_ENDPOINT };

struct key {
    const char *section; /* "" at the top. */
    const char *name;
    enum key_type type;
    size_t offset;            /* In struct config. */
    const char *standard;     /* The default, as text. */
    uint32_t min, max;        /* Of a number; of a text its bytes. */
    const char *const *words; /* Of a choice; ends with NULL. */
};

extern const struct key CONFIG_KEYS[CONFIG_KEY_COUNT]; /* Keys of one section stand together. */

const struct key *key_find(const char *section, const char *name); /* NULL when there is none. */
void key_path(const struct key *key, char path[CONFIG_PATH_SIZE]);

/* Appends "unknown key ..." with the nearest known one. */
void key_describe_unknown(const char *section, const char *name, struct buffer *problem);

/* Reads `value` into the key's place. STATUS_INVALID appends why to `problem` and changes
 * nothing. */
MUST_USE enum status key_set(struct config *config, const struct key *key, const char *value,
                             struct buffer *problem);

/* Appends the value as key_set reads it. */
void key_get(const struct config *config, const struct key *key, struct buffer *text);

/* Frees the value of a key that is a text; the configuration is of no use then. */
void key_release(struct config *config, const struct key *key);

/* What only several keys together can break. STATUS_INVALID appends what to `problem`. */
MUST_USE enum status keys_check(const struct config *config, struct buffer *problem);

/* Sets what the YAML file at `path` gives. Problems start with "path:line:column: ". */
MUST_USE enum status file_read(struct config *config, const char *path, struct buffer *problem);

#endif
