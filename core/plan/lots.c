/*
 * lots.c - branch and bound over fragments, whose first descent is the answer for large parts.
 *
 * The problem falls into parts that share no offer and no need. A part's state is a flow between
 * bounds that starts as what is proposed. As long as a fragment is left, each of its three fates
 * gives a new state:
 *
 *     raise      low = lot                 takes units off other pairs, down to their bounds
 *     complete   high = lot - 1            and its need must get all its rest
 *     close      high = 0
 *
 * What a fate sets free is then given away along augmenting paths, so a state has all the units
 * that its bounds allow, and that bounds what its descendants can have. The descent takes the fate
 * that keeps most units; small parts are searched on from there until no fate can be better, or
 * the budget ends.
 */
#include "core/plan/lots.h"

#include "core/plan/part.h"

#include "core/model/record.h"

#include <stdlib.h>
#include <string.h>

#define NODE_COUNT_MAX 2000 /* The budget of a part's search. */
#define VISIT_COUNT_MAX 8   /* Offers that a path visits in a large part. */
#define NONE UINT32_MAX

enum fate { FATE_RAISE, FATE_COMPLETE, FATE_CLOSE, FATE_COUNT };

struct value { /* Units by class; more of a higher one is better. */
    int64_t units[CLASS_COUNT + 1];
};

struct change {
    int64_t *cell;
    int64_t before;
};

struct state {                   /* All arrays in one block, each change is logged. */
    int64_t *units, *low, *high; /* By pair. */
    int64_t *given;              /* By need. */
    int64_t *completer;          /* By need: the pair that must complete it + 1, or 0. */
    int64_t *spare;              /* By offer. */
    int64_t *is_stuck;           /* By offer: its spare units were in vain. */
    struct value value;
    bool is_exact; /* Rebuild after each fate: slower, misses nothing. */
    struct change *log;
    size_t log_count, log_capacity;
};

static void state_open(const struct part *part, struct state *state)
{
    size_t size = 3 * part->pair_count + 2 * part->need_count + 2 * part->offer_count;
    int64_t *block = memory_take(size + 1, sizeof *block);

    *state = (struct state){.units = block};
    state->low = state->units + part->pair_count;
    state->high = state->low + part->pair_count;
    state->given = state->high + part->pair_count;
    state->completer = state->given + part->need_count;
    state->spare = state->completer + part->need_count;
    state->is_stuck = state->spare + part->offer_count;
}

static void state_close(struct state *state)
{
    free(state->units);
    free(state->log);
}

static void put(struct state *state, int64_t *cell, int64_t value)
{
    GROW(state->log, state->log_capacity, state->log_count + 1);
    state->log[state->log_count++] = (struct change){.cell = cell, .before = *cell};
    *cell = value;
}

/* Back to how it was when the log had `count` changes. */
static void undo(struct state *state, size_t count)
{
    while (state->log_count > count) {
        const struct change *change = &state->log[--state->log_count];
        *change->cell = change->before;
    }
}

static void state_start(const struct part *part, struct state *state)
{
    memcpy(state->spare, part->offers, part->offer_count * sizeof *state->spare);
    for (size_t i = 0; i < part->pair_count; i++) {
        const struct lots_pair *pair = &part->pairs[i];
        state->units[i] = pair->units;
        state->high[i] = INT64_MAX;
        state->given[pair->need] += pair->units;
        state->spare[pair->offer] -= pair->units;
        state->value.units[part->needs[pair->need].class_number] += pair->units;
    }
}

/* Gives the pair so many units more, or less. */
static void shift(const struct part *part, struct state *state, uint32_t pair, int64_t units)
{
    uint32_t need = part->pairs[pair].need;
    uint32_t offer = part->pairs[pair].offer;
    int64_t *of_class = &state->value.units[part->needs[need].class_number];

    if (units == 0) {
        return;
    }
    put(state, &state->units[pair], state->units[pair] + units);
    put(state, &state->given[need], state->given[need] + units);
    put(state, &state->spare[offer], state->spare[offer] - units);
    put(state, of_class, *of_class + units);
    if (units < 0) {
        put(state, &state->is_stuck[offer], 0);
    }
}

static int64_t need_room(const struct part *part, const struct state *state, uint32_t need)
{
    return part->needs[need].rest - state->given[need];
}

/* The first pair of the need, if any, that is smaller than a lot and may not be. One alone may
 * when the need gets all its rest; among several it must be settled which one. */
static uint32_t fragment_of_need(const struct part *part, const struct state *state, uint32_t need)
{
    bool is_complete = need_room(part, state, need) == 0;
    uint32_t first = NONE;
    size_t count = 0;

    for (uint32_t i = part->need_starts[need]; i < part->need_starts[need + 1]; i++) {
        bool is_completer = is_complete && state->completer[need] == (int64_t)i + 1;
        if (state->units[i] > 0 && state->units[i] < part->needs[need].lot && !is_completer) {
            first = first == NONE ? i : first;
            count++;
        }
    }
    bool is_settled = is_complete && count == 1 && state->completer[need] == 0;
    return is_settled ? NONE : first;
}

/* Looks from need `*from` on, around once; moves it to where a fragment is. */
static uint32_t find_fragment(const struct part *part, const struct state *state, uint32_t *from)
{
    for (size_t count = 0; count < part->need_count; count++) {
        uint32_t pair = fragment_of_need(part, state, *from);
        if (pair != NONE) {
            return pair;
        }
        *from = *from + 1 == part->need_count ? 0 : *from + 1;
    }
    return NONE;
}

/* Whether spare units of an offer may go to the pair. Large parts open a pair only when that makes
 * no new fragment: each would have to be looked at. */
static bool may_take(const struct part *part, const struct state *state, uint32_t pair,
                     int64_t units)
{
    uint32_t need = part->pairs[pair].need;
    int64_t room = need_room(part, state, need);

    if (state->units[pair] >= state->high[pair]) {
        return false;
    }
    if (part->is_small || state->units[pair] > 0 || room == 0) {
        return true;
    }
    return units >= min_i64(part->needs[need].lot, room);
}

/* Undoes the search from where it ended: moves units along the pairs it came by. */
static void give_along(const struct part *part, struct state *state, uint32_t first_offer,
                       uint32_t last)
{
    int64_t units =
        min_i64(state->spare[first_offer], need_room(part, state, part->pairs[last].need));
    uint32_t offer = part->pairs[last].offer;

    units = min_i64(units, state->high[last] - state->units[last]);
    for (uint32_t at = offer; at != first_offer;) {
        uint32_t out = part->arrived[at]; /* Gives way: its need takes the units of `in`. */
        uint32_t in = part->arrived[part->offer_count + at];
        units = min_i64(units, state->units[out] - state->low[out]);
        units = min_i64(units, state->high[in] - state->units[in]);
        at = part->pairs[in].offer;
    }
    shift(part, state, last, units);
    for (uint32_t at = offer; at != first_offer;) {
        uint32_t out = part->arrived[at];
        uint32_t in = part->arrived[part->offer_count + at];
        shift(part, state, out, -units);
        shift(part, state, in, units);
        at = part->pairs[in].offer;
    }
}

static bool was_told_more(const struct part *part, const struct state *state, uint32_t pair)
{
    return part->told != NULL && part->told[part->origins[pair]] > state->units[pair];
}

/* Whom spare units serve best: higher classes, then needs that they complete, then those that were
 * told more, then the cheapest. */
static bool is_better_taker(const struct part *part, const struct state *state, uint32_t left,
                            uint32_t right, int64_t units)
{
    const struct lots_pair *a = &part->pairs[left];
    const struct lots_pair *b = &part->pairs[right];
    bool completes_a = need_room(part, state, a->need) <= units;
    bool completes_b = need_room(part, state, b->need) <= units;

    if (part->needs[a->need].class_number != part->needs[b->need].class_number) {
        return part->needs[a->need].class_number < part->needs[b->need].class_number;
    }
    if (completes_a != completes_b) {
        return completes_a;
    }
    bool was_told_a = was_told_more(part, state, left);
    bool was_told_b = was_told_more(part, state, right);
    return was_told_a != was_told_b ? was_told_a : a->cost < b->cost;
}

/* The best pair of an offer that ends a path, at `target` alone unless that is NONE. */
static uint32_t find_taker(const struct part *part, const struct state *state, uint32_t offer,
                           uint32_t target, int64_t units)
{
    uint32_t best = NONE;

    for (uint32_t i = part->offer_starts[offer]; i < part->offer_starts[offer + 1]; i++) {
        uint32_t pair = part->of_offer[i];
        uint32_t need = part->pairs[pair].need;
        if ((target == NONE || target == need) && need_room(part, state, need) > 0 &&
            may_take(part, state, pair, units) &&
            (best == NONE || is_better_taker(part, state, pair, best, units))) {
            best = pair;
        }
    }
    return best;
}

/* Offers that would get units back if `offer` served a full need of theirs. */
static size_t reach_on(const struct part *part, const struct state *state, uint32_t offer,
                       int64_t units, size_t end)
{
    for (uint32_t i = part->offer_starts[offer]; i < part->offer_starts[offer + 1]; i++) {
        uint32_t in = part->of_offer[i];
        uint32_t need = part->pairs[in].need;
        if (!may_take(part, state, in, units)) {
            continue;
        }
        for (uint32_t out = part->need_starts[need]; out < part->need_starts[need + 1]; out++) {
            uint32_t other = part->pairs[out].offer;
            if (state->units[out] > state->low[out] && part->arrived[other] == NONE) {
                part->arrived[other] = out;
                part->arrived[part->offer_count + other] = in;
                part->queue[end++] = other;
            }
        }
    }
    return end;
}

/* Gives spare units of the offer to a need, perhaps by way of other offers; false when none can
 * have them. */
static bool give_away(const struct part *part, struct state *state, uint32_t offer, uint32_t target)
{
    size_t end = 1;

    memset(part->arrived, 0xff, 2 * part->offer_count * sizeof *part->arrived);
    part->queue[0] = offer;
    part->arrived[offer] = 0; /* Reached, by none. */
    size_t visit_max = part->is_small ? part->offer_count : VISIT_COUNT_MAX;
    for (size_t at = 0; at < end && at < visit_max; at++) {
        uint32_t taker = find_taker(part, state, part->queue[at], target, state->spare[offer]);
        if (taker != NONE) {
            give_along(part, state, offer, taker);
            return true;
        }
        end = reach_on(part, state, part->queue[at], state->spare[offer], end);
    }
    return false;
}

static void give_all(const struct part *part, struct state *state)
{
    for (uint32_t offer = 0; offer < part->offer_count; offer++) {
        bool is_stuck = state->is_stuck[offer] && !part->is_small;
        while (state->spare[offer] > 0 && !is_stuck) {
            is_stuck = !give_away(part, state, offer, NONE);
        }
        if (is_stuck != state->is_stuck[offer]) {
            put(state, &state->is_stuck[offer], is_stuck);
        }
    }
}

/* Takes units off one of the offer's other pairs, from lower classes first; false when none may
 * give way. */
static bool take_from_offer(const struct part *part, struct state *state, uint32_t pair,
                            int64_t wanted)
{
    uint32_t offer = part->pairs[pair].offer;
    uint8_t class_number = part->needs[part->pairs[pair].need].class_number;
    uint32_t best = NONE;

    for (uint32_t i = part->offer_starts[offer]; i < part->offer_starts[offer + 1]; i++) {
        uint32_t other = part->of_offer[i];
        uint8_t other_class = part->needs[part->pairs[other].need].class_number;
        if (other == pair || state->units[other] <= state->low[other] ||
            other_class < class_number) {
            continue;
        }
        /* A fragment before a whole lot, then the lowest class. */
        bool is_small = state->units[other] < part->needs[part->pairs[other].need].lot;
        bool best_is_small =
            best != NONE && state->units[best] < part->needs[part->pairs[best].need].lot;
        if (best == NONE || (is_small && !best_is_small) ||
            (is_small == best_is_small &&
             other_class > part->needs[part->pairs[best].need].class_number)) {
            best = other;
        }
    }
    if (best == NONE) {
        return false;
    }
    shift(part, state, best, -min_i64(wanted, state->units[best] - state->low[best]));
    return true;
}

static bool take_from_need(const struct part *part, struct state *state, uint32_t pair,
                           int64_t wanted)
{
    uint32_t need = part->pairs[pair].need;

    for (uint32_t i = part->need_starts[need]; i < part->need_starts[need + 1]; i++) {
        if (i != pair && state->units[i] > state->low[i]) {
            shift(part, state, i, -min_i64(wanted, state->units[i] - state->low[i]));
            return true;
        }
    }
    return false;
}

/* Brings the pair to at least `units`. */
static bool bring_to(const struct part *part, struct state *state, uint32_t pair, int64_t units)
{
    uint32_t need = part->pairs[pair].need;
    uint32_t offer = part->pairs[pair].offer;

    while (state->units[pair] < units) {
        int64_t wanted = units - state->units[pair];
        int64_t room = need_room(part, state, need);
        int64_t common = min_i64(min_i64(room, state->spare[offer]), wanted);
        if (common > 0) {
            shift(part, state, pair, common);
        } else if (room == 0 ? !take_from_need(part, state, pair, wanted)
                             : !take_from_offer(part, state, pair, wanted)) {
            return false;
        }
    }
    return true;
}

/* Gives the need all its rest, from spare units or from other needs. */
static bool complete(const struct part *part, struct state *state, uint32_t need)
{
    for (uint32_t i = part->need_starts[need]; i < part->need_starts[need + 1]; i++) {
        int64_t room = need_room(part, state, need);
        int64_t most = min_i64(room, state->high[i] - state->units[i]);
        int64_t common = min_i64(most, state->spare[part->pairs[i].offer]);
        shift(part, state, i, common);
    }
    for (uint32_t i = part->need_starts[need]; i < part->need_starts[need + 1]; i++) {
        while (need_room(part, state, need) > 0 && state->units[i] < state->high[i]) {
            int64_t most = min_i64(need_room(part, state, need), state->high[i] - state->units[i]);
            int64_t common = min_i64(most, state->spare[part->pairs[i].offer]);
            if (common > 0) {
                shift(part, state, i, common);
            } else if (!take_from_offer(part, state, i, most)) {
                break;
            }
        }
    }
    return need_room(part, state, need) == 0;
}

static bool complete_all(const struct part *part, struct state *state)
{
    for (uint32_t i = 0; i < part->need_count; i++) {
        if (state->completer[i] != 0 && !complete(part, state, i)) {
            return false;
        }
    }
    for (uint32_t i = 0; i < part->need_count; i++) {
        if (state->completer[i] != 0 && need_room(part, state, i) > 0) {
            return false; /* It gave way to another that must be complete too. */
        }
    }
    return true;
}

/* Builds the flow anew from the lower bounds, so that needs which must be complete are whenever
 * bounds allow it. */
static bool rebuild(const struct part *part, struct state *state)
{
    for (uint32_t i = 0; i < part->pair_count; i++) {
        shift(part, state, i, state->low[i] - state->units[i]);
    }
    for (uint32_t i = 0; i < part->offer_count; i++) {
        if (state->spare[i] < 0) {
            return false;
        }
    }
    for (uint32_t i = 0; i < part->need_count; i++) {
        if (need_room(part, state, i) < 0) {
            return false;
        }
    }
    for (uint32_t i = 0; i < part->need_count; i++) {
        for (uint32_t j = 0; j < part->offer_count && state->completer[i] != 0; j++) {
            while (need_room(part, state, i) > 0 && state->spare[j] > 0 &&
                   give_away(part, state, j, i)) {
            }
        }
        if (state->completer[i] != 0 && need_room(part, state, i) > 0) {
            return false;
        }
    }
    return true;
}

/* The state after the fate of a fragment; false when that cannot be, or, unless `state` is to be
 * rebuilt, when no way to it is found. */
static bool apply_fate(const struct part *part, struct state *state, uint32_t pair, enum fate fate)
{
    uint32_t need = part->pairs[pair].need;
    int64_t lot = part->needs[need].lot;

    switch (fate) {
    case FATE_RAISE:
        if (state->high[pair] < lot || part->needs[need].rest < lot ||
            part->offers[part->pairs[pair].offer] < lot) {
            return false;
        }
        if (!state->is_exact && !bring_to(part, state, pair, lot)) {
            return false;
        }
        put(state, &state->low[pair], lot);
        break;
    case FATE_COMPLETE:
        if (state->completer[need] != 0) {
            return false;
        }
        put(state, &state->completer[need], (int64_t)pair + 1);
        put(state, &state->high[pair], lot - 1);
        put(state, &state->low[pair], 1);
        break;
    case FATE_CLOSE:
        if (state->low[pair] > 0) {
            return false;
        }
        shift(part, state, pair, -state->units[pair]);
        put(state, &state->high[pair], 0);
        break;
    case FATE_COUNT:
        UNREACHABLE();
    }
    if (!(state->is_exact ? rebuild(part, state) : complete_all(part, state))) {
        return false;
    }
    give_all(part, state);
    return true;
}

/* When no fate can be: what had to be complete need not be any more, and the pair is closed. */
static void force_close(const struct part *part, struct state *state, uint32_t pair)
{
    uint32_t need = part->pairs[pair].need;

    put(state, &state->completer[need], 0);
    for (uint32_t i = part->need_starts[need]; i < part->need_starts[need + 1]; i++) {
        put(state, &state->low[i], state->low[i] < part->needs[need].lot ? 0 : state->low[i]);
    }
    shift(part, state, pair, -state->units[pair]);
    put(state, &state->high[pair], 0);
    give_all(part, state);
}

/* The search. */

static bool is_better(const struct value *left, const struct value *right)
{
    for (size_t i = 0; i <= CLASS_COUNT; i++) {
        if (left->units[i] != right->units[i]) {
            return left->units[i] > right->units[i];
        }
    }
    return false;
}

struct fates {
    struct value values[FATE_COUNT];
    bool is_possible[FATE_COUNT];
};

static void try_fates(const struct part *part, struct state *state, uint32_t pair,
                      struct fates *fates)
{
    size_t log_count = state->log_count;

    for (size_t i = 0; i < FATE_COUNT; i++) {
        fates->is_possible[i] = apply_fate(part, state, pair, (enum fate)i);
        fates->values[i] = state->value;
        undo(state, log_count);
    }
}

/* The fate that leaves a pair as it was told. */
static size_t known_fate(const struct part *part, uint32_t pair)
{
    int64_t told = part->told == NULL ? -1 : part->told[part->origins[pair]];

    if (told == 0) {
        return FATE_CLOSE;
    }
    return told > 0 && told < part->needs[part->pairs[pair].need].lot ? FATE_COMPLETE : FATE_RAISE;
}

/* The best fate that is possible, FATE_COUNT when none is; on a tie the one that is known, then
 * the first. */
static size_t best_fate(const struct part *part, uint32_t pair, const struct fates *fates)
{
    size_t best = known_fate(part, pair);

    best = fates->is_possible[best] ? best : FATE_COUNT;
    for (size_t i = 0; i < FATE_COUNT; i++) {
        if (fates->is_possible[i] &&
            (best == FATE_COUNT || is_better(&fates->values[i], &fates->values[best]))) {
            best = i;
        }
    }
    return best;
}

static void descend(const struct part *part, struct state *state)
{
    struct fates fates;
    uint32_t from = 0;

    for (uint32_t pair = find_fragment(part, state, &from); pair != NONE;
         pair = find_fragment(part, state, &from)) {
        try_fates(part, state, pair, &fates);
        size_t best = best_fate(part, pair, &fates);
        if (best == FATE_COUNT) {
            force_close(part, state, pair);
        } else {
            ENSURE(apply_fate(part, state, pair, (enum fate)best));
        }
    }
}

struct search {
    const struct part *part;
    int64_t *best; /* Units by pair. */
    struct value best_value;
    size_t node_count;
};

static void keep(struct search *search, const struct state *state)
{
    search->best_value = state->value;
    memcpy(search->best, state->units, search->part->pair_count * sizeof *search->best);
}

/* Looks for something better than the best so far below `state`. Each pair has few fates, so the
 * depth is a small multiple of SMALL_PAIR_COUNT_MAX. */
static void explore(struct search *search, struct state *state)
{
    const struct part *part = search->part;
    size_t log_count = state->log_count;
    uint32_t from = 0;
    uint32_t pair = find_fragment(part, state, &from);
    struct fates fates;

    if (pair == NONE) {
        keep(search, state);
        return;
    }
    try_fates(part, state, pair, &fates);
    search->node_count++;
    for (size_t best = best_fate(part, pair, &fates); best < FATE_COUNT;
         best = best_fate(part, pair, &fates)) {
        if (!is_better(&fates.values[best], &search->best_value) ||
            search->node_count >= NODE_COUNT_MAX) {
            break;
        }
        fates.is_possible[best] = false;
        ENSURE(apply_fate(part, state, pair, (enum fate)best));
        explore(search, state);
        undo(state, log_count);
    }
}

static void solve(const struct part *part)
{
    struct search search = {.part = part, .best = memory_take(part->pair_count, sizeof(int64_t))};
    struct state state;
    uint32_t from = 0;

    state_open(part, &state);
    state_start(part, &state);
    if (find_fragment(part, &state, &from) == NONE) {
        keep(&search, &state); /* Stays, unless more units can be given. */
    }
    give_all(part, &state);
    struct value bound = state.value;
    size_t log_count = state.log_count;
    descend(part, &state);
    if (is_better(&state.value, &search.best_value)) {
        keep(&search, &state);
    }
    if (part->is_small && is_better(&bound, &search.best_value)) {
        undo(&state, log_count);
        state.is_exact = true;
        explore(&search, &state);
    }
    for (size_t i = 0; i < part->pair_count; i++) {
        part->pairs[i].units = search.best[i];
    }
    state_close(&state);
    free(search.best);
}

/* Parts. */

struct located {
    uint32_t root, pair;
};

static int compare_located(const void *left, const void *right)
{
    const struct located *a = left;
    const struct located *b = right;

    if (a->root != b->root) {
        return a->root < b->root ? -1 : 1;
    }
    return (a->pair > b->pair) - (a->pair < b->pair);
}

static void solve_located(const struct lots_problem *problem, const struct located *located,
                          size_t count, uint32_t *numbers)
{
    struct part part;

    part_open(&part, count);
    part.told = problem->told;
    for (size_t i = 0; i < count; i++) {
        part_add(problem, &part, numbers, located[i].pair);
    }
    part_index_offers(&part);
    solve(&part);
    for (size_t i = 0; i < count; i++) {
        problem->pairs[part.origins[i]].units = part.pairs[i].units;
    }
    part_close(&part);
}

void lots_repair(const struct lots_problem *problem)
{
    struct located *located = memory_take(problem->pair_count + 1, sizeof *located);
    uint32_t *numbers = memory_take(problem->offer_count + 1, sizeof *numbers);
    uint32_t *roots = part_roots(problem);
    size_t first = 0;

    for (uint32_t i = 0; i < problem->pair_count; i++) {
        located[i] = (struct located){roots[problem->pairs[i].need], i};
    }
    qsort(located, problem->pair_count, sizeof *located, compare_located);
    while (first < problem->pair_count) {
        size_t end = first + 1;
        while (end < problem->pair_count && located[end].root == located[first].root) {
            end++;
        }
        solve_located(problem, located + first, end - first, numbers);
        first = end;
    }
    free(roots);
    free(numbers);
    free(located);
}

size_t lots_count_fragments(const struct lots_problem *problem)
{
    size_t count = 0;
    size_t first = 0;

    while (first < problem->pair_count) {
        const struct lots_need *need = &problem->needs[problem->pairs[first].need];
        size_t end = first;
        int64_t given = 0;
        while (end < problem->pair_count &&
               problem->pairs[end].need == problem->pairs[first].need) {
            given += problem->pairs[end++].units;
        }
        bool may_complete = given == need->rest;
        for (; first < end; first++) {
            int64_t units = problem->pairs[first].units;
            bool is_small = units > 0 && units < need->lot;
            count += is_small && !may_complete;
            may_complete = may_complete && !is_small;
        }
    }
    return count;
}
