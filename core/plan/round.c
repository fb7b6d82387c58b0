/*
 * round.c - from proposals to commitments.
 */
#include "core/plan/round.h"

#include "core/plan/internal.h"

#include <stdlib.h>

#define BOTH_ACCEPTED (1u << MOVER_REQUESTER | 1u << MOVER_OFFERER)

static void add_decision(struct plan_round *round, uint64_t number,
                         const struct plan_assignment *assignment)
{
    GROW(round->decisions, round->capacity, round->count + 1);
    round->decisions[round->count++] = (struct plan_decision){
        .need = assignment->need,
        .offer = assignment->offer,
        .assignment = number,
        .units = assignment->quantity,
        .cost = assignment->cost,
        .kilometres = assignment->kilometres,
        .day = assignment->day,
    };
}

static int compare_decisions(const void *left, const void *right)
{
    const struct plan_decision *a = left;
    const struct plan_decision *b = right;

    if (a->need != b->need) {
        return a->need < b->need ? -1 : 1;
    }
    return (a->offer > b->offer) - (a->offer < b->offer);
}

/* What is still proposed, each pair once. */
static void gather(const struct plan *plan, const uint64_t *numbers, size_t count,
                   struct plan_round *round)
{
    size_t kept = 0;

    round->count = 0;
    for (size_t i = 0; i < count; i++) {
        const struct plan_assignment *assignment = plan_assignment(plan, numbers[i]);
        bool is_open =
            assignment->state == ASSIGNMENT_PROPOSED || assignment->state == ASSIGNMENT_ACCEPTED;
        if (is_open) {
            add_decision(round, numbers[i], assignment);
        }
    }
    if (round->count > 1) {
        qsort(round->decisions, round->count, sizeof *round->decisions, compare_decisions);
    }
    for (size_t i = 0; i < round->count; i++) {
        if (kept == 0 ||
            compare_decisions(&round->decisions[kept - 1], &round->decisions[i]) != 0) {
            round->decisions[kept++] = round->decisions[i];
        }
    }
    round->count = kept;
}

static void commit(struct plan *plan, uint32_t number)
{
    struct plan_assignment *assignment = &plan->assignments[number];

    assignment->state = ASSIGNMENT_COMMITTED;
    assignment->accepted_by = BOTH_ACCEPTED;
    plan_commit(plan, number);
    marks_add(&plan->dirty_shares, assignment->need);
    marks_add(&plan->dirty_assignments, number);
}

void plan_round(struct plan *plan, const uint64_t *numbers, size_t count, struct plan_round *round)
{
    ENSURE(plan->is_settled);
    gather(plan, numbers, count, round);
    for (size_t i = 0; i < round->count; i++) {
        commit(plan, (uint32_t)round->decisions[i].assignment);
    }
    for (size_t i = 0; i < round->count; i++) {
        struct plan_decision *decision = &round->decisions[i];
        decision->fills_need = plan->needs[decision->need].fixed ==
                               (int64_t)plan->market->needs[decision->need].quantity;
        decision->empties_offer = plan_offer_rest(plan, decision->offer) == 0;
    }
    plan->is_settled = round->count == 0;
}

void plan_round_deinit(struct plan_round *round)
{
    free(round->decisions);
    *round = (struct plan_round){0};
}
