/*
 * Floyd attention in bf16 with and without the CPU's dot products of bf16 pairs: which of the two a
 * plan takes follows CLFORMER_CPU_EXTENSIONS and the type of the result, and both are right.
 */
#include <stdio.h>

#include "cmocka_all.h"
#include "floyd_draw.h"
#include "floyd_run.h"
#include "test_extensions.h"
#include "test_json.h"

/* Few: most of the time goes into building kernels. test_floyd_random has more with dot products. */
#define NUM_CASES 6
#define BUDGET    0.6e6 /* B H N M K D of one case */

static int64_t plan_uses_dot(const test_session *session, bool is_gradient, clf_dtype dtype,
                             bool has_fp32_out) {
    floyd_case tested = floyd_case_default();
    floyd_tensors tensors;
    clf_plan *plan = NULL;
    tested.is_gradient = is_gradient;
    tested.dtype = dtype;
    tested.has_fp32_out = has_fp32_out;
    floyd_tensors_make(&tensors, &tested);
    test_succeeds(floyd_tensors_plan(&tensors, session->device, &plan));
    json_t *description = test_plan_json(plan);
    const json_t *parameters = json_object_get(description, "parameters");
    const int64_t used = json_integer_value(json_object_get(parameters, "bf16_dot"));
    json_decref(description);
    clf_plan_destroy(plan);
    floyd_tensors_free(&tensors);
    return used;
}

static void test_floyd_bf16_dot_follows_the_variable(void **state) {
    const test_session *session = (const test_session *)*state;
    test_session opened;
    test_extensions_open(session, "off", &opened);
    assert_int_equal(plan_uses_dot(&opened, false, CLF_DTYPE_BF16, false), 0);
    assert_int_equal(plan_uses_dot(&opened, true, CLF_DTYPE_BF16, false), 0);
    test_extensions_close(&opened);

    test_extensions_open(session, "auto", &opened);
    const char *refusal = clf_i_cpu_extension_refusal(opened.device, CLF_I_CPU_BF16_DOT);
    printf("bf16 dot products: %s\n", refusal != NULL ? refusal : "available");
    const bool expected = refusal == NULL && session->has_cpu_variant;
    assert_int_equal(plan_uses_dot(&opened, false, CLF_DTYPE_BF16, false), expected);
    assert_int_equal(plan_uses_dot(&opened, true, CLF_DTYPE_BF16, false), expected);
    assert_int_equal(plan_uses_dot(&opened, false, CLF_DTYPE_BF16, true), 0);
    assert_int_equal(plan_uses_dot(&opened, false, CLF_DTYPE_FP16, false), 0);
    assert_int_equal(plan_uses_dot(&opened, true, CLF_DTYPE_FP16, false), 0);
    assert_int_equal(plan_uses_dot(&opened, false, CLF_DTYPE_FP32, false), 0);
    test_extensions_close(&opened);
}

static const floyd_kind kinds[] = {
    {false, CLF_DTYPE_BF16, false, true, 64, CLF_FLOYD_METHOD_AUTO, CLF_VARIANT_AUTO},
    {false, CLF_DTYPE_BF16, true, false, 33, CLF_FLOYD_METHOD_AUTO, CLF_VARIANT_AUTO},
    {true, CLF_DTYPE_BF16, true, false, 33, CLF_FLOYD_METHOD_AUTO, CLF_VARIANT_AUTO},
};
#define NUM_KINDS (sizeof kinds / sizeof kinds[0])

static void check_cases(const test_session *session, const char *value) {
    test_session opened;
    test_random random = test_random_from(test_seed());
    size_t failures = 0;
    test_extensions_open(session, value, &opened);
    for (size_t i = 0; i < NUM_CASES; i++) {
        const floyd_case tested =
            floyd_case_draw(&random, &kinds[i * NUM_KINDS / NUM_CASES], BUDGET);
        failures += !floyd_case_run(&opened, &tested);
    }
    test_extensions_close(&opened);
    printf("CLFORMER_CPU_EXTENSIONS=%s: %d cases, %zu failed\n", value, NUM_CASES, failures);
    assert_int_equal(failures, 0);
}

static void test_floyd_bf16_dot_is_right(void **state) {
    check_cases((const test_session *)*state, "auto");
}

static void test_floyd_bf16_without_dot_is_right(void **state) {
    check_cases((const test_session *)*state, "off");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_floyd_bf16_dot_follows_the_variable),
        cmocka_unit_test(test_floyd_bf16_dot_is_right),
        cmocka_unit_test(test_floyd_bf16_without_dot_is_right),
    };
    return cmocka_run_group_tests(tests, test_session_begin, test_session_end);
}
