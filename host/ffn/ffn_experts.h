/* Which tokens belong to which expert. */
#ifndef CLF_FFN_FFN_EXPERTS_H
#define CLF_FFN_FFN_EXPERTS_H

#include <stdbool.h>

#include <clformer/ffn.h>

#define CLF_I_FFN_MAX_EXPERTS 256

/* Rows begin .. end - 1 of x. */
typedef struct clf_i_ffn_range {
    int64_t begin;
    int64_t end;
} clf_i_ffn_range;

typedef struct clf_i_ffn_experts {
    bool is_given;     /* weights have a leading axis */
    bool is_on_device; /* ranges are known to kernels only, from a tensor with stride `stride` */
    int64_t count;     /* 1 without experts */
    int64_t stride;
    clf_i_ffn_range *ranges; /* `count` of them, or NULL if they are on the device */
} clf_i_ffn_experts;

/* Counts or ends, checked against the number of tokens. The caller ends with
 * clf_i_ffn_experts_clear, also on failure. */
clf_status clf_i_ffn_experts_make(const clf_ffn_args *args, int64_t num_tokens,
                                  clf_i_ffn_experts *experts);
void clf_i_ffn_experts_clear(clf_i_ffn_experts *experts);

#endif
