/* Programs of a device: kept in memory, and as binaries on disk. */
#ifndef CLF_DEVICE_PROGRAM_CACHE_H
#define CLF_DEVICE_PROGRAM_CACHE_H

#include "device/device_internal.h"

/*
 * The program that holds `kernel` (a name of cl-kernels/manifest.def) built with `options`: from
 * memory, from disk, or from source. The program is the cache's and lives as long as the device.
 * Safe from several threads.
 */
clf_status clf_i_program_get(clf_device *device, const char *kernel, const char *options,
                             cl_program *out_program);

void clf_i_program_cache_clear(clf_device *device);

#endif
