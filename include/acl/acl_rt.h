/*
 * ACL runtime: devices, contexts, streams, events, memory and copies.
 *
 * Every function returns ACL_SUCCESS or says in aclGetRecentErrMsg what is wrong. Common to all:
 * ACL_ERROR_UNINITIALIZE before aclInit and after aclFinalize; ACL_ERROR_INVALID_PARAM for a pointer
 * that is NULL though it is needed; ACL_ERROR_RT_PARAM_INVALID for a handle or an address that is
 * not a live one of the kind that is needed: foreign, destroyed, freed; ACL_ERROR_RT_CONTEXT_NULL
 * where the thread has no device; ACL_ERROR_FAILURE if an OpenCL call failed.
 */
#ifndef CLFORMER_ACL_ACL_RT_H
#define CLFORMER_ACL_ACL_RT_H

#include <acl/acl_base.h>

#ifdef __cplusplus
extern "C" {
#endif

#define ACL_EVENT_SYNC                    0x00000001U
#define ACL_EVENT_CAPTURE_STREAM_PROGRESS 0x00000002U
#define ACL_EVENT_TIME_LINE               0x00000008U
#define ACL_STREAM_FAST_LAUNCH            0x00000001U
#define ACL_STREAM_FAST_SYNC              0x00000002U

typedef enum aclrtRunMode { ACL_DEVICE = 0, ACL_HOST = 1 } aclrtRunMode;

typedef enum aclrtEventStatus {
    ACL_EVENT_STATUS_COMPLETE = 0,
    ACL_EVENT_STATUS_NOT_READY = 1,
    ACL_EVENT_STATUS_RESERVED = 2
} aclrtEventStatus;

typedef enum aclrtEventRecordedStatus {
    ACL_EVENT_RECORDED_STATUS_NOT_READY = 0,
    ACL_EVENT_RECORDED_STATUS_COMPLETE = 1
} aclrtEventRecordedStatus;

typedef enum aclrtEventWaitStatus {
    ACL_EVENT_WAIT_STATUS_COMPLETE = 0,
    ACL_EVENT_WAIT_STATUS_NOT_READY = 1,
    ACL_EVENT_WAIT_STATUS_RESERVED = 0xFFFF
} aclrtEventWaitStatus;

typedef enum aclrtStreamStatus {
    ACL_STREAM_STATUS_COMPLETE = 0,
    ACL_STREAM_STATUS_NOT_READY = 1,
    ACL_STREAM_STATUS_RESERVED = 0xFFFF
} aclrtStreamStatus;

typedef enum aclrtMemMallocPolicy {
    ACL_MEM_MALLOC_HUGE_FIRST = 0,
    ACL_MEM_MALLOC_HUGE_ONLY = 1,
    ACL_MEM_MALLOC_NORMAL_ONLY = 2,
    ACL_MEM_MALLOC_HUGE_FIRST_P2P = 3,
    ACL_MEM_MALLOC_HUGE_ONLY_P2P = 4,
    ACL_MEM_MALLOC_NORMAL_ONLY_P2P = 5,
    ACL_MEM_MALLOC_HUGE1G_ONLY = 6,
    ACL_MEM_MALLOC_HUGE1G_ONLY_P2P = 7,
    ACL_MEM_TYPE_LOW_BAND_WIDTH = 0x0100,
    ACL_MEM_TYPE_HIGH_BAND_WIDTH = 0x1000
} aclrtMemMallocPolicy;

typedef enum aclrtMemcpyKind {
    ACL_MEMCPY_HOST_TO_HOST = 0,
    ACL_MEMCPY_HOST_TO_DEVICE = 1,
    ACL_MEMCPY_DEVICE_TO_HOST = 2,
    ACL_MEMCPY_DEVICE_TO_DEVICE = 3,
    ACL_MEMCPY_DEFAULT = 4, /* as the two addresses say */
    ACL_MEMCPY_HOST_TO_BUF_TO_DEVICE = 5,
    ACL_MEMCPY_INNER_DEVICE_TO_DEVICE = 6,
    ACL_MEMCPY_INTER_DEVICE_TO_DEVICE = 7
} aclrtMemcpyKind;

typedef enum aclrtMemAttr {
    ACL_DDR_MEM = 0,
    ACL_HBM_MEM = 1,
    ACL_DDR_MEM_HUGE = 2,
    ACL_DDR_MEM_NORMAL = 3,
    ACL_HBM_MEM_HUGE = 4,
    ACL_HBM_MEM_NORMAL = 5,
    ACL_DDR_MEM_P2P_HUGE = 6,
    ACL_DDR_MEM_P2P_NORMAL = 7,
    ACL_HBM_MEM_P2P_HUGE = 8,
    ACL_HBM_MEM_P2P_NORMAL = 9
} aclrtMemAttr;

/* ---- Devices and contexts ---- */

/*
 * Device 0 is the best OpenCL device of the machine (GPUs, then accelerators, then CPUs, otherwise
 * in the order of `clinfo -l`). With CLFORMER_DEVICE set, the device it selects is the only one.
 * SetDevice makes a device the calling thread's and opens it; ResetDevice takes back one SetDevice,
 * of any thread, and the last one waits for the device and releases its streams, events, executors,
 * contexts and memory.
 * ACL_ERROR_RT_INVALID_DEVICEID: no such device, or it is not open (ResetDevice).
 */
CLF_ACL_API aclError aclrtSetDevice(int32_t deviceId);
CLF_ACL_API aclError aclrtResetDevice(int32_t deviceId);
CLF_ACL_API aclError aclrtResetDeviceForce(int32_t deviceId); /* all SetDevice of it at once */
CLF_ACL_API aclError aclrtGetDevice(int32_t *deviceId);
CLF_ACL_API aclError aclrtGetDeviceCount(uint32_t *count);
CLF_ACL_API aclError aclrtSynchronizeDevice(void); /* all streams of the thread's device */
/* ACL_HOST: programs run on a host beside the device. */
CLF_ACL_API aclError aclrtGetRunMode(aclrtRunMode *runMode);
/* The OpenCL name of the thread's device, of device 0 if it has none; NULL without a device. */
CLF_ACL_API const char *aclrtGetSocName(void);

/* A context stands for a device, which it keeps open; creating one makes it the thread's. Destroying
 * it leaves the threads whose context it was without a device. */
CLF_ACL_API aclError aclrtCreateContext(aclrtContext *context, int32_t deviceId);
CLF_ACL_API aclError aclrtDestroyContext(aclrtContext context);
CLF_ACL_API aclError aclrtSetCurrentContext(aclrtContext context);
CLF_ACL_API aclError aclrtGetCurrentContext(aclrtContext *context);

/* ---- Streams: in-order queues. NULL as a stream is the default one of the thread's device ---- */

CLF_ACL_API aclError aclrtCreateStream(aclrtStream *stream);
/* Priority and flags are checked for nothing: OpenCL 1.2 has no such thing. */
CLF_ACL_API aclError aclrtCreateStreamWithConfig(aclrtStream *stream, uint32_t priority,
                                                 uint32_t flag);
/* Waits for the stream's work first. */
CLF_ACL_API aclError aclrtDestroyStream(aclrtStream stream);
CLF_ACL_API aclError aclrtDestroyStreamForce(aclrtStream stream);
CLF_ACL_API aclError aclrtSynchronizeStream(aclrtStream stream);
/* `timeout` in ms, -1 for none. ACL_ERROR_RT_STREAM_SYNC_TIMEOUT. */
CLF_ACL_API aclError aclrtSynchronizeStreamWithTimeout(aclrtStream stream, int32_t timeout);
CLF_ACL_API aclError aclrtStreamQuery(aclrtStream stream, aclrtStreamStatus *status);
/* Later work of the stream begins after the event, as it is recorded now; at once if it is not. */
CLF_ACL_API aclError aclrtStreamWaitEvent(aclrtStream stream, aclrtEvent event);

/* ---- Events ---- */

CLF_ACL_API aclError aclrtCreateEvent(aclrtEvent *event);
CLF_ACL_API aclError aclrtCreateEventWithFlag(aclrtEvent *event, uint32_t flag);
CLF_ACL_API aclError aclrtDestroyEvent(aclrtEvent event);
CLF_ACL_API aclError aclrtRecordEvent(aclrtEvent event, aclrtStream stream);
CLF_ACL_API aclError aclrtResetEvent(aclrtEvent event, aclrtStream stream);
CLF_ACL_API aclError aclrtQueryEvent(aclrtEvent event, aclrtEventStatus *status);
CLF_ACL_API aclError aclrtQueryEventStatus(aclrtEvent event, aclrtEventRecordedStatus *status);
CLF_ACL_API aclError aclrtQueryEventWaitStatus(aclrtEvent event, aclrtEventWaitStatus *status);
/* Returns at once for an event that is not recorded. */
CLF_ACL_API aclError aclrtSynchronizeEvent(aclrtEvent event);
/* `timeout` in ms, -1 for none. ACL_ERROR_RT_EVENT_SYNC_TIMEOUT. */
CLF_ACL_API aclError aclrtSynchronizeEventWithTimeout(aclrtEvent event, int32_t timeout);
/* ACL_ERROR_RT_EVENT_TIMESTAMP_INVALID: one is not recorded or not complete.
 * ACL_ERROR_RT_EVENT_TIMESTAMP_REVERSAL: the end was complete before the start. */
CLF_ACL_API aclError aclrtEventElapsedTime(float *ms, aclrtEvent startEvent, aclrtEvent endEvent);

/* ---- Memory ----
 *
 * A device address is a plain number: programs may add to it and give any address inside an
 * allocation wherever one is asked for. The host cannot read or write there (a reserved range without
 * access); aclrtFree takes only the address that aclrtMalloc gave.
 */

/* The policy is not looked at. A size of 0: ACL_ERROR_INVALID_PARAM. ACL_ERROR_BAD_ALLOC. */
CLF_ACL_API aclError aclrtMalloc(void **devPtr, size_t size, aclrtMemMallocPolicy policy);
CLF_ACL_API aclError aclrtMallocAlign32(void **devPtr, size_t size, aclrtMemMallocPolicy policy);
CLF_ACL_API aclError aclrtFree(void *devPtr);
CLF_ACL_API aclError aclrtMallocHost(void **hostPtr, size_t size);
CLF_ACL_API aclError aclrtFreeHost(void *hostPtr);
/* Bytes of the thread's device: `free` is what this process has not allocated of `total`. */
CLF_ACL_API aclError aclrtGetMemInfo(aclrtMemAttr attr, size_t *free, size_t *total);

/*
 * Copies `count` bytes; dst has room for destMax. Ranges of one device may overlap: the result is as
 * if the source had been read first. aclrtMemcpy begins after the work of the default stream and
 * returns when the copy is done; it does not wait for other streams. aclrtMemcpyAsync takes its place
 * in the stream; host memory must stay as it is until then. Between two devices, and from host to
 * host, it waits for the stream and copies at once.
 * ACL_ERROR_INVALID_PARAM: count > destMax. ACL_ERROR_RT_PARAM_INVALID: a range leaves its
 * allocation, or an address is not of the kind's side.
 */
CLF_ACL_API aclError aclrtMemcpy(void *dst, size_t destMax, const void *src, size_t count,
                                 aclrtMemcpyKind kind);
CLF_ACL_API aclError aclrtMemcpyAsync(void *dst, size_t destMax, const void *src, size_t count,
                                      aclrtMemcpyKind kind, aclrtStream stream);
/* Sets `count` bytes to the lowest byte of `value`. devPtr: device memory or aclrtMallocHost's. */
CLF_ACL_API aclError aclrtMemset(void *devPtr, size_t maxCount, int32_t value, size_t count);
CLF_ACL_API aclError aclrtMemsetAsync(void *devPtr, size_t maxCount, int32_t value, size_t count,
                                      aclrtStream stream);

#ifdef __cplusplus
}
#endif

#endif
