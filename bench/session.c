/* Opens the device and keeps its identity; thin wrappers that turn OpenCL codes into sentences. */
#include "session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "terminal.h"

bool opencl_ok(cl_int code, const char *call) {
    return code == CL_SUCCESS ? true : fail("%s failed with OpenCL error %d", call, (int)code);
}

bool clformer_ok(clf_status status, const char *call) {
    return status == CLF_SUCCESS
               ? true
               : fail("%s: %s: %s", call, clf_status_name(status), clf_last_error());
}

static void device_text(cl_device_id id, cl_device_info what, char out[IDENTITY_LENGTH]) {
    char text[1024] = "";
    if (clGetDeviceInfo(id, what, sizeof text, text, NULL) != CL_SUCCESS) {
        text[0] = '\0';
    }
    snprintf(out, IDENTITY_LENGTH, "%.*s", IDENTITY_LENGTH - 1, text);
}

static bool read_identity(session *out) {
    cl_platform_id platform = NULL;
    cl_device_type type = 0;
    cl_ulong global = 0;
    cl_ulong largest = 0;
    cl_int code = clGetDeviceInfo(out->id, CL_DEVICE_TYPE, sizeof type, &type, NULL);
    code |= clGetDeviceInfo(out->id, CL_DEVICE_PLATFORM, sizeof platform, &platform, NULL);
    code |= clGetDeviceInfo(out->id, CL_DEVICE_GLOBAL_MEM_SIZE, sizeof global, &global, NULL);
    code |= clGetDeviceInfo(out->id, CL_DEVICE_MAX_MEM_ALLOC_SIZE, sizeof largest, &largest, NULL);
    if (!opencl_ok(code, "clGetDeviceInfo")) {
        return false;
    }
    out->is_cpu = (type & CL_DEVICE_TYPE_CPU) != 0;
    out->global_memory = global;
    out->max_allocation = largest;
    device_text(out->id, CL_DEVICE_NAME, out->name);
    device_text(out->id, CL_DRIVER_VERSION, out->driver);
    char text[1024] = "";
    code = clGetPlatformInfo(platform, CL_PLATFORM_NAME, sizeof text, text, NULL);
    snprintf(out->platform, sizeof out->platform, "%.*s", IDENTITY_LENGTH - 1, text);
    return opencl_ok(code, "clGetPlatformInfo");
}

static bool open_parts(session *out, const char *selector) {
    clf_status status = clf_device_open(selector, &out->device);
    out->no_such_device = status == CLF_ERR_NO_DEVICE;
    if (!clformer_ok(status, "clf_device_open")) {
        return false;
    }
    out->context = clf_device_context(out->device);
    out->id = clf_device_id(out->device);
    cl_int code = CL_SUCCESS;
    out->queue = clCreateCommandQueue(out->context, out->id, CL_QUEUE_PROFILING_ENABLE, &code);
    if (!opencl_ok(code, "clCreateCommandQueue")) {
        return false;
    }
    out->team = thread_team_create();
    return out->team ? read_identity(out) : fail("cannot start the host threads");
}

bool session_open(session *out, const char *selector) {
    *out = (session){0};
    if (open_parts(out, selector)) {
        return true;
    }
    session_close(out);
    return false;
}

void session_close(session *session) {
    thread_team_destroy(session->team);
    if (session->queue) {
        clReleaseCommandQueue(session->queue);
    }
    clf_device_destroy(session->device);
    session->team = NULL;
    session->queue = NULL;
    session->device = NULL;
}

cl_mem session_buffer(const session *session, size_t bytes) {
    cl_int code = CL_SUCCESS;
    cl_mem buffer =
        clCreateBuffer(session->context, CL_MEM_READ_WRITE, bytes ? bytes : 1, NULL, &code);
    return opencl_ok(code, "clCreateBuffer") ? buffer : NULL;
}

cl_kernel session_kernel(const session *session, const char *source, const char *name) {
    cl_int code = CL_SUCCESS;
    cl_program program = clCreateProgramWithSource(session->context, 1, &source, NULL, &code);
    if (!opencl_ok(code, "clCreateProgramWithSource")) {
        return NULL;
    }
    cl_kernel kernel = NULL;
    if (opencl_ok(clBuildProgram(program, 1, &session->id, "", NULL, NULL), "clBuildProgram")) {
        kernel = clCreateKernel(program, name, &code);
        kernel = opencl_ok(code, "clCreateKernel") ? kernel : NULL;
    }
    clReleaseProgram(program);
    return kernel;
}

/* Asks for the size, then for the text: every describe function has this form. */
typedef clf_status (*describe_function)(const void *object, char *json, size_t *size);

static char *description_of(describe_function describe, const void *object, const char *call) {
    size_t size = 0;
    char *text = NULL;
    if (!clformer_ok(describe(object, NULL, &size), call)) {
        return NULL;
    }
    text = malloc(size ? size : 1);
    if (!text) {
        fail("no host memory for a description of %zu bytes", size);
    } else if (!clformer_ok(describe(object, text, &size), call)) {
        free(text);
        text = NULL;
    }
    return text;
}

static clf_status describe_device(const void *object, char *json, size_t *size) {
    return clf_device_describe(object, json, size);
}

static clf_status describe_list(const void *object, char *json, size_t *size) {
    (void)object;
    return clf_device_list(json, size);
}

static clf_status describe_plan(const void *object, char *json, size_t *size) {
    return clf_plan_describe(object, json, size);
}

char *device_description(const clf_device *device) {
    return description_of(describe_device, device, "clf_device_describe");
}

char *device_list_description(void) {
    return description_of(describe_list, NULL, "clf_device_list");
}

char *plan_description(const clf_plan *plan) {
    return description_of(describe_plan, plan, "clf_plan_describe");
}
