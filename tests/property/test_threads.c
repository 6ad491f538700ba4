/* One device shared by threads that plan and run at the same time, each with its own queue and
 * plans, and devices opened and closed beside them. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "cmocka_all.h"
#include "softmax_factors.h"

#define NUM_THREADS 4
#define NUM_ROUNDS  12

typedef struct worker {
    const test_session *shared;
    int number;
    int failures;
    int count;
} worker;

/* All threads begin with the same programs, so that they ask for them at the same time. */
static softmax_case case_of_round(const worker *self, int round) {
    static const int64_t widths[] = {33, 8193, 5};
    softmax_case tested = softmax_case_default();
    tested.is_gradient = round % 2 != 0;
    tested.shape[1] = widths[round / 4 % 3];
    tested.mask_form = round % 4 < 2 ? TEST_MASK_FULL : TEST_MASK_NONE;
    tested.variant = round % 3 == 0 ? CLF_VARIANT_PORTABLE : CLF_VARIANT_AUTO;
    tested.seed = (uint64_t)self->number * 1000 + (uint64_t)round;
    return tested;
}

static void *work(void *argument) {
    worker *self = (worker *)argument;
    test_session own = *self->shared;
    cl_int code = CL_SUCCESS;
    own.queue = clCreateCommandQueue(own.context, own.id, 0, &code);
    if (code != CL_SUCCESS) {
        self->failures++;
        return NULL;
    }
    for (int round = 0; round < NUM_ROUNDS; round++) {
        const softmax_case tested = case_of_round(self, round);
        clf_device *other = NULL;
        self->failures += !softmax_case_run(&own, &tested);
        self->failures += clf_device_open(NULL, &other) != CLF_SUCCESS;
        clf_device_destroy(other);
        self->count++;
    }
    clReleaseCommandQueue(own.queue);
    return NULL;
}

static void test_threads_sharing_a_device_get_right_results(void **state) {
    const test_session *session = (const test_session *)*state;
    test_session fresh = *session;
    pthread_t threads[NUM_THREADS];
    worker workers[NUM_THREADS];
    int count = 0;
    /* A device without programs: the threads meet in its cache. */
    test_succeeds(clf_device_create(session->context, session->id, &fresh.device));
    for (int i = 0; i < NUM_THREADS; i++) {
        workers[i] = (worker){&fresh, i, 0, 0};
        assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    for (int i = 0; i < NUM_THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(workers[i].failures, 0);
        count += workers[i].count;
    }
    clf_device_destroy(fresh.device);
    printf("%d cases\n", count);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_threads_sharing_a_device_get_right_results),
    };
    return cmocka_run_group_tests(tests, test_session_begin, test_session_end);
}
