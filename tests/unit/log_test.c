/*
 * log_test.c - lines as operators and machines read them.
 */
#include "node/log.h"
#include "tests/harness.h"

#define TIME_MS 1583020800123u /* 2020-03-01T00:00:00.123Z */
#define FIELDS(...) ((const struct log_field[]){__VA_ARGS__, LOG_LAST})

static void expect_line(const struct log_line *line, const char *expected)
{
    char text[LOG_LINE_SIZE_MAX];
    size_t size = log_render(line, text);

    EXPECT_TEXT(((struct bytes){(const uint8_t *)text, size}), expected);
}

static void a_line_is_logfmt(void)
{
    expect_line(&(struct log_line){.level = LEVEL_WARN,
                                   .time_ms = TIME_MS,
                                   .role = "gateway",
                                   .message = "commit is slow",
                                   .fields = FIELDS(LOG_UINT("seq", 7), LOG_INT("exit", -3),
                                                    LOG_TEXT("path", "/x"))},
                "time=2020-03-01T00:00:00.123Z level=warn role=gateway msg=\"commit is slow\" "
                "seq=7 exit=-3 path=/x\n");
}

static void a_line_is_json(void)
{
    expect_line(&(struct log_line){.level = LEVEL_INFO,
                                   .format = FORMAT_JSON,
                                   .time_ms = TIME_MS,
                                   .message = "live",
                                   .fields = FIELDS(LOG_UINT("seq", 7), LOG_TEXT("path", "/x"))},
                "{\"time\":\"2020-03-01T00:00:00.123Z\",\"level\":\"info\",\"msg\":\"live\","
                "\"seq\":7,\"path\":\"/x\"}\n");
}

static void under_systemd_a_line_starts_with_its_priority(void)
{
    expect_line(&(struct log_line){.level = LEVEL_ERROR,
                                   .time_ms = TIME_MS,
                                   .message = "x",
                                   .fields = FIELDS(LOG_UINT("n", 1)),
                                   .has_priority = true},
                "<3>time=2020-03-01T00:00:00.123Z level=error msg=\"x\" n=1\n");
}

static void text_that_could_be_misread_is_quoted(void)
{
    expect_line(&(struct log_line){.time_ms = TIME_MS,
                                   .message = "say \"x\"",
                                   .fields = FIELDS(LOG_TEXT("empty", ""), LOG_TEXT("a", "b c"),
                                                    LOG_TEXT("line", "1\n2\\"))},
                "time=2020-03-01T00:00:00.123Z level=debug msg=\"say \\\"x\\\"\" empty=\"\" "
                "a=\"b c\" line=\"1\\u000a2\\\\\"\n");
}

static void a_line_ends_within_its_limit(void)
{
    char text[LOG_LINE_SIZE_MAX];
    char huge[LOG_LINE_SIZE_MAX * 2];

    for (size_t size = 0; size < sizeof huge; size += 97) {
        memset(huge, size % 2 == 0 ? 'x' : '"', sizeof huge);
        huge[size] = '\0';
        struct log_line line = {
            .format = FORMAT_JSON,
            .message = "x",
            .fields =
                FIELDS(LOG_TEXT("first", huge), LOG_UINT("second", 1), LOG_TEXT("third", huge)),
            .held_back = 5,
            .has_priority = true,
        };
        size_t rendered = log_render(&line, text);
        EXPECT_TRUE(rendered <= LOG_LINE_SIZE_MAX);
        EXPECT_EQ(text[rendered - 1], '\n');
        EXPECT_EQ(text[rendered - 2], '}');
    }
}

static void repeats_are_held_back_and_counted(void)
{
    static const char message[] = "again";
    uint64_t held_back = 0;

    for (size_t i = 0; i < LOG_REPEATS_MAX; i++) {
        EXPECT_TRUE(log_passes(message, 5000, &held_back));
    }
    EXPECT_TRUE(!log_passes(message, 5000, &held_back));
    EXPECT_TRUE(!log_passes(message, 5999, &held_back));
    EXPECT_EQ(held_back, 0);
    EXPECT_TRUE(log_passes(message, 6000, &held_back));
    EXPECT_EQ(held_back, 2);
    EXPECT_TRUE(log_passes(message, 6000, &held_back));
    EXPECT_EQ(held_back, 0);
}

static void levels_and_formats_have_names(void)
{
    enum log_level level = LEVEL_DEBUG;
    enum log_format format = FORMAT_LOGFMT;

    EXPECT_OK(log_level_from_text("error", &level));
    EXPECT_EQ(level, LEVEL_ERROR);
    EXPECT_STATUS(log_level_from_text("loud", &level), STATUS_INVALID);
    EXPECT_OK(log_format_from_text("json", &format));
    EXPECT_EQ(format, FORMAT_JSON);
    EXPECT_STATUS(log_format_from_text("xml", &format), STATUS_INVALID);
}

int main(int argc, char **argv)
{
    static const struct test_case cases[] = {
        CASE(a_line_is_logfmt),
        CASE(a_line_is_json),
        CASE(under_systemd_a_line_starts_with_its_priority),
        CASE(text_that_could_be_misread_is_quoted),
        CASE(a_line_ends_within_its_limit),
        CASE(repeats_are_held_back_and_counted),
        CASE(levels_and_formats_have_names),
    };

    return run_cases(cases, COUNT_OF(cases), argc, argv);
}
