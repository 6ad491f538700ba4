/* Views: what is refused and how it is said, extents, broadcasting, public tensor helpers. */
#include <stdio.h>
#include <string.h>

#include "cmocka_all.h"
#include "shape/view.h"
#include "test_random.h"
#include "test_session.h"

#define HUGE_SIZE INT64_C(4294967296) /* 2^32 */

typedef struct bad_view {
    const char *name;
    clf_tensor tensor;
    clf_status status;
    const char *parts[3]; /* of the message, beside the argument's name */
} bad_view;

#define INVALID CLF_ERR_PARAM_INVALID

static const bad_view bad_views[] = {
    {"dtype of a mask", {NULL, 0, CLF_DTYPE_BOOL, 1, {2}, {1}}, INVALID, {"bool", "fp32", "bf16"}},
    {"dtype unknown", {NULL, 0, (clf_dtype)77, 1, {2}, {1}}, INVALID, {"77", "fp32", "fp16"}},
    {"dtype negative", {NULL, 0, (clf_dtype)-1, 1, {2}, {1}}, INVALID, {"-1", "fp32", "fp16"}},
    {"dtype 64", {NULL, 0, (clf_dtype)64, 1, {2}, {1}}, INVALID, {"64", "fp32", "fp16"}},
    {"rank 0", {NULL, 0, CLF_DTYPE_FP32, 0, {2}, {1}}, INVALID, {"rank 0", "1 to 8", ""}},
    {"rank 9", {NULL, 0, CLF_DTYPE_FP32, 9, {2}, {1}}, INVALID, {"rank 9", "1 to 8", ""}},
    {"rank -1", {NULL, 0, CLF_DTYPE_FP32, -1, {2}, {1}}, INVALID, {"rank -1", "1 to 8", ""}},
    {"negative size",
     {NULL, 0, CLF_DTYPE_FP32, 2, {2, -3}, {1, 1}},
     INVALID,
     {"[2, -3]", "0 or more", ""}},
    {"smallest size",
     {NULL, 0, CLF_DTYPE_FP32, 1, {INT64_MIN}, {1}},
     INVALID,
     {"shape", "0 or more", ""}},
    {"count overflows",
     {NULL, 0, CLF_DTYPE_FP32, 2, {HUGE_SIZE, HUGE_SIZE}, {0, 0}},
     INVALID,
     {"[4294967296, 4294967296]", "2^63 - 1", ""}},
    {"count overflows beside 0",
     {NULL, 0, CLF_DTYPE_FP32, 3, {0, HUGE_SIZE, HUGE_SIZE}, {0, 0, 0}},
     INVALID,
     {"[0, 4294967296, 4294967296]", "2^63 - 1", ""}},
    {"bytes overflow",
     {NULL, 0, CLF_DTYPE_FP32, 1, {INT64_MAX}, {1}},
     INVALID,
     {"2^63", "strides", ""}},
    {"stride overflows",
     {NULL, 0, CLF_DTYPE_FP32, 1, {3}, {INT64_MAX}},
     INVALID,
     {"2^63", "strides", ""}},
    {"stride smallest",
     {NULL, 0, CLF_DTYPE_FP32, 1, {3}, {INT64_MIN}},
     INVALID,
     {"2^63", "strides", ""}},
    {"strides overflow in sum",
     {NULL, 0, CLF_DTYPE_FP16, 2, {2, 2}, {INT64_MAX / 2, INT64_MAX / 2}},
     INVALID,
     {"2^63", "strides", ""}},
    {"offset overflows",
     {NULL, SIZE_MAX, CLF_DTYPE_FP32, 1, {1}, {1}},
     INVALID,
     {"2^63", "offset", ""}},
    {"offset plus extent overflows",
     {NULL, INT64_MAX, CLF_DTYPE_BF16, 1, {2}, {1}},
     INVALID,
     {"2^63", "offset", ""}},
    {"element before the start",
     {NULL, 3, CLF_DTYPE_FP32, 1, {3}, {-2}},
     INVALID,
     {"[-2]", "1 elements before", "offset 3"}},
    {"second axis before the start",
     {NULL, 10, CLF_DTYPE_FP32, 2, {3, 4}, {4, -4}},
     INVALID,
     {"[4, -4]", "2 elements before", "offset 10"}},
};

static void test_view_bad_views_are_refused_with_reasons(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof bad_views / sizeof bad_views[0]; i++) {
        const bad_view *bad = &bad_views[i];
        const clf_status status = clf_i_view_check("thing", &bad->tensor, CLF_I_DTYPES_FLOAT);
        if (status != bad->status) {
            fail_msg("%s: %s", bad->name, clf_status_name(status));
        }
        test_expect_contains(clf_last_error(), "thing");
        for (size_t j = 0; j < 3; j++) {
            test_expect_contains(clf_last_error(), bad->parts[j]);
        }
    }
    printf("%zu cases\n", sizeof bad_views / sizeof bad_views[0]);
}

static void test_view_null_is_refused_as_null(void **state) {
    (void)state;
    test_expect_status(clf_i_view_check("thing", NULL, CLF_I_DTYPES_FLOAT), CLF_ERR_PARAM_NULLPTR);
    test_expect_contains(clf_last_error(), "thing is NULL");
}

static void test_view_good_views_are_accepted(void **state) {
    (void)state;
    static const clf_tensor good[] = {
        {NULL, 0, CLF_DTYPE_FP32, 1, {1}, {1}},
        {NULL, 0, CLF_DTYPE_FP16, 1, {0}, {1}},
        {NULL, 4, CLF_DTYPE_BF16, 1, {3}, {-2}},
        {NULL, 0, CLF_DTYPE_FP32, 2, {5, 7}, {0, 0}},
        {NULL, 0, CLF_DTYPE_FP32, 8, {1, 1, 1, 1, 1, 1, 1, 1}, {9, 9, 9, 9, 9, 9, 9, 9}},
        {NULL, 0, CLF_DTYPE_FP32, 2, {0, 5}, {INT64_MAX, INT64_MIN}}, /* empty: nothing is touched
                                                                       */
        {NULL, 0, CLF_DTYPE_FP32, 2, {1, 5}, {INT64_MIN, 1}},     /* nor is this axis stepped  */
        {NULL, 0, CLF_DTYPE_FP16, 2, {65536, 65536}, {65536, 1}}, /* 2^32 elements */
        {NULL, 0, CLF_DTYPE_FP16, 1, {INT64_MAX / 2}, {1}},
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        test_succeeds(clf_i_view_check("thing", &good[i], CLF_I_DTYPES_FLOAT));
    }
}

#define INT4_BIT CLF_I_DTYPE_BIT(CLF_DTYPE_INT4)

static void test_view_int4_rows_are_whole_bytes(void **state) {
    (void)state;
    static const clf_tensor good[] = {
        {NULL, 0, CLF_DTYPE_INT4, 1, {2}, {1}},
        {NULL, 6, CLF_DTYPE_INT4, 2, {3, 4}, {4, 1}},
        {NULL, 20, CLF_DTYPE_INT4, 2, {3, 4}, {-10, 1}},
        {NULL, 0, CLF_DTYPE_INT4, 3, {1, 5, 4}, {7, 0, 1}}, /* the axis of size 1 is not stepped */
        {NULL, 3, CLF_DTYPE_INT4, 2, {0, 3}, {1, 5}},       /* empty */
        {NULL, 0, CLF_DTYPE_INT4, 1, {INT64_MAX - 1}, {1}},
    };
    static const clf_tensor bad[] = {
        {NULL, 0, CLF_DTYPE_INT4, 1, {1}, {1}},       {NULL, 0, CLF_DTYPE_INT4, 2, {3, 5}, {6, 1}},
        {NULL, 1, CLF_DTYPE_INT4, 2, {3, 4}, {4, 1}}, {NULL, 0, CLF_DTYPE_INT4, 2, {3, 4}, {5, 1}},
        {NULL, 0, CLF_DTYPE_INT4, 2, {4, 2}, {2, 2}}, {NULL, 0, CLF_DTYPE_INT4, 2, {4, 2}, {1, 4}},
        {NULL, 8, CLF_DTYPE_INT4, 1, {4}, {-1}},
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        test_succeeds(clf_i_view_check("weight1", &good[i], INT4_BIT));
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        test_expect_status(clf_i_view_check("weight1", &bad[i], INT4_BIT), INVALID);
        test_expect_contains(clf_last_error(), "weight1 has dtype int4, shape [");
        test_expect_contains(clf_last_error(), "other strides and the offset even");
    }
    assert_int_equal(clf_i_view_end_bytes(&good[1], 6), 9);
    assert_int_equal(clf_i_view_end_bytes(&good[1], 7), 10); /* the offset of a bad binding */
    assert_int_equal(clf_i_view_end_bytes(&good[2], 20), 12);
    assert_int_equal(clf_i_view_end_bytes(&good[4], 3), 0);
    assert_int_equal(clf_i_view_end_bytes(&good[0], UINT64_MAX), UINT64_MAX);
}

static void test_view_wide_integers_count_their_bytes(void **state) {
    (void)state;
    const clf_tensor ends = {NULL, 3, CLF_DTYPE_INT64, 1, {4}, {2}};
    const clf_tensor scales = {NULL, 0, CLF_DTYPE_UINT64, 1, {INT64_MAX / 8 + 1}, {1}};
    test_succeeds(clf_i_view_check("ends", &ends, CLF_I_DTYPE_BIT(CLF_DTYPE_INT64)));
    assert_int_equal(clf_i_view_end_bytes(&ends, 3), 80);
    test_expect_status(clf_i_view_check("t", &scales, UINT64_MAX), INVALID);
    test_expect_contains(clf_last_error(), "reach beyond 2^63 bytes");
}

static void test_view_new_types_are_refused_where_they_do_not_belong(void **state) {
    (void)state;
    static const clf_dtype dtypes[] = {CLF_DTYPE_INT8, CLF_DTYPE_INT32, CLF_DTYPE_INT64,
                                       CLF_DTYPE_UINT64, CLF_DTYPE_INT4};
    for (size_t i = 0; i < sizeof dtypes / sizeof dtypes[0]; i++) {
        const clf_tensor x = {NULL, 0, dtypes[i], 2, {2, 4}, {4, 1}};
        char sentence[80];
        snprintf(sentence, sizeof sentence, "x has dtype %s (%d), accepted: fp32, fp16, bf16",
                 clf_dtype_name(dtypes[i]), (int)dtypes[i]);
        test_expect_status(clf_i_view_check("x", &x, CLF_I_DTYPES_FLOAT), INVALID);
        assert_string_equal(clf_last_error(), sentence);
        test_expect_status(clf_i_view_check("mask", &x, CLF_I_DTYPES_MASK), INVALID);
        test_expect_contains(clf_last_error(), "accepted: uint8, bool");
    }
}

/* Every element visited by hand. */
static void brute_force_extent(const clf_tensor *tensor, int64_t *lowest, int64_t *highest) {
    int64_t index[CLF_MAX_RANK] = {0};
    *lowest = 0;
    *highest = 0;
    for (;;) {
        int64_t place = 0;
        for (int32_t axis = 0; axis < tensor->rank; axis++) {
            place += index[axis] * tensor->strides[axis];
        }
        *lowest = place < *lowest ? place : *lowest;
        *highest = place > *highest ? place : *highest;
        int32_t axis = tensor->rank - 1;
        while (axis >= 0 && ++index[axis] == tensor->shape[axis]) {
            index[axis--] = 0;
        }
        if (axis < 0) {
            return;
        }
    }
}

static void test_view_extent_equals_brute_force(void **state) {
    (void)state;
    test_random random = test_random_from(test_seed());
    for (int round = 0; round < 3000; round++) {
        clf_tensor tensor;
        memset(&tensor, 0, sizeof tensor);
        tensor.dtype = CLF_DTYPE_FP16;
        tensor.rank = (int32_t)test_random_between(&random, 1, 4);
        for (int32_t axis = 0; axis < tensor.rank; axis++) {
            tensor.shape[axis] = test_random_between(&random, 1, 4);
            tensor.strides[axis] = test_random_between(&random, -20, 20);
        }
        tensor.offset = 300;
        int64_t lowest, highest;
        brute_force_extent(&tensor, &lowest, &highest);
        const clf_i_extent extent = clf_i_view_extent(&tensor);
        assert_int_equal(extent.lowest, lowest);
        assert_int_equal(extent.highest, highest);
        assert_int_equal(clf_i_view_end_bytes(&tensor, 300), (uint64_t)(300 + highest + 1) * 2);
    }
}

static void test_view_empty_has_no_extent(void **state) {
    (void)state;
    const clf_tensor empty = {NULL, 5, CLF_DTYPE_FP32, 3, {4, 0, 3}, {7, 7, -7}};
    assert_int_equal(clf_i_view_num_elements(&empty), 0);
    assert_int_equal(clf_i_view_extent(&empty).lowest, 0);
    assert_int_equal(clf_i_view_extent(&empty).highest, 0);
    assert_int_equal(clf_i_view_end_bytes(&empty, 5), 0);
    assert_false(clf_i_view_self_overlaps(&empty));
}

static void test_view_contiguity_ignores_axes_of_size_one(void **state) {
    (void)state;
    const clf_tensor dense = {NULL, 0, CLF_DTYPE_FP32, 3, {2, 3, 4}, {12, 4, 1}};
    const clf_tensor ones = {NULL, 0, CLF_DTYPE_FP32, 3, {1, 3, 1}, {99, 1, -7}};
    const clf_tensor gaps = {NULL, 0, CLF_DTYPE_FP32, 2, {2, 3}, {4, 1}};
    const clf_tensor turned = {NULL, 0, CLF_DTYPE_FP32, 2, {2, 3}, {1, 2}};
    assert_true(clf_i_view_is_contiguous(&dense));
    assert_true(clf_i_view_is_contiguous(&ones));
    assert_false(clf_i_view_is_contiguous(&gaps));
    assert_false(clf_i_view_is_contiguous(&turned));
}

static void test_broadcast_axes_are_matched_from_the_last(void **state) {
    (void)state;
    static const int64_t shape[] = {2, 3, 4, 5};
    static const struct {
        clf_tensor mask;
        int64_t strides[4];
        bool fits;
    } table[] = {
        {{NULL, 0, CLF_DTYPE_BOOL, 4, {2, 3, 4, 5}, {60, 20, 5, 1}}, {60, 20, 5, 1}, true},
        {{NULL, 0, CLF_DTYPE_BOOL, 4, {2, 1, 4, 5}, {20, 20, 5, 1}}, {20, 0, 5, 1}, true},
        {{NULL, 0, CLF_DTYPE_BOOL, 4, {1, 1, 1, 1}, {9, 9, 9, 9}}, {0, 0, 0, 0}, true},
        {{NULL, 0, CLF_DTYPE_BOOL, 2, {4, 5}, {-5, 1}}, {0, 0, -5, 1}, true},
        {{NULL, 0, CLF_DTYPE_BOOL, 1, {5}, {2}}, {0, 0, 0, 2}, true},
        {{NULL, 0, CLF_DTYPE_BOOL, 1, {1}, {2}}, {0, 0, 0, 0}, true},
        {{NULL, 0, CLF_DTYPE_BOOL, 1, {4}, {1}}, {0}, false},
        {{NULL, 0, CLF_DTYPE_BOOL, 4, {2, 3, 4, 0}, {1, 1, 1, 1}}, {0}, false},
        {{NULL, 0, CLF_DTYPE_BOOL, 4, {3, 3, 4, 5}, {1, 1, 1, 1}}, {0}, false},
        {{NULL, 0, CLF_DTYPE_BOOL, 5, {1, 2, 3, 4, 5}, {1, 1, 1, 1, 1}}, {0}, false},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        int64_t strides[CLF_MAX_RANK];
        const clf_status status = clf_i_view_broadcast("mask", &table[i].mask, 4, shape, strides);
        assert_int_equal(status == CLF_SUCCESS, table[i].fits);
        if (table[i].fits) {
            assert_memory_equal(strides, table[i].strides, sizeof table[i].strides);
        } else {
            assert_int_equal(status, CLF_ERR_PARAM_INVALID);
            test_expect_contains(clf_last_error(), "mask has shape [");
            test_expect_contains(clf_last_error(), "[2, 3, 4, 5]");
        }
    }
}

static void test_same_differences_are_named(void **state) {
    (void)state;
    const clf_tensor x = {NULL, 0, CLF_DTYPE_FP32, 2, {2, 3}, {3, 1}};
    const clf_tensor half = {NULL, 0, CLF_DTYPE_FP16, 2, {2, 3}, {3, 1}};
    const clf_tensor wide = {NULL, 0, CLF_DTYPE_FP32, 2, {2, 4}, {4, 1}};
    const clf_tensor deep = {NULL, 0, CLF_DTYPE_FP32, 3, {1, 2, 3}, {6, 3, 1}};
    const clf_tensor strided = {NULL, 7, CLF_DTYPE_FP32, 2, {2, 3}, {1, 2}};
    test_succeeds(clf_i_view_check_same("y", &strided, "x", &x));
    test_expect_status(clf_i_view_check_same("y", &half, "x", &x), CLF_ERR_PARAM_INVALID);
    test_expect_contains(clf_last_error(), "y has dtype fp16, accepted: fp32, the dtype of x");
    test_expect_status(clf_i_view_check_same("y", &wide, "x", &x), CLF_ERR_PARAM_INVALID);
    test_expect_contains(clf_last_error(), "y has shape [2, 4], accepted: [2, 3], the shape of x");
    test_expect_status(clf_i_view_check_same("y", &deep, "x", &x), CLF_ERR_PARAM_INVALID);
    test_expect_contains(clf_last_error(), "[1, 2, 3]");
}

static void test_shape_text_longest_values_fit(void **state) {
    (void)state;
    char text[CLF_I_SHAPE_TEXT];
    int64_t shape[CLF_MAX_RANK];
    for (int axis = 0; axis < CLF_MAX_RANK; axis++) {
        shape[axis] = INT64_MIN;
    }
    clf_i_shape_text(CLF_MAX_RANK, shape, text);
    assert_true(strlen(text) < sizeof text);
    assert_int_equal(text[strlen(text) - 1], ']');
    assert_string_equal(clf_i_shape_text(2, (const int64_t[]){3, -4}, text), "[3, -4]");
}

static void test_tensor_contiguous_is_dense_row_major(void **state) {
    (void)state;
    const int64_t shape[] = {2, 3, 4};
    const clf_tensor tensor = clf_tensor_contiguous(NULL, CLF_DTYPE_BF16, 3, shape);
    assert_int_equal(tensor.rank, 3);
    assert_int_equal(tensor.offset, 0);
    assert_int_equal(tensor.dtype, CLF_DTYPE_BF16);
    assert_memory_equal(tensor.shape, shape, sizeof shape);
    assert_memory_equal(tensor.strides, ((const int64_t[]){12, 4, 1}), 3 * sizeof(int64_t));
}

static void test_tensor_contiguous_bad_values_never_crash(void **state) {
    (void)state;
    const int64_t huge[] = {INT64_MAX, INT64_MAX, INT64_MIN, -1};
    static const int32_t ranks[] = {0, -1, 9, INT32_MAX, INT32_MIN};
    for (size_t i = 0; i < sizeof ranks / sizeof ranks[0]; i++) {
        const clf_tensor tensor = clf_tensor_contiguous(NULL, CLF_DTYPE_FP32, ranks[i], huge);
        test_expect_status(clf_i_view_check("t", &tensor, CLF_I_DTYPES_FLOAT),
                           CLF_ERR_PARAM_INVALID);
    }
    clf_tensor tensor = clf_tensor_contiguous(NULL, CLF_DTYPE_FP32, 4, huge);
    test_expect_status(clf_i_view_check("t", &tensor, CLF_I_DTYPES_FLOAT), CLF_ERR_PARAM_INVALID);
    tensor = clf_tensor_contiguous(NULL, CLF_DTYPE_FP32, 2, NULL);
    assert_int_equal(clf_i_view_check("t", &tensor, CLF_I_DTYPES_FLOAT) == CLF_SUCCESS,
                     tensor.shape[0] == 0);
}

static void test_dtype_sizes_and_names_are_known(void **state) {
    (void)state;
    static const struct {
        clf_dtype dtype;
        int number;
        size_t bits;
        const char *name;
    } table[] = {
        {CLF_DTYPE_FP32, 0, 32, "fp32"},      {CLF_DTYPE_FP16, 1, 16, "fp16"},
        {CLF_DTYPE_INT8, 2, 8, "int8"},       {CLF_DTYPE_INT32, 3, 32, "int32"},
        {CLF_DTYPE_UINT8, 4, 8, "uint8"},     {CLF_DTYPE_INT64, 9, 64, "int64"},
        {CLF_DTYPE_UINT64, 10, 64, "uint64"}, {CLF_DTYPE_BOOL, 12, 8, "bool"},
        {CLF_DTYPE_BF16, 27, 16, "bf16"},     {CLF_DTYPE_INT4, 29, 4, "int4"},
        {(clf_dtype)5, 5, 0, "unknown"},      {(clf_dtype)-3, -3, 0, "unknown"},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        assert_int_equal((int)table[i].dtype, table[i].number);
        assert_int_equal(clf_dtype_bits(table[i].dtype), table[i].bits);
        assert_int_equal(clf_dtype_size(table[i].dtype), table[i].bits / 8); /* int4: 0 */
        assert_string_equal(clf_dtype_name(table[i].dtype), table[i].name);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_view_bad_views_are_refused_with_reasons),
        cmocka_unit_test(test_view_null_is_refused_as_null),
        cmocka_unit_test(test_view_good_views_are_accepted),
        cmocka_unit_test(test_view_int4_rows_are_whole_bytes),
        cmocka_unit_test(test_view_wide_integers_count_their_bytes),
        cmocka_unit_test(test_view_new_types_are_refused_where_they_do_not_belong),
        cmocka_unit_test(test_view_extent_equals_brute_force),
        cmocka_unit_test(test_view_empty_has_no_extent),
        cmocka_unit_test(test_view_contiguity_ignores_axes_of_size_one),
        cmocka_unit_test(test_broadcast_axes_are_matched_from_the_last),
        cmocka_unit_test(test_same_differences_are_named),
        cmocka_unit_test(test_shape_text_longest_values_fit),
        cmocka_unit_test(test_tensor_contiguous_is_dense_row_major),
        cmocka_unit_test(test_tensor_contiguous_bad_values_never_crash),
        cmocka_unit_test(test_dtype_sizes_and_names_are_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
