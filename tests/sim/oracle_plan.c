/*
 * oracle_plan.c - commands and assignments in the simplest way: arrays and sums.
 */
#include "tests/sim/model.h"

#include <stdlib.h>
#include <string.h>

#define DAY_MILLISECONDS 86400000u

static const char *kind_name(uint16_t kind)
{
    return message_by_kind(kind)->name;
}

_Noreturn static void was_wrongly_taken(struct sim *sim, const struct fact *fact)
{
    sim_violated(sim, "a %s was taken in that could not be", kind_name(fact->kind));
}

/* --- Commands ------------------------------------------------------------------------ */

static void fold_product(struct oracle *oracle, const struct fact *fact)
{
    oracle->products[fact->product] = (struct model_product){
        .is_known = true,
        .lot = fact->lot,
        .need_max = fact->need_max,
        .offer_max = fact->offer_max,
    };
}

static bool is_live(enum thing_state state)
{
    return state == THING_HELD_BACK || state == THING_OPEN;
}

static bool has_known_parts(const struct oracle *oracle, const struct fact *fact)
{
    return oracle->parties[fact->party] && oracle->products[fact->product].is_known;
}

static bool is_past(const struct oracle *oracle, int64_t day)
{
    return day != DAY_NONE && day < (int64_t)(oracle->now_ms / DAY_MILLISECONDS);
}

static void check_held_back(struct sim *sim, const struct fact *fact, uint64_t units,
                            uint64_t units_max, bool is_held_back, bool is_new)
{
    bool is_above = units_max > 0 && units > units_max;

    if (is_held_back != is_above && (is_new || is_held_back)) {
        sim_violated(sim, "a %s of %llu units, where %llu are plausible, is%s held back",
                     kind_name(fact->kind), (unsigned long long)units,
                     (unsigned long long)units_max, is_held_back ? "" : " not");
    }
}

static void fold_need(struct sim *sim, const struct fact *fact, bool is_held_back)
{
    struct model_need *need = &sim->oracle->needs[fact->thing];
    bool is_new = need->state == THING_UNKNOWN;
    bool is_same = !is_new && need->fact.quantity == fact->quantity &&
                   need->fact.class_number == fact->class_number && need->fact.due == fact->due &&
                   need->fact.latest == fact->latest;

    if (!has_known_parts(sim->oracle, fact) || (!is_new && !is_live(need->state)) ||
        (!is_new && (need->fact.party != fact->party || need->fact.product != fact->product))) {
        was_wrongly_taken(sim, fact);
    }
    bool is_over = !is_same && is_past(sim->oracle, fact->latest);
    check_held_back(sim, fact, is_over ? 0 : fact->quantity,
                    sim->oracle->products[fact->product].need_max, is_held_back, !is_same);
    need->fact = *fact;
    if (!is_same) {
        need->state = is_over ? THING_EXPIRED : is_held_back ? THING_HELD_BACK : THING_OPEN;
    }
}

static void fold_offer(struct sim *sim, const struct fact *fact, bool is_held_back)
{
    struct model_offer *offer = &sim->oracle->offers[fact->thing];
    const struct fact *known = &offer->fact;
    bool is_new = offer->state == THING_UNKNOWN;
    bool has_same_units =
        !is_new && known->quantity == fact->quantity && known->per_day == fact->per_day;
    bool is_same = has_same_units && known->from == fact->from && known->to == fact->to &&
                   known->lead_days == fact->lead_days;

    if (!has_known_parts(sim->oracle, fact) || (!is_new && !is_live(offer->state)) ||
        (!is_new && (known->party != fact->party || known->product != fact->product))) {
        was_wrongly_taken(sim, fact);
    }
    bool is_over = !is_same && is_past(sim->oracle, fact->to);
    check_held_back(sim, fact, is_over ? 0 : max_u64(fact->quantity, fact->per_day),
                    sim->oracle->products[fact->product].offer_max, is_held_back, !is_same);
    offer->fact = *fact;
    offer->rate_max = max_u64(offer->rate_max, fact->per_day);
    offer->from_min = is_new || fact->from < offer->from_min ? fact->from : offer->from_min;
    offer->has_report =
        offer->has_report && (has_same_units || offer->report_source > SOURCE_DECLARED);
    if (!is_same) {
        offer->state = is_over ? THING_EXPIRED : is_held_back ? THING_HELD_BACK : THING_OPEN;
    }
}

static uint64_t units_of(const struct model_offer *offer)
{
    if (offer->fact.is_stock) {
        return offer->has_report ? offer->reported : offer->fact.quantity;
    }
    return offer->rate_max * (uint64_t)(offer->fact.to - offer->from_min + 1);
}

static void fold_report(struct sim *sim, const struct fact *fact, bool is_held_back)
{
    struct model_offer *offer = &sim->oracle->offers[fact->thing];
    uint64_t before = units_of(offer);

    if (!is_live(offer->state)) {
        was_wrongly_taken(sim, fact);
    }
    offer->has_report = true;
    offer->reported = fact->per_day;
    offer->report_source = fact->source;
    offer->rate_max = max_u64(offer->rate_max, fact->per_day);
    offer->state = is_held_back ? THING_HELD_BACK : offer->state;
    if (offer->fact.is_stock && units_of(offer) < before && offer->loose + offer->fixed > 0) {
        sim_seen(sim, SEEN_CAPACITY_DROP);
    }
}

static void end_thing(struct sim *sim, const struct fact *fact, enum thing_state *state)
{
    if (!is_live(*state)) {
        was_wrongly_taken(sim, fact);
    }
    *state = THING_ENDED;
}

static void release_thing(struct sim *sim, const struct fact *fact, enum thing_state *state)
{
    if (*state != THING_HELD_BACK) {
        was_wrongly_taken(sim, fact);
    }
    *state = THING_OPEN;
    sim_seen(sim, SEEN_RELEASED);
}

static void fold_tick(struct sim *sim, uint64_t now_ms)
{
    struct oracle *oracle = sim->oracle;
    if (now_ms < oracle->now_ms) {
        sim_violated(sim, "a tick goes back");
    }
    if (now_ms == oracle->now_ms) {
        return; /* Nothing has passed since the last one. */
    }
    oracle->now_ms = now_ms;
    for (uint32_t i = 0; i < oracle->thing_max; i++) {
        struct model_need *need = &oracle->needs[i];
        struct model_offer *offer = &oracle->offers[i];
        if (is_live(need->state) && is_past(oracle, need->fact.latest)) {
            need->state = THING_EXPIRED;
            sim_seen(sim, SEEN_NEED_EXPIRED);
        }
        if (is_live(offer->state) && is_past(oracle, offer->fact.to)) {
            offer->state = THING_EXPIRED;
            sim_seen(sim, SEEN_OFFER_EXPIRED);
        }
    }
}

/* What a rule is about stays; its days and the rest are as put last. */
static void fold_rule(struct sim *sim, struct model_rule rules[RULE_COUNT_MAX],
                      const struct fact *fact)
{
    const struct oracle *oracle = sim->oracle;
    struct model_rule *rule = &rules[fact->thing];
    bool is_of_party = fact->kind == KIND_CERTIFICATE_PUT || fact->kind == KIND_EXCLUSION_PUT;
    bool is_of_product = fact->kind != KIND_EXCLUSION_PUT;
    bool knows_other = fact->kind == KIND_SUBSTITUTE_PUT  ? oracle->products[fact->other].is_known
                       : fact->kind == KIND_EXCLUSION_PUT ? oracle->parties[fact->other]
                                                          : true;

    if ((is_of_party && !oracle->parties[fact->party]) ||
        (is_of_product && !oracle->products[fact->product].is_known) || !knows_other) {
        was_wrongly_taken(sim, fact);
    }
    *rule = (struct model_rule){.is_known = true, .fact = *fact};
}

static void fold_new_key(struct sim *sim, const struct fact *fact, bool is_by_admin)
{
    struct model_key *key = &sim->oracle->keys[fact->thing];

    if (key->state != 0 || !sim->oracle->parties[fact->party]) {
        was_wrongly_taken(sim, fact);
    }
    *key = (struct model_key){
        .state = fact->is_high ? KEY_PENDING : KEY_ACTIVE,
        .is_high = fact->is_high,
        .is_by_admin = is_by_admin,
        .next = FACT_NONE,
    };
}

static void fold_confirmation(struct sim *sim, const struct fact *fact, bool is_by_admin)
{
    struct model_key *key = &sim->oracle->keys[fact->thing];

    if (key->state != KEY_PENDING || key->is_by_admin == is_by_admin) {
        was_wrongly_taken(sim, fact);
    }
    key->state = KEY_ACTIVE;
    sim_seen(sim, SEEN_KEY_CONFIRMED);
}

/* Nobody here holds one of these keys, so high ones stay. */
static void fold_rotation(struct sim *sim, const struct fact *fact)
{
    struct model_key *key = &sim->oracle->keys[fact->thing];
    struct model_key *next = &sim->oracle->keys[fact->other];

    if (key->state != KEY_ACTIVE || key->next != FACT_NONE || key->is_high || next->state != 0) {
        was_wrongly_taken(sim, fact);
    }
    *next = *key;
    key->next = fact->other;
    sim_seen(sim, SEEN_KEY_ROTATED);
}

static void fold_revocation(struct sim *sim, const struct fact *fact)
{
    struct model_key *keys = sim->oracle->keys;

    if (keys[fact->thing].state == 0 || keys[fact->thing].state == KEY_REVOKED) {
        was_wrongly_taken(sim, fact);
    }
    for (uint32_t at = fact->thing; at != FACT_NONE; at = keys[at].next) {
        keys[at].state = KEY_REVOKED;
    }
}

/* False for a kind that nobody has taught the model. */
static bool fold_fact(struct sim *sim, const struct fact *fact, bool is_held_back, bool is_by_admin)
{
    struct oracle *oracle = sim->oracle;

    switch (fact->kind) {
    case KIND_PARTY_PUT:
        oracle->parties[fact->party] = true;
        return true;
    case KIND_PRODUCT_PUT:
        fold_product(oracle, fact);
        return true;
    case KIND_NEED_PUT:
        fold_need(sim, fact, is_held_back);
        return true;
    case KIND_NEED_CANCEL:
        end_thing(sim, fact, &oracle->needs[fact->thing].state);
        return true;
    case KIND_NEED_RELEASE:
        release_thing(sim, fact, &oracle->needs[fact->thing].state);
        return true;
    case KIND_OFFER_PUT:
        fold_offer(sim, fact, is_held_back);
        return true;
    case KIND_OFFER_WITHDRAW:
        end_thing(sim, fact, &oracle->offers[fact->thing].state);
        return true;
    case KIND_OFFER_RELEASE:
        release_thing(sim, fact, &oracle->offers[fact->thing].state);
        return true;
    case KIND_CAPACITY_PUT:
        fold_report(sim, fact, is_held_back);
        return true;
    case KIND_ASSIGNMENT_ACCEPT:
    case KIND_ASSIGNMENT_DECLINE:
    case KIND_ASSIGNMENT_SHIP:
    case KIND_ASSIGNMENT_RECEIVE:
    case KIND_ASSIGNMENT_CANCEL:
        return true; /* Answered one by one: take_answer. */
    case KIND_SUBSTITUTE_PUT:
        fold_rule(sim, oracle->substitutes, fact);
        return true;
    case KIND_NORM_PUT:
        fold_rule(sim, oracle->norms, fact);
        return true;
    case KIND_CERTIFICATE_PUT:
        fold_rule(sim, oracle->certificates, fact);
        return true;
    case KIND_EXCLUSION_PUT:
        fold_rule(sim, oracle->exclusions, fact);
        return true;
    case KIND_KEY_REGISTER:
        fold_new_key(sim, fact, is_by_admin);
        return true;
    case KIND_KEY_CONFIRM:
        fold_confirmation(sim, fact, is_by_admin);
        return true;
    case KIND_KEY_ROTATE:
        fold_rotation(sim, fact);
        return true;
    case KIND_KEY_REVOKE:
        fold_revocation(sim, fact);
        return true;
    default:
        return false;
    }
}

static bool is_answer_kind(uint16_t kind)
{
    return kind >= KIND_ASSIGNMENT_ACCEPT && kind <= KIND_ASSIGNMENT_CANCEL;
}

void model_fold_upto(struct sim *sim, uint64_t intake_seq)
{
    struct oracle *oracle = sim->oracle;

    while (oracle->folded < intake_seq) {
        const struct intake_note *note = &oracle->intake[++oracle->folded];
        if (note->kind == KIND_TICK) {
            fold_tick(sim, note->now_ms);
            continue;
        }
        const struct intent *intent = work_intent(sim, note->intent);
        if (intent == NULL) {
            continue; /* Rules: they decide what is best, not what is right. */
        }
        const struct fact *fact = &intent->facts[note->variant];
        ENSURE(fact->thing < THING_COUNT);
        ENSURE(fact->party < THING_COUNT);
        ENSURE(fact->product < THING_COUNT);
        oracle->thing_max = (uint32_t)max_u64(oracle->thing_max, fact->thing + 1);
        ENSURE(fold_fact(sim, fact, note->is_held_back, note->is_by_admin));
    }
}

const char *oracle_missing_kind(void)
{
    struct sim *sim = memory_take(1, sizeof *sim);
    const char *missing = NULL;

    oracle_open(sim);
    sim->oracle->parties[0] = true;
    for (unsigned kind = 1; kind <= UINT16_MAX && missing == NULL; kind++) {
        const struct message *message = message_by_kind((uint16_t)kind);
        struct fact fact = {.kind = (uint16_t)kind};
        bool is_command =
            message != NULL && message_by_name(bytes_from_text(message->name)) != NULL;
        uint64_t seen[SITUATION_COUNT];
        sim->seen = seen;
        sim->oracle->products[0].is_known = true;
        bool is_release = kind == KIND_NEED_RELEASE || kind == KIND_OFFER_RELEASE;
        sim->oracle->needs[0].state = is_release ? THING_HELD_BACK : THING_OPEN;
        sim->oracle->offers[0].state = sim->oracle->needs[0].state;
        sim->oracle->keys[0] = (struct model_key){
            .state = kind == KIND_KEY_REGISTER  ? 0
                     : kind == KIND_KEY_CONFIRM ? KEY_PENDING
                                                : KEY_ACTIVE,
            .next = FACT_NONE,
        };
        sim->oracle->keys[1] = (struct model_key){0};
        fact.other = kind == KIND_KEY_ROTATE ? 1 : 0;
        if (is_command && !fold_fact(sim, &fact, false, true)) {
            missing = message->name;
        }
    }
    oracle_close(sim);
    free(sim);
    return missing;
}

/* --- Assignments --------------------------------------------------------------------- */

enum side { SIDE_PLAN, SIDE_REQUESTER, SIDE_OFFERER, SIDE_NONE };

static bool is_fixed(uint32_t state)
{
    return state == ASSIGNMENT_COMMITTED || state == ASSIGNMENT_SHIPPED ||
           state == ASSIGNMENT_RECEIVED;
}

static bool is_loose(uint32_t state)
{
    return state == ASSIGNMENT_PROPOSED || state == ASSIGNMENT_ACCEPTED;
}

/* What an assignment becomes by a person's answer, 0 when it may not be given. */
static uint32_t state_after(uint32_t state, uint32_t accepted_by, uint16_t kind, enum side side)
{
    bool is_committed = state == ASSIGNMENT_COMMITTED;

    switch (kind) {
    case KIND_ASSIGNMENT_ACCEPT:
        if (!is_loose(state) || (accepted_by & (1u << side)) != 0) {
            return 0;
        }
        return state == ASSIGNMENT_PROPOSED ? ASSIGNMENT_ACCEPTED : ASSIGNMENT_COMMITTED;
    case KIND_ASSIGNMENT_DECLINE:
        return is_loose(state) ? ASSIGNMENT_DECLINED : 0;
    case KIND_ASSIGNMENT_SHIP:
        return is_committed && side == SIDE_OFFERER ? ASSIGNMENT_SHIPPED : 0;
    case KIND_ASSIGNMENT_RECEIVE:
        return (is_committed || state == ASSIGNMENT_SHIPPED) && side == SIDE_REQUESTER
                   ? ASSIGNMENT_RECEIVED
                   : 0;
    case KIND_ASSIGNMENT_CANCEL:
        return is_loose(state) || is_committed ? ASSIGNMENT_CANCELLED : 0;
    default:
        return 0;
    }
}

/* Units into, or out of, the sums of a need and an offer. */
static void count_units(struct oracle *oracle, const struct model_assignment *assignment,
                        bool is_added)
{
    struct model_need *need = &oracle->needs[assignment->need];
    struct model_offer *offer = &oracle->offers[assignment->offer];
    uint64_t units = is_added ? assignment->quantity : 0 - assignment->quantity;

    if (is_fixed(assignment->state)) {
        need->fixed += units;
        offer->fixed += units;
    } else if (is_loose(assignment->state)) {
        need->loose += units;
        offer->loose += units;
    }
}

static void note_state(struct sim *sim, uint32_t state, uint32_t before)
{
    static const enum situation situations[] = {
        [ASSIGNMENT_ACCEPTED] = SEEN_ACCEPTED,   [ASSIGNMENT_COMMITTED] = SEEN_COMMITTED,
        [ASSIGNMENT_SHIPPED] = SEEN_SHIPPED,     [ASSIGNMENT_RECEIVED] = SEEN_RECEIVED,
        [ASSIGNMENT_DECLINED] = SEEN_DECLINED,   [ASSIGNMENT_SUPERSEDED] = SEEN_SUPERSEDED,
        [ASSIGNMENT_CANCELLED] = SEEN_CANCELLED,
    };

    if (state >= ASSIGNMENT_ACCEPTED && state <= ASSIGNMENT_CANCELLED &&
        (state != ASSIGNMENT_CANCELLED || before == ASSIGNMENT_COMMITTED)) {
        sim_seen(sim, situations[state]);
    }
}

/* Rules with days are the plan's own proof to check; here only what holds on all days. */

static bool is_always(const struct model_rule *rule)
{
    return rule->is_known && rule->fact.from == DAY_NONE && rule->fact.to == DAY_NONE;
}

static bool may_stand_in(const struct oracle *oracle, uint32_t given, uint32_t product)
{
    bool may = given == product;

    for (size_t i = 0; i < RULE_COUNT_MAX && !may; i++) {
        const struct model_rule *rule = &oracle->substitutes[i];
        may = rule->is_known && rule->fact.product == product && rule->fact.other == given;
    }
    return may;
}

static bool is_certified(const struct oracle *oracle, uint32_t party, uint32_t product,
                         uint32_t code)
{
    bool is_found = false;

    for (size_t i = 0; i < RULE_COUNT_MAX && !is_found; i++) {
        const struct model_rule *rule = &oracle->certificates[i];
        is_found = rule->is_known && rule->fact.is_valid && rule->fact.party == party &&
                   rule->fact.product == product && rule->fact.code == code;
    }
    return is_found;
}

static void check_rules(struct sim *sim, const struct told *told)
{
    const struct oracle *oracle = sim->oracle;
    uint32_t given = oracle->offers[told->offer].fact.product;

    if (!may_stand_in(oracle, given, told->product)) {
        sim_violated(sim, "A%u stands in for A%u and may not", given, told->product);
    }
    if (told->given != (given == told->product ? FACT_NONE : given)) {
        sim_violated(sim, "assignment %llu does not say what is given",
                     (unsigned long long)told->number);
    }
    if (given != told->product) {
        sim_seen(sim, SEEN_SUBSTITUTE);
    }
    for (size_t i = 0; i < RULE_COUNT_MAX; i++) {
        const struct fact *norm = &oracle->norms[i].fact;
        const struct fact *exclusion = &oracle->exclusions[i].fact;
        if (is_always(&oracle->norms[i]) && norm->product == given &&
            norm->class_number >= oracle->needs[told->need].fact.class_number) {
            sim_seen(sim, SEEN_CERTIFIED);
            if (!is_certified(oracle, told->offerer, given, norm->code)) {
                sim_violated(sim, "P%u gives A%u without a certificate", told->offerer, given);
            }
        }
        if (is_always(&oracle->exclusions[i]) &&
            ((exclusion->party == told->requester && exclusion->other == told->offerer) ||
             (exclusion->party == told->offerer && exclusion->other == told->requester))) {
            sim_violated(sim, "P%u and P%u are excluded and deal", told->requester, told->offerer);
        }
    }
}

static void check_parts(struct sim *sim, const struct told *told)
{
    const struct oracle *oracle = sim->oracle;
    bool are_known = told->need < THING_COUNT && told->offer < THING_COUNT &&
                     oracle->needs[told->need].state != THING_UNKNOWN &&
                     oracle->offers[told->offer].state != THING_UNKNOWN;

    if (!are_known || oracle->needs[told->need].fact.party != told->requester ||
        oracle->offers[told->offer].fact.party != told->offerer ||
        oracle->needs[told->need].fact.product != told->product) {
        sim_violated(sim, "assignment %llu joins what does not belong together",
                     (unsigned long long)told->number);
    }
    check_rules(sim, told);
}

static void begin_assignment(struct sim *sim, const struct told *told)
{
    struct oracle *oracle = sim->oracle;

    if (told->number != oracle->assignment_count + 1 || told->state != ASSIGNMENT_PROPOSED ||
        told->before != 0) {
        sim_violated(sim, "assignment %llu begins in the middle", (unsigned long long)told->number);
    }
    check_parts(sim, told);
    if (told->requester == told->offerer) {
        sim_violated(sim, "party P%u serves itself", told->requester);
    }
    if (oracle->products[told->product].lot > 1) {
        sim_seen(sim, SEEN_LOT);
    }
    GROW(oracle->assignments, oracle->assignment_capacity, (size_t)told->number + 1);
    oracle->assignment_count = told->number;
    oracle->assignments[told->number] = (struct model_assignment){
        .need = told->need,
        .offer = told->offer,
        .product = told->product,
        .requester = told->requester,
        .offerer = told->offerer,
        .state = ASSIGNMENT_PROPOSED,
        .quantity = told->quantity,
    };
}

static void check_same_parts(struct sim *sim, const struct model_assignment *known,
                             const struct told *told)
{
    if (known->need != told->need || known->offer != told->offer ||
        known->product != told->product || known->requester != told->requester ||
        known->offerer != told->offerer || known->quantity != told->before) {
        sim_violated(sim, "assignment %llu is suddenly another one",
                     (unsigned long long)told->number);
    }
}

/* The plan proposes anew or supersedes; everything else is a person's answer. */
static void move_assignment(struct sim *sim, const struct told *told)
{
    struct oracle *oracle = sim->oracle;
    struct model_assignment *known = &oracle->assignments[told->number];
    bool is_by_plan = told->state == ASSIGNMENT_PROPOSED || told->state == ASSIGNMENT_SUPERSEDED;

    check_same_parts(sim, known, told);
    if (told->state == ASSIGNMENT_PROPOSED) {
        check_rules(sim, told);
    }
    if (is_by_plan && !is_loose(known->state)) {
        sim_violated(sim, "the plan moves assignment %llu, which is %s",
                     (unsigned long long)told->number, assignment_state_name(known->state));
    }
    if (!is_by_plan && told->quantity != known->quantity) {
        sim_violated(sim, "an answer changes the units of assignment %llu",
                     (unsigned long long)told->number);
    }
    if (!is_by_plan) {
        oracle->has_move = true;
        oracle->move = *told;
        oracle->move_from = known->state;
        oracle->move_accepted_by = known->accepted_by;
    }
    note_state(sim, (uint32_t)told->state, known->state);
    count_units(oracle, known, false);
    known->state = (uint32_t)told->state;
    known->is_doubted = false;
    known->accepted_by = told->state == ASSIGNMENT_PROPOSED ? 0 : known->accepted_by;
    /* Of one that ends the units are those that it had. */
    known->quantity = told->quantity;
    count_units(oracle, known, true);
}

/* What parties are told of a commitment that rules forbid, or allow again: it stays. */
static void note_doubt(struct sim *sim, const struct told *told)
{
    struct model_assignment *known = &sim->oracle->assignments[told->number];

    check_same_parts(sim, known, told);
    if (known->state != ASSIGNMENT_COMMITTED || told->state != ASSIGNMENT_COMMITTED ||
        told->quantity != known->quantity || known->is_doubted == told->is_doubt) {
        sim_violated(sim, "assignment %llu is doubted and cannot be",
                     (unsigned long long)told->number);
    }
    known->is_doubted = told->is_doubt;
    sim_seen(sim, SEEN_DOUBTED);
}

static void take_assignment(struct sim *sim, const struct told *told)
{
    struct oracle *oracle = sim->oracle;

    if (oracle->has_move) {
        sim_violated(sim, "assignment %llu moved and nobody had answered",
                     (unsigned long long)oracle->move.number);
    }
    if (told->number == 0 || told->quantity == 0) {
        sim_violated(sim, "an assignment without a number or units");
    }
    if ((told->is_doubt || told->is_trust) && told->number <= oracle->assignment_count) {
        note_doubt(sim, told);
    } else if (told->number > oracle->assignment_count) {
        begin_assignment(sim, told);
        count_units(oracle, &oracle->assignments[told->number], true);
    } else {
        move_assignment(sim, told);
    }
}

/* --- Answers ------------------------------------------------------------------------- */

/* The next command in the intake that wants an answer; 0 when there is none so far. */
static uint64_t next_to_answer(const struct oracle *oracle)
{
    uint64_t seq = oracle->answered_upto + 1;

    while (seq <= oracle->feeds[NODE_GATEWAY].taken && !is_answer_kind(oracle->intake[seq].kind)) {
        seq++;
    }
    return seq <= oracle->feeds[NODE_GATEWAY].taken ? seq : 0;
}

static enum side side_of(const struct model_assignment *assignment, uint32_t party)
{
    if (party == assignment->requester) {
        return SIDE_REQUESTER;
    }
    return party == assignment->offerer ? SIDE_OFFERER : SIDE_NONE;
}

static void check_done(struct sim *sim, const struct fact *fact, const struct told *told)
{
    struct oracle *oracle = sim->oracle;

    if (!oracle->has_move || oracle->move.number != told->number) {
        sim_violated(sim, "an answer to assignment %llu is done and moved nothing",
                     (unsigned long long)told->number);
    }
    struct model_assignment *assignment = &oracle->assignments[told->number];
    enum side side = side_of(assignment, fact->party);
    uint32_t expected = side == SIDE_NONE ? 0
                                          : state_after(oracle->move_from, oracle->move_accepted_by,
                                                        fact->kind, side);
    if (expected != oracle->move.state) {
        sim_violated(sim, "%s turns a %s assignment into a %s one", kind_name(fact->kind),
                     assignment_state_name(oracle->move_from),
                     assignment_state_name((enum assignment_state)oracle->move.state));
    }
    if (fact->kind == KIND_ASSIGNMENT_ACCEPT) {
        assignment->accepted_by |= 1u << side;
    }
}

static void check_not_done(struct sim *sim, const struct fact *fact)
{
    struct oracle *oracle = sim->oracle;

    sim_seen(sim, SEEN_ANSWER_REFUSED);
    if (oracle->has_move) {
        sim_violated(sim, "an answer that is not done moved something");
    }
    if (fact->assignment > oracle->assignment_count || fact->kind == KIND_ASSIGNMENT_ACCEPT) {
        return; /* One may no longer accept what has changed. */
    }
    const struct model_assignment *assignment = &oracle->assignments[fact->assignment];
    enum side side = side_of(assignment, fact->party);
    if (side != SIDE_NONE &&
        state_after(assignment->state, assignment->accepted_by, fact->kind, side) != 0) {
        sim_violated(sim, "%s of a %s assignment is refused", kind_name(fact->kind),
                     assignment_state_name(assignment->state));
    }
}

static void take_answer(struct sim *sim, const struct told *told)
{
    struct oracle *oracle = sim->oracle;
    uint64_t seq = next_to_answer(oracle);

    if (seq == 0 || oracle->intake[seq].intent != told->intent) {
        sim_violated(sim, "an answer comes twice, or out of order");
    }
    const struct intent *intent = work_intent(sim, told->intent);
    const struct fact *fact = &intent->facts[oracle->intake[seq].variant];
    if (fact->assignment != told->number) {
        sim_violated(sim, "an answer names another assignment");
    }
    if (told->is_done) {
        check_done(sim, fact, told);
    } else {
        check_not_done(sim, fact);
    }
    oracle->has_move = false;
    oracle->answered_upto = seq;
}

/* --- Sums ---------------------------------------------------------------------------- */

static void check_need_sum(struct sim *sim, uint32_t number)
{
    const struct model_need *need = &sim->oracle->needs[number];

    if (need->loose == 0) {
        return; /* What is fixed stays, whatever the need has become. */
    }
    if (need->state != THING_OPEN) {
        sim_violated(sim, "need N%u is served and not open", number);
    }
    uint64_t promised = need->fixed + need->loose;
    if (promised > need->fact.quantity) {
        sim_violated(sim, "need N%u of %llu units is promised %llu", number,
                     (unsigned long long)need->fact.quantity, (unsigned long long)promised);
    }
}

static void check_offer_sum(struct sim *sim, uint32_t number)
{
    const struct model_offer *offer = &sim->oracle->offers[number];

    if (offer->loose == 0) {
        return;
    }
    if (offer->state != THING_OPEN) {
        sim_violated(sim, "offer O%u gives and is not active", number);
    }
    uint64_t promised = offer->fixed + offer->loose;
    if (promised > units_of(offer)) {
        sim_violated(sim, "offer O%u of %llu units promises %llu", number,
                     (unsigned long long)units_of(offer), (unsigned long long)promised);
    }
}

/* Less than a lot is told only to complete a need, and once. */
static void check_lots(struct sim *sim)
{
    const struct oracle *oracle = sim->oracle;
    bool is_completed[THING_COUNT] = {false};

    for (uint64_t i = 1; i <= oracle->assignment_count; i++) {
        const struct model_assignment *known = &oracle->assignments[i];
        const struct model_need *need = &oracle->needs[known->need];
        if (!is_loose(known->state) || known->quantity >= oracle->products[known->product].lot) {
            continue;
        }
        sim_seen(sim, SEEN_COMPLETED);
        if (is_completed[known->need] || need->fixed + need->loose != need->fact.quantity) {
            sim_violated(sim, "assignment %llu is smaller than a lot and need N%u not complete",
                         (unsigned long long)i, known->need);
        }
        is_completed[known->need] = true;
    }
}

/* Who is excluded for ever and has a commitment has been told so. */
void model_check_doubts(struct sim *sim)
{
    const struct oracle *oracle = sim->oracle;

    for (uint64_t i = 1; i <= oracle->assignment_count; i++) {
        const struct model_assignment *known = &oracle->assignments[i];
        for (size_t j = 0; j < RULE_COUNT_MAX; j++) {
            const struct fact *exclusion = &oracle->exclusions[j].fact;
            bool is_meant =
                (exclusion->party == known->requester && exclusion->other == known->offerer) ||
                (exclusion->party == known->offerer && exclusion->other == known->requester);
            if (is_always(&oracle->exclusions[j]) && is_meant && !known->is_doubted &&
                known->state == ASSIGNMENT_COMMITTED) {
                sim_violated(sim, "nobody is told that commitment %llu is excluded",
                             (unsigned long long)i);
            }
        }
    }
}

void model_check_sums(struct sim *sim)
{
    for (uint32_t i = 0; i < sim->oracle->thing_max; i++) {
        check_need_sum(sim, i);
        check_offer_sum(sim, i);
    }
    check_lots(sim);
}

/* --- The feed ------------------------------------------------------------------------ */

static void add_position(struct oracle *oracle, uint32_t party, uint64_t seq)
{
    struct positions *positions = &oracle->positions[party];

    GROW(positions->seqs, positions->capacity, positions->count + 1);
    positions->seqs[positions->count++] = seq;
}

/* Whom it concerns sees it, once. */
static void add_positions(struct oracle *oracle, const struct told *told, uint64_t seq)
{
    uint32_t requester = told->requester;
    uint32_t offerer = told->offerer;

    if (told->is_answer) {
        if (told->number == 0 || told->number > oracle->assignment_count) {
            return;
        }
        requester = oracle->assignments[told->number].requester;
        offerer = oracle->assignments[told->number].offerer;
    }
    add_position(oracle, requester, seq);
    if (offerer != requester) {
        add_position(oracle, offerer, seq);
    }
}

void model_take_told(struct sim *sim, const struct entry *entry)
{
    struct oracle *oracle = sim->oracle;

    GROW(oracle->told, oracle->told_capacity, (size_t)entry->seq + 1);
    struct told *told = &oracle->told[entry->seq];
    model_fold_upto(sim, oracle->noted_upto[entry->cause_last]);
    model_read_told(sim, entry->body, entry->kind == KIND_ANSWER, told);
    if (told->is_answer) {
        take_answer(sim, told);
    } else {
        take_assignment(sim, told);
    }
    oracle->told_count = entry->seq;
    add_positions(oracle, told, entry->seq);
    if ((entry->flags & ENTRY_SETTLES) != 0) {
        model_check_sums(sim);
    }
}
