/*
 * flow_fixture.h - small instances of the flow, and a slow and plain solver of them.
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
