/* What the library costs per plan and per call. */
#ifndef CLFORMER_BENCH_OVERHEAD_H
#define CLFORMER_BENCH_OVERHEAD_H

#include "record.h"

/* False after fail(). Uses a cache folder of its own, removed at the end. */
bool overhead_measure(const workload *load, clf_variant variant, overhead_figures *out);

#endif
