/* What a plan runs: tables of constant data, and launches of kernels. */
#include <string.h>

#include "core/failure.h"
#include "core/memory.h"
#include "device/opencl.h"
#include "device/plan_builder.h"
#include "device/plan_internal.h"
#include "device/program_cache.h"

/* ---- Tables ---- */

clf_status clf_i_plan_add_table(clf_plan *plan, const void *data, size_t size, size_t *out_table) {
    if (plan->num_tables == CLF_I_MAX_TABLES) {
        return clf_i_fail(CLF_ERR_INTERNAL, "one table too many for a plan of %s",
                          plan->operator_name);
    }
    cl_int code = CL_SUCCESS;
    /* OpenCL copies from a pointer to non-const, but does not write through it. */
    const cl_mem table =
        clCreateBuffer(plan->device->context, CL_MEM_READ_ONLY | CL_MEM_COPY_HOST_PTR, size,
                       (void *)(uintptr_t)data, &code);
    if (code != CL_SUCCESS) {
        return clf_i_cl_fail("clCreateBuffer", code);
    }
    *out_table = plan->num_tables;
    plan->tables[plan->num_tables++] = table;
    return CLF_SUCCESS;
}

/* ---- Launches ---- */

static clf_status check_step(const clf_plan *plan, const clf_i_step *step) {
    const clf_i_capabilities *device = &plan->device->capabilities;
    size_t local = 1;
    for (size_t i = 0; i < step->dimensions; ++i) {
        local *= step->local[i];
    }
    if (step->is_overfull) {
        return clf_i_fail(CLF_ERR_INTERNAL, "kernel %s has more definitions or arguments than fit",
                          step->kernel);
    }
    if (step->local_memory > device->local_memory) {
        return clf_i_fail(
            CLF_ERR_UNSUPPORTED, "kernel %s needs %zu bytes of local memory, the device has %llu",
            step->kernel, step->local_memory, (unsigned long long)device->local_memory);
    }
    if (local > device->max_work_group_size) {
        return clf_i_fail(CLF_ERR_UNSUPPORTED,
                          "kernel %s needs work-groups of %zu, the device's limit is %llu",
                          step->kernel, local, (unsigned long long)device->max_work_group_size);
    }
    return CLF_SUCCESS;
}

/* fp32 denormals and infinities are part of the semantics: no relaxed-math option ever. */
static clf_status make_options(const clf_i_step *step, clf_i_text *options) {
    clf_i_text_append(options, "-cl-std=CL1.2");
    for (size_t i = 0; i < step->num_defines; ++i) {
        clf_i_text_format(options, " -D%s=%lld", step->defines[i].name,
                          (long long)step->defines[i].value);
    }
    return options->failed
               ? clf_i_fail(CLF_ERR_OUT_OF_MEMORY, "out of host memory for build options")
               : CLF_SUCCESS;
}

static clf_status set_value(cl_kernel kernel, cl_uint index, const clf_i_argument *argument) {
    return clf_i_cl_check("clSetKernelArg",
                          clSetKernelArg(kernel, index, argument->size, argument->value));
}

static clf_status set_arguments(const clf_plan *plan, clf_i_launch *launch,
                                const clf_i_step *step) {
    launch->moving = clf_i_allocate(step->num_arguments, sizeof *launch->moving);
    if (launch->moving == NULL) {
        return clf_i_fail(CLF_ERR_OUT_OF_MEMORY, "out of host memory for kernel arguments");
    }
    cl_uint index = 0;
    for (size_t i = 0; i < step->num_arguments; ++i) {
        const clf_i_argument *argument = &step->arguments[i];
        if (argument->kind == CLF_I_ARGUMENT_VALUE) {
            const clf_status status = set_value(launch->kernel, index++, argument);
            if (status != CLF_SUCCESS) {
                return status;
            }
            continue;
        }
        if (argument->kind == CLF_I_ARGUMENT_TABLE) {
            const clf_i_argument table = CLF_I_VALUE(plan->tables[argument->offset]);
            const clf_status status = set_value(launch->kernel, index++, &table);
            if (status != CLF_SUCCESS) {
                return status;
            }
            continue;
        }
        const size_t unit = argument->kind == CLF_I_ARGUMENT_WORKSPACE ? argument->size : 1;
        launch->moving[launch->num_moving++] =
            (clf_i_moving_argument){.index = index,
                                    .kind = argument->kind,
                                    .slot = argument->slot,
                                    .offset = argument->offset / unit};
        index += 2;
    }
    return CLF_SUCCESS;
}

static clf_status make_launch(clf_plan *plan, const clf_i_step *step, clf_i_launch *launch) {
    clf_status status = make_options(step, &launch->options);
    cl_program program = NULL;
    if (status == CLF_SUCCESS) {
        status = clf_i_program_get(plan->device, step->kernel, launch->options.data, &program);
    }
    if (status != CLF_SUCCESS) {
        return status;
    }
    cl_int code = CL_SUCCESS;
    launch->kernel = clCreateKernel(program, step->kernel, &code);
    if (code != CL_SUCCESS) {
        launch->kernel = NULL;
        return clf_i_cl_fail("clCreateKernel", code);
    }
    launch->name = step->kernel;
    launch->dimensions = (cl_uint)step->dimensions;
    memcpy(launch->global, step->global, sizeof launch->global);
    memcpy(launch->local, step->local, sizeof launch->local);
    launch->local_memory = step->local_memory;
    return set_arguments(plan, launch, step);
}

clf_i_launch *clf_i_plan_new_launch(clf_plan *plan) {
    if (plan->num_launches < plan->launch_capacity) {
        return &plan->launches[plan->num_launches++];
    }
    const size_t capacity = plan->launch_capacity == 0 ? 4 : plan->launch_capacity * 2;
    clf_i_launch *launches = clf_i_allocate(capacity, sizeof *launches);
    if (launches == NULL) {
        (void)clf_i_fail(CLF_ERR_OUT_OF_MEMORY, "out of host memory for a plan's steps");
        return NULL;
    }
    if (plan->num_launches > 0) {
        memcpy(launches, plan->launches, plan->num_launches * sizeof *launches);
    }
    clf_i_release(plan->launches);
    plan->launches = launches;
    plan->launch_capacity = capacity;
    return &plan->launches[plan->num_launches++];
}

clf_status clf_i_plan_add_step(clf_plan *plan, const clf_i_step *step) {
    const clf_status status = check_step(plan, step);
    if (status != CLF_SUCCESS) {
        return status;
    }
    /* Counted before it is complete: destroying the plan then frees what there is of it. */
    clf_i_launch *launch = clf_i_plan_new_launch(plan);
    return launch != NULL ? make_launch(plan, step, launch) : CLF_ERR_OUT_OF_MEMORY;
}
