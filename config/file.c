/*
 * file.c - the configuration's YAML file.
 *
 * libcyaml reads it by the schema. It knows an unknown key only by the place of its mapping, so
 * when something is wrong libyaml's document tells the place of every key and value.
 */
#include "config/schema.h"

#include <errno.h>
#include <string.h>
#include <yaml.h>

#define FILE_SIZE_MAX ((size_t)1024 * 1024)

struct source {
    const char *path;
    struct bytes yaml;
};

static enum status read_bytes(const char *path, struct buffer *bytes, struct buffer *problem)
{
    FILE *file = fopen(path, "rbe");
    if (file == NULL) {
        buffer_format(problem, "%s: %s", path, strerror(errno));
        return errno == ENOENT ? STATUS_NOT_FOUND : STATUS_IO;
    }
    uint8_t *room = buffer_extend(bytes, FILE_SIZE_MAX + 1);
    bytes->size = fread(room, 1, FILE_SIZE_MAX + 1, file);
    bool is_read = ferror(file) == 0;
    int code = errno;
    (void)fclose(file);

    if (!is_read) {
        buffer_format(problem, "%s: %s", path, strerror(code));
        return STATUS_IO;
    }
    if (bytes->size > FILE_SIZE_MAX) {
        buffer_format(problem, "%s: larger than %zu bytes", path, FILE_SIZE_MAX);
        return STATUS_INVALID;
    }
    return STATUS_OK;
}

/* A document with the place where what is wrong with it is told. */
struct reading {
    yaml_document_t *document;
    const char *path;
    struct buffer *problem;
};

/* Appends "path:line:column: ". */
static void write_place(const struct reading *reading, yaml_mark_t mark)
{
    buffer_format(reading->problem, "%s:%zu:%zu: ", reading->path, mark.line + 1, mark.column + 1);
}

typedef void (*root_visit)(const struct reading *reading, yaml_node_t *root, const void *context);

/* Calls `visit` with the document's root, NULL when it is empty. A syntax error is told instead. */
static void visit_root(const struct source *source, root_visit visit, const void *context,
                       struct buffer *problem)
{
    yaml_parser_t parser;
    yaml_document_t document;
    const struct reading reading = {&document, source->path, problem};

    int is_made = yaml_parser_initialize(&parser);
    ENSURE(is_made);
    yaml_parser_set_input_string(&parser, source->yaml.data, source->yaml.size);
    if (yaml_parser_load(&parser, &document)) {
        visit(&reading, yaml_document_get_root_node(&document), context);
        yaml_document_delete(&document);
    } else {
        write_place(&reading, parser.problem_mark);
        buffer_append_text(problem, parser.problem != NULL ? parser.problem : "not YAML");
    }
    yaml_parser_delete(&parser);
}

static const char *scalar_of(const yaml_node_t *node)
{
    return node->type == YAML_SCALAR_NODE ? (const char *)node->data.scalar.value : "";
}

static bool is_section(const char *name)
{
    for (size_t i = 0; i < CONFIG_KEY_COUNT; i++) {
        if (name[0] != '\0' && strcmp(CONFIG_KEYS[i].section, name) == 0) {
            return true;
        }
    }
    return false;
}

/* The value of `name` in a mapping, in pairs before `end` (NULL: in all), or NULL. */
static yaml_node_t *find_value(const struct reading *reading, const yaml_node_t *mapping,
                               const char *name, const yaml_node_pair_t *end)
{
    if (mapping == NULL || mapping->type != YAML_MAPPING_NODE) {
        return NULL;
    }
    for (yaml_node_pair_t *pair = mapping->data.mapping.pairs.start;
         pair < mapping->data.mapping.pairs.top && pair != end; pair++) {
        if (strcmp(scalar_of(yaml_document_get_node(reading->document, pair->key)), name) == 0) {
            return yaml_document_get_node(reading->document, pair->value);
        }
    }
    return NULL;
}

/* Tells what is wrong with one key of `section` and its value; false when nothing is. A section is
 * left to explain_section. */
static bool explain_pair(const struct reading *reading, const char *section, const yaml_node_t *key,
                         const yaml_node_t *value)
{
    const char *name = scalar_of(key);

    if (section[0] == '\0' && is_section(name)) {
        return false;
    }
    if (key_find(section, name) == NULL) {
        write_place(reading, key->start_mark);
        key_describe_unknown(section, name, reading->problem);
        return true;
    }
    if (value->type != YAML_SCALAR_NODE) {
        write_place(reading, value->start_mark);
        buffer_format(reading->problem, "\"%s%s%s\" must be a single value", section,
                      section[0] == '\0' ? "" : ".", name);
        return true;
    }
    return false;
}

/* Tells the first thing in the mapping of `section` that the keys do not allow. */
static bool explain_section(const struct reading *reading, const char *section,
                            const yaml_node_t *mapping)
{
    if (mapping->type != YAML_MAPPING_NODE) {
        write_place(reading, mapping->start_mark);
        if (section[0] == '\0') {
            buffer_append_text(reading->problem, "the file must hold keys with values");
        } else {
            buffer_format(reading->problem, "\"%s\" must hold keys with values, or be left out",
                          section);
        }
        return true;
    }
    for (yaml_node_pair_t *pair = mapping->data.mapping.pairs.start;
         pair < mapping->data.mapping.pairs.top; pair++) {
        yaml_node_t *key = yaml_document_get_node(reading->document, pair->key);
        yaml_node_t *value = yaml_document_get_node(reading->document, pair->value);

        if (explain_pair(reading, section, key, value)) {
            return true;
        }
        if (find_value(reading, mapping, scalar_of(key), pair) != NULL) {
            write_place(reading, key->start_mark);
            buffer_format(reading->problem, "\"%s\" is given twice", scalar_of(key));
            return true;
        }
        if (section[0] == '\0' && is_section(scalar_of(key)) &&
            explain_section(reading, scalar_of(key), value)) {
            return true;
        }
    }
    return false;
}

static void explain_document(const struct reading *reading, yaml_node_t *root, const void *context)
{
    (void)context;
    if (root == NULL || !explain_section(reading, "", root)) {
        /* YAML allows it and libcyaml does not: an alias, or a text without an end in sight. */
        buffer_format(reading->problem, "%s:1:1: neither aliases nor overlong values are read",
                      reading->path);
    }
}

static void locate_value(const struct reading *reading, yaml_node_t *root, const void *context)
{
    const struct key *key = context;
    const yaml_node_t *mapping =
        key->section[0] == '\0' ? root : find_value(reading, root, key->section, NULL);
    const yaml_node_t *value = find_value(reading, mapping, key->name, NULL);

    ENSURE(value != NULL);
    write_place(reading, value->start_mark);
}

static enum status apply(struct config *config, const struct source *source,
                         const struct key_texts *texts, struct buffer *problem)
{
    for (size_t i = 0; i < CONFIG_KEY_COUNT; i++) {
        struct buffer why = {0};
        const struct key *key = &CONFIG_KEYS[i];
        if (texts->of[i] == NULL || key_set(config, key, texts->of[i], &why) == STATUS_OK) {
            continue;
        }
        visit_root(source, locate_value, key, problem);
        buffer_append(problem, why.data, why.size);
        buffer_deinit(&why);
        return STATUS_INVALID;
    }
    return STATUS_OK;
}

static enum status read_yaml(struct config *config, const struct source *source,
                             struct buffer *problem)
{
    struct key_texts *texts = NULL;

    if (schema_read(source->yaml, &texts) != STATUS_OK) {
        visit_root(source, explain_document, NULL, problem);
        return STATUS_INVALID;
    }
    if (texts == NULL) { /* Nothing but comments. */
        return STATUS_OK;
    }
    enum status status = apply(config, source, texts, problem);
    schema_free(texts);
    return status;
}

enum status file_read(struct config *config, const char *path, struct buffer *problem)
{
    struct buffer bytes = {0};

    enum status status = read_bytes(path, &bytes, problem);
    if (status == STATUS_OK) {
        status = read_yaml(config, &(struct source){path, buffer_view(&bytes)}, problem);
    }
    buffer_deinit(&bytes);
    return status;
}
