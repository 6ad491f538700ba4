// aclnnFusedFloydAttentionGrad on ones, with statistics that no forward gives (3 and 3): the numbers
// overflow fp16, and what is printed are pairs of 0 and infinity. A number as first argument makes it
// smaller than the document's 256.
#include "aclnnop/aclnn_fused_floyd_attention_grad.h"
#include "cann_sample.hpp"

#include <cstdlib>

int main(int argc, char **argv) {
    const int32_t deviceId = 0;
    aclrtStream stream;
    auto ret = Init(deviceId, &stream);
    CHECK_RET(ret == ACL_SUCCESS, return ret);

    const int64_t B = 1;
    const int64_t N = 1;
    const int64_t S1 = argc > 1 ? atoi(argv[1]) : 256;
    const int64_t S2 = S1;
    const int64_t S3 = S1;
    const int64_t D = 128;
    const std::vector<int64_t> qShape = {B, N, S1, S2, D};
    const std::vector<int64_t> k1v1Shape = {B, N, S1, S3, D};
    const std::vector<int64_t> k2v2Shape = {B, N, S3, S2, D};
    const std::vector<int64_t> attenmaskShape = {B, 1, S1, 1, S3};
    const std::vector<int64_t> softmaxShape = {B, N, S1, S2, 8};
    // In the function's order: query .. value2, dy, softmaxMax, softmaxSum, attentionIn, dq .. dv2.
    const struct {
        const std::vector<int64_t> &shape;
        float value;
        aclDataType dataType;
    } made[] = {
        {qShape, 1.0f, aclDataType::ACL_FLOAT16},     {k1v1Shape, 1.0f, aclDataType::ACL_FLOAT16},
        {k1v1Shape, 1.0f, aclDataType::ACL_FLOAT16},  {k2v2Shape, 1.0f, aclDataType::ACL_FLOAT16},
        {k2v2Shape, 1.0f, aclDataType::ACL_FLOAT16},  {qShape, 1.0f, aclDataType::ACL_FLOAT16},
        {softmaxShape, 3.0f, aclDataType::ACL_FLOAT}, {softmaxShape, 3.0f, aclDataType::ACL_FLOAT},
        {qShape, 1.0f, aclDataType::ACL_FLOAT16},     {qShape, 0.0f, aclDataType::ACL_FLOAT16},
        {k1v1Shape, 0.0f, aclDataType::ACL_FLOAT16},  {k1v1Shape, 0.0f, aclDataType::ACL_FLOAT16},
        {k2v2Shape, 0.0f, aclDataType::ACL_FLOAT16},  {k2v2Shape, 0.0f, aclDataType::ACL_FLOAT16},
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
    const std::vector<uint8_t> maskHostData(static_cast<size_t>(GetShapeSize(attenmaskShape)), 0);
    void *maskDeviceAddr = nullptr;
    aclTensor *mask = nullptr;
    ret = CreateAclTensor(maskHostData, attenmaskShape, &maskDeviceAddr, aclDataType::ACL_UINT8,
                          &mask);
    CHECK_RET(ret == ACL_SUCCESS, return ret);
    addresses.push_back(maskDeviceAddr);
    tensors.push_back(mask);

    const double scaleValue = 1.0 / sqrt(128);
    uint64_t workspaceSize = 0;
    aclOpExecutor *executor;
    ret = aclnnFusedFloydAttentionGradGetWorkspaceSize(
        tensors[0], tensors[1], tensors[2], tensors[3], tensors[4], tensors[5], mask, tensors[6],
        tensors[7], tensors[8], scaleValue, tensors[9], tensors[10], tensors[11], tensors[12],
        tensors[13], &workspaceSize, &executor);
    CHECK_RET(ret == ACL_SUCCESS, LOG_PRINT("phase 1: %d %s\n", ret, aclGetRecentErrMsg());
              return ret);
    ret = RunWithWorkspace(aclnnFusedFloydAttentionGrad, workspaceSize, executor, stream);
    CHECK_RET(ret == ACL_SUCCESS, return ret);
    ret = PrintFloats("dq", addresses[9], 4);
    CHECK_RET(ret == ACL_SUCCESS, return ret);
    Finish(deviceId, stream, tensors, addresses);
    return 0;
}
