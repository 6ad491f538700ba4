/*
 * Floyd attention, gradients, for any device: fused and without a workspace; p and ds are never
 * stored.
 *
 *     p[n][m][k]  = exp(scale * query[n][m] . (key1[n][k] + key2[k][m]) - max[n][m]) / sum[n][m]
 *     dp[n][m][k] = grad_output[n][m] . (value1[n][k] + value2[k][m])
 *     ds[n][m][k] = p * (dp - grad_output[n][m] . attention[n][m])
 *
 * Three launches, each with other axes as x, y and z; a work-group owns 8 x 8 places (x, y) and
 * sums over z in its order, T at a time, so that nothing is summed by several:
 *
 *     CLF_FLOYD_GRAD_OF   x  y  z    result
 *     0  query            n  m  k    scale * sum of ds * (key1 + key2)
 *     1  keys and values  n  k  m    scale * sum of ds * query,  sum of p * grad_output
 *     1  the second ones  m  k  n    the same
 *
 * In the first launch query lies on the plane (x, y), in the others on (x, z). Each computes p and
 * ds anew: 36 instead of 20 operations per n, m, k and depth.
 *
 * How a group is divided, and how operands pass through local memory: lib/floyd_square.clh. Places
 * beyond the sizes have p = ds = 0. Global size: tiles of x * tiles of y * heads of all batches,
 * times 16 L, one dimension; y moves fastest, then x. Arguments, in this order; a tensor is its
 * address and an offset in elements:
 *     those whose product is the score, on the planes xy, xz, yz; those whose product is dp, on the
 *     same; attention_in, softmax_max, softmax_sum, [mask], the gradient of query, or of the key
 *     and the value, problem
 *
 * Local memory, bytes: 4 * ((C + 1) * (64 + 16 * T) + 128 * (T + 1) + 24 * T)
 *
 *   macro                default  meaning
 *   CLF_FLOYD_GRAD_OF    0        see above
 *   CLF_FLOYD_MASK       0        1: there is a mask
 *   CLF_FLOYD_KEY_TILE   16       T, a power of two, L or more, at least 8
 * and those of lib/floyd_square.clh.
 */
#include "lib/floyd_square.clh"
#define CLF_EXP2_DEGREE (CLF_DTYPE == 0 ? 6 : 5) /* sums are fp32 whatever the storage */
#include "lib/exp2.clh"

#ifndef CLF_FLOYD_GRAD_OF
#define CLF_FLOYD_GRAD_OF 0
#endif
#ifndef CLF_FLOYD_MASK
#define CLF_FLOYD_MASK 0
#endif
#ifndef CLF_FLOYD_KEY_TILE
#define CLF_FLOYD_KEY_TILE 16
#endif

#define CLF_FLOYD_RESULTS      (CLF_FLOYD_GRAD_OF == 0 ? 1 : 2)
#define CLF_FLOYD_CHUNKS       ((CLF_FLOYD_DEPTH + CLF_FLOYD_DEPTH_CHUNK - 1) / CLF_FLOYD_DEPTH_CHUNK)
#define CLF_FLOYD_ITEM_PLACES  (CLF_FLOYD_KEY_TILE / CLF_FLOYD_LANES)
#define CLF_FLOYD_TILE         (CLF_FLOYD_SIDE * CLF_FLOYD_KEY_TILE)
#define CLF_FLOYD_WEIGHT_PITCH (CLF_FLOYD_KEY_TILE + 1)
#define CLF_FLOYD_LOWEST       (CLF_EXP2_LOWEST / CLF_EXP2_LOG2E)

CLF_EXP2_DEFINE_CHOSEN(clf_floyd_exp2, float, int)

/* What lies on the three planes, from the group's first places on. */
typedef struct clf_floyd_operands {
    __global const clf_storage *xy;
    __global const clf_storage *xz;
    __global const clf_storage *yz;
} clf_floyd_operands;

/* A group's local memory. */
typedef struct clf_floyd_chunks {
    __local float *xy;       /* [8][8][C] */
    __local float *xz;       /* [8][T][C] */
    __local float *yz;       /* [8][T][C] */
    __local float *p;        /* [64][T] */
    __local float *ds;       /* [64][T] */
    __local float *maxima;   /* of the rows of query's plane: [8][T], of which [8][8] may be used */
    __local float *inverses; /* of the sums */
    __local float *deltas;
} clf_floyd_chunks;

/* Adds a chunk of depths to the products of query, which is on the plane (x, y) or (x, z), with
 * what is on the other two. */
static CLF_INLINE void clf_floyd_add_products(float sums[2][2][CLF_FLOYD_ITEM_PLACES],
                                              const clf_floyd_chunks *chunks,
                                              const clf_floyd_item *item) {
    for (int d = 0; d < CLF_FLOYD_DEPTH_CHUNK; ++d)
        for (int t = 0; t < CLF_FLOYD_ITEM_PLACES; ++t) {
            const int place = item->lane + t * CLF_FLOYD_LANES;
            float xz[2], yz[2];
            for (int i = 0; i < 2; ++i) {
                const int x = item->x + i * CLF_FLOYD_SQUARES;
                const int y = item->y + i * CLF_FLOYD_SQUARES;
                xz[i] = chunks->xz[(x * CLF_FLOYD_KEY_TILE + place) * CLF_FLOYD_PITCH + d];
                yz[i] = chunks->yz[(y * CLF_FLOYD_KEY_TILE + place) * CLF_FLOYD_PITCH + d];
            }
            for (int i = 0; i < 2; ++i)
                for (int j = 0; j < 2; ++j) {
                    const float xy = chunks->xy[clf_floyd_row(item, i, j) * CLF_FLOYD_PITCH + d];
                    const float query = CLF_FLOYD_GRAD_OF == 0 ? xy : xz[i];
                    sums[i][j][t] = fma(query, yz[j], fma(xy, xz[i], sums[i][j][t]));
                }
        }
}

/* The products of a tile of z, of which `count` exist. `set`: of scores (0) or of dp (1). */
static CLF_INLINE void clf_floyd_multiply(float sums[2][2][CLF_FLOYD_ITEM_PLACES],
                                          const clf_floyd_operands *from, int set,
                                          const clf_floyd_chunks *chunks,
                                          const clf_floyd_item *item, long begin, int count,
                                          const clf_floyd_grad_problem *problem) {
    const long *xy = problem->xy[set];
    const long *xz = problem->xz[set];
    const long *yz = problem->yz[set];
    for (int i = 0; i < 2; ++i)
        for (int j = 0; j < 2; ++j)
            for (int t = 0; t < CLF_FLOYD_ITEM_PLACES; ++t)
                sums[i][j][t] = 0.0f;
    for (int depth = 0; depth < CLF_FLOYD_DEPTH; depth += CLF_FLOYD_DEPTH_CHUNK) {
        /* The chunk before has been read. */
        barrier(CLK_LOCAL_MEM_FENCE);
        clf_floyd_stage(chunks->xy, item, from->xy, xy[2], item->num_x, xy[3], CLF_FLOYD_SIDE,
                        item->num_y, xy[4], depth);
        clf_floyd_stage(chunks->xz, item, from->xz + begin * xz[3], xz[2], item->num_x, xz[3],
                        CLF_FLOYD_KEY_TILE, count, xz[4], depth);
        clf_floyd_stage(chunks->yz, item, from->yz + begin * yz[3], yz[2], item->num_y, yz[3],
                        CLF_FLOYD_KEY_TILE, count, yz[4], depth);
        /* The chunk is there. */
        barrier(CLK_LOCAL_MEM_FENCE);
        clf_floyd_add_products(sums, chunks, item);
    }
}

/* ---- Rows of query's plane ---- */

/* What the group's rows of query's plane have: 8 x `width`, a literal, of which num_x x `count`
 * exist. The addresses are of the first row. L lanes share a row, 16 rows at a time. */
static CLF_INLINE void
clf_floyd_find_rows(const clf_floyd_chunks *chunks, const clf_floyd_item *item,
                    __global const clf_storage *grad_output, const long grad_strides[5],
                    __global const clf_storage *attention, __global const float *maxima,
                    __global const float *sums, uint width, int count,
                    const clf_floyd_grad_problem *problem) {
    __local float *parts = chunks->p;
    for (uint first = 0; first < CLF_FLOYD_SIDE * width;
         first += CLF_FLOYD_GROUP / CLF_FLOYD_LANES) {
        const uint row = first + item->index / CLF_FLOYD_LANES;
        const long x = min((int)(row / width), item->num_x - 1);
        const long other = min((int)(row % width), count - 1);
        float part = 0.0f;
        for (int d = item->lane; d < CLF_FLOYD_DEPTH; d += CLF_FLOYD_LANES)
            part = fma(clf_load(grad_output + x * grad_strides[2] + other * grad_strides[3] +
                                d * grad_strides[4]),
                       clf_load(attention + x * problem->attention[2] +
                                other * problem->attention[3] + d * problem->attention[4]),
                       part);
        /* Parts before, and weights of the tile before, have been read. */
        barrier(CLK_LOCAL_MEM_FENCE);
        parts[item->index] = part;
        /* The parts of all lanes are there. */
        barrier(CLK_LOCAL_MEM_FENCE);
        if (item->lane == 0) {
            float delta = part;
            for (int lane = 1; lane < CLF_FLOYD_LANES; ++lane)
                delta += parts[item->index + (uint)lane];
            chunks->deltas[row] = delta;
            chunks->maxima[row] = maxima[x * problem->max[2] + other * problem->max[3]];
            chunks->inverses[row] = 1.0f / sums[x * problem->sum[2] + other * problem->sum[3]];
        }
    }
    /* The rows are there, and the parts have been read. */
    barrier(CLK_LOCAL_MEM_FENCE);
}

/* ---- Weights ---- */

/* Products become p and ds. `mask`: of the group's first place and the tile's first z. */
static CLF_INLINE void clf_floyd_weigh(float scores[2][2][CLF_FLOYD_ITEM_PLACES],
                                       float dp[2][2][CLF_FLOYD_ITEM_PLACES],
                                       const clf_floyd_chunks *chunks, const clf_floyd_item *item,
                                       __global const uchar *mask, int count,
                                       const clf_floyd_grad_problem *problem) {
    for (int i = 0; i < 2; ++i)
        for (int j = 0; j < 2; ++j)
            for (int t = 0; t < CLF_FLOYD_ITEM_PLACES; ++t) {
                const int x = item->x + i * CLF_FLOYD_SQUARES;
                const int y = item->y + j * CLF_FLOYD_SQUARES;
                const int z = item->lane + t * CLF_FLOYD_LANES;
                const int row =
                    CLF_FLOYD_GRAD_OF == 0 ? clf_floyd_row(item, i, j) : x * CLF_FLOYD_KEY_TILE + z;
                const int place = clf_floyd_row(item, i, j) * CLF_FLOYD_WEIGHT_PITCH + z;
                const bool exists = x < item->num_x && y < item->num_y && z < count;
                float score = scores[i][j][t] * problem->scale;
#if CLF_FLOYD_MASK
                if (exists &&
                    mask[x * problem->mask[2] + y * problem->mask[3] + z * problem->mask[4]] != 0)
                    score = -FLT_MAX;
#endif
                const float p =
                    clf_floyd_exp2(score - chunks->maxima[row], CLF_EXP2_LOG2E, CLF_FLOYD_LOWEST) *
                    chunks->inverses[row];
                chunks->p[place] = exists ? p : 0.0f;
                chunks->ds[place] = exists ? p * (dp[i][j][t] - chunks->deltas[row]) : 0.0f;
            }
}

/* ---- Results ---- */

/* Adds a tile's weights times a chunk of depths: of both keys to the gradient of query, of query
 * and grad_output, which take the places of the keys, to those of the key and the value. */
static CLF_INLINE void
clf_floyd_add_weighted(float out[CLF_FLOYD_RESULTS][2][2][CLF_FLOYD_ITEM_DEPTHS],
                       const clf_floyd_chunks *chunks, const clf_floyd_item *item) {
    for (int z = 0; z < CLF_FLOYD_KEY_TILE; ++z)
        for (int e = 0; e < CLF_FLOYD_ITEM_DEPTHS; ++e) {
            const int d = item->lane + e * CLF_FLOYD_LANES;
            float first[2], second[2];
            for (int i = 0; i < 2; ++i) {
                const int x = item->x + i * CLF_FLOYD_SQUARES;
                const int y = item->y + i * CLF_FLOYD_SQUARES;
                first[i] = chunks->xz[(x * CLF_FLOYD_KEY_TILE + z) * CLF_FLOYD_PITCH + d];
                second[i] = chunks->yz[((CLF_FLOYD_GRAD_OF == 0 ? y : x) * CLF_FLOYD_KEY_TILE + z) *
                                           CLF_FLOYD_PITCH +
                                       d];
            }
            for (int i = 0; i < 2; ++i)
                for (int j = 0; j < 2; ++j) {
                    const int place = clf_floyd_row(item, i, j) * CLF_FLOYD_WEIGHT_PITCH + z;
                    const float ds = chunks->ds[place];
#if CLF_FLOYD_GRAD_OF == 0
                    out[0][i][j][e] = fma(ds, second[j], fma(ds, first[i], out[0][i][j][e]));
#else
                    out[0][i][j][e] = fma(ds, first[i], out[0][i][j][e]);
                    out[1][i][j][e] = fma(chunks->p[place], second[i], out[1][i][j][e]);
#endif
                }
        }
}

/* One of the results; `out` begins at the group's first place. */
static CLF_INLINE void
clf_floyd_store(float sums[CLF_FLOYD_CHUNKS][CLF_FLOYD_RESULTS][2][2][CLF_FLOYD_ITEM_DEPTHS],
                int result, float factor, const clf_floyd_item *item, __global clf_storage *out,
                const long strides[5]) {
    for (int i = 0; i < 2; ++i)
        for (int j = 0; j < 2; ++j) {
            const int x = item->x + i * CLF_FLOYD_SQUARES;
            const int y = item->y + j * CLF_FLOYD_SQUARES;
            if (x >= item->num_x || y >= item->num_y)
                continue;
            for (int c = 0; c < CLF_FLOYD_CHUNKS; ++c)
                for (int e = 0; e < CLF_FLOYD_ITEM_DEPTHS; ++e) {
                    const int d = c * CLF_FLOYD_DEPTH_CHUNK + item->lane + e * CLF_FLOYD_LANES;
                    if (d < CLF_FLOYD_DEPTH)
                        clf_store(sums[c][result][i][j][e] * factor,
                                  out + x * strides[2] + y * strides[3] + d * strides[4]);
                }
        }
}

/* Where head `head` begins in a tensor on a plane, at the places `first` and `second` of it. */
static inline long clf_floyd_origin(long head, const clf_floyd_grad_problem *problem,
                                    const long strides[5], long first, long second) {
    return clf_floyd_head_offset(head, problem->heads, strides) + first * strides[2] +
           second * strides[3];
}

#if CLF_FLOYD_MASK
#define CLF_FLOYD_MASK_PARAMETERS __global const uchar *mask, long mask_offset,
#else
#define CLF_FLOYD_MASK_PARAMETERS
#endif
#if CLF_FLOYD_GRAD_OF == 0
#define CLF_FLOYD_RESULT_PARAMETERS __global clf_storage *grad_query, long grad_query_offset,
#else
#define CLF_FLOYD_RESULT_PARAMETERS                                                                \
    __global clf_storage *grad_key, long grad_key_offset, __global clf_storage *grad_value,        \
        long grad_value_offset,
#endif

__kernel __attribute__((reqd_work_group_size(CLF_FLOYD_GROUP, 1, 1))) void
clf_floyd_attention_grad_portable(
    __global const clf_storage *score_xy, long score_xy_offset,
    __global const clf_storage *score_xz, long score_xz_offset,
    __global const clf_storage *score_yz, long score_yz_offset, __global const clf_storage *dp_xy,
    long dp_xy_offset, __global const clf_storage *dp_xz, long dp_xz_offset,
    __global const clf_storage *dp_yz, long dp_yz_offset, __global const clf_storage *attention,
    long attention_offset, __global const float *softmax_max, long softmax_max_offset,
    __global const float *softmax_sum, long softmax_sum_offset,
    CLF_FLOYD_MASK_PARAMETERS CLF_FLOYD_RESULT_PARAMETERS clf_floyd_grad_problem problem) {
    __local float xy_chunk[CLF_FLOYD_ROWS * CLF_FLOYD_PITCH];
    __local float xz_chunk[CLF_FLOYD_TILE * CLF_FLOYD_PITCH];
    __local float yz_chunk[CLF_FLOYD_TILE * CLF_FLOYD_PITCH];
    __local float p[CLF_FLOYD_ROWS * CLF_FLOYD_WEIGHT_PITCH];
    __local float ds[CLF_FLOYD_ROWS * CLF_FLOYD_WEIGHT_PITCH];
    __local float maxima[CLF_FLOYD_TILE];
    __local float inverses[CLF_FLOYD_TILE];
    __local float deltas[CLF_FLOYD_TILE];
    const clf_floyd_chunks chunks = {xy_chunk, xz_chunk, yz_chunk, p, ds, maxima, inverses, deltas};
    clf_floyd_item item;
    const long head = clf_floyd_find_item(&item, problem.x, problem.y);
    const long x = item.first_x;
    const long y = item.first_y;
    const long query_y = CLF_FLOYD_GRAD_OF == 0 ? y : 0;
    const clf_floyd_operands of_scores = {
        score_xy + score_xy_offset + clf_floyd_origin(head, &problem, problem.xy[0], x, y),
        score_xz + score_xz_offset + clf_floyd_origin(head, &problem, problem.xz[0], x, 0),
        score_yz + score_yz_offset + clf_floyd_origin(head, &problem, problem.yz[0], y, 0)};
    const clf_floyd_operands of_dp = {
        dp_xy + dp_xy_offset + clf_floyd_origin(head, &problem, problem.xy[1], x, y),
        dp_xz + dp_xz_offset + clf_floyd_origin(head, &problem, problem.xz[1], x, 0),
        dp_yz + dp_yz_offset + clf_floyd_origin(head, &problem, problem.yz[1], y, 0)};
    attention += attention_offset + clf_floyd_origin(head, &problem, problem.attention, x, query_y);
    softmax_max += softmax_max_offset + clf_floyd_origin(head, &problem, problem.max, x, query_y);
    softmax_sum += softmax_sum_offset + clf_floyd_origin(head, &problem, problem.sum, x, query_y);
    __global const uchar *tile_mask = 0;
#if CLF_FLOYD_MASK
    mask += mask_offset + clf_floyd_origin(head, &problem, problem.mask, x, y);
#endif
    float out[CLF_FLOYD_CHUNKS][CLF_FLOYD_RESULTS][2][2][CLF_FLOYD_ITEM_DEPTHS];
    for (int c = 0; c < CLF_FLOYD_CHUNKS; ++c)
        for (int result = 0; result < CLF_FLOYD_RESULTS; ++result)
            for (int i = 0; i < 4; ++i)
                for (int e = 0; e < CLF_FLOYD_ITEM_DEPTHS; ++e)
                    out[c][result][i / 2][i % 2][e] = 0.0f;
#if CLF_FLOYD_GRAD_OF == 0
    clf_floyd_find_rows(&chunks, &item, of_dp.xy, problem.xy[1], attention, softmax_max,
                        softmax_sum, CLF_FLOYD_SIDE, item.num_y, &problem);
#endif
    for (long begin = 0; begin < problem.z; begin += CLF_FLOYD_KEY_TILE) {
        const int count = (int)min(problem.z - begin, (long)CLF_FLOYD_KEY_TILE);
        float scores[2][2][CLF_FLOYD_ITEM_PLACES];
        float dp[2][2][CLF_FLOYD_ITEM_PLACES];
#if CLF_FLOYD_GRAD_OF != 0
        clf_floyd_find_rows(
            &chunks, &item, of_dp.xz + begin * problem.xz[1][3], problem.xz[1],
            attention + begin * problem.attention[3], softmax_max + begin * problem.max[3],
            softmax_sum + begin * problem.sum[3], CLF_FLOYD_KEY_TILE, count, &problem);
#endif
        clf_floyd_multiply(scores, &of_scores, 0, &chunks, &item, begin, count, &problem);
        clf_floyd_multiply(dp, &of_dp, 1, &chunks, &item, begin, count, &problem);
#if CLF_FLOYD_MASK
        tile_mask = mask + begin * problem.mask[4];
#endif
        clf_floyd_weigh(scores, dp, &chunks, &item, tile_mask, count, &problem);
        for (int c = 0; c < CLF_FLOYD_CHUNKS; ++c) {
            const int depth = c * CLF_FLOYD_DEPTH_CHUNK;
            const long *xz = problem.xz[0];
            /* The chunk before has been read. */
            barrier(CLK_LOCAL_MEM_FENCE);
            clf_floyd_stage(chunks.xz, &item, of_scores.xz + begin * xz[3], xz[2], item.num_x,
                            xz[3], CLF_FLOYD_KEY_TILE, count, xz[4], depth);
#if CLF_FLOYD_GRAD_OF == 0
            const long *yz = problem.yz[0];
            clf_floyd_stage(chunks.yz, &item, of_scores.yz + begin * yz[3], yz[2], item.num_y,
                            yz[3], CLF_FLOYD_KEY_TILE, count, yz[4], depth);
#else
            const long *grad_output = problem.xz[1];
            clf_floyd_stage(chunks.yz, &item, of_dp.xz + begin * grad_output[3], grad_output[2],
                            item.num_x, grad_output[3], CLF_FLOYD_KEY_TILE, count, grad_output[4],
                            depth);
#endif
            /* The chunk and, the first time, the weights are there. */
            barrier(CLK_LOCAL_MEM_FENCE);
            clf_floyd_add_weighted(out[c], &chunks, &item);
        }
    }
#if CLF_FLOYD_GRAD_OF == 0
    clf_floyd_store(out, 0, problem.scale, &item,
                    grad_query + grad_query_offset +
                        clf_floyd_origin(head, &problem, problem.xy_out[0], x, y),
                    problem.xy_out[0]);
#else
    clf_floyd_store(out, 0, problem.scale, &item,
                    grad_key + grad_key_offset +
                        clf_floyd_origin(head, &problem, problem.xy_out[0], x, y),
                    problem.xy_out[0]);
    clf_floyd_store(out, 1, 1.0f, &item,
                    grad_value + grad_value_offset +
                        clf_floyd_origin(head, &problem, problem.xy_out[1], x, y),
                    problem.xy_out[1]);
#endif
}
