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

enum expected_outcome {
    EXPECTED_MET,
    EXPECTED_NEWER, /* A version above `version` wrote what is stored. */
    EXPECTED_OTHER, /* Something else is stored, or nothing. */
};

/* Whether the entries of a batch are those that come next, up to entry `last`; goes on behind
 * them. */
enum expected_outcome expected_meets(struct expected *expected, const struct world *world,
                                     const struct batch *batch, uint64_t last, uint8_t version);

void expected_deinit(struct expected *expected);

#endif
