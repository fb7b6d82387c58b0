/*
 * z85_test.c - bytes as text, and back.
 */
#include "core/base/z85.h"

#include "tests/harness.h"

#define SIZE_MAX_TESTED 64

/* The vector of RFC 32. */
static void the_rfc_says_hello_world(void)
{
    static const uint8_t bytes[] = {0x86, 0x4f, 0xd2, 0x6f, 0xb5, 0x59, 0xf7, 0x5b};
    char text[10];
    uint8_t back[sizeof bytes];

    z85_encode((struct bytes){bytes, sizeof bytes}, text);
    EXPECT_TEXT(((struct bytes){(const uint8_t *)text, sizeof text}), "HelloWorld");
    EXPECT_OK(z85_decode(bytes_from_text("HelloWorld"), back));
    EXPECT_EQ(memcmp(back, bytes, sizeof bytes), 0);
}

static void what_is_encoded_is_decoded_to_the_same(void)
{
    uint64_t random = 7;
    uint8_t bytes[SIZE_MAX_TESTED];
    uint8_t back[SIZE_MAX_TESTED];
    char text[SIZE_MAX_TESTED / 4 * 5];

    for (int round = 0; round < 2000; round++) {
        size_t size = (size_t)random_below(&random, SIZE_MAX_TESTED / 4 + 1) * 4;
        for (size_t i = 0; i < size; i++) {
            bytes[i] = round % 3 == 0 ? 0xff : (uint8_t)random_next(&random);
        }
        z85_encode((struct bytes){bytes, size}, text);
        EXPECT_OK(z85_decode((struct bytes){(const uint8_t *)text, size / 4 * 5}, back));
        EXPECT_EQ(memcmp(back, bytes, size), 0);
    }
}

/* "%nSc0" is 0xffffffff; one more has no four bytes. */
static void what_is_no_z85_is_refused(void)
{
    static const char *const refused[] = {"Hell",  "HelloW", "Hel o", "Hel\"o",
                                          "%nSc1", "#####",  "Hel,o", "Hell\x80"};
    uint8_t back[8];

    EXPECT_OK(z85_decode(bytes_from_text("%nSc0"), back));
    for (size_t i = 0; i < COUNT_OF(refused); i++) {
        EXPECT_STATUS(z85_decode(bytes_from_text(refused[i]), back), STATUS_MALFORMED);
    }
    EXPECT_STATUS(z85_decode((struct bytes){(const uint8_t *)"Hel\0o", 5}, back), STATUS_MALFORMED);
}

static const struct test_case cases[] = {
    CASE(the_rfc_says_hello_world),
    CASE(what_is_encoded_is_decoded_to_the_same),
    CASE(what_is_no_z85_is_refused),
};

int main(int argc, char **argv)
{
    return run_cases(cases, COUNT_OF(cases), argc, argv);
}
