/* Listing the machine's devices and picking one by a selector. */
#include "device/device_table.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/environment.h"
#include "core/failure.h"
#include "core/memory.h"
#include "core/text.h"
#include "device/device_internal.h"
#include "device/opencl.h"

#define NO_PLATFORM (-1001) /* CL_PLATFORM_NOT_FOUND_KHR: the loader found no driver */

static clf_status query_platforms(cl_platform_id **out_platforms, cl_uint *out_count) {
    *out_platforms = NULL;
    *out_count = 0;
    cl_uint count = 0;
    cl_int code = clGetPlatformIDs(0, NULL, &count);
    if (code == NO_PLATFORM || (code == CL_SUCCESS && count == 0)) {
        return CLF_SUCCESS;
    }
    if (code != CL_SUCCESS) {
        return clf_i_cl_fail("clGetPlatformIDs", code);
    }
    cl_platform_id *platforms = clf_i_allocate(count, sizeof *platforms);
    if (platforms == NULL) {
        return clf_i_fail(CLF_ERR_OUT_OF_MEMORY, "out of host memory for the list of platforms");
    }
    code = clGetPlatformIDs(count, platforms, NULL);
    if (code != CL_SUCCESS) {
        clf_i_release(platforms);
        return clf_i_cl_fail("clGetPlatformIDs", code);
    }
    *out_platforms = platforms;
    *out_count = count;
    return CLF_SUCCESS;
}

static clf_status count_devices(cl_platform_id platform, cl_uint *out_count) {
    *out_count = 0;
    const cl_int code = clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, 0, NULL, out_count);
    if (code == CL_DEVICE_NOT_FOUND) {
        *out_count = 0;
        return CLF_SUCCESS;
    }
    return clf_i_cl_check("clGetDeviceIDs", code);
}

static clf_status append_devices(clf_i_device_table *table, cl_platform_id platform,
                                 cl_uint platform_index, cl_uint count) {
    cl_device_id *ids = clf_i_allocate(count, sizeof *ids);
    if (ids == NULL) {
        return clf_i_fail(CLF_ERR_OUT_OF_MEMORY, "out of host memory for the list of devices");
    }
    clf_status status = clf_i_cl_check(
        "clGetDeviceIDs", clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, count, ids, NULL));
    for (cl_uint i = 0; i < count && status == CLF_SUCCESS; ++i) {
        clf_i_device_entry *entry = &table->entries[table->num_entries];
        entry->platform = platform;
        entry->id = ids[i];
        status = clf_i_capabilities_query(ids[i], &entry->capabilities);
        snprintf(entry->capabilities.index, sizeof entry->capabilities.index, "%u:%u",
                 (unsigned)platform_index, (unsigned)i);
        table->num_entries += status == CLF_SUCCESS;
    }
    clf_i_release(ids);
    return status;
}

static clf_status query_table(const cl_platform_id *platforms, cl_uint num_platforms,
                              clf_i_device_table *table) {
    size_t total = 0;
    for (cl_uint i = 0; i < num_platforms; ++i) {
        cl_uint count = 0;
        const clf_status status = count_devices(platforms[i], &count);
        if (status != CLF_SUCCESS) {
            return status;
        }
        total += count;
    }
    table->entries = clf_i_allocate(total, sizeof *table->entries);
    if (table->entries == NULL) {
        return clf_i_fail(CLF_ERR_OUT_OF_MEMORY, "out of host memory for the list of devices");
    }
    for (cl_uint i = 0; i < num_platforms; ++i) {
        cl_uint count = 0;
        clf_status status = count_devices(platforms[i], &count);
        if (status == CLF_SUCCESS && table->num_entries + count <= total) {
            status = append_devices(table, platforms[i], i, count);
        }
        if (status != CLF_SUCCESS) {
            return status;
        }
    }
    return CLF_SUCCESS;
}

clf_status clf_i_device_table_query(clf_i_device_table *out_table) {
    memset(out_table, 0, sizeof *out_table);
    cl_platform_id *platforms = NULL;
    cl_uint num_platforms = 0;
    clf_status status = query_platforms(&platforms, &num_platforms);
    if (status == CLF_SUCCESS) {
        status = query_table(platforms, num_platforms, out_table);
    }
    clf_i_release(platforms);
    if (status != CLF_SUCCESS) {
        clf_i_device_table_clear(out_table);
    }
    return status;
}

void clf_i_device_table_clear(clf_i_device_table *table) {
    clf_i_release(table->entries);
    memset(table, 0, sizeof *table);
}

static clf_status fail_selection(const clf_i_device_table *table, const char *selector,
                                 const char *source, size_t num_fitting) {
    clf_i_text list = {0};
    for (size_t i = 0; i < table->num_entries; ++i) {
        const clf_i_capabilities *device = &table->entries[i].capabilities;
        clf_i_text_format(&list, "%s%s %s \"%s\" of \"%s\"", i == 0 ? "" : ", ", device->index,
                          clf_i_device_type_name(device->type), device->name, device->platform);
    }
    const clf_status status =
        clf_i_fail(CLF_ERR_NO_DEVICE,
                   "%s is \"%.100s\", which fits %zu devices, accepted: \"gpu\", \"cpu\", "
                   "\"accelerator\", \"platform:device\" or part of a name that fits one of: %s",
                   source, selector, num_fitting,
                   table->num_entries == 0 ? "(no OpenCL device found)"
                   : list.failed           ? "(out of host memory)"
                                           : list.data);
    clf_i_text_clear(&list);
    return status;
}

/* Does not use strcasestr, which is not in POSIX. */
static bool contains_ignoring_case(const char *text, const char *part) {
    const size_t length = strlen(part);
    for (; *text != '\0'; ++text) {
        size_t same = 0;
        while (same < length &&
               tolower((unsigned char)text[same]) == tolower((unsigned char)part[same])) {
            ++same;
        }
        if (same == length) {
            return true;
        }
    }
    return false;
}

static bool is_type_name(const char *selector) {
    return strcmp(selector, "cpu") == 0 || strcmp(selector, "gpu") == 0 ||
           strcmp(selector, "accelerator") == 0;
}

/* Digits, a colon, digits. */
static bool is_index(const char *selector) {
    const size_t platform = strspn(selector, "0123456789");
    const size_t device =
        selector[platform] == ':' ? strspn(selector + platform + 1, "0123456789") : 0;
    return platform > 0 && device > 0 && selector[platform + 1 + device] == '\0';
}

static bool fits(const clf_i_capabilities *device, const char *selector) {
    if (is_type_name(selector)) {
        return strcmp(selector, clf_i_device_type_name(device->type)) == 0;
    }
    if (is_index(selector)) {
        return strcmp(selector, device->index) == 0;
    }
    return contains_ignoring_case(device->name, selector) ||
           contains_ignoring_case(device->platform, selector);
}

static clf_status select_default(const clf_i_device_table *table,
                                 const clf_i_device_entry **out_entry) {
    static const clf_i_device_type order[] = {CLF_I_DEVICE_GPU, CLF_I_DEVICE_ACCELERATOR,
                                              CLF_I_DEVICE_CPU};
    for (size_t wanted = 0; wanted < sizeof order / sizeof order[0]; ++wanted) {
        for (size_t i = 0; i < table->num_entries; ++i) {
            if (table->entries[i].capabilities.type == order[wanted]) {
                *out_entry = &table->entries[i];
                return CLF_SUCCESS;
            }
        }
    }
    return clf_i_fail(
        CLF_ERR_NO_DEVICE,
        "no OpenCL device was found on this machine; a driver such as PoCL "
        "(pocl-opencl-icd) must be installed and its .icd file visible to the loader");
}

clf_status clf_i_device_table_select(const clf_i_device_table *table, const char *selector,
                                     const clf_i_device_entry **out_entry) {
    const char *source = "selector";
    if (selector == NULL || selector[0] == '\0') {
        source = "CLFORMER_DEVICE";
        selector = clf_i_environment(source);
    }
    if (selector == NULL) {
        return select_default(table, out_entry);
    }
    size_t num_fitting = 0;
    for (size_t i = 0; i < table->num_entries; ++i) {
        if (fits(&table->entries[i].capabilities, selector)) {
            *out_entry = &table->entries[i];
            ++num_fitting;
        }
    }
    return num_fitting == 1 ? CLF_SUCCESS : fail_selection(table, selector, source, num_fitting);
}
