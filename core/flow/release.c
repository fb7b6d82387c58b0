/*
 * release.c - free units of a source that has a price are put to use.
 *
 * A free unit goes from source to source by a chain of changes
 *
 *     s0 -> m0: instead of s1, s1 -> m1: instead of s2, ...
 *
 * that ends at a sink that takes it or at a source that keeps it. Where s0 and s1 are neighbours in
 * a chain, no sink need be in between: one unit more waits from s0 to s1, or one less from s1 to
 * s0. Only sources are nodes of the search. The distance of a source is what the unit loses against
 * the price of s0 on its way:
 *
 *     distance(s0) = 0
 *     distance(t)  = distance(s) + cu(m,s) + y(s) - (cd(m,t) + y(t))  for a sink m that t serves
 *     distance(t)  = distance(s) + y(s) - y(t)            for t after s; before s, if units wait
 *     end, taken   = distance(s) + cu(m,s) + y(s) - next_weight(m)
 *     end, kept    = distance(s) + y(s)
 *
 * with the costs of acquire.c. Every step is >= 0 because y(s) >= 0, the sink's value v(m) is no
 * less than next_weight(m) and than cd(m,t) + y(t) and no more than cu(m,s) + y(s), and y falls
 * along a chain, but where units wait. Between s and t the least cu(m,s) - cd(m,t) counts, the
 * entry that exits.c keeps. Let D be the nearest end; keeping it at s0 itself bounds D by y(s0).
 * Lowering y(s) by max(0, D - distance(s)) keeps every condition: for each step from s to t, y(t)
 * falls by no less than y(s) but for the slack; no unit unserved gets worth its cost and y >= 0
 * because D is not beyond those ends; a sink without flow has a fixed value, which is an end. All
 * shortest chains then run along arcs without slack, and units are pushed along them until none is
 * left, none across a kink. It is over when no unit is free or the price is 0.
 */
#include "core/flow/search.h"

struct offer {
    uint32_t source;
    struct ends ends;
};

static void reach(struct flow *flow, struct offer *offer, uint32_t source, int64_t key)
{
    search_reach(flow, source, key);
    note_end(&offer->ends, key + key_of(flow->nodes[source].price));
}

static void expand(struct flow *flow, struct offer *offer, uint32_t number)
{
    const struct source *source = &flow->sources[number];
    const struct node *nodes = flow->nodes;
    int64_t base = nodes[number].key + key_of(nodes[number].price);

    know_take(flow, number);
    if (source->take_cost != INT64_MAX) {
        note_end(&offer->ends, base + key_of(source->take_cost));
    }
    base = key_next(nodes[number].key) + key_of(nodes[number].price);
    for (uint32_t i = 0; i < source->entries.count; i++) {
        const struct exit *entry = &source->entries.items[i];
        int64_t key = base + key_of(entry->cost - nodes[entry->other].price);
        if (!is_shorter(key, &nodes[entry->other], offer->ends.limit)) {
            continue;
        }
        if (entry->sink == SINK_UNKNOWN) {
            know_exit(flow, entry->other, number);
            i--;
        } else {
            reach(flow, offer, entry->other, key);
        }
    }
}

static void search(struct flow *flow, struct offer *offer)
{
    uint32_t source = 0;

    know_all_exits(flow);
    offer->ends = ends_below(key_of(flow->nodes[offer->source].price + 1));
    note_end(&offer->ends, key_of(flow->nodes[offer->source].price));
    search_reach(flow, offer->source, 0);
    while (search_next(flow, offer->ends.best, &source)) {
        expand(flow, offer, source);
    }
    int64_t found = key_distance(offer->ends.best);
    for (size_t i = 0; i < flow->reached.count; i++) {
        const struct node *node = &flow->nodes[flow->reached.items[i]];
        if (key_distance(node->key) < found) {
            set_price(flow, flow->reached.items[i],
                      node->price - (found - key_distance(node->key)));
        }
    }
}

static void step_into(struct flow *flow, uint32_t source)
{
    know_take(flow, source);
    path_push(flow, source)->at =
        exit_position(&flow->sources[source].entries, flow->sources[source].cursor);
}

/* Goes on with the walk from the step's source: to a sink that takes, to a source one level
 * further without slack, or to the end of its entries. */
static enum found advance(struct flow *flow, struct step *step, uint32_t *target)
{
    struct source *source = &flow->sources[step->source];
    const struct node *node = &flow->nodes[step->source];

    if (source->take_cost == -node->price) {
        step->sink = source->take_sink;
        return FOUND_END;
    }
    while (step->at < source->entries.count) {
        const struct exit *entry = &source->entries.items[step->at];
        int64_t slack = entry->cost + node->price - flow->nodes[entry->other].price;
        bool matters = slack <= 0 && is_one_further(node, &flow->nodes[entry->other]);
        if (matters && entry->sink == SINK_UNKNOWN) {
            know_exit(flow, entry->other, step->source);
            continue;
        }
        source->cursor = entry->other;
        step->at++;
        if (matters && slack == 0) {
            step->sink = entry->sink;
            *target = entry->other;
            return FOUND_SOURCE;
        }
    }
    source->cursor = UINT32_MAX;
    return FOUND_NOTHING;
}

/* A path's last source keeps the unit when its price is 0, else its sink takes it. */
static bool find_path(struct flow *flow, const struct offer *offer)
{
    know_all_exits(flow);
    flow->path_count = 0;
    step_into(flow, offer->source);
    while (flow->path_count > 0) {
        struct step *step = &flow->path[flow->path_count - 1];
        uint32_t target = 0;
        if (flow->nodes[step->source].price == 0) {
            return true;
        }
        switch (advance(flow, step, &target)) {
        case FOUND_NOTHING:
            flow->path_count--;
            break;
        case FOUND_SOURCE:
            step_into(flow, target);
            break;
        case FOUND_END:
            return true;
        }
    }
    return false;
}

static int64_t path_units(const struct flow *flow, int64_t free_units)
{
    const struct step *last = &flow->path[flow->path_count - 1];
    int64_t units = free_units;

    for (const struct step *step = flow->path; step < last; step++) {
        units = min_i64(units, step_room(flow, step->sink, step->source, step[1].source));
    }
    if (flow->nodes[last->source].price > 0) {
        units = min_i64(units, sink_room(&flow->sinks[last->sink]));
        units = min_i64(units, room_up(flow, last->sink, last->source));
    }
    return units;
}

static void push_path(struct flow *flow, int64_t units)
{
    const struct step *last = &flow->path[flow->path_count - 1];

    for (const struct step *step = flow->path; step < last; step++) {
        step_move(flow, step->sink, step->source, step[1].source, units);
    }
    if (flow->nodes[last->source].price > 0) {
        shift_link(flow, last->sink, last->source, units);
        sink_refresh(flow, last->sink);
    }
}

void release_units(struct flow *flow, uint32_t number)
{
    const struct source *source = &flow->sources[number];
    const struct node *node = &flow->nodes[number];
    struct offer offer = {.source = number};

    while (source->free > 0 && node->price > 0) {
        search(flow, &offer);
        while (source->free > 0 && node->price > 0 && find_path(flow, &offer)) {
            push_path(flow, path_units(flow, source->free));
            if (offer.ends.count == 1) {
                break;
            }
        }
        search_end(flow);
    }
}
