/*
 * gateway.h - the only entrance: takes submissions in, durably, then acknowledges.
 *
 * A command is decoded, checked against what is known, given the next place in its submitter's
 * sequence and journaled; the answer leaves after the commit. The same id with the same body
 * gets the same answer for ever; with another body it is a conflict. What cannot be taken is
 * refused with the field and the reason, never dropped. Time enters the system here, as tick
 * entries.
 *
 * Who speaks is the key that the transport vouches for, looked up for every message and command in
 * the registry as it is then: what a body says about who speaks only counts when it is the same.
 */
#ifndef BROKERS_GATEWAY_GATEWAY_H
#define BROKERS_GATEWAY_GATEWAY_H

#include "core/model/record.h"
#include "node/stage.h"

struct gateway; /* The state of the role. */

struct gateway_options {
    uint32_t tick_ms;       /* Between two ticks. */
    uint64_t ids_max;       /* Submission ids kept; beyond it commands are refused as full. */
    uint64_t space_floor;   /* Bytes of space below which commands are refused as full. */
    struct rules_put rules; /* Journaled at the start when they differ from those in force. */
    char first_admin[KEY_TEXT_SIZE + 1]; /* A public key, journaled when no admin's is known; "":
                                            none. */
};

extern const struct role gateway_role;

/* The caller owns `*gateway`. */
void gateway_open(const struct gateway_options *options, struct gateway **gateway);
void gateway_close(struct gateway *gateway);

#endif
