/* All operators the tool knows. A new one is a file beside benchmark_softmax.c and a line here. */
#include "operator_benchmark.h"

#include <string.h>

#include "benchmark_attention.h"
#include "benchmark_ffn.h"
#include "benchmark_floyd.h"
#include "benchmark_softmax.h"

const operator_benchmark *const operator_registry[] = {
    &softmax_benchmark, &softmax_grad_benchmark, &attention_benchmark,  &attention_grad_benchmark,
    &ffn_benchmark,     &floyd_benchmark,        &floyd_grad_benchmark, NULL,
};

const operator_benchmark *operator_find(const char *name) {
    for (size_t i = 0; operator_registry[i]; i++) {
        if (strcmp(operator_registry[i]->name, name) == 0) {
            return operator_registry[i];
        }
    }
    return NULL;
}

bool operator_has_dtype(const operator_benchmark *benchmark, const void *problem, clf_dtype dtype) {
    return !benchmark->has_dtype || benchmark->has_dtype(problem, dtype);
}

metric operator_metric(const operator_benchmark *benchmark, const void *problem) {
    return benchmark->metric_of ? benchmark->metric_of(problem) : benchmark->metric;
}

const char *metric_unit(metric metric) {
    return metric == METRIC_FLOPS ? "GFLOP/s" : "GB/s";
}

double metric_amount(metric metric, const work_amount *work) {
    return metric == METRIC_FLOPS ? work->flops : work->bytes;
}
