/*
 * Floyd attention, forward, for CPU devices: fused, the scores [N,M,K] are never stored.
 *
 *     s[n][m][k] = sum over d of query[n][m][d] * scale * (key1[n][k][d] + key2[k][m][d])
 *     s = -FLT_MAX where masked;   max, sum: of s and exp(s - max) over k
 *     out[n][m][d] = sum over k of exp(s - max) / sum * (value1[n][k][d] + value2[k][m][d])
 *
 * Algorithm: online softmax over blocks of keys (Milakov and Gimelshein, 2018). One work-item per
 * work-group; it owns a tile of R_n x R_m rows. k is the axis that both score products share, d
 * the one that both output products share: lanes are keys in the former, depths in the latter, and
 * every product is a scalar of the tile times a streamed vector, so that nothing is transposed but
 * the keys, once, by clf_floyd_pack_cpu:
 *
 *              m 0..R_m                     a block of W keys, for all rows of the tile:
 *            +-----------+  key1^T[n]       1. scores of each n:  query[n][.] x key1^T[n]
 *     n      | query     |  value1[n]       2. of each m:       + query[.][m] x key2^T[m], mask,
 *     0..R_n | scores    |                                        maxima, powers
 *            | out       |                  3. out of each n:     scores[n][.] x value1[n]
 *            +-----------+                  4. of each m:       + scores[.][m] x value2[m]
 *          key2^T[m], value2[m]
 *
 * Rows of the tile beyond N or M repeat the last row and are not stored. Rows that are masked
 * everywhere have powers 1: max = -FLT_MAX, sum = K, out = the mean of all values.
 *
 * Global size: (tiles of n * tiles of m, heads in the workspace), one work-item per group; m moves
 * fastest. Barriers: none. Arguments, in this order; a tensor is its address and an offset in
 * elements:
 *     query, value1, [mask], attention_out, softmax_max, softmax_sum, workspace (offset in bytes, a
 *     multiple of 64; packed by clf_floyd_pack_cpu), problem, first_head
 *
 * Local memory, bytes, with D' and F of lib/floyd_wide.clh:
 *     4 * (R_n * (R_m * (D' + D' / F) + 32 + R_m * W + 16) + R_n * R_m * 18 + 16 * R_n)
 *
 *   macro           default   meaning
 *   CLF_FLOYD_MASK        0   1: there is a mask
 * and those of lib/floyd_results.clh, lib/floyd_tile.clh and lib/floyd_wide.clh.
 */
#define CLF_EXP2_DEGREE (CLF_DTYPE == 0 ? 6 : 5) /* sums are fp32 whatever the storage */
#include "lib/exp2_wide.clh"
#include "lib/floyd_results.clh"
#include "lib/floyd_tile.clh"

#ifndef CLF_FLOYD_MASK
#define CLF_FLOYD_MASK 0
#endif

#define CLF_FLOYD_LOWEST (CLF_EXP2_LOWEST / CLF_EXP2_LOG2E)

CLF_FLOYD_PRODUCT_DEFINE(clf_floyd_multiply_keys, CLF_FLOYD_SCORE_ROWS, CLF_FLOYD_KEY_VECTORS)

CLF_FLOYD_PRODUCT_DEFINE(clf_floyd_multiply_values, CLF_FLOYD_OUT_ROWS, CLF_FLOYD_DEPTH_VECTORS)

/* Where a group of rows finds its part of what comes `ahead` and is to be asked for: a column of
 * vectors; what is at hand (0) once all columns have been asked for. */
static CLF_INLINE long clf_floyd_ahead(long ahead, int group, int vectors) {
    return group < vectors ? ahead + group * CLF_WIDE : 0;
}

/* ---- Beginning ---- */

/* 16 depths of a query, zeros beyond D; fp32 ones times scale, others would have to be rounded. */
static CLF_INLINE void clf_floyd_put_query(__global const clf_storage *row, long stride, int d,
                                           float scale, __local clf_floyd_word *address) {
#if CLF_FLOYD_WORD_NUMBERS == 1
    clf_floyd_put((d < CLF_FLOYD_DEPTH ? clf_floyd_load(row, stride, d) : (float16)(0.0f)) * scale,
                  address);
#else
    *(__local ushort16 *)address =
        d < CLF_FLOYD_DEPTH ? clf_floyd_fetch(row, stride, d) : (ushort16)(0);
#endif
}

static CLF_INLINE void clf_floyd_begin(const clf_floyd_tile *tile,
                                       __global const clf_storage *query,
                                       const clf_floyd_problem *problem) {
    for (int n = 0; n < CLF_FLOYD_ROWS_N; ++n)
        for (int m = 0; m < CLF_FLOYD_ROWS_M; ++m) {
            __global const clf_storage *row =
                query + (tile->n + min(n, tile->num_n - 1)) * problem->query[2] +
                (tile->m + min(m, tile->num_m - 1)) * problem->query[3];
            const int place = n * CLF_FLOYD_PITCH + m * CLF_FLOYD_PADDED_DEPTH;
            for (int d = 0; d < CLF_FLOYD_PADDED_DEPTH; d += CLF_WIDE) {
                clf_floyd_ask(row + problem->query[2] + d * problem->query[4]); /* the next n */
                clf_floyd_put_query(row, problem->query[4], d, problem->scale,
                                    tile->query + n * CLF_FLOYD_QUERY_PITCH +
                                        m * CLF_FLOYD_QUERY_WORDS + d / CLF_FLOYD_WORD_NUMBERS);
                clf_floyd_put((float16)(0.0f), tile->out + place + d);
            }
        }
    /* Rows beyond the tile's take part in groups of rows, with whatever scores; but defined ones. */
    if (tile->num_n < CLF_FLOYD_ROWS_N || tile->num_m < CLF_FLOYD_ROWS_M)
        for (int i = 0; i < CLF_FLOYD_ROWS_N * CLF_FLOYD_SCORE_PITCH; i += CLF_WIDE)
            clf_floyd_put((float16)(0.0f), tile->scores + i);
    for (int i = 0; i < CLF_FLOYD_ROWS; ++i) {
        tile->maxima[i] = -FLT_MAX;
        tile->factors[i] = 0.0f;
        clf_floyd_put((float16)(0.0f), tile->sums + CLF_WIDE * i);
    }
    for (int i = 0; i < CLF_FLOYD_ROWS_N; ++i)
        clf_floyd_put((float16)(0.0f), tile->lane_maxima + CLF_WIDE * i);
}

/* ---- Scores ---- */

CLF_FLOYD_PRODUCTS clf_floyd_scores_of_n(const clf_floyd_tile *tile, int n,
                                         __global const clf_floyd_word *key1, long ahead) {
    for (int m = 0; m < tile->num_m; m += CLF_FLOYD_SCORE_ROWS) {
        float16 sums[CLF_FLOYD_SCORE_ROWS][CLF_FLOYD_KEY_VECTORS];
        CLF_UNROLL for (int r = 0; r < CLF_FLOYD_SCORE_ROWS; ++r) {
            CLF_UNROLL for (int v = 0; v < CLF_FLOYD_KEY_VECTORS; ++v) {
                sums[r][v] = (float16)(0.0f);
            }
        }
        clf_floyd_multiply_keys(
            sums, tile->query + n * CLF_FLOYD_QUERY_PITCH + m * CLF_FLOYD_QUERY_WORDS,
            CLF_FLOYD_QUERY_WORDS, key1, CLF_FLOYD_KEYS, CLF_FLOYD_DEPTH_WORDS,
            clf_floyd_ahead(ahead, m / CLF_FLOYD_SCORE_ROWS, CLF_FLOYD_KEY_VECTORS));
        CLF_UNROLL for (int r = 0; r < CLF_FLOYD_SCORE_ROWS; ++r) {
            CLF_UNROLL for (int v = 0; v < CLF_FLOYD_KEY_VECTORS; ++v) {
                clf_floyd_put(sums[r][v], tile->scores + n * CLF_FLOYD_SCORE_PITCH +
                                              (m + r) * CLF_FLOYD_KEYS + v * CLF_WIDE);
            }
        }
    }
}

/* Which rows of the tile have masked keys among the `count` ones from `mask` on, which is of n = 0. */
static CLF_INLINE void clf_floyd_find_masked(const clf_floyd_tile *tile, __global const uchar *mask,
                                             const clf_floyd_problem *problem, int count,
                                             bool has_masked[CLF_FLOYD_ROWS_N]) {
    for (int n = 0; n < tile->num_n; ++n) {
        __global const uchar *row = mask + n * problem->mask[2];
        uchar16 any = (uchar16)(0);
        for (int k = 0; k < count; k += CLF_WIDE)
            any |= clf_floyd_mask_bytes(row + k * problem->mask[4], problem->mask[4], count - k);
        has_masked[n] = clf_wide_any(any) != 0;
    }
}

/* Adds key2's part; `mask`: of n = 0 of the tile, and the block's first key. */
CLF_FLOYD_PRODUCTS clf_floyd_scores_of_m(const clf_floyd_tile *tile, int m,
                                         __global const clf_floyd_word *key2, long ahead,
                                         __global const uchar *mask, const bool *has_masked,
                                         int count, const clf_floyd_problem *problem) {
    for (int n = 0; n < tile->num_n; n += CLF_FLOYD_SCORE_ROWS) {
        float16 sums[CLF_FLOYD_SCORE_ROWS][CLF_FLOYD_KEY_VECTORS];
        __local float *scores = tile->scores + n * CLF_FLOYD_SCORE_PITCH + m * CLF_FLOYD_KEYS;
        CLF_UNROLL for (int r = 0; r < CLF_FLOYD_SCORE_ROWS; ++r) {
            CLF_UNROLL for (int v = 0; v < CLF_FLOYD_KEY_VECTORS; ++v) {
                sums[r][v] = clf_floyd_get(scores + r * CLF_FLOYD_SCORE_PITCH + v * CLF_WIDE);
            }
        }
        clf_floyd_multiply_keys(
            sums, tile->query + n * CLF_FLOYD_QUERY_PITCH + m * CLF_FLOYD_QUERY_WORDS,
            CLF_FLOYD_QUERY_PITCH, key2, CLF_FLOYD_KEYS, CLF_FLOYD_DEPTH_WORDS,
            clf_floyd_ahead(ahead, n / CLF_FLOYD_SCORE_ROWS, CLF_FLOYD_KEY_VECTORS));
        CLF_UNROLL for (int r = 0; r < CLF_FLOYD_SCORE_ROWS; ++r) {
#if CLF_FLOYD_WORD_NUMBERS > 1
            CLF_UNROLL for (int v = 0; v < CLF_FLOYD_KEY_VECTORS; ++v) {
                sums[r][v] *= problem->scale;
            }
#endif
#if CLF_FLOYD_MASK
            const int row = min(n + r, tile->num_n - 1);
            if (has_masked[row]) {
                CLF_UNROLL for (int v = 0; v < CLF_FLOYD_KEY_VECTORS; ++v) {
                    if (v * CLF_WIDE < count) {
                        const uchar16 masked = clf_floyd_mask_bytes(
                            mask + row * problem->mask[2] + v * CLF_WIDE * problem->mask[4],
                            problem->mask[4], count - v * CLF_WIDE);
                        sums[r][v] =
                            convert_int16(masked) != (int16)(0) ? (float16)(-FLT_MAX) : sums[r][v];
                    }
                }
            }
#endif
            if (count < CLF_FLOYD_KEYS) {
                CLF_UNROLL for (int v = 0; v < CLF_FLOYD_KEY_VECTORS; ++v) {
                    sums[r][v] =
                        clf_wide_beyond(count - v * CLF_WIDE) ? (float16)(-INFINITY) : sums[r][v];
                }
            }
            float16 maximum = sums[r][0];
            CLF_UNROLL for (int v = 0; v < CLF_FLOYD_KEY_VECTORS; ++v) {
                maximum = CLF_WIDE_GREATER(maximum, sums[r][v]);
                clf_floyd_put(sums[r][v], scores + r * CLF_FLOYD_SCORE_PITCH + v * CLF_WIDE);
            }
            clf_floyd_put(maximum, tile->lane_maxima + (n + r) * CLF_WIDE);
        }
    }
}

/* ---- Powers ---- */

/* The scores of m become powers. */
static CLF_INLINE void clf_floyd_powers_of_m(const clf_floyd_tile *tile, int m) {
    for (int n = 0; n < tile->num_n; n += CLF_WIDE) {
        const int row = m * CLF_FLOYD_ROWS_N + n;
        const float16 before = clf_floyd_get(tile->maxima + row);
        const float16 block = clf_floyd_maxima(tile->lane_maxima + n * CLF_WIDE);
        const float16 after = CLF_WIDE_GREATER(before, block);
        clf_floyd_put(after, tile->maxima + row);
        clf_floyd_put(clf_exp2_wide(before - after, CLF_EXP2_LOG2E, CLF_FLOYD_LOWEST),
                      tile->factors + row);
    }
    for (int n = 0; n < tile->num_n; ++n) {
        const int row = m * CLF_FLOYD_ROWS_N + n;
        __local float *scores = tile->scores + n * CLF_FLOYD_SCORE_PITCH + m * CLF_FLOYD_KEYS;
        const float16 maximum = (float16)(tile->maxima[row]);
        float16 sum = clf_floyd_get(tile->sums + row * CLF_WIDE) * (float16)(tile->factors[row]);
        CLF_UNROLL for (int v = 0; v < CLF_FLOYD_KEY_VECTORS; ++v) {
            const float16 power = clf_exp2_wide(clf_floyd_get(scores + v * CLF_WIDE) - maximum,
                                                CLF_EXP2_LOG2E, CLF_FLOYD_LOWEST);
            sum += power;
            clf_floyd_put_power(power, scores + v * CLF_WIDE / CLF_FLOYD_WORD_NUMBERS);
        }
        clf_floyd_put(sum, tile->sums + row * CLF_WIDE);
    }
}

/* ---- Results ---- */

/* out[r][.] := out[r][.] * factors[r] + sum over k of powers[r][k] * values[k][.]; k counts
 * words. `scaled` is a literal: false, and there are no factors, for the second product of a block. */
CLF_FLOYD_INLINE_PRODUCTS clf_floyd_add_values(__local float *out, int pitch,
                                               __local const float *powers, int power_pitch,
                                               bool scaled, __local const float *factors,
                                               __global const clf_floyd_word *values,
                                               long value_pitch, int count, long ahead) {
    float16 sums[CLF_FLOYD_OUT_ROWS][CLF_FLOYD_DEPTH_VECTORS];
    CLF_UNROLL for (int r = 0; r < CLF_FLOYD_OUT_ROWS; ++r) {
        CLF_UNROLL for (int v = 0; v < CLF_FLOYD_DEPTH_VECTORS; ++v) {
            sums[r][v] = clf_floyd_get(out + r * pitch + v * CLF_WIDE);
            if (scaled)
                sums[r][v] *= (float16)(factors[r * CLF_FLOYD_ROWS_N]);
        }
    }
    clf_floyd_multiply_values(sums, (__local const clf_floyd_word *)powers, power_pitch, values,
                              value_pitch, count, ahead);
    CLF_UNROLL for (int r = 0; r < CLF_FLOYD_OUT_ROWS; ++r) {
        CLF_UNROLL for (int v = 0; v < CLF_FLOYD_DEPTH_VECTORS; ++v) {
            clf_floyd_put(sums[r][v], out + r * pitch + v * CLF_WIDE);
        }
    }
}

CLF_FLOYD_PRODUCTS clf_floyd_values_of_n(const clf_floyd_tile *tile, int n,
                                         __global const clf_floyd_word *value1, long pitch,
                                         int count, long ahead) {
    for (int d = 0; d < CLF_FLOYD_PADDED_DEPTH; d += CLF_FLOYD_DEPTH_BLOCK) {
        const long next =
            d + CLF_FLOYD_DEPTH_BLOCK < CLF_FLOYD_PADDED_DEPTH ? CLF_FLOYD_DEPTH_BLOCK : ahead - d;
        for (int m = 0; m < tile->num_m; m += CLF_FLOYD_OUT_ROWS)
            clf_floyd_add_values(
                tile->out + n * CLF_FLOYD_PITCH + m * CLF_FLOYD_PADDED_DEPTH + d,
                CLF_FLOYD_PADDED_DEPTH,
                tile->scores + n * CLF_FLOYD_SCORE_PITCH + m * CLF_FLOYD_KEYS, CLF_FLOYD_KEYS, true,
                tile->factors + m * CLF_FLOYD_ROWS_N + n, value1 + d, pitch, count,
                clf_floyd_ahead(next, m / CLF_FLOYD_OUT_ROWS, CLF_FLOYD_DEPTH_VECTORS));
    }
}

CLF_FLOYD_PRODUCTS clf_floyd_values_of_m(const clf_floyd_tile *tile, int m,
                                         __global const clf_floyd_word *value2, int count,
                                         long ahead) {
    for (int d = 0; d < CLF_FLOYD_PADDED_DEPTH; d += CLF_FLOYD_DEPTH_BLOCK) {
        const long next =
            d + CLF_FLOYD_DEPTH_BLOCK < CLF_FLOYD_PADDED_DEPTH ? CLF_FLOYD_DEPTH_BLOCK : ahead - d;
        for (int n = 0; n < tile->num_n; n += CLF_FLOYD_OUT_ROWS)
            clf_floyd_add_values(
                tile->out + n * CLF_FLOYD_PITCH + m * CLF_FLOYD_PADDED_DEPTH + d, CLF_FLOYD_PITCH,
                tile->scores + n * CLF_FLOYD_SCORE_PITCH + m * CLF_FLOYD_KEYS,
                CLF_FLOYD_SCORE_PITCH, false, tile->factors, value2 + d, CLF_FLOYD_PADDED_DEPTH,
                count, clf_floyd_ahead(next, n / CLF_FLOYD_OUT_ROWS, CLF_FLOYD_DEPTH_VECTORS));
    }
}

static CLF_INLINE void clf_floyd_finish(const clf_floyd_tile *tile, __global clf_floyd_result *out,
                                        __global float *softmax_max, __global float *softmax_sum,
                                        const clf_floyd_problem *problem) {
    for (int i = 0; i < tile->num_n; ++i)
        for (int j = 0; j < tile->num_m; ++j) {
            const long n = tile->n + i;
            const long m = tile->m + j;
            const int row = j * CLF_FLOYD_ROWS_N + i;
            const float sum = clf_wide_sum(clf_floyd_get(tile->sums + row * CLF_WIDE));
            const float16 part = (float16)(1.0f / sum);
            for (int d = 0; d < CLF_FLOYD_DEPTH; d += CLF_WIDE)
                clf_floyd_store(clf_floyd_get(tile->out + i * CLF_FLOYD_PITCH +
                                              j * CLF_FLOYD_PADDED_DEPTH + d) *
                                    part,
                                out + n * problem->out[2] + m * problem->out[3], problem->out[4],
                                d);
            clf_floyd_store_copies(tile->maxima[row],
                                   softmax_max + n * problem->max[2] + m * problem->max[3],
                                   problem->max[4]);
            clf_floyd_store_copies(sum, softmax_sum + n * problem->sum[2] + m * problem->sum[3],
                                   problem->sum[4]);
        }
}

/* ---- Kernel ---- */

#if CLF_FLOYD_MASK
#define CLF_FLOYD_MASK_PARAMETERS __global const uchar *mask, long mask_offset,
#else
#define CLF_FLOYD_MASK_PARAMETERS
#endif

__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void clf_floyd_attention_cpu(
    __global const clf_storage *query, long query_offset, __global const clf_storage *value1,
    long value1_offset, CLF_FLOYD_MASK_PARAMETERS __global clf_floyd_result *attention_out,
    long attention_out_offset, __global float *softmax_max, long softmax_max_offset,
    __global float *softmax_sum, long softmax_sum_offset, __global uchar *workspace,
    long workspace_offset, clf_floyd_problem problem, long first_head) {
    __local clf_floyd_word query_tile[CLF_FLOYD_ROWS_N * CLF_FLOYD_QUERY_PITCH] CLF_FLOYD_ALIGNED;
    __local float out_tile[CLF_FLOYD_ROWS_N * CLF_FLOYD_PITCH] CLF_FLOYD_ALIGNED;
    __local float scores[CLF_FLOYD_ROWS_N * CLF_FLOYD_SCORE_PITCH] CLF_FLOYD_ALIGNED;
    __local float sums[CLF_FLOYD_ROWS * CLF_WIDE] CLF_FLOYD_ALIGNED;
    __local float maxima[CLF_FLOYD_ROWS] CLF_FLOYD_ALIGNED;
    __local float factors[CLF_FLOYD_ROWS] CLF_FLOYD_ALIGNED;
    __local float lane_maxima[CLF_FLOYD_ROWS_N * CLF_WIDE] CLF_FLOYD_ALIGNED;
    const long tiles_m = (problem.m + CLF_FLOYD_ROWS_M - 1) / CLF_FLOYD_ROWS_M;
    const long group = (long)get_group_id(0);
    const long head = first_head + (long)get_group_id(1);
    const long first_n = group / tiles_m * CLF_FLOYD_ROWS_N;
    const long first_m = clf_floyd_remainder(group, tiles_m) * CLF_FLOYD_ROWS_M;
    const clf_floyd_tile tile = {first_n,
                                 first_m,
                                 (int)min(problem.n - first_n, (long)CLF_FLOYD_ROWS_N),
                                 (int)min(problem.m - first_m, (long)CLF_FLOYD_ROWS_M),
                                 CLF_FLOYD_ADDRESS(query_tile),
                                 CLF_FLOYD_ADDRESS(out_tile),
                                 CLF_FLOYD_ADDRESS(scores),
                                 CLF_FLOYD_ADDRESS(sums),
                                 CLF_FLOYD_ADDRESS(maxima),
                                 CLF_FLOYD_ADDRESS(factors),
                                 CLF_FLOYD_ADDRESS(lane_maxima)};
    clf_floyd_packed packed;
    clf_floyd_find_packed(&packed, workspace + workspace_offset, (long)get_group_id(1), &problem);
#if CLF_FLOYD_VALUE1_IN_PLACE
    __global const float *values1 =
        value1 + value1_offset + clf_floyd_head(head, &problem, problem.value1);
    const long value1_row = problem.value1[2];
    const long value1_pitch = problem.value1[3];
#else
    __global const clf_floyd_word *values1 = packed.value1;
    const long value1_row = packed.value_pitch;
    const long value1_pitch = CLF_FLOYD_PADDED_DEPTH;
#endif
    clf_floyd_begin(&tile, query + query_offset + clf_floyd_head(head, &problem, problem.query),
                    &problem);
    for (long begin = 0; begin < problem.k; begin += CLF_FLOYD_KEYS) {
        const int count = (int)min(problem.k - begin, (long)CLF_FLOYD_KEYS);
        for (int n = 0; n < tile.num_n; ++n)
            clf_floyd_scores_of_n(&tile, n,
                                  packed.key1 + (first_n + n) * packed.key_pitch +
                                      begin * CLF_FLOYD_DEPTH_WORDS,
                                  n + 1 < tile.num_n ? packed.key_pitch : 0);
        bool has_masked[CLF_FLOYD_ROWS_N];
        for (int m = 0; m < tile.num_m; ++m) {
            __global const uchar *row_mask = 0;
#if CLF_FLOYD_MASK
            row_mask = mask + mask_offset + clf_floyd_head(head, &problem, problem.mask) +
                       first_n * problem.mask[2] + (first_m + m) * problem.mask[3] +
                       begin * problem.mask[4];
            if (m == 0 || problem.mask[3] != 0)
                clf_floyd_find_masked(&tile, row_mask, &problem, count, has_masked);
#endif
            clf_floyd_scores_of_m(
                &tile, m,
                packed.key2 + (first_m + m) * packed.key_pitch + begin * CLF_FLOYD_DEPTH_WORDS,
                m + 1 < tile.num_m ? packed.key_pitch : 0, row_mask, has_masked, count, &problem);
            clf_floyd_powers_of_m(&tile, m);
        }
        const int words = CLF_FLOYD_KEY_WORDS(count);
        const long begin_word = begin / CLF_FLOYD_WORD_NUMBERS;
        for (int n = 0; n < tile.num_n; ++n)
            clf_floyd_values_of_n(&tile, n,
                                  values1 + (first_n + n) * value1_row + begin_word * value1_pitch,
                                  value1_pitch, words, n + 1 < tile.num_n ? value1_row : 0);
        for (int m = 0; m < tile.num_m; ++m)
            clf_floyd_values_of_m(&tile, m,
                                  packed.value2 + (first_m + m) * packed.value_pitch +
                                      begin_word * CLF_FLOYD_PADDED_DEPTH,
                                  words, m + 1 < tile.num_m ? packed.value_pitch : 0);
    }
    clf_floyd_finish(
        &tile, attention_out + attention_out_offset + clf_floyd_head(head, &problem, problem.out),
        softmax_max + softmax_max_offset + clf_floyd_head(head, &problem, problem.max),
        softmax_sum + softmax_sum_offset + clf_floyd_head(head, &problem, problem.sum), &problem);
}
