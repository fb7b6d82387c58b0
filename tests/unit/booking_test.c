/*
 * booking_test.c - what commitments leave, against every way to place them.
 */
#include "core/plan/booking.h"
#include "tests/harness.h"

#define SPAN_COUNT 4
#define BOOKING_COUNT 3
#define UNITS_MAX 3
#define CASE_COUNT 4000

struct instance {
    struct booking_span spans[SPAN_COUNT];
    struct booking bookings[BOOKING_COUNT];
};

static void make(uint64_t *random, struct instance *instance)
{
    int32_t day = 10;
    int32_t deadline = 9;

    for (size_t i = 0; i < SPAN_COUNT; i++) {
        instance->spans[i] = (struct booking_span){
            .last = day, .capacity = (int64_t)random_below(random, UNITS_MAX + 1)};
        day += 1 + (int32_t)random_below(random, 2);
    }
    for (size_t i = 0; i < BOOKING_COUNT; i++) {
        deadline += (int32_t)random_below(random, 3);
        instance->bookings[i] = (struct booking){
            .deadline = deadline, .units = (int64_t)random_below(random, UNITS_MAX + 1)};
    }
}

/* The best of all ways to place the units of bookings from `at` on: how many are in time, and,
 * where all are, how much the spans up to each one have left. */
struct best {
    int64_t in_time;
    int64_t left[SPAN_COUNT];
};

static void try_all(struct instance *instance, size_t at, int64_t in_time, int64_t wanted,
                    struct best *best)
{
    if (at == BOOKING_COUNT) {
        int64_t left = 0;
        best->in_time = max_i64(best->in_time, in_time);
        for (size_t i = 0; in_time == wanted && i < SPAN_COUNT; i++) {
            left += instance->spans[i].capacity;
            best->left[i] = max_i64(best->left[i], left);
        }
        return;
    }
    struct booking *booking = &instance->bookings[at];
    if (booking->units == 0) {
        try_all(instance, at + 1, in_time, wanted, best);
        return;
    }
    booking->units--;
    try_all(instance, at, in_time, wanted, best); /* Not in time. */
    for (size_t i = 0; i < SPAN_COUNT; i++) {
        if (instance->spans[i].capacity > 0 && instance->spans[i].last <= booking->deadline) {
            instance->spans[i].capacity--;
            try_all(instance, at, in_time + 1, wanted, best);
            instance->spans[i].capacity++;
        }
    }
    booking->units++;
}

static void as_many_as_possible_are_in_time_and_as_late_as_that_allows(void)
{
    uint64_t random = 7;

    for (uint64_t number = 1; number <= CASE_COUNT; number++) {
        struct instance instance;
        struct best best = {0};
        int64_t wanted = 0;
        int64_t capacity = 0;
        int64_t left = 0;

        test_seed = number;
        make(&random, &instance);
        for (size_t i = 0; i < BOOKING_COUNT; i++) {
            wanted += instance.bookings[i].units;
        }
        try_all(&instance, 0, 0, wanted, &best);
        int64_t missed = booking_fill(instance.spans, SPAN_COUNT, instance.bookings, BOOKING_COUNT);
        EXPECT_EQ(missed, wanted - best.in_time);
        for (size_t i = 0; i < SPAN_COUNT; i++) {
            EXPECT_TRUE(instance.spans[i].left >= 0);
            EXPECT_TRUE(instance.spans[i].left <= instance.spans[i].capacity);
            left += instance.spans[i].left;
            capacity += instance.spans[i].capacity;
            EXPECT_TRUE(missed > 0 || left == best.left[i]);
        }
        EXPECT_EQ(left, max_i64(0, capacity - wanted)); /* What is late takes its place too. */
    }
    test_seed = 0;
}

/* Days pass one by one and make what is due first. */
static void what_could_be_kept_is_kept_whatever_passes(void)
{
    uint64_t random = 11;

    for (uint64_t number = 1; number <= CASE_COUNT; number++) {
        struct instance instance;

        test_seed = number;
        make(&random, &instance);
        int64_t missed = booking_fill(instance.spans, SPAN_COUNT, instance.bookings, BOOKING_COUNT);
        for (size_t passed = 1; missed == 0 && passed <= SPAN_COUNT; passed++) {
            booking_make(instance.spans[passed - 1].capacity, instance.bookings, BOOKING_COUNT);
            EXPECT_EQ(booking_fill(instance.spans + passed, SPAN_COUNT - passed, instance.bookings,
                                   BOOKING_COUNT),
                      0);
        }
    }
    test_seed = 0;
}

static void a_day_makes_the_earliest_deadline_first(void)
{
    struct booking bookings[] = {{.deadline = 3, .units = 4}, {.deadline = 5, .units = 4}};

    booking_make(6, bookings, COUNT_OF(bookings));
    EXPECT_EQ(bookings[0].units, 0);
    EXPECT_EQ(bookings[1].units, 2);
    booking_make(6, bookings, COUNT_OF(bookings));
    EXPECT_EQ(bookings[1].units, 0);
}

static void without_days_all_is_missed(void)
{
    const struct booking booking = {.deadline = 3, .units = 4};

    EXPECT_EQ(booking_fill(NULL, 0, &booking, 1), 4);
    EXPECT_EQ(booking_fill(NULL, 0, NULL, 0), 0);
}

int main(int argc, char **argv)
{
    static const struct test_case cases[] = {
        CASE(as_many_as_possible_are_in_time_and_as_late_as_that_allows),
        CASE(what_could_be_kept_is_kept_whatever_passes),
        CASE(a_day_makes_the_earliest_deadline_first),
        CASE(without_days_all_is_missed),
    };
    return run_cases(cases, COUNT_OF(cases), argc, argv);
}
