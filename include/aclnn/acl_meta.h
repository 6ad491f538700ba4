/*
 * Tensors, scalars, arrays and lists for the aclnn functions, and their executors.
 *
 * What is made here describes; it owns no device memory. The create functions copy what they are
 * given and return NULL on an error, with a sentence in aclGetRecentErrMsg; all work before aclInit
 * and after aclFinalize. The destroy functions take NULL as a success. A first phase copies what it
 * is given, so all of it may be destroyed as soon as that has returned.
 */
#ifndef CLFORMER_ACLNN_ACL_META_H
#define CLFORMER_ACLNN_ACL_META_H

#include <acl/acl_base.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct aclTensor aclTensor;
typedef struct aclScalar aclScalar;
typedef struct aclIntArray aclIntArray;
typedef struct aclFloatArray aclFloatArray;
typedef struct aclBoolArray aclBoolArray;
typedef struct aclTensorList aclTensorList;
typedef struct aclScalarList aclScalarList;
typedef struct aclOpExecutor aclOpExecutor;

typedef int32_t aclnnStatus;

#ifdef __cplusplus
static const aclnnStatus OK = 0;
#endif

/* ---- Tensors ---- */

/*
 * A view of at most 8 axes. Strides and offset count elements; stride NULL: dense row-major. The
 * element with indices i lies offset + sum of i[d] * stride[d] elements after tensorData, which is
 * an address from aclrtMalloc or one inside such an allocation; what lies beyond the view does not
 * matter. NULL as tensorData: it can be planned with, and must be given by aclSetTensorAddr before
 * the operator runs. The storage's dims are kept for aclGetStorageShape and not looked at.
 */
CLF_ACL_API aclTensor *aclCreateTensor(const int64_t *viewDims, uint64_t viewDimsNum,
                                       aclDataType dataType, const int64_t *stride, int64_t offset,
                                       aclFormat format, const int64_t *storageDims,
                                       uint64_t storageDimsNum, void *tensorData);
CLF_ACL_API aclnnStatus aclDestroyTensor(const aclTensor *tensor);
/* Describes an existing tensor anew, as aclCreateTensor does. */
CLF_ACL_API aclnnStatus aclInitTensor(aclTensor *tensor, const int64_t *viewDims,
                                      uint64_t viewDimsNum, aclDataType dataType,
                                      const int64_t *stride, int64_t offset, aclFormat format,
                                      const int64_t *storageDims, uint64_t storageDimsNum,
                                      void *tensorDataAddr);

/* The arrays are the caller's to release: delete[] in C++, free() in C. */
CLF_ACL_API aclnnStatus aclGetViewShape(const aclTensor *tensor, int64_t **viewDims,
                                        uint64_t *viewDimsNum);
CLF_ACL_API aclnnStatus aclGetStorageShape(const aclTensor *tensor, int64_t **storageDims,
                                           uint64_t *storageDimsNum);
CLF_ACL_API aclnnStatus aclGetViewStrides(const aclTensor *tensor, int64_t **stridesValue,
                                          uint64_t *stridesNum);
CLF_ACL_API aclnnStatus aclGetViewOffset(const aclTensor *tensor, int64_t *offset);
CLF_ACL_API aclnnStatus aclGetFormat(const aclTensor *tensor, aclFormat *format);
CLF_ACL_API aclnnStatus aclGetDataType(const aclTensor *tensor, aclDataType *dataType);
CLF_ACL_API aclnnStatus aclGetRawTensorAddr(const aclTensor *tensor, void **addr);
/* Counts for later first phases. */
CLF_ACL_API aclnnStatus aclSetRawTensorAddr(aclTensor *tensor, void *addr);

/* ---- Scalars, arrays, lists ---- */

CLF_ACL_API aclScalar *aclCreateScalar(void *value, aclDataType dataType);
CLF_ACL_API aclnnStatus aclDestroyScalar(const aclScalar *scalar);

CLF_ACL_API aclIntArray *aclCreateIntArray(const int64_t *value, uint64_t size);
CLF_ACL_API aclnnStatus aclDestroyIntArray(const aclIntArray *array);
CLF_ACL_API aclnnStatus aclGetIntArraySize(const aclIntArray *array, uint64_t *size);

CLF_ACL_API aclFloatArray *aclCreateFloatArray(const float *value, uint64_t size);
CLF_ACL_API aclnnStatus aclDestroyFloatArray(const aclFloatArray *array);
CLF_ACL_API aclnnStatus aclGetFloatArraySize(const aclFloatArray *array, uint64_t *size);

CLF_ACL_API aclBoolArray *aclCreateBoolArray(const bool *value, uint64_t size);
CLF_ACL_API aclnnStatus aclDestroyBoolArray(const aclBoolArray *array);
CLF_ACL_API aclnnStatus aclGetBoolArraySize(const aclBoolArray *array, uint64_t *size);

/* A list owns its members: destroying it destroys them. */
CLF_ACL_API aclTensorList *aclCreateTensorList(const aclTensor *const *value, uint64_t size);
CLF_ACL_API aclnnStatus aclDestroyTensorList(const aclTensorList *array);
CLF_ACL_API aclnnStatus aclGetTensorListSize(const aclTensorList *tensorList, uint64_t *size);

CLF_ACL_API aclScalarList *aclCreateScalarList(const aclScalar *const *value, uint64_t size);
CLF_ACL_API aclnnStatus aclDestroyScalarList(const aclScalarList *array);
CLF_ACL_API aclnnStatus aclGetScalarListSize(const aclScalarList *scalarList, uint64_t *size);

/* ---- Executors ---- */

/*
 * A first phase makes an executor; the second runs it once and destroys it, unless it was made
 * repeatable: then it runs any number of times, by one thread at a time, until
 * aclDestroyAclOpExecutor. An executor that never runs is destroyed by that function too, or with
 * its device.
 */
CLF_ACL_API aclnnStatus aclSetAclOpExecutorRepeatable(aclOpExecutor *executor);
CLF_ACL_API aclnnStatus aclDestroyAclOpExecutor(aclOpExecutor *executor);

/*
 * Give a tensor of the executor's first phase another place for its later runs; shape, strides and
 * offset stay. The tensor is found by its handle; if that was destroyed since, by `index`, its place
 * among the tensors that were given (not NULL): of the inputs, of the outputs, or of both, inputs
 * first.
 */
CLF_ACL_API aclnnStatus aclSetInputTensorAddr(aclOpExecutor *executor, size_t index,
                                              aclTensor *tensor, void *addr);
CLF_ACL_API aclnnStatus aclSetOutputTensorAddr(aclOpExecutor *executor, size_t index,
                                               aclTensor *tensor, void *addr);
CLF_ACL_API aclnnStatus aclSetTensorAddr(aclOpExecutor *executor, size_t index, aclTensor *tensor,
                                         void *addr);
/* Spelling of older releases. */
#define AclSetInputTensorAddr  aclSetInputTensorAddr
#define AclSetOutputTensorAddr aclSetOutputTensorAddr
#define AclSetTensorAddr       aclSetTensorAddr

#ifdef __cplusplus
}
#endif

#endif
