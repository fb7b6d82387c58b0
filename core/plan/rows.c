/*
 * rows.c - the plan as rows, and back. Numbers are keys, u32 big-endian; values little-endian.
 *
 *     table  rows               value
 *     0      0: the clock       market_save
 *            1: the plan        options 12 x u32 · seq u64 · time u64 · assignments u32
 *     1-4    parties, products, needs, offers: market_save
 *     5      rules              market_save
 *     6      offers             fixed i64 · first slot u32 · slots u32
 *                               · slots x (capacity i64 · price i64 · waiting i64)
 *     7      needs              bound u32 · fixed i64 · arcs u32 · excluded u32
 *                               · arcs x (offer u32 · cost u32 · units i64) · excluded x offer u32
 *     8      assignments        need u32 · offer u32 · state u8 · accepted by u8 · cost u32
 *                               · kilometres u32 · arrival i32 · quantity i64 · day i32
 *                               · to make i64 · in doubt u8
 *
 * The arcs of needs lead to slots. Tranches, lists and totals follow from them. Rows are saved when
 * all is settled, so what counts as announced is what flows, and needs no row; what lots withhold
 * or add is the difference between assignments and arcs, and needs none either.
 */
#include "core/plan/internal.h"

#include "core/base/mutant.h"

#include <stdlib.h>

enum table {
    TABLE_PLAN,
    TABLE_PARTIES,
    TABLE_PRODUCTS,
    TABLE_NEEDS,
    TABLE_OFFERS,
    TABLE_RULES, /* Before slots, whose chains depend on them. */
    TABLE_SLOTS,
    TABLE_SHARES,
    TABLE_ASSIGNMENTS,
};

#define KEY_CLOCK 0
#define KEY_PLAN 1
#define OPTION_COUNT 12
#define ARC_SIZE 16
#define SLOT_SIZE 24

struct target {
    plan_put_row put;
    void *context;
    struct buffer value; /* Of the row in the making. */
};

static void put_u32(struct buffer *target, uint32_t value)
{
    store_u32(buffer_extend(target, sizeof value), value);
}

static void put_u64(struct buffer *target, uint64_t value)
{
    store_u64(buffer_extend(target, sizeof value), value);
}

static void put_row(struct target *target, enum table table, uint32_t number)
{
    uint8_t key[sizeof number];

    store_u32_be(key, number);
    target->put(target->context, (uint8_t)table, (struct bytes){key, sizeof key},
                buffer_view(&target->value));
    target->value.size = 0;
}

static void list_options(const struct plan_options *options, uint32_t list[OPTION_COUNT])
{
    const struct match_rules *rules = &options->rules;
    const uint32_t all[OPTION_COUNT] = {
        rules->per_kilometre,     rules->other_region,      rules->other_country,
        rules->per_day_late,      rules->kept_max,          rules->per_substitute_rank,
        rules->not_recyclable,    options->tranche_lots[0], options->tranche_lots[1],
        options->tranche_lots[2], options->slot_count_max,  options->stability_bonus,
    };

    for (size_t i = 0; i < OPTION_COUNT; i++) {
        list[i] = all[i];
    }
}

static void save_plan(const struct plan *plan, struct target *target)
{
    uint32_t options[OPTION_COUNT];

    list_options(&plan->options, options);
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        put_u32(&target->value, options[i]);
    }
    put_u64(&target->value, plan->seq);
    put_u64(&target->value, plan->time_ms);
    put_u32(&target->value, plan->assignment_count);
    put_row(target, TABLE_PLAN, KEY_PLAN);
}

static struct saved_slot slot_now(const struct plan *plan, uint32_t slot)
{
    return (struct saved_slot){
        .capacity = flow_source_capacity(plan->flow, slot),
        .price = flow_price(plan->flow, slot),
        .waiting = flow_waiting(plan->flow, slot),
    };
}

/* A settle may move many prices a little. */
static bool has_moved(const struct plan *plan, const struct plan_offer *offer)
{
    for (uint32_t i = 0; i < offer->range.count; i++) {
        uint32_t slot = offer->range.first + i;
        const struct saved_slot *saved = &plan->saved_slots[slot];
        struct saved_slot now = slot_now(plan, slot);
        if (saved->capacity != now.capacity || saved->price != now.price ||
            saved->waiting != now.waiting) {
            return true;
        }
    }
    return false;
}

static void save_slots(struct plan *plan, struct target *target, uint32_t number)
{
    const struct plan_offer *offer = &plan->offers[number];
    struct buffer *value = &target->value;

    put_u64(value, (uint64_t)offer->fixed);
    put_u32(value, offer->range.first);
    put_u32(value, offer->range.count);
    for (uint32_t i = 0; i < offer->range.count; i++) {
        struct saved_slot *saved = &plan->saved_slots[offer->range.first + i];
        *saved = slot_now(plan, offer->range.first + i);
        put_u64(value, (uint64_t)saved->capacity);
        put_u64(value, (uint64_t)saved->price);
        put_u64(value, (uint64_t)saved->waiting);
    }
    put_row(target, TABLE_SLOTS, number);
}

static void save_share(struct plan *plan, struct target *target, uint32_t number)
{
    const struct plan_need *need = &plan->needs[number];
    struct buffer *value = &target->value;
    size_t arc_count;
    const struct flow_arc *arcs = flow_arcs(plan->flow, number, &arc_count);
    uint32_t first_excluded = MUTANT(15) ? 0 : need->first_excluded;
    uint32_t excluded_count = 0;

    for (uint32_t at = first_excluded; at != 0; at = plan->exclusions[at - 1].next) {
        excluded_count++;
    }
    put_u32(value, need->bound);
    put_u64(value, (uint64_t)need->fixed);
    put_u32(value, (uint32_t)arc_count);
    put_u32(value, excluded_count);
    for (size_t i = 0; i < arc_count; i++) {
        put_u32(value, arcs[i].source);
        put_u32(value, arcs[i].cost);
        put_u64(value, (uint64_t)arcs[i].units);
    }
    for (uint32_t at = first_excluded; at != 0; at = plan->exclusions[at - 1].next) {
        put_u32(value, plan->exclusions[at - 1].offer);
    }
    put_row(target, TABLE_SHARES, number);
}

static void save_assignment(const struct plan *plan, struct target *target, uint32_t number)
{
    const struct plan_assignment *assignment = &plan->assignments[number];
    struct buffer *value = &target->value;

    put_u32(value, assignment->need);
    put_u32(value, assignment->offer);
    *buffer_extend(value, 1) = assignment->state;
    *buffer_extend(value, 1) = assignment->accepted_by;
    put_u32(value, assignment->cost);
    put_u32(value, assignment->kilometres);
    put_u32(value, (uint32_t)assignment->arrival);
    put_u64(value, (uint64_t)assignment->quantity);
    put_u32(value, (uint32_t)assignment->day);
    put_u64(value, (uint64_t)assignment->to_make);
    *buffer_extend(value, 1) = assignment->is_in_doubt ? 1 : 0;
    put_row(target, TABLE_ASSIGNMENTS, number);
}

static void save_things(struct plan *plan, struct target *target, enum market_thing thing,
                        enum table table, struct marks *dirty)
{
    marks_sort(dirty);
    for (size_t i = 0; i < dirty->count; i++) {
        market_save(plan->market, thing, dirty->items[i], &target->value);
        put_row(target, table, dirty->items[i]);
    }
    marks_clear(dirty);
}

void plan_save(struct plan *plan, plan_put_row put, void *context)
{
    struct target target = {.put = put, .context = context};
    uint32_t offer_count = plan->market->offer_ids.count;

    ENSURE(plan->is_settled);
    market_save(plan->market, MARKET_CLOCK, 0, &target.value);
    put_row(&target, TABLE_PLAN, KEY_CLOCK);
    save_plan(plan, &target);
    save_things(plan, &target, MARKET_PARTY, TABLE_PARTIES, &plan->dirty_parties);
    save_things(plan, &target, MARKET_PRODUCT, TABLE_PRODUCTS, &plan->dirty_products);
    save_things(plan, &target, MARKET_NEED, TABLE_NEEDS, &plan->dirty_needs);
    save_things(plan, &target, MARKET_OFFER, TABLE_OFFERS, &plan->dirty_offers);
    save_things(plan, &target, MARKET_RULE, TABLE_RULES, &plan->dirty_rules);
    for (uint32_t i = 0; i < offer_count; i++) {
        if (marks_has(&plan->dirty_fixed, i) || has_moved(plan, &plan->offers[i])) {
            save_slots(plan, &target, i);
        }
    }
    marks_clear(&plan->dirty_fixed);
    marks_sort(&plan->dirty_shares);
    for (size_t i = 0; i < plan->dirty_shares.count; i++) {
        save_share(plan, &target, plan->dirty_shares.items[i]);
    }
    marks_clear(&plan->dirty_shares);
    marks_sort(&plan->dirty_assignments);
    for (size_t i = 0; i < plan->dirty_assignments.count; i++) {
        save_assignment(plan, &target, plan->dirty_assignments.items[i]);
    }
    marks_clear(&plan->dirty_assignments);
    buffer_deinit(&target.value);
}

/* Loading. A row has its exact size or is corrupt. */

struct source {
    struct bytes rest;
    bool is_short;
};

static const uint8_t *get(struct source *source, size_t size)
{
    static const uint8_t zeroes[sizeof(uint64_t)];
    const uint8_t *at = source->rest.data;

    if (source->rest.size < size) {
        source->is_short = true;
        return zeroes;
    }
    source->rest.data += size;
    source->rest.size -= size;
    return at;
}

static uint8_t get_u8(struct source *source)
{
    return *get(source, 1);
}

static uint32_t get_u32(struct source *source)
{
    return load_u32(get(source, sizeof(uint32_t)));
}

static uint64_t get_u64(struct source *source)
{
    return load_u64(get(source, sizeof(uint64_t)));
}

static bool is_read(const struct source *source)
{
    return !source->is_short && source->rest.size == 0;
}

static bool is_quantity(int64_t units)
{
    return units >= 0 && units <= FLOW_UNITS_MAX;
}

/* The options in force when the rows were saved. */
static void load_options(struct plan_options *options, struct source *source)
{
    options->rules.per_kilometre = get_u32(source);
    options->rules.other_region = get_u32(source);
    options->rules.other_country = get_u32(source);
    options->rules.per_day_late = get_u32(source);
    options->rules.kept_max = get_u32(source);
    options->rules.per_substitute_rank = get_u32(source);
    options->rules.not_recyclable = get_u32(source);
    for (size_t i = 0; i < COUNT_OF(options->tranche_lots); i++) {
        options->tranche_lots[i] = get_u32(source);
    }
    options->slot_count_max = get_u32(source);
    options->stability_bonus = get_u32(source);
}

static enum status load_plan(struct plan *plan, struct source source)
{
    struct plan_options options;

    load_options(&options, &source);
    plan->seq = get_u64(&source);
    plan->time_ms = get_u64(&source);
    uint32_t count = get_u32(&source);
    if (!is_read(&source) || count == UINT32_MAX || options.rules.kept_max < 1 ||
        options.rules.kept_max > MATCH_KEPT_MAX || options.slot_count_max < 1 ||
        options.slot_count_max > SLOT_COUNT_MAX || options.stability_bonus > FLOW_COST_MAX) {
        return STATUS_CORRUPT;
    }
    plan->options = options;
    flow_set_bonus(plan->flow, options.stability_bonus);
    plan->assignment_count = count;
    return STATUS_OK;
}

static bool load_slot(struct plan *plan, uint32_t slot, struct source *source)
{
    struct saved_slot saved = {.capacity = (int64_t)get_u64(source)};

    saved.price = (int64_t)get_u64(source);
    saved.waiting = (int64_t)get_u64(source);
    if (!is_quantity(saved.capacity) || saved.price < 0 ||
        saved.price > FLOW_LEVEL_MAX * FLOW_WEIGHT_STEP || saved.waiting < 0 ||
        saved.waiting > FLOW_UNITS_MAX * SLOT_COUNT_MAX) {
        return false;
    }
    plan->saved_slots[slot] = saved;
    flow_restore_source(plan->flow, slot, saved.capacity, saved.price);
    return true;
}

/* The chain follows from the days. */
static bool load_chain(struct plan *plan, uint32_t number)
{
    struct plan_offer *offer = &plan->offers[number];

    offer->is_cut = plan_is_cut(plan, number, offer->days);
    for (uint32_t i = 0; i < offer->range.count; i++) {
        uint32_t slot = offer->range.first + i;
        uint32_t place = slot_place(offer->range, offer->days, slot);
        uint32_t next = place == SLOT_NONE ? FLOW_NONE : plan_follows(plan, number, place);
        if (next != FLOW_NONE) {
            flow_restore_waiting(plan->flow, slot, next, plan->saved_slots[slot].waiting);
        } else if (plan->saved_slots[slot].waiting != 0) {
            return false;
        }
    }
    return true;
}

static enum status load_slots(struct plan *plan, uint32_t number, struct source source)
{
    int64_t fixed = (int64_t)get_u64(&source);
    struct slot_range range = {.first = get_u32(&source)};

    range.count = get_u32(&source);
    if (source.is_short || number >= plan->market->offer_ids.count || !is_quantity(fixed) ||
        range.count > SLOT_COUNT_MAX || source.rest.size != range.count * SLOT_SIZE ||
        !slots_take_again(&plan->slots, number, range)) {
        return STATUS_CORRUPT;
    }
    struct plan_offer *offer = &plan->offers[number];
    offer->fixed = fixed;
    offer->range = range;
    offer->days = plan_offer_days(plan, number);
    offer->capacity = plan_capacity(plan, number);
    GROW(plan->saved_slots, plan->saved_slot_capacity, plan->slots.end);
    for (uint32_t i = 0; i < range.count; i++) {
        if (!load_slot(plan, range.first + i, &source)) {
            return STATUS_CORRUPT;
        }
    }
    plan_count_offer(plan, number);
    return load_chain(plan, number) ? STATUS_OK : STATUS_CORRUPT;
}

/* A slot from which units may come: it is somebody's, and stands for days that are there. */
static bool is_giving(const struct plan *plan, uint32_t slot)
{
    uint32_t number = slots_owner(&plan->slots, slot);
    const struct plan_offer *offer = number == SLOT_NONE ? NULL : &plan->offers[number];

    return offer != NULL && (plan_is_stock(plan, number) ||
                             slot_place(offer->range, offer->days, slot) != SLOT_NONE);
}

static bool load_arcs(struct plan *plan, size_t count, struct source *source)
{
    GROW(plan->work, plan->work_capacity, count);
    for (size_t i = 0; i < count; i++) {
        struct flow_arc *arc = &plan->work[i];
        arc->source = get_u32(source);
        arc->cost = get_u32(source);
        arc->units = (int64_t)get_u64(source);
        if (slots_owner(&plan->slots, arc->source) == SLOT_NONE || arc->cost > COST_MAX ||
            !is_quantity(arc->units) || (arc->units > 0 && !is_giving(plan, arc->source)) ||
            (i > 0 && arc->source <= arc[-1].source)) {
            return false;
        }
    }
    return true;
}

static enum status load_share(struct plan *plan, uint32_t number, struct source source)
{
    uint32_t bound = get_u32(&source);
    int64_t fixed = (int64_t)get_u64(&source);
    size_t arc_count = get_u32(&source);
    size_t excluded_count = get_u32(&source);
    struct flow_tranche tranches[TRANCHE_COUNT];

    if (source.is_short || number >= plan->market->need_ids.count || !is_quantity(fixed) ||
        source.rest.size != arc_count * ARC_SIZE + excluded_count * sizeof(uint32_t) ||
        !load_arcs(plan, arc_count, &source)) {
        return STATUS_CORRUPT;
    }
    plan->needs[number].bound = bound;
    plan->needs[number].fixed = fixed;
    for (size_t i = excluded_count; i > 0; i--) { /* The first of the list is the last added. */
        uint32_t offer = load_u32(source.rest.data + (i - 1) * sizeof offer);
        if (offer >= plan->market->offer_ids.count) {
            return STATUS_CORRUPT;
        }
        plan_exclude(plan, number, offer);
    }
    size_t tranche_count = plan_tranches(plan, number, tranches);
    flow_restore_sink(plan->flow, number, tranches, tranche_count, plan->work, arc_count);
    for (size_t i = 0; i < arc_count; i++) {
        if (plan->work[i].units > 0) {
            flow_restore_announced(plan->flow, number, plan->work[i].source, plan->work[i].units);
        }
    }
    return STATUS_OK;
}

static bool is_day(int32_t day)
{
    return day == DAY_NONE || (day >= DAY_MIN && day <= DAY_MAX);
}

/* Rows come by ascending number, so room is taken as they come; 0 stands in front of the first. */
static bool has_assignment(const struct plan *plan, uint32_t number)
{
    return number == 0 ||
           (number < plan->assignment_capacity && plan->assignments[number].state != 0);
}

/* Only commitments of a line are still to be made. */
static bool is_to_make(const struct plan *plan, const struct plan_assignment *assignment)
{
    return life_is_fixed(assignment->state) && !plan_is_stock(plan, assignment->offer);
}

static enum status load_assignment(struct plan *plan, uint32_t number, struct source source)
{
    struct plan_assignment assignment = {.need = get_u32(&source)};
    const uint8_t sides = 1 << MOVER_REQUESTER | 1 << MOVER_OFFERER;

    assignment.offer = get_u32(&source);
    assignment.state = get_u8(&source);
    assignment.accepted_by = get_u8(&source);
    assignment.cost = get_u32(&source);
    assignment.kilometres = get_u32(&source);
    assignment.arrival = (int32_t)get_u32(&source);
    assignment.quantity = (int64_t)get_u64(&source);
    assignment.day = (int32_t)get_u32(&source);
    assignment.to_make = (int64_t)get_u64(&source);
    uint8_t doubt = get_u8(&source);
    assignment.is_in_doubt = doubt == 1;
    if (!is_read(&source) || number == 0 || number > plan->assignment_count ||
        assignment.need >= plan->market->need_ids.count ||
        assignment.offer >= plan->market->offer_ids.count ||
        assignment.state < ASSIGNMENT_PROPOSED || assignment.state > ASSIGNMENT_CANCELLED ||
        (assignment.accepted_by & ~sides) != 0 || assignment.cost > COST_MAX ||
        !is_day(assignment.arrival) || !is_day(assignment.day) || assignment.quantity == 0 ||
        !is_quantity(assignment.quantity) || assignment.to_make < 0 ||
        doubt > (assignment.state == ASSIGNMENT_COMMITTED ? 1 : 0) ||
        assignment.to_make > assignment.quantity ||
        (assignment.to_make > 0 && !is_to_make(plan, &assignment)) ||
        !has_assignment(plan, number - 1)) {
        return STATUS_CORRUPT;
    }
    GROW(plan->assignments, plan->assignment_capacity, (size_t)number + 1);
    GROW(plan->next, plan->next_capacity, (size_t)number + 1);
    plan->assignments[number] = assignment;
    return STATUS_OK;
}

static enum status load_thing(struct plan *plan, enum market_thing thing, uint32_t number,
                              struct bytes value)
{
    enum status status = market_restore(plan->market, thing, number, value);

    if (status == STATUS_OK) {
        plan_grow(plan);
    }
    return status;
}

enum status plan_load(struct plan *plan, uint8_t table, struct bytes key, struct bytes value)
{
    struct source source = {.rest = value};

    if (key.size != sizeof(uint32_t) || table > TABLE_ASSIGNMENTS) {
        return STATUS_CORRUPT;
    }
    uint32_t number = load_u32_be(key.data);
    switch ((enum table)table) {
    case TABLE_PLAN:
        if (number == KEY_CLOCK) {
            return load_thing(plan, MARKET_CLOCK, 0, value);
        }
        return number == KEY_PLAN ? load_plan(plan, source) : STATUS_CORRUPT;
    case TABLE_PARTIES:
        return load_thing(plan, MARKET_PARTY, number, value);
    case TABLE_PRODUCTS:
        return load_thing(plan, MARKET_PRODUCT, number, value);
    case TABLE_NEEDS:
        return load_thing(plan, MARKET_NEED, number, value);
    case TABLE_OFFERS:
        return load_thing(plan, MARKET_OFFER, number, value);
    case TABLE_RULES:
        return load_thing(plan, MARKET_RULE, number, value);
    case TABLE_SLOTS:
        return load_slots(plan, number, source);
    case TABLE_SHARES:
        return load_share(plan, number, source);
    case TABLE_ASSIGNMENTS:
        return load_assignment(plan, number, source);
    }
    UNREACHABLE();
}

/* Puts the assignments into the lists of their needs and offers. Fixed units are summed up in
 * `fixed`. */
static bool link_assignments(struct plan *plan, int64_t *fixed)
{
    if (!has_assignment(plan, plan->assignment_count)) {
        return false; /* A row is missing. */
    }
    for (uint32_t number = 1; number <= plan->assignment_count; number++) {
        const struct plan_assignment *assignment = &plan->assignments[number];
        bool is_received = assignment->state == ASSIGNMENT_RECEIVED;
        if (life_is_final(assignment->state) && !is_received) {
            continue;
        }
        if (!life_is_fixed(assignment->state) &&
            plan_find_unfixed(plan, assignment->need, assignment->offer) != 0) {
            return false;
        }
        plan_link(plan, number);
        if (assignment->to_make > 0) {
            plan_book(plan, number);
        }
        fixed[assignment->offer] += life_is_fixed(assignment->state) ? assignment->quantity : 0;
        plan->totals.assignments += !is_received;
        plan->totals.units_promised += is_received ? 0 : (uint64_t)assignment->quantity;
        plan->totals.doubted += assignment->is_in_doubt;
        plan->totals.units_received += is_received ? (uint64_t)assignment->quantity : 0;
    }
    return true;
}

/* What is told and does not flow, or flows and is not told, is bent. */
static void restore_bends(struct plan *plan, uint32_t number)
{
    size_t count = plan_copy_arcs(plan, number);
    uint32_t before = SLOT_NONE;

    for (size_t i = 0; i < count; i++) {
        uint32_t offer = slots_owner(&plan->slots, plan->work[i].source);
        if (offer != before) {
            uint32_t told = plan_find_unfixed(plan, number, offer);
            plan_set_bend(plan, number, offer,
                          (told == 0 ? 0 : plan->assignments[told].quantity) -
                              plan_share(plan, number, offer).units);
            before = offer;
        }
    }
}

/* What is not fixed comes by an arc, on the day that follows from it; the rest equals what is noted
 * as fixed. */
static bool need_agrees(const struct plan *plan, uint32_t number)
{
    int64_t fixed = 0;
    int64_t units = 0;

    for (uint32_t i = plan->needs[number].first; i != 0; i = plan->next[i]) {
        const struct plan_assignment *assignment = &plan->assignments[i];
        if (life_is_fixed(assignment->state)) {
            fixed += assignment->quantity;
            continue;
        }
        struct plan_share told = plan_told(plan, number, assignment->offer);
        if (told.units != assignment->quantity || told.day != assignment->day) {
            return false;
        }
        units += assignment->quantity;
    }
    return fixed == plan->needs[number].fixed && units == plan_told_units(plan, number) &&
           plan_is_lotted(plan, number);
}

/* The slots have what the commitments leave. */
static bool offer_agrees(struct plan *plan, uint32_t number)
{
    struct plan_offer *offer = &plan->offers[number];
    int64_t capacities[SLOT_COUNT_MAX] = {0};

    offer->missed = plan_capacities(plan, number, capacities);
    plan->totals.units_missed += (uint64_t)offer->missed;
    for (uint32_t i = 0; i < offer->range.count; i++) {
        uint32_t slot = offer->range.first + i;
        if (flow_source_capacity(plan->flow, slot) != capacities[i] ||
            flow_source_used(plan->flow, slot) > capacities[i]) {
            return false;
        }
    }
    return true;
}

static bool all_agree(struct plan *plan, int64_t *fixed)
{
    const struct market *market = plan->market;

    if (!link_assignments(plan, fixed)) {
        return false;
    }
    if (flow_source_count(plan->flow) != plan->slots.end ||
        flow_sink_count(plan->flow) != market->need_ids.count) {
        return false;
    }
    for (uint32_t need = 0; need < market->need_ids.count; need++) {
        restore_bends(plan, need);
        if (!need_agrees(plan, need)) {
            return false;
        }
        plan_count_need(plan, need);
    }
    for (uint32_t offer = 0; offer < market->offer_ids.count; offer++) {
        if (fixed[offer] != plan->offers[offer].fixed || !offer_agrees(plan, offer) ||
            !plan_told_fits(plan, offer)) {
            return false;
        }
        const struct offer *known = &market->offers[offer];
        if (plan_is_stock(plan, offer)) {
            plan->stock_lead_max = (uint32_t)max_u64(plan->stock_lead_max, known->lead_days);
        }
    }
    return true;
}

enum status plan_loaded(struct plan *plan)
{
    int64_t *fixed = memory_take(plan->market->offer_ids.count, sizeof *fixed);
    bool is_good = all_agree(plan, fixed);

    free(fixed);
    slots_find_gaps(&plan->slots);
    for (uint32_t i = 0; i < plan->market->product_ids.count; i++) {
        plan->products[i].reach_max = INT64_MAX; /* Not known yet. */
    }
    flow_clear_changes(plan->flow);
    return is_good ? STATUS_OK : STATUS_CORRUPT;
}
