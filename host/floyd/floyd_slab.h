/*
 * Floyd attention with its scores in the workspace, a slab of some n at a time: batched matrix
 * products around a softmax. Forward: floyd_slab.c; gradient: floyd_slab_gradient.c.
 */
#ifndef CLF_FLOYD_FLOYD_SLAB_H
#define CLF_FLOYD_FLOYD_SLAB_H

#include "device/plan_builder.h"
#include "floyd/floyd_arguments.h"

typedef struct clf_i_floyd_slab_estimate {
    int64_t slab_n;   /* n of a slab; 0: the limit is too low */
    size_t workspace; /* bytes, about, at most; of one n if the limit is too low */
} clf_i_floyd_slab_estimate;

clf_i_floyd_slab_estimate clf_i_floyd_slab_estimate_forward(const clf_i_floyd_request *request);

clf_i_floyd_slab_estimate
clf_i_floyd_slab_estimate_gradient(const clf_i_floyd_grad_request *request);

/* All steps; the plan has its tensors. CLF_ERR_UNSUPPORTED: the workspace_limit is too low. */
clf_status clf_i_floyd_slab_add_forward(clf_plan *plan, clf_variant variant,
                                        const clf_i_floyd_request *request);
clf_status clf_i_floyd_slab_add_gradient(clf_plan *plan, clf_variant variant,
                                         const clf_i_floyd_grad_request *request);

#endif
