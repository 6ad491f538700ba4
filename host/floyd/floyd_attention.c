/* clf_floyd_attention_plan: the request becomes a record and launches. */
#include <inttypes.h>
#include <string.h>

#include "core/integers.h"
#include "core/text.h"
#include "device/plan_builder.h"
#include "device/step_builder.h"
#include "floyd/floyd_arguments.h"
#include "floyd/floyd_method.h"
#include "floyd/floyd_slab.h"
#include "floyd/floyd_tiling.h"
#include "shape/view.h"
#include "tune/tuning.h"

/* A plan in the making. */
typedef struct building {
    clf_plan *plan;
    const clf_i_floyd_request *request;
    clf_variant variant;
    clf_floyd_method method;
    clf_i_floyd_tiling tiling; /* fused */
    clf_i_floyd_problem problem;
    size_t workspace;
} building;

/* ---- Tensors and the problem in numbers ---- */

static clf_status add_tensors(const clf_i_floyd_request *request, clf_plan *plan) {
    const clf_floyd_attention_args *args = &request->args;
    const clf_i_plan_tensor tensors[] = {
        {CLF_SLOT_QUERY, "query", args->query, CLF_I_READ},
        {CLF_SLOT_KEY1, "key1", args->key1, CLF_I_READ},
        {CLF_SLOT_VALUE1, "value1", args->value1, CLF_I_READ},
        {CLF_SLOT_KEY2, "key2", args->key2, CLF_I_READ},
        {CLF_SLOT_VALUE2, "value2", args->value2, CLF_I_READ},
        {CLF_SLOT_ATTEN_MASK, "atten_mask", args->atten_mask, CLF_I_READ},
        {CLF_SLOT_SOFTMAX_MAX, "softmax_max", args->softmax_max, CLF_I_WRITE},
        {CLF_SLOT_SOFTMAX_SUM, "softmax_sum", args->softmax_sum, CLF_I_WRITE},
        {CLF_SLOT_ATTENTION_OUT, "attention_out", args->attention_out, CLF_I_WRITE},
    };
    return clf_i_plan_add_tensors(plan, tensors, sizeof tensors / sizeof tensors[0]);
}

static void copy_strides(const clf_tensor *tensor, int64_t strides[CLF_I_FLOYD_RANK]) {
    for (int axis = 0; axis < CLF_I_FLOYD_RANK; ++axis) {
        strides[axis] = tensor->strides[axis];
    }
}

static void set_problem(building *building) {
    const clf_floyd_attention_args *args = &building->request->args;
    const clf_i_floyd_geometry *geometry = &building->request->geometry;
    clf_i_floyd_problem *problem = &building->problem;
    problem->batches = geometry->sizes.batches;
    problem->heads = geometry->sizes.heads;
    problem->n = geometry->sizes.n;
    problem->m = geometry->sizes.m;
    problem->k = geometry->sizes.k;
    problem->depth = geometry->sizes.depth;
    copy_strides(args->query, problem->query);
    copy_strides(args->key1, problem->key1);
    copy_strides(args->value1, problem->value1);
    copy_strides(args->key2, problem->key2);
    copy_strides(args->value2, problem->value2);
    copy_strides(args->attention_out, problem->out);
    copy_strides(args->softmax_max, problem->max);
    copy_strides(args->softmax_sum, problem->sum);
    memcpy(problem->mask, geometry->mask_strides, sizeof problem->mask);
    problem->scale = geometry->scale;
}

static int64_t num_heads(const building *building) {
    return building->problem.batches * building->problem.heads;
}

static int64_t num_tiles(const building *building) {
    const clf_i_floyd_problem *problem = &building->problem;
    const clf_i_floyd_tiling *tiling = &building->tiling;
    return clf_i_divide_up(problem->n, tiling->rows_n) *
           clf_i_divide_up(problem->m, tiling->rows_m);
}

/* ---- Launches ---- */

static void begin_launch(const building *building, clf_i_step_builder *launch, const char *kernel) {
    clf_i_step_begin(launch, kernel);
    clf_i_step_define(launch, "CLF_DTYPE", building->request->args.query->dtype);
    clf_i_step_define(launch, "CLF_FLOYD_DEPTH", building->problem.depth);
}

/* What both kernels of the cpu variant are compiled with: the layout of the workspace. */
static void add_layout(const building *building, clf_i_step_builder *launch) {
    clf_i_step_define(launch, "CLF_FLOYD_KEY_VECTORS", building->tiling.key_vectors);
    clf_i_step_define(launch, "CLF_FLOYD_DEPTH_VECTORS", building->tiling.depth_vectors);
    clf_i_step_define(launch, "CLF_FLOYD_VALUE1_IN_PLACE", building->tiling.value1_in_place);
}

/* Results that the last-level cache would not keep for whoever reads them are stored past it. */
static bool is_streaming(const building *building) {
    const clf_floyd_attention_args *args = &building->request->args;
    const clf_tensor *stored[] = {args->attention_out, args->softmax_max, args->softmax_sum};
    return clf_i_views_bytes(stored, sizeof stored / sizeof stored[0]) >=
           (double)clf_i_tuning_value(clf_i_plan_device(building->plan), "clf_floyd_attention_cpu",
                                      "streaming_bytes", 0, INT64_MAX, INT64_C(8) << 20);
}

static void add_results(const building *building, clf_i_step_builder *launch) {
    const clf_floyd_attention_args *args = &building->request->args;
    clf_i_step_define(launch, "CLF_FLOYD_MASK", building->request->geometry.has_mask);
    clf_i_step_define(launch, "CLF_FLOYD_OUT_FLOAT",
                      args->attention_out->dtype == CLF_DTYPE_FP32 &&
                          args->query->dtype != CLF_DTYPE_FP32);
    if (building->request->geometry.has_mask) {
        clf_i_step_slot(launch, CLF_SLOT_ATTEN_MASK);
    }
    clf_i_step_slot(launch, CLF_SLOT_ATTENTION_OUT);
    clf_i_step_slot(launch, CLF_SLOT_SOFTMAX_MAX);
    clf_i_step_slot(launch, CLF_SLOT_SOFTMAX_SUM);
}

static clf_status launch_portable(const building *building) {
    const clf_i_floyd_tiling *tiling = &building->tiling;
    clf_i_step_builder launch;
    begin_launch(building, &launch, "clf_floyd_attention_portable");
    clf_i_step_define(&launch, "CLF_FLOYD_LANES", tiling->lanes);
    clf_i_step_define(&launch, "CLF_FLOYD_KEY_TILE", tiling->key_tile);
    clf_i_step_define(&launch, "CLF_FLOYD_DEPTH_CHUNK", tiling->depth_chunk);
    clf_i_step_slot(&launch, CLF_SLOT_QUERY);
    clf_i_step_slot(&launch, CLF_SLOT_KEY1);
    clf_i_step_slot(&launch, CLF_SLOT_VALUE1);
    clf_i_step_slot(&launch, CLF_SLOT_KEY2);
    clf_i_step_slot(&launch, CLF_SLOT_VALUE2);
    add_results(building, &launch);
    clf_i_step_argument(&launch, (clf_i_argument)CLF_I_VALUE(building->problem));
    clf_i_step_groups(&launch, num_tiles(building) * num_heads(building),
                      tiling->rows_n / 2 * tiling->rows_m / 2 * tiling->lanes);
    launch.step.local_memory = tiling->local_memory;
    return clf_i_plan_add_step(building->plan, &launch.step);
}

static clf_status launch_pack(const building *building, int64_t first_head, int64_t heads) {
    const clf_i_floyd_problem *problem = &building->problem;
    clf_i_step_builder launch;
    begin_launch(building, &launch, "clf_floyd_pack_cpu");
    add_layout(building, &launch);
    clf_i_step_slot(&launch, CLF_SLOT_KEY1);
    clf_i_step_slot(&launch, CLF_SLOT_VALUE1);
    clf_i_step_slot(&launch, CLF_SLOT_KEY2);
    clf_i_step_slot(&launch, CLF_SLOT_VALUE2);
    clf_i_step_argument(&launch, (clf_i_argument)CLF_I_WORKSPACE(building->workspace));
    clf_i_step_argument(&launch, (clf_i_argument)CLF_I_VALUE(building->problem));
    clf_i_step_argument(&launch, (clf_i_argument)CLF_I_VALUE(first_head));
    clf_i_step_items(
        &launch, problem->n + 2 * problem->m + (building->tiling.value1_in_place ? 0 : problem->n),
        heads);
    return clf_i_plan_add_step(building->plan, &launch.step);
}

static clf_status launch_tiles(const building *building, int64_t first_head, int64_t heads) {
    const clf_i_floyd_tiling *tiling = &building->tiling;
    clf_i_step_builder launch;
    begin_launch(building, &launch, "clf_floyd_attention_cpu");
    add_layout(building, &launch);
    clf_i_step_define(&launch, "CLF_FLOYD_ROWS_N", tiling->rows_n);
    clf_i_step_define(&launch, "CLF_FLOYD_ROWS_M", tiling->rows_m);
    clf_i_step_define(&launch, "CLF_FLOYD_SCORE_ROWS", tiling->score_rows);
    clf_i_step_define(&launch, "CLF_FLOYD_OUT_ROWS", tiling->out_rows);
    clf_i_step_define(&launch, "CLF_FLOYD_STREAMING", is_streaming(building));
    clf_i_step_slot(&launch, CLF_SLOT_QUERY);
    clf_i_step_slot(&launch, CLF_SLOT_VALUE1);
    add_results(building, &launch);
    clf_i_step_argument(&launch, (clf_i_argument)CLF_I_WORKSPACE(building->workspace));
    clf_i_step_argument(&launch, (clf_i_argument)CLF_I_VALUE(building->problem));
    clf_i_step_argument(&launch, (clf_i_argument)CLF_I_VALUE(first_head));
    clf_i_step_items(&launch, num_tiles(building), heads);
    launch.step.local_memory = tiling->local_memory;
    return clf_i_plan_add_step(building->plan, &launch.step);
}

/* A few heads at a time, so that the workspace does not grow with them. */
static clf_status launch_cpu(building *building) {
    const clf_i_floyd_tiling *tiling = &building->tiling;
    const int64_t all = num_heads(building);
    building->workspace = clf_i_plan_reserve_workspace(
        building->plan, (size_t)tiling->heads_per_step * tiling->head_workspace);
    clf_status status = CLF_SUCCESS;
    for (int64_t first = 0; first < all && status == CLF_SUCCESS; first += tiling->heads_per_step) {
        const int64_t left = all - first;
        const int64_t heads = left < tiling->heads_per_step ? left : tiling->heads_per_step;
        status = launch_pack(building, first, heads);
        if (status == CLF_SUCCESS) {
            status = launch_tiles(building, first, heads);
        }
    }
    return status;
}

/* ---- Description ---- */

static clf_status set_parameters(const building *building) {
    const clf_i_floyd_tiling *tiling = &building->tiling;
    const bool is_cpu = building->variant == CLF_VARIANT_CPU;
    const clf_i_plan_parameter parameters[] = {
        {"rows_n_per_tile", tiling->rows_n},
        {"rows_m_per_tile", tiling->rows_m},
        {"keys_per_block", is_cpu ? 16 * tiling->key_vectors : tiling->key_tile},
        {"heads_per_step", is_cpu ? tiling->heads_per_step : num_heads(building)},
    };
    return clf_i_plan_set_parameters(building->plan, parameters,
                                     sizeof parameters / sizeof parameters[0]);
}

/* Four products of 2 N M K D operations. Every tensor moves once. */
static void set_cost(const building *building) {
    const clf_floyd_attention_args *args = &building->request->args;
    const clf_i_floyd_problem *problem = &building->problem;
    const clf_tensor *moved[] = {args->query,         args->key1,        args->value1,
                                 args->key2,          args->value2,      args->atten_mask,
                                 args->attention_out, args->softmax_max, args->softmax_sum};
    clf_i_plan_set_cost(building->plan,
                        8.0 * (double)num_heads(building) * (double)problem->n *
                            (double)problem->m * (double)problem->k * (double)problem->depth,
                        clf_i_views_bytes(moved, sizeof moved / sizeof moved[0]));
}

static clf_status set_text(const building *building) {
    const clf_i_floyd_problem *problem = &building->problem;
    clf_i_text text = {0};
    clf_i_text_format(&text, "floyd --shape %" PRId64 ",%" PRId64 ",%" PRId64 ",", problem->batches,
                      problem->heads, problem->n);
    clf_i_text_format(&text, "%" PRId64 ",%" PRId64 ",%" PRId64 " --dtype %s", problem->m,
                      problem->k, problem->depth,
                      clf_dtype_name(building->request->args.query->dtype));
    clf_i_floyd_method_append(building->request->args.method, &text);
    return clf_i_plan_set_problem(building->plan, &text);
}

/* ---- The plan ---- */

static clf_i_floyd_tiling tiling_within(const building *building, size_t workspace_limit) {
    return clf_i_floyd_tiling_cpu(clf_i_plan_device(building->plan), &building->problem,
                                  building->request->args.query->dtype == CLF_DTYPE_FP32,
                                  workspace_limit);
}

static clf_status choose_way(building *building) {
    const clf_floyd_attention_args *args = &building->request->args;
    building->tiling = tiling_within(building, args->workspace_limit);
    const bool fits = building->tiling.heads_per_step > 0;
    const clf_i_floyd_tiling fused = fits ? building->tiling : tiling_within(building, 0);
    const clf_i_floyd_ways ways = {
        .wanted_method = args->method,
        .wanted_variant = args->variant,
        .limit_refusal =
            fits ? NULL : "workspace_limit is less than the keys and values of one head need",
        .tile_refusal = "the device has too little local memory for a tile",
        .local_memory = fused.local_memory,
        .workspace = (size_t)fused.heads_per_step * fused.head_workspace,
        .portable_kernel = "clf_floyd_attention_portable",
        .slab = clf_i_floyd_slab_estimate_forward(building->request),
    };
    const clf_status status =
        clf_i_floyd_choose_way(building->plan, &ways, &building->variant, &building->method);
    if (building->variant != CLF_VARIANT_CPU) {
        building->tiling = clf_i_floyd_tiling_portable(clf_i_plan_device(building->plan));
    }
    return status;
}

static clf_status add_steps(building *building) {
    if (building->method == CLF_FLOYD_METHOD_SLAB) {
        return clf_i_floyd_slab_add_forward(building->plan, building->variant, building->request);
    }
    const clf_status status = set_parameters(building);
    if (status != CLF_SUCCESS) {
        return status;
    }
    return building->variant == CLF_VARIANT_CPU ? launch_cpu(building) : launch_portable(building);
}

static clf_status fill_plan(building *building) {
    clf_status status = add_tensors(building->request, building->plan);
    set_problem(building);
    if (status == CLF_SUCCESS) {
        status = choose_way(building);
    }
    if (status == CLF_SUCCESS) {
        status = set_text(building);
    }
    if (status == CLF_SUCCESS) {
        set_cost(building);
        status = add_steps(building);
    }
    return status == CLF_SUCCESS ? clf_i_plan_finish(building->plan) : status;
}

clf_status clf_floyd_attention_plan(clf_device *device, const clf_floyd_attention_args *args,
                                    clf_plan **out_plan) {
    clf_status status = clf_i_plan_check_call(device, args, out_plan);
    if (status != CLF_SUCCESS) {
        return status;
    }
    clf_i_floyd_request request;
    building building;
    memset(&building, 0, sizeof building);
    building.request = &request;
    status = clf_i_floyd_request_make(args, &request);
    if (status == CLF_SUCCESS) {
        status = clf_i_plan_create(device, "floyd_attention", &building.plan);
    }
    if (status == CLF_SUCCESS) {
        status = fill_plan(&building);
    }
    return clf_i_plan_hand_over(building.plan, status, out_plan);
}
