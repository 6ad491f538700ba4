/* Periodic tensor contents; rounding to the storage type is the reference's, not the library's. */
#include "data_source.h"

#include <stdlib.h>
#include <string.h>

#include "storage_types.h"
#include "terminal.h"

/* A prime near one million: larger than a level 2 cache, quick to generate. */
enum { GENERATED_PERIOD = 1048583 };

/* splitmix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014). */
uint64_t random_bits(uint64_t *state) {
    uint64_t bits = (*state += UINT64_C(0x9e3779b97f4a7c15));
    bits = (bits ^ (bits >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    bits = (bits ^ (bits >> 27)) * UINT64_C(0x94d049bb133111eb);
    return bits ^ (bits >> 31);
}

static double random_unit(uint64_t *state) {
    return (double)(random_bits(state) >> 11) * 0x1p-53;
}

static bool allocate(data_source *out, clf_dtype dtype, size_t period) {
    *out = (data_source){.dtype = dtype, .period = period};
    out->stored = malloc(period * clf_dtype_size(dtype));
    return out->stored ? true : fail("no host memory for %zu elements of test data", period);
}

bool data_source_uniform(data_source *out, clf_dtype dtype, double low, double high,
                         uint64_t seed) {
    if (!allocate(out, dtype, GENERATED_PERIOD)) {
        return false;
    }
    size_t size = clf_dtype_size(dtype);
    for (size_t i = 0; i < out->period; i++) {
        oracle_encode(dtype, low + (high - low) * random_unit(&seed), out->stored + i * size);
    }
    return true;
}

bool data_source_mask(data_source *out, double probability, uint64_t seed) {
    if (!allocate(out, CLF_DTYPE_BOOL, GENERATED_PERIOD)) {
        return false;
    }
    for (size_t i = 0; i < out->period; i++) {
        out->stored[i] = random_unit(&seed) < probability;
    }
    return true;
}

bool data_source_values(data_source *out, clf_dtype dtype, const float *values, size_t count) {
    if (!allocate(out, dtype, count)) {
        return false;
    }
    size_t size = clf_dtype_size(dtype);
    for (size_t i = 0; i < count; i++) {
        oracle_encode(dtype, (double)values[i], out->stored + i * size);
    }
    return true;
}

bool data_source_bytes(data_source *out, const unsigned char *bytes, size_t count) {
    if (!allocate(out, CLF_DTYPE_BOOL, count)) {
        return false;
    }
    memcpy(out->stored, bytes, count);
    return true;
}

void data_source_release(data_source *source) {
    free(source->stored);
    source->stored = NULL;
}

void data_source_copy(const data_source *source, uint64_t first, size_t count, void *out) {
    size_t size = clf_dtype_size(source->dtype);
    unsigned char *destination = out;
    while (count > 0) {
        size_t begin = (size_t)(first % source->period);
        size_t run = source->period - begin;
        run = run < count ? run : count;
        memcpy(destination, source->stored + begin * size, run * size);
        destination += run * size;
        first += run;
        count -= run;
    }
}
