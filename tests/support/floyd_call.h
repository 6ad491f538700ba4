/*
 * Arguments of both Floyd operators from one line of text, with tensors that have no buffers: for
 * tests of checks and of planning, one line per case.
 *
 *     query=2,3,4,5,16 key1=fp16:2,3,4,6,16 atten_mask=2,1,4,1,6 scale=-0.5 method=2
 *
 * Tensors, by their fields' names: sizes, after a dtype if it is not the usual one (fp32; bool for
 * atten_mask), all contiguous; "null" takes one away. Numbers: size (struct_size), scale,
 * method, limit. A later word overrides an earlier one. What both operators have is set in both.
 */
#ifndef CLF_TESTS_FLOYD_CALL_H
#define CLF_TESTS_FLOYD_CALL_H

#include <clformer/floyd.h>

#define TEST_NUM_FLOYD_CALL_TENSORS 16

typedef struct floyd_call {
    clf_floyd_attention_args args;
    clf_floyd_attention_grad_args grad_args;
    clf_tensor tensors[TEST_NUM_FLOYD_CALL_TENSORS];
} floyd_call;

/* The arguments point into *call, so a call must not be copied. A text that cannot be read fails
 * the test. */
void floyd_call_make(floyd_call *call, const char *text);

#endif
