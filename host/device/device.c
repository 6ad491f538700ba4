/* Devices: creation, sharing by plans, and the end. */
#include <clformer/device.h>

#include <stdio.h>
#include <string.h>

#include "core/failure.h"
#include "core/memory.h"
#include "device/device_internal.h"
#include "device/device_table.h"
#include "device/opencl.h"
#include "device/program_cache.h"

void clf_i_device_retain(clf_device *device) {
    atomic_fetch_add(&device->references, 1);
}

void clf_i_device_release(clf_device *device) {
    if (device == NULL || atomic_fetch_sub(&device->references, 1) != 1) {
        return;
    }
    if (device->library_state != NULL) {
        device->release_library_state(device->library_state);
        clf_i_release(device->library_state);
    }
    clf_i_program_cache_clear(device);
    pthread_mutex_destroy(&device->library_lock);
    pthread_mutex_destroy(&device->extensions_lock);
    pthread_mutex_destroy(&device->programs_lock);
    clReleaseContext(device->context);
    clf_i_release(device);
}

/* Takes over one reference of the context, also when it fails. */
static clf_status make_device(cl_context context, cl_device_id id,
                              const clf_i_capabilities *capabilities, clf_device **out_device) {
    clf_device *device = clf_i_allocate(1, sizeof *device);
    if (device == NULL) {
        clReleaseContext(context);
        return clf_i_fail(CLF_ERR_OUT_OF_MEMORY, "out of host memory for a device");
    }
    atomic_init(&device->references, 1);
    atomic_init(&device->closed, false);
    device->context = context;
    device->id = id;
    device->capabilities = *capabilities;
    pthread_mutex_init(&device->programs_lock, NULL);
    pthread_mutex_init(&device->extensions_lock, NULL);
    pthread_mutex_init(&device->library_lock, NULL);
    *out_device = device;
    return CLF_SUCCESS;
}

static clf_status check_member(cl_context context, cl_device_id id) {
    size_t size = 0;
    clf_status status = clf_i_cl_check(
        "clGetContextInfo", clGetContextInfo(context, CL_CONTEXT_DEVICES, 0, NULL, &size));
    if (status != CLF_SUCCESS) {
        return status;
    }
    cl_device_id *ids = clf_i_allocate(size, 1);
    if (ids == NULL) {
        return clf_i_fail(CLF_ERR_OUT_OF_MEMORY, "out of host memory for the context's devices");
    }
    status = clf_i_cl_check("clGetContextInfo",
                            clGetContextInfo(context, CL_CONTEXT_DEVICES, size, ids, NULL));
    bool found = false;
    for (size_t i = 0; status == CLF_SUCCESS && i < size / sizeof *ids; ++i) {
        found = found || ids[i] == id;
    }
    clf_i_release(ids);
    if (status == CLF_SUCCESS && !found) {
        return clf_i_fail(CLF_ERR_PARAM_INVALID,
                          "id is not one of the %zu devices of context, accepted: one of them",
                          size / sizeof *ids);
    }
    return status;
}

/* The device's place in the machine's table, for messages and records; "" if it is in none (a
 * sub-device, for example). */
static void find_index(cl_device_id id, clf_i_capabilities *capabilities) {
    clf_i_device_table table;
    if (clf_i_device_table_query(&table) != CLF_SUCCESS) {
        return;
    }
    for (size_t i = 0; i < table.num_entries; ++i) {
        if (table.entries[i].id == id) {
            memcpy(capabilities->index, table.entries[i].capabilities.index,
                   sizeof capabilities->index);
        }
    }
    clf_i_device_table_clear(&table);
}

clf_status clf_device_create(cl_context context, cl_device_id id, clf_device **out_device) {
    if (out_device == NULL) {
        return clf_i_fail(CLF_ERR_PARAM_NULLPTR,
                          "out_device is NULL, a place for the device is required");
    }
    *out_device = NULL;
    if (context == NULL || id == NULL) {
        return clf_i_fail(CLF_ERR_PARAM_NULLPTR, "%s is NULL, an OpenCL %s is required",
                          context == NULL ? "context" : "id",
                          context == NULL ? "context" : "device");
    }
    clf_status status = check_member(context, id);
    clf_i_capabilities capabilities;
    memset(&capabilities, 0, sizeof capabilities);
    if (status == CLF_SUCCESS) {
        status = clf_i_capabilities_query(id, &capabilities);
    }
    if (status == CLF_SUCCESS) {
        find_index(id, &capabilities);
        status = clf_i_cl_check("clRetainContext", clRetainContext(context));
    }
    return status == CLF_SUCCESS ? make_device(context, id, &capabilities, out_device) : status;
}

static clf_status open_entry(const clf_i_device_entry *entry, clf_device **out_device) {
    const cl_context_properties properties[] = {
        CL_CONTEXT_PLATFORM, (cl_context_properties)(intptr_t)entry->platform, 0};
    cl_int code = CL_SUCCESS;
    const cl_context context = clCreateContext(properties, 1, &entry->id, NULL, NULL, &code);
    if (code != CL_SUCCESS) {
        return clf_i_cl_fail("clCreateContext", code);
    }
    return make_device(context, entry->id, &entry->capabilities, out_device);
}

clf_status clf_device_open(const char *selector, clf_device **out_device) {
    if (out_device == NULL) {
        return clf_i_fail(CLF_ERR_PARAM_NULLPTR,
                          "out_device is NULL, a place for the device is required");
    }
    *out_device = NULL;
    clf_i_device_table table;
    clf_status status = clf_i_device_table_query(&table);
    if (status != CLF_SUCCESS) {
        return status;
    }
    const clf_i_device_entry *entry = NULL;
    status = clf_i_device_table_select(&table, selector, &entry);
    if (status == CLF_SUCCESS) {
        status = open_entry(entry, out_device);
    }
    clf_i_device_table_clear(&table);
    return status;
}

void clf_device_destroy(clf_device *device) {
    if (device != NULL) {
        atomic_store(&device->closed, true);
        clf_i_device_release(device);
    }
}

cl_context clf_device_context(const clf_device *device) {
    return device != NULL ? device->context : NULL;
}

cl_device_id clf_device_id(const clf_device *device) {
    return device != NULL ? device->id : NULL;
}
