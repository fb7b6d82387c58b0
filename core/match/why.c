/*
 * why.c - what stands between a need and an offer, and when or by how much it would not.
 */
#include "core/match/cost.h"
#include "core/match/rules.h"

static void explain_substitute(const struct market *market, const struct need *need,
                               const struct offer *offer, int32_t day, struct match_why *why)
{
    const struct number_list *list = &market->products[need->product].substitutes;

    for (size_t i = 0; i < list->count; i++) {
        const struct rule *rule = &market->rules[list->items[i]];
        if (rule->given != offer->product) {
            continue;
        }
        bool begins_first = rule->from != DAY_NONE && rule->from > day &&
                            (why->day == DAY_NONE || rule->from < why->day);
        bool ended_last = rule->to != DAY_NONE && rule->to < day && rule->to > why->ended;
        if (begins_first) {
            why->day = rule->from;
            why->rule = list->items[i];
        }
        if (ended_last) {
            why->ended = rule->to;
            why->rule = why->day == DAY_NONE ? list->items[i] : why->rule;
        }
    }
}

/* From one end to the next, until no exclusion is in force. */
static void explain_exclusion(const struct market *market, const struct need *need,
                              const struct offer *offer, int32_t day, struct match_why *why)
{
    uint32_t rule = rules_exclusion(market, need->party, offer->party, day);

    why->rule = rule;
    why->day = day;
    while (rule != NAME_NONE && why->day != DAY_NONE) {
        int32_t to = market->rules[rule].to;
        why->day = to == DAY_NONE ? DAY_NONE : to + 1;
        rule = rules_exclusion(market, need->party, offer->party, why->day);
    }
}

static void explain_norm(const struct market *market, const struct need *need,
                         const struct offer *offer, int32_t day, struct match_why *why)
{
    why->rule = rules_norm_missed(market, need, offer, day);
    for (uint32_t i = rules_certificate(market, &market->rules[why->rule], offer->party);
         i != NAME_NONE; i = market->rules[i].next) {
        const struct rule *certificate = &market->rules[i];
        if (certificate->is_revoked) {
            continue;
        }
        if (certificate->from != DAY_NONE && certificate->from > day &&
            (why->day == DAY_NONE || certificate->from < why->day)) {
            why->day = certificate->from;
        }
        if (certificate->to != DAY_NONE && certificate->to < day && certificate->to > why->ended) {
            why->ended = certificate->to;
        }
    }
}

struct match_why match_why_not(const struct market *market, const struct match_rules *rules,
                               uint32_t need_number, uint32_t offer_number)
{
    struct match match = match_check(market, rules, need_number, offer_number);
    const struct need *need = &market->needs[need_number];
    const struct offer *offer = &market->offers[offer_number];
    int32_t day = match_first_day(market, offer_number);
    struct match_why why = {
        .reason = match.reason, .rule = NAME_NONE, .day = DAY_NONE, .ended = DAY_NONE};

    switch (match.reason) {
    case MATCH_POSSIBLE:
    case MATCH_NEED_NOT_OPEN:
    case MATCH_OFFER_NOT_ACTIVE:
    case MATCH_OTHER_PRODUCT:
    case MATCH_SAME_PARTY:
        break;
    case MATCH_SUBSTITUTE_NOT_IN_FORCE:
        explain_substitute(market, need, offer, day, &why);
        break;
    case MATCH_NO_CAPACITY:
    case MATCH_LOT_UNREACHABLE:
        why.units = cost_units_min(market, need) - offer->capacity;
        break;
    case MATCH_EXCLUDED:
        explain_exclusion(market, need, offer, day, &why);
        break;
    case MATCH_CERTIFICATE_MISSING:
    case MATCH_CERTIFICATE_REVOKED:
    case MATCH_CERTIFICATE_NOT_YET:
    case MATCH_CERTIFICATE_EXPIRED:
        explain_norm(market, need, offer, day, &why);
        break;
    case MATCH_TOO_LATE:
        why.days = (uint32_t)(match.arrival - need->latest);
        break;
    }
    return why;
}
