/*
 * pump.c - from the journal to the subscribers, in turn.
 *
 * Events are packed: one message carries what a subscriber may have, up to a count and a size.
 * Subscribers of the stream of all that stand at the same position share one message.
 */
#include "brokers/dispatch/state.h"

#include "core/base/mutant.h"
#include "node/reply.h"

#define SENDS_PER_PUMP 512
#define READ_SIZE ((size_t)48 * 1024)
#define BLOCKED_RETRY_MS 50

/* How many events of a stream stand before own entry `seq`. */
static uint64_t count_before(const struct view_stream *stream, uint64_t seq)
{
    size_t low = 0;
    size_t high = stream->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (stream->seqs[middle] < seq) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

struct stream_span dispatch_span(const struct dispatch *dispatch, struct bytes party)
{
    if (party.size == 0) {
        return (struct stream_span){.oldest = dispatch->oldest, .last = dispatch->durable};
    }
    const struct view_stream *stream = view_stream_of(&dispatch->view, party);
    if (stream == NULL) {
        return (struct stream_span){.oldest = 1};
    }
    return (struct stream_span){
        .oldest = count_before(stream, dispatch->oldest) + 1,
        .last = count_before(stream, dispatch->durable + 1), /* Not what is stepped alone. */
    };
}

/* Events gathered for one message. */
struct gathered {
    struct raw_item items[EVENTS_PER_MESSAGE_MAX];
    size_t count;
    size_t count_max;
    uint64_t position; /* Everything up to here was looked at. */
};

static bool passes(struct dispatch *dispatch, const struct subscriber *subscriber,
                   const struct entry *entry)
{
    struct assignment_event event;
    struct refusal refusal;

    if (!filter_is_narrow(&subscriber->filter)) {
        return true;
    }
    return entry->kind == KIND_ASSIGNMENT &&
           proto_decode(&ASSIGNMENT, entry->body, &dispatch->arena, &event, &refusal) ==
               STATUS_OK &&
           filter_passes(&subscriber->filter, &event);
}

/* From the stream of all: the stored bodies are what clients get. */
static void gather_all(struct dispatch *dispatch, const struct subscriber *subscriber,
                       struct gathered *gathered)
{
    struct entry entry;

    dispatch->stored.size = 0;
    if (dispatch->world->read(dispatch->world->context, gathered->position + 1, READ_SIZE,
                              &dispatch->stored) != STATUS_OK) {
        return;
    }
    struct bytes left = buffer_view(&dispatch->stored);
    while (gathered->count < gathered->count_max && entry_load(&left, &entry) == STATUS_OK &&
           entry.seq <= dispatch->durable) {
        if (passes(dispatch, subscriber, &entry)) {
            gathered->items[gathered->count++].value = entry.body;
        }
        gathered->position = entry.seq;
    }
}

/* The body of an own entry, with the position in a party's stream instead of its own. */
static struct bytes renumbered(struct dispatch *dispatch, const struct entry *entry,
                               uint64_t position)
{
    struct assignment_event assignment;
    struct answer_event answer;
    struct refusal refusal;
    struct buffer *target = &dispatch->scratch;

    target->size = 0;
    if (entry->kind == KIND_ASSIGNMENT) {
        ENSURE(proto_decode(&ASSIGNMENT, entry->body, &dispatch->arena, &assignment, &refusal) ==
               STATUS_OK);
        assignment.seq = position;
        proto_encode(&ASSIGNMENT, &assignment, target);
    } else {
        ENSURE(proto_decode(&ANSWER, entry->body, &dispatch->arena, &answer, &refusal) ==
               STATUS_OK);
        answer.seq = position;
        proto_encode(&ANSWER, &answer, target);
    }
    return arena_copy(&dispatch->arena, buffer_view(target));
}

static void gather_party(struct dispatch *dispatch, const struct subscriber *subscriber,
                         const struct view_stream *stream, uint64_t last, struct gathered *gathered)
{
    struct entry entry;
    size_t size = 0;

    while (gathered->count < gathered->count_max && gathered->position < last && size < READ_SIZE) {
        dispatch->stored.size = 0;
        enum status status = dispatch->world->read(
            dispatch->world->context, stream->seqs[gathered->position], 1, &dispatch->stored);
        struct bytes left = buffer_view(&dispatch->stored);
        if (status != STATUS_OK || entry_load(&left, &entry) != STATUS_OK) {
            return;
        }
        gathered->position++;
        if (passes(dispatch, subscriber, &entry)) {
            struct bytes body = renumbered(dispatch, &entry, gathered->position);
            gathered->items[gathered->count++].value = body;
            size += body.size;
        }
    }
}

static struct parcel *make_parcel(struct dispatch *dispatch, const struct gathered *gathered,
                                  uint64_t last)
{
    struct raw_item *items = (struct raw_item *)(uintptr_t)gathered->items;
    struct event event = {.last = last, .events = {.items = items, .count = gathered->count}};

    dispatch->scratch.size = 0;
    proto_encode(&EVENT, &event, &dispatch->scratch);
    return dispatch->world->parcel_make(dispatch->world->context, buffer_view(&dispatch->scratch));
}

/* Whether it gets the stream of all as it is. */
static bool follows_all(const struct subscriber *subscriber)
{
    return subscriber->filter.party_size == 0 && !filter_is_narrow(&subscriber->filter);
}

static struct chunk *find_chunk(struct dispatch *dispatch, uint64_t first, uint64_t credit)
{
    for (size_t i = 0; i < CHUNK_COUNT; i++) {
        struct chunk *chunk = &dispatch->chunks[i];
        if (chunk->first == first && chunk->stream_last == dispatch->durable &&
            chunk->last - chunk->first < credit) {
            return chunk;
        }
    }
    return NULL;
}

static void keep_chunk(struct dispatch *dispatch, uint64_t first, uint64_t last,
                       struct parcel *body)
{
    struct chunk *chunk = &dispatch->chunks[dispatch->chunk_next++ % CHUNK_COUNT];

    if (chunk->first != 0) {
        dispatch->world->parcel_release(dispatch->world->context, chunk->body);
    }
    *chunk = (struct chunk){
        .first = first, .last = last, .stream_last = dispatch->durable, .body = body};
}

static enum status send_body(struct dispatch *dispatch, const struct subscriber *subscriber,
                             struct parcel *body)
{
    struct bytes peer = {.data = subscriber->peer, .size = subscriber->peer_size};

    return dispatch->world->send_parcel(dispatch->world->context, peer, dispatch->event_header,
                                        body);
}

static void block(struct dispatch *dispatch, struct subscriber *subscriber)
{
    subscriber->is_blocked = true;
    dispatch->has_blocked = true;
}

/* What a send's outcome means for the subscriber. True when it went out. */
static bool settle_send(struct dispatch *dispatch, struct subscriber *subscriber,
                        enum status status)
{
    if (status == STATUS_OK) {
        return true;
    }
    if (status == STATUS_NOT_FOUND) {
        dispatch->counters.gone++;
        subscribers_remove(&dispatch->subscribers, subscriber);
    } else {
        dispatch->counters.blocked++;
        block(dispatch, subscriber);
    }
    return false;
}

static void advance(struct dispatch *dispatch, struct subscriber *subscriber, uint64_t position,
                    uint64_t event_count)
{
    subscriber->position = position;
    subscriber->credit -= MUTANT(23) ? 0 : event_count;
    dispatch->counters.delivered += event_count;
    dispatch->counters.messages += event_count > 0;
}

/* Looks at what comes next for the subscriber. */
static void gather(struct dispatch *dispatch, const struct subscriber *subscriber, uint64_t last,
                   struct gathered *gathered)
{
    struct bytes party = filter_party(&subscriber->filter);

    *gathered = (struct gathered){
        .count_max = (size_t)min_u64(subscriber->credit, EVENTS_PER_MESSAGE_MAX),
        .position = subscriber->position,
    };
    arena_reset(&dispatch->arena);
    if (party.size == 0) {
        gather_all(dispatch, subscriber, gathered);
    } else {
        gather_party(dispatch, subscriber, view_stream_of(&dispatch->view, party), last, gathered);
    }
}

/* A message that credit cut short is no good for others. */
static bool is_worth_sharing(const struct subscriber *subscriber, const struct gathered *gathered)
{
    bool is_cut = gathered->count == subscriber->credit && gathered->count < EVENTS_PER_MESSAGE_MAX;
    return follows_all(subscriber) && !is_cut;
}

static void send_events(struct dispatch *dispatch, struct subscriber *subscriber,
                        const struct stream_span *span)
{
    struct gathered gathered;

    gather(dispatch, subscriber, span->last, &gathered);
    if (gathered.position == subscriber->position) {
        block(dispatch, subscriber); /* Nothing could be read: again after a while. */
        return;
    }
    if (gathered.count == 0) {
        subscriber->position = gathered.position;
        return;
    }
    bool is_shared = is_worth_sharing(subscriber, &gathered);
    struct parcel *body = make_parcel(dispatch, &gathered, span->last);
    uint64_t first = subscriber->position + 1;
    if (settle_send(dispatch, subscriber, send_body(dispatch, subscriber, body)) || MUTANT(22)) {
        advance(dispatch, subscriber, gathered.position, gathered.count);
    }
    if (is_shared) {
        keep_chunk(dispatch, first, gathered.position, body);
    } else {
        dispatch->world->parcel_release(dispatch->world->context, body);
    }
}

static void send_head(struct dispatch *dispatch, struct subscriber *subscriber,
                      const struct stream_span *span)
{
    struct bytes peer = {.data = subscriber->peer, .size = subscriber->peer_size};
    struct stream_head head = {.seq = span->last, .oldest = span->oldest};

    enum status status = reply(dispatch->world, peer, (struct bytes){0}, &STREAM_HEAD, &head);
    if (settle_send(dispatch, subscriber, status)) {
        subscriber->is_head_due = false;
    }
}

/* What comes next for it is no longer kept: it was too slow for too long. */
static void reset(struct dispatch *dispatch, struct subscriber *subscriber,
                  const struct stream_span *span)
{
    struct bytes peer = {.data = subscriber->peer, .size = subscriber->peer_size};
    struct reset told = {
        .oldest = span->oldest,
        .last = span->last,
        .why = bytes_from_text("events behind the position are no longer kept"),
    };

    dispatch->counters.resets++;
    if (settle_send(dispatch, subscriber,
                    reply(dispatch->world, peer, (struct bytes){0}, &RESET, &told))) {
        subscribers_remove(&dispatch->subscribers, subscriber);
    }
}

/* Its key ended or was revoked: it hears no more, not even why on every turn. */
static void mute(struct dispatch *dispatch, struct subscriber *subscriber)
{
    struct bytes peer = {.data = subscriber->peer, .size = subscriber->peer_size};
    struct refusal refusal = {.code = CODE_DENIED,
                              .why = "this key is not valid any more: the subscription is over"};

    dispatch->counters.muted++;
    (void)reply_refused(dispatch->world, peer, (struct bytes){0}, &refusal, 0);
    subscribers_remove(&dispatch->subscribers, subscriber);
}

/* One turn for one subscriber. True when something was sent or looked at: there may be more. */
static bool serve(struct dispatch *dispatch, struct subscriber *subscriber)
{
    if (subscriber->peer_size == 0 || subscriber->is_blocked) {
        return false;
    }
    if (!dispatch_may_follow(dispatch, subscriber->key, filter_party(&subscriber->filter))) {
        mute(dispatch, subscriber);
        return false;
    }
    struct chunk *chunk = NULL;
    if (follows_all(subscriber) && subscriber->credit > 0) {
        chunk = find_chunk(dispatch, subscriber->position + 1, subscriber->credit);
    }
    if (chunk != NULL) {
        if (settle_send(dispatch, subscriber, send_body(dispatch, subscriber, chunk->body))) {
            advance(dispatch, subscriber, chunk->last, chunk->last - chunk->first + 1);
        }
        return true;
    }
    struct stream_span span = dispatch_span(dispatch, filter_party(&subscriber->filter));
    if (subscriber->position + 1 < span.oldest) {
        reset(dispatch, subscriber, &span);
        return true;
    }
    if (subscriber->position < span.last && subscriber->credit > 0) {
        send_events(dispatch, subscriber, &span);
        return true;
    }
    if (subscriber->position >= span.last && subscriber->is_head_due) {
        send_head(dispatch, subscriber, &span);
    }
    return false;
}

void dispatch_pump(struct dispatch *dispatch)
{
    struct subscribers *subscribers = &dispatch->subscribers;
    const struct world *world = dispatch->world;
    size_t idle_in_a_row = 0;
    size_t sends = 0;

    dispatch->now_ms = world->now_ms(world->context);
    while (idle_in_a_row < subscribers->count && sends < SENDS_PER_PUMP) {
        if (dispatch->pump_at >= subscribers->count) {
            dispatch->pump_at = 0;
        }
        if (serve(dispatch, &subscribers->items[dispatch->pump_at++])) {
            idle_in_a_row = 0;
            sends++;
        } else {
            idle_in_a_row++;
        }
    }
    uint64_t now = world->now_ms(world->context);
    if (sends >= SENDS_PER_PUMP) {
        world->wake_at(world->context, now);
    } else if (dispatch->has_blocked) {
        world->wake_at(world->context, min_u64(now + BLOCKED_RETRY_MS, dispatch->next_head_ms));
    } else {
        world->wake_at(world->context, dispatch->next_head_ms);
    }
}
