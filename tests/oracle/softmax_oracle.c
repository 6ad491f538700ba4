/* See softmax_oracle.h. Written to be read against the formulas, not to be fast. */
#include "softmax_oracle.h"

#include <math.h>

#include "storage_types.h"

int64_t oracle_width(const clf_tensor *view) {
    return view->shape[view->rank - 1];
}

int64_t oracle_num_rows(const clf_tensor *view) {
    int64_t num_rows = 1;
    for (int32_t axis = 0; axis + 1 < view->rank; axis++) {
        num_rows *= view->shape[axis];
    }
    return oracle_width(view) == 0 ? 0 : num_rows;
}

static double load(const oracle_tensor *tensor, int64_t place) {
    const size_t size = oracle_dtype_size(tensor->view.dtype);
    return oracle_decode(tensor->view.dtype, (const char *)tensor->bytes + (size_t)place * size);
}

oracle_row oracle_row_open(const oracle_tensor *tensor, int64_t row) {
    const clf_tensor *view = &tensor->view;
    oracle_row opened = {tensor, (int64_t)view->offset, view->strides[view->rank - 1]};

    for (int32_t axis = view->rank - 2; axis >= 0; axis--) {
        opened.start += (row % view->shape[axis]) * view->strides[axis];
        row /= view->shape[axis];
    }
    return opened;
}

double oracle_row_value(const oracle_row *row, int64_t column) {
    return load(row->tensor, row->start + column * row->stride);
}

oracle_mask_row oracle_mask_row_open(const oracle_softmax *problem, const clf_tensor *view,
                                     int64_t row) {
    oracle_mask_row opened = {NULL, problem->fixed_triu_mask, 0, 0, 0};

    opened.row_in_matrix = view->rank >= 2 ? row % view->shape[view->rank - 2] : 0;
    if (problem->mask == NULL || problem->fixed_triu_mask) {
        return opened;
    }
    const clf_tensor *mask = &problem->mask->view;
    opened.mask = problem->mask;
    opened.start = (int64_t)mask->offset;
    opened.stride = mask->shape[mask->rank - 1] == 1 ? 0 : mask->strides[mask->rank - 1];
    for (int32_t axis = view->rank - 2; axis >= 0; axis--) {
        const int64_t index = row % view->shape[axis];
        const int32_t mask_axis = axis - view->rank + mask->rank;
        row /= view->shape[axis];
        if (mask_axis >= 0 && mask->shape[mask_axis] != 1) {
            opened.start += index * mask->strides[mask_axis];
        }
    }
    return opened;
}

bool oracle_is_masked(const oracle_mask_row *row, int64_t column) {
    if (row->triangle) {
        return column > row->row_in_matrix;
    }
    return row->mask != NULL && load(row->mask, row->start + column * row->stride) != 0.0;
}

static double score(const oracle_softmax *problem, const oracle_row *x, int64_t column) {
    return (double)(float)problem->scale * oracle_row_value(x, column);
}

/* y is the row's result; `max` its largest score. */
static void softmax_sensitivity(const oracle_softmax *problem, int64_t row, double max,
                                const double *y, double *sensitivity) {
    const oracle_row x = oracle_row_open(&problem->x, row);
    const oracle_mask_row mask = oracle_mask_row_open(problem, &problem->x.view, row);
    const int64_t width = oracle_width(&problem->x.view);
    double mean = 0.0;

    for (int64_t w = 0; w < width; w++) {
        sensitivity[w] = 0.0;
        if (y[w] > 0.0 && !oracle_is_masked(&mask, w)) {
            const double z = score(problem, &x, w);
            sensitivity[w] = fabs(z) + fabs(z - max);
            mean += y[w] * sensitivity[w];
        }
    }
    /* dy[w] = y[w] (dz[w] - sum of y dz), and one unit each for exp, the sum and the division. */
    for (int64_t w = 0; w < width; w++) {
        const double others = mean - y[w] * sensitivity[w];
        sensitivity[w] = y[w] * ((1.0 - y[w]) * sensitivity[w] + others + 3.0);
    }
}

void oracle_softmax_row(const oracle_softmax *problem, int64_t row, double *y,
                        double *sensitivity) {
    const oracle_row x = oracle_row_open(&problem->x, row);
    const oracle_mask_row mask = oracle_mask_row_open(problem, &problem->x.view, row);
    const int64_t width = oracle_width(&problem->x.view);
    int64_t num_live = 0;
    double max = -(double)INFINITY;
    double sum = 0.0;

    for (int64_t w = 0; w < width; w++) {
        y[w] = 0.0;
        if (!oracle_is_masked(&mask, w)) {
            y[w] = score(problem, &x, w);
            max = isnan(y[w]) || y[w] > max ? y[w] : max;
            num_live++;
        }
    }
    for (int64_t w = 0; w < width; w++) {
        y[w] = oracle_is_masked(&mask, w) ? 0.0 : exp(y[w] - max);
        sum += y[w];
    }
    for (int64_t w = 0; w < width; w++) {
        if (num_live == 0) {
            y[w] = 1.0 / (double)width;
        } else if (!oracle_is_masked(&mask, w)) {
            y[w] = y[w] / sum;
        }
    }
    if (sensitivity != NULL) {
        softmax_sensitivity(problem, row, max, y, sensitivity);
    }
}

void oracle_softmax_grad_row(const oracle_softmax *problem, int64_t row, double *grad_x,
                             double *sensitivity) {
    const oracle_row y = oracle_row_open(&problem->y, row);
    const oracle_row g = oracle_row_open(&problem->grad_output, row);
    const oracle_mask_row mask = oracle_mask_row_open(problem, &problem->y.view, row);
    const int64_t width = oracle_width(&problem->y.view);
    const double scale = (double)(float)problem->scale;
    double sum = 0.0;
    double magnitude = 0.0;

    for (int64_t w = 0; w < width; w++) {
        if (!oracle_is_masked(&mask, w)) {
            sum += oracle_row_value(&g, w) * oracle_row_value(&y, w);
            magnitude += fabs(oracle_row_value(&g, w) * oracle_row_value(&y, w));
        }
    }
    for (int64_t w = 0; w < width; w++) {
        const bool masked = oracle_is_masked(&mask, w);
        const double difference = oracle_row_value(&g, w) - sum;
        grad_x[w] = masked ? 0.0 : scale * difference * oracle_row_value(&y, w);
        if (sensitivity != NULL) {
            /* The products and the sum; one unit each for the difference and two products. */
            sensitivity[w] = masked ? 0.0
                                    : fabs(scale * oracle_row_value(&y, w)) *
                                          (magnitude + fabs(sum) + 3.0 * fabs(difference));
        }
    }
}
