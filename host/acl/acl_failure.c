/* The thread's sentence behind aclGetRecentErrMsg(), and OpenCL's and clformer's failures in it. */
#include "acl/acl_failure.h"

#include <acl/acl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

#define MESSAGE_CAPACITY 4096

static _Thread_local char last_message[MESSAGE_CAPACITY];
static _Thread_local char taken_message[MESSAGE_CAPACITY];

void clf_i_acl_say(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    if (vsnprintf(last_message, sizeof last_message, format, arguments) < 0) {
        last_message[0] = '\0';
    }
    va_end(arguments);
}

int clf_i_acl_fail_native(const char *function, clf_status status) {
    return clf_i_acl_fail((int)status, "%s: %s", function, clf_last_error());
}

/* The names of the codes that calls of this library may meet. */
static const struct {
    cl_int code;
    const char *name;
} code_names[] = {
#define NAMED(code)                                                                                \
    { code, #code }
    NAMED(CL_DEVICE_NOT_FOUND),
    NAMED(CL_DEVICE_NOT_AVAILABLE),
    NAMED(CL_MEM_OBJECT_ALLOCATION_FAILURE),
    NAMED(CL_OUT_OF_RESOURCES),
    NAMED(CL_OUT_OF_HOST_MEMORY),
    NAMED(CL_PROFILING_INFO_NOT_AVAILABLE),
    NAMED(CL_MEM_COPY_OVERLAP),
    NAMED(CL_MISALIGNED_SUB_BUFFER_OFFSET),
    NAMED(CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST),
    NAMED(CL_INVALID_VALUE),
    NAMED(CL_INVALID_DEVICE),
    NAMED(CL_INVALID_CONTEXT),
    NAMED(CL_INVALID_COMMAND_QUEUE),
    NAMED(CL_INVALID_MEM_OBJECT),
    NAMED(CL_INVALID_EVENT),
    NAMED(CL_INVALID_OPERATION),
    NAMED(CL_INVALID_BUFFER_SIZE),
#undef NAMED
};

const char *clf_i_acl_code_text(cl_int code) {
    static _Thread_local char number[32];
    for (size_t i = 0; i < sizeof code_names / sizeof code_names[0]; ++i) {
        if (code_names[i].code == code) {
            return code_names[i].name;
        }
    }
    snprintf(number, sizeof number, "OpenCL error %d", (int)code);
    return number;
}

int clf_i_acl_check_cl(const char *function, const char *call, cl_int code) {
    if (code == CL_SUCCESS) {
        return ACL_SUCCESS;
    }
    const bool is_for_memory = code == CL_MEM_OBJECT_ALLOCATION_FAILURE ||
                               code == CL_OUT_OF_RESOURCES || code == CL_OUT_OF_HOST_MEMORY;
    return clf_i_acl_fail(is_for_memory ? ACL_ERROR_BAD_ALLOC : ACL_ERROR_FAILURE,
                          "%s: %s failed with %s", function, call, clf_i_acl_code_text(code));
}

const char *aclGetRecentErrMsg(void) {
    snprintf(taken_message, sizeof taken_message, "%s", last_message);
    last_message[0] = '\0';
    return taken_message;
}
