/*
 * oracle.h - what must be true, by a model of its own.
 *
 * The oracle knows what clients meant to say (work.h), sees what became durable, what was sent and
 * what was received, and folds the commands in the simplest way there is: arrays and sums, nothing
 * of core/. A promise that does not hold ends the run.
 */
#ifndef TESTS_SIM_ORACLE_H
#define TESTS_SIM_ORACLE_H

#include "client/maillon.h"
#include "tests/sim/sim.h"
#include "tests/sim/work.h"

void oracle_open(struct sim *sim);
void oracle_close(struct sim *sim);

/* A batch of this node became durable. */
void oracle_wrote(struct sim *sim, const struct node *node);

/* A role has started; with a checkpoint's rows and its entries behind it. */
void oracle_started(struct sim *sim, const struct node *node);

/* A broker sends two frames to a client. */
void oracle_sends(struct sim *sim, const struct node *node, uint64_t peer, struct bytes header,
                  struct bytes body);

/* A broker gets two frames of a client. */
void oracle_gets(struct sim *sim, const struct node *node, uint64_t peer, struct bytes header,
                 struct bytes body);

/* A client was told what became of a submission. */
void oracle_answered(struct sim *sim, const struct attempt *attempt,
                     const struct maillon_answer *answer);

/* Whether a submission with this id is in the intake. */
bool oracle_has_taken(struct sim *sim, struct bytes id);

/* What a client follows. */
struct follow {
    bool is_on;
    char party[ID_SIZE_MAX + 1];   /* Empty for the stream of all. */
    char product[ID_SIZE_MAX + 1]; /* Empty for no filter. */
    uint64_t after;                /* Everything up to here was received. */
    uint64_t asked;                /* The position that the subscription began with. */
    bool was_beyond;               /* The stream was not there yet: it may be by now. */
};

/* A client received an event of its stream; moves `follow->after` on. */
void oracle_received(struct sim *sim, struct follow *follow, const struct maillon_event *event);

/* Positions in the stream that a client follows, as far as dispatch has it durably. */
uint64_t oracle_stream_last(const struct sim *sim, const struct follow *follow);

/* A slow look at everything, now; at the end also that everything was decided. */
void oracle_audit(struct sim *sim);
void oracle_audit_end(struct sim *sim);

/* Whether the model knows every kind of command: what is missing, or NULL. */
const char *oracle_missing_kind(void);

#endif
