/*
 * answers.h - submits that wait for their commit, and what they will be told.
 */
#ifndef BROKERS_GATEWAY_ANSWERS_H
#define BROKERS_GATEWAY_ANSWERS_H

#include "core/model/record.h"
#include "node/stage.h"
#include "proto/messages.h"

/* What became of one command. */
enum verdict_kind {
    VERDICT_TAKEN = 1, /* Entry `seq` is new. */
    VERDICT_REPEATED,  /* The id was taken in by entry `seq` before. */
    VERDICT_REFUSED,
};

struct verdict {
    enum verdict_kind kind;
    uint8_t id[SUBMISSION_ID_SIZE];
    uint64_t seq;
    uint64_t position;     /* Taken: in the submitter's sequence. */
    bool is_quarantined;   /* Taken. */
    uint16_t command_kind; /* Repeated: what came now, to compare with what was taken. */
    uint64_t body_hash;
    uint64_t by_hash;       /* Repeated: of who says it now. */
    struct refusal refusal; /* Refused; of a quarantined one `why` holds the reason. */
    uint64_t retry_after_ms;
};

#define RETRY_MS 5000 /* After which a client may try again what was refused for now. */

/* Why a command of `kind` is held back, for people. The command alone decides what it says, so that
 * a repeated one gets the same answer. */
void intake_explain_quarantine(uint16_t kind, char why[], size_t why_size);

struct waiting { /* One submit. */
    uint8_t peer[PEER_SIZE_MAX];
    uint8_t request_id[REQUEST_ID_SIZE_MAX];
    size_t peer_size;
    size_t request_id_size;
    uint64_t seq_last; /* It can be answered when this entry is durable. */
    struct verdict *verdicts;
    size_t verdict_count;
    size_t verdict_capacity;
};

/* First in, first out. Zero is empty. */
struct answers_queue {
    struct waiting *items; /* A ring. */
    size_t capacity;
    size_t first;
    size_t count;
};

/* A new one at the end, emptied; borrowed until the next call. */
struct waiting *answers_push(struct answers_queue *queue, struct bytes peer,
                             struct bytes request_id);
struct verdict *waiting_add(struct waiting *waiting, struct bytes id);
struct waiting *answers_first(struct answers_queue *queue); /* NULL when there is none. */
void answers_pop(struct answers_queue *queue);
void answers_deinit(struct answers_queue *queue);

/* Sends what `waiting` is to be told. `entries` are those that became durable just now: the
 * receipts of taken commands. Repeated ones are read back from the journal. */
enum status answers_send(const struct waiting *waiting, const struct world *world,
                         const struct entry *entries, size_t entry_count, struct arena *arena);

#endif
