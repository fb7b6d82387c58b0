/*
 * slots_test.c - ranges that are taken and released, and days that pass through their rings.
 */
#include "core/plan/slots.h"
#include "tests/harness.h"

#define OWNER_COUNT 60
#define STEP_COUNT 3000

/* The lowest place where `wanted` slots in a row are free, slot by slot. */
static uint32_t lowest(const struct slots *slots, uint32_t wanted)
{
    uint32_t run = 0;
    uint32_t at = 0;

    while (run < wanted) {
        run = slots_owner(slots, at) == SLOT_NONE ? run + 1 : 0;
        at++;
    }
    return at - wanted;
}

static void slots_taken_are_the_lowest_in_a_row_and_a_restore_goes_on_alike(void)
{
    struct slots slots = {0};
    struct slot_range ranges[OWNER_COUNT] = {{0}};
    uint64_t random = 5;

    for (int step = 0; step < STEP_COUNT; step++) {
        uint32_t owner = (uint32_t)random_below(&random, OWNER_COUNT);
        if (ranges[owner].count > 0) {
            slots_release(&slots, ranges[owner]);
            ranges[owner].count = 0;
            continue;
        }
        uint32_t wanted = 1 + (uint32_t)random_below(&random, 9);
        uint32_t first = wanted == 1 ? slots.end : lowest(&slots, wanted);
        struct slots again = {0};
        for (uint32_t i = 0; i < OWNER_COUNT; i++) {
            EXPECT_TRUE(slots_take_again(&again, i, ranges[i]));
        }
        slots_find_gaps(&again);
        EXPECT_EQ(slots_take(&again, owner, wanted, SLOT_TOTAL_MAX).first, first);
        slots_deinit(&again);
        ranges[owner] = slots_take(&slots, owner, wanted, SLOT_TOTAL_MAX);
        EXPECT_EQ(ranges[owner].first, first);
        EXPECT_EQ(ranges[owner].count, wanted);
        EXPECT_EQ(slots_owner(&slots, first + wanted - 1), owner);
    }
    slots_deinit(&slots);
}

static void one_slot_is_left_for_each_when_there_are_no_more(void)
{
    struct slots slots = {0};

    EXPECT_EQ(slots_take(&slots, 0, 8, 10).count, 8);
    EXPECT_EQ(slots_take(&slots, 1, 3, 10).count, 1);
    EXPECT_EQ(slots_take(&slots, 2, 1, 10).count, 1);
    EXPECT_EQ(slots_take(&slots, 3, 2, 10).count, 1);
    EXPECT_EQ(slots_take(&slots, 4, 1, 10).count, 1);
    EXPECT_EQ(slots.used, 12);
    slots_release(&slots, (struct slot_range){.first = 0, .count = 8});
    EXPECT_EQ(slots_take(&slots, 5, 3, 10).count, 3);
    slots_deinit(&slots);
}

static void what_overlaps_is_not_taken_again(void)
{
    struct slots slots = {0};

    EXPECT_TRUE(slots_take_again(&slots, 0, (struct slot_range){.first = 3, .count = 4}));
    EXPECT_TRUE(!slots_take_again(&slots, 1, (struct slot_range){.first = 6, .count = 1}));
    EXPECT_TRUE(!slots_take_again(&slots, 1, (struct slot_range){.first = 1, .count = 3}));
    EXPECT_TRUE(!slots_take_again(&slots, 1, (struct slot_range){.count = SLOT_COUNT_MAX + 1}));
    EXPECT_TRUE(!slots_take_again(&slots, 1, (struct slot_range){.first = UINT32_MAX, .count = 1}));
    EXPECT_TRUE(slots_take_again(&slots, 1, (struct slot_range){.first = 1, .count = 2}));
    slots_deinit(&slots);
}

/* Every day from the first to the last has one place and slot; the tail has what is left over. */
static void expect_days_in_place(struct slot_range range, struct slot_days days)
{
    uint32_t count = slot_place_count(range, days);

    EXPECT_EQ(slot_first_day(range, days, 0), days.first);
    EXPECT_EQ(slot_last_day(range, days, count - 1), days.last);
    for (uint32_t place = 0; place < count; place++) {
        uint32_t slot = slot_at(range, days, place);
        EXPECT_TRUE(slot >= range.first && slot < range.first + range.count);
        EXPECT_EQ(slot_place(range, days, slot), place);
        if (place > 0) {
            EXPECT_EQ(slot_first_day(range, days, place),
                      slot_last_day(range, days, place - 1) + 1);
        }
        EXPECT_EQ(slot_place_until(range, days, slot_last_day(range, days, place)), place);
    }
    EXPECT_EQ(slot_place_until(range, days, days.first - 1), SLOT_NONE);
    EXPECT_EQ(slot_place_until(range, days, days.last + 9), count - 1);
    for (uint32_t slot = range.first, found = 0; slot < range.first + range.count; slot++) {
        found += slot_place(range, days, slot) != SLOT_NONE;
        EXPECT_TRUE(slot + 1 < range.first + range.count || found == count);
    }
}

static void days_pass_and_only_the_first_slot_moves(void)
{
    for (uint32_t slot_count = 1; slot_count <= 6; slot_count++) {
        struct slot_range range = {.first = 100, .count = slot_count};
        for (int32_t first = 0; first <= 20; first++) {
            struct slot_days days = {.first = first, .last = 20};
            expect_days_in_place(range, days);
            struct slot_days later = {.first = first + 1, .last = 20};
            for (uint32_t place = 1; place < slot_place_count(range, days); place++) {
                EXPECT_EQ(slot_at(range, later, place - 1) == slot_at(range, days, place),
                          place + 1 < slot_place_count(range, days) ||
                              slot_place_count(range, later) < slot_place_count(range, days));
            }
        }
    }
}

static void a_stock_is_one_slot(void)
{
    struct slot_range range = {.first = 4, .count = 1};
    struct slot_days days = {.first = DAY_NONE, .last = DAY_NONE};

    EXPECT_EQ(slot_count_wanted(days, SLOT_COUNT_MAX), 1);
    EXPECT_EQ(slot_place_count(range, days), 1);
    EXPECT_EQ(slot_at(range, days, 0), 4);
    EXPECT_EQ(slot_last_day(range, days, 0), DAY_NONE);
    EXPECT_EQ(slot_place_until(range, days, 30), 0);
}

static void an_offer_wants_a_slot_a_day_up_to_a_limit(void)
{
    EXPECT_EQ(slot_count_wanted((struct slot_days){.first = 5, .last = 5}, 64), 1);
    EXPECT_EQ(slot_count_wanted((struct slot_days){.first = 5, .last = 68}, 64), 64);
    EXPECT_EQ(slot_count_wanted((struct slot_days){.first = 5, .last = 69}, 64), 64);
    EXPECT_EQ(slot_count_wanted((struct slot_days){.first = 5, .last = 4}, 64), 1);
}

int main(int argc, char **argv)
{
    static const struct test_case cases[] = {
        CASE(slots_taken_are_the_lowest_in_a_row_and_a_restore_goes_on_alike),
        CASE(one_slot_is_left_for_each_when_there_are_no_more),
        CASE(what_overlaps_is_not_taken_again),
        CASE(days_pass_and_only_the_first_slot_moves),
        CASE(a_stock_is_one_slot),
        CASE(an_offer_wants_a_slot_a_day_up_to_a_limit),
    };
    return run_cases(cases, COUNT_OF(cases), argc, argv);
}
