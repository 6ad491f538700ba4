/* Whether the kernels of the nvidia variant (cl-kernels/lib/nvidia_warp.clh) work on a device. */
#ifndef CLF_DEVICE_WARP_PROBE_H
#define CLF_DEVICE_WARP_PROBE_H

#include <clformer/device.h>

/*
 * Why they do not; NULL if they do. The first call for a device that could have them compiles a
 * small kernel and compares its result with a known one. Safe from several threads; the text lives
 * as long as the program.
 */
const char *clf_i_nvidia_refusal(const clf_device *device);

#endif
