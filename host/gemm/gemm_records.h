/* What the kernels of grouped matrix products are told; mirrored by cl-kernels/lib/gemm.clh. */
#ifndef CLF_GEMM_GEMM_RECORDS_H
#define CLF_GEMM_GEMM_RECORDS_H

#include <stdint.h>

#include "shape/row_space.h"

#define CLF_I_GEMM_HEAD 64 /* bytes of counters before the table of tiles */

/* A row of the table. */
typedef struct clf_i_gemm_tile {
    int64_t group;
    int64_t row_begin;
    int64_t row_end;
} clf_i_gemm_tile;

/* Strides count elements. */
typedef struct clf_i_gemm_problem {
    clf_i_row_space rows; /* operand 0: A, 1: C */
    int64_t depth;
    int64_t columns; /* of C */
    int64_t counter;
    int64_t a_base; /* added to places in A and C: rows of a workspace begin with a chunk's */
    int64_t b_base; /* the same, of B */
    int64_t c_base;
    int64_t b_strides[3]; /* group, k, column */
    int64_t bias_strides[2];
    int64_t dequant_strides[2];
    int64_t quant_scale_strides[2];
    int64_t quant_offset_stride;
    int64_t antiquant_scale_strides[3];
    int64_t antiquant_offset_strides[3];
    int64_t antiquant_depth;
} clf_i_gemm_problem;

#endif
