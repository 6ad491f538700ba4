/*
 * The straightforward computation: fp32 in the order of the formulas, rounded once to the storage
 * type. Its error is the yardstick for the kernels' error.
 */
#include <math.h>

#include "softmax_oracle.h"
#include "storage_types.h"

static float load(const oracle_row *row, int64_t column) {
    return (float)oracle_row_value(row, column);
}

static double rounded(const oracle_tensor *like, float value) {
    return oracle_round(like->view.dtype, (double)value);
}

void oracle_softmax_row_plain(const oracle_softmax *problem, int64_t row, double *y) {
    const oracle_row x = oracle_row_open(&problem->x, row);
    const oracle_mask_row mask = oracle_mask_row_open(problem, &problem->x.view, row);
    const int64_t width = oracle_width(&problem->x.view);
    const float scale = (float)problem->scale;
    int64_t num_live = 0;
    float max = -INFINITY;
    float sum = 0.0F;

    for (int64_t w = 0; w < width; w++) {
        if (!oracle_is_masked(&mask, w)) {
            const float z = scale * load(&x, w);
            max = isnan(z) || z > max ? z : max;
            num_live++;
        }
    }
    for (int64_t w = 0; w < width; w++) {
        const bool masked = oracle_is_masked(&mask, w);
        const float e = masked ? 0.0F : expf(scale * load(&x, w) - max);
        y[w] = (double)e;
        sum += e;
    }
    for (int64_t w = 0; w < width; w++) {
        const float uniform = 1.0F / (float)width;
        y[w] = rounded(&problem->x, num_live == 0 ? uniform : (float)y[w] / sum);
    }
}

void oracle_softmax_grad_row_plain(const oracle_softmax *problem, int64_t row, double *grad_x) {
    const oracle_row y = oracle_row_open(&problem->y, row);
    const oracle_row g = oracle_row_open(&problem->grad_output, row);
    const oracle_mask_row mask = oracle_mask_row_open(problem, &problem->y.view, row);
    const int64_t width = oracle_width(&problem->y.view);
    const float scale = (float)problem->scale;
    float sum = 0.0F;

    for (int64_t w = 0; w < width; w++) {
        sum += oracle_is_masked(&mask, w) ? 0.0F : load(&g, w) * load(&y, w);
    }
    for (int64_t w = 0; w < width; w++) {
        const float difference = load(&g, w) - sum;
        const float value = scale * (difference * load(&y, w));
        grad_x[w] = oracle_is_masked(&mask, w) ? 0.0 : rounded(&problem->y, value);
    }
}
