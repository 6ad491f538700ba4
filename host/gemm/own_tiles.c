/* Steps of grouped matrix products by our own kernels. */
#include "gemm/own_tiles.h"

#include <string.h>

#include "tune/tuning.h"

enum { MAX_DEFINES = 16, MAX_ARGUMENTS = 16, MICRO_ROWS = 6, PANEL = 64, GROUP_SIDE = 16 };

static int64_t smaller(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static int64_t round_up(int64_t value, int64_t multiple) {
    return (value + multiple - 1) / multiple * multiple;
}

static int64_t divide_up(int64_t value, int64_t divisor) {
    return (value + divisor - 1) / divisor;
}

/* ---- Tiles ---- */

/* Large tiles reuse what they read; smaller ones where there would be too few for the device. Rows
 * come in few sizes, because each is a kernel to compile. */
static void choose_cpu(const clf_plan *plan, int64_t num_rows, int64_t columns,
                       clf_i_gemm_tiling *tiling) {
    const char *kernel = "clf_gemm_cpu";
    const clf_device *device = clf_i_plan_device(plan);
    const int64_t wanted = clf_i_tuning_value(device, kernel, "units_per_compute_unit", 1, 64, 3) *
                           (int64_t)clf_i_plan_capabilities(plan)->compute_units;
    tiling->depth = round_up(clf_i_tuning_value(device, kernel, "depth", 16, 1024, 256), 16);
    tiling->rows =
        round_up(clf_i_tuning_value(device, kernel, "rows", 6, 384, 192), 2 * MICRO_ROWS);
    tiling->columns =
        round_up(clf_i_tuning_value(device, kernel, "columns", 128, 1024, 256), 2 * PANEL);
    while (tiling->rows % (4 * MICRO_ROWS) == 0 && tiling->rows / 2 >= num_rows) {
        tiling->rows /= 2;
    }
    while (tiling->rows % (16 * MICRO_ROWS) == 0 &&
           divide_up(num_rows, tiling->rows) * divide_up(columns, tiling->columns) < wanted) {
        tiling->rows /= 2;
    }
    if (divide_up(num_rows, tiling->rows) * divide_up(columns, tiling->columns) < wanted) {
        tiling->columns = 2 * PANEL;
    }
}

void clf_i_own_tiles_choose(clf_plan *plan, clf_variant variant, int64_t num_rows, int64_t columns,
                            int64_t num_groups, clf_i_gemm_tiling *tiling) {
    *tiling = (clf_i_gemm_tiling){.variant = variant};
    if (variant == CLF_VARIANT_CPU) {
        choose_cpu(plan, num_rows, columns, tiling);
    } else {
        tiling->rows = 4 * GROUP_SIDE;
        tiling->columns = 4 * GROUP_SIDE;
        tiling->depth = GROUP_SIDE;
    }
    tiling->most_tiles = divide_up(num_rows, tiling->rows) + num_groups;
    tiling->workspace = clf_i_plan_reserve_workspace(
        plan, CLF_I_GEMM_HEAD + (size_t)tiling->most_tiles * sizeof(clf_i_gemm_tile));
}

/* ---- Steps ---- */

/* A step in the making, which points into the arrays. */
typedef struct launch {
    clf_i_define defines[MAX_DEFINES];
    clf_i_argument arguments[MAX_ARGUMENTS];
    clf_i_step step;
} launch;

static void begin_launch(launch *launch, const char *kernel) {
    memset(launch, 0, sizeof *launch);
    launch->step.kernel = kernel;
    launch->step.defines = launch->defines;
    launch->step.arguments = launch->arguments;
    launch->step.dimensions = 1;
}

static void add_define(launch *launch, const char *name, int64_t value) {
    launch->defines[launch->step.num_defines++] = (clf_i_define){name, value};
}

static void add_argument(launch *launch, clf_i_argument argument) {
    launch->arguments[launch->step.num_arguments++] = argument;
}

static void add_operand(launch *launch, const clf_i_gemm_operand *operand) {
    if (operand->is_in_workspace) {
        add_argument(launch, (clf_i_argument)CLF_I_WORKSPACE_ELEMENTS(
                                 operand->offset, clf_dtype_size(operand->dtype)));
    } else if (operand->is_given) {
        add_argument(launch, (clf_i_argument)CLF_I_TENSOR(operand->slot));
    }
}

clf_status clf_i_own_tiles_add_table(clf_plan *plan, clf_i_gemm_tiling *tiling,
                                     const clf_i_gemm_ranges *ranges, int64_t num_rows,
                                     int64_t first_row, int64_t end_row) {
    const int64_t no_offset = 0;
    const int64_t stride = ranges->is_on_device ? ranges->stride : 1;
    const int32_t num_groups = (int32_t)ranges->num_groups;
    const int32_t is_index = ranges->is_index;
    launch launch;
    begin_launch(&launch, "clf_gemm_tiles");
    add_define(&launch, "CLF_GEMM_ROWS", tiling->rows);
    if (ranges->is_on_device) {
        add_argument(&launch, (clf_i_argument)CLF_I_TENSOR(ranges->slot));
    } else {
        add_argument(&launch, (clf_i_argument)CLF_I_TABLE(ranges->table));
        add_argument(&launch, (clf_i_argument)CLF_I_VALUE(no_offset));
    }
    add_argument(&launch, (clf_i_argument)CLF_I_VALUE(stride));
    add_argument(&launch, (clf_i_argument)CLF_I_VALUE(num_groups));
    add_argument(&launch, (clf_i_argument)CLF_I_VALUE(is_index));
    add_argument(&launch, (clf_i_argument)CLF_I_VALUE(num_rows));
    add_argument(&launch, (clf_i_argument)CLF_I_VALUE(first_row));
    add_argument(&launch, (clf_i_argument)CLF_I_VALUE(end_row));
    add_argument(&launch, (clf_i_argument)CLF_I_WORKSPACE(tiling->workspace));
    launch.step.global[0] = 1;
    launch.step.local[0] = 1;
    tiling->num_counters = 0;
    return clf_i_plan_add_step(plan, &launch.step);
}

static int64_t type_of(const clf_i_gemm_operand *operand) {
    return operand->is_given ? (int64_t)operand->dtype : -1;
}

static void add_epilogue(launch *launch, const clf_i_gemm_request *request) {
    add_define(launch, "CLF_GEMM_A", request->a.dtype);
    add_define(launch, "CLF_GEMM_B", request->b.dtype);
    add_define(launch, "CLF_GEMM_C", request->c.dtype);
    add_define(launch, "CLF_GEMM_BIAS", type_of(&request->bias));
    add_define(launch, "CLF_GEMM_DEQUANT", type_of(&request->dequant));
    add_define(launch, "CLF_GEMM_ROUND", request->rounds_to_fp16);
    add_define(launch, "CLF_GEMM_GLU", request->is_glu);
    add_define(launch, "CLF_GEMM_QUANT", request->quant_scale.is_given);
    add_define(launch, "CLF_GEMM_ANTIQUANT", request->antiquant_scale.is_given);
    add_define(launch, "CLF_ACTIVATION", request->activation);
}

static void add_operands(launch *launch, const clf_i_gemm_request *request) {
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

static void set_cpu(const clf_plan *plan, const clf_i_gemm_tiling *tiling, int64_t num_units,
                    launch *launch) {
    add_define(launch, "CLF_GEMM_COLUMNS", tiling->columns);
    add_define(launch, "CLF_GEMM_DEPTH", tiling->depth);
    launch->step.global[0] =
        (size_t)smaller(num_units, (int64_t)clf_i_plan_capabilities(plan)->compute_units);
    launch->step.local[0] = 1;
    launch->step.local_memory =
        (size_t)(4 * (tiling->rows * (tiling->depth + 16) + PANEL * tiling->depth +
                      tiling->rows * tiling->columns));
}

static void set_portable(const clf_i_gemm_tiling *tiling, int64_t num_units, bool is_glu,
                         launch *launch) {
    const int64_t group = GROUP_SIDE * GROUP_SIDE;
    launch->step.global[0] = (size_t)(num_units * group);
    launch->step.local[0] = (size_t)group;
    launch->step.local_memory =
        (size_t)(4 * GROUP_SIDE * (tiling->rows + 1 + (is_glu ? 2 : 1) * tiling->columns));
}

clf_status clf_i_own_tiles_add_product(clf_plan *plan, clf_i_gemm_tiling *tiling,
                                       const clf_i_gemm_request *request) {
    const bool is_cpu = tiling->variant == CLF_VARIANT_CPU;
    const int64_t columns = is_cpu && request->is_glu ? tiling->columns / 2 : tiling->columns;
    const int64_t num_units = tiling->most_tiles * divide_up(request->problem.columns, columns);
    clf_i_gemm_problem problem = request->problem;
    problem.counter = tiling->num_counters++;
    launch launch;
    begin_launch(&launch, is_cpu ? "clf_gemm_cpu" : "clf_gemm_portable");
    add_define(&launch, "CLF_GEMM_ROWS", tiling->rows);
    add_epilogue(&launch, request);
    add_operands(&launch, request);
    add_argument(&launch, (clf_i_argument)CLF_I_WORKSPACE(tiling->workspace));
    add_argument(&launch, (clf_i_argument)CLF_I_VALUE(problem));
    if (is_cpu) {
        set_cpu(plan, tiling, num_units, &launch);
    } else {
        set_portable(tiling, num_units, request->is_glu, &launch);
    }
    return clf_i_plan_add_step(plan, &launch.step);
}
