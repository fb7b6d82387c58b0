/*
 * The role through its table: entries of a match feed in, own entries out, rows round trip, and
 * the answers on the control socket.
 */
#include "core/plan/slots.h"
#include "proto/messages.h"
#include "tests/harness.h"
#include "workers/allocate/allocate.h"
#include "workers/allocate/tables.h"

#define ROW_COUNT_MAX 256
#define KEY_SIZE 4

/* What the stage gives a role, as far as this one uses it. */

struct effects {
    struct buffer text; /* Kind and body of each entry, one behind the other. */
    size_t assignment_count, answer_count;
    struct assignment_event last; /* Borrowed from `body`. */
    struct answer_event answer;
    struct buffer body;
    struct arena arena;
};

void effect_append(struct effects *effects, uint16_t kind, struct bytes body)
{
    struct refusal refusal;

    buffer_format(&effects->text, "%u ", kind);
    buffer_append(&effects->text, body.data, body.size);
    if (kind == KIND_ANSWER) {
        struct answer_event answer;
        EXPECT_OK(proto_decode(&ANSWER, body, &effects->arena, &answer, &refusal));
        effects->answer = (struct answer_event){
            .assignment = answer.assignment, .done = answer.done, .cause = answer.cause};
        effects->answer_count++;
        return;
    }
    EXPECT_EQ(kind, KIND_ASSIGNMENT);
    effects->body.size = 0;
    buffer_append(&effects->body, body.data, body.size);
    EXPECT_OK(proto_decode(&ASSIGNMENT, buffer_view(&effects->body), &effects->arena,
                           &effects->last, &refusal));
    effects->assignment_count++;
}

struct rows_out {
    struct {
        uint8_t table;
        uint8_t key[KEY_SIZE];
        struct buffer value;
    } rows[ROW_COUNT_MAX];
    size_t count;
};

void rows_put(struct rows_out *rows, uint8_t table, struct bytes key, struct bytes value)
{
    EXPECT_TRUE(rows->count < ROW_COUNT_MAX);
    EXPECT_EQ(key.size, KEY_SIZE);
    EXPECT_TRUE(table >= ALLOCATE_TABLE_FIRST);
    rows->rows[rows->count].table = table;
    memcpy(rows->rows[rows->count].key, key.data, key.size);
    buffer_append(&rows->rows[rows->count].value, value.data, value.size);
    rows->count++;
}

struct report_out {
    uint64_t needs, open_needs, units_promised, promised_2, wanted_2, slots, slots_max;
    size_t count;
};

void report_count(struct report_out *out, const char *name, uint64_t value)
{
    struct {
        const char *name;
        uint64_t *target;
    } kept[] = {
        {"needs", &out->needs},
        {"open_needs", &out->open_needs},
        {"units_promised", &out->units_promised},
        {"promised_2", &out->promised_2},
        {"wanted_2", &out->wanted_2},
        {"slots", &out->slots},
        {"slots_max", &out->slots_max},
    };

    for (size_t i = 0; i < COUNT_OF(kept); i++) {
        if (strcmp(kept[i].name, name) == 0) {
            *kept[i].target = value;
        }
    }
    out->count++;
}

/* A feed of one need and two offers. */

struct office {
    struct allocate *allocate;
    struct effects effects;
    struct buffer body, inner;
    uint64_t seq;
};

static void open_office(struct office *office)
{
    struct plan_options options = plan_options_default();

    *office = (struct office){0};
    allocate_open(&options, &office->allocate);
}

static void close_office(struct office *office)
{
    allocate_close(office->allocate);
    buffer_deinit(&office->effects.text);
    buffer_deinit(&office->effects.body);
    arena_deinit(&office->effects.arena);
    buffer_deinit(&office->body);
    buffer_deinit(&office->inner);
}

static void step(struct office *office, uint16_t kind, uint8_t flags)
{
    const struct entry entry = {
        .seq = ++office->seq,
        .time_ms = 1000 + office->seq,
        .kind = kind,
        .flags = flags,
        .body = buffer_view(&office->body),
    };

    allocate_role.step(office->allocate, 0, &entry, &office->effects);
}

struct note {
    uint16_t kind;
    const void *command;
    uint64_t bound;
    uint64_t *matches;
    size_t match_count;
    uint8_t flags;
};

static void note(struct office *office, const struct note *note)
{
    office->inner.size = 0;
    proto_encode(message_by_kind(note->kind), note->command, &office->inner);
    const struct noted noted = {
        .kind = note->kind,
        .id = note->kind == KIND_TICK ? (struct bytes){0} : bytes_from_text("0123456789abcdef"),
        .outcome = bytes_from_text("created"),
        .bound = note->bound,
        .matches = {.items = note->matches, .count = note->match_count},
        .body = buffer_view(&office->inner),
    };
    office->body.size = 0;
    proto_encode(&NOTED, &noted, &office->body);
    step(office, KIND_NOTED, note->flags);
}

static void note_party(struct office *office, const char *id)
{
    struct party_put put;

    proto_clear(&PARTY_PUT, &put);
    put.party = bytes_from_text(id);
    put.name = bytes_from_text(id);
    put.roles = ROLE_REQUESTER | ROLE_OFFERER;
    note(office, &(struct note){.kind = KIND_PARTY_PUT, .command = &put});
}

static void note_product(struct office *office)
{
    struct product_put put;

    proto_clear(&PRODUCT_PUT, &put);
    put.product = bytes_from_text("mask");
    put.name = bytes_from_text("Mask");
    put.family = bytes_from_text("masks");
    put.unit = bytes_from_text("piece");
    put.lot = 10;
    note(office, &(struct note){.kind = KIND_PRODUCT_PUT, .command = &put});
}

static void note_offer(struct office *office, const char *id, uint64_t quantity, uint8_t flags)
{
    struct offer_put put;

    proto_clear(&OFFER_PUT, &put);
    put.offer = bytes_from_text(id);
    put.party = bytes_from_text("maker");
    put.product = bytes_from_text("mask");
    put.offer_kind = OFFER_STOCK;
    put.quantity = quantity;
    note(office, &(struct note){.kind = KIND_OFFER_PUT, .command = &put, .flags = flags});
}

static void note_need(struct office *office, uint64_t *matches, size_t match_count)
{
    struct need_put put;

    proto_clear(&NEED_PUT, &put);
    put.need = bytes_from_text("n1");
    put.party = bytes_from_text("hospital");
    put.product = bytes_from_text("mask");
    put.quantity = 30;
    put.class_number = 2;
    note(office, &(struct note){.kind = KIND_NEED_PUT,
                                .command = &put,
                                .bound = UINT32_MAX,
                                .matches = matches,
                                .match_count = match_count,
                                .flags = ENTRY_SETTLES});
}

static void note_accept(struct office *office, const char *party)
{
    const struct assignment_command command = {.assignment = 1, .party = bytes_from_text(party)};

    note(office, &(struct note){
                     .kind = KIND_ASSIGNMENT_ACCEPT, .command = &command, .flags = ENTRY_SETTLES});
}

static void note_offer_match(struct office *office)
{
    uint64_t items[] = {0, 500, UINT32_MAX};
    const struct matches matches = {.offer = 1, .needs = {.items = items, .count = 3}};

    office->body.size = 0;
    proto_encode(&MATCHES, &matches, &office->body);
    step(office, KIND_MATCHES, ENTRY_SETTLES);
}

/* Offer o1 gives 20 of the need's 30, o2 comes later with 50. */
static void tell_story(struct office *office)
{
    uint64_t matches[] = {0, 500}; /* Offer, cost: places are not known. */

    note_party(office, "hospital");
    note_party(office, "maker");
    note_product(office);
    note_offer(office, "o1", 20, 0);
    note_need(office, matches, COUNT_OF(matches));
}

static void entries_in_give_entries_out(void)
{
    struct office office;

    open_office(&office);
    tell_story(&office);
    EXPECT_EQ(office.effects.assignment_count, 1);
    EXPECT_EQ(office.effects.last.assignment, 1);
    EXPECT_EQ(office.effects.last.quantity, 20);
    EXPECT_EQ(office.effects.last.cost, 500);
    EXPECT_EQ(office.effects.last.cause, 5);
    EXPECT_EQ(office.effects.last.at, 1005);
    EXPECT_TEXT(office.effects.last.need, "n1");
    EXPECT_TEXT(office.effects.last.requester, "hospital");
    EXPECT_TEXT(office.effects.last.offerer, "maker");
    note_offer(&office, "o2", 50, 0);
    EXPECT_EQ(office.effects.assignment_count, 1);
    EXPECT_TRUE(!allocate_role.is_settled(office.allocate));
    note_offer_match(&office);
    EXPECT_TRUE(allocate_role.is_settled(office.allocate));
    EXPECT_EQ(office.effects.assignment_count, 2);
    EXPECT_EQ(office.effects.last.quantity, 10);
    note_accept(&office, "maker");
    EXPECT_EQ(office.effects.assignment_count, 3);
    EXPECT_EQ(office.effects.last.state, ASSIGNMENT_ACCEPTED);
    EXPECT_TRUE(office.effects.answer.done);
    note_accept(&office, "maker");
    EXPECT_EQ(office.effects.assignment_count, 3);
    EXPECT_EQ(office.effects.answer_count, 2);
    EXPECT_TRUE(!office.effects.answer.done);
    close_office(&office);
}

static void an_entry_that_says_nothing_changes_nothing(void)
{
    struct office office;

    open_office(&office);
    step(&office, KIND_NONE, ENTRY_SETTLES);
    EXPECT_EQ(office.effects.text.size, 0);
    EXPECT_TRUE(allocate_role.is_settled(office.allocate));
    close_office(&office);
}

static void rows_bring_back_a_role_that_goes_on_alike(void)
{
    static struct rows_out rows;
    struct office office;
    struct office again;

    open_office(&office);
    open_office(&again);
    tell_story(&office);
    allocate_role.save(office.allocate, &rows);
    for (uint8_t table = 0; table < 16; table++) { /* As the stage reads them: by table. */
        for (size_t i = 0; i < rows.count; i++) {
            if (rows.rows[i].table == table) {
                EXPECT_OK(allocate_role.load(again.allocate, table,
                                             (struct bytes){rows.rows[i].key, KEY_SIZE},
                                             buffer_view(&rows.rows[i].value)));
            }
        }
    }
    EXPECT_OK(allocate_role.loaded(again.allocate, NULL, NULL));
    again.seq = office.seq;
    office.effects.text.size = 0;
    for (struct office *each = &office;; each = &again) {
        note_offer(each, "o2", 50, 0);
        note_offer_match(each);
        note_accept(each, "hospital");
        note_accept(each, "maker");
        if (each == &again) {
            break;
        }
    }
    EXPECT_TRUE(office.effects.text.size > 0);
    EXPECT_TRUE(bytes_equal(buffer_view(&office.effects.text), buffer_view(&again.effects.text)));
    for (size_t i = 0; i < rows.count; i++) {
        buffer_deinit(&rows.rows[i].value);
    }
    close_office(&office);
    close_office(&again);
}

static void a_row_below_the_roles_tables_is_corrupt(void)
{
    struct office office;

    open_office(&office);
    EXPECT_STATUS(
        allocate_role.load(office.allocate, 1, bytes_from_text("0000"), bytes_from_text("")),
        STATUS_CORRUPT);
    close_office(&office);
}

static void the_report_counts_by_name(void)
{
    struct office office;
    struct report_out out = {0};

    open_office(&office);
    tell_story(&office);
    allocate_role.report(office.allocate, &out);
    EXPECT_EQ(out.needs, 1);
    EXPECT_EQ(out.open_needs, 1);
    EXPECT_EQ(out.units_promised, 20);
    EXPECT_EQ(out.promised_2, 20);
    EXPECT_EQ(out.wanted_2, 30);
    EXPECT_EQ(out.slots, 1);
    EXPECT_EQ(out.slots_max, SLOT_TOTAL_MAX);
    EXPECT_EQ(out.count, 28);
    close_office(&office);
}

/* The control socket. */

static const char *ask(struct office *office, const struct message *message, const void *request,
                       struct buffer *answer)
{
    const char *type = NULL;

    office->body.size = 0;
    answer->size = 0;
    proto_encode(message, request, &office->body);
    EXPECT_OK(allocate_role.control(office->allocate, bytes_from_text(message->name),
                                    buffer_view(&office->body), &type, answer));
    return type;
}

static void expect_refused(struct office *office, const struct message *message,
                           const void *request, const char *field)
{
    struct buffer answer = {0};
    struct refused refused;
    struct refusal refusal;

    EXPECT_TEXT(bytes_from_text(ask(office, message, request, &answer)), "refused");
    EXPECT_OK(
        proto_decode(&REFUSED, buffer_view(&answer), &office->effects.arena, &refused, &refusal));
    EXPECT_TEXT(refused.code, CODE_UNKNOWN);
    EXPECT_TEXT(refused.field, field);
    buffer_deinit(&answer);
}

static void look_up(struct office *office, const struct lookup *lookup, struct buffer *answer,
                    struct rows *rows)
{
    struct refusal refusal;

    EXPECT_TEXT(bytes_from_text(ask(office, &LOOKUP, lookup, answer)), "rows");
    EXPECT_OK(proto_decode(&ROWS, buffer_view(answer), &office->effects.arena, rows, &refusal));
}

static void note_norm(struct office *office)
{
    struct norm_put put;

    proto_clear(&NORM_PUT, &put);
    put.norm = bytes_from_text("r");
    put.product = bytes_from_text("mask");
    put.code = bytes_from_text("EN 14683");
    note(office, &(struct note){.kind = KIND_NORM_PUT, .command = &put, .flags = ENTRY_SETTLES});
}

static void lookup_pages_and_narrows(void)
{
    struct office office;
    struct buffer answer = {0};
    struct rows rows;
    struct offer_row offer;
    struct refusal refusal;

    open_office(&office);
    tell_story(&office);
    note_offer(&office, "o2", 50, ENTRY_SETTLES);
    struct lookup lookup = {.what = bytes_from_text("offer"), .limit = 1};
    look_up(&office, &lookup, &answer, &rows);
    EXPECT_EQ(rows.rows.count, 1);
    EXPECT_EQ(rows.next, 1);
    EXPECT_OK(proto_decode(&OFFER_ROW, ((struct raw_item *)rows.rows.items)[0].value,
                           &office.effects.arena, &offer, &refusal));
    EXPECT_TEXT(offer.offer, "o1");
    EXPECT_TEXT(offer.state, "active");
    EXPECT_EQ(offer.promised, 20);
    lookup.from = rows.next;
    look_up(&office, &lookup, &answer, &rows);
    EXPECT_EQ(rows.next, 0);
    look_up(
        &office,
        &(struct lookup){.what = bytes_from_text("offer"), .party = bytes_from_text("hospital")},
        &answer, &rows);
    EXPECT_EQ(rows.rows.count, 0);
    look_up(&office,
            &(struct lookup){.what = bytes_from_text("need"), .state = bytes_from_text("open")},
            &answer, &rows);
    EXPECT_EQ(rows.rows.count, 1);
    look_up(&office, &(struct lookup){.what = bytes_from_text("party")}, &answer, &rows);
    EXPECT_EQ(rows.rows.count, 2);
    look_up(&office,
            &(struct lookup){.what = bytes_from_text("product"), .id = bytes_from_text("mask")},
            &answer, &rows);
    EXPECT_EQ(rows.rows.count, 1);
    note_norm(&office);
    struct lookup norms = {.what = bytes_from_text("norm"), .id = bytes_from_text("r")};
    struct dated_row norm;
    look_up(&office, &norms, &answer, &rows);
    EXPECT_EQ(rows.rows.count, 1);
    EXPECT_OK(proto_decode(&DATED_ROW, ((struct raw_item *)rows.rows.items)[0].value,
                           &office.effects.arena, &norm, &refusal));
    EXPECT_TEXT(norm.t, "norm");
    EXPECT_TEXT(norm.code, "EN 14683");
    EXPECT_TEXT(norm.state, "in_force");
    norms = (struct lookup){.what = bytes_from_text("norm"), .product = bytes_from_text("mask")};
    look_up(&office, &norms, &answer, &rows);
    EXPECT_EQ(rows.rows.count, 1);
    look_up(&office, &(struct lookup){.what = bytes_from_text("certificate")}, &answer, &rows);
    EXPECT_EQ(rows.rows.count, 0);
    expect_refused(&office, &LOOKUP, &(struct lookup){.what = bytes_from_text("moon")}, "what");
    buffer_deinit(&answer);
    close_office(&office);
}

static void explain_request(struct office *office, const struct explain *request,
                            struct buffer *answer, struct explained *explained)
{
    struct explanation explanation;
    struct refusal refusal;
    struct arena *arena = &office->effects.arena;

    EXPECT_TEXT(bytes_from_text(ask(office, &EXPLAIN, request, answer)), "explanation");
    EXPECT_OK(proto_decode(&EXPLANATION, buffer_view(answer), arena, &explanation, &refusal));
    EXPECT_OK(proto_decode(&EXPLAINED, explanation.body, arena, explained, &refusal));
}

static void explain_says_what_a_need_gets_and_why(void)
{
    struct office office;
    struct buffer answer = {0};
    struct explained explained;

    open_office(&office);
    tell_story(&office);
    note_offer(&office, "o2", 5, ENTRY_SETTLES);
    explain_request(&office, &(struct explain){.need = bytes_from_text("n1")}, &answer, &explained);
    const struct need_row *need = explained.need.items;
    const struct pair_row *pairs = explained.pairs.items;
    EXPECT_EQ(need->unserved, 10);
    EXPECT_EQ(explained.shares.count, 1);
    EXPECT_EQ(explained.possible, 1);
    EXPECT_EQ(explained.pairs.count, 2);
    EXPECT_TEXT(pairs[0].offer, "o1");
    EXPECT_TEXT(pairs[0].reason, "possible");
    EXPECT_EQ(pairs[0].distance_cost, 500);
    EXPECT_EQ(pairs[0].given, 20);
    EXPECT_TEXT(pairs[1].reason, "lot_unreachable");
    EXPECT_TEXT(explained.cause, "capacity");
    EXPECT_EQ(explained.tranches.count, 2);
    EXPECT_EQ(((struct tranche_row *)explained.tranches.items)[1].served, 10);
    const struct failure_row *failures = explained.failures.items;
    EXPECT_EQ(explained.failures.count, 1);
    EXPECT_TEXT(failures[0].nearest, "o2");
    EXPECT_EQ(failures[0].units, 5);
    EXPECT_EQ(explained.prices.count, 1);
    const struct effect_row *effect = ((struct price_row *)explained.prices.items)[0].effect.items;
    EXPECT_TEXT(effect->end, "need");
    EXPECT_TEXT(effect->need, "n1");
    EXPECT_EQ(effect->cost, 500);
    explain_request(&office, &(struct explain){.assignment = 1}, &answer, &explained);
    EXPECT_EQ(explained.rules.count, MATCH_REASON_LAST + 1);
    EXPECT_TEXT(explained.instead_of, "o1");
    EXPECT_TEXT(explained.t, "assignment");
    EXPECT_EQ(explained.rank, 1);
    explain_request(
        &office, &(struct explain){.need = bytes_from_text("n1"), .offer = bytes_from_text("o2")},
        &answer, &explained);
    EXPECT_TEXT(explained.t, "pair");
    EXPECT_TEXT(((struct pair_row *)explained.pairs.items)->reason, "lot_unreachable");
    EXPECT_TRUE(((struct pair_row *)explained.pairs.items)->units_missing > 0);
    note_norm(&office);
    explain_request(
        &office, &(struct explain){.need = bytes_from_text("n1"), .offer = bytes_from_text("o1")},
        &answer, &explained);
    EXPECT_TEXT(((struct pair_row *)explained.pairs.items)->reason, "certificate_missing");
    EXPECT_TEXT(((struct pair_row *)explained.pairs.items)->code, "EN 14683");
    EXPECT_TEXT(((struct pair_row *)explained.pairs.items)->rule, "r");
    expect_refused(&office, &EXPLAIN, &(struct explain){.need = bytes_from_text("n2")}, "need");
    expect_refused(&office, &EXPLAIN, &(struct explain){.assignment = 9}, "assignment");
    expect_refused(&office, &EXPLAIN,
                   &(struct explain){.need = bytes_from_text("n1"), .offer = bytes_from_text("o9")},
                   "offer");
    buffer_deinit(&answer);
    close_office(&office);
}

static void nothing_is_explained_amid_a_burst(void)
{
    struct office office;
    struct buffer answer = {0};
    struct refused refused;
    struct refusal refusal;

    open_office(&office);
    tell_story(&office);
    note_offer(&office, "o2", 5, 0);
    struct explain request = {.need = bytes_from_text("n1")};
    EXPECT_TEXT(bytes_from_text(ask(&office, &EXPLAIN, &request, &answer)), "refused");
    EXPECT_OK(
        proto_decode(&REFUSED, buffer_view(&answer), &office.effects.arena, &refused, &refusal));
    EXPECT_TEXT(refused.code, CODE_FULL);
    buffer_deinit(&answer);
    close_office(&office);
}

static void another_request_is_not_the_roles(void)
{
    struct office office;
    struct buffer answer = {0};
    const char *type = NULL;

    open_office(&office);
    EXPECT_STATUS(allocate_role.control(office.allocate, bytes_from_text("sing"),
                                        bytes_from_text(""), &type, &answer),
                  STATUS_NOT_FOUND);
    close_office(&office);
}

int main(int argc, char **argv)
{
    static const struct test_case cases[] = {
        CASE(entries_in_give_entries_out),
        CASE(an_entry_that_says_nothing_changes_nothing),
        CASE(rows_bring_back_a_role_that_goes_on_alike),
        CASE(a_row_below_the_roles_tables_is_corrupt),
        CASE(the_report_counts_by_name),
        CASE(lookup_pages_and_narrows),
        CASE(explain_says_what_a_need_gets_and_why),
        CASE(nothing_is_explained_amid_a_burst),
        CASE(another_request_is_not_the_roles),
    };
    return run_cases(cases, COUNT_OF(cases), argc, argv);
}
