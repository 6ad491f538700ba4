/* See ffn_bounds.h; the constants are in ffn_ranges.c and ffn_rows.c. */
#include "ffn_bounds.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "storage_types.h"

bool oracle_range_holds(clf_dtype dtype, oracle_range range, double value) {
    if (range.is_free) {
        return true;
    }
    if (isnan(range.value)) {
        return isnan(value);
    }
    const oracle_range rounded = oracle_range_round(dtype, range);
    return rounded.low <= value && value <= rounded.high;
}

static void count_element(oracle_verdict *verdict, clf_dtype dtype, const oracle_range *range,
                          double value, double *worst) {
    const double error = fabs(value - range->value);
    const double allowed = fmax(range->value - oracle_round(dtype, range->low),
                                oracle_round(dtype, range->high) - range->value);
    if (range->is_free || !isfinite(range->value) || !isfinite(error)) {
        return;
    }
    verdict->max_reference = fmax(verdict->max_reference, fabs(range->value));
    const double share = error > 0.0 ? error / allowed : 0.0; /* infinite if nothing is allowed */
    if (share >= *worst) {
        *worst = share;
        verdict->max_error = error;
        verdict->allowed = allowed;
    }
}

static void reject(oracle_verdict *verdict, clf_dtype dtype, int64_t token, int64_t column,
                   const oracle_range *range, double value) {
    if (verdict->ok) {
        const oracle_range rounded = oracle_range_round(dtype, *range);
        verdict->ok = false;
        snprintf(verdict->reason, sizeof verdict->reason,
                 "y at token %lld column %lld: %.9g, reference %.9g, accepted: %.9g to %.9g",
                 (long long)token, (long long)column, value, range->value, rounded.low,
                 rounded.high);
    }
}

oracle_verdict oracle_check_ffn(oracle_ffn *problem, const void *y, int64_t first, int64_t step,
                                int64_t count) {
    oracle_verdict verdict = oracle_verdict_empty();
    const clf_dtype dtype = problem->args.y->dtype;
    const int64_t width = problem->layers[1].width;
    double worst = 0.0;
    oracle_range *row = (oracle_range *)calloc((size_t)width + 1, sizeof *row);
    if (row == NULL) {
        verdict.ok = false;
        snprintf(verdict.reason, sizeof verdict.reason, "no memory for the reference");
        return verdict;
    }
    for (int64_t i = 0; i < count && first + i * step < problem->num_tokens; i++) {
        const int64_t token = first + i * step;
        if (oracle_ffn_expert(problem, token) < 0) {
            continue;
        }
        oracle_ffn_row(problem, token, row);
        for (int64_t n = 0; n < width; n++) {
            const size_t place = (size_t)oracle_ffn_y_place(problem, token, n);
            const double value =
                oracle_decode(dtype, (const char *)y + place * oracle_dtype_size(dtype));
            if (!oracle_range_holds(dtype, row[n], value)) {
                reject(&verdict, dtype, token, n, &row[n], value);
            }
            count_element(&verdict, dtype, &row[n], value, &worst);
        }
    }
    free(row);
    return verdict;
}
