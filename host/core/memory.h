/* Host memory: the one place that calls the allocator. */
#ifndef CLF_CORE_MEMORY_H
#define CLF_CORE_MEMORY_H

#include <stddef.h>

/* Zeroed memory for `count` elements, or NULL (also if count * size overflows); never NULL for zero
 * bytes unless memory is out. */
void *clf_i_allocate(size_t count, size_t size);

/* NULL is allowed. */
void clf_i_release(void *memory);

/* A copy of a string, or NULL. */
char *clf_i_copy_string(const char *text);

/*
 * Tests replace the allocator to make it fail; NULL restores calloc and free. Not thread-safe: set
 * it while nothing else runs.
 */
typedef struct clf_i_allocator {
    void *(*allocate)(size_t count, size_t size, void *user);
    void (*release)(void *memory, void *user);
    void *user;
} clf_i_allocator;

void clf_i_set_allocator(const clf_i_allocator *allocator);

#endif
