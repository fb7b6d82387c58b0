/*
 * tables.h - the maps that lookup and explain answer with. Each begins with "t", what it is.
 */
#ifndef WORKERS_ALLOCATE_TABLES_H
#define WORKERS_ALLOCATE_TABLES_H

#include "proto/proto.h"

struct need_row {
    struct bytes t; /* "need" */
    struct bytes need;
    struct bytes party;
    struct bytes product;
    struct bytes state; /* A word of need_state_name. */
    uint64_t quantity;
    uint64_t class_number;
    int64_t due;
    int64_t latest;
    uint64_t promised; /* Units of live and received assignments. */
    uint64_t unserved; /* Units it still misses; 0 unless open. */
};

struct offer_row {
    struct bytes t; /* "offer" */
    struct bytes offer;
    struct bytes party;
    struct bytes product;
    struct bytes state;
    struct bytes kind; /* "stock", "capacity" */
    uint64_t capacity; /* Units in all, in force. */
    uint64_t promised;
    int64_t from;
    int64_t to;
    uint64_t lead_days;
    uint64_t price; /* What one unit more would save: level of the class and tranche that waits for
                       it times 2^38, less its cost. */
};

struct party_row {
    struct bytes t; /* "party" */
    struct bytes party;
    struct bytes name;
    struct bytes departement;
    struct bytes region;
    struct bytes country;
    uint64_t roles;
};

struct product_row {
    struct bytes t; /* "product" */
    struct bytes product;
    struct bytes family;
    struct bytes name;
    struct bytes unit;
    uint64_t lot;
    bool recyclable;
    uint64_t open_needs;
    uint64_t active_offers;
};

/* A substitute, norm, certificate or exclusion. What its kind has no use for is empty or 0. */
struct dated_row {
    struct bytes t; /* "substitute", "norm", "certificate", "exclusion" */
    struct bytes id;
    struct bytes state;   /* "in_force", "to_come", "over", "revoked": today. */
    struct bytes product; /* Asked for, of a substitute. */
    struct bytes given;
    uint64_t rank;
    struct bytes party;
    struct bytes other;
    struct bytes code;
    struct bytes number;
    struct bytes reason;
    struct bytes country;
    struct bytes region;
    uint64_t class_number;
    int64_t from;
    int64_t to;
};

/* A pair of need and offer: possible or why not, and what a unit costs. */
struct pair_row {
    struct bytes offer;
    struct bytes party;
    struct bytes reason; /* "possible", a word of match_reason_name, or "closed_by_party" */
    uint64_t cost;
    uint64_t kilometres;
    uint64_t distance_cost; /* The cost's terms. */
    uint64_t region_cost;
    uint64_t country_cost;
    uint64_t late_cost;
    uint64_t substitute_cost;
    uint64_t recyclable_cost;
    uint64_t days_late;
    int64_t arrival;
    uint64_t price;    /* Of the offer. */
    uint64_t capacity; /* Of the offer, */
    uint64_t promised; /* and what of it is promised to anyone. */
    uint64_t given;    /* Units of it that this need gets as long as nothing is fixed. */
    /* What would have to change (core/match/match.h, struct match_why). */
    struct bytes rule; /* Id of the substitute, exclusion or norm that forbids it. */
    struct bytes code; /* Of the norm. */
    int64_t day;       /* From which day on that rule would let it pass. */
    int64_t ended;     /* The last day on which it did. */
    uint64_t days_missing;
    uint64_t units_missing;
};

struct share_row { /* An assignment of the need. */
    uint64_t assignment;
    struct bytes offer;
    struct bytes party;
    uint64_t state; /* enum assignment_state */
    uint64_t quantity;
    uint64_t cost;
    uint64_t kilometres;
    int64_t made; /* By this day; DAY_NONE of a stock. */
    int64_t arrival;
};

/* What one unit more or less somewhere sets off (core/flow/ripple.h), up to its end. */
struct effect_row {
    struct bytes end;   /* "need", "free", "swap" (the unit that is given back), "nothing" */
    struct bytes offer; /* Where it ends, */
    struct bytes need;  /* and at "need", who loses or wins a unit of it, */
    struct bytes party;
    uint64_t class_number; /* and of which class and tranche. */
    uint64_t tranche;
    int64_t cost;   /* Of all moves, less what they save. */
    uint64_t moves; /* Needs on the way that get a unit from elsewhere then. */
};

struct price_row { /* What one unit more of an offer would do. */
    struct bytes offer;
    int64_t made;              /* By this day; DAY_NONE of a stock. */
    struct record_list effect; /* One struct effect_row. */
};

struct option_row { /* Where a unit could come from as well. */
    struct bytes offer;
    struct bytes party;
    uint64_t cost; /* Of a unit. */
    uint64_t kilometres;
    int64_t made; /* By this day; DAY_NONE of a stock. */
    int64_t arrival;
    int64_t plan_cost;         /* What the plan would cost more in all. */
    struct record_list effect; /* One struct effect_row. */
};

struct tranche_row {
    uint64_t tranche; /* From 1. */
    uint64_t units;
    uint64_t served;
};

struct failure_row {     /* Offers that fail the same rule. */
    struct bytes reason; /* A word of pair_row.reason. */
    uint64_t offers;
    struct bytes nearest; /* Which misses it by least, */
    uint64_t days;        /* and by how many days */
    uint64_t units;       /* or units, */
    struct bytes rule;    /* or by which substitute, exclusion or norm, */
    struct bytes code;    /* the norm's code, */
    int64_t from;         /* and from which day on it would pass. */
};

struct rule_row {
    struct bytes rule; /* The reason that would be given if it failed. */
    bool holds;
};

struct explained {
    struct bytes t;               /* "need", "pair", "assignment" */
    struct record_list need;      /* One struct need_row. */
    struct record_list shares;    /* What the need gets, by assignment number. */
    struct record_list pairs;     /* Candidates, best first; one for a pair or an assignment. */
    struct record_list answered;  /* The assignment asked for. */
    uint64_t rank;                /* Its place among the need's possible offers by cost, from 1. */
    uint64_t possible;            /* How many offers are possible. */
    struct bytes cause;           /* Why the need gets no more: a word of explain_cause_name. */
    struct bytes rule;            /* At "not_possible": what most offers fail. */
    struct bytes scarce;          /* At a scarce cause: the offer of the cheapest unit, */
    struct record_list displaced; /* and what taking one unit of it would set off. */
    struct record_list tranches;  /* struct tranche_row */
    struct record_list failures;  /* struct failure_row, most offers first. */
    struct record_list alternatives; /* struct option_row, best first. */
    struct bytes instead_of;   /* They stand in for a unit of this offer; empty: one unit more. */
    struct record_list freed;  /* Where that unit would go then. */
    struct record_list prices; /* struct price_row, of scarce offers. */
    struct record_list rules;  /* struct rule_row, of a pair or an assignment. */
};

extern const struct message NEED_ROW, OFFER_ROW, PARTY_ROW, PRODUCT_ROW, DATED_ROW, PAIR_ROW,
    SHARE_ROW, EFFECT_ROW, PRICE_ROW, OPTION_ROW, TRANCHE_ROW, FAILURE_ROW, RULE_ROW, EXPLAINED;

#endif
