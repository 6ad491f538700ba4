/*
 * grad_pse of a bias that all rows share, from the sums over the rows of each batch element
 * (flash_attention_grad_cpu.cl), added up over the batch elements that share it, for CPU devices.
 *
 * One work-item per work-group has a head. Global size: query heads times batch elements of grad_pse.
 * Arguments, in this order: grad_pse and its offset in elements, sequences, bias sums (the workspace
 * and an offset in bytes), problem, grad problem.
 *
 * Macros: lib/attention_grad_wide.clh (T), lib/dtype.clh.
 */
#include "lib/attention_grad_block.clh"

__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void clf_flash_attention_grad_bias_sum_cpu(
    __global clf_storage *grad_pse, long grad_pse_offset,
    __global const clf_attention_sequence *sequences, __global const uchar *bias_sums,
    long bias_sums_offset, clf_attention_problem problem, clf_attention_grad_problem grad_problem) {
    const long unit = (long)get_group_id(0), head = unit % problem.num_heads;
    const long batch = unit / problem.num_heads;
    const long end = grad_problem.pse_batches == 1 ? grad_problem.num_batches : batch + 1;
    const int num_keys = (int)sequences->key_length; /* alike in all batch elements */
    const long pitch = clf_attention_grad_bias_pitch(num_keys);
    __global const float *first =
        (__global const float *)(bias_sums + bias_sums_offset) + head * pitch;
    __global clf_storage *row = grad_pse + grad_pse_offset + batch * grad_problem.pse_strides[0] +
                                head * grad_problem.pse_strides[1];
    for (int key = 0; key < num_keys; key += CLF_WIDE) {
        float16 sum = (float16)(0.0f);
        for (long b = batch; b < end; ++b)
            sum += *(__global const clf_float16_unaligned *)(first + b * problem.num_heads * pitch +
                                                             key);
        clf_attention_grad_store_bias(sum, row, &grad_problem, key, num_keys);
    }
}
