/* The arithmetic of the FFN oracle: products, activation, quantisation of one token. */
#include <math.h>
#include <string.h>

#include "ffn_internal.h"
#include "storage_types.h"

/* Hidden values that may be one step off are few; their steps add up like random ones, of which
 * this many deviations are allowed, but at most all of them in one direction. */
static const double flip_deviations = 6.0;
/* fp32 activations may all be wrong in one direction, by as many units. */
static const double common_units = 16.0 * 0x1p-24;

/* sum and squares of input[k] * weight[k][n], for every n. */
static void multiply(oracle_ffn *problem, const oracle_ffn_layer *layer) {
    memset(problem->sum, 0, (size_t)layer->width * sizeof *problem->sum);
    memset(problem->squares, 0, (size_t)layer->width * sizeof *problem->squares);
    for (int64_t k = 0; k < layer->depth; k++) {
        const double factor = problem->input[k];
        const float *row = layer->values + k * layer->width;
        for (int64_t n = 0; n < layer->width; n++) {
            const double product = factor * (double)row[n];
            problem->sum[n] += product;
            problem->squares[n] += product * product;
        }
    }
}

static bool is_quantised(const oracle_ffn *problem) {
    return problem->args.x->dtype == CLF_DTYPE_INT8;
}

static void compute_first(oracle_ffn *problem, int64_t token, int64_t expert) {
    const oracle_ffn_layer *layer = &problem->layers[0];
    for (int64_t k = 0; k < layer->depth; k++) {
        problem->input[k] = oracle_ffn_x(problem, token, k);
    }
    multiply(problem, layer);
    for (int64_t n = 0; n < layer->width; n++) {
        const double bias = oracle_ffn_column(problem, &layer->bias, expert, n, 0.0);
        const double sum = problem->sum[n] + bias;
        if (!is_quantised(problem)) {
            problem->first[n] = oracle_range_around(
                sum, oracle_sum_error(layer->depth, problem->sum[n], problem->squares[n], bias));
            continue;
        }
        const double scale = oracle_ffn_deq_scale(problem, &layer->deq_scale, expert, n);
        oracle_range value = oracle_range_dequantise(oracle_range_exact(sum), scale);
        problem->first[n] = problem->args.y->dtype == CLF_DTYPE_FP16
                                ? oracle_range_round(CLF_DTYPE_FP16, value)
                                : value;
    }
}

static void compute_hidden(oracle_ffn *problem, int64_t expert) {
    const int64_t count = problem->layers[1].depth;
    for (int64_t k = 0; k < count; k++) {
        const oracle_range gate = oracle_range_activate(
            problem->activation, problem->first[problem->is_glu ? count + k : k]);
        const oracle_range value =
            problem->is_glu ? oracle_range_multiply(problem->first[k], gate) : gate;
        problem->hidden[k] =
            is_quantised(problem)
                ? oracle_range_quantise(value, oracle_ffn_scale(problem, expert, k),
                                        oracle_ffn_offset(problem, expert))
                : oracle_range_round(problem->hidden_dtype, value);
    }
}

/* Adds what the uncertain hidden values may change: problem->low (<= 0), ->high and the squares in
 * `spread`. False if one of them may be infinite. */
static bool add_uncertainty(oracle_ffn *problem, oracle_range *spread) {
    const oracle_ffn_layer *layer = &problem->layers[1];
    memset(problem->low, 0, (size_t)layer->width * sizeof *problem->low);
    memset(problem->high, 0, (size_t)layer->width * sizeof *problem->high);
    for (int64_t n = 0; n < layer->width; n++) {
        spread[n] = oracle_range_exact(0.0);
    }
    for (int64_t k = 0; k < layer->depth; k++) {
        const oracle_range *hidden = &problem->hidden[k];
        if (isnan(hidden->value) || hidden->low == hidden->high) {
            continue;
        }
        if (hidden->is_free || !isfinite(hidden->low) || !isfinite(hidden->high)) {
            return false;
        }
        const float *row = layer->values + k * layer->width;
        const double down = hidden->low - hidden->value;
        const double up = hidden->high - hidden->value;
        for (int64_t n = 0; n < layer->width; n++) {
            const double a = down * (double)row[n];
            const double b = up * (double)row[n];
            problem->low[n] += fmin(a, b);
            problem->high[n] += fmax(a, b);
            spread[n].value += fmax(a * a, b * b);
        }
    }
    return true;
}

/* `spread` is the sum of squared deviations. */
static oracle_range second_of_floats(const oracle_ffn *problem, int64_t n, double bias,
                                     double spread) {
    const bool is_fp32 = problem->hidden_dtype == CLF_DTYPE_FP32;
    const double sum = problem->sum[n] + bias;
    const double error =
        oracle_sum_error(problem->layers[1].depth, problem->sum[n], problem->squares[n], bias) +
        (is_fp32 ? common_units * fabs(problem->sum[n]) : 0.0);
    const double random = (is_fp32 ? 1.0 : flip_deviations) * sqrt(spread);
    oracle_range range = oracle_range_around(sum, error);
    range.low -= fmin(-problem->low[n], random);
    range.high += fmin(problem->high[n], random);
    return range;
}

static oracle_range second_of_integers(const oracle_ffn *problem, int64_t expert, int64_t n,
                                       double bias) {
    const double sum = problem->sum[n] + bias;
    const oracle_range range = {
        .low = sum + problem->low[n], .value = sum, .high = sum + problem->high[n]};
    return oracle_range_dequantise(
        range, oracle_ffn_deq_scale(problem, &problem->layers[1].deq_scale, expert, n));
}

void oracle_ffn_row(oracle_ffn *problem, int64_t token, oracle_range *y) {
    const oracle_ffn_layer *layer = &problem->layers[1];
    const int64_t expert = oracle_ffn_expert(problem, token);
    oracle_ffn_load_expert(problem, expert);
    compute_first(problem, token, expert);
    compute_hidden(problem, expert);
    const bool is_bounded = add_uncertainty(problem, y);
    for (int64_t k = 0; k < layer->depth; k++) {
        problem->input[k] = problem->hidden[k].value;
    }
    multiply(problem, layer);
    for (int64_t n = 0; n < layer->width; n++) {
        const double bias = oracle_ffn_column(problem, &layer->bias, expert, n, 0.0);
        y[n] = is_quantised(problem) ? second_of_integers(problem, expert, n, bias)
                                     : second_of_floats(problem, n, bias, y[n].value);
        y[n].is_free |= !is_bounded;
    }
}
