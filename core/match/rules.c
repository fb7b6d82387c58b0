/*
 * rules.c - rules by number, found by what they are about.
 *
 *     substitute   in a list of the product asked for, and in one of the product given
 *     norm         in a list of its product; its index there is its bit in the candidate index
 *     certificate  in the chain of its party, product and norm, newest first
 *     exclusion    in the chains of its two parties, newest first
 *
 * A rule is never removed: its days end. The heap `rule_turns` holds for each the last day before
 * it begins or ends, whichever comes next.
 */
#include "core/match/rules.h"

#include "core/match/affected.h"
#include "core/match/candidates.h"
#include "core/match/lists.h"

#define KEY_SIZE 12

bool rule_is_in_force(const struct rule *rule, int32_t day)
{
    return !rule->is_revoked && (day == DAY_NONE || rule->from == DAY_NONE || rule->from <= day) &&
           (day == DAY_NONE || rule->to == DAY_NONE || day <= rule->to);
}

/* Ids: those of one kind do not meet those of another. */

static struct bytes id_with_kind(enum rule_kind kind, struct bytes id,
                                 uint8_t room[ID_SIZE_MAX + 1])
{
    ENSURE(id.size <= ID_SIZE_MAX);
    room[0] = (uint8_t)kind;
    for (size_t i = 0; i < id.size; i++) {
        room[i + 1] = id.data[i];
    }
    return (struct bytes){room, id.size + 1};
}

uint32_t market_find_rule(const struct market *market, enum rule_kind kind, struct bytes id)
{
    uint8_t room[ID_SIZE_MAX + 1];

    return id.size > ID_SIZE_MAX ? NAME_NONE
                                 : names_find(&market->rule_ids, id_with_kind(kind, id, room));
}

struct bytes market_rule_id(const struct market *market, uint32_t number)
{
    struct bytes id = names_text(&market->rule_ids, number);
    return (struct bytes){id.data + 1, id.size - 1};
}

/* Chains. */

static struct bytes certificate_key(uint32_t party, uint32_t product, uint32_t code,
                                    uint8_t room[KEY_SIZE])
{
    store_u32(room, party);
    store_u32(room + 4, product);
    store_u32(room + 8, code);
    return (struct bytes){room, KEY_SIZE};
}

uint32_t rules_certificate(const struct market *market, const struct rule *norm, uint32_t party)
{
    uint8_t room[KEY_SIZE];
    uint32_t chain =
        names_find(&market->rule_keys, certificate_key(party, norm->product, norm->code, room));

    return chain == NAME_NONE ? NAME_NONE : market->rule_heads[chain];
}

static void chain_certificate(struct market *market, uint32_t number)
{
    struct rule *rule = &market->rules[number];
    uint8_t room[KEY_SIZE];
    uint32_t known = market->rule_keys.count;
    uint32_t chain = names_add(&market->rule_keys,
                               certificate_key(rule->party, rule->product, rule->code, room));

    GROW(market->rule_heads, market->rule_head_capacity, (size_t)chain + 1);
    rule->next = chain == known ? NAME_NONE : market->rule_heads[chain];
    market->rule_heads[chain] = number;
}

static void chain_exclusion(struct market *market, uint32_t number)
{
    struct rule *rule = &market->rules[number];
    uint32_t *of_party = &market->parties[rule->party].last_exclusion;
    uint32_t *of_other = &market->parties[rule->other].last_exclusion;

    rule->next = *of_party;
    rule->next_of_other = *of_other;
    *of_party = number;
    *of_other = number;
}

/* The next older one in the chain of `party`. */
static uint32_t next_exclusion(const struct market *market, uint32_t number, uint32_t party)
{
    const struct rule *rule = &market->rules[number];
    return rule->party == party ? rule->next : rule->next_of_other;
}

static bool has_exclusion_room(const struct market *market, uint32_t party)
{
    size_t count = 0;

    for (uint32_t i = market->parties[party].last_exclusion; i != NAME_NONE;
         i = next_exclusion(market, i, party)) {
        count++;
    }
    return count < PARTY_EXCLUSION_MAX;
}

/* Questions of a match. */

uint32_t rules_substitute(const struct market *market, uint32_t asked, uint32_t given, int32_t day)
{
    const struct number_list *list = &market->products[asked].substitutes;
    uint32_t best = NAME_NONE;

    for (size_t i = 0; i < list->count; i++) {
        const struct rule *rule = &market->rules[list->items[i]];
        if (rule->given == given && rule_is_in_force(rule, day) &&
            (best == NAME_NONE || rule->rank < market->rules[best].rank)) {
            best = list->items[i];
        }
    }
    return best;
}

bool rules_prefer_recyclable(const struct market *market, uint32_t asked, uint32_t given,
                             int32_t day)
{
    const struct number_list *list = &market->products[asked].substitutes;
    bool is_other = market->products[asked].recyclable;

    if (market->products[given].recyclable) {
        return false;
    }
    for (size_t i = 0; i < list->count && !is_other; i++) {
        const struct rule *rule = &market->rules[list->items[i]];
        is_other = market->products[rule->given].recyclable && rule_is_in_force(rule, day);
    }
    return is_other;
}

static bool is_between(const struct rule *rule, uint32_t left, uint32_t right)
{
    return (rule->party == left && rule->other == right) ||
           (rule->party == right && rule->other == left);
}

uint32_t rules_exclusion(const struct market *market, uint32_t left, uint32_t right, int32_t day)
{
    uint32_t number = market->parties[left].last_exclusion;

    while (number != NAME_NONE && !(is_between(&market->rules[number], left, right) &&
                                    rule_is_in_force(&market->rules[number], day))) {
        number = next_exclusion(market, number, left);
    }
    return number;
}

bool rule_is_in_scope(const struct market *market, const struct rule *norm, const struct need *need)
{
    const struct party *requester = &market->parties[need->party];

    return need->class_number <= norm->class_number &&
           (norm->country == NAME_NONE || norm->country == requester->country) &&
           (norm->region == NAME_NONE || norm->region == requester->region);
}

static bool is_certified(const struct market *market, const struct rule *norm, uint32_t party,
                         int32_t day)
{
    uint32_t number = rules_certificate(market, norm, party);

    while (number != NAME_NONE && !rule_is_in_force(&market->rules[number], day)) {
        number = market->rules[number].next;
    }
    return number != NAME_NONE;
}

uint32_t rules_norm_missed(const struct market *market, const struct need *need,
                           const struct offer *offer, int32_t day)
{
    const struct number_list *norms = &market->products[offer->product].norms;

    for (size_t i = 0; i < norms->count; i++) {
        const struct rule *norm = &market->rules[norms->items[i]];
        if (rule_is_in_force(norm, day) && rule_is_in_scope(market, norm, need) &&
            !is_certified(market, norm, offer->party, day)) {
            return norms->items[i];
        }
    }
    return NAME_NONE;
}

bool rules_allow(const struct market *market, const struct need *need, const struct offer *offer,
                 int32_t day)
{
    bool is_accepted = need->product == offer->product ||
                       rules_substitute(market, need->product, offer->product, day) != NAME_NONE;

    return is_accepted && rules_exclusion(market, need->party, offer->party, day) == NAME_NONE &&
           rules_norm_missed(market, need, offer, day) == NAME_NONE;
}

/* It is in force on no day from today on. */
static bool is_past(const struct market *market, const struct rule *rule)
{
    return rule->is_revoked ||
           (rule->to != DAY_NONE && market->today != DAY_NONE && rule->to < market->today);
}

uint32_t rules_least_rank(const struct market *market, uint32_t asked, uint32_t given)
{
    const struct number_list *list = &market->products[asked].substitutes;
    uint32_t least = UINT32_MAX;

    for (size_t i = 0; i < list->count; i++) {
        const struct rule *rule = &market->rules[list->items[i]];
        if (rule->given == given && !is_past(market, rule) && rule->rank < least) {
            least = rule->rank;
        }
    }
    return asked == given ? 0 : least;
}

uint32_t rules_certified(const struct market *market, const struct offer *offer)
{
    const struct number_list *norms = &market->products[offer->product].norms;
    uint32_t bits = 0;

    for (size_t i = 0; i < norms->count; i++) {
        const struct rule *norm = &market->rules[norms->items[i]];
        uint32_t certificate = rules_certificate(market, norm, offer->party);
        while (certificate != NAME_NONE && is_past(market, &market->rules[certificate])) {
            certificate = market->rules[certificate].next;
        }
        bits |= certificate != NAME_NONE ? 1u << i : 0;
    }
    return bits;
}

uint32_t rules_needed(const struct market *market, const struct need *need, uint32_t product)
{
    const struct number_list *norms = &market->products[product].norms;
    uint32_t bits = 0;

    for (size_t i = 0; i < norms->count; i++) {
        const struct rule *norm = &market->rules[norms->items[i]];
        bool is_lasting =
            norm->to == DAY_NONE && (norm->from == DAY_NONE || norm->from <= market->today);
        bits |= is_lasting && rule_is_in_scope(market, norm, need) ? 1u << i : 0;
    }
    return bits;
}

/* The first day behind `day` on which the rule begins or is over, not after `next`. */
static int32_t turn_after(const struct rule *rule, int32_t day, int32_t next)
{
    if (rule->is_revoked) {
        return next;
    }
    if (rule->from != DAY_NONE && rule->from > day && rule->from < next) {
        return rule->from;
    }
    bool ends = rule->to != DAY_NONE && rule->to >= day && rule->to + 1 < next;
    return ends ? rule->to + 1 : next;
}

int32_t rules_next_turn(const struct market *market, const struct need *need,
                        const struct offer *offer, int32_t day)
{
    const struct number_list *substitutes = &market->products[need->product].substitutes;
    const struct number_list *norms = &market->products[offer->product].norms;
    bool is_any = !market->products[offer->product].recyclable; /* What else there is matters. */
    int32_t next = DAY_MAX + 1;

    for (size_t i = 0; i < substitutes->count; i++) {
        const struct rule *rule = &market->rules[substitutes->items[i]];
        next = is_any || rule->given == offer->product ? turn_after(rule, day, next) : next;
    }
    for (uint32_t i = market->parties[need->party].last_exclusion; i != NAME_NONE;
         i = next_exclusion(market, i, need->party)) {
        const struct rule *rule = &market->rules[i];
        bool is_theirs = is_between(rule, need->party, offer->party);
        next = is_theirs ? turn_after(rule, day, next) : next;
    }
    for (size_t i = 0; i < norms->count; i++) {
        const struct rule *norm = &market->rules[norms->items[i]];
        next = turn_after(norm, day, next);
        for (uint32_t j = rules_certificate(market, norm, offer->party); j != NAME_NONE;
             j = market->rules[j].next) {
            next = turn_after(&market->rules[j], day, next);
        }
    }
    return next > DAY_MAX ? DAY_NONE : next;
}

static bool begins_on(const struct rule *rule, int32_t day)
{
    return !rule->is_revoked && rule->from == day;
}

static bool is_over_on(const struct rule *rule, int32_t day)
{
    return rule->to != DAY_NONE && rule->to + 1 == day;
}

/* A norm that is over from this day on, or a certificate that begins. */
static bool norms_cut(const struct market *market, const struct offer *offer, int32_t day)
{
    const struct number_list *norms = &market->products[offer->product].norms;

    for (size_t i = 0; i < norms->count; i++) {
        const struct rule *norm = &market->rules[norms->items[i]];
        if (is_over_on(norm, day)) {
            return true;
        }
        for (uint32_t j = rules_certificate(market, norm, offer->party); j != NAME_NONE;
             j = market->rules[j].next) {
            if (begins_on(&market->rules[j], day)) {
                return true;
            }
        }
    }
    return false;
}

bool market_chain_is_cut(const struct market *market, uint32_t number, int32_t day)
{
    const struct offer *offer = &market->offers[number];
    const struct number_list *stands_in = &market->products[offer->product].stands_in;

    for (size_t i = 0; i < stands_in->count; i++) {
        if (begins_on(&market->rules[stands_in->items[i]], day)) {
            return true;
        }
    }
    for (uint32_t i = market->parties[offer->party].last_exclusion; i != NAME_NONE;
         i = next_exclusion(market, i, offer->party)) {
        if (is_over_on(&market->rules[i], day)) {
            return true;
        }
    }
    return norms_cut(market, offer, day);
}

static bool has_number(const uint32_t *numbers, size_t count, uint32_t number)
{
    for (size_t i = 0; i < count; i++) {
        if (numbers[i] == number) {
            return true;
        }
    }
    return false;
}

/* `first`, then each product once that the rules name: the given ones, or those asked for. */
static size_t list_products(const struct market *market, const struct number_list *rules,
                            bool is_given, uint32_t first, uint32_t *products)
{
    size_t count = 0;

    products[count++] = first;
    for (size_t i = 0; i < rules->count; i++) {
        const struct rule *rule = &market->rules[rules->items[i]];
        uint32_t product = is_given ? rule->given : rule->product;
        if (!has_number(products, count, product)) {
            products[count++] = product;
        }
    }
    return count;
}

size_t market_given_products(const struct market *market, uint32_t asked,
                             uint32_t products[PRODUCT_GIVEN_MAX])
{
    return list_products(market, &market->products[asked].substitutes, true, asked, products);
}

size_t market_asked_products(const struct market *market, uint32_t given,
                             uint32_t products[PRODUCT_ASKED_MAX])
{
    return list_products(market, &market->products[given].stands_in, false, given, products);
}

/* Days. */

static void set_turn(struct market *market, uint32_t number)
{
    const struct rule *rule = &market->rules[number];
    int32_t last = DAY_NONE;

    if (rule->from != DAY_NONE && rule->from > market->today) {
        last = rule->from - 1;
    } else if (!is_past(market, rule)) {
        last = rule->to;
    }
    expiry_set(&market->rule_turns, number, rule->is_revoked ? DAY_NONE : last);
}

static void renew_offers_of_product(struct market *market, uint32_t product)
{
    const struct number_list *offers = &market->products[product].offers;

    for (size_t i = 0; i < offers->count; i++) {
        if (rules_certified(market, &market->offers[offers->items[i]]) != 0) {
            candidate_index_renew(market, offers->items[i]);
        }
    }
}

static void renew_offers_of_party(struct market *market, uint32_t party, uint32_t product)
{
    if (market->products[product].norms.count == 0) {
        return;
    }
    for (uint32_t offer = market->parties[party].last_offer; offer != NAME_NONE;
         offer = market->offers[offer].previous_offer) {
        if (market->offers[offer].product == product &&
            market->offers[offer].state == OFFER_ACTIVE) {
            candidate_index_renew(market, offer);
        }
    }
}

static void turn(struct market *market, uint32_t number)
{
    const struct rule *rule = &market->rules[number];

    affected_add_rule(market, rule);
    if (rule->kind == RULE_CERTIFICATE) {
        renew_offers_of_party(market, rule->party, rule->product);
    }
    set_turn(market, number);
}

/* Before the first tick every period counted as begun and not ended. */
static void begin_days(struct market *market)
{
    for (uint32_t number = 0; number < market->rule_ids.count; number++) {
        const struct rule *rule = &market->rules[number];
        if (rule->from != DAY_NONE || rule->to != DAY_NONE) {
            turn(market, number);
        }
    }
}

void rules_pass_day(struct market *market, int32_t yesterday)
{
    uint32_t number = 0;

    if (yesterday == DAY_NONE) {
        begin_days(market);
    }
    while (expiry_take(&market->rule_turns, market->today, &number)) {
        turn(market, number);
    }
}

/* Adding and changing. */

/* Puts a new rule where it is found. */
static void link(struct market *market, uint32_t number)
{
    const struct rule *rule = &market->rules[number];

    switch ((enum rule_kind)rule->kind) {
    case RULE_SUBSTITUTE:
        list_insert(&market->products[rule->product].substitutes, number);
        list_insert(&market->products[rule->given].stands_in, number);
        return;
    case RULE_NORM:
        list_insert(&market->products[rule->product].norms, number);
        renew_offers_of_product(market, rule->product);
        return;
    case RULE_CERTIFICATE:
        chain_certificate(market, number);
        renew_offers_of_party(market, rule->party, rule->product);
        return;
    case RULE_EXCLUSION:
        chain_exclusion(market, number);
        return;
    }
    UNREACHABLE();
}

uint32_t rules_add(struct market *market, struct bytes id, const struct rule *rule)
{
    uint8_t room[ID_SIZE_MAX + 1];
    uint32_t number =
        names_add(&market->rule_ids, id_with_kind((enum rule_kind)rule->kind, id, room));

    ENSURE(number < MARKET_RULE_COUNT_MAX);
    GROW(market->rules, market->rule_capacity, (size_t)number + 1);
    market->rules[number] = *rule;
    link(market, number);
    set_turn(market, number);
    return number;
}

static void change(struct market *market, uint32_t number, const struct rule *wanted)
{
    struct rule *rule = &market->rules[number];
    uint32_t next = rule->next;
    uint32_t next_of_other = rule->next_of_other;

    *rule = *wanted;
    rule->next = next;
    rule->next_of_other = next_of_other;
    if (rule->kind == RULE_CERTIFICATE) {
        renew_offers_of_party(market, rule->party, rule->product);
    }
    set_turn(market, number);
}

bool rules_have_room(const struct market *market, const struct rule *rule)
{
    switch ((enum rule_kind)rule->kind) {
    case RULE_SUBSTITUTE:
        return market->products[rule->product].substitutes.count < PRODUCT_GIVEN_MAX - 1 &&
               market->products[rule->given].stands_in.count < PRODUCT_ASKED_MAX - 1;
    case RULE_NORM:
        return market->products[rule->product].norms.count < PRODUCT_NORM_MAX;
    case RULE_CERTIFICATE:
        return true;
    case RULE_EXCLUSION:
        return has_exclusion_room(market, rule->party) && has_exclusion_room(market, rule->other);
    }
    UNREACHABLE();
}

/* From commands. */

static uint32_t text_number(struct market *market, struct bytes text)
{
    return text.size == 0 ? NAME_NONE : names_add(&market->texts, text);
}

static const struct rule nothing = {
    .product = NAME_NONE,
    .given = NAME_NONE,
    .party = NAME_NONE,
    .other = NAME_NONE,
    .code = NAME_NONE,
    .text = NAME_NONE,
    .country = NAME_NONE,
    .region = NAME_NONE,
};

static struct rule substitute_from(const struct market *market, const struct substitute_put *put)
{
    struct rule rule = nothing;

    rule.kind = RULE_SUBSTITUTE;
    rule.product = market_find_product(market, put->product);
    rule.given = market_find_product(market, put->given);
    rule.rank = (uint32_t)put->rank;
    rule.from = (int32_t)put->from;
    rule.to = (int32_t)put->to;
    return rule;
}

static struct rule norm_from(struct market *market, const struct norm_put *put)
{
    struct rule rule = nothing;

    rule.kind = RULE_NORM;
    rule.product = market_find_product(market, put->product);
    rule.code = text_number(market, put->code);
    rule.country = text_number(market, put->country);
    rule.region = text_number(market, put->region);
    rule.class_number = (uint8_t)put->class_number;
    rule.from = (int32_t)put->from;
    rule.to = (int32_t)put->to;
    return rule;
}

static struct rule certificate_from(struct market *market, const struct certificate_put *put)
{
    struct rule rule = nothing;

    rule.kind = RULE_CERTIFICATE;
    rule.party = market_find_party(market, put->party);
    rule.product = market_find_product(market, put->product);
    rule.code = text_number(market, put->code);
    rule.text = text_number(market, put->number);
    rule.is_revoked = put->state == CERTIFICATE_REVOKED;
    rule.from = (int32_t)put->from;
    rule.to = (int32_t)put->to;
    return rule;
}

static struct rule exclusion_from(struct market *market, const struct exclusion_put *put)
{
    struct rule rule = nothing;

    rule.kind = RULE_EXCLUSION;
    rule.party = market_find_party(market, put->party);
    rule.other = market_find_party(market, put->other);
    rule.text = text_number(market, put->reason);
    rule.from = (int32_t)put->from;
    rule.to = (int32_t)put->to;
    return rule;
}

static struct rule rule_from(struct market *market, uint16_t kind, const union command *command,
                             struct bytes *id)
{
    switch (kind) {
    case KIND_SUBSTITUTE_PUT:
        *id = command->substitute_put.substitute;
        return substitute_from(market, &command->substitute_put);
    case KIND_NORM_PUT:
        *id = command->norm_put.norm;
        return norm_from(market, &command->norm_put);
    case KIND_CERTIFICATE_PUT:
        *id = command->certificate_put.certificate;
        return certificate_from(market, &command->certificate_put);
    case KIND_EXCLUSION_PUT:
        *id = command->exclusion_put.exclusion;
        return exclusion_from(market, &command->exclusion_put);
    }
    UNREACHABLE();
}

bool rules_is_whole(const struct rule *rule)
{
    bool has_product = rule->kind == RULE_EXCLUSION || rule->product != NAME_NONE;
    bool has_party =
        rule->kind == RULE_SUBSTITUTE || rule->kind == RULE_NORM || rule->party != NAME_NONE;

    return has_product && has_party &&
           (rule->kind != RULE_SUBSTITUTE || rule->given != NAME_NONE) &&
           (rule->kind != RULE_EXCLUSION || rule->other != NAME_NONE);
}

/* A rule keeps what it is about. */
static bool is_about_the_same(const struct rule *left, const struct rule *right)
{
    return left->product == right->product && left->given == right->given &&
           left->party == right->party && left->other == right->other && left->code == right->code;
}

static bool is_same(const struct rule *left, const struct rule *right)
{
    return left->from == right->from && left->to == right->to && left->rank == right->rank &&
           left->text == right->text && left->is_revoked == right->is_revoked &&
           left->country == right->country && left->region == right->region &&
           left->class_number == right->class_number;
}

enum outcome rules_put(struct market *market, uint16_t kind, const union command *command,
                       uint32_t *number)
{
    struct bytes id;
    struct rule wanted = rule_from(market, kind, command, &id);

    *number = market_find_rule(market, (enum rule_kind)wanted.kind, id);
    if (!rules_is_whole(&wanted)) {
        return OUTCOME_UNKNOWN;
    }
    if (*number == NAME_NONE) {
        if (!rules_have_room(market, &wanted)) {
            return OUTCOME_FULL;
        }
        *number = rules_add(market, id, &wanted);
        if (!is_past(market, &wanted)) {
            affected_add_rule(market, &wanted);
        }
        return OUTCOME_CREATED;
    }
    struct rule before = market->rules[*number];
    if (!is_about_the_same(&before, &wanted)) {
        return OUTCOME_CONFLICT;
    }
    if (is_same(&before, &wanted)) {
        return OUTCOME_UNCHANGED;
    }
    change(market, *number, &wanted);
    before.text = wanted.text; /* Which no match depends on. */
    if (is_same(&before, &wanted)) {
        return OUTCOME_CHANGED;
    }
    if (!is_past(market, &before) || !is_past(market, &wanted)) {
        affected_add_rule(market, &before);
        affected_add_rule(market, &wanted);
    }
    return OUTCOME_CHANGED;
}
