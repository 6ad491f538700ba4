/* clf_floyd_attention_grad_plan: the request becomes records and launches. */
#include <inttypes.h>
#include <string.h>

#include "core/failure.h"
#include "core/text.h"
#include "device/plan_builder.h"
#include "floyd/floyd_gradient_tiling.h"
#include "floyd/floyd_planes.h"

enum { MAX_DEFINES = 12, MAX_ARGUMENTS = 20 };

/* A plan in the making. */
typedef struct building {
    clf_plan *plan;
    const clf_i_floyd_grad_request *request;
    clf_variant variant;
    clf_i_floyd_grad_tiling tiling;
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

/* ---- Description ---- */

static clf_status set_parameters(const building *building) {
    const clf_i_floyd_grad_tiling *tiling = &building->tiling;
    const struct {
        const char *name;
        int64_t value;
    } parameters[] = {
        {"rows_per_tile", tiling->side},
        {"keys_per_block", tiling->key_tile},
    };
    clf_status status = CLF_SUCCESS;
    for (size_t i = 0; i < sizeof parameters / sizeof parameters[0] && status == CLF_SUCCESS; ++i) {
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
    return clf_i_plan_set_problem(building->plan, &text);
}

/* ---- The plan ---- */

static clf_status choose_variant(building *building) {
    const clf_i_capabilities *capabilities = clf_i_plan_capabilities(building->plan);
    const clf_device *device = clf_i_plan_device(building->plan);
    const clf_i_variant_option options[] = {
        {CLF_VARIANT_CPU, "this version has no kernel of the gradient for CPUs"},
        {CLF_VARIANT_PORTABLE, clf_i_variant_refusal(capabilities, CLF_VARIANT_PORTABLE)},
    };
    const clf_status status =
        clf_i_plan_choose_variant(building->plan, building->request->args.variant, options,
                                  sizeof options / sizeof options[0], &building->variant);
    building->tiling = clf_i_floyd_grad_tiling_portable(device);
    return status;
}

static clf_status fill_plan(building *building) {
    clf_status status = clf_i_floyd_planes_add_tensors(building->request, building->plan);
    if (status == CLF_SUCCESS) {
        status = choose_variant(building);
    }
    if (status == CLF_SUCCESS) {
        status = set_text(building);
    }
    if (status == CLF_SUCCESS) {
        set_cost(building);
        status = set_parameters(building);
    }
    if (status == CLF_SUCCESS) {
        status = launch_all_portable(building);
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
    if (status == CLF_SUCCESS && request.args.method == CLF_FLOYD_METHOD_SLAB) {
        status = clf_i_fail(CLF_ERR_UNSUPPORTED,
                            "method is slab, accepted: auto or fused (this version has no other)");
    }
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
