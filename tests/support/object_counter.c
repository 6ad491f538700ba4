/*
 * An OpenCL layer (loaded by the ICD loader through OPENCL_LAYERS) that counts references to live
 * objects, and can make the n-th call fail. Tests find its functions with dlsym; see test_session.h
 * and test_faults.h.
 *
 * Counted by references: create and retain add one, release takes one. Every call that may give the
 * caller an event counts that event.
 */
#define CL_TARGET_OPENCL_VERSION 300
#define CL_USE_DEPRECATED_OPENCL_1_2_APIS
#include <CL/cl_layer.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#define EXPORTED __attribute__((visibility("default")))

enum object_kind { CONTEXT, QUEUE, MEMORY, PROGRAM, KERNEL, EVENT, NUM_KINDS };
static const char *const kind_names[NUM_KINDS] = {"contexts", "queues",  "buffers",
                                                  "programs", "kernels", "events"};
static atomic_long live[NUM_KINDS];

static const struct _cl_icd_dispatch *next_layer;
static struct _cl_icd_dispatch this_layer;

/* ---- Faults ---- */

static atomic_long num_calls;
static atomic_long failing_call; /* 0: none */
static atomic_int failing_code;
static const char *failed_name;

static int call_fails(const char *name) {
    const long number = atomic_fetch_add(&num_calls, 1) + 1;
    const long chosen = atomic_load(&failing_call);
    if (chosen == 0 || number != chosen) {
        return 0;
    }
    failed_name = name;
    return 1;
}

EXPORTED void object_counter_arm(long call, int code);
EXPORTED long object_counter_calls(void);
EXPORTED const char *object_counter_failed(void);
EXPORTED long object_counter_live(void);
EXPORTED const char *object_counter_text(void);

/* Counts calls from 1 again; the call-th of them fails with `code`; 0 lets all pass. */
void object_counter_arm(long call, int code) {
    atomic_store(&num_calls, 0);
    atomic_store(&failing_code, code);
    atomic_store(&failing_call, call);
    failed_name = NULL;
}

long object_counter_calls(void) {
    return atomic_load(&num_calls);
}

/* The call that failed since arming, or NULL. */
const char *object_counter_failed(void) {
    return failed_name;
}

/* ---- Counts ---- */

long object_counter_live(void) {
    long total = 0;
    for (int kind = 0; kind < NUM_KINDS; kind++) {
        total += atomic_load(&live[kind]);
    }
    return total;
}

const char *object_counter_text(void) {
    static char text[256];
    size_t length = 0;
    for (int kind = 0; kind < NUM_KINDS; kind++) {
        length +=
            (size_t)snprintf(text + length, sizeof text - length, "%s%s %ld", kind == 0 ? "" : ", ",
                             kind_names[kind], atomic_load(&live[kind]));
    }
    return text;
}

static void count_if(int succeeded, enum object_kind kind, long change) {
    if (succeeded) {
        atomic_fetch_add(&live[kind], change);
    }
}

/* ---- Wrappers: one macro per form of function ---- */

/* Returns the object, gives the code through the last argument. */
#define CREATES(kind, type, name, parameters, arguments)                                           \
    static type CL_API_CALL wrap_##name parameters {                                               \
        if (call_fails(#name)) {                                                                   \
            if (code != NULL) {                                                                    \
                *code = atomic_load(&failing_code);                                                \
            }                                                                                      \
            return NULL;                                                                           \
        }                                                                                          \
        type object = next_layer->name arguments;                                                  \
        count_if(object != NULL, kind, 1);                                                         \
        return object;                                                                             \
    }

/* Returns the code, counts `change` objects of the kind. */
#define CHANGES(kind, change, name, type)                                                          \
    static cl_int CL_API_CALL wrap_##name(type object) {                                           \
        const cl_int code = next_layer->name(object);                                              \
        count_if(code == CL_SUCCESS, kind, change);                                                \
        return code;                                                                               \
    }

/* Returns the code and may give an event. */
#define ENQUEUES(name, parameters, arguments)                                                      \
    static cl_int CL_API_CALL wrap_##name parameters {                                             \
        if (call_fails(#name)) {                                                                   \
            return atomic_load(&failing_code);                                                     \
        }                                                                                          \
        const cl_int code = next_layer->name arguments;                                            \
        count_if(code == CL_SUCCESS && event != NULL, EVENT, 1);                                   \
        return code;                                                                               \
    }

/* Returns the code, makes nothing; can fail. */
#define CALLS(name, parameters, arguments)                                                         \
    static cl_int CL_API_CALL wrap_##name parameters {                                             \
        return call_fails(#name) ? atomic_load(&failing_code) : next_layer->name arguments;        \
    }

typedef void(CL_CALLBACK *context_notify)(const char *, const void *, size_t, void *);
typedef void(CL_CALLBACK *program_notify)(cl_program, void *);

CREATES(CONTEXT, cl_context, clCreateContext,
        (const cl_context_properties *properties, cl_uint count, const cl_device_id *devices,
         context_notify notify, void *user, cl_int *code),
        (properties, count, devices, notify, user, code))
CREATES(CONTEXT, cl_context, clCreateContextFromType,
        (const cl_context_properties *properties, cl_device_type type, context_notify notify,
         void *user, cl_int *code),
        (properties, type, notify, user, code))
CREATES(QUEUE, cl_command_queue, clCreateCommandQueue,
        (cl_context context, cl_device_id device, cl_command_queue_properties properties,
         cl_int *code),
        (context, device, properties, code))
CREATES(QUEUE, cl_command_queue, clCreateCommandQueueWithProperties,
        (cl_context context, cl_device_id device, const cl_queue_properties *properties,
         cl_int *code),
        (context, device, properties, code))
CREATES(MEMORY, cl_mem, clCreateBuffer,
        (cl_context context, cl_mem_flags flags, size_t size, void *host, cl_int *code),
        (context, flags, size, host, code))
CREATES(MEMORY, cl_mem, clCreateSubBuffer,
        (cl_mem buffer, cl_mem_flags flags, cl_buffer_create_type type, const void *info,
         cl_int *code),
        (buffer, flags, type, info, code))
CREATES(PROGRAM, cl_program, clCreateProgramWithSource,
        (cl_context context, cl_uint count, const char **strings, const size_t *lengths,
         cl_int *code),
        (context, count, strings, lengths, code))
CREATES(PROGRAM, cl_program, clCreateProgramWithBinary,
        (cl_context context, cl_uint count, const cl_device_id *devices, const size_t *lengths,
         const unsigned char **binaries, cl_int *status, cl_int *code),
        (context, count, devices, lengths, binaries, status, code))
CREATES(KERNEL, cl_kernel, clCreateKernel, (cl_program program, const char *name, cl_int *code),
        (program, name, code))
CREATES(EVENT, cl_event, clCreateUserEvent, (cl_context context, cl_int *code), (context, code))

CHANGES(CONTEXT, 1, clRetainContext, cl_context)
CHANGES(CONTEXT, -1, clReleaseContext, cl_context)
CHANGES(QUEUE, 1, clRetainCommandQueue, cl_command_queue)
CHANGES(QUEUE, -1, clReleaseCommandQueue, cl_command_queue)
CHANGES(MEMORY, 1, clRetainMemObject, cl_mem)
CHANGES(MEMORY, -1, clReleaseMemObject, cl_mem)
CHANGES(PROGRAM, 1, clRetainProgram, cl_program)
CHANGES(PROGRAM, -1, clReleaseProgram, cl_program)
CHANGES(KERNEL, 1, clRetainKernel, cl_kernel)
CHANGES(KERNEL, -1, clReleaseKernel, cl_kernel)
CHANGES(EVENT, 1, clRetainEvent, cl_event)
CHANGES(EVENT, -1, clReleaseEvent, cl_event)

ENQUEUES(clEnqueueNDRangeKernel,
         (cl_command_queue queue, cl_kernel kernel, cl_uint dimensions, const size_t *offset,
          const size_t *global, const size_t *local, cl_uint num_wait, const cl_event *wait,
          cl_event *event),
         (queue, kernel, dimensions, offset, global, local, num_wait, wait, event))
ENQUEUES(clEnqueueReadBuffer,
         (cl_command_queue queue, cl_mem buffer, cl_bool blocking, size_t offset, size_t size,
          void *target, cl_uint num_wait, const cl_event *wait, cl_event *event),
         (queue, buffer, blocking, offset, size, target, num_wait, wait, event))
ENQUEUES(clEnqueueWriteBuffer,
         (cl_command_queue queue, cl_mem buffer, cl_bool blocking, size_t offset, size_t size,
          const void *source, cl_uint num_wait, const cl_event *wait, cl_event *event),
         (queue, buffer, blocking, offset, size, source, num_wait, wait, event))
ENQUEUES(clEnqueueFillBuffer,
         (cl_command_queue queue, cl_mem buffer, const void *pattern, size_t pattern_size,
          size_t offset, size_t size, cl_uint num_wait, const cl_event *wait, cl_event *event),
         (queue, buffer, pattern, pattern_size, offset, size, num_wait, wait, event))
ENQUEUES(clEnqueueCopyBuffer,
         (cl_command_queue queue, cl_mem source, cl_mem target, size_t source_offset,
          size_t target_offset, size_t size, cl_uint num_wait, const cl_event *wait,
          cl_event *event),
         (queue, source, target, source_offset, target_offset, size, num_wait, wait, event))
ENQUEUES(clEnqueueMarkerWithWaitList,
         (cl_command_queue queue, cl_uint num_wait, const cl_event *wait, cl_event *event),
         (queue, num_wait, wait, event))
ENQUEUES(clEnqueueBarrierWithWaitList,
         (cl_command_queue queue, cl_uint num_wait, const cl_event *wait, cl_event *event),
         (queue, num_wait, wait, event))

CALLS(clBuildProgram,
      (cl_program program, cl_uint count, const cl_device_id *devices, const char *options,
       program_notify notify, void *user),
      (program, count, devices, options, notify, user))
CALLS(clSetKernelArg, (cl_kernel kernel, cl_uint index, size_t size, const void *value),
      (kernel, index, size, value))
CALLS(clGetDeviceInfo,
      (cl_device_id device, cl_device_info name, size_t size, void *value, size_t *size_ret),
      (device, name, size, value, size_ret))
CALLS(clGetContextInfo,
      (cl_context context, cl_context_info name, size_t size, void *value, size_t *size_ret),
      (context, name, size, value, size_ret))
CALLS(clGetMemObjectInfo,
      (cl_mem memory, cl_mem_info name, size_t size, void *value, size_t *size_ret),
      (memory, name, size, value, size_ret))
CALLS(clGetCommandQueueInfo,
      (cl_command_queue queue, cl_command_queue_info name, size_t size, void *value,
       size_t *size_ret),
      (queue, name, size, value, size_ret))
CALLS(clGetProgramInfo,
      (cl_program program, cl_program_info name, size_t size, void *value, size_t *size_ret),
      (program, name, size, value, size_ret))

#define WRAPPED(X)                                                                                 \
    X(clCreateContext)                                                                             \
    X(clCreateContextFromType)                                                                     \
    X(clCreateCommandQueue)                                                                        \
    X(clCreateCommandQueueWithProperties)                                                          \
    X(clCreateBuffer)                                                                              \
    X(clCreateSubBuffer)                                                                           \
    X(clCreateProgramWithSource)                                                                   \
    X(clCreateProgramWithBinary)                                                                   \
    X(clCreateKernel)                                                                              \
    X(clCreateUserEvent)                                                                           \
    X(clRetainContext)                                                                             \
    X(clReleaseContext)                                                                            \
    X(clRetainCommandQueue)                                                                        \
    X(clReleaseCommandQueue)                                                                       \
    X(clRetainMemObject)                                                                           \
    X(clReleaseMemObject)                                                                          \
    X(clRetainProgram)                                                                             \
    X(clReleaseProgram)                                                                            \
    X(clRetainKernel)                                                                              \
    X(clReleaseKernel)                                                                             \
    X(clRetainEvent)                                                                               \
    X(clReleaseEvent)                                                                              \
    X(clEnqueueNDRangeKernel)                                                                      \
    X(clEnqueueReadBuffer)                                                                         \
    X(clEnqueueWriteBuffer)                                                                        \
    X(clEnqueueFillBuffer)                                                                         \
    X(clEnqueueCopyBuffer)                                                                         \
    X(clEnqueueMarkerWithWaitList)                                                                 \
    X(clEnqueueBarrierWithWaitList)                                                                \
    X(clBuildProgram)                                                                              \
    X(clSetKernelArg)                                                                              \
    X(clGetDeviceInfo)                                                                             \
    X(clGetContextInfo)                                                                            \
    X(clGetMemObjectInfo)                                                                          \
    X(clGetCommandQueueInfo)                                                                       \
    X(clGetProgramInfo)
#define INSTALL(name) this_layer.name = wrap_##name;

/* ---- The layer's interface ---- */

EXPORTED CL_API_ENTRY cl_int CL_API_CALL clGetLayerInfo(cl_layer_info name, size_t size,
                                                        void *value, size_t *size_ret) {
    const cl_layer_api_version version = CL_LAYER_API_VERSION_100;
    if (name != CL_LAYER_API_VERSION || (value != NULL && size < sizeof version)) {
        return CL_INVALID_VALUE;
    }
    if (value != NULL) {
        memcpy(value, &version, sizeof version);
    }
    if (size_ret != NULL) {
        *size_ret = sizeof version;
    }
    return CL_SUCCESS;
}

EXPORTED CL_API_ENTRY cl_int CL_API_CALL clInitLayer(cl_uint num_entries,
                                                     const struct _cl_icd_dispatch *target,
                                                     cl_uint *num_entries_ret,
                                                     const struct _cl_icd_dispatch **layer) {
    const size_t known = sizeof this_layer / sizeof(void *);
    next_layer = target;
    memcpy(&this_layer, target, sizeof(void *) * (num_entries < known ? num_entries : known));
    WRAPPED(INSTALL)
    *num_entries_ret = (cl_uint)known;
    *layer = &this_layer;
    return CL_SUCCESS;
}
