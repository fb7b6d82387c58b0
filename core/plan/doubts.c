/*
 * doubts.c - commitments that the dated rules would not allow any more.
 *
 * A commitment stays, whatever the rules become: only its parties end it. But when a certificate,
 * norm, substitute or exclusion changes so that goods of its day may not serve its need, both
 * are told, once; and again when they may. Goods of a stock have no day: until they are shipped
 * they are judged today.
 */
#include "core/match/rules.h"
#include "core/plan/internal.h"

#include <stdlib.h>

bool plan_is_doubtful(const struct plan *plan, const struct plan_assignment *assignment)
{
    const struct market *market = plan->market;
    int32_t day = assignment->day == DAY_NONE ? market->today : assignment->day;

    return assignment->state == ASSIGNMENT_COMMITTED &&
           !rules_allow(market, &market->needs[assignment->need],
                        &market->offers[assignment->offer], day);
}

void plan_set_doubt(struct plan *plan, uint32_t number, bool is_in_doubt)
{
    struct plan_assignment *assignment = &plan->assignments[number];

    if (assignment->is_in_doubt != is_in_doubt) {
        assignment->is_in_doubt = is_in_doubt;
        plan->totals.doubted += is_in_doubt ? 1 : (uint64_t)-1;
        marks_add(&plan->dirty_assignments, number);
    }
}

static int compare_numbers(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left;
    uint64_t b = *(const uint64_t *)right;

    return (a > b) - (a < b);
}

/* Adds those of a need whose doubt is not what it was. */
static size_t add_changed(struct plan *plan, uint32_t need, size_t count)
{
    for (uint32_t i = plan->needs[need].first; i != 0; i = plan->next[i]) {
        const struct plan_assignment *assignment = &plan->assignments[i];
        if (plan_is_doubtful(plan, assignment) != assignment->is_in_doubt) {
            GROW(plan->grouped, plan->grouped_capacity, count + 1);
            plan->grouped[count++] = i;
        }
    }
    return count;
}

/* All of them, ascending. A change of rules lists the open needs that it is about; commitments of
 * the others it is about too, so then all are looked at, as rules change seldom. */
static size_t list_changed(struct plan *plan)
{
    size_t count = 0;

    if (plan->has_new_rules) {
        for (uint32_t need = 0; need < plan->market->need_ids.count; need++) {
            count = add_changed(plan, need, count);
        }
    }
    for (size_t i = 0; i < plan->touched_needs.count && !plan->has_new_rules; i++) {
        count = add_changed(plan, plan->touched_needs.items[i], count);
    }
    if (count > 1) {
        qsort(plan->grouped, count, sizeof *plan->grouped, compare_numbers);
    }
    return count;
}

void plan_tell_doubts(struct plan *plan, const struct plan_listener *listener)
{
    size_t count = list_changed(plan);

    for (size_t i = 0; i < count; i++) {
        uint32_t number = (uint32_t)plan->grouped[i];
        bool is_in_doubt = !plan->assignments[number].is_in_doubt;
        struct assignment_event event;

        plan_set_doubt(plan, number, is_in_doubt);
        plan_fill_event(plan, number, &event);
        event.reason = bytes_from_text(is_in_doubt ? REASON_NOT_ALLOWED : REASON_ALLOWED_AGAIN);
        listener->assignment(listener->context, &event);
    }
}
