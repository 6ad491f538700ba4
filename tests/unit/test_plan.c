/* Plans: their description, the choice of variants, what planning refuses, shapes beyond any
 * memory. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmocka_all.h"
#include "device/device_internal.h"
#include "device/plan_builder.h"
#include "device/program_cache.h"
#include "softmax_case.h"
#include "test_json.h"

static clf_status plan_softmax(clf_device *device, bool is_gradient, const clf_tensor *x,
                               const clf_tensor *mask, clf_variant variant, clf_plan **out_plan) {
    if (is_gradient) {
        clf_scaled_masked_softmax_grad_args args = CLF_SCALED_MASKED_SOFTMAX_GRAD_ARGS;
        args.grad_output = args.y = args.grad_x = x;
        args.mask = mask;
        args.variant = variant;
        return clf_scaled_masked_softmax_grad_plan(device, &args, out_plan);
    }
    clf_scaled_masked_softmax_args args = CLF_SCALED_MASKED_SOFTMAX_ARGS;
    args.x = args.y = x;
    args.mask = mask;
    args.variant = variant;
    return clf_scaled_masked_softmax_plan(device, &args, out_plan);
}

static void test_args_macros_set_the_documented_defaults(void **state) {
    (void)state;
    const clf_scaled_masked_softmax_args args = CLF_SCALED_MASKED_SOFTMAX_ARGS;
    const clf_scaled_masked_softmax_grad_args grad = CLF_SCALED_MASKED_SOFTMAX_GRAD_ARGS;
    assert_int_equal(args.struct_size, sizeof args);
    assert_true(args.x == NULL && args.mask == NULL && args.y == NULL);
    assert_true(args.scale == 1.0 && !args.fixed_triu_mask && args.variant == CLF_VARIANT_AUTO);
    assert_int_equal(grad.struct_size, sizeof grad);
    assert_true(grad.grad_output == NULL && grad.y == NULL && grad.mask == NULL);
    assert_true(grad.grad_x == NULL);
    assert_true(grad.scale == 1.0 && !grad.fixed_triu_mask && grad.variant == CLF_VARIANT_AUTO);
}

/* ---- Description ---- */

static void test_plan_description_has_the_documented_members(void **state) {
    const test_session *session = (const test_session *)*state;
    static const char *const members[] = {"operator",   "variant",      "tensors",
                                          "parameters", "steps",        "flops",
                                          "bytes",      "local_memory", "workspace"};
    const int64_t shape[] = {4, 6, 100};
    const clf_tensor x = clf_tensor_contiguous(NULL, CLF_DTYPE_FP16, 3, shape);
    const clf_tensor mask = clf_tensor_contiguous(NULL, CLF_DTYPE_BOOL, 3, shape);
    for (int gradient = 0; gradient < 2; gradient++) {
        clf_plan *plan = NULL;
        test_succeeds(
            plan_softmax(session->device, gradient != 0, &x, &mask, CLF_VARIANT_PORTABLE, &plan));
        json_t *value = test_plan_json(plan);
        for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
            if (json_object_get(value, members[i]) == NULL) {
                fail_msg("the description lacks \"%s\"", members[i]);
            }
        }
        assert_string_equal(json_string_value(json_object_get(value, "variant")), "portable");
        assert_int_equal(json_array_size(json_object_get(value, "tensors")), gradient ? 4 : 3);
        /* Each element moved once: x (and y) read, the result written, the mask read. */
        const double bytes = json_number_value(json_object_get(value, "bytes"));
        assert_true(bytes == 2400.0 * (gradient ? 7.0 : 5.0));
        assert_true(json_number_value(json_object_get(value, "flops")) > 2400.0);
        json_t *step = json_array_get(json_object_get(value, "steps"), 0);
        assert_non_null(json_object_get(step, "kernel"));
        assert_non_null(json_object_get(step, "global"));
        assert_non_null(json_object_get(step, "local"));
        assert_true(test_json_has_string(value, session->has_cpu_variant ? "cpu" : "portable"));
        json_decref(value);
        clf_plan_destroy(plan);
    }
}

/* ---- Variants ---- */

static const char *variant_of(const clf_plan *plan, char text[32]) {
    json_t *value = test_plan_json(plan);
    snprintf(text, 32, "%s", json_string_value(json_object_get(value, "variant")));
    json_decref(value);
    return text;
}

static void expect_variant(const test_session *session, clf_variant wanted, const char *expected) {
    const int64_t shape[] = {8, 100};
    const clf_tensor x = clf_tensor_contiguous(NULL, CLF_DTYPE_FP32, 2, shape);
    for (int gradient = 0; gradient < 2; gradient++) {
        clf_plan *plan = NULL;
        char text[32];
        test_succeeds(plan_softmax(session->device, gradient != 0, &x, NULL, wanted, &plan));
        assert_string_equal(variant_of(plan, text), expected);
        clf_plan_destroy(plan);
    }
}

static void test_variant_caller_and_environment_choose(void **state) {
    const test_session *session = (const test_session *)*state;
    unsetenv("CLFORMER_VARIANT");
    expect_variant(session, CLF_VARIANT_PORTABLE, "portable");
    if (session->has_cpu_variant) {
        expect_variant(session, CLF_VARIANT_CPU, "cpu");
        expect_variant(session, CLF_VARIANT_AUTO, "cpu");
    } else {
        expect_variant(session, CLF_VARIANT_AUTO, "portable");
    }
    setenv("CLFORMER_VARIANT", "portable", 1);
    expect_variant(session, CLF_VARIANT_AUTO, "portable");
    if (session->has_cpu_variant) {
        expect_variant(session, CLF_VARIANT_CPU, "cpu"); /* the caller's word counts more */
    }
    unsetenv("CLFORMER_VARIANT");
}

static void test_variant_cpu_is_available_on_cpu_devices(void **state) {
    const test_session *session = (const test_session *)*state;
    cl_device_type type = 0;
    clGetDeviceInfo(session->id, CL_DEVICE_TYPE, sizeof type, &type, NULL);
    assert_int_equal(session->has_cpu_variant, (type & CL_DEVICE_TYPE_CPU) != 0);
}

static void test_variant_unavailable_is_refused_with_the_reason(void **state) {
    const test_session *session = (const test_session *)*state;
    const clf_i_variant_option options[] = {{CLF_VARIANT_CPU, "it needs rain"},
                                            {CLF_VARIANT_PORTABLE, NULL}};
    clf_variant chosen = CLF_VARIANT_AUTO;
    clf_plan *plan = NULL;
    test_succeeds(clf_i_plan_create(session->device, "test_operator", &plan));
    test_expect_status(clf_i_plan_choose_variant(plan, CLF_VARIANT_CPU, options, 2, &chosen),
                       CLF_ERR_UNSUPPORTED);
    test_expect_contains(clf_last_error(), "variant cpu");
    test_expect_contains(clf_last_error(), "it needs rain");
    test_expect_status(clf_i_plan_choose_variant(plan, CLF_VARIANT_AUTO, options, 1, &chosen),
                       CLF_ERR_UNSUPPORTED);
    test_expect_contains(clf_last_error(), "it needs rain");
    test_expect_status(clf_i_plan_choose_variant(plan, CLF_VARIANT_PORTABLE, options, 1, &chosen),
                       CLF_ERR_UNSUPPORTED);
    test_succeeds(clf_i_plan_choose_variant(plan, CLF_VARIANT_AUTO, options, 2, &chosen));
    assert_int_equal(chosen, CLF_VARIANT_PORTABLE);
    test_succeeds(clf_i_plan_finish(plan));
    json_t *value = test_plan_json(plan);
    assert_true(test_json_has_string(value, "it needs rain"));
    json_decref(value);
    clf_plan_destroy(plan);
}

static void test_step_beyond_the_device_is_refused(void **state) {
    const test_session *session = (const test_session *)*state;
    const clf_i_capabilities *device = clf_i_device_capabilities(session->device);
    clf_i_step step;
    clf_plan *plan = NULL;
    memset(&step, 0, sizeof step);
    step.kernel = "clf_scaled_masked_softmax_portable";
    step.dimensions = 1;
    step.global[0] = step.local[0] = 1;
    step.local_memory = (size_t)device->local_memory + 1;
    test_succeeds(clf_i_plan_create(session->device, "test_operator", &plan));
    test_expect_status(clf_i_plan_add_step(plan, &step), CLF_ERR_UNSUPPORTED);
    test_expect_contains(clf_last_error(), "bytes of local memory");
    step.local_memory = 0;
    step.local[0] = (size_t)device->max_work_group_size + 1;
    test_expect_status(clf_i_plan_add_step(plan, &step), CLF_ERR_UNSUPPORTED);
    test_expect_contains(clf_last_error(), "work-groups of");
    clf_plan_destroy(plan);
}

/* ---- Builds ---- */

static void test_build_failure_names_device_driver_options_and_line(void **state) {
    const test_session *session = (const test_session *)*state;
    const clf_i_capabilities *device = clf_i_device_capabilities(session->device);
    cl_program program = NULL;
    /* `kernel` is not a word that a sane define would replace. */
    test_expect_status(clf_i_program_get(session->device, "clf_scaled_masked_softmax_portable",
                                         "-cl-std=CL1.2 -D__kernel=this_is_no_type", &program),
                       CLF_ERR_BUILD);
    assert_null(program);
    test_expect_contains(clf_last_error(), "clf_scaled_masked_softmax_portable");
    test_expect_contains(clf_last_error(), device->name);
    test_expect_contains(clf_last_error(), device->driver);
    test_expect_contains(clf_last_error(), "-D__kernel=this_is_no_type");
    test_expect_contains(clf_last_error(), "clBuildProgram failed with CL_BUILD_PROGRAM_FAILURE");
    test_expect_contains(clf_last_error(), "error");
}

static void test_build_unknown_kernel_is_an_internal_error(void **state) {
    const test_session *session = (const test_session *)*state;
    cl_program program = NULL;
    test_expect_status(clf_i_program_get(session->device, "no_such_kernel", "", &program),
                       CLF_ERR_INTERNAL);
    test_expect_contains(clf_last_error(), "no_such_kernel");
}

/* ---- Shapes ---- */

static void test_plan_shapes_beyond_31_and_32_bits_are_planned(void **state) {
    const test_session *session = (const test_session *)*state;
    static const struct {
        int32_t rank;
        int64_t shape[4];
    } shapes[] = {
        {4, {64, 16, 2048, 2048}},     /* 2^32 elements   */
        {2, {INT64_C(3000000000), 7}}, /* rows beyond 2^31 */
        {2, {3, INT64_C(3000000000)}}, /* width beyond 2^31 */
        {2, {2, INT64_C(5000000000)}}, /* width beyond 2^32 */
        {4, {65536, 65536, 64, 64}},   /* 2^44 elements   */
        {1, {INT64_C(1) << 40}},
    };
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        for (int gradient = 0; gradient < 2; gradient++) {
            for (int v = CLF_VARIANT_PORTABLE; v <= (session->has_cpu_variant ? 2 : 1); v++) {
                const clf_tensor x =
                    clf_tensor_contiguous(NULL, CLF_DTYPE_FP16, shapes[i].rank, shapes[i].shape);
                clf_plan *plan = NULL;
                test_succeeds(
                    plan_softmax(session->device, gradient != 0, &x, NULL, (clf_variant)v, &plan));
                json_decref(test_plan_json(plan));
                clf_plan_destroy(plan);
            }
        }
    }
}

static void test_plan_strides_beyond_32_bits_are_planned(void **state) {
    const test_session *session = (const test_session *)*state;
    clf_tensor x;
    memset(&x, 0, sizeof x);
    x.dtype = CLF_DTYPE_FP32;
    x.rank = 3;
    x.offset = (size_t)1 << 58;
    x.shape[0] = 4;
    x.shape[1] = 5;
    x.shape[2] = 33;
    x.strides[0] = INT64_C(1) << 50;
    x.strides[1] = -(INT64_C(1) << 40);
    x.strides[2] = INT64_C(1) << 33;
    clf_plan *plan = NULL;
    test_succeeds(plan_softmax(session->device, false, &x, NULL, CLF_VARIANT_AUTO, &plan));
    clf_plan_destroy(plan);
}

static void test_plan_every_rank_is_planned_and_runs(void **state) {
    const test_session *session = (const test_session *)*state;
    for (int32_t rank = 1; rank <= CLF_MAX_RANK; rank++) {
        for (int gradient = 0; gradient < 2; gradient++) {
            softmax_case tested = softmax_case_default();
            tested.is_gradient = gradient != 0;
            tested.rank = rank;
            tested.mask_form = TEST_MASK_LEADING;
            tested.mask_axes = 0x55;
            for (int32_t axis = 0; axis < rank; axis++) {
                tested.shape[axis] = 2 + axis % 2;
            }
            tested.shape[rank - 1] = 45;
            assert_true(softmax_case_run(session, &tested));
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_args_macros_set_the_documented_defaults),
        cmocka_unit_test(test_plan_description_has_the_documented_members),
        cmocka_unit_test(test_variant_caller_and_environment_choose),
        cmocka_unit_test(test_variant_cpu_is_available_on_cpu_devices),
        cmocka_unit_test(test_variant_unavailable_is_refused_with_the_reason),
        cmocka_unit_test(test_step_beyond_the_device_is_refused),
        cmocka_unit_test(test_build_failure_names_device_driver_options_and_line),
        cmocka_unit_test(test_build_unknown_kernel_is_an_internal_error),
        cmocka_unit_test(test_plan_shapes_beyond_31_and_32_bits_are_planned),
        cmocka_unit_test(test_plan_strides_beyond_32_bits_are_planned),
        cmocka_unit_test(test_plan_every_rank_is_planned_and_runs),
    };
    return cmocka_run_group_tests(tests, test_session_begin, test_session_end);
}
