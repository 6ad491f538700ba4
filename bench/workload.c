/* Buffers are filled through the queue in pieces, so that the host never holds a whole tensor. */
#include "workload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "terminal.h"
#include "timing.h"

/* Large enough to amortise the call, small enough for any host. */
enum { TRANSFER_BYTES = 32 << 20 };

uint64_t tensor_elements(const tensor_info *tensor) {
    uint64_t elements = 1;
    for (int32_t axis = 0; axis < tensor->rank; axis++) {
        elements *= (uint64_t)tensor->shape[axis];
    }
    return elements;
}

static uint64_t tensor_bytes(const tensor_info *tensor) {
    return dtype_bytes(tensor->dtype, tensor_elements(tensor));
}

static double gibibytes(uint64_t bytes) {
    return (double)bytes / (1024.0 * 1024.0 * 1024.0);
}

bool workload_fits(const session *session, const operator_benchmark *benchmark, const void *problem,
                   clf_dtype dtype, char *why, size_t size) {
    tensor_info tensors[MAX_TENSORS];
    size_t count = benchmark->tensors(problem, dtype, tensors);
    uint64_t total = 0;
    why[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        uint64_t bytes = tensor_bytes(&tensors[i]);
        total += bytes;
        if (bytes > session->max_allocation) {
            snprintf(why, size, "%s needs %.2f GiB, the device's largest buffer is %.2f GiB",
                     tensors[i].name, gibibytes(bytes), gibibytes(session->max_allocation));
            return false;
        }
    }
    if (total > session->global_memory) {
        snprintf(why, size, "the tensors need %.2f GiB, the device has %.2f GiB", gibibytes(total),
                 gibibytes(session->global_memory));
        return false;
    }
    uint64_t host = host_memory_available();
    if (session->is_cpu && total > host - host / 5) {
        snprintf(why, size, "the tensors need %.2f GiB, the host has %.2f GiB available",
                 gibibytes(total), gibibytes(host));
        return false;
    }
    return true;
}

size_t workload_tensor(const workload *load, clf_slot slot) {
    size_t i = 0;
    while (i + 1 < load->num_tensors && load->tensors[i].slot != slot) {
        i++;
    }
    return i;
}

bool workload_read(const workload *load, size_t tensor, uint64_t first, size_t count, void *out) {
    clf_dtype dtype = load->tensors[tensor].dtype;
    cl_int code = clEnqueueReadBuffer(load->session->queue, load->views[tensor].buffer, CL_TRUE,
                                      dtype_bytes(dtype, first), dtype_bytes(dtype, count), out, 0,
                                      NULL, NULL);
    return opencl_ok(code, "clEnqueueReadBuffer");
}

void *workload_contents(const workload *load, size_t tensor) {
    const tensor_info *info = &load->tensors[tensor];
    size_t count = (size_t)tensor_elements(info);
    void *out = malloc(dtype_bytes(info->dtype, count) + 1);
    if (!out) {
        fail("no host memory for the contents of %s", info->name);
        return NULL;
    }
    if (load->sources[tensor].stored) {
        data_source_copy(&load->sources[tensor], 0, count, out);
    } else if (!workload_read(load, tensor, 0, count, out)) {
        free(out);
        return NULL;
    }
    return out;
}

static bool create_buffers(workload *load) {
    for (size_t i = 0; i < load->num_tensors; i++) {
        const tensor_info *tensor = &load->tensors[i];
        cl_mem buffer = session_buffer(load->session, (size_t)tensor_bytes(tensor));
        if (!buffer) {
            return false;
        }
        load->views[i] = clf_tensor_contiguous(buffer, tensor->dtype, tensor->rank, tensor->shape);
    }
    return true;
}

static bool generate_sources(workload *load, uint64_t seed) {
    for (size_t i = 0; i < load->num_tensors; i++) {
        const tensor_info *tensor = &load->tensors[i];
        uint64_t own_seed = seed + 1000 * (uint64_t)(i + 1);
        bool ok = true;
        if (tensor->fill == FILL_UNIFORM) {
            ok = data_source_uniform(&load->sources[i], tensor->dtype, tensor->low, tensor->high,
                                     own_seed);
        } else if (tensor->fill == FILL_FP32_BITS) {
            ok = data_source_fp32_bits(&load->sources[i], tensor->dtype, tensor->low, tensor->high,
                                       own_seed);
        } else if (tensor->fill == FILL_MASK) {
            ok = data_source_mask(&load->sources[i], tensor->low, own_seed);
        }
        if (!ok) {
            return false;
        }
    }
    return true;
}

static bool upload(const workload *load, size_t index, unsigned char *staging) {
    const data_source *source = &load->sources[index];
    uint64_t elements = tensor_elements(&load->tensors[index]);
    uint64_t piece = (uint64_t)TRANSFER_BYTES * 8 / clf_dtype_bits(source->dtype);
    for (uint64_t first = 0; first < elements; first += piece) {
        size_t count = (size_t)(elements - first < piece ? elements - first : piece);
        data_source_copy(source, first, count, staging);
        cl_int code =
            clEnqueueWriteBuffer(load->session->queue, load->views[index].buffer, CL_TRUE,
                                 dtype_bytes(source->dtype, first),
                                 dtype_bytes(source->dtype, count), staging, 0, NULL, NULL);
        if (!opencl_ok(code, "clEnqueueWriteBuffer")) {
            return false;
        }
    }
    return true;
}

static bool upload_all(const workload *load) {
    unsigned char *staging = malloc(TRANSFER_BYTES);
    bool ok = staging ? true : fail("no host memory to stage transfers");
    for (size_t i = 0; ok && i < load->num_tensors; i++) {
        ok = load->sources[i].stored ? upload(load, i, staging) : true;
    }
    free(staging);
    return ok;
}

static bool make_plan(workload *load, clf_variant variant, double *plan_seconds) {
    double begin = now_seconds();
    clf_status status = load->benchmark->plan(load->session->device, load->problem, load->views,
                                              variant, &load->plan);
    *plan_seconds = now_seconds() - begin;
    return clformer_ok(status, load->benchmark->name);
}

bool workload_create(workload *out, const session *session, const workload_request *request,
                     double *plan_seconds) {
    *out = (workload){.benchmark = request->benchmark,
                      .problem = request->problem,
                      .session = session,
                      .dtype = request->dtype};
    out->num_tensors = request->benchmark->tensors(request->problem, request->dtype, out->tensors);
    bool is_real = request->benchmark->is_real(request->problem);
    bool ok = create_buffers(out) &&
              (is_real ? request->benchmark->load_real(out, request->data_folder)
                       : generate_sources(out, request->seed)) &&
              upload_all(out) &&
              (!request->benchmark->prepare || request->benchmark->prepare(out)) &&
              make_plan(out, request->variant, plan_seconds);
    if (!ok) {
        workload_destroy(out);
    }
    return ok;
}

void workload_destroy(workload *load) {
    clf_plan_destroy(load->plan);
    load->plan = NULL;
    for (size_t i = 0; i < load->num_tensors; i++) {
        data_source_release(&load->sources[i]);
        if (load->views[i].buffer) {
            clReleaseMemObject(load->views[i].buffer);
            load->views[i].buffer = NULL;
        }
    }
    free(load->expected);
    load->expected = NULL;
}
