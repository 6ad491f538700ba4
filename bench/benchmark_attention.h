/* FlashAttentionScore and its gradient, as the tool sees them. */
#ifndef CLFORMER_BENCH_BENCHMARK_ATTENTION_H
#define CLFORMER_BENCH_BENCHMARK_ATTENTION_H

#include "operator_benchmark.h"

extern const operator_benchmark attention_benchmark;
extern const operator_benchmark attention_grad_benchmark;

#endif
