/* The ACL library from C99: bytes there and back, through the middle of an allocation. */
#include <acl/acl.h>
#include <aclnn/aclnn_base.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void check(aclError status) {
    if (status != ACL_SUCCESS) {
        fprintf(stderr, "%d: %s\n", status, aclGetRecentErrMsg());
        exit(EXIT_FAILURE);
    }
}

int main(void) {
    char text[16] = "device memory";
    void *memory = NULL;
    aclrtStream stream = NULL;

    check(aclInit(NULL));
    check(aclrtSetDevice(0));
    check(aclrtCreateStream(&stream));
    check(aclrtMalloc(&memory, 32, ACL_MEM_MALLOC_HUGE_FIRST));
    check(aclrtMemcpyAsync((char *)memory + 16, 16, text, 16, ACL_MEMCPY_HOST_TO_DEVICE, stream));
    check(aclrtSynchronizeStream(stream));
    memset(text, 0, sizeof text);
    check(aclrtMemcpy(text, 16, (char *)memory + 16, 16, ACL_MEMCPY_DEVICE_TO_HOST));
    printf("%s\n", text);
    check(aclrtFree(memory));
    if (aclrtFree(memory) == ACL_SUCCESS) {
        return EXIT_FAILURE;
    }
    check(aclrtDestroyStream(stream));
    check(aclrtResetDevice(0));
    check(aclFinalize());
    return EXIT_SUCCESS;
}
