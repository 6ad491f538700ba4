/* See ffn_call.h. */
#include "ffn_call.h"

#include <stdlib.h>
#include <string.h>

#include "call_words.h"
#include "cmocka_all.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

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
        if (call_is_word(fields[i].key, key, length)) {
            const bool is_tokens = fields[i].field == &args->expert_tokens_tensor;
            *fields[i].field = call_read_tensor(&call->tensors[i], value,
                                                is_tokens ? CLF_DTYPE_INT64 : CLF_DTYPE_FP32);
            return true;
        }
    }
    return false;
}

static bool set_other(ffn_call *call, const char *key, size_t length, const char *value) {
    clf_ffn_args *args = &call->args;
    if (call_is_word("act", key, length)) {
        args->activation = call_read_string(call->activation, sizeof call->activation, value);
    } else if (call_is_word("tokens", key, length)) {
        const bool is_null = call_is_null(value);
        args->num_expert_tokens =
            is_null ? 0 : call_read_numbers(value, call->tokens, TEST_MAX_FFN_TOKENS);
        assert_true(args->num_expert_tokens <= TEST_MAX_FFN_TOKENS);
        args->expert_tokens = is_null ? NULL : call->tokens;
    } else if (call_is_word("precise", key, length)) {
        args->inner_precise = strtoll(value, NULL, 10);
    } else if (call_is_word("index", key, length)) {
        args->tokens_index_flag = value[0] == '1';
    } else if (call_is_word("num", key, length)) {
        args->num_expert_tokens = (size_t)strtoull(value, NULL, 10);
    } else if (call_is_word("size", key, length)) {
        args->struct_size = (size_t)strtoull(value, NULL, 10);
    } else {
        return false;
    }
    return true;
}

static bool set_any(void *given, const char *key, size_t length, const char *value) {
    ffn_call *call = (ffn_call *)given;
    return set_tensor(call, key, length, value) || set_other(call, key, length, value);
}

void ffn_call_make(ffn_call *call, const char *text) {
    const clf_ffn_args defaults = CLF_FFN_ARGS;
    memset(call, 0, sizeof *call);
    call->args = defaults;
    call_read_words(call, text, set_any);
}
