/*
 * What the gradient of fused attention needs of each query row (lib/attention_grad.clh), for CPU
 * devices: from the saved statistics, attention_in and grad_output. Also sets the counter of
 * clf_flash_attention_grad_cpu to zero.
 *
 * One work-item per work-group has R rows of a head. Global size: tiles times query heads.
 * Arguments, in this order; a tensor is its address and an offset in elements, parts of the
 * workspace are its address and an offset in bytes:
 *     grad_output, attention_in, softmax_max, softmax_sum, sequences, grad sequences, tiles of R
 *     rows, counter, rows, problem, grad problem
 *
 * Macros: lib/attention.clh (R, Dv), lib/dtype.clh.
 */
#include "lib/attention_grad.clh"
#include "lib/attention_vectors.clh"

/* grad_output . attention_in */
static CLF_INLINE float clf_attention_grad_delta(__global const clf_storage *first,
                                                 long first_stride,
                                                 __global const clf_storage *second,
                                                 long second_stride) {
    float16 sum = (float16)(0.0f);
    for (int d = 0; d < CLF_ATTENTION_VALUE_DEPTH; d += CLF_WIDE) {
        const int count = min(CLF_WIDE, CLF_ATTENTION_VALUE_DEPTH - d);
        sum = fma(clf_attention_fetch(first + d * first_stride, first_stride, count),
                  clf_attention_fetch(second + d * second_stride, second_stride, count), sum);
    }
    return clf_wide_sum(sum);
}

__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void clf_flash_attention_grad_rows_cpu(
    __global const clf_storage *grad_output, long grad_output_offset,
    __global const clf_storage *attention_in, long attention_in_offset,
    __global const float *softmax_max, long softmax_max_offset, __global const float *softmax_sum,
    long softmax_sum_offset, __global const clf_attention_sequence *sequences,
    __global const clf_attention_grad_sequence *grad_sequences,
    __global const clf_attention_tile *tiles, __global uchar *counters, long counters_offset,
    __global uchar *rows, long rows_offset, clf_attention_problem problem,
    clf_attention_grad_problem grad_problem) {
    __local float floats[CLF_ATTENTION_ROW_FLOATS];
    const long unit = (long)get_group_id(0), head = unit % problem.num_heads;
    __global const clf_attention_tile *tile = tiles + unit / problem.num_heads;
    __global const clf_attention_sequence *sequence = sequences + tile->sequence;
    __global const clf_attention_grad_sequence *grad_sequence = grad_sequences + tile->sequence;
    const long *first = grad_problem.grad_output_strides, *second = problem.out_strides;
    const long end = min(tile->row_begin + CLF_ATTENTION_ROWS, sequence->query_length);
    if (unit == 0)
        *(__global int *)(counters + counters_offset) = 0;
    for (long row = tile->row_begin; row < end; ++row) {
        clf_attention_row place;
        place.head = head;
        place.row = row;
        const long statistic = clf_attention_statistics_place(sequence, &place);
        const float delta = clf_attention_grad_delta(
            grad_output + grad_output_offset + grad_sequence->grad_output_offset +
                head * first[CLF_STRIDE_HEAD] + row * first[CLF_STRIDE_TOKEN],
            CLF_ATTENTION_DEPTH_STRIDE(first),
            attention_in + attention_in_offset + sequence->out_offset +
                head * second[CLF_STRIDE_HEAD] + row * second[CLF_STRIDE_TOKEN],
            CLF_ATTENTION_DEPTH_STRIDE(second));
        clf_attention_set_row(softmax_max[softmax_max_offset + statistic],
                              softmax_sum[softmax_sum_offset + statistic], delta, floats);
        __global float *kept = (__global float *)(rows + rows_offset) +
                               clf_attention_row_place(&grad_problem, grad_sequence, head, row);
        for (int i = 0; i < CLF_ATTENTION_ROW_FLOATS; ++i)
            kept[i] = floats[i];
    }
}
