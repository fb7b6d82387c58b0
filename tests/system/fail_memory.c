/*
 * fail_memory.c - preloaded into a program: its n-th allocation fails.
 *
 *     FAIL_MEMORY_AT=N      the N-th call of malloc, calloc, realloc gets nothing; 0: none
 *     FAIL_MEMORY_AFTER=1   and neither does any call behind it
 *     FAIL_MEMORY_COUNT=F   at the end the number of calls is written to the file F
 *
 * Processes that the program starts are left alone; its forks are not.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define EXPORTED __attribute__((visibility("default")))

/* glibc's own, under the names that it gives them for this. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);

static atomic_ulong call_count;
static unsigned long fail_at;
static bool fails_after;
static const char *count_path;

__attribute__((constructor)) static void start(void)
{
    const char *at = getenv("FAIL_MEMORY_AT");

    unsetenv("LD_PRELOAD");
    fails_after = getenv("FAIL_MEMORY_AFTER") != NULL;
    count_path = getenv("FAIL_MEMORY_COUNT");
    fail_at = at == NULL ? 0 : strtoul(at, NULL, 10);
    atomic_store(&call_count, 0);
}

__attribute__((destructor)) static void stop(void)
{
    char text[32];
    int file = count_path == NULL ? -1 : open(count_path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    if (file >= 0) {
        int size = snprintf(text, sizeof text, "%lu\n", atomic_load(&call_count));
        (void)!write(file, text, (size_t)size);
        close(file);
    }
}

static bool must_fail(void)
{
    unsigned long number = atomic_fetch_add(&call_count, 1) + 1;
    bool fails = fail_at != 0 && (number == fail_at || (fails_after && number > fail_at));

    if (fails) {
        errno = ENOMEM;
    }
    return fails;
}

EXPORTED void *malloc(size_t size)
{
    return must_fail() ? NULL : __libc_malloc(size);
}

EXPORTED void *calloc(size_t count, size_t size)
{
    return must_fail() ? NULL : __libc_calloc(count, size);
}

EXPORTED void *realloc(void *memory, size_t size)
{
    return must_fail() ? NULL : __libc_realloc(memory, size);
}
