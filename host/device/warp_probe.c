/* A known 16 x 16 product on the tensor cores: drivers may lack the instructions, or have a
 * compiler that does not take them. */
#include "device/warp_probe.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "core/log.h"
#include "device/device_internal.h"
#include "device/opencl.h"
#include "device/program_cache.h"

#define KERNEL "clf_probe_matrix_product_nvidia"

enum { SIDE = 16, NUM_BUFFERS = 3, WARP = 32 };

/* Whole numbers below 2048: exact in fp16, and their products' sums in fp32. */
static int left_value(int row, int k) {
    return (row * 5 + k * 3) % 17 - 8;
}

static int right_value(int column, int k) {
    return (column * 7 + k * 11) % 13 - 6;
}

static uint16_t fp16_bits(int value) {
    const uint16_t sign = value < 0 ? 0x8000U : 0;
    unsigned magnitude = (unsigned)(value < 0 ? -value : value);
    unsigned exponent = 25;
    if (magnitude == 0) {
        return 0;
    }
    for (; magnitude < 1024; --exponent) {
        magnitude *= 2;
    }
    return (uint16_t)(sign | exponent << 10 | (magnitude & 1023U));
}

typedef struct probe {
    cl_command_queue queue;
    cl_kernel kernel;
    cl_mem buffers[NUM_BUFFERS]; /* left, right, product */
} probe;

static clf_status make_buffers(const clf_device *device, probe *made) {
    uint16_t factors[2][SIDE * SIDE];
    float product[SIDE * SIDE] = {0};
    const cl_long offset = 0;
    clf_status status = CLF_SUCCESS;
    for (int i = 0; i < SIDE * SIDE; ++i) {
        factors[0][i] = fp16_bits(left_value(i / SIDE, i % SIDE));
        factors[1][i] = fp16_bits(right_value(i / SIDE, i % SIDE));
    }
    for (cl_uint i = 0; i < NUM_BUFFERS && status == CLF_SUCCESS; ++i) {
        cl_int code = CL_SUCCESS;
        void *content = i < 2 ? (void *)factors[i] : (void *)product;
        made->buffers[i] =
            clCreateBuffer(device->context, CL_MEM_READ_WRITE | CL_MEM_COPY_HOST_PTR,
                           i < 2 ? sizeof factors[i] : sizeof product, content, &code);
        status = clf_i_cl_check("clCreateBuffer", code);
        if (status == CLF_SUCCESS) {
            status = clf_i_cl_check(
                "clSetKernelArg",
                clSetKernelArg(made->kernel, i, sizeof made->buffers[i], &made->buffers[i]));
        }
        if (status == CLF_SUCCESS) {
            status = clf_i_cl_check("clSetKernelArg", clSetKernelArg(made->kernel, NUM_BUFFERS + i,
                                                                     sizeof offset, &offset));
        }
    }
    return status;
}

static clf_status run_probe(clf_device *device, probe *made, float product[SIDE * SIDE]) {
    const size_t size = WARP;
    cl_program program = NULL;
    cl_int code = CL_SUCCESS;
    clf_status status = clf_i_program_get(device, KERNEL, "-cl-std=CL1.2 -DCLF_DTYPE=1", &program);
    if (status == CLF_SUCCESS) {
        made->queue = clCreateCommandQueue(device->context, device->id, 0, &code);
        status = clf_i_cl_check("clCreateCommandQueue", code);
    }
    if (status == CLF_SUCCESS) {
        made->kernel = clCreateKernel(program, KERNEL, &code);
        status = clf_i_cl_check("clCreateKernel", code);
    }
    if (status == CLF_SUCCESS) {
        status = make_buffers(device, made);
    }
    if (status == CLF_SUCCESS) {
        status = clf_i_cl_check("clEnqueueNDRangeKernel",
                                clEnqueueNDRangeKernel(made->queue, made->kernel, 1, NULL, &size,
                                                       &size, 0, NULL, NULL));
    }
    if (status == CLF_SUCCESS) {
        status = clf_i_cl_check("clEnqueueReadBuffer",
                                clEnqueueReadBuffer(made->queue, made->buffers[2], CL_TRUE, 0,
                                                    SIDE * SIDE * sizeof *product, product, 0, NULL,
                                                    NULL));
    }
    return status;
}

static void clear_probe(probe *made) {
    for (size_t i = 0; i < NUM_BUFFERS; ++i) {
        if (made->buffers[i] != NULL) {
            clReleaseMemObject(made->buffers[i]);
        }
    }
    if (made->kernel != NULL) {
        clReleaseKernel(made->kernel);
    }
    if (made->queue != NULL) {
        clReleaseCommandQueue(made->queue);
    }
}

static bool is_right(const float product[SIDE * SIDE]) {
    for (int row = 0; row < SIDE; ++row) {
        for (int column = 0; column < SIDE; ++column) {
            int sum = 0;
            for (int k = 0; k < SIDE; ++k) {
                sum += left_value(row, k) * right_value(column, k);
            }
            if (product[row * SIDE + column] != (float)sum) {
                return false;
            }
        }
    }
    return true;
}

static const char *probe_refusal(clf_device *device) {
    float product[SIDE * SIDE] = {0};
    probe made = {0};
    const clf_status status = run_probe(device, &made, product);
    clear_probe(&made);
    if (status != CLF_SUCCESS) {
        return "a small kernel with its instructions could not be built and run";
    }
    return is_right(product) ? NULL : "a small kernel with its instructions gave a wrong result";
}

const char *clf_i_nvidia_refusal(const clf_device *device) {
    const char *refusal = clf_i_variant_refusal(&device->capabilities, CLF_VARIANT_NVIDIA);
    if (refusal != NULL) {
        return refusal;
    }
    /* Every device is allocated and locked; what changes here does not show outside. */
    clf_device *own = (clf_device *)(uintptr_t)device;
    pthread_mutex_lock(&own->extensions_lock);
    if (!own->nvidia.is_known) {
        own->nvidia.refusal = probe_refusal(own);
        own->nvidia.is_known = true;
        clf_i_log(CLF_LOG_DISPATCH, "tensor cores: %s",
                  own->nvidia.refusal != NULL ? own->nvidia.refusal : "used");
    }
    refusal = own->nvidia.refusal;
    pthread_mutex_unlock(&own->extensions_lock);
    return refusal;
}
