/* Every way to break a rule of the Floyd operators, and its neighbours that break none: one line
 * each. */
#ifndef CLF_TESTS_FLOYD_VIOLATIONS_H
#define CLF_TESTS_FLOYD_VIOLATIONS_H

#include <stddef.h>

#include <clformer/status.h>

typedef enum floyd_direction { TEST_FORWARD = 1, TEST_GRADIENT = 2, TEST_BOTH = 3 } floyd_direction;

typedef struct floyd_violation {
    floyd_direction direction; /* the operators it is about           */
    const char *change;        /* words of floyd_call.h, and ...      */
    clf_status status;
    const char *message; /* contained in clf_last_error(); NULL with CLF_SUCCESS */
} floyd_violation;

/* ... the words that they override: every tensor of both operators, B 2, H 3, N 4, M 5, K 6, D 16.
 */
extern const char floyd_violations_base[];
extern const floyd_violation floyd_violations[];
extern const size_t floyd_num_violations;

#endif
