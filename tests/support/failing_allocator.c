/* See failing_allocator.h. */
#include "failing_allocator.h"

#include <stdlib.h>

#include "core/memory.h"

static void *allocate(size_t count, size_t size, void *user) {
    failing_allocator *allocator = (failing_allocator *)user;
    const size_t number = ++allocator->count;
    if (allocator->failing != 0 &&
        (number == allocator->failing || (allocator->is_sticky && number > allocator->failing))) {
        return NULL;
    }
    void *memory = calloc(count, size);
    allocator->outstanding += memory != NULL;
    return memory;
}

static void release(void *memory, void *user) {
    ((failing_allocator *)user)->outstanding--;
    free(memory);
}

void failing_allocator_install(failing_allocator *allocator) {
    const clf_i_allocator hooks = {allocate, release, allocator};
    clf_i_set_allocator(&hooks);
}

void failing_allocator_remove(void) {
    clf_i_set_allocator(NULL);
}
