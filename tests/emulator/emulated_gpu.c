/*
 * An OpenCL layer (loaded by the ICD loader through OPENCL_LAYERS) that makes a CPU device look like
 * an NVIDIA GPU: kernels that use lib/nvidia_warp.clh run in the warp emulator, all others on the
 * device itself. What the emulator finds wrong ends the process.
 *
 * WARP_EMULATOR_FAULT: "product": every product is wrong; "build": such kernels do not compile.
 * Binaries of kernels must not be kept on disk: CLFORMER_CACHE=off.
 */
#define CL_TARGET_OPENCL_VERSION 300
#define CL_USE_DEPRECATED_OPENCL_1_2_APIS
#include <CL/cl_layer.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "warp_emulator.h"

#define EXPORTED __attribute__((visibility("default")))

/* cl_nv_device_attribute_query */
#define COMPUTE_CAPABILITY_MAJOR 0x4000
#define COMPUTE_CAPABILITY_MINOR 0x4001
#define EXTENSION                " cl_nv_device_attribute_query"

static const struct _cl_icd_dispatch *next_layer;
static struct _cl_icd_dispatch this_layer;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static bool has_fault(const char *fault) {
    const char *given = getenv("WARP_EMULATOR_FAULT");
    return given != NULL && strcmp(given, fault) == 0;
}

/* ---- What is emulated ---- */

typedef struct emulated_program {
    struct emulated_program *next;
    cl_program handle;
    char *source;
    char *options;
} emulated_program;

typedef struct kernel_argument {
    size_t size;
    bool is_buffer;
    unsigned char bytes[1024];
} kernel_argument;

typedef struct emulated_kernel {
    struct emulated_kernel *next;
    cl_kernel handle;
    warp_emulator_module module;
    kernel_argument arguments[40];
    cl_uint num_arguments;
} emulated_kernel;

/* A compiled kernel; kept, since the same text is often built again. */
typedef struct kept_module {
    struct kept_module *next;
    char *source;
    char *options;
    char *kernel;
    warp_emulator_module module;
} kept_module;

typedef struct known_buffer {
    struct known_buffer *next;
    cl_mem handle;
} known_buffer;

static emulated_program *programs;
static emulated_kernel *kernels;
static kept_module *modules;
static known_buffer *buffers;
static warp_emulator_report totals;
static long num_runs;

static emulated_program *find_program(cl_program handle) {
    emulated_program *at = programs;
    while (at != NULL && at->handle != handle) {
        at = at->next;
    }
    return at;
}

static emulated_kernel *find_kernel(cl_kernel handle) {
    emulated_kernel *at = kernels;
    while (at != NULL && at->handle != handle) {
        at = at->next;
    }
    return at;
}

static void *checked(void *memory) {
    if (memory == NULL) {
        fprintf(stderr, "warp emulator: out of memory\n");
        abort();
    }
    return memory;
}

/* For tests, by dlsym: kernels run so far, and what they counted. */
EXPORTED long emulated_gpu_runs(void);
EXPORTED const warp_emulator_report *emulated_gpu_totals(void);

long emulated_gpu_runs(void) {
    return num_runs;
}

const warp_emulator_report *emulated_gpu_totals(void) {
    return &totals;
}

/* ---- The device ---- */

static cl_int give(const void *value, size_t value_size, size_t size, void *to, size_t *size_ret) {
    if (to != NULL && size < value_size) {
        return CL_INVALID_VALUE;
    }
    if (to != NULL) {
        memcpy(to, value, value_size);
    }
    if (size_ret != NULL) {
        *size_ret = value_size;
    }
    return CL_SUCCESS;
}

static cl_int give_extensions(cl_device_id device, size_t size, void *value, size_t *size_ret) {
    char text[8192] = "";
    const cl_int code = next_layer->clGetDeviceInfo(device, CL_DEVICE_EXTENSIONS,
                                                    sizeof text - sizeof EXTENSION, text, NULL);
    strcat(text, EXTENSION); /* NOLINT(clang-analyzer-security.insecureAPI.strcpy) */
    return code == CL_SUCCESS ? give(text, strlen(text) + 1, size, value, size_ret) : code;
}

static cl_int CL_API_CALL wrap_clGetDeviceInfo(cl_device_id device, cl_device_info name,
                                               size_t size, void *value, size_t *size_ret) {
    static const char vendor[] = "NVIDIA Corporation";
    const cl_device_type type = CL_DEVICE_TYPE_GPU;
    const cl_ulong local_memory = 49152;
    const cl_uint major = 9;
    const cl_uint minor = 0;
    switch (name) {
    case CL_DEVICE_TYPE:
        return give(&type, sizeof type, size, value, size_ret);
    case CL_DEVICE_VENDOR:
        return give(vendor, sizeof vendor, size, value, size_ret);
    case CL_DEVICE_LOCAL_MEM_SIZE:
        return give(&local_memory, sizeof local_memory, size, value, size_ret);
    case CL_DEVICE_EXTENSIONS:
        return give_extensions(device, size, value, size_ret);
    case COMPUTE_CAPABILITY_MAJOR:
        return give(&major, sizeof major, size, value, size_ret);
    case COMPUTE_CAPABILITY_MINOR:
        return give(&minor, sizeof minor, size, value, size_ret);
    default:
        return next_layer->clGetDeviceInfo(device, name, size, value, size_ret);
    }
}

/* ---- Programs and kernels ---- */

static char *joined(cl_uint count, const char **strings, const size_t *lengths) {
    size_t total = 0;
    for (cl_uint i = 0; i < count; i++) {
        total += lengths != NULL && lengths[i] != 0 ? lengths[i] : strlen(strings[i]);
    }
    char *text = checked(malloc(total + 1));
    total = 0;
    for (cl_uint i = 0; i < count; i++) {
        const size_t length = lengths != NULL && lengths[i] != 0 ? lengths[i] : strlen(strings[i]);
        memcpy(text + total, strings[i], length);
        total += length;
    }
    text[total] = '\0';
    return text;
}

/* The device's own compiler sees parameters only: its kernel is never run. */
static cl_program CL_API_CALL wrap_clCreateProgramWithSource(cl_context context, cl_uint count,
                                                             const char **strings,
                                                             const size_t *lengths, cl_int *code) {
    char *whole = joined(count, strings, lengths);
    char *source = warp_emulator_source(whole);
    free(whole);
    if (source == NULL) {
        return next_layer->clCreateProgramWithSource(context, count, strings, lengths, code);
    }
    const char *texts[] = {"#define WARP_EMULATOR_SIGNATURES\n",
                           has_fault("build") ? "#error no such instructions\n" : "", source};
    cl_program handle = next_layer->clCreateProgramWithSource(context, 3, texts, NULL, code);
    if (handle == NULL) {
        free(source);
        return NULL;
    }
    pthread_mutex_lock(&lock);
    emulated_program *program = checked(calloc(1, sizeof *program));
    *program = (emulated_program){programs, handle, source, NULL};
    programs = program;
    pthread_mutex_unlock(&lock);
    return handle;
}

static cl_int CL_API_CALL wrap_clBuildProgram(cl_program handle, cl_uint count,
                                              const cl_device_id *devices, const char *options,
                                              void(CL_CALLBACK *notify)(cl_program, void *),
                                              void *user) {
    pthread_mutex_lock(&lock);
    emulated_program *program = find_program(handle);
    if (program != NULL) {
        free(program->options);
        program->options = checked(strdup(options != NULL ? options : ""));
    }
    pthread_mutex_unlock(&lock);
    return next_layer->clBuildProgram(handle, count, devices, options, notify, user);
}

static warp_emulator_module module_of(const emulated_program *program, const char *name) {
    kept_module *at = modules;
    while (at != NULL &&
           (strcmp(at->source, program->source) != 0 ||
            strcmp(at->options, program->options) != 0 || strcmp(at->kernel, name) != 0)) {
        at = at->next;
    }
    if (at == NULL) {
        at = checked(calloc(1, sizeof *at));
        at->source = checked(strdup(program->source));
        at->options = checked(strdup(program->options));
        at->kernel = checked(strdup(name));
        at->next = modules;
        modules = at;
        if (!warp_emulator_compile(program->source, program->options, name, &at->module)) {
            fprintf(stderr, "warp emulator: %s does not compile\n", name);
            abort();
        }
    }
    return at->module;
}

static cl_kernel CL_API_CALL wrap_clCreateKernel(cl_program handle, const char *name,
                                                 cl_int *code) {
    cl_kernel made = next_layer->clCreateKernel(handle, name, code);
    pthread_mutex_lock(&lock);
    const emulated_program *program = find_program(handle);
    if (made != NULL && program != NULL) {
        emulated_kernel *kernel = checked(calloc(1, sizeof *kernel));
        kernel->handle = made;
        kernel->next = kernels;
        kernel->module = module_of(program, name);
        kernels = kernel;
    }
    pthread_mutex_unlock(&lock);
    return made;
}

static cl_int CL_API_CALL wrap_clReleaseKernel(cl_kernel handle) {
    cl_uint references = 0;
    next_layer->clGetKernelInfo(handle, CL_KERNEL_REFERENCE_COUNT, sizeof references, &references,
                                NULL);
    pthread_mutex_lock(&lock);
    for (emulated_kernel **at = &kernels; *at != NULL && references == 1; at = &(*at)->next) {
        if ((*at)->handle == handle) {
            emulated_kernel *kernel = *at;
            *at = kernel->next;
            free(kernel);
            break;
        }
    }
    pthread_mutex_unlock(&lock);
    return next_layer->clReleaseKernel(handle);
}

static cl_int CL_API_CALL wrap_clReleaseProgram(cl_program handle) {
    cl_uint references = 0;
    next_layer->clGetProgramInfo(handle, CL_PROGRAM_REFERENCE_COUNT, sizeof references, &references,
                                 NULL);
    pthread_mutex_lock(&lock);
    for (emulated_program **at = &programs; *at != NULL && references == 1; at = &(*at)->next) {
        if ((*at)->handle == handle) {
            emulated_program *program = *at;
            *at = program->next;
            free(program->source);
            free(program->options);
            free(program);
            break;
        }
    }
    pthread_mutex_unlock(&lock);
    return next_layer->clReleaseProgram(handle);
}

/* ---- Buffers and arguments ---- */

static cl_mem remember(cl_mem handle) {
    if (handle != NULL) {
        pthread_mutex_lock(&lock);
        known_buffer *buffer = checked(malloc(sizeof *buffer));
        *buffer = (known_buffer){buffers, handle};
        buffers = buffer;
        pthread_mutex_unlock(&lock);
    }
    return handle;
}

static cl_mem CL_API_CALL wrap_clCreateBuffer(cl_context context, cl_mem_flags flags, size_t size,
                                              void *host, cl_int *code) {
    return remember(next_layer->clCreateBuffer(context, flags, size, host, code));
}

static cl_mem CL_API_CALL wrap_clCreateSubBuffer(cl_mem buffer, cl_mem_flags flags,
                                                 cl_buffer_create_type type, const void *info,
                                                 cl_int *code) {
    return remember(next_layer->clCreateSubBuffer(buffer, flags, type, info, code));
}

static bool is_buffer(const void *value, size_t size) {
    cl_mem handle = NULL;
    if (size == sizeof handle && value != NULL) {
        memcpy(&handle, value, sizeof handle);
    }
    const known_buffer *at = buffers;
    while (at != NULL && at->handle != handle) {
        at = at->next;
    }
    return handle != NULL && at != NULL;
}

static cl_int CL_API_CALL wrap_clSetKernelArg(cl_kernel handle, cl_uint index, size_t size,
                                              const void *value) {
    pthread_mutex_lock(&lock);
    emulated_kernel *kernel = find_kernel(handle);
    if (kernel != NULL && index < 40 && size <= sizeof kernel->arguments[0].bytes) {
        kernel_argument *argument = &kernel->arguments[index];
        argument->size = size;
        argument->is_buffer = is_buffer(value, size);
        memset(argument->bytes, 0, sizeof argument->bytes);
        memcpy(argument->bytes, value, size);
        if (kernel->num_arguments <= index) {
            kernel->num_arguments = index + 1;
        }
    }
    pthread_mutex_unlock(&lock);
    return next_layer->clSetKernelArg(handle, index, size, value);
}

/* ---- Runs ---- */

/* What the device hands back when its turn comes, with addresses in the buffers' words. */
typedef struct native_run {
    warp_emulator_module module;
    warp_emulator_job job;
    size_t buffer_words[32]; /* which words are buffers */
    size_t buffer_sizes[32];
    size_t num_buffers;
} native_run;

static void CL_CALLBACK run_native(void *blob) {
    native_run *run = blob;
    pthread_mutex_lock(&lock);
    run->job.module = &run->module;
    run->job.num_ranges = run->num_buffers;
    run->job.order = (warp_emulator_order)(num_runs++ % WARP_EMULATOR_NUM_ORDERS);
    for (size_t i = 0; i < run->num_buffers; i++) {
        const uintptr_t begin = (uintptr_t)run->job.words[run->buffer_words[i]];
        run->job.ranges[i] = (warp_emulator_range){begin, begin + run->buffer_sizes[i]};
    }
    warp_emulator_break_products(has_fault("product"));
    if (!warp_emulator_run(&run->job, &totals)) {
        fprintf(stderr, "warp emulator: %s\n", totals.error);
        abort();
    }
    pthread_mutex_unlock(&lock);
}

static cl_int CL_API_CALL wrap_clEnqueueNDRangeKernel(cl_command_queue queue, cl_kernel handle,
                                                      cl_uint dimensions, const size_t *offset,
                                                      const size_t *global, const size_t *local,
                                                      cl_uint num_wait, const cl_event *wait,
                                                      cl_event *event) {
    pthread_mutex_lock(&lock);
    const emulated_kernel *kernel = find_kernel(handle);
    pthread_mutex_unlock(&lock);
    if (kernel == NULL) {
        return next_layer->clEnqueueNDRangeKernel(queue, handle, dimensions, offset, global, local,
                                                  num_wait, wait, event);
    }
    native_run *run = checked(calloc(1, sizeof *run));
    cl_mem handles[32];
    const void *places[32];
    size_t word = 0;
    run->module = kernel->module;
    run->job.group_size = local[0];
    run->job.num_groups = global[0] / local[0];
    for (cl_uint i = 0; i < kernel->num_arguments; i++) {
        const kernel_argument *argument = &kernel->arguments[i];
        if (argument->is_buffer) {
            cl_mem *buffer = &handles[run->num_buffers];
            memcpy(buffer, argument->bytes, sizeof *buffer);
            places[run->num_buffers] = &run->job.words[word];
            next_layer->clGetMemObjectInfo(*buffer, CL_MEM_SIZE, sizeof(size_t),
                                           &run->buffer_sizes[run->num_buffers], NULL);
            run->buffer_words[run->num_buffers++] = word;
        } else {
            memcpy(&run->job.words[word], argument->bytes, argument->size);
        }
        word += (argument->size + 7) / 8;
    }
    const cl_int code = next_layer->clEnqueueNativeKernel(queue, run_native, run, sizeof *run,
                                                          (cl_uint)run->num_buffers, handles,
                                                          places, num_wait, wait, event);
    free(run);
    return code;
}

/* ---- The layer's interface ---- */

EXPORTED CL_API_ENTRY cl_int CL_API_CALL clGetLayerInfo(cl_layer_info name, size_t size,
                                                        void *value, size_t *size_ret) {
    const cl_layer_api_version version = CL_LAYER_API_VERSION_100;
    return name == CL_LAYER_API_VERSION ? give(&version, sizeof version, size, value, size_ret)
                                        : CL_INVALID_VALUE;
}

EXPORTED CL_API_ENTRY cl_int CL_API_CALL clInitLayer(cl_uint num_entries,
                                                     const struct _cl_icd_dispatch *target,
                                                     cl_uint *num_entries_ret,
                                                     const struct _cl_icd_dispatch **layer) {
    const size_t known = sizeof this_layer / sizeof(void *);
    next_layer = target;
    memcpy(&this_layer, target, sizeof(void *) * (num_entries < known ? num_entries : known));
    this_layer.clGetDeviceInfo = wrap_clGetDeviceInfo;
    this_layer.clCreateProgramWithSource = wrap_clCreateProgramWithSource;
    this_layer.clBuildProgram = wrap_clBuildProgram;
    this_layer.clReleaseProgram = wrap_clReleaseProgram;
    this_layer.clCreateKernel = wrap_clCreateKernel;
    this_layer.clReleaseKernel = wrap_clReleaseKernel;
    this_layer.clCreateBuffer = wrap_clCreateBuffer;
    this_layer.clCreateSubBuffer = wrap_clCreateSubBuffer;
    this_layer.clSetKernelArg = wrap_clSetKernelArg;
    this_layer.clEnqueueNDRangeKernel = wrap_clEnqueueNDRangeKernel;
    *num_entries_ret = (cl_uint)known;
    *layer = &this_layer;
    return CL_SUCCESS;
}
