/*
 * life.h - the moves an assignment may make, and the closed list of reasons.
 */
#ifndef CORE_LIFE_LIFE_H
#define CORE_LIFE_LIFE_H

#include "core/model/record.h"

/* Who makes a move. */
enum mover {
    MOVER_PLAN = 1,
    MOVER_REQUESTER,
    MOVER_OFFERER,
};

/* The state after `command` (KIND_ASSIGNMENT_*) by `mover` in `state`; `accepted_by` has a bit
 * 1 << mover for each side that accepted so far. The plan proposes anew with KIND_ASSIGNMENT and
 * supersedes with KIND_ASSIGNMENT_CANCEL. STATUS_INVALID when the table has no such move. */
MUST_USE enum status life_move(enum assignment_state state, uint16_t command, enum mover mover,
                               uint32_t accepted_by, enum assignment_state *next);

bool life_is_final(enum assignment_state state);
bool life_is_fixed(enum assignment_state state); /* Committed or later: the plan never moves it. */

/* Reasons people may give for decline and cancel (design 6, seeded by real platforms). */
bool life_is_reason(struct bytes reason);
const char *const *life_reasons(void); /* Ends with NULL. */

/* Reasons that the plan gives. */
#define REASON_NEW "new"                     /* First proposed. */
#define REASON_BETTER "better_plan"          /* The optimum moved: something else gains more. */
#define REASON_CAPACITY_DROP "capacity_drop" /* Its offer lost capacity. */
#define REASON_CAPACITY_RISE "capacity_rise" /* Its offer has more to give. */
#define REASON_RULE_CHANGE "rule_change"     /* A norm, certificate, substitute or exclusion. */
#define REASON_NOT_ALLOWED "not_allowed"     /* Told of a commitment: the rules forbid it by now; */
#define REASON_ALLOWED_AGAIN "allowed_again" /* or no more. */
#define REASON_OFFER_ENDED "offer_ended"
#define REASON_NEED_ENDED "need_ended"
#define REASON_NEED_CHANGED "need_changed"
#define REASON_DISPLACED "displaced" /* A higher class or an earlier tranche took the units. */
#define REASON_LOT "lot"             /* What flows beside it is less than a lot, or it is itself. */
#define REASON_DECLINED_BY "declined"
#define REASON_DAY "day" /* A day passed, or it is made by another day. */

#endif
