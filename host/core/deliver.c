/* JSON values into a caller's buffer. */
#include "core/deliver.h"

#include <stdlib.h>
#include <string.h>

#include "core/failure.h"

static clf_status deliver_text(const char *text, char *buffer, size_t *size) {
    const size_t capacity = *size;
    const size_t needed = strlen(text) + 1;
    *size = needed;
    if (buffer == NULL) {
        return CLF_SUCCESS;
    }
    if (capacity < needed) {
        return clf_i_fail(CLF_ERR_PARAM_INVALID, "size is %zu, accepted: %zu bytes or more",
                          capacity, needed);
    }
    memcpy(buffer, text, needed);
    return CLF_SUCCESS;
}

clf_status clf_i_deliver_json(json_t *value, char *buffer, size_t *size) {
    char *text = value != NULL ? json_dumps(value, JSON_COMPACT | JSON_REAL_PRECISION(9)) : NULL;
    json_decref(value);
    if (text == NULL) {
        return clf_i_fail(CLF_ERR_OUT_OF_MEMORY, "out of host memory for a description");
    }
    const clf_status status = deliver_text(text, buffer, size);
    free(text); /* jansson's own allocation */
    return status;
}
