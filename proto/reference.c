/*
 * reference.c - docs/protocol.md, from the tables and the words around them.
 */
#include "proto/table.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char introduction[] =
    "# Protocol\n"
    "\n"
    "This page is printed by `maillon-reference` from the tables in `proto/`; a test compares "
    "the two.\n"
    "\n"
    "## Frames\n"
    "\n"
    "A message is two ZeroMQ frames, `[header, body]`, each one MessagePack map. The header says "
    "the version of the\nprotocol (`v`), the name of the message (`t`) and an id that who asks "
    "chose (`id`); an answer repeats the id.\n"
    "\n"
    "MessagePack is accepted in canonical form only: maps with text keys in any order and no key "
    "twice, integers, sizes\nand counts in their shortest form, valid UTF-8, no floating-point "
    "numbers, no extension types, no bytes behind the\nend. Unknown keys are skipped, so that "
    "fields can be added; a key never changes its meaning. What we send has the\nkeys in the "
    "order of the tables, and fields equal to their default are left out unless they are "
    "required.\n"
    "\n"
    "## Types\n"
    "\n"
    "| type | MessagePack | JSON | cell |\n"
    "| --- | --- | --- | --- |\n"
    "| unsigned integer | integer | number; beyond 2^63-1 digits as text | digits |\n"
    "| integer | integer | number | digits |\n"
    "| boolean | boolean | boolean | `true`, `false` |\n"
    "| text | str, without control characters | text | as it is |\n"
    "| binary | bin | hexadecimal text | hexadecimal |\n"
    "| day | str `YYYY-MM-DD` | text | the same |\n"
    "| time | integer, milliseconds since 1970 UTC | RFC 3339 text, or milliseconds | RFC 3339 "
    "text |\n"
    "| degrees | integer, millionths | number | decimal number |\n"
    "| choice | str | text | the same |\n"
    "| set | str, names joined by <code>&#124;</code> | text | the same |\n"
    "| map | map | object | |\n"
    "| list | array | array | |\n"
    "\n"
    "In JSON an unknown key is refused, with the nearest known one, and `null` means \"not "
    "given\". An empty cell means\n\"not given\"; the columns `party_id`, `product_id`, `need_id` "
    "and `offer_id` of CSV files are the keys without `_id`.\n"
    "\n"
    "## Submitting\n"
    "\n"
    "A client sends `submit` to the gateway, with one command or many. Each has an id of 16 bytes "
    "that the client chose.\nThe gateway checks every command, makes the good ones durable, and "
    "answers with `answers`: one result a command, in\norder. *Accepted* means durable; what is "
    "decided on it comes later, as events. The same id with the same body gives\nthe same result "
    "and takes effect once; with another body it is a `conflict`. So a client without an answer "
    "sends the\nsame bytes again. A message that is no submit at all is answered by `refused`.\n"
    "\n"
    "## Following\n"
    "\n"
    "A client sends `subscribe` to dispatch: a position and a credit. Dispatch sends `event` "
    "messages, never more events\nthan the credit; `credit` gives more and says what is done with. "
    "`head` tells that there is nothing further for now.\nPositions count from 1 without a gap in "
    "each stream; a client that comes back with its last position misses nothing.\n`reset` says "
    "that the position is not kept: ask for a `snapshot`, take the `rows`, and subscribe behind "
    "the position\nthey stand for.\n"
    "\n"
    "## Refusal codes\n"
    "\n"
    "| code | meaning |\n"
    "| --- | --- |\n"
    "| `malformed` | Bytes that are no such message. |\n"
    "| `missing` | A required field is not there. |\n"
    "| `type` | A field has the wrong type. |\n"
    "| `range` | A field is out of its bounds. |\n"
    "| `too_large` | A body or list is beyond its limit. |\n"
    "| `unknown` | A reference, message or key nobody knows. |\n"
    "| `conflict` | The id was used for something else. |\n"
    "| `state` | Not possible in the state it is in. |\n"
    "| `denied` | Not allowed to this party. |\n"
    "| `version` | Another protocol version. |\n"
    "| `full` | No room now; `retry_after_ms` says when to ask again. |\n"
    "\n"
    "A refusal names its field by a path such as `commands[3].body`.\n"
    "\n";

static void print_limits(struct buffer *target)
{
    buffer_append_text(target, "## Limits\n\n| limit | value |\n| --- | --: |\n");
    buffer_format(target, "| bytes of a frame | %d |\n", MESSAGE_SIZE_MAX);
    buffer_format(target, "| commands of a submit | %d |\n", COMMANDS_PER_SUBMIT_MAX);
    buffer_format(target, "| bytes of a command | %d |\n", COMMAND_SIZE_MAX);
    buffer_format(target, "| events of a message | %d |\n", EVENTS_PER_MESSAGE_MAX);
    buffer_format(target, "| items of a list | %d |\n", PROTO_LIST_COUNT_MAX);
    buffer_format(target, "| keys of a map | %d |\n", PROTO_MAP_COUNT_MAX);
    buffer_format(target, "| levels of maps and lists | %d |\n\n", PROTO_DEPTH_MAX);
}

static void print_hexadecimal(struct bytes bytes, struct buffer *target)
{
    for (size_t i = 0; i < bytes.size; i++) {
        buffer_format(target, "%02x%s", bytes.data[i],
                      i + 1 == bytes.size ? ""
                      : i % 32 == 31      ? "\n"
                                          : " ");
    }
    buffer_append_text(target, "\n");
}

static void print_encoded(const struct message *message, const void *record, struct buffer *target)
{
    struct buffer bytes = {0};

    buffer_format(target, "`%s`:\n\n```text\n", message->name);
    proto_to_json(message, record, target);
    buffer_append_text(target, "\n\n");
    proto_encode(message, record, &bytes);
    print_hexadecimal(buffer_view(&bytes), target);
    buffer_append_text(target, "```\n\n");
    buffer_deinit(&bytes);
}

static void print_submit(const struct need_put *need, struct buffer *target)
{
    static const uint8_t id[SUBMISSION_ID_SIZE] = {0, 1, 2,  3,  4,  5,  6,  7,
                                                   8, 9, 10, 11, 12, 13, 14, 15};
    struct buffer body = {0};

    proto_encode(&NEED_PUT, need, &body);
    struct submission submission = {
        .id = {id, sizeof id},
        .type = bytes_from_text(NEED_PUT.name),
        .body = buffer_view(&body),
    };
    struct submit submit = {.commands = {.items = &submission, .count = 1}};
    print_encoded(&SUBMIT, &submit, target);
    buffer_deinit(&body);
}

static void print_example(struct buffer *target)
{
    static const uint8_t request[] = {1};
    struct header header = {
        .version = PROTO_VERSION,
        .type = bytes_from_text(SUBMIT.name),
        .id = {request, sizeof request},
    };
    struct need_put need;

    buffer_append_text(target, "## An example\n\nA need of 500 masks, as JSON and as bytes: the "
                               "header, the command alone, and the submit around it.\n\n");
    proto_clear(&NEED_PUT, &need);
    need.need = bytes_from_text("n1");
    need.party = bytes_from_text("hospital");
    need.product = bytes_from_text("mask");
    need.quantity = 500;
    need.class_number = 1;
    need.due = 18354; /* 2020-04-02 */
    print_encoded(&HEADER, &header, target);
    print_encoded(&NEED_PUT, &need, target);
    print_submit(&need, target);
}

/* What a field becomes when it is not given, for people; empty when that is nothing at all. */
static void print_absent(const struct field *field, struct buffer *target)
{
    if (field->required) {
        buffer_append_text(target, "required");
    } else if (field->absent_text != NULL) {
        buffer_append_text(target, field->absent_text);
    } else if (field->type == FIELD_UINT) {
        buffer_format(target, "%" PRId64, field->absent);
    } else if (field->type == FIELD_BOOL) {
        buffer_append_text(target, field->absent != 0 ? "true" : "false");
    } else if (field->type == FIELD_CHOICE) {
        buffer_append_text(target, field->choices[0].name);
    }
}

/* A bar would end the table's cell. */
static void print_cell(const char *text, struct buffer *target)
{
    for (; *text != '\0'; text++) {
        if (*text == '|') {
            buffer_append_text(target, "&#124;");
        } else {
            buffer_append(target, text, 1);
        }
    }
}

static void print_field(const struct field *field, struct buffer *target)
{
    char bounds[BOUNDS_TEXT_SIZE];

    field_bounds(field, bounds);
    buffer_format(target, "| `%s` | %s", field->name, field_type_name(field->type));
    if (field->type == FIELD_LIST) {
        buffer_format(target, " of `%s`", field->message->name);
    }
    buffer_append_text(target, " | ");
    print_cell(bounds, target);
    buffer_append_text(target, " | ");
    print_absent(field, target);
    buffer_format(target, " | %u | ", field->since);
    print_cell(field->text, target);
    buffer_append_text(target, " |\n");
}

static void print_message(const struct message *message, struct buffer *target)
{
    buffer_format(target, "### %s\n\n%s", message->name, message->text);
    if (message->kind != KIND_NONE) {
        buffer_format(target, " Kind %u.", message->kind);
    }
    buffer_append_text(target, "\n\n| key | type | bounds | default | since | meaning |\n"
                               "| --- | --- | --- | --- | --: | --- |\n");
    for (size_t i = 0; i < message->field_count; i++) {
        print_field(&message->fields[i], target);
    }
    buffer_append_text(target, "\n");
}

void proto_reference(struct buffer *target)
{
    buffer_append_text(target, introduction);
    print_limits(target);
    print_example(target);
    buffer_append_text(target, "## Messages\n\n");
    for (size_t i = 0; ALL_MESSAGES[i] != NULL; i++) {
        print_message(ALL_MESSAGES[i], target);
    }
    target->size--; /* One line end at the end of the file. */
}
