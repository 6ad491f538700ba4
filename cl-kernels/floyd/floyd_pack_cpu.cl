/*
 * Floyd attention on CPU devices, first step: a head's keys and values become words in the order in
 * which clf_floyd_attention_cpu streams them (lib/floyd_wide.clh), fp32 if not lib/floyd_words.clh. Reading key2 and value2 in place
 * would touch another page, and the same few cache sets, for every key.
 *
 *     key1^T[n][block][d][lane] = key1[n][block * W + lane][d]      the last key beyond K
 *     key2^T[m][block][d][lane] = key2[block * W + lane][m][d]
 *     value2[m][k][d] = value2[k][m][d],  value1[n][k][d] = value1[n][k][d]        zeros beyond D
 *
 * Global size: (N + 2 M [+ N], heads in the workspace), one work-item per group: one row of one of
 * them. Local memory, barriers: none. Arguments, in this order; a tensor is its address and an
 * offset in elements:
 *     key1, value1, key2, value2, workspace (offset in bytes, a multiple of 64), problem,
 *     first_head (of those in the workspace, counted over all batches)
 * Macros: lib/floyd_wide.clh.
 */
#include "lib/floyd_wide.clh"

CLF_TRANSPOSE_DEFINE(clf_floyd_transpose, clf_floyd_words, clf_floyd_word)

/* How many keys ahead of those at hand are asked for: those of one m are pages apart, which the
 * hardware does not foresee. */
#define CLF_FLOYD_KEYS_AHEAD (2 * CLF_WIDE)

/* The keys of one n (m), `pitch` apart. */
static CLF_INLINE void clf_floyd_pack_keys(__global const clf_storage *keys, long pitch,
                                           long stride, long num_keys,
                                           __global clf_floyd_word *packed) {
    for (long begin = 0; begin < num_keys;
         begin += CLF_FLOYD_KEYS, packed += CLF_FLOYD_DEPTH_WORDS * CLF_FLOYD_KEYS)
        for (int lane = 0; lane < CLF_FLOYD_KEYS; lane += CLF_WIDE)
            for (int d = 0; d < CLF_FLOYD_DEPTH; d += CLF_FLOYD_WORDS_DEPTH) {
                const int word = d / CLF_FLOYD_WORD_NUMBERS;
                clf_floyd_words rows[CLF_WIDE];
                for (int i = 0; i < CLF_WIDE; ++i) {
                    __global const clf_storage *row =
                        keys + min(begin + lane + i, num_keys - 1) * pitch;
                    clf_floyd_ask(row + CLF_FLOYD_KEYS_AHEAD * pitch + d * stride);
                    rows[i] = clf_floyd_depth_words(row, stride, d);
                }
                clf_floyd_transpose(rows);
                for (int i = 0; i < min(CLF_WIDE, CLF_FLOYD_DEPTH_WORDS - word); ++i)
                    *(__global clf_floyd_words_unaligned *)(packed + (word + i) * CLF_FLOYD_KEYS +
                                                            lane) = rows[i];
            }
}

static CLF_INLINE void clf_floyd_pack_values(__global const clf_storage *values, long pitch,
                                             long stride, long num_keys,
                                             __global clf_floyd_word *packed) {
    for (long k = 0; k < num_keys; k += CLF_FLOYD_WORD_NUMBERS, packed += CLF_FLOYD_PADDED_DEPTH)
        for (int d = 0; d < CLF_FLOYD_PADDED_DEPTH; d += CLF_WIDE) {
            clf_floyd_ask(values + (k + CLF_FLOYD_KEYS_AHEAD) * pitch + d * stride);
            *(__global clf_floyd_words_unaligned *)(packed + d) =
                d < CLF_FLOYD_DEPTH ? clf_floyd_row_words(values, pitch, stride, k, num_keys, d)
                                    : (clf_floyd_words)(0);
        }
}

__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void clf_floyd_pack_cpu(
    __global const clf_storage *key1, long key1_offset, __global const clf_storage *value1,
    long value1_offset, __global const clf_storage *key2, long key2_offset,
    __global const clf_storage *value2, long value2_offset, __global uchar *workspace,
    long workspace_offset, clf_floyd_problem problem, long first_head) {
    const long index = (long)get_group_id(1);
    const long head = first_head + index;
    clf_floyd_packed packed;
    clf_floyd_find_packed(&packed, workspace + workspace_offset, index, &problem);
    long row = (long)get_group_id(0);
    if (row < problem.n) {
        clf_floyd_pack_keys(key1 + key1_offset + clf_floyd_head(head, &problem, problem.key1) +
                                row * problem.key1[2],
                            problem.key1[3], problem.key1[4], problem.k,
                            packed.key1 + row * packed.key_pitch);
        return;
    }
    row -= problem.n;
    if (row < problem.m) {
        clf_floyd_pack_keys(key2 + key2_offset + clf_floyd_head(head, &problem, problem.key2) +
                                row * problem.key2[3],
                            problem.key2[2], problem.key2[4], problem.k,
                            packed.key2 + row * packed.key_pitch);
        return;
    }
    row -= problem.m;
    if (row < problem.m) {
        clf_floyd_pack_values(value2 + value2_offset +
                                  clf_floyd_head(head, &problem, problem.value2) +
                                  row * problem.value2[3],
                              problem.value2[2], problem.value2[4], problem.k,
                              packed.value2 + row * packed.value_pitch);
        return;
    }
    row -= problem.m;
    clf_floyd_pack_values(value1 + value1_offset + clf_floyd_head(head, &problem, problem.value1) +
                              row * problem.value1[2],
                          problem.value1[3], problem.value1[4], problem.k,
                          packed.value1 + row * packed.value_pitch);
}
