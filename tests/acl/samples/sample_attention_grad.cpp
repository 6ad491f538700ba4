// aclnnFlashAttentionScoreGrad of one head, two queries, three keys, with a position bias. The
// forward's results are given.
#include "aclnnop/aclnn_flash_attention_score_grad.h"
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
    std::vector<float> softmaxMaxHostData(16, 1.2125f);
    std::vector<float> softmaxSumHostData(16, 1.861152f);
    for (size_t i = 8; i < 16; i++) {
        softmaxMaxHostData[i] = 0.875f;
        softmaxSumHostData[i] = 1.406195f;
    }
    const struct {
        const std::vector<int64_t> &shape;
        std::vector<float> hostData;
    } made[] = {
        {qShape, {1, 0.5f, -0.5f, 2}},
        {kvShape, {0.5f, 1, 1, -1, 2, 0.25f}},
        {kvShape, {1, 2, 3, -1, 0.5f, 4}},
        {qShape, {1, -1, 0.5f, 2}},                      // dy
        {pseShape, {0.1f, -0.2f, 0.3f, 0, 0.5f, -0.5f}}, // pseShift
        {softmaxShape, softmaxMaxHostData},
        {softmaxShape, softmaxSumHostData},
        {qShape, {1.102722f, 2.517544f, 1.128211f, 2.032438f}}, // attentionIn
        {qShape, std::vector<float>(4, 0)},                     // dq
        {kvShape, std::vector<float>(6, 0)},                    // dk
        {kvShape, std::vector<float>(6, 0)},                    // dv
        {pseShape, std::vector<float>(6, 0)},                   // dpse
    };
    std::vector<void *> addresses;
    std::vector<aclTensor *> tensors;
    for (const auto &description : made) {
        void *address = nullptr;
        aclTensor *tensor = nullptr;
        ret = CreateAclTensor(description.hostData, description.shape, &address,
                              aclDataType::ACL_FLOAT, &tensor);
        CHECK_RET(ret == ACL_SUCCESS, return ret);
        addresses.push_back(address);
        tensors.push_back(tensor);
    }

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
    ret = aclnnFlashAttentionScoreGradGetWorkspaceSize(
        tensors[0], tensors[1], tensors[2], tensors[3], tensors[4], nullptr, nullptr, nullptr,
        tensors[5], tensors[6], nullptr, tensors[7], nullptr, scaleValue, keepProb, preTokens,
        nextTokens, headNum, layout, innerPrecise, sparseMode, tensors[8], tensors[9], tensors[10],
        tensors[11], &workspaceSize, &executor);
    CHECK_RET(ret == ACL_SUCCESS, LOG_PRINT("phase 1: %d %s\n", ret, aclGetRecentErrMsg());
              return ret);
    ret = RunWithWorkspace(aclnnFlashAttentionScoreGrad, workspaceSize, executor, stream);
    CHECK_RET(ret == ACL_SUCCESS, return ret);
    ret = PrintFloats("dq", addresses[8], 4);
    CHECK_RET(ret == ACL_SUCCESS, return ret);
    ret = PrintFloats("dk", addresses[9], 6);
    CHECK_RET(ret == ACL_SUCCESS, return ret);
    ret = PrintFloats("dv", addresses[10], 6);
    CHECK_RET(ret == ACL_SUCCESS, return ret);
    ret = PrintFloats("dpse", addresses[11], 6);
    CHECK_RET(ret == ACL_SUCCESS, return ret);
    Finish(deviceId, stream, tensors, addresses);
    return 0;
}
