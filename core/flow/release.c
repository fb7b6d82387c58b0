/*
 * release.c - free units of a source that has a price are put to use.
 *
 * A free unit goes from source to source by a chain of changes
 *
 *     s0 -> m0: instead of s1, s1 -> m1: instead of s2, ...
 *
 * that ends at a sink that takes it or at a source that keeps it. Only sources are nodes of the
 * search. The distance of a source is what the unit loses against the price of s0 on its way:
 *
 *     distance(s0) = 0
 *     distance(t)  = distance(s) + c(m,s) + y(s) - v(m)      for a sink m that t serves
 *     end, taken   = distance(s) + c(m,s) + y(s) - next_weight(m)
 *     end, kept    = distance(s) + y(s)
 *
 * Every step is >= 0 because next_weight(m) <= v(m) <= c(m,s) + y(s) and y(s) >= 0. Let D be the
 * nearest end; keeping it at s0 itself bounds D by y(s0). Lowering y(s) by max(0, D - distance(s))
 * keeps every condition: v(m) falls with the sources that serve m by D less the least distance
 * plus step of its arcs, so no arc (m,s) gets cheaper than v(m); v(m) >= next_weight(m) and
 * y >= 0 because D is not beyond those ends; a sink without flow has a fixed value, which is
 * an end. All shortest chains then run along arcs without slack, and units are pushed along
 * them until none is left. It is over when no unit is free or the price is 0.
 */
#include "core/flow/search.h"

struct offer {
    uint32_t source;
    int64_t best;  /* Key of the nearest end. */
    int64_t limit; /* Keys beyond cannot matter. */
};

static void note_end(struct offer *offer, int64_t key)
{
    if (key < offer->best) {
        offer->best = key;
        offer->limit = key | STEP_MAX;
    }
}

static void reach(struct flow *flow, struct offer *offer, uint32_t source, int64_t key)
{
    if (key < flow->nodes[source].key && key <= offer->limit) {
        search_reach(flow, source, key);
        note_end(offer, key + key_of(flow->nodes[source].price));
    }
}

static void expand(struct flow *flow, struct offer *offer, uint32_t source_number)
{
    const struct source *source = &flow->sources[source_number];
    const struct node *node = &flow->nodes[source_number];

    for (uint32_t i = 0; i < source->link_count; i++) {
        const struct sink *sink = &flow->sinks[source->links[i].number];
        int64_t base = node->key + key_of(source->links[i].cost + node->price);
        if (sink->next_weight > 0) {
            note_end(offer, base - key_of(sink->next_weight));
        }
        if (sink->share_count == 0) {
            continue;
        }
        int64_t key = key_next(base - key_of(sink_value(flow, sink)));
        for (uint32_t j = 0; key <= offer->limit && j < sink->share_count; j++) {
            reach(flow, offer, sink->shares[j].source, key);
        }
    }
}

static void search(struct flow *flow, struct offer *offer)
{
    uint32_t source = 0;

    offer->best = key_of(flow->nodes[offer->source].price);
    offer->limit = offer->best | STEP_MAX;
    search_reach(flow, offer->source, 0);
    while (search_next(flow, offer->best, &source)) {
        expand(flow, offer, source);
    }
    int64_t found = key_distance(offer->best);
    for (size_t i = 0; i < flow->reached.count; i++) {
        const struct node *node = &flow->nodes[flow->reached.items[i]];
        if (key_distance(node->key) < found) {
            set_price(flow, flow->reached.items[i],
                      node->price - (found - key_distance(node->key)));
        }
    }
}

static void step_into(struct flow *flow, uint32_t source_number)
{
    const struct source *source = &flow->sources[source_number];

    path_push(flow, source_number)->at =
        link_position(source->links, source->link_count, flow->nodes[source_number].cursor);
}

static bool next_share(const struct flow *flow, struct step *step, const struct sink *sink,
                       uint32_t *target)
{
    int64_t steps = key_steps(flow->nodes[step->source].key) + 1;

    while (step->next < sink->share_count) {
        const struct node *node = &flow->nodes[sink->shares[step->next].source];
        *target = sink->shares[step->next++].source;
        if (node->key != KEY_NONE && key_steps(node->key) == steps) {
            return true;
        }
    }
    return false;
}

enum found { FOUND_NOTHING, FOUND_SOURCE, FOUND_END };

static enum found advance(struct flow *flow, struct step *step, uint32_t *target)
{
    const struct source *source = &flow->sources[step->source];
    struct node *node = &flow->nodes[step->source];

    for (; step->at < source->link_count; step->at++, step->next = 0) {
        const struct sink *sink = &flow->sinks[source->links[step->at].number];
        int64_t price = source->links[step->at].cost + node->price;
        if (sink_value(flow, sink) != price) {
            continue;
        }
        step->sink = source->links[step->at].number;
        node->cursor = step->sink;
        if (sink->next_weight == price) {
            return FOUND_END;
        }
        if (next_share(flow, step, sink, target)) {
            return FOUND_SOURCE;
        }
    }
    node->cursor = UINT32_MAX;
    return FOUND_NOTHING;
}

/* A path's last source keeps the unit when its price is 0, else its sink takes it. */
static bool find_path(struct flow *flow, const struct offer *offer)
{
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
        units = min_i64(units, share_find(&flow->sinks[step->sink], step[1].source)->units);
    }
    if (flow->nodes[last->source].price > 0) {
        units = min_i64(units, sink_room(&flow->sinks[last->sink]));
    }
    return units;
}

static uint32_t arc_cost(const struct flow *flow, const struct step *step)
{
    return flow->sources[step->source].links[step->at].cost;
}

static void push_path(struct flow *flow, int64_t units)
{
    const struct step *last = &flow->path[flow->path_count - 1];

    for (const struct step *step = flow->path; step < last; step++) {
        const struct share *share = share_find(&flow->sinks[step->sink], step[1].source);
        uint32_t cost = share->cost;
        shift_units(flow, step->sink, step->source, arc_cost(flow, step), units);
        shift_units(flow, step->sink, step[1].source, cost, -units);
    }
    if (flow->nodes[last->source].price > 0) {
        shift_units(flow, last->sink, last->source, arc_cost(flow, last), units);
        sink_refresh(flow, last->sink);
    }
}

void release_units(struct flow *flow, uint32_t source)
{
    const struct node *node = &flow->nodes[source];
    struct offer offer = {.source = source};

    while (node->free > 0 && node->price > 0) {
        search(flow, &offer);
        while (node->free > 0 && node->price > 0 && find_path(flow, &offer)) {
            push_path(flow, path_units(flow, node->free));
        }
        search_end(flow);
    }
}
