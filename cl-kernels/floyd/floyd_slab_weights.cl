/*
 * Floyd attention's gradient by slabs: from rows of scores and of grad_output . values, in place,
 *
 *     p  = exp(scale * score - softmax_max) / softmax_sum, the score -FLT_MAX where masked
 *     ds = p * (dp - delta),  delta = grad_output . attention_in
 *
 * A work-group takes `rows_per_group` rows one after the other, its lanes share their keys; see
 * lib/floyd_slab.clh.
 *
 * Global size: ceil(rows / rows_per_group) * L. Arguments, each a buffer and an offset in elements:
 * scores (p afterwards), products (dp, ds afterwards), [mask,] softmax_max, softmax_sum,
 * grad_output, attention_in; and the struct. Local memory, bytes: 4 * (L + 8) at most.
 *
 *   macro       default  meaning
 *   CLF_DTYPE   0        type of grad_output and attention_in
 * Others: lib/floyd_slab.clh.
 */
#include "lib/dtype.clh"
#include "lib/floyd_slab.clh"

__kernel __attribute__((reqd_work_group_size(CLF_REDUCE_LANES, 1, 1))) void clf_floyd_slab_weights(
    __global float *scores, long scores_offset, __global float *products, long products_offset,
    CLF_SLAB_MASK_PARAMETERS __global const float *softmax_max, long softmax_max_offset,
    __global const float *softmax_sum, long softmax_sum_offset,
    __global const clf_storage *grad_output, long grad_output_offset,
    __global const clf_storage *attention_in, long attention_in_offset, clf_floyd_slab slab) {
    __local float scratch[CLF_REDUCE_SCRATCH];
    const int lane = (int)get_local_id(0);
    const long begin = (long)get_group_id(0) * slab.rows_per_group;
    const long end = min(slab.num_rows, begin + slab.rows_per_group);
    for (long row = begin; row < end; ++row) {
        const long n = row / slab.m;
        const long m = row - n * slab.m;
        __global float *row_scores = scores + scores_offset + row * slab.pitch;
        __global float *row_products = products + products_offset + row * slab.pitch;
        __global const uchar *row_mask = CLF_SLAB_MASK_OF_ROW(n, m);
        __global const clf_storage *gradient = grad_output + grad_output_offset +
                                               slab.grad_output_base + n * slab.grad_output[0] +
                                               m * slab.grad_output[1];
        __global const clf_storage *attention = attention_in + attention_in_offset +
                                                slab.attention_in_base + n * slab.attention_in[0] +
                                                m * slab.attention_in[1];
        const float row_max =
            softmax_max[softmax_max_offset + slab.max_base + n * slab.max[0] + m * slab.max[1]];
        const float row_sum =
            softmax_sum[softmax_sum_offset + slab.sum_base + n * slab.sum[0] + m * slab.sum[1]];
        float delta = 0.0f;
        for (long d = lane; d < slab.depth; d += CLF_REDUCE_LANES)
            delta = fma(clf_load(gradient + d * slab.grad_output[2]),
                        clf_load(attention + d * slab.attention_in[2]), delta);
        delta = clf_reduce_sum(scratch, delta);
        for (long key = lane * CLF_FLOYD_VECTOR; key < slab.k;
             key += CLF_REDUCE_LANES * CLF_FLOYD_VECTOR) {
            const clf_slab_values score = clf_slab_load(row_scores, key, row_mask, &slab);
            const clf_slab_values power =
                clf_slab_exp2(score - CLF_SLAB_SPLAT(row_max), CLF_EXP2_LOG2E, CLF_SLAB_LOWEST) /
                CLF_SLAB_SPLAT(row_sum);
            __global clf_slab_values *product = (__global clf_slab_values *)(row_products + key);
            *product = power * (*product - CLF_SLAB_SPLAT(delta));
            *(__global clf_slab_values *)(row_scores + key) = power;
        }
    }
}
