/*
 * Every aclnn function against the native one on random cases: the same bits in every byte of every
 * buffer, gaps and inputs included. Tensors have gaps, negative and zero strides and offsets, and lie
 * in buffers larger than their views; they are destroyed between the phases. Executors run once, or
 * repeatedly with addresses that came after the first phase.
 * CLFORMER_TEST_CASES: cases of each function (6 by default). A kind of case, whose kernels are
 * built once, is kept for six of them.
 */
#include <aclnnop/aclnn_dropout_gen_mask_v2.h>
#include <aclnnop/aclnn_fused_floyd_attention.h>
#include <aclnnop/aclnn_fused_floyd_attention_grad.h>
#include <aclnnop/aclnn_scaled_masked_softmax.h>
#include <aclnnop/aclnn_scaled_masked_softmax_backward.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aclnn_bridge.h"
#include "attention_draw.h"
#include "attention_grad_tensors.h"
#include "cmocka_all.h"
#include "ffn_draw.h"
#include "ffn_tensors.h"
#include "floyd_draw.h"
#include "floyd_tensors.h"
#include "softmax_case.h"

#define MAX_KINDS       200
#define TEST_NUM_DEPTHS 4 /* each takes programs of its own */
#define CASES_PER_KIND  6
#define BUDGET          1.5e6 /* multiplications of one case */

static aclnn_bridge bridge;

static void place(test_tensor *memory, const clf_tensor *view) {
    if (memory->image != NULL) {
        aclnn_bridge_place(&bridge, view, memory);
    }
}

/* Every second case is planned without addresses and run twice by a repeatable executor. */
static void choose_manner(size_t number) {
    bridge.places_later = number % 2 == 1;
}

static void run_once(aclnn_phase2 phase2, const char *text) {
    char problem[256];
    const aclnnStatus status = aclnn_bridge_run(&bridge, phase2);
    if (status != ACLNN_SUCCESS) {
        fail_msg("case %s\n  phase 2: %d %s", text, status, aclGetRecentErrMsg());
    }
    aclnn_bridge_compare(&bridge, problem, sizeof problem);
    if (problem[0] != '\0') {
        fail_msg("case %s\n  %s", text, problem);
    }
}

/* After phase 1: the rest of the case. */
static void run_and_compare(aclnnStatus planned, aclnn_phase2 phase2, const char *text) {
    if (planned != ACLNN_SUCCESS) {
        fail_msg("case %s\n  phase 1: %d %s", text, planned, aclGetRecentErrMsg());
    }
    if (bridge.places_later) {
        aclnn_bridge_set_addresses(&bridge);
    }
    aclnn_bridge_forget(&bridge);
    run_once(phase2, text);
    if (bridge.places_later) {
        aclnn_bridge_restore(&bridge);
        run_once(phase2, text);
        aclnn_succeeds(aclDestroyAclOpExecutor(bridge.executor));
    }
    aclnn_bridge_free_places(&bridge);
}

/* ---- Softmax ---- */

/* The number-th case; what kernels are built for is new every CASES_PER_KIND-th time. */
static void draw_softmax(test_random *random, size_t number, softmax_case *drawn) {
    static const clf_dtype dtypes[] = {CLF_DTYPE_FP32, CLF_DTYPE_FP16, CLF_DTYPE_BF16};
    static const test_mask_form forms[] = {TEST_MASK_FULL, TEST_MASK_LEADING, TEST_MASK_TRIANGLE};
    if (number % CASES_PER_KIND == 0) {
        drawn->dtype = dtypes[test_random_below(random, 3)];
        drawn->mask_form = forms[test_random_below(random, 3)];
        drawn->input_layout = (test_layout)test_random_below(random, TEST_NUM_LAYOUTS);
        drawn->mask_layout = (test_layout)test_random_below(random, TEST_NUM_LAYOUTS);
        drawn->output_layout = (test_layout)test_random_below(random, 4);
    }
    drawn->rank = 4;
    for (int axis = 0; axis < 4; axis++) {
        drawn->shape[axis] = test_random_between(random, 1, axis < 2 ? 3 : 40);
    }
    drawn->mask_axes = (unsigned)test_random_between(random, 1, 3); /* of the first two */
    drawn->mask_dtype = CLF_DTYPE_BOOL;
    drawn->mask_density = 0.3;
    drawn->in_place = (test_in_place)test_random_below(random, drawn->is_gradient ? 3 : 2);
    drawn->misalign = test_random_below(random, 5);
    drawn->scale = test_random_uniform(random, -2, 2);
    drawn->seed = test_random_next(random);
}

static aclnnStatus plan_softmax(const softmax_tensors *tensors, const softmax_case *tested) {
    const clf_tensor *mask = tensors->mask.image != NULL ? &tensors->mask.view : NULL;
    const bool triangle = tested->mask_form == TEST_MASK_TRIANGLE;
    if (tested->is_gradient) {
        clf_scaled_masked_softmax_grad_args args = CLF_SCALED_MASKED_SOFTMAX_GRAD_ARGS;
        args.grad_output = &tensors->input.view;
        args.y = &tensors->y.view;
        args.mask = mask;
        args.grad_x = &tensors->result->view;
        args.scale = tested->scale;
        args.fixed_triu_mask = triangle;
        return aclnn_plan_softmax_grad(&bridge, &args);
    }
    clf_scaled_masked_softmax_args args = CLF_SCALED_MASKED_SOFTMAX_ARGS;
    args.x = &tensors->input.view;
    args.mask = mask;
    args.y = &tensors->result->view;
    args.scale = tested->scale;
    args.fixed_triu_mask = triangle;
    return aclnn_plan_softmax(&bridge, &args);
}

static void check_softmax(const test_session *session, bool is_gradient) {
    test_random random = test_random_from(test_seed());
    softmax_case drawn = softmax_case_default();
    drawn.is_gradient = is_gradient;
    for (size_t i = 0; i < test_num_cases(CASES_PER_KIND); i++) {
        softmax_tensors tensors;
        char text[512];
        draw_softmax(&random, i, &drawn);
        choose_manner(i);
        softmax_case_text(&drawn, text, sizeof text);
        softmax_case_execute(session, &drawn, NULL, &tensors);
        test_tensor *all[] = {&tensors.input, &tensors.y, &tensors.mask, &tensors.output};
        for (size_t of = 0; of < sizeof all / sizeof all[0]; of++) {
            if (all[of]->image != NULL) {
                test_tensor_read(all[of], session);
                place(all[of], &all[of]->view);
            }
        }
        run_and_compare(plan_softmax(&tensors, &drawn),
                        is_gradient ? aclnnScaledMaskedSoftmaxBackward : aclnnScaledMaskedSoftmax,
                        text);
        softmax_tensors_free(&tensors);
    }
}

static void test_softmax_bits_are_the_native_ones(void **state) {
    check_softmax((const test_session *)*state, false);
}

static void test_softmax_backward_bits_are_the_native_ones(void **state) {
    check_softmax((const test_session *)*state, true);
}

/* ---- FFN ---- */

/* What CANN asks for beyond the native operator. */
static void restrict_ffn(ffn_case *drawn) {
    if (drawn->types == TEST_FFN_FP32) {
        drawn->types = TEST_FFN_FP16;
    }
    const bool may_halve = drawn->types == TEST_FFN_FP16 && drawn->expert_form == TEST_EXPERTS_NONE;
    if (drawn->activation >= 4 && !may_halve) {
        drawn->activation %= 4;
    }
    drawn->inner_precise = drawn->activation >= 4 ? 1 : 0;
    drawn->width2 = drawn->depth1;
    drawn->variant = CLF_VARIANT_AUTO;
}

static void test_ffn_bits_are_the_native_ones(void **state) {
    const test_session *session = (const test_session *)*state;
    static ffn_kind kinds[MAX_KINDS];
    test_random random = test_random_from(test_seed());
    size_t missing = 0;
    const size_t num_kinds =
        ffn_kinds_draw(&random, session->has_cpu_variant, kinds, MAX_KINDS, &missing);
    const ffn_kind *kind = NULL;
    for (size_t i = 0; i < test_num_cases(CASES_PER_KIND);) {
        kind = kind == NULL || i % CASES_PER_KIND == 0
                   ? &kinds[test_random_below(&random, num_kinds)]
                   : kind;
        ffn_case drawn = ffn_case_draw(&random, kind, BUDGET);
        choose_manner(i);
        restrict_ffn(&drawn);
        if (!ffn_case_is_valid(&drawn)) {
            continue;
        }
        ffn_tensors tensors;
        char text[1024];
        ffn_case_text(&drawn, text, sizeof text);
        ffn_case_execute(session, &drawn, NULL, &tensors);
        for (int of = 0; of < TEST_NUM_FFN_OPERANDS; of++) {
            place(&tensors.memory[of], &tensors.views[of]);
        }
        const clf_ffn_args *args = &tensors.args;
        const aclnn_version version = args->expert_tokens_tensor != NULL ? ACLNN_V3
                                      : args->tokens_index_flag          ? ACLNN_V2
                                                                : (aclnn_version)(1 + i % 2);
        run_and_compare(aclnn_plan_ffn(&bridge, args, version), aclnn_run_of_ffn(version), text);
        ffn_tensors_free(&tensors);
        i++;
    }
}

/* ---- Floyd ---- */

static void check_floyd(const test_session *session, bool is_gradient) {
    test_random random = test_random_from(test_seed());
    const size_t num_kinds = floyd_num_kinds(session->has_cpu_variant);
    floyd_kind kind = {0};
    for (size_t i = 0; i < test_num_cases(CASES_PER_KIND); i++) {
        if (i % CASES_PER_KIND == 0) {
            kind = floyd_kind_draw(&random, test_random_below(&random, num_kinds), is_gradient);
            kind.dtype = test_random_chance(&random, 0.5) ? CLF_DTYPE_FP16 : CLF_DTYPE_BF16;
            kind.variant = CLF_VARIANT_AUTO;
            kind.method = CLF_FLOYD_METHOD_AUTO;
        }
        floyd_case drawn = floyd_case_draw(&random, &kind, BUDGET / 16);
        drawn.workspace_limit = 0;
        choose_manner(i);
        floyd_tensors tensors;
        clf_plan *plan = NULL;
        char text[1024];
        char problem[512];
        floyd_case_text(&drawn, text, sizeof text);
        floyd_tensors_make(&tensors, &drawn);
        floyd_tensors_upload(&tensors, session);
        test_succeeds(floyd_tensors_plan(&tensors, session->device, &plan));
        test_succeeds(clf_plan_enqueue(plan, session->queue, NULL, 0, NULL, NULL));
        floyd_tensors_read(&tensors, session, problem, sizeof problem);
        clf_plan_destroy(plan);
        for (int of = 0; of < TEST_NUM_FLOYD_OPERANDS; of++) {
            place(&tensors.memory[of], &tensors.memory[of].view);
        }
        if (is_gradient) {
            run_and_compare(aclnn_plan_floyd_grad(&bridge, &tensors.grad_args),
                            aclnnFusedFloydAttentionGrad, text);
        } else {
            run_and_compare(aclnn_plan_floyd(&bridge, &tensors.args), aclnnFusedFloydAttention,
                            text);
        }
        floyd_tensors_free(&tensors);
    }
}

static void test_floyd_bits_are_the_native_ones(void **state) {
    check_floyd((const test_session *)*state, false);
}

static void test_floyd_grad_bits_are_the_native_ones(void **state) {
    check_floyd((const test_session *)*state, true);
}

/* ---- Attention ---- */

/* The number-th case; of a new kind every CASES_PER_KIND-th time. */
static attention_case draw_attention(test_random *random, const test_session *session,
                                     size_t number, attention_kind *kind) {
    static attention_kind kinds[MAX_KINDS];
    static size_t num_kinds;
    if (num_kinds == 0) {
        size_t missing = 0;
        num_kinds = attention_kinds_draw(random, session->has_cpu_variant, TEST_NUM_DEPTHS, kinds,
                                         MAX_KINDS, &missing);
    }
    while (kind->depth == 0 || number % CASES_PER_KIND == 0) {
        *kind = kinds[test_random_below(random, num_kinds)];
        kind->variant = CLF_VARIANT_AUTO;
        if (kind->dropout != TEST_DROPOUT_GENERATED) { /* the aclnn functions have no seed */
            break;
        }
    }
    return attention_case_draw(random, kind, BUDGET);
}

/* The versions that have all that the case needs. */
static bool version_fits(const clf_flash_attention_args *args, bool varlen, aclnn_version version) {
    const bool needs_types =
        args->pse_type != 1 || args->q_start_idx != 0 || args->kv_start_idx != 0;
    const bool needs_order = args->softmax_layout != NULL && args->softmax_layout[0] != '\0';
    switch (version) {
    case ACLNN_V1:
        return !needs_types && !needs_order;
    case ACLNN_V2:
        return !needs_order;
    case ACLNN_V4:
        return varlen && !needs_types;
    default:
        return false;
    }
}

static bool choose_version(const clf_flash_attention_args *args, bool varlen, test_random *random,
                           aclnn_version *out_version) {
    static const aclnn_version versions[] = {ACLNN_V1, ACLNN_V2, ACLNN_V4};
    const size_t first = test_random_below(random, 3);
    for (size_t i = 0; i < 3; i++) {
        *out_version = versions[(first + i) % 3];
        if (version_fits(args, varlen, *out_version)) {
            return true;
        }
    }
    return false;
}

static void place_compressed_mask(attention_tensors *tensors) {
    if (tensors->args.atten_mask == &tensors->compressed_mask) {
        aclnn_bridge_place(&bridge, &tensors->compressed_mask, NULL);
    }
}

static void test_attention_bits_are_the_native_ones(void **state) {
    const test_session *session = (const test_session *)*state;
    test_random random = test_random_from(test_seed());
    attention_kind kind = {0};
    for (size_t i = 0; i < test_num_cases(CASES_PER_KIND);) {
        const attention_case drawn = draw_attention(&random, session, i, &kind);
        choose_manner(i);
        const bool varlen = drawn.layout == TEST_TND;
        attention_tensors tensors;
        aclnn_version version = ACLNN_V1;
        char text[1024];
        attention_case_text(&drawn, text, sizeof text);
        attention_tensors_make(&tensors, &drawn);
        if (choose_version(&tensors.args, varlen, &random, &version)) {
            attention_tensors_execute(session, &tensors);
            test_tensor *all[] = {&tensors.query, &tensors.key,       &tensors.value,
                                  &tensors.pse,   &tensors.drop_mask, &tensors.atten_mask,
                                  &tensors.out,   &tensors.max,       &tensors.sum};
            for (size_t of = 0; of < sizeof all / sizeof all[0]; of++) {
                place(all[of], &all[of]->view);
            }
            place_compressed_mask(&tensors);
            run_and_compare(aclnn_plan_attention(&bridge, &tensors.args, varlen, version),
                            aclnn_run_of_attention(varlen, version), text);
            i++;
        }
        attention_tensors_free(&tensors);
    }
}

static void test_attention_grad_bits_are_the_native_ones(void **state) {
    const test_session *session = (const test_session *)*state;
    test_random random = test_random_from(test_seed());
    attention_kind kind = {0};
    for (size_t i = 0; i < test_num_cases(CASES_PER_KIND);) {
        const attention_case drawn = draw_attention(&random, session, i, &kind);
        choose_manner(i);
        const bool varlen = drawn.layout == TEST_TND;
        attention_grad_tensors tensors;
        aclnn_version version = ACLNN_V1;
        char text[1024];
        attention_case_text(&drawn, text, sizeof text);
        attention_grad_tensors_make(&tensors, &drawn);
        if (choose_version(&tensors.forward.args, varlen, &random, &version)) {
            attention_grad_named list[TEST_NUM_ATTENTION_GRAD_TENSORS];
            attention_grad_tensors_execute(session, &tensors);
            attention_grad_tensors_list(&tensors, list);
            for (int of = 0; of < TEST_NUM_ATTENTION_GRAD_TENSORS; of++) {
                place(list[of].tensor, &list[of].tensor->view);
            }
            place_compressed_mask(&tensors.forward);
            run_and_compare(aclnn_plan_attention_grad(&bridge, &tensors.args, varlen, version),
                            aclnn_run_of_attention_grad(varlen, version), text);
            i++;
        }
        attention_grad_tensors_free(&tensors);
    }
}

/* ---- Dropout ---- */

static aclnnStatus plan_dropout(const attention_dropout_golden *golden, const int64_t *shape,
                                const clf_tensor *mask, void *address) {
    aclTensor *out =
        aclCreateTensor(mask->shape, 1, ACL_UINT8, NULL, 0, ACL_FORMAT_ND, mask->shape, 1, address);
    aclIntArray *sizes = aclCreateIntArray(shape, 3);
    const aclnnStatus status = aclnnDropoutGenMaskV2GetWorkspaceSize(
        sizes, golden->drop_probability, (int64_t)golden->seed, (int64_t)golden->offset,
        (aclDataType)golden->dtype, out, &bridge.workspace_size, &bridge.executor);
    aclnn_succeeds(aclDestroyTensor(out));
    aclnn_succeeds(aclDestroyIntArray(sizes));
    return status;
}

static void test_dropout_bits_are_the_published_ones(void **state) {
    (void)state;
    const int64_t shape[] = {2, 16, 4};
    const int64_t num_bytes = 16;
    for (size_t i = 0; i < attention_num_dropout_goldens; i++) {
        const attention_dropout_golden *golden = &attention_dropout_goldens[i];
        const clf_tensor mask = clf_tensor_contiguous(NULL, CLF_DTYPE_UINT8, 1, &num_bytes);
        unsigned char bytes[16];
        choose_manner(0);
        aclnn_bridge_place(&bridge, &mask, NULL);
        void *address = bridge.places[0].address;
        aclnn_succeeds(plan_dropout(golden, shape, &mask, address));
        assert_int_equal(bridge.workspace_size, 0);
        aclnn_succeeds(aclnn_bridge_run(&bridge, aclnnDropoutGenMaskV2));
        aclnn_succeeds(
            aclrtMemcpy(bytes, sizeof bytes, address, sizeof bytes, ACL_MEMCPY_DEVICE_TO_HOST));
        assert_memory_equal(bytes, golden->bytes, sizeof bytes);
        aclnn_bridge_free_places(&bridge);
    }
}

/* ---- */

static int begin(void **state) {
    if (test_session_begin(state) != 0) {
        return -1;
    }
    aclnn_bridge_begin(&bridge);
    return 0;
}

static int end(void **state) {
    aclnn_bridge_end(&bridge);
    return test_session_end(state);
}

/* The argument, if there is one, chooses tests by a pattern. */
int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_softmax_bits_are_the_native_ones),
        cmocka_unit_test(test_softmax_backward_bits_are_the_native_ones),
        cmocka_unit_test(test_ffn_bits_are_the_native_ones),
        cmocka_unit_test(test_floyd_bits_are_the_native_ones),
        cmocka_unit_test(test_floyd_grad_bits_are_the_native_ones),
        cmocka_unit_test(test_attention_bits_are_the_native_ones),
        cmocka_unit_test(test_attention_grad_bits_are_the_native_ones),
        cmocka_unit_test(test_dropout_bits_are_the_published_ones),
    };
    if (argc > 1) {
        cmocka_set_test_filter(argv[1]);
    }
    return cmocka_run_group_tests(tests, begin, end);
}
