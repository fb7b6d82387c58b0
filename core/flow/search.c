/*
 * search.c - levels of equal keys, and a heap of four children a node, with lazy deletion.
 *
 * Most ways go on at no cost, so most keys are one step beyond the one at work: they wait in a list
 * for the next level, and the heap gets the others. Of one level sources come by ascending number.
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
    if (key == flow->level_key + 1) {
        numbers_add(&flow->following, source);
    } else {
        heap_push(flow, (struct heap_item){.key = key, .source = source});
    }
}

/* Goes on to the next key, if below `limit`. Beyond STEP_MAX steps that may be the same again. */
static bool next_level(struct flow *flow, int64_t limit)
{
    int64_t key = flow->following.count > 0 ? flow->level_key + 1 : KEY_NONE;

    if (flow->heap_count > 0) {
        key = min_i64(key, flow->heap[0].key);
    }
    if (key >= limit) {
        return false;
    }
    flow->level.count = 0;
    flow->level_at = 0;
    if (key == flow->level_key + 1) {
        struct numbers level = flow->following;
        flow->following = flow->level;
        flow->level = level;
    }
    flow->level_key = key;
    while (flow->heap_count > 0 && flow->heap[0].key == key) {
        numbers_add(&flow->level, heap_pop(flow).source);
    }
    numbers_sort(&flow->level);
    return true;
}

bool search_next(struct flow *flow, int64_t limit, uint32_t *source)
{
    do {
        while (flow->level_at < flow->level.count && flow->level_key < limit) {
            *source = flow->level.items[flow->level_at++];
            if (flow->nodes[*source].key == flow->level_key) {
                return true;
            }
        }
    } while (next_level(flow, limit));
    return false;
}

void search_end(struct flow *flow)
{
    for (size_t i = 0; i < flow->reached.count; i++) {
        flow->nodes[flow->reached.items[i]].key = KEY_NONE;
    }
    flow->reached.count = 0;
    flow->heap_count = 0;
    flow->level.count = 0;
    flow->level_at = 0;
    flow->level_key = KEY_NONE - 1;
    flow->following.count = 0;
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
