/*
 * zap.h - the doorkeeper: decides at the handshake whose key may come in (ZeroMQ RFC 27).
 *
 * It answers from a copy of the registry, on a thread of its own, so that handshakes go on whatever
 * the loop is busy with; an answer costs one look-up and no allocation. Before the first registry
 * is handed over, and after the thread has ended, nobody comes in.
 *
 * A handshake is asked about once. What a key may do later is looked up again for each message
 * by the role: the doorkeeper keeps strangers out, the registry decides.
 */
#ifndef NODE_ZAP_H
#define NODE_ZAP_H

#include "core/access/registry.h"
#include "node/loop.h"

#define ZAP_DOMAIN                                                                                 \
    "maillon" /* Of every socket with keys: an empty one would not be asked about.                 \
               */

struct zap;

struct zap_figures { /* Handshakes. */
    uint64_t accepted;
    uint64_t unknown; /* No such key. */
    uint64_t expired; /* Not valid yet, or any more; or waiting for a second admin. */
    uint64_t revoked;
    uint64_t early;     /* Before keys were handed over: told to come again. */
    uint64_t malformed; /* Another mechanism than CURVE, or no request at all. */
};

/* One per process, before any socket with keys is bound. `failed` is called on the loop's thread
 * when the doorkeeper cannot go on: the process must end. The caller owns `*zap`. STATUS_IO. */
MUST_USE enum status zap_open(struct loop *loop, loop_callback failed, void *context,
                              struct zap **zap);
void zap_close(struct zap *zap);

/* From now on these keys. */
void zap_admit(struct zap *zap, const struct registry *registry);

struct zap_figures zap_figures(struct zap *zap); /* All 0 of NULL. */

#endif
