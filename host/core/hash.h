/* 128-bit hashes for cache names and checksums (XXH3; not for adversaries: keys are compared too).
 */
#ifndef CLF_CORE_HASH_H
#define CLF_CORE_HASH_H

#include <stddef.h>
#include <stdint.h>

typedef struct clf_i_hash {
    uint64_t low;
    uint64_t high;
} clf_i_hash;

clf_i_hash clf_i_hash_bytes(const void *bytes, size_t count);

#define CLF_I_HASH_TEXT 33 /* 32 hexadecimal digits and the terminating zero */
void clf_i_hash_text(clf_i_hash hash, char text[CLF_I_HASH_TEXT]);

#endif
