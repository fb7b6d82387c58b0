/*
 * days.c - an offer's days: their slots, what commitments leave of them, and which of them a need
 * can use.
 *
 * Goods wait: what is made on a day may be given on any later one. So of the days that are on
 * time for a need only the last counts, and what was made before comes to it along the chain of
 * slots, which plan_follows defines.
 */
#include "core/plan/internal.h"

#include "core/match/rules.h"

#include <stdlib.h>

struct slot_days plan_offer_days(const struct plan *plan, uint32_t number)
{
    const struct offer *offer = &plan->market->offers[number];
    int32_t first = match_first_day(plan->market, number);

    if (offer->offer_kind == OFFER_STOCK) {
        return (struct slot_days){.first = DAY_NONE, .last = DAY_NONE};
    }
    if (first == DAY_NONE || offer->to == DAY_NONE) {
        return (struct slot_days){.first = 0, .last = -1};
    }
    return (struct slot_days){.first = first, .last = offer->to};
}

bool plan_is_stock(const struct plan *plan, uint32_t offer)
{
    return plan->market->offers[offer].offer_kind == OFFER_STOCK;
}

uint32_t plan_place_count(const struct plan *plan, uint32_t offer)
{
    return slot_place_count(plan->offers[offer].range, plan->offers[offer].days);
}

uint32_t plan_slot_at(const struct plan *plan, uint32_t offer, uint32_t place)
{
    return slot_at(plan->offers[offer].range, plan->offers[offer].days, place);
}

int32_t plan_day_at(const struct plan *plan, uint32_t offer, uint32_t place)
{
    return slot_last_day(plan->offers[offer].range, plan->offers[offer].days, place);
}

/* What is left at a place waits for the next one, unless goods of that day may serve others. */
static bool is_cut_behind(const struct plan *plan, uint32_t offer, struct slot_days days,
                          uint32_t place)
{
    int32_t day = slot_first_day(plan->offers[offer].range, days, place + 1);

    return market_chain_is_cut(plan->market, offer, day);
}

uint32_t plan_follows(const struct plan *plan, uint32_t offer, uint32_t place)
{
    if (place + 1 >= plan_place_count(plan, offer) ||
        is_cut_behind(plan, offer, plan->offers[offer].days, place)) {
        return FLOW_NONE;
    }
    return plan_slot_at(plan, offer, place + 1);
}

bool plan_is_cut(const struct plan *plan, uint32_t offer, struct slot_days days)
{
    uint32_t count = slot_place_count(plan->offers[offer].range, days);
    bool is_cut = false;

    for (uint32_t place = 0; place + 1 < count && !is_cut; place++) {
        is_cut = is_cut_behind(plan, offer, days, place);
    }
    return is_cut;
}

int64_t plan_offer_price(const struct plan *plan, uint32_t offer)
{
    uint32_t count = plan_place_count(plan, offer);
    int64_t price = count == 0 ? 0 : flow_price(plan->flow, plan_slot_at(plan, offer, count - 1));

    for (uint32_t place = 0; plan->offers[offer].is_cut && place + 1 < count; place++) {
        price = min_i64(price, flow_price(plan->flow, plan_slot_at(plan, offer, place)));
    }
    return price;
}

/* Slots. */

static uint32_t slots_wanted(const struct plan *plan, struct slot_days days)
{
    return slot_count_wanted(days, plan->options.slot_count_max);
}

void plan_take_slots(struct plan *plan, uint32_t number)
{
    struct plan_offer *offer = &plan->offers[number];

    offer->days = plan_offer_days(plan, number);
    offer->range =
        slots_take(&plan->slots, number, slots_wanted(plan, offer->days), SLOT_TOTAL_MAX);
    for (uint32_t i = 0; i < offer->range.count; i++) {
        flow_set_source(plan->flow, offer->range.first + i, 0);
    }
    GROW(plan->saved_slots, plan->saved_slot_capacity, plan->slots.end);
}

/* As if they had never been: what comes after must not depend on who had them. */
void plan_release_slots(struct plan *plan, uint32_t number)
{
    struct plan_offer *offer = &plan->offers[number];

    for (uint32_t i = 0; i < offer->range.count; i++) {
        uint32_t slot = offer->range.first + i;
        flow_set_next(plan->flow, slot, FLOW_NONE);
        flow_set_source(plan->flow, slot, 0);
    }
    for (uint32_t i = 0; i < offer->range.count; i++) {
        flow_restore_source(plan->flow, offer->range.first + i, 0, 0);
    }
    slots_release(&plan->slots, offer->range);
    offer->range = (struct slot_range){0};
}

bool plan_wants_more_slots(const struct plan *plan, uint32_t number)
{
    return slots_wanted(plan, plan_offer_days(plan, number)) > plan->offers[number].range.count;
}

/* Every slot follows at most one other at any time, so what ends comes first. */
static void link_slots(struct plan *plan, uint32_t number)
{
    const struct plan_offer *offer = &plan->offers[number];
    uint32_t follows[SLOT_COUNT_MAX] = {0};

    for (uint32_t i = 0; i < offer->range.count; i++) {
        uint32_t slot = offer->range.first + i;
        uint32_t place = slot_place(offer->range, offer->days, slot);
        follows[i] = place == SLOT_NONE ? FLOW_NONE : plan_follows(plan, number, place);
        if (flow_next(plan->flow, slot) != follows[i]) {
            flow_set_next(plan->flow, slot, FLOW_NONE);
        }
    }
    for (uint32_t i = 0; i < offer->range.count; i++) {
        uint32_t slot = offer->range.first + i;
        if (flow_next(plan->flow, slot) != follows[i]) {
            flow_set_next(plan->flow, slot, follows[i]);
        }
    }
}

/* Commitments. */

/* Whether a commitment has to be made before another: by deadline, of equal ones by number. */
static bool is_made_before(const struct plan *plan, uint32_t left, uint32_t right)
{
    int32_t left_day = plan->assignments[left].day;
    int32_t right_day = plan->assignments[right].day;

    return left_day != right_day ? left_day < right_day : left < right;
}

void plan_book(struct plan *plan, uint32_t number)
{
    uint32_t *link = &plan->offers[plan->assignments[number].offer].first_booked;

    GROW(plan->next_booked, plan->next_booked_capacity, (size_t)plan->assignment_count + 1);
    while (*link != 0 && is_made_before(plan, *link, number)) {
        link = &plan->next_booked[*link];
    }
    plan->next_booked[number] = *link;
    *link = number;
}

void plan_unbook(struct plan *plan, uint32_t number)
{
    uint32_t *link = &plan->offers[plan->assignments[number].offer].first_booked;

    while (*link != 0 && *link != number) {
        link = &plan->next_booked[*link];
    }
    if (*link == number) {
        *link = plan->next_booked[number];
    }
}

static void add_booking(struct day_work *work, struct booking booking)
{
    GROW(work->bookings, work->booking_capacity, work->booking_count + 1);
    work->bookings[work->booking_count++] = booking;
}

/* The offer's bookings by deadline, and one more without units at `extra`, unless DAY_NONE. */
static void list_bookings(const struct plan *plan, uint32_t number, int32_t extra)
{
    struct day_work *work = plan->day_work;
    bool is_missing = extra != DAY_NONE;

    work->booking_count = 0;
    for (uint32_t i = plan->offers[number].first_booked; i != 0; i = plan->next_booked[i]) {
        const struct plan_assignment *assignment = &plan->assignments[i];
        if (is_missing && extra <= assignment->day) {
            add_booking(work, (struct booking){.deadline = extra});
            is_missing = false;
        }
        add_booking(work, (struct booking){.deadline = assignment->day,
                                           .number = i,
                                           .units = assignment->to_make});
    }
    if (is_missing) {
        add_booking(work, (struct booking){.deadline = extra});
    }
}

void plan_make(struct plan *plan, uint32_t number, int32_t before)
{
    const struct offer *offer = &plan->market->offers[number];
    const struct day_work *work = plan->day_work;
    int32_t today = plan->market->today;

    list_bookings(plan, number, DAY_NONE);
    size_t count = work->booking_count;
    for (int32_t day = before > offer->from ? before : offer->from; day < today && day <= offer->to;
         day++) {
        booking_make((int64_t)market_capacity_on(offer, day), work->bookings, count);
    }
    for (size_t i = 0; i < count; i++) {
        uint32_t assignment = work->bookings[i].number;
        if (plan->assignments[assignment].to_make == work->bookings[i].units) {
            continue;
        }
        plan->assignments[assignment].to_make = work->bookings[i].units;
        marks_add(&plan->dirty_assignments, assignment);
        if (work->bookings[i].units == 0) {
            plan_unbook(plan, assignment);
        }
    }
}

/* Capacities. */

static void add_span(const struct plan *plan, uint32_t number, int32_t first, int32_t last)
{
    struct day_work *work = plan->day_work;

    GROW(work->spans, work->span_capacity, work->span_count + 1);
    work->spans[work->span_count++] = (struct booking_span){
        .last = last,
        .capacity = (int64_t)market_capacity_between(&plan->market->offers[number], first, last),
    };
}

/* One span for each place, but the days of the tail are parted at deadlines. */
static void list_spans(const struct plan *plan, uint32_t number, struct slot_range range,
                       struct slot_days days)
{
    struct day_work *work = plan->day_work;
    uint32_t count = slot_place_count(range, days);

    work->span_count = 0;
    for (uint32_t place = 0; place + 1 < count; place++) {
        int32_t day = slot_first_day(range, days, place);
        add_span(plan, number, day, day);
    }
    if (count == 0) {
        return;
    }
    int32_t first = slot_first_day(range, days, count - 1);
    for (size_t i = 0; i < work->booking_count; i++) {
        int32_t deadline = work->bookings[i].deadline;
        if (deadline >= first && deadline < days.last) {
            add_span(plan, number, first, deadline);
            first = deadline + 1;
        }
    }
    add_span(plan, number, first, days.last);
}

/* Fills the spans of the places of a range; units that cannot be made in time are returned. */
static int64_t fill_spans(const struct plan *plan, uint32_t number, struct slot_range range,
                          int32_t extra)
{
    const struct day_work *work = plan->day_work;

    list_bookings(plan, number, extra);
    list_spans(plan, number, range, plan_offer_days(plan, number));
    return booking_fill(work->spans, work->span_count, work->bookings, work->booking_count);
}

static int64_t stock_rest(const struct plan *plan, uint32_t offer)
{
    return max_i64(0, (int64_t)plan->market->offers[offer].capacity - plan->offers[offer].fixed);
}

int64_t plan_room(const struct plan *plan, uint32_t offer, int32_t day)
{
    const struct day_work *work = plan->day_work;
    int64_t room = 0;

    if (!plan_offer_is_active(plan, offer)) {
        return 0;
    }
    if (plan_is_stock(plan, offer)) {
        return stock_rest(plan, offer);
    }
    fill_spans(plan, offer, (struct slot_range){.count = 1}, day); /* Deadlines part it enough. */
    for (size_t i = 0; i < work->span_count && work->spans[i].last <= day; i++) {
        room += work->spans[i].left;
    }
    return room;
}

/* Of all its days: units that are missed take some as well, only not in time. */
static int64_t days_rest(const struct plan *plan, uint32_t number)
{
    struct slot_days days = plan_offer_days(plan, number);
    const struct offer *offer = &plan->market->offers[number];
    int64_t rest = (int64_t)market_capacity_between(offer, days.first, days.last);

    for (uint32_t i = plan->offers[number].first_booked; i != 0; i = plan->next_booked[i]) {
        rest -= plan->assignments[i].to_make;
    }
    return max_i64(0, rest);
}

int64_t plan_offer_rest(const struct plan *plan, uint32_t offer)
{
    if (!plan_offer_is_active(plan, offer)) {
        return 0;
    }
    return plan_is_stock(plan, offer) ? stock_rest(plan, offer) : days_rest(plan, offer);
}

int64_t plan_capacities(const struct plan *plan, uint32_t number,
                        int64_t capacities[SLOT_COUNT_MAX])
{
    const struct day_work *work = plan->day_work;
    const struct plan_offer *offer = &plan->offers[number];
    uint32_t count = plan_place_count(plan, number);

    for (uint32_t i = 0; i < offer->range.count; i++) {
        capacities[i] = 0;
    }
    if (!plan_offer_is_active(plan, number) || count == 0) {
        return 0;
    }
    if (plan_is_stock(plan, number)) {
        capacities[0] = stock_rest(plan, number);
        return 0;
    }
    int64_t missed = fill_spans(plan, number, offer->range, DAY_NONE);
    for (size_t i = 0; i < work->span_count; i++) {
        uint32_t place = (uint32_t)min_u64(i, count - 1);
        int64_t *capacity = &capacities[plan_slot_at(plan, number, place) - offer->range.first];
        *capacity = min_i64(*capacity + work->spans[i].left, FLOW_UNITS_MAX);
    }
    return missed;
}

int64_t plan_capacity(const struct plan *plan, uint32_t number)
{
    struct slot_days days = plan->offers[number].days;

    if (!plan_offer_is_active(plan, number)) {
        return 0;
    }
    return (int64_t)market_capacity_between(&plan->market->offers[number], days.first, days.last);
}

void plan_set_days(struct plan *plan, uint32_t number)
{
    struct plan_offer *offer = &plan->offers[number];
    int64_t capacities[SLOT_COUNT_MAX] = {0};

    offer->days = plan_offer_days(plan, number);
    int64_t missed = plan_capacities(plan, number, capacities);
    plan->totals.units_missed += (uint64_t)(missed - offer->missed);
    offer->missed = missed;
    offer->is_cut = plan_is_cut(plan, number, offer->days);
    link_slots(plan, number);
    for (uint32_t i = 0; i < offer->range.count; i++) {
        uint32_t slot = offer->range.first + i;
        if (offer->range.count == 1 || flow_source_capacity(plan->flow, slot) != capacities[i]) {
            flow_set_source(plan->flow, slot, capacities[i]);
        }
    }
}

/* Places. */

struct match plan_match_on(const struct plan *plan, uint32_t need, uint32_t offer, int32_t day)
{
    if (day == DAY_NONE) {
        day = match_first_day(plan->market, offer); /* A stock leaves at once. */
    }
    return match_check_on(plan->market, &plan->options.rules, need, offer, day);
}

static bool has_turns(const struct plan *plan, uint32_t need, uint32_t offer, struct slot_days days)
{
    const struct market *market = plan->market;

    if (days.first == days.last) {
        return false;
    }
    int32_t turn =
        rules_next_turn(market, &market->needs[need], &market->offers[offer], days.first);
    return turn != DAY_NONE && turn <= days.last;
}

struct match plan_match_at(const struct plan *plan, uint32_t need, uint32_t number, uint32_t place)
{
    const struct plan_offer *offer = &plan->offers[number];
    int32_t day = slot_first_day(offer->range, offer->days, place);
    int32_t last = slot_last_day(offer->range, offer->days, place);
    struct match match = plan_match_on(plan, need, number, last);

    while (day != last && match.reason == MATCH_POSSIBLE) {
        struct match other = plan_match_on(plan, need, number, day);
        day = rules_next_turn(plan->market, &plan->market->needs[need],
                              &plan->market->offers[number], day);
        day = day == DAY_NONE || day > last ? last : day;
        match = other.reason == MATCH_POSSIBLE ? match : other;
    }
    return match;
}

bool plan_is_of_use(const struct plan *plan, uint32_t need, uint32_t offer, uint32_t place,
                    const struct match *match)
{
    if (plan_follows(plan, offer, place) == FLOW_NONE) {
        return true;
    }
    struct match next = plan_match_at(plan, need, offer, place + 1);
    return next.reason != MATCH_POSSIBLE || next.days_late > 0 || next.cost > match->cost;
}

static uint32_t days_behind(int32_t day, int32_t other)
{
    return day > other ? (uint32_t)(day - other) : 0;
}

static struct plan_places dated_places(const struct plan *plan, uint32_t need, uint32_t number)
{
    const struct plan_offer *offer = &plan->offers[number];
    struct match_days days = match_days(plan->market, need, number);
    uint32_t last = slot_place_until(offer->range, offer->days, days.latest);

    return (struct plan_places){
        .end = last == SLOT_NONE ? 0 : last + 1, .on_time = days.on_time, .is_dated = true};
}

struct plan_places plan_places(const struct plan *plan, uint32_t need, uint32_t number)
{
    const struct plan_offer *offer = &plan->offers[number];
    struct plan_places places = {0};
    uint32_t count = plan_place_count(plan, number);

    if (count == 0 || plan_is_excluded(plan, need, number)) {
        return places;
    }
    if (offer->is_cut || has_turns(plan, need, number, offer->days)) {
        return dated_places(plan, need, number);
    }
    struct match match = plan_match_on(plan, need, number, offer->days.first);
    if (match.reason != MATCH_POSSIBLE) {
        return places; /* Later is no better. */
    }
    if (offer->days.first == offer->days.last) {
        return (struct plan_places){.end = 1, .cost = match.cost};
    }
    struct match_days days = match_days(plan->market, need, number);
    uint32_t last = slot_place_until(offer->range, offer->days, days.latest);
    uint32_t from = slot_place_until(offer->range, offer->days, days.on_time);
    if (last == SLOT_NONE) {
        return places;
    }
    places.from = from == SLOT_NONE ? 0 : from;
    places.end = last + 1;
    places.on_time = days.on_time;
    places.cost = match.cost;
    int32_t day = plan_day_at(plan, number, places.from);
    places.days_late = days_behind(day, days.on_time);
    if (places.days_late > 0 && day > offer->days.first) {
        places.cost = plan_match_on(plan, need, number, day).cost;
    }
    return places;
}

static uint32_t cost_at(const struct plan *plan, uint32_t offer, const struct plan_places *places,
                        uint32_t place)
{
    if (place == places->from) {
        return places->cost;
    }
    uint64_t days =
        days_behind(plan_day_at(plan, offer, place), places->on_time) - places->days_late;
    return (uint32_t)min_u64(places->cost + days * plan->options.rules.per_day_late, COST_MAX);
}

bool plan_can_use(const struct plan *plan, uint32_t need, uint32_t offer,
                  const struct plan_places *places, uint32_t place, uint32_t *cost)
{
    if (place < places->from || place >= places->end) {
        return false;
    }
    if (!places->is_dated) {
        *cost = cost_at(plan, offer, places, place);
        return true;
    }
    struct match match = plan_match_at(plan, need, offer, place);
    *cost = match.cost;
    return match.reason == MATCH_POSSIBLE && plan_is_of_use(plan, need, offer, place, &match);
}

uint32_t plan_first_use(const struct plan *plan, uint32_t need, uint32_t offer)
{
    struct plan_places places = plan_places(plan, need, offer);
    uint32_t cost;

    for (uint32_t place = places.from; place < places.end; place++) {
        if (plan_can_use(plan, need, offer, &places, place, &cost)) {
            return place;
        }
    }
    return SLOT_NONE;
}

uint32_t plan_least_in_tail(const struct plan *plan, uint32_t need, uint32_t number)
{
    const struct plan_offer *offer = &plan->offers[number];
    uint32_t place = plan_place_count(plan, number) - 1;
    int32_t last = slot_last_day(offer->range, offer->days, place);
    uint32_t least = UINT32_MAX;

    for (int32_t day = slot_first_day(offer->range, offer->days, place);
         day != DAY_NONE && day <= last;
         day = rules_next_turn(plan->market, &plan->market->needs[need],
                               &plan->market->offers[number], day)) {
        struct match match = plan_match_on(plan, need, number, day);
        least = match.reason == MATCH_POSSIBLE && match.cost < least ? match.cost : least;
    }
    return least;
}

/* For reading. */

uint32_t plan_slot_count(const struct plan *plan, uint32_t offer)
{
    return plan_offer_is_active(plan, offer) ? plan_place_count(plan, offer) : 0;
}

struct plan_slot plan_slot(const struct plan *plan, uint32_t number, uint32_t place)
{
    const struct plan_offer *offer = &plan->offers[number];
    uint32_t slot = plan_slot_at(plan, number, place);
    bool has_days = !plan_is_stock(plan, number);

    return (struct plan_slot){
        .first = has_days ? slot_first_day(offer->range, offer->days, place) : DAY_NONE,
        .last = has_days ? slot_last_day(offer->range, offer->days, place) : DAY_NONE,
        .capacity = flow_source_capacity(plan->flow, slot),
        .used = max_i64(0, flow_source_used(plan->flow, slot)),
        .price = flow_price(plan->flow, slot),
    };
}
