/*
 * clock_test.c - a clock that follows the system's, but not back.
 */
#include "node/clock.h"

#include "tests/harness.h"

static void it_follows_the_system(void)
{
    struct clock clock = {0};

    EXPECT_EQ(clock_now_ms(&clock, 1000000, 50), 1000000);
    EXPECT_EQ(clock_now_ms(&clock, 1000700, 750), 1000700);
}

static void it_jumps_ahead_with_the_system(void)
{
    struct clock clock = {0};

    EXPECT_EQ(clock_now_ms(&clock, 1000000, 50), 1000000);
    EXPECT_EQ(clock_now_ms(&clock, 9000000, 60), 9000000);
}

static void it_goes_on_when_the_system_goes_back(void)
{
    struct clock clock = {0};

    EXPECT_EQ(clock_now_ms(&clock, 1000000, 50), 1000000);
    EXPECT_EQ(clock_now_ms(&clock, 400000, 90), 1000040);
    EXPECT_EQ(clock_now_ms(&clock, 401000, 1090), 1001040);
    EXPECT_EQ(clock_now_ms(&clock, 2000000, 2000), 2000000);
}

static const struct test_case cases[] = {
    CASE(it_follows_the_system),
    CASE(it_jumps_ahead_with_the_system),
    CASE(it_goes_on_when_the_system_goes_back),
};

int main(int argc, char **argv)
{
    return run_cases(cases, COUNT_OF(cases), argc, argv);
}
