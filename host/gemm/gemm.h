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
    bool accumulates; /* C's former value is added; C is fp32 */
    int activation;   /* CLF_ACTIVATION_... of cl-kernels/lib/activation.clh */
    clf_i_gemm_problem problem;
} clf_i_gemm_request;

/* The ranges of rows: one number for each group, counts or ends, in a table of the plan or a
 * tensor. */
typedef struct clf_i_gemm_ranges {
    bool is_on_device;
    clf_slot slot;       /* a tensor */
    int64_t stride;      /* of it */
    size_t table;        /* a table of the plan */
    const int64_t *ends; /* not on the device: what is in the table, while planning */
    bool is_index;
    int64_t num_groups;
} clf_i_gemm_ranges;

#endif
