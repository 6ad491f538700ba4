/* From aclInit to aclFinalize: repetition, use before and after, devices, contexts, what is left. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "acl_test.h"

static void test_beginning_and_end_are_counted(void **state) {
    (void)state;
    acl_test_prepare();
    acl_fails(aclFinalize(), ACL_ERROR_REPEAT_FINALIZE, "aclFinalize:");
    for (int round = 0; round < 3; ++round) {
        acl_succeeds(aclInit(NULL));
        acl_fails(aclInit(NULL), ACL_ERROR_REPEAT_INITIALIZE, "called already");
        acl_succeeds(aclnnInit(NULL));
        acl_succeeds(aclrtSetDevice(0));
        acl_succeeds(aclFinalize());
        acl_fails(aclFinalize(), ACL_ERROR_REPEAT_FINALIZE, "nothing to end");
        acl_succeeds(aclnnFinalize());
        acl_test_nothing_is_left();
    }
}

static void test_configuration_is_checked(void **state) {
    (void)state;
    acl_fails(aclInit("/no/such/file.json"), ACL_ERROR_INVALID_PARAM, "cannot be read");
    acl_succeeds(aclInit(""));
    acl_succeeds(aclFinalize());
    setenv("CLFORMER_ACL_STRICT", "yes", 1);
    acl_fails(aclInit(NULL), ACL_ERROR_INVALID_PARAM, "accepted: 0, 1");
    setenv("CLFORMER_ACL_STRICT", "1", 1);
    assert_false(clf_acl_is_strict());
    acl_succeeds(aclInit(NULL));
    assert_true(clf_acl_is_strict());
    acl_succeeds(aclFinalize());
    setenv("CLFORMER_ACL_STRICT", "0", 1);
    acl_succeeds(aclInit(NULL));
    assert_false(clf_acl_is_strict());
    clf_acl_set_strict(true);
    assert_true(clf_acl_is_strict());
    clf_acl_set_strict(false);
    unsetenv("CLFORMER_ACL_STRICT");
    acl_succeeds(aclFinalize());
}

/* Every runtime function, with arguments that would do inside. */
static void expect_from_all(int status, const char *part, aclrtStream stream, aclrtEvent event,
                            void *memory, void *host) {
    char bytes[8] = {0};
    void *address = NULL;
    void *handle = NULL;
    size_t free_bytes = 0;
    size_t total = 0;
    float time = 0;
    aclrtEventStatus event_status;
    aclrtEventRecordedStatus recorded;
    aclrtEventWaitStatus waiting;
    aclrtStreamStatus stream_status;
    acl_fails(aclrtSynchronizeDevice(), status, part);
    acl_fails(aclrtCreateStream(&handle), status, part);
    acl_fails(aclrtCreateStreamWithConfig(&handle, 0, 0), status, part);
    acl_fails(aclrtDestroyStream(stream), status, part);
    acl_fails(aclrtDestroyStreamForce(stream), status, part);
    acl_fails(aclrtSynchronizeStream(stream), status, part);
    acl_fails(aclrtSynchronizeStreamWithTimeout(stream, 1), status, part);
    acl_fails(aclrtStreamQuery(stream, &stream_status), status, part);
    acl_fails(aclrtStreamWaitEvent(stream, event), status, part);
    acl_fails(aclrtCreateEvent(&handle), status, part);
    acl_fails(aclrtCreateEventWithFlag(&handle, ACL_EVENT_SYNC), status, part);
    acl_fails(aclrtDestroyEvent(event), status, part);
    acl_fails(aclrtRecordEvent(event, stream), status, part);
    acl_fails(aclrtResetEvent(event, stream), status, part);
    acl_fails(aclrtQueryEvent(event, &event_status), status, part);
    acl_fails(aclrtQueryEventStatus(event, &recorded), status, part);
    acl_fails(aclrtQueryEventWaitStatus(event, &waiting), status, part);
    acl_fails(aclrtSynchronizeEvent(event), status, part);
    acl_fails(aclrtSynchronizeEventWithTimeout(event, 1), status, part);
    acl_fails(aclrtEventElapsedTime(&time, event, event), status, part);
    acl_fails(aclrtMalloc(&address, 8, ACL_MEM_MALLOC_HUGE_FIRST), status, part);
    acl_fails(aclrtMallocAlign32(&address, 8, ACL_MEM_MALLOC_HUGE_FIRST), status, part);
    acl_fails(aclrtMallocHost(&address, 8), status, part);
    acl_fails(aclrtFree(memory), status, part);
    acl_fails(aclrtFreeHost(host), status, part);
    acl_fails(aclrtGetMemInfo(ACL_HBM_MEM, &free_bytes, &total), status, part);
    acl_fails(aclrtMemcpy(memory, 8, bytes, 8, ACL_MEMCPY_HOST_TO_DEVICE), status, part);
    acl_fails(aclrtMemcpyAsync(memory, 8, bytes, 8, ACL_MEMCPY_HOST_TO_DEVICE, stream), status,
              part);
    acl_fails(aclrtMemset(memory, 8, 0, 8), status, part);
    acl_fails(aclrtMemsetAsync(memory, 8, 0, 8, stream), status, part);
    assert_null(address);
}

static void test_nothing_works_before_the_beginning_and_after_the_end(void **state) {
    (void)state;
    char bytes[8] = {0};
    int32_t id = 0;
    uint32_t count = 0;
    aclrtContext context = NULL;
    aclrtStream stream = NULL;
    aclrtEvent event = NULL;
    void *host = NULL;
    acl_test_prepare();
    expect_from_all(ACL_ERROR_UNINITIALIZE, "aclInit was not called", bytes, bytes, bytes, bytes);
    acl_fails(aclrtSetDevice(0), ACL_ERROR_UNINITIALIZE, "aclInit was not called");
    acl_fails(aclrtGetDevice(&id), ACL_ERROR_UNINITIALIZE, "aclInit was not called");
    acl_fails(aclrtGetDeviceCount(&count), ACL_ERROR_UNINITIALIZE, "aclInit was not called");
    acl_fails(aclrtCreateContext(&context, 0), ACL_ERROR_UNINITIALIZE, "aclInit was not called");

    acl_succeeds(aclInit(NULL));
    acl_succeeds(aclrtSetDevice(0));
    acl_succeeds(aclrtCreateStream(&stream));
    acl_succeeds(aclrtCreateEvent(&event));
    acl_succeeds(aclrtMallocHost(&host, 8));
    void *memory = acl_test_upload(bytes, sizeof bytes);
    acl_succeeds(aclrtRecordEvent(event, stream));
    acl_succeeds(aclFinalize()); /* releases them all */
    acl_test_nothing_is_left();
    expect_from_all(ACL_ERROR_UNINITIALIZE, "aclInit was not called", stream, event, memory, host);

    /* Handles of before stay dead in a new life. */
    acl_succeeds(aclInit(NULL));
    acl_fails(aclrtGetDevice(&id), ACL_ERROR_RT_CONTEXT_NULL, "this thread has no device");
    acl_succeeds(aclrtSetDevice(0));
    acl_fails(aclrtSynchronizeStream(stream), ACL_ERROR_RT_PARAM_INVALID, "was destroyed");
    acl_fails(aclrtSynchronizeEvent(event), ACL_ERROR_RT_PARAM_INVALID, "was destroyed");
    acl_fails(aclrtFree(memory), ACL_ERROR_RT_PARAM_INVALID, "was freed");
    acl_succeeds(aclFinalize());
    acl_test_nothing_is_left();
}

static void test_threads_without_a_device_are_told_so(void **state) {
    (void)state;
    void *address = NULL;
    aclrtStream stream = NULL;
    aclrtContext context = NULL;
    acl_test_prepare();
    acl_succeeds(aclInit(NULL));
    acl_fails(aclrtMalloc(&address, 8, ACL_MEM_MALLOC_HUGE_FIRST), ACL_ERROR_RT_CONTEXT_NULL,
              "after aclrtSetDevice");
    acl_fails(aclrtCreateStream(&stream), ACL_ERROR_RT_CONTEXT_NULL, "no device");
    acl_fails(aclrtSynchronizeStream(NULL), ACL_ERROR_RT_CONTEXT_NULL, "no device");
    acl_fails(aclrtGetCurrentContext(&context), ACL_ERROR_RT_CONTEXT_NULL, "no device");
    assert_null(aclrtGetSocName());
    acl_succeeds(aclFinalize());
}

static void test_devices_are_counted_and_named(void **state) {
    (void)state;
    uint32_t count = 0;
    int32_t id = -1;
    aclrtRunMode mode = ACL_DEVICE;
    acl_test_prepare();
    acl_succeeds(aclInit(NULL));
    acl_succeeds(aclrtGetDeviceCount(&count));
    assert_true(count >= 1);
    acl_fails(aclrtSetDevice((int32_t)count), ACL_ERROR_RT_INVALID_DEVICEID, "deviceId is");
    acl_fails(aclrtSetDevice(-1), ACL_ERROR_RT_INVALID_DEVICEID, "deviceId is -1");
    acl_fails(aclrtResetDevice(0), ACL_ERROR_RT_INVALID_DEVICEID, "device 0 is not in use");
    acl_succeeds(aclrtSetDevice(0));
    acl_succeeds(aclrtGetDevice(&id));
    assert_int_equal(id, 0);
    assert_true(strlen(aclrtGetSocName()) > 0);
    acl_succeeds(aclrtGetRunMode(&mode));
    assert_int_equal(mode, ACL_HOST);
    acl_succeeds(aclrtResetDevice(0));
    acl_test_nothing_is_left();
    acl_succeeds(aclFinalize());
}

static void test_a_device_that_cannot_be_had_is_an_error(void **state) {
    (void)state;
    uint32_t count = 0;
    acl_test_prepare();
    const char *value = getenv("CLFORMER_DEVICE");
    char *former = value != NULL ? strdup(value) : NULL;
    setenv("CLFORMER_DEVICE", "no such device", 1);
    acl_succeeds(aclInit(NULL));
    acl_succeeds(aclrtGetDeviceCount(&count));
    assert_int_equal(count, 1);
    acl_fails(aclrtSetDevice(0), ACL_ERROR_INVALID_DEVICE, "no such device");
    acl_succeeds(aclFinalize());
    if (former != NULL) {
        setenv("CLFORMER_DEVICE", former, 1);
    } else {
        unsetenv("CLFORMER_DEVICE");
    }
    free(former);
}

static void test_a_device_lives_until_the_last_reset(void **state) {
    (void)state;
    aclrtStream stream = NULL;
    aclrtEvent event = NULL;
    const char bytes[16] = "fifteen letters";
    acl_test_prepare();
    acl_succeeds(aclInit(NULL));
    acl_succeeds(aclrtSetDevice(0));
    acl_succeeds(aclrtSetDevice(0));
    acl_succeeds(aclrtCreateStream(&stream));
    acl_succeeds(aclrtCreateEvent(&event));
    void *memory = acl_test_upload(bytes, sizeof bytes);
    acl_succeeds(aclrtResetDevice(0));
    acl_succeeds(aclrtSynchronizeStream(stream));
    acl_succeeds(aclrtResetDevice(0));
    acl_test_nothing_is_left();
    acl_fails(aclrtSynchronizeStream(stream), ACL_ERROR_RT_PARAM_INVALID, "was destroyed");
    acl_fails(aclrtFree(memory), ACL_ERROR_RT_PARAM_INVALID, "was freed");
    acl_fails(aclrtResetDevice(0), ACL_ERROR_RT_INVALID_DEVICEID, "not in use");

    acl_succeeds(aclrtSetDevice(0));
    acl_succeeds(aclrtSetDevice(0));
    acl_succeeds(aclrtResetDeviceForce(0));
    acl_test_nothing_is_left();
    acl_succeeds(aclFinalize());
}

static void test_contexts_stand_for_devices(void **state) {
    (void)state;
    aclrtContext own = NULL;
    aclrtContext made = NULL;
    aclrtContext current = NULL;
    int32_t id = 0;
    acl_test_prepare();
    acl_succeeds(aclInit(NULL));
    acl_succeeds(aclrtCreateContext(&made, 0));
    acl_succeeds(aclrtGetCurrentContext(&current));
    assert_ptr_equal(current, made);
    acl_succeeds(aclrtSetDevice(0));
    acl_succeeds(aclrtGetCurrentContext(&own));
    assert_ptr_not_equal(own, made);
    acl_fails(aclrtDestroyContext(own), ACL_ERROR_RT_PARAM_INVALID, "a device's own");
    acl_succeeds(aclrtResetDevice(0)); /* the context made keeps it open */
    acl_succeeds(aclrtSetCurrentContext(made));
    acl_succeeds(aclrtGetDevice(&id));
    acl_succeeds(aclrtDestroyContext(made));
    acl_test_nothing_is_left();
    acl_fails(aclrtGetDevice(&id), ACL_ERROR_RT_CONTEXT_NULL, "no device");
    acl_fails(aclrtDestroyContext(made), ACL_ERROR_RT_PARAM_INVALID, "was destroyed");
    acl_fails(aclrtSetCurrentContext(made), ACL_ERROR_RT_PARAM_INVALID, "was destroyed");
    acl_fails(aclrtSetCurrentContext(&made), ACL_ERROR_RT_PARAM_INVALID, "not a handle");
    acl_succeeds(aclFinalize());
}

static void test_results_need_a_place(void **state) {
    (void)state;
    acl_test_prepare();
    acl_succeeds(aclInit(NULL));
    acl_succeeds(aclrtSetDevice(0));
    int32_t version = 0;
    acl_fails(aclrtGetDevice(NULL), ACL_ERROR_INVALID_PARAM, "NULL");
    acl_fails(aclrtGetDeviceCount(NULL), ACL_ERROR_INVALID_PARAM, "NULL");
    acl_fails(aclrtGetRunMode(NULL), ACL_ERROR_INVALID_PARAM, "NULL");
    acl_fails(aclrtCreateContext(NULL, 0), ACL_ERROR_INVALID_PARAM, "NULL");
    acl_fails(aclrtGetCurrentContext(NULL), ACL_ERROR_INVALID_PARAM, "NULL");
    acl_fails(aclrtCreateStream(NULL), ACL_ERROR_INVALID_PARAM, "NULL");
    acl_fails(aclrtCreateEvent(NULL), ACL_ERROR_INVALID_PARAM, "NULL");
    acl_fails(aclrtDestroyStream(NULL), ACL_ERROR_INVALID_PARAM, "NULL");
    acl_fails(aclrtDestroyEvent(NULL), ACL_ERROR_INVALID_PARAM, "NULL");
    acl_fails(aclrtStreamQuery(NULL, NULL), ACL_ERROR_INVALID_PARAM, "NULL");
    acl_fails(aclrtQueryEvent(NULL, NULL), ACL_ERROR_INVALID_PARAM, "NULL");
    acl_fails(aclrtEventElapsedTime(NULL, NULL, NULL), ACL_ERROR_INVALID_PARAM, "NULL");
    acl_fails(aclrtGetVersion(&version, NULL, &version), ACL_ERROR_INVALID_PARAM, "NULL");
    acl_succeeds(aclrtGetVersion(&version, &version, &version));
    acl_succeeds(aclFinalize());
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_beginning_and_end_are_counted),
        cmocka_unit_test(test_configuration_is_checked),
        cmocka_unit_test(test_nothing_works_before_the_beginning_and_after_the_end),
        cmocka_unit_test(test_threads_without_a_device_are_told_so),
        cmocka_unit_test(test_devices_are_counted_and_named),
        cmocka_unit_test(test_a_device_that_cannot_be_had_is_an_error),
        cmocka_unit_test(test_a_device_lives_until_the_last_reset),
        cmocka_unit_test(test_contexts_stand_for_devices),
        cmocka_unit_test(test_results_need_a_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
