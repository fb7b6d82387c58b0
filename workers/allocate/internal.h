/*
 * internal.h - what the files of the role share.
 */
#ifndef WORKERS_ALLOCATE_INTERNAL_H
#define WORKERS_ALLOCATE_INTERNAL_H

#include "proto/messages.h"
#include "workers/allocate/allocate.h"

struct allocate {
    struct plan *plan;
    struct arena arena;      /* Of one entry or request. */
    struct buffer body;      /* Of the entry or item in the making. */
    struct effects *effects; /* During a step. */
    uint64_t seq;            /* The entry stepped last; 0 after a start. */
};

/* lookup.c and explain.c: append the answer to a request, or say what is wrong with it. */
MUST_USE enum status allocate_lookup(struct allocate *allocate, struct bytes body,
                                     struct buffer *answer, struct refusal *refusal);
MUST_USE enum status allocate_explain(struct allocate *allocate, struct bytes body,
                                      struct buffer *answer, struct refusal *refusal);

#endif
