/*
 * stream.c - events from the dispatcher, in order and each once.
 *
 * The dispatcher sends in order and only within the credit; a filter leaves holes between
 * positions, so the next event is any behind the last one done with, and one at or before it is a
 * double. After a reconnection, or when even heads stay out, the subscription is made again
 * behind the last event done with. A subscription has a connection to itself: nothing that an
 * earlier one left on its way can be taken for its own.
 */
#include "client/connection.h"

#include "core/base/mutant.h"

#include <string.h>

/* What is looked at of an event; the rest is the caller's matter. */
struct event_head {
    struct bytes type;
    uint64_t seq;
};

static const struct field EVENT_HEAD_FIELDS[] = {
    {.name = "t",
     .name_size = 1,
     .type = FIELD_TEXT,
     .offset = offsetof(struct event_head, type),
     .min = 1,
     .max = ID_SIZE_MAX,
     .required = true,
     .since = 1,
     .text = "Kind of the event."},
    {.name = "seq",
     .name_size = 3,
     .type = FIELD_UINT,
     .offset = offsetof(struct event_head, seq),
     .min = 1,
     .max = INT64_MAX,
     .required = true,
     .since = 1,
     .text = "Position in the stream."},
};

static const struct message EVENT_HEAD = {
    .name = "event head",
    .name_size = 10,
    .record_size = sizeof(struct event_head),
    .fields = EVENT_HEAD_FIELDS,
    .field_count = COUNT_OF(EVENT_HEAD_FIELDS),
    .text = "What every event starts with.",
};

/* Subscribing. */

/* Copies one text of a filter. False when it is no id. */
static bool copy_text(struct stream *stream, size_t at, const char *text, struct bytes *view)
{
    size_t size = text == NULL ? 0 : strlen(text);

    if (size > ID_SIZE_MAX || (text != NULL && size == 0)) {
        return false;
    }
    memcpy(stream->texts[at], text == NULL ? "" : text, size);
    *view = (struct bytes){.data = (const uint8_t *)stream->texts[at], .size = size};
    return true;
}

static bool copy_filter(struct stream *stream, const struct maillon_filter *filter)
{
    struct subscribe *request = &stream->request;
    struct maillon_filter given = {0};

    if (filter != NULL) {
        if (filter->size == 0 || filter->size > sizeof given) {
            return false;
        }
        memcpy(&given, filter, filter->size);
    }
    return copy_text(stream, 0, given.party, &request->party) &&
           copy_text(stream, 1, given.product, &request->product) &&
           copy_text(stream, 2, given.need, &request->need) &&
           copy_text(stream, 3, given.offer, &request->offer);
}

enum maillon_status maillon_subscribe(struct maillon *connection,
                                      const struct maillon_filter *filter, uint64_t after,
                                      maillon_event_fn on_event, void *user)
{
    struct stream *stream = &connection->stream;
    struct refusal refusal;

    if (stream->link == NULL) {
        return MAILLON_CONFIG;
    }
    stream->is_active = false; /* Also when what follows is refused. */
    stream->generation++;
    stream->request = (struct subscribe){.after = after, .credit = EVENT_CREDIT};
    if (on_event == NULL || !copy_filter(stream, filter) ||
        proto_check(&SUBSCRIBE, &stream->request, &refusal) != STATUS_OK) {
        return MAILLON_USAGE;
    }
    stream->is_active = true;
    stream->is_told = false;
    stream->on_event = on_event;
    stream->user = user;
    stream->retry_ms = 0;
    wake_up(connection);
    return MAILLON_OK;
}

static void stop(struct stream *stream)
{
    stream->is_active = false;
    stream->is_told = false;
}

static void subscribe(struct maillon *connection)
{
    struct stream *stream = &connection->stream;

    stream->request.after += MUTANT(27) && stream->request.after > 0;
    if (send_message(connection, stream->link, &SUBSCRIBE, &stream->request) == STATUS_OK) {
        stream->is_told = true;
        stream->is_used = true;
        stream->done_count = 0;
        stream->heard_ms = connection->now_ms;
    }
}

static void reopen(struct stream *stream)
{
    link_reopen(stream->link);
    stream->is_told = false;
    stream->is_used = false;
}

/* Events. */

/* False when the subscription has ended or is another one. */
static bool deliver(struct stream *stream, const struct maillon_event *event)
{
    uint64_t generation = stream->generation;
    enum maillon_status status = stream->on_event(event, stream->user);

    if (stream->generation != generation) {
        return false;
    }
    if (status != MAILLON_OK) {
        stop(stream);
        return false;
    }
    stream->request.after = max_u64(stream->request.after, event->seq);
    return true;
}

static bool kind_of(struct bytes type, enum maillon_event_kind *kind)
{
    if (bytes_equal(type, bytes_from_text("assignment"))) {
        *kind = MAILLON_ASSIGNMENT;
        return true;
    }
    *kind = MAILLON_ANSWERED;
    return bytes_equal(type, bytes_from_text("answer"));
}

static bool take_event(struct maillon *connection, struct bytes value)
{
    struct stream *stream = &connection->stream;
    struct event_head head;
    struct maillon_event event = {.body = value.data, .size = value.size};

    stream->done_count++; /* It used up credit, whatever it is. */
    if (!decode_body(connection, &EVENT_HEAD, value, &head)) {
        return true;
    }
    if (head.seq <= stream->request.after && !MUTANT(26)) {
        return true;
    }
    if (!kind_of(head.type, &event.kind)) { /* Of a later version: not for this one. */
        connection->nonsense_count++;
        stream->request.after = head.seq;
        return true;
    }
    event.seq = head.seq;
    return deliver(stream, &event);
}

static void take_events(struct maillon *connection, struct bytes body)
{
    struct event events;

    if (!decode_body(connection, &EVENT, body, &events)) {
        return;
    }
    const struct raw_item *items = events.events.items;
    for (size_t i = 0; i < events.events.count; i++) {
        if (!take_event(connection, items[i].value)) {
            return;
        }
    }
}

static void take_head(struct maillon *connection, struct bytes body)
{
    struct stream_head head;

    if (decode_body(connection, &STREAM_HEAD, body, &head) &&
        head.seq >= connection->stream.request.after) {
        struct maillon_event event = {.kind = MAILLON_HEAD, .seq = head.seq};
        (void)deliver(&connection->stream, &event);
    }
}

/* Ends the subscription, and says from where one can go on: in front of the oldest event kept. */
static void take_reset(struct maillon *connection, struct bytes body)
{
    struct stream *stream = &connection->stream;
    struct reset reset;

    if (decode_body(connection, &RESET, body, &reset)) {
        struct maillon_event event = {.kind = MAILLON_RESET,
                                      .seq = reset.oldest == 0 ? 0 : reset.oldest - 1};
        stop(stream);
        (void)stream->on_event(&event, stream->user);
    }
}

static void take_refused(struct maillon *connection, struct bytes body)
{
    struct stream *stream = &connection->stream;
    struct refused refused;

    if (!decode_body(connection, &REFUSED, body, &refused)) {
        return;
    }
    enum maillon_status status = status_from_code(refused.code);
    if (status == MAILLON_TRY_AGAIN) {
        stream->is_told = false;
        stream->retry_ms = retry_time(connection, refused.retry_after_ms);
        return;
    }
    stop(stream);
    connection->verdict = status;
}

static void take_message(struct maillon *connection, const struct incoming *message)
{
    if (!connection->stream.is_told) {
        connection->nonsense_count++; /* Nobody asked, or nobody asks any more. */
        return;
    }
    connection->stream.heard_ms = connection->now_ms;
    if (bytes_equal(message->type, bytes_from_text(EVENT.name))) {
        take_events(connection, message->body);
    } else if (bytes_equal(message->type, bytes_from_text(STREAM_HEAD.name))) {
        take_head(connection, message->body);
    } else if (bytes_equal(message->type, bytes_from_text(RESET.name))) {
        take_reset(connection, message->body);
    } else if (bytes_equal(message->type, bytes_from_text(REFUSED.name))) {
        take_refused(connection, message->body);
    } else {
        connection->nonsense_count++;
    }
}

/* Gives credit back for what is done: by halves of the window, and what there is when idle. */
static void acknowledge(struct maillon *connection, uint64_t least)
{
    struct stream *stream = &connection->stream;
    struct credit credit = {.n = stream->done_count, .ack = stream->request.after};

    if (stream->is_told && stream->done_count >= least &&
        send_message(connection, stream->link, &CREDIT, &credit) == STATUS_OK) {
        stream->done_count = 0;
    }
}

static void receive_events(struct maillon *connection)
{
    struct stream *stream = &connection->stream;
    struct incoming message;

    for (int i = 0; i < MESSAGES_PER_TURN_MAX; i++) {
        if (receive_message(connection, stream->link, &message) != STATUS_OK) {
            acknowledge(connection, 1);
            return;
        }
        take_message(connection, &message);
        acknowledge(connection, EVENT_CREDIT / 2);
    }
}

/* A connection serves one subscription, and only as long as something is heard. */
static bool is_worn_out(const struct stream *stream, uint64_t now_ms)
{
    if (stream->is_told) {
        return now_ms >= stream->heard_ms + SILENCE_MS;
    }
    return stream->is_used;
}

void stream_process(struct maillon *connection)
{
    struct stream *stream = &connection->stream;

    if (stream->link == NULL) {
        return;
    }
    if (link_refresh(stream->link)) {
        stream->is_told = false;
        stream->is_used = false;
    }
    if (link_is_denied(stream->link)) {
        connection->verdict = MAILLON_DENIED;
    }
    receive_events(connection);
    if (is_worn_out(stream, connection->now_ms)) {
        reopen(stream);
    }
    if (stream->retry_ms <= connection->now_ms) {
        stream->retry_ms = 0;
    }
    if (stream->is_active && !stream->is_told && stream->retry_ms == 0) {
        subscribe(connection);
    }
}

bool stream_has_work(const struct stream *stream)
{
    return stream->link != NULL && link_is_readable(stream->link);
}

uint64_t stream_deadline_ms(const struct stream *stream)
{
    if (!stream->is_active) {
        return NO_DEADLINE;
    }
    if (stream->is_told) {
        return stream->heard_ms + SILENCE_MS;
    }
    return stream->retry_ms == 0 ? NO_DEADLINE : stream->retry_ms; /* 0: waits for a connection. */
}
