/* The caller's arguments, checked and read: everything a plan needs to know about the problem. */
#ifndef CLF_ATTENTION_ATTENTION_ARGUMENTS_H
#define CLF_ATTENTION_ATTENTION_ARGUMENTS_H

#include "attention/attention_geometry.h"
#include "attention/attention_pairs.h"

typedef struct clf_i_attention_request {
    clf_flash_attention_args
        args; /* a copy with defaults for fields that the caller did not have */
    clf_i_attention_geometry geometry;
    clf_i_attention_pairs pairs;
    bool empty_rows_are_zero;
} clf_i_attention_request;

/* The copy, by the caller's struct_size. */
clf_status clf_i_attention_copy_args(const clf_flash_attention_args *given,
                                     clf_flash_attention_args *args);

/* All checks that need no device, in the operator's order. The caller ends with
 * clf_i_attention_request_clear, also on failure. */
clf_status clf_i_attention_request_make(const clf_flash_attention_args *given,
                                        clf_i_attention_request *request);
void clf_i_attention_request_clear(clf_i_attention_request *request);

#endif
