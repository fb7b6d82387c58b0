/*
 * allocate.c - entries in, plan, entries out.
 */
#include "core/plan/slots.h"
#include "workers/allocate/internal.h"

#include <stdlib.h>

void allocate_open(const struct plan_options *options, struct allocate **allocate)
{
    *allocate = memory_take(1, sizeof **allocate);
    plan_open(options, &(*allocate)->plan);
}

void allocate_close(struct allocate *allocate)
{
    if (allocate == NULL) {
        return;
    }
    plan_close(allocate->plan);
    arena_deinit(&allocate->arena);
    buffer_deinit(&allocate->body);
    free(allocate);
}

/* Rows. */

static enum status load(void *state, uint8_t table, struct bytes key, struct bytes value)
{
    struct allocate *allocate = state;

    if (table < ALLOCATE_TABLE_FIRST) {
        return STATUS_CORRUPT;
    }
    return plan_load(allocate->plan, (uint8_t)(table - ALLOCATE_TABLE_FIRST), key, value);
}

static enum status loaded(void *state, const struct world *world, const struct journal_head *head)
{
    struct allocate *allocate = state;

    (void)world;
    (void)head;
    return plan_loaded(allocate->plan);
}

static void put_row(void *context, uint8_t table, struct bytes key, struct bytes value)
{
    rows_put(context, (uint8_t)(ALLOCATE_TABLE_FIRST + table), key, value);
}

static void save(void *state, struct rows_out *rows)
{
    struct allocate *allocate = state;

    plan_save(allocate->plan, put_row, rows);
}

/* A step. Entries were checked when they were stored and again when they were read: one that does
 * not decode here comes from an upstream that is broken, and going on would be a guess. */

static void decode(struct allocate *allocate, const struct message *message, struct bytes body,
                   void *record)
{
    struct refusal refusal;

    ENSURE(message != NULL);
    ENSURE(proto_decode(message, body, &allocate->arena, record, &refusal) == STATUS_OK);
}

static uint32_t to_u32(uint64_t value)
{
    ENSURE(value <= UINT32_MAX);
    return (uint32_t)value;
}

/* Offer and cost, in turn. */
static const struct candidate *read_candidates(struct allocate *allocate,
                                               const struct uint_list *matches, size_t *count)
{
    ENSURE(matches->count % 2 == 0);
    struct candidate *candidates =
        arena_take(&allocate->arena, matches->count / 2 * sizeof *candidates);

    *count = matches->count / 2;
    for (size_t i = 0; i < *count; i++) {
        candidates[i].offer = to_u32(matches->items[2 * i]);
        candidates[i].cost = to_u32(matches->items[2 * i + 1]);
    }
    return candidates;
}

static void step_noted(struct allocate *allocate, const struct entry *entry)
{
    struct noted noted;
    union command command;
    size_t count;

    decode(allocate, &NOTED, entry->body, &noted);
    const struct candidate *candidates = read_candidates(allocate, &noted.matches, &count);
    decode(allocate, message_by_kind((uint16_t)noted.kind), noted.body, &command);
    const struct plan_input input = {
        .kind = (uint16_t)noted.kind,
        .command = &command,
        .is_quarantined = noted.quarantined,
        .submission_id = noted.id,
        .seq = entry->seq,
        .time_ms = entry->time_ms,
        .bound = to_u32(noted.bound),
        .candidates = candidates,
        .candidate_count = count,
    };
    plan_apply(allocate->plan, &input);
}

static void step_matches(struct allocate *allocate, const struct entry *entry)
{
    struct matches matches;

    decode(allocate, &MATCHES, entry->body, &matches);
    ENSURE(matches.needs.count % 3 == 0);
    for (size_t i = 0; i < matches.needs.count; i += 3) {
        const uint64_t *item = &matches.needs.items[i];
        plan_apply_match(allocate->plan, to_u32(item[0]), to_u32(matches.offer), to_u32(item[1]),
                         to_u32(item[2]));
    }
}

static void step_listed(struct allocate *allocate, const struct entry *entry)
{
    struct listed listed;
    size_t count;

    decode(allocate, &LISTED, entry->body, &listed);
    const struct candidate *candidates = read_candidates(allocate, &listed.matches, &count);
    plan_apply_listed(allocate->plan, to_u32(listed.need), candidates, count, to_u32(listed.bound));
}

static void append(struct allocate *allocate, uint16_t kind, const void *record)
{
    allocate->body.size = 0;
    proto_encode(message_by_kind(kind), record, &allocate->body);
    effect_append(allocate->effects, kind, buffer_view(&allocate->body));
}

static void on_assignment(void *context, const struct assignment_event *event)
{
    append(context, KIND_ASSIGNMENT, event);
}

static void on_answer(void *context, const struct answer_event *event)
{
    append(context, KIND_ANSWER, event);
}

static void step(void *state, uint32_t upstream, const struct entry *entry, struct effects *effects)
{
    struct allocate *allocate = state;

    (void)upstream;
    arena_reset(&allocate->arena);
    allocate->seq = entry->seq;
    if (entry->kind == KIND_NOTED) {
        step_noted(allocate, entry);
    } else if (entry->kind == KIND_MATCHES) {
        step_matches(allocate, entry);
    } else if (entry->kind == KIND_LISTED) {
        step_listed(allocate, entry);
    }
    if (entry->flags & ENTRY_SETTLES) {
        allocate->effects = effects;
        plan_settle(allocate->plan, &(struct plan_listener){.context = allocate,
                                                            .assignment = on_assignment,
                                                            .answer = on_answer});
        allocate->effects = NULL;
    }
}

static bool is_settled(const void *state)
{
    const struct allocate *allocate = state;

    return plan_is_settled(allocate->plan);
}

static void report(const void *state, struct report_out *out)
{
    static const char *const wanted[] = {NULL,       "wanted_1", "wanted_2",
                                         "wanted_3", "wanted_4", "wanted_5"};
    static const char *const promised[] = {NULL,         "promised_1", "promised_2",
                                           "promised_3", "promised_4", "promised_5"};
    const struct allocate *allocate = state;
    struct plan_totals totals;
    struct plan_lot_work work = plan_lot_work(allocate->plan);

    plan_totals(allocate->plan, &totals);
    report_count(out, "needs", totals.needs);
    report_count(out, "open_needs", totals.open_needs);
    report_count(out, "offers", totals.offers);
    report_count(out, "active_offers", totals.active_offers);
    report_count(out, "parties", totals.parties);
    report_count(out, "products", totals.products);
    report_count(out, "quarantined", totals.quarantined);
    report_count(out, "assignments", totals.assignments);
    report_count(out, "units_wanted", totals.units_wanted);
    report_count(out, "units_promised", totals.units_promised);
    report_count(out, "doubted", totals.doubted);
    report_count(out, "units_received", totals.units_received);
    report_count(out, "units_missed", totals.units_missed);
    report_count(out, "slots", totals.slots);
    report_count(out, "slots_max", SLOT_TOTAL_MAX);
    report_count(out, "lot_fragments", work.fragments);
    report_count(out, "lot_regions", work.regions);
    report_count(out, "lot_regions_full", work.regions_full);
    for (size_t i = 1; i <= CLASS_COUNT; i++) {
        report_count(out, wanted[i], totals.class_wanted[i]);
        report_count(out, promised[i], totals.class_promised[i]);
    }
}

static void refuse(const struct refusal *refusal, const char **answer_type, struct buffer *answer)
{
    const struct refused refused = {
        .code = bytes_from_text(refusal->code),
        .field = bytes_from_text(refusal->field),
        .why = bytes_from_text(refusal->why),
    };

    *answer_type = REFUSED.name;
    answer->size = 0;
    proto_encode(&REFUSED, &refused, answer);
}

static enum status control(void *state, struct bytes type, struct bytes body,
                           const char **answer_type, struct buffer *answer)
{
    struct allocate *allocate = state;
    struct refusal refusal = {0};
    enum status status;

    arena_reset(&allocate->arena);
    if (bytes_equal(type, bytes_from_text(LOOKUP.name))) {
        *answer_type = ROWS.name;
        status = allocate_lookup(allocate, body, answer, &refusal);
    } else if (bytes_equal(type, bytes_from_text(EXPLAIN.name))) {
        *answer_type = EXPLANATION.name;
        status = allocate_explain(allocate, body, answer, &refusal);
    } else {
        return STATUS_NOT_FOUND;
    }
    if (status != STATUS_OK) {
        refuse(&refusal, answer_type, answer);
    }
    return STATUS_OK;
}

static void close_state(void *state)
{
    allocate_close(state);
}

const struct role allocate_role = {
    .name = "allocate",
    .version = STAGE_VERSION,
    .load = load,
    .loaded = loaded,
    .step = step,
    .is_settled = is_settled,
    .save = save,
    .report = report,
    .control = control,
    .close = close_state,
};
