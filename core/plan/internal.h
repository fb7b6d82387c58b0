/*
 * internal.h - the plan's state, shared by the files of core/plan alone.
 *
 *     plan.c      opens, folds what is said about the market, counts
 *     answers.c   assignments, and what their parties do with them
 *     arcs.c      brings the flow up to what the market says now
 *     bring.c     makes the flow optimal over all matches, listed or not
 *     events.c    tells the difference between the flow and the assignments
 *     rows.c      saves and loads
 *     certify.c   proves
 *
 * Between two settles the flow itself stands still: what is folded only marks needs and
 * offers, and arcs are added. So an answer always meets the assignments as they were told.
 */
#ifndef CORE_PLAN_INTERNAL_H
#define CORE_PLAN_INTERNAL_H

#include "core/plan/marks.h"
#include "core/plan/plan.h"

#define TRANCHE_COUNT 4

enum cause_bit { /* What happened to a need or an offer since the last settle. */
                 CAUSE_NEW = 1 << 0,
                 CAUSE_CHANGED = 1 << 1,
                 CAUSE_ENDED = 1 << 2,
                 CAUSE_DECLINED = 1 << 3, /* A party gave an assignment of it up. */
                 CAUSE_RISE = 1 << 4,
                 CAUSE_DROP = 1 << 5,
                 CAUSE_RULE = 1 << 6, /* A dated rule changed, began or ended. */
};

struct plan_need {
    int64_t fixed;           /* Units of committed, shipped and received assignments. */
    int64_t counted_units;   /* The next three: as the totals count it. */
    uint32_t bound;          /* Every possible offer that is cheaper has an arc. */
    uint32_t first;          /* Of the assignments that give it something; 0 for none. */
    uint32_t first_excluded; /* Index + 1 in `exclusions`; 0 for none. */
    uint8_t counted_state;
    uint8_t counted_class;
    uint8_t causes; /* enum cause_bit */
};

struct plan_offer {
    int64_t fixed;
    int64_t capacity;    /* What the market said at the last settle; 0 unless active. */
    int64_t saved_price; /* In its row. */
    uint8_t counted_state;
    uint8_t causes;
};

/* Bounds that spare a look at every need or offer of a product. They decide nothing. */
struct plan_product {
    int64_t reach_max; /* No open need's value - bound is above it. */
    int64_t price_min; /* No active offer's price is below it. */
};

struct exclusion { /* An offer that a need shall not have again, or the other way round. */
    uint32_t offer;
    uint32_t next; /* Index + 1; 0 for none. */
};

struct pending_answer { /* What a command did, told at the next settle. */
    uint64_t assignment;
    uint8_t state; /* The state it gave; 0 when refused. */
    uint64_t quantity;
    struct bytes reason; /* In the arena, as is `id`. */
    struct bytes id;
    const char *code;
    const char *why;
    uint64_t cause;
    uint64_t at;
};

struct missing { /* A match without an arc that pays. */
    uint32_t need, offer, cost;
    int64_t gain;
};

struct ranked { /* A need by its reach, an offer by its price. */
    int64_t key;
    uint32_t number;
};

struct plan {
    struct plan_options options;
    struct market *market;
    struct flow *flow;

    struct plan_need *needs;
    size_t need_capacity;
    struct plan_offer *offers;
    size_t offer_capacity;
    struct plan_product *products;
    size_t product_capacity;

    struct plan_assignment *assignments; /* By number; 0 is not used. */
    size_t assignment_capacity;
    uint32_t *next; /* Of the same need. */
    size_t next_capacity;
    uint32_t assignment_count;
    struct exclusion *exclusions;
    size_t exclusion_capacity;
    size_t exclusion_count;

    uint64_t seq; /* Of the entry applied last, and its time. */
    uint64_t time_ms;
    bool is_settled;
    struct plan_totals totals; /* Without what the market counts. */

    /* Since the last settle. */
    struct marks touched_needs, touched_offers; /* Units, states or causes changed. */
    struct marks stale_needs, stale_offers;     /* Their arcs must be checked again. */
    struct marks wide_offers;                   /* Any need may lack an arc below its bound. */
    struct marks pending_needs, pending_offers; /* Where a missing match may pay. */
    struct marks grown_needs;                   /* They got arcs, perhaps too many. */
    struct pending_answer *answers;
    size_t answer_capacity;
    size_t answer_count;
    struct arena arena;

    /* Scratch. */
    uint64_t *moved; /* Pairs need << 32 | offer whose flow a settle changed. */
    size_t moved_capacity;
    size_t moved_count;
    struct missing *missing;
    size_t missing_capacity;
    size_t missing_count;
    struct ranked *ranked;
    size_t ranked_capacity;
    size_t ranked_count;
    uint64_t *grouped;
    size_t grouped_capacity;
    struct flow_arc *work;
    size_t work_capacity;
    uint32_t *needs_of; /* Of an offer. */
    size_t needs_of_capacity;

    /* Since the last save. */
    struct marks dirty_parties, dirty_products, dirty_needs, dirty_offers;
    struct marks dirty_rules;
    struct marks dirty_shares; /* Needs whose row in the plan changed. */
    struct marks dirty_fixed;  /* Offers likewise, beside those whose price changed. */
    struct marks dirty_assignments;
};

/* plan.c */
void plan_grow(struct plan *plan); /* Tables as large as the market's. */
void plan_count_need(struct plan *plan, uint32_t number);
void plan_count_offer(struct plan *plan, uint32_t number);
void plan_count_promised(struct plan *plan, uint32_t need, int64_t units);
bool plan_need_is_open(const struct plan *plan, uint32_t need);
bool plan_offer_is_active(const struct plan *plan, uint32_t offer);

/* answers.c */
void plan_answer(struct plan *plan, const struct plan_input *input);
uint32_t plan_add_assignment(struct plan *plan, const struct plan_assignment *assignment);
void plan_link(struct plan *plan, uint32_t number);
void plan_unlink(struct plan *plan, uint32_t number);
uint32_t plan_find_unfixed(const struct plan *plan, uint32_t need, uint32_t offer);
void plan_exclude(struct plan *plan, uint32_t need, uint32_t offer);
int64_t plan_live_units(const struct plan *plan, uint32_t need);

/* arcs.c */
size_t plan_tranches(const struct plan *plan, uint32_t number,
                     struct flow_tranche tranches[TRANCHE_COUNT]);
int64_t plan_offer_rest(const struct plan *plan, uint32_t offer);
void plan_sync(struct plan *plan);

/* bring.c */
void plan_optimise(struct plan *plan);

/* events.c */
void plan_tell(struct plan *plan, const struct plan_listener *listener);

#endif
