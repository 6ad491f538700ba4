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

static inline void widen_integers(clf_dtype dtype, const void *stored, float *out, size_t count) {
    const int8_t *bytes = stored;
    const int32_t *words = stored;
    if (dtype == CLF_DTYPE_INT8) {
        for (size_t i = 0; i < count; i++) {
            out[i] = (float)bytes[i];
        }
    } else if (dtype == CLF_DTYPE_INT32) {
        for (size_t i = 0; i < count; i++) {
            out[i] = (float)words[i];
        }
    } else { /* int4: the lower half first */
        for (size_t i = 0; i < count; i++) {
            int nibble = i % 2 ? (bytes[i / 2] >> 4) & 15 : bytes[i / 2] & 15;
            out[i] = (float)(nibble < 8 ? nibble : nibble - 16);
        }
    }
}

PASS void pass_widen(clf_dtype dtype, const void *stored, float *out, size_t count) {
    const uint16_t *narrow = stored;
    if (dtype == CLF_DTYPE_FP32) {
        memcpy(out, stored, count * sizeof *out);
    } else if (dtype == CLF_DTYPE_FP16) {
        for (size_t i = 0; i < count; i++) {
            out[i] = half_to_float(narrow[i]);
        }
    } else if (dtype == CLF_DTYPE_BF16) {
        for (size_t i = 0; i < count; i++) {
            out[i] = bits_to_float((uint32_t)narrow[i] << 16);
        }
    } else {
        widen_integers(dtype, stored, out, count);
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

PASS float pass_dot(const float *a, const float *b, size_t width) {
    float sum = 0.0f;
    for (size_t i = 0; i < width; i++) {
        sum += a[i] * b[i];
    }
    return sum;
}

PASS void pass_attention_gradient_row(float *scores, float *grads, float max, float sum,
                                      float delta, size_t width) {
    float inverse = 1.0f / sum;
    for (size_t i = 0; i < width; i++) {
        float exponent = scores[i] - max;
        float p = expf(exponent > lowest_exponent ? exponent : lowest_exponent) * inverse;
        scores[i] = p;
        grads[i] = p * (grads[i] - delta);
    }
}

PASS void pass_add(float *values, const float *others, size_t count) {
    for (size_t i = 0; i < count; i++) {
        values[i] += others[i];
    }
}

PASS void pass_bias(float *values, const float *bias, const float *scale, size_t count) {
    if (bias) {
        for (size_t i = 0; i < count; i++) {
            values[i] += bias[i];
        }
    }
    if (scale) {
        for (size_t i = 0; i < count; i++) {
            values[i] *= scale[i];
        }
    }
}

PASS void pass_dequantise(float *values, const float *offset, const float *scale, size_t count) {
    for (size_t i = 0; i < count; i++) {
        values[i] = (values[i] + offset[i]) * scale[i];
    }
}

PASS void pass_quantise(float *values, const float *scale, size_t scale_step, float offset,
                        size_t count) {
    for (size_t i = 0; i < count; i++) {
        float value = values[i] * scale[i * scale_step] + offset;
        value = value > 127.0f ? 127.0f : value;
        value = value < -128.0f ? -128.0f : value;
        values[i] = nearbyintf(value);
    }
}

/* 1 / (1 + exp(-x)) */
static inline float sigmoid(float x) {
    return 1.0f / (1.0f + expf(-x > lowest_exponent ? (x > lowest_exponent ? -x : -lowest_exponent)
                                                    : lowest_exponent));
}

PASS void pass_activate(pass_activation activation, float *values, size_t count) {
    if (activation == PASS_RELU) {
        for (size_t i = 0; i < count; i++) {
            values[i] = values[i] > 0.0f ? values[i] : 0.0f;
        }
    } else if (activation == PASS_GELU) {
        for (size_t i = 0; i < count; i++) {
            float v = values[i];
            values[i] = v * sigmoid(1.5957691216f * (v + 0.044715f * v * v * v));
        }
    } else {
        float factor = activation == PASS_SILU ? 1.0f : 1.702f;
        for (size_t i = 0; i < count; i++) {
            values[i] *= sigmoid(factor * values[i]);
        }
    }
}

PASS void pass_multiply(float *values, const float *factors, size_t count) {
    for (size_t i = 0; i < count; i++) {
        values[i] *= factors[i];
    }
}

PASS uint64_t pass_read(const void *bytes, size_t size) {
    const uint64_t *words = bytes;
    uint64_t sums[8] = {0};
    for (size_t i = 0; i < size / sizeof *words; i += 8) {
        for (size_t j = 0; j < 8; j++) {
            sums[j] += words[i + j];
        }
    }
    return sums[0] + sums[1] + sums[2] + sums[3] + sums[4] + sums[5] + sums[6] + sums[7];
}
