/*
 * flow.c - changes come in, the flow goes out.
 *
 * A change is applied to the lists at once and noted; flow_settle works the notes off in an order
 * that depends on numbers and weights alone. In between the network is like this: all conditions
 * of optimality hold but around the sinks and sources in the notes.
 *
 *     1. a source that follows a cheaper one takes its price, and its sinks are looked at again
 *     2. a source that arrives, and gives nothing yet, takes the price at which no sink wants it
 *     3. sinks that are not optimal, by falling weight: restore_sink
 *     4. sources that give too much: shed_units
 *     5. sources with free units and a price: release_units
 *
 * While a sink waits for its turn no search reads its flow, so it can hurt nothing, whatever is
 * wrong with it. Units taken off it lie free at their source at the old price, until somebody
 * takes them at that price or step 5 lowers it.
 */
#include "core/flow/batch.h"
#include "core/flow/network.h"

#include <stdlib.h>
#include <string.h>

void flow_open(struct flow **flow)
{
    *flow = memory_take(1, sizeof **flow);
    (*flow)->level_key = KEY_NONE - 1;
}

static void close_numbers(struct numbers *numbers)
{
    free(numbers->items);
}

void flow_close(struct flow *flow)
{
    if (flow == NULL) {
        return;
    }
    for (uint32_t i = 0; i < flow->sink_count; i++) {
        free(flow->sinks[i].links);
        free(flow->sinks[i].shares);
        free(flow->sinks[i].tranches);
    }
    for (uint32_t i = 0; i < flow->source_count; i++) {
        free(flow->sources[i].links);
        free(flow->sources[i].holders);
        free(flow->sources[i].exits.items);
        free(flow->sources[i].entries.items);
    }
    close_numbers(&flow->dirty_sinks);
    close_numbers(&flow->dirty_sources);
    close_numbers(&flow->pending);
    close_numbers(&flow->untold);
    close_numbers(&flow->cheaper);
    close_numbers(&flow->dearer);
    close_numbers(&flow->touched_sources);
    close_numbers(&flow->reached);
    close_numbers(&flow->level);
    close_numbers(&flow->following);
    free(flow->sinks);
    free(flow->sources);
    free(flow->nodes);
    free(flow->shifts);
    free(flow->touched_sinks);
    close_numbers(&flow->stale);
    free(flow->fresh.items);
    free(flow->slots);
    free(flow->changes);
    free(flow->arcs);
    free(flow->heap);
    free(flow->path);
    free(flow);
}

static void know_sink(struct flow *flow, uint32_t sink)
{
    ENSURE(sink <= NUMBER_MAX);
    GROW(flow->sinks, flow->sink_capacity, (size_t)sink + 1);
    for (; flow->sink_count <= sink; flow->sink_count++) {
        flow->sinks[flow->sink_count].next_weight = WEIGHT_NONE;
        flow->sinks[flow->sink_count].last_weight = INT64_MAX;
    }
}

void know_source(struct flow *flow, uint32_t source)
{
    ENSURE(source <= NUMBER_MAX);
    GROW(flow->sources, flow->source_capacity, (size_t)source + 1);
    GROW(flow->nodes, flow->node_capacity, (size_t)source + 1);
    for (; flow->source_count <= source; flow->source_count++) {
        struct source *added = &flow->sources[flow->source_count];
        flow->nodes[flow->source_count].key = KEY_NONE;
        added->yield_cost = INT64_MAX;
        added->take_cost = INT64_MAX;
        added->next = FLOW_NONE;
        added->previous = FLOW_NONE;
        forget_exits(flow, flow->source_count);
    }
}

static struct link *find_arc(const struct flow *flow, uint32_t sink, uint32_t source)
{
    if (sink >= flow->sink_count) {
        return NULL;
    }
    return link_find(flow->sinks[sink].links, flow->sinks[sink].link_count, source);
}

void flow_set_source(struct flow *flow, uint32_t source, int64_t capacity)
{
    ENSURE(capacity >= 0);
    ENSURE(capacity <= FLOW_UNITS_MAX);
    know_source(flow, source);
    struct source *changed = &flow->sources[source];
    int64_t grown = capacity - changed->used - changed->free;

    touch_source(flow, source);
    mark_source(flow, source);
    changed->free += grown;
    if (grown > 0) {
        changed->flags |= SOURCE_ARRIVED | SOURCE_GREW;
    }
}

/* Empty tranches say nothing and are left out. */
static void copy_tranches(struct sink *sink, const struct flow_tranche *tranches, size_t count)
{
    ENSURE(count <= FLOW_TRANCHE_COUNT_MAX);
    free(sink->tranches);
    sink->tranches = count > 0 ? memory_take(count, sizeof *tranches) : NULL;
    sink->tranche_count = 0;
    for (size_t i = 0; i < count; i++) {
        ENSURE(tranches[i].units >= 0);
        ENSURE(tranches[i].units <= FLOW_UNITS_MAX);
        ENSURE(tranches[i].weight > 0);
        ENSURE(tranches[i].weight <= FLOW_LEVEL_MAX * FLOW_WEIGHT_STEP);
        ENSURE(i == 0 || tranches[i].weight < tranches[i - 1].weight);
        if (tranches[i].units > 0) {
            sink->tranches[sink->tranche_count++] = tranches[i];
        }
    }
}

void flow_set_sink(struct flow *flow, uint32_t sink, const struct flow_tranche *tranches,
                   size_t count)
{
    know_sink(flow, sink);
    touch_sink(flow, sink);
    copy_tranches(&flow->sinks[sink], tranches, count);
    sink_refresh(flow, sink);
    mark_sink(flow, sink, SINK_WANTS);
}

static void add_arc(struct flow *flow, uint32_t sink_number, uint32_t source_number, uint32_t cost)
{
    struct sink *sink = &flow->sinks[sink_number];
    struct source *source = &flow->sources[source_number];

    forget_exits_of_sink(flow, sink_number);
    link_insert(&sink->links, &sink->link_count, source_number, cost);
    if (flow->is_listed) {
        link_insert(&source->links, &source->link_count, sink_number, cost);
    }
    renew_take(flow, sink_number, source_number);
}

void flow_set_arc(struct flow *flow, uint32_t sink_number, uint32_t source_number, uint32_t cost)
{
    ENSURE(cost <= FLOW_COST_MAX);
    know_sink(flow, sink_number);
    know_source(flow, source_number);
    struct sink *sink = &flow->sinks[sink_number];
    struct source *source = &flow->sources[source_number];
    struct link *link = link_find(sink->links, sink->link_count, source_number);
    struct share *share = share_find(sink, source_number);

    touch_sink(flow, sink_number);
    mark_sink(flow, sink_number, share != NULL ? SINK_WANTS : SINK_DIRTY);
    if (link == NULL) {
        add_arc(flow, sink_number, source_number, cost);
        return;
    }
    forget_exits_of_sink(flow, sink_number);
    link->cost = cost & COST_MASK;
    if (flow->is_listed) {
        link_find(source->links, source->link_count, sink_number)->cost = cost & COST_MASK;
    }
    renew_take(flow, sink_number, source_number);
    if (share != NULL) {
        share->cost = cost;
    }
    if (share != NULL && share->units > 0) {
        link_find(source->holders, source->holder_count, sink_number)->cost = cost & COST_MASK;
    }
}

void flow_remove_arc(struct flow *flow, uint32_t sink_number, uint32_t source_number)
{
    if (find_arc(flow, sink_number, source_number) == NULL) {
        return;
    }
    struct sink *sink = &flow->sinks[sink_number];
    struct source *source = &flow->sources[source_number];
    struct share *share = share_find(sink, source_number);

    if (share != NULL) {
        touch_sink(flow, sink_number);
        share->announced = 0;
        mark_sink(flow, sink_number, SINK_WANTS);
        mark_source(flow, source_number);
        shift_units(flow, sink_number, source_number, share->cost, -share->units);
        sink_refresh(flow, sink_number);
    }
    forget_exits_of_sink(flow, sink_number);
    link_delete(sink->links, &sink->link_count, source_number);
    if (flow->is_listed) {
        link_delete(source->links, &source->link_count, sink_number);
    }
    renew_take(flow, sink_number, source_number);
    if (sink->link_count == 0) {
        free(sink->links);
        sink->links = NULL;
    }
}

bool flow_has_arc(const struct flow *flow, uint32_t sink, uint32_t source)
{
    return find_arc(flow, sink, source) != NULL;
}

static void drop_front(struct sink *sink, int64_t units)
{
    uint8_t emptied = 0;

    for (; emptied < sink->tranche_count && sink->tranches[emptied].units <= units; emptied++) {
        units -= sink->tranches[emptied].units;
    }
    sink->tranche_count = (uint8_t)(sink->tranche_count - emptied);
    if (sink->tranche_count > 0) {
        memmove(sink->tranches, sink->tranches + emptied,
                sink->tranche_count * sizeof *sink->tranches);
        sink->tranches[0].units -= units;
    }
}

/* What weighs the sink's next and last unit stays, what the sources have free stays, what is on the
 * arc beyond or below what was announced stays, and flow only falls: every condition that held goes
 * on holding. */
void flow_fix(struct flow *flow, uint32_t sink_number, uint32_t source_number, int64_t units)
{
    ENSURE(units >= 0);
    ENSURE(units <= flow_units(flow, sink_number, source_number));
    if (units == 0) {
        return;
    }
    struct sink *sink = &flow->sinks[sink_number];
    struct share *share = share_find(sink, source_number);

    touch_sink(flow, sink_number);
    share->announced = max_i64(0, share->announced - units);
    shift_silently(flow, sink_number, source_number, share->cost, -units);
    chain_take_capacity(flow, source_number, units);
    drop_front(sink, units);
    sink_refresh(flow, sink_number);
}

/* A source that gives nothing may take any price without hurting anybody. */
static void raise_arrived(struct flow *flow, const struct sink *sink)
{
    int64_t value = sink_value(flow, sink);

    for (uint32_t i = 0; i < sink->link_count; i++) {
        uint32_t source = sink->links[i].number;
        if ((flow->sources[source].flags & SOURCE_ARRIVED) != 0) {
            chain_raise(flow, source, value - arc_cost_up(flow, sink, source, sink->links[i].cost));
        }
    }
}

static int64_t least_price(const struct flow *flow, const struct sink *sink)
{
    int64_t least = INT64_MAX;

    for (uint32_t i = 0; i < sink->link_count; i++) {
        uint32_t source = sink->links[i].number;
        int64_t cost = arc_cost_up(flow, sink, source, sink->links[i].cost);
        least = min_i64(least, cost + flow->nodes[source].price);
    }
    return least;
}

/* Nothing to do for it: the conditions of the head of acquire.c hold. */
static bool is_optimal(const struct flow *flow, const struct sink *sink)
{
    int64_t most = min_i64(least_price(flow, sink), sink->last_weight);

    return sink_value(flow, sink) <= most && sink->served <= sink_wanted(sink);
}

/* The arc that the sink can do without most easily. */
static const struct share *dearest_share(const struct flow *flow, const struct sink *sink,
                                         int64_t *price)
{
    const struct share *dearest = NULL;

    for (uint32_t i = 0; i < sink->share_count; i++) {
        const struct share *share = &sink->shares[i];
        int64_t cost = cost_down(flow, share) + flow->nodes[share->source].price;
        if (share->units > 0 && (dearest == NULL || cost >= *price)) {
            dearest = share;
            *price = cost;
        }
    }
    return dearest;
}

/* Takes off what has no place any more: units beyond what is wanted, units on arcs that are not
 * the cheapest, and units that are not worth their cost. The second kind comes back at once, if
 * need be over the same arc. */
static void restore_sink(struct flow *flow, uint32_t number)
{
    struct sink *sink = &flow->sinks[number];
    int64_t least = least_price(flow, sink);
    int64_t price = 0;
    const struct share *share = dearest_share(flow, sink, &price);

    for (; share != NULL; share = dearest_share(flow, sink, &price)) {
        int64_t units = max_i64(0, sink->served - sink_wanted(sink));
        if (units == 0 && price <= least && price <= sink->last_weight) {
            break;
        }
        if (units == 0) {
            units = price > least ? share->units : sink_removable(sink);
        }
        units = min_i64(units, room_down(flow, number, share->source));
        mark_source(flow, share->source);
        shift_units(flow, number, share->source, share->cost, -units);
        sink_refresh(flow, number);
    }
    acquire_units(flow, number);
    sink->flags &= (uint8_t)~SINK_PENDING;
    renew_exits(flow, number);
}

struct turn {
    int64_t weight;
    uint32_t sink;
};

static int compare_turns(const void *left, const void *right)
{
    const struct turn *a = left;
    const struct turn *b = right;

    if (a->weight != b->weight) {
        return a->weight > b->weight ? -1 : 1;
    }
    return a->sink < b->sink ? -1 : a->sink > b->sink;
}

/* By falling weight, so that what is served first is not displaced by what comes later. */
static void restore_sinks(struct flow *flow)
{
    size_t count = flow->pending.count;

    if (count == 0) {
        return;
    }
    struct turn *turns = memory_take(count, sizeof *turns);
    for (size_t i = 0; i < count; i++) {
        uint32_t sink = flow->pending.items[i];
        turns[i] = (struct turn){.weight = flow->sinks[sink].next_weight, .sink = sink};
    }
    qsort(turns, count, sizeof *turns, compare_turns);
    for (size_t i = 0; i < count; i++) {
        restore_sink(flow, turns[i].sink);
    }
    free(turns);
}

static void read_dirty_sinks(struct flow *flow)
{
    flow->pending.count = 0;
    numbers_sort(&flow->dirty_sinks);
    for (size_t i = 0; i < flow->dirty_sinks.count; i++) {
        const struct sink *sink = &flow->sinks[flow->dirty_sinks.items[i]];
        if ((sink->flags & SINK_WANTS) == 0) {
            raise_arrived(flow, sink);
        }
    }
    for (size_t i = 0; i < flow->dirty_sinks.count; i++) {
        struct sink *sink = &flow->sinks[flow->dirty_sinks.items[i]];
        sink->flags &= (uint8_t) ~(SINK_DIRTY | SINK_WANTS);
        if (!is_optimal(flow, sink)) {
            sink->flags |= SINK_PENDING;
            renew_exits(flow, flow->dirty_sinks.items[i]);
            numbers_add(&flow->pending, flow->dirty_sinks.items[i]);
        }
    }
    flow->dirty_sinks.count = 0;
}

static void lower_chained(struct flow *flow)
{
    for (size_t i = 0; i < flow->dirty_sources.count; i++) {
        struct source *source = &flow->sources[flow->dirty_sources.items[i]];
        if ((source->flags & SOURCE_CHAINED) != 0) {
            source->flags &= (uint8_t)~SOURCE_CHAINED;
            chain_lower(flow, flow->dirty_sources.items[i]);
        }
    }
}

static void settle_sources(struct flow *flow)
{
    numbers_sort(&flow->dirty_sources);
    for (size_t i = 0; i < flow->dirty_sources.count; i++) {
        shed_units(flow, flow->dirty_sources.items[i]);
    }
    for (size_t i = 0; i < flow->dirty_sources.count; i++) {
        release_units(flow, flow->dirty_sources.items[i]);
        flow->sources[flow->dirty_sources.items[i]].flags &=
            (uint8_t) ~(SOURCE_DIRTY | SOURCE_ARRIVED);
    }
    flow->dirty_sources.count = 0;
}

void settle_changes(struct flow *flow)
{
    if (flow->dirty_sinks.count + flow->dirty_sources.count == 0) {
        return;
    }
    list_links(flow);
    lower_chained(flow);
    read_dirty_sinks(flow);
    restore_sinks(flow);
    settle_sources(flow);
}

void flow_settle(struct flow *flow)
{
    if (batch_pays(flow)) {
        batch_settle(flow);
    } else {
        settle_changes(flow);
    }
}

const struct flow_change *flow_changes(struct flow *flow, size_t *count)
{
    merge_shifts(flow);
    GROW(flow->changes, flow->change_capacity, flow->shift_count);
    for (size_t i = 0; i < flow->shift_count; i++) {
        const struct shift *shift = &flow->shifts[i];
        int64_t after = flow_units(flow, shift->sink, shift->source);
        flow->changes[i] = (struct flow_change){.sink = shift->sink,
                                                .source = shift->source,
                                                .before = after - shift->units,
                                                .after = after};
    }
    *count = flow->shift_count;
    return flow->changes;
}

const uint32_t *flow_cheaper_sources(struct flow *flow, size_t *count)
{
    flow->cheaper.count = 0;
    for (size_t i = 0; i < flow->touched_sources.count; i++) {
        uint32_t source = flow->touched_sources.items[i];
        const struct source *touched = &flow->sources[source];
        if ((touched->flags & SOURCE_GREW) != 0 ||
            flow->nodes[source].price < touched->price_before) {
            numbers_add(&flow->cheaper, source);
        }
    }
    numbers_sort(&flow->cheaper);
    *count = flow->cheaper.count;
    return flow->cheaper.items;
}

static bool has_risen(const struct flow *flow, uint32_t source)
{
    return (flow->sources[source].flags & SOURCE_TOUCHED) != 0 &&
           flow->nodes[source].price > flow->sources[source].price_before;
}

/* The first source that serves the sink and whose price rose. */
static uint32_t first_risen(const struct flow *flow, const struct sink *sink)
{
    uint32_t at = 0;

    while (sink->shares[at].units == 0 || !has_risen(flow, sink->shares[at].source)) {
        at++;
    }
    return sink->shares[at].source;
}

/* Sinks whose flow did not change, served by a source whose price rose. Each is counted at the
 * first of these. */
static void add_dearer_holders(struct flow *flow, uint32_t source_number)
{
    const struct source *source = &flow->sources[source_number];

    for (uint32_t i = 0; i < source->holder_count; i++) {
        const struct sink *sink = &flow->sinks[source->holders[i].number];
        if ((sink->flags & SINK_TOUCHED) == 0 && first_risen(flow, sink) == source_number &&
            sink_value(flow, sink) > sink_value_before(flow, sink)) {
            numbers_add(&flow->dearer, source->holders[i].number);
        }
    }
}

const uint32_t *flow_dearer_sinks(struct flow *flow, size_t *count)
{
    flow->dearer.count = 0;
    for (size_t i = 0; i < flow->touched_sink_count; i++) {
        const struct touched *touched = &flow->touched_sinks[i];
        if (sink_value(flow, &flow->sinks[touched->sink]) > touched->before) {
            numbers_add(&flow->dearer, touched->sink);
        }
    }
    for (size_t i = 0; i < flow->touched_sources.count; i++) {
        uint32_t source = flow->touched_sources.items[i];
        if (has_risen(flow, source)) {
            add_dearer_holders(flow, source);
        }
    }
    numbers_sort(&flow->dearer);
    *count = flow->dearer.count;
    return flow->dearer.items;
}

void flow_clear_changes(struct flow *flow)
{
    for (size_t i = 0; i < flow->touched_sink_count; i++) {
        flow->sinks[flow->touched_sinks[i].sink].flags &= (uint8_t)~SINK_TOUCHED;
    }
    for (size_t i = 0; i < flow->touched_sources.count; i++) {
        flow->sources[flow->touched_sources.items[i]].flags &=
            (uint8_t) ~(SOURCE_TOUCHED | SOURCE_GREW);
    }
    flow->touched_sink_count = 0;
    flow->touched_sources.count = 0;
    flow->shift_count = 0;
    flow->shift_merged = 0;
}

void flow_restore_source(struct flow *flow, uint32_t source, int64_t capacity, int64_t price)
{
    ENSURE(capacity >= 0);
    ENSURE(capacity <= FLOW_UNITS_MAX);
    ENSURE(price >= 0);
    ENSURE(price <= FLOW_LEVEL_MAX * FLOW_WEIGHT_STEP + FLOW_COST_MAX);
    know_source(flow, source);
    flow->sources[source].free = capacity - flow->sources[source].used;
    flow->nodes[source].price = price;
}

void flow_restore_sink(struct flow *flow, uint32_t sink, const struct flow_tranche *tranches,
                       size_t tranche_count, const struct flow_arc *arcs, size_t arc_count)
{
    know_sink(flow, sink);
    for (size_t i = 0; i < arc_count; i++) {
        ENSURE(arcs[i].cost <= FLOW_COST_MAX);
        know_source(flow, arcs[i].source);
        add_arc(flow, sink, arcs[i].source, arcs[i].cost);
        if (arcs[i].units > 0) {
            shift_silently(flow, sink, arcs[i].source, arcs[i].cost, arcs[i].units);
        }
    }
    copy_tranches(&flow->sinks[sink], tranches, tranche_count);
    sink_refresh(flow, sink);
}
