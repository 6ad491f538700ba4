/*
 * K is the result under test, R the reference in double on the same rounded inputs, P the plain
 * fp32 computation rounded to the storage type.
 *
 *     attention_out, gradients  max|K - R| <= factor * max(max|P - R|, F) + 4 ulp at max|R|
 *     softmax_max               the same, in fp32
 *     softmax_sum               the same, each error relative to its row's sum
 *
 * The factor is 2 for outputs and 3 for gradients, as in bounds.c; F is the largest effect of
 * single roundings in independent directions (floyd_oracle.h), for tensors so small that the plain
 * computation was lucky. Scores and statistics are as good as fp32 for every storage type; so are the
 * exponentials, but that those of results in bf16 may be rounded to bf16 before they meet the values,
 * and p and ds of gradients in bf16 before they meet the other factor. Rows of which everything is masked have exact statistics.
 */
#include "floyd_bounds.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "storage_types.h"

static const double factor_output = 2.0;
static const double factor_gradient = 3.0;
static const double ulps_at_max = 4.0;

#define COPIES 8

/* One compared tensor. */
typedef struct tally {
    const char *name;
    clf_dtype dtype;
    double factor;
    double max_error;
    double max_plain;
    double max_unit;
    double max_reference;
} tally;

/* One element of it. */
typedef struct element {
    double value;
    double reference;
    double plain;
    double unit;
    double divisor; /* of all errors; 1, or what they are relative to */
} element;

static int64_t element_place(const clf_tensor *view, const oracle_floyd_place *row, int64_t d) {
    return (int64_t)view->offset + row->batch * view->strides[0] + row->head * view->strides[1] +
           row->i * view->strides[2] + row->j * view->strides[3] + d * view->strides[4];
}

static double load(const oracle_tensor *tensor, const oracle_floyd_place *row, int64_t d) {
    const clf_dtype dtype = tensor->view.dtype;
    const size_t place = (size_t)element_place(&tensor->view, row, d);
    return oracle_decode(dtype, (const char *)tensor->bytes + place * oracle_dtype_size(dtype));
}

static void reject(oracle_verdict *verdict, const char *name, const oracle_floyd_place *row,
                   int64_t d, double value, double reference) {
    if (verdict->ok) {
        verdict->ok = false;
        snprintf(verdict->reason, sizeof verdict->reason,
                 "%s at [%lld, %lld, %lld, %lld, %lld]: %.9g, reference %.9g", name,
                 (long long)row->batch, (long long)row->head, (long long)row->i, (long long)row->j,
                 (long long)d, value, reference);
    }
}

/* NaN and infinities, exactly where the reference has them, settle an element. */
static void count(tally *total, oracle_verdict *verdict, const oracle_floyd_place *row, int64_t d,
                  const element *each) {
    const double stored = oracle_round(total->dtype, each->reference);
    if (!isfinite(stored) || !isfinite(each->value)) {
        const bool same = isnan(stored) ? isnan(each->value) : each->value == stored;
        if (!same) {
            reject(verdict, total->name, row, d, each->value, each->reference);
        }
        return;
    }
    total->max_error = fmax(total->max_error, fabs(each->value - each->reference) / each->divisor);
    if (isfinite(each->plain)) {
        total->max_plain =
            fmax(total->max_plain, fabs(each->plain - each->reference) / each->divisor);
    }
    total->max_unit = fmax(total->max_unit, each->unit);
    total->max_reference = fmax(total->max_reference, fabs(each->reference) / each->divisor);
}

static double judge(const tally *total, oracle_verdict *verdict) {
    const double allowed = total->factor * fmax(total->max_plain, total->max_unit) +
                           ulps_at_max * oracle_ulp(total->dtype, total->max_reference);
    if (verdict->ok && !(total->max_error <= allowed)) {
        verdict->ok = false;
        snprintf(verdict->reason, sizeof verdict->reason,
                 "%s: largest error %.4g exceeds %.4g (plain computation: %.4g, single "
                 "roundings: %.4g, largest reference value %.4g)",
                 total->name, total->max_error, allowed, total->max_plain, total->max_unit,
                 total->max_reference);
    }
    return allowed;
}

static void report(const tally *total, oracle_verdict *verdict) {
    verdict->allowed = judge(total, verdict);
    verdict->max_error = total->max_error;
    verdict->max_error_plain = total->max_plain;
    verdict->max_reference = total->max_reference;
}

/* ---- Forward ---- */

/* Eight equal copies; the first one is returned. */
static double read_statistic(const oracle_tensor *tensor, const char *name,
                             const oracle_floyd_place *row, oracle_verdict *verdict) {
    const char *bytes = (const char *)tensor->bytes;
    const size_t first = (size_t)element_place(&tensor->view, row, 0) * sizeof(float);
    for (int64_t copy = 1; copy < COPIES; copy++) {
        const size_t other = (size_t)element_place(&tensor->view, row, copy) * sizeof(float);
        if (memcmp(bytes + first, bytes + other, sizeof(float)) != 0) {
            reject(verdict, name, row, copy, load(tensor, row, copy), load(tensor, row, 0));
        }
    }
    return load(tensor, row, 0);
}

typedef struct statistics {
    tally max;
    tally sum;
} statistics;

static void compare_statistics(statistics *totals, const oracle_floyd_outputs *outputs,
                               const oracle_floyd_place *row, const oracle_floyd_row *reference,
                               const oracle_floyd_row *plain, oracle_verdict *verdict) {
    const double max = read_statistic(&outputs->max, "copies of softmax_max differ", row, verdict);
    const double sum = read_statistic(&outputs->sum, "copies of softmax_sum differ", row, verdict);
    if (reference->is_nan) {
        return;
    }
    if (reference->num_live == 0) {
        if (max != reference->max) {
            reject(verdict, "softmax_max of a masked row", row, 0, max, reference->max);
        }
        if (sum != reference->sum) {
            reject(verdict, "softmax_sum of a masked row", row, 0, sum, reference->sum);
        }
        return;
    }
    const element of_max = {max, reference->max, plain->max, reference->max_unit, 1.0};
    const element of_sum = {sum, reference->sum, plain->sum, reference->sum_unit, reference->sum};
    count(&totals->max, verdict, row, 0, &of_max);
    count(&totals->sum, verdict, row, 0, &of_sum);
}

oracle_verdict oracle_check_floyd(oracle_floyd *problem, const oracle_floyd_outputs *outputs,
                                  int64_t first, int64_t step, int64_t num_rows) {
    const clf_dtype dtype = outputs->out.view.dtype;
    tally out = {.name = "attention_out", .dtype = dtype, .factor = factor_output};
    statistics totals = {
        .max = {.name = "softmax_max", .dtype = CLF_DTYPE_FP32, .factor = factor_output},
        .sum = {.name = "softmax_sum", .dtype = CLF_DTYPE_FP32, .factor = factor_output}};
    oracle_verdict verdict = oracle_verdict_empty();
    const int64_t end = oracle_floyd_num_rows(problem, ORACLE_FLOYD_QUERY);
    for (int64_t i = 0; i < num_rows && first + i * step < end; i++) {
        const int64_t number = first + i * step;
        const oracle_floyd_place row = oracle_floyd_row_place(problem, ORACLE_FLOYD_QUERY, number);
        oracle_floyd_row reference;
        oracle_floyd_row plain;
        oracle_floyd_compute_row(problem, number, &reference);
        oracle_floyd_compute_row_plain(problem, number, dtype, &plain);
        for (int64_t d = 0; d < problem->depth; d++) {
            const double rounding = dtype == CLF_DTYPE_BF16 ? reference.out_rounding[d] : 0.0;
            const element each = {load(&outputs->out, &row, d), reference.out[d], plain.out[d],
                                  reference.out_unit[d] + rounding, 1.0};
            count(&out, &verdict, &row, d, &each);
        }
        compare_statistics(&totals, outputs, &row, &reference, &plain, &verdict);
    }
    report(&out, &verdict);
    judge(&totals.max, &verdict);
    judge(&totals.sum, &verdict);
    return verdict;
}

/* ---- Gradients ---- */

oracle_verdict oracle_check_floyd_grad(oracle_floyd *problem, oracle_floyd_operand of,
                                       const oracle_tensor *gradient, int64_t first, int64_t step,
                                       int64_t num_rows) {
    static const char *const names[ORACLE_FLOYD_NUM_GRADIENTS] = {
        "grad_query", "grad_key1", "grad_value1", "grad_key2", "grad_value2"};
    tally total = {.name = names[of], .dtype = gradient->view.dtype, .factor = factor_gradient};
    oracle_verdict verdict = oracle_verdict_empty();
    const int64_t end = oracle_floyd_num_rows(problem, of);
    for (int64_t i = 0; i < num_rows && first + i * step < end; i++) {
        const int64_t number = first + i * step;
        const oracle_floyd_place row = oracle_floyd_row_place(problem, of, number);
        double reference[ORACLE_FLOYD_MAX_DEPTH];
        double units[ORACLE_FLOYD_MAX_DEPTH];
        double plain[ORACLE_FLOYD_MAX_DEPTH];
        oracle_floyd_compute_grad_row(problem, of, number, reference, units);
        oracle_floyd_compute_grad_row_plain(problem, of, number, plain);
        for (int64_t d = 0; d < problem->depth; d++) {
            const element each = {load(gradient, &row, d), reference[d], plain[d], units[d], 1.0};
            count(&total, &verdict, &row, d, &each);
        }
    }
    report(&total, &verdict);
    return verdict;
}
