/* What a device can do: asked once, kept as plain data. */
#ifndef CLF_DEVICE_CAPABILITIES_H
#define CLF_DEVICE_CAPABILITIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <clformer/device.h>
#include <clformer/plan.h>

typedef enum clf_i_device_type {
    CLF_I_DEVICE_CPU,
    CLF_I_DEVICE_GPU,
    CLF_I_DEVICE_ACCELERATOR
} clf_i_device_type;

#define CLF_I_NAME 256

typedef struct clf_i_capabilities {
    char index[24]; /* "platform:device"; "" for a foreign context whose device was not found */
    char name[CLF_I_NAME];
    char vendor[CLF_I_NAME];
    char driver[CLF_I_NAME];
    char version[CLF_I_NAME];          /* "OpenCL 3.0 ..." */
    char language_version[CLF_I_NAME]; /* "OpenCL C 1.2 ..." */
    char platform[CLF_I_NAME];
    char platform_version[CLF_I_NAME];
    clf_i_device_type type;
    uint32_t compute_units;
    uint64_t global_memory;  /* bytes */
    uint64_t max_allocation; /* bytes */
    uint64_t local_memory;   /* bytes per work-group */
    uint64_t max_work_group_size;
    uint32_t base_alignment;     /* bytes, of buffers and sub-buffers */
    uint32_t max_sub_groups;     /* 0: none */
    uint32_t compute_capability; /* 10 * major + minor; 0: not an NVIDIA GPU */
    bool has_fp16;               /* cl_khr_fp16: arithmetic; storage is always there */
    bool has_fp64;
    bool is_pocl;
} clf_i_capabilities;

/* `device` is not NULL. */
const clf_i_capabilities *clf_i_device_capabilities(const clf_device *device);

/* "cpu", "gpu" or "accelerator". */
const char *clf_i_device_type_name(clf_i_device_type type);

/* The variants' names, in the order of clf_variant: also the words of CLFORMER_VARIANT. */
#define CLF_I_VARIANT_NAMES "auto", "portable", "cpu", "nvidia"
#define CLF_I_NUM_VARIANTS  4

/* "portable"; "unknown" if `variant` is not an enumerator. */
const char *clf_i_variant_name(clf_variant variant);

/* Why the variant cannot be used on such a device at all; NULL if it can, as far as the capabilities
 * tell: of nvidia, device/warp_probe.h knows more. */
const char *clf_i_variant_refusal(const clf_i_capabilities *capabilities, clf_variant variant);

#endif
