/* What plans of attention and of its gradient have in common: tensors, the problem in numbers, and
 * launches in the making. */
#ifndef CLF_ATTENTION_ATTENTION_LAUNCH_H
#define CLF_ATTENTION_ATTENTION_LAUNCH_H

#include "attention/attention_arguments.h"
#include "attention/attention_records.h"
#include "device/plan_builder.h"

/* ---- Tensors ---- */

typedef struct clf_i_attention_slot {
    clf_slot slot;
    const char *argument;
    const clf_tensor *tensor; /* NULL: there is none */
    clf_i_access access;
} clf_i_attention_slot;

clf_status clf_i_attention_add_slots(clf_plan *plan, const clf_i_attention_slot *slots,
                                     size_t count);

/* The forward's inputs, those that are read. */
clf_status clf_i_attention_add_inputs(const clf_i_attention_request *request, clf_plan *plan);

/* ---- The problem ---- */

/* All but the number of tiles. */
void clf_i_attention_problem_make(const clf_i_attention_request *request,
                                  clf_i_attention_problem *problem);
void clf_i_attention_copy_axes(const clf_i_attention_axes *axes, int64_t strides[3]);

/* ---- Launches ---- */

enum { CLF_I_ATTENTION_DEFINES = 20, CLF_I_ATTENTION_ARGUMENTS = 20 };

/* `step` points into the arrays. */
typedef struct clf_i_attention_launch {
    clf_i_define defines[CLF_I_ATTENTION_DEFINES];
    clf_i_argument arguments[CLF_I_ATTENTION_ARGUMENTS];
    clf_i_step step;
} clf_i_attention_launch;

void clf_i_attention_launch_begin(clf_i_attention_launch *launch, const char *kernel);
void clf_i_attention_launch_define(clf_i_attention_launch *launch, const char *name, int64_t value);
void clf_i_attention_launch_argument(clf_i_attention_launch *launch, clf_i_argument argument);
void clf_i_attention_launch_slot(clf_i_attention_launch *launch, clf_slot slot);

/* Definitions of all kernels: dtype, depths. */
void clf_i_attention_launch_common(const clf_i_attention_request *request,
                                   clf_i_attention_launch *launch);
/* query, key, value, and bias and mask if they are read, with their definitions; then the same of
 * dropout. */
void clf_i_attention_launch_inputs(const clf_i_attention_request *request,
                                   clf_i_attention_launch *launch);
void clf_i_attention_launch_drop_mask(const clf_i_attention_request *request,
                                      clf_i_attention_launch *launch);

#endif
