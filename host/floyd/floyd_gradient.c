/* clf_floyd_attention_grad_plan: the request becomes records and launches. */
#include <inttypes.h>
#include <string.h>

#include "core/integers.h"
#include "core/text.h"
#include "device/plan_builder.h"
#include "device/step_builder.h"
#include "floyd/floyd_gradient_tiling.h"
#include "floyd/floyd_method.h"
#include "floyd/floyd_planes.h"
#include "floyd/floyd_slab.h"

/* A plan in the making. */
typedef struct building {
    clf_plan *plan;
    const clf_i_floyd_grad_request *request;
    clf_variant variant;
    clf_floyd_method method;
    clf_i_floyd_grad_tiling tiling; /* fused */
} building;

static void begin_launch(const building *building, clf_i_step_builder *launch, const char *kernel) {
    clf_i_step_begin(launch, kernel);
    clf_i_step_define(launch, "CLF_DTYPE", building->request->args.query->dtype);
    clf_i_step_define(launch, "CLF_FLOYD_DEPTH", building->request->geometry.sizes.depth);
}

static int64_t num_heads(const building *building) {
    return building->request->geometry.sizes.batches * building->request->geometry.sizes.heads;
}

/* ---- portable ---- */

static clf_status launch_portable(const building *building, const clf_i_floyd_roles *roles) {
    const clf_i_floyd_grad_tiling *tiling = &building->tiling;
    const clf_i_floyd_grad_problem problem = clf_i_floyd_planes_problem(building->request, roles);
    const clf_i_floyd_plane *own = clf_i_floyd_plane_of(roles->x, roles->y);
    const clf_i_floyd_plane *const all[] = {own, clf_i_floyd_plane_of(roles->x, roles->z),
                                            clf_i_floyd_plane_of(roles->y, roles->z)};
    clf_i_step_builder launch;
    begin_launch(building, &launch, "clf_floyd_attention_grad_portable");
    clf_i_step_define(&launch, "CLF_FLOYD_GRAD_OF", roles->z == 'K' ? 0 : 1);
    clf_i_step_define(&launch, "CLF_FLOYD_MASK", building->request->geometry.has_mask);
    clf_i_step_define(&launch, "CLF_FLOYD_LANES", tiling->lanes);
    clf_i_step_define(&launch, "CLF_FLOYD_KEY_TILE", tiling->key_tile);
    clf_i_step_define(&launch, "CLF_FLOYD_DEPTH_CHUNK", tiling->depth_chunk);
    for (int set = 0; set < 2; ++set) {
        for (int plane = 0; plane < 3; ++plane) {
            clf_i_step_slot(&launch, all[plane]->operands[set]);
        }
    }
    clf_i_step_slot(&launch, CLF_SLOT_ATTENTION_IN);
    clf_i_step_slot(&launch, CLF_SLOT_SOFTMAX_MAX);
    clf_i_step_slot(&launch, CLF_SLOT_SOFTMAX_SUM);
    if (building->request->geometry.has_mask) {
        clf_i_step_slot(&launch, CLF_SLOT_ATTEN_MASK);
    }
    for (int i = 0; i < 2; ++i) {
        if (own->gradients[i] != (clf_slot)0) {
            clf_i_step_slot(&launch, own->gradients[i]);
        }
    }
    clf_i_step_argument(&launch, (clf_i_argument)CLF_I_VALUE(problem));
    const int64_t groups =
        clf_i_divide_up(problem.x, tiling->side) * clf_i_divide_up(problem.y, tiling->side);
    clf_i_step_groups(&launch, groups * num_heads(building), tiling->work_items);
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
    clf_i_step_builder launch;
    begin_launch(building, &launch, "clf_floyd_attention_grad_cpu");
    clf_i_step_define(&launch, "CLF_FLOYD_GRAD_OF_N", is_of_n);
    clf_i_step_define(&launch, "CLF_FLOYD_MASK", has_mask);
    clf_i_step_define(&launch, "CLF_FLOYD_KEY_VECTORS", tiling->key_vectors);
    clf_i_step_define(&launch, "CLF_FLOYD_PANEL_VECTORS", tiling->panel_vectors);
    clf_i_step_define(&launch, "CLF_FLOYD_SCORE_ROWS", tiling->score_rows);
    clf_i_step_define(&launch, "CLF_FLOYD_DEPTH_VECTORS", tiling->depth_vectors);
    clf_i_step_define(&launch, "CLF_FLOYD_OUT_ROWS", tiling->out_rows);
    clf_i_step_define(&launch, "CLF_FLOYD_CHUNK", tiling->chunk);
    clf_i_step_slot(&launch, of_query->operands[0]);
    clf_i_step_slot(&launch, of_query->operands[1]);
    clf_i_step_slot(&launch, of_key->operands[0]);
    clf_i_step_slot(&launch, of_key->operands[1]);
    clf_i_step_slot(&launch, of_key->gradients[0]);
    clf_i_step_slot(&launch, of_key->gradients[1]);
    clf_i_step_argument(&launch, (clf_i_argument)CLF_I_WORKSPACE(workspace));
    clf_i_step_argument(&launch, (clf_i_argument)CLF_I_VALUE(problem));
    clf_i_step_argument(&launch, (clf_i_argument)CLF_I_VALUE(*step));
    if (is_of_n) {
        clf_i_step_slot(&launch, CLF_SLOT_ATTENTION_IN);
        clf_i_step_slot(&launch, CLF_SLOT_SOFTMAX_MAX);
        clf_i_step_slot(&launch, CLF_SLOT_SOFTMAX_SUM);
        clf_i_step_slot(&launch, of_query->gradients[0]);
    }
    if (has_mask) {
        clf_i_step_slot(&launch, CLF_SLOT_ATTEN_MASK);
    }
    clf_i_step_items(&launch, is_of_n ? step->num_n : problem.x, heads);
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
    const clf_i_plan_parameter parameters[] = {
        {"rows_per_tile", is_cpu ? tiling->chunk : tiling->side},
        {"keys_per_block", is_cpu ? 16 * tiling->key_vectors : tiling->key_tile},
        {"heads_per_step", is_cpu ? tiling->heads_per_step : num_heads(building)},
        {"n_per_slab", tiling->slab_n},
    };
    return clf_i_plan_set_parameters(building->plan, parameters,
                                     sizeof parameters / sizeof parameters[0] - (is_cpu ? 0 : 1));
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

static clf_status choose_way(building *building) {
    const clf_floyd_attention_grad_args *args = &building->request->args;
    const clf_device *device = clf_i_plan_device(building->plan);
    const clf_i_floyd_sizes *sizes = &building->request->geometry.sizes;
    building->tiling = clf_i_floyd_grad_tiling_cpu(device, sizes, args->workspace_limit);
    const bool fits = building->tiling.slab_n > 0;
    const clf_i_floyd_grad_tiling fused =
        fits ? building->tiling : clf_i_floyd_grad_tiling_cpu(device, sizes, 0);
    const clf_i_floyd_ways ways = {
        .wanted_method = args->method,
        .wanted_variant = args->variant,
        .limit_refusal = fits ? NULL
                              : "workspace_limit is less than grad_query of one head in fp32 and a "
                                "slab of scores for one n need",
        .tile_refusal = "the device has too little local memory for a block of keys",
        .local_memory = fused.local_memory,
        .workspace = (size_t)(fused.heads_per_step * fused.head_pitch) * sizeof(float),
        .portable_kernel = "clf_floyd_attention_grad_portable",
        .slab = clf_i_floyd_slab_estimate_gradient(building->request),
    };
    const clf_status status =
        clf_i_floyd_choose_way(building->plan, &ways, &building->variant, &building->method);
    if (building->variant != CLF_VARIANT_CPU) {
        building->tiling = clf_i_floyd_grad_tiling_portable(device);
    }
    return status;
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
    return clf_i_plan_hand_over(building.plan, status, out_plan);
}
