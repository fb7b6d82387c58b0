/*
 * dispatch.h - streams assignments to clients.
 *
 * Its own feed is what clients may see, one entry an event. Clients subscribe behind a position
 * with a credit; they are served from the journal, in turn, never beyond their credit; a
 * client whose queue is full waits and delays nobody. One that comes back with its
 * position misses nothing and sees nothing twice.
 */
#ifndef BROKERS_DISPATCH_DISPATCH_H
#define BROKERS_DISPATCH_DISPATCH_H

#include "node/stage.h"

struct dispatch; /* The state of the role. */

struct dispatch_options {
    uint32_t clients_max; /* Subscriptions; beyond it "refused" with code "full". */
    uint32_t credit_max;  /* Events one client may ask for ahead. */
    uint32_t head_ms;     /* Between two "head" messages to a client that has everything. */
};

extern const struct role dispatch_role;

/* The caller owns `*dispatch`. */
void dispatch_open(const struct dispatch_options *options, struct dispatch **dispatch);
void dispatch_close(struct dispatch *dispatch);

#endif
