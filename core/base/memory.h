/*
 * memory.h - memory that is taken early and given back at once.
 *
 * Running out of memory stops the process: state is what the journal gives, so a
 * restart is the recovery. Limits keep it from happening.
 */
#ifndef CORE_BASE_MEMORY_H
#define CORE_BASE_MEMORY_H

#include "core/base/base.h"

/* Makes room for `needed` items of `item_size` bytes in `*items`, by doubling, and
 * zeroes what is new. `*capacity` counts items. The caller owns `*items` (free). */
void memory_grow(void **items, size_t *capacity, size_t item_size, size_t needed);

/* For typed arrays: GROW(array, capacity, needed). */
#define GROW(items, capacity, needed)                                                              \
    do {                                                                                           \
        if ((needed) > (capacity)) {                                                               \
            memory_grow((void **)&(items), &(capacity), sizeof *(items), (needed));                \
        }                                                                                          \
    } while (0)

/* Zeroed memory that the caller owns (free). Stops the process when there is none. */
void *memory_take(size_t count, size_t item_size);

/* An arena holds scratch memory for one message: everything taken from it dies
 * with arena_reset. Zero is an empty arena. */
struct arena_block;
struct arena {
    struct arena_block *block;
    size_t used;
};

/* `size` bytes, zeroed, aligned for any type. Borrowed until arena_reset. */
void *arena_take(struct arena *arena, size_t size);
struct bytes arena_copy(struct arena *arena, struct bytes bytes);
void arena_reset(struct arena *arena);
void arena_deinit(struct arena *arena);

/* A byte buffer that grows. Zero is an empty buffer. */
struct buffer {
    uint8_t *data;
    size_t size;
    size_t capacity;
};

/* Appends room for `size` bytes and returns it, borrowed until the next append. */
uint8_t *buffer_extend(struct buffer *buffer, size_t size);
void buffer_append(struct buffer *buffer, const void *data, size_t size);
void buffer_append_text(struct buffer *buffer, const char *text);
void buffer_format(struct buffer *buffer, const char *format, ...) PRINTF_LIKE(2, 3);
struct bytes buffer_view(const struct buffer *buffer); /* Borrowed until the next append. */
void buffer_deinit(struct buffer *buffer);

#endif
