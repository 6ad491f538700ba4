/*
 * K is the result under test, R the reference in double on the same rounded inputs, P the plain
 * computation (fp32, probabilities rounded to the storage type before they meet the values).
 *
 *     attention_out        max|K - R| <= 2 max(max|P - R|, F) + 4 ulp at max|R|
 *     softmax_max          the same, in fp32
 *     softmax_sum          the same, each error relative to its row's sum, and 1/64 of the storage
 *                          type's rounding for 16-bit types, whose exponentials need not be better
 *
 * The factor is Dao's (FlashAttention-2: at most twice the error of the usual computation). F is
 * the largest effect of single roundings in independent directions (attention_oracle.h), for
 * tensors so small that the plain computation was lucky. Rows without a computed pair have exact
 * statistics; so do rows without keys, whose results are zeros.
 */
#include "attention_bounds.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attention_internal.h"
#include "storage_types.h"
#include "tally.h"

static const double factor = 2.0;

/* Exponentials are rounded to the storage type before they meet the values, and sums weigh results
 * of that type when partial results are merged: an error of this share of the rounding (half an
 * ulp at 1) does not show in either. */
static const double share_of_rounding = 1.0 / 64.0;

/* Two results within the bounds above differ by the sum of both errors: of rounding probabilities
 * and results, half an ulp of the storage type at the largest value each; and of logits, some units
 * of fp32 at the largest one, which are relative errors of the probabilities. */
static const double agreeing_ulps = 4.0;
static const double agreeing_logit_units = 8.0;

/* Two fp32 statistics of the same row, both within the bounds above: sums of up to some thousand
 * products in different orders. */
static const double agreeing_statistic_units = 64.0;

static const double printed_half_digit = 0.6e-6;
static const double printed_gradient_half_digit = 0.6e-5;
static const double fair_deviations = 4.0;

#define COPIES 8

typedef struct comparison {
    oracle_attention *problem;
    const oracle_attention_outputs *outputs;
    oracle_tally out;
    oracle_tally max;
    oracle_tally sum;
    oracle_attention_row reference;
    oracle_attention_row plain;
} comparison;

static void reject(oracle_verdict *verdict, const char *name, const oracle_attention_place *place,
                   int64_t d, double value, double expected) {
    if (verdict->ok) {
        verdict->ok = false;
        snprintf(verdict->reason, sizeof verdict->reason,
                 "%s at batch %lld head %lld row %lld, %lld: %.9g, reference %.9g", name,
                 (long long)place->element, (long long)place->head, (long long)place->row,
                 (long long)d, value, expected);
    }
}

static double load(clf_dtype dtype, const void *bytes, int64_t place) {
    return oracle_decode(dtype, (const char *)bytes + (size_t)place * oracle_dtype_size(dtype));
}

/* NaN exactly where the reference has it, and no infinities; true if that settles the value. */
static bool settle_special(oracle_verdict *verdict, const char *name,
                           const oracle_attention_place *place, int64_t d, double value,
                           double expected) {
    if (isnan(expected) || !isfinite(value)) {
        if (!(isnan(expected) && isnan(value))) {
            reject(verdict, name, place, d, value, expected);
        }
        return true;
    }
    return false;
}

static void compare_out(comparison *compared, const oracle_attention_place *place,
                        oracle_verdict *verdict) {
    const oracle_attention *problem = compared->problem;
    const bool is_zero =
        compared->reference.num_computed == 0 &&
        (problem->empty_rows_are_zero || problem->elements[place->element].key_length == 0);
    for (int64_t d = 0; d < problem->value_depth; d++) {
        const double value = load(compared->out.dtype, compared->outputs->attention_out,
                                  oracle_attention_out_place(problem, place, d));
        const double expected = compared->reference.out[d];
        if (settle_special(verdict, "attention_out", place, d, value, expected)) {
            continue;
        }
        if (is_zero && value != 0.0) {
            reject(verdict, "attention_out must be 0", place, d, value, expected);
        }
        const oracle_tally_element element = {value, expected, compared->plain.out[d],
                                              compared->reference.out_unit[d], 1.0};
        oracle_tally_count(&compared->out, &element);
    }
}

/* Eight equal copies; the first one is returned. */
static double read_statistic(const comparison *compared, const clf_tensor *view, const void *bytes,
                             const char *name, const oracle_attention_place *place,
                             oracle_verdict *verdict) {
    const int64_t first = oracle_attention_statistic_place(compared->problem, place, view);
    const int64_t step = view->strides[view->rank - 1];
    const char *copies = (const char *)bytes;
    for (int64_t copy = 1; copy < COPIES; copy++) {
        if (memcmp(copies + (size_t)first * sizeof(float),
                   copies + (size_t)(first + copy * step) * sizeof(float), sizeof(float)) != 0) {
            reject(verdict, name, place, copy, load(CLF_DTYPE_FP32, bytes, first + copy * step),
                   load(CLF_DTYPE_FP32, bytes, first));
        }
    }
    return load(CLF_DTYPE_FP32, bytes, first);
}

static void compare_statistics(comparison *compared, const oracle_attention_place *place,
                               oracle_verdict *verdict) {
    const clf_flash_attention_args *args = &compared->problem->args;
    const oracle_attention_row *reference = &compared->reference;
    const double max = read_statistic(compared, args->softmax_max, compared->outputs->softmax_max,
                                      "copies of softmax_max differ", place, verdict);
    const double sum = read_statistic(compared, args->softmax_sum, compared->outputs->softmax_sum,
                                      "copies of softmax_sum differ", place, verdict);
    if (reference->is_nan) {
        return;
    }
    if (reference->num_computed == 0) {
        if (max != reference->max) {
            reject(verdict, "softmax_max of a row without pairs", place, 0, max, reference->max);
        }
        if (sum != reference->sum) {
            reject(verdict, "softmax_sum of a row without pairs", place, 0, sum, reference->sum);
        }
        return;
    }
    if (!settle_special(verdict, "softmax_max", place, 0, max, reference->max)) {
        const oracle_tally_element element = {max, reference->max, compared->plain.max,
                                              reference->max_unit, 1.0};
        oracle_tally_count(&compared->max, &element);
    }
    if (!settle_special(verdict, "softmax_sum", place, 0, sum, reference->sum)) {
        const oracle_tally_element element = {sum, reference->sum, compared->plain.sum,
                                              reference->sum_unit, reference->sum};
        oracle_tally_count(&compared->sum, &element);
    }
}

static bool make_rows(comparison *compared) {
    const size_t depth = (size_t)compared->problem->value_depth + 1;
    compared->reference.out = (double *)calloc(3 * depth, sizeof(double));
    if (compared->reference.out == NULL) {
        return false;
    }
    compared->reference.out_unit = compared->reference.out + depth;
    compared->plain.out = compared->reference.out + 2 * depth;
    return true;
}

oracle_verdict oracle_check_attention(oracle_attention *problem,
                                      const oracle_attention_outputs *outputs, int64_t first,
                                      int64_t step, int64_t count_of_rows) {
    comparison compared = {
        .problem = problem,
        .outputs = outputs,
        .out = {.name = "attention_out", .dtype = problem->args.query->dtype, .factor = factor},
        .max = {.name = "softmax_max", .dtype = CLF_DTYPE_FP32, .factor = factor},
        .sum = {.name = "softmax_sum", .dtype = CLF_DTYPE_FP32, .factor = factor}};
    oracle_verdict verdict = oracle_verdict_empty();
    if (!make_rows(&compared)) {
        verdict.ok = false;
        snprintf(verdict.reason, sizeof verdict.reason, "no memory for the reference");
        return verdict;
    }
    const int64_t num_rows = oracle_attention_num_rows(problem);
    for (int64_t i = 0; i < count_of_rows && first + i * step < num_rows; i++) {
        const oracle_attention_place place = oracle_attention_row_place(problem, first + i * step);
        oracle_attention_compute_row(problem, &place, &compared.reference);
        oracle_attention_compute_row_plain(problem, &place, &compared.plain);
        compare_out(&compared, &place, &verdict);
        compare_statistics(&compared, &place, &verdict);
    }
    const double rounding = 0.5 * oracle_ulp(compared.out.dtype, 1.0);
    oracle_tally_report(&compared.out, oracle_tally_judge(&compared.out, 0.0, &verdict), &verdict);
    oracle_tally_judge(&compared.max, 0.0, &verdict);
    oracle_tally_judge(&compared.sum, share_of_rounding * rounding, &verdict);
    free(compared.reference.out);
    return verdict;
}

bool oracle_attention_outputs_agree(clf_dtype dtype, double a, double b,
                                    oracle_attention_reach reach) {
    const double of_logits = agreeing_logit_units * 0x1p-24 * fmax(1.0, reach.logit) * reach.value;
    return fabs(a - b) <= agreeing_ulps * oracle_ulp(dtype, reach.value) + of_logits;
}

bool oracle_attention_statistics_agree(double max_a, double sum_a, double max_b, double sum_b) {
    const double allowed = agreeing_statistic_units * 0x1p-24 * fmax(1.0, fabs(max_a));
    return fabs(max_a - max_b) <= allowed &&
           fabs(max_a + log(sum_a) - max_b - log(sum_b)) <= allowed;
}

bool oracle_kept_count_is_fair(uint64_t kept, uint64_t total, double fraction) {
    const double n = (double)total;
    const double deviation = sqrt(n * fraction * (1.0 - fraction));
    return fabs((double)kept - n * fraction) <= fair_deviations * deviation;
}

bool oracle_close_to_printed(double value, double printed) {
    return fabs(value - printed) <= printed_half_digit * fmax(1.0, fabs(printed));
}

bool oracle_close_to_printed_gradient(double value, double printed) {
    return fabs(value - printed) <= printed_gradient_half_digit * fmax(1.0, fabs(printed));
}
