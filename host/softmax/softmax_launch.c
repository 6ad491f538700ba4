/* Launches of the softmax kernels. What the macros mean stands in the kernels' head comments. */
#include "softmax/softmax_launch.h"

#include <math.h>

#include "core/integers.h"
#include "device/step_builder.h"
#include "shape/view.h"
#include "tune/tuning.h"

/* Limits of the kernels. */
#define MAX_LANES   256 /* CLF_REDUCE_LANES    */
#define MAX_PACKETS 8   /* CLF_SOFTMAX_PACKETS */
#define PACKET_SIZE 16  /* bytes               */

/* A launch in the making. */
typedef struct launch {
    clf_plan *plan;
    const clf_i_softmax_problem *problem;
    const clf_i_row_space *space;
    clf_i_step_builder builder;
} launch;

static int64_t tuned(const launch *launch, const char *parameter, int64_t lowest, int64_t highest,
                     int64_t fallback) {
    return clf_i_tuning_value(clf_i_plan_device(launch->plan), launch->builder.step.kernel,
                              parameter, lowest, highest, fallback);
}

static int64_t power_of_two_from(int64_t value, int64_t limit) {
    int64_t power = 1;
    while (power < value && power < limit) {
        power *= 2;
    }
    return power;
}

/* ---- portable ---- */

/* Local memory as in cl-kernels/lib/reduce.clh: a value per lane and a part per 8 lanes. */
static size_t scratch_bytes(int64_t lanes, int64_t rows) {
    const int64_t parts = lanes > 8 ? lanes / 8 : 1;
    return (size_t)(rows * (lanes + parts)) * sizeof(float);
}

clf_i_softmax_tiling clf_i_softmax_tiling_make(int64_t width, int64_t packet_size,
                                               int64_t packets_per_lane, int64_t work_group_size) {
    int64_t max_lanes = 1;
    while (2 * max_lanes <= clf_i_smaller(work_group_size, MAX_LANES)) {
        max_lanes *= 2;
    }
    const int64_t num_packets = clf_i_divide_up(width, packet_size);
    clf_i_softmax_tiling tiling = {0};
    tiling.lanes = power_of_two_from(clf_i_divide_up(num_packets, packets_per_lane), max_lanes);
    tiling.rows = work_group_size / tiling.lanes;
    const int64_t packets =
        power_of_two_from(clf_i_divide_up(num_packets, tiling.lanes), 2 * MAX_PACKETS);
    tiling.packets = packets <= MAX_PACKETS ? packets : 0;
    tiling.local_memory = scratch_bytes(tiling.lanes, tiling.rows);
    return tiling;
}

static clf_status set_portable(launch *launch) {
    const clf_i_capabilities *device = clf_i_plan_capabilities(launch->plan);
    const int64_t largest = clf_i_smaller((int64_t)device->max_work_group_size, MAX_LANES);
    const clf_tensor *first = launch->problem->operands[0].tensor;
    const clf_i_softmax_tiling tiling = clf_i_softmax_tiling_make(
        launch->space->width, PACKET_SIZE / (int64_t)clf_dtype_size(first->dtype),
        tuned(launch, "packets_per_lane", 1, MAX_PACKETS, 2),
        tuned(launch, "work_group_size", 1, largest, clf_i_smaller(largest, 128)));
    clf_i_step_define(&launch->builder, "CLF_REDUCE_LANES", tiling.lanes);
    clf_i_step_define(&launch->builder, "CLF_SOFTMAX_ROWS", tiling.rows);
    clf_i_step_define(&launch->builder, "CLF_SOFTMAX_PACKETS", tiling.packets);
    if (launch->problem->computes_exponentials) {
        clf_i_step_define(&launch->builder, "CLF_EXP2_NATIVE",
                          tuned(launch, "native_exp2", 0, 1, 0));
    }
    const int64_t num_groups = clf_i_divide_up(launch->space->num_rows, tiling.rows);
    launch->builder.step.dimensions = 2;
    launch->builder.step.global[0] = (size_t)(num_groups * tiling.lanes);
    launch->builder.step.global[1] = (size_t)tiling.rows;
    launch->builder.step.local[0] = (size_t)tiling.lanes;
    launch->builder.step.local[1] = (size_t)tiling.rows;
    launch->builder.step.local_memory = tiling.local_memory;
    const clf_i_plan_parameter parameters[] = {{"lanes", tiling.lanes},
                                               {"rows_per_group", tiling.rows},
                                               {"packets_per_lane", tiling.packets}};
    return clf_i_plan_set_parameters(launch->plan, parameters,
                                     sizeof parameters / sizeof parameters[0]);
}

/* ---- cpu ---- */

/* Rows of one work-group: enough work to be worth handing out, and several groups for each compute
 * unit where there are rows for that. */
static int64_t rows_per_group(const launch *launch) {
    const clf_i_capabilities *device = clf_i_plan_capabilities(launch->plan);
    const int64_t elements = tuned(launch, "group_elements", 1, INT64_C(1) << 40, 1 << 18);
    const int64_t groups_per_unit = tuned(launch, "groups_per_unit", 1, 1024, 4);
    const int64_t by_work = clf_i_divide_up(elements, launch->space->width);
    const int64_t by_units =
        clf_i_divide_up(launch->space->num_rows, groups_per_unit * (int64_t)device->compute_units);
    return clf_i_smaller(by_work, by_units);
}

/* A result larger than the caches gains from going past them; a small one is read from them soon.
 */
static int32_t is_streaming(const launch *launch) {
    const clf_tensor *first = launch->problem->operands[0].tensor;
    return clf_i_view_bytes(first) >=
           (double)tuned(launch, "streaming_bytes", 0, INT64_MAX, INT64_C(8) << 20);
}

static clf_status set_cpu(launch *launch, int64_t *rows, int32_t *streaming) {
    *rows = rows_per_group(launch);
    *streaming = is_streaming(launch);
    clf_i_step_argument(&launch->builder, (clf_i_argument)CLF_I_VALUE(*rows));
    clf_i_step_argument(&launch->builder, (clf_i_argument)CLF_I_VALUE(*streaming));
    if (launch->problem->computes_exponentials) {
        clf_i_step_define(&launch->builder, "CLF_SOFTMAX_NEGATIVE_SCALE",
                          launch->problem->scale < 0.0);
    }
    clf_i_step_groups(&launch->builder, clf_i_divide_up(launch->space->num_rows, *rows), 1);
    const clf_i_plan_parameter parameters[] = {{"rows_per_group", *rows},
                                               {"streaming", *streaming}};
    return clf_i_plan_set_parameters(launch->plan, parameters,
                                     sizeof parameters / sizeof parameters[0]);
}

/* ---- both ---- */

/* One NaN for all: the bf16 kernels round its bits. */
static float scale_argument(double scale) {
    const float narrowed = (float)scale;
    return isnan(narrowed) ? NAN : narrowed;
}

static void set_operands(launch *launch, clf_i_softmax_masking masking) {
    for (size_t i = 0; i < launch->problem->num_operands; ++i) {
        const clf_slot slot = launch->problem->operands[i].slot;
        if (slot != CLF_SLOT_MASK || masking == CLF_I_SOFTMAX_MASKING_TENSOR) {
            clf_i_step_slot(&launch->builder, slot);
        }
    }
}

clf_status clf_i_softmax_add_launch(clf_plan *plan, const clf_i_softmax_problem *problem,
                                    const clf_i_row_space *space, clf_i_softmax_masking masking,
                                    clf_variant variant) {
    const float scale = scale_argument(problem->scale);
    int64_t rows = 0;
    int32_t streaming = 0;
    launch launch;
    launch.plan = plan;
    launch.problem = problem;
    launch.space = space;
    clf_i_step_begin(&launch.builder, problem->kernels[variant]);
    clf_i_step_define(&launch.builder, "CLF_DTYPE", problem->operands[0].tensor->dtype);
    clf_i_step_define(&launch.builder, "CLF_SOFTMAX_MASKING", masking);
    set_operands(&launch, masking);
    clf_i_step_argument(&launch.builder, (clf_i_argument)CLF_I_VALUE(*space));
    clf_i_step_argument(&launch.builder, (clf_i_argument)CLF_I_VALUE(scale));
    const clf_status status =
        variant == CLF_VARIANT_CPU ? set_cpu(&launch, &rows, &streaming) : set_portable(&launch);
    return status == CLF_SUCCESS ? clf_i_plan_add_step(plan, &launch.builder.step) : status;
}
