/* Steps of grouped matrix products by our own kernels. */
#include "gemm/own_tiles.h"

#include <string.h>

#include "core/integers.h"
#include "device/cpu_extensions.h"
#include "device/step_builder.h"
#include "tune/tuning.h"

#define CPU_KERNEL "clf_gemm_cpu"

enum {
    MICRO_ROWS = 6,
    PANEL = 64,
    GROUP_SIDE = 16,
    STREAM_ROWS = 8, /* products of no more rows take as long as reading B does */
    STREAM_COLUMNS = 1024,
    STREAM_DEPTH = 1024
};

/* The ways of clf_gemm_cpu: CLF_GEMM_PRODUCT. */
typedef enum product_way { BY_FLOATS, BY_BF16_PAIRS, BY_INT8_QUADS, BY_STREAM } product_way;

static const struct {
    const char *name;    /* in descriptions, if it is not the usual one */
    int64_t word_depths; /* a block of depths is as many words, however many depths a word holds */
} ways[] = {
    [BY_FLOATS] = {NULL, 1},
    [BY_BF16_PAIRS] = {"bf16_dot", 2},
    [BY_INT8_QUADS] = {"int8_dot", 4},
    [BY_STREAM] = {"few_rows", 1},
};

/* ---- Tiles ---- */

/* Units that a device should have, so that none waits long for the last. */
static int64_t wanted_units(const clf_plan *plan) {
    return clf_i_tuning_value(clf_i_plan_device(plan), CPU_KERNEL, "units_per_compute_unit", 1, 64,
                              3) *
           (int64_t)clf_i_plan_capabilities(plan)->compute_units;
}

/* Large tiles reuse what they read; smaller ones where there would be too few for the device. Rows
 * come in few sizes, because each is a kernel to compile. */
static void choose_panels(const clf_plan *plan, int64_t num_rows, int64_t columns,
                          clf_i_gemm_tiling *tiling) {
    const clf_device *device = clf_i_plan_device(plan);
    tiling->depth =
        clf_i_round_up(clf_i_tuning_value(device, CPU_KERNEL, "depth", 64, 1024, 256), PANEL);
    tiling->rows =
        clf_i_round_up(clf_i_tuning_value(device, CPU_KERNEL, "rows", 6, 384, 192), 2 * MICRO_ROWS);
    tiling->columns = clf_i_round_up(
        clf_i_tuning_value(device, CPU_KERNEL, "columns", 128, 1024, 512), 2 * PANEL);
    while (tiling->rows % (4 * MICRO_ROWS) == 0 && tiling->rows / 2 >= num_rows) {
        tiling->rows /= 2;
    }
    while (tiling->rows % (16 * MICRO_ROWS) == 0 &&
           clf_i_divide_up(num_rows, tiling->rows) * clf_i_divide_up(columns, tiling->columns) <
               wanted_units(plan)) {
        tiling->rows /= 2;
    }
}

/* A unit's columns of B: fewer where there would be too few units for the device. */
static int64_t choose_columns(const clf_plan *plan, const clf_i_gemm_tiling *tiling,
                              int64_t columns, bool is_glu) {
    const int64_t all = is_glu ? 2 * columns : columns;
    int64_t chosen = tiling->columns;
    while (chosen % (4 * PANEL) == 0 &&
           tiling->likely_tiles * clf_i_divide_up(all, chosen) < wanted_units(plan)) {
        chosen /= 2;
    }
    return chosen;
}

static void choose_sizes(const clf_plan *plan, clf_variant variant, int64_t num_rows,
                         int64_t columns, int64_t num_groups, clf_i_gemm_tiling *tiling) {
    *tiling = (clf_i_gemm_tiling){.variant = variant};
    if (variant != CLF_VARIANT_CPU) {
        tiling->rows = 4 * GROUP_SIDE;
        tiling->columns = 4 * GROUP_SIDE;
        tiling->depth = GROUP_SIDE;
    } else if (clf_i_divide_up(num_rows, num_groups) <= STREAM_ROWS) {
        tiling->is_stream = true;
        tiling->rows = STREAM_ROWS;
        tiling->columns = STREAM_COLUMNS;
        tiling->depth = STREAM_DEPTH;
    } else {
        choose_panels(plan, num_rows, columns, tiling);
    }
}

void clf_i_own_tiles_choose(clf_plan *plan, clf_variant variant, int64_t num_rows, int64_t columns,
                            int64_t num_groups, clf_i_gemm_tiling *tiling) {
    choose_sizes(plan, variant, num_rows, columns, num_groups, tiling);
    tiling->likely_tiles = clf_i_divide_up(num_rows, tiling->rows);
    tiling->most_tiles = tiling->likely_tiles + num_groups;
    tiling->workspace = clf_i_plan_reserve_workspace(
        plan, CLF_I_GEMM_HEAD + (size_t)tiling->most_tiles * sizeof(clf_i_gemm_tile));
}

/* ---- Steps ---- */

static void add_operand(clf_i_step_builder *launch, const clf_i_gemm_operand *operand) {
    if (operand->is_in_workspace) {
        clf_i_step_argument(launch, (clf_i_argument)CLF_I_WORKSPACE_ELEMENTS(
                                        operand->offset, clf_dtype_size(operand->dtype)));
    } else if (operand->is_given) {
        clf_i_step_argument(launch, (clf_i_argument)CLF_I_TENSOR(operand->slot));
    }
}

clf_status clf_i_own_tiles_add_table(clf_plan *plan, clf_i_gemm_tiling *tiling,
                                     const clf_i_gemm_ranges *ranges, int64_t num_rows,
                                     int64_t first_row, int64_t end_row) {
    const int64_t no_offset = 0;
    const int64_t stride = ranges->is_on_device ? ranges->stride : 1;
    const int32_t num_groups = (int32_t)ranges->num_groups;
    const int32_t is_index = ranges->is_index;
    clf_i_step_builder launch;
    clf_i_step_begin(&launch, "clf_gemm_tiles");
    clf_i_step_define(&launch, "CLF_GEMM_ROWS", tiling->rows);
    if (ranges->is_on_device) {
        clf_i_step_argument(&launch, (clf_i_argument)CLF_I_TENSOR(ranges->slot));
    } else {
        clf_i_step_argument(&launch, (clf_i_argument)CLF_I_TABLE(ranges->table));
        clf_i_step_argument(&launch, (clf_i_argument)CLF_I_VALUE(no_offset));
    }
    clf_i_step_argument(&launch, (clf_i_argument)CLF_I_VALUE(stride));
    clf_i_step_argument(&launch, (clf_i_argument)CLF_I_VALUE(num_groups));
    clf_i_step_argument(&launch, (clf_i_argument)CLF_I_VALUE(is_index));
    clf_i_step_argument(&launch, (clf_i_argument)CLF_I_VALUE(num_rows));
    clf_i_step_argument(&launch, (clf_i_argument)CLF_I_VALUE(first_row));
    clf_i_step_argument(&launch, (clf_i_argument)CLF_I_VALUE(end_row));
    clf_i_step_argument(&launch, (clf_i_argument)CLF_I_WORKSPACE(tiling->workspace));
    clf_i_step_groups(&launch, 1, 1);
    tiling->num_counters = 0;
    return clf_i_plan_add_step(plan, &launch.step);
}

static int64_t type_of(const clf_i_gemm_operand *operand) {
    return operand->is_given ? (int64_t)operand->dtype : -1;
}

static void add_epilogue(clf_i_step_builder *launch, const clf_i_gemm_request *request) {
    clf_i_step_define(launch, "CLF_GEMM_A", request->a.dtype);
    clf_i_step_define(launch, "CLF_GEMM_B", request->b.dtype);
    clf_i_step_define(launch, "CLF_GEMM_C", request->c.dtype);
    clf_i_step_define(launch, "CLF_GEMM_BIAS", type_of(&request->bias));
    clf_i_step_define(launch, "CLF_GEMM_DEQUANT", type_of(&request->dequant));
    clf_i_step_define(launch, "CLF_GEMM_ROUND", request->rounds_to_fp16);
    clf_i_step_define(launch, "CLF_GEMM_GLU", request->is_glu);
    clf_i_step_define(launch, "CLF_GEMM_QUANT", request->quant_scale.is_given);
    clf_i_step_define(launch, "CLF_GEMM_ANTIQUANT", request->antiquant_scale.is_given);
    clf_i_step_define(launch, "CLF_GEMM_ACCUMULATE", request->accumulates);
    clf_i_step_define(launch, "CLF_ACTIVATION", request->activation);
}

static void add_operands(clf_i_step_builder *launch, const clf_i_gemm_request *request) {
    const clf_i_gemm_operand *operands[] = {
        &request->a,
        &request->b,
        &request->bias,
        &request->dequant,
        &request->quant_scale,
        &request->quant_offset,
        &request->antiquant_scale,
        &request->antiquant_offset,
        &request->c,
    };
    for (size_t i = 0; i < sizeof operands / sizeof operands[0]; ++i) {
        add_operand(launch, operands[i]);
    }
}

static product_way choose_way(const clf_plan *plan, const clf_i_gemm_tiling *tiling,
                              const clf_i_gemm_request *request) {
    const clf_device *device = clf_i_plan_device(plan);
    if (tiling->is_stream) {
        return BY_STREAM;
    }
    if (request->a.dtype == CLF_DTYPE_BF16 &&
        clf_i_cpu_extension_refusal(device, CLF_I_CPU_BF16_DOT) == NULL) {
        return BY_BF16_PAIRS;
    }
    if (request->a.dtype == CLF_DTYPE_INT8 &&
        clf_i_cpu_extension_refusal(device, CLF_I_CPU_INT8_DOT) == NULL) {
        return BY_INT8_QUADS;
    }
    return BY_FLOATS;
}

static clf_status set_cpu(clf_plan *plan, const clf_i_gemm_tiling *tiling,
                          const clf_i_gemm_request *request, int64_t columns, int64_t num_units,
                          clf_i_step_builder *launch) {
    const product_way way = choose_way(plan, tiling, request);
    const int64_t panel_words = way == BY_STREAM ? 16 : PANEL * (tiling->depth + 1);
    clf_i_step_define(launch, "CLF_GEMM_PRODUCT", way);
    clf_i_step_define(launch, "CLF_GEMM_COLUMNS", columns);
    clf_i_step_define(launch, "CLF_GEMM_DEPTH", tiling->depth * ways[way].word_depths);
    clf_i_step_groups(
        launch, clf_i_smaller(num_units, (int64_t)clf_i_plan_capabilities(plan)->compute_units), 1);
    launch->step.local_memory =
        (size_t)(4 * (tiling->rows * (tiling->depth + 16) + panel_words + tiling->rows * columns));
    return ways[way].name != NULL ? clf_i_plan_set_parameter(plan, ways[way].name, 1) : CLF_SUCCESS;
}

static void set_portable(const clf_i_gemm_tiling *tiling, int64_t num_units, bool is_glu,
                         clf_i_step_builder *launch) {
    clf_i_step_groups(launch, num_units, GROUP_SIDE * GROUP_SIDE);
    launch->step.local_memory =
        (size_t)(4 * GROUP_SIDE * (tiling->rows + 1 + (is_glu ? 2 : 1) * tiling->columns));
}

clf_status clf_i_own_tiles_add_product(clf_plan *plan, clf_i_gemm_tiling *tiling,
                                       const clf_i_gemm_request *request) {
    const bool is_cpu = tiling->variant == CLF_VARIANT_CPU;
    const int64_t columns =
        is_cpu ? choose_columns(plan, tiling, request->problem.columns, request->is_glu)
               : tiling->columns;
    const int64_t results = is_cpu && request->is_glu ? columns / 2 : columns;
    const int64_t num_units =
        tiling->most_tiles * clf_i_divide_up(request->problem.columns, results);
    clf_i_gemm_problem problem = request->problem;
    problem.counter = tiling->num_counters++;
    clf_i_step_builder launch;
    clf_i_step_begin(&launch, is_cpu ? "clf_gemm_cpu" : "clf_gemm_portable");
    clf_i_step_define(&launch, "CLF_GEMM_ROWS", tiling->rows);
    add_epilogue(&launch, request);
    add_operands(&launch, request);
    clf_i_step_argument(&launch, (clf_i_argument)CLF_I_WORKSPACE(tiling->workspace));
    clf_i_step_argument(&launch, (clf_i_argument)CLF_I_VALUE(problem));
    clf_status status = CLF_SUCCESS;
    if (is_cpu) {
        status = set_cpu(plan, tiling, request, columns, num_units, &launch);
    } else {
        set_portable(tiling, num_units, request->is_glu, &launch);
    }
    return status == CLF_SUCCESS ? clf_i_plan_add_step(plan, &launch.step) : status;
}

/* ---- Batched products ---- */

/* The least rows of a tile. */
enum { LEAST_ROWS = STREAM_ROWS, NUM_COUNTERS = 2, TILES_PER_GROUP = 64 };

size_t clf_i_own_batch_workspace(int64_t count, int64_t rows) {
    return CLF_I_GEMM_HEAD +
           (size_t)(count * clf_i_divide_up(rows, LEAST_ROWS)) * sizeof(clf_i_gemm_tile);
}

void clf_i_own_batch_choose(clf_plan *plan, clf_variant variant, const clf_i_gemm_batch *largest,
                            clf_i_own_batch *own) {
    clf_i_gemm_tiling *tiling = &own->tiling;
    *own = (clf_i_own_batch){.count = 0};
    choose_sizes(plan, variant, largest->rows, largest->count * largest->columns, 1, tiling);
    tiling->most_tiles = largest->count * clf_i_divide_up(largest->rows, tiling->rows);
    tiling->likely_tiles = tiling->most_tiles;
    tiling->workspace = clf_i_plan_reserve_workspace(
        plan, CLF_I_GEMM_HEAD + (size_t)tiling->most_tiles * sizeof(clf_i_gemm_tile));
}

static clf_status add_equal_tiles(clf_plan *plan, clf_i_own_batch *own,
                                  const clf_i_gemm_batch *batch) {
    const int64_t tiles = batch->count * clf_i_divide_up(batch->rows, own->tiling.rows);
    clf_i_step_builder launch;
    clf_i_step_begin(&launch, "clf_gemm_equal_tiles");
    clf_i_step_define(&launch, "CLF_GEMM_ROWS", own->tiling.rows);
    clf_i_step_argument(&launch, (clf_i_argument)CLF_I_VALUE(batch->count));
    clf_i_step_argument(&launch, (clf_i_argument)CLF_I_VALUE(batch->rows));
    clf_i_step_argument(&launch, (clf_i_argument)CLF_I_WORKSPACE(own->tiling.workspace));
    clf_i_step_groups(&launch, clf_i_divide_up(tiles, TILES_PER_GROUP), TILES_PER_GROUP);
    own->tiling.num_counters = 0;
    own->count = batch->count;
    own->rows = batch->rows;
    return clf_i_plan_add_step(plan, &launch.step);
}

static void set_operand(const clf_i_gemm_matrix *matrix, int which, clf_i_row_space *rows) {
    rows->strides[which][0] = matrix->batch_step;
    rows->strides[which][1] = matrix->row_step;
    rows->column_strides[which] = matrix->column_step;
}

static clf_i_gemm_request request_of(const clf_i_gemm_batch *batch) {
    clf_i_gemm_request request = {.a = batch->a.operand,
                                  .b = batch->b.operand,
                                  .c = batch->c.operand,
                                  .accumulates = batch->accumulates};
    clf_i_gemm_problem *problem = &request.problem;
    problem->rows = (clf_i_row_space){.num_rows = batch->count * batch->rows,
                                      .width = batch->columns,
                                      .shape = {batch->count, batch->rows},
                                      .num_axes = 2};
    set_operand(&batch->a, 0, &problem->rows);
    set_operand(&batch->c, 1, &problem->rows);
    problem->depth = batch->depth;
    problem->columns = batch->columns;
    problem->a_base = batch->a.first;
    problem->b_base = batch->b.first;
    problem->c_base = batch->c.first;
    problem->b_strides[0] = batch->b.batch_step;
    problem->b_strides[1] = batch->b.row_step;
    problem->b_strides[2] = batch->b.column_step;
    problem->antiquant_depth = 1;
    return request;
}

clf_status clf_i_own_batch_add(clf_plan *plan, clf_i_own_batch *own,
                               const clf_i_gemm_batch *batch) {
    const clf_i_gemm_request request = request_of(batch);
    const bool fits = own->count == batch->count && own->rows == batch->rows &&
                      own->tiling.num_counters < NUM_COUNTERS;
    const clf_status status = fits ? CLF_SUCCESS : add_equal_tiles(plan, own, batch);
    return status == CLF_SUCCESS ? clf_i_own_tiles_add_product(plan, &own->tiling, &request)
                                 : status;
}
