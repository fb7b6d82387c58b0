/*
 * simplex.c - the tree.
 *
 * One node more than there are slots, the hub, gives what stays unserved and takes what slots keep.
 * A basis is a spanning tree of hub, slots and portions. Most portions are leaves of it: their one
 * arc carries all they want, so their place is kept with the portion and not in the tree. Only
 * portions with several arcs, the joints, are nodes; there are never more of them than slots. So a
 * pivot walks and shifts tens of nodes on one day and hundreds on thirty, where the slots of a line
 * hang on one another, however many needs there are.
 *
 *     price(hub) = 0,   price(to) = price(from) + cost on every arc of the tree
 *
 * The thread leads through all nodes, parents before children and each subtree in one piece, so
 * shifting the prices of a subtree follows it from the top to the last. A slot counts one in the
 * sizes of the subtrees it is in, a joint nothing: it comes and goes without a change above it.
 *
 * Costs of arcs of the tree are not kept: they are differences of prices. An arc enters when
 * price(from) + cost < price(to). All arcs are without bounds, so a tree arc that points away from
 * the hub carries something (it can not be pushed back otherwise), one that points to it may be
 * empty; the arc that leaves is the last that runs empty along the cycle from its apex, which keeps
 * it so. No basis then comes back (Cunningham, "A network simplex method", 1976).
 *
 * Arcs are priced need by need, round and round: a need's arcs lie side by side, and its portions
 * share the cheapest. Of a block of needs the portion that gains the most enters.
 *
 * The start serves portions by falling weight, and size, from the cheapest slot that has something
 * left.
 */
#include "core/flow/simplex.h"

#include "core/base/sort.h"

#include <stdlib.h>

#define PORTION_MASK (((uint32_t)1 << 31) - 1)
#define BLOCK_SIZE 8 /* Needs, or slots, that are priced before the best enters. */

/* A node, and the arc between it and its parent. */
struct simplex_node {
    int64_t flow;
    uint32_t parent;
    uint32_t size;         /* Slots in its subtree. */
    uint32_t previous;     /* In the thread. */
    uint32_t last;         /* Of its subtree in the thread. */
    unsigned portion : 31; /* Of a joint. */
    unsigned gives : 1;    /* The arc points to the parent. */
};

/* An arc that may enter. `to` is a node, or SIMPLEX_NONE for a portion that is no joint. */
struct entering {
    int64_t gain; /* What a unit saves; 0 when there is none. */
    int64_t cost;
    uint32_t from;
    uint32_t to;
    uint32_t portion;
};

/* What the cycle of an entering arc allows. */
struct cycle {
    int64_t units;
    uint32_t
        leaving; /* The node whose arc to its parent runs empty; SIMPLEX_NONE: the portion's. */
    uint32_t apex;
    bool on_giving_side; /* It lies between `from` and the apex. */
};

static void follow(struct simplex *simplex, uint32_t node, uint32_t next)
{
    simplex->threads[node] = next;
    simplex->nodes[next].previous = node;
}

/* From `node` up, subtrees that ended with `old` end with `last`. */
static void change_last(struct simplex *simplex, uint32_t node, uint32_t old, uint32_t last)
{
    struct simplex_node *nodes = simplex->nodes;

    while (node != SIMPLEX_NONE && nodes[node].last == old) {
        nodes[node].last = last;
        node = nodes[node].parent;
    }
}

/* Puts a subtree that is nowhere behind its new parent. Sizes above are the caller's. */
static void link_subtree(struct simplex *simplex, uint32_t parent, uint32_t top)
{
    uint32_t last = simplex->nodes[top].last;

    simplex->nodes[top].parent = parent;
    follow(simplex, last, simplex->threads[parent]);
    follow(simplex, parent, top);
    change_last(simplex, parent, parent, last);
}

static void unlink_subtree(struct simplex *simplex, uint32_t top)
{
    struct simplex_node *nodes = simplex->nodes;
    uint32_t previous = nodes[top].previous;
    uint32_t last = nodes[top].last;

    follow(simplex, previous, simplex->threads[last]);
    change_last(simplex, nodes[top].parent, last, previous);
}

static uint32_t take_joint(struct simplex *simplex, uint32_t portion)
{
    uint32_t joint = simplex->spare;

    ENSURE(joint != SIMPLEX_NONE);
    simplex->spare = simplex->nodes[joint].parent;
    simplex->nodes[joint] = (struct simplex_node){.last = joint, .portion = portion & PORTION_MASK};
    simplex->problem->portions[portion].joint = joint;
    return joint;
}

/* A joint without children hangs on its parent alone: it becomes a leaf. */
static void release_joint(struct simplex *simplex, uint32_t node)
{
    uint32_t parent = simplex->nodes[node].parent;

    if (node <= simplex->hub || simplex->nodes[node].size > 0) {
        return;
    }
    struct simplex_portion *portion = &simplex->problem->portions[simplex->nodes[node].portion];
    ENSURE(simplex->nodes[node].flow == portion->units);
    portion->joint = SIMPLEX_NONE;
    portion->from = parent;
    portion->cost = simplex->prices[node] - simplex->prices[parent];
    unlink_subtree(simplex, node);
    simplex->nodes[node].parent = simplex->spare;
    simplex->spare = node;
}

static void shift_subtree(struct simplex *simplex, uint32_t top, int64_t change)
{
    const uint32_t *threads = simplex->threads;
    int64_t *prices = simplex->prices;
    uint32_t last = simplex->nodes[top].last;

    prices[top] += change;
    for (uint32_t node = top; node != last;) {
        node = threads[node];
        prices[node] += change;
    }
}

static void change_sizes(struct simplex *simplex, uint32_t node, uint32_t apex, uint32_t change)
{
    for (; node != apex; node = simplex->nodes[node].parent) {
        simplex->nodes[node].size += change;
    }
}

/* Puts the thread of the subtree of `end`, which is nowhere, in the order it has with `start` as
 * its top: what is below `start`, then on the way up what of each is not there yet. */
static void turn_thread(struct simplex *simplex, uint32_t start, uint32_t end)
{
    struct simplex_node *nodes = simplex->nodes;
    uint32_t tail = nodes[start].last;
    uint32_t last = tail;
    uint32_t after = simplex->threads[last];
    uint32_t before = nodes[start].previous;

    for (uint32_t node = start; node != end;) {
        node = nodes[node].parent;
        uint32_t above = nodes[node].previous;
        follow(simplex, tail, node);
        tail = before;
        if (nodes[node].last != last) {
            follow(simplex, before, after);
            last = nodes[node].last;
            after = simplex->threads[last];
            tail = last;
        }
        before = above;
    }
    nodes[start].last = tail;
}

/* The arcs from `start` up to `end` turn around, `start` becomes the top. Every other node on the
 * way keeps all but what was below the one before it. */
static void turn_arcs(struct simplex *simplex, uint32_t start, uint32_t end)
{
    struct simplex_node *nodes = simplex->nodes;
    struct simplex_node below = nodes[start];
    uint32_t total = nodes[end].size;

    nodes[start].size = total;
    for (uint32_t child = start; child != end;) {
        uint32_t node = below.parent;
        struct simplex_node old = nodes[node];
        nodes[node].parent = child;
        nodes[node].flow = below.flow;
        nodes[node].gives = !below.gives;
        nodes[node].size = total - below.size;
        nodes[node].last = nodes[start].last;
        below = old;
        child = node;
    }
}

/* Cuts `end` off, turns the arcs from `start` up to it around and hangs `start` on `parent`. `apex`
 * is above both places. */
static void hang(struct simplex *simplex, uint32_t start, uint32_t end, uint32_t parent,
                 uint32_t apex)
{
    struct simplex_node *nodes = simplex->nodes;
    uint32_t size = nodes[end].size;

    change_sizes(simplex, nodes[end].parent, apex, -size);
    change_sizes(simplex, parent, apex, size);
    unlink_subtree(simplex, end);
    turn_thread(simplex, start, end);
    turn_arcs(simplex, start, end);
    link_subtree(simplex, parent, start);
}

/* Grows on the way up. A joint has the size of its slots together, so it comes after them. */
static uint64_t rank(const struct simplex *simplex, uint32_t node)
{
    return 2 * (uint64_t)simplex->nodes[node].size + (node > simplex->hub);
}

/* Walks both sides of the cycle up to the apex. The flow runs down the side of `giver` and up that
 * of `taker`. Of arcs that run empty at once the last one along it leaves, see above. */
static void find_leaving(const struct simplex *simplex, uint32_t giver, uint32_t taker,
                         struct cycle *cycle)
{
    const struct simplex_node *nodes = simplex->nodes;
    int64_t giving_units = INT64_MAX;
    uint32_t giving = SIMPLEX_NONE;

    while (giver != taker) {
        if (rank(simplex, giver) < rank(simplex, taker)) {
            if (nodes[giver].gives && nodes[giver].flow < giving_units) {
                giving_units = nodes[giver].flow;
                giving = giver;
            }
            giver = nodes[giver].parent;
        } else {
            if (!nodes[taker].gives && nodes[taker].flow <= cycle->units) {
                cycle->units = nodes[taker].flow;
                cycle->leaving = taker;
            }
            taker = nodes[taker].parent;
        }
    }
    cycle->apex = giver;
    if (giving_units < cycle->units) {
        *cycle = (struct cycle){
            .units = giving_units, .leaving = giving, .apex = giver, .on_giving_side = true};
    }
}

static void push(struct simplex *simplex, uint32_t giver, uint32_t taker, const struct cycle *cycle)
{
    struct simplex_node *nodes = simplex->nodes;

    for (; giver != cycle->apex; giver = nodes[giver].parent) {
        nodes[giver].flow += nodes[giver].gives ? -cycle->units : cycle->units;
    }
    for (; taker != cycle->apex; taker = nodes[taker].parent) {
        nodes[taker].flow += nodes[taker].gives ? cycle->units : -cycle->units;
    }
}

/* The tree after the arc of `cycle->leaving` has gone and the entering one has come. */
static void exchange(struct simplex *simplex, const struct entering *entering,
                     const struct cycle *cycle)
{
    uint32_t cut_from = simplex->nodes[cycle->leaving].parent;
    bool gives = cycle->on_giving_side;
    uint32_t top = gives ? entering->from : entering->to;

    hang(simplex, top, cycle->leaving, gives ? entering->to : entering->from, cycle->apex);
    simplex->nodes[top].flow = cycle->units;
    simplex->nodes[top].gives = gives;
    shift_subtree(simplex, top, gives ? entering->gain : -entering->gain);
    release_joint(simplex, cycle->leaving);
    release_joint(simplex, cut_from);
}

static void become_joint(struct simplex *simplex, struct entering *entering, int64_t flow)
{
    struct simplex_portion *portion = &simplex->problem->portions[entering->portion];
    uint32_t joint = take_joint(simplex, entering->portion);

    link_subtree(simplex, portion->from, joint);
    simplex->nodes[joint].flow = flow;
    simplex->prices[joint] = simplex->prices[portion->from] + portion->cost;
    entering->to = joint;
}

static void pivot_leaf(struct simplex *simplex, struct entering *entering)
{
    struct simplex_portion *portion = &simplex->problem->portions[entering->portion];
    struct cycle cycle = {.units = portion->units, .leaving = SIMPLEX_NONE};

    find_leaving(simplex, entering->from, portion->from, &cycle);
    push(simplex, entering->from, portion->from, &cycle);
    if (cycle.leaving == SIMPLEX_NONE) {
        portion->from = entering->from;
        portion->cost = entering->cost;
        return;
    }
    become_joint(simplex, entering, portion->units - cycle.units);
    exchange(simplex, entering, &cycle);
}

static void pivot(struct simplex *simplex, struct entering *entering)
{
    struct cycle cycle = {.units = INT64_MAX, .leaving = SIMPLEX_NONE};

    simplex->pivot_count++;
    if (entering->to == SIMPLEX_NONE) {
        pivot_leaf(simplex, entering);
        return;
    }
    find_leaving(simplex, entering->from, entering->to, &cycle);
    ENSURE(cycle.leaving != SIMPLEX_NONE);
    push(simplex, entering->from, entering->to, &cycle);
    exchange(simplex, entering, &cycle);
}

static int64_t portion_price(const struct simplex *simplex, const struct simplex_portion *portion)
{
    return portion->joint != SIMPLEX_NONE ? simplex->prices[portion->joint]
                                          : simplex->prices[portion->from] + portion->cost;
}

static struct entering find_arc(const struct simplex *simplex, uint32_t start, int64_t price)
{
    const struct simplex_arc *arc = &simplex->problem->arcs[start];

    while (arc->cost + simplex->prices[arc->slot] != price) {
        arc++;
    }
    return (struct entering){.cost = arc->cost, .from = arc->slot};
}

/* Which arc is the cheapest matters seldom, so looking it up is kept out of the loop. */
static void price_need(const struct simplex *simplex, uint32_t number, struct entering *best)
{
    const struct simplex_problem *problem = simplex->problem;
    const struct simplex_need *need = &problem->needs[number];
    uint32_t start = number > 0 ? need[-1].arcs_end : 0;
    uint32_t portion = number > 0 ? need[-1].portions_end : 0;
    int64_t least = INT64_MAX;

    for (uint32_t i = start; i < need->arcs_end; i++) {
        least = min_i64(least, problem->arcs[i].cost + simplex->prices[problem->arcs[i].slot]);
    }
    for (; portion < need->portions_end; portion++) {
        int64_t weight = problem->portions[portion].weight;
        int64_t gain = portion_price(simplex, &problem->portions[portion]) - min_i64(least, weight);
        if (gain > best->gain) {
            *best = weight < least ? (struct entering){.cost = weight, .from = simplex->hub}
                                   : find_arc(simplex, start, least);
            best->gain = gain;
            best->to = problem->portions[portion].joint;
            best->portion = portion;
        }
    }
}

static void price_slot(const struct simplex *simplex, uint32_t slot, struct entering *best)
{
    uint32_t next = simplex->problem->slots[slot].next;
    int64_t price = simplex->prices[slot];

    if (-price > best->gain) {
        *best = (struct entering){.gain = -price, .from = slot, .to = simplex->hub};
    }
    if (next != SIMPLEX_NONE && simplex->prices[next] - price > best->gain) {
        *best = (struct entering){.gain = simplex->prices[next] - price, .from = slot, .to = next};
    }
}

/* Needs and slots are numbered on. */
static void price(const struct simplex *simplex, uint32_t number, struct entering *best)
{
    if (number < simplex->problem->need_count) {
        price_need(simplex, number, best);
    } else {
        price_slot(simplex, number - simplex->problem->need_count, best);
    }
}

static void improve(struct simplex *simplex)
{
    uint32_t count = simplex->problem->need_count + simplex->problem->slot_count;
    uint32_t at = 0;

    for (uint32_t seen = 0; seen < count;) {
        struct entering best = {0};
        for (uint32_t i = 0; i < BLOCK_SIZE; i++) {
            price(simplex, at, &best);
            at = at + 1 < count ? at + 1 : 0;
        }
        seen += BLOCK_SIZE;
        if (best.gain > 0) {
            pivot(simplex, &best);
            seen = 0;
        }
    }
}

/* The last slot up to `slot` in its chain that has something left, or SIMPLEX_NONE. */
static uint32_t find_left(const struct simplex *simplex, uint32_t slot)
{
    while (slot != SIMPLEX_NONE &&
           (simplex->nodes[slot].parent != simplex->hub || simplex->nodes[slot].flow == 0)) {
        slot = simplex->before[slot];
    }
    return slot;
}

/* The cheapest arc of the need whose slot, or one before it, has something left. */
static const struct simplex_arc *find_cheapest(const struct simplex *simplex, uint32_t need)
{
    const struct simplex_problem *problem = simplex->problem;
    const struct simplex_arc *cheapest = NULL;

    for (uint32_t i = need > 0 ? problem->needs[need - 1].arcs_end : 0;
         i < problem->needs[need].arcs_end; i++) {
        const struct simplex_arc *arc = &problem->arcs[i];
        if ((cheapest == NULL || arc->cost < cheapest->cost) &&
            find_left(simplex, arc->slot) != SIMPLEX_NONE) {
            cheapest = arc;
        }
    }
    return cheapest;
}

/* Takes up to `units` out of the slot, first its own, then what waits from before. Slots in between
 * are empty and hang on the hub, or on the slot before them already. */
static int64_t take_from(struct simplex *simplex, uint32_t slot, int64_t units)
{
    int64_t taken = 0;
    uint32_t left = find_left(simplex, slot);

    while (taken < units && left != SIMPLEX_NONE) {
        int64_t part = min_i64(units - taken, simplex->nodes[left].flow);
        for (uint32_t node = slot; node != left; node = simplex->before[node]) {
            if (simplex->nodes[node].parent == simplex->hub) {
                hang(simplex, node, node, simplex->before[node], simplex->hub);
                simplex->nodes[node].gives = false;
            }
            simplex->nodes[node].flow += part;
        }
        simplex->nodes[left].flow -= part;
        taken += part;
        left = find_left(simplex, slot);
    }
    return taken;
}

/* Hangs the empty slot, and what it hangs on, on the joint that emptied it. */
static void hang_on_joint(struct simplex *simplex, uint32_t joint, const struct simplex_arc *arc,
                          int64_t units)
{
    uint32_t top = arc->slot;

    while (simplex->nodes[top].parent != simplex->hub) {
        top = simplex->nodes[top].parent;
    }
    hang(simplex, arc->slot, top, joint, simplex->hub);
    simplex->nodes[arc->slot].flow = units;
    simplex->nodes[arc->slot].gives = true;
    simplex->prices[arc->slot] = -(int64_t)arc->cost;
}

/* Until the tree stands, the price of a node is its difference to its parent. */
static void serve(struct simplex *simplex, uint32_t need, uint32_t number)
{
    struct simplex_portion *portion = &simplex->problem->portions[number];
    int64_t left = portion->units;

    portion->joint = SIMPLEX_NONE;
    portion->from = simplex->hub;
    portion->cost = portion->weight;
    for (;;) {
        const struct simplex_arc *arc = find_cheapest(simplex, need);
        int64_t units = arc != NULL ? take_from(simplex, arc->slot, left) : left;
        if (units == left) {
            portion->from = arc != NULL ? arc->slot : simplex->hub;
            portion->cost = arc != NULL ? (int64_t)arc->cost : portion->weight;
            break;
        }
        left -= units;
        if (portion->joint == SIMPLEX_NONE) {
            link_subtree(simplex, simplex->hub, take_joint(simplex, number));
        }
        hang_on_joint(simplex, portion->joint, arc, units);
    }
    if (portion->joint != SIMPLEX_NONE) {
        hang(simplex, portion->joint, portion->joint, portion->from, simplex->hub);
        simplex->nodes[portion->joint].flow = left;
        simplex->prices[portion->joint] = portion->cost;
    }
}

/* The portions by falling weight, then units, then number. */
static void list_turns(const struct simplex_problem *problem, struct keyed *turns)
{
    struct keyed *scratch = memory_take(problem->portion_count, sizeof *scratch);

    for (uint32_t i = 0; i < problem->portion_count; i++) {
        turns[i] = (struct keyed){.key = ~(uint64_t)problem->portions[i].units, .number = i};
    }
    keyed_sort(turns, scratch, problem->portion_count);
    for (uint32_t i = 0; i < problem->portion_count; i++) {
        turns[i].key = ~(uint64_t)problem->portions[turns[i].number].weight;
    }
    keyed_sort(turns, scratch, problem->portion_count);
    free(scratch);
}

static void serve_all(struct simplex *simplex)
{
    const struct simplex_problem *problem = simplex->problem;
    struct keyed *turns = memory_take(problem->portion_count, sizeof *turns);
    uint32_t *needs = memory_take(problem->portion_count, sizeof *needs); /* By portion. */

    for (uint32_t need = 0, i = 0; need < problem->need_count; need++) {
        for (; i < problem->needs[need].portions_end; i++) {
            needs[i] = need;
        }
    }
    list_turns(problem, turns);
    for (uint32_t i = 0; i < problem->portion_count; i++) {
        serve(simplex, needs[turns[i].number], turns[i].number);
    }
    free(needs);
    free(turns);
}

/* Every slot hangs on the hub and keeps what it has. */
static void plant(struct simplex *simplex)
{
    const struct simplex_problem *problem = simplex->problem;
    uint32_t node_count = 2 * problem->slot_count + 2;

    GROW(simplex->nodes, simplex->node_capacity, node_count);
    GROW(simplex->threads, simplex->thread_capacity, node_count);
    GROW(simplex->prices, simplex->price_capacity, node_count);
    GROW(simplex->before, simplex->before_capacity, problem->slot_count);
    simplex->hub = problem->slot_count;
    simplex->spare = SIMPLEX_NONE;
    simplex->nodes[simplex->hub] = (struct simplex_node){.parent = SIMPLEX_NONE,
                                                         .size = problem->slot_count + 1,
                                                         .previous = simplex->hub,
                                                         .last = simplex->hub};
    simplex->threads[simplex->hub] = simplex->hub;
    simplex->prices[simplex->hub] = 0;
    for (uint32_t i = 0; i < problem->slot_count; i++) {
        simplex->before[i] = SIMPLEX_NONE;
    }
    for (uint32_t i = 0; i < problem->slot_count; i++) {
        if (problem->slots[i].next != SIMPLEX_NONE) {
            simplex->before[problem->slots[i].next] = i;
        }
        simplex->nodes[i] = (struct simplex_node){
            .flow = problem->slots[i].units, .size = 1, .last = i, .gives = true};
        simplex->prices[i] = 0;
        link_subtree(simplex, simplex->hub, i);
    }
    for (uint32_t i = node_count; i-- > simplex->hub + 1;) {
        simplex->nodes[i].parent = simplex->spare;
        simplex->spare = i;
    }
}

static void sum_prices(struct simplex *simplex)
{
    const uint32_t *threads = simplex->threads;

    for (uint32_t node = threads[simplex->hub]; node != simplex->hub; node = threads[node]) {
        simplex->prices[node] += simplex->prices[simplex->nodes[node].parent];
    }
}

void simplex_solve(struct simplex *simplex, struct simplex_problem *problem)
{
    simplex->problem = problem;
    plant(simplex);
    serve_all(simplex);
    sum_prices(simplex);
    improve(simplex);
}

static void take_arc(const struct simplex *simplex, struct simplex_taker taker, uint32_t slot,
                     int64_t units)
{
    if (slot != simplex->hub && units > 0) {
        taker.take(taker.context, slot, units);
    }
}

void simplex_each_share(const struct simplex *simplex, uint32_t number, struct simplex_taker taker)
{
    const struct simplex_portion *portion = &simplex->problem->portions[number];
    const struct simplex_node *nodes = simplex->nodes;

    if (portion->joint == SIMPLEX_NONE) {
        take_arc(simplex, taker, portion->from, portion->units);
        return;
    }
    take_arc(simplex, taker, nodes[portion->joint].parent, nodes[portion->joint].flow);
    for (uint32_t node = simplex->threads[portion->joint]; nodes[node].parent == portion->joint;
         node = simplex->threads[nodes[node].last]) {
        take_arc(simplex, taker, node, nodes[node].flow);
    }
}

int64_t simplex_waiting(const struct simplex *simplex, uint32_t slot)
{
    const struct simplex_node *nodes = simplex->nodes;
    uint32_t next = simplex->problem->slots[slot].next;

    if (next == SIMPLEX_NONE) {
        return 0;
    }
    if (nodes[slot].parent == next) {
        return nodes[slot].flow;
    }
    return nodes[next].parent == slot ? nodes[next].flow : 0;
}

void simplex_deinit(struct simplex *simplex)
{
    free(simplex->nodes);
    free(simplex->threads);
    free(simplex->prices);
    free(simplex->before);
    *simplex = (struct simplex){0};
}
