/*
 * The published cases: the operator document's case table, torch_npu's test shapes, and the
 * official sample programs with their printed results. Leading axes are reduced, and where a matrix
 * is large its rows too, so that the reference takes seconds; the widths are the document's.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "bounds.h"
#include "cmocka_all.h"
#include "softmax_case.h"

typedef struct document_case {
    const char *name;
    int64_t shape[4];
    unsigned broadcast_axes; /* of the mask: bit 0 the first, bit 1 the second axis */
} document_case;

static const document_case document_cases[] = {
    {"document 1: 1,8,4096,4096", {1, 3, 24, 4096}, 2},
    {"document 2: 4,32,2048,2048", {2, 3, 24, 2048}, 2},
    {"document 3: 8,16,512,2048", {2, 2, 40, 2048}, 0},
    {"document 4: 8,16,512,1536", {2, 2, 40, 1536}, 0},
    {"document 5: 8,16,512,1024", {2, 2, 64, 1024}, 0},
    {"document 6: 8,16,512,512", {1, 1, 512, 512}, 0},
    {"document 7: 8,16,512,256", {1, 2, 512, 256}, 0},
    {"document 8: 4,4,2048,2048", {2, 2, 40, 2048}, 0},
    {"torch_npu: 16,6,128,128", {2, 3, 128, 128}, 0},
    {"torch_npu: 16,6,128,512", {2, 3, 128, 512}, 2},
    {"torch_npu: 16,6,512,512", {1, 2, 256, 512}, 2},
    {"torch_npu: 4,4,2048,2048", {2, 2, 24, 2048}, 2},
    {"broadcast over both leading axes", {2, 3, 32, 64}, 3},
    {"broadcast over the first axis", {4, 2, 32, 64}, 1},
};

static void run_documents(const test_session *session, bool is_gradient) {
    static const clf_dtype dtypes[] = {CLF_DTYPE_FP32, CLF_DTYPE_FP16, CLF_DTYPE_BF16};
    test_random random = test_random_from(test_seed());
    int failures = 0;
    int count = 0;
    for (size_t i = 0; i < sizeof document_cases / sizeof document_cases[0]; i++) {
        for (size_t d = 0; d < 3; d++) {
            softmax_case tested = softmax_case_default();
            tested.is_gradient = is_gradient;
            tested.dtype = dtypes[d];
            tested.rank = 4;
            memcpy(tested.shape, document_cases[i].shape, sizeof document_cases[i].shape);
            tested.mask_form = TEST_MASK_LEADING;
            tested.mask_axes = document_cases[i].broadcast_axes;
            tested.mask_density = 0.5; /* as in torch_npu's tests, and so the scale */
            tested.scale = test_random_uniform(&random, -1.0, 1.0);
            tested.deviation = 2.9; /* that of U(-5, 5) */
            tested.seed = test_random_next(&random);
            if (!softmax_case_run(session, &tested)) {
                print_error("  (%s)\n", document_cases[i].name);
                failures++;
            }
            count++;
        }
    }
    printf("%d cases\n", count);
    assert_int_equal(failures, 0);
}

static void test_softmax_document_cases_match_the_reference(void **state) {
    run_documents((const test_session *)*state, false);
}

static void test_softmax_grad_document_cases_match_the_reference(void **state) {
    run_documents((const test_session *)*state, true);
}

/* One whole matrix of the largest case, square, with the triangle. */
static void test_softmax_largest_document_matrix_matches_the_reference(void **state) {
    softmax_case tested = softmax_case_default();
    tested.dtype = CLF_DTYPE_FP16;
    tested.shape[0] = 1024;
    tested.shape[1] = 4096;
    tested.mask_form = TEST_MASK_TRIANGLE;
    tested.scale = 0.125;
    tested.seed = test_seed();
    assert_true(softmax_case_run((const test_session *)*state, &tested));
}

/* ---- The sample programs ---- */

static void fill_sample(softmax_tensors *tensors) {
    for (int64_t i = 0; i < 16; i++) {
        test_tensor_set(&tensors->input, i, (double)(i + 1));
        if (tensors->is_gradient) {
            test_tensor_set(&tensors->y, i, (double)(i + 1));
        }
        *(unsigned char *)test_tensor_bits(&tensors->mask, i) = i / 2 % 2 == 0;
    }
}

static softmax_case sample_case(bool is_gradient, clf_variant variant) {
    softmax_case tested = softmax_case_default();
    tested.is_gradient = is_gradient;
    tested.variant = variant;
    tested.rank = 4;
    for (int axis = 0; axis < 4; axis++) {
        tested.shape[axis] = 2;
    }
    tested.mask_form = TEST_MASK_FULL;
    return tested;
}

static void test_softmax_official_sample_prints_the_published_numbers(void **state) {
    const test_session *session = (const test_session *)*state;
    static const char *const printed[] = {"0.500000", "0.500000", "0.268941", "0.731059"};
    for (int v = CLF_VARIANT_PORTABLE; v <= (session->has_cpu_variant ? 2 : 1); v++) {
        const softmax_case tested = sample_case(false, (clf_variant)v);
        softmax_tensors tensors;
        softmax_case_execute(session, &tested, fill_sample, &tensors);
        for (int64_t i = 0; i < 16; i++) {
            char text[32];
            snprintf(text, sizeof text, "%.6f", test_tensor_get_result(tensors.result, i));
            assert_string_equal(text, printed[i % 4]);
        }
        softmax_tensors_free(&tensors);
    }
}

static void test_softmax_grad_official_sample_gives_the_published_numbers(void **state) {
    const test_session *session = (const test_session *)*state;
    static const double published[16] = {0, 0, -66,   -84,   0, 0, -742,  -840,
                                         0, 0, -2794, -3036, 0, 0, -6990, -7440};
    for (int v = CLF_VARIANT_PORTABLE; v <= (session->has_cpu_variant ? 2 : 1); v++) {
        const softmax_case tested = sample_case(true, (clf_variant)v);
        softmax_tensors tensors;
        softmax_case_execute(session, &tested, fill_sample, &tensors);
        for (int64_t i = 0; i < 16; i++) {
            /* Small integers: every step is exact in fp32. */
            assert_true(test_tensor_get_result(tensors.result, i) == published[i]);
        }
        softmax_tensors_free(&tensors);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_softmax_document_cases_match_the_reference),
        cmocka_unit_test(test_softmax_grad_document_cases_match_the_reference),
        cmocka_unit_test(test_softmax_largest_document_matrix_matches_the_reference),
        cmocka_unit_test(test_softmax_official_sample_prints_the_published_numbers),
        cmocka_unit_test(test_softmax_grad_official_sample_gives_the_published_numbers),
    };
    return cmocka_run_group_tests(tests, test_session_begin, test_session_end);
}
