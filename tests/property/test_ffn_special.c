/* FFN at its edges: sizes of zero and one, 256 experts, tokens in no range, the largest sums, chunks
 * of tokens, other tokens in the same call. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmocka_all.h"
#include "ffn_tensors.h"
#include "test_json.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static const clf_variant variants[] = {CLF_VARIANT_PORTABLE, CLF_VARIANT_CPU};

static bool is_possible(const test_session *session, clf_variant variant) {
    if (variant == CLF_VARIANT_CPU && !session->has_cpu_variant) {
        printf("left out: the variant cpu, which this device cannot run\n");
        return false;
    }
    return true;
}

/* ---- Sizes ---- */

typedef struct special_sizes {
    int64_t tokens;
    int64_t depth1;
    int64_t depth2;
    int64_t width2;
} special_sizes;

/* Tiles end at 8, 64 and 192 rows, 64 and 512 columns, 256 and 1024 depths. */
static const special_sizes sizes[] = {
    {0, 8, 12, 6},    {5, 0, 12, 6},    {5, 8, 0, 6},      {5, 8, 12, 0},   {1, 1, 1, 1},
    {8, 16, 64, 64},  {9, 17, 65, 63},  {192, 16, 32, 32}, {193, 1, 2, 1},  {64, 256, 16, 16},
    {24, 1025, 8, 8}, {2, 1025, 8, 70}, {25, 7, 257, 9},   {30, 4, 20, 513}};

static void test_ffn_special_sizes(void **state) {
    const test_session *session = (const test_session *)*state;
    static const ffn_types types[] = {TEST_FFN_FP32, TEST_FFN_BF16, TEST_FFN_INT8_TO_FP16,
                                      TEST_FFN_FP16_INT8};
    int failures = 0;
    for (size_t i = 0; i < LENGTH(sizes) * LENGTH(types) * LENGTH(variants); i++) {
        const special_sizes *of = &sizes[i % LENGTH(sizes)];
        ffn_case tested = ffn_case_default();
        tested.types = types[i / LENGTH(sizes) % LENGTH(types)];
        tested.variant = variants[i / LENGTH(sizes) / LENGTH(types)];
        tested.deq_dtype = CLF_DTYPE_INT64;
        tested.has_bias1 = tested.has_bias2 = true;
        tested.tokens[0] = of->tokens;
        tested.depth1 = of->depth1;
        tested.depth2 = of->depth2;
        tested.width2 = of->width2;
        tested.seed = test_seed() + i;
        if (is_possible(session, tested.variant)) {
            failures += !ffn_case_run(session, &tested);
        }
    }
    assert_int_equal(failures, 0);
}

static void test_ffn_special_tokens_of_seven_axes(void **state) {
    const test_session *session = (const test_session *)*state;
    static const int64_t axes[CLF_MAX_RANK - 1] = {2, 1, 3, 1, 2, 3, 2};
    static const test_layout layouts[] = {TEST_CONTIGUOUS, TEST_TRANSPOSED, TEST_GAPS,
                                          TEST_NEGATIVE};
    for (size_t i = 0; i < LENGTH(layouts); i++) {
        ffn_case tested = ffn_case_default();
        tested.num_axes = CLF_MAX_RANK - 1;
        memcpy(tested.tokens, axes, sizeof axes);
        tested.x_layout = layouts[i];
        tested.y_layout = layouts[LENGTH(layouts) - 1 - i];
        assert_true(ffn_case_run(session, &tested));
    }
}

/* ---- Experts ---- */

/* Each form of the list; the first and the last expert have none, one has most of them. */
static void test_ffn_special_256_experts(void **state) {
    const test_session *session = (const test_session *)*state;
    static const ffn_types types[] = {TEST_FFN_FP32, TEST_FFN_INT8_TO_BF16, TEST_FFN_FP16_INT4};
    for (int form = TEST_EXPERTS_COUNTS; form < TEST_NUM_EXPERT_FORMS; form++) {
        for (size_t i = 0; i < LENGTH(types) * LENGTH(variants); i++) {
            ffn_case tested = ffn_case_default();
            tested.types = types[i % LENGTH(types)];
            tested.variant = variants[i / LENGTH(types)];
            tested.has_bias1 = tested.has_bias2 = true;
            tested.width2 = 10;
            tested.expert_form = (ffn_expert_form)form;
            tested.num_experts = 256;
            tested.tokens[0] = 0;
            for (int64_t expert = 1; expert < 255; expert++) {
                tested.counts[expert] = expert == 77 ? 300 : expert % 3;
                tested.tokens[0] += tested.counts[expert];
            }
            if (is_possible(session, tested.variant)) {
                assert_true(ffn_case_run(session, &tested));
            }
        }
    }
}

/* ---- The largest sums ---- */

static void fill(test_tensor *tensor, double value) {
    for (int64_t i = 0; i < test_tensor_count(tensor); i++) {
        test_tensor_set(tensor, i, value);
    }
}

static void fill_lowest(ffn_tensors *tensors) {
    fill(&tensors->memory[TEST_FFN_X], -128);
    fill(&tensors->memory[TEST_FFN_WEIGHT1], -128);
    fill(&tensors->memory[TEST_FFN_DEQ_SCALE1], 1.0 / (1 << 24));
}

static void fill_opposite(ffn_tensors *tensors) {
    fill(&tensors->memory[TEST_FFN_X], 127);
    fill(&tensors->memory[TEST_FFN_WEIGHT1], -128);
    fill(&tensors->memory[TEST_FFN_DEQ_SCALE1], 1.0 / (1 << 24));
}

/* 131071 products of -128 and -128 are 2^31 less 16384. */
static void test_ffn_special_the_largest_sums_fit(void **state) {
    const test_session *session = (const test_session *)*state;
    static const ffn_edit edits[] = {fill_lowest, fill_opposite};
    static const int64_t tokens[] = {2, 13};
    for (size_t i = 0; i < LENGTH(variants) * LENGTH(edits) * LENGTH(tokens); i++) {
        ffn_case tested = ffn_case_default();
        tested.types = TEST_FFN_INT8_TO_BF16;
        tested.variant = variants[i % LENGTH(variants)];
        tested.tokens[0] = tokens[i / LENGTH(variants) % LENGTH(tokens)];
        tested.depth1 = 131071;
        tested.depth2 = 3;
        tested.width2 = 2;
        if (is_possible(session, tested.variant)) {
            const ffn_edit edit = edits[i / LENGTH(variants) / LENGTH(tokens)];
            assert_true(ffn_case_run_edited(session, &tested, edit));
        }
    }
}

/* ---- Chunks ---- */

/* Hidden rows so wide that a chunk holds 254 tokens. */
static ffn_case case_of_chunks(ffn_expert_form form) {
    ffn_case tested = ffn_case_default();
    tested.has_bias1 = tested.has_bias2 = true;
    tested.tokens[0] = 600;
    tested.depth1 = 3;
    tested.depth2 = 66000;
    tested.width2 = 5;
    tested.expert_form = form;
    if (form != TEST_EXPERTS_NONE) {
        tested.num_experts = 3;
        tested.counts[0] = 250;
        tested.counts[2] = 350;
    }
    return tested;
}

static int64_t tokens_of_chunk(const test_session *session, const ffn_tensors *tensors) {
    clf_plan *plan = NULL;
    test_succeeds(clf_ffn_plan(session->device, &tensors->args, &plan));
    assert_true(clf_plan_workspace_size(plan) <= (size_t)65 << 20);
    json_t *description = test_plan_json(plan);
    const int64_t tokens = json_integer_value(
        json_object_get(json_object_get(description, "parameters"), "tokens_per_chunk"));
    json_decref(description);
    clf_plan_destroy(plan);
    return tokens;
}

/* Runs tokens [first, first + count) alone, where the whole call's results have been wiped out. */
static void run_part(const test_session *session, ffn_tensors *tensors, int64_t first,
                     int64_t count) {
    clf_tensor x = tensors->views[TEST_FFN_X];
    clf_tensor y = tensors->views[TEST_FFN_Y];
    clf_plan *plan = NULL;
    x.shape[0] = y.shape[0] = count;
    x.offset += (size_t)(first * x.strides[0]);
    y.offset += (size_t)(first * y.strides[0]);
    clf_ffn_args args = tensors->args;
    args.x = &x;
    args.y = &y;
    test_succeeds(clf_ffn_plan(session->device, &args, &plan));
    test_succeeds(clf_plan_enqueue(plan, session->queue, NULL, 0, NULL, NULL));
    assert_int_equal(clFinish(session->queue), CL_SUCCESS);
    clf_plan_destroy(plan);
}

/* The order of a sum does not depend on the other tokens of a call, if they are more than a few. */
static void test_ffn_special_chunks_are_the_whole(void **state) {
    const test_session *session = (const test_session *)*state;
    static const int64_t parts[] = {0, 100, 254, 300, 508, 600};
    const ffn_case tested = case_of_chunks(TEST_EXPERTS_NONE);
    ffn_tensors tensors;
    ffn_case_execute(session, &tested, NULL, &tensors);
    test_tensor *y = &tensors.memory[TEST_FFN_Y];
    assert_in_range(tokens_of_chunk(session, &tensors), 100, 300);

    unsigned char *whole = malloc(y->num_bytes);
    assert_non_null(whole);
    memcpy(whole, y->result, y->num_bytes);
    assert_int_equal(clEnqueueWriteBuffer(session->queue, y->view.buffer, CL_TRUE, 0, y->num_bytes,
                                          y->image, 0, NULL, NULL),
                     CL_SUCCESS);
    for (size_t i = 0; i + 1 < LENGTH(parts); i++) {
        run_part(session, &tensors, parts[i], parts[i + 1] - parts[i]);
    }
    test_tensor_read(y, session);
    assert_memory_equal(y->result, whole, y->num_bytes);
    free(whole);
    ffn_tensors_free(&tensors);
}

static void test_ffn_special_experts_end_within_chunks(void **state) {
    const test_session *session = (const test_session *)*state;
    for (int form = TEST_EXPERTS_COUNTS; form < TEST_NUM_EXPERT_FORMS; form++) {
        const ffn_case tested = case_of_chunks((ffn_expert_form)form);
        assert_true(ffn_case_run(session, &tested));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ffn_special_sizes),
        cmocka_unit_test(test_ffn_special_tokens_of_seven_axes),
        cmocka_unit_test(test_ffn_special_256_experts),
        cmocka_unit_test(test_ffn_special_the_largest_sums_fit),
        cmocka_unit_test(test_ffn_special_chunks_are_the_whole),
        cmocka_unit_test(test_ffn_special_experts_end_within_chunks),
    };
    return cmocka_run_group_tests(tests, test_session_begin, test_session_end);
}
