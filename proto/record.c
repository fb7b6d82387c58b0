/*
 * record.c - whole records against their tables.
 */
#include "proto/field.h"

#include <string.h>

void proto_clear(const struct message *message, void *record)
{
    memset(record, 0, message->record_size);
    for (size_t i = 0; i < message->field_count; i++) {
        field_clear(&message->fields[i], record);
    }
}

/* A required boolean has no value that means "not given", nor has a list that may be empty. */
static bool is_missing(const struct field *field)
{
    return field->required && field->type != FIELD_BOOL &&
           !((field->type == FIELD_LIST || field->type == FIELD_UINTS) && field->min == 0);
}

enum status proto_check(const struct message *message, const void *record, struct refusal *refusal)
{
    for (size_t i = 0; i < message->field_count; i++) {
        const struct field *field = &message->fields[i];
        if (field_is_absent(field, record)) {
            if (is_missing(field)) {
                return refuse_missing(refusal, field);
            }
            continue;
        }
        enum status status = field_check(field, record, refusal);
        if (status != STATUS_OK) {
            return status;
        }
    }
    return message->check == NULL ? STATUS_OK : message->check(record, refusal);
}

const struct field *proto_field(const struct message *message, struct bytes name)
{
    for (size_t i = 0; i < message->field_count; i++) {
        const struct field *field = &message->fields[i];
        if (field->name_size == name.size && memcmp(field->name, name.data, name.size) == 0) {
            return field;
        }
    }
    return NULL;
}
