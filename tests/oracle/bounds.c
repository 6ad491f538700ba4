/*
 * The tolerances, all of them. K is the result under test, R the double-precision reference on the
 * same rounded inputs, P the plain fp32 computation rounded to the storage type.
 *
 *     max|K - R| <= factor * max(max|P - R|, F) + 4 ulp at max|R|
 *
 * The factor is 2 for outputs and 3 for gradients (Dao, FlashAttention-2: at most that many times
 * the error of the usual computation). max|P - R| is a sample of rounding errors, and on a small
 * tensor it may be lucky and near zero; F replaces it then: the first-order effect of one rounding
 * (half a unit in the last place, 2^-24) in every intermediate value, which no fp32 algorithm is
 * free of.
 *
 * Row sums: with e the machine epsilon of fp32, adding n terms errs by about e sqrt(n) relative;
 * 4 e sqrt(n) is allowed, and what rounding n entries to the storage type can add: half an ulp
 * relative to each, but no less than half the smallest positive value.
 */
#include "bounds.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "storage_types.h"

static const double factor_output = 2.0;
static const double factor_gradient = 3.0;
static const double ulps_at_max = 4.0;
static const double row_sum_epsilons = 4.0;

/* Stored references come from fp32 programs, which err as the plain computation does: their error
 * and ours, each a few units of the largest probability. */
static const double stored_ulps = 16.0;

/* Central differences in double: the step balances truncation (step^2) and cancellation. */
static const double difference_step = 1e-6;
static const double difference_relative = 1e-3;
static const double difference_absolute = 1e-5;

static double rounding_unit(void) {
    return ldexp(1.0, -FLT_MANT_DIG);
}

typedef void (*reference_row)(const oracle_softmax *, int64_t, double *, double *);
typedef void (*plain_row)(const oracle_softmax *, int64_t, double *);

/* Everything that one comparison needs to know. */
typedef struct comparison {
    const oracle_softmax *problem;
    const oracle_tensor *result;
    reference_row reference;
    plain_row plain;
    double factor;
    bool is_probability;
    double *values; /* three rows: reference, sensitivity, plain */
    double max_sensitivity;
} comparison;

oracle_verdict oracle_verdict_empty(void) {
    return (oracle_verdict){.ok = true};
}

static void reject(oracle_verdict *verdict, int64_t row, int64_t column, const char *what,
                   double value, double expected) {
    if (verdict->ok) {
        verdict->ok = false;
        snprintf(verdict->reason, sizeof verdict->reason,
                 "row %lld column %lld: %s: %.9g, reference %.9g", (long long)row,
                 (long long)column, what, value, expected);
    }
}

/* NaN and infinities: returns whether the element is settled and takes no part in the maxima. */
static bool compare_special(const comparison *compared, oracle_verdict *verdict, int64_t row,
                            int64_t column, double value, double expected) {
    const double stored = oracle_round(compared->result->view.dtype, expected);

    if (isnan(expected) || isinf(stored)) {
        const bool same = isnan(expected) ? isnan(value) : value == stored;
        if (!same) {
            reject(verdict, row, column, "must be NaN or infinite", value, stored);
        }
        return true;
    }
    if (isnan(value) || isinf(value)) {
        reject(verdict, row, column, "must be finite", value, expected);
        return true;
    }
    return false;
}

static double row_sum_tolerance(clf_dtype dtype, int64_t width) {
    const double n = (double)width;
    return row_sum_epsilons * (double)FLT_EPSILON * sqrt(n) + 0.5 * oracle_ulp(dtype, 1.0) +
           0.5 * n * oracle_smallest(dtype);
}

/* The row that holds NaN anywhere is settled by compare_special alone. */
static bool row_is_finite(const double *values, int64_t width) {
    for (int64_t w = 0; w < width; w++) {
        if (!isfinite(values[w])) {
            return false;
        }
    }
    return true;
}

static void compare_row_sum(const comparison *compared, oracle_verdict *verdict, int64_t row,
                            int64_t width) {
    const oracle_row result = oracle_row_open(compared->result, row);
    double sum = 0.0;

    for (int64_t w = 0; w < width; w++) {
        const double value = oracle_row_value(&result, w);
        sum += value;
        if (value < 0.0 || value > 1.0) {
            reject(verdict, row, w, "lies outside [0, 1]", value, compared->values[w]);
        }
    }
    if (fabs(sum - 1.0) > row_sum_tolerance(compared->result->view.dtype, width)) {
        reject(verdict, row, width, "sum of the row", sum, 1.0);
    }
}

/* In a row of NaN a masked place may be 0 (the formula) or NaN (0 times NaN): the contract allows
 * both. */
static bool masked_in_nan_row(const oracle_mask_row *mask, bool finite_row, int64_t column,
                              double value) {
    return !finite_row && oracle_is_masked(mask, column) && (isnan(value) || value == 0.0);
}

static void compare_row(comparison *compared, oracle_verdict *verdict, int64_t row, int64_t width) {
    double *reference = compared->values;
    double *sensitivity = reference + width;
    double *plain = sensitivity + width;
    const oracle_row result = oracle_row_open(compared->result, row);
    const oracle_mask_row mask =
        oracle_mask_row_open(compared->problem, &compared->result->view, row);

    compared->reference(compared->problem, row, reference, sensitivity);
    compared->plain(compared->problem, row, plain);
    const bool finite_row = row_is_finite(reference, width);
    for (int64_t w = 0; w < width; w++) {
        const double value = oracle_row_value(&result, w);
        if (masked_in_nan_row(&mask, finite_row, w, value) ||
            compare_special(compared, verdict, row, w, value, reference[w])) {
            continue;
        }
        verdict->max_error = fmax(verdict->max_error, fabs(value - reference[w]));
        verdict->max_reference = fmax(verdict->max_reference, fabs(reference[w]));
        if (isfinite(plain[w])) {
            verdict->max_error_plain =
                fmax(verdict->max_error_plain, fabs(plain[w] - reference[w]));
        }
        compared->max_sensitivity = fmax(compared->max_sensitivity, sensitivity[w]);
    }
    if (compared->is_probability && finite_row) {
        compare_row_sum(compared, verdict, row, width);
    }
}

static void judge(const comparison *compared, oracle_verdict *verdict) {
    const double floor_of_plain = rounding_unit() * compared->max_sensitivity;
    const double ulp = oracle_ulp(compared->result->view.dtype, verdict->max_reference);

    verdict->allowed =
        compared->factor * fmax(verdict->max_error_plain, floor_of_plain) + ulps_at_max * ulp;
    if (verdict->ok && !(verdict->max_error <= verdict->allowed)) {
        verdict->ok = false;
        snprintf(verdict->reason, sizeof verdict->reason,
                 "largest error %.4g exceeds %.4g (plain fp32 computation: %.4g, largest "
                 "reference value %.4g)",
                 verdict->max_error, verdict->allowed, verdict->max_error_plain,
                 verdict->max_reference);
    }
}

static oracle_verdict compare(comparison *compared, int64_t first_row, int64_t num_rows) {
    const int64_t width = oracle_width(&compared->result->view);
    oracle_verdict verdict = oracle_verdict_empty();

    compared->values = (double *)calloc((size_t)width * 3 + 1, sizeof(double));
    if (compared->values == NULL) {
        reject(&verdict, first_row, 0, "no memory for the reference", 0.0, 0.0);
        return verdict;
    }
    for (int64_t row = first_row; row < first_row + num_rows; row++) {
        compare_row(compared, &verdict, row, width);
    }
    judge(compared, &verdict);
    free(compared->values);
    return verdict;
}

oracle_verdict oracle_check_softmax(const oracle_softmax *problem, const oracle_tensor *result,
                                    int64_t first_row, int64_t num_rows) {
    comparison compared = {
        problem, result, oracle_softmax_row, oracle_softmax_row_plain, factor_output, true,
        NULL,    0.0};
    return compare(&compared, first_row, num_rows);
}

oracle_verdict oracle_check_softmax_grad(const oracle_softmax *problem, const oracle_tensor *result,
                                         int64_t first_row, int64_t num_rows) {
    comparison compared = {problem,
                           result,
                           oracle_softmax_grad_row,
                           oracle_softmax_grad_row_plain,
                           factor_gradient,
                           false,
                           NULL,
                           0.0};
    return compare(&compared, first_row, num_rows);
}

void oracle_verdict_merge(oracle_verdict *total, const oracle_verdict *part) {
    if (total->ok && !part->ok) {
        total->ok = false;
        snprintf(total->reason, sizeof total->reason, "%s", part->reason);
    }
    total->max_error = fmax(total->max_error, part->max_error);
    total->max_error_plain = fmax(total->max_error_plain, part->max_error_plain);
    total->allowed = fmax(total->allowed, part->allowed);
    total->max_reference = fmax(total->max_reference, part->max_reference);
}

bool oracle_close_to_stored(clf_dtype dtype, double value, double stored) {
    return fabs(value - stored) <= stored_ulps * oracle_ulp(dtype, 0.5);
}

double oracle_difference_step(void) {
    return difference_step;
}

bool oracle_close_to_difference_quotient(double gradient, double quotient) {
    const double larger = fmax(fabs(gradient), fabs(quotient));
    return fabs(gradient - quotient) <= difference_absolute + difference_relative * larger;
}

bool oracle_close_after_shift(clf_dtype dtype, double before, double after, double largest_score) {
    /* Shifting moves each score by at most one rounding at its magnitude, on either side; the
     * probability moves by twice that, relative to itself; and both results are rounded. */
    const double moved = 4.0 * rounding_unit() * largest_score * fmax(before, after);
    return fabs(before - after) <= moved + ulps_at_max * oracle_ulp(dtype, 1.0);
}
