/*
 * The reference for ScaledMaskedSoftmax and its gradient: plain loops in double precision, after
 * the formulas of clformer/softmax.h and nothing else. Shares no code with the library.
 *
 * Rows are numbered over all leading axes in row-major order, so that a caller may look at a sample
 * of the rows of a large tensor. Results are dense: num_rows * width values.
 */
#ifndef CLF_TESTS_SOFTMAX_ORACLE_H
#define CLF_TESTS_SOFTMAX_ORACLE_H

#include <stdbool.h>
#include <stdint.h>

#include <clformer/tensor.h>

/* A tensor in host memory: `bytes` is what its buffer holds, from the buffer's start; `view` is as
 * the library gets it (the buffer field is not looked at). */
typedef struct oracle_tensor {
    const void *bytes;
    clf_tensor view;
} oracle_tensor;

typedef struct oracle_softmax {
    oracle_tensor x; /* the gradient has none */
    oracle_tensor grad_output;
    oracle_tensor y;           /* the forward's output, an input of the gradient */
    const oracle_tensor *mask; /* NULL: nothing is masked */
    double scale;
    bool fixed_triu_mask;
} oracle_softmax;

/* Product of all axes but the last; 0 if the tensor is empty. */
int64_t oracle_num_rows(const clf_tensor *view);
int64_t oracle_width(const clf_tensor *view);

/* One row of a tensor, and its elements as doubles, exactly. */
typedef struct oracle_row {
    const oracle_tensor *tensor;
    int64_t start;
    int64_t stride;
} oracle_row;

oracle_row oracle_row_open(const oracle_tensor *tensor, int64_t row);
double oracle_row_value(const oracle_row *row, int64_t column);

/* The mask over one row of `view` (the problem's x or y). */
typedef struct oracle_mask_row {
    const oracle_tensor *mask; /* NULL: by the triangle, or nothing */
    bool triangle;
    int64_t row_in_matrix;
    int64_t start;
    int64_t stride;
} oracle_mask_row;

oracle_mask_row oracle_mask_row_open(const oracle_softmax *problem, const clf_tensor *view,
                                     int64_t row);
bool oracle_is_masked(const oracle_mask_row *row, int64_t column);

/*
 * One row in double. `sensitivity`, if not NULL, receives for each element how far the result
 * moves, to first order, when every intermediate value of an fp32 computation is off by one
 * relative unit: the caller multiplies by the rounding unit.
 */
void oracle_softmax_row(const oracle_softmax *problem, int64_t row, double *y, double *sensitivity);
void oracle_softmax_grad_row(const oracle_softmax *problem, int64_t row, double *grad_x,
                             double *sensitivity);

/* The same rows computed as one would at first: plain fp32 in order, rounded to the storage type.
 */
void oracle_softmax_row_plain(const oracle_softmax *problem, int64_t row, double *y);
void oracle_softmax_grad_row_plain(const oracle_softmax *problem, int64_t row, double *grad_x);

#endif
