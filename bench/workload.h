/* A problem's buffers, contents and plan on a device. */
#ifndef CLFORMER_BENCH_WORKLOAD_H
#define CLFORMER_BENCH_WORKLOAD_H

#include "operator_benchmark.h"

typedef struct workload_request {
    const operator_benchmark *benchmark;
    const void *problem;
    clf_dtype dtype;
    clf_variant variant;
    uint64_t seed;
    const char *data_folder;
} workload_request;

/*
 * Whether the problem fits the device and, if it shares the host's memory, the host. `why` (of
 * `size` bytes) gets one sentence if not.
 */
bool workload_fits(const session *session, const operator_benchmark *benchmark, const void *problem,
                   clf_dtype dtype, char *why, size_t size);

/* Allocates, fills, plans. *plan_seconds is the time of the plan function. False after fail(). */
bool workload_create(workload *out, const session *session, const workload_request *request,
                     double *plan_seconds);
void workload_destroy(workload *load);

/* Index of the tensor with this slot; the operators ask only for slots they have. */
size_t workload_tensor(const workload *load, clf_slot slot);
uint64_t tensor_elements(const tensor_info *tensor);

/* Reads elements [first, first + count) of a tensor's buffer. False after fail(). */
bool workload_read(const workload *load, size_t tensor, uint64_t first, size_t count, void *out);

/* All of a tensor as stored: from where the device's contents came from, or, if that is nowhere
 * (results), from the device. The caller frees it; NULL after fail(). */
void *workload_contents(const workload *load, size_t tensor);

#endif
