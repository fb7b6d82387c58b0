#include "core/match/match.h"

#include "core/match/cost.h"
#include "core/match/distance.h"
#include "core/match/rules.h"

struct match_rules match_rules_from(const struct rules_put *command)
{
    return (struct match_rules){
        .per_kilometre = (uint32_t)command->per_kilometre,
        .other_region = (uint32_t)command->other_region,
        .other_country = (uint32_t)command->other_country,
        .per_day_late = (uint32_t)command->per_day_late,
        .per_substitute_rank = (uint32_t)command->per_substitute_rank,
        .not_recyclable = (uint32_t)command->not_recyclable,
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
        .per_substitute_rank = 100,
        .not_recyclable = 20,
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
    case MATCH_SUBSTITUTE_NOT_IN_FORCE:
        return "substitute_not_in_force";
    case MATCH_EXCLUDED:
        return "excluded";
    case MATCH_CERTIFICATE_MISSING:
        return "certificate_missing";
    case MATCH_CERTIFICATE_REVOKED:
        return "certificate_revoked";
    case MATCH_CERTIFICATE_NOT_YET:
        return "certificate_not_yet";
    case MATCH_CERTIFICATE_EXPIRED:
        return "certificate_expired";
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

/* A share of min(quantity, capacity) units is at least a lot, or it completes the need. */
uint64_t cost_units_min(const struct market *market, const struct need *need)
{
    return min_u64(market->products[need->product].lot, need->quantity);
}

/* Whether what is given is what is asked for, or may stand in for it. */
static enum match_reason check_product(const struct market *market, const struct need *need,
                                       const struct offer *offer, int32_t day, uint32_t *rank)
{
    *rank = 0;
    if (need->product == offer->product) {
        return MATCH_POSSIBLE;
    }
    uint32_t rule = rules_substitute(market, need->product, offer->product, day);
    if (rule != NAME_NONE) {
        *rank = market->rules[rule].rank;
        return MATCH_POSSIBLE;
    }
    bool is_known = rules_substitute(market, need->product, offer->product, DAY_NONE) != NAME_NONE;
    return is_known ? MATCH_SUBSTITUTE_NOT_IN_FORCE : MATCH_OTHER_PRODUCT;
}

/* The nearest to being valid of a party's certificates for a norm. */
static enum match_reason judge_certificates(const struct market *market, uint32_t first,
                                            int32_t day)
{
    enum match_reason reason = MATCH_CERTIFICATE_MISSING;

    for (uint32_t i = first; i != NAME_NONE; i = market->rules[i].next) {
        const struct rule *certificate = &market->rules[i];
        enum match_reason found = MATCH_CERTIFICATE_EXPIRED;
        if (certificate->is_revoked) {
            found = MATCH_CERTIFICATE_REVOKED;
        } else if (certificate->from != DAY_NONE && certificate->from > day) {
            found = MATCH_CERTIFICATE_NOT_YET;
        }
        reason = found > reason ? found : reason;
    }
    return reason;
}

static enum match_reason check_parties(const struct market *market, const struct need *need,
                                       const struct offer *offer, int32_t day)
{
    if (rules_exclusion(market, need->party, offer->party, day) != NAME_NONE) {
        return MATCH_EXCLUDED;
    }
    uint32_t norm = rules_norm_missed(market, need, offer, day);
    if (norm == NAME_NONE) {
        return MATCH_POSSIBLE;
    }
    uint32_t first = rules_certificate(market, &market->rules[norm], offer->party);
    return judge_certificates(market, first, day);
}

/* The rules that need no distance. */
static enum match_reason check_states(const struct market *market, const struct need *need,
                                      const struct offer *offer, int32_t day, uint32_t *rank)
{
    if (need->state != NEED_OPEN) {
        return MATCH_NEED_NOT_OPEN;
    }
    if (offer->state != OFFER_ACTIVE) {
        return MATCH_OFFER_NOT_ACTIVE;
    }
    enum match_reason reason = check_product(market, need, offer, day, rank);
    if (reason != MATCH_POSSIBLE) {
        return reason;
    }
    if (offer->capacity == 0) {
        return MATCH_NO_CAPACITY;
    }
    if (offer->capacity < cost_units_min(market, need)) {
        return MATCH_LOT_UNREACHABLE;
    }
    return check_parties(market, need, offer, day);
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

    uint32_t rank;
    enum match_reason reason = check_states(market, need, offer, day, &rank);
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
        .not_recyclable = rules_prefer_recyclable(market, need->product, offer->product, day),
        .rank = rank,
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
        .not_recyclable = terms.not_recyclable,
        .rank = terms.rank,
        .arrival = arrival,
    };
}

struct match match_check(const struct market *market, const struct match_rules *rules,
                         uint32_t need_number, uint32_t offer_number)
{
    ENSURE(offer_number < market->offer_ids.count);
    const struct need *need = &market->needs[need_number];
    const struct offer *offer = &market->offers[offer_number];
    int32_t day = match_first_day(market, offer_number);
    struct match best = match_check_on(market, rules, need_number, offer_number, day);

    /* Goods of a stock were made by its first day. A capacity has others, and between two turns of
     * a rule the first one is the best. */
    while (offer->offer_kind == OFFER_CAPACITY) {
        day = rules_next_turn(market, need, offer, day);
        if (day == DAY_NONE || day > offer->to) {
            return best;
        }
        struct match match = match_check_on(market, rules, need_number, offer_number, day);
        bool is_better = best.reason != MATCH_POSSIBLE || match.cost < best.cost;
        best = match.reason == MATCH_POSSIBLE && is_better ? match : best;
    }
    return best;
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
