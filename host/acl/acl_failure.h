/* How a function of the ACL library fails: a status and one sentence. */
#ifndef CLF_ACL_FAILURE_H
#define CLF_ACL_FAILURE_H

#include <clformer/status.h>
#include <clformer/tensor.h>

/*
 * Stores the sentence for aclGetRecentErrMsg() on this thread. It begins with the function or
 * operator and names the argument, the value given and what is accepted; it ends without a newline.
 */
void clf_i_acl_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The status, with a sentence, so that a caller writes `return clf_i_acl_fail(...)`. A macro: who
 * reads the caller, compilers too, sees which status it returns. */
#define clf_i_acl_fail(status, ...) (clf_i_acl_say(__VA_ARGS__), (status))

/* The sentence of clf_last_error() after `function`'s name. The statuses of the native interface
 * are those of the aclnn functions; two have other numbers among the acl functions'. */
int clf_i_acl_fail_native(const char *function, clf_status status);

/* CL_SUCCESS: ACL_SUCCESS; else ACL_ERROR_BAD_ALLOC for want of memory and ACL_ERROR_FAILURE. */
int clf_i_acl_check_cl(const char *function, const char *call, cl_int code);

/* The code's name, or its number; valid until the thread's next call. */
const char *clf_i_acl_code_text(cl_int code);

#endif
