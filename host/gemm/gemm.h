/*
 * Grouped matrix products as steps of a plan: C = epilogue(A B), rows of A cut into ranges, each
 * with a B of its own (experts). What an epilogue can do stands in cl-kernels/lib/gemm.clh.
 */
#ifndef CLF_GEMM_GEMM_H
#define CLF_GEMM_GEMM_H

#include <stdbool.h>

#include "device/plan_builder.h"
#include "gemm/gemm_records.h"

/* A tensor of the plan, or part of its workspace. */
typedef struct clf_i_gemm_operand {
    bool is_given;
    bool is_in_workspace;
    clf_slot slot;
    size_t offset; /* workspace: bytes */
    clf_dtype dtype;
} clf_i_gemm_operand;

typedef struct clf_i_gemm_request {
    clf_i_gemm_operand a;
    clf_i_gemm_operand b;
    clf_i_gemm_operand c;
    clf_i_gemm_operand bias;
    clf_i_gemm_operand dequant;
    clf_i_gemm_operand quant_scale; /* with quant_offset, or neither */
    clf_i_gemm_operand quant_offset;
    clf_i_gemm_operand antiquant_scale; /* with antiquant_offset, or neither */
    clf_i_gemm_operand antiquant_offset;
    bool rounds_to_fp16; /* after dequantising */
    bool is_glu;
    int activation; /* CLF_ACTIVATION_... of cl-kernels/lib/activation.clh */
    clf_i_gemm_problem problem;
} clf_i_gemm_request;

/* How products are cut; those that share a table of tiles share these sizes. */
typedef struct clf_i_gemm_tiling {
    clf_variant variant;
    int64_t rows;
    int64_t columns;
    int64_t depth;
    int64_t most_tiles;   /* that the table has room for */
    size_t workspace;     /* where the table begins */
    int64_t num_counters; /* products that use the table so far */
} clf_i_gemm_tiling;

/* The ranges of rows: one number for each group, counts or ends, in a table of the plan or a
 * tensor. */
typedef struct clf_i_gemm_ranges {
    bool is_on_device;
    clf_slot slot;  /* a tensor */
    int64_t stride; /* of it */
    size_t table;   /* a table of the plan */
    bool is_index;
    int64_t num_groups;
} clf_i_gemm_ranges;

/* Tile sizes for products of at most `num_rows` rows and about `columns` columns, and room for their
 * table in the workspace. */
void clf_i_gemm_choose_tiling(clf_plan *plan, clf_variant variant, int64_t num_rows,
                              int64_t columns, int64_t num_groups, clf_i_gemm_tiling *tiling);

/* The step that fills the table for rows [first_row, end_row) of all `num_rows`. Before the products
 * that use it. */
clf_status clf_i_gemm_add_tiles(clf_plan *plan, clf_i_gemm_tiling *tiling,
                                const clf_i_gemm_ranges *ranges, int64_t num_rows,
                                int64_t first_row, int64_t end_row);

clf_status clf_i_gemm_add_product(clf_plan *plan, clf_i_gemm_tiling *tiling,
                                  const clf_i_gemm_request *request);

#endif
