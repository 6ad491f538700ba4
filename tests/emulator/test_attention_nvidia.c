/*
 * Attention on the tensor cores of an emulated NVIDIA GPU: the library's own planning and the
 * unchanged kernels, compared with the reference; and how the variant is chosen. CTest loads the
 * layer emulated_gpu.c.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attention_tensors.h"
#include "cmocka_all.h"
#include "warp_emulator.h"

/* ---- The layer ---- */

static void *layer_symbol(const char *name) {
    void *layer = dlopen(getenv("OPENCL_LAYERS"), RTLD_LAZY | RTLD_NOLOAD);
    void *symbol = layer != NULL ? dlsym(layer, name) : NULL;
    assert_non_null(symbol);
    dlclose(layer);
    return symbol;
}

static long emulated_runs(void) {
    long (*runs)(void) = NULL;
    void *symbol = layer_symbol("emulated_gpu_runs");
    memcpy(&runs, &symbol, sizeof runs);
    return runs();
}

static const warp_emulator_report *emulated_totals(void) {
    const warp_emulator_report *(*totals)(void) = NULL;
    void *symbol = layer_symbol("emulated_gpu_totals");
    memcpy(&totals, &symbol, sizeof totals);
    return totals();
}

/* ---- Cases ---- */

static attention_case nvidia_case(int64_t depth, int64_t query_length, int64_t key_length) {
    attention_case tested = attention_case_default();
    tested.dtype = CLF_DTYPE_FP16;
    tested.batch = 1;
    tested.heads = 2;
    tested.key_heads = 2;
    tested.depth = depth;
    tested.value_depth = depth;
    tested.scale = 1.0 / 8.0;
    tested.variant = CLF_VARIANT_NVIDIA;
    tested.seed = (uint64_t)(depth * 1000 + query_length * 10 + key_length);
    attention_case_set_lengths(&tested, query_length, key_length);
    return tested;
}

static void run(void **state, const attention_case *tested) {
    const long products = emulated_totals()->num_products;
    const long runs = emulated_runs();
    assert_true(attention_case_run((const test_session *)*state, tested));
    assert_true(emulated_runs() > runs);
    /* Else all was left to the portable kernel. */
    assert_true(emulated_totals()->num_products > products || tested->misalign > 0);
}

static void test_depths_and_ragged_lengths_match_the_reference(void **state) {
    static const int64_t lengths[][2] = {{130, 65}, {70, 33}, {1, 1}};
    static const int64_t depths[][2] = {{8, 8}, {64, 64}, {64, 40}, {72, 72}, {128, 128}};
    for (size_t i = 0; i < sizeof depths / sizeof depths[0]; i++) {
        for (size_t j = 0; j < sizeof lengths / sizeof lengths[0]; j++) {
            attention_case tested = nvidia_case(depths[i][0], lengths[j][0], lengths[j][1]);
            tested.value_depth = depths[i][1];
            tested.dtype = i % 2 == 0 ? CLF_DTYPE_FP16 : CLF_DTYPE_BF16;
            run(state, &tested);
        }
    }
}

static void test_scales_of_any_sign_match_the_reference(void **state) {
    static const double scales[] = {-0.25, 0.0, 2.0};
    for (size_t i = 0; i < sizeof scales / sizeof scales[0]; i++) {
        attention_case tested = nvidia_case(64, 130, 65);
        tested.scale = scales[i];
        run(state, &tested);
    }
}

static void test_masks_of_every_mode_match_the_reference(void **state) {
    for (int64_t mode = 0; mode <= 6; mode++) {
        attention_case tested = nvidia_case(64, 140, 140);
        const bool is_compressed = mode == 2 || mode == 3 || mode == 4 || mode == 6;
        tested.heads = 1;
        tested.key_heads = 1;
        tested.mode = mode;
        tested.mask_form = is_compressed ? TEST_MASK_COMPRESSED : TEST_MASK_11SS;
        tested.mask_density = 0.3;
        tested.masked_rows = 0.2;
        tested.pre_tokens = 40;
        tested.next_tokens = 10;
        tested.prefix[0] = 50;
        if (!attention_case_is_valid(&tested)) {
            print_message("mode %d needs other lengths: not run\n", (int)mode);
            continue;
        }
        run(state, &tested);
    }
}

static void test_biases_and_dropout_match_the_reference(void **state) {
    for (int bias = TEST_BIAS_NONE; bias < TEST_NUM_BIAS_FORMS; bias++) {
        attention_case tested = nvidia_case(64, 40, 50);
        if (bias == TEST_BIAS_LAST_ROWS_B || bias == TEST_BIAS_LAST_ROWS_1) {
            continue; /* needs more than 1024 rows */
        }
        tested.bias_form = (attention_bias_form)bias;
        tested.pse_type = bias >= TEST_BIAS_SLOPES ? 2 : bias % 2;
        tested.dropout = (attention_dropout)(bias % TEST_NUM_DROPOUTS);
        tested.keep_prob = tested.dropout == TEST_DROPOUT_NONE ? 1.0 : 0.75;
        if (!attention_case_is_valid(&tested)) {
            print_message("bias %d: not a valid case\n", bias);
            continue;
        }
        run(state, &tested);
    }
}

static void test_grouped_heads_and_split_keys_match_the_reference(void **state) {
    attention_case tested = nvidia_case(128, 1, 1100);
    tested.heads = 8;
    run(state, &tested);
    tested = nvidia_case(64, 3, 1500);
    tested.heads = 6;
    tested.dtype = CLF_DTYPE_BF16;
    run(state, &tested);
}

static void test_varlen_batches_match_the_reference(void **state) {
    static const int64_t lengths[][2] = {{5, 9}, {0, 3}, {70, 40}, {33, 100}};
    attention_case tested = nvidia_case(64, 5, 9);
    tested.layout = TEST_TND;
    tested.batch = 4;
    for (size_t i = 0; i < 4; i++) {
        tested.query_lengths[i] = lengths[i][0];
        tested.key_lengths[i] = lengths[i][1];
    }
    run(state, &tested);
}

static void test_values_that_nobody_sees_do_not_count(void **state) {
    attention_case tested = nvidia_case(64, 70, 70);
    tested.mask_form = TEST_MASK_11SS;
    tested.mask_density = 0.3;
    tested.masked_rows = 0.1;
    tested.poison_unused = true;
    run(state, &tested);
}

static void test_addresses_that_are_not_aligned_give_the_same(void **state) {
    attention_case tested = nvidia_case(64, 20, 30);
    tested.misalign = 3;
    run(state, &tested);
}

static void test_conflicts_of_banks_do_not_occur(void **state) {
    const warp_emulator_report *totals = emulated_totals();
    (void)state;
    printf("%ld loads of matrices, %ld products\n", totals->num_matrix_loads, totals->num_products);
    assert_true(totals->num_matrix_loads > 0);
    /* The probe's, whose rows of 32 bytes are not arranged for speed. */
    assert_true(totals->num_bank_conflicts <= 64);
}

/* ---- The choice ---- */

static void expect_choice(const test_session *session, clf_dtype dtype, int64_t depth,
                          const char *part) {
    attention_case tested = nvidia_case(depth, 4, 4);
    attention_tensors tensors;
    clf_plan *plan = NULL;
    char text[8192];
    size_t size = sizeof text;
    tested.variant = CLF_VARIANT_AUTO;
    tested.dtype = dtype;
    attention_tensors_make(&tensors, &tested);
    attention_tensors_upload(&tensors, session);
    test_expect_status(clf_flash_attention_plan(session->device, &tensors.args, &plan),
                       CLF_SUCCESS);
    test_expect_status(clf_plan_describe(plan, text, &size), CLF_SUCCESS);
    test_expect_contains(text, part);
    clf_plan_destroy(plan);
    attention_tensors_free(&tensors);
}

static void test_choice_is_described_with_its_reason(void **state) {
    const test_session *session = (const test_session *)*state;
    expect_choice(session, CLF_DTYPE_FP16, 64, "\"variant\":\"nvidia\"");
    expect_choice(session, CLF_DTYPE_FP32, 64, "it computes fp16 and bf16 only");
    expect_choice(session, CLF_DTYPE_FP16, 136, "head dimensions up to 128");
    expect_choice(session, CLF_DTYPE_FP16, 9, "multiples of 8");
}

/* A device whose probe fails, because of WARP_EMULATOR_FAULT. */
static void test_failing_probe_falls_back_and_says_why(void **state) {
    const test_session *session = (const test_session *)*state;
    static const char *const faults[][2] = {{"product", "gave a wrong result"},
                                            {"build", "could not be built and run"}};
    for (size_t i = 0; i < 2; i++) {
        test_session broken = *session;
        setenv("WARP_EMULATOR_FAULT", faults[i][0], 1);
        test_expect_status(clf_device_open(NULL, &broken.device), CLF_SUCCESS);
        broken.context = clf_device_context(broken.device);
        broken.id = clf_device_id(broken.device);
        expect_choice(&broken, CLF_DTYPE_FP16, 64, faults[i][1]);
        clf_device_destroy(broken.device);
        unsetenv("WARP_EMULATOR_FAULT");
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_depths_and_ragged_lengths_match_the_reference),
        cmocka_unit_test(test_scales_of_any_sign_match_the_reference),
        cmocka_unit_test(test_masks_of_every_mode_match_the_reference),
        cmocka_unit_test(test_biases_and_dropout_match_the_reference),
        cmocka_unit_test(test_grouped_heads_and_split_keys_match_the_reference),
        cmocka_unit_test(test_varlen_batches_match_the_reference),
        cmocka_unit_test(test_values_that_nobody_sees_do_not_count),
        cmocka_unit_test(test_addresses_that_are_not_aligned_give_the_same),
        cmocka_unit_test(test_conflicts_of_banks_do_not_occur),
        cmocka_unit_test(test_choice_is_described_with_its_reason),
        cmocka_unit_test(test_failing_probe_falls_back_and_says_why),
    };
    if (!warp_emulator_available()) {
        return 77;
    }
    return cmocka_run_group_tests(tests, test_session_begin, test_session_end);
}
