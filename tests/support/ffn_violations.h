/* Every way to break a rule of the FFN operator, and its neighbours that break none: one line each.
 */
#ifndef CLF_TESTS_FFN_VIOLATIONS_H
#define CLF_TESTS_FFN_VIOLATIONS_H

#include <stddef.h>

#include <clformer/status.h>

typedef struct ffn_violation {
    const char *base;   /* words of ffn_call.h, and ... */
    const char *change; /* ... those that override them */
    clf_status status;
    const char *message; /* contained in clf_last_error(); NULL with CLF_SUCCESS */
} ffn_violation;

extern const ffn_violation ffn_violations[];
extern const size_t ffn_num_violations;

#endif
