/* See aclnn_bridge.h. */
#include "aclnn_bridge.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmocka_all.h"

void aclnn_expect_status_at(int status, int expected, const char *expression, const char *file,
                            int line) {
    if (status != expected) {
        print_error("%s is %d \"%s\", expected %d\n", expression, status, aclGetRecentErrMsg(),
                    expected);
        _fail(file, line);
    }
}

void aclnn_bridge_begin(aclnn_bridge *bridge) {
    memset(bridge, 0, sizeof *bridge);
    bridge->format = ACL_FORMAT_ND;
    aclnn_succeeds(aclInit(NULL));
    aclnn_succeeds(aclrtSetDevice(0));
    aclnn_succeeds(aclrtCreateStream(&bridge->stream));
}

void aclnn_bridge_end(aclnn_bridge *bridge) {
    aclnn_bridge_forget(bridge);
    aclnn_bridge_free_places(bridge);
    aclnn_succeeds(aclrtDestroyStream(bridge->stream));
    aclnn_succeeds(aclrtResetDevice(0));
    aclnn_succeeds(aclFinalize());
}

void aclnn_bridge_place(aclnn_bridge *bridge, const clf_tensor *view, const test_tensor *memory) {
    assert_true(bridge->num_places < ACLNN_BRIDGE_MAX_TENSORS);
    aclnn_place *place = &bridge->places[bridge->num_places++];
    size_t num_bytes = clf_dtype_size(view->dtype);
    for (int32_t axis = 0; axis < view->rank; axis++) {
        num_bytes *= (size_t)view->shape[axis];
    }
    place->view = view;
    place->memory = memory;
    place->num_bytes = memory != NULL ? memory->num_bytes : num_bytes;
    aclnn_succeeds(aclrtMalloc(&place->address, place->num_bytes, ACL_MEM_MALLOC_HUGE_FIRST));
    if (memory != NULL) {
        aclnn_succeeds(aclrtMemcpy(place->address, place->num_bytes, memory->image,
                                   place->num_bytes, ACL_MEMCPY_HOST_TO_DEVICE));
    } else {
        aclnn_succeeds(aclrtMemset(place->address, num_bytes, 0, num_bytes));
    }
}

void aclnn_bridge_restore(aclnn_bridge *bridge) {
    for (size_t i = 0; i < bridge->num_places; i++) {
        const aclnn_place *place = &bridge->places[i];
        if (place->memory != NULL) {
            aclnn_succeeds(aclrtMemcpy(place->address, place->num_bytes, place->memory->image,
                                       place->num_bytes, ACL_MEMCPY_HOST_TO_DEVICE));
        }
    }
}

void aclnn_bridge_set_addresses(aclnn_bridge *bridge) {
    aclnn_succeeds(aclSetAclOpExecutorRepeatable(bridge->executor));
    for (size_t i = 0; i < bridge->num_tensors; i++) {
        aclnn_succeeds(
            aclSetTensorAddr(bridge->executor, 0, bridge->tensors[i], bridge->addresses[i]));
    }
}

void aclnn_bridge_compare(const aclnn_bridge *bridge, char *problem, size_t capacity) {
    problem[0] = '\0';
    for (size_t i = 0; i < bridge->num_places && problem[0] == '\0'; i++) {
        const aclnn_place *place = &bridge->places[i];
        if (place->memory == NULL) {
            continue;
        }
        unsigned char *bytes = (unsigned char *)malloc(place->num_bytes);
        assert_non_null(bytes);
        aclnn_succeeds(aclrtMemcpy(bytes, place->num_bytes, place->address, place->num_bytes,
                                   ACL_MEMCPY_DEVICE_TO_HOST));
        for (size_t at = 0; at < place->num_bytes && problem[0] == '\0'; at++) {
            if (bytes[at] != place->memory->result[at]) {
                snprintf(problem, capacity, "tensor %zu of the case, byte %zu of %zu: %u, not %u",
                         i, at, place->num_bytes, bytes[at], place->memory->result[at]);
            }
        }
        free(bytes);
    }
}

void aclnn_bridge_forget(aclnn_bridge *bridge) {
    for (size_t i = 0; i < bridge->num_tensors; i++) {
        aclnn_succeeds(aclDestroyTensor(bridge->tensors[i]));
    }
    for (size_t i = 0; i < bridge->num_arrays; i++) {
        aclnn_succeeds(aclDestroyIntArray(bridge->arrays[i]));
    }
    bridge->num_tensors = 0;
    bridge->num_arrays = 0;
}

void aclnn_bridge_free_places(aclnn_bridge *bridge) {
    for (size_t i = 0; i < bridge->num_places; i++) {
        aclnn_succeeds(aclrtFree(bridge->places[i].address));
    }
    bridge->num_places = 0;
}

aclnnStatus aclnn_bridge_run(aclnn_bridge *bridge, aclnn_phase2 phase2) {
    void *workspace = NULL;
    if (bridge->workspace_size > 0) {
        aclnn_succeeds(aclrtMalloc(&workspace, bridge->workspace_size, ACL_MEM_MALLOC_HUGE_FIRST));
    }
    const aclnnStatus status =
        phase2(workspace, bridge->workspace_size, bridge->executor, bridge->stream);
    aclnn_succeeds(aclrtSynchronizeStream(bridge->stream));
    if (workspace != NULL) {
        aclnn_succeeds(aclrtFree(workspace));
    }
    return status;
}
