/*
 * fail_memory.c - preloaded into a program: its n-th allocation fails.
 *
 *     FAIL_MEMORY_AT=N      the N-th call of malloc, calloc, realloc gets nothing; 0: none
 *     FAIL_MEMORY_AFTER=1   and neither does any call behind it
 *     FAIL_MEMORY_OWN=1     only calls from the program's own file count, not those of libraries
 *     FAIL_MEMORY_COUNT=F   at the end the number of calls is written to the file F
 *
 * Processes that the program starts are left alone; its forks are not.
 */
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
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
static uintptr_t own_start, own_end; /* Of the program's file in memory; 0: all calls count. */

/* The first object is the program itself. */
static int note_program(struct dl_phdr_info *program, size_t size, void *context)
{
    (void)size;
    (void)context;
    own_start = UINTPTR_MAX;
    for (size_t i = 0; i < program->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &program->dlpi_phdr[i];
        if (part->p_type == PT_LOAD) {
            uintptr_t start = program->dlpi_addr + part->p_vaddr;
            own_start = start < own_start ? start : own_start;
            own_end = start + part->p_memsz > own_end ? start + part->p_memsz : own_end;
        }
    }
    return 1;
}

__attribute__((constructor)) static void start(void)
{
    const char *at = getenv("FAIL_MEMORY_AT");

    unsetenv("LD_PRELOAD");
    fails_after = getenv("FAIL_MEMORY_AFTER") != NULL;
    count_path = getenv("FAIL_MEMORY_COUNT");
    fail_at = at == NULL ? 0 : strtoul(at, NULL, 10);
    if (getenv("FAIL_MEMORY_OWN") != NULL) {
        (void)dl_iterate_phdr(note_program, NULL);
    }
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

static bool must_fail(const void *caller)
{
    uintptr_t address = (uintptr_t)caller;

    if (own_end != 0 && (address < own_start || address >= own_end)) {
        return false;
    }
    unsigned long number = atomic_fetch_add(&call_count, 1) + 1;
    bool fails = fail_at != 0 && (number == fail_at || (fails_after && number > fail_at));

    if (fails) {
        errno = ENOMEM;
    }
    return fails;
}

EXPORTED void *malloc(size_t size)
{
    return must_fail(__builtin_return_address(0)) ? NULL : __libc_malloc(size);
}

/* The C library's own names for the parameters are reserved. */
/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name) */
EXPORTED void *calloc(size_t count, size_t size)
{
    return must_fail(__builtin_return_address(0)) ? NULL : __libc_calloc(count, size);
}

/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name) */
EXPORTED void *realloc(void *memory, size_t size)
{
    return must_fail(__builtin_return_address(0)) ? NULL : __libc_realloc(memory, size);
}
