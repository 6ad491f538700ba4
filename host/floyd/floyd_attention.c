/* clf_floyd_attention_plan: the request becomes a record and launches. */
#include <inttypes.h>
#include <string.h>

#include "core/text.h"
#include "device/plan_builder.h"
#include "floyd/floyd_arguments.h"
#include "floyd/floyd_method.h"
#include "floyd/floyd_slab.h"
#include "floyd/floyd_tiling.h"
#include "shape/view.h"
#include "tune/tuning.h"

enum { MAX_DEFINES = 14, MAX_ARGUMENTS = 12 };

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

/* One launch in the making; `step` points into the arrays. */
typedef struct launch {
    clf_i_define defines[MAX_DEFINES];
    clf_i_argument arguments[MAX_ARGUMENTS];
    clf_i_step step;
} launch;

/* ---- Tensors and the problem in numbers ---- */

static clf_status add_tensors(const clf_i_floyd_request *request, clf_plan *plan) {
    const clf_floyd_attention_args *args = &request->args;
    const struct {
        clf_slot slot;
        const char *argument;
        const clf_tensor *tensor;
        clf_i_access access;
    } tensors[] = {
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
    clf_status status = CLF_SUCCESS;
    for (size_t i = 0; i < sizeof tensors / sizeof tensors[0] && status == CLF_SUCCESS; ++i) {
        if (tensors[i].tensor != NULL) {
            status = clf_i_plan_add_tensor(plan, tensors[i].slot, tensors[i].argument,
                                           tensors[i].tensor, tensors[i].access);
        }
    }
    return status;
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
    return (problem->n + tiling->rows_n - 1) / tiling->rows_n *
           ((problem->m + tiling->rows_m - 1) / tiling->rows_m);
}

/* ---- Launches ---- */

static void add_define(launch *launch, const char *name, int64_t value) {
    launch->defines[launch->step.num_defines++] = (clf_i_define){name, value};
}

static void add_argument(launch *launch, clf_i_argument argument) {
    launch->arguments[launch->step.num_arguments++] = argument;
}

static void add_slot(launch *launch, clf_slot slot) {
    add_argument(launch, (clf_i_argument)CLF_I_TENSOR(slot));
}

static void begin_launch(const building *building, launch *launch, const char *kernel) {
    memset(launch, 0, sizeof *launch);
    launch->step.kernel = kernel;
    launch->step.defines = launch->defines;
    launch->step.arguments = launch->arguments;
    add_define(launch, "CLF_DTYPE", building->request->args.query->dtype);
    add_define(launch, "CLF_FLOYD_DEPTH", building->problem.depth);
}

/* What both kernels of the cpu variant are compiled with: the layout of the workspace. */
static void add_layout(const building *building, launch *launch) {
    add_define(launch, "CLF_FLOYD_KEY_VECTORS", building->tiling.key_vectors);
    add_define(launch, "CLF_FLOYD_DEPTH_VECTORS", building->tiling.depth_vectors);
    add_define(launch, "CLF_FLOYD_VALUE1_IN_PLACE", building->tiling.value1_in_place);
}

/* Results that the last-level cache would not keep for whoever reads them are stored past it. */
static bool is_streaming(const building *building) {
    const clf_floyd_attention_args *args = &building->request->args;
    const clf_tensor *stored[] = {args->attention_out, args->softmax_max, args->softmax_sum};
    int64_t bytes = 0;
    for (size_t i = 0; i < sizeof stored / sizeof stored[0]; ++i) {
        bytes += clf_i_view_num_elements(stored[i]) * (int64_t)clf_dtype_size(stored[i]->dtype);
    }
    return bytes >= clf_i_tuning_value(clf_i_plan_device(building->plan), "clf_floyd_attention_cpu",
                                       "streaming_bytes", 0, INT64_MAX, INT64_C(8) << 20);
}

static void add_results(const building *building, launch *launch) {
    const clf_floyd_attention_args *args = &building->request->args;
    add_define(launch, "CLF_FLOYD_MASK", building->request->geometry.has_mask);
    add_define(launch, "CLF_FLOYD_OUT_FLOAT",
               args->attention_out->dtype == CLF_DTYPE_FP32 &&
                   args->query->dtype != CLF_DTYPE_FP32);
    if (building->request->geometry.has_mask) {
        add_slot(launch, CLF_SLOT_ATTEN_MASK);
    }
    add_slot(launch, CLF_SLOT_ATTENTION_OUT);
    add_slot(launch, CLF_SLOT_SOFTMAX_MAX);
    add_slot(launch, CLF_SLOT_SOFTMAX_SUM);
}

static clf_status launch_portable(const building *building) {
    const clf_i_floyd_tiling *tiling = &building->tiling;
    launch launch;
    begin_launch(building, &launch, "clf_floyd_attention_portable");
    add_define(&launch, "CLF_FLOYD_LANES", tiling->lanes);
    add_define(&launch, "CLF_FLOYD_KEY_TILE", tiling->key_tile);
    add_define(&launch, "CLF_FLOYD_DEPTH_CHUNK", tiling->depth_chunk);
    add_slot(&launch, CLF_SLOT_QUERY);
    add_slot(&launch, CLF_SLOT_KEY1);
    add_slot(&launch, CLF_SLOT_VALUE1);
    add_slot(&launch, CLF_SLOT_KEY2);
    add_slot(&launch, CLF_SLOT_VALUE2);
    add_results(building, &launch);
    add_argument(&launch, (clf_i_argument)CLF_I_VALUE(building->problem));
    launch.step.dimensions = 1;
    launch.step.local[0] = (size_t)(tiling->rows_n / 2 * tiling->rows_m / 2 * tiling->lanes);
    launch.step.global[0] =
        (size_t)(num_tiles(building) * num_heads(building)) * launch.step.local[0];
    launch.step.local_memory = tiling->local_memory;
    return clf_i_plan_add_step(building->plan, &launch.step);
}

static clf_status launch_pack(const building *building, int64_t first_head, int64_t heads) {
    const clf_i_floyd_problem *problem = &building->problem;
    launch launch;
    begin_launch(building, &launch, "clf_floyd_pack_cpu");
    add_layout(building, &launch);
    add_slot(&launch, CLF_SLOT_KEY1);
    add_slot(&launch, CLF_SLOT_VALUE1);
    add_slot(&launch, CLF_SLOT_KEY2);
    add_slot(&launch, CLF_SLOT_VALUE2);
    add_argument(&launch, (clf_i_argument)CLF_I_WORKSPACE(building->workspace));
    add_argument(&launch, (clf_i_argument)CLF_I_VALUE(building->problem));
    add_argument(&launch, (clf_i_argument)CLF_I_VALUE(first_head));
    launch.step.dimensions = 2;
    launch.step.global[0] =
        (size_t)(problem->n + 2 * problem->m + (building->tiling.value1_in_place ? 0 : problem->n));
    launch.step.global[1] = (size_t)heads;
    launch.step.local[0] = 1;
    launch.step.local[1] = 1;
    return clf_i_plan_add_step(building->plan, &launch.step);
}

static clf_status launch_tiles(const building *building, int64_t first_head, int64_t heads) {
    const clf_i_floyd_tiling *tiling = &building->tiling;
    launch launch;
    begin_launch(building, &launch, "clf_floyd_attention_cpu");
    add_layout(building, &launch);
    add_define(&launch, "CLF_FLOYD_ROWS_N", tiling->rows_n);
    add_define(&launch, "CLF_FLOYD_ROWS_M", tiling->rows_m);
    add_define(&launch, "CLF_FLOYD_SCORE_ROWS", tiling->score_rows);
    add_define(&launch, "CLF_FLOYD_OUT_ROWS", tiling->out_rows);
    add_define(&launch, "CLF_FLOYD_STREAMING", is_streaming(building));
    add_slot(&launch, CLF_SLOT_QUERY);
    add_slot(&launch, CLF_SLOT_VALUE1);
    add_results(building, &launch);
    add_argument(&launch, (clf_i_argument)CLF_I_WORKSPACE(building->workspace));
    add_argument(&launch, (clf_i_argument)CLF_I_VALUE(building->problem));
    add_argument(&launch, (clf_i_argument)CLF_I_VALUE(first_head));
    launch.step.dimensions = 2;
    launch.step.global[0] = (size_t)num_tiles(building);
    launch.step.global[1] = (size_t)heads;
    launch.step.local[0] = 1;
    launch.step.local[1] = 1;
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
    const struct {
        const char *name;
        int64_t value;
    } parameters[] = {
        {"rows_n_per_tile", tiling->rows_n},
        {"rows_m_per_tile", tiling->rows_m},
        {"keys_per_block", is_cpu ? 16 * tiling->key_vectors : tiling->key_tile},
        {"heads_per_step", is_cpu ? tiling->heads_per_step : num_heads(building)},
    };
    clf_status status = CLF_SUCCESS;
    for (size_t i = 0; i < sizeof parameters / sizeof parameters[0] && status == CLF_SUCCESS; ++i) {
        status = clf_i_plan_set_parameter(building->plan, parameters[i].name, parameters[i].value);
    }
    return status;
}

/* Four products of 2 N M K D operations. Every tensor moves once. */
static void set_cost(const building *building) {
    const clf_floyd_attention_args *args = &building->request->args;
    const clf_i_floyd_problem *problem = &building->problem;
    const clf_tensor *moved[] = {args->query,         args->key1,        args->value1,
                                 args->key2,          args->value2,      args->atten_mask,
                                 args->attention_out, args->softmax_max, args->softmax_sum};
    double bytes = 0.0;
    for (size_t i = 0; i < sizeof moved / sizeof moved[0]; ++i) {
        if (moved[i] != NULL) {
            bytes +=
                (double)clf_i_view_num_elements(moved[i]) * (double)clf_dtype_size(moved[i]->dtype);
        }
    }
    clf_i_plan_set_cost(building->plan,
                        8.0 * (double)num_heads(building) * (double)problem->n *
                            (double)problem->m * (double)problem->k * (double)problem->depth,
                        bytes);
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

static clf_status choose_fused_variant(building *building) {
    const clf_i_capabilities *capabilities = clf_i_plan_capabilities(building->plan);
    const clf_floyd_attention_args *args = &building->request->args;
    const clf_device *device = clf_i_plan_device(building->plan);
    const clf_i_floyd_tiling *cpu = &building->tiling;
    clf_i_variant_option options[] = {
        {CLF_VARIANT_CPU, clf_i_variant_refusal(capabilities, CLF_VARIANT_CPU)},
        {CLF_VARIANT_PORTABLE, clf_i_variant_refusal(capabilities, CLF_VARIANT_PORTABLE)},
    };
    if (options[0].refusal == NULL && cpu->heads_per_step == 0) {
        options[0].refusal = "workspace_limit is less than the keys and values of one head need";
    }
    if (options[0].refusal == NULL && cpu->local_memory > capabilities->local_memory) {
        options[0].refusal = "the device has too little local memory for a tile";
    }
    const clf_status status =
        clf_i_plan_choose_variant(building->plan, args->variant, options,
                                  sizeof options / sizeof options[0], &building->variant);
    if (building->variant != CLF_VARIANT_CPU) {
        building->tiling = clf_i_floyd_tiling_portable(device);
    }
    return status;
}

/* Which variant, then which method. */
static clf_status choose_way(building *building) {
    const clf_floyd_attention_args *args = &building->request->args;
    const clf_device *device = clf_i_plan_device(building->plan);
    const bool is_fp32 = args->query->dtype == CLF_DTYPE_FP32;
    const clf_i_floyd_slab_estimate slab = clf_i_floyd_slab_estimate_forward(building->request);
    building->tiling =
        clf_i_floyd_tiling_cpu(device, &building->problem, is_fp32, args->workspace_limit);
    const bool needs_slab = clf_i_floyd_needs_slab(building->plan, args->method, args->variant,
                                                   building->tiling.heads_per_step > 0, &slab);
    if (needs_slab) {
        building->tiling = clf_i_floyd_tiling_cpu(device, &building->problem, is_fp32, 0);
    }
    const size_t fused_workspace =
        (size_t)building->tiling.heads_per_step * building->tiling.head_workspace;
    const clf_status status =
        needs_slab
            ? clf_i_floyd_choose_slab_variant(building->plan, args->variant, &building->variant)
            : choose_fused_variant(building);
    const clf_i_floyd_methods methods = {
        .wanted = needs_slab ? CLF_FLOYD_METHOD_SLAB : args->method,
        .fused_variant = building->variant,
        .fused_workspace = building->variant == CLF_VARIANT_CPU ? fused_workspace : 0,
        .slab = slab,
        .fused_kernel = "clf_floyd_attention_portable",
    };
    return status == CLF_SUCCESS
               ? clf_i_floyd_choose_method(building->plan, &methods, &building->method)
               : status;
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
    if (status != CLF_SUCCESS) {
        clf_plan_destroy(building.plan);
        return status;
    }
    *out_plan = building.plan;
    return CLF_SUCCESS;
}
