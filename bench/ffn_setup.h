/* An FFN problem: from text to sizes, mode and experts, and on to the operator's arguments. */
#ifndef CLFORMER_BENCH_FFN_SETUP_H
#define CLFORMER_BENCH_FFN_SETUP_H

#include <clformer/ffn.h>

#include "operator_benchmark.h"

/* The operator takes no more. */
enum { FFN_MOST_EXPERTS = 256 };

/* The case's data type is that of x and the weights; with int8 that of y, with quantised weights
 * that of x and y. */
typedef enum ffn_mode {
    FFN_MODE_FLOAT,
    FFN_MODE_INT8, /* x and weights */
    FFN_MODE_WEIGHT_INT8,
    FFN_MODE_WEIGHT_INT4
} ffn_mode;

typedef enum ffn_activation {
    FFN_FASTGELU,
    FFN_GELU,
    FFN_RELU,
    FFN_SILU,
    FFN_GEGLU, /* from here on: left half times activation of the right one */
    FFN_REGLU,
    FFN_SWIGLU
} ffn_activation;

/* A set: FIRST | SECOND. */
enum { FFN_BIAS_NONE = 0, FFN_BIAS_FIRST = 1, FFN_BIAS_SECOND = 2 };

/* 0 or 1: the first product, x by weight1, or the second. */
typedef struct ffn_product {
    int64_t depth;
    int64_t width;
    int64_t group_size; /* rows of an int4 weight that share their scales; 0: all */
} ffn_product;

typedef struct ffn_problem {
    int64_t tokens;
    ffn_product products[2];
    ffn_mode mode;
    ffn_activation activation;
    int64_t num_experts; /* 0: none */
    int64_t counts[FFN_MOST_EXPERTS];
    bool tokens_on_device;
    bool is_transposed; /* weights lie as [E,N,K] in memory, as PyTorch's do */
    int biases;
    bool scale_per_column; /* int8 */
    clf_dtype deq_dtype;   /* int8 with y in fp16; bf16 has its own */

    /* What was given; the rest is left to complete. */
    bool has_shape;
    bool has_activation;
    bool has_counts;
    bool has_tokens_from;
    bool has_biases;
    bool has_scale_per;
    bool has_deq_dtype;
    bool has_group_size;
} ffn_problem;

extern const attribute_entry ffn_attributes[];
extern const case_entry ffn_cases[];
extern const peer_entry ffn_peers[];

bool ffn_set_attribute(void *opaque, const char *name, const char *value);
bool ffn_complete(void *opaque, const char *data_folder);
bool ffn_reduce(void *opaque);
void ffn_print(const void *opaque, problem_text *out);
bool ffn_has_dtype(const void *opaque, clf_dtype dtype);
size_t ffn_tensors(const void *opaque, clf_dtype dtype, tensor_info out[MAX_TENSORS]);

bool ffn_is_glu(const ffn_problem *problem);
const char *ffn_activation_name(ffn_activation activation);
/* Ranges of tokens: one without experts. */
size_t ffn_num_ranges(const ffn_problem *problem);
int64_t ffn_range_tokens(const ffn_problem *problem, size_t range);

/* The operator's arguments with what they point to; a call must stay where it was filled. */
typedef struct ffn_call {
    clf_ffn_args args;
    clf_tensor weights[2];
} ffn_call;

/* `views` as ffn_tensors; they and the problem must stay, too. */
void ffn_fill_call(const ffn_problem *problem, const clf_tensor *views, ffn_call *out);

bool ffn_verify(const workload *load, const verify_request *request, verify_result *out);

#endif
