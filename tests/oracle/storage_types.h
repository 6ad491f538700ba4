/* The bits of the storage types: fp16, bf16 and fp32 to double, and back to nearest even. */
#ifndef CLF_TESTS_STORAGE_TYPES_H
#define CLF_TESTS_STORAGE_TYPES_H

#include <clformer/tensor.h>

/* Bytes per element. */
size_t oracle_dtype_size(clf_dtype dtype);

/* The element's value; masks give 0 or their byte. Exact. */
double oracle_decode(clf_dtype dtype, const void *element);

/* Rounds to nearest, ties to even, and stores; too large becomes infinity. NaN stays NaN. */
void oracle_encode(clf_dtype dtype, double value, void *element);

/* The value after a round trip through the storage type. */
double oracle_round(clf_dtype dtype, double value);

/* Distance between neighbouring values of the type at |value|. */
double oracle_ulp(clf_dtype dtype, double value);

/* Largest finite value and smallest positive one. */
double oracle_largest(clf_dtype dtype);
double oracle_smallest(clf_dtype dtype);

#endif
