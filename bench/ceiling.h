/*
 * What the machine can do at best, measured in the same run as the candidate: the figure that the
 * shares of a report refer to. Copies count read + written bytes, arithmetic counts operations.
 */
#ifndef CLFORMER_BENCH_CEILING_H
#define CLFORMER_BENCH_CEILING_H

#include "operator_benchmark.h"
#include "peak_probe.h"
#include "session.h"

typedef enum ceiling_kind {
    CEILING_HOST_COPY,   /* memcpy on all host threads, pinned, each in memory it touched first */
    CEILING_HOST_READ,   /* the same threads read a buffer */
    CEILING_DEVICE_COPY, /* clEnqueueCopyBuffer or a copy kernel, whichever is faster */
    CEILING_HOST_GEMM,   /* sgemm of OpenBLAS on all host threads, pinned */
    CEILING_DEVICE_FMA,  /* a kernel of fp32 multiply-adds */
} ceiling_kind;

typedef struct ceiling_request {
    ceiling_kind kind;
    double moved_bytes;  /* copies and reading: as many, capped: beyond the caches, size no longer
                            matters */
    size_t num_products; /* matrix products: these, one after the other; 0: a large square one */
    const product_sizes *products;
} ceiling_request;

typedef struct ceiling {
    ceiling_kind kind;
    const session *session;
    double best_rate; /* bytes or operations per second; 0 before the first sample */
    double spent;     /* seconds in samples */
    size_t num_samples;
    size_t bytes;           /* of each buffer to copy or read */
    unsigned char *host[3]; /* two to copy, one to read; or the matrices of all products */
    size_t elements[3];     /* of the matrices */
    size_t num_products;
    product_sizes *products;
    bool is_square; /* the one large product */
    cl_mem device[2];
    cl_kernel kernel;
    peak_probe probe;
} ceiling;

/* False after fail(). */
bool ceiling_open(ceiling *out, const session *session, const ceiling_request *request);
/* The ceiling of a problem. */
bool ceiling_open_for(ceiling *out, const session *session, const operator_benchmark *benchmark,
                      const void *problem, clf_dtype dtype);
void ceiling_close(ceiling *ceiling);

/* One more measurement; keeps the best. False after fail(). */
bool ceiling_sample(ceiling *ceiling);

/* A measurement between two runs of a candidate that has run for `seconds` in all. Arithmetic takes
 * no more time than the candidate, because its size may be far above the candidate's. */
bool ceiling_keep_pace(ceiling *ceiling, double seconds);
/* What is still missing after the candidate's last run. */
bool ceiling_complete(ceiling *ceiling);

/* "memcpy, 2 threads", "reading, 2 threads", "OpenBLAS sgemm 2048^3, 2 threads", "OpenBLAS sgemm of
 * these sizes, 2 threads", "device copy", "fp32 multiply-add" */
void ceiling_name(const ceiling *ceiling, char *out, size_t size);
ceiling_kind ceiling_kind_for(const session *session, metric metric);

#endif
