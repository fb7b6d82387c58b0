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
 *     wait        D(s) = y(t) - y(s) + D(t)                 for t before s, or after it where units
 * of s wait
 *
 * and what the ripple of a unit added to s saves less than y(s):
 *
 *     kept        D(s) = y(s)
 *     take        D(s) = c(m,s) + y(s) - next_weight(m)
 *     move        D(s) = c(m,s) + y(s) - v(m) + D(t)        for a sink m that t serves
 *     wait        D(s) = y(s) - y(t) + D(t)                 for t after s, or before it where units
 *                                                           wait for s
 *
 * Each source has two labels: the best way to any end, and the best way to the end at another sink,
 * so that who asks can be left out as an end. Moves cost at least 0, since the flow is optimal, so
 * the labels become final in ascending order. Of equal ways the one with fewest moves wins, then
 * the one that is found first in the order of numbers. First the sources that ripples can reach
 * from those asked for are listed: only their ends count, and a network of many products is not
 * walked for one of them. An added unit is kept at no cost by a source without a price, and no
 * ripple is cheaper, so nothing is looked for beyond one.
 */
#include "core/flow/ripple.h"
#include "core/flow/search.h"

#include <stdlib.h>

struct label {
    int64_t key;          /* D and, below it, the moves to the end (search.h); or KEY_NONE. */
    uint32_t next_source; /* Where the first move leads, and to which of its labels. */
    uint8_t next_label;
    bool is_final;
    bool is_end;    /* No move. */
    uint32_t mover; /* The sink that moves. */
    struct ripple ripple;
};

/* The best ripple, and the best one that ends at another sink. */
#define LABEL_COUNT 2
struct labels {
    struct label items[LABEL_COUNT];
};

struct ripples {
    enum ripple_kind kind;
    uint32_t source_count;
    uint32_t *places; /* By source: index + 1 in `labels`, 0 when it is not listed. */
    struct labels *labels;
};

struct walk {
    const struct flow *flow;
    const struct ripple_question *question;
    uint32_t *places;
    struct labels *labels;
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

static struct labels *labels_of(const struct walk *walk, uint32_t source)
{
    return &walk->labels[walk->places[source] - 1];
}

static bool keeps_added(const struct walk *walk, uint32_t source)
{
    return price_of(walk, source) == 0;
}

/* The label of the source that a ripple to the end `sink` may have: that of the same end, else the
 * dearer one. */
static struct label *label_for(struct labels *labels, uint32_t sink)
{
    struct label *chosen = &labels->items[0];

    for (size_t i = 0; i < LABEL_COUNT; i++) {
        struct label *label = &labels->items[i];
        if (label->key != KEY_NONE && label->ripple.sink == sink) {
            return label;
        }
        if (label->key > chosen->key) {
            chosen = label;
        }
    }
    return chosen;
}

static bool is_listed(const struct walk *walk, uint32_t source)
{
    return walk->places[source] != 0;
}

/* The source is listed. */
static void improve(struct walk *walk, uint32_t source, struct label fresh)
{
    struct label *label = label_for(labels_of(walk, source), fresh.ripple.sink);

    if (!label->is_final && fresh.key < label->key) {
        *label = fresh;
        heap_push(walk, (struct heap_item){.key = fresh.key, .source = source});
    }
}

static void offer_end(struct walk *walk, uint32_t source, int64_t distance, struct ripple ripple)
{
    ripple.source = source;
    improve(walk, source,
            (struct label){.key = key_of(distance), .is_end = true, .ripple = ripple});
}

/* A label that has just become final, to those whose first move can lead there. */
struct front {
    uint32_t source;
    uint8_t label;
};

static void offer_move(struct walk *walk, uint32_t source, int64_t step, struct front front,
                       uint32_t mover)
{
    const struct label *next = &labels_of(walk, front.source)->items[front.label];

    if (source != front.source && is_listed(walk, source)) {
        improve(walk, source,
                (struct label){.key = key_next(next->key) + key_of(step),
                               .next_source = front.source,
                               .next_label = front.label,
                               .mover = mover,
                               .ripple = next->ripple});
    }
}

/* Ends. */

static void end_taken(struct walk *walk, uint32_t number)
{
    const struct source *source = &walk->flow->sources[number];
    struct ripple ripple = {.end = RIPPLE_FREE, .sink = FLOW_NONE};

    if (source->free > 0) {
        offer_end(walk, number, 0, ripple);
    }
    for (uint32_t i = 0; i < source->holder_count; i++) {
        struct link holder = source->holders[i];
        const struct sink *sink = &walk->flow->sinks[holder.number];
        const struct share *share = share_find(sink, number);
        int64_t weight = sink->last_weight;
        ripple = (struct ripple){.end = RIPPLE_SINK, .sink = holder.number, .weight = weight};
        if (holder.number != walk->question->still && share->units > 0) {
            int64_t saved = cost_down(walk->flow, share) + price_of(walk, number);
            offer_end(walk, number, weight - saved, ripple);
        }
    }
    if (number == walk->question->spared) {
        ripple = (struct ripple){.end = RIPPLE_SPARED, .sink = FLOW_NONE};
        offer_end(walk, number, walk->question->worth - price_of(walk, number), ripple);
    }
}

static void end_added(struct walk *walk, uint32_t number)
{
    const struct source *source = &walk->flow->sources[number];
    struct ripple ripple = {.end = RIPPLE_FREE, .sink = FLOW_NONE};

    offer_end(walk, number, price_of(walk, number), ripple);
    for (uint32_t i = 0; i < source->link_count && !keeps_added(walk, number); i++) {
        struct link link = source->links[i];
        const struct sink *sink = &walk->flow->sinks[link.number];
        int64_t weight = sink->next_weight;
        int64_t cost = arc_cost_up(walk->flow, sink, number, link.cost);
        ripple = (struct ripple){.end = RIPPLE_SINK, .sink = link.number, .weight = weight};
        if (weight > 0 && link.number != walk->question->still) {
            offer_end(walk, number, cost + price_of(walk, number) - weight, ripple);
        }
    }
}

/* Moves, found from where they lead to. */

/* What the sink saves with a unit less of the share's source. */
static int64_t saving_of(const struct walk *walk, const struct share *share)
{
    return cost_down(walk->flow, share) + price_of(walk, share->source);
}

static void move_taken(struct walk *walk, struct front front)
{
    const struct source *source = &walk->flow->sources[front.source];

    for (uint32_t i = 0; i < source->link_count; i++) {
        struct link link = source->links[i];
        const struct sink *sink = &walk->flow->sinks[link.number];
        int64_t cost = arc_cost_up(walk->flow, sink, front.source, link.cost);
        cost += price_of(walk, front.source);
        for (uint32_t j = 0; link.number != walk->question->still && j < sink->share_count; j++) {
            const struct share *share = &sink->shares[j];
            if (share->units > 0) {
                offer_move(walk, share->source, cost - saving_of(walk, share), front, link.number);
            }
        }
    }
}

static void move_added(struct walk *walk, struct front front)
{
    const struct source *source = &walk->flow->sources[front.source];

    for (uint32_t i = 0; i < source->holder_count; i++) {
        uint32_t number = source->holders[i].number;
        const struct sink *sink = &walk->flow->sinks[number];
        const struct share *share = share_find(sink, front.source);
        bool is_mover = number != walk->question->still && share->units > 0;
        for (uint32_t j = 0; is_mover && j < sink->link_count; j++) {
            struct link link = sink->links[j];
            int64_t cost = arc_cost_up(walk->flow, sink, link.number, link.cost);
            cost += price_of(walk, link.number);
            offer_move(walk, link.number, cost - saving_of(walk, share), front, number);
        }
    }
}

static void wait_taken(struct walk *walk, struct front front)
{
    const struct source *source = &walk->flow->sources[front.source];
    int64_t price = price_of(walk, front.source);

    if (source->next != FLOW_NONE) {
        offer_move(walk, source->next, price - price_of(walk, source->next), front, FLOW_NONE);
    }
    if (waits_from(walk->flow, source->previous)) {
        offer_move(walk, source->previous, price - price_of(walk, source->previous), front,
                   FLOW_NONE);
    }
}

static void wait_added(struct walk *walk, struct front front)
{
    const struct source *source = &walk->flow->sources[front.source];
    int64_t price = price_of(walk, front.source);

    if (source->previous != FLOW_NONE) {
        offer_move(walk, source->previous, price_of(walk, source->previous) - price, front,
                   FLOW_NONE);
    }
    if (source->waiting > 0) {
        offer_move(walk, source->next, price_of(walk, source->next) - price, front, FLOW_NONE);
    }
}

/* Where ripples can run. */

static void list(struct walk *walk, uint32_t source)
{
    if (source < walk->flow->source_count && !is_listed(walk, source)) {
        numbers_add(&walk->listed, source);
        walk->places[source] = (uint32_t)walk->listed.count;
    }
}

static void list_beyond_taken(struct walk *walk, const struct source *source)
{
    list(walk, source->previous);
    list(walk, source->waiting > 0 ? source->next : FLOW_NONE);
    for (uint32_t i = 0; i < source->holder_count; i++) {
        const struct sink *sink = &walk->flow->sinks[source->holders[i].number];
        for (uint32_t j = 0; j < sink->link_count; j++) {
            list(walk, sink->links[j].number);
        }
    }
}

static void list_beyond_added(struct walk *walk, const struct source *source)
{
    list(walk, source->next);
    list(walk, waits_from(walk->flow, source->previous) ? source->previous : FLOW_NONE);
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
        list(walk, question->sources == NULL ? i : question->sources[i]);
    }
    for (size_t i = 0; i < walk->listed.count; i++) {
        uint32_t number = walk->listed.items[i];
        const struct source *source = &walk->flow->sources[number];
        if (question->kind == RIPPLE_TAKEN) {
            list_beyond_taken(walk, source);
        } else if (!keeps_added(walk, number)) {
            list_beyond_added(walk, source);
        }
    }
}

static struct labels *take_labels(size_t count)
{
    struct labels *labels = memory_take(count, sizeof *labels);

    for (size_t i = 0; i < count; i++) {
        labels[i].items[0].key = KEY_NONE;
        labels[i].items[1].key = KEY_NONE;
    }
    return labels;
}

static_assert(LABEL_COUNT == 2, "take_labels sets each");

/* What the moves of the source's ripple cost, from what it costs or saves in all. */
static int64_t cost_of(const struct walk *walk, uint32_t source, const struct label *label)
{
    int64_t price = price_of(walk, source);
    int64_t distance = key_distance(label->key);

    if (walk->question->kind == RIPPLE_ADDED) {
        return label->ripple.weight - (price - distance);
    }
    int64_t forgone = label->ripple.end == RIPPLE_SPARED ? walk->question->worth : 0;
    return price + distance - label->ripple.weight - forgone;
}

static void finish(struct walk *walk, struct front front)
{
    struct label *label = &labels_of(walk, front.source)->items[front.label];

    label->is_final = true;
    label->ripple.cost = cost_of(walk, front.source, label);
    if (walk->question->kind == RIPPLE_TAKEN) {
        wait_taken(walk, front);
        move_taken(walk, front);
    } else {
        wait_added(walk, front);
        move_added(walk, front);
    }
}

/* An item of the heap whose label has improved since finds none of its key. */
static void run(struct walk *walk)
{
    while (walk->heap_count > 0) {
        struct heap_item item = heap_pop(walk);
        for (uint8_t i = 0; i < LABEL_COUNT; i++) {
            const struct label *label = &labels_of(walk, item.source)->items[i];
            if (!label->is_final && label->key == item.key) {
                finish(walk, (struct front){.source = item.source, .label = i});
                break;
            }
        }
    }
}

void ripples_open(struct flow *flow, const struct ripple_question *question,
                  struct ripples **ripples)
{
    struct ripples *opened = memory_take(1, sizeof *opened);
    struct walk walk = {.flow = flow, .question = question};

    list_links(flow);
    opened->kind = question->kind;
    opened->source_count = flow->source_count;
    opened->places = memory_take((size_t)flow->source_count + 1, sizeof *opened->places);
    walk.places = opened->places;
    list_all(&walk);
    opened->labels = take_labels(walk.listed.count);
    walk.labels = opened->labels;
    for (size_t i = 0; i < walk.listed.count; i++) {
        if (question->kind == RIPPLE_TAKEN) {
            end_taken(&walk, walk.listed.items[i]);
        } else {
            end_added(&walk, walk.listed.items[i]);
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
        free(ripples->places);
        free(ripples);
    }
}

/* The cheapest one that does not end at the sink `other_than`, or NULL. */
static const struct label *best_label(const struct ripples *ripples, uint32_t source,
                                      uint32_t other_than)
{
    const struct label *best = NULL;

    if (source >= ripples->source_count || ripples->places[source] == 0) {
        return NULL;
    }
    for (size_t i = 0; i < LABEL_COUNT; i++) {
        const struct label *label = &ripples->labels[ripples->places[source] - 1].items[i];
        bool is_other = label->ripple.end != RIPPLE_SINK || label->ripple.sink != other_than;
        if (label->is_final && is_other && (best == NULL || label->key < best->key)) {
            best = label;
        }
    }
    return best;
}

struct ripple ripples_get(const struct ripples *ripples, uint32_t source, uint32_t other_than)
{
    const struct label *label = best_label(ripples, source, other_than);

    if (label == NULL) {
        return (struct ripple){.end = RIPPLE_IMPOSSIBLE, .source = source, .sink = FLOW_NONE};
    }
    return label->ripple;
}

size_t ripples_moves(const struct ripples *ripples, uint32_t source, uint32_t other_than,
                     struct ripple_move *moves, size_t room)
{
    const struct label *label = best_label(ripples, source, other_than);
    size_t count = 0;

    for (; label != NULL && !label->is_end; count++) {
        uint32_t next = label->next_source;
        bool is_taken = ripples->kind == RIPPLE_TAKEN;
        if (count < room) {
            moves[count] = (struct ripple_move){.sink = label->mover,
                                                .from = is_taken ? source : next,
                                                .to = is_taken ? next : source};
        }
        label = &ripples->labels[ripples->places[next] - 1].items[label->next_label];
        source = next;
    }
    return count;
}
