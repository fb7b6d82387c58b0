/*
 * reference_json.c - the tables of all messages for programs: one JSON object a line.
 */
#include "proto/table.h"

#include <inttypes.h>

/* Names in the tables are plain words: nothing in them has to be escaped. */
static void print_choices(const struct field *field, struct buffer *target)
{
    buffer_append_text(target, ",\"choices\":[");
    for (size_t i = 0; field->choices[i].name != NULL; i++) {
        buffer_format(target, "%s\"%s\"", i == 0 ? "" : ",", field->choices[i].name);
    }
    buffer_append_text(target, "]");
}

static void print_field(const struct field *field, struct buffer *target)
{
    buffer_format(target, "{\"name\":\"%s\",\"type\":\"%s\",\"required\":%s", field->name,
                  field_type_name(field->type), field->required ? "true" : "false");
    if (field->choices != NULL) {
        print_choices(field, target);
    } else {
        buffer_format(target, ",\"min\":%" PRId64 ",\"max\":%" PRId64, field->min, field->max);
    }
    if (field->message != NULL) {
        buffer_format(target, ",\"item\":\"%s\"", field->message->name);
    }
    buffer_append_text(target, "}");
}

void proto_reference_json(struct buffer *target)
{
    for (size_t i = 0; ALL_MESSAGES[i] != NULL; i++) {
        const struct message *message = ALL_MESSAGES[i];
        buffer_format(target, "{\"name\":\"%s\",\"kind\":%u,\"fields\":[", message->name,
                      message->kind);
        for (size_t j = 0; j < message->field_count; j++) {
            buffer_append_text(target, j == 0 ? "" : ",");
            print_field(&message->fields[j], target);
        }
        buffer_append_text(target, "]}\n");
    }
}
