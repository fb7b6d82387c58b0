/*
 * subscribers_test.c - the table of subscribers against a plain list.
 */
#include "brokers/dispatch/subscribers.h"

#include "tests/harness.h"

#define PEER_COUNT 90

static void the_table_of_subscribers_finds_exactly_those_who_are_there(void)
{
    for (test_seed = 1; test_seed <= 10; test_seed++) {
        struct subscribers subscribers = {0};
        uint64_t positions[PEER_COUNT] = {0}; /* By peer; 0: not there. */
        uint64_t random = test_seed;
        size_t count = 0;

        for (uint64_t step = 1; step <= 3000; step++) {
            uint8_t peer = (uint8_t)random_below(&random, PEER_COUNT);
            struct subscriber *found = subscribers_find(&subscribers, (struct bytes){&peer, 1});
            EXPECT_EQ(found == NULL ? 0 : found->position, positions[peer]);
            if (random_below(&random, 2) == 0) {
                count += found == NULL;
                found = subscribers_add(&subscribers, (struct bytes){&peer, 1});
                EXPECT_EQ(found->position, 0);
                found->position = positions[peer] = step;
            } else if (found != NULL) {
                subscribers_remove(&subscribers, found);
                positions[peer] = 0;
                count--;
            }
            EXPECT_EQ(subscribers.live_count, count);
            EXPECT_TRUE(subscribers.count <= PEER_COUNT);
        }
        subscribers_deinit(&subscribers);
    }
    test_seed = 0;
}

static const struct test_case cases[] = {
    CASE(the_table_of_subscribers_finds_exactly_those_who_are_there),
};

int main(int argc, char **argv)
{
    return run_cases(cases, COUNT_OF(cases), argc, argv);
}
