/* Periodic tensor contents; rounding to the storage type is the reference's, not the library's. */
#include "data_source.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "storage_types.h"
#include "terminal.h"

/* A prime near one million: larger than a level 2 cache, quick to generate. Twice that for int4,
 * whose elements come in pairs. */
enum { GENERATED_PERIOD = 1048583 };

size_t dtype_bytes(clf_dtype dtype, uint64_t count) {
    return (size_t)((count * clf_dtype_bits(dtype) + 7) / 8);
}

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
    out->stored = malloc(dtype_bytes(dtype, period));
    return out->stored ? true : fail("no host memory for %zu elements of test data", period);
}

static bool is_whole(clf_dtype dtype) {
    return dtype != CLF_DTYPE_FP32 && dtype != CLF_DTYPE_FP16 && dtype != CLF_DTYPE_BF16;
}

/* Whole numbers from low to high are equally likely. */
static double random_number(clf_dtype dtype, double low, double high, uint64_t *seed) {
    return is_whole(dtype) ? floor(low + (high - low + 1.0) * random_unit(seed))
                           : low + (high - low) * random_unit(seed);
}

static bool uniform_int4(data_source *out, double low, double high, uint64_t seed) {
    if (!allocate(out, CLF_DTYPE_INT4, 2 * (size_t)GENERATED_PERIOD)) {
        return false;
    }
    for (size_t i = 0; i < GENERATED_PERIOD; i++) {
        int first = (int)random_number(CLF_DTYPE_INT4, low, high, &seed);
        int second = (int)random_number(CLF_DTYPE_INT4, low, high, &seed);
        out->stored[i] = (unsigned char)((first & 15) | (second & 15) << 4);
    }
    return true;
}

bool data_source_uniform(data_source *out, clf_dtype dtype, double low, double high,
                         uint64_t seed) {
    if (dtype == CLF_DTYPE_INT4) {
        return uniform_int4(out, low, high, seed);
    }
    if (!allocate(out, dtype, GENERATED_PERIOD)) {
        return false;
    }
    size_t size = clf_dtype_size(dtype);
    for (size_t i = 0; i < out->period; i++) {
        oracle_encode(dtype, random_number(dtype, low, high, &seed), out->stored + i * size);
    }
    return true;
}

bool data_source_fp32_bits(data_source *out, clf_dtype dtype, double low, double high,
                           uint64_t seed) {
    if (!allocate(out, dtype, GENERATED_PERIOD)) {
        return false;
    }
    for (size_t i = 0; i < out->period; i++) {
        uint32_t bits = 0;
        oracle_encode(CLF_DTYPE_FP32, low + (high - low) * random_unit(&seed), &bits);
        uint64_t element = bits;
        memcpy(out->stored + i * sizeof element, &element, sizeof element);
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
    unsigned char *destination = out;
    while (count > 0) {
        size_t begin = (size_t)(first % source->period);
        size_t run = source->period - begin;
        run = run < count ? run : count;
        size_t bytes = dtype_bytes(source->dtype, run);
        memcpy(destination, source->stored + dtype_bytes(source->dtype, begin), bytes);
        destination += bytes;
        first += run;
        count -= run;
    }
}
