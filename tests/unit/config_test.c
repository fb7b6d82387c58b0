/*
 * config_test.c - where a value comes from, and how a wrong one is refused.
 *
 * Cases write a file of their own; its name is cut off the problems that they expect.
 */
#include "config/config.h"

#include "config/schema.h"
#include "tests/harness.h"

#include <unistd.h>

static char path[64];

static void write_file(const char *yaml)
{
    const char *parent = getenv("TMPDIR");

    snprintf(path, sizeof path, "%s/maillon-config-XXXXXX", parent == NULL ? "/tmp" : parent);
    int descriptor = mkstemp(path);
    ENSURE(descriptor >= 0);
    FILE *file = fdopen(descriptor, "w");
    ENSURE(file != NULL);
    ENSURE(fputs(yaml, file) >= 0);
    ENSURE(fclose(file) == 0);
}

static struct config *open_with(const char *yaml)
{
    struct config *config = NULL;
    char problem[CONFIG_PROBLEM_SIZE] = "";

    write_file(yaml);
    EXPECT_OK(config_open(path, &config, problem));
    ENSURE(unlink(path) == 0);
    return config;
}

static struct config *open_defaults(void)
{
    struct config *config = NULL;
    char problem[CONFIG_PROBLEM_SIZE] = "";

    EXPECT_OK(config_open(NULL, &config, problem));
    return config;
}

/* Expects the file to be refused with "path:" and then this text. */
static void expect_refused(const char *yaml, const char *expected)
{
    struct config *config = NULL;
    char problem[CONFIG_PROBLEM_SIZE] = "";

    write_file(yaml);
    EXPECT_STATUS(config_open(path, &config, problem), STATUS_INVALID);
    ENSURE(unlink(path) == 0);
    EXPECT_TRUE(strncmp(problem, path, strlen(path)) == 0);
    EXPECT_TEXT(bytes_from_text(problem + strlen(path) + 1), expected);
}

static void expect_set_refused(struct config *config, const char *key, const char *value,
                               const char *expected)
{
    char problem[CONFIG_PROBLEM_SIZE] = "";

    EXPECT_STATUS(config_set(config, key, value, problem), STATUS_INVALID);
    EXPECT_TEXT(bytes_from_text(problem), expected);
}

static void set(struct config *config, const char *key, const char *value)
{
    char problem[CONFIG_PROBLEM_SIZE] = "";

    EXPECT_OK(config_set(config, key, value, problem));
}

/* The caller owns the text. */
static char *print(const struct config *config)
{
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);

    ENSURE(file != NULL);
    config_print(config, file);
    ENSURE(fclose(file) == 0);
    return text;
}

/* The caller owns the text. */
static char *read_source(const char *name)
{
    const char *root = getenv("MAILLON_SOURCE");
    char *text = NULL;
    size_t size = 0;
    char file_path[512];

    ENSURE(root != NULL);
    ENSURE(snprintf(file_path, sizeof file_path, "%s/%s", root, name) > 0);
    FILE *file = fopen(file_path, "r");
    ENSURE(file != NULL);
    ENSURE(getdelim(&text, &size, '\0', file) > 0);
    ENSURE(fclose(file) == 0);
    return text;
}

static void every_key_has_its_default_without_a_file(void)
{
    struct config *config = open_defaults();

    EXPECT_TEXT(bytes_from_text(config->data), "maillon-data");
    EXPECT_TEXT(bytes_from_text(config->log.level), "info");
    EXPECT_TEXT(bytes_from_text(config->gateway.endpoint), "");
    EXPECT_EQ(config->gateway.tick_seconds, 60);
    EXPECT_EQ(config->gateway.ids_max, 50000000);
    EXPECT_EQ(config->match.kept_max, 32);
    EXPECT_EQ(config->allocate.tranche_3, 16);
    EXPECT_EQ(config->dispatch.keep_events, 0);
    EXPECT_EQ(config->journal.map_size_gb, 64);
    EXPECT_EQ(config->supervisor.restart_ms_max, 5000);
    config_close(config);
}

static void a_file_of_comments_changes_nothing(void)
{
    struct config *config = open_with("# nothing yet\n");
    EXPECT_EQ(config->gateway.tick_seconds, 60);
    config_close(config);
}

static void the_sample_gives_every_key_its_default(void)
{
    char *sample = read_source("config/maillon.yaml");
    struct config *from_sample = open_with(sample);
    struct config *defaults = open_defaults();
    char *expected = print(defaults);
    char *actual = print(from_sample);
    struct key_texts *texts = NULL;

    EXPECT_TEXT(bytes_from_text(actual), expected);
    EXPECT_OK(schema_read(bytes_from_text(sample), &texts));
    for (size_t i = 0; i < CONFIG_KEY_COUNT; i++) {
        EXPECT_TRUE(texts->of[i] != NULL);
    }
    schema_free(texts);
    free(actual);
    free(expected);
    free(sample);
    config_close(defaults);
    config_close(from_sample);
}

static void the_reference_lists_every_key_with_default_and_bounds(void)
{
    char *page = read_source("docs/configuration.md");

    for (size_t i = 0; i < CONFIG_KEY_COUNT; i++) {
        const struct key *key = &CONFIG_KEYS[i];
        char name[CONFIG_PATH_SIZE];
        char row[256];
        key_path(key, name);
        const char *standard = key->standard[0] == '\0' ? "\"\"" : key->standard;
        (void)snprintf(row, sizeof row, "\n| `%s` | `%s` | ", name, standard);
        const char *found = strstr(page, row);
        if (found == NULL) {
            fprintf(stderr, "no row %s\n", row + 1);
        }
        EXPECT_TRUE(found != NULL);
        if (key->type == KEY_NUMBER) {
            char bounds[64];
            (void)snprintf(bounds, sizeof bounds, "%u to %u |", key->min, key->max);
            EXPECT_EQ(strncmp(found + strlen(row), bounds, strlen(bounds)), 0);
        }
    }
    free(page);
}

static void flags_go_over_environment_over_file_over_defaults(void)
{
    ENSURE(setenv("MAILLON_GATEWAY_TICK_SECONDS", "20", 1) == 0);
    ENSURE(setenv("MAILLON_DATA", "/srv/environment", 1) == 0);
    struct config *config = open_with("data: file\n"
                                      "gateway:\n  tick_seconds: 10\n  ids_max: 7\n"
                                      "match: {kept_max: 8}\n");
    set(config, "data", "flag");
    ENSURE(unsetenv("MAILLON_GATEWAY_TICK_SECONDS") == 0);
    ENSURE(unsetenv("MAILLON_DATA") == 0);

    EXPECT_TEXT(bytes_from_text(config->data), "flag");
    EXPECT_EQ(config->gateway.tick_seconds, 20);
    EXPECT_EQ(config->gateway.ids_max, 7);
    EXPECT_EQ(config->match.kept_max, 8);
    EXPECT_EQ(config->gateway.space_floor_mb, 256);
    config_close(config);
}

static void text_stays_the_text_it_is(void)
{
    struct config *config = open_with("data: no\nlog: {level: \"warn\"}\n");
    EXPECT_TEXT(bytes_from_text(config->data), "no");
    EXPECT_TEXT(bytes_from_text(config->log.level), "warn");
    config_close(config);
}

static void an_unknown_key_is_refused_with_its_place_and_the_nearest(void)
{
    expect_refused("gateway:\n  ids_max: 1\n  endpiont: ipc:///a\n",
                   "3:3: unknown key \"endpiont\" in \"gateway\"; did you mean \"endpoint\"");
    expect_refused("log: {level: info}\ngatway:\n  ids_max: 1\n",
                   "2:1: unknown key \"gatway\"; did you mean \"gateway\"");
    expect_refused("tick_seconds: 5\n",
                   "1:1: unknown key \"tick_seconds\"; did you mean \"gateway.tick_seconds\"");
    expect_refused("match:\n  something_else: 5\n",
                   "2:3: unknown key \"something_else\" in \"match\"");
    expect_refused("match: {kept_max: 5, 'x y': 5}\n", "1:22: unknown key \"x y\" in \"match\"");
}

static void a_key_given_twice_is_refused_with_its_second_place(void)
{
    expect_refused("journal:\n  reserve_mb: 1\n  reserve_mb: 2\n",
                   "3:3: \"reserve_mb\" is given twice");
    expect_refused("log: {level: info}\nlog: {level: warn}\n", "2:1: \"log\" is given twice");
}

static void a_value_of_the_wrong_shape_is_refused_with_its_place(void)
{
    expect_refused("gateway: 7400\n",
                   "1:10: \"gateway\" must hold keys with values, or be left out");
    expect_refused("gateway: # none\nlog: {level: info}\n",
                   "1:9: \"gateway\" must hold keys with values, or be left out");
    expect_refused("- data\n", "1:1: the file must hold keys with values");
    expect_refused("gateway:\n  ids_max: [1, 2]\n",
                   "2:12: \"gateway.ids_max\" must be a single value");
    expect_refused("data: {a: b}\n", "1:7: \"data\" must be a single value");
    expect_refused("data: &here x\nlog: {level: *here}\n",
                   "1:1: neither aliases nor overlong values are read");
}

static void what_is_no_yaml_is_refused_with_its_place(void)
{
    expect_refused("gateway:\n\tids_max: 1\n", "2:1: found character that cannot start any token");
    expect_refused("data: \"open\n", "2:1: found unexpected end of stream");
}

static void a_number_out_of_bounds_is_refused_with_the_bounds(void)
{
    expect_refused("gateway:\n  tick_seconds: 0\n",
                   "2:17: \"gateway.tick_seconds\" must be a whole number from 1 to 86400, not "
                   "\"0\"");
    expect_refused("dispatch: {keep_events: 4294967296}\n",
                   "1:25: \"dispatch.keep_events\" must be a whole number from 0 to 4294967295, "
                   "not \"4294967296\"");
    expect_refused("match:\n  per_kilometre: -4\n",
                   "2:18: \"match.per_kilometre\" must be a whole number from 0 to 1048575, not "
                   "\"-4\"");
    expect_refused("match:\n  per_kilometre: 1.5\n",
                   "2:18: \"match.per_kilometre\" must be a whole number from 0 to 1048575, not "
                   "\"1.5\"");
    expect_refused("match:\n  per_kilometre:\n",
                   "2:17: \"match.per_kilometre\" must be a whole number from 0 to 1048575, not "
                   "\"\"");
}

static void every_number_is_held_to_its_bounds(void)
{
    struct config *config = open_defaults();

    for (size_t i = 0; i < CONFIG_KEY_COUNT; i++) {
        const struct key *key = &CONFIG_KEYS[i];
        if (key->type != KEY_NUMBER) {
            continue;
        }
        struct buffer why = {0};
        char text[32];
        (void)snprintf(text, sizeof text, "%u", key->min);
        EXPECT_OK(key_set(config, key, text, &why));
        (void)snprintf(text, sizeof text, "%u", key->max);
        EXPECT_OK(key_set(config, key, text, &why));
        (void)snprintf(text, sizeof text, "%" PRIu64, (uint64_t)key->max + 1);
        EXPECT_STATUS(key_set(config, key, text, &why), STATUS_INVALID);
        (void)snprintf(text, sizeof text, "%" PRId64, (int64_t)key->min - 1);
        EXPECT_STATUS(key_set(config, key, text, &why), STATUS_INVALID);
        EXPECT_STATUS(key_set(config, key, "99999999999999999999999", &why), STATUS_INVALID);
        buffer_deinit(&why);
    }
    config_close(config);
}

static void words_and_endpoints_outside_their_kind_are_refused(void)
{
    expect_refused("log:\n  level: loud\n",
                   "2:10: \"log.level\" must be one of debug, info, warn, error, not \"loud\"");
    expect_refused("dispatch:\n  endpoint: localhost:7400\n",
                   "2:13: \"dispatch.endpoint\" must be empty or start with ipc:// or tcp://, not "
                   "\"localhost:7400\"");
    expect_refused("data: ''\n",
                   "1:7: \"data\" must be text of 1 to 200 bytes without control characters");
    expect_refused("data: \"a\\nb\"\n",
                   "1:7: \"data\" must be text of 1 to 200 bytes without control characters");
}

static void a_wrong_environment_is_refused_by_its_variable(void)
{
    struct config *config = NULL;
    char problem[CONFIG_PROBLEM_SIZE] = "";

    ENSURE(setenv("MAILLON_LOG_LEVEL", "loud", 1) == 0);
    EXPECT_STATUS(config_open(NULL, &config, problem), STATUS_INVALID);
    EXPECT_TEXT(bytes_from_text(problem), "environment MAILLON_LOG_LEVEL: \"log.level\" must be "
                                          "one of debug, info, warn, error, not \"loud\"");
    ENSURE(unsetenv("MAILLON_LOG_LEVEL") == 0);

    ENSURE(setenv("MAILLON_GATEWAY_TICK_SECOND", "1", 1) == 0);
    EXPECT_STATUS(config_open(NULL, &config, problem), STATUS_INVALID);
    EXPECT_TEXT(bytes_from_text(problem),
                "environment MAILLON_GATEWAY_TICK_SECOND: unknown key \"tick_second\" in "
                "\"gateway\"; did you mean \"tick_seconds\"");
    ENSURE(unsetenv("MAILLON_GATEWAY_TICK_SECOND") == 0);
}

static void a_wrong_flag_is_refused_and_changes_nothing(void)
{
    struct config *config = open_defaults();

    expect_set_refused(config, "gateway.prot", "1", "unknown key \"prot\" in \"gateway\"");
    expect_set_refused(config, "match.kept", "1", "unknown key \"kept\" in \"match\"");
    expect_set_refused(config, "match.kept_mxa", "1",
                       "unknown key \"kept_mxa\" in \"match\"; did you mean \"kept_max\"");
    expect_set_refused(config, "match.kept_max", "0",
                       "\"match.kept_max\" must be a whole number from 1 to 256, not \"0\"");
    expect_set_refused(config, "supervisor.restart_ms_min", "6000",
                       "\"supervisor.restart_ms_min\" must not exceed "
                       "\"supervisor.restart_ms_max\"");
    EXPECT_EQ(config->match.kept_max, 32);
    EXPECT_EQ(config->supervisor.restart_ms_min, 100);
    config_close(config);
}

static void tranches_that_do_not_rise_are_refused(void)
{
    struct config *config = open_with("allocate: {tranche_1: 0, tranche_2: 4, tranche_3: 0}\n");

    expect_set_refused(config, "allocate.tranche_3", "4",
                       "\"allocate.tranche_1\", \"allocate.tranche_2\" and "
                       "\"allocate.tranche_3\" must rise, where they are not 0");
    set(config, "allocate.tranche_3", "5");
    config_close(config);
}

static void a_file_that_is_not_there_is_not_found(void)
{
    struct config *config = NULL;
    char problem[CONFIG_PROBLEM_SIZE] = "";

    EXPECT_STATUS(config_open("/nowhere/maillon.yaml", &config, problem), STATUS_NOT_FOUND);
    EXPECT_TEXT(bytes_from_text(problem), "/nowhere/maillon.yaml: No such file or directory");
    EXPECT_STATUS(config_open("/", &config, problem), STATUS_IO);
    EXPECT_TEXT(bytes_from_text(problem), "/: Is a directory");
}

/* A value within the bounds of its key, drawn from the seed. */
static void draw_value(const struct key *key, uint64_t *state, char text[64])
{
    static const char *const TEXTS[] = {"a",      "no", "~",        "null", "007",    "with: colon",
                                        "# hash", "é",  "'quoted'", "- x",  "[a, b]", " spaced "};
    const char *drawn = TEXTS[random_below(state, COUNT_OF(TEXTS))];
    uint64_t number = key->min;

    switch (key->type) {
    case KEY_NUMBER:
        number += random_below(state, (uint64_t)key->max - key->min + 1);
        (void)snprintf(text, 64, "%" PRIu64, number);
        break;
    case KEY_CHOICE:
        (void)snprintf(text, 64, "%s", key->words[random_below(state, 2)]);
        break;
    case KEY_ENDPOINT:
        (void)snprintf(text, 64, "ipc://%s", drawn);
        break;
    case KEY_TEXT:
        (void)snprintf(text, 64, "%s", drawn);
        break;
    }
}

static void what_is_printed_reads_as_the_same(void)
{
    for (test_seed = 1; test_seed <= 200; test_seed++) {
        struct config *drawn = open_defaults();
        uint64_t state = test_seed;
        struct buffer why = {0};
        for (size_t i = 0; i < CONFIG_KEY_COUNT; i++) {
            char text[64];
            draw_value(&CONFIG_KEYS[i], &state, text);
            EXPECT_OK(key_set(drawn, &CONFIG_KEYS[i], text, &why));
        }
        if (keys_check(drawn, &why) == STATUS_OK) {
            char *printed = print(drawn);
            struct config *read = open_with(printed);
            char *again = print(read);
            EXPECT_TEXT(bytes_from_text(again), printed);
            free(again);
            free(printed);
            config_close(read);
        }
        buffer_deinit(&why);
        config_close(drawn);
    }
    test_seed = 0;
}

static void an_endpoint_is_a_socket_under_data_unless_configured(void)
{
    struct config *config = open_defaults();
    char endpoint[CONFIG_ENDPOINT_SIZE];

    set(config, "data", "/var/lib/maillon");
    EXPECT_OK(config_endpoint(config, "gateway", endpoint));
    EXPECT_TEXT(bytes_from_text(endpoint), "ipc:///var/lib/maillon/run/gateway");
    EXPECT_OK(config_endpoint(config, "match.feed", endpoint));
    EXPECT_TEXT(bytes_from_text(endpoint), "ipc:///var/lib/maillon/run/match.feed");
    set(config, "dispatch.endpoint", "tcp://127.0.0.1:7401");
    EXPECT_OK(config_endpoint(config, "dispatch", endpoint));
    EXPECT_TEXT(bytes_from_text(endpoint), "tcp://127.0.0.1:7401");
    config_close(config);
}

static void a_socket_path_beyond_107_bytes_is_too_large(void)
{
    struct config *config = open_defaults();
    char endpoint[CONFIG_ENDPOINT_SIZE];
    char data[128] = "";

    memset(data, 'd', 107 - strlen("/run/gateway"));
    set(config, "data", data);
    EXPECT_OK(config_endpoint(config, "gateway", endpoint));
    EXPECT_EQ(strlen(endpoint), strlen("ipc://") + 107);
    data[strlen(data)] = 'd';
    set(config, "data", data);
    EXPECT_STATUS(config_endpoint(config, "gateway", endpoint), STATUS_TOO_LARGE);
    config_close(config);
}

int main(int argc, char **argv)
{
    static const struct test_case cases[] = {
        CASE(every_key_has_its_default_without_a_file),
        CASE(a_file_of_comments_changes_nothing),
        CASE(the_sample_gives_every_key_its_default),
        CASE(the_reference_lists_every_key_with_default_and_bounds),
        CASE(flags_go_over_environment_over_file_over_defaults),
        CASE(text_stays_the_text_it_is),
        CASE(an_unknown_key_is_refused_with_its_place_and_the_nearest),
        CASE(a_key_given_twice_is_refused_with_its_second_place),
        CASE(a_value_of_the_wrong_shape_is_refused_with_its_place),
        CASE(what_is_no_yaml_is_refused_with_its_place),
        CASE(a_number_out_of_bounds_is_refused_with_the_bounds),
        CASE(every_number_is_held_to_its_bounds),
        CASE(words_and_endpoints_outside_their_kind_are_refused),
        CASE(a_wrong_environment_is_refused_by_its_variable),
        CASE(a_wrong_flag_is_refused_and_changes_nothing),
        CASE(tranches_that_do_not_rise_are_refused),
        CASE(a_file_that_is_not_there_is_not_found),
        CASE(what_is_printed_reads_as_the_same),
        CASE(an_endpoint_is_a_socket_under_data_unless_configured),
        CASE(a_socket_path_beyond_107_bytes_is_too_large),
    };

    return run_cases(cases, COUNT_OF(cases), argc, argv);
}
