/* See attention_call.h. */
#include "attention_call.h"

#include <stdlib.h>
#include <string.h>

#include "cmocka_all.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static clf_dtype read_dtype(const char *value, size_t length, clf_dtype usual) {
    static const clf_dtype dtypes[] = {CLF_DTYPE_FP32, CLF_DTYPE_FP16, CLF_DTYPE_BF16,
                                       CLF_DTYPE_UINT8, CLF_DTYPE_BOOL};
    for (size_t i = 0; length > 0 && i < LENGTH(dtypes); i++) {
        const char *name = clf_dtype_name(dtypes[i]);
        if (strlen(name) == length && strncmp(name, value, length) == 0) {
            return dtypes[i];
        }
    }
    return length > 0 ? (clf_dtype)99 : usual;
}

/* Comma-separated numbers up to the end of the word; returns how many. */
static size_t read_numbers(const char *value, int64_t *numbers, size_t capacity) {
    size_t count = 0;
    while (*value != '\0' && *value != ' ') {
        char *end = NULL;
        assert_true(count < capacity);
        numbers[count++] = strtoll(value, &end, 10);
        assert_true(end != value);
        value = *end == ',' ? end + 1 : end;
    }
    return count;
}

static const clf_tensor *read_tensor(clf_tensor *tensor, const char *value, clf_dtype usual) {
    int64_t shape[CLF_MAX_RANK] = {0};
    if (strncmp(value, "null", 4) == 0) {
        return NULL;
    }
    const size_t word = strcspn(value, " ");
    const char *colon = (const char *)memchr(value, ':', word);
    const clf_dtype dtype = read_dtype(value, colon != NULL ? (size_t)(colon - value) : 0, usual);
    const size_t rank = read_numbers(colon != NULL ? colon + 1 : value, shape, CLF_MAX_RANK);
    *tensor = clf_tensor_contiguous(NULL, dtype, (int32_t)rank, shape);
    return tensor;
}

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
        if (strlen(fields[i].key) == length && strncmp(fields[i].key, key, length) == 0) {
            *fields[i].field = read_tensor(&call->tensors[i], value, fields[i].usual);
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
        if (strlen(fields[i].key) == length && strncmp(fields[i].key, key, length) == 0) {
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
        if (strlen(fields[i].key) == length && strncmp(fields[i].key, key, length) == 0) {
            const bool none = strncmp(value, "null", 4) == 0;
            *fields[i].field = none ? NULL : call->lists[i];
            *fields[i].count = none ? 0 : read_numbers(value, call->lists[i], TEST_MAX_LIST);
            return true;
        }
    }
    return false;
}

static const char *copy_word(char *word, size_t capacity, const char *value) {
    const size_t length = strcspn(value, " ");
    if (strncmp(value, "null", 4) == 0) {
        return NULL;
    }
    assert_true(length < capacity);
    memcpy(word, value, length);
    word[length] = '\0';
    return word;
}

static bool set_other(attention_call *call, const char *key, size_t length, const char *value) {
    clf_flash_attention_args *args = &call->args;
    if (strncmp(key, "layout", length) == 0) {
        args->input_layout = copy_word(call->words[0], sizeof call->words[0], value);
    } else if (strncmp(key, "order", length) == 0) {
        args->softmax_layout = copy_word(call->words[1], sizeof call->words[1], value);
    } else if (strncmp(key, "scale", length) == 0) {
        args->scale = strtod(value, NULL);
    } else if (strncmp(key, "keep", length) == 0) {
        args->keep_prob = strtod(value, NULL);
    } else if (strncmp(key, "generate", length) == 0) {
        args->generate_dropout = value[0] == '1';
    } else if (strncmp(key, "variant", length) == 0) {
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

typedef bool (*set_word)(attention_call *call, const char *key, size_t length, const char *value);

static bool set_any(attention_call *call, const char *key, size_t length, const char *value) {
    return set_tensor(call, key, length, value) || set_number(call, key, length, value) ||
           set_list(call, key, length, value) || set_other(call, key, length, value);
}

/* Other words have been read before. */
static bool set_gradient(attention_call *call, const char *key, size_t length, const char *value) {
    return key[0] != 'g' || strncmp(key, "generate", length) == 0 ||
           set_tensor(call, key, length, value);
}

static void read_words(attention_call *call, const char *text, set_word set) {
    while (*text != '\0') {
        const size_t word = strcspn(text, " ");
        const char *equals = (const char *)memchr(text, '=', word);
        if (word > 0) {
            if (equals == NULL) {
                fail_msg("no '=' in \"%s\"", text);
                return;
            }
            if (!set(call, text, (size_t)(equals - text), equals + 1)) {
                fail_msg("unknown word in \"%s\"", text);
            }
        }
        text += word + (text[word] == ' ');
    }
}

void attention_call_make(attention_call *call, const char *text) {
    const clf_flash_attention_args defaults = CLF_FLASH_ATTENTION_ARGS;
    memset(call, 0, sizeof *call);
    call->args = defaults;
    read_words(call, text, set_any);
    call->grad_args = attention_grad_args_of(&call->args);
    call->grad_args.grad_output = call->args.attention_out;
    call->grad_args.grad_query = call->args.query;
    call->grad_args.grad_key = call->args.key;
    call->grad_args.grad_value = call->args.value;
    call->grad_args.grad_pse = call->args.pse;
    read_words(call, text, set_gradient);
}
