/* See ffn_call.h. */
#include "ffn_call.h"

#include <stdlib.h>
#include <string.h>

#include "cmocka_all.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static clf_dtype read_dtype(const char *value, size_t length) {
    for (int number = 0; number < 64; number++) {
        const char *name = clf_dtype_name((clf_dtype)number);
        if (strlen(name) == length && strncmp(name, value, length) == 0 &&
            clf_dtype_bits((clf_dtype)number) > 0) {
            return (clf_dtype)number;
        }
    }
    return (clf_dtype)99;
}

/* Comma-separated numbers; returns how many, and where they end. */
static size_t read_numbers(const char **text, int64_t *numbers, size_t capacity) {
    size_t count = 0;
    const char *at = *text;
    while (*at == '-' || (*at >= '0' && *at <= '9')) {
        char *end = NULL;
        assert_true(count < capacity);
        numbers[count++] = strtoll(at, &end, 10);
        at = *end == ',' ? end + 1 : end;
    }
    *text = at;
    return count;
}

static const clf_tensor *read_tensor(clf_tensor *tensor, const char *value, clf_dtype usual) {
    int64_t shape[CLF_MAX_RANK] = {0};
    if (strncmp(value, "null", 4) == 0) {
        return NULL;
    }
    const char *colon = (const char *)memchr(value, ':', strcspn(value, " "));
    const clf_dtype dtype = colon != NULL ? read_dtype(value, (size_t)(colon - value)) : usual;
    const char *at = colon != NULL ? colon + 1 : value;
    const size_t rank = read_numbers(&at, shape, CLF_MAX_RANK);
    *tensor = clf_tensor_contiguous(NULL, dtype, (int32_t)rank, shape);
    if (*at == '/') {
        at++;
        assert_int_equal(read_numbers(&at, tensor->strides, CLF_MAX_RANK), rank);
    }
    if (*at == '@') {
        char *end = NULL;
        tensor->offset = (size_t)strtoull(at + 1, &end, 10);
        at = end;
    }
    if (*at != ' ' && *at != '\0') {
        fail_msg("cannot read \"%s\"", value);
    }
    return tensor;
}

static bool set_tensor(ffn_call *call, const char *key, size_t length, const char *value) {
    clf_ffn_args *args = &call->args;
    const struct {
        const char *key;
        const clf_tensor **field;
    } fields[TEST_NUM_FFN_TENSORS] = {
        {"x", &args->x},
        {"w1", &args->weight1},
        {"w2", &args->weight2},
        {"b1", &args->bias1},
        {"b2", &args->bias2},
        {"scale", &args->scale},
        {"offset", &args->offset},
        {"ds1", &args->deq_scale1},
        {"ds2", &args->deq_scale2},
        {"as1", &args->antiquant_scale1},
        {"as2", &args->antiquant_scale2},
        {"ao1", &args->antiquant_offset1},
        {"ao2", &args->antiquant_offset2},
        {"y", &args->y},
        {"device", &args->expert_tokens_tensor},
    };
    for (size_t i = 0; i < LENGTH(fields); i++) {
        if (strlen(fields[i].key) == length && strncmp(fields[i].key, key, length) == 0) {
            const bool is_tokens = fields[i].field == &args->expert_tokens_tensor;
            *fields[i].field =
                read_tensor(&call->tensors[i], value, is_tokens ? CLF_DTYPE_INT64 : CLF_DTYPE_FP32);
            return true;
        }
    }
    return false;
}

static void set_activation(ffn_call *call, const char *value) {
    const size_t length = strcspn(value, " ");
    if (strncmp(value, "null", 4) == 0) {
        call->args.activation = NULL;
        return;
    }
    assert_true(length < sizeof call->activation);
    memcpy(call->activation, value, length);
    call->activation[length] = '\0';
    call->args.activation = call->activation;
}

static bool set_other(ffn_call *call, const char *key, size_t length, const char *value) {
    clf_ffn_args *args = &call->args;
    if (strncmp(key, "act", length) == 0) {
        set_activation(call, value);
    } else if (strncmp(key, "tokens", length) == 0) {
        const bool none = strncmp(value, "null", 4) == 0;
        args->num_expert_tokens =
            none ? 0 : read_numbers(&value, call->tokens, TEST_MAX_FFN_TOKENS);
        args->expert_tokens = none ? NULL : call->tokens;
    } else if (strncmp(key, "precise", length) == 0) {
        args->inner_precise = strtoll(value, NULL, 10);
    } else if (strncmp(key, "index", length) == 0) {
        args->tokens_index_flag = value[0] == '1';
    } else if (strncmp(key, "num", length) == 0) {
        args->num_expert_tokens = (size_t)strtoull(value, NULL, 10);
    } else if (strncmp(key, "size", length) == 0) {
        args->struct_size = (size_t)strtoull(value, NULL, 10);
    } else {
        return false;
    }
    return true;
}

void ffn_call_make(ffn_call *call, const char *text) {
    const clf_ffn_args defaults = CLF_FFN_ARGS;
    memset(call, 0, sizeof *call);
    call->args = defaults;
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
                !set_other(call, text, length, equals + 1)) {
                fail_msg("unknown word in \"%s\"", text);
            }
        }
        text += word + (text[word] == ' ');
    }
}
