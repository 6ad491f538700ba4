/* The cpu variant of attention's gradient; formulas of sizes are those of the kernel's head
 * comment. */
#include "attention/attention_grad_building.h"
#include "core/integers.h"
#include "tune/tuning.h"

#define KERNEL     "clf_flash_attention_grad_cpu"
#define WIDE       16 /* keys in a vector */
#define LEAST_ROWS 16

/* ---- Sizes ---- */

static int64_t padded_depth(const clf_i_attention_request *request) {
    return clf_i_divide_up(request->geometry.depth, WIDE) * WIDE;
}

static size_t local_memory(const clf_i_attention_request *request,
                           const clf_i_attention_grad_cpu_sizes *sizes) {
    const int64_t keys = sizes->key_vectors * WIDE;
    int64_t bytes =
        4 * (padded_depth(request) * (5 * keys + 2 * sizes->rows) + 2 * sizes->rows * keys);
    bytes += request->pairs.reads_mask ? sizes->rows * keys : 0;
    bytes += request->pairs.dropout_kind != CLF_I_DROPOUT_NONE
                 ? 4 * sizes->rows * clf_i_divide_up(keys, 32)
                 : 0;
    return (size_t)bytes;
}

/* Blocks shrink until they fit the second-level cache: keys last, since rows pass by faster than
 * they are computed with. */
clf_i_attention_grad_cpu_sizes
clf_i_attention_grad_cpu_sizes_make(const clf_device *device,
                                    const clf_i_attention_request *request) {
    const size_t limit =
        (size_t)clf_i_tuning_value(device, KERNEL, "local_memory", 1 << 15, 1 << 24, 1 << 19);
    const int64_t rows = clf_i_tuning_value(device, KERNEL, "rows", LEAST_ROWS, 256, 64);
    clf_i_attention_grad_cpu_sizes sizes = {.rows = clf_i_divide_up(rows, WIDE) * WIDE,
                                            .num_chunks = 1};
    const int64_t wanted = clf_i_tuning_value(device, KERNEL, "key_vectors", 1, 4, 4);
    for (sizes.key_vectors = 1; 2 * sizes.key_vectors <= wanted; sizes.key_vectors *= 2) {
    }
    while (local_memory(request, &sizes) > limit) {
        if (sizes.rows > 32) {
            sizes.rows = clf_i_larger(32, sizes.rows / 2 / WIDE * WIDE);
        } else if (sizes.key_vectors > 1) {
            sizes.key_vectors /= 2;
        } else if (sizes.rows > LEAST_ROWS) {
            sizes.rows = LEAST_ROWS;
        } else {
            break;
        }
    }
    sizes.local_memory = local_memory(request, &sizes);
    return sizes;
}

static int64_t num_heads_and_sequences(const clf_i_attention_grad_building *building) {
    return building->request->geometry.num_key_heads *
           (int64_t)building->tables.common.num_sequences;
}

/* Few heads: the keys of each become several units, so that all compute units work. The number
 * depends on the shapes and the device only, and with it the bits of the result. */
int64_t clf_i_attention_grad_cpu_chunks(const clf_i_attention_grad_building *building) {
    const clf_device *device = clf_i_plan_device(building->plan);
    const int64_t units_per_compute_unit =
        clf_i_tuning_value(device, KERNEL, "split_units", 1, 64, 4);
    const int64_t least_keys = clf_i_tuning_value(device, KERNEL, "split_keys", 64, 1 << 20, 256);
    const int64_t wanted =
        units_per_compute_unit * (int64_t)clf_i_device_capabilities(device)->compute_units;
    const int64_t most = building->request->geometry.key_length / least_keys;
    return clf_i_larger(
        1, clf_i_smaller(
               clf_i_divide_up(wanted, clf_i_larger(1, num_heads_and_sequences(building))), most));
}

/* ---- Launches ---- */

static void add_table(clf_i_step_builder *launch, size_t table) {
    clf_i_step_argument(launch, (clf_i_argument)CLF_I_TABLE(table));
}

static void add_workspace(clf_i_step_builder *launch, size_t offset) {
    clf_i_step_argument(launch, (clf_i_argument)CLF_I_WORKSPACE(offset));
}

static void add_problem(const clf_i_attention_grad_building *building, clf_i_step_builder *launch) {
    clf_i_step_argument(launch, (clf_i_argument)CLF_I_VALUE(building->problem));
    clf_i_step_argument(launch, (clf_i_argument)CLF_I_VALUE(building->grad_problem));
}

static void begin(const clf_i_attention_grad_building *building, const char *kernel,
                  clf_i_step_builder *launch) {
    clf_i_step_begin(launch, kernel);
    clf_i_attention_grad_define(building, launch);
    clf_i_step_define(launch, "CLF_ATTENTION_ROWS", building->cpu.rows);
}

static clf_status add_step(const clf_i_attention_grad_building *building, int64_t groups,
                           clf_i_step_builder *launch) {
    launch->step.dimensions = 1;
    launch->step.global[0] = (size_t)groups;
    launch->step.local[0] = 1;
    return clf_i_plan_add_step(building->plan, &launch->step);
}

static int64_t num_row_tiles(const clf_i_attention_grad_building *building) {
    return (int64_t)building->tables.common.num_tiles * building->request->geometry.num_heads;
}

static clf_status launch_rows(const clf_i_attention_grad_building *building, size_t counter) {
    static const clf_slot slots[] = {CLF_SLOT_GRAD_OUTPUT, CLF_SLOT_ATTENTION_IN,
                                     CLF_SLOT_SOFTMAX_MAX, CLF_SLOT_SOFTMAX_SUM};
    clf_i_step_builder launch;
    begin(building, "clf_flash_attention_grad_rows_cpu", &launch);
    for (size_t i = 0; i < sizeof slots / sizeof slots[0]; ++i) {
        clf_i_step_slot(&launch, slots[i]);
    }
    add_table(&launch, building->sequence_table);
    add_table(&launch, building->grad_sequence_table);
    add_table(&launch, building->query_tiles);
    add_workspace(&launch, counter);
    add_workspace(&launch, building->rows);
    add_problem(building, &launch);
    launch.step.local_memory = CLF_I_ATTENTION_ROW_FLOATS * sizeof(float);
    return add_step(building, num_row_tiles(building), &launch);
}

/* Persistent work-groups, one for each compute unit, that take units from the counter. */
static clf_status launch_blocks(const clf_i_attention_grad_building *building, size_t counter,
                                size_t parts) {
    const int64_t compute_units = (int64_t)clf_i_plan_capabilities(building->plan)->compute_units;
    const int64_t units = num_heads_and_sequences(building) * building->cpu.num_chunks;
    const int64_t num_sequences = (int64_t)building->tables.common.num_sequences;
    clf_i_step_builder launch;
    begin(building, KERNEL, &launch);
    clf_i_step_define(&launch, "CLF_ATTENTION_EVEN_ROWS", building->request->pairs.reads_mask);
    clf_i_step_define(&launch, "CLF_ATTENTION_GRAD_PSE", building->pse_is_per_pair);
    clf_i_step_define(&launch, "CLF_ATTENTION_KEY_VECTORS", building->cpu.key_vectors);
    clf_i_attention_launch_inputs(building->request, &launch);
    clf_i_attention_launch_drop_mask(building->request, &launch);
    clf_i_step_slot(&launch, CLF_SLOT_GRAD_OUTPUT);
    clf_i_step_slot(&launch, CLF_SLOT_GRAD_KEY);
    clf_i_step_slot(&launch, CLF_SLOT_GRAD_VALUE);
    if (building->pse_is_per_pair) {
        clf_i_step_slot(&launch, CLF_SLOT_GRAD_PSE);
    }
    add_table(&launch, building->sequence_table);
    add_table(&launch, building->grad_sequence_table);
    add_workspace(&launch, counter);
    add_workspace(&launch, building->rows);
    add_workspace(&launch, parts);
    clf_i_step_argument(&launch, (clf_i_argument)CLF_I_VALUE(num_sequences));
    clf_i_step_argument(&launch, (clf_i_argument)CLF_I_VALUE(building->cpu.num_chunks));
    add_problem(building, &launch);
    launch.step.local_memory = building->cpu.local_memory;
    return add_step(building, clf_i_smaller(compute_units, units), &launch);
}

static clf_status launch_sum(const clf_i_attention_grad_building *building, size_t parts) {
    clf_i_step_builder launch;
    begin(building, "clf_flash_attention_grad_sum_cpu", &launch);
    clf_i_step_slot(&launch, CLF_SLOT_GRAD_QUERY);
    add_table(&launch, building->sequence_table);
    add_table(&launch, building->grad_sequence_table);
    add_table(&launch, building->query_tiles);
    add_workspace(&launch, parts);
    clf_i_step_argument(&launch, (clf_i_argument)CLF_I_VALUE(building->cpu.num_chunks));
    add_problem(building, &launch);
    return add_step(building, num_row_tiles(building), &launch);
}

clf_status clf_i_attention_grad_add_cpu(const clf_i_attention_grad_building *building) {
    const int64_t part = building->request->geometry.num_heads * building->tables.num_rows *
                         padded_depth(building->request);
    const size_t counter = clf_i_plan_reserve_workspace(building->plan, sizeof(int32_t));
    const size_t parts = clf_i_plan_reserve_workspace(
        building->plan, (size_t)(building->cpu.num_chunks * part) * sizeof(float));
    clf_status status = launch_rows(building, counter);
    if (status == CLF_SUCCESS) {
        status = launch_blocks(building, counter, parts);
    }
    return status == CLF_SUCCESS ? launch_sum(building, parts) : status;
}
