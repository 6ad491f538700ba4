/* Devices: where plans are made and run. */
#ifndef CLFORMER_DEVICE_H
#define CLFORMER_DEVICE_H

#include <stddef.h>

#include <clformer/export.h>
#include <clformer/status.h>
#include <clformer/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * A device and what clformer keeps for it: its capabilities, the OpenCL context, compiled programs.
 * May be shared by threads. Plans keep what they need of it alive; see clf_device_destroy.
 */
typedef struct clf_device clf_device;

/*
 * Uses the caller's context. `id` must be one of the context's devices. The context is retained
 * until the device and all plans made from it are gone.
 *
 * CLF_ERR_PARAM_NULLPTR: context, id or out_device is NULL. CLF_ERR_PARAM_INVALID: `id` is not a
 * device of `context`. CLF_ERR_RUNTIME, CLF_ERR_OUT_OF_MEMORY. On failure *out_device is NULL.
 */
CLF_API CLF_CHECK_RESULT clf_status clf_device_create(cl_context context, cl_device_id id,
                                                      clf_device **out_device);

/*
 * Finds a device and makes a context of its own for it. `selector` is one of
 *   "gpu", "cpu", "accelerator"  the only device of that type;
 *   "0:1"                        platform index : device index, as `clinfo -l` counts them;
 *   any other text               part of the device's or its platform's name, ignoring case;
 *   NULL or ""                   $CLFORMER_DEVICE, read as above; if that is unset or empty, the
 *                                first device of the best type present: GPU, accelerator, CPU.
 * Nothing fits, or several do: CLF_ERR_NO_DEVICE, and the message lists all devices.
 * Also CLF_ERR_PARAM_NULLPTR, CLF_ERR_RUNTIME, CLF_ERR_OUT_OF_MEMORY. On failure *out_device is
 * NULL.
 */
CLF_API CLF_CHECK_RESULT clf_status clf_device_open(const char *selector, clf_device **out_device);

/*
 * Ends the device; NULL is allowed. Plans made from it can still be described and destroyed, and
 * work already enqueued completes, but enqueueing or binding them returns CLF_ERR_PARAM_INVALID.
 * Must not run at the same time as another call on the same device.
 */
CLF_API void clf_device_destroy(clf_device *device);

/* The context and the OpenCL device: borrowed, valid while the clf_device lives. NULL for NULL. */
CLF_API cl_context clf_device_context(const clf_device *device);
CLF_API cl_device_id clf_device_id(const clf_device *device);

/*
 * The device's capabilities as a JSON object: index ("platform:device", null for a foreign
 * context), name, vendor, driver, type, OpenCL versions, compute units, memory sizes in bytes,
 * fp16/fp64 support, sub-groups, and for each kernel variant whether it can be used and, if not,
 * why.
 *
 * `*size` is the capacity of `json` in bytes on entry and the bytes needed, with the terminating
 * zero, on return. json == NULL asks for the size only. A capacity that is too small gives
 * CLF_ERR_PARAM_INVALID and writes nothing to `json`.
 */
CLF_API CLF_CHECK_RESULT clf_status clf_device_describe(const clf_device *device, char *json,
                                                        size_t *size);

/*
 * All OpenCL devices of this machine as a JSON array, in the order in which clf_device_open counts
 * them: "index", "type", "name", "platform", "vendor", "driver", "version". Sizes as in
 * clf_device_describe. No device at all is an empty array and a success.
 */
CLF_API CLF_CHECK_RESULT clf_status clf_device_list(char *json, size_t *size);

#ifdef __cplusplus
}
#endif

#endif
