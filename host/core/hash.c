/* XXH3 behind our own type, so that one file knows the library. */
#include "core/hash.h"

#include <inttypes.h>
#include <stdio.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

clf_i_hash clf_i_hash_bytes(const void *bytes, size_t count) {
    const XXH128_hash_t hash = XXH3_128bits(bytes, count);
    return (clf_i_hash){.low = hash.low64, .high = hash.high64};
}

void clf_i_hash_text(clf_i_hash hash, char text[CLF_I_HASH_TEXT]) {
    snprintf(text, CLF_I_HASH_TEXT, "%016" PRIx64 "%016" PRIx64, hash.high, hash.low);
}
