/* What the kernels on slabs are told: mirrored by cl-kernels/floyd/floyd_slab_copy.cl and
 * cl-kernels/lib/floyd_slab.clh, byte for byte. Bases and strides count elements. */
#ifndef CLF_FLOYD_FLOYD_SLAB_RECORDS_H
#define CLF_FLOYD_FLOYD_SLAB_RECORDS_H

#include <stdint.h>

typedef struct clf_i_floyd_copy {
    int64_t sizes[3];
    int64_t from_base;
    int64_t from_strides[3];
    int64_t to_base;
    int64_t to_strides[3];
    int64_t divisor_strides[2];
    float factor;
    uint32_t unused;
} clf_i_floyd_copy;

/* A tensor's place in a slab: its base is the slab's first n, its strides are of n, m, and keys,
 * copies or depths. */
typedef struct clf_i_floyd_slab_place {
    int64_t base;
    int64_t strides[3];
} clf_i_floyd_slab_place;

typedef struct clf_i_floyd_slab_rows {
    int64_t num_rows; /* n of the slab times M */
    int64_t rows_per_group;
    int64_t m;
    int64_t k;
    int64_t depth;
    int64_t pitch; /* of scores, from row to row */
    clf_i_floyd_slab_place mask;
    clf_i_floyd_slab_place max;
    clf_i_floyd_slab_place sum;
    clf_i_floyd_slab_place grad_output;
    clf_i_floyd_slab_place attention_in;
    float scale;
    uint32_t unused;
} clf_i_floyd_slab_rows;

#endif
