/*
 * Tuned parameters: data, not code. Embedded tables (cl-kernels/tuned/*.json) and a user's own
 * (CLFORMER_TUNE_PATH: a file or folder) give values per kernel and device; the closest rule wins.
 */
#ifndef CLF_TUNE_TUNING_H
#define CLF_TUNE_TUNING_H

#include <stdint.h>

#include "device/capabilities.h"

/*
 * The value of `parameter` for `kernel` on this device, `fallback` if no rule gives one or its
 * value lies outside [lowest, highest] (which is logged in group CLF_LOG_CHECK).
 */
int64_t clf_i_tuning_value(const clf_device *device, const char *kernel, const char *parameter,
                           int64_t lowest, int64_t highest, int64_t fallback);

#endif
