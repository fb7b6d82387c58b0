/*
 * cell.c - one cell of a CSV file or one argument of a command line.
 */
#include "proto/field.h"
#include "proto/number.h"

static enum status set_flag(const struct field *field, struct bytes cell, void *record,
                            struct refusal *refusal)
{
    bool is_true = bytes_equal(cell, bytes_from_text("true"));

    if (!is_true && !bytes_equal(cell, bytes_from_text("false"))) {
        return refuse(refusal, CODE_TYPE, field->name, "must be true or false");
    }
    *(bool *)field_slot(field, record) = is_true;
    return STATUS_OK;
}

static enum status set_unsigned(const struct field *field, struct bytes cell, void *record,
                                struct refusal *refusal)
{
    uint64_t number = 0;
    int64_t negative = 0;

    if (uint_from_text(cell, &number) == STATUS_OK) {
        return field_set_uint(field, number, record, refusal);
    }
    if (int_from_text(cell, &negative) == STATUS_OK) {
        return refuse(refusal, CODE_RANGE, field->name, "must not be negative");
    }
    return refuse_type(refusal, field);
}

static enum status set_signed(const struct field *field, struct bytes cell, void *record,
                              struct refusal *refusal)
{
    int64_t number = 0;
    enum status status = field->type == FIELD_DEGREES ? degrees_from_text(cell, &number)
                                                      : int_from_text(cell, &number);

    return status == STATUS_OK ? field_set_int(field, number, record, refusal)
                               : refuse_type(refusal, field);
}

enum status proto_from_cell(const struct field *field, struct bytes cell, struct arena *arena,
                            void *record, struct refusal *refusal)
{
    if (cell.size == 0) {
        field_clear(field, record);
        return STATUS_OK;
    }
    switch (field->type) {
    case FIELD_UINT:
        return set_unsigned(field, cell, record, refusal);
    case FIELD_INT:
    case FIELD_DEGREES:
        return set_signed(field, cell, record, refusal);
    case FIELD_BOOL:
        return set_flag(field, cell, record, refusal);
    case FIELD_TEXT:
        return field_set_bytes(field, arena_copy(arena, cell), record, refusal);
    case FIELD_BIN:
        return field_set_hexadecimal(field, cell, arena, record, refusal);
    case FIELD_TIME:
        return field_set_time(field, cell, record, refusal);
    case FIELD_DAY:
    case FIELD_CHOICE:
    case FIELD_SET:
        return field_set_word(field, cell, record, refusal);
    case FIELD_RAW:
    case FIELD_UINTS:
    case FIELD_LIST:
        return refuse(refusal, CODE_TYPE, field->name, "does not fit into a cell");
    }
    UNREACHABLE();
}
