/* One head of a Floyd problem on the host, for the double-precision reference: each head is a
 * problem by itself, so that the tensors of all heads need not be copied. */
#ifndef CLFORMER_BENCH_FLOYD_REFERENCE_H
#define CLFORMER_BENCH_FLOYD_REFERENCE_H

#include "floyd_bounds.h"
#include "floyd_setup.h"
#include "workload.h"

typedef struct floyd_reference {
    size_t num_tensors;
    tensor_info tensors[MAX_TENSORS];
    void *contents[MAX_TENSORS];
    oracle_floyd_inputs inputs;
} floyd_reference;

/* `head`: counted over all batch elements. Inputs come from where the device's came from, results
 * from the device. False after fail(); ends with floyd_reference_close, also then. */
bool floyd_reference_open(floyd_reference *out, const workload *load, int64_t head);
void floyd_reference_close(floyd_reference *reference);

/* The tensor of a slot that the problem has. */
oracle_tensor floyd_reference_tensor(const floyd_reference *reference, clf_slot slot);

/* Where a head begins in a tensor of all heads, in elements; the mask may be one for all heads. */
uint64_t floyd_head_begin(const floyd_problem *problem, const tensor_info *of_one_head,
                          int64_t head);

/* Whether results computed in fp32 in another order, of all heads, are the operator's: some rows of
 * the first and the last head differ by no more than roundings explain. `results`: attention_out
 * alone, or the five gradients in the order of the arguments. */
bool floyd_is_right(const workload *load, float *const *results);

#endif
