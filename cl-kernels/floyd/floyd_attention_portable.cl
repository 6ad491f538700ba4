/*
 * Floyd attention, forward, for any device: fused, the scores [N,M,K] are never stored.
 *
 *     s[n][m][k] = scale * sum over d of query[n][m][d] * (key1[n][k][d] + key2[k][m][d])
 *     s = -FLT_MAX where masked;   max, sum: of s and exp(s - max) over k
 *     out[n][m][d] = sum over k of exp(s - max) / sum * (value1[n][k][d] + value2[k][m][d])
 *
 * Algorithm: online softmax over tiles of keys (Milakov and Gimelshein, 2018). A work-group owns
 * 8 x 8 rows (n, m), so that what it reads of key1 and value1 serves 8 rows each, and so does what
 * it reads of key2 and value2; both pass through local memory, T keys times C depths at a time.
 *
 *          m 0    1    2    3   (+4)           L lanes for each square of rows {n, n+4} x {m, m+4}:
 *     n 0  +----+----+----+----+               keys lane, lane + L ... of the tile in scores,
 *       1  | L work-items for  |               depths lane, lane + L ... of the chunk in results
 *       2  | each of 4 x 4     |
 *       3  | squares           |               work-item = (n * 4 + m) * L + lane
 *     (+4) +----+----+----+----+
 *
 * Rows beyond N or M are computed, from what exists, and not stored. Rows that are masked everywhere have
 * powers 1: max = -FLT_MAX, sum = K, out = the mean of all values.
 *
 * Global size: tiles of n * tiles of m * heads of all batches, times 16 L, one dimension; m moves
 * fastest, then n. Arguments, in this order; a tensor is its address and an offset in elements:
 *     query, key1, value1, key2, value2, [mask], attention_out, softmax_max, softmax_sum, problem
 *
 * Local memory, bytes: 4 * ((C + 1) * (64 + 16 * T) + 64 * (T + L + 2))
 *
 *   macro                  default  meaning
 *   CLF_DTYPE              0        storage type of inputs and result
 *   CLF_FLOYD_DEPTH        32       D, 1 or more
 *   CLF_FLOYD_MASK         0        1: there is a mask
 *   CLF_FLOYD_OUT_FLOAT    0        1: the result is fp32 whatever the inputs are
 *   CLF_FLOYD_LANES        16       L, a power of two
 *   CLF_FLOYD_KEY_TILE     16       T, a power of two, L or more
 *   CLF_FLOYD_DEPTH_CHUNK  16       C, a power of two, L or more
 */
#include "lib/floyd_square.clh"
#define CLF_EXP2_DEGREE (CLF_DTYPE == 0 ? 6 : 5) /* sums are fp32 whatever the storage */
#include "lib/exp2.clh"

#ifndef CLF_FLOYD_MASK
#define CLF_FLOYD_MASK 0
#endif
#ifndef CLF_FLOYD_KEY_TILE
#define CLF_FLOYD_KEY_TILE 16
#endif

#ifndef CLF_FLOYD_OUT_FLOAT
#define CLF_FLOYD_OUT_FLOAT 0
#endif

#if CLF_FLOYD_OUT_FLOAT
typedef float clf_floyd_result;
#define clf_floyd_store_result(value, address) (*(address) = (value))
#else
typedef clf_storage clf_floyd_result;
#define clf_floyd_store_result(value, address) clf_store(value, address)
#endif

#define CLF_FLOYD_CHUNKS      ((CLF_FLOYD_DEPTH + CLF_FLOYD_DEPTH_CHUNK - 1) / CLF_FLOYD_DEPTH_CHUNK)
#define CLF_FLOYD_ITEM_KEYS   (CLF_FLOYD_KEY_TILE / CLF_FLOYD_LANES)
#define CLF_FLOYD_POWER_PITCH (CLF_FLOYD_KEY_TILE + 1)
#define CLF_FLOYD_LANE_PITCH  (CLF_FLOYD_LANES + 1)
#define CLF_FLOYD_LOWEST      (CLF_EXP2_LOWEST / CLF_EXP2_LOG2E)

CLF_EXP2_DEFINE_CHOSEN(clf_floyd_exp2, float, int)

/* Adds the products of a chunk of depths: first [n][key][d], second [m][key][d]. */
static inline void clf_floyd_add_scores(float scores[2][2][CLF_FLOYD_ITEM_KEYS],
                                        __local const float *query, __local const float *first,
                                        __local const float *second, const clf_floyd_item *item) {
    for (int d = 0; d < CLF_FLOYD_DEPTH_CHUNK; ++d)
        for (int x = 0; x < CLF_FLOYD_ITEM_KEYS; ++x) {
            const int key = item->lane + x * CLF_FLOYD_LANES;
            float key1[2], key2[2];
            for (int i = 0; i < 2; ++i) {
                const int n = item->x + i * CLF_FLOYD_SQUARES;
                const int m = item->y + i * CLF_FLOYD_SQUARES;
                key1[i] = first[(n * CLF_FLOYD_KEY_TILE + key) * CLF_FLOYD_PITCH + d];
                key2[i] = second[(m * CLF_FLOYD_KEY_TILE + key) * CLF_FLOYD_PITCH + d];
            }
            for (int i = 0; i < 2; ++i)
                for (int j = 0; j < 2; ++j) {
                    const float value = query[clf_floyd_row(item, i, j) * CLF_FLOYD_PITCH + d];
                    scores[i][j][x] = fma(value, key2[j], fma(value, key1[i], scores[i][j][x]));
                }
        }
}

/* The same for results: powers [row][key], first [n][key][d], second [m][key][d]. */
static inline void clf_floyd_add_values(float out[2][2][CLF_FLOYD_ITEM_DEPTHS],
                                        __local const float *powers, __local const float *first,
                                        __local const float *second, const clf_floyd_item *item) {
    for (int key = 0; key < CLF_FLOYD_KEY_TILE; ++key)
        for (int x = 0; x < CLF_FLOYD_ITEM_DEPTHS; ++x) {
            const int d = item->lane + x * CLF_FLOYD_LANES;
            float value1[2], value2[2];
            for (int i = 0; i < 2; ++i) {
                const int n = item->x + i * CLF_FLOYD_SQUARES;
                const int m = item->y + i * CLF_FLOYD_SQUARES;
                value1[i] = first[(n * CLF_FLOYD_KEY_TILE + key) * CLF_FLOYD_PITCH + d];
                value2[i] = second[(m * CLF_FLOYD_KEY_TILE + key) * CLF_FLOYD_PITCH + d];
            }
            for (int i = 0; i < 2; ++i)
                for (int j = 0; j < 2; ++j) {
                    const float power =
                        powers[clf_floyd_row(item, i, j) * CLF_FLOYD_POWER_PITCH + key];
                    out[i][j][x] = fma(power, value2[j], fma(power, value1[i], out[i][j][x]));
                }
        }
}

/* The best, or the sum, of what the lanes of a row have. Every work-item must call it. */
static inline void clf_floyd_combine(float values[2][2], __local float *reduction,
                                     const clf_floyd_item *item, bool adds) {
    /* What was combined before has been read. */
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int i = 0; i < 2; ++i)
        for (int j = 0; j < 2; ++j)
            reduction[clf_floyd_row(item, i, j) * CLF_FLOYD_LANE_PITCH + item->lane] = values[i][j];
    /* The parts of all lanes are there. */
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int i = 0; i < 2; ++i)
        for (int j = 0; j < 2; ++j) {
            __local const float *parts =
                reduction + clf_floyd_row(item, i, j) * CLF_FLOYD_LANE_PITCH;
            float total = parts[0];
            for (int lane = 1; lane < CLF_FLOYD_LANES; ++lane)
                total = adds ? total + parts[lane] : parts[lane] > total ? parts[lane] : total;
            values[i][j] = total;
        }
}

/* Scores become powers; maxima, sums (this lane's keys) and factors follow. `mask`: of the group's
 * first row and the tile's first key. */
static inline void clf_floyd_powers(float scores[2][2][CLF_FLOYD_ITEM_KEYS], float maxima[2][2],
                                    float sums[2][2], float factors[2][2], __local float *powers,
                                    __local float *reduction, const clf_floyd_item *item,
                                    __global const uchar *mask, int count,
                                    const clf_floyd_problem *problem) {
    float after[2][2];
    for (int i = 0; i < 2; ++i)
        for (int j = 0; j < 2; ++j) {
            after[i][j] = maxima[i][j];
            for (int x = 0; x < CLF_FLOYD_ITEM_KEYS; ++x) {
                const int key = item->lane + x * CLF_FLOYD_LANES;
                float score = scores[i][j][x] * problem->scale;
#if CLF_FLOYD_MASK
                const int n = min(item->x + i * CLF_FLOYD_SQUARES, item->num_x - 1);
                const int m = min(item->y + j * CLF_FLOYD_SQUARES, item->num_y - 1);
                if (mask[n * problem->mask[2] + m * problem->mask[3] +
                         min(key, count - 1) * problem->mask[4]] != 0)
                    score = -FLT_MAX;
#endif
                score = key < count ? score : -INFINITY;
                scores[i][j][x] = score;
                after[i][j] = after[i][j] > score ? after[i][j] : score;
            }
        }
    clf_floyd_combine(after, reduction, item, false);
    for (int i = 0; i < 2; ++i)
        for (int j = 0; j < 2; ++j) {
            factors[i][j] =
                clf_floyd_exp2(maxima[i][j] - after[i][j], CLF_EXP2_LOG2E, CLF_FLOYD_LOWEST);
            maxima[i][j] = after[i][j];
            sums[i][j] *= factors[i][j];
            for (int x = 0; x < CLF_FLOYD_ITEM_KEYS; ++x) {
                const float power =
                    clf_floyd_exp2(scores[i][j][x] - after[i][j], CLF_EXP2_LOG2E, CLF_FLOYD_LOWEST);
                sums[i][j] += power;
                powers[clf_floyd_row(item, i, j) * CLF_FLOYD_POWER_PITCH + item->lane +
                       x * CLF_FLOYD_LANES] = power;
            }
        }
}

/* The three outputs begin at the head. */
static inline void clf_floyd_store(float out[CLF_FLOYD_CHUNKS][2][2][CLF_FLOYD_ITEM_DEPTHS],
                                   float maxima[2][2], float sums[2][2], const clf_floyd_item *item,
                                   __global clf_floyd_result *attention_out,
                                   __global float *softmax_max, __global float *softmax_sum,
                                   const clf_floyd_problem *problem) {
    for (int i = 0; i < 2; ++i)
        for (int j = 0; j < 2; ++j) {
            const int place_n = item->x + i * CLF_FLOYD_SQUARES;
            const int place_m = item->y + j * CLF_FLOYD_SQUARES;
            if (place_n >= item->num_x || place_m >= item->num_y)
                continue;
            const long n = item->first_x + place_n;
            const long m = item->first_y + place_m;
            __global clf_floyd_result *row =
                attention_out + n * problem->out[2] + m * problem->out[3];
            for (int c = 0; c < CLF_FLOYD_CHUNKS; ++c)
                for (int x = 0; x < CLF_FLOYD_ITEM_DEPTHS; ++x) {
                    const int d = c * CLF_FLOYD_DEPTH_CHUNK + item->lane + x * CLF_FLOYD_LANES;
                    if (d < CLF_FLOYD_DEPTH)
                        clf_floyd_store_result(out[c][i][j][x] / sums[i][j],
                                               row + d * problem->out[4]);
                }
            __global float *row_max = softmax_max + n * problem->max[2] + m * problem->max[3];
            __global float *row_sum = softmax_sum + n * problem->sum[2] + m * problem->sum[3];
            for (int copy = item->lane; copy < CLF_FLOYD_COPIES; copy += CLF_FLOYD_LANES) {
                row_max[copy * problem->max[4]] = maxima[i][j];
                row_sum[copy * problem->sum[4]] = sums[i][j];
            }
        }
}

#if CLF_FLOYD_MASK
#define CLF_FLOYD_MASK_PARAMETERS __global const uchar *mask, long mask_offset,
#else
#define CLF_FLOYD_MASK_PARAMETERS
#endif

__kernel __attribute__((reqd_work_group_size(CLF_FLOYD_GROUP, 1, 1))) void
clf_floyd_attention_portable(__global const clf_storage *query, long query_offset,
                             __global const clf_storage *key1, long key1_offset,
                             __global const clf_storage *value1, long value1_offset,
                             __global const clf_storage *key2, long key2_offset,
                             __global const clf_storage *value2, long value2_offset,
                             CLF_FLOYD_MASK_PARAMETERS __global clf_floyd_result *attention_out,
                             long attention_out_offset, __global float *softmax_max,
                             long softmax_max_offset, __global float *softmax_sum,
                             long softmax_sum_offset, clf_floyd_problem problem) {
    __local float query_chunk[CLF_FLOYD_ROWS * CLF_FLOYD_PITCH];
    __local float first[CLF_FLOYD_SIDE * CLF_FLOYD_KEY_TILE * CLF_FLOYD_PITCH];
    __local float second[CLF_FLOYD_SIDE * CLF_FLOYD_KEY_TILE * CLF_FLOYD_PITCH];
    __local float powers[CLF_FLOYD_ROWS * CLF_FLOYD_POWER_PITCH];
    __local float reduction[CLF_FLOYD_ROWS * CLF_FLOYD_LANE_PITCH];
    clf_floyd_item item;
    const long head = clf_floyd_find_item(&item, problem.n, problem.m);
    query += query_offset + clf_floyd_head(head, &problem, problem.query) +
             item.first_x * problem.query[2] + item.first_y * problem.query[3];
    key1 +=
        key1_offset + clf_floyd_head(head, &problem, problem.key1) + item.first_x * problem.key1[2];
    value1 += value1_offset + clf_floyd_head(head, &problem, problem.value1) +
              item.first_x * problem.value1[2];
    key2 +=
        key2_offset + clf_floyd_head(head, &problem, problem.key2) + item.first_y * problem.key2[3];
    value2 += value2_offset + clf_floyd_head(head, &problem, problem.value2) +
              item.first_y * problem.value2[3];
    __global const uchar *tile_mask = 0;
#if CLF_FLOYD_MASK
    mask += mask_offset + clf_floyd_head(head, &problem, problem.mask) +
            item.first_x * problem.mask[2] + item.first_y * problem.mask[3];
#endif
    float out[CLF_FLOYD_CHUNKS][2][2][CLF_FLOYD_ITEM_DEPTHS];
    float maxima[2][2], sums[2][2], factors[2][2];
    for (int i = 0; i < 2; ++i)
        for (int j = 0; j < 2; ++j) {
            maxima[i][j] = -FLT_MAX;
            sums[i][j] = 0.0f;
            for (int c = 0; c < CLF_FLOYD_CHUNKS; ++c)
                for (int x = 0; x < CLF_FLOYD_ITEM_DEPTHS; ++x)
                    out[c][i][j][x] = 0.0f;
        }
    for (long begin = 0; begin < problem.k; begin += CLF_FLOYD_KEY_TILE) {
        const int count = (int)min(problem.k - begin, (long)CLF_FLOYD_KEY_TILE);
        float scores[2][2][CLF_FLOYD_ITEM_KEYS];
        for (int i = 0; i < 2; ++i)
            for (int j = 0; j < 2; ++j)
                for (int x = 0; x < CLF_FLOYD_ITEM_KEYS; ++x)
                    scores[i][j][x] = 0.0f;
        for (int c = 0; c < CLF_FLOYD_CHUNKS; ++c) {
            const int depth = c * CLF_FLOYD_DEPTH_CHUNK;
            /* The chunk before has been read. */
            barrier(CLK_LOCAL_MEM_FENCE);
            clf_floyd_stage(query_chunk, &item, query, problem.query[2], item.num_x,
                            problem.query[3], CLF_FLOYD_SIDE, item.num_y, problem.query[4], depth);
            clf_floyd_stage(first, &item, key1 + begin * problem.key1[3], problem.key1[2],
                            item.num_x, problem.key1[3], CLF_FLOYD_KEY_TILE, count, problem.key1[4],
                            depth);
            clf_floyd_stage(second, &item, key2 + begin * problem.key2[2], problem.key2[3],
                            item.num_y, problem.key2[2], CLF_FLOYD_KEY_TILE, count, problem.key2[4],
                            depth);
            /* The chunk is there. */
            barrier(CLK_LOCAL_MEM_FENCE);
            clf_floyd_add_scores(scores, query_chunk, first, second, &item);
        }
#if CLF_FLOYD_MASK
        tile_mask = mask + begin * problem.mask[4];
#endif
        clf_floyd_powers(scores, maxima, sums, factors, powers, reduction, &item, tile_mask, count,
                         &problem);
        for (int c = 0; c < CLF_FLOYD_CHUNKS; ++c) {
            const int depth = c * CLF_FLOYD_DEPTH_CHUNK;
            /* The chunk before has been read. */
            barrier(CLK_LOCAL_MEM_FENCE);
            clf_floyd_stage(first, &item, value1 + begin * problem.value1[3], problem.value1[2],
                            item.num_x, problem.value1[3], CLF_FLOYD_KEY_TILE, count,
                            problem.value1[4], depth);
            clf_floyd_stage(second, &item, value2 + begin * problem.value2[2], problem.value2[3],
                            item.num_y, problem.value2[2], CLF_FLOYD_KEY_TILE, count,
                            problem.value2[4], depth);
            /* The chunk and, the first time, the powers are there. */
            barrier(CLK_LOCAL_MEM_FENCE);
            for (int i = 0; i < 2; ++i)
                for (int j = 0; j < 2; ++j)
                    for (int x = 0; x < CLF_FLOYD_ITEM_DEPTHS; ++x)
                        out[c][i][j][x] *= factors[i][j];
            clf_floyd_add_values(out[c], powers, first, second, &item);
        }
    }
    clf_floyd_combine(sums, reduction, &item, true);
    clf_floyd_store(
        out, maxima, sums, &item,
        attention_out + attention_out_offset + clf_floyd_head(head, &problem, problem.out),
        softmax_max + softmax_max_offset + clf_floyd_head(head, &problem, problem.max),
        softmax_sum + softmax_sum_offset + clf_floyd_head(head, &problem, problem.sum), &problem);
}
