/*
 * Fused attention, forward: merges the partial results that tiles over parts of the keys have left
 * in the workspace (Dao et al., Flash-Decoding, 2023). With part p of a row giving its maximum m_p
 * in units of log2, its sum of powers s_p and its sum of powers times values o_p:
 *
 *     m = max of m_p      s = sum of s_p * 2^(m_p - m)
 *     out = sum of o_p * 2^(m_p - m) / s * keep_scale
 *
 * in the order of the table, so that the bits of the result depend on the split only.
 *
 * One work-item per packed row of a unit and depth of the value:
 *     global size  { R * number of units, Dv } or more, any local size; R = CLF_ATTENTION_ROWS
 *     work-item    (u * R + r, d): row r and depth d, if unit u's tile is a first part (partial 0)
 * The parts of a block of rows must be neighbours in the tile table, partial = 0, 1, 2 ... Rows
 * that saw no key get the mean of all values, or zero, here.
 *
 * Arguments, in this order; a tensor is its address and an offset in elements:
 *     value, [drop_mask], attention_out, softmax_max, softmax_sum, sequences, tiles,
 *     workspace (offset in bytes), problem
 * Local memory, barriers: none. Macros: lib/attention.clh, lib/dtype.clh, as for the kernel that
 * wrote the workspace.
 */
#ifndef CLF_EXP2_DEGREE
#define CLF_EXP2_DEGREE 5
#endif
#include "lib/attention_mean.clh"
#include "lib/exp2.clh"

CLF_EXP2_DEFINE_CHOSEN(clf_attention_exp2, float, int)

__kernel void
clf_flash_attention_merge(__global const clf_storage *value, long value_offset,
                          CLF_ATTENTION_DROP_MASK_PARAMETERS __global clf_storage *attention_out,
                          long attention_out_offset, __global float *softmax_max,
                          long softmax_max_offset, __global float *softmax_sum,
                          long softmax_sum_offset, __global const clf_attention_sequence *sequences,
                          __global const clf_attention_tile *tiles, __global uchar *workspace,
                          long workspace_offset, clf_attention_problem problem) {
    const clf_attention_tensors tensors = {
        0,
        0,
        value + value_offset,
        0,
        0,
        CLF_ATTENTION_DROP_MASK_ADDRESS,
        attention_out + attention_out_offset,
        softmax_max + softmax_max_offset,
        softmax_sum + softmax_sum_offset,
        (__global float *)(workspace + workspace_offset + CLF_ATTENTION_WORKSPACE_HEAD)};
    const long num_heads = clf_attention_num_unit_heads(&problem);
    const long unit = (long)get_global_id(0) / CLF_ATTENTION_ROWS;
    const long lane = (long)get_global_id(0) - unit * CLF_ATTENTION_ROWS;
    const long d = (long)get_global_id(1);
    const long first = unit / num_heads;
    const long head = unit - first * num_heads;
    if (first >= problem.num_tiles || d >= CLF_ATTENTION_VALUE_DEPTH)
        return;
    __global const clf_attention_tile *tile = tiles + first;
    __global const clf_attention_sequence *sequence = sequences + tile->sequence;
    if (tile->partial != 0 ||
        tile->row_begin + lane >= clf_attention_num_packed_rows(&problem, sequence))
        return;
    clf_attention_row row;
    clf_attention_find_row(&row, &problem, sequence, tile, head, tile->row_begin + lane);

    float maximum = -INFINITY, sum = 0.0f, out = 0.0f;
    long end = first;
    do {
        const float part =
            tensors.partial[(end * num_heads + head) * CLF_ATTENTION_PARTIAL_SIZE + lane];
        maximum = maximum > part ? maximum : part;
        ++end;
    } while (end < problem.num_tiles && tiles[end].partial != 0);
    const float reference = maximum == -INFINITY ? 0.0f : maximum;
    for (long index = first; index < end; ++index) {
        __global const float *partial =
            tensors.partial + (index * num_heads + head) * CLF_ATTENTION_PARTIAL_SIZE + lane;
        const float factor = clf_attention_exp2(partial[0] - reference, 1.0f, CLF_EXP2_LOWEST);
        sum = fma(partial[CLF_ATTENTION_ROWS], factor, sum);
        out = fma(partial[(2 + d) * CLF_ATTENTION_ROWS], factor, out);
    }
    clf_attention_store_depth(&tensors, &problem, sequence, &row, sum, out, d);
    if (d == 0)
        clf_attention_store_statistics(&tensors, &problem, sequence, &row, maximum, sum);
}
