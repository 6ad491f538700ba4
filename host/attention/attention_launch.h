/* What plans of attention and of its gradient have in common: tensors, the problem in numbers, and
 * launches in the making. */
#ifndef CLF_ATTENTION_ATTENTION_LAUNCH_H
#define CLF_ATTENTION_ATTENTION_LAUNCH_H

#include "attention/attention_arguments.h"
#include "attention/attention_records.h"
#include "device/step_builder.h"

/* The forward's inputs, those that are read. */
clf_status clf_i_attention_add_inputs(const clf_i_attention_request *request, clf_plan *plan);

/* ---- The problem ---- */

/* All but the number of tiles. */
void clf_i_attention_problem_make(const clf_i_attention_request *request,
                                  clf_i_attention_problem *problem);
void clf_i_attention_copy_axes(const clf_i_attention_axes *axes, int64_t strides[3]);

/* ---- Launches ---- */

/* Definitions of all kernels: dtype, depths, dropout. */
void clf_i_attention_launch_common(const clf_i_attention_request *request,
                                   clf_i_step_builder *launch);
/* query, key, value, and bias and mask with their definitions if they are read; then the drop mask.
 */
void clf_i_attention_launch_inputs(const clf_i_attention_request *request,
                                   clf_i_step_builder *launch);
void clf_i_attention_launch_drop_mask(const clf_i_attention_request *request,
                                      clf_i_step_builder *launch);

#endif
