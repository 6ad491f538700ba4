// What every sample program does in the same way: begin, make tensors from host vectors, run, print.
// Only the interface of CANN is used, in the manner of its programs: a host vector of float stands for
// a tensor of any type, so a device buffer may be larger than the tensor's view needs.
#ifndef CANN_SAMPLE_HPP
#define CANN_SAMPLE_HPP

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <iostream>
#include <vector>

#include "acl/acl.h"

#define CHECK_RET(condition, otherwise)                                                            \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            otherwise;                                                                             \
        }                                                                                          \
    } while (0)

#define LOG_PRINT(...)                                                                             \
    do {                                                                                           \
        printf(__VA_ARGS__);                                                                       \
    } while (0)

inline int64_t GetShapeSize(const std::vector<int64_t> &shape) {
    int64_t size = 1;
    for (auto extent : shape) {
        size *= extent;
    }
    return size;
}

inline int Init(int32_t deviceId, aclrtStream *stream) {
    auto ret = aclInit(nullptr);
    CHECK_RET(ret == ACL_SUCCESS, LOG_PRINT("aclInit: %d\n", ret); return ret);
    ret = aclrtSetDevice(deviceId);
    CHECK_RET(ret == ACL_SUCCESS, LOG_PRINT("aclrtSetDevice: %d\n", ret); return ret);
    ret = aclrtCreateStream(stream);
    CHECK_RET(ret == ACL_SUCCESS, LOG_PRINT("aclrtCreateStream: %d\n", ret); return ret);
    return 0;
}

// Device memory with the vector's bytes, and a dense tensor of that shape at its beginning.
template <typename T>
int CreateAclTensor(const std::vector<T> &hostData, const std::vector<int64_t> &shape,
                    void **deviceAddr, aclDataType dataType, aclTensor **tensor) {
    const auto bytes = hostData.size() * sizeof(T);
    auto ret = aclrtMalloc(deviceAddr, bytes, ACL_MEM_MALLOC_HUGE_FIRST);
    CHECK_RET(ret == ACL_SUCCESS, LOG_PRINT("aclrtMalloc: %d\n", ret); return ret);
    ret = aclrtMemcpy(*deviceAddr, bytes, hostData.data(), bytes, ACL_MEMCPY_HOST_TO_DEVICE);
    CHECK_RET(ret == ACL_SUCCESS, LOG_PRINT("aclrtMemcpy: %d\n", ret); return ret);
    std::vector<int64_t> strides(shape.size(), 1);
    for (auto axis = shape.size(); axis-- > 1;) {
        strides[axis - 1] = shape[axis] * strides[axis];
    }
    *tensor = aclCreateTensor(shape.data(), shape.size(), dataType, strides.data(), 0,
                              aclFormat::ACL_FORMAT_ND, shape.data(), shape.size(), *deviceAddr);
    CHECK_RET(*tensor != nullptr, LOG_PRINT("aclCreateTensor: %s\n", aclGetRecentErrMsg());
              return -1);
    return 0;
}

// Prints the first `count` floats at a device address.
inline int PrintFloats(const char *name, void *deviceAddr, size_t count) {
    std::vector<float> values(count, 0);
    auto ret = aclrtMemcpy(values.data(), count * sizeof(float), deviceAddr, count * sizeof(float),
                           ACL_MEMCPY_DEVICE_TO_HOST);
    CHECK_RET(ret == ACL_SUCCESS, LOG_PRINT("aclrtMemcpy: %d\n", ret); return ret);
    for (size_t i = 0; i < count; i++) {
        LOG_PRINT("%s[%zu] is: %.7g\n", name, i, values[i]);
    }
    return 0;
}

// A two-phase function's second phase with the workspace that its first phase asked for.
template <typename Function>
int RunWithWorkspace(Function phase2, uint64_t workspaceSize, aclOpExecutor *executor,
                     aclrtStream stream) {
    void *workspaceAddr = nullptr;
    if (workspaceSize > 0) {
        auto ret = aclrtMalloc(&workspaceAddr, workspaceSize, ACL_MEM_MALLOC_HUGE_FIRST);
        CHECK_RET(ret == ACL_SUCCESS, LOG_PRINT("aclrtMalloc: %d\n", ret); return ret);
    }
    int ret = phase2(workspaceAddr, workspaceSize, executor, stream);
    CHECK_RET(ret == ACL_SUCCESS, LOG_PRINT("phase 2: %d %s\n", ret, aclGetRecentErrMsg());
              return ret);
    ret = aclrtSynchronizeStream(stream);
    CHECK_RET(ret == ACL_SUCCESS, LOG_PRINT("aclrtSynchronizeStream: %d\n", ret); return ret);
    if (workspaceSize > 0) {
        aclrtFree(workspaceAddr);
    }
    return 0;
}

inline void Finish(int32_t deviceId, aclrtStream stream, const std::vector<aclTensor *> &tensors,
                   const std::vector<void *> &addresses) {
    for (auto tensor : tensors) {
        aclDestroyTensor(tensor);
    }
    for (auto address : addresses) {
        aclrtFree(address);
    }
    aclrtDestroyStream(stream);
    aclrtResetDevice(deviceId);
    aclFinalize();
}

#endif
