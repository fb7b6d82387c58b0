/*
 * proto_json_test.c - JSON, cells and the reference.
 */
#include "proto/text.h"
#include "tests/unit/proto_records.h"

#include <jansson.h>

#define ROUND_COUNT 60

static struct refusal refusal;

static struct bytes text(const char *value)
{
    return bytes_from_text(value);
}

static void expect_refusal(const char *code, const char *field)
{
    EXPECT_TEXT(text(refusal.code), code);
    EXPECT_TEXT(text(refusal.field), field);
    EXPECT_TRUE(refusal.why[0] != '\0');
}

/* Bytes in hexadecimal inside a RAW value stay text, so the test's RAW values hold none. */
static void check_round_trip(const struct message *message, uint64_t *random)
{
    struct arena arena = {0};
    struct buffer first = {0};
    struct buffer second = {0};
    void *record = arena_take(&arena, message->record_size);
    void *back = arena_take(&arena, message->record_size);

    random_record(message, random, &arena, record);
    proto_to_json(message, record, &first);
    EXPECT_OK(proto_from_json(message, buffer_view(&first), &arena, back, &refusal));
    proto_to_json(message, back, &second);
    EXPECT_TRUE(bytes_equal(buffer_view(&first), buffer_view(&second)));
    first.size = 0;
    second.size = 0;
    proto_encode(message, record, &first);
    proto_encode(message, back, &second);
    EXPECT_TRUE(bytes_equal(buffer_view(&first), buffer_view(&second)));
    buffer_deinit(&first);
    buffer_deinit(&second);
    arena_deinit(&arena);
}

/* Integers above INT64_MAX inside RAW values become text: the one loss, and no table has one. */
static bool is_free_of_raw(const struct message *message)
{
    for (size_t i = 0; i < message->field_count; i++) {
        const struct field *field = &message->fields[i];
        if (field->type == FIELD_RAW ||
            (field->type == FIELD_LIST && !is_free_of_raw(field->message))) {
            return false;
        }
    }
    return true;
}

static void every_message_comes_back_from_json(void)
{
    for (test_seed = 1; test_seed <= ROUND_COUNT; test_seed++) {
        uint64_t random = test_seed;
        for (size_t i = 0; ALL_MESSAGES[i] != NULL; i++) {
            if (is_free_of_raw(ALL_MESSAGES[i])) {
                check_round_trip(ALL_MESSAGES[i], &random);
            }
        }
    }
    test_seed = 0;
}

static void a_submit_comes_back_from_json_with_its_bodies(void)
{
    static const char json[] =
        "{\"commands\":[{\"id\":\"000102030405060708090a0b0c0d0e0f\",\"t\":\"need.put\",\"body\":"
        "{\"need\":\"n\",\"list\":[1,-2,true,null],\"inner\":{}}}]}";
    struct arena arena = {0};
    struct buffer back = {0};
    struct submit submit;

    EXPECT_OK(proto_from_json(&SUBMIT, text(json), &arena, &submit, &refusal));
    proto_to_json(&SUBMIT, &submit, &back);
    EXPECT_TEXT(buffer_view(&back), json);
    buffer_deinit(&back);
    arena_deinit(&arena);
}

static enum status read_party(const char *json, struct party_put *party, struct arena *arena)
{
    return proto_from_json(&PARTY_PUT, text(json), arena, party, &refusal);
}

static void degrees_are_read_and_written_exactly(void)
{
    struct arena arena = {0};
    struct buffer json = {0};
    struct party_put party;

    EXPECT_OK(read_party("{\"party\":\"p\",\"roles\":\"offerer|requester\",\"lat\":44.83779,"
                         "\"lon\":-0.57918}",
                         &party, &arena));
    EXPECT_EQ(party.lat, 44837790);
    EXPECT_EQ(party.lon, -579180);
    EXPECT_EQ(party.roles, ROLE_REQUESTER | ROLE_OFFERER);
    EXPECT_TEXT(party.country, "FR");
    proto_to_json(&PARTY_PUT, &party, &json);
    EXPECT_TEXT(buffer_view(&json), "{\"party\":\"p\",\"roles\":\"requester|offerer\","
                                    "\"lat\":44.83779,\"lon\":-0.57918}");
    EXPECT_STATUS(read_party("{\"party\":\"p\",\"roles\":\"expert\",\"lat\":90.000001,\"lon\":1}",
                             &party, &arena),
                  STATUS_INVALID);
    expect_refusal(CODE_RANGE, "lat");
    EXPECT_STATUS(read_party("{\"party\":\"p\",\"roles\":\"expert\",\"lat\":90}", &party, &arena),
                  STATUS_INVALID);
    expect_refusal(CODE_MISSING, "lon");
    static const char *const beyond[] = {"5000", "-5000", "1e300", "-1e300", "90.000001"};
    for (size_t i = 0; i < COUNT_OF(beyond); i++) {
        char bad[80];
        snprintf(bad, sizeof bad, "{\"party\":\"p\",\"roles\":\"expert\",\"lat\":%s}", beyond[i]);
        EXPECT_STATUS(read_party(bad, &party, &arena), STATUS_INVALID);
        expect_refusal(CODE_RANGE, "lat");
    }
    buffer_deinit(&json);
    arena_deinit(&arena);
}

static void every_micro_degree_comes_back_from_json(void)
{
    struct arena arena = {0};
    uint64_t random = 7;

    for (int i = 0; i < 5000; i++) {
        struct buffer json = {0};
        struct party_put party;
        struct party_put back;
        proto_clear(&PARTY_PUT, &party);
        party.party = text("p");
        party.roles = ROLE_EXPERT;
        party.lat = (int64_t)random_below(&random, 180000001) - 90000000;
        party.lon = (int64_t)random_below(&random, 360000001) - 180000000;
        proto_to_json(&PARTY_PUT, &party, &json);
        EXPECT_OK(proto_from_json(&PARTY_PUT, buffer_view(&json), &arena, &back, &refusal));
        EXPECT_EQ(back.lat, party.lat);
        EXPECT_EQ(back.lon, party.lon);
        buffer_deinit(&json);
        arena_reset(&arena);
    }
    arena_deinit(&arena);
}

static void an_unknown_key_is_refused_with_the_nearest_one(void)
{
    struct arena arena = {0};
    struct need_put need;

    EXPECT_STATUS(proto_from_json(&NEED_PUT, text("{\"need\":\"n\",\"quantitiy\":4}"), &arena,
                                  &need, &refusal),
                  STATUS_INVALID);
    expect_refusal(CODE_UNKNOWN, "quantitiy");
    EXPECT_TEXT(text(refusal.why), "did you mean quantity?");
    EXPECT_STATUS(
        proto_from_json(&NEED_PUT, text("{\"xyzzy_\\u001b\":4}"), &arena, &need, &refusal),
        STATUS_INVALID);
    expect_refusal(CODE_UNKNOWN, "xyzzy_?");
    arena_deinit(&arena);
}

/* The path has its limit in the middle of a character, with one of the two starts. */
static void a_long_unknown_key_in_a_list_is_cut_between_characters(void)
{
    struct buffer json = {0};
    struct arena arena = {0};
    struct answers answers;

    for (size_t start = 0; start < 2; start++) {
        json.size = 0;
        buffer_format(&json, "{\"results\":[{\"%s", start == 0 ? "" : "x");
        for (size_t i = 0; i < 40; i++) {
            buffer_append_text(&json, "\xc3\xa9");
        }
        buffer_append_text(&json, "\":1}]}");
        EXPECT_STATUS(proto_from_json(&ANSWERS, buffer_view(&json), &arena, &answers, &refusal),
                      STATUS_INVALID);
        EXPECT_EQ(text_classify(text(refusal.field)), TEXT_PLAIN);
    }
    buffer_deinit(&json);
    arena_deinit(&arena);
}

static void json_that_is_none_is_malformed(void)
{
    static const char *const bad[] = {
        "", "{", "[]", "1", "{\"need\":\"a\",\"need\":\"b\"}", "{} x", "{\"need\":\"\xff\"}"};
    struct arena arena = {0};
    struct need_put need;

    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        EXPECT_STATUS(proto_from_json(&NEED_PUT, text(bad[i]), &arena, &need, &refusal),
                      STATUS_MALFORMED);
        expect_refusal(CODE_MALFORMED, "");
    }
    arena_deinit(&arena);
}

static void each_wrong_json_value_names_its_field(void)
{
    static const struct {
        const char *json;
        const char *code;
        const char *field;
    } bad[] = {
        {"{\"number\":1}", CODE_MISSING, "offer"},
        {"{\"offer\":null}", CODE_MISSING, "offer"},
        {"{\"offer\":1}", CODE_TYPE, "offer"},
        {"{\"offer\":\"a\\nb\"}", CODE_RANGE, "offer"},
        {"{\"offer\":\"o\",\"per_day\":-1}", CODE_RANGE, "per_day"},
        {"{\"offer\":\"o\",\"per_day\":\"-1\"}", CODE_TYPE, "per_day"},
        {"{\"offer\":\"o\",\"per_day\":1.5}", CODE_TYPE, "per_day"},
        {"{\"offer\":\"o\",\"from\":\"2021-02-29\"}", CODE_RANGE, "from"},
        {"{\"offer\":\"o\",\"per_day\":1,\"source\":\"rumour\"}", CODE_RANGE, "source"},
        {"{\"offer\":\"o\",\"per_day\":1,\"at\":\"noon\"}", CODE_RANGE, "at"},
        {"{\"offer\":\"o\",\"per_day\":1,\"from\":\"2020-01-02\",\"to\":\"2020-01-01\"}",
         CODE_RANGE, "to"},
    };
    struct arena arena = {0};
    struct capacity_put capacity;

    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        EXPECT_STATUS(
            proto_from_json(&CAPACITY_PUT, text(bad[i].json), &arena, &capacity, &refusal),
            STATUS_INVALID);
        expect_refusal(bad[i].code, bad[i].field);
    }
    arena_deinit(&arena);
}

enum json_kind {
    AN_INTEGER,
    A_REAL,
    A_TEXT, /* Of no digits. */
    A_TRUTH,
    AN_ARRAY,
    AN_OBJECT,
    JSON_KIND_COUNT,
};

static json_t *json_of(enum json_kind kind)
{
    switch (kind) {
    case AN_INTEGER:
        return json_integer(1);
    case A_REAL:
        return json_real(1.5);
    case A_TEXT:
        return json_string("no");
    case A_TRUTH:
        return json_true();
    case AN_ARRAY:
        return json_array();
    case AN_OBJECT:
        return json_object();
    case JSON_KIND_COUNT:
        break;
    }
    UNREACHABLE();
}

/* Whether a field takes JSON of this kind at all, whatever its value. */
static bool takes(enum field_type type, enum json_kind kind)
{
    switch (type) {
    case FIELD_UINT:
    case FIELD_INT:
        return kind == AN_INTEGER;
    case FIELD_BOOL:
        return kind == A_TRUTH;
    case FIELD_TEXT:
    case FIELD_BIN:
    case FIELD_DAY:
    case FIELD_CHOICE:
    case FIELD_SET:
        return kind == A_TEXT;
    case FIELD_TIME:
        return kind == AN_INTEGER || kind == A_TEXT;
    case FIELD_DEGREES:
        return kind == AN_INTEGER || kind == A_REAL;
    case FIELD_RAW:
        return kind == AN_OBJECT;
    case FIELD_UINTS:
    case FIELD_LIST:
        return kind == AN_ARRAY;
    }
    UNREACHABLE();
}

/* The message is good but for this one value. */
static void expect_wrong_kind(const struct message *message, json_t *good, const char *field,
                              enum json_kind kind)
{
    struct arena arena = {0};
    void *record = arena_take(&arena, message->record_size);
    json_t *bad = json_copy(good);

    json_object_set_new(bad, field, json_of(kind));
    char *json = json_dumps(bad, JSON_COMPACT);
    EXPECT_STATUS(proto_from_json(message, text(json), &arena, record, &refusal), STATUS_INVALID);
    expect_refusal(CODE_TYPE, field);
    free(json);
    json_decref(bad);
    arena_deinit(&arena);
}

static void every_field_of_every_message_refuses_every_wrong_kind_of_json(void)
{
    uint64_t random = 11;
    size_t count = 0;

    for (size_t i = 0; ALL_MESSAGES[i] != NULL; i++) {
        const struct message *message = ALL_MESSAGES[i];
        struct arena arena = {0};
        struct buffer json = {0};
        void *record = arena_take(&arena, message->record_size);
        random_record(message, &random, &arena, record);
        proto_to_json(message, record, &json);
        json_t *good = json_loadb((const char *)json.data, json.size, 0, NULL);
        for (size_t field = 0; !message->is_bare && field < message->field_count; field++) {
            for (enum json_kind kind = AN_INTEGER; kind < JSON_KIND_COUNT; kind++) {
                if (!takes(message->fields[field].type, kind)) {
                    expect_wrong_kind(message, good, message->fields[field].name, kind);
                    count++;
                }
            }
        }
        json_decref(good);
        buffer_deinit(&json);
        arena_deinit(&arena);
    }
    EXPECT_TRUE(count > 1000);
}

static void a_wrong_item_of_a_list_is_named_by_its_place(void)
{
    static const struct {
        const struct message *message;
        const char *json;
        const char *code;
        const char *field;
    } bad[] = {
        {&SUBMIT, "{\"commands\":[7]}", CODE_MALFORMED, "commands[0]"},
        {&SUBMIT, "{\"commands\":[]}", CODE_RANGE, "commands"},
        {&EVENT, "{\"last\":1,\"events\":[{},1.5]}", CODE_TYPE, "events[1].value"},
        {&EVENT, "{\"last\":1,\"events\":[{\"a\":[1.5]}]}", CODE_TYPE, "events[0].value"},
        {&EVENT, "{\"last\":1,\"events\":[{\"a\":{\"b\":1.5}}]}", CODE_TYPE, "events[0].value"},
    };
    struct arena arena = {0};

    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        void *record = arena_take(&arena, bad[i].message->record_size);
        EXPECT_STATUS(proto_from_json(bad[i].message, text(bad[i].json), &arena, record, &refusal),
                      strcmp(bad[i].code, CODE_MALFORMED) == 0 ? STATUS_MALFORMED : STATUS_INVALID);
        expect_refusal(bad[i].code, bad[i].field);
    }
    arena_deinit(&arena);
}

static void json_beyond_the_limit_is_refused_unread(void)
{
    struct buffer json = {0};
    struct arena arena = {0};
    struct need_put need;

    memset(buffer_extend(&json, PROTO_JSON_SIZE_MAX + 1), ' ', PROTO_JSON_SIZE_MAX + 1);
    EXPECT_STATUS(proto_from_json(&NEED_PUT, buffer_view(&json), &arena, &need, &refusal),
                  STATUS_INVALID);
    expect_refusal(CODE_TOO_LARGE, "");
    buffer_deinit(&json);
    arena_deinit(&arena);
}

static void times_are_text_or_milliseconds(void)
{
    struct arena arena = {0};
    struct tick tick;

    EXPECT_OK(proto_from_json(&TICK, text("{\"now\":\"2020-04-02T16:27:00Z\"}"), &arena, &tick,
                              &refusal));
    EXPECT_EQ(tick.now, 1585844820000u);
    EXPECT_OK(proto_from_json(&TICK, text("{\"now\":12}"), &arena, &tick, &refusal));
    EXPECT_EQ(tick.now, 12);
    arena_deinit(&arena);
}

static enum status put_cell(struct offer_put *offer, const char *name, const char *cell,
                            struct arena *arena)
{
    const struct field *field = proto_field(&OFFER_PUT, text(name));

    ENSURE(field != NULL);
    return proto_from_cell(field, text(cell), arena, offer, &refusal);
}

static void an_offer_is_read_from_cells(void)
{
    struct arena arena = {0};
    struct offer_put offer;

    proto_clear(&OFFER_PUT, &offer);
    EXPECT_STATUS(proto_check(&OFFER_PUT, &offer, &refusal), STATUS_INVALID);
    expect_refusal(CODE_MISSING, "offer");
    EXPECT_OK(put_cell(&offer, "offer", "o0", &arena));
    EXPECT_OK(put_cell(&offer, "party", "don0", &arena));
    EXPECT_OK(put_cell(&offer, "product", "respirators", &arena));
    EXPECT_OK(put_cell(&offer, "kind", "capacity", &arena));
    EXPECT_OK(put_cell(&offer, "quantity", "", &arena));
    EXPECT_OK(put_cell(&offer, "per_day", "20", &arena));
    EXPECT_OK(put_cell(&offer, "from", "2020-03-27", &arena));
    EXPECT_STATUS(proto_check(&OFFER_PUT, &offer, &refusal), STATUS_INVALID);
    expect_refusal(CODE_MISSING, "to");
    EXPECT_OK(put_cell(&offer, "to", "2020-03-28", &arena));
    EXPECT_OK(put_cell(&offer, "at", "2020-03-27T11:47:00Z", &arena));
    EXPECT_OK(proto_check(&OFFER_PUT, &offer, &refusal));
    EXPECT_EQ(offer.per_day, 20);
    EXPECT_STATUS(put_cell(&offer, "per_day", "2o", &arena), STATUS_INVALID);
    expect_refusal(CODE_TYPE, "per_day");
    EXPECT_STATUS(put_cell(&offer, "per_day", "-2", &arena), STATUS_INVALID);
    expect_refusal(CODE_RANGE, "per_day");
    EXPECT_STATUS(put_cell(&offer, "per_day", "99999999999999999999", &arena), STATUS_INVALID);
    EXPECT_STATUS(put_cell(&offer, "kind", "gift", &arena), STATUS_INVALID);
    expect_refusal(CODE_RANGE, "kind");
    arena_deinit(&arena);
}

static void a_cell_of_degrees_is_read_without_rounding_twice(void)
{
    static const struct {
        const char *cell;
        int64_t degrees;
    } cases[] = {{"44.83779", 44837790}, {"-0.57918", -579180}, {"0", 0},
                 {"90", 90000000},       {"-90.0", -90000000},  {"1.0000005", 1000001},
                 {"1.00000049", 1000000}};
    static const char *const bad[] = {"1.", ".5", "1e3", "--1", "1.2.3", "91", "90.000001", "x"};
    const struct field *field = proto_field(&PARTY_PUT, text("lat"));
    struct arena arena = {0};
    struct party_put party;

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        EXPECT_OK(proto_from_cell(field, text(cases[i].cell), &arena, &party, &refusal));
        EXPECT_EQ(party.lat, cases[i].degrees);
    }
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        EXPECT_STATUS(proto_from_cell(field, text(bad[i]), &arena, &party, &refusal),
                      STATUS_INVALID);
    }
    arena_deinit(&arena);
}

static void any_canonical_value_has_json(void)
{
    static const uint8_t map[] = {0x82, 0xa1, 'a',  0x93, 0xc0, 0xc3, 0xff,
                                  0xa1, 'b',  0xc4, 0x02, 0x0a, 0xff};
    static const uint8_t real[] = {0xca, 0, 0, 0, 0};
    struct buffer json = {0};

    EXPECT_OK(proto_value_to_json((struct bytes){map, sizeof map}, &json));
    EXPECT_TEXT(buffer_view(&json), "{\"a\":[null,true,-1],\"b\":\"0aff\"}");
    EXPECT_STATUS(proto_value_to_json((struct bytes){real, sizeof real}, &json), STATUS_MALFORMED);
    buffer_deinit(&json);
}

static void the_printed_reference_is_the_page_in_docs(void)
{
    struct buffer printed = {0};
    struct buffer page = {0};
    FILE *file = fopen(SOURCE_DIRECTORY "/docs/protocol.md", "rb");

    EXPECT_TRUE(file != NULL);
    for (int byte = fgetc(file); byte != EOF; byte = fgetc(file)) {
        buffer_append(&page, &(uint8_t){(uint8_t)byte}, 1);
    }
    fclose(file);
    proto_reference(&printed);
    EXPECT_TRUE(bytes_equal(buffer_view(&printed), buffer_view(&page)));
    buffer_deinit(&printed);
    buffer_deinit(&page);
}

int main(int argc, char **argv)
{
    static const struct test_case cases[] = {
        CASE(every_message_comes_back_from_json),
        CASE(a_submit_comes_back_from_json_with_its_bodies),
        CASE(degrees_are_read_and_written_exactly),
        CASE(every_micro_degree_comes_back_from_json),
        CASE(an_unknown_key_is_refused_with_the_nearest_one),
        CASE(a_long_unknown_key_in_a_list_is_cut_between_characters),
        CASE(json_that_is_none_is_malformed),
        CASE(each_wrong_json_value_names_its_field),
        CASE(every_field_of_every_message_refuses_every_wrong_kind_of_json),
        CASE(a_wrong_item_of_a_list_is_named_by_its_place),
        CASE(json_beyond_the_limit_is_refused_unread),
        CASE(times_are_text_or_milliseconds),
        CASE(an_offer_is_read_from_cells),
        CASE(a_cell_of_degrees_is_read_without_rounding_twice),
        CASE(any_canonical_value_has_json),
        CASE(the_printed_reference_is_the_page_in_docs),
    };

    return run_cases(cases, COUNT_OF(cases), argc, argv);
}
