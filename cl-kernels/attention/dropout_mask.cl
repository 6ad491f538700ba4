/*
 * Dropout bits for a whole tensor of attention probabilities: bit e % 8 of byte e / 8 is set if
 * element e is kept. The generator and the decision stand in lib/philox.clh.
 *
 * One work-item makes 16 bytes, that is 128 elements or 32 blocks of the generator: sixteen blocks
 * at a time in the lanes of a vector, four bits from each.
 *
 *   global size  num_bytes / 16 or more, any local size
 *   arguments    mask, mask_offset (bytes), num_bytes (a multiple of 16), seed, offset,
 *                drop_probability, bits
 */
#include "lib/philox.clh"

#define CLF_DROPOUT_MASK_BYTES 16 /* of a work-item */
#define CLF_DROPOUT_MASK_STEP  8  /* of a vector */

CLF_PHILOX_DEFINE(clf_philox16, uint16, CLF_PHILOX_MULTIPLY_PAIRS)
CLF_DROPOUT_DEFINE(clf_dropout_block16, clf_philox16, uint16)

__kernel void clf_dropout_mask(__global uchar *mask, long mask_offset, long num_bytes, ulong seed,
                               ulong offset, float drop_probability, uint bits) {
    const long begin = (long)get_global_id(0) * CLF_DROPOUT_MASK_BYTES;
    if (begin >= num_bytes)
        return;
    const uint threshold = clf_dropout_threshold(drop_probability, bits);
    for (long byte = begin; byte < begin + CLF_DROPOUT_MASK_BYTES; byte += CLF_DROPOUT_MASK_STEP) {
        /* Blocks of an aligned sixteen differ in the low half of their number only. */
        const ulong block = (ulong)byte * 2;
        const uint16 low =
            (uint16)((uint)block) + (uint16)(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
        const uint16 kept =
            clf_dropout_block16(low, (uint16)((uint)(block >> 32)), seed, offset, threshold, bits);
        uint lanes[16];
        vstore16(kept, 0, lanes);
        for (int i = 0; i < CLF_DROPOUT_MASK_STEP; ++i)
            mask[mask_offset + byte + i] = (uchar)(lanes[2 * i] | lanes[2 * i + 1] << 4);
    }
}
