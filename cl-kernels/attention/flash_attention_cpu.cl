/*
 * Fused attention, forward, for CPU devices.
 *
 *     out_i = sum over j of 2^(l_ij - m_i) * keep_ij * value_j / s_i * keep_scale
 *     l_ij  = score_factor * query_i . key_j + bias_factor * bias_ij         (units of log2)
 *     m_i   = max over j of l_ij,   s_i = sum over j of 2^(l_ij - m_i)       j: the keys i sees
 *
 * Algorithm: online softmax over blocks of keys (Milakov and Gimelshein, 2018; Dao,
 * FlashAttention-2, 2023). One work-item per work-group; it holds a tile of packed rows
 * (lib/attention.clh) in panels, transposed, rows in the lanes of vectors, and walks over the
 * tile's keys (lib/attention_products.clh); what is staged of a block of keys serves all panels:
 *
 *                          panel 0   panel 1 ...      P = 16 * CLF_ATTENTION_ROW_VECTORS rows each
 *                        +---------+---------+
 *      block 0 of T keys |         |         |        query^T    [D][P] of each panel, scaled
 *      block 1           | scores^T [T][P], of        scores^T, then powers^T
 *      ...               | one block and panel        out^T      [Dv][P] of each panel
 *                        +---------+---------+
 *
 * Work-groups are persistent: each takes the next unit (tile, head) from a counter in the
 * workspace, which clf_flash_attention_reset has zeroed; the table should hold the heaviest tiles
 * first. Which work-group computes a unit does not change its bits.
 *
 * Masked pairs have power zero. Times a value that is infinite or NaN that is still NaN: a unit
 * whose result is not finite is computed again, carefully, leaving masked pairs out of the
 * products.
 *
 * Global size: any number of work-groups of one work-item, best one per compute unit.
 * Barriers: none. Arguments, in this order; a tensor is its address and an offset in elements:
 *     query, key, value, [bias], [mask], [drop_mask], attention_out, softmax_max, softmax_sum,
 *     sequences, tiles, workspace (offset in bytes, a multiple of 64), problem
 * bias if CLF_ATTENTION_BIAS is not 0 (slopes: float), mask if CLF_ATTENTION_MASK, drop_mask if
 * CLF_ATTENTION_DROPOUT is 1.
 *
 * Workspace: CLF_ATTENTION_WORKSPACE_HEAD bytes with the counter; if CLF_ATTENTION_SPLIT, then for
 * each unit, in order, CLF_ATTENTION_PARTIAL_SIZE floats, read by clf_flash_attention_merge.
 *
 * Local memory, bytes, with N = CLF_ATTENTION_PANELS, D' and Dv' = D and Dv rounded up to 16:
 *     4 * P * (N * (D' + Dv') + T) + [staged: 4 * T * (D' + Dv')] + [bias tensor: 4 * P * T]
 *     + [mask: P * T] + [dropout: P * T / 8]
 * or, with CLF_ATTENTION_BF16_DOT, the first two terms are
 *     4 * P * (N * (D' / 2 + Dv') + T + T / 2) + 2 * T * (D' + Dv')
 *
 * Macros: lib/attention_wide.clh, lib/attention.clh, lib/dtype.clh.
 */
#include "lib/attention_bf16_dot.clh"
#include "lib/attention_panel.clh"
#include "lib/attention_products.clh"

/* Local memory that blocks of keys are staged in; NULL where there is none. */
typedef struct clf_attention_buffers {
    __local float *scores;
    __local float *keys;
    __local float *values;
    __local float *bias_t;
    __local uchar *mask_t;
    __local uint *bits_t;
    __local uint *key_pairs;
    __local uint *value_pairs;
    __local uint *power_pairs;
} clf_attention_buffers;

/* The block of keys from `key_begin` on, for all panels. */
static inline void clf_attention_open_block(clf_attention_key_block *block,
                                            const clf_attention_buffers *buffers,
                                            const clf_attention_unit *unit,
                                            const clf_attention_problem *problem, int key_begin) {
    const long key_pitch = problem->key_strides[CLF_STRIDE_TOKEN];
    const long value_pitch = problem->value_strides[CLF_STRIDE_TOKEN];
    __global const clf_storage *keys = unit->keys + key_begin * key_pitch;
    __global const clf_storage *values = unit->values + key_begin * value_pitch;
    block->key_begin = key_begin;
    block->count = (int)min((long)CLF_ATTENTION_KEY_TILE, unit->tile->key_end - key_begin);
    block->limited = false;
    block->mask_t = buffers->mask_t;
    block->bias_t = buffers->bias_t;
    block->bits_t = buffers->bits_t;
    block->key_pairs = buffers->key_pairs;
    block->value_pairs = buffers->value_pairs;
    block->power_pairs = buffers->power_pairs;
#if CLF_ATTENTION_STAGED
    clf_attention_stage(buffers->keys, keys, key_pitch,
                        CLF_ATTENTION_DEPTH_STRIDE(problem->key_strides), block->count,
                        CLF_ATTENTION_DEPTH);
    clf_attention_stage(buffers->values, values, value_pitch,
                        CLF_ATTENTION_DEPTH_STRIDE(problem->value_strides), block->count,
                        CLF_ATTENTION_VALUE_DEPTH);
    block->keys = buffers->keys;
    block->values = buffers->values;
    block->key_pitch = CLF_ATTENTION_PADDED_DEPTH;
    block->value_pitch = CLF_ATTENTION_PADDED_VALUE_DEPTH;
#else
    block->keys = keys;
    block->values = values;
    block->key_pitch = key_pitch;
    block->value_pitch = value_pitch;
#endif
#if CLF_ATTENTION_BF16_DOT
    clf_attention_stage_key_pairs(buffers->key_pairs, keys, key_pitch,
                                  CLF_ATTENTION_DEPTH_STRIDE(problem->key_strides), block->count);
    clf_attention_stage_value_pairs(buffers->value_pairs, values, value_pitch,
                                    CLF_ATTENTION_DEPTH_STRIDE(problem->value_strides),
                                    block->count);
#endif
    block->key_stride = CLF_ATTENTION_KEY_STRIDE(problem);
    block->value_stride = CLF_ATTENTION_VALUE_STRIDE(problem);
}

/* What else a panel needs to know of the block; false: none of its rows sees anything of it. */
static inline bool clf_attention_enter_block(clf_attention_key_block *block,
                                             const clf_attention_buffers *buffers,
                                             const clf_attention_panel *panel,
                                             const clf_attention_tensors *tensors,
                                             const clf_attention_problem *problem) {
    const clf_attention_lanes *lanes = &panel->lanes;
    const int begin = block->key_begin, end = begin + block->count;
    if (end <= lanes->any_begin || begin >= lanes->any_end)
        return false;
    block->limited =
        begin < lanes->all_begin || end > lanes->all_end || block->count % CLF_ATTENTION_MICRO != 0;
#if CLF_ATTENTION_MASK
    if (clf_attention_stage_mask(buffers->mask_t, tensors->mask, lanes,
                                 problem->mask_strides[CLF_STRIDE_COLUMN], begin, block->count))
        return false;
#endif
#if CLF_ATTENTION_BIAS == CLF_ATTENTION_BIAS_TENSOR
    clf_attention_stage_bias(buffers->bias_t, tensors->bias, lanes, problem, begin, block->count);
#endif
#if CLF_ATTENTION_DROPOUT == CLF_ATTENTION_DROPOUT_BITS
    clf_attention_stage_bits(buffers->bits_t, lanes, problem, tensors->drop_mask, begin,
                             block->count);
#elif CLF_ATTENTION_DROPOUT
    clf_attention_stage_bits(buffers->bits_t, lanes, problem, begin, block->count);
#endif
    return true;
}

static inline void clf_attention_add_block(clf_attention_panel *panel, __local float *scores,
                                           const clf_attention_key_block *block, float score_factor,
                                           bool careful) {
    clf_attention_vectors maximum, reference, factor, sum;
    CLF_UNROLL for (int v = 0; v < CLF_ATTENTION_ROW_VECTORS; ++v) {
        maximum[v] = panel->maximum[v];
    }
#if CLF_ATTENTION_BF16_DOT
    clf_attention_dot_scores(scores, panel->query_pairs, block, &panel->lanes, score_factor,
                             maximum);
#else
    clf_attention_scores(scores, panel->query_t, block, &panel->lanes, maximum);
#endif
    CLF_UNROLL for (int v = 0; v < CLF_ATTENTION_ROW_VECTORS; ++v) {
        /* A row that has seen nothing yet: any finite reference makes its powers zero. */
        reference[v] = maximum[v] == (float16)(-INFINITY) ? (float16)(0.0f) : maximum[v];
        factor[v] = clf_exp2_wide(panel->maximum[v] - reference[v], 1.0f, CLF_EXP2_LOWEST);
        sum[v] = panel->sum[v] * factor[v];
        panel->maximum[v] = maximum[v];
    }
    if (careful) {
        clf_attention_powers(scores, block, reference, sum, true);
        clf_attention_add_values(panel->out_t, scores, block, factor, true);
    } else {
        clf_attention_powers(scores, block, reference, sum, false);
#if CLF_ATTENTION_BF16_DOT
        clf_attention_pair_powers(block->power_pairs, scores, block->count);
        clf_attention_dot_add_values(panel->out_t, block, scores, factor);
#else
        clf_attention_add_values(panel->out_t, scores, block, factor, false);
#endif
    }
    CLF_UNROLL for (int v = 0; v < CLF_ATTENTION_ROW_VECTORS; ++v) {
        panel->sum[v] = sum[v];
    }
}

/* All keys of a unit. Returns whether all of the output is finite. */
static inline bool clf_attention_walk(clf_attention_panel panels[CLF_ATTENTION_PANELS],
                                      int num_panels, const clf_attention_buffers *buffers,
                                      const clf_attention_unit *unit,
                                      const clf_attention_tensors *tensors,
                                      const clf_attention_problem *problem, bool careful) {
    for (int p = 0; p < num_panels; ++p)
        clf_attention_clear(panels + p);
    for (long key = unit->tile->key_begin; key < unit->tile->key_end;
         key += CLF_ATTENTION_KEY_TILE) {
        clf_attention_key_block block;
        clf_attention_open_block(&block, buffers, unit, problem, (int)key);
        for (int p = 0; p < num_panels; ++p)
            if (clf_attention_enter_block(&block, buffers, panels + p, tensors, problem))
                clf_attention_add_block(panels + p, buffers->scores, &block, problem->score_factor,
                                        careful);
    }
    bool is_finite = true;
    for (int p = 0; p < num_panels; ++p)
        is_finite &= clf_attention_is_finite(panels + p);
    return is_finite;
}

__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
clf_flash_attention_cpu(CLF_ATTENTION_PARAMETERS) {
    __local float out_t[CLF_ATTENTION_PADDED_VALUE_DEPTH * CLF_ATTENTION_ROWS] CLF_WIDE_ALIGNED;
    __local float scores[CLF_ATTENTION_KEY_TILE * CLF_ATTENTION_PANEL_ROWS] CLF_WIDE_ALIGNED;
    clf_attention_buffers buffers = {scores, 0, 0, 0, 0, 0, 0, 0, 0};
#if CLF_ATTENTION_BF16_DOT
    __local uint query_pairs[CLF_ATTENTION_PADDED_DEPTH / 2 * CLF_ATTENTION_ROWS] CLF_WIDE_ALIGNED;
    __local uint
        key_pairs[CLF_ATTENTION_KEY_TILE * CLF_ATTENTION_PADDED_DEPTH / 2] CLF_WIDE_ALIGNED;
    __local uint
        value_pairs[CLF_ATTENTION_KEY_TILE / 2 * CLF_ATTENTION_PADDED_VALUE_DEPTH] CLF_WIDE_ALIGNED;
    __local uint
        power_pairs[CLF_ATTENTION_KEY_TILE / 2 * CLF_ATTENTION_PANEL_ROWS] CLF_WIDE_ALIGNED;
    buffers.key_pairs = key_pairs;
    buffers.value_pairs = value_pairs;
    buffers.power_pairs = power_pairs;
#else
    __local float query_t[CLF_ATTENTION_PADDED_DEPTH * CLF_ATTENTION_ROWS] CLF_WIDE_ALIGNED;
#endif
#if CLF_ATTENTION_STAGED
    __local float keys[CLF_ATTENTION_KEY_TILE * CLF_ATTENTION_PADDED_DEPTH] CLF_WIDE_ALIGNED;
    __local float
        values[CLF_ATTENTION_KEY_TILE * CLF_ATTENTION_PADDED_VALUE_DEPTH] CLF_WIDE_ALIGNED;
    buffers.keys = keys;
    buffers.values = values;
#endif
#if CLF_ATTENTION_BIAS == CLF_ATTENTION_BIAS_TENSOR
    __local float bias_t[CLF_ATTENTION_KEY_TILE * CLF_ATTENTION_PANEL_ROWS] CLF_WIDE_ALIGNED;
    buffers.bias_t = bias_t;
#endif
#if CLF_ATTENTION_MASK
    __local uchar mask_t[CLF_ATTENTION_KEY_TILE * CLF_ATTENTION_PANEL_ROWS] CLF_WIDE_ALIGNED;
    buffers.mask_t = mask_t;
#endif
#if CLF_ATTENTION_DROPOUT
    __local uint bits_t[CLF_ATTENTION_KEY_TILE / 32 * CLF_ATTENTION_PANEL_ROWS] CLF_WIDE_ALIGNED;
    buffers.bits_t = bits_t;
#endif
    CLF_ATTENTION_GATHER_TENSORS(tensors);
    volatile __global int *counter = (volatile __global int *)(workspace + workspace_offset);
    const long num_units = problem.num_tiles * clf_attention_num_unit_heads(&problem);
    for (long index = atomic_inc(counter); index < num_units; index = atomic_inc(counter)) {
        clf_attention_unit unit;
        clf_attention_take(&unit, index, &tensors, &problem, sequences, tiles);
        clf_attention_panel panels[CLF_ATTENTION_PANELS];
        int num_panels = 0;
        for (int row = 0; row < unit.num_rows; row += CLF_ATTENTION_PANEL_ROWS) {
            clf_attention_panel *panel = panels + num_panels++;
#if CLF_ATTENTION_BF16_DOT
            panel->query_pairs = query_pairs + row * CLF_ATTENTION_PADDED_DEPTH / 2;
#else
            panel->query_t = query_t + row * CLF_ATTENTION_PADDED_DEPTH;
#endif
            panel->out_t = out_t + row * CLF_ATTENTION_PADDED_VALUE_DEPTH;
            panel->first_row = row;
            panel->num_rows = min(CLF_ATTENTION_PANEL_ROWS, unit.num_rows - row);
            clf_attention_describe_lanes(&unit, panel, &tensors, &problem);
            clf_attention_stage_query(&unit, panel, &tensors, &problem);
        }
        if (!clf_attention_walk(panels, num_panels, &buffers, &unit, &tensors, &problem, false))
            clf_attention_walk(panels, num_panels, &buffers, &unit, &tensors, &problem, true);
        for (int p = 0; p < num_panels; ++p)
            clf_attention_store_results(&unit, panels + p, &tensors, &problem);
    }
}
