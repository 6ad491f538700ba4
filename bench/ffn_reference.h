/* The double-precision reference of an FFN workload, for the device's result and for peers'. */
#ifndef CLFORMER_BENCH_FFN_REFERENCE_H
#define CLFORMER_BENCH_FFN_REFERENCE_H

#include "ffn_bounds.h"
#include "ffn_setup.h"
#include "workload.h"

typedef struct ffn_reference {
    clf_tensor views[MAX_TENSORS];
    void *contents[MAX_TENSORS]; /* of the inputs, as stored */
    ffn_call call;
    oracle_ffn_inputs inputs;
} ffn_reference;

/* False after fail(); ends with ffn_reference_close, also then. Must stay where it was opened. */
bool ffn_reference_open(ffn_reference *out, const workload *load);
void ffn_reference_close(ffn_reference *reference);

/* The token of sample `index` of `count`: the first, the last, or any of its share of all, so that
 * they lie in order. Advances the seed. */
int64_t ffn_sample_token(int64_t num_tokens, size_t index, size_t count, uint64_t *seed);

/* Tokens that a sample may have: as many as a second or so allows, weights included. */
size_t ffn_sample_size(const workload *load);

/* Whether y [tokens][N2], computed in fp32 with other roundings than the operator's, is its result:
 * rows of some tokens differ by no more than roundings explain. */
bool ffn_is_right(const workload *load, const float *y);

#endif
