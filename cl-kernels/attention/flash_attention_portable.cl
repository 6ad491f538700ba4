/*
 * Fused attention, forward, for any device.
 *
 *     out_i = sum over j of 2^(l_ij - m_i) * keep_ij * value_j / s_i * keep_scale
 *     l_ij  = score_factor * query_i . key_j + bias_factor * bias_ij         (units of log2)
 *     m_i   = max over j of l_ij,   s_i = sum over j of 2^(l_ij - m_i)       j over the keys i sees
 *
 * Algorithm: online softmax over blocks of keys (Milakov and Gimelshein, 2018; Dao et al.,
 * FlashAttention, 2022). A work-group of Y * X work-items holds a tile of R packed rows
 * (lib/attention.clh). Work-item (y, x) owns rows y, y + Y, ... and, of every block of T keys and
 * of every chunk of C depths, columns x, x + X, ...:
 *
 *                      T keys of a block, x                 Dv depths in chunks of C, x
 *                    +------------------+                 +------+------+------+
 *      R rows, y     | scores: private, |                 |  out: private      |
 *                    | powers: local    |                 |                    |
 *                    +------------------+                 +------+------+------+
 *
 * Query and keys, then values, pass through local memory in chunks of C depths, so that any depth
 * fits. Masked pairs have power zero. Times a value that is infinite or NaN that is still NaN: from
 * the first such value on, work-groups leave masked pairs out of the products instead.
 *
 * Global size: X * Y work-items for each unit; local size X * Y; one axis. No sub-groups.
 * Arguments, in this order; a tensor is its address and an offset in elements:
 *     query, key, value, [bias], [mask], [drop_mask], attention_out, softmax_max, softmax_sum,
 *     sequences, tiles, workspace (offset in bytes, a multiple of 64), problem
 * bias if CLF_ATTENTION_BIAS is not 0 (slopes: float), mask if CLF_ATTENTION_MASK, drop_mask if
 * CLF_ATTENTION_DROPOUT is 1.
 * Workspace: not touched unless CLF_ATTENTION_SPLIT, then CLF_ATTENTION_WORKSPACE_HEAD bytes and,
 * for each unit, in order, CLF_ATTENTION_PARTIAL_SIZE floats, read by clf_flash_attention_merge.
 * Local memory, bytes:  4 * ((R + T) * (C + 1) + R * (T + 1) + R * X + 1)
 *
 * CLF_ATTENTION_ONLY_IF_FLAGGED, default 0: 1: does nothing if the first int of the workspace is 0
 * (flash_attention_nvidia.cl).
 *
 * Macros: lib/attention_tile.clh (T, C, Y, X), lib/attention.clh (R and others), lib/dtype.clh,
 * lib/exp2.clh. A work-item keeps R / Y * Dv / X sums: about 64 at most is good.
 */
#ifndef CLF_EXP2_DEGREE
#define CLF_EXP2_DEGREE 5
#endif
#ifndef CLF_ATTENTION_ONLY_IF_FLAGGED
#define CLF_ATTENTION_ONLY_IF_FLAGGED 0
#endif
#include "lib/attention_mean.clh"
#include "lib/attention_tile.clh"
#include "lib/exp2.clh"

CLF_EXP2_DEFINE_CHOSEN(clf_attention_exp2, float, int)

static inline void
clf_attention_add_scores(float scores[CLF_ATTENTION_ITEM_ROWS][CLF_ATTENTION_ITEM_KEYS],
                         __local const float *query, __local const float *keys,
                         const clf_attention_group *group) {
    for (int d = 0; d < CLF_ATTENTION_DEPTH_CHUNK; ++d) {
        float key[CLF_ATTENTION_ITEM_KEYS];
        for (int k = 0; k < CLF_ATTENTION_ITEM_KEYS; ++k)
            key[k] =
                keys[(group->x + k * CLF_ATTENTION_GROUP_COLUMNS) * CLF_ATTENTION_CHUNK_PITCH + d];
        for (int r = 0; r < CLF_ATTENTION_ITEM_ROWS; ++r) {
            const float row =
                query[(group->y + r * CLF_ATTENTION_GROUP_ROWS) * CLF_ATTENTION_CHUNK_PITCH + d];
            for (int k = 0; k < CLF_ATTENTION_ITEM_KEYS; ++k)
                scores[r][k] = fma(row, key[k], scores[r][k]);
        }
    }
}

static inline void
clf_attention_add_values(float out[CLF_ATTENTION_ITEM_ROWS][CLF_ATTENTION_ITEM_DEPTHS],
                         __local const float *powers, __local const float *values,
                         const clf_attention_group *group, int count, bool careful) {
    for (int k = 0; k < count; ++k) {
        float value[CLF_ATTENTION_ITEM_DEPTHS];
        for (int d = 0; d < CLF_ATTENTION_ITEM_DEPTHS; ++d)
            value[d] =
                values[k * CLF_ATTENTION_CHUNK_PITCH + group->x + d * CLF_ATTENTION_GROUP_COLUMNS];
        for (int r = 0; r < CLF_ATTENTION_ITEM_ROWS; ++r) {
            const float power =
                powers[(group->y + r * CLF_ATTENTION_GROUP_ROWS) * CLF_ATTENTION_POWER_PITCH + k];
            if (careful && as_int(power) == as_int(CLF_ATTENTION_MASKED_POWER))
                continue;
            for (int d = 0; d < CLF_ATTENTION_ITEM_DEPTHS; ++d)
                out[r][d] = fma(power, value[d], out[r][d]);
        }
    }
}

/* The softmax step of a row: powers of this work-item's scores relative to the new maximum, to
 * local memory; returns the factor of what has been summed before. */
static inline float clf_attention_add_powers(clf_attention_item_row *row,
                                             const float scores[CLF_ATTENTION_ITEM_KEYS],
                                             float maximum, __local float *powers,
                                             const clf_attention_tensors *tensors,
                                             const clf_attention_problem *problem, int first_key) {
    const float reference = maximum == -INFINITY ? 0.0f : maximum;
    const float factor = clf_attention_exp2(row->maximum - reference, 1.0f, CLF_EXP2_LOWEST);
    float added = 0.0f;
    for (int k = 0; k < CLF_ATTENTION_ITEM_KEYS; ++k) {
        const int key = k * CLF_ATTENTION_GROUP_COLUMNS;
        float power = clf_attention_exp2(scores[k] - reference, 1.0f, CLF_EXP2_LOWEST);
        added += power;
        if (scores[k] == -INFINITY)
            power = CLF_ATTENTION_MASKED_POWER;
        else if (CLF_ATTENTION_DROPOUT &&
                 clf_attention_keep_factor(problem, tensors->drop_mask,
                                           row->dropout_place + (ulong)(first_key + key)) == 0.0f)
            power = 0.0f;
        powers[key] = power;
    }
    row->maximum = maximum;
    row->sum = fma(row->sum, factor, added);
    return factor;
}

/* Depth `d` of a row, or, for the work-item with x = 0 and d = 0, also its statistics. */
static inline void clf_attention_store_result(const clf_attention_item_row *row, int tile_row,
                                              float sum, float out, int d,
                                              const clf_attention_group *group,
                                              const clf_attention_tensors *tensors,
                                              const clf_attention_problem *problem) {
#if CLF_ATTENTION_SPLIT
    __global float *partial =
        tensors->partial + group->unit * CLF_ATTENTION_PARTIAL_SIZE + tile_row;
    partial[(2 + d) * CLF_ATTENTION_ROWS] = out;
    if (d == 0) {
        partial[0] = row->maximum;
        partial[CLF_ATTENTION_ROWS] = sum;
    }
#else
    clf_attention_store_depth(tensors, problem, group->sequence, &row->place, sum, out, d);
    if (d == 0)
        clf_attention_store_statistics(tensors, problem, group->sequence, &row->place, row->maximum,
                                       sum);
#endif
}

/* Scores of the block of `count` keys that begins at `keys`. */
static inline void clf_attention_block_scores(
    float scores[CLF_ATTENTION_ITEM_ROWS][CLF_ATTENTION_ITEM_KEYS], __local float *query_chunk,
    __local float *token_chunk, const clf_attention_group *group, __global const clf_storage *query,
    __global const clf_storage *keys, int count, const clf_attention_problem *problem) {
    for (int r = 0; r < CLF_ATTENTION_ITEM_ROWS; ++r)
        for (int k = 0; k < CLF_ATTENTION_ITEM_KEYS; ++k)
            scores[r][k] = 0.0f;
    for (int c = 0; c < CLF_ATTENTION_NUM_CHUNKS(CLF_ATTENTION_DEPTH); ++c) {
        /* The chunks before have been read. */
        barrier(CLK_LOCAL_MEM_FENCE);
        if (!CLF_ATTENTION_QUERY_STAYS)
            clf_attention_stage_query(query_chunk, group, query, problem,
                                      c * CLF_ATTENTION_DEPTH_CHUNK);
        clf_attention_stage(token_chunk, keys, problem->key_strides[CLF_STRIDE_TOKEN],
                            CLF_ATTENTION_DEPTH_STRIDE(problem->key_strides), count,
                            c * CLF_ATTENTION_DEPTH_CHUNK, CLF_ATTENTION_DEPTH);
        /* The chunks are there. */
        barrier(CLK_LOCAL_MEM_FENCE);
        clf_attention_add_scores(scores, query_chunk, token_chunk, group);
    }
}

/* From scores to powers, in local memory; `factor` gets each row's factor of what has been summed
 * before. `reduction`: CLF_ATTENTION_GROUP_COLUMNS floats for each row. */
static inline void
clf_attention_block_powers(float scores[CLF_ATTENTION_ITEM_ROWS][CLF_ATTENTION_ITEM_KEYS],
                           clf_attention_item_row *rows, float factor[CLF_ATTENTION_ITEM_ROWS],
                           __local float *powers, __local float *reduction,
                           const clf_attention_group *group, const clf_attention_tensors *tensors,
                           const clf_attention_problem *problem, int begin) {
    for (int r = 0; r < CLF_ATTENTION_ITEM_ROWS; ++r) {
        const int row = group->y + r * CLF_ATTENTION_GROUP_ROWS;
        float maximum = rows[r].maximum;
        for (int k = 0; k < CLF_ATTENTION_ITEM_KEYS; ++k) {
            scores[r][k] = clf_attention_adjust(scores[r][k], rows + r, tensors, problem,
                                                begin + group->x + k * CLF_ATTENTION_GROUP_COLUMNS);
            maximum = maximum > scores[r][k] ? maximum : scores[r][k];
        }
        reduction[row * CLF_ATTENTION_GROUP_COLUMNS + group->x] = maximum;
    }
    /* The rows' maxima are there; the powers of the block before have been read. */
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int r = 0; r < CLF_ATTENTION_ITEM_ROWS; ++r) {
        const int row = group->y + r * CLF_ATTENTION_GROUP_ROWS;
        float maximum = -INFINITY;
        for (int x = 0; x < CLF_ATTENTION_GROUP_COLUMNS; ++x) {
            const float part = reduction[row * CLF_ATTENTION_GROUP_COLUMNS + x];
            maximum = maximum > part ? maximum : part;
        }
        factor[r] = clf_attention_add_powers(rows + r, scores[r], maximum,
                                             powers + row * CLF_ATTENTION_POWER_PITCH + group->x,
                                             tensors, problem, begin + group->x);
    }
}

/* Adds the powers times the block of `count` values that begins at `values`. */
static inline void
clf_attention_block_values(float out[CLF_ATTENTION_NUM_CHUNKS(CLF_ATTENTION_VALUE_DEPTH)]
                                    [CLF_ATTENTION_ITEM_ROWS][CLF_ATTENTION_ITEM_DEPTHS],
                           const float factor[CLF_ATTENTION_ITEM_ROWS], __local const float *powers,
                           __local float *token_chunk, __local int *has_special_values,
                           const clf_attention_group *group, __global const clf_storage *values,
                           int count, const clf_attention_problem *problem) {
    for (int c = 0; c < CLF_ATTENTION_NUM_CHUNKS(CLF_ATTENTION_VALUE_DEPTH); ++c) {
        /* The chunk before has been read; so have the maxima. */
        barrier(CLK_LOCAL_MEM_FENCE);
        if (!clf_attention_stage(token_chunk, values, problem->value_strides[CLF_STRIDE_TOKEN],
                                 CLF_ATTENTION_DEPTH_STRIDE(problem->value_strides), count,
                                 c * CLF_ATTENTION_DEPTH_CHUNK, CLF_ATTENTION_VALUE_DEPTH))
            atomic_or(has_special_values, 1);
        /* The chunk, the powers and the flag are there. */
        barrier(CLK_LOCAL_MEM_FENCE);
        for (int r = 0; r < CLF_ATTENTION_ITEM_ROWS; ++r)
            for (int d = 0; d < CLF_ATTENTION_ITEM_DEPTHS; ++d)
                out[c][r][d] *= factor[r];
        clf_attention_add_values(out[c], powers, token_chunk, group, count,
                                 *has_special_values != 0);
    }
}

/* The sums of all rows from the work-items' parts, then the results. */
static inline void
clf_attention_finish(float out[CLF_ATTENTION_NUM_CHUNKS(CLF_ATTENTION_VALUE_DEPTH)]
                              [CLF_ATTENTION_ITEM_ROWS][CLF_ATTENTION_ITEM_DEPTHS],
                     const clf_attention_item_row *rows, __local float *reduction,
                     const clf_attention_group *group, const clf_attention_tensors *tensors,
                     const clf_attention_problem *problem) {
    /* The maxima of the last block have been read. */
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int r = 0; r < CLF_ATTENTION_ITEM_ROWS; ++r)
        reduction[(group->y + r * CLF_ATTENTION_GROUP_ROWS) * CLF_ATTENTION_GROUP_COLUMNS +
                  group->x] = rows[r].sum;
    /* The parts of the sums are there. */
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int r = 0; r < CLF_ATTENTION_ITEM_ROWS; ++r) {
        const int row = group->y + r * CLF_ATTENTION_GROUP_ROWS;
        float sum = 0.0f;
        for (int x = 0; x < CLF_ATTENTION_GROUP_COLUMNS; ++x)
            sum += reduction[row * CLF_ATTENTION_GROUP_COLUMNS + x];
        if (row >= group->num_rows)
            continue;
        for (int c = 0; c < CLF_ATTENTION_NUM_CHUNKS(CLF_ATTENTION_VALUE_DEPTH); ++c)
            for (int i = 0; i < CLF_ATTENTION_ITEM_DEPTHS; ++i) {
                const int d =
                    c * CLF_ATTENTION_DEPTH_CHUNK + group->x + i * CLF_ATTENTION_GROUP_COLUMNS;
                if (d < CLF_ATTENTION_VALUE_DEPTH)
                    clf_attention_store_result(rows + r, row, sum, out[c][r][i], d, group, tensors,
                                               problem);
            }
    }
}

__kernel __attribute__((reqd_work_group_size(CLF_ATTENTION_GROUP_SIZE, 1, 1))) void
clf_flash_attention_portable(CLF_ATTENTION_PARAMETERS) {
    __local float query_chunk[CLF_ATTENTION_ROWS * CLF_ATTENTION_CHUNK_PITCH];
    __local float token_chunk[CLF_ATTENTION_KEY_TILE * CLF_ATTENTION_CHUNK_PITCH];
    __local float powers[CLF_ATTENTION_ROWS * CLF_ATTENTION_POWER_PITCH];
    __local float reduction[CLF_ATTENTION_ROWS * CLF_ATTENTION_GROUP_COLUMNS];
    __local int has_special_values;
    CLF_ATTENTION_GATHER_TENSORS(tensors);
    if (CLF_ATTENTION_ONLY_IF_FLAGGED && *(__global const int *)(workspace + workspace_offset) == 0)
        return;
    clf_attention_group group;
    clf_attention_find_group(&group, sequences, tiles, &problem);
    const long key_head = clf_attention_key_head(&problem, group.head);
    __global const clf_storage *keys =
        tensors.key + group.sequence->key_offset + key_head * problem.key_strides[CLF_STRIDE_HEAD];
    __global const clf_storage *values = tensors.value + group.sequence->value_offset +
                                         key_head * problem.value_strides[CLF_STRIDE_HEAD];

    clf_attention_item_row rows[CLF_ATTENTION_ITEM_ROWS];
    float out[CLF_ATTENTION_NUM_CHUNKS(CLF_ATTENTION_VALUE_DEPTH)][CLF_ATTENTION_ITEM_ROWS]
             [CLF_ATTENTION_ITEM_DEPTHS];
    for (int r = 0; r < CLF_ATTENTION_ITEM_ROWS; ++r) {
        clf_attention_describe_row(rows + r, &group, &problem,
                                   group.y + r * CLF_ATTENTION_GROUP_ROWS);
        for (int c = 0; c < CLF_ATTENTION_NUM_CHUNKS(CLF_ATTENTION_VALUE_DEPTH); ++c)
            for (int d = 0; d < CLF_ATTENTION_ITEM_DEPTHS; ++d)
                out[c][r][d] = 0.0f;
    }
    if (CLF_ATTENTION_QUERY_STAYS)
        clf_attention_stage_query(query_chunk, &group, tensors.query, &problem, 0);
    if (get_local_id(0) == 0)
        has_special_values = 0;

    for (long begin = group.tile->key_begin; begin < group.tile->key_end;
         begin += CLF_ATTENTION_KEY_TILE) {
        const int count = (int)min((long)CLF_ATTENTION_KEY_TILE, group.tile->key_end - begin);
        float scores[CLF_ATTENTION_ITEM_ROWS][CLF_ATTENTION_ITEM_KEYS];
        float factor[CLF_ATTENTION_ITEM_ROWS];
        clf_attention_block_scores(scores, query_chunk, token_chunk, &group, tensors.query,
                                   keys + begin * problem.key_strides[CLF_STRIDE_TOKEN], count,
                                   &problem);
        clf_attention_block_powers(scores, rows, factor, powers, reduction, &group, &tensors,
                                   &problem, (int)begin);
        clf_attention_block_values(out, factor, powers, token_chunk, &has_special_values, &group,
                                   values + begin * problem.value_strides[CLF_STRIDE_TOKEN], count,
                                   &problem);
    }
    clf_attention_finish(out, rows, reduction, &group, &tensors, &problem);
}
