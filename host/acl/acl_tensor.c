/* aclTensor: a view's description. */
#include <aclnn/aclnn_base.h>
#include <stdlib.h>
#include <string.h>

#include "acl/acl_arrays.h"
#include "acl/acl_failure.h"
#include "acl/acl_objects.h"

/* What a tensor is made from. */
typedef struct description {
    const int64_t *shape;
    uint64_t rank;
    aclDataType dtype;
    const int64_t *strides;
    int64_t offset;
    aclFormat format;
    const int64_t *storage_shape;
    uint64_t storage_rank;
    void *address;
} description;

static int check_dims(const char *function, const char *argument, const int64_t *dims,
                      uint64_t count) {
    if (count > CLF_MAX_RANK) {
        return clf_i_acl_fail(ACLNN_ERR_PARAM_INVALID, "%s: %sNum is %llu, accepted: 0 to %d",
                              function, argument, (unsigned long long)count, CLF_MAX_RANK);
    }
    if (count > 0 && dims == NULL) {
        return clf_i_acl_fail(ACLNN_ERR_PARAM_NULLPTR,
                              "%s: %s is NULL with %sNum %llu, accepted: NULL with 0 only",
                              function, argument, argument, (unsigned long long)count);
    }
    for (uint64_t i = 0; i < count; ++i) {
        if (dims[i] < 0) {
            return clf_i_acl_fail(ACLNN_ERR_PARAM_INVALID,
                                  "%s: %s[%llu] is %lld, accepted: 0 and more", function, argument,
                                  (unsigned long long)i, (long long)dims[i]);
        }
    }
    return ACLNN_SUCCESS;
}

/* The strides of a dense tensor; sizes of 0 count as 1. False if one exceeds 64 bits. */
static bool set_dense_strides(clf_i_acl_tensor *tensor) {
    int64_t stride = 1;
    for (int32_t i = tensor->rank - 1; i >= 0; --i) {
        tensor->strides[i] = stride;
        if (tensor->shape[i] > 1 && __builtin_mul_overflow(stride, tensor->shape[i], &stride)) {
            return false;
        }
    }
    return true;
}

static int describe(const char *function, clf_i_acl_tensor *tensor, const description *given) {
    int status = check_dims(function, "viewDims", given->shape, given->rank);
    if (status == ACLNN_SUCCESS) {
        status = check_dims(function, "storageDims", given->storage_shape, given->storage_rank);
    }
    if (status != ACLNN_SUCCESS) {
        return status;
    }
    tensor->rank = (int32_t)given->rank;
    tensor->storage_rank = (int32_t)given->storage_rank;
    memset(tensor->shape, 0, sizeof tensor->shape);
    memset(tensor->strides, 0, sizeof tensor->strides);
    memset(tensor->storage_shape, 0, sizeof tensor->storage_shape);
    for (int32_t i = 0; i < tensor->rank; ++i) {
        tensor->shape[i] = given->shape[i];
        tensor->strides[i] = given->strides != NULL ? given->strides[i] : 0;
    }
    for (int32_t i = 0; i < tensor->storage_rank; ++i) {
        tensor->storage_shape[i] = given->storage_shape[i];
    }
    if (given->strides == NULL && !set_dense_strides(tensor)) {
        return clf_i_acl_fail(ACLNN_ERR_PARAM_INVALID, "%s: viewDims have more than 2^63 elements",
                              function);
    }
    tensor->dtype = given->dtype;
    tensor->format = given->format;
    tensor->offset = given->offset;
    tensor->address = given->address;
    return ACLNN_SUCCESS;
}

aclTensor *aclCreateTensor(const int64_t *viewDims, uint64_t viewDimsNum, aclDataType dataType,
                           const int64_t *stride, int64_t offset, aclFormat format,
                           const int64_t *storageDims, uint64_t storageDimsNum, void *tensorData) {
    const description given = {viewDims, viewDimsNum, dataType,       stride,    offset,
                               format,   storageDims, storageDimsNum, tensorData};
    clf_i_acl_tensor *tensor =
        clf_i_acl_object_create("aclCreateTensor", CLF_I_ACL_TENSOR, sizeof *tensor, NULL, NULL);
    if (tensor == NULL) {
        return NULL;
    }
    if (describe("aclCreateTensor", tensor, &given) != ACLNN_SUCCESS) {
        clf_i_acl_release(tensor);
        return NULL;
    }
    return clf_i_acl_object_publish("aclCreateTensor", tensor);
}

aclnnStatus aclInitTensor(aclTensor *tensor, const int64_t *viewDims, uint64_t viewDimsNum,
                          aclDataType dataType, const int64_t *stride, int64_t offset,
                          aclFormat format, const int64_t *storageDims, uint64_t storageDimsNum,
                          void *tensorDataAddr) {
    const description given = {viewDims, viewDimsNum, dataType,       stride,        offset,
                               format,   storageDims, storageDimsNum, tensorDataAddr};
    clf_i_acl_tensor *object = NULL;
    int status =
        clf_i_acl_open("aclInitTensor", "tensor", tensor, CLF_I_ACL_TENSOR, (void *)&object);
    if (status == ACLNN_SUCCESS) {
        status = describe("aclInitTensor", object, &given);
        clf_i_acl_release(object);
    }
    return status;
}

aclnnStatus aclDestroyTensor(const aclTensor *tensor) {
    return clf_i_acl_destroy("aclDestroyTensor", "tensor", tensor, CLF_I_ACL_TENSOR);
}

/* ---- What a tensor is ---- */

static aclnnStatus open_for(const char *function, const aclTensor *tensor, const void *out,
                            clf_i_acl_tensor **out_object) {
    if (out == NULL) {
        return clf_i_acl_fail(ACLNN_ERR_PARAM_NULLPTR, "%s: the result's pointer is NULL",
                              function);
    }
    return clf_i_acl_open(function, "tensor", tensor, CLF_I_ACL_TENSOR, (void *)out_object);
}

/* Programs release arrays with delete[]: in a process that has C++'s operator, they come from it. */
extern void *_Znam(size_t size) __attribute__((weak));

static aclnnStatus give_array(const char *function, const int64_t *values, int32_t count,
                              int64_t **out_values, uint64_t *out_count) {
    const size_t size = (size_t)(count > 0 ? count : 1) * sizeof *values;
    int64_t *copied = _Znam != NULL ? _Znam(size) : malloc(size);
    if (copied == NULL) {
        return clf_i_acl_fail(ACLNN_ERR_INNER, "%s: out of host memory", function);
    }
    memcpy(copied, values, (size_t)count * sizeof *values);
    *out_values = copied;
    *out_count = (uint64_t)count;
    return ACLNN_SUCCESS;
}

typedef enum dims_wanted { VIEW_SHAPE, VIEW_STRIDES, STORAGE_SHAPE } dims_wanted;

static aclnnStatus get_dims(const char *function, const aclTensor *tensor, dims_wanted wanted,
                            int64_t **out_values, uint64_t *out_count) {
    clf_i_acl_tensor *object = NULL;
    aclnnStatus status =
        open_for(function, tensor, out_count != NULL ? (void *)out_values : NULL, &object);
    if (status != ACLNN_SUCCESS) {
        return status;
    }
    const int64_t *values = wanted == VIEW_SHAPE     ? object->shape
                            : wanted == VIEW_STRIDES ? object->strides
                                                     : object->storage_shape;
    const int32_t count = wanted == STORAGE_SHAPE ? object->storage_rank : object->rank;
    status = give_array(function, values, count, out_values, out_count);
    clf_i_acl_release(object);
    return status;
}

aclnnStatus aclGetViewShape(const aclTensor *tensor, int64_t **viewDims, uint64_t *viewDimsNum) {
    return get_dims("aclGetViewShape", tensor, VIEW_SHAPE, viewDims, viewDimsNum);
}

aclnnStatus aclGetViewStrides(const aclTensor *tensor, int64_t **stridesValue,
                              uint64_t *stridesNum) {
    return get_dims("aclGetViewStrides", tensor, VIEW_STRIDES, stridesValue, stridesNum);
}

aclnnStatus aclGetStorageShape(const aclTensor *tensor, int64_t **storageDims,
                               uint64_t *storageDimsNum) {
    return get_dims("aclGetStorageShape", tensor, STORAGE_SHAPE, storageDims, storageDimsNum);
}

aclnnStatus aclGetViewOffset(const aclTensor *tensor, int64_t *offset) {
    clf_i_acl_tensor *object = NULL;
    const aclnnStatus status = open_for("aclGetViewOffset", tensor, offset, &object);
    if (status == ACLNN_SUCCESS) {
        *offset = object->offset;
        clf_i_acl_release(object);
    }
    return status;
}

aclnnStatus aclGetFormat(const aclTensor *tensor, aclFormat *format) {
    clf_i_acl_tensor *object = NULL;
    const aclnnStatus status = open_for("aclGetFormat", tensor, format, &object);
    if (status == ACLNN_SUCCESS) {
        *format = object->format;
        clf_i_acl_release(object);
    }
    return status;
}

aclnnStatus aclGetDataType(const aclTensor *tensor, aclDataType *dataType) {
    clf_i_acl_tensor *object = NULL;
    const aclnnStatus status = open_for("aclGetDataType", tensor, dataType, &object);
    if (status == ACLNN_SUCCESS) {
        *dataType = object->dtype;
        clf_i_acl_release(object);
    }
    return status;
}

aclnnStatus aclGetRawTensorAddr(const aclTensor *tensor, void **addr) {
    clf_i_acl_tensor *object = NULL;
    const aclnnStatus status = open_for("aclGetRawTensorAddr", tensor, (void *)addr, &object);
    if (status == ACLNN_SUCCESS) {
        *addr = object->address;
        clf_i_acl_release(object);
    }
    return status;
}

aclnnStatus aclSetRawTensorAddr(aclTensor *tensor, void *addr) {
    clf_i_acl_tensor *object = NULL;
    const aclnnStatus status =
        clf_i_acl_open("aclSetRawTensorAddr", "tensor", tensor, CLF_I_ACL_TENSOR, (void *)&object);
    if (status == ACLNN_SUCCESS) {
        object->address = addr;
        clf_i_acl_release(object);
    }
    return status;
}
