/* Dropout masks: clf_dropout_mask_plan, and the numbers that attention shares with it. */
#include "attention/attention_dropout.h"

#include <inttypes.h>
#include <math.h>

#include <clformer/attention.h>

#include "core/failure.h"
#include "device/plan_builder.h"
#include "shape/view.h"

#define BLOCK_ELEMENTS 128
#define BLOCK_BYTES    16
#define GROUP_SIZE     64

uint32_t clf_i_dropout_bits(clf_dtype dtype) {
    return dtype == CLF_DTYPE_FP16 ? 10 : dtype == CLF_DTYPE_BF16 ? 7 : 23;
}

float clf_i_dropout_round(float probability, clf_dtype dtype) {
    if (dtype == CLF_DTYPE_FP32 || probability == 0.0f) {
        return probability;
    }
    /* The spacing of the type's numbers there; below its smallest normal number it stays the same.
     */
    const int significand = dtype == CLF_DTYPE_FP16 ? 11 : 8;
    const int lowest = dtype == CLF_DTYPE_FP16 ? -13 : -125;
    int exponent = 0;
    frexpf(probability, &exponent);
    const int shift = (exponent > lowest ? exponent : lowest) - significand;
    /* The sum has just this spacing, and is rounded to it. */
    const float large = ldexpf(1.5f, shift + 23);
    return (probability + large) - large;
}

static clf_status check_args(const clf_dropout_mask_args *args) {
    if (args->struct_size != sizeof *args) {
        return clf_i_fail(CLF_ERR_PARAM_INVALID,
                          "struct_size is %zu, accepted: %zu, as set by CLF_DROPOUT_MASK_ARGS",
                          args->struct_size, sizeof *args);
    }
    if (args->num_elements < 0) {
        return clf_i_fail(CLF_ERR_PARAM_INVALID, "num_elements is %" PRId64 ", accepted: 0 or more",
                          args->num_elements);
    }
    if (!(args->drop_probability >= 0.0 && args->drop_probability < 1.0)) {
        return clf_i_fail(CLF_ERR_PARAM_INVALID,
                          "drop_probability is %g, accepted: 0 or more, below 1",
                          args->drop_probability);
    }
    const clf_dtype dtype = args->probability_dtype;
    if (dtype != CLF_DTYPE_FP32 && dtype != CLF_DTYPE_FP16 && dtype != CLF_DTYPE_BF16) {
        return clf_i_fail(CLF_ERR_PARAM_INVALID,
                          "probability_dtype is %s (%d), accepted: fp32, fp16, bf16",
                          clf_dtype_name(dtype), (int)dtype);
    }
    return CLF_SUCCESS;
}

static int64_t num_blocks(const clf_dropout_mask_args *args) {
    return args->num_elements / BLOCK_ELEMENTS + (args->num_elements % BLOCK_ELEMENTS != 0);
}

static clf_status check_mask(const clf_dropout_mask_args *args) {
    const clf_status status =
        clf_i_view_check("mask", args->mask, CLF_I_DTYPE_BIT(CLF_DTYPE_UINT8));
    if (status != CLF_SUCCESS) {
        return status;
    }
    const clf_tensor *mask = args->mask;
    const int64_t needed = num_blocks(args) * BLOCK_BYTES;
    if (mask->rank != 1 || mask->shape[0] < needed || (needed > 0 && mask->strides[0] != 1)) {
        char shape[CLF_I_SHAPE_TEXT];
        return clf_i_fail(CLF_ERR_PARAM_INVALID,
                          "mask has shape %s, accepted: one contiguous axis of %" PRId64
                          " bytes or more",
                          clf_i_shape_text(mask->rank, mask->shape, shape), needed);
    }
    return CLF_SUCCESS;
}

static clf_status add_launch(const clf_dropout_mask_args *args, clf_plan *plan) {
    const int64_t bytes = num_blocks(args) * BLOCK_BYTES;
    const float probability =
        clf_i_dropout_round((float)args->drop_probability, args->probability_dtype);
    const uint32_t bits = clf_i_dropout_bits(args->probability_dtype);
    const clf_i_argument arguments[] = {
        CLF_I_TENSOR(CLF_SLOT_DROP_MASK), CLF_I_VALUE(bytes),       CLF_I_VALUE(args->seed),
        CLF_I_VALUE(args->offset),        CLF_I_VALUE(probability), CLF_I_VALUE(bits),
    };
    const size_t groups = ((size_t)num_blocks(args) + GROUP_SIZE - 1) / GROUP_SIZE;
    const clf_i_step step = {.kernel = "clf_dropout_mask",
                             .arguments = arguments,
                             .num_arguments = sizeof arguments / sizeof arguments[0],
                             .dimensions = 1,
                             .global = {groups * GROUP_SIZE},
                             .local = {GROUP_SIZE}};
    clf_i_plan_set_cost(plan, 0.0, (double)bytes);
    return bytes > 0 ? clf_i_plan_add_step(plan, &step) : CLF_SUCCESS;
}

static clf_status fill_plan(const clf_dropout_mask_args *args, clf_plan *plan) {
    const clf_i_variant_option option = {CLF_VARIANT_PORTABLE, NULL};
    clf_variant variant = CLF_VARIANT_AUTO;
    clf_status status =
        clf_i_plan_add_tensor(plan, CLF_SLOT_DROP_MASK, "mask", args->mask, CLF_I_WRITE);
    if (status == CLF_SUCCESS) {
        status = clf_i_plan_choose_variant(plan, CLF_VARIANT_PORTABLE, &option, 1, &variant);
    }
    if (status == CLF_SUCCESS) {
        status = add_launch(args, plan);
    }
    return status == CLF_SUCCESS ? clf_i_plan_finish(plan) : status;
}

clf_status clf_dropout_mask_plan(clf_device *device, const clf_dropout_mask_args *args,
                                 clf_plan **out_plan) {
    clf_status status = clf_i_plan_check_call(device, args, out_plan);
    if (status != CLF_SUCCESS) {
        return status;
    }
    status = check_args(args);
    if (status == CLF_SUCCESS) {
        status = check_mask(args);
    }
    clf_plan *plan = NULL;
    if (status == CLF_SUCCESS) {
        status = clf_i_plan_create(device, "dropout_mask", &plan);
    }
    if (status == CLF_SUCCESS) {
        status = fill_plan(args, plan);
    }
    if (status != CLF_SUCCESS) {
        clf_plan_destroy(plan);
        return status;
    }
    *out_plan = plan;
    return CLF_SUCCESS;
}
