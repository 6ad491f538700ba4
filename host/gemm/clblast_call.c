/* Tuned parameters, calls and trial runs of CLBlast; see clblast_call.h. */
#include "gemm/clblast_call.h"

#ifdef CLFORMER_HAS_CLBLAST

#include <limits.h>
#include <pthread.h>
#include <string.h>

#include <clblast_c.h>

#include "core/failure.h"
#include "device/foreign_library.h"
#include "gemm/xgemm_parameters.h"
#include "tune/tuning.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

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

clf_status clf_i_clblast_apply_tuning(clf_plan *plan) {
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
    const CLBlastTranspose b_form =
        call->b_is_transposed ? CLBlastTransposeYes : CLBlastTransposeNo;
    const float former = call->accumulates ? 1.0f : 0.0f;
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
    if (call->num_batches > 0) {
        const CLBlastStatusCode code = CLBlastSgemmStridedBatched(
            CLBlastLayoutColMajor, b_form, CLBlastTransposeNo, (size_t)call->columns,
            (size_t)call->rows, (size_t)call->depth, 1.0f, places[PLACE_B].buffer, b_offset,
            (size_t)call->b_step, (size_t)call->b_batch_step, places[PLACE_A].buffer, a_offset,
            (size_t)call->a_step, (size_t)call->a_batch_step, former, places[PLACE_C].buffer,
            c_offset, (size_t)call->c_step, (size_t)call->c_batch_step, (size_t)call->num_batches,
            &queue, done);
        return code == CLBlastSuccess ? CLF_SUCCESS : fail_call("CLBlastSgemmStridedBatched", code);
    }
    const CLBlastStatusCode code = CLBlastSgemmWithTempBuffer(
        CLBlastLayoutColMajor, b_form, CLBlastTransposeNo, (size_t)call->columns,
        (size_t)call->rows, (size_t)call->depth, 1.0f, places[PLACE_B].buffer, b_offset,
        (size_t)call->b_step, places[PLACE_A].buffer, a_offset, (size_t)call->a_step, former,
        places[PLACE_C].buffer, c_offset, (size_t)call->c_step, &queue, done,
        places[PLACE_REGION].buffer);
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

clf_status clf_i_clblast_find_region(clf_device *device, const clf_i_blas_call *call,
                                     size_t *bytes) {
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
    clf_status status = clf_i_clblast_find_region(device, full, &full_region);
    clf_i_blas_call_shrink(full, small);
    while (status == CLF_SUCCESS) {
        status = clf_i_clblast_find_region(device, small, &region);
        if ((region == 0) == (full_region == 0) || !clf_i_blas_call_grow(full, small)) {
            break;
        }
    }
    return status;
}

static clf_status run_trial(clf_device *device, const clf_i_blas_call *call) {
    size_t region = 0;
    const clf_status status =
        call->num_batches > 0 ? CLF_SUCCESS : clf_i_clblast_find_region(device, call, &region);
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
clf_status clf_i_clblast_try(clf_plan *plan, const clf_i_gemm_operand *const operands[3],
                             const clf_i_blas_call *full) {
    clf_device *device = clf_i_plan_device(plan);
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

/* ---- Steps ---- */

static clf_i_argument argument_of(const clf_i_gemm_operand *operand) {
    const clf_i_argument workspace = CLF_I_WORKSPACE_ELEMENTS(operand->offset, sizeof(float));
    const clf_i_argument tensor = CLF_I_TENSOR(operand->slot);
    return operand->is_in_workspace ? workspace : tensor;
}

clf_status clf_i_clblast_add_call(clf_plan *plan, const clf_i_gemm_operand *const operands[3],
                                  const clf_i_blas_call *call, size_t region, size_t region_size) {
    const bool is_batched = call->num_batches > 0;
    const clf_i_define figures[] = {
        {"rows", call->rows},           {"columns", call->columns},
        {"depth", call->depth},         {"workspace", (int64_t)region_size},
        {"batches", call->num_batches},
    };
    clf_i_argument arguments[CLF_I_MAX_PLACES] = {
        argument_of(operands[0]), argument_of(operands[1]), argument_of(operands[2])};
    arguments[PLACE_REGION] = (clf_i_argument)CLF_I_REGION(region, region_size);
    const clf_i_foreign_step step = {
        .library = "CLBlast",
        .routine = is_batched ? "SgemmStridedBatched" : "Sgemm",
        .call = call_sgemm,
        .data = call,
        .data_size = sizeof *call,
        .arguments = arguments,
        .num_arguments = region_size > 0 ? 4 : 3,
        .figures = figures,
        .num_figures = LENGTH(figures) - (is_batched ? 0 : 1),
    };
    return clf_i_plan_add_foreign_step(plan, &step);
}

#else

/* The files that call CLBlast have nothing to call. */
typedef int clf_i_clblast_is_absent;

#endif
