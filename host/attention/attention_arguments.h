/* The caller's arguments, checked and read: everything a plan needs to know about the problem. */
#ifndef CLF_ATTENTION_ATTENTION_ARGUMENTS_H
#define CLF_ATTENTION_ATTENTION_ARGUMENTS_H

#include <clformer/attention_grad.h>

#include "attention/attention_geometry.h"
#include "attention/attention_pairs.h"

typedef struct clf_i_attention_request {
    clf_flash_attention_args args; /* a copy; of the gradient, with attention_in as attention_out */
    bool is_gradient;
    clf_i_attention_gradients gradients;
    clf_i_attention_geometry geometry;
    clf_i_attention_pairs pairs;
    bool empty_rows_are_zero; /* of the forward */
} clf_i_attention_request;

/* All checks that need no device, in the operator's order. The caller ends with
 * clf_i_attention_request_clear, also on failure. */
clf_status clf_i_attention_request_make(const clf_flash_attention_args *given,
                                        clf_i_attention_request *request);
clf_status clf_i_attention_grad_request_make(const clf_flash_attention_grad_args *given,
                                             clf_i_attention_request *request);
void clf_i_attention_request_clear(clf_i_attention_request *request);

#endif
