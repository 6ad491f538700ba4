/* A problem of Floyd attention, forward or gradient: from text to sizes, mask and method, and on to
 * the operators' arguments. */
#ifndef CLFORMER_BENCH_FLOYD_SETUP_H
#define CLFORMER_BENCH_FLOYD_SETUP_H

#include <clformer/floyd.h>

#include "operator_benchmark.h"

typedef enum floyd_mask {
    FLOYD_MASK_NONE,
    FLOYD_MASK_ZEROS, /* [B,1,N,1,K], nothing masked: the operator document's sample */
    FLOYD_MASK_B1N1K, /* the same, of random bits */
    FLOYD_MASK_BHNMK  /* [B,H,N,M,K], of random bits */
} floyd_mask;

typedef struct floyd_problem {
    int64_t batch;
    int64_t heads;
    int64_t n;
    int64_t m;
    int64_t k;
    int64_t depth;
    floyd_mask mask;
    double scale;
    clf_floyd_method method;
    int64_t workspace_limit; /* MiB; 0: none */
    bool has_shape;
    bool has_scale;
} floyd_problem;

extern const attribute_entry floyd_attributes[];
extern const case_entry floyd_cases[];
extern const peer_entry floyd_peers[];
extern const peer_entry floyd_grad_peers[];

bool floyd_set_attribute(void *opaque, const char *name, const char *value);
bool floyd_complete(void *opaque, const char *data_folder);
bool floyd_reduce(void *opaque);
void floyd_print(const void *opaque, problem_text *out);
size_t floyd_tensors(const void *opaque, clf_dtype dtype, tensor_info out[MAX_TENSORS]);
size_t floyd_grad_tensors(const void *opaque, clf_dtype dtype, tensor_info out[MAX_TENSORS]);

/* The arguments for `count` tensors of such a list, with their views; these must stay. */
void floyd_fill_args(const floyd_problem *problem, const tensor_info *tensors,
                     const clf_tensor *views, size_t count, clf_floyd_attention_args *out);
void floyd_fill_grad_args(const floyd_problem *problem, const tensor_info *tensors,
                          const clf_tensor *views, size_t count,
                          clf_floyd_attention_grad_args *out);

/* Whether the workload is one of the gradient. */
bool floyd_is_gradient(const workload *load);

/* B * H * N * M * K * D */
double floyd_products(const floyd_problem *problem);

bool floyd_verify(const workload *load, const verify_request *request, verify_result *out);

#endif
