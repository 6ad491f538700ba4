/* Products as calls of a BLAS, and smaller ones like them. */
#include "gemm/blas_call.h"

#include <string.h>

#include "gemm/gemm_epilogue.h"

/* The one step from row to row of an operand of the rows; false if there is none, or columns are
 * not next to each other. */
static bool find_row_step(const clf_i_row_space *rows, int operand, int64_t width, int64_t *step) {
    const int64_t *strides = rows->strides[operand];
    int64_t found = rows->num_rows > 1 ? 0 : width;
    int64_t inner_rows = 1;
    for (int32_t axis = rows->num_axes - 1; axis >= 0; --axis) {
        if (rows->shape[axis] == 1) {
            continue;
        }
        if (found == 0) {
            found = strides[axis];
        }
        if (strides[axis] != found * inner_rows) {
            return false;
        }
        inner_rows *= rows->shape[axis];
    }
    *step = found;
    return found >= width && (width == 1 || rows->column_strides[operand] == 1);
}

static bool find_b_step(const clf_i_gemm_request *product, int64_t columns, clf_i_blas_call *call) {
    const int64_t k_stride = product->problem.b_strides[1];
    const int64_t n_stride = product->problem.b_strides[2];
    const int64_t depth = product->problem.depth;
    if ((columns == 1 || n_stride == 1) && (depth == 1 || k_stride >= columns)) {
        call->b_step = depth == 1 ? columns : k_stride;
        call->b_is_transposed = 0;
        return true;
    }
    call->b_step = columns == 1 ? depth : n_stride;
    call->b_is_transposed = 1;
    return (depth == 1 || k_stride == 1) && call->b_step >= depth;
}

static int64_t columns_of_b(const clf_i_gemm_request *product) {
    return product->problem.columns * (product->is_glu ? 2 : 1);
}

const char *clf_i_blas_call_make(const clf_i_gemm_request *product, int64_t num_rows,
                                 clf_i_blas_call *call) {
    const clf_i_gemm_problem *problem = &product->problem;
    memset(call, 0, sizeof *call);
    call->rows = num_rows;
    call->columns = columns_of_b(product);
    call->depth = problem->depth;
    int64_t c_step = 0;
    if (!find_row_step(&problem->rows, 0, problem->depth, &call->a_step)) {
        return "the rows of its left operand are not dense, one step apart";
    }
    if (!find_row_step(&problem->rows, 1, problem->columns, &c_step)) {
        return "the rows of its result are not dense, one step apart";
    }
    if (!find_b_step(product, call->columns, call)) {
        return "neither rows nor columns of its weights are dense";
    }
    call->c_step = clf_i_gemm_needs_scratch(product) ? call->columns : c_step;
    return NULL;
}

int64_t clf_i_blas_result_step(const clf_i_gemm_request *product) {
    int64_t step = 0;
    (void)find_row_step(&product->problem.rows, 1, product->problem.columns, &step);
    return step;
}

/* ---- Batches ---- */

static bool is_dense_row(int64_t row_step, int64_t column_step, int64_t rows, int64_t width) {
    return (rows == 1 || row_step >= width) && (width == 1 || column_step == 1);
}

/* A single row has any step. Not its width, of which a BLAS may think that there are no gaps. */
static int64_t usable_step(int64_t step, int64_t rows, int64_t width) {
    return rows == 1 ? width + 1 : step;
}

const char *clf_i_blas_call_make_batch(const clf_i_gemm_batch *batch, clf_i_blas_call *call) {
    const clf_i_gemm_matrix *a = &batch->a;
    const clf_i_gemm_matrix *b = &batch->b;
    const clf_i_gemm_matrix *c = &batch->c;
    *call = (clf_i_blas_call){
        .rows = batch->rows,
        .columns = batch->columns,
        .depth = batch->depth,
        .a_step = usable_step(a->row_step, batch->rows, batch->depth),
        .c_step = usable_step(c->row_step, batch->rows, batch->columns),
        .a_offset = a->first,
        .b_offset = b->first,
        .c_offset = c->first,
        .accumulates = batch->accumulates,
        .num_batches = batch->count,
        .a_batch_step = a->batch_step,
        .b_batch_step = b->batch_step,
        .c_batch_step = c->batch_step,
    };
    if (!is_dense_row(a->row_step, a->column_step, batch->rows, batch->depth)) {
        return "the rows of a left operand are not dense";
    }
    if (!is_dense_row(c->row_step, c->column_step, batch->rows, batch->columns)) {
        return "the rows of a result are not dense";
    }
    const bool by_rows = is_dense_row(b->row_step, b->column_step, batch->depth, batch->columns);
    const bool by_columns = is_dense_row(b->column_step, b->row_step, batch->columns, batch->depth);
    if (!by_rows && !by_columns) {
        return "neither rows nor columns of a right operand are dense";
    }
    /* A row or column of one element is dense either way. */
    call->b_is_transposed = !by_rows || (by_columns && batch->columns == 1);
    call->b_step = call->b_is_transposed ? usable_step(b->column_step, batch->columns, batch->depth)
                                         : usable_step(b->row_step, batch->depth, batch->columns);
    return a->batch_step >= 0 && b->batch_step >= 0 && c->batch_step >= 0 ? NULL
                                                                          : "batches go backwards";
}

/* ---- Extents ---- */

static int64_t extent(int64_t outer, int64_t step, int64_t inner) {
    return (outer - 1) * step + inner;
}

static int64_t all_batches(const clf_i_blas_call *call, int64_t batch_step, int64_t matrix) {
    return call->num_batches > 1 ? extent(call->num_batches, batch_step, matrix) : matrix;
}

int64_t clf_i_blas_a_extent(const clf_i_blas_call *call) {
    return all_batches(call, call->a_batch_step, extent(call->rows, call->a_step, call->depth));
}

int64_t clf_i_blas_b_extent(const clf_i_blas_call *call) {
    return all_batches(call, call->b_batch_step,
                       call->b_is_transposed ? extent(call->columns, call->b_step, call->depth)
                                             : extent(call->depth, call->b_step, call->columns));
}

int64_t clf_i_blas_c_extent(const clf_i_blas_call *call) {
    return all_batches(call, call->c_batch_step, extent(call->rows, call->c_step, call->columns));
}

/* ---- Smaller ones ---- */

#define STEP ((int64_t)128)

static int64_t shrink_size(int64_t size) {
    return size < 2 * STEP ? size : STEP + size % STEP;
}

static int64_t grow_size(int64_t size, int64_t limit) {
    const int64_t next = size + (size >= STEP ? size / STEP * STEP : 0);
    return next < limit ? next : limit;
}

/* Dense where the original's rows are. */
static int64_t similar_step(int64_t step, int64_t width, int64_t new_width) {
    return new_width + (step > width);
}

static void set_steps(const clf_i_blas_call *like, clf_i_blas_call *call) {
    call->a_step = similar_step(like->a_step, like->depth, call->depth);
    call->b_step = like->b_is_transposed ? similar_step(like->b_step, like->depth, call->depth)
                                         : similar_step(like->b_step, like->columns, call->columns);
    call->c_step = similar_step(like->c_step, like->columns, call->columns);
    call->num_batches = like->num_batches < 2 ? like->num_batches : 2;
    call->a_batch_step = extent(call->rows, call->a_step, call->depth);
    call->b_batch_step = call->b_step * (call->b_is_transposed ? call->columns : call->depth);
    call->c_batch_step = extent(call->rows, call->c_step, call->columns);
}

void clf_i_blas_call_shrink(const clf_i_blas_call *full, clf_i_blas_call *small) {
    memset(small, 0, sizeof *small);
    small->rows = shrink_size(full->rows);
    small->columns = shrink_size(full->columns);
    small->depth = shrink_size(full->depth);
    small->b_is_transposed = full->b_is_transposed;
    small->accumulates = full->accumulates;
    set_steps(full, small);
}

bool clf_i_blas_call_grow(const clf_i_blas_call *full, clf_i_blas_call *small) {
    if (small->rows == full->rows && small->columns == full->columns &&
        small->depth == full->depth) {
        return false;
    }
    small->rows = grow_size(small->rows, full->rows);
    small->columns = grow_size(small->columns, full->columns);
    small->depth = grow_size(small->depth, full->depth);
    set_steps(full, small);
    return true;
}
