/*
 * keep.c - after a settle, what is told keeps to lots: regions around each fragment.
 *
 * The flow knows no lots. Most needs are told what flows. Only where the flow of a need has
 * fragments, or what was told beside it fits no more, the need becomes a seed:
 *
 *     examine   which needs are seeds: the flow of a pair moved, and it has fragments or bends, or
 *               an offer with bends gives other units, or too many
 *     reset     they are told their flow without its fragments: a safe beginning
 *     solve     around each seed in turn a region: the needs whose bends touch the same offers,
 * then all that such offers could serve, up to REGION_NEED_MAX. Inside it lots.c decides, all
 * others keep what they are told fill      units that this left over are told to any listed need
 * that can take a lot of them, or be completed by them
 *
 * Everything is decided from what flows, what the assignments say and what commitments leave, so a
 * plan restored goes on the same. Without a lot above 1 there is no seed and nothing is done.
 */
#include "core/plan/internal.h"

#include "core/base/mutant.h"
#include "core/plan/lots.h"

#include <stdlib.h>

#define REGION_NEED_MAX 12 /* Needs that are decided on together. */

struct row_pair { /* A need and one of its listed offers. */
    uint32_t offer;
    uint32_t cost;
    int64_t flow;
    int64_t told;
};

struct row {
    struct row_pair *pairs;
    size_t count, capacity;
};

struct posed { /* A pair of the problem. */
    uint32_t need, offer;
    int64_t flow;
};

struct keeping {
    struct marks examined;     /* Needs. */
    struct marks seeds, done;  /* Needs. */
    struct marks moved_offers; /* With bends, where flow moved or does not fit any more. */
    struct marks fill_needs, fill_offers;
    struct marks needs, offers; /* Of the region. */
    bool is_full;               /* There was no room for a need that belongs to it. */
    struct row row;
    uint32_t *numbers;
    size_t number_capacity;
    /* The problem of the region. */
    struct lots_need *lots_needs;
    int64_t *amounts;
    int64_t *left;
    struct lots_pair *pairs;
    int64_t *told;
    struct posed *posed;
    size_t need_capacity, amount_capacity, left_capacity, pair_capacity, told_capacity;
    size_t posed_capacity;
    struct plan_lot_work work;
};

void plan_keep_open(struct plan *plan)
{
    plan->keeping = memory_take(1, sizeof *plan->keeping);
}

void plan_keep_close(struct plan *plan)
{
    struct keeping *keeping = plan->keeping;
    struct marks *marks[] = {&keeping->examined,     &keeping->seeds,      &keeping->done,
                             &keeping->moved_offers, &keeping->fill_needs, &keeping->fill_offers,
                             &keeping->needs,        &keeping->offers};
    void *owned[] = {keeping->row.pairs, keeping->numbers, keeping->lots_needs,
                     keeping->amounts,   keeping->left,    keeping->pairs,
                     keeping->told,      keeping->posed,   keeping};

    for (size_t i = 0; i < COUNT_OF(marks); i++) {
        marks_deinit(marks[i]);
    }
    for (size_t i = 0; i < COUNT_OF(owned); i++) {
        free(owned[i]);
    }
}

struct plan_lot_work plan_lot_work(const struct plan *plan)
{
    return plan->keeping->work;
}

/* Rows. */

static int64_t lot_of(const struct plan *plan, uint32_t need)
{
    return (int64_t)plan->market->products[plan->market->needs[need].product].lot;
}

static int64_t rest_of(const struct plan *plan, uint32_t need)
{
    if (!plan_need_is_open(plan, need)) {
        return 0;
    }
    return max_i64(0, (int64_t)plan->market->needs[need].quantity - plan->needs[need].fixed);
}

/* What the need may still be told. */
static int64_t missing_of(const struct plan *plan, uint32_t need)
{
    return rest_of(plan, need) - plan_told_units(plan, need);
}

int64_t plan_need_missing(const struct plan *plan, uint32_t need)
{
    return max_i64(0, missing_of(plan, need));
}

/* The listed offers of a need, in the order of their slots; borrowed until the next call. */
static const struct row *list_row(const struct plan *plan, uint32_t need)
{
    struct row *row = &plan->keeping->row;
    size_t count;
    const struct flow_arc *arcs = flow_arcs(plan->flow, need, &count);

    row->count = 0;
    GROW(row->pairs, row->capacity, count);
    for (size_t i = 0; i < count; i++) {
        uint32_t offer = slots_owner(&plan->slots, arcs[i].source);
        struct row_pair *pair = &row->pairs[row->count];
        if (row->count > 0 && pair[-1].offer == offer) {
            pair[-1].flow += arcs[i].units;
            pair[-1].cost = (uint32_t)min_u64(pair[-1].cost, arcs[i].cost);
        } else {
            *pair = (struct row_pair){.offer = offer, .cost = arcs[i].cost, .flow = arcs[i].units};
            row->count++;
        }
    }
    for (size_t i = 0; i < row->count; i++) {
        struct row_pair *pair = &row->pairs[i];
        pair->told = pair->flow + plan_bend(plan, need, pair->offer);
    }
    return row;
}

static bool row_is_lotted(const struct row *row, int64_t lot, int64_t rest)
{
    int64_t told = 0;
    size_t fragment_count = 0;

    for (size_t i = 0; i < row->count; i++) {
        int64_t units = row->pairs[i].told;
        told += units;
        fragment_count += units > 0 && units < lot;
    }
    return fragment_count == 0 || (fragment_count == 1 && told == rest) || MUTANT(39);
}

bool plan_is_lotted(const struct plan *plan, uint32_t need)
{
    int64_t lot = lot_of(plan, need);

    return lot <= 1 || row_is_lotted(list_row(plan, need), lot, rest_of(plan, need));
}

static void tell(struct plan *plan, uint32_t need, const struct row_pair *pair, int64_t units)
{
    plan_set_bend(plan, need, pair->offer, units - pair->flow);
    plan_note_moved(plan, need, pair->offer);
}

/* Withholds what is too small. */
static void withhold_fragments(struct plan *plan, uint32_t need)
{
    const struct row *row = list_row(plan, need);
    int64_t lot = lot_of(plan, need);

    if (row_is_lotted(row, lot, rest_of(plan, need))) {
        return;
    }
    for (size_t i = 0; i < row->count; i++) {
        if (row->pairs[i].told > 0 && row->pairs[i].told < lot) {
            plan->keeping->work.fragments += row->pairs[i].told == row->pairs[i].flow;
            tell(plan, need, &row->pairs[i], 0);
            marks_add(&plan->keeping->fill_offers, row->pairs[i].offer);
        }
    }
}

/* Examining. */

/* Whether what flows is not what was told and bent at the last settle. */
static bool has_moved(const struct plan *plan, uint32_t need, uint32_t offer)
{
    uint32_t number = plan_find_unfixed(plan, need, offer);
    struct plan_share told = plan_told(plan, need, offer);

    if (number == 0) {
        return told.units != 0;
    }
    return plan->assignments[number].quantity != told.units ||
           plan->assignments[number].day != told.day;
}

static void examine_offer(struct plan *plan, uint32_t offer)
{
    struct keeping *keeping = plan->keeping;

    if (marks_has(&keeping->fill_offers, offer)) {
        return; /* Looked at already. */
    }
    if (plan->offers[offer].first_bend != 0 && !plan_told_fits(plan, offer)) {
        marks_add(&keeping->moved_offers, offer);
    }
    marks_add(&keeping->fill_offers, offer);
}

/* What was bent may lead nowhere now, or be too much. */
static bool is_broken(const struct plan *plan, uint32_t need)
{
    int64_t listed = 0;

    if (!plan_is_lotted(plan, need)) {
        return true;
    }
    if (plan->needs[need].first_bend == 0) {
        return false;
    }
    const struct row *row = list_row(plan, need);
    for (size_t i = 0; i < row->count; i++) {
        listed += row->pairs[i].told;
    }
    return listed != plan_told_units(plan, need) || listed > rest_of(plan, need);
}

/* It lacks units while a listed offer has some that lots keep from others. */
static bool is_lacking(const struct plan *plan, uint32_t need)
{
    bool is_found = false;

    if (plan->bend_count == 0 || missing_of(plan, need) <= 0) {
        return false;
    }
    const struct row *row = list_row(plan, need);
    for (size_t i = 0; i < row->count && !is_found; i++) {
        is_found = plan_spare(plan, row->pairs[i].offer) > 0;
    }
    return is_found;
}

static void examine_need(struct plan *plan, uint32_t need, bool has_changed)
{
    bool is_bent = plan->needs[need].first_bend != 0;

    if ((has_changed && (is_bent || is_lacking(plan, need))) || is_broken(plan, need)) {
        marks_add(&plan->keeping->seeds, need);
    }
    marks_add(&plan->keeping->examined, need);
}

static void examine_moved(struct plan *plan)
{
    struct keeping *keeping = plan->keeping;
    bool is_moved = false;

    for (size_t i = 0; i < plan->moved_count; i++) {
        uint32_t need = (uint32_t)(plan->moved[i] >> 32);
        uint32_t offer = (uint32_t)plan->moved[i];
        bool is_last = i + 1 == plan->moved_count || plan->moved[i + 1] >> 32 != need;
        if (plan->bend_count > 0 && has_moved(plan, need, offer)) {
            is_moved = true;
            if (plan->offers[offer].first_bend != 0) {
                marks_add(&keeping->moved_offers, offer);
            }
        }
        if (plan->bend_count > 0) {
            examine_offer(plan, offer);
        }
        if (is_last) {
            examine_need(plan, need, is_moved);
            is_moved = false;
        }
    }
}

/* Those that share an offer whose units have to be shared anew. */
static void examine_bends(struct plan *plan)
{
    struct keeping *keeping = plan->keeping;

    for (size_t i = 0; i < keeping->moved_offers.count; i++) {
        uint32_t at = plan->offers[keeping->moved_offers.items[i]].first_bend;
        for (; at != 0; at = plan->bends[at - 1].next_of_offer) {
            marks_add(&keeping->seeds, plan->bends[at - 1].need);
        }
    }
}

static void examine(struct plan *plan)
{
    examine_moved(plan);
    for (size_t i = 0; i < plan->touched_needs.count; i++) {
        examine_need(plan, plan->touched_needs.items[i], true);
    }
    for (size_t i = 0; i < plan->touched_offers.count && plan->bend_count > 0; i++) {
        examine_offer(plan, plan->touched_offers.items[i]);
    }
    for (size_t i = 0; i < plan->grown_needs.count && plan->bend_count > 0; i++) {
        marks_add(&plan->keeping->examined, plan->grown_needs.items[i]);
    }
    examine_bends(plan);
}

/* Resetting. */

/* At an offer where nothing moved, what is withheld stays so: others may have been told it. */
static bool stays_withheld(const struct plan *plan, const struct bend *bend)
{
    return bend->units < 0 && !marks_has(&plan->keeping->moved_offers, bend->offer) &&
           plan_share(plan, bend->need, bend->offer).units + bend->units >= 0;
}

static void reset(struct plan *plan, uint32_t need)
{
    uint32_t at = plan->needs[need].first_bend;

    while (at != 0) {
        const struct bend bend = plan->bends[at - 1];
        at = bend.next_of_need;
        plan_note_moved(plan, need, bend.offer);
        marks_add(&plan->keeping->fill_offers, bend.offer);
        if (!stays_withheld(plan, &bend)) {
            plan_set_bend(plan, need, bend.offer, 0);
        }
    }
    withhold_fragments(plan, need);
}

/* Regions. */

/* A need brings the offers that give it something, or could: they have some left. */
static void add_need(struct plan *plan, uint32_t need)
{
    struct keeping *keeping = plan->keeping;

    if (marks_has(&keeping->needs, need)) {
        return;
    }
    if (keeping->needs.count == REGION_NEED_MAX) {
        keeping->is_full = true;
        return;
    }
    marks_add(&keeping->needs, need);
    const struct row *row = list_row(plan, need);
    for (size_t i = 0; i < row->count; i++) {
        const struct row_pair *pair = &row->pairs[i];
        if (pair->flow > 0 || pair->told > 0 || plan_spare(plan, pair->offer) > 0) {
            marks_add(&keeping->offers, pair->offer);
        }
    }
}

static int compare_numbers(const void *left, const void *right)
{
    uint32_t a = *(const uint32_t *)left;
    uint32_t b = *(const uint32_t *)right;

    return (a > b) - (a < b);
}

static void add_bent(struct plan *plan, uint32_t offer)
{
    struct keeping *keeping = plan->keeping;
    size_t count = 0;

    for (uint32_t at = plan->offers[offer].first_bend; at != 0;
         at = plan->bends[at - 1].next_of_offer) {
        GROW(keeping->numbers, keeping->number_capacity, count + 1);
        keeping->numbers[count++] = plan->bends[at - 1].need;
    }
    if (count > 1) {
        qsort(keeping->numbers, count, sizeof *keeping->numbers, compare_numbers);
    }
    for (size_t i = 0; i < count; i++) {
        add_need(plan, keeping->numbers[i]);
    }
}

/* Copies those that have an arc to a slot; returns how many. */
static size_t list_sinks(struct plan *plan, uint32_t slot)
{
    size_t count = flow_sinks(plan->flow, slot, NULL, 0);

    GROW(plan->needs_of, plan->needs_of_capacity, count);
    flow_sinks(plan->flow, slot, plan->needs_of, count);
    return count;
}

static void add_listed(struct plan *plan, uint32_t offer)
{
    struct slot_range range = plan->offers[offer].range;

    for (uint32_t i = 0; i < range.count; i++) {
        size_t count = list_sinks(plan, range.first + i);
        for (size_t j = 0; j < count && !plan->keeping->is_full; j++) {
            uint32_t need = plan->needs_of[j];
            if (missing_of(plan, need) > 0 || plan_told(plan, need, offer).units > 0) {
                add_need(plan, need);
            }
        }
    }
}

static void find_region(struct plan *plan, uint32_t seed)
{
    struct keeping *keeping = plan->keeping;

    marks_clear(&keeping->needs);
    marks_clear(&keeping->offers);
    keeping->is_full = false;
    add_need(plan, seed);
    for (size_t i = 0; i < keeping->offers.count; i++) {
        add_bent(plan, keeping->offers.items[i]);
    }
    for (size_t i = 0; i < keeping->offers.count; i++) {
        add_listed(plan, keeping->offers.items[i]);
    }
    marks_sort(&keeping->offers);
    keeping->work.regions++;
    keeping->work.regions_full += keeping->is_full;
}

/* Needs of higher classes choose first. */
static int compare_needs(const void *left, const void *right, void *context)
{
    const struct plan *plan = context;
    uint32_t a = *(const uint32_t *)left;
    uint32_t b = *(const uint32_t *)right;
    uint8_t class_of_a = plan->market->needs[a].class_number;
    uint8_t class_of_b = plan->market->needs[b].class_number;

    if (class_of_a != class_of_b) {
        return class_of_a < class_of_b ? -1 : 1;
    }
    return (a > b) - (a < b);
}

static void sort_needs(struct plan *plan, struct marks *needs)
{
    if (needs->count > 1) {
        qsort_r(needs->items, needs->count, sizeof *needs->items, compare_needs, plan);
    }
}

/* Takes back all that the needs of the region are told, so that what is spare is theirs. */
static void take_back(struct plan *plan)
{
    const struct keeping *keeping = plan->keeping;

    for (size_t i = 0; i < keeping->needs.count; i++) {
        uint32_t need = keeping->needs.items[i];
        const struct row *row = list_row(plan, need);
        for (size_t j = 0; j < row->count; j++) {
            if (row->pairs[j].flow > 0 || row->pairs[j].told > 0) {
                tell(plan, need, &row->pairs[j], 0);
            }
        }
    }
}

static size_t offer_index(const struct keeping *keeping, uint32_t offer)
{
    const uint32_t *found = bsearch(&offer, keeping->offers.items, keeping->offers.count,
                                    sizeof offer, compare_numbers);

    ENSURE(found != NULL);
    return (size_t)(found - keeping->offers.items);
}

/* What the need was told before this settle. */
static int64_t told_before(const struct plan *plan, uint32_t need, uint32_t offer)
{
    uint32_t number = plan_find_unfixed(plan, need, offer);

    return number == 0 ? 0 : plan->assignments[number].quantity;
}

/* Proposes what flows, as far as the region has it. */
static size_t pose_need(struct plan *plan, size_t index, size_t pair_count)
{
    struct keeping *keeping = plan->keeping;
    uint32_t need = keeping->needs.items[index];
    const struct row *row = list_row(plan, need);

    keeping->lots_needs[index] = (struct lots_need){
        .rest = rest_of(plan, need),
        .lot = lot_of(plan, need),
        .class_number = plan->market->needs[need].class_number,
    };
    for (size_t i = 0; i < row->count; i++) {
        const struct row_pair *pair = &row->pairs[i];
        if (!marks_has(&keeping->offers, pair->offer)) {
            continue;
        }
        size_t offer = offer_index(keeping, pair->offer);
        int64_t units = max_i64(0, min_i64(pair->flow, keeping->left[offer]));
        GROW(keeping->pairs, keeping->pair_capacity, pair_count + 1);
        GROW(keeping->told, keeping->told_capacity, pair_count + 1);
        GROW(keeping->posed, keeping->posed_capacity, pair_count + 1);
        keeping->left[offer] -= units;
        keeping->told[pair_count] = told_before(plan, need, pair->offer);
        keeping->posed[pair_count] =
            (struct posed){.need = need, .offer = pair->offer, .flow = pair->flow};
        keeping->pairs[pair_count++] = (struct lots_pair){
            .need = (uint32_t)index, .offer = (uint32_t)offer, .cost = pair->cost, .units = units};
    }
    return pair_count;
}

static void pose(struct plan *plan, struct lots_problem *problem)
{
    struct keeping *keeping = plan->keeping;
    size_t pair_count = 0;

    GROW(keeping->lots_needs, keeping->need_capacity, keeping->needs.count);
    GROW(keeping->amounts, keeping->amount_capacity, keeping->offers.count);
    GROW(keeping->left, keeping->left_capacity, keeping->offers.count);
    for (size_t i = 0; i < keeping->offers.count; i++) {
        keeping->amounts[i] = max_i64(0, plan_spare(plan, keeping->offers.items[i]));
        keeping->left[i] = keeping->amounts[i];
    }
    for (size_t i = 0; i < keeping->needs.count; i++) {
        pair_count = pose_need(plan, i, pair_count);
    }
    *problem = (struct lots_problem){
        .needs = keeping->lots_needs,
        .need_count = keeping->needs.count,
        .offers = keeping->amounts,
        .offer_count = keeping->offers.count,
        .pairs = keeping->pairs,
        .pair_count = pair_count,
        .told = keeping->told,
    };
}

/* Tells the pairs what was found, those first that get no more than flows: they have their days. */
static void tell_all(struct plan *plan, size_t pair_count, bool beyond_flow)
{
    const struct keeping *keeping = plan->keeping;

    for (size_t i = 0; i < pair_count; i++) {
        const struct posed *posed = &keeping->posed[i];
        int64_t units = keeping->pairs[i].units;
        if (units == 0 || (units > posed->flow) != beyond_flow) {
            continue;
        }
        int32_t day = plan_told(plan, posed->need, posed->offer).day;
        int64_t spare = max_i64(0, plan_spare_by(plan, posed->offer, day));
        const struct row_pair pair = {.offer = posed->offer, .flow = posed->flow};
        tell(plan, posed->need, &pair, min_i64(units, spare));
    }
}

static void solve_region(struct plan *plan)
{
    struct keeping *keeping = plan->keeping;
    struct lots_problem problem;

    sort_needs(plan, &keeping->needs);
    take_back(plan);
    pose(plan, &problem);
    lots_repair(&problem);
    tell_all(plan, problem.pair_count, false);
    tell_all(plan, problem.pair_count, true);
    for (size_t i = 0; i < keeping->needs.count; i++) {
        withhold_fragments(plan, keeping->needs.items[i]);
        marks_add(&keeping->done, keeping->needs.items[i]);
        marks_add(&keeping->fill_needs, keeping->needs.items[i]);
    }
    for (size_t i = 0; i < keeping->offers.count; i++) {
        marks_add(&keeping->fill_offers, keeping->offers.items[i]);
    }
}

static void solve(struct plan *plan)
{
    struct keeping *keeping = plan->keeping;

    sort_needs(plan, &keeping->seeds);
    for (size_t i = 0; i < keeping->seeds.count; i++) {
        uint32_t seed = keeping->seeds.items[i];
        if (!marks_has(&keeping->done, seed) && plan_need_is_open(plan, seed)) {
            find_region(plan, seed);
            solve_region(plan);
        }
    }
}

/* Filling. */

/* More units that the pair can be told, 0 when none. */
static int64_t more_for(const struct plan *plan, uint32_t need, const struct row_pair *pair)
{
    int64_t missing = missing_of(plan, need);
    int64_t units = min_i64(missing, plan_spare(plan, pair->offer));
    int64_t lot = lot_of(plan, need);

    if (units <= 0 || (pair->told + units < lot && units < missing)) {
        return 0;
    }
    int32_t day = plan_told(plan, need, pair->offer).day;
    units = min_i64(units, plan_spare_by(plan, pair->offer, day));
    bool is_lotted = pair->told + units >= lot || units == missing;
    return units > 0 && is_lotted ? units : 0;
}

/* The cheapest pair that can be told more, NULL for none. */
static const struct row_pair *find_more(const struct plan *plan, uint32_t need)
{
    const struct row *row = list_row(plan, need);
    const struct row_pair *best = NULL;

    for (size_t i = 0; i < row->count; i++) {
        const struct row_pair *pair = &row->pairs[i];
        if ((best == NULL || pair->cost < best->cost) && more_for(plan, need, pair) > 0) {
            best = pair;
        }
    }
    return best;
}

uint32_t plan_find_idle(const struct plan *plan, uint32_t need)
{
    const struct row_pair *pair = missing_of(plan, need) > 0 ? find_more(plan, need) : NULL;

    return pair == NULL ? NAME_NONE : pair->offer;
}

static void fill_need(struct plan *plan, uint32_t need)
{
    for (const struct row_pair *pair = find_more(plan, need); pair != NULL;
         pair = missing_of(plan, need) > 0 ? find_more(plan, need) : NULL) {
        tell(plan, need, pair, pair->told + more_for(plan, need, pair));
    }
}

/* The needs that lack something and could have it of this offer. */
static void add_lacking(struct plan *plan, uint32_t offer)
{
    struct slot_range range = plan->offers[offer].range;
    int64_t spare = plan_spare(plan, offer);

    for (uint32_t i = 0; i < range.count && spare > 0; i++) {
        size_t count = list_sinks(plan, range.first + i);
        for (size_t j = 0; j < count; j++) {
            if (missing_of(plan, plan->needs_of[j]) > 0) {
                marks_add(&plan->keeping->fill_needs, plan->needs_of[j]);
            }
        }
    }
}

static void fill(struct plan *plan)
{
    struct keeping *keeping = plan->keeping;

    for (size_t i = 0; i < keeping->fill_offers.count; i++) {
        add_lacking(plan, keeping->fill_offers.items[i]);
    }
    for (size_t i = 0; i < keeping->examined.count; i++) {
        marks_add(&keeping->fill_needs, keeping->examined.items[i]);
    }
    sort_needs(plan, &keeping->fill_needs);
    for (size_t i = 0; i < keeping->fill_needs.count; i++) {
        uint32_t need = keeping->fill_needs.items[i];
        if (missing_of(plan, need) > 0) {
            fill_need(plan, need);
        }
    }
}

void plan_keep_to_lots(struct plan *plan)
{
    struct keeping *keeping = plan->keeping;
    struct marks *marks[] = {&keeping->examined,   &keeping->seeds,        &keeping->done,
                             &keeping->fill_needs, &keeping->moved_offers, &keeping->fill_offers};

    examine(plan);
    for (size_t i = 0; i < keeping->seeds.count; i++) {
        reset(plan, keeping->seeds.items[i]);
    }
    solve(plan);
    if (plan->bend_count > 0) {
        fill(plan);
    }
    plan_sort_moved(plan);
    for (size_t i = 0; i < COUNT_OF(marks); i++) {
        marks_clear(marks[i]);
    }
}
