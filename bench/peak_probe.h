/* The device's fp32 peak, by a kernel of nothing but fused multiply-adds. */
#ifndef CLFORMER_BENCH_PEAK_PROBE_H
#define CLFORMER_BENCH_PEAK_PROBE_H

#include "session.h"

/* FLOP/s, best of several; 0 after fail(). */
double peak_fp32(const session *session);

#endif
