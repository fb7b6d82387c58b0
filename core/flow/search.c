/*
 * search.c - a heap of four children a node, with lazy deletion.
 *
 * A source that is reached again by a shorter way stands in the heap twice; the entry whose key is
 * not the source's any more is skipped. Only reached sources are written to, so a search costs
 * what it sees and not what the network holds.
 */
#include "core/flow/search.h"

#define HEAP_CHILDREN 4

static bool comes_before(struct heap_item left, struct heap_item right)
{
    return left.key != right.key ? left.key < right.key : left.source < right.source;
}

static void heap_push(struct flow *flow, struct heap_item item)
{
    GROW(flow->heap, flow->heap_capacity, flow->heap_count + 1);
    size_t at = flow->heap_count++;
    while (at > 0) {
        size_t parent = (at - 1) / HEAP_CHILDREN;
        if (!comes_before(item, flow->heap[parent])) {
            break;
        }
        flow->heap[at] = flow->heap[parent];
        at = parent;
    }
    flow->heap[at] = item;
}

static size_t first_child(const struct flow *flow, size_t at)
{
    size_t child = at * HEAP_CHILDREN + 1;
    size_t end = min_u64(child + HEAP_CHILDREN, flow->heap_count);
    size_t best = child;

    for (size_t i = child + 1; i < end; i++) {
        if (comes_before(flow->heap[i], flow->heap[best])) {
            best = i;
        }
    }
    return best;
}

static struct heap_item heap_pop(struct flow *flow)
{
    struct heap_item top = flow->heap[0];
    struct heap_item item = flow->heap[--flow->heap_count];
    size_t at = 0;

    for (;;) {
        size_t child = first_child(flow, at);
        if (child >= flow->heap_count || !comes_before(flow->heap[child], item)) {
            break;
        }
        flow->heap[at] = flow->heap[child];
        at = child;
    }
    flow->heap[at] = item;
    return top;
}

void search_reach(struct flow *flow, uint32_t source, int64_t key)
{
    struct node *node = &flow->nodes[source];

    if (node->key == KEY_NONE) {
        numbers_add(&flow->reached, source);
        flow->sources[source].cursor = 0;
    }
    node->key = key;
    heap_push(flow, (struct heap_item){.key = key, .source = source});
}

bool search_next(struct flow *flow, int64_t limit, uint32_t *source)
{
    while (flow->heap_count > 0 && flow->heap[0].key < limit) {
        struct heap_item item = heap_pop(flow);
        if (item.key == flow->nodes[item.source].key) {
            *source = item.source;
            return true;
        }
    }
    return false;
}

void search_end(struct flow *flow)
{
    for (size_t i = 0; i < flow->reached.count; i++) {
        flow->nodes[flow->reached.items[i]].key = KEY_NONE;
    }
    flow->reached.count = 0;
    flow->heap_count = 0;
}

struct step *path_push(struct flow *flow, uint32_t source)
{
    GROW(flow->path, flow->path_capacity, flow->path_count + 1);
    struct step *step = &flow->path[flow->path_count++];
    *step = (struct step){.source = source};
    return step;
}

int64_t step_room(const struct flow *flow, uint32_t sink, uint32_t more, uint32_t less)
{
    if (sink == FLOW_NONE) {
        return chain_room(flow, more, less);
    }
    return min_i64(room_up(flow, sink, more), room_down(flow, sink, less));
}

void step_move(struct flow *flow, uint32_t sink, uint32_t more, uint32_t less, int64_t units)
{
    if (sink == FLOW_NONE) {
        chain_move(flow, more, less, units);
        return;
    }
    shift_link(flow, sink, more, units);
    shift_link(flow, sink, less, -units);
}
