/*
 * exits.c - for each source, the cheapest ways to move a sink from it and to it.
 *
 * A source serves dozens of sinks with dozens of arcs each, yet they lead to few sources. The step
 * of a search from s to t costs the least of cost_up(m,t) - cost_down(m,s) over the sinks m that s
 * serves, plus a difference of prices. The first part does not depend on prices: it is listed once
 * and read by many searches as one small array. A sink that comes is taken in. Where one that goes
 * was the cheapest, its cost stays as a bound with SINK_UNKNOWN, because the next cheapest costs no
 * less: a search looks for that one (know_exit) only when the bound would matter.
 *
 *     exits of s      where sinks that s serves can move, and its neighbours in a chain, for
 *                     acquire.c
 *     entries of s    the exits of others to s, for release.c: the same numbers, by target
 *     yield of s      which of its sinks gives a unit up most easily
 *     take of s       which of its sinks can use a unit best
 *
 * Among equal costs a neighbour in a chain comes first, then the sink of the lowest number. So all
 * of this follows from the sorted lists of the network alone, and when it was listed is of no
 * consequence. Sinks that are PENDING have no part in exits.
 */
#include "core/flow/network.h"

#include <stdlib.h>
#include <string.h>

uint32_t exit_position(const struct exits *exits, uint32_t other)
{
    uint32_t low = 0;
    uint32_t high = exits->count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (exits->items[middle].other < other) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static void insert_exit(struct exits *exits, uint32_t at, struct exit exit)
{
    GROW(exits->items, exits->capacity, (size_t)exits->count + 1);
    memmove(exits->items + at + 1, exits->items + at, (exits->count - at) * sizeof exit);
    exits->items[at] = exit;
    exits->count++;
}

static void delete_exit(struct exits *exits, uint32_t at)
{
    exits->count--;
    memmove(exits->items + at, exits->items + at + 1, (exits->count - at) * sizeof *exits->items);
}

/* Tells the source where the exit leads that it does. */
static void set_entry(struct flow *flow, uint32_t source, const struct exit *exit)
{
    struct exits *entries = &flow->sources[exit->other].entries;
    uint32_t at = exit_position(entries, source);
    struct exit entry = {.other = source, .sink = exit->sink, .cost = exit->cost};

    if (at == entries->count || entries->items[at].other != source) {
        insert_exit(entries, at, entry);
    } else {
        entries->items[at] = entry;
    }
}

static void delete_entry(struct flow *flow, uint32_t source, uint32_t target)
{
    struct exits *entries = &flow->sources[target].entries;
    uint32_t at = exit_position(entries, source);

    ENSURE(at < entries->count && entries->items[at].other == source);
    delete_exit(entries, at);
}

/* FLOW_NONE is the first: its successor is 0. */
static bool comes_before(uint32_t sink, uint32_t other)
{
    return sink + 1 < other + 1;
}

/* Of the cost of a bound nobody knows who else has it. */
static bool is_better(const struct exit *exit, const struct exit *than)
{
    return exit->cost < than->cost || (exit->cost == than->cost && than->sink != SINK_UNKNOWN &&
                                       comes_before(exit->sink, than->sink));
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
    } else if (is_better(&exit, &fresh->items[slot - 1])) {
        fresh->items[slot - 1] = exit;
    }
}

/* What the holder saves without a unit of the source. */
static int64_t saving(const struct flow *flow, uint32_t number, struct link holder)
{
    return flow->bonus > 0 ? cost_down(flow, share_find(&flow->sinks[holder.number], number))
                           : holder.cost;
}

static struct exit exit_along(const struct flow *flow, uint32_t holder, struct link link,
                              int64_t saved)
{
    int64_t cost = arc_cost_up(flow, &flow->sinks[holder], link.number, link.cost) - saved;

    return (struct exit){.other = link.number, .sink = holder, .cost = (int32_t)cost};
}

static bool has_exits(const struct sink *sink)
{
    return (sink->flags & SINK_PENDING) == 0;
}

static void weigh_yield(struct flow *flow, uint32_t number, struct link holder)
{
    struct source *source = &flow->sources[number];
    int64_t weight = flow->sinks[holder.number].last_weight;

    if (weight == INT64_MAX) {
        return; /* Not refreshed yet. */
    }
    int64_t cost = weight - saving(flow, number, holder);
    if (cost < source->yield_cost ||
        (cost == source->yield_cost && source->yield_sink != SINK_UNKNOWN &&
         holder.number < source->yield_sink)) {
        source->yield_cost = cost;
        source->yield_sink = holder.number;
    }
}

static void list_exits_by(struct flow *flow, uint32_t number, struct link holder)
{
    const struct sink *sink = &flow->sinks[holder.number];

    if (!has_exits(sink)) {
        return;
    }
    weigh_yield(flow, number, holder);
    int64_t saved = saving(flow, number, holder);
    for (uint32_t i = 0; i < sink->link_count; i++) {
        if (sink->links[i].number != number) {
            list_exit(flow, exit_along(flow, holder.number, sink->links[i], saved));
        }
    }
}

/* Between neighbours in a chain no sink need move: as many may wait as there are, and fewer if some
 * do. */
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
            delete_entry(flow, number, exit->other);
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

static int compare_exits(const void *left, const void *right)
{
    const struct exit *a = left;
    const struct exit *b = right;

    return a->other < b->other ? -1 : a->other > b->other;
}

/* Takes what was listed, sorted. */
static void keep_exits(struct flow *flow, struct exits *exits)
{
    GROW(exits->items, exits->capacity, flow->fresh.count);
    exits->count = flow->fresh.count;
    if (flow->fresh.count > 0) {
        memcpy(exits->items, flow->fresh.items, flow->fresh.count * sizeof *flow->fresh.items);
        qsort(exits->items, exits->count, sizeof *exits->items, compare_exits);
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
    keep_exits(flow, &source->exits);
    source->exits_are_known = true;
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

/* Takes an exit in, given the place from which on its target is to be looked for. Returns its
 * place. */
static uint32_t merge_exit(struct flow *flow, uint32_t number, uint32_t at, struct exit exit)
{
    struct exits *exits = &flow->sources[number].exits;

    while (at < exits->count && exits->items[at].other < exit.other) {
        at++;
    }
    bool is_new = at == exits->count || exits->items[at].other != exit.other;
    if (is_new) {
        insert_exit(exits, at, exit);
    }
    if (is_new || is_better(&exit, &exits->items[at])) {
        exits->items[at] = exit;
        set_entry(flow, number, &exit);
    }
    return at;
}

void gain_holder(struct flow *flow, uint32_t number, uint32_t sink_number)
{
    const struct sink *sink = &flow->sinks[sink_number];
    uint32_t at = 0;

    if (!flow->sources[number].exits_are_known || !has_exits(sink)) {
        return;
    }
    struct link holder = {.number = sink_number & NUMBER_MAX,
                          .cost = share_find(sink, number)->cost & COST_MASK};
    int64_t saved = saving(flow, number, holder);
    weigh_yield(flow, number, holder);
    for (uint32_t i = 0; i < sink->link_count; i++) {
        if (sink->links[i].number != number) {
            at = merge_exit(flow, number, at, exit_along(flow, sink_number, sink->links[i], saved));
        }
    }
}

static void doubt_exit(struct flow *flow, uint32_t number, struct exit *exit)
{
    exit->sink = SINK_UNKNOWN;
    set_entry(flow, number, exit);
}

void lose_holder(struct flow *flow, uint32_t number, uint32_t sink)
{
    struct source *source = &flow->sources[number];

    if (!source->exits_are_known) {
        return;
    }
    if (source->yield_cost != INT64_MAX && source->yield_sink == sink) {
        source->yield_sink = SINK_UNKNOWN;
    }
    for (uint32_t i = 0; i < source->exits.count; i++) {
        if (source->exits.items[i].sink == sink) {
            doubt_exit(flow, number, &source->exits.items[i]);
        }
    }
}

void gain_waiting(struct flow *flow, uint32_t number)
{
    const struct source *source = &flow->sources[number];

    if (source->exits_are_known) {
        merge_exit(flow, number, 0, (struct exit){.other = source->next, .sink = FLOW_NONE});
    }
}

void lose_waiting(struct flow *flow, uint32_t number)
{
    struct source *source = &flow->sources[number];

    if (source->exits_are_known) {
        uint32_t at = exit_position(&source->exits, source->next);
        if (source->exits.items[at].sink == FLOW_NONE) {
            doubt_exit(flow, number, &source->exits.items[at]);
        }
    }
}

/* The cheapest move to the target, or FLOW_NONE as its target. Holders and the sinks of the target
 * are both sorted. */
static struct exit find_exit(const struct flow *flow, uint32_t number, uint32_t target)
{
    const struct source *source = &flow->sources[number];
    const struct link *links = flow->sources[target].links;
    uint32_t count = flow->sources[target].link_count;
    struct exit best = {.other = FLOW_NONE, .cost = INT32_MAX, .sink = 0};

    if (source->previous == target || (source->next == target && source->waiting > 0)) {
        best = (struct exit){.other = target, .sink = FLOW_NONE};
    }
    for (uint32_t i = 0; i < source->holder_count; i++) {
        struct link holder = source->holders[i];
        uint32_t at = link_position(links, count, holder.number);
        links += at;
        count -= at;
        if (count > 0 && links->number == holder.number && has_exits(&flow->sinks[holder.number]) &&
            (int64_t)links->cost - holder.cost - flow->bonus < best.cost) {
            struct link link = {.number = target & NUMBER_MAX, .cost = links->cost};
            struct exit exit = exit_along(flow, holder.number, link, saving(flow, number, holder));
            best = exit.cost < best.cost ? exit : best;
        }
    }
    return best;
}

void know_exit(struct flow *flow, uint32_t number, uint32_t target)
{
    struct exits *exits = &flow->sources[number].exits;
    uint32_t at = exit_position(exits, target);
    struct exit exit = find_exit(flow, number, target);

    if (exit.other == target) {
        exits->items[at] = exit;
        set_entry(flow, number, &exit);
    } else {
        delete_exit(exits, at);
        delete_entry(flow, number, target);
    }
}

void know_yield(struct flow *flow, uint32_t number)
{
    struct source *source = &flow->sources[number];

    source->yield_cost = INT64_MAX;
    for (uint32_t i = 0; i < source->holder_count; i++) {
        if (has_exits(&flow->sinks[source->holders[i].number])) {
            weigh_yield(flow, number, source->holders[i]);
        }
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

void renew_exits(struct flow *flow, uint32_t number)
{
    const struct sink *sink = &flow->sinks[number];

    for (uint32_t i = 0; i < sink->share_count; i++) {
        if (sink->shares[i].units > 0) {
            lose_holder(flow, sink->shares[i].source, number);
            gain_holder(flow, sink->shares[i].source, number);
        }
    }
}

static void renew_yield(struct flow *flow, uint32_t number, struct link holder)
{
    struct source *source = &flow->sources[number];

    if (source->yield_cost != INT64_MAX && source->yield_sink == holder.number) {
        source->yield_sink = SINK_UNKNOWN;
    }
    if (source->exits_are_known) {
        weigh_yield(flow, number, holder);
    }
}

void renew_yields(struct flow *flow, uint32_t number)
{
    const struct sink *sink = &flow->sinks[number];

    for (uint32_t i = 0; i < sink->share_count && has_exits(sink); i++) {
        const struct share *share = &sink->shares[i];
        if (share->units > 0) {
            struct link holder = {.number = number & NUMBER_MAX, .cost = share->cost & COST_MASK};
            renew_yield(flow, share->source, holder);
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
        __builtin_prefetch(&sinks[source->links[min_u64(i + 8, source->link_count - 1)].number]);
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

    if (!flow->is_listed) {
        return;
    }
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

    for (uint32_t i = 0; i < sink->link_count && flow->is_listed; i++) {
        struct link link = {.number = number & NUMBER_MAX, .cost = sink->links[i].cost};
        renew_take_by(flow, sink->links[i].number, link);
    }
}
