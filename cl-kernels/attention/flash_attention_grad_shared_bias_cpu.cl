/*
 * Gradient of fused attention with respect to a bias that the batch elements share, for CPU devices:
 * grad_pse with a place for each row and key of a head, summed over the batch elements. Formulas:
 * public header attention_grad.h.
 *
 * Algorithm: the weights ds of flash_attention_grad_cpu.cl, computed again, since to keep them would
 * take as many floats as there are pairs. One work-item per work-group, which owns T keys and S rows
 * of a head and goes through the batch elements in their order:
 *
 *                      T keys, lanes
 *                    +-------------------+
 *   S rows, R at a   | query . key       |    weights: ds, added to sums [S][T]
 *   time             | grad_out . value  |
 *                    +-------------------+
 *
 * Global size: blocks of T keys times blocks of S rows times query heads.
 * Arguments, in this order; a tensor is its address and an offset in elements, rows are the
 * workspace and an offset in bytes:
 *     query, key, value, [bias], [mask], [drop_mask], grad_output, grad_pse, sequences,
 *     grad sequences, rows (lib/attention_grad.clh), problem, grad problem
 * Local memory, bytes:
 *     4 * (D' * (2 * T + 2 * R) + 2 * R * T + S * T), with bf16 dot products
 *     4 * (D' * (T + 3 * R) + 2 * R * T + S * T), + [mask: R * T]
 *     + [dropout: 4 * R * (T + 31) / 32],    D' being D rounded up to 16
 *
 * Macros: lib/attention_grad_wide.clh (T, R), lib/attention_grad_block.clh, lib/attention.clh
 * (options), lib/dtype.clh, and
 *   CLF_ATTENTION_BIAS_ROWS  R  S, a multiple of R
 */
#include "lib/attention_grad_block.clh"

#ifndef CLF_ATTENTION_BIAS_ROWS
#define CLF_ATTENTION_BIAS_ROWS CLF_ATTENTION_ROWS
#endif

/* What all functions below need to know. */
typedef struct clf_attention_bias_context {
    const clf_attention_tensors *tensors;
    __global const clf_storage *grad_output;
    __global const float *rows;
    const clf_attention_problem *problem;
    const clf_attention_grad_problem *grad_problem;
    __local clf_attention_operand *keys_t;
    __local clf_attention_operand *values_t;
    __local float *queries; /* [R][D'] */
    __local float *outputs; /* [R][D'] */
    __local float *sums;    /* [S][T] */
    long first_row;
    long last_row;
} clf_attention_bias_context;

/* Adds what a batch element makes of the unit's pairs. */
static CLF_INLINE void
clf_attention_bias_add_element(const clf_attention_bias_context *context,
                               clf_attention_grad_block *block,
                               __global const clf_attention_grad_sequence *grad_sequence) {
    long begin, end;
    bool has_keys = false;
    clf_attention_rows_of_keys(block->sequence, block->first_key,
                               block->first_key + block->num_keys, &begin, &end);
    for (long row = context->first_row; row < context->last_row; row += CLF_ATTENTION_ROWS) {
        block->first_row = row;
        block->num_rows = (int)min((long)CLF_ATTENTION_ROWS, context->last_row - row);
        block->rows = context->rows + clf_attention_row_place(context->grad_problem, grad_sequence,
                                                              block->head, row);
        if (!clf_attention_grad_counts(block, context->tensors, context->problem, begin, end))
            continue;
        if (!has_keys)
            clf_attention_grad_pack_keys(block, context->tensors, context->problem, context->keys_t,
                                         context->values_t);
        has_keys = true;
        clf_attention_grad_open_rows(block, context->tensors->query, context->grad_output,
                                     grad_sequence, context->problem, context->grad_problem,
                                     context->queries, context->outputs);
        clf_attention_grad_make_weights(block, context->tensors, context->problem, context->queries,
                                        context->outputs, context->keys_t, context->values_t);
        __local float *sums = context->sums + (row - context->first_row) * CLF_ATTENTION_KEY_TILE;
        for (int i = 0; i < block->num_rows * CLF_ATTENTION_KEY_TILE; i += CLF_WIDE)
            clf_attention_store(clf_attention_load(sums + i) + clf_attention_load(block->ds + i),
                                sums + i);
    }
}

static CLF_INLINE void clf_attention_bias_store(const clf_attention_bias_context *context,
                                                const clf_attention_grad_block *block,
                                                __global clf_storage *grad_pse) {
    const long *strides = context->grad_problem->pse_strides;
    grad_pse += block->head * strides[1] + block->first_key * strides[3];
    for (long row = context->first_row; row < context->last_row; ++row)
        for (int k = 0; k < block->num_keys; k += CLF_WIDE)
            clf_attention_grad_store_bias(
                clf_attention_load(context->sums +
                                   (row - context->first_row) * CLF_ATTENTION_KEY_TILE + k),
                grad_pse + row * strides[2], context->grad_problem, k, block->num_keys);
}

__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
clf_flash_attention_grad_shared_bias_cpu(
    __global const clf_storage *query, long query_offset, __global const clf_storage *key,
    long key_offset, __global const clf_storage *value, long value_offset,
    CLF_ATTENTION_BIAS_PARAMETERS CLF_ATTENTION_MASK_PARAMETERS CLF_ATTENTION_DROP_MASK_PARAMETERS
        __global const clf_storage *grad_output,
    long grad_output_offset, __global clf_storage *grad_pse, long grad_pse_offset,
    __global const clf_attention_sequence *sequences,
    __global const clf_attention_grad_sequence *grad_sequences, __global uchar *rows,
    long rows_offset, clf_attention_problem problem, clf_attention_grad_problem grad_problem) {
    __local clf_attention_operand
        keys_t[CLF_ATTENTION_OPERAND_PITCH * CLF_ATTENTION_KEY_TILE] CLF_WIDE_ALIGNED;
    __local clf_attention_operand
        values_t[CLF_ATTENTION_OPERAND_PITCH * CLF_ATTENTION_KEY_TILE] CLF_WIDE_ALIGNED;
    __local float queries[CLF_ATTENTION_ROWS * CLF_ATTENTION_PITCH] CLF_WIDE_ALIGNED;
    __local float outputs[CLF_ATTENTION_ROWS * CLF_ATTENTION_PITCH] CLF_WIDE_ALIGNED;
    __local float sums[CLF_ATTENTION_BIAS_ROWS * CLF_ATTENTION_KEY_TILE] CLF_WIDE_ALIGNED;
    CLF_ATTENTION_GRAD_DECLARE_BLOCK(block);
    CLF_ATTENTION_GRAD_GATHER_TENSORS(tensors);
    /* Lengths are alike in all batch elements. */
    const long num_rows = sequences->query_length, num_keys = sequences->key_length;
    const long key_blocks = (num_keys + CLF_ATTENTION_KEY_TILE - 1) / CLF_ATTENTION_KEY_TILE;
    const long unit = (long)get_group_id(0);
    const long first_row = unit / key_blocks / problem.num_heads * CLF_ATTENTION_BIAS_ROWS;
    const clf_attention_bias_context context = {
        .tensors = &tensors,
        .grad_output = grad_output + grad_output_offset,
        .rows = (__global const float *)(rows + rows_offset),
        .problem = &problem,
        .grad_problem = &grad_problem,
        .keys_t = keys_t,
        .values_t = values_t,
        .queries = queries,
        .outputs = outputs,
        .sums = sums,
        .first_row = first_row,
        .last_row = min(first_row + CLF_ATTENTION_BIAS_ROWS, num_rows)};
    block.head = unit / key_blocks % problem.num_heads;
    block.first_key = (int)(unit % key_blocks) * CLF_ATTENTION_KEY_TILE;
    block.num_keys = (int)min((long)CLF_ATTENTION_KEY_TILE, num_keys - block.first_key);
    for (int i = 0; i < CLF_ATTENTION_BIAS_ROWS * CLF_ATTENTION_KEY_TILE; i += CLF_WIDE)
        clf_attention_store((float16)(0.0f), sums + i);
    for (long batch = 0; batch < grad_problem.num_batches; ++batch) {
        block.sequence = sequences + batch;
        clf_attention_bias_add_element(&context, &block, grad_sequences + batch);
    }
    clf_attention_bias_store(&context, &block, grad_pse + grad_pse_offset);
}
