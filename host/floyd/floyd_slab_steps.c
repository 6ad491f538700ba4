/* See floyd_slab_steps.h. */
#include "floyd/floyd_slab_steps.h"

#include <string.h>

#include "core/failure.h"
#include "core/integers.h"

#define ALIGNMENT 128 /* of the workspace's parts */

enum { COPY_COLUMNS = 16, COPY_ROWS = 4, LANES = 64, ROWS_PER_GROUP = 16, WIDE = 16 };

/* ---- Sizes ---- */

void clf_i_floyd_slab_begin(clf_i_floyd_slab_plan *slabs, const clf_i_floyd_geometry *geometry) {
    memset(slabs, 0, sizeof *slabs);
    slabs->geometry = geometry;
    slabs->depth_pitch = clf_i_round_up(geometry->sizes.depth, 4);
    slabs->key_pitch = clf_i_round_up(geometry->sizes.k, WIDE);
}

/* As products want it: dense along D, and one step of at least D from row to row. */
static bool is_usable(const clf_tensor *tensor, int64_t depth, bool has_n, bool is_right) {
    const int64_t *strides = tensor->strides;
    const bool rows_fit = is_right ? strides[has_n ? 3 : 2] >= depth && strides[has_n ? 2 : 3] >= 0
                                   : strides[2] >= depth && strides[3] >= depth;
    return tensor->dtype == CLF_DTYPE_FP32 && (strides[4] == 1 || depth == 1) && strides[0] >= 0 &&
           strides[1] >= 0 && rows_fit;
}

/* Floats of a copy for each n, or of all. */
static int64_t copied_floats(const clf_i_floyd_slab_plan *slabs, const clf_tensor *tensor,
                             bool has_n) {
    return (has_n ? 1 : tensor->shape[2]) * tensor->shape[3] * slabs->depth_pitch;
}

clf_i_floyd_matrices clf_i_floyd_matrices_make(const clf_i_floyd_slab_plan *slabs, clf_slot slot,
                                               const clf_tensor *tensor, bool has_n, bool is_right,
                                               clf_i_floyd_slab_bytes *bytes) {
    const clf_i_floyd_matrices matrices = {
        .slot = slot,
        .tensor = tensor,
        .has_n = has_n,
        .is_right = is_right,
        .is_in_place = is_usable(tensor, slabs->geometry->sizes.depth, has_n, is_right),
    };
    if (!matrices.is_in_place) {
        const size_t copy = sizeof(float) * (size_t)copied_floats(slabs, tensor, has_n);
        bytes->head += has_n ? ALIGNMENT : copy + ALIGNMENT;
        bytes->each_n += has_n ? copy : 0;
    }
    return matrices;
}

void clf_i_floyd_slab_count_product(const clf_i_floyd_slab_plan *slabs, bool is_over_n,
                                    int64_t rows, clf_i_floyd_slab_bytes *bytes) {
    enum { ROWS = 8 }; /* workspace grows with every so many rows */
    const int64_t m = slabs->geometry->sizes.m;
    if (is_over_n) {
        bytes->each_n += clf_i_gemm_batch_workspace(1, rows);
    } else if (rows > 0) {
        bytes->head += clf_i_gemm_batch_workspace(m, rows);
    } else {
        bytes->head += clf_i_gemm_batch_workspace(m, 1);
        bytes->each_n += clf_i_gemm_batch_workspace(m, 1) / ROWS + 1;
    }
    bytes->head += ALIGNMENT;
}

void clf_i_floyd_slab_count_part(int64_t for_each_n, int64_t for_head,
                                 clf_i_floyd_slab_bytes *bytes) {
    bytes->each_n += sizeof(float) * (size_t)for_each_n;
    bytes->head += sizeof(float) * (size_t)for_head + ALIGNMENT;
}

int64_t clf_i_floyd_slab_fit(const clf_i_floyd_slab_plan *slabs,
                             const clf_i_floyd_slab_bytes *bytes, size_t workspace_limit) {
    const int64_t all = slabs->geometry->sizes.n;
    int64_t fitting = (int64_t)(bytes->all_of_n / bytes->each_n);
    fitting = fitting > 1 ? fitting : 1;
    if (workspace_limit > 0) {
        const size_t left = workspace_limit > bytes->head ? workspace_limit - bytes->head : 0;
        const int64_t most = (int64_t)(left / bytes->each_n);
        fitting = most < fitting ? most : fitting;
    }
    if (fitting >= all || fitting == 0) {
        return fitting < all ? fitting : all;
    }
    /* As many slabs, of sizes as equal as can be. */
    const int64_t num_slabs = clf_i_divide_up(all, fitting);
    return clf_i_divide_up(all, num_slabs);
}

size_t clf_i_floyd_slab_workspace(const clf_i_floyd_slab_bytes *bytes, int64_t slab_n) {
    return bytes->head + (size_t)slab_n * bytes->each_n;
}

clf_status clf_i_floyd_slab_refuse(const clf_i_floyd_slab_bytes *bytes, size_t workspace_limit) {
    return clf_i_fail(CLF_ERR_UNSUPPORTED,
                      "workspace_limit is %zu, accepted with method slab: %zu bytes or more, which "
                      "one n needs, or 0",
                      workspace_limit, clf_i_floyd_slab_workspace(bytes, 1));
}

/* ---- Places ---- */

int64_t clf_i_floyd_num_heads(const clf_i_floyd_slab_plan *slabs) {
    return slabs->geometry->sizes.batches * slabs->geometry->sizes.heads;
}

bool clf_i_floyd_slab_next(const clf_i_floyd_slab_plan *slabs, clf_i_floyd_slab *slab) {
    const int64_t all = slabs->geometry->sizes.n;
    slab->first_n += slab->num_n;
    if (slab->first_n == all) {
        slab->first_n = 0;
        ++slab->head;
    }
    const int64_t left = all - slab->first_n;
    slab->num_n = left < slabs->slab_n ? left : slabs->slab_n;
    return slab->head < clf_i_floyd_num_heads(slabs);
}

clf_i_floyd_slab clf_i_floyd_slab_largest(const clf_i_floyd_slab_plan *slabs) {
    return (clf_i_floyd_slab){.head = clf_i_floyd_num_heads(slabs) - 1,
                              .first_n = slabs->geometry->sizes.n - slabs->slab_n,
                              .num_n = slabs->slab_n};
}

int64_t clf_i_floyd_slab_base(const clf_i_floyd_slab_plan *slabs, const clf_i_floyd_slab *slab,
                              const int64_t *strides, bool has_n) {
    const int64_t heads = slabs->geometry->sizes.heads;
    return slab->head / heads * strides[0] + slab->head % heads * strides[1] +
           (has_n ? slab->first_n * strides[2] : 0);
}

clf_i_gemm_operand clf_i_floyd_in_workspace(size_t offset) {
    return (clf_i_gemm_operand){
        .is_given = true, .is_in_workspace = true, .offset = offset, .dtype = CLF_DTYPE_FP32};
}

clf_i_gemm_operand clf_i_floyd_in_tensor(clf_slot slot, clf_dtype dtype) {
    return (clf_i_gemm_operand){.is_given = true, .slot = slot, .dtype = dtype};
}

/* Copies are [n][m or k][pitch] or [m][k][pitch]. */
static clf_i_gemm_matrix matrix_of(const clf_i_floyd_slab_plan *slabs, const clf_i_floyd_slab *slab,
                                   const clf_i_floyd_matrices *matrices, int64_t steps[2]) {
    const clf_tensor *tensor = matrices->tensor;
    clf_i_gemm_matrix matrix = {.column_step = 1};
    if (matrices->is_in_place) {
        matrix.operand = clf_i_floyd_in_tensor(matrices->slot, CLF_DTYPE_FP32);
        matrix.first = clf_i_floyd_slab_base(slabs, slab, tensor->strides, matrices->has_n);
        steps[0] = tensor->strides[2];
        steps[1] = tensor->strides[3];
        return matrix;
    }
    matrix.operand = clf_i_floyd_in_workspace(matrices->offset);
    const int inner = matrices->has_n ? 1 : 0;
    steps[inner] = slabs->depth_pitch;
    steps[1 - inner] = slabs->depth_pitch * tensor->shape[2 + inner];
    return matrix;
}

clf_i_gemm_matrix clf_i_floyd_for_each_n(const clf_i_floyd_slab_plan *slabs,
                                         const clf_i_floyd_slab *slab,
                                         const clf_i_floyd_matrices *matrices) {
    int64_t steps[2];
    clf_i_gemm_matrix matrix = matrix_of(slabs, slab, matrices, steps);
    matrix.batch_step = steps[0];
    matrix.row_step = steps[1];
    return matrix;
}

clf_i_gemm_matrix clf_i_floyd_for_each_m(const clf_i_floyd_slab_plan *slabs,
                                         const clf_i_floyd_slab *slab,
                                         const clf_i_floyd_matrices *matrices) {
    int64_t steps[2];
    clf_i_gemm_matrix matrix = matrix_of(slabs, slab, matrices, steps);
    matrix.batch_step = steps[1];
    matrix.row_step = steps[0];
    return matrix;
}

clf_i_gemm_matrix clf_i_floyd_part_for_each_n(const clf_i_floyd_part *part) {
    return (clf_i_gemm_matrix){.operand = clf_i_floyd_in_workspace(part->offset),
                               .batch_step = part->step_n,
                               .row_step = part->step_m,
                               .column_step = 1};
}

clf_i_gemm_matrix clf_i_floyd_part_for_each_m(const clf_i_floyd_part *part) {
    return (clf_i_gemm_matrix){.operand = clf_i_floyd_in_workspace(part->offset),
                               .batch_step = part->step_m,
                               .row_step = part->step_n,
                               .column_step = 1};
}

clf_i_gemm_matrix clf_i_floyd_transposed(clf_i_gemm_matrix matrix) {
    const int64_t row_step = matrix.row_step;
    matrix.row_step = matrix.column_step;
    matrix.column_step = row_step;
    return matrix;
}

/* ---- Copies ---- */

static clf_i_argument argument_of(const clf_i_gemm_operand *operand) {
    const clf_i_argument workspace =
        CLF_I_WORKSPACE_ELEMENTS(operand->offset, clf_dtype_size(operand->dtype));
    const clf_i_argument tensor = CLF_I_TENSOR(operand->slot);
    return operand->is_in_workspace ? workspace : tensor;
}

clf_status clf_i_floyd_slab_add_copy(const clf_i_floyd_slab_plan *slabs,
                                     const clf_i_gemm_operand *from, const clf_i_gemm_operand *to,
                                     const clf_i_gemm_operand *divisor,
                                     const clf_i_floyd_copy *copy) {
    const clf_i_define defines[] = {
        {"CLF_FLOYD_FROM", from->dtype},
        {"CLF_FLOYD_TO", to->dtype},
        {"CLF_FLOYD_DIVIDES", divisor != NULL},
    };
    clf_i_argument arguments[4];
    size_t num_arguments = 0;
    arguments[num_arguments++] = argument_of(from);
    arguments[num_arguments++] = argument_of(to);
    if (divisor != NULL) {
        arguments[num_arguments++] = argument_of(divisor);
    }
    arguments[num_arguments++] = (clf_i_argument)CLF_I_VALUE(*copy);
    const clf_i_step step = {
        .kernel = "clf_floyd_slab_copy",
        .defines = defines,
        .num_defines = sizeof defines / sizeof defines[0],
        .arguments = arguments,
        .num_arguments = num_arguments,
        .dimensions = 3,
        .global = {(size_t)clf_i_round_up(copy->sizes[2], COPY_COLUMNS),
                   (size_t)clf_i_round_up(copy->sizes[1], COPY_ROWS), (size_t)copy->sizes[0]},
        .local = {COPY_COLUMNS, COPY_ROWS, 1},
    };
    return clf_i_plan_add_step(slabs->plan, &step);
}

void clf_i_floyd_matrices_reserve(const clf_i_floyd_slab_plan *slabs,
                                  clf_i_floyd_matrices *matrices) {
    if (!matrices->is_in_place) {
        const int64_t floats = copied_floats(slabs, matrices->tensor, matrices->has_n) *
                               (matrices->has_n ? slabs->slab_n : 1);
        matrices->offset =
            clf_i_plan_reserve_workspace(slabs->plan, sizeof(float) * (size_t)floats);
    }
}

clf_status clf_i_floyd_matrices_copy(const clf_i_floyd_slab_plan *slabs,
                                     const clf_i_floyd_slab *slab,
                                     const clf_i_floyd_matrices *matrices) {
    if (matrices->is_in_place || (!matrices->has_n && slab->first_n > 0)) {
        return CLF_SUCCESS;
    }
    const clf_tensor *tensor = matrices->tensor;
    const int outer = matrices->has_n ? 2 : 3;
    const int inner = matrices->has_n ? 3 : 2;
    const clf_i_floyd_copy copy = {
        .sizes = {matrices->has_n ? slab->num_n : tensor->shape[outer], tensor->shape[inner],
                  slabs->geometry->sizes.depth},
        .from_base = clf_i_floyd_slab_base(slabs, slab, tensor->strides, matrices->has_n),
        .from_strides = {tensor->strides[outer], tensor->strides[inner], tensor->strides[4]},
        .to_strides = {tensor->shape[inner] * slabs->depth_pitch, slabs->depth_pitch, 1},
        .factor = 1.0f,
    };
    const clf_i_gemm_operand from = clf_i_floyd_in_tensor(matrices->slot, tensor->dtype);
    const clf_i_gemm_operand to = clf_i_floyd_in_workspace(matrices->offset);
    return clf_i_floyd_slab_add_copy(slabs, &from, &to, NULL, &copy);
}

/* ---- Rows of scores ---- */

clf_i_floyd_slab_place clf_i_floyd_slab_place_of(const clf_i_floyd_slab_plan *slabs,
                                                 const clf_i_floyd_slab *slab,
                                                 const int64_t *strides) {
    return (clf_i_floyd_slab_place){.base = clf_i_floyd_slab_base(slabs, slab, strides, true),
                                    .strides = {strides[2], strides[3], strides[4]}};
}

clf_i_floyd_slab_rows clf_i_floyd_slab_rows_make(const clf_i_floyd_slab_plan *slabs,
                                                 const clf_i_floyd_slab *slab,
                                                 const clf_tensor *softmax_max,
                                                 const clf_tensor *softmax_sum) {
    const clf_i_floyd_geometry *geometry = slabs->geometry;
    return (clf_i_floyd_slab_rows){
        .num_rows = slab->num_n * geometry->sizes.m,
        .m = geometry->sizes.m,
        .k = geometry->sizes.k,
        .depth = geometry->sizes.depth,
        .pitch = slabs->key_pitch,
        .mask = clf_i_floyd_slab_place_of(slabs, slab, geometry->mask_strides),
        .max = clf_i_floyd_slab_place_of(slabs, slab, softmax_max->strides),
        .sum = clf_i_floyd_slab_place_of(slabs, slab, softmax_sum->strides),
        .scale = geometry->scale,
    };
}

/* On CPUs a work-item has whole rows, some of them, by vectors of 16; elsewhere rows are shared. */
clf_status clf_i_floyd_slab_add_rows(const clf_i_floyd_slab_plan *slabs, const char *kernel,
                                     clf_dtype dtype, const clf_i_argument *arguments,
                                     size_t num_arguments, clf_i_floyd_slab_rows *rows) {
    const bool is_cpu = slabs->variant == CLF_VARIANT_CPU;
    const uint64_t most = clf_i_plan_capabilities(slabs->plan)->max_work_group_size;
    size_t lanes = is_cpu ? 1 : LANES;
    while (lanes > most) {
        lanes /= 2;
    }
    rows->rows_per_group = is_cpu ? ROWS_PER_GROUP : 1;
    const clf_i_define defines[] = {
        {"CLF_REDUCE_LANES", (int64_t)lanes},
        {"CLF_FLOYD_VECTOR", is_cpu ? WIDE : 1},
        {"CLF_FLOYD_MASK", slabs->geometry->has_mask},
        {"CLF_DTYPE", dtype},
    };
    const clf_i_step step = {
        .kernel = kernel,
        .defines = defines,
        .num_defines = sizeof defines / sizeof defines[0],
        .arguments = arguments,
        .num_arguments = num_arguments,
        .dimensions = 1,
        .global = {(size_t)clf_i_divide_up(rows->num_rows, rows->rows_per_group) * lanes},
        .local = {lanes},
        .local_memory = sizeof(float) * (lanes + 8),
    };
    return clf_i_plan_add_step(slabs->plan, &step);
}
