/* Asking the CPU, the driver, and a small kernel. */
#include "device/cpu_extensions.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include "core/environment.h"
#include "core/failure.h"
#include "core/log.h"
#include "device/device_internal.h"
#include "device/opencl.h"
#include "device/program_cache.h"

#define LANES 16

typedef struct extension_entry {
    const char *name;
    const char *kernel;
    const char *cpu_lacks_it;
    bool (*cpu_has_it)(void);
} extension_entry;

/* AVX512-BF16: leaf 7, sub-leaf 1, EAX bit 5 (Intel 64 and IA-32 Architectures manual, CPUID). */
static bool cpu_has_bf16_dot(void) {
#if defined(__x86_64__)
    unsigned a = 0;
    unsigned b = 0;
    unsigned c = 0;
    unsigned d = 0;
    return __get_cpuid_count(7, 1, &a, &b, &c, &d) != 0 && (a >> 5 & 1) != 0;
#else
    return false;
#endif
}

static const extension_entry entries[CLF_I_NUM_CPU_EXTENSIONS] = {
    [CLF_I_CPU_BF16_DOT] = {"bf16_dot", "clf_probe_bf16_dot_cpu", "the CPU has no AVX512-BF16",
                            cpu_has_bf16_dot},
};

const char *clf_i_cpu_extension_name(clf_i_cpu_extension extension) {
    return entries[extension].name;
}

/* An unknown compiler may abort where it should refuse, so only tried ones count as known. */
static bool driver_is_known(const clf_i_capabilities *capabilities) {
    return strstr(capabilities->platform_version, "PoCL 3.1") != NULL &&
           strstr(capabilities->platform_version, "LLVM 15.") != NULL;
}

/* ---- The small kernel ---- */

typedef struct probe {
    cl_command_queue queue;
    cl_kernel kernel;
    cl_mem buffers[3]; /* a, b, sums */
} probe;

static uint32_t bf16_bits(float value) {
    uint32_t bits = 0;
    memcpy(&bits, &value, sizeof bits);
    return bits >> 16;
}

/* Small whole numbers, exact in bf16, so that the sums are exact in any order. */
static void set_pairs(uint32_t pairs[LANES], int first, int second) {
    for (int i = 0; i < LANES; ++i) {
        pairs[i] = bf16_bits((float)(i + first)) | bf16_bits((float)(i * second)) << 16;
    }
}

static bool is_right(const float sums[LANES]) {
    for (int i = 0; i < LANES; ++i) {
        const int expected = i + (i + 1) * (i - 7) + i * 2 * (i * -3);
        if (sums[i] != (float)expected) {
            return false;
        }
    }
    return true;
}

static clf_status make_probe(clf_device *device, const char *kernel, probe *made) {
    uint32_t pairs[2][LANES];
    float sums[LANES];
    void *const contents[] = {pairs[0], pairs[1], sums};
    cl_program program = NULL;
    cl_int code = CL_SUCCESS;
    set_pairs(pairs[0], 1, 2);
    set_pairs(pairs[1], -7, -3);
    for (int i = 0; i < LANES; ++i) {
        sums[i] = (float)i;
    }
    clf_status status = clf_i_program_get(device, kernel, "-cl-std=CL1.2", &program);
    if (status == CLF_SUCCESS) {
        made->queue = clCreateCommandQueue(device->context, device->id, 0, &code);
        status = clf_i_cl_check("clCreateCommandQueue", code);
    }
    if (status == CLF_SUCCESS) {
        made->kernel = clCreateKernel(program, kernel, &code);
        status = clf_i_cl_check("clCreateKernel", code);
    }
    for (cl_uint i = 0; i < 3 && status == CLF_SUCCESS; ++i) {
        made->buffers[i] = clCreateBuffer(device->context, CL_MEM_READ_WRITE | CL_MEM_COPY_HOST_PTR,
                                          sizeof sums, contents[i], &code);
        status = clf_i_cl_check("clCreateBuffer", code);
        if (status == CLF_SUCCESS) {
            status = clf_i_cl_check(
                "clSetKernelArg",
                clSetKernelArg(made->kernel, i, sizeof made->buffers[i], &made->buffers[i]));
        }
    }
    return status;
}

static void clear_probe(probe *made) {
    for (size_t i = 0; i < 3; ++i) {
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

static bool gives_known_result(clf_device *device, const char *kernel) {
    const size_t one = 1;
    float sums[LANES] = {0};
    probe made = {0};
    clf_status status = make_probe(device, kernel, &made);
    if (status == CLF_SUCCESS) {
        status = clf_i_cl_check(
            "clEnqueueNDRangeKernel",
            clEnqueueNDRangeKernel(made.queue, made.kernel, 1, NULL, &one, &one, 0, NULL, NULL));
    }
    if (status == CLF_SUCCESS) {
        status = clf_i_cl_check("clEnqueueReadBuffer",
                                clEnqueueReadBuffer(made.queue, made.buffers[2], CL_TRUE, 0,
                                                    sizeof sums, sums, 0, NULL, NULL));
    }
    clear_probe(&made);
    return status == CLF_SUCCESS && is_right(sums);
}

/* ---- The answer ---- */

static const char *refusal_of(clf_device *device, const extension_entry *entry) {
    enum { AUTO, OFF, ON };
    static const char *const words[] = {"auto", "off", "on"};
    const clf_i_capabilities *capabilities = &device->capabilities;
    const size_t wanted = clf_i_environment_choice("CLFORMER_CPU_EXTENSIONS", words,
                                                   sizeof words / sizeof words[0], AUTO);
    if (!capabilities->is_pocl || capabilities->type != CLF_I_DEVICE_CPU) {
        return "the device is not a CPU through PoCL";
    }
    if (wanted == OFF) {
        return "CLFORMER_CPU_EXTENSIONS is off";
    }
    if (!entry->cpu_has_it()) {
        return entry->cpu_lacks_it;
    }
    if (wanted != ON && !driver_is_known(capabilities)) {
        return "not tried with this version of PoCL (CLFORMER_CPU_EXTENSIONS=on tries it)";
    }
    return gives_known_result(device, entry->kernel)
               ? NULL
               : "the driver's compiler cannot use it rightly";
}

const char *clf_i_cpu_extension_refusal(const clf_device *device, clf_i_cpu_extension extension) {
    /* Every device is allocated and locked; what changes here does not show outside. */
    clf_device *own = (clf_device *)(uintptr_t)device;
    clf_i_extension_answer *answer = &own->extensions[extension];
    pthread_mutex_lock(&own->extensions_lock);
    if (!answer->is_known) {
        answer->refusal = refusal_of(own, &entries[extension]);
        answer->is_known = true;
        clf_i_log(CLF_LOG_DISPATCH, "CPU extension %s: %s", entries[extension].name,
                  answer->refusal != NULL ? answer->refusal : "used");
    }
    pthread_mutex_unlock(&own->extensions_lock);
    return answer->refusal;
}
