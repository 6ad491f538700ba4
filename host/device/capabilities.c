/* Asking a device what it can do, and which kernel variants that allows. */
#include "device/capabilities.h"

#include <stdio.h>
#include <string.h>

#include "core/failure.h"
#include "core/memory.h"
#include "device/device_internal.h"
#include "device/opencl.h"

#define PORTABLE_LOCAL_MEMORY     32768u
#define NVIDIA_LOCAL_MEMORY       49152u
#define NVIDIA_COMPUTE_CAPABILITY 80u

const clf_i_capabilities *clf_i_device_capabilities(const clf_device *device) {
    return &device->capabilities;
}

const char *clf_i_variant_name(clf_variant variant) {
    static const char *const names[] = {CLF_I_VARIANT_NAMES};
    const size_t index = (size_t)variant;
    return index < sizeof names / sizeof names[0] ? names[index] : "unknown";
}

const char *clf_i_variant_refusal(const clf_i_capabilities *capabilities, clf_variant variant) {
    if (variant == CLF_VARIANT_CPU && capabilities->type != CLF_I_DEVICE_CPU) {
        return "it needs a CPU device";
    }
    if (variant == CLF_VARIANT_PORTABLE && capabilities->local_memory < PORTABLE_LOCAL_MEMORY) {
        return "it needs 32 KiB of local memory";
    }
    if (variant == CLF_VARIANT_NVIDIA && capabilities->compute_capability == 0) {
        return "it needs an NVIDIA GPU";
    }
    if (variant == CLF_VARIANT_NVIDIA &&
        (capabilities->compute_capability < NVIDIA_COMPUTE_CAPABILITY ||
         capabilities->local_memory < NVIDIA_LOCAL_MEMORY)) {
        return "it needs compute capability 8.0 and 48 KiB of local memory";
    }
    return NULL;
}

const char *clf_i_device_type_name(clf_i_device_type type) {
    static const char *const names[] = {"cpu", "gpu", "accelerator"};
    return names[type];
}

/* What kind of object a text is asked of. */
typedef struct text_source {
    cl_platform_id platform; /* NULL: of the device */
    cl_device_id device;
} text_source;

static cl_int get_info(text_source source, cl_uint what, size_t size, void *value,
                       size_t *out_size) {
    return source.platform != NULL ? clGetPlatformInfo(source.platform, what, size, value, out_size)
                                   : clGetDeviceInfo(source.device, what, size, value, out_size);
}

/* The whole text, to release with clf_i_release. */
static clf_status query_whole_text(text_source source, cl_uint what, char **out_text) {
    const char *call = source.platform != NULL ? "clGetPlatformInfo" : "clGetDeviceInfo";
    size_t size = 0;
    cl_int code = get_info(source, what, 0, NULL, &size);
    if (code != CL_SUCCESS) {
        return clf_i_cl_fail(call, code);
    }
    char *text = clf_i_allocate(size + 1, 1);
    if (text == NULL) {
        return clf_i_fail(CLF_ERR_OUT_OF_MEMORY, "out of host memory for a device's description");
    }
    code = get_info(source, what, size, text, NULL);
    if (code != CL_SUCCESS) {
        clf_i_release(text);
        return clf_i_cl_fail(call, code);
    }
    *out_text = text;
    return CLF_SUCCESS;
}

/* A text longer than the table's field is cut. */
static clf_status query_text(text_source source, cl_uint what, char text[CLF_I_NAME]) {
    char *whole = NULL;
    const clf_status status = query_whole_text(source, what, &whole);
    if (status == CLF_SUCCESS) {
        snprintf(text, CLF_I_NAME, "%s", whole);
    }
    clf_i_release(whole);
    return status;
}

static clf_status query_platform(cl_device_id id, clf_i_capabilities *capabilities) {
    text_source source = {NULL, id};
    clf_status status = clf_i_cl_check(
        "clGetDeviceInfo",
        clGetDeviceInfo(id, CL_DEVICE_PLATFORM, sizeof source.platform, &source.platform, NULL));
    if (status == CLF_SUCCESS) {
        status = query_text(source, CL_PLATFORM_NAME, capabilities->platform);
    }
    if (status == CLF_SUCCESS) {
        status = query_text(source, CL_PLATFORM_VERSION, capabilities->platform_version);
    }
    return status;
}

static clf_status query_texts(cl_device_id id, clf_i_capabilities *capabilities) {
    const struct {
        cl_device_info what;
        char *text;
    } fields[] = {
        {CL_DEVICE_NAME, capabilities->name},
        {CL_DEVICE_VENDOR, capabilities->vendor},
        {CL_DRIVER_VERSION, capabilities->driver},
        {CL_DEVICE_VERSION, capabilities->version},
        {CL_DEVICE_OPENCL_C_VERSION, capabilities->language_version},
    };
    clf_status status = CLF_SUCCESS;
    for (size_t i = 0; i < sizeof fields / sizeof fields[0] && status == CLF_SUCCESS; ++i) {
        status = query_text((text_source){NULL, id}, fields[i].what, fields[i].text);
    }
    return status == CLF_SUCCESS ? query_platform(id, capabilities) : status;
}

typedef struct raw_numbers {
    cl_device_type type;
    cl_uint compute_units;
    cl_ulong global_memory;
    cl_ulong max_allocation;
    cl_ulong local_memory;
    size_t max_work_group_size;
    cl_uint base_alignment_bits;
} raw_numbers;

static clf_status query_raw_numbers(cl_device_id id, raw_numbers *raw) {
    const struct {
        cl_device_info what;
        size_t size;
        void *value;
    } fields[] = {
        {CL_DEVICE_TYPE, sizeof raw->type, &raw->type},
        {CL_DEVICE_MAX_COMPUTE_UNITS, sizeof raw->compute_units, &raw->compute_units},
        {CL_DEVICE_GLOBAL_MEM_SIZE, sizeof raw->global_memory, &raw->global_memory},
        {CL_DEVICE_MAX_MEM_ALLOC_SIZE, sizeof raw->max_allocation, &raw->max_allocation},
        {CL_DEVICE_LOCAL_MEM_SIZE, sizeof raw->local_memory, &raw->local_memory},
        {CL_DEVICE_MAX_WORK_GROUP_SIZE, sizeof raw->max_work_group_size, &raw->max_work_group_size},
        {CL_DEVICE_MEM_BASE_ADDR_ALIGN, sizeof raw->base_alignment_bits, &raw->base_alignment_bits},
    };
    clf_status status = CLF_SUCCESS;
    for (size_t i = 0; i < sizeof fields / sizeof fields[0] && status == CLF_SUCCESS; ++i) {
        status =
            clf_i_cl_check("clGetDeviceInfo", clGetDeviceInfo(id, fields[i].what, fields[i].size,
                                                              fields[i].value, NULL));
    }
    return status;
}

static clf_status query_numbers(cl_device_id id, clf_i_capabilities *capabilities) {
    raw_numbers raw = {0};
    const clf_status status = query_raw_numbers(id, &raw);
    if (status != CLF_SUCCESS) {
        return status;
    }
    /* A simulator may claim several types at once; what it does is closest to a CPU. */
    capabilities->type = (raw.type & CL_DEVICE_TYPE_CPU) != 0   ? CLF_I_DEVICE_CPU
                         : (raw.type & CL_DEVICE_TYPE_GPU) != 0 ? CLF_I_DEVICE_GPU
                                                                : CLF_I_DEVICE_ACCELERATOR;
    capabilities->compute_units = raw.compute_units;
    capabilities->global_memory = raw.global_memory;
    capabilities->max_allocation = raw.max_allocation;
    capabilities->local_memory = raw.local_memory;
    capabilities->max_work_group_size = raw.max_work_group_size;
    capabilities->base_alignment = raw.base_alignment_bits / 8;
    return CLF_SUCCESS;
}

static bool has_word(const char *list, const char *word) {
    const size_t length = strlen(word);
    for (const char *at = strstr(list, word); at != NULL; at = strstr(at + length, word)) {
        const bool starts = at == list || at[-1] == ' ';
        if (starts && (at[length] == ' ' || at[length] == '\0')) {
            return true;
        }
    }
    return false;
}

/* cl_nv_device_attribute_query */
#define DEVICE_COMPUTE_CAPABILITY_MAJOR 0x4000
#define DEVICE_COMPUTE_CAPABILITY_MINOR 0x4001

static void query_compute_capability(cl_device_id id, clf_i_capabilities *capabilities) {
    cl_uint major = 0;
    cl_uint minor = 0;
    if (clGetDeviceInfo(id, DEVICE_COMPUTE_CAPABILITY_MAJOR, sizeof major, &major, NULL) ==
            CL_SUCCESS &&
        clGetDeviceInfo(id, DEVICE_COMPUTE_CAPABILITY_MINOR, sizeof minor, &minor, NULL) ==
            CL_SUCCESS) {
        capabilities->compute_capability = 10 * major + minor;
    }
}

static clf_status query_extensions(cl_device_id id, clf_i_capabilities *capabilities) {
    char *list = NULL;
    const clf_status status =
        query_whole_text((text_source){NULL, id}, CL_DEVICE_EXTENSIONS, &list);
    if (status == CLF_SUCCESS) {
        capabilities->has_fp16 = has_word(list, "cl_khr_fp16");
        capabilities->has_fp64 = has_word(list, "cl_khr_fp64");
        if (has_word(list, "cl_nv_device_attribute_query")) {
            query_compute_capability(id, capabilities);
        }
    }
    clf_i_release(list);
    return status;
}

/* CL_DEVICE_MAX_NUM_SUB_GROUPS came with OpenCL 2.1: an older driver's refusal means none. */
#define DEVICE_MAX_NUM_SUB_GROUPS 0x105C

static void query_sub_groups(cl_device_id id, clf_i_capabilities *capabilities) {
    cl_uint count = 0;
    if (clGetDeviceInfo(id, DEVICE_MAX_NUM_SUB_GROUPS, sizeof count, &count, NULL) == CL_SUCCESS) {
        capabilities->max_sub_groups = count;
    }
}

clf_status clf_i_capabilities_query(cl_device_id id, clf_i_capabilities *capabilities) {
    clf_status status = query_texts(id, capabilities);
    if (status == CLF_SUCCESS) {
        status = query_numbers(id, capabilities);
    }
    if (status == CLF_SUCCESS) {
        status = query_extensions(id, capabilities);
    }
    if (status == CLF_SUCCESS) {
        query_sub_groups(id, capabilities);
        capabilities->is_pocl = strstr(capabilities->platform_version, "PoCL") != NULL ||
                                strstr(capabilities->platform_version, "pocl") != NULL;
    }
    return status;
}
