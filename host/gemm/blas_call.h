/*
 * Products as a BLAS has them: three dense matrices, each with one step from row to row. Sizes,
 * steps and offsets count elements; offsets are added to the operands' own.
 */
#ifndef CLF_GEMM_BLAS_CALL_H
#define CLF_GEMM_BLAS_CALL_H

#include "gemm/gemm.h"
#include "gemm/gemm_batch.h"

/* No padding: calls are compared byte by byte. */
typedef struct clf_i_blas_call {
    int64_t rows;
    int64_t columns; /* of B */
    int64_t depth;
    int64_t a_step; /* from row to row */
    int64_t b_step; /* from row to row, or from column to column */
    int64_t c_step;
    int64_t a_offset;
    int64_t b_offset;
    int64_t c_offset;
    int64_t b_is_transposed; /* 1: steps of 1 go from row to row */
    int64_t accumulates;     /* 1: C's former value is added */
    int64_t num_batches;     /* 0: one product, else strided batches */
    int64_t a_batch_step;
    int64_t b_batch_step;
    int64_t c_batch_step;
} clf_i_blas_call;

/* The product over `num_rows` rows as one call, all offsets 0. A result that needs scratch
 * is dense there. NULL, or one sentence why it is not of that form. */
const char *clf_i_blas_call_make(const clf_i_gemm_request *product, int64_t num_rows,
                                 clf_i_blas_call *call);

/* Batched products as one call. NULL, or one sentence why they are not of that form. */
const char *clf_i_blas_call_make_batch(const clf_i_gemm_batch *batch, clf_i_blas_call *call);

/* From row to row of such a product's C, which is not the call's if that is in scratch. */
int64_t clf_i_blas_result_step(const clf_i_gemm_request *product);

/* Elements from the first to the last of a matrix, of all batches. */
int64_t clf_i_blas_a_extent(const clf_i_blas_call *call);
int64_t clf_i_blas_b_extent(const clf_i_blas_call *call);
int64_t clf_i_blas_c_extent(const clf_i_blas_call *call);

/* A call with small sizes, offsets 0, whose sizes leave the same remainders by powers of two up to
 * 128, and whose matrices are as dense: what a BLAS that pads and cuts will treat alike. */
void clf_i_blas_call_shrink(const clf_i_blas_call *full, clf_i_blas_call *small);

/* The next larger one; false if it is as large as the full one. */
bool clf_i_blas_call_grow(const clf_i_blas_call *full, clf_i_blas_call *small);

#endif
