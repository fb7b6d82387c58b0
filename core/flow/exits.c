/*
 * exits.c - for each source, the cheapest ways to move a sink from it and to it.
 *
 * A source serves dozens of sinks with dozens of arcs each, yet they lead to few sources. The step
 * of a search from s to t costs the least of cost_up(m,t) - cost_down(m,s) over the sinks m that s
 * serves, plus a difference of prices. The first part does not depend on prices: it is listed once,
 * read by many searches as one small array, and forgotten when a sink comes or goes. A path changes
 * a few sources, while a search reads hundreds.
 *
 *     exits of s      where sinks that s serves can move, and its neighbours in a chain, for
 *                     acquire.c
 *     entries of s    the exits of others to s, for release.c: the same numbers, by target
 *     yield of s      which of its sinks gives a unit up most easily
 *     take of s       which of its sinks can use a unit best
 *
 * All of this follows from the sorted lists of the network alone, so when it was listed is of no
 * consequence. Sinks that are PENDING have no part in exits.
 */
#include "core/flow/network.h"

#include <string.h>

static uint32_t entry_position(const struct exits *entries, uint32_t other)
{
    uint32_t low = 0;
    uint32_t high = entries->count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (entries->items[middle].other < other) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* Tells the source where the exit leads that it does. */
static void set_entry(struct flow *flow, uint32_t source, const struct exit *exit)
{
    struct exits *entries = &flow->sources[exit->other].entries;
    uint32_t at = entry_position(entries, source);

    if (at == entries->count || entries->items[at].other != source) {
        GROW(entries->items, entries->capacity, (size_t)entries->count + 1);
        memmove(entries->items + at + 1, entries->items + at,
                (entries->count - at) * sizeof *entries->items);
        entries->count++;
    }
    entries->items[at] = (struct exit){.other = source, .sink = exit->sink, .cost = exit->cost};
    flow->sources[exit->other].cursor = 0;
}

static void delete_entry(struct flow *flow, uint32_t source, const struct exit *exit)
{
    struct exits *entries = &flow->sources[exit->other].entries;
    uint32_t at = entry_position(entries, source);

    ENSURE(at < entries->count);
    entries->count--;
    memmove(entries->items + at, entries->items + at + 1,
            (entries->count - at) * sizeof *entries->items);
    flow->sources[exit->other].cursor = 0;
}

static void add_exit(struct flow *flow, struct exit exit)
{
    struct exits *fresh = &flow->fresh;

    GROW(fresh->items, fresh->capacity, (size_t)fresh->count + 1);
    fresh->items[fresh->count++] = exit;
    flow->slots[exit.other] = fresh->count;
}

static void list_exit(struct flow *flow, struct exit exit)
{
    struct exits *fresh = &flow->fresh;
    uint32_t slot = flow->slots[exit.other];

    if (slot == 0) {
        add_exit(flow, exit);
    } else if (exit.cost < fresh->items[slot - 1].cost) {
        fresh->items[slot - 1] = exit;
    }
}

/* The exits of the holder along arcs that carry less than announced. Returns what the holder saves
 * without a unit of the source. */
static int64_t list_told_exits(struct flow *flow, uint32_t number, uint32_t holder)
{
    const struct sink *sink = &flow->sinks[holder];
    int64_t saved = cost_down(flow, share_find(sink, number));

    for (uint32_t i = 0; i < sink->share_count; i++) {
        const struct share *share = &sink->shares[i];
        if (share->units < share->announced && share->source != number) {
            list_exit(flow, (struct exit){.other = share->source,
                                          .sink = holder,
                                          .cost = (int32_t)(cost_up(flow, share) - saved)});
        }
    }
    return saved;
}

static void list_exits_by(struct flow *flow, uint32_t number, struct link holder)
{
    struct source *source = &flow->sources[number];
    const struct sink *sink = &flow->sinks[holder.number];
    int64_t saved = holder.cost;

    if ((sink->flags & SINK_PENDING) != 0) {
        return;
    }
    if (flow->bonus > 0) {
        saved = list_told_exits(flow, number, holder.number);
    }
    if (sink->last_weight - saved < source->yield_cost) {
        source->yield_cost = sink->last_weight - saved;
        source->yield_sink = holder.number;
    }
    for (uint32_t i = 0; i < sink->link_count; i++) {
        if (sink->links[i].number != number) {
            list_exit(flow, (struct exit){.other = sink->links[i].number,
                                          .sink = holder.number,
                                          .cost = (int32_t)sink->links[i].cost - (int32_t)saved});
        }
    }
}

/* Between neighbours in a chain no sink need move: as many may wait as there are, and fewer if some
 * do. These come first. */
static void list_exits_in_chain(struct flow *flow, const struct source *source)
{
    if (source->previous != FLOW_NONE) {
        add_exit(flow, (struct exit){.other = source->previous, .sink = FLOW_NONE});
    }
    if (source->waiting > 0) {
        add_exit(flow, (struct exit){.other = source->next, .sink = FLOW_NONE});
    }
}

/* Puts what differs from the exits known before into the entries; most do not. */
static void tell_entries(struct flow *flow, uint32_t number)
{
    const struct exits *before = &flow->sources[number].exits;
    const struct exits *fresh = &flow->fresh;

    for (uint32_t i = 0; i < before->count; i++) {
        const struct exit *exit = &before->items[i];
        uint32_t slot = flow->slots[exit->other];
        if (slot == 0) {
            delete_entry(flow, number, exit);
            continue;
        }
        const struct exit *now = &fresh->items[slot - 1];
        if (now->cost != exit->cost || now->sink != exit->sink) {
            set_entry(flow, number, now);
        }
        flow->slots[exit->other] = 0;
    }
    for (uint32_t i = 0; i < fresh->count; i++) {
        if (flow->slots[fresh->items[i].other] != 0) {
            set_entry(flow, number, &fresh->items[i]);
            flow->slots[fresh->items[i].other] = 0;
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
    flow->fresh.count = 0;
    source->yield_cost = INT64_MAX;
    list_exits_in_chain(flow, source);
    for (uint32_t i = 0; i < source->holder_count; i++) {
        list_exits_by(flow, number, source->holders[i]);
    }
    tell_entries(flow, number);
    GROW(source->exits.items, source->exits.capacity, flow->fresh.count);
    source->exits.count = flow->fresh.count;
    if (flow->fresh.count > 0) {
        memcpy(source->exits.items, flow->fresh.items,
               flow->fresh.count * sizeof *flow->fresh.items);
    }
    source->exits_are_known = true;
    flow->sources[number].cursor = 0;
}

void know_all_exits(struct flow *flow)
{
    for (size_t i = 0; i < flow->stale.count; i++) {
        know_exits(flow, flow->stale.items[i]);
        flow->sources[flow->stale.items[i]].is_stale = false;
    }
    flow->stale.count = 0;
}

void forget_exits(struct flow *flow, uint32_t number)
{
    struct source *source = &flow->sources[number];

    source->exits_are_known = false;
    if (!source->is_stale) {
        source->is_stale = true;
        numbers_add(&flow->stale, number);
    }
}

void forget_exits_of_sink(struct flow *flow, uint32_t sink)
{
    for (uint32_t i = 0; i < flow->sinks[sink].share_count; i++) {
        if (flow->sinks[sink].shares[i].units > 0) {
            forget_exits(flow, flow->sinks[sink].shares[i].source);
        }
    }
}

static void weigh_take(struct flow *flow, uint32_t number, struct link link)
{
    struct source *source = &flow->sources[number];
    const struct sink *sink = &flow->sinks[link.number];
    int64_t cost = arc_cost_up(flow, sink, number, link.cost) - sink->next_weight;

    if (cost < source->take_cost ||
        (cost == source->take_cost && link.number < source->take_sink)) {
        source->take_cost = cost;
        source->take_sink = link.number;
    }
}

void know_take(struct flow *flow, uint32_t number)
{
    struct source *source = &flow->sources[number];
    const struct sink *sinks = flow->sinks;

    if (source->take_is_known) {
        return;
    }
    int64_t most = INT64_MAX; /* What is beyond, even without the bonus, is not the best. */
    source->take_cost = INT64_MAX;
    for (uint32_t i = 0; i < source->link_count; i++) {
        struct link link = source->links[i];
        int64_t weight = sinks[link.number].next_weight;
        if (weight > 0 && link.cost - weight <= most) {
            weigh_take(flow, number, link);
            most = source->take_cost + flow->bonus;
        }
    }
    source->take_is_known = true;
}

/* A sink that was the best and has changed makes all others worth a look; any other has to beat
 * the best. */
static void renew_take_by(struct flow *flow, uint32_t number, struct link link)
{
    struct source *source = &flow->sources[number];

    if (!source->take_is_known) {
        return;
    }
    if (source->take_cost != INT64_MAX && source->take_sink == link.number) {
        source->take_is_known = false;
        return;
    }
    if (flow->sinks[link.number].next_weight > 0) {
        weigh_take(flow, number, link);
    }
}

void renew_take(struct flow *flow, uint32_t sink, uint32_t number)
{
    struct source *source = &flow->sources[number];
    const struct link *link = link_find(source->links, source->link_count, sink);

    if (link != NULL) {
        renew_take_by(flow, number, *link);
    } else if (source->take_cost != INT64_MAX && source->take_sink == sink) {
        source->take_is_known = false;
    }
}

void renew_takes(struct flow *flow, uint32_t number)
{
    const struct sink *sink = &flow->sinks[number];

    for (uint32_t i = 0; i < sink->link_count; i++) {
        struct link link = {.number = number & NUMBER_MAX, .cost = sink->links[i].cost};
        renew_take_by(flow, sink->links[i].number, link);
    }
}
