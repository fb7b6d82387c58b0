/*
 * port.c - how ZeroMQ's edge-triggered descriptor joins the loop.
 *
 * ZMQ_FD tells that something may have changed, once. Any call on the socket, also a send
 * from a timer, may eat that edge. So the poll handle only ends the loop's sleep, and
 *
 *     prepare   before the loop sleeps, asks whether there is something to read, and if so
 *               starts an idle handle that keeps the loop from sleeping
 *     check     after every sleep, receives until there is nothing left or the budget,
 *               which keeps the loop fair, is used up
 *
 * Asking for the state also lets ZeroMQ handle what its own threads passed on, such as
 * the subscriptions of a PUB.
 */
#include "node/port.h"

#include "core/base/memory.h"
#include "node/zap.h"
#include "proto/messages.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>
#include <zmq.h>

#define BUDGET 256 /* Messages a turn of the loop. */
#define BACKLOG 4096
#define HANDSHAKE_MS 3000
#define RECONNECT_MS 20
#define RECONNECT_MS_MAX 500
#define HEARTBEAT_MS 2000
#define HEARTBEAT_TIMEOUT_MS 6000
#define HANDLE_COUNT 4
#define SECRET_SIZE 32
#define ENFORCE_DOMAIN                                                                             \
    93                 /* ZMQ_ZAP_ENFORCE_DOMAIN, which the header hides as a draft: without it an \
                          unknown key comes in while nobody answers for the domain. */
#define MADE_ID_SIZE 5 /* Of a routing id that ZeroMQ made: a zero byte and a number. */

struct port {
    uv_poll_t poll;
    uv_prepare_t prepare;
    uv_check_t check;
    uv_idle_t idle;
    unsigned open_handle_count;
    void *socket;
    bool is_paused;
    bool has_keys; /* Bound for other machines too. */
    port_receive receive;
    void *context;
    struct port_figures figures;
};

struct parcel {
    zmq_msg_t message;
};

static enum status status_from_errno(int code)
{
    switch (code) {
    case EAGAIN:
        return STATUS_AGAIN;
    case EHOSTUNREACH:
        return STATUS_NOT_FOUND;
    case EADDRINUSE:
        return STATUS_EXISTS;
    case ENAMETOOLONG:
        return STATUS_TOO_LARGE;
    case EINVAL:
    case EPROTONOSUPPORT:
    case ENOCOMPATPROTO:
    case ENODEV:
        return STATUS_INVALID;
    default:
        return STATUS_IO;
    }
}

static void set_int(void *socket, int option, int value)
{
    ENSURE(zmq_setsockopt(socket, option, &value, sizeof value) == 0);
}

static bool binds(enum port_kind kind)
{
    return kind == PORT_ROUTER || kind == PORT_PUB;
}

static int socket_type(enum port_kind kind)
{
    switch (kind) {
    case PORT_ROUTER:
        return ZMQ_ROUTER;
    case PORT_DEALER:
        return ZMQ_DEALER;
    case PORT_PUB:
        return ZMQ_PUB;
    case PORT_SUB:
        return ZMQ_SUB;
    }
    UNREACHABLE();
}

static bool is_remote(const char *endpoint)
{
    return endpoint != NULL && strncmp(endpoint, "tcp://", strlen("tcp://")) == 0;
}

static void set_remote_options(void *socket)
{
    set_int(socket, ZMQ_HEARTBEAT_IVL, HEARTBEAT_MS);
    set_int(socket, ZMQ_HEARTBEAT_TIMEOUT, HEARTBEAT_TIMEOUT_MS);
    set_int(socket, ZMQ_TCP_KEEPALIVE, 1);
}

static void set_options(void *socket, const struct port_options *options)
{
    int64_t size_max = MESSAGE_SIZE_MAX;

    set_int(socket, ZMQ_LINGER, binds(options->kind) ? PORT_LINGER_MS : 0);
    set_int(socket, ZMQ_SNDHWM, options->send_count_max);
    set_int(socket, ZMQ_RCVHWM, options->receive_count_max);
    ENSURE(zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &size_max, sizeof size_max) == 0);
    set_int(socket, ZMQ_HANDSHAKE_IVL, HANDSHAKE_MS);
    if (binds(options->kind)) {
        set_int(socket, ZMQ_BACKLOG, BACKLOG);
    } else {
        set_int(socket, ZMQ_RECONNECT_IVL, RECONNECT_MS);
        set_int(socket, ZMQ_RECONNECT_IVL_MAX, RECONNECT_MS_MAX);
    }
    if (is_remote(options->endpoint)) {
        set_remote_options(socket);
    }
    if (options->kind == PORT_ROUTER) {
        set_int(socket, ZMQ_ROUTER_MANDATORY, 1);
    }
    if (options->kind == PORT_DEALER) {
        set_int(socket, ZMQ_IMMEDIATE, 1); /* A request for nobody must not wait and come late. */
    }
    if (options->kind == PORT_SUB) {
        ENSURE(zmq_setsockopt(socket, ZMQ_SUBSCRIBE, options->topic.data, options->topic.size) ==
               0);
    }
}

static bool is_readable(struct port *port)
{
    int events = 0;
    size_t size = sizeof events;

    while (zmq_getsockopt(port->socket, ZMQ_EVENTS, &events, &size) != 0) {
        ENSURE(zmq_errno() == EINTR);
    }
    return (events & ZMQ_POLLIN) != 0 && !port->is_paused;
}

static void close_parts(zmq_msg_t *parts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        ENSURE(zmq_msg_close(&parts[i]) == 0);
    }
}

/* Receives the parts of one message; those beyond the limit are counted and thrown away.
 * Returns how many there were, 0 when there is no message. */
static size_t receive_parts(struct port *port, zmq_msg_t parts[PORT_FRAME_COUNT_MAX])
{
    size_t count = 0;

    for (bool has_more = true; has_more; count++) {
        zmq_msg_t spare;
        zmq_msg_t *part = count < PORT_FRAME_COUNT_MAX ? &parts[count] : &spare;
        ENSURE(zmq_msg_init(part) == 0);
        while (zmq_msg_recv(part, port->socket, ZMQ_DONTWAIT) < 0) {
            if (zmq_errno() == EAGAIN) {
                ENSURE(count == 0); /* The parts of a message come all at once. */
                return 0;
            }
            ENSURE(zmq_errno() == EINTR);
        }
        has_more = zmq_msg_more(part) != 0;
        if (part == &spare) {
            close_parts(&spare, 1);
        }
    }
    return count;
}

/* What the connection is known by; empty when it has no such property. */
static struct bytes property(zmq_msg_t *part, const char *name)
{
    const char *text = zmq_msg_gets(part, name);

    return text == NULL ? (struct bytes){0} : bytes_from_text(text);
}

/* Addresses of other machines, and of this one over tcp, are numbers. */
static bool is_local(struct bytes address)
{
    static const char prefix[] = "localhost:"; /* Then the user and the process at the other end. */

    return address.size >= sizeof prefix - 1 &&
           memcmp(address.data, prefix, sizeof prefix - 1) == 0;
}

/* Who sent it. The frame of the routing id lacks properties after a poll, the last one never does.
 * False for what comes from another machine and has no key, and for what has one and chose its own
 * routing id: somebody else may have had that before. */
static bool find_user(zmq_msg_t *parts, size_t count, struct bytes *user)
{
    zmq_msg_t *body = &parts[count - 1];
    const uint8_t *id = zmq_msg_data(&parts[0]);

    *user = property(body, "User-Id");
    if (user->size == 0) {
        return is_local(property(body, "Peer-Address"));
    }
    return zmq_msg_size(&parts[0]) == MADE_ID_SIZE && id[0] == 0;
}

/* False when there was nothing to receive. */
static bool receive_one(struct port *port)
{
    zmq_msg_t parts[PORT_FRAME_COUNT_MAX];
    size_t count = receive_parts(port, parts);
    struct port_message message = {.count = count};

    if (count == 0) {
        return false;
    }
    if (count > PORT_FRAME_COUNT_MAX) {
        port->figures.dropped++;
        close_parts(parts, PORT_FRAME_COUNT_MAX);
        return true;
    }
    if (port->has_keys && !find_user(parts, count, &message.user)) {
        port->figures.unauthenticated++;
        close_parts(parts, count);
        return true;
    }
    for (size_t i = 0; i < count; i++) {
        message.frames[i] = (struct bytes){zmq_msg_data(&parts[i]), zmq_msg_size(&parts[i])};
    }
    port->figures.received++;
    port->receive(port->context, &message);
    close_parts(parts, count);
    return true;
}

static void on_wake(uv_poll_t *handle, int status, int events)
{
    (void)handle;
    (void)status;
    (void)events;
}

static void on_idle(uv_idle_t *handle)
{
    (void)handle;
}

static void on_prepare(uv_prepare_t *handle)
{
    struct port *port = handle->data;

    if (is_readable(port)) {
        ENSURE(uv_idle_start(&port->idle, on_idle) == 0);
    }
}

static void on_check(uv_check_t *handle)
{
    struct port *port = handle->data;

    ENSURE(uv_idle_stop(&port->idle) == 0);
    if (!is_readable(port)) {
        return;
    }
    for (int i = 0; i < BUDGET && !port->is_paused && receive_one(port); i++) {
    }
}

static void start(struct loop *loop, struct port *port)
{
    int descriptor = -1;
    size_t size = sizeof descriptor;
    uv_loop_t *uv = loop_uv(loop);

    ENSURE(zmq_getsockopt(port->socket, ZMQ_FD, &descriptor, &size) == 0);
    ENSURE(uv_poll_init(uv, &port->poll, descriptor) == 0);
    ENSURE(uv_prepare_init(uv, &port->prepare) == 0);
    ENSURE(uv_check_init(uv, &port->check) == 0);
    ENSURE(uv_idle_init(uv, &port->idle) == 0);
    port->poll.data = port->prepare.data = port->check.data = port->idle.data = port;
    port->open_handle_count = HANDLE_COUNT;
    ENSURE(uv_poll_start(&port->poll, UV_READABLE, on_wake) == 0);
    ENSURE(uv_prepare_start(&port->prepare, on_prepare) == 0);
    ENSURE(uv_check_start(&port->check, on_check) == 0);
}

/* A listener has the options that its socket had when it was bound: only the second has keys. */
static int bind_remote(void *socket, const struct port_options *options)
{
    if (is_remote(options->remote)) {
        ENSURE(options->secret != NULL);
        set_remote_options(socket);
        set_int(socket, ZMQ_CURVE_SERVER, 1);
        ENSURE(zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, options->secret, SECRET_SIZE) == 0);
        ENSURE(zmq_setsockopt(socket, ZMQ_ZAP_DOMAIN, ZAP_DOMAIN, strlen(ZAP_DOMAIN)) == 0);
        set_int(socket, ENFORCE_DOMAIN, 1);
    }
    return zmq_bind(socket, options->remote);
}

enum status port_open(struct loop *loop, const struct port_options *options, struct port **port)
{
    void *socket = zmq_socket(loop_context(loop), socket_type(options->kind));

    if (socket == NULL) {
        return STATUS_IO;
    }
    set_options(socket, options);
    int code = binds(options->kind) ? zmq_bind(socket, options->endpoint)
                                    : zmq_connect(socket, options->endpoint);
    if (code == 0 && options->remote != NULL) {
        code = bind_remote(socket, options);
    }
    if (code != 0) {
        enum status status = status_from_errno(zmq_errno());
        ENSURE(zmq_close(socket) == 0);
        return status;
    }
    *port = memory_take(1, sizeof **port);
    (*port)->socket = socket;
    (*port)->has_keys = is_remote(options->remote);
    (*port)->receive = options->receive;
    (*port)->context = options->context;
    start(loop, *port);
    return STATUS_OK;
}

static void on_closed(uv_handle_t *handle)
{
    struct port *port = handle->data;

    if (--port->open_handle_count == 0) {
        free(port);
    }
}

/* The descriptor is ZeroMQ's: libuv must have let go of it before the socket closes it. */
void port_close(struct port *port)
{
    if (port == NULL) {
        return;
    }
    void *socket = port->socket;
    ENSURE(uv_poll_stop(&port->poll) == 0);
    uv_close((uv_handle_t *)&port->poll, on_closed);
    uv_close((uv_handle_t *)&port->prepare, on_closed);
    uv_close((uv_handle_t *)&port->check, on_closed);
    uv_close((uv_handle_t *)&port->idle, on_closed);
    ENSURE(zmq_close(socket) == 0);
}

void port_pause(struct port *port)
{
    port->is_paused = true;
}

void port_resume(struct port *port)
{
    port->is_paused = false;
}

/* The status is that of the call just made. */
static enum status close_unsent(zmq_msg_t *part)
{
    enum status status = status_from_errno(zmq_errno());

    ENSURE(zmq_msg_close(part) == 0);
    return status;
}

/* Takes `part`: it is sent or closed. */
static enum status send_part(struct port *port, zmq_msg_t *part, bool has_more)
{
    int flags = ZMQ_DONTWAIT | (has_more ? ZMQ_SNDMORE : 0);

    while (zmq_msg_send(part, port->socket, flags) < 0) {
        if (zmq_errno() != EINTR) {
            return close_unsent(part);
        }
    }
    return STATUS_OK;
}

static enum status count_sent(struct port *port, enum status status)
{
    port->figures.sent += status == STATUS_OK;
    port->figures.refused += status != STATUS_OK;
    return status;
}

static void copy_to_part(struct bytes bytes, zmq_msg_t *part)
{
    ENSURE(zmq_msg_init_size(part, bytes.size) == 0);
    if (bytes.size > 0) {
        memcpy(zmq_msg_data(part), bytes.data, bytes.size);
    }
}

/* Room is counted in whole messages, so the first part decides whether one goes. A peer that goes
 * away between two parts is the exception: then the rest is still handed to ZeroMQ, which
 * throws it away, as it would otherwise take the next message for it. */
enum status port_send(struct port *port, const struct bytes *frames, size_t count)
{
    enum status status = STATUS_OK;

    for (size_t i = 0; i < count; i++) {
        zmq_msg_t part;
        copy_to_part(frames[i], &part);
        enum status sent = send_part(port, &part, i + 1 < count);
        status = status == STATUS_OK ? sent : status;
        if (i == 0 && status != STATUS_OK) {
            break;
        }
    }
    return count_sent(port, status);
}

static enum status send_parcel(struct port *port, struct parcel *parcel, bool has_more)
{
    zmq_msg_t part;

    ENSURE(zmq_msg_init(&part) == 0);
    ENSURE(zmq_msg_copy(&part, &parcel->message) == 0);
    return send_part(port, &part, has_more);
}

enum status port_send_parcels(struct port *port, struct bytes peer, struct parcel *header,
                              struct parcel *body)
{
    zmq_msg_t part;

    copy_to_part(peer, &part);
    enum status status = send_part(port, &part, true);
    if (status == STATUS_OK) {
        ENSURE(send_parcel(port, header, true) == STATUS_OK);
        ENSURE(send_parcel(port, body, false) == STATUS_OK);
    }
    return count_sent(port, status);
}

void port_bound(const struct port *port, char endpoint[PORT_ENDPOINT_SIZE])
{
    size_t size = PORT_ENDPOINT_SIZE;

    if (zmq_getsockopt(port->socket, ZMQ_LAST_ENDPOINT, endpoint, &size) != 0) {
        endpoint[0] = '\0';
    }
}

struct port_figures port_figures(const struct port *port)
{
    return port == NULL ? (struct port_figures){0} : port->figures;
}

struct parcel *parcel_make(struct bytes bytes)
{
    struct parcel *parcel = memory_take(1, sizeof *parcel);

    copy_to_part(bytes, &parcel->message);
    return parcel;
}

void parcel_release(struct parcel *parcel)
{
    if (parcel != NULL) {
        ENSURE(zmq_msg_close(&parcel->message) == 0);
        free(parcel);
    }
}
