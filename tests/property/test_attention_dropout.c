/* Dropout: the mask generator's bits, the bits that attention makes for itself, and how many are
 * kept. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attention_goldens.h"
#include "attention_philox.h"
#include "attention_tensors.h"
#include "cmocka_all.h"

static const clf_dtype dtypes[] = {CLF_DTYPE_FP32, CLF_DTYPE_FP16, CLF_DTYPE_BF16};

typedef struct mask_call {
    clf_dtype dtype;
    int64_t num_elements;
    double drop_probability;
    uint64_t seed;
    uint64_t offset;
    size_t misalign;
    int64_t extra; /* bytes behind the generated ones */
} mask_call;

static clf_dropout_mask_args args_of(const mask_call *call, const clf_tensor *mask) {
    clf_dropout_mask_args args = CLF_DROPOUT_MASK_ARGS;
    args.mask = mask;
    args.num_elements = call->num_elements;
    args.drop_probability = call->drop_probability;
    args.probability_dtype = call->dtype;
    args.seed = call->seed;
    args.offset = call->offset;
    return args;
}

static int64_t generated_bytes(const mask_call *call) {
    return (call->num_elements + 127) / 128 * 16;
}

/* The generated tensor; its result is read, canaries are checked. */
static test_tensor generate(const test_session *session, const mask_call *call) {
    const int64_t size = generated_bytes(call) + call->extra;
    clf_plan *plan = NULL;
    test_tensor mask = test_tensor_make(CLF_DTYPE_UINT8, 1, &size, TEST_CONTIGUOUS, call->misalign);
    mask.is_output = true;
    test_tensor_upload(&mask, session, CL_MEM_WRITE_ONLY);
    const clf_dropout_mask_args args = args_of(call, &mask.view);
    test_succeeds(clf_dropout_mask_plan(session->device, &args, &plan));
    assert_int_equal(clf_plan_workspace_size(plan), 0);
    test_succeeds(clf_plan_enqueue(plan, session->queue, NULL, 0, NULL, NULL));
    test_tensor_read(&mask, session);
    clf_plan_destroy(plan);
    const char *damage = test_tensor_damage(&mask);
    if (damage != NULL) {
        fail_msg("%s", damage);
    }
    return mask;
}

static bool bit_of(const test_tensor *mask, int64_t e) {
    return (mask->result[(int64_t)mask->view.offset + e / 8] >> (e % 8) & 1) != 0;
}

/* Returns how many of the elements are kept. */
static uint64_t check_bits(const test_session *session, const mask_call *call) {
    const oracle_dropout dropout = {call->seed, call->offset, call->drop_probability, call->dtype};
    test_tensor mask = generate(session, call);
    uint64_t kept = 0;
    for (int64_t e = 0; e < generated_bytes(call) * 8; e++) {
        const bool keeps = oracle_dropout_keeps(&dropout, (uint64_t)e);
        kept += e < call->num_elements && keeps;
        if (bit_of(&mask, e) != keeps) {
            fail_msg("%s n=%lld p=%.9g seed=%llu offset=%llu: bit %lld is %d",
                     clf_dtype_name(call->dtype), (long long)call->num_elements,
                     call->drop_probability, (unsigned long long)call->seed,
                     (unsigned long long)call->offset, (long long)e, !keeps);
        }
    }
    for (int64_t i = generated_bytes(call); i < generated_bytes(call) + call->extra; i++) {
        assert_int_equal(mask.result[(int64_t)mask.view.offset + i], 0); /* left as they were */
    }
    test_tensor_free(&mask);
    return kept;
}

static void test_dropout_mask_gives_the_generators_bits(void **state) {
    const test_session *session = (const test_session *)*state;
    static const int64_t counts[] = {0, 1, 7, 8, 127, 128, 129, 5000, 200000};
    static const double probabilities[] = {0.0, 0.1, 0.5, 0.9, 0.999, 1e-9, 0.3333333};
    test_random random = test_random_from(test_seed());
    for (size_t c = 0; c < sizeof counts / sizeof counts[0]; c++) {
        for (size_t d = 0; d < 3; d++) {
            for (size_t p = 0; p < sizeof probabilities / sizeof probabilities[0]; p++) {
                const mask_call call = {.dtype = dtypes[d],
                                        .num_elements = counts[c],
                                        .drop_probability = probabilities[p],
                                        .seed = test_random_next(&random),
                                        .offset = test_random_next(&random),
                                        .misalign = test_random_below(&random, 17),
                                        .extra = test_random_between(&random, 0, 20)};
                check_bits(session, &call);
            }
        }
    }
}

/* Seeds are fixed, because of random ones a fair generator, too, fails now and then. */
static void test_dropout_mask_keeps_a_fair_share(void **state) {
    const test_session *session = (const test_session *)*state;
    static const double probabilities[] = {0.1, 0.3333333, 0.5, 0.9, 0.999};
    for (size_t d = 0; d < 3; d++) {
        for (size_t p = 0; p < sizeof probabilities / sizeof probabilities[0]; p++) {
            const mask_call call = {.dtype = dtypes[d],
                                    .num_elements = 200000,
                                    .drop_probability = probabilities[p],
                                    .seed = 1000 * d + p,
                                    .offset = p};
            const oracle_dropout dropout = {call.seed, call.offset, call.drop_probability,
                                            call.dtype};
            assert_true(oracle_kept_count_is_fair(check_bits(session, &call),
                                                  (uint64_t)call.num_elements,
                                                  oracle_dropout_kept_fraction(&dropout)));
        }
    }
}

static void test_dropout_mask_gives_the_published_bytes(void **state) {
    const test_session *session = (const test_session *)*state;
    for (size_t i = 0; i < attention_num_dropout_goldens; i++) {
        const attention_dropout_golden *known = &attention_dropout_goldens[i];
        const mask_call call = {.dtype = known->dtype,
                                .num_elements = 128,
                                .drop_probability = known->drop_probability,
                                .seed = known->seed,
                                .offset = known->offset};
        test_tensor mask = generate(session, &call);
        assert_memory_equal(mask.result + mask.view.offset, known->bytes, 16);
        test_tensor_free(&mask);
    }
}

static void expect_refused(const test_session *session, const mask_call *call, int64_t size,
                           clf_status expected, const char *message) {
    clf_plan *plan = NULL;
    const clf_tensor mask = clf_tensor_contiguous(NULL, CLF_DTYPE_UINT8, 1, &size);
    const clf_dropout_mask_args args = args_of(call, &mask);
    const clf_status status = clf_dropout_mask_plan(session->device, &args, &plan);
    test_expect_status(status, expected);
    test_expect_contains(clf_last_error(), message);
    assert_null(plan);
}

static void test_dropout_mask_refuses_wrong_arguments(void **state) {
    const test_session *session = (const test_session *)*state;
    const mask_call right = {CLF_DTYPE_FP16, 129, 0.1, 1, 1, 0, 0};
    clf_plan *plan = NULL;
    mask_call wrong = right;
    expect_refused(session, &right, 31, CLF_ERR_PARAM_INVALID, "mask has shape [31]");
    wrong.num_elements = -1;
    expect_refused(session, &wrong, 32, CLF_ERR_PARAM_INVALID, "num_elements");
    wrong = right;
    wrong.drop_probability = 1.0;
    expect_refused(session, &wrong, 32, CLF_ERR_PARAM_INVALID, "drop_probability");
    wrong.drop_probability = -0.1;
    expect_refused(session, &wrong, 32, CLF_ERR_PARAM_INVALID, "drop_probability");
    wrong.drop_probability = (double)NAN;
    expect_refused(session, &wrong, 32, CLF_ERR_PARAM_INVALID, "drop_probability");
    wrong = right;
    wrong.dtype = CLF_DTYPE_UINT8;
    expect_refused(session, &wrong, 32, CLF_ERR_PARAM_INVALID, "probability_dtype");
    clf_dropout_mask_args args = args_of(&right, NULL);
    test_expect_status(clf_dropout_mask_plan(session->device, &args, &plan), CLF_ERR_PARAM_NULLPTR);
    const int64_t size = 32;
    const clf_tensor mask = clf_tensor_contiguous(NULL, CLF_DTYPE_FP32, 1, &size);
    args.mask = &mask;
    test_expect_status(clf_dropout_mask_plan(session->device, &args, &plan), CLF_ERR_PARAM_INVALID);
    args.struct_size = 3;
    test_expect_status(clf_dropout_mask_plan(session->device, &args, &plan), CLF_ERR_PARAM_INVALID);
    test_expect_contains(clf_last_error(), "struct_size");
}

/* ---- Attention with its own bits, and with the mask's ---- */

/* The bytes that the generator makes for the case, into the case's drop mask. */
static void fill_from_generator(const test_session *session, attention_tensors *tensors,
                                const clf_flash_attention_args *generating) {
    int64_t num_elements = 0;
    test_succeeds(clf_flash_attention_num_elements(generating, &num_elements));
    const mask_call call = {.dtype = generating->query->dtype,
                            .num_elements = num_elements,
                            .drop_probability = (double)(1.0F - (float)generating->keep_prob),
                            .seed = generating->seed,
                            .offset = generating->offset};
    test_tensor mask = generate(session, &call);
    assert_int_equal(test_tensor_count(&tensors->drop_mask), (num_elements + 7) / 8);
    for (int64_t i = 0; i < test_tensor_count(&tensors->drop_mask); i++) {
        *(unsigned char *)test_tensor_bits(&tensors->drop_mask, i) =
            mask.result[(int64_t)mask.view.offset + i];
    }
    test_tensor_free(&mask);
}

static void compare_sources(const test_session *session, attention_case tested) {
    attention_tensors generated;
    attention_tensors given;
    tested.dropout = TEST_DROPOUT_GENERATED;
    attention_case_execute(session, &tested, NULL, &generated);
    attention_case by_bits = tested;
    by_bits.dropout = TEST_DROPOUT_BITS;
    attention_tensors_make(&given, &by_bits);
    fill_from_generator(session, &given, &generated.args);
    attention_tensors_execute(session, &given);
    if (!test_tensor_same_results(&generated.out, &given.out) ||
        !test_tensor_same_results(&generated.sum, &given.sum)) {
        char text[1024];
        attention_case_text(&tested, text, sizeof text);
        fail_msg("own bits and given bits differ: %s", text);
    }
    attention_tensors_free(&generated);
    attention_tensors_free(&given);
    assert_true(attention_case_run(session, &tested));
    assert_true(attention_case_run(session, &by_bits));
}

static void test_dropout_generated_equals_the_mask_and_the_oracle(void **state) {
    const test_session *session = (const test_session *)*state;
    static const double keeps[] = {0.9, 0.5, 0.2};
    for (size_t d = 0; d < 3; d++) {
        for (int v = CLF_VARIANT_PORTABLE; v <= (session->has_cpu_variant ? 2 : 1); v++) {
            attention_case tested = attention_case_default();
            tested.dtype = dtypes[d];
            tested.variant = (clf_variant)v;
            tested.keep_prob = keeps[d];
            tested.seed = test_seed();
            tested.heads = 4;
            tested.batch = 2;
            tested.depth = tested.value_depth = 64;
            tested.scale = 0.125;
            attention_case_set_lengths(&tested, 37, 91);
            compare_sources(session, tested);
            tested.mask_form = TEST_MASK_COMPRESSED;
            tested.mode = 3;
            compare_sources(session, tested);
            tested.layout = TEST_TND;
            tested.query_lengths[0] = 5;
            tested.key_lengths[1] = 64;
            compare_sources(session, tested);
        }
    }
}

/* What torch_npu returns as numels. */
static void test_dropout_num_elements_are_counted_in_every_layout(void **state) {
    (void)state;
    test_random random = test_random_from(test_seed());
    for (int round = 0; round < 200; round++) {
        attention_case tested = attention_case_default();
        attention_tensors tensors;
        int64_t expected = 0;
        int64_t num_elements = -1;
        tested.layout = (attention_layout)(round % TEST_NUM_ATTENTION_LAYOUTS);
        tested.batch = test_random_between(&random, 1, 4);
        tested.heads = 4;
        const bool is_varlen = tested.layout == TEST_TND;
        attention_case_set_lengths(&tested, test_random_between(&random, 1, 9),
                                   test_random_between(&random, 1, 9));
        for (int64_t b = 0; b < tested.batch; b++) {
            if (is_varlen) {
                tested.query_lengths[b] = test_random_between(&random, b == 0, 9);
                tested.key_lengths[b] = test_random_between(&random, b == 0, 9);
            }
            expected += 4 * tested.query_lengths[b] * tested.key_lengths[b];
        }
        tested.trailing = is_varlen ? round % 3 : 0;
        attention_tensors_make(&tensors, &tested);
        test_succeeds(clf_flash_attention_num_elements(&tensors.args, &num_elements));
        assert_int_equal(num_elements, expected);
        attention_tensors_free(&tensors);
    }
    int64_t unused = 0;
    const clf_flash_attention_args args = CLF_FLASH_ATTENTION_ARGS;
    test_expect_status(clf_flash_attention_num_elements(NULL, &unused), CLF_ERR_PARAM_NULLPTR);
    test_expect_status(clf_flash_attention_num_elements(&args, NULL), CLF_ERR_PARAM_NULLPTR);
    test_expect_status(clf_flash_attention_num_elements(&args, &unused), CLF_ERR_PARAM_NULLPTR);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dropout_mask_gives_the_generators_bits),
        cmocka_unit_test(test_dropout_mask_keeps_a_fair_share),
        cmocka_unit_test(test_dropout_mask_gives_the_published_bytes),
        cmocka_unit_test(test_dropout_mask_refuses_wrong_arguments),
        cmocka_unit_test(test_dropout_generated_equals_the_mask_and_the_oracle),
        cmocka_unit_test(test_dropout_num_elements_are_counted_in_every_layout),
    };
    return cmocka_run_group_tests(tests, test_session_begin, test_session_end);
}
