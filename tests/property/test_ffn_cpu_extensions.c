/*
 * FFN with and without the CPU's dot products: which a plan takes follows the data types and
 * CLFORMER_CPU_EXTENSIONS, both are right, and int8 gives the same bits.
 */
#include <stdio.h>
#include <string.h>

#include "cmocka_all.h"
#include "ffn_tensors.h"
#include "test_extensions.h"
#include "test_json.h"

/* Tokens for panels of rows; depths that are no multiple of a word, a vector or a block. */
static ffn_case case_of(ffn_types types, test_layout weight_layout) {
    ffn_case tested = ffn_case_default();
    tested.types = types;
    tested.activation = 3;
    tested.has_bias1 = tested.has_bias2 = true;
    tested.tokens[0] = 31;
    tested.depth1 = 1091;
    tested.depth2 = 70;
    tested.width2 = 38;
    tested.deq_dtype = CLF_DTYPE_UINT64;
    tested.weight_layout = weight_layout;
    tested.seed = test_seed() + (uint64_t)types;
    return tested;
}

/* Which dot products the plan's kernels use; none: an empty text. */
static const char *dot_of(const test_session *session, const ffn_case *tested) {
    static const char *const names[] = {"bf16_dot", "int8_dot"};
    ffn_tensors tensors;
    clf_plan *plan = NULL;
    const char *found = "";
    ffn_tensors_make(&tensors, tested);
    test_succeeds(clf_ffn_plan(session->device, &tensors.args, &plan));
    json_t *description = test_plan_json(plan);
    const json_t *parameters = json_object_get(description, "parameters");
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        found = json_integer_value(json_object_get(parameters, names[i])) == 1 ? names[i] : found;
    }
    json_decref(description);
    clf_plan_destroy(plan);
    ffn_tensors_free(&tensors);
    return found;
}

static bool is_usable(const test_session *session, clf_i_cpu_extension extension) {
    const char *refusal = clf_i_cpu_extension_refusal(session->device, extension);
    printf("%s: %s\n", clf_i_cpu_extension_name(extension),
           refusal != NULL ? refusal : "available");
    return refusal == NULL && session->has_cpu_variant;
}

static void test_ffn_cpu_extensions_follow_the_variable(void **state) {
    const test_session *session = (const test_session *)*state;
    test_session opened;
    test_extensions_open(session, "auto", &opened);
    const char *bf16 = is_usable(&opened, CLF_I_CPU_BF16_DOT) ? "bf16_dot" : "";
    const char *int8 = is_usable(&opened, CLF_I_CPU_INT8_DOT) ? "int8_dot" : "";
    const char *const expected[TEST_NUM_FFN_TYPES] = {
        [TEST_FFN_FP32] = "",           [TEST_FFN_FP16] = "",           [TEST_FFN_BF16] = bf16,
        [TEST_FFN_INT8_TO_FP16] = int8, [TEST_FFN_INT8_TO_BF16] = int8, [TEST_FFN_FP16_INT8] = "",
        [TEST_FFN_FP16_INT4] = "",      [TEST_FFN_BF16_INT8] = bf16,    [TEST_FFN_BF16_INT4] = bf16,
    };
    for (int types = 0; types < TEST_NUM_FFN_TYPES; types++) {
        const ffn_case tested = case_of((ffn_types)types, TEST_CONTIGUOUS);
        assert_string_equal(dot_of(&opened, &tested), expected[types]);
    }
    test_extensions_close(&opened);
    test_extensions_open(session, "off", &opened);
    for (int types = 0; types < TEST_NUM_FFN_TYPES; types++) {
        const ffn_case tested = case_of((ffn_types)types, TEST_CONTIGUOUS);
        assert_string_equal(dot_of(&opened, &tested), "");
    }
    test_extensions_close(&opened);
}

static void check_types(const test_session *session, const char *value, const ffn_types *types,
                        size_t num_types) {
    static const test_layout layouts[] = {TEST_CONTIGUOUS, TEST_TRANSPOSED, TEST_GAPS};
    test_session opened;
    int failures = 0;
    test_extensions_open(session, value, &opened);
    for (size_t i = 0; i < num_types; i++) {
        for (size_t j = 0; j < sizeof layouts / sizeof layouts[0]; j++) {
            const ffn_case tested = case_of(types[i], layouts[j]);
            assert_true(ffn_case_is_valid(&tested));
            failures += !ffn_case_run(&opened, &tested);
        }
    }
    test_extensions_close(&opened);
    assert_int_equal(failures, 0);
}

static const ffn_types dot_types[] = {TEST_FFN_BF16, TEST_FFN_INT8_TO_FP16, TEST_FFN_INT8_TO_BF16,
                                      TEST_FFN_BF16_INT8, TEST_FFN_BF16_INT4};

static void test_ffn_with_cpu_extensions_is_right(void **state) {
    check_types((const test_session *)*state, "auto", dot_types,
                sizeof dot_types / sizeof dot_types[0]);
}

static void test_ffn_without_cpu_extensions_is_right(void **state) {
    check_types((const test_session *)*state, "off", dot_types,
                sizeof dot_types / sizeof dot_types[0]);
}

/* Whole numbers have one sum, however they are added up. */
static void test_ffn_int8_gives_the_same_bits_with_cpu_extensions(void **state) {
    const test_session *session = (const test_session *)*state;
    static const char *const values[2] = {"auto", "off"};
    const ffn_case tested = case_of(TEST_FFN_INT8_TO_FP16, TEST_CONTIGUOUS);
    ffn_tensors tensors[2];
    for (int i = 0; i < 2; i++) {
        test_session opened;
        test_extensions_open(session, values[i], &opened);
        ffn_case_execute(&opened, &tested, NULL, &tensors[i]);
        test_extensions_close(&opened);
    }
    assert_true(
        test_tensor_same_results(&tensors[0].memory[TEST_FFN_Y], &tensors[1].memory[TEST_FFN_Y]));
    ffn_tensors_free(&tensors[0]);
    ffn_tensors_free(&tensors[1]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ffn_cpu_extensions_follow_the_variable),
        cmocka_unit_test(test_ffn_with_cpu_extensions_is_right),
        cmocka_unit_test(test_ffn_without_cpu_extensions_is_right),
        cmocka_unit_test(test_ffn_int8_gives_the_same_bits_with_cpu_extensions),
    };
    return cmocka_run_group_tests(tests, test_session_begin, test_session_end);
}
