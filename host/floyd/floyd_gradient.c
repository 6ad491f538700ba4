/* clf_floyd_attention_grad_plan: the request becomes records and launches. */
#include <inttypes.h>
#include <string.h>

#include "core/text.h"
#include "device/plan_builder.h"
#include "floyd/floyd_gradient_tiling.h"
#include "floyd/floyd_method.h"
#include "floyd/floyd_planes.h"
#include "floyd/floyd_slab.h"

enum { MAX_DEFINES = 12, MAX_ARGUMENTS = 20 };

/* A plan in the making. */
typedef struct building {
    clf_plan *plan;
    const clf_i_floyd_grad_request *request;
    clf_variant variant;
    clf_floyd_method method;
    clf_i_floyd_grad_tiling tiling; /* fused */
} building;

/* One launch in the making; `step` points into the arrays. */
typedef struct launch {
    clf_i_define defines[MAX_DEFINES];
    clf_i_argument arguments[MAX_ARGUMENTS];
    clf_i_step step;
} launch;

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
    add_define(launch, "CLF_FLOYD_DEPTH", building->request->geometry.sizes.depth);
}

static int64_t num_heads(const building *building) {
    return building->request->geometry.sizes.batches * building->request->geometry.sizes.heads;
}

static int64_t divide_up(int64_t a, int64_t b) {
    return (a + b - 1) / b;
}

/* ---- portable ---- */

static clf_status launch_portable(const building *building, const clf_i_floyd_roles *roles) {
    const clf_i_floyd_grad_tiling *tiling = &building->tiling;
    const clf_i_floyd_grad_problem problem = clf_i_floyd_planes_problem(building->request, roles);
    const clf_i_floyd_plane *own = clf_i_floyd_plane_of(roles->x, roles->y);
    const clf_i_floyd_plane *const all[] = {own, clf_i_floyd_plane_of(roles->x, roles->z),
                                            clf_i_floyd_plane_of(roles->y, roles->z)};
    launch launch;
    begin_launch(building, &launch, "clf_floyd_attention_grad_portable");
    add_define(&launch, "CLF_FLOYD_GRAD_OF", roles->z == 'K' ? 0 : 1);
    add_define(&launch, "CLF_FLOYD_MASK", building->request->geometry.has_mask);
    add_define(&launch, "CLF_FLOYD_LANES", tiling->lanes);
    add_define(&launch, "CLF_FLOYD_KEY_TILE", tiling->key_tile);
    add_define(&launch, "CLF_FLOYD_DEPTH_CHUNK", tiling->depth_chunk);
    for (int set = 0; set < 2; ++set) {
        for (int plane = 0; plane < 3; ++plane) {
            add_slot(&launch, all[plane]->operands[set]);
        }
    }
    add_slot(&launch, CLF_SLOT_ATTENTION_IN);
    add_slot(&launch, CLF_SLOT_SOFTMAX_MAX);
    add_slot(&launch, CLF_SLOT_SOFTMAX_SUM);
    if (building->request->geometry.has_mask) {
        add_slot(&launch, CLF_SLOT_ATTEN_MASK);
    }
    for (int i = 0; i < 2; ++i) {
        if (own->gradients[i] != (clf_slot)0) {
            add_slot(&launch, own->gradients[i]);
        }
    }
    add_argument(&launch, (clf_i_argument)CLF_I_VALUE(problem));
    const int64_t groups = divide_up(problem.x, tiling->side) * divide_up(problem.y, tiling->side);
    launch.step.dimensions = 1;
    launch.step.local[0] = (size_t)tiling->work_items;
    launch.step.global[0] = (size_t)(groups * num_heads(building) * tiling->work_items);
    launch.step.local_memory = tiling->local_memory;
    return clf_i_plan_add_step(building->plan, &launch.step);
}

static clf_status launch_all_portable(const building *building) {
    static const clf_i_floyd_roles launches[] = {{'N', 'M', 'K'}, {'N', 'K', 'M'}, {'M', 'K', 'N'}};
    clf_status status = CLF_SUCCESS;
    for (size_t i = 0; i < sizeof launches / sizeof launches[0] && status == CLF_SUCCESS; ++i) {
        status = launch_portable(building, &launches[i]);
    }
    return status;
}

/* ---- cpu ---- */

static clf_status launch_cpu(const building *building, bool is_of_n, size_t workspace,
                             int64_t heads, const clf_i_floyd_grad_step *step) {
    static const clf_i_floyd_roles of_n = {'N', 'M', 'K'};
    static const clf_i_floyd_roles of_m = {'M', 'N', 'K'};
    const clf_i_floyd_roles *roles = is_of_n ? &of_n : &of_m;
    const clf_i_floyd_grad_tiling *tiling = &building->tiling;
    const clf_i_floyd_grad_problem problem = clf_i_floyd_planes_problem(building->request, roles);
    const clf_i_floyd_plane *of_query = clf_i_floyd_plane_of(roles->x, roles->y);
    const clf_i_floyd_plane *of_key = clf_i_floyd_plane_of(roles->x, roles->z);
    const bool has_mask = building->request->geometry.has_mask && !is_of_n;
    launch launch;
    begin_launch(building, &launch, "clf_floyd_attention_grad_cpu");
    add_define(&launch, "CLF_FLOYD_GRAD_OF_N", is_of_n);
    add_define(&launch, "CLF_FLOYD_MASK", has_mask);
    add_define(&launch, "CLF_FLOYD_KEY_VECTORS", tiling->key_vectors);
    add_define(&launch, "CLF_FLOYD_PANEL_VECTORS", tiling->panel_vectors);
    add_define(&launch, "CLF_FLOYD_SCORE_ROWS", tiling->score_rows);
    add_define(&launch, "CLF_FLOYD_DEPTH_VECTORS", tiling->depth_vectors);
    add_define(&launch, "CLF_FLOYD_OUT_ROWS", tiling->out_rows);
    add_define(&launch, "CLF_FLOYD_CHUNK", tiling->chunk);
    add_slot(&launch, of_query->operands[0]);
    add_slot(&launch, of_query->operands[1]);
    add_slot(&launch, of_key->operands[0]);
    add_slot(&launch, of_key->operands[1]);
    add_slot(&launch, of_key->gradients[0]);
    add_slot(&launch, of_key->gradients[1]);
    add_argument(&launch, (clf_i_argument)CLF_I_WORKSPACE(workspace));
    add_argument(&launch, (clf_i_argument)CLF_I_VALUE(problem));
    add_argument(&launch, (clf_i_argument)CLF_I_VALUE(*step));
    if (is_of_n) {
        add_slot(&launch, CLF_SLOT_ATTENTION_IN);
        add_slot(&launch, CLF_SLOT_SOFTMAX_MAX);
        add_slot(&launch, CLF_SLOT_SOFTMAX_SUM);
        add_slot(&launch, of_query->gradients[0]);
    }
    if (has_mask) {
        add_slot(&launch, CLF_SLOT_ATTEN_MASK);
    }
    launch.step.dimensions = 2;
    launch.step.global[0] = (size_t)(is_of_n ? step->num_n : problem.x);
    launch.step.global[1] = (size_t)heads;
    launch.step.local[0] = 1;
    launch.step.local[1] = 1;
    launch.step.local_memory = tiling->local_memory;
    return clf_i_plan_add_step(building->plan, &launch.step);
}

/* All blocks of keys for some heads. If the slab holds all n, launches of n end a block and begin
 * the next one. */
static clf_status launch_heads(const building *building, size_t workspace, int64_t heads,
                               const clf_i_floyd_grad_step *common) {
    const clf_i_floyd_sizes *sizes = &building->request->geometry.sizes;
    const int64_t slab_n = building->tiling.slab_n;
    const int64_t keys = 16 * building->tiling.key_vectors;
    const bool has_all = slab_n == sizes->n;
    clf_status status = CLF_SUCCESS;
    for (int64_t key = 0; key < sizes->k; key += keys) {
        for (int64_t n = 0; n < sizes->n && status == CLF_SUCCESS; n += slab_n) {
            const int64_t left = sizes->n - n;
            clf_i_floyd_grad_step step = *common;
            step.first_n = n;
            step.num_n = left < slab_n ? left : slab_n;
            step.key = -1;
            step.next = key;
            if (key == 0 || !has_all) {
                status = launch_cpu(building, true, workspace, heads, &step);
            }
            step.key = key;
            step.next = -1;
            if (status == CLF_SUCCESS) {
                status = launch_cpu(building, false, workspace, heads, &step);
            }
            step.next = has_all && key + keys < sizes->k ? key + keys : -1;
            if (status == CLF_SUCCESS) {
                status = launch_cpu(building, true, workspace, heads, &step);
            }
        }
    }
    return status;
}

/* A few heads at a time, so that the workspace does not grow with them. */
static clf_status launch_all_cpu(const building *building) {
    const clf_i_floyd_grad_tiling *tiling = &building->tiling;
    const int64_t all = num_heads(building);
    const size_t workspace = clf_i_plan_reserve_workspace(
        building->plan, (size_t)(tiling->heads_per_step * tiling->head_pitch) * sizeof(float));
    clf_i_floyd_grad_step step = {.head_pitch = tiling->head_pitch,
                                  .query = tiling->query,
                                  .scores = tiling->scores,
                                  .dp = tiling->dp,
                                  .keys = tiling->keys};
    clf_status status = CLF_SUCCESS;
    while (step.first_head < all && status == CLF_SUCCESS) {
        const int64_t left = all - step.first_head;
        const int64_t heads = left < tiling->heads_per_step ? left : tiling->heads_per_step;
        status = launch_heads(building, workspace, heads, &step);
        step.first_head += heads;
    }
    return status;
}

/* ---- Description ---- */

static clf_status set_parameters(const building *building) {
    const clf_i_floyd_grad_tiling *tiling = &building->tiling;
    const bool is_cpu = building->variant == CLF_VARIANT_CPU;
    const struct {
        const char *name;
        int64_t value;
    } parameters[] = {
        {"rows_per_tile", is_cpu ? tiling->chunk : tiling->side},
        {"keys_per_block", is_cpu ? 16 * tiling->key_vectors : tiling->key_tile},
        {"heads_per_step", is_cpu ? tiling->heads_per_step : num_heads(building)},
        {"n_per_slab", tiling->slab_n},
    };
    const size_t count = sizeof parameters / sizeof parameters[0] - (is_cpu ? 0 : 1);
    clf_status status = CLF_SUCCESS;
    for (size_t i = 0; i < count && status == CLF_SUCCESS; ++i) {
        status = clf_i_plan_set_parameter(building->plan, parameters[i].name, parameters[i].value);
    }
    return status;
}

/* Ten products of 2 N M K D operations. */
static void set_cost(const building *building) {
    const clf_i_floyd_sizes *sizes = &building->request->geometry.sizes;
    clf_i_plan_set_cost(building->plan,
                        20.0 * (double)num_heads(building) * (double)sizes->n * (double)sizes->m *
                            (double)sizes->k * (double)sizes->depth,
                        clf_i_floyd_planes_bytes(building->request));
}

static clf_status set_text(const building *building) {
    const clf_i_floyd_sizes *sizes = &building->request->geometry.sizes;
    clf_i_text text = {0};
    clf_i_text_format(&text, "floyd_grad --shape %" PRId64 ",%" PRId64 ",%" PRId64 ",",
                      sizes->batches, sizes->heads, sizes->n);
    clf_i_text_format(&text, "%" PRId64 ",%" PRId64 ",%" PRId64 " --dtype %s", sizes->m, sizes->k,
                      sizes->depth, clf_dtype_name(building->request->args.query->dtype));
    clf_i_floyd_method_append(building->request->args.method, &text);
    return clf_i_plan_set_problem(building->plan, &text);
}

/* ---- The plan ---- */

static clf_status choose_fused_variant(building *building) {
    const clf_i_capabilities *capabilities = clf_i_plan_capabilities(building->plan);
    const clf_device *device = clf_i_plan_device(building->plan);
    const clf_i_floyd_grad_tiling *cpu = &building->tiling;
    clf_i_variant_option options[] = {
        {CLF_VARIANT_CPU, clf_i_variant_refusal(capabilities, CLF_VARIANT_CPU)},
        {CLF_VARIANT_PORTABLE, clf_i_variant_refusal(capabilities, CLF_VARIANT_PORTABLE)},
    };
    if (options[0].refusal == NULL && cpu->slab_n == 0) {
        options[0].refusal = "workspace_limit is less than grad_query of one head in fp32 and a "
                             "slab of scores for one n need";
    }
    if (options[0].refusal == NULL && cpu->local_memory > capabilities->local_memory) {
        options[0].refusal = "the device has too little local memory for a block of keys";
    }
    const clf_status status =
        clf_i_plan_choose_variant(building->plan, building->request->args.variant, options,
                                  sizeof options / sizeof options[0], &building->variant);
    if (building->variant != CLF_VARIANT_CPU) {
        building->tiling = clf_i_floyd_grad_tiling_portable(device);
    }
    return status;
}

/* Which variant, then which method. */
static clf_status choose_way(building *building) {
    const clf_floyd_attention_grad_args *args = &building->request->args;
    const clf_device *device = clf_i_plan_device(building->plan);
    const clf_i_floyd_sizes *sizes = &building->request->geometry.sizes;
    const clf_i_floyd_slab_estimate slab = clf_i_floyd_slab_estimate_gradient(building->request);
    building->tiling = clf_i_floyd_grad_tiling_cpu(device, sizes, args->workspace_limit);
    const bool needs_slab = clf_i_floyd_needs_slab(building->plan, args->method, args->variant,
                                                   building->tiling.slab_n > 0, &slab);
    if (needs_slab) {
        building->tiling = clf_i_floyd_grad_tiling_cpu(device, sizes, 0);
    }
    const clf_i_floyd_grad_tiling *tiling = &building->tiling;
    const size_t fused_workspace =
        (size_t)(tiling->heads_per_step * tiling->head_pitch) * sizeof(float);
    const clf_status status =
        needs_slab
            ? clf_i_floyd_choose_slab_variant(building->plan, args->variant, &building->variant)
            : choose_fused_variant(building);
    const clf_i_floyd_methods methods = {
        .wanted = needs_slab ? CLF_FLOYD_METHOD_SLAB : args->method,
        .fused_variant = building->variant,
        .fused_workspace = building->variant == CLF_VARIANT_CPU ? fused_workspace : 0,
        .slab = slab,
        .fused_kernel = "clf_floyd_attention_grad_portable",
    };
    return status == CLF_SUCCESS
               ? clf_i_floyd_choose_method(building->plan, &methods, &building->method)
               : status;
}

static clf_status add_steps(building *building) {
    if (building->method == CLF_FLOYD_METHOD_SLAB) {
        return clf_i_floyd_slab_add_gradient(building->plan, building->variant, building->request);
    }
    const clf_status status = set_parameters(building);
    if (status != CLF_SUCCESS) {
        return status;
    }
    return building->variant == CLF_VARIANT_CPU ? launch_all_cpu(building)
                                                : launch_all_portable(building);
}

static clf_status fill_plan(building *building) {
    clf_status status = clf_i_floyd_planes_add_tensors(building->request, building->plan);
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

clf_status clf_floyd_attention_grad_plan(clf_device *device,
                                         const clf_floyd_attention_grad_args *args,
                                         clf_plan **out_plan) {
    clf_status status = clf_i_plan_check_call(device, args, out_plan);
    if (status != CLF_SUCCESS) {
        return status;
    }
    clf_i_floyd_grad_request request;
    building building;
    memset(&building, 0, sizeof building);
    building.request = &request;
    status = clf_i_floyd_grad_request_make(args, &request);
    if (status == CLF_SUCCESS) {
        status = clf_i_plan_create(device, "floyd_attention_grad", &building.plan);
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
