/* The OpenCL devices of this machine, the best ones first, or the one that CLFORMER_DEVICE selects. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "acl/acl_device.h"
#include "acl/acl_failure.h"

#define NO_PLATFORM   (-1001) /* CL_PLATFORM_NOT_FOUND_KHR: the loader found no driver */
#define NUM_RANKS     4
#define MAX_PLATFORMS 64
#define MAX_DEVICES   64 /* of one platform */

static int query_rank(const char *function, cl_device_id id, int *out_rank) {
    static const cl_device_type types[NUM_RANKS - 1] = {
        CL_DEVICE_TYPE_GPU, CL_DEVICE_TYPE_ACCELERATOR, CL_DEVICE_TYPE_CPU};
    cl_device_type type = 0;
    const cl_int code = clGetDeviceInfo(id, CL_DEVICE_TYPE, sizeof type, &type, NULL);
    int rank = 0;
    while (rank < NUM_RANKS - 1 && (type & types[rank]) == 0) {
        ++rank;
    }
    *out_rank = rank;
    return clf_i_acl_check_cl(function, "clGetDeviceInfo", code);
}

static int append(const char *function, clf_i_acl_device_list *list, unsigned platform,
                  unsigned device) {
    char(*selectors)[24] = realloc(list->selectors, (list->count + 1) * sizeof *selectors);
    if (selectors == NULL) {
        return clf_i_acl_fail(ACL_ERROR_BAD_ALLOC, "%s: out of host memory", function);
    }
    list->selectors = selectors;
    snprintf(selectors[list->count++], sizeof *selectors, "%u:%u", platform, device);
    return ACL_SUCCESS;
}

/* Appends the devices of a platform that have the rank. */
static int append_devices(const char *function, clf_i_acl_device_list *list,
                          cl_platform_id platform, unsigned platform_index, int rank) {
    cl_device_id ids[MAX_DEVICES];
    cl_uint count = 0;
    const cl_int code = clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, MAX_DEVICES, ids, &count);
    if (code == CL_DEVICE_NOT_FOUND) {
        return ACL_SUCCESS;
    }
    int status = clf_i_acl_check_cl(function, "clGetDeviceIDs", code);
    for (cl_uint i = 0; i < count && i < MAX_DEVICES && status == ACL_SUCCESS; ++i) {
        int its_rank = 0;
        status = query_rank(function, ids[i], &its_rank);
        if (status == ACL_SUCCESS && its_rank == rank) {
            status = append(function, list, platform_index, i);
        }
    }
    return status;
}

static int append_all(const char *function, clf_i_acl_device_list *list) {
    cl_platform_id platforms[MAX_PLATFORMS];
    cl_uint count = 0;
    const cl_int code = clGetPlatformIDs(MAX_PLATFORMS, platforms, &count);
    if (code == NO_PLATFORM) {
        return ACL_SUCCESS;
    }
    int status = clf_i_acl_check_cl(function, "clGetPlatformIDs", code);
    for (int rank = 0; rank < NUM_RANKS; ++rank) {
        for (cl_uint i = 0; i < count && i < MAX_PLATFORMS && status == ACL_SUCCESS; ++i) {
            status = append_devices(function, list, platforms[i], i, rank);
        }
    }
    return status;
}

int clf_i_acl_device_list_query(const char *function, clf_i_acl_device_list *out_list) {
    memset(out_list, 0, sizeof *out_list);
    const char *chosen = getenv("CLFORMER_DEVICE");
    if (chosen != NULL && chosen[0] != '\0') {
        out_list->selectors = calloc(1, sizeof *out_list->selectors);
        out_list->count = out_list->selectors != NULL;
        return out_list->selectors != NULL
                   ? ACL_SUCCESS
                   : clf_i_acl_fail(ACL_ERROR_BAD_ALLOC, "%s: out of host memory", function);
    }
    const int status = append_all(function, out_list);
    if (status != ACL_SUCCESS) {
        clf_i_acl_device_list_clear(out_list);
    }
    return status;
}

void clf_i_acl_device_list_clear(clf_i_acl_device_list *list) {
    free(list->selectors);
    memset(list, 0, sizeof *list);
}
