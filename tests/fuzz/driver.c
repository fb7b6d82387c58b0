/*
 * driver.c - runs a fuzz target without a fuzzer.
 *
 *     TARGET [--corpus DIRECTORY] [--mutations N] [--seed S]   as a test, in TAP
 *     TARGET --seeds DIRECTORY                                 writes the target's seeds
 *     TARGET --dictionary FILE                                 writes its words, for fuzzers
 *     TARGET FILE...                                           each input once
 *
 * A mutation is a few changes to an input that is known: the same seed gives the same ones. The
 * input that stops the process is left in the file crash-TARGET, in the working directory.
 */
#include "tests/fuzz/fuzz.h"
#include "tests/harness.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#define INPUT_SIZE_MAX ((size_t)1024 * 1024)
#define MUTANT_SIZE_MAX 8192
#define CHANGE_COUNT_MAX 5
#define MUTATION_COUNT 2000

struct list {
    struct bytes *items; /* Owned, with their bytes. */
    size_t count, capacity;
};

static struct bytes current; /* For who picks up the pieces. */
static char crash_path[PATH_MAX];

static void add_to_list(void *context, struct bytes bytes)
{
    struct list *list = context;
    uint8_t *copy = memory_take(bytes.size + 1, 1);

    if (bytes.size > 0) {
        memcpy(copy, bytes.data, bytes.size);
    }
    GROW(list->items, list->capacity, list->count + 1);
    list->items[list->count++] = (struct bytes){copy, bytes.size};
}

static void deinit_list(struct list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        free((void *)(uintptr_t)list->items[i].data);
    }
    free(list->items);
}

/* Running. */

/* An exact copy on the heap: whatever reads behind its end is seen by the sanitizers. */
static void run(struct bytes input)
{
    uint8_t *copy = memory_take(input.size == 0 ? 1 : input.size, 1);

    if (input.size > 0) {
        memcpy(copy, input.data, input.size);
    }
    current = (struct bytes){copy, input.size};
    (void)LLVMFuzzerTestOneInput(copy, input.size);
    current = (struct bytes){0};
    free(copy);
}

static void write_all(int descriptor, const void *data, size_t size)
{
    while (size > 0) {
        ssize_t written = write(descriptor, data, size);
        if (written <= 0) {
            return;
        }
        data = (const uint8_t *)data + written;
        size -= (size_t)written;
    }
}

/* Only what a signal handler may do. */
static void on_crash(int number)
{
    int file = open(crash_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

    if (file >= 0) {
        write_all(file, current.data, current.size);
        close(file);
        write_all(STDERR_FILENO, "the input is in ", 16);
        write_all(STDERR_FILENO, crash_path, strlen(crash_path));
        write_all(STDERR_FILENO, "\n", 1);
    }
    signal(number, SIG_DFL);
    raise(number);
}

static void watch_for_crashes(const char *program)
{
    const char *name = strrchr(program, '/');
    char directory[PATH_MAX / 2];

    ENSURE(getcwd(directory, sizeof directory) != NULL);
    snprintf(crash_path, sizeof crash_path, "%s/crash-%s", directory,
             name == NULL ? program : name + 1);
    signal(SIGABRT, on_crash);
    signal(SIGSEGV, on_crash);
    signal(SIGBUS, on_crash);
    signal(SIGFPE, on_crash);
}

/* Files. */

static void read_file(const char *path, struct list *list)
{
    FILE *file = fopen(path, "rbe");
    uint8_t *bytes = memory_take(INPUT_SIZE_MAX, 1);

    ENSURE(file != NULL);
    size_t size = fread(bytes, 1, INPUT_SIZE_MAX, file);
    add_to_list(list, (struct bytes){bytes, size});
    free(bytes);
    fclose(file);
}

static int is_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

/* By name, so that the mutations are the same everywhere. */
static void read_corpus(const char *directory, struct list *list)
{
    struct dirent **entries = NULL;
    int count = scandir(directory, &entries, is_visible, alphasort);

    for (int i = 0; i < count; i++) {
        char path[PATH_MAX];
        snprintf(path, sizeof path, "%s/%s", directory, entries[i]->d_name);
        read_file(path, list);
        free(entries[i]);
    }
    free(entries);
}

static void write_seed(void *context, struct bytes bytes)
{
    char path[PATH_MAX];

    snprintf(path, sizeof path, "%s/%016" PRIx64, (const char *)context,
             hash_bytes(bytes.data, bytes.size));
    FILE *file = fopen(path, "wbe");
    ENSURE(file != NULL);
    ENSURE(fwrite(bytes.data, 1, bytes.size, file) == bytes.size);
    ENSURE(fclose(file) == 0);
}

static void write_word(void *context, struct bytes bytes)
{
    if (bytes.size == 0) {
        return; /* Fuzzers do not take it. */
    }
    fputc('"', context);
    for (size_t i = 0; i < bytes.size; i++) {
        fprintf(context, "\\x%02x", bytes.data[i]);
    }
    fputs("\"\n", context);
}

/* Mutations. */

struct workshop {
    struct list inputs, words;
    uint64_t random;
    uint8_t bytes[MUTANT_SIZE_MAX];
    size_t size;
};

static void insert(struct workshop *shop, size_t at, struct bytes bytes)
{
    size_t size = min_u64(bytes.size, MUTANT_SIZE_MAX - shop->size);

    if (size == 0) {
        return;
    }
    memmove(shop->bytes + at + size, shop->bytes + at, shop->size - at);
    memcpy(shop->bytes + at, bytes.data, size);
    shop->size += size;
}

static void overwrite(struct workshop *shop, size_t at, struct bytes bytes)
{
    size_t size = min_u64(bytes.size, shop->size - at);

    if (size > 0) {
        memcpy(shop->bytes + at, bytes.data, size);
    }
}

static void cut(struct workshop *shop, size_t at)
{
    size_t size = min_u64(1 + random_below(&shop->random, 16), shop->size - at);

    memmove(shop->bytes + at, shop->bytes + at + size, shop->size - at - size);
    shop->size -= size;
}

/* A piece of some input. */
static struct bytes draw_piece(struct workshop *shop)
{
    struct bytes from = shop->inputs.items[random_below(&shop->random, shop->inputs.count)];
    size_t start = random_below(&shop->random, from.size + 1);

    return (struct bytes){from.data + start, random_below(&shop->random, from.size - start + 1)};
}

static struct bytes draw_word(struct workshop *shop)
{
    if (shop->words.count == 0) {
        return draw_piece(shop);
    }
    return shop->words.items[random_below(&shop->random, shop->words.count)];
}

static void change(struct workshop *shop)
{
    static const uint8_t telling[] = {0, 1, 0x7f, 0x80, 0xff, '0', '9', '"', ',', '\n', 0xc0, 0xcf};
    size_t at = random_below(&shop->random, shop->size + 1);
    bool is_inside = at < shop->size;

    switch (random_below(&shop->random, 8)) {
    case 0:
        insert(shop, at, draw_word(shop));
        return;
    case 1:
        overwrite(shop, at, draw_word(shop));
        return;
    case 2:
        insert(shop, at, draw_piece(shop));
        return;
    case 3:
        cut(shop, at);
        return;
    case 4:
        if (is_inside) {
            shop->bytes[at] ^= (uint8_t)(1 << random_below(&shop->random, 8));
        }
        return;
    case 5:
        if (is_inside) {
            shop->bytes[at] = telling[random_below(&shop->random, sizeof telling)];
        }
        return;
    case 6:
        if (is_inside) {
            shop->bytes[at] = (uint8_t)(shop->bytes[at] + 1 + random_below(&shop->random, 8) - 4);
        }
        return;
    default:
        if (is_inside) {
            shop->bytes[at] = (uint8_t)random_next(&shop->random);
        }
        return;
    }
}

static void run_mutant(struct workshop *shop)
{
    struct bytes from = shop->inputs.items[random_below(&shop->random, shop->inputs.count)];
    size_t change_count = 1 + random_below(&shop->random, CHANGE_COUNT_MAX);

    shop->size = 0;
    insert(shop, 0, from);
    for (size_t i = 0; i < change_count; i++) {
        change(shop);
    }
    run((struct bytes){shop->bytes, shop->size});
}

/* The test. */

struct options {
    const char *corpus;
    uint64_t mutation_count;
    uint64_t seed;
};

static int run_test(const struct options *options)
{
    static struct workshop shop;
    const struct fuzz_sink inputs = {&shop.inputs, add_to_list};
    const struct fuzz_sink words = {&shop.words, add_to_list};

    printf("1..2\n");
    fuzz_seeds(&inputs);
    size_t seed_count = shop.inputs.count;
    if (options->corpus != NULL) {
        read_corpus(options->corpus, &shop.inputs);
    }
    for (size_t i = 0; i < shop.inputs.count; i++) {
        run(shop.inputs.items[i]);
    }
    printf("ok 1 - %zu seeds and %zu inputs of the corpus hold\n", seed_count,
           shop.inputs.count - seed_count);
    fuzz_words(&words);
    shop.random = options->seed;
    ENSURE(shop.inputs.count > 0);
    for (uint64_t i = 0; i < options->mutation_count; i++) {
        run_mutant(&shop);
    }
    printf("ok 2 - %" PRIu64 " mutations from seed %" PRIu64 " hold\n", options->mutation_count,
           options->seed);
    deinit_list(&shop.inputs);
    deinit_list(&shop.words);
    return EXIT_SUCCESS;
}

static int run_files(int count, char **paths)
{
    struct list list = {0};

    for (int i = 0; i < count; i++) {
        read_file(paths[i], &list);
    }
    for (size_t i = 0; i < list.count; i++) {
        run(list.items[i]);
    }
    deinit_list(&list);
    return EXIT_SUCCESS;
}

static int write_seeds(char *directory)
{
    fuzz_seeds(&(struct fuzz_sink){directory, write_seed});
    return EXIT_SUCCESS;
}

static int write_dictionary(const char *path)
{
    FILE *file = fopen(path, "we");

    ENSURE(file != NULL);
    fuzz_words(&(struct fuzz_sink){file, write_word});
    return fclose(file) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static bool is_option(const char *argument, const char *name)
{
    return strcmp(argument, name) == 0;
}

int main(int argc, char **argv)
{
    struct options options = {.mutation_count = MUTATION_COUNT, .seed = 1};
    int at = 1;

    watch_for_crashes(argv[0]);
    for (; at + 1 < argc && strncmp(argv[at], "--", 2) == 0; at += 2) {
        char *value = argv[at + 1];
        if (is_option(argv[at], "--seeds")) {
            return write_seeds(value);
        }
        if (is_option(argv[at], "--dictionary")) {
            return write_dictionary(value);
        }
        if (is_option(argv[at], "--corpus")) {
            options.corpus = value;
        } else if (is_option(argv[at], "--mutations")) {
            options.mutation_count = strtoull(value, NULL, 10);
        } else if (is_option(argv[at], "--seed")) {
            options.seed = strtoull(value, NULL, 10);
        }
    }
    return at < argc ? run_files(argc - at, argv + at) : run_test(&options);
}
