/*
 * Fused attention, forward, for CPU devices and tiles of few rows: decoding, where reading the keys
 * and values once is all the work. As flash_attention_cpu.cl, which see for formulas, arguments and
 * the counter, except that depths, not rows, lie in the lanes of vectors:
 *
 *     score of (row, key):  16 partial sums over the depth, added up for 16 keys at a time by a
 *                           transposition; from there on keys lie in the lanes
 *     out of a row:         power (row, key), a scalar, times the value of the key, a vector
 *
 * Always writes partial results (CLF_ATTENTION_SPLIT must be 1), to be completed by
 * clf_flash_attention_merge; the tile table says how the keys are split. Keys and values are read
 * where they are, once per unit.
 *
 * Global size: any number of work-groups of one work-item, best one per compute unit. The counter
 * must have been zeroed by clf_flash_attention_reset. Barriers: none.
 *
 * Local memory, bytes, with R = CLF_ATTENTION_ROWS, T = CLF_ATTENTION_KEY_TILE, D' = D rounded up
 * to 16, Dv' = Dv rounded up to 256 / R: 4 * R * (D' + Dv' + T + 256) + [dropout: 64]
 *
 *   macro                   default  meaning
 *   CLF_ATTENTION_ROWS      1        packed rows of a tile: 1, 2, 4 or 8
 *   CLF_ATTENTION_KEY_TILE  64       keys of a block, 32 or 64
 *   CLF_EXP2_DEGREE         5        see lib/exp2.clh
 * Others: lib/attention.clh, lib/dtype.clh.
 */
#ifndef CLF_ATTENTION_ROWS
#define CLF_ATTENTION_ROWS 1
#endif
#ifndef CLF_ATTENTION_KEY_TILE
#define CLF_ATTENTION_KEY_TILE 64
#endif
#ifndef CLF_ATTENTION_SPLIT
#define CLF_ATTENTION_SPLIT 1
#endif
#ifndef CLF_EXP2_DEGREE
#define CLF_EXP2_DEGREE 5
#endif
#include "lib/attention.clh"
#include "lib/attention_vectors.clh"
#include "lib/exp2_wide.clh"
#include "lib/wide.clh"

#if !CLF_ATTENTION_SPLIT
#error "tiles of few rows are merged: CLF_ATTENTION_SPLIT must be 1"
#endif

/* Sixteen sums stay in registers: of some keys, and of some vectors of depths, by all rows. */
#define CLF_ATTENTION_MICRO_KEYS    (CLF_ATTENTION_ROWS > 4 ? 2 : 4)
#define CLF_ATTENTION_MICRO_VECTORS (16 / CLF_ATTENTION_ROWS)
#define CLF_ATTENTION_NUM_VECTORS   ((CLF_ATTENTION_VALUE_DEPTH + 15) / 16)
#define CLF_ATTENTION_QUERY_PITCH   ((CLF_ATTENTION_DEPTH + 15) / 16 * 16)
#define CLF_ATTENTION_OUT_PITCH                                                                    \
    ((CLF_ATTENTION_NUM_VECTORS + CLF_ATTENTION_MICRO_VECTORS - 1) / CLF_ATTENTION_MICRO_VECTORS * \
     CLF_ATTENTION_MICRO_VECTORS * 16)

CLF_EXP2_DEFINE(clf_attention_exp2_scalar, float, int)

/* A row of the tile. */
typedef struct clf_attention_few_row {
    clf_attention_row place;
    long mask_place;
    long bias_place;
    ulong dropout_place;
    float maximum; /* in units of log2 */
    float sum;
} clf_attention_few_row;

/* A block of keys, and everything of the tile's that is needed for it. */
typedef struct clf_attention_few_block {
    __global const clf_storage *keys;
    __global const clf_storage *values;
    __local float *query;  /* [row][D'], times the factor of the scores */
    __local float *out;    /* [row][Dv'], not divided by the sum */
    __local float *scores; /* [row][key], then powers */
    __local float *parts;  /* [row][16][16]: one key's partial sums side by side */
    __local uint *bits;    /* [row][key / 32] */
    int key_begin;
    int count;
} clf_attention_few_block;

/* 16 depths from `d` on as fp32, zeros behind the last; nothing is read behind it. */
static CLF_INLINE float16 clf_attention_fetch_depths(__global const clf_storage *row, long stride,
                                                     int d, int depth) {
    if (CLF_ATTENTION_DEPTH_CONTIGUOUS && depth % CLF_WIDE == 0 && d + CLF_WIDE <= depth)
        return clf_wide_widen(clf_wide_load(row + d));
    return clf_attention_fetch(row + d * stride, stride, clamp(depth - d, 0, CLF_WIDE));
}

/* The partial sums of the scores of 16 keys from `first` on. */
static inline void clf_attention_add_parts(const clf_attention_few_block *block,
                                           const clf_attention_problem *problem, int first) {
    const long stride = CLF_ATTENTION_DEPTH_STRIDE(problem->key_strides);
    const long pitch = problem->key_strides[CLF_STRIDE_TOKEN];
    for (int k = 0; k < CLF_WIDE; k += CLF_ATTENTION_MICRO_KEYS) {
        __global const clf_storage *keys[CLF_ATTENTION_MICRO_KEYS];
        float16 sums[CLF_ATTENTION_MICRO_KEYS][CLF_ATTENTION_ROWS];
        CLF_UNROLL for (int i = 0; i < CLF_ATTENTION_MICRO_KEYS; ++i) {
            keys[i] = block->keys + min(first + k + i, block->count - 1) * pitch;
            CLF_UNROLL for (int r = 0; r < CLF_ATTENTION_ROWS; ++r) {
                sums[i][r] = (float16)(0.0f);
            }
        }
        CLF_UNROLL for (int d = 0; d < CLF_ATTENTION_DEPTH; d += CLF_WIDE) {
            CLF_UNROLL for (int i = 0; i < CLF_ATTENTION_MICRO_KEYS; ++i) {
                const float16 key =
                    clf_attention_fetch_depths(keys[i], stride, d, CLF_ATTENTION_DEPTH);
                CLF_UNROLL for (int r = 0; r < CLF_ATTENTION_ROWS; ++r) {
                    sums[i][r] = fma(
                        key, clf_attention_load(block->query + r * CLF_ATTENTION_QUERY_PITCH + d),
                        sums[i][r]);
                }
            }
        }
        CLF_UNROLL for (int i = 0; i < CLF_ATTENTION_MICRO_KEYS; ++i) {
            CLF_UNROLL for (int r = 0; r < CLF_ATTENTION_ROWS; ++r) {
                clf_attention_store(sums[i][r], block->parts + (r * CLF_WIDE + k + i) * CLF_WIDE);
            }
        }
    }
}

/* Bias, band and mask, for the scores of one row and 16 keys. */
static inline float16 clf_attention_adjust(float16 score, const clf_attention_few_row *row,
                                           const clf_attention_tensors *tensors,
                                           const clf_attention_problem *problem, int key) {
    const int seen = clamp(row->place.key_end - key, 0, CLF_WIDE);
#if CLF_ATTENTION_BIAS == CLF_ATTENTION_BIAS_TENSOR
    const long bias_stride = problem->bias_strides[CLF_STRIDE_COLUMN];
    score = fma(
        clf_attention_fetch(tensors->bias + row->bias_place + key * bias_stride, bias_stride, seen),
        (float16)(problem->bias_factor), score);
#elif CLF_ATTENTION_BIAS
    float16 distance = fabs((float16)((float)(key - row->place.position)) +
                            (float16)(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15));
    if (CLF_ATTENTION_BIAS == CLF_ATTENTION_BIAS_ROOT_SLOPES)
        distance = sqrt(distance);
    score = fma((float16)(-problem->bias_factor * tensors->bias[row->bias_place]), distance, score);
#endif
    const int16 before = ~clf_wide_beyond(row->place.key_begin - key);
    score = (clf_wide_beyond(seen) | before) != (int16)(0) ? (float16)(-INFINITY) : score;
#if CLF_ATTENTION_MASK
    const uchar16 mask = clf_attention_fetch_mask(
        tensors->mask + row->mask_place + key * problem->mask_strides[CLF_STRIDE_COLUMN],
        problem->mask_strides[CLF_STRIDE_COLUMN], seen);
    score = convert_int16(mask) != (int16)(0) ? (float16)(-INFINITY) : score;
#endif
    return score;
}

/* Scores of a block; returns the largest of each row's and those before in `maximum`. */
static inline void clf_attention_scores(const clf_attention_few_block *block,
                                        const clf_attention_few_row rows[CLF_ATTENTION_ROWS],
                                        const clf_attention_tensors *tensors,
                                        const clf_attention_problem *problem,
                                        float maximum[CLF_ATTENTION_ROWS]) {
    for (int r = 0; r < CLF_ATTENTION_ROWS; ++r)
        maximum[r] = rows[r].maximum;
    for (int k = 0; k < block->count; k += CLF_WIDE) {
        clf_attention_add_parts(block, problem, k);
        for (int r = 0; r < CLF_ATTENTION_ROWS; ++r) {
            float16 tile[CLF_WIDE];
            CLF_UNROLL for (int i = 0; i < CLF_WIDE; ++i) {
                tile[i] = clf_attention_load(block->parts + (r * CLF_WIDE + i) * CLF_WIDE);
            }
            const float16 score = clf_attention_adjust(clf_attention_add_lanes(tile), rows + r,
                                                       tensors, problem, block->key_begin + k);
            const float largest = clf_wide_max(score);
            maximum[r] = maximum[r] > largest ? maximum[r] : largest;
            clf_attention_store(score, block->scores + r * CLF_ATTENTION_KEY_TILE + k);
        }
    }
}

#if CLF_ATTENTION_DROPOUT
/* Dropout bits of the block: rows and words of 32 keys in the lanes. */
static inline void clf_attention_stage_few_bits(
    const clf_attention_few_block *block, const clf_attention_few_row rows[CLF_ATTENTION_ROWS],
    const clf_attention_tensors *tensors, const clf_attention_problem *problem) {
    const int words = CLF_ATTENTION_KEY_TILE / 32;
    ulong element[CLF_WIDE];
    for (int i = 0; i < CLF_WIDE; ++i) {
        const int row = i / words % CLF_ATTENTION_ROWS, first = i % words * 32;
        element[i] = rows[row].dropout_place + (ulong)(block->key_begin + first);
#if CLF_ATTENTION_DROPOUT == CLF_ATTENTION_DROPOUT_BITS
        block->bits[i] = clf_attention_given_bits(tensors->drop_mask, element[i],
                                                  clamp(block->count - first, 0, 32));
#endif
    }
#if CLF_ATTENTION_DROPOUT == CLF_ATTENTION_DROPOUT_GENERATED
    *(__local uint16 *)block->bits = clf_attention_generate_bits(
        element, problem, clf_dropout_threshold(problem->drop_probability, problem->dropout_bits));
#endif
}
#endif

/* The softmax step of a row: scores become powers, masked ones minus zero. Returns the factor of
 * what has been summed before. */
static inline float clf_attention_few_powers(const clf_attention_few_block *block,
                                             clf_attention_few_row *row, int r, float maximum) {
    const float reference = maximum == -INFINITY ? 0.0f : maximum;
    const float factor = clf_attention_exp2_scalar(row->maximum - reference, 1.0f, CLF_EXP2_LOWEST);
    float16 added = (float16)(0.0f);
    for (int k = 0; k < block->count; k += CLF_WIDE) {
        __local float *address = block->scores + r * CLF_ATTENTION_KEY_TILE + k;
        const float16 score = clf_attention_load(address);
        float16 power = clf_exp2_wide(score - reference, 1.0f, CLF_EXP2_LOWEST);
        added += power;
#if CLF_ATTENTION_DROPOUT
        const uint word = block->bits[r * (CLF_ATTENTION_KEY_TILE / 32) + k / 32] >> (k % 32);
        const uint16 lane = (uint16)(1)
                            << (uint16)(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
        power = ((uint16)(word)&lane) != (uint16)(0) ? power : (float16)(0.0f);
#endif
        power = score == (float16)(-INFINITY) ? (float16)(CLF_ATTENTION_MASKED_POWER) : power;
        clf_attention_store(power, address);
    }
    row->maximum = maximum;
    row->sum = fma(row->sum, factor, clf_wide_sum(added));
    return factor;
}

/* The block's values into the output; `careful` (a literal) leaves masked pairs out. */
static CLF_INLINE void clf_attention_add_values(const clf_attention_few_block *block,
                                                const clf_attention_problem *problem,
                                                const float factor[CLF_ATTENTION_ROWS],
                                                bool careful) {
    const long stride = CLF_ATTENTION_DEPTH_STRIDE(problem->value_strides);
    const long pitch = problem->value_strides[CLF_STRIDE_TOKEN];
    CLF_UNROLL for (int d = 0; d < CLF_ATTENTION_VALUE_DEPTH;
                    d += CLF_ATTENTION_MICRO_VECTORS * CLF_WIDE) {
        float16 sums[CLF_ATTENTION_ROWS][CLF_ATTENTION_MICRO_VECTORS];
        CLF_UNROLL for (int r = 0; r < CLF_ATTENTION_ROWS; ++r) {
            CLF_UNROLL for (int i = 0; i < CLF_ATTENTION_MICRO_VECTORS; ++i) {
                sums[r][i] =
                    factor[r] *
                    clf_attention_load(block->out + r * CLF_ATTENTION_OUT_PITCH + d + i * CLF_WIDE);
            }
        }
        for (int k = 0; k < block->count; ++k) {
            float16 value[CLF_ATTENTION_MICRO_VECTORS];
            CLF_UNROLL for (int i = 0; i < CLF_ATTENTION_MICRO_VECTORS; ++i) {
                value[i] = (float16)(0.0f);
                if (d + i * CLF_WIDE < CLF_ATTENTION_VALUE_DEPTH)
                    value[i] =
                        clf_attention_fetch_depths(block->values + k * pitch, stride,
                                                   d + i * CLF_WIDE, CLF_ATTENTION_VALUE_DEPTH);
            }
            CLF_UNROLL for (int r = 0; r < CLF_ATTENTION_ROWS; ++r) {
                const float power = block->scores[r * CLF_ATTENTION_KEY_TILE + k];
                if (careful && as_int(power) == INT_MIN)
                    continue;
                CLF_UNROLL for (int i = 0; i < CLF_ATTENTION_MICRO_VECTORS; ++i) {
                    sums[r][i] = fma((float16)(power), value[i], sums[r][i]);
                }
            }
        }
        CLF_UNROLL for (int r = 0; r < CLF_ATTENTION_ROWS; ++r) {
            CLF_UNROLL for (int i = 0; i < CLF_ATTENTION_MICRO_VECTORS; ++i) {
                clf_attention_store(sums[r][i],
                                    block->out + r * CLF_ATTENTION_OUT_PITCH + d + i * CLF_WIDE);
            }
        }
    }
}

/* All keys of a unit. Returns whether all of the output is finite. */
static inline bool clf_attention_walk(clf_attention_few_row rows[CLF_ATTENTION_ROWS],
                                      const clf_attention_unit *unit,
                                      clf_attention_few_block *block,
                                      const clf_attention_tensors *tensors,
                                      const clf_attention_problem *problem, bool careful) {
    for (int r = 0; r < CLF_ATTENTION_ROWS; ++r) {
        rows[r].maximum = -INFINITY;
        rows[r].sum = 0.0f;
    }
    for (int i = 0; i < CLF_ATTENTION_ROWS * CLF_ATTENTION_OUT_PITCH; i += CLF_WIDE)
        clf_attention_store((float16)(0.0f), block->out + i);
    for (long key = unit->tile->key_begin; key < unit->tile->key_end;
         key += CLF_ATTENTION_KEY_TILE) {
        float maximum[CLF_ATTENTION_ROWS], factor[CLF_ATTENTION_ROWS];
        block->key_begin = (int)key;
        block->count = (int)min((long)CLF_ATTENTION_KEY_TILE, unit->tile->key_end - key);
        block->keys = unit->keys + key * problem->key_strides[CLF_STRIDE_TOKEN];
        block->values = unit->values + key * problem->value_strides[CLF_STRIDE_TOKEN];
        clf_attention_scores(block, rows, tensors, problem, maximum);
#if CLF_ATTENTION_DROPOUT
        clf_attention_stage_few_bits(block, rows, tensors, problem);
#endif
        for (int r = 0; r < CLF_ATTENTION_ROWS; ++r)
            factor[r] = clf_attention_few_powers(block, rows + r, r, maximum[r]);
        if (careful)
            clf_attention_add_values(block, problem, factor, true);
        else
            clf_attention_add_values(block, problem, factor, false);
    }
    float16 zeros = (float16)(0.0f);
    for (int i = 0; i < CLF_ATTENTION_ROWS * CLF_ATTENTION_OUT_PITCH; i += CLF_WIDE)
        zeros += clf_attention_load(block->out + i) * 0.0f;
    return all(zeros == (float16)(0.0f));
}

/* A row of the unit (beyond the last one: that one again), and its query to local memory. */
static inline void clf_attention_open_row(clf_attention_few_row *row, __local float *query,
                                          const clf_attention_unit *unit,
                                          const clf_attention_tensors *tensors,
                                          const clf_attention_problem *problem, int r) {
    const long stride = CLF_ATTENTION_DEPTH_STRIDE(problem->query_strides);
    clf_attention_find_row(&row->place, problem, unit->sequence, unit->tile, unit->head,
                           unit->tile->row_begin + min(r, unit->num_rows - 1));
    row->mask_place = clf_attention_mask_place(problem, unit->sequence, &row->place);
    row->bias_place = clf_attention_bias_place(problem, unit->sequence, &row->place);
    row->dropout_place = clf_attention_dropout_place(unit->sequence, &row->place);
    __global const clf_storage *source = tensors->query + unit->sequence->query_offset +
                                         row->place.head * problem->query_strides[CLF_STRIDE_HEAD] +
                                         row->place.row * problem->query_strides[CLF_STRIDE_TOKEN];
    for (int d = 0; d < CLF_ATTENTION_DEPTH; d += CLF_WIDE)
        clf_attention_store(clf_attention_fetch_depths(source, stride, d, CLF_ATTENTION_DEPTH) *
                                problem->score_factor,
                            query + d);
}

__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
clf_flash_attention_few_rows_cpu(CLF_ATTENTION_PARAMETERS) {
    __local float query_rows[CLF_ATTENTION_ROWS * CLF_ATTENTION_QUERY_PITCH] CLF_WIDE_ALIGNED;
    __local float out_rows[CLF_ATTENTION_ROWS * CLF_ATTENTION_OUT_PITCH] CLF_WIDE_ALIGNED;
    __local float scores[CLF_ATTENTION_ROWS * CLF_ATTENTION_KEY_TILE] CLF_WIDE_ALIGNED;
    __local float parts[CLF_ATTENTION_ROWS * CLF_WIDE * CLF_WIDE] CLF_WIDE_ALIGNED;
    clf_attention_few_block block = {0, 0, query_rows, out_rows, scores, parts, 0, 0, 0};
#if CLF_ATTENTION_DROPOUT
    __local uint bits[CLF_WIDE] CLF_WIDE_ALIGNED;
    block.bits = bits;
#endif
    CLF_ATTENTION_GATHER_TENSORS(tensors);
    volatile __global int *counter = (volatile __global int *)(workspace + workspace_offset);
    const long num_units = problem.num_tiles * clf_attention_num_unit_heads(&problem);
    for (long index = atomic_inc(counter); index < num_units; index = atomic_inc(counter)) {
        clf_attention_unit unit;
        clf_attention_few_row rows[CLF_ATTENTION_ROWS];
        clf_attention_take(&unit, index, &tensors, &problem, sequences, tiles);
        for (int r = 0; r < CLF_ATTENTION_ROWS; ++r)
            clf_attention_open_row(rows + r, query_rows + r * CLF_ATTENTION_QUERY_PITCH, &unit,
                                   &tensors, &problem, r);
        if (!clf_attention_walk(rows, &unit, &block, &tensors, &problem, false))
            clf_attention_walk(rows, &unit, &block, &tensors, &problem, true);
        __global float *partial = tensors.partial + index * CLF_ATTENTION_PARTIAL_SIZE;
        for (int r = 0; r < CLF_ATTENTION_ROWS; ++r) {
            partial[r] = rows[r].maximum;
            partial[CLF_ATTENTION_ROWS + r] = rows[r].sum;
            for (int d = 0; d < CLF_ATTENTION_VALUE_DEPTH; ++d)
                partial[(2 + d) * CLF_ATTENTION_ROWS + r] =
                    out_rows[r * CLF_ATTENTION_OUT_PITCH + d];
        }
    }
}
