/* The folder of the disk cache: where it is, that it exists, and that it does not grow without end.
 */
#ifndef CLF_DEVICE_CACHE_FOLDER_H
#define CLF_DEVICE_CACHE_FOLDER_H

#include <stdbool.h>
#include <stdint.h>

#include "core/text.h"

typedef enum clf_i_cache_mode {
    CLF_I_CACHE_READ_WRITE,
    CLF_I_CACHE_READ_ONLY,
    CLF_I_CACHE_OFF
} clf_i_cache_mode;

#define CLF_I_CACHE_SUFFIX           ".clfprogram"
#define CLF_I_CACHE_TEMPORARY_SUFFIX ".tmp.XXXXXX"
/* Larger files are not entries of ours: no kernel binary comes near it. */
#define CLF_I_CACHE_MAX_ENTRY (UINT64_C(64) << 20)

/* Appends the folder's path; CLF_I_CACHE_OFF, and no path, if there is to be no cache. */
clf_i_cache_mode clf_i_cache_folder(clf_i_text *path);

/* Makes the folder and its parents, for this user only; false and a log line if that fails. */
bool clf_i_cache_folder_make(const char *path);

/* Removes the least recently used entries while all are larger than the limit together, and
 * temporary files that a killed process left behind. */
void clf_i_cache_folder_trim(const char *path);

#endif
