/* Tensors: strided views of OpenCL buffers. */
#ifndef CLFORMER_TENSOR_H
#define CLFORMER_TENSOR_H

#include <stddef.h>
#include <stdint.h>

#ifndef CL_TARGET_OPENCL_VERSION
#define CL_TARGET_OPENCL_VERSION 120
#endif
#include <CL/cl.h>

#include <clformer/export.h>

#ifdef __cplusplus
extern "C" {
#endif

#define CLF_MAX_RANK 8

/* Element types, numbered as CANN's aclDataType. */
typedef enum clf_dtype {
    CLF_DTYPE_FP32 = 0, /* IEEE 754 binary32 */
    CLF_DTYPE_FP16 = 1, /* IEEE 754 binary16 */
    CLF_DTYPE_INT8 = 2,
    CLF_DTYPE_INT32 = 3,
    CLF_DTYPE_UINT8 = 4, /* as a mask: any nonzero value is true */
    CLF_DTYPE_INT64 = 9,
    CLF_DTYPE_UINT64 = 10,
    CLF_DTYPE_BOOL = 12, /* one byte, any nonzero value is true */
    CLF_DTYPE_BF16 = 27, /* bfloat16: the upper half of a binary32 */
    CLF_DTYPE_INT4 = 29  /* -8..7, two per byte, see below */
} clf_dtype;

/*
 * A view of `shape` into `buffer`. The element with indices i[0..rank-1] lies
 *     offset + sum over d of i[d] * strides[d]
 * elements after the buffer's start. Strides may be zero (inputs only) or negative; no element may
 * lie outside the buffer. A size of 0 makes the tensor empty.
 *
 * int4: element 2i of a buffer is in the lower four bits of byte i, element 2i + 1 in the upper
 * four. Rows are whole bytes: the last axis has an even size and stride 1; the offset and the other
 * strides are even (that of an axis of size 1 does not count).
 *
 * The struct and its arrays are copied when a plan is made. The plan retains the buffer
 * (clRetainMemObject), so the caller may release it once the plan exists. A NULL buffer leaves the
 * plan's slot unbound: everything can be planned and described, and clf_plan_bind must supply the
 * buffer before the plan is enqueued.
 */
typedef struct clf_tensor {
    cl_mem buffer;
    size_t offset; /* in elements */
    clf_dtype dtype;
    int32_t rank; /* 1..CLF_MAX_RANK */
    int64_t shape[CLF_MAX_RANK];
    int64_t strides[CLF_MAX_RANK]; /* in elements */
} clf_tensor;

/*
 * A dense row-major tensor that begins at the buffer's start. Copies `rank` sizes from `shape`.
 * Never fails: a rank, shape or dtype that is not valid is reported by the function that the tensor
 * is given to.
 */
CLF_API clf_tensor clf_tensor_contiguous(cl_mem buffer, clf_dtype dtype, int32_t rank,
                                         const int64_t *shape);

/* Bytes per element; 0 for int4, whose elements are less than one (use clf_dtype_bits), and if
 * `dtype` is not an enumerator. */
CLF_API size_t clf_dtype_size(clf_dtype dtype);

/* Bits per element; 0 if `dtype` is not an enumerator. */
CLF_API size_t clf_dtype_bits(clf_dtype dtype);

/* The enumerator's name in small letters, such as "fp32"; "unknown" if `dtype` is not one. */
CLF_API const char *clf_dtype_name(clf_dtype dtype);

#ifdef __cplusplus
}
#endif

#endif
