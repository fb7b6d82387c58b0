/*
 * explain.h - why a need gets what it gets: facts, no words.
 *
 * The facts follow from the flow's ripples (core/flow/ripple.h), so they are exact: what is said to
 * be displaced is what would give way, and a price is what the plan's objective would gain. They
 * see the matches that are listed, and every possible offer of the need itself.
 */
#ifndef CORE_PLAN_EXPLAIN_H
#define CORE_PLAN_EXPLAIN_H

#include "core/flow/ripple.h"
#include "core/plan/plan.h"

#define EXPLAIN_OPTION_COUNT 3
#define EXPLAIN_PRICE_COUNT 8
#define EXPLAIN_FAILURE_COUNT 16

/* What keeps a need from one unit more. */
enum explain_cause {
    EXPLAIN_SERVED = 1,   /* Nothing: it misses none. */
    EXPLAIN_NOT_OPEN,     /* It is quarantined, cancelled, expired. */
    EXPLAIN_NOT_OFFERED,  /* It awaits supply: nobody offers the product now. */
    EXPLAIN_NOT_POSSIBLE, /* Every offer fails a rule. */
    EXPLAIN_COMMITTED,    /* The fence: whatever could serve it is committed. */
    EXPLAIN_CAPACITY,     /* It has all that possible offers can give. */
    EXPLAIN_CLASS,        /* The cheapest unit goes to a higher class, */
    EXPLAIN_FAIRNESS,     /* to an earlier tranche of the same class, */
    EXPLAIN_COST,         /* or to a need of the same class and tranche, at less cost. */
    EXPLAIN_LOT,          /* What is left for it is smaller than a lot. */
};
const char *explain_cause_name(enum explain_cause cause);

/* The rule that fails with this reason; MATCH_POSSIBLE: "closed_by_party". */
const char *explain_rule_name(enum match_reason reason);

/* Class and tranche of a weight, 0 both when it is none. */
struct explain_rank {
    uint8_t class_number; /* 1 vital ... 5 comfort. */
    uint8_t tranche;      /* 1 to PLAN_TRANCHE_COUNT. */
};
struct explain_rank explain_rank(int64_t weight);

/* An offer, and the day by which a unit of it is made. */
struct explain_slot {
    uint32_t offer;
    int32_t day; /* DAY_NONE: of a stock. */
};

/* A ripple, with whom it is about. */
struct explain_effect {
    enum ripple_end end;
    struct explain_slot slot; /* Where it ends. */
    uint32_t need;            /* RIPPLE_SINK: who loses or wins the unit; else NAME_NONE. */
    struct explain_rank rank; /* Of that unit. */
    int64_t cost;             /* Of all moves, less what they save; may be negative. */
    uint32_t moves;           /* Needs on the way that come from elsewhere then. */
};

struct explain_verdict {
    enum explain_cause cause;
    enum match_reason reason; /* EXPLAIN_NOT_POSSIBLE: of most offers; MATCH_POSSIBLE: closed. */
    uint32_t offer;           /* Of the cheapest unit, NAME_NONE when none can come. */
    struct explain_effect effect; /* EXPLAIN_CLASS, _FAIRNESS, _COST: what taking it sets off. */
};

/* The ripples of the whole plan for explain_verdict, of RIPPLE_TAKEN for all slots that needs which
 * miss units may look at, and for explain_price, of RIPPLE_ADDED for all scarce slots. The caller
 * owns them; they keep nothing of the plan, which is settled. */
struct ripples *explain_taken(const struct plan *plan);
struct ripples *explain_added(const struct plan *plan);

/* Why the need misses units. `taken` holds the ripples of RIPPLE_TAKEN for at least the offers of
 * the need's product; one that was made for the whole plan serves every need. */
struct explain_verdict explain_verdict(struct plan *plan, const struct ripples *taken,
                                       uint32_t need);

/* What one unit more of a slot would save, from ripples of RIPPLE_ADDED for at least the slot. */
struct explain_price {
    struct explain_slot slot;
    struct explain_effect effect; /* Serves a unit of its rank at its cost, or saves -cost. */
};
/* For the slot at a place of the offer (plan_slot). False when it is not scarce: one unit more
 * would save nothing. */
bool explain_price(const struct plan *plan, const struct ripples *added, uint32_t offer,
                   uint32_t place, struct explain_price *price);

struct explain_tranche {
    uint8_t number; /* From 1. */
    int64_t units;
    int64_t served; /* Committed units included. */
};

struct explain_failure { /* Offers of the product or its substitutes that fail the same rule. */
    enum match_reason reason; /* MATCH_POSSIBLE: a party has closed the pair. */
    uint32_t count;
    uint32_t nearest;     /* The offer that misses it by least, */
    struct match_why why; /* and what would have to change for it. */
};

struct explain_option { /* Where a unit could come from as well. */
    struct explain_slot slot;
    struct match match;
    struct explain_effect effect; /* Of taking the unit there. */
    int64_t cost; /* What the plan would cost more in all, the stability bonus of every unit that
                     moves included; who is served is told by the ranks. */
};

struct explain_facts {
    struct explain_verdict verdict;
    struct explain_tranche tranches[PLAN_TRANCHE_COUNT];
    size_t tranche_count;
    uint32_t possible;                                      /* Offers that could serve it. */
    struct explain_failure failures[EXPLAIN_FAILURE_COUNT]; /* Most offers first. */
    size_t failure_count;
    /* A need that misses units: for one more. One that does not: for a unit that it gets from
     * `instead_of`, where the unit then goes to `freed`. Best first. */
    struct explain_option options[EXPLAIN_OPTION_COUNT];
    size_t option_count;
    uint32_t instead_of; /* Offer, NAME_NONE: for one unit more. */
    struct explain_effect freed;
    struct explain_price prices[EXPLAIN_PRICE_COUNT]; /* Scarce ones among those above. */
    size_t price_count;
};

/* All about a need. `instead_of`: the offer that options are compared with; NAME_NONE: the dearest
 * one that serves it. The plan is settled. */
void explain_need(struct plan *plan, uint32_t need, uint32_t instead_of,
                  struct explain_facts *facts);

#endif
