/*
 * The straightforward computation: fp32 in the order of the formulas, rounded once to the storage
 * type; exponentials, p and ds that lead to bf16 results meet the other factor in bf16. Its error is the yardstick for the kernels' error.
 */
#include <float.h>
#include <math.h>
#include <string.h>

#include "floyd_internal.h"
#include "storage_types.h"

static float dot_both(const oracle_floyd *problem, const float *a, const float *b, const float *c) {
    float first = 0.0F;
    float second = 0.0F;
    for (int64_t d = 0; d < problem->depth; d++) {
        first += a[d] * b[d];
        second += a[d] * c[d];
    }
    return first + second;
}

static float score_of(const oracle_floyd *problem, const oracle_floyd_triple *at) {
    if (oracle_floyd_is_masked(problem, at->n, at->m, at->k)) {
        return -FLT_MAX;
    }
    return (float)problem->scale *
           dot_both(problem, oracle_floyd_at(problem, ORACLE_FLOYD_QUERY, at->n, at->m),
                    oracle_floyd_at(problem, ORACLE_FLOYD_KEY1, at->n, at->k),
                    oracle_floyd_at(problem, ORACLE_FLOYD_KEY2, at->k, at->m));
}

void oracle_floyd_compute_row_plain(oracle_floyd *problem, int64_t row, clf_dtype dtype,
                                    oracle_floyd_row *result) {
    const oracle_floyd_place place = oracle_floyd_enter(problem, ORACLE_FLOYD_QUERY, row);
    float out[ORACLE_FLOYD_MAX_DEPTH] = {0.0F};
    float max = -INFINITY;
    float sum = 0.0F;
    memset(result, 0, sizeof *result);
    for (int64_t k = 0; k < problem->k; k++) {
        const oracle_floyd_triple at = {.n = place.i, .m = place.j, .k = k};
        const float score = score_of(problem, &at);
        problem->work[k] = (double)score;
        max = isnan(score) || score > max ? score : max;
        result->num_live += !oracle_floyd_is_masked(problem, at.n, at.m, at.k);
    }
    for (int64_t k = 0; k < problem->k; k++) {
        const float *value1 = oracle_floyd_at(problem, ORACLE_FLOYD_VALUE1, place.i, k);
        const float *value2 = oracle_floyd_at(problem, ORACLE_FLOYD_VALUE2, k, place.j);
        float exponential = expf((float)problem->work[k] - max);
        sum += exponential;
        if (dtype == CLF_DTYPE_BF16) {
            exponential = (float)oracle_round(dtype, (double)exponential);
        }
        for (int64_t d = 0; d < problem->depth; d++) {
            out[d] += exponential * value1[d];
            out[d] += exponential * value2[d];
        }
    }
    for (int64_t d = 0; d < problem->depth; d++) {
        result->out[d] = oracle_round(dtype, (double)(out[d] / sum));
    }
    result->max = (double)max;
    result->sum = (double)sum;
    result->is_nan = isnan(max);
}

/* p or ds of one triple. */
static float weight_of(const oracle_floyd *problem, bool is_of_value,
                       const oracle_floyd_triple *at) {
    const float max = *oracle_floyd_at(problem, ORACLE_FLOYD_SOFTMAX_MAX, at->n, at->m);
    const float sum = *oracle_floyd_at(problem, ORACLE_FLOYD_SOFTMAX_SUM, at->n, at->m);
    const float p = expf(score_of(problem, at) - max) / sum;
    if (is_of_value) {
        return p;
    }
    const float *grad_output = oracle_floyd_at(problem, ORACLE_FLOYD_GRAD_OUTPUT, at->n, at->m);
    const float *attention = oracle_floyd_at(problem, ORACLE_FLOYD_ATTENTION_IN, at->n, at->m);
    const float dp =
        dot_both(problem, grad_output, oracle_floyd_at(problem, ORACLE_FLOYD_VALUE1, at->n, at->k),
                 oracle_floyd_at(problem, ORACLE_FLOYD_VALUE2, at->k, at->m));
    float delta = 0.0F;
    for (int64_t d = 0; d < problem->depth; d++) {
        delta += grad_output[d] * attention[d];
    }
    return p * (dp - delta);
}

void oracle_floyd_compute_grad_row_plain(oracle_floyd *problem, oracle_floyd_operand of,
                                         int64_t row, double *values) {
    const oracle_floyd_place place = oracle_floyd_enter(problem, of, row);
    const bool is_of_value = of == ORACLE_FLOYD_VALUE1 || of == ORACLE_FLOYD_VALUE2;
    const bool is_of_query = of == ORACLE_FLOYD_QUERY;
    const oracle_floyd_operand factor = is_of_value ? ORACLE_FLOYD_GRAD_OUTPUT : ORACLE_FLOYD_QUERY;
    const clf_dtype dtype = problem->inputs.operands[of].view.dtype;
    float total[ORACLE_FLOYD_MAX_DEPTH] = {0.0F};
    for (int64_t term = 0; term < oracle_floyd_sum_length(problem, of); term++) {
        const oracle_floyd_triple at = oracle_floyd_sum_term(of, &place, term);
        float weight = weight_of(problem, is_of_value, &at);
        if (dtype == CLF_DTYPE_BF16) {
            weight = (float)oracle_round(dtype, (double)weight);
        }
        const float *first = is_of_query ? oracle_floyd_at(problem, ORACLE_FLOYD_KEY1, at.n, at.k)
                                         : oracle_floyd_at(problem, factor, at.n, at.m);
        const float *second = oracle_floyd_at(problem, ORACLE_FLOYD_KEY2, at.k, at.m);
        for (int64_t d = 0; d < problem->depth; d++) {
            total[d] += weight * first[d];
            total[d] += is_of_query ? weight * second[d] : 0.0F;
        }
    }
    for (int64_t d = 0; d < problem->depth; d++) {
        const float scaled = is_of_value ? total[d] : (float)problem->scale * total[d];
        values[d] = oracle_round(dtype, (double)scaled);
    }
}
