/*
 * ScaledMaskedSoftmax and its gradient, after the CANN operators ScaledMaskedSoftmax and
 * ScaledMaskedSoftmaxGrad (torch_npu.npu_scaled_masked_softmax,
 * aclnnScaledMaskedSoftmax[Backward]).
 *
 * Axes below: [..., H, W]; W, the last axis, is normalised; H is the axis before it (1 for rank 1).
 */
#ifndef CLFORMER_SOFTMAX_H
#define CLFORMER_SOFTMAX_H

#include <stdbool.h>
#include <stddef.h>

#include <clformer/device.h>
#include <clformer/export.h>
#include <clformer/plan.h>
#include <clformer/status.h>
#include <clformer/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Forward. For each row, with m the maximum of z over its unmasked places:
 *     z[w] = scale * x[w]
 *     e[w] = masked[w] ? 0 : exp(z[w] - m)
 *     y[w] = e[w] / sum of e
 * and y[w] = 1/W everywhere if the whole row is masked. Arithmetic is fp32; y is rounded once, to
 * nearest even. NaN and infinities give what IEEE arithmetic gives: a NaN in an unmasked place
 * makes its unmasked places NaN (and its masked ones NaN or 0). A masked place is never looked at.
 * Results are deterministic.
 *
 * CANN itself fills masked places with -10000 instead: the results differ only where unmasked
 * scores lie below about -9900.
 */
typedef struct clf_scaled_masked_softmax_args {
    size_t struct_size;     /* set by CLF_SCALED_MASKED_SOFTMAX_ARGS */
    const clf_tensor *x;    /* fp32, fp16 or bf16; rank 1..8; any strides */
    const clf_tensor *mask; /* bool or uint8, nonzero = masked out; NULL = nothing is masked. Its
                               axes are matched with x's from the last one on; each is x's size or
                               1 (repeated), missing leading axes are 1. Any strides */
    const clf_tensor *y;  /* dtype and shape of x; any strides that do not make two elements share a
                             place. May be exactly x's view (in place), else must not overlap x or
                             mask */
    double scale;         /* any sign; rounded to float first. Default 1 */
    bool fixed_triu_mask; /* true: instead of `mask`, which is ignored and may be NULL, w > h is
                             masked (strict upper triangle of the last two axes) */
    clf_variant variant;
} clf_scaled_masked_softmax_args;

#define CLF_SCALED_MASKED_SOFTMAX_ARGS                                                             \
    { sizeof(clf_scaled_masked_softmax_args), NULL, NULL, NULL, 1.0, false, CLF_VARIANT_AUTO }

/*
 * Plans the forward operator. Slots: X, MASK (if given and used), Y. Workspace: none.
 * An empty x is a success, and enqueueing the plan does nothing but give its event.
 *
 * CLF_ERR_PARAM_NULLPTR: device, args, x, y or out_plan is NULL. CLF_ERR_PARAM_INVALID: a dtype,
 * rank, shape, stride or variant is not as above, a buffer is too small, of another context or not
 * readable or writable by kernels, or y overlaps. CLF_ERR_UNSUPPORTED: the wanted variant cannot
 * run here. CLF_ERR_BUILD, CLF_ERR_RUNTIME, CLF_ERR_OUT_OF_MEMORY. On failure *out_plan is NULL.
 */
CLF_API CLF_CHECK_RESULT clf_status clf_scaled_masked_softmax_plan(
    clf_device *device, const clf_scaled_masked_softmax_args *args, clf_plan **out_plan);

/*
 * Gradient with respect to x. For each row, with g = grad_output, y the forward's output and s the
 * sum of g * y over its unmasked places:
 *     grad_x[w] = masked[w] ? 0 : scale * (g[w] - s) * y[w]
 * in fp32, rounded once. A masked place is never looked at. Without a mask the result is the same
 * except in fully masked rows, where only the mask tells that the gradient is 0. Deterministic.
 */
typedef struct clf_scaled_masked_softmax_grad_args {
    size_t struct_size;            /* set by CLF_SCALED_MASKED_SOFTMAX_GRAD_ARGS */
    const clf_tensor *grad_output; /* fp32, fp16 or bf16; rank 1..8; any strides */
    const clf_tensor *y;           /* the forward's output; dtype and shape of grad_output */
    const clf_tensor *mask;        /* as in the forward */
    const clf_tensor *grad_x;      /* dtype and shape of grad_output; may be exactly the view of
                                      grad_output or y, else must not overlap an input */
    double scale;                  /* the forward's */
    bool fixed_triu_mask;          /* the forward's */
    clf_variant variant;
} clf_scaled_masked_softmax_grad_args;

#define CLF_SCALED_MASKED_SOFTMAX_GRAD_ARGS                                                        \
    {                                                                                              \
        sizeof(clf_scaled_masked_softmax_grad_args), NULL, NULL, NULL, NULL, 1.0, false,           \
            CLF_VARIANT_AUTO                                                                       \
    }

/* Plans the gradient. Slots: GRAD_OUTPUT, Y, MASK (if given and used), GRAD_X. Workspace: none.
 * Statuses as for clf_scaled_masked_softmax_plan. */
CLF_API CLF_CHECK_RESULT clf_status clf_scaled_masked_softmax_grad_plan(
    clf_device *device, const clf_scaled_masked_softmax_grad_args *args, clf_plan **out_plan);

#ifdef __cplusplus
}
#endif

#endif
