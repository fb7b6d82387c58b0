/*
 * ids_test.c - which entry took an id in, against a plain list.
 */
#include "brokers/gateway/ids.h"

#include "tests/harness.h"

#define ENTRY_COUNT 20000

static struct bytes id_of(uint64_t number, uint8_t text[16])
{
    store_u64(text, hash_u64(number));
    store_u64(text + 8, number);
    return (struct bytes){text, 16};
}

static void every_id_is_found_at_its_entry_and_no_other_is_found(void)
{
    struct ids ids = {0};
    uint8_t text[16];
    uint64_t random = test_seed = 1;
    static bool has_id[ENTRY_COUNT + 1];

    EXPECT_EQ(ids_find(&ids, id_of(1, text)), 0);
    for (uint64_t seq = 1; seq <= ENTRY_COUNT; seq++) {
        has_id[seq] = random_below(&random, 4) > 0;
        ids_add(&ids, seq, has_id[seq] ? id_of(seq, text) : (struct bytes){0});
        uint64_t other = 1 + random_below(&random, seq);
        EXPECT_EQ(ids_find(&ids, id_of(other, text)), has_id[other] ? other : 0);
        EXPECT_EQ(ids_find(&ids, id_of(seq + 1, text)), 0);
    }
    uint64_t used = 0;
    for (uint64_t seq = 1; seq <= ENTRY_COUNT; seq++) {
        used += has_id[seq];
        EXPECT_EQ(ids_find(&ids, id_of(seq, text)), has_id[seq] ? seq : 0);
    }
    EXPECT_EQ(ids.count, ENTRY_COUNT);
    EXPECT_EQ(ids.used, used);
    ids_deinit(&ids);
    test_seed = 0;
}

static void hashes_alone_bring_the_set_back(void)
{
    struct ids ids = {0};
    struct ids again = {0};
    uint8_t text[16];

    for (uint64_t seq = 1; seq <= 5000; seq++) {
        ids_add(&ids, seq, seq % 7 == 0 ? (struct bytes){0} : id_of(seq, text));
    }
    for (uint64_t seq = 1; seq <= 5000; seq++) {
        ids_add_hash(&again, seq, ids.hashes[seq - 1]);
    }
    for (uint64_t number = 1; number <= 6000; number++) {
        EXPECT_EQ(ids_find(&again, id_of(number, text)), ids_find(&ids, id_of(number, text)));
    }
    EXPECT_EQ(again.used, ids.used);
    ids_deinit(&ids);
    ids_deinit(&again);
}

static const struct test_case cases[] = {
    CASE(every_id_is_found_at_its_entry_and_no_other_is_found),
    CASE(hashes_alone_bring_the_set_back),
};

int main(int argc, char **argv)
{
    return run_cases(cases, COUNT_OF(cases), argc, argv);
}
