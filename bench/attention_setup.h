/* A problem of attention, forward or gradient: from text to sizes, mode and lengths, and on to the
 * operators' arguments. */
#ifndef CLFORMER_BENCH_ATTENTION_SETUP_H
#define CLFORMER_BENCH_ATTENTION_SETUP_H

#include <clformer/attention.h>
#include <clformer/attention_grad.h>

#include "operator_benchmark.h"

/* The operator takes no larger head dimension. */
enum { ATTENTION_MOST_SEQUENCES = 128, ATTENTION_MOST_DEPTH = 768 };

typedef enum attention_layout {
    ATTENTION_BNSD,
    ATTENTION_BSND,
    ATTENTION_BSH,
    ATTENTION_SBH,
    ATTENTION_TND
} attention_layout;

/* Compressed: what is masked follows from the mode, the mask's content is not read. */
typedef enum attention_mask {
    ATTENTION_MASK_NONE,
    ATTENTION_MASK_SS,
    ATTENTION_MASK_B1SS,
    ATTENTION_MASK_BNSS,
    ATTENTION_MASK_COMPRESSED
} attention_mask;

typedef enum attention_bias {
    ATTENTION_BIAS_NONE,
    ATTENTION_BIAS_FULL,  /* [1,N,Sq,Skv], pse_type 1 */
    ATTENTION_BIAS_SLOPES /* alibi made in the kernel: [N], pse_type 2 */
} attention_bias;

typedef struct attention_problem {
    int64_t batch;
    int64_t heads;
    int64_t key_heads;
    int64_t query_length; /* TND: of all sequences together; likewise key_length */
    int64_t key_length;
    int64_t depth;
    int64_t value_depth;
    attention_layout layout;
    attention_mask mask;
    int64_t sparse_mode;
    int64_t pre_tokens;
    int64_t next_tokens;
    int64_t prefix;
    attention_bias bias;
    double scale;
    double keep_prob;
    size_t num_sequences; /* TND */
    int64_t query_ends[ATTENTION_MOST_SEQUENCES];
    int64_t key_ends[ATTENTION_MOST_SEQUENCES];

    /* What was given; the rest is left to complete. */
    bool has_shape;
    bool has_layout;
    bool has_mask;
    bool has_mode;
    bool has_pre_tokens;
    bool has_next_tokens;
    bool has_prefix;
    bool has_scale;
    bool is_real; /* the MiniLM tensors */
} attention_problem;

extern const attribute_entry attention_attributes[];
extern const case_entry attention_cases[];
extern const case_entry attention_grad_cases[];
extern const peer_entry attention_peers[];
extern const peer_entry attention_grad_peers[];
extern const char *const attention_layout_names[];

bool attention_set_attribute(void *opaque, const char *name, const char *value);
bool attention_complete(void *opaque, const char *data_folder);
bool attention_reduce(void *opaque);
void attention_print(const void *opaque, problem_text *out);
bool attention_is_real(const void *problem);

/* Whether the mask's content says which pairs count. */
bool attention_reads_mask(const attention_problem *problem);
/* Index of a tensor; false if the problem has none with this slot. */
bool attention_find_tensor(const tensor_info *tensors, size_t count, clf_slot slot, size_t *index);
size_t attention_tensors(const void *opaque, clf_dtype dtype, tensor_info out[MAX_TENSORS]);
size_t attention_grad_tensors(const void *opaque, clf_dtype dtype, tensor_info out[MAX_TENSORS]);

/* Tensors of one of the two lists and their views. */
typedef struct attention_views {
    const tensor_info *tensors;
    const clf_tensor *views;
    size_t count;
} attention_views;

/* The operators' arguments with what they point to; a call must stay where it was filled, the views
 * and the problem, too. */
typedef struct attention_call {
    clf_flash_attention_args args;
    int64_t prefix[ATTENTION_MOST_SEQUENCES];
} attention_call;

typedef struct attention_grad_call {
    clf_flash_attention_grad_args args;
    attention_call forward;
} attention_grad_call;

/* From the gradient's tensors, too: the call that made its attention_in and statistics. */
void attention_fill_call(const attention_problem *problem, const attention_views *from,
                         attention_call *out);
void attention_fill_grad_call(const attention_problem *problem, const attention_views *from,
                              attention_grad_call *out);

bool attention_verify(const workload *load, const verify_request *request, verify_result *out);
bool attention_grad_verify(const workload *load, const verify_request *request, verify_result *out);

#endif
