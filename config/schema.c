/*
 * schema.c - a libcyaml schema, made from the table of keys.
 *
 * Every value is text for libcyaml, since file, environment and flags share one reader of values
 * (key_set). The fields of all sections write into one array of texts:
 *
 *     top      data | log ------> level | format | end
 *                   | gateway --> endpoint | tick_seconds | ... | end
 */
#include "config/schema.h"

#include <cyaml/cyaml.h>
#include <string.h>

#define FIELD_COUNT_MAX (2 * CONFIG_KEY_COUNT + 1) /* A key needs at most an end of its own. */
#define VALUE_SIZE_MAX 1024

struct schema {
    cyaml_schema_value_t document;
    cyaml_schema_field_t top[FIELD_COUNT_MAX];
    cyaml_schema_field_t inner[FIELD_COUNT_MAX]; /* The keys of each section, and an end. */
};

static const cyaml_config_t OPTIONS = {
    .mem_fn = cyaml_mem,
    .log_level = CYAML_LOG_ERROR,
    .flags = CYAML_CFG_NO_ALIAS | CYAML_CFG_STYLE_BLOCK,
};

static cyaml_schema_field_t text_field(size_t number)
{
    return (cyaml_schema_field_t){
        .key = CONFIG_KEYS[number].name,
        .value = {.type = CYAML_STRING,
                  .flags = CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
                  .data_size = 1,
                  .string = {.min = 0, .max = VALUE_SIZE_MAX}},
        .data_offset = (uint32_t)(offsetof(struct key_texts, of) + number * sizeof(char *)),
    };
}

static cyaml_schema_field_t section_field(const char *name, const cyaml_schema_field_t *fields)
{
    return (cyaml_schema_field_t){
        .key = name,
        .value = {.type = CYAML_MAPPING,
                  .flags = CYAML_FLAG_OPTIONAL,
                  .data_size = sizeof(struct key_texts),
                  .mapping = {.fields = fields}},
        .data_offset = 0,
    };
}

static void make_schema(struct schema *schema)
{
    size_t top_count = 0, inner_count = 0;
    const char *section = "";

    memset(schema, 0, sizeof *schema);
    for (size_t i = 0; i < CONFIG_KEY_COUNT; i++) {
        if (CONFIG_KEYS[i].section[0] == '\0') {
            schema->top[top_count++] = text_field(i);
            continue;
        }
        if (strcmp(CONFIG_KEYS[i].section, section) != 0) {
            section = CONFIG_KEYS[i].section;
            inner_count += inner_count > 0; /* Leaves a zero behind the section before. */
            schema->top[top_count++] = section_field(section, &schema->inner[inner_count]);
        }
        schema->inner[inner_count++] = text_field(i);
    }
    ENSURE(inner_count < FIELD_COUNT_MAX);
    schema->document = (cyaml_schema_value_t){
        .type = CYAML_MAPPING,
        .flags = CYAML_FLAG_POINTER,
        .data_size = sizeof(struct key_texts),
        .mapping = {.fields = schema->top},
    };
}

enum status schema_read(struct bytes yaml, struct key_texts **texts)
{
    struct schema schema;
    cyaml_data_t *read = NULL;

    make_schema(&schema);
    if (cyaml_load_data(yaml.data, yaml.size, &OPTIONS, &schema.document, &read, NULL) !=
        CYAML_OK) {
        return STATUS_MALFORMED;
    }
    *texts = read;
    return STATUS_OK;
}

void schema_free(struct key_texts *texts)
{
    struct schema schema;

    make_schema(&schema);
    cyaml_err_t code = cyaml_free(&OPTIONS, &schema.document, texts, 0);
    ENSURE(code == CYAML_OK);
}

void schema_write(const struct key_texts *texts, struct buffer *yaml)
{
    struct schema schema;
    char *written = NULL;
    size_t size = 0;

    make_schema(&schema);
    cyaml_err_t code = cyaml_save_data(&written, &size, &OPTIONS, &schema.document, texts, 0);
    ENSURE(code == CYAML_OK);
    buffer_append(yaml, written, size);
    cyaml_mem(NULL, written, 0);
}
