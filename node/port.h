/*
 * port.h - a ZeroMQ socket on the loop.
 *
 * A port gives every message that comes to its callback and sends without ever
 * waiting. A peer that does not take what it is sent is told apart from one that is gone.
 *
 * A ROUTER may have a second endpoint for other machines, with keys (CURVE). What comes over
 * it carries the key that its sender proved to have; what carries none, and what comes under a
 * routing id that its sender chose, is dropped and counted: it never reaches the callback.
 */
#ifndef NODE_PORT_H
#define NODE_PORT_H

#include "core/base/base.h"
#include "node/loop.h"

#define PORT_FRAME_COUNT_MAX 4
#define PORT_LINGER_MS 1000 /* How long the last messages of a closed ROUTER or PUB may take. */

enum port_kind {
    PORT_ROUTER, /* Binds; the first frame of a message is the peer. */
    PORT_DEALER, /* Connects. Sends only while there is a connection. */
    PORT_PUB,    /* Binds; what a slow subscriber does not take is lost. */
    PORT_SUB,    /* Connects. */
};

struct port_message {
    struct bytes frames[PORT_FRAME_COUNT_MAX]; /* Borrowed during the call. */
    size_t count;
    struct bytes user; /* The text of the sender's key; empty on a local socket. */
};

typedef void (*port_receive)(void *context, const struct port_message *message);

struct port_options {
    enum port_kind kind;
    const char *endpoint;
    struct bytes topic;    /* Of a SUB: what its messages start with. */
    int send_count_max;    /* Messages that wait for one peer; beyond it is STATUS_AGAIN. */
    int receive_count_max; /* Messages that wait for this process, per peer. */
    port_receive receive;
    void *context;
    const char *remote;    /* Of a ROUTER: a second endpoint, NULL for none. */
    const uint8_t *secret; /* The server's secret key of 32 bytes, when `remote` is tcp. */
};

struct port_figures {
    uint64_t received;
    uint64_t dropped;         /* Came with more than PORT_FRAME_COUNT_MAX frames. */
    uint64_t unauthenticated; /* Came without a key, or under a routing id of its own. */
    uint64_t sent;
    uint64_t refused; /* STATUS_AGAIN or STATUS_NOT_FOUND. */
};

struct port;
struct parcel;

/* The caller owns `*port`.
 *
 * STATUS_EXISTS     the endpoint is in use
 * STATUS_TOO_LARGE  the path of an ipc endpoint is longer than the system allows
 * STATUS_INVALID    no such endpoint can be */
MUST_USE enum status port_open(struct loop *loop, const struct port_options *options,
                               struct port **port);
void port_close(struct port *port);

/* A paused port leaves messages in the socket, where they hold their senders back. May be called
 * from the callback. */
void port_pause(struct port *port);
void port_resume(struct port *port);

/* One message. STATUS_AGAIN: the peer's queue is at its limit, or nobody is connected;
 * STATUS_NOT_FOUND: a ROUTER's peer is gone. Nothing was sent then. */
MUST_USE enum status port_send(struct port *port, const struct bytes *frames, size_t count);

/* The same to a ROUTER's peer, without a copy of header and body. */
MUST_USE enum status port_send_parcels(struct port *port, struct bytes peer, struct parcel *header,
                                       struct parcel *body);

/* The endpoint that was bound last, as it became: a "*" in it is a number then. */
#define PORT_ENDPOINT_SIZE 256
void port_bound(const struct port *port, char endpoint[PORT_ENDPOINT_SIZE]);

struct port_figures port_figures(const struct port *port);

/* Bytes that many messages may share. The caller owns the parcel, also after it was sent. */
struct parcel *parcel_make(struct bytes bytes);
void parcel_release(struct parcel *parcel);

#endif
