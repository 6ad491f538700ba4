/* Conversions by arithmetic on doubles instead of bit tricks: slow, and easy to believe. */
#include "storage_types.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* A binary floating-point format: significand bits with the leading one, exponent of its largest
 * and smallest normal values as 1.xxx * 2^e. */
typedef struct float_format {
    int precision;
    int max_exponent;
    int min_exponent;
} float_format;

static const float_format format_fp32 = {24, 127, -126};
static const float_format format_fp16 = {11, 15, -14};
static const float_format format_bf16 = {8, 127, -126};

static const float_format *format_of(clf_dtype dtype) {
    switch (dtype) {
    case CLF_DTYPE_FP32:
        return &format_fp32;
    case CLF_DTYPE_FP16:
        return &format_fp16;
    case CLF_DTYPE_BF16:
        return &format_bf16;
    default:
        return NULL;
    }
}

#define TOTAL_BITS 16 /* of fp16 and bf16; fp32 is the compiler's own */

/* ldexp(1.0, exponent) of normal numbers, which the references ask for all the time. */
static double power_of_two(int exponent) {
    const uint64_t bits = (uint64_t)(exponent + 1023) << 52;
    double power;
    memcpy(&power, &bits, sizeof power);
    return power;
}

static double value_of_bits(const float_format *format, uint32_t bits) {
    const int fraction_bits = format->precision - 1;
    const uint32_t fraction = bits & ((UINT32_C(1) << fraction_bits) - 1);
    const uint32_t exponent_mask = (UINT32_C(1) << (TOTAL_BITS - 1 - fraction_bits)) - 1;
    const uint32_t exponent = (bits >> fraction_bits) & exponent_mask;
    const double sign = (bits >> (TOTAL_BITS - 1)) & 1 ? -1.0 : 1.0;

    if (exponent == exponent_mask) {
        return fraction != 0 ? (double)NAN : sign * (double)INFINITY;
    }
    if (exponent == 0) {
        return sign * (double)fraction * power_of_two(format->min_exponent - fraction_bits);
    }
    return sign * (double)(fraction + (UINT32_C(1) << fraction_bits)) *
           power_of_two((int)exponent - format->max_exponent - fraction_bits);
}

/* `value` is a value of the format, an infinity or NaN. */
static uint32_t bits_of_value(const float_format *format, double value) {
    const int fraction_bits = format->precision - 1;
    const uint32_t sign = signbit(value) ? UINT32_C(1) << (TOTAL_BITS - 1) : 0;
    const uint32_t infinity = ((UINT32_C(1) << (TOTAL_BITS - 1 - fraction_bits)) - 1)
                              << fraction_bits;
    const double magnitude = fabs(value);

    if (isnan(value)) {
        return infinity | (UINT32_C(1) << (fraction_bits - 1));
    }
    if (isinf(value)) {
        return sign | infinity;
    }
    if (magnitude < ldexp(1.0, format->min_exponent)) {
        return sign | (uint32_t)ldexp(magnitude, fraction_bits - format->min_exponent);
    }
    const int exponent = ilogb(magnitude);
    const uint32_t significand = (uint32_t)ldexp(magnitude, fraction_bits - exponent);
    return sign | ((uint32_t)(exponent + format->max_exponent) << fraction_bits) |
           (significand & ((UINT32_C(1) << fraction_bits) - 1));
}

size_t oracle_dtype_size(clf_dtype dtype) {
    switch (dtype) {
    case CLF_DTYPE_INT64:
    case CLF_DTYPE_UINT64:
        return 8;
    case CLF_DTYPE_FP32:
    case CLF_DTYPE_INT32:
        return 4;
    case CLF_DTYPE_FP16:
    case CLF_DTYPE_BF16:
        return 2;
    default:
        return 1;
    }
}

static double decode_integer(clf_dtype dtype, const void *element) {
    int8_t byte = 0;
    int32_t word = 0;
    int64_t long_word = 0;
    switch (dtype) {
    case CLF_DTYPE_INT8:
        memcpy(&byte, element, sizeof byte);
        return (double)byte;
    case CLF_DTYPE_INT32:
        memcpy(&word, element, sizeof word);
        return (double)word;
    case CLF_DTYPE_INT64:
    case CLF_DTYPE_UINT64:
        memcpy(&long_word, element, sizeof long_word);
        return dtype == CLF_DTYPE_INT64 ? (double)long_word : (double)(uint64_t)long_word;
    default:
        return (double)*(const unsigned char *)element;
    }
}

static void encode_integer(clf_dtype dtype, double value, void *element) {
    const int8_t byte = dtype == CLF_DTYPE_INT8 ? (int8_t)value : 0;
    const int32_t word = dtype == CLF_DTYPE_INT32 ? (int32_t)value : 0;
    const int64_t long_word = dtype == CLF_DTYPE_INT64 ? (int64_t)value : 0;
    const uint64_t unsigned_word = dtype == CLF_DTYPE_UINT64 ? (uint64_t)value : 0;
    switch (dtype) {
    case CLF_DTYPE_INT8:
        memcpy(element, &byte, sizeof byte);
        break;
    case CLF_DTYPE_INT32:
        memcpy(element, &word, sizeof word);
        break;
    case CLF_DTYPE_INT64:
        memcpy(element, &long_word, sizeof long_word);
        break;
    case CLF_DTYPE_UINT64:
        memcpy(element, &unsigned_word, sizeof unsigned_word);
        break;
    default:
        *(unsigned char *)element = (unsigned char)value;
        break;
    }
}

double oracle_decode_int4(const void *bytes, int64_t place) {
    const unsigned char byte = ((const unsigned char *)bytes)[place / 2];
    const int nibble = place % 2 == 0 ? byte & 15 : byte >> 4;
    return (double)(nibble < 8 ? nibble : nibble - 16);
}

double oracle_decode(clf_dtype dtype, const void *element) {
    if (dtype == CLF_DTYPE_FP32) {
        float value;
        memcpy(&value, element, sizeof value);
        return (double)value;
    }
    if (dtype == CLF_DTYPE_FP16 || dtype == CLF_DTYPE_BF16) {
        uint16_t bits;
        memcpy(&bits, element, sizeof bits);
        return value_of_bits(format_of(dtype), bits);
    }
    return decode_integer(dtype, element);
}

void oracle_encode(clf_dtype dtype, double value, void *element) {
    if (dtype == CLF_DTYPE_FP32) {
        const float rounded = (float)oracle_round(dtype, value);
        memcpy(element, &rounded, sizeof rounded);
    } else if (dtype == CLF_DTYPE_FP16 || dtype == CLF_DTYPE_BF16) {
        const uint16_t bits = (uint16_t)bits_of_value(format_of(dtype), oracle_round(dtype, value));
        memcpy(element, &bits, sizeof bits);
    } else {
        encode_integer(dtype, value, element);
    }
}

double oracle_round(clf_dtype dtype, double value) {
    if (format_of(dtype) == NULL || isnan(value) || isinf(value) || value == 0.0) {
        return value;
    }
    const double quantum = oracle_ulp(dtype, value);
    const double rounded = nearbyint(value / quantum) * quantum; /* both steps are exact */
    return fabs(rounded) > oracle_largest(dtype) ? copysign((double)INFINITY, value) : rounded;
}

double oracle_ulp(clf_dtype dtype, double value) {
    const float_format *format = format_of(dtype);

    if (format == NULL || isnan(value) || isinf(value)) {
        return 0.0;
    }
    const int exponent = value == 0.0 ? format->min_exponent : ilogb(value);
    const int clamped = exponent < format->min_exponent   ? format->min_exponent
                        : exponent > format->max_exponent ? format->max_exponent
                                                          : exponent;
    return ldexp(1.0, clamped - (format->precision - 1));
}

double oracle_largest(clf_dtype dtype) {
    const float_format *format = format_of(dtype);
    return format == NULL ? 255.0
                          : ldexp(2.0 - ldexp(1.0, 1 - format->precision), format->max_exponent);
}

double oracle_smallest(clf_dtype dtype) {
    const float_format *format = format_of(dtype);
    return format == NULL ? 1.0 : ldexp(1.0, format->min_exponent - (format->precision - 1));
}
