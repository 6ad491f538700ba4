/* Eight threads, each with its own stream, memory and operators, and threads that set and reset the
 * device beside them. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "acl_operator.h"
#include "acl_test.h"

#define NUM_THREADS 8
#define NUM_ROUNDS  40
#define ROWS        4
#define COLUMNS     16
#define COUNT       (ROWS * COLUMNS)

typedef struct worker {
    int number;
    int failures;
} worker;

/* cmocka's assertions are for the main thread. */
static void expect(worker *self, int status, const char *what) {
    if (status != 0) {
        fprintf(stderr, "thread %d: %s returned %d: %s\n", self->number, what, status,
                aclGetRecentErrMsg());
        self->failures++;
    }
}
#define EXPECT(call) expect(self, (call), #call)

typedef struct memory {
    float host[COUNT];
    float back[COUNT];
    char *device; /* x behind 32 bytes, y behind x */
    aclTensor *x, *y;
} memory;

/* Rows of equal numbers: softmax gives 1 / COLUMNS exactly. */
static void one_round(worker *self, memory *own, aclrtStream stream, aclrtEvent event) {
    uint64_t size = 1;
    aclOpExecutor *executor = NULL;
    void *address = NULL;
    EXPECT(aclrtMalloc(&address, 32 + 2 * sizeof own->host, ACL_MEM_MALLOC_HUGE_FIRST));
    own->device = address;
    own->x = own_tensor(ROWS, COLUMNS, own->device + 32);
    own->y = own_tensor(ROWS, COLUMNS, own->device + 32 + sizeof own->host);
    EXPECT(aclrtMemcpyAsync(own->device + 32, sizeof own->host, own->host, sizeof own->host,
                            ACL_MEMCPY_HOST_TO_DEVICE, stream));
    EXPECT(own_softmax_plan(own->x, own->y, &size, &executor));
    EXPECT(own_softmax(NULL, size, executor, stream));
    EXPECT(aclrtRecordEvent(event, stream));
    EXPECT(aclrtMemcpyAsync(own->back, sizeof own->back, own->device + 32 + sizeof own->host,
                            sizeof own->back, ACL_MEMCPY_DEVICE_TO_HOST, stream));
    EXPECT(aclrtSynchronizeStream(stream));
    EXPECT(aclDestroyTensor(own->x));
    EXPECT(aclDestroyTensor(own->y));
    EXPECT(aclrtFree(own->device));
    for (size_t i = 0; i < COUNT; ++i) {
        if (own->back[i] != 1.0f / COLUMNS) {
            fprintf(stderr, "thread %d: y[%zu] is %g\n", self->number, i, (double)own->back[i]);
            self->failures++;
            break;
        }
    }
}

static void *work(void *argument) {
    worker *self = argument;
    aclrtStream stream = NULL;
    aclrtEvent event = NULL;
    memory own;
    EXPECT(aclrtSetDevice(0));
    EXPECT(aclrtCreateStream(&stream));
    EXPECT(aclrtCreateEvent(&event));
    for (int round = 0; round < NUM_ROUNDS && self->failures == 0; ++round) {
        for (int i = 0; i < COUNT; ++i) {
            const int row = i / COLUMNS;
            own.host[i] = (float)(self->number * 100 + round + row);
            own.back[i] = 0;
        }
        one_round(self, &own, stream, event);
        /* Sentences are the thread's own. */
        if (aclrtFree(&own) == 0 || strstr(aclGetRecentErrMsg(), "aclrtFree") == NULL) {
            self->failures++;
        }
    }
    EXPECT(aclrtDestroyEvent(event));
    EXPECT(aclrtDestroyStream(stream));
    EXPECT(aclrtResetDevice(0));
    return NULL;
}

static void test_eight_threads_get_right_results(void **state) {
    (void)state;
    pthread_t threads[NUM_THREADS];
    worker workers[NUM_THREADS] = {{0, 0}};
    int failures = 0;
    for (int i = 0; i < NUM_THREADS; ++i) {
        workers[i].number = i;
        assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    for (int i = 0; i < NUM_THREADS; ++i) {
        pthread_join(threads[i], NULL);
        failures += workers[i].failures;
    }
    assert_int_equal(failures, 0);
}

/* One repeatable executor run by all threads: each waits its turn. */
static aclOpExecutor *shared_executor;

static void *run_shared(void *argument) {
    worker *self = argument;
    EXPECT(aclrtSetDevice(0));
    for (int round = 0; round < NUM_ROUNDS; ++round) {
        EXPECT(own_softmax(NULL, 0, shared_executor, NULL));
    }
    EXPECT(aclrtResetDevice(0));
    return NULL;
}

static void test_an_executor_may_be_shared(void **state) {
    (void)state;
    float x[COUNT] = {0};
    uint64_t size = 0;
    pthread_t threads[NUM_THREADS];
    worker workers[NUM_THREADS] = {{0, 0}};
    void *device_x = acl_test_upload(x, sizeof x);
    void *device_y = acl_test_upload(x, sizeof x);
    aclTensor *tensor_x = own_tensor(ROWS, COLUMNS, device_x);
    aclTensor *tensor_y = own_tensor(ROWS, COLUMNS, device_y);
    acl_succeeds(own_softmax_plan(tensor_x, tensor_y, &size, &shared_executor));
    acl_succeeds(aclSetAclOpExecutorRepeatable(shared_executor));
    for (int i = 0; i < NUM_THREADS; ++i) {
        assert_int_equal(pthread_create(&threads[i], NULL, run_shared, &workers[i]), 0);
    }
    int failures = 0;
    for (int i = 0; i < NUM_THREADS; ++i) {
        pthread_join(threads[i], NULL);
        failures += workers[i].failures;
    }
    assert_int_equal(failures, 0);
    acl_succeeds(aclrtSynchronizeDevice());
    acl_succeeds(aclrtMemcpy(x, sizeof x, device_y, sizeof x, ACL_MEMCPY_DEVICE_TO_HOST));
    assert_true(x[0] == 1.0f / COLUMNS && x[COUNT - 1] == 1.0f / COLUMNS);
    acl_succeeds(aclDestroyAclOpExecutor(shared_executor));
    acl_succeeds(aclDestroyTensor(tensor_x));
    acl_succeeds(aclDestroyTensor(tensor_y));
    acl_succeeds(aclrtFree(device_x));
    acl_succeeds(aclrtFree(device_y));
}

/* The device is torn down while threads use it: errors, no crash, nothing left. */
static atomic_bool is_over;

static void *use_what_may_be_gone(void *argument) {
    worker *self = argument;
    char bytes[64] = {0};
    while (!atomic_load(&is_over)) {
        aclrtStream stream = NULL;
        void *address = NULL;
        (void)aclrtSetDevice(0);
        (void)aclrtCreateStream(&stream);
        (void)aclrtMalloc(&address, sizeof bytes, ACL_MEM_MALLOC_HUGE_FIRST);
        (void)aclrtMemcpyAsync(address, sizeof bytes, bytes, sizeof bytes,
                               ACL_MEMCPY_HOST_TO_DEVICE, stream);
        (void)aclrtSynchronizeStream(stream);
        (void)aclrtFree(address);
        (void)aclrtDestroyStream(stream);
        self->number++;
    }
    return NULL;
}

static void test_a_device_reset_by_force_under_threads_leaves_nothing(void **state) {
    (void)state;
    pthread_t threads[4];
    worker workers[4] = {{0, 0}};
    atomic_store(&is_over, false);
    for (int i = 0; i < 4; ++i) {
        assert_int_equal(pthread_create(&threads[i], NULL, use_what_may_be_gone, &workers[i]), 0);
    }
    for (int round = 0; round < 20; ++round) {
        (void)aclrtSetDevice(0);
        (void)aclrtResetDeviceForce(0);
    }
    atomic_store(&is_over, true);
    for (int i = 0; i < 4; ++i) {
        pthread_join(threads[i], NULL);
    }
    (void)aclrtResetDeviceForce(0);
    acl_test_nothing_is_left();
    acl_succeeds(aclrtSetDevice(0)); /* as the group's end expects */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_eight_threads_get_right_results),
        cmocka_unit_test(test_an_executor_may_be_shared),
        cmocka_unit_test(test_a_device_reset_by_force_under_threads_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, acl_test_begin, acl_test_end);
}
