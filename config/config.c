/*
 * config.c - defaults, then the file, then the environment, then flags.
 */
#include "config/schema.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define VARIABLE_PREFIX "MAILLON_"
#define SOCKET_PATH_SIZE_MAX 107 /* sun_path holds 108 with the terminator. */

extern char **environ;

static void report(const struct buffer *text, char problem[CONFIG_PROBLEM_SIZE])
{
    struct bytes view = buffer_view(text);
    (void)snprintf(problem, CONFIG_PROBLEM_SIZE, "%.*s", BYTES_ARGS(view));
}

static void set_defaults(struct config *config)
{
    for (size_t i = 0; i < CONFIG_KEY_COUNT; i++) {
        struct buffer problem = {0};
        enum status status = key_set(config, &CONFIG_KEYS[i], CONFIG_KEYS[i].standard, &problem);
        ENSURE(status == STATUS_OK);
    }
}

/* "gateway.tick_seconds" as MAILLON_GATEWAY_TICK_SECONDS; "gateway." as MAILLON_GATEWAY_. */
static void variable_name(const char *path, char variable[CONFIG_PATH_SIZE + 8])
{
    size_t size = 0;

    for (const char *at = VARIABLE_PREFIX; *at != '\0'; at++) {
        variable[size++] = *at;
    }
    for (; *path != '\0'; path++) {
        variable[size++] = *path == '.' ? '_' : (char)toupper((unsigned char)*path);
    }
    variable[size] = '\0';
}

static const struct key *find_variable(const char *text, size_t name_size)
{
    for (size_t i = 0; i < CONFIG_KEY_COUNT; i++) {
        char path[CONFIG_PATH_SIZE];
        char variable[CONFIG_PATH_SIZE + 8];
        key_path(&CONFIG_KEYS[i], path);
        variable_name(path, variable);
        if (strlen(variable) == name_size && strncmp(variable, text, name_size) == 0) {
            return &CONFIG_KEYS[i];
        }
    }
    return NULL;
}

/* The section that a variable starts with, or NULL: MAILLON_HOME is not ours to refuse, and
 * MAILLON_GATEWAY_PROT is. */
static const char *find_variable_section(const char *text)
{
    for (size_t i = 0; i < CONFIG_KEY_COUNT; i++) {
        char variable[CONFIG_PATH_SIZE + 8];
        variable_name(CONFIG_KEYS[i].section, variable);
        size_t size = strlen(variable);
        if (CONFIG_KEYS[i].section[0] != '\0' && strncmp(variable, text, size) == 0 &&
            text[size] == '_') {
            return CONFIG_KEYS[i].section;
        }
    }
    return NULL;
}

static enum status refuse_variable(const char *section, const char *text, size_t name_size,
                                   struct buffer *problem)
{
    char name[CONFIG_PATH_SIZE] = "";
    size_t start = strlen(VARIABLE_PREFIX) + strlen(section) + 1;

    for (size_t i = 0; start + i < name_size && i + 1 < sizeof name; i++) {
        name[i] = (char)tolower((unsigned char)text[start + i]);
    }
    key_describe_unknown(section, name, problem);
    return STATUS_INVALID;
}

static enum status read_variable(struct config *config, const char *text, struct buffer *problem)
{
    const char *sign = strchr(text, '=');
    if (sign == NULL || strncmp(text, VARIABLE_PREFIX, strlen(VARIABLE_PREFIX)) != 0) {
        return STATUS_OK;
    }
    size_t name_size = (size_t)(sign - text);
    const struct key *key = find_variable(text, name_size);
    const char *section = find_variable_section(text);
    if (key == NULL && section == NULL) {
        return STATUS_OK;
    }

    size_t kept = problem->size;
    buffer_format(problem, "environment %.*s: ", (int)name_size, text);
    enum status status = key != NULL ? key_set(config, key, sign + 1, problem)
                                     : refuse_variable(section, text, name_size, problem);
    if (status == STATUS_OK) {
        problem->size = kept;
    }
    return status;
}

static enum status read_environment(struct config *config, struct buffer *problem)
{
    enum status status = STATUS_OK;

    for (char **variable = environ; *variable != NULL && status == STATUS_OK; variable++) {
        status = read_variable(config, *variable, problem);
    }
    return status;
}

static enum status read_all(struct config *config, const char *path, struct buffer *problem)
{
    enum status status = path != NULL ? file_read(config, path, problem) : STATUS_OK;
    if (status == STATUS_OK) {
        status = read_environment(config, problem);
    }
    if (status == STATUS_OK) {
        status = keys_check(config, problem);
    }
    return status;
}

enum status config_open(const char *path, struct config **config, char problem[CONFIG_PROBLEM_SIZE])
{
    struct config *opened = memory_take(1, sizeof *opened);
    struct buffer text = {0};

    set_defaults(opened);
    enum status status = read_all(opened, path, &text);
    if (status == STATUS_OK) {
        *config = opened;
    } else {
        report(&text, problem);
        config_close(opened);
    }
    buffer_deinit(&text);
    return status;
}

void config_close(struct config *config)
{
    if (config == NULL) {
        return;
    }
    for (size_t i = 0; i < CONFIG_KEY_COUNT; i++) {
        key_release(config, &CONFIG_KEYS[i]);
    }
    free(config);
}

/* Splits "section.name" and finds the key, or appends what is wrong with it. */
static const struct key *find_path(const char *path, struct buffer *problem)
{
    char section[CONFIG_PATH_SIZE] = "";
    const char *dot = strchr(path, '.');
    size_t size = dot != NULL ? (size_t)(dot - path) : 0;

    if (size < sizeof section) {
        memcpy(section, path, size);
    }
    const char *name = dot != NULL ? dot + 1 : path;
    const struct key *key = key_find(section, name);
    if (key == NULL) {
        key_describe_unknown(section, name, problem);
    }
    return key;
}

static enum status set_checked(struct config *config, const char *path, const char *value,
                               struct buffer *problem)
{
    const struct key *key = find_path(path, problem);
    if (key == NULL) {
        return STATUS_INVALID;
    }

    struct buffer before = {0};
    key_get(config, key, &before);
    buffer_append(&before, "", 1);
    enum status status = key_set(config, key, value, problem);
    if (status == STATUS_OK) {
        status = keys_check(config, problem);
        if (status != STATUS_OK) { /* A refusal changes nothing. */
            struct buffer ignored = {0};
            enum status undone = key_set(config, key, (const char *)before.data, &ignored);
            ENSURE(undone == STATUS_OK);
        }
    }
    buffer_deinit(&before);
    return status;
}

enum status config_set(struct config *config, const char *key, const char *value,
                       char problem[CONFIG_PROBLEM_SIZE])
{
    struct buffer text = {0};

    enum status status = set_checked(config, key, value, &text);
    if (status != STATUS_OK) {
        report(&text, problem);
    }
    buffer_deinit(&text);
    return status;
}

void config_print(const struct config *config, FILE *file)
{
    struct buffer values = {0}, yaml = {0};
    size_t starts[CONFIG_KEY_COUNT];
    struct key_texts texts;

    for (size_t i = 0; i < CONFIG_KEY_COUNT; i++) {
        starts[i] = values.size;
        key_get(config, &CONFIG_KEYS[i], &values);
        buffer_append(&values, "", 1);
    }
    for (size_t i = 0; i < CONFIG_KEY_COUNT; i++) {
        texts.of[i] = (char *)values.data + starts[i];
    }
    schema_write(&texts, &yaml);
    (void)fwrite(yaml.data, 1, yaml.size, file);
    buffer_deinit(&yaml);
    buffer_deinit(&values);
}

enum status config_endpoint(const struct config *config, const char *name,
                            char endpoint[CONFIG_ENDPOINT_SIZE])
{
    const struct key *key = key_find(name, "endpoint");
    struct buffer text = {0};

    if (key != NULL) {
        key_get(config, key, &text);
    }
    if (text.size == 0) {
        buffer_format(&text, "ipc://%s/run/%s", config->data, name);
    }
    struct bytes view = buffer_view(&text);
    bool is_socket = view.size >= 6 && memcmp(view.data, "ipc://", 6) == 0;
    size_t size_max = is_socket ? 6 + SOCKET_PATH_SIZE_MAX : CONFIG_ENDPOINT_SIZE - 1;
    enum status status = view.size <= size_max ? STATUS_OK : STATUS_TOO_LARGE;
    if (status == STATUS_OK) {
        memcpy(endpoint, view.data, view.size);
        endpoint[view.size] = '\0';
    }
    buffer_deinit(&text);
    return status;
}

bool config_is_remote(const char *endpoint)
{
    return strncmp(endpoint, "tcp://", strlen("tcp://")) == 0;
}

void config_key_file(const struct config *config, const char *name, char path[CONFIG_FILE_SIZE])
{
    static const struct {
        const char *name, *file;
    } files[] = {{"server", "server"}, {"first_admin", "admin.pub"}};
    const struct key *key = key_find("keys", name);
    struct buffer text = {0};

    ENSURE(key != NULL);
    key_get(config, key, &text);
    for (size_t i = 0; i < COUNT_OF(files) && text.size == 0; i++) {
        if (strcmp(files[i].name, name) == 0) {
            buffer_format(&text, "%s/keys/%s", config->data, files[i].file);
        }
    }
    ENSURE(text.size < CONFIG_FILE_SIZE); /* Texts of a configuration are short. */
    memcpy(path, text.data, text.size);
    path[text.size] = '\0';
    buffer_deinit(&text);
}
