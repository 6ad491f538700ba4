/*
 * Straightforward loops that a compiler vectorises. This file alone is compiled with relaxed
 * floating-point rules, which lets the sums and the exponential be vectorised; there are no NaN and
 * no infinities here (a masked score is the lowest finite number).
 */
#include "peers/unfused_passes.h"

#include <math.h>
#include <string.h>

/* Also compiled for wide vectors where the host may have them; chosen when the program starts.
 * Clang 14 does not export such functions. */
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define PASS __attribute__((target_clones("avx2", "default")))
#else
#define PASS
#endif

/* Below this, the exponential is as good as zero in fp32; library vector code is slow there. */
static const float lowest_exponent = -87.0f;

static inline float bits_to_float(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline uint32_t float_to_bits(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* Exact for all finite halves: the exponent is corrected by a multiplication, subnormals included.
 */
static inline float half_to_float(uint16_t half) {
    uint32_t magnitude = (uint32_t)(half & 0x7fffu) << 13;
    float value = bits_to_float(magnitude) * 0x1p112f;
    return bits_to_float(float_to_bits(value) | (uint32_t)(half & 0x8000u) << 16);
}

/* Nearest even for magnitudes below 65520; what these passes produce is far below. */
static inline uint16_t float_to_half(float value) {
    uint32_t bits = float_to_bits(value);
    uint32_t sign = bits & 0x80000000u;
    uint32_t magnitude = bits ^ sign;
    /* Subnormal halves: adding 0.5 lets the hardware round at the right bit. */
    uint32_t small = float_to_bits(bits_to_float(magnitude) + 0.5f) - 0x3f000000u;
    uint32_t normal = (magnitude - 0x38000000u + 0xfffu + (magnitude >> 13 & 1u)) >> 13;
    return (uint16_t)((magnitude < 0x38800000u ? small : normal) | sign >> 16);
}

static inline uint16_t float_to_bfloat(float value) {
    uint32_t bits = float_to_bits(value);
    return (uint16_t)((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
}

PASS void pass_widen(clf_dtype dtype, const void *stored, float *out, size_t count) {
    const uint16_t *narrow = stored;
    if (dtype == CLF_DTYPE_FP32) {
        memcpy(out, stored, count * sizeof *out);
    } else if (dtype == CLF_DTYPE_FP16) {
        for (size_t i = 0; i < count; i++) {
            out[i] = half_to_float(narrow[i]);
        }
    } else {
        for (size_t i = 0; i < count; i++) {
            out[i] = bits_to_float((uint32_t)narrow[i] << 16);
        }
    }
}

PASS void pass_narrow(clf_dtype dtype, const float *values, void *stored, size_t count) {
    uint16_t *narrow = stored;
    if (dtype == CLF_DTYPE_FP32) {
        memcpy(stored, values, count * sizeof *values);
    } else if (dtype == CLF_DTYPE_FP16) {
        for (size_t i = 0; i < count; i++) {
            narrow[i] = float_to_half(values[i]);
        }
    } else {
        for (size_t i = 0; i < count; i++) {
            narrow[i] = float_to_bfloat(values[i]);
        }
    }
}

PASS void pass_scale(const float *values, float *out, float scale, size_t count) {
    for (size_t i = 0; i < count; i++) {
        out[i] = values[i] * scale;
    }
}

PASS void pass_masked_fill(float *values, const uint8_t *mask, size_t mask_step, float fill,
                           size_t count) {
    if (mask_step) {
        for (size_t i = 0; i < count; i++) {
            values[i] = mask[i] ? fill : values[i];
        }
    } else if (mask[0]) {
        for (size_t i = 0; i < count; i++) {
            values[i] = fill;
        }
    }
}

PASS void pass_softmax_row(float *row, size_t width) {
    float max = row[0];
    float sum = 0.0f;
    for (size_t i = 1; i < width; i++) {
        max = row[i] > max ? row[i] : max;
    }
    for (size_t i = 0; i < width; i++) {
        float exponent = row[i] - max;
        row[i] = expf(exponent > lowest_exponent ? exponent : lowest_exponent);
        sum += row[i];
    }
    float inverse = 1.0f / sum;
    for (size_t i = 0; i < width; i++) {
        row[i] *= inverse;
    }
}

PASS float pass_multiply_sum(const float *a, const float *b, float *products, size_t width) {
    float sum = 0.0f;
    for (size_t i = 0; i < width; i++) {
        products[i] = a[i] * b[i];
        sum += products[i];
    }
    return sum;
}

PASS void pass_subtract_scaled(float *products, const float *b, float sum, size_t width) {
    for (size_t i = 0; i < width; i++) {
        products[i] -= sum * b[i];
    }
}
