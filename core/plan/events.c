/*
 * events.c - what changed, as assignment events in a fixed order: first the answers, as
 * they came, then the plan's own moves by need and offer.
 */
#include "core/plan/internal.h"

/* How a need fares in this settle, all its offers together. */
struct share {
    uint32_t need;
    bool has_less;
};

void plan_fill_event(const struct plan *plan, uint64_t number, struct assignment_event *event)
{
    const struct market *market = plan->market;
    const struct plan_assignment *assignment = &plan->assignments[number];
    const struct need *need = &market->needs[assignment->need];
    const struct offer *offer = &market->offers[assignment->offer];

    *event = (struct assignment_event){
        .assignment = number,
        .state = assignment->state,
        .need = names_text(&market->need_ids, assignment->need),
        .offer = names_text(&market->offer_ids, assignment->offer),
        .product = names_text(&market->product_ids, need->product),
        .given = need->product == offer->product ? (struct bytes){0}
                                                 : names_text(&market->product_ids, offer->product),
        .requester = names_text(&market->party_ids, need->party),
        .offerer = names_text(&market->party_ids, offer->party),
        .quantity = (uint64_t)assignment->quantity,
        .before = (uint64_t)assignment->quantity,
        .class_number = need->class_number,
        .cost = assignment->cost,
        .kilometres = assignment->kilometres,
        .arrival = assignment->arrival,
        .cause = plan->seq,
        .at = plan->time_ms,
    };
}

static void tell_answers(struct plan *plan, const struct plan_listener *listener)
{
    for (size_t i = 0; i < plan->answer_count; i++) {
        const struct pending_answer *answer = &plan->answers[i];
        if (answer->state != 0) {
            struct assignment_event event;
            plan_fill_event(plan, answer->assignment, &event);
            event.state = answer->state;
            event.quantity = answer->quantity;
            event.before = answer->quantity;
            event.reason = answer->reason;
            event.cause = answer->cause;
            event.at = answer->at;
            listener->assignment(listener->context, &event);
        }
        struct answer_event event = {
            .id = answer->id,
            .assignment = answer->assignment,
            .done = answer->state != 0,
            .code = bytes_from_text(answer->code),
            .why = bytes_from_text(answer->why),
            .cause = answer->cause,
            .at = answer->at,
        };
        listener->answer(listener->context, &event);
    }
    plan->answer_count = 0;
}

static bool is_match(const struct plan *plan, uint32_t need, uint32_t offer)
{
    return match_check(plan->market, &plan->options.rules, need, offer).reason == MATCH_POSSIBLE;
}

/* What else than an event moved units: lots, another need, or nothing but a better plan. */
static const char *reason_of_plan(const struct plan *plan, const struct share *share,
                                  uint32_t offer, bool is_less)
{
    int64_t bend = plan_bend(plan, share->need, offer);

    if (is_less ? bend < 0 : bend > 0) {
        return REASON_LOT;
    }
    return is_less && share->has_less ? REASON_DISPLACED : REASON_BETTER;
}

/* The reason for less of an assignment, the nearest cause first. */
static const char *reason_for_less(const struct plan *plan, const struct share *share,
                                   uint32_t offer)
{
    uint32_t need = share->need;
    uint8_t of_need = plan->needs[need].causes;
    uint8_t of_offer = plan->offers[offer].causes;

    if (of_need & CAUSE_ENDED) {
        return REASON_NEED_ENDED;
    }
    if (of_offer & CAUSE_ENDED) {
        return REASON_OFFER_ENDED;
    }
    if (of_need & CAUSE_CHANGED) {
        return REASON_NEED_CHANGED;
    }
    if ((of_need & CAUSE_RULE) && !is_match(plan, need, offer)) {
        return REASON_RULE_CHANGE;
    }
    if (of_offer & CAUSE_DAY) {
        return REASON_DAY;
    }
    if (of_offer & CAUSE_DROP) {
        return REASON_CAPACITY_DROP;
    }
    return reason_of_plan(plan, share, offer, true);
}

static const char *reason_for_more(const struct plan *plan, const struct share *share,
                                   uint32_t offer, int64_t before)
{
    uint8_t of_need = plan->needs[share->need].causes;
    uint8_t of_offer = plan->offers[offer].causes;

    if (before == 0 && (of_need & CAUSE_NEW)) {
        return REASON_NEW;
    }
    if (of_need & CAUSE_DECLINED) {
        return REASON_DECLINED_BY;
    }
    if ((of_offer & CAUSE_RISE) && !(of_offer & CAUSE_NEW)) {
        return REASON_CAPACITY_RISE;
    }
    if (before == 0) {
        return REASON_NEW;
    }
    return of_need & CAUSE_CHANGED ? REASON_NEED_CHANGED
                                   : reason_of_plan(plan, share, offer, false);
}

/* The last day is the dearest. */
void plan_fill_match(const struct plan *plan, struct plan_assignment *assignment)
{
    struct match match = plan_match_on(plan, assignment->need, assignment->offer, assignment->day);

    ENSURE(match.reason == MATCH_POSSIBLE);
    assignment->cost = match.cost;
    assignment->kilometres = match.kilometres;
    assignment->arrival = match.arrival;
}

static uint32_t propose(struct plan *plan, uint32_t need, uint32_t offer,
                        const struct plan_share *share)
{
    struct plan_assignment assignment = {
        .need = need,
        .offer = offer,
        .state = ASSIGNMENT_PROPOSED,
        .quantity = share->units,
        .day = share->day,
    };

    plan_fill_match(plan, &assignment);
    plan->totals.assignments++;
    return plan_add_assignment(plan, &assignment);
}

static void propose_anew(struct plan *plan, uint32_t number, const struct plan_share *share)
{
    struct plan_assignment *assignment = &plan->assignments[number];
    enum assignment_state next;

    ENSURE(life_move(assignment->state, KIND_ASSIGNMENT, MOVER_PLAN, 0, &next) == STATUS_OK);
    assignment->state = (uint8_t)next;
    assignment->accepted_by = 0; /* What they accepted was another quantity, or day. */
    assignment->quantity = share->units;
    assignment->day = share->day;
    plan_fill_match(plan, assignment);
}

/* Keeps the units it had, for those who read it later. */
static void supersede(struct plan *plan, uint32_t number)
{
    struct plan_assignment *assignment = &plan->assignments[number];
    enum assignment_state next;

    ENSURE(life_move(assignment->state, KIND_ASSIGNMENT_CANCEL, MOVER_PLAN, 0, &next) == STATUS_OK);
    assignment->state = (uint8_t)next;
    plan_unlink(plan, number);
    plan->totals.assignments--;
}

static const char *reason_for(const struct plan *plan, const struct share *share, uint32_t offer,
                              int64_t before, int64_t after)
{
    if (before == after) {
        return REASON_DAY;
    }
    return after > before ? reason_for_more(plan, share, offer, before)
                          : reason_for_less(plan, share, offer);
}

static void tell_pair(struct plan *plan, const struct plan_listener *listener,
                      const struct share *share, uint32_t offer)
{
    uint32_t number = plan_find_unfixed(plan, share->need, offer);
    int64_t before = number == 0 ? 0 : plan->assignments[number].quantity;
    struct plan_share after = plan_told(plan, share->need, offer);

    marks_add(&plan->dirty_shares, share->need);
    if (before == after.units && (number == 0 || plan->assignments[number].day == after.day)) {
        return;
    }
    if (before == 0) {
        number = propose(plan, share->need, offer, &after);
    } else if (after.units == 0) {
        supersede(plan, number);
    } else {
        propose_anew(plan, number, &after);
    }
    plan_count_promised(plan, share->need, after.units - before);
    marks_add(&plan->dirty_assignments, number);

    struct assignment_event event;
    plan_fill_event(plan, number, &event);
    event.before = (uint64_t)before;
    event.reason = bytes_from_text(reason_for(plan, share, offer, before, after.units));
    listener->assignment(listener->context, &event);
}

/* The pairs of one need, `count` of them from `moved` on. */
static void tell_need(struct plan *plan, const struct plan_listener *listener,
                      const uint64_t *moved, size_t count)
{
    struct share share = {.need = (uint32_t)(moved[0] >> 32)};
    int64_t gain = 0;

    for (size_t i = 0; i < count; i++) {
        uint32_t offer = (uint32_t)moved[i];
        if (i > 0 && moved[i] == moved[i - 1]) {
            continue;
        }
        uint32_t number = plan_find_unfixed(plan, share.need, offer);
        gain += plan_told(plan, share.need, offer).units;
        gain -= number == 0 ? 0 : plan->assignments[number].quantity;
    }
    share.has_less = gain < 0;
    for (size_t i = 0; i < count; i++) {
        tell_pair(plan, listener, &share, (uint32_t)moved[i]); /* A second look is silent. */
    }
}

void plan_tell(struct plan *plan, const struct plan_listener *listener)
{
    size_t first = 0;

    tell_answers(plan, listener);
    while (first < plan->moved_count) {
        size_t end = first + 1;
        while (end < plan->moved_count && plan->moved[end] >> 32 == plan->moved[first] >> 32) {
            end++;
        }
        tell_need(plan, listener, plan->moved + first, end - first);
        first = end;
    }
    plan->moved_count = 0;
}
