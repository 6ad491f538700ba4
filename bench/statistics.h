/* Robust summary of repeated timings. */
#ifndef CLFORMER_BENCH_STATISTICS_H
#define CLFORMER_BENCH_STATISTICS_H

#include <stddef.h>

typedef struct summary {
    size_t count;
    double median;
    double mad; /* median absolute deviation from the median */
    double minimum;
} summary;

/* Sorts `samples`. All zero if count is 0. */
summary summarize(double *samples, size_t count);

#endif
