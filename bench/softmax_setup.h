/* A softmax problem, forward or gradient: shape, mask, scale; from text and to tensors. */
#ifndef CLFORMER_BENCH_SOFTMAX_SETUP_H
#define CLFORMER_BENCH_SOFTMAX_SETUP_H

#include "operator_benchmark.h"

typedef enum softmax_mask {
    SOFTMAX_MASK_NONE,
    SOFTMAX_MASK_TENSOR,
    SOFTMAX_MASK_TRIU
} softmax_mask;

typedef struct softmax_problem {
    int32_t rank;
    int64_t shape[CLF_MAX_RANK];
    softmax_mask mask;
    bool mask_is_full; /* the mask has x's shape */
    int32_t mask_rank;
    int64_t mask_shape[CLF_MAX_RANK];
    double scale;
    bool has_scale;
    bool is_real; /* the MiniLM tensors */
} softmax_problem;

extern const attribute_entry softmax_attributes[];
extern const case_entry softmax_cases[];
extern const peer_entry softmax_peers[];
extern const peer_entry softmax_grad_peers[];

bool softmax_set_attribute(void *opaque, const char *name, const char *value);
bool softmax_complete(void *opaque, const char *data_folder);
bool softmax_reduce(void *opaque);
void softmax_print(const void *opaque, problem_text *out);
bool softmax_is_real(const void *problem);

int64_t softmax_width(const softmax_problem *problem);
int64_t softmax_num_rows(const softmax_problem *problem);

/* The mask as a tensor to fill; false if the problem has none. */
bool softmax_mask_tensor(const softmax_problem *problem, tensor_info *out);
/* Elements of x that count: all, or those on and below the diagonal. */
double softmax_live_elements(const softmax_problem *problem);

/* Where the mask's row for this row of x begins, in elements, and the step between columns. */
int64_t softmax_mask_row(const softmax_problem *problem, int64_t row, int64_t *column_step);

bool softmax_verify(const workload *load, const verify_request *request, verify_result *out);
bool softmax_grad_verify(const workload *load, const verify_request *request, verify_result *out);

#endif
