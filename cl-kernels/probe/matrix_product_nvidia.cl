/*
 * Whether lib/nvidia_warp.clh works here: product := left * right^T for 16 x 16 numbers, fp16, in
 * row-major order; the product in fp32. One warp.
 *
 * left, right, product: at multiples of 16 bytes. Local memory: 1 KiB.
 */
#ifndef CLF_DTYPE
#define CLF_DTYPE 1
#endif
#include "lib/nvidia_warp.clh"

__kernel __attribute__((reqd_work_group_size(CLF_WARP_SIZE, 1, 1))) void
clf_probe_matrix_product_nvidia(__global const ushort *left, __global const ushort *right,
                                __global float *product, long left_offset, long right_offset,
                                long product_offset) {
    __local uint4 memory[64];
    const uint tile = clf_warp_shared_address(memory);
    const int lane = (int)get_local_id(0);
    const int row = lane & 15, chunk = lane >> 4;
    uint left_words[4], right_words[4];
    float sums[2][4] = {{0.0f, 0.0f, 0.0f, 0.0f}, {0.0f, 0.0f, 0.0f, 0.0f}};
    clf_warp_copy(tile + (uint)(32 * row + 16 * chunk), left + left_offset + 16 * row + 8 * chunk,
                  16u);
    clf_warp_copy(tile + (uint)(512 + 32 * row + 16 * chunk),
                  right + right_offset + 16 * row + 8 * chunk, 16u);
    clf_warp_copy_commit();
    CLF_WARP_COPY_WAIT(0);
    /* Both matrices are there. */
    barrier(CLK_LOCAL_MEM_FENCE);
    clf_warp_load_matrices(left_words, tile + (uint)(32 * row + 16 * chunk));
    clf_warp_load_matrices(right_words, tile + (uint)(512 + 32 * ((lane & 7) + (lane >> 4) * 8) +
                                                      16 * (lane >> 3 & 1)));
    clf_warp_multiply_add(sums[0], left_words, right_words[0], right_words[1]);
    clf_warp_multiply_add(sums[1], left_words, right_words[2], right_words[3]);
    for (int i = 0; i < 8; ++i)
        product[product_offset + (lane / 4 + 8 * (i / 2 % 2)) * 16 + 8 * (i / 4) + 2 * (lane % 4) +
                i % 2] = sums[i / 4][i % 4];
}
