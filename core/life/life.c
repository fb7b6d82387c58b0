/*
 * life.c - the table of moves.
 *
 *     proposed --accept--> accepted --accept (other side)--> committed --ship--> shipped
 *         |                   |                                 |  \                |
 *         +---- decline ------+                                 |   +---receive-----+--> received
 *         +---- superseded ---+                                 |
 *         +---- cancel -------+---------------------------------+
 *
 * What the table does not hold cannot happen.
 */
#include "core/life/life.h"

#include "core/base/mutant.h"

#define BY(mover) (1u << (mover))
#define BY_PLAN BY(MOVER_PLAN)
#define BY_REQUESTER BY(MOVER_REQUESTER)
#define BY_OFFERER BY(MOVER_OFFERER)
#define BY_EITHER (BY_REQUESTER | BY_OFFERER)

struct move {
    uint16_t command;
    uint8_t from;   /* enum assignment_state */
    uint8_t movers; /* Bits 1 << enum mover. */
    uint8_t to;
};

static const struct move moves[] = {
    {KIND_ASSIGNMENT_ACCEPT, ASSIGNMENT_PROPOSED, BY_EITHER, ASSIGNMENT_ACCEPTED},
    {KIND_ASSIGNMENT_ACCEPT, ASSIGNMENT_ACCEPTED, BY_EITHER, ASSIGNMENT_COMMITTED},
    {KIND_ASSIGNMENT_DECLINE, ASSIGNMENT_PROPOSED, BY_EITHER, ASSIGNMENT_DECLINED},
    {KIND_ASSIGNMENT_DECLINE, ASSIGNMENT_ACCEPTED, BY_EITHER, ASSIGNMENT_DECLINED},
    {KIND_ASSIGNMENT_SHIP, ASSIGNMENT_COMMITTED, BY_OFFERER, ASSIGNMENT_SHIPPED},
    {KIND_ASSIGNMENT_RECEIVE, ASSIGNMENT_COMMITTED, BY_REQUESTER, ASSIGNMENT_RECEIVED},
    {KIND_ASSIGNMENT_RECEIVE, ASSIGNMENT_SHIPPED, BY_REQUESTER, ASSIGNMENT_RECEIVED},
    {KIND_ASSIGNMENT_CANCEL, ASSIGNMENT_PROPOSED, BY_EITHER, ASSIGNMENT_CANCELLED},
    {KIND_ASSIGNMENT_CANCEL, ASSIGNMENT_ACCEPTED, BY_EITHER, ASSIGNMENT_CANCELLED},
    {KIND_ASSIGNMENT_CANCEL, ASSIGNMENT_COMMITTED, BY_EITHER, ASSIGNMENT_CANCELLED},
    {KIND_ASSIGNMENT, ASSIGNMENT_PROPOSED, BY_PLAN, ASSIGNMENT_PROPOSED},
    {KIND_ASSIGNMENT, ASSIGNMENT_ACCEPTED, BY_PLAN, ASSIGNMENT_PROPOSED},
    {KIND_ASSIGNMENT_CANCEL, ASSIGNMENT_PROPOSED, BY_PLAN, ASSIGNMENT_SUPERSEDED},
    {KIND_ASSIGNMENT_CANCEL, ASSIGNMENT_ACCEPTED, BY_PLAN, ASSIGNMENT_SUPERSEDED},
};

/* GetUsPPE's codes of undelivered matches, and what the two regions add. */
static const char *const reasons[] = {
    "no_supply",
    "no_need",
    "no_contact_offerer",
    "no_contact_requester",
    "prefers_different",
    "capacity_drop",
    "certificate_failed",
    "rule_change",
    "price",
    "duplicate",
    "withdrawn",
    NULL,
};

enum status life_move(enum assignment_state state, uint16_t command, enum mover mover,
                      uint32_t accepted_by, enum assignment_state *next)
{
    for (size_t i = 0; i < COUNT_OF(moves); i++) {
        const struct move *move = &moves[i];
        bool is_from = move->from == state || (MUTANT(16) && state == ASSIGNMENT_COMMITTED &&
                                               command == KIND_ASSIGNMENT_DECLINE);
        if (!is_from || move->command != command || !(move->movers & BY(mover))) {
            continue;
        }
        if (command == KIND_ASSIGNMENT_ACCEPT && (accepted_by & BY(mover)) && !MUTANT(17)) {
            return STATUS_INVALID; /* One side cannot commit both. */
        }
        *next = move->to;
        return STATUS_OK;
    }
    return STATUS_INVALID;
}

bool life_is_final(enum assignment_state state)
{
    switch (state) {
    case ASSIGNMENT_PROPOSED:
    case ASSIGNMENT_ACCEPTED:
    case ASSIGNMENT_COMMITTED:
    case ASSIGNMENT_SHIPPED:
        return false;
    case ASSIGNMENT_RECEIVED:
    case ASSIGNMENT_DECLINED:
    case ASSIGNMENT_SUPERSEDED:
    case ASSIGNMENT_CANCELLED:
        return true;
    }
    UNREACHABLE();
}

bool life_is_fixed(enum assignment_state state)
{
    switch (state) {
    case ASSIGNMENT_COMMITTED:
    case ASSIGNMENT_SHIPPED:
    case ASSIGNMENT_RECEIVED:
        return true;
    case ASSIGNMENT_PROPOSED:
    case ASSIGNMENT_ACCEPTED:
    case ASSIGNMENT_DECLINED:
    case ASSIGNMENT_SUPERSEDED:
    case ASSIGNMENT_CANCELLED:
        return false;
    }
    UNREACHABLE();
}

bool life_is_reason(struct bytes reason)
{
    for (size_t i = 0; reasons[i] != NULL; i++) {
        if (bytes_equal(reason, bytes_from_text(reasons[i]))) {
            return true;
        }
    }
    return false;
}

const char *const *life_reasons(void)
{
    return reasons;
}
