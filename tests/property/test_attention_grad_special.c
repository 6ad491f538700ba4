/*
 * What random cases of attention's gradient do not prove: the worked goldens on the device, the
 * forward and its gradient one after the other, laws, nothing to compute, and the same bits each
 * time.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attention_bounds.h"
#include "attention_call.h"
#include "attention_goldens.h"
#include "attention_grad_tensors.h"
#include "attention_violations.h"
#include "cmocka_all.h"
#include "test_json.h"

/* ---- The worked goldens ---- */

static void test_attention_grad_worked_goldens(void **state) {
    const test_session *session = (const test_session *)*state;
    for (size_t g = 0; g < attention_num_grad_goldens; g++) {
        const attention_grad_golden *golden = &attention_grad_goldens[g];
        const double *const expected[ORACLE_NUM_GRADIENTS] = {golden->query, golden->key,
                                                              golden->value, golden->pse};
        attention_grad_tensors tensors;
        attention_grad_tensors_make_golden(&tensors, golden);
        attention_grad_tensors_execute(session, &tensors);
        for (int of = 0; of < ORACLE_NUM_GRADIENTS; of++) {
            const test_tensor *gradient = &tensors.gradients[of];
            for (int64_t i = 0; i < test_tensor_count(gradient); i++) {
                const double value = test_tensor_get_result(gradient, i);
                if (!oracle_close_to_printed_gradient(value, expected[of][i])) {
                    fail_msg("%s, gradient %d [%d]: %.7f, printed %.5f", golden->name, of, (int)i,
                             value, expected[of][i]);
                }
            }
        }
        attention_grad_tensors_free(&tensors);
    }
}

/* ---- After the forward ---- */

/* What the forward has left becomes what the gradient is given. */
static void take_results(attention_tensors *to, const attention_tensors *from) {
    test_tensor *const targets[] = {&to->out, &to->max, &to->sum};
    const test_tensor *const results[] = {&from->out, &from->max, &from->sum};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(targets[i]->num_bytes, results[i]->num_bytes);
        memcpy(targets[i]->image, results[i]->result, results[i]->num_bytes);
    }
}

static attention_case long_case(clf_dtype dtype) {
    attention_case tested = attention_case_default();
    attention_case_set_lengths(&tested, 150, 170);
    tested.dtype = dtype;
    tested.heads = 4;
    tested.key_heads = 2;
    tested.depth = 40;
    tested.value_depth = 24;
    tested.mask_form = TEST_MASK_COMPRESSED;
    tested.mode = 3;
    tested.scale = 0.16;
    tested.bias_form = TEST_BIAS_BN1S;
    tested.gradient_strides = TEST_STRIDES_PADDED;
    return tested;
}

static void expect_right(attention_grad_tensors *tensors) {
    oracle_attention_grad reference;
    attention_grad_tensors_open_oracle(tensors, &reference);
    for (int of = 0; of < ORACLE_NUM_GRADIENTS; of++) {
        const oracle_gradient which = (oracle_gradient)of;
        if (tensors->gradients[of].image == NULL) {
            continue;
        }
        const oracle_verdict verdict =
            oracle_check_attention_grad(&reference, which, tensors->gradients[of].result, 0, 1,
                                        oracle_attention_grad_num_rows(&reference, which));
        if (!verdict.ok) {
            fail_msg("%s", verdict.reason);
        }
    }
    oracle_attention_grad_close(&reference);
}

static void test_attention_grad_takes_the_results_of_the_forward(void **state) {
    const test_session *session = (const test_session *)*state;
    static const clf_dtype dtypes[] = {CLF_DTYPE_FP32, CLF_DTYPE_BF16};
    for (int i = 0; i < 2; i++) {
        const attention_case tested = long_case(dtypes[i]);
        attention_tensors forward;
        attention_grad_tensors tensors;
        attention_case_execute(session, &tested, NULL, &forward);
        attention_grad_tensors_make(&tensors, &tested);
        take_results(&tensors.forward, &forward);
        attention_grad_tensors_execute(session, &tensors);
        expect_right(&tensors);
        attention_tensors_free(&forward);
        attention_grad_tensors_free(&tensors);
    }
}

/* ---- Laws ---- */

static double dot(const test_tensor *result, const test_tensor *image) {
    double sum = 0.0;
    for (int64_t i = 0; i < test_tensor_count(result); i++) {
        sum += test_tensor_get_result(result, i) * test_tensor_get(image, i);
    }
    return sum;
}

/* Forms that take different ways through the kernels. */
typedef enum form {
    FORM_GROUPED,     /* causal, four query heads for two; a bias that all rows share */
    FORM_SHARED_BIAS, /* by batch elements and rows; dropout */
    FORM_BATCH_BIAS,  /* by batch elements */
    FORM_PAIR_BIAS,   /* a bias for each pair; given dropout bits */
    FORM_SPLIT,       /* few heads with many keys */
    FORM_VARLEN,
    FORM_MASKED_ROWS, /* a mask that leaves nothing of some rows */
    NUM_FORMS
} form;

static attention_case form_case(form of) {
    attention_case made = long_case(CLF_DTYPE_FP32);
    static const attention_bias_form biases[NUM_FORMS] = {[FORM_GROUPED] = TEST_BIAS_BN1S,
                                                          [FORM_SHARED_BIAS] = TEST_BIAS_1N1S,
                                                          [FORM_BATCH_BIAS] = TEST_BIAS_1NSS,
                                                          [FORM_PAIR_BIAS] = TEST_BIAS_BNSS,
                                                          [FORM_MASKED_ROWS] = TEST_BIAS_BNSS};
    static const attention_dropout dropouts[NUM_FORMS] = {
        [FORM_SHARED_BIAS] = TEST_DROPOUT_GENERATED, [FORM_PAIR_BIAS] = TEST_DROPOUT_BITS};
    made.bias_form = biases[of];
    made.dropout = dropouts[of];
    made.keep_prob = made.dropout == TEST_DROPOUT_NONE ? 1.0 : 0.7;
    made.batch = 2;
    attention_case_set_lengths(&made, 150, 170);
    if (of == FORM_SPLIT) {
        attention_case_set_lengths(&made, 70, 1100);
        made.batch = 1;
        made.heads = 2;
        made.key_heads = 1;
    } else if (of == FORM_VARLEN) {
        made.layout = TEST_TND;
        made.batch = 3;
        made.query_lengths[1] = 1;
        made.statistics_per_token = true;
    } else if (of == FORM_MASKED_ROWS) {
        made.mask_form = TEST_MASK_B1SS;
        made.mode = 1;
        made.mask_density = 0.5;
        made.masked_rows = 0.2;
    }
    return made;
}

/* The variants that run here, CLF_VARIANT_AUTO behind them. */
static void list_variants(const test_session *session, clf_variant variants[3]) {
    variants[0] = CLF_VARIANT_PORTABLE;
    variants[1] = session->has_cpu_variant ? CLF_VARIANT_CPU : CLF_VARIANT_AUTO;
    variants[2] = CLF_VARIANT_AUTO;
}

typedef void (*form_check)(const test_session *session, const attention_case *tested);

static void check_forms(const test_session *session, form_check check) {
    clf_variant variants[3];
    list_variants(session, variants);
    for (int of = 0; of < NUM_FORMS; of++) {
        attention_case tested = form_case((form)of);
        for (int v = 0; variants[v] != CLF_VARIANT_AUTO; v++) {
            tested.variant = variants[v];
            /* The portable kernel treats all biases alike. */
            if (variants[v] == CLF_VARIANT_CPU || of == FORM_GROUPED || of == FORM_VARLEN ||
                of == FORM_MASKED_ROWS) {
                check(session, &tested);
            }
        }
    }
}

static bool is_near(double a, double b) {
    return fabs(a - b) < 1e-3 * (1.0 + fabs(a));
}

/* out is linear in value; logits are bilinear in query and key; the ds of a row add up to zero. */
static void check_laws(const test_session *session, const attention_case *tested) {
    attention_grad_tensors tensors;
    attention_grad_tensors_make(&tensors, tested);
    attention_grad_tensors_execute(session, &tensors);
    const test_tensor *gradients = tensors.gradients;
    double of_out = 0.0;
    for (int64_t i = 0; i < test_tensor_count(&tensors.grad_output); i++) {
        of_out +=
            test_tensor_get(&tensors.grad_output, i) * test_tensor_get(&tensors.forward.out, i);
    }
    const double of_value = dot(&gradients[ORACLE_GRAD_VALUE], &tensors.forward.value);
    const double of_query = dot(&gradients[ORACLE_GRAD_QUERY], &tensors.forward.query);
    const double of_key = dot(&gradients[ORACLE_GRAD_KEY], &tensors.forward.key);
    double of_pse = 0.0;
    for (int64_t i = 0; gradients[ORACLE_GRAD_PSE].image != NULL &&
                        i < test_tensor_count(&gradients[ORACLE_GRAD_PSE]);
         i++) {
        of_pse += test_tensor_get_result(&gradients[ORACLE_GRAD_PSE], i);
    }
    if (fabs(of_out) < 0.01 || fabs(of_query) < 0.01 || !is_near(of_out, of_value) ||
        !is_near(of_query, of_key) || fabs(of_pse) > 1e-3) {
        char text[1024];
        attention_case_text(tested, text, sizeof text);
        fail_msg("out %g, value %g; query %g, key %g; pse %g: %s", of_out, of_value, of_query,
                 of_key, of_pse, text);
    }
    attention_grad_tensors_free(&tensors);
}

static void test_attention_grad_obeys_the_laws(void **state) {
    check_forms((const test_session *)*state, check_laws);
}

/* ---- The same bits each time ---- */

#define NUM_RUNS 20

/* Runs the plan on outputs as they were. */
static void run_again(const test_session *session, attention_grad_tensors *tensors,
                      clf_plan *plan) {
    char problem[512];
    for (int of = 0; of < ORACLE_NUM_GRADIENTS; of++) {
        const test_tensor *gradient = &tensors->gradients[of];
        if (gradient->image != NULL) {
            assert_int_equal(clEnqueueWriteBuffer(session->queue, gradient->view.buffer, CL_TRUE, 0,
                                                  gradient->num_bytes, gradient->image, 0, NULL,
                                                  NULL),
                             CL_SUCCESS);
        }
    }
    test_succeeds(clf_plan_enqueue(plan, session->queue, NULL, 0, NULL, NULL));
    attention_grad_tensors_read(tensors, session, problem, sizeof problem);
    assert_string_equal(problem, "");
}

static void check_bits(const test_session *session, const attention_case *tested) {
    attention_grad_tensors tensors;
    unsigned char *first[ORACLE_NUM_GRADIENTS] = {NULL};
    clf_plan *plan = NULL;
    attention_grad_tensors_make(&tensors, tested);
    attention_grad_tensors_upload(&tensors, session);
    test_succeeds(clf_flash_attention_grad_plan(session->device, &tensors.args, &plan));
    for (int run = 0; run < NUM_RUNS; run++) {
        run_again(session, &tensors, plan);
        for (int of = 0; of < ORACLE_NUM_GRADIENTS; of++) {
            const test_tensor *gradient = &tensors.gradients[of];
            if (gradient->image != NULL && run == 0) {
                first[of] = (unsigned char *)malloc(gradient->num_bytes);
                assert_non_null(first[of]);
                memcpy(first[of], gradient->result, gradient->num_bytes);
            } else if (gradient->image != NULL) {
                assert_memory_equal(first[of], gradient->result, gradient->num_bytes);
            }
        }
    }
    expect_right(&tensors);
    for (int of = 0; of < ORACLE_NUM_GRADIENTS; of++) {
        free(first[of]);
    }
    clf_plan_destroy(plan);
    attention_grad_tensors_free(&tensors);
}

static void test_attention_grad_gives_the_same_bits_each_time(void **state) {
    check_forms((const test_session *)*state, check_bits);
}

/* ---- Large ones, which random cases are not ---- */

/* Few heads and many keys, whose parts are added up, with and without a block that is not full; and
 * depths for which blocks must shrink. */
static void test_attention_grad_of_many_keys_and_large_depths(void **state) {
    const test_session *session = (const test_session *)*state;
    static const struct {
        int64_t query;
        int64_t key;
        int64_t depth;
        int64_t value_depth;
        clf_dtype dtype;
        int64_t mode;
    } cases[] = {
        {64, 1024, 64, 64, CLF_DTYPE_FP16, 2},
        {600, 600, 64, 48, CLF_DTYPE_FP32, 2},
        {37, 70, 300, 256, CLF_DTYPE_FP32, 2},
        {70, 37, 768, 768, CLF_DTYPE_BF16, 3},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        attention_case tested = attention_case_default();
        attention_case_set_lengths(&tested, cases[i].query, cases[i].key);
        tested.batch = 1;
        tested.heads = 2;
        tested.key_heads = 1;
        tested.depth = cases[i].depth;
        tested.value_depth = cases[i].value_depth;
        tested.scale = 1.0 / sqrt((double)cases[i].depth);
        tested.dtype = cases[i].dtype;
        tested.mask_form = TEST_MASK_COMPRESSED;
        tested.mode = cases[i].mode;
        assert_true(attention_grad_case_run(session, &tested));
    }
}

/* ---- Nothing to compute ---- */

static void test_attention_grad_of_nothing_is_zero(void **state) {
    const test_session *session = (const test_session *)*state;
    static const struct {
        int64_t batch;
        int64_t query;
        int64_t key;
        int64_t depth;
        attention_layout layout;
        attention_bias_form bias;
    } cases[] = {
        {1, 0, 9, 16, TEST_BNSD, TEST_BIAS_NONE}, {1, 5, 0, 16, TEST_BNSD, TEST_BIAS_NONE},
        {0, 5, 9, 16, TEST_BSH, TEST_BIAS_NONE},  {2, 0, 70, 7, TEST_SBH, TEST_BIAS_BN1S},
        {2, 5, 9, 0, TEST_BSND, TEST_BIAS_BNSS},  {2, 6, 0, 16, TEST_TND, TEST_BIAS_NONE},
        {2, 0, 6, 16, TEST_TND, TEST_BIAS_NONE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        attention_case tested = attention_case_default();
        attention_case_set_lengths(&tested, cases[i].query, cases[i].key);
        tested.batch = cases[i].batch;
        tested.layout = cases[i].layout;
        tested.depth = tested.value_depth = cases[i].depth;
        tested.bias_form = cases[i].bias;
        tested.gradient_strides = TEST_STRIDES_GAPS;
        assert_true(attention_grad_case_run(session, &tested));
    }
}

/* ---- What is refused ---- */

static void test_attention_grad_refuses_overlaps_and_unknown_variants(void **state) {
    const test_session *session = (const test_session *)*state;
    const attention_case tested = attention_case_default();
    attention_grad_tensors tensors;
    clf_plan *plan = NULL;
    attention_grad_tensors_make(&tensors, &tested);
    attention_grad_tensors_upload(&tensors, session);
    clf_flash_attention_grad_args args = tensors.args;
    args.grad_query = args.query;
    assert_int_equal(clf_flash_attention_grad_plan(session->device, &args, &plan),
                     CLF_ERR_PARAM_INVALID);
    assert_null(plan);
    args = tensors.args;
    args.variant = (clf_variant)7;
    assert_int_equal(clf_flash_attention_grad_plan(session->device, &args, &plan),
                     CLF_ERR_PARAM_INVALID);
    assert_null(plan);
    assert_int_equal(clf_flash_attention_grad_plan(session->device, NULL, &plan),
                     CLF_ERR_PARAM_NULLPTR);
    attention_grad_tensors_free(&tensors);
}

static void test_attention_grad_each_violation_has_its_code_and_sentence(void **state) {
    const test_session *session = (const test_session *)*state;
    for (size_t i = 0; i < attention_num_grad_violations; i++) {
        const attention_violation *line = &attention_grad_violations[i];
        attention_call call;
        clf_plan *plan = NULL;
        char text[1024];
        if (line->status == CLF_SUCCESS) {
            continue; /* accepted ones are looked at without a device in test_attention_checks */
        }
        snprintf(text, sizeof text, "%s %s", line->base, line->change);
        attention_call_make(&call, text);
        test_expect_status(clf_flash_attention_grad_plan(session->device, &call.grad_args, &plan),
                           line->status);
        test_expect_contains(clf_last_error(), line->message);
        assert_null(plan);
    }
}

/* ---- What a plan tells about itself ---- */

/* B 1, N 4, Nkv 2, Sq = Skv = 4096, D 64: half of the pairs, five products, three floats a row. */
static void test_attention_grad_plans_tell_their_work(void **state) {
    const test_session *session = (const test_session *)*state;
    attention_call call;
    clf_plan *plan = NULL;
    attention_call_make(&call, "layout=BNSD heads=4 query=1,4,4096,64 key=1,2,4096,64 "
                               "value=1,2,4096,64 out=1,4,4096,64 max=1,4,4096,8 sum=1,4,4096,8 "
                               "mode=2 mask=2048,2048");
    call.grad_args.variant = CLF_VARIANT_PORTABLE;
    test_succeeds(clf_flash_attention_grad_plan(session->device, &call.grad_args, &plan));
    assert_int_equal(clf_plan_workspace_size(plan), 4 * 4096 * 3 * sizeof(float));
    json_t *description = test_plan_json(plan);
    const double pairs = 4.0 * 4096.0 * 4097.0 / 2.0;
    const double flops = json_number_value(json_object_get(description, "flops"));
    assert_true(fabs(flops / (10.0 * pairs * 64.0) - 1.0) < 1e-3); /* printed with few digits */
    assert_string_equal(json_string_value(json_object_get(description, "operator")),
                        "flash_attention_grad");
    assert_string_equal(json_string_value(json_object_get(description, "problem")),
                        "attention_grad --shape 1,4,4096,4096,64 --dtype fp32 --kv-heads 2 --mask "
                        "causal-top-left --scale 1");
    json_decref(description);
    clf_plan_destroy(plan);
}

/* Planned without buffers: each of the slots is needed, and no other. */
static void test_attention_grad_needs_every_slot(void **state) {
    const test_session *session = (const test_session *)*state;
    attention_case tested = attention_case_default();
    attention_grad_tensors tensors;
    clf_plan *plan = NULL;
    char problem[512];
    tested.mask_form = TEST_MASK_SS;
    tested.bias_form = TEST_BIAS_BNSS;
    tested.dropout = TEST_DROPOUT_BITS;
    tested.keep_prob = 0.5;
    attention_grad_tensors_make(&tensors, &tested);
    static const clf_slot slots[TEST_NUM_ATTENTION_GRAD_TENSORS] = {
        CLF_SLOT_QUERY,       CLF_SLOT_KEY,         CLF_SLOT_VALUE,       CLF_SLOT_PSE,
        CLF_SLOT_DROP_MASK,   CLF_SLOT_ATTEN_MASK,  CLF_SLOT_GRAD_OUTPUT, CLF_SLOT_ATTENTION_IN,
        CLF_SLOT_SOFTMAX_MAX, CLF_SLOT_SOFTMAX_SUM, CLF_SLOT_GRAD_QUERY,  CLF_SLOT_GRAD_KEY,
        CLF_SLOT_GRAD_VALUE,  CLF_SLOT_GRAD_PSE};
    attention_grad_named list[TEST_NUM_ATTENTION_GRAD_TENSORS];
    attention_grad_tensors_list(&tensors, list);
    test_succeeds(clf_flash_attention_grad_plan(session->device, &tensors.args, &plan));
    attention_grad_tensors_upload(&tensors, session);
    for (size_t i = 0; i < TEST_NUM_ATTENTION_GRAD_TENSORS; i++) {
        test_expect_status(clf_plan_enqueue(plan, session->queue, NULL, 0, NULL, NULL),
                           CLF_ERR_PARAM_NULLPTR);
        test_succeeds(clf_plan_bind(plan, slots[i], list[i].tensor->view.buffer,
                                    list[i].tensor->view.offset));
    }
    test_expect_status(clf_plan_bind(plan, CLF_SLOT_ATTENTION_OUT, list[0].tensor->view.buffer, 0),
                       CLF_ERR_PARAM_INVALID);
    test_succeeds(clf_plan_enqueue(plan, session->queue, NULL, 0, NULL, NULL));
    attention_grad_tensors_read(&tensors, session, problem, sizeof problem);
    assert_string_equal(problem, "");
    expect_right(&tensors);
    clf_plan_destroy(plan);
    attention_grad_tensors_free(&tensors);
}

/* An argument chooses tests by name, with * and ?. */
int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_attention_grad_worked_goldens),
        cmocka_unit_test(test_attention_grad_takes_the_results_of_the_forward),
        cmocka_unit_test(test_attention_grad_obeys_the_laws),
        cmocka_unit_test(test_attention_grad_gives_the_same_bits_each_time),
        cmocka_unit_test(test_attention_grad_of_many_keys_and_large_depths),
        cmocka_unit_test(test_attention_grad_of_nothing_is_zero),
        cmocka_unit_test(test_attention_grad_refuses_overlaps_and_unknown_variants),
        cmocka_unit_test(test_attention_grad_each_violation_has_its_code_and_sentence),
        cmocka_unit_test(test_attention_grad_plans_tell_their_work),
        cmocka_unit_test(test_attention_grad_needs_every_slot),
    };
    if (argc > 1) {
        cmocka_set_test_filter(argv[1]);
    }
    return cmocka_run_group_tests(tests, test_session_begin, test_session_end);
}
