/* Attention plans without running them: refusals through the public function, huge shapes without
 * buffers, workspace, and what a plan tells about itself. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attention_call.h"
#include "attention_tensors.h"
#include "attention_violations.h"
#include "cmocka_all.h"
#include "test_json.h"

/* ---- Refusals ---- */

static void test_attention_planning_each_violation_has_its_code_and_sentence(void **state) {
    const test_session *session = (const test_session *)*state;
    size_t wrong = 0;
    for (size_t i = 0; i < attention_num_violations; i++) {
        const attention_violation *line = &attention_violations[i];
        attention_call call;
        clf_plan *plan = NULL;
        char text[1024];
        if (line->status == CLF_SUCCESS) {
            continue; /* accepted ones are planned without a device in test_attention_checks */
        }
        snprintf(text, sizeof text, "%s %s", line->base, line->change);
        attention_call_make(&call, text);
        const clf_status status = clf_flash_attention_plan(session->device, &call.args, &plan);
        const bool is_right = status == line->status && plan == NULL &&
                              strstr(clf_last_error(), line->message) != NULL;
        if (!is_right) {
            print_error("%s%s\n  is %s \"%s\", expected %s with \"%s\"\n", line->base, line->change,
                        clf_status_name(status), clf_last_error(), clf_status_name(line->status),
                        line->message);
        }
        wrong += !is_right;
        clf_plan_destroy(plan);
    }
    assert_int_equal(wrong, 0);
}

static void test_attention_planning_missing_pointers_are_refused(void **state) {
    const test_session *session = (const test_session *)*state;
    attention_call call;
    clf_plan *plan = NULL;
    attention_call_make(&call, "layout=BNSD heads=1 query=1,1,4,16 key=1,1,4,16 value=1,1,4,16 "
                               "out=1,1,4,16 max=1,1,4,8 sum=1,1,4,8");
    test_expect_status(clf_flash_attention_plan(NULL, &call.args, &plan), CLF_ERR_PARAM_NULLPTR);
    test_expect_status(clf_flash_attention_plan(session->device, NULL, &plan),
                       CLF_ERR_PARAM_NULLPTR);
    test_expect_status(clf_flash_attention_plan(session->device, &call.args, NULL),
                       CLF_ERR_PARAM_NULLPTR);
    call.args.variant = (clf_variant)77;
    test_expect_status(clf_flash_attention_plan(session->device, &call.args, &plan),
                       CLF_ERR_PARAM_INVALID);
    call.args.variant = CLF_VARIANT_AUTO;
    call.args.struct_size += 8;
    test_expect_status(clf_flash_attention_plan(session->device, &call.args, &plan),
                       CLF_ERR_PARAM_INVALID);
    test_expect_contains(clf_last_error(), "struct_size");
    assert_null(plan);
}

/* Outputs may not lie on inputs or on each other. */
static void test_attention_planning_overlaps_are_refused(void **state) {
    const test_session *session = (const test_session *)*state;
    attention_case tested = attention_case_default();
    attention_tensors tensors;
    clf_plan *plan = NULL;
    attention_case_set_lengths(&tested, 9, 9);
    attention_tensors_make(&tensors, &tested);
    attention_tensors_upload(&tensors, session);
    clf_flash_attention_args args = tensors.args;
    args.attention_out = args.query;
    test_expect_status(clf_flash_attention_plan(session->device, &args, &plan),
                       CLF_ERR_PARAM_INVALID);
    args = tensors.args;
    args.softmax_sum = args.softmax_max;
    test_expect_status(clf_flash_attention_plan(session->device, &args, &plan),
                       CLF_ERR_PARAM_INVALID);
    clf_tensor repeated = tensors.out.view;
    repeated.strides[1] = 0; /* both heads at one place */
    args = tensors.args;
    args.attention_out = &repeated;
    test_expect_status(clf_flash_attention_plan(session->device, &args, &plan),
                       CLF_ERR_PARAM_INVALID);
    clf_tensor beyond = tensors.key.view;
    beyond.offset += tensors.key.num_bytes;
    args = tensors.args;
    args.key = &beyond;
    test_expect_status(clf_flash_attention_plan(session->device, &args, &plan),
                       CLF_ERR_PARAM_INVALID);
    assert_null(plan);
    attention_tensors_free(&tensors);
}

/* An unbound plan cannot run, and says which tensor it lacks; bound, it does. */
static void test_attention_planning_unbound_plans_run_after_binding(void **state) {
    const test_session *session = (const test_session *)*state;
    attention_case tested = attention_case_default();
    attention_tensors tensors;
    clf_plan *plan = NULL;
    char problem[512];
    tested.mask_form = TEST_MASK_SS;
    tested.bias_form = TEST_BIAS_BNSS;
    tested.dropout = TEST_DROPOUT_BITS;
    tested.keep_prob = 0.5;
    attention_tensors_make(&tensors, &tested);
    const struct {
        clf_slot slot;
        test_tensor *tensor;
    } slots[] = {
        {CLF_SLOT_QUERY, &tensors.query},         {CLF_SLOT_KEY, &tensors.key},
        {CLF_SLOT_VALUE, &tensors.value},         {CLF_SLOT_PSE, &tensors.pse},
        {CLF_SLOT_DROP_MASK, &tensors.drop_mask}, {CLF_SLOT_ATTEN_MASK, &tensors.atten_mask},
        {CLF_SLOT_ATTENTION_OUT, &tensors.out},   {CLF_SLOT_SOFTMAX_MAX, &tensors.max},
        {CLF_SLOT_SOFTMAX_SUM, &tensors.sum}};
    test_succeeds(clf_flash_attention_plan(session->device, &tensors.args, &plan));
    attention_tensors_upload(&tensors, session);
    for (size_t i = 0; i < sizeof slots / sizeof slots[0]; i++) {
        test_expect_status(clf_plan_enqueue(plan, session->queue, NULL, 0, NULL, NULL),
                           CLF_ERR_PARAM_NULLPTR);
        test_succeeds(clf_plan_bind(plan, slots[i].slot, slots[i].tensor->view.buffer,
                                    slots[i].tensor->view.offset));
    }
    test_succeeds(clf_plan_enqueue(plan, session->queue, NULL, 0, NULL, NULL));
    attention_tensors_read(&tensors, session, problem, sizeof problem);
    assert_string_equal(problem, "");
    oracle_attention reference;
    attention_tensors_open_oracle(&tensors, &reference);
    const oracle_attention_outputs outputs = attention_tensors_outputs(&tensors);
    const oracle_verdict verdict =
        oracle_check_attention(&reference, &outputs, 0, 1, oracle_attention_num_rows(&reference));
    assert_string_equal(verdict.reason, "");
    oracle_attention_close(&reference);
    clf_plan_destroy(plan);
    attention_tensors_free(&tensors);
}

/* The content of compressed masks is not read: there is no slot for it. */
static void test_attention_planning_compressed_masks_have_no_slot(void **state) {
    const test_session *session = (const test_session *)*state;
    attention_case tested = attention_case_default();
    attention_tensors tensors;
    clf_plan *plan = NULL;
    tested.mask_form = TEST_MASK_COMPRESSED;
    tested.mode = 2;
    attention_tensors_make(&tensors, &tested);
    attention_tensors_upload(&tensors, session);
    test_succeeds(clf_flash_attention_plan(session->device, &tensors.args, &plan));
    test_expect_status(clf_plan_bind(plan, CLF_SLOT_ATTEN_MASK, tensors.query.view.buffer, 0),
                       CLF_ERR_PARAM_INVALID);
    clf_plan_destroy(plan);
    attention_tensors_free(&tensors);
}

/* ---- The problem as text ---- */

/* A call, and the same in clformer-bench's words. */
static const struct {
    const char *call;
    const char *text;
} described[] = {
    {"layout=BNSD heads=8 query=1,8,64,128 key=1,2,96,128 value=1,2,96,64 out=1,8,64,64 "
     "max=1,8,64,8 sum=1,8,64,8",
     "attention --shape 1,8,64,96,128 --dtype fp32 --kv-heads 2 --value-dim 64 --mask none --scale "
     "1"},
    {"layout=BSND heads=4 query=fp16:1,128,4,64 key=fp16:1,128,4,64 value=fp16:1,128,4,64 "
     "out=fp16:1,128,4,64 max=1,4,128,8 sum=1,4,128,8 mask=2048,2048 mode=4 pre=102 next=0",
     "attention --shape 1,4,128,128,64 --dtype fp16 --layout BSND --mask band --pre-tokens 102 "
     "--next-tokens 0 --scale 1"},
    {"layout=TND heads=8 query=bf16:52,8,16 key=bf16:52,8,16 value=bf16:52,8,16 out=bf16:52,8,16 "
     "max=52,8,8 sum=52,8,8 qlen=10,52 kvlen=10,52 mask=2048,2048 mode=3",
     "attention --shape 1,8,52,52,16 --dtype bf16 --lengths 10:10,42:42 --mask causal --scale 1"},
};

static void test_attention_planning_tells_the_problem(void **state) {
    const test_session *session = (const test_session *)*state;
    for (size_t i = 0; i < sizeof described / sizeof described[0]; i++) {
        attention_call call;
        clf_plan *plan = NULL;
        attention_call_make(&call, described[i].call);
        test_succeeds(clf_flash_attention_plan(session->device, &call.args, &plan));
        json_t *description = test_plan_json(plan);
        assert_string_equal(json_string_value(json_object_get(description, "problem")),
                            described[i].text);
        json_decref(description);
        clf_plan_destroy(plan);
    }
}

/* ---- Huge shapes ---- */

#define MIB ((size_t)1 << 20)

typedef struct huge {
    const char *text;
    size_t largest_workspace;
} huge;

/* None of them materialises Sq x Skv; the first is the promise in numbers. */
static const huge huges[] = {
    {"layout=BNSD heads=8 query=1,8,32768,128 key=1,8,32768,128 value=1,8,32768,128 "
     "out=1,8,32768,128 max=1,8,32768,8 sum=1,8,32768,8",
     64 * MIB},
    {"layout=BNSD heads=8 query=bf16:1,8,32768,128 key=bf16:1,8,32768,128 "
     "value=bf16:1,8,32768,128 out=bf16:1,8,32768,128 max=1,8,32768,8 sum=1,8,32768,8",
     64 * MIB},
    /* A band of 1024 keys over 128K tokens. */
    {"layout=BSND heads=4 query=fp16:1,131072,4,64 key=fp16:1,131072,4,64 "
     "value=fp16:1,131072,4,64 out=fp16:1,131072,4,64 max=1,4,131072,8 sum=1,4,131072,8 "
     "mask=2048,2048 mode=4 pre=1023 next=0",
     64 * MIB},
    /* Half a million tokens, more than 2^32 pairs and elements. */
    {"layout=BSH heads=16 query=fp16:2,524288,2048 key=fp16:2,524288,256 "
     "value=fp16:2,524288,256 out=fp16:2,524288,2048 max=2,16,524288,8 sum=2,16,524288,8 "
     "mask=2048,2048 mode=3",
     64 * MIB},
    /* One query row on half a million keys: the keys are split. */
    {"layout=BNSD heads=32 query=fp16:8,32,1,128 key=fp16:8,8,524288,128 "
     "value=fp16:8,8,524288,128 out=fp16:8,32,1,128 max=8,32,1,8 sum=8,32,1,8",
     64 * MIB},
    {"layout=TND heads=8 query=bf16:524288,8,128 key=bf16:524288,8,128 value=bf16:524288,8,128 "
     "out=bf16:524288,8,128 max=524288,8,8 sum=524288,8,8 qlen=100000,524288 "
     "kvlen=100000,524288 mask=2048,2048 mode=2",
     64 * MIB},
};

static void plan_huge(const test_session *session, const huge *planned, clf_variant variant) {
    attention_call call;
    clf_plan *plan = NULL;
    attention_call_make(&call, planned->text);
    call.args.variant = variant;
    test_succeeds(clf_flash_attention_plan(session->device, &call.args, &plan));
    const size_t workspace = clf_plan_workspace_size(plan);
    if (workspace > planned->largest_workspace) {
        fail_msg("%s\n  workspace of %zu bytes, at most %zu", planned->text, workspace,
                 planned->largest_workspace);
    }
    json_t *description = test_plan_json(plan);
    assert_true(test_json_has_string(description, "flash_attention"));
    json_decref(description);
    clf_plan_destroy(plan);
}

static void test_attention_planning_huge_shapes_need_little_workspace(void **state) {
    const test_session *session = (const test_session *)*state;
    for (size_t i = 0; i < sizeof huges / sizeof huges[0]; i++) {
        for (int v = CLF_VARIANT_PORTABLE; v <= (session->has_cpu_variant ? 2 : 1); v++) {
            plan_huge(session, &huges[i], (clf_variant)v);
        }
    }
}

/* Sizes whose products do not fit are refused, not wrapped. */
static void test_attention_planning_sizes_beyond_64_bits_are_refused(void **state) {
    const test_session *session = (const test_session *)*state;
    static const char *const texts[] = {
        "layout=BNSD heads=8 query=4611686018427387904,8,4,16 key=4611686018427387904,8,4,16 "
        "value=4611686018427387904,8,4,16 out=4611686018427387904,8,4,16 "
        "max=4611686018427387904,8,4,8 sum=4611686018427387904,8,4,8",
        "layout=BNSD heads=1 query=1,1,9223372036854775807,16 key=1,1,4,16 value=1,1,4,16 "
        "out=1,1,9223372036854775807,16 max=1,1,9223372036854775807,8 "
        "sum=1,1,9223372036854775807,8",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        attention_call call;
        clf_plan *plan = NULL;
        attention_call_make(&call, texts[i]);
        const clf_status status = clf_flash_attention_plan(session->device, &call.args, &plan);
        test_expect_status(status, CLF_ERR_PARAM_INVALID);
        assert_null(plan);
    }
}

/* Flops count visited pairs: a causal plan costs about half of a full one, a band its width. */
static double flops_of(const test_session *session, const char *text) {
    attention_call call;
    clf_plan *plan = NULL;
    attention_call_make(&call, text);
    test_succeeds(clf_flash_attention_plan(session->device, &call.args, &plan));
    json_t *description = test_plan_json(plan);
    const json_t *flops = json_object_get(description, "flops");
    assert_non_null(flops);
    const double value = json_number_value(flops);
    json_decref(description);
    clf_plan_destroy(plan);
    return value;
}

static void test_attention_planning_flops_count_visible_pairs(void **state) {
    const test_session *session = (const test_session *)*state;
    static const char base[] = "layout=BNSD heads=2 query=3,2,512,64 key=3,2,512,64 "
                               "value=3,2,512,64 out=3,2,512,64 max=3,2,512,8 sum=3,2,512,8 ";
    char text[512];
    const double pairs[] = {512.0 * 512.0, 512.0 * 513.0 / 2.0, 512.0 * 16.0 - 15.0 * 16.0 / 2.0};
    static const char *const masks[] = {"", "mask=2048,2048 mode=2",
                                        "mask=2048,2048 mode=4 pre=15 next=0"};
    double flops[3];
    for (int i = 0; i < 3; i++) {
        snprintf(text, sizeof text, "%s%s", base, masks[i]);
        flops[i] = flops_of(session, text);
        assert_true(flops[i] >= 6.0 * pairs[i] * 4.0 * 64.0);
    }
    for (int i = 1; i < 3; i++) {
        const double ratio = flops[i] / flops[0] / (pairs[i] / pairs[0]);
        assert_true(ratio > 0.999 && ratio < 1.001);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_attention_planning_tells_the_problem),
        cmocka_unit_test(test_attention_planning_each_violation_has_its_code_and_sentence),
        cmocka_unit_test(test_attention_planning_missing_pointers_are_refused),
        cmocka_unit_test(test_attention_planning_overlaps_are_refused),
        cmocka_unit_test(test_attention_planning_unbound_plans_run_after_binding),
        cmocka_unit_test(test_attention_planning_compressed_masks_have_no_slot),
        cmocka_unit_test(test_attention_planning_huge_shapes_need_little_workspace),
        cmocka_unit_test(test_attention_planning_sizes_beyond_64_bits_are_refused),
        cmocka_unit_test(test_attention_planning_flops_count_visible_pairs),
    };
    return cmocka_run_group_tests(tests, test_session_begin, test_session_end);
}
