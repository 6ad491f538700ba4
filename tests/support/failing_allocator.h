/* An allocator that fails on demand and counts what is not released. */
#ifndef CLF_TESTS_FAILING_ALLOCATOR_H
#define CLF_TESTS_FAILING_ALLOCATOR_H

#include <stdbool.h>
#include <stddef.h>

typedef struct failing_allocator {
    size_t failing;   /* the number of the allocation that fails, from 1; 0: none */
    bool is_sticky;   /* all from then on fail too                                 */
    size_t count;     /* allocations asked for                                     */
    long outstanding; /* blocks not released                                       */
} failing_allocator;

/* Puts it in place of the library's allocator, or the standard one back. */
void failing_allocator_install(failing_allocator *allocator);
void failing_allocator_remove(void);

#endif
