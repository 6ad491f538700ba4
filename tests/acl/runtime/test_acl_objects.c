/* Tensors, scalars, arrays, lists and fp16 numbers: all that works without a device. */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "acl_test.h"

/* C++'s delete[], where the process has it: what programs release the arrays with. */
extern void _ZdaPv(void *array) __attribute__((weak));

static void release_array(int64_t *values) {
    if (_ZdaPv != NULL) {
        _ZdaPv(values);
    } else {
        free(values);
    }
}

static void test_tensor_gives_back_what_it_was_made_from(void **state) {
    (void)state;
    int64_t shape[3] = {2, 3, 4};
    int64_t strides[3] = {24, 1, -3};
    int64_t storage[2] = {6, 8};
    int data = 0;
    aclTensor *tensor =
        aclCreateTensor(shape, 3, ACL_BF16, strides, 7, ACL_FORMAT_NCL, storage, 2, &data);
    assert_non_null(tensor);
    memset(shape, 0xff, sizeof shape); /* it has copied them */
    memset(strides, 0xff, sizeof strides);
    memset(storage, 0xff, sizeof storage);

    int64_t *values = NULL;
    uint64_t count = 0;
    acl_succeeds(aclGetViewShape(tensor, &values, &count));
    assert_int_equal(count, 3);
    assert_true(values[0] == 2 && values[1] == 3 && values[2] == 4);
    release_array(values);
    acl_succeeds(aclGetViewStrides(tensor, &values, &count));
    assert_int_equal(count, 3);
    assert_true(values[0] == 24 && values[1] == 1 && values[2] == -3);
    release_array(values);
    acl_succeeds(aclGetStorageShape(tensor, &values, &count));
    assert_int_equal(count, 2);
    assert_true(values[0] == 6 && values[1] == 8);
    release_array(values);

    int64_t offset = 0;
    aclFormat format = ACL_FORMAT_ND;
    aclDataType dtype = ACL_FLOAT;
    void *address = NULL;
    acl_succeeds(aclGetViewOffset(tensor, &offset));
    acl_succeeds(aclGetFormat(tensor, &format));
    acl_succeeds(aclGetDataType(tensor, &dtype));
    acl_succeeds(aclGetRawTensorAddr(tensor, &address));
    assert_int_equal(offset, 7);
    assert_int_equal(format, ACL_FORMAT_NCL);
    assert_int_equal(dtype, ACL_BF16);
    assert_ptr_equal(address, &data);
    acl_succeeds(aclSetRawTensorAddr(tensor, NULL));
    acl_succeeds(aclGetRawTensorAddr(tensor, &address));
    assert_null(address);

    const int64_t other[1] = {5};
    acl_succeeds(
        aclInitTensor(tensor, other, 1, ACL_INT8, NULL, 0, ACL_FORMAT_ND, other, 1, &data));
    acl_succeeds(aclGetViewStrides(tensor, &values, &count));
    assert_true(count == 1 && values[0] == 1);
    release_array(values);
    acl_succeeds(aclDestroyTensor(tensor));
}

static void test_tensor_without_strides_is_dense(void **state) {
    (void)state;
    const int64_t shape[4] = {2, 1, 3, 5};
    aclTensor *tensor = aclCreateTensor(shape, 4, ACL_FLOAT, NULL, 0, ACL_FORMAT_ND, NULL, 0, NULL);
    int64_t *strides = NULL;
    uint64_t count = 0;
    acl_succeeds(aclGetViewStrides(tensor, &strides, &count));
    assert_true(strides[0] == 15 && strides[1] == 15 && strides[2] == 5 && strides[3] == 1);
    release_array(strides);
    acl_succeeds(aclDestroyTensor(tensor));
}

static aclTensor *tensor_of(const int64_t *shape, uint64_t rank, uint64_t storage_rank) {
    return aclCreateTensor(shape, rank, ACL_FLOAT, NULL, 0, ACL_FORMAT_ND, shape, storage_rank,
                           NULL);
}

static void test_tensors_that_cannot_be_are_null_with_a_sentence(void **state) {
    (void)state;
    const int64_t nine[9] = {1, 1, 1, 1, 1, 1, 1, 1, 1};
    const int64_t negative[2] = {2, -1};
    const int64_t huge[3] = {INT64_MAX / 2, 3, 2};
    const struct {
        const int64_t *shape;
        uint64_t rank, storage_rank;
        const char *part;
    } cases[] = {
        {nine, 9, 0, "viewDimsNum is 9, accepted: 0 to 8"},
        {nine, 2, 9, "storageDimsNum is 9"},
        {negative, 2, 0, "viewDims[1] is -1, accepted: 0 and more"},
        {NULL, 2, 0, "viewDims is NULL with viewDimsNum 2"},
        {huge, 3, 0, "more than 2^63"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; ++i) {
        assert_null(tensor_of(cases[i].shape, cases[i].rank, cases[i].storage_rank));
        assert_non_null(strstr(aclGetRecentErrMsg(), cases[i].part));
    }
    aclTensor *scalar = tensor_of(NULL, 0, 0); /* no axes: one element */
    assert_non_null(scalar);
    acl_succeeds(aclDestroyTensor(scalar));
}

static void test_handles_are_told_apart(void **state) {
    (void)state;
    const int64_t value = 3;
    char foreign[64] = {0};
    int64_t offset = 0;
    uint64_t size = 0;
    aclTensor *tensor = tensor_of(&value, 1, 1);
    aclIntArray *array = aclCreateIntArray(&value, 1);

    acl_fails(aclGetViewOffset(NULL, &offset), ACLNN_ERR_PARAM_NULLPTR,
              "aclGetViewOffset: tensor is NULL, an aclTensor is required");
    acl_fails(aclGetViewOffset((aclTensor *)(void *)foreign, &offset), ACLNN_ERR_PARAM_INVALID,
              "is not a handle of this library");
    acl_fails(aclGetViewOffset((aclTensor *)(void *)array, &offset), ACLNN_ERR_PARAM_INVALID,
              "tensor is an aclIntArray, an aclTensor is required");
    acl_fails(aclGetViewOffset(tensor, NULL), ACLNN_ERR_PARAM_NULLPTR, "pointer is NULL");
    acl_fails(aclDestroyTensor((aclTensor *)(void *)array), ACLNN_ERR_PARAM_INVALID,
              "is an aclIntArray");
    acl_fails(aclDestroyTensor((aclTensor *)(void *)foreign), ACLNN_ERR_PARAM_INVALID,
              "not a handle");
    acl_succeeds(aclDestroyTensor(NULL));
    acl_succeeds(aclDestroyTensor(tensor));
    acl_fails(aclDestroyTensor(tensor), ACLNN_ERR_PARAM_INVALID,
              "tensor is an aclTensor that was destroyed");
    acl_fails(aclGetViewOffset(tensor, &offset), ACLNN_ERR_PARAM_INVALID, "was destroyed");
    aclTensor *next = tensor_of(&value, 1, 1); /* no handle is given twice */
    assert_ptr_not_equal(next, tensor);
    acl_fails(aclDestroyTensor(tensor), ACLNN_ERR_PARAM_INVALID, "was destroyed");
    acl_succeeds(aclDestroyTensor(next));
    acl_succeeds(aclGetIntArraySize(array, &size));
    assert_int_equal(size, 1);
    acl_succeeds(aclDestroyIntArray(array));
    acl_fails(aclDestroyIntArray(array), ACLNN_ERR_PARAM_INVALID, "was destroyed");
}

static void test_arrays_scalars_and_lists_count_their_values(void **state) {
    (void)state;
    const int64_t integers[3] = {1, 2, 3};
    const float floats[2] = {0.5f, 2};
    const bool bools[4] = {true, false, true, true};
    float number = 4;
    uint64_t size = 9;

    aclIntArray *ints = aclCreateIntArray(integers, 3);
    aclFloatArray *reals = aclCreateFloatArray(floats, 2);
    aclBoolArray *flags = aclCreateBoolArray(bools, 4);
    aclIntArray *none = aclCreateIntArray(NULL, 0);
    acl_succeeds(aclGetIntArraySize(ints, &size));
    assert_int_equal(size, 3);
    acl_succeeds(aclGetFloatArraySize(reals, &size));
    assert_int_equal(size, 2);
    acl_succeeds(aclGetBoolArraySize(flags, &size));
    assert_int_equal(size, 4);
    acl_succeeds(aclGetIntArraySize(none, &size));
    assert_int_equal(size, 0);
    assert_null(aclCreateIntArray(NULL, 2));
    assert_non_null(strstr(aclGetRecentErrMsg(), "value is NULL"));
    acl_succeeds(aclDestroyIntArray(ints));
    acl_succeeds(aclDestroyIntArray(none));
    acl_succeeds(aclDestroyFloatArray(reals));
    acl_succeeds(aclDestroyBoolArray(flags));

    const aclTensor *tensors[2] = {tensor_of(integers, 1, 1), tensor_of(integers, 2, 2)};
    const aclScalar *scalars[1] = {aclCreateScalar(&number, ACL_FLOAT)};
    assert_non_null(scalars[0]);
    assert_null(aclCreateScalar(&number, ACL_INT4));
    aclTensorList *list = aclCreateTensorList(tensors, 2);
    aclScalarList *scalar_list = aclCreateScalarList(scalars, 1);
    acl_succeeds(aclGetTensorListSize(list, &size));
    assert_int_equal(size, 2);
    acl_succeeds(aclGetScalarListSize(scalar_list, &size));
    assert_int_equal(size, 1);
    acl_succeeds(aclDestroyTensorList(list)); /* and the tensors */
    acl_succeeds(aclDestroyScalarList(scalar_list));
    acl_fails(aclDestroyTensor(tensors[0]), ACLNN_ERR_PARAM_INVALID, "was destroyed");
    acl_fails(aclDestroyScalar(scalars[0]), ACLNN_ERR_PARAM_INVALID, "was destroyed");
}

static void test_many_objects_are_found_again(void **state) {
    (void)state;
    enum { COUNT = 5000 };
    aclIntArray **arrays = calloc(COUNT, sizeof(aclIntArray *));
    const int64_t value = 1;
    for (uint64_t i = 0; i < COUNT; ++i) {
        arrays[i] = aclCreateIntArray(&value, i % 2);
        assert_non_null(arrays[i]);
    }
    for (size_t i = 0; i < COUNT; i += 3) {
        acl_succeeds(aclDestroyIntArray(arrays[i]));
    }
    for (size_t i = 0; i < COUNT; ++i) {
        uint64_t size = 9;
        if (i % 3 == 0) {
            acl_fails(aclGetIntArraySize(arrays[i], &size), ACLNN_ERR_PARAM_INVALID, "destroyed");
        } else {
            acl_succeeds(aclGetIntArraySize(arrays[i], &size));
            assert_int_equal(size, i % 2);
            acl_succeeds(aclDestroyIntArray(arrays[i]));
        }
    }
    free(arrays);
}

static void test_messages_are_taken_once(void **state) {
    (void)state;
    acl_fails(aclDestroyTensor((aclTensor *)(void *)&state), ACLNN_ERR_PARAM_INVALID, "tensor");
    assert_string_equal(aclGetRecentErrMsg(), "");
    assert_string_equal(aclGetRecentErrMsg(), "");
}

/* Of a finite fp16 number, from its definition. */
static double value_of_half(unsigned bits) {
    const int exponent = (int)(bits >> 10 & 31);
    const int fraction = (int)(bits & 1023);
    const double magnitude =
        exponent == 0 ? ldexp(fraction, -24) : ldexp(1024 + fraction, exponent - 25);
    return (bits & 0x8000) != 0 ? -magnitude : magnitude;
}

static void test_fp16_numbers_of_all_kinds_are_converted(void **state) {
    (void)state;
    for (unsigned bits = 0; bits < 0x10000; ++bits) {
        const float value = aclFloat16ToFloat((aclFloat16)bits);
        if ((bits & 0x7c00) == 0x7c00) {
            assert_true((bits & 1023) != 0 ? isnan(value) : isinf(value));
            assert_int_equal(signbit(value) != 0, bits >> 15);
        } else {
            assert_true(value == (float)value_of_half(bits));
        }
        const aclFloat16 back = aclFloatToFloat16(value);
        assert_true(isnan(value) ? (back & 0x7c00) == 0x7c00 && (back & 1023) != 0 : back == bits);
    }
    assert_int_equal(aclFloatToFloat16(NAN) & 0x7fff, 0x7e00);
    assert_int_equal(aclFloatToFloat16(65519.996f), 0x7bff);
    assert_int_equal(aclFloatToFloat16(65520), 0x7c00); /* halfway to 65536 */
    assert_int_equal(aclFloatToFloat16(FLT_MAX), 0x7c00);
    assert_int_equal(aclFloatToFloat16(-INFINITY), 0xfc00);
    assert_int_equal(aclFloatToFloat16(0x1p-25f), 0); /* halfway: to even */
    assert_int_equal(aclFloatToFloat16(nextafterf(0x1p-25f, 1)), 1);
    assert_int_equal(aclFloatToFloat16(FLT_MIN), 0);
    assert_int_equal(aclFloatToFloat16(-0.0f), 0x8000);
}

/* Between each two neighbours: below, at and above the middle. */
static void test_fp16_numbers_are_rounded_to_nearest_even(void **state) {
    (void)state;
    for (unsigned bits = 0; bits < 0x7bff; ++bits) {
        const float middle = (float)((value_of_half(bits) + value_of_half(bits + 1)) / 2);
        assert_int_equal(aclFloatToFloat16(nextafterf(middle, 0)), bits);
        assert_int_equal(aclFloatToFloat16(middle), bits % 2 == 0 ? bits : bits + 1);
        assert_int_equal(aclFloatToFloat16(nextafterf(middle, INFINITY)), bits + 1);
    }
}

static void test_data_types_have_sizes(void **state) {
    (void)state;
    const struct {
        aclDataType dtype;
        size_t size;
    } cases[] = {
        {ACL_FLOAT, 4},        {ACL_FLOAT16, 2},    {ACL_INT8, 1},       {ACL_INT32, 4},
        {ACL_UINT8, 1},        {ACL_INT16, 2},      {ACL_UINT16, 2},     {ACL_UINT32, 4},
        {ACL_INT64, 8},        {ACL_UINT64, 8},     {ACL_DOUBLE, 8},     {ACL_BOOL, 1},
        {ACL_STRING, 0},       {ACL_COMPLEX64, 8},  {ACL_BF16, 2},       {ACL_COMPLEX128, 16},
        {ACL_INT4, 0},         {ACL_UINT1, 0},      {ACL_HIFLOAT8, 1},   {ACL_COMPLEX32, 4},
        {ACL_DT_UNDEFINED, 0}, {(aclDataType)5, 0}, {(aclDataType)99, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; ++i) {
        assert_int_equal(aclDataTypeSize(cases[i].dtype), cases[i].size);
    }
}

static int nothing_is_left(void **state) {
    (void)state;
    assert_int_equal(clf_acl_num_live_objects(), 0);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_tensor_gives_back_what_it_was_made_from, nothing_is_left),
        cmocka_unit_test_teardown(test_tensor_without_strides_is_dense, nothing_is_left),
        cmocka_unit_test_teardown(test_tensors_that_cannot_be_are_null_with_a_sentence,
                                  nothing_is_left),
        cmocka_unit_test_teardown(test_handles_are_told_apart, nothing_is_left),
        cmocka_unit_test_teardown(test_arrays_scalars_and_lists_count_their_values,
                                  nothing_is_left),
        cmocka_unit_test_teardown(test_many_objects_are_found_again, nothing_is_left),
        cmocka_unit_test(test_messages_are_taken_once),
        cmocka_unit_test(test_fp16_numbers_of_all_kinds_are_converted),
        cmocka_unit_test(test_fp16_numbers_are_rounded_to_nearest_even),
        cmocka_unit_test(test_data_types_have_sizes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
