/*
 * Arguments of clf_ffn_plan from one line of text, with tensors that have no buffers: for tests of
 * checks and of planning, one line per case.
 *
 *     act=gelu x=4,8 w1=int8:8,16 w2=int8:16,8 b1=16 y=fp16:4,8 tokens=1,3 index=1
 *
 * Tensors: x w1 w2 b1 b2 scale offset ds1 ds2 as1 as2 ao1 ao2 y device; sizes, after a dtype if it
 * is not the usual one (fp32; int64 for device); "null" takes one away. Contiguous, unless strides
 * follow, and perhaps an offset: x=4,8/1,4 or x=4,8/1,4@2. Lists: tokens (device for
 * expert_tokens_tensor). Numbers: precise, index, num (num_expert_tokens), size (struct_size).
 * Words: act. A later word overrides an earlier one.
 */
#ifndef CLF_TESTS_FFN_CALL_H
#define CLF_TESTS_FFN_CALL_H

#include <clformer/ffn.h>

#define TEST_NUM_FFN_TENSORS 15
#define TEST_MAX_FFN_TOKENS  260

typedef struct ffn_call {
    clf_ffn_args args;
    clf_tensor tensors[TEST_NUM_FFN_TENSORS];
    int64_t tokens[TEST_MAX_FFN_TOKENS];
    char activation[32];
} ffn_call;

/* `args` points into *call, so a call must not be copied. A text that cannot be read fails the
 * test. */
void ffn_call_make(ffn_call *call, const char *text);

#endif
