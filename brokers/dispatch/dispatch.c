/*
 * dispatch.c - the role: assignment entries in, client events out, subscriptions, rows.
 *
 *     table                 key                    value
 *     DISPATCH_ASSIGNMENTS  u64 number             the last event about it, as clients got it
 *     DISPATCH_STREAMS      u32 start, party id    u64 own entry of each event from there on
 *     DISPATCH_KEYS         u32 number             core/access/registry.h
 *     DISPATCH_WATCHED      empty                  u64 the last intake entry in those
 */
#include "brokers/dispatch/dispatch.h"

#include "brokers/dispatch/state.h"
#include "core/base/mutant.h"
#include "node/reply.h"

#include <stdlib.h>
#include <string.h>

#define DISPATCH_ASSIGNMENTS 2
#define DISPATCH_STREAMS 3
#define DISPATCH_KEYS 4
#define DISPATCH_WATCHED 5
#define SEQS_PER_ROW 4096
#define RETRY_FULL_MS 1000
#define CLIENT_MESSAGE_COUNT_MAX 16 /* Of up to 64 KB each: what a client that is stuck costs. */

static const struct bytes assignment_type = {(const uint8_t *)"assignment", 10};
static const struct bytes answer_type = {(const uint8_t *)"answer", 6};

void dispatch_open(const struct dispatch_options *options, struct dispatch **dispatch)
{
    struct dispatch *opened = memory_take(1, sizeof *opened);

    opened->options = *options;
    *dispatch = opened;
}

void dispatch_close(struct dispatch *dispatch)
{
    if (dispatch == NULL) {
        return;
    }
    for (size_t i = 0; i < CHUNK_COUNT; i++) {
        if (dispatch->chunks[i].first != 0) {
            dispatch->world->parcel_release(dispatch->world->context, dispatch->chunks[i].body);
        }
    }
    if (dispatch->event_header != NULL) {
        dispatch->world->parcel_release(dispatch->world->context, dispatch->event_header);
    }
    view_deinit(&dispatch->view);
    registry_deinit(&dispatch->registry);
    dirty_deinit(&dispatch->dirty_keys);
    subscribers_deinit(&dispatch->subscribers);
    arena_deinit(&dispatch->arena);
    buffer_deinit(&dispatch->stored);
    buffer_deinit(&dispatch->scratch);
    free(dispatch);
}

/* --- Entries ------------------------------------------------------------------------- */

static void step_assignment(struct dispatch *dispatch, const struct entry *entry,
                            struct effects *effects)
{
    struct assignment_event event;
    struct refusal refusal;

    ENSURE(proto_decode(&ASSIGNMENT, entry->body, &dispatch->arena, &event, &refusal) == STATUS_OK);
    event.type = assignment_type;
    event.seq = effect_next_seq(effects);
    proto_encode(&ASSIGNMENT, &event, &dispatch->scratch);
    effect_append(effects, entry->kind, buffer_view(&dispatch->scratch));
    view_take_assignment(&dispatch->view, &event);
}

static void step_answer(struct dispatch *dispatch, const struct entry *entry,
                        struct effects *effects)
{
    struct answer_event event;
    struct refusal refusal;

    ENSURE(proto_decode(&ANSWER, entry->body, &dispatch->arena, &event, &refusal) == STATUS_OK);
    event.type = answer_type;
    event.seq = effect_next_seq(effects);
    proto_encode(&ANSWER, &event, &dispatch->scratch);
    effect_append(effects, entry->kind, buffer_view(&dispatch->scratch));
    view_take_answer(&dispatch->view, &event);
}

static void step(void *state, uint32_t upstream, const struct entry *entry, struct effects *effects)
{
    struct dispatch *dispatch = state;

    (void)upstream;
    arena_reset(&dispatch->arena);
    dispatch->scratch.size = 0;
    dispatch->counters.events++;
    if (entry->kind == KIND_ASSIGNMENT) {
        step_assignment(dispatch, entry, effects);
    } else if (entry->kind == KIND_ANSWER) {
        step_answer(dispatch, entry, effects);
    }
}

static void committed(void *state, const struct journal_head *head, const struct entry *entries,
                      size_t count)
{
    struct dispatch *dispatch = state;

    (void)entries;
    (void)count;
    dispatch->durable = head->last;
    dispatch->oldest = head->oldest;
    dispatch_pump(dispatch);
}

/* --- Clients ------------------------------------------------------------------------- */

static void refuse(struct dispatch *dispatch, struct bytes peer, struct bytes request_id,
                   const struct refusal *refusal)
{
    uint64_t retry_after_ms = strcmp(refusal->code, CODE_FULL) == 0 ? RETRY_FULL_MS : 0;

    dispatch->counters.malformed++;
    (void)reply_refused(dispatch->world, peer, request_id, refusal, retry_after_ms);
}

/* The same answer whether there is such a party or not. */
static void deny(struct dispatch *dispatch, const struct client_message *message,
                 const struct header *header)
{
    dispatch->counters.denied++;
    refuse(dispatch, message->peer, header->id,
           &(struct refusal){.code = CODE_DENIED,
                             .field = "party",
                             .why = "this key follows its own party's stream alone, while it is "
                                    "valid"});
}

static void take_subscribe(struct dispatch *dispatch, const struct client_message *message,
                           const struct header *header, const struct subscribe *request,
                           uint32_t key)
{
    struct stream_span span = dispatch_span(dispatch, request->party);
    struct subscriber *known = subscribers_find(&dispatch->subscribers, message->peer);

    if (!dispatch_may_follow(dispatch, key, request->party)) {
        deny(dispatch, message, header);
        return;
    }
    if (known == NULL && dispatch->subscribers.live_count >= dispatch->options.clients_max) {
        refuse(dispatch, message->peer, header->id,
               &(struct refusal){.code = CODE_FULL,
                                 .why = "the limit of subscriptions is reached "
                                        "(dispatch.clients_max)"});
        return;
    }
    if (request->after > span.last || request->after + 1 < span.oldest) {
        struct reset reset = {
            .oldest = span.oldest,
            .last = span.last,
            .why = bytes_from_text(request->after > span.last
                                       ? "the position lies beyond the end of the stream"
                                       : "events behind the position are no longer kept"),
        };
        dispatch->counters.resets++;
        (void)reply(dispatch->world, message->peer, header->id, &RESET, &reset);
        if (known != NULL) { /* What it follows from now on is up to its next one. */
            subscribers_remove(&dispatch->subscribers, known);
        }
        return;
    }
    struct subscriber *subscriber = subscribers_add(&dispatch->subscribers, message->peer);
    filter_set(&subscriber->filter, request->party, request->product, request->need, request->offer,
               request->states);
    subscriber->key = key;
    subscriber->position = request->after;
    subscriber->acked = request->after;
    subscriber->credit = min_u64(request->credit, dispatch->options.credit_max);
    subscriber->is_head_due = true;
}

static void take_credit(struct dispatch *dispatch, const struct client_message *message,
                        const struct header *header, const struct credit *request, uint32_t key)
{
    struct subscriber *subscriber = subscribers_find(&dispatch->subscribers, message->peer);

    if (subscriber == NULL || subscriber->key != key) {
        refuse(dispatch, message->peer, header->id,
               &(struct refusal){.code = CODE_STATE, .why = "there is no subscription: subscribe"});
        return;
    }
    uint64_t more = min_u64(request->n, dispatch->options.credit_max);
    subscriber->credit = min_u64(subscriber->credit + more, dispatch->options.credit_max);
    subscriber->acked = max_u64(subscriber->acked, min_u64(request->ack, subscriber->position));
    subscriber->is_blocked = false;
}

/* Decodes the body by `table` into `record`, or refuses. */
static bool read_body(struct dispatch *dispatch, const struct client_message *message,
                      const struct header *header, const struct message *table, void *record)
{
    struct refusal refusal;

    if (proto_decode(table, message->body, &dispatch->arena, record, &refusal) == STATUS_OK) {
        return true;
    }
    refuse(dispatch, message->peer, header->id, &refusal);
    return false;
}

static void take_snapshot(struct dispatch *dispatch, const struct client_message *message,
                          const struct header *header, const struct snapshot *request, uint32_t key)
{
    if (dispatch_may_follow(dispatch, key, request->party)) {
        dispatch_snapshot(dispatch, message->peer, header->id, request);
    } else {
        deny(dispatch, message, header);
    }
}

static void take_message(struct dispatch *dispatch, const struct client_message *message,
                         const struct header *header, uint32_t key)
{
    union {
        struct subscribe subscribe;
        struct credit credit;
        struct snapshot snapshot;
    } request;

    if (bytes_equal(header->type, bytes_from_text(SUBSCRIBE.name))) {
        if (read_body(dispatch, message, header, &SUBSCRIBE, &request)) {
            take_subscribe(dispatch, message, header, &request.subscribe, key);
        }
    } else if (bytes_equal(header->type, bytes_from_text(CREDIT.name))) {
        if (read_body(dispatch, message, header, &CREDIT, &request)) {
            take_credit(dispatch, message, header, &request.credit, key);
        }
    } else if (bytes_equal(header->type, bytes_from_text(SNAPSHOT.name))) {
        if (read_body(dispatch, message, header, &SNAPSHOT, &request)) {
            take_snapshot(dispatch, message, header, &request.snapshot, key);
        }
    } else {
        refuse(dispatch, message->peer, header->id,
               &(struct refusal){
                   .code = CODE_UNKNOWN,
                   .field = "t",
                   .why = "a dispatcher takes \"subscribe\", \"credit\" and \"snapshot\""});
    }
}

/* Whoever had this routing id before under another key is gone, and its subscription with it. */
static void forget_other(struct dispatch *dispatch, const struct client_message *message)
{
    struct subscriber *known = subscribers_find(&dispatch->subscribers, message->peer);
    uint32_t key =
        message->user.size == 0 ? KEY_LOCAL : registry_find(&dispatch->registry, message->user);
    bool is_unknown = message->user.size > 0 && key == 0;

    if (known != NULL && (known->key != key || is_unknown)) {
        subscribers_remove(&dispatch->subscribers, known);
    }
}

static void message(void *state, const struct client_message *message, struct effects *effects)
{
    struct dispatch *dispatch = state;
    struct header header;
    struct refusal refusal;

    uint32_t key = KEY_LOCAL;

    (void)effects;
    arena_reset(&dispatch->arena);
    dispatch->now_ms = dispatch->world->now_ms(dispatch->world->context);
    forget_other(dispatch, message);
    if (proto_decode(&HEADER, message->header, &dispatch->arena, &header, &refusal) != STATUS_OK) {
        refuse(dispatch, message->peer, (struct bytes){0}, &refusal);
        return;
    }
    if (header.version != PROTO_VERSION) {
        refuse(dispatch, message->peer, header.id,
               &(struct refusal){
                   .code = CODE_VERSION, .field = "v", .why = "this dispatcher speaks version 1"});
        return;
    }
    if (dispatch_find_key(dispatch, message->user, &key)) {
        take_message(dispatch, message, &header, key);
    } else {
        deny(dispatch, message, &header);
    }
    dispatch_pump(dispatch);
}

static void wake(void *state, uint64_t now_ms, struct effects *effects)
{
    struct dispatch *dispatch = state;
    struct subscribers *subscribers = &dispatch->subscribers;
    bool is_head_time = now_ms >= dispatch->next_head_ms;

    (void)effects;
    if (is_head_time) {
        dispatch->next_head_ms = now_ms + dispatch->options.head_ms;
    }
    dispatch->has_blocked = false;
    for (size_t i = 0; i < subscribers->count; i++) {
        subscribers->items[i].is_blocked = false;
        subscribers->items[i].is_head_due |= is_head_time;
    }
    dispatch_pump(dispatch);
}

/* --- Rows and figures ---------------------------------------------------------------- */

static enum status load(void *state, uint8_t table, struct bytes key, struct bytes value)
{
    struct dispatch *dispatch = state;
    struct assignment_event event;
    struct refusal refusal;

    if (table == DISPATCH_STREAMS && key.size > 4) {
        struct bytes party = {.data = key.data + 4, .size = key.size - 4};
        return view_restore_stream(&dispatch->view, party, load_u32_be(key.data), value);
    }
    if (table == DISPATCH_KEYS) {
        return dispatch_load_key(dispatch, key, value);
    }
    if (table == DISPATCH_WATCHED && value.size == 8) {
        dispatch->watched = load_u64(value.data);
        return STATUS_OK;
    }
    arena_reset(&dispatch->arena);
    if (table != DISPATCH_ASSIGNMENTS ||
        proto_decode(&ASSIGNMENT, value, &dispatch->arena, &event, &refusal) != STATUS_OK) {
        return STATUS_CORRUPT;
    }
    return view_restore_assignment(&dispatch->view, &event);
}

static enum status loaded(void *state, const struct world *world, const struct journal_head *head)
{
    struct dispatch *dispatch = state;
    struct header header = {.version = PROTO_VERSION, .type = bytes_from_text(EVENT.name)};

    dispatch->world = world;
    dispatch->has_new_keys = true;
    dispatch->oldest = head->oldest;
    dispatch->durable = head->last;
    dispatch->scratch.size = 0;
    proto_encode(&HEADER, &header, &dispatch->scratch);
    dispatch->event_header = world->parcel_make(world->context, buffer_view(&dispatch->scratch));
    return STATUS_OK;
}

static void save_assignments(struct dispatch *dispatch, struct rows_out *rows)
{
    struct dirty_list *dirty = &dispatch->view.dirty_assignments;
    struct assignment_event event;
    uint8_t key[8];

    for (size_t i = 0; i < dirty->count; i++) {
        uint64_t number = (uint64_t)dirty->items[i] + 1;
        ENSURE(view_assignment(&dispatch->view, number, &event));
        dispatch->scratch.size = 0;
        proto_encode(&ASSIGNMENT, &event, &dispatch->scratch);
        store_u64_be(key, number);
        rows_put(rows, DISPATCH_ASSIGNMENTS, (struct bytes){key, sizeof key},
                 buffer_view(&dispatch->scratch));
    }
    dirty_clear(dirty);
}

static void save_stream(struct dispatch *dispatch, uint32_t number, struct rows_out *rows)
{
    struct view_stream *stream = &dispatch->view.streams[number];
    struct bytes party = names_text(&dispatch->view.parties, number);
    uint8_t key[4 + ID_SIZE_MAX];

    ENSURE(party.size <= ID_SIZE_MAX);
    memcpy(key + 4, party.data, party.size);
    while (stream->saved < stream->count) {
        size_t count = (size_t)min_u64(stream->count - stream->saved, SEQS_PER_ROW);
        dispatch->scratch.size = 0;
        for (size_t i = 0; i < count; i++) {
            store_u64(buffer_extend(&dispatch->scratch, 8), stream->seqs[stream->saved + i]);
        }
        store_u32_be(key, (uint32_t)stream->saved);
        rows_put(rows, DISPATCH_STREAMS, (struct bytes){key, 4 + party.size},
                 buffer_view(&dispatch->scratch));
        stream->saved += count;
    }
}

static void save(void *state, struct rows_out *rows)
{
    struct dispatch *dispatch = state;
    struct dirty_list *dirty = &dispatch->view.dirty_streams;

    save_assignments(dispatch, rows);
    dispatch_save_keys(dispatch, DISPATCH_KEYS, DISPATCH_WATCHED, rows);
    for (size_t i = 0; i < dirty->count && !MUTANT(25); i++) {
        save_stream(dispatch, dirty->items[i], rows);
    }
    dirty_clear(dirty);
}

static void report(const void *state, struct report_out *out)
{
    const struct dispatch *dispatch = state;

    report_count(out, "events", dispatch->durable);
    report_count(out, "known_assignments", dispatch->view.assignment_count);
    report_count(out, "subscribers", dispatch->subscribers.live_count);
    report_count(out, "delivered", dispatch->counters.delivered);
    report_count(out, "deliveries", dispatch->counters.messages);
    report_count(out, "blocked", dispatch->counters.blocked);
    report_count(out, "resets", dispatch->counters.resets);
    report_count(out, "gone", dispatch->counters.gone);
    report_count(out, "refused_messages", dispatch->counters.malformed);
    report_count(out, "keys", registry_count(&dispatch->registry));
    report_count(out, "denied", dispatch->counters.denied);
    report_count(out, "muted", dispatch->counters.muted);
}

static void close_state(void *state)
{
    dispatch_close(state);
}

const struct role dispatch_role = {
    .name = "dispatch",
    .version = STAGE_VERSION,
    .client_send_count_max = CLIENT_MESSAGE_COUNT_MAX,
    .load = load,
    .loaded = loaded,
    .step = step,
    .committed = committed,
    .message = message,
    .wake = wake,
    .watch = dispatch_watch,
    .watched = dispatch_watched,
    .watch_reached = dispatch_watch_reached,
    .save = save,
    .report = report,
    .close = close_state,
};
