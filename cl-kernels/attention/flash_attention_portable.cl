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
 *   macro                        default  meaning
 *   CLF_ATTENTION_ROWS           64       R, a multiple of Y
 *   CLF_ATTENTION_KEY_TILE       32       T, a multiple of X
 *   CLF_ATTENTION_DEPTH_CHUNK    32       C, a multiple of X
 *   CLF_ATTENTION_GROUP_ROWS     8        Y
 *   CLF_ATTENTION_GROUP_COLUMNS  8        X
 * A work-item keeps R / Y * Dv / X sums: about 64 at most is good. Others: lib/attention.clh,
 * lib/dtype.clh, lib/exp2.clh.
 */
#ifndef CLF_EXP2_DEGREE
#define CLF_EXP2_DEGREE 5
#endif
#include "lib/attention_mean.clh"
#include "lib/exp2.clh"

#ifndef CLF_ATTENTION_KEY_TILE
#define CLF_ATTENTION_KEY_TILE 32
#endif
#ifndef CLF_ATTENTION_DEPTH_CHUNK
#define CLF_ATTENTION_DEPTH_CHUNK 32
#endif
#ifndef CLF_ATTENTION_GROUP_ROWS
#define CLF_ATTENTION_GROUP_ROWS 8
#endif
#ifndef CLF_ATTENTION_GROUP_COLUMNS
#define CLF_ATTENTION_GROUP_COLUMNS 8
#endif

#define CLF_ATTENTION_GROUP_SIZE   (CLF_ATTENTION_GROUP_ROWS * CLF_ATTENTION_GROUP_COLUMNS)
#define CLF_ATTENTION_ITEM_ROWS    (CLF_ATTENTION_ROWS / CLF_ATTENTION_GROUP_ROWS)
#define CLF_ATTENTION_ITEM_KEYS    (CLF_ATTENTION_KEY_TILE / CLF_ATTENTION_GROUP_COLUMNS)
#define CLF_ATTENTION_ITEM_DEPTHS  (CLF_ATTENTION_DEPTH_CHUNK / CLF_ATTENTION_GROUP_COLUMNS)
#define CLF_ATTENTION_CHUNK_PITCH  (CLF_ATTENTION_DEPTH_CHUNK + 1)
#define CLF_ATTENTION_POWER_PITCH  (CLF_ATTENTION_KEY_TILE + 1)
#define CLF_ATTENTION_MASKED_POWER -0.0f /* no other power can be it */
#define CLF_ATTENTION_NUM_CHUNKS(D)                                                                \
    (((D) + CLF_ATTENTION_DEPTH_CHUNK - 1) / CLF_ATTENTION_DEPTH_CHUNK)
#define CLF_ATTENTION_QUERY_STAYS (CLF_ATTENTION_NUM_CHUNKS(CLF_ATTENTION_DEPTH) == 1)
#if CLF_ATTENTION_ROWS % CLF_ATTENTION_GROUP_ROWS != 0 ||                                          \
    CLF_ATTENTION_KEY_TILE % CLF_ATTENTION_GROUP_COLUMNS != 0 ||                                   \
    CLF_ATTENTION_DEPTH_CHUNK % CLF_ATTENTION_GROUP_COLUMNS != 0
#error "tile sizes must be multiples of the work-group's"
#endif

CLF_EXP2_DEFINE_CHOSEN(clf_attention_exp2, float, int)

/* A row of a work-item, and where its parts of the optional tensors begin. */
typedef struct clf_attention_item_row {
    clf_attention_row place;
    long mask_place;
    long bias_place;
    ulong dropout_place;
    float maximum; /* in units of log2 */
    float sum;     /* of this work-item's columns */
} clf_attention_item_row;

typedef struct clf_attention_group {
    __global const clf_attention_sequence *sequence;
    __global const clf_attention_tile *tile;
    long unit;
    long head;
    int num_rows;
    int x;
    int y;
} clf_attention_group;

static inline void clf_attention_find_tile_row(clf_attention_row *place,
                                               const clf_attention_group *group,
                                               const clf_attention_problem *problem, int row) {
    clf_attention_find_row(place, problem, group->sequence, group->tile, group->head,
                           group->tile->row_begin + min(row, group->num_rows - 1));
}

/* A chunk of depths of the tile's queries, times the factor of the scores; zeros behind. */
static inline void clf_attention_stage_query(__local float *chunk, const clf_attention_group *group,
                                             __global const clf_storage *query,
                                             const clf_attention_problem *problem, int depth) {
    for (int i = (int)get_local_id(0); i < CLF_ATTENTION_ROWS * CLF_ATTENTION_DEPTH_CHUNK;
         i += CLF_ATTENTION_GROUP_SIZE) {
        const int row = i / CLF_ATTENTION_DEPTH_CHUNK, d = i - row * CLF_ATTENTION_DEPTH_CHUNK;
        clf_attention_row place;
        clf_attention_find_tile_row(&place, group, problem, row);
        float value = 0.0f;
        if (depth + d < CLF_ATTENTION_DEPTH)
            value = clf_load(query + group->sequence->query_offset +
                             place.head * problem->query_strides[CLF_STRIDE_HEAD] +
                             place.row * problem->query_strides[CLF_STRIDE_TOKEN] +
                             (depth + d) * CLF_ATTENTION_DEPTH_STRIDE(problem->query_strides));
        chunk[row * CLF_ATTENTION_CHUNK_PITCH + d] = value * problem->score_factor;
    }
}

/* A chunk of depths of `count` keys or values; zeros behind the last of either. Returns whether all
 * that this work-item has staged is finite. */
static inline bool clf_attention_stage(__local float *chunk, __global const clf_storage *source,
                                       long token_stride, long depth_stride, int count, int depth,
                                       int num_depths) {
    bool is_finite = true;
    for (int i = (int)get_local_id(0); i < CLF_ATTENTION_KEY_TILE * CLF_ATTENTION_DEPTH_CHUNK;
         i += CLF_ATTENTION_GROUP_SIZE) {
        const int token = i / CLF_ATTENTION_DEPTH_CHUNK;
        const int d = i - token * CLF_ATTENTION_DEPTH_CHUNK;
        float value = 0.0f;
        if (token < count && depth + d < num_depths)
            value = clf_load(source + token * token_stride + (depth + d) * depth_stride);
        is_finite &= isfinite(value) != 0;
        chunk[token * CLF_ATTENTION_CHUNK_PITCH + d] = value;
    }
    return is_finite;
}

/* The score's bias; -infinity for a pair that is masked. */
static inline float clf_attention_adjust(float score, const clf_attention_item_row *row,
                                         const clf_attention_tensors *tensors,
                                         const clf_attention_problem *problem, int key) {
    if (key < row->place.key_begin || key >= row->place.key_end)
        return -INFINITY;
#if CLF_ATTENTION_MASK
    if (tensors->mask[row->mask_place + key * problem->mask_strides[CLF_STRIDE_COLUMN]] != 0)
        return -INFINITY;
#endif
#if CLF_ATTENTION_BIAS == CLF_ATTENTION_BIAS_TENSOR
    score = fma(
        clf_load(tensors->bias + row->bias_place + key * problem->bias_strides[CLF_STRIDE_COLUMN]),
        problem->bias_factor, score);
#elif CLF_ATTENTION_BIAS
    float distance = fabs((float)(key - row->place.position));
    if (CLF_ATTENTION_BIAS == CLF_ATTENTION_BIAS_ROOT_SLOPES)
        distance = sqrt(distance);
    score = fma(-problem->bias_factor * tensors->bias[row->bias_place], distance, score);
#endif
    return score;
}

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

static inline void clf_attention_describe_row(clf_attention_item_row *row,
                                              const clf_attention_group *group,
                                              const clf_attention_problem *problem, int tile_row) {
    clf_attention_find_tile_row(&row->place, group, problem, tile_row);
    row->mask_place = clf_attention_mask_place(problem, group->sequence, &row->place);
    row->bias_place = clf_attention_bias_place(problem, group->sequence, &row->place);
    row->dropout_place = clf_attention_dropout_place(group->sequence, &row->place);
    row->maximum = -INFINITY;
    row->sum = 0.0f;
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

__kernel __attribute__((reqd_work_group_size(CLF_ATTENTION_GROUP_SIZE, 1, 1))) void
clf_flash_attention_portable(CLF_ATTENTION_PARAMETERS) {
    __local float query_chunk[CLF_ATTENTION_ROWS * CLF_ATTENTION_CHUNK_PITCH];
    __local float token_chunk[CLF_ATTENTION_KEY_TILE * CLF_ATTENTION_CHUNK_PITCH];
    __local float powers[CLF_ATTENTION_ROWS * CLF_ATTENTION_POWER_PITCH];
    __local float reduction[CLF_ATTENTION_ROWS * CLF_ATTENTION_GROUP_COLUMNS];
    __local int has_special_values;
    CLF_ATTENTION_GATHER_TENSORS(tensors);
    const long num_heads = clf_attention_num_unit_heads(&problem);
    clf_attention_group group;
    group.unit = (long)get_group_id(0);
    const long tile = group.unit / num_heads;
    group.tile = tiles + tile;
    group.head = group.unit - tile * num_heads;
    group.sequence = sequences + group.tile->sequence;
    group.num_rows =
        (int)min((long)CLF_ATTENTION_ROWS,
                 clf_attention_num_packed_rows(&problem, group.sequence) - group.tile->row_begin);
    group.y = (int)get_local_id(0) / CLF_ATTENTION_GROUP_COLUMNS;
    group.x = (int)get_local_id(0) - group.y * CLF_ATTENTION_GROUP_COLUMNS;
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
        for (int r = 0; r < CLF_ATTENTION_ITEM_ROWS; ++r)
            for (int k = 0; k < CLF_ATTENTION_ITEM_KEYS; ++k)
                scores[r][k] = 0.0f;
        for (int c = 0; c < CLF_ATTENTION_NUM_CHUNKS(CLF_ATTENTION_DEPTH); ++c) {
            /* The chunks before have been read. */
            barrier(CLK_LOCAL_MEM_FENCE);
            if (!CLF_ATTENTION_QUERY_STAYS)
                clf_attention_stage_query(query_chunk, &group, tensors.query, &problem,
                                          c * CLF_ATTENTION_DEPTH_CHUNK);
            clf_attention_stage(token_chunk, keys + begin * problem.key_strides[CLF_STRIDE_TOKEN],
                                problem.key_strides[CLF_STRIDE_TOKEN],
                                CLF_ATTENTION_DEPTH_STRIDE(problem.key_strides), count,
                                c * CLF_ATTENTION_DEPTH_CHUNK, CLF_ATTENTION_DEPTH);
            /* The chunks are there. */
            barrier(CLK_LOCAL_MEM_FENCE);
            clf_attention_add_scores(scores, query_chunk, token_chunk, &group);
        }
        for (int r = 0; r < CLF_ATTENTION_ITEM_ROWS; ++r) {
            float maximum = -INFINITY;
            for (int k = 0; k < CLF_ATTENTION_ITEM_KEYS; ++k) {
                scores[r][k] =
                    clf_attention_adjust(scores[r][k], rows + r, &tensors, &problem,
                                         (int)begin + group.x + k * CLF_ATTENTION_GROUP_COLUMNS);
                maximum = maximum > scores[r][k] ? maximum : scores[r][k];
            }
            reduction[(group.y + r * CLF_ATTENTION_GROUP_ROWS) * CLF_ATTENTION_GROUP_COLUMNS +
                      group.x] = maximum;
        }
        /* The rows' maxima are there; the powers of the block before have been read. */
        barrier(CLK_LOCAL_MEM_FENCE);
        for (int r = 0; r < CLF_ATTENTION_ITEM_ROWS; ++r) {
            const int row = group.y + r * CLF_ATTENTION_GROUP_ROWS;
            float maximum = rows[r].maximum;
            for (int x = 0; x < CLF_ATTENTION_GROUP_COLUMNS; ++x) {
                const float part = reduction[row * CLF_ATTENTION_GROUP_COLUMNS + x];
                maximum = maximum > part ? maximum : part;
            }
            factor[r] = clf_attention_add_powers(rows + r, scores[r], maximum,
                                                 powers + row * CLF_ATTENTION_POWER_PITCH + group.x,
                                                 &tensors, &problem, (int)begin + group.x);
        }
        for (int c = 0; c < CLF_ATTENTION_NUM_CHUNKS(CLF_ATTENTION_VALUE_DEPTH); ++c) {
            /* The chunk before has been read; so have the maxima. */
            barrier(CLK_LOCAL_MEM_FENCE);
            if (!clf_attention_stage(token_chunk,
                                     values + begin * problem.value_strides[CLF_STRIDE_TOKEN],
                                     problem.value_strides[CLF_STRIDE_TOKEN],
                                     CLF_ATTENTION_DEPTH_STRIDE(problem.value_strides), count,
                                     c * CLF_ATTENTION_DEPTH_CHUNK, CLF_ATTENTION_VALUE_DEPTH))
                atomic_or(&has_special_values, 1);
            /* The chunk, the powers and the flag are there. */
            barrier(CLK_LOCAL_MEM_FENCE);
            for (int r = 0; r < CLF_ATTENTION_ITEM_ROWS; ++r)
                for (int d = 0; d < CLF_ATTENTION_ITEM_DEPTHS; ++d)
                    out[c][r][d] *= factor[r];
            clf_attention_add_values(out[c], powers, token_chunk, &group, count,
                                     has_special_values != 0);
        }
    }
    /* The maxima of the last block have been read. */
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int r = 0; r < CLF_ATTENTION_ITEM_ROWS; ++r)
        reduction[(group.y + r * CLF_ATTENTION_GROUP_ROWS) * CLF_ATTENTION_GROUP_COLUMNS +
                  group.x] = rows[r].sum;
    /* The parts of the sums are there. */
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int r = 0; r < CLF_ATTENTION_ITEM_ROWS; ++r) {
        const int row = group.y + r * CLF_ATTENTION_GROUP_ROWS;
        float sum = 0.0f;
        for (int x = 0; x < CLF_ATTENTION_GROUP_COLUMNS; ++x)
            sum += reduction[row * CLF_ATTENTION_GROUP_COLUMNS + x];
        if (row >= group.num_rows)
            continue;
        for (int c = 0; c < CLF_ATTENTION_NUM_CHUNKS(CLF_ATTENTION_VALUE_DEPTH); ++c)
            for (int i = 0; i < CLF_ATTENTION_ITEM_DEPTHS; ++i) {
                const int d =
                    c * CLF_ATTENTION_DEPTH_CHUNK + group.x + i * CLF_ATTENTION_GROUP_COLUMNS;
                if (d < CLF_ATTENTION_VALUE_DEPTH)
                    clf_attention_store_result(rows + r, row, sum, out[c][r][i], d, &group,
                                               &tensors, &problem);
            }
    }
}
