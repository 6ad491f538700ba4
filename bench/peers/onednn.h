/* Fused matrix products by oneDNN, opened at run time: for peers only. The one place that names it.
 */
#ifndef CLFORMER_BENCH_PEERS_ONEDNN_H
#define CLFORMER_BENCH_PEERS_ONEDNN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <clformer/tensor.h>

#include "peers/unfused_passes.h"

typedef struct onednn onednn;
typedef struct onednn_product onednn_product;

/* NULL, with the reason in `why` (of `size` bytes), if it cannot be had. */
onednn *onednn_open(size_t num_threads, char *why, size_t size);
void onednn_close(onednn *library);
/* "2.6.3" */
const char *onednn_version(const onednn *library);

/*
 * c [rows][columns] = quantise(activate((a [rows][depth] * b [depth][columns] + bias) * scale)
 * * factor), row-major; a `step` is the distance of rows in memory, in elements. a and b are fp32,
 * bf16 or int8, c any of these. a, c and factor are used when the product runs; the rest is copied,
 * b into the layout that oneDNN prefers.
 */
typedef struct onednn_request {
    int64_t rows;
    int64_t columns;
    int64_t depth;
    clf_dtype dtype; /* of a and b */
    clf_dtype c_dtype;
    const void *a;
    int64_t a_step;
    const void *b;
    int64_t b_step;
    bool b_is_transposed; /* b is [columns][depth] */
    const float *bias;    /* [columns] or NULL */
    const float *scale;   /* [columns] or NULL */
    bool is_activated;
    pass_activation activation;
    const void *factor; /* [rows][columns], dense; or NULL */
    clf_dtype factor_dtype;
    const float *quantise; /* scale and offset of all; or NULL */
    void *c;
    int64_t c_step;
} onednn_request;

/* NULL if oneDNN has no such product, or no memory. */
onednn_product *onednn_product_create(onednn *library, const onednn_request *request);
void onednn_product_destroy(onednn_product *product);

/* Starts it, after those started before; onednn_wait ends them all. False if it failed. */
bool onednn_product_start(onednn_product *product);
bool onednn_wait(onednn *library);

#endif
