/* ScaledMaskedSoftmax and its gradient as one kind of problem: tensors with the same rows, a mask,
 * a scale. The two operators differ in what they fill in here. */
#ifndef CLF_SOFTMAX_SOFTMAX_PROBLEM_H
#define CLF_SOFTMAX_SOFTMAX_PROBLEM_H

#include <stdbool.h>
#include <stddef.h>

#include <clformer/softmax.h>

#include "device/plan_builder.h"
#include "shape/row_space.h"

/* One tensor, in the order of the kernels' arguments and of the row space's operands. */
typedef struct clf_i_softmax_operand {
    clf_slot slot;
    const char *argument; /* its name in messages */
    const clf_tensor *tensor;
    clf_i_access access;
} clf_i_softmax_operand;

typedef struct clf_i_softmax_problem {
    const char *operator_name;                          /* "scaled_masked_softmax" */
    const char *bench_name;                             /* clformer-bench's name of the operator */
    const char *kernels[3];                             /* by clf_variant */
    bool computes_exponentials;                         /* its kernels take the defines for that */
    clf_i_softmax_operand operands[CLF_I_ROW_OPERANDS]; /* the first one gives shape and dtype */
    size_t num_operands;
    double scale;
    bool fixed_triu_mask;
    clf_variant variant;
} clf_i_softmax_problem;

/*
 * Copies a caller's arguments over `copy`, which holds this library's defaults: a program built
 * against an older library passes a shorter struct. `first_size` is the struct's size in the first
 * version; both structs begin with size_t struct_size.
 */
clf_status clf_i_softmax_copy_args(const void *args, size_t first_size, void *copy,
                                   size_t copy_size);

/* Checks the tensors against each other and makes the plan; *out_plan is NULL before. */
clf_status clf_i_softmax_plan(clf_device *device, const clf_i_softmax_problem *problem,
                              clf_plan **out_plan);

#endif
