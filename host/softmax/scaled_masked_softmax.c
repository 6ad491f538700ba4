/* The public functions of ScaledMaskedSoftmax: arguments into a problem. */
#include <stddef.h>

#include "device/plan_builder.h"
#include "softmax/softmax_problem.h"

/* Sizes of the structs' first version, which ended with `variant`. */
#define FIRST_SIZE (offsetof(clf_scaled_masked_softmax_args, variant) + sizeof(clf_variant))
#define FIRST_GRAD_SIZE                                                                            \
    (offsetof(clf_scaled_masked_softmax_grad_args, variant) + sizeof(clf_variant))

clf_status clf_scaled_masked_softmax_plan(clf_device *device,
                                          const clf_scaled_masked_softmax_args *args,
                                          clf_plan **out_plan) {
    clf_scaled_masked_softmax_args own = CLF_SCALED_MASKED_SOFTMAX_ARGS;
    clf_status status = clf_i_plan_check_call(device, args, out_plan);
    if (status == CLF_SUCCESS) {
        status = clf_i_softmax_copy_args(args, FIRST_SIZE, &own, sizeof own);
    }
    if (status != CLF_SUCCESS) {
        return status;
    }
    const clf_i_softmax_problem problem = {
        .operator_name = "scaled_masked_softmax",
        .bench_name = "softmax",
        .kernels = {[CLF_VARIANT_PORTABLE] = "clf_scaled_masked_softmax_portable",
                    [CLF_VARIANT_CPU] = "clf_scaled_masked_softmax_cpu"},
        .computes_exponentials = true,
        .operands = {{CLF_SLOT_X, "x", own.x, CLF_I_READ},
                     {CLF_SLOT_MASK, "mask", own.mask, CLF_I_READ},
                     {CLF_SLOT_Y, "y", own.y, CLF_I_WRITE}},
        .num_operands = 3,
        .scale = own.scale,
        .fixed_triu_mask = own.fixed_triu_mask,
        .variant = own.variant,
    };
    return clf_i_softmax_plan(device, &problem, out_plan);
}

clf_status clf_scaled_masked_softmax_grad_plan(clf_device *device,
                                               const clf_scaled_masked_softmax_grad_args *args,
                                               clf_plan **out_plan) {
    clf_scaled_masked_softmax_grad_args own = CLF_SCALED_MASKED_SOFTMAX_GRAD_ARGS;
    clf_status status = clf_i_plan_check_call(device, args, out_plan);
    if (status == CLF_SUCCESS) {
        status = clf_i_softmax_copy_args(args, FIRST_GRAD_SIZE, &own, sizeof own);
    }
    if (status != CLF_SUCCESS) {
        return status;
    }
    const clf_i_softmax_problem problem = {
        .operator_name = "scaled_masked_softmax_grad",
        .bench_name = "softmax_grad",
        .kernels = {[CLF_VARIANT_PORTABLE] = "clf_scaled_masked_softmax_grad_portable",
                    [CLF_VARIANT_CPU] = "clf_scaled_masked_softmax_grad_cpu"},
        .operands = {{CLF_SLOT_GRAD_OUTPUT, "grad_output", own.grad_output, CLF_I_READ},
                     {CLF_SLOT_Y, "y", own.y, CLF_I_READ},
                     {CLF_SLOT_MASK, "mask", own.mask, CLF_I_READ},
                     {CLF_SLOT_GRAD_X, "grad_x", own.grad_x, CLF_I_WRITE}},
        .num_operands = 4,
        .scale = own.scale,
        .fixed_triu_mask = own.fixed_triu_mask,
        .variant = own.variant,
    };
    return clf_i_softmax_plan(device, &problem, out_plan);
}
