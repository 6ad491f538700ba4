/*
 * Compiled programs on disk, one file each. Knows nothing of OpenCL: a key of any bytes gives a
 * value of any bytes, or nothing. Whatever is wrong with the folder or a file is logged (group
 * CLF_LOG_CACHE) and otherwise a miss; the cache never makes anything fail.
 *
 * File format, version 1, native byte order:
 *     magic "CLFCACHE" | uint32 version | uint32 0 | uint64 key size | uint64 value size
 *     | key | value | XXH3-128 checksum of all before
 * The name is the key's hash; the key is stored and compared, so that neither a hash collision nor
 * a changed driver can give a wrong program. Files appear by rename, so that readers see whole
 * files.
 *
 * Folder: CLFORMER_CACHE_DIR, else $XDG_CACHE_HOME/clformer, else $HOME/.cache/clformer.
 * CLFORMER_CACHE: rw (default), ro (read only), off. The least recently used files go when the
 * folder exceeds CLFORMER_CACHE_SIZE (in MiB, default 256).
 */
#ifndef CLF_DEVICE_DISK_CACHE_H
#define CLF_DEVICE_DISK_CACHE_H

#include <stdbool.h>
#include <stddef.h>

/* On a hit, true and a block that the caller releases with clf_i_release. */
bool clf_i_disk_cache_load(const void *key, size_t key_size, void **out_value,
                           size_t *out_value_size);

void clf_i_disk_cache_store(const void *key, size_t key_size, const void *value, size_t value_size);

#endif
