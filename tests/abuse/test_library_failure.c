/* A plan whose products are left to a library, when each OpenCL call and each host allocation fails
 * in turn: an error with a sentence, nothing left behind, and the next call works. The library's
 * own complaints on stderr are its own. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmocka_all.h"
#include "failing_allocator.h"
#include "ffn_tensors.h"
#include "floyd_tensors.h"
#include "gemm/gemm_library.h"
#include "test_faults.h"
#include "test_rules.h"

/* CLBlast computes batches only where it copies nothing. */
#define DIRECT_RULE "\"GemmRoutine.XGEMM_MIN_INDIRECT_SIZE\": 4096"

static failing_allocator allocator;

/* Two experts: four calls, each with something behind it. */
static ffn_case small_case(void) {
    ffn_case tested = ffn_case_default();
    tested.has_bias1 = tested.has_bias2 = true;
    tested.activation = 5; /* swiglu */
    tested.expert_form = TEST_EXPERTS_COUNTS;
    tested.num_experts = 2;
    tested.counts[0] = 2;
    tested.counts[1] = 3;
    return tested;
}

/* Three slabs: batched products. */
static floyd_case small_floyd_case(void) {
    floyd_case tested = floyd_case_default();
    tested.is_gradient = true;
    tested.method = CLF_FLOYD_METHOD_SLAB;
    tested.n = 3;
    tested.workspace_limit = 12000;
    return tested;
}

/* What is planned: one of both. */
typedef struct subject {
    ffn_tensors ffn;
    floyd_tensors floyd;
    bool is_floyd;
} subject;

static void make_subject(subject *tensors, const test_session *session, bool is_floyd) {
    tensors->is_floyd = is_floyd;
    if (is_floyd) {
        const floyd_case tested = small_floyd_case();
        floyd_tensors_make(&tensors->floyd, &tested);
        floyd_tensors_upload(&tensors->floyd, session);
    } else {
        const ffn_case tested = small_case();
        ffn_tensors_make(&tensors->ffn, &tested);
        ffn_tensors_upload(&tensors->ffn, session);
    }
}

static void free_subject(subject *tensors) {
    if (tensors->is_floyd) {
        floyd_tensors_free(&tensors->floyd);
    } else {
        ffn_tensors_free(&tensors->ffn);
    }
}

static clf_status run_plan(const test_session *session, const subject *tensors) {
    clf_plan *plan = NULL;
    cl_event done = NULL;
    size_t size = 0;
    clf_status status = tensors->is_floyd
                            ? floyd_tensors_plan(&tensors->floyd, session->device, &plan)
                            : clf_ffn_plan(session->device, &tensors->ffn.args, &plan);
    assert_int_equal(plan != NULL, status == CLF_SUCCESS);
    if (status == CLF_SUCCESS) {
        status = clf_plan_enqueue(plan, session->queue, NULL, 0, NULL, &done);
        assert_int_equal(done != NULL, status == CLF_SUCCESS);
    }
    if (status == CLF_SUCCESS) {
        status = clf_plan_describe(plan, NULL, &size);
    }
    if (done != NULL) {
        clReleaseEvent(done);
    }
    clFinish(session->queue);
    clf_plan_destroy(plan);
    return status;
}

/* ---- OpenCL ---- */

/* An OpenCL call of ours is named; of one of CLBlast's, the routine. */
static void check_sentence(clf_status status, long number) {
    const char *failed = test_faults_failed();
    const char *sentence = clf_last_error();
    if (status == CLF_SUCCESS) {
        return; /* a call that can be done without */
    }
    if (failed == NULL ||
        (strstr(sentence, failed) == NULL && strstr(sentence, "CLBlast") == NULL)) {
        fail_msg("call %ld (%s) failed: %s", number, failed != NULL ? failed : "none", sentence);
    }
}

static void fail_calls_on(const test_session *session, bool is_floyd) {
    static const int codes[] = {CL_OUT_OF_RESOURCES, CL_OUT_OF_HOST_MEMORY};
    subject tensors;
    make_subject(&tensors, session, is_floyd);
    test_succeeds(run_plan(session, &tensors)); /* programs are there now */
    test_faults_arm(0, 0);
    test_succeeds(run_plan(session, &tensors));
    const long num_calls = test_faults_calls();
    const long live = test_live_objects();
    long num_failed = 0;
    assert_true(num_calls > 0);
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        for (long number = 1; number <= num_calls; number++) {
            test_faults_arm(number, codes[i]);
            const clf_status status = run_plan(session, &tensors);
            check_sentence(status, number);
            num_failed += status != CLF_SUCCESS;
            test_faults_arm(0, 0);
            if (test_live_objects() != live) {
                fail_msg("call %ld failed: %s", number, test_live_objects_text());
            }
        }
    }
    assert_true(num_failed > 0);
    test_succeeds(run_plan(session, &tensors));
    free_subject(&tensors);
    printf("%ld calls failed in turn, %ld times with an error\n", num_calls, num_failed);
}

static void test_library_failure_of_each_call_is_clean(void **state) {
    const test_session *session = (const test_session *)*state;
    if (!test_faults_available()) {
        print_message("not tested: OPENCL_LAYERS does not name the layer\n");
        skip();
    }
    fail_calls_on(session, false);
}

static void test_library_failure_of_each_call_for_batches_is_clean(void **state) {
    const test_session *session = (const test_session *)*state;
    if (!test_faults_available()) {
        print_message("not tested: OPENCL_LAYERS does not name the layer\n");
        skip();
    }
    char folder[512];
    test_rules_begin(folder, sizeof folder, DIRECT_RULE);
    fail_calls_on(session, true);
    test_rules_end(folder);
}

static void test_library_failure_of_each_call_is_clean_out_of_order(void **state) {
    test_session other = *(const test_session *)*state;
    cl_int code = CL_SUCCESS;
    if (!test_faults_available()) {
        print_message("not tested: OPENCL_LAYERS does not name the layer\n");
        skip();
    }
    other.queue = clCreateCommandQueue(other.context, other.id,
                                       CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE, &code);
    if (code != CL_SUCCESS) {
        print_message("not tested: this device has no out-of-order queues\n");
        skip();
    }
    fail_calls_on(&other, false);
    clReleaseCommandQueue(other.queue);
}

/* ---- Memory ---- */

static void fail_allocations(const test_session *session, bool is_floyd) {
    subject tensors;
    make_subject(&tensors, session, is_floyd);
    test_succeeds(run_plan(session, &tensors));
    memset(&allocator, 0, sizeof allocator);
    failing_allocator_install(&allocator);
    test_succeeds(run_plan(session, &tensors));
    failing_allocator_remove();
    const size_t num_allocations = allocator.count;
    const long live = test_live_objects();
    for (size_t number = 1; number <= num_allocations; number++) {
        memset(&allocator, 0, sizeof allocator);
        allocator.failing = number;
        failing_allocator_install(&allocator);
        const clf_status status = run_plan(session, &tensors);
        failing_allocator_remove();
        if (status != CLF_SUCCESS) {
            test_expect_status(status, CLF_ERR_OUT_OF_MEMORY);
            test_expect_contains(clf_last_error(), "memory");
        }
        assert_int_equal(allocator.outstanding, 0);
        if (test_live_objects() > live) {
            fail_msg("allocation %zu: left behind %s", number, test_live_objects_text());
        }
    }
    test_succeeds(run_plan(session, &tensors));
    free_subject(&tensors);
    printf("%zu allocations failed in turn\n", num_allocations);
}

static void test_library_failure_of_each_allocation_is_clean(void **state) {
    fail_allocations((const test_session *)*state, false);
}

static void test_library_failure_of_each_allocation_for_batches_is_clean(void **state) {
    char folder[512];
    test_rules_begin(folder, sizeof folder, DIRECT_RULE);
    fail_allocations((const test_session *)*state, true);
    test_rules_end(folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_library_failure_of_each_call_is_clean),
        cmocka_unit_test(test_library_failure_of_each_call_is_clean_out_of_order),
        cmocka_unit_test(test_library_failure_of_each_call_for_batches_is_clean),
        cmocka_unit_test(test_library_failure_of_each_allocation_is_clean),
        cmocka_unit_test(test_library_failure_of_each_allocation_for_batches_is_clean),
    };
    if (clf_i_gemm_the_library.prepare == NULL) {
        printf("skipped: this build has no CLBlast\n");
        return 77;
    }
    setenv("CLFORMER_GEMM", "clblast", 1);
    return cmocka_run_group_tests(tests, test_session_begin, test_session_end);
}
