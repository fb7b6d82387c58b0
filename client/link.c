/*
 * link.c - a DEALER and its monitor.
 *
 * ZMQ_IMMEDIATE gives the socket a queue only while there is a connection: nothing piles up for
 * a broker that is away, and nothing of an old connection reaches a new one. The monitor is
 * what tells connections apart. Its news of a handshake comes behind the commands that
 * replaced the queue, so after it the socket is asked for its events once: that takes those in.
 */
#include "client/link.h"

#include "proto/messages.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <zmq.h>

#define SEND_COUNT_MAX 64 /* Messages on their way. */
#define RECEIVE_COUNT_MAX 1024
#define RECONNECT_MS 50 /* ZeroMQ adds a random part, and doubles it up to the maximum. */
#define RECONNECT_MAX_MS 2000
#define HANDSHAKE_MS 5000
#define HEARTBEAT_MS 2000
#define HEARTBEAT_TIMEOUT_MS 6000

struct link {
    void *context;
    int epoll;
    char *endpoint;
    const struct credentials *keys;
    void *socket;
    void *monitor;
    bool is_connected;
    bool is_denied;      /* The broker refused the key: no connection is made any more. */
    zmq_msg_t frames[2]; /* The message received last. */
};

static void set_option(void *socket, int option, int value)
{
    ENSURE(zmq_setsockopt(socket, option, &value, sizeof value) == 0);
}

static int get_option(void *socket, int option)
{
    int value = 0;
    size_t size = sizeof value;

    while (zmq_getsockopt(socket, option, &value, &size) != 0) {
        ENSURE(errno == EINTR);
    }
    return value;
}

static void watch(const struct link *link, void *socket, int operation)
{
    struct epoll_event event = {.events = EPOLLIN};

    ENSURE(epoll_ctl(link->epoll, operation, get_option(socket, ZMQ_FD), &event) == 0);
}

/* Also when signals come in between. */
static int connect_socket(void *socket, const char *endpoint)
{
    int code = 0;

    do {
        code = zmq_connect(socket, endpoint);
    } while (code != 0 && errno == EINTR);
    return code;
}

/* The monitor is in place before the first connection can be made: it sees them all. */
static MUST_USE bool open_monitor(struct link *link)
{
    char address[64];
    int events =
        ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH;

    snprintf(address, sizeof address, "inproc://monitor-%p", link->socket);
    if (zmq_socket_monitor(link->socket, address, events) != 0) {
        return false;
    }
    link->monitor = zmq_socket(link->context, ZMQ_PAIR);
    if (link->monitor == NULL) {
        return false;
    }
    set_option(link->monitor, ZMQ_LINGER, 0);
    ENSURE(connect_socket(link->monitor, address) == 0);
    return true;
}

static void set_key(void *socket, int option, const uint8_t key[IDENTITY_KEY_SIZE])
{
    ENSURE(zmq_setsockopt(socket, option, key, IDENTITY_KEY_SIZE) == 0);
}

static void set_keys(const struct link *link)
{
    set_key(link->socket, ZMQ_CURVE_SERVERKEY, link->keys->server_key);
    set_key(link->socket, ZMQ_CURVE_PUBLICKEY, identity_public(link->keys->identity));
    set_key(link->socket, ZMQ_CURVE_SECRETKEY, identity_secret(link->keys->identity));
}

static MUST_USE bool open_socket(struct link *link)
{
    link->socket = zmq_socket(link->context, ZMQ_DEALER);
    if (link->socket == NULL) {
        return false;
    }
    set_option(link->socket, ZMQ_IMMEDIATE, 1);
    set_option(link->socket, ZMQ_LINGER, 0);
    set_option(link->socket, ZMQ_SNDHWM, SEND_COUNT_MAX);
    set_option(link->socket, ZMQ_RCVHWM, RECEIVE_COUNT_MAX);
    set_option(link->socket, ZMQ_RECONNECT_IVL, RECONNECT_MS);
    set_option(link->socket, ZMQ_RECONNECT_IVL_MAX, RECONNECT_MAX_MS);
    set_option(link->socket, ZMQ_HANDSHAKE_IVL, HANDSHAKE_MS);
    set_option(link->socket, ZMQ_HEARTBEAT_IVL, HEARTBEAT_MS);
    set_option(link->socket, ZMQ_HEARTBEAT_TIMEOUT, HEARTBEAT_TIMEOUT_MS);
    int64_t size_max = MESSAGE_SIZE_MAX;
    ENSURE(zmq_setsockopt(link->socket, ZMQ_MAXMSGSIZE, &size_max, sizeof size_max) == 0);
    if (credentials_are_for(link->endpoint)) {
        set_keys(link);
    }
    return true;
}

/* MAILLON_CONFIG when ZeroMQ does not take the endpoint. */
static enum maillon_status connect_link(struct link *link)
{
    if (!open_socket(link) || !open_monitor(link)) {
        return MAILLON_NO_MEMORY;
    }
    watch(link, link->socket, EPOLL_CTL_ADD);
    watch(link, link->monitor, EPOLL_CTL_ADD);
    return connect_socket(link->socket, link->endpoint) == 0 ? MAILLON_OK : MAILLON_CONFIG;
}

/* Also what was made in part. */
static void disconnect_link(struct link *link)
{
    if (link->monitor != NULL) {
        watch(link, link->socket, EPOLL_CTL_DEL);
        watch(link, link->monitor, EPOLL_CTL_DEL);
        ENSURE(zmq_socket_monitor(link->socket, NULL, 0) == 0);
        zmq_close(link->monitor);
    }
    if (link->socket != NULL) {
        zmq_close(link->socket);
    }
    link->monitor = NULL;
    link->socket = NULL;
    link->is_connected = false;
}

enum maillon_status link_open(void *context, int epoll, const char *endpoint,
                              const struct credentials *keys, struct link **out)
{
    struct link *link = calloc(1, sizeof *link);

    if (link == NULL) {
        return MAILLON_NO_MEMORY;
    }
    link->context = context;
    link->epoll = epoll;
    link->endpoint = strdup(endpoint);
    link->keys = keys;
    zmq_msg_init(&link->frames[0]);
    zmq_msg_init(&link->frames[1]);
    enum maillon_status status = link->endpoint == NULL ? MAILLON_NO_MEMORY : connect_link(link);
    if (status != MAILLON_OK) {
        link_close(link);
        return status;
    }
    *out = link;
    return MAILLON_OK;
}

void link_close(struct link *link)
{
    if (link == NULL) {
        return;
    }
    disconnect_link(link);
    zmq_msg_close(&link->frames[0]);
    zmq_msg_close(&link->frames[1]);
    free(link->endpoint);
    free(link);
}

void link_reopen(struct link *link)
{
    disconnect_link(link);
    ENSURE(connect_link(link) == MAILLON_OK); /* It took this endpoint before. */
}

/* One event of the monitor: a frame that starts with its number, and the address. 0: none left. */
static uint16_t next_event(struct link *link)
{
    uint16_t event = 0;
    uint8_t frame[256];
    int size = zmq_recv(link->monitor, frame, sizeof frame, ZMQ_DONTWAIT);

    if (size < (int)sizeof event) {
        return 0;
    }
    memcpy(&event, frame, sizeof event); /* In the byte order of the machine. */
    while (get_option(link->monitor, ZMQ_RCVMORE) != 0) {
        zmq_recv(link->monitor, frame, sizeof frame, ZMQ_DONTWAIT);
    }
    return event;
}

bool link_refresh(struct link *link)
{
    bool is_new = false;

    for (uint16_t event = next_event(link); event != 0; event = next_event(link)) {
        link->is_connected = event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED;
        is_new |= link->is_connected;
        link->is_denied |= event == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH;
    }
    get_option(link->socket, ZMQ_EVENTS);
    return is_new;
}

bool link_is_denied(const struct link *link)
{
    return link->is_denied;
}

bool link_is_readable(const struct link *link)
{
    bool has_message = (get_option(link->socket, ZMQ_EVENTS) & ZMQ_POLLIN) != 0;
    bool has_news = (get_option(link->monitor, ZMQ_EVENTS) & ZMQ_POLLIN) != 0;

    return has_message || has_news;
}

bool link_is_writable(const struct link *link)
{
    return link->is_connected && (get_option(link->socket, ZMQ_EVENTS) & ZMQ_POLLOUT) != 0;
}

enum status link_send(struct link *link, struct bytes header, struct bytes body)
{
    if (!link->is_connected) {
        return STATUS_AGAIN;
    }
    if (zmq_send(link->socket, header.data, header.size, ZMQ_DONTWAIT | ZMQ_SNDMORE) < 0) {
        ENSURE(errno == EAGAIN || errno == EINTR);
        return STATUS_AGAIN;
    }
    /* A queue that took the first frame takes the second, or drops both when the connection ends;
     * only a signal may come between. */
    while (zmq_send(link->socket, body.data, body.size, ZMQ_DONTWAIT) < 0) {
        ENSURE(errno == EINTR);
    }
    return STATUS_OK;
}

static bool has_more(const struct link *link)
{
    return get_option(link->socket, ZMQ_RCVMORE) != 0;
}

static void skip_frames(struct link *link)
{
    while (has_more(link)) {
        ENSURE(zmq_msg_recv(&link->frames[1], link->socket, ZMQ_DONTWAIT) >= 0 || errno == EINTR);
    }
}

static struct bytes view_of(zmq_msg_t *frame)
{
    return (struct bytes){.data = zmq_msg_data(frame), .size = zmq_msg_size(frame)};
}

enum status link_receive(struct link *link, struct bytes *header, struct bytes *body)
{
    if (zmq_msg_recv(&link->frames[0], link->socket, ZMQ_DONTWAIT) < 0) {
        ENSURE(errno == EAGAIN || errno == EINTR);
        return STATUS_AGAIN;
    }
    if (!has_more(link)) {
        return STATUS_MALFORMED;
    }
    /* ZeroMQ hands messages over whole: the rest is there. */
    while (zmq_msg_recv(&link->frames[1], link->socket, ZMQ_DONTWAIT) < 0) {
        ENSURE(errno == EINTR);
    }
    if (has_more(link)) {
        skip_frames(link);
        return STATUS_MALFORMED;
    }
    *header = view_of(&link->frames[0]);
    *body = view_of(&link->frames[1]);
    return STATUS_OK;
}
