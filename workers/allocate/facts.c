#include "workers/allocate/facts.h"

#include "core/match/rules.h"
#include "core/plan/explain.h"

static struct bytes text_of(const struct market *market, uint32_t number)
{
    return number == NAME_NONE ? (struct bytes){0} : names_text(&market->texts, number);
}

struct need_row need_facts(const struct allocate *allocate, uint32_t number)
{
    const struct market *market = plan_market(allocate->plan);
    const struct need *need = &market->needs[number];

    return (struct need_row){
        .t = bytes_from_text("need"),
        .need = names_text(&market->need_ids, number),
        .party = names_text(&market->party_ids, need->party),
        .product = names_text(&market->product_ids, need->product),
        .state = bytes_from_text(need_state_name(need->state)),
        .quantity = need->quantity,
        .class_number = need->class_number,
        .due = need->due,
        .latest = need->latest,
        .promised = (uint64_t)plan_need_promised(allocate->plan, number),
        .unserved = (uint64_t)plan_need_missing(allocate->plan, number),
    };
}

/* Of its first slot: what is made soonest serves all days. */
static uint64_t price_of(const struct plan *plan, uint32_t offer)
{
    return plan_slot_count(plan, offer) == 0 ? 0 : (uint64_t)plan_slot(plan, offer, 0).price;
}

struct offer_row offer_facts(const struct allocate *allocate, uint32_t number)
{
    const struct market *market = plan_market(allocate->plan);
    const struct offer *offer = &market->offers[number];

    return (struct offer_row){
        .t = bytes_from_text("offer"),
        .offer = names_text(&market->offer_ids, number),
        .party = names_text(&market->party_ids, offer->party),
        .product = names_text(&market->product_ids, offer->product),
        .state = bytes_from_text(offer_state_name(offer->state)),
        .kind = bytes_from_text(offer->offer_kind == OFFER_STOCK ? "stock" : "capacity"),
        .capacity = offer->capacity,
        .promised = (uint64_t)plan_offer_promised(allocate->plan, number),
        .from = offer->from,
        .to = offer->to,
        .lead_days = offer->lead_days,
        .price = price_of(allocate->plan, number),
    };
}

struct party_row party_facts(const struct allocate *allocate, uint32_t number)
{
    const struct market *market = plan_market(allocate->plan);
    const struct party *party = &market->parties[number];

    return (struct party_row){
        .t = bytes_from_text("party"),
        .party = names_text(&market->party_ids, number),
        .name = text_of(market, party->name),
        .departement = text_of(market, party->departement),
        .region = text_of(market, party->region),
        .country = text_of(market, party->country),
        .roles = party->roles,
    };
}

struct product_row product_facts(const struct allocate *allocate, uint32_t number)
{
    const struct market *market = plan_market(allocate->plan);
    const struct product *product = &market->products[number];

    return (struct product_row){
        .t = bytes_from_text("product"),
        .product = names_text(&market->product_ids, number),
        .family = text_of(market, product->family),
        .name = text_of(market, product->name),
        .unit = text_of(market, product->unit),
        .lot = product->lot,
        .recyclable = product->recyclable,
        .open_needs = product->needs.count,
        .active_offers = product->offers.count,
    };
}

static struct bytes id_of(const struct names *ids, uint32_t number)
{
    return number == NAME_NONE ? (struct bytes){0} : names_text(ids, number);
}

static const char *state_of_rule(const struct market *market, const struct rule *rule)
{
    if (rule->is_revoked) {
        return "revoked";
    }
    if (rule_is_in_force(rule, market->today)) {
        return "in_force";
    }
    return rule->from != DAY_NONE && rule->from > market->today ? "to_come" : "over";
}

struct dated_row dated_facts(const struct allocate *allocate, uint32_t number)
{
    static const char *const kinds[] = {NULL, "substitute", "norm", "certificate", "exclusion"};
    const struct market *market = plan_market(allocate->plan);
    const struct rule *rule = &market->rules[number];
    struct bytes text = text_of(market, rule->text);
    bool is_certificate = rule->kind == RULE_CERTIFICATE;

    return (struct dated_row){
        .t = bytes_from_text(kinds[rule->kind]),
        .id = market_rule_id(market, number),
        .state = bytes_from_text(state_of_rule(market, rule)),
        .product = id_of(&market->product_ids, rule->product),
        .given = id_of(&market->product_ids, rule->given),
        .rank = rule->rank,
        .party = id_of(&market->party_ids, rule->party),
        .other = id_of(&market->party_ids, rule->other),
        .code = text_of(market, rule->code),
        .number = is_certificate ? text : (struct bytes){0},
        .reason = is_certificate ? (struct bytes){0} : text,
        .country = text_of(market, rule->country),
        .region = text_of(market, rule->region),
        .class_number = rule->class_number,
        .from = rule->from,
        .to = rule->to,
    };
}

static const char *reason_of(const struct allocate *allocate, const struct match *match,
                             uint32_t need, uint32_t offer)
{
    bool is_closed = plan_is_excluded(allocate->plan, need, offer);

    return match->reason == MATCH_POSSIBLE && is_closed ? explain_rule_name(MATCH_POSSIBLE)
                                                        : match_reason_name(match->reason);
}

struct pair_row pair_facts(const struct allocate *allocate, uint32_t need, uint32_t offer)
{
    const struct market *market = plan_market(allocate->plan);
    const struct match_rules *rules = plan_rules(allocate->plan);
    struct match match = match_check(market, rules, need, offer);
    struct match_why why = match_why_not(market, rules, need, offer);
    bool has_rule = why.rule != NAME_NONE;
    bool is_checked = match.reason == MATCH_POSSIBLE || match.reason == MATCH_TOO_LATE;

    return (struct pair_row){
        .offer = names_text(&market->offer_ids, offer),
        .party = names_text(&market->party_ids, market->offers[offer].party),
        .reason = bytes_from_text(reason_of(allocate, &match, need, offer)),
        .cost = match.cost,
        .kilometres = match.kilometres,
        .distance_cost = (uint64_t)rules->per_kilometre * match.kilometres,
        .region_cost = match.other_region ? rules->other_region : 0,
        .country_cost = match.other_country ? rules->other_country : 0,
        .late_cost = (uint64_t)rules->per_day_late * match.days_late,
        .substitute_cost = (uint64_t)rules->per_substitute_rank * match.rank,
        .recyclable_cost = match.not_recyclable ? rules->not_recyclable : 0,
        .days_late = match.days_late,
        .arrival = is_checked ? match.arrival : DAY_NONE,
        .price = price_of(allocate->plan, offer),
        .capacity = market->offers[offer].capacity,
        .promised = (uint64_t)plan_offer_promised(allocate->plan, offer),
        .given = (uint64_t)plan_pair_units(allocate->plan, need, offer),
        .rule = has_rule ? market_rule_id(market, why.rule) : (struct bytes){0},
        .code = has_rule ? text_of(market, market->rules[why.rule].code) : (struct bytes){0},
        .day = why.day,
        .ended = why.ended,
        .days_missing = why.days,
        .units_missing = why.units,
    };
}

struct share_row share_facts(const struct allocate *allocate, uint64_t number)
{
    const struct market *market = plan_market(allocate->plan);
    const struct plan_assignment *assignment = plan_assignment(allocate->plan, number);

    return (struct share_row){
        .assignment = number,
        .offer = names_text(&market->offer_ids, assignment->offer),
        .party = names_text(&market->party_ids, market->offers[assignment->offer].party),
        .state = assignment->state,
        .quantity = (uint64_t)assignment->quantity,
        .cost = assignment->cost,
        .kilometres = assignment->kilometres,
        .made = assignment->day,
        .arrival = assignment->arrival,
    };
}
