/* See floyd_case.h. */
#include "floyd_case.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

floyd_case floyd_case_default(void) {
    floyd_case tested;
    memset(&tested, 0, sizeof tested);
    tested.dtype = CLF_DTYPE_FP32;
    tested.batches = 1;
    tested.heads = 2;
    tested.n = 3;
    tested.m = 5;
    tested.k = 4;
    tested.depth = 7;
    tested.mask_dtype = CLF_DTYPE_BOOL;
    tested.mask_density = 0.3;
    tested.scale = 1.0 / sqrt(7.0);
    tested.deviation = 1.0;
    tested.seed = 1;
    return tested;
}

void floyd_case_set_sizes(floyd_case *tested, int64_t n, int64_t m, int64_t k, int64_t depth) {
    tested->n = n;
    tested->m = m;
    tested->k = k;
    tested->depth = depth;
}

void floyd_case_text(const floyd_case *tested, char *text, size_t capacity) {
    static const char *const methods[] = {"auto", "fused", "slab"};
    static const char *const variants[] = {"auto", "portable", "cpu"};
    char mask[96] = "none";
    if (tested->has_mask) {
        const bool *axes = tested->mask_axes;
        snprintf(mask, sizeof mask, "%s[%c,%c,%c,%c,%c] density %g masked rows %g",
                 clf_dtype_name(tested->mask_dtype), axes[0] ? 'B' : '1', axes[1] ? 'H' : '1',
                 axes[2] ? 'N' : '1', axes[3] ? 'M' : '1', axes[4] ? 'K' : '1',
                 tested->mask_density, tested->masked_rows);
    }
    snprintf(text, capacity,
             "%s %s%s B=%" PRId64 " H=%" PRId64 " N=%" PRId64 " M=%" PRId64 " K=%" PRId64
             " D=%" PRId64 " mask=%s scale=%g deviation=%g layouts=%s,%s,%s,%s%s misalign=%zu "
             "limit=%zu method=%s variant=%s seed=%" PRIu64,
             tested->is_gradient ? "gradient" : "forward", clf_dtype_name(tested->dtype),
             tested->has_fp32_out ? ">fp32" : "", tested->batches, tested->heads, tested->n,
             tested->m, tested->k, tested->depth, mask, tested->scale, tested->deviation,
             test_layout_name(tested->input_layout), test_layout_name(tested->mask_layout),
             test_layout_name(tested->statistic_layout), test_layout_name(tested->output_layout),
             tested->swaps_heads ? ",heads inside" : "", tested->misalign, tested->workspace_limit,
             methods[tested->method], variants[tested->variant], tested->seed);
}
