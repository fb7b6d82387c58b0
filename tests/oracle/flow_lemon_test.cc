/*
 * flow_lemon_test.cc - the same objective as LEMON's network simplex, over thousands of networks of
 * five classes with four tranches each, over one or several days, from plenty to scarcity.
 *
 *     flow_lemon_test [COUNT [SEED]]
 *
 * Sinks and sources come one by one, some change or go, and at the end LEMON solves what is left
 * from nothing.
 */
#define _Noreturn [[noreturn]]
extern "C" {
#include "core/flow/flow.h"
}

#include <lemon/network_simplex.h>
#include <lemon/smart_graph.h>

#include <cstdio>
#include <cstdlib>
#include <vector>

namespace
{

constexpr int class_count = 5;
constexpr int tranche_count = 4;

struct arc {
    uint32_t source;
    uint32_t cost;
};

struct sink {
    std::vector<flow_tranche> tranches;
    std::vector<arc> arcs;
};

struct instance {
    uint32_t days; /* Sources are lines by days: each but the last day of a line has a next. */
    std::vector<int64_t> capacities;
    std::vector<sink> sinks;
};

uint64_t random_state;

uint64_t random_below(uint64_t limit)
{
    random_state += 0x9e3779b97f4a7c15u;
    return hash_u64(random_state) % limit;
}

/* Heavy-tailed: half of the draws are below 2, a few reach 500. */
int64_t draw_units()
{
    return static_cast<int64_t>(500 / (1 + random_below(500)));
}

std::vector<flow_tranche> draw_tranches()
{
    static const int64_t sizes[] = {1, 3, 12, INT64_MAX};
    std::vector<flow_tranche> tranches;
    int64_t level = static_cast<int64_t>(1 + random_below(class_count)) * tranche_count;
    int64_t left = draw_units();

    for (int i = 0; i < tranche_count && left > 0; i++) {
        int64_t units = left < sizes[i] ? left : sizes[i];
        tranches.push_back({units, (level - i) * FLOW_WEIGHT_STEP});
        left -= units;
    }
    return tranches;
}

sink draw_sink(size_t source_count, uint64_t cost_range)
{
    sink drawn{draw_tranches(), {}};

    for (uint32_t source = 0; source < source_count; source++) {
        if (random_below(3) == 0) {
            drawn.arcs.push_back({source, static_cast<uint32_t>(random_below(cost_range))});
        }
    }
    return drawn;
}

/* Demand is about load times the capacity, with a load from 0.5 to 3. */
instance draw_instance()
{
    static const uint64_t ranges[] = {5, 100, 5000, FLOW_COST_MAX};
    instance drawn;
    int64_t demand = 0;
    uint64_t cost_range = ranges[random_below(4)];

    drawn.days = static_cast<uint32_t>(random_below(2) == 0 ? 1 : 2 + random_below(5));
    drawn.capacities.resize((4 + random_below(20 / drawn.days)) * drawn.days);
    drawn.sinks.resize(10 + random_below(70));
    for (sink &one : drawn.sinks) {
        one = draw_sink(drawn.capacities.size(), cost_range);
        for (const flow_tranche &tranche : one.tranches) {
            demand += tranche.units;
        }
    }
    int64_t load_percent = 50 + static_cast<int64_t>(random_below(251));
    int64_t mean = demand * 100 / load_percent / static_cast<int64_t>(drawn.capacities.size());
    for (int64_t &capacity : drawn.capacities) {
        capacity = static_cast<int64_t>(random_below(static_cast<uint64_t>(2 * mean + 1)));
    }
    return drawn;
}

uint32_t next_of(const instance &instance, uint32_t source)
{
    return (source + 1) % instance.days == 0 ? FLOW_NONE : source + 1;
}

void set_source(flow *flow, const instance &instance, uint32_t number)
{
    flow_set_source(flow, number, instance.capacities[number]);
    flow_set_next(flow, number, next_of(instance, number));
}

void set_sink(flow *flow, const instance &instance, uint32_t number)
{
    const sink &sink = instance.sinks[number];

    flow_set_sink(flow, number, sink.tranches.data(), sink.tranches.size());
    for (const arc &arc : sink.arcs) {
        flow_set_arc(flow, number, arc.source, arc.cost);
    }
}

void change_something(flow *flow, instance &instance)
{
    uint32_t number = static_cast<uint32_t>(random_below(instance.sinks.size()));
    uint32_t source = static_cast<uint32_t>(random_below(instance.capacities.size()));

    switch (random_below(3)) {
    case 0:
        instance.sinks[number].tranches = draw_tranches();
        set_sink(flow, instance, number);
        break;
    case 1:
        instance.sinks[number].tranches.clear();
        flow_set_sink(flow, number, nullptr, 0);
        break;
    default:
        instance.capacities[source] = static_cast<int64_t>(
            random_below(static_cast<uint64_t>(2 * instance.capacities[source] + 2)));
        flow_set_source(flow, source, instance.capacities[source]);
        break;
    }
}

void solve(flow *flow, instance &instance)
{
    uint32_t late = static_cast<uint32_t>(random_below(instance.capacities.size() + 1));

    for (uint32_t i = late; i < instance.capacities.size(); i++) {
        set_source(flow, instance, i);
    }
    for (uint32_t i = 0; i < instance.sinks.size(); i++) {
        set_sink(flow, instance, i);
        flow_settle(flow);
    }
    for (uint32_t i = 0; i < late; i++) {
        set_source(flow, instance, i);
        flow_settle(flow);
    }
    for (uint64_t i = random_below(10); i > 0; i--) {
        change_something(flow, instance);
        flow_settle(flow);
    }
}

/* One node hands out what is served, through the sources, and what is not, straight to the sinks.
 */
struct flow_objective solve_with_lemon(const instance &instance)
{
    using graph = lemon::SmartDigraph;
    graph network;
    graph::ArcMap<int64_t> upper(network), cost(network);
    graph::NodeMap<int64_t> supply(network, 0);
    std::vector<graph::Node> sources;
    std::vector<std::pair<graph::Arc, int64_t>> unserved;
    std::vector<graph::Arc> served;
    graph::Node start = network.addNode();
    auto add = [&](graph::Node from, graph::Node to, int64_t room, int64_t price) {
        graph::Arc arc = network.addArc(from, to);
        upper[arc] = room;
        cost[arc] = price;
        return arc;
    };

    for (int64_t capacity : instance.capacities) {
        sources.push_back(network.addNode());
        add(start, sources.back(), capacity, 0);
    }
    for (uint32_t i = 0; i < sources.size(); i++) {
        if (next_of(instance, i) != FLOW_NONE) {
            add(sources[i], sources[i + 1], FLOW_UNITS_MAX, 0);
        }
    }
    for (const sink &sink : instance.sinks) {
        graph::Node node = network.addNode();
        for (const flow_tranche &tranche : sink.tranches) {
            unserved.push_back({add(start, node, tranche.units, tranche.weight), tranche.weight});
            supply[start] += tranche.units;
            supply[node] -= tranche.units;
        }
        for (const arc &arc : sink.arcs) {
            served.push_back(add(sources[arc.source], node, FLOW_UNITS_MAX, arc.cost));
        }
    }
    lemon::NetworkSimplex<graph, int64_t, int64_t> simplex(network);
    simplex.upperMap(upper).costMap(cost).supplyMap(supply);
    struct flow_objective objective = {};
    if (simplex.run() != simplex.OPTIMAL) {
        std::fprintf(stderr, "LEMON finds no solution\n");
        std::exit(EXIT_FAILURE);
    }
    for (const auto &[arc, weight] : unserved) {
        objective.unserved[weight / FLOW_WEIGHT_STEP] += simplex.flow(arc);
    }
    for (graph::Arc arc : served) {
        objective.cost += simplex.flow(arc) * cost[arc];
    }
    return objective;
}

bool same(const struct flow_objective &left, const struct flow_objective &right)
{
    for (int i = 0; i <= FLOW_LEVEL_MAX; i++) {
        if (left.unserved[i] != right.unserved[i]) {
            return false;
        }
    }
    return left.cost == right.cost;
}

bool agrees(uint64_t seed)
{
    flow *flow = nullptr;
    struct flow_objective objective;
    char problem[160] = "another objective than LEMON's";

    random_state = seed;
    instance instance = draw_instance();
    flow_open(&flow);
    solve(flow, instance);
    flow_objective(flow, &objective);
    bool fine = flow_certify(flow, problem) && same(objective, solve_with_lemon(instance));
    flow_close(flow);
    if (!fine) {
        std::fprintf(stderr, "seed %llu: %s\n", static_cast<unsigned long long>(seed), problem);
    }
    return fine;
}

} // namespace

int main(int argc, char **argv)
{
    uint64_t count = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 5000;
    uint64_t seed = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1;

    for (uint64_t i = 0; i < count; i++) {
        if (!agrees(seed + i)) {
            return EXIT_FAILURE;
        }
    }
    std::printf("%llu networks, the same objective\n", static_cast<unsigned long long>(count));
    return EXIT_SUCCESS;
}
