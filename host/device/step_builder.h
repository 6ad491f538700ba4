/*
 * A step in the making: an operator begins it with the kernel's name, adds definitions, and arguments
 * in the kernel's order, sets the grid, and gives `step` to clf_i_plan_add_step.
 */
#ifndef CLF_DEVICE_STEP_BUILDER_H
#define CLF_DEVICE_STEP_BUILDER_H

#include "device/plan_builder.h"

enum { CLF_I_STEP_DEFINES = 24, CLF_I_STEP_ARGUMENTS = 24 };

/* `step` points into the arrays: not to be copied. */
typedef struct clf_i_step_builder {
    clf_i_define defines[CLF_I_STEP_DEFINES];
    clf_i_argument arguments[CLF_I_STEP_ARGUMENTS];
    clf_i_step step;
} clf_i_step_builder;

void clf_i_step_begin(clf_i_step_builder *builder, const char *kernel);
void clf_i_step_define(clf_i_step_builder *builder, const char *name, int64_t value);
void clf_i_step_argument(clf_i_step_builder *builder, clf_i_argument argument);
void clf_i_step_slot(clf_i_step_builder *builder, clf_slot slot);

/* A grid of one axis; global sizes are `num_groups` times the local one. */
void clf_i_step_groups(clf_i_step_builder *builder, int64_t num_groups, int64_t group_size);

/* Groups of one work-item each. */
void clf_i_step_items(clf_i_step_builder *builder, int64_t items, int64_t items_of_axis_1);

#endif
