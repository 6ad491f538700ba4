/* Every way to break a rule of the attention operator, and its neighbours that break none: one line
 * each. */
#ifndef CLF_TESTS_ATTENTION_VIOLATIONS_H
#define CLF_TESTS_ATTENTION_VIOLATIONS_H

#include <stddef.h>

#include <clformer/status.h>

typedef struct attention_violation {
    const char *base;   /* words of attention_call.h, and ... */
    const char *change; /* ... those that override them       */
    clf_status status;
    const char *message; /* contained in clf_last_error(); NULL with CLF_SUCCESS */
} attention_violation;

/* Those of the forward, which are the gradient's, too: it calls attention_out attention_in. */
extern const attention_violation attention_violations[];
extern const size_t attention_num_violations;

/* Those that only the gradient has. */
extern const attention_violation attention_grad_violations[];
extern const size_t attention_num_grad_violations;

#endif
