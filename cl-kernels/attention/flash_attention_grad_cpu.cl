/*
 * Gradient of fused attention, for CPU devices: grad_key, grad_value, and the parts of grad_query.
 * Formulas: public header attention_grad.h.
 *
 * Algorithm: the probabilities are computed again from the saved statistics (Dao et al.,
 * FlashAttention-2, 2023), five products for each pair. One work-item per work-group. A unit of
 * work owns a key head and every chunk-th block of T of its keys; those stay, transposed, while
 * blocks of R query rows go by, of all query heads of the key head, from the first row that may see
 * one of the keys to the last:
 *
 *                      T keys, lanes                          D depths, lanes
 *                    +-------------------+                  +-----------------+
 *   R query rows     | query . key       | weights:         | ds . key        | added to the unit's
 *                    | grad_out . value  | ds, p * keep     |                 | part of grad_query
 *                    +-------------------+                  +-----------------+
 *   D, Dv depths     | sums of  ds * query,  p * keep * grad_output  over rows |
 *
 * Nothing is added up by two work-groups: grad_query, which all blocks of keys add to, has a part
 * for each chunk, and clf_flash_attention_grad_sum_cpu adds the parts up in order. Work-groups are
 * persistent and take units from a counter; who computes a unit does not change its bits.
 *
 * Pairs that do not count have weight zero; blocks with an infinity or NaN leave them out.
 *
 * Global size: any number of work-groups of one work-item, best one per compute unit.
 * Arguments, in this order; a tensor is its address and an offset in elements, parts of the
 * workspace are its address and an offset in bytes, a multiple of 64:
 *     query, key, value, [bias], [mask], [drop_mask], grad_output, grad_key, grad_value,
 *     [grad_pse or bias sums], sequences, grad sequences, counter (an int, zero),
 *     rows (lib/attention_grad.clh), parts, number of sequences, of chunks, problem, grad problem
 * Parts: floats [chunk][query head][row of all sequences][D'], D' being D rounded up to 16.
 * Bias sums: floats [sequence][query head][keys rounded up to T].
 * Local memory, bytes:
 *     4 * (D' * (5 * T + 2 * R) + 2 * R * T), with bf16 dot products
 *     4 * (D' * (4 * T + 3 * R) + 2 * R * T), + [mask: R * T] + [dropout: 4 * R * (T + 31) / 32]
 *
 * Macros: lib/attention_grad_wide.clh (T, R), lib/attention.clh (options), lib/dtype.clh, and
 *   CLF_ATTENTION_EVEN_ROWS  0  1: there may be rows whose probability is 1 / sum everywhere
 *   CLF_ATTENTION_GRAD_PSE   0  1: grad_pse has a place for each pair. It holds zeros before, which
 *                               stay where nothing is computed.  2: all rows of a batch element
 *                               share a bias; its gradient goes, added up over them, to the bias
 *                               sums
 */
#ifndef CLF_ATTENTION_GRAD_PSE
#define CLF_ATTENTION_GRAD_PSE 0
#endif
#include "lib/attention_grad_block.clh"

#define CLF_ATTENTION_PSE_OF_PAIRS (CLF_ATTENTION_GRAD_PSE == 1)
#define CLF_ATTENTION_PSE_OF_KEYS  (CLF_ATTENTION_GRAD_PSE == 2)
#if CLF_ATTENTION_PSE_OF_PAIRS
#define CLF_ATTENTION_PSE_PARAMETERS __global clf_storage *grad_pse, long grad_pse_offset,
#elif CLF_ATTENTION_PSE_OF_KEYS
#define CLF_ATTENTION_PSE_PARAMETERS __global uchar *bias_sums, long bias_sums_offset,
#else
#define CLF_ATTENTION_PSE_PARAMETERS
#endif

/* Local memory. */
typedef struct clf_attention_grad_buffers {
    __local clf_attention_operand *keys_t;
    __local clf_attention_operand *values_t;
    __local float *keys;     /* [T][D'] */
    __local float *queries;  /* [R][D'] */
    __local float *outputs;  /* [R][D'], gradients of outputs */
    __local float *key_sums; /* [D'][T] */
    __local float *value_sums;
} clf_attention_grad_buffers;

/* What all functions below need to know. */
typedef struct clf_attention_grad_context {
    const clf_attention_tensors *tensors;
    __global const clf_storage *grad_output;
    __global clf_storage *grad_key;
    __global clf_storage *grad_value;
    /* Of the unit's batch element; NULL where there is none. */
    __global clf_storage *grad_pse;
    __global float *bias_sums;
    __global const float *rows;
    __global float *parts; /* of the unit's chunk */
    __global const clf_attention_sequence *sequence;
    __global const clf_attention_grad_sequence *grad_sequence;
    const clf_attention_problem *problem;
    const clf_attention_grad_problem *grad_problem;
    clf_attention_grad_buffers buffers;
    bool has_finite_keys;
} clf_attention_grad_context;

/* The unit's part of a row of grad_query. */
static CLF_INLINE __global float *clf_attention_grad_part(const clf_attention_grad_context *context,
                                                          long head, long row) {
    return context->parts +
           (head * context->grad_problem->num_rows + context->grad_sequence->first_row + row) *
               CLF_ATTENTION_PITCH;
}

/* A block of keys, to local memory. */
static CLF_INLINE void clf_attention_grad_open_keys(clf_attention_grad_context *context,
                                                    const clf_attention_grad_block *block) {
    const clf_attention_problem *problem = context->problem;
    const clf_attention_grad_buffers *buffers = &context->buffers;
    const long *strides = problem->key_strides;
    context->has_finite_keys = clf_attention_grad_stage(
        CLF_ADDRESS(buffers->keys), clf_attention_grad_keys(block, context->tensors->key, problem),
        strides[CLF_STRIDE_TOKEN], CLF_ATTENTION_DEPTH_STRIDE(strides), block->num_keys,
        block->num_keys, CLF_ATTENTION_DEPTH);
    clf_attention_grad_pack_keys(block, context->tensors, problem, buffers->keys_t,
                                 buffers->values_t);
    clf_attention_grad_clear(buffers->key_sums, CLF_ATTENTION_PADDED_DEPTH);
    clf_attention_grad_clear(buffers->value_sums, CLF_ATTENTION_PADDED_VALUE_DEPTH);
}

#if CLF_ATTENTION_PSE_OF_PAIRS
static CLF_INLINE void clf_attention_grad_store_pse(const clf_attention_grad_context *context,
                                                    const clf_attention_grad_block *block) {
    const long *strides = context->grad_problem->pse_strides;
    __global clf_storage *first =
        context->grad_pse + block->head * strides[1] + block->first_key * strides[3];
    for (int r = 0; r < block->num_rows; ++r)
        for (int k = 0; k < block->num_keys; k += CLF_WIDE) {
            clf_attention_grad_store_bias(
                clf_attention_load(block->ds + r * CLF_ATTENTION_KEY_TILE + k),
                first + (block->first_row + r) * strides[2], context->grad_problem, k,
                block->num_keys);
        }
}
#elif CLF_ATTENTION_PSE_OF_KEYS
static CLF_INLINE __global clf_float16_unaligned *
clf_attention_grad_bias_sum(const clf_attention_grad_context *context,
                            const clf_attention_grad_block *block, int v) {
    const long pitch = clf_attention_grad_bias_pitch(context->sequence->key_length);
    return (__global clf_float16_unaligned *)(context->bias_sums + block->head * pitch +
                                              block->first_key + v * CLF_WIDE);
}

static CLF_INLINE void clf_attention_grad_add_pse(const clf_attention_grad_context *context,
                                                  const clf_attention_grad_block *block) {
    for (int v = 0; v < CLF_ATTENTION_KEY_VECTORS; ++v) {
        float16 sum = (float16)(0.0f);
        for (int r = 0; r < block->num_rows; ++r)
            sum += clf_attention_load(block->ds + r * CLF_ATTENTION_KEY_TILE + v * CLF_WIDE);
        *clf_attention_grad_bias_sum(context, block, v) += sum;
    }
}
#endif

/* All five products of a block. */
static CLF_INLINE void clf_attention_grad_add_block(const clf_attention_grad_context *context,
                                                    const clf_attention_grad_block *block) {
    const clf_attention_grad_buffers *buffers = &context->buffers;
    const int count = block->num_rows;
    const bool has_finite_rows = clf_attention_grad_open_rows(
        block, context->tensors->query, context->grad_output, context->grad_sequence,
        context->problem, context->grad_problem, buffers->queries, buffers->outputs);
    __global float *part = clf_attention_grad_part(context, block->head, block->first_row);
    clf_attention_grad_make_weights(block, context->tensors, context->problem, buffers->queries,
                                    buffers->outputs, buffers->keys_t, buffers->values_t);
#if CLF_ATTENTION_PSE_OF_PAIRS
    clf_attention_grad_store_pse(context, block);
#elif CLF_ATTENTION_PSE_OF_KEYS
    clf_attention_grad_add_pse(context, block);
#endif
    if (has_finite_rows) {
        clf_attention_grad_add_keys(CLF_ADDRESS(buffers->value_sums), CLF_ADDRESS(buffers->outputs),
                                    CLF_ADDRESS(block->kept), CLF_ATTENTION_PADDED_VALUE_DEPTH,
                                    count);
        clf_attention_grad_add_keys(CLF_ADDRESS(buffers->key_sums), CLF_ADDRESS(buffers->queries),
                                    CLF_ADDRESS(block->ds), CLF_ATTENTION_PADDED_DEPTH, count);
    } else {
        clf_attention_grad_add_keys_carefully(
            CLF_ADDRESS(buffers->value_sums), CLF_ADDRESS(buffers->outputs),
            CLF_ADDRESS(block->kept), CLF_ATTENTION_PADDED_VALUE_DEPTH, count);
        clf_attention_grad_add_keys_carefully(CLF_ADDRESS(buffers->key_sums),
                                              CLF_ADDRESS(buffers->queries), CLF_ADDRESS(block->ds),
                                              CLF_ATTENTION_PADDED_DEPTH, count);
    }
    if (context->has_finite_keys)
        clf_attention_grad_add_rows(part, block->ds, buffers->keys, block->num_keys, count);
    else
        clf_attention_grad_add_rows_carefully(part, block->ds, buffers->keys, block->num_keys,
                                              count);
}

/* What the rows of one query head make of a block of keys. */
static CLF_INLINE void clf_attention_grad_add_head(const clf_attention_grad_context *context,
                                                   clf_attention_grad_block *block, long head) {
    __global const clf_attention_sequence *sequence = context->sequence;
    long begin, end;
    clf_attention_rows_of_keys(sequence, block->first_key, block->first_key + block->num_keys,
                               &begin, &end);
    const long stop = CLF_ATTENTION_EVEN_ROWS ? sequence->query_length : end;
    block->head = head;
#if CLF_ATTENTION_PSE_OF_KEYS
    for (int v = 0; v < CLF_ATTENTION_KEY_VECTORS; ++v)
        *clf_attention_grad_bias_sum(context, block, v) = (float16)(0.0f);
#endif
    for (long row = CLF_ATTENTION_EVEN_ROWS ? 0 : begin; row < stop; row += CLF_ATTENTION_ROWS) {
        block->first_row = row;
        block->num_rows = (int)min((long)CLF_ATTENTION_ROWS, stop - row);
        block->rows = context->rows + clf_attention_row_place(context->grad_problem,
                                                              context->grad_sequence, head, row);
        if (clf_attention_grad_counts(block, context->tensors, context->problem, begin, end))
            clf_attention_grad_add_block(context, block);
    }
}

static CLF_INLINE void clf_attention_grad_store_block(const clf_attention_grad_context *context,
                                                      long key_head, long key, int count) {
    const clf_attention_grad_problem *problem = context->grad_problem;
    const long *strides[2] = {problem->grad_key_strides, problem->grad_value_strides};
    clf_attention_grad_store_keys(
        context->grad_key + context->grad_sequence->grad_key_offset +
            key_head * strides[0][CLF_STRIDE_HEAD] + key * strides[0][CLF_STRIDE_TOKEN],
        strides[0][CLF_STRIDE_TOKEN], CLF_ATTENTION_DEPTH_STRIDE(strides[0]),
        CLF_ADDRESS(context->buffers.key_sums), problem->scale, count, CLF_ATTENTION_DEPTH);
    clf_attention_grad_store_keys(
        context->grad_value + context->grad_sequence->grad_value_offset +
            key_head * strides[1][CLF_STRIDE_HEAD] + key * strides[1][CLF_STRIDE_TOKEN],
        strides[1][CLF_STRIDE_TOKEN], CLF_ATTENTION_DEPTH_STRIDE(strides[1]),
        CLF_ADDRESS(context->buffers.value_sums), 1.0f, count, CLF_ATTENTION_VALUE_DEPTH);
}

/* Every `num_chunks`th block of a key head's keys from number `chunk` on. */
static CLF_INLINE void clf_attention_grad_do_unit(clf_attention_grad_context *context,
                                                  clf_attention_grad_block *block, long key_head,
                                                  long chunk, long num_chunks) {
    const long group = context->problem->group;
    __global const clf_attention_sequence *sequence = context->sequence;
    block->sequence = sequence;
    for (long i = 0; i < group; ++i) {
        __global float *part = clf_attention_grad_part(context, key_head * group + i, 0);
        for (long j = 0; j < sequence->query_length * CLF_ATTENTION_PITCH; j += CLF_WIDE)
            *(__global clf_float16_unaligned *)(part + j) = (float16)(0.0f);
    }
    for (long key = chunk * CLF_ATTENTION_KEY_TILE; key < sequence->key_length;
         key += num_chunks * CLF_ATTENTION_KEY_TILE) {
        block->first_key = (int)key;
        block->num_keys = (int)min((long)CLF_ATTENTION_KEY_TILE, sequence->key_length - key);
        block->head = key_head * group;
        clf_attention_grad_open_keys(context, block);
        for (long i = 0; i < group; ++i)
            clf_attention_grad_add_head(context, block, key_head * group + i);
        clf_attention_grad_store_block(context, key_head, key, block->num_keys);
    }
}

__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void clf_flash_attention_grad_cpu(
    __global const clf_storage *query, long query_offset, __global const clf_storage *key,
    long key_offset, __global const clf_storage *value, long value_offset,
    CLF_ATTENTION_BIAS_PARAMETERS CLF_ATTENTION_MASK_PARAMETERS CLF_ATTENTION_DROP_MASK_PARAMETERS
        __global const clf_storage *grad_output,
    long grad_output_offset, __global clf_storage *grad_key, long grad_key_offset,
    __global clf_storage *grad_value, long grad_value_offset,
    CLF_ATTENTION_PSE_PARAMETERS __global const clf_attention_sequence *sequences,
    __global const clf_attention_grad_sequence *grad_sequences, __global uchar *counters,
    long counters_offset, __global uchar *rows, long rows_offset, __global uchar *parts,
    long parts_offset, long num_sequences, long num_chunks, clf_attention_problem problem,
    clf_attention_grad_problem grad_problem) {
    __local clf_attention_operand
        keys_t[CLF_ATTENTION_OPERAND_PITCH * CLF_ATTENTION_KEY_TILE] CLF_WIDE_ALIGNED;
    __local clf_attention_operand
        values_t[CLF_ATTENTION_OPERAND_PITCH * CLF_ATTENTION_KEY_TILE] CLF_WIDE_ALIGNED;
    __local float keys[CLF_ATTENTION_PITCH * CLF_ATTENTION_KEY_TILE] CLF_WIDE_ALIGNED;
    __local float key_sums[CLF_ATTENTION_PITCH * CLF_ATTENTION_KEY_TILE] CLF_WIDE_ALIGNED;
    __local float value_sums[CLF_ATTENTION_PITCH * CLF_ATTENTION_KEY_TILE] CLF_WIDE_ALIGNED;
    __local float queries[CLF_ATTENTION_ROWS * CLF_ATTENTION_PITCH] CLF_WIDE_ALIGNED;
    __local float outputs[CLF_ATTENTION_ROWS * CLF_ATTENTION_PITCH] CLF_WIDE_ALIGNED;
    CLF_ATTENTION_GRAD_DECLARE_BLOCK(block);
    CLF_ATTENTION_GRAD_GATHER_TENSORS(tensors);
    clf_attention_grad_context context = {
        .tensors = &tensors,
        .grad_output = grad_output + grad_output_offset,
        .grad_key = grad_key + grad_key_offset,
        .grad_value = grad_value + grad_value_offset,
        .rows = (__global const float *)(rows + rows_offset),
        .problem = &problem,
        .grad_problem = &grad_problem,
        .buffers = {keys_t, values_t, keys, queries, outputs, key_sums, value_sums}};
    volatile __global int *counter = (volatile __global int *)(counters + counters_offset);
    const long key_heads = problem.num_heads / problem.group;
    const long num_units = num_sequences * num_chunks * key_heads;
    for (long unit = atomic_inc(counter); unit < num_units; unit = atomic_inc(counter)) {
        const long chunk = unit / key_heads % num_chunks;
        const long number = unit / key_heads / num_chunks;
        context.sequence = sequences + number;
        context.grad_sequence = grad_sequences + number;
#if CLF_ATTENTION_PSE_OF_PAIRS
        context.grad_pse = grad_pse + grad_pse_offset + number * grad_problem.pse_strides[0];
#elif CLF_ATTENTION_PSE_OF_KEYS
        context.bias_sums = (__global float *)(bias_sums + bias_sums_offset) +
                            number * problem.num_heads *
                                clf_attention_grad_bias_pitch(context.sequence->key_length);
#endif
        context.parts = (__global float *)(parts + parts_offset) +
                        chunk * problem.num_heads * grad_problem.num_rows * CLF_ATTENTION_PITCH;
        clf_attention_grad_do_unit(&context, &block, unit % key_heads, chunk, num_chunks);
    }
}
