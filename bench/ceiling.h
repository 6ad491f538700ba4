/*
 * What the machine can do at best, measured in the same run as the candidate: the figure that the
 * shares of a report refer to. Copies count read + written bytes.
 */
#ifndef CLFORMER_BENCH_CEILING_H
#define CLFORMER_BENCH_CEILING_H

#include "session.h"

typedef enum ceiling_kind {
    CEILING_HOST_COPY,   /* memcpy on all host threads, pinned, each in memory it touched first */
    CEILING_DEVICE_COPY, /* clEnqueueCopyBuffer or a copy kernel, whichever is faster */
} ceiling_kind;

typedef struct ceiling {
    ceiling_kind kind;
    const session *session;
    size_t bytes;     /* of each of the two buffers */
    double best_rate; /* bytes read and written per second; 0 before the first sample */
    unsigned char *host[2];
    cl_mem device[2];
    cl_kernel kernel;
} ceiling;

/* Copies that move about `moved_bytes`, capped: beyond the caches, size no longer matters. False
 * after fail(). */
bool ceiling_open(ceiling *out, const session *session, ceiling_kind kind, double moved_bytes);
void ceiling_close(ceiling *ceiling);

/* One more measurement; keeps the best. False after fail(). */
bool ceiling_sample(ceiling *ceiling);

/* "memcpy, 2 threads", "device copy" */
void ceiling_name(const ceiling *ceiling, char *out, size_t size);
ceiling_kind ceiling_kind_for(const session *session);

#endif
