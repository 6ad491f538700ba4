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

/* x, y and z are N, M and K in an order that each launch chooses; a plane's strides are of B, H,
 * its first axis, its second one, D (max, sum: copy). */
typedef struct clf_i_floyd_grad_problem {
    int64_t heads;
    int64_t x;
    int64_t y;
    int64_t z;
    int64_t xy[2][5]; /* query and grad_output, or a key and its value */
    int64_t xz[2][5];
    int64_t yz[2][5];
    int64_t xy_out[2][5]; /* gradients of what is on the plane */
    int64_t xz_out[2][5];
    int64_t attention[5];
    int64_t max[5];
    int64_t sum[5];
    int64_t mask[5]; /* B, H, x, y, z; 0 where the mask repeats */
    float scale;
    uint32_t unused;
} clf_i_floyd_grad_problem;

/* One launch of the kernel for CPUs; the places are in floats. */
typedef struct clf_i_floyd_grad_step {
    int64_t first_head;
    int64_t head_pitch;
    int64_t query;
    int64_t scores;
    int64_t dp;
    int64_t keys;
    int64_t first_n;
    int64_t num_n;
    int64_t key;  /* -1: none */
    int64_t next; /* -1: none */
} clf_i_floyd_grad_step;

#endif
