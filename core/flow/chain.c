/*
 * chain.c - sources that follow one another: what the first does not give away waits for the next.
 *
 * A waiting arc has no cost and no bound, so with prices y it asks for
 *
 *     y(s) >= y(next), and equal when units wait
 *
 * In the searches it is a step between two sources without a sink in between: an exit or entry with
 * FLOW_NONE (exits.c), along which acquire.c and release.c move what chain_room allows.
 */
#include "core/flow/network.h"

/* The caller may not yet have said what `source` is. */
static void know_both(struct flow *flow, uint32_t source, uint32_t next)
{
    know_source(flow, source);
    if (next == FLOW_NONE) {
        return;
    }
    know_source(flow, next);
    for (uint32_t later = next; later != FLOW_NONE; later = flow->sources[later].next) {
        ENSURE(later != source);
    }
}

/* Units that wait stay where they come from; the next may then give more than it has. */
static void cut(struct flow *flow, uint32_t number)
{
    struct source *source = &flow->sources[number];

    mark_source(flow, number);
    mark_source(flow, source->next);
    shift_waiting(flow, number, -source->waiting);
    forget_exits(flow, number);
    forget_exits(flow, source->next);
    flow->sources[source->next].previous = FLOW_NONE;
    source->next = FLOW_NONE;
}

static void chain(struct flow *flow, uint32_t source, uint32_t next)
{
    ENSURE(flow->sources[source].next == FLOW_NONE);
    ENSURE(flow->sources[next].previous == FLOW_NONE);
    flow->sources[source].next = next;
    flow->sources[next].previous = source;
    forget_exits(flow, next);
}

void flow_set_next(struct flow *flow, uint32_t source_number, uint32_t next)
{
    know_both(flow, source_number, next);
    struct source *source = &flow->sources[source_number];

    if (source->next == next) {
        return;
    }
    if (source->next != FLOW_NONE) {
        cut(flow, source_number);
    }
    if (next == FLOW_NONE) {
        return;
    }
    chain(flow, source_number, next);
    mark_source(flow, source_number);
    source->flags |= SOURCE_CHAINED;
    touch_source(flow, next);
    flow->sources[next].flags |= SOURCE_GREW;
}

uint32_t flow_next(const struct flow *flow, uint32_t source)
{
    return source < flow->source_count ? flow->sources[source].next : FLOW_NONE;
}

int64_t flow_waiting(const struct flow *flow, uint32_t source)
{
    return source < flow->source_count ? flow->sources[source].waiting : 0;
}

void flow_restore_waiting(struct flow *flow, uint32_t source, uint32_t next, int64_t units)
{
    ENSURE(units >= 0);
    ENSURE(next != FLOW_NONE);
    know_both(flow, source, next);
    chain(flow, source, next);
    shift_waiting(flow, source, units);
}

void shift_waiting(struct flow *flow, uint32_t number, int64_t units)
{
    struct source *source = &flow->sources[number];
    struct source *next = &flow->sources[source->next];

    bool waited = source->waiting > 0;

    source->waiting += units;
    ENSURE(source->waiting >= 0);
    if (!waited && source->waiting > 0) {
        gain_waiting(flow, number);
    } else if (waited && source->waiting == 0) {
        lose_waiting(flow, number);
    }
    source->used += units;
    source->free -= units;
    next->used -= units;
    next->free += units;
}

int64_t chain_room(const struct flow *flow, uint32_t from, uint32_t to)
{
    return flow->sources[from].next == to ? INT64_MAX : flow->sources[to].waiting;
}

void chain_move(struct flow *flow, uint32_t from, uint32_t to, int64_t units)
{
    if (flow->sources[from].next == to) {
        shift_waiting(flow, from, units);
    } else {
        shift_waiting(flow, to, -units);
    }
}

void chain_take_capacity(struct flow *flow, uint32_t number, int64_t units)
{
    for (;;) {
        struct source *source = &flow->sources[number];
        int64_t own = min_i64(units, source->used + source->free);
        source->free -= own;
        units -= own;
        if (units == 0 || source->previous == FLOW_NONE) {
            return;
        }
        number = source->previous;
        units = min_i64(units, flow->sources[number].waiting);
        shift_waiting(flow, number, -units);
    }
}

void chain_lower(struct flow *flow, uint32_t number)
{
    int64_t price = flow->nodes[number].price;

    for (uint32_t next = flow->sources[number].next;
         next != FLOW_NONE && flow->nodes[next].price > price; next = flow->sources[next].next) {
        set_price(flow, next, price);
        for (uint32_t i = 0; i < flow->sources[next].link_count; i++) {
            mark_sink(flow, flow->sources[next].links[i].number, SINK_WANTS);
        }
    }
}

static bool may_rise(const struct flow *flow, const struct source *source)
{
    return (source->flags & SOURCE_ARRIVED) != 0 && source->holder_count == 0 &&
           source->waiting == 0 && !waits_from(flow, source->previous);
}

void chain_raise(struct flow *flow, uint32_t number, int64_t price)
{
    uint32_t first = number;

    while (first != FLOW_NONE && flow->nodes[first].price < price &&
           may_rise(flow, &flow->sources[first])) {
        first = flow->sources[first].previous;
    }
    if (first != FLOW_NONE) {
        price = min_i64(price, flow->nodes[first].price);
    }
    for (; number != first && flow->nodes[number].price < price;
         number = flow->sources[number].previous) {
        set_price(flow, number, price);
        mark_source(flow, number);
    }
}
