#include "core/match/match.h"

#include "core/match/cost.h"
#include "core/match/distance.h"

struct match_rules match_rules_from(const struct rules_put *command)
{
    return (struct match_rules){
        .per_kilometre = (uint32_t)command->per_kilometre,
        .other_region = (uint32_t)command->other_region,
        .other_country = (uint32_t)command->other_country,
        .per_day_late = (uint32_t)command->per_day_late,
        .kept_max = (uint32_t)command->kept_max,
    };
}

struct match_rules match_rules_default(void)
{
    return (struct match_rules){
        .per_kilometre = 1,
        .other_region = 200,
        .other_country = 2000,
        .per_day_late = 500,
        .kept_max = 32,
    };
}

const char *match_reason_name(enum match_reason reason)
{
    switch (reason) {
    case MATCH_POSSIBLE:
        return "possible";
    case MATCH_NEED_NOT_OPEN:
        return "need_not_open";
    case MATCH_OFFER_NOT_ACTIVE:
        return "offer_not_active";
    case MATCH_OTHER_PRODUCT:
        return "other_product";
    case MATCH_NO_CAPACITY:
        return "no_capacity";
    case MATCH_LOT_UNREACHABLE:
        return "lot_unreachable";
    case MATCH_TOO_LATE:
        return "too_late";
    case MATCH_SAME_PARTY:
        return "same_party";
    }
    UNREACHABLE();
}

uint32_t cost_of(const struct match_rules *rules, const struct cost_terms *terms)
{
    /* Each product is below 2^62, so the sum fits. */
    uint64_t cost = (uint64_t)rules->per_kilometre * terms->kilometres +
                    (uint64_t)rules->per_day_late * terms->days_late +
                    (terms->other_region ? rules->other_region : 0) +
                    (terms->other_country ? rules->other_country : 0);
    return (uint32_t)min_u64(cost, COST_MAX);
}

int32_t cost_arrival(int32_t leaving, uint32_t kilometres)
{
    if (leaving == DAY_NONE) {
        return DAY_NONE;
    }
    int64_t days =
        kilometres < KILOMETRES_NEAR ? 0 : (kilometres + KILOMETRES_A_DAY - 1) / KILOMETRES_A_DAY;
    return (int32_t)min_i64(leaving + days, DAY_MAX);
}

int32_t cost_leaving(int32_t day, uint32_t lead_days)
{
    return day == DAY_NONE ? DAY_NONE : day + (int32_t)lead_days;
}

int32_t cost_later(int32_t left, uint32_t left_lead, int32_t right, uint32_t right_lead)
{
    int32_t first = cost_leaving(left, left_lead);
    int32_t second = cost_leaving(right, right_lead);
    return first > second ? first : second; /* DAY_NONE lies before every day. */
}

uint32_t cost_days_late(int32_t arrival, int32_t due)
{
    return due != DAY_NONE && arrival > due ? (uint32_t)(arrival - due) : 0;
}

/* A share of min(quantity, capacity) units is at least a lot, or it completes the need. */
uint64_t cost_units_min(const struct market *market, const struct need *need)
{
    return min_u64(market->products[need->product].lot, need->quantity);
}

/* The rules that need no distance. */
static enum match_reason check_states(const struct market *market, const struct need *need,
                                      const struct offer *offer)
{
    if (need->state != NEED_OPEN) {
        return MATCH_NEED_NOT_OPEN;
    }
    if (offer->state != OFFER_ACTIVE) {
        return MATCH_OFFER_NOT_ACTIVE;
    }
    if (need->product != offer->product) {
        return MATCH_OTHER_PRODUCT;
    }
    if (offer->capacity == 0) {
        return MATCH_NO_CAPACITY;
    }
    if (offer->capacity < cost_units_min(market, need)) {
        return MATCH_LOT_UNREACHABLE;
    }
    return MATCH_POSSIBLE;
}

static bool is_other(uint32_t left, uint32_t right)
{
    return left != NAME_NONE && right != NAME_NONE && left != right;
}

int32_t match_first_day(const struct market *market, uint32_t offer)
{
    return cost_later(market->today, 0, market->offers[offer].from, 0);
}

struct match match_check_on(const struct market *market, const struct match_rules *rules,
                            uint32_t need_number, uint32_t offer_number, int32_t day)
{
    ENSURE(need_number < market->need_ids.count);
    ENSURE(offer_number < market->offer_ids.count);
    const struct need *need = &market->needs[need_number];
    const struct offer *offer = &market->offers[offer_number];

    enum match_reason reason = check_states(market, need, offer);
    if (reason != MATCH_POSSIBLE) {
        return (struct match){.reason = reason};
    }
    const struct party *requester = &market->parties[need->party];
    const struct party *offerer = &market->parties[offer->party];
    uint32_t kilometres = place_distance(&requester->place, &offerer->place);
    int32_t arrival = cost_arrival(cost_leaving(day, offer->lead_days), kilometres);
    struct cost_terms terms = {
        .kilometres = kilometres,
        .days_late = cost_days_late(arrival, need->due),
        .other_region = is_other(requester->region, offerer->region),
        .other_country = is_other(requester->country, offerer->country),
    };
    if (need->latest != DAY_NONE && arrival > need->latest) {
        reason = MATCH_TOO_LATE;
    } else if (need->party == offer->party) {
        reason = MATCH_SAME_PARTY;
    }
    return (struct match){
        .reason = reason,
        .cost = cost_of(rules, &terms),
        .kilometres = terms.kilometres,
        .days_late = terms.days_late,
        .other_region = terms.other_region,
        .other_country = terms.other_country,
        .arrival = arrival,
    };
}

struct match match_check(const struct market *market, const struct match_rules *rules,
                         uint32_t need, uint32_t offer)
{
    ENSURE(offer < market->offer_ids.count);
    return match_check_on(market, rules, need, offer, match_first_day(market, offer));
}

/* The last day of production for an arrival on `day`. */
static int32_t last_production(int32_t day, int32_t days_on_the_way)
{
    return day == DAY_NONE ? DAY_MAX : day - days_on_the_way;
}

struct match_days match_days(const struct market *market, uint32_t need_number,
                             uint32_t offer_number)
{
    const struct need *need = &market->needs[need_number];
    const struct offer *offer = &market->offers[offer_number];
    uint32_t kilometres =
        place_distance(&market->parties[need->party].place, &market->parties[offer->party].place);
    int32_t days_on_the_way = cost_arrival(cost_leaving(0, offer->lead_days), kilometres);
    int32_t latest = last_production(need->latest, days_on_the_way);
    int32_t on_time = last_production(need->due, days_on_the_way);

    return (struct match_days){.on_time = on_time < latest ? on_time : latest, .latest = latest};
}
