/* See floyd_tensors.h. */
#include "floyd_tensors.h"

#include <stdio.h>
#include <string.h>

#include "cmocka_all.h"

#define RANK   TEST_FLOYD_RANK
#define COPIES 8

static const char *const names[TEST_NUM_FLOYD_OPERANDS] = {
    "query",       "key1",      "value1",      "key2",        "value2",
    "grad_output", "attention", "softmax_max", "softmax_sum", "atten_mask",
    "grad_query",  "grad_key1", "grad_value1", "grad_key2",   "grad_value2"};

static bool is_statistic(int operand) {
    return operand == TEST_FLOYD_SOFTMAX_MAX || operand == TEST_FLOYD_SOFTMAX_SUM;
}

static bool is_forward_result(int operand) {
    return operand == TEST_FLOYD_ATTENTION || is_statistic(operand);
}

static bool is_present(const floyd_case *tested, int operand) {
    const bool is_of_gradient =
        operand == TEST_FLOYD_GRAD_OUTPUT || operand >= TEST_FLOYD_GRAD_QUERY;
    return operand == TEST_FLOYD_MASK ? tested->has_mask : tested->is_gradient || !is_of_gradient;
}

static bool is_output(const floyd_case *tested, int operand) {
    return operand >= TEST_FLOYD_GRAD_QUERY || (is_forward_result(operand) && !tested->is_gradient);
}

/* ---- Shapes and memory ---- */

static void shape_of(const floyd_case *tested, int operand, int64_t shape[RANK]) {
    const int64_t rows[] = {tested->n, tested->m, tested->depth};
    const int64_t first[] = {tested->n, tested->k, tested->depth};
    const int64_t second[] = {tested->k, tested->m, tested->depth};
    const int64_t pairs[] = {tested->n, tested->m, tested->k};
    const int like = operand >= TEST_FLOYD_GRAD_QUERY ? operand - TEST_FLOYD_GRAD_QUERY : operand;
    const int64_t *axes = like == TEST_FLOYD_KEY1 || like == TEST_FLOYD_VALUE1   ? first
                          : like == TEST_FLOYD_KEY2 || like == TEST_FLOYD_VALUE2 ? second
                          : like == TEST_FLOYD_MASK                              ? pairs
                                                                                 : rows;
    shape[0] = tested->batches;
    shape[1] = tested->heads;
    memcpy(shape + 2, axes, sizeof rows);
    if (is_statistic(operand)) {
        shape[4] = COPIES;
    }
    for (int axis = 0; operand == TEST_FLOYD_MASK && axis < RANK; axis++) {
        shape[axis] = tested->mask_axes[axis] ? shape[axis] : 1;
    }
}

static clf_dtype dtype_of(const floyd_case *tested, int operand) {
    const bool is_wide_out =
        operand == TEST_FLOYD_ATTENTION && tested->has_fp32_out && !tested->is_gradient;
    return operand == TEST_FLOYD_MASK             ? tested->mask_dtype
           : is_statistic(operand) || is_wide_out ? CLF_DTYPE_FP32
                                                  : tested->dtype;
}

/* Broadcast inputs have no place for results of the forward. */
static test_layout layout_of(const floyd_case *tested, int operand) {
    const bool is_result = is_output(tested, operand) || is_forward_result(operand);
    return operand == TEST_FLOYD_MASK ? tested->mask_layout
           : is_statistic(operand)    ? tested->statistic_layout
           : is_result                ? tested->output_layout
                                      : tested->input_layout;
}

static void swap(int64_t *axes) {
    const int64_t first = axes[1];
    axes[1] = axes[2];
    axes[2] = first;
}

static void make_memory(floyd_tensors *tensors, const floyd_case *tested, int operand) {
    test_tensor *memory = &tensors->memory[operand];
    const bool swaps = tested->swaps_heads && operand != TEST_FLOYD_MASK && !is_statistic(operand);
    int64_t shape[RANK];
    shape_of(tested, operand, shape);
    if (swaps) {
        swap(shape);
    }
    *memory = test_tensor_make(dtype_of(tested, operand), RANK, shape, layout_of(tested, operand),
                               (tested->misalign * (2 * (size_t)operand + 1)) % 8);
    if (swaps) {
        swap(memory->view.shape);
        swap(memory->view.strides);
    }
    memory->is_output = is_output(tested, operand);
}

/* ---- Numbers ---- */

static void fill_mask(test_tensor *mask, const floyd_case *tested, test_random *random) {
    const int64_t width = mask->view.shape[RANK - 1];
    test_tensor_fill_mask(mask, random, tested->mask_density);
    for (int64_t row = 0; row < test_tensor_count(mask) / width; row++) {
        const bool all = test_random_chance(random, tested->masked_rows);
        for (int64_t k = 0; all && k < width; k++) {
            *(unsigned char *)test_tensor_bits(mask, row * width + k) = 0x80;
        }
    }
}

static void fill(floyd_tensors *tensors, const floyd_case *tested, int operand,
                 test_random *random) {
    test_tensor *memory = &tensors->memory[operand];
    if (operand == TEST_FLOYD_MASK) {
        fill_mask(memory, tested, random);
    } else if (!is_output(tested, operand) && !is_forward_result(operand)) {
        const bool is_factor =
            operand == TEST_FLOYD_QUERY || operand == TEST_FLOYD_KEY1 || operand == TEST_FLOYD_KEY2;
        test_tensor_fill_normal(memory, random, is_factor ? tested->deviation : 1.0);
    }
}

void floyd_tensors_set_forward(floyd_tensors *tensors) {
    oracle_floyd problem;
    floyd_tensors_open_oracle(tensors, false, &problem);
    for (int64_t row = 0; row < oracle_floyd_num_rows(&problem, ORACLE_FLOYD_QUERY); row++) {
        oracle_floyd_row result;
        oracle_floyd_compute_row(&problem, row, &result);
        for (int64_t d = 0; d < problem.depth; d++) {
            test_tensor_set(&tensors->memory[TEST_FLOYD_ATTENTION], row * problem.depth + d,
                            result.out[d]);
        }
        for (int64_t copy = 0; copy < COPIES; copy++) {
            test_tensor_set(&tensors->memory[TEST_FLOYD_SOFTMAX_MAX], row * COPIES + copy,
                            result.max);
            test_tensor_set(&tensors->memory[TEST_FLOYD_SOFTMAX_SUM], row * COPIES + copy,
                            result.sum);
        }
    }
    oracle_floyd_close(&problem);
}

/* ---- Arguments ---- */

static const clf_tensor *view_of(const floyd_tensors *tensors, floyd_operand operand) {
    const test_tensor *memory = &tensors->memory[operand];
    return memory->image != NULL ? &memory->view : NULL;
}

static void make_args(floyd_tensors *tensors, const floyd_case *tested) {
    const clf_floyd_attention_args defaults = CLF_FLOYD_ATTENTION_ARGS;
    clf_floyd_attention_args *args = &tensors->args;
    *args = defaults;
    args->query = view_of(tensors, TEST_FLOYD_QUERY);
    args->key1 = view_of(tensors, TEST_FLOYD_KEY1);
    args->value1 = view_of(tensors, TEST_FLOYD_VALUE1);
    args->key2 = view_of(tensors, TEST_FLOYD_KEY2);
    args->value2 = view_of(tensors, TEST_FLOYD_VALUE2);
    args->atten_mask = view_of(tensors, TEST_FLOYD_MASK);
    args->scale_value = tested->scale;
    args->softmax_max = view_of(tensors, TEST_FLOYD_SOFTMAX_MAX);
    args->softmax_sum = view_of(tensors, TEST_FLOYD_SOFTMAX_SUM);
    args->attention_out = view_of(tensors, TEST_FLOYD_ATTENTION);
    args->workspace_limit = tested->workspace_limit;
    args->method = tested->method;
    args->variant = tested->variant;
}

static void make_grad_args(floyd_tensors *tensors) {
    const clf_floyd_attention_grad_args defaults = CLF_FLOYD_ATTENTION_GRAD_ARGS;
    const clf_floyd_attention_args *forward = &tensors->args;
    clf_floyd_attention_grad_args *args = &tensors->grad_args;
    *args = defaults;
    args->query = forward->query;
    args->key1 = forward->key1;
    args->value1 = forward->value1;
    args->key2 = forward->key2;
    args->value2 = forward->value2;
    args->grad_output = view_of(tensors, TEST_FLOYD_GRAD_OUTPUT);
    args->atten_mask = forward->atten_mask;
    args->softmax_max = forward->softmax_max;
    args->softmax_sum = forward->softmax_sum;
    args->attention_in = view_of(tensors, TEST_FLOYD_ATTENTION);
    args->scale_value = forward->scale_value;
    args->grad_query = view_of(tensors, TEST_FLOYD_GRAD_QUERY);
    args->grad_key1 = view_of(tensors, TEST_FLOYD_GRAD_KEY1);
    args->grad_value1 = view_of(tensors, TEST_FLOYD_GRAD_VALUE1);
    args->grad_key2 = view_of(tensors, TEST_FLOYD_GRAD_KEY2);
    args->grad_value2 = view_of(tensors, TEST_FLOYD_GRAD_VALUE2);
    args->workspace_limit = forward->workspace_limit;
    args->method = forward->method;
    args->variant = forward->variant;
}

void floyd_tensors_make(floyd_tensors *tensors, const floyd_case *tested) {
    test_random random = test_random_from(tested->seed);
    memset(tensors, 0, sizeof *tensors);
    tensors->is_gradient = tested->is_gradient;
    for (int operand = 0; operand < TEST_NUM_FLOYD_OPERANDS; operand++) {
        if (is_present(tested, operand)) {
            make_memory(tensors, tested, operand);
            fill(tensors, tested, operand, &random);
        }
    }
    make_args(tensors, tested);
    make_grad_args(tensors);
    if (tested->is_gradient) {
        floyd_tensors_set_forward(tensors);
    }
}

void floyd_tensors_free(floyd_tensors *tensors) {
    for (int operand = 0; operand < TEST_NUM_FLOYD_OPERANDS; operand++) {
        test_tensor_free(&tensors->memory[operand]);
    }
}

clf_status floyd_tensors_plan(const floyd_tensors *tensors, clf_device *device,
                              clf_plan **out_plan) {
    return tensors->is_gradient
               ? clf_floyd_attention_grad_plan(device, &tensors->grad_args, out_plan)
               : clf_floyd_attention_plan(device, &tensors->args, out_plan);
}

void floyd_tensors_open_oracle(const floyd_tensors *tensors, bool is_gradient,
                               oracle_floyd *problem) {
    oracle_floyd_inputs inputs;
    memset(&inputs, 0, sizeof inputs);
    for (int operand = 0; operand < ORACLE_FLOYD_NUM_OPERANDS; operand++) {
        inputs.operands[operand] = test_tensor_input(&tensors->memory[operand]);
    }
    inputs.mask = test_tensor_input(&tensors->memory[TEST_FLOYD_MASK]);
    inputs.scale = tensors->args.scale_value;
    inputs.is_gradient = is_gradient;
    assert_true(oracle_floyd_open(problem, &inputs));
}

/* ---- On a device ---- */

void floyd_tensors_upload(floyd_tensors *tensors, const test_session *session) {
    for (int operand = 0; operand < TEST_NUM_FLOYD_OPERANDS; operand++) {
        test_tensor *memory = &tensors->memory[operand];
        if (memory->image != NULL) {
            test_tensor_upload(memory, session,
                               memory->is_output ? CL_MEM_WRITE_ONLY : CL_MEM_READ_ONLY);
        }
    }
}

void floyd_tensors_read(floyd_tensors *tensors, const test_session *session, char *problem,
                        size_t capacity) {
    problem[0] = '\0';
    for (int operand = 0; operand < TEST_NUM_FLOYD_OPERANDS && problem[0] == '\0'; operand++) {
        test_tensor *memory = &tensors->memory[operand];
        if (memory->image != NULL) {
            test_tensor_read(memory, session);
            const char *damage = test_tensor_damage(memory);
            if (damage != NULL) {
                snprintf(problem, capacity, "%s: %s", names[operand], damage);
            }
        }
    }
}

static oracle_verdict compare_gradients(const floyd_tensors *tensors, oracle_floyd *reference) {
    oracle_verdict verdict = oracle_verdict_empty();
    for (int of = 0; of < ORACLE_FLOYD_NUM_GRADIENTS; of++) {
        const oracle_tensor result =
            test_tensor_output(&tensors->memory[TEST_FLOYD_GRAD_QUERY + of]);
        const int64_t rows = oracle_floyd_num_rows(reference, (oracle_floyd_operand)of);
        const oracle_verdict part =
            oracle_check_floyd_grad(reference, (oracle_floyd_operand)of, &result, 0, 1, rows);
        oracle_verdict_merge(&verdict, &part);
    }
    return verdict;
}

void floyd_tensors_compare(const floyd_tensors *tensors, char *problem, size_t capacity) {
    oracle_floyd reference;
    oracle_verdict verdict;
    floyd_tensors_open_oracle(tensors, tensors->is_gradient, &reference);
    if (tensors->is_gradient) {
        verdict = compare_gradients(tensors, &reference);
    } else {
        const oracle_floyd_outputs outputs = {
            test_tensor_output(&tensors->memory[TEST_FLOYD_ATTENTION]),
            test_tensor_output(&tensors->memory[TEST_FLOYD_SOFTMAX_MAX]),
            test_tensor_output(&tensors->memory[TEST_FLOYD_SOFTMAX_SUM])};
        verdict = oracle_check_floyd(&reference, &outputs, 0, 1,
                                     oracle_floyd_num_rows(&reference, ORACLE_FLOYD_QUERY));
    }
    oracle_floyd_close(&reference);
    snprintf(problem, capacity, "%s", verdict.ok ? "" : verdict.reason);
}
