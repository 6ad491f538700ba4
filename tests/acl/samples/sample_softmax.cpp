// aclnnScaledMaskedSoftmax on 1..16 as a tensor of 2x2x2x2, every other row fully masked.
#include "aclnnop/aclnn_scaled_masked_softmax.h"
#include "cann_sample.hpp"

int main() {
    const int32_t deviceId = 0;
    aclrtStream stream;
    auto ret = Init(deviceId, &stream);
    CHECK_RET(ret == ACL_SUCCESS, return ret);

    const std::vector<int64_t> shape = {2, 2, 2, 2};
    std::vector<float> xHostData(16);
    for (size_t i = 0; i < xHostData.size(); i++) {
        xHostData[i] = static_cast<float>(i + 1);
    }
    const std::vector<char> maskHostData = {1, 1, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0};
    const std::vector<float> yHostData(16, 0);
    void *xDeviceAddr = nullptr;
    void *maskDeviceAddr = nullptr;
    void *yDeviceAddr = nullptr;
    aclTensor *x = nullptr;
    aclTensor *mask = nullptr;
    aclTensor *y = nullptr;
    ret = CreateAclTensor(xHostData, shape, &xDeviceAddr, aclDataType::ACL_FLOAT, &x);
    CHECK_RET(ret == ACL_SUCCESS, return ret);
    ret = CreateAclTensor(maskHostData, shape, &maskDeviceAddr, aclDataType::ACL_BOOL, &mask);
    CHECK_RET(ret == ACL_SUCCESS, return ret);
    ret = CreateAclTensor(yHostData, shape, &yDeviceAddr, aclDataType::ACL_FLOAT, &y);
    CHECK_RET(ret == ACL_SUCCESS, return ret);

    const double scale = 1.0;
    const bool fixedTriuMask = false;
    uint64_t workspaceSize = 0;
    aclOpExecutor *executor;
    ret = aclnnScaledMaskedSoftmaxGetWorkspaceSize(x, mask, scale, fixedTriuMask, y, &workspaceSize,
                                                   &executor);
    CHECK_RET(ret == ACL_SUCCESS, LOG_PRINT("phase 1: %d %s\n", ret, aclGetRecentErrMsg());
              return ret);
    ret = RunWithWorkspace(aclnnScaledMaskedSoftmax, workspaceSize, executor, stream);
    CHECK_RET(ret == ACL_SUCCESS, return ret);
    ret = PrintFloats("y", yDeviceAddr, 16);
    CHECK_RET(ret == ACL_SUCCESS, return ret);
    Finish(deviceId, stream, {x, mask, y}, {xDeviceAddr, maskDeviceAddr, yDeviceAddr});
    return 0;
}
