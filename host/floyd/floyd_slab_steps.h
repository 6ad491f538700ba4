/*
 * What Floyd attention and its gradient have in common where scores go through the workspace, a slab
 * of some n at a time: inputs as fp32 matrices, in place or copied, the size of a slab, batched
 * products over n or over m, and the steps between them.
 */
#ifndef CLF_FLOYD_FLOYD_SLAB_STEPS_H
#define CLF_FLOYD_FLOYD_SLAB_STEPS_H

#include "device/plan_builder.h"
#include "floyd/floyd_arguments.h"
#include "floyd/floyd_slab_records.h"
#include "gemm/gemm_batch_plan.h"

/* Bytes of the workspace: some for each head, some for each n of a slab. */
typedef struct clf_i_floyd_slab_bytes {
    size_t head;
    size_t each_n;
    size_t all_of_n; /* of each_n, at most, unless a single n needs more */
} clf_i_floyd_slab_bytes;

/* A slab that is at work, or the largest. */
typedef struct clf_i_floyd_slab {
    int64_t head; /* over all batches */
    int64_t first_n;
    int64_t num_n;
} clf_i_floyd_slab;

typedef struct clf_i_floyd_slab_plan {
    clf_plan *plan;
    clf_variant variant;
    const clf_i_floyd_geometry *geometry;
    int64_t slab_n;      /* of all slabs but a head's last one */
    int64_t depth_pitch; /* floats from row to row of matrices with D columns */
    int64_t key_pitch;   /* the same with K columns */
    clf_i_gemm_batches products;
} clf_i_floyd_slab_plan;

/* A tensor with the axes B, H, N or K, M or K, D, as matrices. */
typedef struct clf_i_floyd_matrices {
    clf_slot slot;
    const clf_tensor *tensor;
    bool has_n;    /* its axis 2 is N: a copy has the slab's; else K, and copies have all */
    bool is_right; /* of products, the right operand */
    bool is_in_place;
    size_t offset; /* of the copy in the workspace */
} clf_i_floyd_matrices;

/* Part of the workspace as matrices: steps of n, m, and the row's elements. */
typedef struct clf_i_floyd_part {
    size_t offset;
    int64_t step_n;
    int64_t step_m;
} clf_i_floyd_part;

/* ---- Sizes ---- */

void clf_i_floyd_slab_begin(clf_i_floyd_slab_plan *slabs, const clf_i_floyd_geometry *geometry);

/* Decides whether it can be used where it is; adds the bytes of its copy if not. */
clf_i_floyd_matrices clf_i_floyd_matrices_make(const clf_i_floyd_slab_plan *slabs, clf_slot slot,
                                               const clf_tensor *tensor, bool has_n, bool is_right,
                                               clf_i_floyd_slab_bytes *bytes);

/* Tables of a product batched over n, with `rows` rows each; or over m, with n rows if `rows` is 0. */
void clf_i_floyd_slab_count_product(const clf_i_floyd_slab_plan *slabs, bool is_over_n,
                                    int64_t rows, clf_i_floyd_slab_bytes *bytes);

/* A part of floats for each n, and of some for each head. */
void clf_i_floyd_slab_count_part(int64_t for_each_n, int64_t for_head,
                                 clf_i_floyd_slab_bytes *bytes);

/* n of a slab, 0 if the limit is too low; what a plan of slabs of this size takes; the least limit.
 */
int64_t clf_i_floyd_slab_fit(const clf_i_floyd_slab_plan *slabs,
                             const clf_i_floyd_slab_bytes *bytes, size_t workspace_limit);
size_t clf_i_floyd_slab_workspace(const clf_i_floyd_slab_bytes *bytes, int64_t slab_n);
clf_status clf_i_floyd_slab_refuse(const clf_i_floyd_slab_bytes *bytes, size_t workspace_limit);

/* ---- Steps ---- */

int64_t clf_i_floyd_num_heads(const clf_i_floyd_slab_plan *slabs);

/* The next slab, in order of heads and then of n; the first one after {0, 0, 0}. False: none is left.
 */
bool clf_i_floyd_slab_next(const clf_i_floyd_slab_plan *slabs, clf_i_floyd_slab *slab);

/* As large as any, and with the places furthest from the tensors' beginnings. */
clf_i_floyd_slab clf_i_floyd_slab_largest(const clf_i_floyd_slab_plan *slabs);

/* Element of the tensor at which a head begins, or, `has_n`, a slab. */
int64_t clf_i_floyd_slab_base(const clf_i_floyd_slab_plan *slabs, const clf_i_floyd_slab *slab,
                              const int64_t *strides, bool has_n);

/* Workspace for the copy, if there is one. */
void clf_i_floyd_matrices_reserve(const clf_i_floyd_slab_plan *slabs,
                                  clf_i_floyd_matrices *matrices);

/* The step that copies it, if there is one: each slab's rows, and before its head's first slab those
 * of a tensor without n. */
clf_status clf_i_floyd_matrices_copy(const clf_i_floyd_slab_plan *slabs,
                                     const clf_i_floyd_slab *slab,
                                     const clf_i_floyd_matrices *matrices);

/* One step of clf_floyd_slab_copy; `divisor`: of a row, or NULL. */
clf_status clf_i_floyd_slab_add_copy(const clf_i_floyd_slab_plan *slabs,
                                     const clf_i_gemm_operand *from, const clf_i_gemm_operand *to,
                                     const clf_i_gemm_operand *divisor,
                                     const clf_i_floyd_copy *copy);

clf_i_gemm_operand clf_i_floyd_in_workspace(size_t offset);
clf_i_gemm_operand clf_i_floyd_in_tensor(clf_slot slot, clf_dtype dtype);

/* Matrices for each n (rows m or k), or for each m (rows n or k), of elements next to each other. */
clf_i_gemm_matrix clf_i_floyd_for_each_n(const clf_i_floyd_slab_plan *slabs,
                                         const clf_i_floyd_slab *slab,
                                         const clf_i_floyd_matrices *matrices);
clf_i_gemm_matrix clf_i_floyd_for_each_m(const clf_i_floyd_slab_plan *slabs,
                                         const clf_i_floyd_slab *slab,
                                         const clf_i_floyd_matrices *matrices);
clf_i_gemm_matrix clf_i_floyd_part_for_each_n(const clf_i_floyd_part *part);
clf_i_gemm_matrix clf_i_floyd_part_for_each_m(const clf_i_floyd_part *part);
clf_i_gemm_matrix clf_i_floyd_transposed(clf_i_gemm_matrix matrix);

/* The record of the slab for the kernels on rows of scores, all but the gradient's tensors. */
clf_i_floyd_slab_rows clf_i_floyd_slab_rows_make(const clf_i_floyd_slab_plan *slabs,
                                                 const clf_i_floyd_slab *slab,
                                                 const clf_tensor *softmax_max,
                                                 const clf_tensor *softmax_sum);
clf_i_floyd_slab_place clf_i_floyd_slab_place_of(const clf_i_floyd_slab_plan *slabs,
                                                 const clf_i_floyd_slab *slab,
                                                 const int64_t *strides);

/* A step of one of these kernels; arguments end with the record. */
clf_status clf_i_floyd_slab_add_rows(const clf_i_floyd_slab_plan *slabs, const char *kernel,
                                     clf_dtype dtype, const clf_i_argument *arguments,
                                     size_t num_arguments, clf_i_floyd_slab_rows *rows);

#endif
