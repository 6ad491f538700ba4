/* Floyd attention and its gradient by slabs: workspace limits down to one n for a slab, both
 * providers of products, repeated runs, and the choice of the method. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmocka_all.h"
#include "floyd_call.h"
#include "floyd_run.h"
#include "gemm/gemm_library.h"
#include "test_json.h"
#include "test_rules.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))
#define VARIABLE      "CLFORMER_GEMM"

static floyd_case slab_case(bool is_gradient, clf_variant variant) {
    floyd_case made = floyd_case_default();
    made.is_gradient = is_gradient;
    made.method = CLF_FLOYD_METHOD_SLAB;
    made.variant = variant;
    return made;
}

static int64_t parameter_of(const clf_plan *plan, const char *name) {
    json_t *description = test_plan_json(plan);
    const json_t *value = json_object_get(json_object_get(description, "parameters"), name);
    if (!json_is_integer(value)) {
        fail_msg("the plan has no parameter %s", name);
    }
    const int64_t number = json_integer_value(value);
    json_decref(description);
    return number;
}

/* ---- Workspace ---- */

/* The number of the sentence "workspace_limit is ..., accepted with method slab: ... bytes". */
static size_t least_limit(const test_session *session, floyd_case tested) {
    static const char before[] = "accepted with method slab: ";
    clf_plan *plan = NULL;
    tested.workspace_limit = 1;
    test_expect_status(floyd_case_plan(session, &tested, &plan), CLF_ERR_UNSUPPORTED);
    assert_null(plan);
    test_expect_contains(clf_last_error(), "workspace_limit is 1, ");
    const char *found = strstr(clf_last_error(), before);
    assert_non_null(found);
    return strtoul(found + strlen(before), NULL, 10);
}

static void check_limit(const test_session *session, const floyd_case *tested, int64_t least_n,
                        int64_t most_n) {
    clf_plan *plan = NULL;
    test_succeeds(floyd_case_plan(session, tested, &plan));
    const size_t size = clf_plan_workspace_size(plan);
    assert_true(size <= tested->workspace_limit);
    assert_true((int64_t)size <= parameter_of(plan, "slab_workspace"));
    const int64_t n = parameter_of(plan, "n_per_slab");
    assert_in_range(n, least_n, most_n);
    clf_plan_destroy(plan);
    assert_true(floyd_case_run(session, tested));
}

static void test_floyd_slab_workspace_stays_within_its_limit(void **state) {
    const test_session *session = (const test_session *)*state;
    static const clf_dtype dtypes[] = {CLF_DTYPE_FP32, CLF_DTYPE_BF16};
    floyd_case cases[TEST_MOST_FLOYD_WAYS];
    const size_t count = floyd_cases_make(session, CLF_FLOYD_METHOD_SLAB, cases);
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < LENGTH(dtypes); j++) {
            floyd_case tested = cases[i];
            clf_plan *plan = NULL;
            floyd_case_set_sizes(&tested, 13, 11, 19, 9);
            tested.dtype = dtypes[j];
            tested.heads = 3;
            tested.workspace_limit = least_limit(session, tested) - 1;
            test_expect_status(floyd_case_plan(session, &tested, &plan), CLF_ERR_UNSUPPORTED);
            tested.workspace_limit++;
            check_limit(session, &tested, 1, 1);
            tested.workspace_limit *= 3;
            check_limit(session, &tested, 2, 12); /* the last slab is a smaller one */
        }
    }
}

/* Limits of the document's sizes, whose scores alone are 64 MiB and 2 GiB. */
static void test_floyd_slab_workspace_of_large_problems(void **state) {
    const test_session *session = (const test_session *)*state;
    static const struct {
        const char *sizes; /* query, the others and the results */
        size_t limit;
    } cases[] = {
        {"query=fp16:1,1,256,256,128 key1=fp16:1,1,256,256,128 value1=fp16:1,1,256,256,128 "
         "key2=fp16:1,1,256,256,128 value2=fp16:1,1,256,256,128 grad_output=fp16:1,1,256,256,128 "
         "attention_in=fp16:1,1,256,256,128 attention_out=fp16:1,1,256,256,128 "
         "grad_query=fp16:1,1,256,256,128 grad_key1=fp16:1,1,256,256,128 "
         "grad_value1=fp16:1,1,256,256,128 grad_key2=fp16:1,1,256,256,128 "
         "grad_value2=fp16:1,1,256,256,128 softmax_max=1,1,256,256,8 softmax_sum=1,1,256,256,8 "
         "method=2",
         (size_t)400 << 20},
        {"query=fp16:1,32,256,256,32 key1=fp16:1,32,256,256,32 value1=fp16:1,32,256,256,32 "
         "key2=fp16:1,32,256,256,32 value2=fp16:1,32,256,256,32 grad_output=fp16:1,32,256,256,32 "
         "attention_in=fp16:1,32,256,256,32 attention_out=fp16:1,32,256,256,32 "
         "grad_query=fp16:1,32,256,256,32 grad_key1=fp16:1,32,256,256,32 "
         "grad_value1=fp16:1,32,256,256,32 grad_key2=fp16:1,32,256,256,32 "
         "grad_value2=fp16:1,32,256,256,32 softmax_max=1,32,256,256,8 softmax_sum=1,32,256,256,8 "
         "method=2",
         (size_t)128 << 20},
    };
    for (size_t i = 0; i < LENGTH(cases); i++) {
        floyd_call call;
        clf_plan *plan = NULL;
        floyd_call_make(&call, cases[i].sizes);
        test_succeeds(clf_floyd_attention_plan(session->device, &call.args, &plan));
        assert_in_range(clf_plan_workspace_size(plan), 1, cases[i].limit);
        clf_plan_destroy(plan);
        test_succeeds(clf_floyd_attention_grad_plan(session->device, &call.grad_args, &plan));
        assert_in_range(clf_plan_workspace_size(plan), 1, cases[i].limit);
        clf_plan_destroy(plan);
    }
}

/* ---- Providers of products ---- */

static void expect_providers(const clf_plan *plan, const char *provider, size_t count) {
    json_t *description = test_plan_json(plan);
    const json_t *products = json_object_get(description, "products");
    assert_int_equal(json_array_size(products), count);
    for (size_t i = 0; i < count; i++) {
        const json_t *name = json_object_get(json_array_get(products, i), "provider");
        assert_string_equal(json_string_value(name), provider);
    }
    json_decref(description);
}

static void test_floyd_slab_providers_give_the_reference_results(void **state) {
    const test_session *session = (const test_session *)*state;
    static const int64_t sizes[][4] = {
        {5, 19, 37, 7}, {1, 4, 33, 128}, {33, 1, 5, 64}, {32, 32, 64, 64}, {3, 70, 1, 1}};
    static const char *const providers[] = {"own", "clblast"};
    static const clf_dtype dtypes[] = {CLF_DTYPE_FP32, CLF_DTYPE_FP16, CLF_DTYPE_BF16};
    floyd_case cases[TEST_MOST_FLOYD_WAYS];
    const size_t num_cases = floyd_cases_make(session, CLF_FLOYD_METHOD_SLAB, cases);
    for (size_t p = 0; p < LENGTH(providers); p++) {
        if (p == 1 && clf_i_gemm_the_batch_library.prepare == NULL) {
            printf("left out: this build has no CLBlast\n");
            break;
        }
        char folder[512];
        test_rules_begin(folder, sizeof folder,
                         "\"GemmRoutine.XGEMM_MIN_INDIRECT_SIZE\": 4096"); /* no copies */
        setenv(VARIABLE, providers[p], 1);
        for (size_t i = 0; i < num_cases * LENGTH(sizes); i++) {
            floyd_case tested = cases[i % num_cases];
            const int64_t *size = sizes[i / num_cases];
            clf_plan *plan = NULL;
            floyd_case_set_sizes(&tested, size[0], size[1], size[2], size[3]);
            tested.dtype = dtypes[i / num_cases % LENGTH(dtypes)];
            tested.heads = 2;
            tested.swaps_heads = i % 3 == 1; /* rows with gaps: used in place in fp32 */
            test_succeeds(floyd_case_plan(session, &tested, &plan));
            expect_providers(plan, providers[p], tested.is_gradient ? 10 : 4);
            clf_plan_destroy(plan);
            assert_true(floyd_case_run(session, &tested));
        }
        unsetenv(VARIABLE);
        test_rules_end(folder);
    }
}

static void test_floyd_slab_absent_library_is_named(void **state) {
    const test_session *session = (const test_session *)*state;
    const floyd_case tested = slab_case(false, CLF_VARIANT_AUTO);
    clf_plan *plan = NULL;
    if (clf_i_gemm_the_batch_library.prepare != NULL) {
        printf("left out: this build has CLBlast\n");
        return;
    }
    setenv(VARIABLE, "clblast", 1);
    test_expect_status(floyd_case_plan(session, &tested, &plan), CLF_ERR_UNSUPPORTED);
    unsetenv(VARIABLE);
    test_expect_contains(clf_last_error(), "built without CLBlast");
}

/* ---- Repeated runs ---- */

static void test_floyd_slab_runs_have_the_same_bits(void **state) {
    const test_session *session = (const test_session *)*state;
    floyd_case cases[TEST_MOST_FLOYD_WAYS];
    const size_t count = floyd_cases_make(session, CLF_FLOYD_METHOD_SLAB, cases);
    for (size_t i = 0; i < count; i++) {
        floyd_case_set_sizes(&cases[i], 37, 19, 70, 24);
        cases[i].workspace_limit = least_limit(session, cases[i]) * 3;
        floyd_case_run_repeatedly(session, &cases[i]);
    }
}

/* ---- The choice ---- */

static int64_t chosen_method(const test_session *session, const floyd_case *tested) {
    clf_plan *plan = NULL;
    test_succeeds(floyd_case_plan(session, tested, &plan));
    const int64_t method = parameter_of(plan, "method");
    assert_true(parameter_of(plan, "slab_workspace") > 0);
    assert_true(parameter_of(plan, "fused_workspace") >= 0);
    clf_plan_destroy(plan);
    return method;
}

static void test_floyd_slab_is_chosen_where_preferred(void **state) {
    const test_session *session = (const test_session *)*state;
    for (int i = 0; i < 4; i++) {
        const bool is_gradient = i / 2 == 1;
        floyd_case tested = slab_case(is_gradient, CLF_VARIANT_PORTABLE);
        char folder[512];
        char rule[64];
        snprintf(rule, sizeof rule, "\"prefers_slab\": %d", i % 2);
        test_rules_begin_for(folder, sizeof folder,
                             is_gradient ? "clf_floyd_attention_grad_portable"
                                         : "clf_floyd_attention_portable",
                             rule);
        assert_int_equal(chosen_method(session, &tested), CLF_FLOYD_METHOD_SLAB);
        tested.method = CLF_FLOYD_METHOD_FUSED;
        assert_int_equal(chosen_method(session, &tested), CLF_FLOYD_METHOD_FUSED);
        tested.method = CLF_FLOYD_METHOD_AUTO;
        assert_int_equal(chosen_method(session, &tested),
                         i % 2 == 1 ? CLF_FLOYD_METHOD_SLAB : CLF_FLOYD_METHOD_FUSED);
        tested.workspace_limit = 1; /* too low for a slab */
        assert_int_equal(chosen_method(session, &tested), CLF_FLOYD_METHOD_FUSED);
        test_rules_end(folder);
    }
}

static void test_floyd_slab_is_chosen_with_variant_cpu_for_a_limit(void **state) {
    const test_session *session = (const test_session *)*state;
    for (int i = 0; i < 2; i++) {
        floyd_case tested = slab_case(i == 1, CLF_VARIANT_AUTO);
        tested.method = CLF_FLOYD_METHOD_AUTO;
        if (!session->has_cpu_variant) {
            printf("left out: the device has no variant cpu\n");
            return;
        }
        assert_int_equal(chosen_method(session, &tested), CLF_FLOYD_METHOD_FUSED);
    }
    /* One head's keys and values for the fused way, 8 MiB, are more than a slab of one n needs. */
    floyd_case tested = slab_case(false, CLF_VARIANT_AUTO);
    floyd_case_set_sizes(&tested, 128, 128, 128, 32);
    tested.workspace_limit = least_limit(session, tested);
    tested.method = CLF_FLOYD_METHOD_AUTO;
    assert_int_equal(chosen_method(session, &tested), CLF_FLOYD_METHOD_SLAB);
    tested.variant = CLF_VARIANT_CPU;
    assert_int_equal(chosen_method(session, &tested), CLF_FLOYD_METHOD_SLAB);
    tested.variant = CLF_VARIANT_PORTABLE;
    assert_int_equal(chosen_method(session, &tested), CLF_FLOYD_METHOD_FUSED);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_floyd_slab_workspace_stays_within_its_limit),
        cmocka_unit_test(test_floyd_slab_workspace_of_large_problems),
        cmocka_unit_test(test_floyd_slab_providers_give_the_reference_results),
        cmocka_unit_test(test_floyd_slab_absent_library_is_named),
        cmocka_unit_test(test_floyd_slab_runs_have_the_same_bits),
        cmocka_unit_test(test_floyd_slab_is_chosen_where_preferred),
        cmocka_unit_test(test_floyd_slab_is_chosen_with_variant_cpu_for_a_limit),
    };
    return cmocka_run_group_tests(tests, test_session_begin, test_session_end);
}
