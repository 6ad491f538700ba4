/* clf_flash_attention_grad_plan: the request becomes tables, arguments and launches. */
#include <string.h>

#include "attention/attention_grad_building.h"
#include "attention/attention_text.h"
#include "core/failure.h"
#include "core/integers.h"
#include "shape/row_space.h"
#include "shape/view.h"
#include "tune/tuning.h"

#define KERNEL          "clf_flash_attention_grad_portable"
#define SUMS_PER_ITEM   64 /* private sums of a work-item that still fit its registers */
#define MOST_ROWS       64
#define ZERO_GROUP      64
#define KEYS_PER_VECTOR 16 /* cpu */

typedef clf_i_attention_grad_building building;
typedef clf_i_attention_grad_sizes tile_sizes;
typedef clf_i_attention_owned owned;

/* ---- Tensors ---- */

static clf_status add_tensors(const clf_i_attention_request *request, clf_plan *plan) {
    const clf_flash_attention_args *args = &request->args;
    const clf_i_attention_gradients *gradients = &request->gradients;
    const clf_i_plan_tensor slots[] = {
        {CLF_SLOT_GRAD_OUTPUT, "grad_output", gradients->output, CLF_I_READ},
        {CLF_SLOT_ATTENTION_IN, "attention_in", args->attention_out, CLF_I_READ},
        {CLF_SLOT_SOFTMAX_MAX, "softmax_max", args->softmax_max, CLF_I_READ},
        {CLF_SLOT_SOFTMAX_SUM, "softmax_sum", args->softmax_sum, CLF_I_READ},
        {CLF_SLOT_GRAD_QUERY, "grad_query", gradients->query, CLF_I_WRITE},
        {CLF_SLOT_GRAD_KEY, "grad_key", gradients->key, CLF_I_WRITE},
        {CLF_SLOT_GRAD_VALUE, "grad_value", gradients->value, CLF_I_WRITE},
        {CLF_SLOT_GRAD_PSE, "grad_pse", gradients->pse, CLF_I_WRITE},
    };
    const clf_status status = clf_i_attention_add_inputs(request, plan);
    return status == CLF_SUCCESS
               ? clf_i_plan_add_tensors(plan, slots, sizeof slots / sizeof slots[0])
               : status;
}

/* ---- Zeros ---- */

static clf_status launch_zeros(clf_plan *plan, clf_slot slot, const clf_tensor *tensor) {
    if (tensor == NULL || clf_i_view_num_elements(tensor) == 0) {
        return CLF_SUCCESS;
    }
    const int64_t *strides[] = {tensor->strides};
    const clf_i_row_space space =
        clf_i_row_space_make(tensor->rank, tensor->shape, 1, strides, false);
    clf_i_step_builder launch;
    clf_i_step_begin(&launch, "clf_flash_attention_grad_zero");
    clf_i_step_define(&launch, "CLF_DTYPE", tensor->dtype);
    clf_i_step_slot(&launch, slot);
    clf_i_step_argument(&launch, (clf_i_argument)CLF_I_VALUE(space));
    launch.step.dimensions = 2;
    launch.step.global[0] = (size_t)(clf_i_divide_up(space.width, ZERO_GROUP) * ZERO_GROUP);
    launch.step.global[1] = (size_t)space.num_rows;
    launch.step.local[0] = ZERO_GROUP;
    launch.step.local[1] = 1;
    return clf_i_plan_add_step(plan, &launch.step);
}

/* No pair at all. */
static bool is_empty(const clf_i_attention_geometry *geometry) {
    return geometry->out_is_empty || geometry->num_key_heads == 0 || geometry->key_length == 0 ||
           geometry->depth == 0;
}

static bool pse_has_gradient(const clf_i_attention_request *request) {
    return clf_i_attention_is_given(request->gradients.pse) && !is_empty(&request->geometry) &&
           request->pairs.bias_kind == CLF_I_BIAS_TENSOR && !request->pairs.bias_is_compressed;
}

/* A place for each pair: nothing is added up over batch elements or rows. */
static bool pse_is_per_pair(const building *building) {
    const clf_i_attention_geometry *geometry = &building->request->geometry;
    const clf_tensor *pse = building->request->gradients.pse;
    return building->variant == CLF_VARIANT_CPU && building->pse_has_gradient &&
           pse->shape[0] == geometry->batch && pse->shape[2] == geometry->query_length;
}

static clf_status add_zeros(const building *building) {
    const clf_i_attention_request *request = building->request;
    const clf_i_attention_gradients *gradients = &request->gradients;
    const bool all = is_empty(&request->geometry);
    const struct {
        clf_slot slot;
        const clf_tensor *tensor;
        bool is_zero;
    } outputs[] = {
        {CLF_SLOT_GRAD_QUERY, gradients->query, all},
        {CLF_SLOT_GRAD_KEY, gradients->key, all},
        {CLF_SLOT_GRAD_VALUE, gradients->value, all},
        {CLF_SLOT_GRAD_PSE, gradients->pse,
         !building->pse_has_gradient || building->pse_is_per_pair},
    };
    clf_status status = CLF_SUCCESS;
    for (size_t i = 0; i < sizeof outputs / sizeof outputs[0] && status == CLF_SUCCESS; ++i) {
        if (outputs[i].is_zero) {
            status = launch_zeros(building->plan, outputs[i].slot, outputs[i].tensor);
        }
    }
    return status;
}

/* ---- Tiles ---- */

/* A work-item sums rows / side * depths / side places. */
static int64_t rows_for(int64_t sums, int64_t side) {
    const int64_t rows =
        clf_i_smaller(MOST_ROWS, SUMS_PER_ITEM * side * side / clf_i_larger(sums, 1));
    return clf_i_larger(side, rows / side * side);
}

static tile_sizes choose_sizes(const building *building) {
    const clf_device *device = clf_i_plan_device(building->plan);
    const clf_i_attention_geometry *geometry = &building->request->geometry;
    tile_sizes sizes = {.side = clf_i_tuning_value(device, KERNEL, "group_side", 1, 16, 8)};
    sizes.key_tile =
        clf_i_round_up(clf_i_tuning_value(device, KERNEL, "key_tile", 8, 64, 32), sizes.side);
    sizes.depth_chunk =
        clf_i_round_up(clf_i_tuning_value(device, KERNEL, "depth_chunk", 8, 64, 32), sizes.side);
    sizes.rows[CLF_I_OF_QUERY] = rows_for(geometry->depth, sizes.side);
    sizes.rows[CLF_I_OF_KEY] = rows_for(geometry->depth + geometry->value_depth, sizes.side);
    sizes.rows[CLF_I_OF_PSE] = rows_for(sizes.key_tile, sizes.side);
    return sizes;
}

static int64_t rows_per_tile(const building *building) {
    return building->variant == CLF_VARIANT_CPU ? building->cpu.rows
                                                : building->sizes.rows[CLF_I_OF_QUERY];
}

static int64_t keys_per_tile(const building *building) {
    return building->variant == CLF_VARIANT_CPU ? KEYS_PER_VECTOR * building->cpu.key_vectors
                                                : building->sizes.rows[CLF_I_OF_KEY];
}

static size_t local_memory(const tile_sizes *sizes, owned of) {
    const int64_t rows = sizes->rows[of];
    const int64_t block_rows = of == CLF_I_OF_KEY ? sizes->key_tile : rows;
    return (size_t)(4 * ((rows + sizes->key_tile) * (sizes->depth_chunk + 1) +
                         2 * rows * (sizes->key_tile + 1) +
                         CLF_I_ATTENTION_ROW_FLOATS * block_rows + 2));
}

/* ---- The problem ---- */

static void set_pse(const clf_i_attention_request *request, clf_i_attention_grad_problem *problem) {
    const clf_tensor *pse = request->gradients.pse;
    memcpy(problem->pse_strides, pse->strides, sizeof problem->pse_strides);
    problem->pse_batches = pse->shape[0];
    problem->pse_rows = pse->shape[2];
    problem->pse_scale = request->pairs.bias_is_after_scale ? 1.0f : problem->scale;
}

static void set_problem(building *building) {
    const clf_i_attention_request *request = building->request;
    const clf_i_attention_geometry *geometry = &request->geometry;
    clf_i_attention_grad_problem *problem = &building->grad_problem;
    clf_i_attention_problem_make(request, &building->problem);
    problem->num_rows = building->tables.num_rows;
    problem->num_batches = geometry->batch;
    clf_i_attention_copy_axes(&geometry->grad_output, problem->grad_output_strides);
    clf_i_attention_copy_axes(&geometry->grad_query, problem->grad_query_strides);
    clf_i_attention_copy_axes(&geometry->grad_key, problem->grad_key_strides);
    clf_i_attention_copy_axes(&geometry->grad_value, problem->grad_value_strides);
    problem->scale = (float)request->args.scale;
    if (building->pse_has_gradient) {
        set_pse(request, problem);
    }
}

static clf_status add_tables(building *building) {
    clf_i_attention_grad_tables *tables = &building->tables;
    const size_t num_sequences = tables->common.num_sequences;
    const struct {
        const void *data;
        size_t size;
        size_t *number;
    } all[] = {
        {tables->common.sequences, num_sequences * sizeof *tables->common.sequences,
         &building->sequence_table},
        {tables->sequences, num_sequences * sizeof *tables->sequences,
         &building->grad_sequence_table},
        {tables->common.tiles, tables->common.num_tiles * sizeof *tables->common.tiles,
         &building->query_tiles},
        {tables->key_tiles, tables->num_key_tiles * sizeof *tables->key_tiles,
         &building->key_tiles},
    };
    const size_t count = sizeof all / sizeof all[0] - (building->variant == CLF_VARIANT_CPU);
    clf_status status = CLF_SUCCESS;
    for (size_t i = 0; i < count && status == CLF_SUCCESS; ++i) {
        status = clf_i_plan_add_table(building->plan, all[i].data, all[i].size, all[i].number);
    }
    building->rows = clf_i_plan_reserve_workspace(
        building->plan, (size_t)(building->request->geometry.num_heads * tables->num_rows) *
                            CLF_I_ATTENTION_ROW_FLOATS * sizeof(float));
    return status;
}

/* ---- Launches ---- */

static bool depth_is_contiguous(const clf_i_attention_geometry *geometry) {
    const clf_i_attention_axes *const all[] = {
        &geometry->query,       &geometry->key,        &geometry->value,    &geometry->out,
        &geometry->grad_output, &geometry->grad_query, &geometry->grad_key, &geometry->grad_value};
    bool is_contiguous = true;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; ++i) {
        is_contiguous &= all[i]->depth == 1;
    }
    return is_contiguous;
}

void clf_i_attention_grad_define(const building *building, clf_i_step_builder *launch) {
    clf_i_attention_launch_common(building->request, launch);
    clf_i_step_define(launch, "CLF_ATTENTION_DEPTH_CONTIGUOUS",
                      depth_is_contiguous(&building->request->geometry));
}

static int64_t num_units(const building *building, owned of) {
    const clf_i_attention_geometry *geometry = &building->request->geometry;
    const clf_i_attention_grad_problem *problem = &building->grad_problem;
    switch (of) {
    case CLF_I_OF_QUERY:
        return (int64_t)building->tables.common.num_tiles * geometry->num_heads;
    case CLF_I_OF_KEY:
        return (int64_t)building->tables.num_key_tiles * geometry->num_key_heads;
    default:
        return clf_i_divide_up(geometry->key_length, building->sizes.key_tile) *
               (problem->pse_rows == 1
                    ? 1
                    : clf_i_divide_up(problem->pse_rows, building->sizes.rows[of])) *
               geometry->num_heads * problem->pse_batches;
    }
}

static void add_results(clf_i_step_builder *launch, owned of) {
    static const clf_slot results[][4] = {
        [CLF_I_OF_QUERY] = {CLF_SLOT_ATTENTION_IN, CLF_SLOT_SOFTMAX_MAX, CLF_SLOT_SOFTMAX_SUM,
                            CLF_SLOT_GRAD_QUERY},
        [CLF_I_OF_KEY] = {CLF_SLOT_GRAD_KEY, CLF_SLOT_GRAD_VALUE},
        [CLF_I_OF_PSE] = {CLF_SLOT_GRAD_PSE},
    };
    clf_i_step_slot(launch, CLF_SLOT_GRAD_OUTPUT);
    for (size_t i = 0; i < 4 && results[of][i] != (clf_slot)0; ++i) {
        clf_i_step_slot(launch, results[of][i]);
    }
}

static clf_status launch_gradient(const building *building, owned of) {
    const clf_i_attention_request *request = building->request;
    const tile_sizes *sizes = &building->sizes;
    clf_i_step_builder launch;
    clf_i_step_begin(&launch, KERNEL);
    clf_i_attention_grad_define(building, &launch);
    clf_i_step_define(&launch, "CLF_ATTENTION_GRAD_OF", of);
    /* Only the content of a mask can leave a row without a pair and not make it zero. */
    clf_i_step_define(&launch, "CLF_ATTENTION_EVEN_ROWS", request->pairs.reads_mask);
    clf_i_step_define(&launch, "CLF_ATTENTION_ROWS", sizes->rows[of]);
    clf_i_step_define(&launch, "CLF_ATTENTION_KEY_TILE", sizes->key_tile);
    clf_i_step_define(&launch, "CLF_ATTENTION_DEPTH_CHUNK", sizes->depth_chunk);
    clf_i_step_define(&launch, "CLF_ATTENTION_GROUP_ROWS", sizes->side);
    clf_i_step_define(&launch, "CLF_ATTENTION_GROUP_COLUMNS", sizes->side);
    clf_i_attention_launch_inputs(request, &launch);
    clf_i_attention_launch_drop_mask(request, &launch);
    add_results(&launch, of);
    clf_i_step_argument(&launch, (clf_i_argument)CLF_I_TABLE(building->sequence_table));
    clf_i_step_argument(&launch, (clf_i_argument)CLF_I_TABLE(building->grad_sequence_table));
    if (of != CLF_I_OF_PSE) {
        const size_t tiles = of == CLF_I_OF_QUERY ? building->query_tiles : building->key_tiles;
        clf_i_step_argument(&launch, (clf_i_argument)CLF_I_TABLE(tiles));
    }
    clf_i_step_argument(&launch, (clf_i_argument)CLF_I_WORKSPACE(building->rows));
    clf_i_step_argument(&launch, (clf_i_argument)CLF_I_VALUE(building->problem));
    clf_i_step_argument(&launch, (clf_i_argument)CLF_I_VALUE(building->grad_problem));
    launch.step.local_memory = local_memory(sizes, of);
    launch.step.dimensions = 1;
    launch.step.local[0] = (size_t)(sizes->side * sizes->side);
    launch.step.global[0] = (size_t)num_units(building, of) * launch.step.local[0];
    return clf_i_plan_add_step(building->plan, &launch.step);
}

/* The first one also leaves what the others need of each row. */
static clf_status add_portable(const building *building) {
    const clf_status status = launch_gradient(building, CLF_I_OF_QUERY);
    return status == CLF_SUCCESS ? launch_gradient(building, CLF_I_OF_KEY) : status;
}

static clf_status add_launches(building *building) {
    const bool is_cpu = building->variant == CLF_VARIANT_CPU;
    building->sizes = choose_sizes(building);
    clf_status status = clf_i_attention_grad_tables_make(
        building->request, rows_per_tile(building), keys_per_tile(building), &building->tables);
    if (status == CLF_SUCCESS) {
        set_problem(building);
        status = add_tables(building);
    }
    if (status == CLF_SUCCESS && is_cpu) {
        building->cpu.num_chunks = clf_i_attention_grad_cpu_chunks(building);
    }
    if (status == CLF_SUCCESS) {
        status = is_cpu ? clf_i_attention_grad_add_cpu(building) : add_portable(building);
    }
    return status == CLF_SUCCESS && building->pse_has_gradient && !building->pse_is_per_pair
               ? launch_gradient(building, CLF_I_OF_PSE)
               : status;
}

/* ---- Description ---- */

static clf_status set_parameters(const building *building) {
    const clf_i_plan_parameter parameters[] = {
        {"rows_per_tile", rows_per_tile(building)},
        {"keys_per_tile", keys_per_tile(building)},
        {"row_tiles", (int64_t)building->tables.common.num_tiles},
        {"key_tiles", (int64_t)building->tables.num_key_tiles},
        {"key_splits", building->variant == CLF_VARIANT_CPU ? building->cpu.num_chunks : 1},
        {"dropout_elements", clf_i_attention_num_elements(&building->request->geometry)},
    };
    return clf_i_plan_set_parameters(building->plan, parameters,
                                     sizeof parameters / sizeof parameters[0]);
}

/* Five products over the computed pairs. Every tensor moves once. */
static void set_cost(const building *building) {
    const clf_flash_attention_args *args = &building->request->args;
    const clf_i_attention_gradients *gradients = &building->request->gradients;
    const clf_i_attention_geometry *geometry = &building->request->geometry;
    const double pairs = building->tables.common.num_pairs * (double)geometry->num_heads;
    const clf_tensor *moved[] = {args->query,         args->key,         args->value,
                                 args->attention_out, args->softmax_max, args->softmax_sum,
                                 gradients->output,   gradients->query,  gradients->key,
                                 gradients->value};
    double bytes = clf_i_views_bytes(moved, sizeof moved / sizeof moved[0]);
    if (building->request->pairs.reads_mask) {
        bytes += clf_i_view_bytes(args->atten_mask);
    }
    clf_i_plan_set_cost(building->plan,
                        2.0 * pairs * (double)(3 * geometry->depth + 2 * geometry->value_depth),
                        bytes);
}

/* ---- The plan ---- */

static const char *cpu_refusal(const building *building) {
    const clf_i_capabilities *capabilities = clf_i_plan_capabilities(building->plan);
    const char *refusal = clf_i_variant_refusal(capabilities, CLF_VARIANT_CPU);
    return refusal == NULL && building->cpu.local_memory > capabilities->local_memory
               ? "the head dimension needs more local memory than the device has"
               : refusal;
}

static clf_status choose_variant(building *building) {
    building->cpu =
        clf_i_attention_grad_cpu_sizes_make(clf_i_plan_device(building->plan), building->request);
    const clf_i_variant_option options[] = {{CLF_VARIANT_CPU, cpu_refusal(building)},
                                            {CLF_VARIANT_PORTABLE, NULL}};
    return clf_i_plan_choose_variant(building->plan, building->request->args.variant, options,
                                     sizeof options / sizeof options[0], &building->variant);
}

static clf_status fill_plan(building *building) {
    const clf_i_attention_request *request = building->request;
    clf_status status = add_tensors(request, building->plan);
    if (status == CLF_SUCCESS) {
        status = choose_variant(building);
        building->pse_has_gradient = pse_has_gradient(request);
        building->pse_is_per_pair = pse_is_per_pair(building);
    }
    if (status == CLF_SUCCESS) {
        status = clf_i_attention_set_text(request, building->plan);
    }
    if (status == CLF_SUCCESS) {
        status = add_zeros(building);
    }
    if (status == CLF_SUCCESS && !is_empty(&request->geometry)) {
        status = add_launches(building);
        if (status == CLF_SUCCESS) {
            set_cost(building);
            status = set_parameters(building);
        }
    }
    return status == CLF_SUCCESS ? clf_i_plan_finish(building->plan) : status;
}

clf_status clf_flash_attention_grad_plan(clf_device *device,
                                         const clf_flash_attention_grad_args *args,
                                         clf_plan **out_plan) {
    clf_status status = clf_i_plan_check_call(device, args, out_plan);
    if (status != CLF_SUCCESS) {
        return status;
    }
    clf_i_attention_request request;
    building building;
    memset(&building, 0, sizeof building);
    building.request = &request;
    status = clf_i_attention_grad_request_make(args, &request);
    if (status == CLF_SUCCESS) {
        status = clf_i_plan_create(device, "flash_attention_grad", &building.plan);
    }
    if (status == CLF_SUCCESS) {
        status = fill_plan(&building);
    }
    clf_i_attention_grad_tables_clear(&building.tables);
    clf_i_attention_request_clear(&request);
    return clf_i_plan_hand_over(building.plan, status, out_plan);
}
