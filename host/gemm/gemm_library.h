/*
 * The matrix library that products may be left to. One file knows which one it is; all others see
 * this table.
 */
#ifndef CLF_GEMM_GEMM_LIBRARY_H
#define CLF_GEMM_GEMM_LIBRARY_H

#include "gemm/gemm.h"
#include "gemm/gemm_batch.h"

/* What products need of the workspace: the largest of each counts. */
typedef struct clf_i_gemm_needs {
    size_t scratch; /* bytes: results before their epilogue, where they are wider */
    size_t region;  /* bytes: for the library itself */
} clf_i_gemm_needs;

/* Where that is, and the rows at work. */
typedef struct clf_i_gemm_area {
    clf_i_gemm_needs needs;
    size_t scratch;
    size_t region;
    int64_t first_row;
    int64_t end_row;
} clf_i_gemm_area;

typedef struct clf_i_gemm_library {
    const char *name;       /* as CLFORMER_GEMM has it */
    const char *preference; /* tuned parameter of clf_gemm: 1: taken where it can be */

    /* NULL, or one sentence why it cannot compute the product over these rows. Costs little. */
    const char *(*refuse)(const clf_i_gemm_ranges *ranges, int64_t num_rows,
                          const clf_i_gemm_request *product);

    /* Tuned parameters and a trial run; slow the first time. A failure means that the product
     * cannot be left to the library. */
    clf_status (*prepare)(clf_plan *plan, int64_t num_rows, const clf_i_gemm_request *product);

    /* For `num_rows` rows at a time. */
    clf_status (*measure)(clf_plan *plan, int64_t num_rows, const clf_i_gemm_request *product,
                          clf_i_gemm_needs *needs);

    /* Steps for rows [area->first_row, area->end_row). */
    clf_status (*add)(clf_plan *plan, const clf_i_gemm_area *area, const clf_i_gemm_ranges *ranges,
                      const clf_i_gemm_request *product);
} clf_i_gemm_library;

extern const clf_i_gemm_library clf_i_gemm_the_library;

/* The same library's batched products. */
typedef struct clf_i_gemm_batch_library {
    /* NULL, or one sentence why it cannot compute them. Costs little. */
    const char *(*refuse)(const clf_i_gemm_batch *batch);

    /* As above. */
    clf_status (*prepare)(clf_plan *plan, const clf_i_gemm_batch *batch);

    clf_status (*add)(clf_plan *plan, const clf_i_gemm_batch *batch);
} clf_i_gemm_batch_library;

extern const clf_i_gemm_batch_library clf_i_gemm_the_batch_library;

#endif
