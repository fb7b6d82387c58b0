/*
 * flow_instance.h - made networks of five strict classes, for the benchmark of core/flow.
 *
 * A hundred cities, of which few are large, gather lines and needs. A line gives one product, a
 * need asks one of the lines nearest to it, most quantities are small and a few are huge. With
 * several days a line has a slot for each, what a slot does not give waits for the next at no
 * cost, and a need has one arc to each of its lines: from the last slot that is in time. The same
 * options give the same network on every machine whose libm rounds alike.
 */
#ifndef TESTS_BENCH_SUPPORT_FLOW_INSTANCE_H
#define TESTS_BENCH_SUPPORT_FLOW_INSTANCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define FLOW_INSTANCE_CLASSES 5

struct flow_instance_options {
    uint64_t needs;
    uint64_t lines;
    uint64_t products;
    uint64_t days;
    double ratio; /* Capacity in parts of the demand. */
    uint64_t seed;
    uint64_t degree_min; /* Lines a need can be served by, drawn evenly between the two. */
    uint64_t degree_max;
};

struct flow_instance_arc {
    uint32_t slot;
    uint32_t cost; /* Tenths of a kilometre, plus 1. */
};

struct flow_instance_need {
    int64_t units;
    uint64_t arcs_end; /* Its arcs end there and begin where those of the need before end. */
    uint8_t rank;      /* Class; 1 is served first. */
};

/* Slot `line * days + day`. */
struct flow_instance {
    int64_t *capacities;
    size_t slot_count;
    size_t days;
    struct flow_instance_need *needs;
    size_t need_count;
    struct flow_instance_arc *arcs; /* Those of a need ascending by slot. */
};

/* The caller owns what is in it (flow_instance_deinit). */
void flow_instance_init(struct flow_instance *instance,
                        const struct flow_instance_options *options);
void flow_instance_deinit(struct flow_instance *instance);

static inline size_t flow_instance_arcs_start(const struct flow_instance *instance, size_t need)
{
    return need == 0 ? 0 : instance->needs[need - 1].arcs_end;
}

/* Level of priority, 5 for class 1: what an unserved unit weighs in steps of FLOW_WEIGHT_STEP. */
static inline int flow_instance_level(const struct flow_instance_need *need)
{
    return FLOW_INSTANCE_CLASSES + 1 - need->rank;
}

/* Whether what the slot does not give may wait for the slot with the next number. */
static inline bool flow_instance_waits(const struct flow_instance *instance, size_t slot)
{
    return (slot + 1) % instance->days != 0;
}

/* The network for any solver that reads DIMACS: slots from 1, then needs, then a node that gives
 * what is unserved, at `weight_step` a level, and takes what is not used. */
void flow_instance_write_dimacs(const struct flow_instance *instance, int64_t weight_step,
                                FILE *file);

/* True when the generator gives the five networks whose digests are known; prints each. */
bool flow_instance_check_table(void);

#endif
