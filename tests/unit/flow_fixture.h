/*
 * flow_fixture.h - small instances of the flow, drawn at random, and a slow and plain solver of
 * them.
 */
#ifndef TESTS_UNIT_FLOW_FIXTURE_H
#define TESTS_UNIT_FLOW_FIXTURE_H

#include "core/flow/flow.h"
#include "tests/harness.h"

#define SOURCE_MAX 8
#define SINK_MAX 12
#define TRANCHE_MAX 4
#define COST_NONE UINT32_MAX

/* What the caller of a flow knows: the instance, without any flow. */
struct instance {
    uint32_t source_count;
    uint32_t sink_count;
    uint32_t cost_range;
    int64_t capacity[SOURCE_MAX];
    uint32_t next[SOURCE_MAX]; /* FLOW_NONE, or the source that follows. */
    struct flow_tranche tranches[SINK_MAX][TRANCHE_MAX];
    size_t tranche_count[SINK_MAX];
    uint32_t cost[SINK_MAX][SOURCE_MAX];
};

static inline void draw_tranches(uint64_t *random, struct instance *instance, uint32_t sink)
{
    int64_t level = 1 + (int64_t)random_below(random, 6);

    instance->tranche_count[sink] = 0;
    for (size_t i = random_below(random, TRANCHE_MAX + 1); i > 0 && level > 0; i--) {
        instance->tranches[sink][instance->tranche_count[sink]++] = (struct flow_tranche){
            .units = (int64_t)random_below(random, 6), .weight = level * FLOW_WEIGHT_STEP};
        level -= 1 + (int64_t)random_below(random, 2);
    }
}

static inline uint32_t draw_cost(uint64_t *random, const struct instance *instance)
{
    return (uint32_t)random_below(random, instance->cost_range);
}

static inline uint32_t draw_bonus(uint64_t *random, const struct instance *instance)
{
    return random_below(random, 2) == 0 ? 0 : draw_cost(random, instance);
}

static inline bool has_previous(const struct instance *instance, uint32_t source)
{
    for (uint32_t i = 0; i < instance->source_count; i++) {
        if (instance->next[i] == source) {
            return true;
        }
    }
    return false;
}

/* Whether `next` may follow the source, or already does. */
static inline bool may_follow(const struct instance *instance, uint32_t source, uint32_t next)
{
    for (uint32_t later = next; later != FLOW_NONE; later = instance->next[later]) {
        if (later == source) {
            return false;
        }
    }
    return instance->next[source] == next || !has_previous(instance, next);
}

static inline void draw_next(uint64_t *random, struct instance *instance, uint32_t source)
{
    uint32_t next = (uint32_t)random_below(random, instance->source_count);

    instance->next[source] = may_follow(instance, source, next) ? next : FLOW_NONE;
}

static inline void draw_chains(uint64_t *random, struct instance *instance)
{
    uint64_t dice = random_below(random, 4);

    for (uint32_t source = 0; source < SOURCE_MAX; source++) {
        instance->next[source] = FLOW_NONE;
    }
    for (uint32_t source = 0; source < instance->source_count; source++) {
        if (random_below(random, 3) < dice) {
            draw_next(random, instance, source);
        }
    }
}

static inline void draw_instance(uint64_t *random, struct instance *instance)
{
    static const uint32_t ranges[] = {1, 3, 10, 1000, FLOW_COST_MAX};

    *instance = (struct instance){
        .source_count = 1 + (uint32_t)random_below(random, SOURCE_MAX),
        .sink_count = 1 + (uint32_t)random_below(random, SINK_MAX),
        .cost_range = ranges[random_below(random, COUNT_OF(ranges))],
    };
    uint64_t density = 1 + random_below(random, 4);
    for (uint32_t source = 0; source < instance->source_count; source++) {
        instance->capacity[source] = (int64_t)random_below(random, 12);
    }
    draw_chains(random, instance);
    for (uint32_t sink = 0; sink < instance->sink_count; sink++) {
        draw_tranches(random, instance, sink);
        for (uint32_t source = 0; source < instance->source_count; source++) {
            instance->cost[sink][source] =
                random_below(random, 4) < density ? draw_cost(random, instance) : COST_NONE;
        }
    }
}

/* The oracle: nodes are a start, the sources, the sinks and an end; residual arcs are kept in a
 * matrix of lists; Bellman and Ford find one cheapest path after the other until none pays. */
struct edge {
    uint32_t from;
    uint32_t to;
    int64_t room;
    int64_t cost;
};

struct network {
    struct edge edges[2 * (2 * SOURCE_MAX + SINK_MAX * (SOURCE_MAX + TRANCHE_MAX))];
    size_t count;
};

#define NODE_START 0
#define NODE_END 1
#define NODE_COUNT (2 + SOURCE_MAX + SINK_MAX)

static inline void add_edge(struct network *network, uint32_t from, uint32_t to, int64_t room,
                            int64_t cost)
{
    network->edges[network->count++] = (struct edge){from, to, room, cost};
    network->edges[network->count++] = (struct edge){to, from, 0, -cost};
}

static inline void build_network(const struct instance *instance, struct network *network)
{
    network->count = 0;
    for (uint32_t source = 0; source < instance->source_count; source++) {
        add_edge(network, NODE_START, 2 + source, instance->capacity[source], 0);
        if (instance->next[source] != FLOW_NONE) {
            add_edge(network, 2 + source, 2 + instance->next[source], FLOW_UNITS_MAX, 0);
        }
    }
    for (uint32_t sink = 0; sink < instance->sink_count; sink++) {
        for (uint32_t source = 0; source < instance->source_count; source++) {
            if (instance->cost[sink][source] != COST_NONE) {
                add_edge(network, 2 + source, 2 + SOURCE_MAX + sink, FLOW_UNITS_MAX,
                         instance->cost[sink][source]);
            }
        }
        for (size_t i = 0; i < instance->tranche_count[sink]; i++) {
            add_edge(network, 2 + SOURCE_MAX + sink, NODE_END, instance->tranches[sink][i].units,
                     -instance->tranches[sink][i].weight);
        }
    }
}

static inline bool augment(struct network *network)
{
    int64_t distance[NODE_COUNT];
    size_t via[NODE_COUNT] = {0};
    bool moved = true;
    int64_t units = INT64_MAX;

    for (size_t i = 0; i < NODE_COUNT; i++) {
        distance[i] = i == NODE_START ? 0 : INT64_MAX;
    }
    while (moved) {
        moved = false;
        for (size_t i = 0; i < network->count; i++) {
            const struct edge *edge = &network->edges[i];
            if (edge->room > 0 && distance[edge->from] != INT64_MAX &&
                distance[edge->from] + edge->cost < distance[edge->to]) {
                distance[edge->to] = distance[edge->from] + edge->cost;
                via[edge->to] = i;
                moved = true;
            }
        }
    }
    if (distance[NODE_END] >= 0) {
        return false;
    }
    for (uint32_t node = NODE_END; node != NODE_START; node = network->edges[via[node]].from) {
        units = min_i64(units, network->edges[via[node]].room);
    }
    for (uint32_t node = NODE_END; node != NODE_START; node = network->edges[via[node]].from) {
        network->edges[via[node]].room -= units;
        network->edges[via[node] ^ 1].room += units;
    }
    return true;
}

static inline void solve_plainly(const struct instance *instance, struct flow_objective *objective)
{
    struct network network;

    build_network(instance, &network);
    while (augment(&network)) {
    }
    *objective = (struct flow_objective){0};
    for (size_t i = 0; i < network.count; i += 2) {
        const struct edge *edge = &network.edges[i];
        if (edge->to == NODE_END) {
            objective->unserved[-edge->cost / FLOW_WEIGHT_STEP] += edge->room;
        } else {
            __extension__ __int128 cost = edge->cost;
            objective->cost += cost * network.edges[i + 1].room;
        }
    }
}

#endif
