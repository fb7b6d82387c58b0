/*
 * world.h - everything a role may do to the world outside it.
 *
 * Brokers and workers act through this table only. In production it is the event
 * loop, the sockets and the journal (node/process.c); in the simulator it is a queue
 * and a seed. Code that takes a world and nothing else can be replayed.
 */
#ifndef NODE_WORLD_H
#define NODE_WORLD_H

#include "core/base/memory.h"

#define PEER_SIZE_MAX 255

struct batch;
struct registry;
struct parcel; /* Bytes that can be sent to many peers without a copy each. */

struct world {
    void *context; /* Handed back as the first argument. */

    /* Milliseconds since 1970. Neither goes back nor stands still, whatever the clock is set to. */
    uint64_t (*now_ms)(void *context);

    /* Bytes that may still be written: what the disk or the map has left, whichever is less. */
    uint64_t (*space_free)(void *context);

    /* Sends two frames to a client. STATUS_AGAIN when its queue is at its limit (nothing was sent),
     * STATUS_NOT_FOUND when it is gone. Never waits. */
    enum status (*send)(void *context, struct bytes peer, struct bytes header, struct bytes body);

    /* The same with a body that many get. parcel_make copies; the caller releases. */
    enum status (*send_parcel)(void *context, struct bytes peer, struct parcel *header,
                               struct parcel *body);
    struct parcel *(*parcel_make)(void *context, struct bytes bytes);
    void (*parcel_release)(void *context, struct parcel *parcel);

    /* Hands over the keys of those who may come in from now on: whose handshake is refused, and
     * whose is not. The registry is borrowed during the call. */
    void (*admit)(void *context, const struct registry *registry);

    /* Asks for one call of the role's `wake`, not before `time_ms`. The earliest wish counts. */
    void (*wake_at)(void *context, uint64_t time_ms);

    /* Makes a batch durable; stage_committed is called later with the same batch. The batch is
     * the world's until then. At most one at a time. */
    void (*commit)(void *context, struct batch *batch);

    /* Appends own entries in stored form (journal.h), from number `from` on, until about `size_max`
     * bytes, to `stored`. STATUS_END when there are none, STATUS_GAP when `from` is no longer kept.
     */
    enum status (*read)(void *context, uint64_t from, size_t size_max, struct buffer *stored);

    /* Tells subscribers of the own feed. A hint that may be lost. */
    void (*publish)(void *context, struct bytes stored);

    /* Asks upstream feed number `upstream` for its entries from `from` on. The answer, if
     * it comes, is a call of stage_entries, or of watch_entries for WATCH_UPSTREAM. */
    void (*ask)(void *context, uint32_t upstream, uint64_t from);

    /* Ends the process in an orderly way with a message for the operator: what it knows and
     * what it should do do not fit. Nothing more is committed or sent. */
    void (*fail)(void *context, const char *message);
};

#endif
