// aclnnFusedFloydAttention on ones: float vectors as fp16 tensors, so that every second element is 0
// and the others are 1.875. The mask has all axes, and nothing in it is set.
#include "aclnnop/aclnn_fused_floyd_attention.h"
#include "cann_sample.hpp"

int main() {
    const int32_t deviceId = 0;
    aclrtStream stream;
    auto ret = Init(deviceId, &stream);
    CHECK_RET(ret == ACL_SUCCESS, return ret);

    const int64_t B = 1;
    const int64_t H = 32;
    const int64_t N = 128;
    const int64_t M = 128;
    const int64_t K = 128;
    const int64_t D = 32;
    const std::vector<int64_t> qShape = {B, H, N, M, D};
    const std::vector<int64_t> k1Shape = {B, H, N, K, D};
    const std::vector<int64_t> k2Shape = {B, H, K, M, D};
    const std::vector<int64_t> maskShape = {B, H, N, M, K};
    const std::vector<int64_t> softmaxShape = {B, H, N, M, 8};
    const struct {
        const std::vector<int64_t> &shape;
        float value;
        aclDataType dataType;
    } made[] = {
        {qShape, 1.0f, aclDataType::ACL_FLOAT16},     {k1Shape, 1.0f, aclDataType::ACL_FLOAT16},
        {k1Shape, 1.0f, aclDataType::ACL_FLOAT16},    {k2Shape, 1.0f, aclDataType::ACL_FLOAT16},
        {k2Shape, 1.0f, aclDataType::ACL_FLOAT16},    {softmaxShape, 0.0f, aclDataType::ACL_FLOAT},
        {softmaxShape, 0.0f, aclDataType::ACL_FLOAT}, {qShape, 0.0f, aclDataType::ACL_FLOAT16},
    };
    std::vector<void *> addresses;
    std::vector<aclTensor *> tensors;
    for (const auto &description : made) {
        const std::vector<float> hostData(static_cast<size_t>(GetShapeSize(description.shape)),
                                          description.value);
        void *address = nullptr;
        aclTensor *tensor = nullptr;
        ret = CreateAclTensor(hostData, description.shape, &address, description.dataType, &tensor);
        CHECK_RET(ret == ACL_SUCCESS, return ret);
        addresses.push_back(address);
        tensors.push_back(tensor);
    }
    const std::vector<uint8_t> maskHostData(static_cast<size_t>(GetShapeSize(maskShape)), 0);
    void *maskDeviceAddr = nullptr;
    aclTensor *mask = nullptr;
    ret = CreateAclTensor(maskHostData, maskShape, &maskDeviceAddr, aclDataType::ACL_UINT8, &mask);
    CHECK_RET(ret == ACL_SUCCESS, return ret);
    addresses.push_back(maskDeviceAddr);
    tensors.push_back(mask);

    const double scaleValue = 1.0;
    uint64_t workspaceSize = 0;
    aclOpExecutor *executor;
    ret = aclnnFusedFloydAttentionGetWorkspaceSize(
        tensors[0], tensors[1], tensors[2], tensors[3], tensors[4], mask, scaleValue, tensors[5],
        tensors[6], tensors[7], &workspaceSize, &executor);
    CHECK_RET(ret == ACL_SUCCESS, LOG_PRINT("phase 1: %d %s\n", ret, aclGetRecentErrMsg());
              return ret);
    ret = RunWithWorkspace(aclnnFusedFloydAttention, workspaceSize, executor, stream);
    CHECK_RET(ret == ACL_SUCCESS, return ret);
    ret = PrintFloats("softmaxMax", addresses[5], 4);
    CHECK_RET(ret == ACL_SUCCESS, return ret);
    ret = PrintFloats("softmaxSum", addresses[6], 4);
    CHECK_RET(ret == ACL_SUCCESS, return ret);
    ret = PrintFloats("attentionOut", addresses[7], 8);
    CHECK_RET(ret == ACL_SUCCESS, return ret);
    Finish(deviceId, stream, tensors, addresses);
    return 0;
}
