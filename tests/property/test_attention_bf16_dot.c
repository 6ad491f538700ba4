/*
 * Attention and its gradient in bf16 with and without the CPU's dot products of bf16 pairs: which of the two a plan
 * takes follows CLFORMER_CPU_EXTENSIONS, and both are right.
 */
#include <pthread.h>
#include <stdio.h>

#include "attention_draw.h"
#include "attention_grad_tensors.h"
#include "attention_tensors.h"
#include "cmocka_all.h"
#include "test_extensions.h"
#include "test_json.h"

#define NUM_CASES   60
#define NUM_THREADS 8
#define BUDGET      1.5e6 /* multiplications of one case */

static int64_t described_dot(clf_plan *plan) {
    json_t *description = test_plan_json(plan);
    const int64_t used =
        json_integer_value(json_object_get(json_object_get(description, "parameters"), "bf16_dot"));
    json_decref(description);
    clf_plan_destroy(plan);
    return used;
}

/* Forward and gradient decide alike. */
static int64_t plan_uses_dot(const test_session *session, clf_dtype dtype) {
    attention_case tested = attention_case_default();
    attention_grad_tensors tensors;
    clf_plan *plan = NULL;
    tested.dtype = dtype;
    attention_case_set_lengths(&tested, 40, 70);
    attention_grad_tensors_make(&tensors, &tested);
    test_succeeds(clf_flash_attention_plan(session->device, &tensors.forward.args, &plan));
    const int64_t used = described_dot(plan);
    test_succeeds(clf_flash_attention_grad_plan(session->device, &tensors.args, &plan));
    assert_int_equal(described_dot(plan), used);
    attention_grad_tensors_free(&tensors);
    return used;
}

static void test_attention_bf16_dot_follows_the_variable(void **state) {
    const test_session *session = (const test_session *)*state;
    test_session opened;
    test_extensions_open(session, "off", &opened);
    assert_non_null(clf_i_cpu_extension_refusal(opened.device, CLF_I_CPU_BF16_DOT));
    assert_int_equal(plan_uses_dot(&opened, CLF_DTYPE_BF16), 0);
    test_extensions_close(&opened);

    test_extensions_open(session, "auto", &opened);
    const char *refusal = clf_i_cpu_extension_refusal(opened.device, CLF_I_CPU_BF16_DOT);
    printf("bf16 dot products: %s\n", refusal != NULL ? refusal : "available");
    const bool expected = refusal == NULL && session->has_cpu_variant;
    assert_int_equal(plan_uses_dot(&opened, CLF_DTYPE_BF16), expected);
    assert_int_equal(plan_uses_dot(&opened, CLF_DTYPE_FP16), 0);
    assert_int_equal(plan_uses_dot(&opened, CLF_DTYPE_FP32), 0);
    test_extensions_close(&opened);
}

static void test_attention_bf16_dot_is_described(void **state) {
    const test_session *session = (const test_session *)*state;
    static char text[1 << 14];
    size_t size = sizeof text;
    test_session opened;
    test_extensions_open(session, "off", &opened);
    test_succeeds(clf_device_describe(opened.device, text, &size));
    test_expect_contains(text, "cpu_extensions");
    test_expect_contains(text, "bf16_dot");
    test_expect_contains(text, clf_i_cpu_extension_refusal(opened.device, CLF_I_CPU_BF16_DOT));
    test_extensions_close(&opened);
}

static void *ask(void *device) {
    const char *refusal =
        clf_i_cpu_extension_refusal((const clf_device *)device, CLF_I_CPU_BF16_DOT);
    return (void *)(uintptr_t)refusal;
}

static void test_attention_bf16_dot_has_one_answer_for_all_threads(void **state) {
    const test_session *session = (const test_session *)*state;
    pthread_t threads[NUM_THREADS];
    clf_device *device = NULL;
    test_succeeds(clf_device_create(session->context, session->id, &device));
    for (size_t i = 0; i < NUM_THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, ask, device), 0);
    }
    void *first = ask(device);
    for (size_t i = 0; i < NUM_THREADS; i++) {
        void *answer = NULL;
        pthread_join(threads[i], &answer);
        assert_ptr_equal(answer, first);
    }
    clf_device_destroy(device);
}

static const attention_kind kinds[] = {
    {CLF_DTYPE_BF16, 64, 64, false, TEST_BIAS_CLASS_NONE, TEST_DROPOUT_NONE, true, 9, 200,
     CLF_VARIANT_AUTO},
    {CLF_DTYPE_BF16, 33, 17, true, TEST_BIAS_CLASS_TENSOR, TEST_DROPOUT_GENERATED, false, 9, 90,
     CLF_VARIANT_AUTO},
    {CLF_DTYPE_BF16, 80, 80, false, TEST_BIAS_CLASS_LINEAR, TEST_DROPOUT_BITS, true, 1, 300,
     CLF_VARIANT_AUTO},
};
#define NUM_KINDS (sizeof kinds / sizeof kinds[0])

typedef bool (*run_case)(const test_session *session, const attention_case *tested);

static void check_cases(const test_session *session, const char *value, run_case run) {
    test_session opened;
    test_random random = test_random_from(test_seed());
    size_t failures = 0;
    test_extensions_open(session, value, &opened);
    for (size_t i = 0; i < NUM_CASES; i++) {
        const attention_case tested =
            attention_case_draw(&random, &kinds[i * NUM_KINDS / NUM_CASES], BUDGET);
        failures += !run(&opened, &tested);
    }
    test_extensions_close(&opened);
    printf("CLFORMER_CPU_EXTENSIONS=%s: %d cases, %zu failed\n", value, NUM_CASES, failures);
    assert_int_equal(failures, 0);
}

static void test_attention_bf16_dot_is_right(void **state) {
    check_cases((const test_session *)*state, "auto", attention_case_run);
}

static void test_attention_bf16_without_dot_is_right(void **state) {
    check_cases((const test_session *)*state, "off", attention_case_run);
}

static void test_attention_grad_bf16_dot_is_right(void **state) {
    check_cases((const test_session *)*state, "auto", attention_grad_case_run);
}

static void test_attention_grad_bf16_without_dot_is_right(void **state) {
    check_cases((const test_session *)*state, "off", attention_grad_case_run);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_attention_bf16_dot_follows_the_variable),
        cmocka_unit_test(test_attention_bf16_dot_is_described),
        cmocka_unit_test(test_attention_bf16_dot_has_one_answer_for_all_threads),
        cmocka_unit_test(test_attention_bf16_dot_is_right),
        cmocka_unit_test(test_attention_bf16_without_dot_is_right),
        cmocka_unit_test(test_attention_grad_bf16_dot_is_right),
        cmocka_unit_test(test_attention_grad_bf16_without_dot_is_right),
    };
    return cmocka_run_group_tests(tests, test_session_begin, test_session_end);
}
