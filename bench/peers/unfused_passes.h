/* The single passes of the unfused peer, over a run of elements or rows; compiled for speed. */
#ifndef CLFORMER_BENCH_PEERS_UNFUSED_PASSES_H
#define CLFORMER_BENCH_PEERS_UNFUSED_PASSES_H

#include <stddef.h>
#include <stdint.h>

#include <clformer/tensor.h>

/* `stored` holds elements of dtype: a floating-point type, or (pass_widen) int8, int4 or int32. */
void pass_widen(clf_dtype dtype, const void *stored, float *out, size_t count);
void pass_narrow(clf_dtype dtype, const float *values, void *stored, size_t count);
void pass_scale(const float *values, float *out, float scale, size_t count);
/* mask_step 1: a byte per element; 0: one byte for all. */
void pass_masked_fill(float *values, const uint8_t *mask, size_t mask_step, float fill,
                      size_t count);
void pass_softmax_row(float *row, size_t width);
/* products = a * b; returns their sum. */
float pass_multiply_sum(const float *a, const float *b, float *products, size_t width);
/* products -= sum * b */
void pass_subtract_scaled(float *products, const float *b, float sum, size_t width);

/* Sum of a * b. */
float pass_dot(const float *a, const float *b, size_t width);
/* scores become p = exp(scores - max) / sum, grads become p * (grads - delta). */
void pass_attention_gradient_row(float *scores, float *grads, float max, float sum, float delta,
                                 size_t width);
/* values += others */
void pass_add(float *values, const float *others, size_t count);

/* values = (values + bias) * scale; NULL: none of it. */
void pass_bias(float *values, const float *bias, const float *scale, size_t count);
/* values = (values + offset) * scale */
void pass_dequantise(float *values, const float *offset, const float *scale, size_t count);
/* To the nearest number of int8; one scale, or (scale_step 1) one for each value. */
void pass_quantise(float *values, const float *scale, size_t scale_step, float offset,
                   size_t count);

typedef enum pass_activation { PASS_RELU, PASS_SILU, PASS_GELU, PASS_FASTGELU } pass_activation;

void pass_activate(pass_activation activation, float *values, size_t count);
/* values *= factors */
void pass_multiply(float *values, const float *factors, size_t count);

/* Reads `size` bytes, a multiple of 64, aligned to it; returns a sum of them. */
uint64_t pass_read(const void *bytes, size_t size);

#endif
