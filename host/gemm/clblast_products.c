/*
 * Products by CLBlast, the only file that names it: fp32, dense rows, ranges known to the host; one
 * call of Sgemm for each group with rows, then our epilogue. CLBlast prints and compiles when it
 * likes: everything is checked before a call, and trial runs while planning compile its kernels.
 */
#include "gemm/gemm_library.h"

#include <limits.h>
#include <pthread.h>
#include <string.h>

#include "core/failure.h"
#include "device/foreign_library.h"
#include "gemm/blas_call.h"
#include "gemm/gemm_epilogue.h"
#include "gemm/xgemm_parameters.h"
#include "tune/tuning.h"

#ifdef CLFORMER_HAS_CLBLAST

#include <clblast_c.h>

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

/* A call waits for the one before: many small ones would be slower than one launch of our tiles. */
#define MAX_CALLS 16

/* ---- What it cannot compute ---- */

static int64_t begin_of(const clf_i_gemm_ranges *ranges, int64_t group) {
    return group > 0 ? ranges->ends[group - 1] : 0;
}

static const char *refuse_type(const clf_i_gemm_request *product) {
    const clf_dtype type = product->a.dtype;
    if (product->dequant.is_given || product->quant_scale.is_given ||
        product->antiquant_scale.is_given || product->rounds_to_fp16) {
        return "CLBlast has no quantised products";
    }
    if (type == CLF_DTYPE_FP16) {
        return "CLBlast sums fp16 products in fp16, beyond the error bounds";
    }
    if (type == CLF_DTYPE_BF16) {
        return "CLBlast has no bf16";
    }
    return type == CLF_DTYPE_FP32 && product->b.dtype == CLF_DTYPE_FP32 &&
                   product->c.dtype == CLF_DTYPE_FP32
               ? NULL
               : "CLBlast takes one type for all operands, here fp32";
}

static const char *refuse_groups(const clf_i_gemm_ranges *ranges) {
    int64_t busy = 0;
    if (ranges->is_on_device) {
        return "the experts' tokens are on the device, CLBlast's calls need them on the host";
    }
    for (int64_t group = 0; group < ranges->num_groups; ++group) {
        busy += ranges->ends[group] > begin_of(ranges, group);
    }
    return busy > MAX_CALLS ? "more than 16 experts have tokens, each of which is a call" : NULL;
}

static const char *refuse(const clf_i_gemm_ranges *ranges, int64_t num_rows,
                          const clf_i_gemm_request *product) {
    clf_i_blas_call call;
    const char *refusal = refuse_type(product);
    if (refusal == NULL) {
        refusal = refuse_groups(ranges);
    }
    if (refusal == NULL && product->problem.depth == 0) {
        refusal = "CLBlast has no empty sums";
    }
    if (refusal == NULL) {
        refusal = clf_i_blas_call_make(product, num_rows, &call);
    }
    /* What is in the workspace has few rows at a time. */
    const bool has_a = !product->a.is_in_workspace;
    const bool has_c = !product->c.is_in_workspace && !clf_i_gemm_needs_scratch(product);
    if (refusal == NULL &&
        ((has_a && clf_i_blas_a_extent(&call) > INT_MAX) || clf_i_blas_b_extent(&call) > INT_MAX ||
         (has_c && clf_i_blas_c_extent(&call) > INT_MAX))) {
        refusal = "CLBlast counts elements in 32 bits";
    }
    return refusal;
}

/* ---- Tuned parameters ---- */

#define MAX_PARAMETERS CLF_I_XGEMM_PARAMETERS

typedef struct tuned_kernel {
    const char *kernel;
    size_t num_parameters;
    const char *parameters[MAX_PARAMETERS]; /* "Xgemm.MWG" in rules */
} tuned_kernel;

static const tuned_kernel tuned_kernels[] = {
    {"Xgemm",
     16,
     {"Xgemm.GEMMK", "Xgemm.KREG", "Xgemm.KWG", "Xgemm.KWI", "Xgemm.MDIMA", "Xgemm.MDIMC",
      "Xgemm.MWG", "Xgemm.NDIMB", "Xgemm.NDIMC", "Xgemm.NWG", "Xgemm.SA", "Xgemm.SB", "Xgemm.STRM",
      "Xgemm.STRN", "Xgemm.VWM", "Xgemm.VWN"}},
    {"GemmRoutine", 1, {"GemmRoutine.XGEMM_MIN_INDIRECT_SIZE"}},
};
#define NUM_KERNELS LENGTH(tuned_kernels)

typedef struct tuned_values { /* no padding: compared byte by byte */
    size_t is_given;          /* 0 or 1 */
    size_t values[MAX_PARAMETERS];
} tuned_values;

/* What CLBlast has been given, which holds for the process. */
typedef struct tuned_device {
    cl_device_id id;
    tuned_values kernels[NUM_KERNELS];
} tuned_device;

/* Guards all four. */
static pthread_mutex_t process_lock = PTHREAD_MUTEX_INITIALIZER;
static tuned_device tuned_devices[16];
static size_t num_tuned_devices;
static unsigned num_overrides;
static size_t num_users; /* devices for which CLBlast holds programs */

static clf_status read_values(const clf_device *device, const tuned_kernel *kernel,
                              tuned_values *out) {
    size_t num_given = 0;
    memset(out, 0, sizeof *out);
    for (size_t i = 0; i < kernel->num_parameters; ++i) {
        const int64_t value =
            clf_i_tuning_value(device, "clf_gemm", kernel->parameters[i], 0, 1 << 16, -1);
        num_given += value >= 0;
        out->values[i] = value >= 0 ? (size_t)value : 0;
    }
    out->is_given = num_given > 0;
    return num_given == 0 || num_given == kernel->num_parameters
               ? CLF_SUCCESS
               : clf_i_fail(CLF_ERR_UNSUPPORTED,
                            "tuning rules give %zu of the %zu parameters of CLBlast's %s, "
                            "accepted: all or none",
                            num_given, kernel->num_parameters, kernel->kernel);
}

static tuned_device *find_tuned(cl_device_id id) {
    for (size_t i = 0; i < num_tuned_devices; ++i) {
        if (tuned_devices[i].id == id) {
            return &tuned_devices[i];
        }
    }
    if (num_tuned_devices == LENGTH(tuned_devices)) {
        return NULL;
    }
    tuned_devices[num_tuned_devices].id = id;
    return &tuned_devices[num_tuned_devices++];
}

static clf_status override(cl_device_id id, const tuned_kernel *kernel, const size_t *values) {
    const char *names[MAX_PARAMETERS];
    for (size_t i = 0; i < kernel->num_parameters; ++i) {
        names[i] = strchr(kernel->parameters[i], '.') + 1;
    }
    const CLBlastStatusCode code = CLBlastOverrideParameters(
        id, kernel->kernel, CLBlastPrecisionSingle, kernel->num_parameters, names, values);
    return code == CLBlastSuccess ? CLF_SUCCESS
                                  : clf_i_fail(CLF_ERR_RUNTIME,
                                               "CLBlastOverrideParameters failed for %s with code "
                                               "%d",
                                               kernel->kernel, (int)code);
}

/* Gives CLBlast the values that it does not have yet. */
static clf_status give_values(cl_device_id id, const tuned_values *values) {
    tuned_device *given = find_tuned(id);
    if (given == NULL) {
        return clf_i_fail(CLF_ERR_UNSUPPORTED, "CLBlast's parameters are kept for %zu devices",
                          LENGTH(tuned_devices));
    }
    clf_status status = CLF_SUCCESS;
    for (size_t i = 0; i < NUM_KERNELS && status == CLF_SUCCESS; ++i) {
        if (!values[i].is_given || memcmp(&values[i], &given->kernels[i], sizeof *values) == 0) {
            continue;
        }
        status = override(id, &tuned_kernels[i], values[i].values);
        if (status == CLF_SUCCESS) {
            given->kernels[i] = values[i];
            ++num_overrides;
        }
    }
    return status;
}

static clf_status apply_tuning(clf_plan *plan) {
    const clf_device *device = clf_i_plan_device(plan);
    tuned_values values[NUM_KERNELS];
    clf_status status = CLF_SUCCESS;
    for (size_t i = 0; i < NUM_KERNELS && status == CLF_SUCCESS; ++i) {
        status = read_values(device, &tuned_kernels[i], &values[i]);
        for (size_t j = 0; j < tuned_kernels[i].num_parameters && status == CLF_SUCCESS; ++j) {
            if (values[i].is_given) {
                status = clf_i_plan_set_parameter(plan, tuned_kernels[i].parameters[j],
                                                  (int64_t)values[i].values[j]);
            }
        }
    }
    const char *rule =
        status == CLF_SUCCESS && values[0].is_given
            ? clf_i_xgemm_broken_rule(values[0].values, clf_i_plan_capabilities(plan))
            : NULL;
    if (rule != NULL) {
        status = clf_i_fail(CLF_ERR_UNSUPPORTED,
                            "the tuned parameters of CLBlast's Xgemm do not fit together, "
                            "accepted: %s",
                            rule);
    }
    if (status == CLF_SUCCESS) {
        pthread_mutex_lock(&process_lock);
        status = give_values(clf_device_id(device), values);
        pthread_mutex_unlock(&process_lock);
    }
    return status;
}

/* ---- Calls ---- */

enum { PLACE_A, PLACE_B, PLACE_C, PLACE_REGION };

static clf_status fail_call(const char *call, CLBlastStatusCode code) {
    const bool memory = code == CLBlastTempBufferAllocFailure ||
                        code == CLBlastOpenCLOutOfResources || code == CLBlastOpenCLOutOfHostMemory;
    return clf_i_fail(memory ? CLF_ERR_OUT_OF_MEMORY : CLF_ERR_RUNTIME, "%s failed with code %d",
                      call, (int)code);
}

/* Elements from the buffer's start to the matrix; false if CLBlast cannot count to its end. */
static bool find_offset(const clf_i_place *place, int64_t offset, int64_t extent, size_t *out) {
    const int64_t start = (int64_t)place->offset + offset;
    *out = (size_t)start;
    return place->offset <= INT_MAX && start >= 0 && start <= INT_MAX - extent;
}

/* A clf_i_foreign_call; `data` is a clf_i_blas_call. C' = B' A' of matrices seen column by column is
 * C = A B row by row; so CLBlast rearranges the rows at work, not the weights. */
static clf_status call_sgemm(cl_command_queue queue, const clf_i_place *places, const void *data,
                             cl_event *done) {
    const clf_i_blas_call *call = data;
    size_t a_offset = 0;
    size_t b_offset = 0;
    size_t c_offset = 0;
    if (!find_offset(&places[PLACE_A], call->a_offset, clf_i_blas_a_extent(call), &a_offset) ||
        !find_offset(&places[PLACE_B], call->b_offset, clf_i_blas_b_extent(call), &b_offset) ||
        !find_offset(&places[PLACE_C], call->c_offset, clf_i_blas_c_extent(call), &c_offset)) {
        return clf_i_fail(CLF_ERR_UNSUPPORTED,
                          "a buffer's offset puts a matrix beyond element 2^31, which CLBlast "
                          "cannot count; accepted: less, or CLFORMER_GEMM=own");
    }
    const CLBlastStatusCode code = CLBlastSgemmWithTempBuffer(
        CLBlastLayoutColMajor, call->b_is_transposed ? CLBlastTransposeYes : CLBlastTransposeNo,
        CLBlastTransposeNo, (size_t)call->columns, (size_t)call->rows, (size_t)call->depth, 1.0f,
        places[PLACE_B].buffer, b_offset, (size_t)call->b_step, places[PLACE_A].buffer, a_offset,
        (size_t)call->a_step, 0.0f, places[PLACE_C].buffer, c_offset, (size_t)call->c_step, &queue,
        done, places[PLACE_REGION].buffer);
    return code == CLBlastSuccess ? CLF_SUCCESS : fail_call("CLBlastSgemmWithTempBuffer", code);
}

/* ---- Trial runs ---- */

typedef struct region_query {
    clf_i_blas_call call;
    size_t *bytes;
} region_query;

/* A clf_i_foreign_call without places. Whatever the offsets turn out to be, it is enough: they are
 * taken as not 0, which no matrix can be used in place with. */
static clf_status query_region(cl_command_queue queue, const clf_i_place *places, const void *data,
                               cl_event *done) {
    const region_query *query = data;
    const clf_i_blas_call *call = &query->call;
    (void)places;
    (void)done;
    const CLBlastStatusCode code = CLBlastSGemmTempBufferSize(
        CLBlastLayoutColMajor, call->b_is_transposed ? CLBlastTransposeYes : CLBlastTransposeNo,
        CLBlastTransposeNo, (size_t)call->columns, (size_t)call->rows, (size_t)call->depth, 1,
        (size_t)call->b_step, 1, (size_t)call->a_step, 1, (size_t)call->c_step, &queue,
        query->bytes);
    return code == CLBlastSuccess ? CLF_SUCCESS : fail_call("CLBlastSGemmTempBufferSize", code);
}

/* Bytes that CLBlast needs for its own copies; 0: it computes the product directly. */
static clf_status find_region(clf_device *device, const clf_i_blas_call *call, size_t *bytes) {
    const region_query query = {*call, bytes};
    *bytes = 0;
    return clf_i_foreign_try(device, NULL, 0, query_region, &query);
}

#define MAX_TRIED 128

/* Kept with the device. */
typedef struct clblast_state {
    bool is_user;
    unsigned num_overrides; /* when the trials were run: each makes CLBlast compile anew */
    size_t num_tried;
    clf_i_blas_call tried[MAX_TRIED];
} clblast_state;

/* CLBlast keeps programs, and so contexts, until it is told otherwise. */
static void release_state(void *memory) {
    const clblast_state *state = memory;
    pthread_mutex_lock(&process_lock);
    if (state->is_user && --num_users == 0) {
        (void)CLBlastClearCache();
    }
    pthread_mutex_unlock(&process_lock);
}

/* A small product that CLBlast computes with the same kernels. */
static clf_status shrink(clf_device *device, const clf_i_blas_call *full, clf_i_blas_call *small) {
    size_t full_region = 0;
    size_t region = 0;
    clf_status status = find_region(device, full, &full_region);
    clf_i_blas_call_shrink(full, small);
    while (status == CLF_SUCCESS) {
        status = find_region(device, small, &region);
        if ((region == 0) == (full_region == 0) || !clf_i_blas_call_grow(full, small)) {
            break;
        }
    }
    return status;
}

static clf_status run_trial(clf_device *device, const clf_i_blas_call *call) {
    size_t region = 0;
    const clf_status status = find_region(device, call, &region);
    const size_t sizes[] = {
        sizeof(float) * (size_t)(clf_i_blas_a_extent(call) + call->a_offset),
        sizeof(float) * (size_t)(clf_i_blas_b_extent(call) + call->b_offset),
        sizeof(float) * (size_t)(clf_i_blas_c_extent(call) + call->c_offset),
        region,
    };
    return status == CLF_SUCCESS
               ? clf_i_foreign_try(device, sizes, region > 0 ? 4 : 3, call_sgemm, call)
               : status;
}

/* A clf_i_library_use; `data` is a clf_i_blas_call whose offsets are 0 or 1. */
static clf_status try_once(void *memory, clf_device *device, void *data) {
    clblast_state *state = memory;
    const clf_i_blas_call *call = data;
    pthread_mutex_lock(&process_lock);
    num_users += !state->is_user;
    state->is_user = true;
    if (state->num_overrides != num_overrides) {
        state->num_overrides = num_overrides;
        state->num_tried = 0;
    }
    pthread_mutex_unlock(&process_lock);
    for (size_t i = 0; i < state->num_tried; ++i) {
        if (memcmp(&state->tried[i], call, sizeof *call) == 0) {
            return CLF_SUCCESS;
        }
    }
    const clf_status status = run_trial(device, call);
    if (status == CLF_SUCCESS && state->num_tried < MAX_TRIED) {
        state->tried[state->num_tried++] = *call;
    }
    return status;
}

/* Whether form `form` of the offsets, 0 or 1 of each operand, can occur. */
static bool can_occur(unsigned form, const clf_i_gemm_operand *const operands[3],
                      const int64_t offsets[3]) {
    for (unsigned i = 0; i < 3; ++i) {
        const int64_t place = (int64_t)(operands[i]->offset / sizeof(float)) + offsets[i];
        if (operands[i]->is_in_workspace && (form >> i & 1) != (place != 0)) {
            return false;
        }
    }
    return true;
}

/* Tensors can be bound anew at any offset: with and without one, CLBlast takes other kernels. */
static clf_status try_call(clf_plan *plan, const clf_i_gemm_request *product,
                           const clf_i_gemm_operand *sums, const clf_i_blas_call *full) {
    clf_device *device = clf_i_plan_device(plan);
    const clf_i_gemm_operand *const operands[] = {&product->a, &product->b, sums};
    const int64_t offsets[] = {full->a_offset, full->b_offset, full->c_offset};
    clf_i_blas_call small;
    clf_status status = shrink(device, full, &small);
    for (unsigned form = 0; form < 8 && status == CLF_SUCCESS; ++form) {
        if (can_occur(form, operands, offsets)) {
            small.a_offset = form & 1;
            small.b_offset = form >> 1 & 1;
            small.c_offset = form >> 2 & 1;
            status =
                clf_i_foreign_use(device, sizeof(clblast_state), release_state, try_once, &small);
        }
    }
    return status;
}

static clf_status make_call(const clf_i_gemm_request *product, int64_t num_rows,
                            clf_i_blas_call *call) {
    const char *refusal = clf_i_blas_call_make(product, num_rows, call);
    return refusal == NULL ? CLF_SUCCESS
                           : clf_i_fail(CLF_ERR_INTERNAL, "a product for CLBlast: %s", refusal);
}

static clf_status prepare(clf_plan *plan, int64_t num_rows, const clf_i_gemm_request *product) {
    clf_i_blas_call call;
    clf_status status = make_call(product, num_rows, &call);
    if (status == CLF_SUCCESS) {
        status = apply_tuning(plan);
    }
    const clf_i_gemm_operand workspace = {.is_in_workspace = true};
    return status == CLF_SUCCESS
               ? try_call(plan, product,
                          clf_i_gemm_needs_scratch(product) ? &workspace : &product->c, &call)
               : status;
}

/* ---- The workspace ---- */

static clf_status measure(clf_plan *plan, int64_t num_rows, const clf_i_gemm_request *product,
                          clf_i_gemm_needs *needs) {
    clf_i_blas_call call;
    const clf_status status = make_call(product, num_rows, &call);
    if (status != CLF_SUCCESS) {
        return status;
    }
    needs->scratch =
        clf_i_gemm_needs_scratch(product) ? sizeof(float) * (size_t)(num_rows * call.columns) : 0;
    return find_region(clf_i_plan_device(plan), &call, &needs->region);
}

/* ---- Steps ---- */

static clf_i_argument argument_of(const clf_i_gemm_operand *operand) {
    const clf_i_argument workspace = CLF_I_WORKSPACE_ELEMENTS(operand->offset, sizeof(float));
    const clf_i_argument tensor = CLF_I_TENSOR(operand->slot);
    return operand->is_in_workspace ? workspace : tensor;
}

static clf_status add_call(clf_plan *plan, const clf_i_gemm_area *area,
                           const clf_i_gemm_request *product, const clf_i_gemm_operand *sums,
                           const clf_i_blas_call *call) {
    clf_status status = try_call(plan, product, sums, call);
    size_t region = 0;
    if (status == CLF_SUCCESS) {
        status = find_region(clf_i_plan_device(plan), call, &region);
    }
    if (status == CLF_SUCCESS && region > area->needs.region) {
        status = clf_i_fail(CLF_ERR_INTERNAL, "CLBlast needs %zu bytes of workspace, reserved: %zu",
                            region, area->needs.region);
    }
    const clf_i_define figures[] = {
        {"rows", call->rows},
        {"columns", call->columns},
        {"depth", call->depth},
        {"workspace", (int64_t)region},
    };
    clf_i_argument arguments[CLF_I_MAX_PLACES] = {argument_of(&product->a),
                                                  argument_of(&product->b), argument_of(sums)};
    arguments[PLACE_REGION] = (clf_i_argument)CLF_I_REGION(area->region, region);
    const clf_i_foreign_step step = {
        .library = "CLBlast",
        .routine = "Sgemm",
        .call = call_sgemm,
        .data = call,
        .data_size = sizeof *call,
        .arguments = arguments,
        .num_arguments = region > 0 ? 4 : 3,
        .figures = figures,
        .num_figures = LENGTH(figures),
    };
    return status == CLF_SUCCESS ? clf_i_plan_add_foreign_step(plan, &step) : status;
}

/* The product's call and epilogue for the rows of one group. */
static clf_status add_rows(clf_plan *plan, const clf_i_gemm_area *area, int64_t group,
                           int64_t begin, int64_t end, const clf_i_gemm_request *product) {
    const clf_i_gemm_problem *problem = &product->problem;
    const clf_i_gemm_operand scratch = {.is_given = true,
                                        .is_in_workspace = true,
                                        .offset = area->scratch,
                                        .dtype = CLF_DTYPE_FP32};
    const bool in_scratch = clf_i_gemm_needs_scratch(product);
    const clf_i_gemm_operand *sums = in_scratch ? &scratch : &product->c;
    clf_i_blas_call call;
    clf_status status = make_call(product, end - begin, &call);
    if (status != CLF_SUCCESS) {
        return status;
    }
    const int64_t c_step = clf_i_blas_result_step(product);
    const int64_t c_base = problem->c_base + begin * c_step;
    call.a_offset = problem->a_base + begin * call.a_step;
    call.b_offset = group * problem->b_strides[0];
    call.c_offset = in_scratch ? (begin - area->first_row) * call.c_step : c_base;
    const clf_i_gemm_epilogue epilogue = {
        .num_rows = end - begin,
        .columns = problem->columns,
        .sum_base = call.c_offset,
        .sum_stride = call.c_step,
        .c_base = c_base,
        .c_stride = c_step,
        .bias_base = group * problem->bias_strides[0],
        .bias_stride = problem->bias_strides[1],
    };
    status = add_call(plan, area, product, sums, &call);
    return status == CLF_SUCCESS && clf_i_gemm_has_epilogue(product)
               ? clf_i_gemm_add_epilogue(plan, product, sums, &epilogue)
               : status;
}

static clf_status add(clf_plan *plan, const clf_i_gemm_area *area, const clf_i_gemm_ranges *ranges,
                      const clf_i_gemm_request *product) {
    clf_status status = CLF_SUCCESS;
    for (int64_t group = 0; group < ranges->num_groups && status == CLF_SUCCESS; ++group) {
        const int64_t first = begin_of(ranges, group);
        const int64_t last = ranges->ends[group];
        const int64_t begin = first > area->first_row ? first : area->first_row;
        const int64_t end = last < area->end_row ? last : area->end_row;
        if (begin < end) {
            status = add_rows(plan, area, group, begin, end, product);
        }
    }
    return status;
}

const clf_i_gemm_library clf_i_gemm_the_library = {
    .name = "clblast",
    .preference = "prefer_clblast",
    .refuse = refuse,
    .prepare = prepare,
    .measure = measure,
    .add = add,
};

#else

static const char *refuse(const clf_i_gemm_ranges *ranges, int64_t num_rows,
                          const clf_i_gemm_request *product) {
    (void)ranges;
    (void)num_rows;
    (void)product;
    return "clformer was built without CLBlast (CLFORMER_WITH_CLBLAST)";
}

/* Nothing else is called. */
const clf_i_gemm_library clf_i_gemm_the_library = {
    .name = "clblast",
    .preference = "prefer_clblast",
    .refuse = refuse,
};

#endif
