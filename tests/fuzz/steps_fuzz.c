/*
 * Bytes as a history: commands through the match worker and allocate, as their stages step them.
 *
 * Commands are filled in field by field from the tables, so that a new command takes part by
 * itself. After every settle the plan is proved optimal (when the input asks for it). What a second
 * pair of roles tells, that loads the rows of a checkpoint on the way and steps what came behind
 * it, is the same, byte for byte, and so are the rows it leaves. Requests on the control socket get
 * an answer that decodes, whatever they hold.
 */
#include "proto/table.h"
#include "tests/fuzz/fuzz.h"
#include "workers/allocate/internal.h"
#include "workers/match/worker.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STEP_COUNT_MAX 150
#define FIRST_DAY 18353
#define ID_COUNT 6
#define TEXT_SIZE 24
#define LIST_COUNT_MAX 3

enum flag { FLAG_CERTIFY = 1 };

/* What a stage gives its role. */

struct feed {
    struct entry *entries; /* With bodies of their own. */
    size_t count, capacity;
};

struct effects {
    struct feed *feed;
    const struct entry *cause;
};

static void feed_append(struct feed *feed, const struct entry *entry)
{
    uint8_t *body = memory_take(entry->body.size, 1);

    if (entry->body.size > 0) {
        memcpy(body, entry->body.data, entry->body.size);
    }
    GROW(feed->entries, feed->capacity, feed->count + 1);
    struct entry *appended = &feed->entries[feed->count++];
    *appended = *entry;
    appended->seq = feed->count;
    appended->body.data = body;
}

static void feed_deinit(struct feed *feed)
{
    for (size_t i = 0; i < feed->count; i++) {
        free((void *)(uintptr_t)feed->entries[i].body.data);
    }
    free(feed->entries);
}

void effect_append(struct effects *effects, uint16_t kind, struct bytes body)
{
    ENSURE(body.size <= JOURNAL_BODY_SIZE_MAX);
    feed_append(effects->feed, &(struct entry){.time_ms = effects->cause->time_ms,
                                               .kind = kind,
                                               .version = STAGE_VERSION,
                                               .cause_last = effects->cause->seq,
                                               .body = body});
}

struct row {
    uint8_t table;
    struct buffer key, value;
};

struct rows_out { /* Ascending. */
    struct row *rows;
    size_t count, capacity;
};

static int compare_row(const struct row *row, uint8_t table, struct bytes key)
{
    return row->table != table ? row->table - table : bytes_compare(buffer_view(&row->key), key);
}

static struct row *place_row(struct rows_out *rows, uint8_t table, struct bytes key)
{
    size_t at = 0;

    while (at < rows->count && compare_row(&rows->rows[at], table, key) < 0) {
        at++;
    }
    if (at < rows->count && compare_row(&rows->rows[at], table, key) == 0) {
        return &rows->rows[at];
    }
    GROW(rows->rows, rows->capacity, rows->count + 1);
    memmove(&rows->rows[at + 1], &rows->rows[at], (rows->count - at) * sizeof *rows->rows);
    rows->count++;
    rows->rows[at] = (struct row){.table = table};
    buffer_append(&rows->rows[at].key, key.data, key.size);
    return &rows->rows[at];
}

void rows_put(struct rows_out *rows, uint8_t table, struct bytes key, struct bytes value)
{
    struct row *row = place_row(rows, table, key);

    row->value.size = 0;
    buffer_append(&row->value, value.data, value.size);
}

static void rows_deinit(struct rows_out *rows)
{
    for (size_t i = 0; i < rows->count; i++) {
        buffer_deinit(&rows->rows[i].key);
        buffer_deinit(&rows->rows[i].value);
    }
    free(rows->rows);
}

static void expect_same_rows(const struct rows_out *left, const struct rows_out *right)
{
    ENSURE(left->count == right->count);
    for (size_t i = 0; i < left->count; i++) {
        ENSURE(left->rows[i].table == right->rows[i].table);
        ENSURE(bytes_equal(buffer_view(&left->rows[i].key), buffer_view(&right->rows[i].key)));
        ENSURE(bytes_equal(buffer_view(&left->rows[i].value), buffer_view(&right->rows[i].value)));
    }
}

struct report_out {
    size_t count;
};

void report_count(struct report_out *out, const char *name, uint64_t value)
{
    (void)name;
    (void)value;
    out->count++;
}

/* Two roles, one behind the other. */

struct office {
    struct match_worker *match;
    struct allocate *allocate;
    struct feed matches, assignments;
    struct rows_out match_rows, allocate_rows;
};

static void open_office(struct office *office)
{
    struct match_rules rules = match_rules_default();
    struct plan_options options = plan_options_default();

    *office = (struct office){0};
    match_worker_open(&rules, &office->match);
    allocate_open(&options, &office->allocate);
}

static void close_office(struct office *office)
{
    match_worker_close(office->match);
    allocate_close(office->allocate);
    feed_deinit(&office->matches);
    feed_deinit(&office->assignments);
    rows_deinit(&office->match_rows);
    rows_deinit(&office->allocate_rows);
}

/* As the stage: the last entry of a step settles when its cause does. */
static void step(struct office *office, const struct entry *intake)
{
    struct effects effects = {&office->matches, intake};
    size_t before = office->matches.count;

    match_role.step(office->match, 0, intake, &effects);
    ENSURE(office->matches.count > before);
    office->matches.entries[office->matches.count - 1].flags = intake->flags;
    for (size_t i = before; i < office->matches.count; i++) {
        struct effects told = {&office->assignments, &office->matches.entries[i]};
        allocate_role.step(office->allocate, 0, &office->matches.entries[i], &told);
    }
}

static void save(struct office *office)
{
    struct report_out report = {0};

    match_role.save(office->match, &office->match_rows);
    allocate_role.save(office->allocate, &office->allocate_rows);
    match_role.report(office->match, &report);
    allocate_role.report(office->allocate, &report);
    ENSURE(report.count > 0);
}

static void load_role(const struct role *role, void *state, const struct rows_out *from,
                      struct rows_out *kept)
{
    for (size_t i = 0; i < from->count; i++) {
        const struct row *row = &from->rows[i];
        struct bytes key = buffer_view(&row->key);
        ENSURE(role->load(state, row->table, key, buffer_view(&row->value)) == STATUS_OK);
        rows_put(kept, row->table, key, buffer_view(&row->value));
    }
    ENSURE(role->loaded(state, NULL, NULL) == STATUS_OK);
}

static void load(struct office *office, const struct rows_out *match_rows,
                 const struct rows_out *allocate_rows)
{
    load_role(&match_role, office->match, match_rows, &office->match_rows);
    load_role(&allocate_role, office->allocate, allocate_rows, &office->allocate_rows);
}

/* Commands. */

struct history {
    struct bytes input;
    struct office office;
    struct feed intake;
    struct arena arena;
    struct buffer body, inner;
    uint64_t now_ms;
    uint8_t flags;
    size_t checkpoint; /* Entries of the intake that the rows below hold; 0: none were saved. */
    size_t matches_before, assignments_before;
    struct rows_out match_rows, allocate_rows;
};

static void fill(struct history *history, const struct message *message, void *record);

static struct bytes numbered(struct history *history, const char *noun, uint64_t number)
{
    char *text = arena_take(&history->arena, TEXT_SIZE);

    snprintf(text, TEXT_SIZE, "%s%" PRIu64, noun, number);
    return bytes_from_text(text);
}

static struct bytes draw_id(struct history *history, const struct field *field)
{
    static const char *const nouns[] = {"need", "offer", "party", "product"};
    size_t which = COUNT_OF(nouns);

    for (size_t i = 0; i < COUNT_OF(nouns); i++) {
        if (strcmp(field->name, nouns[i]) == 0) {
            which = i;
        }
    }
    if (which == COUNT_OF(nouns)) {
        which = fuzz_take_below(&history->input, COUNT_OF(nouns));
    }
    uint64_t count = which == 3 ? 2 : which == 2 ? 4 : ID_COUNT;
    return numbered(history, nouns[which], fuzz_take_below(&history->input, count));
}

static struct bytes draw_reason(struct history *history)
{
    const char *const *reasons = life_reasons();
    size_t count = 0;

    while (reasons[count] != NULL) {
        count++;
    }
    return bytes_from_text(reasons[fuzz_take_below(&history->input, count)]);
}

static struct bytes draw_words(struct history *history, const struct field *field)
{
    uint64_t number = fuzz_take_below(&history->input, 4);

    if (strcmp(field->name, "reason") == 0) {
        return field->required ? draw_reason(history) : (struct bytes){0};
    }
    if (field->required && field->max == ID_SIZE_MAX) {
        return draw_id(history, field);
    }
    if (number == 0 && field->min == 0) {
        return (struct bytes){0};
    }
    return numbered(history, "R", number);
}

static uint64_t draw_number(struct history *history, const struct field *field)
{
    uint64_t min = (uint64_t)field->min;
    uint64_t max = (uint64_t)field->max;
    uint8_t choice = fuzz_take_u8(&history->input);

    if (choice < 128) {
        return min + min_u64(choice % 24, max - min);
    }
    if (choice < 240) {
        return min + min_u64(fuzz_take_u8(&history->input) * (uint64_t)(choice - 127), max - min);
    }
    return choice < 248 ? min : max - min_u64(fuzz_take_u8(&history->input), max - min);
}

static int64_t draw_day(struct history *history)
{
    uint8_t choice = fuzz_take_u8(&history->input);

    if (choice < 64) {
        return DAY_NONE;
    }
    return choice < 250 ? FIRST_DAY - 4 + choice % 24 : (choice < 253 ? DAY_MIN : DAY_MAX);
}

/* Mostly onwards; the gateway's clock never goes back, a journal from elsewhere may. */
static uint64_t draw_time(struct history *history)
{
    uint8_t choice = fuzz_take_u8(&history->input);

    if (choice >= 254) {
        return (uint64_t)(choice == 254 ? FIRST_DAY : DAY_MAX) * DAY_MS;
    }
    return history->now_ms + choice * (uint64_t)(DAY_MS / 48);
}

static uint64_t draw_choices(struct history *history, const struct field *field)
{
    size_t count = 0;

    while (field->choices[count].name != NULL) {
        count++;
    }
    uint64_t value = field->choices[fuzz_take_below(&history->input, count)].value;
    if (field->type == FIELD_SET) {
        value |= field->choices[fuzz_take_below(&history->input, count)].value;
    }
    return value;
}

static struct bytes draw_bytes(struct history *history, const struct field *field)
{
    size_t size = (size_t)min_i64(field->max, max_i64(field->min, SUBMISSION_ID_SIZE));
    uint8_t *bytes = arena_take(&history->arena, size);

    memset(bytes, fuzz_take_u8(&history->input), size);
    return (struct bytes){bytes, size};
}

static void fill_list(struct history *history, const struct field *field, void *slot)
{
    size_t count =
        (size_t)max_i64(field->min, (int64_t)fuzz_take_below(&history->input, LIST_COUNT_MAX + 1));
    count = (size_t)min_i64((int64_t)count, field->max);
    if (field->type == FIELD_UINTS) {
        struct uint_list list = {arena_take(&history->arena, count * sizeof(uint64_t)), count};
        for (size_t i = 0; i < count; i++) {
            list.items[i] = fuzz_take_u8(&history->input);
        }
        *(struct uint_list *)slot = list;
        return;
    }
    size_t size = field->message->record_size;
    struct record_list list = {arena_take(&history->arena, count * size), count};
    for (size_t i = 0; i < count; i++) {
        fill(history, field->message, (uint8_t *)list.items + i * size);
    }
    *(struct record_list *)slot = list;
}

static void fill_field(struct history *history, const struct field *field, void *record)
{
    static const uint8_t empty_map[] = {0x80};
    void *slot = field_slot(field, record);

    switch (field->type) {
    case FIELD_UINT:
        *(uint64_t *)slot = draw_number(history, field);
        return;
    case FIELD_INT:
        *(int64_t *)slot = field->min + (int64_t)fuzz_take_u8(&history->input);
        return;
    case FIELD_BOOL:
        *(bool *)slot = fuzz_take_below(&history->input, 2) == 1;
        return;
    case FIELD_TEXT:
        *(struct bytes *)slot = draw_words(history, field);
        return;
    case FIELD_BIN:
        *(struct bytes *)slot = draw_bytes(history, field);
        return;
    case FIELD_DAY:
        *(int64_t *)slot = draw_day(history);
        return;
    case FIELD_TIME:
        *(uint64_t *)slot = draw_time(history);
        return;
    case FIELD_DEGREES:
        *(int64_t *)slot = (int64_t)fuzz_take_below(&history->input, 8) * 6000000;
        return;
    case FIELD_CHOICE:
    case FIELD_SET:
        *(uint64_t *)slot = draw_choices(history, field);
        return;
    case FIELD_RAW:
        *(struct bytes *)slot = (struct bytes){empty_map, sizeof empty_map};
        return;
    case FIELD_UINTS:
    case FIELD_LIST:
        fill_list(history, field, slot);
        return;
    }
    UNREACHABLE();
}

/* A bit for each field says whether it is given. */
static void fill(struct history *history, const struct message *message, void *record)
{
    uint64_t given = 0;

    proto_clear(message, record);
    for (size_t i = 0; i < message->field_count; i++) {
        if (i % 8 == 0) {
            given = fuzz_take_u8(&history->input);
        }
        if (message->fields[i].required || (given >> i % 8 & 1) != 0) {
            fill_field(history, &message->fields[i], record);
        }
    }
}

static bool may_be_quarantined(uint16_t kind)
{
    return kind == KIND_NEED_PUT || kind == KIND_OFFER_PUT;
}

static void append_intake(struct history *history, const struct message *message,
                          const void *record, uint8_t how)
{
    static const uint8_t id[SUBMISSION_ID_SIZE] = {7};

    history->inner.size = 0;
    proto_encode(message, record, &history->inner);
    const struct intake intake = {
        .id = {id, message->kind == KIND_TICK || message->kind == KIND_RULES_PUT ? 0 : sizeof id},
        .by = bytes_from_text("ann"),
        .position = history->intake.count + 1,
        .quarantined = may_be_quarantined(message->kind) && how >= 240,
        .body = buffer_view(&history->inner),
    };
    history->body.size = 0;
    proto_encode(&INTAKE, &intake, &history->body);
    feed_append(&history->intake, &(struct entry){.time_ms = history->now_ms,
                                                  .kind = message->kind,
                                                  .version = STAGE_VERSION,
                                                  .flags = how % 4 == 0 ? 0 : ENTRY_SETTLES,
                                                  .body = buffer_view(&history->body)});
}

static void check_plan(const struct history *history)
{
    const struct plan *plan = history->office.allocate->plan;
    char problem[160] = "";

    if ((history->flags & FLAG_CERTIFY) != 0 && plan_is_settled(plan)) {
        if (!plan_certify(plan, problem)) {
            fprintf(stderr, "entry %zu: %s\n", history->intake.count, problem);
            UNREACHABLE();
        }
    }
}

static void tell(struct history *history, const struct message *message, const void *record,
                 uint8_t how)
{
    append_intake(history, message, record, how);
    step(&history->office, &history->intake.entries[history->intake.count - 1]);
    check_plan(history);
}

/* Kinds of commands, those that the gateway makes too. */
static const struct message *draw_command(struct history *history)
{
    const struct message *commands[KIND_NOTED];
    size_t count = 0;

    for (uint16_t kind = KIND_COMMAND_FIRST; kind < KIND_NOTED; kind++) {
        if (message_by_kind(kind) != NULL) {
            commands[count++] = message_by_kind(kind);
        }
    }
    return commands[fuzz_take_below(&history->input, count)];
}

static void step_command(struct history *history)
{
    const struct message *message = draw_command(history);
    uint8_t how = fuzz_take_u8(&history->input);
    struct refusal refusal = {0};

    arena_reset(&history->arena);
    void *record = arena_take(&history->arena, message->record_size);
    fill(history, message, record);
    if (proto_check(message, record, &refusal) == STATUS_OK) {
        if (message->kind == KIND_TICK) {
            const struct tick *tick = record;
            history->now_ms = tick->now;
        }
        tell(history, message, record, how);
    }
}

/* Requests. */

static void check_answer(const char *type, const struct buffer *answer)
{
    static const struct message *const known[] = {&ROWS, &EXPLANATION, &REFUSED};
    struct arena arena = {0};
    struct refusal refusal = {0};
    size_t found = 0;

    for (size_t i = 0; i < COUNT_OF(known); i++) {
        if (strcmp(known[i]->name, type) == 0) {
            void *record = arena_take(&arena, known[i]->record_size);
            ENSURE(proto_decode(known[i], buffer_view(answer), &arena, record, &refusal) ==
                   STATUS_OK);
            found++;
        }
    }
    ENSURE(found == 1);
    arena_deinit(&arena);
}

static void ask(struct history *history, const struct message *message, struct bytes body)
{
    struct buffer answer = {0};
    const char *type = NULL;

    ENSURE(allocate_role.control(history->office.allocate, bytes_from_text(message->name), body,
                                 &type, &answer) == STATUS_OK);
    check_answer(type, &answer);
    buffer_deinit(&answer);
}

static void step_request(struct history *history, bool is_sensible)
{
    const struct message *message = fuzz_take_below(&history->input, 2) == 0 ? &LOOKUP : &EXPLAIN;
    struct refusal refusal = {0};

    if (!is_sensible) {
        ask(history, message, fuzz_take_block(&history->input));
        return;
    }
    arena_reset(&history->arena);
    void *record = arena_take(&history->arena, message->record_size);
    fill(history, message, record);
    if (proto_check(message, record, &refusal) == STATUS_OK) {
        history->inner.size = 0;
        proto_encode(message, record, &history->inner);
        ask(history, message, buffer_view(&history->inner));
    }
}

/* Checkpoints and the second pair. */

static void copy_rows(const struct rows_out *from, struct rows_out *target)
{
    for (size_t i = 0; i < from->count; i++) {
        rows_put(target, from->rows[i].table, buffer_view(&from->rows[i].key),
                 buffer_view(&from->rows[i].value));
    }
}

static void step_checkpoint(struct history *history)
{
    struct office *office = &history->office;

    if (!plan_is_settled(office->allocate->plan)) {
        return;
    }
    save(office);
    copy_rows(&office->match_rows, &history->match_rows);
    copy_rows(&office->allocate_rows, &history->allocate_rows);
    history->checkpoint = history->intake.count;
    history->matches_before = office->matches.count;
    history->assignments_before = office->assignments.count;
}

static void expect_same_feed(const struct feed *left, size_t from, const struct feed *right)
{
    ENSURE(left->count - from == right->count);
    for (size_t i = 0; i < right->count; i++) {
        const struct entry *entry = &left->entries[from + i];
        ENSURE(entry->kind == right->entries[i].kind);
        ENSURE(entry->flags == right->entries[i].flags);
        ENSURE(bytes_equal(entry->body, right->entries[i].body));
    }
}

/* The causes in the entries count from the match feed's start. */
static void check_again(struct history *history)
{
    struct office again;

    open_office(&again);
    if (history->checkpoint > 0) {
        load(&again, &history->match_rows, &history->allocate_rows);
    }
    for (size_t i = 0; i < history->matches_before; i++) {
        feed_append(&again.matches, &history->office.matches.entries[i]);
    }
    for (size_t i = history->checkpoint; i < history->intake.count; i++) {
        step(&again, &history->intake.entries[i]);
    }
    expect_same_feed(&history->office.matches, 0, &again.matches);
    expect_same_feed(&history->office.assignments, history->assignments_before, &again.assignments);
    if (plan_is_settled(again.allocate->plan)) {
        save(&again);
        save(&history->office);
        expect_same_rows(&history->office.match_rows, &again.match_rows);
        expect_same_rows(&history->office.allocate_rows, &again.allocate_rows);
    }
    close_office(&again);
}

/* Somebody, and something to ask for. */
static void begin(struct history *history)
{
    history->now_ms = (uint64_t)FIRST_DAY * DAY_MS;
    for (uint64_t i = 0; i < 4; i++) {
        struct party_put party;
        proto_clear(&PARTY_PUT, &party);
        party.party = numbered(history, "party", i);
        party.roles = ROLE_REQUESTER | ROLE_OFFERER;
        tell(history, &PARTY_PUT, &party, 1);
    }
    for (uint64_t i = 0; i < 2; i++) {
        struct product_put product;
        proto_clear(&PRODUCT_PUT, &product);
        product.product = numbered(history, "product", i);
        product.lot = 1 + 4 * i;
        tell(history, &PRODUCT_PUT, &product, 1);
    }
}

static void take_step(struct history *history)
{
    uint8_t choice = fuzz_take_u8(&history->input);

    if (choice < 232) {
        step_command(history);
    } else if (choice < 240) {
        step_checkpoint(history);
    } else {
        step_request(history, choice < 250);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct history history = {.input = {data, size}};

    history.flags = fuzz_take_u8(&history.input);
    open_office(&history.office);
    begin(&history);
    for (size_t i = 0; i < STEP_COUNT_MAX && history.input.size > 0; i++) {
        take_step(&history);
    }
    check_again(&history);
    close_office(&history.office);
    feed_deinit(&history.intake);
    rows_deinit(&history.match_rows);
    rows_deinit(&history.allocate_rows);
    arena_deinit(&history.arena);
    buffer_deinit(&history.body);
    buffer_deinit(&history.inner);
    return 0;
}

/* Every byte means something, so any bytes are a history. */
void fuzz_seeds(const struct fuzz_sink *sink)
{
    static uint8_t bytes[2048];

    for (uint64_t i = 1; i <= 24; i++) {
        for (size_t j = 0; j < sizeof bytes; j++) {
            bytes[j] = (uint8_t)hash_u64(i << 32 | j);
        }
        bytes[0] = (uint8_t)i;
        sink->give(sink->context, (struct bytes){bytes, 64 * i});
    }
}

void fuzz_words(const struct fuzz_sink *sink)
{
    (void)sink;
}
