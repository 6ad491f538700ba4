// aclnnScaledMaskedSoftmaxBackward with gradOutput = y = 1..16 as tensors of 2x2x2x2.
#include "aclnnop/aclnn_scaled_masked_softmax_backward.h"
#include "cann_sample.hpp"

int main() {
    const int32_t deviceId = 0;
    aclrtStream stream;
    auto ret = Init(deviceId, &stream);
    CHECK_RET(ret == ACL_SUCCESS, return ret);

    const std::vector<int64_t> shape = {2, 2, 2, 2};
    std::vector<float> numbers(16);
    for (size_t i = 0; i < numbers.size(); i++) {
        numbers[i] = static_cast<float>(i + 1);
    }
    const std::vector<char> maskHostData = {1, 1, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0};
    const std::vector<float> outHostData(16, 0);
    void *gradOutputDeviceAddr = nullptr;
    void *yDeviceAddr = nullptr;
    void *maskDeviceAddr = nullptr;
    void *outDeviceAddr = nullptr;
    aclTensor *gradOutput = nullptr;
    aclTensor *y = nullptr;
    aclTensor *mask = nullptr;
    aclTensor *out = nullptr;
    ret =
        CreateAclTensor(numbers, shape, &gradOutputDeviceAddr, aclDataType::ACL_FLOAT, &gradOutput);
    CHECK_RET(ret == ACL_SUCCESS, return ret);
    ret = CreateAclTensor(numbers, shape, &yDeviceAddr, aclDataType::ACL_FLOAT, &y);
    CHECK_RET(ret == ACL_SUCCESS, return ret);
    ret = CreateAclTensor(maskHostData, shape, &maskDeviceAddr, aclDataType::ACL_BOOL, &mask);
    CHECK_RET(ret == ACL_SUCCESS, return ret);
    ret = CreateAclTensor(outHostData, shape, &outDeviceAddr, aclDataType::ACL_FLOAT, &out);
    CHECK_RET(ret == ACL_SUCCESS, return ret);

    const double scale = 1.0;
    const bool fixTriuMask = false;
    uint64_t workspaceSize = 0;
    aclOpExecutor *executor;
    ret = aclnnScaledMaskedSoftmaxBackwardGetWorkspaceSize(gradOutput, y, mask, scale, fixTriuMask,
                                                           out, &workspaceSize, &executor);
    CHECK_RET(ret == ACL_SUCCESS, LOG_PRINT("phase 1: %d %s\n", ret, aclGetRecentErrMsg());
              return ret);
    ret = RunWithWorkspace(aclnnScaledMaskedSoftmaxBackward, workspaceSize, executor, stream);
    CHECK_RET(ret == ACL_SUCCESS, return ret);
    ret = PrintFloats("out", outDeviceAddr, 16);
    CHECK_RET(ret == ACL_SUCCESS, return ret);
    Finish(deviceId, stream, {gradOutput, y, mask, out},
           {gradOutputDeviceAddr, yDeviceAddr, maskDeviceAddr, outDeviceAddr});
    return 0;
}
