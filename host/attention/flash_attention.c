/* clf_flash_attention_plan: the request becomes tables, arguments and launches. */
#include <string.h>

#include "attention/attention_arguments.h"
#include "attention/attention_launch.h"
#include "attention/attention_tables.h"
#include "attention/attention_text.h"
#include "attention/attention_tiling.h"
#include "core/failure.h"
#include "core/text.h"
#include "device/plan_builder.h"
#include "device/warp_probe.h"
#include "shape/view.h"

/* A plan in the making. */
typedef struct building {
    clf_plan *plan;
    const clf_i_attention_request *request;
    clf_variant variant;
    clf_i_attention_tile_sizes sizes;
    clf_i_attention_tables tables;
    clf_i_attention_problem problem;
    size_t sequence_table;
    size_t tile_table;
    size_t workspace;
    bool only_if_flagged; /* the launch does nothing unless the workspace's flag is set */
} building;

/* ---- Tensors ---- */

static clf_status add_tensors(const clf_i_attention_request *request, clf_plan *plan) {
    const clf_flash_attention_args *args = &request->args;
    const clf_i_plan_tensor outputs[] = {
        {CLF_SLOT_ATTENTION_OUT, "attention_out", args->attention_out, CLF_I_WRITE},
        {CLF_SLOT_SOFTMAX_MAX, "softmax_max", args->softmax_max, CLF_I_WRITE},
        {CLF_SLOT_SOFTMAX_SUM, "softmax_sum", args->softmax_sum, CLF_I_WRITE},
    };
    const clf_status status = clf_i_attention_add_inputs(request, plan);
    return status == CLF_SUCCESS
               ? clf_i_plan_add_tensors(plan, outputs, sizeof outputs / sizeof outputs[0])
               : status;
}

/* ---- Tables ---- */

static clf_status make_tables(building *building) {
    const clf_i_attention_request *request = building->request;
    clf_status status = clf_i_attention_tiles_make(&building->sizes.tiling, &building->tables);
    if (status == CLF_SUCCESS) {
        status = clf_i_plan_add_table(building->plan, building->tables.sequences,
                                      building->tables.num_sequences *
                                          sizeof *building->tables.sequences,
                                      &building->sequence_table);
    }
    if (status == CLF_SUCCESS) {
        status = clf_i_plan_add_table(building->plan, building->tables.tiles,
                                      building->tables.num_tiles * sizeof *building->tables.tiles,
                                      &building->tile_table);
    }
    if (status == CLF_SUCCESS) {
        building->workspace = clf_i_plan_reserve_workspace(
            building->plan,
            clf_i_attention_workspace_size(request, &building->sizes, building->tables.num_tiles));
    }
    return status;
}

/* ---- Launches ---- */

static bool depth_is_contiguous(const clf_i_attention_geometry *geometry) {
    return geometry->query.depth == 1 && geometry->key.depth == 1 && geometry->value.depth == 1 &&
           geometry->out.depth == 1;
}

/* What the kernel that computes and the one that merges are both compiled with. */
static void add_common_defines(const building *building, clf_i_step_builder *launch) {
    const clf_i_attention_request *request = building->request;
    const clf_i_attention_tiling *tiling = &building->sizes.tiling;
    clf_i_attention_launch_common(request, launch);
    clf_i_step_define(launch, "CLF_ATTENTION_SPLIT", building->sizes.merges);
    clf_i_step_define(launch, "CLF_ATTENTION_GROUPED", tiling->heads_per_tile > 1);
    clf_i_step_define(launch, "CLF_ATTENTION_DEPTH_CONTIGUOUS",
                      depth_is_contiguous(&request->geometry));
}

static void add_outputs(const building *building, clf_i_step_builder *launch) {
    clf_i_attention_launch_drop_mask(building->request, launch);
    clf_i_step_slot(launch, CLF_SLOT_ATTENTION_OUT);
    clf_i_step_slot(launch, CLF_SLOT_SOFTMAX_MAX);
    clf_i_step_slot(launch, CLF_SLOT_SOFTMAX_SUM);
    clf_i_step_argument(launch, (clf_i_argument)CLF_I_TABLE(building->sequence_table));
    clf_i_step_argument(launch, (clf_i_argument)CLF_I_TABLE(building->tile_table));
    clf_i_step_argument(launch, (clf_i_argument)CLF_I_WORKSPACE(building->workspace));
    clf_i_step_argument(launch, (clf_i_argument)CLF_I_VALUE(building->problem));
}

static int64_t num_units(const building *building) {
    return (int64_t)building->tables.num_tiles *
           clf_i_attention_num_unit_heads(building->request, &building->sizes.tiling);
}

static clf_status launch_reset(const building *building) {
    clf_i_step_builder launch;
    clf_i_step_begin(&launch, "clf_flash_attention_reset");
    clf_i_step_argument(&launch, (clf_i_argument)CLF_I_WORKSPACE(building->workspace));
    launch.step.dimensions = 1;
    launch.step.global[0] = 1;
    launch.step.local[0] = 1;
    return clf_i_plan_add_step(building->plan, &launch.step);
}

/* Persistent work-groups, one for each compute unit, that take units from a counter. */
static void set_cpu(const building *building, clf_i_step_builder *launch) {
    const int64_t groups = (int64_t)clf_i_plan_capabilities(building->plan)->compute_units;
    if (building->sizes.row_vectors > 0) {
        clf_i_step_define(launch, "CLF_ATTENTION_ROW_VECTORS", building->sizes.row_vectors);
        clf_i_step_define(launch, "CLF_ATTENTION_PANELS", building->sizes.panels);
        clf_i_step_define(launch, "CLF_ATTENTION_STAGED", building->sizes.is_staged);
        clf_i_step_define(launch, "CLF_ATTENTION_BF16_DOT", building->sizes.uses_bf16_dot);
    } else {
        clf_i_step_define(launch, "CLF_ATTENTION_ROWS", building->sizes.tiling.rows);
    }
    launch->step.dimensions = 1;
    launch->step.global[0] = (size_t)(groups < num_units(building) ? groups : num_units(building));
    launch->step.local[0] = 1;
}

static void set_portable(const building *building, clf_i_step_builder *launch) {
    const clf_i_attention_tile_sizes *sizes = &building->sizes;
    clf_i_step_define(launch, "CLF_ATTENTION_ROWS", sizes->tiling.rows);
    clf_i_step_define(launch, "CLF_ATTENTION_DEPTH_CHUNK", sizes->depth_chunk);
    clf_i_step_define(launch, "CLF_ATTENTION_GROUP_ROWS", sizes->group_rows);
    clf_i_step_define(launch, "CLF_ATTENTION_GROUP_COLUMNS", sizes->group_columns);
    const size_t group = (size_t)(sizes->group_rows * sizes->group_columns);
    launch->step.dimensions = 1;
    launch->step.global[0] = (size_t)num_units(building) * group;
    launch->step.local[0] = group;
}

static void set_nvidia(const building *building, clf_i_step_builder *launch) {
    const clf_i_attention_tile_sizes *sizes = &building->sizes;
    clf_i_step_define(launch, "CLF_ATTENTION_PADDED_DEPTH", sizes->padded_depth);
    clf_i_step_define(launch, "CLF_ATTENTION_WARPS", sizes->warps);
    clf_i_step_define(launch, "CLF_ATTENTION_ROW_BLOCKS", sizes->row_blocks);
    clf_i_step_define(launch, "CLF_ATTENTION_SOFTMAX_KEYS", sizes->softmax_keys);
    clf_i_step_groups(launch, num_units(building), 32 * sizes->warps);
}

static clf_status launch_forward(const building *building) {
    clf_i_step_builder launch;
    clf_i_step_begin(&launch, building->sizes.kernel);
    add_common_defines(building, &launch);
    clf_i_step_define(&launch, "CLF_ATTENTION_KEY_TILE", building->sizes.tiling.key_tile);
    clf_i_attention_launch_inputs(building->request, &launch);
    add_outputs(building, &launch);
    launch.step.local_memory = building->sizes.local_memory;
    if (building->variant == CLF_VARIANT_CPU) {
        set_cpu(building, &launch);
    } else if (building->variant == CLF_VARIANT_NVIDIA) {
        set_nvidia(building, &launch);
    } else {
        set_portable(building, &launch);
        clf_i_step_define(&launch, "CLF_ATTENTION_ONLY_IF_FLAGGED", building->only_if_flagged);
    }
    return clf_i_plan_add_step(building->plan, &launch.step);
}

static clf_status launch_merge(const building *building) {
    const int64_t rows = building->sizes.tiling.rows;
    clf_i_step_builder launch;
    clf_i_step_begin(&launch, "clf_flash_attention_merge");
    add_common_defines(building, &launch);
    clf_i_step_define(&launch, "CLF_ATTENTION_ROWS", rows);
    clf_i_step_slot(&launch, CLF_SLOT_VALUE);
    add_outputs(building, &launch);
    launch.step.dimensions = 2;
    launch.step.global[0] = (size_t)(rows * num_units(building));
    launch.step.global[1] = (size_t)building->request->geometry.value_depth;
    launch.step.local[0] = (size_t)rows;
    launch.step.local[1] = 1;
    return clf_i_plan_add_step(building->plan, &launch.step);
}

static clf_status set_parameters(const building *building) {
    const clf_i_attention_tiling *tiling = &building->sizes.tiling;
    const clf_i_plan_parameter parameters[] = {
        {"rows_per_tile", tiling->rows},
        {"keys_per_tile", tiling->key_tile},
        {"heads_per_tile", tiling->heads_per_tile},
        {"key_splits", tiling->num_splits},
        {"tiles", (int64_t)building->tables.num_tiles},
        {"bf16_dot", building->sizes.uses_bf16_dot},
        {"dropout_elements", clf_i_attention_num_elements(&building->request->geometry)},
    };
    return clf_i_plan_set_parameters(building->plan, parameters,
                                     sizeof parameters / sizeof parameters[0]);
}

/* What the nvidia kernel leaves to be computed again, if it says so: all of it, by the portable one,
 * with tiles of its own. */
static clf_status launch_again(building *building) {
    building->variant = CLF_VARIANT_PORTABLE;
    building->only_if_flagged = true;
    building->sizes =
        clf_i_attention_portable_tiles(clf_i_plan_device(building->plan), building->request);
    clf_status status = clf_i_attention_tiles_make(&building->sizes.tiling, &building->tables);
    if (status == CLF_SUCCESS) {
        status = clf_i_plan_add_table(building->plan, building->tables.tiles,
                                      building->tables.num_tiles * sizeof *building->tables.tiles,
                                      &building->tile_table);
    }
    building->problem.num_tiles = (int64_t)building->tables.num_tiles;
    return status == CLF_SUCCESS ? launch_forward(building) : status;
}

static clf_status add_launches(building *building) {
    clf_status status = make_tables(building);
    if (status != CLF_SUCCESS) {
        return status;
    }
    clf_i_attention_problem_make(building->request, &building->problem);
    building->problem.num_tiles = (int64_t)building->tables.num_tiles;
    if (building->variant != CLF_VARIANT_PORTABLE) {
        status = launch_reset(building);
    }
    if (status == CLF_SUCCESS) {
        status = launch_forward(building);
    }
    if (status == CLF_SUCCESS && building->sizes.merges) {
        status = launch_merge(building);
    }
    if (status == CLF_SUCCESS) {
        status = set_parameters(building);
    }
    if (status == CLF_SUCCESS && building->variant == CLF_VARIANT_NVIDIA) {
        status = launch_again(building);
    }
    return status;
}

/* ---- Cost ---- */

/* Two products over the computed pairs. Every tensor moves once. */
static void set_cost(const building *building) {
    const clf_flash_attention_args *args = &building->request->args;
    const clf_i_attention_geometry *geometry = &building->request->geometry;
    const double pairs = building->tables.num_pairs * (double)geometry->num_heads;
    const double flops = 2.0 * pairs * (double)(geometry->depth + geometry->value_depth);
    const clf_tensor *moved[] = {args->query,         args->key,         args->value,
                                 args->attention_out, args->softmax_max, args->softmax_sum};
    double bytes = clf_i_views_bytes(moved, sizeof moved / sizeof moved[0]);
    if (building->request->pairs.reads_mask) {
        bytes += clf_i_view_bytes(args->atten_mask);
    }
    clf_i_plan_set_cost(building->plan, flops, bytes);
}

/* ---- The plan ---- */

static clf_status choose_variant(building *building) {
    const clf_device *device = clf_i_plan_device(building->plan);
    const clf_i_capabilities *capabilities = clf_i_plan_capabilities(building->plan);
    const char *nvidia_refusal =
        clf_i_attention_nvidia_refusal(building->request, &building->tables);
    const clf_i_variant_option options[] = {
        {CLF_VARIANT_NVIDIA,
         nvidia_refusal != NULL ? nvidia_refusal : clf_i_nvidia_refusal(device)},
        {CLF_VARIANT_CPU, clf_i_variant_refusal(capabilities, CLF_VARIANT_CPU)},
        {CLF_VARIANT_PORTABLE, clf_i_variant_refusal(capabilities, CLF_VARIANT_PORTABLE)},
    };
    return clf_i_plan_choose_variant(building->plan, building->request->args.variant, options,
                                     sizeof options / sizeof options[0], &building->variant);
}

static clf_status fill_plan(building *building) {
    const clf_i_attention_request *request = building->request;
    clf_status status = add_tensors(request, building->plan);
    if (status == CLF_SUCCESS && !request->geometry.out_is_empty) {
        status = clf_i_attention_sequences_make(&request->args, &request->geometry, &request->pairs,
                                                &building->tables);
    }
    if (status == CLF_SUCCESS) {
        status = choose_variant(building);
    }
    if (status == CLF_SUCCESS) {
        status = clf_i_attention_set_text(request, building->plan);
    }
    if (status == CLF_SUCCESS && !request->geometry.out_is_empty) {
        building->sizes = clf_i_attention_choose_tiles(building->plan, building->variant, request);
        status = add_launches(building);
        if (status == CLF_SUCCESS) {
            set_cost(building);
        }
    }
    return status == CLF_SUCCESS ? clf_i_plan_finish(building->plan) : status;
}

clf_status clf_flash_attention_plan(clf_device *device, const clf_flash_attention_args *args,
                                    clf_plan **out_plan) {
    clf_status status = clf_i_plan_check_call(device, args, out_plan);
    if (status != CLF_SUCCESS) {
        return status;
    }
    clf_i_attention_request request;
    building building;
    memset(&building, 0, sizeof building);
    building.request = &request;
    status = clf_i_attention_request_make(args, &request);
    if (status == CLF_SUCCESS) {
        status = clf_i_plan_create(device, "flash_attention", &building.plan);
    }
    if (status == CLF_SUCCESS) {
        status = fill_plan(&building);
    }
    clf_i_attention_tables_clear(&building.tables);
    clf_i_attention_request_clear(&request);
    return clf_i_plan_hand_over(building.plan, status, out_plan);
}

clf_status clf_flash_attention_num_elements(const clf_flash_attention_args *args,
                                            int64_t *out_num_elements) {
    if (args == NULL || out_num_elements == NULL) {
        return clf_i_fail(CLF_ERR_PARAM_NULLPTR, "%s is NULL, one is required",
                          args == NULL ? "args" : "out_num_elements");
    }
    *out_num_elements = 0;
    clf_i_attention_request request;
    const clf_status status = clf_i_attention_request_make(args, &request);
    if (status == CLF_SUCCESS) {
        *out_num_elements = clf_i_attention_num_elements(&request.geometry);
    }
    clf_i_attention_request_clear(&request);
    return status;
}
