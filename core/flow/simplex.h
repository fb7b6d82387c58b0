/*
 * simplex.h - a transportation problem solved from nothing by a primal network simplex whose tree
 * holds hardly more than the slots.
 *
 * Slots have units, portions want units: a portion takes them from the slots its need can be served
 * by, or stays unserved at its weight. What a slot does not give it keeps, or hands on to the next
 * slot, at no cost. Nothing but what slots have and portions want bounds the flow. A need whose
 * units weigh differently is several portions with the same arcs: those that weigh more are then
 * served first by themselves.
 *
 * Everything is in numbers local to the problem. The caller owns the arrays of the problem.
 */
#ifndef CORE_FLOW_SIMPLEX_H
#define CORE_FLOW_SIMPLEX_H

#include "core/base/memory.h"

#define SIMPLEX_NONE UINT32_MAX

struct simplex_slot {
    int64_t units;
    uint32_t next; /* The slot that gets what this one does not give, or SIMPLEX_NONE. Each slot is
                    * next to at most one, and following them comes to an end. */
};

struct simplex_arc {
    uint32_t slot;
    uint32_t cost;
};

struct simplex_need {
    uint32_t arcs_end;     /* Its arcs begin where those of the need before end. */
    uint32_t portions_end; /* The same with its portions. */
};

struct simplex_portion {
    int64_t weight; /* Of a unit that is not served; above 0. */
    int64_t units;  /* Above 0. */
    /* What follows is simplex_solve's own. */
    int64_t cost;  /* Of the only arc it hangs on, when it is no joint. */
    uint32_t from; /* Where that arc comes from: a slot or the hub. */
    uint32_t joint;
};

struct simplex_problem {
    struct simplex_slot *slots;
    struct simplex_need *needs;
    struct simplex_portion *portions;
    struct simplex_arc *arcs;
    uint32_t slot_count;
    uint32_t need_count;
    uint32_t portion_count;
};

/* A tree and its memory, for one problem after the other. Zero is an empty one. */
struct simplex_node;
struct simplex {
    struct simplex_node *nodes;
    size_t node_capacity;
    uint32_t *threads; /* By node: the next of all, parents first, in a ring. */
    size_t thread_capacity;
    int64_t *prices; /* By slot, after simplex_solve. */
    size_t price_capacity;
    uint32_t *before; /* By slot: whose `next` it is. */
    size_t before_capacity;
    uint32_t hub;
    uint32_t spare;
    uint64_t pivot_count;
    struct simplex_problem *problem;
};

/* Finds flow and prices that prove each other optimal. */
void simplex_solve(struct simplex *simplex, struct simplex_problem *problem);

/* What the portion gets from the slots: calls `take` once for each. */
struct simplex_taker {
    void *context;
    void (*take)(void *context, uint32_t slot, int64_t units);
};
void simplex_each_share(const struct simplex *simplex, uint32_t number, struct simplex_taker taker);

/* What the slot hands on to its next. */
int64_t simplex_waiting(const struct simplex *simplex, uint32_t slot);

void simplex_deinit(struct simplex *simplex);

#endif
