/* The files of cl-kernels/ that travel inside the library; the table is made by
 * cmake/EmbedFiles.cmake. */
#ifndef CLF_DEVICE_EMBEDDED_H
#define CLF_DEVICE_EMBEDDED_H

#include <stddef.h>

/*
 * The contents of a file, zero-terminated, or NULL if there is none of that name. `path` is
 * relative to cl-kernels/: "softmax/scaled_masked_softmax_cpu.cl", "lib/dtype.clh",
 * "tuned/softmax.json". `out_size`, if not NULL, receives the bytes without the terminating zero (0
 * if there is no file).
 */
const char *clf_i_embedded_file(const char *path, size_t *out_size);

/* The paths in alphabetical order; NULL from the first index beyond the last file on. */
const char *clf_i_embedded_path(size_t index);

#endif
