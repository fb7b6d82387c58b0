/*
 * Bytes as a hostile server's frames to the client library, and what its caller does meanwhile.
 *
 * The link below takes the place of client/link.c: it hands out what the input says, when it says
 * so. Every submission is answered exactly once, with a receipt only when one was sent. Events come
 * with rising positions, none at or before the one asked for, and none after the caller stopped.
 * What the library sends decodes, and acknowledges all that was done with.
 */
#include "client/connection.h"
#include "tests/fuzz/messages.h"
#include "tests/unit/proto_records.h"

#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#define STEP_COUNT_MAX 64
#define SUBMISSION_COUNT 8
#define QUEUE_COUNT_MAX 32
#define WINDOW 4

struct frames {
    struct buffer header, body;
    bool is_broken; /* No pair of frames. */
};

struct link {
    struct frames queue[QUEUE_COUNT_MAX]; /* What the server sent. */
    size_t first, count;
    struct frames received; /* The views that were handed out. */
    bool is_connected, is_new, is_full;
};

struct caller {
    struct maillon *connection;
    struct link *gateway, *dispatch;
    struct bytes input;
    size_t submitted_count[SUBMISSION_COUNT], answered_count[SUBMISSION_COUNT];
    uint64_t last_seq; /* Asked for, or of the last event done with. */
    bool is_subscribed;
    uint64_t clock_ms;
};

static struct caller caller; /* The library's clock and links have no context of ours. */

/* The link, and a context without what ZeroMQ prepares for sockets. */

void *zmq_ctx_new(void)
{
    return memory_take(1, 1);
}

int zmq_ctx_term(void *context)
{
    free(context);
    return 0;
}

static void check_sent(struct bytes header_frame, struct bytes body)
{
    struct arena arena = {0};
    struct refusal refusal = {0};
    struct header header;

    ENSURE(proto_decode(&HEADER, header_frame, &arena, &header, &refusal) == STATUS_OK);
    const struct message *message = fuzz_message(header.type);
    ENSURE(message == &SUBMIT || message == &SUBSCRIBE || message == &CREDIT);
    void *record = arena_take(&arena, message->record_size);
    ENSURE(proto_decode(message, body, &arena, record, &refusal) == STATUS_OK);
    if (message == &CREDIT) {
        /* More when events of a kind that it does not know came: it passes over them. */
        ENSURE(((struct credit *)record)->ack >= caller.last_seq);
    }
    arena_deinit(&arena);
}

enum maillon_status link_open(void *context, int epoll, const char *endpoint,
                              const struct credentials *keys, struct link **out)
{
    (void)context;
    (void)epoll;
    (void)keys;
    *out = memory_take(1, sizeof **out);
    if (strstr(endpoint, "gateway") != NULL) {
        caller.gateway = *out;
    } else {
        caller.dispatch = *out;
    }
    return MAILLON_OK;
}

static void clear_frames(struct frames *frames)
{
    buffer_deinit(&frames->header);
    buffer_deinit(&frames->body);
}

static void clear_queue(struct link *link)
{
    for (; link->count > 0; link->count--) {
        clear_frames(&link->queue[link->first++ % QUEUE_COUNT_MAX]);
    }
}

void link_close(struct link *link)
{
    if (link != NULL) {
        clear_queue(link);
        clear_frames(&link->received);
        free(link);
    }
}

void link_reopen(struct link *link)
{
    clear_queue(link);
    link->is_connected = false;
}

bool link_is_denied(const struct link *link)
{
    (void)link;
    return false;
}

bool link_refresh(struct link *link)
{
    bool is_new = link->is_new;

    link->is_new = false;
    return is_new;
}

bool link_is_readable(const struct link *link)
{
    return link->count > 0 || link->is_new;
}

bool link_is_writable(const struct link *link)
{
    return link->is_connected && !link->is_full;
}

enum status link_send(struct link *link, struct bytes header, struct bytes body)
{
    if (!link_is_writable(link)) {
        return STATUS_AGAIN;
    }
    check_sent(header, body);
    return STATUS_OK;
}

enum status link_receive(struct link *link, struct bytes *header, struct bytes *body)
{
    if (link->count == 0) {
        return STATUS_AGAIN;
    }
    clear_frames(&link->received);
    link->received = link->queue[link->first % QUEUE_COUNT_MAX];
    link->first++;
    link->count--;
    if (link->received.is_broken) {
        return STATUS_MALFORMED;
    }
    *header = buffer_view(&link->received.header);
    *body = buffer_view(&link->received.body);
    return STATUS_OK;
}

static void queue_frames(struct link *link, struct bytes header, struct bytes body, bool is_broken)
{
    if (link->count == QUEUE_COUNT_MAX || !link->is_connected) {
        return;
    }
    struct frames *frames = &link->queue[(link->first + link->count++) % QUEUE_COUNT_MAX];
    *frames = (struct frames){.is_broken = is_broken};
    buffer_append(&frames->header, header.data, header.size);
    buffer_append(&frames->body, body.data, body.size);
}

/* The caller. */

static uint64_t clock_ms(void)
{
    return caller.clock_ms;
}

static void submit(size_t number);

static void on_answer(const struct maillon_answer *answer, void *user)
{
    size_t number = (size_t)((size_t *)user - caller.submitted_count);

    ENSURE(answer->id[0] == number);
    ENSURE(answer->code != NULL && answer->field != NULL && answer->why != NULL);
    ENSURE(strlen(answer->code) + strlen(answer->field) + strlen(answer->why) < 4096);
    caller.answered_count[number]++;
    ENSURE(caller.answered_count[number] <= caller.submitted_count[number]);
    if (fuzz_take_below(&caller.input, 4) == 0) {
        submit(fuzz_take_below(&caller.input, SUBMISSION_COUNT));
    }
}

static void submit(size_t number)
{
    static const uint8_t body[] = {0x81, 0xa1, 'x', 0x01};
    uint8_t id[MAILLON_ID_SIZE] = {(uint8_t)number};
    bool is_waiting = caller.answered_count[number] < caller.submitted_count[number];

    enum maillon_status status =
        maillon_submit(caller.connection, "need.put", id, body, sizeof body, on_answer,
                       &caller.submitted_count[number]);
    if (status == MAILLON_OK) {
        ENSURE(!is_waiting);
        caller.submitted_count[number]++;
    } else {
        ENSURE(status == MAILLON_CONFLICT || status == MAILLON_TRY_AGAIN ||
               status == MAILLON_CONFIG);
        ENSURE((status == MAILLON_CONFLICT) <= is_waiting);
    }
}

static enum maillon_status on_event(const struct maillon_event *event, void *user)
{
    (void)user;
    ENSURE(caller.is_subscribed);
    switch (event->kind) {
    case MAILLON_ASSIGNMENT:
    case MAILLON_ANSWERED:
        ENSURE(event->seq > caller.last_seq);
        ENSURE(proto_is_canonical((struct bytes){event->body, event->size}));
        break;
    case MAILLON_HEAD:
        ENSURE(event->seq >= caller.last_seq);
        break;
    case MAILLON_RESET:
        caller.is_subscribed = false;
        return MAILLON_OK;
    }
    if (fuzz_take_below(&caller.input, 16) == 1) {
        caller.is_subscribed = false;
        return MAILLON_TRY_AGAIN;
    }
    caller.last_seq = event->seq;
    return MAILLON_OK;
}

static void subscribe(struct bytes *input)
{
    const struct maillon_filter filter = {.size = sizeof filter, .party = "party0"};
    uint64_t after = fuzz_take_u8(input) % 8;
    bool is_narrow = fuzz_take_below(input, 2) == 1;

    caller.last_seq = after;
    caller.is_subscribed = true;
    ENSURE(maillon_subscribe(caller.connection, is_narrow ? &filter : NULL, after, on_event,
                             NULL) == MAILLON_OK);
}

/* The server. */

static void serve(struct bytes *input, bool is_sensible)
{
    static const struct message *const types[] = {&ANSWERS, &REFUSED, &EVENT, &STREAM_HEAD, &RESET};
    struct link *link = fuzz_take_below(input, 2) == 0 ? caller.gateway : caller.dispatch;
    struct buffer header = {0};

    if (is_sensible) {
        const struct message *message = types[fuzz_take_below(input, COUNT_OF(types))];
        const struct header record = {.version = PROTO_VERSION,
                                      .type = bytes_from_text(message->name)};
        proto_encode(&HEADER, &record, &header);
    } else {
        struct bytes block = fuzz_take_block(input);
        buffer_append(&header, block.data, block.size);
    }
    queue_frames(link, buffer_view(&header), fuzz_take_block(input),
                 !is_sensible && fuzz_take_below(input, 8) == 0);
    buffer_deinit(&header);
}

static void connect_link(struct bytes *input)
{
    struct link *link = fuzz_take_below(input, 2) == 0 ? caller.gateway : caller.dispatch;

    clear_queue(link);
    link->is_connected = fuzz_take_below(input, 4) != 0;
    link->is_new = link->is_connected;
    link->is_full = fuzz_take_below(input, 8) == 7;
}

static void take_step(struct bytes *input)
{
    switch (fuzz_take_below(input, 8)) {
    case 0:
        submit(fuzz_take_below(input, SUBMISSION_COUNT));
        return;
    case 1:
        subscribe(input);
        return;
    case 2:
        connect_link(input);
        return;
    case 3:
        serve(input, false);
        return;
    case 4:
    case 5:
        serve(input, true);
        return;
    case 6:
        caller.clock_ms += fuzz_take_u8(input) * (uint64_t)100;
        return;
    default:
        (void)maillon_process(caller.connection);
        ENSURE(maillon_timeout_ms(caller.connection) >= -1);
        return;
    }
}

static size_t count_waiting(void)
{
    size_t waiting = 0;

    for (size_t i = 0; i < SUBMISSION_COUNT; i++) {
        waiting += caller.submitted_count[i] - caller.answered_count[i];
    }
    return waiting;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct maillon_options options = {.size = sizeof options,
                                            .gateway = "ipc://gateway",
                                            .dispatch = "ipc://dispatch",
                                            .window = WINDOW};

    caller = (struct caller){.input = {data, size}, .clock_ms = 1000};
    ENSURE(maillon_open(&options, &caller.connection) == MAILLON_OK);
    caller.connection->clock_ms = clock_ms;
    caller.connection->random = 1;
    for (size_t i = 0; i < STEP_COUNT_MAX && caller.input.size > 0; i++) {
        take_step(&caller.input);
        ENSURE(maillon_unanswered(caller.connection) == count_waiting());
    }
    caller.input.size = 0;
    (void)maillon_process(caller.connection);
    maillon_close(caller.connection);
    ENSURE(count_waiting() == 0);
    return 0;
}

/* Seeds: connected, subscribed, submitted, then one message of each kind and a turn. */

static void put_start(struct buffer *input)
{
    static const uint8_t start[] = {2, 0, 1, 0, 2, 1, 1, 0, 1, 0, 0, 0, 0, 0, 1, 7};

    buffer_append(input, start, sizeof start);
}

static void put_message(struct buffer *input, uint8_t link, uint8_t type, struct bytes body)
{
    *buffer_extend(input, 1) = 4;
    *buffer_extend(input, 1) = link;
    *buffer_extend(input, 1) = type;
    fuzz_put_block(input, body);
    *buffer_extend(input, 1) = 7;
}

static struct bytes event_body(struct arena *arena, uint64_t *random, uint64_t seq)
{
    struct assignment_event event;
    struct buffer buffer = {0};

    random_record(&ASSIGNMENT, random, arena, &event);
    event.type = bytes_from_text("assignment");
    event.seq = seq;
    proto_encode(&ASSIGNMENT, &event, &buffer);
    struct bytes copy = arena_copy(arena, buffer_view(&buffer));
    buffer_deinit(&buffer);
    return copy;
}

static void put_record(struct buffer *input, uint8_t link, uint8_t type,
                       const struct message *message, const void *record)
{
    struct buffer body = {0};

    proto_encode(message, record, &body);
    put_message(input, link, type, buffer_view(&body));
    buffer_deinit(&body);
}

void fuzz_seeds(const struct fuzz_sink *sink)
{
    uint8_t ids[2][SUBMISSION_ID_SIZE] = {{0}, {1}};
    uint8_t chain[CHAIN_SIZE] = {9};
    struct arena arena = {0};
    struct buffer input = {0};
    uint64_t random = 3;
    struct result results[2] = {
        {.id = {ids[0], sizeof ids[0]}, .accepted = true, .position = 1, .chain = {chain, 32}},
        {.id = {ids[1], sizeof ids[1]}, .code = bytes_from_text(CODE_FULL), .retry_after_ms = 9}};
    const struct answers answers = {.results = {results, 2}};
    const struct refused refused = {.code = bytes_from_text(CODE_FULL)};
    struct raw_item items[2] = {{event_body(&arena, &random, 1)}, {event_body(&arena, &random, 4)}};
    const struct event event = {.last = 4, .events = {items, 2}};
    const struct stream_head head = {.seq = 4, .oldest = 1};
    const struct reset reset = {.oldest = 3, .last = 9};

    put_start(&input);
    put_record(&input, 0, 0, &ANSWERS, &answers);
    fuzz_give(sink, &input);
    put_record(&input, 1, 2, &EVENT, &event);
    put_record(&input, 1, 3, &STREAM_HEAD, &head);
    fuzz_give(sink, &input);
    put_record(&input, 0, 1, &REFUSED, &refused);
    put_record(&input, 1, 1, &REFUSED, &refused);
    put_record(&input, 1, 4, &RESET, &reset);
    fuzz_give(sink, &input);
    buffer_deinit(&input);
    arena_deinit(&arena);
}

void fuzz_words(const struct fuzz_sink *sink)
{
    fuzz_message_words(sink, FUZZ_PACKED);
}
