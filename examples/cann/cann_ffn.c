/* A mixture of two experts as a program for CANN: token 0 goes to the first, tokens 1 and 2 to the
 * second. The same numbers as ffn.c, which uses clformer's own interface. */
#include <acl/acl.h>
#include <aclnnop/aclnn_ffn_v2.h>
#include <stdio.h>
#include <stdlib.h>

enum { TOKENS = 3, EXPERTS = 2, WIDTH = 2, HIDDEN = 4 };

static void check(int status) {
    if (status != ACL_SUCCESS) {
        fprintf(stderr, "%d: %s\n", status, aclGetRecentErrMsg());
        exit(EXIT_FAILURE);
    }
}

/* Copies fp16 numbers to the device; the address goes to *address. */
static aclTensor *make_tensor(const float *numbers, const int64_t *shape, uint64_t rank,
                              void **address) {
    int64_t count = 1;
    for (uint64_t axis = 0; axis < rank; ++axis)
        count *= shape[axis];
    const size_t bytes = (size_t)count * sizeof(aclFloat16);
    aclFloat16 *halves = (aclFloat16 *)malloc(bytes);
    if (halves == NULL)
        exit(EXIT_FAILURE);
    for (int64_t i = 0; i < count; ++i)
        halves[i] = aclFloatToFloat16(numbers[i]);
    check(aclrtMalloc(address, bytes, ACL_MEM_MALLOC_HUGE_FIRST));
    check(aclrtMemcpy(*address, bytes, halves, bytes, ACL_MEMCPY_HOST_TO_DEVICE));
    free(halves);
    return aclCreateTensor(shape, rank, ACL_FLOAT16, NULL, 0, ACL_FORMAT_ND, shape, rank, *address);
}

int main(void) {
    const int64_t x_shape[2] = {TOKENS, WIDTH};
    const int64_t weight1_shape[3] = {EXPERTS, WIDTH, HIDDEN};
    const int64_t weight2_shape[3] = {EXPERTS, HIDDEN, WIDTH};
    const int64_t tokens[EXPERTS] = {1, 2};
    const float x[TOKENS * WIDTH] = {1, 2, 3, -1, 0.5f, 0.25f};
    float weight1[EXPERTS * WIDTH * HIDDEN], weight2[EXPERTS * HIDDEN * WIDTH];
    for (int i = 0; i < EXPERTS * WIDTH * HIDDEN; ++i) {
        weight1[i] = 0.25f * (float)(i % 5) - 0.5f;
        weight2[i] = 0.5f * (float)(i % 3) - 0.5f;
    }

    aclrtStream stream;
    check(aclInit(NULL));
    check(aclrtSetDevice(0));
    check(aclrtCreateStream(&stream));
    void *addresses[4];
    aclTensor *tensors[4] = {
        make_tensor(x, x_shape, 2, &addresses[0]),
        make_tensor(weight1, weight1_shape, 3, &addresses[1]),
        make_tensor(weight2, weight2_shape, 3, &addresses[2]),
        make_tensor(x, x_shape, 2, &addresses[3]), /* y: will be written */
    };
    aclIntArray *expert_tokens = aclCreateIntArray(tokens, EXPERTS);

    /* Phase 1 checks and plans, phase 2 enqueues on the stream. */
    uint64_t workspace_size = 0;
    aclOpExecutor *executor = NULL;
    void *workspace = NULL;
    check(aclnnFFNV2GetWorkspaceSize(tensors[0], tensors[1], tensors[2], expert_tokens, NULL, NULL,
                                     NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, "relu", 0,
                                     false, tensors[3], &workspace_size, &executor));
    if (workspace_size > 0)
        check(aclrtMalloc(&workspace, workspace_size, ACL_MEM_MALLOC_HUGE_FIRST));
    check(aclnnFFNV2(workspace, workspace_size, executor, stream));
    check(aclrtSynchronizeStream(stream));

    aclFloat16 y[TOKENS][WIDTH];
    check(aclrtMemcpy(y, sizeof y, addresses[3], sizeof y, ACL_MEMCPY_DEVICE_TO_HOST));
    for (int token = 0; token < TOKENS; ++token)
        printf("%.4f %.4f\n", aclFloat16ToFloat(y[token][0]), aclFloat16ToFloat(y[token][1]));

    if (workspace_size > 0)
        check(aclrtFree(workspace));
    check(aclDestroyIntArray(expert_tokens));
    for (int i = 0; i < 4; ++i) {
        check(aclDestroyTensor(tensors[i]));
        check(aclrtFree(addresses[i]));
    }
    check(aclrtDestroyStream(stream));
    check(aclrtResetDevice(0));
    check(aclFinalize());
    return EXIT_SUCCESS;
}
