/*
 * Fused attention, forward, on the tensor cores of NVIDIA GPUs (lib/nvidia_warp.clh): fp16 and bf16
 * numbers, fp32 sums. Formulas: flash_attention_portable.cl.
 *
 * Algorithm: FlashAttention-2 (Dao, 2023). Each of W warps owns B blocks of 16 packed rows: its
 * queries, as left factors, and its results stay in registers. Keys and values pass through a ring
 * of G stages in local memory, T of each at a time, asked for G - 1 stages ahead. K keys at a time
 * (K divides T) become scores, powers, and, since a sum is packed into a left factor in place,
 * results:
 *
 *         stage: T keys, then T values           row of a tile, D' = 64 or 128 depths:
 *       +--------+--------+--------+             chunk c of 8 depths lies at chunk c ^ (row % 8),
 *       |        |        |  ...   | G stages    so that the 8 rows of a matrix lie in 8 groups of
 *       +--------+--------+--------+             banks
 *
 * Powers are relative to a reference that follows the row's maximum only when that exceeds it by
 * more than 2^8: results are rarely scaled.
 *
 * Masked pairs have power zero; times a value that is infinite or NaN that is NaN. If any result is
 * not finite, or query, key or value does not begin at a multiple of 16 bytes, the first int of the workspace becomes
 * 1, and the host's next launch computes everything again (CLF_ATTENTION_ONLY_IF_FLAGGED).
 *
 * Global size: 32 * W work-items for each unit; local size 32 * W; one axis. Arguments: those of
 * flash_attention_portable.cl. Strides are multiples of 8 elements; along depths, of query, key,
 * value and output, 1. Depths D and Dv are multiples of 8.
 * Local memory, bytes:  2 * D' * max(G * 2 * T, 16 * W * B)
 *
 *   macro                        default  meaning
 *   CLF_ATTENTION_PADDED_DEPTH   64       D', 64 or 128, at least D
 *   CLF_ATTENTION_WARPS          4        W
 *   CLF_ATTENTION_ROW_BLOCKS     2        B; CLF_ATTENTION_ROWS is 16 * W * B
 *   CLF_ATTENTION_KEY_TILE       64       T, a multiple of 16; 4 * W divides T * D' / 64
 *   CLF_ATTENTION_SOFTMAX_KEYS   32       K, a multiple of 16
 *   CLF_ATTENTION_STAGES         3        G, at least 2
 *   CLF_DTYPE                    fp16     or bf16
 */
#ifndef CLF_DTYPE
#define CLF_DTYPE 1
#endif
#ifndef CLF_ATTENTION_PADDED_DEPTH
#define CLF_ATTENTION_PADDED_DEPTH 64
#endif
#ifndef CLF_ATTENTION_WARPS
#define CLF_ATTENTION_WARPS 4
#endif
#ifndef CLF_ATTENTION_ROW_BLOCKS
#define CLF_ATTENTION_ROW_BLOCKS 2
#endif
#ifndef CLF_ATTENTION_KEY_TILE
#define CLF_ATTENTION_KEY_TILE 64
#endif
#ifndef CLF_ATTENTION_SOFTMAX_KEYS
#define CLF_ATTENTION_SOFTMAX_KEYS 32
#endif
#ifndef CLF_ATTENTION_STAGES
#define CLF_ATTENTION_STAGES 3
#endif
#define CLF_ATTENTION_WARP_ROWS        (16 * CLF_ATTENTION_ROW_BLOCKS)
#define CLF_ATTENTION_ROWS             (CLF_ATTENTION_WARPS * CLF_ATTENTION_WARP_ROWS)
#define CLF_ATTENTION_DEPTH_CONTIGUOUS 1
#include "lib/attention_warp.clh"

/* ---- Results ---- */

CLF_WARP_INLINE void
clf_attention_multiply_values(clf_attention_lane *lane,
                              uint powers[CLF_ATTENTION_ROW_BLOCKS][CLF_ATTENTION_SCORE_SUMS][2],
                              uint values) {
    const int row = lane->lane & 15, chunk = lane->lane >> 4;
#pragma unroll
    for (int n = 0; n < CLF_ATTENTION_SCORE_SUMS; n += 2) {
#pragma unroll
        for (int d = 0; d < CLF_ATTENTION_SUMS; d += 2) {
            uint right[4];
            clf_warp_load_transposed(right, values + CLF_ATTENTION_PLACE(8 * n + row, d + chunk));
#pragma unroll
            for (int b = 0; b < CLF_ATTENTION_ROW_BLOCKS; ++b) {
                const uint left[4] = {powers[b][n][0], powers[b][n][1], powers[b][n + 1][0],
                                      powers[b][n + 1][1]};
                clf_warp_multiply_add(lane->out[b][d], left, right[0], right[1]);
                clf_warp_multiply_add(lane->out[b][d + 1], left, right[2], right[3]);
            }
        }
    }
}

/* The K keys and values that begin at key `begin` and lie at these shared addresses. */
CLF_WARP_INLINE void clf_attention_add_keys(clf_attention_lane *lane, clf_attention_query query,
                                            uint keys, uint values,
                                            const clf_attention_group *group,
                                            const clf_attention_tensors *tensors,
                                            const clf_attention_problem *problem, int begin) {
    clf_attention_scores scores;
    uint powers[CLF_ATTENTION_ROW_BLOCKS][CLF_ATTENTION_SCORE_SUMS][2];
    uint kept[CLF_ATTENTION_ROW_BLOCKS][2];
    float factor = problem->score_factor;
    clf_attention_multiply_keys(scores, query, keys, lane->lane);
    /* Biases are added to logits; else the larger score must be the larger logit. */
    if (CLF_ATTENTION_BIAS || factor <= 0.0f) {
        const float by = CLF_ATTENTION_BIAS || factor == 0.0f ? factor : -1.0f;
        factor = CLF_ATTENTION_BIAS || factor == 0.0f ? 1.0f : -factor;
#pragma unroll
        for (int b = 0; b < CLF_ATTENTION_ROW_BLOCKS; ++b) {
#pragma unroll
            for (int i = 0; i < 4 * CLF_ATTENTION_SCORE_SUMS; ++i)
                scores[b][i / 4][i % 4] *= by;
        }
    }
#pragma unroll
    for (int b = 0; b < CLF_ATTENTION_ROW_BLOCKS; ++b)
        kept[b][0] = kept[b][1] = ~0u;
    if (CLF_ATTENTION_PAIRS_DIFFER || begin < lane->seen_begin ||
        begin + CLF_ATTENTION_SOFTMAX_KEYS > lane->seen_end)
        clf_attention_adjust_scores(scores, kept, lane, group, tensors, problem,
                                    begin + 2 * (lane->lane & 3));
#pragma unroll
    for (int b = 0; b < CLF_ATTENTION_ROW_BLOCKS; ++b)
        clf_attention_make_powers(powers[b], lane, b, scores[b], kept[b], factor);
    clf_attention_multiply_values(lane, powers, values);
}

/* ---- The end ---- */

/* Statistics of a row from all lanes' sums; the sum becomes relative to the maximum. Returns the
 * factor of the row's results. */
CLF_WARP_INLINE float clf_attention_finish_row(clf_attention_lane *lane, int b, int side,
                                               const clf_attention_problem *problem) {
    const float sum = clf_attention_row_sum(lane->sum[b][side]);
    lane->sum[b][side] =
        sum == 0.0f ? 0.0f : sum * clf_warp_exp2(lane->reference[b][side] - lane->maximum[b][side]);
#if CLF_ATTENTION_SPLIT
    return sum == 0.0f ? 0.0f : clf_warp_exp2(lane->reference[b][side] - lane->maximum[b][side]);
#else
    return sum == 0.0f ? 0.0f : problem->keep_scale / sum;
#endif
}

/* Stores a row's results times `factor`, by the four lanes that share it. */
CLF_WARP_INLINE void clf_attention_store_row(const clf_attention_lane *lane, int b, int side,
                                             float factor, const clf_attention_group *group,
                                             const clf_attention_tensors *tensors,
                                             const clf_attention_problem *problem) {
    const int tile_row = clf_attention_lane_row(lane, b, side);
    const int column = 2 * (lane->lane & 3);
    clf_attention_row place;
    clf_attention_find_tile_row(&place, group, problem, tile_row);
#if CLF_ATTENTION_SPLIT
    __global float *partial =
        tensors->partial + group->unit * CLF_ATTENTION_PARTIAL_SIZE + tile_row;
    if (column == 0) {
        partial[0] = lane->maximum[b][side];
        partial[CLF_ATTENTION_ROWS] = lane->sum[b][side];
    }
#else
    __global clf_storage *out = tensors->out + group->sequence->out_offset +
                                place.head * problem->out_strides[CLF_STRIDE_HEAD] +
                                place.row * problem->out_strides[CLF_STRIDE_TOKEN];
    const bool stores_pairs = clf_is_aligned(out, 4);
    if (column == 0)
        clf_attention_store_statistics(tensors, problem, group->sequence, &place,
                                       lane->maximum[b][side], lane->sum[b][side]);
#endif
#pragma unroll
    for (int d = 0; d < CLF_ATTENTION_SUMS; ++d) {
        const int depth = 8 * d + column;
        if (depth < CLF_ATTENTION_VALUE_DEPTH) {
            const float first = lane->out[b][d][2 * side] * factor;
            const float second = lane->out[b][d][2 * side + 1] * factor;
#if CLF_ATTENTION_SPLIT
            partial[(2 + depth) * CLF_ATTENTION_ROWS] = first;
            partial[(3 + depth) * CLF_ATTENTION_ROWS] = second;
#else
            const uint pair = clf_warp_pack(first, second);
            if (stores_pairs) {
                *(__global uint *)(out + depth) = pair;
            } else {
                out[depth] = (ushort)pair;
                out[depth + 1] = (ushort)(pair >> 16);
            }
#endif
        }
    }
}

/* The rows of `empty`, one bit for each row of the warp, get the mean of all values. */
CLF_WARP_INLINE void clf_attention_store_means(const clf_attention_lane *lane, uint empty,
                                               const clf_attention_group *group,
                                               const clf_attention_tensors *tensors,
                                               const clf_attention_problem *problem) {
#pragma unroll 1
    for (int row = 0; row < CLF_ATTENTION_WARP_ROWS; ++row) {
        if ((empty >> row & 1u) == 0u)
            continue;
        clf_attention_row place;
        clf_attention_find_tile_row(&place, group, problem, lane->first_row + row);
#pragma unroll 1
        for (int d = lane->lane; d < CLF_ATTENTION_VALUE_DEPTH; d += CLF_WARP_SIZE)
            clf_attention_store_depth(tensors, problem, group->sequence, &place, 0.0f, 0.0f, d);
    }
}

/* Stores everything; returns whether all of it is finite. */
CLF_WARP_INLINE bool clf_attention_finish(clf_attention_lane *lane,
                                          const clf_attention_group *group,
                                          const clf_attention_tensors *tensors,
                                          const clf_attention_problem *problem) {
    uint empty = 0u;
    float check = 0.0f; /* NaN once something is not finite */
#pragma unroll
    for (int b = 0; b < CLF_ATTENTION_ROW_BLOCKS; ++b) {
#pragma unroll
        for (int side = 0; side < 2; ++side) {
            const float factor = clf_attention_finish_row(lane, b, side, problem);
            const bool is_row = clf_attention_lane_row(lane, b, side) < group->num_rows;
            const bool is_mean = !CLF_ATTENTION_SPLIT && lane->sum[b][side] == 0.0f &&
                                 !problem->empty_rows_are_zero && group->sequence->key_length > 0;
            check = fma(lane->sum[b][side], 0.0f, check);
#pragma unroll
            for (int d = 0; d < CLF_ATTENTION_SUMS; ++d)
                check = fma(lane->out[b][d][2 * side] * factor, 0.0f,
                            fma(lane->out[b][d][2 * side + 1] * factor, 0.0f, check));
            if (is_row)
                clf_attention_store_row(lane, b, side, factor, group, tensors, problem);
            if (is_row && is_mean)
                empty |= 1u << (16 * b + 8 * side + (lane->lane >> 2));
        }
    }
#pragma unroll
    for (uint lanes = 4u; lanes < CLF_WARP_SIZE; lanes *= 2u)
        empty |= clf_warp_shuffle_xor(empty, lanes);
    /* The zeros of these rows, stored by other lanes, come first. */
    barrier(CLK_GLOBAL_MEM_FENCE);
    clf_attention_store_means(lane, empty, group, tensors, problem);
    return check == 0.0f;
}

/* ---- The beginning ---- */

/* Which keys all rows of the warp see. */
CLF_WARP_INLINE void clf_attention_find_seen(clf_attention_lane *lane,
                                             const clf_attention_group *group,
                                             const clf_attention_problem *problem) {
    clf_attention_row place;
    clf_attention_find_tile_row(&place, group, problem,
                                lane->first_row + lane->lane % CLF_ATTENTION_WARP_ROWS);
    lane->seen_begin = place.key_begin;
    lane->seen_end = place.key_end;
#pragma unroll
    for (uint lanes = 1u; lanes < CLF_WARP_SIZE; lanes *= 2u) {
        const int begin = (int)clf_warp_shuffle_xor((uint)lane->seen_begin, lanes);
        const int end = (int)clf_warp_shuffle_xor((uint)lane->seen_end, lanes);
        lane->seen_begin = begin > lane->seen_begin ? begin : lane->seen_begin;
        lane->seen_end = end < lane->seen_end ? end : lane->seen_end;
    }
}

CLF_WARP_INLINE void clf_attention_begin(clf_attention_lane *lane, const clf_attention_group *group,
                                         const clf_attention_problem *problem) {
    lane->lane = (int)get_local_id(0) % CLF_WARP_SIZE;
    lane->first_row = (int)get_local_id(0) / CLF_WARP_SIZE * CLF_ATTENTION_WARP_ROWS;
    clf_attention_find_seen(lane, group, problem);
#pragma unroll
    for (int b = 0; b < CLF_ATTENTION_ROW_BLOCKS; ++b) {
        lane->reference[b][0] = lane->reference[b][1] = -INFINITY;
        lane->maximum[b][0] = lane->maximum[b][1] = -INFINITY;
        lane->sum[b][0] = lane->sum[b][1] = 0.0f;
#pragma unroll
        for (int d = 0; d < CLF_ATTENTION_SUMS; ++d)
            lane->out[b][d][0] = lane->out[b][d][1] = lane->out[b][d][2] = lane->out[b][d][3] =
                0.0f;
    }
}

__kernel __attribute__((reqd_work_group_size(CLF_ATTENTION_GROUP_SIZE, 1, 1))) void
clf_flash_attention_nvidia(CLF_ATTENTION_PARAMETERS) {
    __local uint4 memory[CLF_ATTENTION_LOCAL_BYTES / 16];
    CLF_ATTENTION_GATHER_TENSORS(tensors);
    __global int *flag = (__global int *)(workspace + workspace_offset);
    if (!clf_is_aligned(tensors.query, 16) || !clf_is_aligned(tensors.key, 16) ||
        !clf_is_aligned(tensors.value, 16)) {
        *flag = 1;
        return;
    }
    clf_attention_group group;
    clf_attention_find_unit(&group, sequences, tiles, &problem);
    const long key_head = clf_attention_key_head(&problem, group.head);
    __global const clf_storage *keys =
        tensors.key + group.sequence->key_offset + key_head * problem.key_strides[CLF_STRIDE_HEAD];
    __global const clf_storage *values = tensors.value + group.sequence->value_offset +
                                         key_head * problem.value_strides[CLF_STRIDE_HEAD];
    const int end = (int)group.tile->key_end;
    int begin = (int)group.tile->key_begin;
    const uint ring = clf_warp_shared_address(memory);

    clf_attention_lane lane;
    clf_attention_begin(&lane, &group, &problem);
    clf_attention_query query_factors;
    clf_attention_copy_query(ring, &group, tensors.query, &problem);
    clf_warp_copy_commit();
    CLF_WARP_COPY_WAIT(0);
    /* All rows of the queries are there. */
    barrier(CLK_LOCAL_MEM_FENCE);
    clf_attention_load_query(query_factors, ring, &lane);
    /* All rows of the queries have been read. */
    barrier(CLK_LOCAL_MEM_FENCE);

#pragma unroll
    for (int s = 0; s < CLF_ATTENTION_STAGES - 1; ++s)
        clf_attention_copy_stage(ring + s * 2 * CLF_ATTENTION_TILE_BYTES, keys, values,
                                 begin + s * CLF_ATTENTION_KEY_TILE, end, &problem);
    int stage = 0, free_stage = CLF_ATTENTION_STAGES - 1;
#pragma unroll 1
    for (; begin < end; begin += CLF_ATTENTION_KEY_TILE) {
        const uint tile = ring + stage * 2 * CLF_ATTENTION_TILE_BYTES;
        CLF_WARP_COPY_WAIT(CLF_ATTENTION_STAGES - 2);
        /* The stage is there; the one before it has been read. */
        barrier(CLK_LOCAL_MEM_FENCE);
        clf_attention_copy_stage(ring + free_stage * 2 * CLF_ATTENTION_TILE_BYTES, keys, values,
                                 begin + (CLF_ATTENTION_STAGES - 1) * CLF_ATTENTION_KEY_TILE, end,
                                 &problem);
#pragma unroll 1
        for (int k = 0; k < CLF_ATTENTION_KEY_TILE; k += CLF_ATTENTION_SOFTMAX_KEYS)
            clf_attention_add_keys(&lane, query_factors, tile + k * CLF_ATTENTION_ROW_BYTES,
                                   tile + CLF_ATTENTION_TILE_BYTES + k * CLF_ATTENTION_ROW_BYTES,
                                   &group, &tensors, &problem, begin + k);
        stage = stage == CLF_ATTENTION_STAGES - 1 ? 0 : stage + 1;
        free_stage = free_stage == CLF_ATTENTION_STAGES - 1 ? 0 : free_stage + 1;
    }
    if (!clf_attention_finish(&lane, &group, &tensors, &problem))
        *flag = 1;
}
