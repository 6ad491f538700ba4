/*
 * Whether lib/dot_products.clh works here: sums[i] := sums[i] + the dot product of pairs a[i] and b[i].
 * Where the compiler does not know the instruction, sums stay as they are.
 *
 * One work-item. a, b, sums: 16 words each, at multiples of 64 bytes.
 */
#include "lib/dot_products.clh"

#if CLF_HAS_DOT
CLF_BF16_DOT_FUNCTION clf_probe_add(__global float *sums, __global const int *a,
                                    __global const int *b) {
    *(__global clf_dot_floats *)sums =
        CLF_BF16_DOT_ADD(*(__global clf_dot_floats *)sums, *(__global const clf_dot_words *)a,
                         *(__global const clf_dot_words *)b);
}
#endif

__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
clf_probe_bf16_dot_cpu(__global const int *a, __global const int *b, __global float *sums) {
#if CLF_HAS_DOT
    clf_probe_add(sums, a, b);
#endif
}
