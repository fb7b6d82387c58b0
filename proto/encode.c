/*
 * encode.c - records to MessagePack, by msgpack-c's packer into our buffer.
 *
 * The packer chooses the shortest form of every number, and fields come in the table's
 * order: a record has one encoding.
 */
#include "proto/field.h"

#include <msgpack.h>
#include <string.h>

#define SHORT_TEXT 0xa0 /* MessagePack's fixstr: the size is in the head. */
#define SHORT_TEXT_SIZE_MAX 31

static void write_record(msgpack_packer *packer, const struct message *message, const void *record);

static int append_packed(void *target, const char *data, size_t size)
{
    buffer_append(target, data, size);
    return 0;
}

/* Keys and most texts are short: head and bytes at once. */
static void write_text(msgpack_packer *packer, struct bytes text)
{
    if (text.size > 0 && text.size <= SHORT_TEXT_SIZE_MAX) {
        uint8_t *room = buffer_extend(packer->data, 1 + text.size);
        room[0] = (uint8_t)(SHORT_TEXT | text.size);
        memcpy(room + 1, text.data, text.size);
        return;
    }
    msgpack_pack_str(packer, text.size);
    msgpack_pack_str_body(packer, text.data, text.size);
}

static void write_bin(msgpack_packer *packer, struct bytes data)
{
    msgpack_pack_bin(packer, data.size);
    msgpack_pack_bin_body(packer, data.data, data.size);
}

static void write_word(msgpack_packer *packer, const struct field *field, const void *record)
{
    char room[WORD_SIZE];

    write_text(packer, field_word(field, record, room));
}

static void write_uints(msgpack_packer *packer, const struct uint_list *list)
{
    msgpack_pack_array(packer, list->count);
    for (size_t i = 0; i < list->count; i++) {
        msgpack_pack_uint64(packer, list->items[i]);
    }
}

static void write_list(msgpack_packer *packer, const struct message *message,
                       const struct record_list *list)
{
    msgpack_pack_array(packer, list->count);
    for (size_t i = 0; i < list->count; i++) {
        write_record(packer, message, (const uint8_t *)list->items + i * message->record_size);
    }
}

static void write_field(msgpack_packer *packer, const struct field *field, const void *record)
{
    switch (field->type) {
    case FIELD_UINT:
    case FIELD_TIME:
        msgpack_pack_uint64(packer, field_uint(field, record));
        return;
    case FIELD_INT:
    case FIELD_DEGREES:
        msgpack_pack_int64(packer, field_int(field, record));
        return;
    case FIELD_BOOL:
        if (*(const bool *)field_value(field, record)) {
            msgpack_pack_true(packer);
        } else {
            msgpack_pack_false(packer);
        }
        return;
    case FIELD_TEXT:
        write_text(packer, field_bytes(field, record));
        return;
    case FIELD_BIN:
        write_bin(packer, field_bytes(field, record));
        return;
    case FIELD_DAY:
    case FIELD_CHOICE:
    case FIELD_SET:
        write_word(packer, field, record);
        return;
    case FIELD_RAW:
        buffer_append(packer->data, field_bytes(field, record).data,
                      field_bytes(field, record).size);
        return;
    case FIELD_UINTS:
        write_uints(packer, field_value(field, record));
        return;
    case FIELD_LIST:
        write_list(packer, field->message, field_value(field, record));
        return;
    }
    UNREACHABLE();
}

/* A bit for each field that is written. */
static uint64_t find_written(const struct message *message, const void *record)
{
    uint64_t written = 0;

    for (size_t i = 0; i < message->field_count; i++) {
        written |= (uint64_t)field_is_written(&message->fields[i], record) << i;
    }
    return written;
}

static void write_record(msgpack_packer *packer, const struct message *message, const void *record)
{
    if (message->is_bare) {
        write_field(packer, &message->fields[0], record);
        return;
    }
    uint64_t written = find_written(message, record);
    msgpack_pack_map(packer, (size_t)__builtin_popcountll(written));
    for (size_t i = 0; i < message->field_count; i++) {
        const struct field *field = &message->fields[i];
        if ((written >> i & 1) != 0) {
            write_text(packer, (struct bytes){(const uint8_t *)field->name, field->name_size});
            write_field(packer, field, record);
        }
    }
}

void proto_encode(const struct message *message, const void *record, struct buffer *target)
{
    struct refusal refusal;
    msgpack_packer packer;

    ENSURE(proto_check(message, record, &refusal) == STATUS_OK);
    msgpack_packer_init(&packer, target, append_packed);
    write_record(&packer, message, record);
}
