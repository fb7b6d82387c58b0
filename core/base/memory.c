/*
 * memory.c - growing arrays, arenas of chained blocks, byte buffers.
 */
#include "core/base/memory.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_SIZE_MIN ((size_t)16 * 1024)
#define ALIGNMENT 16

struct arena_block {
    struct arena_block *previous;
    size_t size;
    _Alignas(ALIGNMENT) uint8_t data[];
};

void memory_grow(void **items, size_t *capacity, size_t item_size, size_t needed)
{
    if (needed <= *capacity) {
        return;
    }
    size_t grown = *capacity < 8 ? 8 : *capacity;
    while (grown < needed) {
        ENSURE(grown <= SIZE_MAX / 2 / item_size);
        grown *= 2;
    }
    uint8_t *moved = realloc(*items, grown * item_size);
    ENSURE(moved != NULL);
    memset(moved + *capacity * item_size, 0, (grown - *capacity) * item_size);
    *items = moved;
    *capacity = grown;
}

void *memory_take(size_t count, size_t item_size)
{
    void *taken = calloc(count == 0 ? 1 : count, item_size);

    ENSURE(taken != NULL);
    return taken;
}

static void add_block(struct arena *arena, size_t size)
{
    size_t block_size = size > BLOCK_SIZE_MIN ? size : BLOCK_SIZE_MIN;
    struct arena_block *block = malloc(sizeof *block + block_size);

    ENSURE(block != NULL);
    block->previous = arena->block;
    block->size = block_size;
    arena->block = block;
    arena->used = 0;
}

void *arena_take(struct arena *arena, size_t size)
{
    size_t rounded = (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);

    ENSURE(rounded >= size);
    if (arena->block == NULL || arena->block->size - arena->used < rounded) {
        add_block(arena, rounded);
    }
    void *taken = arena->block->data + arena->used;
    arena->used += rounded;
    return memset(taken, 0, rounded);
}

struct bytes arena_copy(struct arena *arena, struct bytes bytes)
{
    uint8_t *copy = arena_take(arena, bytes.size + 1);

    if (bytes.size > 0) {
        memcpy(copy, bytes.data, bytes.size);
    }
    return (struct bytes){.data = copy, .size = bytes.size};
}

/* Keeps the newest block, which is the largest that a message needed of late. */
void arena_reset(struct arena *arena)
{
    if (arena->block == NULL) {
        return;
    }
    struct arena_block *block = arena->block->previous;
    while (block != NULL) {
        struct arena_block *previous = block->previous;
        free(block);
        block = previous;
    }
    arena->block->previous = NULL;
    arena->used = 0;
}

void arena_deinit(struct arena *arena)
{
    arena_reset(arena);
    free(arena->block);
    *arena = (struct arena){0};
}

uint8_t *buffer_extend(struct buffer *buffer, size_t size)
{
    ENSURE(size <= SIZE_MAX / 4 - buffer->size);
    GROW(buffer->data, buffer->capacity, buffer->size + size);
    uint8_t *room = buffer->data + buffer->size;
    buffer->size += size;
    return room;
}

void buffer_append(struct buffer *buffer, const void *data, size_t size)
{
    if (size > 0) {
        memcpy(buffer_extend(buffer, size), data, size);
    }
}

void buffer_append_text(struct buffer *buffer, const char *text)
{
    buffer_append(buffer, text, strlen(text));
}

void buffer_format(struct buffer *buffer, const char *format, ...)
{
    char line[1024];
    va_list arguments;

    va_start(arguments, format);
    int size = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    ENSURE(size >= 0);
    buffer_append(buffer, line, min_u64((uint64_t)size, sizeof line - 1));
}

struct bytes buffer_view(const struct buffer *buffer)
{
    return (struct bytes){.data = buffer->data, .size = buffer->size};
}

void buffer_deinit(struct buffer *buffer)
{
    free(buffer->data);
    *buffer = (struct buffer){0};
}
