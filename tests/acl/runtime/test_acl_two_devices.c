/* Two devices: whose stream, whose memory, copies between them. */
#include <stdio.h>
#include <string.h>

#include "acl_operator.h"
#include "acl_test.h"

#define SIZE 5000

static void test_streams_and_memory_of_two_devices_do_not_mix(void **state) {
    (void)state;
    const float x[8] = {0};
    uint64_t size = 0;
    aclOpExecutor *executor = NULL;
    aclrtStream stream = NULL;
    aclrtEvent event = NULL;
    void *memory[2];
    acl_succeeds(aclrtSetDevice(1));
    memory[1] = acl_test_upload(x, sizeof x);
    acl_succeeds(aclrtCreateStream(&stream));
    acl_succeeds(aclrtCreateEvent(&event));
    acl_succeeds(aclrtSetDevice(0));
    memory[0] = acl_test_upload(x, sizeof x);
    aclTensor *near = own_tensor(2, 4, memory[0]);
    aclTensor *far = own_tensor(2, 4, memory[1]);

    acl_fails(own_softmax_plan(near, far, &size, &executor), ACLNN_ERR_PARAM_INVALID,
              "y lies on device 1 and a tensor before it on device 0");
    acl_succeeds(own_softmax_plan(near, near, &size, &executor));
    acl_fails(own_softmax(NULL, 0, executor, stream), ACLNN_ERR_PARAM_INVALID,
              "stream is of device 1 and the tensors of device 0");
    acl_fails(aclSetTensorAddr(executor, 0, near, memory[1]), ACLNN_ERR_PARAM_INVALID,
              "on another device");
    acl_succeeds(own_softmax(NULL, 0, executor, NULL));
    acl_succeeds(aclrtSynchronizeStream(NULL));
    /* The tensors' device, not the thread's, is the operator's. */
    acl_succeeds(own_softmax_plan(far, far, &size, &executor));
    acl_succeeds(own_softmax(NULL, 0, executor, stream));
    acl_succeeds(aclrtSynchronizeStream(stream));

    acl_fails(aclrtMemcpyAsync(memory[0], 8, x, 8, ACL_MEMCPY_HOST_TO_DEVICE, stream),
              ACL_ERROR_RT_STREAM_CONTEXT, "stream is of device 1 and the memory of device 0");
    acl_fails(aclrtMemsetAsync(memory[0], 8, 0, 8, stream), ACL_ERROR_RT_STREAM_CONTEXT,
              "stream is of device 1");
    acl_fails(aclrtRecordEvent(event, NULL), ACL_ERROR_RT_STREAM_CONTEXT,
              "stream is of device 0 and event of device 1");
    acl_fails(aclrtStreamWaitEvent(NULL, event), ACL_ERROR_RT_STREAM_CONTEXT, "event of device 1");
    acl_succeeds(aclrtRecordEvent(event, stream));

    acl_succeeds(aclDestroyTensor(near));
    acl_succeeds(aclDestroyTensor(far));
    acl_succeeds(aclrtFree(memory[0]));
    acl_succeeds(aclrtFree(memory[1]));
    acl_succeeds(aclrtDestroyEvent(event));
    acl_succeeds(aclrtDestroyStream(stream));
    acl_succeeds(aclrtResetDevice(1));
    acl_succeeds(aclrtResetDevice(0));
}

static void test_copies_between_devices_arrive(void **state) {
    (void)state;
    unsigned char bytes[SIZE];
    unsigned char back[SIZE] = {0};
    int32_t id = -1;
    aclrtStream stream = NULL;
    for (size_t i = 0; i < SIZE; ++i) {
        bytes[i] = (unsigned char)(i * 7);
    }
    unsigned char *memory[2];
    for (int32_t device = 0; device < 2; ++device) {
        acl_succeeds(aclrtSetDevice(device));
        acl_succeeds(aclrtGetDevice(&id));
        assert_int_equal(id, device);
        memory[device] = acl_test_upload(back, SIZE);
    }
    acl_succeeds(aclrtCreateStream(&stream));
    acl_succeeds(aclrtMemcpyAsync(memory[1], SIZE, bytes, SIZE, ACL_MEMCPY_HOST_TO_DEVICE, stream));
    acl_succeeds(aclrtMemcpyAsync(memory[0] + 3, SIZE - 3, memory[1], SIZE - 3,
                                  ACL_MEMCPY_DEVICE_TO_DEVICE, stream));
    acl_succeeds(aclrtMemcpy(back, SIZE, memory[0], SIZE, ACL_MEMCPY_DEVICE_TO_HOST));
    assert_int_equal(back[0] + back[1] + back[2], 0);
    assert_memory_equal(back + 3, bytes, SIZE - 3);
    acl_succeeds(aclrtMemcpy(memory[1], SIZE, memory[0], SIZE, ACL_MEMCPY_INTER_DEVICE_TO_DEVICE));
    acl_succeeds(aclrtMemcpy(back, SIZE, memory[1], SIZE, ACL_MEMCPY_DEFAULT));
    assert_memory_equal(back + 3, bytes, SIZE - 3);
    acl_succeeds(aclrtResetDevice(1));
    acl_fails(aclrtFree(memory[1]), ACL_ERROR_RT_PARAM_INVALID, "was freed");
    acl_fails(aclrtGetDevice(&id), ACL_ERROR_RT_CONTEXT_NULL, "no device");
    acl_succeeds(aclrtFree(memory[0])); /* the other device lives on */
    acl_succeeds(aclrtResetDevice(0));
}

static int begin(void **state) {
    (void)state;
    acl_succeeds(aclInit(NULL));
    return 0;
}

static int end(void **state) {
    (void)state;
    acl_succeeds(aclFinalize());
    acl_test_nothing_is_left();
    return 0;
}

int main(void) {
    uint32_t count = 0;
    acl_test_prepare();
    acl_succeeds(aclInit(NULL));
    acl_succeeds(aclrtGetDeviceCount(&count));
    acl_succeeds(aclFinalize());
    if (count < 2) {
        printf("skipped: this machine has %u OpenCL devices, two are needed\n", (unsigned)count);
        return 77;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_streams_and_memory_of_two_devices_do_not_mix),
        cmocka_unit_test(test_copies_between_devices_arrive),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
