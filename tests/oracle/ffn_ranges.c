/*
 * The constants of FFN's tolerances. u = 2^-24 is half a unit in the last place of fp32.
 *
 * A sum errs by a rounding of at most u times the partial sum at each of its steps. With K products
 * of sum T and sum of squares Q, in an order that does not know their values, the squares of the
 * partial sums add up to about K (Q / 6 + T^2 / 3); taken are K (Q / 2 + T^2) + Q, a standard
 * deviation of u / sqrt(3) for each rounding, and seven of these: 4 u sqrt(K (Q / 2 + T^2) + Q).
 *
 * An activation: 16 u for the division, the product and an exponential of 3 units in the last
 * place, as OpenCL guarantees; and 4 u |t| (1 - sigmoid(t)) for roundings of the argument t.
 */
#include "ffn_ranges.h"

#include <float.h>
#include <math.h>

#include "storage_types.h"

static const double unit = 0x1p-24;
static const double sum_deviations = 4.0;
static const double activation_units = 16.0;
static const double argument_units = 4.0;

/* ---- Ranges ---- */

oracle_range oracle_range_exact(double value) {
    return (oracle_range){.low = value, .value = value, .high = value};
}

oracle_range oracle_range_around(double value, double error) {
    if (!isfinite(value)) {
        return oracle_range_exact(value);
    }
    return (oracle_range){
        .low = value - error, .value = value, .high = value + error, .is_free = !isfinite(error)};
}

oracle_range oracle_range_round(clf_dtype dtype, oracle_range range) {
    range.low = oracle_round(dtype, range.low);
    range.value = oracle_round(dtype, range.value);
    range.high = oracle_round(dtype, range.high);
    return range;
}

static bool is_certain(oracle_range range) {
    return range.low == range.high;
}

/* Infinite, or finite, as roundings have it. */
static bool may_overflow(oracle_range range) {
    return !isnan(range.value) && !is_certain(range) &&
           !(isfinite(range.low) && isfinite(range.high));
}

static oracle_range free_range(void) {
    return (oracle_range){.low = -(double)INFINITY, .high = (double)INFINITY, .is_free = true};
}

/* From the values that its ends can take. */
static oracle_range range_of(double value, const double *ends, int count, double slack) {
    oracle_range range = oracle_range_exact(value);
    for (int i = 0; i < count; i++) {
        range.low = fmin(range.low, ends[i]);
        range.high = fmax(range.high, ends[i]);
    }
    range.low -= slack;
    range.high += slack;
    return range;
}

/* ---- Activations ---- */

static double sigmoid_argument(oracle_activation activation, double v) {
    switch (activation) {
    case ORACLE_GELU:
        return 1.5957691216057308 * (v + 0.044715 * v * v * v);
    case ORACLE_FASTGELU:
        return 1.702 * v;
    default:
        return v;
    }
}

static double sigmoid(double t) {
    return t >= 0.0 ? 1.0 / (1.0 + exp(-t)) : exp(t) / (1.0 + exp(t));
}

double oracle_activate(oracle_activation activation, double value) {
    if (activation == ORACLE_RELU) {
        return value < 0.0 ? 0.0 : value;
    }
    return value * sigmoid(sigmoid_argument(activation, value));
}

oracle_range oracle_range_activate(oracle_activation activation, oracle_range range) {
    if (isnan(range.value)) {
        return range;
    }
    if (range.is_free || may_overflow(range) ||
        (activation != ORACLE_RELU && isinf(range.value) && range.value < 0.0)) {
        return free_range(); /* -inf times 0: NaN, or 0 if the limit is taken */
    }
    const double value = oracle_activate(activation, range.value);
    const double ends[] = {oracle_activate(activation, range.low),
                           oracle_activate(activation, range.high)};
    if (activation == ORACLE_RELU || isinf(range.value)) {
        return range_of(value, ends, 2, 0.0);
    }
    const double t = sigmoid_argument(activation, range.value);
    const double width = range.high - range.low;
    const double evaluation =
        unit * fabs(value) * (activation_units + argument_units * fabs(t) * sigmoid(-t)) +
        fabs(range.value) * 0x1p-125; /* exponentials below the smallest normal number may be 0 */
    /* Second derivatives are below 1: between the ends, no value is further outside than this. */
    return range_of(value, ends, 2, evaluation + 0.125 * width * width);
}

oracle_range oracle_range_multiply(oracle_range a, oracle_range b) {
    if (isnan(a.value) || isnan(b.value) || isnan(a.value * b.value)) {
        return oracle_range_exact((double)NAN);
    }
    if (a.is_free || b.is_free || may_overflow(a) || may_overflow(b)) {
        return free_range();
    }
    const double value = a.value * b.value;
    if (isinf(value)) {
        return oracle_range_exact(value);
    }
    const double ends[] = {a.low * b.low, a.low * b.high, a.high * b.low, a.high * b.high};
    return range_of(value, ends, 4, unit * fabs(value) + 0x1p-126);
}

/* ---- Quantisation ---- */

/* One product in fp32 of a converted integer: exact if both steps are. */
static double product_error(double sum, double scale) {
    const double product = sum * scale;
    const bool converts = (double)(float)sum == sum;
    const bool is_exact = converts && (double)(float)product == product;
    return is_exact ? 0.0 : (converts ? 1.0 : 2.0) * unit * fabs(product) + 0x1p-149;
}

oracle_range oracle_range_dequantise(oracle_range sum, double scale) {
    if (!isfinite(scale)) {
        return sum.low <= 0.0 && sum.high >= 0.0 && !is_certain(sum)
                   ? free_range()
                   : oracle_range_exact(sum.value * scale);
    }
    const double at_low = sum.low * scale;
    const double at_high = sum.high * scale;
    const double error_low = product_error(sum.low, scale);
    const double error_high = product_error(sum.high, scale);
    const double value_error = product_error(sum.value, scale);
    const double ends[] = {at_low - error_low, at_low + error_low, at_high - error_high,
                           at_high + error_high};
    return range_of(sum.value * scale, ends, 4, is_certain(sum) ? 0.0 : value_error);
}

static double quantise(double value, double scale, double offset) {
    const double scaled = oracle_round(CLF_DTYPE_FP16, oracle_round(CLF_DTYPE_FP16, value) *
                                                           oracle_round(CLF_DTYPE_FP16, scale));
    const double moved =
        oracle_round(CLF_DTYPE_FP16, scaled + oracle_round(CLF_DTYPE_FP16, offset));
    if (isnan(moved)) {
        return 0.0;
    }
    const double even = nearbyint(moved);
    return even < -128.0 ? -128.0 : even > 127.0 ? 127.0 : even;
}

oracle_range oracle_range_quantise(oracle_range range, double scale, double offset) {
    if (isnan(range.value)) {
        return oracle_range_exact(0.0);
    }
    if (range.is_free) {
        return (oracle_range){.low = -128.0, .value = 0.0, .high = 127.0};
    }
    /* Every step is monotone. */
    const double ends[] = {quantise(range.low, scale, offset), quantise(range.high, scale, offset)};
    return range_of(quantise(range.value, scale, offset), ends, 2, 0.0);
}

/* ---- Sums ---- */

double oracle_sum_error(int64_t depth, double sum, double squares, double bias) {
    const double reach = fabs(sum) + fabs(bias);
    const double count = (double)depth;
    if (depth == 0) {
        return 0.0;
    }
    return sum_deviations * unit * sqrt(count * (0.5 * squares + reach * reach) + squares) +
           2.0 * unit * reach + count * 0x1p-126;
}
