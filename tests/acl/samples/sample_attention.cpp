// aclnnFlashAttentionScore: one head, two queries, three keys, with a position bias.
#include "aclnnop/aclnn_flash_attention_score.h"
#include "cann_sample.hpp"

int main() {
    const int32_t deviceId = 0;
    aclrtStream stream;
    auto ret = Init(deviceId, &stream);
    CHECK_RET(ret == ACL_SUCCESS, return ret);

    const std::vector<int64_t> qShape = {1, 1, 2, 2};
    const std::vector<int64_t> kvShape = {1, 1, 3, 2};
    const std::vector<int64_t> pseShape = {1, 1, 2, 3};
    const std::vector<int64_t> softmaxShape = {1, 1, 2, 8};
    const std::vector<float> qHostData = {1, 0.5f, -0.5f, 2};
    const std::vector<float> kHostData = {0.5f, 1, 1, -1, 2, 0.25f};
    const std::vector<float> vHostData = {1, 2, 3, -1, 0.5f, 4};
    const std::vector<float> pseHostData = {0.1f, -0.2f, 0.3f, 0, 0.5f, -0.5f};
    const std::vector<float> softmaxHostData(16, 0);
    const std::vector<float> outHostData(4, 0);
    void *addresses[7];
    aclTensor *tensors[7];
    ret = CreateAclTensor(qHostData, qShape, &addresses[0], aclDataType::ACL_FLOAT, &tensors[0]);
    CHECK_RET(ret == ACL_SUCCESS, return ret);
    ret = CreateAclTensor(kHostData, kvShape, &addresses[1], aclDataType::ACL_FLOAT, &tensors[1]);
    CHECK_RET(ret == ACL_SUCCESS, return ret);
    ret = CreateAclTensor(vHostData, kvShape, &addresses[2], aclDataType::ACL_FLOAT, &tensors[2]);
    CHECK_RET(ret == ACL_SUCCESS, return ret);
    ret =
        CreateAclTensor(pseHostData, pseShape, &addresses[3], aclDataType::ACL_FLOAT, &tensors[3]);
    CHECK_RET(ret == ACL_SUCCESS, return ret);
    for (int i = 4; i < 6; i++) {
        ret = CreateAclTensor(softmaxHostData, softmaxShape, &addresses[i], aclDataType::ACL_FLOAT,
                              &tensors[i]);
        CHECK_RET(ret == ACL_SUCCESS, return ret);
    }
    ret = CreateAclTensor(outHostData, qShape, &addresses[6], aclDataType::ACL_FLOAT, &tensors[6]);
    CHECK_RET(ret == ACL_SUCCESS, return ret);

    const double scaleValue = 0.5;
    const double keepProb = 1.0;
    const int64_t preTokens = 65536;
    const int64_t nextTokens = 65536;
    const int64_t headNum = 1;
    const int64_t innerPrecise = 0;
    const int64_t sparseMode = 0;
    char layout[5] = {'B', 'N', 'S', 'D', 0};
    uint64_t workspaceSize = 0;
    aclOpExecutor *executor;
    ret = aclnnFlashAttentionScoreGetWorkspaceSize(
        tensors[0], tensors[1], tensors[2], tensors[3], nullptr, nullptr, nullptr, nullptr,
        scaleValue, keepProb, preTokens, nextTokens, headNum, layout, innerPrecise, sparseMode,
        tensors[4], tensors[5], nullptr, tensors[6], &workspaceSize, &executor);
    CHECK_RET(ret == ACL_SUCCESS, LOG_PRINT("phase 1: %d %s\n", ret, aclGetRecentErrMsg());
              return ret);
    ret = RunWithWorkspace(aclnnFlashAttentionScore, workspaceSize, executor, stream);
    CHECK_RET(ret == ACL_SUCCESS, return ret);
    ret = PrintFloats("softmaxMax", addresses[4], 16);
    CHECK_RET(ret == ACL_SUCCESS, return ret);
    ret = PrintFloats("softmaxSum", addresses[5], 16);
    CHECK_RET(ret == ACL_SUCCESS, return ret);
    ret = PrintFloats("attentionOut", addresses[6], 4);
    CHECK_RET(ret == ACL_SUCCESS, return ret);
    Finish(deviceId, stream, std::vector<aclTensor *>(tensors, tensors + 7),
           std::vector<void *>(addresses, addresses + 7));
    return 0;
}
