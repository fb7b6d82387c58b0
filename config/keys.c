/*
 * keys.c - the table of keys, and values from text and back.
 */
#include "config/keys.h"

#include "core/base/names.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_SIZE_MAX 200
#define DISTANCE_MAX 3
#define WEIGHT_MAX 1048575 /* The cost of a unit fits 20 bits (design 5.1). */

static const char *const LEVELS[] = {"debug", "info", "warn", "error", NULL};
static const char *const FORMATS[] = {"logfmt", "json", NULL};

#define NUMBER(in, key, standard_number, from, upto)                                               \
    {                                                                                              \
        .section = #in, .name = #key, .type = KEY_NUMBER,                                          \
        .offset = offsetof(struct config, in.key), .standard = #standard_number, .min = (from),    \
        .max = (upto)                                                                              \
    }
#define CHOICE(in, key, standard_word, list)                                                       \
    {                                                                                              \
        .section = #in, .name = #key, .type = KEY_CHOICE,                                          \
        .offset = offsetof(struct config, in.key), .standard = (standard_word), .words = (list)    \
    }
#define ENDPOINT(in)                                                                               \
    {                                                                                              \
        .section = #in, .name = "endpoint", .type = KEY_ENDPOINT,                                  \
        .offset = offsetof(struct config, in.endpoint), .standard = "", .max = TEXT_SIZE_MAX       \
    }

#define FILE_NAME(in, key)                                                                         \
    {                                                                                              \
        .section = #in, .name = #key, .type = KEY_TEXT, .offset = offsetof(struct config, in.key), \
        .standard = "", .max = TEXT_SIZE_MAX                                                       \
    }
#define REMOTE(key)                                                                                \
    {                                                                                              \
        .section = "client", .name = #key, .type = KEY_ENDPOINT,                                   \
        .offset = offsetof(struct config, client.key), .standard = "", .max = TEXT_SIZE_MAX        \
    }

const struct key CONFIG_KEYS[CONFIG_KEY_COUNT] = {
    {.section = "",
     .name = "data",
     .type = KEY_TEXT,
     .offset = offsetof(struct config, data),
     .standard = "maillon-data",
     .min = 1,
     .max = TEXT_SIZE_MAX},
    CHOICE(log, level, "info", LEVELS),
    CHOICE(log, format, "logfmt", FORMATS),
    FILE_NAME(keys, server),
    FILE_NAME(keys, first_admin),
    ENDPOINT(gateway),
    NUMBER(gateway, tick_seconds, 60, 1, 86400),
    NUMBER(gateway, ids_max, 50000000, 1, 1000000000),
    NUMBER(gateway, space_floor_mb, 256, 0, 1048576),
    NUMBER(match, kept_max, 32, 1, 256),
    NUMBER(match, per_kilometre, 1, 0, WEIGHT_MAX),
    NUMBER(match, other_region, 200, 0, WEIGHT_MAX),
    NUMBER(match, other_country, 2000, 0, WEIGHT_MAX),
    NUMBER(match, per_day_late, 500, 0, WEIGHT_MAX),
    NUMBER(match, per_substitute_rank, 100, 0, WEIGHT_MAX),
    NUMBER(match, not_recyclable, 20, 0, WEIGHT_MAX),
    NUMBER(match, stability_bonus, 50, 0, WEIGHT_MAX),
    NUMBER(allocate, tranche_1, 1, 0, 1000000),
    NUMBER(allocate, tranche_2, 4, 0, 1000000),
    NUMBER(allocate, tranche_3, 16, 0, 1000000),
    ENDPOINT(dispatch),
    NUMBER(dispatch, clients_max, 10000, 1, 1000000),
    NUMBER(dispatch, credit_max, 65536, 1, 16777216),
    NUMBER(dispatch, head_seconds, 5, 1, 3600),
    NUMBER(dispatch, keep_events, 0, 0, UINT32_MAX),
    NUMBER(journal, map_size_gb, 64, 1, 16384),
    NUMBER(journal, reserve_mb, 64, 0, 1048576),
    NUMBER(journal, checkpoint_entries, 200, 1, 1000000000),
    NUMBER(supervisor, restart_ms_min, 100, 1, 600000),
    NUMBER(supervisor, restart_ms_max, 5000, 1, 600000),
    NUMBER(supervisor, stop_seconds, 10, 1, 3600),
    REMOTE(gateway),
    REMOTE(dispatch),
    FILE_NAME(client, key),
    FILE_NAME(client, server_key),
};

const struct key *key_find(const char *section, const char *name)
{
    for (size_t i = 0; i < CONFIG_KEY_COUNT; i++) {
        const struct key *key = &CONFIG_KEYS[i];
        if (strcmp(key->section, section) == 0 && strcmp(key->name, name) == 0) {
            return key;
        }
    }
    return NULL;
}

void key_path(const struct key *key, char path[CONFIG_PATH_SIZE])
{
    int size = snprintf(path, CONFIG_PATH_SIZE, "%s%s%s", key->section,
                        key->section[0] == '\0' ? "" : ".", key->name);
    ENSURE(size > 0 && size < CONFIG_PATH_SIZE);
}

/* What may stand where `name` does not: at the top a section or a key, in a section its keys. The
 * nearest, or NULL when none is near. */
static const char *nearest_beside(const char *section, const char *name)
{
    const char *nearest = NULL;
    uint32_t distance_min = DISTANCE_MAX + 1;

    for (size_t i = 0; i < CONFIG_KEY_COUNT; i++) {
        const struct key *key = &CONFIG_KEYS[i];
        bool is_subsection = section[0] == '\0' && key->section[0] != '\0';
        if (!is_subsection && strcmp(key->section, section) != 0) {
            continue;
        }
        const char *candidate = is_subsection ? key->section : key->name;
        uint32_t distance = text_distance(bytes_from_text(candidate), bytes_from_text(name));
        if (distance < distance_min) {
            distance_min = distance;
            nearest = candidate;
        }
    }
    return nearest;
}

/* A key of that very name in another section, or NULL. */
static const struct key *find_elsewhere(const char *name)
{
    for (size_t i = 0; i < CONFIG_KEY_COUNT; i++) {
        if (strcmp(CONFIG_KEYS[i].name, name) == 0) {
            return &CONFIG_KEYS[i];
        }
    }
    return NULL;
}

void key_describe_unknown(const char *section, const char *name, struct buffer *problem)
{
    buffer_format(problem, "unknown key \"%s\"", name);
    if (section[0] != '\0') {
        buffer_format(problem, " in \"%s\"", section);
    }
    const struct key *elsewhere = find_elsewhere(name);
    const char *nearest = nearest_beside(section, name);
    if (elsewhere != NULL) {
        char path[CONFIG_PATH_SIZE];
        key_path(elsewhere, path);
        buffer_format(problem, "; did you mean \"%s\"", path);
    } else if (nearest != NULL) {
        buffer_format(problem, "; did you mean \"%s\"", nearest);
    }
}

/* Appends `"gateway.tick_seconds" must be ` for the rest to follow. */
static enum status refuse(const struct key *key, struct buffer *problem)
{
    char path[CONFIG_PATH_SIZE];

    key_path(key, path);
    buffer_format(problem, "\"%s\" must be ", path);
    return STATUS_INVALID;
}

static enum status set_number(struct config *config, const struct key *key, const char *value,
                              struct buffer *problem)
{
    size_t size = strlen(value);
    bool is_digits = size > 0 && strspn(value, "0123456789") == size;

    errno = 0;
    unsigned long long number = is_digits ? strtoull(value, NULL, 10) : 0;
    if (!is_digits || errno != 0 || number < key->min || number > key->max) {
        enum status status = refuse(key, problem);
        buffer_format(problem, "a whole number from %u to %u, not \"%.40s\"", key->min, key->max,
                      value);
        return status;
    }
    uint32_t stored = (uint32_t)number;
    memcpy((char *)config + key->offset, &stored, sizeof stored);
    return STATUS_OK;
}

static char *text_of(const struct config *config, const struct key *key)
{
    char *text = NULL;
    memcpy(&text, (const char *)config + key->offset, sizeof text);
    return text;
}

static void replace_text(struct config *config, const struct key *key, const char *value)
{
    size_t size = strlen(value) + 1;
    char *copy = memory_take(size, 1);

    memcpy(copy, value, size);
    free(text_of(config, key));
    memcpy((char *)config + key->offset, &copy, sizeof copy);
}

static bool is_plain_text(const char *value)
{
    for (const char *at = value; *at != '\0'; at++) {
        if ((unsigned char)*at < ' ' || *at == 0x7f) {
            return false;
        }
    }
    return true;
}

static enum status set_text(struct config *config, const struct key *key, const char *value,
                            struct buffer *problem)
{
    size_t size = strlen(value);

    if (size < key->min || size > key->max || !is_plain_text(value)) {
        enum status status = refuse(key, problem);
        buffer_format(problem, "text of %u to %u bytes without control characters", key->min,
                      key->max);
        return status;
    }
    replace_text(config, key, value);
    return STATUS_OK;
}

static enum status set_endpoint(struct config *config, const struct key *key, const char *value,
                                struct buffer *problem)
{
    if (value[0] != '\0' && strncmp(value, "ipc://", 6) != 0 && strncmp(value, "tcp://", 6) != 0) {
        enum status status = refuse(key, problem);
        buffer_format(problem, "empty or start with ipc:// or tcp://, not \"%.40s\"", value);
        return status;
    }
    return set_text(config, key, value, problem);
}

static enum status set_choice(struct config *config, const struct key *key, const char *value,
                              struct buffer *problem)
{
    for (size_t i = 0; key->words[i] != NULL; i++) {
        if (strcmp(key->words[i], value) == 0) {
            replace_text(config, key, value);
            return STATUS_OK;
        }
    }
    enum status status = refuse(key, problem);
    buffer_append_text(problem, "one of");
    for (size_t i = 0; key->words[i] != NULL; i++) {
        buffer_format(problem, "%s %s", i == 0 ? "" : ",", key->words[i]);
    }
    buffer_format(problem, ", not \"%.40s\"", value);
    return status;
}

enum status key_set(struct config *config, const struct key *key, const char *value,
                    struct buffer *problem)
{
    switch (key->type) {
    case KEY_TEXT:
        return set_text(config, key, value, problem);
    case KEY_NUMBER:
        return set_number(config, key, value, problem);
    case KEY_CHOICE:
        return set_choice(config, key, value, problem);
    case KEY_ENDPOINT:
        return set_endpoint(config, key, value, problem);
    }
    UNREACHABLE();
}

void key_release(struct config *config, const struct key *key)
{
    if (key->type != KEY_NUMBER) {
        free(text_of(config, key));
    }
}

void key_get(const struct config *config, const struct key *key, struct buffer *text)
{
    if (key->type == KEY_NUMBER) {
        uint32_t number = 0;
        memcpy(&number, (const char *)config + key->offset, sizeof number);
        buffer_format(text, "%u", number);
    } else {
        buffer_append_text(text, text_of(config, key));
    }
}

/* A limit of 0 switches its tranche off; those that are on must rise. */
static bool are_tranches_rising(const struct config *config)
{
    const uint32_t limits[] = {config->allocate.tranche_1, config->allocate.tranche_2,
                               config->allocate.tranche_3};
    uint32_t last = 0;

    for (size_t i = 0; i < COUNT_OF(limits); i++) {
        if (limits[i] != 0 && limits[i] <= last) {
            return false;
        }
        last = limits[i] != 0 ? limits[i] : last;
    }
    return true;
}

enum status keys_check(const struct config *config, struct buffer *problem)
{
    if (!are_tranches_rising(config)) {
        buffer_append_text(problem, "\"allocate.tranche_1\", \"allocate.tranche_2\" and "
                                    "\"allocate.tranche_3\" must rise, where they are not 0");
        return STATUS_INVALID;
    }
    if (config->supervisor.restart_ms_min > config->supervisor.restart_ms_max) {
        buffer_append_text(problem, "\"supervisor.restart_ms_min\" must not exceed "
                                    "\"supervisor.restart_ms_max\"");
        return STATUS_INVALID;
    }
    return STATUS_OK;
}
