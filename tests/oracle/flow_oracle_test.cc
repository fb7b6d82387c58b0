/*
 * flow_oracle_test.cc - over tens of thousands of sequences of events, the flow is optimal after
 * each, as others find.
 *
 *     flow_oracle_test [COUNT [SEED]]
 *
 * Each sequence starts from an instance of five classes with four tranches each, over one or
 * several days, from plenty to scarcity, loaded thing by thing; then needs and lines come and go,
 * change, are fixed, and days pass, and what was found is announced, with a bonus or without. Most
 * instances are tiny, every 64th is larger. Every third settle is a batch. After each settle:
 *
 *   - the flow certifies itself, and its objective is that of LEMON's network simplex; at the end
 *     of a tiny sequence also that of GLPK's simplex
 *   - a second flow, restored from the first at some point, is the same, byte for byte
 *
 * and besides: what is inserted and deleted again leaves the objective as it was, and inserting all
 * that is left at the end in another order gives the same objective.
 */
#include "tests/oracle/flow_solvers.hh"

extern "C" {
#include "core/flow/batch.h"
}

#include <algorithm>
#include <cstring>

namespace
{

constexpr uint64_t large_every = 64;
constexpr uint64_t batch_every = 3;

uint64_t seed;
uint64_t settle_count;
uint64_t glpk_count;

void expect(bool holds, const char *problem)
{
    if (!holds) {
        std::fprintf(stderr, "seed %llu, settle %llu: %s\n", static_cast<unsigned long long>(seed),
                     static_cast<unsigned long long>(settle_count), problem);
        std::exit(EXIT_FAILURE);
    }
}

objective objective_of(const flow *flow)
{
    objective found;

    flow_objective(flow, &found);
    return found;
}

template <typename item> bool equal(const item *left, const item *right, size_t count)
{
    return count == 0 || std::memcmp(left, right, count * sizeof *left) == 0;
}

bool same_source(const flow *left, const flow *right, uint32_t slot)
{
    return flow_source_capacity(left, slot) == flow_source_capacity(right, slot) &&
           flow_source_used(left, slot) == flow_source_used(right, slot) &&
           flow_price(left, slot) == flow_price(right, slot) &&
           flow_next(left, slot) == flow_next(right, slot) &&
           flow_waiting(left, slot) == flow_waiting(right, slot);
}

bool same_sink(flow *left, flow *right, uint32_t number)
{
    size_t left_count;
    size_t right_count;
    const flow_arc *left_arcs = flow_arcs(left, number, &left_count);
    const flow_arc *right_arcs = flow_arcs(right, number, &right_count);

    return left_count == right_count && equal(left_arcs, right_arcs, left_count) &&
           flow_value(left, number) == flow_value(right, number);
}

bool same_announced(const flow *flow, const model &model, uint32_t number)
{
    for (auto [slot, cost] : model.sinks[number].costs) {
        auto found = model.sinks[number].announced.find(slot);
        int64_t units = found != model.sinks[number].announced.end() ? found->second : 0;
        if (flow_announced(flow, number, slot) != units) {
            return false;
        }
    }
    return true;
}

void expect_same_flow(const model &model, flow *left, flow *right)
{
    size_t left_count;
    size_t right_count;
    const flow_change *left_changes = flow_changes(left, &left_count);
    const flow_change *right_changes = flow_changes(right, &right_count);

    expect(left_count == right_count && equal(left_changes, right_changes, left_count),
           "a restored flow reports other changes");
    for (uint32_t slot = 0; slot < model.slots(); slot++) {
        expect(same_source(left, right, slot), "a restored flow has another source");
    }
    for (uint32_t number = 0; number < model.sinks.size(); number++) {
        expect(same_sink(left, right, number), "a restored flow has another sink");
        expect(same_announced(right, model, number), "a restored flow has announced another flow");
    }
}

void settle(const model &model, const flows &flows)
{
    char problem[160];

    settle_count++;
    for (flow *flow : flows) {
        if (settle_count % batch_every == 0) {
            batch_settle(flow);
        } else {
            flow_settle(flow);
        }
        expect(flow_certify(flow, problem), problem);
    }
    expect(same(objective_of(flows[0]), solve_with_lemon(build_network(model))),
           "another objective than LEMON's");
    if (flows.size() > 1) {
        expect_same_flow(model, flows[0], flows[1]);
    }
    for (flow *flow : flows) {
        flow_clear_changes(flow);
    }
}

/* Announcing changes no unit, and leaves what is optimal optimal. */
void announce_settled(model &model, const flows &flows)
{
    announce(model, flows);
    for (flow *flow : flows) {
        size_t count;
        expect(flow_certify(flow, nullptr), "an announced flow is not optimal");
        flow_settle(flow);
        flow_changes(flow, &count);
        expect(count == 0, "announcing changes the flow");
    }
}

void tell_announced(const model &model, uint32_t number, flow *flow)
{
    for (auto [slot, units] : model.sinks[number].announced) {
        flow_restore_announced(flow, number, slot, units);
    }
}

flow *restore(const model &model, flow *saved)
{
    flow *copy;

    flow_open(&copy);
    tell_bonus(model, {copy});
    for (uint32_t slot = 0; slot < flow_source_count(saved); slot++) {
        flow_restore_source(copy, slot, flow_source_capacity(saved, slot), flow_price(saved, slot));
        if (flow_next(saved, slot) != FLOW_NONE) {
            flow_restore_waiting(copy, slot, flow_next(saved, slot), flow_waiting(saved, slot));
        }
    }
    for (uint32_t number = 0; number < model.sinks.size(); number++) {
        const std::vector<flow_tranche> &tranches = model.sinks[number].tranches;
        size_t count;
        const flow_arc *arcs = flow_arcs(saved, number, &count);
        flow_restore_sink(copy, number, tranches.data(), tranches.size(), arcs, count);
        tell_announced(model, number, copy);
    }
    return copy;
}

/* Inserts all that the model has in a drawn order, settling now and then. */
flow *load(const model &model)
{
    flow *flow;
    std::vector<uint32_t> order(model.slots() + model.sinks.size());

    for (uint32_t i = 0; i < order.size(); i++) {
        uint32_t at = draw(i + 1);
        order[i] = order[at];
        order[at] = i;
    }
    flow_open(&flow);
    tell_bonus(model, {flow});
    for (uint32_t i : order) {
        if (i < model.slots()) {
            tell_slot(model, i, {flow});
        } else {
            tell_sink(model, i - model.slots(), {flow});
            tell_announced(model, i - model.slots(), flow);
        }
        if (random_below(2) == 0) {
            flow_settle(flow);
            expect(flow_certify(flow, nullptr), "a flow half loaded is not optimal");
        }
    }
    return flow;
}

void insert_and_delete(model &model, const flows &flows)
{
    objective before = objective_of(flows[0]);

    if (random_below(2) == 0) {
        add_need(model, flows);
        settle(model, flows);
        drop_sink(model, static_cast<uint32_t>(model.sinks.size() - 1), flows);
    } else {
        add_line(model, flows);
        settle(model, flows);
        for (uint32_t slot = model.slots() - model.days; slot < model.slots(); slot++) {
            drop_slot(model, slot, flows);
        }
    }
    settle(model, flows);
    expect(same(objective_of(flows[0]), before), "deletion after insertion changes the objective");
}

void run_events(model &model, flows &flows)
{
    uint64_t count = 2 + random_below(8);
    uint64_t restore_at = random_below(count);

    for (uint64_t i = 0; i < count; i++) {
        if (i == restore_at) {
            flows.push_back(restore(model, flows[0]));
        }
        for (uint64_t j = random_below(4) / 2; j > 0; j--) {
            change_something(model, flows);
        }
        change_something(model, flows);
        settle(model, flows);
        if (random_below(2) == 0) {
            announce_settled(model, flows);
        }
    }
    insert_and_delete(model, flows);
}

void run_sequence(bool is_large)
{
    random_state = seed;
    model model = draw_model(is_large);
    flows flows = {load(model)};

    settle(model, flows);
    run_events(model, flows);
    flows.push_back(load(model));
    flow_settle(flows.back());
    expect(same(objective_of(flows[0]), objective_of(flows.back())),
           "another order of insertion gives another objective");
    if (!is_large) {
        glpk_count++;
        expect(same(objective_of(flows[0]), solve_with_glpk(build_network(model))),
               "another objective than GLPK's");
    }
    for (flow *flow : flows) {
        flow_close(flow);
    }
}

} // namespace

int main(int argc, char **argv)
{
    uint64_t count = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 20000;
    uint64_t first = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1;

    for (uint64_t i = 0; i < count; i++) {
        seed = first + i;
        run_sequence(seed % large_every == 0);
    }
    std::printf("%llu sequences, %llu settles: LEMON's objective after each, GLPK's after %llu\n",
                static_cast<unsigned long long>(count),
                static_cast<unsigned long long>(settle_count),
                static_cast<unsigned long long>(glpk_count));
    return EXIT_SUCCESS;
}
