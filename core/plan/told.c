/*
 * told.c - what a pair is told: its flow, and its bend where lots bind (keep.c).
 *
 * Bends hang in two lists, of their need and of their offer. Whether an offer can give all that it
 * is told to is asked of each part of its chain of days alone:
 *
 *     slack of a day = units of the days up to it that nobody takes up to it
 *                    = sum over days of (capacity - used) + units that wait behind the day
 *
 * A bend takes of the slack of its day and of all behind. So long as no slack is negative, all told
 * units can be made in time (booking.c).
 */
#include "core/plan/internal.h"

static struct bend *find_bend(const struct plan *plan, uint32_t need, uint32_t offer)
{
    uint32_t at = plan->needs[need].first_bend;

    while (at != 0 && plan->bends[at - 1].offer != offer) {
        at = plan->bends[at - 1].next_of_need;
    }
    return at == 0 ? NULL : &plan->bends[at - 1];
}

int64_t plan_bend(const struct plan *plan, uint32_t need, uint32_t offer)
{
    const struct bend *bend = find_bend(plan, need, offer);

    return bend == NULL ? 0 : bend->units;
}

static void add_bend(struct plan *plan, const struct bend *added)
{
    uint32_t number = plan->free_bend;

    if (number == 0) {
        GROW(plan->bends, plan->bend_capacity, (size_t)plan->bend_end + 1);
        number = ++plan->bend_end;
    } else {
        plan->free_bend = plan->bends[number - 1].next_of_need;
    }
    struct bend *bend = &plan->bends[number - 1];
    *bend = *added;
    bend->next_of_need = plan->needs[bend->need].first_bend;
    bend->next_of_offer = plan->offers[bend->offer].first_bend;
    plan->needs[bend->need].first_bend = number;
    plan->offers[bend->offer].first_bend = number;
    plan->bend_count++;
}

static void remove_bend(struct plan *plan, struct bend *bend)
{
    uint32_t number = (uint32_t)(bend - plan->bends) + 1;
    uint32_t *of_need = &plan->needs[bend->need].first_bend;
    uint32_t *of_offer = &plan->offers[bend->offer].first_bend;

    while (*of_need != number) {
        of_need = &plan->bends[*of_need - 1].next_of_need;
    }
    *of_need = bend->next_of_need;
    while (*of_offer != number) {
        of_offer = &plan->bends[*of_offer - 1].next_of_offer;
    }
    *of_offer = bend->next_of_offer;
    bend->next_of_need = plan->free_bend;
    plan->free_bend = number;
    plan->bend_count--;
}

void plan_set_bend(struct plan *plan, uint32_t need, uint32_t offer, int64_t units)
{
    struct bend *bend = find_bend(plan, need, offer);

    if (bend != NULL && units == 0) {
        remove_bend(plan, bend);
    } else if (bend != NULL) {
        bend->units = units;
    } else if (units != 0) {
        add_bend(plan, &(struct bend){.need = need, .offer = offer, .units = units});
    }
}

/* The day by which goods are made that come by no arc so far: the first, which is on time unless
 * none is. */
static int32_t first_day(const struct plan *plan, uint32_t need, uint32_t offer)
{
    const struct plan_offer *known = &plan->offers[offer];
    uint32_t first = SLOT_NONE;
    size_t count;
    const struct flow_arc *arcs = flow_arcs(plan->flow, need, &count);

    for (size_t i = 0; i < count; i++) {
        if (arcs[i].source - known->range.first < known->range.count) {
            uint32_t place = slot_place(known->range, known->days, arcs[i].source);
            first = place < first ? place : first;
        }
    }
    return first == SLOT_NONE ? DAY_NONE : plan_day_at(plan, offer, first);
}

struct plan_share plan_told(const struct plan *plan, uint32_t need, uint32_t offer)
{
    struct plan_share share = plan_share(plan, need, offer);
    const struct bend *bend = find_bend(plan, need, offer);

    if (bend == NULL) {
        return share;
    }
    if (share.units == 0 && !plan_is_stock(plan, offer)) {
        share.day = first_day(plan, need, offer);
    }
    share.units += bend->units;
    return share;
}

int64_t plan_told_units(const struct plan *plan, uint32_t need)
{
    int64_t units = flow_sink_served(plan->flow, need);

    for (uint32_t at = plan->needs[need].first_bend; at != 0;
         at = plan->bends[at - 1].next_of_need) {
        units += plan->bends[at - 1].units;
    }
    return units;
}

static int64_t bends_of(const struct plan *plan, uint32_t offer)
{
    int64_t units = 0;

    for (uint32_t at = plan->offers[offer].first_bend; at != 0;
         at = plan->bends[at - 1].next_of_offer) {
        units += plan->bends[at - 1].units;
    }
    return units;
}

static int64_t left_in(const struct plan *plan, uint32_t slot)
{
    return flow_source_capacity(plan->flow, slot) - flow_source_used(plan->flow, slot);
}

int64_t plan_spare(const struct plan *plan, uint32_t offer)
{
    struct slot_range range = plan->offers[offer].range;
    int64_t units = 0;

    for (uint32_t i = 0; i < range.count; i++) {
        units += left_in(plan, range.first + i);
    }
    return units - bends_of(plan, offer);
}

/* Days. */

static uint32_t place_of_day(const struct plan *plan, uint32_t offer, int32_t day)
{
    return slot_place_until(plan->offers[offer].range, plan->offers[offer].days, day);
}

/* What bends add to each place. */
static void place_bends(const struct plan *plan, uint32_t offer, int64_t units[SLOT_COUNT_MAX])
{
    for (uint32_t at = plan->offers[offer].first_bend; at != 0;
         at = plan->bends[at - 1].next_of_offer) {
        const struct bend *bend = &plan->bends[at - 1];
        uint32_t place = place_of_day(plan, offer, plan_told(plan, bend->need, offer).day);
        if (place != SLOT_NONE) { /* Else it has no arc any more, and ends at this settle. */
            units[place] += bend->units;
        }
    }
}

/* The least slack of a place and of those behind it, up to where the chain ends. `*end` is behind
 * them. */
static int64_t least_slack(const struct plan *plan, uint32_t offer, uint32_t from, uint32_t *end)
{
    int64_t bends[SLOT_COUNT_MAX] = {0};
    uint32_t count = plan_place_count(plan, offer);
    int64_t slack = 0;
    int64_t least = INT64_MAX;

    place_bends(plan, offer, bends);
    for (uint32_t place = 0; place < count; place++) {
        uint32_t slot = plan_slot_at(plan, offer, place);
        bool is_last = flow_next(plan->flow, slot) == FLOW_NONE;
        slack += left_in(plan, slot) - bends[place];
        if (place >= from) {
            least = min_i64(least, slack + (is_last ? 0 : flow_waiting(plan->flow, slot)));
            *end = place + 1;
        }
        if (is_last && place >= from) {
            break;
        }
        slack = is_last ? 0 : slack;
    }
    return least;
}

int64_t plan_spare_by(const struct plan *plan, uint32_t offer, int32_t day)
{
    uint32_t end;

    if (plan->offers[offer].range.count <= 1) {
        return plan_spare(plan, offer);
    }
    uint32_t place = place_of_day(plan, offer, day);
    return place == SLOT_NONE ? 0 : least_slack(plan, offer, place, &end);
}

bool plan_told_fits(const struct plan *plan, uint32_t offer)
{
    uint32_t count = plan_place_count(plan, offer);
    bool fits = true;

    if (plan->offers[offer].range.count <= 1) {
        return plan_spare(plan, offer) >= 0;
    }
    for (uint32_t place = 0; place < count && fits;) {
        fits = least_slack(plan, offer, place, &place) >= 0;
    }
    return fits;
}
