/* Floyd attention and its gradient composed of matrix products, for the n of a slab at a time: what
 * the peers openblas and openblas-plain share. Everything is fp32. */
#ifndef CLFORMER_BENCH_PEERS_FLOYD_SLABS_H
#define CLFORMER_BENCH_PEERS_FLOYD_SLABS_H

#include "floyd_setup.h"
#include "workload.h"

enum { FLOYD_GRADIENTS = 5 };

typedef struct floyd_operands {
    const floyd_problem *problem;
    bool is_gradient;
    size_t n;
    size_t m;
    size_t k;
    size_t depth;
    size_t num_heads; /* of all batch elements */
    float scale;
    float *query;
    float *key1;
    float *value1;
    float *key2;
    float *value2;
    uint8_t *mask; /* or NULL */
    float *out;    /* forward */

    /* Gradient: more inputs, and the results, query's first. */
    float *grad_output;
    float *attention_in;
    float *maxima; /* of each row (n, m) */
    float *sums;
    float *gradients[FLOYD_GRADIENTS];
} floyd_operands;

/* Widens the workload's inputs and allocates results. False if host memory lacks. */
bool floyd_operands_open(floyd_operands *out, const workload *load);
void floyd_operands_close(floyd_operands *operands);
/* Bytes of all of it. */
double floyd_operands_bytes(const workload *load);
/* attention_out, or the gradients, as floyd_is_right takes them. */
float *const *floyd_operands_results(const floyd_operands *operands);

typedef struct floyd_slab {
    size_t head;
    size_t begin; /* n */
    size_t end;
    float *scores; /* [end - begin][M][K] */
    float *grads;  /* the same; gradient only */
    /* Gradient: where the slab's part of these goes, [K][M][D], and whether it is added. */
    float *grad_key2;
    float *grad_value2;
    bool adds;
} floyd_slab;

/* One after the other; the rows (n, m) of a slab, counted from its begin, in any parts. */
void floyd_slab_scores(const floyd_operands *operands, const floyd_slab *slab);
void floyd_slab_rows(const floyd_operands *operands, const floyd_slab *slab, size_t first,
                     size_t last);
void floyd_slab_results(const floyd_operands *operands, const floyd_slab *slab);

#endif
