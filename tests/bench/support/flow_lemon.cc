/*
 * flow_lemon.cc - the network LEMON gets: slots give what they have, needs take what they want, and
 * one node gives what is unserved, at its weight, and takes what is not used. Arcs are sorted by
 * the node they leave, as StaticDigraph wants them.
 */
#define _Noreturn [[noreturn]]
extern "C" {
#include "tests/bench/support/flow_lemon.h"
}

#include <lemon/network_simplex.h>
#include <lemon/static_graph.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <numeric>
#include <vector>

namespace
{

using graph = lemon::StaticDigraph;
using simplex = lemon::NetworkSimplex<graph, int64_t, int64_t>;

/* The slots and needs of one component, by number, and where each slot stands in it. */
struct part {
    std::vector<uint32_t> slots;
    std::vector<uint32_t> needs;
};

struct row {
    int from;
    int to;
    int64_t upper;
    int64_t cost;
};

struct hub {
    int node;
    int64_t supply;
};

uint32_t find_root(std::vector<uint32_t> &parents, uint32_t node)
{
    while (parents[node] != node) {
        parents[node] = parents[parents[node]];
        node = parents[node];
    }
    return node;
}

std::vector<uint32_t> join_slots(const flow_instance &instance)
{
    std::vector<uint32_t> parents(instance.slot_count);

    std::iota(parents.begin(), parents.end(), 0);
    for (uint32_t slot = 0; slot < instance.slot_count; slot++) {
        if (flow_instance_waits(&instance, slot)) {
            parents[find_root(parents, slot)] = find_root(parents, slot + 1);
        }
    }
    for (size_t need = 0; need < instance.need_count; need++) {
        size_t start = flow_instance_arcs_start(&instance, need);
        for (size_t i = start; i < instance.needs[need].arcs_end; i++) {
            parents[find_root(parents, instance.arcs[i].slot)] =
                find_root(parents, instance.arcs[start].slot);
        }
    }
    return parents;
}

std::vector<part> find_parts(const flow_instance &instance)
{
    std::vector<uint32_t> parents = join_slots(instance);
    std::vector<uint32_t> numbers(instance.slot_count);
    std::vector<part> parts;

    for (uint32_t slot = 0; slot < instance.slot_count; slot++) {
        if (find_root(parents, slot) == slot) {
            numbers[slot] = static_cast<uint32_t>(parts.size());
            parts.emplace_back();
        }
    }
    for (uint32_t slot = 0; slot < instance.slot_count; slot++) {
        parts[numbers[find_root(parents, slot)]].slots.push_back(slot);
    }
    for (uint32_t need = 0; need < instance.need_count; need++) {
        uint32_t slot = instance.arcs[flow_instance_arcs_start(&instance, need)].slot;
        parts[numbers[find_root(parents, slot)]].needs.push_back(need);
    }
    return parts;
}

part whole(const flow_instance &instance)
{
    part all{std::vector<uint32_t>(instance.slot_count),
             std::vector<uint32_t>(instance.need_count)};

    std::iota(all.slots.begin(), all.slots.end(), 0);
    std::iota(all.needs.begin(), all.needs.end(), 0);
    return all;
}

/* Supplies by node; the hub comes last. */
std::vector<int64_t> list_supplies(const flow_instance &instance, const part &part)
{
    std::vector<int64_t> supplies;

    for (uint32_t slot : part.slots) {
        supplies.push_back(instance.capacities[slot]);
    }
    for (uint32_t need : part.needs) {
        supplies.push_back(-instance.needs[need].units);
    }
    supplies.push_back(-std::accumulate(supplies.begin(), supplies.end(), int64_t{0}));
    return supplies;
}

std::vector<row> list_rows(const flow_instance &instance, const part &part)
{
    std::vector<int> nodes(instance.slot_count);
    std::vector<row> rows;
    int hub = static_cast<int>(part.slots.size() + part.needs.size());
    size_t count = part.slots.size() + part.needs.size();

    for (uint32_t need : part.needs) {
        count += instance.needs[need].arcs_end - flow_instance_arcs_start(&instance, need);
    }
    rows.reserve(count);
    for (size_t i = 0; i < part.slots.size(); i++) {
        nodes[part.slots[i]] = static_cast<int>(i);
    }
    for (uint32_t slot : part.slots) {
        int to = flow_instance_waits(&instance, slot) ? nodes[slot + 1] : hub;
        rows.push_back({nodes[slot], to, FLOW_UNITS_MAX, 0});
    }
    for (size_t i = 0; i < part.needs.size(); i++) {
        const flow_instance_need &need = instance.needs[part.needs[i]];
        int node = static_cast<int>(part.slots.size() + i);
        rows.push_back({hub, node, need.units, flow_instance_level(&need) * FLOW_WEIGHT_STEP});
        for (size_t j = flow_instance_arcs_start(&instance, part.needs[i]); j < need.arcs_end;
             j++) {
            rows.push_back({nodes[instance.arcs[j].slot], node, need.units,
                            static_cast<int64_t>(instance.arcs[j].cost)});
        }
    }
    std::sort(rows.begin(), rows.end(), [](const row &left, const row &right) {
        return left.from != right.from ? left.from < right.from : left.to < right.to;
    });
    return rows;
}

void solve_part(const flow_instance &instance, const part &part, struct flow_objective *objective)
{
    std::vector<int64_t> supplies = list_supplies(instance, part);
    std::vector<row> rows = list_rows(instance, part);
    int hub = static_cast<int>(supplies.size()) - 1;
    std::vector<std::pair<int, int>> ends;
    graph network;

    ends.reserve(rows.size());
    for (const row &row : rows) {
        ends.emplace_back(row.from, row.to);
    }
    network.build(hub + 1, ends.begin(), ends.end());
    std::vector<std::pair<int, int>>().swap(ends);
    graph::NodeMap<int64_t> supply(network);
    graph::ArcMap<int64_t> upper(network), cost(network);
    for (int node = 0; node <= hub; node++) {
        supply[network.node(node)] = supplies[node];
    }
    for (size_t i = 0; i < rows.size(); i++) {
        upper[network.arc(static_cast<int>(i))] = rows[i].upper;
        cost[network.arc(static_cast<int>(i))] = rows[i].cost;
    }
    std::vector<row>().swap(rows);
    simplex solver(network);
    if (solver.upperMap(upper).costMap(cost).supplyMap(supply).run() != simplex::OPTIMAL) {
        std::fprintf(stderr, "LEMON finds no solution\n");
        std::exit(EXIT_FAILURE);
    }
    for (graph::ArcIt arc(network); arc != lemon::INVALID; ++arc) {
        if (network.index(network.source(arc)) == hub) {
            objective->unserved[cost[arc] / FLOW_WEIGHT_STEP] += solver.flow(arc);
        } else {
            objective->cost += static_cast<decltype(objective->cost)>(solver.flow(arc)) * cost[arc];
        }
    }
}

} // namespace

void flow_lemon_solve(const struct flow_instance *instance, bool split,
                      struct flow_objective *objective)
{
    *objective = {};
    if (!split) {
        solve_part(*instance, whole(*instance), objective);
        return;
    }
    for (const part &part : find_parts(*instance)) {
        if (!part.needs.empty()) {
            solve_part(*instance, part, objective);
        }
    }
}
