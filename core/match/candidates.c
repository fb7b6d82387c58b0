/*
 * candidates.c - the best offers for a need, by best-first search in a tree of offers.
 *
 * One tree for each product, and one more for its offers without a place. A key is the interleaved
 * bits of latitude and longitude, then the offer's number; a branch parts its offers at the first
 * bit in which their keys differ (a crit-bit tree: Morrison's PATRICIA, 1968). So neighbours share
 * branches, the depth is bounded by the bits of a key, and nothing is ever rebalanced.
 *
 *               bit 3
 *              /     \              An extent for each half: the box around its places, least
 *        offer 7     bit 9          lead, earliest day, most units, lowest number, region and
 *                   /     \         country when all agree.
 *              offer 2   offer 4
 *
 * An extent gives a lower bound of (cost, number) for everything in it. The search goes on from the
 * lowest bound until none is below the best kept_max + 1 found so far: it looks into no branch
 * that an exact search could leave out, and the answer is that of a scan over all offers,
 * whatever the shape of the tree. A branch carries the extents of both halves, since a search waits
 * for memory more than for arithmetic.
 */
#include "core/match/candidates.h"

#include "core/match/cost.h"
#include "core/match/distance.h"
#include "core/match/rules.h"

#include <assert.h>
#include <stdlib.h>

#define PLACE_BITS 64
#define KEY_BITS (PLACE_BITS + 32)

/* What hangs in a tree: a branch by its index, from 1, or an offer by its number with this flag;
 * 0 is nothing. */
#define OFFER_FLAG 0x80000000u

#define CACHE_LINE 64 /* Bytes; another size costs time alone. */

static_assert(MARKET_OFFER_COUNT_MAX < OFFER_FLAG, "an offer's number leaves room for the flag");

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
    uint32_t certified;       /* Norms of the product, by bit, that any is certified for. */
    uint64_t capacity_max;    /* Units. */
};

struct branch {
    struct extent extents[2];
    uint32_t halves[2];
    uint32_t bit; /* Of the key: 0 in all of halves[0], 1 in all of halves[1]. */
};

static_assert(sizeof(struct branch) <= 2 * CACHE_LINE, "a branch fits in two cache lines");

/* Offers whose party is certified for a norm of the product hang apart from those of others, so
 * that a search for certified goods does not pass all others. */
enum tree {
    TREE_PLACED,
    TREE_UNPLACED,
    TREE_CERTIFIED,
    TREE_COUNT = 2 * TREE_CERTIFIED, /* Placed, unplaced, and both certified. */
};

struct roots { /* Of one product. */
    uint32_t trees[TREE_COUNT];
};

struct waiting {    /* Something of a tree that a search has yet to look into. */
    uint64_t least; /* As rank_of; a heap compares it all the time. */
    uint32_t hanging;
};

struct frontier {
    struct waiting *heap;
    size_t count, capacity;
};

struct candidate_index {
    struct branch *branches; /* The first one is not used. */
    size_t branch_count, branch_capacity;
    uint32_t free_branch; /* A chain by halves[0], 0 at its end. */
    struct roots *products;
    size_t product_capacity;
    struct frontier frontier; /* Room for searches; empty between them. */
};

/* The way from a root to something: at most one branch for each bit. */
struct path {
    struct {
        uint32_t branch;
        uint32_t side;
    } steps[KEY_BITS];
    size_t count;
};

void candidate_index_open(struct candidate_index **index)
{
    *index = memory_take(1, sizeof **index);
    (*index)->branch_count = 1;
}

void candidate_index_close(struct candidate_index *index)
{
    if (index != NULL) {
        free(index->branches);
        free(index->products);
        free(index->frontier.heap);
        free(index);
    }
}

static uint32_t take_branch(struct candidate_index *index)
{
    uint32_t number = index->free_branch;

    if (number != 0) {
        index->free_branch = index->branches[number].halves[0];
        return number;
    }
    GROW(index->branches, index->branch_capacity, index->branch_count + 1);
    return (uint32_t)index->branch_count++;
}

static void release_branch(struct candidate_index *index, uint32_t number)
{
    index->branches[number].halves[0] = index->free_branch;
    index->free_branch = number;
}

static bool is_offer(uint32_t hanging)
{
    return (hanging & OFFER_FLAG) != 0;
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
        .certified = rules_certified(market, offer),
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
    extent->certified |= other->certified;
    extent->capacity_max = max_u64(extent->capacity_max, other->capacity_max);
}

static struct extent measure(const struct market *market, uint32_t hanging)
{
    if (is_offer(hanging)) {
        return extent_of(market, hanging & ~OFFER_FLAG);
    }
    const struct branch *branch = &market->index->branches[hanging];
    struct extent extent = branch->extents[0];
    join(&extent, &branch->extents[1]);
    return extent;
}

/* From the end of the path up to the root. */
static void measure_path(const struct market *market, const struct path *path)
{
    for (size_t i = path->count; i > 0; i--) {
        struct branch *branch = &market->index->branches[path->steps[i - 1].branch];
        uint32_t side = path->steps[i - 1].side;
        branch->extents[side] = measure(market, branch->halves[side]);
    }
}

/* Adding and removing. */

/* Where the offer belongs, among the certified or the others. */
static uint32_t *root_of(const struct market *market, uint32_t offer, bool is_certified)
{
    struct candidate_index *index = market->index;
    const struct offer *known = &market->offers[offer];
    bool is_placed = market->parties[known->party].place.is_known;

    GROW(index->products, index->product_capacity, (size_t)known->product + 1);
    return &index->products[known->product].trees[(is_certified ? TREE_CERTIFIED : 0) +
                                                  (is_placed ? TREE_PLACED : TREE_UNPLACED)];
}

static bool is_certified(const struct market *market, uint32_t offer)
{
    return rules_certified(market, &market->offers[offer]) != 0;
}

/* Follows `key` down to an offer, or to the first branch at a later bit than `bit`; returns what
 * hangs there. */
static uint32_t follow(const struct candidate_index *index, uint32_t root, const struct key *key,
                       uint32_t bit, struct path *path)
{
    uint32_t at = root;

    path->count = 0;
    while (!is_offer(at) && index->branches[at].bit < bit) {
        uint32_t side = bit_of(key, index->branches[at].bit);
        path->steps[path->count].branch = at;
        path->steps[path->count++].side = side;
        at = index->branches[at].halves[side];
    }
    return at;
}

/* Hangs something at the end of the path, in place of what hung there. */
static void hang(struct candidate_index *index, uint32_t *root, const struct path *path,
                 uint32_t hanging)
{
    if (path->count == 0) {
        *root = hanging;
        return;
    }
    uint32_t side = path->steps[path->count - 1].side;
    index->branches[path->steps[path->count - 1].branch].halves[side] = hanging;
}

void candidate_index_add(const struct market *market, uint32_t offer)
{
    struct candidate_index *index = market->index;
    uint32_t *root = root_of(market, offer, is_certified(market, offer));
    struct key key = key_of(market, offer);
    struct path path;

    if (*root == 0) {
        *root = offer | OFFER_FLAG;
        return;
    }
    uint32_t nearest = follow(index, *root, &key, KEY_BITS, &path);
    struct key other = key_of(market, nearest & ~OFFER_FLAG);
    uint32_t bit = first_difference(&key, &other);
    ENSURE(bit < KEY_BITS);
    uint32_t beside = follow(index, *root, &key, bit, &path);
    uint32_t side = bit_of(&key, bit);
    uint32_t number = take_branch(index);
    struct branch *branch = &index->branches[number];

    branch->bit = bit;
    branch->halves[side] = offer | OFFER_FLAG;
    branch->halves[1 - side] = beside;
    branch->extents[side] = extent_of(market, offer);
    branch->extents[1 - side] = measure(market, beside);
    hang(index, root, &path, number);
    measure_path(market, &path);
}

/* The root of the tree that the offer hangs in, and the way down to it. */
static uint32_t *find(const struct market *market, uint32_t offer, struct path *path)
{
    struct key key = key_of(market, offer);
    uint32_t *root = root_of(market, offer, false);

    if (*root == 0 || follow(market->index, *root, &key, KEY_BITS, path) != (offer | OFFER_FLAG)) {
        root = root_of(market, offer, true);
        ENSURE(*root != 0);
        ENSURE(follow(market->index, *root, &key, KEY_BITS, path) == (offer | OFFER_FLAG));
    }
    return root;
}

void candidate_index_remove(const struct market *market, uint32_t offer)
{
    struct candidate_index *index = market->index;
    struct path path;
    uint32_t *root = find(market, offer, &path);

    if (path.count == 0) {
        *root = 0;
        return;
    }
    /* The branch above has one half left, which takes its place. */
    uint32_t number = path.steps[--path.count].branch;
    uint32_t other = 1 - path.steps[path.count].side;
    hang(index, root, &path, index->branches[number].halves[other]);
    release_branch(index, number);
    measure_path(market, &path);
}

void candidate_index_renew(const struct market *market, uint32_t offer)
{
    struct path path;

    if (find(market, offer, &path) == root_of(market, offer, is_certified(market, offer))) {
        measure_path(market, &path);
        return;
    }
    candidate_index_remove(market, offer);
    candidate_index_add(market, offer);
}

/* Searching. */

struct search {
    const struct market *market;
    const struct match_rules *rules;
    uint32_t need_number;
    const struct need *need;
    const struct party *requester;
    uint64_t units_min;
    bool has_distance; /* Of the tree in hand: both places are known. */
    uint32_t rank;     /* The least one of its product as a substitute. */
    uint32_t needed;   /* Norms that its offers must be certified for, by bit. */
    struct frontier *frontier;
    struct candidate *best; /* Ascending. */
    size_t count;
    uint64_t next; /* The best one that is not among them, or the worst there can be. */
};

/* The order of candidates: by cost, then by number. */
static uint64_t rank_of(uint32_t cost, uint32_t offer)
{
    return (uint64_t)cost << 32 | offer;
}

static const uint64_t worst = UINT64_MAX;

static uint32_t cost_of_rank(uint64_t rank)
{
    return (uint32_t)(rank >> 32);
}

static bool is_all_other(uint32_t known, uint32_t all)
{
    return known != NAME_NONE && all != NAME_NONE && known != all;
}

/* Nothing in `extent` is better than this. */
static uint64_t least_of(const struct search *search, const struct extent *extent)
{
    const struct need *need = search->need;

    if (extent->capacity_max < search->units_min || (search->needed & ~extent->certified) != 0) {
        return worst;
    }
    uint32_t kilometres = search->has_distance
                              ? place_box_distance(&search->requester->place, &extent->box)
                              : KILOMETRES_UNKNOWN;
    int32_t leaving = cost_later(search->market->today, extent->lead_min, extent->from_min, 0);
    int32_t arrival = cost_arrival(leaving, kilometres);
    if (need->latest != DAY_NONE && arrival > need->latest) {
        return worst;
    }
    struct cost_terms terms = {
        .kilometres = kilometres,
        .days_late = cost_days_late(arrival, need->due),
        .other_region = is_all_other(search->requester->region, extent->region),
        .other_country = is_all_other(search->requester->country, extent->country),
        .rank = search->rank,
    };
    return rank_of(cost_of(search->rules, &terms), extent->number_min);
}

/* Keeps a candidate when it is among the best, and else remembers what it would cost. */
static void consider(struct search *search, struct candidate candidate)
{
    struct candidate *best = search->best;
    size_t at = search->count;
    uint64_t rank = rank_of(candidate.cost, candidate.offer);

    if (rank >= search->next) {
        return;
    }
    if (search->count < search->rules->kept_max) {
        search->count++;
    } else if (at == 0 || rank_of(best[at - 1].cost, best[at - 1].offer) < rank) {
        search->next = rank;
        return;
    } else {
        at--;
        search->next = rank_of(best[at].cost, best[at].offer);
    }
    for (; at > 0 && rank < rank_of(best[at - 1].cost, best[at - 1].offer); at--) {
        best[at] = best[at - 1];
    }
    best[at] = candidate;
}

/* The frontier is a heap by what is least (Williams, 1964). */
static void push(struct frontier *frontier, struct waiting waiting)
{
    GROW(frontier->heap, frontier->capacity, frontier->count + 1);
    struct waiting *heap = frontier->heap;
    size_t at = frontier->count++;
    for (; at > 0 && waiting.least < heap[(at - 1) / 2].least; at = (at - 1) / 2) {
        heap[at] = heap[(at - 1) / 2];
    }
    heap[at] = waiting;
}

static struct waiting pop(struct frontier *frontier)
{
    struct waiting *heap = frontier->heap;
    struct waiting first = heap[0];
    struct waiting last = heap[--frontier->count];
    size_t at = 0;

    for (size_t child = 1; child < frontier->count; child = 2 * at + 1) {
        child += child + 1 < frontier->count && heap[child + 1].least < heap[child].least;
        if (heap[child].least >= last.least) {
            break;
        }
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = last;
    return first;
}

static void visit_offer(struct search *search, uint32_t offer)
{
    struct match match = match_check(search->market, search->rules, search->need_number, offer);

    if (match.reason == MATCH_POSSIBLE) {
        consider(search, (struct candidate){.offer = offer, .cost = match.cost});
    }
}

/* Asks for what hangs there before it is read: a search waits for memory most of all. */
static void fetch(const struct market *market, uint32_t hanging)
{
    const char *bytes = is_offer(hanging) ? (const char *)&market->offers[hanging & ~OFFER_FLAG]
                                          : (const char *)&market->index->branches[hanging];

    __builtin_prefetch(bytes);
    __builtin_prefetch(bytes + CACHE_LINE);
}

/* Goes down from a branch to the half that may hold the better offer, and lets the other wait. */
static struct waiting go_down(struct search *search, uint32_t number)
{
    const struct branch *branch = &search->market->index->branches[number];
    uint64_t least[2] = {least_of(search, &branch->extents[0]),
                         least_of(search, &branch->extents[1])};
    uint32_t side = least[1] < least[0];

    fetch(search->market, branch->halves[side]);
    if (least[1 - side] < search->next) {
        fetch(search->market, branch->halves[1 - side]);
        push(search->frontier, (struct waiting){least[1 - side], branch->halves[1 - side]});
    }
    return (struct waiting){least[side], branch->halves[side]};
}

/* Takes what may hold the best offer until nothing can be among the best any more. */
static void search_tree(struct search *search, uint32_t root)
{
    struct frontier *frontier = search->frontier;
    struct waiting next = {.hanging = root};

    frontier->count = 0;
    while (next.least < search->next) {
        if (!is_offer(next.hanging)) {
            next = go_down(search, next.hanging);
            if (frontier->count == 0 || next.least <= frontier->heap[0].least) {
                continue; /* It would come out again at once. */
            }
            push(frontier, next);
        } else {
            visit_offer(search, next.hanging & ~OFFER_FLAG);
        }
        if (frontier->count == 0) {
            return;
        }
        next = pop(frontier);
    }
}

static void search_product(struct search *search, uint32_t product)
{
    const struct candidate_index *index = search->market->index;

    search->rank = rules_least_rank(search->market, search->need->product, product);
    if (product >= index->product_capacity || search->rank == UINT32_MAX) {
        return; /* It has never had an offer, or stands in no more. */
    }
    search->needed = rules_needed(search->market, search->need, product);
    for (int tree = search->needed == 0 ? 0 : TREE_CERTIFIED; tree < TREE_COUNT; tree++) {
        uint32_t root = index->products[product].trees[tree];
        search->has_distance =
            tree % TREE_CERTIFIED == TREE_PLACED && search->requester->place.is_known;
        if (root != 0) {
            search_tree(search, root);
        }
    }
}

size_t match_candidates(const struct market *market, const struct match_rules *rules, uint32_t need,
                        struct candidate *candidates, uint32_t *bound)
{
    ENSURE(need < market->need_ids.count);
    const struct need *known = &market->needs[need];
    uint32_t products[PRODUCT_GIVEN_MAX];
    struct search search = {
        .market = market,
        .rules = rules,
        .need_number = need,
        .need = known,
        .requester = &market->parties[known->party],
        .units_min = cost_units_min(market, known),
        .frontier = &market->index->frontier,
        .best = candidates,
        .next = worst,
    };
    size_t count =
        known->state == NEED_OPEN ? market_given_products(market, known->product, products) : 0;

    for (size_t i = 0; i < count; i++) {
        search_product(&search, products[i]);
    }
    *bound = cost_of_rank(search.next);
    return search.count;
}
