/*
 * Every kernel of cl-kernels/manifest.def in the oclgrind simulator with its data-race, memory, API
 * and uninitialised-value checks, over at least three shapes of which one is ragged. The
 * simulator's exit status says nothing: its log must be empty. A kernel without shapes here fails
 * the test, and a kernel with a race planted in it proves that the log is worth reading.
 *
 * Each shape runs in a process of its own, whose environment loads the simulator. (Of several in
 * one process the simulator takes initialised workspaces for uninitialised ones.)
 */
#define _XOPEN_SOURCE 700
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "attention_races.h"
#include "cmocka_all.h"
#include "ffn_races.h"
#include "floyd_races.h"
#include "softmax_case.h"
#include "test_json.h"
#include "test_process.h"

typedef struct race_shape {
    const char *kernel;
    bool is_gradient;
    clf_variant variant;
    clf_dtype dtype;
    int64_t shape[3];
    test_mask_form mask_form;
    test_layout layout;
    double scale;
} race_shape;

#define FORWARD_PORTABLE  "clf_scaled_masked_softmax_portable", false, CLF_VARIANT_PORTABLE
#define FORWARD_CPU       "clf_scaled_masked_softmax_cpu", false, CLF_VARIANT_CPU
#define GRADIENT_PORTABLE "clf_scaled_masked_softmax_grad_portable", true, CLF_VARIANT_PORTABLE
#define GRADIENT_CPU      "clf_scaled_masked_softmax_grad_cpu", true, CLF_VARIANT_CPU

/* Even, ragged in rows and columns, wider than what one pass keeps, and strided; every mask form
 * and storage type occurs. */
static const race_shape race_shapes[] = {
    {FORWARD_PORTABLE, CLF_DTYPE_FP32, {1, 4, 64}, TEST_MASK_NONE, TEST_CONTIGUOUS, 1.0},
    {FORWARD_PORTABLE, CLF_DTYPE_FP32, {2, 3, 37}, TEST_MASK_FULL, TEST_CONTIGUOUS, -0.7},
    {FORWARD_PORTABLE, CLF_DTYPE_FP16, {1, 3, 1001}, TEST_MASK_ONE_ROW, TEST_GAPS, 0.125},
    {FORWARD_PORTABLE, CLF_DTYPE_BF16, {1, 5, 130}, TEST_MASK_TRIANGLE, TEST_NEGATIVE, 1.0},
    {FORWARD_PORTABLE, CLF_DTYPE_FP32, {1, 1, 9001}, TEST_MASK_FULL, TEST_CONTIGUOUS, 1.0},
    {FORWARD_PORTABLE, CLF_DTYPE_FP32, {1, 3, 1}, TEST_MASK_ONE_COLUMN, TEST_CONTIGUOUS, 0.0},
    {FORWARD_CPU, CLF_DTYPE_FP32, {1, 4, 64}, TEST_MASK_NONE, TEST_CONTIGUOUS, 1.0},
    {FORWARD_CPU, CLF_DTYPE_FP32, {2, 3, 37}, TEST_MASK_FULL, TEST_CONTIGUOUS, -0.7},
    {FORWARD_CPU, CLF_DTYPE_FP16, {1, 3, 1001}, TEST_MASK_ONE_ROW, TEST_GAPS, 0.125},
    {FORWARD_CPU, CLF_DTYPE_BF16, {1, 5, 130}, TEST_MASK_TRIANGLE, TEST_NEGATIVE, 1.0},
    {FORWARD_CPU, CLF_DTYPE_FP16, {1, 1, 9001}, TEST_MASK_FULL, TEST_CONTIGUOUS, 1.0},
    {GRADIENT_PORTABLE, CLF_DTYPE_FP32, {1, 4, 64}, TEST_MASK_NONE, TEST_CONTIGUOUS, 1.0},
    {GRADIENT_PORTABLE, CLF_DTYPE_FP16, {2, 3, 37}, TEST_MASK_FULL, TEST_CONTIGUOUS, -0.7},
    {GRADIENT_PORTABLE, CLF_DTYPE_BF16, {1, 3, 1001}, TEST_MASK_ONE_ROW, TEST_GAPS, 0.125},
    {GRADIENT_PORTABLE, CLF_DTYPE_FP32, {1, 5, 130}, TEST_MASK_TRIANGLE, TEST_NEGATIVE, 1.0},
    {GRADIENT_PORTABLE, CLF_DTYPE_FP32, {1, 1, 9001}, TEST_MASK_FULL, TEST_CONTIGUOUS, 1.0},
    {GRADIENT_CPU, CLF_DTYPE_FP32, {1, 4, 64}, TEST_MASK_NONE, TEST_CONTIGUOUS, 1.0},
    {GRADIENT_CPU, CLF_DTYPE_FP16, {2, 3, 37}, TEST_MASK_FULL, TEST_CONTIGUOUS, -0.7},
    {GRADIENT_CPU, CLF_DTYPE_BF16, {1, 3, 1001}, TEST_MASK_ONE_ROW, TEST_GAPS, 0.125},
    {GRADIENT_CPU, CLF_DTYPE_FP32, {1, 5, 130}, TEST_MASK_TRIANGLE, TEST_NEGATIVE, 1.0},
};
#define NUM_SHAPES (sizeof race_shapes / sizeof race_shapes[0])

typedef struct manifest_kernel {
    const char *name;
    const char *operator_name;
    const char *variant;
} manifest_kernel;

#define CLF_KERNEL(name, file, operator_name, variant) {#name, #operator_name, #variant},
static const manifest_kernel manifest_kernels[] = {
#include "manifest.def"
};
#undef CLF_KERNEL
#define NUM_KERNELS (sizeof manifest_kernels / sizeof manifest_kernels[0])

/* ---- The simulator's side ---- */

static bool open_session(test_session *session) {
    cl_int code = CL_SUCCESS;
    memset(session, 0, sizeof *session);
    if (clf_device_open(NULL, &session->device) != CLF_SUCCESS) {
        printf("%s\n", clf_last_error());
        return false;
    }
    session->context = clf_device_context(session->device);
    session->id = clf_device_id(session->device);
    session->queue = clCreateCommandQueue(session->context, session->id, 0, &code);
    return code == CL_SUCCESS;
}

static void close_session(test_session *session) {
    clFinish(session->queue);
    clReleaseCommandQueue(session->queue);
    clf_device_destroy(session->device);
}

static softmax_case case_of(const race_shape *shape) {
    softmax_case tested = softmax_case_default();
    tested.is_gradient = shape->is_gradient;
    tested.variant = shape->variant;
    tested.dtype = shape->dtype;
    tested.rank = 3;
    memcpy(tested.shape, shape->shape, sizeof shape->shape);
    tested.mask_form = shape->mask_form;
    tested.input_layout = shape->layout;
    tested.output_layout = shape->layout;
    tested.scale = shape->scale;
    tested.misalign = shape->layout == TEST_CONTIGUOUS ? 0 : 1;
    return tested;
}

/* Whether a plan of the case launches the kernel. */
static bool uses_kernel(const test_session *session, const softmax_case *tested,
                        const char *kernel) {
    softmax_tensors tensors;
    clf_plan *plan = NULL;
    softmax_tensors_make(&tensors, tested);
    const clf_status planned = softmax_tensors_plan(&tensors, tested, session->device, &plan);
    const bool found = test_plan_launches(planned, plan, kernel);
    softmax_tensors_free(&tensors);
    return found;
}

static size_t softmax_races_count(void) {
    return NUM_SHAPES;
}

static const char *softmax_race_kernel(size_t index) {
    return race_shapes[index].kernel;
}

static bool softmax_race_is_ragged(size_t index) {
    return race_shapes[index].shape[2] % 2 != 0 && race_shapes[index].shape[1] % 2 != 0;
}

static bool softmax_race_run(const test_session *session, size_t index) {
    const softmax_case tested = case_of(&race_shapes[index]);
    return uses_kernel(session, &tested, race_shapes[index].kernel) &&
           softmax_case_run(session, &tested);
}

/* Where shapes come from; they are numbered through, one source after the other. */
static const struct {
    size_t (*count)(void);
    const char *(*kernel)(size_t index);
    bool (*is_ragged)(size_t index);
    bool (*run)(const test_session *session, size_t index);
} sources[] = {
    {softmax_races_count, softmax_race_kernel, softmax_race_is_ragged, softmax_race_run},
    {attention_races_count, attention_race_kernel, attention_race_is_ragged, attention_race_run},
    {ffn_races_count, ffn_race_kernel, ffn_race_is_ragged, ffn_race_run},
    {floyd_races_count, floyd_race_kernel, floyd_race_is_ragged, floyd_race_run},
};
#define NUM_SOURCES (sizeof sources / sizeof sources[0])

static size_t num_shapes(void) {
    size_t count = 0;
    for (size_t i = 0; i < NUM_SOURCES; i++) {
        count += sources[i].count();
    }
    return count;
}

/* The source that a shape belongs to; *index becomes its number there. */
static size_t source_of(size_t *index) {
    size_t source = 0;
    while (*index >= sources[source].count()) {
        *index -= sources[source++].count();
    }
    return source;
}

static const char *shape_kernel(size_t index) {
    const size_t source = source_of(&index);
    return sources[source].kernel(index);
}

static bool shape_is_ragged(size_t index) {
    const size_t source = source_of(&index);
    return sources[source].is_ragged(index);
}

/* The exit code says what went wrong. */
static int run_shape(void *argument) {
    size_t index = *(const size_t *)argument;
    test_session session;
    if (!open_session(&session)) {
        return 2;
    }
    const size_t source = source_of(&index);
    const bool right = sources[source].run(&session, index);
    close_session(&session);
    return right ? 0 : 3;
}

/* Small kernels, each with a defect that one of the checks must find. */
typedef struct planted {
    const char *name;
    bool finds_uninitialized;
    const char *found; /* part of the log */
    const char *source;
} planted;

static const planted planted_defects[] = {
    {"race", false, "data race",
     "__kernel void planted(__global int *out) {\n"
     "    __local int shared[16];\n"
     "    const int i = (int)get_local_id(0);\n"
     "    shared[i] = i;\n"
     "    out[i] = shared[(i + 1) % 16];\n" /* no barrier between */
     "}\n"},
    {"overrun", false, "Invalid write",
     "__kernel void planted(__global int *out) { out[get_global_id(0) + 1] = 1; }\n"},
    {"uninitialized", true, "ninitialized",
     "__kernel void planted(__global int *out) {\n"
     "    int values[16];\n"
     "    values[get_global_id(0) / 2] = 1;\n"
     "    out[get_global_id(0)] = values[15];\n"
     "}\n"},
};

static int run_planted(void *argument) {
    const planted *defect = (const planted *)argument;
    const char *text = defect->source;
    const size_t global = 16;
    test_session session;
    cl_int code = CL_SUCCESS;
    if (!open_session(&session)) {
        return 2;
    }
    cl_program program = clCreateProgramWithSource(session.context, 1, &text, NULL, &code);
    code = clBuildProgram(program, 1, &session.id, "-cl-std=CL1.2", NULL, NULL);
    cl_kernel kernel = clCreateKernel(program, "planted", &code);
    cl_mem out = clCreateBuffer(session.context, CL_MEM_READ_WRITE, 64, NULL, &code);
    clSetKernelArg(kernel, 0, sizeof out, &out);
    code = clEnqueueNDRangeKernel(session.queue, kernel, 1, NULL, &global, &global, 0, NULL, NULL);
    clFinish(session.queue);
    clReleaseMemObject(out);
    clReleaseKernel(kernel);
    clReleaseProgram(program);
    close_session(&session);
    return code == CL_SUCCESS ? 0 : 2;
}

/* ---- Outside ---- */

static char folder[512];
static char log_path[600];
static char output[1 << 16];

static int begin(void **state) {
    char vendors[600];
    char icd[700];
    (void)state;
    test_environment_prepare();
    test_folder_make(folder, sizeof folder);
    snprintf(vendors, sizeof vendors, "%s/vendors", folder);
    snprintf(icd, sizeof icd, "%s/oclgrind.icd", vendors);
    snprintf(log_path, sizeof log_path, "%s/log", folder);
    mkdir(vendors, 0700);
    FILE *file = fopen(icd, "w");
    if (file == NULL) {
        return -1;
    }
    fprintf(file, "%s\n", OCLGRIND_LIBRARY);
    fclose(file);
    setenv("OCL_ICD_VENDORS", vendors, 1);
    setenv("CLFORMER_CACHE", "off", 1);
    unsetenv("CLFORMER_DEVICE");
    unsetenv("CLFORMER_VARIANT");
    setenv("OCLGRIND_LOG", log_path, 1);
    setenv("OCLGRIND_CHECK_API", "1", 1);
    setenv("OCLGRIND_DATA_RACES", "1", 1);
    setenv("OCLGRIND_UNIFORM_WRITES", "1", 1); /* writes of one value by several, too */
    setenv("OCLGRIND_MAX_ERRORS", "10", 1);
    setenv("OCLGRIND_NUM_THREADS", "1", 1);
    return 0;
}

static int end(void **state) {
    (void)state;
    test_folder_remove(folder);
    return 0;
}

static size_t read_log(char *text, size_t capacity) {
    FILE *file = fopen(log_path, "r");
    const size_t length = file != NULL ? fread(text, 1, capacity - 1, file) : 0;
    text[length] = '\0';
    if (file != NULL) {
        fclose(file);
    }
    return length;
}

static void set_checks(bool finds_uninitialized, const char *local_memory) {
    unlink(log_path);
    setenv("OCLGRIND_LOCAL_MEM_SIZE", local_memory, 1);
    if (finds_uninitialized) {
        setenv("OCLGRIND_UNINITIALIZED", "1", 1);
    } else {
        unsetenv("OCLGRIND_UNINITIALIZED");
    }
}

/* The CPU variant keeps rows in large local or private memory; the portable one must do with 32
 * KiB. */
static const char *local_memory_for(const char *kernel) {
    const size_t length = strlen(kernel);
    return length > 4 && strcmp(kernel + length - 4, "_cpu") == 0 ? "1048576" : "32768";
}

static int simulate(size_t index, bool finds_uninitialized, char *log, size_t capacity) {
    set_checks(finds_uninitialized, local_memory_for(shape_kernel(index)));
    const int result = test_child_run(run_shape, &index, output, sizeof output);
    read_log(log, capacity);
    return result;
}

/* Returns whether uninitialised values were looked for, too. */
static bool check_shape(size_t index) {
    static char log[1 << 16];
    bool finds_uninitialized = true;
    int result = simulate(index, true, log, sizeof log);
    if (strstr(output, "freeze") != NULL || strstr(log, "freeze") != NULL) {
        /* The check for uninitialised values does not know this instruction of LLVM. */
        finds_uninitialized = false;
        result = simulate(index, false, log, sizeof log);
    }
    if (result != 0 || log[0] != '\0') {
        fail_msg("%s, shape %zu: exit code %d\noutput: %.3000s\nlog: %.6000s", shape_kernel(index),
                 index, result, output, log);
    }
    return finds_uninitialized;
}

static void check_kernel(const char *kernel) {
    size_t count = 0;
    size_t complete = 0;
    for (size_t i = 0; i < num_shapes(); i++) {
        if (strcmp(shape_kernel(i), kernel) == 0) {
            count++;
            complete += check_shape(i);
        }
    }
    printf("%s: races, memory, API in %zu shapes; uninitialised values in %zu%s\n", kernel, count,
           complete, complete < count ? " (not where LLVM made a \"freeze\" instruction)" : "");
}

/* Probes are instructions that a simulator does not have, on one work-item. */
static bool is_unknown_here(const manifest_kernel *kernel) {
    return strcmp(kernel->operator_name, "probe") == 0 || strcmp(kernel->variant, "NVIDIA") == 0;
}

static void test_races_every_kernel_is_clean(void **state) {
    (void)state;
    for (size_t i = 0; i < NUM_KERNELS; i++) {
        if (is_unknown_here(&manifest_kernels[i])) {
            printf("%s: skipped, the simulator does not know its instructions\n",
                   manifest_kernels[i].name);
        } else if (!ffn_race_can_run(manifest_kernels[i].name)) {
            printf("%s: skipped, this build has no CLBlast\n", manifest_kernels[i].name);
        } else {
            check_kernel(manifest_kernels[i].name);
        }
    }
    printf("%zu kernels\n", NUM_KERNELS);
}

static void test_races_every_kernel_has_three_shapes_one_ragged(void **state) {
    (void)state;
    for (size_t i = 0; i < NUM_KERNELS; i++) {
        const char *kernel = manifest_kernels[i].name;
        int count = 0;
        int ragged = 0;
        for (size_t j = 0; j < num_shapes(); j++) {
            const bool is_its = strcmp(shape_kernel(j), kernel) == 0;
            count += is_its;
            ragged += is_its && shape_is_ragged(j);
        }
        if (!is_unknown_here(&manifest_kernels[i]) && (count < 3 || ragged < 1)) {
            fail_msg("%s has %d shapes, %d of them ragged; at least 3 and 1 are needed", kernel,
                     count, ragged);
        }
    }
}

static void test_races_planted_defects_are_found(void **state) {
    static char log[1 << 16];
    (void)state;
    for (size_t i = 0; i < sizeof planted_defects / sizeof planted_defects[0]; i++) {
        planted defect = planted_defects[i];
        set_checks(defect.finds_uninitialized, "32768");
        assert_int_equal(test_child_run(run_planted, &defect, output, sizeof output), 0);
        read_log(log, sizeof log);
        if (strstr(log, defect.found) == NULL) {
            fail_msg("%s: \"%s\" is not in the log: %.2000s", defect.name, defect.found, log);
        }
    }
}

int main(void) {
    if (access(OCLGRIND_LIBRARY, R_OK) != 0) {
        printf("skipped: oclgrind's driver (" OCLGRIND_LIBRARY ") is not installed; no kernel is "
               "checked for races\n");
        return 77;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_races_every_kernel_has_three_shapes_one_ragged),
        cmocka_unit_test(test_races_planted_defects_are_found),
        cmocka_unit_test(test_races_every_kernel_is_clean),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
