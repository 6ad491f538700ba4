/*
 * Floyd attention, gradients, for CPU devices: of the scores [N,M,K] only a slab of W keys is stored
 * at a time, for all m and as many n as the workspace holds, usually all.
 *
 *     p[n][m][k]  = exp(scale * query[n][m] . (key1[n][k] + key2[k][m]) - max[n][m]) / sum[n][m]
 *     dp[n][m][k] = grad_output[n][m] . (value1[n][k] + value2[k][m])
 *     ds[n][m][k] = p * (dp - grad_output[n][m] . attention[n][m])
 *
 * Every product is batched over n or over m, so two kinds of launches take turns. A work-group, of
 * one work-item, owns one n (or m), x; it goes along all m (n), y, in chunks of C rows, and keeps
 * its keys and values in local memory, so that whatever is summed is summed by one group:
 *
 *     of n  A  scores = query . key1,  dp = grad_output . value1                  -> slab
 *     of m  B  scores += query . key2, dp += ..., they become p and ds            -> slab
 *           C  grad_query  = (the keys before) + ds . key2                        -> workspace
 *              grad_key2   = scale * ds^T . query, grad_value2 = p^T . grad_output
 *     of n  C  the same with the first ones; after the last keys grad_query is finished
 *           A  of the next W keys, in the place of what has just been read
 *
 * If the slab does not hold all n, it goes through them W keys at a time, and the sums of launches
 * of m are kept in the workspace meanwhile.
 *
 * Workspace of a head, in floats (the step tells the places), with D' of lib/floyd_wide.clh:
 *     delta, max and 1 / sum: [M][3][N];  grad_query: [N][M + 1][D'];  scores and dp, then p and ds:
 *     [n of the slab][M + 1][W] each;  grad_key2 and grad_value2, unless the slab holds all n:
 *     [M][W][D'] each
 * The "+ 1" spreads rows of one m over more sets of the caches.
 *
 * Global size: (n of the slab, or M; heads in the workspace), one work-item per group. Barriers:
 * none. Arguments, in this order; a tensor is its address and an offset in elements:
 *     query, grad_output, key, value, the gradients of the key and the value, workspace (offset in
 *     bytes, a multiple of 64), problem, step; then of n: attention_in, softmax_max, softmax_sum,
 *     grad_query; of m: [mask]
 *
 * Local memory, bytes, with F of lib/floyd_words.clh; F = 2 needs 2 C W more:
 *     4 * (C * (2 D' + 2 W + 3) + W * (2 D / F + D' / F + 2 D'))
 * If F = 2, p and ds of the slab are bf16, in the first half of each row.
 *
 * Macros: lib/floyd_grad_chunk.clh.
 */
#include "lib/floyd_grad_chunk.clh"

/* A group's part of the workspace, from its x on: row y is `pitch` floats behind row y - 1. */
typedef struct clf_floyd_slabs {
    __global float *statistics; /* of x, y; delta, max and 1 / sum are N floats apart */
    long statistics_pitch;
    __global float *query;
    long query_pitch;
    __global float *scores; /* y counted from the slab's first */
    __global float *dp;
    long pitch;               /* of these two */
    __global float *grad_key; /* [W][D'] each, of m */
    __global float *grad_value;
} clf_floyd_slabs;

static CLF_INLINE void clf_floyd_find_slabs(clf_floyd_slabs *slabs, __global float *head, long x,
                                            const clf_floyd_grad_problem *problem,
                                            const clf_floyd_grad_step *step) {
    const long n = CLF_FLOYD_GRAD_OF_N ? problem->x : problem->y;
    const long m = CLF_FLOYD_GRAD_OF_N ? problem->y : problem->x;
    const long query_row = (m + 1) * CLF_FLOYD_PADDED_DEPTH;
    const long slab_row = (m + 1) * CLF_FLOYD_KEYS;
    const long slab_x = CLF_FLOYD_GRAD_OF_N ? (x - step->first_n) * slab_row : x * CLF_FLOYD_KEYS;
    const long keys = CLF_FLOYD_KEYS * CLF_FLOYD_PADDED_DEPTH;
    slabs->statistics = head + (CLF_FLOYD_GRAD_OF_N ? x : x * 3 * n);
    slabs->statistics_pitch = CLF_FLOYD_GRAD_OF_N ? 3 * n : 1;
    slabs->query =
        head + step->query + x * (CLF_FLOYD_GRAD_OF_N ? query_row : CLF_FLOYD_PADDED_DEPTH);
    slabs->query_pitch = CLF_FLOYD_GRAD_OF_N ? CLF_FLOYD_PADDED_DEPTH : query_row;
    slabs->scores = head + step->scores + slab_x;
    slabs->dp = head + step->dp + slab_x;
    slabs->pitch = CLF_FLOYD_GRAD_OF_N ? CLF_FLOYD_KEYS : slab_row;
    slabs->grad_key = head + step->keys + x * keys;
    slabs->grad_value = slabs->grad_key + m * keys;
}

#if !CLF_FLOYD_GRAD_OF_N
/* The sums of the block of keys, between launches. */
static CLF_INLINE void clf_floyd_copy_in(const clf_floyd_local *own, const clf_floyd_slabs *slabs) {
    for (int i = 0; i < CLF_FLOYD_KEYS * CLF_FLOYD_PADDED_DEPTH; i += CLF_WIDE) {
        clf_floyd_put(clf_floyd_read(slabs->grad_key + i), own->grad_key + i);
        clf_floyd_put(clf_floyd_read(slabs->grad_value + i), own->grad_value + i);
    }
}

static CLF_INLINE void clf_floyd_copy_out(const clf_floyd_local *own,
                                          const clf_floyd_slabs *slabs) {
    for (int i = 0; i < CLF_FLOYD_KEYS * CLF_FLOYD_PADDED_DEPTH; i += CLF_WIDE) {
        clf_floyd_write(clf_floyd_get(own->grad_key + i), slabs->grad_key + i);
        clf_floyd_write(clf_floyd_get(own->grad_value + i), slabs->grad_value + i);
    }
}
#endif

/* What is read next: the chunk after y, or the first one, and the keys, of the next x, which the same
 * thread is likely to get. All addresses are x's. */
static CLF_INLINE void
clf_floyd_wish_for_next(clf_floyd_wishes *wishes, const clf_floyd_slabs *slabs,
                        __global const clf_storage *query, __global const clf_storage *grad_output,
                        __global const clf_storage *key, __global const clf_storage *value, long y,
                        long y_begin, long y_end, long panel_key,
                        const clf_floyd_grad_problem *problem) {
    const long element = (long)sizeof(clf_storage);
    const long word = (long)sizeof(float);
    const int row = (int)sizeof(clf_storage) * CLF_FLOYD_DEPTH;
    const bool is_end = y + CLF_FLOYD_CHUNK >= y_end;
    const long next_y = is_end ? y_begin : y + CLF_FLOYD_CHUNK;
    const long next_x = is_end ? 1 : 0;
    const int rows = (int)min(y_end - next_y, (long)CLF_FLOYD_CHUNK);
    const long slab =
        next_x * (CLF_FLOYD_GRAD_OF_N ? (problem->y + 1) * CLF_FLOYD_KEYS : CLF_FLOYD_KEYS) +
        (next_y - y_begin) * slabs->pitch;
    const long sums = next_x * (CLF_FLOYD_GRAD_OF_N ? (problem->y + 1) * CLF_FLOYD_PADDED_DEPTH
                                                    : CLF_FLOYD_PADDED_DEPTH) +
                      next_y * slabs->query_pitch;
    wishes->count = 0;
    wishes->current = 0;
    clf_floyd_wish_for(wishes, query + next_x * problem->xy[0][2] + next_y * problem->xy[0][3],
                       element * problem->xy[0][3], rows, row);
    clf_floyd_wish_for(wishes,
                       grad_output + next_x * problem->xy[1][2] + next_y * problem->xy[1][3],
                       element * problem->xy[1][3], rows, row);
    clf_floyd_wish_for(wishes, slabs->scores + slab, word * slabs->pitch, rows,
                       (int)sizeof(float) * CLF_FLOYD_KEYS);
    clf_floyd_wish_for(wishes, slabs->dp + slab, word * slabs->pitch, rows,
                       (int)sizeof(float) * CLF_FLOYD_KEYS);
    clf_floyd_wish_for(wishes, slabs->query + sums, word * slabs->query_pitch, rows,
                       (int)sizeof(float) * CLF_FLOYD_PADDED_DEPTH);
    if (is_end && panel_key >= 0) {
        const int keys = (int)min(problem->z - panel_key, (long)CLF_FLOYD_KEYS);
        clf_floyd_wish_for(wishes, key + problem->xz[0][2] + panel_key * problem->xz[0][3],
                           element * problem->xz[0][3], keys, row);
        clf_floyd_wish_for(wishes, value + problem->xz[1][2] + panel_key * problem->xz[1][3],
                           element * problem->xz[1][3], keys, row);
    }
}

/* Where head `head` and x begin in a tensor on a plane of x and another axis. */
static CLF_INLINE long clf_floyd_origin(long head, long x, const clf_floyd_grad_problem *problem,
                                        const long strides[5]) {
    return clf_floyd_head_offset(head, problem->heads, strides) + x * strides[2];
}

/* x's keys and values of a block as panels; `key` and `value` are x's. */
static CLF_INLINE void clf_floyd_load_both_panels(const clf_floyd_local *own,
                                                  __global const clf_storage *key,
                                                  __global const clf_storage *value, long begin,
                                                  const clf_floyd_grad_problem *problem) {
    const int count = (int)min(problem->z - begin, (long)CLF_FLOYD_KEYS);
    clf_floyd_load_panels(own->key_panels, key + begin * problem->xz[0][3], problem->xz[0][3],
                          problem->xz[0][4], count);
    clf_floyd_load_panels(own->value_panels, value + begin * problem->xz[1][3], problem->xz[1][3],
                          problem->xz[1][4], count);
}

/* The finished sums of a block of keys of x. */
static CLF_INLINE void clf_floyd_store_keys(__local const float *sums, float factor,
                                            __global clf_storage *out, const long strides[5],
                                            long head, long x, long begin,
                                            const clf_floyd_grad_problem *problem) {
    clf_floyd_store_rows(
        sums, factor, out + clf_floyd_origin(head, x, problem, strides) + begin * strides[3],
        strides[3], strides[4], (int)min(problem->z - begin, (long)CLF_FLOYD_KEYS));
}

#if CLF_FLOYD_GRAD_OF_N
#define CLF_FLOYD_OTHER_PARAMETERS                                                                 \
    , __global const clf_storage *attention, long attention_offset,                                \
        __global const float *softmax_max, long softmax_max_offset,                                \
        __global const float *softmax_sum, long softmax_sum_offset,                                \
        __global clf_storage *grad_query, long grad_query_offset
#elif CLF_FLOYD_MASK
#define CLF_FLOYD_OTHER_PARAMETERS , __global const uchar *mask, long mask_offset
#else
#define CLF_FLOYD_OTHER_PARAMETERS
#endif

__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void clf_floyd_attention_grad_cpu(
    __global const clf_storage *query, long query_offset, __global const clf_storage *grad_output,
    long grad_output_offset, __global const clf_storage *key, long key_offset,
    __global const clf_storage *value, long value_offset, __global clf_storage *grad_key,
    long grad_key_offset, __global clf_storage *grad_value, long grad_value_offset,
    __global uchar *workspace, long workspace_offset, clf_floyd_grad_problem problem,
    clf_floyd_grad_step step CLF_FLOYD_OTHER_PARAMETERS) {
    __local clf_floyd_word query_rows[CLF_FLOYD_CHUNK * CLF_FLOYD_PADDED_DEPTH] CLF_FLOYD_ALIGNED;
    __local clf_floyd_word grad_rows[CLF_FLOYD_CHUNK * CLF_FLOYD_PADDED_DEPTH] CLF_FLOYD_ALIGNED;
    __local float p[CLF_FLOYD_P_SIZE] CLF_FLOYD_ALIGNED;
    __local clf_floyd_word ds[CLF_FLOYD_CHUNK * CLF_FLOYD_KEYS] CLF_FLOYD_ALIGNED;
    __local float statistics[3 * CLF_FLOYD_CHUNK] CLF_FLOYD_ALIGNED;
    __local clf_floyd_word key_rows[CLF_FLOYD_KEY_ROW * CLF_FLOYD_PADDED_DEPTH] CLF_FLOYD_ALIGNED;
    __local clf_floyd_word key_panels[CLF_FLOYD_KEYS * CLF_FLOYD_DEPTH_WORDS] CLF_FLOYD_ALIGNED;
    __local clf_floyd_word value_panels[CLF_FLOYD_KEYS * CLF_FLOYD_DEPTH_WORDS] CLF_FLOYD_ALIGNED;
    __local float key_sums[CLF_FLOYD_KEYS * CLF_FLOYD_PADDED_DEPTH] CLF_FLOYD_ALIGNED;
    __local float value_sums[CLF_FLOYD_KEYS * CLF_FLOYD_PADDED_DEPTH] CLF_FLOYD_ALIGNED;
    const clf_floyd_local own = {query_rows, grad_rows, p,          ds,
                                 statistics, key_rows,  key_panels, value_panels,
                                 key_sums,   value_sums};
    const long head = step.first_head + (long)get_group_id(1);
    const long x = (CLF_FLOYD_GRAD_OF_N ? step.first_n : 0) + (long)get_group_id(0);
    const long y_begin = CLF_FLOYD_GRAD_OF_N ? 0 : step.first_n;
    const long y_end = CLF_FLOYD_GRAD_OF_N ? problem.y : step.first_n + step.num_n;
    const long panel_key = CLF_FLOYD_GRAD_OF_N ? step.next : step.key;
    const int num_keys = (int)min(problem.z - step.key, (long)CLF_FLOYD_KEYS);
    clf_floyd_slabs slabs;
    clf_floyd_find_slabs(&slabs,
                         (__global float *)(workspace + workspace_offset) +
                             (long)get_group_id(1) * step.head_pitch,
                         x, &problem, &step);
    query += query_offset + clf_floyd_origin(head, x, &problem, problem.xy[0]);
    grad_output += grad_output_offset + clf_floyd_origin(head, x, &problem, problem.xy[1]);
    key += key_offset + clf_floyd_origin(head, x, &problem, problem.xz[0]);
    value += value_offset + clf_floyd_origin(head, x, &problem, problem.xz[1]);
    if (panel_key >= 0)
        clf_floyd_load_both_panels(&own, key, value, panel_key, &problem);
    if (step.key >= 0)
        clf_floyd_load_vectors(own.key, key + step.key * problem.xz[0][3], problem.xz[0][3],
                               problem.xz[0][4], num_keys);
#if CLF_FLOYD_GRAD_OF_N
    attention += attention_offset + clf_floyd_origin(head, x, &problem, problem.attention);
    softmax_max += softmax_max_offset + clf_floyd_origin(head, x, &problem, problem.max);
    softmax_sum += softmax_sum_offset + clf_floyd_origin(head, x, &problem, problem.sum);
    grad_query += grad_query_offset + clf_floyd_origin(head, x, &problem, problem.xy_out[0]);
    const bool is_last = step.key >= 0 && step.key + CLF_FLOYD_KEYS >= problem.z;
#else
    __global const uchar *rows_mask = 0;
    const bool goes_on = step.first_n > 0;
    if (goes_on)
        clf_floyd_copy_in(&own, &slabs);
#endif
    for (long y = y_begin; y < y_end; y += CLF_FLOYD_CHUNK) {
        const int count = (int)min(y_end - y, (long)CLF_FLOYD_CHUNK);
        __global float *scores = slabs.scores + (y - y_begin) * slabs.pitch;
        __global float *dp = slabs.dp + (y - y_begin) * slabs.pitch;
        __global float *sums = slabs.query + y * slabs.query_pitch;
        clf_floyd_wishes wishes;
        clf_floyd_wish_for_next(&wishes, &slabs, query, grad_output, key, value, y, y_begin, y_end,
                                panel_key, &problem);
        clf_floyd_load_chunk(&own, query + y * problem.xy[0][3], grad_output + y * problem.xy[1][3],
                             count, &problem);
#if CLF_FLOYD_GRAD_OF_N
        if (step.key >= 0) {
            clf_floyd_load_slab(&own, scores, dp, count);
            clf_floyd_add_chunk(&own, count, y == y_begin, &wishes);
            clf_floyd_add_to_query(CLF_ADDRESS(own.ds), CLF_ADDRESS(own.key), num_keys, sums,
                                   slabs.query_pitch, count, false,
                                   is_last ? CLF_ADDRESS(own.query) : 0, &wishes);
            if (is_last)
                clf_floyd_store_rows((__local const float *)own.query, problem.scale,
                                     grad_query + y * problem.xy_out[0][3], problem.xy_out[0][3],
                                     problem.xy_out[0][4], count);
        }
        if (step.next == 0)
            clf_floyd_find_statistics(&own, slabs.statistics + y * slabs.statistics_pitch,
                                      slabs.statistics_pitch, attention + y * problem.attention[3],
                                      softmax_max + y * problem.max[3],
                                      softmax_sum + y * problem.sum[3], count, &problem);
        if (step.next >= 0) {
            clf_floyd_begin_products(CLF_ADDRESS(own.query), CLF_ADDRESS(own.key_panels), scores,
                                     count, &wishes);
            clf_floyd_begin_products(CLF_ADDRESS(own.grad_output), CLF_ADDRESS(own.value_panels),
                                     dp, count, &wishes);
        }
#else
#if CLF_FLOYD_MASK
        rows_mask = mask + mask_offset + clf_floyd_origin(head, x, &problem, problem.mask) +
                    y * problem.mask[3] + step.key * problem.mask[4];
#endif
        clf_floyd_load_statistics(own.statistics, slabs.statistics + y, problem.y, count);
        clf_floyd_finish_scores(CLF_ADDRESS(own.p), CLF_ADDRESS(own.query),
                                CLF_ADDRESS(own.key_panels), scores, slabs.pitch, count, &wishes);
        clf_floyd_make_p(&own, scores, slabs.pitch, count, num_keys, rows_mask, &problem);
        clf_floyd_finish_dp(CLF_ADDRESS(own.ds), CLF_ADDRESS(own.grad_output),
                            CLF_ADDRESS(own.value_panels), dp, slabs.pitch, count,
                            CLF_ADDRESS(own.p), CLF_ADDRESS(own.statistics), &wishes);
        clf_floyd_pair_weights(CLF_FLOYD_DS_PAIRS(own.ds), own.ds, count);
        clf_floyd_add_chunk(&own, count, y == y_begin && !goes_on, &wishes);
        clf_floyd_add_to_query(CLF_ADDRESS(own.ds), CLF_ADDRESS(own.key), num_keys, sums,
                               slabs.query_pitch, count, step.key == 0, 0, &wishes);
#endif
    }
#if !CLF_FLOYD_GRAD_OF_N
    if (y_end < problem.y) {
        clf_floyd_copy_out(&own, &slabs);
        return;
    }
#endif
    if (step.key >= 0) {
        clf_floyd_store_keys(own.grad_key, problem.scale, grad_key + grad_key_offset,
                             problem.xz_out[0], head, x, step.key, &problem);
        clf_floyd_store_keys(own.grad_value, 1.0f, grad_value + grad_value_offset,
                             problem.xz_out[1], head, x, step.key, &problem);
    }
}
