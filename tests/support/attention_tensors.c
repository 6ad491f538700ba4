/* See attention_tensors.h: making, filling, poisoning. Running is in attention_run.c. */
#include "attention_tensors.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cmocka_all.h"
#include "storage_types.h"

#define LAST_ROWS 1024
#define COPIES    8

/* ---- Strides ---- */

/* Leaves `shape` of a larger tensor: the rest becomes canary. */
static void narrow(test_tensor *tensor, const int64_t *shape) {
    const size_t size = oracle_dtype_size(tensor->view.dtype);
    memcpy(tensor->view.shape, shape, (size_t)tensor->view.rank * sizeof *shape);
    for (size_t i = 0; i < tensor->num_bytes; i++) {
        if (tensor->owned[i]) {
            tensor->image[i] = i % 2 == 1 ? 0xFF : 0xC1; /* NaN in every type */
            tensor->owned[i] = 0;
        }
    }
    for (int64_t i = test_tensor_count(tensor) - 1; i >= 0; i--) {
        const size_t place = test_tensor_place(tensor, i);
        memset(tensor->owned + place, 1, size);
        memset(tensor->image + place, 0, size);
    }
}

test_tensor attention_tensor_make(clf_dtype dtype, int32_t rank, const int64_t *shape,
                                  attention_strides strides, size_t misalign) {
    static const test_layout layouts[TEST_NUM_STRIDES] = {TEST_CONTIGUOUS,    TEST_CONTIGUOUS,
                                                          TEST_BROADCAST_ROW, TEST_GAPS,
                                                          TEST_NEGATIVE,      TEST_TRANSPOSED};
    int64_t larger[CLF_MAX_RANK] = {0};
    if (strides != TEST_STRIDES_PADDED) {
        return test_tensor_make(dtype, rank, shape, layouts[strides], misalign);
    }
    for (int32_t axis = 0; axis < rank; axis++) {
        larger[axis] = shape[axis] + (axis == rank - 1 ? 5 : axis == 0 ? 0 : 1);
    }
    test_tensor tensor = test_tensor_make(dtype, rank, larger, TEST_CONTIGUOUS, misalign);
    narrow(&tensor, shape);
    return tensor;
}

/* ---- Numbers: drawn from a table, because drawing and rounding each would take too long ---- */

#define POOL 1021

void attention_tensor_fill(test_tensor *tensor, test_random *random, double deviation) {
    unsigned char pool[POOL][4];
    const size_t size = oracle_dtype_size(tensor->view.dtype);
    const int64_t count = test_tensor_count(tensor);
    for (size_t i = 0; i < POOL; i++) {
        oracle_encode(tensor->view.dtype, deviation * test_random_normal(random), pool[i]);
    }
    for (int64_t i = 0; i < count; i++) {
        memcpy(test_tensor_bits(tensor, i), pool[test_random_below(random, POOL)], size);
    }
}

/* ---- Query, key, value, out, statistics ---- */

static int64_t total(const int64_t *lengths, int64_t count) {
    int64_t sum = 0;
    for (int64_t b = 0; b < count; b++) {
        sum += lengths[b];
    }
    return sum;
}

static int64_t longest(const int64_t *lengths, int64_t count) {
    int64_t most = 0;
    for (int64_t b = 0; b < count; b++) {
        most = lengths[b] > most ? lengths[b] : most;
    }
    return most;
}

static int32_t token_shape(const attention_case *tested, int64_t tokens, int64_t heads,
                           int64_t depth, int64_t shape[4]) {
    const int64_t b = tested->batch;
    const int64_t shapes[TEST_NUM_ATTENTION_LAYOUTS][4] = {{b, tokens, heads * depth, 0},
                                                           {tokens, b, heads * depth, 0},
                                                           {b, tokens, heads, depth},
                                                           {b, heads, tokens, depth},
                                                           {tokens, heads, depth, 0}};
    memcpy(shape, shapes[tested->layout], sizeof shapes[0]);
    return tested->layout == TEST_BSND || tested->layout == TEST_BNSD ? 4 : 3;
}

static void make_tokens(attention_tensors *tensors, const attention_case *tested,
                        test_random *random) {
    const bool is_varlen = tested->layout == TEST_TND;
    const int64_t query_tokens =
        is_varlen ? total(tested->query_lengths, tested->batch) + tested->query_slack
                  : tested->query_lengths[0];
    const int64_t key_tokens = is_varlen
                                   ? total(tested->key_lengths, tested->batch) + tested->key_slack
                                   : tested->key_lengths[0];
    int64_t shape[4];
    int32_t rank = token_shape(tested, query_tokens, tested->heads, tested->depth, shape);
    tensors->query =
        attention_tensor_make(tested->dtype, rank, shape, tested->query_strides, tested->misalign);
    attention_tensor_fill(&tensors->query, random, tested->deviation);
    token_shape(tested, key_tokens, tested->key_heads, tested->depth, shape);
    tensors->key = attention_tensor_make(tested->dtype, rank, shape, tested->key_strides,
                                         (tested->misalign * 3) % 8);
    attention_tensor_fill(&tensors->key, random, tested->deviation);
    token_shape(tested, key_tokens, tested->key_heads, tested->value_depth, shape);
    tensors->value = attention_tensor_make(tested->dtype, rank, shape, tested->value_strides,
                                           (tested->misalign * 5) % 8);
    attention_tensor_fill(&tensors->value, random, 1.0);
    rank = token_shape(tested, query_tokens, tested->heads, tested->value_depth, shape);
    tensors->out = attention_tensor_make(tested->dtype, rank, shape, tested->out_strides,
                                         (tested->misalign + 3) % 8);
    const int64_t dense[] = {tested->batch, tested->heads, query_tokens, COPIES};
    const int64_t varlen[] = {query_tokens, tested->heads, COPIES};
    test_tensor *statistics[] = {&tensors->max, &tensors->sum};
    for (int i = 0; i < 2; i++) {
        *statistics[i] =
            attention_tensor_make(CLF_DTYPE_FP32, is_varlen ? 3 : 4, is_varlen ? varlen : dense,
                                  tested->statistic_strides, tested->misalign + (size_t)i);
        statistics[i]->is_output = true;
    }
    tensors->out.is_output = true;
}

/* ---- Mask, bias, drop mask ---- */

static void mask_rows(test_tensor *mask, test_random *random, double share) {
    const int64_t width = mask->view.shape[mask->view.rank - 1];
    for (int64_t row = 0; width > 0 && row < test_tensor_count(mask) / width; row++) {
        const bool all = test_random_chance(random, share);
        for (int64_t j = 0; all && j < width; j++) {
            *(unsigned char *)test_tensor_bits(mask, row * width + j) = 0x80;
        }
    }
}

static void make_mask(attention_tensors *tensors, const attention_case *tested,
                      test_random *random) {
    const int64_t q = longest(tested->query_lengths, tested->batch);
    const int64_t k = longest(tested->key_lengths, tested->batch);
    const int64_t b = tested->batch;
    int64_t shape[4] = {b, tested->heads, q, k};
    int32_t rank = 4;
    const int64_t side[] = {tested->mode == 6 ? 3072 : 2048, 2048};
    switch (tested->mask_form) {
    case TEST_ATTENTION_NO_MASK:
        return;
    case TEST_MASK_COMPRESSED:
        tensors->compressed_mask = clf_tensor_contiguous(NULL, tested->mask_dtype, 2, side);
        return;
    case TEST_MASK_11SS:
        shape[0] = 1;
        shape[1] = 1;
        break;
    case TEST_MASK_B1SS:
        shape[1] = 1;
        break;
    case TEST_MASK_SS:
    case TEST_MASK_TOTAL:
        rank = 2;
        shape[0] = tested->mask_form == TEST_MASK_SS
                       ? q
                       : total(tested->query_lengths, b) + tested->query_slack;
        shape[1] = tested->mask_form == TEST_MASK_SS
                       ? k
                       : total(tested->key_lengths, b) + tested->key_slack;
        break;
    default:
        break;
    }
    tensors->atten_mask = attention_tensor_make(tested->mask_dtype, rank, shape,
                                                tested->pair_strides, tested->misalign);
    test_tensor_fill_mask(&tensors->atten_mask, random, tested->mask_density);
    mask_rows(&tensors->atten_mask, random, tested->masked_rows);
}

/* The last rows of a bias that depends on i - j and on the head; other biases are random. */
static void fill_toeplitz(test_tensor *pse) {
    const int64_t *shape = pse->view.shape;
    for (int64_t i = 0; i < test_tensor_count(pse); i++) {
        const int64_t k = i % shape[3];
        const int64_t m = i / shape[3] % shape[2];
        const int64_t batch_and_head = i / shape[3] / shape[2];
        const int64_t difference = m + shape[3] - LAST_ROWS - k;
        const double bend = (double)(((difference % 5) + 5) % 5) * 0.25;
        test_tensor_set(pse, i,
                        bend - (double)difference * 0.0078125 * (double)(batch_and_head % 3 + 1));
    }
}

static void make_bias(attention_tensors *tensors, const attention_case *tested,
                      test_random *random) {
    const bool one_batch = tested->bias_form == TEST_BIAS_1NSS ||
                           tested->bias_form == TEST_BIAS_1N1S ||
                           tested->bias_form == TEST_BIAS_LAST_ROWS_1;
    const bool one_row = tested->bias_form == TEST_BIAS_BN1S || tested->bias_form == TEST_BIAS_1N1S;
    const bool last_rows =
        tested->bias_form == TEST_BIAS_LAST_ROWS_B || tested->bias_form == TEST_BIAS_LAST_ROWS_1;
    const int64_t batch = one_batch ? 1 : tested->batch;
    const int64_t rows = last_rows ? LAST_ROWS
                         : one_row ? 1
                                   : longest(tested->query_lengths, tested->batch);
    const int64_t full[] = {batch, tested->heads, rows,
                            longest(tested->key_lengths, tested->batch)};
    const int64_t slopes[] = {tested->batch, tested->heads};
    if (tested->bias_form == TEST_BIAS_NONE) {
        return;
    }
    if (tested->bias_form == TEST_BIAS_SLOPES || tested->bias_form == TEST_BIAS_SLOPES_B) {
        const int32_t rank = tested->bias_form == TEST_BIAS_SLOPES ? 1 : 2;
        tensors->pse = attention_tensor_make(CLF_DTYPE_FP32, rank, slopes + 2 - rank,
                                             tested->pair_strides, tested->misalign);
        for (int64_t i = 0; i < test_tensor_count(&tensors->pse); i++) {
            test_tensor_set(&tensors->pse, i, test_random_uniform(random, -0.05, 0.5));
        }
        return;
    }
    tensors->pse = attention_tensor_make(tested->dtype, 4, full, tested->pair_strides,
                                         (tested->misalign + 1) % 8);
    if (last_rows) {
        fill_toeplitz(&tensors->pse);
    } else {
        attention_tensor_fill(&tensors->pse, random, tested->deviation);
    }
}

static int64_t num_pairs(const attention_case *tested) {
    int64_t pairs = 0;
    for (int64_t b = 0; b < tested->batch; b++) {
        pairs += tested->query_lengths[b] * tested->key_lengths[b];
    }
    return pairs * tested->heads;
}

static void make_drop_mask(attention_tensors *tensors, const attention_case *tested,
                           test_random *random) {
    const int64_t bytes = (num_pairs(tested) + 7) / 8;
    if (tested->dropout != TEST_DROPOUT_BITS || bytes == 0) {
        return;
    }
    tensors->drop_mask =
        test_tensor_make(CLF_DTYPE_UINT8, 1, &bytes, TEST_CONTIGUOUS, tested->misalign);
    for (int64_t i = 0; i < bytes; i++) {
        unsigned byte = 0;
        for (int bit = 0; bit < 8; bit++) {
            byte |= (unsigned)test_random_chance(random,
                                                 tested->keep_prob < 1.0 ? tested->keep_prob : 0.7)
                    << bit;
        }
        *(unsigned char *)test_tensor_bits(&tensors->drop_mask, i) = (unsigned char)byte;
    }
}

/* ---- Arguments ---- */

static void make_lists(attention_tensors *tensors, const attention_case *tested) {
    clf_flash_attention_args *args = &tensors->args;
    for (int64_t b = 0; b < tested->batch; b++) {
        tensors->query_ends[b] = total(tested->query_lengths, b + 1);
        tensors->key_ends[b] = total(tested->key_lengths, b + 1);
        tensors->prefix[b] = tested->prefix[b];
    }
    const size_t count = (size_t)(tested->batch + tested->trailing);
    if (tested->layout == TEST_TND) {
        args->actual_seq_qlen = tensors->query_ends;
        args->actual_seq_kvlen = tensors->key_ends;
        args->num_actual_seq_qlen = count;
        args->num_actual_seq_kvlen = count;
    }
    if (tested->mode == 5 || tested->mode == 6) {
        args->prefix = tensors->prefix;
        args->num_prefix = tested->layout == TEST_TND ? count : (size_t)tested->batch;
    }
}

static const clf_tensor *given(const test_tensor *tensor) {
    return tensor->image != NULL ? &tensor->view : NULL;
}

static void make_args(attention_tensors *tensors, const attention_case *tested) {
    static const char *const layouts[] = {"BSH", "SBH", "BSND", "BNSD", "TND"};
    const clf_flash_attention_args defaults = CLF_FLASH_ATTENTION_ARGS;
    clf_flash_attention_args *args = &tensors->args;
    *args = defaults;
    args->query = &tensors->query.view;
    args->key = &tensors->key.view;
    args->value = &tensors->value.view;
    args->pse = given(&tensors->pse);
    args->drop_mask = given(&tensors->drop_mask);
    args->atten_mask = tested->mask_form == TEST_MASK_COMPRESSED ? &tensors->compressed_mask
                                                                 : given(&tensors->atten_mask);
    args->attention_out = &tensors->out.view;
    args->softmax_max = &tensors->max.view;
    args->softmax_sum = &tensors->sum.view;
    args->input_layout = layouts[tested->layout];
    args->head_num = tested->heads;
    args->scale = tested->scale;
    args->keep_prob = tested->keep_prob;
    args->pre_tokens = tested->pre_tokens;
    args->next_tokens = tested->next_tokens;
    args->inner_precise = tested->inner_precise;
    args->sparse_mode = tested->mode;
    args->pse_type = tested->pse_type;
    args->q_start_idx = tested->q_start_idx;
    args->kv_start_idx = tested->kv_start_idx;
    args->softmax_layout =
        tested->layout == TEST_TND && tested->statistics_per_token ? "TND" : NULL;
    args->generate_dropout = tested->dropout == TEST_DROPOUT_GENERATED;
    args->seed = tested->seed * UINT64_C(0x9E3779B97F4A7C15);
    args->offset = tested->seed * UINT64_C(0xD1B54A32D192ED03);
    args->variant = tested->variant;
    make_lists(tensors, tested);
}

void attention_tensors_make(attention_tensors *tensors, const attention_case *tested) {
    test_random random = test_random_from(tested->seed);
    memset(tensors, 0, sizeof *tensors);
    make_tokens(tensors, tested, &random);
    make_mask(tensors, tested, &random);
    make_bias(tensors, tested, &random);
    make_drop_mask(tensors, tested, &random);
    make_args(tensors, tested);
    if (tested->poison_unused) {
        attention_tensors_poison(tensors);
    }
}

void attention_tensors_free(attention_tensors *tensors) {
    test_tensor *const all[] = {&tensors->query, &tensors->key,       &tensors->value,
                                &tensors->pse,   &tensors->drop_mask, &tensors->atten_mask,
                                &tensors->out,   &tensors->max,       &tensors->sum};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        test_tensor_free(all[i]);
    }
}

void attention_tensors_open_oracle(const attention_tensors *tensors, oracle_attention *problem) {
    const oracle_attention_inputs inputs = {tensors->query.image,     tensors->key.image,
                                            tensors->value.image,     tensors->pse.image,
                                            tensors->drop_mask.image, tensors->atten_mask.image};
    assert_true(oracle_attention_open(problem, &tensors->args, &inputs));
}

oracle_attention_outputs attention_tensors_outputs(const attention_tensors *tensors) {
    return (oracle_attention_outputs){tensors->out.result, tensors->max.result,
                                      tensors->sum.result};
}

/* ---- Poison ---- */

/* [elements' key tokens][key heads]: whether a computed pair needs the key, or a row without pairs
 * its value. */
static bool *find_used_keys(const oracle_attention *problem, int64_t key_tokens) {
    bool *used = (bool *)calloc((size_t)(key_tokens * problem->num_key_heads) + 1, sizeof *used);
    assert_non_null(used);
    const int64_t group = problem->num_heads / problem->num_key_heads;
    for (int64_t r = 0; r < oracle_attention_num_rows(problem); r++) {
        const oracle_attention_place place = oracle_attention_row_place(problem, r);
        const oracle_attention_element *element = &problem->elements[place.element];
        const int64_t batch_begin = problem->layout == ORACLE_TND
                                        ? element->key_begin
                                        : place.element * problem->longest_key;
        bool *row = used + batch_begin * problem->num_key_heads + place.head / group;
        bool any = false;
        for (int64_t j = 0; j < element->key_length; j++) {
            if (oracle_attention_is_computed(problem, &place, j)) {
                row[j * problem->num_key_heads] = true;
                any = true;
            }
        }
        for (int64_t j = 0; !any && !problem->empty_rows_are_zero && j < element->key_length; j++) {
            row[j * problem->num_key_heads] = true;
        }
    }
    return used;
}

/* The row-major number of (batch, token, head, d) in a tensor of the case's layout. */
static int64_t element_number(const oracle_attention *problem, const clf_tensor *view, int64_t b,
                              int64_t token, int64_t head, int64_t depth, int64_t d) {
    const int64_t *shape = view->shape;
    switch (problem->layout) {
    case ORACLE_BSH:
        return (b * shape[1] + token) * shape[2] + head * depth + d;
    case ORACLE_SBH:
        return (token * shape[1] + b) * shape[2] + head * depth + d;
    case ORACLE_BSND:
        return ((b * shape[1] + token) * shape[2] + head) * depth + d;
    case ORACLE_BNSD:
        return ((b * shape[1] + head) * shape[2] + token) * depth + d;
    default:
        return (token * shape[1] + head) * depth + d;
    }
}

static void poison_keys(attention_tensors *tensors, const oracle_attention *problem) {
    const bool is_varlen = problem->layout == ORACLE_TND;
    const int64_t tokens = is_varlen ? tensors->args.key->shape[0] : problem->longest_key;
    const int64_t batches = is_varlen ? 1 : problem->num_batch;
    bool *used = find_used_keys(problem, tokens * batches);
    for (int64_t b = 0; b < batches; b++) {
        for (int64_t j = 0; j < tokens; j++) {
            for (int64_t n = 0; n < problem->num_key_heads; n++) {
                if (used[(b * tokens + j) * problem->num_key_heads + n]) {
                    continue;
                }
                for (int64_t d = 0; d < problem->depth; d++) {
                    test_tensor_set(
                        &tensors->key,
                        element_number(problem, &tensors->key.view, b, j, n, problem->depth, d),
                        (double)NAN);
                }
                for (int64_t d = 0; d < problem->value_depth; d++) {
                    test_tensor_set(&tensors->value,
                                    element_number(problem, &tensors->value.view, b, j, n,
                                                   problem->value_depth, d),
                                    (double)NAN);
                }
            }
        }
    }
    free(used);
}

/* A bias with one element for each pair. */
static void poison_bias(attention_tensors *tensors, const oracle_attention *problem) {
    const clf_tensor *pse = &tensors->pse.view;
    for (int64_t r = 0; r < oracle_attention_num_rows(problem); r++) {
        const oracle_attention_place place = oracle_attention_row_place(problem, r);
        for (int64_t j = 0; j < pse->shape[3]; j++) {
            if (!oracle_attention_is_computed(problem, &place, j)) {
                test_tensor_set(
                    &tensors->pse,
                    ((place.element * pse->shape[1] + place.head) * pse->shape[2] + place.row) *
                            pse->shape[3] +
                        j,
                    (double)NAN);
            }
        }
    }
}

bool attention_tensor_is_repeated(const test_tensor *tensor) {
    for (int32_t axis = 0; axis < tensor->view.rank; axis++) {
        if (tensor->view.strides[axis] == 0 && tensor->view.shape[axis] > 1) {
            return true;
        }
    }
    return false;
}

void attention_tensors_poison(attention_tensors *tensors) {
    oracle_attention problem;
    attention_tensors_open_oracle(tensors, &problem);
    if (!attention_tensor_is_repeated(&tensors->key) &&
        !attention_tensor_is_repeated(&tensors->value) && problem.num_key_heads > 0) {
        poison_keys(tensors, &problem);
    }
    const clf_tensor *pse = &tensors->pse.view;
    if (tensors->pse.image != NULL && pse->rank == 4 && pse->shape[0] == problem.num_batch &&
        pse->shape[2] == problem.longest_query && problem.layout != ORACLE_TND &&
        !attention_tensor_is_repeated(&tensors->pse)) {
        poison_bias(tensors, &problem);
    }
    const oracle_attention_element *last = &problem.elements[problem.num_elements - 1];
    if (problem.num_elements > problem.num_batch) { /* tokens behind the last element */
        const int64_t width = tensors->query.view.shape[1] * tensors->query.view.shape[2];
        for (int64_t i = last->query_begin * width; i < test_tensor_count(&tensors->query); i++) {
            test_tensor_set(&tensors->query, i, (double)NAN);
        }
    }
    oracle_attention_close(&problem);
}
