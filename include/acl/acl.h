/*
 * ACL: what a program for the CANN runtime includes. Begins and ends the library's use and gives the
 * sentence behind a status.
 *
 *     aclInit -> aclrtSetDevice -> aclrtCreateStream ... aclrtMalloc, aclrtMemcpy, aclnn... ->
 *     aclrtSynchronizeStream -> ... -> aclrtResetDevice -> aclFinalize
 *
 * Every function may be called by any thread.
 */
#ifndef CLFORMER_ACL_ACL_H
#define CLFORMER_ACL_ACL_H

#include <acl/acl_base.h>
#include <acl/acl_rt.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Must come before all other functions but those that make tensors, arrays and scalars.
 * `configPath` may be NULL; a file that is named must exist, its content (settings of an NPU's
 * dumps and profiles) is not read. May be called again after aclFinalize.
 *
 * ACL_ERROR_REPEAT_INITIALIZE: it was called already. ACL_ERROR_INVALID_PARAM: no such file, or
 * CLFORMER_ACL_STRICT is neither 0 nor 1.
 */
CLF_ACL_API aclError aclInit(const char *configPath);

/*
 * Waits for all devices and releases what is left of streams, events, executors and device memory.
 * Tensors, arrays and scalars live on until they are destroyed.
 *
 * ACL_ERROR_REPEAT_FINALIZE: it was called already, or aclInit never was.
 */
CLF_ACL_API aclError aclFinalize(void);

/* ACL_MAJOR_VERSION and so on, of the library. NULL: ACL_ERROR_INVALID_PARAM. */
CLF_ACL_API aclError aclrtGetVersion(int32_t *majorVersion, int32_t *minorVersion,
                                     int32_t *patchVersion);

/*
 * One sentence on the calling thread's most recent failure in this library: which argument, the
 * value given, the values accepted; for an OpenCL failure the call and its code. Takes the sentence:
 * a second call gives "" until something fails again. Never NULL; valid until the thread's next
 * call of this function.
 */
CLF_ACL_API const char *aclGetRecentErrMsg(void);

#ifdef __cplusplus
}
#endif

#endif
