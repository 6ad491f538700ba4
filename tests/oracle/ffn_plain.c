/* The usual fp32 computation of FFN: one sum after the other, every step rounded to fp32. */
#include <math.h>

#include "ffn_internal.h"
#include "storage_types.h"

static float sum_plain(const oracle_ffn *problem, const oracle_ffn_layer *layer, int64_t n) {
    float sum = 0.0F;
    for (int64_t k = 0; k < layer->depth; k++) {
        sum += (float)problem->input[k] * layer->values[k * layer->width + n];
    }
    return sum;
}

static int32_t sum_integers(const oracle_ffn *problem, const oracle_ffn_layer *layer, int64_t n) {
    int32_t sum = 0;
    for (int64_t k = 0; k < layer->depth; k++) {
        sum += (int32_t)problem->input[k] * (int32_t)layer->values[k * layer->width + n];
    }
    return sum;
}

/* Column n of a product of problem->input, with bias, and dequantised. */
static float column_plain(const oracle_ffn *problem, const oracle_ffn_layer *layer, int64_t expert,
                          int64_t n) {
    const double bias = oracle_ffn_column(problem, &layer->bias, expert, n, 0.0);
    if (problem->args.x->dtype != CLF_DTYPE_INT8) {
        return sum_plain(problem, layer, n) + (float)bias;
    }
    const int32_t sum = sum_integers(problem, layer, n) + (int32_t)bias;
    return (float)sum * (float)oracle_ffn_deq_scale(problem, &layer->deq_scale, expert, n);
}

static float activate_plain(oracle_activation activation, float v) {
    const float gelu = 1.5957691216F * (v + 0.044715F * v * v * v);
    const float t = activation == ORACLE_GELU       ? gelu
                    : activation == ORACLE_FASTGELU ? 1.702F * v
                                                    : v;
    if (activation == ORACLE_RELU) {
        return v < 0.0F ? 0.0F : v;
    }
    return v / (1.0F + expf(-t));
}

static double half(double value) {
    return oracle_round(CLF_DTYPE_FP16, value);
}

static double quantise_plain(const oracle_ffn *problem, int64_t expert, int64_t k, double value) {
    const double scaled = half(half(value) * half(oracle_ffn_scale(problem, expert, k)));
    const double moved = half(scaled + half(oracle_ffn_offset(problem, expert)));
    return isnan(moved) ? 0.0 : fmax(-128.0, fmin(127.0, nearbyint(moved)));
}

void oracle_ffn_row_plain(oracle_ffn *problem, int64_t token, double *y) {
    const int64_t expert = oracle_ffn_expert(problem, token);
    const bool is_int8 = problem->args.x->dtype == CLF_DTYPE_INT8;
    const clf_dtype out = problem->args.y->dtype;
    const int64_t count = problem->layers[1].depth;
    oracle_ffn_load_expert(problem, expert);
    for (int64_t k = 0; k < problem->layers[0].depth; k++) {
        problem->input[k] = oracle_ffn_x(problem, token, k);
    }
    for (int64_t n = 0; n < problem->layers[0].width; n++) {
        const double value = (double)column_plain(problem, &problem->layers[0], expert, n);
        problem->sum[n] = is_int8 && out == CLF_DTYPE_FP16 ? half(value) : value;
    }
    for (int64_t k = 0; k < count; k++) {
        const float gate = activate_plain(problem->activation,
                                          (float)problem->sum[problem->is_glu ? count + k : k]);
        const double value = (double)(problem->is_glu ? (float)problem->sum[k] * gate : gate);
        problem->input[k] = is_int8 ? quantise_plain(problem, expert, k, value)
                                    : oracle_round(problem->hidden_dtype, value);
    }
    for (int64_t n = 0; n < problem->layers[1].width; n++) {
        y[n] = oracle_round(out, (double)column_plain(problem, &problem->layers[1], expert, n));
    }
}
