/*
 * reply.h - one message to a client: a header that repeats the request's id, and a body.
 */
#ifndef NODE_REPLY_H
#define NODE_REPLY_H

#include "node/world.h"
#include "proto/messages.h"

/* Statuses as world->send: nothing was sent unless STATUS_OK. */
enum status reply(const struct world *world, struct bytes peer, struct bytes request_id,
                  const struct message *message, const void *record);

/* "refused", for a message that as a whole cannot be served. */
enum status reply_refused(const struct world *world, struct bytes peer, struct bytes request_id,
                          const struct refusal *refusal, uint64_t retry_after_ms);

#endif
