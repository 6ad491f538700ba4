/* See floyd_call.h. */
#include "floyd_call.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "cmocka_all.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static clf_dtype read_dtype(const char *name, size_t length) {
    for (int number = 0; number < 64; number++) {
        const char *known = clf_dtype_name((clf_dtype)number);
        if (clf_dtype_bits((clf_dtype)number) > 0 && strlen(known) == length &&
            strncmp(known, name, length) == 0) {
            return (clf_dtype)number;
        }
    }
    return (clf_dtype)99;
}

/* Sizes up to the end of the word; more than a tensor has places for are counted only. */
static int32_t read_sizes(const char *value, int64_t *sizes) {
    int32_t rank = 0;
    while (*value != '\0' && *value != ' ') {
        char *end = NULL;
        const int64_t size = strtoll(value, &end, 10);
        assert_true(end != value);
        if (rank < CLF_MAX_RANK) {
            sizes[rank] = size;
        }
        rank++;
        value = *end == ',' ? end + 1 : end;
    }
    return rank;
}

static const clf_tensor *read_tensor(clf_tensor *tensor, const char *value, clf_dtype usual) {
    int64_t sizes[CLF_MAX_RANK] = {0};
    if (strncmp(value, "null", 4) == 0) {
        return NULL;
    }
    const char *colon = (const char *)memchr(value, ':', strcspn(value, " "));
    const clf_dtype dtype = colon != NULL ? read_dtype(value, (size_t)(colon - value)) : usual;
    const int32_t rank = read_sizes(colon != NULL ? colon + 1 : value, sizes);
    *tensor = clf_tensor_contiguous(NULL, dtype, rank, sizes);
    return tensor;
}

static bool is_word(const char *word, const char *key, size_t length) {
    return strlen(word) == length && strncmp(word, key, length) == 0;
}

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
        if (is_word(fields[i].key, key, length)) {
            const bool is_mask = fields[i].field == &args->atten_mask;
            const clf_tensor *tensor =
                read_tensor(&call->tensors[i], value, is_mask ? CLF_DTYPE_BOOL : CLF_DTYPE_FP32);
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
    if (is_word("size", key, length)) {
        call->args.struct_size = (size_t)strtoull(value, NULL, 10);
        call->grad_args.struct_size = call->args.struct_size;
    } else if (is_word("scale", key, length)) {
        call->args.scale_value = strtod(value, NULL);
        call->grad_args.scale_value = call->args.scale_value;
    } else if (is_word("method", key, length)) {
        call->args.method = (clf_floyd_method)strtol(value, NULL, 10);
        call->grad_args.method = call->args.method;
    } else if (is_word("limit", key, length)) {
        call->args.workspace_limit = (size_t)strtoull(value, NULL, 10);
        call->grad_args.workspace_limit = call->args.workspace_limit;
    } else {
        return false;
    }
    return true;
}

void floyd_call_make(floyd_call *call, const char *text) {
    const clf_floyd_attention_args defaults = CLF_FLOYD_ATTENTION_ARGS;
    const clf_floyd_attention_grad_args grad_defaults = CLF_FLOYD_ATTENTION_GRAD_ARGS;
    memset(call, 0, sizeof *call);
    call->args = defaults;
    call->grad_args = grad_defaults;
    while (*text != '\0') {
        const size_t word = strcspn(text, " ");
        const char *equals = (const char *)memchr(text, '=', word);
        if (word > 0) {
            if (equals == NULL) {
                fail_msg("no '=' in \"%s\"", text);
                return;
            }
            const size_t length = (size_t)(equals - text);
            if (!set_tensor(call, text, length, equals + 1) &&
                !set_number(call, text, length, equals + 1)) {
                fail_msg("unknown word in \"%s\"", text);
            }
        }
        text += word + (text[word] == ' ');
    }
}
