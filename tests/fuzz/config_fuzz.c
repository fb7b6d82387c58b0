/*
 * A configuration file in YAML.
 *
 * What is taken is printed as a file that gives the same configuration. What is not taken is
 * refused with the file's name and a place in it, as text that fits its room.
 */
#include "config/config.h"
#include "config/keys.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/place.h"

#include <stdlib.h>
#include <string.h>

/* The caller owns the text. */
static struct bytes print(const struct config *config)
{
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);

    ENSURE(file != NULL);
    config_print(config, file);
    ENSURE(fclose(file) == 0);
    return (struct bytes){(uint8_t *)text, size};
}

static void check_taken(const struct config *config, const char *path)
{
    struct config *back = NULL;
    char problem[CONFIG_PROBLEM_SIZE] = "";
    struct bytes first = print(config);

    place_write(path, first);
    ENSURE(config_open(path, &back, problem) == STATUS_OK);
    struct bytes second = print(back);
    ENSURE(bytes_equal(first, second));
    config_close(back);
    free((void *)(uintptr_t)first.data);
    free((void *)(uintptr_t)second.data);
}

/* "path:line:column: why", or without line and column where only several keys together are wrong.
 */
static void check_refused(const char *problem, const char *path)
{
    ENSURE(memchr(problem, '\0', CONFIG_PROBLEM_SIZE) != NULL);
    ENSURE(problem[0] != '\0');
    if (strncmp(problem, path, strlen(path)) == 0) {
        ENSURE(problem[strlen(path)] == ':');
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct config *config = NULL;
    char problem[CONFIG_PROBLEM_SIZE] = "";
    char path[PLACE_PATH_SIZE];

    place_path("config.yaml", path);
    place_write(path, (struct bytes){data, size});
    enum status status = config_open(path, &config, problem);
    if (status == STATUS_OK) {
        check_taken(config, path);
        config_close(config);
    } else {
        ENSURE(status == STATUS_INVALID);
        check_refused(problem, path);
    }
    return 0;
}

/* Each key alone with its default, and all of them. */
void fuzz_seeds(const struct fuzz_sink *sink)
{
    struct config *config = NULL;
    char problem[CONFIG_PROBLEM_SIZE] = "";

    ENSURE(config_open(NULL, &config, problem) == STATUS_OK);
    struct bytes all = print(config);
    sink->give(sink->context, all);
    free((void *)(uintptr_t)all.data);
    for (size_t i = 0; i < CONFIG_KEY_COUNT; i++) {
        const struct key *key = &CONFIG_KEYS[i];
        struct buffer input = {0};
        if (key->section[0] != '\0') {
            buffer_format(&input, "# %s\n%s:\n  ", key->name, key->section);
        }
        buffer_format(&input, "%s: ", key->name);
        key_get(config, key, &input);
        buffer_append_text(&input, "\n");
        fuzz_give(sink, &input);
        buffer_deinit(&input);
    }
    config_close(config);
}

void fuzz_words(const struct fuzz_sink *sink)
{
    static const char *const words[] = {"&a ",  "*a", "<<: ", "!!map ", "{",     "}",    "[",
                                        "]",    "? ", "- ",   "---\n",  "...\n", "|\n",  ">-\n",
                                        "\"\\", "'",  "#",    "%YAML",  ": ",    "\n  ", "~"};

    for (size_t i = 0; i < CONFIG_KEY_COUNT; i++) {
        fuzz_give_text(sink, CONFIG_KEYS[i].section);
        fuzz_give_text(sink, CONFIG_KEYS[i].name);
    }
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        fuzz_give_text(sink, words[i]);
    }
}
