/*
 * Every cell of the table of moves: the states, commands and movers that it lets through are
 * written out here a second time, and all others must be refused.
 */
#include "core/life/life.h"
#include "tests/harness.h"

#define NOTHING 0
#define STATE_COUNT (ASSIGNMENT_CANCELLED + 1)

struct allowed {
    enum assignment_state from;
    uint16_t command;
    enum mover mover;
    enum assignment_state to;
};

static const struct allowed allowed[] = {
    {ASSIGNMENT_PROPOSED, KIND_ASSIGNMENT_ACCEPT, MOVER_REQUESTER, ASSIGNMENT_ACCEPTED},
    {ASSIGNMENT_PROPOSED, KIND_ASSIGNMENT_ACCEPT, MOVER_OFFERER, ASSIGNMENT_ACCEPTED},
    {ASSIGNMENT_ACCEPTED, KIND_ASSIGNMENT_ACCEPT, MOVER_REQUESTER, ASSIGNMENT_COMMITTED},
    {ASSIGNMENT_ACCEPTED, KIND_ASSIGNMENT_ACCEPT, MOVER_OFFERER, ASSIGNMENT_COMMITTED},
    {ASSIGNMENT_PROPOSED, KIND_ASSIGNMENT_DECLINE, MOVER_REQUESTER, ASSIGNMENT_DECLINED},
    {ASSIGNMENT_PROPOSED, KIND_ASSIGNMENT_DECLINE, MOVER_OFFERER, ASSIGNMENT_DECLINED},
    {ASSIGNMENT_ACCEPTED, KIND_ASSIGNMENT_DECLINE, MOVER_REQUESTER, ASSIGNMENT_DECLINED},
    {ASSIGNMENT_ACCEPTED, KIND_ASSIGNMENT_DECLINE, MOVER_OFFERER, ASSIGNMENT_DECLINED},
    {ASSIGNMENT_COMMITTED, KIND_ASSIGNMENT_SHIP, MOVER_OFFERER, ASSIGNMENT_SHIPPED},
    {ASSIGNMENT_COMMITTED, KIND_ASSIGNMENT_RECEIVE, MOVER_REQUESTER, ASSIGNMENT_RECEIVED},
    {ASSIGNMENT_SHIPPED, KIND_ASSIGNMENT_RECEIVE, MOVER_REQUESTER, ASSIGNMENT_RECEIVED},
    {ASSIGNMENT_PROPOSED, KIND_ASSIGNMENT_CANCEL, MOVER_REQUESTER, ASSIGNMENT_CANCELLED},
    {ASSIGNMENT_PROPOSED, KIND_ASSIGNMENT_CANCEL, MOVER_OFFERER, ASSIGNMENT_CANCELLED},
    {ASSIGNMENT_ACCEPTED, KIND_ASSIGNMENT_CANCEL, MOVER_REQUESTER, ASSIGNMENT_CANCELLED},
    {ASSIGNMENT_ACCEPTED, KIND_ASSIGNMENT_CANCEL, MOVER_OFFERER, ASSIGNMENT_CANCELLED},
    {ASSIGNMENT_COMMITTED, KIND_ASSIGNMENT_CANCEL, MOVER_REQUESTER, ASSIGNMENT_CANCELLED},
    {ASSIGNMENT_COMMITTED, KIND_ASSIGNMENT_CANCEL, MOVER_OFFERER, ASSIGNMENT_CANCELLED},
    {ASSIGNMENT_PROPOSED, KIND_ASSIGNMENT, MOVER_PLAN, ASSIGNMENT_PROPOSED},
    {ASSIGNMENT_ACCEPTED, KIND_ASSIGNMENT, MOVER_PLAN, ASSIGNMENT_PROPOSED},
    {ASSIGNMENT_PROPOSED, KIND_ASSIGNMENT_CANCEL, MOVER_PLAN, ASSIGNMENT_SUPERSEDED},
    {ASSIGNMENT_ACCEPTED, KIND_ASSIGNMENT_CANCEL, MOVER_PLAN, ASSIGNMENT_SUPERSEDED},
};

static enum assignment_state expected(enum assignment_state from, uint16_t command,
                                      enum mover mover)
{
    for (size_t i = 0; i < COUNT_OF(allowed); i++) {
        if (allowed[i].from == from && allowed[i].command == command && allowed[i].mover == mover) {
            return allowed[i].to;
        }
    }
    return NOTHING;
}

static void check_cell(enum assignment_state from, uint16_t command, enum mover mover)
{
    enum assignment_state next = NOTHING;
    enum assignment_state to = expected(from, command, mover);
    enum status status = life_move(from, command, mover, 0, &next);

    EXPECT_STATUS(status, to == NOTHING ? STATUS_INVALID : STATUS_OK);
    EXPECT_EQ(next, to); /* Written only on success. */
}

static void every_cell_of_the_table_is_as_written(void)
{
    for (enum assignment_state from = ASSIGNMENT_PROPOSED; from < STATE_COUNT; from++) {
        for (uint16_t command = KIND_NONE; command <= KIND_ANSWER; command++) {
            for (enum mover mover = MOVER_PLAN; mover <= MOVER_OFFERER; mover++) {
                check_cell(from, command, mover);
            }
        }
    }
}

static void one_side_cannot_accept_twice(void)
{
    enum assignment_state next = NOTHING;
    uint32_t requester = 1u << MOVER_REQUESTER;

    EXPECT_STATUS(
        life_move(ASSIGNMENT_ACCEPTED, KIND_ASSIGNMENT_ACCEPT, MOVER_REQUESTER, requester, &next),
        STATUS_INVALID);
    EXPECT_OK(
        life_move(ASSIGNMENT_ACCEPTED, KIND_ASSIGNMENT_ACCEPT, MOVER_OFFERER, requester, &next));
    EXPECT_EQ(next, ASSIGNMENT_COMMITTED);
}

static void nothing_leaves_a_final_state(void)
{
    for (enum assignment_state from = ASSIGNMENT_PROPOSED; from < STATE_COUNT; from++) {
        bool leaves = false;
        for (size_t i = 0; i < COUNT_OF(allowed); i++) {
            leaves = leaves || allowed[i].from == from;
        }
        EXPECT_EQ(life_is_final(from), !leaves);
    }
}

static void the_plan_never_moves_what_is_fixed(void)
{
    enum assignment_state next;

    for (enum assignment_state from = ASSIGNMENT_PROPOSED; from < STATE_COUNT; from++) {
        if (life_is_fixed(from)) {
            EXPECT_STATUS(life_move(from, KIND_ASSIGNMENT, MOVER_PLAN, 0, &next), STATUS_INVALID);
            EXPECT_STATUS(life_move(from, KIND_ASSIGNMENT_CANCEL, MOVER_PLAN, 0, &next),
                          STATUS_INVALID);
        }
    }
    EXPECT_TRUE(life_is_fixed(ASSIGNMENT_COMMITTED));
    EXPECT_TRUE(life_is_fixed(ASSIGNMENT_SHIPPED));
    EXPECT_TRUE(life_is_fixed(ASSIGNMENT_RECEIVED));
    EXPECT_TRUE(!life_is_fixed(ASSIGNMENT_ACCEPTED));
}

static void only_listed_reasons_are_reasons(void)
{
    size_t count = 0;

    for (const char *const *reason = life_reasons(); *reason != NULL; reason++) {
        EXPECT_TRUE(life_is_reason(bytes_from_text(*reason)));
        count++;
    }
    EXPECT_EQ(count, 11);
    EXPECT_TRUE(!life_is_reason(bytes_from_text("")));
    EXPECT_TRUE(!life_is_reason(bytes_from_text("no_supply ")));
    EXPECT_TRUE(!life_is_reason(bytes_from_text(REASON_BETTER)));
}

int main(int argc, char **argv)
{
    static const struct test_case cases[] = {
        CASE(every_cell_of_the_table_is_as_written), CASE(one_side_cannot_accept_twice),
        CASE(nothing_leaves_a_final_state),          CASE(the_plan_never_moves_what_is_fixed),
        CASE(only_listed_reasons_are_reasons),
    };
    return run_cases(cases, COUNT_OF(cases), argc, argv);
}
