/*
 * proto_test.c - MessagePack both ways, with msgpack-c as the oracle.
 */
#include "proto/cursor.h"
#include "tests/unit/msgpack_oracle.h"
#include "tests/unit/proto_records.h"

#define ROUND_COUNT 40
#define MUTATION_COUNT 20000

static struct refusal refusal;

static void expect_refusal(const char *code, const char *field)
{
    EXPECT_TEXT(bytes_from_text(refusal.field), field);
    EXPECT_TEXT(bytes_from_text(refusal.code), code);
    EXPECT_TRUE(refusal.why[0] != '\0');
}

static struct bytes encode(const struct message *message, const void *record, struct arena *arena)
{
    struct buffer buffer = {0};

    proto_encode(message, record, &buffer);
    struct bytes copy = arena_copy(arena, buffer_view(&buffer));
    buffer_deinit(&buffer);
    return copy;
}

static struct bytes random_body(const struct message *message, uint64_t *random,
                                struct arena *arena)
{
    void *record = arena_take(arena, message->record_size);

    random_record(message, random, arena, record);
    return encode(message, record, arena);
}

static void every_message_comes_back_byte_by_byte(void)
{
    struct arena arena = {0};

    for (test_seed = 1; test_seed <= ROUND_COUNT; test_seed++) {
        uint64_t random = test_seed;
        for (size_t i = 0; ALL_MESSAGES[i] != NULL; i++) {
            const struct message *message = ALL_MESSAGES[i];
            struct bytes body = random_body(message, &random, &arena);
            void *back = arena_take(&arena, message->record_size);
            EXPECT_TRUE(proto_is_canonical(body));
            EXPECT_OK(proto_decode(message, body, &arena, back, &refusal));
            EXPECT_TRUE(bytes_equal(encode(message, back, &arena), body));
            arena_reset(&arena);
        }
    }
    test_seed = 0;
    arena_deinit(&arena);
}

/* A message as an older version may have known it: without some of the fields that need not be
 * there. What `record` says in these is cleared. */
static struct message older_version(const struct message *message, uint64_t *random, void *record,
                                    struct field fields[64])
{
    struct message older = *message;

    older.fields = fields;
    older.field_count = 0;
    older.check = NULL;
    for (size_t i = 0; i < message->field_count; i++) {
        const struct field *field = &message->fields[i];
        if (field->required || message->is_bare || random_below(random, 2) == 0) {
            fields[older.field_count++] = *field;
        } else {
            field_clear(field, record);
        }
    }
    return older;
}

static void what_an_older_version_leaves_out_gets_its_default(void)
{
    struct arena arena = {0};
    struct field fields[64];

    for (test_seed = 1; test_seed <= ROUND_COUNT; test_seed++) {
        uint64_t random = test_seed;
        for (size_t i = 0; ALL_MESSAGES[i] != NULL; i++) {
            const struct message *message = ALL_MESSAGES[i];
            void *record = arena_take(&arena, message->record_size);
            void *back = arena_take(&arena, message->record_size);
            random_record(message, &random, &arena, record);
            struct bytes newer_body = encode(message, record, &arena);
            struct message older = older_version(message, &random, record, fields);
            struct bytes older_body = encode(&older, record, &arena);
            EXPECT_OK(proto_decode(&older, newer_body, &arena, back, &refusal));
            EXPECT_TRUE(bytes_equal(encode(&older, back, &arena), older_body));
            enum status expected = proto_check(message, record, &refusal);
            EXPECT_STATUS(proto_decode(message, older_body, &arena, back, &refusal), expected);
            if (expected == STATUS_OK) {
                EXPECT_TRUE(
                    bytes_equal(encode(message, back, &arena), encode(message, record, &arena)));
            }
            arena_reset(&arena);
        }
    }
    test_seed = 0;
    arena_deinit(&arena);
}

static void a_message_cut_anywhere_is_malformed(void)
{
    struct arena arena = {0};
    uint64_t random = 3;

    for (size_t i = 0; ALL_MESSAGES[i] != NULL; i++) {
        const struct message *message = ALL_MESSAGES[i];
        struct bytes body = random_body(message, &random, &arena);
        void *back = arena_take(&arena, message->record_size);
        for (size_t size = 0; size < body.size; size++) {
            EXPECT_STATUS(
                proto_decode(message, (struct bytes){body.data, size}, &arena, back, &refusal),
                STATUS_MALFORMED);
        }
        EXPECT_STATUS(
            proto_decode(message, (struct bytes){body.data, body.size + 1}, &arena, back, &refusal),
            STATUS_MALFORMED); /* arena_copy leaves a zero behind the end. */
        arena_reset(&arena);
    }
    arena_deinit(&arena);
}

/* 32-bit counts make msgpack_unpack reserve gigabytes, and a changed size turns any byte into a
 * head: so none is left anywhere. The case on hostile bytes has them. */
static void mutate(uint8_t *data, size_t size, uint64_t *random)
{
    static const uint8_t telling[] = {0x80, 0x8f, 0x90, 0xa0, 0xc0, 0xc1, 0xc4, 0xc7, 0xcb, 0xcc,
                                      0xcd, 0xce, 0xcf, 0xd0, 0xd1, 0xd3, 0xd9, 0xda, 0xde, 0xff};

    for (uint64_t count = random_below(random, 4) + 1; count > 0; count--) {
        uint8_t *at = &data[random_below(random, size)];
        *at = random_below(random, 2) == 0 ? telling[random_below(random, sizeof telling)]
                                           : (uint8_t)random_next(random);
    }
    for (size_t i = 0; i < size; i++) {
        data[i] = data[i] == 0xdd || data[i] == 0xdf ? 0xde : data[i];
    }
}

static void the_cursor_and_msgpack_agree_on_mutated_bytes(void)
{
    struct arena arena = {0};
    size_t accepted_count = 0;

    for (test_seed = 1; test_seed <= MUTATION_COUNT; test_seed++) {
        uint64_t random = test_seed;
        const struct message *message = ALL_MESSAGES[random_below(&random, 40)];
        struct bytes body = random_body(message, &random, &arena);
        mutate((uint8_t *)(uintptr_t)body.data, body.size, &random);
        bool is_canonical = proto_is_canonical(body);
        EXPECT_EQ(is_canonical, oracle_accepts(body));
        void *record = arena_take(&arena, message->record_size);
        enum status status = proto_decode(message, body, &arena, record, &refusal);
        EXPECT_TRUE(status != STATUS_OK || is_canonical);
        if (status == STATUS_OK) {
            EXPECT_OK(proto_check(message, record, &refusal));
            EXPECT_TRUE(proto_is_canonical(encode(message, record, &arena)));
        }
        accepted_count += is_canonical;
        arena_reset(&arena);
    }
    test_seed = 0;
    EXPECT_TRUE(accepted_count > MUTATION_COUNT / 20);
    EXPECT_TRUE(accepted_count < MUTATION_COUNT);
    arena_deinit(&arena);
}

static void the_cursor_and_msgpack_agree_on_random_bytes(void)
{
    for (test_seed = 1; test_seed <= MUTATION_COUNT * 5; test_seed++) {
        uint64_t random = test_seed;
        uint8_t data[12];
        size_t size = (size_t)random_below(&random, sizeof data) + 1;
        for (size_t i = 0; i < size; i++) {
            uint8_t byte = (uint8_t)random_next(&random);
            data[i] = byte == 0xdd || byte == 0xdf ? 0x91 : byte;
        }
        struct bytes bytes = {data, size};
        EXPECT_EQ(proto_is_canonical(bytes), oracle_accepts(bytes));
    }
    test_seed = 0;
}

/* One value of the record against the object that msgpack-c read. */
static void expect_same_value(const struct field *field, const void *record,
                              const msgpack_object *object)
{
    char room[WORD_SIZE];
    struct bytes text = {(const uint8_t *)object->via.str.ptr, object->via.str.size};

    switch ((int)field->type) {
    case FIELD_UINT:
    case FIELD_TIME:
        EXPECT_EQ(field_uint(field, record), object->via.u64);
        return;
    case FIELD_DEGREES:
        EXPECT_EQ(field_int(field, record), object->via.i64);
        return;
    case FIELD_BOOL:
        EXPECT_EQ(*(const bool *)field_value(field, record), object->via.boolean);
        return;
    case FIELD_TEXT:
    case FIELD_BIN:
        EXPECT_TRUE(bytes_equal(field_bytes(field, record), text));
        return;
    case FIELD_DAY:
    case FIELD_CHOICE:
        EXPECT_TRUE(bytes_equal(field_word(field, record, room), text));
        return;
    default:
        return;
    }
}

/* A zero ends the name of a choice, and nothing that follows it may be looked at. */
static void expect_no_zeroes(const struct field *field, void *record, struct arena *arena)
{
    for (const struct choice *choice = field->choices; choice->name != NULL; choice++) {
        size_t size = strlen(choice->name);
        for (size_t more = 1; more <= 64; more++) {
            uint8_t *word = arena_take(arena, size + more);
            memcpy(word, choice->name, size);
            EXPECT_STATUS(
                field_set_word(field, (struct bytes){word, size + more}, record, &refusal),
                STATUS_INVALID);
        }
    }
}

static void a_choice_with_zeroes_behind_its_name_is_refused(void)
{
    struct arena arena = {0};

    for (size_t i = 0; ALL_MESSAGES[i] != NULL; i++) {
        void *record = arena_take(&arena, ALL_MESSAGES[i]->record_size);
        for (size_t j = 0; j < ALL_MESSAGES[i]->field_count; j++) {
            if (ALL_MESSAGES[i]->fields[j].choices != NULL) {
                expect_no_zeroes(&ALL_MESSAGES[i]->fields[j], record, &arena);
            }
        }
        arena_reset(&arena);
    }
    arena_deinit(&arena);
}

static void the_decoder_and_msgpack_read_the_same_values(void)
{
    struct arena arena = {0};
    uint64_t random = 11;

    for (size_t turn = 0; turn < ROUND_COUNT; turn++) {
        for (size_t i = 0; ALL_MESSAGES[i] != NULL; i++) {
            const struct message *message = ALL_MESSAGES[i];
            struct bytes body = random_body(message, &random, &arena);
            void *record = arena_take(&arena, message->record_size);
            msgpack_zone zone;
            msgpack_object object;
            EXPECT_OK(proto_decode(message, body, &arena, record, &refusal));
            msgpack_zone_init(&zone, 2048);
            EXPECT_EQ(msgpack_unpack((const char *)body.data, body.size, NULL, &zone, &object),
                      MSGPACK_UNPACK_SUCCESS);
            for (uint32_t j = 0; j < object.via.map.size && !message->is_bare; j++) {
                const msgpack_object_kv *pair = &object.via.map.ptr[j];
                struct bytes key = {(const uint8_t *)pair->key.via.str.ptr, pair->key.via.str.size};
                expect_same_value(proto_field(message, key), record, &pair->val);
            }
            msgpack_zone_destroy(&zone);
            arena_reset(&arena);
        }
    }
    arena_deinit(&arena);
}

static void hostile_counts_are_refused_without_memory(void)
{
    static const uint8_t heads[][6] = {
        {0xdd, 0x0f, 0xff, 0xff, 0xff}, {0xdd, 0x20, 0, 0, 0},
        {0xdf, 0x00, 0xff, 0xff, 0xff}, {0xdc, 0xff, 0xff},
        {0xdb, 0xff, 0xff, 0xff, 0xff}, {0xc6, 0x7f, 0xff, 0xff, 0xff},
    };
    static const uint8_t key[] = {0x81, 0xa8, 'c', 'o', 'm', 'm', 'a', 'n', 'd', 's'};
    uint8_t body[sizeof key + sizeof heads[0]];
    struct arena arena = {0};
    struct submit submit;

    memcpy(body, key, sizeof key);
    for (size_t i = 0; i < COUNT_OF(heads); i++) {
        memcpy(body + sizeof key, heads[i], sizeof heads[i]);
        EXPECT_STATUS(proto_decode(&SUBMIT, (struct bytes){heads[i], sizeof heads[i]}, &arena,
                                   &submit, &refusal),
                      STATUS_MALFORMED);
        EXPECT_STATUS(
            proto_decode(&SUBMIT, (struct bytes){body, sizeof body}, &arena, &submit, &refusal),
            STATUS_MALFORMED);
        expect_refusal(CODE_MALFORMED, "commands");
        EXPECT_TRUE(arena.block == NULL);
    }
}

static void hostile_nesting_is_refused_without_memory(void)
{
    static uint8_t body[60000];
    struct arena arena = {0};
    struct submit submit;

    for (size_t i = 0; i < sizeof body; i += 3) {
        memcpy(body + i, "\xdc\x00\x10", 3);
    }
    EXPECT_TRUE(!proto_is_canonical((struct bytes){body, sizeof body}));
    memset(body, 0xc0, sizeof body);
    EXPECT_STATUS(
        proto_decode(&SUBMIT, (struct bytes){body, sizeof body}, &arena, &submit, &refusal),
        STATUS_MALFORMED);
    EXPECT_TRUE(arena.block == NULL);
    memset(body, 0x91, PROTO_DEPTH_MAX);
    EXPECT_TRUE(proto_is_canonical((struct bytes){body, PROTO_DEPTH_MAX + 1}));
    memset(body, 0x91, PROTO_DEPTH_MAX + 1);
    EXPECT_TRUE(!proto_is_canonical((struct bytes){body, PROTO_DEPTH_MAX + 2}));
}

static void what_is_not_canonical_is_refused(void)
{
    static const struct {
        const char *bytes;
        size_t size;
    } bad[] = {
        {"\xcc\x7f", 2},                             /* 127 in two bytes. */
        {"\xcd\x00\xff", 3},                         /* 255 in three. */
        {"\xd0\x05", 2},                             /* 5 as a signed integer. */
        {"\xd0\xe0", 2},                             /* -32 in two bytes. */
        {"\xd3\xff\xff\xff\xff\x80\x00\x00\x00", 9}, /* INT32_MIN in nine. */
        {"\xd9\x01x", 3},                            /* A short text in the longer form. */
        {"\xcb\x7f\xf8\x00\x00\x00\x00\x00\x00", 9}, /* NaN. */
        {"\xd4\x01\x00", 3},                         /* An extension. */
        {"\xc1", 1},                                 /* Never used. */
        {"\xa2\xc0\x80", 3},                         /* An overlong NUL. */
        {"\xa3\xed\xa0\x80", 4},                     /* A surrogate. */
        {"\xa4\xf4\x90\x80\x80", 5},                 /* Beyond U+10FFFF. */
        {"\x82\xa1x\x01\xa1x\x02", 7},               /* A key twice. */
        {"\x81\x01\x02", 3},                         /* A key that is a number. */
        {"\x01\x02", 2},                             /* A second value. */
        {"", 0},
    };

    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct bytes bytes = {(const uint8_t *)bad[i].bytes, bad[i].size};
        test_seed = i + 1;
        EXPECT_TRUE(!proto_is_canonical(bytes));
        EXPECT_TRUE(!oracle_accepts(bytes));
    }
    test_seed = 0;
}

/* Rewriting one pair of a map. */

/* A body with the pair of `key` replaced by the bytes of `value`, or left out when it has none. */
static struct bytes with_value(struct bytes body, const char *key, struct bytes value,
                               struct arena *arena)
{
    struct cursor cursor = cursor_over(body);
    struct buffer pairs = {0};
    struct value map;
    uint8_t count = 0;

    EXPECT_OK(cursor_next(&cursor, &map));
    for (uint64_t i = 0; i < map.number; i++) {
        const uint8_t *start = cursor.at;
        struct bytes name;
        EXPECT_OK(cursor_key(&cursor, &name));
        EXPECT_OK(cursor_skip(&cursor));
        if (!bytes_equal(name, bytes_from_text(key))) {
            buffer_append(&pairs, start, (size_t)(cursor.at - start));
            count++;
        }
    }
    if (value.size > 0) {
        buffer_append(&pairs, &(uint8_t){(uint8_t)(0xa0 | strlen(key))}, 1);
        buffer_append_text(&pairs, key);
        buffer_append(&pairs, value.data, value.size);
        count++;
    }
    EXPECT_TRUE(count < 16);
    uint8_t *edited = arena_take(arena, pairs.size + 1);
    edited[0] = (uint8_t)(0x80 | count);
    if (pairs.size > 0) {
        memcpy(edited + 1, pairs.data, pairs.size);
    }
    struct bytes result = {edited, pairs.size + 1};
    buffer_deinit(&pairs);
    return result;
}

static void expect_refused(const struct message *message, struct bytes body, const char *code,
                           const char *field)
{
    struct arena arena = {0};
    void *record = arena_take(&arena, message->record_size);

    EXPECT_STATUS(proto_decode(message, body, &arena, record, &refusal), STATUS_INVALID);
    expect_refusal(code, field);
    arena_deinit(&arena);
}

static struct bytes pack_uint(uint64_t value, struct arena *arena)
{
    msgpack_sbuffer packed;
    msgpack_packer packer;

    msgpack_sbuffer_init(&packed);
    msgpack_packer_init(&packer, &packed, msgpack_sbuffer_write);
    msgpack_pack_uint64(&packer, value);
    struct bytes copy = arena_copy(arena, (struct bytes){(uint8_t *)packed.data, packed.size});
    msgpack_sbuffer_destroy(&packed);
    return copy;
}

static struct bytes pack_int(int64_t value, struct arena *arena)
{
    msgpack_sbuffer packed;
    msgpack_packer packer;

    msgpack_sbuffer_init(&packed);
    msgpack_packer_init(&packer, &packed, msgpack_sbuffer_write);
    msgpack_pack_int64(&packer, value);
    struct bytes copy = arena_copy(arena, (struct bytes){(uint8_t *)packed.data, packed.size});
    msgpack_sbuffer_destroy(&packed);
    return copy;
}

static struct bytes pack_text(const char *text, size_t size, struct arena *arena)
{
    msgpack_sbuffer packed;
    msgpack_packer packer;

    msgpack_sbuffer_init(&packed);
    msgpack_packer_init(&packer, &packed, msgpack_sbuffer_write);
    msgpack_pack_str_with_body(&packer, text, size);
    struct bytes copy = arena_copy(arena, (struct bytes){(uint8_t *)packed.data, packed.size});
    msgpack_sbuffer_destroy(&packed);
    return copy;
}

/* Values of the right type just outside the bounds; gives how many there are. */
static size_t values_outside(const struct field *field, struct bytes values[4], struct arena *arena)
{
    char letters[300];
    size_t count = 0;

    memset(letters, 'x', sizeof letters);
    switch ((int)field->type) {
    case FIELD_UINT:
        values[count++] = pack_int(-1, arena);
        if (field->min > 0) {
            values[count++] = pack_int(field->min - 1, arena);
        }
        if (field->max != INT64_MAX) {
            values[count++] = pack_int(field->max + 1, arena);
            values[count++] = pack_uint(UINT64_MAX, arena);
        }
        break;
    case FIELD_TIME:
        values[count++] = pack_int(-1, arena);
        values[count++] = pack_int(field->max + 1, arena);
        values[count++] = pack_uint(UINT64_MAX, arena);
        break;
    case FIELD_DEGREES:
        values[count++] = pack_int(field->min - 1, arena);
        values[count++] = pack_int(field->max + 1, arena);
        values[count++] = pack_uint(UINT64_MAX, arena);
        values[count++] = pack_int(INT64_MIN, arena);
        break;
    case FIELD_TEXT:
        values[count++] = pack_text(letters, (size_t)field->max + 1, arena);
        values[count++] = pack_text("\x1b[", 2, arena);
        if (field->min > 0) {
            values[count++] = pack_text(letters, (size_t)field->min - 1, arena);
        }
        break;
    case FIELD_BOOL:
        break; /* Both values are fine. */
    case FIELD_DAY:
        values[count++] = pack_text("1969-12-31", 10, arena);
        values[count++] = pack_text("10000-01-01", 11, arena);
        break;
    default:
        values[count++] = pack_text("", 0, arena);
        values[count++] = pack_text("nonsense", 8, arena);
        values[count++] = pack_text("|", 1, arena);
        break;
    }
    return count;
}

static void check_one_field(const struct message *message, const struct field *field,
                            struct bytes body, struct arena *arena)
{
    static const uint8_t nil[] = {0xc0};
    static const uint8_t list[] = {0x90};
    struct bytes outside[4];

    if (field->required) {
        expect_refused(message, with_value(body, field->name, (struct bytes){0}, arena),
                       CODE_MISSING, field->name);
    }
    expect_refused(message, with_value(body, field->name, (struct bytes){nil, 1}, arena), CODE_TYPE,
                   field->name);
    expect_refused(message, with_value(body, field->name, (struct bytes){list, 1}, arena),
                   CODE_TYPE, field->name);
    size_t count = values_outside(field, outside, arena);
    for (size_t i = 0; i < count; i++) {
        expect_refused(message, with_value(body, field->name, outside[i], arena), CODE_RANGE,
                       field->name);
    }
}

static void every_field_of_every_command_is_refused_by_its_name(void)
{
    struct arena arena = {0};
    uint64_t random = 5;

    for (uint16_t kind = KIND_COMMAND_FIRST; kind <= KIND_COMMAND_LAST; kind++) {
        const struct message *message = message_by_kind(kind);
        for (size_t i = 0; i < message->field_count; i++) {
            struct bytes body = random_body(message, &random, &arena);
            check_one_field(message, &message->fields[i], body, &arena);
            arena_reset(&arena);
        }
    }
    arena_deinit(&arena);
}

static void broken_utf8_is_malformed_and_names_the_field(void)
{
    static const uint8_t broken[] = {0xa1, 0xff};
    struct arena arena = {0};
    uint64_t random = 5;
    struct need_put need;
    struct bytes body = with_value(random_body(&NEED_PUT, &random, &arena), "party",
                                   (struct bytes){broken, 2}, &arena);

    EXPECT_STATUS(proto_decode(&NEED_PUT, body, &arena, &need, &refusal), STATUS_MALFORMED);
    expect_refusal(CODE_MALFORMED, "party");
    arena_deinit(&arena);
}

static void unknown_keys_are_skipped_and_no_key_stands_twice(void)
{
    static const char *const bodies[] = {
        "\x83\xa1x\x92\x01\xc0\xa1n\x05\xa1y\x80",      /* Unknown around a known one. */
        "\x83\xa1n\x05\xa1y\x01\xa1y\x02",              /* An unknown key twice. */
        "\x82\xa1n\x05\xa1n\x06",                       /* A known key twice. */
        "\x82\xa1n\x05\xa1y\x91\x82\xa1z\x01\xa1z\x02", /* Twice inside an unknown one. */
    };
    struct arena arena = {0};
    struct credit credit;

    EXPECT_OK(proto_decode(&CREDIT, (struct bytes){(const uint8_t *)bodies[0], 12}, &arena, &credit,
                           &refusal));
    EXPECT_EQ(credit.n, 5);
    EXPECT_EQ(credit.ack, 0);
    for (size_t i = 1; i < COUNT_OF(bodies); i++) {
        EXPECT_STATUS(proto_decode(&CREDIT, bytes_from_text(bodies[i]), &arena, &credit, &refusal),
                      STATUS_MALFORMED);
        EXPECT_TEXT(bytes_from_text(refusal.code), CODE_MALFORMED);
    }
    arena_deinit(&arena);
}

static void make_submit(struct submission *commands, size_t count, struct submit *submit)
{
    static const uint8_t id[SUBMISSION_ID_SIZE] = {1};
    static const uint8_t empty_map[] = {0x80};

    for (size_t i = 0; i < count; i++) {
        commands[i] = (struct submission){
            .id = {id, sizeof id},
            .type = bytes_from_text("need.put"),
            .body = {empty_map, sizeof empty_map},
        };
    }
    *submit = (struct submit){.commands = {commands, count}};
}

static void a_refused_command_is_named_with_its_place(void)
{
    static uint8_t body[COMMAND_SIZE_MAX + 6] = {0x81, 0xa1, 'x', 0xc5};
    struct submission commands[5];
    struct submit submit;
    struct submit back;
    struct arena arena = {0};

    make_submit(commands, COUNT_OF(commands), &submit);
    struct bytes good = encode(&SUBMIT, &submit, &arena);
    EXPECT_OK(proto_decode(&SUBMIT, good, &arena, &back, &refusal));
    EXPECT_EQ(back.commands.count, 5);
    commands[3].id.size = 15;
    EXPECT_STATUS(proto_check(&SUBMIT, &submit, &refusal), STATUS_INVALID);
    expect_refusal(CODE_RANGE, "commands[3].id");
    commands[3].id.size = 16;
    body[4] = COMMAND_SIZE_MAX >> 8;
    body[5] = COMMAND_SIZE_MAX & 0xff;
    commands[3].body = (struct bytes){body, sizeof body};
    EXPECT_STATUS(proto_check(&SUBMIT, &submit, &refusal), STATUS_INVALID);
    expect_refusal(CODE_TOO_LARGE, "commands[3].body");
    /* As it comes over the wire: an empty list in place of the second id. */
    uint8_t *wire = (uint8_t *)(uintptr_t)good.data;
    size_t item_size = (good.size - 11) / 5;
    wire[11 + item_size + 4] = 0x90;
    EXPECT_STATUS(proto_decode(&SUBMIT, good, &arena, &back, &refusal), STATUS_INVALID);
    expect_refusal(CODE_TYPE, "commands[1].id");
    arena_deinit(&arena);
}

static void a_list_is_bounded(void)
{
    static struct submission commands[COMMANDS_PER_SUBMIT_MAX + 1];
    struct submit submit;

    make_submit(commands, COUNT_OF(commands), &submit);
    EXPECT_STATUS(proto_check(&SUBMIT, &submit, &refusal), STATUS_INVALID);
    expect_refusal(CODE_TOO_LARGE, "commands");
    submit.commands.count = 0;
    EXPECT_STATUS(proto_check(&SUBMIT, &submit, &refusal), STATUS_INVALID);
    expect_refusal(CODE_MISSING, "commands");
}

static struct offer_put capacity_offer(void)
{
    struct offer_put offer;

    proto_clear(&OFFER_PUT, &offer);
    offer.offer = offer.party = offer.product = bytes_from_text("x");
    offer.offer_kind = OFFER_CAPACITY;
    offer.per_day = 5;
    offer.from = 100;
    offer.to = 100;
    return offer;
}

static void expect_offer_refused(const struct offer_put *offer, const char *code, const char *field)
{
    EXPECT_STATUS(proto_check(&OFFER_PUT, offer, &refusal), STATUS_INVALID);
    expect_refusal(code, field);
}

static void rules_between_fields_name_one_of_them(void)
{
    struct offer_put offer = capacity_offer();

    EXPECT_OK(proto_check(&OFFER_PUT, &offer, &refusal));
    offer.to = 99;
    expect_offer_refused(&offer, CODE_RANGE, "to");
    offer.to = DAY_NONE;
    expect_offer_refused(&offer, CODE_MISSING, "to");
    offer.from = DAY_NONE;
    expect_offer_refused(&offer, CODE_MISSING, "from");
    offer.per_day = 0;
    expect_offer_refused(&offer, CODE_MISSING, "per_day");
    offer.quantity = 1;
    expect_offer_refused(&offer, CODE_RANGE, "quantity");
    offer.offer_kind = OFFER_STOCK;
    EXPECT_OK(proto_check(&OFFER_PUT, &offer, &refusal));
    offer.per_day = 1;
    expect_offer_refused(&offer, CODE_RANGE, "per_day");
    offer.quantity = 0;
    expect_offer_refused(&offer, CODE_MISSING, "quantity");

    struct need_put need;
    proto_clear(&NEED_PUT, &need);
    need.need = need.party = need.product = bytes_from_text("x");
    need.quantity = need.class_number = 1;
    need.due = 100;
    EXPECT_OK(proto_check(&NEED_PUT, &need, &refusal));
    need.latest = 99;
    EXPECT_STATUS(proto_check(&NEED_PUT, &need, &refusal), STATUS_INVALID);
    expect_refusal(CODE_RANGE, "latest");
}

static void commands_are_found_by_name_and_kind(void)
{
    for (uint16_t kind = 0; kind < 64; kind++) {
        const struct message *message = message_by_kind(kind);
        if (message == NULL) {
            continue;
        }
        bool is_command = kind >= KIND_COMMAND_FIRST && kind <= KIND_COMMAND_LAST &&
                          kind != KIND_TICK && kind != KIND_RULES_PUT;
        EXPECT_EQ(message->kind, kind);
        EXPECT_TRUE(message_by_name(bytes_from_text(message->name)) ==
                    (is_command ? message : NULL));
    }
    EXPECT_TRUE(message_by_name(bytes_from_text("need.pus")) == NULL);
    EXPECT_TRUE(message_by_name((struct bytes){0}) == NULL);
    EXPECT_TEXT(bytes_from_text(assignment_state_name(ASSIGNMENT_SHIPPED)), "shipped");
}

static void tables_keep_their_own_rules(void)
{
    for (size_t i = 0; ALL_MESSAGES[i] != NULL; i++) {
        const struct message *message = ALL_MESSAGES[i];
        EXPECT_TRUE(message->field_count <= 64);
        EXPECT_TRUE(message->text != NULL);
        for (size_t j = 0; j < message->field_count; j++) {
            const struct field *field = &message->fields[j];
            EXPECT_TRUE(proto_field(message, bytes_from_text(field->name)) == field);
            EXPECT_TRUE(field->text != NULL);
            EXPECT_TRUE(field->min <= field->max);
            EXPECT_TRUE(field->since == 1 || !field->required); /* Older entries lack it. */
            EXPECT_TRUE(field->type != FIELD_LIST || field->message != NULL);
        }
    }
}

int main(int argc, char **argv)
{
    static const struct test_case cases[] = {
        CASE(tables_keep_their_own_rules),
        CASE(commands_are_found_by_name_and_kind),
        CASE(every_message_comes_back_byte_by_byte),
        CASE(what_an_older_version_leaves_out_gets_its_default),
        CASE(a_message_cut_anywhere_is_malformed),
        CASE(what_is_not_canonical_is_refused),
        CASE(the_cursor_and_msgpack_agree_on_random_bytes),
        CASE(the_cursor_and_msgpack_agree_on_mutated_bytes),
        CASE(a_choice_with_zeroes_behind_its_name_is_refused),
        CASE(the_decoder_and_msgpack_read_the_same_values),
        CASE(hostile_counts_are_refused_without_memory),
        CASE(hostile_nesting_is_refused_without_memory),
        CASE(every_field_of_every_command_is_refused_by_its_name),
        CASE(broken_utf8_is_malformed_and_names_the_field),
        CASE(unknown_keys_are_skipped_and_no_key_stands_twice),
        CASE(a_refused_command_is_named_with_its_place),
        CASE(a_list_is_bounded),
        CASE(rules_between_fields_name_one_of_them),
    };

    return run_cases(cases, COUNT_OF(cases), argc, argv);
}
