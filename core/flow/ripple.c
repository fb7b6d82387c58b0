/*
 * ripple.c - shortest paths from all ends of ripples back to the sources, by Dijkstra's algorithm.
 *
 * With prices y and values v(m) = c(m,s) + y(s) of the sinks m that s serves, let D(s) be what the
 * ripple of a unit taken from s costs beyond y(s):
 *
 *     free        D(s) = 0                                  s has units left; its price is 0
 *     give up     D(s) = last_weight(m) - v(m)              for a sink m that s serves
 *     spared      D(s) = worth - y(s)
 *     move        D(s) = c(m,t) + y(t) - v(m) + D(t)        for a sink m that s serves
 *
 * and what the ripple of a unit added to s saves less than y(s):
 *
 *     kept        D(s) = y(s)
 *     take        D(s) = c(m,s) + y(s) - next_weight(m)
 *     move        D(s) = c(m,s) + y(s) - v(m) + D(t)        for a sink m that t serves
 *
 * Moves cost at least 0, since the flow is optimal, so the labels become final in ascending order.
 * Of equal ways the one with fewest moves wins, then the one that is found first in the order of
 * numbers. First the sources that ripples can reach from those asked for are listed: only their
 * ends count, and a network of many products is not walked for one of them.
 */
#include "core/flow/ripple.h"
#include "core/flow/search.h"

#include <stdlib.h>

struct label {
    int64_t key;             /* D and, below it, the moves to the end (search.h); KEY_NONE. */
    struct ripple_move move; /* The first one; none when it ends here. */
    struct ripple ripple;    /* Its end, set when final. */
    bool is_end;
    bool is_final;
    bool is_listed;
};

struct ripples {
    uint32_t source_count;
    struct label *labels; /* By source. */
};

struct walk {
    const struct flow *flow;
    const struct ripple_question *question;
    struct label *labels;
    struct numbers listed;
    struct heap_item *heap;
    size_t heap_capacity;
    size_t heap_count;
};

static bool is_before(struct heap_item left, struct heap_item right)
{
    return left.key != right.key ? left.key < right.key : left.source < right.source;
}

static void heap_push(struct walk *walk, struct heap_item item)
{
    GROW(walk->heap, walk->heap_capacity, walk->heap_count + 1);
    size_t index = walk->heap_count++;

    for (; index > 0 && is_before(item, walk->heap[(index - 1) / 2]); index = (index - 1) / 2) {
        walk->heap[index] = walk->heap[(index - 1) / 2];
    }
    walk->heap[index] = item;
}

static struct heap_item heap_pop(struct walk *walk)
{
    struct heap_item first = walk->heap[0];
    struct heap_item last = walk->heap[--walk->heap_count];
    size_t index = 0;

    for (size_t child = 1; child < walk->heap_count; child = 2 * index + 1) {
        if (child + 1 < walk->heap_count && is_before(walk->heap[child + 1], walk->heap[child])) {
            child++;
        }
        if (!is_before(walk->heap[child], last)) {
            break;
        }
        walk->heap[index] = walk->heap[child];
        index = child;
    }
    walk->heap[index] = last;
    return first;
}

static int64_t price_of(const struct walk *walk, uint32_t source)
{
    return walk->flow->nodes[source].price;
}

/* The source's label when `key` is less. */
static struct label *improve(struct walk *walk, uint32_t source, int64_t key)
{
    struct label *label = &walk->labels[source];

    if (!label->is_listed || label->is_final || key >= label->key) {
        return NULL;
    }
    label->key = key;
    heap_push(walk, (struct heap_item){.key = key, .source = source});
    return label;
}

static void offer_end(struct walk *walk, uint32_t source, int64_t distance, struct ripple ripple)
{
    struct label *label = improve(walk, source, key_of(distance));

    if (label != NULL) {
        label->is_end = true;
        label->ripple = ripple;
    }
}

static void offer_move(struct walk *walk, uint32_t source, int64_t step, uint32_t next,
                       struct ripple_move move)
{
    struct label *label = improve(walk, source, key_next(walk->labels[next].key) + key_of(step));

    if (label != NULL) {
        label->is_end = false;
        label->move = move;
    }
}

/* Ends. */

static void end_taken(struct walk *walk, uint32_t number)
{
    const struct source *source = &walk->flow->sources[number];
    struct ripple ripple = {.end = RIPPLE_FREE, .source = number, .sink = FLOW_NONE};

    if (source->free > 0) {
        offer_end(walk, number, 0, ripple);
    }
    for (uint32_t i = 0; i < source->holder_count; i++) {
        struct link holder = source->holders[i];
        int64_t weight = walk->flow->sinks[holder.number].last_weight;
        ripple = (struct ripple){RIPPLE_SINK, number, holder.number, weight, 0};
        if (holder.number != walk->question->still) {
            offer_end(walk, number, weight - holder.cost - price_of(walk, number), ripple);
        }
    }
    if (number == walk->question->spared) {
        ripple = (struct ripple){.end = RIPPLE_SPARED, .source = number, .sink = FLOW_NONE};
        offer_end(walk, number, walk->question->worth - price_of(walk, number), ripple);
    }
}

static void end_added(struct walk *walk, uint32_t number)
{
    const struct source *source = &walk->flow->sources[number];
    struct ripple ripple = {.end = RIPPLE_FREE, .source = number, .sink = FLOW_NONE};

    offer_end(walk, number, price_of(walk, number), ripple);
    for (uint32_t i = 0; i < source->link_count; i++) {
        struct link link = source->links[i];
        int64_t weight = walk->flow->sinks[link.number].next_weight;
        ripple = (struct ripple){RIPPLE_SINK, number, link.number, weight, 0};
        if (weight > 0 && link.number != walk->question->still) {
            offer_end(walk, number, link.cost + price_of(walk, number) - weight, ripple);
        }
    }
}

/* Moves, found from where they lead to. */

static void move_taken(struct walk *walk, uint32_t to)
{
    const struct source *source = &walk->flow->sources[to];

    for (uint32_t i = 0; i < source->link_count; i++) {
        struct link link = source->links[i];
        const struct sink *sink = &walk->flow->sinks[link.number];
        if (link.number == walk->question->still || sink->share_count == 0) {
            continue;
        }
        int64_t step = link.cost + price_of(walk, to) - sink_value(walk->flow, sink);
        for (uint32_t j = 0; j < sink->share_count; j++) {
            uint32_t from = sink->shares[j].source;
            offer_move(walk, from, step, to, (struct ripple_move){link.number, from, to});
        }
    }
}

static void move_added(struct walk *walk, uint32_t from)
{
    const struct source *source = &walk->flow->sources[from];

    for (uint32_t i = 0; i < source->holder_count; i++) {
        uint32_t number = source->holders[i].number;
        const struct sink *sink = &walk->flow->sinks[number];
        int64_t value = sink_value(walk->flow, sink);
        for (uint32_t j = 0; number != walk->question->still && j < sink->link_count; j++) {
            uint32_t to = sink->links[j].number;
            offer_move(walk, to, sink->links[j].cost + price_of(walk, to) - value, from,
                       (struct ripple_move){number, from, to});
        }
    }
}

/* Where ripples can run. */

static void list(struct walk *walk, uint32_t source)
{
    if (!walk->labels[source].is_listed) {
        walk->labels[source].is_listed = true;
        numbers_add(&walk->listed, source);
    }
}

static void list_beyond_taken(struct walk *walk, const struct source *source)
{
    for (uint32_t i = 0; i < source->holder_count; i++) {
        const struct sink *sink = &walk->flow->sinks[source->holders[i].number];
        for (uint32_t j = 0; j < sink->link_count; j++) {
            list(walk, sink->links[j].number);
        }
    }
}

static void list_beyond_added(struct walk *walk, const struct source *source)
{
    for (uint32_t i = 0; i < source->link_count; i++) {
        const struct sink *sink = &walk->flow->sinks[source->links[i].number];
        for (uint32_t j = 0; j < sink->share_count; j++) {
            list(walk, sink->shares[j].source);
        }
    }
}

static void list_all(struct walk *walk)
{
    const struct ripple_question *question = walk->question;
    uint32_t count =
        question->sources == NULL ? walk->flow->source_count : (uint32_t)question->source_count;

    for (uint32_t i = 0; i < count; i++) {
        uint32_t source = question->sources == NULL ? i : question->sources[i];
        if (source < walk->flow->source_count) {
            list(walk, source);
        }
    }
    for (size_t i = 0; i < walk->listed.count; i++) {
        const struct source *source = &walk->flow->sources[walk->listed.items[i]];
        if (question->kind == RIPPLE_TAKEN) {
            list_beyond_taken(walk, source);
        } else {
            list_beyond_added(walk, source);
        }
    }
}

/* A label that is final tells its end, and what the ripple costs in all. */
static void finish(struct walk *walk, uint32_t source)
{
    struct label *label = &walk->labels[source];
    const struct ripple_question *question = walk->question;
    int64_t total = price_of(walk, source) + key_distance(label->key);

    if (!label->is_end) {
        bool is_taken = question->kind == RIPPLE_TAKEN;
        label->ripple = walk->labels[is_taken ? label->move.to : label->move.from].ripple;
    }
    struct ripple *ripple = &label->ripple;
    if (question->kind == RIPPLE_ADDED) {
        ripple->cost = ripple->weight - (price_of(walk, source) - key_distance(label->key));
    } else {
        ripple->cost =
            total - ripple->weight - (ripple->end == RIPPLE_SPARED ? question->worth : 0);
    }
    label->is_final = true;
}

static void run(struct walk *walk)
{
    while (walk->heap_count > 0) {
        struct heap_item item = heap_pop(walk);
        if (walk->labels[item.source].is_final) {
            continue;
        }
        finish(walk, item.source);
        if (walk->question->kind == RIPPLE_TAKEN) {
            move_taken(walk, item.source);
        } else {
            move_added(walk, item.source);
        }
    }
}

void ripples_open(const struct flow *flow, const struct ripple_question *question,
                  struct ripples **ripples)
{
    struct ripples *opened = memory_take(1, sizeof *opened);
    struct walk walk = {.flow = flow, .question = question};

    opened->source_count = flow->source_count;
    opened->labels = memory_take((size_t)flow->source_count + 1, sizeof *opened->labels);
    walk.labels = opened->labels;
    list_all(&walk);
    for (size_t i = 0; i < walk.listed.count; i++) {
        uint32_t source = walk.listed.items[i];
        walk.labels[source].key = KEY_NONE;
        if (question->kind == RIPPLE_TAKEN) {
            end_taken(&walk, source);
        } else {
            end_added(&walk, source);
        }
    }
    run(&walk);
    free(walk.listed.items);
    free(walk.heap);
    *ripples = opened;
}

void ripples_close(struct ripples *ripples)
{
    if (ripples != NULL) {
        free(ripples->labels);
        free(ripples);
    }
}

struct ripple ripples_get(const struct ripples *ripples, uint32_t source)
{
    if (source >= ripples->source_count || !ripples->labels[source].is_final) {
        return (struct ripple){.end = RIPPLE_IMPOSSIBLE, .source = source, .sink = FLOW_NONE};
    }
    return ripples->labels[source].ripple;
}

size_t ripples_moves(const struct ripples *ripples, uint32_t source, struct ripple_move *moves,
                     size_t room)
{
    size_t count = 0;

    while (source < ripples->source_count && ripples->labels[source].is_final &&
           !ripples->labels[source].is_end) {
        const struct ripple_move *move = &ripples->labels[source].move;
        if (count < room) {
            moves[count] = *move;
        }
        count++;
        source = move->from == source ? move->to : move->from;
    }
    return count;
}
