/* Floyd attention and its gradients where random cases seldom or never go: the smallest sizes, rows
 * of which everything is masked, scales of 0 and below, workspace limits; and repeated runs. */
#include <stdio.h>
#include <string.h>

#include "cmocka_all.h"
#include "floyd_call.h"
#include "floyd_run.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

/* Both directions, both methods, each variant of the device. */
enum { MOST_WAYS = 2 * TEST_MOST_FLOYD_WAYS };

static size_t make_ways(const test_session *session, floyd_case ways[MOST_WAYS]) {
    const size_t count = floyd_cases_make(session, CLF_FLOYD_METHOD_FUSED, ways);
    return count + floyd_cases_make(session, CLF_FLOYD_METHOD_SLAB, ways + count);
}

static void test_floyd_special_smallest_sizes(void **state) {
    const test_session *session = (const test_session *)*state;
    static const int64_t sizes[][3] = {{1, 1, 1}, {1, 1, 33}, {1, 33, 1}, {33, 1, 1}, {2, 3, 4}};
    floyd_case ways[MOST_WAYS];
    const size_t count = make_ways(session, ways);
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < LENGTH(sizes); j++) {
            floyd_case_set_sizes(&ways[i], sizes[j][0], sizes[j][1], sizes[j][2], 1);
            assert_true(floyd_case_run(session, &ways[i]));
        }
    }
}

/* Of a negative scale, too, masked keys must not win. */
static void test_floyd_special_masked_rows_and_scales(void **state) {
    const test_session *session = (const test_session *)*state;
    static const double scales[] = {0.3, -0.3, 0.0, -1.0, 1e-30, 8.0};
    static const double shares[] = {0.0, 0.5, 1.0};
    floyd_case ways[MOST_WAYS];
    const size_t count = make_ways(session, ways);
    for (size_t i = 0; i < count; i++) {
        floyd_case *tested = &ways[i];
        floyd_case_set_sizes(tested, 5, 19, 37, 7);
        tested->has_mask = true;
        tested->mask_axes[2] = tested->mask_axes[4] = true;
        for (size_t j = 0; j < LENGTH(scales) * LENGTH(shares); j++) {
            tested->scale = scales[j % LENGTH(scales)];
            tested->masked_rows = shares[j / LENGTH(scales)];
            tested->mask_axes[3] = j % 2 == 1;
            assert_true(floyd_case_run(session, tested));
        }
    }
}

/* Roundings of equal terms all go one way. */
static void test_floyd_special_equal_inputs(void **state) {
    const test_session *session = (const test_session *)*state;
    static const test_layout layouts[] = {TEST_BROADCAST_ROW, TEST_BROADCAST_ALL};
    floyd_case ways[TEST_MOST_FLOYD_WAYS];
    const size_t count = floyd_cases_make(session, CLF_FLOYD_METHOD_FUSED, ways);
    for (size_t i = 0; i < count; i++) {
        floyd_case *tested = &ways[i];
        floyd_case_set_sizes(tested, tested->is_gradient ? 32 : 15, tested->is_gradient ? 17 : 64,
                             31, 3);
        for (uint64_t seed = 1; seed <= 20; seed++) {
            tested->input_layout = layouts[seed % LENGTH(layouts)];
            tested->seed = seed;
            assert_true(floyd_case_run(session, tested));
        }
    }
}

/* More than 8 MiB of results bypass the caches: whole vectors where they are aligned, parts of them,
 * and results wider than the inputs. */
static void test_floyd_special_many_results(void **state) {
    const test_session *session = (const test_session *)*state;
    static const struct {
        clf_dtype dtype;
        int64_t depth;
        bool has_fp32_out;
        size_t misalign;
    } forms[] = {{CLF_DTYPE_FP32, 32, false, 0},
                 {CLF_DTYPE_FP16, 32, true, 0},
                 {CLF_DTYPE_BF16, 32, false, 0},
                 {CLF_DTYPE_BF16, 33, false, 1}};
    if (!session->has_cpu_variant) {
        printf("left out: only variant cpu stores results past the caches\n");
        return;
    }
    for (size_t i = 0; i < LENGTH(forms); i++) {
        floyd_case tested = floyd_case_default();
        tested.heads = 1;
        tested.variant = CLF_VARIANT_CPU;
        tested.dtype = forms[i].dtype;
        tested.has_fp32_out = forms[i].has_fp32_out;
        tested.misalign = forms[i].misalign;
        floyd_case_set_sizes(&tested, 260, 257, 3, forms[i].depth);
        assert_true(floyd_case_run(session, &tested));
    }
}

/* ---- Plans ---- */

static void check_limit_of_portable(const test_session *session, floyd_case tested) {
    clf_plan *plan = NULL;
    tested.workspace_limit = 1;
    test_succeeds(floyd_case_plan(session, &tested, &plan)); /* needs none */
    assert_int_equal(clf_plan_workspace_size(plan), 0);
    clf_plan_destroy(plan);
}

static void check_limit_of_cpu(const test_session *session, floyd_case tested) {
    clf_plan *plan = NULL;
    tested.workspace_limit = 1;
    test_expect_status(floyd_case_plan(session, &tested, &plan), CLF_ERR_UNSUPPORTED);
    test_expect_contains(clf_last_error(), "workspace_limit");
    tested.workspace_limit = 0;
    test_succeeds(floyd_case_plan(session, &tested, &plan));
    const size_t usual = clf_plan_workspace_size(plan);
    clf_plan_destroy(plan);
    tested.workspace_limit = usual / 4;
    test_succeeds(floyd_case_plan(session, &tested, &plan));
    assert_in_range(clf_plan_workspace_size(plan), 1, usual / 4);
    clf_plan_destroy(plan);
    assert_true(floyd_case_run(session, &tested)); /* heads in several steps */
}

static void test_floyd_special_workspace_stays_within_its_limit(void **state) {
    const test_session *session = (const test_session *)*state;
    floyd_case ways[TEST_MOST_FLOYD_WAYS];
    const size_t count = floyd_cases_make(session, CLF_FLOYD_METHOD_FUSED, ways);
    for (size_t i = 0; i < count; i++) {
        ways[i].heads = 40;
        floyd_case_set_sizes(&ways[i], 5, 19, 37, 7);
        if (ways[i].variant == CLF_VARIANT_CPU) {
            check_limit_of_cpu(session, ways[i]);
        } else {
            check_limit_of_portable(session, ways[i]);
        }
    }
    if (!session->has_cpu_variant) {
        printf("left out: the device has no variant cpu, whose workspace could be limited\n");
    }
}

static size_t workspace_of(const test_session *session, const char *text) {
    floyd_call call;
    clf_plan *plan = NULL;
    floyd_call_make(&call, text);
    call.grad_args.method = CLF_FLOYD_METHOD_FUSED;
    call.grad_args.variant = session->has_cpu_variant ? CLF_VARIANT_CPU : CLF_VARIANT_PORTABLE;
    test_succeeds(clf_floyd_attention_grad_plan(session->device, &call.grad_args, &plan));
    const size_t size = clf_plan_workspace_size(plan);
    clf_plan_destroy(plan);
    return size;
}

/* A line of arguments: all tensors of both operators. */
static void write_sizes(char *text, size_t capacity, int heads, int size, int depth) {
    static const char *const names[] = {"query",     "key1",        "value1",       "key2",
                                        "value2",    "grad_output", "attention_in", "grad_query",
                                        "grad_key1", "grad_value1", "grad_key2",    "grad_value2"};
    size_t length = 0;
    for (size_t i = 0; i < LENGTH(names); i++) {
        length += (size_t)snprintf(text + length, capacity - length, "%s=1,%d,%d,%d,%d ", names[i],
                                   heads, size, size, depth);
    }
    snprintf(text + length, capacity - length, "softmax_max=1,%d,%d,%d,8 softmax_sum=1,%d,%d,%d,8",
             heads, size, size, heads, size, size);
}

static void test_floyd_special_workspace_does_not_grow_with_the_heads(void **state) {
    const test_session *session = (const test_session *)*state;
    static const struct {
        int heads;
        int size;
        int depth;
        size_t most; /* MiB */
    } cases[] = {{32, 256, 32, 128}, {1, 256, 128, 400}};
    for (size_t i = 0; i < LENGTH(cases); i++) {
        char text[2048];
        write_sizes(text, sizeof text, cases[i].heads, cases[i].size, cases[i].depth);
        const size_t few = workspace_of(session, text);
        assert_true(few <= cases[i].most << 20);
        write_sizes(text, sizeof text, 5 * cases[i].heads, cases[i].size, cases[i].depth);
        assert_int_equal(workspace_of(session, text), few);
    }
}

/* ---- Repeated runs ---- */

static void test_floyd_special_runs_have_the_same_bits(void **state) {
    const test_session *session = (const test_session *)*state;
    floyd_case ways[MOST_WAYS];
    const size_t count = make_ways(session, ways);
    for (size_t i = 0; i < count; i++) {
        floyd_case_set_sizes(&ways[i], 37, 19, 70, 24);
        ways[i].heads = 3;
        ways[i].dtype = i % 4 < 2 ? CLF_DTYPE_FP32 : CLF_DTYPE_BF16;
        floyd_case_run_repeatedly(session, &ways[i]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_floyd_special_smallest_sizes),
        cmocka_unit_test(test_floyd_special_masked_rows_and_scales),
        cmocka_unit_test(test_floyd_special_equal_inputs),
        cmocka_unit_test(test_floyd_special_many_results),
        cmocka_unit_test(test_floyd_special_workspace_stays_within_its_limit),
        cmocka_unit_test(test_floyd_special_workspace_does_not_grow_with_the_heads),
        cmocka_unit_test(test_floyd_special_runs_have_the_same_bits),
    };
    return cmocka_run_group_tests(tests, test_session_begin, test_session_end);
}
