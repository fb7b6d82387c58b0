/*
 * link.h - one DEALER socket to one broker, and whether it is connected.
 *
 * A link sends only while it is connected and drops what it has queued when the connection
 * ends, so that its owner alone knows what must be said again. A broken connection is
 * made again by itself; link_refresh tells when that has happened.
 */
#ifndef CLIENT_LINK_H
#define CLIENT_LINK_H

#include "client/credentials.h"
#include "client/maillon.h"
#include "core/base/base.h"

struct link;

/* Connects in the background. `context` is a ZeroMQ context, `epoll` gets the link's descriptors,
 * `keys` are for tcp; all are borrowed until link_close. MAILLON_CONFIG when the endpoint cannot be
 * used, MAILLON_NO_MEMORY when the system has no room for it. */
MUST_USE enum maillon_status link_open(void *context, int epoll, const char *endpoint,
                                       const struct credentials *keys, struct link **out);
void link_close(struct link *link);

/* Drops the connection with everything on its way, and makes a new one. */
void link_reopen(struct link *link);

/* Takes in what happened to the connection. True when a new one was made since the last call:
 * whatever was sent before may be lost. */
MUST_USE bool link_refresh(struct link *link);

/* True when the broker refused the key: it does not try again. */
bool link_is_denied(const struct link *link);

/* True when there is a message to receive or news for link_refresh. The descriptors tell only of
 * changes, so a process must not sleep while this is true. */
bool link_is_readable(const struct link *link);
bool link_is_writable(const struct link *link); /* Connected, and the queue has room. */

/* STATUS_AGAIN: not connected, or the queue is full. */
MUST_USE enum status link_send(struct link *link, struct bytes header, struct bytes body);

/* The views are borrowed until the next call. STATUS_AGAIN: nothing there. STATUS_MALFORMED: what
 * came was no pair of frames, and is gone. */
MUST_USE enum status link_receive(struct link *link, struct bytes *header, struct bytes *body);

#endif
