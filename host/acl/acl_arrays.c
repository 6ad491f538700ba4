/* Scalars, arrays and lists: values copied behind a handle. */
#include "acl/acl_arrays.h"

#include <aclnn/aclnn_base.h>
#include <stdlib.h>
#include <string.h>

#include "acl/acl_failure.h"

aclnnStatus clf_i_acl_open(const char *function, const char *argument, const void *handle,
                           clf_i_acl_kind kind, void *out_object) {
    void *object = clf_i_acl_acquire(function, argument, handle, kind);
    memcpy(out_object, &object, sizeof object);
    if (object != NULL) {
        return ACLNN_SUCCESS;
    }
    return handle == NULL ? ACLNN_ERR_PARAM_NULLPTR : ACLNN_ERR_PARAM_INVALID;
}

aclnnStatus clf_i_acl_destroy(const char *function, const char *argument, const void *handle,
                              clf_i_acl_kind kind) {
    if (handle == NULL) {
        return ACLNN_SUCCESS;
    }
    void *object = clf_i_acl_withdraw(function, argument, handle, kind);
    clf_i_acl_release(object);
    return object != NULL ? ACLNN_SUCCESS : ACLNN_ERR_PARAM_INVALID;
}

static void clear_array(clf_i_acl_object *object) {
    free(((clf_i_acl_array *)object)->values);
}

/* A handle to a copy of `count` values of `width` bytes. */
static void *create_array(const char *function, clf_i_acl_kind kind, const void *values,
                          uint64_t count, size_t width, aclDataType dtype) {
    if (values == NULL && count > 0) {
        clf_i_acl_say("%s: value is NULL, accepted with a size of 0 only (it is %llu)", function,
                      (unsigned long long)count);
        return NULL;
    }
    clf_i_acl_array *array =
        clf_i_acl_object_create(function, kind, sizeof *array, NULL, clear_array);
    if (array == NULL) {
        return NULL;
    }
    array->count = count;
    array->dtype = dtype;
    if (count > 0) {
        array->values = count <= SIZE_MAX / width ? malloc((size_t)count * width) : NULL;
        if (array->values == NULL) {
            clf_i_acl_say("%s: out of host memory for %llu values", function,
                          (unsigned long long)count);
            clf_i_acl_release(array);
            return NULL;
        }
        memcpy(array->values, values, (size_t)count * width);
    }
    return clf_i_acl_object_publish(function, array);
}

static aclnnStatus get_size(const char *function, const void *handle, clf_i_acl_kind kind,
                            uint64_t *size) {
    if (size == NULL) {
        return clf_i_acl_fail(ACLNN_ERR_PARAM_NULLPTR, "%s: size is NULL", function);
    }
    clf_i_acl_array *array = NULL;
    const aclnnStatus status = clf_i_acl_open(function, "array", handle, kind, (void *)&array);
    if (status == ACLNN_SUCCESS) {
        *size = array->count;
        clf_i_acl_release(array);
    }
    return status;
}

/* ---- Scalars ---- */

aclScalar *aclCreateScalar(void *value, aclDataType dataType) {
    const size_t width = aclDataTypeSize(dataType);
    if (value == NULL || width == 0) {
        clf_i_acl_say("aclCreateScalar: %s", value == NULL
                                                 ? "value is NULL"
                                                 : "dataType is none of a whole number of bytes");
        return NULL;
    }
    return create_array("aclCreateScalar", CLF_I_ACL_SCALAR, value, 1, width, dataType);
}

aclnnStatus aclDestroyScalar(const aclScalar *scalar) {
    return clf_i_acl_destroy("aclDestroyScalar", "scalar", scalar, CLF_I_ACL_SCALAR);
}

/* ---- Arrays ---- */

aclIntArray *aclCreateIntArray(const int64_t *value, uint64_t size) {
    return create_array("aclCreateIntArray", CLF_I_ACL_INT_ARRAY, value, size, sizeof *value,
                        ACL_INT64);
}

aclnnStatus aclDestroyIntArray(const aclIntArray *array) {
    return clf_i_acl_destroy("aclDestroyIntArray", "array", array, CLF_I_ACL_INT_ARRAY);
}

aclnnStatus aclGetIntArraySize(const aclIntArray *array, uint64_t *size) {
    return get_size("aclGetIntArraySize", array, CLF_I_ACL_INT_ARRAY, size);
}

aclFloatArray *aclCreateFloatArray(const float *value, uint64_t size) {
    return create_array("aclCreateFloatArray", CLF_I_ACL_FLOAT_ARRAY, value, size, sizeof *value,
                        ACL_FLOAT);
}

aclnnStatus aclDestroyFloatArray(const aclFloatArray *array) {
    return clf_i_acl_destroy("aclDestroyFloatArray", "array", array, CLF_I_ACL_FLOAT_ARRAY);
}

aclnnStatus aclGetFloatArraySize(const aclFloatArray *array, uint64_t *size) {
    return get_size("aclGetFloatArraySize", array, CLF_I_ACL_FLOAT_ARRAY, size);
}

aclBoolArray *aclCreateBoolArray(const bool *value, uint64_t size) {
    return create_array("aclCreateBoolArray", CLF_I_ACL_BOOL_ARRAY, value, size, sizeof *value,
                        ACL_BOOL);
}

aclnnStatus aclDestroyBoolArray(const aclBoolArray *array) {
    return clf_i_acl_destroy("aclDestroyBoolArray", "array", array, CLF_I_ACL_BOOL_ARRAY);
}

aclnnStatus aclGetBoolArraySize(const aclBoolArray *array, uint64_t *size) {
    return get_size("aclGetBoolArraySize", array, CLF_I_ACL_BOOL_ARRAY, size);
}

/* ---- Lists of handles ---- */

/* Destroys the list and then its members; a member that is gone already is an error. */
static aclnnStatus destroy_list(const char *function, const void *handle, clf_i_acl_kind kind,
                                clf_i_acl_kind member_kind) {
    if (handle == NULL) {
        return ACLNN_SUCCESS;
    }
    clf_i_acl_array *list = clf_i_acl_withdraw(function, "array", handle, kind);
    if (list == NULL) {
        return ACLNN_ERR_PARAM_INVALID;
    }
    aclnnStatus status = ACLNN_SUCCESS;
    const void *const *members = list->values;
    for (uint64_t i = 0; i < list->count; ++i) {
        const aclnnStatus destroyed =
            clf_i_acl_destroy(function, "a member of the list", members[i], member_kind);
        status = status == ACLNN_SUCCESS ? destroyed : status;
    }
    clf_i_acl_release(list);
    return status;
}

aclTensorList *aclCreateTensorList(const aclTensor *const *value, uint64_t size) {
    return create_array("aclCreateTensorList", CLF_I_ACL_TENSOR_LIST, value, size, sizeof *value,
                        ACL_DT_UNDEFINED);
}

aclnnStatus aclDestroyTensorList(const aclTensorList *array) {
    return destroy_list("aclDestroyTensorList", array, CLF_I_ACL_TENSOR_LIST, CLF_I_ACL_TENSOR);
}

aclnnStatus aclGetTensorListSize(const aclTensorList *tensorList, uint64_t *size) {
    return get_size("aclGetTensorListSize", tensorList, CLF_I_ACL_TENSOR_LIST, size);
}

aclScalarList *aclCreateScalarList(const aclScalar *const *value, uint64_t size) {
    return create_array("aclCreateScalarList", CLF_I_ACL_SCALAR_LIST, value, size, sizeof *value,
                        ACL_DT_UNDEFINED);
}

aclnnStatus aclDestroyScalarList(const aclScalarList *array) {
    return destroy_list("aclDestroyScalarList", array, CLF_I_ACL_SCALAR_LIST, CLF_I_ACL_SCALAR);
}

aclnnStatus aclGetScalarListSize(const aclScalarList *scalarList, uint64_t *size) {
    return get_size("aclGetScalarListSize", scalarList, CLF_I_ACL_SCALAR_LIST, size);
}
