/* What follows a product that a library has computed: bias, activation, GLU, in a step of its own. */
#ifndef CLF_GEMM_GEMM_EPILOGUE_H
#define CLF_GEMM_GEMM_EPILOGUE_H

#include "gemm/gemm.h"

/* Rows of one group; mirrored by cl-kernels/gemm/gemm_epilogue.cl. Strides and bases count
 * elements; bases are added to the operands' offsets. */
typedef struct clf_i_gemm_epilogue {
    int64_t num_rows;
    int64_t columns; /* of C */
    int64_t sum_base;
    int64_t sum_stride; /* from row to row */
    int64_t c_base;
    int64_t c_stride;
    int64_t bias_base;
    int64_t bias_stride; /* from column to column */
} clf_i_gemm_epilogue;

/* Whether the product has one. */
bool clf_i_gemm_has_epilogue(const clf_i_gemm_request *product);

/* Whether the product's sums need a place of their own before it: there are twice as many, or C is a
 * tensor, which may be write-only. */
bool clf_i_gemm_needs_scratch(const clf_i_gemm_request *product);

/* `sums` may be the product's C itself, exactly in place, unless it is a GLU. Columns of C are next
 * to each other. */
clf_status clf_i_gemm_add_epilogue(clf_plan *plan, const clf_i_gemm_request *product,
                                   const clf_i_gemm_operand *sums,
                                   const clf_i_gemm_epilogue *epilogue);

#endif
