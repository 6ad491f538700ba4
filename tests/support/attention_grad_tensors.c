/* See attention_grad_tensors.h. */
#include "attention_grad_tensors.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "attention_call.h"
#include "attention_internal.h"
#include "cmocka_all.h"
#include "storage_types.h"

#define COPIES 8

static test_tensor make_like(const clf_tensor *like, const attention_case *tested, size_t shift) {
    return attention_tensor_make(like->dtype, like->rank, like->shape, tested->gradient_strides,
                                 (tested->misalign + shift) % 8);
}

static void make_args(attention_grad_tensors *tensors) {
    test_tensor *gradients = tensors->gradients;
    clf_flash_attention_grad_args *args = &tensors->args;
    *args = attention_grad_args_of(&tensors->forward.args);
    args->grad_output = &tensors->grad_output.view;
    args->grad_query = &gradients[ORACLE_GRAD_QUERY].view;
    args->grad_key = &gradients[ORACLE_GRAD_KEY].view;
    args->grad_value = &gradients[ORACLE_GRAD_VALUE].view;
    args->grad_pse =
        gradients[ORACLE_GRAD_PSE].image != NULL ? &gradients[ORACLE_GRAD_PSE].view : NULL;
}

void attention_grad_tensors_make(attention_grad_tensors *tensors, const attention_case *tested) {
    test_random random = test_random_from(tested->seed ^ UINT64_C(0x5851F42D4C957F2D));
    memset(tensors, 0, sizeof *tensors);
    attention_tensors_make(&tensors->forward, tested);
    attention_tensors *made = &tensors->forward;
    tensors->grad_output = make_like(&made->out.view, tested, 1);
    attention_tensor_fill(&tensors->grad_output, &random, 1.0);
    tensors->gradients[ORACLE_GRAD_QUERY] = make_like(&made->query.view, tested, 2);
    tensors->gradients[ORACLE_GRAD_KEY] = make_like(&made->key.view, tested, 4);
    tensors->gradients[ORACLE_GRAD_VALUE] = make_like(&made->value.view, tested, 5);
    if (made->pse.image != NULL && !tested->without_grad_pse) {
        tensors->gradients[ORACLE_GRAD_PSE] = make_like(&made->pse.view, tested, 7);
    }
    for (int i = 0; i < ORACLE_NUM_GRADIENTS; i++) {
        tensors->gradients[i].is_output = true;
    }
    made->out.is_output = made->max.is_output = made->sum.is_output = false;
    make_args(tensors);
    attention_grad_tensors_finish(tensors, tested->poison_unused);
}

/* ---- The forward's results ---- */

static void store(test_tensor *tensor, int64_t place, double value) {
    const clf_dtype dtype = tensor->view.dtype;
    oracle_encode(dtype, value, tensor->image + (size_t)place * oracle_dtype_size(dtype));
}

/* The first of the copies; the others are NaN, which nobody must read. */
static void store_statistic(test_tensor *tensor, int64_t place, double value) {
    const int64_t step = tensor->view.strides[tensor->view.rank - 1];
    for (int64_t copy = 0; copy < COPIES; copy++) {
        store(tensor, place + copy * step, copy == 0 ? value : (double)NAN);
    }
}

static void fill_results(attention_tensors *tensors, oracle_attention *problem) {
    double *out = (double *)calloc((size_t)problem->value_depth + 1, sizeof *out);
    oracle_attention_row row = {.out = out};
    assert_non_null(out);
    for (int64_t r = 0; r < oracle_attention_num_rows(problem); r++) {
        const oracle_attention_place place = oracle_attention_row_place(problem, r);
        oracle_attention_compute_row(problem, &place, &row);
        for (int64_t d = 0; d < problem->value_depth; d++) {
            store(&tensors->out, oracle_attention_out_place(problem, &place, d), out[d]);
        }
        store_statistic(
            &tensors->max,
            oracle_attention_statistic_place(problem, &place, tensors->args.softmax_max),
            row.is_nan ? (double)NAN : row.max);
        store_statistic(
            &tensors->sum,
            oracle_attention_statistic_place(problem, &place, tensors->args.softmax_sum), row.sum);
    }
    free(out);
}

/* ---- Poison ---- */

/* Query rows without a probability: the gradient must look at none of their inputs. */
static void poison_row(attention_grad_tensors *tensors, const oracle_attention *problem,
                       const oracle_attention_place *place) {
    const oracle_attention_token token = {
        problem->layout == ORACLE_TND ? 0 : place->element,
        problem->elements[place->element].query_begin + place->row, place->head};
    test_tensor *poisoned[] = {&tensors->forward.query, &tensors->forward.out,
                               &tensors->grad_output};
    const int64_t depths[] = {problem->depth, problem->value_depth, problem->value_depth};
    for (int i = 0; i < 3; i++) {
        for (int64_t d = 0; d < depths[i] && !attention_tensor_is_repeated(poisoned[i]); d++) {
            store(poisoned[i],
                  oracle_attention_token_place(problem, &poisoned[i]->view, &token, depths[i], d),
                  (double)NAN);
        }
    }
}

static void poison_rows(attention_grad_tensors *tensors, const oracle_attention *problem) {
    for (int64_t r = 0; r < oracle_attention_num_rows(problem); r++) {
        const oracle_attention_place place = oracle_attention_row_place(problem, r);
        const int64_t length = problem->elements[place.element].key_length;
        int64_t computed = 0;
        for (int64_t j = 0; j < length; j++) {
            computed += oracle_attention_is_computed(problem, &place, j);
        }
        if (length == 0 || (computed == 0 && problem->empty_rows_are_zero)) {
            poison_row(tensors, problem, &place);
        }
    }
}

void attention_grad_tensors_finish(attention_grad_tensors *tensors, bool poisoned) {
    oracle_attention problem;
    attention_tensors_open_oracle(&tensors->forward, &problem);
    fill_results(&tensors->forward, &problem);
    if (poisoned) {
        poison_rows(tensors, &problem);
    }
    oracle_attention_close(&problem);
}

/* ---- The worked example ---- */

static attention_case golden_case(const attention_grad_golden *golden) {
    attention_case made = attention_case_default();
    attention_case_set_lengths(&made, 2, 3);
    made.heads = made.key_heads = 1;
    made.depth = made.value_depth = 2;
    made.scale = 0.5;
    made.bias_form = TEST_BIAS_BNSS;
    made.pse_type = golden->pse_type;
    made.mask_form = golden->has_mask ? TEST_MASK_SS : TEST_ATTENTION_NO_MASK;
    made.mode = golden->has_mask ? 1 : 0;
    made.inner_precise = golden->inner_precise;
    made.dropout = golden->keep_prob < 1.0 ? TEST_DROPOUT_BITS : TEST_DROPOUT_NONE;
    made.keep_prob = golden->keep_prob;
    return made;
}

static void set_all(test_tensor *tensor, const float *values) {
    for (int64_t i = 0; tensor->image != NULL && i < test_tensor_count(tensor); i++) {
        test_tensor_set(tensor, i, (double)values[i]);
    }
}

static void set_bytes(test_tensor *tensor, const unsigned char *bytes) {
    for (int64_t i = 0; tensor->image != NULL && i < test_tensor_count(tensor); i++) {
        *(unsigned char *)test_tensor_bits(tensor, i) = bytes[i];
    }
}

void attention_grad_tensors_make_golden(attention_grad_tensors *tensors,
                                        const attention_grad_golden *golden) {
    const attention_case tested = golden_case(golden);
    attention_grad_tensors_make(tensors, &tested);
    attention_tensors *forward = &tensors->forward;
    set_all(&forward->query, attention_golden_query);
    set_all(&forward->key, attention_golden_key);
    set_all(&forward->value, attention_golden_value);
    set_all(&forward->pse, attention_golden_pse);
    set_all(&tensors->grad_output, attention_golden_grad_output);
    set_bytes(&forward->atten_mask, attention_golden_mask);
    set_bytes(&forward->drop_mask, attention_golden_keep);
    attention_grad_tensors_finish(tensors, false);
}

/* ---- The rest ---- */

void attention_grad_tensors_free(attention_grad_tensors *tensors) {
    attention_tensors_free(&tensors->forward);
    test_tensor_free(&tensors->grad_output);
    for (int i = 0; i < ORACLE_NUM_GRADIENTS; i++) {
        test_tensor_free(&tensors->gradients[i]);
    }
}

void attention_grad_tensors_open_oracle(const attention_grad_tensors *tensors,
                                        oracle_attention_grad *problem) {
    const attention_tensors *forward = &tensors->forward;
    const oracle_attention_grad_inputs inputs = {
        {forward->query.image, forward->key.image, forward->value.image, forward->pse.image,
         forward->drop_mask.image, forward->atten_mask.image},
        tensors->grad_output.image,
        forward->out.image,
        forward->max.image,
        forward->sum.image};
    assert_true(oracle_attention_grad_open(problem, &tensors->args, &inputs));
}

void attention_grad_tensors_list(attention_grad_tensors *tensors,
                                 attention_grad_named list[TEST_NUM_ATTENTION_GRAD_TENSORS]) {
    attention_tensors *forward = &tensors->forward;
    const attention_grad_named all[TEST_NUM_ATTENTION_GRAD_TENSORS] = {
        {"query", &forward->query},
        {"key", &forward->key},
        {"value", &forward->value},
        {"pse", &forward->pse},
        {"drop_mask", &forward->drop_mask},
        {"atten_mask", &forward->atten_mask},
        {"grad_output", &tensors->grad_output},
        {"attention_in", &forward->out},
        {"softmax_max", &forward->max},
        {"softmax_sum", &forward->sum},
        {"grad_query", &tensors->gradients[ORACLE_GRAD_QUERY]},
        {"grad_key", &tensors->gradients[ORACLE_GRAD_KEY]},
        {"grad_value", &tensors->gradients[ORACLE_GRAD_VALUE]},
        {"grad_pse", &tensors->gradients[ORACLE_GRAD_PSE]},
    };
    memcpy(list, all, sizeof all);
}
