/*
 * Values of FFN's intermediate results: what they are in exact arithmetic on the prescribed
 * roundings, and what they may be after correct fp32 arithmetic. Rounding to a storage type moves
 * both ends, so that a value far from a rounding boundary stays certain.
 */
#ifndef CLF_TESTS_FFN_RANGES_H
#define CLF_TESTS_FFN_RANGES_H

#include <stdbool.h>

#include <clformer/tensor.h>

typedef struct oracle_range {
    double low;
    double value; /* NaN: must be NaN, and the ends do not count */
    double high;
    bool is_free; /* anything may come out: overflow that depends on roundings */
} oracle_range;

typedef enum oracle_activation {
    ORACLE_RELU,
    ORACLE_SILU,
    ORACLE_GELU,
    ORACLE_FASTGELU,
    ORACLE_NUM_ACTIVATIONS
} oracle_activation;

double oracle_activate(oracle_activation activation, double value);

oracle_range oracle_range_exact(double value);
oracle_range oracle_range_around(double value, double error);
oracle_range oracle_range_round(clf_dtype dtype, oracle_range range);

/* In fp32, with an exponential of some units in the last place. */
oracle_range oracle_range_activate(oracle_activation activation, oracle_range range);
/* The product of two results of fp32 arithmetic, rounded to fp32. */
oracle_range oracle_range_multiply(oracle_range a, oracle_range b);
/* Integers, converted to fp32 and multiplied by the scale. */
oracle_range oracle_range_dequantise(oracle_range sum, double scale);
/* To int8, through fp16. */
oracle_range oracle_range_quantise(oracle_range range, double scale, double offset);

/* What summing `depth` products in fp32 in any usual order may be wrong by: `sum` of the products,
 * `squares` of them, and a further summand. */
double oracle_sum_error(int64_t depth, double sum, double squares, double bias);

#endif
