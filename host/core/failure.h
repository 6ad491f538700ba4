/* How a function fails: a status and one sentence. */
#ifndef CLF_CORE_FAILURE_H
#define CLF_CORE_FAILURE_H

#include <clformer/status.h>

/*
 * Stores the sentence for clf_last_error() on this thread, logs it, and returns `status`, so that a
 * caller writes `return clf_i_fail(...)`. The sentence names the argument, the value given and what
 * is accepted; it ends without a newline. Too long a sentence is cut.
 */
clf_status clf_i_fail(clf_status status, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
