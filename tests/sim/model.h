/*
 * model.h - what the oracle knows; for the files of the oracle.
 *
 * Things go by the number in their id: need 7 is "N7", whatever the product numbers it.
 */
#ifndef TESTS_SIM_MODEL_H
#define TESTS_SIM_MODEL_H

#include "core/access/registry.h"
#include "proto/messages.h"
#include "tests/sim/oracle.h"
#include "tests/sim/work.h"

#define THING_COUNT 128 /* Parties, products, needs, offers: more than a run makes of each. */

#define RULE_COUNT_MAX 32

enum thing_state { THING_UNKNOWN, THING_HELD_BACK, THING_OPEN, THING_ENDED, THING_EXPIRED };

struct model_product {
    bool is_known;
    uint64_t lot, need_max, offer_max;
};

struct model_need {
    enum thing_state state;
    struct fact fact;      /* As put last. */
    uint64_t fixed, loose; /* Units promised for good, and those that the plan may move. */
};

struct model_offer {
    enum thing_state state;
    struct fact fact;
    bool has_report; /* One is in force; of stocks alone. */
    uint64_t reported;
    uint32_t report_source;
    uint64_t rate_max; /* The highest units a day that anybody ever said, */
    int64_t from_min;  /* and the earliest first day: what was made then is promised too. */
    uint64_t fixed, loose;
};

struct model_rule { /* A substitute, norm, certificate or exclusion, as put last. */
    bool is_known;
    struct fact fact;
};

struct model_key {
    uint8_t state; /* enum key_state; 0: nobody knows it. */
    bool is_high, is_by_admin;
    uint32_t next; /* FACT_NONE: it was not rotated. */
};

struct model_assignment {
    uint32_t need, offer, product, requester, offerer;
    uint32_t state;       /* enum assignment_state */
    uint32_t accepted_by; /* 1: requester, 2: offerer. */
    uint64_t quantity;
    bool is_doubted;
};

/* An entry of the assignment feed, as everybody must see it. */
struct told {
    bool is_answer, is_done;
    bool is_doubt, is_trust; /* Of a commitment: the rules forbid it by now, or no more. */
    uint64_t number, state, quantity, before, cause, at;
    uint32_t need, offer, product, given, requester, offerer;
    uint64_t intent; /* Of an answer. */
};

struct intake_note { /* An entry of the intake feed. */
    uint16_t kind;
    bool is_held_back;
    uint32_t variant;
    uint64_t intent; /* UINT64_MAX for the gateway's own. */
    uint64_t now_ms; /* Of a tick. */
    bool is_by_admin;
};

struct receipt {  /* By intent. */
    uint64_t seq; /* The entry that took it in, 0 for none. */
    uint64_t position;
    uint64_t gateway_life; /* In which it was taken in. */
    uint32_t variant;
    bool is_by_admin;
    bool is_told;
    uint8_t chain[CHAIN_SIZE];
};

struct positions { /* Of one party's stream: entries of the assignment feed. */
    uint64_t *seqs;
    size_t count, capacity;
};

struct ledger { /* What a connection to dispatch may still get. */
    uint64_t peer;
    uint64_t credit;
};

struct oracle {
    struct arena arena;
    struct {               /* Of each feed. */
        uint64_t taken;    /* Entries folded. */
        uint64_t verified; /* Entries whose chain was checked. */
        uint64_t time_ms;
        uint64_t cause;
        uint64_t newer_from; /* The first entry of a newer version, 0 for none. */
        uint64_t *hashes;
        size_t hash_capacity;
        uint8_t chain[CHAIN_SIZE];
    } feeds[NODE_COUNT];
    struct intake_note *intake;
    size_t intake_capacity;
    struct receipt *receipts;
    size_t receipt_capacity;
    uint64_t local_position, gateway_position, admin_position;
    uint64_t *noted_upto; /* By match entry: intake entries noted up to it. */
    size_t noted_capacity;
    uint64_t noted_count;
    uint64_t folded; /* Intake entries in the model below. */
    uint64_t now_ms;
    bool parties[THING_COUNT];
    struct model_product products[THING_COUNT];
    struct model_need needs[THING_COUNT];
    struct model_offer offers[THING_COUNT];
    struct model_rule substitutes[RULE_COUNT_MAX], norms[RULE_COUNT_MAX];
    struct model_rule certificates[RULE_COUNT_MAX], exclusions[RULE_COUNT_MAX];
    struct model_key keys[KEY_COUNT];
    uint32_t thing_max;                   /* Beyond the highest need or offer. */
    struct model_assignment *assignments; /* By number. */
    size_t assignment_capacity;
    uint64_t assignment_count;
    uint64_t answered_upto; /* Intake entries whose answers have all come. */
    bool has_move;          /* The last entry moved an assignment as a person's answer does. */
    struct told move;
    uint32_t move_from, move_accepted_by; /* As it was before. */
    struct told *told;
    size_t told_capacity;
    uint64_t told_count;
    struct positions positions[THING_COUNT]; /* By party. */
    struct ledger ledgers[LINK_COUNT];
    bool is_snapshot_wanted; /* The answer to a snapshot of the oracle's own. */
    struct buffer snapshot;
};

#define ORACLE_PEER UINT64_MAX /* A client of the oracle's own. */

/* oracle_plan.c: one entry of the assignment feed. */
void model_take_told(struct sim *sim, const struct entry *entry);
void model_fold_upto(struct sim *sim, uint64_t intake_seq);
void model_check_sums(struct sim *sim);
void model_check_doubts(struct sim *sim);

/* oracle_stream.c */
void model_read_told(struct sim *sim, struct bytes body, bool is_answer, struct told *told);
bool model_is_same_told(const struct told *left, const struct told *right);
void model_take_dispatched(struct sim *sim, const struct entry *entry);
void model_sends_stream(struct sim *sim, uint64_t peer, const struct header *header,
                        struct bytes body);

/* Decodes what must decode, or ends the run. */
void model_decode(struct sim *sim, const struct message *message, struct bytes body, void *record);

#endif
