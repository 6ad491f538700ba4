/* All operators the tool knows. A new one is a file beside benchmark_softmax.c and a line here. */
#include "operator_benchmark.h"

#include <string.h>

#include "benchmark_attention.h"
#include "benchmark_softmax.h"

const operator_benchmark *const operator_registry[] = {
    &softmax_benchmark,
    &softmax_grad_benchmark,
    &attention_benchmark,
    NULL,
};

const operator_benchmark *operator_find(const char *name) {
    for (size_t i = 0; operator_registry[i]; i++) {
        if (strcmp(operator_registry[i]->name, name) == 0) {
            return operator_registry[i];
        }
    }
    return NULL;
}
