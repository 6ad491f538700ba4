/* FFN's matrix products by CLBlast and by our own tiles, against the reference: shapes, layouts,
 * experts, queues, threads, buffers. */
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cmocka_all.h"
#include "ffn_tensors.h"
#include "gemm/gemm_library.h"
#include "test_json.h"
#include "test_rules.h"

#define VARIABLE "CLFORMER_GEMM"

/* ---- Results ---- */

/* Small and large, ragged and even: multiples of CLBlast's tiles take other kernels. */
static int64_t draw_size(test_random *random, int64_t highest) {
    return test_random_chance(random, 0.3) ? 16 * test_random_between(random, 1, highest / 16)
                                           : test_random_between(random, 1, highest);
}

static ffn_case draw_case(test_random *random, int number) {
    static const test_layout weight_layouts[] = {TEST_CONTIGUOUS, TEST_TRANSPOSED};
    ffn_case drawn = ffn_case_default();
    drawn.activation = number % TEST_NUM_FFN_ACTIVATIONS;
    drawn.has_bias1 = number / TEST_NUM_FFN_ACTIVATIONS % 2 != 0;
    drawn.has_bias2 = number / TEST_NUM_FFN_ACTIVATIONS / 2 % 2 != 0;
    drawn.num_axes = (int32_t)test_random_between(random, 1, 3);
    for (int32_t axis = 0; axis < drawn.num_axes; axis++) {
        drawn.tokens[axis] = test_random_between(random, 1, axis == 0 ? 40 : 3);
    }
    drawn.depth1 = draw_size(random, 96);
    drawn.depth2 = draw_size(random, 160);
    drawn.width2 = draw_size(random, 96);
    drawn.weight_layout = weight_layouts[test_random_below(random, 2)];
    drawn.vector_layout = (test_layout)test_random_between(random, TEST_CONTIGUOUS, TEST_NEGATIVE);
    drawn.misalign = test_random_below(random, 3);
    if (number % 3 == 2) {
        drawn.expert_form = number % 2 == 0 ? TEST_EXPERTS_COUNTS : TEST_EXPERTS_ENDS;
        drawn.num_experts = test_random_between(random, 1, 6);
        ffn_case_spread(&drawn, random);
    }
    drawn.seed = test_random_next(random);
    return drawn;
}

static bool is_case_right(const test_session *session, const char *provider, const ffn_case *tested,
                          ffn_edit edit) {
    setenv(VARIABLE, provider, 1);
    const bool is_right = ffn_case_run_edited(session, tested, edit);
    unsetenv(VARIABLE);
    if (!is_right) {
        print_error("  computed by %s\n", provider);
    }
    return is_right;
}

static void test_providers_give_the_reference_results(void **state) {
    const test_session *session = (const test_session *)*state;
    test_random random = test_random_from(test_seed());
    int failures = 0;
    enum { NUM_CASES = 56 }; /* each activation with each pair of biases, twice */
    for (int i = 0; i < NUM_CASES && failures < 3; i++) {
        const ffn_case drawn = draw_case(&random, i);
        failures += !is_case_right(session, "clblast", &drawn, NULL);
        if (i % 4 == 0) {
            failures += !is_case_right(session, "own", &drawn, NULL);
        }
    }
    assert_int_equal(failures, 0);
}

static void put_specials(ffn_tensors *tensors) {
    test_tensor *x = &tensors->memory[TEST_FFN_X];
    test_tensor_set(x, 0, INFINITY);
    test_tensor_set(x, 70, -INFINITY);
    test_tensor_set(x, 140, NAN);
}

static void test_providers_keep_infinities_and_nans_in_their_rows(void **state) {
    const test_session *session = (const test_session *)*state;
    ffn_case tested = ffn_case_default();
    tested.tokens[0] = 9;
    tested.depth1 = 64;
    tested.has_bias1 = tested.has_bias2 = true;
    for (int activation = 0; activation < TEST_NUM_FFN_ACTIVATIONS; activation += 3) {
        tested.activation = activation;
        assert_true(is_case_right(session, "clblast", &tested, put_specials));
    }
}

/* ---- Queues, threads, buffers ---- */

typedef struct run {
    ffn_case tested;
    ffn_tensors tensors;
    clf_plan *plan;
} run;

static void begin_case(run *self, const test_session *session, const ffn_case *tested) {
    memset(self, 0, sizeof *self);
    self->tested = *tested;
    ffn_tensors_make(&self->tensors, &self->tested);
    ffn_tensors_upload(&self->tensors, session);
    setenv(VARIABLE, "clblast", 1);
    test_succeeds(clf_ffn_plan(session->device, &self->tensors.args, &self->plan));
    unsetenv(VARIABLE);
}

static void begin_run(run *self, const test_session *session, int number) {
    test_random random = test_random_from(test_seed() + (uint64_t)number);
    const ffn_case drawn = draw_case(&random, 13 + number); /* with biases and experts */
    begin_case(self, session, &drawn);
}

static void end_run(run *self, const test_session *session) {
    char problem[512] = "";
    oracle_ffn reference;
    ffn_tensors_read(&self->tensors, session, problem, sizeof problem);
    ffn_tensors_open_oracle(&self->tensors, &reference);
    const oracle_verdict verdict = oracle_check_ffn(
        &reference, self->tensors.memory[TEST_FFN_Y].result, 0, 1, reference.num_tokens);
    oracle_ffn_close(&reference);
    clf_plan_destroy(self->plan);
    ffn_tensors_free(&self->tensors);
    if (problem[0] != '\0' || !verdict.ok) {
        fail_msg("%s%s", problem, verdict.reason);
    }
}

static cl_int event_status(cl_event event) {
    cl_int status = -1;
    assert_int_equal(
        clGetEventInfo(event, CL_EVENT_COMMAND_EXECUTION_STATUS, sizeof status, &status, NULL),
        CL_SUCCESS);
    return status;
}

/* Whether any byte of y has changed: read in another queue, while the plan may be under way. */
static bool is_y_written(run *self, const test_session *session) {
    test_tensor *y = &self->tensors.memory[TEST_FFN_Y];
    test_tensor_read(y, session);
    return memcmp(y->result, y->image, y->num_bytes) != 0;
}

static void run_behind_gate(const test_session *session, cl_command_queue_properties properties,
                            int number) {
    run self;
    cl_int code = CL_SUCCESS;
    cl_event done = NULL;
    cl_command_queue queue = clCreateCommandQueue(session->context, session->id, properties, &code);
    if (code == CL_INVALID_QUEUE_PROPERTIES) {
        print_message("this device has no out-of-order queues: not tested on one\n");
        return;
    }
    begin_run(&self, session, number);
    cl_event gate = clCreateUserEvent(session->context, &code);
    assert_int_equal(code, CL_SUCCESS);
    test_succeeds(clf_plan_enqueue(self.plan, queue, NULL, 1, &gate, &done));
    assert_non_null(done);
    clFlush(queue);
    nanosleep(&(struct timespec){.tv_nsec = 30000000}, NULL); /* more than the whole plan takes */
    assert_true(event_status(done) > CL_COMPLETE);
    assert_false(is_y_written(&self, session));
    assert_int_equal(clSetUserEventStatus(gate, CL_COMPLETE), CL_SUCCESS);
    assert_int_equal(clWaitForEvents(1, &done), CL_SUCCESS);
    assert_int_equal(event_status(done), CL_COMPLETE);
    clReleaseEvent(gate);
    clReleaseEvent(done);
    test_succeeds(clf_plan_enqueue(self.plan, queue, NULL, 0, NULL, NULL)); /* once more */
    clFinish(queue);
    end_run(&self, session);
    clReleaseCommandQueue(queue);
}

static void test_providers_wait_for_events_on_both_kinds_of_queues(void **state) {
    const test_session *session = (const test_session *)*state;
    for (int i = 0; i < 4; i++) {
        run_behind_gate(session, 0, i);
        run_behind_gate(session, CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE, i);
    }
}

/* A workspace that is part of a buffer: the library's own part of it is a part of that buffer. */
static void test_providers_run_in_a_workspace_that_is_part_of_a_buffer(void **state) {
    const test_session *session = (const test_session *)*state;
    run self;
    cl_int code = CL_SUCCESS;
    begin_run(&self, session, 0);
    const size_t size = clf_plan_workspace_size(self.plan);
    assert_true(size > 0);
    cl_uint alignment = 0;
    clGetDeviceInfo(session->id, CL_DEVICE_MEM_BASE_ADDR_ALIGN, sizeof alignment, &alignment, NULL);
    alignment /= 8;
    const cl_buffer_region region = {(size + alignment - 1) / alignment * alignment, size};
    unsigned char *before = (unsigned char *)malloc(region.origin + size);
    unsigned char *after = (unsigned char *)malloc(region.origin);
    assert_true(before != NULL && after != NULL);
    memset(before, 0xa5, region.origin + size);
    cl_mem whole = clCreateBuffer(session->context, CL_MEM_READ_WRITE | CL_MEM_COPY_HOST_PTR,
                                  region.origin + size, before, &code);
    assert_int_equal(code, CL_SUCCESS);
    cl_mem part = clCreateSubBuffer(whole, 0, CL_BUFFER_CREATE_TYPE_REGION, &region, &code);
    assert_int_equal(code, CL_SUCCESS);
    test_succeeds(clf_plan_enqueue(self.plan, session->queue, part, 0, NULL, NULL));
    clReleaseMemObject(part);
    assert_int_equal(
        clEnqueueReadBuffer(session->queue, whole, CL_TRUE, 0, region.origin, after, 0, NULL, NULL),
        CL_SUCCESS);
    assert_memory_equal(before, after, region.origin);
    clReleaseMemObject(whole);
    free(before);
    free(after);
    end_run(&self, session);
}

/* The part of the tensor's buffer that begins with its first element. */
static bool bind_at_zero(clf_plan *plan, clf_slot slot, const test_tensor *tensor) {
    cl_int code = CL_SUCCESS;
    const size_t start = tensor->view.offset * sizeof(float);
    const cl_buffer_region region = {start, tensor->num_bytes - start};
    cl_mem part =
        clCreateSubBuffer(tensor->view.buffer, 0, CL_BUFFER_CREATE_TYPE_REGION, &region, &code);
    if (code != CL_SUCCESS) {
        return false;
    }
    test_succeeds(clf_plan_bind(plan, slot, part, 0));
    clReleaseMemObject(part);
    return true;
}

static long count_programs(void) {
    const char *found = strstr(test_live_objects_text(), "programs ");
    return found != NULL ? strtol(found + strlen("programs "), NULL, 10) : 0;
}

/* With an offset of 0 and sizes that fill its tiles, CLBlast takes matrices where they are. */
static void test_providers_buffers_bound_anew_need_no_compiler(void **state) {
    const test_session *session = (const test_session *)*state;
    static const struct {
        int operand;
        clf_slot slot;
    } slots[] = {{TEST_FFN_X, CLF_SLOT_X},
                 {TEST_FFN_WEIGHT1, CLF_SLOT_WEIGHT1},
                 {TEST_FFN_WEIGHT2, CLF_SLOT_WEIGHT2},
                 {TEST_FFN_Y, CLF_SLOT_Y}};
    ffn_case tested = ffn_case_default();
    run self;
    tested.tokens[0] = 64;
    tested.depth1 = tested.depth2 = tested.width2 = 128;
    begin_case(&self, session, &tested);
    const long programs = count_programs();
    test_succeeds(clf_plan_enqueue(self.plan, session->queue, NULL, 0, NULL, NULL));
    for (size_t i = 0; i < sizeof slots / sizeof slots[0]; i++) {
        if (!bind_at_zero(self.plan, slots[i].slot, &self.tensors.memory[slots[i].operand])) {
            print_message("this device has no parts of buffers at 256 bytes: not tested\n");
            break;
        }
        test_succeeds(clf_plan_enqueue(self.plan, session->queue, NULL, 0, NULL, NULL));
    }
    clFinish(session->queue);
    assert_int_equal(count_programs(), programs);
    end_run(&self, session);
}

static void *run_in_thread(void *argument) {
    const test_session *session = (const test_session *)argument;
    test_random random = test_random_from(test_seed() + 99);
    intptr_t failures = 0;
    for (int i = 0; i < 4; i++) {
        const ffn_case drawn = draw_case(&random, i * 5);
        failures += !ffn_case_run(session, &drawn);
    }
    return (void *)failures;
}

static void test_providers_run_in_several_threads(void **state) {
    const test_session *session = (const test_session *)*state;
    test_session sessions[2] = {*session, *session};
    pthread_t threads[2];
    cl_int code = CL_SUCCESS;
    clf_device *fresh = NULL;
    test_succeeds(clf_device_create(session->context, session->id, &fresh));
    setenv(VARIABLE, "clblast", 1);
    for (int i = 0; i < 2; i++) {
        sessions[i].device = fresh;
        sessions[i].queue = clCreateCommandQueue(session->context, session->id, 0, &code);
        assert_int_equal(code, CL_SUCCESS);
        assert_int_equal(pthread_create(&threads[i], NULL, run_in_thread, &sessions[i]), 0);
    }
    for (int i = 0; i < 2; i++) {
        void *failures = NULL;
        assert_int_equal(pthread_join(threads[i], &failures), 0);
        assert_null(failures);
        clReleaseCommandQueue(sessions[i].queue);
    }
    unsetenv(VARIABLE);
    clf_device_destroy(fresh);
}

/* ---- Chunks ---- */

/* Hidden rows so wide that the tokens do not fit the workspace at once; experts that begin and end
 * within chunks. */
static void test_providers_chunks_of_tokens_join(void **state) {
    const test_session *session = (const test_session *)*state;
    for (int activation = 0; activation < TEST_NUM_FFN_ACTIVATIONS; activation += 4) {
        ffn_case tested = ffn_case_default();
        run self;
        tested.activation = activation; /* relu, then reglu */
        tested.has_bias1 = tested.has_bias2 = true;
        tested.tokens[0] = 160;
        tested.depth1 = 3;
        tested.depth2 = 66000;
        tested.width2 = 5;
        tested.expert_form = TEST_EXPERTS_COUNTS;
        tested.num_experts = 3;
        tested.counts[0] = 61;
        tested.counts[2] = 99;
        begin_case(&self, session, &tested);
        json_t *description = test_plan_json(self.plan);
        const json_int_t chunk = json_integer_value(
            json_object_get(json_object_get(description, "parameters"), "tokens_per_chunk"));
        json_decref(description);
        assert_true(chunk > 0 && chunk < 160);
        test_succeeds(clf_plan_enqueue(self.plan, session->queue, NULL, 0, NULL, NULL));
        end_run(&self, session);
    }
}

/* ---- The other kernels ---- */

/* Below this size CLBlast takes other kernels, which need no memory of their own. */
static void test_providers_small_products_take_the_direct_kernel(void **state) {
    const test_session *session = (const test_session *)*state;
    test_random random = test_random_from(test_seed() + 7);
    char folder[512];
    test_rules_begin(folder, sizeof folder, "\"GemmRoutine.XGEMM_MIN_INDIRECT_SIZE\": 96");
    int failures = 0;
    for (int i = 0; i < 14; i++) {
        const ffn_case drawn = draw_case(&random, i * 5);
        failures += !is_case_right(session, "clblast", &drawn, NULL);
    }
    test_rules_end(folder);
    assert_int_equal(failures, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_providers_give_the_reference_results),
        cmocka_unit_test(test_providers_keep_infinities_and_nans_in_their_rows),
        cmocka_unit_test(test_providers_wait_for_events_on_both_kinds_of_queues),
        cmocka_unit_test(test_providers_run_in_a_workspace_that_is_part_of_a_buffer),
        cmocka_unit_test(test_providers_buffers_bound_anew_need_no_compiler),
        cmocka_unit_test(test_providers_chunks_of_tokens_join),
        cmocka_unit_test(test_providers_run_in_several_threads),
        cmocka_unit_test(test_providers_small_products_take_the_direct_kernel),
    };
    if (clf_i_gemm_the_library.prepare == NULL) {
        printf("skipped: this build has no CLBlast, and nothing to choose from\n");
        return 77;
    }
    return cmocka_run_group_tests(tests, test_session_begin, test_session_end);
}
