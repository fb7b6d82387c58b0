/*
 * worker.c - folds the intake feed into a market and lists matches.
 *
 *     table                key      value
 *     2 + market_thing     number   core/match/market.h
 *     MATCH_BOUNDS         number   u32 bound, u32 offers listed since it was last exact
 *     MATCH_RULES          empty    7 x u32, as struct match_rules
 *
 * A need's bound is exact when its candidates are searched and listed. Offers that come later and
 * cost less are listed on top; after as many again as are kept the bound is searched anew, so it
 * follows the K-th best down at a small constant cost per listed offer. It never rises between two
 * lists: what lies between the old and a higher one was not listed.
 */
#include "workers/match/worker.h"

#include "core/base/mutant.h"
#include "core/match/market_rows.h"
#include "proto/messages.h"

#include <stdlib.h>

#define MARKET_BASE 2
#define MATCH_BOUNDS 10
#define MATCH_RULES 11
#define RULE_COUNT 7
#define TRIPLES_PER_ENTRY 130 /* Of three times five bytes at most: an entry below 2,000. */

struct need_listing {
    uint32_t bound;
    uint32_t listed; /* Offers listed since the bound was exact. */
};

struct match_worker {
    struct match_rules rules;
    struct market *market;
    struct market_rows rows;
    struct need_listing *listings; /* By need. */
    size_t listing_capacity;
    struct dirty_list dirty_listings;
    struct arena arena;
    struct buffer scratch;
    struct candidate candidates[MATCH_KEPT_MAX];
    uint64_t numbers[MATCH_KEPT_MAX * 3];
    uint64_t noted_count, listed_count;
    uint64_t rematched_count; /* Needs listed anew because something else than they changed. */
};

void match_worker_open(const struct match_rules *rules, struct match_worker **worker)
{
    struct match_worker *opened = memory_take(1, sizeof *opened);

    ENSURE(rules->kept_max >= 1);
    ENSURE(rules->kept_max <= MATCH_KEPT_MAX);
    opened->rules = *rules;
    market_open(&opened->market);
    *worker = opened;
}

void match_worker_close(struct match_worker *worker)
{
    if (worker == NULL) {
        return;
    }
    market_close(worker->market);
    market_rows_deinit(&worker->rows);
    dirty_deinit(&worker->dirty_listings);
    free(worker->listings);
    arena_deinit(&worker->arena);
    buffer_deinit(&worker->scratch);
    free(worker);
}

/* --- Listing ------------------------------------------------------------------------- */

static size_t search(struct match_worker *worker, uint32_t need)
{
    GROW(worker->listings, worker->listing_capacity, (size_t)need + 1);
    struct need_listing *listing = &worker->listings[need];
    size_t count =
        match_candidates(worker->market, &worker->rules, need, worker->candidates, &listing->bound);
    listing->listed = 0;
    dirty_note(&worker->dirty_listings, need);
    return count;
}

/* Follows the K-th best down, without a list. */
static void lower_bound(struct match_worker *worker, uint32_t need)
{
    uint32_t bound = worker->listings[need].bound;

    search(worker, need);
    worker->listings[need].bound = (uint32_t)min_u64(bound, worker->listings[need].bound);
}

static void append_matches(struct match_worker *worker, uint32_t offer, size_t number_count,
                           struct effects *effects)
{
    struct matches matches = {
        .offer = offer,
        .needs = {.items = worker->numbers, .count = number_count},
    };

    worker->scratch.size = 0;
    proto_encode(&MATCHES, &matches, &worker->scratch);
    effect_append(effects, KIND_MATCHES, buffer_view(&worker->scratch));
}

/* The cost of serving `need` from `offer` when that belongs on the need's list, else UINT32_MAX. */
static uint32_t cost_if_listed(struct match_worker *worker, uint32_t need, uint32_t offer)
{
    struct match match = match_check(worker->market, &worker->rules, need, offer);
    struct need_listing *listing = &worker->listings[need];

    if (match.reason != MATCH_POSSIBLE || match.cost >= listing->bound) {
        return UINT32_MAX;
    }
    if (++listing->listed >= worker->rules.kept_max) {
        lower_bound(worker, need);
    }
    dirty_note(&worker->dirty_listings, need);
    return match.cost;
}

static void list_offer_for(struct match_worker *worker, uint32_t offer,
                           const struct number_list *needs, struct effects *effects)
{
    size_t filled = 0;

    for (size_t i = 0; i < needs->count; i++) {
        uint32_t cost = cost_if_listed(worker, needs->items[i], offer);
        if (cost == UINT32_MAX) {
            continue;
        }
        worker->numbers[filled++] = needs->items[i];
        worker->numbers[filled++] = cost;
        worker->numbers[filled++] = worker->listings[needs->items[i]].bound;
        worker->listed_count++;
        if (filled == TRIPLES_PER_ENTRY * 3) {
            append_matches(worker, offer, filled, effects);
            filled = 0;
        }
    }
    if (filled > 0) {
        append_matches(worker, offer, filled, effects);
    }
}

/* Lists an offer that is new, or can do more than before, for every need it is good for. */
static void list_offer(struct match_worker *worker, uint32_t offer, struct effects *effects)
{
    const struct market *market = worker->market;
    uint32_t asked[PRODUCT_ASKED_MAX];
    size_t count = market_asked_products(market, market->offers[offer].product, asked);

    for (size_t i = 0; i < count; i++) {
        list_offer_for(worker, offer, &market->products[asked[i]].needs, effects);
    }
}

/* Fills the numbers with an open need's matches: offer, cost, ... */
static size_t list_need(struct match_worker *worker, uint32_t need)
{
    size_t count = search(worker, need);

    for (size_t i = 0; i < count; i++) {
        worker->numbers[2 * i] = worker->candidates[i].offer;
        worker->numbers[2 * i + 1] = worker->candidates[i].cost;
    }
    worker->listed_count += count;
    return 2 * count;
}

/* Lists the needs whose matches a rule may have changed. */
static void list_affected(struct match_worker *worker, const struct market_change *change,
                          struct effects *effects)
{
    for (size_t i = 0; i < change->affected_need_count; i++) {
        uint32_t need = change->affected_needs[i];
        size_t count = list_need(worker, need);
        struct listed listed = {
            .need = need,
            .bound = worker->listings[need].bound,
            .matches = {.items = worker->numbers, .count = count},
        };
        worker->scratch.size = 0;
        proto_encode(&LISTED, &listed, &worker->scratch);
        effect_append(effects, KIND_LISTED, buffer_view(&worker->scratch));
        worker->rematched_count++;
    }
}

/* --- Stepping ------------------------------------------------------------------------ */

static bool changed_offer(const struct match_worker *worker, uint16_t kind,
                          const struct market_change *change)
{
    bool is_offer =
        kind == KIND_OFFER_PUT || kind == KIND_OFFER_RELEASE || kind == KIND_CAPACITY_PUT;
    bool is_change = change->outcome == OUTCOME_CREATED || change->outcome == OUTCOME_CHANGED;

    return is_offer && is_change && worker->market->offers[change->number].state == OFFER_ACTIVE;
}

static bool changed_need(const struct match_worker *worker, uint16_t kind,
                         const struct market_change *change)
{
    bool is_need = kind == KIND_NEED_PUT || kind == KIND_NEED_RELEASE;
    bool is_change = change->outcome == OUTCOME_CREATED || change->outcome == OUTCOME_CHANGED;

    return is_need && is_change && worker->market->needs[change->number].state == NEED_OPEN;
}

/* Bounds anew, for the needs of one party or of all. Who reads the feed lists these needs anew by
 * the same search. */
static void search_needs(struct match_worker *worker, uint32_t party)
{
    const struct market *market = worker->market;

    for (uint32_t need = 0; need < market->need_ids.count; need++) {
        bool is_meant = party == NAME_NONE || market->needs[need].party == party;
        if (is_meant && market->needs[need].state == NEED_OPEN) {
            search(worker, need);
            worker->rematched_count++;
        }
    }
}

/* What the costs of a party's matches, or the rules for a product's, depend on. */
struct surroundings {
    uint32_t region, country;
    int32_t lat, lon;
    uint64_t lot;
};

/* As they are before, or after, a command. */
static struct surroundings surroundings_of(const struct market *market, uint16_t kind,
                                           const union command *command)
{
    if (kind == KIND_PARTY_PUT) {
        uint32_t number = market_find_party(market, command->party_put.party);
        const struct party *party = number == NAME_NONE ? NULL : &market->parties[number];
        return party == NULL ? (struct surroundings){0}
                             : (struct surroundings){.region = party->region,
                                                     .country = party->country,
                                                     .lat = party->lat,
                                                     .lon = party->lon};
    }
    if (kind == KIND_PRODUCT_PUT) {
        uint32_t number = market_find_product(market, command->product_put.product);
        return (struct surroundings){.lot = number == NAME_NONE ? 0 : market->products[number].lot};
    }
    return (struct surroundings){0};
}

static bool is_same_place(const struct surroundings *left, const struct surroundings *right)
{
    return left->region == right->region && left->country == right->country &&
           left->lat == right->lat && left->lon == right->lon;
}

/* A party that moved changes what its offers cost. */
static void relist_party(struct match_worker *worker, uint32_t party, struct effects *effects)
{
    const struct market *market = worker->market;

    for (uint32_t offer = market->parties[party].last_offer; offer != NAME_NONE;
         offer = market->offers[offer].previous_offer) {
        if (market->offers[offer].state == OFFER_ACTIVE) {
            list_offer(worker, offer, effects);
        }
    }
}

/* A smaller lot lets offers match that gave less than the old one. */
static void relist_product(struct match_worker *worker, uint32_t product, uint64_t lot_before,
                           struct effects *effects)
{
    const struct market *market = worker->market;
    uint32_t given[PRODUCT_GIVEN_MAX];
    size_t count = market_given_products(market, product, given);

    for (size_t i = 0; i < count; i++) {
        const struct number_list *offers = &market->products[given[i]].offers;
        for (size_t j = 0; j < offers->count; j++) {
            if (market_offer_capacity(&market->offers[offers->items[j]]) < lot_before) {
                list_offer_for(worker, offers->items[j], &market->products[product].needs, effects);
            }
        }
    }
}

/* Lists what a command made cheaper, or possible at all. */
static void list_change(struct match_worker *worker, uint16_t kind,
                        const struct market_change *change, const struct surroundings *before,
                        const struct surroundings *after, struct effects *effects)
{
    if (changed_offer(worker, kind, change)) {
        list_offer(worker, change->number, effects);
    } else if (change->outcome != OUTCOME_CHANGED) {
        return;
    } else if (kind == KIND_PARTY_PUT && !is_same_place(before, after) && !MUTANT(30)) {
        relist_party(worker, change->number, effects);
    } else if (kind == KIND_PRODUCT_PUT && after->lot < before->lot) {
        relist_product(worker, change->number, before->lot, effects);
    }
}

static void append_noted(struct match_worker *worker, const struct entry *entry,
                         const struct intake *intake, const struct market_change *change,
                         size_t number_count, struct effects *effects)
{
    bool has_number = change->number != NAME_NONE;
    bool is_open_need = number_count > 0 || changed_need(worker, entry->kind, change);
    struct noted noted = {
        .kind = entry->kind,
        .id = intake->id,
        .quarantined = intake->quarantined,
        .outcome = bytes_from_text(outcome_name(change->outcome)),
        .number = has_number ? change->number : 0,
        .bound = is_open_need ? worker->listings[change->number].bound : 0,
        .matches = {.items = worker->numbers, .count = number_count},
        .body = intake->body,
    };

    worker->scratch.size = 0;
    proto_encode(&NOTED, &noted, &worker->scratch);
    effect_append(effects, KIND_NOTED, buffer_view(&worker->scratch));
    worker->noted_count++;
}

static void step(void *state, uint32_t upstream, const struct entry *entry, struct effects *effects)
{
    struct match_worker *worker = state;
    const struct message *message = message_by_kind(entry->kind);
    struct market_change change;
    struct refusal refusal;
    struct intake intake;
    union command command;

    (void)upstream;
    arena_reset(&worker->arena);
    /* The gateway checked it and the checksum held: what does not decode is a bug. */
    ENSURE(message != NULL);
    ENSURE(proto_decode(&INTAKE, entry->body, &worker->arena, &intake, &refusal) == STATUS_OK);
    ENSURE(proto_decode(message, intake.body, &worker->arena, &command, &refusal) == STATUS_OK);

    struct surroundings before = surroundings_of(worker->market, entry->kind, &command);
    market_apply(worker->market, entry->kind, &command, intake.quarantined, &change);
    struct surroundings after = surroundings_of(worker->market, entry->kind, &command);
    market_rows_note(&worker->rows, entry->kind, &change);
    size_t number_count = 0;
    if (entry->kind == KIND_RULES_PUT) {
        worker->rules = match_rules_from(&command.rules_put);
        search_needs(worker, NAME_NONE);
    } else if (entry->kind == KIND_PARTY_PUT && change.outcome == OUTCOME_CHANGED) {
        search_needs(worker, change.number);
    }
    if (changed_need(worker, entry->kind, &change)) {
        number_count = list_need(worker, change.number);
    }
    append_noted(worker, entry, &intake, &change, number_count, effects);
    list_affected(worker, &change, effects);
    list_change(worker, entry->kind, &change, &before, &after, effects);
}

/* --- Rows and figures ---------------------------------------------------------------- */

static enum status load_rules(struct match_worker *worker, struct bytes value)
{
    uint32_t *rules[RULE_COUNT] = {
        &worker->rules.per_kilometre,  &worker->rules.other_region,
        &worker->rules.other_country,  &worker->rules.per_day_late,
        &worker->rules.kept_max,       &worker->rules.per_substitute_rank,
        &worker->rules.not_recyclable,
    };

    if (value.size != RULE_COUNT * 4) {
        return STATUS_CORRUPT;
    }
    for (size_t i = 0; i < RULE_COUNT; i++) {
        *rules[i] = load_u32(value.data + 4 * i);
    }
    return worker->rules.kept_max >= 1 && worker->rules.kept_max <= MATCH_KEPT_MAX ? STATUS_OK
                                                                                   : STATUS_CORRUPT;
}

static void save_rules(const struct match_worker *worker, struct rows_out *rows)
{
    const uint32_t rules[RULE_COUNT] = {
        worker->rules.per_kilometre,  worker->rules.other_region, worker->rules.other_country,
        worker->rules.per_day_late,   worker->rules.kept_max,     worker->rules.per_substitute_rank,
        worker->rules.not_recyclable,
    };
    uint8_t value[RULE_COUNT * 4];

    for (size_t i = 0; i < RULE_COUNT; i++) {
        store_u32(value + 4 * i, rules[i]);
    }
    rows_put(rows, MATCH_RULES, (struct bytes){0}, (struct bytes){value, sizeof value});
}

static enum status load(void *state, uint8_t table, struct bytes key, struct bytes value)
{
    struct match_worker *worker = state;

    if (table == MATCH_RULES) {
        return load_rules(worker, value);
    }
    if (table != MATCH_BOUNDS) {
        return market_rows_load(worker->market, MARKET_BASE, table, key, value);
    }
    if (key.size != 4 || value.size != 8) {
        return STATUS_CORRUPT;
    }
    uint32_t need = load_u32_be(key.data);
    GROW(worker->listings, worker->listing_capacity, (size_t)need + 1);
    worker->listings[need] = (struct need_listing){
        .bound = load_u32(value.data),
        .listed = load_u32(value.data + 4),
    };
    return STATUS_OK;
}

static enum status loaded(void *state, const struct world *world, const struct journal_head *head)
{
    struct match_worker *worker = state;

    (void)world;
    (void)head;
    GROW(worker->listings, worker->listing_capacity, (size_t)worker->market->need_ids.count);
    return STATUS_OK;
}

static void put_market_row(void *context, uint8_t table, struct bytes key, struct bytes value)
{
    rows_put(context, table, key, value);
}

static void save(void *state, struct rows_out *rows)
{
    struct match_worker *worker = state;
    struct dirty_list *dirty = &worker->dirty_listings;
    uint8_t key[4];
    uint8_t value[8];

    market_rows_save(&worker->rows, worker->market, MARKET_BASE, put_market_row, rows);
    for (size_t i = 0; i < dirty->count; i++) {
        store_u32_be(key, dirty->items[i]);
        store_u32(value, worker->listings[dirty->items[i]].bound);
        store_u32(value + 4, worker->listings[dirty->items[i]].listed);
        rows_put(rows, MATCH_BOUNDS, (struct bytes){key, sizeof key},
                 (struct bytes){value, sizeof value});
    }
    dirty_clear(dirty);
    save_rules(worker, rows);
}

static void report(const void *state, struct report_out *out)
{
    const struct match_worker *worker = state;

    report_count(out, "noted", worker->noted_count);
    report_count(out, "listed", worker->listed_count);
    report_count(out, "rematched", worker->rematched_count);
    report_count(out, "known_needs", worker->market->need_ids.count);
    report_count(out, "known_offers", worker->market->offer_ids.count);
}

static void close_state(void *state)
{
    match_worker_close(state);
}

const struct role match_role = {
    .name = "match",
    .version = STAGE_VERSION,
    .load = load,
    .loaded = loaded,
    .step = step,
    .save = save,
    .report = report,
    .close = close_state,
};
