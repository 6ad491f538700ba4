/* The bits of the storage types: to double, and back; floating-point types to nearest even. */
#ifndef CLF_TESTS_STORAGE_TYPES_H
#define CLF_TESTS_STORAGE_TYPES_H

#include <clformer/tensor.h>

/* Bytes per element; not of int4. */
size_t oracle_dtype_size(clf_dtype dtype);

/* The element's value; masks give 0 or their byte. Exact, but for 64-bit integers. */
double oracle_decode(clf_dtype dtype, const void *element);

/* An int4, numbered from the buffer's start. */
double oracle_decode_int4(const void *bytes, int64_t place);

/* Rounds to nearest, ties to even, and stores; too large becomes infinity. NaN stays NaN.
 * Integer types: the value must be one of theirs. */
void oracle_encode(clf_dtype dtype, double value, void *element);

/* The value after a round trip through the storage type. */
double oracle_round(clf_dtype dtype, double value);

/* Distance between neighbouring values of the type at |value|. */
double oracle_ulp(clf_dtype dtype, double value);

/* Largest finite value and smallest positive one. */
double oracle_largest(clf_dtype dtype);
double oracle_smallest(clf_dtype dtype);

#endif
