/*
 * The contents of a tensor, without holding all of it: a block of `period` elements that repeats.
 * The period of generated data is a prime, so that rows and batches differ from one another.
 */
#ifndef CLFORMER_BENCH_DATA_SOURCE_H
#define CLFORMER_BENCH_DATA_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <clformer/tensor.h>

typedef struct data_source {
    clf_dtype dtype;
    size_t period; /* elements */
    unsigned char *stored;
} data_source;

/* Uniform in [low, high], rounded to dtype; integers: whole numbers. False after fail(). */
bool data_source_uniform(data_source *out, clf_dtype dtype, double low, double high, uint64_t seed);
/* 64-bit integers: the bits of uniform fp32 numbers. */
bool data_source_fp32_bits(data_source *out, clf_dtype dtype, double low, double high,
                           uint64_t seed);
/* Bytes that are 1 with this probability, else 0. */
bool data_source_mask(data_source *out, double probability, uint64_t seed);
/* `count` fp32 values, rounded to dtype. */
bool data_source_values(data_source *out, clf_dtype dtype, const float *values, size_t count);
/* `count` bytes as they are. */
bool data_source_bytes(data_source *out, const unsigned char *bytes, size_t count);
void data_source_release(data_source *source);

/* Copies the elements [first, first + count) as the buffer holds them; of int4 even ones. */
void data_source_copy(const data_source *source, uint64_t first, size_t count, void *out);

/* Bytes of so many elements. */
size_t dtype_bytes(clf_dtype dtype, uint64_t count);

/* Small reproducible generator: advances *state and returns 64 random bits. */
uint64_t random_bits(uint64_t *state);

#endif
