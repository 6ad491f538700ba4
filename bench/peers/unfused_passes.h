/* The single passes of the unfused peer, over a run of elements or rows; compiled for speed. */
#ifndef CLFORMER_BENCH_PEERS_UNFUSED_PASSES_H
#define CLFORMER_BENCH_PEERS_UNFUSED_PASSES_H

#include <stddef.h>
#include <stdint.h>

#include <clformer/tensor.h>

/* `stored` holds elements of dtype (fp32, fp16 or bf16). */
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

#endif
