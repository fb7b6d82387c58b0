/*
 * flow_model.hh - an instance as the caller of a flow knows it, drawn at random, and the events
 * that change it, told to every flow that follows the model.
 */
#ifndef TESTS_ORACLE_FLOW_MODEL_HH
#define TESTS_ORACLE_FLOW_MODEL_HH

#define _Noreturn [[noreturn]]
extern "C" {
#include "core/flow/flow.h"
}

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <vector>

constexpr int class_count = 5;
constexpr int tranche_count = 4;

struct sink {
    std::vector<flow_tranche> tranches;
    std::map<uint32_t, uint32_t> costs;    /* By source. */
    std::map<uint32_t, int64_t> announced; /* By source; those without arc and 0 are left out. */
};

/* Sources are slots: the days of a line have successive numbers, and each has the next day as its
 * next. Days before `today` have passed. */
struct model {
    uint32_t days;
    uint32_t today;
    uint64_t cost_range;
    uint32_t bonus;
    int64_t units_max;
    int64_t capacity_mean;
    std::vector<int64_t> capacities;
    std::vector<sink> sinks;

    uint32_t slots() const
    {
        return static_cast<uint32_t>(capacities.size());
    }
    bool has_passed(uint32_t slot) const
    {
        return slot % days < today;
    }
    uint32_t next(uint32_t slot) const
    {
        return (slot + 1) % days == 0 ? FLOW_NONE : slot + 1;
    }
};

using flows = std::vector<flow *>;

inline uint64_t random_state;

inline uint64_t random_below(uint64_t limit)
{
    random_state += 0x9e3779b97f4a7c15u;
    return hash_u64(random_state) % limit;
}

template <typename number> number draw(number limit)
{
    return static_cast<number>(random_below(static_cast<uint64_t>(limit)));
}

/* Heavy-tailed: half of the draws are 1, a few reach the most. */
inline int64_t draw_units(const model &model)
{
    return model.units_max / (1 + draw(model.units_max));
}

inline std::vector<flow_tranche> draw_tranches(const model &model)
{
    static const int64_t sizes[] = {1, 3, 12, INT64_MAX};
    std::vector<flow_tranche> tranches;
    int64_t level = (1 + draw<int64_t>(class_count)) * tranche_count;
    int64_t left = draw_units(model);

    for (int i = 0; i < tranche_count && left > 0; i++) {
        int64_t units = left < sizes[i] ? left : sizes[i];
        tranches.push_back({units, (level - i) * FLOW_WEIGHT_STEP});
        left -= units;
    }
    return tranches;
}

inline uint32_t draw_cost(const model &model)
{
    return static_cast<uint32_t>(random_below(model.cost_range));
}

inline uint32_t draw_bonus(const model &model)
{
    return static_cast<uint32_t>(random_below(model.cost_range + 1));
}

inline sink draw_sink(const model &model)
{
    sink drawn{draw_tranches(model), {}, {}};
    uint64_t density = 1 + random_below(3);

    for (uint32_t slot = 0; slot < model.slots(); slot++) {
        if (!model.has_passed(slot) && random_below(4) < density) {
            drawn.costs[slot] = draw_cost(model);
        }
    }
    return drawn;
}

inline int64_t wanted(const sink &sink)
{
    int64_t units = 0;

    for (const flow_tranche &tranche : sink.tranches) {
        units += tranche.units;
    }
    return units;
}

/* Demand is about load times the capacity, with a load from 0.5 to 3. */
inline void draw_capacities(model &model)
{
    int64_t demand = 0;
    int64_t load_percent = 50 + draw<int64_t>(251);

    for (const sink &sink : model.sinks) {
        demand += wanted(sink);
    }
    model.capacity_mean = demand * 100 / load_percent / model.slots();
    for (int64_t &capacity : model.capacities) {
        capacity = draw(2 * model.capacity_mean + 1);
    }
}

inline model draw_model(bool is_large)
{
    static const uint64_t small_ranges[] = {1, 3, 10, 1000};
    static const uint64_t large_ranges[] = {5, 100, 5000, FLOW_COST_MAX};
    model drawn{};
    uint64_t range = random_below(4);

    drawn.days = random_below(3) == 0 ? 1 : 2 + draw(is_large ? 5u : 3u);
    drawn.cost_range = is_large ? large_ranges[range] : small_ranges[range];
    drawn.bonus = random_below(3) == 0 ? 0 : draw_bonus(drawn);
    drawn.units_max = is_large ? 500 : 20;
    drawn.capacities.resize(is_large ? (4 + draw(20 / drawn.days)) * drawn.days
                                     : (1 + draw(3u)) * drawn.days);
    drawn.sinks.resize(is_large ? 10 + draw(70u) : 1 + draw(7u));
    for (sink &sink : drawn.sinks) {
        sink = draw_sink(drawn);
    }
    draw_capacities(drawn);
    return drawn;
}

inline void tell_slot(const model &model, uint32_t slot, const flows &flows)
{
    for (flow *flow : flows) {
        flow_set_source(flow, slot, model.capacities[slot]);
        flow_set_next(flow, slot, model.next(slot));
    }
}

inline void tell_tranches(const model &model, uint32_t number, const flows &flows)
{
    const std::vector<flow_tranche> &tranches = model.sinks[number].tranches;

    for (flow *flow : flows) {
        flow_set_sink(flow, number, tranches.data(), tranches.size());
    }
}

inline void tell_sink(const model &model, uint32_t number, const flows &flows)
{
    tell_tranches(model, number, flows);
    for (flow *flow : flows) {
        for (auto [slot, cost] : model.sinks[number].costs) {
            flow_set_arc(flow, number, slot, cost);
        }
    }
}

inline void drop_arc(model &model, uint32_t number, uint32_t slot, const flows &flows)
{
    model.sinks[number].costs.erase(slot);
    model.sinks[number].announced.erase(slot);
    for (flow *flow : flows) {
        flow_remove_arc(flow, number, slot);
    }
}

inline void drop_sink(model &model, uint32_t number, const flows &flows)
{
    while (!model.sinks[number].costs.empty()) {
        drop_arc(model, number, model.sinks[number].costs.begin()->first, flows);
    }
    model.sinks[number].tranches.clear();
    tell_tranches(model, number, flows);
}

inline void drop_slot(model &model, uint32_t slot, const flows &flows)
{
    model.capacities[slot] = 0;
    tell_slot(model, slot, flows);
    for (uint32_t number = 0; number < model.sinks.size(); number++) {
        drop_arc(model, number, slot, flows);
    }
}

/* The events. */

inline void add_need(model &model, const flows &flows)
{
    model.sinks.push_back(draw_sink(model));
    tell_sink(model, static_cast<uint32_t>(model.sinks.size() - 1), flows);
}

inline void change_need(model &model, const flows &flows)
{
    uint32_t number = draw(static_cast<uint32_t>(model.sinks.size()));

    model.sinks[number].tranches = draw_tranches(model);
    tell_tranches(model, number, flows);
}

inline void cancel_need(model &model, const flows &flows)
{
    drop_sink(model, draw(static_cast<uint32_t>(model.sinks.size())), flows);
}

inline void change_capacity(model &model, const flows &flows)
{
    uint32_t slot = draw(model.slots());

    if (!model.has_passed(slot)) {
        model.capacities[slot] = draw(2 * model.capacity_mean + 2);
        tell_slot(model, slot, flows);
    }
}

inline void add_line(model &model, const flows &flows)
{
    uint32_t first = model.slots();

    for (uint32_t day = 0; day < model.days; day++) {
        model.capacities.push_back(day < model.today ? 0 : draw(2 * model.capacity_mean + 1));
    }
    for (uint32_t slot = first; slot < model.slots(); slot++) {
        tell_slot(model, slot, flows);
        for (uint32_t number = 0; number < model.sinks.size(); number++) {
            if (!model.has_passed(slot) && random_below(2) == 0) {
                model.sinks[number].costs[slot] = draw_cost(model);
                tell_sink(model, number, flows);
            }
        }
    }
}

inline void withdraw_line(model &model, const flows &flows)
{
    uint32_t first = draw(model.slots() / model.days) * model.days;

    for (uint32_t slot = first; slot < first + model.days; slot++) {
        drop_slot(model, slot, flows);
    }
}

/* What was made and not given away on the day that passes waits: it is stock of the next day. */
inline void pass_day(model &model, const flows &flows)
{
    if (model.today + 1 == model.days) {
        return;
    }
    for (uint32_t slot = model.today; slot < model.slots(); slot += model.days) {
        int64_t stock = random_below(2) == 0 ? flow_waiting(flows[0], slot) : 0;
        drop_slot(model, slot, flows);
        model.capacities[slot + 1] += stock;
        tell_slot(model, slot + 1, flows);
    }
    model.today++;
}

inline void change_cost(model &model, const flows &flows)
{
    uint32_t number = draw(static_cast<uint32_t>(model.sinks.size()));
    uint32_t slot = draw(model.slots());

    if (random_below(3) == 0) {
        drop_arc(model, number, slot, flows);
    } else if (!model.has_passed(slot)) {
        model.sinks[number].costs[slot] = draw_cost(model);
        for (flow *flow : flows) {
            flow_set_arc(flow, number, slot, model.sinks[number].costs[slot]);
        }
    }
}

inline void drop_front(sink &sink, int64_t units)
{
    for (flow_tranche &tranche : sink.tranches) {
        int64_t taken = units < tranche.units ? units : tranche.units;
        tranche.units -= taken;
        units -= taken;
    }
}

inline void drop_announced(sink &sink, uint32_t slot, int64_t units)
{
    auto found = sink.announced.find(slot);

    if (found != sink.announced.end()) {
        found->second -= units < found->second ? units : found->second;
    }
}

/* Some of what runs on an arc becomes a commitment. Between settles too little may be left of the
 * capacity for it. */
inline void fix_units(model &model, const flows &flows)
{
    uint32_t number = draw(static_cast<uint32_t>(model.sinks.size()));
    uint32_t slot = draw(model.slots());
    int64_t units = draw(flow_units(flows[0], number, slot) + 1);

    for (flow *flow : flows) {
        flow_fix(flow, number, slot, units);
    }
    drop_front(model.sinks[number], units);
    drop_announced(model.sinks[number], slot, units);
    for (uint32_t i = 0; i < model.slots(); i++) {
        units -= model.capacities[i] - flow_source_capacity(flows[0], i);
        model.capacities[i] = flow_source_capacity(flows[0], i);
    }
    if (units < 0) {
        std::fprintf(stderr, "a fix takes more capacity than units\n");
        std::exit(EXIT_FAILURE);
    }
}

inline void announce(model &model, const flows &flows)
{
    for (flow *flow : flows) {
        flow_announce(flow);
    }
    for (uint32_t number = 0; number < model.sinks.size(); number++) {
        model.sinks[number].announced.clear();
        for (auto [slot, cost] : model.sinks[number].costs) {
            int64_t units = flow_units(flows[0], number, slot);
            if (units > 0) {
                model.sinks[number].announced[slot] = units;
            }
        }
    }
}

inline void tell_bonus(const model &model, const flows &flows)
{
    for (flow *flow : flows) {
        flow_set_bonus(flow, model.bonus);
    }
}

inline void change_bonus(model &model, const flows &flows)
{
    model.bonus = random_below(4) == 0 ? 0 : draw_bonus(model);
    tell_bonus(model, flows);
}

inline void change_something(model &model, const flows &flows)
{
    static void (*const events[])(struct model &, const std::vector<flow *> &) = {
        add_need,        add_need,        change_need, change_need,   cancel_need, change_capacity,
        change_capacity, change_capacity, add_line,    withdraw_line, pass_day,    change_cost,
        change_cost,     fix_units,       fix_units,   change_bonus};

    events[random_below(sizeof events / sizeof *events)](model, flows);
}

#endif
