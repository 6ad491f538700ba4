/*
 * Tuned parameters: data, not code. Embedded tables (cl-kernels/tuned/<name>.json) and a user's own
 * (CLFORMER_TUNE_PATH: a file or folder) give values per kernel and device. The user's rules come
 * before the embedded ones; among either, the closest rule wins: exact device name, part of the
 * name, vendor, type, any; of equally close ones the later. The schema is in docs/kernel-guide.md.
 */
#ifndef CLF_TUNE_TUNING_H
#define CLF_TUNE_TUNING_H

#include <stdint.h>

#include "device/capabilities.h"

/*
 * The value of `parameter` for `kernel` on this device, `fallback` if no rule gives one or its
 * value lies outside [lowest, highest] (which is logged in group CLF_LOG_CHECK).
 *
 * The rules are read at the first call of the process, and again after clf_i_tuning_forget. Any
 * thread.
 */
int64_t clf_i_tuning_value(const clf_device *device, const char *kernel, const char *parameter,
                           int64_t lowest, int64_t highest, int64_t fallback);

/* Drops the rules, so that a changed CLFORMER_TUNE_PATH counts. For tests. */
void clf_i_tuning_forget(void);

#endif
