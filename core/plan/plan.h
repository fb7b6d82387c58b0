/*
 * plan.h - who serves whom and how much: the market, the flow and the assignments together.
 *
 * The plan folds what match says, keeps the flow optimal under the order of aims (design 5.2:
 * commitments, classes, tranches, cost) and tells what changed as assignment events. It is
 * optimal over every possible match, not only those listed: matches that are not listed are brought
 * in when the prices say that they pay.
 *
 * Entries are folded one by one; plan_settle decides. Everything that decides is in the
 * rows of plan_save, so a plan restored goes on byte for byte.
 */
#ifndef CORE_PLAN_PLAN_H
#define CORE_PLAN_PLAN_H

#include "core/flow/flow.h"
#include "core/life/life.h"
#include "core/match/match.h"

struct plan;

struct plan_options {
    struct match_rules rules;
    uint32_t
        tranche_lots[3]; /* Limits in lots: 1, 4, 16; the rest is the fourth tranche. 0s: none. */
    uint32_t slot_count_max; /* Days of an offer that are told apart, the rest being one: 64. */
    uint32_t
        stability_bonus; /* A unit that has been told moves only for more; <= FLOW_COST_MAX: 50. */
};
struct plan_options plan_options_default(void);

void plan_open(const struct plan_options *options, struct plan **plan);
void plan_close(struct plan *plan);
struct market *plan_market(struct plan *plan);   /* Borrowed; for reading. */
struct flow *plan_flow(const struct plan *plan); /* The same. */

/* What a command brought, with the matches that came with it. */
struct plan_input {
    uint16_t kind;
    const union command *command;
    bool is_quarantined;
    struct bytes submission_id; /* For answers. */
    uint64_t seq;               /* The entry, for causes. */
    uint64_t time_ms;
    uint32_t bound; /* needs: from match_candidates */
    const struct candidate *candidates;
    size_t candidate_count;
};
void plan_apply(struct plan *plan, const struct plan_input *input);

/* A listed match that an offer brought to a need that is known already. */
void plan_apply_match(struct plan *plan, uint32_t need, uint32_t offer, uint32_t cost,
                      uint32_t bound);

/* The best matches of a known need, listed anew after a rule changed. */
void plan_apply_listed(struct plan *plan, uint32_t need, const struct candidate *candidates,
                       size_t candidate_count, uint32_t bound);

/* Decides on everything applied since the last settle. Calls back for each event, in a fixed order;
 * records are borrowed during the call. */
struct plan_listener {
    void *context;
    void (*assignment)(void *context, const struct assignment_event *event);
    void (*answer)(void *context, const struct answer_event *event);
};
void plan_settle(struct plan *plan, const struct plan_listener *listener);
bool plan_is_settled(const struct plan *plan);

/* Assignments by number, from 1. */
struct plan_assignment {
    uint32_t need, offer;
    uint8_t state;       /* enum assignment_state, 0: no such number. */
    uint8_t accepted_by; /* Bits 1 << enum mover. */
    bool is_in_doubt;    /* Committed, and the dated rules would not allow it any more. */
    uint32_t cost, kilometres;
    int32_t day;     /* By which it is made; DAY_NONE for a stock. */
    int32_t arrival; /* Day, DAY_NONE when as soon as possible. */
    int64_t quantity;
    int64_t to_make; /* Units committed and not made yet, as far as the days tell. */
};
uint64_t plan_assignment_count(const struct plan *plan); /* Highest number. */
const struct plan_assignment *plan_assignment(const struct plan *plan, uint64_t number);

/* The assignments of a need that give it something (live or received): the first after 0, then the
 * one after each, 0 behind the last. In no particular order. */
uint64_t plan_next_of_need(const struct plan *plan, uint32_t need, uint64_t number);

/* Units of live and received assignments. */
int64_t plan_need_promised(const struct plan *plan, uint32_t need);
int64_t plan_offer_promised(const struct plan *plan, uint32_t offer);

int64_t plan_need_missing(const struct plan *plan, uint32_t need); /* Of an open one. */

/* Where each tranche of a need ends, in its units; equal ends are empty tranches. */
#define PLAN_TRANCHE_COUNT 4
void plan_tranche_ends(const struct plan *plan, uint32_t number, int64_t ends[PLAN_TRANCHE_COUNT]);

/* What an offer gives by slots, in the order of their days. */
struct plan_slot {
    int32_t first, last; /* Days, DAY_NONE both for a stock. */
    int64_t capacity;    /* Beside commitments. */
    int64_t used;        /* Proposed, of what is made in this slot. */
    int64_t price;       /* What one unit more would save. */
};
uint32_t plan_slot_count(const struct plan *plan, uint32_t offer);
struct plan_slot plan_slot(const struct plan *plan, uint32_t number, uint32_t place);
/* What flows; what is proposed may differ from it around lots. */
int64_t plan_pair_units(const struct plan *plan, uint32_t need, uint32_t offer);

/* What keeping to lots took since the plan was opened; no part of its state. */
struct plan_lot_work {
    uint64_t fragments;    /* Pairs with less than a lot in the flow, each settle anew. */
    uint64_t regions;      /* Parts of the plan that were decided on for them. */
    uint64_t regions_full; /* Of these, parts that reached their limit of needs. */
};
struct plan_lot_work plan_lot_work(const struct plan *plan);

bool plan_is_excluded(const struct plan *plan, uint32_t need, uint32_t offer); /* By a party. */
const struct match_rules *plan_rules(const struct plan *plan);

struct plan_totals {
    uint64_t needs, open_needs, offers, active_offers, parties, products;
    uint64_t quarantined;    /* Needs and offers that are held back now. */
    uint64_t assignments;    /* Live ones: not final. */
    uint64_t units_promised; /* Sum of live assignments. */
    uint64_t units_received;
    uint64_t doubted;      /* Commitments in doubt. */
    uint64_t units_missed; /* Committed, and no longer to be made in time: capacity fell. */
    uint64_t units_wanted; /* Sum of open needs. */
    uint64_t slots;        /* Taken by offers; new lines get one each above SLOT_TOTAL_MAX. */
    uint64_t class_wanted[CLASS_COUNT + 1], class_promised[CLASS_COUNT + 1];
};
void plan_totals(const struct plan *plan, struct plan_totals *totals);

/* Rows: calls `put` for each that changed since the last save. Tables are the caller's base + 0
 * ... 8. */
typedef void (*plan_put_row)(void *context, uint8_t table, struct bytes key, struct bytes value);
void plan_save(struct plan *plan, plan_put_row put, void *context);
MUST_USE enum status plan_load(struct plan *plan, uint8_t table, struct bytes key,
                               struct bytes value);
MUST_USE enum status
plan_loaded(struct plan *plan); /* After the last row: checks what belongs together. */

/* Optimal over all possible matches, invariants of design 6: for tests and on demand. Slow. */
bool plan_certify(const struct plan *plan, char problem[160]);

#endif
