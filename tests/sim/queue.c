#include "tests/sim/queue.h"

#include <stdlib.h>

static bool is_before(const struct happening *left, const struct happening *right)
{
    return left->at_us < right->at_us ||
           (left->at_us == right->at_us && left->order < right->order);
}

void queue_push(struct queue *queue, struct happening event)
{
    GROW(queue->items, queue->capacity, queue->count + 1);
    size_t at = queue->count++;

    event.order = queue->order++;
    while (at > 0 && is_before(&event, &queue->items[(at - 1) / 2])) {
        queue->items[at] = queue->items[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    queue->items[at] = event;
}

/* Puts `event` where the root was, and lets it sink. */
static void sink(struct queue *queue, const struct happening *event)
{
    size_t at = 0;

    for (size_t child = 1; child < queue->count; child = 2 * at + 1) {
        child +=
            child + 1 < queue->count && is_before(&queue->items[child + 1], &queue->items[child]);
        if (!is_before(&queue->items[child], event)) {
            break;
        }
        queue->items[at] = queue->items[child];
        at = child;
    }
    queue->items[at] = *event;
}

bool queue_pop(struct queue *queue, struct happening *event)
{
    if (queue->count == 0) {
        return false;
    }
    *event = queue->items[0];
    struct happening last = queue->items[--queue->count];
    if (queue->count > 0) {
        sink(queue, &last);
    }
    return true;
}

void queue_deinit(struct queue *queue)
{
    free(queue->items);
    *queue = (struct queue){0};
}
