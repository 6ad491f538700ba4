/*
 * Tensors and arguments that the softmax operators must refuse when planning: status, a sentence
 * that names the argument and the value, no plan, nothing leaked, and the next good call works.
 */
#include <stdio.h>
#include <string.h>

#include "cmocka_all.h"
#include "test_session.h"

enum { FIRST, MASK, OUTPUT, SECOND, NUM_TENSORS };
#define HEIGHT 3
#define WIDTH  8
#define COUNT  (HEIGHT * WIDTH)

/* Good arguments of one operator, to be spoiled. */
typedef struct arguments {
    const test_session *session;
    bool is_gradient;
    clf_tensor tensors[NUM_TENSORS];
    const clf_tensor *given[NUM_TENSORS];
    cl_mem owned[8]; /* released after the call */
    size_t num_owned;
    size_t struct_size; /* SIZE_MAX: the right one */
    int variant;
} arguments;

static const char *name_of(const arguments *all, int which) {
    static const char *const forward[] = {"x", "mask", "y", ""};
    static const char *const gradient[] = {"grad_output", "mask", "grad_x", "y"};
    return (all->is_gradient ? gradient : forward)[which];
}

static cl_mem own(arguments *all, cl_context context, cl_mem_flags flags, size_t size) {
    cl_int code = CL_SUCCESS;
    cl_mem buffer = clCreateBuffer(context, flags, size, NULL, &code);
    assert_int_equal(code, CL_SUCCESS);
    assert_true(all->num_owned < sizeof all->owned / sizeof all->owned[0]);
    all->owned[all->num_owned++] = buffer;
    return buffer;
}

static size_t bytes_of(int which) {
    return which == MASK ? COUNT : COUNT * 4;
}

static arguments good_arguments(const test_session *session, bool is_gradient) {
    static const int64_t shape[] = {HEIGHT, WIDTH};
    arguments all;
    memset(&all, 0, sizeof all);
    all.session = session;
    all.is_gradient = is_gradient;
    all.struct_size = SIZE_MAX;
    for (int i = 0; i < NUM_TENSORS; i++) {
        cl_mem buffer = own(&all, session->context, CL_MEM_READ_WRITE, bytes_of(i));
        all.tensors[i] =
            clf_tensor_contiguous(buffer, i == MASK ? CLF_DTYPE_BOOL : CLF_DTYPE_FP32, 2, shape);
    }
    return all;
}

static void point_at_own_tensors(arguments *all) {
    for (int i = 0; i < NUM_TENSORS; i++) {
        all->given[i] = &all->tensors[i];
    }
}

static clf_status plan(const arguments *all, clf_plan **out_plan) {
    if (all->is_gradient) {
        clf_scaled_masked_softmax_grad_args args = CLF_SCALED_MASKED_SOFTMAX_GRAD_ARGS;
        args.struct_size = all->struct_size == SIZE_MAX ? args.struct_size : all->struct_size;
        args.grad_output = all->given[FIRST];
        args.y = all->given[SECOND];
        args.mask = all->given[MASK];
        args.grad_x = all->given[OUTPUT];
        args.variant = (clf_variant)all->variant;
        return clf_scaled_masked_softmax_grad_plan(all->session->device, &args, out_plan);
    }
    clf_scaled_masked_softmax_args args = CLF_SCALED_MASKED_SOFTMAX_ARGS;
    args.struct_size = all->struct_size == SIZE_MAX ? args.struct_size : all->struct_size;
    args.x = all->given[FIRST];
    args.mask = all->given[MASK];
    args.y = all->given[OUTPUT];
    args.variant = (clf_variant)all->variant;
    return clf_scaled_masked_softmax_plan(all->session->device, &args, out_plan);
}

static void release(arguments *all) {
    for (size_t i = 0; i < all->num_owned; i++) {
        clReleaseMemObject(all->owned[i]);
    }
}

/* Plans and runs, so that a broken device would show. */
static void expect_good_call(const test_session *session, bool is_gradient) {
    arguments all = good_arguments(session, is_gradient);
    clf_plan *made = NULL;
    point_at_own_tensors(&all);
    test_succeeds(plan(&all, &made));
    test_succeeds(clf_plan_enqueue(made, session->queue, NULL, 0, NULL, NULL));
    clFinish(session->queue);
    clf_plan_destroy(made);
    release(&all);
}

/* Spoils one thing; `which` says of which tensor. */
typedef void (*spoiler)(arguments *all, int which);

static int num_cases;

static void expect_refusal(const test_session *session, bool is_gradient, int which, spoiler spoil,
                           clf_status expected, const char *const *parts, size_t num_parts,
                           bool names_tensor) {
    const long before = test_live_objects();
    arguments all = good_arguments(session, is_gradient);
    clf_plan *made = (clf_plan *)&all;
    point_at_own_tensors(&all);
    spoil(&all, which);
    const clf_status status = plan(&all, &made);
    const char *message = clf_last_error();
    num_cases++;
    if (status != expected || made != NULL) {
        fail_msg("%s of the %s, wanted \"%s\": %s, plan %p, last error: %s", name_of(&all, which),
                 is_gradient ? "gradient" : "forward", num_parts > 0 ? parts[0] : "",
                 clf_status_name(status), (void *)made, message);
    }
    if (names_tensor) {
        char name[32];
        snprintf(name, sizeof name, "%s ", name_of(&all, which)); /* a word, not a letter */
        test_expect_contains(message, name);
    }
    for (size_t i = 0; i < num_parts; i++) {
        test_expect_contains(message, parts[i]);
    }
    release(&all);
    if (test_live_objects() != before) {
        fail_msg("leaked after \"%s\": %s", message, test_live_objects_text());
    }
    expect_good_call(session, is_gradient);
}

#define EVERY_TENSOR 0xF
#define FLOATS       (1 << FIRST | 1 << OUTPUT | 1 << SECOND)
#define INPUTS       (1 << FIRST | 1 << MASK | 1 << SECOND)
#define ONLY(which)  (1 << (which))

typedef struct bad_case {
    int tensors; /* bits: which ones are spoiled, one at a time */
    spoiler spoil;
    clf_status status;
    const char *parts[3];
} bad_case;

static void run_table(void **state, const bad_case *table, size_t count) {
    const test_session *session = (const test_session *)*state;
    num_cases = 0;
    for (size_t i = 0; i < count; i++) {
        for (int gradient = 0; gradient < 2; gradient++) {
            for (int which = 0; which < NUM_TENSORS; which++) {
                if ((table[i].tensors >> which & 1) == 0 || (which == SECOND && !gradient)) {
                    continue;
                }
                size_t num_parts = 0;
                while (num_parts < 3 && table[i].parts[num_parts] != NULL) {
                    num_parts++;
                }
                expect_refusal(session, gradient != 0, which, table[i].spoil, table[i].status,
                               table[i].parts, num_parts, true);
            }
        }
    }
    printf("%d cases\n", num_cases);
}
#define RUN_TABLE(state, table) run_table(state, table, sizeof(table) / sizeof((table)[0]))

/* ---- The view itself ---- */

#define SPOILER(name, statement)                                                                   \
    static void name(arguments *all, int which) {                                                  \
        clf_tensor *tensor = &all->tensors[which];                                                 \
        statement;                                                                                 \
    }

SPOILER(make_null, (void)tensor; all->given[which] = NULL)
SPOILER(set_dtype_bool, tensor->dtype = CLF_DTYPE_BOOL)
SPOILER(set_dtype_fp32, tensor->dtype = CLF_DTYPE_FP32)
SPOILER(set_dtype_unknown, tensor->dtype = (clf_dtype)99)
SPOILER(set_dtype_negative, tensor->dtype = (clf_dtype)-7)
SPOILER(set_rank_0, tensor->rank = 0)
SPOILER(set_rank_9, tensor->rank = 9)
SPOILER(set_rank_minus_1, tensor->rank = -1)
SPOILER(set_rank_largest, tensor->rank = INT32_MAX)
SPOILER(set_size_minus_1, tensor->shape[0] = -1)
SPOILER(set_size_smallest, tensor->shape[1] = INT64_MIN)
SPOILER(set_size_2_to_62, tensor->shape[0] = INT64_C(1) << 62)
SPOILER(set_size_largest, tensor->shape[1] = INT64_MAX)
SPOILER(set_stride_largest, tensor->strides[0] = INT64_MAX)
SPOILER(set_stride_smallest, tensor->strides[1] = INT64_MIN)
SPOILER(set_stride_minus_8, tensor->strides[0] = -8)
SPOILER(set_stride_minus_1, tensor->strides[1] = -1)
SPOILER(set_offset_largest, tensor->offset = SIZE_MAX)
SPOILER(set_offset_1, tensor->offset = 1)
SPOILER(set_stride_9, tensor->strides[0] = 9)

static const bad_case bad_views[] = {
    {FLOATS, make_null, CLF_ERR_PARAM_NULLPTR, {"is NULL"}},
    {FLOATS, set_dtype_bool, CLF_ERR_PARAM_INVALID, {"dtype bool"}},
    {ONLY(MASK), set_dtype_fp32, CLF_ERR_PARAM_INVALID, {"dtype fp32", "uint8", "bool"}},
    {EVERY_TENSOR, set_dtype_unknown, CLF_ERR_PARAM_INVALID, {"dtype", "99"}},
    {EVERY_TENSOR, set_dtype_negative, CLF_ERR_PARAM_INVALID, {"dtype", "-7"}},
    {EVERY_TENSOR, set_rank_0, CLF_ERR_PARAM_INVALID, {"rank 0", "1 to 8"}},
    {EVERY_TENSOR, set_rank_9, CLF_ERR_PARAM_INVALID, {"rank 9", "1 to 8"}},
    {EVERY_TENSOR, set_rank_minus_1, CLF_ERR_PARAM_INVALID, {"rank -1", "1 to 8"}},
    {EVERY_TENSOR, set_rank_largest, CLF_ERR_PARAM_INVALID, {"rank 2147483647", "1 to 8"}},
    {EVERY_TENSOR, set_size_minus_1, CLF_ERR_PARAM_INVALID, {"[-1, 8]", "0 or more"}},
    {EVERY_TENSOR, set_size_smallest, CLF_ERR_PARAM_INVALID, {"0 or more"}},
    {EVERY_TENSOR, set_size_2_to_62, CLF_ERR_PARAM_INVALID, {"4611686018427387904", "2^63"}},
    {EVERY_TENSOR, set_size_largest, CLF_ERR_PARAM_INVALID, {"9223372036854775807", "2^63"}},
    {EVERY_TENSOR, set_stride_largest, CLF_ERR_PARAM_INVALID, {"[9223372036854775807, 1]"}},
    {EVERY_TENSOR, set_stride_smallest, CLF_ERR_PARAM_INVALID, {"-9223372036854775808"}},
    {EVERY_TENSOR, set_stride_minus_8, CLF_ERR_PARAM_INVALID, {"[-8, 1]", "16 elements before"}},
    {EVERY_TENSOR, set_stride_minus_1, CLF_ERR_PARAM_INVALID, {"[8, -1]", "7 elements before"}},
    {EVERY_TENSOR, set_offset_largest, CLF_ERR_PARAM_INVALID, {"offset 18446744073709551615"}},
    {EVERY_TENSOR, set_offset_1, CLF_ERR_PARAM_INVALID, {"bytes or more", "offset 1", "[3, 8]"}},
    {EVERY_TENSOR, set_stride_9, CLF_ERR_PARAM_INVALID, {"bytes or more", "[3, 8]"}},
};

static void test_plan_bad_views_are_refused(void **state) {
    RUN_TABLE(state, bad_views);
}

/* ---- How tensors fit together ---- */

SPOILER(set_dtype_fp16, tensor->dtype = CLF_DTYPE_FP16)
SPOILER(set_other_width, tensor->shape[1] = 7)
SPOILER(set_other_height, tensor->shape[0] = 2)
SPOILER(set_rank_1, tensor->rank = 1; tensor->shape[0] = WIDTH; tensor->strides[0] = 1)
SPOILER(set_rank_3, tensor->rank = 3; tensor->shape[2] = 1; tensor->strides[2] = 1)
SPOILER(set_width_0, tensor->shape[1] = 0)

static const bad_case bad_combinations[] = {
    {ONLY(OUTPUT) | ONLY(SECOND), set_dtype_fp16, CLF_ERR_PARAM_INVALID, {"dtype fp16", "fp32"}},
    {ONLY(OUTPUT) | ONLY(SECOND), set_other_width, CLF_ERR_PARAM_INVALID, {"[3, 7]", "[3, 8]"}},
    {ONLY(OUTPUT) | ONLY(SECOND), set_other_height, CLF_ERR_PARAM_INVALID, {"[2, 8]", "[3, 8]"}},
    {ONLY(OUTPUT) | ONLY(SECOND), set_rank_1, CLF_ERR_PARAM_INVALID, {"[8]", "[3, 8]"}},
    {ONLY(OUTPUT) | ONLY(SECOND), set_rank_3, CLF_ERR_PARAM_INVALID, {"[3, 8, 1]", "[3, 8]"}},
    {ONLY(MASK), set_other_width, CLF_ERR_PARAM_INVALID, {"[3, 7]", "[3, 8]"}},
    {ONLY(MASK), set_other_height, CLF_ERR_PARAM_INVALID, {"[2, 8]", "[3, 8]"}},
    {ONLY(MASK), set_rank_3, CLF_ERR_PARAM_INVALID, {"[3, 8, 1]", "[3, 8]"}},
    {ONLY(MASK), set_width_0, CLF_ERR_PARAM_INVALID, {"[3, 0]", "[3, 8]"}},
};

static void test_plan_tensors_that_do_not_fit_together_are_refused(void **state) {
    RUN_TABLE(state, bad_combinations);
}

/* ---- Buffers ---- */

static void use_small_buffer(arguments *all, int which) {
    all->tensors[which].buffer =
        own(all, all->session->context, CL_MEM_READ_WRITE, bytes_of(which) - 1);
}

static void use_foreign_buffer(arguments *all, int which) {
    cl_int code = CL_SUCCESS;
    cl_context foreign = clCreateContext(NULL, 1, &all->session->id, NULL, NULL, &code);
    assert_int_equal(code, CL_SUCCESS);
    all->tensors[which].buffer = own(all, foreign, CL_MEM_READ_WRITE, bytes_of(which));
    clReleaseContext(foreign); /* the buffer keeps it */
}

static void use_write_only_buffer(arguments *all, int which) {
    all->tensors[which].buffer =
        own(all, all->session->context, CL_MEM_WRITE_ONLY, bytes_of(which));
}

static void use_read_only_buffer(arguments *all, int which) {
    all->tensors[which].buffer = own(all, all->session->context, CL_MEM_READ_ONLY, bytes_of(which));
}

static const bad_case bad_buffers[] = {
    {FLOATS, use_small_buffer, CLF_ERR_PARAM_INVALID, {"95 bytes", "96 bytes or more"}},
    {ONLY(MASK), use_small_buffer, CLF_ERR_PARAM_INVALID, {"23 bytes", "24 bytes or more"}},
    {EVERY_TENSOR, use_foreign_buffer, CLF_ERR_PARAM_INVALID, {"another context"}},
    {INPUTS, use_write_only_buffer, CLF_ERR_PARAM_INVALID, {"CL_MEM_WRITE_ONLY", "read"}},
    {ONLY(OUTPUT), use_read_only_buffer, CLF_ERR_PARAM_INVALID, {"CL_MEM_READ_ONLY", "write"}},
};

static void test_plan_bad_buffers_are_refused(void **state) {
    RUN_TABLE(state, bad_buffers);
}

/* ---- Overlap ---- */

SPOILER(set_stride_0, tensor->strides[0] = 0)
SPOILER(set_column_stride_0, tensor->strides[1] = 0)
SPOILER(set_stride_7, tensor->strides[0] = 7)

/* The output in `which`'s buffer, one element on; the buffer is made large enough. */
static void overlap_by_one_element(arguments *all, int which) {
    cl_mem large = own(all, all->session->context, CL_MEM_READ_WRITE, 1024);
    all->tensors[which].buffer = large;
    all->tensors[OUTPUT].buffer = large;
    all->tensors[OUTPUT].offset = 1;
}

/* Two sub-buffers of one parent that share their last and first part. */
static void overlap_sub_buffers(arguments *all, int which) {
    cl_int code = CL_SUCCESS;
    cl_uint alignment_bits = 0;
    clGetDeviceInfo(all->session->id, CL_DEVICE_MEM_BASE_ADDR_ALIGN, sizeof alignment_bits,
                    &alignment_bits, NULL);
    const size_t alignment = alignment_bits / 8;
    cl_mem parent = own(all, all->session->context, CL_MEM_READ_WRITE, 4 * alignment + 4096);
    const cl_buffer_region regions[] = {{0, alignment + 96}, {alignment, alignment + 96}};
    const int tensors[] = {which, OUTPUT};
    for (int i = 0; i < 2; i++) {
        cl_mem part = clCreateSubBuffer(parent, CL_MEM_READ_WRITE, CL_BUFFER_CREATE_TYPE_REGION,
                                        &regions[i], &code);
        assert_int_equal(code, CL_SUCCESS);
        all->owned[all->num_owned++] = part;
        all->tensors[tensors[i]].buffer = part;
    }
    /* The first view ends one element behind the second one's start. */
    const size_t size = clf_dtype_size(all->tensors[which].dtype);
    all->tensors[which].offset = alignment / size + 1 - COUNT;
}

static void transpose_in_place(arguments *all, int which) {
    cl_mem square = own(all, all->session->context, CL_MEM_READ_WRITE, 4 * WIDTH * WIDTH);
    all->tensors[which].buffer = square;
    all->tensors[OUTPUT].buffer = square;
    all->tensors[OUTPUT].strides[0] = 1;
    all->tensors[OUTPUT].strides[1] = HEIGHT;
}

static const bad_case bad_overlaps[] = {
    {ONLY(OUTPUT), set_stride_0, CLF_ERR_PARAM_INVALID, {"[0, 1]", "share a place"}},
    {ONLY(OUTPUT), set_column_stride_0, CLF_ERR_PARAM_INVALID, {"[8, 0]", "share a place"}},
    {ONLY(OUTPUT), set_stride_7, CLF_ERR_PARAM_INVALID, {"[7, 1]", "share a place"}},
    {INPUTS, overlap_by_one_element, CLF_ERR_PARAM_INVALID, {"overlaps", "in place"}},
    {INPUTS, overlap_sub_buffers, CLF_ERR_PARAM_INVALID, {"overlaps", "in place"}},
    {ONLY(FIRST) | ONLY(SECOND), transpose_in_place, CLF_ERR_PARAM_INVALID, {"overlaps"}},
};

static void test_plan_overlapping_outputs_are_refused(void **state) {
    RUN_TABLE(state, bad_overlaps);
}

/* ---- The struct and the variant ---- */

static void set_struct_size_0(arguments *all, int which) {
    (void)which;
    all->struct_size = 0;
}

static void set_struct_size_8(arguments *all, int which) {
    (void)which;
    all->struct_size = 8;
}

static void set_struct_size_4096(arguments *all, int which) {
    (void)which;
    all->struct_size = 4096;
}

static void set_variant_3(arguments *all, int which) {
    (void)which;
    all->variant = 3;
}

static void set_variant_minus_1(arguments *all, int which) {
    (void)which;
    all->variant = -1;
}

static void test_plan_bad_struct_size_or_variant_is_refused(void **state) {
    static const struct {
        spoiler spoil;
        const char *parts[2];
    } table[] = {
        {set_struct_size_0, {"struct_size is 0", "accepted"}},
        {set_struct_size_8, {"struct_size is 8", "accepted"}},
        {set_struct_size_4096, {"struct_size is 4096", "accepted"}},
        {set_variant_3, {"variant is 3", "accepted"}},
        {set_variant_minus_1, {"variant is -1", "accepted"}},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        for (int gradient = 0; gradient < 2; gradient++) {
            expect_refusal((const test_session *)*state, gradient != 0, FIRST, table[i].spoil,
                           CLF_ERR_PARAM_INVALID, table[i].parts, 2, false);
        }
    }
}

static void test_plan_null_pointers_are_refused(void **state) {
    const test_session *session = (const test_session *)*state;
    const clf_scaled_masked_softmax_args args = CLF_SCALED_MASKED_SOFTMAX_ARGS;
    const clf_scaled_masked_softmax_grad_args grad = CLF_SCALED_MASKED_SOFTMAX_GRAD_ARGS;
    clf_plan *made = (clf_plan *)&made;
    test_expect_status(clf_scaled_masked_softmax_plan(NULL, &args, &made), CLF_ERR_PARAM_NULLPTR);
    test_expect_contains(clf_last_error(), "device is NULL");
    assert_null(made);
    made = (clf_plan *)&made;
    test_expect_status(clf_scaled_masked_softmax_plan(session->device, NULL, &made),
                       CLF_ERR_PARAM_NULLPTR);
    test_expect_contains(clf_last_error(), "args is NULL");
    assert_null(made);
    test_expect_status(clf_scaled_masked_softmax_plan(session->device, &args, NULL),
                       CLF_ERR_PARAM_NULLPTR);
    test_expect_contains(clf_last_error(), "out_plan is NULL");
    made = (clf_plan *)&made;
    test_expect_status(clf_scaled_masked_softmax_grad_plan(NULL, &grad, &made),
                       CLF_ERR_PARAM_NULLPTR);
    test_expect_contains(clf_last_error(), "device is NULL");
    assert_null(made);
    test_expect_status(clf_scaled_masked_softmax_grad_plan(session->device, NULL, &made),
                       CLF_ERR_PARAM_NULLPTR);
    test_expect_contains(clf_last_error(), "args is NULL");
    test_expect_status(clf_scaled_masked_softmax_grad_plan(session->device, &grad, NULL),
                       CLF_ERR_PARAM_NULLPTR);
    test_expect_contains(clf_last_error(), "out_plan is NULL");
    expect_good_call(session, false);
    expect_good_call(session, true);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plan_bad_views_are_refused),
        cmocka_unit_test(test_plan_tensors_that_do_not_fit_together_are_refused),
        cmocka_unit_test(test_plan_bad_buffers_are_refused),
        cmocka_unit_test(test_plan_overlapping_outputs_are_refused),
        cmocka_unit_test(test_plan_bad_struct_size_or_variant_is_refused),
        cmocka_unit_test(test_plan_null_pointers_are_refused),
    };
    return cmocka_run_group_tests(tests, test_session_begin, test_session_end);
}
