/* See attention_sample.h. */
#include "attention_sample.h"

#include <stdio.h>
#include <stdlib.h>

enum { MOST_ROWS = 8, LEAST_GROUPS = 4, LEAST_ROWS = 4 };

/* ---- Contents ------------------------------------------------------------------------------ */

bool attention_contents_load(attention_contents *out, const workload *load) {
    bool ok = true;
    *out = (attention_contents){.load = load};
    for (size_t i = 0; i < load->num_tensors && ok; i++) {
        const tensor_info *tensor = &load->tensors[i];
        bool is_compressed_mask = tensor->slot == CLF_SLOT_ATTEN_MASK && !load->sources[i].stored;
        out->views[i] = clf_tensor_contiguous(NULL, tensor->dtype, tensor->rank, tensor->shape);
        if (!is_compressed_mask) {
            out->stored[i] = workload_contents(load, i);
            ok = out->stored[i] != NULL;
        }
    }
    return ok;
}

void attention_contents_release(attention_contents *contents) {
    for (size_t i = 0; i < MAX_TENSORS; i++) {
        free(contents->stored[i]);
        contents->stored[i] = NULL;
    }
}

attention_views attention_contents_views(const attention_contents *contents) {
    return (attention_views){contents->load->tensors, contents->views, contents->load->num_tensors};
}

void *attention_contents_of(const attention_contents *contents, clf_slot slot) {
    const workload *load = contents->load;
    size_t index = 0;
    return attention_find_tensor(load->tensors, load->num_tensors, slot, &index)
               ? contents->stored[index]
               : NULL;
}

oracle_attention_inputs attention_contents_inputs(const attention_contents *contents) {
    return (oracle_attention_inputs){.query = attention_contents_of(contents, CLF_SLOT_QUERY),
                                     .key = attention_contents_of(contents, CLF_SLOT_KEY),
                                     .value = attention_contents_of(contents, CLF_SLOT_VALUE),
                                     .pse = attention_contents_of(contents, CLF_SLOT_PSE),
                                     .atten_mask =
                                         attention_contents_of(contents, CLF_SLOT_ATTEN_MASK)};
}

/* ---- Rows ---------------------------------------------------------------------------------- */

attention_sample attention_sample_choose(const attention_sample_request *request) {
    attention_sample out = {.step = 1};
    double groups = request->most_cost / request->row_cost / MOST_ROWS;
    uint64_t seed = request->seed;
    out.num_groups = groups > ATTENTION_MOST_GROUPS ? ATTENTION_MOST_GROUPS
                     : groups < LEAST_GROUPS        ? LEAST_GROUPS
                                                    : (size_t)groups;
    out.rows_per_group = groups < LEAST_GROUPS ? LEAST_ROWS : MOST_ROWS;
    if (request->rows_per_head > out.rows_per_group) {
        out.step = request->rows_per_head / out.rows_per_group;
    }
    int64_t span = (out.rows_per_group - 1) * out.step + 1;
    out.is_full = request->num_rows <= (int64_t)out.num_groups * out.rows_per_group;
    for (size_t i = 0; !out.is_full && i < out.num_groups; i++) {
        int64_t last = request->num_rows - span;
        out.first_rows[i] = i == 0 ? 0
                            : i == out.num_groups - 1
                                ? last
                                : (int64_t)(random_bits(&seed) % (uint64_t)(last + 1));
    }
    return out;
}

uint64_t attention_sample_rows(const attention_sample *sample, int64_t num_rows) {
    return (uint64_t)(sample->is_full ? num_rows
                                      : (int64_t)sample->num_groups * sample->rows_per_group);
}

oracle_verdict attention_no_memory_verdict(void) {
    oracle_verdict verdict = oracle_verdict_empty();
    verdict.ok = false;
    snprintf(verdict.reason, sizeof verdict.reason, "no host memory for the reference");
    return verdict;
}
