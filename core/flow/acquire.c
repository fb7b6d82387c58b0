/*
 * acquire.c - units for a sink that wants them, and away from a source that gives too much.
 *
 * Whoever lacks a unit, a sink n or a source beyond its capacity, gets it by a chain of changes
 *
 *     n <- s0, m0: s0 -> s1, m1: s1 -> s2, ...      (sink m0 moves from source s0 to s1)
 *
 * that ends at a source with free units or at a sink m that gives a unit up. Where s0 and s1 are
 * neighbours in a chain, no sink need be in between: one unit more waits from s1 to s0, or one less
 * from s0 to s1. Only sources are nodes of the search; a sink is passed through. With prices y and
 * costs cu for one unit more and cd for one unit less (the same without a bonus), the distance of a
 * source is what its unit costs the one who lacks it:
 *
 *     distance(s0) = cu(n,s0) + y(s0)                 for a sink;  0 for a source's own lack
 *     distance(t)  = distance(s) + cu(m,t) + y(t) - (cd(m,s) + y(s))  for a sink m that s serves
 *     distance(t)  = distance(s) + y(t) - y(s)        for t before s; after s, if units wait
 *     end, free    = distance(s)
 *     end, give up = distance(s) + last_weight(m) - (cd(m,s) + y(s))
 *
 * Of the sinks m between the same s and t only the one with the least cu(m,t) - cd(m,s) counts;
 * exits.c keeps these. Every step is >= 0, because the sink's value v(m) is no less than cd(m,s) +
 * y(s) where s serves it, no more than cu(m,t) + y(t) on all arcs and than last_weight(m), and y
 * falls along a chain, but where units wait. Costs may be negative, steps not. Telescoped,
 * the distance is the true cost of the chain, except that a free unit counts at its source's price:
 * that is 0, unless the source waits to be released, and then it is as if someone held the unit at
 * just that price, from whom release.c takes it.
 *
 * Let D be the nearest end, or what the sink would pay at most, next_weight(n), when that is less.
 * Raising y(s) by max(0, D - distance(s)) keeps every condition: for each step from s to t, y(t)
 * rises by no less than y(s) but for the slack, because distance(t) is at most distance(s) plus the
 * step; no unit served gets too dear because D is not beyond the ends; sources with free units are
 * ends and do not rise; sinks without flow have a fixed value, and prices only rise. All shortest
 * chains then run along arcs without slack, and units are pushed along them until none is left. A
 * push takes no arc across its kink, where its costs change.
 */
#include "core/flow/search.h"

struct hunt {
    uint32_t sink;   /* Who lacks units, or FLOW_NONE: */
    uint32_t source; /* then the source that has too few. */
    uint32_t start;  /* Where the walk through the sink's links goes on. */
    struct ends ends;
};

static void reach(struct flow *flow, struct hunt *hunt, uint32_t source, int64_t key)
{
    search_reach(flow, source, key);
    if (flow->sources[source].free > 0) {
        note_end(&hunt->ends, key);
    }
}

/* Those from whom the sink itself can take. */
static void reach_links(struct flow *flow, struct hunt *hunt, const struct sink *sink)
{
    for (uint32_t i = 0; i < sink->link_count; i++) {
        uint32_t source = sink->links[i].number;
        int64_t cost = arc_cost_up(flow, sink, source, sink->links[i].cost);
        int64_t key = key_next(key_of(cost + flow->nodes[source].price));
        if (key <= hunt->ends.limit) {
            reach(flow, hunt, source, key);
        }
    }
}

static void expand(struct flow *flow, struct hunt *hunt, uint32_t number)
{
    const struct source *source = &flow->sources[number];
    const struct node *nodes = flow->nodes;
    int64_t base = nodes[number].key - key_of(nodes[number].price);

    know_exits(flow, number);
    if (source->yield_cost != INT64_MAX && source->yield_sink == SINK_UNKNOWN &&
        base + key_of(source->yield_cost) <= hunt->ends.limit) {
        know_yield(flow, number);
    }
    if (source->yield_cost != INT64_MAX) {
        note_end(&hunt->ends, base + key_of(source->yield_cost));
    }
    base = key_next(nodes[number].key) - key_of(nodes[number].price);
    for (uint32_t i = 0; i < source->exits.count; i++) {
        const struct exit *exit = &source->exits.items[i];
        int64_t key = base + key_of(exit->cost + nodes[exit->other].price);
        if (!is_shorter(key, &nodes[exit->other], hunt->ends.limit)) {
            continue;
        }
        if (exit->sink == SINK_UNKNOWN) {
            know_exit(flow, number, exit->other);
            i--;
        } else {
            reach(flow, hunt, exit->other, key);
        }
    }
}

/* Raises the prices and returns D: `worth` when no chain costs less. */
static int64_t search(struct flow *flow, struct hunt *hunt, int64_t worth)
{
    uint32_t source = 0;

    hunt->ends = ends_below(key_of(worth));
    hunt->start = 0;
    if (hunt->sink == FLOW_NONE) {
        search_reach(flow, hunt->source, 0);
    } else {
        reach_links(flow, hunt, &flow->sinks[hunt->sink]);
    }
    while (search_next(flow, hunt->ends.best, &source)) {
        expand(flow, hunt, source);
    }
    int64_t found = key_distance(hunt->ends.best);
    for (size_t i = 0; i < flow->reached.count; i++) {
        const struct node *node = &flow->nodes[flow->reached.items[i]];
        if (key_distance(node->key) < found) {
            set_price(flow, flow->reached.items[i], node->price + found - key_distance(node->key));
        }
    }
    return found;
}

/* A source with free units ends the path: nobody walks its exits. To list them takes long when it
 * serves many sinks. */
static void step_into(struct flow *flow, uint32_t source)
{
    if (flow->sources[source].free <= 0) {
        know_exits(flow, source);
    }
    path_push(flow, source)->at =
        exit_position(&flow->sources[source].exits, flow->sources[source].cursor);
}

/* Goes on with the walk from the step's source: to a sink that gives up, to a source one level
 * further without slack, or to the end of its exits. The cursor keeps other chains from walking in
 * vain again. */
static enum found advance(struct flow *flow, struct step *step, uint32_t *target)
{
    struct source *source = &flow->sources[step->source];
    const struct node *node = &flow->nodes[step->source];

    if (source->yield_cost <= node->price && source->yield_sink == SINK_UNKNOWN) {
        know_yield(flow, step->source);
    }
    if (source->yield_cost == node->price) {
        step->sink = source->yield_sink;
        return FOUND_END;
    }
    while (step->at < source->exits.count) {
        const struct exit *exit = &source->exits.items[step->at];
        int64_t slack = exit->cost + flow->nodes[exit->other].price - node->price;
        bool matters = slack <= 0 && is_one_further(node, &flow->nodes[exit->other]);
        if (matters && exit->sink == SINK_UNKNOWN) {
            know_exit(flow, step->source, exit->other);
            continue;
        }
        source->cursor = exit->other;
        step->at++;
        if (matters && slack == 0) {
            step->sink = exit->sink;
            *target = exit->other;
            return FOUND_SOURCE;
        }
    }
    source->cursor = UINT32_MAX;
    return FOUND_NOTHING;
}

/* The next source from which the sink can take without slack. */
static bool start_path(struct flow *flow, struct hunt *hunt, int64_t value)
{
    const struct sink *sink = &flow->sinks[hunt->sink];

    for (; hunt->start < sink->link_count; hunt->start++) {
        const struct link *link = &sink->links[hunt->start];
        const struct node *node = &flow->nodes[link->number];
        const struct source *source = &flow->sources[link->number];
        if (arc_cost_up(flow, sink, link->number, link->cost) + node->price == value &&
            node->key != KEY_NONE && key_steps(node->key) == 1 &&
            (source->free > 0 || source->cursor != UINT32_MAX)) {
            step_into(flow, link->number);
            return true;
        }
    }
    return false;
}

/* Depth first along arcs without slack. The last step's source has free units, or its sink gives
 * up. */
static bool find_path(struct flow *flow, struct hunt *hunt, int64_t value)
{
    flow->path_count = 0;
    if (hunt->sink == FLOW_NONE) {
        step_into(flow, hunt->source);
    }
    while (flow->path_count > 0 || (hunt->sink != FLOW_NONE && start_path(flow, hunt, value))) {
        struct step *step = &flow->path[flow->path_count - 1];
        uint32_t target = 0;
        if (flow->sources[step->source].free > 0) {
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

static int64_t path_units(const struct flow *flow, const struct hunt *hunt, int64_t wanted)
{
    const struct step *last = &flow->path[flow->path_count - 1];
    int64_t units = wanted;

    if (hunt->sink != FLOW_NONE) {
        units = min_i64(units, room_up(flow, hunt->sink, flow->path[0].source));
    }
    for (const struct step *step = flow->path; step < last; step++) {
        units = min_i64(units, step_room(flow, step->sink, step[1].source, step->source));
    }
    if (flow->sources[last->source].free > 0) {
        return min_i64(units, flow->sources[last->source].free);
    }
    units = min_i64(units, room_down(flow, last->sink, last->source));
    return min_i64(units, sink_removable(&flow->sinks[last->sink]));
}

static void push_path(struct flow *flow, const struct hunt *hunt, int64_t units)
{
    const struct step *last = &flow->path[flow->path_count - 1];
    bool free_end = flow->sources[last->source].free > 0;

    for (const struct step *step = flow->path; step < last; step++) {
        step_move(flow, step->sink, step[1].source, step->source, units);
    }
    if (!free_end) {
        shift_link(flow, last->sink, last->source, -units);
        sink_refresh(flow, last->sink);
    }
    if (hunt->sink != FLOW_NONE) {
        shift_link(flow, hunt->sink, flow->path[0].source, units);
        sink_refresh(flow, hunt->sink);
    }
}

void acquire_units(struct flow *flow, uint32_t number)
{
    const struct sink *sink = &flow->sinks[number];
    struct hunt hunt = {.sink = number};

    for (;;) {
        int64_t price = search(flow, &hunt, sink->next_weight);
        while (price < sink->next_weight && find_path(flow, &hunt, price)) {
            push_path(flow, &hunt, path_units(flow, &hunt, sink_room(sink)));
            if (hunt.ends.count == 1) {
                break;
            }
        }
        search_end(flow);
        if (price >= sink->next_weight) {
            return;
        }
    }
}

void shed_units(struct flow *flow, uint32_t number)
{
    const struct source *source = &flow->sources[number];
    struct hunt hunt = {.sink = FLOW_NONE, .source = number};

    while (source->free < 0) {
        search(flow, &hunt, FLOW_LEVEL_MAX * FLOW_WEIGHT_STEP + FLOW_COST_MAX + 1);
        while (source->free < 0 && find_path(flow, &hunt, 0)) {
            push_path(flow, &hunt, path_units(flow, &hunt, -source->free));
            if (hunt.ends.count == 1) {
                break;
            }
        }
        search_end(flow);
    }
}
