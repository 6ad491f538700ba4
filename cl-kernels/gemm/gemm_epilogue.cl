/*
 * Epilogue of a matrix product that a library has computed, in fp32:
 *
 *     C[row][n] = activation(S[row][n] + bias[n])
 *     GLU:  C[row][n] = (S[row][n] + bias[n]) * activation(S[row][n + N] + bias[n + N])
 *
 * S holds the product's sums, N or, with GLU, 2 N columns. Without GLU, S may be C: each work-item
 * reads and writes its own element only.
 *
 *   macro                default   meaning
 *   CLF_GEMM_BIAS        -1        type of bias, a number of clf_dtype: fp32; -1: none
 *   CLF_GEMM_GLU         0         1: pairs of columns
 *   CLF_ACTIVATION       none      lib/activation.clh
 *
 * A work-group of 64 work-items computes 64 neighbouring columns of a row:
 *
 *     row    = group / ceil(N / 64)
 *     column = 64 * (group mod ceil(N / 64)) + work-item
 *
 * Arguments: S, [bias,] C, each a buffer and an offset in elements, and the struct.
 * Global size: rows * ceil(N / 64) * 64. Local memory: none.
 */
#define CLF_DTYPE       0
#define CLF_EXP2_DEGREE 6
#include "lib/activation.clh"
#include "lib/dtype.clh"
#include "lib/elements.clh"
#include "lib/exp2.clh"

#ifndef CLF_GEMM_BIAS
#define CLF_GEMM_BIAS -1
#endif
#ifndef CLF_GEMM_GLU
#define CLF_GEMM_GLU 0
#endif

#define CLF_EPILOGUE_GROUP 64

/* The same layout as clf_i_gemm_epilogue in host/gemm. Strides and bases count elements. */
typedef struct clf_gemm_epilogue_rows {
    long num_rows;
    long columns; /* N */
    long sum_base;
    long sum_stride; /* from row to row */
    long c_base;
    long c_stride;
    long bias_base;
    long bias_stride; /* from column to column */
} clf_gemm_epilogue_rows;

#if CLF_GEMM_BIAS >= 0
#define CLF_EPILOGUE_BIAS_PARAMETERS __global const void *bias, long bias_offset,
#define CLF_EPILOGUE_VALUE(n)                                                                      \
    (row_sums[n] + CLF_OF(clf_element_load, CLF_GEMM_BIAS)(bias, bias_offset + rows.bias_base +    \
                                                                     (n)*rows.bias_stride))
#else
#define CLF_EPILOGUE_BIAS_PARAMETERS
#define CLF_EPILOGUE_VALUE(n) (row_sums[n])
#endif

CLF_EXP2_DEFINE(clf_epilogue_exp2, float, int)
CLF_ACTIVATION_DEFINE(clf_epilogue_activate, float, clf_epilogue_exp2, CLF_ACTIVATION_DIVIDE)

__kernel __attribute__((reqd_work_group_size(CLF_EPILOGUE_GROUP, 1, 1))) void
clf_gemm_epilogue(__global const float *sums, long sums_offset,
                  CLF_EPILOGUE_BIAS_PARAMETERS __global float *c, long c_offset,
                  clf_gemm_epilogue_rows rows) {
    const long num_blocks = (rows.columns + CLF_EPILOGUE_GROUP - 1) / CLF_EPILOGUE_GROUP;
    const long group = (long)get_group_id(0);
    const long row = group / num_blocks;
    const long n = (group - row * num_blocks) * CLF_EPILOGUE_GROUP + (long)get_local_id(0);
    if (n >= rows.columns)
        return;
    __global const float *row_sums = sums + sums_offset + rows.sum_base + row * rows.sum_stride;
#if CLF_GEMM_GLU
    const float value =
        CLF_EPILOGUE_VALUE(n) * clf_epilogue_activate(CLF_EPILOGUE_VALUE(n + rows.columns));
#else
    const float value = clf_epilogue_activate(CLF_EPILOGUE_VALUE(n));
#endif
    c[c_offset + rows.c_base + row * rows.c_stride + n] = value;
}
