/*
 * expected.h - the own entries that a recovery has to give again, read ahead in pieces.
 */
#ifndef NODE_EXPECTED_H
#define NODE_EXPECTED_H

#include "node/batch.h"
#include "node/world.h"

struct expected {  /* Zero but for `next` is one that has read nothing yet. */
    uint64_t next; /* The own entry that must come next. */
    struct buffer stored;
    struct bytes left;
};

/* Reads entry `next`; the caller counts it. Borrowed until the next call. Statuses as world->read
 * and entry_load. */
MUST_USE enum status expected_read(struct expected *expected, const struct world *world,
                                   struct entry *entry);

/* Whether the entries of a batch are those that come next, up to entry `last`; goes on behind them.
 */
bool expected_meets(struct expected *expected, const struct world *world, const struct batch *batch,
                    uint64_t last);

void expected_deinit(struct expected *expected);

#endif
