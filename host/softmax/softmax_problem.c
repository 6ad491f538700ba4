/* Checks of a softmax problem, and the common course of its planning. */
#include "softmax/softmax_problem.h"

#include <stdio.h>
#include <string.h>

#include "core/failure.h"
#include "core/text.h"
#include "shape/view.h"
#include "softmax/softmax_launch.h"

clf_status clf_i_softmax_copy_args(const void *args, size_t first_size, void *copy,
                                   size_t copy_size) {
    size_t given = 0;
    memcpy(&given, args, sizeof given);
    if (given < first_size || given > copy_size) {
        return clf_i_fail(
            CLF_ERR_PARAM_INVALID,
            "args->struct_size is %zu, accepted: %zu to %zu, as set by the macro that "
            "begins the struct",
            given, first_size, copy_size);
    }
    memcpy(copy, args, given);
    return CLF_SUCCESS;
}

static bool is_mask(const clf_i_softmax_operand *operand) {
    return operand->slot == CLF_SLOT_MASK;
}

/* A mask that is not given, or not used, is no operand. */
static bool is_absent(const clf_i_softmax_problem *problem, const clf_i_softmax_operand *operand) {
    return is_mask(operand) && (operand->tensor == NULL || problem->fixed_triu_mask);
}

/* Required tensors first, so that a missing one is told before a wrong one. */
static clf_status check_required(const clf_i_softmax_problem *problem) {
    for (size_t i = 0; i < problem->num_operands; ++i) {
        const clf_i_softmax_operand *operand = &problem->operands[i];
        if (!is_mask(operand) && operand->tensor == NULL) {
            return clf_i_fail(CLF_ERR_PARAM_NULLPTR, "%s is NULL, a tensor is required",
                              operand->argument);
        }
    }
    return CLF_SUCCESS;
}

static clf_status check_tensors(const clf_i_softmax_problem *problem) {
    const clf_i_softmax_operand *first = &problem->operands[0];
    for (size_t i = 0; i < problem->num_operands; ++i) {
        const clf_i_softmax_operand *operand = &problem->operands[i];
        if (is_absent(problem, operand)) {
            continue;
        }
        clf_status status =
            clf_i_view_check(operand->argument, operand->tensor,
                             is_mask(operand) ? CLF_I_DTYPES_MASK : CLF_I_DTYPES_FLOAT);
        if (status == CLF_SUCCESS && i > 0 && !is_mask(operand)) {
            status = clf_i_view_check_same(operand->argument, operand->tensor, first->argument,
                                           first->tensor);
        }
        if (status != CLF_SUCCESS) {
            return status;
        }
    }
    return CLF_SUCCESS;
}

/* Strides over the first tensor's shape; an absent mask has zeros. */
static clf_status make_strides(const clf_i_softmax_problem *problem,
                               int64_t strides[CLF_I_ROW_OPERANDS][CLF_MAX_RANK]) {
    const clf_tensor *first = problem->operands[0].tensor;
    for (size_t i = 0; i < problem->num_operands; ++i) {
        const clf_i_softmax_operand *operand = &problem->operands[i];
        memset(strides[i], 0, CLF_MAX_RANK * sizeof strides[i][0]);
        if (is_absent(problem, operand)) {
            continue;
        }
        if (!is_mask(operand)) {
            memcpy(strides[i], operand->tensor->strides,
                   (size_t)first->rank * sizeof strides[i][0]);
            continue;
        }
        const clf_status status = clf_i_view_broadcast(operand->argument, operand->tensor,
                                                       first->rank, first->shape, strides[i]);
        if (status != CLF_SUCCESS) {
            return status;
        }
    }
    return CLF_SUCCESS;
}

/* Where rows have one column its stride has no meaning: the kernels' fast ways want 1 (masks 0). */
static clf_i_row_space make_space(const clf_i_softmax_problem *problem,
                                  int64_t strides[CLF_I_ROW_OPERANDS][CLF_MAX_RANK]) {
    const clf_tensor *first = problem->operands[0].tensor;
    const int64_t *pointers[CLF_I_ROW_OPERANDS] = {0};
    for (size_t i = 0; i < problem->num_operands; ++i) {
        pointers[i] = strides[i];
    }
    clf_i_row_space space =
        clf_i_row_space_make(first->rank, first->shape, (int32_t)problem->num_operands, pointers,
                             problem->fixed_triu_mask);
    for (size_t i = 0; i < problem->num_operands && space.width == 1; ++i) {
        space.column_strides[i] = is_mask(&problem->operands[i]) ? 0 : 1;
    }
    return space;
}

static clf_status add_tensors(const clf_i_softmax_problem *problem, clf_plan *plan) {
    for (size_t i = 0; i < problem->num_operands; ++i) {
        const clf_i_softmax_operand *operand = &problem->operands[i];
        if (is_absent(problem, operand)) {
            continue;
        }
        const clf_status status = clf_i_plan_add_tensor(plan, operand->slot, operand->argument,
                                                        operand->tensor, operand->access);
        if (status != CLF_SUCCESS) {
            return status;
        }
    }
    return CLF_SUCCESS;
}

/* Places of a matrix of `height` rows that the triangle leaves unmasked. */
static double triangle_places(double height, double width) {
    const double square = height < width ? height : width;
    return square * (square + 1.0) / 2.0 + (height - square) * width;
}

/* About five operations for an unmasked place. Every tensor moves once, inputs only where they are
 * read. */
static void set_cost(const clf_i_softmax_problem *problem, clf_plan *plan) {
    const clf_tensor *first = problem->operands[0].tensor;
    const double places = (double)clf_i_view_num_elements(first);
    double read_places = places;
    if (problem->fixed_triu_mask && places > 0.0) {
        const double width = (double)first->shape[first->rank - 1];
        const double height = first->rank > 1 ? (double)first->shape[first->rank - 2] : 1.0;
        read_places = places / (height * width) * triangle_places(height, width);
    }
    double bytes = 0.0;
    for (size_t i = 0; i < problem->num_operands; ++i) {
        const clf_i_softmax_operand *operand = &problem->operands[i];
        const double size = (double)clf_dtype_size(first->dtype);
        if (is_absent(problem, operand)) {
            continue;
        }
        bytes += is_mask(operand)                 ? (double)clf_i_view_num_elements(operand->tensor)
                 : operand->access == CLF_I_WRITE ? size * places
                                                  : size * read_places;
    }
    clf_i_plan_set_cost(plan, 5.0 * read_places, bytes);
}

static void append_sizes(clf_i_text *text, const clf_tensor *tensor) {
    for (int32_t axis = 0; axis < tensor->rank; ++axis) {
        clf_i_text_format(text, "%s%lld", axis == 0 ? "" : ",", (long long)tensor->shape[axis]);
    }
}

static clf_status set_problem(const clf_i_softmax_problem *problem, clf_plan *plan) {
    const clf_tensor *first = problem->operands[0].tensor;
    clf_i_text text = {0};
    clf_i_text_format(&text, "%s --shape ", problem->bench_name);
    append_sizes(&text, first);
    clf_i_text_format(&text, " --dtype %s --scale %.9g --mask ", clf_dtype_name(first->dtype),
                      problem->scale);
    const clf_tensor *mask = NULL;
    for (size_t i = 0; i < problem->num_operands; ++i) {
        mask = is_mask(&problem->operands[i]) ? problem->operands[i].tensor : mask;
    }
    if (problem->fixed_triu_mask || mask == NULL) {
        clf_i_text_append(&text, problem->fixed_triu_mask ? "triu" : "none");
    } else {
        append_sizes(&text, mask);
    }
    return clf_i_plan_set_problem(plan, &text);
}

static clf_i_softmax_masking masking_of(const clf_i_softmax_problem *problem) {
    for (size_t i = 0; i < problem->num_operands; ++i) {
        const clf_i_softmax_operand *operand = &problem->operands[i];
        if (is_mask(operand) && !is_absent(problem, operand)) {
            return CLF_I_SOFTMAX_MASKING_TENSOR;
        }
    }
    return problem->fixed_triu_mask ? CLF_I_SOFTMAX_MASKING_TRIANGLE : CLF_I_SOFTMAX_MASKING_NONE;
}

static clf_status fill_plan(const clf_i_softmax_problem *problem, const clf_i_row_space *space,
                            clf_plan *plan) {
    clf_variant variant = CLF_VARIANT_AUTO;
    clf_status status = add_tensors(problem, plan);
    if (status == CLF_SUCCESS) {
        status = clf_i_plan_choose_either_variant(plan, problem->variant, &variant);
    }
    if (status == CLF_SUCCESS) {
        status = set_problem(problem, plan);
    }
    if (status != CLF_SUCCESS) {
        return status;
    }
    set_cost(problem, plan);
    if (clf_i_view_num_elements(problem->operands[0].tensor) > 0) {
        status = clf_i_softmax_add_launch(plan, problem, space, masking_of(problem), variant);
    }
    return status == CLF_SUCCESS ? clf_i_plan_finish(plan) : status;
}

clf_status clf_i_softmax_plan(clf_device *device, const clf_i_softmax_problem *problem,
                              clf_plan **out_plan) {
    int64_t strides[CLF_I_ROW_OPERANDS][CLF_MAX_RANK];
    clf_status status = check_required(problem);
    if (status == CLF_SUCCESS) {
        status = check_tensors(problem);
    }
    if (status == CLF_SUCCESS) {
        status = make_strides(problem, strides);
    }
    if (status != CLF_SUCCESS) {
        return status;
    }
    const clf_i_row_space space = make_space(problem, strides);
    clf_plan *plan = NULL;
    status = clf_i_plan_create(device, problem->operator_name, &plan);
    if (status == CLF_SUCCESS) {
        status = fill_plan(problem, &space, plan);
    }
    return clf_i_plan_hand_over(plan, status, out_plan);
}
