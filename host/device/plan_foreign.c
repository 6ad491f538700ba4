/* Steps of plans that are calls into other libraries, and trial runs of such calls. */
#include <string.h>

#include "core/failure.h"
#include "core/memory.h"
#include "device/foreign_library.h"
#include "device/opencl.h"
#include "device/plan_internal.h"

/* ---- Making ---- */

static clf_status copy_bytes(const void *bytes, size_t size, void **out_copy) {
    *out_copy = clf_i_allocate(size, 1);
    if (*out_copy == NULL) {
        return clf_i_fail(CLF_ERR_OUT_OF_MEMORY, "out of host memory for a plan's step");
    }
    if (size > 0) {
        memcpy(*out_copy, bytes, size);
    }
    return CLF_SUCCESS;
}

clf_status clf_i_plan_add_foreign_step(clf_plan *plan, const clf_i_foreign_step *step) {
    if (step->num_arguments > CLF_I_MAX_PLACES) {
        return clf_i_fail(CLF_ERR_INTERNAL, "one argument too many for %s", step->routine);
    }
    clf_i_launch *launch = clf_i_plan_new_launch(plan);
    clf_i_foreign *foreign = launch != NULL ? clf_i_allocate(1, sizeof *foreign) : NULL;
    if (foreign == NULL) {
        return clf_i_fail(CLF_ERR_OUT_OF_MEMORY, "out of host memory for a plan's step");
    }
    launch->foreign = foreign;
    foreign->library = step->library;
    foreign->routine = step->routine;
    foreign->call = step->call;
    for (size_t i = 0; i < step->num_arguments; ++i) {
        foreign->arguments[foreign->num_arguments++] = step->arguments[i];
    }
    void *figures = NULL;
    clf_status status = copy_bytes(step->data, step->data_size, &foreign->data);
    if (status == CLF_SUCCESS) {
        status = copy_bytes(step->figures, step->num_figures * sizeof *step->figures, &figures);
    }
    if (status == CLF_SUCCESS) {
        foreign->figures = figures;
        foreign->num_figures = step->num_figures;
    }
    return status;
}

void clf_i_foreign_destroy(clf_i_foreign *foreign) {
    if (foreign != NULL) {
        clf_i_release(foreign->data);
        clf_i_release(foreign->figures);
        clf_i_release(foreign);
    }
}

/* ---- Running ---- */

/* A part of the workspace as a buffer. Of a workspace that is itself part of a buffer, parts are
 * made from the latter: OpenCL knows no parts of parts. */
static clf_status make_region(cl_mem workspace, const clf_i_argument *argument, cl_mem *out) {
    cl_mem parent = NULL;
    cl_buffer_region region = {.origin = argument->offset, .size = argument->size};
    size_t start = 0;
    cl_int code = clGetMemObjectInfo(workspace, CL_MEM_ASSOCIATED_MEMOBJECT, sizeof(cl_mem),
                                     (void *)&parent, NULL);
    if (code == CL_SUCCESS && parent != NULL) {
        code = clGetMemObjectInfo(workspace, CL_MEM_OFFSET, sizeof start, &start, NULL);
        region.origin += start;
    }
    if (code != CL_SUCCESS) {
        return clf_i_cl_fail("clGetMemObjectInfo", code);
    }
    *out = clCreateSubBuffer(parent != NULL ? parent : workspace, 0, CL_BUFFER_CREATE_TYPE_REGION,
                             &region, &code);
    if (code != CL_SUCCESS) {
        *out = NULL;
        return clf_i_cl_fail("clCreateSubBuffer", code);
    }
    return CLF_SUCCESS;
}

/* Where the argument lies now. `*out_region` is to be released after the call. */
static clf_status find_place(clf_plan *plan, const clf_i_argument *argument, clf_i_place *place,
                             cl_mem *out_region) {
    if (argument->kind == CLF_I_ARGUMENT_WORKSPACE) {
        *place = (clf_i_place){plan->workspace, argument->offset / argument->size};
        return CLF_SUCCESS;
    }
    if (argument->kind == CLF_I_ARGUMENT_REGION) {
        const clf_status status = make_region(plan->workspace, argument, out_region);
        *place = (clf_i_place){*out_region, 0};
        return status;
    }
    const clf_i_binding *binding = clf_i_plan_find_binding(plan, argument->slot);
    if (argument->kind != CLF_I_ARGUMENT_TENSOR || binding == NULL) {
        return clf_i_fail(CLF_ERR_INTERNAL, "a foreign step has an argument that has no place");
    }
    *place = (clf_i_place){binding->tensor.buffer, binding->tensor.offset};
    return CLF_SUCCESS;
}

clf_status clf_i_foreign_run(clf_plan *plan, const clf_i_foreign *foreign, cl_command_queue queue,
                             cl_uint num_wait, const cl_event *wait, cl_event *done) {
    clf_i_place places[CLF_I_MAX_PLACES] = {{NULL, 0}}; /* not all may be used */
    cl_mem regions[CLF_I_MAX_PLACES] = {NULL};
    clf_status status = CLF_SUCCESS;
    for (size_t i = 0; i < foreign->num_arguments && status == CLF_SUCCESS; ++i) {
        status = find_place(plan, &foreign->arguments[i], &places[i], &regions[i]);
    }
    if (status == CLF_SUCCESS && num_wait > 0) {
        status = clf_i_cl_check("clEnqueueBarrierWithWaitList",
                                clEnqueueBarrierWithWaitList(queue, num_wait, wait, NULL));
    }
    if (status == CLF_SUCCESS) {
        status = foreign->call(queue, places, foreign->data, done);
    }
    for (size_t i = 0; i < foreign->num_arguments; ++i) {
        if (regions[i] != NULL) {
            clReleaseMemObject(regions[i]); /* the commands that use it keep it */
        }
    }
    return status;
}

/* ---- Trial runs ---- */

static clf_status try_on_queue(cl_command_queue queue, const clf_i_place *places,
                               clf_i_foreign_call call, const void *data) {
    const clf_status status = call(queue, places, data, NULL);
    return status == CLF_SUCCESS ? clf_i_cl_check("clFinish", clFinish(queue)) : status;
}

static clf_status make_zeros(const clf_device *device, size_t size, cl_mem *out_buffer) {
    void *zeros = clf_i_allocate(size, 1);
    if (zeros == NULL) {
        return clf_i_fail(CLF_ERR_OUT_OF_MEMORY, "out of host memory for a trial run");
    }
    cl_int code = CL_SUCCESS;
    *out_buffer = clCreateBuffer(device->context, CL_MEM_READ_WRITE | CL_MEM_COPY_HOST_PTR, size,
                                 zeros, &code);
    clf_i_release(zeros);
    if (code != CL_SUCCESS) {
        *out_buffer = NULL;
        return clf_i_cl_fail("clCreateBuffer", code);
    }
    return CLF_SUCCESS;
}

clf_status clf_i_foreign_try(clf_device *device, const size_t *sizes, size_t num_sizes,
                             clf_i_foreign_call call, const void *data) {
    clf_i_place places[CLF_I_MAX_PLACES] = {{NULL, 0}};
    cl_int code = CL_SUCCESS;
    const cl_command_queue queue = clCreateCommandQueue(device->context, device->id, 0, &code);
    if (code != CL_SUCCESS) {
        return clf_i_cl_fail("clCreateCommandQueue", code);
    }
    clf_status status = CLF_SUCCESS;
    for (size_t i = 0; i < num_sizes && status == CLF_SUCCESS; ++i) {
        status = make_zeros(device, sizes[i], &places[i].buffer);
    }
    if (status == CLF_SUCCESS) {
        status = try_on_queue(queue, places, call, data);
    }
    clFinish(queue); /* after a failure: nothing may be under way */
    for (size_t i = 0; i < num_sizes; ++i) {
        if (places[i].buffer != NULL) {
            clReleaseMemObject(places[i].buffer);
        }
    }
    clReleaseCommandQueue(queue);
    return status;
}

/* ---- What a library keeps with a device ---- */

clf_status clf_i_foreign_use(clf_device *device, size_t size, void (*release)(void *state),
                             clf_i_library_use use, void *data) {
    pthread_mutex_lock(&device->library_lock);
    if (device->library_state == NULL) {
        device->library_state = clf_i_allocate(1, size);
        device->release_library_state = release;
    }
    const clf_status status =
        device->library_state != NULL
            ? use(device->library_state, device, data)
            : clf_i_fail(CLF_ERR_OUT_OF_MEMORY, "out of host memory for a library's state");
    pthread_mutex_unlock(&device->library_lock);
    return status;
}
