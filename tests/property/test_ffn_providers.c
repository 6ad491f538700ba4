/* Who computes FFN's matrix products: CLBlast and our own tiles against the reference and each
 * other, why CLBlast is not taken, and what a plan says about it. */
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmocka_all.h"
#include "ffn_call.h"
#include "ffn_tensors.h"
#include "gemm/gemm_library.h"
#include "test_json.h"
#include "test_process.h"
#include "tune/tuning.h"

#define VARIABLE "CLFORMER_GEMM"
#define BUDGET   ((int64_t)1 << 26) /* bytes of workspace that grow with the tokens */

/* ---- Plans from a line ---- */

/* NULL if planning fails; *status tells how. */
static json_t *describe(const test_session *session, const char *provider, const char *line,
                        clf_status *status) {
    ffn_call call;
    clf_plan *plan = NULL;
    setenv(VARIABLE, provider, 1);
    ffn_call_make(&call, line);
    *status = clf_ffn_plan(session->device, &call.args, &plan);
    unsetenv(VARIABLE);
    json_t *description = plan != NULL ? test_plan_json(plan) : NULL;
    clf_plan_destroy(plan);
    return description;
}

static const char *product_text(const json_t *description, size_t index, const char *key) {
    const char *text = json_string_value(
        json_object_get(json_array_get(json_object_get(description, "products"), index), key));
    return text != NULL ? text : "(none)";
}

static size_t count_calls(const json_t *description) {
    const json_t *steps = json_object_get(description, "steps");
    size_t count = 0;
    for (size_t i = 0; i < json_array_size(steps); i++) {
        const json_t *step = json_array_get(steps, i);
        if (json_object_get(step, "library") != NULL) {
            assert_string_equal(json_string_value(json_object_get(step, "library")), "CLBlast");
            assert_string_equal(json_string_value(json_object_get(step, "routine")), "Sgemm");
            count++;
        }
    }
    return count;
}

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

/* ---- Rows that are dense in part of their tensor ---- */

static void test_providers_take_rows_with_one_step_and_slices_of_weights(void **state) {
    const test_session *session = (const test_session *)*state;
    static const char *const lines[] = {
        "act=relu x=5,8/20,1 w1=8,12/30,1 w2=12,6/12,1 b1=12/2 b2=6 y=5,6/9,1",
        "act=swiglu x=2,3,8/60,20,1 w1=8,24/1,8 w2=12,6/1,40 y=2,3,6/18,6,1",
        "act=gelu x=1,8 w1=8,12/12,1 w2=12,6 y=1,6/77,1",
        "act=gelu x=3,1/4,9 w1=1,12/5,1 w2=12,1/1,7 y=3,1/2,5",
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        clf_status status = CLF_SUCCESS;
        json_t *description = describe(session, "clblast", lines[i], &status);
        test_succeeds(status);
        assert_int_equal(count_calls(description), 2);
        json_decref(description);
    }
}

/* ---- Refusals ---- */

static void test_providers_refusals_name_the_reason(void **state) {
    const test_session *session = (const test_session *)*state;
    static const struct {
        const char *line;
        const char *reason;
    } cases[] = {
        {"act=relu x=fp16:5,8 w1=fp16:8,12 w2=fp16:12,6 y=fp16:5,6", "sums fp16 products in fp16"},
        {"act=relu x=bf16:5,8 w1=bf16:8,12 w2=bf16:12,6 y=bf16:5,6", "no bf16"},
        {"act=relu x=int8:5,8 w1=int8:8,12 w2=int8:12,6 scale=1 offset=1 ds1=int64:12 ds2=int64:6 "
         "y=fp16:5,6",
         "no quantised products"},
        {"act=relu x=fp16:5,8 w1=int8:8,12 w2=int8:12,6 as1=fp16:12 as2=fp16:6 ao1=fp16:12 "
         "ao2=fp16:6 y=fp16:5,6",
         "no quantised products"},
        {"act=relu x=5,8 w1=2,8,12 w2=2,12,6 device=2 y=5,6", "tokens are on the device"},
        {"act=relu x=5,8/16,2 w1=8,12 w2=12,6 y=5,6", "rows of its left operand"},
        {"act=relu x=5,8/0,1 w1=8,12 w2=12,6 y=5,6", "rows of its left operand"},
        {"act=relu x=2,3,8/48,8,1 w1=8,12 w2=12,6 y=2,3,6", "rows of its left operand"},
        {"act=relu x=5,8 w1=8,12/24,2 w2=12,6 y=5,6", "rows nor columns of its weights"},
        {"act=relu x=5,8 w1=8,12 w2=12,6 y=5,6/1,5", "rows of its result"},
        {"act=relu x=17,8 w1=17,8,4 w2=17,4,6 tokens=1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1 y=17,6",
         "more than 16 experts"},
        {"act=relu x=5,0 w1=0,12 w2=12,6 y=5,6", "empty sums"},
        {"act=relu x=1024,1024/4194304,1 w1=1024,4 w2=4,4 y=1024,4", "in 32 bits"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        clf_status status = CLF_SUCCESS;
        json_t *description = describe(session, "clblast", cases[i].line, &status);
        test_expect_status(status, CLF_ERR_UNSUPPORTED);
        test_expect_contains(clf_last_error(), "CLFORMER_GEMM is clblast, which cannot compute");
        test_expect_contains(clf_last_error(), cases[i].reason);
        assert_null(description);
        description = describe(session, "auto", cases[i].line, &status);
        test_succeeds(status);
        const size_t product = strcmp(cases[i].reason, "rows of its result") == 0;
        assert_string_equal(product_text(description, product, "provider"), "own");
        test_expect_contains(product_text(description, product, "reason"), cases[i].reason);
        assert_int_equal(count_calls(description), 0);
        json_decref(description);
    }
}

static const char small_line[] = "act=silu x=5,8 w1=8,12 w2=12,6 b2=6 y=5,6";

static void test_providers_description_names_the_choice(void **state) {
    const test_session *session = (const test_session *)*state;
    const bool is_cpu = session->has_cpu_variant;
    const struct {
        const char *value;
        const char *provider;
        const char *reason;
    } choices[] = {
        {"clblast", "clblast", "CLFORMER_GEMM wants the library"},
        {"own", "own", "CLFORMER_GEMM wants ours"},
        {"auto", is_cpu ? "own" : "clblast", "slower on this device"},
        {"", is_cpu ? "own" : "clblast", "slower on this device"},
        {"CLBlast, please", is_cpu ? "own" : "clblast", "slower on this device"},
    };
    for (size_t i = 0; i < sizeof choices / sizeof choices[0]; i++) {
        const bool is_own = strcmp(choices[i].provider, "own") == 0;
        clf_status status = CLF_SUCCESS;
        json_t *description = describe(session, choices[i].value, small_line, &status);
        test_succeeds(status);
        for (size_t product = 0; product < 2; product++) {
            assert_string_equal(product_text(description, product, "provider"),
                                choices[i].provider);
            assert_string_equal(product_text(description, product, "not_taken"),
                                is_own ? "clblast" : "own");
            assert_string_equal(product_text(description, product, "reason"), choices[i].reason);
        }
        assert_int_equal(count_calls(description), is_own ? 0 : 2);
        /* The first product has an activation, the second a bias. */
        assert_int_equal(test_json_has_string(description, "clf_gemm_epilogue"), !is_own);
        json_decref(description);
    }
}

static void test_providers_without_an_epilogue_add_no_step(void **state) {
    const test_session *session = (const test_session *)*state;
    clf_status status = CLF_SUCCESS;
    json_t *description =
        describe(session, "clblast", "act=relu x=5,8 w1=8,12 w2=12,6 y=5,6", &status);
    test_succeeds(status);
    assert_int_equal(json_array_size(json_object_get(description, "steps")), 3);
    json_decref(description);
}

static void test_providers_workspace_stays_within_its_bound(void **state) {
    const test_session *session = (const test_session *)*state;
    static const struct {
        const char *line;
        int64_t weight_bytes; /* of the larger one, padded */
    } cases[] = {
        {"act=relu x=20000,256 w1=256,1024 w2=1024,256 b2=256 y=20000,256", 4 * 256 * 1024},
        {"act=geglu x=20000,256 w1=256,2048 w2=1024,256 y=20000,256", 4 * 256 * 2048},
        {"act=relu x=20000,256 w1=256,1024/1,256 w2=1024,256/1,1024 y=20000,256", 4 * 256 * 1024},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        clf_status status = CLF_SUCCESS;
        json_t *description = describe(session, "clblast", cases[i].line, &status);
        test_succeeds(status);
        const json_int_t workspace = json_integer_value(json_object_get(description, "workspace"));
        const json_int_t tokens = json_integer_value(
            json_object_get(json_object_get(description, "parameters"), "tokens_per_chunk"));
        printf("%lld tokens at a time, workspace %lld\n", (long long)tokens, (long long)workspace);
        assert_true(tokens >= 384 && tokens % 384 == 0);
        assert_true(workspace <= BUDGET + cases[i].weight_bytes + (1 << 20));
        assert_true(workspace >= BUDGET / 2);
        json_decref(description);
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
    assert_true(event_status(done) > CL_COMPLETE);
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
    const cl_buffer_region region = {alignment / 8, size};
    cl_mem whole =
        clCreateBuffer(session->context, CL_MEM_READ_WRITE, region.origin + size, NULL, &code);
    assert_int_equal(code, CL_SUCCESS);
    cl_mem part = clCreateSubBuffer(whole, 0, CL_BUFFER_CREATE_TYPE_REGION, &region, &code);
    assert_int_equal(code, CL_SUCCESS);
    test_succeeds(clf_plan_enqueue(self.plan, session->queue, part, 0, NULL, NULL));
    clReleaseMemObject(part);
    clReleaseMemObject(whole);
    clFinish(session->queue);
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

/* ---- Tuned parameters ---- */

/* Rules for clf_gemm until end_rules. */
static void begin_rules(char *folder, size_t capacity, const char *parameters) {
    char path[640];
    test_folder_make(folder, capacity);
    snprintf(path, sizeof path, "%s/rules.json", folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fprintf(file,
            "{\"format\": \"clformer-tuning-1\", \"rules\": [{\"kernel\": \"clf_gemm\", "
            "\"parameters\": {%s}}]}\n",
            parameters);
    assert_int_equal(fclose(file), 0);
    setenv("CLFORMER_TUNE_PATH", path, 1);
    clf_i_tuning_forget();
}

static void end_rules(const char *folder) {
    unsetenv("CLFORMER_TUNE_PATH");
    clf_i_tuning_forget();
    test_folder_remove(folder);
}

static void test_providers_rules_choose_the_library(void **state) {
    const test_session *session = (const test_session *)*state;
    static const char *const providers[] = {"own", "clblast"};
    for (size_t preferred = 0; preferred < 2; preferred++) {
        char folder[512];
        char rule[64];
        clf_status status = CLF_SUCCESS;
        snprintf(rule, sizeof rule, "\"prefer_clblast\": %zu", preferred);
        begin_rules(folder, sizeof folder, rule);
        json_t *description = describe(session, "auto", small_line, &status);
        end_rules(folder);
        test_succeeds(status);
        assert_string_equal(product_text(description, 0, "provider"), providers[preferred]);
        assert_string_equal(product_text(description, 1, "provider"), providers[preferred]);
        json_decref(description);
    }
}

static void test_providers_rules_that_do_not_fit_are_refused(void **state) {
    const test_session *session = (const test_session *)*state;
    static const struct {
        const char *rules;
        const char *reason;
    } cases[] = {
        {"\"prefer_clblast\": 1, \"Xgemm.MWG\": 40", "MDIMC VWM divides MWG"},
        {"\"prefer_clblast\": 1, \"Xgemm.VWN\": 3", "VWM and VWN are 1, 2, 4 or 8"},
        {"\"prefer_clblast\": 1, \"Xgemm.GEMMK\": 1", "GEMMK is 0"},
        {"\"prefer_clblast\": 1, \"Xgemm.SA\": 1, \"Xgemm.KWG\": 512, \"Xgemm.MWG\": 512, "
         "\"Xgemm.SB\": 1, \"Xgemm.NWG\": 512",
         "fit the local memory"},
        {"\"prefer_clblast\": 1, \"Xgemm.MWG\": -5", "give 15 of the 16 parameters"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char folder[512];
        clf_status status = CLF_SUCCESS;
        begin_rules(folder, sizeof folder, cases[i].rules);
        assert_null(describe(session, "clblast", small_line, &status));
        test_expect_status(status, CLF_ERR_UNSUPPORTED);
        test_expect_contains(clf_last_error(), cases[i].reason);
        json_t *description = describe(session, "auto", small_line, &status);
        end_rules(folder);
        test_succeeds(status);
        assert_string_equal(product_text(description, 0, "provider"), "own");
        test_expect_contains(product_text(description, 0, "reason"), cases[i].reason);
        json_decref(description);
    }
}

/* Below this size CLBlast takes other kernels, which need no memory of their own. */
static void test_providers_small_products_take_the_direct_kernel(void **state) {
    const test_session *session = (const test_session *)*state;
    test_random random = test_random_from(test_seed() + 7);
    char folder[512];
    begin_rules(folder, sizeof folder, "\"GemmRoutine.XGEMM_MIN_INDIRECT_SIZE\": 96");
    int failures = 0;
    for (int i = 0; i < 14; i++) {
        const ffn_case drawn = draw_case(&random, i * 5);
        failures += !is_case_right(session, "clblast", &drawn, NULL);
    }
    end_rules(folder);
    assert_int_equal(failures, 0);
}

/* ---- Silence ---- */

/* What `body` writes to stdout and stderr, CLBlast's messages included. */
static size_t capture(void (*body)(const test_session *), const test_session *session, char *text,
                      size_t capacity) {
    FILE *file = tmpfile();
    assert_non_null(file);
    fflush(stdout);
    fflush(stderr);
    const int out = dup(STDOUT_FILENO);
    const int err = dup(STDERR_FILENO);
    dup2(fileno(file), STDOUT_FILENO);
    dup2(fileno(file), STDERR_FILENO);
    body(session);
    fflush(stdout);
    fflush(stderr);
    dup2(out, STDOUT_FILENO);
    dup2(err, STDERR_FILENO);
    close(out);
    close(err);
    rewind(file);
    const size_t length = fread(text, 1, capacity - 1, file);
    text[length] = '\0';
    fclose(file);
    return length;
}

/* Good and bad: everything is decided before CLBlast is called. */
static void plan_many(const test_session *session) {
    static const char *const lines[] = {
        small_line,
        "act=swiglu x=5,8 w1=8,24/1,8 w2=12,6 y=5,6",
        "act=relu x=fp16:5,8 w1=fp16:8,12 w2=fp16:12,6 y=fp16:5,6",
        "act=relu x=5,8/0,1 w1=8,12 w2=12,6 y=5,6",
        "act=relu x=5,0 w1=0,12 w2=12,6 y=5,6",
        "act=relu x=0,8 w1=8,12 w2=12,6 y=0,6",
        "act=relu x=5,8 w1=8,0 w2=0,6 b2=6 y=5,6",
        "act=relu x=1024,1024/4194304,1 w1=1024,4 w2=4,4 y=1024,4",
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        clf_status status = CLF_SUCCESS;
        json_decref(describe(session, "clblast", lines[i], &status));
    }
}

static void test_providers_print_nothing(void **state) {
    const test_session *session = (const test_session *)*state;
    char text[4096];
    const size_t length = capture(plan_many, session, text, sizeof text);
    if (length != 0) {
        fail_msg("printed: %s", text);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_providers_give_the_reference_results),
        cmocka_unit_test(test_providers_keep_infinities_and_nans_in_their_rows),
        cmocka_unit_test(test_providers_take_rows_with_one_step_and_slices_of_weights),
        cmocka_unit_test(test_providers_refusals_name_the_reason),
        cmocka_unit_test(test_providers_description_names_the_choice),
        cmocka_unit_test(test_providers_without_an_epilogue_add_no_step),
        cmocka_unit_test(test_providers_workspace_stays_within_its_bound),
        cmocka_unit_test(test_providers_wait_for_events_on_both_kinds_of_queues),
        cmocka_unit_test(test_providers_run_in_a_workspace_that_is_part_of_a_buffer),
        cmocka_unit_test(test_providers_buffers_bound_anew_need_no_compiler),
        cmocka_unit_test(test_providers_run_in_several_threads),
        cmocka_unit_test(test_providers_rules_choose_the_library),
        cmocka_unit_test(test_providers_rules_that_do_not_fit_are_refused),
        cmocka_unit_test(test_providers_small_products_take_the_direct_kernel),
        cmocka_unit_test(test_providers_print_nothing),
    };
    if (clf_i_gemm_the_library.prepare == NULL) {
        printf("skipped: this build has no CLBlast, and nothing to choose from\n");
        return 77;
    }
    return cmocka_run_group_tests(tests, test_session_begin, test_session_end);
}
