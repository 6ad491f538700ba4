/* See attention_call.h. */
#include "attention_call.h"

#include <stdlib.h>
#include <string.h>

#include "call_words.h"
#include "cmocka_all.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static bool set_tensor(attention_call *call, const char *key, size_t length, const char *value) {
    clf_flash_attention_args *args = &call->args;
    clf_flash_attention_grad_args *grad_args = &call->grad_args;
    const struct {
        const char *key;
        const clf_tensor **field;
        clf_dtype usual;
    } fields[TEST_NUM_ATTENTION_TENSORS] = {
        {"query", &args->query, CLF_DTYPE_FP32},
        {"key", &args->key, CLF_DTYPE_FP32},
        {"value", &args->value, CLF_DTYPE_FP32},
        {"out", &args->attention_out, CLF_DTYPE_FP32},
        {"max", &args->softmax_max, CLF_DTYPE_FP32},
        {"sum", &args->softmax_sum, CLF_DTYPE_FP32},
        {"pse", &args->pse, CLF_DTYPE_FP32},
        {"drop", &args->drop_mask, CLF_DTYPE_UINT8},
        {"mask", &args->atten_mask, CLF_DTYPE_BOOL},
        {"padding", &args->padding_mask, CLF_DTYPE_FP32},
        {"gout", &grad_args->grad_output, CLF_DTYPE_FP32},
        {"gquery", &grad_args->grad_query, CLF_DTYPE_FP32},
        {"gkey", &grad_args->grad_key, CLF_DTYPE_FP32},
        {"gvalue", &grad_args->grad_value, CLF_DTYPE_FP32},
        {"gpse", &grad_args->grad_pse, CLF_DTYPE_FP32},
    };
    for (size_t i = 0; i < LENGTH(fields); i++) {
        if (call_is_word(fields[i].key, key, length)) {
            *fields[i].field = call_read_tensor(&call->tensors[i], value, fields[i].usual);
            return true;
        }
    }
    return false;
}

static bool set_number(attention_call *call, const char *key, size_t length, const char *value) {
    clf_flash_attention_args *args = &call->args;
    const struct {
        const char *key;
        int64_t *field;
    } fields[] = {{"heads", &args->head_num},       {"pre", &args->pre_tokens},
                  {"next", &args->next_tokens},     {"inner", &args->inner_precise},
                  {"mode", &args->sparse_mode},     {"pse_type", &args->pse_type},
                  {"qstart", &args->q_start_idx},   {"kvstart", &args->kv_start_idx},
                  {"seed", (int64_t *)&args->seed}, {"offset", (int64_t *)&args->offset}};
    for (size_t i = 0; i < LENGTH(fields); i++) {
        if (call_is_word(fields[i].key, key, length)) {
            *fields[i].field = strtoll(value, NULL, 10);
            return true;
        }
    }
    return false;
}

static bool set_list(attention_call *call, const char *key, size_t length, const char *value) {
    clf_flash_attention_args *args = &call->args;
    const struct {
        const char *key;
        const int64_t **field;
        size_t *count;
    } fields[] = {{"prefix", &args->prefix, &args->num_prefix},
                  {"qlen", &args->actual_seq_qlen, &args->num_actual_seq_qlen},
                  {"kvlen", &args->actual_seq_kvlen, &args->num_actual_seq_kvlen}};
    for (size_t i = 0; i < LENGTH(fields); i++) {
        if (call_is_word(fields[i].key, key, length)) {
            const bool is_null = call_is_null(value);
            *fields[i].field = is_null ? NULL : call->lists[i];
            *fields[i].count =
                is_null ? 0 : call_read_numbers(value, call->lists[i], TEST_MAX_LIST);
            assert_true(*fields[i].count <= TEST_MAX_LIST);
            return true;
        }
    }
    return false;
}

static bool set_other(attention_call *call, const char *key, size_t length, const char *value) {
    clf_flash_attention_args *args = &call->args;
    if (call_is_word("layout", key, length)) {
        args->input_layout = call_read_string(call->words[0], sizeof call->words[0], value);
    } else if (call_is_word("order", key, length)) {
        args->softmax_layout = call_read_string(call->words[1], sizeof call->words[1], value);
    } else if (call_is_word("scale", key, length)) {
        args->scale = strtod(value, NULL);
    } else if (call_is_word("keep", key, length)) {
        args->keep_prob = strtod(value, NULL);
    } else if (call_is_word("generate", key, length)) {
        args->generate_dropout = value[0] == '1';
    } else if (call_is_word("variant", key, length)) {
        args->variant = value[0] == 'p'   ? CLF_VARIANT_PORTABLE
                        : value[0] == 'c' ? CLF_VARIANT_CPU
                                          : CLF_VARIANT_AUTO;
    } else {
        return false;
    }
    return true;
}

clf_flash_attention_grad_args attention_grad_args_of(const clf_flash_attention_args *forward) {
    clf_flash_attention_grad_args args = CLF_FLASH_ATTENTION_GRAD_ARGS;
    args.query = forward->query;
    args.key = forward->key;
    args.value = forward->value;
    args.pse = forward->pse;
    args.drop_mask = forward->drop_mask;
    args.padding_mask = forward->padding_mask;
    args.atten_mask = forward->atten_mask;
    args.attention_in = forward->attention_out;
    args.softmax_max = forward->softmax_max;
    args.softmax_sum = forward->softmax_sum;
    args.input_layout = forward->input_layout;
    args.head_num = forward->head_num;
    args.scale = forward->scale;
    args.keep_prob = forward->keep_prob;
    args.pre_tokens = forward->pre_tokens;
    args.next_tokens = forward->next_tokens;
    args.inner_precise = forward->inner_precise;
    args.sparse_mode = forward->sparse_mode;
    args.pse_type = forward->pse_type;
    args.q_start_idx = forward->q_start_idx;
    args.kv_start_idx = forward->kv_start_idx;
    args.prefix = forward->prefix;
    args.num_prefix = forward->num_prefix;
    args.actual_seq_qlen = forward->actual_seq_qlen;
    args.num_actual_seq_qlen = forward->num_actual_seq_qlen;
    args.actual_seq_kvlen = forward->actual_seq_kvlen;
    args.num_actual_seq_kvlen = forward->num_actual_seq_kvlen;
    args.softmax_layout = forward->softmax_layout;
    args.generate_dropout = forward->generate_dropout;
    args.seed = forward->seed;
    args.offset = forward->offset;
    args.variant = forward->variant;
    return args;
}

static bool set_any(void *given, const char *key, size_t length, const char *value) {
    attention_call *call = (attention_call *)given;
    return set_tensor(call, key, length, value) || set_number(call, key, length, value) ||
           set_list(call, key, length, value) || set_other(call, key, length, value);
}

/* Other words have been read before. */
static bool set_gradient(void *given, const char *key, size_t length, const char *value) {
    attention_call *call = (attention_call *)given;
    return key[0] != 'g' || call_is_word("generate", key, length) ||
           set_tensor(call, key, length, value);
}

void attention_call_make(attention_call *call, const char *text) {
    const clf_flash_attention_args defaults = CLF_FLASH_ATTENTION_ARGS;
    memset(call, 0, sizeof *call);
    call->args = defaults;
    call_read_words(call, text, set_any);
    call->grad_args = attention_grad_args_of(&call->args);
    call->grad_args.grad_output = call->args.attention_out;
    call->grad_args.grad_query = call->args.query;
    call->grad_args.grad_key = call->args.key;
    call->grad_args.grad_value = call->args.value;
    call->grad_args.grad_pse = call->args.pse;
    call_read_words(call, text, set_gradient);
}
