/*
 * candidates.c - the best offers for a need, by branch and bound over a tree of offers.
 *
 * One tree for each product, and one more for its offers without a place. A key is the interleaved
 * bits of latitude and longitude, then the offer's number; a branch parts its offers
 * at the first bit in which their keys differ (a crit-bit tree: Morrison's PATRICIA, 1968), and a
 * leaf holds up to LEAF_SIZE_MAX offers whose bits were not looked at yet. So
 * the depth is bounded by the bits of a key, neighbours share branches, and nothing is ever
 * rebalanced.
 *
 *             bit 3                extent: box, least lead, earliest day, most units,
 *            /     \                       region and country when all agree, lowest number
 *        leaf     bit 9
 *                /     \           A branch's extent joins those of its halves.
 *            leaf       leaf
 *
 * An extent gives a lower bound of (cost, number) for everything below it. The search visits the
 * nearer half first and skips what cannot be among the best kept_max + 1: the answer is exactly
 * that of a scan over all offers, whatever the shape of the tree.
 */
#include "core/match/candidates.h"

#include "core/match/cost.h"
#include "core/match/distance.h"

#include <stdlib.h>
#include <string.h>

#define LEAF_SIZE_MAX 14
#define PLACE_BITS 64
#define KEY_BITS (PLACE_BITS + 32)
#define NODE_NONE UINT32_MAX

struct key {
    uint64_t place;
    uint32_t number;
};

/* What is common to some offers. */
struct extent {
    struct place_box box;     /* Without meaning in a tree of offers without a place. */
    int32_t from_min;         /* First day plus lead days; DAY_NONE when one has no first day. */
    uint32_t lead_min;        /* Days. */
    uint32_t number_min;      /* Of an offer. */
    uint32_t region, country; /* NAME_NONE when not known or not the same for all. */
    uint64_t capacity_max;    /* Units. */
};

struct node {
    struct extent extent;
    uint8_t offer_count; /* 0: a branch. */
    uint8_t bit;         /* Of a branch: where its halves differ, at least 1 in halves[1]. */
    union {
        uint32_t halves[2];
        uint32_t offers[LEAF_SIZE_MAX];
    };
};

enum tree { TREE_PLACED, TREE_UNPLACED, TREE_COUNT };

struct roots { /* Of one product: index + 1 of a node, or 0. */
    uint32_t trees[TREE_COUNT];
};

struct candidate_index {
    struct node *nodes;
    size_t node_count, node_capacity;
    uint32_t free_node; /* A chain by halves[0], NODE_NONE at its end. */
    struct roots *products;
    size_t product_capacity;
};

/* The way from a root to a node: at most one branch for each bit. */
struct path {
    uint32_t nodes[KEY_BITS + 1];
    size_t count;
};

void candidate_index_open(struct candidate_index **index)
{
    *index = memory_take(1, sizeof **index);
    (*index)->free_node = NODE_NONE;
}

void candidate_index_close(struct candidate_index *index)
{
    if (index != NULL) {
        free(index->nodes);
        free(index->products);
        free(index);
    }
}

static uint32_t take_node(struct candidate_index *index)
{
    uint32_t number = index->free_node;

    if (number != NODE_NONE) {
        index->free_node = index->nodes[number].halves[0];
        return number;
    }
    GROW(index->nodes, index->node_capacity, index->node_count + 1);
    return (uint32_t)index->node_count++;
}

static void release_node(struct candidate_index *index, uint32_t number)
{
    index->nodes[number].halves[0] = index->free_node;
    index->free_node = number;
}

/* Keys. */

/* Puts a zero before each bit. */
static uint64_t spread_bits(uint32_t value)
{
    uint64_t bits = value;

    bits = (bits | (bits << 16)) & 0x0000ffff0000ffffu;
    bits = (bits | (bits << 8)) & 0x00ff00ff00ff00ffu;
    bits = (bits | (bits << 4)) & 0x0f0f0f0f0f0f0f0fu;
    bits = (bits | (bits << 2)) & 0x3333333333333333u;
    bits = (bits | (bits << 1)) & 0x5555555555555555u;
    return bits;
}

static struct key key_of(const struct market *market, uint32_t offer)
{
    const struct party *party = &market->parties[market->offers[offer].party];

    if (!party->place.is_known) {
        return (struct key){.place = 0, .number = offer};
    }
    return (struct key){
        .place = spread_bits((uint32_t)party->lat ^ 0x80000000u) << 1 |
                 spread_bits((uint32_t)party->lon ^ 0x80000000u),
        .number = offer,
    };
}

static uint32_t bit_of(const struct key *key, uint32_t bit)
{
    if (bit < PLACE_BITS) {
        return (uint32_t)(key->place >> (PLACE_BITS - 1 - bit)) & 1;
    }
    return key->number >> (KEY_BITS - 1 - bit) & 1;
}

/* The first bit in which two keys differ, KEY_BITS when in none. */
static uint32_t first_difference(const struct key *left, const struct key *right)
{
    if (left->place != right->place) {
        return (uint32_t)__builtin_clzll(left->place ^ right->place);
    }
    if (left->number != right->number) {
        return PLACE_BITS + (uint32_t)__builtin_clz(left->number ^ right->number);
    }
    return KEY_BITS;
}

/* Extents. */

static struct extent extent_of(const struct market *market, uint32_t number)
{
    const struct offer *offer = &market->offers[number];
    const struct party *party = &market->parties[offer->party];
    const struct place *place = &party->place;

    return (struct extent){
        .box = {.low = {place->x, place->y, place->z}, .high = {place->x, place->y, place->z}},
        .from_min = offer->from == DAY_NONE ? DAY_NONE : offer->from + (int32_t)offer->lead_days,
        .lead_min = offer->lead_days,
        .number_min = number,
        .region = party->region,
        .country = party->country,
        .capacity_max = offer->capacity,
    };
}

static int32_t lower(int32_t left, int32_t right)
{
    return left < right ? left : right;
}

static int32_t higher(int32_t left, int32_t right)
{
    return left > right ? left : right;
}

static void join(struct extent *extent, const struct extent *other)
{
    for (int axis = 0; axis < 3; axis++) {
        extent->box.low[axis] = lower(extent->box.low[axis], other->box.low[axis]);
        extent->box.high[axis] = higher(extent->box.high[axis], other->box.high[axis]);
    }
    extent->from_min = lower(extent->from_min, other->from_min);
    extent->lead_min = (uint32_t)min_u64(extent->lead_min, other->lead_min);
    extent->number_min = (uint32_t)min_u64(extent->number_min, other->number_min);
    extent->region = extent->region == other->region ? extent->region : NAME_NONE;
    extent->country = extent->country == other->country ? extent->country : NAME_NONE;
    extent->capacity_max = max_u64(extent->capacity_max, other->capacity_max);
}

static void measure(const struct market *market, uint32_t number)
{
    struct node *nodes = market->index->nodes;
    struct node *node = &nodes[number];

    if (node->offer_count == 0) {
        node->extent = nodes[node->halves[0]].extent;
        join(&node->extent, &nodes[node->halves[1]].extent);
        return;
    }
    node->extent = extent_of(market, node->offers[0]);
    for (uint32_t i = 1; i < node->offer_count; i++) {
        struct extent other = extent_of(market, node->offers[i]);
        join(&node->extent, &other);
    }
}

static void measure_path(const struct market *market, const struct path *path)
{
    for (size_t i = path->count; i > 0; i--) {
        measure(market, path->nodes[i - 1]);
    }
}

/* Adding and removing. */

static uint32_t *root_of(const struct market *market, uint32_t offer)
{
    struct candidate_index *index = market->index;
    const struct offer *known = &market->offers[offer];
    bool is_placed = market->parties[known->party].place.is_known;

    GROW(index->products, index->product_capacity, (size_t)known->product + 1);
    return &index->products[known->product].trees[is_placed ? TREE_PLACED : TREE_UNPLACED];
}

/* Follows `key` down to a leaf, or to the first branch at a later bit than `bit`. */
static void follow(const struct candidate_index *index, uint32_t root, const struct key *key,
                   uint32_t bit, struct path *path)
{
    uint32_t at = root;

    path->count = 0;
    while (index->nodes[at].offer_count == 0 && index->nodes[at].bit <= bit) {
        path->nodes[path->count++] = at;
        at = index->nodes[at].halves[bit_of(key, index->nodes[at].bit)];
    }
    path->nodes[path->count++] = at;
}

static uint32_t make_leaf(const struct market *market, uint32_t offer)
{
    uint32_t number = take_node(market->index);
    struct node *leaf = &market->index->nodes[number];

    leaf->offer_count = 1;
    leaf->offers[0] = offer;
    measure(market, number);
    return number;
}

/* Puts `now` where `before` was: below the last branch of the path, or at the root. */
static void relink(struct candidate_index *index, const struct path *path, uint32_t before,
                   uint32_t now, uint32_t *root)
{
    if (path->count == 0) {
        *root = now + 1;
        return;
    }
    uint32_t *halves = index->nodes[path->nodes[path->count - 1]].halves;
    halves[halves[0] == before ? 0 : 1] = now;
}

/* Puts a branch above the end of the path, with a new leaf for `offer` as its other half. */
static void branch_off(const struct market *market, struct path *path, uint32_t offer, uint32_t bit,
                       uint32_t *root)
{
    struct candidate_index *index = market->index;
    struct key key = key_of(market, offer);
    uint32_t below = path->nodes[--path->count];
    uint32_t leaf = make_leaf(market, offer);
    uint32_t number = take_node(index);
    struct node *branch = &index->nodes[number];
    uint32_t side = bit_of(&key, bit);

    branch->offer_count = 0;
    branch->bit = (uint8_t)bit;
    branch->halves[side] = leaf;
    branch->halves[1 - side] = below;
    relink(index, path, below, number, root);
    path->nodes[path->count++] = number;
}

/* Parts a full leaf at the first bit in which its offers differ. */
static void split(const struct market *market, uint32_t number)
{
    struct candidate_index *index = market->index;
    uint32_t low = take_node(index);
    uint32_t high = take_node(index);
    struct node *halves[2] = {&index->nodes[low], &index->nodes[high]};
    struct node *full = &index->nodes[number];
    struct key first = key_of(market, full->offers[0]);
    uint32_t bit = KEY_BITS;

    for (uint32_t i = 1; i < full->offer_count; i++) {
        struct key key = key_of(market, full->offers[i]);
        bit = (uint32_t)min_u64(bit, first_difference(&first, &key));
    }
    halves[0]->offer_count = 0;
    halves[1]->offer_count = 0;
    for (uint32_t i = 0; i < full->offer_count; i++) {
        struct key key = key_of(market, full->offers[i]);
        struct node *half = halves[bit_of(&key, bit)];
        half->offers[half->offer_count++] = full->offers[i];
    }
    full->offer_count = 0;
    full->bit = (uint8_t)bit;
    full->halves[0] = low;
    full->halves[1] = high;
    measure(market, low);
    measure(market, high);
}

void candidate_index_add(const struct market *market, uint32_t offer)
{
    struct candidate_index *index = market->index;
    uint32_t *root = root_of(market, offer);
    struct key key = key_of(market, offer);
    struct path path;

    if (*root == 0) {
        *root = make_leaf(market, offer) + 1;
        return;
    }
    follow(index, *root - 1, &key, KEY_BITS, &path);
    struct key other = key_of(market, index->nodes[path.nodes[path.count - 1]].offers[0]);
    uint32_t bit = first_difference(&key, &other);
    ENSURE(bit < KEY_BITS);
    follow(index, *root - 1, &key, bit, &path);

    uint32_t end = path.nodes[path.count - 1];
    if (index->nodes[end].offer_count == LEAF_SIZE_MAX) {
        split(market, end);
        follow(index, *root - 1, &key, bit, &path);
        end = path.nodes[path.count - 1];
    }
    struct node *leaf = &index->nodes[end];
    if (leaf->offer_count == 0) {
        branch_off(market, &path, offer, bit, root);
    } else {
        leaf->offers[leaf->offer_count++] = offer;
    }
    measure_path(market, &path);
}

static void drop_from_leaf(struct node *leaf, uint32_t offer)
{
    uint32_t at = 0;

    while (leaf->offers[at] != offer) {
        at++;
        ENSURE(at < leaf->offer_count);
    }
    leaf->offers[at] = leaf->offers[--leaf->offer_count];
}

void candidate_index_remove(const struct market *market, uint32_t offer)
{
    struct candidate_index *index = market->index;
    uint32_t *root = root_of(market, offer);
    struct key key = key_of(market, offer);
    struct path path;

    ENSURE(*root != 0);
    follow(index, *root - 1, &key, KEY_BITS, &path);
    uint32_t end = path.nodes[path.count - 1];
    drop_from_leaf(&index->nodes[end], offer);
    if (index->nodes[end].offer_count == 0) {
        path.count--;
        release_node(index, end);
        if (path.count == 0) {
            *root = 0;
            return;
        }
        /* The branch above has one half left, which takes its place. */
        uint32_t branch = path.nodes[--path.count];
        const uint32_t *halves = index->nodes[branch].halves;
        relink(index, &path, branch, halves[halves[0] == end ? 1 : 0], root);
        release_node(index, branch);
    }
    measure_path(market, &path);
}

/* Searching. */

struct search {
    const struct market *market;
    const struct match_rules *rules;
    uint32_t need_number;
    const struct need *need;
    const struct party *requester;
    bool has_distance; /* Of the tree in hand: both places are known. */
    uint64_t units_min;
    struct candidate *best; /* Ascending. */
    size_t count;
    struct candidate next; /* The best one that is not among them, or the worst there can be. */
};

static const struct candidate worst = {.offer = UINT32_MAX, .cost = UINT32_MAX};

static bool is_better(struct candidate left, struct candidate right)
{
    return left.cost != right.cost ? left.cost < right.cost : left.offer < right.offer;
}

static bool is_all_other(uint32_t known, uint32_t all)
{
    return known != NAME_NONE && all != NAME_NONE && known != all;
}

/* Nothing in `extent` is better than this. */
static struct candidate least_of(const struct search *search, const struct extent *extent)
{
    const struct need *need = search->need;
    uint32_t kilometres = search->has_distance
                              ? place_box_distance(&search->requester->place, &extent->box)
                              : KILOMETRES_UNKNOWN;
    int32_t leaving = cost_later(search->market->today, extent->lead_min, extent->from_min, 0);
    int32_t arrival = cost_arrival(leaving, kilometres);

    if (extent->capacity_max < search->units_min ||
        (need->latest != DAY_NONE && arrival > need->latest)) {
        return worst;
    }
    struct cost_terms terms = {
        .kilometres = kilometres,
        .days_late = cost_days_late(arrival, need->due),
        .other_region = is_all_other(search->requester->region, extent->region),
        .other_country = is_all_other(search->requester->country, extent->country),
    };
    return (struct candidate){
        .offer = extent->number_min,
        .cost = cost_of(search->rules, &terms),
    };
}

/* Keeps `candidate` when it is among the best, and else remembers what it would cost. */
static void consider(struct search *search, struct candidate candidate)
{
    struct candidate *best = search->best;
    size_t at = search->count;

    if (!is_better(candidate, search->next)) {
        return;
    }
    if (search->count < search->rules->kept_max) {
        search->count++;
    } else if (at == 0 || is_better(best[at - 1], candidate)) {
        search->next = candidate;
        return;
    } else {
        search->next = best[--at];
    }
    for (; at > 0 && is_better(candidate, best[at - 1]); at--) {
        best[at] = best[at - 1];
    }
    best[at] = candidate;
}

static void visit(struct search *search, uint32_t number)
{
    const struct node *node = &search->market->index->nodes[number];

    if (node->offer_count > 0) {
        for (uint32_t i = 0; i < node->offer_count; i++) {
            struct match match =
                match_check(search->market, search->rules, search->need_number, node->offers[i]);
            if (match.reason == MATCH_POSSIBLE) {
                consider(search, (struct candidate){.offer = node->offers[i], .cost = match.cost});
            }
        }
        return;
    }
    struct candidate least[2];
    for (int side = 0; side < 2; side++) {
        least[side] = least_of(search, &search->market->index->nodes[node->halves[side]].extent);
    }
    int nearer = is_better(least[1], least[0]) ? 1 : 0;
    for (int turn = 0; turn < 2; turn++) {
        int side = turn == 0 ? nearer : 1 - nearer;
        if (is_better(least[side], search->next)) {
            visit(search, node->halves[side]);
        }
    }
}

size_t match_candidates(const struct market *market, const struct match_rules *rules, uint32_t need,
                        struct candidate *candidates, uint32_t *bound)
{
    ENSURE(need < market->need_ids.count);
    const struct need *known = &market->needs[need];
    const struct party *requester = &market->parties[known->party];
    struct search search = {
        .market = market,
        .rules = rules,
        .need_number = need,
        .need = known,
        .requester = requester,
        .units_min = cost_units_min(market, known),
        .best = candidates,
        .next = worst,
    };
    bool has_offers = known->state == NEED_OPEN && known->product < market->index->product_capacity;

    for (int tree = 0; has_offers && tree < TREE_COUNT; tree++) {
        uint32_t root = market->index->products[known->product].trees[tree];
        search.has_distance = tree == TREE_PLACED && requester->place.is_known;
        if (root != 0) {
            visit(&search, root - 1);
        }
    }
    *bound = search.next.cost;
    return search.count;
}
