/* What the Floyd kernels are told: mirrored by cl-kernels/lib/floyd.clh, byte for byte. Strides are
 * in elements of the tensor in question, in the order of its axes. */
#ifndef CLF_FLOYD_FLOYD_RECORDS_H
#define CLF_FLOYD_FLOYD_RECORDS_H

#include <stdint.h>

typedef struct clf_i_floyd_problem {
    int64_t batches;
    int64_t heads;
    int64_t n;
    int64_t m;
    int64_t k;
    int64_t depth;
    int64_t query[5];  /* B, H, N, M, D */
    int64_t key1[5];   /* B, H, N, K, D */
    int64_t value1[5]; /* B, H, N, K, D */
    int64_t key2[5];   /* B, H, K, M, D */
    int64_t value2[5]; /* B, H, K, M, D */
    int64_t mask[5];   /* B, H, N, M, K; 0 where the mask repeats */
    int64_t out[5];    /* B, H, N, M, D */
    int64_t max[5];    /* B, H, N, M, copy */
    int64_t sum[5];    /* B, H, N, M, copy */
    float scale;
    uint32_t unused;
} clf_i_floyd_problem;

#endif
