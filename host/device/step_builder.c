/* See step_builder.h. */
#include "device/step_builder.h"

#include <string.h>

void clf_i_step_begin(clf_i_step_builder *builder, const char *kernel) {
    memset(builder, 0, sizeof *builder);
    builder->step.kernel = kernel;
    builder->step.defines = builder->defines;
    builder->step.arguments = builder->arguments;
}

void clf_i_step_define(clf_i_step_builder *builder, const char *name, int64_t value) {
    if (builder->step.num_defines == CLF_I_STEP_DEFINES) {
        builder->step.is_overfull = true;
        return;
    }
    builder->defines[builder->step.num_defines++] = (clf_i_define){name, value};
}

void clf_i_step_argument(clf_i_step_builder *builder, clf_i_argument argument) {
    if (builder->step.num_arguments == CLF_I_STEP_ARGUMENTS) {
        builder->step.is_overfull = true;
        return;
    }
    builder->arguments[builder->step.num_arguments++] = argument;
}

void clf_i_step_slot(clf_i_step_builder *builder, clf_slot slot) {
    clf_i_step_argument(builder, (clf_i_argument)CLF_I_TENSOR(slot));
}

void clf_i_step_groups(clf_i_step_builder *builder, int64_t num_groups, int64_t group_size) {
    builder->step.dimensions = 1;
    builder->step.global[0] = (size_t)(num_groups * group_size);
    builder->step.local[0] = (size_t)group_size;
}

void clf_i_step_items(clf_i_step_builder *builder, int64_t items, int64_t items_of_axis_1) {
    builder->step.dimensions = 2;
    builder->step.global[0] = (size_t)items;
    builder->step.global[1] = (size_t)items_of_axis_1;
    builder->step.local[0] = 1;
    builder->step.local[1] = 1;
}
