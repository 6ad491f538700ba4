/* The Floyd gradients where random cases seldom or never go: the smallest sizes, rows of which
 * everything is masked, scales of 0 and below, workspace limits; and repeated runs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmocka_all.h"
#include "floyd_call.h"
#include "floyd_run.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static floyd_case gradient_case(void) {
    floyd_case tested = floyd_case_default();
    tested.is_gradient = true;
    return tested;
}

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

static void test_floyd_grad_special_smallest_sizes(void **state) {
    const test_session *session = (const test_session *)*state;
    static const int64_t sizes[][3] = {{1, 1, 1}, {1, 1, 33}, {1, 33, 1}, {33, 1, 1}};
    for (size_t i = 0; i < LENGTH(sizes); i++) {
        floyd_case tested = gradient_case();
        set_sizes(&tested, sizes[i][0], sizes[i][1], sizes[i][2], 1);
        run_variants(session, tested);
    }
}

static void test_floyd_grad_special_masked_rows(void **state) {
    const test_session *session = (const test_session *)*state;
    static const double shares[] = {0.5, 1.0};
    for (size_t i = 0; i < LENGTH(shares); i++) {
        floyd_case tested = gradient_case();
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

static void test_floyd_grad_special_scales(void **state) {
    const test_session *session = (const test_session *)*state;
    static const double scales[] = {0.0, -1.0, 1e-30, 8.0};
    for (size_t i = 0; i < LENGTH(scales); i++) {
        floyd_case tested = gradient_case();
        set_sizes(&tested, 5, 19, 37, 7);
        tested.has_mask = true;
        tested.mask_axes[2] = tested.mask_axes[4] = true;
        tested.scale = scales[i];
        run_variants(session, tested);
    }
}

/* ---- Plans ---- */

/* Roundings of equal terms all go one way. */
static void test_floyd_grad_special_equal_inputs(void **state) {
    const test_session *session = (const test_session *)*state;
    static const test_layout layouts[] = {TEST_BROADCAST_ROW, TEST_BROADCAST_ALL};
    for (uint64_t seed = 1; seed <= 20; seed++) {
        floyd_case tested = gradient_case();
        set_sizes(&tested, 32, 17, 31, 3);
        tested.heads = 1;
        tested.input_layout = layouts[seed % LENGTH(layouts)];
        tested.seed = seed;
        run_variants(session, tested);
    }
}

/* Planned on the host's views: no buffers. */
static clf_status plan_case(const test_session *session, const floyd_case *tested,
                            clf_plan **out_plan) {
    floyd_tensors tensors;
    floyd_tensors_make(&tensors, tested);
    const clf_status status = floyd_tensors_plan(&tensors, session->device, out_plan);
    floyd_tensors_free(&tensors);
    return status;
}

static void test_floyd_grad_special_workspace_stays_within_its_limit(void **state) {
    const test_session *session = (const test_session *)*state;
    floyd_case tested = gradient_case();
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

static void test_floyd_grad_special_workspace_does_not_grow_with_the_heads(void **state) {
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

static void run_and_read(const test_session *session, floyd_tensors *tensors, clf_plan *plan) {
    char problem[512];
    test_succeeds(clf_plan_enqueue(plan, session->queue, NULL, 0, NULL, NULL));
    floyd_tensors_read(tensors, session, problem, sizeof problem);
    assert_string_equal(problem, "");
}

static void runs_have_the_same_bits(const test_session *session, const floyd_case *tested) {
    floyd_tensors tensors;
    clf_plan *plan = NULL;
    unsigned char *first[TEST_NUM_FLOYD_OPERANDS] = {NULL};
    char problem[512];
    floyd_tensors_make(&tensors, tested);
    floyd_tensors_upload(&tensors, session);
    test_succeeds(floyd_tensors_plan(&tensors, session->device, &plan));
    for (int run = 0; run < 20; run++) {
        run_and_read(session, &tensors, plan);
        for (int operand = TEST_FLOYD_GRAD_QUERY; operand < TEST_NUM_FLOYD_OPERANDS; operand++) {
            const test_tensor *result = &tensors.memory[operand];
            if (run == 0) {
                first[operand] = (unsigned char *)calloc(result->num_bytes, 1);
                assert_non_null(first[operand]);
                memcpy(first[operand], result->result, result->num_bytes);
            }
            assert_memory_equal(first[operand], result->result, result->num_bytes);
        }
    }
    floyd_tensors_compare(&tensors, problem, sizeof problem);
    assert_string_equal(problem, "");
    for (int operand = 0; operand < TEST_NUM_FLOYD_OPERANDS; operand++) {
        free(first[operand]);
    }
    clf_plan_destroy(plan);
    floyd_tensors_free(&tensors);
}

static void test_floyd_grad_special_runs_have_the_same_bits(void **state) {
    const test_session *session = (const test_session *)*state;
    static const clf_variant variants[] = {CLF_VARIANT_PORTABLE, CLF_VARIANT_CPU};
    for (size_t i = 0; i < LENGTH(variants); i++) {
        floyd_case tested = gradient_case();
        set_sizes(&tested, 37, 19, 70, 24);
        tested.heads = 3;
        tested.variant = variants[i];
        if (variants[i] != CLF_VARIANT_CPU || session->has_cpu_variant) {
            runs_have_the_same_bits(session, &tested);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_floyd_grad_special_smallest_sizes),
        cmocka_unit_test(test_floyd_grad_special_masked_rows),
        cmocka_unit_test(test_floyd_grad_special_scales),
        cmocka_unit_test(test_floyd_grad_special_equal_inputs),
        cmocka_unit_test(test_floyd_grad_special_workspace_does_not_grow_with_the_heads),
        cmocka_unit_test(test_floyd_grad_special_workspace_stays_within_its_limit),
        cmocka_unit_test(test_floyd_grad_special_runs_have_the_same_bits),
    };
    return cmocka_run_group_tests(tests, test_session_begin, test_session_end);
}
