/*
 * K is the result under test, R the reference in double on the same rounded inputs, P the plain
 * computation (fp32, weights rounded to the storage type before they meet the vectors).
 *
 *     each gradient   max|K - R| <= 3 max(max|P - R|, F) + 4 ulp at max|R|
 *
 * The factor is that of gradients in bounds.c; F is the largest effect of single roundings in
 * independent directions, for tensors so small that the plain computation was lucky.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "attention_grad_oracle.h"
#include "storage_types.h"
#include "tally.h"

static const double factor_gradient = 3.0;

static void reject(oracle_verdict *verdict, const char *name, int64_t row, int64_t column,
                   double value, double expected) {
    if (verdict->ok) {
        verdict->ok = false;
        snprintf(verdict->reason, sizeof verdict->reason,
                 "%s at row %lld, %lld: %.9g, reference %.9g", name, (long long)row,
                 (long long)column, value, expected);
    }
}

/* NaN and infinities, exactly where the reference has them once stored; true if that settles it. */
static bool settle_special(oracle_verdict *verdict, const oracle_tally *total, int64_t row,
                           int64_t column, double value, double expected) {
    const double stored = oracle_round(total->dtype, expected);
    if (isfinite(stored) && isfinite(value)) {
        return false;
    }
    const bool same = isnan(stored) ? isnan(value) : value == stored;
    if (!same) {
        reject(verdict, total->name, row, column, value, expected);
    }
    return true;
}

oracle_verdict oracle_check_attention_grad(oracle_attention_grad *problem, oracle_gradient of,
                                           const void *result, int64_t first, int64_t step,
                                           int64_t count) {
    static const char *const names[ORACLE_NUM_GRADIENTS] = {"grad_query", "grad_key", "grad_value",
                                                            "grad_pse"};
    const clf_dtype dtype = oracle_attention_grad_view(problem, of)->dtype;
    const int64_t width = oracle_attention_grad_width(problem, of);
    const int64_t num_rows = oracle_attention_grad_num_rows(problem, of);
    oracle_tally total = {.name = names[of], .dtype = dtype, .factor = factor_gradient};
    oracle_verdict verdict = oracle_verdict_empty();
    double *values = (double *)calloc((size_t)width * 3 + 1, sizeof *values);
    if (values == NULL) {
        reject(&verdict, "no memory for the reference", 0, 0, 0.0, 0.0);
        return verdict;
    }
    double *units = values + width;
    double *plain = units + width;
    for (int64_t i = 0; i < count && first + i * step < num_rows; i++) {
        const int64_t row = first + i * step;
        oracle_attention_compute_grad_row(problem, of, row, values, units);
        oracle_attention_compute_grad_row_plain(problem, of, row, plain);
        for (int64_t column = 0; column < width; column++) {
            const size_t place = (size_t)oracle_attention_grad_place(problem, of, row, column);
            const double value =
                oracle_decode(dtype, (const char *)result + place * oracle_dtype_size(dtype));
            if (!settle_special(&verdict, &total, row, column, value, values[column])) {
                const oracle_tally_element element = {value, values[column], plain[column],
                                                      units[column], 1.0};
                oracle_tally_count(&total, &element);
            }
        }
    }
    oracle_tally_report(&total, oracle_tally_judge(&total, 0.0, &verdict), &verdict);
    free(values);
    return verdict;
}
