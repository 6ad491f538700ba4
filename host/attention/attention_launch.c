/* What launches of attention kernels have in common, forward and gradient: the problem in numbers,
 * inputs and definitions. */
#include "attention/attention_launch.h"

#include <string.h>

#include "attention/attention_dropout.h"

#define LOG2_E 1.4426950408889634

/* ---- The problem ---- */

void clf_i_attention_copy_axes(const clf_i_attention_axes *axes, int64_t strides[3]) {
    strides[CLF_I_STRIDE_TOKEN] = axes->token;
    strides[CLF_I_STRIDE_HEAD] = axes->head;
    strides[CLF_I_STRIDE_DEPTH] = axes->depth;
}

static void copy_pair_strides(const clf_i_pair_strides *pairs, int64_t strides[3]) {
    strides[CLF_I_STRIDE_PAIR_HEAD] = pairs->head;
    strides[CLF_I_STRIDE_ROW] = pairs->row;
    strides[CLF_I_STRIDE_COLUMN] = pairs->column;
}

static void set_problem_dropout(const clf_flash_attention_args *args,
                                const clf_i_attention_pairs *pairs,
                                clf_i_attention_problem *problem) {
    const bool drops = pairs->dropout_kind != CLF_I_DROPOUT_NONE;
    problem->keep_scale = drops ? (float)(1.0 / (double)(float)args->keep_prob) : 1.0f;
    problem->dropout_seed = args->seed;
    problem->dropout_offset = args->offset;
    problem->dropout_bits = clf_i_dropout_bits(args->query->dtype);
    problem->drop_probability =
        clf_i_dropout_round(1.0f - (float)args->keep_prob, args->query->dtype);
}

void clf_i_attention_problem_make(const clf_i_attention_request *request,
                                  clf_i_attention_problem *problem) {
    const clf_flash_attention_args *args = &request->args;
    const clf_i_attention_geometry *geometry = &request->geometry;
    memset(problem, 0, sizeof *problem);
    problem->num_heads = geometry->num_heads;
    problem->group =
        geometry->num_key_heads > 0 ? geometry->num_heads / geometry->num_key_heads : 1;
    clf_i_attention_copy_axes(&geometry->query, problem->query_strides);
    clf_i_attention_copy_axes(&geometry->key, problem->key_strides);
    clf_i_attention_copy_axes(&geometry->value, problem->value_strides);
    clf_i_attention_copy_axes(&geometry->out, problem->out_strides);
    copy_pair_strides(&request->pairs.mask, problem->mask_strides);
    copy_pair_strides(&request->pairs.bias, problem->bias_strides);
    problem->bias_first_row = geometry->key_length - CLF_I_COMPRESSED_BIAS_ROWS;
    const double scale = (double)(float)args->scale;
    problem->score_factor = (float)(scale * LOG2_E);
    problem->bias_factor =
        request->pairs.bias_is_after_scale ? (float)LOG2_E : problem->score_factor;
    problem->empty_rows_are_zero = request->empty_rows_are_zero;
    set_problem_dropout(args, &request->pairs, problem);
}

/* ---- Launches ---- */

void clf_i_attention_launch_common(const clf_i_attention_request *request,
                                   clf_i_step_builder *launch) {
    clf_i_step_define(launch, "CLF_DTYPE", request->args.query->dtype);
    clf_i_step_define(launch, "CLF_ATTENTION_DEPTH", request->geometry.depth);
    clf_i_step_define(launch, "CLF_ATTENTION_VALUE_DEPTH", request->geometry.value_depth);
    clf_i_step_define(launch, "CLF_ATTENTION_DROPOUT", request->pairs.dropout_kind);
}

void clf_i_attention_launch_inputs(const clf_i_attention_request *request,
                                   clf_i_step_builder *launch) {
    const clf_i_attention_pairs *pairs = &request->pairs;
    clf_i_step_define(launch, "CLF_ATTENTION_MASK", pairs->reads_mask);
    clf_i_step_define(launch, "CLF_ATTENTION_BIAS", pairs->bias_kind);
    clf_i_step_define(launch, "CLF_ATTENTION_BIAS_COMPRESSED", pairs->bias_is_compressed);
    clf_i_step_slot(launch, CLF_SLOT_QUERY);
    clf_i_step_slot(launch, CLF_SLOT_KEY);
    clf_i_step_slot(launch, CLF_SLOT_VALUE);
    if (pairs->bias_kind != CLF_I_BIAS_NONE) {
        clf_i_step_slot(launch, CLF_SLOT_PSE);
    }
    if (pairs->reads_mask) {
        clf_i_step_slot(launch, CLF_SLOT_ATTEN_MASK);
    }
}

void clf_i_attention_launch_drop_mask(const clf_i_attention_request *request,
                                      clf_i_step_builder *launch) {
    if (request->pairs.dropout_kind == CLF_I_DROPOUT_BITS) {
        clf_i_step_slot(launch, CLF_SLOT_DROP_MASK);
    }
}

clf_status clf_i_attention_add_inputs(const clf_i_attention_request *request, clf_plan *plan) {
    const clf_flash_attention_args *args = &request->args;
    const clf_i_attention_pairs *pairs = &request->pairs;
    const clf_i_plan_tensor inputs[] = {
        {CLF_SLOT_QUERY, "query", args->query, CLF_I_READ},
        {CLF_SLOT_KEY, "key", args->key, CLF_I_READ},
        {CLF_SLOT_VALUE, "value", args->value, CLF_I_READ},
        {CLF_SLOT_PSE, "pse", pairs->bias_kind != CLF_I_BIAS_NONE ? args->pse : NULL, CLF_I_READ},
        {CLF_SLOT_ATTEN_MASK, "atten_mask", pairs->reads_mask ? args->atten_mask : NULL,
         CLF_I_READ},
        {CLF_SLOT_DROP_MASK, "drop_mask",
         pairs->dropout_kind == CLF_I_DROPOUT_BITS ? args->drop_mask : NULL, CLF_I_READ},
    };
    return clf_i_plan_add_tensors(plan, inputs, sizeof inputs / sizeof inputs[0]);
}
