/*
 * ACL, base: types, enumerations and status values of the CANN runtime interface, on OpenCL devices.
 *
 * Names, values and parameter orders are CANN's, so that programs written for it compile unchanged.
 * Works in C99 and C++11. What differs from CANN: docs/coming-from-cann.md.
 */
#ifndef CLFORMER_ACL_ACL_BASE_H
#define CLFORMER_ACL_ACL_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__) || defined(__clang__)
#define CLF_ACL_API __attribute__((visibility("default")))
#else
#define CLF_ACL_API
#endif

/* Of CANN's interface, for programs that ask; what came with a later one is not here. */
#define ACL_MAJOR_VERSION 1
#define ACL_MINOR_VERSION 13
#define ACL_PATCH_VERSION 0

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Handles ---- */

/* Names for objects of the library: never addresses, and never used twice in a process. */
typedef void *aclrtStream;
typedef void *aclrtEvent;
typedef void *aclrtContext;

typedef int aclError;
typedef uint16_t aclFloat16; /* the bits of an IEEE 754 binary16 */

/* ---- Status values of acl... and aclrt... functions ---- */

static const int ACL_SUCCESS = 0;
static const int ACL_ERROR_NONE = 0;

static const int ACL_ERROR_INVALID_PARAM = 100000; /* NULL, a size of 0, count > destMax */
static const int ACL_ERROR_UNINITIALIZE = 100001;  /* aclInit was not called, or aclFinalize was */
static const int ACL_ERROR_REPEAT_INITIALIZE = 100002; /* aclInit twice */
static const int ACL_ERROR_REPEAT_FINALIZE = 100037;   /* aclFinalize twice */

static const int ACL_ERROR_BAD_ALLOC = 200000;       /* no host or device memory */
static const int ACL_ERROR_API_NOT_SUPPORT = 200001; /* this device or build cannot do it */
static const int ACL_ERROR_INVALID_DEVICE = 200002;  /* no OpenCL device can be had */

static const int ACL_ERROR_STORAGE_OVER_LIMIT = 300000;
static const int ACL_ERROR_INTERNAL_ERROR = 500000; /* a defect of the library: please report it */
static const int ACL_ERROR_FAILURE = 500001; /* an OpenCL call failed; the message names it */

static const int ACL_ERROR_RT_PARAM_INVALID = 107000;    /* a handle or address is not a live one */
static const int ACL_ERROR_RT_INVALID_DEVICEID = 107001; /* no such device */
static const int ACL_ERROR_RT_CONTEXT_NULL = 107002;     /* this thread has no device */
static const int ACL_ERROR_RT_STREAM_CONTEXT = 107003;   /* a stream of another device */
static const int ACL_ERROR_RT_EVENT_TIMESTAMP_INVALID = 107006;  /* an event that has no time yet */
static const int ACL_ERROR_RT_EVENT_TIMESTAMP_REVERSAL = 107007; /* the end is before the start */
static const int ACL_ERROR_RT_STREAM_SYNC_TIMEOUT = 507046;
static const int ACL_ERROR_RT_EVENT_SYNC_TIMEOUT = 507047;

/* ---- Data types and formats ---- */

typedef enum aclDataType {
    ACL_DT_UNDEFINED = -1,
    ACL_FLOAT = 0,
    ACL_FLOAT16 = 1,
    ACL_INT8 = 2,
    ACL_INT32 = 3,
    ACL_UINT8 = 4,
    ACL_INT16 = 6,
    ACL_UINT16 = 7,
    ACL_UINT32 = 8,
    ACL_INT64 = 9,
    ACL_UINT64 = 10,
    ACL_DOUBLE = 11,
    ACL_BOOL = 12,
    ACL_STRING = 13,
    ACL_COMPLEX64 = 16,
    ACL_COMPLEX128 = 17,
    ACL_BF16 = 27,
    ACL_INT4 = 29,
    ACL_UINT1 = 30,
    ACL_COMPLEX32 = 33,
    ACL_HIFLOAT8 = 34,
    ACL_FLOAT8_E5M2 = 35,
    ACL_FLOAT8_E4M3FN = 36,
    ACL_FLOAT8_E8M0 = 37,
    ACL_FLOAT6_E3M2 = 38,
    ACL_FLOAT6_E2M3 = 39,
    ACL_FLOAT4_E2M1 = 40,
    ACL_FLOAT4_E1M2 = 41
} aclDataType;

/* The operators take ACL_FORMAT_ND, plain strided tensors, and the layouts that are the same in
 * memory (NCHW, NHWC, NCDHW, NDHWC, HWCN, NCL, NC, UNDEFINED); the others are tilings of an NPU. */
typedef enum aclFormat {
    ACL_FORMAT_UNDEFINED = -1,
    ACL_FORMAT_NCHW = 0,
    ACL_FORMAT_NHWC = 1,
    ACL_FORMAT_ND = 2,
    ACL_FORMAT_NC1HWC0 = 3,
    ACL_FORMAT_FRACTAL_Z = 4,
    ACL_FORMAT_NC1HWC0_C04 = 12,
    ACL_FORMAT_HWCN = 16,
    ACL_FORMAT_NDHWC = 27,
    ACL_FORMAT_FRACTAL_NZ = 29,
    ACL_FORMAT_NCDHW = 30,
    ACL_FORMAT_NDC1HWC0 = 32,
    ACL_FRACTAL_Z_3D = 33,
    ACL_FORMAT_NC = 35,
    ACL_FORMAT_NCL = 47
} aclFormat;

/* Bytes per element; 0 for types of less than a byte (int4, uint1, 6 and 4 bit floats), strings,
 * ACL_DT_UNDEFINED and any number that is not an enumerator. */
CLF_ACL_API size_t aclDataTypeSize(aclDataType dataType);

/* Exact. */
CLF_ACL_API float aclFloat16ToFloat(aclFloat16 value);
/* Rounds to nearest even; too large becomes infinity; NaN stays NaN. */
CLF_ACL_API aclFloat16 aclFloatToFloat16(float value);

#ifdef __cplusplus
}
#endif

#endif
