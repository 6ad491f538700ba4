/* What all attention entry points, forward and gradient, share: parameters by name, their conversion
 * and the limits of the strict switch. */
#ifndef CLF_ACL_ACLNN_ATTENTION_H
#define CLF_ACL_ACLNN_ATTENTION_H

#include <clformer/attention.h>

#include "acl/aclnn_checks.h"

/* Of the forward and the gradient; what an entry point does not have is 0, but pse_type, 1. */
typedef struct clf_i_aclnn_attention {
    const char *function;
    bool is_varlen;
    const aclIntArray *prefix;
    const aclIntArray *query_ends;
    const aclIntArray *key_ends;
    const aclIntArray *query_start;
    const aclIntArray *key_start;
    double scale;
    double keep_prob;
    int64_t pre_tokens;
    int64_t next_tokens;
    int64_t head_num;
    const char *input_layout;
    int64_t inner_precise;
    int64_t sparse_mode;
    int64_t pse_type;
    const char *softmax_layout;
} clf_i_aclnn_attention;

/* The parameters that every entry point has, by their names there. */
#define CLF_I_ACLNN_ATTENTION_COMMON                                                               \
    .prefix = prefixOptional, .scale = scaleValue, .keep_prob = keepProb, .pre_tokens = preTokens, \
    .next_tokens = nextTokens, .head_num = headNum, .input_layout = inputLayout,                   \
    .inner_precise = innerPrecise, .sparse_mode = sparseMode

/* Where a function's operands of each kind are. */
typedef struct clf_i_aclnn_attention_operands {
    size_t query;
    size_t key;
    size_t value;
    size_t pse;
    size_t drop_mask;
    size_t padding_mask;
    size_t atten_mask;
    size_t softmax_max;
    size_t softmax_sum;
    size_t attention; /* the output; in the gradient an input */
} clf_i_aclnn_attention_operands;

/* Sets everything in `args`, whose tensors and arrays live as long as the call, and checks what CANN
 * asks for beyond clformer/attention.h. */
aclnnStatus clf_i_aclnn_attention_convert(clf_i_acl_call *call, const clf_i_aclnn_attention *given,
                                          const clf_i_aclnn_attention_operands *operands,
                                          clf_flash_attention_args *args);

#endif
