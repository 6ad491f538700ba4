/*
 * Arguments of attention and of its gradient from one line of text, with tensors that have no
 * buffers: for tests of checks and of planning, one line per case.
 *
 *     layout=BNSD heads=4 query=2,4,6,16 key=fp16:2,2,6,16 mask=bool:6,6 mode=4 pre=-1 prefix=3,4
 *
 * Tensors: query key value out max sum pse drop mask padding; sizes, after a dtype if it is not the
 * usual one (fp32; bool for mask, uint8 for drop), all contiguous; "null" takes one away. Lists:
 * prefix qlen kvlen. Numbers: heads scale keep pre next inner mode pse_type qstart kvstart seed
 * offset. Flags: generate=1. Words: layout, order (softmax_layout), variant=portable. A later word
 * overrides an earlier one.
 *
 * The gradient's tensors gout (grad_output) gquery gkey gvalue gpse are like out, query, key, value
 * and pse unless the text has them; out is attention_in.
 */
#ifndef CLF_TESTS_ATTENTION_CALL_H
#define CLF_TESTS_ATTENTION_CALL_H

#include <clformer/attention_grad.h>

#define TEST_NUM_ATTENTION_TENSORS 15
#define TEST_MAX_LIST              16

typedef struct attention_call {
    clf_flash_attention_args args;
    clf_flash_attention_grad_args grad_args;
    clf_tensor tensors[TEST_NUM_ATTENTION_TENSORS];
    int64_t lists[3][TEST_MAX_LIST];
    char words[2][32];
} attention_call;

/* Both arguments point into *call, so a call must not be copied. A text that cannot be read fails
 * the test. */
void attention_call_make(attention_call *call, const char *text);

/* The gradient's arguments that repeat those of a forward; grad_output and the gradients are NULL.
 */
clf_flash_attention_grad_args attention_grad_args_of(const clf_flash_attention_args *forward);

#endif
