/*
 * grad_query from its parts (flash_attention_grad_cpu.cl), added up in their order, for CPU
 * devices.
 *
 * One work-item per work-group has R rows of a head. Global size: tiles times query heads.
 * Arguments, in this order: grad_query and its offset in elements, sequences, grad sequences, tiles
 * of R rows, parts (the workspace and an offset in bytes), number of chunks, problem, grad problem.
 *
 * Macros: lib/attention.clh (R, D), lib/dtype.clh.
 */
#include "lib/attention_grad_wide.clh"

__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void clf_flash_attention_grad_sum_cpu(
    __global clf_storage *grad_query, long grad_query_offset,
    __global const clf_attention_sequence *sequences,
    __global const clf_attention_grad_sequence *grad_sequences,
    __global const clf_attention_tile *tiles, __global const uchar *parts, long parts_offset,
    long num_chunks, clf_attention_problem problem, clf_attention_grad_problem grad_problem) {
    const long unit = (long)get_group_id(0), head = unit % problem.num_heads;
    __global const clf_attention_tile *tile = tiles + unit / problem.num_heads;
    __global const clf_attention_grad_sequence *grad_sequence = grad_sequences + tile->sequence;
    const long *strides = grad_problem.grad_query_strides;
    const long chunk_size = problem.num_heads * grad_problem.num_rows * CLF_ATTENTION_PITCH;
    const long end =
        min(tile->row_begin + CLF_ATTENTION_ROWS, sequences[tile->sequence].query_length);
    for (long row = tile->row_begin; row < end; ++row) {
        __global const float *first =
            (__global const float *)(parts + parts_offset) +
            (head * grad_problem.num_rows + grad_sequence->first_row + row) * CLF_ATTENTION_PITCH;
        __global clf_storage *token =
            grad_query + grad_query_offset + grad_sequence->grad_query_offset +
            head * strides[CLF_STRIDE_HEAD] + row * strides[CLF_STRIDE_TOKEN];
        for (int d = 0; d < CLF_ATTENTION_DEPTH; d += CLF_WIDE) {
            float16 sum = *(__global const clf_float16_unaligned *)(first + d);
            for (long chunk = 1; chunk < num_chunks; ++chunk)
                sum += *(__global const clf_float16_unaligned *)(first + chunk * chunk_size + d);
            clf_attention_grad_store(sum * grad_problem.scale, token,
                                     CLF_ATTENTION_DEPTH_STRIDE(strides), d, CLF_ATTENTION_DEPTH);
        }
    }
}
