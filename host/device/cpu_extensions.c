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
    /* Lane i of the probe's operands, and what must become of its sum. */
    void (*set_lane)(int i, uint32_t *a, uint32_t *b, uint32_t *sum, uint32_t *expected);
} extension_entry;

/* ---- What the CPU has (Intel 64 and IA-32 Architectures manual, CPUID) ---- */

typedef struct cpuid_answer {
    unsigned a;
    unsigned b;
    unsigned c;
    unsigned d;
} cpuid_answer;

static cpuid_answer ask_cpuid(unsigned leaf, unsigned subleaf) {
    cpuid_answer answer = {0};
#if defined(__x86_64__)
    if (__get_cpuid_count(leaf, subleaf, &answer.a, &answer.b, &answer.c, &answer.d) == 0) {
        answer = (cpuid_answer){0};
    }
#else
    (void)leaf;
    (void)subleaf;
#endif
    return answer;
}

static bool cpu_has_bf16_dot(void) {
    return (ask_cpuid(7, 1).a >> 5 & 1) != 0;
}

static bool cpu_has_int8_dot(void) {
    return (ask_cpuid(7, 0).c >> 11 & 1) != 0;
}

/* ---- Probes: small whole numbers, exact in any order ---- */

static uint32_t float_bits(float value) {
    uint32_t bits = 0;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static uint32_t bf16_pair(int first, int second) {
    return float_bits((float)first) >> 16 | (float_bits((float)second) & 0xffff0000U);
}

static void set_bf16_lane(int i, uint32_t *a, uint32_t *b, uint32_t *sum, uint32_t *expected) {
    *a = bf16_pair(i + 1, 2 * i);
    *b = bf16_pair(i - 7, -3 * i);
    *sum = float_bits((float)i);
    *expected = float_bits((float)(i + (i + 1) * (i - 7) + 2 * i * (-3 * i)));
}

static void set_int8_lane(int i, uint32_t *a, uint32_t *b, uint32_t *sum, uint32_t *expected) {
    int dot = i - 9;
    *a = 0;
    *b = 0;
    *sum = (uint32_t)dot;
    for (int j = 0; j < 4; ++j) {
        const int unsigned_factor = 255 - 7 * i - j;
        const int signed_factor = 16 * j - 40 + i;
        *a |= (uint32_t)unsigned_factor << 8 * j;
        *b |= ((uint32_t)signed_factor & 0xffU) << 8 * j;
        dot += unsigned_factor * signed_factor;
    }
    *expected = (uint32_t)dot;
}

static const extension_entry entries[CLF_I_NUM_CPU_EXTENSIONS] = {
    [CLF_I_CPU_BF16_DOT] = {"bf16_dot", "clf_probe_bf16_dot_cpu", "the CPU has no AVX512-BF16",
                            cpu_has_bf16_dot, set_bf16_lane},
    [CLF_I_CPU_INT8_DOT] = {"int8_dot", "clf_probe_int8_dot_cpu", "the CPU has no AVX512-VNNI",
                            cpu_has_int8_dot, set_int8_lane},
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

typedef struct probe_words {
    uint32_t operands[3][LANES];
    uint32_t expected[LANES];
} probe_words;

static clf_status make_probe(clf_device *device, const char *kernel, probe_words *words,
                             probe *made) {
    cl_program program = NULL;
    cl_int code = CL_SUCCESS;
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
                                          sizeof words->operands[i], words->operands[i], &code);
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

static bool gives_known_result(clf_device *device, const extension_entry *entry) {
    const size_t one = 1;
    uint32_t sums[LANES] = {0};
    probe_words words;
    probe made = {0};
    for (int i = 0; i < LANES; ++i) {
        entry->set_lane(i, &words.operands[0][i], &words.operands[1][i], &words.operands[2][i],
                        &words.expected[i]);
    }
    clf_status status = make_probe(device, entry->kernel, &words, &made);
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
    return status == CLF_SUCCESS && memcmp(sums, words.expected, sizeof sums) == 0;
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
    return gives_known_result(device, entry) ? NULL : "the driver's compiler cannot use it rightly";
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
