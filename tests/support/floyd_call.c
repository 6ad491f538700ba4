/* See floyd_call.h. */
#include "floyd_call.h"

#include <stdlib.h>
#include <string.h>

#include "call_words.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static bool set_tensor(floyd_call *call, const char *key, size_t length, const char *value) {
    clf_floyd_attention_args *args = &call->args;
    clf_floyd_attention_grad_args *grad = &call->grad_args;
    const struct {
        const char *key;
        const clf_tensor **field;
        const clf_tensor **grad_field;
    } fields[TEST_NUM_FLOYD_CALL_TENSORS] = {
        {"query", &args->query, &grad->query},
        {"key1", &args->key1, &grad->key1},
        {"value1", &args->value1, &grad->value1},
        {"key2", &args->key2, &grad->key2},
        {"value2", &args->value2, &grad->value2},
        {"atten_mask", &args->atten_mask, &grad->atten_mask},
        {"softmax_max", &args->softmax_max, &grad->softmax_max},
        {"softmax_sum", &args->softmax_sum, &grad->softmax_sum},
        {"attention_out", &args->attention_out, NULL},
        {"attention_in", NULL, &grad->attention_in},
        {"grad_output", NULL, &grad->grad_output},
        {"grad_query", NULL, &grad->grad_query},
        {"grad_key1", NULL, &grad->grad_key1},
        {"grad_value1", NULL, &grad->grad_value1},
        {"grad_key2", NULL, &grad->grad_key2},
        {"grad_value2", NULL, &grad->grad_value2},
    };
    for (size_t i = 0; i < LENGTH(fields); i++) {
        if (call_is_word(fields[i].key, key, length)) {
            const bool is_mask = fields[i].field == &args->atten_mask;
            const clf_tensor *tensor = call_read_tensor(&call->tensors[i], value,
                                                        is_mask ? CLF_DTYPE_BOOL : CLF_DTYPE_FP32);
            if (fields[i].field != NULL) {
                *fields[i].field = tensor;
            }
            if (fields[i].grad_field != NULL) {
                *fields[i].grad_field = tensor;
            }
            return true;
        }
    }
    return false;
}

static bool set_number(floyd_call *call, const char *key, size_t length, const char *value) {
    if (call_is_word("size", key, length)) {
        call->args.struct_size = (size_t)strtoull(value, NULL, 10);
        call->grad_args.struct_size = call->args.struct_size;
    } else if (call_is_word("scale", key, length)) {
        call->args.scale_value = strtod(value, NULL);
        call->grad_args.scale_value = call->args.scale_value;
    } else if (call_is_word("method", key, length)) {
        call->args.method = (clf_floyd_method)strtol(value, NULL, 10);
        call->grad_args.method = call->args.method;
    } else if (call_is_word("limit", key, length)) {
        call->args.workspace_limit = (size_t)strtoull(value, NULL, 10);
        call->grad_args.workspace_limit = call->args.workspace_limit;
    } else {
        return false;
    }
    return true;
}

static bool set_any(void *given, const char *key, size_t length, const char *value) {
    floyd_call *call = (floyd_call *)given;
    return set_tensor(call, key, length, value) || set_number(call, key, length, value);
}

void floyd_call_make(floyd_call *call, const char *text) {
    const clf_floyd_attention_args defaults = CLF_FLOYD_ATTENTION_ARGS;
    const clf_floyd_attention_grad_args grad_defaults = CLF_FLOYD_ATTENTION_GRAD_ARGS;
    memset(call, 0, sizeof *call);
    call->args = defaults;
    call->grad_args = grad_defaults;
    call_read_words(call, text, set_any);
}
