/*
 * Dropout bits for a whole tensor of attention probabilities: bit e % 8 of byte e / 8 is set if
 * element e is kept. The generator and the decision stand in lib/philox.clh.
 *
 * One work-item makes 16 bytes, that is 128 elements or 32 blocks of the generator, eight blocks at
 * a time in the lanes of a vector: lane b's four bits go to bits 4b..4b+3 of a 32-bit word.
 *
 *   global size  ceil(num_elements / 128) or more, any local size
 *   arguments    mask, mask_offset (bytes), num_bytes (a multiple of 16), seed, offset,
 *                drop_probability, bits
 */
#include "lib/philox.clh"

#define CLF_DROPOUT_MASK_BYTES 16

CLF_PHILOX_DEFINE(clf_philox8, uint8)
CLF_DROPOUT_DEFINE(clf_dropout_block8, clf_philox8, uint8)

__kernel void clf_dropout_mask(__global uchar *mask, long mask_offset, long num_bytes, ulong seed,
                               ulong offset, float drop_probability, uint bits) {
    const ulong first_byte = (ulong)get_global_id(0) * CLF_DROPOUT_MASK_BYTES;
    if ((long)first_byte >= num_bytes)
        return;
    const uint threshold = clf_dropout_threshold(drop_probability, bits);
    for (int word = 0; word < CLF_DROPOUT_MASK_BYTES / 4; ++word) {
        /* Neighbouring blocks of an aligned eight differ in the low word only. */
        const ulong block = first_byte * 2 + (ulong)(8 * word);
        const uint8 low = (uint8)((uint)block) + (uint8)(0, 1, 2, 3, 4, 5, 6, 7);
        const uint8 kept =
            clf_dropout_block8(low, (uint8)((uint)(block >> 32)), seed, offset, threshold, bits)
            << (uint8)(0, 4, 8, 12, 16, 20, 24, 28);
        const uint4 pairs = kept.lo | kept.hi;
        const uint2 halves = pairs.lo | pairs.hi;
        const uint combined = halves.x | halves.y;
        vstore4((uchar4)((uchar)combined, (uchar)(combined >> 8), (uchar)(combined >> 16),
                         (uchar)(combined >> 24)),
                0, mask + mask_offset + (long)first_byte + 4 * word);
    }
}
