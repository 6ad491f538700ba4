/* Status names and the thread-local sentence behind clf_last_error(). */
#include "core/failure.h"

#include <stdarg.h>
#include <stdio.h>

#include "core/log.h"

#define MESSAGE_CAPACITY 4096

static _Thread_local char last_message[MESSAGE_CAPACITY];

static const struct {
    clf_status status;
    const char *name;
} status_names[] = {
    {CLF_SUCCESS, "CLF_SUCCESS"},
    {CLF_ERR_PARAM_NULLPTR, "CLF_ERR_PARAM_NULLPTR"},
    {CLF_ERR_PARAM_INVALID, "CLF_ERR_PARAM_INVALID"},
    {CLF_ERR_TILING, "CLF_ERR_TILING"},
    {CLF_ERR_OUT_OF_MEMORY, "CLF_ERR_OUT_OF_MEMORY"},
    {CLF_ERR_UNSUPPORTED, "CLF_ERR_UNSUPPORTED"},
    {CLF_ERR_NO_DEVICE, "CLF_ERR_NO_DEVICE"},
    {CLF_ERR_RUNTIME, "CLF_ERR_RUNTIME"},
    {CLF_ERR_BUILD, "CLF_ERR_BUILD"},
    {CLF_ERR_INTERNAL, "CLF_ERR_INTERNAL"},
};

const char *clf_status_name(clf_status status) {
    for (size_t i = 0; i < sizeof status_names / sizeof status_names[0]; ++i) {
        if (status_names[i].status == status) {
            return status_names[i].name;
        }
    }
    return "CLF_ERR_UNKNOWN";
}

const char *clf_last_error(void) {
    return last_message;
}

clf_status clf_i_fail(clf_status status, const char *format, ...) {
    /* Formatted aside first: an argument may be the former message itself. */
    char message[MESSAGE_CAPACITY];
    va_list arguments;
    va_start(arguments, format);
    const int length = vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    snprintf(last_message, sizeof last_message, "%s", length < 0 ? format : message);
    clf_i_log(CLF_LOG_ERROR, "%s: %s", clf_status_name(status), last_message);
    return status;
}
