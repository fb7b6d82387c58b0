/*
 * flow_solvers.hh - the objective of a model as other people's solvers find it, from nothing.
 */
#ifndef TESTS_ORACLE_FLOW_SOLVERS_HH
#define TESTS_ORACLE_FLOW_SOLVERS_HH

#include "tests/oracle/flow_model.hh"

#include <glpk.h>
#include <lemon/network_simplex.h>
#include <lemon/smart_graph.h>

#include <cmath>

using objective = struct flow_objective;

/* A network of arcs with a flow to be found: what the solvers have in common. */
struct network_arc {
    uint32_t from;
    uint32_t to;
    int64_t room;
    int64_t cost;
    int64_t weight; /* Of a unit unserved; 0 for other arcs. */
};

struct network {
    std::vector<int64_t> supplies; /* By node. */
    std::vector<network_arc> arcs;
};

/* What has been announced on an arc is an arc of its own, cheaper by the bonus. Node 0 hands out
 * what is served, through the slots, and what is not, straight to the sinks.
 */
inline network build_network(const model &model)
{
    network built;
    uint32_t first_sink = 1 + model.slots();

    built.supplies.resize(first_sink + model.sinks.size());
    for (uint32_t slot = 0; slot < model.slots(); slot++) {
        built.arcs.push_back({0, 1 + slot, model.capacities[slot], 0, 0});
        if (model.next(slot) != FLOW_NONE) {
            built.arcs.push_back({1 + slot, 1 + model.next(slot), FLOW_UNITS_MAX, 0, 0});
        }
    }
    for (uint32_t i = 0; i < model.sinks.size(); i++) {
        const sink &sink = model.sinks[i];
        for (const flow_tranche &tranche : sink.tranches) {
            built.arcs.push_back({0, first_sink + i, tranche.units, 0, tranche.weight});
        }
        built.supplies[0] += wanted(sink);
        built.supplies[first_sink + i] -= wanted(sink);
        for (auto [slot, cost] : sink.costs) {
            built.arcs.push_back({1 + slot, first_sink + i, FLOW_UNITS_MAX, cost, 0});
        }
        for (auto [slot, units] : sink.announced) {
            int64_t cost = static_cast<int64_t>(sink.costs.at(slot)) - model.bonus;
            built.arcs.push_back({1 + slot, first_sink + i, units, cost, 0});
        }
    }
    return built;
}

inline void add_units(objective &objective, const network_arc &arc, int64_t units)
{
    if (arc.weight > 0) {
        objective.unserved[arc.weight / FLOW_WEIGHT_STEP] += units;
    }
    objective.cost += static_cast<__int128>(arc.cost) * units;
}

inline objective solve_with_lemon(const network &network)
{
    using graph = lemon::SmartDigraph;
    graph lemon_graph;
    graph::ArcMap<int64_t> upper(lemon_graph), cost(lemon_graph);
    graph::NodeMap<int64_t> supply(lemon_graph);

    for (int64_t units : network.supplies) {
        supply[lemon_graph.addNode()] = units;
    }
    for (const network_arc &arc : network.arcs) {
        graph::Arc added = lemon_graph.addArc(graph::nodeFromId(static_cast<int>(arc.from)),
                                              graph::nodeFromId(static_cast<int>(arc.to)));
        upper[added] = arc.room;
        cost[added] = arc.cost + arc.weight;
    }
    lemon::NetworkSimplex<graph, int64_t, int64_t> simplex(lemon_graph);
    simplex.upperMap(upper).costMap(cost).supplyMap(supply);
    if (simplex.run() != simplex.OPTIMAL) {
        std::fprintf(stderr, "LEMON finds no solution\n");
        std::exit(EXIT_FAILURE);
    }
    objective found = {};
    for (size_t i = 0; i < network.arcs.size(); i++) {
        add_units(found, network.arcs[i], simplex.flow(graph::arcFromId(static_cast<int>(i))));
    }
    return found;
}

/* Floating point keeps apart what is as far apart as here: a level weighs 2^20 instead of
 * FLOW_WEIGHT_STEP, which outweighs every exchange as long as costs stay below 1,000 on some
 * hundred arcs. */
constexpr int64_t glpk_weight_step = 1 << 20;

inline void set_columns(glp_prob *problem, const network &network)
{
    glp_add_cols(problem, static_cast<int>(network.arcs.size()));
    for (size_t i = 0; i < network.arcs.size(); i++) {
        const network_arc &arc = network.arcs[i];
        int column = static_cast<int>(i + 1);
        int rows[] = {0, static_cast<int>(arc.from + 1), static_cast<int>(arc.to + 1)};
        double values[] = {0, 1, -1};
        int kind = arc.room == 0 ? GLP_FX : arc.room < FLOW_UNITS_MAX ? GLP_DB : GLP_LO;
        int64_t cost = arc.cost + arc.weight / FLOW_WEIGHT_STEP * glpk_weight_step;
        glp_set_col_bnds(problem, column, kind, 0, static_cast<double>(arc.room));
        glp_set_obj_coef(problem, column, static_cast<double>(cost));
        glp_set_mat_col(problem, column, 2, rows, values);
    }
}

/* Transportation has integral vertices. */
inline objective solve_with_glpk(const network &network)
{
    glp_prob *problem = glp_create_prob();
    glp_smcp parameters;

    glp_add_rows(problem, static_cast<int>(network.supplies.size()));
    for (size_t i = 0; i < network.supplies.size(); i++) {
        double supply = static_cast<double>(network.supplies[i]);
        glp_set_row_bnds(problem, static_cast<int>(i + 1), GLP_FX, supply, supply);
    }
    set_columns(problem, network);
    glp_init_smcp(&parameters);
    parameters.msg_lev = GLP_MSG_ERR;
    if (glp_simplex(problem, &parameters) != 0 || glp_get_status(problem) != GLP_OPT) {
        std::fprintf(stderr, "GLPK finds no solution\n");
        std::exit(EXIT_FAILURE);
    }
    objective found = {};
    for (size_t i = 0; i < network.arcs.size(); i++) {
        double units = glp_get_col_prim(problem, static_cast<int>(i + 1));
        add_units(found, network.arcs[i], std::llround(units));
    }
    glp_delete_prob(problem);
    return found;
}

inline bool same(const objective &left, const objective &right)
{
    for (int i = 0; i <= FLOW_LEVEL_MAX; i++) {
        if (left.unserved[i] != right.unserved[i]) {
            return false;
        }
    }
    return left.cost - left.bonus == right.cost - right.bonus;
}

#endif
