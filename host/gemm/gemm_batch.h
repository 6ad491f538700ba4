/*
 * Strided batches of matrix products, C[i] = A[i] B[i] or C[i] += A[i] B[i] for i below a count, in
 * fp32: one launch or call computes them all. Steps and offsets count elements.
 */
#ifndef CLF_GEMM_GEMM_BATCH_H
#define CLF_GEMM_GEMM_BATCH_H

#include "gemm/gemm.h"

typedef struct clf_i_gemm_matrix {
    clf_i_gemm_operand operand; /* fp32 */
    int64_t first;              /* of its elements */
    int64_t batch_step;
    int64_t row_step;
    int64_t column_step; /* A, C: 1; B: 1, or its row step is 1 */
} clf_i_gemm_matrix;

typedef struct clf_i_gemm_batch {
    int64_t count;
    int64_t rows; /* of A and C */
    int64_t columns;
    int64_t depth; /* 1 or more */
    bool accumulates;
    clf_i_gemm_matrix a;
    clf_i_gemm_matrix b;
    clf_i_gemm_matrix c; /* in the workspace, as a tensor may be write-only */
} clf_i_gemm_batch;

#endif
