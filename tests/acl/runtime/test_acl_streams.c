/* Streams and events: order, progress, timeouts, times, wrong handles. */
#include <string.h>

#include "acl/acl_stream.h"
#include "acl_test.h"

/* A stream whose later work waits for ..._open. */
typedef struct held_stream {
    aclrtStream stream;
    cl_event gate;
} held_stream;

static void hold(held_stream *held) {
    clf_i_acl_queue queue;
    cl_int code = CL_SUCCESS;
    acl_succeeds(clf_i_acl_queue_of("test", held->stream, &queue));
    held->gate = clCreateUserEvent(queue.device->context, &code);
    assert_int_equal(code, CL_SUCCESS);
    assert_int_equal(clEnqueueBarrierWithWaitList(queue.queue, 1, &held->gate, NULL), CL_SUCCESS);
    clf_i_acl_queue_done(&queue);
}

static void let_go(held_stream *held) {
    assert_int_equal(clSetUserEventStatus(held->gate, CL_COMPLETE), CL_SUCCESS);
    clReleaseEvent(held->gate);
}

static void expect_progress(aclrtStream stream, aclrtEvent event, bool is_complete) {
    aclrtStreamStatus of_stream = ACL_STREAM_STATUS_RESERVED;
    aclrtEventStatus of_event = ACL_EVENT_STATUS_RESERVED;
    aclrtEventRecordedStatus recorded = ACL_EVENT_RECORDED_STATUS_NOT_READY;
    aclrtEventWaitStatus waiting = ACL_EVENT_WAIT_STATUS_RESERVED;
    acl_succeeds(aclrtStreamQuery(stream, &of_stream));
    acl_succeeds(aclrtQueryEvent(event, &of_event));
    acl_succeeds(aclrtQueryEventStatus(event, &recorded));
    acl_succeeds(aclrtQueryEventWaitStatus(event, &waiting));
    if (!is_complete) { /* the opposite may come a little late */
        assert_int_equal(of_stream, ACL_STREAM_STATUS_NOT_READY);
    }
    assert_int_equal(of_event,
                     is_complete ? ACL_EVENT_STATUS_COMPLETE : ACL_EVENT_STATUS_NOT_READY);
    assert_int_equal(recorded, is_complete ? ACL_EVENT_RECORDED_STATUS_COMPLETE
                                           : ACL_EVENT_RECORDED_STATUS_NOT_READY);
    assert_int_equal(waiting, is_complete ? ACL_EVENT_WAIT_STATUS_COMPLETE
                                          : ACL_EVENT_WAIT_STATUS_NOT_READY);
}

static void test_progress_of_streams_and_events_is_told(void **state) {
    (void)state;
    held_stream held = {NULL, NULL};
    aclrtEvent event = NULL;
    acl_succeeds(aclrtCreateStream(&held.stream));
    acl_succeeds(aclrtCreateEventWithFlag(&event, ACL_EVENT_TIME_LINE));
    hold(&held);
    acl_succeeds(aclrtRecordEvent(event, held.stream));
    expect_progress(held.stream, event, false);
    acl_fails(aclrtSynchronizeStreamWithTimeout(held.stream, 0), ACL_ERROR_RT_STREAM_SYNC_TIMEOUT,
              "not complete after 0 ms");
    acl_fails(aclrtSynchronizeStreamWithTimeout(held.stream, 5), ACL_ERROR_RT_STREAM_SYNC_TIMEOUT,
              "not complete after 5 ms");
    acl_fails(aclrtSynchronizeEventWithTimeout(event, 5), ACL_ERROR_RT_EVENT_SYNC_TIMEOUT,
              "not complete after 5 ms");
    acl_fails(aclrtSynchronizeEventWithTimeout(event, -2), ACL_ERROR_RT_PARAM_INVALID,
              "timeout is -2 ms");
    let_go(&held);
    acl_succeeds(aclrtSynchronizeEventWithTimeout(event, 60000));
    expect_progress(held.stream, event, true);
    acl_succeeds(aclrtSynchronizeStreamWithTimeout(held.stream, 60000));
    acl_succeeds(aclrtSynchronizeStreamWithTimeout(held.stream, -1));
    acl_succeeds(aclrtSynchronizeEvent(event));
    acl_succeeds(aclrtDestroyEvent(event));
    acl_succeeds(aclrtDestroyStream(held.stream));
}

static void test_asynchronous_copies_take_their_place(void **state) {
    (void)state;
    held_stream held = {NULL, NULL};
    char first[32] = "not yet";
    const char second[32] = "there";
    void *device = acl_test_upload(first, sizeof first);
    acl_succeeds(aclrtCreateStream(&held.stream));
    hold(&held);
    acl_succeeds(aclrtMemcpyAsync(device, 32, second, 32, ACL_MEMCPY_HOST_TO_DEVICE, held.stream));
    acl_succeeds(aclrtMemcpy(first, 32, device, 32, ACL_MEMCPY_DEVICE_TO_HOST)); /* no wait */
    assert_string_equal(first, "not yet");
    let_go(&held);
    acl_succeeds(aclrtSynchronizeStream(held.stream));
    acl_succeeds(aclrtMemcpy(first, 32, device, 32, ACL_MEMCPY_DEVICE_TO_HOST));
    assert_string_equal(first, "there");
    acl_succeeds(aclrtDestroyStream(held.stream));
    acl_succeeds(aclrtFree(device));
}

static void test_streams_wait_for_events_of_others(void **state) {
    (void)state;
    held_stream held = {NULL, NULL};
    aclrtStream other = NULL;
    aclrtEvent event = NULL;
    unsigned char byte = 9;
    acl_succeeds(aclrtCreateStream(&held.stream));
    acl_succeeds(aclrtCreateStream(&other));
    acl_succeeds(aclrtCreateEvent(&event));
    unsigned char *device = acl_test_upload(&byte, 1);
    acl_succeeds(aclrtStreamWaitEvent(other, event)); /* not recorded: no wait */
    acl_succeeds(aclrtSynchronizeStream(other));

    hold(&held);
    acl_succeeds(aclrtMemsetAsync(device, 1, 1, 1, held.stream));
    acl_succeeds(aclrtRecordEvent(event, held.stream));
    acl_succeeds(aclrtStreamWaitEvent(other, event));
    acl_succeeds(aclrtMemsetAsync(device, 1, 2, 1, other));
    acl_succeeds(aclrtDestroyEvent(event)); /* the wait stays */
    acl_fails(aclrtSynchronizeStreamWithTimeout(other, 20), ACL_ERROR_RT_STREAM_SYNC_TIMEOUT,
              "not complete");
    let_go(&held);
    acl_succeeds(aclrtSynchronizeStream(other));
    acl_succeeds(aclrtMemcpy(&byte, 1, device, 1, ACL_MEMCPY_DEVICE_TO_HOST));
    assert_int_equal(byte, 2);
    acl_succeeds(aclrtSynchronizeDevice());
    acl_succeeds(aclrtDestroyStreamForce(other));
    acl_succeeds(aclrtDestroyStream(held.stream));
    acl_succeeds(aclrtFree(device));
}

static void test_events_tell_the_time_between_them(void **state) {
    (void)state;
    aclrtStream stream = NULL;
    aclrtEvent start = NULL;
    aclrtEvent end = NULL;
    float ms = -1;
    const size_t size = (size_t)4 << 20;
    void *device = NULL;
    acl_succeeds(aclrtMalloc(&device, size, ACL_MEM_MALLOC_HUGE_FIRST));
    acl_succeeds(aclrtCreateStream(&stream));
    acl_succeeds(aclrtCreateEvent(&start));
    acl_succeeds(aclrtCreateEvent(&end));
    acl_fails(aclrtEventElapsedTime(&ms, start, end), ACL_ERROR_RT_EVENT_TIMESTAMP_INVALID,
              "startEvent is not recorded");
    acl_succeeds(aclrtSynchronizeEvent(start)); /* not recorded: at once */
    acl_succeeds(aclrtRecordEvent(start, stream));
    acl_succeeds(aclrtMemsetAsync(device, size, 1, size, stream));
    acl_succeeds(aclrtRecordEvent(end, stream));
    acl_succeeds(aclrtSynchronizeEvent(end));
    acl_succeeds(aclrtEventElapsedTime(&ms, start, end));
    assert_true(ms > 0 && ms < 60000);
    acl_fails(aclrtEventElapsedTime(&ms, end, start), ACL_ERROR_RT_EVENT_TIMESTAMP_REVERSAL,
              "before startEvent");
    acl_succeeds(aclrtRecordEvent(start, stream)); /* again, in its place */
    acl_succeeds(aclrtSynchronizeStream(stream));
    acl_succeeds(aclrtEventElapsedTime(&ms, end, start));
    acl_succeeds(aclrtResetEvent(end, stream));
    acl_fails(aclrtEventElapsedTime(&ms, start, end), ACL_ERROR_RT_EVENT_TIMESTAMP_INVALID,
              "endEvent is not recorded");
    acl_succeeds(aclrtDestroyEvent(start));
    acl_succeeds(aclrtDestroyEvent(end));
    acl_succeeds(aclrtDestroyStream(stream));
    acl_succeeds(aclrtFree(device));
}

static void test_wrong_handles_are_refused(void **state) {
    (void)state;
    char foreign[16] = {0};
    aclrtStream stream = NULL;
    aclrtEvent event = NULL;
    aclrtEventStatus status;
    acl_succeeds(aclrtCreateStreamWithConfig(&stream, 3, ACL_STREAM_FAST_LAUNCH));
    acl_succeeds(aclrtCreateEvent(&event));
    acl_fails(aclrtSynchronizeStream(foreign), ACL_ERROR_RT_PARAM_INVALID, "not a handle");
    acl_fails(aclrtSynchronizeStream(event), ACL_ERROR_RT_PARAM_INVALID,
              "stream is an event, a stream is required");
    acl_fails(aclrtDestroyStream(event), ACL_ERROR_RT_PARAM_INVALID, "is an event");
    acl_fails(aclrtRecordEvent(stream, stream), ACL_ERROR_RT_PARAM_INVALID, "event is a stream");
    acl_fails(aclrtRecordEvent(event, foreign), ACL_ERROR_RT_PARAM_INVALID, "not a handle");
    acl_fails(aclrtRecordEvent(NULL, stream), ACL_ERROR_INVALID_PARAM, "event is NULL");
    acl_fails(aclrtStreamWaitEvent(stream, foreign), ACL_ERROR_RT_PARAM_INVALID, "not a handle");
    acl_succeeds(aclrtRecordEvent(event, NULL)); /* the default stream */
    acl_succeeds(aclrtSynchronizeStream(NULL));
    acl_succeeds(aclrtDestroyStream(stream));
    acl_fails(aclrtDestroyStream(stream), ACL_ERROR_RT_PARAM_INVALID, "was destroyed");
    acl_fails(aclrtRecordEvent(event, stream), ACL_ERROR_RT_PARAM_INVALID, "was destroyed");
    acl_fails(aclrtMemsetAsync(foreign, 1, 0, 1, stream), ACL_ERROR_RT_PARAM_INVALID,
              "was destroyed");
    acl_succeeds(aclrtDestroyEvent(event));
    acl_fails(aclrtDestroyEvent(event), ACL_ERROR_RT_PARAM_INVALID, "was destroyed");
    acl_fails(aclrtQueryEvent(event, &status), ACL_ERROR_RT_PARAM_INVALID, "was destroyed");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_progress_of_streams_and_events_is_told),
        cmocka_unit_test(test_asynchronous_copies_take_their_place),
        cmocka_unit_test(test_streams_wait_for_events_of_others),
        cmocka_unit_test(test_events_tell_the_time_between_them),
        cmocka_unit_test(test_wrong_handles_are_refused),
    };
    return cmocka_run_group_tests(tests, acl_test_begin, acl_test_end);
}
