/* The entries of ScaledMaskedSoftmax and its gradient. */
#ifndef CLFORMER_BENCH_BENCHMARK_SOFTMAX_H
#define CLFORMER_BENCH_BENCHMARK_SOFTMAX_H

#include "operator_benchmark.h"

extern const operator_benchmark softmax_benchmark;
extern const operator_benchmark softmax_grad_benchmark;

#endif
