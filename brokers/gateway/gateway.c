/*
 * gateway.c - the role: messages in, answers out, rows.
 *
 *     table                 key                  value
 *     2 + market_thing      number               core/match/market.h
 *     GATEWAY_IDS           u64 first entry      u64 hash of each submission id from there on
 *     GATEWAY_SUBMITTERS    name                 u64 last position given
 *     GATEWAY_COUNTERS      empty                u64 refused
 *     GATEWAY_RULES         empty                the "rules.put" in force
 *     GATEWAY_KEYS          u32 number           core/access/registry.h
 */
#include "brokers/gateway/gateway.h"

#include "brokers/gateway/state.h"
#include "core/base/mutant.h"
#include "node/reply.h"

#include <stdlib.h>
#include <string.h>

#define MARKET_BASE 2
#define GATEWAY_IDS 10
#define GATEWAY_SUBMITTERS 11
#define GATEWAY_COUNTERS 12
#define GATEWAY_RULES 13
#define GATEWAY_KEYS 14
#define IDS_PER_ROW 4096

void gateway_open(const struct gateway_options *options, struct gateway **gateway)
{
    struct gateway *opened = memory_take(1, sizeof *opened);

    opened->options = *options;
    market_open(&opened->market);
    *gateway = opened;
}

void gateway_close(struct gateway *gateway)
{
    if (gateway == NULL) {
        return;
    }
    market_close(gateway->market);
    market_rows_deinit(&gateway->rows);
    registry_deinit(&gateway->registry);
    dirty_deinit(&gateway->dirty_keys);
    ids_deinit(&gateway->ids);
    names_deinit(&gateway->submitters);
    free(gateway->positions);
    answers_deinit(&gateway->answers);
    arena_deinit(&gateway->arena);
    buffer_deinit(&gateway->scratch);
    free(gateway);
}

static enum status load_ids(struct gateway *gateway, struct bytes key, struct bytes value)
{
    if (key.size != 8 || value.size % 8 != 0 || load_u64_be(key.data) != gateway->ids.count + 1) {
        return STATUS_CORRUPT;
    }
    for (size_t at = 0; at < value.size; at += 8) {
        uint64_t hash = MUTANT(4) ? 0 : load_u64(value.data + at);
        ids_add_hash(&gateway->ids, gateway->ids.count + 1, hash);
    }
    gateway->ids_saved = gateway->ids.count;
    return STATUS_OK;
}

static enum status load_submitter(struct gateway *gateway, struct bytes key, struct bytes value)
{
    if (value.size != 8) {
        return STATUS_CORRUPT;
    }
    uint32_t number = names_add(&gateway->submitters, key);
    GROW(gateway->positions, gateway->position_capacity, (size_t)number + 1);
    gateway->positions[number] = load_u64(value.data);
    return STATUS_OK;
}

static enum status load_rules(struct gateway *gateway, struct bytes value)
{
    struct refusal refusal;

    arena_reset(&gateway->arena);
    enum status status =
        proto_decode(&RULES_PUT, value, &gateway->arena, &gateway->rules, &refusal);
    return status == STATUS_OK ? STATUS_OK : STATUS_CORRUPT;
}

static enum status load(void *state, uint8_t table, struct bytes key, struct bytes value)
{
    struct gateway *gateway = state;

    switch (table) {
    case GATEWAY_IDS:
        return load_ids(gateway, key, value);
    case GATEWAY_SUBMITTERS:
        return load_submitter(gateway, key, value);
    case GATEWAY_COUNTERS:
        if (value.size != 8) {
            return STATUS_CORRUPT;
        }
        gateway->counters.refused = load_u64(value.data);
        return STATUS_OK;
    case GATEWAY_RULES:
        return load_rules(gateway, value);
    case GATEWAY_KEYS:
        return keys_load(gateway, key, value);
    default:
        return market_rows_load(gateway->market, MARKET_BASE, table, key, value);
    }
}

static enum status loaded(void *state, const struct world *world, const struct journal_head *head)
{
    struct gateway *gateway = state;

    gateway->world = world;
    gateway->has_new_keys = true;
    gateway->durable = head->last;
    return gateway->ids.count <= head->last ? STATUS_OK : STATUS_CORRUPT;
}

static enum status restore(void *state, const struct entry *entry)
{
    return intake_restore(state, entry);
}

/* Answers what needs no commit any more, in order. */
static void answer_ready(struct gateway *gateway, const struct entry *entries, size_t entry_count)
{
    struct waiting *waiting = answers_first(&gateway->answers);

    while (waiting != NULL && (waiting->seq_last <= gateway->durable || MUTANT(1))) {
        arena_reset(&gateway->arena);
        if (answers_send(waiting, gateway->world, entries, entry_count, &gateway->arena) !=
            STATUS_OK) {
            gateway->counters.undelivered++; /* Its client asks again with the same ids. */
        }
        answers_pop(&gateway->answers);
        waiting = answers_first(&gateway->answers);
    }
}

static void committed(void *state, const struct journal_head *head, const struct entry *entries,
                      size_t count)
{
    struct gateway *gateway = state;

    gateway->durable = head->last;
    keys_hand_over(gateway);
    answer_ready(gateway, entries, count);
}

static void count_verdict(struct gateway *gateway, const struct verdict *verdict)
{
    gateway->counters.accepted += verdict->kind == VERDICT_TAKEN;
    gateway->counters.repeated += verdict->kind == VERDICT_REPEATED;
    gateway->counters.refused += verdict->kind == VERDICT_REFUSED;
}

static void take_submit(struct gateway *gateway, const struct client_message *message,
                        const struct header *header, const struct submit *submit,
                        struct effects *effects)
{
    struct waiting *waiting = answers_push(&gateway->answers, message->peer, header->id);
    const struct submission *submissions = submit->commands.items;

    for (size_t i = 0; i < submit->commands.count; i++) {
        struct verdict *verdict = waiting_add(waiting, submissions[i].id);
        intake_take(gateway, &submissions[i], message->user, effects, verdict);
        count_verdict(gateway, verdict);
        waiting->seq_last = max_u64(waiting->seq_last, verdict->seq);
    }
    if (gateway->answers.count == 1) {
        answer_ready(gateway, NULL,
                     0); /* All refused or repeated: there is no commit to wait for. */
    }
}

static bool read_message(struct gateway *gateway, const struct client_message *message,
                         struct header *header, struct submit *submit, struct refusal *refusal)
{
    if (proto_decode(&HEADER, message->header, &gateway->arena, header, refusal) != STATUS_OK) {
        *header = (struct header){0};
        return false;
    }
    if (header->version != PROTO_VERSION) {
        refusal->code = CODE_VERSION;
        strcpy(refusal->field, "v");
        strcpy(refusal->why, "this gateway speaks version 1");
        return false;
    }
    if (!bytes_equal(header->type, bytes_from_text(SUBMIT.name))) {
        refusal->code = CODE_UNKNOWN;
        strcpy(refusal->field, "t");
        strcpy(refusal->why, "a gateway takes \"submit\"");
        return false;
    }
    return proto_decode(&SUBMIT, message->body, &gateway->arena, submit, refusal) == STATUS_OK;
}

static void message(void *state, const struct client_message *message, struct effects *effects)
{
    struct gateway *gateway = state;
    struct refusal refusal;
    struct header header;
    struct submit submit;

    arena_reset(&gateway->arena);
    gateway->now_ms = gateway->world->now_ms(gateway->world->context);
    if (read_message(gateway, message, &header, &submit, &refusal)) {
        take_submit(gateway, message, &header, &submit, effects);
        return;
    }
    gateway->counters.malformed++;
    if (reply_refused(gateway->world, message->peer, header.id, &refusal, 0) != STATUS_OK) {
        gateway->counters.undelivered++;
    }
}

static void wake(void *state, uint64_t now_ms, struct effects *effects)
{
    struct gateway *gateway = state;

    bool is_full = intake_is_full(gateway, &(struct refusal){0});
    bool wants_admin =
        gateway->options.first_admin[0] != '\0' && !registry_has_admin(&gateway->registry);

    keys_hand_over(gateway); /* Those of the journal, when it went live. */
    if (!is_full && wants_admin) {
        intake_first_admin(gateway, effects);
    }
    if (!is_full && memcmp(&gateway->rules, &gateway->options.rules, sizeof gateway->rules) != 0) {
        intake_rules(gateway, effects);
    }
    if (!is_full && now_ms >= gateway->next_tick_ms) {
        intake_tick(gateway, effects);
    }
    if (now_ms >= gateway->next_tick_ms) {
        gateway->next_tick_ms = now_ms + gateway->options.tick_ms;
    }
    gateway->world->wake_at(gateway->world->context, gateway->next_tick_ms);
}

static void put_market_row(void *context, uint8_t table, struct bytes key, struct bytes value)
{
    rows_put(context, table, key, value);
}

static void save_ids(struct gateway *gateway, struct rows_out *rows)
{
    struct buffer value = {0};
    uint8_t key[8];

    while (gateway->ids_saved < gateway->ids.count) {
        uint64_t count = min_u64(gateway->ids.count - gateway->ids_saved, IDS_PER_ROW);
        value.size = 0;
        for (uint64_t i = 0; i < count; i++) {
            store_u64(buffer_extend(&value, 8), gateway->ids.hashes[gateway->ids_saved + i]);
        }
        store_u64_be(key, gateway->ids_saved + 1);
        rows_put(rows, GATEWAY_IDS, (struct bytes){key, sizeof key}, buffer_view(&value));
        gateway->ids_saved += count;
    }
    buffer_deinit(&value);
}

static void save(void *state, struct rows_out *rows)
{
    struct gateway *gateway = state;
    uint8_t value[8];

    market_rows_save(&gateway->rows, gateway->market, MARKET_BASE, put_market_row, rows);
    save_ids(gateway, rows);
    keys_save(gateway, GATEWAY_KEYS, rows);
    for (uint32_t i = 0; i < gateway->submitters.count; i++) {
        store_u64(value, gateway->positions[i]);
        rows_put(rows, GATEWAY_SUBMITTERS, names_text(&gateway->submitters, i),
                 (struct bytes){value, sizeof value});
    }
    if (gateway->rules.kept_max > 0) {
        gateway->scratch.size = 0;
        proto_encode(&RULES_PUT, &gateway->rules, &gateway->scratch);
        rows_put(rows, GATEWAY_RULES, (struct bytes){0}, buffer_view(&gateway->scratch));
    }
    store_u64(value, gateway->counters.refused);
    rows_put(rows, GATEWAY_COUNTERS, (struct bytes){0}, (struct bytes){value, sizeof value});
}

static void report(const void *state, struct report_out *out)
{
    const struct gateway *gateway = state;

    report_count(out, "accepted", gateway->counters.accepted);
    report_count(out, "refused", gateway->counters.refused);
    report_count(out, "repeated", gateway->counters.repeated);
    report_count(out, "malformed", gateway->counters.malformed);
    report_count(out, "undelivered", gateway->counters.undelivered);
    report_count(out, "submission_ids", gateway->ids.used);
    report_count(out, "submitters", gateway->submitters.count);
    report_count(out, "waiting", gateway->answers.count);
    report_count(out, "keys", registry_count(&gateway->registry));
    report_count(out, "denied", gateway->counters.denied);
}

static enum status control(void *state, struct bytes type, struct bytes body,
                           const char **answer_type, struct buffer *answer)
{
    if (!bytes_equal(type, bytes_from_text(LOOKUP.name))) {
        return STATUS_NOT_FOUND;
    }
    *answer_type = ROWS.name;
    return keys_lookup(state, body, answer);
}

static void close_state(void *state)
{
    gateway_close(state);
}

const struct role gateway_role = {
    .name = "gateway",
    .version = STAGE_VERSION,
    .is_source = true,
    .load = load,
    .loaded = loaded,
    .restore = restore,
    .committed = committed,
    .message = message,
    .wake = wake,
    .save = save,
    .report = report,
    .control = control,
    .close = close_state,
};
