/* Host memory through one replaceable allocator. */
#include "core/memory.h"

#include <stdlib.h>
#include <string.h>

static clf_i_allocator replacement;

void clf_i_set_allocator(const clf_i_allocator *allocator) {
    if (allocator != NULL) {
        replacement = *allocator;
    } else {
        memset(&replacement, 0, sizeof replacement);
    }
}

void *clf_i_allocate(size_t count, size_t size) {
    /* calloc may answer NULL for zero bytes, which callers would take for a failure. */
    if (count == 0 || size == 0) {
        count = 1;
        size = 1;
    }
    if (replacement.allocate != NULL) {
        return replacement.allocate(count, size, replacement.user);
    }
    return calloc(count, size);
}

void clf_i_release(void *memory) {
    if (memory == NULL) {
        return;
    }
    if (replacement.release != NULL) {
        replacement.release(memory, replacement.user);
    } else {
        free(memory);
    }
}

char *clf_i_copy_string(const char *text) {
    const size_t size = strlen(text) + 1;
    char *copy = clf_i_allocate(size, 1);
    if (copy != NULL) {
        memcpy(copy, text, size);
    }
    return copy;
}
