/* The monotonic clock of all host timings. */
#ifndef CLFORMER_BENCH_TIMING_H
#define CLFORMER_BENCH_TIMING_H

double now_seconds(void);

#endif
