/* What the checks of attention and its gradient share: the tensors on the host, and a choice of
 * rows. */
#ifndef CLFORMER_BENCH_ATTENTION_SAMPLE_H
#define CLFORMER_BENCH_ATTENTION_SAMPLE_H

#include "attention_oracle.h"
#include "attention_setup.h"
#include "workload.h"

/* Contiguous views without buffers, and what the tensors hold, as stored; NULL for a compressed
 * mask. */
typedef struct attention_contents {
    const workload *load;
    clf_tensor views[MAX_TENSORS];
    void *stored[MAX_TENSORS];
} attention_contents;

/* Inputs come from where the device's came from, results from the device. False after fail(); ends
 * with attention_contents_release, also then. */
bool attention_contents_load(attention_contents *out, const workload *load);
void attention_contents_release(attention_contents *contents);

attention_views attention_contents_views(const attention_contents *contents);
/* NULL if the problem has no such tensor. */
void *attention_contents_of(const attention_contents *contents, clf_slot slot);
oracle_attention_inputs attention_contents_inputs(const attention_contents *contents);

enum { ATTENTION_MOST_GROUPS = 32 };

/* Groups of rows: those of one group are spread over one head, which the reference then decodes
 * once. */
typedef struct attention_sample {
    bool is_full;
    size_t num_groups;
    int64_t first_rows[ATTENTION_MOST_GROUPS];
    int64_t step;
    int64_t rows_per_group;
} attention_sample;

typedef struct attention_sample_request {
    int64_t num_rows;
    int64_t rows_per_head;
    double row_cost;
    double most_cost; /* of all rows, if that is enough for the smallest sample */
    uint64_t seed;
} attention_sample_request;

/* The first group holds the first row, the last one the last; the others lie anywhere. */
attention_sample attention_sample_choose(const attention_sample_request *request);
uint64_t attention_sample_rows(const attention_sample *sample, int64_t num_rows);

oracle_verdict attention_no_memory_verdict(void);

#endif
