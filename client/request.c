/*
 * request.c - for tools: JSON in and out, and one request with its answer.
 */
#include "client/connection.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>
#include <zmq.h>

#define PROBLEM_SIZE 320
#define TYPE_SIZE 32

enum maillon_status maillon_to_json(const void *body, size_t size, char **json)
{
    struct buffer text = {0};

    if (proto_value_to_json((struct bytes){.data = body, .size = size}, &text) != STATUS_OK) {
        buffer_deinit(&text);
        return MAILLON_DATA;
    }
    buffer_append(&text, "", 1);
    *json = (char *)text.data;
    return MAILLON_OK;
}

static void describe(const struct refusal *refusal, char *problem)
{
    if (problem != NULL) { /* One byte of the longest does not fit: it is for people. */
        int size = snprintf(problem, PROBLEM_SIZE, "%s%s%s", refusal->field,
                            refusal->field[0] == '\0' ? "" : ": ", refusal->why);
        ENSURE(size >= 0);
    }
}

/* The MessagePack form of a command's JSON. */
static enum maillon_status body_from_json(const char *type, const char *json, struct buffer *body,
                                          struct refusal *refusal)
{
    const struct message *message = message_by_name(bytes_from_text(type));
    struct arena arena = {0};
    union command command;

    if (message == NULL) {
        snprintf(refusal->why, sizeof refusal->why, "no command is called %.64s", type);
        return MAILLON_DATA;
    }
    enum status status = proto_from_json(message, bytes_from_text(json), &arena, &command, refusal);
    if (status == STATUS_OK) {
        proto_encode(message, &command, body);
    }
    arena_deinit(&arena);
    return status == STATUS_OK ? MAILLON_OK : MAILLON_DATA;
}

enum maillon_status maillon_submit_json(struct maillon *connection, const char *type,
                                        const uint8_t id[MAILLON_ID_SIZE], const char *json,
                                        maillon_answer_fn answered, void *user, char *problem)
{
    struct buffer body = {0};
    struct refusal refusal = {0};
    enum maillon_status status = body_from_json(type, json, &body, &refusal);

    if (status == MAILLON_OK) {
        status = maillon_submit(connection, type, id, body.data, body.size, answered, user);
    } else {
        describe(&refusal, problem);
    }
    buffer_deinit(&body);
    return status;
}

/* One request. */

struct request {
    struct credentials keys;
    void *context;
    int epoll;
    struct link *link;
    struct arena arena;
    uint8_t id[REQUEST_ID_SIZE_MAX];
    struct buffer header;
    struct bytes body;
    uint64_t deadline_ms;
    struct header answer;
    struct bytes answer_body;
};

static uint64_t time_now_ms(void)
{
    struct timespec now;

    ENSURE(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* Takes the answer in when it has come. */
static MUST_USE bool receive_answer(struct request *request)
{
    struct refusal refusal;
    struct bytes frame;
    enum status status;

    while ((status = link_receive(request->link, &frame, &request->answer_body)) != STATUS_AGAIN) {
        arena_reset(&request->arena);
        if (status == STATUS_OK &&
            proto_decode(&HEADER, frame, &request->arena, &request->answer, &refusal) ==
                STATUS_OK &&
            bytes_equal(request->answer.id,
                        (struct bytes){.data = request->id, .size = sizeof request->id})) {
            return true;
        }
    }
    return false;
}

/* Sends, again on every new connection, until the answer is there or the time is over. */
static enum maillon_status exchange(struct request *request)
{
    bool is_sent = false;
    struct epoll_event event;

    for (;;) {
        if (link_refresh(request->link)) {
            is_sent = false;
        }
        if (!is_sent) {
            is_sent =
                link_send(request->link, buffer_view(&request->header), request->body) == STATUS_OK;
        }
        if (link_is_denied(request->link)) {
            return MAILLON_DENIED;
        }
        if (receive_answer(request)) {
            return MAILLON_OK;
        }
        uint64_t now_ms = time_now_ms();
        if (now_ms >= request->deadline_ms) {
            return MAILLON_UNREACHABLE;
        }
        if (!link_is_readable(request->link)) {
            epoll_wait(request->epoll, &event, 1,
                       (int)min_u64(request->deadline_ms - now_ms, INT32_MAX));
        }
    }
}

static enum maillon_status hand_over(const struct request *request, char type_out[TYPE_SIZE],
                                     void **body_out, size_t *size_out)
{
    struct bytes type = request->answer.type;

    if (type.size >= TYPE_SIZE || !proto_is_canonical(request->answer_body)) {
        return MAILLON_DATA;
    }
    snprintf(type_out, TYPE_SIZE, "%.*s", BYTES_ARGS(type));
    void *copy = malloc(request->answer_body.size);
    if (copy == NULL) {
        return MAILLON_NO_MEMORY;
    }
    memcpy(copy, request->answer_body.data, request->answer_body.size);
    *size_out = request->answer_body.size;
    *body_out = copy;
    return MAILLON_OK;
}

/* What an older caller's options lack is not there. */
static enum maillon_status prepare_keys(struct request *request, const char *endpoint,
                                        const struct maillon_options *given)
{
    struct maillon_options options = {.size = sizeof options};

    if (given != NULL && given->size <= sizeof options) {
        memcpy(&options, given, given->size);
    }
    enum maillon_status status = credentials_read(&options, &request->keys);
    return status == MAILLON_OK ? credentials_check(&request->keys, endpoint, &options) : status;
}

static enum maillon_status prepare(struct request *request, const char *endpoint,
                                   const struct maillon_options *options, const char *type)
{
    enum maillon_status status = prepare_keys(request, endpoint, options);

    if (status != MAILLON_OK) {
        return status;
    }

    struct refusal refusal;
    struct header header = {.version = PROTO_VERSION, .type = bytes_from_text(type)};

    maillon_make_id(request->id);
    header.id = (struct bytes){.data = request->id, .size = sizeof request->id};
    if (proto_check(&HEADER, &header, &refusal) != STATUS_OK) {
        return MAILLON_USAGE;
    }
    proto_encode(&HEADER, &header, &request->header);
    return link_open(request->context, request->epoll, endpoint, &request->keys, &request->link);
}

enum maillon_status maillon_request(const char *endpoint, const struct maillon_options *options,
                                    const char *type, const void *body, size_t size, int timeout_ms,
                                    char type_out[TYPE_SIZE], void **body_out, size_t *size_out)
{
    static const uint8_t empty_map[] = {0x80};
    struct request request = {
        .context = zmq_ctx_new(),
        .epoll = epoll_create1(EPOLL_CLOEXEC),
        .body = {.data = size == 0 ? empty_map : body, .size = size == 0 ? 1 : size},
        .deadline_ms = timeout_ms < 0 ? NO_DEADLINE : time_now_ms() + (uint64_t)timeout_ms,
    };

    bool is_ready = request.context != NULL && request.epoll >= 0;
    enum maillon_status status =
        is_ready ? prepare(&request, endpoint, options, type) : MAILLON_NO_MEMORY;
    if (status == MAILLON_OK) {
        status = exchange(&request);
    }
    if (status == MAILLON_OK) {
        status = hand_over(&request, type_out, body_out, size_out);
    }
    link_close(request.link);
    credentials_release(&request.keys);
    arena_deinit(&request.arena);
    buffer_deinit(&request.header);
    if (request.context != NULL) {
        zmq_ctx_term(request.context);
    }
    if (request.epoll >= 0) {
        close(request.epoll);
    }
    return status;
}
