/*
 * answers.c - the assignments, and what their parties answer.
 *
 * An assignment that gives its need something is in the need's list; at most one of a pair
 * is not fixed yet, and its units are the flow of the pair's arc. What becomes fixed leaves the
 * flow; what is given up for good closes the pair.
 */
#include "core/plan/internal.h"

#include "core/base/mutant.h"

uint64_t plan_assignment_count(const struct plan *plan)
{
    return plan->assignment_count;
}

const struct plan_assignment *plan_assignment(const struct plan *plan, uint64_t number)
{
    static const struct plan_assignment none;

    return number == 0 || number > plan->assignment_count ? &none : &plan->assignments[number];
}

uint64_t plan_next_of_need(const struct plan *plan, uint32_t need, uint64_t number)
{
    return number == 0 ? plan->needs[need].first : plan->next[number];
}

void plan_link(struct plan *plan, uint32_t number)
{
    struct plan_need *need = &plan->needs[plan->assignments[number].need];

    plan->next[number] = need->first;
    need->first = number;
}

void plan_unlink(struct plan *plan, uint32_t number)
{
    uint32_t *link = &plan->needs[plan->assignments[number].need].first;

    while (*link != number) {
        ENSURE(*link != 0);
        link = &plan->next[*link];
    }
    *link = plan->next[number];
    plan->next[number] = 0;
}

uint32_t plan_add_assignment(struct plan *plan, const struct plan_assignment *assignment)
{
    ENSURE(plan->assignment_count < UINT32_MAX - 1);
    uint32_t number = ++plan->assignment_count;

    GROW(plan->assignments, plan->assignment_capacity, (size_t)number + 1);
    GROW(plan->next, plan->next_capacity, (size_t)number + 1);
    plan->assignments[number] = *assignment;
    plan_link(plan, number);
    return number;
}

uint32_t plan_find_unfixed(const struct plan *plan, uint32_t need, uint32_t offer)
{
    uint32_t number = plan->needs[need].first;

    while (number != 0 && (plan->assignments[number].offer != offer ||
                           life_is_fixed(plan->assignments[number].state))) {
        number = plan->next[number];
    }
    return number;
}

int64_t plan_live_units(const struct plan *plan, uint32_t need)
{
    int64_t units = 0;

    for (uint32_t i = plan->needs[need].first; i != 0; i = plan->next[i]) {
        units += life_is_final(plan->assignments[i].state) ? 0 : plan->assignments[i].quantity;
    }
    return units;
}

int64_t plan_need_promised(const struct plan *plan, uint32_t need)
{
    int64_t units = 0;

    for (uint32_t i = plan->needs[need].first; i != 0; i = plan->next[i]) {
        units += plan->assignments[i].quantity;
    }
    return units;
}

int64_t plan_offer_promised(const struct plan *plan, uint32_t offer)
{
    const struct plan_offer *known = &plan->offers[offer];
    int64_t units = known->fixed;

    for (uint32_t i = 0; i < known->range.count; i++) {
        units += flow_source_used(plan->flow, known->range.first + i);
    }
    for (uint32_t at = known->first_bend; at != 0; at = plan->bends[at - 1].next_of_offer) {
        units += plan->bends[at - 1].units;
    }
    return units;
}

bool plan_is_excluded(const struct plan *plan, uint32_t need, uint32_t offer)
{
    uint32_t at = plan->needs[need].first_excluded;

    while (at != 0 && plan->exclusions[at - 1].offer != offer) {
        at = plan->exclusions[at - 1].next;
    }
    return at != 0;
}

void plan_exclude(struct plan *plan, uint32_t need, uint32_t offer)
{
    if (plan_is_excluded(plan, need, offer)) {
        return;
    }
    GROW(plan->exclusions, plan->exclusion_capacity, plan->exclusion_count + 1);
    plan->exclusions[plan->exclusion_count++] = (struct exclusion){
        .offer = offer,
        .next = plan->needs[need].first_excluded,
    };
    plan->needs[need].first_excluded = (uint32_t)plan->exclusion_count;
}

/* What the flow has of it leaves the flow; where that is not all the next settle must look at both
 * ends. */
static void take_out(struct plan *plan, const struct plan_assignment *assignment)
{
    uint32_t need = assignment->need;
    uint32_t offer = assignment->offer;
    int64_t flowing = plan_share(plan, need, offer).units;

    plan_fix(plan, need, offer, min_i64(flowing, assignment->quantity));
    plan_set_bend(plan, need, offer, 0);
    if (flowing != assignment->quantity) {
        marks_add(&plan->touched_needs, need);
        marks_add(&plan->touched_offers, offer);
        plan_note_moved(plan, need, offer);
    }
}

void plan_commit(struct plan *plan, uint32_t number)
{
    struct plan_assignment *assignment = &plan->assignments[number];

    take_out(plan, assignment);
    plan->needs[assignment->need].fixed += MUTANT(19) ? 0 : assignment->quantity;
    plan->offers[assignment->offer].fixed += assignment->quantity;
    marks_add(&plan->dirty_fixed, assignment->offer);
    if (!plan_is_stock(plan, assignment->offer)) {
        assignment->to_make = assignment->quantity;
        plan_book(plan, number);
        marks_add(&plan->touched_offers, assignment->offer);
    }
}

/* The flow's part becomes fixed: both parties said yes. */
static void commit(struct plan *plan, uint32_t number)
{
    const struct plan_assignment *assignment = &plan->assignments[number];

    plan_commit(plan, number);
    marks_add(&plan->touched_needs, assignment->need); /* The rules are asked of it from now on. */
}

/* Declined or cancelled: the units are free again, for others than this pair. */
static void give_up(struct plan *plan, uint32_t number, bool was_fixed)
{
    struct plan_assignment *assignment = &plan->assignments[number];
    uint32_t need = assignment->need;
    uint32_t offer = assignment->offer;

    if (was_fixed && !MUTANT(18)) {
        plan->needs[need].fixed -= assignment->quantity;
        plan->offers[offer].fixed -= assignment->quantity;
        plan_unbook(plan, number);
        assignment->to_make = 0;
        marks_add(&plan->dirty_fixed, offer);
    }
    if (!was_fixed) {
        plan_set_bend(plan, need, offer, 0);
    }
    plan_unlink(plan, number);
    plan_exclude(plan, need, offer);
    plan->needs[need].causes |= CAUSE_DECLINED;
    marks_add(&plan->touched_needs, need);
    marks_add(&plan->touched_offers, offer);
    marks_add(&plan->stale_needs, need);
}

static void move(struct plan *plan, uint32_t number, enum assignment_state next, enum mover mover)
{
    struct plan_assignment *assignment = &plan->assignments[number];
    bool was_fixed = life_is_fixed(assignment->state);

    assignment->state = (uint8_t)next;
    if (next == ASSIGNMENT_ACCEPTED || next == ASSIGNMENT_COMMITTED) {
        assignment->accepted_by |= (uint8_t)(1u << mover);
    }
    if (next == ASSIGNMENT_COMMITTED) {
        commit(plan, number);
    }
    if (next != ASSIGNMENT_COMMITTED) {
        plan_set_doubt(plan, number, false);
    }
    if (next == ASSIGNMENT_DECLINED || next == ASSIGNMENT_CANCELLED) {
        give_up(plan, number, was_fixed);
    }
    if (next == ASSIGNMENT_RECEIVED) {
        plan->totals.units_received += (uint64_t)assignment->quantity;
    }
    if (life_is_final(next)) {
        plan_count_promised(plan, assignment->need, -assignment->quantity);
        plan->totals.assignments--;
    }
    marks_add(&plan->dirty_assignments, number);
    marks_add(&plan->dirty_shares, assignment->need);
}

/* What was proposed at the last settle may have become impossible since: a day may have passed, or
 * other commitments may need the days. */
static bool can_be_kept(const struct plan *plan, const struct plan_assignment *assignment)
{
    const struct need *need = &plan->market->needs[assignment->need];
    int32_t first = match_first_day(plan->market, assignment->offer);
    bool is_past = assignment->day != DAY_NONE && assignment->day < first;
    struct match match = plan_match_on(plan, assignment->need, assignment->offer, assignment->day);

    return match.reason == MATCH_POSSIBLE && !is_past &&
           plan->needs[assignment->need].fixed + assignment->quantity <= (int64_t)need->quantity &&
           assignment->quantity <= plan_room(plan, assignment->offer, assignment->day);
}

static enum mover mover_of(const struct plan *plan, const struct plan_assignment *assignment,
                           struct bytes party_id)
{
    uint32_t party = market_find_party(plan->market, party_id);

    if (party == NAME_NONE) {
        return 0;
    }
    if (party == plan->market->needs[assignment->need].party) {
        return MOVER_REQUESTER;
    }
    return party == plan->market->offers[assignment->offer].party ? MOVER_OFFERER : 0;
}

struct verdict {
    const char *code;
    const char *why;
};

static struct verdict decide(struct plan *plan, uint16_t kind,
                             const struct assignment_command *command)
{
    static const char *const not_yours = "no such assignment of yours";

    if (command->assignment == 0 || command->assignment > plan->assignment_count) {
        return (struct verdict){"unknown", not_yours};
    }
    uint32_t number = (uint32_t)command->assignment;
    const struct plan_assignment *assignment = &plan->assignments[number];
    enum mover mover = mover_of(plan, assignment, command->party);
    if (mover == 0) {
        return (struct verdict){"unknown", not_yours};
    }
    bool wants_reason = kind == KIND_ASSIGNMENT_DECLINE || kind == KIND_ASSIGNMENT_CANCEL;
    if (wants_reason && !life_is_reason(command->reason)) {
        return (struct verdict){"range", "the reason is none of the closed list"};
    }
    enum assignment_state next;
    if (life_move(assignment->state, kind, mover, assignment->accepted_by, &next) != STATUS_OK) {
        return (struct verdict){"state", "its state does not allow that"};
    }
    if (kind == KIND_ASSIGNMENT_ACCEPT && !can_be_kept(plan, assignment)) {
        return (struct verdict){"state", "its need or offer has changed meanwhile"};
    }
    move(plan, number, next, mover);
    return (struct verdict){"done", ""};
}

void plan_answer(struct plan *plan, const struct plan_input *input)
{
    const struct assignment_command *command = &input->command->assignment;
    struct verdict verdict = decide(plan, input->kind, command);
    bool is_done = verdict.why[0] == '\0';
    const struct plan_assignment *assignment = plan_assignment(plan, command->assignment);

    GROW(plan->answers, plan->answer_capacity, plan->answer_count + 1);
    plan->answers[plan->answer_count++] = (struct pending_answer){
        .assignment = command->assignment,
        .state = is_done ? assignment->state : 0,
        .quantity = is_done ? (uint64_t)assignment->quantity : 0,
        .reason = arena_copy(&plan->arena, command->reason),
        .id = arena_copy(&plan->arena, input->submission_id),
        .code = verdict.code,
        .why = verdict.why,
        .cause = input->seq,
        .at = input->time_ms,
    };
}
