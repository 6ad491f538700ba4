/*
 * Floyd attention by slabs: a matrix copied for each x, converted, its axes in any order:
 *
 *     to[x][y][z] = factor * from[x][y][z] [ / divisor[x][y] ]
 *
 * Inputs become fp32 with a step between rows that products want, transposed or not; results get the
 * caller's type and strides. Work-item (z, y, x) copies one element.
 *
 * Global size: ceil(Z / 16) * 16, ceil(Y / 4) * 4, X. Arguments: from, to, [divisor,] each a buffer
 * and an offset in elements, and the struct. Local memory: none.
 *
 *   macro                default   meaning
 *   CLF_FLOYD_FROM       0         type of `from`, a number of clf_dtype: fp32, fp16, bf16
 *   CLF_FLOYD_TO         0         type of `to`: the same
 *   CLF_FLOYD_DIVIDES    0         1: there is a divisor, fp32
 */
#include "lib/elements.clh"

#ifndef CLF_FLOYD_FROM
#define CLF_FLOYD_FROM 0
#endif
#ifndef CLF_FLOYD_TO
#define CLF_FLOYD_TO 0
#endif
#ifndef CLF_FLOYD_DIVIDES
#define CLF_FLOYD_DIVIDES 0
#endif

/* The same layout as clf_i_floyd_copy in host/floyd. Bases and strides count elements. */
typedef struct clf_floyd_copy {
    long sizes[3]; /* X, Y, Z */
    long from_base;
    long from_strides[3];
    long to_base;
    long to_strides[3];
    long divisor_strides[2];
    float factor;
    uint unused;
} clf_floyd_copy;

#if CLF_FLOYD_DIVIDES
#define CLF_FLOYD_DIVISOR_PARAMETERS __global const float *divisor, long divisor_offset,
#else
#define CLF_FLOYD_DIVISOR_PARAMETERS
#endif

__kernel __attribute__((reqd_work_group_size(16, 4, 1))) void
clf_floyd_slab_copy(__global const void *from, long from_offset, __global void *to, long to_offset,
                    CLF_FLOYD_DIVISOR_PARAMETERS clf_floyd_copy copy) {
    const long z = (long)get_global_id(0);
    const long y = (long)get_global_id(1);
    const long x = (long)get_global_id(2);
    if (y >= copy.sizes[1] || z >= copy.sizes[2])
        return;
    const long from_place = from_offset + copy.from_base + x * copy.from_strides[0] +
                            y * copy.from_strides[1] + z * copy.from_strides[2];
    const long to_place = to_offset + copy.to_base + x * copy.to_strides[0] +
                          y * copy.to_strides[1] + z * copy.to_strides[2];
    float value = CLF_OF(clf_element_load, CLF_FLOYD_FROM)(from, from_place) * copy.factor;
#if CLF_FLOYD_DIVIDES
    value /= divisor[divisor_offset + x * copy.divisor_strides[0] + y * copy.divisor_strides[1]];
#endif
    CLF_OF(clf_element_store, CLF_FLOYD_TO)(value, to, to_place);
}
