/*
 * batch.c - cuts the network into its connected components, hands those where something changed to
 * simplex.c, and brings the flow to what comes back.
 *
 * A component is found by its sources: those that one sink has arcs to, and those that follow one
 * another, belong together. Its members
 * are listed by ascending number, and so is what it gives back, so the result is a function of the
 * network alone.
 */
#include "core/flow/batch.h"

#include "core/flow/network.h"
#include "core/flow/simplex.h"

#include <stdlib.h>
#include <string.h>

/* Numbers of sources or sinks, those of one component side by side. */
struct members {
    uint32_t *starts; /* By component, and one more for the end. */
    uint32_t *numbers;
};

struct batch {
    struct flow *flow;
    uint32_t *parts;  /* By source: its component; while joining, a source nearer to the lowest. */
    uint32_t *locals; /* By source: its slot. */
    bool *changed;    /* By component. */
    uint32_t part_count;
    struct members sources;
    struct members sinks;
    struct simplex simplex;
    struct simplex_problem problem;
    size_t slot_capacity;
    size_t need_capacity;
    size_t portion_capacity;
    size_t arc_capacity;
    const uint32_t *slot_sources; /* Of the component at work. */
    struct share *shares;         /* Of the sink at work, ascending by source. */
    size_t share_capacity;
    uint32_t share_count;
};

/* The ends of the sources' lists are far apart in memory, and waiting for one after the other is
 * what loading costs. */
static void fetch_ends(const struct flow *flow, const struct flow_arc *arcs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        __builtin_prefetch(&flow->sources[arcs[i].source].links);
        __builtin_prefetch(&flow->sources[arcs[i].source].take_cost);
    }
    for (size_t i = 0; i < count; i++) {
        const struct source *source = &flow->sources[arcs[i].source];
        __builtin_prefetch(source->links + source->link_count);
    }
}

static void list_arcs(struct flow *flow, uint32_t number, const struct flow_arc *arcs, size_t count)
{
    fetch_ends(flow, arcs, count);
    for (size_t i = 0; i < count; i++) {
        struct source *source = &flow->sources[arcs[i].source];
        link_insert(&source->links, &source->link_count, number, arcs[i].cost);
    }
}

void flow_add_arcs(struct flow *flow, uint32_t sink_number, const struct flow_arc *arcs,
                   size_t count)
{
    ENSURE(sink_number < flow->sink_count);
    if (count == 0) {
        return;
    }
    touch_sink(flow, sink_number);
    mark_sink(flow, sink_number, SINK_DIRTY);
    forget_exits_of_sink(flow, sink_number);
    for (size_t i = 0; i < count; i++) {
        ENSURE(arcs[i].source < flow->source_count);
        ENSURE(arcs[i].cost <= FLOW_COST_MAX);
        ENSURE(i == 0 || arcs[i].source > arcs[i - 1].source);
        ENSURE(!flow_has_arc(flow, sink_number, arcs[i].source));
    }
    if (flow->is_listed) {
        list_arcs(flow, sink_number, arcs, count);
    }
    links_merge(&flow->sinks[sink_number], arcs, (uint32_t)count);
    renew_takes(flow, sink_number);
}

static bool is_in_use(const struct source *source)
{
    return source->used + source->free > 0;
}

/* Counting ends where the answer is known: a burst must not cost what the network holds. */
bool batch_pays(const struct flow *flow)
{
    size_t changes = flow->dirty_sinks.count + flow->dirty_sources.count;
    size_t count_max = changes * BATCH_SHARE;
    size_t count = 0;

    if (changes < BATCH_CHANGES_MIN) {
        return false;
    }
    for (uint32_t i = 0; i < flow->sink_count && count <= count_max; i++) {
        count += flow->sinks[i].tranche_count > 0;
    }
    for (uint32_t i = 0; i < flow->source_count && count <= count_max; i++) {
        count += is_in_use(&flow->sources[i]);
    }
    return count <= count_max;
}

static uint32_t find_root(uint32_t *parents, uint32_t source)
{
    while (parents[source] != source) {
        parents[source] = parents[parents[source]];
        source = parents[source];
    }
    return source;
}

/* The root is the lowest of all. */
static void join(uint32_t *parents, uint32_t left, uint32_t right)
{
    left = find_root(parents, left);
    right = find_root(parents, right);
    if (left < right) {
        parents[right] = left;
    } else {
        parents[left] = right;
    }
}

static void join_sources(struct batch *batch)
{
    const struct flow *flow = batch->flow;

    for (uint32_t i = 0; i < flow->source_count; i++) {
        batch->parts[i] = i;
    }
    for (uint32_t i = 0; i < flow->sink_count; i++) {
        const struct sink *sink = &flow->sinks[i];
        for (uint32_t j = 1; j < sink->link_count; j++) {
            join(batch->parts, sink->links[0].number, sink->links[j].number);
        }
    }
    for (uint32_t i = 0; i < flow->source_count; i++) {
        if (flow->sources[i].next != FLOW_NONE) {
            join(batch->parts, i, flow->sources[i].next);
        }
    }
}

/* Numbers the components by their lowest source. */
static void number_parts(struct batch *batch)
{
    for (uint32_t i = 0; i < batch->flow->source_count; i++) {
        uint32_t root = find_root(batch->parts, i);
        batch->locals[i] = root == i ? batch->part_count++ : batch->locals[root];
    }
    memcpy(batch->parts, batch->locals, batch->flow->source_count * sizeof *batch->parts);
}

/* A sink without arcs belongs nowhere. */
static uint32_t part_of_sink(const struct batch *batch, uint32_t number)
{
    const struct sink *sink = &batch->flow->sinks[number];

    return sink->link_count > 0 ? batch->parts[sink->links[0].number] : SIMPLEX_NONE;
}

static uint32_t part_of_source(const struct batch *batch, uint32_t number)
{
    return batch->parts[number];
}

/* Sorts the numbers below `count` by component. */
static void list_members(const struct batch *batch, uint32_t count,
                         uint32_t (*part_of)(const struct batch *, uint32_t),
                         struct members *members)
{
    members->starts = memory_take((size_t)batch->part_count + 2, sizeof *members->starts);
    members->numbers = memory_take((size_t)count + 1, sizeof *members->numbers);
    for (uint32_t i = 0; i < count; i++) {
        if (part_of(batch, i) != SIMPLEX_NONE) {
            members->starts[part_of(batch, i) + 2]++;
        }
    }
    for (uint32_t i = 2; i < batch->part_count + 2; i++) {
        members->starts[i] += members->starts[i - 1];
    }
    for (uint32_t i = 0; i < count; i++) {
        if (part_of(batch, i) != SIMPLEX_NONE) {
            members->numbers[members->starts[part_of(batch, i) + 1]++] = i;
        }
    }
}

/* Takes the notes of what changed, as flow_settle would. A sink without arcs has nothing to
 * settle: whatever served it went with its arcs. */
static void read_changes(struct batch *batch)
{
    struct flow *flow = batch->flow;

    for (size_t i = 0; i < flow->dirty_sinks.count; i++) {
        uint32_t number = flow->dirty_sinks.items[i];
        flow->sinks[number].flags &= (uint8_t) ~(SINK_DIRTY | SINK_WANTS);
        if (flow->sinks[number].link_count > 0) {
            batch->changed[part_of_sink(batch, number)] = true;
        }
    }
    for (size_t i = 0; i < flow->dirty_sources.count; i++) {
        uint32_t number = flow->dirty_sources.items[i];
        flow->sources[number].flags &= (uint8_t) ~(SOURCE_DIRTY | SOURCE_ARRIVED | SOURCE_CHAINED);
        batch->changed[part_of_source(batch, number)] = true;
    }
    flow->dirty_sinks.count = 0;
    flow->dirty_sources.count = 0;
}

static void add_slot(struct batch *batch, uint32_t number)
{
    struct simplex_problem *problem = &batch->problem;
    const struct source *source = &batch->flow->sources[number];

    batch->locals[number] = problem->slot_count;
    GROW(problem->slots, batch->slot_capacity, (size_t)problem->slot_count + 1);
    problem->slots[problem->slot_count++] =
        (struct simplex_slot){.units = source->used + source->free, .next = SIMPLEX_NONE};
}

static void chain_slot(struct batch *batch, uint32_t slot)
{
    uint32_t next = batch->flow->sources[batch->slot_sources[slot]].next;

    if (next != FLOW_NONE) {
        batch->problem.slots[slot].next = batch->locals[next];
    }
}

static void add_need(struct batch *batch, uint32_t number)
{
    struct simplex_problem *problem = &batch->problem;
    const struct sink *sink = &batch->flow->sinks[number];
    uint32_t arc = problem->need_count > 0 ? problem->needs[problem->need_count - 1].arcs_end : 0;

    GROW(problem->arcs, batch->arc_capacity, (size_t)arc + sink->link_count);
    for (uint32_t i = 0; i < sink->link_count; i++) {
        problem->arcs[arc++] = (struct simplex_arc){.slot = batch->locals[sink->links[i].number],
                                                    .cost = sink->links[i].cost};
    }
    for (uint32_t i = 0; i < sink->tranche_count; i++) {
        GROW(problem->portions, batch->portion_capacity, (size_t)problem->portion_count + 1);
        problem->portions[problem->portion_count++] = (struct simplex_portion){
            .weight = sink->tranches[i].weight, .units = sink->tranches[i].units};
    }
    GROW(problem->needs, batch->need_capacity, (size_t)problem->need_count + 1);
    problem->needs[problem->need_count++] =
        (struct simplex_need){.arcs_end = arc, .portions_end = problem->portion_count};
}

static void note_share(void *context, uint32_t slot, int64_t units)
{
    struct batch *batch = context;
    uint32_t source = batch->slot_sources[slot];
    uint32_t at = batch->share_count;

    while (at > 0 && batch->shares[at - 1].source > source) {
        at--;
    }
    if (at > 0 && batch->shares[at - 1].source == source) {
        batch->shares[at - 1].units += units;
        return;
    }
    GROW(batch->shares, batch->share_capacity, (size_t)batch->share_count + 1);
    memmove(batch->shares + at + 1, batch->shares + at,
            (batch->share_count - at) * sizeof *batch->shares);
    batch->shares[at] = (struct share){.source = source, .units = units};
    batch->share_count++;
}

static int64_t units_from(const struct batch *batch, uint32_t source)
{
    for (uint32_t i = 0; i < batch->share_count; i++) {
        if (batch->shares[i].source == source) {
            return batch->shares[i].units;
        }
    }
    return 0;
}

/* Takes off what it has too much, then adds what it has too little. */
static void change_shares(struct batch *batch, uint32_t number)
{
    struct flow *flow = batch->flow;
    const struct sink *sink = &flow->sinks[number];
    int64_t served = sink->served;

    for (uint32_t i = sink->share_count; i-- > 0;) {
        struct share share = sink->shares[i];
        int64_t units = units_from(batch, share.source);
        if (units < share.units) {
            forget_exits(flow, share.source);
            shift_units(flow, number, share.source, share.cost, units - share.units);
        }
    }
    for (uint32_t i = 0; i < batch->share_count; i++) {
        const struct share *share = &batch->shares[i];
        int64_t units = share->units - flow_units(flow, number, share->source);
        if (units > 0) {
            forget_exits(flow, share->source);
            shift_link(flow, number, share->source, units);
        }
    }
    if (sink->served != served) {
        sink_refresh(flow, number);
    }
}

static void change_source(struct batch *batch, uint32_t slot)
{
    struct flow *flow = batch->flow;
    uint32_t number = batch->slot_sources[slot];
    int64_t units = simplex_waiting(&batch->simplex, slot) - flow->sources[number].waiting;

    if (units != 0) {
        shift_waiting(flow, number, units);
    }
    if (flow->nodes[number].price != batch->simplex.prices[slot]) {
        set_price(flow, number, batch->simplex.prices[slot]);
    }
}

static void read_solution(struct batch *batch, const uint32_t *sinks)
{
    const struct simplex_problem *problem = &batch->problem;
    uint32_t portion = 0;

    for (uint32_t i = 0; i < problem->need_count; i++) {
        batch->share_count = 0;
        for (; portion < problem->needs[i].portions_end; portion++) {
            simplex_each_share(&batch->simplex, portion,
                               (struct simplex_taker){.context = batch, .take = note_share});
        }
        change_shares(batch, sinks[i]);
    }
    for (uint32_t i = 0; i < problem->slot_count; i++) {
        change_source(batch, i);
    }
}

static void solve_part(struct batch *batch, uint32_t part)
{
    const uint32_t *sources = batch->sources.starts + part;
    const uint32_t *sinks = batch->sinks.starts + part;

    batch->problem.slot_count = 0;
    batch->problem.need_count = 0;
    batch->problem.portion_count = 0;
    batch->slot_sources = batch->sources.numbers + sources[0];
    for (uint32_t i = sources[0]; i < sources[1]; i++) {
        add_slot(batch, batch->sources.numbers[i]);
    }
    for (uint32_t i = 0; i < batch->problem.slot_count; i++) {
        chain_slot(batch, i);
    }
    for (uint32_t i = sinks[0]; i < sinks[1]; i++) {
        add_need(batch, batch->sinks.numbers[i]);
    }
    simplex_solve(&batch->simplex, &batch->problem);
    read_solution(batch, batch->sinks.numbers + sinks[0]);
}

static bool is_announced(const struct sink *sink)
{
    for (uint32_t i = 0; i < sink->share_count; i++) {
        if (sink->shares[i].announced > 0) {
            return true;
        }
    }
    return false;
}

/* The simplex knows no kinks. What is optimal without the bonus is so with it but at sinks that
 * have been announced to, and from there the changes are few. */
static void settle_bonus(struct batch *batch)
{
    struct flow *flow = batch->flow;

    for (uint32_t i = 0; i < flow->sink_count; i++) {
        uint32_t part = part_of_sink(batch, i);
        if (part != SIMPLEX_NONE && batch->changed[part] && is_announced(&flow->sinks[i])) {
            touch_sink(flow, i);
            mark_sink(flow, i, SINK_WANTS);
        }
    }
    settle_changes(flow);
}

static void deinit(struct batch *batch)
{
    free(batch->parts);
    free(batch->locals);
    free(batch->changed);
    free(batch->sources.starts);
    free(batch->sources.numbers);
    free(batch->sinks.starts);
    free(batch->sinks.numbers);
    free(batch->problem.slots);
    free(batch->problem.needs);
    free(batch->problem.portions);
    free(batch->problem.arcs);
    free(batch->shares);
    simplex_deinit(&batch->simplex);
}

void batch_settle(struct flow *flow)
{
    struct batch batch = {.flow = flow};

    batch.parts = memory_take((size_t)flow->source_count + 1, sizeof *batch.parts);
    batch.locals = memory_take((size_t)flow->source_count + 1, sizeof *batch.locals);
    join_sources(&batch);
    number_parts(&batch);
    batch.changed = memory_take((size_t)batch.part_count + 1, sizeof *batch.changed);
    list_members(&batch, flow->source_count, part_of_source, &batch.sources);
    list_members(&batch, flow->sink_count, part_of_sink, &batch.sinks);
    read_changes(&batch);
    for (uint32_t part = 0; part < batch.part_count; part++) {
        if (batch.changed[part]) {
            solve_part(&batch, part);
        }
    }
    if (flow->bonus > 0) {
        settle_bonus(&batch);
    }
    deinit(&batch);
}
