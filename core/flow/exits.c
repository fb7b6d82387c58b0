/*
 * exits.c - for each source, the cheapest way to move one of its sinks to each other source.
 *
 * A source serves dozens of sinks with dozens of arcs each, yet they lead to few sources. The step
 * of a search from s to t costs the least of c(m,t) - c(m,s) over the sinks m that s serves, plus
 * y(t) - y(s). The first part does not depend on prices: it is listed once, read by many searches
 * as one small array, and forgotten when a sink comes or goes. A path changes a few sources,
 * while a search reads hundreds.
 *
 * The list follows from the sorted lists of the network alone, so when it was made is of no
 * consequence.
 */
#include "core/flow/network.h"

static void list_exit(struct flow *flow, struct source *source, struct exit exit)
{
    uint32_t slot = flow->slots[exit.target];

    if (slot == 0) {
        GROW(source->exits, source->exit_capacity, (size_t)source->exit_count + 1);
        source->exits[source->exit_count++] = exit;
        flow->slots[exit.target] = source->exit_count;
    } else if (exit.cost < source->exits[slot - 1].cost) {
        source->exits[slot - 1] = exit;
    }
}

static void list_exits_of(struct flow *flow, uint32_t number, struct link holder)
{
    struct source *source = &flow->sources[number];
    const struct sink *sink = &flow->sinks[holder.number];
    int64_t end_cost = sink->last_weight - holder.cost;

    if ((sink->flags & SINK_PENDING) != 0) {
        return;
    }
    if (end_cost < source->end_cost) {
        source->end_cost = end_cost;
        source->end_sink = holder.number;
    }
    for (uint32_t i = 0; i < sink->link_count; i++) {
        if (sink->links[i].number != number) {
            list_exit(flow, source,
                      (struct exit){.target = sink->links[i].number,
                                    .sink = holder.number,
                                    .cost = (int32_t)sink->links[i].cost - (int32_t)holder.cost});
        }
    }
}

void know_exits(struct flow *flow, uint32_t number)
{
    struct source *source = &flow->sources[number];

    if (source->exits_are_known) {
        return;
    }
    GROW(flow->slots, flow->slot_capacity, flow->source_count);
    source->exit_count = 0;
    source->end_cost = INT64_MAX;
    for (uint32_t i = 0; i < source->holder_count; i++) {
        list_exits_of(flow, number, source->holders[i]);
    }
    for (uint32_t i = 0; i < source->exit_count; i++) {
        flow->slots[source->exits[i].target] = 0;
    }
    source->exits_are_known = true;
    flow->nodes[number].cursor = 0;
}

void forget_exits(struct flow *flow, uint32_t sink)
{
    for (uint32_t i = 0; i < flow->sinks[sink].share_count; i++) {
        flow->sources[flow->sinks[sink].shares[i].source].exits_are_known = false;
    }
}
