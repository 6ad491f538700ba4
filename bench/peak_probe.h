/* The device's fp32 peak, by a kernel of nothing but fused multiply-adds. */
#ifndef CLFORMER_BENCH_PEAK_PROBE_H
#define CLFORMER_BENCH_PEAK_PROBE_H

#include "session.h"

typedef struct peak_probe {
    const session *session;
    cl_kernel kernel;
    cl_mem out;
    size_t items;
    size_t local;
    double flops; /* of one sample */
} peak_probe;

/* False after fail(). */
bool peak_probe_open(peak_probe *out, const session *session);
void peak_probe_close(peak_probe *probe);

/* Seconds of one run; 0 after fail(). The first run compiles. */
double peak_probe_seconds(const peak_probe *probe);

#endif
