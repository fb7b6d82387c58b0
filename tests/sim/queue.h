/*
 * queue.h - what will happen, by virtual time and then by the order in which it was said.
 */
#ifndef TESTS_SIM_QUEUE_H
#define TESTS_SIM_QUEUE_H

#include "core/base/memory.h"

struct packet; /* A message on its way; see network.h. */

enum event_kind {
    EVENT_TICK,    /* A role's timer. */
    EVENT_WAKE,    /* The wish of a role has come. */
    EVENT_WRITE,   /* The disk has a batch. */
    EVENT_TOLD,    /* The role hears of it. */
    EVENT_START,   /* A role starts again. */
    EVENT_FEED,    /* Entries of an upstream feed, live. */
    EVENT_HEAD,    /* The head of an upstream feed. */
    EVENT_ASK,     /* A replay is asked for. */
    EVENT_REPLAY,  /* The answer to it. */
    EVENT_MESSAGE, /* From a client to a broker. */
    EVENT_ANSWER,  /* From a broker to a client. */
    EVENT_CONNECT, /* A client's link tries to connect. */
    EVENT_BREAK,   /* A client's link loses its connection. */
    EVENT_TURN,    /* A client's program processes its connection. */
    EVENT_ACT,     /* It does something of its own. */
    EVENT_CLIENT,  /* A client that crashed starts again. */
    EVENT_FAULT,   /* The next planned fault of a class. */
    EVENT_REPAIR,  /* An operator restores a damaged journal. */
    EVENT_TWIN,    /* The first gateway comes back. */
    EVENT_CALM,    /* Faults are over. */
    EVENT_KIND_COUNT,
};

struct happening {
    uint64_t at_us;
    uint64_t order; /* Set by queue_push. */
    enum event_kind kind;
    uint32_t target;
    uint64_t stamp; /* What the target was when it was said: it lapses when that has changed. */
    struct packet *packet;
};

/* Zero is an empty queue. */
struct queue {
    struct happening *items; /* A binary heap. */
    size_t count, capacity;
    uint64_t order;
};

void queue_push(struct queue *queue, struct happening event);
bool queue_pop(struct queue *queue, struct happening *event); /* False when it is empty. */
void queue_deinit(struct queue *queue);

#endif
