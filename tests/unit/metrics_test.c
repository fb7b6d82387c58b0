/*
 * metrics_test.c - figures as Prometheus reads them.
 */
#include "node/metrics.h"
#include "proto/messages.h"
#include "tests/harness.h"

static struct buffer rendered;

static void render(const struct metrics *metrics)
{
    struct counter counters[] = {{.name = bytes_from_text("needs"), .value = 12}};
    struct report report = {
        .role = bytes_from_text("match"),
        .ready = true,
        .last = 7,
        .cursor = 5,
        .lag = 2,
        .counters = {.items = counters, .count = COUNT_OF(counters)},
    };

    rendered.size = 0;
    metrics_render(metrics, &report, &rendered);
    buffer_append(&rendered, "", 1);
}

static bool has(const char *line)
{
    return strstr((const char *)rendered.data, line) != NULL;
}

static void every_figure_has_help_type_and_role(void)
{
    size_t help_count = 0;
    size_t type_count = 0;
    size_t sample_count = 0;

    render(&(struct metrics){.commits = 3});
    char *text = strdup((const char *)rendered.data);
    ENSURE(text != NULL);
    for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        bool is_comment = line[0] == '#';
        help_count += strncmp(line, "# HELP maillon_", 15) == 0;
        type_count += strncmp(line, "# TYPE maillon_", 15) == 0;
        sample_count += !is_comment;
        EXPECT_TRUE(is_comment || strncmp(line, "maillon_", 8) == 0);
        EXPECT_TRUE(is_comment || strstr(line, "{role=\"match\"") != NULL);
        EXPECT_TRUE(strstr(line, " counter") == NULL || strstr(line, "_total counter") != NULL);
    }
    free(text);
    EXPECT_EQ(help_count, type_count);
    EXPECT_TRUE(sample_count > help_count);
    EXPECT_TRUE(has("\nmaillon_commits_total{role=\"match\"} 3\n"));
    EXPECT_TRUE(has("\nmaillon_lag_entries{role=\"match\"} 2\n"));
    EXPECT_TRUE(has("\nmaillon_role_figure{role=\"match\",name=\"needs\"} 12\n"));
}

static void commit_times_are_a_cumulative_histogram(void)
{
    struct metrics metrics = {0};

    metrics_count_commit(&metrics, 250, 2, 100);
    metrics_count_commit(&metrics, 251, 3, 200);
    metrics_count_commit(&metrics, 5000000, 0, 0);
    render(&metrics);
    EXPECT_TRUE(has("commit_seconds_bucket{role=\"match\",le=\"0.000250\"} 1\n"));
    EXPECT_TRUE(has("commit_seconds_bucket{role=\"match\",le=\"0.000500\"} 2\n"));
    EXPECT_TRUE(has("commit_seconds_bucket{role=\"match\",le=\"1.000000\"} 2\n"));
    EXPECT_TRUE(has("commit_seconds_bucket{role=\"match\",le=\"+Inf\"} 3\n"));
    EXPECT_TRUE(has("commit_seconds_sum{role=\"match\"} 5.000501\n"));
    EXPECT_TRUE(has("commit_seconds_count{role=\"match\"} 3\n"));
    EXPECT_TRUE(has("entries_total{role=\"match\"} 5\n"));
    EXPECT_TRUE(has("entry_bytes_total{role=\"match\"} 300\n"));
}

int main(int argc, char **argv)
{
    static const struct test_case cases[] = {
        CASE(every_figure_has_help_type_and_role),
        CASE(commit_times_are_a_cumulative_histogram),
    };

    return run_cases(cases, COUNT_OF(cases), argc, argv);
}
