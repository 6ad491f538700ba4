/*
 * Floyd attention by slabs: the softmax of rows of scores, in place, not divided by its sum.
 *
 *     score = scale * score, -FLT_MAX where masked;   max, sum: of score and exp(score - max)
 *     score becomes exp(score - max)
 *
 * A work-group takes `rows_per_group` rows one after the other, its lanes share their keys; see
 * lib/floyd_slab.clh. Maximum and sum go to the operator's results, 8 copies each, and the sum to the
 * workspace, [N][M], where the results' last step reads it.
 *
 * Global size: ceil(rows / rows_per_group) * L. Arguments, each a buffer and an offset in elements:
 * scores, sums, [mask,] softmax_max, softmax_sum; and the struct. Local memory, bytes: 4 * (L + 8) at
 * most. Macros: lib/floyd_slab.clh.
 */
#include "lib/floyd_slab.clh"

#define CLF_SLAB_COPIES 8

__kernel __attribute__((reqd_work_group_size(CLF_REDUCE_LANES, 1, 1))) void
clf_floyd_slab_softmax(__global float *scores, long scores_offset, __global float *sums,
                       long sums_offset, CLF_SLAB_MASK_PARAMETERS __global float *softmax_max,
                       long softmax_max_offset, __global float *softmax_sum,
                       long softmax_sum_offset, clf_floyd_slab slab) {
    __local float scratch[CLF_REDUCE_SCRATCH];
    const int lane = (int)get_local_id(0);
    const long begin = (long)get_group_id(0) * slab.rows_per_group;
    const long end = min(slab.num_rows, begin + slab.rows_per_group);
    for (long row = begin; row < end; ++row) {
        const long n = row / slab.m;
        const long m = row - n * slab.m;
        __global float *row_scores = scores + scores_offset + row * slab.pitch;
        __global const uchar *row_mask = CLF_SLAB_MASK_OF_ROW(n, m);
        clf_slab_values best = CLF_SLAB_SPLAT(-INFINITY);
        for (long key = lane * CLF_FLOYD_VECTOR; key < slab.k;
             key += CLF_REDUCE_LANES * CLF_FLOYD_VECTOR) {
            const clf_slab_values score = clf_slab_load(row_scores, key, row_mask, &slab);
            best = score > best ? score : best;
        }
        const float row_max = clf_reduce_max(scratch, clf_slab_greatest(best));
        clf_slab_values added = CLF_SLAB_SPLAT(0.0f);
        for (long key = lane * CLF_FLOYD_VECTOR; key < slab.k;
             key += CLF_REDUCE_LANES * CLF_FLOYD_VECTOR) {
            const clf_slab_values score = clf_slab_load(row_scores, key, row_mask, &slab);
            const clf_slab_values power =
                clf_slab_exp2(score - CLF_SLAB_SPLAT(row_max), CLF_EXP2_LOG2E, CLF_SLAB_LOWEST);
            added += power;
            *(__global clf_slab_values *)(row_scores + key) = power;
        }
        const float row_sum = clf_reduce_sum(scratch, clf_slab_total(added));
        if (lane == 0)
            sums[sums_offset + row] = row_sum;
        for (int copy = lane; copy < CLF_SLAB_COPIES; copy += CLF_REDUCE_LANES) {
            softmax_max[softmax_max_offset + slab.max_base + n * slab.max[0] + m * slab.max[1] +
                        copy * slab.max[2]] = row_max;
            softmax_sum[softmax_sum_offset + slab.sum_base + n * slab.sum[0] + m * slab.sum[1] +
                        copy * slab.sum[2]] = row_sum;
        }
    }
}
