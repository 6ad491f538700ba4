/* The thread's sentence behind aclGetRecentErrMsg(), and OpenCL's and clformer's failures in it. */
#include "acl/acl_failure.h"

#include <acl/acl.h>
#include <stdarg.h>
#include <stdio.h>

#define MESSAGE_CAPACITY 4096

static _Thread_local char last_message[MESSAGE_CAPACITY];
static _Thread_local char taken_message[MESSAGE_CAPACITY];

int clf_i_acl_fail(int status, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    if (vsnprintf(last_message, sizeof last_message, format, arguments) < 0) {
        last_message[0] = '\0';
    }
    va_end(arguments);
    return status;
}

int clf_i_acl_fail_native(const char *function, clf_status status) {
    return clf_i_acl_fail((int)status, "%s: %s", function, clf_last_error());
}

int clf_i_acl_check_cl(const char *function, const char *call, cl_int code) {
    switch (code) {
    case CL_SUCCESS:
        return ACL_SUCCESS;
    case CL_MEM_OBJECT_ALLOCATION_FAILURE:
    case CL_OUT_OF_RESOURCES:
    case CL_OUT_OF_HOST_MEMORY:
        return clf_i_acl_fail(ACL_ERROR_BAD_ALLOC, "%s: %s failed for want of memory (OpenCL %d)",
                              function, call, (int)code);
    default:
        return clf_i_acl_fail(ACL_ERROR_FAILURE, "%s: %s failed (OpenCL %d)", function, call,
                              (int)code);
    }
}

const char *aclGetRecentErrMsg(void) {
    snprintf(taken_message, sizeof taken_message, "%s", last_message);
    last_message[0] = '\0';
    return taken_message;
}
