/*
 * work.h - what clients mean to say: commands drawn from a seed, kept as plain facts.
 *
 * Every kind of command that clients may submit has a generator here. What a generator says about
 * a command is what the oracle goes by; it never reads a body.
 */
#ifndef TESTS_SIM_WORK_H
#define TESTS_SIM_WORK_H

#include "tests/sim/sim.h"

#define FACT_NONE UINT32_MAX /* No such thing. */

/* A command, with things as numbers: party 3 has the id "P3". */
struct fact {
    uint16_t kind;
    uint32_t party, product, thing; /* The need or offer it is about. */
    bool is_stock;
    uint64_t quantity, per_day, lot, need_max, offer_max;
    uint32_t class_number, lead_days;
    int64_t from, to, due, latest;
    uint32_t source;
    uint64_t number;
    uint64_t assignment;
    bool has_bad_reason;
    uint32_t other; /* What stands in for the product; whom the party shall not deal with. */
    uint32_t code;  /* Of a norm. */
    bool is_valid;  /* A certificate. */
    bool is_high;   /* A key's role: it waits for a second one. */
};

#define KEY_COUNT 12

#define VARIANT_COUNT 2 /* Bodies that clients send under one id. */

/* What is submitted under one id. */
struct intent {
    uint8_t id[SUBMISSION_ID_SIZE];
    struct fact facts[VARIANT_COUNT];
    struct buffer bodies[VARIANT_COUNT];
    uint32_t variant_count;
    uint64_t made_us;
};

/* One submission on its way: the callback's context. */
struct attempt {
    struct client *client;
    uint64_t intent;
    uint32_t variant;
};

void work_open(struct sim *sim);
void work_close(struct sim *sim);

/* A new intent of a client who answers for all parties; its number. `assignment` is one that the
 * client knows of, 0 for none: the command may be an answer to it, by its party. */
struct known_assignment {
    uint64_t number;
    uint32_t state; /* enum assignment_state */
    uint32_t requester, offerer;
};
uint64_t work_make(struct sim *sim, const struct known_assignment *known);

/* Another command under the same id. */
void work_make_variant(struct sim *sim, uint64_t number);

/* By number from 0; borrowed until the next is made. NULL when there is none. */
const struct intent *work_intent(const struct sim *sim, uint64_t number);
const struct intent *work_find(const struct sim *sim, struct bytes id, uint64_t *number);

/* "P12" is 12, for what `letter` says. FACT_NONE when it is no such id. */
uint32_t work_number(struct bytes id, char letter);

/* The first kind of command without a generator, or NULL. */
const char *work_missing_kind(void);

#endif
