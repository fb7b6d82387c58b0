#include "workers/allocate/tables.h"

#include "proto/messages.h"
#include "proto/table.h"

#define WORD_MAX 32
#define PAIRS_MAX 10
#define LIST_MAX 32
#define SHARES_MAX PROTO_LIST_COUNT_MAX

#define WORD(record, member, key, ...)                                                             \
    TEXT(record, member, key, 1, WORD_MAX, .required = true, __VA_ARGS__)
#define AMOUNT(record, member, key, ...) UINT(record, member, key, 0, INT64_MAX, __VA_ARGS__)
#define UNITS(record, member, key, ...)                                                            \
    AMOUNT(record, member, key, .required = true, .absent = -1, __VA_ARGS__)
#define LABEL(record, member, key, ...) TEXT(record, member, key, 0, NAME_SIZE_MAX, __VA_ARGS__)
#define MAYBE_ID(record, member, key, ...) TEXT(record, member, key, 0, ID_SIZE_MAX, __VA_ARGS__)

static const struct field need_fields[] = {
    WORD(need_row, t, "t", .text = "\"need\""),
    ID(need_row, need, "need", .text = "Id."),
    ID(need_row, party, "party", .text = "Who asks."),
    ID(need_row, product, "product", .text = "What for."),
    WORD(need_row, state, "state", .text = "\"open\", \"quarantined\", ..."),
    UNITS(need_row, quantity, "quantity", .text = "Units asked for."),
    UNITS(need_row, class_number, "class", .text = "1 vital to 5 comfort."),
    DAY(need_row, due, "due", .text = "Day it is wanted."),
    DAY(need_row, latest, "latest", .text = "Last useful day."),
    UNITS(need_row, promised, "promised", .text = "Units of live and received assignments."),
    UNITS(need_row, unserved, "unserved", .text = "Units it still misses."),
};
const struct message NEED_ROW = MESSAGE("need", need_row, need_fields, .text = "A need.");

static const struct field offer_fields[] = {
    WORD(offer_row, t, "t", .text = "\"offer\""),
    ID(offer_row, offer, "offer", .text = "Id."),
    ID(offer_row, party, "party", .text = "Who gives."),
    ID(offer_row, product, "product", .text = "What."),
    WORD(offer_row, state, "state", .text = "\"active\", \"quarantined\", ..."),
    WORD(offer_row, kind, "kind", .text = "\"stock\" or \"capacity\""),
    UNITS(offer_row, capacity, "capacity", .text = "Units in all, in force."),
    UNITS(offer_row, promised, "promised", .text = "Units promised."),
    DAY(offer_row, from, "from", .text = "First day."),
    DAY(offer_row, to, "to", .text = "Last day."),
    UNITS(offer_row, lead_days, "lead_days", .text = "From production to dispatch."),
    UNITS(offer_row, price, "price", .text = "What one unit more would save."),
};
const struct message OFFER_ROW = MESSAGE("offer", offer_row, offer_fields, .text = "An offer.");

static const struct field party_fields[] = {
    WORD(party_row, t, "t", .text = "\"party\""),
    ID(party_row, party, "party", .text = "Id."),
    LABEL(party_row, name, "name", .text = "Name."),
    LABEL(party_row, departement, "departement", .text = "INSEE code."),
    LABEL(party_row, region, "region", .text = "Region."),
    LABEL(party_row, country, "country", .text = "Country."),
    SET(party_row, roles, "roles", ROLE_CHOICES, .required = true, .text = "What it does here."),
};
const struct message PARTY_ROW = MESSAGE("party", party_row, party_fields, .text = "A party.");

static const struct field product_fields[] = {
    WORD(product_row, t, "t", .text = "\"product\""),
    ID(product_row, product, "product", .text = "Id."),
    LABEL(product_row, family, "family", .text = "Family."),
    LABEL(product_row, name, "name", .text = "Name."),
    LABEL(product_row, unit, "unit", .text = "Unit."),
    UNITS(product_row, lot, "lot", .text = "Smallest quantity worth shipping."),
    FLAG(product_row, recyclable, "recyclable", .text = "Can be used again or recycled."),
    UNITS(product_row, open_needs, "open_needs", .text = "Open needs."),
    UNITS(product_row, active_offers, "active_offers", .text = "Active offers."),
};
const struct message PRODUCT_ROW =
    MESSAGE("product", product_row, product_fields, .text = "A product.");

#define MAYBE(key, member, ...) LABEL(dated_row, member, key, .text = __VA_ARGS__)

static const struct field dated_fields[] = {
    WORD(dated_row, t, "t", .text = "\"substitute\", \"norm\", \"certificate\", \"exclusion\""),
    ID(dated_row, id, "id", .text = "Id."),
    WORD(dated_row, state, "state", .text = "\"in_force\", \"to_come\", \"over\", \"revoked\""),
    MAYBE("product", product, "Product asked for, or given."),
    MAYBE("given", given, "What stands in for it."),
    UINT(dated_row, rank, "rank", 0, SUBSTITUTE_RANK_MAX, .text = "Of a substitute."),
    MAYBE("party", party, "Whose certificate; one of two parties."),
    MAYBE("other", other, "The other party."),
    MAYBE("code", code, "The norm."),
    MAYBE("number", number, "Of a certificate."),
    MAYBE("reason", reason, "Of an exclusion."),
    MAYBE("country", country, "Where a norm holds."),
    MAYBE("region", region, "Where a norm holds."),
    UINT(dated_row, class_number, "class", 0, CLASS_COUNT, .text = "Up to which a norm holds."),
    DAY(dated_row, from, "from", .text = "First day."),
    DAY(dated_row, to, "to", .text = "Last day."),
};
const struct message DATED_ROW = MESSAGE("rule", dated_row, dated_fields, .text = "A dated rule.");

static const struct field pair_fields[] = {
    ID(pair_row, offer, "offer", .text = "Offer."),
    ID(pair_row, party, "party", .text = "Who gives."),
    WORD(pair_row, reason, "reason", .text = "\"possible\", or why not."),
    AMOUNT(pair_row, cost, "cost", .text = "Of a unit, all terms."),
    AMOUNT(pair_row, kilometres, "kilometres", .text = "Distance."),
    AMOUNT(pair_row, distance_cost, "distance_cost", .text = "Term: the distance."),
    AMOUNT(pair_row, region_cost, "region_cost", .text = "Term: another region."),
    AMOUNT(pair_row, country_cost, "country_cost", .text = "Term: another country."),
    AMOUNT(pair_row, late_cost, "late_cost", .text = "Term: days after due."),
    AMOUNT(pair_row, substitute_cost, "substitute_cost", .text = "Term: a substitute."),
    AMOUNT(pair_row, recyclable_cost, "recyclable_cost",
           .text = "Term: not recyclable where another product is."),
    AMOUNT(pair_row, days_late, "days_late", .text = "Days after due."),
    DAY(pair_row, arrival, "arrival", .text = "Day it would arrive."),
    AMOUNT(pair_row, price, "price", .text = "What one unit more of it would save."),
    AMOUNT(pair_row, capacity, "capacity", .text = "Units it has in all."),
    AMOUNT(pair_row, promised, "promised", .text = "Units it has promised to anyone."),
    AMOUNT(pair_row, given, "given", .text = "Units proposed to this need."),
    MAYBE_ID(pair_row, rule, "rule", .text = "The dated rule that forbids it."),
    TEXT(pair_row, code, "code", 0, NORM_CODE_SIZE_MAX, .text = "The norm of that rule."),
    DAY(pair_row, day, "day", .text = "From which day on it would let this pass."),
    DAY(pair_row, ended, "ended", .text = "The last day on which it did."),
    AMOUNT(pair_row, days_missing, "days_missing", .text = "Days too late."),
    AMOUNT(pair_row, units_missing, "units_missing", .text = "Units short of a lot."),
};
const struct message PAIR_ROW = MESSAGE("pair", pair_row, pair_fields, .text = "Need and offer.");

static const struct field share_fields[] = {
    UNITS(share_row, assignment, "assignment", .text = "Number."),
    ID(share_row, offer, "offer", .text = "Offer."),
    ID(share_row, party, "party", .text = "Who gives."),
    CHOICE(share_row, state, "state", ASSIGNMENT_STATES, .required = true, .text = "State."),
    UNITS(share_row, quantity, "quantity", .text = "Units."),
    AMOUNT(share_row, cost, "cost", .text = "Of a unit."),
    AMOUNT(share_row, kilometres, "kilometres", .text = "Distance."),
    DAY(share_row, made, "made", .text = "Day by which it is made."),
    DAY(share_row, arrival, "arrival", .text = "Day it arrives."),
};
const struct message SHARE_ROW =
    MESSAGE("share", share_row, share_fields, .text = "An assignment of the need.");

#define CHANGE(record, member, key, ...)                                                           \
    FIELD(key, FIELD_INT, record, member, int64_t, .min = INT64_MIN, .max = INT64_MAX, __VA_ARGS__)

static const struct field effect_fields[] = {
    WORD(effect_row, end, "end", .text = "\"need\", \"free\", \"swap\" or \"nothing\""),
    MAYBE_ID(effect_row, offer, "offer", .text = "Where it ends."),
    MAYBE_ID(effect_row, need, "need", .text = "Who loses or wins a unit."),
    MAYBE_ID(effect_row, party, "party", .text = "Whose need it is."),
    AMOUNT(effect_row, class_number, "class", .text = "Of that unit."),
    AMOUNT(effect_row, tranche, "tranche", .text = "Of that unit, from 1."),
    CHANGE(effect_row, cost, "cost", .text = "Of all moves, less what they save."),
    AMOUNT(effect_row, moves, "moves", .text = "Needs that move on the way."),
};
const struct message EFFECT_ROW =
    MESSAGE("effect", effect_row, effect_fields, .text = "What one unit sets off.");

static const struct field price_fields[] = {
    ID(price_row, offer, "offer", .text = "Offer."),
    DAY(price_row, made, "made", .text = "Day by which the unit is made."),
    LIST(price_row, effect, "effect", EFFECT_ROW, 1, 1, .text = "What one unit more would do."),
};
const struct message PRICE_ROW =
    MESSAGE("price", price_row, price_fields, .text = "A scarce offer.");

static const struct field option_fields[] = {
    ID(option_row, offer, "offer", .text = "Offer."),
    ID(option_row, party, "party", .text = "Who gives."),
    AMOUNT(option_row, cost, "cost", .text = "Of a unit, all terms."),
    AMOUNT(option_row, kilometres, "kilometres", .text = "Distance."),
    DAY(option_row, made, "made", .text = "Day by which it would be made."),
    DAY(option_row, arrival, "arrival", .text = "Day it would arrive."),
    CHANGE(option_row, plan_cost, "plan_cost", .text = "What the plan would cost more in all."),
    LIST(option_row, effect, "effect", EFFECT_ROW, 1, 1, .text = "What taking it would set off."),
};
const struct message OPTION_ROW =
    MESSAGE("option", option_row, option_fields, .text = "Another way to a unit.");

static const struct field tranche_fields[] = {
    UNITS(tranche_row, tranche, "tranche", .text = "Number, from 1."),
    UNITS(tranche_row, units, "units", .text = "Units of it."),
    UNITS(tranche_row, served, "served", .text = "Units that the need gets."),
};
const struct message TRANCHE_ROW =
    MESSAGE("tranche", tranche_row, tranche_fields, .text = "A tranche of the need.");

static const struct field failure_fields[] = {
    WORD(failure_row, reason, "reason", .text = "What fails."),
    UNITS(failure_row, offers, "offers", .text = "How many offers."),
    ID(failure_row, nearest, "nearest", .text = "The offer that misses it by least,"),
    AMOUNT(failure_row, days, "days", .text = "by so many days"),
    AMOUNT(failure_row, units, "units", .text = "or units,"),
    MAYBE_ID(failure_row, rule, "rule", .text = "or by which rule,"),
    LABEL(failure_row, code, "code", .text = "a norm's code,"),
    DAY(failure_row, from, "from", .text = "and from which day on it would pass."),
};
const struct message FAILURE_ROW =
    MESSAGE("failure", failure_row, failure_fields, .text = "Offers that are not possible.");

static const struct field rule_fields[] = {
    WORD(rule_row, rule, "rule", .text = "The reason that would be given if it failed."),
    FLAG(rule_row, holds, "holds", .required = true, .absent = -1, .text = "Whether it holds."),
};
const struct message RULE_ROW = MESSAGE("rule", rule_row, rule_fields, .text = "A rule.");

static const struct field explained_fields[] = {
    WORD(explained, t, "t", .text = "\"need\", \"pair\" or \"assignment\""),
    LIST(explained, need, "need", NEED_ROW, 1, 1, .text = "The need."),
    LIST(explained, shares, "shares", SHARE_ROW, 0, SHARES_MAX, .text = "What it gets."),
    LIST(explained, pairs, "candidates", PAIR_ROW, 0, PAIRS_MAX, .text = "Offers, best first."),
    LIST(explained, answered, "assignment", SHARE_ROW, 0, 1, .text = "The assignment asked for."),
    AMOUNT(explained, rank, "rank", .text = "Its place among possible offers."),
    AMOUNT(explained, possible, "possible", .text = "Possible offers."),
    WORD(explained, cause, "cause", .text = "Why the need gets no more."),
    TEXT(explained, rule, "rule", 0, WORD_MAX, .text = "What most offers fail."),
    MAYBE_ID(explained, scarce, "scarce", .text = "Offer of the cheapest unit more,"),
    LIST(explained, displaced, "displaced", EFFECT_ROW, 0, 1, .text = "and what taking it does."),
    LIST(explained, tranches, "tranches", TRANCHE_ROW, 0, LIST_MAX, .text = "Of the need."),
    LIST(explained, failures, "failures", FAILURE_ROW, 0, LIST_MAX, .text = "Most offers first."),
    LIST(explained, alternatives, "alternatives", OPTION_ROW, 0, LIST_MAX, .text = "Best first."),
    MAYBE_ID(explained, instead_of, "instead_of", .text = "The offer they stand in for."),
    LIST(explained, freed, "freed", EFFECT_ROW, 0, 1, .text = "Where its unit would go."),
    LIST(explained, prices, "prices", PRICE_ROW, 0, LIST_MAX, .text = "Scarce offers."),
    LIST(explained, rules, "rules", RULE_ROW, 0, LIST_MAX, .text = "Of the pair."),
};
const struct message EXPLAINED = MESSAGE("explained", explained, explained_fields, .text = "Why.");
