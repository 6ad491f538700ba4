/* Floyd attention where random cases seldom or never go: the smallest sizes, rows of which
 * everything is masked, scales of 0 and below, workspace limits; and repeated runs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmocka_all.h"
#include "floyd_run.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static void run_variants(const test_session *session, floyd_case tested) {
    static const clf_variant variants[] = {CLF_VARIANT_PORTABLE, CLF_VARIANT_CPU};
    for (size_t i = 0; i < LENGTH(variants); i++) {
        tested.variant = variants[i];
        if (variants[i] != CLF_VARIANT_CPU || session->has_cpu_variant) {
            assert_true(floyd_case_run(session, &tested));
        }
    }
}

static void set_sizes(floyd_case *tested, int64_t n, int64_t m, int64_t k, int64_t depth) {
    tested->n = n;
    tested->m = m;
    tested->k = k;
    tested->depth = depth;
}

static void test_floyd_special_smallest_sizes(void **state) {
    const test_session *session = (const test_session *)*state;
    static const int64_t sizes[][3] = {{1, 1, 1}, {1, 1, 33}, {1, 33, 1}, {33, 1, 1}};
    for (size_t i = 0; i < LENGTH(sizes); i++) {
        floyd_case tested = floyd_case_default();
        set_sizes(&tested, sizes[i][0], sizes[i][1], sizes[i][2], 1);
        run_variants(session, tested);
    }
}

static void test_floyd_special_masked_rows(void **state) {
    const test_session *session = (const test_session *)*state;
    static const double shares[] = {0.5, 1.0};
    for (size_t i = 0; i < LENGTH(shares); i++) {
        floyd_case tested = floyd_case_default();
        set_sizes(&tested, 5, 19, 37, 7);
        tested.has_mask = true;
        tested.mask_axes[2] = tested.mask_axes[4] = true;
        tested.masked_rows = shares[i];
        run_variants(session, tested);
        tested.scale = -tested.scale; /* masked keys must not win */
        tested.mask_axes[3] = true;
        run_variants(session, tested);
    }
}

static void test_floyd_special_scales(void **state) {
    const test_session *session = (const test_session *)*state;
    static const double scales[] = {0.0, -1.0, 1e-30, 8.0};
    for (size_t i = 0; i < LENGTH(scales); i++) {
        floyd_case tested = floyd_case_default();
        set_sizes(&tested, 5, 19, 37, 7);
        tested.has_mask = true;
        tested.mask_axes[2] = tested.mask_axes[4] = true;
        tested.scale = scales[i];
        run_variants(session, tested);
    }
}

/* Roundings of equal terms all go one way. */
static void test_floyd_special_equal_inputs(void **state) {
    const test_session *session = (const test_session *)*state;
    static const test_layout layouts[] = {TEST_BROADCAST_ROW, TEST_BROADCAST_ALL};
    for (uint64_t seed = 1; seed <= 20; seed++) {
        floyd_case tested = floyd_case_default();
        set_sizes(&tested, 15, 64, 31, 3);
        tested.input_layout = layouts[seed % LENGTH(layouts)];
        tested.seed = seed;
        run_variants(session, tested);
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
        set_sizes(&tested, 260, 257, 3, forms[i].depth);
        assert_true(floyd_case_run(session, &tested));
    }
}

/* ---- Plans ---- */

/* Planned on the host's views: no buffers. */
static clf_status plan_case(const test_session *session, const floyd_case *tested,
                            clf_plan **out_plan) {
    floyd_tensors tensors;
    floyd_tensors_make(&tensors, tested);
    const clf_status status = clf_floyd_attention_plan(session->device, &tensors.args, out_plan);
    floyd_tensors_free(&tensors);
    return status;
}

static void test_floyd_special_workspace_stays_within_its_limit(void **state) {
    const test_session *session = (const test_session *)*state;
    floyd_case tested = floyd_case_default();
    clf_plan *plan = NULL;
    tested.heads = 40;
    set_sizes(&tested, 5, 19, 37, 7);
    tested.workspace_limit = 1;
    assert_int_equal(plan_case(session, &tested, &plan), CLF_SUCCESS); /* needs none: portable */
    assert_int_equal(clf_plan_workspace_size(plan), 0);
    clf_plan_destroy(plan);
    if (!session->has_cpu_variant) {
        printf("left out: the device has no variant cpu, whose workspace could be limited\n");
        return;
    }
    tested.variant = CLF_VARIANT_CPU;
    assert_int_equal(plan_case(session, &tested, &plan), CLF_ERR_UNSUPPORTED);
    assert_non_null(strstr(clf_last_error(), "workspace_limit"));
    tested.workspace_limit = 0;
    assert_int_equal(plan_case(session, &tested, &plan), CLF_SUCCESS);
    const size_t usual = clf_plan_workspace_size(plan);
    clf_plan_destroy(plan);
    tested.workspace_limit = usual / 4;
    assert_int_equal(plan_case(session, &tested, &plan), CLF_SUCCESS);
    assert_true(clf_plan_workspace_size(plan) > 0);
    assert_true(clf_plan_workspace_size(plan) <= usual / 4);
    clf_plan_destroy(plan);
    assert_true(floyd_case_run(session, &tested)); /* heads in several steps */
}

/* ---- Repeated runs ---- */

static void test_floyd_special_runs_have_the_same_bits(void **state) {
    const test_session *session = (const test_session *)*state;
    floyd_case tested = floyd_case_default();
    floyd_tensors tensors;
    clf_plan *plan = NULL;
    char problem[512];
    set_sizes(&tested, 37, 19, 70, 24);
    tested.dtype = CLF_DTYPE_BF16;
    floyd_tensors_make(&tensors, &tested);
    floyd_tensors_upload(&tensors, session);
    test_succeeds(clf_floyd_attention_plan(session->device, &tensors.args, &plan));
    test_tensor *out = &tensors.memory[TEST_FLOYD_ATTENTION];
    unsigned char *first = (unsigned char *)calloc(out->num_bytes, 1);
    assert_non_null(first);
    for (int run = 0; run < 20; run++) {
        test_succeeds(clf_plan_enqueue(plan, session->queue, NULL, 0, NULL, NULL));
        floyd_tensors_read(&tensors, session, problem, sizeof problem);
        assert_string_equal(problem, "");
        if (run == 0) {
            memcpy(first, out->result, out->num_bytes);
            floyd_tensors_compare(&tensors, problem, sizeof problem);
            assert_string_equal(problem, "");
        }
        assert_memory_equal(first, out->result, out->num_bytes);
    }
    free(first);
    clf_plan_destroy(plan);
    floyd_tensors_free(&tensors);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_floyd_special_smallest_sizes),
        cmocka_unit_test(test_floyd_special_masked_rows),
        cmocka_unit_test(test_floyd_special_scales),
        cmocka_unit_test(test_floyd_special_equal_inputs),
        cmocka_unit_test(test_floyd_special_many_results),
        cmocka_unit_test(test_floyd_special_workspace_stays_within_its_limit),
        cmocka_unit_test(test_floyd_special_runs_have_the_same_bits),
    };
    return cmocka_run_group_tests(tests, test_session_begin, test_session_end);
}
