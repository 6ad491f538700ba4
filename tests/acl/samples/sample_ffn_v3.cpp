// aclnnFFNV3: four tokens through 2x2 weights with relu. The fp16 tensors are made of float vectors, so
// that two of their elements are one number of the vector.
#include "aclnnop/aclnn_ffn_v3.h"
#include "cann_sample.hpp"

int main() {
    const int32_t deviceId = 0;
    aclrtStream stream;
    auto ret = Init(deviceId, &stream);
    CHECK_RET(ret == ACL_SUCCESS, return ret);

    const std::vector<int64_t> xShape = {4, 2};
    const std::vector<int64_t> weightShape = {2, 2};
    const std::vector<float> xHostData = {0.1f, 0.2f, 0.3f, 0.4f, 0.5f, 0.6f, 0.7f, 0.8f};
    const std::vector<float> weight1HostData = {0.1f, 0.2f, 0.3f, 0.4f};
    const std::vector<float> weight2HostData = {0.4f, 0.3f, 0.2f, 0.1f};
    const std::vector<float> yHostData(8, 0);
    void *xDeviceAddr = nullptr;
    void *weight1DeviceAddr = nullptr;
    void *weight2DeviceAddr = nullptr;
    void *yDeviceAddr = nullptr;
    aclTensor *x = nullptr;
    aclTensor *weight1 = nullptr;
    aclTensor *weight2 = nullptr;
    aclTensor *y = nullptr;
    ret = CreateAclTensor(xHostData, xShape, &xDeviceAddr, aclDataType::ACL_FLOAT16, &x);
    CHECK_RET(ret == ACL_SUCCESS, return ret);
    ret = CreateAclTensor(weight1HostData, weightShape, &weight1DeviceAddr,
                          aclDataType::ACL_FLOAT16, &weight1);
    CHECK_RET(ret == ACL_SUCCESS, return ret);
    ret = CreateAclTensor(weight2HostData, weightShape, &weight2DeviceAddr,
                          aclDataType::ACL_FLOAT16, &weight2);
    CHECK_RET(ret == ACL_SUCCESS, return ret);
    ret = CreateAclTensor(yHostData, xShape, &yDeviceAddr, aclDataType::ACL_FLOAT16, &y);
    CHECK_RET(ret == ACL_SUCCESS, return ret);

    aclTensor *expertTokens = nullptr;
    const int64_t innerPrecise = 1;
    const bool tokensIndexFlag = false;
    uint64_t workspaceSize = 0;
    aclOpExecutor *executor;
    ret = aclnnFFNV3GetWorkspaceSize(x, weight1, weight2, expertTokens, nullptr, nullptr, nullptr,
                                     nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr,
                                     "relu", innerPrecise, tokensIndexFlag, y, &workspaceSize,
                                     &executor);
    CHECK_RET(ret == ACL_SUCCESS, LOG_PRINT("phase 1: %d %s\n", ret, aclGetRecentErrMsg());
              return ret);
    ret = RunWithWorkspace(aclnnFFNV3, workspaceSize, executor, stream);
    CHECK_RET(ret == ACL_SUCCESS, return ret);
    ret = PrintFloats("y", yDeviceAddr, 4); // the eight fp16 results, two by two
    CHECK_RET(ret == ACL_SUCCESS, return ret);
    Finish(deviceId, stream, {x, weight1, weight2, y},
           {xDeviceAddr, weight1DeviceAddr, weight2DeviceAddr, yDeviceAddr});
    return 0;
}
