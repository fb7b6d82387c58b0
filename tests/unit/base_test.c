/*
 * base_test.c - the common vocabulary: checksums, calendar, names, sorting, memory.
 */
#include "core/base/calendar.h"
#include "core/base/names.h"
#include "core/base/sort.h"
#include "tests/harness.h"

/* RFC 3720, appendix B.4. */
static void checksums_equal_the_published_ones(void)
{
    uint8_t bytes[32];

    memset(bytes, 0, sizeof bytes);
    EXPECT_EQ(checksum(0, bytes, sizeof bytes), 0x8a9136aa);
    memset(bytes, 0xff, sizeof bytes);
    EXPECT_EQ(checksum(0, bytes, sizeof bytes), 0x62a8ab43);
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)i;
    }
    EXPECT_EQ(checksum(0, bytes, sizeof bytes), 0x46dd794e);
    EXPECT_EQ(checksum(checksum(0, bytes, 5), bytes + 5, 27), 0x46dd794e);
}

static uint32_t checksum_by_bits(uint32_t seed, const uint8_t *data, size_t size)
{
    uint32_t crc = ~seed;

    for (size_t i = 0; i < size; i++) {
        crc ^= data[i];
        for (int bit = 0; bit < 8; bit++) {
            crc = (crc >> 1) ^ (0x82f63b78u & (0u - (crc & 1u)));
        }
    }
    return ~crc;
}

static void checksums_are_the_same_however_computed(void)
{
    uint8_t bytes[300];
    uint64_t state = 11;

    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)random_next(&state);
    }
    for (size_t size = 0; size < sizeof bytes - 8; size++) {
        for (size_t from = 0; from < 8; from++) {
            uint32_t seed = (uint32_t)random_next(&state);
            uint32_t wanted = checksum_by_bits(seed, bytes + from, size);
            EXPECT_EQ(checksum(seed, bytes + from, size), wanted);
            EXPECT_EQ(checksum_by_tables(seed, bytes + from, size), wanted);
        }
    }
}

static void every_day_comes_back_from_its_text(void)
{
    char text[DAY_TEXT_SIZE + 1];
    char previous[DAY_TEXT_SIZE + 1] = "";

    for (int32_t day = DAY_MIN; day <= DAY_MAX; day++) {
        int32_t back = -1;
        day_to_text(day, text);
        EXPECT_OK(day_from_text(bytes_from_text(text), &back));
        EXPECT_EQ(back, day);
        EXPECT_TRUE(strcmp(previous, text) < 0);
        memcpy(previous, text, sizeof previous);
    }
    EXPECT_TEXT(bytes_from_text(text), "9999-12-31");
}

static void days_that_do_not_exist_are_refused(void)
{
    static const char *const bad[] = {"2021-02-29", "2020-04-31", "2020-13-01", "2020-00-10",
                                      "2020-1-01",  "20200101",   "1969-12-31", "2020-04-5",
                                      "",           "2020-04-0x", "31/02/2026"};
    int32_t day = 7;

    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        EXPECT_STATUS(day_from_text(bytes_from_text(bad[i]), &day), STATUS_MALFORMED);
    }
    EXPECT_EQ(day, 7);
}

static void times_keep_milliseconds(void)
{
    uint64_t time = 0;
    char text[TIME_TEXT_SIZE + 1];

    EXPECT_OK(time_from_text(bytes_from_text("2020-04-02T16:27:05.123456Z"), &time));
    EXPECT_EQ(time, 1585844825123u);
    time_to_text(time, text);
    EXPECT_TEXT(bytes_from_text(text), "2020-04-02T16:27:05.123Z");
    EXPECT_OK(time_from_text(bytes_from_text("2020-04-02"), &time));
    EXPECT_EQ(time % DAY_MS, 0);
    EXPECT_STATUS(time_from_text(bytes_from_text("2020-04-02T16:27:05"), &time), STATUS_MALFORMED);
    EXPECT_STATUS(time_from_text(bytes_from_text("2020-04-02T24:00:00Z"), &time), STATUS_MALFORMED);
}

static void a_name_keeps_its_number(void)
{
    struct names names = {0};
    char text[16];

    for (uint32_t i = 0; i < 10000; i++) {
        snprintf(text, sizeof text, "n%u", i);
        EXPECT_EQ(names_find(&names, bytes_from_text(text)), NAME_NONE);
        EXPECT_EQ(names_add(&names, bytes_from_text(text)), i);
    }
    for (uint32_t i = 0; i < 10000; i++) {
        snprintf(text, sizeof text, "n%u", i);
        EXPECT_EQ(names_add(&names, bytes_from_text(text)), i);
        EXPECT_EQ(names_find(&names, bytes_from_text(text)), i);
        EXPECT_TEXT(names_text(&names, i), text);
    }
    names_deinit(&names);
}

static void the_nearest_name_is_one_slip_away(void)
{
    struct names names = {0};

    names_add(&names, bytes_from_text("masks"));
    names_add(&names, bytes_from_text("gowns"));
    EXPECT_EQ(names_nearest(&names, bytes_from_text("gwons"), 2), 1);
    EXPECT_EQ(names_nearest(&names, bytes_from_text("mask"), 2), 0);
    EXPECT_EQ(names_nearest(&names, bytes_from_text("ventilators"), 2), NAME_NONE);
    EXPECT_EQ(text_distance(bytes_from_text("kitten"), bytes_from_text("sitting")), 3);
    names_deinit(&names);
}

static void sorting_by_a_key_keeps_equals_as_they_stood(void)
{
    static const unsigned shifts[] = {0, 3, 30, 61}; /* How many low bits of a key are 0. */
    struct keyed items[500];
    struct keyed scratch[COUNT_OF(items)];
    uint64_t random = 5;

    for (size_t round = 0; round < 200; round++) {
        size_t count = random_next(&random) % (COUNT_OF(items) + 1);
        unsigned shift = shifts[round % COUNT_OF(shifts)];
        uint64_t differing = random_next(&random);
        uint64_t sum = 0;
        for (uint32_t i = 0; i < count; i++) {
            items[i].key = (random_next(&random) & differing) << shift;
            items[i].number = i;
            sum += items[i].key;
        }
        keyed_sort(items, scratch, count);
        for (size_t i = 0; i < count; i++) {
            sum -= items[i].key;
            EXPECT_TRUE(
                i == 0 || items[i - 1].key < items[i].key ||
                (items[i - 1].key == items[i].key && items[i - 1].number < items[i].number));
        }
        EXPECT_EQ(sum, 0);
    }
}

static void an_arena_gives_zeroed_memory_apart(void)
{
    struct arena arena = {0};

    for (int round = 0; round < 3; round++) {
        uint8_t *first = arena_take(&arena, 100);
        uint8_t *large = arena_take(&arena, 100000);
        for (size_t i = 0; i < 100000; i++) {
            ENSURE(large[i] == 0);
        }
        memset(first, 1, 100);
        memset(large, 2, 100000);
        EXPECT_EQ(first[99], 1);
        arena_reset(&arena);
    }
    arena_deinit(&arena);
}

int main(int argc, char **argv)
{
    static const struct test_case cases[] = {
        CASE(checksums_equal_the_published_ones),
        CASE(checksums_are_the_same_however_computed),
        CASE(every_day_comes_back_from_its_text),
        CASE(days_that_do_not_exist_are_refused),
        CASE(times_keep_milliseconds),
        CASE(a_name_keeps_its_number),
        CASE(the_nearest_name_is_one_slip_away),
        CASE(sorting_by_a_key_keeps_equals_as_they_stood),
        CASE(an_arena_gives_zeroed_memory_apart),
    };

    return run_cases(cases, COUNT_OF(cases), argc, argv);
}
