/* Every OpenCL call of a whole program fails once: an error that names the call (or the call was one
 * that the library can do without), no crash, nothing left, and the next program works. */
#include <stdio.h>
#include <string.h>

#include "acl_operator.h"
#include "acl_test.h"
#include "test_faults.h"

#define ROWS    5
#define COLUMNS 12
#define BYTES   (ROWS * COLUMNS * sizeof(float))

/* The first failure of a program and its sentence. */
typedef struct outcome {
    int status;
    char sentence[600];
} outcome;

static bool note(outcome *first, int status) {
    const char *sentence = aclGetRecentErrMsg();
    if (status != 0 && first->status == 0) {
        first->status = status;
        snprintf(first->sentence, sizeof first->sentence, "%s", sentence);
    }
    return status == 0;
}

typedef struct program {
    aclrtStream stream;
    aclrtEvent event;
    char *memory; /* x, two weights, y, and a workspace in the middle of the rest */
    aclTensor *x, *weights, *y;
    aclOpExecutor *executor;
} program;

static bool prepare(program *own, outcome *first) {
    static const float numbers[COLUMNS * COLUMNS] = {1}; /* until asynchronous copies are done */
    void *memory = NULL;
    bool works = note(first, aclrtCreateStream(&own->stream)) &&
                 note(first, aclrtCreateEvent(&own->event)) &&
                 note(first, aclrtMalloc(&memory, 1 << 20, ACL_MEM_MALLOC_HUGE_FIRST));
    if (!works) {
        return false;
    }
    own->memory = memory;
    own->x = own_tensor(ROWS, COLUMNS, own->memory);
    own->weights = own_tensor(COLUMNS, COLUMNS, own->memory + 4096);
    own->y = own_tensor(ROWS, COLUMNS, own->memory + 8192);
    return note(first, aclrtMemset(memory, 1 << 20, 0, 1 << 20)) &&
           note(first, aclrtMemsetAsync(memory, 16, 1, 16, own->stream)) &&
           note(first, aclrtMemcpy(memory, BYTES, numbers, BYTES, ACL_MEMCPY_HOST_TO_DEVICE)) &&
           note(first, aclrtMemcpyAsync(own->memory + 4096, sizeof numbers, numbers, sizeof numbers,
                                        ACL_MEMCPY_HOST_TO_DEVICE, own->stream)) &&
           note(first, aclrtMemcpyAsync(own->memory + 8, BYTES, own->memory, BYTES,
                                        ACL_MEMCPY_DEVICE_TO_DEVICE, own->stream));
}

static bool compute(program *own, outcome *first) {
    float result[ROWS * COLUMNS];
    float ms = 0;
    uint64_t size = 0;
    aclrtStreamStatus progress;
    return note(first, own_ffn_plan(own->x, own->weights, own->weights, NULL, own->y, &size,
                                    &own->executor)) &&
           note(first, aclrtRecordEvent(own->event, own->stream)) &&
           note(first, own_ffn(own->memory + 12289, size, own->executor, own->stream)) &&
           note(first, aclrtStreamWaitEvent(NULL, own->event)) &&
           note(first, aclrtSynchronizeStreamWithTimeout(own->stream, 60000)) &&
           note(first, aclrtStreamQuery(own->stream, &progress)) &&
           note(first, aclrtEventElapsedTime(&ms, own->event, own->event)) &&
           note(first,
                aclrtMemcpy(result, BYTES, own->memory + 8192, BYTES, ACL_MEMCPY_DEVICE_TO_HOST));
}

static outcome run_program(void) {
    outcome first = {0, ""};
    program own = {NULL, NULL, NULL, NULL, NULL, NULL, NULL};
    uint32_t count = 0;
    acl_succeeds(aclInit(NULL));
    if (note(&first, aclrtGetDeviceCount(&count)) && note(&first, aclrtSetDevice(0)) &&
        prepare(&own, &first) && compute(&own, &first)) {
        note(&first, aclrtFree(own.memory));
        note(&first, aclrtDestroyEvent(own.event));
        note(&first, aclrtDestroyStream(own.stream));
        note(&first, aclrtResetDevice(0));
    }
    acl_succeeds(aclDestroyTensor(own.x));
    acl_succeeds(aclDestroyTensor(own.weights));
    acl_succeeds(aclDestroyTensor(own.y));
    acl_succeeds(aclFinalize());
    return first;
}

static void test_each_call_that_fails_is_named_and_leaves_nothing(void **state) {
    (void)state;
    static const int codes[] = {CL_OUT_OF_RESOURCES, CL_INVALID_VALUE};
    acl_test_prepare();
    assert_int_equal(run_program().status, 0);
    if (!test_faults_available()) {
        print_message("not tested: OPENCL_LAYERS does not name the layer\n");
        skip();
    }
    test_faults_arm(0, 0);
    assert_int_equal(run_program().status, 0);
    const long num_calls = test_faults_calls();
    long num_errors = 0;
    for (long number = 1; number <= num_calls; ++number) {
        test_faults_arm(number, codes[number % 2]);
        const outcome first = run_program();
        const char *failed = test_faults_failed();
        test_faults_arm(0, 0);
        if (first.status != 0 && (failed == NULL || strstr(first.sentence, failed) == NULL)) {
            fail_msg("call %ld (%s) failed: the sentence does not name it: %d %s", number,
                     failed != NULL ? failed : "?", first.status, first.sentence);
        }
        num_errors += first.status != 0;
        acl_test_nothing_is_left();
    }
    assert_int_equal(run_program().status, 0);
    printf("%ld calls failed in turn, %ld were errors\n", num_calls, num_errors);
    assert_true(num_errors > 20);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_call_that_fails_is_named_and_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
