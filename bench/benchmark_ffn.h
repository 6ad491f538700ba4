/* The entry of FFN. */
#ifndef CLFORMER_BENCH_BENCHMARK_FFN_H
#define CLFORMER_BENCH_BENCHMARK_FFN_H

#include "operator_benchmark.h"

extern const operator_benchmark ffn_benchmark;

#endif
