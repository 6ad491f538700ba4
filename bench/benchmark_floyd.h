/* FusedFloydAttention and its gradient, as the tool sees them. */
#ifndef CLFORMER_BENCH_BENCHMARK_FLOYD_H
#define CLFORMER_BENCH_BENCHMARK_FLOYD_H

#include "operator_benchmark.h"

extern const operator_benchmark floyd_benchmark;
extern const operator_benchmark floyd_grad_benchmark;

#endif
